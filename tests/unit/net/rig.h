/* rig.h - a server on a loop of its own, and plain sockets that talk to it, for the tests of net.
 *
 * The sockets do not block; whoever waits lets the loop run meanwhile and gives up at a deadline.
 * rig_stop asserts that nothing is left open in the loop.
 *
 * Handler: GET /hello "hello"; /echo what came ("METHOD path query body"); /none 204; /bye closes;
 * /big a body of BIG_BYTES; /later keeps the exchange in rig->kept; anything else 404.
 */
#ifndef MB_TEST_NET_RIG_H
#define MB_TEST_NET_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "moonbid/base.h"
#include "moonbid/net.h"

#define RIG_PATIENCE_MS 60000
#define BIG_BYTES (4u << 20)

struct rig {
    uv_loop_t loop;
    struct mb_http_server *server;
    uint16_t port;
    struct mb_http_exchange *kept[16];
    int n_kept;
    char last_ip[64];
    char last_headers[4096]; /* of the last request: "name=value\n" each */
    bool close_in_handler;
    bool drain_in_handler;
    int n_drained;
};

static char rig_big[BIG_BYTES];

static inline void rig_on_drained(void *user)
{
    ((struct rig *)user)->n_drained++;
}

static inline void rig_reply(struct mb_http_exchange *exchange, int status, struct mb_slice body,
                             bool close)
{
    mb_http_respond(exchange, &(struct mb_http_response){.status = status,
                                                         .content_type = "text/plain",
                                                         .body = body,
                                                         .close = close});
}

static inline void rig_echo(struct mb_http_exchange *exchange,
                            const struct mb_http_request *request)
{
    size_t size = request->target.len + request->body.len + 128;
    char *text = malloc(size);
    int len = snprintf(text, size, "%.*s %.*s %.*s ", MB_SLICE_ARG(request->method_name),
                       MB_SLICE_ARG(request->path), MB_SLICE_ARG(request->query));
    memcpy(text + len, request->body.data, request->body.len);
    rig_reply(exchange, 200, mb_slice(text, (size_t)len + request->body.len), false);
    free(text);
}

static inline void rig_note(struct rig *rig, const struct mb_http_request *request)
{
    size_t len = 0;
    snprintf(rig->last_ip, sizeof(rig->last_ip), "%.*s", MB_SLICE_ARG(request->remote_ip));
    rig->last_headers[0] = '\0';
    for (size_t i = 0; i < request->n_headers && len < sizeof(rig->last_headers); i++)
        len += (size_t)snprintf(rig->last_headers + len, sizeof(rig->last_headers) - len,
                                "%.*s=%.*s\n", MB_SLICE_ARG(request->headers[i].name),
                                MB_SLICE_ARG(request->headers[i].value));
}

static inline void rig_on_request(void *user, struct mb_http_exchange *exchange,
                                  const struct mb_http_request *request)
{
    struct rig *rig = user;
    rig_note(rig, request);
    if (rig->close_in_handler)
        mb_http_server_close(rig->server);
    if (rig->drain_in_handler)
        mb_http_server_drain(rig->server, RIG_PATIENCE_MS, rig_on_drained, rig);
    if (mb_slice_is(request->path, "/hello")) {
        rig_reply(exchange, 200, MB_SLICE("hello"), false);
    } else if (mb_slice_is(request->path, "/echo")) {
        rig_echo(exchange, request);
    } else if (mb_slice_is(request->path, "/none")) {
        rig_reply(exchange, 204, MB_SLICE_NONE, false);
    } else if (mb_slice_is(request->path, "/bye")) {
        rig_reply(exchange, 200, MB_SLICE("bye"), true);
    } else if (mb_slice_is(request->path, "/big")) {
        memset(rig_big, 'b', sizeof(rig_big));
        rig_reply(exchange, 200, mb_slice(rig_big, sizeof(rig_big)), false);
    } else if (mb_slice_is(request->path, "/later")) {
        assert_true(rig->n_kept < 16);
        rig->kept[rig->n_kept++] = exchange;
        mb_http_defer(exchange);
    } else {
        rig_reply(exchange, 404, MB_SLICE("?"), false);
    }
}

static inline void rig_start_with(struct rig *rig, const struct mb_http_limits *limits,
                                  void (*on_request)(void *, struct mb_http_exchange *,
                                                     const struct mb_http_request *))
{
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    struct mb_http_server_options options = {
        .loop = &rig->loop,
        .limits = limits ? *limits : mb_http_limits_default(),
        .on_request = on_request,
        .user = rig,
    };
    struct mb_error err;
    assert_int_equal(mb_http_server_new(&options, &rig->server, &err), 0);
    assert_int_equal(mb_http_server_listen(rig->server, "127.0.0.1:0", &rig->port, &err), 0);
    assert_int_not_equal(rig->port, 0);
}

