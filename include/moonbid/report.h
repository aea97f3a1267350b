/* report.h - what the ledger's events and counts add up to, by any of their properties.
 *
 * Part of: ledger.  Depends on: base, auction.
 * Threads:  any; reads beside a running server, stops nobody. Sees one state of the file.
 */
#ifndef MB_REPORT_H
#define MB_REPORT_H

#include "moonbid/auction.h"

/* What rows can be told apart by. DAY and HOUR are of the report's time zone: 2026-03-02, and
 * 2026-03-02T09 or, where the zone is not UTC, 2026-03-02T09+01:00, so that the hour that clocks
 * show twice makes two rows. */
#define MB_REPORT_MAP(XX)                                                                          \
    XX(STRATEGY, "strategy") XX(VERSION, "version") XX(ARM, "arm") XX(DAY, "day") XX(HOUR, "hour") \
    XX(EXCHANGE, "exchange") XX(ENDPOINT, "endpoint") XX(FORMAT, "format") XX(ZONE, "zone")        \
    XX(SITE, "site") XX(COUNTRY, "country") XX(CREATIVE, "creative") XX(DATA, "data")              \
    XX(TYPE, "type") XX(REASON, "reason")

enum mb_report_key {
#define XX(name, text) MB_REPORT_##name,
    MB_REPORT_MAP(XX)
#undef XX
    MB_REPORT_COUNT
};

const char *mb_report_key_name(enum mb_report_key key);
enum mb_report_key mb_report_key_of(struct mb_slice name); /* MB_REPORT_COUNT: none */

/* Sums, all exact. */
/* What shadows would have done, and the wins of what was sent for the same impressions; docs/strategies.md. */
struct mb_report_shadow {
    uint64_t asked, bids, beside, wins, losses, unknown, live_wins, expected_bids;
    int64_t bid_sum;            /* micro-units over `bids` */
    int64_t expected_millionths; /* of a win, over `expected_bids` */
    struct mb_amount spend, live_spend, expected_spend;
};

struct mb_report_row {
    const struct mb_slice *keys; /* in the order asked for; absent where nothing tells a value */
    uint64_t requests, bids, nobids; /* of the counts: bid requests; strategies' words on impressions */
    int64_t bid_sum;                 /* micro-units over `bids` */
    uint64_t wins, losses, billings, impressions, clicks, conversions; /* of the events */
    uint64_t won;    /* bids known to have won: by a win notice, or by booking where there is none */
    struct mb_amount spend, revenue;
    uint64_t paid;   /* booked events whose price the exchange told */
    int64_t paid_sum; /* micro-units over `paid` */
    struct mb_amount overrun; /* booked past limits: of a day the larger of limits.daily and total */
    /* For what differs between arms (stats.h). Calls that asked for an arm, and their shares by the weights, in millionths, added
     * up; events with a cost or a revenue, and the squares of these in units of currency. */
    uint64_t exposures;
    int64_t shares;
    struct mb_report_shadow shadow;
    bool alive; /* there is more than that of shadows */
    uint64_t n_costs, n_revenues;
    double cost_squares, revenue_squares;
};

struct mb_report_options {
    const char *data_dir;
    const enum mb_report_key *keys;
    size_t n_keys;              /* 0: one row of all */
    int64_t since_ms, until_ms; /* by the time at which things happened here; 0: open */
    const struct mb_zone *zone; /* of DAY and HOUR; NULL: UTC */
};

/* What rows by these keys cannot say, for what they are made of does not tell. */
struct mb_report_gaps {
    bool no_bids;     /* requests, bids, nobids, bid_sum: counts do not carry these keys */
    bool no_requests; /* they are of no strategy, version, arm, creative or reason */
    bool no_overrun;  /* it is by strategy and day */
    bool no_shadows;  /* they are by strategy, version, time, exchange, endpoint and format */
};
struct mb_report_gaps mb_report_gaps_of(const enum mb_report_key *keys, size_t n_keys);

/* Calls `on_row` for each row, most spend first, then most bids, lent for the call. Test events count nowhere;
 * events of no bid of ours have an absent strategy. Bids are counted by the minute and written a
 * minute later; after two days by the quarter of an hour.
 * Fails: MB_ENOTFOUND where there is no ledger, MB_EIO, MB_ESYNTAX (damaged).
 * Costs: reads the events since a month before `since_ms`, for late clicks and conversions: about a
 * microsecond each; memory by rows given, not by events. */
int mb_report_each(const struct mb_report_options *options,
                   void (*on_row)(void *user, const struct mb_report_row *row), void *user,
                   struct mb_error *err) MB_MUST_USE;

#endif /* MB_REPORT_H */
