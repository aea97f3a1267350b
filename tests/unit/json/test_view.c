#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/json.h"

static struct mb_arena arena;
static struct mb_json doc;

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

static struct mb_json_value parse(const char *text)
{
    struct mb_error err;
    if (mb_json_parse(&doc, &arena, mb_slice_of(text), &err) != 0)
        fail_msg("'%s': %s at %ld", text, err.what, err.at);
    return mb_json_root(&doc);
}

/* `slip` is the one that is due, MB_JSON_SLIP_COUNT for none. */
static void check_slip(const char *text, int slip)
{
    for (int i = 0; i < MB_JSON_SLIP_COUNT; i++) {
        if (doc.slips[i] != (i == slip ? 1 : 0))
            fail_msg("%s: %u times %s", text, doc.slips[i],
                     mb_json_slip_name((enum mb_json_slip)i));
    }
}

#define NO_SLIP MB_JSON_SLIP_COUNT

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -77 is the fallback */
        int slip;
    } rows[] = {
        {"0", 0, NO_SLIP},
        {"-1", -1, NO_SLIP},
        {"9007199254740993", INT64_C(9007199254740993), NO_SLIP},
        {"9223372036854775807", INT64_MAX, NO_SLIP},
        {"-9223372036854775808", INT64_MIN, NO_SLIP},
        {"9223372036854775808", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"18446744073709551615", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"9007199254740993\"", INT64_C(9007199254740993), MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"18446744073709551615\"", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"9007199254740993.0", INT64_C(9007199254740993), MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"1.9", 1, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"-1.9", -1, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"0.99e1", 9, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"1e3", 1000, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"125e-1", 12, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"1e-400", 0, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"0e99999999999999999999", 0, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"1e19", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"1e99999999999999999999", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"0.00000000000000000000012e24", 120, MB_JSON_SLIP_FRACTION_FOR_INTEGER},
        {"\"12\"", 12, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"12.7\"", 12, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"true", 1, MB_JSON_SLIP_WRONG_TYPE},
        {"false", 0, MB_JSON_SLIP_WRONG_TYPE},
        {"\"\"", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"12a\"", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"0x1\"", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"[1]", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"{}", -77, MB_JSON_SLIP_WRONG_TYPE},
        {"null", -77, NO_SLIP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = mb_json_i64(parse(rows[i].text), -77);
        if (value != rows[i].value)
            fail_msg("%s gave %lld", rows[i].text, (long long)value);
        check_slip(rows[i].text, rows[i].slip);
    }
}

static void ids_keep_every_digit_and_are_no_slip(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *id; /* NULL: absent */
    } rows[] = {
        {"9007199254740993", "9007199254740993"},
        {"\"9007199254740993\"", "9007199254740993"},
        {"9223372036854775807", "9223372036854775807"},
        {"-1", "-1"},
        {"18446744073709551615", "18446744073709551615"},
        {"\"18446744073709551615\"", "18446744073709551615"},
        {"340282366920938463463374607431768211455", "340282366920938463463374607431768211455"},
        {"\"a\\/b\"", "a/b"},
        {"\"\"", ""},
        {"1.0", NULL},
        {"1e3", NULL},
        {"true", NULL},
        {"null", NULL},
        {"[1]", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_slice id = mb_json_id(parse(rows[i].text));
        if (mb_slice_present(id) != (rows[i].id != NULL) ||
            !mb_slice_eq(id, mb_slice_of(rows[i].id)))
            fail_msg("%s gave %.*s", rows[i].text, MB_SLICE_ARG(id));
        check_slip(rows[i].text, NO_SLIP);
        assert_true(mb_slice_is(mb_json_text(mb_json_root(&doc)), rows[i].text));
    }
}

