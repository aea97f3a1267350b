/* test_config_doc.c - a config written and read back, and what a running server takes of another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/config.h"
#include "moonbid/json_doc.h"

#define NAME_A "\"name\":\"a\",\"path\":\"/a\",\"exchange\":\"xandr\""
#define NAME_B "\"name\":\"b\",\"path\":\"/b\",\"exchange\":\"openrtb\""

/* Every key, none with its default. */
static const char full[] =
    "{\"listen\":[\"127.0.0.1:1\"],\"admin\":\"127.0.0.1:2\",\"admin_token\":\"t\",\"workers\":3,"
    "\"user\":\"u\",\"scripts\":\"s\",\"data\":\"d\",\"timezone\":\"Europe/Berlin\",\"currency\":\"EUR\","
    "\"rates\":{\"USD\":0.92,\"GBP\":1.17},\"notice_url\":\"http://n\",\"click_url\":\"http://c\",\"pixel_url\":\"http://p\","
    "\"notice_keys\":[\"k\"],\"geoip\":\"g\",\"silence\":\"30m\",\"trusted_proxies\":[\"10.0.0.0/8\","
    "\"2001:db8::/32\",\"::/0\",\"192.0.2.7\"],\"log_level\":\"warn\",\"endpoints\":[{" NAME_A
    ",\"currency\":\"USD\",\"tokens\":{\"z\":\"zone_id\",\"a\":\"b\"},\"timeout_ms\":90,"
    "\"margin_ms\":9,\"allow\":[\"0.0.0.0/0\"],\"member\":\"958\"},{" NAME_B
    ",\"dialect\":\"generic\",\"books_on\":\"win\",\"no_bid\":\"nbr\",\"price_encoding\":\"b64\",\"native_adm\":\"object\"},"
    "{\"name\":\"c\",\"path\":\"/c\",\"exchange\":\"exoclick\",\"currency\":\"EUR\",\"imptrackers\":\"text\","
    "\"burl_macros\":\"price\",\"xml\":\"refuse\",\"tests\":\"declined\",\"notice_retries\":\"none\"}],\"limits\":{\"header_bytes\":2048,"
    "\"body_bytes\":4096,\"connections\":7,\"idle\":\"1s\",\"header\":\"2s\",\"body\":\"3s\","
    "\"write\":\"4s\",\"grace\":\"5s\",\"money_guard\":\"6s\",\"backlog_ms\":8},\"script\":{"
    "\"cpu_ms\":9,\"memory_mb\":10,\"hard_ms\":11},"
    "\"fetch\":{\"allow\":[\"127.0.0.0/8\"],\"timeout\":\"7s\",\"retry\":\"8s\"},\"shadow\":{\"rate\":0.5,"
    "\"cpu_share\":0.2,\"scripts\":\"h\"}}";

static struct mb_doc *parse(const char *text)
{
    struct mb_doc *doc = NULL;

    if (mb_doc_parse(mb_slice_of(text), &doc, NULL)) {
        fail_msg("no document: %s", text);
    }
    return doc;
}

static struct mb_config *config_of(const char *text)
{
    struct mb_doc *doc = parse(text);
    struct mb_config *config = NULL;
    struct mb_error err = {0};

    if (mb_config_from_doc(doc, &config, &err)) {
        fail_msg("%s: %s: %s", text, err.where, err.what);
    }
    mb_doc_free(doc);
    return config;
}

static const struct {
    const char *path, *change;
} keys[] = {
#define XX(path, change) {path, #change},
    MB_CONFIG_KEY_MAP(XX)
#undef XX
};

/* {"limits":{"idle":true}}, with an endpoint around where it takes one. */
static struct mb_doc *with_true_at(const char *path)
{
    char text[256];
    const char *dot = strchr(path, '.');

    if (!dot) {
        snprintf(text, sizeof(text), "{\"%s\":true}", path);
    } else if (strncmp(path, "endpoints[].", 12) == 0) {
        snprintf(text, sizeof(text), "{\"endpoints\":[{%s,\"%s\":true}]}",
                 strcmp(dot, ".name") == 0   ? "\"path\":\"/b\",\"exchange\":\"openrtb\""
                 : strcmp(dot, ".path") == 0 ? "\"name\":\"b\",\"exchange\":\"openrtb\""
                 : strcmp(dot, ".exchange") == 0 ? "\"name\":\"b\",\"path\":\"/b\""
                                                 : NAME_B,
                 dot + 1);
    } else {
        snprintf(text, sizeof(text), "{\"%.*s\":{\"%s\":true}}", (int)(dot - path), path, dot + 1);
    }
    return parse(text);
}

