/* test_overrun.c - what was booked beyond limits and reservations, counted to the nano-unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000) /* 2026-03-02T09:00:00Z */
#define DAY (INT64_C(24) * 3600 * 1000)

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
    int told;
    struct mb_overrun last;
};

static void limit(struct fixture *f, int64_t daily, int64_t total)
{
    f->strategy.limits.daily.nanos = daily;
    f->strategy.limits.total.nanos = total;
    mb_guard_set_booking(f->guard, f->strategy.guard_slot, MB_GUARD_NO_SLOT, &f->strategy.limits);
}

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

/* A click without a reservation. */
static void book(struct fixture *f, int64_t nanos, int64_t at_ms)
{
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .time_ms = at_ms,
                             .model = MB_MODEL_CPC,
                             .books = true,
                             .cost = {nanos},
                             .has_price_bid = true,
                             .price_bid = {nanos / 1000},
                             .bid_time_ms = at_ms};

    mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, &event);
}

static void expect(struct fixture *f, enum mb_guard_period period, int64_t at_ms, int64_t daily,
                   int64_t total, uint64_t late)
{
    struct mb_overrun o = mb_guard_overrun(f->guard, f->strategy.guard_slot, period, at_ms);

    assert_int_equal(o.daily.nanos, daily);
    assert_int_equal(o.total.nanos, total);
    assert_int_equal(o.late, late);
}

static void what_passes_a_limit_is_counted_by_day_and_ever(void **state)
{
    struct fixture *f = *state;

    limit(f, 10000, 25000);
    book(f, 9000, NOW);
    expect(f, MB_GUARD_DAY, NOW, 0, 0, 1);
    book(f, 3000, NOW); /* 12,000 of 10,000 */
    expect(f, MB_GUARD_DAY, NOW, 2000, 0, 2);
    book(f, 3000, NOW); /* all of it is past the limit */
    expect(f, MB_GUARD_DAY, NOW, 5000, 0, 3);
    book(f, 12000, NOW + DAY); /* 27,000 of 25,000 in all */
    expect(f, MB_GUARD_DAY, NOW + DAY, 2000, 2000, 1);
    expect(f, MB_GUARD_DAY, NOW, 5000, 0, 3);
    expect(f, MB_GUARD_TOTAL, NOW, 7000, 2000, 4);
    assert_int_equal(
        mb_guard_overrun(f->guard, f->strategy.guard_slot, MB_GUARD_TOTAL, NOW).late_cost.nanos,
        27000);
}

static void without_a_limit_there_is_no_overrun(void **state)
{
    struct fixture *f = *state;

    limit(f, 0, 0);
    book(f, 1000000, NOW);
    expect(f, MB_GUARD_TOTAL, NOW, 0, 0, 1);
}

/* Reserved in full, and a booking that comes in time: neither late nor past anything. */
static void what_was_reserved_is_neither_late_nor_past_a_limit(void **state)
{
    struct fixture *f = *state;

    f->strategy.limits.reserve = MB_RESERVE_FULL;
    limit(f, 5000, 0);
    assert_int_equal(mb_guard_reserve(f->guard, &f->strategy,
                                      &(struct mb_guard_offer){.model = MB_MODEL_CPC, .price = {5}},
                                      NOW),
                     MB_NOBID_BID);
    book(f, 5000, NOW);
    expect(f, MB_GUARD_TOTAL, NOW, 0, 0, 0);
}

static void on_overrun(void *user, const struct mb_overrun *o)
{
    struct fixture *f = user;

    f->told++;
    f->last = *o;
}

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    (void)user, (void)name, (void)bytes;
}

static void it_is_told_once_and_taken_up_again(void **state)
{
    struct fixture *f = *state;
    const struct mb_guard_notes notes = {on_state, on_overrun, f};
    struct mb_guard *next;
    struct mb_overrun o;

    limit(f, 10000, 0);
    mb_guard_note(f->guard, NOW, &notes);
    assert_int_equal(f->told, 0); /* nothing to tell */
    book(f, 12000, NOW);
    mb_guard_note(f->guard, NOW, &notes);
    mb_guard_note(f->guard, NOW + 1000, &notes);
    assert_int_equal(f->told, 1);
    mb_guard_note_again(f->guard);
    mb_guard_note(f->guard, NOW + 1000, &notes);
    assert_int_equal(f->told, 2);
    assert_int_equal(f->last.day, NOW / DAY);

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &next, NULL), 0);
    mb_guard_restore_overrun(next, &f->last);
    o = mb_guard_overrun(next, mb_guard_slot(next, MB_SLICE("a")), MB_GUARD_DAY, NOW);
    assert_int_equal(o.daily.nanos, 2000);
    assert_int_equal(o.late, 1);
    assert_int_equal(o.late_cost.nanos, 12000);
    mb_guard_close(next);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_passes_a_limit_is_counted_by_day_and_ever),
        CASE(without_a_limit_there_is_no_overrun),
        CASE(what_was_reserved_is_neither_late_nor_past_a_limit),
        CASE(it_is_told_once_and_taken_up_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
