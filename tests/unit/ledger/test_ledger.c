/* The ledger through restarts, power cuts and full disks: what was told as durable is there, once.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

enum { TOLD_MAX = 70000 };

struct told {
    char key[32];
    void *ticket;
    bool duplicate;
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

static void on_event(void *user, const struct mb_event *event)
{
    struct fixture *f = user;
    assert_true(f->n_read < TOLD_MAX);
    snprintf(f->read[f->n_read++].key, 32, "%.*s", MB_SLICE_ARG(event->key));
}

static void on_durable(void *user, void *ticket, const struct mb_event *event, bool duplicate)
{
    struct fixture *f = user;
    assert_true(f->n_told < TOLD_MAX);
    struct told *told = &f->told[f->n_told++];
    snprintf(told->key, sizeof told->key, "%.*s", MB_SLICE_ARG(event->key));
    told->ticket = ticket;
    told->duplicate = duplicate;
}

static void on_failed(void *user, void *ticket, const struct mb_event *event)
{
    struct fixture *f = user;
    struct told *failed = &f->failed[f->n_failed++];
    snprintf(failed->key, sizeof failed->key, "%.*s", MB_SLICE_ARG(event->key));
    failed->ticket = ticket;
}

static void open_ledger(struct fixture *f)
{
    struct mb_error err = {0};
    f->n_read = 0;
    if (mb_ledger_open(f->dir, on_event, f, &f->ledger, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
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

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/moonbid-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/ledger.ndjson", f->dir);
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
    unlink(f->path);
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
    return mb_ledger_append(f->ledger, &event, 1, ticket);
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

static off_t file_size(const struct fixture *f)
{
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    return st.st_size;
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
    assert_int_equal(file_size(f), 0);
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
    off_t before = file_size(f);
    commit(f);
    deliver(f);
    assert_int_equal(f->n_told, 1);
    assert_true(f->told[0].duplicate);
    assert_int_equal(file_size(f), before);
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

static void the_queue_is_bounded(void **state)
{
    struct fixture *f = *state;
    enum { BOUND = 65536 };
    struct mb_event *events = calloc(BOUND + 1, sizeof *events);
    for (size_t i = 0; i <= BOUND; i++) {
        events[i] = event_of("");
    }
    assert_int_equal(mb_ledger_append(f->ledger, events, BOUND + 1, NULL), MB_ENOMEM);
    assert_false(mb_ledger_pending(f->ledger));
    assert_int_equal(mb_ledger_append(f->ledger, events, BOUND, NULL), 0);
    assert_int_equal(mb_ledger_append(f->ledger, events, 1, NULL), MB_ENOMEM);
    commit(f);
    deliver(f);
    assert_int_equal(f->n_told, BOUND);
    assert_int_equal(mb_ledger_append(f->ledger, events, 1, NULL), 0);
    free(events);
}

/* --- power cuts and damage --- */

static char *read_file(const struct fixture *f, size_t *len)
{
    *len = (size_t)file_size(f);
    char *bytes = malloc(*len + 1);
    FILE *file = fopen(f->path, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    fclose(file);
    bytes[*len] = 0;
    return bytes;
}

static void write_file(const struct fixture *f, const char *bytes, size_t len)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static size_t lines_in(const char *bytes, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += bytes[i] == '\n';
    }
    return lines;
}

static void a_cut_at_any_byte_keeps_all_whole_lines(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    append_all(f, KEYS("a", "b", "c"), NULL);
    commit(f);
    char *bytes = read_file(f, &len);
    for (size_t cut = 0; cut <= len; cut++) {
        size_t whole = lines_in(bytes, cut);
        write_file(f, bytes, cut);
        reopen(f);
        assert_int_equal(f->n_read, whole);
        append_all(f, KEYS("a", "b", "c", "d"), NULL); /* as exchanges do that got no answer */
        commit(f);
        deliver(f);
        assert_int_equal(f->n_told, 4);
        reopen(f);
        assert_keys(f->read, f->n_read, KEYS("a", "b", "c", "d"));
    }
    free(bytes);
}

