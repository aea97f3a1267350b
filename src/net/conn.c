/* conn.c - the life of a server connection: reading, its turn, waiting, ending.
 *
 *   accept -> [ wait for a request <-> read it <-> wait for answers, write ] -> shut down, linger
 * -> close
 *
 * Turn. Whatever happens to a connection (bytes, a late answer, a finished write, a timeout) ends
 * in one turn: give all answers to the socket in one write, parse and hand over what had to wait for
 * that, then decide whether to end, whether to read, and what to wait for. Who has sent bytes is handed
 * over and has his turn in the round they came in (round.c); the rest asks for one, which runs before
 * the loop blocks again (uv_prepare). So nothing here is re-entered from a handler, and all answers of a
 * read, or of a batch of late answers, leave in one system call.
 *
 * Pressure. With `pipeline` unanswered requests or `write_bytes` unsent bytes parsing stops, the
 * unparsed rest of the read goes to the stash, and reading stops until both are below their limits
 * again.
 *
 * Ending. After an answer that closes, our side is shut down and input is thrown away until the
 * peer ends too or MB__NET_LINGER_MS is over. A close with unread input would make the kernel send
 * a reset, and the peer could lose the answer that tells it why. Only who does not take that answer
 * either is reset: the kernel would go on holding it.
 *
 * Lifetimes:
 *  1. A connection is allocated in mb__net_conn_accept and freed in on_closed, nowhere else. From
 *     mb__net_conn_close on (`closing`) it is in no ring and owns only what libuv still holds.
 *  2. mb__net_conn_close may be called at any time and twice; who calls out to a handler looks at
 * `closing` next.
 *  3. A message belongs to its connection while it is incomplete (conn->msg); before on_request it
 * is taken off, and it goes to the pool when on_request returns. So a handler may close the server
 * and still read its request.
 *  4. An exchange belongs to the handler until mb_http_respond. The connection's queue only points
 * to it; when the connection closes or ends, exchange->conn becomes NULL and a later answer is
 * thrown away.
 *  5. An outbox belongs to the connection; while `writing`, to libuv too, which gives it back in
 * on_written, before on_closed at the latest.
 *  6. The server counts its handles, connections and exchanges and is freed with the last of them,
 * so an exchange may be answered after mb_http_server_close.
 */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct mb__net_conn *conn = MB__NET_OF(handle, struct mb__net_conn, tcp);
    struct mb_http_server *server = conn->server;
    free(conn);
    mb__net_server_conn_gone(server);
}

/* Everything but the handle; false where that is done already. */
static bool let_go(struct mb__net_conn *conn)
{
    if (conn->closing)
        return false;
    conn->closing = true;
    mb__net_link_remove(&conn->wait_link);
    mb__net_link_remove(&conn->turn_link);
    mb__net_exchanges_abandon(conn);
    if (conn->msg != NULL)
        mb__net_give_message(conn->server, conn->msg);
    if (conn->out != NULL)
        mb__net_give_outbox(conn->server, conn->out);
    conn->msg = NULL;
    conn->out = NULL;
    mb_buf_fini(&conn->stash);
    return true;
}

void mb__net_conn_close(struct mb__net_conn *conn)
{
    if (let_go(conn))
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

/* With a reset: otherwise the kernel would go on holding what the peer does not take. */
static void cut(struct mb__net_conn *conn)
{
    if (let_go(conn) && uv_tcp_close_reset(&conn->tcp, on_closed) != 0)
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    if (status < 0)
        mb__net_conn_close(MB__NET_OF(shutdown, struct mb__net_conn, shutdown));
}

static void start_lingering(struct mb__net_conn *conn)
{
    conn->lingering = true;
    if (conn->eof || uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shutdown) != 0)
        mb__net_conn_close(conn);
}

/* --- writing --- */

static void on_written(uv_write_t *write, int status)
{
    struct mb__net_conn *conn = write->data;
    struct mb__net_outbox *outbox = conn->writing;
    conn->writing = NULL;
    mb__net_give_outbox(conn->server, outbox);
    if (conn->closing)
        return;
    if (status < 0)
        mb__net_conn_close(conn);
    else if (!conn->in_turn)
        mb__net_conn_turn(conn);
}

