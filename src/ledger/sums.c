/* sums.c - what each strategy has spent, out of the sums that stand beside the events. */
#include "internal.h"

#include <stdlib.h>

struct summing {
    struct mb_spend spend; /* of the strategy whose rows are being read */
    struct mb_buf strategy;
    struct mb_spend_part *recent;
    size_t room;
    void (*on_spend)(void *user, const struct mb_spend *spend);
    void *user;
};

static void tell(struct summing *s)
{
    if (s->strategy.len > 0) {
        s->spend.strategy = mb_buf_slice(&s->strategy);
        s->spend.recent = s->recent;
        s->on_spend(s->user, &s->spend);
    }
}

static void begin(struct summing *s, struct mb_slice strategy)
{
    s->spend = (struct mb_spend){0};
    mb_buf_clear(&s->strategy);
    mb_xbuf_add_slice(&s->strategy, strategy);
}

static void add_recent(struct summing *s, int64_t start_ms, int64_t nanos)
{
    size_t n = s->spend.n_recent;
    if (n > 0 && s->recent[n - 1].start_ms == start_ms) {
        s->recent[n - 1].cost.nanos += nanos;
        return;
    }
    if (n == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->recent = realloc(s->recent, s->room * sizeof *s->recent);
        if (!s->recent) {
            abort();
        }
    }
    s->recent[s->spend.n_recent++] = (struct mb_spend_part){start_ms, {nanos}};
}

/* strategy, start_ms or NULL for all that is older, type, events, impressions, clicks, cost_nanos
 */
static void take_row(struct summing *s, sqlite3_stmt *row)
{
    struct mb_slice strategy =
        mb_slice((const char *)sqlite3_column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    enum mb_event_type type = mb_event_of(mb_slice_of((const char *)sqlite3_column_text(row, 2)));
    int64_t nanos = sqlite3_column_int64(row, 6);
    if (!mb_slice_eq(strategy, mb_buf_slice(&s->strategy))) {
        tell(s);
        begin(s, strategy);
    }
    s->spend.events[type] += (uint64_t)sqlite3_column_int64(row, 3);
    s->spend.impressions += (uint64_t)sqlite3_column_int64(row, 4);
    s->spend.clicks += (uint64_t)sqlite3_column_int64(row, 5);
    s->spend.total.nanos += nanos;
    if (nanos != 0 && sqlite3_column_type(row, 1) == SQLITE_INTEGER) {
        add_recent(s, sqlite3_column_int64(row, 1), nanos);
    }
}

static int each_strategy(struct mb__ledger_file *file, int64_t from_ms, struct summing *s,
                         struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int code;
    int rc = mb__ledger_prepare(file,
                                "SELECT strategy, iif(start_ms >= ?, start_ms, NULL) AS recent,"
                                " type, sum(events), sum(impressions), sum(clicks), sum(cost_nanos)"
                                " FROM quarter_hours GROUP BY 1, 2, 3 ORDER BY 1, 2",
                                &row, err);
    if (rc) {
        return rc;
    }
    (void)sqlite3_bind_int64(row, 1, from_ms);
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        take_row(s, row);
    }
    sqlite3_finalize(row);
    if (code != SQLITE_DONE) {
        return mb__ledger_failed(file, code, err);
    }
    tell(s);
    return 0;
}

int mb__ledger_each_strategy(struct mb__ledger_file *file, int64_t from_ms,
                             void (*on_spend)(void *user, const struct mb_spend *spend), void *user,
                             struct mb_error *err)
{
    struct summing s = {.on_spend = on_spend, .user = user};
    int rc = each_strategy(file, from_ms, &s, err);
    mb_buf_fini(&s.strategy);
    free(s.recent);
    return rc;
}

/* Prices of every event are in house currency; the last one tells which that was. */
int mb_ledger_check_currency(struct mb_ledger *ledger, struct mb_slice currency, struct mb_error *err)
{
    struct mb__ledger_file *file = mb__ledger_file_of(ledger);
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(
        file, "SELECT currency FROM events WHERE currency IS NOT NULL ORDER BY key DESC LIMIT 1",
        &row, err);
    if (rc) {
        return rc;
    }
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(row, 0);
        struct mb_slice own = mb_slice(text, (size_t)sqlite3_column_bytes(row, 0));
        rc = mb_slice_eq(own, currency) ? 0
                                        : mb_fail(err, MB_EIO, file->path,
                                                  "its sums are in %.*s and the config's currency is %.*s: another currency"
                                                  " needs a data folder of its own",
                                                  MB_SLICE_ARG(own), MB_SLICE_ARG(currency));
    } else if (code != SQLITE_DONE) {
        rc = mb__ledger_failed(file, code, err);
    }
    sqlite3_finalize(row);
    return rc;
}

int mb__ledger_each_per_key(struct mb__ledger_file *file,
                            void (*on_per_key)(void *user, uint64_t key, struct mb_amount spent),
                            void *user, struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int code;
    int rc = mb__ledger_prepare(file, "SELECT per_key, cost_nanos FROM per_keys", &row, err);
    if (rc) {
        return rc;
    }
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        on_per_key(user, (uint64_t)sqlite3_column_int64(row, 0),
                   (struct mb_amount){sqlite3_column_int64(row, 1)});
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
}
