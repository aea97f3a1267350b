/* round.c - what is there to read when the loop wakes is received first, then handled, then answered.
 *
 *   wait (epoll) -> receive, receive, receive -> handle, handle, handle -> send, send, send -> wait
 *
 * One after the other, each request would have the kernel's receiving, the bid and the kernel's sending
 * push each other out of the core's caches. In rounds of sixteen, which is what a full server has to do
 * anyway, a bid costs 0.95 of that (docs/performance.md). Where one request is there, nothing differs;
 * and nobody waits long for those behind him: once handling has taken MB__NET_ROUND_NS, what is answered
 * is sent before the next is handled.
 *
 * A round ends when it is full and when the loop has looked at all sockets (uv_check), so before any
 * timer: nobody is timed out, found idle or drained away with bytes of his in the round. No connection
 * that is in it is freed before, for libuv calls close callbacks last.
 */
#include "internal.h"

static void on_looked(uv_check_t *check)
{
    mb__net_round_end(check->data);
}

void mb__net_round_init(struct mb_http_server *server)
{
    uv_check_init(server->options.loop, &server->round.looked);
    server->round.looked.data = server;
    uv_check_start(&server->round.looked, on_looked);
    uv_unref((uv_handle_t *)&server->round.looked); /* keeps no loop alive */
}

char *mb__net_round_room(struct mb_http_server *server)
{
    return server->round.bytes + server->round.used;
}

void mb__net_round_add(struct mb__net_conn *conn, size_t len)
{
    struct mb__net_round *round = &conn->server->round;
    round->arrivals[round->count++] =
        (struct mb__net_arrival){.conn = conn, .data = round->bytes + round->used, .len = len};
    round->used += len;
    conn->arrived = conn->in_turn = true;
    if (round->count == MB__NET_ROUND_MAX || round->used > MB__NET_READ_BYTES)
        mb__net_round_end(conn->server);
}

/* Those before `to` that have not had their turn. A turn may hand over what its connection had to keep back, which comes by
 * mb__net_round_next: nobody gets two. */
static void answer(struct mb__net_round *round, uint32_t to)
{
    while (round->answered < to) {
        struct mb__net_conn *conn = round->arrivals[round->answered++].conn;
        if (!conn->closing)
            mb__net_conn_turn(conn);
    }
}

void mb__net_round_next(struct mb_http_server *server, uint64_t now_ns)
{
    struct mb__net_round *round = &server->round;
    if (round->handled == round->count || now_ns - round->since_ns <= MB__NET_ROUND_NS)
        return;
    round->since_ns = now_ns;
    answer(round, round->handled);
}

void mb__net_round_end(struct mb_http_server *server)
{
    struct mb__net_round *round = &server->round;
    for (; round->handled < round->count; round->handled++) {
        const struct mb__net_arrival *arrival = &round->arrivals[round->handled];
        arrival->conn->arrived = false;
        mb__net_conn_take(arrival->conn, arrival->data, arrival->len);
    }
    answer(round, round->count);
    round->count = round->handled = round->answered = 0;
    round->used = 0;
    round->since_ns = 0;
}
