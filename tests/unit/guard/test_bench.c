/* test_bench.c - who sits out, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/guard.h"

enum { MINUTE = 60000 };

static int setup(void **state)
{
    return mb_guard_open(&(struct mb_guard_options){0}, (struct mb_guard **)state, NULL);
}

static int teardown(void **state)
{
    mb_guard_close(*state);
    return 0;
}

static void three_strikes_within_ten_minutes_bench(void **state)
{
    static const struct {
        int64_t at_ms[6]; /* of each strike; -1 ends */
        int benching;     /* which of them benches, from 0; -1: none */
    } rows[] = {
        {{0, 1, 2, -1}, 2},
        {{0, 1, -1}, -1},
        {{0, 5 * MINUTE, 10 * MINUTE, -1}, 2},
        {{0, 5 * MINUTE, 10 * MINUTE + 1, -1}, -1},
        {{0, 5 * MINUTE, 11 * MINUTE, 12 * MINUTE, -1}, 3},
        {{0, 20 * MINUTE, 40 * MINUTE, 41 * MINUTE, 42 * MINUTE, -1}, 4},
    };
    struct mb_guard *guard = *state;
    uint32_t slot = mb_guard_slot(guard, MB_SLICE("a"));
    size_t i;
    int k;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_guard_unbench_all(guard);
        for (k = 0; rows[i].at_ms[k] >= 0; k++) {
            assert_int_equal(mb_guard_strike(guard, slot, rows[i].at_ms[k]),
                             k == rows[i].benching);
        }
        assert_int_equal(mb_guard_benched(guard, slot),
                         rows[i].benching >= 0 ? MB_GUARD_BENCH_STRIKES : MB_GUARD_NOT_BENCHED);
    }
}

static void benching_is_of_one_slot_and_ends_with_a_generation(void **state)
{
    struct mb_guard *guard = *state;
    uint32_t a = mb_guard_slot(guard, MB_SLICE("a"));
    uint32_t b = mb_guard_slot(guard, MB_SLICE("b"));

    mb_guard_bench(guard, a, MB_GUARD_BENCH_BREACHES);
    assert_int_equal(mb_guard_benched(guard, a), MB_GUARD_BENCH_BREACHES);
    assert_int_equal(mb_guard_benched(guard, b), MB_GUARD_NOT_BENCHED);
    mb_guard_unbench_all(guard);
    assert_int_equal(mb_guard_benched(guard, a), MB_GUARD_NOT_BENCHED);
}

static void used_slots_come_in_the_order_of_their_making(void **state)
{
    struct mb_guard *guard = *state;
    uint32_t slots[3] = {mb_guard_slot(guard, MB_SLICE("b")), mb_guard_slot(guard, MB_SLICE("a")),
                         mb_guard_slot(guard, MB_SLICE("c"))};
    uint32_t i;

    assert_int_equal(mb_guard_slot(guard, MB_SLICE("a")), slots[1]); /* no new one */
    for (i = 0; i < 3; i++) {
        assert_int_equal(mb_guard_used_slot(guard, i), slots[i]);
        mb_guard_bench(guard, slots[i], MB_GUARD_BENCH_STRIKES);
    }
    assert_int_equal(mb_guard_used_slot(guard, 3), MB_GUARD_NO_SLOT);
    assert_int_equal(mb_guard_used_slot(guard, UINT32_MAX), MB_GUARD_NO_SLOT);
    mb_guard_unbench_all(guard);
    for (i = 0; i < 3; i++) {
        assert_int_equal(mb_guard_benched(guard, slots[i]), MB_GUARD_NOT_BENCHED);
    }
}

/* What a guard's slot is after a child has benched it. */
static enum mb_guard_bench benched_by_child(struct mb_guard *guard)
{
    uint32_t slot = mb_guard_slot(guard, MB_SLICE("a"));
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        mb_guard_bench(guard, slot, MB_GUARD_BENCH_STRIKES);
        _exit(mb_guard_benched(guard, slot) == MB_GUARD_BENCH_STRIKES ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return mb_guard_benched(guard, slot);
}

static void another_process_sees_it(void **state)
{
    assert_int_equal(benched_by_child(*state), MB_GUARD_BENCH_STRIKES);
}

static void of_a_guard_alone_no_other_process_sees_anything(void **state)
{
    struct mb_guard *guard = NULL;

    (void)state;
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){.alone = true}, &guard, NULL), 0);
    assert_int_equal(benched_by_child(guard), MB_GUARD_NOT_BENCHED);
    mb_guard_close(guard);
}

static void what_has_no_slot_is_never_benched(void **state)
{
    struct mb_guard *guard = *state;
    static const uint32_t slots[] = {MB_GUARD_NO_SLOT, MB_GUARD_SLOTS_MAX};
    size_t i;

    for (i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        mb_guard_bench(guard, slots[i], MB_GUARD_BENCH_STRIKES);
        assert_false(mb_guard_strike(guard, slots[i], 0));
        assert_int_equal(mb_guard_benched(guard, slots[i]), MB_GUARD_NOT_BENCHED);
        assert_false(mb_slice_present(mb_guard_slot_name(guard, slots[i])));
    }
    assert_true(mb_slice_is(mb_guard_slot_name(guard, mb_guard_slot(guard, MB_SLICE("a"))), "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_strikes_within_ten_minutes_bench, setup, teardown),
        cmocka_unit_test_setup_teardown(benching_is_of_one_slot_and_ends_with_a_generation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(used_slots_come_in_the_order_of_their_making, setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_sees_it, setup, teardown),
        cmocka_unit_test(of_a_guard_alone_no_other_process_sees_anything),
        cmocka_unit_test_setup_teardown(what_has_no_slot_is_never_benched, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
