/* guard.h - money and counters in shared memory: may this strategy bid, and what has it spent?
 *
 * Part of: guard.  Depends on: base, auction, metrics.
 * Threads:  any number of processes and threads share one guard; numbers are atomics, no locks on
 *           the bid path.
 * Lifetime: open (maps memory) -> slots are found by name and stay over reloads -> close.
 *           No I/O on the bid path. Spend is told from the ledger at start
 *           (mb_guard_restore); script counters live in a mapped file, so they survive a restart.
 */
#ifndef MB_GUARD_H
#define MB_GUARD_H

#include <stdbool.h>

#include "moonbid/auction.h"
#include "moonbid/strategy.h"

enum { MB_GUARD_SLOTS_MAX = 16384 };
#define MB_GUARD_NO_SLOT UINT32_MAX

struct mb_guard;

struct mb_guard_options {
    const char *counters_path; /* file of the script counters; NULL: memory only (tests, the kit) */
    uint32_t counters_max;     /* script counters held; 0: 65,536 */
    const char *frequency_path; /* file of the frequency counters; NULL: memory only */
    uint32_t frequency_max;     /* frequency counters held; 0: 524,288 (16 MiB). Each user of a
                                   strategy takes up to nine within a window */
    bool alone; /* of this process only: a child has a copy. Made and given back at a third of the cost */
};

int mb_guard_open(const struct mb_guard_options *options, struct mb_guard **out,
                  struct mb_error *err) MB_MUST_USE;
void mb_guard_close(struct mb_guard *guard);

/* The slot of a strategy's name, made on first use. MB_GUARD_NO_SLOT when all are taken. Load
 * time only. */
uint32_t mb_guard_slot(struct mb_guard *guard, struct mb_slice strategy);

/* Slot number `i` of those that have a name, in the order of their making; MB_GUARD_NO_SLOT behind the last. For who looks at
 * all of them: most of the 16,384 are mostly free. */
uint32_t mb_guard_used_slot(const struct mb_guard *guard, uint32_t i);

/* Sets the timezone whose days and hours the slot's daily and hourly limits follow (an IANA name;
 * absent: UTC). Load time only: reads a zone file once a name. It holds for all processes, those
 * that only book included.
 * Fails: as mb_zone_load, or MB_ENOMEM past 640 distinct zones; the slot follows UTC then. */
int mb_guard_set_zone(struct mb_guard *guard, uint32_t slot, struct mb_slice zone_name,
                      struct mb_error *err) MB_MUST_USE;

/* The slot of a budget pool's name, made on first use; MB_GUARD_NO_SLOT when all are taken. Load
 * time only. */
uint32_t mb_guard_pool_slot(struct mb_guard *guard, struct mb_slice pool);

/* What booking must know of a strategy where its script is not at hand: its limits, and the pool
 * that its spend counts for as well (MB_GUARD_NO_SLOT: none, as for a pool itself). Load time only;
 * holds for all processes. */
void mb_guard_set_booking(struct mb_guard *guard, uint32_t slot, uint32_t pool_slot,
                          const struct mb_limits *limits);

/* May it bid at all now? MB_NOBID_BID, or PAUSED, NOT_STARTED, ENDED, BUDGET (total, daily,
 * max_impressions, max_clicks), HOURLY, PACING, then those of its pool, then QPS, checked in this
 * order; MONEY_GUARD without a slot or while an alarm holds. BID takes one of the second's calls (qps). O(1), no system
 * call. */
enum mb_nobid mb_guard_may(struct mb_guard *guard, const struct mb_strategy *strategy,
                           int64_t now_ms);

/* What a bid may cost, and whose bookings tell how likely it does. */
struct mb_guard_offer {
    enum mb_model model;
    struct mb_price price;
    struct mb_slice endpoint; /* its name */
    struct mb_slice format;   /* mb_format_name of the impression's */
};

/* Reserves what a bid may cost: the whole of it, or an upper bound of what such bids of this
 * strategy, endpoint and format come to (limits.reserve). In the strategy's pool too, by the pool's
 * own `reserve`. Held until it books or the endpoint's holding time is over. MB_NOBID_BID, or
 * BUDGET / HOURLY when a limit would be passed; then nothing is reserved. O(1), no system call. */
enum mb_nobid mb_guard_reserve(struct mb_guard *guard, const struct mb_strategy *strategy,
                               const struct mb_guard_offer *offer, int64_t now_ms);

/* How long bids at an endpoint are held; else an hour (CPM) and a day (CPC). Before the first bid
 * only, for at most 256 endpoints. */
void mb_guard_set_hold(struct mb_guard *guard, struct mb_slice endpoint, int64_t cpm_ms,
                       int64_t cpc_ms);

