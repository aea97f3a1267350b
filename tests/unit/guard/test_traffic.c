/* test_traffic.c - even pacing along the day's traffic, days of 23 and 25 hours included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIDNIGHT INT64_C(1772409600000) /* 2026-03-02T00:00Z */
#define UNIT INT64_C(1000000000)

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
    struct mb_guard_offer offer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
    f->strategy.limits.daily.nanos = 24 * UNIT;
    f->strategy.limits.pacing = MB_PACING_EVEN;
    f->offer = (struct mb_guard_offer){MB_MODEL_CPM, {1000000}, MB_SLICE("exo"), MB_SLICE("push")};
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

/* `n` impressions a second: each that may bids 1.00 CPM and is booked at once. Gives what was
 * spent. */
static int64_t run(struct fixture *f, int n, int64_t from, int64_t until)
{
    int64_t spent = 0;

    for (int64_t now = from; now < until; now += 1000) {
        for (int i = 0; i < n; i++) {
            struct mb_event event = {.type = MB_EVENT_BILLING,
                                     .books = true,
                                     .time_ms = now,
                                     .bid_time_ms = now,
                                     .model = MB_MODEL_CPM,
                                     .has_price_bid = true,
                                     .price_bid = f->offer.price,
                                     .cost = {UNIT / 1000},
                                     .endpoint = f->offer.endpoint,
                                     .format = f->offer.format};

            if (mb_guard_may(f->guard, &f->strategy, now) == MB_NOBID_BID &&
                mb_guard_reserve(f->guard, &f->strategy, &f->offer, now) == MB_NOBID_BID) {
                mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, &event);
                spent += event.cost.nanos;
            }
        }
    }
    return spent;
}

/* Before a day was seen the clock rules: each hour gets the same. */
static void the_first_day_goes_by_the_clock(void **state)
{
    struct fixture *f = *state;
    int64_t quiet = run(f, 1, MIDNIGHT, MIDNIGHT + 6 * HOUR);
    int64_t busy = run(f, 3, MIDNIGHT + 6 * HOUR, MIDNIGHT + 12 * HOUR);

    assert_in_range(quiet / (UNIT / 100), 590, 660);
    assert_in_range(busy / (UNIT / 100), 540, 620);
}

/* The second half of the day has three times the traffic of the first, and so of the money. */
static void the_second_day_goes_by_the_traffic(void **state)
{
    struct fixture *f = *state;
    int64_t day = MIDNIGHT + DAY, first, second;

    (void)run(f, 1, MIDNIGHT - HOUR, MIDNIGHT); /* so that the first quarter is seen whole */
    (void)run(f, 1, MIDNIGHT, MIDNIGHT + 12 * HOUR);
    (void)run(f, 3, MIDNIGHT + 12 * HOUR, MIDNIGHT + DAY);
    first = run(f, 1, day, day + 12 * HOUR);
    second = run(f, 3, day + 12 * HOUR, day + DAY);
    assert_in_range(first / (UNIT / 100), 560, 660);
    assert_in_range(second / (UNIT / 100), 1720, 1840);
}

/* What was held up by a quiet morning is spread over the rest of the day. */
static void an_outage_is_not_caught_up_with_at_once(void **state)
{
    struct fixture *f = *state;
    int64_t noon = MIDNIGHT + 12 * HOUR, hour;

    (void)run(f, 3, MIDNIGHT, MIDNIGHT + 6 * HOUR);
    (void)run(f, 3, noon, noon + HOUR);
    hour = run(f, 3, noon + HOUR, noon + 2 * HOUR);
    assert_in_range(hour / (UNIT / 100), 120, 165); /* 18.00 left for twelve hours */
}

/* In Berlin 2026-03-29 has 23 hours and 2026-10-25 has 25: at the day's end, local time, all of the
 * money is spent, and in the night that is doubled no more than in others. */
static void days_with_a_change_of_clocks_are_spent_whole(void **state)
{
    static const struct {
        int64_t start;
        int hours;
    } rows[] = {{INT64_C(1774738800000), 23}, {INT64_C(1792879200000), 25}};
    struct fixture *f = *state;
    struct mb_error err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t start = rows[i].start, end = start + rows[i].hours * HOUR, last;
        uint32_t slot = mb_guard_slot(f->guard, mb_slice(&"xy"[i], 1));

        if (mb_guard_set_zone(f->guard, slot, MB_SLICE("Europe/Berlin"), &err)) {
            print_message("no zone files on this machine\n");
            skip();
        }
        f->strategy.guard_slot = slot;
        (void)run(f, 1, start - DAY - HOUR, start);
        (void)run(f, 1, start, end - HOUR);
        last = run(f, 1, end - HOUR, end);
        assert_in_range(last / (UNIT / 100), 80, 120);
        assert_in_range(mb_guard_spent(f->guard, slot, MB_GUARD_DAY, end - 1).nanos / (UNIT / 100),
                        2350, 2400);
        assert_int_equal(mb_guard_spent(f->guard, slot, MB_GUARD_DAY, end).nanos, 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_day_goes_by_the_clock),
        CASE(the_second_day_goes_by_the_traffic),
        CASE(an_outage_is_not_caught_up_with_at_once),
        CASE(days_with_a_change_of_clocks_are_spent_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
