/* pause.c - strategies that the operator has stopped, in all processes at once. Writing them down, so
 * that they stay paused over a restart, is the process module's business.
 */
#include "internal.h"

void mb_guard_pause(struct mb_guard *guard, uint32_t slot, bool paused)
{
    if (slot < MB_GUARD_SLOTS_MAX) {
        atomic_store(&guard->shared->paused[slot], paused);
        if (!paused) {
            mb__alarm_clear(mb__guard_slot(guard, slot));
        }
    }
}

void mb_guard_pause_all(struct mb_guard *guard, bool paused)
{
    atomic_store(&guard->shared->all_paused, paused);
}

bool mb_guard_paused(const struct mb_guard *guard, uint32_t slot)
{
    return slot < MB_GUARD_SLOTS_MAX &&
           atomic_load_explicit(&guard->shared->paused[slot], memory_order_relaxed);
}

bool mb_guard_all_paused(const struct mb_guard *guard)
{
    return atomic_load_explicit(&guard->shared->all_paused, memory_order_relaxed);
}
