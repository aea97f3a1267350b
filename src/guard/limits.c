/* limits.c - may a strategy bid, what does a bid hold, what has an event booked.
 *
 * A limit is held against settled spend plus all that is reserved, whichever day the bids were
 * made: any of them may book now.
 *
 * A pool is a slot like a strategy's, with limits of its own; a bid of a strategy that is in one
 * must find room in both.
 */
#include "market.h"

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

/* What open bids hold, as this limit reserves. */
static int64_t held_of(const struct mb__slot *slot, const struct mb_limits *limits)
{
    int64_t held = atomic_load(&slot->held[limits->reserve]);

    return held > 0 ? held : 0;
}

static bool count_reached(int64_t max, uint64_t a, uint64_t b)
{
    return max > 0 && (a > b ? a : b) >= (uint64_t)max;
}

/* Not every exchange reports impressions and clicks; a booking then stands for one. */
static enum mb_nobid count_limit(const struct mb__slot *slot, const struct mb_limits *limits)
{
    if (count_reached(limits->max_impressions, atomic_load(&slot->events[MB_EVENT_IMPRESSION]),
                      atomic_load(&slot->booked[MB__PAY_CPM])) ||
        count_reached(limits->max_clicks, atomic_load(&slot->events[MB_EVENT_CLICK]),
                      atomic_load(&slot->booked[MB__PAY_CPC]))) {
        return MB_NOBID_BUDGET;
    }
    return MB_NOBID_BID;
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
    bool ahead = mb__traffic_ahead(guard, slot, zone, limits, now_ms);
    enum mb_nobid reason;

    reason = count_limit(slot, limits);
    if (reason == MB_NOBID_BID) {
        reason = money_limit(slot, zone, limits, held_of(slot, limits), 0, now_ms);
    }
    return reason == MB_NOBID_BID && ahead ? MB_NOBID_PACING : reason;
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
    mb__slot_refresh(guard, slot, mb__guard_clock(guard, now_ms));
    reason = slot_limit(guard, slot, limits, now_ms);
    if (reason == MB_NOBID_BID && pool) {
        reason = slot_limit(guard, pool, &strategy->pool->limits, now_ms);
    }
    if (reason == MB_NOBID_BID && limits->qps && !take_call(slot, limits->qps, now_ms)) {
        reason = MB_NOBID_QPS;
    }
    return reason;
}

/* What a bid holds, by enum mb_reserve. */
struct hold {
    int64_t nanos[2];
};

/* Raises what is held first and looks afterwards: of two bids for the last money at most one gets
 * it. Where the limit is passed nothing stays raised. */
static enum mb_nobid raise(struct mb_guard *guard, struct mb__slot *slot,
                           const struct mb_limits *limits, const struct hold *hold, int64_t now_ms)
{
    enum mb_nobid reason;
    int64_t held[2];

    for (int how = 0; how < 2; how++) {
        held[how] = atomic_fetch_add(&slot->held[how], hold->nanos[how]);
    }
    reason = money_limit(slot, mb__guard_zone(guard, slot), limits,
                         held[limits->reserve] > 0 ? held[limits->reserve] : 0,
                         hold->nanos[limits->reserve], now_ms);
    for (int how = 0; how < 2 && reason != MB_NOBID_BID; how++) {
        atomic_fetch_sub(&slot->held[how], hold->nanos[how]);
    }
    return reason;
}

/* The whole cost, and the share of it that such bids come to. */
static struct hold hold_of(struct mb__cell *cell, enum mb__pay pay, double expect_rate,
                           struct mb_amount cost)
{
    struct hold hold;

    if (atomic_load_explicit(&cell->share[0], memory_order_relaxed) == 0) {
        mb__rates_bound(cell, pay, expect_rate);
    }
    hold.nanos[MB_RESERVE_FULL] = cost.nanos;
    hold.nanos[MB_RESERVE_EXPECTED] = mb__part_of(cost.nanos, atomic_load(&cell->share[0]));
    return hold;
}

