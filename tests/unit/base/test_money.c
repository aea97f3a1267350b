#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/money.h"

static void prices_are_read_to_the_nearest_micro_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"12", 12000000},
        {"0.34", 340000},
        {"-0.34", -340000},
        {"1e-3", 1000},
        {"1E+2", 100000000},
        {"12.5e-1", 1250000},
        {"0.0000005", 1},
        {"-0.0000005", -1},
        {"0.00000049999999999999999999", 0},
        {"0.0000015", 2},
        {"1.9999995", 2000000},
        {"0.1234564999", 123456},
        {"5e-7", 1},
        {"5e-8", 0},
        {"9e-7", 1},
        {"0.0e999999999999999999999", 0},
        {"1e-999999999999999999999", 0},
        {"0.000000000000000000000000000001e30", 1000000},
        {"1000000", 1000000000000},
        {"1000000.0000004", 1000000000000},
        {"100000000000000000000000e-20", 1000000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_price price = {-7};
        if (!mb_money_parse_price(mb_slice_of(rows[i].text), &price) ||
            price.micros != rows[i].micros)
            fail_msg("'%s' gave %lld", rows[i].text, (long long)price.micros);
    }
}

static void what_is_no_price_changes_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "-",
                                       "+1",
                                       ".5",
                                       "1.",
                                       "01",
                                       "-01",
                                       "1e",
                                       "1e+",
                                       "1,5",
                                       "0x10",
                                       " 1",
                                       "1 ",
                                       "NaN",
                                       "inf",
                                       "1.2.3",
                                       "--1",
                                       "1e1.5",
                                       "1e999",
                                       "-1e99",
                                       "1e6.",
                                       "1_0",
                                       "1000001",
                                       "1000000.0000005",
                                       "9223372036854775807",
                                       "18446744073709551616",
                                       "-1000000.000001",
                                       "1e999999999999999999999999"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_price price = {-7};
        if (mb_money_parse_price(mb_slice_of(rows[i]), &price) || price.micros != -7)
            fail_msg("'%s' was taken", rows[i]);
    }
    struct mb_price price = {-7};
    assert_false(mb_money_parse_price(MB_SLICE_NONE, &price));
    assert_false(mb_money_parse_price(MB_SLICE("1\0"), &price));
}

static void amounts_use_the_whole_64_bits(void **state)
{
    (void)state;
    struct mb_amount amount;
    assert_true(mb_money_parse_amount(MB_SLICE("9223372036.854775807"), &amount));
    assert_int_equal(amount.nanos, INT64_MAX);
    assert_true(mb_money_parse_amount(MB_SLICE("-9223372036.854775807"), &amount));
    assert_int_equal(amount.nanos, -INT64_MAX);
    assert_false(mb_money_parse_amount(MB_SLICE("9223372036.854775808"), &amount));
    assert_false(mb_money_parse_amount(MB_SLICE("9223372036.8547758075"), &amount));
}

static void printing_is_plain_and_reads_back(void **state)
{
    (void)state;
    static const struct {
        int64_t micros;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "0.000001"},
        {-1, "-0.000001"},
        {340000, "0.34"},
        {12000000, "12"},
        {-1200000, "-1.2"},
        {100000, "0.1"},
        {1000000, "1"},
        {10000000, "10"},
        {1234567, "1.234567"},
        {MB_PRICE_MAX_MICROS, "1000000"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_buf_clear(&buf);
        mb_xbuf_add_price(&buf, (struct mb_price){rows[i].micros});
        if (!mb_slice_is(mb_buf_slice(&buf), rows[i].text))
            fail_msg("%s printed as %.*s", rows[i].text, MB_SLICE_ARG(mb_buf_slice(&buf)));
        struct mb_price back;
        assert_true(mb_money_parse_price(mb_buf_slice(&buf), &back));
        assert_int_equal(back.micros, rows[i].micros);
    }
    mb_buf_clear(&buf);
    mb_xbuf_add_amount(&buf, (struct mb_amount){INT64_MIN});
    assert_true(mb_slice_is(mb_buf_slice(&buf), "-9223372036.854775808"));
    mb_buf_fini(&buf);
}

