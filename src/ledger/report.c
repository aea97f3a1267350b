/* report.c - sums over events, counts and overruns, row by row into groups.
 *
 * Events lie in the order of the bid's time, which begins the key: a report of the last day need not
 * read last year's. An event may come long after its bid, so reading begins three months before.
 */
#include "moonbid/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "groups.h"
#include "internal.h"

#define LATE_MS (INT64_C(91) * 24 * 3600 * 1000) /* longer than a token is good for */
#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const char *const names[] = {
#define XX(name, text) text,
    MB_REPORT_MAP(XX)
#undef XX
};

/* Where a key's value stands, as SQL: in an event and in a count; NULL: it is not told there. Times
 * are turned to text here, by the time zone. */
static const struct column {
    const char *event, *count;
} columns[MB_REPORT_COUNT] = {
    [MB_REPORT_STRATEGY] = {"strategy", "strategy"},
    [MB_REPORT_VERSION] = {"version", "version"},
    [MB_REPORT_ARM] = {"arm", "arm"},
    [MB_REPORT_DAY] = {"time_ms", "start_ms"},
    [MB_REPORT_HOUR] = {"time_ms", "start_ms"},
    [MB_REPORT_EXCHANGE] = {"exchange", "exchange"},
    [MB_REPORT_ENDPOINT] = {"endpoint", "endpoint"},
    [MB_REPORT_FORMAT] = {"more ->> '$.format'", "format"},
    [MB_REPORT_ZONE] = {"zone_id", "zone_id"},
    [MB_REPORT_SITE] = {"site_id", "site_id"},
    [MB_REPORT_COUNTRY] = {"country", "country"},
    [MB_REPORT_CREATIVE] = {"creative_id", "creative_id"},
    [MB_REPORT_DATA] = {"more ->> '$.data'", NULL},
    [MB_REPORT_TYPE] = {"type", NULL},
    [MB_REPORT_REASON] = {"reason", "reason"},
};

const char *mb_report_key_name(enum mb_report_key key)
{
    return (unsigned)key < MB_REPORT_COUNT ? names[key] : "";
}

enum mb_report_key mb_report_key_of(struct mb_slice name)
{
    int key = 0;
    while (key < MB_REPORT_COUNT && !mb_slice_is(name, names[key])) {
        key++;
    }
    return (enum mb_report_key)key;
}

struct mb_report_gaps mb_report_gaps_of(const enum mb_report_key *keys, size_t n_keys)
{
    struct mb_report_gaps gaps = {0};
    for (size_t i = 0; i < n_keys; i++) {
        enum mb_report_key key = keys[i];
        gaps.no_bids |= !columns[key].count;
        gaps.no_requests |= key == MB_REPORT_STRATEGY || key == MB_REPORT_VERSION ||
                            key == MB_REPORT_ARM || key == MB_REPORT_CREATIVE ||
                            key == MB_REPORT_REASON;
        gaps.no_overrun |= key != MB_REPORT_STRATEGY && key != MB_REPORT_DAY;
        gaps.no_shadows |= key != MB_REPORT_STRATEGY && key != MB_REPORT_VERSION &&
                           key != MB_REPORT_DAY && key != MB_REPORT_HOUR &&
                           key != MB_REPORT_EXCHANGE && key != MB_REPORT_ENDPOINT &&
                           key != MB_REPORT_FORMAT;
    }
    return gaps;
}

/* --- reading --- */

struct reading {
    const struct mb_report_options *options;
    struct mb__ledger_file file;
    struct mb__groups groups;
    struct mb_zone utc;
    const struct mb_zone *zone;
    int64_t quarter[MB_REPORT_COUNT]; /* of an hour: what `text` is the text of */
    char text[MB_REPORT_COUNT][32];
};

static void write_time(char *text, size_t size, const struct mb_zone *zone,
                       enum mb_report_key key, int64_t ms)
{
    int64_t offset_ms = mb_zone_offset_ms(zone, ms);
    int64_t minutes = offset_ms / 60000;
    struct mb_buf full = {0};
    int len = key == MB_REPORT_DAY ? 10 : 13;
    mb_xbuf_add_time(&full, ms + offset_ms);
    mb_xbuf_add_char(&full, '\0');
    if (key == MB_REPORT_DAY || (zone->count == 1 && minutes == 0)) {
        snprintf(text, size, "%.*s", len, full.data);
    } else {
        int64_t far = minutes < 0 ? -minutes : minutes;
        snprintf(text, size, "%.*s%c%02d:%02d", len, full.data, minutes < 0 ? '-' : '+',
                 (int)(far / 60), (int)(far % 60));
    }
    mb_buf_fini(&full);
}

