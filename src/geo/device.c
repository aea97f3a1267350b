/* device.c - what a user agent tells, by tables.
 *
 * One pass cuts the text into words (runs of letters and digits) and notes which marks begin at a
 * word, and where; a few signs are ends of words ("Googlebot", "HbbTV"). Then three ordered lists
 * of rules ask for marks; the first that holds gives the type, the system, the browser. Order is
 * the knowledge in them: nearly every agent claims to be its rivals too. To teach it an agent: add
 * a row to the test's table, then the mark, then the rule above those that it also satisfies.
 */
#include "moonbid/geo.h"

/* Longer agents are read this far: real ones have some 150 bytes, in-app ones 400. Bounds the cost
 * of a hostile one. */
enum { UA_MAX_BYTES = 1024 };

/* Case counts, for "bot" in "CUBOT" or "tv" in "Nativ" would not. */
#define MARK_MAP(XX)                                                                               \
    XX(ADR, "Adr ")                                                                                \
    XX(AFT, "AFT") /* Fire TV models */                                                            \
    XX(ANDROID, "Android")                                                                         \
    XX(APACHE_CLIENT, "Apache-HttpClient")                                                         \
    XX(APPLE_TV, "AppleTV")                                                                        \
    XX(BB10, "BB10")                                                                               \
    XX(BLACKBERRY, "BlackBerry")                                                                   \
    XX(BRAVIA, "BRAVIA")                                                                           \
    XX(CHROME, "Chrome/")                                                                          \
    XX(CHROMECAST, "CrKey")                                                                        \
    XX(CPU_OS, "CPU OS")                                                                           \
    XX(CRIOS, "CriOS/")                                                                            \
    XX(CROS, "CrOS")                                                                               \
    XX(CURL, "curl/")                                                                              \
    XX(DALVIK, "Dalvik/")                                                                          \
    XX(DUCKDUCKGO, "DuckDuckGo/")                                                                  \
    XX(DDG, "Ddg/")                                                                                \
    XX(EDG, "Edg/")                                                                                \
    XX(EDGA, "EdgA/")                                                                              \
    XX(EDGE, "Edge/")                                                                              \
    XX(EDGIOS, "EdgiOS/")                                                                          \
    XX(FACEBOOK, "FBAN/")                                                                          \
    XX(FACEBOOK_VERSION, "FBAV/")                                                                  \
    XX(FACEBOOK_HIT, "facebookexternalhit")                                                        \
    XX(FIREFOX, "Firefox/")                                                                        \
    XX(FXIOS, "FxiOS/")                                                                            \
    XX(GO_CLIENT, "Go-http-client")                                                                \
    XX(GOOGLE_APP, "GSA/")                                                                         \
    XX(HEADLESS, "HeadlessChrome")                                                                 \
    XX(HUAWEI, "HuaweiBrowser/")                                                                   \
    XX(INSTAGRAM, "Instagram")                                                                     \
    XX(IOS, "iOS")                                                                                 \
    XX(IPAD, "iPad")                                                                               \
    XX(IPHONE, "iPhone")                                                                           \
    XX(IPHONE_OS, "iPhone OS")                                                                     \
    XX(IPOD, "iPod")                                                                               \
    XX(JAVA, "Java/")                                                                              \
    XX(KAIOS, "KAIOS/")                                                                            \
    XX(KINDLE, "Kindle")                                                                           \
    XX(LENOVO_TAB, "Lenovo TB")                                                                    \
    XX(LIGHTHOUSE, "Chrome-Lighthouse")                                                            \
    XX(LINUX, "Linux")                                                                             \
    XX(MACINTOSH, "Macintosh")                                                                     \
    XX(MAC_OS, "Mac OS X")                                                                         \
    XX(MEDIAPARTNERS, "Mediapartners-Google")                                                      \
    XX(MIUI, "MiuiBrowser/")                                                                       \
    XX(MOBILE, "Mobile")                                                                           \
    XX(MSIE, "MSIE")                                                                               \
    XX(NETCAST, "NetCast")                                                                         \
    XX(NEXUS_7, "Nexus 7")                                                                         \
    XX(NEXUS_9, "Nexus 9")                                                                         \
    XX(NEXUS_10, "Nexus 10")                                                                       \
    XX(OPERA, "Opera")                                                                             \
    XX(OPERA_IOS, "OPiOS/")                                                                        \
    XX(OPERA_MINI, "Opera Mini")                                                                   \
    XX(OPERA_TOUCH, "OPT/")                                                                        \
    XX(OPR, "OPR/")                                                                                \
    XX(PHANTOM, "PhantomJS")                                                                       \
    XX(PLAYSTATION, "PlayStation")                                                                 \
    XX(PYTHON, "python-")                                                                          \
    XX(ROKU, "Roku")                                                                               \
    XX(SAFARI, "Safari/")                                                                          \
    XX(SAMSUNG, "SamsungBrowser/")                                                                 \
    XX(SAMSUNG_TAB, "SM-T")                                                                        \
    XX(SAMSUNG_TAB_X, "SM-X")                                                                      \
    XX(SILK, "Silk/")                                                                              \
    XX(SLURP, "Slurp")                                                                             \
    XX(SMART_TV, "SMART-TV")                                                                       \
    XX(TABLET, "Tablet")                                                                           \
    XX(TIZEN, "Tizen")                                                                             \
    XX(TRIDENT, "Trident/")                                                                        \
    XX(UC, "UCBrowser/")                                                                           \
    XX(UBUNTU, "Ubuntu")                                                                           \
    XX(VERSION, "Version/")                                                                        \
    XX(VIDAA, "VIDAA")                                                                             \
    XX(VIVALDI, "Vivaldi/")                                                                        \
    XX(WEBOS, "Web0S")                                                                             \
    XX(WEBVIEW, "wv)")                                                                             \
    XX(WGET, "Wget/")                                                                              \
    XX(WINDOWS, "Windows")                                                                         \
    XX(WINDOWS_NT, "Windows NT")                                                                   \
    XX(WINDOWS_PHONE, "Windows Phone")                                                             \
    XX(X11, "X11")                                                                                 \
    XX(XBOX, "Xbox")                                                                               \
    XX(YANDEX, "YaBrowser/")