static void a_tail_of_zeros_is_cut_off(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    append_all(f, KEYS("a"), NULL);
    commit(f);
    char *bytes = read_file(f, &len);
    char *longer = calloc(1, len + 5000);
    memcpy(longer, bytes, len);
    write_file(f, longer, len + 5000);
    reopen(f);
    assert_keys(f->read, f->n_read, KEYS("a"));
    assert_int_equal(file_size(f), len);
    free(longer);
    free(bytes);
}

static void damage_elsewhere_is_refused_with_its_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        unsigned line;
    } rows[] = {
        {"{\"type\":\"win\"}\nrubbish\n{\"type\":\"win\"}\n", 2},
        {"\n{\"type\":\"win\"}\n", 1},
        {"{\"type\":\"win\"}\n{\"type\":\"win\"}\n{\"type\":\"win\",\n", 3},
        {"{\"type\":\"win\"}\n{\"type\":\"\xff\"}\ntorn", 2},
    };
    mb_ledger_close(f->ledger);
    f->ledger = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_error err = {0};
        char where[128];
        write_file(f, rows[i].bytes, strlen(rows[i].bytes));
        snprintf(where, sizeof where, "%s:%u", f->path, rows[i].line);
        assert_int_equal(mb_ledger_open(f->dir, NULL, NULL, &f->ledger, &err), MB_ESYNTAX);
        assert_string_equal(err.where, where);
        assert_null(f->ledger);
        assert_int_equal(file_size(f), strlen(rows[i].bytes)); /* nothing was touched */
    }
}

static void a_missing_folder_is_an_io_error(void **state)
{
    (void)state;
    struct mb_ledger *ledger = NULL;
    struct mb_error err = {0};
    assert_int_equal(mb_ledger_open("/no/such/folder", NULL, NULL, &ledger, &err), MB_EIO);
    assert_string_equal(err.where, "/no/such/folder/ledger.ndjson");
    mb_ledger_close(NULL);
}

/* --- a disk that fails on its n-th call --- */

static int calls_to_failure; /* counts down; 0: this one and all later fail */
static bool heals;           /* only that one */

static bool fails_now(void)
{
    if (calls_to_failure > 0) {
        calls_to_failure--;
        return false;
    }
    if (heals) {
        calls_to_failure = 1000000;
    }
    errno = ENOSPC;
    return true;
}

/* Short writes; the failing one leaves three bytes behind. */
static ssize_t short_pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (fails_now()) {
        int why = errno;
        assert_int_equal(pwrite(fd, data, 3, at), 3);
        errno = why;
        return -1;
    }
    return pwrite(fd, data, len < 97 ? len : 97, at);
}

static int failing_sync(int fd)
{
    return fails_now() ? -1 : fdatasync(fd);
}

static int failing_truncate(int fd, off_t len)
{
    return fails_now() ? -1 : ftruncate(fd, len);
}

static const struct mb_ledger_disk bad_disk = {short_pwrite, failing_sync, failing_truncate};
static const struct mb_ledger_disk good_disk = {pwrite, fdatasync, ftruncate};

/* Whatever call fails, once or for good: nothing told is lost, nothing is there twice, and the next
 * good commit succeeds. */
static void a_failed_commit_changes_nothing(void **state)
{
    struct fixture *f = *state;
    bool failed = true;
    for (int n = 0; failed; n++) {
        for (int once = 0; once <= 1; once++) {
            assert_int_equal(truncate(f->path, 0), 0);
            reopen(f);
            append_all(f, KEYS("a"), NULL);
            commit(f);
            append_all(f, KEYS("b", "a", "c"), NULL);
            mb__ledger_set_disk(f->ledger, &bad_disk);
            calls_to_failure = n;
            heals = once;
            failed = mb_ledger_commit(f->ledger, NULL) == MB_EIO;
            mb__ledger_set_disk(f->ledger, &good_disk);
            deliver(f);
            assert_int_equal(f->n_told, failed ? 1 : 4);
            assert_int_equal(mb_ledger_pending(f->ledger), failed);
            append_all(f, KEYS("d", "b"), NULL);
            commit(f);
            deliver(f);
            if (failed) {
                assert_keys(f->told, f->n_told, KEYS("b", "a", "c", "d", "b"));
            }
            reopen(f);
            assert_keys(f->read, f->n_read, KEYS("a", "b", "c", "d"));
        }
        assert_true(n < 100);
    }
}

