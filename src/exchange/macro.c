/* macro.c - what exchanges put in the place of ${AUCTION_PRICE}.
 *
 * OpenRTB lets the macro name an encoding, ${AUCTION_PRICE:B64}, of which only base64 is fixed by the
 * specification; encrypted forms are between the exchange and its bidders, and are no price here.
 */
#include "internal.h"

enum { PRICE_CHARS_MAX = 32 };

/* The six bits of a character in base64, of the web-safe alphabet as well; -1 for others. A '+' may have become a
 * blank on its way through a query. */
static int bits_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' || c == ' ' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* Length of the decoded text, or 0 where it is no base64 or too long for a price. */
static size_t decode(struct mb_slice text, char out[PRICE_CHARS_MAX])
{
    unsigned held = 0, n_bits = 0;
    size_t len = 0;
    while (text.len > 0 && text.data[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        int bits = bits_of(text.data[i]);
        if (bits < 0 || len == PRICE_CHARS_MAX) {
            return 0;
        }
        held = (held << 6 | (unsigned)bits) & 0xFFFFFu;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (char)(held >> n_bits & 0xFF);
        }
    }
    return text.len % 4 == 1 ? 0 : len;
}

bool mb_exchange_macro_price(struct mb_slice text, struct mb_price *out)
{
    char plain[PRICE_CHARS_MAX];
    if (mb_money_parse_price(text, out)) {
        return true;
    }
    return mb_money_parse_price(mb_slice(plain, decode(text, plain)), out);
}
