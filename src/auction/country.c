/* country.c - ISO 3166-1: three letters to two and back.
 *
 * Some exchanges send DEU, some DE; scripts, targets and books know DE only. XKX (Kosovo) is no
 * official code, but the one in use.
 */
#include "moonbid/auction.h"

/* Three letters and two, in order of the three. */
static const char table[] =
    "ABWAW" "AFGAF" "AGOAO" "AIAAI" "ALAAX" "ALBAL" "ANDAD" "AREAE" "ARGAR" "ARMAM" "ASMAS"
    "ATAAQ" "ATFTF" "ATGAG" "AUSAU" "AUTAT" "AZEAZ" "BDIBI" "BELBE" "BENBJ" "BESBQ" "BFABF"
    "BGDBD" "BGRBG" "BHRBH" "BHSBS" "BIHBA" "BLMBL" "BLRBY" "BLZBZ" "BMUBM" "BOLBO" "BRABR"
    "BRBBB" "BRNBN" "BTNBT" "BVTBV" "BWABW" "CAFCF" "CANCA" "CCKCC" "CHECH" "CHLCL" "CHNCN"
    "CIVCI" "CMRCM" "CODCD" "COGCG" "COKCK" "COLCO" "COMKM" "CPVCV" "CRICR" "CUBCU" "CUWCW"
    "CXRCX" "CYMKY" "CYPCY" "CZECZ" "DEUDE" "DJIDJ" "DMADM" "DNKDK" "DOMDO" "DZADZ" "ECUEC"
    "EGYEG" "ERIER" "ESHEH" "ESPES" "ESTEE" "ETHET" "FINFI" "FJIFJ" "FLKFK" "FRAFR" "FROFO"
    "FSMFM" "GABGA" "GBRGB" "GEOGE" "GGYGG" "GHAGH" "GIBGI" "GINGN" "GLPGP" "GMBGM" "GNBGW"
    "GNQGQ" "GRCGR" "GRDGD" "GRLGL" "GTMGT" "GUFGF" "GUMGU" "GUYGY" "HKGHK" "HMDHM" "HNDHN"
    "HRVHR" "HTIHT" "HUNHU" "IDNID" "IMNIM" "INDIN" "IOTIO" "IRLIE" "IRNIR" "IRQIQ" "ISLIS"
    "ISRIL" "ITAIT" "JAMJM" "JEYJE" "JORJO" "JPNJP" "KAZKZ" "KENKE" "KGZKG" "KHMKH" "KIRKI"
    "KNAKN" "KORKR" "KWTKW" "LAOLA" "LBNLB" "LBRLR" "LBYLY" "LCALC" "LIELI" "LKALK" "LSOLS"
    "LTULT" "LUXLU" "LVALV" "MACMO" "MAFMF" "MARMA" "MCOMC" "MDAMD" "MDGMG" "MDVMV" "MEXMX"
    "MHLMH" "MKDMK" "MLIML" "MLTMT" "MMRMM" "MNEME" "MNGMN" "MNPMP" "MOZMZ" "MRTMR" "MSRMS"
    "MTQMQ" "MUSMU" "MWIMW" "MYSMY" "MYTYT" "NAMNA" "NCLNC" "NERNE" "NFKNF" "NGANG" "NICNI"
    "NIUNU" "NLDNL" "NORNO" "NPLNP" "NRUNR" "NZLNZ" "OMNOM" "PAKPK" "PANPA" "PCNPN" "PERPE"
    "PHLPH" "PLWPW" "PNGPG" "POLPL" "PRIPR" "PRKKP" "PRTPT" "PRYPY" "PSEPS" "PYFPF" "QATQA"
    "REURE" "ROURO" "RUSRU" "RWARW" "SAUSA" "SDNSD" "SENSN" "SGPSG" "SGSGS" "SHNSH" "SJMSJ"
    "SLBSB" "SLESL" "SLVSV" "SMRSM" "SOMSO" "SPMPM" "SRBRS" "SSDSS" "STPST" "SURSR" "SVKSK"
    "SVNSI" "SWESE" "SWZSZ" "SXMSX" "SYCSC" "SYRSY" "TCATC" "TCDTD" "TGOTG" "THATH" "TJKTJ"
    "TKLTK" "TKMTM" "TLSTL" "TONTO" "TTOTT" "TUNTN" "TURTR" "TUVTV" "TWNTW" "TZATZ" "UGAUG"
    "UKRUA" "UMIUM" "URYUY" "USAUS" "UZBUZ" "VATVA" "VCTVC" "VENVE" "VGBVG" "VIRVI" "VNMVN"
    "VUTVU" "WLFWF" "WSMWS" "XKXXK" "YEMYE" "ZAFZA" "ZMBZM" "ZWEZW";

enum { ROW = 5, ROWS = (sizeof table - 1) / ROW };

/* Three letters as a number of the same order. */
static uint32_t rank_of(const char *letters)
{
    return (uint32_t)(unsigned char)letters[0] << 16 | (uint32_t)(unsigned char)letters[1] << 8 |
           (unsigned char)letters[2];
}

struct mb_slice mb_country_of_alpha3(struct mb_slice alpha3)
{
    size_t low = 0, high = ROWS;
    uint32_t rank = alpha3.len == 3 ? rank_of(alpha3.data) : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t found = rank_of(table + middle * ROW);

        if (found == rank) {
            return mb_slice(table + middle * ROW + 3, 2);
        }
        if (found < rank) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return MB_SLICE_NONE;
}

struct mb_slice mb_country_to_alpha3(struct mb_slice alpha2)
{
    for (size_t i = 0; alpha2.len == 2 && i < ROWS; i++) {
        if (memcmp(table + i * ROW + 3, alpha2.data, 2) == 0) {
            return mb_slice(table + i * ROW, 3);
        }
    }
    return MB_SLICE_NONE;
}
