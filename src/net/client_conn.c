/* client_conn.c - one connection of a client: connect, carry one request at a time, read its reply,
 * be idle again.
 *
 *   open -> connecting -> carrying <-> idle -> closing
 *
 * No pipelining: with it one slow reply delays all behind it, and a lost connection leaves open
 * which requests were served. A server may end an idle connection at any time; a request that meets
 * that end before the first byte of a reply is sent once more on another connection, if its method
 * is safe to repeat.
 */
#include "client.h"

#include <stdlib.h>

static bool check_reply(struct mb__net_message *msg)
{
    if (!msg->skip_body && !msg->chunked && (msg->parser.flags & F_CONTENT_LENGTH) &&
        msg->parser.content_length > msg->body_limit)
        return mb__net_message_fail(msg, 413, "body too large", msg->seen);
    return true;
}

static void begin_reply(struct mb__net_client_conn *conn)
{
    mb__net_message_begin(&conn->reply, HTTP_RESPONSE, MB__NET_REPLY_HEADER_BYTES,
                          conn->client->body_limit, check_reply);
    conn->reply.skip_body = conn->call->head;
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
    struct mb__net_client_conn *conn = MB__NET_OF(handle, struct mb__net_client_conn, tcp);
    struct mb_http_client *client = conn->client;
    mb__net_message_fini(&conn->reply);
    free(conn);
    mb__net_client_release(client);
}

void mb__net_client_conn_close(struct mb__net_client_conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    conn->client->n_conns--;
    if (conn->call != NULL)
        conn->call->conn = NULL;
    conn->call = NULL;
    mb__net_link_remove(&conn->place);
    mb__net_link_remove(&conn->all);
    uv_close((uv_handle_t *)&conn->tcp, on_closed);
    mb__net_client_dispatch(conn->client); /* another may be opened in its place */
}

/* The connection is of no more use; the call on it fails, or waits again. */
static void break_off(struct mb__net_client_conn *conn, int error)
{
    struct mb_http_client *client = conn->client;
    struct mb__net_call *call = conn->call;
    bool repeat = call != NULL && call->repeatable && conn->served && conn->reply.seen == 0;
    mb__net_client_conn_close(conn);
    if (call == NULL)
        return;
    if (!repeat) {
        mb__net_call_fail(client, call, error);
        return;
    }
    call->repeatable = false;
    mb__net_link_add(client->waiting.next, &call->place);
    mb__net_client_dispatch(client);
}

/* --- reading --- */

static void finish_reply(struct mb__net_client_conn *conn, bool reusable)
{
    struct mb_http_client *client = conn->client;
    struct mb__net_call *call = conn->call;
    const struct mb__net_message *msg = &conn->reply;
    struct mb_http_reply reply = {
        .status = msg->parser.status_code,
        .body = mb__net_message_body(msg),
        .headers = client->headers,
        .n_headers = msg->n_fields,
        .elapsed_ns = uv_hrtime() - call->sent_ns,
    };
    mb__net_message_headers(msg, client->headers);
    for (uint32_t i = 0; i < msg->n_fields; i++) {
        if (mb_slice_eq_nocase(client->headers[i].name, MB_SLICE("content-type")))
            reply.content_type = client->headers[i].value;
    }
    conn->call = NULL;
    conn->served = true;
    mb__net_call_finish(client, call, &reply);
    if (conn->closing)
        return;
    if (!reusable || conn->writing) {
        mb__net_client_conn_close(conn);
        return;
    }
    mb__net_link_add(&client->idle, &conn->place);
    mb__net_client_dispatch(client);
}

static void take_bytes(struct mb__net_client_conn *conn, char *data, size_t len)
{
    for (;;) {
        size_t used;
        enum mb__net_step step = mb__net_message_feed(&conn->reply, data, len, &used);
        if (step == MB__NET_MORE)
            return;
        if (step == MB__NET_FAILED) {
            break_off(conn, MB_ESYNTAX);
            return;
        }
        data += used;
        len -= used;
        if (conn->reply.parser.status_code >= 200) {
            finish_reply(conn, conn->reply.keep_alive && len == 0);
            return;
        }
        begin_reply(conn); /* 100 and the like announce the reply proper */
        if (len == 0)
            return;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct mb_http_client *client = MB__NET_OF(handle, struct mb__net_client_conn, tcp)->client;
    *buf = uv_buf_init(client->read_buf, sizeof(client->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct mb__net_client_conn *conn = MB__NET_OF(stream, struct mb__net_client_conn, tcp);
    if (nread > 0 && conn->call != NULL)
        take_bytes(conn, buf->base, (size_t)nread);
    else if (nread == UV_EOF && conn->call != NULL && mb__net_message_finish(&conn->reply))
        finish_reply(conn, false);
    else if (nread != 0) /* the end, an error, or bytes that nobody asked for */
        break_off(conn, MB_EIO);
}

/* --- writing --- */

static void on_written(uv_write_t *write, int status)
{
    struct mb__net_client_conn *conn = write->data;
    conn->writing = false;
    if (status < 0 && !conn->closing)
        break_off(conn, MB_EIO);
}

static void send_call(struct mb__net_client_conn *conn)
{
    struct mb__net_call *call = conn->call;
    uv_buf_t buf = uv_buf_init(call->bytes.data, (unsigned)call->bytes.len);
    begin_reply(conn);
    call->sent_ns = uv_hrtime();
    int sent = uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent >= 0 && (size_t)sent == buf.len)
        return;
    if (sent >= 0) {
        buf = uv_buf_init(buf.base + sent, (unsigned)(buf.len - (size_t)sent));
        conn->write.data = conn;
        conn->writing = true;
        sent = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written);
    }
    if (sent < 0) {
        conn->writing = false;
        break_off(conn, MB_EIO);
    }
}

void mb__net_client_conn_carry(struct mb__net_client_conn *conn, struct mb__net_call *call)
{
    mb__net_link_remove(&conn->place);
    conn->call = call;
    call->conn = conn;
    if (conn->connected)
        send_call(conn);
}

/* --- connecting --- */

static void on_connect(uv_connect_t *connect, int status)
{
    struct mb__net_client_conn *conn = connect->data;
    if (conn->closing)
        return;
    if (status < 0 || uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0) {
        break_off(conn, MB_EIO);
        return;
    }
    conn->connected = true;
    uv_tcp_nodelay(&conn->tcp, 1);
    send_call(conn);
}

void mb__net_client_conn_open(struct mb_http_client *client, struct mb__net_call *call)
{
    struct mb__net_client_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        abort();
    conn->client = client;
    mb__net_link_init(&conn->place);
    mb__net_link_add(&client->conns, &conn->all);
    client->refs++;
    client->n_conns++;
    uv_tcp_init(client->loop, &conn->tcp);
    mb__net_client_conn_carry(conn, call);
    conn->connect.data = conn;
    if (uv_tcp_connect(&conn->connect, &conn->tcp, (const struct sockaddr *)&client->address,
                       on_connect) != 0)
        break_off(conn, MB_EIO);
}
