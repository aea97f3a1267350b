/* ring.c - money held by open bids, without a record a bid.
 *
 * A bid adds to the bucket of its minute; a booking knows the bid's minute and price (both signed
 * in its token), finds the bucket and takes out what the bid put in; what nobody books falls away
 * when its minute is older than the holding time.
 *
 * A bid with `expected` holds only a share of its cost: an upper bound of how often such bids
 * were booked. The first bid of a minute fixes that share in the bucket's tag, so a later booking
 * takes out exactly what was put in, whatever the bound has become since.
 *
 * Invariant: slot->reserved >= the sum of the buckets, at every instant and after a kill at any
 * instruction: it is raised before a bucket and lowered after it. An error can only make a
 * strategy bid less.
 *
 * The bound counts bids only once their minute has settled (most bookings are in); before that
 * bids would run ahead of their bookings and press the bound down just when most is open.
 */
#include "internal.h"

enum { MINUTE_MS = 60 * 1000, MILLION = 1000000 };

/* The ring's bids are halved, bookings with them, when there are more: old days must not outvote
 * this one. */
#define BIDS_MAX UINT64_C(65536)

static const struct kind {
    int64_t hold_min;
    int64_t settle_min; /* after this most bookings of a minute are in */
    int64_t buckets;
    uint64_t prior;  /* booking rate, in millionths, before anything was seen */
    uint64_t weight; /* bids that the prior counts for */
} kinds[MB__RING_COUNT] = {
    [MB__RING_CPM] = {MB__CPM_HOLD_MIN, 5, MB__CPM_BUCKETS, 300000, 100},
    [MB__RING_CPC] = {MB__CPC_HOLD_MIN, 60, MB__CPC_BUCKETS, 10000, 1000},
};

static uint64_t make_tag(int64_t minute, uint64_t rate)
{
    return (uint64_t)minute << 32 | rate;
}

static int64_t tag_minute(uint64_t tag)
{
    return (int64_t)(tag >> 32);
}

static struct mb__bucket *bucket_of(struct mb__slot *slot, enum mb__ring_kind kind, int64_t minute)
{
    struct mb__bucket *buckets = kind == MB__RING_CPM ? slot->cpm : slot->cpc;

    return &buckets[minute % kinds[kind].buckets];
}

enum mb__ring_kind mb__ring_of(enum mb_model model)
{
    return model == MB_MODEL_CPC || model == MB_MODEL_SMART_CPC ? MB__RING_CPC : MB__RING_CPM;
}

struct mb_amount mb__ring_cost(enum mb_model model, struct mb_price price)
{
    return mb__ring_of(model) == MB__RING_CPC ? mb_money_cost_of_click(price)
                                              : mb_money_cost_of_impression(price);
}

/* cost * rate / 1,000,000, rounded up, without passing 64 bits. */
static int64_t share_of(struct mb_amount cost, uint64_t rate)
{
    int64_t r = (int64_t)rate;

    return cost.nanos / MILLION * r + (cost.nanos % MILLION * r + MILLION - 1) / MILLION;
}

static uint64_t root(uint64_t n)
{
    uint64_t r = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((r | bit) * (r | bit) <= n) {
            r |= bit;
        }
    }
    return r;
}

/* Upper bound of the booking rate in millionths: what was seen plus two standard deviations of
 * its count, and the prior as if it had been seen in `weight` bids. */
static uint64_t rate_bound(struct mb__ring *ring, const struct kind *k, double expect_rate)
{
    uint64_t prior = expect_rate > 0 ? (uint64_t)(expect_rate * MILLION) : k->prior;
    uint64_t bids = atomic_load(&ring->bids);
    uint64_t booked = atomic_load(&ring->booked);
    uint64_t upper = booked + root(4 * booked);
    uint64_t rate;

    if (expect_rate < 0) {
        return MILLION;
    }
    rate = (prior * k->weight + upper * MILLION) / (k->weight + bids);
    return rate < 1 ? 1 : rate > MILLION ? MILLION : rate;
}

