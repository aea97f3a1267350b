/* hours.c - `hours` of a target: texts are quarters of the week here, in the strategy's zone. */
#include "internal.h"

bool mb__index_is_timed(const struct mb_target *target)
{
    return target->has_hours || target->has_exclude_hours;
}

/* A zone without rules is UTC, and said so: a strategy that bids at odd hours is better than
 * none. */
void mb__index_load_zone(struct mb_slice name, struct mb_zone *zone)
{
    struct mb_error err;

    if (mb_zone_load(name, zone, &err) < 0) {
        mb_log(MB_LOG_WARN, "index", "no rules for a timezone: its hours are taken as UTC",
               "timezone=%.*s error=\"%s\"", MB_SLICE_ARG(name), err.what);
    }
}

bool mb__index_in_hours(const struct mb_target *target, uint32_t quarter)
{
    uint8_t bit = (uint8_t)(1u << (quarter % 8));

    if (target->has_hours && !(target->hours[quarter / 8] & bit)) {
        return false;
    }
    return !(target->has_exclude_hours && (target->exclude_hours[quarter / 8] & bit));
}
