/* test_books.c - a worker's end and the bookkeeper, with real processes that are killed. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "books.h"

enum { EVENTS_MAX = 40000, DEADLINE_MS = 60000, SLOW_MS = 200 };

/* What one worker's end has told; the ticket is the event's number + 1. */
struct worker {
    struct mb__post *post;
    bool shut_spool; /* its jobs are not run */
    size_t n_safe, n_failed, n_new, n_duplicate;
    unsigned char safe[EVENTS_MAX], failed[EVENTS_MAX];
};

struct fixture {
    char dir[64];
    int listener, life[2];
    struct mb__line_address address;
    struct mb_guard *guard;
    struct mb__books_page *page;
    pid_t bookkeeper; /* 0: none */
    struct worker worker;
    size_t n_recorded; /* counted by read_ledger */
};

static void drop_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user, (void)level, (void)line, (void)len;
}

static int64_t now_ms(void)
{
    return mb_time_boot_ns() / 1000000;
}

/* --- the worker --- */

static void on_safe(void *user, void *ticket)
{
    struct worker *w = user;
    w->n_safe++;
    w->safe[(uintptr_t)ticket - 1]++;
}

static void on_failed(void *user, void *ticket)
{
    struct worker *w = user;
    w->n_failed++;
    w->failed[(uintptr_t)ticket - 1]++;
}

static void on_fate(void *user, void *ticket, const struct mb_event *event, enum mb_event_fate fate)
{
    (void)ticket;
    struct worker *w = user;
    assert_true(event->attributed);
    *(fate != MB_EVENT_NEW ? &w->n_duplicate : &w->n_new) += 1;
}

static void start_worker(struct fixture *f, struct worker *w, const char *dir, int64_t slow_ms)
{
    memset(w, 0, sizeof(*w));
    w->post = mb__xpost_new(&(struct mb__post_options){.address = f->address,
                                                       .data_dir = dir,
                                                       .slow_ms = slow_ms,
                                                       .on_safe = on_safe,
                                                       .on_failed = on_failed,
                                                       .on_fate = on_fate,
                                                       .user = w});
}

static void turn(struct worker *w, int timeout)
{
    struct pollfd fd = {.fd = mb__post_fd(w->post), .events = POLLIN};

    (void)poll(&fd, 1, timeout);
    mb__post_ready(w->post, now_ms());
    mb__post_tick(w->post, now_ms());
    if (!w->shut_spool && mb__post_spool_begin(w->post, now_ms())) {
        mb__post_spool_run(w->post);
        mb__post_spool_end(w->post);
    }
}

/* Turns until `done` of the worker is so many. */
static void turn_until(struct worker *w, const size_t *done, size_t count)
{
    int64_t until = now_ms() + DEADLINE_MS;
    while (*done < count) {
        assert_true(now_ms() < until);
        turn(w, 5);
    }
}

/* Turns until so many fates are known: on a slow machine events may be safe before, in the spool. */
static void turn_until_told(struct worker *w, size_t count)
{
    int64_t until = now_ms() + DEADLINE_MS;
    while (w->n_new + w->n_duplicate < count) {
        assert_true(now_ms() < until);
        turn(w, 5);
    }
}

static struct mb_event event_of(const char *key)
{
    return (struct mb_event){
        .type = MB_EVENT_WIN,
        .time_ms = 1772442000123,
        .bid_time_ms = 1772442000000,
        .key = mb_slice_of(key),
        .strategy = MB_SLICE("de_push"),
        .model = MB_MODEL_CPM,
        .post_pending = -1,
        .response_time_ms = -1,
        .attributed = true,
        .books = true,
        .cost = {1000},
        .per_key = 77,
    };
}

static void send_key(struct worker *w, const char *key, size_t number)
{
    struct mb_event event = event_of(key);
    void *ticket = (void *)(uintptr_t)(number + 1);
    assert_int_equal(mb__post_send(w->post, &event, 1, ticket, now_ms()), 0);
    mb__post_flush(w->post, now_ms());
}

