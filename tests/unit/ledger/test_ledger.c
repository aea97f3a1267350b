/* The ledger through restarts, power cuts and full disks: what was told as durable is there, once.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bad_disk.h"
#include "internal.h"

enum { TOLD_MAX = 70000 };

#define NO_ORIGIN ((struct mb_ledger_origin){0, 0})

struct told {
    char key[32];
    void *ticket;
    bool duplicate;
    enum mb_ledger_fate fate;
};

struct fixture {
    char dir[64], path[96];
    struct mb_ledger *ledger;
    struct told *told; /* delivered, in order */
    size_t n_told;
    struct told *failed; /* abandoned, in order */
    size_t n_failed;
    struct told *read; /* by the last open */
    size_t n_read;
};

static bool on_event(void *user, const struct mb_event *event)
{
    struct fixture *f = user;
    assert_true(f->n_read < TOLD_MAX);
    snprintf(f->read[f->n_read++].key, 32, "%.*s", MB_SLICE_ARG(event->key));
    return true;
}

static void on_durable(void *user, void *ticket, const struct mb_event *event,
                       enum mb_ledger_fate fate)
{
    struct fixture *f = user;
    assert_true(f->n_told < TOLD_MAX);
    struct told *told = &f->told[f->n_told++];
    snprintf(told->key, sizeof told->key, "%.*s", MB_SLICE_ARG(event->key));
    told->ticket = ticket;
    told->fate = fate;
    told->duplicate = fate == MB_LEDGER_DUPLICATE;
}

static void on_failed(void *user, void *ticket, const struct mb_event *event)
{
    struct fixture *f = user;
    struct told *failed = &f->failed[f->n_failed++];
    snprintf(failed->key, sizeof failed->key, "%.*s", MB_SLICE_ARG(event->key));
    failed->ticket = ticket;
}

