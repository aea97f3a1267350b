/* replay.h - recordings decided again, offline.
 *
 * Part of: replay.  Depends on: bidder.  Uses zlib inside.
 * Threads:  one caller; a thread for each core decides, with a guard and a Lua state of its own.
 * Memory:   bounded whatever the size of the files: blocks of lines on their way, one record a
 * thread, and what is counted.
 */
#ifndef MB_REPLAY_H
#define MB_REPLAY_H

#include "moonbid/bidder.h"
#include "moonbid/bundle.h"

/* --- a record --- */

/* One strategy's word on one impression, as recorded or as decided again. Slices are the record's
 * or the bidder's. */
struct mb_replay_did {
    struct mb_slice strategy;
    uint32_t imp; /* its place in the request */
    enum mb_nobid outcome;
    struct mb_slice own; /* with MB_NOBID_SCRIPT */
    bool has_bid;        /* also of a bid that did not go out */
    enum mb_model model;
    enum mb_format format;
    struct mb_price price, ecpm, price_wire;
    struct mb_slice id, deal, creative, arm, data;
};

enum mb_replay_kind { MB_REPLAY_SEGMENT, MB_REPLAY_REQUEST, MB_REPLAY_OUTCOME };

/* A line of a recording; docs/replay.md has the fields. */
struct mb_replay_record {
    enum mb_replay_kind kind;
    /* of a request */
    struct mb_bidder_in in; /* as it was handled; without tape and peer */
    enum mb_nobid outcome;
    int status;
    struct mb_slice endpoint, scripts;
    struct mb_tape_note *reads;
    size_t n_reads;
    struct mb_replay_did *did;
    size_t n_did;
    /* of an outcome */
    enum mb_event_type event;
    int64_t at_ms, bid_at_ms;
    struct mb_slice bid, strategy, format, arm; /* and `endpoint` */
    enum mb_model model;
    struct mb_price price, paid; /* paid: -1 micros where it was not told */
    struct mb_amount cost;       /* -1 nanos: this event books nothing */
};

/* Reads a line. `arena` holds what the record points to, beside the line itself.
 * Fails: MB_ESYNTAX, MB_EINVAL: what is no record. */
int mb_replay_read_line(struct mb_slice line, struct mb_arena *arena, struct mb_replay_record *out,
                        struct mb_error *err) MB_MUST_USE;

/* --- a decision made again --- */

struct mb_replay_decider;

struct mb_replay_decider_options {
    const struct mb_config *config; /* borrowed, as is the bundle */
    const struct mb_bundle *bundle; /* the scripts */
    bool forgets_stops;             /* calls that ran into a limit when recorded run again */
};

/* Fails: as mb_script_load, with `report`. Owns: mb_replay_decider_free. */
int mb_replay_decider_new(const struct mb_replay_decider_options *options,
                          struct mb_replay_decider **out, struct mb_script_report *report,
                          struct mb_error *err) MB_MUST_USE;
void mb_replay_decider_free(struct mb_replay_decider *decider); /* NULL allowed */
/* Decides a request again. What it gives lives until the next call. */
const struct mb_replay_did *mb_replay_decide(struct mb_replay_decider *decider,
                                             const struct mb_replay_record *record, size_t *count);

/* --- two decisions compared --- */

enum mb_replay_change {
    MB_REPLAY_SAME,
    MB_REPLAY_NEW_BID,  /* did not bid, bids */
    MB_REPLAY_LOST_BID, /* bid, does not */
    MB_REPLAY_PRICE_UP,
    MB_REPLAY_PRICE_DOWN,
    MB_REPLAY_OTHER_BID,    /* the same price, another creative, deal, model, arm or data */
    MB_REPLAY_OTHER_REASON, /* neither bids; another reason */
    MB_REPLAY_CHANGES
};
const char *mb_replay_change_name(enum mb_replay_change change);

/* What a strategy did and does on an impression; either may be NULL: it was not asked. `follows`:
 * its own word is the same, and only what other strategies bid makes the difference. */
enum mb_replay_change mb_replay_compare(const struct mb_replay_did *before,
                                        const struct mb_replay_did *after, bool *follows);

/* --- whole recordings --- */

struct mb_replay_example {
    struct mb_slice file;
    uint64_t line;
    char text[256];
};

enum { MB_REPLAY_EXAMPLES = 3 };

