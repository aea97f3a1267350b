/* timers.c - ends what takes too long, with one timer for all connections of a server.
 *
 * Every connection stands in the ring of what it waits for. All members of a ring wait equally
 * long, so a ring is in order of expiry by itself: joining is O(1) at its end, and only heads are
 * looked at. The timer is armed for the earliest deadline when it was armed; deadlines that move on
 * meanwhile do not touch it. A request on a warm connection thus costs one removal and one
 * insertion, no timer call.
 */
#include "internal.h"

static uint32_t wait_ms(const struct mb_http_server *server, enum mb__net_wait wait)
{
    const struct mb_http_limits *limits = &server->options.limits;
    switch (wait) {
    case MB__NET_WAIT_HEADERS:
        return limits->header_ms;
    case MB__NET_WAIT_BODY:
        return limits->body_ms;
    case MB__NET_WAIT_WRITE:
        return limits->write_ms;
    case MB__NET_WAIT_LINGER:
        return server->draining ? MB__NET_LINGER_DRAINING_MS : MB__NET_LINGER_MS;
    default:
        return limits->idle_ms;
    }
}

static struct mb__net_conn *head_of(struct mb__net_link *ring)
{
    return mb__net_link_alone(ring) ? NULL : MB__NET_OF(ring->next, struct mb__net_conn, wait_link);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct mb_http_server *server, uint64_t deadline_ms)
{
    uint64_t now = uv_now(server->options.loop);
    uv_timer_start(&server->timer, on_timer, deadline_ms > now ? deadline_ms - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct mb_http_server *server = timer->data;
    uint64_t now = uv_now(server->options.loop);
    uint64_t next = UINT64_MAX;
    for (int wait = MB__NET_WAIT_HANDLER + 1; wait < MB__NET_WAITS; wait++) {
        struct mb__net_conn *conn;
        while ((conn = head_of(&server->waits[wait])) != NULL && conn->deadline_ms <= now)
            mb__net_conn_expire(conn);
    }
    for (int wait = MB__NET_WAIT_HANDLER + 1; wait < MB__NET_WAITS; wait++) {
        struct mb__net_conn *conn = head_of(&server->waits[wait]);
        if (conn != NULL && conn->deadline_ms < next)
            next = conn->deadline_ms;
    }
    if (next != UINT64_MAX && !server->closing)
        arm(server, next);
}

void mb__net_timers_init(struct mb_http_server *server)
{
    for (int wait = 0; wait < MB__NET_WAITS; wait++)
        mb__net_link_init(&server->waits[wait]);
    uv_timer_init(server->options.loop, &server->timer);
    /* Connections keep the loop alive, not the time that they have left. */
    uv_unref((uv_handle_t *)&server->timer);
    server->timer.data = server;
}

/* All of a ring move by the same time, so it stays in order. */
static void move_deadlines(struct mb_http_server *server, enum mb__net_wait wait, uint32_t before_ms)
{
    uint32_t after_ms = wait_ms(server, wait);
    struct mb__net_link *link;

    for (link = server->waits[wait].next; link != &server->waits[wait]; link = link->next) {
        struct mb__net_conn *conn = MB__NET_OF(link, struct mb__net_conn, wait_link);
        uint64_t begun_ms = conn->deadline_ms > before_ms ? conn->deadline_ms - before_ms : 0;
        conn->deadline_ms = begun_ms + after_ms;
    }
}

void mb__net_timers_set_limits(struct mb_http_server *server, const struct mb_http_limits *limits)
{
    uint32_t before_ms[MB__NET_WAITS];

    for (int wait = 0; wait < MB__NET_WAITS; wait++)
        before_ms[wait] = wait_ms(server, (enum mb__net_wait)wait);
    server->options.limits = *limits;
    for (int wait = MB__NET_WAIT_HANDLER + 1; wait < MB__NET_WAITS; wait++)
        move_deadlines(server, (enum mb__net_wait)wait, before_ms[wait]);
    if (!server->closing)
        arm(server, uv_now(server->options.loop)); /* finds the next deadline */
}

void mb__net_wait_set(struct mb__net_conn *conn, enum mb__net_wait wait)
{
    struct mb_http_server *server = conn->server;
    mb__net_link_remove(&conn->wait_link);
    mb__net_link_add(&server->waits[wait], &conn->wait_link);
    conn->wait = wait;
    if (wait == MB__NET_WAIT_HANDLER)
        return;
    conn->deadline_ms = uv_now(server->options.loop) + wait_ms(server, wait);
    if (!uv_is_active((uv_handle_t *)&server->timer) ||
        conn->deadline_ms < uv_now(server->options.loop) + uv_timer_get_due_in(&server->timer))
        arm(server, conn->deadline_ms);
}
