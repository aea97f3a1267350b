/* device.c - the words for devices: types, systems and browsers as targets and scripts know them,
 * and what exchanges and client hints call the same.
 *
 * What a user agent tells comes in the same words (src/geo/device_rules.inc); a test holds the two
 * together.
 */
#include "moonbid/strategy.h"

static const char *const types[] = {"phone", "tablet", "desktop", "tv", "bot", "other", NULL};

static const char *const systems[] = {
    "android",    "ios",         "windows",  "macos",   "linux",   "chromeos", "harmonyos",
    "kaios",      "tizen",       "webos",    "roku",    "tvos",    "watchos",  "windows_phone",
    "blackberry", "playstation", "nintendo", "symbian", "fuchsia", "bsd",      NULL};

static const char *const browsers[] = {
    "chrome",   "safari",   "firefox",   "edge",   "opera",      "samsung", "yandex",
    "uc",       "miui",     "huawei",    "oppo",   "vivo",       "qq",      "quark",
    "vivaldi",  "whale",    "coccoc",    "silk",   "duckduckgo", "brave",   "ecosia",
    "aloha",    "puffin",   "phoenix",   "oculus", "ie",         "android", "webview",
    "google",   "facebook", "instagram", "tiktok", "snapchat",   "twitter", "pinterest",
    "linkedin", "telegram", "line",      "wechat", "kakaotalk",  "naver",   "baidu",
    NULL};

const char *const *mb_device_names(enum mb_target_key key)
{
    return key == MB_TARGET_DEVICE    ? types
           : key == MB_TARGET_OS      ? systems
           : key == MB_TARGET_BROWSER ? browsers
                                      : NULL;
}

struct mb_slice mb_device_type_of(int64_t openrtb)
{
    static const char *const names[] = {NULL,     NULL, "desktop", "tv",   "phone",
                                        "tablet", "tv", "tv",      "other"};
    return mb_slice_of(openrtb > 0 && openrtb <= 8 ? names[openrtb] : NULL);
}

/* What somebody else's word begins with, in any case, and ours. */
struct name {
    const char *begins, *ours;
};

static struct mb_slice find_name(const struct name *names, struct mb_slice word)
{
    for (; names->begins; names++) {
        struct mb_slice begins = mb_slice_of(names->begins);
        if (word.len >= begins.len && mb_slice_eq_nocase(mb_slice(word.data, begins.len), begins)) {
            return mb_slice_of(names->ours);
        }
    }
    return MB_SLICE_NONE;
}

struct mb_slice mb_device_os_of(struct mb_slice name)
{
    static const struct name names[] = {{"android", "android"},
                                        {"fire os", "android"},
                                        {"ios", "ios"},
                                        {"iphone", "ios"},
                                        {"ipad", "ios"},
                                        {"windows phone", "windows_phone"},
                                        {"windows mobile", "windows_phone"},
                                        {"windows", "windows"},
                                        {"mac", "macos"},
                                        {"os x", "macos"},
                                        {"linux", "linux"},
                                        {"gnu/linux", "linux"},
                                        {"ubuntu", "linux"},
                                        {"chrom", "chromeos"},
                                        {"cros", "chromeos"},
                                        {"harmony", "harmonyos"},
                                        {"openharmony", "harmonyos"},
                                        {"kaios", "kaios"},
                                        {"tizen", "tizen"},
                                        {"webos", "webos"},
                                        {"web0s", "webos"},
                                        {"roku", "roku"},
                                        {"tvos", "tvos"},
                                        {"apple tv", "tvos"},
                                        {"watchos", "watchos"},
                                        {"blackberry", "blackberry"},
                                        {"rim ", "blackberry"},
                                        {"playstation", "playstation"},
                                        {"nintendo", "nintendo"},
                                        {"xbox", "windows"},
                                        {"symbian", "symbian"},
                                        {"fuchsia", "fuchsia"},
                                        {"freebsd", "bsd"},
                                        {"openbsd", "bsd"},
                                        {NULL, NULL}};
    return find_name(names, name);
}

struct mb_slice mb_device_browser_of(struct mb_slice brand)
{
    static const struct name names[] = {{"android webview", "webview"},
                                        {"microsoft edge webview", "webview"},
                                        {"google chrome", "chrome"},
                                        {"chromium", "chrome"},
                                        {"microsoft edge", "edge"},
                                        {"opera", "opera"},
                                        {"samsung", "samsung"},
                                        {"yabrowser", "yandex"},
                                        {"yandex", "yandex"},
                                        {"brave", "brave"},
                                        {"duckduckgo", "duckduckgo"},
                                        {"vivaldi", "vivaldi"},
                                        {"whale", "whale"},
                                        {"coccoc", "coccoc"},
                                        {"coc coc", "coccoc"},
                                        {"ecosia", "ecosia"},
                                        {"huawei", "huawei"},
                                        {"amazon silk", "silk"},
                                        {"silk", "silk"},
                                        {"miui", "miui"},
                                        {"mi browser", "miui"},
                                        {"uc browser", "uc"},
                                        {"ucbrowser", "uc"},
                                        {"oculus", "oculus"},
                                        {"meta quest", "oculus"},
                                        {"firefox", "firefox"},
                                        {"safari", "safari"},
                                        {NULL, NULL}};
    return find_name(names, brand);
}

/* How much a browser's name says: engines are in everything, web views in every app. */
static int weight(struct mb_slice browser)
{
    return mb_slice_empty(browser) ? 0
           : mb_slice_is(browser, "chrome") || mb_slice_is(browser, "safari") ||
                   mb_slice_is(browser, "android")
               ? 1
           : mb_slice_is(browser, "webview") ? 2
                                             : 3;
}

struct mb_slice mb_device_browser_that_says_more(struct mb_slice first, struct mb_slice second)
{
    return weight(second) > weight(first) ? second : first;
}

struct mb_slice mb_device_windows_of_hint(struct mb_slice platform_version)
{
    struct mb_slice rest = platform_version, major = mb_slice_cut(&rest, '.');
    int64_t number = 0;
    if (mb_slice_empty(major) || !mb_slice_to_i64(major, &number)) {
        return MB_SLICE_NONE;
    }
    if (number == 0) {
        return mb_slice_is(platform_version, "0.1")   ? MB_SLICE("7")
               : mb_slice_is(platform_version, "0.2") ? MB_SLICE("8")
               : mb_slice_is(platform_version, "0.3") ? MB_SLICE("8.1")
                                                      : MB_SLICE_NONE;
    }
    return number >= 13 ? MB_SLICE("11") : MB_SLICE("10");
}