/* Gives the outbox to the socket; what the socket does not take at once goes by uv_write. */
static void send_out(struct mb__net_conn *conn)
{
    struct mb__net_outbox *outbox = conn->out;
    if (outbox == NULL || conn->writing != NULL)
        return;
    struct mb_slice bytes = mb_buf_slice(&outbox->buf);
    ssize_t sent = mb__net_socket_send(&conn->tcp, bytes);
    if (sent < 0) {
        mb__net_conn_close(conn);
        return;
    }
    conn->server->counters.bytes_out += bytes.len;
    conn->out = NULL;
    if ((size_t)sent == bytes.len) {
        mb__net_give_outbox(conn->server, outbox);
        return;
    }
    conn->writing = outbox;
    conn->fresh = true;
    outbox->write.data = conn;
    uv_buf_t buf = uv_buf_init(outbox->buf.data + sent, (unsigned)(bytes.len - (size_t)sent));
    if (uv_write(&outbox->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written) != 0) {
        conn->writing = NULL;
        mb__net_give_outbox(conn->server, outbox);
        mb__net_conn_close(conn);
    }
}

/* Of the present write: answers behind it do not count, for they grow while the peer reads. */
static size_t write_left(const struct mb__net_conn *conn)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&conn->tcp);
}

static size_t unsent_bytes(const struct mb__net_conn *conn)
{
    size_t bytes = conn->out != NULL ? conn->out->buf.len : 0;
    return bytes + write_left(conn);
}

/* --- reading --- */

static bool must_pause(const struct mb__net_conn *conn)
{
    const struct mb_http_limits *limits = &conn->server->options.limits;
    return conn->n_exchanges >= limits->pipeline || unsent_bytes(conn) >= limits->write_bytes;
}

/* All that became readable while the loop slept, or was busy the last time round, stands in one queue; what is handled
 * last has waited for all the others. */
static uint32_t waited_ms(const struct mb_http_server *server, uint64_t now_ns)
{
    uint64_t now = now_ns / 1000000, woken = uv_now(server->options.loop);
    return now > woken ? (uint32_t)(now - woken) : 0;
}

static void hand_over(struct mb__net_conn *conn, struct mb__net_message *msg)
{
    struct mb_http_server *server = conn->server;
    struct mb_slice body = mb__net_message_body(msg);
    if (!msg->keep_alive)
        conn->deaf = true;
    if (msg->status == 0 && msg->coding != MB__NET_CODING_NONE && body.len > 0)
        mb__net_inflate_body(&server->inflate, msg, &body);
    if (msg->status != 0) {
        mb__net_refuse(conn, msg, msg->status, msg->text, msg->at, false);
        return;
    }
    struct mb_http_request request;
    uint64_t now_ns = uv_hrtime();
    mb__net_round_next(server, now_ns);
    mb__net_request_fill(msg, server->headers, &request);
    request.body = body;
    request.remote_ip = mb_slice_of(conn->remote_ip);
    request.now_ns = now_ns;
    request.waited_ms = waited_ms(server, now_ns);
    server->counters.requests++;
    struct mb_http_exchange *exchange = mb__net_exchange_open(conn, msg);
    server->current = exchange;
    server->options.on_request(server->options.user, exchange, &request);
    assert(server->current == NULL && "on_request neither answered nor deferred");
}

static void begin_message(struct mb__net_conn *conn)
{
    const struct mb_http_limits *limits = &conn->server->options.limits;
    conn->msg = mb__net_take_message(conn->server);
    conn->fresh = true;
    mb__net_message_begin(conn->msg, HTTP_REQUEST, limits->header_bytes, limits->body_bytes,
                          mb__net_check_request);
}

/* Parses `data` and hands over each complete request. Blank lines between requests belong to none:
 * some clients send one too many behind a body. */
void mb__net_conn_take(struct mb__net_conn *conn, char *data, size_t len)
{
    while (len > 0 && !conn->deaf && !conn->closing) {
        if (must_pause(conn)) {
            conn->paused = true;
            mb_xbuf_add(&conn->stash, data, len);
            return;
        }
        if (conn->msg == NULL && (*data == '\r' || *data == '\n')) {
            data++;
            len--;
            continue;
        }
        if (conn->msg == NULL)
            begin_message(conn);
        struct mb__net_message *msg = conn->msg;
        size_t used;
        enum mb__net_step step = mb__net_message_feed(msg, data, len, &used);
        if (step == MB__NET_MORE)
            return;
        data += used;
        len -= used;
        conn->msg = NULL;
        conn->fresh = true;
        conn->more = len > 0;
        if (step == MB__NET_FAILED)
            mb__net_refuse(conn, msg, msg->status, msg->text, msg->at, true);
        else
            hand_over(conn, msg);
        if (step == MB__NET_FAILED)
            conn->deaf = true;
        conn->more = false;
        mb__net_give_message(conn->server, msg);
    }
}

