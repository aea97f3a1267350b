/* test_caps.c - pools that strategies share, impressions within a window, spend by a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000)
#define HOUR (INT64_C(3600) * 1000)
#define UNIT INT64_C(1000000000) /* nanos of 1.00 */

struct fixture {
    struct mb_guard *guard;
    struct mb_pool pool;
    struct mb_strategy a, b; /* both in the pool */
};

static void join(struct fixture *f, struct mb_strategy *strategy, const char *name)
{
    strategy->name = mb_slice_of(name);
    strategy->guard_slot = mb_guard_slot(f->guard, strategy->name);
    strategy->pool = &f->pool;
    mb_guard_set_booking(f->guard, strategy->guard_slot, f->pool.guard_slot, &strategy->limits);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->pool.guard_slot = mb_guard_pool_slot(f->guard, MB_SLICE("acme"));
    f->pool.limits.reserve = MB_RESERVE_FULL;
    join(f, &f->a, "a");
    join(f, &f->b, "b");
    f->a.limits.reserve = f->b.limits.reserve = MB_RESERVE_FULL;
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

static struct mb_event billing(const struct mb_strategy *strategy, int64_t nanos)
{
    return (struct mb_event){.type = MB_EVENT_BILLING,
                             .strategy = strategy->name,
                             .time_ms = NOW,
                             .bid_time_ms = NOW,
                             .endpoint = MB_SLICE("exo"),
                             .format = MB_SLICE("push"),
                             .model = MB_MODEL_CPC,
                             .has_price_bid = true,
                             .price_bid = {nanos / 1000},
                             .books = true,
                             .shown = true,
                             .attributed = true,
                             .cost = {nanos}};
}

static void book(struct fixture *f, struct mb_strategy *strategy, int64_t nanos)
{
    struct mb_event event = billing(strategy, nanos);

    mb_guard_book(f->guard, strategy, strategy->guard_slot, &event);
}

static enum mb_nobid reserve(struct fixture *f, struct mb_strategy *strategy, int64_t nanos)
{
    const struct mb_guard_offer offer = {
        MB_MODEL_CPC, {nanos / 1000}, MB_SLICE("exo"), MB_SLICE("push")};

    return mb_guard_reserve(f->guard, strategy, &offer, NOW);
}

static int64_t held(const struct fixture *f, uint32_t slot)
{
    return atomic_load(&mb__guard_slot(f->guard, slot)->held[MB_RESERVE_FULL]);
}

/* --- pools --- */

static void a_pool_is_no_strategy(void **state)
{
    struct fixture *f = *state;

    assert_int_not_equal(f->pool.guard_slot, mb_guard_slot(f->guard, MB_SLICE("acme")));
    assert_int_equal(f->pool.guard_slot, mb_guard_pool_slot(f->guard, MB_SLICE("acme")));
    assert_int_equal(mb_guard_pool_slot(f->guard, MB_SLICE("")), MB_GUARD_NO_SLOT);
}

static void what_one_spends_the_other_has_not(void **state)
{
    struct fixture *f = *state;

    f->pool.limits.total.nanos = 10 * UNIT;
    book(f, &f->a, 9 * UNIT);
    assert_int_equal(mb_guard_may(f->guard, &f->b, NOW), MB_NOBID_BID);
    assert_int_equal(reserve(f, &f->b, 2 * UNIT), MB_NOBID_BUDGET);
    assert_int_equal(held(f, f->b.guard_slot), 0); /* what failed holds nothing anywhere */
    assert_int_equal(held(f, f->pool.guard_slot), 0);
    assert_int_equal(reserve(f, &f->b, UNIT), MB_NOBID_BID);
    assert_int_equal(mb_guard_may(f->guard, &f->a, NOW), MB_NOBID_BUDGET);
    assert_int_equal(mb_guard_spent(f->guard, f->pool.guard_slot, MB_GUARD_TOTAL, NOW).nanos,
                     9 * UNIT);
}

static void a_booking_releases_both_holds(void **state)
{
    struct fixture *f = *state;

    f->pool.limits.daily.nanos = 10 * UNIT;
    assert_int_equal(reserve(f, &f->a, UNIT), MB_NOBID_BID);
    assert_int_equal(held(f, f->pool.guard_slot), UNIT);
    book(f, &f->a, UNIT);
    assert_int_equal(held(f, f->pool.guard_slot), 0);
    assert_int_equal(held(f, f->a.guard_slot), 0);
}

static void hourly_and_pacing_hold_for_pools_too(void **state)
{
    struct fixture *f = *state;

    f->pool.limits.hourly.nanos = UNIT;
    book(f, &f->a, UNIT);
    assert_int_equal(mb_guard_may(f->guard, &f->b, NOW), MB_NOBID_HOURLY);
    f->pool.limits.hourly.nanos = 0;
    f->pool.limits.daily.nanos = 2 * UNIT;
    f->pool.limits.pacing = MB_PACING_EVEN;
    assert_int_equal(mb_guard_may(f->guard, &f->b, NOW), MB_NOBID_PACING); /* half by nine */
}

static void who_only_books_knows_the_pool(void **state)
{
    struct fixture *f = *state;
    struct mb_event event = billing(&f->a, UNIT);

    mb_guard_book(f->guard, NULL, f->a.guard_slot, &event);
    assert_int_equal(mb_guard_spent(f->guard, f->pool.guard_slot, MB_GUARD_TOTAL, NOW).nanos, UNIT);
    mb_guard_set_booking(f->guard, f->a.guard_slot, MB_GUARD_NO_SLOT, &f->a.limits);
    mb_guard_book(f->guard, NULL, f->a.guard_slot, &event);
    assert_int_equal(mb_guard_spent(f->guard, f->pool.guard_slot, MB_GUARD_TOTAL, NOW).nanos, UNIT);
}

/* --- frequency --- */

static uint64_t user(struct fixture *f, const char *name)
{
    struct mb_slice values[2] = {f->a.name, mb_slice_of(name)};

    return mb_guard_frequency_key(f->guard, values, 2);
}

static void cap(struct fixture *f, uint32_t count, int64_t per_ms)
{
    f->a.limits.frequency.count = count;
    f->a.limits.frequency.per_ms = per_ms;
    mb_guard_set_booking(f->guard, f->a.guard_slot, MB_GUARD_NO_SLOT, &f->a.limits);
}

static void show(struct fixture *f, uint64_t key, int64_t at_ms)
{
    struct mb_event event = billing(&f->a, UNIT);

    event.time_ms = at_ms;
    event.frequency_key = key;
    mb_guard_count_shown(f->guard, f->a.guard_slot, &event);
}

static void a_cap_counts_each_user_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t ann = user(f, "ann"), bob = user(f, "bob");

    cap(f, 2, 24 * HOUR);
    assert_int_not_equal(ann, bob);
    show(f, ann, NOW);
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, ann, NOW), MB_NOBID_BID);
    show(f, ann, NOW);
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, ann, NOW), MB_NOBID_FREQUENCY);
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, bob, NOW), MB_NOBID_BID);
}