/* --- the bookkeeper --- */

static void start_bookkeeper(struct fixture *f)
{
    f->bookkeeper = fork();
    assert_true(f->bookkeeper >= 0);
    if (f->bookkeeper == 0) {
        struct mb__bookkeeper_options options = {.listener = f->listener,
                                                 .life_fd = f->life[0],
                                                 .grace_ms = 2000,
                                                 .data_dir = f->dir,
                                                 .guard = f->guard,
                                                 .page = f->page};
        close(f->life[1]);
        _exit(mb__bookkeeper_run(&options));
    }
}

static int end_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void kill_bookkeeper(struct fixture *f)
{
    kill(f->bookkeeper, SIGKILL);
    assert_true(WIFSIGNALED(end_of(f->bookkeeper)));
    f->bookkeeper = 0;
}

/* As the supervisor does at the end: the last worker has gone, the pipe closes. */
static void stop_bookkeeper(struct fixture *f)
{
    close(f->life[1]);
    f->life[1] = -1;
    assert_int_equal(end_of(f->bookkeeper), 0);
    f->bookkeeper = 0;
}

static bool count_event(void *user, const struct mb_event *event)
{
    (void)event;
    ((struct fixture *)user)->n_recorded++;
    return true;
}

static size_t read_ledger(struct fixture *f)
{
    struct mb_error err = {0};
    f->n_recorded = 0;
    if (mb_ledger_each(f->dir, count_event, f, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
    return f->n_recorded;
}

static int64_t spent(struct fixture *f)
{
    uint32_t slot = mb_guard_slot(f->guard, MB_SLICE("de_push"));
    return mb_guard_spent(f->guard, slot, MB_GUARD_TOTAL, 0).nanos;
}

static size_t count_spools(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    size_t count = 0;
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        count += strncmp(entry->d_name, "spool-", 6) == 0;
    }
    closedir(folder);
    return count;
}

/* --- before and after each --- */

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->dir, "/tmp/moonbid-books-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(mb__line_listen(&f->listener, &f->address, NULL), 0);
    assert_int_equal(pipe2(f->life, O_CLOEXEC), 0);
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->page =
        mmap(NULL, sizeof(*f->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(f->page != MAP_FAILED);
    mb_log_redirect(drop_line, NULL);
    start_worker(f, &f->worker, f->dir, SLOW_MS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    DIR *folder = opendir(f->dir);
    struct dirent *entry;
    if (f->bookkeeper) {
        kill_bookkeeper(f);
    }
    mb__post_free(f->worker.post);
    mb_log_redirect(NULL, NULL);
    while ((entry = readdir(folder))) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    assert_int_equal(rmdir(f->dir), 0);
    mb_guard_close(f->guard);
    munmap(f->page, sizeof(*f->page));
    close(f->listener);
    close(f->life[0]);
    if (f->life[1] >= 0) {
        close(f->life[1]);
    }
    free(f);
    return 0;
}

/* --- plain life --- */

static void an_event_is_safe_when_it_is_in_the_ledger_and_booked(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    struct mb_error err = {0};
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &err), 0);
    assert_true(atomic_load(&f->page->restored));
    send_key(w, "a", 0);
    assert_false(mb__post_idle(w->post));
    turn_until(w, &w->n_new, 1);
    assert_true(mb__post_idle(w->post));
    assert_int_equal(read_ledger(f), 1);
    assert_int_equal(spent(f), 1000);
    send_key(w, "a", 1);
    send_key(w, "b", 2);
    turn_until(w, &w->n_safe, 3);
    assert_int_equal(w->n_duplicate, 1);
    assert_int_equal(spent(f), 2000);
    mb__post_free(w->post);
    w->post = NULL;
    stop_bookkeeper(f);
    assert_int_equal(read_ledger(f), 2);
}

/* What was sent and not answered when the supervisor dies, or ends, still comes in. */
static void it_ends_with_its_last_connection_and_has_committed_what_came(void **state)
{
    struct fixture *f = *state;
    char key[16];
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(f->worker.post, DEADLINE_MS, &(struct mb_error){0}), 0);
    for (size_t i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "%zu", i);
        send_key(&f->worker, key, i);
    }
    mb__post_free(f->worker.post);
    f->worker.post = NULL;
    stop_bookkeeper(f);
    assert_int_equal(read_ledger(f), 50);
    assert_int_equal(spent(f), 50000);
}