/* Neighbours mostly lie in one quarter of an hour, within which no zone's day or hour changes. */
static struct mb_slice time_text(struct reading *r, enum mb_report_key key, int64_t ms)
{
    int64_t quarter = (ms - (ms % 900000 + 900000) % 900000) / 900000;
    if (!r->text[key][0] || r->quarter[key] != quarter) {
        r->quarter[key] = quarter;
        write_time(r->text[key], sizeof r->text[key], r->zone, key, quarter * 900000);
    }
    return mb_slice_of(r->text[key]);
}

/* Nothing and an empty text are the same here: counts tell no difference. */
static struct mb_slice text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return text && len > 0 ? mb_slice(text, (size_t)len) : MB_SLICE_NONE;
}

/* The keys are the statement's first columns. */
static struct mb_report_row *row_of(struct reading *r, sqlite3_stmt *statement)
{
    struct mb_slice keys[MB_REPORT_COUNT];
    for (size_t i = 0; i < r->options->n_keys; i++) {
        enum mb_report_key key = r->options->keys[i];
        bool time = key == MB_REPORT_DAY || key == MB_REPORT_HOUR;
        keys[i] = time ? time_text(r, key, sqlite3_column_int64(statement, (int)i))
                       : text_at(statement, (int)i);
    }
    return mb__groups_row(&r->groups, keys);
}

static void add_columns(const struct reading *r, bool events, struct mb_buf *sql)
{
    for (size_t i = 0; i < r->options->n_keys; i++) {
        const struct column *column = &columns[r->options->keys[i]];
        mb_xbuf_printf(sql, "%s, ", events ? column->event : column->count);
    }
}

static void add_times(const struct reading *r, const char *column, struct mb_buf *sql)
{
    mb_xbuf_printf(sql, " AND %s >= %lld", column, (long long)r->options->since_ms);
    if (r->options->until_ms > 0) {
        mb_xbuf_printf(sql, " AND %s < %lld", column, (long long)r->options->until_ms);
    }
}

static int each_row(struct reading *r, struct mb_buf *sql,
                    void (*take)(struct reading *r, sqlite3_stmt *statement, int at),
                    struct mb_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_DONE;
    mb_xbuf_add_char(sql, '\0');
    int rc = mb__ledger_prepare(&r->file, sql->data, &statement, err);
    while (rc == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        take(r, statement, (int)r->options->n_keys);
    }
    if (rc == 0 && code != SQLITE_DONE) {
        rc = mb__ledger_failed(&r->file, code, err);
    }
    sqlite3_finalize(statement);
    mb_buf_fini(sql);
    return rc;
}

static void add_to(int64_t *sum, int64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum)) {
        *sum = n < 0 ? INT64_MIN : INT64_MAX;
    }
}

/* --- events --- */

/* Where nothing tells of a bid's impression, its booking by the thousand counts as one (`shown`). ExoClick tells of no
 * wins: its billing notice is the first word of one. */
static void take_event(struct reading *r, sqlite3_stmt *statement, int at)
{
    struct mb_report_row *row = row_of(r, statement);
    row->alive = true;
    enum mb_event_type type =
        mb_event_of(mb_slice((const char *)sqlite3_column_text(statement, at),
                             (size_t)sqlite3_column_bytes(statement, at)));
    bool books = sqlite3_column_int(statement, at + 1) != 0;
    bool thousand = books && sqlite3_column_int(statement, at + 2) != 0;
    row->wins += type == MB_EVENT_WIN;
    row->won += type == MB_EVENT_WIN ||
                (type == MB_EVENT_BILLING && sqlite3_column_int(statement, at + 6) != 0);
    row->losses += type == MB_EVENT_LOSS;
    row->billings += type == MB_EVENT_BILLING;
    row->impressions += type == MB_EVENT_IMPRESSION || (thousand && sqlite3_column_int(statement, at + 7) != 0);
    row->clicks += type == MB_EVENT_CLICK;
    row->conversions += type == MB_EVENT_CONVERSION;
    int64_t cost = sqlite3_column_int64(statement, at + 3);
    int64_t revenue = sqlite3_column_int64(statement, at + 4);
    add_to(&row->spend.nanos, cost);
    add_to(&row->revenue.nanos, revenue);
    row->n_costs += cost != 0;
    row->cost_squares += (double)cost * (double)cost * 1e-18;
    row->n_revenues += revenue != 0;
    row->revenue_squares += (double)revenue * (double)revenue * 1e-18;
    if (books && sqlite3_column_type(statement, at + 5) == SQLITE_INTEGER) {
        row->paid++;
        add_to(&row->paid_sum, sqlite3_column_int64(statement, at + 5));
    }
}

