/* What exchanges and client hints call devices, in our words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "moonbid/strategy.h"

static const struct row {
    const char *theirs, *ours; /* NULL: a stranger */
} systems[] =
    {
        {"Android", "android"},
        {"android", "android"},
        {"Fire OS", "android"},
        {"iOS", "ios"},
        {"iPadOS", "ios"},
        {"iPhone OS", "ios"},
        {"Windows", "windows"},
        {"Windows NT", "windows"},
        {"WINDOWS 10", "windows"},
        {"Windows Phone OS", "windows_phone"},
        {"Windows Mobile", "windows_phone"},
        {"macOS", "macos"},
        {"Mac OS X", "macos"},
        {"OS X", "macos"},
        {"Linux", "linux"},
        {"Linux & UNIX", "linux"},
        {"GNU/Linux", "linux"},
        {"Chrome OS", "chromeos"},
        {"Chromium OS", "chromeos"},
        {"CrOS", "chromeos"},
        {"HarmonyOS", "harmonyos"},
        {"OpenHarmony", "harmonyos"},
        {"KaiOS", "kaios"},
        {"Tizen", "tizen"},
        {"webOS TV", "webos"},
        {"Roku OS", "roku"},
        {"tvOS", "tvos"},
        {"watchOS", "watchos"},
        {"BlackBerry OS", "blackberry"},
        {"PlayStation 5", "playstation"},
        {"Nintendo", "nintendo"},
        {"Xbox", "windows"},
        {"Symbian OS", "symbian"},
        {"Fuchsia", "fuchsia"},
        {"FreeBSD", "bsd"},
        {"other", NULL},
        {"", NULL},
        {"An", NULL},
        {NULL, NULL},
},
  brands[] =
      {
          {"Google Chrome", "chrome"},
          {"Chromium", "chrome"},
          {"Microsoft Edge", "edge"},
          {"Microsoft Edge WebView2", "webview"},
          {"Android WebView", "webview"},
          {"Opera", "opera"},
          {"Opera GX", "opera"},
          {"Samsung Internet", "samsung"},
          {"YaBrowser", "yandex"},
          {"Yandex", "yandex"},
          {"Brave", "brave"},
          {"DuckDuckGo", "duckduckgo"},
          {"Vivaldi", "vivaldi"},
          {"Whale", "whale"},
          {"CocCoc", "coccoc"},
          {"HuaweiBrowser", "huawei"},
          {"Amazon Silk", "silk"},
          {"Firefox", "firefox"},
          {"Not_A Brand", NULL},
          {" Not A;Brand", NULL},
          {"Not/A)Brand", NULL},
          {"(Not(A:Brand", NULL},
          {"", NULL},
          {NULL, NULL},
},
  windows[] = {
      {"13", "11"}, {"15", "11"},   {"19.1.2", "11"}, {"1", "10"}, {"10", "10"}, {"0.1", "7"},
      {"0.2", "8"}, {"0.3", "8.1"}, {"0", NULL},      {"x", NULL}, {"", NULL},   {NULL, NULL},
};

static void check(const struct row *rows, size_t count,
                  struct mb_slice (*translate)(struct mb_slice))
{
    for (size_t i = 0; i < count; i++) {
        struct mb_slice got = translate(mb_slice_of(rows[i].theirs));
        if (!mb_slice_eq(got, mb_slice_of(rows[i].ours))) {
            fail_msg("'%s' is '%.*s'", rows[i].theirs ? rows[i].theirs : "", MB_SLICE_ARG(got));
        }
    }
}
#define CHECK(rows, translate) check(rows, sizeof(rows) / sizeof((rows)[0]), translate)

static void their_names_are_ours(void **state)
{
    (void)state;
    CHECK(systems, mb_device_os_of);
    CHECK(brands, mb_device_browser_of);
    CHECK(windows, mb_device_windows_of_hint);
}

/* AdCOM, List: Device Types. */
static void device_types_are_those_of_openrtb(void **state)
{
    static const char *const want[] = {NULL,     NULL, "desktop", "tv",    "phone",
                                       "tablet", "tv", "tv",      "other", NULL};
    (void)state;
    for (int64_t i = 0; i < (int64_t)(sizeof want / sizeof want[0]); i++) {
        assert_true(mb_slice_eq(mb_device_type_of(i), mb_slice_of(want[i])));
    }
    assert_false(mb_slice_present(mb_device_type_of(-1)));
    assert_false(mb_slice_present(mb_device_type_of(INT64_MAX)));
}

static bool is_name(enum mb_target_key key, const char *word)
{
    const char *const *name = mb_device_names(key);
    while (*name && strcmp(*name, word) != 0) {
        name++;
    }
    return *name != NULL;
}

static void what_exchanges_say_is_a_word_of_ours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        assert_true(!systems[i].ours || is_name(MB_TARGET_OS, systems[i].ours));
    }
    for (size_t i = 0; i < sizeof brands / sizeof brands[0]; i++) {
        assert_true(!brands[i].ours || is_name(MB_TARGET_BROWSER, brands[i].ours));
    }
    for (int64_t i = 2; i <= 8; i++) {
        assert_true(is_name(MB_TARGET_DEVICE, mb_device_type_of(i).data));
    }
    assert_null(mb_device_names(MB_TARGET_COUNTRY));
}

static void an_engine_says_less_than_a_browser(void **state)
{
    static const struct {
        const char *first, *second, *want;
    } rows[] = {
        {"chrome", "edge", "edge"},
        {"edge", "chrome", "edge"},
        {"webview", "facebook", "facebook"},
        {"chrome", "webview", "webview"},
        {"brave", "chrome", "brave"},
        {NULL, "chrome", "chrome"},
        {"chrome", NULL, "chrome"},
        {"brave", "facebook", "brave"},
        {NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_slice got = mb_device_browser_that_says_more(mb_slice_of(rows[i].first),
                                                               mb_slice_of(rows[i].second));
        assert_true(mb_slice_eq(got, mb_slice_of(rows[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(their_names_are_ours),
        cmocka_unit_test(device_types_are_those_of_openrtb),
        cmocka_unit_test(what_exchanges_say_is_a_word_of_ours),
        cmocka_unit_test(an_engine_says_less_than_a_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
