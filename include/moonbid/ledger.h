/* ledger.h - events made durable, duplicates refused.
 *
 * Part of: ledger.  Depends on: base, json, auction, metrics.
 * Threads:  append, take and done on the owner's thread; commit on any one thread meanwhile. No uv
 * here: the owner decides where the blocking commit runs. Lifetime: open -> (append ... commit ...
 * deliver)* -> close. An event is durable once commit has returned 0. Form now: one JSON object a
 * line in DATA/ledger.ndjson, written and fdatasync-ed batch by batch. A torn last line (power cut)
 * is cut off at open; a damaged line elsewhere is MB_ESYNTAX with its number.
 */
#ifndef MB_LEDGER_H
#define MB_LEDGER_H

#include "moonbid/auction.h"

struct mb_ledger;

/* Opens or makes DATA/ledger.ndjson and reads what is there. `on_event` (may be NULL) gets each
 * recorded event in order, lent for the call, so that spend can be rebuilt before the first bid.
 * Fails: MB_EIO, MB_ESYNTAX naming file and line. Owns: mb_ledger_close. */
int mb_ledger_open(const char *data_dir, void (*on_event)(void *user, const struct mb_event *event),
                   void *user, struct mb_ledger **out, struct mb_error *err) MB_MUST_USE;
void mb_ledger_close(struct mb_ledger *ledger);

/* Queues a batch (copied; its text beyond UTF-8 is recorded as U+FFFD, keys compare in that form).
 * An event without key is never a duplicate. Each event's fate is told by mb_ledger_deliver with
 * this `ticket`. An event whose key was recorded before, or stands earlier in the queue, is a
 * duplicate: not written, told all the same (once its first is durable). Fails: MB_ENOMEM where
 * more than 65,536 events would be queued or durable and not delivered yet; nothing is queued then.
 */
int mb_ledger_append(struct mb_ledger *ledger, const struct mb_event *events, size_t count,
                     void *ticket) MB_MUST_USE;

/* Anything queued and not taken by a commit? */
bool mb_ledger_pending(const struct mb_ledger *ledger);

/* Writes and syncs everything queued so far; blocks. Fails: MB_EIO; the batch stays queued and the
 * file is as before (cut back), so that a later commit tries again. Never two at once. */
int mb_ledger_commit(struct mb_ledger *ledger, struct mb_error *err) MB_MUST_USE;

/* On the owner's thread: calls `on_durable` for every event committed since, in order; the event is
 * lent for the call. */
void mb_ledger_deliver(struct mb_ledger *ledger,
                       void (*on_durable)(void *user, void *ticket, const struct mb_event *event,
                                          bool duplicate),
                       void *user);

/* Gives up what is queued (after a failed commit): calls `on_failed` once per ticket-event; they
 * may be appended again later. */
void mb_ledger_abandon(struct mb_ledger *ledger,
                       void (*on_failed)(void *user, void *ticket, const struct mb_event *event),
                       void *user);

/* The recorded form of an event: one JSON object without newline; and back (slices in the arena).
 */
void mb_xledger_write_event(const struct mb_event *event, struct mb_buf *out);
int mb_ledger_read_event(struct mb_slice line, struct mb_arena *arena, struct mb_event *out,
                         struct mb_error *err) MB_MUST_USE;

#endif /* MB_LEDGER_H */
