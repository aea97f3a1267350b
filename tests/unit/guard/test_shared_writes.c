/* test_shared_writes.c - which cache lines all workers write to with every bid: money, and what a
 * limit counts by its nature. Anything else would cost each of them a hundred cycles and more as
 * soon as there are two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"
#include "shared_writes.h"

#define NOW_MS INT64_C(1772442000000)

enum { BIDS = 20 }; /* within 20 ms: nothing falls due that happens every tenth of a second or so */

static struct mb_guard *guard;
static struct mb_pool pool;

/* One of the fields that may be written to. */
enum field { HELD = 1, COHORT = 2, POOL_HELD = 4, LAID = 8, POOL_LAID = 16, QPS = 32 };

static bool in_line(uintptr_t address, const void *field, size_t bytes)
{
    uintptr_t first = (uintptr_t)field / SHARED_LINE,
              last = ((uintptr_t)field + bytes - 1) / SHARED_LINE;

    return address / SHARED_LINE >= first && address / SHARED_LINE <= last;
}

static unsigned field_of(const struct mb_strategy *strategy, uintptr_t address)
{
    const struct mb__slot *own = &guard->shared->slots[strategy->guard_slot];
    const struct mb__slot *pools = &guard->shared->slots[pool.guard_slot];

#define FIELD(field, name) (in_line(address, &(field), sizeof(field)) ? (unsigned)(name) : 0)
    return FIELD(own->held, HELD) | FIELD(own->cells[0].cohorts, COHORT) |
           FIELD(pools->held, POOL_HELD) | FIELD(own->traffic.laid, LAID) |
           FIELD(pools->traffic.laid, POOL_LAID) | FIELD(own->qps_next_ns, QPS);
#undef FIELD
}

static const struct row {
    const char *name;
    struct mb_limits limits;
    bool pool;
    unsigned due; /* fields written to with every bid */
} rows[] = {
    {"no limits", {.total = {0}}, false, HELD | COHORT},
    {"money",
     {.daily = {INT64_MAX / 4}, .total = {INT64_MAX / 4}, .hourly = {INT64_MAX / 4}},
     false,
     HELD | COHORT},
    {"frequency", {.frequency = {.count = 3, .per_ms = 3600000}}, false, HELD | COHORT},
    {"qps", {.qps = 100000}, false, HELD | COHORT | QPS},
    {"pool", {.total = {0}}, true, HELD | COHORT | POOL_HELD},
    {"even pacing",
     {.daily = {INT64_MAX / 4}, .pacing = MB_PACING_EVEN},
     false,
     HELD | COHORT | LAID},
};

/* What the bidder asks the guard for a bid, in its order. */
static void bid(const struct mb_strategy *strategy, int64_t now_ms)
{
    struct mb_guard_offer offer = {
        MB_MODEL_CPM, {1000000}, MB_SLICE("openrtb"), MB_SLICE("banner")};

    assert_int_equal(mb_guard_benched(guard, strategy->guard_slot), MB_GUARD_NOT_BENCHED);
    assert_int_equal(mb_guard_may(guard, strategy, now_ms), MB_NOBID_BID);
    if (strategy->limits.frequency.count > 0) {
        assert_int_equal(mb_guard_frequency(guard, strategy, 4711, now_ms), MB_NOBID_BID);
    }
    assert_int_equal(mb_guard_reserve(guard, strategy, &offer, now_ms), MB_NOBID_BID);
}

static void check(const struct row *row)
{
    struct mb_strategy strategy = {.limits = row->limits};
    unsigned seen = 0;

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &guard, NULL), 0);
    mb_guard_set_silence(guard, 1800000);
    strategy.guard_slot = mb_guard_slot(guard, MB_SLICE("a"));
    pool =
        (struct mb_pool){.guard_slot = mb_guard_slot(guard, MB_SLICE("$p")), .limits = row->limits};
    strategy.pool = row->pool ? &pool : NULL;
    if (row->pool) {
        atomic_store(&guard->shared->slots[strategy.guard_slot].pool, pool.guard_slot + 1);
    }
    for (int i = 0; i < BIDS; i++) {
        bid(&strategy, NOW_MS); /* what the first ones make is there */
    }
    shared_writes_watch();
    for (int i = 0; i < BIDS; i++) {
        bid(&strategy, NOW_MS + i);
    }
    shared_writes_end();
    assert_true(shared_writes_count <= SHARED_WRITES_MAX);
    for (size_t i = 0; i < shared_writes_count; i++) {
        unsigned field = field_of(&strategy, shared_writes[i]);

        if ((field & row->due) == 0) {
            fail_msg("%s: a write at slot offset %td", row->name,
                     (char *)shared_writes[i] - (char *)&guard->shared->slots[strategy.guard_slot]);
        }
        seen |= field & row->due;
    }
    print_message("%-12s %zu writes a bid\n", row->name, shared_writes_count / BIDS);
    assert_int_equal(seen, row->due);
    mb_guard_close(guard);
}

static void a_bid_writes_to_money_and_limits_alone(void **state)
{
    (void)state;
    if (!SHARED_WRITES) {
        print_message("skipped: needs an x86-64 processor and Linux\n");
        skip();
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(&rows[i]);
    }
}

/* What the test sees, it sees: also an exchange that changes nothing. */
static void a_write_is_seen(void **state)
{
    _Atomic int64_t *shared;
    int64_t zero = 0;

    (void)state;
    if (!SHARED_WRITES) {
        skip();
    }
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    atomic_store(&shared[9], 1);
    shared_writes_watch();
    (void)atomic_load(&shared[9]);
    assert_false(atomic_compare_exchange_strong(&shared[9], &zero, 5));
    atomic_store(&shared[20], 7);
    shared_writes_end();
    assert_int_equal(shared_writes_count, 2);
    assert_true(shared_writes[0] == (uintptr_t)&shared[9] &&
                shared_writes[1] == (uintptr_t)&shared[20]);
    assert_int_equal(atomic_load(&shared[20]), 7);
    munmap((void *)shared, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_seen),
        cmocka_unit_test(a_bid_writes_to_money_and_limits_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
