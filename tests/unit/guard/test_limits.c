/* test_limits.c - when a strategy may bid, what its bids hold, what bookings leave behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
#define DAY (INT64_C(24) * HOUR)
#define NOW INT64_C(1772442000000) /* 2026-03-02T09:00:00Z, a Monday */
#define UNIT INT64_C(1000000000)   /* nanos of 1.00 */

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
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

static struct mb_price price(double value)
{
    struct mb_price out = {0};

    assert_true(mb_money_price_from_double(value, &out));
    return out;
}

static enum mb_nobid may(struct fixture *f, int64_t now)
{
    return mb_guard_may(f->guard, &f->strategy, now);
}

static enum mb_nobid reserve(struct fixture *f, enum mb_model model, double value, int64_t now)
{
    const struct mb_guard_offer offer = {model, price(value), MB_SLICE("exo"), MB_SLICE("push")};

    return mb_guard_reserve(f->guard, &f->strategy, &offer, now);
}

static int64_t held(const struct fixture *f)
{
    return atomic_load(&mb__guard_slot(f->guard, f->strategy.guard_slot)
                            ->held[f->strategy.limits.reserve]);
}

static int64_t spent(struct fixture *f, enum mb_guard_period period, int64_t now)
{
    return mb_guard_spent(f->guard, f->strategy.guard_slot, period, now).nanos;
}

static void book(struct fixture *f, enum mb_model model, double value, int64_t bid_ms, int64_t now)
{
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .time_ms = now,
                             .model = model,
                             .books = true,
                             .has_price_bid = true,
                             .price_bid = price(value),
                             .bid_time_ms = bid_ms,
                             .endpoint = MB_SLICE("exo"),
                             .format = MB_SLICE("push")};

    event.cost = mb__cost_of(model, event.price_bid);
    mb_guard_book(f->guard, NULL, f->strategy.guard_slot, &event);
}

static void a_name_keeps_its_slot(void **state)
{
    struct fixture *f = *state;
    char name[8];

    assert_int_equal(mb_guard_slot(f->guard, MB_SLICE("a")), f->strategy.guard_slot);
    for (int i = 0; i < MB_GUARD_SLOTS_MAX - 1; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        assert_int_not_equal(mb_guard_slot(f->guard, mb_slice_of(name)), MB_GUARD_NO_SLOT);
    }
    assert_int_equal(mb_guard_slot(f->guard, MB_SLICE("one-too-many")), MB_GUARD_NO_SLOT);
    assert_int_equal(mb_guard_slot(f->guard, MB_SLICE("a")), f->strategy.guard_slot);
    assert_int_equal(mb_guard_slot(f->guard, MB_SLICE("")), MB_GUARD_NO_SLOT);
}

static void without_a_slot_nobody_bids(void **state)
{
    struct fixture *f = *state;

    f->strategy.guard_slot = MB_GUARD_NO_SLOT;
    assert_int_equal(may(f, NOW), MB_NOBID_MONEY_GUARD);
    assert_int_equal(reserve(f, MB_MODEL_CPM, 1, NOW), MB_NOBID_MONEY_GUARD);
    book(f, MB_MODEL_CPM, 1, NOW, NOW); /* touches nothing */
    assert_int_equal(spent(f, MB_GUARD_TOTAL, NOW), 0);
}

static void it_bids_between_starts_and_ends(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.starts_ms = NOW;
    f->strategy.limits.ends_ms = NOW + 1000;
    assert_int_equal(may(f, NOW - 1), MB_NOBID_NOT_STARTED);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    assert_int_equal(may(f, NOW + 999), MB_NOBID_BID);
    assert_int_equal(may(f, NOW + 1000), MB_NOBID_ENDED);
}

