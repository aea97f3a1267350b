/* test_checkpoints.c - the log reaches its place on a thread while commits go on. */
#include <dirent.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "books.h"

enum { EVENTS = 30000, BATCH = 50, DEADLINE_MS = 60000 };

struct fixture {
    char dir[64];
    struct mb__checkpoints checkpoints;
    size_t n_appended, n_durable, n_recorded;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->dir, "/tmp/moonbid-checkpoints-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(mb_ledger_open(f->dir, &f->checkpoints.ledger, NULL), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    DIR *folder = opendir(f->dir);
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

static void on_durable(void *user, void *ticket, const struct mb_event *event,
                       enum mb_ledger_fate fate)
{
    (void)ticket, (void)event;
    ((struct fixture *)user)->n_durable += fate == MB_LEDGER_NEW;
}

/* Keys in no order, so that a commit changes many pages. */
static void commit_batch(struct fixture *f)
{
    for (size_t i = 0; i < BATCH; i++, f->n_appended++) {
        char key[48];
        struct mb_event event = {.type = MB_EVENT_WIN, .time_ms = 1772442000000};
        snprintf(key, sizeof(key), "%016zx:win", f->n_appended * 0x9e3779b97f4a7c15u);
        event.key = mb_slice_of(key);
        assert_int_equal(mb_ledger_append(f->checkpoints.ledger, &event, 1,
                                          (struct mb_ledger_origin){0, 0}, NULL),
                         0);
    }
    assert_int_equal(mb_ledger_commit(f->checkpoints.ledger, NULL), 0);
    mb_ledger_deliver(f->checkpoints.ledger, on_durable, f);
}

static int64_t log_bytes(const struct fixture *f)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof(path), "%s/ledger.db-wal", f->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static bool count_event(void *user, const struct mb_event *event)
{
    (void)event;
    ((struct fixture *)user)->n_recorded++;
    return true;
}

static void close_ledger(struct fixture *f)
{
    mb__checkpoints_close(&f->checkpoints);
    mb_ledger_close(f->checkpoints.ledger);
}

static void finish(struct fixture *f, bool idle)
{
    for (int64_t until = mb_time_boot_ns() / 1000000 + DEADLINE_MS; f->checkpoints.running;) {
        assert_true(mb_time_boot_ns() / 1000000 < until);
        usleep(1000);
        mb__checkpoints_turn(&f->checkpoints, idle, 5);
    }
}

/* A pass for some MB of log is the thread's alone: the owner, who would wait for two files to be
 * synced, does nothing until the log is long or there is time. */
static void a_busy_ledger_is_moved_without_its_owner(void **state)
{
    struct fixture *f = *state;
    for (int passes = 0; passes < 3; passes++) {
        while (!mb_ledger_wants_pass(f->checkpoints.ledger)) {
            commit_batch(f);
        }
        mb__checkpoints_turn(&f->checkpoints, false, 5);
        assert_true(f->checkpoints.running);
        assert_false(f->checkpoints.all);
        commit_batch(f);
        finish(f, false);
        assert_false(mb_ledger_wants_pass(f->checkpoints.ledger));
    }
    while (!mb__checkpoints_want_turn(&f->checkpoints, 5)) {
        commit_batch(f);
    }
    mb__checkpoints_turn(&f->checkpoints, true, 5);
    assert_true(f->checkpoints.all);
    finish(f, false);
    int64_t before = log_bytes(f);
    commit_batch(f);
    assert_int_equal(log_bytes(f), before); /* it has begun anew */
    close_ledger(f);
    assert_int_equal(mb_ledger_each(f->dir, count_event, f, NULL), 0);
    assert_int_equal(f->n_recorded, f->n_appended);
}

/* `now` of the clock is the test's: a try that left something waits for the next. */
static void the_log_is_used_again_while_commits_go_on(void **state)
{
    struct fixture *f = *state;
    int64_t most = 0, bytes;
    uint64_t now_ms = 1;
    size_t runs = 0;
    bool running = false;
    while (f->n_appended < EVENTS) {
        commit_batch(f);
        mb__checkpoints_turn(&f->checkpoints, true, now_ms += 2000);
        runs += f->checkpoints.running && !running;
        running = f->checkpoints.running;
        bytes = log_bytes(f);
        most = bytes > most ? bytes : most;
    }
    close_ledger(f);
    assert_int_equal(f->n_durable, EVENTS);
    assert_true(runs >= 2);
    /* Every page of every commit, if it were never used from its start again: some 100 MB. */
    assert_true(most < INT64_C(50) << 20);
    assert_int_equal(mb_ledger_each(f->dir, count_event, f, NULL), 0);
    assert_int_equal(f->n_recorded, EVENTS);
}

/* A report that reads for long holds the log back: nothing waits for it, and nothing spins. */
static void a_reader_makes_it_wait_and_nobody_else(void **state)
{
    struct fixture *f = *state;
    char path[96];
    sqlite3 *reader = NULL;
    snprintf(path, sizeof(path), "%s/ledger.db", f->dir);
    commit_batch(f);
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
                     SQLITE_OK);
    while (!mb_ledger_wants_checkpoint(f->checkpoints.ledger, true)) {
        commit_batch(f);
    }
    assert_true(mb__checkpoints_want_turn(&f->checkpoints, 5));
    mb__checkpoints_turn(&f->checkpoints, true, 5);
    assert_true(f->checkpoints.running);
    assert_false(mb__checkpoints_want_turn(&f->checkpoints, 5));
    finish(f, true);
    assert_false(mb__checkpoints_want_turn(&f->checkpoints, 6)); /* not at once again */
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_true(mb__checkpoints_want_turn(&f->checkpoints, 100000));
    close_ledger(f);
    assert_int_equal(mb_ledger_each(f->dir, count_event, f, NULL), 0);
    assert_int_equal(f->n_recorded, f->n_appended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_log_is_used_again_while_commits_go_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_busy_ledger_is_moved_without_its_owner, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reader_makes_it_wait_and_nobody_else, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
