/* ledger.h - events made durable, duplicates refused, spend summed up.
 *
 * Part of: ledger.  Depends on: base, json, auction, metrics; SQLite.
 * Threads:  append, pending, deliver and abandon on the owner's thread; commit on any one thread
 * meanwhile, checkpoint on another, neither twice at once. No uv here: the owner decides where they
 * block.
 * Lifetime: open -> each_spend -> (append ... commit ... deliver)* -> close. An event is durable
 *           once commit has returned 0. One writer a data folder; readers (mb_ledger_each, the
 *           sqlite3 shell) at any time. Do not carry an open ledger over a fork.
 *
 * The file is DATA/ledger.db; docs/ledger.md has its tables. Memory does not grow with it.
 */
#ifndef MB_LEDGER_H
#define MB_LEDGER_H

#include "moonbid/auction.h"
#include "moonbid/tally.h"

struct mb_ledger;

/* Opens or makes DATA/ledger.db. A DATA/ledger.ndjson, which version 0.1.0 wrote before, is taken
 * over and renamed to ledger.ndjson.imported. After an end without close a small file is checked
 * whole.
 * Fails: MB_EIO; MB_ESYNTAX where the file is damaged. err->where names the file. Nothing is open.
 * Owns:  mb_ledger_close.
 * Costs: does not depend on the file's size, but for that check (64 MiB at most). */
int mb_ledger_open(const char *data_dir, struct mb_ledger **out, struct mb_error *err) MB_MUST_USE;
/* Are its sums in this currency? Money of two cannot be added up. An empty ledger's are in any.
 * Fails: MB_EIO where they are in another, or cannot be read; MB_ESYNTAX. */
int mb_ledger_check_currency(struct mb_ledger *ledger, struct mb_slice currency, struct mb_error *err) MB_MUST_USE;
void mb_ledger_close(struct mb_ledger *ledger); /* NULL allowed; what is queued is lost */

/* Tells what each strategy has spent so far, with the quarters of an hour that began within
 * `recent_ms` before `now_ms`; and what was spent under each key of limits.per. Either callback may
 * be NULL; what it gets is lent for the call.
 * Costs: a row a strategy, quarter of an hour and type of event. Not while a commit runs.
 * Fails: MB_EIO, MB_ESYNTAX. */
int mb_ledger_each_spend(struct mb_ledger *ledger, int64_t now_ms, int64_t recent_ms,
                         void (*on_spend)(void *user, const struct mb_spend *spend),
                         void (*on_per_key)(void *user, uint64_t key, struct mb_amount spent),
                         void *user, struct mb_error *err) MB_MUST_USE;

/* Who sends an event. The same event of the same origin may be sent again when nobody knows whether
 * it was committed. */
struct mb_ledger_origin {
    int64_t sender;   /* distinct for every start of every sender, > 0; 0: sends nothing twice */
    int64_t sequence; /* of the batch's first event, counted up within it */
};

enum mb_ledger_fate {
    MB_LEDGER_NEW,       /* recorded by this commit */
    MB_LEDGER_DUPLICATE, /* another event with this key was there */
    MB_LEDGER_REPRICED,  /* likewise, and this one tells another price paid */
    MB_LEDGER_RESENT, /* this very event, of the same origin, was recorded by an earlier commit */
};

/* Queues a batch (copied; its text beyond UTF-8 is recorded as U+FFFD, keys compare in that form).
 * An event without key is never a duplicate. Each event's fate is told by mb_ledger_deliver with
 * this `ticket`. Fails: MB_ENOMEM where more than 65,536 events would be queued or durable and not
 * delivered yet; nothing is queued then. */
int mb_ledger_append(struct mb_ledger *ledger, const struct mb_event *events, size_t count,
                     struct mb_ledger_origin origin, void *ticket) MB_MUST_USE;

/* Anything queued and not taken by a commit? */
bool mb_ledger_pending(const struct mb_ledger *ledger);

/* Writes and syncs everything queued so far, all or nothing; blocks. Fails: MB_EIO, MB_ESYNTAX; the
 * batch stays queued and the file is as before, so that a later commit tries again. */
int mb_ledger_commit(struct mb_ledger *ledger, struct mb_error *err) MB_MUST_USE;

/* Moves what commits have put into the write-ahead log to its place; blocks for milliseconds.
 * Commits may go on meanwhile, but the log is used again from its start only after a checkpoint
 * that has left nothing: without one it grows. Gives how many pages are in the log and not in their
 * place. */
size_t mb_ledger_checkpoint(struct mb_ledger *ledger);
/* Is the log long enough to be begun anew? `idle`: would now be a good time? Then less is enough. */
bool mb_ledger_wants_checkpoint(const struct mb_ledger *ledger, bool idle);
/* Is there enough in it for a checkpoint beside commits, which need not be the last of this log? So
 * that there is little to move when it is begun anew. */
