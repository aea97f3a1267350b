/* The config file with the command line's settings over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonbid/process.h"

static const char file_text[] =
    "return { data = 'elsewhere', script = { cpu_ms = 7 }, rates = {}, endpoints = {\n"
    "  { name = 'a', path = '/a', exchange = 'xandr', timeout_ms = 90 },\n"
    "  { name = 'b', path = '/b', exchange = 'xandr' } } }";

static int write_file(void **state)
{
    char *path = strdup("/tmp/moonbid-settings-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, file_text, sizeof(file_text) - 1), sizeof(file_text) - 1);
    close(fd);
    *state = path;
    return 0;
}

static int remove_file(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

static void settings_go_over_the_file(void **state)
{
    const struct mb_setting settings[] = {
        {"script.cpu_ms", "9"},
        {"script.memory_mb", "32"},
        {"listen", "[\"127.0.0.1:0\"]"},
        {"endpoints.2.timeout_ms", "77"},
        {"rates.EUR", "1.5"},
        {"currency", "USD"}, /* a text needs no quotes */
        {"admin_token", "\"123\""},
    };
    struct mb_config *config;
    struct mb_error err = {0};
    struct mb_rate rate;

    if (mb_process_read_config(*state, settings, 7, &config, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
    assert_int_equal(config->script_cpu_ms, 9);
    assert_int_equal(config->script_memory_mb, 32);
    assert_string_equal(config->listen.items[0].data, "127.0.0.1:0");
    assert_int_equal(config->endpoints[0].timeout_ms, 90);
    assert_int_equal(config->endpoints[1].timeout_ms, 77);
    assert_true(mb_config_rate(config, MB_SLICE("EUR"), &rate));
    assert_int_equal(rate.millionths, 1500000);
    assert_string_equal(config->admin_token, "123");
    mb_config_free(config);
}

static void the_key_lives_with_the_data(void **state)
{
    const struct mb_setting other[] = {{"data", "there"}};
    const struct mb_setting named[] = {{"notice_keys", "[\"file:mine\"]"}};
    struct mb_config *config;

    assert_int_equal(mb_process_read_config(*state, NULL, 0, &config, NULL), 0);
    assert_string_equal(config->notice_keys.items[0].data, "file:elsewhere/notice.key");
    mb_config_free(config);
    assert_int_equal(mb_process_read_config(*state, other, 1, &config, NULL), 0);
    assert_string_equal(config->notice_keys.items[0].data, "file:there/notice.key");
    mb_config_free(config);
    assert_int_equal(mb_process_read_config(*state, named, 1, &config, NULL), 0);
    assert_string_equal(config->notice_keys.items[0].data, "file:mine");
    mb_config_free(config);
}

static void notices_come_back_to_a_loopback_listener(void **state)
{
    static const struct {
        struct mb_setting settings[2];
        size_t count;
        const char *url; /* NULL: refused */
    } rows[] = {
        {{{"data", "x"}}, 1, "http://127.0.0.1:8080"},
        {{{"listen", "[\"127.0.0.1:0\"]"}}, 1, "http://127.0.0.1:0"},
        {{{"listen", "[\"127.0.0.1:99\",\"127.0.0.2:98\"]"}}, 1, "http://127.0.0.1:99"},
        {{{"listen", "[\"127.0.0.1:99\"]"}, {"notice_url", "http://b.example/"}},
         2,
         "http://b.example"},
        {{{"listen", "[\"0.0.0.0:8080\"]"}}, 1, NULL},
        {{{"listen", "[\"0.0.0.0:8080\"]"}, {"notice_url", "http://b.example"}},
         2,
         "http://b.example"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_config *config;
        int rc = mb_process_read_config(*state, rows[i].settings, rows[i].count, &config, NULL);

        assert_int_equal(rc, rows[i].url ? 0 : MB_EINVAL);
        if (rows[i].url) {
            assert_true(mb_slice_is(config->notice_url, rows[i].url));
        }
        mb_config_free(config);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        struct mb_setting setting;
        int code;
        const char *where;
    } rows[] = {
        {{"script.cpu_ms", "0"}, MB_EINVAL, "script.cpu_ms"},
        {{"script.cpu_ms.deeper", "1"}, MB_EINVAL, "script.cpu_ms.deeper"},
        {{"endpoints.3.timeout_ms", "5"}, MB_EINVAL, "endpoints.3.timeout_ms"},
        {{"endpoints.x.timeout_ms", "5"}, MB_EINVAL, "endpoints.x.timeout_ms"},
        {{"endpoints.1", "5"}, MB_EINVAL, "endpoints.1"},
        {{"endpoints.1.timeout_ms", "soon"}, MB_EINVAL, "endpoints[1].timeout_ms"},
        {{"nonsense", "1"}, MB_EINVAL, "nonsense"},
        {{"script.", "1"}, MB_EINVAL, "script."},
        {{".", "1"}, MB_EINVAL, "."},
        {{"", "1"}, MB_EINVAL, ""},
        {{"workers", "0"}, MB_EINVAL, "workers"},
        {{"limits.grace", "2d"}, MB_EINVAL, "limits.grace"},
        {{"user", "5"}, MB_EINVAL, "user"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_config *config;
        struct mb_error err = {0};

        assert_int_equal(mb_process_read_config(*state, &rows[i].setting, 1, &config, &err),
                         rows[i].code);
        assert_string_equal(err.where, rows[i].where);
        assert_null(config);
    }
}

static void a_file_that_is_not_there_is_said_so(void **state)
{
    struct mb_config *config;
    struct mb_error err = {0};

    (void)state;
    assert_int_equal(mb_process_read_config("/nonexistent.lua", NULL, 0, &config, &err),
                     MB_ENOTFOUND);
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_go_over_the_file),
        cmocka_unit_test(the_key_lives_with_the_data),
        cmocka_unit_test(notices_come_back_to_a_loopback_listener),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_file_that_is_not_there_is_said_so),
    };

    return cmocka_run_group_tests(tests, write_file, remove_file);
}