static void every_price_of_six_decimals_survives_a_double(void **state)
{
    (void)state;
    for (int64_t micros = -3000000; micros < 3000000; micros += 7) {
        struct mb_price back;
        assert_true(
            mb_money_price_from_double(mb_money_price_to_double((struct mb_price){micros}), &back));
        assert_int_equal(back.micros, micros);
    }
}

static void doubles_out_of_range_are_refused(void **state)
{
    (void)state;
    struct mb_price price = {-7};
    struct mb_amount amount = {-7};
    const double rows[] = {__builtin_nan(""), __builtin_inf(), -__builtin_inf(), 1000000.5, -1e300};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(mb_money_price_from_double(rows[i], &price));
        assert_int_equal(price.micros, -7);
    }
    assert_false(mb_money_amount_from_double(9223372036.9, &amount));
    assert_false(mb_money_amount_from_double(__builtin_nan(""), &amount));
    assert_true(mb_money_amount_from_double(-0.0000000015, &amount));
    assert_int_equal(amount.nanos, -2);
    assert_true(mb_money_price_from_double(0.145, &price));
    assert_int_equal(price.micros, 145000);
}

static void rates_round_halves_away_from_zero(void **state)
{
    (void)state;
    static const struct {
        int64_t micros, rate, to_house, from_house;
    } rows[] = {
        {1000000, 1080000, 1080000, 925926},
        {-1000000, 1080000, -1080000, -925926},
        {1, 500000, 1, 2},
        {-1, 500000, -1, -2},
        {1, 499999, 0, 2},
        {3, 500000, 2, 6},
        {1, 2000000, 2, 1},
        {-1, 2000000, -2, -1},
        {1, 2000001, 2, 0},
        {0, 1080000, 0, 0},
        {MB_PRICE_MAX_MICROS, 1000000, MB_PRICE_MAX_MICROS, MB_PRICE_MAX_MICROS},
        {MB_PRICE_MAX_MICROS, INT64_MAX, MB_PRICE_MAX_MICROS, 0},
        {-MB_PRICE_MAX_MICROS, 1, -1000000, -MB_PRICE_MAX_MICROS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_price price = {rows[i].micros};
        struct mb_rate rate = {rows[i].rate};
        int64_t to = mb_money_to_house(price, rate).micros;
        int64_t from = mb_money_from_house(price, rate).micros;
        if (to != rows[i].to_house || from != rows[i].from_house)
            fail_msg("row %zu gave %lld and %lld", i, (long long)to, (long long)from);
    }
    struct mb_amount amount =
        mb_money_amount_to_house((struct mb_amount){INT64_MAX}, (struct mb_rate){1000000});
    assert_int_equal(amount.nanos, INT64_MAX);
    amount = mb_money_amount_to_house((struct mb_amount){INT64_MAX}, (struct mb_rate){2000000});
    assert_int_equal(amount.nanos, INT64_MAX);
    amount = mb_money_amount_to_house((struct mb_amount){INT64_MIN}, (struct mb_rate){2000000});
    assert_int_equal(amount.nanos, -INT64_MAX);
}

static void one_event_costs_its_share(void **state)
{
    (void)state;
    /* 2.50 a thousand is 0.0025 an impression; 2.50 a click is 2.50 */
    assert_int_equal(mb_money_cost_of_impression((struct mb_price){2500000}).nanos, 2500000);
    assert_int_equal(mb_money_cost_of_click((struct mb_price){2500000}).nanos, 2500000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_are_read_to_the_nearest_micro_unit),
        cmocka_unit_test(what_is_no_price_changes_nothing),
        cmocka_unit_test(amounts_use_the_whole_64_bits),
        cmocka_unit_test(printing_is_plain_and_reads_back),
        cmocka_unit_test(every_price_of_six_decimals_survives_a_double),
        cmocka_unit_test(doubles_out_of_range_are_refused),
        cmocka_unit_test(rates_round_halves_away_from_zero),
        cmocka_unit_test(one_event_costs_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