static void spend_is_known_before_anybody_is_welcome(void **state)
{
    struct fixture *f = *state;
    struct mb_ledger *ledger = NULL;
    struct mb_event event = event_of("a");
    assert_int_equal(mb_ledger_open(f->dir, &ledger, NULL), 0);
    assert_int_equal(mb_ledger_append(ledger, &event, 1, (struct mb_ledger_origin){0, 0}, NULL), 0);
    assert_int_equal(mb_ledger_commit(ledger, NULL), 0);
    mb_ledger_close(ledger);
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(f->worker.post, DEADLINE_MS, &(struct mb_error){0}), 0);
    assert_int_equal(spent(f), 1000);
}

static void a_damaged_ledger_is_told_to_who_asks(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    char path[96];
    FILE *file;
    snprintf(path, sizeof(path), "%s/ledger.db", f->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++) {
        fputc('x', file);
    }
    fclose(file);
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(f->worker.post, DEADLINE_MS, &err), MB_ESYNTAX);
    assert_string_equal(err.where, path);
    assert_non_null(strstr(err.what, "moonbid ledger salvage"));
    assert_int_equal(WEXITSTATUS(end_of(f->bookkeeper)), EXIT_FAILURE);
    f->bookkeeper = 0;
}

static void nobody_there_is_a_timeout(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    assert_int_equal(mb__post_wait(f->worker.post, 50, &err), MB_ETIMEOUT);
}

static void nonsense_costs_its_sender_the_connection_and_nobody_else(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct mb__packet packet;
        const char *text;
    } rows[] = {
        {{.type = MB__PACKET_EVENTS}, ""}, /* without hello */
        {{.type = MB__PACKET_HELLO, .sequence = 0}, ""},
        {{.type = MB__PACKET_HELLO, .sequence = -5}, ""},
        {{.type = MB__PACKET_FATES}, "x"},
        {{.type = (enum mb__packet_type)99}, ""},
    };
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(f->worker.post, DEADLINE_MS, &(struct mb_error){0}), 0);
    for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = mb__line_connect(&f->address);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char byte;
        assert_true(fd >= 0);
        if (i < sizeof(rows) / sizeof(rows[0])) {
            assert_int_equal(mb__line_send(fd, &rows[i].packet, mb_slice_of(rows[i].text)), 1);
        } else {
            assert_int_equal(send(fd, "x", 1, 0), 1); /* less than a packet */
        }
        assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        close(fd);
    }
    send_key(&f->worker, "a", 0);
    turn_until(&f->worker, &f->worker.n_new, 1);
}

/* Each row: an event's sequence and promised length, what stands behind them, and what comes of it
 * and of a second look. */
