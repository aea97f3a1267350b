#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/json.h"

static struct mb_arena arena;

static int set_up(void **state)
{
    (void)state;
    mb_arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

/* The suite's documents say what is refused; these rows say where. */
static void a_refusal_names_the_first_wrong_byte(void **state)
{
    (void)state;
    const struct {
        struct mb_slice text;
        long at;
    } rows[] = {
        {MB_SLICE(""), 0},
        {MB_SLICE("  "), 2},
        {MB_SLICE("{"), 1},
        {MB_SLICE("["), 1},
        {MB_SLICE("[1"), 2},
        {MB_SLICE("[1,"), 3},
        {MB_SLICE("[1,]"), 3},
        {MB_SLICE("[,1]"), 1},
        {MB_SLICE("[1 2]"), 3},
        {MB_SLICE("[1}"), 2},
        {MB_SLICE("{\"a\":1]"), 6},
        {MB_SLICE("{a:1}"), 1},
        {MB_SLICE("{\"a\" 1}"), 5},
        {MB_SLICE("{\"a\":}"), 5},
        {MB_SLICE("{\"a\":1,}"), 7},
        {MB_SLICE("{\"a\":1 \"b\":2}"), 7},
        {MB_SLICE("{\"a\""), 4},
        {MB_SLICE("{\"a\":"), 5},
        {MB_SLICE("nul"), 3},
        {MB_SLICE("nulL"), 3},
        {MB_SLICE("tru\0"), 3},
        {MB_SLICE("falsey"), 5},
        {MB_SLICE("01"), 1},
        {MB_SLICE("-"), 1},
        {MB_SLICE("-a"), 1},
        {MB_SLICE("1."), 2},
        {MB_SLICE("1.e3"), 2},
        {MB_SLICE("1e"), 2},
        {MB_SLICE("1e+"), 3},
        {MB_SLICE("+1"), 0},
        {MB_SLICE(".5"), 0},
        {MB_SLICE("1 1"), 2},
        {MB_SLICE("{}x"), 2},
        {MB_SLICE("\"abc"), 4},
        {MB_SLICE("\"abcdefghijkl\nm\""), 13},
        {MB_SLICE("\"a\0b\""), 2},
        {MB_SLICE("\"\\x\""), 2},
        {MB_SLICE("\"\\"), 2},
        {MB_SLICE("\"\\u12g4\""), 5},
        {MB_SLICE("\"\\u12"), 5},
        {MB_SLICE("\"abcdefgh\xff\""), 9},
        {MB_SLICE("\"\xed\xa0\x80\""), 1},
        {MB_SLICE("\"\xc0\xaf\""), 1},
        {MB_SLICE("\"\xc3"), 1},
        {MB_SLICE("\xef\xbb\xbf{}"), 0},
        {MB_SLICE("1\0"), 1},
        {MB_SLICE_NONE, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_json doc;
        struct mb_error err = {0};
        int code = mb_json_parse(&doc, &arena, rows[i].text, &err);
        if (code != MB_ESYNTAX || err.code != code || err.at != rows[i].at)
            fail_msg("'%.*s': code %d at %ld, due %ld", MB_SLICE_ARG(rows[i].text), code, err.at,
                     rows[i].at);
        assert_int_equal(mb_json_root(&doc).type, MB_JSON_NONE);
        assert_int_equal(mb_json_parse(&doc, &arena, rows[i].text, NULL), MB_ESYNTAX);
    }
}

/* Every place of a quote, backslash, control byte and UTF-8 lead inside and around the words of
 * eight bytes. */
static void the_end_of_a_string_is_found_at_every_length(void **state)
{
    (void)state;
    static const char fills[] = {'a', '!', '#', '[', ']', ' ', 0x7f};
    for (size_t len = 0; len < 40; len++) {
        for (size_t f = 0; f < sizeof(fills); f++) {
            char text[64];
            text[0] = '"';
            memset(text + 1, fills[f], len);
            text[len + 1] = '"';
            struct mb_json doc;
            assert_int_equal(mb_json_parse(&doc, &arena, mb_slice(text, len + 2), NULL), 0);
            assert_int_equal(mb_json_str(mb_json_root(&doc)).len, len);
            for (size_t at = 0; at < len; at++) {
                char saved = text[at + 1];
                text[at + 1] = 0x1f;
                struct mb_error err;
                assert_int_equal(mb_json_parse(&doc, &arena, mb_slice(text, len + 2), &err),
                                 MB_ESYNTAX);
                assert_int_equal(err.at, at + 1);
                text[at + 1] = saved;
            }
        }
    }
}

static void nesting_is_limited_with_a_position(void **state)
{
    (void)state;
    char text[2 * (MB_JSON_MAX_DEPTH + 1)];
    for (size_t depth = 1; depth <= MB_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct mb_json doc;
        struct mb_error err = {0};
        int code = mb_json_parse(&doc, &arena, mb_slice(text, 2 * depth), &err);
        assert_int_equal(code, depth <= MB_JSON_MAX_DEPTH ? 0 : MB_ENOMEM);
        if (code)
            assert_int_equal(err.at, MB_JSON_MAX_DEPTH);
    }
}

static void values_are_limited_with_a_position(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    mb_xbuf_add_char(&buf, '[');
    for (int i = 0; i < MB_JSON_MAX_TOKENS - 1; i++)
        mb_xbuf_add_text(&buf, i ? ",1" : "1");
    struct mb_slice head = mb_buf_slice(&buf);
    size_t len = head.len;
    mb_xbuf_add_char(&buf, ']');
    struct mb_json doc;
    assert_int_equal(mb_json_parse(&doc, &arena, mb_buf_slice(&buf), NULL), 0);
    assert_int_equal(mb_json_count(mb_json_root(&doc)), MB_JSON_MAX_TOKENS - 1);
    assert_int_equal(mb_json_i64(mb_json_at(mb_json_root(&doc), MB_JSON_MAX_TOKENS - 2), 0), 1);

    buf.len = len;
    mb_xbuf_add_text(&buf, ",1]");
    struct mb_error err;
    assert_int_equal(mb_json_parse(&doc, &arena, mb_buf_slice(&buf), &err), MB_ENOMEM);
    assert_int_equal(err.at, len + 1);
    mb_buf_fini(&buf);
}

/* No byte behind a cut text is looked at: each prefix stands in memory of exactly its length. */
static void every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":\"a\\u00e9\\ud83d\\ude00\",\"n\":[-1.5e+3,true,false,null,{"
                               "}],\"\xc3\xa9\":\"\\n\"}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, text, len);
        struct mb_json doc;
        struct mb_error err;
        assert_int_equal(mb_json_parse(&doc, &arena, mb_slice(exact, len), &err), MB_ESYNTAX);
        assert_true(err.at >= 0 && (size_t)err.at <= len);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refusal_names_the_first_wrong_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_a_string_is_found_at_every_length, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nesting_is_limited_with_a_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_limited_with_a_position, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_prefix_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
