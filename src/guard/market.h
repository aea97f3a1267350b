/* market.h - the layout of the market's memory.
 *
 * Part of: guard (private).
 *
 * One process writes, others read what is drawn: `sequence` is odd while that changes. A writer that is killed leaves it odd; the next one
 * draws all such curves anew.
 */
#ifndef MB_GUARD_MARKET_H
#define MB_GUARD_MARKET_H

#include "internal.h"
#include "moonbid/market.h"

enum {
    MB__BINS = 256,      /* of prices, on a logarithmic scale */
    MB__BINS_OCTAVE = 10,
    MB__MARKET_LEVELS = 3 /* site, size, format */
};
#define MB__PRICE_LEAST 1e-4 /* the edge of bin 0; the last is some 4,700 */

struct mb__market_cell {
    struct mb_market_bid place; /* its price means nothing */
    uint8_t level;
    bool learned; /* since it was drawn last */
    bool untold;  /* since it was noted last */
    int64_t noted_ms;
    int64_t as_of_ms; /* to which all below have faded */
    /* By bin: bids of which no more than won or lost is known, at the bin's edge or near it; those of them that won; how far their prices
     * were from the edge, in bins; least prices to win that were told, between the edge before and this one; and where the bids
     * stood for which these were told. */
    float bids[MB__BINS], wins[MB__BINS], offset[MB__BINS], told[MB__BINS], heard[MB__BINS];
    /* What is drawn. */
    _Atomic uint32_t sequence;
    uint32_t n_knots;
    struct mb__knot {
        float at; /* bins from MB__PRICE_LEAST */
        float rate;
    } knots[MB_MARKET_KNOTS];
};

/* Keys stand apart, so that looking for one touches no cell. */
struct mb__market {
    _Atomic uint64_t evicted;
    _Atomic uint64_t keys[MB_MARKET_CELLS]; /* 0: free */
    struct mb__market_cell cells[MB_MARKET_CELLS];
};

/* market.c */
double mb__market_at(double price); /* in bins from MB__PRICE_LEAST, within those there are */
double mb__market_price_at(double at);
void mb__market_fade(struct mb__market_cell *cell, int64_t now_ms);
void mb__market_event(struct mb_guard *guard, const struct mb_event *event);

/* market_curve.c: makes the knots of what was learned; as many as MB_MARKET_KNOTS. */
size_t mb__market_draw(const struct mb__market_cell *cell, struct mb__knot *knots);

/* market_state.c */
void mb__market_note(struct mb_guard *guard, int64_t now_ms, const struct mb_guard_notes *notes);
void mb__market_note_again(struct mb_guard *guard);
/* False where the bytes are damaged. */
bool mb__market_restore(struct mb_guard *guard, struct mb_slice place, struct mb_slice bytes);

#endif /* MB_GUARD_MARKET_H */