static void what_a_packet_does_not_hold_is_not_read(void **state)
{
    static const struct {
        int64_t head[2];
        size_t head_bytes;
        int more; /* bytes than the event has */
        int got, then;
    } rows[] = {
        {{7, 0}, 16, 0, 1, 0},         {{7, 0}, 16, 1, 1, -1},         {{7, 1}, 16, 0, -1, 0},
        {{7, -1}, 16, 1, -1, 0},       {{7, INT64_MAX}, 16, 0, -1, 0}, {{7, INT64_MIN}, 16, 0, -1, 0},
        {{7, 0}, 15, 0, -1, 0},
    };
    struct mb_event event = event_of("key"), out;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_buf packet = {0};
        struct mb_slice rest;
        int64_t head[2] = {rows[i].head[0], rows[i].head[1]}, sequence;
        if (head[1] == 0 || head[1] == 1) {
            head[1] += (int64_t)mb_ledger_packed_bytes(&event);
        }
        mb_xbuf_add(&packet, head, rows[i].head_bytes);
        if (rows[i].head_bytes == sizeof(head)) {
            mb_xledger_pack_event(&event, &packet);
            mb_xbuf_add(&packet, "x", (size_t)rows[i].more);
        }
        rest = mb_buf_slice(&packet);
        assert_int_equal(mb__line_next_event(&rest, &sequence, &out), rows[i].got);
        if (rows[i].got == 1) {
            assert_int_equal(sequence, 7);
            assert_true(mb_slice_is(out.key, "key"));
            assert_int_equal(mb__line_next_event(&rest, &sequence, &out), rows[i].then);
        }
        mb_buf_fini(&packet);
    }
    assert_int_equal(mb__line_next_event(&(struct mb_slice){"", 0}, &(int64_t){0}, &out), 0);
}

/* Short events share a packet, a long one gets one of its own, and each comes out as it went in. */
static void events_share_packets_up_to_a_size(void **state)
{
    enum { MOST = MB__LINE_TEXT_MAX - 512 };
    static char text[MOST];
    static const struct {
        size_t bytes[3];
        bool fits[3]; /* in the first packet */
    } rows[] = {
        {{10, 0, 20000}, {true, true, true}},
        {{MOST, 1, 1}, {true, false, false}},
        {{10, MOST, 10}, {true, false, true}},
    };
    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_event event = event_of("key"), out;
        struct mb_buf packet = {0};
        struct mb_slice rest;
        int64_t sequence;
        for (size_t e = 0; e < 3; e++) {
            event.raw = mb_slice(text, rows[i].bytes[e]);
            assert_int_equal(mb__line_add_event(&packet, (int64_t)e, &event), rows[i].fits[e]);
        }
        assert_true(packet.len <= MB__LINE_ROOM);
        rest = mb_buf_slice(&packet);
        for (size_t e = 0; e < 3; e++) {
            if (rows[i].fits[e]) {
                assert_int_equal(mb__line_next_event(&rest, &sequence, &out), 1);
                assert_int_equal(sequence, e);
                assert_int_equal(out.raw.len, rows[i].bytes[e]);
                assert_int_equal(out.cost.nanos, 1000);
            }
        }
        assert_int_equal(mb__line_next_event(&rest, &sequence, &out), 0);
        mb_buf_fini(&packet);
    }
}

/* --- kills --- */

static uint32_t random_below(uint32_t bound)
{
    static uint32_t seed = 1;
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * bound) >> 32);
}

/* Every third event repeats an earlier one. What the worker heard, what the ledger has and what the
 * guard has booked must be the same at the end: each key once. */
static void fifty_kills_lose_nothing_and_double_nothing(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    size_t sent = 0, distinct = 0;
    int kills = 0;
    char key[32];
    int64_t next_kill = 0;
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &(struct mb_error){0}), 0);
    while (kills < 50 || w->n_safe < sent) {
        size_t burst = kills < 50 ? random_below(60) : 0;
        for (size_t i = 0; i < burst && sent < EVENTS_MAX; i++, sent++) {
            size_t number = sent % 3 == 2 ? random_below((uint32_t)distinct) : distinct++;
            snprintf(key, sizeof(key), "%012zx:win", number);
            send_key(w, key, sent);
        }
        turn(w, 1);
        if (kills < 50 && now_ms() >= next_kill) {
            kill_bookkeeper(f);
            kills++;
            if (random_below(2)) {
                turn(w, 3);
            }
            start_bookkeeper(f);
            next_kill = now_ms() + 1 + random_below(40);
        }
    }
    turn_until(w, &w->n_new, distinct);
    for (size_t i = 0; i < sent; i++) {
        assert_int_equal(w->safe[i], 1);
        assert_int_equal(w->failed[i], 0);
    }
    assert_int_equal(w->n_new, distinct);
    assert_int_equal(w->n_new + w->n_duplicate, sent);
    assert_int_equal(read_ledger(f), distinct);
    assert_int_equal(spent(f), 1000 * distinct);
    print_message("  %zu events, %zu distinct, %d kills, %llu reconnects, %llu spooled\n", sent,
                  distinct, kills, (unsigned long long)mb__post_counts(w->post)->reconnects,
                  (unsigned long long)mb__post_counts(w->post)->spooled);
    assert_true(distinct > 500);
}