/* A key that is in the table, and so not unknown, but that nobody reads would be passed over in silence. */
static void every_key_of_the_table_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct mb_doc *doc = with_true_at(keys[i].path);
        struct mb_config *config = NULL;
        struct mb_error err = {0};
        const char *dot = strrchr(keys[i].path, '.');
        int rc = mb_config_from_doc(doc, &config, &err);

        if (strcmp(keys[i].change, "UNUSED") != 0 &&
            (rc != MB_EINVAL || !strstr(err.where, dot ? dot + 1 : keys[i].path) ||
             strstr(err.what, "unknown"))) {
            fail_msg("%s: %d at '%s': %s", keys[i].path, rc, err.where, err.what);
        }
        mb_config_free(config);
        mb_doc_free(doc);
    }
}

static bool has(const struct mb_doc *root, const char *path)
{
    char table[64];
    const char *dot = strchr(path, '.');
    const struct mb_doc *item;

    if (!dot) {
        return mb_doc_get(root, path) != NULL;
    }
    if (strncmp(path, "endpoints[].", 12) == 0) {
        for (item = mb_doc_first(mb_doc_get(root, "endpoints")); item; item = mb_doc_next(item)) {
            if (mb_doc_get(item, dot + 1)) {
                return true;
            }
        }
        return false;
    }
    snprintf(table, sizeof(table), "%.*s", (int)(dot - path), path);
    return mb_doc_get(mb_doc_get(root, table), dot + 1) != NULL;
}

/* A key that is not written would be lost on the way to the workers, and its change not seen. */
static void every_key_is_written_and_read_back(void **state)
{
    struct mb_config *config = config_of(full), *again = NULL;
    struct mb_doc *doc = mb_xconfig_to_doc(config), *doc_again;
    struct mb_buf text = {0}, text_again = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].change, "UNUSED") != 0 && !has(doc, keys[i].path)) {
            fail_msg("%s is not written", keys[i].path);
        }
    }
    assert_int_equal(mb_config_from_doc(doc, &again, NULL), 0);
    doc_again = mb_xconfig_to_doc(again);
    mb_xdoc_write(doc, false, &text);
    mb_xdoc_write(doc_again, false, &text_again);
    assert_true(mb_slice_eq(mb_buf_slice(&text), mb_buf_slice(&text_again)));
    assert_int_equal(again->trusted_proxies.items[0].bits, 104);
    assert_int_equal(again->trusted_proxies.items[2].bits, 0);
    assert_int_equal(again->trusted_proxies.items[3].bits, 128);
    assert_int_equal(again->idle_ms, 1000);
    assert_int_equal(again->log_level, MB_LOG_WARN);
    assert_true(again->endpoints[1].books_on_win);
    mb_buf_fini(&text);
    mb_buf_fini(&text_again);
    mb_doc_free(doc);
    mb_doc_free(doc_again);
    mb_config_free(config);
    mb_config_free(again);
}

static void expect_names(const struct mb_doc *list, const char *expected, const char *row)
{
    char names[512] = "";
    const struct mb_doc *item;

    for (item = mb_doc_first(list); item; item = mb_doc_next(item)) {
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", names[0] ? " " : "",
                 mb_doc_text(item));
    }
    if (strcmp(names, expected) != 0) {
        fail_msg("%s: '%s' instead of '%s'", row, names, expected);
    }
}

