/* limits.c - may a strategy bid, what does a bid hold, what has an event booked.
 *
 * A limit is held against settled spend plus all that is reserved, whichever day the bids were
 * made: any of them may book now.
 *
 * A pool is a slot like a strategy's, with limits of its own; a bid of a strategy that is in one
 * must find room in both.
 */
#include "internal.h"

__extension__ typedef __int128 wide;

enum { SECOND_NS = 1000000000, MS_NS = 1000000, QPS_BURST_NS = SECOND_NS / 10 };

/* --- settled spend --- */

/* The total last: after a kill in between, mb_guard_restore sees by the total what is missing. */
static void settle(struct mb__slot *slot, const struct mb_zone *zone, int64_t nanos, int64_t at_ms)
{
    mb__period_add(slot->days, mb_zone_day_number(zone, at_ms), nanos);
    mb__period_add(slot->hours, mb_zone_hour_number(zone, at_ms), nanos);
    atomic_fetch_add(&slot->total, nanos);
}

/* --- limits --- */

/* Whether `limit` (0: none) leaves room for `more` above what is spent and held; a limit that is
 * just reached leaves none even for nothing. */
static bool has_room(struct mb_amount limit, int64_t spent, int64_t held, int64_t more)
{
    int64_t after = spent + held + more;

    return limit.nanos == 0 || (more > 0 ? after <= limit.nanos : after < limit.nanos);
}

/* The first money limit in the way of `more` nanos. `held` has what others reserved. */
static enum mb_nobid money_limit(const struct mb__slot *slot, const struct mb_zone *zone,
                                 const struct mb_limits *limits, int64_t held, int64_t more,
                                 int64_t now_ms)
{
    if (limits->total.nanos && !has_room(limits->total, atomic_load(&slot->total), held, more)) {
        return MB_NOBID_BUDGET;
    }
    if (limits->daily.nanos &&
        !has_room(limits->daily, mb__period_spent(slot->days, mb_zone_day_number(zone, now_ms)), held,
                  more)) {
        return MB_NOBID_BUDGET;
    }
    if (limits->hourly.nanos &&
        !has_room(limits->hourly, mb__period_spent(slot->hours, mb_zone_hour_number(zone, now_ms)),
                  held, more)) {
        return MB_NOBID_HOURLY;
    }
    return MB_NOBID_BID;
}

static bool count_reached(int64_t max, uint64_t a, uint64_t b)
{
    return max > 0 && (a > b ? a : b) >= (uint64_t)max;
}

/* Not every exchange reports impressions and clicks; a booking then stands for one. */
static enum mb_nobid count_limit(const struct mb__slot *slot, const struct mb_limits *limits)
{
    if (count_reached(limits->max_impressions, atomic_load(&slot->events[MB_EVENT_IMPRESSION]),
                      atomic_load(&slot->booked[MB__RING_CPM])) ||
        count_reached(limits->max_clicks, atomic_load(&slot->events[MB_EVENT_CLICK]),
                      atomic_load(&slot->booked[MB__RING_CPC]))) {
        return MB_NOBID_BUDGET;
    }
    return MB_NOBID_BID;
}

/* Even pacing: spend and reservations may be ahead of the day's clock by a fiftieth of the daily
 * limit (half an hour's worth), no more. Without a daily limit there is nothing to spread. */
static bool ahead_of_pace(const struct mb__slot *slot, const struct mb_zone *zone,
                          const struct mb_limits *limits, int64_t now_ms)
{
    int64_t start_ms, length_ms, due, spent;

    if (limits->pacing != MB_PACING_EVEN || limits->daily.nanos == 0) {
        return false;
    }
    start_ms = mb_zone_day_start_ms(zone, now_ms);
    /* 36 hours after its start is within the next day, however long this one is. */
    length_ms = mb_zone_day_start_ms(zone, start_ms + INT64_C(36) * 3600 * 1000) - start_ms;
    due = (int64_t)((wide)limits->daily.nanos * (now_ms - start_ms) / length_ms) +
          limits->daily.nanos / 50;
    spent = mb__period_spent(slot->days, mb_zone_day_number(zone, now_ms));
    return spent + atomic_load(&slot->reserved) > due;
}

