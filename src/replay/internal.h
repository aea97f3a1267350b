/* internal.h - what the files of replay share.
 *
 * Part of: replay (private).
 * Files:    reader.c has the lines of files, scan.c and record.c what a line says, decide.c a
 * bidder that decides it, compare.c what differs, sums.c what is counted, run.c the threads.
 */
#ifndef MB_REPLAY_INTERNAL_H
#define MB_REPLAY_INTERNAL_H

#include "moonbid/replay.h"

/* --- reader.c --- */

struct mb__reader;

/* Fails: MB_EIO naming the first file that is not there. */
int mb__reader_open(const char *const *paths, size_t count, struct mb__reader **out,
                    struct mb_error *err) MB_MUST_USE;
void mb__reader_close(struct mb__reader *reader); /* NULL allowed */
/* Whole lines of one file, some hundred kilobytes, each with its newline. */
struct mb__block {
    struct mb_buf text;
    size_t file;         /* place in `paths` */
    uint64_t first_line; /* 1.. */
};
/* 1: there is one; 0: no more. Fails: MB_EIO. */
int mb__reader_next(struct mb__reader *reader, struct mb__block *out,
                    struct mb_error *err) MB_MUST_USE;
void mb__reader_progress(const struct mb__reader *reader, uint64_t *done, uint64_t *total);
uint64_t mb__reader_cut_files(const struct mb__reader *reader); /* whose end is torn */
uint64_t mb__reader_long_lines(const struct mb__reader *reader);

/* --- scan.c: lines as our recorder writes them --- */

/* The same as mb_replay_read_line, in one pass and without a tree. False, with *out undefined: the
 * line is formed otherwise, or is no record. */
bool mb__scan_line(struct mb_slice line, struct mb_arena *arena, struct mb_replay_record *out);

/* --- record.c: any line --- */

/* MB_NOBID_BID for "bid"; MB_NOBID_COUNT for strangers. */
enum mb_nobid mb__nobid_of(struct mb_slice name);
/* 1 to 16 digits. False, *out unchanged, for anything else. */
bool mb__read_hex(struct mb_slice digits, uint64_t *out);

/* --- market.c: what bids came to by their price; estimate.c: what others would --- */

struct mb__market; /* bids and bookings by strategy, endpoint, format, model and price; memory by
                      those, not by records */

struct mb__market *mb__xmarket_new(void);
void mb__market_free(struct mb__market *market); /* NULL allowed */
/* A bid that went out when it was recorded (`id`: its own); what it booked, told by a later line; a
 * bid that other scripts would send, on a request of that seed (`id` of the recorded bid in its
 * place, or absent). */
void mb__market_bid(struct mb__market *market, struct mb_slice endpoint,
                    const struct mb_replay_did *did);
void mb__market_booked(struct mb__market *market, const struct mb_replay_record *outcome);
void mb__market_new_bid(struct mb__market *market, struct mb_slice endpoint,
                        const struct mb_replay_did *did, struct mb_slice id, uint64_t seed);
void mb__market_merge(struct mb__market *into, const struct mb__market *from);
/* Fills money and points of the result. */
void mb__market_estimate(const struct mb__market *market, struct mb_replay_result *out);

/* --- curve.c: how likely a price wins --- */

struct mb__curve_point {
    double price, bids, wins, rate; /* rate: filled by mb__curve_fit */
};
/* Points with bids, in order of their price: gives them rates that never fall. `blocks`: room for as many. */
void mb__curve_fit(struct mb__curve_point *points, size_t count, struct mb_block *blocks);
/* The rate at a price: between points by a line; beyond them by the elasticity that the points
 * show, or `elasticity` where there are too few to show one. */
double mb__curve_at(const struct mb__curve_point *points, size_t count, double price,
                    double elasticity);

/* --- sums.c: what one thread counts --- */

struct mb__sums {
    struct mb_replay_result result;  /* but the list of strategies */
    struct mb_map strategies;        /* name -> struct mb_replay_strategy */
    struct mb_replay_strategy *last; /* of them, that was counted last */
    struct mb_map rows;              /* strategy, change, reason -> struct mb_replay_row */
    struct mb__market *market;       /* NULL: nothing is compared with other scripts */
    struct mb_slice version;         /* of the scripts that decide */
    const char *const *paths;
};

void mb__sums_fini(struct mb__sums *sums);
/* A request that was decided again. */
void mb__sums_add(struct mb__sums *sums, const struct mb_replay_record *record,
                  const struct mb_replay_did *again, size_t n_again, size_t file, uint64_t line);
/* The same request decided by both scripts. */
void mb__sums_against(struct mb__sums *sums, const struct mb_replay_record *record,
                      const struct mb_replay_did *before, size_t n_before,
                      const struct mb_replay_did *after, size_t n_after);
/* Adds `from` to the result that all threads share, strategies in order of their names. */
void mb__sums_merge(struct mb_replay_result *into, const struct mb__sums *from);

/* --- report.c, page.c: a comparison written down --- */

void mb__page_write(const struct mb_replay_result *result, const struct mb_replay_titles *titles,
                    struct mb_buf *out);
const char *mb__money_name(const struct mb_replay_money *money); /* "all" for the sum */

#endif /* MB_REPLAY_INTERNAL_H */
