#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "moonbid/json.h"

static struct mb_buf buf;
static struct mb_json_writer w;

/* A stand-in for a machine with a comma locale, which may not be installed: while it is on,
 * printing under the process-wide locale gives a comma, as it would in Germany. Code that asks for
 * the "C" locale is not touched. */
static bool comma_locale;

int snprintf(char *restrict out, size_t size, const char *restrict fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(out, size, fmt, args);
    va_end(args);
    if (comma_locale && uselocale((locale_t)0) == LC_GLOBAL_LOCALE) {
        char *point = strchr(out, '.');
        if (point)
            *point = ',';
    }
    return len;
}

static int set_up(void **state)
{
    (void)state;
    mb_json_writer_init(&w, &buf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_buf_fini(&buf);
    return 0;
}

static void restart(void)
{
    mb_buf_clear(&buf);
    mb_json_writer_init(&w, &buf);
}

static const char *written(void)
{
    mb_xbuf_add_char(&buf, '\0');
    return buf.data;
}

static void commas_stand_between_members_only(void **state)
{
    (void)state;
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "a");
    mb_jsonw_array(&w);
    mb_jsonw_array_end(&w);
    mb_jsonw_key(&w, "b");
    mb_jsonw_array(&w);
    mb_jsonw_i64(&w, INT64_MIN);
    mb_jsonw_u64(&w, UINT64_MAX);
    mb_jsonw_object(&w);
    mb_jsonw_object_end(&w);
    mb_jsonw_array(&w);
    mb_jsonw_null(&w);
    mb_jsonw_array_end(&w);
    mb_jsonw_array_end(&w);
    mb_jsonw_key_slice(&w, MB_SLICE("c\""));
    mb_jsonw_bool(&w, true);
    mb_jsonw_key(&w, "d");
    mb_jsonw_price(&w, (struct mb_price){340000});
    mb_jsonw_key(&w, "e");
    mb_jsonw_amount(&w, (struct mb_amount){-1});
    mb_jsonw_key(&w, "f");
    mb_jsonw_raw(&w, MB_SLICE("{\"x\":1}"));
    mb_jsonw_object_end(&w);
    assert_string_equal(written(),
                        "{\"a\":[],\"b\":[-9223372036854775808,18446744073709551615,{},[null]],"
                        "\"c\\\"\":true,\"d\":0.34,\"e\":-0.000000001,\"f\":{\"x\":1}}");
}