/* Takes one call of the second's `qps`. The slot keeps the instant at which all calls so far
 * would be due at an even rate; it may lie a tenth of a second ahead of now, which lets small
 * bursts through. */
static bool take_call(struct mb__slot *slot, uint32_t qps, int64_t now_ms)
{
    int64_t now_ns = now_ms * MS_NS;
    int64_t step_ns = SECOND_NS / (int64_t)qps;
    int64_t next_ns = atomic_load(&slot->qps_next_ns);
    int64_t base_ns;

    do {
        /* Further ahead than any call could have put it: the clock was set back. */
        bool stale = next_ns > now_ns + QPS_BURST_NS + SECOND_NS;

        base_ns = next_ns < now_ns || stale ? now_ns : next_ns;
        if (base_ns - now_ns > (step_ns > QPS_BURST_NS ? 0 : QPS_BURST_NS - step_ns)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&slot->qps_next_ns, &next_ns, base_ns + step_ns));
    return true;
}

/* What the limits of one slot, a strategy's or a pool's, say now. */
static enum mb_nobid slot_limit(struct mb_guard *guard, struct mb__slot *slot,
                                const struct mb_limits *limits, int64_t now_ms)
{
    const struct mb_zone *zone = mb__guard_zone(guard, slot);
    enum mb_nobid reason;

    mb__ring_advance(slot, MB__RING_CPM, now_ms);
    mb__ring_advance(slot, MB__RING_CPC, now_ms);
    reason = count_limit(slot, limits);
    if (reason == MB_NOBID_BID) {
        reason = money_limit(slot, zone, limits, atomic_load(&slot->reserved), 0, now_ms);
    }
    if (reason == MB_NOBID_BID && ahead_of_pace(slot, zone, limits, now_ms)) {
        reason = MB_NOBID_PACING;
    }
    return reason;
}

static struct mb__slot *pool_of(struct mb_guard *guard, const struct mb_strategy *strategy)
{
    return strategy->pool ? mb__guard_slot(guard, strategy->pool->guard_slot) : NULL;
}

enum mb_nobid mb_guard_may(struct mb_guard *guard, const struct mb_strategy *strategy,
                           int64_t now_ms)
{
    struct mb__slot *slot = mb__guard_slot(guard, strategy->guard_slot);
    struct mb__slot *pool = pool_of(guard, strategy);
    const struct mb_limits *limits = &strategy->limits;
    enum mb_nobid reason;

    if (!slot || (strategy->pool && !pool)) {
        return MB_NOBID_MONEY_GUARD;
    }
    if (mb_guard_paused(guard, strategy->guard_slot) || mb_guard_all_paused(guard)) {
        return MB_NOBID_PAUSED;
    }
    if (limits->starts_ms && now_ms < limits->starts_ms) {
        return MB_NOBID_NOT_STARTED;
    }
    if (limits->ends_ms && now_ms >= limits->ends_ms) {
        return MB_NOBID_ENDED;
    }
    if (mb__alarm_holds(guard, slot, strategy->guard_slot, now_ms)) {
        return MB_NOBID_MONEY_GUARD;
    }
    reason = slot_limit(guard, slot, limits, now_ms);
    if (reason == MB_NOBID_BID && pool) {
        reason = slot_limit(guard, pool, &strategy->pool->limits, now_ms);
    }
    if (reason == MB_NOBID_BID && limits->qps && !take_call(slot, limits->qps, now_ms)) {
        reason = MB_NOBID_QPS;
    }
    return reason;
}

/* A bid's hold on one slot. */
struct hold {
    struct mb__slot *slot;
    const struct mb_limits *limits;
    int64_t share;
};

