/* Values as the protocols write them; what may be written back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

static struct mb_arena arena;

static void same(const char *input, struct mb_slice got, const char *want)
{
    if (mb_slice_present(got) != (want != NULL) || (want && !mb_slice_is(got, want))) {
        fail_msg("'%s' gave '%.*s', wanted '%s'", input, MB_SLICE_ARG(got), want ? want : "(absent)");
    }
}

static void a_language_is_its_first_two_letters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {{"en", "en"},       {"EN-us", "en"}, {"de_AT", "de"},  {"fr,en;q=0.8", "fr"}, {" es ", "es"},
                {"pt;q=1", "pt"},   {"eng", NULL},   {"e", NULL},      {"", NULL},            {"12", NULL},
                {"*", NULL},        {NULL, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        same(rows[i].text, mb__exchange_language(mb_slice_of(rows[i].text), &arena), rows[i].want);
    }
}

static void a_host_is_what_stands_between_scheme_and_path(void **state)
{
    (void)state;
    static const struct {
        const char *url, *want;
    } rows[] = {
        {"https://Pub.Example/p?x=1", "pub.example"},
        {"pub.example", "pub.example"},
        {"pub.example/a://b", "pub.example"},
        {"http://u:p@pub.example:8080/x", "pub.example"},
        {"http://pub.example?x=a@b", "pub.example"},
        {"http://pub.example#f", "pub.example"},
        {"http://[2001:db8::1]:80/", "[2001:db8::1]"},
        {"http://", NULL},
        {"/path", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        same(rows[i].url, mb__exchange_host(mb_slice_of(rows[i].url), &arena), rows[i].want);
    }
}

static void unknown_users_are_absent(void **state)
{
    (void)state;
    same("0", mb__exchange_known_id(MB_SLICE("0")), NULL);
    same("-1", mb__exchange_known_id(MB_SLICE(" -1 ")), NULL);
    same("", mb__exchange_known_id(MB_SLICE("")), NULL);
    same("00", mb__exchange_known_id(MB_SLICE("00")), "00");
    same("-2", mb__exchange_known_id(MB_SLICE("-2")), "-2");
}

static void only_sound_utf8_is_encodable(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool json, xml;
    } rows[] = {
        {"", true, true},
        {"plain", true, true},
        {"\x7f", true, true},
        {"\xc2\x80", true, true},
        {"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf4\x8f\xbf\xbf", true, true},
        {"\x01", true, false},
        {"\xef\xbf\xbe", true, false},
        {"\x80", false, false},
        {"\xc0\xaf", false, false},
        {"\xc1\xbf", false, false},
        {"\xe0\x80\x80", false, false},
        {"\xe2\x82", false, false},
        {"\xed\xa0\x80", false, false},
        {"\xf0\x80\x80\x80", false, false},
        {"\xf4\x90\x80\x80", false, false},
        {"\xf5\x80\x80\x80", false, false},
        {"a\xe2(\xa1", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (mb__exchange_encodable(mb_slice_of(rows[i].text), false) != rows[i].json ||
            mb__exchange_encodable(mb_slice_of(rows[i].text), true) != rows[i].xml) {
            fail_msg("row %zu", i);
        }
    }
    assert_true(mb__exchange_encodable(MB_SLICE_NONE, true));
    assert_true(mb__exchange_encodable(MB_SLICE("a\0b"), false));
    assert_false(mb__exchange_encodable(MB_SLICE("a\0b"), true));
}

/* A text of `len` bytes 'a' with `c` at `place`, in memory of just its size: a sanitizer sees who reads further. */
static struct mb_slice with_byte(size_t len, size_t place, char c)
{
    char *text = malloc(len);
    memset(text, 'a', len);
    text[place] = c;
    return mb_slice(text, len);
}

