/* read.c - all events of a ledger, for commands; beside a running server or without one. */
#include "internal.h"

enum { ROW_ARENA_BYTES = 65536 };

static int each_row(struct mb__ledger_file *file, sqlite3_stmt *row,
                    bool (*on_event)(void *user, const struct mb_event *event), void *user,
                    struct mb_error *err)
{
    struct mb_arena arena;
    int code, rc = 0;
    bool more = true;
    mb_arena_init(&arena, ROW_ARENA_BYTES);
    while (rc == 0 && more && (code = sqlite3_step(row)) != SQLITE_DONE) {
        struct mb_event event;
        if (code != SQLITE_ROW) {
            rc = mb__ledger_failed(file, code, err);
            break;
        }
        mb_arena_reset(&arena);
        rc = mb__ledger_read_row(file, row, &arena, &event, NULL, err);
        more = rc == 0 && on_event(user, &event);
    }
    mb_arena_fini(&arena);
    return rc;
}

int mb_ledger_each(const char *data_dir, bool (*on_event)(void *user, const struct mb_event *event),
                   void *user, struct mb_error *err)
{
    struct mb__ledger_file file = {0};
    char path[PATH_MAX];
    struct mb_buf sql = {0};
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_path(data_dir, "ledger.db", path, err);
    if (rc || (rc = mb__ledger_file_open_to_read(&file, path, err))) {
        return rc;
    }
    mb_xbuf_add_text(&sql, "SELECT ");
    mb__xledger_add_columns(&sql);
    mb_xbuf_add(&sql, " FROM events ORDER BY key", sizeof " FROM events ORDER BY key");
    rc = mb__ledger_prepare(&file, sql.data, &row, err);
    mb_buf_fini(&sql);
    if (rc == 0) {
        rc = each_row(&file, row, on_event, user, err);
    }
    sqlite3_finalize(row);
    mb__ledger_file_close(&file);
    return rc;
}

int mb_ledger_each_state(const char *data_dir,
                         void (*on_state)(void *user, struct mb_slice name, struct mb_slice bytes),
                         void *user, struct mb_error *err)
{
    struct mb__ledger_file file = {0};
    char path[PATH_MAX];
    sqlite3_stmt *row = NULL;
    int code = SQLITE_DONE, rc = mb__ledger_path(data_dir, "ledger.db", path, err);
    if (rc || (rc = mb__ledger_file_open_to_read(&file, path, err))) {
        return rc;
    }
    rc = mb__ledger_prepare(&file, "SELECT name, state FROM guard_states ORDER BY name", &row, err);
    while (rc == 0 && (code = sqlite3_step(row)) == SQLITE_ROW) {
        struct mb_slice name = {(const char *)sqlite3_column_text(row, 0),
                                (size_t)sqlite3_column_bytes(row, 0)};
        struct mb_slice bytes = {sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1)};
        on_state(user, name, bytes);
    }
    if (rc == 0 && code != SQLITE_DONE) {
        rc = mb__ledger_failed(&file, code, err);
    }
    sqlite3_finalize(row);
    mb__ledger_file_close(&file);
    return rc;
}
