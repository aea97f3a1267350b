/* report.c - sums over events, by one statement that SQLite computes.
 *
 * Rows lie in the order of the bid's time, which begins the key: a report of the last day need not
 * read last year's. An event may come long after its bid, so reading begins a month before.
 */
#include "moonbid/report.h"

#include "internal.h"

#define LATE_MS (INT64_C(31) * 24 * 3600 * 1000)

static const char *const names[] = {
#define XX(name, text) text,
    MB_REPORT_MAP(XX)
#undef XX
};

/* The value of each key as SQL. */
static const char *const columns[MB_REPORT_COUNT] = {
    [MB_REPORT_STRATEGY] = "strategy",
    [MB_REPORT_VERSION] = "version",
    [MB_REPORT_ARM] = "arm",
    [MB_REPORT_DAY] = "date(time_ms / 1000, 'unixepoch')",
    [MB_REPORT_HOUR] = "strftime('%Y-%m-%dT%H', time_ms / 1000, 'unixepoch')",
    [MB_REPORT_EXCHANGE] = "exchange",
    [MB_REPORT_ENDPOINT] = "endpoint",
    [MB_REPORT_ZONE] = "zone_id",
    [MB_REPORT_SITE] = "site_id",
    [MB_REPORT_COUNTRY] = "country",
    [MB_REPORT_CREATIVE] = "creative_id",
    [MB_REPORT_DATA] = "more ->> '$.data'",
    [MB_REPORT_TYPE] = "type",
    [MB_REPORT_REASON] = "reason",
};

/* What is summed, in the order of struct row's reading. An exchange that tells of no impressions
 * books one by one: what booked by the thousand counts as shown. */
static const char sums[] =
    "sum(type = 'win'), sum(type = 'loss'), sum(type = 'billing'),"
    " sum(type = 'impression' OR (books AND model = 'cpm')), sum(type = 'click'),"
    " sum(type = 'conversion'), sum(books), total_nanos(cost_nanos), total_nanos(revenue_nanos),"
    " sum(CASE WHEN books THEN price_bid_micros ELSE 0 END),"
    " sum(CASE WHEN books THEN coalesce(price_paid_micros, 0) ELSE 0 END),"
    " sum(books AND price_paid_micros IS NOT NULL)";

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

static void add_list(struct mb_buf *sql, const struct mb_report_options *options)
{
    for (size_t i = 0; i < options->n_keys; i++) {
        mb_xbuf_printf(sql, "%s%s", i ? ", " : "", columns[options->keys[i]]);
    }
}

static void write_sql(const struct mb_report_options *options, struct mb_buf *sql)
{
    int64_t from = options->since_ms > LATE_MS ? options->since_ms - LATE_MS : 0;
    mb_xbuf_add_text(sql, "SELECT ");
    add_list(sql, options);
    mb_xbuf_printf(sql, "%s%s FROM events WHERE NOT test AND time_ms >= %lld",
                   options->n_keys ? ", " : "", sums, (long long)options->since_ms);
    if (options->until_ms > 0) {
        mb_xbuf_printf(sql, " AND time_ms < %lld", (long long)options->until_ms);
    }
    if (from > 0) { /* what no bid of ours is behind has zeros in front */
        mb_xbuf_printf(sql, " AND (key >= '%012llx' OR key < '000000000001')",
                       (unsigned long long)from);
    }
    if (options->n_keys > 0) {
        mb_xbuf_add_text(sql, " GROUP BY ");
        add_list(sql, options);
        mb_xbuf_printf(sql, " ORDER BY %zu DESC, ", options->n_keys + 8);
        add_list(sql, options);
    }
    mb_xbuf_add_char(sql, '\0');
}

/* --- total_nanos(x): sum() of integers that neither raises nor turns to floating point --- */

static void on_nanos(sqlite3_context *context, int n, sqlite3_value **values)
{
    int64_t *total = sqlite3_aggregate_context(context, sizeof *total);
    (void)n;
    if (total && __builtin_add_overflow(*total, sqlite3_value_int64(values[0]), total)) {
        *total = INT64_MAX;
    }
}

static void on_total(sqlite3_context *context)
{
    int64_t *total = sqlite3_aggregate_context(context, 0);
    sqlite3_result_int64(context, total ? *total : 0);
}

static struct mb_slice text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? mb_slice(text, (size_t)sqlite3_column_bytes(statement, column)) : MB_SLICE_NONE;
}

static void read_row(sqlite3_stmt *statement, size_t n_keys, struct mb_slice *keys,
                     struct mb_report_row *row)
{
    int at = (int)n_keys;
    for (size_t i = 0; i < n_keys; i++) {
        keys[i] = text_at(statement, (int)i);
    }
    row->keys = keys;
#define NEXT sqlite3_column_int64(statement, at++)
    row->wins = (uint64_t)NEXT;
    row->losses = (uint64_t)NEXT;
    row->billings = (uint64_t)NEXT;
    row->impressions = (uint64_t)NEXT;
    row->clicks = (uint64_t)NEXT;
    row->conversions = (uint64_t)NEXT;
    row->booked = (uint64_t)NEXT;
    row->spend.nanos = NEXT;
    row->revenue.nanos = NEXT;
    row->bid_sum = (uint64_t)NEXT;
    row->paid_sum = (uint64_t)NEXT;
    row->paid = (uint64_t)NEXT;
#undef NEXT
}

static int run(struct mb__ledger_file *file, const struct mb_report_options *options,
               void (*on_row)(void *user, const struct mb_report_row *row), void *user,
               struct mb_error *err)
{
    struct mb_slice keys[MB_REPORT_COUNT];
    struct mb_buf sql = {0};
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_create_function(file->db, "total_nanos", 1, SQLITE_UTF8, NULL, NULL, on_nanos,
                                       on_total);
    int rc = code == SQLITE_OK ? 0 : mb__ledger_failed(file, code, err);
    write_sql(options, &sql);
    if (rc == 0) {
        rc = mb__ledger_prepare(file, sql.data, &statement, err);
    }
    while (rc == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct mb_report_row row;
        read_row(statement, options->n_keys, keys, &row);
        on_row(user, &row);
    }
    if (rc == 0 && code != SQLITE_DONE) {
        rc = mb__ledger_failed(file, code, err);
    }
    sqlite3_finalize(statement);
    mb_buf_fini(&sql);
    return rc;
}

int mb_report_each(const struct mb_report_options *options,
                   void (*on_row)(void *user, const struct mb_report_row *row), void *user,
                   struct mb_error *err)
{
    struct mb__ledger_file file = {0};
    char path[PATH_MAX];
    int rc = mb__ledger_path(options->data_dir, "ledger.db", path, err);
    if (rc || (rc = mb__ledger_file_open_to_read(&file, path, err))) {
        return rc;
    }
    rc = run(&file, options, on_row, user, err);
    mb__ledger_file_close(&file);
    return rc;
}
