/* post.c - a worker's end of the line to the bookkeeper.
 *
 * Every event waits in one list, in the order of its sequence, until its fate comes back:
 *
 *     queued -> sent -> fate: answered, settled, forgotten
 *        ^        |
 *        +--------+  the other end went away, or could not record it: again, later
 *
 * An event that has no fate for `slow_ms` (the bookkeeper is away, or slow), or whose recording
 * failed, is written to the spool with all that wait: then it is safe, and its sender gets its
 * answer, but it stays in the list, for the fate says whether it was a duplicate. The spool is for
 * the case that this worker dies before: then the bookkeeper takes it over.
 */
#include "books.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    ENTRIES_MAX = 65536,
    BYTES_MAX = 64 << 20,     /* packed */
    SPOOL_ENTRIES_MAX = 8192, /* in one write */
    RECONNECT_MS = 20,
    RESEND_MS = 500, /* what could not be recorded is sent again after that */
};

struct entry {
    struct entry *prev, *next;
    struct mb_event *event; /* a clone of ours */
    void *ticket;
    int64_t sequence;
    int64_t queued_ms;
    bool sent;     /* over the present connection */
    bool refused;  /* it could not be recorded when it was sent last */
    bool answered; /* on_safe or on_failed was called */
    bool spooled;
    size_t bytes; /* when it is packed */
};

enum job { NO_JOB, JOB_WRITE, JOB_DROP };

struct mb__post {
    struct mb__post_options options;
    int poll_fd; /* epoll over `fd`, which changes: whoever waits for us has one that does not */
    int fd;      /* -1: not connected */
    bool welcome;
    bool full;          /* the socket takes no more: `poll_fd` waits for room too */
    int64_t connect_ms; /* not before */
    int64_t resend_ms;  /* what was refused; 0: nothing */
    struct entry *head, *tail;
    struct entry *unsent; /* all before it are sent, or wait for resend_ms */
    size_t n_entries, n_unanswered, n_spooled, n_bytes;
    int64_t last_sequence;
    struct mb__spool spool;
    struct mb__post_counts counts;
    struct mb_error refusal; /* code 0: none */
    /* the job: the thread's while it runs */
    enum job job;
    struct mb_buf records;
    int64_t sequences[SPOOL_ENTRIES_MAX];
    size_t n_sequences;
    int rc;
    bool spool_failing; /* said once */
    struct mb_error spool_err;
    struct mb_buf packet; /* scratch */
    char room[MB__LINE_ROOM];
};

/* Another for every start of every worker, also after a restart with the clock set back. */
static int64_t draw_sender(void)
{
    uint64_t bits = 0;

    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        abort();
    }
    return (int64_t)(bits >> 11) + 1;
}

struct mb__post *mb__xpost_new(const struct mb__post_options *options)
{
    struct mb__post *post = calloc(1, sizeof(*post));

    if (!post) {
        abort();
    }
    post->options = *options;
    post->fd = -1;
    post->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (post->poll_fd < 0) {
        abort();
    }
    post->spool = (struct mb__spool){.dir = options->data_dir, .sender = draw_sender(), .fd = -1};
    return post;
}

/* --- the list --- */

static void append(struct mb__post *post, struct entry *entry)
{
    entry->prev = post->tail;
    *(post->tail ? &post->tail->next : &post->head) = entry;
    post->tail = entry;
    post->unsent = post->unsent ? post->unsent : entry;
    post->n_entries++;
    post->n_unanswered++;
    post->n_bytes += entry->bytes;
}

static void forget(struct mb__post *post, struct entry *entry)
{
    *(entry->prev ? &entry->prev->next : &post->head) = entry->next;
    *(entry->next ? &entry->next->prev : &post->tail) = entry->prev;
    post->unsent = post->unsent == entry ? entry->next : post->unsent;
    post->n_entries--;
    post->n_unanswered -= !entry->answered;
    post->n_spooled -= entry->spooled;
    post->n_bytes -= entry->bytes;
    free(entry->event);
    free(entry);
}