/* Reservations age by a clock that counts with the boot clock, so a wall clock that is set neither
 * frees nor holds any. Tells what both show now, for all processes; to be told often. Without it the
 * guard takes the wall's. `boot_id`: tells boots apart, 1 to 65,535. */
void mb_guard_set_clock(struct mb_guard *guard, uint32_t boot_id, int64_t wall_ms, int64_t boot_ms);
/* The instant that a bid's token carries: mb_event.boot_id (0: none) and boot_ms. */
uint32_t mb_guard_boot(const struct mb_guard *guard, int64_t wall_ms, int64_t *boot_ms);

/* A key of limits.frequency or limits.per: a hash over the strategy's name (to come first) and the
 * values that tell impressions apart, never 0. Those of frequency are of persons, so that hash has
 * a key, which stays on this machine. */
uint64_t mb_guard_frequency_key(const struct mb_guard *guard, const struct mb_slice *values,
                                size_t count);
uint64_t mb_guard_per_key(const struct mb_slice *values, size_t count);

/* Has whom `key` names seen limits.frequency.count impressions within the window? MB_NOBID_BID or
 * FREQUENCY. The window slides in eighths: an impression counts for `per` and up to an eighth more,
 * never less. O(1). */
enum mb_nobid mb_guard_frequency(const struct mb_guard *guard, const struct mb_strategy *strategy,
                                 uint64_t key, int64_t now_ms);

/* For traces: how many impressions count against the cap now; what limits.per has booked under a
 * key. */
int64_t mb_guard_shown(const struct mb_guard *guard, const struct mb_strategy *strategy,
                       uint64_t key, int64_t now_ms);
struct mb_amount mb_guard_per_spent(const struct mb_guard *guard, uint64_t key, int64_t now_ms);

/* Is limits.per.total spent under `key`? MB_NOBID_BID or BUDGET. Counts what is booked; open bids
 * hold nothing here. O(1). */
enum mb_nobid mb_guard_per(const struct mb_guard *guard, const struct mb_strategy *strategy,
                           uint64_t key, int64_t now_ms);

/* An impression that was not recorded before: counts it for its frequency cap. O(1). */
void mb_guard_count_shown(struct mb_guard *guard, uint32_t slot, const struct mb_event *event);

/* A durable, distinct event of this strategy: counts it, books event->cost where event->books (in
 * its pool and under its per key too), and releases the bid's reservation. O(1). */
void mb_guard_book(struct mb_guard *guard, const struct mb_strategy *strategy_or_null,
                   uint32_t slot, const struct mb_event *event);

/* --- notes: what a restart must not lose --- */

/* Tells what has changed since it was told last: the state of slots, as bytes under a name, and the
 * overruns of days. Told values are lent for the call. Only who books may call it. */
struct mb_guard_notes {
    void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes);
    void (*on_overrun)(void *user, const struct mb_overrun *overrun);
    void *user;
};
void mb_guard_note(struct mb_guard *guard, int64_t now_ms, const struct mb_guard_notes *notes);
/* Puts right what killed processes have left held; lets idle strategies' bids expire. To be called
 * about once a second; every sixth call corrects. Only who books may call it. */
void mb_guard_recount(struct mb_guard *guard, int64_t now_ms);
/* They were not kept: tells them all again next time. */
void mb_guard_note_again(struct mb_guard *guard);
/* Gives back what was told last under a name, before anybody bids and in the order of names. What
 * bids hold goes on ageing as if nothing had happened; over a boot, by the wall's clock. Scripts
 * are loaded before, for their pools. Bytes that are damaged are logged and left out. */
void mb_guard_restore_state(struct mb_guard *guard, struct mb_slice name, struct mb_slice bytes,
                            int64_t now_ms);
/* What a day of an earlier run had; told once for each strategy and day, oldest first. */
void mb_guard_restore_overrun(struct mb_guard *guard, const struct mb_overrun *overrun);

/* Adds what a ledger's sums have and the guard does not: all of it at start; what was committed and
 * not booked when who books died; nothing where it knows everything. Then its strategy's pool gets
 * the same. Load the scripts before, for their zones and pools. Only who books may call it. */
void mb_guard_restore(struct mb_guard *guard, const struct mb_spend *spend);
void mb_guard_restore_per(struct mb_guard *guard, uint64_t key, struct mb_amount spent);

/* --- pausing: by the operator, until he resumes it --- */

/* One strategy, or all (kept apart: resuming all leaves single ones paused). Resuming one also ends
 * its alarm. Hold for all processes at once. Out of range: nothing. */
void mb_guard_pause(struct mb_guard *guard, uint32_t slot, bool paused);
void mb_guard_pause_all(struct mb_guard *guard, bool paused);
/* O(1), no system call. */
bool mb_guard_paused(const struct mb_guard *guard, uint32_t slot);
bool mb_guard_all_paused(const struct mb_guard *guard);