static void read_all(struct fixture *f)
{
    struct mb_error err = {0};
    f->n_read = 0;
    if (mb_ledger_each(f->dir, on_event, f, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
}

static void open_ledger(struct fixture *f)
{
    struct mb_error err = {0};
    if (mb_ledger_open(f->dir, &f->ledger, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
    read_all(f);
}

static void reopen(struct fixture *f)
{
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    open_ledger(f);
}

/* Lines go to a sink: a cut line is a warning, and expected. */
static void drop_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user, (void)level, (void)line, (void)len;
}

static void empty_folder(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/moonbid-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/ledger.db", f->dir);
    f->told = calloc(TOLD_MAX, sizeof *f->told);
    f->failed = calloc(TOLD_MAX, sizeof *f->failed);
    f->read = calloc(TOLD_MAX, sizeof *f->read);
    mb_log_redirect(drop_line, NULL);
    open_ledger(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mb_ledger_close(f->ledger);
    mb_log_redirect(NULL, NULL);
    empty_folder(f->dir);
    assert_int_equal(rmdir(f->dir), 0);
    free(f->told);
    free(f->failed);
    free(f->read);
    free(f);
    return 0;
}

static struct mb_event event_of(const char *key)
{
    return (struct mb_event){
        .type = MB_EVENT_BILLING,
        .key = mb_slice_of(key),
        .strategy = MB_SLICE("de_push"),
        .post_pending = -1,
        .response_time_ms = -1,
        .cost = {420000},
        .books = true,
    };
}

static int append(struct fixture *f, const char *key, void *ticket)
{
    struct mb_event event = event_of(key);
    return mb_ledger_append(f->ledger, &event, 1, NO_ORIGIN, ticket);
}

static void append_all(struct fixture *f, const char *const *keys, void *ticket)
{
    for (; *keys; keys++) {
        assert_int_equal(append(f, *keys, ticket), 0);
    }
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void commit(struct fixture *f)
{
    struct mb_error err = {0};
    if (mb_ledger_commit(f->ledger, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
}

static void deliver(struct fixture *f)
{
    f->n_told = 0;
    mb_ledger_deliver(f->ledger, on_durable, f);
}

static void reopen_after_commit(struct fixture *f)
{
    commit(f);
    deliver(f);
    reopen(f);
}

static void assert_keys(const struct told *told, size_t count, const char *const *keys)
{
    size_t i = 0;
    for (; keys[i]; i++) {
        if (i >= count || strcmp(told[i].key, keys[i]) != 0) {
            fail_msg("%zu of %zu: '%s', not '%s'", i, count, i < count ? told[i].key : "", keys[i]);
        }
    }
    assert_int_equal(count, i);
}

/* Of the file, or of its log ("-wal"). */
static off_t size_of(const struct fixture *f, const char *part)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", f->path, part);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* --- plain life --- */

static void an_event_is_told_after_its_commit_and_read_after_a_restart(void **state)
{
    struct fixture *f = *state;
    int ticket = 0;
    assert_false(mb_ledger_pending(f->ledger));
    append_all(f, KEYS("a", "b"), &ticket);
    assert_true(mb_ledger_pending(f->ledger));
    deliver(f);
    assert_int_equal(f->n_told, 0);
    commit(f);
    assert_false(mb_ledger_pending(f->ledger));
    deliver(f);
    assert_keys(f->told, f->n_told, KEYS("a", "b"));
    assert_ptr_equal(f->told[1].ticket, &ticket);
    deliver(f);
    assert_int_equal(f->n_told, 0);
    reopen(f);
    assert_keys(f->read, f->n_read, KEYS("a", "b"));
}

static void what_was_not_committed_is_not_there(void **state)
{
    struct fixture *f = *state;
    append_all(f, KEYS("a"), NULL);
    reopen(f);
    assert_int_equal(f->n_read, 0);
}

static void a_duplicate_is_told_and_not_written(void **state)
{
    struct fixture *f = *state;
    append_all(f, KEYS("a", "a", "b"), NULL); /* in one batch */
    commit(f);
    append_all(f, KEYS("a", "c"), NULL); /* of an earlier batch */
    commit(f);
    deliver(f);
    assert_keys(f->told, f->n_told, KEYS("a", "a", "b", "a", "c"));
    for (size_t i = 0; i < f->n_told; i++) {
        assert_int_equal(f->told[i].duplicate, i == 1 || i == 3);
    }
    reopen(f);
    assert_keys(f->read, f->n_read, KEYS("a", "b", "c"));
    append_all(f, KEYS("c"), NULL); /* of an earlier run */
    commit(f);
    deliver(f);
    assert_int_equal(f->n_told, 1);
    assert_true(f->told[0].duplicate);
    read_all(f);
    assert_keys(f->read, f->n_read, KEYS("a", "b", "c"));
}

static void a_key_of_invalid_utf8_is_known_again_after_a_restart(void **state)
{
    struct fixture *f = *state;
    append_all(f, KEYS("k\xff\xc3"), NULL);
    commit(f);
    reopen(f);
    append_all(f, KEYS("k\xff\xc3"), NULL);
    commit(f);
    deliver(f);
    assert_int_equal(f->n_told, 1);
    assert_true(f->told[0].duplicate);
}

static void events_without_a_key_are_all_distinct(void **state)
{
    struct fixture *f = *state;
    append_all(f, KEYS("", ""), NULL);
    commit(f);
    deliver(f);
    assert_false(f->told[0].duplicate || f->told[1].duplicate);
    reopen(f);
    assert_int_equal(f->n_read, 2);
}

/* It changes nothing, but somebody errs: whoever sent the one or the other. */
static void a_duplicate_with_another_price_is_told(void **state)
{
    static const struct {
        bool told;
        int64_t micros;
        enum mb_ledger_fate fate;
    } rows[] = {
        {true, 5, MB_LEDGER_NEW},       {true, 5, MB_LEDGER_DUPLICATE}, {true, 6, MB_LEDGER_REPRICED},
        {false, 0, MB_LEDGER_DUPLICATE}, {true, 0, MB_LEDGER_REPRICED},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_event event = {.type = MB_EVENT_BILLING,
                                 .key = MB_SLICE("k"),
                                 .has_price_paid = rows[i].told,
                                 .price_paid = {rows[i].micros}};
        assert_int_equal(mb_ledger_append(f->ledger, &event, 1, (struct mb_ledger_origin){0}, NULL), 0);
    }
    commit(f);
    deliver(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(f->told[i].fate, rows[i].fate);
    }
}

/* A sender whose acknowledgement got lost sends again: that is no duplicate, but the same from
 * another sender is one. */
static void what_the_same_sender_sends_again_is_told_from_a_duplicate(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t sender, sequence;
        enum mb_ledger_fate fate;
    } rows[] = {
        {7, 1, MB_LEDGER_NEW},       {7, 1, MB_LEDGER_RESENT},    {7, 2, MB_LEDGER_DUPLICATE},
        {8, 1, MB_LEDGER_DUPLICATE}, {7, 1, MB_LEDGER_RESENT},    {0, 1, MB_LEDGER_DUPLICATE},
        {7, 2, MB_LEDGER_DUPLICATE}, {0, 0, MB_LEDGER_DUPLICATE},
    };
    for (int together = 0; together <= 1; together++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            struct mb_event event = event_of(together ? "t" : "s");
            struct mb_ledger_origin origin = {rows[i].sender, rows[i].sequence};
            assert_int_equal(mb_ledger_append(f->ledger, &event, 1, origin, NULL), 0);
            if (!together) {
                reopen_after_commit(f);
                assert_int_equal(f->told[0].fate, rows[i].fate);
            }
        }
        commit(f);
        deliver(f);
        for (size_t i = 0; i < f->n_told; i++) {
            assert_int_equal(f->told[i].fate, rows[i].fate);
        }
    }
    assert_int_equal(f->n_told, sizeof rows / sizeof rows[0]);
}

/* So is an event without key, which otherwise is distinct from all. */
static void an_event_without_key_that_is_sent_again_is_there_once(void **state)
{
    struct fixture *f = *state;
    struct mb_event events[2] = {event_of(""), event_of("")};
    for (int i = 0; i < 3; i++) {
        struct mb_ledger_origin origin = {7, 5};
        assert_int_equal(mb_ledger_append(f->ledger, events, 2, origin, NULL), 0);
        reopen_after_commit(f);
        assert_int_equal(f->told[1].fate, i == 0 ? MB_LEDGER_NEW : MB_LEDGER_RESENT);
        assert_int_equal(f->n_read, 2);
    }
}

static void the_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { BOUND = 65536 };
    struct mb_event *events = calloc(BOUND + 1, sizeof *events);
    for (size_t i = 0; i <= BOUND; i++) {
        events[i] = event_of("");
    }
    assert_int_equal(mb_ledger_append(f->ledger, events, BOUND + 1, NO_ORIGIN, NULL), MB_ENOMEM);
    assert_false(mb_ledger_pending(f->ledger));
    assert_int_equal(mb_ledger_append(f->ledger, events, BOUND, NO_ORIGIN, NULL), 0);
    assert_int_equal(mb_ledger_append(f->ledger, events, 1, NO_ORIGIN, NULL), MB_ENOMEM);
    commit(f);
    deliver(f);
    assert_int_equal(f->n_told, BOUND);
    assert_int_equal(mb_ledger_append(f->ledger, events, 1, NO_ORIGIN, NULL), 0);
    free(events);
}

/* --- power cuts and damage --- */

struct bytes {
    char *data;
    size_t len;
};

static struct bytes read_file(const char *path)
{
    struct bytes b = {calloc(1, 1 << 22), 0};
    int fd = open(path, O_RDONLY);
    ssize_t n;
    assert_non_null(b.data);
    while (fd >= 0 && (n = read(fd, b.data + b.len, (1 << 22) - b.len)) > 0) {
        b.len += (size_t)n;
    }
    if (fd >= 0) {
        close(fd);
    }
    assert_true(b.len < 1 << 22);
    return b;
}

static void write_file(const char *path, struct bytes b)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(b.data, 1, b.len, file), b.len);
    assert_int_equal(fclose(file), 0);
}

static uint32_t random_below(uint32_t bound)
{
    static uint32_t seed = 1;
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * bound) >> 32);
}

