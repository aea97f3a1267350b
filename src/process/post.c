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
#include "post.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    ENTRIES_MAX = 65536,
    BYTES_MAX = 64 << 20, /* packed */
    RECONNECT_MS = 20,
    RESEND_MS = 500, /* what could not be recorded is sent again after that */
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

static void append(struct mb__post *post, struct mb__post_entry *entry)
{
    entry->prev = post->tail;
    *(post->tail ? &post->tail->next : &post->head) = entry;
    post->tail = entry;
    post->unsent = post->unsent ? post->unsent : entry;
    post->n_entries++;
    post->n_unanswered++;
    post->n_bytes += entry->bytes;
}

void mb__post_forget(struct mb__post *post, struct mb__post_entry *entry)
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
        mb__post_forget(post, post->head);
    }
    if (post->fd >= 0) {
        close(post->fd);
    }
    close(post->poll_fd);
    mb_buf_fini(&post->records);
    mb_buf_fini(&post->packet);
    free(post);
}

void mb__post_answer(struct mb__post *post, struct mb__post_entry *entry, bool safe)
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
    struct mb__post_entry *entry;

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

static bool waits_for_packet(const struct mb__post_entry *entry)
{
    return !entry->sent && !entry->refused;
}

/* Fills a packet from `unsent` on; gives the entry behind the last one that it has, or passes. */
static struct mb__post_entry *fill_packet(struct mb__post *post)
{
    struct mb__post_entry *entry = post->unsent;

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
        struct mb__post_entry *end = fill_packet(post);
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

static struct mb__post_entry *make_entry(struct mb__post *post, const struct mb_event *event, void *ticket,
                                int64_t now_ms)
{
    struct mb_event fitting = *event;
    struct mb__post_entry *entry;
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
    struct mb__post_entry *first = post->tail;
    size_t i;

    if (count > ENTRIES_MAX - post->n_entries || post->n_bytes > BYTES_MAX) {
        return MB_ENOMEM;
    }
    for (i = 0; i < count; i++) {
        struct mb__post_entry *entry = make_entry(post, &events[i], ticket, now_ms);

        if (!entry) {
            while (post->tail != first) {
                mb__post_forget(post, post->tail);
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
static struct mb__post_entry *find(struct mb__post *post, int64_t sequence)
{
    struct mb__post_entry *entry = post->head;

    while (entry && entry->sequence < sequence) {
        entry = entry->next;
    }
    return entry && entry->sequence == sequence ? entry : NULL;
}

static void take_fate(struct mb__post *post, const struct mb__fate *fate, int64_t now_ms)
{
    struct mb__post_entry *entry = find(post, fate->sequence);

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
    mb__post_answer(post, entry, true);
    mb__post_forget(post, entry);
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
    return post->n_unanswered == 0 && post->job == MB__JOB_NONE;
}

const struct mb__post_counts *mb__post_counts(const struct mb__post *post)
{
    return &post->counts;
}
