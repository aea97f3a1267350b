/* Where runs of bytes end, at every distance from the end of a page behind which nothing can be
 * read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "moonbid/json.h"
#include "scan.h"
#include "specials.h"

enum { LEN_MAX = 70 };

static char *page_end; /* one past the last byte that can be read */
static size_t page_bytes;

static int map_page(void **state)
{
    (void)state;
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, 2 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return -1;
    page_end = pages + page_bytes;
    return mprotect(page_end, page_bytes, PROT_NONE);
}

static int unmap_page(void **state)
{
    (void)state;
    return munmap(page_end - page_bytes, 2 * page_bytes);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* A text of `len` bytes with what a document has behind it, right before the unreadable page. */
static char *padded(size_t len, char fill)
{
    char *text = page_end - MB__JSON_PAD - len;
    memset(text, fill, len);
    memset(text + len, 0, MB__JSON_PAD);
    return text;
}

/* Of a text of any length, at the end of a page, each byte that is not plain is found, and no
 * other. */
static void specials_are_found_wherever_they_stand(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    for (size_t len = 0; len <= 3 * LEN_MAX; len++) {
        char *text = padded(len, 'a');
        for (size_t at = 0; at <= len; at += 1 + at % 3) {
            for (unsigned byte = 0; at < len && byte < 256; byte++) {
                text[at] = (char)byte;
                size_t due = is_plain((unsigned char)byte) ? len : at;
                const uint64_t *specials = mb__json_specials(&arena, mb_slice(text, len));
                if (mb__json_special_from(specials, 0).at != due)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
                if (due < len)
                    assert_int_equal(mb__json_special_from(specials, due + 1).at, len);
                mb_arena_reset(&arena);
            }
            if (at < len)
                text[at] = 'a';
        }
    }
    mb_arena_fini(&arena);
}

/* A quote, then what stands behind it: in its block, which then says so, or further on. */
static void what_stands_behind_a_quote_is_found(void **state)
{
    (void)state;
    enum { LEN = 5 * MB__JSON_BLOCK };
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    char *text = padded(LEN, 'a');
    for (size_t quote = 0; quote < LEN - 1; quote++) {
        for (size_t gap = 1; quote + gap < LEN; gap += gap / 4 + 1) {
            size_t other = quote + gap;
            text[quote] = text[other] = '"';
            const uint64_t *specials = mb__json_specials(&arena, mb_slice(text, LEN));
            struct mb__json_special first = mb__json_special_from(specials, 0);
            bool is_in_its_block = other / MB__JSON_BLOCK == quote / MB__JSON_BLOCK;
            assert_int_equal(first.at, quote);
            assert_true(first.behind ==
                        (is_in_its_block ? UINT64_C(1) << other % MB__JSON_BLOCK : 0));
            assert_int_equal(mb__json_special_from(specials, quote + 1).at, other);
            assert_int_equal(mb__json_special_from(specials, other).at, other);
            assert_int_equal(mb__json_special_from(specials, other + 1).at, LEN);
            text[quote] = text[other] = 'a';
            mb_arena_reset(&arena);
        }
    }
    mb_arena_fini(&arena);
}

/* All of a text of many blocks, by steps that leave some out. */
static void specials_are_found_from_block_to_block(void **state)
{
    (void)state;
    enum { LEN = 40 * MB__JSON_BLOCK + 7 };
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    for (unsigned density = 1; density < 2000; density += density / 3 + 1) {
        char *text = padded(LEN, 'x');
        uint32_t seed = density * 31;
        for (size_t i = 0; i < LEN; i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = (seed >> 16) % density ? 'x' : "\"\\\n\xc3"[seed >> 20 & 3];
        }
        const uint64_t *specials = mb__json_specials(&arena, mb_slice(text, LEN));
        for (unsigned step = 1; step < 1200; step += step / 2 + 1) {
            size_t from = 0;
            while (from <= LEN) {
                size_t due = from;
                while (due < LEN && is_plain((unsigned char)text[due]))
                    due++;
                assert_int_equal(mb__json_special_from(specials, from).at, due);
                from = due + 1 + (seed = seed * 1103515245 + 12345, (seed >> 16) % step);
            }
        }
        mb_arena_reset(&arena);
    }
    mb_arena_fini(&arena);
}

/* The same in a text that has nothing behind it. */
static void a_plain_run_ends_before_memory_does(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char *text = page_end - len;
        memset(text, 'a', len);
        assert_ptr_equal(mb__json_skip_plain_until(text, page_end), page_end);
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                const char *due = is_plain((unsigned char)byte) ? page_end : text + at;
                if (mb__json_skip_plain_until(text, page_end) != due)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
            }
            text[at] = 'a';
        }
    }
}