enum { COMMITS = 60, A_COMMIT = 5 };

/* Event n has key n; each commit has five. The file stays open, its log unmoved. */
static void record_numbers(struct fixture *f, bool checkpoints)
{
    char key[32];
    for (int i = 0; i < COMMITS; i++) {
        for (int j = 0; j < A_COMMIT; j++) {
            snprintf(key, sizeof key, "%012x", i * A_COMMIT + j);
            assert_int_equal(append(f, key, NULL), 0);
        }
        commit(f);
        deliver(f);
        if (checkpoints && i % 17 == 11) {
            mb_ledger_checkpoint(f->ledger);
        }
    }
}

/* A copy of the ledger in another folder, with both its files cut or changed: it must open with
 * whole commits from the first on, or be refused as damaged. Gives how many commits; -1: refused.
 */
static int commits_in_copy(const struct fixture *f, struct bytes file, struct bytes log)
{
    struct fixture copy = {.told = f->told, .read = f->read};
    struct mb_error err = {0};
    char log_path[112];
    strcpy(copy.dir, "/tmp/moonbid-ledger-copy-XXXXXX");
    assert_non_null(mkdtemp(copy.dir));
    snprintf(copy.path, sizeof copy.path, "%s/ledger.db", copy.dir);
    snprintf(log_path, sizeof log_path, "%s-wal", copy.path);
    write_file(copy.path, file);
    if (log.len > 0) {
        write_file(log_path, log);
    }
    int commits = -1;
    int rc = mb_ledger_open(copy.dir, &copy.ledger, &err);
    if (rc == 0 && (rc = mb_ledger_each(copy.dir, on_event, &copy, &err)) == 0) {
        assert_int_equal(copy.n_read % A_COMMIT, 0);
        for (size_t i = 0; i < copy.n_read; i++) {
            assert_int_equal(strtol(copy.read[i].key, NULL, 16), i);
        }
        commits = (int)copy.n_read / A_COMMIT;
    }
    if (rc) {
        assert_int_equal(rc, MB_ESYNTAX);
        assert_string_equal(err.where, copy.path);
        assert_non_null(strstr(err.what, "moonbid ledger salvage"));
    }
    mb_ledger_close(copy.ledger);
    empty_folder(copy.dir);
    assert_int_equal(rmdir(copy.dir), 0);
    return commits;
}