/* At whatever instant: an impression counts for the whole window, and not for more than an eighth
 * longer. */
static void the_window_slides(void **state)
{
    struct fixture *f = *state;
    static const int64_t windows[] = {8, 60 * 1000, HOUR, 24 * HOUR, 7 * 24 * HOUR, 1001};

    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        int64_t per = windows[i];

        cap(f, 1, per);
        for (int step = 0; step < 40; step++) {
            char name[32];
            int64_t at = NOW + step * per / 7 + step;

            snprintf(name, sizeof(name), "%zu-%d", i, step);
            uint64_t key = user(f, name);
            show(f, key, at);
            assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, at), MB_NOBID_FREQUENCY);
            assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, at + per - 1),
                             MB_NOBID_FREQUENCY);
            assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, at + per + per / 8 + 16),
                             MB_NOBID_BID);
        }
    }
}

static void only_impressions_count(void **state)
{
    struct fixture *f = *state;
    uint64_t key = user(f, "ann");
    struct mb_event event = billing(&f->a, UNIT);

    cap(f, 1, HOUR);
    event.shown = false;
    event.frequency_key = key;
    mb_guard_count_shown(f->guard, f->a.guard_slot, &event);
    event.shown = true;
    event.test = true;
    mb_guard_count_shown(f->guard, f->a.guard_slot, &event);
    event.test = false;
    mb_guard_count_shown(f->guard, f->b.guard_slot, &event); /* has no cap */
    mb_guard_count_shown(f->guard, MB_GUARD_NO_SLOT, &event);
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, NOW), MB_NOBID_BID);
}

