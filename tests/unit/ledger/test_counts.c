/* Counts are written once, whoever is killed; old minutes become quarters of an hour; a ledger of the version before
 * gets the tables and keeps its events; a report adds counts and events up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"
#include "moonbid/report.h"

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

struct fixture {
    char dir[64], text[4096];
    struct mb_ledger *ledger;
    struct mb_tally *tally;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    snprintf(f->dir, sizeof f->dir, "/tmp/mb-counts-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, NULL), 0);
    f->tally = calloc(1, sizeof *f->tally);
    assert_non_null(f->tally);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;

    mb_ledger_close(f->ledger);
    for (int i = 0; i < 3; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/ledger.db%s", f->dir, names[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f->tally);
    free(f);
    return 0;
}

static void count(struct fixture *f, enum mb_tally_kind kind, const char *zone, const char *reason,
                  int64_t price, int times)
{
    struct mb_slice texts[MB_TALLY_TEXTS] = {[MB_TALLY_STRATEGY] = MB_SLICE("s"),
                                             [MB_TALLY_ZONE] = mb_slice_of(zone),
                                             [MB_TALLY_FORMAT] = MB_SLICE("banner"),
                                             [MB_TALLY_REASON] = mb_slice_of(reason)};
    uint64_t hash = kind + 1;
    for (int i = 0; i < MB_TALLY_TEXTS; i++) {
        hash = mb_tally_hash(hash, texts[i]);
    }
    for (int i = 0; i < times; i++) {
        if (!mb_tally_count(f->tally, hash, price)) {
            mb_tally_add(f->tally, hash, kind, texts, price);
        }
    }
}

/* Seals what was counted as of that minute, writes it, and takes it from the worker. */
static void write_counts(struct fixture *f, int64_t ms)
{
    uint64_t number = 0;
    f->tally->tables[atomic_load(&f->tally->turns) & 1].start_ms = ms;
    mb_tally_turn(f->tally, ms + MINUTE, true);
    const struct mb_tally_table *table = mb_tally_sealed(f->tally, &number);
    assert_non_null(table);
    const struct mb_ledger_count_mark mark = {1, 0, number};
    assert_int_equal(mb_ledger_count(f->ledger, &mark, table, NULL), 0);
    mb_tally_give_back(f->tally, number);
}

static void on_row(void *user, const struct mb_report_row *row)
{
    struct fixture *f = user;
    size_t at = strlen(f->text);
    at += (size_t)snprintf(f->text + at, sizeof f->text - at, "[%.*s] %d/%d/%d=%lld ",
                           MB_SLICE_ARG(row->keys[0]), (int)row->requests, (int)row->bids,
                           (int)row->nobids, (long long)row->bid_sum);
    if (row->spend.nanos) {
        snprintf(f->text + at, sizeof f->text - at, "spend=%lld ", (long long)row->spend.nanos);
    }
}

static const char *report(struct fixture *f, enum mb_report_key key, int64_t since_ms,
                          int64_t until_ms, const struct mb_zone *zone)
{
    const struct mb_report_options options = {f->dir, &key, 1, since_ms, until_ms, zone};
    f->text[0] = '\0';
    assert_int_equal(mb_report_each(&options, on_row, f, NULL), 0);
    return f->text;
}

static void a_table_that_is_written_again_counts_once(void **state)
{
    struct fixture *f = *state;
    uint64_t number;
    count(f, MB_TALLY_BID, "1", "", 2500000, 3);
    count(f, MB_TALLY_NOBID, "2", "hours", 0, 2);
    count(f, MB_TALLY_REQUEST, "1", "", 0, 4);
    f->tally->tables[0].start_ms = MINUTE;
    mb_tally_turn(f->tally, 2 * MINUTE, false);
    const struct mb_tally_table *table = mb_tally_sealed(f->tally, &number);
    const struct mb_ledger_count_mark mark = {1, 0, number}, other_seat = {1, 3, number},
                                      next_run = {2, 0, number};
    assert_int_equal(mb_ledger_count(f->ledger, &mark, table, NULL), 0);
    assert_int_equal(mb_ledger_count(f->ledger, &mark, table, NULL), 0);
    mb_ledger_close(f->ledger); /* a bookkeeper that was killed before it gave the table back */
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, NULL), 0);
    assert_int_equal(mb_ledger_count(f->ledger, &mark, table, NULL), 0);
    assert_string_equal(report(f, MB_REPORT_ZONE, 0, 0, NULL), "[1] 4/3/0=7500000 [2] 0/0/2=0 ");
    assert_int_equal(mb_ledger_count(f->ledger, &other_seat, table, NULL), 0);
    assert_string_equal(report(f, MB_REPORT_ZONE, 0, 0, NULL), "[1] 8/6/0=15000000 [2] 0/0/4=0 ");
    assert_int_equal(mb_ledger_count(f->ledger, &next_run, table, NULL), 0);
    assert_string_equal(report(f, MB_REPORT_REASON, 0, 0, NULL), "[] 0/9/0=22500000 [hours] 0/0/6=0 ");
}

static void a_sum_past_64_bits_stays_the_greatest(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        count(f, MB_TALLY_BID, "1", "", INT64_MAX / 2 + 2, 3);
        write_counts(f, MINUTE);
    }
    assert_string_equal(report(f, MB_REPORT_ZONE, 0, 0, NULL), "[1] 0/6/0=9223372036854775807 ");
}

