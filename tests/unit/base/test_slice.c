#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

static void integers_fill_the_whole_slice_and_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool taken;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"+7", true, 7},
        {"007", true, 7},
        {"9007199254740993", true, INT64_C(9007199254740993)},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551615", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 42;
        bool taken = mb_slice_to_i64(mb_slice_of(rows[i].text), &value);
        if (taken != rows[i].taken || value != (taken ? rows[i].value : 42))
            fail_msg("'%s' gave %lld", rows[i].text, (long long)value);
    }
}

static void well_formed_utf8_is_told_from_the_rest(void **state)
{
    (void)state;
    const struct {
        struct mb_slice bytes;
        size_t len;
    } rows[] = {
        {MB_SLICE("a"), 1},
        {MB_SLICE("\0"), 1},
        {MB_SLICE("\x7f"), 1},
        {MB_SLICE("\xc2\x80"), 2},
        {MB_SLICE("\xdf\xbf"
                  "a"),
         2},
        {MB_SLICE("\xe0\xa0\x80"), 3},
        {MB_SLICE("\xed\x9f\xbf"), 3},
        {MB_SLICE("\xee\x80\x80"), 3},
        {MB_SLICE("\xef\xbf\xbf"), 3},
        {MB_SLICE("\xf0\x90\x80\x80"), 4},
        {MB_SLICE("\xf4\x8f\xbf\xbf"), 4},
        {MB_SLICE(""), 0},
        {MB_SLICE("\x80"), 0},
        {MB_SLICE("\xc0\x80"), 0}, /* overlong */
        {MB_SLICE("\xc1\xbf"), 0},
        {MB_SLICE("\xe0\x9f\xbf"), 0}, /* overlong */
        {MB_SLICE("\xed\xa0\x80"), 0}, /* surrogate */
        {MB_SLICE("\xed\xbf\xbf"), 0},
        {MB_SLICE("\xf0\x8f\xbf\xbf"), 0},
        {MB_SLICE("\xf4\x90\x80\x80"), 0}, /* past U+10FFFF */
        {MB_SLICE("\xf5\x80\x80\x80"), 0},
        {MB_SLICE("\xff"), 0},
        {MB_SLICE("\xc3"), 0},
        {MB_SLICE("\xe2\x82"), 0},
        {MB_SLICE("\xf0\x9f\x98"), 0},
        {MB_SLICE("\xc3\x28"), 0},
        {MB_SLICE("\xe2\x28\xa1"), 0},
        {MB_SLICE("\xf0\x9f\x98\x28"), 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = mb_slice_utf8(rows[i].bytes);
        if (len != rows[i].len)
            fail_msg("row %zu gave %zu", i, len);
    }
}

static void searching_and_cutting(void **state)
{
    (void)state;
    struct mb_slice s = MB_SLICE("a=1&b=2");
    assert_int_equal(mb_slice_find_char(s, '&'), 3);
    assert_int_equal(mb_slice_find_char(s, 'z'), -1);
    assert_int_equal(mb_slice_find(s, MB_SLICE("b=")), 4);
    assert_int_equal(mb_slice_find(s, MB_SLICE("bb")), -1);
    assert_int_equal(mb_slice_find(s, MB_SLICE("")), 0);
    assert_int_equal(mb_slice_find(MB_SLICE_NONE, s), -1);
    assert_true(mb_slice_starts(s, MB_SLICE("a=")) && mb_slice_ends(s, MB_SLICE("=2")));
    assert_false(mb_slice_starts(MB_SLICE("a"), s) || mb_slice_ends(MB_SLICE("2"), s));
    assert_true(mb_slice_eq_nocase(MB_SLICE("GzIp"), MB_SLICE("gZiP")));
    assert_false(mb_slice_eq_nocase(MB_SLICE("[@"), MB_SLICE("{`")));
    assert_true(mb_slice_is(mb_slice_trim(MB_SLICE(" \t\r\na b\n ")), "a b"));
    assert_int_equal(mb_slice_trim(MB_SLICE(" \n")).len, 0);

    struct mb_slice rest = MB_SLICE("x,,y");
    assert_true(mb_slice_is(mb_slice_cut(&rest, ','), "x"));
    struct mb_slice empty = mb_slice_cut(&rest, ',');
    assert_true(mb_slice_present(empty) && empty.len == 0);
    assert_true(mb_slice_is(mb_slice_cut(&rest, ','), "y"));
    assert_false(mb_slice_present(rest));

    rest = MB_SLICE("x,");
    mb_slice_cut(&rest, ',');
    assert_true(mb_slice_present(rest) && rest.len == 0);
}

static void the_hash_looks_at_every_byte_and_the_length(void **state)
{
    (void)state;
    char text[24] = {0};
    uint64_t plain = mb_slice_hash(mb_slice(text, sizeof(text)));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 1;
        assert_true(mb_slice_hash(mb_slice(text, sizeof(text))) != plain);
        text[i] = 0;
    }
    assert_true(mb_slice_hash(mb_slice(text, 3)) != mb_slice_hash(mb_slice(text, 4)));
    assert_true(mb_slice_hash(MB_SLICE("")) == mb_slice_hash(MB_SLICE_NONE));
}

static void a_short_text_is_a_word_with_zeros_behind(void **state)
{
    (void)state;
    for (size_t len = 0; len <= sizeof(uint64_t); len++) {
        char *exact = malloc(len ? len : 1); /* a read past its end is the sanitizer's */
        for (size_t i = 0; i < len; i++)
            exact[i] = (char)(0x81 + 0x11 * i);
        uint64_t expected = 0;
        memcpy(&expected, exact, len);
        assert_true(mb_slice_word(exact, len) == expected);
        free(exact);
    }
}

static void a_failure_carries_its_words_and_cuts_long_ones(void **state)
{
    (void)state;
    struct mb_error err;
    assert_int_equal(mb_fail(&err, MB_EINVAL, "config.listen", "port %d", 70000), MB_EINVAL);
    assert_int_equal(err.code, MB_EINVAL);
    assert_int_equal(err.at, -1);
    assert_string_equal(err.where, "config.listen");
    assert_string_equal(err.what, "port 70000");
    assert_int_equal(mb_fail_at(&err, MB_ESYNTAX, 12, "%s", "colon"), MB_ESYNTAX);
    assert_int_equal(err.at, 12);
    assert_string_equal(err.where, "");
    char longer[1000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    mb_fail(&err, MB_EIO, longer, "%s", longer);
    assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
    assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
    assert_int_equal(mb_fail(NULL, MB_EIO, NULL, "nobody listens"), MB_EIO);
    assert_string_equal(mb_err_name(MB_EDUP), "EDUP");
    assert_string_equal(mb_err_text(MB_EDUP), "already recorded");
    assert_string_equal(mb_err_text(7), "unknown error");
    assert_string_equal(mb_err_name(0), "EUNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_fill_the_whole_slice_and_fit),
        cmocka_unit_test(well_formed_utf8_is_told_from_the_rest),
        cmocka_unit_test(searching_and_cutting),
        cmocka_unit_test(the_hash_looks_at_every_byte_and_the_length),
        cmocka_unit_test(a_short_text_is_a_word_with_zeros_behind),
        cmocka_unit_test(a_failure_carries_its_words_and_cuts_long_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
