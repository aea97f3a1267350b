/* overrun.c - what was booked beyond the limits, by strategy and day.
 *
 * With `expected` a few more bids than thought may come to a booking, and with either way of
 * reserving one may come after its reservation has expired: the exchange has sold the impression,
 * so it is paid for. Such money is settled like any other and counted here, so that it can be seen
 * and a limit set lower.
 */
#include "internal.h"

/* The part of a booking of `nanos` that lies past the limit (0: none), now that `after` is spent.
 */
static int64_t past(int64_t limit, int64_t after, int64_t nanos)
{
    int64_t over = limit > 0 && after > limit ? after - limit : 0;

    return over < nanos ? over : nanos;
}

static void count(struct mb__slot *slot, enum mb__overrun_kind kind, int64_t day, int64_t n)
{
    if (n > 0) {
        mb__period_add(slot->overrun.days[kind], day, n);
        atomic_fetch_add(&slot->overrun.ever[kind], n);
    }
}

void mb__overrun_book(struct mb__slot *slot, const struct mb_zone *zone, int64_t nanos,
                      int64_t at_ms, bool late)
{
    int64_t day = mb_zone_day_number(zone, at_ms);

    count(slot, MB__OVERRUN_DAILY, day,
          past(atomic_load(&slot->daily_limit), mb__period_spent(slot->days, day), nanos));
    count(slot, MB__OVERRUN_TOTAL, day,
          past(atomic_load(&slot->total_limit), atomic_load(&slot->total), nanos));
    count(slot, MB__OVERRUN_LATE, day, late);
    count(slot, MB__OVERRUN_LATE_COST, day, late ? nanos : 0);
}

/* --- for readers --- */

static int64_t of_day(const struct mb__slot *slot, enum mb__overrun_kind kind, int64_t day)
{
    return mb__period_spent(slot->overrun.days[kind], day);
}

static int64_t ever(const struct mb__slot *slot, enum mb__overrun_kind kind)
{
    return atomic_load(&slot->overrun.ever[kind]);
}

struct mb_overrun mb_guard_overrun(const struct mb_guard *guard, uint32_t slot_index,
                                   enum mb_guard_period period, int64_t now_ms)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);
    struct mb_overrun out = {.strategy = mb_guard_slot_name(guard, slot_index)};

    if (!slot) {
        return out;
    }
    out.day = mb_zone_day_number(mb__guard_zone(guard, slot), now_ms);
    if (period == MB_GUARD_TOTAL) {
        out.daily.nanos = ever(slot, MB__OVERRUN_DAILY);
        out.total.nanos = ever(slot, MB__OVERRUN_TOTAL);
        out.late = (uint64_t)ever(slot, MB__OVERRUN_LATE);
        out.late_cost.nanos = ever(slot, MB__OVERRUN_LATE_COST);
    } else {
        out.daily.nanos = of_day(slot, MB__OVERRUN_DAILY, out.day);
        out.total.nanos = of_day(slot, MB__OVERRUN_TOTAL, out.day);
        out.late = (uint64_t)of_day(slot, MB__OVERRUN_LATE, out.day);
        out.late_cost.nanos = of_day(slot, MB__OVERRUN_LATE_COST, out.day);
    }
    return out;
}

void mb_guard_restore_overrun(struct mb_guard *guard, const struct mb_overrun *overrun)
{
    struct mb__slot *slot = mb__guard_slot(guard, mb_guard_slot(guard, overrun->strategy));
    const int64_t values[MB__OVERRUN_COUNT] = {
        [MB__OVERRUN_DAILY] = overrun->daily.nanos,
        [MB__OVERRUN_TOTAL] = overrun->total.nanos,
        [MB__OVERRUN_LATE] = (int64_t)overrun->late,
        [MB__OVERRUN_LATE_COST] = overrun->late_cost.nanos,
    };

    for (int kind = 0; slot && kind < MB__OVERRUN_COUNT; kind++) {
        count(slot, (enum mb__overrun_kind)kind, overrun->day, values[kind]);
    }
}
