/* test_rates.c - what open bids are thought to come to, learned from what was booked and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000) /* begins a step of CPC (30 min) and of CPM (75 s) */
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define UNIT INT64_C(1000000000)

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
    struct mb_guard_offer offer;
    struct mb__slot *slot;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
    f->slot = mb__guard_slot(f->guard, f->strategy.guard_slot);
    f->offer = (struct mb_guard_offer){MB_MODEL_CPC, {1000000}, MB_SLICE("exo"), MB_SLICE("push")};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mb_guard_close(f->guard);
    free(f);
    return 0;
}

static void bid(struct fixture *f, int n, int64_t now)
{
    while (n-- > 0) {
        assert_int_equal(mb_guard_reserve(f->guard, &f->strategy, &f->offer, now), MB_NOBID_BID);
    }
}

static void book(struct fixture *f, int n, int64_t bid_ms, int64_t now)
{
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .time_ms = now,
                             .bid_time_ms = bid_ms,
                             .books = true,
                             .model = f->offer.model,
                             .has_price_bid = true,
                             .price_bid = f->offer.price,
                             .endpoint = f->offer.endpoint,
                             .format = f->offer.format};

    event.cost = mb__cost_of(event.model, event.price_bid);
    while (n-- > 0) {
        mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, &event);
    }
}

static int64_t expected(struct fixture *f, int64_t now)
{
    mb__slot_refresh_now(f->guard, f->slot, now);
    return atomic_load(&f->slot->held[MB_RESERVE_EXPECTED]);
}

/* What a bid of 1.00 would hold now, in billionths. */
static int64_t share(struct fixture *f, int64_t now)
{
    int64_t before = expected(f, now), after;

    bid(f, 1, now);
    after = atomic_load(&f->slot->held[MB_RESERVE_EXPECTED]);
    return after - before;
}

/* 100,000 bids an hour, of each hour's one in 2,000 booked four hours later: while nobody has seen
 * the fourth hour the share is no lower than what comes, and after it close to it. */
static void bookings_hours_later_do_not_look_like_none(void **state)
{
    struct fixture *f = *state;

    for (int hour = 0; hour < 24; hour++) {
        int64_t now = NOW + hour * HOUR;

        bid(f, 100000, now);
        if (hour >= 4) {
            book(f, 50, now - 4 * HOUR, now);
        }
        assert_true(share(f, now) > 500000); /* billionths: 0.0005 */
    }
    assert_true(share(f, NOW + 24 * HOUR) < 700000);
}

/* Bids whose time has passed hold nothing long before the holding time is over. */
static void what_is_still_to_come_falls_with_age(void **state)
{
    struct fixture *f = *state;
    int64_t fresh, old;

    for (int hour = 0; hour < 24; hour++) {
        bid(f, 100000, NOW + hour * HOUR);
        book(f, 100, NOW + hour * HOUR, NOW + hour * HOUR + 20 * MINUTE);
    }
    fresh = expected(f, NOW + 23 * HOUR + 21 * MINUTE);
    old = expected(f, NOW + 28 * HOUR);
    assert_true(old < fresh / 4);
    assert_true(atomic_load(&f->slot->held[MB_RESERVE_FULL]) > 1000000 * UNIT);
}

/* The rate is one of strategy, endpoint and format. */
static void each_endpoint_and_format_has_its_own(void **state)
{
    struct fixture *f = *state;

    f->offer.model = MB_MODEL_CPM;
    for (int i = 0; i < 60; i++) {
        bid(f, 1000, NOW + i * MINUTE);
        book(f, 900, NOW + i * MINUTE, NOW + i * MINUTE + 5000);
    }
    assert_in_range(share(f, NOW + HOUR), 880000, 960000); /* of a thousandth of 1.00 */
    f->offer.format = MB_SLICE("banner");
    assert_int_equal(share(f, NOW + HOUR), 300000);
    f->offer.format = MB_SLICE("push");
    f->offer.endpoint = MB_SLICE("other");
    assert_int_equal(share(f, NOW + HOUR), 300000);
    f->offer.endpoint = MB_SLICE("exo");
    assert_in_range(share(f, NOW + HOUR), 880000, 960000);
}