static void each_money_limit_stops_it(void **state)
{
    static const struct {
        int64_t daily, hourly, total, spent;
        enum mb_nobid reason;
    } rows[] = {
        {0, 0, 0, 1000, MB_NOBID_BID},     {10, 0, 0, 9, MB_NOBID_BID},
        {10, 0, 0, 10, MB_NOBID_BUDGET},   {0, 10, 0, 10, MB_NOBID_HOURLY},
        {0, 0, 10, 11, MB_NOBID_BUDGET},   {10, 10, 0, 10, MB_NOBID_BUDGET},
        {20, 10, 20, 10, MB_NOBID_HOURLY},
    };
    struct fixture *f = *state;

    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->strategy.guard_slot = mb_guard_slot(f->guard, mb_slice(&"abcdefghij"[i], 1));
        f->strategy.limits.daily.nanos = rows[i].daily;
        f->strategy.limits.hourly.nanos = rows[i].hourly;
        f->strategy.limits.total.nanos = rows[i].total;
        mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){rows[i].spent},
                           NOW);
        assert_int_equal(may(f, NOW), rows[i].reason);
    }
}

static void spend_belongs_to_the_local_day_and_hour(void **state)
{
    struct fixture *f = *state;
    uint32_t slot = f->strategy.guard_slot;
    struct mb_error err = {0};

    if (mb_guard_set_zone(f->guard, slot, MB_SLICE("Europe/Berlin"), &err) == MB_ENOTFOUND) {
        print_message("no zone files on this machine\n");
        skip();
    }
    mb_guard_add_spend(f->guard, slot, (struct mb_amount){5}, NOW);
    assert_int_equal(spent(f, MB_GUARD_HOUR, NOW + HOUR - 1), 5);
    assert_int_equal(spent(f, MB_GUARD_HOUR, NOW + HOUR), 0);
    /* 2026-03-02T23:00Z is midnight in Berlin */
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 14 * HOUR - 1), 5);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 14 * HOUR), 0);
    mb_guard_add_spend(f->guard, slot, (struct mb_amount){7}, NOW + 14 * HOUR);
    mb_guard_add_spend(f->guard, slot, (struct mb_amount){1}, NOW); /* a late event finds its day */
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW), 6);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 14 * HOUR), 7);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 40 * DAY), 0);
    mb_guard_add_spend(f->guard, slot, (struct mb_amount){3}, NOW + 40 * DAY);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 40 * DAY), 3);
    assert_int_equal(spent(f, MB_GUARD_TOTAL, NOW), 16);
}

static void an_unknown_zone_is_reported_and_utc(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};

    assert_int_equal(
        mb_guard_set_zone(f->guard, f->strategy.guard_slot, MB_SLICE("Mars/Olympus"), &err),
        MB_ENOTFOUND);
    mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){5}, NOW);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 15 * HOUR - 1), 5);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW + 15 * HOUR), 0);
}

/* `full`: ten clicks fit into the limit, not one more, and only an unbooked one comes back. */
static void full_reservations_never_pass_the_limit(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.daily.nanos = 5 * UNIT;
    f->strategy.limits.reserve = MB_RESERVE_FULL;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(may(f, NOW + i), MB_NOBID_BID);
        assert_int_equal(reserve(f, MB_MODEL_CPC, 0.5, NOW + i), MB_NOBID_BID);
    }
    assert_int_equal(reserve(f, MB_MODEL_CPC, 0.5, NOW + 10), MB_NOBID_BUDGET);
    assert_int_equal(held(f), 5 * UNIT);
    assert_int_equal(may(f, NOW + 10), MB_NOBID_BUDGET);
    for (int i = 0; i < 9; i++) {
        book(f, MB_MODEL_CPC, 0.5, NOW + i, NOW + MINUTE);
    }
    assert_int_equal(held(f), UNIT / 2);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW), 9 * UNIT / 2);
    assert_int_equal(may(f, NOW + 2 * MINUTE), MB_NOBID_BUDGET);
    f->strategy.limits.daily.nanos = 0;
    f->strategy.limits.total.nanos = 5 * UNIT;
    assert_int_equal(may(f, NOW + DAY), MB_NOBID_BUDGET);
    assert_int_equal(may(f, NOW + DAY + HOUR / 2), MB_NOBID_BID); /* the tenth fell away */
    assert_int_equal(held(f), 0);
}

