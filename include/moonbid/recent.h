/* recent.h - bids of the last hour, for notices that carry no token.
 *
 * Part of: notice.  Depends on: base.
 * Threads:  any number of processes share one table, mapped before the fork; no locks. Whoever is
 *           killed while writing leaves at most its own place unreadable.
 * Bounded:  65,536 bids (20 MB, untouched pages cost nothing); the oldest of four makes room.
 */
#ifndef MB_RECENT_H
#define MB_RECENT_H

#include "moonbid/base.h"

struct mb_recent;

enum { MB_RECENT_BODY_MAX = 296, MB_RECENT_HOLD_MS = 3600000 };

int mb_recent_open(struct mb_recent **out, struct mb_error *err) MB_MUST_USE;
void mb_recent_close(struct mb_recent *recent); /* NULL allowed */

/* Remembers the body of a bid's token under a key. With `alone` a second, other body under the same
 * key within the hour leaves neither: nobody can say any more which is meant. O(1), no system call;
 * gives up rather than wait. */
void mb_recent_put(struct mb_recent *recent, uint64_t key, struct mb_slice body, bool alone,
                   int64_t now_ms);

/* Copies the body under that key; its length, or 0 where there is none of the last hour. O(1). */
size_t mb_recent_get(const struct mb_recent *recent, uint64_t key, int64_t now_ms,
                     uint8_t body[MB_RECENT_BODY_MAX]);

#endif /* MB_RECENT_H */
