/* The rows of a text: what is a key, what is a value, what is refused; a million of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base.h"

static void *table;
static size_t table_len;

static struct mb_rows build(struct mb_slice text, enum mb_rows_kind kind)
{
    struct mb_rows rows;
    free(table);
    table_len = mb_rows_table_len(text);
    table = calloc(1, table_len);
    assert_non_null(table);
    mb_rows_make_table(text, table, table_len);
    assert_true(mb_rows_open(text, mb_slice(table, table_len), kind, &rows));
    return rows;
}

static int teardown(void **state)
{
    (void)state;
    free(table);
    table = NULL;
    return 0;
}

static void a_line_is_a_key_of_a_list(void **state)
{
    (void)state;
    const struct {
        struct mb_slice text;
        const char *keys; /* joined by | */
        const char *not_in;
    } rows[] = {
        {MB_SLICE("a"), "a", "A| a|a\n"},
        {MB_SLICE("a\nb\n"), "a|b", "a\nb|c"},
        {MB_SLICE("a\r\nb\r\n\r\nc"), "a|b|c", "a\r"},
        {MB_SLICE("\xef\xbb\xbf"
                  "a\nb"),
         "a|b",
         "\xef\xbb\xbf"
         "a"},
        {MB_SLICE(" a b \n\tc\t\n   \n\n"), "a b|c", "a"},
        {MB_SLICE("a\na\na"), "a", "b"},
        {MB_SLICE("a,b\n\"c\"\n#d"), "a,b|\"c\"|#d", "a|c"},
        {MB_SLICE("DE\nde\ndE"), "DE|de|dE", "De"},
        {MB_SLICE("m\xc3\xbcnchen\n\xf0\x9f\x98\x80"), "m\xc3\xbcnchen|\xf0\x9f\x98\x80",
         "M\xc3\x9cNCHEN"},
        {MB_SLICE(""), "", "a"},
        {MB_SLICE("\n\r\n  \n"), "", "\n"},
        {MB_SLICE("\n\n\n\n\n\n\n\n\n\n\n\na\nb\nc"), "a|b|c", "\n"},
        {MB_SLICE("\xef\xbb\xbf"), "", "\xef\xbb\xbf"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_rows list = build(rows[i].text, MB_ROWS_LIST);
        struct mb_slice keys = mb_slice_of(rows[i].keys), others = mb_slice_of(rows[i].not_in);
        size_t count = 0, at = 0;
        print_message("row %zu\n", i);
        assert_null(list.problem);
        for (; keys.len > 0; count++) {
            struct mb_slice key = mb_slice_cut(&keys, '|'), found = mb_rows_find(&list, key);
            assert_true(mb_slice_eq(found, key));
            assert_true(found.data >= rows[i].text.data);
        }
        assert_int_equal(list.count, count);
        while (mb_slice_present(others))
            assert_false(mb_slice_present(mb_rows_find(&list, mb_slice_cut(&others, '|'))));
        while (mb_slice_present(mb_rows_next(&list, &at)))
            count--;
        assert_int_equal(count, 0);
        assert_false(mb_slice_present(mb_rows_find(&list, MB_SLICE(""))));
        assert_false(mb_slice_present(mb_rows_find(&list, MB_SLICE_NONE)));
        assert_false(mb_slice_present(mb_rows_find(&list, MB_SLICE("a\0b"))));
    }
}

static void a_row_of_a_map_is_key_and_value(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key, *value; /* value NULL: no such key */
        bool doubled;
    } rows[] = {
        {"a,1", "a", "1", false},
        {"a,1\n", "a", "1", false},
        {" a , 1 \r\nb,2", "a", "1", false},
        {" a , 1 \r\nb,2", "b", "2", false},
        {"a,", "a", "", false},
        {"a,1,2", "a", "1,2", false},
        {"\xef\xbb\xbf"
         "a,1",
         "a", "1", false},
        {"a,1\na,2\nb,3\na,4", "a", "4", false},
        {"a,\"x, y\"", "a", "x, y", false},
        {"a,\" x \"", "a", " x ", false},
        {"a,\"say \"\"hi\"\"\"", "a", "say \"\"hi\"\"", true},
        {"a,\"\"", "a", "", false},
        {"a,\"x\",\"y\"", "a", "\"x\",\"y\"", false},
        {"a,5\" disk", "a", "5\" disk", false},
        {"a,{\"k\":1}", "a", "{\"k\":1}", false},
        {"\"a,b\",1", "a,b", "1", false},
        {"\"a\" , 1", "a", "1", false},
        {"\" a\",1", " a", "1", false},
        {"a\"b,1", "a\"b", "1", false},
        {"k,v\n,\n,,\n\"\",x\nl,w", "l", "w", false},
        {"k,v\n,x", "", NULL, false},
        {"a,1", "a,1", NULL, false},
        {"a,1", "A", NULL, false},
        {"", "a", NULL, false},
        {"\n\n", "a", NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_rows map = build(mb_slice_of(rows[i].text), MB_ROWS_MAP);
        struct mb_slice found = mb_rows_find(&map, mb_slice_of(rows[i].key));
        bool doubled = false;
        print_message("%s\n", rows[i].text);
        assert_null(map.problem);
        assert_int_equal(mb_slice_present(found), rows[i].value != NULL);
        if (rows[i].value)
            assert_true(mb_slice_is(mb_rows_value(&map, found, &doubled), rows[i].value));
        assert_int_equal(doubled, rows[i].doubled);
    }
    struct mb_rows map = build(MB_SLICE("a,1\nb,1\n\na,2\na,3"), MB_ROWS_MAP);
    assert_int_equal(map.count, 2);
    assert_int_equal(map.repeated, 2);
    assert_int_equal(map.repeated_line, 4);
    assert_int_equal(mb_rows_line(&map, mb_rows_find(&map, MB_SLICE("b"))), 2);
}