bool mb_ledger_wants_pass(const struct mb_ledger *ledger);

/* On the owner's thread: calls `on_durable` for every event committed since, in the order of
 * appending; the event is lent for the call. */
void mb_ledger_deliver(struct mb_ledger *ledger,
                       void (*on_durable)(void *user, void *ticket, const struct mb_event *event,
                                          enum mb_ledger_fate fate),
                       void *user);

/* Gives up what is queued (after a failed commit): calls `on_failed` once per ticket-event; they
 * may be appended again later. */
void mb_ledger_abandon(struct mb_ledger *ledger,
                       void (*on_failed)(void *user, void *ticket, const struct mb_event *event),
                       void *user);

/* --- notes of the guard: what it wants to find again after a restart --- */

struct mb_ledger_notes {
    const struct mb_pair *states; /* a name, and bytes that only the guard understands */
    size_t n_states;
    const struct mb_overrun *overruns; /* of a strategy and day each */
    size_t n_overruns;
};

/* Writes notes over those of the same names, all or nothing; not synced (the next commit is), so
 * that it costs no wait for the disk. Not while a commit runs. Fails: MB_EIO, MB_ESYNTAX. */
int mb_ledger_note(struct mb_ledger *ledger, const struct mb_ledger_notes *notes,
                   struct mb_error *err) MB_MUST_USE;

/* Tells all of them; states by name, overruns by strategy and day, oldest first. Either callback may be NULL; what
 * it gets is lent for the call. Not while a commit runs. Fails: MB_EIO, MB_ESYNTAX. */
int mb_ledger_each_note(struct mb_ledger *ledger,
                        void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes),
                        void (*on_overrun)(void *user, const struct mb_overrun *overrun),
                        void *user, struct mb_error *err) MB_MUST_USE;

/* --- counts of requests, bids and no-bids: what would be too much as events --- */

struct mb_ledger_count_mark {
    int64_t run;     /* distinct for every start of the server */
    uint32_t seat;   /* whose table it is */
    uint64_t number; /* of the table: mb_tally_sealed */
};

/* Adds a table to the counts of its minute, unless one of this mark's number or a later one of the
 * same run and seat was added before: doing it again is harmless. All or nothing; not synced.
 * Not while a commit runs. Costs: some 5 us a cell. Fails: MB_EIO, MB_ESYNTAX. */
int mb_ledger_count(struct mb_ledger *ledger, const struct mb_ledger_count_mark *mark,
                    const struct mb_tally_table *table, struct mb_error *err) MB_MUST_USE;

/* --- readers: beside a running server or without one --- */

/* Calls `on_event` for each recorded event in the order of keys, lent for the call, until it gives
 * false. Sees one state of the file, however long it takes. Fails: MB_ENOTFOUND where there is no
 * ledger, MB_EIO, MB_ESYNTAX. */
int mb_ledger_each(const char *data_dir, bool (*on_event)(void *user, const struct mb_event *event),
                   void *user, struct mb_error *err) MB_MUST_USE;

/* The same for the guard's states: name and bytes, by name. */
int mb_ledger_each_state(const char *data_dir,
                         void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes),
                         void *user, struct mb_error *err) MB_MUST_USE;

/* Writes all events that can be read in a damaged DATA/ledger.db into a new DATA/ledger.salvaged.db
 * and counts them. Needs room for two copies. Changes nothing that was there.
 * Fails: MB_ENOTFOUND without a ledger, MB_EBUSY where ledger.salvaged.db is there already,
 *        MB_ESYNTAX where nothing at all can be read, MB_EIO. */
int mb_ledger_salvage(const char *data_dir, uint64_t *saved, struct mb_error *err) MB_MUST_USE;

const char *mb_ledger_sqlite_version(void); /* "3.40.1" */

/* --- the recorded form of an event as text --- */

/* One JSON object without newline; and back (slices in the arena). */
void mb_xledger_write_event(const struct mb_event *event, struct mb_buf *out);
int mb_ledger_read_event(struct mb_slice line, struct mb_arena *arena, struct mb_event *out,
                         struct mb_error *err) MB_MUST_USE;

/* --- the same for another process of this very program: cheaper, and never in a file --- */

size_t mb_ledger_packed_bytes(const struct mb_event *event);
void mb_xledger_pack_event(const struct mb_event *event, struct mb_buf *out);
/* Texts point into `bytes`. Fails: MB_ESYNTAX; *out is unchanged. */
int mb_ledger_unpack_event(struct mb_slice bytes, struct mb_event *out) MB_MUST_USE;

#endif /* MB_LEDGER_H */
