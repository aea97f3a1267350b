/* bidder.h - one request from bytes to bytes, one notice from bytes to events, and what follows once they are durable.
 *
 * Part of: bidder.  Depends on: everything from base to script, but ledger.
 * Threads:  one owner. No socket, no clock, no file: `now` is an argument.
 * Lifetime: new -> take_generation -> (handle ... settle ...)* -> free. What handle gives out lives until the next handle.
 *
 *     way of a bid     decode -> index -> guard may -> script -> check -> guard reserve -> sign -> encode
 *     way of a notice  decode | verify -> events to be made durable -> (the process: ledger) -> settle: book, handlers
 */
#ifndef MB_BIDDER_H
#define MB_BIDDER_H

#include "moonbid/auction.h"
#include "moonbid/config.h"
#include "moonbid/geo.h"
#include "moonbid/guard.h"
#include "moonbid/market.h"
#include "moonbid/metrics.h"
#include "moonbid/notice.h"
#include "moonbid/recent.h"
#include "moonbid/script.h"
#include "moonbid/tally.h"
#include "moonbid/tape.h"

struct mb_bidder;
struct mb_bidder_board;

struct mb_bidder_options {
    const struct mb_config *config;     /* all borrowed for the bidder's life */
    struct mb_guard *guard;
    const struct mb_notice_keys *keys;
    struct mb_recent *recent;           /* bids that notices without a token may be of; may be NULL */
    const struct mb_geo *geo;           /* may be NULL */
    /* Makes unguessable bytes for bid ids; NULL: derived from the seed (kit, replay). */
    void (*random_bytes)(void *user, void *out, size_t len);
    int64_t (*clock_ns)(void);          /* monotonic, to time scripts; NULL: they are not timed */
    int64_t (*clock_ms)(void *user);    /* for ctx.time_left and deadlines; NULL: time stands still */
    void *user;
    struct mb_recent *shadow_bids;      /* what shadows bid, until what was sent has its notice; NULL: it is not known what became of them */
    bool learns;                        /* the market from its own bids at once, for want of a board from which another process takes them */
    bool decides_only;                  /* nobody sees an answer: out has none, and of tokens only the length is right (replay) */
    bool booked_elsewhere;              /* settle leaves the guard's money alone: another process books it */
    struct mb_bidder_board *board;      /* where it counts, going on from what is there; NULL: in memory of its own */
};

/* Fails: MB_EINVAL. Owns: mb_bidder_free. */
int mb_bidder_new(const struct mb_bidder_options *options, struct mb_bidder **out, struct mb_error *err) MB_MUST_USE;
void mb_bidder_free(struct mb_bidder *bidder);

/* A generation: loaded scripts, and what is worked out of them before they bid, the index of their targets above all. */
struct mb_generation;

/* Wants no bidder, so that one that bids need not wait: what it costs, a microsecond or two a strategy and reading zone files for
 * those with hours, is for another thread. Takes `script`. Owns: mb_generation_free (NULL is fine). Aborts without memory. */
struct mb_generation *mb_xgeneration_new(struct mb_script *script);
void mb_generation_free(struct mb_generation *generation);
/* Frees all but the script and gives that back; NULL gives NULL. */
struct mb_script *mb_generation_give_up(struct mb_generation *generation);
/* Lent. */
struct mb_script *mb_generation_script(const struct mb_generation *generation);

/* Takes a generation, or none, into use between two requests and gives the one before back (NULL at first): the caller frees it, on
 * any thread. Counts per strategy go on under the same name. */
struct mb_generation *mb_bidder_take_generation(struct mb_bidder *bidder, struct mb_generation *generation);
/* The same for who may wait: makes the generation, and gives back the scripts of the one before. */
struct mb_script *mb_bidder_take_script(struct mb_bidder *bidder, struct mb_script *script);
struct mb_script *mb_bidder_script(const struct mb_bidder *bidder); /* NULL: none */

/* Takes another config into use between two requests, with the keys and the database (may be NULL) that it names: those that were
 * borrowed before are free to go. A generation loaded with it belongs to it: take that in the same moment. */
void mb_bidder_take_config(struct mb_bidder *bidder, const struct mb_config *config, const struct mb_notice_keys *keys,
                           const struct mb_geo *geo);

enum mb_bidder_method { MB_BIDDER_GET, MB_BIDDER_POST, MB_BIDDER_OTHER };

struct mb_bidder_in {
    enum mb_bidder_method method; /* HEAD counts as GET */
    struct mb_slice path, query, body; /* query absent where there is none */
    struct mb_slice remote_ip; /* who calls, for the endpoint's allow list; absent: nobody from outside */
    struct mb_slice openrtb_version; /* the header of that name, or absent: given back with the answer */
    int64_t now_ms;
    uint32_t waited_ms; /* that it has stood here unread: its answer is due so much earlier */
    uint64_t seed;
    bool draining;   /* ready says 0, bids are no-bids */
    bool money_unknown; /* nobody can say what has been spent: bids are no-bids, all else goes on */
    bool overloaded; /* this one has waited too long: a bid is a no-bid, a notice 503; clicks are served */
    bool busy;       /* others have, a moment ago: ready says 0 */
    struct mb_tape *tape; /* of a bid request: gets what was read of guard, clock and places, until the next handle; or
                             says it where it plays. NULL: neither */
};