/* --- alarms: a strategy whose money nobody can account for is stopped until it is resumed --- */

enum mb_guard_alarm {
    MB_GUARD_NO_ALARM,
    MB_GUARD_ALARM_SILENCE,  /* bids go out, nothing comes back */
    MB_GUARD_ALARM_UNBOOKED, /* wins come in, none of them books */
    MB_GUARD_ALARMS
};
/* So many wins of a price by the thousand, over so long at least: bookings follow their wins by some seconds. */
enum { MB_GUARD_UNBOOKED_WINS_MAX = 1000, MB_GUARD_UNBOOKED_MS = 10000 };

/* How long bids may go unanswered; 0 (at first): for ever. Holds for all processes. */
void mb_guard_set_silence(struct mb_guard *guard, int64_t silence_ms);
enum mb_guard_alarm mb_guard_alarm(const struct mb_guard *guard, uint32_t slot);
const char *mb_guard_alarm_text(enum mb_guard_alarm alarm); /* "" for none */

/* --- benching: a strategy out of bounds sits out until the next generation --- */

enum mb_guard_bench {
    MB_GUARD_NOT_BENCHED,
    MB_GUARD_BENCH_BREACHES, /* too many failed calls in a row */
    MB_GUARD_BENCH_STRIKES,  /* calls that only the end of their worker could stop */
};
enum { MB_GUARD_STRIKES = 3, MB_GUARD_STRIKES_WITHIN_MS = 600000 };

/* Holds for all processes at once. O(1), no system call. Slots out of range are never benched. */
void mb_guard_bench(struct mb_guard *guard, uint32_t slot, enum mb_guard_bench why);
enum mb_guard_bench mb_guard_benched(const struct mb_guard *guard, uint32_t slot);
/* Notes a strike; benches the slot with the third within ten minutes of `now_ms` and then gives
 * true. One process only may call it. */
bool mb_guard_strike(struct mb_guard *guard, uint32_t slot, int64_t now_ms);
/* A new generation: nobody is benched, no strikes. */
void mb_guard_unbench_all(struct mb_guard *guard);
/* The name that has the slot, or absent. Lives as long as the guard. */
struct mb_slice mb_guard_slot_name(const struct mb_guard *guard, uint32_t slot);

/* --- for traces: what the limits of a slot, a strategy's or a pool's, are held against --- */

struct mb_guard_standing {
    struct mb_amount hour, day, total; /* settled spend */
    struct mb_amount held;             /* by open bids, as these limits reserve */
    uint64_t impressions, clicks;
    struct mb_amount paced; /* of today's money, spent or thought to be */
    struct mb_amount due;   /* what that may come to by now; only with even pacing */
};
/* As the last mb_guard_may left it. Changes nothing. Zeros for a slot out of range. */
void mb_guard_stand(const struct mb_guard *guard, uint32_t slot, const struct mb_limits *limits,
                    int64_t now_ms, struct mb_guard_standing *out);

enum mb_guard_period { MB_GUARD_HOUR, MB_GUARD_DAY, MB_GUARD_TOTAL };
struct mb_amount mb_guard_spent(const struct mb_guard *guard, uint32_t slot,
                                enum mb_guard_period period, int64_t now_ms);
/* What was booked beyond limits and reservations: by now (MB_GUARD_TOTAL), or on the local day of
 * `now_ms` (else). With `full`, `daily` and `total` are never more than `late_cost`. */
struct mb_overrun mb_guard_overrun(const struct mb_guard *guard, uint32_t slot,
                                   enum mb_guard_period period, int64_t now_ms);
/* Distinct events of that type so far. */
uint64_t mb_guard_events(const struct mb_guard *guard, uint32_t slot, enum mb_event_type type);
/* For tests and the kit: adds to settled spend. */
void mb_guard_add_spend(struct mb_guard *guard, uint32_t slot, struct mb_amount amount,
                        int64_t now_ms);

/* Script counters. A key belongs to its strategy, one that begins with "shared:" to all. Only a
 * 96-bit keyed hash of it is kept. The window starts at first use; n may be negative; values stay
 * within +-2^47. Gives the new value. Lock-free; O(1). */
int64_t mb_guard_incr(struct mb_guard *guard, struct mb_slice strategy, struct mb_slice key,
                      int64_t n, int64_t window_ms, int64_t now_ms);
int64_t mb_guard_get(struct mb_guard *guard, struct mb_slice strategy, struct mb_slice key,
                     int64_t now_ms);
uint64_t mb_guard_evicted(const struct mb_guard *guard);
/* Impressions forgotten before their window was over, for want of room. */
uint64_t mb_guard_frequency_evicted(const struct mb_guard *guard);

#endif /* MB_GUARD_H */
