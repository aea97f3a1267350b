/* load.c - N kept connections, and requests over them in a closed loop or at a fixed rate.
 *
 * Closed loop: each connection sends its next request when its answer is complete. Fixed rate: the
 * n-th request is due n / rate after the start, whatever the server does. It is sent over any
 * connection that is free, late where none is, and its time counts from when it was due: a server
 * that stops for a moment is charged for all that would have come meanwhile.
 *
 * One thread, and no allocation per request, so that the server stays the bottleneck. It never
 * sleeps: waking it would cost the server some microseconds an answer, more often the slower the
 * server is, which a client behind a network does not do. The first WARM_UP_US are not counted.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define WARM_UP_US INT64_C(300000)
#define ANSWER_US INT64_C(10000000) /* silence for so long is a failure */

enum { EVENTS_MAX = 256, TIMES_MAX = 16 << 20 };

struct run {
    const struct load *load;
    int poll;
    struct connection *connections;
    struct connection *idle[CONNECTIONS_MAX];
    int n_idle;
    int64_t start_us, n_due; /* fixed rate */
    int64_t answers;
    uint32_t *times_us;
};

static void start_request(struct run *run, struct connection *connection, int64_t due_us)
{
    connection->filled = 0;
    connection->due_us = due_us;
    send_request(connection, run->load->next(run->load->user));
}

/* Sends what is due by now, as far as connections are free. */
static void send_due(struct run *run, int64_t now)
{
    int64_t due_us;
    while (run->n_idle > 0 && (due_us = run->start_us + (int64_t)((double)run->n_due * 1e6 /
                                                                  run->load->rate)) <= now) {
        run->n_due++;
        start_request(run, run->idle[--run->n_idle], due_us);
    }
}

static bool is_expected(int status, int expected)
{
    return expected == 0 ? status == 200 || status == 204 : status == expected;
}

static void take_answer(struct run *run, struct connection *connection)
{
    int got = receive(connection);
    int64_t now = now_us();
    if (got == 0)
        return;
    if (!is_expected(got, run->load->status))
        fail("status %d, expected %d: %s", got, run->load->status, connection->answer);
    if (run->answers < TIMES_MAX)
        run->times_us[run->answers] = (uint32_t)(now - connection->due_us);
    run->answers++;
    if (run->load->rate > 0)
        run->idle[run->n_idle++] = connection;
    else
        start_request(run, connection, now);
}

static void exchange_until(struct run *run, int64_t until_us)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now, last_us = now_us();
    while ((now = now_us()) < until_us) {
        if (run->load->rate > 0)
            send_due(run, now);
        int n = epoll_wait(run->poll, events, EVENTS_MAX, 0);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        if (n > 0 || run->n_idle == run->load->connections)
            last_us = now;
        else if (now - last_us > ANSWER_US)
            fail("no answer for %lld s", (long long)(ANSWER_US / 1000000));
        for (int i = 0; i < n; i++)
            take_answer(run, events[i].data.ptr);
    }
}

static void open_connections(struct run *run)
{
    run->poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < run->load->connections; i++) {
        struct connection *connection = &run->connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        connect_to(connection, run->load->port);
        if (epoll_ctl(run->poll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
            fail("epoll_ctl: %s", strerror(errno));
    }
    run->start_us = now_us();
    for (int i = 0; i < run->load->connections; i++) {
        if (run->load->rate > 0)
            run->idle[run->n_idle++] = &run->connections[i];
        else
            start_request(run, &run->connections[i], now_us());
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static int64_t quantile(const struct run *run, double q)
{
    int64_t n = run->answers < TIMES_MAX ? run->answers : TIMES_MAX;
    return n == 0 ? 0 : run->times_us[(int64_t)(q * (double)(n - 1))];
}

struct figures put_under_load(const struct load *load)
{
    static struct run run;
    if (load->connections < 1 || load->connections > CONNECTIONS_MAX)
        fail("between 1 and %d connections", CONNECTIONS_MAX);
    run = (struct run){.load = load};
    run.connections = calloc((size_t)load->connections, sizeof(*run.connections));
    run.times_us = malloc(TIMES_MAX * sizeof(*run.times_us));
    if (run.connections == NULL || run.times_us == NULL)
        fail("no memory");
    open_connections(&run);
    exchange_until(&run, now_us() + WARM_UP_US);
    run.answers = 0;
    int64_t start_us = now_us(), start_cpu_us = cpu_us(load->pid);
    exchange_until(&run, start_us + (int64_t)(load->seconds * 1e6));
    struct figures f = {.cpu_us = cpu_us(load->pid) - start_cpu_us,
                        .seconds = (double)(now_us() - start_us) / 1e6,
                        .answers = run.answers};
    qsort(run.times_us, (size_t)(run.answers < TIMES_MAX ? run.answers : TIMES_MAX),
          sizeof(*run.times_us), by_size);
    f.p50_us = quantile(&run, 0.5);
    f.p99_us = quantile(&run, 0.99);
    f.p999_us = quantile(&run, 0.999);
    f.most_us = quantile(&run, 1);
    return f;
}
