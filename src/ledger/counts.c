/* counts.c - what bids and no-bids came to, minute by minute.
 *
 * Workers count in shared memory; a sealed table of theirs is added here in one transaction, and in
 * the same one the mark goes up that says so. Who is killed behind it finds the mark and does not
 * add the table again. Like the notes these rows are not synced: the next commit of events does
 * that.
 *
 * Minutes that are older than two days are added up to quarters of an hour, a few minutes each time
 * that new ones come, so that no commit ever waits long for it. Every time zone's hours and days
 * begin with a quarter of an hour.
 *
 * A sum past 64 bits would become floating point, which the column refuses: CAST makes it the greatest
 * integer.
 */
#include "internal.h"

#include <stdio.h>

#define KEEP_MINUTES_MS (INT64_C(48) * 3600 * 1000)

enum { MINUTES_A_TIME = 5 };

static int done(struct mb__ledger_file *file, sqlite3_stmt *row, struct mb_error *err)
{
    int code = sqlite3_step(row);
    int rc = code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
    (void)sqlite3_reset(row);
    return rc;
}

/* --- marks --- */

static int read_mark(struct mb__ledger_file *file, const struct mb_ledger_count_mark *mark,
                     uint64_t *taken, struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(file, "SELECT taken FROM count_marks WHERE run = ? AND seat = ?",
                                &row, err);
    if (rc) {
        return rc;
    }
    (void)sqlite3_bind_int64(row, 1, mark->run);
    (void)sqlite3_bind_int64(row, 2, mark->seat);
    int code = sqlite3_step(row);
    *taken = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(row, 0) : 0;
    sqlite3_finalize(row);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
}

/* Runs before this one are over: nothing of them can come again. */
static int write_mark(struct mb__ledger_file *file, const struct mb_ledger_count_mark *mark,
                      struct mb_error *err)
{
    sqlite3_stmt *put = NULL, *drop = NULL;
    int rc = mb__ledger_prepare(file, "REPLACE INTO count_marks VALUES (?, ?, ?)", &put, err);
    if (rc == 0) {
        (void)sqlite3_bind_int64(put, 1, mark->run);
        (void)sqlite3_bind_int64(put, 2, mark->seat);
        (void)sqlite3_bind_int64(put, 3, (int64_t)mark->number + 1);
        rc = done(file, put, err);
    }
    if (rc == 0 &&
        (rc = mb__ledger_prepare(file, "DELETE FROM count_marks WHERE run != ?", &drop, err)) == 0) {
        (void)sqlite3_bind_int64(drop, 1, mark->run);
        rc = done(file, drop, err);
    }
    sqlite3_finalize(put);
    sqlite3_finalize(drop);
    return rc;
}

/* --- rows --- */

static int bind_cell(struct mb__ledger_file *file, sqlite3_stmt *row,
                     const struct mb_tally_table *table, size_t at)
{
    const struct mb_tally_cell *cell = &table->cells[at];
    const struct mb_tally_key *key = &table->keys[at];
    int code = sqlite3_bind_int64(row, 1, table->start_ms);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(row, 2, mb_tally_kind_name(key->kind), -1, SQLITE_STATIC);
    }
    for (int i = 0; i < MB_TALLY_TEXTS && code == SQLITE_OK; i++) {
        struct mb_slice text =
            mb__ledger_clean(mb_tally_text(key, (enum mb_tally_text)i), &file->text);
        code = sqlite3_bind_text64(row, 3 + i, text.len ? text.data : "", text.len,
                                   SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(row, 3 + MB_TALLY_TEXTS, (int64_t)cell->count);
    }
    return code == SQLITE_OK ? sqlite3_bind_int64(row, 4 + MB_TALLY_TEXTS, cell->price_micros)
                             : code;
}

static int add_rows(struct mb__ledger_file *file, const struct mb_tally_table *table,
                    struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(
        file,
        "INSERT INTO bid_counts VALUES (60000, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count,"
        " price_micros = CAST(price_micros + excluded.price_micros AS INTEGER)",
        &row, err);
    for (size_t i = 0; i < MB_TALLY_CELLS && rc == 0; i++) {
        if (__atomic_load_n(&table->cells[i].hash, __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        int code = bind_cell(file, row, table, i);
        rc = code == SQLITE_OK ? done(file, row, err) : mb__ledger_failed(file, code, err);
    }
    sqlite3_finalize(row);
    return rc;
}

/* The oldest minutes, as far as they are old enough, become part of their quarters of an hour. */
static int fold(struct mb__ledger_file *file, int64_t now_ms, struct mb_error *err)
{
    char sql[1400];
    snprintf(sql, sizeof sql,
             "CREATE TEMP TABLE IF NOT EXISTS folding (start_ms INTEGER PRIMARY KEY);"
             "DELETE FROM folding;"
             "INSERT INTO folding SELECT DISTINCT start_ms FROM bid_counts"
             " WHERE span_ms = 60000 AND start_ms < %lld ORDER BY start_ms LIMIT %d;"
             "INSERT INTO bid_counts SELECT 900000, start_ms / 900000 * 900000, kind, strategy,"
             " version, arm, endpoint, exchange, format, country, zone_id, site_id, creative_id,"
             " reason, count, price_micros FROM bid_counts"
             " WHERE span_ms = 60000 AND start_ms IN folding"
             " ON CONFLICT DO UPDATE SET count = count + excluded.count,"
             " price_micros = CAST(price_micros + excluded.price_micros AS INTEGER);"
             "DELETE FROM bid_counts WHERE span_ms = 60000 AND start_ms IN folding;",
             (long long)(now_ms - KEEP_MINUTES_MS), MINUTES_A_TIME);
    return mb__ledger_exec(file, sql, err);
}

static int add_table(struct mb__ledger_file *file, const struct mb_ledger_count_mark *mark,
                     const struct mb_tally_table *table, struct mb_error *err)
{
    uint64_t taken = 0;
    int rc = read_mark(file, mark, &taken, err);
    if (rc || taken > mark->number) {
        return rc;
    }
    if ((rc = add_rows(file, table, err)) || (rc = write_mark(file, mark, err))) {
        return rc;
    }
    return fold(file, table->start_ms, err);
}

int mb_ledger_count(struct mb_ledger *ledger, const struct mb_ledger_count_mark *mark,
                    const struct mb_tally_table *table, struct mb_error *err)
{
    struct mb__ledger_file *file = mb__ledger_file_of(ledger);
    int rc = mb__ledger_exec(file, "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE", err);
    if (rc == 0 && (rc = add_table(file, mark, table, err)) == 0) {
        rc = mb__ledger_exec(file, "COMMIT", err);
    }
    if (!sqlite3_get_autocommit(file->db)) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    int back = mb__ledger_exec(file, "PRAGMA synchronous=FULL", rc ? NULL : err);
    return rc ? rc : back;
}