/* Many bytes are looked at together: none of them may hide another, wherever it stands. */
static void a_byte_is_seen_wherever_it_stands(void **state)
{
    static const struct {
        char byte;
        bool json, xml;
        const char *escaped;
    } rows[] = {{'\x80', false, false, "\x80"}, {'\xff', false, false, "\xff"}, {'\x1f', true, false, "\x1f"},
                {'\n', true, true, "\n"},        {' ', true, true, " "},            {'~', true, true, "~"},
                {'&', true, true, "&amp;"},      {'<', true, true, "&lt;"},        {'>', true, true, "&gt;"},
                {'"', true, true, "&quot;"}};
    (void)state;
    for (size_t len = 1; len <= 70; len++) {
        for (size_t place = 0; place < len; place++) {
            for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct mb_slice text = with_byte(len, place, rows[i].byte);
                struct mb_buf out = {0};
                size_t more = strlen(rows[i].escaped);
                assert_int_equal(mb__exchange_encodable(text, false), rows[i].json);
                assert_int_equal(mb__exchange_encodable(text, true), rows[i].xml);
                mb__exchange_add_escaped(&out, text);
                assert_int_equal(out.len, len - 1 + more);
                assert_memory_equal(out.data, text.data, place);
                assert_memory_equal(out.data + place, rows[i].escaped, more);
                assert_memory_equal(out.data + place + more, text.data + place + 1, len - 1 - place);
                mb_buf_fini(&out);
                free((char *)(uintptr_t)text.data);
            }
        }
    }
}

static void bare_numbers_are_what_json_calls_an_integer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {{"0", true},  {"-1", true}, {"18446744073709551616", true}, {"", false},    {"-", false},
                {"01", false}, {"-01", false}, {"1.0", false},              {"+1", false}, {"1e3", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(mb__exchange_is_integer(mb_slice_of(rows[i].text)), rows[i].want);
    }
}

static void lists_are_split_and_trimmed(void **state)
{
    (void)state;
    struct mb_slices list = mb__exchange_split(MB_SLICE(" a, b,,c c ,"), ',', &arena);
    assert_int_equal(list.count, 3);
    same("b", list.items[1], "b");
    same("c c", list.items[2], "c c");
    assert_int_equal(mb__exchange_split(MB_SLICE_NONE, ',', &arena).count, 0);
    assert_int_equal(mb__exchange_split(MB_SLICE(",,"), ',', &arena).count, 0);
    char many[4000];
    memset(many, ',', sizeof many);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'x';
    }
    assert_int_equal(mb__exchange_split(mb_slice(many, sizeof many), ',', &arena).count, MB_WIRE_LIST_MAX);
}

static void error_ids_have_their_published_symbols(void **state)
{
    (void)state;
    static const struct {
        int64_t id;
        const char *name;
    } rows[] = {{0, "UNKNOWN"},
                {10, "REQUEST_TIMEOUT"},
                {102, "CREATIVE_NOT_FOUND"},
                {139, "CREATIVE_GDPR_UNAPPROVED_VENDOR"},
                {148, "EXTERNAL_RENDER_RESPONSE_TRANSPORT_ERROR"},
                {328, "SPEND_PROTECT_INVALID_ID"},
                {408, "AD_PROFILE_CR_BRAND"},
                {1002, "NO_BID_URI"},
                {101, NULL},
                {140, NULL},
                {-1, NULL},
                {1003, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        same("error id", mb__xandr_error_name(rows[i].id), rows[i].name);
    }
    /* The table is searched by halves: a row out of order would hide others. */
    size_t found = 0;
    for (int64_t id = 0; id <= 1002; id++) {
        found += mb_slice_present(mb__xandr_error_name(id));
    }
    assert_int_equal(found, 140);
}

static int setup(void **state)
{
    (void)state;
    mb_arena_init(&arena, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_language_is_its_first_two_letters),
        cmocka_unit_test(a_host_is_what_stands_between_scheme_and_path),
        cmocka_unit_test(unknown_users_are_absent),
        cmocka_unit_test(only_sound_utf8_is_encodable),
        cmocka_unit_test(a_byte_is_seen_wherever_it_stands),
        cmocka_unit_test(bare_numbers_are_what_json_calls_an_integer),
        cmocka_unit_test(lists_are_split_and_trimmed),
        cmocka_unit_test(error_ids_have_their_published_symbols),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
