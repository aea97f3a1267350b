/* file.c - the database file: how it is opened, its tables, and what its failures mean.
 *
 * Write-ahead log, so that readers never stop the writer; synchronous FULL, so that a commit is on
 * the disk when it returns. Checkpoints are not SQLite's to start: they would stall a commit.
 *
 * `user_version` counts the steps in `steps` below that a file has been through; opening takes the
 * missing ones, each in a transaction of its own. A step is never changed once it was released. The
 * sums stand beside the events and change with them in one transaction; so the start reads a row a
 * strategy and quarter of an hour, not a row an event, and spend is known even where old events
 * have been deleted.
 */
#include "internal.h"
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAMAGED "the ledger is damaged (%s): `moonbid ledger salvage` saves what can be read of it"

enum {
    APPLICATION_ID = 0x6d6f6f6e, /* "moon" */
    BUSY_MS = 2000,              /* another's write lock, such as that of a shell */
    CACHE_KIB = 16384,
    /* Twice what the log grows to: a file that is cut and grows again makes commits dearer. */
    LOG_KEPT_BYTES = 128 << 20,
};

static const char *const steps[] = {
    "CREATE TABLE events ("
    " key TEXT NOT NULL PRIMARY KEY, type TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    " exchange TEXT, endpoint TEXT, strategy TEXT, version TEXT, arm TEXT,"
    " bid_id TEXT, bid_time_ms INTEGER NOT NULL,"
    " books INTEGER NOT NULL, attributed INTEGER NOT NULL, test INTEGER NOT NULL,"
    " cost_nanos INTEGER NOT NULL, model TEXT, currency TEXT,"
    " price_bid_micros INTEGER, price_paid_micros INTEGER, price_sold_for_micros INTEGER,"
    " min_to_win_micros INTEGER, exchange_time TEXT, auction_id TEXT, imp_id TEXT, tag_id TEXT,"
    " site_id TEXT, zone_id TEXT, country TEXT, loss_code INTEGER, reason TEXT, creative_id TEXT,"
    " member_id TEXT, user_id TEXT, value TEXT, value_currency TEXT,"
    " revenue_nanos INTEGER NOT NULL,"
    " more TEXT, sender INTEGER NOT NULL, sequence INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE quarter_hours ("
    " start_ms INTEGER NOT NULL, strategy TEXT NOT NULL, type TEXT NOT NULL,"
    " events INTEGER NOT NULL, impressions INTEGER NOT NULL, clicks INTEGER NOT NULL,"
    " cost_nanos INTEGER NOT NULL,"
    " PRIMARY KEY (start_ms, strategy, type)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE per_keys (per_key INTEGER PRIMARY KEY, cost_nanos INTEGER NOT NULL) STRICT;",
    "CREATE TABLE guard_states (name TEXT NOT NULL PRIMARY KEY, state BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE overruns (strategy TEXT NOT NULL, day INTEGER NOT NULL,"
    " daily_nanos INTEGER NOT NULL, total_nanos INTEGER NOT NULL,"
    " late INTEGER NOT NULL, late_nanos INTEGER NOT NULL,"
    " PRIMARY KEY (strategy, day)) STRICT, WITHOUT ROWID;",
    "CREATE TABLE bid_counts ("
    " span_ms INTEGER NOT NULL, start_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " strategy TEXT NOT NULL, version TEXT NOT NULL, arm TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, exchange TEXT NOT NULL, format TEXT NOT NULL,"
    " country TEXT NOT NULL, zone_id TEXT NOT NULL, site_id TEXT NOT NULL,"
    " creative_id TEXT NOT NULL, reason TEXT NOT NULL,"
    " count INTEGER NOT NULL, price_micros INTEGER NOT NULL,"
    " PRIMARY KEY (span_ms, start_ms, kind, strategy, version, arm, endpoint, exchange, format,"
    " country, zone_id, site_id, creative_id, reason)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE count_marks (run INTEGER NOT NULL, seat INTEGER NOT NULL,"
    " taken INTEGER NOT NULL, PRIMARY KEY (run, seat)) STRICT, WITHOUT ROWID;",
};
enum { STEPS = sizeof steps / sizeof steps[0] };

const char *mb_ledger_sqlite_version(void)
{
    return sqlite3_libversion();
}

int mb__ledger_path(const char *dir, const char *name, char out[PATH_MAX], struct mb_error *err)
{
    int len = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    return len < 0 || len >= PATH_MAX ? mb_fail(err, MB_EIO, dir, "the path is too long") : 0;
}

/* --- failures --- */

bool mb__ledger_is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static int damaged(const struct mb__ledger_file *file, const char *how, struct mb_error *err)
{
    return mb_fail(err, MB_ESYNTAX, file->path, DAMAGED, how);
}