/* A batch that was given up leaves nothing in the file, even where a shorter one follows it. */
static void what_is_abandoned_can_be_appended_again(void **state)
{
    struct fixture *f = *state;
    int ticket = 0;
    append_all(f, KEYS("a"), NULL);
    commit(f);
    for (int n = 0; n < 9; n++) {
        append_all(f, KEYS("b", "a", "b", "a-long-key-that-leaves-an-end"), &ticket);
        mb__ledger_set_disk(f->ledger, &bad_disk);
        calls_to_failure = n;
        heals = false;
        int rc = mb_ledger_commit(f->ledger, NULL);
        mb__ledger_set_disk(f->ledger, &good_disk);
        if (rc == 0) {
            break;
        }
        f->n_failed = 0;
        mb_ledger_abandon(f->ledger, on_failed, f);
        assert_keys(f->failed, f->n_failed, KEYS("b", "a", "b", "a-long-key-that-leaves-an-end"));
        assert_ptr_equal(f->failed[0].ticket, &ticket);
        assert_false(mb_ledger_pending(f->ledger));
        append_all(f, KEYS("b"), NULL);
        commit(f);
        deliver(f);
        assert_false(f->told[f->n_told - 1].duplicate);
        reopen(f);
        assert_keys(f->read, f->n_read, KEYS("a", "b"));
        assert_int_equal(truncate(f->path, file_size(f) / 2), 0);
        reopen(f);
        assert_keys(f->read, f->n_read, KEYS("a"));
    }
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
        c->failures += mb_ledger_commit(c->ledger, NULL) != 0;
    }
    return NULL;
}

static ssize_t rarely_failing_pwrite(int fd, const void *data, size_t len, off_t at)
{
    static unsigned calls;
    if (++calls % 7 == 0) {
        errno = EIO;
        return -1;
    }
    return pwrite(fd, data, calls % 5 == 0 ? (len + 1) / 2 : len, at);
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static void appending_goes_on_while_a_commit_runs(void **state)
{
    enum { EVENTS = 20000, DISTINCT = 15000 };
    static const struct mb_ledger_disk flaky = {rarely_failing_pwrite, no_sync, ftruncate};
    struct fixture *f = *state;
    struct committer c = {.ledger = f->ledger};
    pthread_t thread;
    char key[32];
    mb__ledger_set_disk(f->ledger, &flaky);
    assert_int_equal(pthread_create(&thread, NULL, commit_until_stopped, &c), 0);
    f->n_told = 0;
    for (int i = 0; i < EVENTS; i++) {
        snprintf(key, sizeof key, "%d", i % DISTINCT);
        assert_int_equal(append(f, key, NULL), 0);
        if (i % 16 == 0) {
            mb_ledger_deliver(f->ledger, on_durable, f);
        }
    }
    int64_t deadline = mb_time_boot_ns() + INT64_C(20000000000);
    while (f->n_told < EVENTS && mb_time_boot_ns() < deadline) {
        mb_ledger_deliver(f->ledger, on_durable, f);
    }
    atomic_store(&c.stop, true);
    pthread_join(thread, NULL);
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
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_told_after_its_commit_and_read_after_a_restart),
        CASE(what_was_not_committed_is_not_there),
        CASE(a_duplicate_is_told_and_not_written),
        CASE(a_key_of_invalid_utf8_is_known_again_after_a_restart),
        CASE(events_without_a_key_are_all_distinct),
        CASE(the_queue_is_bounded),
        CASE(a_cut_at_any_byte_keeps_all_whole_lines),
        CASE(a_tail_of_zeros_is_cut_off),
        CASE(damage_elsewhere_is_refused_with_its_line),
        CASE(a_missing_folder_is_an_io_error),
        CASE(a_failed_commit_changes_nothing),
        CASE(what_is_abandoned_can_be_appended_again),
        CASE(appending_goes_on_while_a_commit_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
