/* fuzz_http.c - the HTTP server, fed with a connection's bytes in pieces.
 *
 *     line 1    a character for each piece, again from the first at the end: its length grows with the letter (see piece_of); an
 *               odd one has the deferred requests answered behind it, the last first
 *     the rest  what the peer sends, then it ends its side
 *
 * A socket of the unix family with a name of the kernel's choice stands in for TCP: no port is taken, and nothing waits. The
 * handler answers at once, or defers (/d), closes (/c), has no body (/n) or a large one (/b).
 *
 * Promises: the conversation ends; each request that was handed over or refused has one answer, in HTTP's form, unless one before
 * it closed the connection; a connection never holds more than its limits; how the bytes are cut makes no difference (where
 * nothing is refused: how much framing is too much is asked once a read).
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

#include "internal.h" /* of net: what a connection holds */

enum { HEADER_BYTES = 512, BODY_BYTES = 1024, PIPELINE = 3, BIG_BYTES = 5000, ROUNDS_MAX = 100000, HELD_MAX = PIPELINE };

static uv_loop_t loop;
static struct mb_http_server *server;
static struct sockaddr_un address;
static socklen_t address_len = sizeof(sa_family_t);
static struct {
    struct mb_http_exchange *exchange;
    struct mb_http_response response;
} held[HELD_MAX];
static size_t n_held;
static bool closed_by_handler;
static struct mb_buf heard, heard_at_once;

/* --- our side --- */

#define HEAD_LINE "X-Head: 1\r\n" /* tells who reads the answers that this one has no body */

static struct mb_http_response answer_to(const struct mb_http_request *request, struct mb_slice body)
{
    bool head = request->method == MB_HTTP_HEAD;

    return (struct mb_http_response){.status = 200,
                                     .content_type = "text/plain",
                                     .body = body,
                                     .extra_headers = head ? MB_SLICE(HEAD_LINE) : MB_SLICE_NONE};
}

static void check_request(const struct mb_http_request *r)
{
    FUZZ_HOLDS(r->path.len > 0 && r->target.len > 0 && r->n_headers <= MB__NET_FIELDS_MAX);
    FUZZ_HOLDS(r->body.len <= BODY_BYTES && r->target.len < HEADER_BYTES);
    fuzz_touch(r->method_name);
    fuzz_touch(r->target);
    fuzz_touch(r->path);
    fuzz_touch(r->query);
    fuzz_touch(r->body);
    for (size_t i = 0; i < r->n_headers; i++) {
        fuzz_touch(r->headers[i].name);
        fuzz_touch(r->headers[i].value);
        FUZZ_HOLDS(r->headers[i].name.len > 0);
        FUZZ_HOLDS(mb_slice_find_char(r->headers[i].value, '\n') < 0);
        FUZZ_HOLDS(mb_slice_find_char(r->headers[i].value, '\r') < 0);
        FUZZ_HOLDS(mb_slice_present(mb_http_header(r, r->headers[i].name)));
    }
}

static void on_request(void *user, struct mb_http_exchange *exchange, const struct mb_http_request *request)
{
    static char big[BIG_BYTES];
    struct mb_http_response response;
    char what = request->path.len > 1 ? request->path.data[1] : ' ';

    (void)user;
    check_request(request);
    response = answer_to(request, what == 'b' ? mb_slice(big, sizeof(big)) : request->body);
    response.status = what == 'n' ? 204 : 200;
    response.close = what == 'c';
    closed_by_handler = closed_by_handler || what == 'c';
    if (what == 'd') {
        FUZZ_HOLDS(n_held < HELD_MAX); /* the pipeline's limit */
        held[n_held].exchange = exchange;
        held[n_held++].response = answer_to(request, MB_SLICE("Belated"));
        mb_http_defer(exchange);
        return;
    }
    mb_http_respond(exchange, &response);
}

static void answer_held(void)
{
    while (n_held > 0) {
        n_held--;
        mb_http_respond(held[n_held].exchange, &held[n_held].response);
    }
}