static void a_cut_log_leaves_whole_commits(void **state)
{
    struct fixture *f = *state;
    char log_path[112];
    snprintf(log_path, sizeof log_path, "%s-wal", f->path);
    mb_ledger_checkpoint(f->ledger);
    record_numbers(f, false);
    struct bytes file = read_file(f->path), log = read_file(log_path);
    int least = COMMITS, most = 0;
    for (int i = 0; i < 150; i++) {
        struct bytes cut = {log.data, random_below((uint32_t)log.len)};
        int commits = commits_in_copy(f, file, cut);
        assert_in_range(commits, 0, COMMITS);
        least = commits < least ? commits : least;
        most = commits > most ? commits : most;
    }
    assert_true(least < 5 && most > COMMITS - 5);
    for (int i = 0; i < 50; i++) { /* torn in its middle: what comes behind does not count */
        size_t at = random_below((uint32_t)log.len);
        log.data[at] = (char)(log.data[at] ^ 0x40);
        assert_in_range(commits_in_copy(f, file, log), 0, COMMITS);
        log.data[at] = (char)(log.data[at] ^ 0x40);
    }
    assert_int_equal(commits_in_copy(f, file, log), COMMITS);
    free(file.data);
    free(log.data);
}

/* Cut at any place it opens whole or not at all; a few bytes short of a page is the hard part. */
static void a_cut_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct bytes none = {0};
    record_numbers(f, true);
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    struct bytes file = read_file(f->path);
    for (int i = 0; i < 150; i++) {
        struct bytes cut = {file.data, 1 + random_below((uint32_t)file.len - 1)};
        assert_int_equal(commits_in_copy(f, cut, none), -1);
    }
    assert_int_equal(commits_in_copy(f, file, none), COMMITS);
    free(file.data);
    open_ledger(f);
}

/* The log was moved in part, then both files are cut: never a gap, never half a commit. */
static void cuts_of_file_and_log_never_leave_a_gap(void **state)
{
    struct fixture *f = *state;
    char log_path[112];
    snprintf(log_path, sizeof log_path, "%s-wal", f->path);
    record_numbers(f, true);
    struct bytes file = read_file(f->path), log = read_file(log_path);
    int opened = 0;
    for (int i = 0; i < 200; i++) {
        bool both = i % 2 == 0;
        struct bytes a = {file.data, both ? 1 + random_below((uint32_t)file.len - 1) : file.len};
        struct bytes b = {log.data, 1 + random_below((uint32_t)log.len - 1)};
        opened += commits_in_copy(f, a, b) >= 0;
    }
    print_message("  %d of 200 opened\n", opened);
    assert_int_equal(commits_in_copy(f, file, log), COMMITS);
    free(file.data);
    free(log.data);
}

static void what_is_no_ledger_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char rubbish[] =
        "this is a text, longer than the hundred bytes that the header of "
        "a database has, and no database at all";
    struct bytes bytes = {(char *)rubbish, sizeof rubbish}, after;
    struct mb_error err = {0};
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    empty_folder(f->dir);
    write_file(f->path, bytes);
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, &err), MB_ESYNTAX);
    assert_string_equal(err.where, f->path);
    assert_null(f->ledger);
    after = read_file(f->path);
    assert_int_equal(after.len, bytes.len);
    assert_memory_equal(after.data, rubbish, bytes.len);
    free(after.data);
}

static void a_ledger_of_a_later_version_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    sqlite3 *db = NULL;
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, &err), MB_EIO);
    assert_non_null(strstr(err.what, "later"));
}

static void a_missing_folder_is_an_io_error(void **state)
{
    (void)state;
    struct mb_ledger *ledger = NULL;
    struct mb_error err = {0};
    assert_int_equal(mb_ledger_open("/no/such/folder", &ledger, &err), MB_EIO);
    assert_string_equal(err.where, "/no/such/folder/ledger.db");
    mb_ledger_close(NULL);
}

