/* bookkeeper.c - the one process that writes the ledger.
 *
 *     a turn   take what workers have sent -> one commit -> book in the guard -> tell the fates
 *
 * One thread, but for checkpoints: while a commit blocks, the next batch gathers in the sockets,
 * whose size bounds it. An idle bookkeeper commits a single event at once; a busy one waits a little
 * (gather), for the cost of a commit is shared by all its events.
 *
 * The guard learns of spend here only, after the commit. Killed between the two, the next
 * bookkeeper finds the difference in the ledger's sums (mb_guard_restore).
 *
 * The first restore waits for the first worker's hello: zones and pools must be in the guard, and
 * these come with the scripts.
 */
#include "supervisor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS_MAX = 1024,
    PACKETS_A_TURN = 2048, /* of one worker; one has many events */
    TURN_MS = 500,         /* at least so often */
    REFUSE_MS = 5000,      /* how long to wait for somebody to tell that there is no ledger */
    SPOOL_MS = 1000,       /* between looks for spools of the dead */
    SPOOL_BATCH = 4096,
    DUES_MAX = 32768, /* events in one commit */
    ENOUGH_DUES = 48, /* to share the cost of a commit */
    COMMIT_SLICES = 5, /* from one commit to the next, where they are busy */
    SLICE_LEAST_NS = 50000,
    SLICE_MOST_NS = 500000,
    COMMITS_SMOOTHED = 8,
    IDLE_MS = 100, /* without an event: time for what would be in their way */
};

/* Whose is the n-th of the events that are queued? */
struct due {
    struct mb__desk *conn;
    int64_t sequence;
};

struct keeper {
    const struct mb__bookkeeper_options *options;
    struct mb_ledger *ledger;
    struct mb__checkpoints checkpoints;
    struct mb__desk *conns[CONNS_MAX];
    size_t n_conns;
    struct due *dues;
    size_t n_dues, dues_room, told;
    size_t n_last;     /* events of the commit before */
    int64_t commit_ns; /* how long one takes; smoothed */
    int64_t begun_ns;  /* when the last one began */
    uint64_t spool_ms;    /* when to look for spools; 0: no need */
    uint64_t end_ms;      /* life is over: the end at the latest; 0: it is not */
    uint64_t idle_ms;     /* when it may be said that nothing comes any more */
    struct mb__house house;
    uint64_t from_spools; /* events of the spool being taken */
    char room[MB__LINE_ROOM];
};

/* --- the guard --- */

/* Everything that the guard has to know before the first bid, or the next one. */
static int restore(struct keeper *k, struct mb_error *err)
{
    bool first = !atomic_load(&k->options->page->restored);
    int rc = mb__notes_restore(k->ledger, k->options->guard, first, err);

    if (!rc) {
        atomic_store(&k->options->page->restored, true);
        k->spool_ms = mb__shared_clock_ms();
    }
    return rc;
}

static void book(struct keeper *k, const struct mb_event *event)
{
    struct mb_guard *guard = k->options->guard;
    uint32_t slot = event->attributed ? mb_guard_slot(guard, event->strategy) : MB_GUARD_NO_SLOT;

    if (slot != MB_GUARD_NO_SLOT) {
        mb_guard_book(guard, NULL, slot, event);
    }
}

/* --- committing --- */

/* Fates are told in the order of appending, so a counter is ticket enough. */
static void add_due(struct keeper *k, struct mb__desk *conn, int64_t sequence)
{
    if (k->n_dues == k->dues_room) {
        k->dues_room = k->dues_room ? k->dues_room * 2 : 1024;
        k->dues = realloc(k->dues, k->dues_room * sizeof(*k->dues));
        if (!k->dues) {
            abort();
        }
    }
    k->dues[k->n_dues++] = (struct due){conn, sequence};
}

static void on_durable(void *user, void *ticket, const struct mb_event *event,
                       enum mb_ledger_fate fate)
{
    struct keeper *k = user;
    const struct due *due = &k->dues[k->told++];

    (void)ticket;
    if (fate == MB_LEDGER_NEW) {
        book(k, event);
    }
    if (due->conn) {
        mb__desk_tell(due->conn, due->sequence,
                      fate == MB_LEDGER_DUPLICATE  ? MB__FATE_DUPLICATE
                      : fate == MB_LEDGER_REPRICED ? MB__FATE_REPRICED
                                                   : MB__FATE_NEW);
    }
}