/* More combinations than there are cells: the last ones share, and nothing is lost. */
static void beyond_the_last_cell_they_share(void **state)
{
    struct fixture *f = *state;
    char names[40][8];

    f->strategy.limits.reserve = MB_RESERVE_FULL;
    for (int i = 0; i < 40; i++) {
        f->offer.endpoint = mb_slice(names[i], (size_t)snprintf(names[i], 8, "e%d", i));
        bid(f, 1, NOW);
    }
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 40 * UNIT);
    for (int i = 0; i < 40; i++) {
        f->offer.endpoint = mb_slice_of(names[i]);
        book(f, 1, NOW, NOW + MINUTE);
    }
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 0);
    assert_int_equal(mb_guard_overrun(f->guard, f->strategy.guard_slot, MB_GUARD_TOTAL, NOW).late,
                     0);
}

/* Yesterday's tenth does not hold on for ever once everything is won. */
static void old_days_fade(void **state)
{
    struct fixture *f = *state;

    f->offer.model = MB_MODEL_CPM;
    for (int i = 0; i < 4 * 24 * 60; i++) {
        bid(f, 10, NOW + i * MINUTE);
        book(f, i < 2 * 24 * 60 ? 1 : 9, NOW + i * MINUTE, NOW + i * MINUTE + 1000);
    }
    assert_true(share(f, NOW + 4 * 24 * HOUR) > 700000);
}

static void an_endpoint_may_hold_longer(void **state)
{
    struct fixture *f = *state;

    f->offer.model = MB_MODEL_CPM;
    mb_guard_set_hold(f->guard, MB_SLICE("exo"), 10 * HOUR, 20 * HOUR);
    bid(f, 1, NOW);
    (void)expected(f, NOW + 10 * HOUR);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), UNIT / 1000);
    (void)expected(f, NOW + 11 * HOUR);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 0);
    f->offer.model = MB_MODEL_CPC;
    bid(f, 1, NOW);
    (void)expected(f, NOW + 20 * HOUR);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), UNIT);
    (void)expected(f, NOW + 21 * HOUR);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 0);
}

/* The wall clock is set two hours ahead and back again: nothing expires, and bookings find their
 * bids by the clock that nobody sets. */
static void a_wall_clock_that_is_set_frees_nothing(void **state)
{
    struct fixture *f = *state;
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .time_ms = NOW + 2 * HOUR,
                             .bid_time_ms = NOW,
                             .books = true,
                             .model = MB_MODEL_CPM,
                             .has_price_bid = true,
                             .price_bid = {1000000},
                             .cost = {1000000},
                             .endpoint = MB_SLICE("exo"),
                             .format = MB_SLICE("push")};

    f->offer.model = MB_MODEL_CPM;
    f->strategy.limits.reserve = MB_RESERVE_FULL;
    mb_guard_set_clock(f->guard, 7, NOW, 1000);
    bid(f, 1, NOW);
    event.boot_id = mb_guard_boot(f->guard, NOW, &event.boot_ms);
    mb_guard_set_clock(f->guard, 7, NOW + 2 * HOUR, 2000); /* a second later */
    assert_int_equal(mb_guard_may(f->guard, &f->strategy, NOW + 2 * HOUR), MB_NOBID_BID);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 1000000);
    mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, &event);
    assert_int_equal(atomic_load(&f->slot->held[MB_RESERVE_FULL]), 0);
    assert_int_equal(mb_guard_overrun(f->guard, f->strategy.guard_slot, MB_GUARD_TOTAL, NOW).late,
                     0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bookings_hours_later_do_not_look_like_none),
        CASE(what_is_still_to_come_falls_with_age),
        CASE(each_endpoint_and_format_has_its_own),
        CASE(beyond_the_last_cell_they_share),
        CASE(old_days_fade),
        CASE(an_endpoint_may_hold_longer),
        CASE(a_wall_clock_that_is_set_frees_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