void mb__post_free(struct mb__post *post)
{
    if (!post) {
        return;
    }
    if (post->n_spooled == 0) {
        mb__spool_drop(&post->spool);
    }
    mb__spool_close(&post->spool);
    while (post->head) {
        forget(post, post->head);
    }
    if (post->fd >= 0) {
        close(post->fd);
    }
    close(post->poll_fd);
    mb_buf_fini(&post->records);
    mb_buf_fini(&post->packet);
    free(post);
}

static void answer(struct mb__post *post, struct entry *entry, bool safe)
{
    if (entry->answered) {
        return;
    }
    entry->answered = true;
    post->n_unanswered--;
    post->counts.failed += !safe;
    (safe ? post->options.on_safe : post->options.on_failed)(post->options.user, entry->ticket);
}

/* --- sending --- */

static void rewind_to_unsent(struct mb__post *post, bool all)
{
    struct entry *entry;

    post->unsent = NULL;
    for (entry = post->tail; entry; entry = entry->prev) {
        entry->sent = entry->sent && !all && !entry->refused;
        entry->refused = false;
        post->unsent = entry->sent ? post->unsent : entry;
    }
    post->resend_ms = 0;
}

static void watch(struct mb__post *post, int what)
{
    struct epoll_event event = {.events = EPOLLIN | (post->full ? (uint32_t)EPOLLOUT : 0)};

    (void)epoll_ctl(post->poll_fd, what, post->fd, &event);
}

static void set_full(struct mb__post *post, bool full)
{
    if (post->full != full && post->fd >= 0) {
        post->full = full;
        watch(post, EPOLL_CTL_MOD);
    }
}

static void disconnect(struct mb__post *post, int64_t now_ms)
{
    watch(post, EPOLL_CTL_DEL); /* a child may hold a copy, which would go on being watched */
    close(post->fd);
    post->fd = -1;
    post->welcome = post->full = false;
    post->connect_ms = now_ms + RECONNECT_MS;
    post->counts.reconnects++;
    rewind_to_unsent(post, true);
}

static bool waits_for_packet(const struct entry *entry)
{
    return !entry->sent && !entry->refused;
}

/* Fills a packet from `unsent` on; gives the entry behind the last one that it has, or passes. */
static struct entry *fill_packet(struct mb__post *post)
{
    struct entry *entry = post->unsent;

    mb_buf_clear(&post->packet);
    while (entry && (!waits_for_packet(entry) ||
                     mb__line_add_event(&post->packet, entry->sequence, entry->event))) {
        entry = entry->next;
    }
    return entry;
}

static void send_all(struct mb__post *post, int64_t now_ms)
{
    static const struct mb__packet events = {.type = MB__PACKET_EVENTS};
    bool full = false;

    while (post->fd >= 0 && post->unsent && !full) {
        struct entry *end = fill_packet(post);
        int sent = post->packet.len > 0
                       ? mb__line_send(post->fd, &events, mb_buf_slice(&post->packet))
                       : 1;

        if (sent < 0) {
            disconnect(post, now_ms);
        } else if (sent == 0) {
            full = true;
        } else {
            for (; post->unsent != end; post->unsent = post->unsent->next) {
                post->unsent->sent = true;
            }
        }
    }
    set_full(post, full);
}

static void connect_now(struct mb__post *post, int64_t now_ms)
{
    struct mb__packet hello = {.type = MB__PACKET_HELLO, .sequence = post->spool.sender};

    post->fd = mb__line_connect(&post->options.address);
    if (post->fd < 0) {
        post->connect_ms = now_ms + RECONNECT_MS;
        return;
    }
    watch(post, EPOLL_CTL_ADD);
    if (mb__line_send(post->fd, &hello, MB_SLICE_NONE) != 1) {
        disconnect(post, now_ms);
    } else {
        send_all(post, now_ms);
    }
}

static struct entry *make_entry(struct mb__post *post, const struct mb_event *event, void *ticket,
                                int64_t now_ms)
{
    struct mb_event fitting = *event;
    struct entry *entry;
    bool cut;

    if (!mb__line_fit_event(&fitting, &cut)) {
        return NULL;
    }
    entry = calloc(1, sizeof(*entry));
    if (!entry) {
        abort();
    }
    post->counts.cut += cut;
    entry->event = mb_xevent_clone(&fitting);
    entry->ticket = ticket;
    entry->queued_ms = now_ms;
    entry->bytes = mb_ledger_packed_bytes(&fitting);
    return entry;
}