enum mark {
    ANY, /* in a rule: nothing asked */
#define XX(name, text) name,
    MARK_MAP(XX)
#undef XX
        MARKS_OF_TEXT,
    A_BOT = MARKS_OF_TEXT, /* by the end of a word */
    A_TV,
    MARKS
};

static const struct mark_text {
    const char *text;
    size_t len;
} mark_texts[MARKS_OF_TEXT] = {[ANY] = {"", 0},
#define XX(name, text) [name] = {text, sizeof(text) - 1},
                               MARK_MAP(XX)
#undef XX
};

/* The first letters side by side: most words of an agent begin no mark, and one memchr tells. */
static const char mark_initials[MARKS_OF_TEXT] = {
#define XX(name, text) [name] = (text)[0],
    MARK_MAP(XX)
#undef XX
};

/* Offset behind the first place of each mark; 0: not there. */
struct sight {
    size_t behind[MARKS];
};

struct rule {
    const char *value;
    enum mark sign;
    enum mark and;  /* must be there as well */
    enum mark not ; /* must not; ANY: nothing forbidden */
};

static const struct rule type_rules[] = {
    {"bot", A_BOT, ANY, ANY},
    {"bot", FACEBOOK_HIT, ANY, ANY},
    {"bot", HEADLESS, ANY, ANY},
    {"bot", LIGHTHOUSE, ANY, ANY},
    {"bot", MEDIAPARTNERS, ANY, ANY},
    {"bot", SLURP, ANY, ANY},
    {"bot", PHANTOM, ANY, ANY},
    {"bot", CURL, ANY, ANY},
    {"bot", WGET, ANY, ANY},
    {"bot", PYTHON, ANY, ANY},
    {"bot", GO_CLIENT, ANY, ANY},
    {"bot", JAVA, ANY, ANY},
    {"bot", APACHE_CLIENT, ANY, ANY},
    {"tv", A_TV, ANY, ANY},
    {"tv", SMART_TV, ANY, ANY},
    {"tv", AFT, ANDROID, ANY},
    {"tv", APPLE_TV, ANY, ANY},
    {"tv", BRAVIA, ANY, ANY},
    {"tv", CHROMECAST, ANY, ANY},
    {"tv", NETCAST, ANY, ANY},
    {"tv", ROKU, ANY, ANY},
    {"tv", VIDAA, ANY, ANY},
    {"tv", WEBOS, ANY, ANY},
    {"tv", PLAYSTATION, ANY, ANY}, /* consoles stand at a television */
    {"tv", XBOX, ANY, WINDOWS_PHONE},
    {"phone", WINDOWS_PHONE, ANY, ANY},
    {"tablet", IPAD, ANY, ANY},
    {"tablet", KINDLE, ANY, ANY},
    {"tablet", LENOVO_TAB, ANY, ANY},
    {"tablet", NEXUS_7, ANDROID, ANY},
    {"tablet", NEXUS_9, ANDROID, ANY},
    {"tablet", NEXUS_10, ANDROID, ANY},
    {"tablet", SAMSUNG_TAB, ANDROID, ANY},
    {"tablet", SAMSUNG_TAB_X, ANDROID, ANY},
    {"tablet", TABLET, ANY, WINDOWS_NT}, /* "Tablet PC" is a desktop's */
    {"phone", IPHONE, ANY, ANY},
    {"phone", IPOD, ANY, ANY},
    {"phone", MOBILE, ANY, ANY},
    {"phone", OPERA_MINI, ANY, ANY},
    {"phone", DALVIK, ANY, ANY}, /* apps do not say Mobile */
    {"phone", FACEBOOK, ANDROID, ANY},
    {"phone", KAIOS, ANY, ANY},
    {"phone", BLACKBERRY, ANY, ANY},
    {"phone", BB10, ANY, ANY},
    {"phone", ADR, ANY, ANY},
    {"tablet", ANDROID, ANY, ANY}, /* Google's rule: without Mobile it is none */
    {"desktop", WINDOWS, ANY, ANY},
    {"desktop", MACINTOSH, ANY, ANY},
    {"desktop", CROS, ANY, ANY},
    {"desktop", X11, ANY, ANY},
    {"desktop", LINUX, ANY, ANY},
};

