/* test_orders.c - random orders of reserving, booking, expiry, duplicates and restarts.
 *
 * With `full`, settled plus reserved never passes a limit, except by bookings that came after their
 * reservation had expired, each of which is counted. A second account, a plain list of bids, says
 * what must be held and what is late.
 *
 * MOONBID_GUARD_ORDERS=1000000 tries so many orders (else 5,000), MOONBID_GUARD_SEED=N one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#define START INT64_C(1772442000000)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

enum { STRATEGIES = 3, BIDS_MAX = 64, STEPS = 40, NOTES_MAX = 16, NOTE_BYTES = 2048 };

struct bid {
    int strategy;
    struct mb_guard_offer offer;
    int64_t cost, made_ms, boot_ms;
    bool booked;
};

struct note {
    char name[80], bytes[NOTE_BYTES];
    size_t name_len, len;
};

struct world {
    uint64_t random;
    struct mb_guard *guard;
    struct mb_pool pool;
    struct mb_strategy strategies[STRATEGIES];
    int64_t now, skew; /* the wall shows now + skew */
    struct bid bids[BIDS_MAX];
    int n_bids;
    bool wall_was_set;
    struct mb_spend spend[STRATEGIES];
    struct mb_spend_part recent[STRATEGIES][BIDS_MAX];
    struct mb_overrun overruns[STRATEGIES + 1]; /* of the runs before; the pool's last */
    uint64_t late[STRATEGIES];
    int64_t late_cost[STRATEGIES];
    struct note notes[NOTES_MAX];
    size_t n_notes;
};

static const char *const names[STRATEGIES] = {"a", "b", "c"};

static uint32_t below(struct world *w, uint32_t n)
{
    uint64_t x = w->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) >> 32) % n;
}

static int64_t wall(const struct world *w)
{
    return w->now + w->skew;
}

static void open_guard(struct world *w)
{
    const struct mb_guard_options options = {.counters_max = 64, .frequency_max = 64};

    assert_int_equal(mb_guard_open(&options, &w->guard, NULL), 0);
    mb_guard_set_clock(w->guard, 7, wall(w), w->now - START + HOUR);
    w->pool.guard_slot = mb_guard_pool_slot(w->guard, MB_SLICE("p"));
    mb_guard_set_booking(w->guard, w->pool.guard_slot, MB_GUARD_NO_SLOT, &w->pool.limits);
    for (int i = 0; i < STRATEGIES; i++) {
        struct mb_strategy *s = &w->strategies[i];

        s->guard_slot = mb_guard_slot(w->guard, mb_slice_of(names[i]));
        s->limits.reserve = MB_RESERVE_FULL;
        mb_guard_set_booking(w->guard, s->guard_slot,
                             s->pool ? w->pool.guard_slot : MB_GUARD_NO_SLOT, &s->limits);
    }
}

static void set_limits(struct world *w)
{
    w->pool.limits.reserve = MB_RESERVE_FULL;
    w->pool.limits.total.nanos = 2000000 + below(w, 20000000);
    for (int i = 0; i < STRATEGIES; i++) {
        struct mb_limits *limits = &w->strategies[i].limits;

        w->strategies[i].pool = i < 2 ? &w->pool : NULL;
        limits->total.nanos = below(w, 2) ? 0 : 1000000 + below(w, 20000000);
        limits->daily.nanos = below(w, 2) ? 0 : 1000000 + below(w, 10000000);
        limits->hourly.nanos = below(w, 3) ? 0 : 1000000 + below(w, 5000000);
    }
}

/* --- what is done --- */

static void reserve(struct world *w)
{
    struct bid *bid = &w->bids[w->n_bids];
    struct mb_strategy *s;

    if (w->n_bids == BIDS_MAX) {
        return;
    }
    bid->strategy = (int)below(w, STRATEGIES);
    s = &w->strategies[bid->strategy];
    bid->offer = (struct mb_guard_offer){below(w, 2) ? MB_MODEL_CPM : MB_MODEL_CPC,
                                         {0},
                                         below(w, 2) ? MB_SLICE("exo") : MB_SLICE("xandr"),
                                         below(w, 2) ? MB_SLICE("push") : MB_SLICE("banner")};
    bid->offer.price.micros = 1 + below(w, 2000);
    bid->cost = bid->offer.price.micros * (bid->offer.model == MB_MODEL_CPC ? 1000 : 1);
    bid->made_ms = w->now;
    bid->booked = false;
    (void)mb_guard_boot(w->guard, wall(w), &bid->boot_ms);
    if (mb_guard_may(w->guard, s, wall(w)) == MB_NOBID_BID &&
        mb_guard_reserve(w->guard, s, &bid->offer, wall(w)) == MB_NOBID_BID) {
        w->n_bids++;
    }
}

