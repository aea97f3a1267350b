/* client.c - requests of a client: their queue, their time limit, who carries them.
 *
 *   send -> waiting -> (dispatch: an idle connection, or a new one) -> carried -> on_reply
 *
 * Dispatch runs from uv_prepare, before the loop blocks: so on_reply never runs inside
 * mb_http_client_send, and whatever fails at once fails there. All calls have the same time limit,
 * counted from the sending call (time in the queue is the caller's time too), so `calls` is in
 * order of deadlines and one timer looks at its head.
 *
 * Lifetimes: a call is freed (to the spares) before its on_reply runs; a connection in its close
 * callback; the client with its last handle or connection. on_reply may send, and may close the
 * client.
 */
#include "client.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

/* --- the end of a call --- */

static void recycle(struct mb_http_client *client, struct mb__net_call *call)
{
    mb__net_link_remove(&call->all);
    mb__net_link_remove(&call->place);
    client->n_calls--;
    if (call->bytes.size > MB__NET_KEEP_BYTES)
        mb_buf_fini(&call->bytes);
    if (client->n_spare == MB__NET_POOL_MAX) {
        mb_buf_fini(&call->bytes);
        free(call);
        return;
    }
    client->n_spare++;
    mb__net_link_add(&client->spare_calls, &call->place);
}

void mb__net_call_finish(struct mb_http_client *client, struct mb__net_call *call,
                         const struct mb_http_reply *reply)
{
    void (*on_reply)(void *, const struct mb_http_reply *) = call->on_reply;
    void *user = call->user;
    recycle(client, call);
    on_reply(user, reply);
}

void mb__net_call_fail(struct mb_http_client *client, struct mb__net_call *call, int error)
{
    struct mb_http_reply reply = {.error = error};
    mb__net_call_finish(client, call, &reply);
}

/* --- time --- */

static struct mb__net_call *oldest(struct mb_http_client *client)
{
    if (mb__net_link_alone(&client->calls))
        return NULL;
    return MB__NET_OF(client->calls.next, struct mb__net_call, all);
}

static void on_timer(uv_timer_t *timer)
{
    struct mb_http_client *client = timer->data;
    struct mb__net_call *call;
    uint64_t now = uv_now(client->loop);
    while ((call = oldest(client)) != NULL && call->deadline_ms <= now) {
        if (call->conn != NULL)
            mb__net_client_conn_close(call->conn);
        mb__net_call_fail(client, call, MB_ETIMEOUT);
    }
    if (call != NULL && !client->closing)
        uv_timer_start(timer, on_timer, call->deadline_ms - now, 0);
}

/* --- handing out --- */

static void on_dispatch(uv_prepare_t *prepare)
{
    struct mb_http_client *client = prepare->data;
    uv_prepare_stop(prepare);
    while (!mb__net_link_alone(&client->waiting)) {
        struct mb__net_call *call = MB__NET_OF(client->waiting.next, struct mb__net_call, place);
        bool idle = !mb__net_link_alone(&client->idle);
        if (!idle && client->n_conns >= client->max_conns)
            return;
        mb__net_link_remove(&call->place);
        if (idle)
            mb__net_client_conn_carry(
                MB__NET_OF(client->idle.prev, struct mb__net_client_conn, place), call);
        else
            mb__net_client_conn_open(client, call);
    }
}

void mb__net_client_dispatch(struct mb_http_client *client)
{
    if (!client->closing && !mb__net_link_alone(&client->waiting))
        uv_prepare_start(&client->dispatch, on_dispatch);
}

/* --- the caller's side --- */

int mb_http_client_new(const struct mb_http_client_options *options, struct mb_http_client **out,
                       struct mb_error *err)
{
    struct sockaddr_storage address = {0};
    bool six = uv_ip6_addr(options->host, options->port, (struct sockaddr_in6 *)&address) == 0;
    if (!six && uv_ip4_addr(options->host, options->port, (struct sockaddr_in *)&address) != 0)
        return mb_fail(err, MB_EINVAL, options->host, "neither an IPv4 nor an IPv6 address");
    if (options->port == 0 || options->connections == 0 || options->timeout_ms == 0)
        return mb_fail(err, MB_EINVAL, options->host,
                       "port, connections and timeout must be above 0");
    struct mb_http_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        abort();
    client->loop = options->loop;
    client->address = address;
    client->max_conns = options->connections;
    client->timeout_ms = options->timeout_ms;
    client->body_limit = options->body_bytes;
    snprintf(client->host, sizeof(client->host), six ? "[%s]:%u" : "%s:%u", options->host,
             (unsigned)options->port);
    struct mb__net_link *rings[] = {&client->calls, &client->waiting, &client->idle, &client->conns,
                                    &client->spare_calls};
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
        mb__net_link_init(rings[i]);
    client->refs = 2;
    uv_prepare_init(client->loop, &client->dispatch);
    uv_timer_init(client->loop, &client->timer);
    client->dispatch.data = client->timer.data = client;
    /* A request on its way keeps the loop alive by its connection; the timer alone must not. */
    uv_unref((uv_handle_t *)&client->timer);
    *out = client;
    return 0;
}

