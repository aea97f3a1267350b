/* base64url: the texts of RFC 4648, without their padding, both ways; and what is no text of ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"

static const struct {
    const char *bytes;
    const char *text;
} rows[] = {
    {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
    {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    {"\xff", "_w"},     {"\xfb\xf0", "-_A"},
};

static void test_bytes_become_the_texts_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[16] = {0};
        size_t len =
            mb__notice_to_base64url((const uint8_t *)rows[i].bytes, strlen(rows[i].bytes), text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(rows[i].text));
    }
}

static void test_texts_become_their_bytes_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[16] = {0};
        size_t len = 0;
        assert_true(mb__notice_from_base64url(mb_slice_of(rows[i].text), bytes, &len));
        assert_int_equal(len, strlen(rows[i].bytes));
        assert_memory_equal(bytes, rows[i].bytes, len);
    }
}

/* One string of bytes has one text: else a forger could vary a token without breaking it. */
static void test_any_other_text_is_refused(void **state)
{
    static const char *const wrong[] = {
        "A", "Zh", "Zm9", "Zg==", "Zm+v", "Zm/v", "Zm 9", "Zm\x80v"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[16];
        size_t len = 0;
        assert_false(mb__notice_from_base64url(mb_slice_of(wrong[i]), bytes, &len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_become_the_texts_of_the_rfc),
        cmocka_unit_test(test_texts_become_their_bytes_again),
        cmocka_unit_test(test_any_other_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
