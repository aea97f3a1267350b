/* market.h - how likely a price wins, learned from bids and what became of them.
 *
 * Part of: guard.  Depends on: base, auction.
 * Threads:  asking: any process, no lock, no system call. All else: who books alone (the bookkeeper; the kit), but the ring's pushing end,
 *           which is its worker's.
 * Lifetime: lies in the guard's shared memory, so it outlives workers and reloads; kept over restarts as the guard's other notes are.
 *
 * For each endpoint, format, way of paying, size and site, and again without the site, and without the size, there is a curve over the price:
 * the part of bids at it that win. A bid counts as lost until a notice says won (docs/strategies.md, Shading); a price told
 * as the least that would have won says more and counts as itself. Old bids fade: half of their weight in 12 hours.
 */
#ifndef MB_MARKET_H
#define MB_MARKET_H

#include <stdatomic.h>

#include "moonbid/auction.h"
#include "moonbid/guard.h"

enum {
    MB_MARKET_CELLS = 4096,   /* curves; the ones with the fewest bids give way, counted */
    MB_MARKET_LEAST = 50,     /* bids, faded ones less, that must speak for a price before anything is said of it */
    MB_MARKET_SITE_BYTES = 20 /* ids that agree so far are one site */
};
#define MB_MARKET_HALF_LIFE_MS (INT64_C(12) * 3600 * 1000)

struct mb_market_place {
    struct mb_slice endpoint; /* cut to 32 bytes */
    struct mb_slice site;     /* its id, else the zone's; cut; absent: no site */
    struct mb_size size;
    enum mb_format format;
    enum mb_model model; /* CPM, or by the click */
};

/* What is said of a place comes from the narrowest curve that knows enough: with the site, without it, without the size. */

/* The part of bids at that price that win, in millionths; -1 where too little is known of it. */
int64_t mb_market_rate(const struct mb_guard *guard, const struct mb_market_place *place, struct mb_price price);
/* The least known price that wins such a part, in micro-units; -1 where none is known to. */
int64_t mb_market_price(const struct mb_guard *guard, const struct mb_market_place *place, int64_t rate_millionths);

/* --- bids, from workers to who books --- */

struct mb_market_bid { /* a cache line */
    float price;       /* units of currency */
    uint16_t width, height;
    uint8_t format, model, endpoint_len, site_len;
    char endpoint[32];
    char site[MB_MARKET_SITE_BYTES];
};

enum { MB_MARKET_RING = 16384 };

/* Of one worker, in memory that outlives it; zeroed is empty. What finds no room is counted, and the others of that time count for more. */
struct mb_market_ring {
    _Atomic uint64_t pushed, dropped; /* the worker's */
    _Alignas(64) _Atomic uint64_t taken, taken_dropped; /* who books' */
    _Alignas(64) struct mb_market_bid bids[MB_MARKET_RING];
};

void mb_market_fill(struct mb_market_bid *bid, const struct mb_market_place *place, struct mb_price price);
void mb_market_push(struct mb_market_ring *ring, const struct mb_market_place *place, struct mb_price price);
/* Takes at most `max` of the ring's bids, the oldest first; gives how many. Costs: some 0.15 us each. */
size_t mb_market_drain(struct mb_guard *guard, struct mb_market_ring *ring, size_t max, int64_t now_ms);

/* --- learning; mb_guard_book takes events --- */

void mb_market_take_bid(struct mb_guard *guard, const struct mb_market_bid *bid, double weight, int64_t now_ms);
/* So many bids at that price, some of which have won, as if bids and notices had come: what a test says of the market. */
void mb_market_say(struct mb_guard *guard, const struct mb_market_place *place, struct mb_price price, double bids, double wins,
                   int64_t now_ms);
/* Draws the curves anew that have learned something, and all once an hour, for they fade. Costs: some 0.1 ms each where prices were told, else some us. */
void mb_market_refresh(struct mb_guard *guard, int64_t now_ms);

uint64_t mb_market_evicted(const struct mb_guard *guard);
size_t mb_market_count(const struct mb_guard *guard); /* of curves, also those that say nothing yet */

/* --- looking --- */

struct mb_market_knot {
    double price, rate;
};
struct mb_market_curve {
    struct mb_market_place place; /* size 0x0 and site absent where the curve is of all of them */
    bool all_sizes;               /* the widest curve: of all sizes and sites */
    double bids, wins, told;      /* as faded now: bids without a told price, those that won; least prices to win that were told */
    const struct mb_market_knot *knots; /* by price; none: too little is known */
    size_t n_knots;
};
/* Each curve that there is, lent for the call. Any process; what is being drawn at that moment is left out. */
void mb_market_each(const struct mb_guard *guard, void (*on_curve)(void *user, const struct mb_market_curve *curve), void *user);

enum { MB_MARKET_KNOTS = 256 };

#endif /* MB_MARKET_H */