static void what_is_no_text_is_told_with_its_line(void **state)
{
    (void)state;
    const struct {
        struct mb_slice text;
        enum mb_rows_kind kind;
        uint32_t line;
        const char *problem;
    } rows[] = {
        {MB_SLICE("a\nb\xfc"
                  "c\n"),
         MB_ROWS_LIST, 2, "not UTF-8"}, /* Latin-1 */
        {MB_SLICE("\xff\xfe"
                  "a\0\n\0"),
         MB_ROWS_LIST, 1, "not UTF-8"}, /* UTF-16 */
        {MB_SLICE("\xc0\xaf"), MB_ROWS_LIST, 1, "not UTF-8"},
        {MB_SLICE("\xed\xa0\x80"), MB_ROWS_LIST, 1, "not UTF-8"},
        {MB_SLICE("\xe2\x82"), MB_ROWS_LIST, 1, "not UTF-8"},
        {MB_SLICE("a\n\nb\0c\n"), MB_ROWS_LIST, 3, "a zero byte"},
        {MB_SLICE("a\0\n\0"), MB_ROWS_LIST, 1, "a zero byte"},
        {MB_SLICE("a\rb\rc"), MB_ROWS_LIST, 1, "control"},
        {MB_SLICE("a,1\nb"), MB_ROWS_MAP, 2, "no comma"},
        {MB_SLICE("\na;1\nb;2"), MB_ROWS_MAP, 2, "no comma"},
        {MB_SLICE("a,1\n\"b,2"), MB_ROWS_MAP, 2, "quote"},
        {MB_SLICE("a,1\n\"b\"c,2"), MB_ROWS_MAP, 2, "quote"},
        {MB_SLICE("\"b\"\"c\",2"), MB_ROWS_MAP, 1, "quote"},
        {MB_SLICE("a,\"first\nsecond\""), MB_ROWS_MAP, 1, "quote"},
        {MB_SLICE("a,\xfc"), MB_ROWS_MAP, 1, "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_rows list = build(rows[i].text, rows[i].kind);
        size_t at = 0;
        print_message("row %zu\n", i);
        assert_non_null(list.problem);
        assert_non_null(strstr(list.problem, rows[i].problem));
        assert_int_equal(list.problem_line, rows[i].line);
        assert_int_equal(list.count, 0);
        assert_false(mb_slice_present(mb_rows_find(&list, MB_SLICE("a"))));
        assert_false(mb_slice_present(mb_rows_next(&list, &at)));
    }
    struct mb_rows list = build(MB_SLICE("a,1\nb"), MB_ROWS_LIST); /* no map, and a fine list */
    assert_null(list.problem);
    assert_int_equal(list.count, 2);
}

static void case_counts_or_does_not(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Pub.Example", "pub.example"},     {"DE", "de"},
        {"@[`{AZaz09", "@[`{azAZ09"},       {"M\xc3\xbcnchen", "m\xc3\xbcNCHEN"},
        {"ABCDEFGHIJKLM", "abcdefghijklm"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct mb_slice other = mb_slice_of(pairs[i][1]);
        struct mb_rows list = build(mb_slice_of(pairs[i][0]), MB_ROWS_LIST);
        assert_false(mb_slice_present(mb_rows_find(&list, other)));
        assert_true(mb_slice_is(mb_rows_find_nocase(&list, other), pairs[i][0]));
    }
    struct mb_rows list = build(MB_SLICE("@`\n[{"), MB_ROWS_LIST); /* beside the letters */
    assert_false(mb_slice_present(mb_rows_find_nocase(&list, MB_SLICE("`@"))));
    assert_false(mb_slice_present(mb_rows_find_nocase(&list, MB_SLICE("{["))));
}

/* Each look-up would walk through all spellings. */
static void thousands_of_spellings_of_a_word_are_refused(void **state)
{
    (void)state;
    struct mb_buf text = {0};
    for (unsigned i = 0; i < 1u << 13; i++) {
        char word[] = "abcdefghijklm\n";
        for (unsigned bit = 0; bit < 13; bit++)
            if (i >> bit & 1)
                word[bit] = (char)(word[bit] - 32);
        mb_xbuf_add(&text, word, strlen(word));
    }
    struct mb_rows list = build(mb_buf_slice(&text), MB_ROWS_LIST);
    assert_non_null(list.problem);
    assert_non_null(strstr(list.problem, "upper and lower case"));
    mb_buf_fini(&text);
}

static void a_key_has_an_end(void **state)
{
    (void)state;
    char *text = malloc(65537);
    assert_non_null(text);
    memset(text, 'x', 65537);
    struct mb_rows list = build(mb_slice(text, 65535), MB_ROWS_LIST);
    assert_true(mb_slice_present(mb_rows_find(&list, mb_slice(text, 65535))));
    assert_false(mb_slice_present(mb_rows_find(&list, mb_slice(text, 65537))));
    list = build(mb_slice(text, 65536), MB_ROWS_LIST);
    assert_non_null(strstr(list.problem, "65,535"));
    free(text);
}

static void two_gigabytes_are_refused(void **state)
{
    (void)state;
    static const char byte;
    assert_int_equal(mb_rows_table_len(mb_slice(&byte, (size_t)1 << 31)), 0);
}

/* Whoever maps a table has it from another process. */
static void a_table_that_is_none_is_refused(void **state)
{
    (void)state;
    const struct mb_slice text = MB_SLICE("one,1\ntwo,2\nthree,3\n");
    struct mb_rows rows = build(text, MB_ROWS_MAP);
    struct mb_slice whole = mb_slice(table, table_len);
    assert_false(mb_rows_open(text, mb_slice(table, 8), MB_ROWS_MAP, &rows));
    assert_false(mb_rows_open(text, mb_slice(table, table_len - 8), MB_ROWS_MAP, &rows));
    assert_false(mb_rows_open(mb_slice(text.data, text.len - 1), whole, MB_ROWS_LIST, &rows));
    char *bytes = table;
    for (size_t i = 0; i < table_len; i++) { /* any byte: refused, or every key inside the text */
        for (unsigned flip = 1; flip < 256; flip *= 2) {
            bytes[i] = (char)(bytes[i] ^ (int)flip);
            for (int kind = 0; kind < MB_ROWS_KINDS; kind++) {
                size_t at = 0;
                if (!mb_rows_open(text, whole, (enum mb_rows_kind)kind, &rows))
                    continue;
                (void)mb_rows_find(&rows, MB_SLICE("three"));
                (void)mb_rows_find(&rows, MB_SLICE("none"));
                for (struct mb_slice key; (key = mb_rows_next(&rows, &at)).data;) {
                    bool doubled;
                    assert_in_range(key.data - text.data, 0, text.len);
                    assert_true(key.data + key.len <= text.data + text.len);
                    (void)mb_rows_value(&rows, key, &doubled);
                }
            }
            bytes[i] = (char)(bytes[i] ^ (int)flip);
        }
    }
}

static void a_million_rows_are_found(void **state)
{
    (void)state;
    enum { ROWS = 1000000 };
    struct mb_buf text = {0};
    char key[32];
    for (int i = 0; i < ROWS; i++)
        mb_xbuf_printf(&text, "%d,%d\n", i * 7, i);
    struct mb_rows map = build(mb_buf_slice(&text), MB_ROWS_MAP);
    assert_int_equal(map.count, ROWS);
    for (int i = 0; i < ROWS * 7; i += 5) {
        struct mb_slice name = mb_slice(key, (size_t)snprintf(key, sizeof(key), "%d", i));
        struct mb_slice found = mb_rows_find(&map, name);
        assert_int_equal(mb_slice_present(found), i % 7 == 0);
        if (i % 7 == 0) {
            bool doubled;
            int64_t value = -1;
            assert_true(mb_slice_to_i64(mb_rows_value(&map, found, &doubled), &value));
            assert_int_equal(value, i / 7);
        }
    }
    mb_buf_fini(&text);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_a_key_of_a_list),
        TEST(a_row_of_a_map_is_key_and_value),
        TEST(what_is_no_text_is_told_with_its_line),
        TEST(case_counts_or_does_not),
        TEST(thousands_of_spellings_of_a_word_are_refused),
        TEST(a_key_has_an_end),
        TEST(two_gigabytes_are_refused),
        TEST(a_table_that_is_none_is_refused),
        TEST(a_million_rows_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
