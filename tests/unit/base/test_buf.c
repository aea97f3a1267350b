#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/buf.h"

static void numbers_are_written_digit_for_digit(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {INT64_C(9007199254740993), "9007199254740993"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_buf_clear(&buf);
        mb_xbuf_add_i64(&buf, rows[i].value);
        mb_xbuf_add_char(&buf, '\0');
        assert_string_equal(buf.data, rows[i].text);
    }
    mb_buf_clear(&buf);
    mb_xbuf_add_u64(&buf, UINT64_MAX);
    assert_true(mb_slice_is(mb_buf_slice(&buf), "18446744073709551615"));
    mb_buf_fini(&buf);
}

static void url_encoding_escapes_all_but_the_unreserved(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    mb_xbuf_add_urlencoded(&buf, MB_SLICE("aZ09-._~ &=+%/\0\xff"));
    assert_true(mb_slice_is(mb_buf_slice(&buf), "aZ09-._~%20%26%3D%2B%25%2F%00%FF"));
    mb_buf_fini(&buf);
}

/* The vectors of RFC 4648, section 10, and the last two letters. */
static void base64_is_padded(void **state)
{
    (void)state;
    static const struct {
        struct mb_slice in;
        const char *out;
    } rows[] = {
        {{"", 0}, ""},           {{"f", 1}, "Zg=="},         {{"fo", 2}, "Zm8="},         {{"foo", 3}, "Zm9v"},
        {{"foob", 4}, "Zm9vYg=="}, {{"fooba", 5}, "Zm9vYmE="}, {{"foobar", 6}, "Zm9vYmFy"}, {{"\xfb\xff\0", 3}, "+/8A"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_buf_clear(&buf);
        mb_xbuf_add_base64(&buf, rows[i].in);
        if (!mb_slice_is(mb_buf_slice(&buf), rows[i].out)) {
            fail_msg("row %zu: %.*s", i, MB_SLICE_ARG(mb_buf_slice(&buf)));
        }
    }
    mb_buf_fini(&buf);
}

static void url_decoding_leaves_broken_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool plus;
        const char *out;
    } rows[] = {
        {"a%20b", false, "a b"}, {"a+b", true, "a b"},  {"a+b", false, "a+b"},
        {"%2b+", true, "+ "},    {"%", false, "%"},     {"%4", false, "%4"},
        {"%41", false, "A"},     {"%zz", false, "%zz"}, {"%4g%41", false, "%4gA"},
        {"%%41", false, "%A"},   {"", false, ""},       {"%c3%A9", false, "\xc3\xa9"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_buf_clear(&buf);
        mb_xbuf_add_urldecoded(&buf, mb_slice_of(rows[i].in), rows[i].plus);
        if (!mb_slice_is(mb_buf_slice(&buf), rows[i].out))
            fail_msg("'%s' gave '%.*s'", rows[i].in, MB_SLICE_ARG(mb_buf_slice(&buf)));
    }
    mb_buf_fini(&buf);
}

static void every_byte_survives_encoding_and_decoding(void **state)
{
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct mb_buf encoded = {0}, decoded = {0};
    mb_xbuf_add_urlencoded(&encoded, mb_slice(all, sizeof(all)));
    mb_xbuf_add_urldecoded(&decoded, mb_buf_slice(&encoded), true);
    assert_int_equal(decoded.len, sizeof(all));
    assert_memory_equal(decoded.data, all, sizeof(all));
    mb_buf_fini(&encoded);
    mb_buf_fini(&decoded);
}

static void a_buffer_grows_and_keeps_its_memory_over_a_clear(void **state)
{
    (void)state;
    struct mb_buf buf;
    mb_buf_init(&buf);
    assert_non_null(mb_buf_slice(&buf).data);
    for (int i = 0; i < 5000; i++)
        mb_xbuf_printf(&buf, "%04d", i);
    assert_int_equal(buf.len, 20000);
    assert_memory_equal(buf.data + 4 * 4321, "4321", 4);
    const char *memory = buf.data;
    mb_buf_clear(&buf);
    mb_xbuf_add_text(&buf, "x");
    assert_ptr_equal(buf.data, memory);
    mb_buf_fini(&buf);
    mb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_digit_for_digit),
        cmocka_unit_test(url_encoding_escapes_all_but_the_unreserved),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(url_decoding_leaves_broken_escapes),
        cmocka_unit_test(every_byte_survives_encoding_and_decoding),
        cmocka_unit_test(a_buffer_grows_and_keeps_its_memory_over_a_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
