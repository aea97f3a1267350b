/* report.h - what the ledger's events add up to, by any of their properties.
 *
 * Part of: ledger.  Depends on: base, auction.
 * Threads:  any; reads beside a running server. Sees one state of the file.
 */
#ifndef MB_REPORT_H
#define MB_REPORT_H

#include "moonbid/auction.h"

/* What rows can be told apart by; DAY and HOUR are UTC and written as 2026-03-02 and 2026-03-02T09. */
#define MB_REPORT_MAP(XX)                                                                          \
    XX(STRATEGY, "strategy") XX(VERSION, "version") XX(ARM, "arm") XX(DAY, "day") XX(HOUR, "hour") \
    XX(EXCHANGE, "exchange") XX(ENDPOINT, "endpoint") XX(ZONE, "zone") XX(SITE, "site")            \
    XX(COUNTRY, "country") XX(CREATIVE, "creative") XX(DATA, "data") XX(TYPE, "type")              \
    XX(REASON, "reason")

enum mb_report_key {
#define XX(name, text) MB_REPORT_##name,
    MB_REPORT_MAP(XX)
#undef XX
    MB_REPORT_COUNT
};

const char *mb_report_key_name(enum mb_report_key key);
enum mb_report_key mb_report_key_of(struct mb_slice name); /* MB_REPORT_COUNT: none */

struct mb_report_row {
    const struct mb_slice *keys; /* values, in the order asked for; absent where the events tell none */
    uint64_t wins, losses, billings, impressions, clicks, conversions;
    uint64_t booked;          /* events that cost money */
    struct mb_amount spend, revenue;
    uint64_t bid_sum, paid_sum; /* micro-units over `booked` and `paid` events, for averages */
    uint64_t paid;            /* booked events whose price the exchange told */
};

struct mb_report_options {
    const char *data_dir;
    const enum mb_report_key *keys;
    size_t n_keys;            /* 0: one row of all */
    int64_t since_ms, until_ms; /* by the time at which events came; 0: open */
};

/* Calls `on_row` for each row, most spend first, lent for the call. Test events count nowhere;
 * events of no bid of ours have an absent strategy.
 * Fails: MB_ENOTFOUND where there is no ledger, MB_EIO, MB_ESYNTAX (damaged).
 * Costs: reads the events since a month before `since_ms`, for late clicks and conversions. */
int mb_report_each(const struct mb_report_options *options,
                   void (*on_row)(void *user, const struct mb_report_row *row), void *user,
                   struct mb_error *err) MB_MUST_USE;

#endif /* MB_REPORT_H */
