/* respond.c - exchanges: answers take the place of their requests, whatever the order in which they
 * are given.
 *
 *   conn->first -> [answered, late] -> [waits] -> [answered, late] <- conn->last
 *
 * The answer of the oldest exchange goes straight to the connection's outbox and takes those behind
 * it along, as far as they are answered; any other waits in its exchange's own buffer. Nothing is
 * written to the socket here: the connection's turn does that, once for all answers of a read
 * (conn.c).
 *
 * An answer that closes ends the queue: what stands behind it is abandoned, and its answers go
 * nowhere.
 */
#include "internal.h"

#include <assert.h>

/* Statuses that this program gives; the phrase is for people and may be empty (RFC 9112, 4). */
static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "";
}

struct mb_buf *mb__net_conn_out(struct mb__net_conn *conn)
{
    if (conn->out == NULL)
        conn->out = mb__net_take_outbox(conn->server);
    return &conn->out->buf;
}

struct mb_http_exchange *mb__net_exchange_open(struct mb__net_conn *conn,
                                               const struct mb__net_message *msg)
{
    struct mb_http_exchange *exchange = mb__net_take_exchange(conn->server);
    exchange->conn = conn;
    exchange->head = msg->header_bytes > 0 && msg->parser.method == HTTP_HEAD;
    exchange->keep_alive = msg->header_bytes > 0 && msg->keep_alive;
    exchange->old = msg->header_bytes > 0 && msg->parser.http_minor == 0;
    if (conn->last != NULL)
        conn->last->next = exchange;
    else
        conn->first = exchange;
    conn->last = exchange;
    conn->n_exchanges++;
    return exchange;
}

static struct mb_http_exchange *take_first(struct mb__net_conn *conn)
{
    struct mb_http_exchange *exchange = conn->first;
    conn->first = exchange->next;
    if (conn->first == NULL)
        conn->last = NULL;
    conn->n_exchanges--;
    return exchange;
}

void mb__net_exchanges_abandon(struct mb__net_conn *conn)
{
    while (conn->first != NULL) {
        struct mb_http_exchange *exchange = take_first(conn);
        exchange->conn = NULL;
        if (exchange->answered)
            mb__net_give_exchange(exchange);
    }
}

static void write_answer(struct mb_buf *out, const struct mb_http_exchange *exchange,
                         const struct mb_http_response *response)
{
    bool bodiless = response->status == 204 || response->status == 304;
    size_t body_bytes = bodiless || exchange->head ? 0 : response->body.len;
    mb_xbuf_reserve(out, 256 + response->extra_headers.len + body_bytes);
    mb_xbuf_add_slice(out, MB_SLICE("HTTP/1.1 "));
    mb_xbuf_add_i64(out, response->status);
    mb_xbuf_add_char(out, ' ');
    mb_xbuf_add_text(out, reason_of(response->status));
    mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    if (response->content_type != NULL) {
        mb_xbuf_add_slice(out, MB_SLICE("Content-Type: "));
        mb_xbuf_add_text(out, response->content_type);
        mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    }
    if (!bodiless) {
        mb_xbuf_add_slice(out, MB_SLICE("Content-Length: "));
        mb_xbuf_add_u64(out, response->body.len);
        mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    }
    if (exchange->closes)
        mb_xbuf_add_slice(out, MB_SLICE("Connection: close\r\n"));
    else if (exchange->old)
        mb_xbuf_add_slice(out, MB_SLICE("Connection: keep-alive\r\n"));
    mb_xbuf_add(out, response->extra_headers.data, response->extra_headers.len);
    mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    mb_xbuf_add(out, response->body.data, body_bytes);
}

void mb_http_add_answer(struct mb_buf *out, const struct mb_http_response *response)
{
    const struct mb_http_exchange plain = {.keep_alive = true};

    write_answer(out, &plain, response);
}

/* Moves answered exchanges from the front of the queue into the outbox. */
static void advance(struct mb__net_conn *conn)
{
    while (conn->first != NULL && conn->first->answered) {
        struct mb_http_exchange *exchange = take_first(conn);
        bool closes = exchange->closes;
        if (exchange->late.len > 0)
            mb_xbuf_add_slice(mb__net_conn_out(conn), mb_buf_slice(&exchange->late));
        mb__net_give_exchange(exchange);
        if (closes) {
            conn->ended = conn->deaf = true;
            mb__net_exchanges_abandon(conn);
        }
    }
}

/* While draining, the answer behind which nothing is known to come closes. */
static bool is_last(const struct mb_http_exchange *exchange)
{
    const struct mb__net_conn *conn = exchange->conn;
    return conn->server->draining && conn->last == exchange && !conn->more && !conn->arrived &&
           conn->msg == NULL && conn->stash.len == 0;
}

void mb_http_respond(struct mb_http_exchange *exchange, const struct mb_http_response *response)
{
    struct mb_http_server *server = exchange->server;
    struct mb__net_conn *conn = exchange->conn;
    assert(!exchange->answered);
    if (server->current == exchange)
        server->current = NULL;
    if (conn == NULL) {
        mb__net_give_exchange(exchange);
        return;
    }
    exchange->closes = response->close || !exchange->keep_alive || is_last(exchange);
    bool in_order = conn->first == exchange;
    write_answer(in_order ? mb__net_conn_out(conn) : &exchange->late, exchange, response);
    exchange->answered = true;
    if (in_order)
        advance(conn);
    mb__net_conn_want_turn(conn);
}

void mb_http_defer(struct mb_http_exchange *exchange)
{
    if (exchange->server->current == exchange)
        exchange->server->current = NULL;
}

void mb__net_refuse(struct mb__net_conn *conn, const struct mb__net_message *msg, int status,
                    const char *text, uint64_t at, bool close)
{
    char body[256];
    int len = snprintf(body, sizeof(body), "{\"error\":\"%s\",\"at\":%llu}", text,
                       (unsigned long long)at);
    struct mb_http_response response = {.status = status,
                                        .content_type = "application/json",
                                        .body = mb_slice(body, (size_t)len),
                                        .close = close};
    if (status == 415) /* RFC 9110, 12.5.3: what would have been taken */
        response.extra_headers = MB_SLICE("Accept-Encoding: gzip, deflate\r\n");
    conn->server->counters.bad_requests++;
    mb_http_respond(mb__net_exchange_open(conn, msg), &response);
}