/* A child does it, for the test may run as root, whom no permission stops. */
static void a_folder_that_is_read_only_is_an_io_error(void **state)
{
    struct fixture *f = *state;
    int status = 0;
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    assert_int_equal(chmod(f->dir, 0555), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct mb_ledger *ledger = NULL;
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        _exit(mb_ledger_open(f->dir, &ledger, NULL) == MB_EIO ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(f->dir, 0755), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- a disk that fails --- */

static void start_afresh(struct fixture *f)
{
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    empty_folder(f->dir);
    open_ledger(f);
}

/* Whatever call fails, once or for good: nothing told is lost, nothing is there twice, and the next
 * good commit succeeds. */
static void a_failed_commit_changes_nothing(void **state)
{
    struct fixture *f = *state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        failed = false;
        for (int once = 0; once <= 1; once++) {
            start_afresh(f);
            append_all(f, KEYS("a"), NULL);
            commit(f);
            append_all(f, KEYS("b", "a", "c"), NULL);
            bad_disk.on = true;
            bad_disk.calls_to_failure = n;
            bad_disk.heals = once;
            bool this_failed = mb_ledger_commit(f->ledger, NULL) == MB_EIO;
            bad_disk.on = false;
            deliver(f);
            assert_int_equal(f->n_told, this_failed ? 1 : 4);
            assert_int_equal(mb_ledger_pending(f->ledger), this_failed);
            append_all(f, KEYS("d", "b"), NULL);
            commit(f);
            deliver(f);
            if (this_failed) {
                assert_keys(f->told, f->n_told, KEYS("b", "a", "c", "d", "b"));
            }
            reopen(f);
            assert_keys(f->read, f->n_read, KEYS("a", "b", "c", "d"));
            failed = failed || this_failed;
        }
        assert_true(n < 100);
    }
    assert_true(bad_disk.failures > 4);
}

static void what_is_abandoned_can_be_appended_again(void **state)
{
    struct fixture *f = *state;
    int ticket = 0, rc = MB_EIO;
    for (int n = 0; rc; n++) {
        start_afresh(f);
        append_all(f, KEYS("a"), NULL);
        commit(f);
        append_all(f, KEYS("b", "a", "b", "c"), &ticket);
        bad_disk.on = true;
        bad_disk.calls_to_failure = n;
        bad_disk.heals = false;
        rc = mb_ledger_commit(f->ledger, NULL);
        bad_disk.on = false;
        if (rc == 0) {
            break;
        }
        f->n_failed = 0;
        mb_ledger_abandon(f->ledger, on_failed, f);
        assert_keys(f->failed, f->n_failed, KEYS("b", "a", "b", "c"));
        assert_ptr_equal(f->failed[0].ticket, &ticket);
        assert_false(mb_ledger_pending(f->ledger));
        append_all(f, KEYS("b"), NULL);
        commit(f);
        deliver(f);
        assert_false(f->told[f->n_told - 1].duplicate);
        reopen(f);
        assert_keys(f->read, f->n_read, KEYS("a", "b"));
        assert_true(n < 100);
    }
}

/* A failed checkpoint loses nothing, and the next one moves what it left. */
static void a_failed_checkpoint_loses_nothing(void **state)
{
    struct fixture *f = *state;
    for (int n = 0; n < 40; n++) {
        start_afresh(f);
        record_numbers(f, false);
        bad_disk.on = true;
        bad_disk.calls_to_failure = n;
        bad_disk.heals = n % 2;
        mb_ledger_checkpoint(f->ledger);
        bad_disk.on = false;
        append_all(f, KEYS("x"), NULL);
        commit(f);
        deliver(f);
        mb_ledger_checkpoint(f->ledger);
        reopen(f);
        assert_int_equal(f->n_read, COMMITS * A_COMMIT + 1);
    }
}

/* A file that may not grow is what a full disk looks like. */
static void a_full_disk_refuses_until_there_is_room(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small;
    record_numbers(f, false);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)size_of(f, "-wal") + 10;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    append_all(f, KEYS("x", "y"), NULL);
    struct mb_error err = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mb_ledger_commit(f->ledger, &err), MB_EIO);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_string_equal(err.where, f->path);
    commit(f);
    deliver(f);
    reopen(f);
    assert_int_equal(f->n_read, COMMITS * A_COMMIT + 2);
}

/* --- the log is moved --- */

static void the_log_stays_small_and_the_file_has_it_all(void **state)
{
    struct fixture *f = *state;
    enum { EVENTS = 60000, BATCH = 200 };
    struct mb_event *events = calloc(BATCH, sizeof *events);
    off_t longest = 0;
    int checkpoints = 0;
    char keys[BATCH][32];
    for (int i = 0; i < EVENTS; i += BATCH) {
        for (int j = 0; j < BATCH; j++) {
            snprintf(keys[j], sizeof keys[j], "%012x", i + j);
            events[j] = event_of(keys[j]);
        }
        assert_int_equal(mb_ledger_append(f->ledger, events, BATCH, NO_ORIGIN, NULL), 0);
        commit(f);
        f->n_told = 0;
        deliver(f);
        if (mb_ledger_wants_checkpoint(f->ledger, true)) {
            mb_ledger_checkpoint(f->ledger);
            checkpoints++;
        }
        assert_false(mb_ledger_wants_checkpoint(f->ledger, true));
        longest = size_of(f, "-wal") > longest ? size_of(f, "-wal") : longest;
    }
    assert_in_range(checkpoints, 2, EVENTS / BATCH);
    assert_in_range(longest, 1 << 20, 8 << 20);
    free(events);
    read_all(f);
    assert_int_equal(f->n_read, EVENTS);
}

