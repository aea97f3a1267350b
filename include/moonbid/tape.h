/* tape.h - what a decision read of the world: noted while it is made, given again when it is
 * replayed.
 *
 * Part of: tape.  Depends on: base.
 * Threads:  one owner.
 * Lifetime: notes live in the arena that mb_tape_record is given; played ones are borrowed.
 *
 * A decision is a function of its request, its seed, the scripts, and what the guard, the clock and
 * the database of places say meanwhile. The latter is on the tape. What says the usual (a strategy
 * may bid, nobody is late) leaves no note, so most tapes are empty. Who reads asks, in this order:
 * the tape that plays; the world; then notes it on the tape that records:
 *
 *     if (mb_tape_plays(tape)) return mb_tape_play_value(tape, &at, 0);
 *     value = ...;
 *     if (tape) mb_tape_note_value(tape, &at, value);
 */
#ifndef MB_TAPE_H
#define MB_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base.h"

/* The names are those of recordings. */
#define MB_TAPE_KIND_MAP(XX)                                                                       \
    XX(BENCHED, "benched")     /* enum mb_guard_bench */                                           \
    XX(MAY, "may")             /* enum mb_nobid, likewise the next three */                        \
    XX(FREQUENCY, "frequency") /* key: "" before the script, "creative" after it */                \
    XX(PER, "per")             /* likewise */                                                      \
    XX(RESERVE, "reserve")                                                                         \
    XX(LATE, "late")           /* 1: past the deadline; key: where that was seen */                \
    XX(STOPPED, "stopped")     /* the call ran into a limit of the machine: enum mb_nobid */       \
    XX(TIME_LEFT, "time_left") /* ms */                                                            \
    XX(GET, "get")             /* key: the counter's */                                            \
    XX(INCR, "incr")           /* likewise */                                                      \
    XX(SPEND, "spend")         /* nano-units; key: the period */                                   \
    XX(MARKET, "market")       /* of ctx.win_rate and ctx.price_for: millionths, micro-units or -1; key: what was asked */ \
    XX(ARM, "arm")             /* text: the arm; key: the experiment */                            \
    XX(PLACE, "place")         /* text: derived from the address; key: country, region ... */      \
    XX(EMAIL, "email")         /* text: the hash that scripts see */

enum mb_tape_kind {
#define XX(name, text) MB_TAPE_##name,
    MB_TAPE_KIND_MAP(XX)
#undef XX
        MB_TAPE_KINDS
};

const char *mb_tape_kind_name(enum mb_tape_kind kind);
/* Is its value an enum mb_nobid? */
bool mb_tape_is_verdict(enum mb_tape_kind kind);
/* MB_TAPE_KINDS for strangers. */
enum mb_tape_kind mb_tape_kind_of(struct mb_slice name);

enum { MB_TAPE_NO_IMP = UINT16_MAX };

/* What was asked. */
struct mb_tape_at {
    enum mb_tape_kind kind;
    uint16_t imp;             /* mb_imp.index, or MB_TAPE_NO_IMP */
    struct mb_slice strategy; /* its name; empty: the request's own */
    struct mb_slice key;
};

struct mb_tape_note {
    struct mb_tape_at at;
    int64_t value;
    struct mb_slice text;
    bool played;
};

/* Zeroed is an empty tape that records nothing yet. */
struct mb_tape {
    bool plays;
    bool forgets_stops;     /* PLAYS: scripts that were stopped run again */
    struct mb_arena *arena; /* RECORDS */
    struct mb_tape_note *notes;
    size_t count, size;
    size_t next;   /* PLAYS: where the next answer is looked for first */
    uint32_t lost; /* PLAYS: counters and arms that were asked for and are not on the tape */
};

/* Empties it; from now on it notes, in that arena. */
void mb_tape_record(struct mb_tape *tape, struct mb_arena *arena);
/* From now on it gives these notes, which stay the caller's and are marked as they are played. */
void mb_tape_rewind(struct mb_tape *tape, struct mb_tape_note *notes, size_t count);

static inline bool mb_tape_plays(const struct mb_tape *tape)
{
    return tape && tape->plays;
}

/* Copies key and text. Costs: no malloc while the arena has room. */
void mb_tape_note_value(struct mb_tape *tape, const struct mb_tape_at *at, int64_t value);
void mb_tape_note_text(struct mb_tape *tape, const struct mb_tape_at *at, struct mb_slice text);

/* The first note that was not played of that kind, strategy and impression with the same key; else,
 * of kinds whose key may have been masked (GET, INCR, ARM), the first of any key. `fallback` where
 * there is none. O(notes), mostly O(1). */
int64_t mb_tape_play_value(struct mb_tape *tape, const struct mb_tape_at *at, int64_t fallback);
/* The same for texts; absent: none. */
struct mb_slice mb_tape_play_text(struct mb_tape *tape, const struct mb_tape_at *at);

#endif /* MB_TAPE_H */
