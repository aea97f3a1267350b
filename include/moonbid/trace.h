/* trace.h - what one bid request came to, in full: for `moonbid try --trace`.
 *
 * Part of: bidder.  Depends on: bidder.h, index.h.
 * Lifetime: mb_bidder_set_watch(true) -> handle -> mb_bidder_trace; all of it lives until the next handle.
 *           With watch off nothing is recorded and nothing of this runs.
 */
#ifndef MB_TRACE_H
#define MB_TRACE_H

#include "moonbid/bidder.h"
#include "moonbid/index.h"

/* What a limit counts. */
enum mb_trace_unit {
    MB_TRACE_MONEY,   /* nano-units of house currency */
    MB_TRACE_PRICE,   /* micro-units */
    MB_TRACE_COUNT,
    MB_TRACE_INSTANT, /* ms since the epoch */
};

/* A limit that is set, as it stood when the strategy was asked. */
struct mb_trace_limit {
    const char *name;     /* as in `limits`: "daily", "max_bid.cpm" */
    struct mb_slice pool; /* of budgets.lua, whose limit it is; absent: the strategy's own */
    enum mb_trace_unit unit;
    int64_t limit;
    bool counted;         /* the next three are told */
    int64_t spent, held;  /* booked; and reserved by open bids */
    int64_t left;         /* below 0: passed by so much */
    bool stops;           /* it is the one that stopped this bid */
    const char *note;     /* what else there is to know, or NULL */
};

/* One strategy on one impression. */
struct mb_trace_step {
    const struct mb_strategy *strategy;
    const struct mb_imp *imp;
    size_t first, count;                 /* its decisions, of mb_bidder_decisions */
    const struct mb_index_miss *misses;  /* of its target; none: it holds */
    size_t n_misses;
    const struct mb_trace_limit *limits;
    size_t n_limits;
    bool called;                         /* the script ran; else what follows is empty */
    struct mb_pairs notes;               /* of ctx.note */
    size_t first_line, n_lines;          /* of mb_trace.lines */
    struct mb_slice traceback;           /* of an error, line by line */
    uint64_t cpu_ns;                     /* by options.clock_ns; 0 without */
    size_t lua_bytes;                    /* allocated */
};

/* A line of log.*. Those behind the last step's were written by tokens. */
struct mb_trace_line {
    enum mb_log_level level;
    struct mb_slice text;
};

struct mb_trace_token {
    const struct mb_bid *bid;
    struct mb_slice name, value; /* before it was encoded for its place; absent: empty */
    size_t times;
};

/* Why a bid that was ranked did not go out. */
enum mb_trace_lost {
    MB_TRACE_NOT_LOST, /* it went out */
    MB_TRACE_PRIORITY,
    MB_TRACE_ECPM,
    MB_TRACE_DRAW,     /* equal in both */
    MB_TRACE_FULL,     /* the answer took no more */
    MB_TRACE_REFUSED,  /* first in its place, and then refused: its decision says why */
};

struct mb_trace_rank {
    size_t decision;
    enum mb_trace_lost lost;
    const struct mb_bid *to; /* who has its place; NULL: nobody, or with FULL */
};

struct mb_trace {
    struct mb_trace_step *steps; /* by impression; strategies whose target does not hold come first */
    size_t n_steps;
    struct mb_trace_line *lines;
    size_t n_lines;
    struct mb_trace_token *tokens;
    size_t n_tokens;
    struct mb_trace_rank *ranks; /* best first */
    size_t n_ranks;
};

/* Of the last bid request; empty without one. */
const struct mb_trace *mb_bidder_trace(struct mb_bidder *bidder);

/* How the limit's numbers are written: "12.5", "1000", "2026-03-01T00:00:00Z". */
void mb_trace_add_number(struct mb_buf *out, enum mb_trace_unit unit, int64_t value);
const char *mb_trace_lost_name(enum mb_trace_lost lost); /* "priority", "ecpm", "draw", ... */

/* Calls back for each field that a bid has, under its name in Lua, with its text: numbers in plain decimals, lists joined by
 * commas. What went out has its tokens replaced. */
typedef void mb_trace_on_field(void *user, const char *name, struct mb_slice text);
void mb_trace_bid_fields(const struct mb_bid *bid, mb_trace_on_field *on_field, void *user);

#endif /* MB_TRACE_H */
