/* stats.c - intervals of rates and means, and the tail of the chi-square distribution.
 */
#include "moonbid/base/stats.h"

#include <math.h>

static double normal_below(double x)
{
    return erfc(-x * M_SQRT1_2) / 2;
}

/* A rough start, then Newton's steps on the distribution itself: a handful reach what a double can
 * hold. In the tail the step is on the logarithm, which is nearly a parabola there. */
double mb_stats_normal_quantile(double p)
{
    if (p == 0.5)
        return 0;
    double tail = p < 0.5 ? p : 1 - p;
    double t = sqrt(-2 * log(tail));
    double x = (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t) - t;
    for (int i = 0; i < 8; i++) {
        double below = normal_below(x);
        double density = exp(-x * x / 2) / sqrt(2 * M_PI);
        x -= (log(below) - log(tail)) * below / density;
    }
    return p < 0.5 ? x : -x;
}

double mb_stats_z(double confidence, unsigned comparisons)
{
    return mb_stats_normal_quantile(1 - (1 - confidence) / (2.0 * (comparisons ? comparisons : 1)));
}

struct mb_interval mb_stats_wilson(struct mb_trials trials, double z)
{
    double n = (double)trials.n, rate = (double)trials.hits / n;
    double middle = rate + z * z / (2 * n);
    double reach = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n));
    double whole = 1 + z * z / n;
    struct mb_interval out = {(middle - reach) / whole, (middle + reach) / whole};
    if (trials.hits == 0)
        out.low = 0; /* but for rounding it is */
    if (trials.hits == trials.n)
        out.high = 1;
    return out;
}

struct mb_interval mb_stats_rate_difference(struct mb_trials a, struct mb_trials b, double z)
{
    double rate_a = (double)a.hits / (double)a.n, rate_b = (double)b.hits / (double)b.n;
    struct mb_interval of_a = mb_stats_wilson(a, z), of_b = mb_stats_wilson(b, z);
    double difference = rate_b - rate_a;
    return (struct mb_interval){difference - hypot(rate_b - of_b.low, of_a.high - rate_a),
                                difference + hypot(of_b.high - rate_b, rate_a - of_a.low)};
}

double mb_stats_mean(const struct mb_sample *sample)
{
    return sample->sum / (double)sample->n;
}

double mb_stats_variance(const struct mb_sample *sample)
{
    double n = (double)sample->n;
    double around_mean = sample->squares - sample->sum * sample->sum / n;
    return around_mean > 0 ? around_mean / (n - 1) : 0;
}

struct mb_interval mb_stats_mean_difference(const struct mb_sample *a, const struct mb_sample *b,
                                            double z)
{
    double difference = mb_stats_mean(b) - mb_stats_mean(a);
    double reach =
        z * sqrt(mb_stats_variance(a) / (double)a->n + mb_stats_variance(b) / (double)b->n);
    return (struct mb_interval){difference - reach, difference + reach};
}

/* The incomplete gamma function, as its series left of the bend and as a continued fraction (Lentz)
 * right of it: each converges fast on its side. */
static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (int i = 1; i < 10000 && term > sum * 1e-16; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * exp(a * log(x) - x - lgamma(a));
}

static double gamma_fraction(double a, double x)
{
    const double tiny = 1e-300;
    double b = x + 1 - a, c = 1 / tiny, d = 1 / b, fraction = d;
    for (int i = 1; i < 10000; i++) {
        double step = -i * (i - a);
        b += 2;
        d = 1 / (step * d + b);
        c = b + step / c;
        fraction *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return fraction * exp(a * log(x) - x - lgamma(a));
}

double mb_stats_chi_square_tail(double x, unsigned df)
{
    double a = df / 2.0, half = x / 2;
    if (half <= 0)
        return 1;
    return half < a + 1 ? 1 - gamma_series(a, half) : gamma_fraction(a, half);
}

size_t mb_stats_pool(struct mb_block *blocks, size_t count, double weight, double hits, size_t last)
{
    struct mb_block block = {weight, hits, last};
    for (; count > 0; count--) {
        const struct mb_block *before = &blocks[count - 1];
        if (before->hits / before->weight < block.hits / block.weight)
            break;
        block.weight += before->weight;
        block.hits += before->hits;
    }
    blocks[count] = block;
    return count + 1;
}
