/* script.h - one generation of strategies in one sandboxed LuaJIT state.
 *
 * Part of: script.  Depends on: base, json, auction, guard.
 * Threads:  a generation may be built on one thread and used on another, never on two at once. mb_script_tick may run in a signal
 *           handler of the thread that uses it.
 * Lifetime: load -> (begin -> bid, token ... -> end)*, event ... -> free. Between begin and end the request must stay; a view of it
 *           that a script kept raises a clean error afterwards.
 * Limits:   time, memory and C stack of each call as lua-api.md section 6; a breach is an outcome, never a crash.
 */
#ifndef MB_SCRIPT_H
#define MB_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/auction.h"
#include "moonbid/guard.h"
#include "moonbid/strategy.h"
#include "moonbid/tape.h"

struct mb_doc;    /* json_doc.h */
struct mb_bundle; /* bundle.h */
struct mb_script;

/* What loading found: every problem, not the first only. Zero it; mb_script_report_fini frees. */
struct mb_script_problem {
    bool warning;    /* loads all the same */
    char file[256];  /* relative to the scripts folder; beside it (mb_bundle_is_beside); or "" */
    int line;        /* 0: unknown */
    char text[512];  /* names the key and what was expected */
};
struct mb_script_report {
    struct mb_script_problem *problems;
    size_t count;
    size_t errors; /* problems that are not warnings */
};
/* Adds a problem; `file` is relative to the scripts folder or "", `line` 0 where unknown. Long text is cut. */
void mb_script_report_add(struct mb_script_report *report, bool warning, struct mb_slice file, int line, const char *fmt, ...)
    MB_PRINTF(5, 6);
void mb_script_report_fini(struct mb_script_report *report);

struct mb_script_options {
    const struct mb_bundle *bundle; /* the files, see bundle.h; needed while loading only */
    const char *dir;                /* without a bundle: the scripts folder, or a single .lua file, to read one from */
    const char *candidates;         /* likewise: the folder of candidates; NULL: none */
    struct mb_slices only;          /* names of the strategies to take; count 0: all */
    bool shadows_bid;               /* as if they were none: to try one */
    const struct mb_endpoint *endpoints;
    size_t n_endpoints;
    bool has_geo;                   /* a country can be known on every exchange */
    struct mb_guard *guard;         /* borrowed: slots and script counters */
    size_t memory_bytes;            /* cap; 0: 64 MiB. Raised to four times the size after load */
    const char *timezone;           /* NULL: UTC; for limits and ctx.date */
    void (*on_file)(void *user, struct mb_slice path); /* before a file runs, so that one can tell which never ended; may be NULL */
    void *on_file_user;
};

/* Loads strategies/ *.lua of the bundle (not recursive), with its other .lua files for require and its lists/ for list and map.
 *
 * Gives:  0 and *out, with `report` holding warnings at most.
 * Fails:  MB_ESCRIPT with every error in `report` (syntax, unknown key, wrong type, empty list, duplicate name, no strategy in
 *         a file, a file that runs too long, which ends the load); MB_EIO, MB_ENOMEM as mb_bundle_read, without a bundle. *out is NULL.
 * Owns:   mb_script_free.
 * Costs:  reads files; call off the bid path. Limits of time hold when a limiter ticks (mb_script_tick), as in a call but 2 s.
 */
int mb_script_load(const struct mb_script_options *options, struct mb_script **out,
                   struct mb_script_report *report) MB_MUST_USE;
void mb_script_free(struct mb_script *script); /* NULL allowed */

const struct mb_strategy *const *mb_script_strategies(const struct mb_script *script, size_t *count);
/* The strategy of that name, or NULL. */
const struct mb_strategy *mb_script_strategy(const struct mb_script *script, struct mb_slice name);
/* The bundle's: 16 hex digits. */
struct mb_slice mb_script_version(const struct mb_script *script);
size_t mb_script_lua_bytes(const struct mb_script *script);
/* After a memory breach the state must be replaced (load it again elsewhere, swap, free this one): until then strategies answer
 * script_memory only where the breach left no room. */
bool mb_script_wants_replacing(const struct mb_script *script);

/* --- calls --- */

struct mb_script_call {
    const struct mb_request *request;
    int64_t now_ms;      /* wall clock of the decision */
    int64_t deadline_ms; /* wall clock at which the answer is due; ctx.time_left counts down from it by `clock_ms` */
    int64_t (*clock_ms)(void *user); /* NULL: time stands still at now_ms (replay, kit) */
    void *clock_user;
    uint64_t seed;       /* of ctx.random */
    struct mb_tape *tape; /* notes or says what ctx gives of counters, spend, time and arms; NULL: neither */
    struct mb_arena *arena;
    bool shadow;         /* nothing may change for others: ctx.incr of a shared counter counts nothing */
};

