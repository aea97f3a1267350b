/* client.h - what client.c (requests, their order and time) and client_conn.c (one connection)
 * share.
 *
 * Part of: net.  Depends on: internal.h.
 */
#ifndef MB_NET_CLIENT_H
#define MB_NET_CLIENT_H

#include "internal.h"

/* Headers of a reply; more is MB_ESYNTAX. */
#define MB__NET_REPLY_HEADER_BYTES 65536

/* One request and what is known of it. */
struct mb__net_call {
    struct mb__net_link all;          /* in client->calls: order of sending, so of deadlines too */
    struct mb__net_link place;        /* in client->waiting, or alone; in client->spare_calls */
    struct mb__net_client_conn *conn; /* that carries it, or NULL */
    struct mb_buf bytes;              /* the request as sent */
    void (*on_reply)(void *user, const struct mb_http_reply *reply);
    void *user;
    uint64_t deadline_ms; /* loop time */
    uint64_t sent_ns;
    bool head;
    bool repeatable; /* a safe method that was not repeated yet */
};

struct mb__net_client_conn {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct mb_http_client *client;
    struct mb__net_link place; /* in client->idle, or alone */
    struct mb__net_link all;   /* in client->conns */
    struct mb__net_call *call; /* the one it carries, or NULL */
    struct mb__net_message reply;
    bool connected;
    bool writing;
    bool served; /* has brought a reply before */
    bool closing;
};

struct mb_http_client {
    uv_loop_t *loop;
    struct sockaddr_storage address;
    char host[INET6_ADDRSTRLEN + 16]; /* as in the Host header */
    uint32_t max_conns, timeout_ms, body_limit;

    uint32_t refs; /* handles, connections */
    uint32_t n_conns, n_calls, n_spare;
    bool closing;
    uv_prepare_t dispatch; /* active while there is something to hand out */
    uv_timer_t timer;      /* armed for the oldest call's deadline */
    struct mb__net_link calls, waiting, idle, conns, spare_calls;

    struct mb_http_header headers[MB__NET_FIELDS_MAX];
    char read_buf[MB__NET_READ_BYTES];
};

/* client.c */
void mb__net_client_release(struct mb_http_client *client);
void mb__net_client_dispatch(struct mb_http_client *client);
/* Ends the call with `reply`; the call is gone, the client may be closed. */
void mb__net_call_finish(struct mb_http_client *client, struct mb__net_call *call,
                         const struct mb_http_reply *reply);
void mb__net_call_fail(struct mb_http_client *client, struct mb__net_call *call, int error);

/* client_conn.c */
void mb__net_client_conn_open(struct mb_http_client *client, struct mb__net_call *call);
void mb__net_client_conn_carry(struct mb__net_client_conn *conn, struct mb__net_call *call);
/* Closes; its call, if there is one, is the caller's business from now on. */
void mb__net_client_conn_close(struct mb__net_client_conn *conn);

#endif /* MB_NET_CLIENT_H */