/* The ledger refuses duplicates; should one come through, it takes nothing from other steps. */
static void a_cohort_gives_no_more_than_it_holds(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.reserve = MB_RESERVE_FULL;
    assert_int_equal(reserve(f, MB_MODEL_CPM, 1, NOW), MB_NOBID_BID);
    assert_int_equal(reserve(f, MB_MODEL_CPM, 1, NOW + 2 * MINUTE), MB_NOBID_BID);
    book(f, MB_MODEL_CPM, 1, NOW, NOW);
    book(f, MB_MODEL_CPM, 1, NOW, NOW);
    assert_int_equal(held(f), UNIT / 1000);
    book(f, MB_MODEL_CPM, 9, NOW + 2 * MINUTE, NOW + 2 * MINUTE);
    assert_int_equal(held(f), 0);
}

/* An hour is cut into 48 steps of 75 seconds; a bid falls away with the step it was made in. */
static void reservations_fall_away_step_by_step(void **state)
{
    enum { STEP = 75 * 1000 };
    struct fixture *f = *state;

    f->strategy.limits.reserve = MB_RESERVE_FULL;
    for (int i = 0; i < 200; i++) { /* goes round the ring */
        int64_t now = NOW + i * (int64_t)STEP;

        assert_int_equal(may(f, now), MB_NOBID_BID);
        assert_int_equal(reserve(f, MB_MODEL_CPM, 1, now), MB_NOBID_BID);
        assert_int_equal(held(f), (i < 49 ? i + 1 : 49) * (UNIT / 1000));
    }
    assert_int_equal(may(f, NOW + 228 * (int64_t)STEP), MB_NOBID_BID);
    assert_int_equal(held(f), 20 * (UNIT / 1000));
    assert_int_equal(may(f, NOW + 30 * DAY), MB_NOBID_BID); /* long idle: all of it */
    assert_int_equal(held(f), 0);
    book(f, MB_MODEL_CPM, 1, NOW, NOW + 30 * DAY); /* too late to release anything */
    assert_int_equal(held(f), 0);
}

static void expected_holds_a_share(void **state)
{
    static const struct {
        enum mb_model model;
        double expect_rate;
        int64_t share;
    } rows[] = {
        {MB_MODEL_CPM, 0, 300000},           {MB_MODEL_CPC, 0, UNIT / 100},
        {MB_MODEL_SMART_CPC, 0, UNIT / 100}, {MB_MODEL_CPM, 0.5, 500000},
        {MB_MODEL_CPC, 0.25, UNIT / 4},
    };
    struct fixture *f = *state;

    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->strategy.guard_slot = mb_guard_slot(f->guard, mb_slice(&"abcdefghij"[i], 1));
        f->strategy.limits.expect_rate = rows[i].expect_rate;
        mb_guard_set_booking(f->guard, f->strategy.guard_slot, MB_GUARD_NO_SLOT, &f->strategy.limits);
        assert_int_equal(reserve(f, rows[i].model, 1, NOW), MB_NOBID_BID);
        assert_int_equal(held(f), rows[i].share);
        book(f, rows[i].model, 1, NOW, NOW + 1);
        assert_int_equal(held(f), 0);
    }
}

/* A strategy that wins one in ten holds about a tenth once that is known, and never less than it
 * books. */
static void the_share_follows_what_was_booked(void **state)
{
    struct fixture *f = *state;
    int64_t now = NOW, before;

    for (int i = 0; i < 20000; i++, now += 100) {
        assert_int_equal(reserve(f, MB_MODEL_CPM, 1, now), MB_NOBID_BID);
        if (i % 10 == 0) {
            book(f, MB_MODEL_CPM, 1, now, now + 50);
        }
    }
    now += 2 * (int64_t)HOUR;
    assert_int_equal(may(f, now), MB_NOBID_BID);
    before = held(f);
    assert_int_equal(reserve(f, MB_MODEL_CPM, 1, now), MB_NOBID_BID);
    assert_in_range(held(f) - before, 100000, 115000);
}