enum mb_nobid mb_guard_reserve(struct mb_guard *guard, const struct mb_strategy *strategy,
                               const struct mb_guard_offer *offer, int64_t now_ms)
{
    struct mb__slot *slot = mb__guard_slot(guard, strategy->guard_slot);
    struct mb__slot *pool = pool_of(guard, strategy);
    struct mb_amount cost = mb__cost_of(offer->model, offer->price);
    enum mb__pay pay = mb__pay_of(offer->model);
    enum mb_nobid reason;
    struct hold hold;
    uint32_t cell;

    if (!slot || (strategy->pool && !pool)) {
        return MB_NOBID_MONEY_GUARD;
    }
    cell = mb__cell_find(guard, slot, offer->endpoint, offer->format, pay, true);
    hold = hold_of(&slot->cells[cell], pay, mb__expect_rate(guard, slot), cost);
    reason = raise(guard, slot, &strategy->limits, &hold, now_ms);
    if (reason == MB_NOBID_BID && pool) {
        reason = raise(guard, pool, &strategy->pool->limits, &hold, now_ms);
        for (int how = 0; how < 2 && reason != MB_NOBID_BID; how++) {
            atomic_fetch_sub(&slot->held[how], hold.nanos[how]);
        }
    }
    if (reason == MB_NOBID_BID) {
        mb__traffic_laid(slot, &strategy->limits, hold.nanos[MB_RESERVE_EXPECTED]);
        if (pool) {
            mb__traffic_laid(pool, &strategy->pool->limits, hold.nanos[MB_RESERVE_EXPECTED]);
        }
        mb__cell_hold(guard, slot, cell, cost.nanos, 1, mb__guard_clock(guard, now_ms));
        mb__alarm_bid(guard, slot, now_ms);
    }
    return reason;
}

/* --- events --- */

static void settle_event(struct mb_guard *guard, struct mb__slot *slot,
                         const struct mb_event *event)
{
    atomic_fetch_add(&slot->booked[mb__pay_of(event->model)], 1);
    settle(slot, mb__guard_zone(guard, slot), event->cost.nanos, event->time_ms);
}

/* When the bid was made, by the guard's clock: told by that of this boot, else by the wall's. */
static int64_t bid_instant(const struct mb_guard *guard, const struct mb_event *event)
{
    bool this_boot = event->boot_ms > 0 && event->boot_id == atomic_load(&guard->shared->boot_id);

    return this_boot ? event->boot_ms : mb__guard_clock(guard, event->bid_time_ms);
}

/* Lets go of what the event's bid holds. False where nothing is held for it any more. */
static bool release(struct mb_guard *guard, struct mb__slot *slot, const struct mb_event *event)
{
    uint32_t cell = mb__cell_find(guard, slot, event->endpoint, event->format,
                                  mb__pay_of(event->model), false);
    int64_t nanos = mb__cost_of(event->model, event->price_bid).nanos;

    return cell < MB__CELLS && event->has_price_bid && event->bid_time_ms > 0 &&
           mb__cell_release(guard, slot, cell, nanos, bid_instant(guard, event),
                            mb__guard_clock(guard, event->time_ms));
}

/* The pool before the strategy, whose numbers tell what a restore has to add to both: a kill in
 * between leaves the pool with too much spent, not with too little. */
void mb_guard_book(struct mb_guard *guard, const struct mb_strategy *strategy_or_null,
                   uint32_t slot_index, const struct mb_event *event)
{
    struct mb__slot *slot, *pool;
    bool late;

    slot_index = strategy_or_null ? strategy_or_null->guard_slot : slot_index;
    slot = mb__guard_slot(guard, slot_index);
    if (!slot || event->test || (unsigned)event->type >= MB_EVENT_COUNT) {
        return;
    }
    atomic_fetch_add(&slot->events[event->type], 1);
    mb__market_event(guard, event);
    mb__alarm_event(guard, slot, slot_index, event);
    if (!event->books) {
        return;
    }
    pool = mb__pool_of(guard, slot);
    if (pool) {
        settle_event(guard, pool, event);
    }
    settle_event(guard, slot, event);
    late = !release(guard, slot, event); /* last: meanwhile too much is counted, not too little */
    if (pool) {
        mb__overrun_book(pool, mb__guard_zone(guard, pool), event->cost.nanos, event->time_ms, late);
    }
    mb__overrun_book(slot, mb__guard_zone(guard, slot), event->cost.nanos, event->time_ms, late);
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
    struct mb__slot *pool = slot ? mb__pool_of(guard, slot) : NULL;
    int64_t missing;

    if (!slot) {
        return;
    }
    for (int type = 0; type < MB_EVENT_COUNT; type++) {
        add_missing(&slot->events[type], NULL, spend->events[type]);
    }
    add_missing(&slot->booked[MB__PAY_CPM], pool ? &pool->booked[MB__PAY_CPM] : NULL,
                spend->impressions);
    add_missing(&slot->booked[MB__PAY_CPC], pool ? &pool->booked[MB__PAY_CPC] : NULL,
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