static void what_differs_is_named(void **state)
{
    static const struct {
        const char *running, *fresh, *live, *restart;
    } rows[] = {
        {"{}", "{}", "", ""},
        {"{}", "{\"limits\":{\"idle\":\"150s\"}}", "", ""}, /* the default */
        {"{\"limits\":{\"idle\":\"60s\"}}", "{\"limits\":{\"idle\":\"1m\"}}", "", ""},
        {"{}", "{\"limits\":{\"idle\":\"60s\",\"body_bytes\":4096}}", "limits.body_bytes limits.idle", ""},
        {"{\"script\":{\"cpu_ms\":9}}", "{}", "script.cpu_ms", ""}, /* back to the default */
        {"{}", "{\"geoip\":\"x\",\"silence\":\"1h\"}", "geoip silence", ""},
        {"{\"geoip\":\"x\",\"silence\":\"1h\"}", "{}", "geoip silence", ""},
        {"{}", "{\"workers\":2,\"timezone\":\"Europe/Berlin\",\"log_level\":\"debug\"}", "log_level",
         "workers timezone"},
        {"{\"rates\":{\"EUR\":2,\"GBP\":3}}", "{\"rates\":{\"GBP\":3,\"EUR\":2}}", "", ""},
        {"{\"rates\":{\"EUR\":2}}", "{\"rates\":{\"EUR\":2.5}}", "rates", ""},
        {"{\"endpoints\":[{" NAME_A "},{" NAME_B "}]}", "{\"endpoints\":[{" NAME_B "},{" NAME_A "}]}", "", ""},
        {"{\"endpoints\":[{" NAME_A "}]}", "{\"endpoints\":[{" NAME_A ",\"margin_ms\":7,\"allow\":[\"::1\"]}]}",
         "endpoints.a.margin_ms endpoints.a.allow", ""},
        {"{\"endpoints\":[{" NAME_B "}]}", "{\"endpoints\":[{" NAME_B ",\"books_on\":\"win\"}]}", "",
         "endpoints.b.books_on"},
        {"{\"endpoints\":[{" NAME_A "}]}", "{\"endpoints\":[{" NAME_B "}]}", "", "endpoints.b endpoints.a"},
        {"{}", "{\"shadow\":{\"rate\":1,\"cpu_share\":0.02,\"scripts\":\"c\"}}",
         "shadow.rate shadow.cpu_share shadow.scripts", ""},
        {"{\"shadow\":{\"scripts\":\"c\"}}", "{}", "shadow.scripts", ""},
        {"{}", "{\"recorder\":{\"rate\":1,\"ip\":\"keep\"}}", "recorder.rate recorder.ip", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_config *running = config_of(rows[i].running), *fresh = config_of(rows[i].fresh);
        struct mb_doc *live = mb_doc_array(), *restart = mb_doc_array();
        struct mb_config *out = NULL;

        assert_int_equal(mb_config_merge(running, fresh, live, restart, &out, NULL), 0);
        expect_names(live, rows[i].live, rows[i].fresh);
        expect_names(restart, rows[i].restart, rows[i].fresh);
        mb_doc_free(live);
        mb_doc_free(restart);
        mb_config_free(running);
        mb_config_free(fresh);
        mb_config_free(out);
    }
}

static int merge(const char *before, const char *after, struct mb_config **out, struct mb_error *err)
{
    struct mb_config *running = config_of(before), *fresh = config_of(after);
    struct mb_doc *live = mb_doc_array(), *restart = mb_doc_array();
    int rc = mb_config_merge(running, fresh, live, restart, out, err);

    mb_doc_free(live);
    mb_doc_free(restart);
    mb_config_free(running);
    mb_config_free(fresh);
    return rc;
}

static void live_keys_are_taken_and_others_stay(void **state)
{
    struct mb_config *out = NULL;

    (void)state;
    assert_int_equal(merge("{\"admin_token\":\"x\",\"endpoints\":[{" NAME_A ",\"member\":\"1\"},{" NAME_B "}]}",
                           "{\"workers\":5,\"limits\":{\"body_bytes\":9999},\"endpoints\":[{" NAME_B
                           ",\"timeout_ms\":333,\"books_on\":\"win\"},{" NAME_A "}]}",
                           &out, NULL),
                     0);
    assert_int_equal(out->workers, 0);
    assert_null(out->admin_token);
    assert_int_equal(out->body_bytes, 9999);
    assert_string_equal(out->endpoints[0].name.data, "a");
    assert_false(mb_slice_present(out->endpoints[0].member));
    assert_int_equal(out->endpoints[1].timeout_ms, 333);
    assert_false(out->endpoints[1].books_on_win);
    assert_int_equal(out->endpoints[1].index, 1);
    mb_config_free(out);
}

/* Each is good, what comes out is not. */
static void a_mixture_that_does_not_hold_is_refused(void **state)
{
    struct mb_config *out = NULL;
    struct mb_error err = {0};

    (void)state;
    assert_int_equal(merge("{\"rates\":{\"EUR\":2},\"endpoints\":[{" NAME_A ",\"currency\":\"EUR\"}]}",
                           "{\"endpoints\":[{" NAME_A "}]}", &out, &err),
                     MB_EINVAL);
    assert_null(out);
    assert_string_equal(err.where, "endpoints[1].currency");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_the_table_is_read),
        cmocka_unit_test(every_key_is_written_and_read_back),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(live_keys_are_taken_and_others_stay),
        cmocka_unit_test(a_mixture_that_does_not_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