static void on_failed(void *user, void *ticket, const struct mb_event *event)
{
    struct keeper *k = user;
    const struct due *due = &k->dues[k->told++];

    (void)ticket;
    (void)event;
    if (due->conn) {
        mb__desk_tell(due->conn, due->sequence, MB__FATE_FAILED);
    }
}

/* Logs the first failure and the recovery, not each of a thousand tries between them. */
static void note_outcome(struct keeper *k, int rc, const struct mb_error *err)
{
    bool failing = atomic_load(&k->options->page->failing);

    if (rc && !failing) {
        mb_log(MB_LOG_ERROR, "process", "ledger not written", "where=%s error=%s", err->where,
               err->what);
    } else if (!rc && failing) {
        mb_log(MB_LOG_INFO, "process", "ledger written again", NULL);
    }
    atomic_store(&k->options->page->failing, rc != 0);
}

static int commit(struct keeper *k)
{
    int64_t started_ns = mb_time_boot_ns(), took_ns;
    struct mb_error err = {0};
    int rc;

    k->n_last = k->n_dues;
    if (!mb_ledger_pending(k->ledger)) {
        return 0;
    }
    k->begun_ns = started_ns;
    rc = mb_ledger_commit(k->ledger, &err);
    took_ns = mb_time_boot_ns() - started_ns;
    k->commit_ns += (took_ns - k->commit_ns) / COMMITS_SMOOTHED;
    mb_histogram_record(&k->options->page->commit_time, (uint64_t)took_ns);
    note_outcome(k, rc, &err);
    k->told = 0;
    if (rc) {
        mb_ledger_abandon(k->ledger, on_failed, k);
    } else {
        mb_ledger_deliver(k->ledger, on_durable, k);
    }
    k->n_dues = 0;
    return rc;
}

/* --- what workers send --- */

static void take_event(struct keeper *k, struct mb__desk *conn, int64_t sequence,
                       const struct mb_event *event)
{
    if (mb_ledger_append(k->ledger, event, 1, (struct mb_ledger_origin){conn->sender, sequence},
                         NULL)) {
        mb__desk_tell(conn, sequence, MB__FATE_FAILED);
    } else {
        add_due(k, conn, sequence);
    }
}

static void take_events(struct keeper *k, struct mb__desk *conn, struct mb_slice packet_text)
{
    struct mb_event event;
    int64_t sequence;
    int got;

    while ((got = mb__line_next_event(&packet_text, &sequence, &event)) > 0) {
        take_event(k, conn, sequence, &event);
    }
    conn->gone = conn->gone || got < 0;
}

static void take_hello(struct keeper *k, struct mb__desk *conn, int64_t sender)
{
    struct mb_error err = {0};
    bool restored = atomic_load(&k->options->page->restored);

    conn->sender = sender;
    mb__desk_greet(conn, restored || restore(k, &err) == 0 ? NULL : &err);
}

static void read_conn(struct keeper *k, struct mb__desk *conn)
{
    struct mb__packet packet;
    struct mb_slice text;
    int got = 0, i;

    for (i = 0; i < PACKETS_A_TURN && !conn->gone && k->n_dues < DUES_MAX &&
                (got = mb__line_receive(conn->fd, &packet, k->room, &text)) > 0;
         i++) {
        if (packet.type == MB__PACKET_HELLO && packet.sequence > 0) {
            take_hello(k, conn, packet.sequence);
        } else if (packet.type == MB__PACKET_EVENTS && conn->sender > 0) {
            take_events(k, conn, text);
        } else {
            conn->gone = true;
        }
    }
    conn->gone = conn->gone || got < 0;
}

/* --- spools of the dead --- */

static bool on_spooled(void *user, const struct mb_event *event, struct mb_ledger_origin origin)
{
    struct keeper *k = user;

    if (mb_ledger_append(k->ledger, event, 1, origin, NULL)) {
        return false;
    }
    add_due(k, NULL, 0);
    k->from_spools++;
    return k->n_dues < SPOOL_BATCH || commit(k) == 0;
}

