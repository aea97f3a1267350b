/* test_table_file.c - config files: a table as a document, and nothing else. */
#include "fixture.h"

#include "moonbid/json_doc.h"

static char path[128];

static int read_table(const char *text, struct mb_doc **out, struct mb_error *err)
{
    put_text("lib/conf.lua", text);
    snprintf(path, sizeof(path), "%s/lib/conf.lua", folder);
    return mb_script_read_table(path, out, err);
}

static void a_table_becomes_a_document(void **state)
{
    (void)state;
    struct mb_doc *root;
    struct mb_error err;
    assert_int_equal(read_table("local n = 2 return { listen = '127.0.0.1:80', workers = n * 2, on "
                                "= true, list = { 'a', { b = 1 } }, empty = {} }",
                                &root, &err),
                     0);
    assert_string_equal(mb_doc_text(mb_doc_get(root, "listen")), "127.0.0.1:80");
    assert_true(mb_doc_number(mb_doc_get(root, "workers"), 0) == 4);
    assert_true(mb_doc_true(mb_doc_get(root, "on")));
    assert_true(mb_doc_is_array(mb_doc_get(root, "list")));
    assert_true(mb_doc_number(mb_doc_get(mb_doc_at(mb_doc_get(root, "list"), 1), "b"), 0) == 1);
    assert_int_equal(mb_doc_count(mb_doc_get(root, "empty")), 0);
    mb_doc_free(root);
}

static void what_no_document_can_hold_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *where, *what;
    } rows[] = {
        {"return {", MB_ESCRIPT, "conf.lua:1", "unexpected"},
        {"return 5", MB_EINVAL, "conf.lua", "return a table"},
        {"", MB_EINVAL, "conf.lua", "return a table"},
        {"return { a = { b = function() end } }", MB_EINVAL, "a.b", "expected"},
        {"return { a = { 1, 0/0 } }", MB_EINVAL, "a[2]", "finite"},
        {"return { a = 'x\\0y' }", MB_EINVAL, "a", "zero bytes"},
        {"return { a = { 1, x = 2 } }", MB_EINVAL, "a", "both"},
        {"local t = {} t.t = t return t", MB_EINVAL, "t.t", "deep"},
        {"\nreturn { a = os.getenv('HOME') }", MB_ESCRIPT, "conf.lua:2", "os"},
        {"return { a = ('x'):rep(3) }", MB_ESCRIPT, "conf.lua:1", "index a string"},
        {"return { a = require 'ffi' }", MB_ESCRIPT, "conf.lua:1", "require"},
        {"error('x')", MB_ESCRIPT, "conf.lua:1", "error"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_doc *root;
        struct mb_error err = {0};
        int rc = read_table(rows[i].text, &root, &err);
        if (rc != rows[i].code || !strstr(err.where, rows[i].where) ||
            !strstr(err.what, rows[i].what))
            fail_msg("%s: %d %s: %s", rows[i].text, rc, err.where, err.what);
        assert_null(root);
    }
    struct mb_doc *root;
    assert_int_equal(mb_script_read_table("/nonexistent.lua", &root, NULL), MB_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_becomes_a_document, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_no_document_can_hold_is_refused, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