/* Raises what is reserved first and looks afterwards: of two bids for the last money at most one
 * gets it. Where the limit is passed nothing stays raised. */
static enum mb_nobid raise(struct mb_guard *guard, struct hold *hold, enum mb__ring_kind kind,
                           struct mb_amount cost, int64_t now_ms)
{
    const struct mb_limits *limits = hold->limits;
    double rate = limits->reserve == MB_RESERVE_FULL ? -1 : limits->expect_rate;
    enum mb_nobid reason;
    int64_t held;

    mb__ring_advance(hold->slot, kind, now_ms);
    hold->share = mb__ring_share(hold->slot, kind, rate, cost, now_ms);
    held = atomic_fetch_add(&hold->slot->reserved, hold->share);
    reason = money_limit(hold->slot, mb__guard_zone(guard, hold->slot), limits, held, hold->share,
                         now_ms);
    if (reason != MB_NOBID_BID) {
        atomic_fetch_sub(&hold->slot->reserved, hold->share);
    }
    return reason;
}

enum mb_nobid mb_guard_reserve(struct mb_guard *guard, const struct mb_strategy *strategy,
                               enum mb_model model, struct mb_price price, int64_t now_ms)
{
    struct hold own = {mb__guard_slot(guard, strategy->guard_slot), &strategy->limits, 0};
    struct hold pool = {pool_of(guard, strategy), NULL, 0};
    enum mb__ring_kind kind = mb__ring_of(model);
    struct mb_amount cost = mb__ring_cost(model, price);
    enum mb_nobid reason;

    if (!own.slot || (strategy->pool && !pool.slot)) {
        return MB_NOBID_MONEY_GUARD;
    }
    reason = raise(guard, &own, kind, cost, now_ms);
    if (reason != MB_NOBID_BID) {
        return reason;
    }
    if (pool.slot) {
        pool.limits = &strategy->pool->limits;
        reason = raise(guard, &pool, kind, cost, now_ms);
        if (reason != MB_NOBID_BID) {
            atomic_fetch_sub(&own.slot->reserved, own.share);
            return reason;
        }
        mb__ring_hold(pool.slot, kind, pool.share, now_ms);
    }
    mb__ring_hold(own.slot, kind, own.share, now_ms);
    mb__alarm_bid(guard, own.slot, now_ms);
    return MB_NOBID_BID;
}

/* --- events --- */

static void book_on(struct mb_guard *guard, struct mb__slot *slot, const struct mb_event *event)
{
    enum mb__ring_kind kind = mb__ring_of(event->model);
    const struct mb_zone *zone = mb__guard_zone(guard, slot);
    bool held = false;

    atomic_fetch_add(&slot->booked[kind], 1);
    settle(slot, zone, event->cost.nanos, event->time_ms);
    if (event->has_price_bid && event->bid_time_ms > 0) {
        held = mb__ring_release(slot, kind, mb__ring_cost(event->model, event->price_bid),
                                event->bid_time_ms);
    }
    mb__overrun_book(slot, zone, event->cost.nanos, event->time_ms, !held);
}

static struct mb__slot *booking_pool(const struct mb_guard *guard, const struct mb__slot *slot)
{
    uint32_t index = atomic_load(&slot->pool);

    return index > 0 ? mb__guard_slot(guard, index - 1) : NULL;
}

/* The pool before the strategy, whose numbers tell what a restore has to add to both: a kill in
 * between leaves the pool with too much spent, not with too little. */
void mb_guard_book(struct mb_guard *guard, const struct mb_strategy *strategy_or_null,
                   uint32_t slot_index, const struct mb_event *event)
{
    struct mb__slot *slot, *pool;

    slot_index = strategy_or_null ? strategy_or_null->guard_slot : slot_index;
    slot = mb__guard_slot(guard, slot_index);
    if (!slot || event->test || (unsigned)event->type >= MB_EVENT_COUNT) {
        return;
    }
    atomic_fetch_add(&slot->events[event->type], 1);
    mb__alarm_event(guard, slot, slot_index, event);
    if (!event->books) {
        return;
    }
    pool = booking_pool(guard, slot);
    if (pool) {
        book_on(guard, pool, event);
    }
    book_on(guard, slot, event);
    if (event->per_key) {
        mb__caps_book(guard, event);
    }
}