struct mb_bidder_out {
    int status;
    const char *content_type;      /* or NULL */
    struct mb_slice body;
    struct mb_slice extra_headers; /* such as Allow, or absent */
    /* What must be durable before this answer goes out; count 0: answer at once. Lent until the next handle; the ledger copies. */
    const struct mb_event *events;
    size_t n_events;
    bool answer_first;             /* the answer must not wait for the events: a visitor stands behind it */
    /* For metrics and the trace. */
    const struct mb_endpoint *endpoint; /* NULL: none of ours */
    enum mb_nobid outcome;              /* of a bid request: MB_NOBID_BID with at least one bid, else the first reason */
    const uint32_t *slips;              /* by enum mb_json_slip: what the exchange sent otherwise than its protocol says; lent until the next handle */
    const char *kind;                   /* "bid", "notify", "click", "notice", "ready", "shed" (overload), "error" */
};

/* Never fails: every input has an answer. */
void mb_bidder_handle(struct mb_bidder *bidder, const struct mb_bidder_in *in, struct mb_bidder_out *out);

/* A recorded event: books it and runs the strategy's handlers; a repeat is only counted. */
void mb_bidder_settle(struct mb_bidder *bidder, const struct mb_event *event, enum mb_event_fate fate, int64_t now_ms);
/* What the exchange shall get for the event that was settled last, instead of an empty body: JSON, until the next settle.
 * Absent for all but clicks whose exchange takes an answer and whose on_click gave one. */
struct mb_slice mb_bidder_answer(const struct mb_bidder *bidder);

/* --- shadows: strategies that are asked and bid nothing --- */

/* Was the last request one that shadow strategies may be asked about, and are there any? */
bool mb_bidder_wants_shadow(const struct mb_bidder *bidder);
/* Asks them about the last bid request, whose bytes must still be there: to be called when its answer is on its way. Sends, reserves,
 * books and benches nothing; counts in mb_strategy_counts.shadow. Costs what their scripts take. */
void mb_bidder_shadow(struct mb_bidder *bidder);

/* --- what the last bid request came to: for try, the kit and traces --- */

/* One strategy's word on one impression. */
struct mb_decision {
    const struct mb_strategy *strategy;
    const struct mb_imp *imp;
    enum mb_nobid outcome;       /* MB_NOBID_BID: sent */
    struct mb_slice own_reason;  /* with MB_NOBID_SCRIPT */
    struct mb_slice problem;     /* field or error text, or absent */
    const struct mb_bid *bid;    /* what the script wanted, also where it was refused later; or NULL */
};
/* In order of impression and strategy; lives until the next handle. With `trace` off, target misses are left out. */
const struct mb_decision *mb_bidder_decisions(const struct mb_bidder *bidder, size_t *count);
const struct mb_request *mb_bidder_request(const struct mb_bidder *bidder); /* NULL where decoding failed */
void mb_bidder_set_trace(struct mb_bidder *bidder, bool on);

/* Records all that moonbid/trace.h shows, `trace` included, of the requests to come. Lines that scripts log go there instead of to the
 * log, and every call is timed where there is a clock_ns. */
void mb_bidder_set_watch(struct mb_bidder *bidder, bool on);

/* --- counters: per strategy name, kept over reloads --- */

/* What a shadow strategy would have done, and beside it what was sent for the same impressions. */
struct mb_shadow_counts {
    uint64_t asked, failures, refused; /* calls; those that failed; bids below the floor, over max_bid or unfit */
    uint64_t bids, beside;             /* bids; those for whose impression another strategy's was sent */
    int64_t bid_micros;
    uint64_t wins, losses, unknown;    /* of those beside, as the notice of what was sent told */
    int64_t spend_nanos;               /* of these wins */
    uint64_t live_wins;                /* of what was sent beside them */
    int64_t live_nanos;
    uint64_t expected_bids, expected_wins_millionths; /* by the market's memory: bids whose price it knows; their wins */
    int64_t expected_nanos;
};

struct mb_strategy_counts {
    struct mb_shadow_counts shadow;
    uint64_t calls, bids, nobids[MB_NOBID_COUNT], events[MB_EVENT_COUNT], duplicates;
    struct {
        char name[33];
        uint64_t count;
    } own[64];      /* the strategy's own reasons */
    uint64_t other; /* reasons beyond 64 */
    uint64_t timed, timed_ns; /* calls that were timed, every sixteenth; what they took */
};
const struct mb_strategy_counts *mb_bidder_counts(const struct mb_bidder *bidder, struct mb_slice strategy);

struct mb_bidder_counts {
    uint64_t requests, bids, nobids, bad_requests, notices, forged, expired, unattributed, duplicates, token_failures;
    /* Events with a price that is not as it should be: */
    uint64_t unpriced;   /* booked at the bid's price, for none could be read where the exchange tells one */
    uint64_t overpriced; /* told more than the bid: booked at the bid's price */
    uint64_t repriced;   /* a repeat with another price: changed nothing */
};
const struct mb_bidder_counts *mb_bidder_totals(const struct mb_bidder *bidder);

/* What one bidder counts. Zeroed memory is a valid, empty one; in memory that processes share it outlives its bidder. One writer, whose
 * updates are single aligned words: others may read at any time, and see each number whole, but not all of one moment. */
struct mb_bidder_board {
    struct mb_bidder_counts totals;
    struct mb_strategy_counts strategies[MB_GUARD_SLOTS_MAX]; /* by guard slot; memory of those that nobody touches costs nothing */
    struct mb_market_ring market; /* bids for the market's memory, which who books takes */
    struct mb_tally tally; /* decisions and requests by where they were; the owner calls mb_tally_turn */
    struct mb_histogram script_time; /* of timed calls, all strategies together */
};

/* Adds what `from` holds to `into`, which nobody else writes. Own reasons meet under their names. */
void mb_bidder_add_totals(struct mb_bidder_counts *into, const struct mb_bidder_counts *from);
void mb_bidder_add_counts(struct mb_strategy_counts *into, const struct mb_strategy_counts *from);

#endif /* MB_BIDDER_H */
