/* salvage.c - what can be read in a damaged ledger, into a new one.
 *
 * Works on a copy, whose header is made good first with that of the new ledger, so that SQLite takes what stands in the
 * write-ahead log into it, whatever the file's first page has come to. Then every record that is whole is read from its
 * page, whether a tree still leads there or not; one that stands in two places is a duplicate the second time. The other
 * tables (what bids came to, what the guard knew) are read as far as their trees lead.
 */
#include "internal.h"
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROW_ARENA_BYTES = 65536, ROWS_A_COMMIT = 10000, COLUMNS_MAX = 64 };

struct salvage {
    struct mb__ledger_file from, to;
    struct mb_arena arena;
    uint64_t read, saved;
    struct mb_error *err;
};

/* --- the copy --- */

static int copy_file(const char *from, const char *to, struct mb_error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return errno == ENOENT ? MB_ENOTFOUND
                               : mb_fail(err, MB_EIO, from, "cannot be read: %s", strerror(errno));
    }
    int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    ssize_t sent = out < 0 ? -1 : 1;
    while (sent > 0) {
        sent = sendfile(out, in, NULL, 1 << 20);
    }
    int rc = sent < 0 ? mb_fail(err, MB_EIO, to, "cannot be written: %s", strerror(errno)) : 0;
    close(in);
    if (out >= 0) {
        close(out);
    }
    return rc;
}

/* A whole first page at least, that begins as this version's do; where the length that the header tells (28 to 31) is not of
 * the same change (92 to 95) as the rest (24 to 27), SQLite takes the file's own. */
static int mend_header(const char *copy, const char *good, struct mb_error *err)
{
    unsigned char header[100], schema_cookie[4];
    struct stat stat;
    int in = open(good, O_RDONLY | O_CLOEXEC), out = open(copy, O_RDWR | O_CLOEXEC);
    bool ok = in >= 0 && out >= 0 && pread(in, header, sizeof header, 0) == (ssize_t)sizeof header &&
              fstat(out, &stat) == 0 && (stat.st_size >= MB__PAGE_BYTES || ftruncate(out, MB__PAGE_BYTES) == 0) &&
              pread(out, schema_cookie, sizeof schema_cookie, 40) == (ssize_t)sizeof schema_cookie;
    if (ok) {
        memcpy(header + 40, schema_cookie, sizeof schema_cookie);
        header[92] = (unsigned char)~header[24];
        ok = pwrite(out, header, sizeof header, 0) == (ssize_t)sizeof header;
    }
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    return ok ? 0 : mb_fail(err, MB_EIO, copy, "cannot be written: %s", strerror(errno));
}

/* Takes the log into the copy. The first statement lets SQLite find it; how both end does not matter: what then stands in
 * the file is read. */
static void take_log(const char *copy)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(copy, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        (void)sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
        (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    sqlite3_close(db);
}

/* --- events --- */

static int take_event(void *user, sqlite3_stmt *row)
{
    struct salvage *s = user;
    struct mb_event event;
    struct mb_ledger_origin origin;
    enum mb_ledger_fate fate;
    mb_arena_reset(&s->arena);
    if (sqlite3_step(row) != SQLITE_ROW ||
        mb__ledger_read_row(&s->to, row, &s->arena, &event, &origin, NULL)) {
        return 0; /* this one is damaged, the next may not be */
    }
    int rc = mb__ledger_insert(&s->to, &event, origin, &fate, s->err);
    s->saved += rc == 0 && fate == MB_LEDGER_NEW;
    if (rc == 0 && ++s->read % ROWS_A_COMMIT == 0) {
        rc = mb__ledger_exec(&s->to, "COMMIT; BEGIN", s->err);
    }
    return rc;
}

/* "SELECT ?3, ?1, ...": the values of a record, which stand in the order of the table, in the order in which rows are read. */
static int prepare_order(struct salvage *s, sqlite3_stmt **out, int *n_columns)
{
    struct mb_buf columns = {0}, sql = {0};
    sqlite3_stmt *place = NULL;
    mb__xledger_add_columns(&columns);
    mb_xbuf_add_text(&sql, "SELECT ");
    struct mb_slice rest = mb_buf_slice(&columns);
    int rc = mb__ledger_prepare(&s->to, "SELECT cid + 1 FROM pragma_table_info('events') WHERE name = ?", &place, s->err);
    for (*n_columns = 0; rc == 0 && mb_slice_present(rest); ++*n_columns) {
        struct mb_slice name = mb_slice_trim(mb_slice_cut(&rest, ','));
        sqlite3_bind_text64(place, 1, name.data, name.len, SQLITE_STATIC, SQLITE_UTF8);
        rc = sqlite3_step(place) == SQLITE_ROW ? 0 : mb__ledger_failed(&s->to, SQLITE_INTERNAL, s->err);
        mb_xbuf_printf(&sql, "%s?%d", *n_columns > 0 ? ", " : "", rc ? 0 : sqlite3_column_int(place, 0));
        sqlite3_reset(place);
    }
    mb_xbuf_add_char(&sql, '\0');
    if (rc == 0) {
        rc = mb__ledger_prepare(&s->to, sql.data, out, s->err);
    }
    sqlite3_finalize(place);
    mb_buf_fini(&columns);
    mb_buf_fini(&sql);
    return rc;
}

static int save_events(struct salvage *s, const char *copy)
{
    struct mb__page_reader reader = {.on_record = take_event, .user = s};
    int rc = prepare_order(s, &reader.row, &reader.n_columns);
    if (rc == 0) {
        rc = mb__pages_read(copy, &reader);
        rc = rc < 0 ? mb_fail(s->err, MB_EIO, copy, "cannot be read: %s", strerror(errno)) : rc;
    }
    sqlite3_finalize(reader.row);
    return rc;
}

/* --- the other tables --- */

static int put_row(struct salvage *s, sqlite3_stmt *from, sqlite3_stmt *to, int n_columns)
{
    for (int i = 0; i < n_columns; i++) {
        sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
    }
    int code = sqlite3_step(to);
    sqlite3_reset(to);
    sqlite3_clear_bindings(to);
    /* What the table does not take is damage as well. */
    return code == SQLITE_DONE || (code & 0xff) == SQLITE_CONSTRAINT ? 0 : mb__ledger_failed(&s->to, code, s->err);
}

/* Upwards to the first damage, then downwards to the last. */
static int save_table(struct salvage *s, const char *table, const char *order)
{
    static const char *const ways[] = {"ASC", "DESC"};
    sqlite3_stmt *from = NULL, *to = NULL;
    char sql[320], places[2 * COLUMNS_MAX + 1] = "?";
    int rc = 0, code = SQLITE_ROW;
    for (size_t i = 0; i < 2 && rc == 0 && code != SQLITE_DONE; i++) {
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY %s %s", table, order, ways[i]);
        if (mb__ledger_prepare(&s->from, sql, &from, NULL)) {
            return 0; /* of a version that had none, or not even its name is left */
        }
        int n_columns = sqlite3_column_count(from);
        for (int c = 1; c < n_columns && c < COLUMNS_MAX; c++) {
            memcpy(places + 2 * c - 1, ",?", 3);
        }
        snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO %s VALUES (%s)", table, places);
        rc = mb__ledger_prepare(&s->to, sql, &to, s->err);
        while (rc == 0 && (code = sqlite3_step(from)) == SQLITE_ROW) {
            rc = put_row(s, from, to, n_columns);
        }
        sqlite3_finalize(from);
        sqlite3_finalize(to);
        from = to = NULL;
    }
    return rc;
}

/* Sums are not among them: they came with the events. */
static int save_other_tables(struct salvage *s, const char *copy)
{
    static const struct {
        const char *name, *order;
    } tables[] = {{"bid_counts", "span_ms"}, {"count_marks", "run"}, {"guard_states", "name"}, {"overruns", "strategy"}};
    int rc = 0;
    if (mb__ledger_file_open_to_read(&s->from, copy, NULL)) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        rc = save_table(s, tables[i].name, tables[i].order);
    }
    return rc;
}

