/* Salvage against every cut: what is whole in the file is saved, as it was, and nothing that never was.
 *
 * What must be found is not asked of SQLite: each event has its key in the file once, and is whole where all of its page is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"
#include "moonbid/report.h"
#include "pages.h"

enum { EVENTS = 1200, A_COMMIT = 50, LONG_RAW = 9000, CUTS = 24 };

struct fixture {
    char dir[64], path[128], salvaged[128];
    struct mb_buf file;      /* the whole ledger */
    struct mb_buf lines[EVENTS]; /* each event as JSON; empty: not there */
    size_t page_of[EVENTS];  /* the one that holds its key; 0: more than one does, or it goes on elsewhere */
};

static const char *key_of(int number)
{
    static char key[32];
    snprintf(key, sizeof key, "%012x:event-%d.", 0x19000000 + number * 7, number);
    return key;
}

static bool goes_on(int number)
{
    return number % 40 == 7;
}

static void record(struct mb_ledger *ledger, int number)
{
    static char raw[LONG_RAW];
    char id[32];
    snprintf(id, sizeof id, "90071992547%d", number);
    memset(raw, 'a' + number % 26, sizeof raw);
    struct mb_event event = {
        .type = number % 3 ? MB_EVENT_BILLING : MB_EVENT_LOSS,
        .key = mb_slice_of(key_of(number)),
        .time_ms = INT64_C(1790000000000) + number,
        .strategy = MB_SLICE("de_push"),
        .auction_id = mb_slice_of(id),
        .attributed = true,
        .post_pending = -1,
        .response_time_ms = -1,
        .books = number % 3 != 0,
        .cost = {number * INT64_C(1000003)},
        .raw = mb_slice(raw, goes_on(number) ? LONG_RAW : (size_t)(number % 300)),
    };
    assert_int_equal(mb_ledger_append(ledger, &event, 1, (struct mb_ledger_origin){7, number}, NULL), 0);
}

static void ignore(void *user, void *ticket, const struct mb_event *event, enum mb_ledger_fate fate)
{
    (void)user, (void)ticket, (void)event, (void)fate;
}

static void read_file(const char *path, struct mb_buf *out)
{
    FILE *in = fopen(path, "rb");
    char bytes[65536];
    size_t got;
    assert_non_null(in);
    mb_buf_clear(out);
    while ((got = fread(bytes, 1, sizeof bytes, in)) > 0) {
        mb_xbuf_add(out, bytes, got);
    }
    fclose(in);
}

static void write_file(const char *path, struct mb_slice bytes)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, out), bytes.len);
    fclose(out);
}

static void remove_log(const struct fixture *f, const char *of)
{
    static const char *const parts[] = {"-wal", "-shm"};
    char path[160];
    (void)f;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", of, parts[i]);
        unlink(path);
    }
}

struct reading {
    struct fixture *f;
    bool check;
    size_t count;
};

/* Keeps the event's line, or compares it with the one that was kept. */
static bool on_event(void *user, const struct mb_event *event)
{
    struct reading *r = user;
    int number = atoi(event->key.data + 19);
    struct mb_buf line = {0};
    assert_in_range(number, 0, EVENTS - 1);
    mb_xledger_write_event(event, &line);
    if (r->check && !mb_slice_eq(mb_buf_slice(&line), mb_buf_slice(&r->f->lines[number]))) {
        fail_msg("event %d is another: %.*s", number, (int)line.len, line.data);
    }
    if (!r->check) {
        mb_xbuf_add_slice(&r->f->lines[number], mb_buf_slice(&line));
    }
    r->count++;
    mb_buf_fini(&line);
    return true;
}