static void workers_find_each_others_duplicates(void **state)
{
    struct fixture *f = *state;
    struct worker *second = calloc(1, sizeof(*second));
    char key[32];
    start_worker(f, second, f->dir, SLOW_MS);
    start_bookkeeper(f);
    for (size_t i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "%zu", i);
        send_key(&f->worker, key, i);
        send_key(second, key, i);
        turn(&f->worker, 0);
        turn(second, 0);
    }
    turn_until_told(&f->worker, 500);
    turn_until_told(second, 500);
    assert_int_equal(f->worker.n_safe + second->n_safe, 1000);
    assert_int_equal(f->worker.n_new + second->n_new, 500);
    assert_int_equal(f->worker.n_duplicate + second->n_duplicate, 500);
    assert_int_equal(spent(f), 500000);
    mb__post_free(second->post);
    free(second);
}

/* --- the spool --- */

static void without_a_bookkeeper_the_spool_makes_it_safe(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    int64_t start = now_ms();
    char key[32];
    for (size_t i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "%zu", i % 90);
        send_key(w, key, i);
    }
    turn_until(w, &w->n_safe, 100);
    assert_in_range(now_ms() - start, SLOW_MS, DEADLINE_MS);
    assert_int_equal(w->n_new + w->n_duplicate, 0);
    assert_int_equal(count_spools(f->dir), 1);
    start_bookkeeper(f);
    turn_until(w, &w->n_new, 90);
    turn_until(w, &w->n_duplicate, 10);
    turn(w, 0); /* the file has served */
    assert_int_equal(count_spools(f->dir), 0);
    assert_int_equal(read_ledger(f), 90);
    assert_int_equal(spent(f), 90000);
}

/* A stopped process holds its connection: it is slow, not away. */
static void a_bookkeeper_that_hangs_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &(struct mb_error){0}), 0);
    kill(f->bookkeeper, SIGSTOP);
    send_key(w, "a", 0);
    turn_until(w, &w->n_safe, 1);
    assert_int_equal(w->n_new, 0);
    kill(f->bookkeeper, SIGCONT);
    turn_until(w, &w->n_new, 1);
    assert_int_equal(read_ledger(f), 1);
}

/* The worker is a process of its own here, and dies with events that only its spool has; another's
 * spool has been torn by a power cut. */