struct mb_script_result {
    enum mb_nobid outcome;        /* MB_NOBID_BID with bids; MB_NOBID_SCRIPT with own_reason; NONE; INVALID_BID with problem; SCRIPT_ERROR, SCRIPT_TIMEOUT, SCRIPT_MEMORY */
    struct mb_slice own_reason;   /* [a-z0-9_]{1,32} */
    struct mb_slice problem;      /* what was wrong: the field of an invalid bid, or the error text with file:line */
    struct mb_bid *bids;          /* in the arena; prices as given in bid->currency (house where absent) in .price */
    size_t n_bids;
    struct mb_pairs notes;        /* of ctx.note */
    struct mb_slice arm, experiment; /* of ctx.arm, also where nothing is bid: several joined by '+'; absent: not asked for */
    double arm_share;             /* how likely the weights made that arm: 0 to 1 */
    bool blameless;               /* of SCRIPT_MEMORY: others have filled the state, the call itself wanted little */
    uint64_t cpu_ns;              /* spent in the call; 0 where nobody measures */
};

/* Opens a request: makes `req` lazily. Exactly one mb_script_end follows. */
void mb_script_begin(struct mb_script *script, const struct mb_script_call *call);
/* Runs strategy.bid(ctx, req, imp). Never fails: see outcome. No malloc of its own; Lua's allocator is the state's. */
void mb_script_bid(struct mb_script *script, const struct mb_strategy *strategy,
                   const struct mb_imp *imp, struct mb_script_result *out);
/* The strategy's own dynamic token: false and *out absent where it has none of that name or its function raised or gave nil (counted). */
bool mb_script_token(struct mb_script *script, const struct mb_strategy *strategy,
                     const struct mb_bid *bid, struct mb_slice name, struct mb_slice *out);
/* --- for traces: what the last call left; until the next --- */

/* Pairs of ctx.note; in the request's arena. */
struct mb_pairs mb_script_notes(const struct mb_script *script);
/* Where its error was raised, line by line; absent where there was none, or its text is not new. */
struct mb_slice mb_script_traceback(const struct mb_script *script);
/* From now on lines of log.* go there and not to the log; NULL: to the log. */
typedef void mb_script_on_line(void *user, enum mb_log_level level, struct mb_slice text);
void mb_script_set_on_line(struct mb_script *script, mb_script_on_line *on_line, void *user);

/* Closes the request: views die; a step of the collector where it is due. */
void mb_script_end(struct mb_script *script);

/* Runs on_<type> and on_notify for a durable event, outside any request. MB_NOBID_BID when all went well, else SCRIPT_ERROR, SCRIPT_TIMEOUT,
 * SCRIPT_MEMORY; *problem (may be NULL) then holds the text until the next call. */
enum mb_nobid mb_script_event(struct mb_script *script, const struct mb_strategy *strategy,
                              const struct mb_event *event, int64_t now_ms, struct mb_slice *problem);
/* What on_click returned for the last event, a click, where it was a table: as JSON text, until the next event. Else absent. */
struct mb_slice mb_script_answer(const struct mb_script *script);

/* Counts since load, per strategy: calls, and outcomes by kind. */
struct mb_script_counts {
    uint64_t calls, errors, timeouts, memory, token_failures, handler_failures;
};
const struct mb_script_counts *mb_script_counts(const struct mb_script *script, const struct mb_strategy *strategy);

/* --- the injected limiter --- */

/* To be called about every 4 ms of the thread's CPU time while it uses scripts (the process module's limiter does so from a signal
 * handler): when the same call was seen at an earlier tick and `limit_ns` of `cpu_now_ns` have passed since, stops it. Async-signal-safe. Acts on the calling
 * thread's current call, if any. */
void mb_script_tick(uint64_t cpu_now_ns);
/* Where the calling thread tells which call it is in, for a watcher in another process: in memory that both share. A call that
 * nothing inside the process can stop (a pathological pattern) is one whose number stays the same and odd. */
struct mb_script_beacon {
    _Atomic uint64_t call; /* odd while a call runs; another number for each */
    _Atomic uint32_t slot; /* guard slot of the strategy that was called last */
};
/* From now on calls of this thread show there; NULL: nowhere. Lent until the next set. Two plain stores a call. */
void mb_script_set_beacon(struct mb_script_beacon *beacon);
/* CPU time that one call may take: 5 ms by default. Process-wide. */
void mb_script_set_limit_ms(uint32_t cpu_ms);

/* --- config files are Lua too --- */

/* Runs `path` in an empty sandbox and gives the returned table as a document (arrays, objects, strings, numbers, booleans). Fails: MB_ENOTFOUND no
 * such file, MB_ESCRIPT with file:line in err, MB_EINVAL a value that no document can hold. Owns: mb_doc_free. */
int mb_script_read_table(const char *path, struct mb_doc **out, struct mb_error *err) MB_MUST_USE;

#endif /* MB_SCRIPT_H */
