/* zone.h - local time of a named timezone: what day, hour and quarter of the week an instant
 * falls in.
 *
 * Part of: base.  Depends on: err, slice.
 * Threads:  read-only after loading (the hint is an atomic that any reader may set), so it can
 *           lie in shared memory.
 * Lifetime: plain bytes, no pointers; nothing to free. A zeroed struct is not valid: use
 *           mb_zone_utc or mb_zone_load.
 * Range:    rules are exact from 2000 to 2100; outside, the nearest offset goes on.
 */
#ifndef MB_BASE_ZONE_H
#define MB_BASE_ZONE_H

#include <stdatomic.h>
#include <stdint.h>

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

enum {
    MB_ZONE_SPANS_MAX = 320,       /* two a year for a century, and some to spare */
    MB_ZONE_QUARTERS = 7 * 24 * 4, /* quarters of an hour in a week */
};

/* Spans of constant offset, in order of time. */
struct mb_zone {
    uint32_t count;                       /* spans, at least 1 */
    _Atomic uint32_t hint;                /* the span found last: mostly the next one too */
    int64_t from_ms[MB_ZONE_SPANS_MAX];   /* first instant of each; [0] is INT64_MIN */
    int32_t offset_ms[MB_ZONE_SPANS_MAX]; /* local time minus UTC */
};

/* Makes `zone` UTC. */
void mb_zone_utc(struct mb_zone *zone);

/* Reads the rules of an IANA name ("Europe/Berlin") from the system's zone files. Reads a file:
 * load time only.
 *
 * Wants:   name  absent, empty or "UTC": UTC, without a file.
 * Fails:   MB_EINVAL no such form of name; MB_ENOTFOUND no such file; MB_ESYNTAX the file is
 *          damaged. `out` is UTC then, and can be used.
 */
int mb_zone_load(struct mb_slice name, struct mb_zone *out, struct mb_error *err) MB_MUST_USE;

/* The same from the bytes of a TZif file (RFC 8536). */
int mb_zone_parse(const void *data, size_t len, struct mb_zone *out,
                  struct mb_error *err) MB_MUST_USE;

/* Local time minus UTC at an instant. O(1) near the last question, else O(log spans). */
int64_t mb_zone_offset_ms(const struct mb_zone *zone, int64_t utc_ms);

/* The first instant at which local clocks show `local_ms` (a local date and time counted as if it
 * were UTC), or, where they skip it, the instant of the skip. */
int64_t mb_zone_to_utc_ms(const struct mb_zone *zone, int64_t local_ms);

/* The first instant of the local day; a day may have 23 or 25 hours. */
int64_t mb_zone_day_start_ms(const struct mb_zone *zone, int64_t utc_ms);

/* Counts of local days since 1970-01-01 and of hours; one number a calendar day. Hours are never
 * doubled or skipped when clocks change. */
int64_t mb_zone_day_number(const struct mb_zone *zone, int64_t utc_ms);
int64_t mb_zone_hour_number(const struct mb_zone *zone, int64_t utc_ms);

/* Quarter of an hour of the local week, 0 to MB_ZONE_QUARTERS - 1, Monday 00:00 first. */
uint32_t mb_zone_week_quarter(const struct mb_zone *zone, int64_t utc_ms);

#endif /* MB_BASE_ZONE_H */