static int read_events(struct reading *r, struct mb_error *err)
{
    int64_t since_ms = r->options->since_ms;
    struct mb_buf sql = {0};
    mb_xbuf_add_text(&sql, "SELECT ");
    add_columns(r, true, &sql);
    mb_xbuf_add_text(&sql, "type, books, model = 'cpm', cost_nanos, revenue_nanos,"
                           " price_paid_micros, exchange = 'exoclick', more ->> '$.shown'"
                           " FROM events WHERE NOT test");
    add_times(r, "time_ms", &sql);
    if (since_ms > LATE_MS) { /* what no bid of ours is behind has zeros in front */
        mb_xbuf_printf(&sql, " AND (key >= '%012llx' OR key < '000000000001')",
                       (unsigned long long)(since_ms - LATE_MS));
    }
    return each_row(r, &sql, take_event, err);
}

/* --- counts --- */

/* False: the kind is none of shadows. */
static bool take_shadow(struct mb_report_shadow *row, enum mb_tally_kind kind, uint64_t n, int64_t sum)
{
    const struct {
        uint64_t *count;
        int64_t *sum; /* NULL: it has none */
    } places[MB_TALLY_KINDS] = {
        [MB_TALLY_SHADOW_ASKED] = {&row->asked, NULL},
        [MB_TALLY_SHADOW_BID] = {&row->bids, &row->bid_sum},
        [MB_TALLY_SHADOW_BESIDE] = {&row->beside, NULL},
        [MB_TALLY_SHADOW_WIN] = {&row->wins, &row->spend.nanos},
        [MB_TALLY_SHADOW_LOSS] = {&row->losses, NULL},
        [MB_TALLY_SHADOW_UNKNOWN] = {&row->unknown, NULL},
        [MB_TALLY_SHADOW_LIVE_WIN] = {&row->live_wins, &row->live_spend.nanos},
        [MB_TALLY_SHADOW_EXPECTED] = {&row->expected_bids, &row->expected_spend.nanos},
        [MB_TALLY_SHADOW_EXPECTED_WIN] = {NULL, &row->expected_millionths},
    };
    if (places[kind].count) {
        *places[kind].count += n;
    }
    if (places[kind].sum) {
        add_to(places[kind].sum, sum);
    }
    return places[kind].count || places[kind].sum;
}

static void take_count(struct reading *r, sqlite3_stmt *statement, int at)
{
    enum mb_tally_kind kind = mb_tally_kind_of(mb_slice_of((const char *)sqlite3_column_text(statement, at)));
    uint64_t n = (uint64_t)sqlite3_column_int64(statement, at + 1);
    int64_t sum = sqlite3_column_int64(statement, at + 2);
    struct mb_report_row *row;
    if (kind == MB_TALLY_KINDS) { /* of a later version */
        return;
    }
    row = row_of(r, statement);
    if (take_shadow(&row->shadow, kind, n, sum)) {
        return;
    }
    row->alive = true;
    if (kind == MB_TALLY_BID) {
        row->bids += n;
        add_to(&row->bid_sum, sum);
    } else if (kind == MB_TALLY_EXPOSURE) {
        row->exposures += n;
        add_to(&row->shares, sum);
    } else {
        *(kind == MB_TALLY_NOBID ? &row->nobids : &row->requests) += n;
    }
}

/* Exposures are told by arm only; their reason is no reason, so not by that. */
static bool by_arm(const struct mb_report_options *options)
{
    bool arm = false, reason = false;
    for (size_t i = 0; i < options->n_keys; i++) {
        arm |= options->keys[i] == MB_REPORT_ARM;
        reason |= options->keys[i] == MB_REPORT_REASON;
    }
    return arm && !reason;
}