static bool is_expired(const struct world *w, const struct bid *bid)
{
    int64_t step_ms = (bid->offer.model == MB_MODEL_CPC ? 24 * HOUR : HOUR) / MB__STEPS;

    return mb__guard_clock(w->guard, wall(w)) / step_ms - bid->boot_ms / step_ms > MB__STEPS;
}

static void add_spend(struct mb_spend *spend, struct mb_spend_part *recent,
                      const struct mb_event *event)
{
    recent[spend->n_recent++] =
        (struct mb_spend_part){event->time_ms - event->time_ms % (15 * MINUTE), event->cost};
    spend->recent = recent;
    spend->events[event->type]++;
    spend->impressions += event->model == MB_MODEL_CPM;
    spend->clicks += event->model == MB_MODEL_CPC;
    spend->total.nanos += event->cost.nanos;
}

/* A second booking of the same bid is what the ledger calls a duplicate: the guard is not told. */
static void book(struct world *w)
{
    struct bid *bid = w->n_bids > 0 ? &w->bids[below(w, (uint32_t)w->n_bids)] : NULL;
    struct mb_event event;

    if (!bid || bid->booked) {
        return;
    }
    event = (struct mb_event){.type = MB_EVENT_BILLING,
                              .books = true,
                              .time_ms = wall(w),
                              .bid_time_ms = bid->made_ms,
                              .boot_id = 7,
                              .boot_ms = bid->boot_ms,
                              .model = bid->offer.model,
                              .has_price_bid = true,
                              .price_bid = bid->offer.price,
                              .endpoint = bid->offer.endpoint,
                              .format = bid->offer.format,
                              .cost = {bid->cost - (below(w, 2) ? bid->cost / 3 : 0)}};
    if (is_expired(w, bid)) {
        w->late[bid->strategy]++;
        w->late_cost[bid->strategy] += event.cost.nanos;
    }
    bid->booked = true;
    add_spend(&w->spend[bid->strategy], w->recent[bid->strategy], &event);
    mb_guard_book(w->guard, NULL, w->strategies[bid->strategy].guard_slot, &event);
}

static void pass_time(struct world *w)
{
    static const int64_t most[] = {10 * SECOND, 5 * MINUTE, 2 * HOUR, 30 * HOUR};

    w->now += 1 + below(w, (uint32_t)most[below(w, 4)]);
    mb_guard_set_clock(w->guard, 7, wall(w), w->now - START + HOUR);
}

static void set_wall_clock(struct world *w)
{
    w->wall_was_set = true;
    w->skew = (int64_t)below(w, 600000) - 300000;
    mb_guard_set_clock(w->guard, 7, wall(w), w->now - START + HOUR);
}

/* --- restarts --- */

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct world *w = user;
    struct note *note = w->notes;

    for (; note < w->notes + w->n_notes; note++) {
        if (mb_slice_eq(mb_slice(note->name, note->name_len), name)) {
            break;
        }
    }
    w->n_notes += note == w->notes + w->n_notes;
    assert_true(w->n_notes <= NOTES_MAX && bytes.len <= sizeof(note->bytes));
    memcpy(note->name, name.data, note->name_len = name.len);
    note->name[name.len] = '\0';
    memcpy(note->bytes, bytes.data, note->len = bytes.len);
}

static void on_overrun(void *user, const struct mb_overrun *overrun)
{
    (void)user, (void)overrun;
}

static void note(struct world *w)
{
    mb_guard_note(w->guard, wall(w), &(struct mb_guard_notes){on_state, on_overrun, w});
}

/* A table of the ledger is read in the order of names. */
static int by_name(const void *a, const void *b)
{
    const struct note *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static void restart(struct world *w)
{
    note(w);
    for (int i = 0; i <= STRATEGIES; i++) {
        uint32_t slot = i < STRATEGIES ? w->strategies[i].guard_slot : w->pool.guard_slot;
        struct mb_overrun o = mb_guard_overrun(w->guard, slot, MB_GUARD_TOTAL, wall(w));

        w->overruns[i].late = o.late;
        w->overruns[i].late_cost = o.late_cost;
    }
    mb_guard_close(w->guard);
    w->now += below(w, 20000);
    open_guard(w);
    for (int i = 0; i < STRATEGIES; i++) {
        w->spend[i].strategy = mb_slice_of(names[i]);
        mb_guard_restore(w->guard, &w->spend[i]);
    }
    qsort(w->notes, w->n_notes, sizeof(w->notes[0]), by_name);
    for (size_t i = 0; i < w->n_notes; i++) {
        mb_guard_restore_state(w->guard, mb_slice(w->notes[i].name, w->notes[i].name_len),
                               mb_slice(w->notes[i].bytes, w->notes[i].len), wall(w));
    }
    for (int i = 0; i <= STRATEGIES; i++) {
        w->overruns[i].strategy = i < STRATEGIES ? mb_slice_of(names[i]) : MB_SLICE("$p");
        w->overruns[i].day = wall(w) / (24 * HOUR);
        mb_guard_restore_overrun(w->guard, &w->overruns[i]);
    }
}

/* --- what must hold --- */

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return #condition;                                                                     \
        }                                                                                          \
    } while (0)

