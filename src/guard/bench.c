/* bench.c - strategies that sit out until the next generation, in all processes at once.
 */
#include "internal.h"

static struct mb__bench *bench_of(const struct mb_guard *guard, uint32_t slot)
{
    return slot < MB_GUARD_SLOTS_MAX ? &guard->shared->bench[slot] : NULL;
}

void mb_guard_bench(struct mb_guard *guard, uint32_t slot, enum mb_guard_bench why)
{
    struct mb__bench *bench = bench_of(guard, slot);

    if (bench) {
        atomic_store_explicit(&bench->why, (uint32_t)why, memory_order_relaxed);
    }
}

enum mb_guard_bench mb_guard_benched(const struct mb_guard *guard, uint32_t slot)
{
    const struct mb__bench *bench = bench_of(guard, slot);

    return bench ? (enum mb_guard_bench)atomic_load_explicit(&bench->why, memory_order_relaxed)
                 : MB_GUARD_NOT_BENCHED;
}

bool mb_guard_strike(struct mb_guard *guard, uint32_t slot, int64_t now_ms)
{
    struct mb__bench *bench = bench_of(guard, slot);
    uint32_t n;

    if (!bench) {
        return false;
    }
    n = atomic_fetch_add(&bench->n_strikes, 1);
    bench->strikes_ms[n % MB_GUARD_STRIKES] = now_ms;
    /* The place after this one holds the oldest of the last three. */
    if (n + 1 < MB_GUARD_STRIKES ||
        now_ms - bench->strikes_ms[(n + 1) % MB_GUARD_STRIKES] > MB_GUARD_STRIKES_WITHIN_MS) {
        return false;
    }
    mb_guard_bench(guard, slot, MB_GUARD_BENCH_STRIKES);
    return true;
}

void mb_guard_unbench_all(struct mb_guard *guard)
{
    uint32_t i, slot;

    for (i = 0; (slot = mb_guard_used_slot(guard, i)) != MB_GUARD_NO_SLOT; i++) {
        struct mb__bench *bench = &guard->shared->bench[slot];

        if (atomic_load(&bench->why) != 0 || atomic_load(&bench->n_strikes) != 0) {
            atomic_store(&bench->n_strikes, 0);
            atomic_store(&bench->why, MB_GUARD_NOT_BENCHED);
        }
    }
}

struct mb_slice mb_guard_slot_name(const struct mb_guard *guard, uint32_t slot)
{
    const struct mb__name *name;

    if (slot >= MB_GUARD_SLOTS_MAX || guard->shared->names[slot].len == 0) {
        return MB_SLICE_NONE;
    }
    name = &guard->shared->names[slot];
    return mb_slice(name->text, name->len);
}