static void the_spool_of_a_dead_worker_is_taken_over(void **state)
{
    struct fixture *f = *state;
    char torn[112], key[32];
    struct mb_buf records = {0};
    pid_t pid = fork();
    if (pid == 0) {
        struct worker *w = &f->worker;
        for (size_t i = 0; i < 5000; i++) {
            snprintf(key, sizeof(key), "%zu", i);
            send_key(w, key, i);
        }
        turn_until(w, &w->n_safe, 5000);
        kill(getpid(), SIGKILL);
    }
    assert_true(WIFSIGNALED(end_of(pid)));
    assert_int_equal(count_spools(f->dir), 1);
    mb__xspool_add(&records, 1, &(struct mb_event){.type = MB_EVENT_WIN, .key = MB_SLICE("x"), .attributed = true});
    mb__xspool_add(&records, 2, &(struct mb_event){.type = MB_EVENT_WIN, .key = MB_SLICE("y"), .attributed = true});
    snprintf(torn, sizeof(torn), "%s/spool-00000000000004d2", f->dir);
    FILE *file = fopen(torn, "w");
    assert_int_equal(fwrite(records.data, 1, records.len - 3, file), records.len - 3);
    fclose(file);
    mb_buf_fini(&records);
    for (int i = 0; i < 3; i++) { /* killed while it takes over */
        start_bookkeeper(f);
        assert_int_equal(mb__post_wait(f->worker.post, DEADLINE_MS, &(struct mb_error){0}), 0);
        turn(&f->worker, 2 * i);
        kill_bookkeeper(f);
    }
    start_bookkeeper(f);
    int64_t until = now_ms() + DEADLINE_MS;
    while (count_spools(f->dir) > 0) {
        assert_true(now_ms() < until);
        turn(&f->worker, 5);
    }
    assert_int_equal(read_ledger(f), 5001);
    snprintf(torn, sizeof(torn), "%s/torn-spool-00000000000004d2", f->dir);
    assert_int_equal(access(torn, F_OK), 0);
    assert_int_equal(spent(f), 5000 * 1000);
}

static void without_ledger_and_spool_the_sender_is_told_so(void **state)
{
    struct fixture *f = *state;
    struct worker *w = calloc(1, sizeof(*w));
    int64_t until = now_ms() + DEADLINE_MS;

    start_worker(f, w, "/no/such/folder", SLOW_MS);
    send_key(w, "a", 0);
    turn_until(w, &w->n_failed, 1);
    assert_true(mb__post_idle(w->post));
    assert_int_equal(w->n_safe, 0);
    start_bookkeeper(f);
    /* Sent again after each refusal: a bookkeeper may take longer to start than an event waits. */
    for (size_t sent = 1; w->n_safe == 0; sent++) {
        assert_true(now_ms() < until);
        send_key(w, "a", sent);
        while (w->n_safe == 0 && w->n_failed <= sent) {
            turn(w, 5);
        }
    }
    assert_int_equal(read_ledger(f), 1);
    mb__post_free(w->post);
    free(w);
}

/* The ledger's disk is full, the spool's is not: limits of the bookkeeper's process only. */
static void what_the_ledger_refuses_goes_to_the_spool_and_comes_in_later(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    struct rlimit none = {8192, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    mb__post_free(w->post);
    start_worker(f, w, f->dir, INT64_MAX / 2); /* spools because it was told, not because it waited */
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &(struct mb_error){0}), 0);
    assert_int_equal(prlimit(f->bookkeeper, RLIMIT_FSIZE, &none, NULL), 0);
    send_key(w, "a", 0);
    turn_until(w, &w->n_safe, 1);
    assert_int_equal(mb__post_counts(w->post)->spooled, 1);
    assert_true(atomic_load(&f->page->failing));
    assert_int_equal(spent(f), 0);
    assert_int_equal(prlimit(f->bookkeeper, RLIMIT_FSIZE, &all, NULL), 0);
    turn_until(w, &w->n_new, 1);
    assert_false(atomic_load(&f->page->failing));
    assert_int_equal(spent(f), 1000);
}