static void counts_stop_it(void **state)
{
    struct fixture *f = *state;
    struct mb_event click = {.type = MB_EVENT_CLICK, .time_ms = NOW};
    struct mb_event test = {
        .type = MB_EVENT_CLICK, .time_ms = NOW, .test = true, .books = true, .cost = {UNIT}};

    f->strategy.limits.max_clicks = 2;
    f->strategy.limits.max_impressions = 2;
    mb_guard_book(f->guard, &f->strategy, MB_GUARD_NO_SLOT, &click);
    mb_guard_book(f->guard, &f->strategy, MB_GUARD_NO_SLOT, &test);
    book(f, MB_MODEL_CPM, 1, NOW, NOW);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    assert_int_equal(mb_guard_events(f->guard, f->strategy.guard_slot, MB_EVENT_CLICK), 1);
    mb_guard_book(f->guard, &f->strategy, MB_GUARD_NO_SLOT, &click);
    assert_int_equal(may(f, NOW), MB_NOBID_BUDGET);
    f->strategy.limits.max_clicks = 0;
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    book(f, MB_MODEL_CPM, 1, NOW, NOW);
    assert_int_equal(may(f, NOW), MB_NOBID_BUDGET);
}

static void calls_a_second_are_held(void **state)
{
    static const uint32_t rates[] = {1, 3, 100, 5000};
    struct fixture *f = *state;

    for (uint32_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        uint32_t passed = 0;

        f->strategy.guard_slot = mb_guard_slot(f->guard, mb_slice(&"abcdefghij"[i], 1));
        f->strategy.limits.qps = rates[i];
        for (int64_t now = NOW; now < NOW + 10000; now++) {
            for (int k = 0; k < 10; k++) {
                passed += may(f, now) == MB_NOBID_BID;
            }
        }
        assert_in_range(passed, rates[i] * 10, rates[i] * 10 + rates[i] / 10 + 1);
        assert_int_equal(may(f, NOW + 9999), MB_NOBID_QPS);
        assert_int_equal(may(f, NOW - DAY), MB_NOBID_BID); /* the clock was set back */
    }
}

static void even_pacing_follows_the_day(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.daily.nanos = 24 * UNIT;
    f->strategy.limits.pacing = MB_PACING_EVEN;
    mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){9 * UNIT}, NOW);
    assert_int_equal(may(f, NOW), MB_NOBID_BID); /* nine of 24 hours are over */
    mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){UNIT}, NOW);
    assert_int_equal(may(f, NOW), MB_NOBID_PACING);
    assert_int_equal(may(f, NOW + HOUR), MB_NOBID_BID);
}

/* A nano-unit a millisecond is 0.0864 a day: what is below must not get lost in the division. */
static void small_daily_budgets_are_paced_as_large_ones(void **state)
{
    static const int64_t dailies[] = {24, 24000, 24000000, 24 * UNIT, 1000000 * UNIT};
    struct fixture *f = *state;

    f->strategy.limits.pacing = MB_PACING_EVEN;
    for (size_t i = 0; i < sizeof(dailies) / sizeof(dailies[0]); i++) {
        int64_t day = NOW, daily = dailies[i];

        f->strategy.guard_slot = mb_guard_slot(f->guard, mb_slice(&"abcde"[i], 1));
        f->strategy.limits.daily.nanos = daily;
        mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){daily * 9 / 24}, day);
        assert_int_equal(may(f, day), MB_NOBID_BID);
        mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){daily / 24}, day);
        assert_int_equal(may(f, day), MB_NOBID_PACING);
        mb_guard_add_spend(f->guard, f->strategy.guard_slot, (struct mb_amount){daily * 13 / 24}, day);
        assert_int_equal(may(f, day + 13 * HOUR), MB_NOBID_PACING);
        assert_int_equal(may(f, day + 14 * HOUR), MB_NOBID_BID);
    }
}

/* --- several processes at once --- */

enum { CHILDREN = 4, BIDS_EACH = 20000 };