/* NULL, or what does not hold of one slot. */
static const char *check_limits(struct world *w, uint32_t slot, const struct mb_limits *limits)
{
    struct mb__slot *own = mb__guard_slot(w->guard, slot);
    if (own == NULL) {
        return "there is a slot";
    }
    int64_t held = atomic_load(&own->held[MB_RESERVE_FULL]);
    int64_t late = mb_guard_overrun(w->guard, slot, MB_GUARD_TOTAL, wall(w)).late_cost.nanos;
    int64_t total = mb_guard_spent(w->guard, slot, MB_GUARD_TOTAL, wall(w)).nanos;
    int64_t day = mb_guard_spent(w->guard, slot, MB_GUARD_DAY, wall(w)).nanos;
    int64_t hour = mb_guard_spent(w->guard, slot, MB_GUARD_HOUR, wall(w)).nanos;

    HOLDS(held >= 0);
    if (!w->wall_was_set) { /* which picks the day */
        HOLDS(limits->daily.nanos == 0 || day + held <= limits->daily.nanos + late);
        HOLDS(limits->hourly.nanos == 0 || hour + held <= limits->hourly.nanos + late);
    }
    HOLDS(limits->total.nanos == 0 || total + held <= limits->total.nanos + late);
    return NULL;
}

static const char *check_strategy(struct world *w, int i)
{
    uint32_t index = w->strategies[i].guard_slot;
    struct mb__slot *slot = mb__guard_slot(w->guard, index);
    struct mb_overrun o = mb_guard_overrun(w->guard, index, MB_GUARD_TOTAL, wall(w));
    int64_t held = 0;

    mb__slot_refresh_now(w->guard, slot, mb__guard_clock(w->guard, wall(w)));
    for (int k = 0; k < w->n_bids; k++) {
        const struct bid *bid = &w->bids[k];

        held += bid->strategy == i && !bid->booked && !is_expired(w, bid) ? bid->cost : 0;
    }
    HOLDS(atomic_load(&slot->held[MB_RESERVE_FULL]) == held);
    HOLDS(o.late == w->late[i]);
    HOLDS(o.late_cost.nanos == w->late_cost[i]);
    HOLDS(mb_guard_spent(w->guard, index, MB_GUARD_TOTAL, wall(w)).nanos ==
          w->spend[i].total.nanos);
    return check_limits(w, index, &w->strategies[i].limits);
}

static const char *check_all(struct world *w)
{
    const char *broken = NULL;

    for (int i = 0; i < STRATEGIES && !broken; i++) {
        broken = check_strategy(w, i);
    }
    return broken ? broken : check_limits(w, w->pool.guard_slot, &w->pool.limits);
}

static const char *play(struct world *w)
{
    const char *broken = NULL;

    set_limits(w);
    open_guard(w);
    for (int i = 0; i < STEPS && !broken; i++) {
        switch (below(w, 16)) {
        case 0:
        case 1:
        case 2:
            pass_time(w);
            break;
        case 3:
            if (below(w, 4) == 0) {
                restart(w);
            }
            break;
        case 4:
            if (w->random % 2) {
                set_wall_clock(w);
            }
            break;
        case 5:
        case 6:
        case 7:
        case 8:
            book(w);
            break;
        case 9:
            mb_guard_recount(w->guard, wall(w));
            break;
        default:
            reserve(w);
        }
        broken = i % 4 == 3 ? check_all(w) : NULL;
    }
    mb_guard_close(w->guard);
    return broken;
}

static void settled_plus_reserved_never_passes_a_limit(void **state)
{
    const char *many = getenv("MOONBID_GUARD_ORDERS"), *one = getenv("MOONBID_GUARD_SEED");
    long orders = one ? 1 : many ? atol(many) : 5000;
    uint64_t bids = 0, late = 0;

    (void)state;
    for (long i = 0; i < orders; i++) {
        struct world *w = calloc(1, sizeof(*w));
        uint64_t seed = one ? strtoull(one, NULL, 10) : (uint64_t)i * 7919 + 1;
        const char *broken;

        assert_non_null(w);
        w->random = seed;
        w->now = START + below(w, 86400000);
        broken = play(w);
        if (broken) {
            fail_msg("MOONBID_GUARD_SEED=%llu: %s", (unsigned long long)seed, broken);
        }
        bids += (uint64_t)w->n_bids;
        late += w->late[0] + w->late[1] + w->late[2];
        free(w);
    }
    print_message("%ld orders, %llu bids, %llu bookings after their reservation expired\n", orders,
                  (unsigned long long)bids, (unsigned long long)late);
    assert_true(one || late > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settled_plus_reserved_never_passes_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