static int64_t rows_of(struct fixture *f, const char *where)
{
    char path[128], sql[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    snprintf(path, sizeof path, "%s/ledger.db", f->dir);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM bid_counts WHERE %s", where);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return n;
}

static void old_minutes_become_quarters_of_an_hour(void **state)
{
    struct fixture *f = *state;
    const int64_t start = 20000 * DAY;
    for (int i = 0; i < 40; i++) {
        count(f, MB_TALLY_BID, "1", "", 1000, i + 1);
        write_counts(f, start + i * MINUTE);
    }
    assert_int_equal(rows_of(f, "span_ms = 60000"), 40);
    for (int i = 0; i < 8; i++) { /* 5 minutes a time */
        count(f, MB_TALLY_BID, "1", "", 1000, 1);
        write_counts(f, start + 3 * DAY + i * MINUTE);
    }
    assert_int_equal(rows_of(f, "span_ms = 900000"), 3);
    assert_int_equal(rows_of(f, "span_ms = 60000"), 8);
    assert_string_equal(report(f, MB_REPORT_DAY, 0, 0, NULL),
                        "[2024-10-04] 0/820/0=820000 [2024-10-07] 0/8/0=8000 ");
    assert_string_equal(report(f, MB_REPORT_DAY, start + 15 * MINUTE, start + 30 * MINUTE, NULL),
                        "[2024-10-04] 0/345/0=345000 ");
}

static void days_and_hours_are_those_of_the_zone(void **state)
{
    struct fixture *f = *state;
    struct mb_zone zone;
    int64_t change;
    assert_int_equal(mb_zone_load(MB_SLICE("Europe/Berlin"), &zone, NULL), 0);
    assert_true(mb_time_parse_utc(MB_SLICE("2026-10-25T00:30"), &change)); /* 02:30 there, twice */
    count(f, MB_TALLY_BID, "1", "", 1, 1);
    write_counts(f, change - 3 * 60 * MINUTE); /* 23:30 the day before */
    count(f, MB_TALLY_BID, "1", "", 1, 3);
    write_counts(f, change);
    count(f, MB_TALLY_BID, "1", "", 1, 2);
    write_counts(f, change + 60 * MINUTE);
    assert_string_equal(report(f, MB_REPORT_HOUR, 0, 0, &zone),
                        "[2026-10-25T02+02:00] 0/3/0=3 [2026-10-25T02+01:00] 0/2/0=2 "
                        "[2026-10-24T23+02:00] 0/1/0=1 ");
    assert_string_equal(report(f, MB_REPORT_DAY, 0, 0, &zone),
                        "[2026-10-25] 0/5/0=5 [2026-10-24] 0/1/0=1 ");
    assert_string_equal(report(f, MB_REPORT_HOUR, 0, 0, NULL),
                        "[2026-10-25T00] 0/3/0=3 [2026-10-25T01] 0/2/0=2 [2026-10-24T21] 0/1/0=1 ");
}

static void ignore(void *user, void *ticket, const struct mb_event *event, enum mb_ledger_fate fate)
{
    (void)user, (void)ticket, (void)event;
    assert_int_equal(fate, MB_LEDGER_NEW);
}

static void record(struct fixture *f, const char *key)
{
    const struct mb_event event = {.type = MB_EVENT_BILLING,
                                   .time_ms = 20000 * DAY,
                                   .strategy = MB_SLICE("s"),
                                   .zone_id = MB_SLICE("1"),
                                   .key = mb_slice_of(key),
                                   .attributed = true,
                                   .books = true,
                                   .cost = {9007199254740993}};
    assert_int_equal(mb_ledger_append(f->ledger, &event, 1, (struct mb_ledger_origin){0, 0}, NULL), 0);
    assert_int_equal(mb_ledger_commit(f->ledger, NULL), 0);
    mb_ledger_deliver(f->ledger, ignore, NULL);
}

static void events_and_counts_meet_in_a_row(void **state)
{
    struct fixture *f = *state;
    record(f, "000000000001:a");
    count(f, MB_TALLY_BID, "1", "", 7, 2);
    count(f, MB_TALLY_NOBID, "9", "budget", 0, 2);
    write_counts(f, 20000 * DAY);
    assert_string_equal(report(f, MB_REPORT_ZONE, 0, 0, NULL),
                        "[1] 0/2/0=14 spend=9007199254740993 [9] 0/0/2=0 ");
    assert_string_equal(report(f, MB_REPORT_TYPE, 0, 0, NULL),
                        "[billing] 0/0/0=0 spend=9007199254740993 ");
    assert_true(mb_report_gaps_of((enum mb_report_key[]){MB_REPORT_DATA}, 1).no_bids);
    assert_false(mb_report_gaps_of((enum mb_report_key[]){MB_REPORT_ZONE}, 1).no_bids);
}

/* As version 2 left it: without the tables of counts. */
static void a_ledger_of_the_version_before_is_taken_over(void **state)
{
    struct fixture *f = *state;
    char path[128];
    sqlite3 *db = NULL;
    record(f, "000000000001:a");
    record(f, "000000000002:b");
    mb_ledger_close(f->ledger);
    snprintf(path, sizeof path, "%s/ledger.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE bid_counts; DROP TABLE count_marks;"
                                      "PRAGMA user_version=2", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, NULL), 0);
    count(f, MB_TALLY_BID, "1", "", 7, 1);
    write_counts(f, 20000 * DAY);
    assert_string_equal(report(f, MB_REPORT_STRATEGY, 0, 0, NULL),
                        "[s] 0/1/0=7 spend=18014398509481986 ");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_table_that_is_written_again_counts_once),
        CASE(a_sum_past_64_bits_stays_the_greatest),
        CASE(old_minutes_become_quarters_of_an_hour),
        CASE(days_and_hours_are_those_of_the_zone),
        CASE(events_and_counts_meet_in_a_row),
        CASE(a_ledger_of_the_version_before_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
