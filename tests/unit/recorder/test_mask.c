/* Persons in a record: what is hidden, what stays, and that it is a body still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "internal.h"

static struct mb__masker masker;

static struct mb_slice mask(struct mb_slice body)
{
    bool is_json;

    return mb__mask_body(&masker, body, &is_json);
}

static int set_up(void **state)
{
    static const uint8_t key[MB_RECORDER_KEY_BYTES] = "0123456789abcdef";

    (void)state;
    mb__masker_init(&masker, key);
    masker.ip = MB_RECORDER_CUT;
    masker.ids = MB_RECORDER_DROP;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb__masker_fini(&masker);
    return 0;
}

static void expect(struct mb_slice got, const char *wanted, const char *what)
{
    if (!mb_slice_is(got, wanted)) {
        fail_msg("%s\n  gave     %.*s\n  expected %s", what, MB_SLICE_ARG(got), wanted);
    }
}

static void bodies(void **state)
{
    static const struct {
        const char *body, *masked;
    } rows[] = {
        {"{}", "{}"},
        {"", ""},
        {"no JSON", "no JSON"},
        {"{\"ip\":\"203.0.113.77\",\"a\":1}", "{\"ip\":\"203.0.113.0\",\"a\":1}"},
        {"{\"a\":[1,2],\"ip\" : \"2001:db8:1:2::3\"}", "{\"a\":[1,2],\"ip\" : \"2001:db8:1::\"}"},
        {"{\"ip\":\"nonsense\"}", "{\"ip\":\"\"}"},
        {"{\"user\":{\"id\":\"u1\",\"x\":{\"id\":\"u1\"}},\"id\":\"u1\"}",
         "{\"user\":{\"id\":\"\",\"x\":{\"id\":\"u1\"}},\"id\":\"u1\"}"},
        {"{\"user\":{\"eids\":[{\"source\":\"s\",\"uids\":[{\"id\":\"e1\"},{\"id\":\"e2\"}]}]}}",
         "{\"user\":{\"eids\":[{\"source\":\"s\",\"uids\":[{\"id\":\"\"},{\"id\":\"\"}]}]}}"},
        {"{\"bid_info\":{\"user_id_64\":9223372036854775807}}",
         "{\"bid_info\":{\"user_id_64\":\"\"}}"},
        {"{\"user_id_64\":-1,\"user_id\":\"0\",\"buyeruid\":\"\"}",
         "{\"user_id_64\":-1,\"user_id\":\"0\",\"buyeruid\":\"\"}"},
        {"{\"el\":\"a@b.example\",\"email\":\"\"}", "{\"el\":\"masked\",\"email\":\"\"}"},
        {"{\"user_id\":null,\"ip\":{\"ip\":\"10.1.2.3\"}}",
         "{\"user_id\":null,\"ip\":{\"ip\":\"10.1.2.0\"}}"},
        {"{\"\\u0069p\":\"10.1.2.3\"}", "{\"\\u0069p\":\"10.1.2.0\"}"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb__masker_reset(&masker);
        expect(mask(mb_slice_of(rows[i].body)), rows[i].masked, rows[i].body);
    }
}

static void queries(void **state)
{
    static const struct {
        const char *query, *masked;
    } rows[] = {
        {"zone=1&user_id=u%201&ip=10.1.2.3", "zone=1&user_id=&ip=10.1.2.0"},
        {"el=a%40b.example&zone=%31", "el=masked&zone=%31"},
        {"a&b=&&ip=", "a&b=&&ip="},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb__masker_reset(&masker);
        expect(mb__mask_query(&masker, mb_slice_of(rows[i].query)), rows[i].masked, rows[i].query);
    }
}

static void a_pseudonym_is_the_same_everywhere_in_records_and_in_texts(void **state)
{
    struct mb_slice body, again, text;
    char key[64];

    (void)state;
    masker.ids = MB_RECORDER_HASH;
    body = mask(MB_SLICE("{\"user_id\":\"user-1\"}"));
    assert_int_equal(body.len, strlen("{\"user_id\":\"0123456789abcdef\"}"));
    snprintf(key, sizeof(key), "u:%.16s:x", body.data + strlen("{\"user_id\":\""));
    text = mb__mask_text(&masker, MB_SLICE("u:user-1:x"));
    expect(text, key, "text");
    snprintf(key, sizeof(key), "%.*s", MB_SLICE_ARG(body));
    mb__masker_reset(&masker);
    expect(mb__mask_text(&masker, MB_SLICE("u:user-1:x")), "u:user-1:x",
           "nothing was masked in this record");
    again = mask(MB_SLICE("{\"user_id\":\"user-1\"}"));
    expect(again, key, "another record");
}

static void what_is_kept_is_the_same_bytes(void **state)
{
    struct mb_slice body = MB_SLICE("{ \"ip\":\"10.1.2.3\", \"user_id\":\"u\" }");

    (void)state;
    masker.ip = masker.ids = MB_RECORDER_KEEP;
    assert_ptr_equal(mask(body).data, body.data);
    masker.ip = MB_RECORDER_DROP;
    expect(mb__mask_ip(&masker, MB_SLICE("10.1.2.3")), "", "dropped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pseudonym_is_the_same_everywhere_in_records_and_in_texts,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_is_the_same_bytes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