static double seconds_since(int64_t start_ns)
{
    return (double)(mb_time_boot_ns() - start_ns) / 1e9;
}

/* A figure to look at, not a promise: machines differ. */
static void hundred_thousand_events(void **state)
{
    struct fixture *f = *state;
    enum { EVENTS = 100000, BATCH = 1000 };
    struct mb_event *events = calloc(BATCH, sizeof *events);
    char(*keys)[64] = calloc(BATCH, sizeof *keys);
    int64_t start_ns = mb_time_boot_ns();
    for (int i = 0; i < EVENTS; i += BATCH) {
        for (int j = 0; j < BATCH; j++) {
            snprintf(keys[j], sizeof keys[j], "%012x:%08x%014x:win", (i + j) / 7,
                     random_below(UINT32_MAX), i + j);
            events[j] = event_of(keys[j]);
            events[j].attributed = true;
            events[j].time_ms = 1772442000123 + i;
            events[j].auction_id = MB_SLICE("9007199254740993");
            events[j].raw = MB_SLICE("{\"id\":9007199254740993,\"price\":0.42,\"zone\":\"z\"}");
        }
        assert_int_equal(mb_ledger_append(f->ledger, events, BATCH, NO_ORIGIN, NULL), 0);
        commit(f);
        f->n_told = 0;
        deliver(f);
        if (mb_ledger_wants_checkpoint(f->ledger, false)) {
            mb_ledger_checkpoint(f->ledger);
        }
    }
    double seconds = seconds_since(start_ns);
    print_message("  %.0f events/s in batches of %d, %.0f bytes an event\n", EVENTS / seconds,
                  BATCH, (double)(size_of(f, "") + size_of(f, "-wal")) / EVENTS);
    start_ns = mb_time_boot_ns();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(append(f, "", NULL), 0);
        commit(f);
        f->n_told = 0;
        deliver(f);
    }
    print_message("  %.2f ms a commit of one event\n", seconds_since(start_ns) * 5);
    free(keys);
    free(events);
}

/* --- sums --- */

struct summed {
    struct mb_spend spend;
    char strategy[16];
    struct mb_spend_part recent[8];
    uint64_t per_key;
    int64_t per_nanos;
    int n_strategies, n_keys;
};

static void on_spend(void *user, const struct mb_spend *spend)
{
    struct summed *s = user;
    s->spend = *spend;
    snprintf(s->strategy, sizeof s->strategy, "%.*s", MB_SLICE_ARG(spend->strategy));
    assert_true(spend->n_recent <= 8);
    memcpy(s->recent, spend->recent, spend->n_recent * sizeof *s->recent);
    s->n_strategies++;
}

static void on_per_key(void *user, uint64_t key, struct mb_amount spent)
{
    struct summed *s = user;
    s->per_key = key;
    s->per_nanos = spent.nanos;
    s->n_keys++;
}

#define HOUR_MS INT64_C(3600000)

static void spend_is_summed_up_as_it_was_booked(void **state)
{
    struct fixture *f = *state;
    const int64_t now_ms = 500000 * HOUR_MS;
    const struct {
        const char *key;
        int64_t time_ms;
        enum mb_model model;
        enum mb_event_type type;
        int64_t nanos;
        uint64_t per_key;
        bool books, attributed, test;
    } rows[] = {
        {"1", now_ms - 100 * HOUR_MS, MB_MODEL_CPM, MB_EVENT_WIN, 1000, 0, true, true, false},
        {"2", now_ms - 2 * HOUR_MS, MB_MODEL_CPC, MB_EVENT_BILLING, 200, UINT64_MAX, true, true, 0},
        {"3", now_ms + 1, MB_MODEL_CPM, MB_EVENT_WIN, 30, 0, true, true, false},
        {"3", now_ms + 1, MB_MODEL_CPM, MB_EVENT_WIN, 30, 0, true, true, false}, /* duplicate */
        {"4", now_ms + 899999, MB_MODEL_SMART_CPC, MB_EVENT_WIN, 4, UINT64_MAX, true, true, false},
        {"5", now_ms, MB_MODEL_CPM, MB_EVENT_LOSS, 0, 0, false, true, false},
        {"6", now_ms, MB_MODEL_CPM, MB_EVENT_WIN, 7777, 1, true, true, true},   /* a test */
        {"7", now_ms, MB_MODEL_CPM, MB_EVENT_WIN, 7777, 1, true, false, false}, /* nobody's */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_event event = event_of(rows[i].key);
        event.time_ms = rows[i].time_ms;
        event.model = rows[i].model;
        event.type = rows[i].type;
        event.cost.nanos = rows[i].nanos;
        event.per_key = rows[i].per_key;
        event.books = rows[i].books;
        event.attributed = rows[i].attributed;
        event.test = rows[i].test;
        assert_int_equal(mb_ledger_append(f->ledger, &event, 1, NO_ORIGIN, NULL), 0);
        reopen_after_commit(f);
    }
    struct summed s = {0};
    assert_int_equal(
        mb_ledger_each_spend(f->ledger, now_ms, 50 * HOUR_MS, on_spend, on_per_key, &s, NULL), 0);
    assert_int_equal(s.n_strategies, 1);
    assert_string_equal(s.strategy, "de_push");
    assert_int_equal(s.spend.total.nanos, 1234);
    assert_int_equal(s.spend.impressions, 2);
    assert_int_equal(s.spend.clicks, 2);
    assert_int_equal(s.spend.events[MB_EVENT_WIN], 3);
    assert_int_equal(s.spend.events[MB_EVENT_BILLING], 1);
    assert_int_equal(s.spend.events[MB_EVENT_LOSS], 1);
    assert_int_equal(s.spend.n_recent, 2);
    assert_int_equal(s.recent[0].start_ms, now_ms - 2 * HOUR_MS);
    assert_int_equal(s.recent[0].cost.nanos, 200);
    assert_int_equal(s.recent[1].start_ms, now_ms);
    assert_int_equal(s.recent[1].cost.nanos, 34);
    assert_int_equal(s.n_keys, 1);
    assert_true(s.per_key == UINT64_MAX);
    assert_int_equal(s.per_nanos, 204);
}