static void set_up(void)
{
    struct mb_http_server_options options = {
        .loop = &loop,
        .limits = {.header_bytes = HEADER_BYTES,
                   .body_bytes = BODY_BYTES,
                   .connections = 8,
                   .idle_ms = 600000,
                   .header_ms = 600000,
                   .body_ms = 600000,
                   .write_ms = 600000,
                   .pipeline = PIPELINE,
                   .write_bytes = 2048},
        .on_request = on_request,
    };
    struct mb_error err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sun_family = AF_UNIX;
    FUZZ_HOLDS(fd >= 0 && bind(fd, (struct sockaddr *)&address, address_len) == 0);
    address_len = sizeof(address);
    FUZZ_HOLDS(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
    FUZZ_HOLDS(uv_loop_init(&loop) == 0);
    FUZZ_HOLDS(mb_http_server_new(&options, &server, &err) == 0);
    FUZZ_HOLDS(mb_http_server_listen_fd(server, fd, &err) == 0);
}

/* What a connection may hold between two turns of the loop. */
static void check_memory(void)
{
    for (int wait = 0; wait < MB__NET_WAITS; wait++) {
        const struct mb__net_link *ring = &server->waits[wait];

        for (const struct mb__net_link *link = ring->next; link != ring; link = link->next) {
            const struct mb__net_conn *conn = MB__NET_OF(link, struct mb__net_conn, wait_link);

            FUZZ_HOLDS(!conn->msg || conn->msg->kept.len <= HEADER_BYTES + BODY_BYTES);
            FUZZ_HOLDS(conn->stash.len <= MB__NET_READ_BYTES);
            FUZZ_HOLDS(conn->n_exchanges <= PIPELINE);
        }
    }
}

/* --- the peer --- */

/* Takes what has come; false at the end of the connection. */
static bool hear(int fd)
{
    for (;;) {
        ssize_t got;

        mb_xbuf_reserve(&heard, 16384);
        got = recv(fd, heard.data + heard.len, 16384, MSG_DONTWAIT);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        heard.len += (size_t)got;
    }
}

static size_t piece_of(char c)
{
    size_t n = (uint8_t)c & 63;

    return n < 32 ? n + 1 : n * n;
}

/* Sends all in pieces. The server may end before us: its answers say why. */
static void speak(int fd, struct mb_slice pieces, struct mb_slice bytes)
{
    for (size_t i = 0, rounds = 0; bytes.len > 0; i++) {
        char c = pieces.len > 0 ? pieces.data[i % pieces.len] : '\x3f';
        size_t want = piece_of(c);
        ssize_t sent = send(fd, bytes.data, want < bytes.len ? want : bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        bytes = sent > 0 ? mb_slice(bytes.data + sent, bytes.len - (size_t)sent) : bytes;
        uv_run(&loop, UV_RUN_NOWAIT);
        check_memory();
        if (sent < 0 || (c & 1)) {
            answer_held();
        }
        hear(fd);
        FUZZ_HOLDS(rounds++ < ROUNDS_MAX);
    }
}

static void hear_all(int fd)
{
    size_t rounds = 0;

    shutdown(fd, SHUT_WR);
    while (hear(fd)) {
        uv_run(&loop, UV_RUN_NOWAIT);
        answer_held();
        check_memory();
        FUZZ_HOLDS(rounds++ < ROUNDS_MAX);
    }
}

/* --- what was answered --- */

static bool eat(struct mb_slice *rest, struct mb_slice part)
{
    bool there = mb_slice_starts(*rest, part);

    *rest = there ? mb_slice(rest->data + part.len, rest->len - part.len) : *rest;
    return there;
}

/* One answer off the front: its status. A refusal ("{") of a HEAD request has no body either, and nothing says so: then the next
 * answer follows, or the end. */
static int eat_answer(struct mb_slice *rest)
{
    int64_t status = 0, length = -1;
    long end = mb_slice_find(*rest, MB_SLICE("\r\n\r\n"));
    struct mb_slice lines;
    bool head = false;

    FUZZ_HOLDS(end > 0);
    lines = mb_slice(rest->data, (size_t)end);
    *rest = mb_slice(rest->data + end + 4, rest->len - (size_t)end - 4);
    FUZZ_HOLDS(eat(&lines, MB_SLICE("HTTP/1.1 ")));
    FUZZ_HOLDS(lines.len >= 3 && mb_slice_to_i64(mb_slice(lines.data, 3), &status));
    while (mb_slice_present(lines)) {
        struct mb_slice line = mb_slice_cut(&lines, '\n');

        head = head || mb_slice_is(mb_slice_trim(line), "X-Head: 1");
        if (eat(&line, MB_SLICE("Content-Length: "))) {
            FUZZ_HOLDS(length < 0 && mb_slice_to_i64(mb_slice_trim(line), &length) && length >= 0);
        }
    }
    FUZZ_HOLDS((length < 0) == (status == 100 || status == 204));
    head = head || (status >= 400 && (rest->len == 0 || rest->data[0] != '{'));
    if (length > 0 && !head) {
        FUZZ_HOLDS((size_t)length <= rest->len);
        *rest = mb_slice(rest->data + length, rest->len - (size_t)length);
    }
    return (int)status;
}

static uint64_t count_answers(struct mb_slice rest)
{
    uint64_t count = 0;

    while (rest.len > 0) {
        count += eat_answer(&rest) != 100;
    }
    return count;
}

/* One connection from its beginning to its end: leaves what was answered in `heard`. True where nothing was refused. */
static bool converse(struct mb_slice pieces, struct mb_slice bytes)
{
    struct mb_http_counters before = *mb_http_server_counters(server), after;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t due, answers;

    closed_by_handler = false;
    mb_buf_clear(&heard);
    FUZZ_HOLDS(fd >= 0 && connect(fd, (struct sockaddr *)&address, address_len) == 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    speak(fd, pieces, bytes);
    hear_all(fd);
    close(fd);
    answer_held(); /* to nobody */
    for (int i = 0; mb_http_server_counters(server)->open > 0; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        FUZZ_HOLDS(i < ROUNDS_MAX);
    }
    after = *mb_http_server_counters(server);
    due = after.requests - before.requests + after.bad_requests - before.bad_requests;
    answers = count_answers(mb_buf_slice(&heard));
    FUZZ_HOLDS(closed_by_handler ? answers <= due && answers > 0 : answers == due);
    return after.bad_requests == before.bad_requests;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mb_slice input = mb_slice((const char *)data, size), pieces = fuzz_line(&input);
    bool taken;

    if (!server) {
        set_up();
    }
    taken = converse(MB_SLICE("\x7f"), input);
    mb_buf_clear(&heard_at_once);
    mb_xbuf_add_slice(&heard_at_once, mb_buf_slice(&heard));
    if (converse(pieces, input) && taken) {
        FUZZ_HOLDS(mb_slice_eq(mb_buf_slice(&heard_at_once), mb_buf_slice(&heard)));
    }
    return 0;
}