static struct mb__net_call *take_call(struct mb_http_client *client)
{
    struct mb__net_call *call;
    if (mb__net_link_alone(&client->spare_calls)) {
        call = calloc(1, sizeof(*call));
        if (call == NULL)
            abort();
    } else {
        call = MB__NET_OF(client->spare_calls.prev, struct mb__net_call, place);
        mb__net_link_remove(&call->place);
        client->n_spare--;
    }
    mb_buf_clear(&call->bytes);
    mb__net_link_init(&call->place);
    call->conn = NULL;
    return call;
}

static void write_request(struct mb_buf *out, const struct mb_http_client *client,
                          const char *method, struct mb_slice target, struct mb_slice extra,
                          struct mb_slice body)
{
    mb_xbuf_add_text(out, method);
    mb_xbuf_add_char(out, ' ');
    mb_xbuf_add_slice(out, target);
    mb_xbuf_add_slice(out, MB_SLICE(" HTTP/1.1\r\nHost: "));
    mb_xbuf_add_text(out, client->host);
    mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    if (mb_slice_present(body)) {
        mb_xbuf_add_slice(out, MB_SLICE("Content-Length: "));
        mb_xbuf_add_u64(out, body.len);
        mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    }
    mb_xbuf_add(out, extra.data, extra.len);
    mb_xbuf_add_slice(out, MB_SLICE("\r\n"));
    mb_xbuf_add(out, body.data, body.len);
}

/* A target goes into the request line as it is, so it must not be able to end it. */
static bool is_plain(struct mb_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.data[i] <= ' ' || s.data[i] == 0x7f)
            return false;
    }
    return s.len > 0;
}

int mb_http_client_send(struct mb_http_client *client, const char *method, struct mb_slice target,
                        struct mb_slice extra_headers, struct mb_slice body,
                        void (*on_reply)(void *user, const struct mb_http_reply *reply), void *user)
{
    if (client->closing || !is_plain(target) || !is_plain(mb_slice_of(method)))
        return MB_EINVAL;
    struct mb__net_call *call = take_call(client);
    write_request(&call->bytes, client, method, target, extra_headers, body);
    call->on_reply = on_reply;
    call->user = user;
    call->head = strcmp(method, "HEAD") == 0;
    call->repeatable = call->head || strcmp(method, "GET") == 0;
    call->deadline_ms = uv_now(client->loop) + client->timeout_ms;
    mb__net_link_add(&client->calls, &call->all);
    mb__net_link_add(&client->waiting, &call->place);
    client->n_calls++;
    if (!uv_is_active((uv_handle_t *)&client->timer))
        uv_timer_start(&client->timer, on_timer, client->timeout_ms, 0);
    mb__net_client_dispatch(client);
    return 0;
}

uint32_t mb_http_client_pending(const struct mb_http_client *client)
{
    return client->n_calls;
}

static void free_spares(struct mb_http_client *client)
{
    while (!mb__net_link_alone(&client->spare_calls)) {
        struct mb__net_call *call = take_call(client);
        mb_buf_fini(&call->bytes);
        free(call);
    }
}

void mb__net_client_release(struct mb_http_client *client)
{
    assert(client->refs > 0);
    if (--client->refs > 0)
        return;
    free_spares(client);
    free(client);
}

static void on_handle_closed(uv_handle_t *handle)
{
    mb__net_client_release(handle->data);
}

void mb_http_client_close(struct mb_http_client *client)
{
    if (client->closing)
        return;
    client->closing = true;
    while (!mb__net_link_alone(&client->conns))
        mb__net_client_conn_close(MB__NET_OF(client->conns.next, struct mb__net_client_conn, all));
    struct mb__net_call *call;
    while ((call = oldest(client)) != NULL)
        mb__net_call_fail(client, call, MB_ECLOSED);
    uv_close((uv_handle_t *)&client->dispatch, on_handle_closed);
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
}