/* --- the file of the version before --- */

static void write_old(const struct fixture *f, const char *text)
{
    char path[112];
    snprintf(path, sizeof path, "%s/ledger.ndjson", f->dir);
    write_file(path, (struct bytes){(char *)text, strlen(text)});
}

static void the_file_of_the_version_before_is_taken_over_once(void **state)
{
    struct fixture *f = *state;
    char path[112];
    write_old(f, "{\"type\":\"win\",\"key\":\"b:win\",\"bid_time_ms\":16,\"attributed\":true}\n"
                 "{\"type\":\"win\",\"key\":\"b:win\",\"bid_time_ms\":16,\"attributed\":true}\n"
                 "{\"type\":\"loss\",\"key\":\"x\"}\n"
                 "{\"type\":\"other\",\"time_ms\":3}\n"
                 "{\"type\":\"other\",\"time_ms\":3}\n"
                 "{\"type\":\"win\",\"key\":\"torn");
    reopen(f);
    assert_keys(
        f->read, f->n_read,
        KEYS("000000000000:x", "000000000003:~0-4", "000000000003:~0-5", "000000000010:b:win"));
    snprintf(path, sizeof path, "%s/ledger.ndjson.imported", f->dir);
    assert_int_equal(access(path, F_OK), 0);
    reopen(f);
    assert_int_equal(f->n_read, 4);
    /* as after a kill between the last commit and the new name */
    write_old(f, "{\"type\":\"loss\",\"key\":\"x\"}\n{\"type\":\"loss\",\"key\":\"y\"}\n");
    reopen(f);
    assert_int_equal(f->n_read, 5);
}

static void damage_in_the_file_of_the_version_before_is_refused_with_its_line(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    char where[128];
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    write_old(f, "{\"type\":\"win\"}\nrubbish\n{\"type\":\"win\"}\n");
    snprintf(where, sizeof where, "%s/ledger.ndjson:2", f->dir);
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, &err), MB_ESYNTAX);
    assert_string_equal(err.where, where);
}

/* --- salvage --- */

static void salvage_finds_what_damage_has_left(void **state)
{
    struct fixture *f = *state;
    char salvaged[112];
    snprintf(salvaged, sizeof salvaged, "%s/ledger.salvaged.db", f->dir);
    record_numbers(f, true);
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    struct bytes file = read_file(f->path);
    uint64_t most = 0, saved = 0;
    int none = 0;
    for (int i = 0; i < 60; i++) {
        struct bytes hurt = {file.data, file.len};
        size_t at = 4096 + random_below((uint32_t)file.len - 4096 - 512);
        char before[512];
        memcpy(before, file.data + at, sizeof before);
        if (i % 2) {
            memset(file.data + at, 0xa5, sizeof before);
        } else {
            hurt.len = at;
        }
        write_file(f->path, hurt);
        struct mb_error err = {0};
        int rc = mb_ledger_salvage(f->dir, &saved, &err);
        if (rc && (rc != MB_ESYNTAX || saved > 0)) {
            fail_msg("%s: %s", err.where, err.what);
        }
        none += rc != 0;
        most = saved > most ? saved : most;
        assert_int_equal(access(salvaged, F_OK) == 0, rc == 0);
        if (rc == 0) {
            assert_int_equal(mb_ledger_salvage(f->dir, &saved, &err), MB_EBUSY);
            assert_int_equal(rename(salvaged, f->path), 0);
            read_all(f);
            for (size_t j = 1; j < f->n_read; j++) {
                assert_true(strcmp(f->read[j - 1].key, f->read[j].key) < 0);
            }
        }
        memcpy(file.data + at, before, sizeof before);
    }
    assert_true(most > COMMITS * A_COMMIT / 2);
    print_message("  nothing was left in %d of 60\n", none);
    assert_in_range(none, 0, 30);
    write_file(f->path, file);
    assert_int_equal(mb_ledger_salvage(f->dir, &saved, NULL), 0);
    assert_int_equal(saved, COMMITS * A_COMMIT);
    free(file.data);
}