static void strings(void **state)
{
    (void)state;
    const struct {
        const char *text;
        struct mb_slice value;
        int slip;
    } rows[] = {
        {"\"abc\"", MB_SLICE("abc"), NO_SLIP},
        {"\"\"", MB_SLICE(""), NO_SLIP},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", MB_SLICE("\"\\/\b\f\n\r\t"), NO_SLIP},
        {"\"a\\u0000b\"", MB_SLICE("a\0b"), NO_SLIP},
        {"\"\\u00e9\\u20AC\"", MB_SLICE("\xc3\xa9\xe2\x82\xac"), NO_SLIP},
        {"\"\\ud83d\\ude00!\"", MB_SLICE("\xf0\x9f\x98\x80!"), NO_SLIP},
        {"\"\\udbff\\udfff\"", MB_SLICE("\xf4\x8f\xbf\xbf"), NO_SLIP},
        {"\"\\ud83d\"", MB_SLICE("\xef\xbf\xbd"), NO_SLIP},
        {"\"\\ud83dx\"", MB_SLICE("\xef\xbf\xbdx"), NO_SLIP},
        {"\"\\ude00\\ud83d\"", MB_SLICE("\xef\xbf\xbd\xef\xbf\xbd"), NO_SLIP},
        {"\"\\ud83d\\ud83d\\ude00\"", MB_SLICE("\xef\xbf\xbd\xf0\x9f\x98\x80"), NO_SLIP},
        {"\"\\ud83d\\u0041\"",
         MB_SLICE("\xef\xbf\xbd"
                  "A"),
         NO_SLIP},
        {"\"\xf0\x9f\x98\x80\"", MB_SLICE("\xf0\x9f\x98\x80"), NO_SLIP},
        {"12.50", MB_SLICE("12.50"), MB_JSON_SLIP_NUMBER_FOR_STRING},
        {"18446744073709551615", MB_SLICE("18446744073709551615"), MB_JSON_SLIP_NUMBER_FOR_STRING},
        {"true", MB_SLICE_NONE, MB_JSON_SLIP_WRONG_TYPE},
        {"[]", MB_SLICE_NONE, MB_JSON_SLIP_WRONG_TYPE},
        {"null", MB_SLICE_NONE, NO_SLIP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_slice value = mb_json_str(parse(rows[i].text));
        if (!mb_slice_eq(value, rows[i].value) ||
            mb_slice_present(value) != mb_slice_present(rows[i].value))
            fail_msg("%s gave %.*s", rows[i].text, MB_SLICE_ARG(value));
        check_slip(rows[i].text, rows[i].slip);
    }
}

static void booleans(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int value; /* -1: the fallback */
        int slip;
    } rows[] = {
        {"true", 1, NO_SLIP},
        {"false", 0, NO_SLIP},
        {"1", 1, MB_JSON_SLIP_NUMBER_FOR_BOOL},
        {"0", 0, MB_JSON_SLIP_NUMBER_FOR_BOOL},
        {"\"1\"", 1, MB_JSON_SLIP_STRING_FOR_BOOL},
        {"\"0\"", 0, MB_JSON_SLIP_STRING_FOR_BOOL},
        {"\"true\"", 1, MB_JSON_SLIP_STRING_FOR_BOOL},
        {"\"false\"", 0, MB_JSON_SLIP_STRING_FOR_BOOL},
        {"2", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"\"yes\"", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"\"\"", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"[true]", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"null", -1, NO_SLIP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int fallback = 0; fallback < 2; fallback++) {
            bool value = mb_json_bool(parse(rows[i].text), fallback);
            if (value != (rows[i].value < 0 ? fallback : rows[i].value))
                fail_msg("%s gave %d", rows[i].text, value);
            check_slip(rows[i].text, rows[i].slip);
            bool truth = fallback;
            bool is_said = mb_json_truth(parse(rows[i].text), &truth);
            if (is_said != (rows[i].value >= 0) || truth != value)
                fail_msg("%s said %d, %d", rows[i].text, is_said, truth);
            check_slip(rows[i].text, rows[i].slip);
        }
    }
}

/* Where a protocol has 0 and 1 for no and yes, the words are what an operator should hear of. */
static void flags(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int value; /* -1: not said */
        int slip;
    } rows[] = {
        {"1", 1, NO_SLIP},
        {"0", 0, NO_SLIP},
        {"true", 1, MB_JSON_SLIP_BOOL_FOR_NUMBER},
        {"false", 0, MB_JSON_SLIP_BOOL_FOR_NUMBER},
        {"\"1\"", 1, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"0\"", 0, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"true\"", 1, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"false\"", 0, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"2", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"1.0", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"-1", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"\"\"", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"{}", -1, MB_JSON_SLIP_WRONG_TYPE},
        {"null", -1, NO_SLIP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int before = 0; before < 2; before++) {
            bool flag = before;
            bool is_said = mb_json_flag(parse(rows[i].text), &flag);
            if (is_said != (rows[i].value >= 0) || flag != (is_said ? rows[i].value : before))
                fail_msg("%s said %d, %d", rows[i].text, is_said, flag);
            check_slip(rows[i].text, rows[i].slip);
        }
    }
}

