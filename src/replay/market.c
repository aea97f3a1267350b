/* market.c - what bids came to by their price.
 *
 * Bids are counted in cells: strategy, endpoint, format, model, and a step of the price (a
 * sixteenth of a doubling). What a bid booked is told by a later line that says all of these too,
 * so nothing is kept for a bid on its own, and memory hangs on the number of cells alone.
 *
 * Each bid counts 0, 1, 2 ... times in each of REPLICAS copies of all sums, by a hash of its id
 * (Poisson with mean 1), and so does what it booked: a bootstrap, from which estimate.c learns how
 * sure it may be.
 */
#include "market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 16, /* of the price, in a doubling */ KEY_MAX = 256 };

struct mb__market *mb__xmarket_new(void)
{
    struct mb__market *m = calloc(1, sizeof(*m));

    if (!m) {
        abort();
    }
    mb_arena_init(&m->arena, 1 << 16);
    return m;
}

void mb__market_free(struct mb__market *m)
{
    if (m) {
        mb_map_fini(&m->cells);
        mb_arena_fini(&m->arena);
        free(m);
    }
}

/* --- counting --- */

static int step_of(struct mb_price price)
{
    return price.micros > 0 ? (int)floor(log2((double)price.micros) * STEPS) : 0;
}

static double units(struct mb_price price)
{
    return (double)price.micros / 1e6;
}

static struct cell *add_cell(struct mb__market *m, struct mb_slice key, struct mb_slice strategy,
                             int step, enum mb_model model)
{
    struct cell *cell = mb_xarena_alloc(&m->arena, sizeof(*cell));

    key = mb_xarena_copy(&m->arena, key);
    cell->strategy = mb_slice(key.data, strategy.len);
    cell->market = mb_slice_of(key.data + strategy.len + 1); /* up to the zero before the step */
    cell->step = step;
    cell->model = model;
    mb_xmap_put(&m->cells, key, cell);
    return cell;
}

static struct cell *cell_of(struct mb__market *m, struct mb_slice strategy,
                            struct mb_slice endpoint, const char *format, enum mb_model model,
                            struct mb_price price)
{
    char key[KEY_MAX];
    int step = step_of(price), len;
    struct cell *cell;

    len = snprintf(key, sizeof(key), "%.*s%c%.*s %s %s%c%d", MB_SLICE_ARG(strategy), 0,
                   MB_SLICE_ARG(endpoint), format, mb_model_name(model), 0, step);
    if (len < 0 || len >= KEY_MAX) {
        len = KEY_MAX - 1; /* no name is that long */
    }
    cell = mb_map_get(&m->cells, mb_slice(key, (size_t)len));
    return cell ? cell : add_cell(m, mb_slice(key, (size_t)len), strategy, step, model);
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Poisson with mean 1 from 16 uniform bits. */
static float times(unsigned bits)
{
    static const unsigned below[] = {24109, 48218, 60273,
                                     64291, 65296, 65497}; /* e^-1 sum 1/k!, times 2^16 */
    unsigned k = 0;

    while (k < sizeof(below) / sizeof(below[0]) && bits >= below[k]) {
        k++;
    }
    return (float)k;
}

/* Adds `amount` to each copy as often as the bid is in it. */
static void add(float sums[COPIES], uint64_t hash, double amount)
{
    uint64_t bits = 0;
    size_t i;

    sums[0] += (float)amount;
    for (i = 0; i < REPLICAS; i++) {
        bits = i % 4 == 0 ? mix(hash + i * UINT64_C(0x9e3779b97f4a7c15)) : bits >> 16;
        sums[1 + i] += times(bits & 0xffff) * (float)amount;
    }
}

void mb__market_bid(struct mb__market *m, struct mb_slice endpoint, const struct mb_replay_did *did)
{
    struct cell *cell =
        cell_of(m, did->strategy, endpoint, mb_format_name(did->format), did->model, did->price);

    cell->old_price += units(did->price);
    add(cell->bids, mb_slice_hash(did->id), 1);
}

void mb__market_booked(struct mb__market *m, const struct mb_replay_record *o)
{
    char format[32];
    struct cell *cell;
    double cost = (double)o->cost.nanos / 1e9;
    uint64_t hash = mb_slice_hash(o->bid);

    snprintf(format, sizeof(format), "%.*s", MB_SLICE_ARG(o->format));
    cell = cell_of(m, o->strategy, o->endpoint, format, o->model, o->price);
    if (cost >= units(o->price) * unit_of(o->model) * (1 - 1e-9)) {
        cell->own_wins++;
        cell->own_cost += cost;
    }
    add(cell->wins, hash, 1);
    add(cell->cost, hash, cost);
}

void mb__market_new_bid(struct mb__market *m, struct mb_slice endpoint,
                        const struct mb_replay_did *did, struct mb_slice id, uint64_t seed)
{
    struct cell *cell =
        cell_of(m, did->strategy, endpoint, mb_format_name(did->format), did->model, did->price);

    cell->new_price += units(did->price);
    add(cell->new_bids, mb_slice_empty(id) ? mix(seed) : mb_slice_hash(id), 1);
}

void mb__market_merge(struct mb__market *into, const struct mb__market *from)
{
    const struct mb_map_entry *entry;
    size_t at = 0, i;

    while ((entry = mb_map_next(&from->cells, &at))) {
        const struct cell *cell = entry->value;
        struct cell *sum = mb_map_get(&into->cells, entry->key);

        sum = sum ? sum : add_cell(into, entry->key, cell->strategy, cell->step, cell->model);
        sum->old_price += cell->old_price;
        sum->new_price += cell->new_price;
        sum->own_wins += cell->own_wins;
        sum->own_cost += cell->own_cost;
        for (i = 0; i < COPIES; i++) {
            sum->bids[i] += cell->bids[i];
            sum->wins[i] += cell->wins[i];
            sum->cost[i] += cell->cost[i];
            sum->new_bids[i] += cell->new_bids[i];
        }
    }
}