int mb__post_send(struct mb__post *post, const struct mb_event *events, size_t count, void *ticket,
                  int64_t now_ms)
{
    struct entry *first = post->tail;
    size_t i;

    if (count > ENTRIES_MAX - post->n_entries || post->n_bytes > BYTES_MAX) {
        return MB_ENOMEM;
    }
    for (i = 0; i < count; i++) {
        struct entry *entry = make_entry(post, &events[i], ticket, now_ms);

        if (!entry) {
            while (post->tail != first) {
                forget(post, post->tail);
            }
            return MB_ENOMEM;
        }
        entry->sequence = ++post->last_sequence;
        append(post, entry);
    }
    return 0;
}

void mb__post_flush(struct mb__post *post, int64_t now_ms)
{
    if (!post->unsent) {
        return;
    }
    if (post->fd < 0 && now_ms >= post->connect_ms) {
        connect_now(post, now_ms);
    } else if (!post->full) {
        send_all(post, now_ms);
    }
}

/* --- what comes back --- */

/* Fates come in the order of sending, so it is near the head. */
static struct entry *find(struct mb__post *post, int64_t sequence)
{
    struct entry *entry = post->head;

    while (entry && entry->sequence < sequence) {
        entry = entry->next;
    }
    return entry && entry->sequence == sequence ? entry : NULL;
}

static void take_fate(struct mb__post *post, const struct mb__fate *fate, int64_t now_ms)
{
    struct entry *entry = find(post, fate->sequence);

    if (!entry) {
        return;
    }
    if (fate->kind == MB__FATE_FAILED) {
        entry->refused = true;
        post->resend_ms = post->resend_ms ? post->resend_ms : now_ms + RESEND_MS;
        return;
    }
    post->options.on_fate(post->options.user, entry->answered ? NULL : entry->ticket, entry->event,
                          fate->kind == MB__FATE_DUPLICATE  ? MB_EVENT_REPEATED
                          : fate->kind == MB__FATE_REPRICED ? MB_EVENT_REPRICED
                                                            : MB_EVENT_NEW);
    answer(post, entry, true);
    forget(post, entry);
}

static void take_packet(struct mb__post *post, const struct mb__packet *packet,
                        struct mb_slice text, int64_t now_ms)
{
    struct mb__fate fate;
    size_t at;

    switch (packet->type) {
    case MB__PACKET_WELCOME:
        post->welcome = true;
        break;
    case MB__PACKET_REFUSED: {
        struct mb_slice where = mb_slice_cut(&text, '\n');

        (void)mb_fail(&post->refusal, packet->code, NULL, "%.*s", MB_SLICE_ARG(text));
        snprintf(post->refusal.where, sizeof(post->refusal.where), "%.*s", MB_SLICE_ARG(where));
        break;
    }
    case MB__PACKET_FATES:
        for (at = 0; at + sizeof(fate) <= text.len; at += sizeof(fate)) {
            memcpy(&fate, text.data + at, sizeof(fate));
            take_fate(post, &fate, now_ms);
        }
        break;
    default:
        break;
    }
}

void mb__post_ready(struct mb__post *post, int64_t now_ms)
{
    struct mb__packet packet;
    struct mb_slice text;
    int got = 1;

    while (post->fd >= 0 && (got = mb__line_receive(post->fd, &packet, post->room, &text)) > 0) {
        take_packet(post, &packet, text, now_ms);
    }
    if (post->fd >= 0 && got < 0) {
        disconnect(post, now_ms);
    }
    send_all(post, now_ms);
}

void mb__post_tick(struct mb__post *post, int64_t now_ms)
{
    if (post->resend_ms && now_ms >= post->resend_ms) {
        rewind_to_unsent(post, false);
    }
    if (post->fd < 0 && now_ms >= post->connect_ms) {
        connect_now(post, now_ms);
    } else {
        send_all(post, now_ms);
    }
}