/* --- catching up with a ledger --- */

static void add_missing(_Atomic uint64_t *counter, _Atomic uint64_t *of_pool, uint64_t recorded)
{
    uint64_t known = atomic_load(counter);

    if (recorded > known) {
        if (of_pool) {
            atomic_fetch_add(of_pool, recorded - known);
        }
        atomic_fetch_add(counter, recorded - known);
    }
}

/* What is missing was spent last: takes it from the end of the recent quarters of an hour, and puts
 * what these do not cover into the total alone. */
static void settle_missing(struct mb_guard *guard, struct mb__slot *slot, int64_t missing,
                           const struct mb_spend *spend)
{
    const struct mb_zone *zone = mb__guard_zone(guard, slot);
    int64_t older = missing;
    size_t first = spend->n_recent;

    while (first > 0 && older > 0) {
        older -= spend->recent[--first].cost.nanos;
    }
    for (size_t i = first; i < spend->n_recent; i++) {
        int64_t nanos = spend->recent[i].cost.nanos + (i == first && older < 0 ? older : 0);

        settle(slot, zone, nanos, spend->recent[i].start_ms);
    }
    if (older > 0) {
        atomic_fetch_add(&slot->total, older);
    }
}

void mb_guard_restore(struct mb_guard *guard, const struct mb_spend *spend)
{
    struct mb__slot *slot = mb__guard_slot(guard, mb_guard_slot(guard, spend->strategy));
    struct mb__slot *pool = slot ? booking_pool(guard, slot) : NULL;
    int64_t missing;

    if (!slot) {
        return;
    }
    for (int type = 0; type < MB_EVENT_COUNT; type++) {
        add_missing(&slot->events[type], NULL, spend->events[type]);
    }
    add_missing(&slot->booked[MB__RING_CPM], pool ? &pool->booked[MB__RING_CPM] : NULL,
                spend->impressions);
    add_missing(&slot->booked[MB__RING_CPC], pool ? &pool->booked[MB__RING_CPC] : NULL,
                spend->clicks);
    missing = spend->total.nanos - atomic_load(&slot->total);
    if (missing > 0 && pool) {
        settle_missing(guard, pool, missing, spend);
    }
    if (missing > 0) {
        settle_missing(guard, slot, missing, spend);
    }
}

struct mb_amount mb_guard_spent(const struct mb_guard *guard, uint32_t slot_index,
                                enum mb_guard_period period, int64_t now_ms)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);
    struct mb_amount spent = {0};

    if (!slot) {
        return spent;
    }
    switch (period) {
    case MB_GUARD_HOUR:
        spent.nanos =
            mb__period_spent(slot->hours, mb_zone_hour_number(mb__guard_zone(guard, slot), now_ms));
        break;
    case MB_GUARD_DAY:
        spent.nanos =
            mb__period_spent(slot->days, mb_zone_day_number(mb__guard_zone(guard, slot), now_ms));
        break;
    case MB_GUARD_TOTAL:
        spent.nanos = atomic_load(&slot->total);
        break;
    }
    return spent;
}

uint64_t mb_guard_events(const struct mb_guard *guard, uint32_t slot_index, enum mb_event_type type)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);

    return slot && (unsigned)type < MB_EVENT_COUNT ? atomic_load(&slot->events[type]) : 0;
}

void mb_guard_add_spend(struct mb_guard *guard, uint32_t slot_index, struct mb_amount amount,
                        int64_t now_ms)
{
    struct mb__slot *slot = mb__guard_slot(guard, slot_index);

    if (slot) {
        settle(slot, mb__guard_zone(guard, slot), amount.nanos, now_ms);
    }
}
