#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/json_doc.h"

static void a_document_is_read_and_walked(void **state)
{
    (void)state;
    struct mb_doc *root;
    struct mb_error err;
    assert_int_equal(mb_doc_parse(MB_SLICE(" {\"a\":[1,\"x\",true],\"A\":2,\"o\":{\"p\":null}} \n"),
                                  &root, &err),
                     0);
    assert_true(mb_doc_is_object(root));
    assert_int_equal(mb_doc_count(root), 3);
    struct mb_doc *a = mb_doc_get(root, "a");
    assert_true(mb_doc_is_array(a));
    assert_true(mb_doc_number(mb_doc_at(a, 0), 0) == 1);
    assert_string_equal(mb_doc_text(mb_doc_at(a, 1)), "x");
    assert_true(mb_doc_is_bool(mb_doc_at(a, 2)) && mb_doc_true(mb_doc_at(a, 2)));
    assert_null(mb_doc_at(a, 3));
    assert_true(mb_doc_is_number(mb_doc_get(root, "A")));
    assert_string_equal(mb_doc_name(mb_doc_next(mb_doc_first(root))), "A");
    assert_null(mb_doc_text(mb_doc_get(root, "A")));
    mb_doc_free(root);
}

static void look_ups_chain_through_what_is_absent(void **state)
{
    (void)state;
    struct mb_doc *none = mb_doc_get(mb_doc_at(NULL, 0), "x");
    assert_null(none);
    assert_null(mb_doc_first(none));
    assert_null(mb_doc_next(none));
    assert_null(mb_doc_name(none));
    assert_null(mb_doc_text(none));
    assert_int_equal(mb_doc_count(none), 0);
    assert_true(mb_doc_number(none, 7) == 7);
    assert_false(mb_doc_true(none) || mb_doc_is_object(none) || mb_doc_is_string(none));
    mb_doc_free(none);
}

static void what_is_not_json_is_refused_with_an_offset(void **state)
{
    (void)state;
    const struct {
        struct mb_slice text;
        long at;
    } rows[] = {
        {MB_SLICE(""), 0},      {MB_SLICE_NONE, 0},    {MB_SLICE("{} x"), 3},
        {MB_SLICE("[1,x]"), 3}, {MB_SLICE("{}\0"), 2}, {MB_SLICE("1 2"), 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_doc *root = NULL;
        struct mb_error err = {0};
        assert_int_equal(mb_doc_parse(rows[i].text, &root, &err), MB_ESYNTAX);
        assert_null(root);
        assert_int_equal(err.at, rows[i].at);
    }
}

static void a_document_is_built_and_written(void **state)
{
    (void)state;
    struct mb_doc *root = mb_doc_object();
    mb_doc_set(root, "n", mb_doc_num(1));
    mb_doc_set(root, "n", mb_doc_num(0.5)); /* replaces */
    struct mb_doc *list = mb_doc_array();
    mb_doc_add(list, mb_doc_str(MB_SLICE("a\"b")));
    mb_doc_add(list, mb_doc_str(MB_SLICE("cut\0here")));
    mb_doc_add(list, mb_doc_bool(false));
    mb_doc_set(root, "list", list);
    struct mb_buf out = {0};
    mb_xdoc_write(root, false, &out);
    assert_true(mb_slice_is(mb_buf_slice(&out), "{\"n\":0.5,\"list\":[\"a\\\"b\",\"cut\",false]}"));
    mb_buf_clear(&out);
    mb_xdoc_write(root, true, &out);
    assert_true(mb_slice_find_char(mb_buf_slice(&out), '\n') > 0);
    mb_buf_fini(&out);
    mb_doc_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_and_walked),
        cmocka_unit_test(look_ups_chain_through_what_is_absent),
        cmocka_unit_test(what_is_not_json_is_refused_with_an_offset),
        cmocka_unit_test(a_document_is_built_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