struct mb_replay_strategy {
    struct mb_slice name;
    uint64_t decisions, same;
    uint64_t changes[MB_REPLAY_CHANGES]; /* of its own */
    uint64_t followed;                   /* differences that come from others */
    struct mb_replay_example examples[MB_REPLAY_EXAMPLES];
    size_t n_examples;
};

/* --- one set of scripts against another --- */

/* What is expected, and between what it is in 19 of 20 cases: the curve is not known exactly, and
 * winning is chance. */
struct mb_replay_estimate {
    double value, low, high;
};

/* How often a change came with that reason: of not bidding before (newly bids), or now (stops
 * bidding, other reason). */
struct mb_replay_row {
    struct mb_slice strategy, reason;
    enum mb_replay_change change;
    uint64_t count;
    double price_before, price_after; /* sums over `count` bids, house currency */
};

/* What a strategy's recorded bids came to, and what those of the other scripts may. A win is a bid
 * that booked. */
struct mb_replay_money {
    struct mb_slice strategy;
    uint64_t bids_before, bids_after, wins_before;
    double spend_before; /* house currency, as is `spend_after` */
    struct mb_replay_estimate wins_after, spend_after;
};

/* The win curve where bids were recorded, of one endpoint, format and model. */
struct mb_replay_point {
    struct mb_slice market;
    double price,
        rate; /* house currency; share of bids there that booked, never falling with the price */
    uint64_t bids;
};

struct mb_replay_result {
    uint64_t requests, bids, decisions, outcomes;
    uint64_t identical;     /* requests all of whose decisions are as recorded */
    uint64_t other_scripts; /* requests recorded with other scripts than those that decide */
    uint64_t no_endpoint;   /* requests whose path the config does not serve: not decided */
    uint64_t bad_lines, cut_files;
    uint64_t cpu_ns;                       /* of all threads */
    struct mb_replay_strategy *strategies; /* by name */
    size_t n_strategies;
    /* with options.against; in order of their names, all zero without */
    uint64_t differ; /* requests that are decided otherwise */
    struct mb_replay_row *rows;
    size_t n_rows;
    struct mb_replay_money *money; /* the last is the sum of all, named "" */
    size_t n_money;
    struct mb_replay_point *points;
    size_t n_points;
    struct mb_arena arena;
};

struct mb_replay_options {
    const struct mb_config *config;
    const struct mb_bundle *bundle;
    const struct mb_bundle *against; /* other scripts, to be compared with those; NULL: none */
    const char *const *paths;        /* recordings, plain or gzip, in their order */
    size_t n_paths;
    unsigned threads; /* 0: one a core */
    /* Called on each thread that decides, before and after: the limiter of scripts. */
    int (*thread_begins)(struct mb_error *err);
    void (*thread_ends)(void);
    /* Now and then: compressed bytes read, and of how many. May be NULL. */
    void (*on_progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* Decides all requests again and compares them with what was recorded; with `against`, also by
 * those scripts, and compares both. Fails: MB_EIO (a file that cannot be read), MB_ESCRIPT (with
 * `report`), MB_EINVAL. Owns: mb_replay_result_fini. */
int mb_replay_run(const struct mb_replay_options *options, struct mb_replay_result *out,
                  struct mb_script_report *report, struct mb_error *err) MB_MUST_USE;
/* The same on the caller's thread, which starts no other and has its limiter already. */
int mb_replay_run_here(const struct mb_replay_options *options, struct mb_replay_result *out,
                       struct mb_script_report *report, struct mb_error *err) MB_MUST_USE;
void mb_replay_result_fini(struct mb_replay_result *result); /* safe on zeroed */

/* --- a comparison written down --- */

enum mb_replay_form {
    MB_REPLAY_TEXT,
    MB_REPLAY_CSV,
    MB_REPLAY_JSON,
    MB_REPLAY_HTML,
    MB_REPLAY_FORMS
};

/* MB_REPLAY_FORMS for strangers. */
enum mb_replay_form mb_replay_form_of(struct mb_slice name);

/* What a page says of itself. */
struct mb_replay_titles {
    const char *before, *after; /* the two scripts folders */
    struct mb_slice currency;   /* of the house */
};
/* Appends the result of a run with `against`: its rows, money and points. The HTML page needs no
 * other file. */
void mb_replay_write(const struct mb_replay_result *result, const struct mb_replay_titles *titles,
                     enum mb_replay_form form, struct mb_buf *out);

#endif /* MB_REPLAY_H */