static void doubles_and_prices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;   /* -77 is the fallback */
        int64_t micros; /* -77: no price */
        int slip;       /* of both */
    } rows[] = {
        {"0.34", 0.34, 340000, NO_SLIP},
        {"1e-3", 1e-3, 1000, NO_SLIP},
        {"12", 12, 12000000, NO_SLIP},
        {"[0.34]", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"0.34\"", 0.34, 340000, MB_JSON_SLIP_STRING_FOR_NUMBER},
        {"\"0,34\"", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"\"", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"\"nan\"", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"1e999", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"true", -77, -77, MB_JSON_SLIP_WRONG_TYPE},
        {"null", -77, -77, NO_SLIP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double value = mb_json_f64(parse(rows[i].text), -77);
        if (value < rows[i].value || value > rows[i].value)
            fail_msg("%s gave %g", rows[i].text, value);
        check_slip(rows[i].text, rows[i].slip);
        struct mb_price price = {-77};
        bool taken = mb_json_price(parse(rows[i].text), &price);
        assert_int_equal(price.micros, rows[i].micros);
        assert_int_equal(taken, rows[i].micros != -77);
        check_slip(rows[i].text, rows[i].slip);
    }
    /* No double is exactly 0.0000015: the half is rounded up from the digits. */
    struct mb_price price;
    assert_true(mb_json_price(parse("0.0000015"), &price));
    assert_int_equal(price.micros, 2);
}

static void members_are_found_and_duplicates_counted(void **state)
{
    (void)state;
    struct mb_json_value root =
        parse("{\"a\":1,\"b\":{\"a\":2,\"c\":[1,[2],{\"a\":3}]},\"\\u0063\":4,\"a\":5,\"\":6}");
    assert_int_equal(mb_json_i64(mb_json_get(root, MB_SLICE("b")), -77), -77);
    doc.slips[MB_JSON_SLIP_WRONG_TYPE] = 0;
    assert_int_equal(mb_json_i64(mb_json_get(root, MB_SLICE("a")), 0), 1);
    check_slip("a", MB_JSON_SLIP_DUPLICATE_KEY);
    assert_int_equal(mb_json_i64(mb_json_get(root, MB_SLICE("c")), 0), 4);
    assert_int_equal(mb_json_i64(mb_json_get(root, MB_SLICE("")), 0), 6);
    struct mb_json_value b = mb_json_get(root, MB_SLICE("b"));
    assert_int_equal(mb_json_i64(mb_json_get(b, MB_SLICE("a")), 0), 2);
    struct mb_json_value c = mb_json_get(b, MB_SLICE("c"));
    assert_int_equal(mb_json_count(c), 3);
    assert_int_equal(mb_json_i64(mb_json_get(mb_json_at(c, 2), MB_SLICE("a")), 0), 3);
    assert_true(mb_slice_is(mb_json_text(mb_json_at(c, 1)), "[2]"));
    assert_false(mb_json_present(mb_json_at(c, 3)));

    /* absent goes through everything and stays absent */
    struct mb_json_value none = mb_json_get(mb_json_get(root, MB_SLICE("x")), MB_SLICE("y"));
    assert_int_equal(none.type, MB_JSON_NONE);
    assert_int_equal(mb_json_at(none, 0).type, MB_JSON_NONE);
    assert_int_equal(mb_json_first(none).type, MB_JSON_NONE);
    assert_int_equal(mb_json_count(none), 0);
    assert_int_equal(mb_json_i64(none, 9), 9);
    assert_false(mb_slice_present(mb_json_str(none)));
    assert_false(mb_slice_present(mb_json_text(none)));
    check_slip("none", MB_JSON_SLIP_DUPLICATE_KEY);
}

/* An object whose keys are a few letters long, so that their marks collide, and sometimes so many
 * that an object has all bits set; 1, 2 and 3 as they are, a, b and c with an escape. */