static int save(struct salvage *s, const char *copy)
{
    int rc = mb__ledger_exec(&s->to, "BEGIN", s->err);
    if (rc == 0 && (rc = save_events(s, copy)) == 0 && (rc = save_other_tables(s, copy)) == 0) {
        rc = mb__ledger_exec(&s->to, "COMMIT", s->err);
    }
    return rc;
}

/* --- all of it --- */

/* A database and what belongs to it. */
static void remove_database(const char *path)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    char part[PATH_MAX + 8];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(part, sizeof part, "%s%s", path, parts[i]);
        unlink(part);
    }
}

static int copy_database(const char *from, const char *copy, struct mb_error *err)
{
    char from_log[PATH_MAX + 8], copy_log[PATH_MAX + 8];
    snprintf(from_log, sizeof from_log, "%s-wal", from);
    snprintf(copy_log, sizeof copy_log, "%s-wal", copy);
    int rc = copy_file(from, copy, err);
    if (rc == MB_ENOTFOUND) {
        return mb_fail(err, rc, from, "there is no ledger here");
    }
    if (rc == 0 && (rc = copy_file(from_log, copy_log, err)) == MB_ENOTFOUND) {
        rc = 0;
    }
    return rc;
}

int mb_ledger_salvage(const char *data_dir, uint64_t *saved, struct mb_error *err)
{
    struct salvage s = {.err = err};
    char from[PATH_MAX], copy[PATH_MAX], target[PATH_MAX];
    int rc;
    *saved = 0;
    if ((rc = mb__ledger_path(data_dir, "ledger.db", from, err)) ||
        (rc = mb__ledger_path(data_dir, "ledger.salvage-copy.db", copy, err)) ||
        (rc = mb__ledger_path(data_dir, "ledger.salvaged.db", target, err))) {
        return rc;
    }
    if (access(target, F_OK) == 0) {
        return mb_fail(err, MB_EBUSY, target, "is there already: move it away first");
    }
    mb_arena_init(&s.arena, ROW_ARENA_BYTES);
    remove_database(copy);
    if ((rc = copy_database(from, copy, err)) == 0 &&
        (rc = mb__ledger_file_open(&s.to, target, err)) == 0 &&
        (rc = mb__ledger_exec(&s.to, "PRAGMA wal_checkpoint(TRUNCATE)", err)) == 0 &&
        (rc = mend_header(copy, target, err)) == 0) {
        take_log(copy);
        rc = save(&s, copy);
    }
    mb__ledger_file_close(&s.from);
    mb__ledger_file_close(&s.to);
    remove_database(copy);
    if (rc == 0 && s.saved == 0) {
        rc = mb_fail(err, MB_ESYNTAX, from, "nothing in it can be read");
    }
    if (rc) {
        remove_database(target);
    }
    mb_arena_fini(&s.arena);
    *saved = s.saved;
    return rc;
}
