/* salvage.c - what can be read in a damaged ledger, into a new one.
 *
 * Works on a copy, whose header is made plausible first: the file's own length counts, not the one
 * written there, so that a file that was cut short can be read up to the cut. Then it reads upwards
 * by key until it meets damage, leaps over it by a time that doubles with each leap, and goes on.
 * Keys begin with a time, so a leap skips little. Last it reads downwards from the end to the first
 * damage, for what the leaps went over. A record that is read twice is a duplicate the second time.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_MS ((INT64_C(1) << 48) - 1)

enum { ROW_ARENA_BYTES = 65536, ROWS_A_COMMIT = 10000, HEADER_BYTES = 100 };

struct salvage {
    struct mb__ledger_file from, to;
    struct mb_arena arena;
    uint64_t read, saved;
    int64_t last_ms; /* the time that the last key began with */
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

/* Bytes 0 to 15 say what it is; 24 to 27 and 92 to 95, where they are equal, that the length at 28
 * holds; where they differ SQLite takes the file's own. */
static int mend_header(const char *path, struct mb_error *err)
{
    unsigned char header[HEADER_BYTES];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool ok = fd >= 0 && pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header;
    if (ok) {
        memcpy(header, "SQLite format 3", 16);
        header[92] = (unsigned char)~header[24];
        ok = pwrite(fd, header, sizeof header, 0) == (ssize_t)sizeof header;
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok ? 0 : mb_fail(err, MB_ESYNTAX, path, "nothing in it can be read");
}

/* --- reading around the damage --- */

static int take_row(struct salvage *s, sqlite3_stmt *row, struct mb_error *err)
{
    struct mb_event event;
    struct mb_ledger_origin origin;
    enum mb_ledger_fate fate;
    mb_arena_reset(&s->arena);
    if (mb__ledger_read_row(&s->from, row, &s->arena, &event, &origin, NULL)) {
        return 0; /* this one is damaged, the next may not be */
    }
    s->last_ms = mb_slice_present(event.key) ? strtoll(event.key.data, NULL, 16) : s->last_ms;
    int rc = mb__ledger_insert(&s->to, &event, origin, &fate, err);
    s->saved += rc == 0 && fate == MB_LEDGER_NEW;
    if (rc == 0 && ++s->read % ROWS_A_COMMIT == 0) {
        rc = mb__ledger_exec(&s->to, "COMMIT; BEGIN", err);
    }
    return rc;
}

/* All rows of a query up to its end (*whole) or the first damage. */
static int take_rows(struct salvage *s, const char *order, int64_t from_ms, bool *whole,
                     struct mb_error *err)
{
    struct mb_buf sql = {0};
    sqlite3_stmt *row = NULL;
    int code = SQLITE_ERROR, rc = 0;
    mb_xbuf_add_text(&sql, "SELECT ");
    mb__xledger_add_columns(&sql);
    mb_xbuf_printf(&sql, " FROM events WHERE key >= '%012llx' ORDER BY key %s%c",
                   (unsigned long long)from_ms, order, '\0');
    if (mb__ledger_prepare(&s->from, sql.data, &row, NULL) == 0) {
        while (rc == 0 && (code = sqlite3_step(row)) == SQLITE_ROW) {
            rc = take_row(s, row, err);
        }
    }
    *whole = code == SQLITE_DONE;
    sqlite3_finalize(row);
    mb_buf_fini(&sql);
    return rc;
}

static int take_all_rows(struct salvage *s, struct mb_error *err)
{
    int64_t from_ms = 0, leap_ms = 1;
    bool whole = false;
    int rc = take_rows(s, "ASC", 0, &whole, err);
    if (rc || whole) {
        return rc;
    }
    while (rc == 0 && !whole && from_ms <= LAST_MS) {
        uint64_t before = s->read;
        from_ms = (s->last_ms > from_ms ? s->last_ms : from_ms) + leap_ms;
        rc = take_rows(s, "ASC", from_ms, &whole, err);
        leap_ms = s->read > before ? 1 : leap_ms * 2;
    }
    return rc ? rc : take_rows(s, "DESC", 0, &whole, err);
}

static int save_rows(struct salvage *s, const char *copy, const char *target, struct mb_error *err)
{
    int rc = mb__ledger_file_open(&s->to, target, err);
    if (rc) {
        return rc;
    }
    if (mb__ledger_file_open_to_read(&s->from, copy, NULL)) {
        return 0; /* not even its tables */
    }
    if ((rc = mb__ledger_exec(&s->to, "BEGIN", err)) == 0 && (rc = take_all_rows(s, err)) == 0) {
        rc = mb__ledger_exec(&s->to, "COMMIT", err);
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
    return rc ? rc : mend_header(copy, err);
}

int mb_ledger_salvage(const char *data_dir, uint64_t *saved, struct mb_error *err)
{
    struct salvage s = {0};
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
    rc = copy_database(from, copy, err);
    if (rc == 0) {
        rc = save_rows(&s, copy, target, err);
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