static void a_torn_write_leaves_the_spool_whole(void **state)
{
    struct fixture *f = *state;
    struct mb__spool spool = {.dir = f->dir, .sender = 9, .fd = -1};
    struct mb_buf record = {0};
    struct rlimit before, small;
    mb__xspool_add(&record, 1, &(struct mb_event){.type = MB_EVENT_WIN});
    assert_int_equal(mb__spool_write(&spool, mb_buf_slice(&record), NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){record.len + 5, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(mb__spool_write(&spool, mb_buf_slice(&record), NULL), MB_EIO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(mb__spool_write(&spool, mb_buf_slice(&record), NULL), 0);
    assert_int_equal(spool.size, 2 * record.len);
    assert_int_equal(lseek(spool.fd, 0, SEEK_END), 2 * record.len);
    mb__spool_drop(&spool);
    assert_int_equal(count_spools(f->dir), 0);
    mb_buf_fini(&record);
}

/* --- bounds --- */

static void a_long_event_loses_what_nothing_depends_on(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    struct mb_event event = event_of("long");
    size_t len = 300000;
    char *text = malloc(len);
    memset(text, '"', len); /* twice as long when it is quoted */
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &(struct mb_error){0}), 0);
    event.raw = mb_slice(text, len);
    assert_int_equal(mb__post_send(w->post, &event, 1, (void *)1, now_ms()), 0);
    turn_until(w, &w->n_new, 1);
    assert_int_equal(mb__post_counts(w->post)->cut, 1);
    event.key = MB_SLICE("fits");
    event.raw = mb_slice(text, 60000);
    assert_int_equal(mb__post_send(w->post, &event, 1, (void *)2, now_ms()), 0);
    turn_until(w, &w->n_new, 2);
    assert_int_equal(mb__post_counts(w->post)->cut, 1);
    event.auction_id = mb_slice(text, len); /* this is needed */
    assert_int_equal(mb__post_send(w->post, &event, 1, (void *)3, now_ms()), MB_ENOMEM);
    assert_true(mb__post_idle(w->post));
    free(text);
}

static void what_waits_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    enum { MOST = 65536 };
    struct mb_event event = event_of("x");
    size_t taken = 0;
    w->shut_spool = true;
    while (mb__post_send(w->post, &event, 1, (void *)1, now_ms()) == 0) {
        taken++;
        assert_true(taken <= MOST);
    }
    assert_int_equal(taken, MOST);
}

/* A figure to look at. */
static void events_a_second(void **state)
{
    struct fixture *f = *state;
    struct worker *w = &f->worker;
    char key[48];
    start_bookkeeper(f);
    assert_int_equal(mb__post_wait(w->post, DEADLINE_MS, &(struct mb_error){0}), 0);
    int64_t start = mb_time_boot_ns();
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        snprintf(key, sizeof(key), "%012zx:abcdefghijklmnopqrstuv:win", i);
        send_key(w, key, i);
        if (i % 64 == 0) {
            turn(w, 0);
        }
    }
    turn_until(w, &w->n_new, EVENTS_MAX);
    double seconds = (double)(mb_time_boot_ns() - start) / 1e9;
    print_message("  %.0f events/s from one worker\n", EVENTS_MAX / seconds);
    start = mb_time_boot_ns();
    for (size_t i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "%zu", i);
        send_key(w, key, i);
        turn_until(w, &w->n_new, EVENTS_MAX + i + 1);
    }
    print_message("  %.2f ms for one event alone\n", (double)(mb_time_boot_ns() - start) / 2e8);
    assert_int_equal(spent(f), 1000 * (EVENTS_MAX + 200));
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_safe_when_it_is_in_the_ledger_and_booked),
        CASE(it_ends_with_its_last_connection_and_has_committed_what_came),
        CASE(spend_is_known_before_anybody_is_welcome),
        CASE(a_damaged_ledger_is_told_to_who_asks),
        CASE(nobody_there_is_a_timeout),
        CASE(nonsense_costs_its_sender_the_connection_and_nobody_else),
        CASE(what_a_packet_does_not_hold_is_not_read),
        CASE(events_share_packets_up_to_a_size),
        CASE(fifty_kills_lose_nothing_and_double_nothing),
        CASE(workers_find_each_others_duplicates),
        CASE(without_a_bookkeeper_the_spool_makes_it_safe),
        CASE(a_bookkeeper_that_hangs_is_not_waited_for),
        CASE(the_spool_of_a_dead_worker_is_taken_over),
        CASE(without_ledger_and_spool_the_sender_is_told_so),
        CASE(what_the_ledger_refuses_goes_to_the_spool_and_comes_in_later),
        CASE(a_torn_write_leaves_the_spool_whole),
        CASE(a_long_event_loses_what_nothing_depends_on),
        CASE(what_waits_is_bounded),
        CASE(events_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