static void in_children(struct fixture *f, void (*work)(struct fixture *f, int child))
{
    pid_t children[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            work(f, i);
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

/* Bids and books through three hours and over a midnight, each child with a clock of its own. */
static void bid_and_book(struct fixture *f, int child)
{
    (void)child;
    for (int i = 0; i < BIDS_EACH; i++) {
        int64_t now = NOW + 14 * (int64_t)HOUR + i * INT64_C(500);

        if (reserve(f, MB_MODEL_CPM, 1, now) == MB_NOBID_BID) {
            book(f, MB_MODEL_CPM, 1, now, now);
        }
    }
}

static void sums_are_exact_over_processes(void **state)
{
    struct fixture *f = *state;
    int64_t end = NOW + 14 * (int64_t)HOUR + BIDS_EACH * INT64_C(500);
    int64_t all = CHILDREN * (int64_t)BIDS_EACH * (UNIT / 1000);

    in_children(f, bid_and_book);
    assert_int_equal(spent(f, MB_GUARD_TOTAL, NOW), all);
    assert_int_equal(spent(f, MB_GUARD_DAY, NOW) + spent(f, MB_GUARD_DAY, end), all);
    assert_int_equal(mb_guard_events(f->guard, f->strategy.guard_slot, MB_EVENT_BILLING),
                     CHILDREN * BIDS_EACH);
    assert_int_equal(may(f, end + 2 * (int64_t)HOUR), MB_NOBID_BID);
    assert_int_equal(held(f), 0);
    f->strategy.limits.reserve = MB_RESERVE_FULL;
    assert_int_equal(held(f), 0);
}

static void bid_for_the_last_money(struct fixture *f, int child)
{
    (void)child;
    for (int i = 0; i < BIDS_EACH; i++) {
        (void)reserve(f, MB_MODEL_CPC, 0.001, NOW + i / 10);
    }
}

static void together_they_never_pass_a_limit(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.total.nanos = 10 * UNIT; /* 10,000 clicks of 80,000 */
    f->strategy.limits.reserve = MB_RESERVE_FULL;
    in_children(f, bid_for_the_last_money);
    assert_int_equal(held(f), 10 * UNIT);
}

/* A process may be killed at any instruction; what is left holds too much, never too little, and
 * falls away. */
static void a_kill_never_frees_money(void **state)
{
    struct fixture *f = *state;
    struct mb__slot *slot = mb__guard_slot(f->guard, f->strategy.guard_slot);

    f->strategy.limits.reserve = MB_RESERVE_FULL;
    for (int round = 0; round < 30; round++) {
        pid_t child = fork();
        int64_t sum = 0, start = atomic_load(&slot->total);

        assert_true(child >= 0);
        if (child == 0) {
            for (int64_t i = 0;; i++) {
                (void)reserve(f, MB_MODEL_CPM, 1, NOW + i % MINUTE);
                book(f, MB_MODEL_CPM, 1, NOW + i % MINUTE, NOW);
            }
        }
        while (atomic_load(&slot->total) < start + round * (UNIT / 1000)) {
            /* until it has done some work, a different amount each round */
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        for (int i = 0; i < MB__COHORTS; i++) {
            assert_true(atomic_load(&slot->cells[0].cohorts[i].open) >= 0);
            sum += atomic_load(&slot->cells[0].cohorts[i].open);
        }
        assert_true(held(f) >= sum);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_keeps_its_slot),
        CASE(without_a_slot_nobody_bids),
        CASE(it_bids_between_starts_and_ends),
        CASE(each_money_limit_stops_it),
        CASE(spend_belongs_to_the_local_day_and_hour),
        CASE(an_unknown_zone_is_reported_and_utc),
        CASE(full_reservations_never_pass_the_limit),
        CASE(a_cohort_gives_no_more_than_it_holds),
        CASE(reservations_fall_away_step_by_step),
        CASE(expected_holds_a_share),
        CASE(the_share_follows_what_was_booked),
        CASE(counts_stop_it),
        CASE(calls_a_second_are_held),
        CASE(even_pacing_follows_the_day),
        CASE(small_daily_budgets_are_paced_as_large_ones),
        CASE(sums_are_exact_over_processes),
        CASE(together_they_never_pass_a_limit),
        CASE(a_kill_never_frees_money),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