static inline void rig_start(struct rig *rig, const struct mb_http_limits *limits)
{
    rig_start_with(rig, limits, rig_on_request);
}

/* Lets the loop run for a moment, or until something happens on `fd` (-1: nowhere else). */
static inline void rig_run(struct rig *rig, int fd)
{
    struct pollfd fds[2] = {{.fd = uv_backend_fd(&rig->loop), .events = POLLIN},
                            {.fd = fd, .events = POLLIN}};
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    int wait = uv_backend_timeout(&rig->loop);
    poll(fds, 2, wait < 0 || wait > 5 ? 5 : wait);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
}

#define RIG_WAIT(rig, fd, condition)                                                               \
    do {                                                                                           \
        uint64_t rig_end = uv_hrtime() + RIG_PATIENCE_MS * UINT64_C(1000000);                      \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > rig_end)                                                             \
                fail_msg("in vain: %s", #condition);                                               \
            rig_run(rig, fd);                                                                      \
        }                                                                                          \
    } while (0)

/* The loop must be empty once the server is gone; exchanges still kept are answered first. */
static inline void rig_stop(struct rig *rig)
{
    for (int i = 0; i < rig->n_kept; i++)
        rig_reply(rig->kept[i], 200, MB_SLICE("late"), false);
    if (!rig->close_in_handler)
        mb_http_server_close(rig->server);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
}

static inline int rig_connect(const struct rig *rig)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline void rig_send_bytes(struct rig *rig, int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return; /* the server has closed: what it said shows in the answer */
        if (sent < 0) {
            rig_run(rig, -1);
            continue;
        }
        data += sent;
        len -= (size_t)sent;
    }
}

static inline void rig_send(struct rig *rig, int fd, const char *text)
{
    rig_send_bytes(rig, fd, text, strlen(text));
}

/* What the server sends, NUL-terminated; the caller frees `data` with rig_heard_free. */
struct rig_heard {
    char *data;
    size_t len;
    bool eof;   /* ended in order */
    bool reset; /* ended by a reset */
};

static inline bool rig_hear_some(struct rig *rig, int fd, struct rig_heard *heard)
{
    enum { STEP = 65536 };
    heard->data = realloc(heard->data, heard->len + STEP + 1);
    ssize_t got = recv(fd, heard->data + heard->len, STEP, MSG_DONTWAIT);
    if (got > 0)
        heard->len += (size_t)got;
    heard->data[heard->len] = '\0';
    heard->eof = heard->eof || got == 0;
    heard->reset = heard->reset || (got < 0 && errno == ECONNRESET);
    if (got < 0)
        rig_run(rig, fd);
    return !heard->eof && !heard->reset;
}

/* Listens until the server ends the connection. */
static inline void rig_hear_end(struct rig *rig, int fd, struct rig_heard *heard)
{
    uint64_t end = uv_hrtime() + RIG_PATIENCE_MS * UINT64_C(1000000);
    while (rig_hear_some(rig, fd, heard)) {
        if (uv_hrtime() > end)
            fail_msg("no end of the connection behind: %s", heard->data);
    }
}

static inline int rig_count(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* Listens until `part` has come `times` times. */
static inline void rig_hear(struct rig *rig, int fd, struct rig_heard *heard, const char *part,
                            int times)
{
    uint64_t end = uv_hrtime() + RIG_PATIENCE_MS * UINT64_C(1000000);
    while (heard->data == NULL || rig_count(heard->data, part) < times) {
        if (!rig_hear_some(rig, fd, heard) || uv_hrtime() > end)
            fail_msg("no %d times \"%s\" in: %s", times, part, heard->data);
    }
}

static inline void rig_heard_free(struct rig_heard *heard)
{
    free(heard->data);
    memset(heard, 0, sizeof(*heard));
}

/* Sends, ends our side, listens to the end: the whole conversation as text. */
static inline struct rig_heard rig_talk(struct rig *rig, const char *bytes, size_t len)
{
    struct rig_heard heard = {0};
    int fd = rig_connect(rig);
    rig_send_bytes(rig, fd, bytes, len);
    shutdown(fd, SHUT_WR);
    rig_hear_end(rig, fd, &heard);
    close(fd);
    return heard;
}

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (strstr(text, part) == NULL)                                                            \
            fail_msg("no \"%s\" in: %s", part, text);                                              \
    } while (0)

#define assert_lacks(text, part)                                                                   \
    do {                                                                                           \
        if (strstr(text, part) != NULL)                                                            \
            fail_msg("\"%s\" in: %s", part, text);                                                 \
    } while (0)

#endif /* MB_TEST_NET_RIG_H */
