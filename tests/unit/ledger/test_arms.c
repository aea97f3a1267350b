/* Arms are held against their control: what is too little is said to be, a difference is told with
 * its interval, and exposures that do not fit the weights are found. The intervals themselves are
 * tested with stats.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/arms.h"

static const enum mb_report_key keys[] = {MB_REPORT_STRATEGY, MB_REPORT_ARM};

struct arm_row {
    const char *strategy, *arm;
    uint64_t exposures;
    double share;
    uint64_t bids, won, impressions, clicks;
    double cost; /* of each win */
};

static void take(struct mb_arms *arms, const struct arm_row *from)
{
    const struct mb_slice texts[] = {mb_slice_of(from->strategy),
                                     from->arm ? mb_slice_of(from->arm) : MB_SLICE_NONE};
    struct mb_report_row row = {
        .keys = texts,
        .exposures = from->exposures,
        .shares = (int64_t)((double)from->exposures * from->share * 1e6 + 0.5),
        .bids = from->bids,
        .won = from->won,
        .impressions = from->impressions,
        .clicks = from->clicks,
        .n_costs = from->cost > 0 ? from->won : 0,
        .spend = {(int64_t)((double)from->won * from->cost * 1e9 + 0.5)},
        .cost_squares = (double)from->won * from->cost * from->cost,
    };
    mb_xarms_take(arms, &row);
}

static const struct mb_experiment *compare(struct mb_arms *arms, const struct arm_row *rows,
                                           size_t n_rows, size_t expected)
{
    size_t count;
    for (size_t i = 0; i < n_rows; i++)
        take(arms, &rows[i]);
    const struct mb_experiment *out = mb_arms_compare(arms, &count);
    assert_int_equal(count, expected);
    return out;
}

static void assert_near(double is, double should, double by)
{
    if (!(fabs(is - should) <= by))
        fail_msg("%.12g is not %.12g", is, should);
}

static void differences_are_those_of_the_arms(void **state)
{
    (void)state;
    const struct arm_row rows[] = {
        {"b", "red", 100, 0.5, 70, 56, 0, 0, 0.001},
        {"b", NULL, 0, 0, 1000, 500, 0, 0, 0.001}, /* bids of no arm are nobody's */
        {"a", "x", 40, 0.5, 40, 1, 0, 0, 0},
        {"b", "blue", 100, 0.5, 80, 48, 0, 0, 0.002},
        {"a", "y", 60, 0.5, 60, 2, 0, 0, 0},
        {"c", "alone", 10, 1, 10, 1, 0, 0, 0},
    };
    struct mb_arms *arms = mb_xarms_new(keys, 2, MB_SLICE_NONE);
    const struct mb_experiment *e = compare(arms, rows, 6, 2);
    assert_true(mb_slice_is(e[0].keys[0], "a"));
    assert_int_equal(e[0].arms[1].differences[MB_ARMS_WIN_RATE].verdict, MB_ARMS_TOO_LITTLE);
    assert_true(isnan(e[0].arms[1].differences[MB_ARMS_WIN_RATE].low));
    assert_true(mb_slice_is(e[1].arms[0].name, "blue"));
    const struct mb_arms_difference *d = e[1].arms[1].differences;
    assert_int_equal(d[MB_ARMS_WIN_RATE].verdict, MB_ARMS_HIGHER);
    assert_near(d[MB_ARMS_WIN_RATE].control, 0.6, 1e-12);
    assert_near(d[MB_ARMS_WIN_RATE].low, 0.0524314724024, 1e-11);
    assert_near(d[MB_ARMS_WIN_RATE].high, 0.333872654037, 1e-11);
    /* 56 of 70 cost 1 a thousand, 48 of 80 cost 2: variances 16/100 * 70/69 and 96/100 * 80/79 */
    double reach = 1.95996398454005 * sqrt(0.16 / 69 + 0.96 / 79);
    assert_int_equal(d[MB_ARMS_SPEND].verdict, MB_ARMS_LOWER);
    assert_near(d[MB_ARMS_SPEND].low, 0.8 - 1.2 - reach, 1e-9);
    assert_near(d[MB_ARMS_SPEND].high, 0.8 - 1.2 + reach, 1e-9);
    assert_int_equal(d[MB_ARMS_CTR].verdict, MB_ARMS_TOO_LITTLE);
    assert_true(isnan(d[MB_ARMS_CTR].arm));
    mb_arms_free(arms);
}

