/* curve.c - how likely a bid of some price wins, from how often others did.
 *
 * A higher price never wins less often, so points that say so are pooled with their neighbours
 * (base/stats.h; the market's memory of a server does the same, guard/market_curve.c). Between prices that were bid the rate goes in a
 * straight line. Beyond them nothing was seen: the rate goes on with the elasticity (per cent of
 * wins for a per cent of price) that the points show, and never passes 1.
 */
#include "internal.h"

#include <math.h>

enum { ELASTIC_MIN_POINTS = 4 };
#define ELASTICITY_MOST 2.0

void mb__curve_fit(struct mb__curve_point *points, size_t count, struct mb_block *blocks)
{
    const struct mb_block *block = blocks;
    size_t n = 0, i;

    for (i = 0; i < count; i++) {
        n = mb_stats_pool(blocks, n, points[i].bids, points[i].wins, i);
    }
    for (i = 0; i < count; i++) {
        block += i > block->last;
        points[i].rate = block->hits / block->weight;
    }
}

/* Slope of log rate over log price, by weighted least squares. */
static double elasticity_of(const struct mb__curve_point *points, size_t count, double fallback)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0, spread;
    size_t i, used = 0;

    for (i = 0; i < count; i++) {
        if (points[i].wins > 0 && points[i].rate > 0) {
            double lx = log(points[i].price), ly = log(points[i].rate), weight = points[i].wins;

            w += weight;
            x += weight * lx;
            y += weight * ly;
            xx += weight * lx * lx;
            xy += weight * lx * ly;
            used++;
        }
    }
    spread = used > 0 ? xx / w - x / w * (x / w) : 0;
    if (used < ELASTIC_MIN_POINTS || spread < 1e-4) {
        return fallback;
    }
    spread = (xy / w - x / w * (y / w)) / spread;
    return spread < 0 ? 0 : spread > ELASTICITY_MOST ? ELASTICITY_MOST : spread;
}

static double beyond(const struct mb__curve_point *points, size_t count,
                     const struct mb__curve_point *edge, double price, double elasticity)
{
    double rate = edge->rate * pow(price / edge->price, elasticity_of(points, count, elasticity));

    return rate > 1 ? 1 : rate;
}

double mb__curve_at(const struct mb__curve_point *points, size_t count, double price,
                    double elasticity)
{
    size_t i;

    if (count == 0) {
        return 0;
    }
    if (price <= points[0].price) {
        return beyond(points, count, &points[0], price, elasticity);
    }
    if (price >= points[count - 1].price) {
        return beyond(points, count, &points[count - 1], price, elasticity);
    }
    for (i = 1; points[i].price < price; i++) {
    }
    return points[i - 1].rate + (points[i].rate - points[i - 1].rate) *
                                    (price - points[i - 1].price) /
                                    (points[i].price - points[i - 1].price);
}
