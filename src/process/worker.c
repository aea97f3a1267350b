/* worker.c - one process that bids: starts, serves, drains, stops.
 *
 * One libuv loop does everything but what blocks: commits of the ledger, building and closing Lua
 * states run on libuv's helper threads, one commit and one build at a time.
 *
 *     start   lock the data folder -> keys, geo, guard -> scripts -> ledger (spend is rebuilt)
 *             -> listen
 *     drain   stop listening -> open requests end -> the ledger has everything
 *             -> close all handles -> the loop ends
 *
 * Nothing listens before all the rest stands, so the first request finds a server that knows what
 * it has spent.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "moonbid/limiter.h"

enum {
    DRAIN_GRACE_MS = 10000,
    OWN_DESCRIPTORS = 64, /* ledger, loop, listeners, script files, admin connections */
};

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
    return limits;
}

/* --- the data folder --- */

/* The lock ends with the process, however it ends. */
static int lock_folder(struct mb__worker *worker, struct mb_error *err)
{
    const char *data = worker->config->data;
    struct mb_buf path = {0};
    int rc = mb__process_make_folder(data, err);

    if (rc) {
        return rc;
    }
    mb_xbuf_printf(&path, "%s/lock%c", data, '\0');
    worker->lock_fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (worker->lock_fd < 0) {
        rc = mb_fail(err, MB_EIO, path.data, "%s", strerror(errno));
    } else if (flock(worker->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = mb_fail(err, MB_EBUSY, data, "another moonbid uses this data folder");
    }
    mb_buf_fini(&path);
    return rc;
}

/* --- stopping --- */

static void stop(struct mb__worker *worker)
{
    int i;

    worker->stopping = true;
    if (worker->server) {
        mb_http_server_close(worker->server);
    }
    if (worker->admin) {
        mb_http_server_close(worker->admin);
    }
    for (i = 0; i < MB__SIGNALS; i++) {
        uv_close((uv_handle_t *)&worker->signals[i], NULL);
    }
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

static void drain(struct mb__worker *worker)
{
    if (worker->draining) {
        return;
    }
    worker->draining = true;
    mb_log(MB_LOG_INFO, "process", "draining", "connections=%u",
           mb_http_server_counters(worker->server)->open);
    mb_http_server_drain(worker->server, DRAIN_GRACE_MS, on_drained, worker);
}

/* --- signals --- */

static void log_status(const struct mb__worker *worker)
{
    const struct mb_bidder_counts *n = mb_bidder_totals(worker->bidder);
    struct mb_slice version = mb_script_version(mb_bidder_script(worker->bidder));

    mb_log(MB_LOG_INFO, "process", "status",
           "version=%.*s generation=%u requests=%llu bids=%llu nobids=%llu bad=%llu notices=%llu "
           "duplicates=%llu forged=%llu connections=%u",
           MB_SLICE_ARG(version), worker->reload.generation, (unsigned long long)n->requests,
           (unsigned long long)n->bids, (unsigned long long)n->nobids,
           (unsigned long long)n->bad_requests, (unsigned long long)n->notices,
           (unsigned long long)n->duplicates, (unsigned long long)n->forged,
           mb_http_server_counters(worker->server)->open);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct mb__worker *worker = handle->data;

    switch (number) {
    case SIGHUP:
        mb__reload_ask(worker, NULL);
        break;
    case SIGUSR2:
        log_status(worker);
        break;
    default:
        drain(worker);
    }
}

static void watch_signals(struct mb__worker *worker)
{
    static const int numbers[MB__SIGNALS] = {SIGHUP, SIGTERM, SIGINT, SIGUSR2};
    int i;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is a failed write, not an end */
    signal(SIGUSR1, SIG_IGN); /* "reopen logs": standard error is whoever started us's to reopen */
    for (i = 0; i < MB__SIGNALS; i++) {
        uv_signal_init(&worker->loop, &worker->signals[i]);
        worker->signals[i].data = worker;
        uv_signal_start(&worker->signals[i], on_signal, numbers[i]);
    }
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
                                        .geo = worker->parts.geo,
                                        .random_bytes = random_bytes,
                                        .clock_ms = clock_ms,
                                        .user = worker};

    mb__chance_init(&worker->chance);
    worker->outcomes = calloc(worker->config->n_endpoints, sizeof(*worker->outcomes));
    if (!worker->outcomes) {
        abort();
    }
    return mb_bidder_new(&options, &worker->bidder, err);
}

/* The host as it was given and the port that was taken. */
static void log_listening(const char *key, const char *address, uint16_t port)
{
    const char *colon = strrchr(address, ':');

    mb_log(MB_LOG_INFO, "process", "listening", "%s=%.*s:%u", key, (int)(colon - address), address,
           port);
}

static int listen_on(struct mb_http_server *server, const char *key, const char *address,
                     uint16_t *port, struct mb_error *err)
{
    int rc = mb_http_server_listen(server, address, port, err);

    if (!rc) {
        log_listening(key, address, *port);
    }
    return rc;
}

/* Nobody can know a free port beforehand, so a notice_url with port 0 means: where the first
 * listener is. */
static void complete_notice_url(struct mb_config *config, uint16_t port)
{
    if (mb_slice_ends(config->notice_url, MB_SLICE(":0"))) {
        config->notice_url =
            mb_xarena_printf(&config->arena, "%.*s%u", (int)config->notice_url.len - 1,
                             config->notice_url.data, port);
    }
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

static int start_listening(struct mb__worker *worker, struct mb_error *err)
{
    struct mb_config *config = worker->config;
    uint16_t port = 0;
    size_t i;
    int rc = make_server(worker, mb__request_handle, &worker->server, err);

    if (!rc && config->admin) {
        rc = make_server(worker, mb__admin_handle, &worker->admin, err);
    }
    if (!rc && config->admin) {
        rc = listen_on(worker->admin, "admin", config->admin, &port, err);
    }
    for (i = 0; !rc && i < config->listen.count; i++) {
        rc = listen_on(worker->server, "addr", config->listen.items[i].data, &port, err);
        if (!rc && i == 0) {
            complete_notice_url(config, port);
        }
    }
    return rc;
}

/* A connection is a descriptor: takes as many as the system gives, and no more connections than
 * that, so that files can still be opened when all places are taken. */
static void fit_connections(struct mb_config *config)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur > OWN_DESCRIPTORS &&
        config->connections > limit.rlim_cur - OWN_DESCRIPTORS) {
        config->connections = (uint32_t)(limit.rlim_cur - OWN_DESCRIPTORS);
        mb_log(MB_LOG_INFO, "process", "fewer connections than configured",
               "connections=%u descriptors=%llu", config->connections,
               (unsigned long long)limit.rlim_cur);
    }
}