/* No borrow from a byte makes the one above look like a hit: what stands first counts. */
static void of_eight_bytes_the_first_special_is_found(void **state)
{
    (void)state;
    static const char bytes[] = {'"', '\\', 0x00, 0x1f, 0x20,       '!',
                                 '#', '[',  ']',  0x7f, (char)0x80, (char)0xff};
    enum { BYTES = sizeof(bytes) };
    for (unsigned i = 0; i < BYTES * BYTES * BYTES; i++) {
        char text[8] = {
            'a', 'a', bytes[i % BYTES], bytes[i / BYTES % BYTES], bytes[i / BYTES / BYTES], 'a',
            'a', 'a'};
        unsigned due = 0;
        while (due < 8 && is_plain((unsigned char)text[due]))
            due++;
        uint64_t specials = mb__json_specials_of_8(text);
        assert_int_equal(specials ? (unsigned)__builtin_ctzll(specials) / 8 : 8, due);
    }
}

static void a_run_of_digits_ends_at_the_first_other_byte(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char *text = padded(len, '7');
        assert_int_equal(mb__json_skip_digits(text, 0), len);
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                size_t due = byte >= '0' && byte <= '9' ? len : at;
                if (mb__json_skip_digits(text, 0) != due)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
            }
            text[at] = '7';
        }
    }
}

static void a_run_of_spaces_ends_at_the_first_other_byte(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char *text = padded(len, ' ');
        assert_int_equal(mb__json_skip_spaces(text, 0), len);
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                if (mb__json_skip_spaces(text, 0) != (byte == ' ' ? len : at))
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
            }
            text[at] = ' ';
        }
    }
}

static void a_run_of_blanks_ends_at_the_first_other_byte(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char *text = padded(len, ' ');
        for (size_t i = 0; i < len; i++)
            text[i] = " \t\n\r"[i % 4];
        assert_int_equal(mb__json_skip_blanks(text, 0), len);
        for (size_t at = 0; at < len; at++) {
            char was = text[at];
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                bool is_blank = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
                size_t due = is_blank ? len : at;
                if (mb__json_skip_blanks(text, 0) != due)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
            }
            text[at] = was;
        }
    }
}

/* The caller's text may end where memory does, wherever it begins, and may go afterwards. */
static void a_document_is_read_to_the_end_of_memory(void **state)
{
    (void)state;
    static const char head[] = "{\"key\":\"",
                      tail[] = "\",\"n\":12345678901234567890,\"\\u0061\":[0.5]}";
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char *text = page_end - (sizeof(head) - 1) - len - (sizeof(tail) - 1);
        struct mb_json doc;
        memcpy(text, head, sizeof(head) - 1);
        memset(text + sizeof(head) - 1, 'v', len);
        memcpy(page_end - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
        assert_int_equal(
            mb_json_parse(&doc, &arena, mb_slice(text, (size_t)(page_end - text)), NULL), 0);
        memset(text, 'x', (size_t)(page_end - text));
        struct mb_json_value root = mb_json_root(&doc);
        assert_int_equal(mb_json_str(mb_json_get(root, MB_SLICE("key"))).len, len);
        assert_true(
            mb_slice_is(mb_json_id(mb_json_get(root, MB_SLICE("n"))), "12345678901234567890"));
        assert_true(mb_json_f64(mb_json_at(mb_json_get(root, MB_SLICE("a")), 0), 0) == 0.5);
        mb_arena_reset(&arena);
    }
    mb_arena_fini(&arena);
}

/* An escape, and a character of two bytes, at every offset of texts of every length. */
static void escapes_are_decoded_wherever_they_stand(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        for (size_t at = 0; at <= len; at++) {
            char json[LEN_MAX + 16], due[LEN_MAX + 16];
            struct mb_json doc;
            int json_len =
                snprintf(json, sizeof(json), "[\"%.*s\\n\xc3\xa9%.*s\"]", (int)at,
                         "0123456789012345678901234567890123456789012345678901234567890123456789",
                         (int)(len - at),
                         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij");
            int due_len =
                snprintf(due, sizeof(due), "%.*s\n\xc3\xa9%.*s", (int)at,
                         "0123456789012345678901234567890123456789012345678901234567890123456789",
                         (int)(len - at),
                         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij");
            assert_int_equal(mb_json_parse(&doc, &arena, mb_slice(json, (size_t)json_len), NULL),
                             0);
            struct mb_slice found = mb_json_str(mb_json_at(mb_json_root(&doc), 0));
            assert_true(mb_slice_eq(found, mb_slice(due, (size_t)due_len)));
            mb_arena_reset(&arena);
        }
    }
    mb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specials_are_found_wherever_they_stand),
        cmocka_unit_test(specials_are_found_from_block_to_block),
        cmocka_unit_test(what_stands_behind_a_quote_is_found),
        cmocka_unit_test(a_plain_run_ends_before_memory_does),
        cmocka_unit_test(of_eight_bytes_the_first_special_is_found),
        cmocka_unit_test(a_run_of_digits_ends_at_the_first_other_byte),
        cmocka_unit_test(a_run_of_spaces_ends_at_the_first_other_byte),
        cmocka_unit_test(a_run_of_blanks_ends_at_the_first_other_byte),
        cmocka_unit_test(a_document_is_read_to_the_end_of_memory),
        cmocka_unit_test(escapes_are_decoded_wherever_they_stand),
    };
    return cmocka_run_group_tests(tests, map_page, unmap_page);
}