/* The version stands behind the sign. */
static const struct rule os_rules[] = {
    {"windows_phone", WINDOWS_PHONE, ANY, ANY},
    {"kaios", KAIOS, ANY, ANY},
    {"tizen", TIZEN, ANY, ANY},
    {"webos", WEBOS, ANY, ANY},
    {"roku", ROKU, ANY, ANY},
    {"android", ANDROID, ANY, ANY},
    {"android", ADR, ANY, ANY},
    {"ios", IPHONE_OS, ANY, ANY},
    {"ios", CPU_OS, ANY, ANY},
    {"ios", IOS, ANY, ANY},
    {"ios", IPHONE, ANY, ANY},
    {"ios", IPAD, ANY, ANY},
    {"ios", IPOD, ANY, ANY},
    {"blackberry", BB10, ANY, ANY},
    {"blackberry", BLACKBERRY, ANY, ANY},
    {"windows", WINDOWS_NT, ANY, ANY},
    {"windows", WINDOWS, ANY, ANY},
    {"macos", MAC_OS, ANY, ANY},
    {"macos", MACINTOSH, ANY, ANY},
    {"chromeos", CROS, ANY, ANY},
    {"linux", UBUNTU, ANY, ANY},
    {"linux", LINUX, ANY, ANY},
};

static const struct rule browser_rules[] = {
    {"facebook", FACEBOOK, ANY, ANY},
    {"facebook", FACEBOOK_VERSION, ANY, ANY},
    {"instagram", INSTAGRAM, ANY, ANY},
    {"edge", EDG, ANY, ANY},
    {"edge", EDGA, ANY, ANY},
    {"edge", EDGIOS, ANY, ANY},
    {"edge", EDGE, ANY, ANY},
    {"opera", OPERA_MINI, ANY, ANY},
    {"opera", OPR, ANY, ANY},
    {"opera", OPERA_IOS, ANY, ANY},
    {"opera", OPERA_TOUCH, ANY, ANY},
    {"opera", OPERA, ANY, ANY},
    {"samsung", SAMSUNG, ANY, ANY},
    {"yandex", YANDEX, ANY, ANY},
    {"uc", UC, ANY, ANY},
    {"miui", MIUI, ANY, ANY},
    {"huawei", HUAWEI, ANY, ANY},
    {"vivaldi", VIVALDI, ANY, ANY},
    {"silk", SILK, ANY, ANY},
    {"duckduckgo", DUCKDUCKGO, ANY, ANY},
    {"duckduckgo", DDG, ANY, ANY},
    {"google", GOOGLE_APP, ANY, ANY},
    {"webview", WEBVIEW, ANDROID, ANY},
    {"chrome", CRIOS, ANY, ANY},
    {"firefox", FXIOS, ANY, ANY},
    {"firefox", FIREFOX, ANY, ANY},
    {"ie", MSIE, ANY, ANY},
    {"ie", TRIDENT, ANY, ANY},
    {"chrome", CHROME, ANY, ANY},
    {"android", ANDROID, VERSION, ANY}, /* the stock browser, before Chrome */
    {"safari", SAFARI, VERSION, ANY},
};

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool ends_with(struct mb_slice word, const char *end)
{
    struct mb_slice s = mb_slice_of(end);
    return word.len >= s.len &&
           mb_slice_eq_nocase(mb_slice(word.data + word.len - s.len, s.len), s);
}