static void strings_are_escaped(void **state)
{
    (void)state;
    const struct {
        struct mb_slice in;
        const char *out;
    } rows[] = {
        {MB_SLICE(""), "\"\""},
        {MB_SLICE_NONE, "\"\""},
        {MB_SLICE("plain text, longer than a word"), "\"plain text, longer than a word\""},
        {MB_SLICE("\"\\/"), "\"\\\"\\\\/\""},
        {MB_SLICE("\b\f\n\r\t\0\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\""},
        {MB_SLICE("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {MB_SLICE("a\xff"
                  "b\xc3"),
         "\"a\xef\xbf\xbd"
         "b\xef\xbf\xbd\""},
        {MB_SLICE("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        restart();
        mb_jsonw_str(&w, rows[i].in);
        assert_string_equal(written(), rows[i].out);
    }
}

/* Plain bytes are looked at in blocks: none may hide another at any place of a string of any
 * length. */
static void a_byte_is_escaped_wherever_it_stands(void **state)
{
    (void)state;
    static const struct {
        char byte;
        const char *escaped;
    } rows[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\x01', "\\u0001"}, {'\xff', "\xef\xbf\xbd"}};
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        for (size_t len = 1; len <= 50; len++) {
            for (size_t at = 0; at < len; at++) {
                char in[50], due[64];
                memset(in, 'x', sizeof(in));
                in[at] = rows[row].byte;
                snprintf(due, sizeof(due), "\"%.*s%s%.*s\"", (int)at, in, rows[row].escaped,
                         (int)(len - at - 1), in + at + 1);
                restart();
                mb_jsonw_str(&w, mb_slice(in, len));
                assert_string_equal(written(), due);
            }
        }
    }
}

static void ids_are_bare_if_they_are_canonical_integers(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *out;
    } rows[] = {
        {"9007199254740993", "9007199254740993"},
        {"18446744073709551615", "18446744073709551615"},
        {"-1", "-1"},
        {"0", "0"},
        {"-0", "\"-0\""},
        {"007", "\"007\""},
        {"-", "\"-\""},
        {"", "\"\""},
        {"1.0", "\"1.0\""},
        {"1e3", "\"1e3\""},
        {"+1", "\"+1\""},
        {"12a", "\"12a\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        restart();
        mb_jsonw_id(&w, mb_slice_of(rows[i].id));
        assert_string_equal(written(), rows[i].out);
    }
}

static const struct {
    double value;
    const char *text;
} doubles[] = {
    {0, "0"},
    {-0.0, "-0"},
    {0.1, "0.1"},
    {0.5, "0.5"},
    {-1.25, "-1.25"},
    {100, "100"},
    {1.0 / 3, "0.3333333333333333"},
    {0.1 + 0.2, "0.30000000000000004"},
    {9007199254740992.0, "9007199254740992"},
    {1e300, "1e+300"},
    {5e-324, "5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {INFINITY, "null"},
    {-INFINITY, "null"},
    {NAN, "null"},
};

static void check_doubles(void)
{
    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        restart();
        mb_jsonw_f64(&w, doubles[i].value);
        assert_string_equal(written(), doubles[i].text);
    }
}

static void doubles_are_short_and_exact(void **state)
{
    (void)state;
    check_doubles();
    /* any bit pattern reads back as itself */
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        restart();
        mb_jsonw_f64(&w, value);
        double back = strtod(written(), NULL);
        assert_memory_equal(&back, &value, sizeof(value));
    }
}

static void no_locale_changes_a_number(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE"};
    bool real = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !real; i++)
        real = setlocale(LC_ALL, names[i]) != NULL;
    comma_locale = !real;
    char probe[8];
    snprintf(probe, sizeof(probe), "%.1f", 0.5);
    assert_string_equal(probe, "0,5");

    check_doubles();
    restart();
    mb_jsonw_price(&w, (struct mb_price){340000});
    assert_string_equal(written(), "0.34");
    restart();
    mb_jsonw_amount(&w, (struct mb_amount){1500000000});
    assert_string_equal(written(), "1.5");

    struct mb_arena arena;
    struct mb_json doc;
    struct mb_price price;
    mb_arena_init(&arena, 1024);
    assert_int_equal(mb_json_parse(&doc, &arena, MB_SLICE("[0.25]"), NULL), 0);
    struct mb_json_value quarter = mb_json_at(mb_json_root(&doc), 0);
    assert_true(mb_json_f64(quarter, 0) * 4 == 1);
    assert_true(mb_json_price(quarter, &price));
    assert_int_equal(price.micros, 250000);
    mb_arena_fini(&arena);
    setlocale(LC_ALL, "C");
    comma_locale = false;
}

/* --- against a writer that looks at one byte after the other --- */

static void add_naively(struct mb_buf *out, struct mb_slice s)
{
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.data[i];
        size_t len = mb_slice_utf8(mb_slice(s.data + i, s.len - i));
        if (c >= 0x80 && len > 0)
            mb_xbuf_add(out, s.data + i, len);
        else if (c >= 0x80)
            mb_xbuf_add_text(out, "\xef\xbf\xbd");
        else if (strchr("\b\f\n\r\t\"\\", c) && c)
            mb_xbuf_printf(out, "\\%c", c >= 0x20 ? c : c == '\b' ? 'b' : c == '\f' ? 'f' : c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x20)
            mb_xbuf_printf(out, "\\u%04x", c);
        else
            mb_xbuf_add_char(out, (char)c);
        i += len ? len : 1;
    }
}

/* Plain bytes mostly, so that each kind of step meets each other one. */
static char some_byte(unsigned *seed, int kind)
{
    static const char odd[] = {'"', '\\', '\n', 1, 0, (char)0xc3, (char)0xa4, (char)0xe2, (char)0x82, (char)0xac, (char)0xf0, (char)0x9f, (char)0x98, (char)0x80, (char)0xff, 0x1f, 0x7f};
    *seed = *seed * 1103515245 + 12345;
    unsigned draw = *seed >> 16;
    return kind == 0 || (int)(draw % 16) >= kind ? (char)(' ' + 3 + draw % 50) : odd[draw / 16 % sizeof odd];
}

static void texts_are_written_as_byte_by_byte(void **state)
{
    static const size_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 100, 4093, 4095, 4096, 4097, 4100, 8192, 12289};
    struct mb_buf expected = {0};
    unsigned seed = 1;
    (void)state;
    for (int round = 0; round < 400; round++) {
        size_t len = round < 40 ? lengths[(size_t)round % (sizeof lengths / sizeof lengths[0])] : (size_t)round % 70;
        char *text = malloc(len ? len : 1); /* with nothing behind it, for the sanitizers */
        for (size_t i = 0; i < len; i++)
            text[i] = some_byte(&seed, round % 17);
        mb_buf_clear(&expected);
        add_naively(&expected, mb_slice(text, len));
        restart();
        mb_jsonw_str(&w, mb_slice(text, len));
        assert_int_equal(buf.len, expected.len + 2);
        if (expected.len > 0)
            assert_memory_equal(buf.data + 1, expected.data, expected.len);
        char *room = malloc(MB_JSON_ESCAPE_ROOM(len));
        assert_int_equal(mb_json_escape(room, mb_slice(text, len)) - room, expected.len);
        if (expected.len > 0)
            assert_memory_equal(room, expected.data, expected.len);
        free(room);
        free(text);
    }
    mb_buf_fini(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_between_members_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_byte_is_escaped_wherever_it_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_bare_if_they_are_canonical_integers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(texts_are_written_as_byte_by_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_are_short_and_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_locale_changes_a_number, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