static int read_counts(struct reading *r, const struct mb_report_gaps *gaps, struct mb_error *err)
{
    struct mb_buf sql = {0};
    mb_xbuf_add_text(&sql, "SELECT ");
    add_columns(r, false, &sql);
    mb_xbuf_printf(&sql,
                   "kind, count, price_micros FROM bid_counts WHERE span_ms IN (60000, 900000)%s%s%s",
                   gaps->no_requests ? " AND kind != 'request'" : "",
                   gaps->no_shadows ? " AND kind NOT LIKE 'shadow%'" : "",
                   by_arm(r->options) ? "" : " AND kind != 'exposure'");
    add_times(r, "start_ms", &sql);
    return each_row(r, &sql, take_count, err);
}

/* --- overruns --- */

static void take_overrun(struct reading *r, sqlite3_stmt *statement, int at)
{
    int64_t daily = sqlite3_column_int64(statement, at + 1);
    int64_t total = sqlite3_column_int64(statement, at + 2);
    struct mb_slice keys[MB_REPORT_COUNT];
    for (size_t i = 0; i < r->options->n_keys; i++) {
        keys[i] = text_at(statement, (int)i);
    }
    struct mb_report_row *row = mb__groups_row(&r->groups, keys);
    row->alive = true;
    add_to(&row->overrun.nanos, daily > total ? daily : total);
}

/* Rows are by the strategies' own days. What a shared budget ran over is in its strategies' spend once more. */
static int read_overruns(struct reading *r, struct mb_error *err)
{
    bool by_strategy = false;
    struct mb_buf sql = {0};
    mb_xbuf_add_text(&sql, "SELECT ");
    for (size_t i = 0; i < r->options->n_keys; i++) {
        bool strategy = r->options->keys[i] == MB_REPORT_STRATEGY;
        by_strategy |= strategy;
        mb_xbuf_printf(&sql, "%s, ", strategy ? "strategy" : "date(day * 86400, 'unixepoch')");
    }
    mb_xbuf_printf(&sql,
                   "day, daily_nanos, total_nanos FROM overruns"
                   " WHERE (daily_nanos > 0 OR total_nanos > 0)%s",
                   by_strategy ? "" : " AND strategy NOT LIKE '$%'");
    if (r->options->since_ms > 0) {
        mb_xbuf_printf(&sql, " AND day >= %lld",
                       (long long)mb_zone_day_number(r->zone, r->options->since_ms));
    }
    if (r->options->until_ms > 0) {
        mb_xbuf_printf(&sql, " AND day <= %lld",
                       (long long)mb_zone_day_number(r->zone, r->options->until_ms - 1));
    }
    return each_row(r, &sql, take_overrun, err);
}

/* --- all of it --- */

static int read_all(struct reading *r, struct mb_error *err)
{
    struct mb_report_gaps gaps = mb_report_gaps_of(r->options->keys, r->options->n_keys);
    int rc = mb__ledger_exec(&r->file, "BEGIN", err);
    if (rc == 0) {
        rc = read_events(r, err);
    }
    if (rc == 0 && !gaps.no_bids) {
        rc = read_counts(r, &gaps, err);
    }
    return rc || gaps.no_overrun ? rc : read_overruns(r, err);
}

static void tell(struct reading *r, void (*on_row)(void *user, const struct mb_report_row *row),
                 void *user)
{
    size_t count;
    struct mb_report_row **rows = mb__xgroups_sorted(&r->groups, &count);
    for (size_t i = 0; i < count; i++) {
        on_row(user, rows[i]);
    }
    free(rows);
}

int mb_report_each(const struct mb_report_options *options,
                   void (*on_row)(void *user, const struct mb_report_row *row), void *user,
                   struct mb_error *err)
{
    struct reading r = {.options = options};
    char path[PATH_MAX];
    int rc = mb__ledger_path(options->data_dir, "ledger.db", path, err);
    if (rc || (rc = mb__ledger_file_open_to_read(&r.file, path, err))) {
        return rc;
    }
    mb_zone_utc(&r.utc);
    r.zone = options->zone ? options->zone : &r.utc;
    mb__groups_init(&r.groups, options->n_keys);
    rc = read_all(&r, err);
    if (rc == 0) {
        tell(&r, on_row, user);
    }
    mb__groups_fini(&r.groups);
    mb__ledger_file_close(&r.file);
    return rc;
}