int mb__ledger_failed(const struct mb__ledger_file *file, int code, struct mb_error *err)
{
    int why = file->db ? sqlite3_system_errno(file->db) : 0;
    if (mb__ledger_is_damage(code)) {
        return damaged(file, sqlite3_errstr(code), err);
    }
    return mb_fail(err, MB_EIO, file->path, "%s%s%s", sqlite3_errstr(code), why ? ": " : "",
                   why ? strerror(why) : "");
}

int mb__ledger_exec(struct mb__ledger_file *file, const char *sql, struct mb_error *err)
{
    int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : mb__ledger_failed(file, code, err);
}

int mb__ledger_prepare(struct mb__ledger_file *file, const char *sql, sqlite3_stmt **out,
                       struct mb_error *err)
{
    int code = sqlite3_prepare_v3(file->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return code == SQLITE_OK ? 0 : mb__ledger_failed(file, code, err);
}

/* The first column of the first row of a statement that has one. */
static int query_number(struct mb__ledger_file *file, const char *sql, int64_t *out,
                        struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int rc = mb__ledger_prepare(file, sql, &row, err);
    if (rc) {
        return rc;
    }
    int code = sqlite3_step(row);
    *out = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_finalize(row);
    return code == SQLITE_ROW ? 0 : mb__ledger_failed(file, code, err);
}

/* --- opening --- */

static int connect(struct mb__ledger_file *file, const char *path, int flags, struct mb_error *err)
{
    *file = (struct mb__ledger_file){0};
    snprintf(file->path, sizeof file->path, "%s", path);
    int code =
        sqlite3_open_v2(path, &file->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) {
        int rc = mb__ledger_failed(file, code, err);
        mb__ledger_file_close(file);
        return rc;
    }
    sqlite3_busy_timeout(file->db, BUSY_MS);
    return 0;
}

/* SQLite would take an empty file for a new one, and throw its log away; and the rest of a page that was cut for zeros, which
 * is the trace of a kill where a log is there, for that has the whole page. */
static int check_length(const char *path, struct mb_error *err)
{
    char log[PATH_MAX + sizeof "-wal"];
    struct stat of_file, of_log;
    snprintf(log, sizeof log, "%s-wal", path);
    bool has_file = stat(path, &of_file) == 0, has_log = stat(log, &of_log) == 0 && of_log.st_size > 0;
    const char *how = !has_file && has_log                             ? "it is gone, and its log is there"
                      : has_file && of_file.st_size == 0               ? "it is empty"
                      : has_file && of_file.st_size % MB__PAGE_BYTES && !has_log ? "its end is missing"
                                                                       : NULL;
    return how ? mb_fail(err, MB_ESYNTAX, path, DAMAGED, how) : 0;
}

/* Ours, and not of a later version? *version is how many steps it has been through. */
static int check_version(struct mb__ledger_file *file, int64_t *version, struct mb_error *err)
{
    int64_t id = 0;
    int rc = query_number(file, "PRAGMA application_id", &id, err);
    if (rc || (rc = query_number(file, "PRAGMA user_version", version, err))) {
        return rc;
    }
    if (id != APPLICATION_ID && (id != 0 || *version != 0)) {
        return damaged(file, "it is another program's database", err);
    }
    if (*version < 0 || *version > STEPS) {
        return mb_fail(err, MB_EIO, file->path, "a later moonbid has written this ledger");
    }
    return 0;
}

static int take_steps(struct mb__ledger_file *file, struct mb_error *err)
{
    int64_t version = 0;
    int rc = check_version(file, &version, err);
    for (; rc == 0 && version < STEPS; version++) {
        char done[96];
        snprintf(done, sizeof done, "PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT",
                 APPLICATION_ID, (long long)version + 1);
        if ((rc = mb__ledger_exec(file, "BEGIN IMMEDIATE", err)) == 0 &&
            (rc = mb__ledger_exec(file, steps[version], err)) == 0) {
            rc = mb__ledger_exec(file, done, err);
        }
    }
    return rc;
}

static int set_up(struct mb__ledger_file *file, struct mb_error *err)
{
    char settings[320];
    sqlite3_stmt *mode = NULL;
    snprintf(settings, sizeof settings,
             "PRAGMA page_size=%d; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA "
             "cache_size=-%d;"
             "PRAGMA journal_size_limit=%d; PRAGMA cell_size_check=ON;"
             "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY",
             MB__PAGE_BYTES, CACHE_KIB, LOG_KEPT_BYTES);
    int rc = mb__ledger_exec(file, settings, err);
    if (rc || (rc = mb__ledger_prepare(file, "PRAGMA journal_mode=WAL", &mode, err))) {
        return rc;
    }
    int code = sqlite3_step(mode);
    const char *got = code == SQLITE_ROW ? (const char *)sqlite3_column_text(mode, 0) : "";
    if (code != SQLITE_ROW) {
        rc = mb__ledger_failed(file, code, err);
    } else if (strcmp(got ? got : "", "wal") != 0) {
        rc = mb_fail(err, MB_EIO, file->path, "this folder takes no write-ahead log");
    }
    sqlite3_finalize(mode);
    return rc ? rc : take_steps(file, err);
}

/* Only the owner's group may read what visitors did, so SQLite does not make the file. What a kill has left is begun anew. */
static int make_file(const char *path, struct mb_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return mb_fail(err, MB_EIO, path, "cannot make the ledger: %s", strerror(errno));
    }
    close(fd);
    return 0;
}

