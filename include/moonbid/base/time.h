/* time.h - instants, durations and calendar text. No function here reads a clock but the first two.
 *
 * Part of: base.  Depends on: buf, slice.
 * Threads:  no state of its own.
 */
#ifndef MB_BASE_TIME_H
#define MB_BASE_TIME_H

#include <stdint.h>

#include "moonbid/base/buf.h"

int64_t mb_time_now_ms(void);  /* wall clock, ms since the Unix epoch */
int64_t mb_time_boot_ns(void); /* monotonic, counts from boot; for intervals only */

/* '90s', '15m', '24h', '7d' ('250ms' too) -> ms, > 0. False, *out unchanged, for anything else. */
bool mb_time_parse_duration(struct mb_slice text, int64_t *out_ms);

/* '2026-03-02', '2026-03-02T09:00', '2026-03-02T09:00:00', with 'Z', a blank for 'T' allowed -> ms since
 * the epoch, read as UTC. False for anything else, impossible dates included. */
bool mb_time_parse_utc(struct mb_slice text, int64_t *out_ms);

/* 2026-03-02T09:00:00.123Z */
void mb_xbuf_add_time(struct mb_buf *buf, int64_t ms);

#endif /* MB_BASE_TIME_H */