static void what_cannot_be_is_no_rate(void **state)
{
    (void)state;
    const struct arm_row rows[] = {{"s", "x", 0, 0, 100, 101, 0, 0, 0},
                                   {"s", "y", 0, 0, 100, 50, 0, 0, 0}};
    struct mb_arms *arms = mb_xarms_new(keys, 2, MB_SLICE_NONE);
    const struct mb_experiment *e = compare(arms, rows, 2, 1);
    assert_int_equal(e->arms[1].differences[MB_ARMS_WIN_RATE].verdict, MB_ARMS_NO_FIT);
    assert_int_equal(e->ratio, MB_ARMS_RATIO_UNKNOWN);
    mb_arms_free(arms);
}

static void the_control_is_the_named_one(void **state)
{
    (void)state;
    const struct arm_row rows[] = {{"s", "a", 1, 0.3, 0, 0, 0, 0, 0},
                                   {"s", "control", 1, 0.3, 0, 0, 0, 0, 0},
                                   {"s", "z", 1, 0.4, 0, 0, 0, 0, 0}};
    static const struct {
        const char *wanted, *order[3];
    } cases[] = {{NULL, {"control", "a", "z"}}, {"z", {"z", "a", "control"}}};
    for (size_t i = 0; i < 2; i++) {
        struct mb_arms *arms =
            mb_xarms_new(keys, 2, cases[i].wanted ? mb_slice_of(cases[i].wanted) : MB_SLICE_NONE);
        const struct mb_experiment *e = compare(arms, rows, 3, 1);
        for (size_t a = 0; a < 3; a++)
            assert_true(mb_slice_is(e->arms[a].name, cases[i].order[a]));
        mb_arms_free(arms);
    }
}

static void exposures_are_held_against_the_weights(void **state)
{
    (void)state;
    static const struct {
        uint64_t exposures[2]; /* of two arms */
        double shares[2];
        enum mb_arms_ratio ratio;
        double p; /* of the chi-square with one degree, computed apart; < 0: unknown */
    } cases[] = {
        {{1010, 990}, {0.5, 0.5}, MB_ARMS_RATIO_FITS, 0.654720846019},
        {{1100, 900}, {0.5, 0.5}, MB_ARMS_RATIO_BROKEN, 7.74421643105e-6},
        {{1800, 200}, {0.9, 0.1}, MB_ARMS_RATIO_FITS, 1},
        {{1000, 1000}, {0.7, 0.7}, MB_ARMS_RATIO_MIXED, -1},
        {{3, 2}, {0.5, 0.5}, MB_ARMS_RATIO_UNKNOWN, -1},
        /* a third arm, of weight 0.2, was never drawn: two degrees */
        {{100, 100}, {0.4, 0.4}, MB_ARMS_RATIO_BROKEN, 1.38879438649e-11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mb_arms *arms = mb_xarms_new(keys, 2, MB_SLICE_NONE);
        const struct arm_row rows[] = {{.strategy = "s",
                                        .arm = "a",
                                        .exposures = cases[i].exposures[0],
                                        .share = cases[i].shares[0]},
                                       {.strategy = "s",
                                        .arm = "b",
                                        .exposures = cases[i].exposures[1],
                                        .share = cases[i].shares[1]}};
        const struct mb_experiment *e = compare(arms, rows, 2, 1);
        assert_int_equal(e->ratio, cases[i].ratio);
        if (cases[i].p < 0)
            assert_true(isnan(e->p));
        else
            assert_near(e->p / cases[i].p, 1, 1e-6);
        mb_arms_free(arms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_those_of_the_arms),
        cmocka_unit_test(what_cannot_be_is_no_rate),
        cmocka_unit_test(the_control_is_the_named_one),
        cmocka_unit_test(exposures_are_held_against_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
