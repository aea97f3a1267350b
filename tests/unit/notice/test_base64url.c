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

/* What is written twelve bytes at a time is what mb_xbuf_add_base64 writes one by one, in the other alphabet. The bytes
 * stand in memory of just their size, so that a sanitizer sees who reads further. */
static void test_all_lengths_are_written_alike(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 200; len++) {
        uint8_t *bytes = malloc(len + (len == 0));
        struct mb_buf want = {0};
        char text[300];
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(i * 37 + len * 101 + (i * i >> 3));
        }
        mb_xbuf_add_base64(&want, mb_slice((const char *)bytes, len));
        while (want.len > 0 && want.data[want.len - 1] == '=') {
            want.len--;
        }
        for (size_t i = 0; i < want.len; i++) {
            want.data[i] = want.data[i] == '+' ? '-' : want.data[i] == '/' ? '_' : want.data[i];
        }
        assert_int_equal(mb__notice_to_base64url(bytes, len, text), want.len);
        assert_memory_equal(text, mb_buf_slice(&want).data, want.len);
        mb_buf_fini(&want);
        free(bytes);
    }
}

/* Every pair of neighbours of the alphabet's ranges, at every place of a block. */
static void test_every_letter_is_written_at_every_place(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 64; number++) {
        for (size_t place = 0; place < 20; place++) {
            static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            uint8_t bytes[15] = {0};
            char text[20];
            size_t bit = place * 6;
            for (size_t i = 0; i < 6; i++) {
                if (number >> (5 - i) & 1) {
                    bytes[(bit + i) / 8] |= (uint8_t)(0x80 >> (bit + i) % 8);
                }
            }
            assert_int_equal(mb__notice_to_base64url(bytes, sizeof bytes, text), sizeof text);
            for (size_t i = 0; i < sizeof text; i++) {
                assert_int_equal(text[i], i == place ? letters[number] : 'A');
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_become_the_texts_of_the_rfc),
        cmocka_unit_test(test_texts_become_their_bytes_again),
        cmocka_unit_test(test_any_other_text_is_refused),
        cmocka_unit_test(test_all_lengths_are_written_alike),
        cmocka_unit_test(test_every_letter_is_written_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