/* There is something to read. It is received here: for a buffer without length libuv does not read itself but calls on_read with
 * UV_ENOBUFS, and only there may the connection be stopped or closed. What comes behind bytes that are still in the round, an end or
 * an error too, is left where it is: libuv says again that it is there. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct mb__net_conn *conn = MB__NET_OF(handle, struct mb__net_conn, tcp);
    struct mb_http_server *server = conn->server;
    server->received =
        conn->arrived ? 0 : mb__net_socket_receive(&conn->tcp, mb__net_round_room(server), MB__NET_READ_BYTES);
    *buf = uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    (void)buf;
    struct mb__net_conn *conn = MB__NET_OF(stream, struct mb__net_conn, tcp);
    struct mb_http_server *server = conn->server;
    ssize_t received = nread == UV_ENOBUFS ? server->received : nread;
    if (received > 0) {
        server->counters.bytes_in += (uint64_t)received;
        if (!conn->deaf)
            mb__net_round_add(conn, (size_t)received);
    } else if (received == UV_EOF && !conn->lingering) {
        conn->eof = true;
        mb__net_conn_turn(conn);
    } else if (received < 0) {
        mb__net_conn_close(conn);
    }
}

static void set_reading(struct mb__net_conn *conn, bool wanted)
{
    if (conn->reading == wanted)
        return;
    conn->reading = wanted;
    if (!wanted)
        uv_read_stop((uv_stream_t *)&conn->tcp);
    else if (uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0)
        mb__net_conn_close(conn);
}

/* --- the turn --- */

/* Says 100 to a client that waits for it, once the answers before this request are out of the way.
 */
