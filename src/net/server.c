/* server.c - listens, accepts, drains, and goes when the last handle, connection and exchange has
 * gone.
 *
 * `refs` begins with the four handles of every server and counts listeners, connections and
 * exchanges besides. Nothing is freed but by the close callbacks of the loop or by the answer of an
 * exchange that outlived them.
 */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKLOG 1024 /* the kernel cuts it to net.core.somaxconn */

struct mb_http_limits mb_http_limits_default(void)
{
    return (struct mb_http_limits){
        .header_bytes = 16384,
        .body_bytes = 262144,
        .connections = 20000,
        .idle_ms = 150000,
        .header_ms = 10000,
        .body_ms = 10000,
        .write_ms = 10000,
        .pipeline = 64,
        .write_bytes = 65536,
    };
}

const struct mb_http_counters *mb_http_server_counters(const struct mb_http_server *server)
{
    return &server->counters;
}

/* --- the end --- */

void mb__net_server_release(struct mb_http_server *server)
{
    assert(server->refs > 0);
    if (--server->refs > 0)
        return;
    mb__net_pool_fini(server);
    mb__net_inflate_free(server->inflate);
    free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    mb__net_server_release(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct mb__net_listener *listener = MB__NET_OF(handle, struct mb__net_listener, tcp);
    mb__net_server_release(listener->server);
    free(listener);
}

static void close_listener(struct mb__net_listener *listener)
{
    mb__net_link_remove(&listener->link);
    uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
}

static void close_listeners(struct mb_http_server *server)
{
    while (!mb__net_link_alone(&server->listeners))
        close_listener(MB__NET_OF(server->listeners.next, struct mb__net_listener, link));
}

static void close_conns(struct mb_http_server *server)
{
    for (int wait = 0; wait < MB__NET_WAITS; wait++) {
        struct mb__net_link *ring = &server->waits[wait];
        while (!mb__net_link_alone(ring))
            mb__net_conn_close(MB__NET_OF(ring->next, struct mb__net_conn, wait_link));
    }
}

void mb_http_server_close(struct mb_http_server *server)
{
    if (server->closing)
        return;
    server->closing = true;
    server->on_drained = NULL;
    close_listeners(server);
    close_conns(server);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
    uv_close((uv_handle_t *)&server->turn, on_handle_closed);
    uv_close((uv_handle_t *)&server->round.looked, on_handle_closed);
    uv_close((uv_handle_t *)&server->grace, on_handle_closed);
}

/* --- draining --- */

static void finish_drain(struct mb_http_server *server)
{
    void (*on_drained)(void *user) = server->on_drained;
    if (server->counters.open > 0 || on_drained == NULL)
        return;
    server->on_drained = NULL;
    uv_timer_stop(&server->grace);
    on_drained(server->drained_user);
}

void mb__net_server_conn_gone(struct mb_http_server *server)
{
    server->counters.open--;
    server->counters.closed++;
    finish_drain(server);
    mb__net_server_release(server);
}

static void on_grace(uv_timer_t *timer)
{
    struct mb_http_server *server = timer->data;
    close_conns(server);
    finish_drain(server);
}

/* A turn closes those that are idle; the caller may be a handler inside the turn of one that is
 * not. */
static void end_last_call(struct mb_http_server *server)
{
    const struct mb__net_link *ring = &server->waits[MB__NET_WAIT_REQUEST];
    server->last_call = false;
    for (struct mb__net_link *link = ring->next; link != ring; link = link->next)
        mb__net_conn_want_turn(MB__NET_OF(link, struct mb__net_conn, wait_link));
}

static void on_last_call_over(uv_timer_t *timer)
{
    struct mb_http_server *server = timer->data;
    end_last_call(server);
    uv_timer_start(timer, on_grace, server->grace_ms - MB__NET_LAST_CALL_MS, 0);
}

/* The peers of those that wait here are connected; closing the socket would reset them. */
static void accept_waiting(struct mb__net_listener *listener)
{
    uv_os_fd_t fd;
    int conn;
    if (uv_fileno((const uv_handle_t *)&listener->tcp, &fd) != 0)
        return;
    while ((conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        mb__net_conn_adopt(listener->server, conn);
    (void)shutdown(fd, SHUT_RD);
}

/* Those that linger already have the longer time. */
static void shorten_lingering(struct mb_http_server *server)
{
    struct mb__net_link *ring = &server->waits[MB__NET_WAIT_LINGER];
    uint32_t count = 0;
    for (const struct mb__net_link *link = ring->next; link != ring; link = link->next)
        count++;
    while (count-- > 0)
        mb__net_wait_set(MB__NET_OF(ring->next, struct mb__net_conn, wait_link), MB__NET_WAIT_LINGER);
}

void mb_http_server_drain(struct mb_http_server *server, uint32_t grace_ms,
                          void (*on_drained)(void *user), void *user)
{
    if (server->draining || server->closing)
        return;
    server->draining = true;
    server->on_drained = on_drained;
    server->drained_user = user;
    server->grace_ms = grace_ms;
    server->last_call = grace_ms > MB__NET_LAST_CALL_MS;
    const struct mb__net_link *ring = &server->listeners;
    for (struct mb__net_link *link = ring->next; link != ring; link = link->next)
        accept_waiting(MB__NET_OF(link, struct mb__net_listener, link));
    close_listeners(server);
    shorten_lingering(server);
    if (server->counters.open == 0)
        uv_timer_start(&server->grace, on_grace, 0, 0);
    else if (server->last_call)
        uv_timer_start(&server->grace, on_last_call_over, MB__NET_LAST_CALL_MS, 0);
    else
        uv_timer_start(&server->grace, on_grace, grace_ms, 0);
    if (!server->last_call)
        end_last_call(server);
}

/* --- the beginning --- */

static void on_turns(uv_prepare_t *prepare)
{
    struct mb_http_server *server = prepare->data;
    while (!mb__net_link_alone(&server->turns)) {
        struct mb__net_link *link = server->turns.next;
        mb__net_link_remove(link);
        mb__net_conn_turn(MB__NET_OF(link, struct mb__net_conn, turn_link));
    }
    uv_prepare_stop(prepare);
}

void mb__net_server_add_turn(struct mb_http_server *server, struct mb__net_conn *conn)
{
    mb__net_link_add(&server->turns, &conn->turn_link);
    uv_prepare_start(&server->turn, on_turns);
}

static bool limits_hold(const struct mb_http_limits *limits)
{
    return limits->header_bytes > 0 && limits->body_bytes > 0 && limits->connections > 0 &&
           limits->idle_ms > 0 && limits->header_ms > 0 && limits->body_ms > 0 &&
           limits->write_ms > 0 && limits->pipeline > 0 && limits->write_bytes > 0;
}

int mb_http_server_new(const struct mb_http_server_options *options, struct mb_http_server **out,
                       struct mb_error *err)
{
    if (!limits_hold(&options->limits))
        return mb_fail(err, MB_EINVAL, "limits", "every limit must be above 0");
    struct mb_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        abort();
    server->options = *options;
    server->refs = 4;
    mb__net_link_init(&server->listeners);
    mb__net_link_init(&server->turns);
    mb__net_timers_init(server);
    mb__net_round_init(server);
    uv_prepare_init(options->loop, &server->turn);
    uv_timer_init(options->loop, &server->grace);
    server->turn.data = server->grace.data = server;
    *out = server;
    return 0;
}

int mb_http_server_set_limits(struct mb_http_server *server, const struct mb_http_limits *limits,
                              struct mb_error *err)
{
    if (!limits_hold(limits))
        return mb_fail(err, MB_EINVAL, "limits", "every limit must be above 0");
    mb__net_timers_set_limits(server, limits);
    return 0;
}

/* A failed accept (descriptors used up) is libuv's to retry. It would retry for ever, and never come
 * back, on a socket that another process has shut down meanwhile: such a listener goes. */
static void on_connection(uv_stream_t *stream, int status)
{
    struct mb__net_listener *listener = MB__NET_OF(stream, struct mb__net_listener, tcp);
    if (status == 0)
        mb__net_conn_accept(listener);
    else if (status == UV_EINVAL)
        close_listener(listener);
}

/* The port that a bound handle has. */
static uint16_t port_of(const uv_tcp_t *tcp)
{
    struct sockaddr_storage address = {0};
    int size = sizeof(address);
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

static struct mb__net_listener *open_listener(struct mb_http_server *server)
{
    struct mb__net_listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        abort();
    listener->server = server;
    server->refs++;
    uv_tcp_init(server->options.loop, &listener->tcp);
    mb__net_link_add(&server->listeners, &listener->link);
    return listener;
}

/* Starts accepting, unless `code` says that something has failed before. */
static int start_listener(struct mb__net_listener *listener, int code, const char *where,
                          struct mb_error *err)
{
    if (code == 0)
        code = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    if (code == 0)
        return 0;
    close_listener(listener);
    return mb_fail(err, code == UV_EADDRINUSE ? MB_EBUSY : MB_EIO, where, "%s", uv_strerror(code));
}

int mb_http_server_listen(struct mb_http_server *server, const char *address, uint16_t *port,
                          struct mb_error *err)
{
    struct sockaddr_storage parsed;
    if (!mb_net_parse_address(address, &parsed))
        return mb_fail(err, MB_EINVAL, address, "not of the form 127.0.0.1:8080 or [::1]:8080");
    struct mb__net_listener *listener = open_listener(server);
    int code = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&parsed, 0);
    code = start_listener(listener, code, address, err);
    if (code == 0)
        *port = port_of(&listener->tcp);
    return code;
}

int mb_http_server_listen_fd(struct mb_http_server *server, int fd, struct mb_error *err)
{
    struct mb__net_listener *listener = open_listener(server);
    int code = uv_tcp_open(&listener->tcp, fd);
    if (code != 0)
        close(fd);
    return start_listener(listener, code, "inherited socket", err);
}

void mb_http_server_unlisten_fd(struct mb_http_server *server, int fd)
{
    struct mb__net_link *ring = &server->listeners;
    for (struct mb__net_link *link = ring->next; link != ring; link = link->next) {
        struct mb__net_listener *listener = MB__NET_OF(link, struct mb__net_listener, link);
        uv_os_fd_t own;
        if (uv_fileno((const uv_handle_t *)&listener->tcp, &own) == 0 && own == fd) {
            close_listener(listener);
            return;
        }
    }
}
