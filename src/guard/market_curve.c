/* market_curve.c - from what became of bids to the curve that explains it best.
 *
 * The least price that wins is a random number M; the curve is how often M is at most a price. A
 * bid that won says "M is at most my price", one that lost "M is more", a price that was told says
 * M itself. Where nothing is told, the likeliest curve is the isotonic regression of the win rates
 * (base/stats.h). Where prices are told as well, which mostly happens to losers alone,
 * so that taking them as they come would make the market look dear, the likeliest curve is found by
 * expectation and maximization from there.
 *
 * Nothing is said of a price of which fewer than MB_MARKET_LEAST bids speak: those within half an
 * octave of it, and all told prices.
 */
#include "market.h"

#include <math.h>

enum { ROUNDS = 300, NEAR_BINS = MB__BINS_OCTAVE / 2 };

struct sums {
    double bids[MB__BINS], wins[MB__BINS], told[MB__BINS];
    bool heard[MB__BINS];
    double n_told, n;
    int low, high; /* bins with bids or told prices, from first to last */
    int told_low, told_high;
};

static void gather(const struct mb__market_cell *cell, struct sums *s)
{
    *s = (struct sums){.low = MB__BINS, .high = -1, .told_low = MB__BINS, .told_high = -1};
    for (int i = 0; i < MB__BINS; i++) {
        s->bids[i] = (double)cell->bids[i];
        s->wins[i] = (double)fminf(cell->wins[i], cell->bids[i]);
        s->told[i] = (double)cell->told[i];
        s->heard[i] = cell->heard[i] > 0;
        s->n_told += s->told[i];
        s->n += s->bids[i] + s->told[i];
        if (s->bids[i] > 0 || s->told[i] > 0 || s->heard[i]) {
            s->low = s->low < i ? s->low : i;
            s->high = i;
        }
        if (s->told[i] > 0) {
            s->told_low = s->told_low < i ? s->told_low : i;
            s->told_high = i;
        }
    }
}

/* Isotonic regression of the win rates; a bin without bids has the rate of the next one with some. */
static void regress(const struct sums *s, double *curve)
{
    struct mb_block blocks[MB__BINS];
    size_t n = 0, block = 0;

    for (int i = s->low; i <= s->high; i++) {
        if (s->bids[i] > 0) {
            n = mb_stats_pool(blocks, n, s->bids[i], s->wins[i], (size_t)i);
        }
    }
    for (int i = s->low; i <= s->high; i++) {
        while (block + 1 < n && (size_t)i > blocks[block].last) {
            block++;
        }
        curve[i] = n > 0 ? blocks[block].hits / blocks[block].weight : 0;
    }
}

/* One round: every bid is shared out over the places where its M may be, as likely as they are now.
 * masses[high + 1] is beyond all. */
static void improve(const struct sums *s, double *masses)
{
    double below[MB__BINS + 1], of_wins[MB__BINS + 2], of_losses = 0, sum = 0;

    for (int i = s->low; i <= s->high; i++) {
        sum += masses[i];
        below[i] = sum;
    }
    of_wins[s->high + 1] = 0;
    for (int i = s->high; i >= s->low; i--) {
        of_wins[i] = of_wins[i + 1] + (s->wins[i] > 0 ? s->wins[i] / fmax(below[i], 1e-12) : 0);
    }
    for (int i = s->low; i <= s->high + 1; i++) {
        masses[i] = (masses[i] * (of_wins[i] + of_losses) + (i <= s->high ? s->told[i] : 0)) / s->n;
        if (i <= s->high && s->bids[i] > s->wins[i]) {
            of_losses += (s->bids[i] - s->wins[i]) / fmax(1 - below[i], 1e-12);
        }
    }
}

static void maximize(const struct sums *s, double *curve)
{
    double masses[MB__BINS + 1], before = 0, sum = 0;

    for (int i = s->low; i <= s->high + 1; i++) {
        double regressed = (i <= s->high ? curve[i] : 1) - before;
        double told = i <= s->high ? s->told[i] / s->n_told : 0;

        masses[i] = 0.5 * regressed + 0.5 * told + 1e-6;
        before = i <= s->high ? curve[i] : 1;
        sum += masses[i];
    }
    for (int i = s->low; i <= s->high + 1; i++) {
        masses[i] /= sum;
    }
    for (int round = 0; round < ROUNDS; round++) {
        improve(s, masses);
    }
    sum = 0;
    for (int i = s->low; i <= s->high; i++) {
        sum += masses[i];
        curve[i] = fmin(sum, 1);
    }
}

size_t mb__market_draw(const struct mb__market_cell *cell, struct mb__knot *knots)
{
    struct sums s;
    double curve[MB__BINS];
    size_t count = 0;

    gather(cell, &s);
    if (s.n < MB_MARKET_LEAST) {
        return 0;
    }
    regress(&s, curve);
    if (s.n_told > 0) {
        maximize(&s, curve);
    }
    for (int i = s.low; i <= s.high; i++) {
        double speak = s.n_told;

        for (int k = i - NEAR_BINS; k <= i + NEAR_BINS; k++) {
            speak += k >= 0 && k < MB__BINS ? s.bids[k] : 0;
        }
        if (speak < MB_MARKET_LEAST ||
            (s.bids[i] <= 0 && !s.heard[i] && (i < s.told_low || i > s.told_high))) {
            continue;
        }
        /* Bids stand where their prices are, told prices at the edge. */
        double offset = s.bids[i] > 0 ? (double)cell->offset[i] / (s.bids[i] + s.n_told) : 0;
        knots[count++] = (struct mb__knot){(float)(i + offset), (float)curve[i]};
    }
    return count;
}