/* Moves a settled minute's bids and bookings into the ring. */
static void count_in(struct mb__ring *ring, struct mb__bucket *bucket)
{
    uint64_t counts = atomic_exchange(&bucket->counts, 0);
    uint64_t bids;

    if (counts == 0) {
        return;
    }
    atomic_fetch_add(&ring->booked, counts >> 32);
    bids = atomic_fetch_add(&ring->bids, counts & UINT32_MAX) + (counts & UINT32_MAX);
    /* Whoever manages to halve the bids halves the bookings; a second one sees too few. */
    if (bids > BIDS_MAX && atomic_compare_exchange_strong(&ring->bids, &bids, bids / 2)) {
        atomic_fetch_sub(&ring->booked, atomic_load(&ring->booked) / 2);
    }
}

/* Empties a bucket whose minute is over. Others may do the same at the same time: the one whose
 * exchange succeeds lowers slot->reserved. The tag is read after the money, so money that a newer
 * minute put in is left alone. */
static void let_go(struct mb__slot *slot, struct mb__bucket *bucket, int64_t oldest)
{
    int64_t held = atomic_load(&bucket->held);

    if (held > 0 && tag_minute(atomic_load(&bucket->tag)) < oldest &&
        atomic_compare_exchange_strong(&bucket->held, &held, 0)) {
        atomic_fetch_sub(&slot->reserved, held);
    }
}

void mb__ring_advance(struct mb__slot *slot, enum mb__ring_kind kind, int64_t now_ms)
{
    const struct kind *k = &kinds[kind];
    struct mb__ring *ring = &slot->rings[kind];
    int64_t minute = now_ms / MINUTE_MS;
    int64_t seen = atomic_load(&ring->minute);

    /* The ring's minute is moved last: where a process dies in between, the next does it all
     * again. */
    while (seen < minute) {
        int64_t steps = minute - seen < k->buckets ? minute - seen : k->buckets;

        for (int64_t i = 0; i < steps; i++) {
            int64_t settled = minute - k->settle_min - i;
            int64_t over = minute - k->hold_min - i;

            if (settled >= 0 &&
                tag_minute(atomic_load(&bucket_of(slot, kind, settled)->tag)) <= settled) {
                count_in(ring, bucket_of(slot, kind, settled));
            }
            if (over >= 0) {
                let_go(slot, bucket_of(slot, kind, over), minute - k->hold_min + 1);
            }
        }
        if (atomic_compare_exchange_strong(&ring->minute, &seen, minute)) {
            return;
        }
    }
}

int64_t mb__ring_share(struct mb__slot *slot, enum mb__ring_kind kind, double expect_rate,
                       struct mb_amount cost, int64_t now_ms)
{
    int64_t minute = now_ms / MINUTE_MS;
    struct mb__bucket *bucket = bucket_of(slot, kind, minute);
    uint64_t tag = atomic_load(&bucket->tag);

    while (tag == 0 || tag_minute(tag) != minute) {
        uint64_t mine = make_tag(minute, rate_bound(&slot->rings[kind], &kinds[kind], expect_rate));

        if (atomic_compare_exchange_strong(&bucket->tag, &tag, mine)) {
            tag = mine;
        }
    }
    return share_of(cost, tag & UINT32_MAX);
}

void mb__ring_hold(struct mb__slot *slot, enum mb__ring_kind kind, int64_t share, int64_t now_ms)
{
    struct mb__bucket *bucket = bucket_of(slot, kind, now_ms / MINUTE_MS);

    atomic_fetch_add(&bucket->held, share);
    atomic_fetch_add(&bucket->counts, 1);
}

bool mb__ring_release(struct mb__slot *slot, enum mb__ring_kind kind, struct mb_amount cost,
                      int64_t bid_ms)
{
    struct mb__ring *ring = &slot->rings[kind];
    int64_t minute = bid_ms / MINUTE_MS;
    struct mb__bucket *bucket = bucket_of(slot, kind, minute);
    uint64_t tag = atomic_load(&bucket->tag);
    int64_t held, share;

    if (tag == 0 || tag_minute(tag) != minute) {
        atomic_fetch_add(&ring->booked, 1);
        return false;
    }
    share = share_of(cost, tag & UINT32_MAX);
    held = atomic_load(&bucket->held);
    do {
        share = share < held ? share : held;
    } while (!atomic_compare_exchange_weak(&bucket->held, &held, held - share));
    atomic_fetch_sub(&slot->reserved, share);
    if (atomic_load(&ring->minute) - minute < kinds[kind].settle_min) {
        atomic_fetch_add(&bucket->counts, UINT64_C(1) << 32);
    } else {
        atomic_fetch_add(&ring->booked, 1);
    }
    return share > 0;
}
