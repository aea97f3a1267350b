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

static void answer(const struct mb__net_round *round, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (!round->arrivals[i].conn->closing)
            mb__net_conn_turn(round->arrivals[i].conn);
}

void mb__net_round_end(struct mb_http_server *server)
{
    struct mb__net_round *round = &server->round;
    if (round->count == 0)
        return;
    uint64_t since_ns = uv_hrtime();
    uint32_t answered = 0;
    round->now_ns = since_ns;
    for (uint32_t i = 0; i < round->count; i++) {
        const struct mb__net_arrival *arrival = &round->arrivals[i];
        arrival->conn->arrived = false;
        mb__net_conn_take(arrival->conn, arrival->data, arrival->len);
        round->now_ns = uv_hrtime();
        if (round->now_ns - since_ns > MB__NET_ROUND_NS) {
            answer(round, answered, i + 1);
            answered = i + 1;
            since_ns = round->now_ns;
        }
    }
    answer(round, answered, round->count);
    round->count = 0;
    round->used = 0;
    round->now_ns = 0;
}