static void find_pages(struct fixture *f)
{
    struct mb_slice file = mb_buf_slice(&f->file);
    for (int i = 0; i < EVENTS; i++) {
        long at = mb_slice_find(file, mb_slice_of(key_of(i)));
        assert_true(at > 0);
        struct mb_slice rest = mb_slice(file.data + at + 1, file.len - (size_t)at - 1);
        bool once = mb_slice_find(rest, mb_slice_of(key_of(i))) < 0;
        f->page_of[i] = once && !goes_on(i) ? (size_t)at / MB__PAGE_BYTES : 0;
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct mb_ledger *ledger;
    struct reading r = {.f = f};
    strcpy(f->dir, "/tmp/moonbid-salvage-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/ledger.db", f->dir);
    snprintf(f->salvaged, sizeof f->salvaged, "%s/ledger.salvaged.db", f->dir);
    assert_int_equal(mb_ledger_open(f->dir, &ledger, NULL), 0);
    for (int i = 0; i < EVENTS; i++) {
        record(ledger, i);
        if (i % A_COMMIT == A_COMMIT - 1) {
            assert_int_equal(mb_ledger_commit(ledger, NULL), 0);
            mb_ledger_deliver(ledger, ignore, NULL);
        }
    }
    mb_ledger_close(ledger);
    assert_int_equal(mb_ledger_each(f->dir, on_event, &r, NULL), 0);
    assert_int_equal(r.count, EVENTS);
    read_file(f->path, &f->file);
    find_pages(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    remove_log(f, f->path);
    remove_log(f, f->salvaged);
    unlink(f->path);
    unlink(f->salvaged);
    assert_int_equal(rmdir(f->dir), 0);
    for (int i = 0; i < EVENTS; i++) {
        mb_buf_fini(&f->lines[i]);
    }
    mb_buf_fini(&f->file);
    free(f);
    return 0;
}

/* Salvages these bytes; every event that comes out is as it was, and each that `must` names is among them. Gives how many. */
static size_t salvage(struct fixture *f, struct mb_slice bytes, bool (*must)(const struct fixture *f, int number, size_t at),
                      size_t at)
{
    struct reading r = {.f = f, .check = true};
    struct mb_error err = {0};
    struct mb_buf found = {0};
    uint64_t saved = 0;
    remove_log(f, f->path);
    write_file(f->path, bytes);
    int rc = mb_ledger_salvage(f->dir, &saved, &err);
    if (rc == 0) {
        assert_int_equal(rename(f->salvaged, f->path), 0);
        assert_int_equal(mb_ledger_each(f->dir, on_event, &r, NULL), 0);
        assert_int_equal(r.count, saved);
        read_file(f->path, &found);
    }
    for (int i = 0; i < EVENTS; i++) {
        if (must(f, i, at) && (rc || mb_slice_find(mb_buf_slice(&found), mb_slice_of(key_of(i))) < 0)) {
            fail_msg("at %zu: event %d, on page %zu, is lost", at, i, f->page_of[i]);
        }
    }
    mb_buf_fini(&found);
    return r.count;
}

static bool is_before(const struct fixture *f, int number, size_t cut)
{
    return f->page_of[number] > 0 && (f->page_of[number] + 1) * MB__PAGE_BYTES <= cut;
}

static void every_whole_record_outlives_a_cut(void **state)
{
    struct fixture *f = *state;
    size_t least = EVENTS, most = 0;
    srand(7);
    for (int i = 0; i < CUTS; i++) {
        size_t cut = f->file.len * (size_t)(i + 1) / (CUTS + 1) + (size_t)rand() % 4096;
        size_t count = salvage(f, mb_slice(f->file.data, cut), is_before, cut);
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    print_message("  %zu to %zu of %d were saved\n", least, most, EVENTS);
    assert_true(most > EVENTS * 9 / 10);
}

static bool is_elsewhere(const struct fixture *f, int number, size_t page)
{
    return f->page_of[number] > 0 && f->page_of[number] != page;
}

static void a_lost_page_costs_its_own_records(void **state)
{
    struct fixture *f = *state;
    size_t pages = f->file.len / MB__PAGE_BYTES;
    for (int i = 0; i < CUTS; i++) {
        struct mb_buf hurt = {0};
        size_t page = i == 0 ? 0 : (size_t)rand() % pages;
        mb_xbuf_add_slice(&hurt, mb_buf_slice(&f->file));
        memset(hurt.data + page * MB__PAGE_BYTES, i % 2 ? 0 : 0xa5, MB__PAGE_BYTES);
        salvage(f, mb_buf_slice(&hurt), is_elsewhere, page);
        mb_buf_fini(&hurt);
    }
}

/* Counts, what the guard knew and the like: as far as their trees lead, here whole. */
static void other_tables_come_along(void **state)
{
    struct fixture *f = *state;
    static const char rows[] =
        "INSERT INTO bid_counts VALUES (60000, 1790000000000 / 60000 * 60000, 'bid', 's', 'v', '', 'e', 'x', 'banner', 'DE',"
        " 'z', 'q', 'c', '', 41, 5);"
        "INSERT INTO guard_states VALUES ('de_push', x'00ff01');"
        "INSERT INTO overruns VALUES ('de_push', 20718, 1, 2, 3, 4);";
    static const char check[] =
        "SELECT (SELECT sum(count) FROM bid_counts) = 41 AND (SELECT hex(state) FROM guard_states) = '00FF01' AND"
        " (SELECT late_nanos FROM overruns) = 4";
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    uint64_t saved = 0;
    write_file(f->path, mb_buf_slice(&f->file));
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, rows, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(mb_ledger_salvage(f->dir, &saved, NULL), 0);
    assert_int_equal(saved, EVENTS);
    assert_int_equal(sqlite3_open(f->salvaged, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, check, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(row, 0), 1);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

/* SQLite takes an empty file for a new database and deletes the log beside it, with all that was acknowledged. */
static void an_empty_ledger_is_damage_and_its_log_is_saved(void **state)
{
    struct fixture *f = *state;
    char log_path[160], missing[160];
    struct mb_ledger *ledger = NULL;
    struct mb_error err = {0};
    struct mb_buf log = {0};
    uint64_t saved = 0;
    snprintf(log_path, sizeof log_path, "%s-wal", f->path);
    snprintf(missing, sizeof missing, "%s.aside", f->path);
    unlink(f->path);
    assert_int_equal(mb_ledger_open(f->dir, &ledger, NULL), 0);
    for (int i = 0; i < 20; i++) {
        record(ledger, i);
    }
    assert_int_equal(mb_ledger_commit(ledger, NULL), 0);
    read_file(log_path, &log);
    mb_ledger_close(ledger);
    write_file(f->path, MB_SLICE(""));
    write_file(log_path, mb_buf_slice(&log));
    assert_int_equal(mb_ledger_open(f->dir, &ledger, &err), MB_ESYNTAX);
    assert_string_equal(err.where, f->path);
    assert_non_null(strstr(err.what, "it is empty"));
    assert_int_equal(rename(f->path, missing), 0);
    assert_int_equal(mb_ledger_open(f->dir, &ledger, &err), MB_ESYNTAX);
    assert_non_null(strstr(err.what, "it is gone"));
    assert_int_equal(rename(missing, f->path), 0);
    assert_int_equal(mb_ledger_salvage(f->dir, &saved, NULL), 0);
    assert_int_equal(saved, 20);
    remove_log(f, f->path);
    assert_int_equal(mb_ledger_open(f->dir, &ledger, &err), MB_ESYNTAX); /* without its log, too */
    mb_buf_fini(&log);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_whole_record_outlives_a_cut),
        CASE(a_lost_page_costs_its_own_records),
        CASE(other_tables_come_along),
        CASE(an_empty_ledger_is_damage_and_its_log_is_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
