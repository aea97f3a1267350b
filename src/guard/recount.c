/* recount.c - puts right what processes that were killed have left behind.
 *
 * A process that dies between two steps leaves an amount held that no cohort has, or a strategy's
 * held that its pool has not. Each second the difference is taken for every slot. What a live
 * process has in its hands makes it differ too, but only for a moment: only what was missing in
 * each of several looks, seconds apart, is taken for lost. So it never frees money of a live bid,
 * even of a process that was stopped for a second.
 *
 * What is thought of a single strategy's bids (EXPECTED) needs none of this: it is made anew all
 * the time. A pool's is the sum of its strategies'.
 */
#include "internal.h"

enum { LOOKS = 6 };

static int64_t sum_of_cohorts(const struct mb__slot *slot)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < MB__CELLS; i++) {
        for (int k = 0; k < MB__COHORTS && atomic_load(&slot->step_ms[i]) > 0; k++) {
            sum += atomic_load(&slot->cells[i].cohorts[k].open);
        }
    }
    return sum;
}

static int64_t sum_of_members(const struct mb_guard *guard, const struct mb__slot *pool, int how)
{
    uint32_t n = atomic_load(&guard->shared->n_used);
    int64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct mb__slot *slot = mb__guard_slot(guard, guard->shared->used[i]);

        if (mb__pool_of(guard, slot) == pool) {
            sum += atomic_load(&slot->held[how]);
        }
    }
    return sum;
}

/* Notes how far `held` is from the sum of its parts; at the last look takes the difference out. */
static void look(const struct mb_guard *guard, uint32_t index, int how, int64_t before, int64_t sum)
{
    struct mb__drift *drift = &guard->shared->drift[index][how];
    struct mb__slot *slot = mb__guard_slot(guard, index);
    int64_t after = atomic_load(&slot->held[how]);
    int64_t least = (before < after ? before : after) - sum;
    int64_t most = (before > after ? before : after) - sum;
    bool first = guard->shared->n_counts == 0;

    drift->least = first || least < drift->least ? least : drift->least;
    drift->most = first || most > drift->most ? most : drift->most;
    if (guard->shared->n_counts + 1 < LOOKS) {
        return;
    }
    if (drift->least > 0) {
        atomic_fetch_sub(&slot->held[how], drift->least);
    } else if (drift->most < 0) {
        atomic_fetch_sub(&slot->held[how], drift->most);
    }
}

static bool is_pool(const struct mb_guard *guard, uint32_t index)
{
    return guard->shared->names[index].text[0] == '$';
}

void mb_guard_recount(struct mb_guard *guard, int64_t now_ms)
{
    uint32_t n = atomic_load(&guard->shared->n_used);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = guard->shared->used[i];
        struct mb__slot *slot = mb__guard_slot(guard, index);
        int64_t before = atomic_load(&slot->held[MB_RESERVE_FULL]);
        int64_t expected = atomic_load(&slot->held[MB_RESERVE_EXPECTED]);

        if (is_pool(guard, index)) {
            look(guard, index, MB_RESERVE_FULL, before,
                 sum_of_members(guard, slot, MB_RESERVE_FULL));
            look(guard, index, MB_RESERVE_EXPECTED, expected,
                 sum_of_members(guard, slot, MB_RESERVE_EXPECTED));
        } else {
            look(guard, index, MB_RESERVE_FULL, before, sum_of_cohorts(slot));
            mb__slot_refresh(guard, slot, mb__guard_clock(guard, now_ms));
        }
    }
    guard->shared->n_counts = (guard->shared->n_counts + 1) % LOOKS;
}