static int sync_folder_of(const char *path, struct mb_error *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : mb_fail(err, MB_EIO, path, "cannot make the ledger: %s", strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* A ledger comes to its name with all its tables, so that an empty file of that name is damage and never a beginning. */
static int make_ledger(const char *path, struct mb_error *err)
{
    struct mb__ledger_file draft = {0};
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s.new", path);
    int rc = make_file(name, err);
    if (rc == 0 && (rc = connect(&draft, name, SQLITE_OPEN_READWRITE, err)) == 0) {
        rc = set_up(&draft, err);
    }
    mb__ledger_file_close(&draft);
    if (rc == 0 && rename(name, path) != 0) {
        rc = mb_fail(err, MB_EIO, path, "cannot make the ledger: %s", strerror(errno));
    }
    if (rc && err) { /* whatever its draft is called */
        snprintf(err->where, sizeof err->where, "%.190s", path);
    }
    return rc ? rc : sync_folder_of(path, err);
}

int mb__ledger_file_open(struct mb__ledger_file *file, const char *path, struct mb_error *err)
{
    *file = (struct mb__ledger_file){0};
    int rc = check_length(path, err);
    if (rc == 0 && access(path, F_OK) != 0) {
        rc = make_ledger(path, err);
    }
    if (rc == 0) {
        rc = connect(file, path, SQLITE_OPEN_READWRITE, err);
    }
    if (rc == 0 && (rc = set_up(file, err)) == 0) {
        rc = mb__ledger_prepare_rows(file, err);
    }
    if (rc) {
        mb__ledger_file_close(file);
    }
    return rc;
}

int mb__ledger_file_open_to_read(struct mb__ledger_file *file, const char *path,
                                 struct mb_error *err)
{
    int64_t version = 0;
    *file = (struct mb__ledger_file){0};
    if (access(path, F_OK) != 0) {
        return mb_fail(err, MB_ENOTFOUND, path, "there is no ledger here");
    }
    int rc = connect(file, path, SQLITE_OPEN_READONLY, err);
    if (rc == 0 && (rc = check_version(file, &version, err)) == 0 && version < STEPS) {
        rc = mb_fail(err, MB_EIO, path,
                     "an earlier moonbid has written this ledger: start the server once");
    }
    if (rc) {
        mb__ledger_file_close(file);
    }
    return rc;
}

static bool says_ok(sqlite3_stmt *row)
{
    const char *said = (const char *)sqlite3_column_text(row, 0);
    return said && strcmp(said, "ok") == 0;
}

int mb__ledger_file_check(struct mb__ledger_file *file, struct mb_error *err)
{
    sqlite3_stmt *row = NULL;
    int64_t unequal = 0;
    int rc = mb__ledger_prepare(file, "PRAGMA quick_check(1)", &row, err);
    if (rc) {
        return rc;
    }
    int code = sqlite3_step(row);
    if (code != SQLITE_ROW) {
        rc = mb__ledger_failed(file, code, err);
    } else if (!says_ok(row)) {
        rc = damaged(file, "its pages do not fit together", err);
    }
    sqlite3_finalize(row);
    if (rc == 0) {
        rc = query_number(file,
                          "WITH day(ms) AS (SELECT max(start_ms) - 86400000 FROM quarter_hours)"
                          "SELECT (SELECT count(*) FROM events, day"
                          " WHERE attributed AND NOT test AND time_ms >= ms) != "
                          "(SELECT coalesce(sum(events), 0) FROM quarter_hours, day"
                          " WHERE start_ms >= ms)",
                          &unequal, err);
    }
    return rc || !unequal ? rc : damaged(file, "its sums do not agree with its events", err);
}

void mb__ledger_file_close(struct mb__ledger_file *file)
{
    sqlite3_finalize(file->insert);
    sqlite3_finalize(file->origin);
    sqlite3_finalize(file->add_spend);
    sqlite3_finalize(file->add_per_key);
    mb_buf_fini(&file->key);
    mb_buf_fini(&file->text);
    mb_buf_fini(&file->more);
    sqlite3_close(file->db);
    file->db = NULL;
    file->insert = file->origin = file->add_spend = file->add_per_key = NULL;
}