static void salvage_without_a_ledger_says_so(void **state)
{
    struct fixture *f = *state;
    uint64_t saved = 0;
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    empty_folder(f->dir);
    assert_int_equal(mb_ledger_salvage(f->dir, &saved, NULL), MB_ENOTFOUND);
    assert_int_equal(mb_ledger_each(f->dir, on_event, f, NULL), MB_ENOTFOUND);
}

/* --- a thread that commits while the owner appends --- */

struct committer {
    struct mb_ledger *ledger;
    atomic_bool stop;
    int failures;
};

static void *commit_until_stopped(void *user)
{
    struct committer *c = user;
    while (!atomic_load(&c->stop)) {
        bad_disk.on = true;
        bad_disk.heals = true;
        bad_disk.calls_to_failure = (int)random_below(200);
        c->failures += mb_ledger_commit(c->ledger, NULL) != 0;
        bad_disk.on = false;
    }
    return NULL;
}

static void appending_goes_on_while_a_commit_runs(void **state)
{
    enum { EVENTS = 20000, DISTINCT = 15000 };
    struct fixture *f = *state;
    struct committer c = {.ledger = f->ledger};
    pthread_t thread;
    char key[32];
    assert_int_equal(pthread_create(&thread, NULL, commit_until_stopped, &c), 0);
    f->n_told = 0;
    for (int i = 0; i < EVENTS; i++) {
        snprintf(key, sizeof key, "%06d", i % DISTINCT);
        assert_int_equal(append(f, key, NULL), 0);
        if (i % 16 == 0) {
            mb_ledger_deliver(f->ledger, on_durable, f);
        }
    }
    while (mb_ledger_pending(f->ledger)) {
        mb_ledger_deliver(f->ledger, on_durable, f);
    }
    atomic_store(&c.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    commit(f);
    mb_ledger_deliver(f->ledger, on_durable, f);
    assert_int_equal(f->n_told, EVENTS);
    for (int i = 0; i < EVENTS; i++) {
        assert_int_equal(atoi(f->told[i].key), i % DISTINCT);
        assert_int_equal(f->told[i].duplicate, i >= DISTINCT);
    }
    reopen(f);
    assert_int_equal(f->n_read, DISTINCT);
    for (int i = 0; i < DISTINCT; i++) {
        assert_int_equal(atoi(f->read[i].key), i);
    }
}

int main(void)
{
    bad_disk_install();
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_told_after_its_commit_and_read_after_a_restart),
        CASE(what_was_not_committed_is_not_there),
        CASE(a_duplicate_is_told_and_not_written),
        CASE(a_duplicate_with_another_price_is_told),
        CASE(a_key_of_invalid_utf8_is_known_again_after_a_restart),
        CASE(events_without_a_key_are_all_distinct),
        CASE(what_the_same_sender_sends_again_is_told_from_a_duplicate),
        CASE(an_event_without_key_that_is_sent_again_is_there_once),
        CASE(the_queue_is_bounded),
        CASE(a_cut_log_leaves_whole_commits),
        CASE(a_cut_file_is_refused),
        CASE(cuts_of_file_and_log_never_leave_a_gap),
        CASE(what_is_no_ledger_is_refused_and_left_alone),
        CASE(a_ledger_of_a_later_version_is_refused),
        CASE(a_missing_folder_is_an_io_error),
        CASE(a_folder_that_is_read_only_is_an_io_error),
        CASE(a_failed_commit_changes_nothing),
        CASE(what_is_abandoned_can_be_appended_again),
        CASE(a_failed_checkpoint_loses_nothing),
        CASE(a_full_disk_refuses_until_there_is_room),
        CASE(the_log_stays_small_and_the_file_has_it_all),
        CASE(hundred_thousand_events),
        CASE(spend_is_summed_up_as_it_was_booked),
        CASE(the_file_of_the_version_before_is_taken_over_once),
        CASE(damage_in_the_file_of_the_version_before_is_refused_with_its_line),
        CASE(salvage_finds_what_damage_has_left),
        CASE(salvage_without_a_ledger_says_so),
        CASE(appending_goes_on_while_a_commit_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