static int start(struct mb__worker *worker, struct mb_error *err)
{
    int rc;

    worker->started_ms = mb_time_now_ms();
    fit_connections(worker->config);
    if ((rc = lock_folder(worker, err)) ||
        (rc = mb_process_open_parts(worker->config, false, &worker->parts, err)) ||
        (rc = make_bidder(worker, err)) || (rc = mb_limiter_start(err)) ||
        (rc = mb__reload_first(worker, err)) || (rc = mb__books_open(worker, err))) {
        return rc;
    }
    return start_listening(worker, err);
}

/* Closes what there is, in any state of start. The loop has ended. */
static void fini(struct mb__worker *worker)
{
    mb_limiter_stop();
    if (worker->books.ledger) {
        mb_ledger_close(worker->books.ledger);
    }
    mb_bidder_free(worker->bidder);
    mb__reload_close(worker);
    mb_process_close_parts(&worker->parts);
    free(worker->outcomes);
    if (worker->lock_fd >= 0) {
        close(worker->lock_fd);
    }
}

int mb_process_serve(struct mb_config *config, struct mb_error *err)
{
    struct mb__worker *worker = calloc(1, sizeof(*worker));
    int rc;

    if (!worker) {
        abort();
    }
    worker->config = config;
    worker->lock_fd = -1;
    uv_loop_init(&worker->loop);
    watch_signals(worker);
    rc = start(worker, err);
    if (rc) {
        stop(worker);
    } else {
        mb_log(MB_LOG_INFO, "process", "serving", "version=%s scripts=%.*s pid=%d", MB_VERSION,
               MB_SLICE_ARG(mb_script_version(mb_bidder_script(worker->bidder))), (int)getpid());
    }
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
    fini(worker);
    free(worker);
    if (!rc) {
        mb_log(MB_LOG_INFO, "process", "stopped", NULL);
    }
    return rc;
}
