/* test_stats.c - against values computed apart: by root finding and integrals with thirty digits,
 * and the examples that Newcombe published in 1998 (table II, method 10: 0.0524 to 0.3339, 0.1705
 * to 0.8090, ...).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/stats.h"

static void near(double is, double should, double by)
{
    if (!(fabs(is - should) <= by))
        fail_msg("%.15g is not %.15g", is, should);
}

static void quantiles_of_the_normal_distribution(void **state)
{
    (void)state;
    static const struct {
        double p, x;
    } rows[] = {{0.5, 0},
                {0.975, 1.95996398454005},
                {0.025, -1.95996398454005},
                {0.995, 2.5758293035489},
                {0.84, 0.994457883209753},
                {0.0001, -3.71901648545568},
                {1e-9, -5.99780701500769}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        near(mb_stats_normal_quantile(rows[i].p), rows[i].x, 1e-12);
    near(mb_stats_z(0.95, 1), 1.95996398454005, 1e-12);
    near(mb_stats_z(0.95, 3), 2.39397979981851, 1e-12);
}

static void wilson_intervals(void **state)
{
    (void)state;
    static const struct {
        struct mb_trials trials;
        double low, high;
    } rows[] = {{{81, 263}, 0.255288519878, 0.366209576983},
                {{15, 148}, 0.0623863995307, 0.160487241723},
                {{0, 20}, 0, 0.161125158053},
                {{1, 29}, 0.00611321429276, 0.171755218793},
                {{20, 20}, 0.838874841947, 1},
                {{5000, 1000000}, 0.00486364523113, 0.00514015779849}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mb_interval is = mb_stats_wilson(rows[i].trials, mb_stats_z(0.95, 1));
        near(is.low, rows[i].low, 1e-11);
        near(is.high, rows[i].high, 1e-11);
    }
}

static void differences_of_rates(void **state)
{
    (void)state;
    static const struct {
        struct mb_trials a, b;
        double low, high;
    } rows[] = {{{48, 80}, {56, 70}, 0.0524314724024, 0.333872654037},
                {{3, 10}, {9, 10}, 0.170522723935, 0.809017973535},
                {{0, 20}, {10, 10}, 0.679086037142, 1},
                {{0, 20}, {0, 10}, -0.161125158053, 0.277532799863},
                {{0, 29}, {5, 56}, -0.0381371479035, 0.192560013855},
                {{1100, 10000}, {1200, 10000}, 0.00115640225902, 0.0188460724162}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mb_interval is = mb_stats_rate_difference(rows[i].a, rows[i].b, mb_stats_z(0.95, 1));
        near(is.low, rows[i].low, 1e-11);
        near(is.high, rows[i].high, 1e-11);
        is = mb_stats_rate_difference(rows[i].b, rows[i].a, mb_stats_z(0.95, 1));
        near(is.low, -rows[i].high, 1e-11);
    }
}

/* {2, 4, 4, 4, 5, 5, 7, 9}: mean 5, variance 32/7; {1, 2, 3, 4}: mean 2.5, variance 5/3. */
static void differences_of_means(void **state)
{
    (void)state;
    const struct mb_sample a = {8, 40, 232}, b = {4, 10, 30}, zeros = {1000, 0, 0};
    near(mb_stats_mean(&a), 5, 0);
    near(mb_stats_variance(&a), 32.0 / 7, 1e-14);
    near(mb_stats_variance(&zeros), 0, 0);
    struct mb_interval is = mb_stats_mean_difference(&a, &b, 1.95996398454005);
    near(is.low, -2.5 - 1.95996398454005 * sqrt(4.0 / 7 + 5.0 / 12), 1e-12);
    near(is.high, -2.5 + 1.95996398454005 * sqrt(4.0 / 7 + 5.0 / 12), 1e-12);
}

static void tails_of_chi_square(void **state)
{
    (void)state;
    static const struct {
        double x;
        unsigned df;
        double tail;
    } rows[] = {{3.841458820694124, 1, 0.05},
                {0.1, 1, 0.751829634046},
                {10, 3, 0.018566135463},
                {2.5, 7, 0.927097065013},
                {8, 9, 0.53414621691},
                {1000, 900, 0.0109946089421},
                {0, 2, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        near(mb_stats_chi_square_tail(rows[i].x, rows[i].df), rows[i].tail, 1e-10);
    near(mb_stats_chi_square_tail(30, 1) / 4.32046305783e-8, 1, 1e-10);
    near(mb_stats_chi_square_tail(100, 10) / 5.44970198292e-17, 1, 1e-10);
}

/* By its definition, which shares nothing with pooling: the rate of a point is the highest, over all
 * beginnings at or before it, of the lowest mean up to an end at or behind it. */
static double isotonic_rate(const double *weights, const double *hits, size_t count, size_t at)
{
    double highest = -1;
    for (size_t first = 0; first <= at; first++) {
        double lowest = 2, weight = 0, sum = 0;
        for (size_t i = first; i < count; i++) {
            weight += weights[i];
            sum += hits[i];
            if (i >= at)
                lowest = fmin(lowest, sum / weight);
        }
        highest = fmax(highest, lowest);
    }
    return highest;
}

static void rates_that_never_fall(void **state)
{
    (void)state;
    enum { POINTS = 12, ROUNDS = 500 };
    uint64_t random = 7;
    for (int round = 0; round < ROUNDS; round++) {
        double weights[POINTS], hits[POINTS];
        struct mb_block blocks[POINTS];
        size_t n = 0, block = 0, count = 1 + (size_t)round % POINTS;
        for (size_t i = 0; i < count; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            weights[i] = (double)(1 + (random >> 33) % 9);
            hits[i] = (double)((random >> 45) % (uint64_t)(weights[i] + 1));
            n = mb_stats_pool(blocks, n, weights[i], hits[i], i);
        }
        assert_int_equal(blocks[n - 1].last, count - 1);
        for (size_t i = 0; i < count; i++) {
            block += i > blocks[block].last;
            near(blocks[block].hits / blocks[block].weight,
                 isotonic_rate(weights, hits, count, i), 1e-12);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_the_normal_distribution),
        cmocka_unit_test(wilson_intervals),
        cmocka_unit_test(differences_of_rates),
        cmocka_unit_test(differences_of_means),
        cmocka_unit_test(tails_of_chi_square),
        cmocka_unit_test(rates_that_never_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
