/* notes.c - what the guard wants to find again after a restart, beside the events.
 *
 * Each note replaces the one before, so all of them can be written again at any time. They are not
 * synced: the next commit of events does that, and what a power cut takes of the last second only
 * makes the guard know a second less.
 */
#include "internal.h"

static int put(struct mb__ledger_file *file, sqlite3_stmt *row, struct mb_error *err)
{
    int code = sqlite3_step(row);
    int rc = code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
    (void)sqlite3_reset(row);
    return rc;
}

static int put_states(struct mb__ledger_file *file, const struct mb_ledger_notes *notes,
                      struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(file, "REPLACE INTO guard_states VALUES (?, ?)", &row, err);
    for (size_t i = 0; i < notes->n_states && rc == 0; i++) {
        struct mb_slice name = notes->states[i].name, bytes = notes->states[i].value;
        if (sqlite3_bind_text64(row, 1, name.data, name.len, SQLITE_STATIC, SQLITE_UTF8) ||
            sqlite3_bind_blob64(row, 2, bytes.data, bytes.len, SQLITE_STATIC)) {
            rc = mb__ledger_failed(file, sqlite3_errcode(file->db), err);
        } else {
            rc = put(file, row, err);
        }
    }
    sqlite3_finalize(row);
    return rc;
}

static int put_overruns(struct mb__ledger_file *file, const struct mb_ledger_notes *notes,
                        struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(file, "REPLACE INTO overruns VALUES (?, ?, ?, ?, ?, ?)", &row, err);
    for (size_t i = 0; i < notes->n_overruns && rc == 0; i++) {
        const struct mb_overrun *o = &notes->overruns[i];
        if (sqlite3_bind_text64(row, 1, o->strategy.data, o->strategy.len, SQLITE_STATIC,
                                SQLITE_UTF8) ||
            sqlite3_bind_int64(row, 2, o->day) || sqlite3_bind_int64(row, 3, o->daily.nanos) ||
            sqlite3_bind_int64(row, 4, o->total.nanos) ||
            sqlite3_bind_int64(row, 5, (int64_t)o->late) ||
            sqlite3_bind_int64(row, 6, o->late_cost.nanos)) {
            rc = mb__ledger_failed(file, sqlite3_errcode(file->db), err);
        } else {
            rc = put(file, row, err);
        }
    }
    sqlite3_finalize(row);
    return rc;
}

int mb_ledger_note(struct mb_ledger *ledger, const struct mb_ledger_notes *notes,
                   struct mb_error *err)
{
    struct mb__ledger_file *file = mb__ledger_file_of(ledger);
    int rc = mb__ledger_exec(file, "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE", err);
    if (rc == 0) {
        rc = put_states(file, notes, err);
    }
    if (rc == 0) {
        rc = put_overruns(file, notes, err);
    }
    if (rc == 0) {
        rc = mb__ledger_exec(file, "COMMIT", err);
    }
    if (!sqlite3_get_autocommit(file->db)) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    int back = mb__ledger_exec(file, "PRAGMA synchronous=FULL", rc ? NULL : err);
    return rc ? rc : back;
}

static struct mb_slice bytes_at(sqlite3_stmt *row, int column)
{
    const char *bytes = sqlite3_column_blob(row, column);
    return mb_slice(bytes ? bytes : "", (size_t)sqlite3_column_bytes(row, column));
}

static int each_row(struct mb__ledger_file *file, const char *sql,
                    void (*on_row)(void *user, sqlite3_stmt *row), void *user, struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int code;
    int rc = mb__ledger_prepare(file, sql, &row, err);
    if (rc) {
        return rc;
    }
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        on_row(user, row);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : mb__ledger_failed(file, code, err);
}

struct telling {
    void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes);
    void (*on_overrun)(void *user, const struct mb_overrun *overrun);
    void *user;
};

static void tell_state(void *user, sqlite3_stmt *row)
{
    const struct telling *t = user;
    struct mb_slice bytes = bytes_at(row, 1);
    t->on_state(t->user, bytes_at(row, 0), bytes);
}

static void tell_overrun(void *user, sqlite3_stmt *row)
{
    const struct telling *t = user;
    struct mb_overrun overrun = {.strategy = bytes_at(row, 0),
                                 .day = sqlite3_column_int64(row, 1),
                                 .daily = {sqlite3_column_int64(row, 2)},
                                 .total = {sqlite3_column_int64(row, 3)},
                                 .late = (uint64_t)sqlite3_column_int64(row, 4),
                                 .late_cost = {sqlite3_column_int64(row, 5)}};
    t->on_overrun(t->user, &overrun);
}

int mb_ledger_each_note(struct mb_ledger *ledger,
                        void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes),
                        void (*on_overrun)(void *user, const struct mb_overrun *overrun),
                        void *user, struct mb_error *err)
{
    struct mb__ledger_file *file = mb__ledger_file_of(ledger);
    struct telling t = {on_state, on_overrun, user};
    int rc = on_state ? each_row(file, "SELECT name, state FROM guard_states ORDER BY name",
                                 tell_state, &t, err)
                      : 0;
    if (rc == 0 && on_overrun) {
        rc = each_row(file,
                      "SELECT strategy, day, daily_nanos, total_nanos, late, late_nanos"
                      " FROM overruns ORDER BY strategy, day",
                      tell_overrun, &t, err);
    }
    return rc;
}
