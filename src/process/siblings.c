/* siblings.c - a worker's heart, and its ear for those of the others.
 *
 * A timer stores the time in the shared page. It cannot run while a request is handled, so a
 * heartbeat that is late tells that its worker is busy, hung or dead; which of them does not matter
 * here. Connections that the kernel gave to its sockets would wait: until its heart beats again
 * every other worker accepts from them as well.
 *
 * A listener is taken by a copy of the inherited descriptor and given back by closing the copy, so
 * the socket itself listens all the time.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BEAT_MS = 10, LATE_MS = 20 };

static int *stand_in(struct mb__worker *worker, uint32_t seat, size_t address)
{
    return &worker->siblings.fds[seat * worker->options->sockets->n_addresses + address];
}

static void take_over(struct mb__worker *worker, uint32_t seat)
{
    const struct mb__sockets *sockets = worker->options->sockets;
    struct mb_error err;
    size_t i;

    for (i = 0; i < sockets->n_addresses; i++) {
        int *fd = stand_in(worker, seat, i);

        if (*fd < 0) {
            *fd = fcntl(mb__sockets_fd(sockets, seat, i), F_DUPFD_CLOEXEC, 0);
        } else {
            continue;
        }
        if (*fd >= 0 && mb_http_server_listen_fd(worker->server, *fd, &err)) {
            *fd = -1; /* the next beat tries again */
        }
    }
}

static void give_back(struct mb__worker *worker, uint32_t seat)
{
    size_t i;

    for (i = 0; i < worker->options->sockets->n_addresses; i++) {
        int *fd = stand_in(worker, seat, i);

        if (*fd >= 0) {
            mb_http_server_unlisten_fd(worker->server, *fd);
            *fd = -1;
        }
    }
}

static void on_beat(uv_timer_t *timer)
{
    struct mb__worker *worker = timer->data;
    uint64_t now_ms = uv_now(&worker->loop);
    uint32_t i;

    atomic_store_explicit(&worker->seat->heartbeat_ms, now_ms, memory_order_relaxed);
    mb__notes_clock(worker->parts.guard);
    mb__worker_publish(worker);
    mb_tally_turn(&worker->board->bidder.tally, mb_time_now_ms(), false);
    mb__books_watch_money(worker, now_ms);
    for (i = 0; i < worker->shared->n_seats && !worker->draining; i++) {
        const struct mb__seat *seat = &worker->shared->seats[i];
        uint64_t beat_ms = atomic_load_explicit(&seat->heartbeat_ms, memory_order_relaxed);

        if (seat == worker->seat) {
            continue;
        }
        if (now_ms > beat_ms + LATE_MS) {
            take_over(worker, i);
        } else {
            give_back(worker, i);
        }
    }
}

void mb__siblings_open(struct mb__worker *worker)
{
    const struct mb__sockets *sockets = worker->options->sockets;
    size_t i, count = sockets->n_addresses * sockets->n_seats;

    worker->siblings.fds = malloc(count * sizeof(int));
    if (!worker->siblings.fds) {
        abort();
    }
    for (i = 0; i < count; i++) {
        worker->siblings.fds[i] = -1;
    }
    uv_timer_init(&worker->loop, &worker->siblings.timer);
    worker->siblings.timer.data = worker;
    uv_update_time(&worker->loop);
    on_beat(&worker->siblings.timer);
    uv_timer_start(&worker->siblings.timer, on_beat, BEAT_MS, BEAT_MS);
}

void mb__siblings_retire(struct mb__worker *worker)
{
    uint32_t i;

    for (i = 0; i < worker->shared->n_seats; i++) {
        give_back(worker, i);
    }
}

void mb__siblings_close(struct mb__worker *worker)
{
    if (worker->siblings.fds) {
        uv_close((uv_handle_t *)&worker->siblings.timer, NULL);
        free(worker->siblings.fds);
        worker->siblings.fds = NULL;
    }
}