static bool on_spool_end(void *user, const char *path)
{
    struct keeper *k = user;

    if (commit(k) != 0) {
        return false;
    }
    mb_log(MB_LOG_INFO, "process", "spool taken over", "file=%s events=%llu", path,
           (unsigned long long)k->from_spools);
    k->from_spools = 0;
    return true;
}

/* What a failed commit leaves behind is told to nobody: the file has it still. */
static void take_spools(struct keeper *k, uint64_t now_ms)
{
    bool left;

    if (k->spool_ms == 0 || now_ms < k->spool_ms || !atomic_load(&k->options->page->restored)) {
        return;
    }
    k->from_spools = 0;
    mb__spool_take(k->options->data_dir, on_spooled, on_spool_end, k, &left);
    (void)commit(k);
    k->spool_ms = left ? now_ms + SPOOL_MS : 0;
}

/* --- connections --- */

static void accept_all(struct keeper *k)
{
    int fd;

    while (k->n_conns < CONNS_MAX && (fd = mb__line_accept(k->options->listener)) >= 0) {
        k->conns[k->n_conns++] = mb__xdesk_new(fd);
    }
}

/* A worker that has gone may have left a spool. */
static void drop_gone(struct keeper *k)
{
    size_t i, kept = 0;

    for (i = 0; i < k->n_conns; i++) {
        if (k->conns[i]->gone) {
            mb__desk_free(k->conns[i]);
            k->spool_ms = k->spool_ms ? k->spool_ms : mb__shared_clock_ms() + SPOOL_MS / 10;
        } else {
            k->conns[kept++] = k->conns[i];
        }
    }
    k->n_conns = kept;
}

/* --- turns --- */