static void note_word(struct sight *sight, struct mb_slice ua, size_t start, size_t end)
{
    struct mb_slice word = {ua.data + start, end - start};
    const char *initial = mark_initials, *end_of_initials = mark_initials + MARKS_OF_TEXT;
    while ((initial = memchr(initial, word.data[0], (size_t)(end_of_initials - initial)))) {
        size_t m = (size_t)(initial++ - mark_initials);
        const struct mark_text *mark = &mark_texts[m];
        if (mark->len <= ua.len - start && !sight->behind[m] &&
            memcmp(word.data, mark->text, mark->len) == 0) {
            sight->behind[m] = start + mark->len;
        }
    }
    /* CUBOT makes telephones. */
    if ((ends_with(word, "bot") && !mb_slice_eq_nocase(word, MB_SLICE("cubot"))) ||
        ends_with(word, "crawler") || ends_with(word, "spider")) {
        sight->behind[A_BOT] = end;
    }
    if (word.len >= 2 && word.data[word.len - 2] == 'T' && word.data[word.len - 1] == 'V') {
        sight->behind[A_TV] = end;
    }
}

static void note_words(struct sight *sight, struct mb_slice ua)
{
    size_t start = 0;
    for (size_t i = 0; i <= ua.len; i++) {
        if (i < ua.len && is_word_char(ua.data[i])) {
            continue;
        }
        if (i > start) {
            note_word(sight, ua, start, i);
        }
        start = i + 1;
    }
}

static const struct rule *first_rule(const struct sight *sight, const struct rule *rules,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = &rules[i];
        if (sight->behind[r->sign] && (r->and == ANY || sight->behind[r->and ]) &&
            (r->not == ANY || !sight->behind[r->not ])) {
            return r;
        }
    }
    return NULL;
}

/* The number at `at`, behind one blank or slash: digits with dots or underscores between. */
static struct mb_slice version_at(struct mb_slice ua, size_t at)
{
    if (at < ua.len && (ua.data[at] == ' ' || ua.data[at] == '/')) {
        at++;
    }
    size_t end = at;
    while (end < ua.len && ((ua.data[end] >= '0' && ua.data[end] <= '9') ||
                            (end > at && (ua.data[end] == '.' || ua.data[end] == '_')))) {
        end++;
    }
    while (end > at && (ua.data[end - 1] == '.' || ua.data[end - 1] == '_')) {
        end--;
    }
    return end > at ? mb_slice(ua.data + at, end - at) : MB_SLICE_NONE;
}

/* "CrOS x86_64 14541.0.0": the processor stands between. */
static size_t skip_processor(struct mb_slice ua, size_t at)
{
    at++;
    while (at < ua.len && ua.data[at] != ' ' && ua.data[at] != ')') {
        at++;
    }
    return at;
}

#define FIRST(sight, rules) first_rule(sight, rules, sizeof(rules) / sizeof((rules)[0]))

struct mb_geo_device mb_geo_device(struct mb_slice ua)
{
    struct mb_geo_device device = {0};
    struct sight sight = {0};

    if (ua.len > UA_MAX_BYTES) {
        ua.len = UA_MAX_BYTES;
    }
    note_words(&sight, ua);
    const struct rule *type = FIRST(&sight, type_rules);
    const struct rule *os = FIRST(&sight, os_rules);
    const struct rule *browser = FIRST(&sight, browser_rules);
    device.type = mb_slice_of(type ? type->value : NULL);
    device.browser = mb_slice_of(browser ? browser->value : NULL);
    if (os) {
        size_t at = sight.behind[os->sign];
        device.os = mb_slice_of(os->value);
        device.os_version = version_at(ua, os->sign == CROS ? skip_processor(ua, at) : at);
    }
    return device;
}
