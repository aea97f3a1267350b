/* market.h - bids and bookings in cells, as market.c counts them and estimate.c reads them.
 *
 * Part of: replay (private).
 */
#ifndef MB_REPLAY_MARKET_H
#define MB_REPLAY_MARKET_H

#include "internal.h"

enum {
    REPLICAS = 64,
    COPIES = 1 + REPLICAS, /* the first is the data itself */
};

struct cell {
    struct mb_slice strategy, market; /* of its key */
    int step;
    double old_price, new_price; /* sums, house currency */
    enum mb_model model;
    double own_wins, own_cost; /* of wins that paid what they bid */
    float bids[COPIES], wins[COPIES], cost[COPIES], new_bids[COPIES];
};

struct mb__market {
    struct mb_map cells; /* key -> struct cell */
    struct mb_arena arena;
};

/* What a win costs for each unit of its price, where it pays that. */
static inline double unit_of(enum mb_model model)
{
    return model == MB_MODEL_CPM ? 0.001 : 1;
}

#endif /* MB_REPLAY_MARKET_H */