int mb__post_wait(struct mb__post *post, int64_t patience_ms, struct mb_error *err)
{
    int64_t until_ms = mb_time_boot_ns() / 1000000 + patience_ms;
    int64_t left_ms = patience_ms;

    while (!post->welcome && !post->refusal.code && left_ms > 0) {
        struct pollfd wait = {.fd = post->poll_fd, .events = POLLIN};
        int64_t now_ms = mb_time_boot_ns() / 1000000;

        mb__post_tick(post, now_ms);
        (void)poll(&wait, 1, RECONNECT_MS);
        mb__post_ready(post, now_ms);
        left_ms = until_ms - mb_time_boot_ns() / 1000000;
    }
    if (post->refusal.code) {
        *err = post->refusal;
        return err->code;
    }
    return post->welcome ? 0 : mb_fail(err, MB_ETIMEOUT, NULL, "the bookkeeper does not answer");
}

int mb__post_fd(const struct mb__post *post)
{
    return post->poll_fd;
}

bool mb__post_idle(const struct mb__post *post)
{
    return post->n_unanswered == 0 && post->job == NO_JOB;
}

const struct mb__post_counts *mb__post_counts(const struct mb__post *post)
{
    return &post->counts;
}

/* --- the spool --- */

/* Has something waited for too long, or was it refused? */
static bool must_spool(const struct mb__post *post, int64_t now_ms)
{
    const struct entry *entry;

    for (entry = post->n_unanswered > 0 ? post->head : NULL; entry; entry = entry->next) {
        if (!entry->answered &&
            (entry->refused || now_ms - entry->queued_ms >= post->options.slow_ms)) {
            return true;
        }
        if (!entry->answered && !post->resend_ms) {
            return false; /* the oldest; the others are younger */
        }
    }
    return false;
}

bool mb__post_spool_begin(struct mb__post *post, int64_t now_ms)
{
    struct entry *entry;

    if (post->job != NO_JOB) {
        return false;
    }
    if (post->n_spooled == 0 && post->spool.fd >= 0 && post->spool.size > 0) {
        post->job = JOB_DROP;
        return true;
    }
    if (!must_spool(post, now_ms)) {
        return false;
    }
    mb_buf_clear(&post->records);
    post->n_sequences = 0;
    for (entry = post->head; entry && post->n_sequences < SPOOL_ENTRIES_MAX; entry = entry->next) {
        if (!entry->answered) {
            mb__xspool_add(&post->records, entry->sequence, entry->event);
            post->sequences[post->n_sequences++] = entry->sequence;
        }
    }
    post->job = JOB_WRITE;
    return true;
}

void mb__post_spool_run(struct mb__post *post)
{
    post->rc = 0;
    if (post->job == JOB_DROP) {
        mb__spool_drop(&post->spool);
    } else {
        post->rc = mb__spool_write(&post->spool, mb_buf_slice(&post->records), &post->spool_err);
    }
}

/* Logs the first failure and the recovery, not each of a thousand tries between them. */
static void note_outcome(struct mb__post *post)
{
    if (post->rc && !post->spool_failing) {
        mb_log(MB_LOG_ERROR, "process", "spool not written, notices are answered 503",
               "where=%s error=%s", post->spool_err.where, post->spool_err.what);
    } else if (!post->rc && post->spool_failing) {
        mb_log(MB_LOG_INFO, "process", "spool written again", NULL);
    }
    post->spool_failing = post->rc != 0;
}

/* What nobody can record and who sent it will send again need not wait here; but what is on its way
 * may have been recorded. */
static void give_up(struct mb__post *post, struct entry *entry)
{
    answer(post, entry, false);
    if (!entry->sent || entry->refused) {
        forget(post, entry);
    }
}

void mb__post_spool_end(struct mb__post *post)
{
    struct entry *entry = post->head, *next;
    enum job job = post->job;
    size_t i;

    post->job = NO_JOB;
    if (job == JOB_DROP) {
        return;
    }
    note_outcome(post);
    for (i = 0; i < post->n_sequences; i++) {
        while (entry && entry->sequence < post->sequences[i]) {
            entry = entry->next;
        }
        if (!entry || entry->sequence != post->sequences[i]) {
            continue; /* its fate came meanwhile */
        }
        next = entry->next;
        if (post->rc) {
            give_up(post, entry);
        } else {
            entry->spooled = true;
            post->n_spooled++;
            post->counts.spooled++;
            answer(post, entry, true);
        }
        entry = next;
    }
}
