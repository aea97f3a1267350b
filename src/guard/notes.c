/* notes.c - tells what has changed in the guard, for a ledger to keep.
 *
 * Bids leave no mark that something has changed: that would cost each of them. Who books looks at
 * every slot in use once a second and remembers a hash of what it told.
 */
#include "internal.h"

static const uint64_t seed[2] = {UINT64_C(0x6e6f7465732e6d62), UINT64_C(0x6869746865726520)};

/* Whether the bytes differ from what was told for this slot and part; remembers them. */
static bool is_news(_Atomic uint64_t *told, const void *bytes, size_t len)
{
    struct mb_slice piece = mb_slice(bytes, len);
    uint64_t hash[2];

    mb__hash(seed, &piece, 1, hash);
    return atomic_exchange(told, hash[0] | 1) != (hash[0] | 1);
}

static void note_overrun(struct mb_guard *guard, uint32_t slot, int64_t now_ms,
                         const struct mb_guard_notes *notes)
{
    struct mb_overrun o = mb_guard_overrun(guard, slot, MB_GUARD_DAY, now_ms);
    const int64_t values[] = {o.day, o.daily.nanos, o.total.nanos, (int64_t)o.late,
                              o.late_cost.nanos};

    if ((o.daily.nanos || o.total.nanos || o.late) &&
        is_news(&guard->shared->told[slot].overrun, values, sizeof(values))) {
        notes->on_overrun(notes->user, &o);
    }
}

void mb_guard_note(struct mb_guard *guard, int64_t now_ms, const struct mb_guard_notes *notes)
{
    for (uint32_t i = 0; i < MB_GUARD_SLOTS_MAX; i++) {
        if (guard->shared->names[i].len > 0) {
            note_overrun(guard, i, now_ms, notes);
        }
    }
}

void mb_guard_note_again(struct mb_guard *guard)
{
    for (uint32_t i = 0; i < MB_GUARD_SLOTS_MAX; i++) {
        if (guard->shared->names[i].len > 0) {
            atomic_store(&guard->shared->told[i].overrun, 0);
        }
    }
}