static void all_processes_count_together(void **state)
{
    struct fixture *f = *state;
    uint64_t key = user(f, "ann");
    enum { CHILDREN = 4, EACH = 500 };
    int status;

    cap(f, CHILDREN * EACH, HOUR);
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() == 0) {
            for (int k = 0; k < EACH - (i == 0); k++) {
                show(f, key, NOW);
            }
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        assert_int_equal(status, 0);
    }
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, NOW), MB_NOBID_BID); /* one short */
    show(f, key, NOW);
    assert_int_equal(mb_guard_frequency(f->guard, &f->a, key, NOW), MB_NOBID_FREQUENCY);
}

static void it_is_bounded_and_says_what_it_forgot(void **state)
{
    (void)state;
    struct fixture small = {0};
    struct mb_guard_options options = {.frequency_max = 64};

    assert_int_equal(mb_guard_open(&options, &small.guard, NULL), 0);
    join(&small, &small.a, "a");
    cap(&small, 1, HOUR);
    for (int i = 0; i < 1000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%d", i);
        show(&small, user(&small, name), NOW);
    }
    assert_true(mb_guard_frequency_evicted(small.guard) >= 1000 - 64);
    mb_guard_close(small.guard);
}

static void it_survives_a_restart(void **state)
{
    (void)state;
    struct fixture f = {0};
    char folder[] = "/tmp/moonbid-caps-XXXXXX", path[64];
    struct mb_guard_options options = {.frequency_path = path, .frequency_max = 64};

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/frequency", folder);
    for (int start = 0; start < 2; start++) {
        assert_int_equal(mb_guard_open(&options, &f.guard, NULL), 0);
        join(&f, &f.a, "a");
        cap(&f, 1, HOUR);
        assert_int_equal(mb_guard_frequency(f.guard, &f.a, user(&f, "ann"), NOW),
                         start == 0 ? MB_NOBID_BID : MB_NOBID_FREQUENCY);
        show(&f, user(&f, "ann"), NOW);
        mb_guard_close(f.guard);
    }
    unlink(path);
    rmdir(folder);
}

/* --- spend by key --- */

static void spend_is_held_by_key(void **state)
{
    struct fixture *f = *state;
    struct mb_slice zones[2][2] = {{f->a.name, MB_SLICE("1")}, {f->a.name, MB_SLICE("2")}};
    uint64_t one = mb_guard_per_key(zones[0], 2), two = mb_guard_per_key(zones[1], 2);
    struct mb_event event = billing(&f->a, UNIT);

    f->a.limits.per_total.nanos = 2 * UNIT;
    event.per_key = one;
    mb_guard_book(f->guard, &f->a, f->a.guard_slot, &event);
    assert_int_equal(mb_guard_per(f->guard, &f->a, one, NOW), MB_NOBID_BID);
    mb_guard_book(f->guard, &f->a, f->a.guard_slot, &event);
    assert_int_equal(mb_guard_per(f->guard, &f->a, one, NOW), MB_NOBID_BUDGET);
    assert_int_equal(mb_guard_per(f->guard, &f->a, one, NOW + 1000 * 24 * HOUR), MB_NOBID_BUDGET);
    assert_int_equal(mb_guard_per(f->guard, &f->a, two, NOW), MB_NOBID_BID);
}

/* --- catching up with the ledger --- */

static int64_t spent(const struct fixture *f, uint32_t slot, enum mb_guard_period period)
{
    return mb_guard_spent(f->guard, slot, period, NOW).nanos;
}

