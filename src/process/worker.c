/* worker.c - one process that bids: starts, serves, drains, stops.
 *
 * One libuv loop does everything but what blocks: writing the spool, building and closing Lua
 * states run on libuv's helper threads, one of each at a time. What it has in common
 * with others was made by the supervisor and is inherited: sockets, the guard, the shared page.
 *
 *     start   scripts -> ledger -> accept -> tell the supervisor
 *     drain   accept no more -> open requests end -> the ledger has everything
 *             -> close all handles -> the loop ends
 */
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonbid/limiter.h"

enum { FETCH_GRACE_MS = 1000 }; /* for URLs that a stop finds waiting */

/* Requests of one pipelined connection that wait, and unsent bytes, are net's own business: its
 * defaults. */
static struct mb_http_limits limits_of(const struct mb_config *config)
{
    struct mb_http_limits limits = mb_http_limits_default();

    limits.header_bytes = config->header_bytes;
    limits.body_bytes = config->body_bytes;
    limits.connections = config->connections;
    limits.idle_ms = config->idle_ms;
    limits.header_ms = config->header_ms;
    limits.body_ms = config->body_ms;
    limits.write_ms = config->write_ms;
    return limits;
}

/* --- stopping --- */

static void stop(struct mb__worker *worker)
{
    worker->stopping = true;
    mb__reload_give_up(worker);
    mb__siblings_close(worker);
    if (worker->server) {
        mb_http_server_close(worker->server);
    }
    if (worker->admin) {
        mb_http_server_close(worker->admin);
    }
    mb__control_close(worker);
    mb__books_stop(worker);
}

void mb__worker_stop_if_drained(struct mb__worker *worker)
{
    if (worker->drained && !worker->stopping && mb__books_idle(worker)) {
        stop(worker);
    }
}

static void on_drained(void *user)
{
    struct mb__worker *worker = user;

    worker->drained = true;
    mb__worker_stop_if_drained(worker);
}

void mb__worker_drain(struct mb__worker *worker, const char *why)
{
    if (worker->draining) {
        return;
    }
    worker->draining = true;
    atomic_store(&worker->seat->state, MB__SEAT_DRAINING);
    mb_log(MB_LOG_INFO, "process", "draining", "worker=%u connections=%u why=%s",
           worker->options->seat + 1, mb_http_server_counters(worker->server)->open, why);
    mb__siblings_retire(worker);
    mb_http_server_drain(worker->server, worker->config->grace_ms, on_drained, worker);
}

/* --- what others see --- */

void mb__worker_publish(struct mb__worker *worker)
{
    const struct mb_http_counters *now = mb_http_server_counters(worker->server);
    const struct mb_http_counters *before = &worker->http_before;

    worker->board->http = (struct mb_http_counters){
        .accepted = before->accepted + now->accepted,
        .refused = before->refused + now->refused,
        .closed = before->closed + now->closed,
        .requests = before->requests + now->requests,
        .bad_requests = before->bad_requests + now->bad_requests,
        .timeouts = before->timeouts + now->timeouts,
        .bytes_in = before->bytes_in + now->bytes_in,
        .bytes_out = before->bytes_out + now->bytes_out,
    };
    atomic_store_explicit(&worker->board->connections, now->open, memory_order_relaxed);
    atomic_store_explicit(&worker->board->lua_bytes,
                          mb_script_lua_bytes(mb_bidder_script(worker->bidder)),
                          memory_order_relaxed);
}

/* --- starting --- */

static void random_bytes(void *user, void *out, size_t len)
{
    mb__chance_bytes(&((struct mb__worker *)user)->chance, out, len);
}

static int64_t clock_ms(void *user)
{
    (void)user;
    return mb_time_now_ms();
}

static int make_bidder(struct mb__worker *worker, struct mb_error *err)
{
    struct mb_bidder_options options = {.config = worker->config,
                                        .guard = worker->parts.guard,
                                        .keys = worker->parts.keys,
                                        .recent = worker->parts.recent,
                                        .shadow_bids = worker->parts.shadow_bids,
                                        .geo = worker->parts.geo,
                                        .random_bytes = random_bytes,
                                        .clock_ms = clock_ms,
                                        .clock_ns = mb_time_boot_ns,
                                        .user = worker,
                                        .booked_elsewhere = true,
                                        .board = &worker->board->bidder};

    mb__chance_init(&worker->chance);
    return mb_bidder_new(&options, &worker->bidder, err);
}

/* Strategies' own notice URLs. */
static struct mb_fetch_settings fetching(const struct mb_config *config)
{
    return (struct mb_fetch_settings){.allow = config->fetch_allow,
                                      .timeout_ms = config->fetch_timeout_ms,
                                      .retry_ms = config->fetch_retry_ms};
}

static int make_server(struct mb__worker *worker,
                       void (*on_request)(void *, struct mb_http_exchange *,
                                          const struct mb_http_request *),
                       struct mb_http_server **out, struct mb_error *err)
{
    struct mb_http_server_options options = {.loop = &worker->loop,
                                             .limits = limits_of(worker->config),
                                             .on_request = on_request,
                                             .user = worker};

    return mb_http_server_new(&options, out, err);
}

