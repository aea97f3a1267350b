/* User agents, and what they are. A new one that is judged wrongly gets its row here first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/geo.h"

#define WEBKIT "AppleWebKit/537.36 (KHTML, like Gecko) "
#define IOS_WEBKIT "AppleWebKit/605.1.15 (KHTML, like Gecko) "

/* clang-format off */
static const struct row {
    const char *type, *os, *version, *browser; /* NULL: unknown */
    const char *ua;
} rows[] = {
    /* phones */
    {"phone", "android", "10", "chrome", "Mozilla/5.0 (Linux; Android 10; K) " WEBKIT "Chrome/124.0.0.0 Mobile Safari/537.36"},
    {"phone", "android", "14", "chrome", "Mozilla/5.0 (Linux; Android 14; Pixel 8) " WEBKIT "Chrome/120.0.6099.144 Mobile Safari/537.36"},
    {"phone", "android", "13", "samsung", "Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) " WEBKIT "SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36"},
    {"phone", "android", "12", "webview", "Mozilla/5.0 (Linux; Android 12; SM-A125F Build/SP1A.210812.016; wv) " WEBKIT "Version/4.0 Chrome/119.0.6045.66 Mobile Safari/537.36"},
    {"phone", "android", "11", "facebook", "Mozilla/5.0 (Linux; Android 11; M2101K6G Build/RKQ1.200826.002; wv) " WEBKIT "Version/4.0 Chrome/108.0.5359.128 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/395.0.0.27.214;]"},
    {"phone", "android", "9", "instagram", "Mozilla/5.0 (Linux; Android 9; Redmi Note 8 Build/PKQ1.190616.001; wv) " WEBKIT "Version/4.0 Chrome/92.0.4515.131 Mobile Safari/537.36 Instagram 202.0.0.37.123 Android"},
    {"phone", "android", "12", "miui", "Mozilla/5.0 (Linux; U; Android 12; en-us; Redmi Note 10 Pro Build/SKQ1.210908.001) " WEBKIT "Version/4.0 Chrome/100.0.4896.127 Mobile Safari/537.36 XiaoMi/MiuiBrowser/13.22.0-gn"},
    {"phone", "android", "10", "huawei", "Mozilla/5.0 (Linux; Android 10; ELE-L29; HMSCore 6.11.0.302) " WEBKIT "Chrome/99.0.4844.88 HuaweiBrowser/13.0.5.303 Mobile Safari/537.36"},
    {"phone", "android", "10", "edge", "Mozilla/5.0 (Linux; Android 10; HD1913) " WEBKIT "Chrome/124.0.6367.82 Mobile Safari/537.36 EdgA/124.0.2478.50"},
    {"phone", "android", "10", "opera", "Mozilla/5.0 (Linux; Android 10; VOG-L29) " WEBKIT "Chrome/124.0.6367.82 Mobile Safari/537.36 OPR/76.2.4027.73374"},
    {"phone", "android", "5.0.2", "uc", "Mozilla/5.0 (Linux; U; Android 5.0.2; en-US; XT1068 Build/LXB22.46-28) " WEBKIT "Version/4.0 Chrome/57.0.2987.108 UCBrowser/12.10.0.1163 Mobile Safari/537.36"},
    {"phone", "android", "13", "yandex", "Mozilla/5.0 (Linux; arm_64; Android 13; SM-G781B) " WEBKIT "Chrome/120.0.6099.2 YaBrowser/23.11.2.65.00 SA/3 Mobile Safari/537.36"},
    {"phone", "android", "14", "firefox", "Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0"},
    {"phone", "android", NULL, "firefox", "Mozilla/5.0 (Android; Mobile; rv:40.0) Gecko/40.0 Firefox/40.0"},
    {"phone", "android", "13", "duckduckgo", "Mozilla/5.0 (Linux; Android 13) " WEBKIT "Version/4.0 Chrome/119.0.0.0 Mobile DuckDuckGo/5 Safari/537.36"},
    {"phone", "android", "4.4.2", "android", "Mozilla/5.0 (Linux; U; Android 4.4.2; de-de; GT-I9195 Build/KOT49H) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30"},
    {"phone", "android", "9", "chrome", "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) " WEBKIT "Chrome/103.0.5060.71 Mobile Safari/537.36"},
    {"phone", "android", "9", NULL, "Dalvik/2.1.0 (Linux; U; Android 9; SM-G950F Build/PPR1.180610.011)"},
    {"phone", "android", NULL, "opera", "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16"},
    {"phone", NULL, NULL, "opera", "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en) Presto/2.5.25 Version/10.54"},
    {"phone", "ios", "17_4_1", "safari", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) " IOS_WEBKIT "Version/17.4.1 Mobile/15E148 Safari/604.1"},
    {"phone", "ios", "17_4", "chrome", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) " IOS_WEBKIT "CriOS/124.0.6367.71 Mobile/15E148 Safari/604.1"},
    {"phone", "ios", "16_2", "firefox", "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) " IOS_WEBKIT "FxiOS/108.0 Mobile/15E148 Safari/605.1.15"},
    {"phone", "ios", "17_3", "edge", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) " IOS_WEBKIT "Version/17.0 EdgiOS/121.0.2277.107 Mobile/15E148 Safari/604.1"},
    {"phone", "ios", "17_4", "google", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) " IOS_WEBKIT "GSA/313.0.625204369 Mobile/15E148 Safari/604.1"},
    {"phone", "ios", "17_1", "facebook", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) " IOS_WEBKIT "Mobile/21B74 [FBAN/FBIOS;FBAV/441.0.0.25.106;FBBV/537255468;FBDV/iPhone14,5;FBMD/iPhone]"},
    {"phone", "ios", "15_5", NULL, "Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) " IOS_WEBKIT "Mobile/15E148"},
    {"phone", "ios", "17.4", NULL, "Shopper/5.2 (iPhone; iOS 17.4; Scale/3.00)"},
    {"phone", "ios", "12_5_7", "safari", "Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5_7 like Mac OS X) " IOS_WEBKIT "Version/12.1.2 Mobile/15E148 Safari/604.1"},
    {"phone", "windows_phone", "10.0", "edge", "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) " WEBKIT "Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063"},
    {"phone", "kaios", "2.5.2", "firefox", "Mozilla/5.0 (Mobile; Nokia_2720_Flip; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.2"},
    {"phone", "blackberry", NULL, "safari", "Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile Safari/537.10+"},
    /* tablets */
    {"tablet", "ios", "16_6", "safari", "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) " IOS_WEBKIT "Version/16.6 Mobile/15E148 Safari/604.1"},
    {"tablet", "android", "13", "chrome", "Mozilla/5.0 (Linux; Android 13; SM-X906C) " WEBKIT "Chrome/112.0.0.0 Safari/537.36"},
    {"tablet", "android", "11", "webview", "Mozilla/5.0 (Linux; Android 11; SM-T505 Build/RP1A.200720.012; wv) " WEBKIT "Version/4.0 Chrome/120.0.6099.43 Mobile Safari/537.36"},
    {"tablet", "android", "10", "chrome", "Mozilla/5.0 (Linux; Android 10; Lenovo TB-X306F) " WEBKIT "Chrome/107.0.0.0 Safari/537.36"},
    {"tablet", "android", "9", "silk", "Mozilla/5.0 (Linux; Android 9; KFMAWI) " WEBKIT "Silk/108.4.6 like Chrome/108.0.5359.160 Safari/537.36"},
    {"tablet", "android", "6.0.1", "chrome", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 7 Build/MOB30X) " WEBKIT "Chrome/51.0.2704.81 Safari/537.36"},
    {"tablet", "android", "8.1.0", "firefox", "Mozilla/5.0 (Android 8.1.0; Tablet; rv:68.0) Gecko/68.0 Firefox/68.0"},
    {"tablet", NULL, NULL, "chrome", "Mozilla/5.0 (X11; U; Kindle) " WEBKIT "Chrome/75.0.3770.101"},
    /* desktops */
    {"desktop", "windows", "10.0", "chrome", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " WEBKIT "Chrome/124.0.0.0 Safari/537.36"},
    {"desktop", "windows", "10.0", "edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " WEBKIT "Chrome/124.0.0.0 Safari/537.36 Edg/124.0.2478.51"},
    {"desktop", "windows", "10.0", "opera", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " WEBKIT "Chrome/123.0.0.0 Safari/537.36 OPR/109.0.0.0"},
    {"desktop", "windows", "10.0", "firefox", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0"},
    {"desktop", "windows", "6.1", "ie", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"},
    {"desktop", "windows", "6.1", "ie", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; SLCC2; .NET CLR 2.0.50727; Tablet PC 2.0)"},
    {"desktop", "windows", "10.0", "vivaldi", "Mozilla/5.0 (Windows NT 10.0; WOW64) " WEBKIT "Chrome/121.0.0.0 Safari/537.36 Vivaldi/6.5.3206.63"},
    {"desktop", "macos", "10_15_7", "safari", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " IOS_WEBKIT "Version/17.4.1 Safari/605.1.15"},
    {"desktop", "macos", "10_15_7", "chrome", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " WEBKIT "Chrome/124.0.0.0 Safari/537.36"},
    {"desktop", "macos", "10.15", "firefox", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:125.0) Gecko/20100101 Firefox/125.0"},
    {"desktop", "macos", "10_15_7", "duckduckgo", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " IOS_WEBKIT "Version/17.0 Safari/605.1.15 Ddg/17.0"},
    {"desktop", "linux", NULL, "chrome", "Mozilla/5.0 (X11; Linux x86_64) " WEBKIT "Chrome/124.0.0.0 Safari/537.36"},
    {"desktop", "linux", NULL, "firefox", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"},
    {"desktop", "chromeos", "14541.0.0", "chrome", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " WEBKIT "Chrome/124.0.0.0 Safari/537.36"},
    /* televisions */
    {"tv", "tizen", "6.0", "samsung", "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/3.2 Chrome/76.0.3809.146 TV Safari/537.36"},
    {"tv", "webos", NULL, "chrome", "Mozilla/5.0 (Web0S; Linux/SmartTV) " WEBKIT "Chrome/79.0.3945.79 Safari/537.36 WebAppManager"},
    {"tv", "android", "9", "silk", "Mozilla/5.0 (Linux; Android 9; AFTKA Build/PS7633; wv) " WEBKIT "Silk/112.5.1 like Chrome/112.0.5615.213 Safari/537.36"},
    {"tv", "android", "10", "chrome", "Mozilla/5.0 (Linux; Android 10; BRAVIA 4K VH2 Build/QTG3.200305.006.S292) " WEBKIT "Chrome/90.0.4430.212 Safari/537.36"},
    {"tv", "roku", NULL, NULL, "Roku/DVP-12.0 (12.0.0.4182-88)"},
    {"tv", "linux", NULL, "opera", "Opera/9.80 (Linux armv7l; HbbTV/1.2.1 (; Philips; 40HFL5010T12; ; PHILIPSTV; CE-HTML/1.0)) Presto/2.12.407 Version/12.50"},
    {"tv", "linux", NULL, "chrome", "Mozilla/5.0 (X11; Linux armv7l) " WEBKIT "Chrome/90.0.4430.225 Safari/537.36 CrKey/1.56.500000"},
    {"tv", NULL, NULL, NULL, "AppleTV11,1/11.1"},
    {"tv", NULL, NULL, "safari", "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) " IOS_WEBKIT "Version/13.0 Safari/605.1.15"},
    {"tv", "windows", "10.0", "edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) " WEBKIT "Chrome/48.0.2564.82 Safari/537.36 Edge/20.02"},
    /* bots */
    {"bot", NULL, NULL, NULL, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"bot", "android", "6.0.1", "chrome", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) " WEBKIT "Chrome/124.0.6367.60 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"bot", NULL, NULL, NULL, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
    {"bot", NULL, NULL, NULL, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"},
    {"bot", NULL, NULL, NULL, "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"},
    {"bot", NULL, NULL, NULL, "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)"},
    {"bot", NULL, NULL, NULL, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    {"bot", "linux", NULL, NULL, "Mozilla/5.0 (X11; Linux x86_64) " WEBKIT "HeadlessChrome/120.0.6099.71 Safari/537.36"},
    {"bot", NULL, NULL, NULL, "curl/7.88.1"},
    {"bot", NULL, NULL, NULL, "python-requests/2.31.0"},
    {"bot", NULL, NULL, NULL, "Go-http-client/1.1"},
    /* what tells nothing */
    {NULL, NULL, NULL, NULL, ""},
    {NULL, NULL, NULL, NULL, "Mozilla/5.0"},
    {NULL, NULL, NULL, NULL, "\xff\xfe;;;((((\x01"},
    {"phone", "android", NULL, NULL, "Android Mobile Android"},
    {"tablet", "android", "1.2", NULL, "Android 1.2."},
};
/* clang-format on */

static void check(const char *what, const struct row *row, struct mb_slice got, const char *want)
{
    if (!mb_slice_eq(got, mb_slice_of(want)) || mb_slice_present(got) != (want != NULL)) {
        fail_msg("%s is '%.*s', not '%s', for %s", what, MB_SLICE_ARG(got), want ? want : "",
                 row->ua);
    }
}

static void agents_are_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct mb_geo_device d = mb_geo_device(mb_slice_of(row->ua));
        check("type", row, d.type, row->type);
        check("os", row, d.os, row->os);
        check("os version", row, d.os_version, row->version);
        check("browser", row, d.browser, row->browser);
    }
}

/* In a block of exactly its size, so that the address sanitizer sees a byte too far. */
static void agents_cut_anywhere_are_read_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t len = 0; len <= strlen(rows[i].ua); len++) {
            char *copy = malloc(len ? len : 1);
            memcpy(copy, rows[i].ua, len);
            struct mb_geo_device d = mb_geo_device(mb_slice(copy, len));
            assert_true(!d.os_version.data || (d.os_version.data >= copy &&
                                               d.os_version.data + d.os_version.len <= copy + len));
            free(copy);
        }
    }
}

static void an_absent_or_endless_agent_is_no_trouble(void **state)
{
    (void)state;
    static char endless[200000];
    assert_false(mb_slice_present(mb_geo_device(MB_SLICE_NONE).type));
    for (size_t i = 0; i < sizeof endless; i += 2) {
        endless[i] = 'A';
        endless[i + 1] = ' ';
    }
    memcpy(endless + sizeof endless - 10, "Googlebot/", 10);
    assert_false(mb_slice_present(mb_geo_device(mb_slice(endless, sizeof endless)).type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_are_what_they_are),
        cmocka_unit_test(agents_cut_anywhere_are_read_within_their_bounds),
        cmocka_unit_test(an_absent_or_endless_agent_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