static void assert_spent(const struct fixture *f, uint32_t slot, int64_t total, int64_t day,
                         int64_t hour)
{
    assert_int_equal(spent(f, slot, MB_GUARD_TOTAL), total);
    assert_int_equal(spent(f, slot, MB_GUARD_DAY), day);
    assert_int_equal(spent(f, slot, MB_GUARD_HOUR), hour);
}

/* At start it takes all; later what it has not; what it knows it does not take again. */
static void it_takes_from_the_ledger_what_it_lacks(void **state)
{
    struct fixture *f = *state;
    struct mb_spend_part parts[] = {
        {NOW - 30 * HOUR, {4000}}, {NOW - 2 * HOUR, {300}}, {NOW, {20}}, {NOW + 900000, {1}}};
    struct mb_spend spend = {.strategy = MB_SLICE("a"),
                             .events = {[MB_EVENT_WIN] = 7, [MB_EVENT_LOSS] = 3},
                             .impressions = 5,
                             .clicks = 2,
                             .total = {50000 + 4321},
                             .recent = parts,
                             .n_recent = 4};

    for (int i = 0; i < 3; i++) {
        mb_guard_restore(f->guard, &spend);
        assert_spent(f, f->a.guard_slot, 54321, 321, 21);
        assert_spent(f, f->pool.guard_slot, 54321, 321, 21);
        assert_int_equal(mb_guard_events(f->guard, f->a.guard_slot, MB_EVENT_WIN), 7);
        assert_int_equal(mb_guard_events(f->guard, f->a.guard_slot, MB_EVENT_LOSS), 3);
    }
    book(f, &f->a, 1000);
    mb_guard_restore(f->guard, &spend); /* older than what it knows: takes nothing away */
    assert_spent(f, f->a.guard_slot, 55321, 1321, 1021);
    parts[3].cost.nanos += 1000 + 60; /* that one, and one that was never booked */
    spend.total.nanos += 1060;
    spend.events[MB_EVENT_BILLING] = 2;
    spend.clicks += 2;
    mb_guard_restore(f->guard, &spend);
    mb_guard_restore(f->guard, &spend);
    assert_spent(f, f->a.guard_slot, 55381, 1381, 1081);
    assert_spent(f, f->pool.guard_slot, 55381, 1381, 1081);
    assert_int_equal(mb_guard_events(f->guard, f->a.guard_slot, MB_EVENT_BILLING), 2);
    assert_spent(f, f->b.guard_slot, 0, 0, 0);
    f->a.limits.max_clicks = 4;
    assert_int_equal(mb_guard_may(f->guard, &f->a, NOW), MB_NOBID_BUDGET);
    f->a.limits.max_clicks = 5;
    assert_int_equal(mb_guard_may(f->guard, &f->a, NOW), MB_NOBID_BID);
}

static void it_takes_spend_by_key_from_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct mb_event event = billing(&f->a, 1 * UNIT);

    f->a.limits.per_total.nanos = 3 * UNIT;
    event.per_key = 77;
    for (int i = 0; i < 3; i++) {
        mb_guard_restore_per(f->guard, 77, (struct mb_amount){2 * UNIT});
    }
    assert_int_equal(mb_guard_per(f->guard, &f->a, 77, NOW), MB_NOBID_BID);
    mb_guard_book(f->guard, &f->a, f->a.guard_slot, &event);
    assert_int_equal(mb_guard_per(f->guard, &f->a, 77, NOW), MB_NOBID_BUDGET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pool_is_no_strategy),
        TEST(what_one_spends_the_other_has_not),
        TEST(a_booking_releases_both_holds),
        TEST(hourly_and_pacing_hold_for_pools_too),
        TEST(who_only_books_knows_the_pool),
        TEST(a_cap_counts_each_user_alone),
        TEST(the_window_slides),
        TEST(only_impressions_count),
        TEST(all_processes_count_together),
        TEST(it_is_bounded_and_says_what_it_forgot),
        TEST(it_survives_a_restart),
        TEST(spend_is_held_by_key),
        TEST(it_takes_from_the_ledger_what_it_lacks),
        TEST(it_takes_spend_by_key_from_the_ledger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