static void read_ready(struct keeper *k, const struct pollfd *fds)
{
    size_t i;

    for (i = 0; i < k->n_conns; i++) {
        if (fds[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_conn(k, k->conns[i]);
        }
    }
}

static void wait_for_something(struct keeper *k, struct pollfd *fds, int timeout)
{
    size_t i;

    fds[0] = (struct pollfd){.fd = k->options->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = k->end_ms ? -1 : k->options->life_fd, .events = POLLIN};
    for (i = 0; i < k->n_conns; i++) {
        short more = k->conns[i]->n_fates > 0 ? POLLOUT : 0;

        fds[i + 2] = (struct pollfd){.fd = k->conns[i]->fd, .events = (short)(POLLIN | more)};
    }
    if (poll(fds, k->n_conns + 2, timeout) <= 0) {
        for (i = 0; i < k->n_conns + 2; i++) {
            fds[i].revents = 0;
        }
    }
}

static void note_life(struct keeper *k, const struct pollfd *life)
{
    if (life->revents && !k->end_ms) {
        k->end_ms = mb__shared_clock_ms() + (uint64_t)k->options->grace_ms;
    }
}

/* A commit costs far more than one event's part in it. Where the last one was not for a single event,
 * more are on their way: they are waited for in slices of a commit's time, without being woken by
 * each, as long as some come. Counted from when the last commit began: who came while it took its
 * time has waited for that, and does not wait again. */
static void gather(struct keeper *k, struct pollfd *fds)
{
    int64_t slice_ns = k->commit_ns, until_ns;
    struct timespec slice = {0};
    size_t before;

    slice_ns = slice_ns < SLICE_LEAST_NS ? SLICE_LEAST_NS : slice_ns;
    slice.tv_nsec = slice_ns > SLICE_MOST_NS ? SLICE_MOST_NS : slice_ns;
    until_ns = k->begun_ns + COMMIT_SLICES * slice.tv_nsec;
    if (k->n_dues == 0 || k->n_last <= 1) {
        return;
    }
    while (k->n_dues < ENOUGH_DUES && mb_time_boot_ns() < until_ns) {
        before = k->n_dues;
        (void)nanosleep(&slice, NULL);
        wait_for_something(k, fds, 0);
        read_ready(k, fds);
        if (k->n_dues == before) {
            return;
        }
    }
}

/* How long to wait for something to do. */
static int patience_ms(const struct keeper *k, uint64_t now_ms)
{
    uint64_t until_ms = now_ms + TURN_MS;

    if (mb__checkpoints_want_turn(&k->checkpoints, now_ms) && k->idle_ms < until_ms) {
        until_ms = k->idle_ms;
    }
    if (k->house.next_ms < until_ms) {
        until_ms = k->house.next_ms;
    }
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void turn(struct keeper *k, struct pollfd *fds)
{
    size_t i;
    bool came;

    wait_for_something(k, fds, patience_ms(k, mb__shared_clock_ms()));
    atomic_store(&k->options->page->heartbeat_ms, mb__shared_clock_ms());
    mb__notes_clock(k->options->guard);
    read_ready(k, fds);
    gather(k, fds);
    came = k->n_dues > 0;
    (void)commit(k);
    k->idle_ms = came ? mb__shared_clock_ms() + IDLE_MS : k->idle_ms;
    for (i = 0; i < k->n_conns; i++) {
        mb__desk_send_fates(k->conns[i]);
    }
    drop_gone(k);
    if (fds[0].revents) { /* asking in vain costs a socket made and freed */
        accept_all(k);
    }
    take_spools(k, mb__shared_clock_ms());
    mb__house_keep(&k->house, k->options, k->ledger, mb__shared_clock_ms());
    mb__checkpoints_turn(&k->checkpoints, mb__shared_clock_ms() >= k->idle_ms,
                         mb__shared_clock_ms());
    note_life(k, &fds[1]);
}

static bool is_over(const struct keeper *k)
{
    return k->end_ms && (k->n_conns == 0 || mb__shared_clock_ms() >= k->end_ms);
}

static struct pollfd *new_fds(void)
{
    struct pollfd *fds = calloc(CONNS_MAX + 2, sizeof(*fds));

    if (!fds) {
        abort();
    }
    return fds;
}

static void serve(struct keeper *k)
{
    struct pollfd *fds = new_fds();

    while (!is_over(k)) {
        turn(k, fds);
    }
    if (atomic_load(&k->options->page->restored)) {
        mb__counts_market_all(&k->options->counts, k->options->guard);
        mb_guard_note_again(k->options->guard);
        mb__notes_write(k->ledger, k->options->guard);
    }
    mb__counts_write(&k->options->counts, k->ledger, true);
    free(fds);
}

/* Tells the first who asks what is wrong with the ledger, for that is who can stop the start. */
static void refuse(struct keeper *k, const struct mb_error *err)
{
    struct pollfd *fds = new_fds();
    uint64_t until_ms = mb__shared_clock_ms() + REFUSE_MS;
    bool told = false;

    while (!told && !k->end_ms && mb__shared_clock_ms() < until_ms) {
        struct mb__packet packet;
        struct mb_slice text;
        size_t i;

        wait_for_something(k, fds, TURN_MS);
        accept_all(k);
        for (i = 0; i < k->n_conns; i++) {
            if (mb__line_receive(k->conns[i]->fd, &packet, k->room, &text) > 0 &&
                packet.type == MB__PACKET_HELLO) {
                mb__desk_greet(k->conns[i], err);
                told = true;
            }
        }
        note_life(k, &fds[1]);
    }
    free(fds);
}

static void fini(struct keeper *k)
{
    while (k->n_conns > 0) {
        mb__desk_free(k->conns[--k->n_conns]);
    }
    mb__checkpoints_close(&k->checkpoints);
    mb_ledger_close(k->ledger);
    free(k->dues);
    free(k);
}

int mb__bookkeeper_run(const struct mb__bookkeeper_options *options)
{
    struct keeper *k = calloc(1, sizeof(*k));
    struct mb_error err = {0};
    int rc;

    if (!k) {
        abort();
    }
    k->options = options;
    rc = mb_ledger_open(options->data_dir, &k->ledger, &err);
    k->checkpoints.ledger = k->ledger;
    if (!rc && mb_slice_present(options->currency)) {
        rc = mb_ledger_check_currency(k->ledger, options->currency, &err);
    }
    if (!rc && atomic_load(&options->page->restored)) {
        rc = restore(k, &err); /* what the one before committed and did not book */
    }
    if (rc) {
        refuse(k, &err);
    } else {
        serve(k);
    }
    fini(k);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