/* By a copy: the inherited descriptor stays, as the sockets must. */
static int listen_on(struct mb_http_server *server, int fd, struct mb_error *err)
{
    return mb_http_server_listen_fd(server, fcntl(fd, F_DUPFD_CLOEXEC, 0), err);
}

static int start_listening(struct mb__worker *worker, struct mb_error *err)
{
    const struct mb__sockets *sockets = worker->options->sockets;
    size_t i;
    int rc = make_server(worker, mb__request_handle, &worker->server, err);

    if (!rc && sockets->admin_fd >= 0) {
        rc = make_server(worker, mb__admin_handle, &worker->admin, err);
    }
    if (!rc && sockets->admin_fd >= 0) {
        rc = listen_on(worker->admin, sockets->admin_fd, err);
    }
    for (i = 0; !rc && i < sockets->n_addresses; i++) {
        rc = listen_on(worker->server, mb__sockets_fd(sockets, worker->options->seat, i), err);
    }
    return rc;
}

static struct mb_recorder *open_recorder(struct mb__worker *worker)
{
    struct mb_buf folder = {0};
    struct mb_recorder_options options = {.worker = worker->options->seat + 1,
                                          .settings = worker->config->recorder,
                                          .counts = &worker->board->records};
    struct mb_recorder *recorder;

    mb_xbuf_printf(&folder, "%s/recordings%c", worker->config->data, '\0');
    options.folder = folder.data;
    memcpy(options.key, worker->shared->recorder_key, sizeof(options.key));
    recorder = mb_xrecorder_open(&options);
    mb_buf_fini(&folder);
    return recorder;
}

static int start(struct mb__worker *worker, struct mb_error *err)
{
    struct mb_fetch_settings fetch = fetching(worker->config);
    int rc;

    worker->recorder = open_recorder(worker);

    worker->fetch = mb_xfetch_new(&fetch, &worker->board->fetches);
    if ((rc = make_bidder(worker, err)) || (rc = mb_limiter_start(err)) ||
        (rc = mb__reload_first(worker, err)) ||
        (rc = mb__books_open(worker, err)) || (rc = start_listening(worker, err))) {
        return rc;
    }
    mb_script_set_beacon(&worker->seat->beacon);
    return 0;
}

void mb__worker_use_config(struct mb__worker *worker)
{
    struct mb_http_limits limits = limits_of(worker->config);
    struct mb_error err;

    struct mb_fetch_settings fetch = fetching(worker->config);

    mb_script_set_limit_ms(worker->config->script_cpu_ms);
    if (worker->recorder) {
        mb_recorder_set(worker->recorder, &worker->config->recorder);
    }
    if (worker->fetch) {
        mb_fetch_set(worker->fetch, &fetch);
    }
    if ((worker->server && mb_http_server_set_limits(worker->server, &limits, &err)) ||
        (worker->admin && mb_http_server_set_limits(worker->admin, &limits, &err))) {
        mb_log(MB_LOG_ERROR, "process", "limits not taken", "error=%s", err.what);
    }
}

/* Ready, with what bids now; or why not. */
static void tell_supervisor(struct mb__worker *worker, int rc, const struct mb_error *err)
{
    struct mb__letter_head head = {.type = rc ? MB__LETTER_FAILED : MB__LETTER_READY,
                                   .code = rc};

    if (rc) {
        snprintf(head.error, sizeof(head.error), "%s", err->what);
        snprintf(head.where, sizeof(head.where), "%s", err->where);
    } else {
        mb__reload_tell_what_bids(worker, &head);
    }
    mb__control_send(worker, &head);
}

/* Closes what there is, in any state of start. The loop has ended. */
static void fini(struct mb__worker *worker)
{
    mb_script_set_beacon(NULL);
    mb_limiter_stop();
    mb__books_close(worker);
    mb_fetch_stop(worker->fetch, FETCH_GRACE_MS);
    mb_recorder_close(worker->recorder);
    mb_bidder_free(worker->bidder);
    mb__reload_close(worker);
    close(worker->options->channel);
}

/* What a worker that was killed left there. */
static void clear_seat(struct mb__seat *seat)
{
    atomic_store(&seat->beacon.call, 0);
    atomic_store(&seat->heartbeat_ms, 0);
}

int mb__worker_run(const struct mb__worker_options *options)
{
    struct mb__worker *worker = calloc(1, sizeof(*worker));
    struct mb_error err = {.at = -1};
    int rc;

    if (!worker) {
        abort();
    }
    mb_turn_prompt();
    worker->options = options;
    worker->shared = options->shared;
    worker->seat = &options->shared->seats[options->seat];
    worker->parts = *options->parts;
    worker->config = worker->parts.config;
    mb_script_set_limit_ms(worker->config->script_cpu_ms);
    worker->board = mb__boards_at(options->boards, options->seat);
    worker->http_before = worker->board->http;
    mb__board_clear_gauges(worker->board);
    clear_seat(worker->seat);
    uv_loop_init(&worker->loop);
    mb__control_open(worker);
    rc = start(worker, &err);
    if (rc) {
        stop(worker);
    } else {
        atomic_store(&worker->seat->state, MB__SEAT_SERVING);
        mb__siblings_open(worker);
    }
    tell_supervisor(worker, rc, &err);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
    fini(worker);
    free(worker);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
