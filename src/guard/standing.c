/* standing.c - what a slot's limits are held against, for traces. */
#include "internal.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void mb_guard_stand(const struct mb_guard *guard, uint32_t slot_index,
                    const struct mb_limits *limits, int64_t now_ms, struct mb_guard_standing *out)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);
    int64_t held;

    *out = (struct mb_guard_standing){0};
    if (!slot) {
        return;
    }
    out->hour = mb_guard_spent(guard, slot_index, MB_GUARD_HOUR, now_ms);
    out->day = mb_guard_spent(guard, slot_index, MB_GUARD_DAY, now_ms);
    out->total = mb_guard_spent(guard, slot_index, MB_GUARD_TOTAL, now_ms);
    held = atomic_load(&slot->held[limits->reserve]);
    out->held.nanos = held > 0 ? held : 0;
    out->impressions = larger(atomic_load(&slot->events[MB_EVENT_IMPRESSION]),
                              atomic_load(&slot->booked[MB__PAY_CPM]));
    out->clicks =
        larger(atomic_load(&slot->events[MB_EVENT_CLICK]), atomic_load(&slot->booked[MB__PAY_CPC]));
    if (limits->pacing == MB_PACING_EVEN && limits->daily.nanos > 0) {
        mb__traffic_stand(slot, mb__guard_zone(guard, slot), limits, now_ms, &out->paced.nanos,
                          &out->due.nanos);
    }
}
