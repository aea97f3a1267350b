/* Files of lists/: what a script gets of them, what is told of broken ones, and that their rows are
 * those of the bundle for as long as a generation uses them. */
#include "fixture.h"

#include <fcntl.h>

#include "moonbid/bundle.h"

static void a_map_gives_what_stands_between_quotes(void **state)
{
    (void)state;
    put_text("lists/m.csv", "\xef\xbb\xbf"
                            "k,v\r\n\"a,b\",\"one, two\"\r\nq,\"say \"\"hi\"\"\"\r\n"
                            "c,1,2\r\nq2,\"\"\"\"\r\nlast,x");
    put_text("strategies/a.lua",
             "local m = map 'm.csv' return strategy { name = 'a', bid = function() "
             "return { price = 1, data = m:get 'a,b' .. '|' .. m:get 'q' .. '|' .. m:get 'c' .. "
             "'|' .. m:get 'q2' .. '|' .. m:get 'last' .. '|' .. m:get 'k' } end }");
    load();
    bid("a");
    expect_slice(result.bids[0].data, "one, two|say \"hi\"|1,2|\"|x|v");
}

static void what_is_wrong_with_a_file_is_told_where_it_is_used(void **state)
{
    (void)state;
    static const struct {
        const char *file, *bytes;
        size_t len;
        const char *use, *expected;
    } rows[] = {
        {"x.txt", "a\nM\xfcnchen\n", 10, "list 'x.txt'", "list 'x.txt': line 2: not UTF-8"},
        {"x.txt", "a\n\nb\0", 5, "list 'x.txt'", "list 'x.txt': line 3: a zero byte"},
        {"x.csv", "a,1\nb;2\n", 8, "map 'x.csv'",
         "map 'x.csv': line 2: no comma: expected key,value"},
        {"x.csv", "a,1\nb,\"2\n", 9, "map 'x.csv'", "map 'x.csv': line 2: a double quote"},
        {"x.txt", "", 0, "nothing() or list 'y.txt'", "list 'y.txt': no such file in lists/"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[64], text[256];
        snprintf(name, sizeof(name), "lists/%s", rows[i].file);
        put_file(name, rows[i].bytes, rows[i].len);
        snprintf(text, sizeof(text),
                 "local function nothing() end\nlocal x =\n  %s\n"
                 "return strategy { name = 'a', bid = nothing }",
                 rows[i].use);
        put_text("strategies/a.lua", text);
        assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
        print_report();
        assert_int_equal(report.errors, 1);
        assert_string_equal(report.problems[0].file, "strategies/a.lua");
        assert_int_equal(report.problems[0].line, 3);
        assert_non_null(strstr(report.problems[0].text, rows[i].expected));
    }
}

static void a_broken_file_that_nobody_uses_harms_nobody(void **state)
{
    (void)state;
    put_file("lists/x.txt", "\0\xff", 2);
    load_body("return { price = 1 }");
}

static void keys_of_a_map_that_repeat_are_a_warning(void **state)
{
    (void)state;
    put_text("lists/m.csv", "a,1\nb,1\na,2\n");
    put_text("lists/l.txt", "a\na\n");
    put_text("strategies/a.lua",
             "local m, l = map 'm.csv', list 'l.txt'\nlocal again = map 'm.csv'\n"
             "return strategy { name = 'a', bid = function() "
             "return { price = 1, data = m:get 'a' } end }");
    load();
    assert_int_equal(report.count, 1);
    assert_true(report.problems[0].warning);
    assert_string_equal(report.problems[0].file, "strategies/a.lua");
    assert_int_equal(report.problems[0].line, 1);
    assert_non_null(strstr(report.problems[0].text, "the first in line 3: the last one counts"));
    bid("a");
    expect_slice(result.bids[0].data, "2");
}

/* The file has one block on disk and is never read. */
static void two_gigabytes_are_refused_by_name(void **state)
{
    (void)state;
    char path[128];
    struct mb_bundle *bundle;
    struct mb_error err;
    put_text("lists/big.txt", "a\n");
    snprintf(path, sizeof(path), "%s/lists/big.txt", folder);
    assert_int_equal(truncate(path, (off_t)1 << 31), 0);
    assert_int_equal(mb_bundle_read(folder, &bundle, &err), MB_ENOMEM);
    assert_string_equal(err.where, "lists/big.txt");
    assert_non_null(strstr(err.what, "2147483648 bytes: a list may have 2 GiB less one byte"));
}

static const char asks_both[] =
    "local a, b = list 'a.txt', list 'b.txt'\n"
    "return strategy { name = 'a', target = { zone = list 'a.txt' }, bid = function() return { "
    "price = 1, data = tostring(a:has 'one') .. tostring(b:has 'one') } end }";

/* A worker frees its bundle as soon as it takes another one. */
static void a_generation_keeps_its_rows(void **state)
{
    (void)state;
    struct mb_bundle *bundle, *next;
    put_text("lists/a.txt", "one\n");
    put_text("lists/b.txt", "two\n");
    put_text("strategies/a.lua", asks_both);
    assert_int_equal(mb_bundle_read(folder, &bundle, NULL), 0);
    assert_int_equal(load_with((struct mb_script_options){.bundle = bundle}), 0);
    put_text("lists/b.txt", "one\n");
    assert_int_equal(mb_bundle_read_again(folder, NULL, bundle, &next, NULL), 0);
    mb_bundle_free(bundle);
    bid("a");
    expect_slice(result.bids[0].data, "truefalse");
    assert_int_equal(load_with((struct mb_script_options){.bundle = next}), 0);
    mb_bundle_free(next);
    bid("a");
    expect_slice(result.bids[0].data, "truetrue");
    expect_slice(mb_rows_find(get("a")->target.include[MB_TARGET_ZONE]->list, MB_SLICE("one")),
                 "one");
}

/* A file that goes back takes the tables of the lists along. */
static void a_composed_bundle_has_its_rows(void **state)
{
    (void)state;
    struct mb_bundle *before, *after, *composed;
    struct mb_rows rows;
    put_text("lists/a.txt", "one\n");
    put_text("lists/b.txt", "two\n");
    put_text("strategies/a.lua", asks_both);
    assert_int_equal(mb_bundle_read(folder, &before, NULL), 0);
    put_text("lists/a.txt", "three\n");
    put_text("strategies/a.lua", "return 1");
    assert_int_equal(mb_bundle_read_again(folder, NULL, before, &after, NULL), 0);
    assert_int_equal(
        mb_bundle_roll_back(after, before, MB_SLICE("strategies/a.lua"), &composed, NULL), 0);
    mb_bundle_free(before);
    mb_bundle_free(after);
    assert_true(mb_bundle_rows(composed, MB_SLICE("lists/a.txt"), MB_ROWS_LIST, &rows));
    expect_slice(mb_rows_find(&rows, MB_SLICE("three")), "three");
    expect_slice(mb_rows_find(&rows, MB_SLICE("one")), NULL);
    assert_true(mb_bundle_rows(composed, MB_SLICE("lists/b.txt"), MB_ROWS_LIST, &rows));
    expect_slice(mb_rows_find(&rows, MB_SLICE("two")), "two");
    assert_false(mb_bundle_rows(composed, MB_SLICE("lists/c.txt"), MB_ROWS_LIST, &rows));
    assert_false(mb_bundle_rows(composed, MB_SLICE("strategies/a.lua"), MB_ROWS_LIST, &rows));
    mb_bundle_free(composed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_map_gives_what_stands_between_quotes),
        TEST(what_is_wrong_with_a_file_is_told_where_it_is_used),
        TEST(a_broken_file_that_nobody_uses_harms_nobody),
        TEST(keys_of_a_map_that_repeat_are_a_warning),
        TEST(two_gigabytes_are_refused_by_name),
        TEST(a_generation_keeps_its_rows),
        TEST(a_composed_bundle_has_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