static void write_random_object(char *out, size_t size, unsigned *seed)
{
    size_t n = (size_t)snprintf(out, size, "{");
    int members = rand_r(seed) % (rand_r(seed) % 10 ? 12 : 150);
    bool escapes = rand_r(seed) % 2;
    for (int i = 0; i < members; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s\"", i ? "," : "");
        for (int letters = rand_r(seed) % 5; letters > 0; letters--)
            n += (size_t)snprintf(out + n, size - n,
                                  escapes && rand_r(seed) % 8 == 0 ? "\\u006%d" : "%d",
                                  1 + rand_r(seed) % 3);
        n += (size_t)snprintf(out + n, size - n, "\":%d", i);
    }
    snprintf(out + n, size - n, "}");
}

/* The first member of that key, -1 without one, and how many more there are. */
static int64_t walk_to(struct mb_json_value object, struct mb_slice key, unsigned *more)
{
    int64_t first = -1;
    *more = 0;
    for (struct mb_json_value at = mb_json_first(object); at.type != MB_JSON_NONE;
         at = mb_json_next(object, at)) {
        if (!mb_slice_eq(mb_json_key(at), key))
            continue;
        *more += first >= 0;
        first = first < 0 ? mb_json_i64(at, -1) : first;
    }
    return first;
}

/* Look-ups take short cuts by a mark of each key; a walk takes none. */
static void look_ups_find_what_a_walk_finds(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 2000; round++) {
        char text[8192];
        write_random_object(text, sizeof(text), &seed);
        struct mb_json_value root = parse(text);
        for (int i = 0; i < 30; i++) {
            char letters[4];
            unsigned more, before = doc.slips[MB_JSON_SLIP_DUPLICATE_KEY];
            for (size_t k = 0; k < sizeof(letters); k++)
                letters[k] = "123abc"[rand_r(&seed) % 6];
            struct mb_slice key = mb_slice(letters, (size_t)rand_r(&seed) % 5);
            int64_t expected = walk_to(root, key, &more),
                    got = mb_json_i64(mb_json_get(root, key), -1);
            if (got != expected || doc.slips[MB_JSON_SLIP_DUPLICATE_KEY] != before + more)
                fail_msg("%.*s in %s: member %d, expected %d and %u more", MB_SLICE_ARG(key), text,
                         (int)got, (int)expected, more);
        }
        mb_arena_reset(&arena);
    }
}

static void walks_visit_every_member_once(void **state)
{
    (void)state;
    struct mb_json_value root = parse("{\"x\":[],\"y\\n\":{\"z\":0},\"w\":null}");
    static const char *const keys[] = {"x", "y\n", "w"};
    size_t n = 0;
    struct mb_json_value at = mb_json_first(root);
    for (; at.type != MB_JSON_NONE; at = mb_json_next(root, at))
        assert_true(mb_slice_is(mb_json_key(at), keys[n++]));
    assert_int_equal(n, 3);
    assert_int_equal(mb_json_first(mb_json_get(root, MB_SLICE("x"))).type, MB_JSON_NONE);
    assert_false(mb_slice_present(mb_json_key(root)));
}

static void a_scalar_is_a_list_of_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        int64_t sum;
        int slip;
    } rows[] = {
        {"[1,2,[],3]", 4, 6, NO_SLIP},
        {"[]", 0, 0, NO_SLIP},
        {"null", 0, 0, NO_SLIP},
        {"7", 1, 7, MB_JSON_SLIP_SCALAR_FOR_ARRAY},
        {"{\"a\":1}", 1, 0, MB_JSON_SLIP_SCALAR_FOR_ARRAY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_json_value list = parse(rows[i].text);
        uint32_t n = 0;
        int64_t sum = 0;
        struct mb_json_value at = mb_json_list_first(list);
        for (; mb_json_present(at); at = mb_json_list_next(list, at), n++)
            sum += at.type == MB_JSON_NUMBER ? mb_json_i64(at, 0) : 0;
        assert_int_equal(n, rows[i].count);
        assert_int_equal(sum, rows[i].sum);
        assert_int_equal(mb_json_list_count(list), n);
        check_slip(rows[i].text, rows[i].slip);
    }
}

static void slips_saturate(void **state)
{
    (void)state;
    struct mb_json_value root = parse("\"1\"");
    for (int i = 0; i < 70000; i++)
        mb_json_i64(root, 0);
    assert_int_equal(doc.slips[MB_JSON_SLIP_STRING_FOR_NUMBER], UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_keep_every_digit_and_are_no_slip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(booleans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_and_prices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(look_ups_find_what_a_walk_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_are_found_and_duplicates_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(walks_visit_every_member_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scalar_is_a_list_of_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slips_saturate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