static void invite_body(struct mb__net_conn *conn)
{
    struct mb__net_message *msg = conn->msg;
    if (msg == NULL || !msg->expects_continue || msg->seen != msg->header_bytes ||
        conn->first != NULL)
        return;
    msg->expects_continue = false;
    mb_xbuf_add_slice(mb__net_conn_out(conn), MB_SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* A request that the peer began and will not end. */
static void refuse_cut_off(struct mb__net_conn *conn)
{
    struct mb__net_message *msg = conn->msg;
    if (!conn->eof || msg == NULL)
        return;
    conn->msg = NULL;
    conn->deaf = true;
    mb__net_refuse(conn, msg, 400, "the request ends early", msg->seen, true);
    mb__net_give_message(conn->server, msg);
}

static bool resume(struct mb__net_conn *conn)
{
    if (!conn->paused || must_pause(conn))
        return false;
    struct mb_buf rest = conn->stash;
    conn->stash = (struct mb_buf){0};
    conn->paused = false;
    mb__net_conn_take(conn, rest.data, rest.len);
    mb_buf_fini(&rest);
    return true;
}

static enum mb__net_wait wait_of(const struct mb__net_conn *conn)
{
    if (conn->lingering)
        return MB__NET_WAIT_LINGER;
    if (conn->writing != NULL)
        return MB__NET_WAIT_WRITE;
    if (conn->msg != NULL && !conn->paused)
        return conn->msg->header_bytes == 0 ? MB__NET_WAIT_HEADERS : MB__NET_WAIT_BODY;
    if (conn->first != NULL)
        return MB__NET_WAIT_HANDLER;
    return MB__NET_WAIT_REQUEST;
}

/* What comes next, now that all that could be done is done. */
static void settle(struct mb__net_conn *conn)
{
    bool sent = conn->out == NULL && conn->writing == NULL;
    bool idle = sent && conn->first == NULL && conn->msg == NULL && conn->stash.len == 0;
    if (conn->ended && sent && !conn->lingering)
        start_lingering(conn);
    else if (idle && !conn->lingering && (conn->eof || (conn->server->draining && !conn->server->last_call)))
        mb__net_conn_close(conn);
    if (conn->closing)
        return;
    set_reading(conn, !conn->paused && !conn->eof);
    enum mb__net_wait wait = wait_of(conn);
    if (wait != conn->wait || conn->fresh) {
        conn->fresh = false;
        conn->write_left = write_left(conn);
        mb__net_wait_set(conn, wait);
    }
}

void mb__net_conn_turn(struct mb__net_conn *conn)
{
    conn->in_turn = true;
    do {
        refuse_cut_off(conn);
        if (!conn->closing)
            invite_body(conn);
        if (!conn->closing)
            send_out(conn);
    } while (!conn->closing && resume(conn));
    conn->in_turn = false;
    if (!conn->closing)
        settle(conn);
}

void mb__net_conn_want_turn(struct mb__net_conn *conn)
{
    if (!conn->in_turn && mb__net_link_alone(&conn->turn_link))
        mb__net_server_add_turn(conn->server, conn);
}

/* The end stands behind the last answer: who takes that goes on being waited for, who does not is cut. */
static void expire_lingering(struct mb__net_conn *conn)
{
    size_t left = mb__net_socket_untaken(&conn->tcp);
    bool is_first = conn->write_left == 0;
    if (left == 0) {
        mb__net_conn_close(conn);
    } else if (is_first || left + MB__NET_WRITE_LEAST_BYTES <= conn->write_left) {
        conn->write_left = left;
        mb__net_wait_set(conn, MB__NET_WAIT_LINGER);
    } else {
        cut(conn);
    }
}

void mb__net_conn_expire(struct mb__net_conn *conn)
{
    size_t left = write_left(conn);
    if (conn->wait == MB__NET_WAIT_LINGER) {
        expire_lingering(conn);
        return;
    }
    if (conn->wait == MB__NET_WAIT_WRITE && left + MB__NET_WRITE_LEAST_BYTES <= conn->write_left) {
        conn->write_left = left;
        mb__net_wait_set(conn, MB__NET_WAIT_WRITE);
        return;
    }
    conn->server->counters.timeouts++;
    if (conn->wait == MB__NET_WAIT_WRITE ||
        (conn->wait == MB__NET_WAIT_REQUEST && mb__net_socket_untaken(&conn->tcp) > 0)) {
        cut(conn);
        return;
    }
    if (conn->wait != MB__NET_WAIT_HEADERS && conn->wait != MB__NET_WAIT_BODY) {
        mb__net_conn_close(conn);
        return;
    }
    struct mb__net_message *msg = conn->msg;
    conn->msg = NULL;
    conn->deaf = conn->fresh = true;
    mb__net_refuse(conn, msg, 408, "the request takes too long", msg->seen, true);
    mb__net_give_message(conn->server, msg);
    mb__net_conn_turn(conn);
}

/* --- the beginning --- */

static struct mb__net_conn *open_conn(struct mb_http_server *server)
{
    struct mb__net_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        abort();
    conn->server = server;
    mb__net_link_init(&conn->wait_link);
    mb__net_link_init(&conn->turn_link);
    uv_tcp_init(server->options.loop, &conn->tcp);
    server->refs++;
    server->counters.open++;
    return conn;
}

static void begin(struct mb__net_conn *conn)
{
    struct mb_http_server *server = conn->server;
    if (server->counters.open > server->options.limits.connections) {
        server->counters.refused++;
        mb__net_conn_close(conn);
        return;
    }
    server->counters.accepted++;
    uv_tcp_nodelay(&conn->tcp, 1);
    struct sockaddr_storage peer = {0};
    int size = sizeof(peer);
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&peer, &size) == 0)
        mb__net_ip_text(&peer, conn->remote_ip, sizeof(conn->remote_ip));
    conn->fresh = true;
    settle(conn);
}

void mb__net_conn_accept(struct mb__net_listener *listener)
{
    struct mb__net_conn *conn = open_conn(listener->server);
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&conn->tcp) != 0)
        mb__net_conn_close(conn);
    else
        begin(conn);
}

void mb__net_conn_adopt(struct mb_http_server *server, int fd)
{
    struct mb__net_conn *conn = open_conn(server);
    if (uv_tcp_open(&conn->tcp, fd) != 0) {
        close(fd);
        mb__net_conn_close(conn);
    } else {
        begin(conn);
    }
}
