/* stats.h - how sure one can be of a difference: intervals of rates and means, whether shares fit; and rates that never fall.
 *
 * Part of: base.
 * Threads:  any; pure functions.
 * All of it takes observations as independent of each other. Where they come in clumps (many bids of one user) the truth is
 * wider than what is said here.
 */
#ifndef MB_BASE_STATS_H
#define MB_BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

struct mb_interval {
    double low, high;
};

/* The quantile of the standard normal distribution at 0 < p < 1; to 1e-12. */
double mb_stats_normal_quantile(double p);

/* The z for two-sided intervals of this confidence (0.95: 1.96) where `comparisons` of them are to hold together (Bonferroni). */
double mb_stats_z(double confidence, unsigned comparisons);

/* `hits` of `n` > 0 trials. */
struct mb_trials {
    uint64_t hits, n;
};

/* Wilson's score interval of the rate, without continuity correction. */
struct mb_interval mb_stats_wilson(struct mb_trials trials, double z);

/* Rate of b minus rate of a: Newcombe's hybrid score interval (method 10 of Newcombe 1998, Statistics in Medicine 17:873-890), which
 * holds for small numbers and rates near 0 and 1 as well. */
struct mb_interval mb_stats_rate_difference(struct mb_trials a, struct mb_trials b, double z);

/* Observations by their sums. What is 0 for most of them needs to be added only where it is not. */
struct mb_sample {
    uint64_t n; /* > 1 */
    double sum, squares;
};

double mb_stats_mean(const struct mb_sample *sample);
double mb_stats_variance(const struct mb_sample *sample); /* of one observation, with n - 1 */

/* Mean of b minus mean of a, by the normal approximation with a variance for each (Welch). */
struct mb_interval mb_stats_mean_difference(const struct mb_sample *a, const struct mb_sample *b, double z);

/* How likely chance alone gives a chi-square of `x` >= 0 or more with `df` > 0 degrees of freedom; to 1e-10. */
double mb_stats_chi_square_tail(double x, unsigned df);

/* Points in a row that have one rate, hits / weight. */
struct mb_block {
    double weight, hits;
    size_t last; /* the last point of it */
};

/* Isotonic regression, point by point: the likeliest rates that never fall, such as how often a price wins (pool adjacent violators).
 *
 * Wants:  blocks  of the points so far, `count` of them, each of a higher rate than the one before; room for one more.
 *         weight, hits  of point `last`, weight > 0.
 * Gives:  how many blocks there are with it.
 * Costs:  O(1) for each point, over all of them. */
size_t mb_stats_pool(struct mb_block *blocks, size_t count, double weight, double hits, size_t last);

#endif /* MB_BASE_STATS_H */
