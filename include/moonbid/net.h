/* net.h - HTTP/1.1 server and client on a libuv loop; knows nothing of bids.
 *
 * Part of: net.  Depends on: base.
 * Threads:  everything on the loop's thread.
 * Lifetime: an mb_http_request and all its slices are lent until on_request returns, or, when the handler keeps the
 *           exchange open (mb_http_defer), nothing of it: copy what is needed later. One mb_http_exchange is answered
 *           exactly once; answers of a pipelined connection go out in the order of the requests, whatever the
 *           order in which they are given.
 */
#ifndef MB_NET_H
#define MB_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base.h"

struct sockaddr_storage; /* <sys/socket.h> */
struct uv_loop_s;
struct mb_http_server;
struct mb_http_exchange; /* one request that waits for its answer */
struct mb_http_client;

enum mb_http_method { MB_HTTP_GET, MB_HTTP_HEAD, MB_HTTP_POST, MB_HTTP_OTHER };

struct mb_http_header {
    struct mb_slice name;
    struct mb_slice value; /* trimmed */
};

/* Why the server itself refuses a request before the handler sees it is answered by the server, with
 * `{"error":"...","at":...}` as body where that applies. */
struct mb_http_request {
    enum mb_http_method method;
    struct mb_slice method_name;
    struct mb_slice target; /* as sent */
    struct mb_slice path;   /* before '?', not decoded; never absent */
    struct mb_slice query;  /* behind '?', not decoded; absent where there is none */
    struct mb_slice body;   /* whole, chunks joined; empty where there is none */
    const struct mb_http_header *headers;
    size_t n_headers;
    struct mb_slice remote_ip; /* of the TCP peer, text; an IPv4-mapped address as IPv4 */
    uint64_t now_ns;           /* when it was handed over, uv_hrtime */
    uint32_t waited_ms;        /* since the loop woke up and found it, or what came before it, readable */
};

/* The first header of that name (case does not count), or absent. O(headers). */
struct mb_slice mb_http_header(const struct mb_http_request *request, struct mb_slice name);

/* Who sent it: the TCP peer, or, as long as that is one of `trusted`, who it says it was called by: the next address in X-Forwarded-For
 * from its end, which is where each proxy adds. What stands before the first address that is not trusted may be anybody's invention and
 * is not looked at; an entry that is no address ends the search at the proxy that passed it on. Ports and brackets are taken.
 * Gives: the address as text, in `out` or the request. O(headers + entries). */
struct mb_slice mb_http_client_ip(const struct mb_http_request *request, struct mb_cidrs trusted, char out[MB_IP_TEXT_MAX]);

/* What the server refuses, and when it gives up. 0 is not "no limit" but refused by _new. */
struct mb_http_limits {
    uint32_t header_bytes; /* request line and headers together; 431, or 414 for the line alone */
    uint32_t body_bytes;   /* 413 */
    uint32_t connections;  /* beyond it a connection is accepted and closed at once, and counted */
    uint32_t idle_ms;      /* between requests */
    uint32_t header_ms;    /* from the first byte of a request to the end of its headers; 408 */
    uint32_t body_ms;      /* from there to the end of its body; 408 */
    uint32_t write_ms;     /* in which a peer must take some kilobytes of what we have for it, or all; else it is cut */
    uint32_t pipeline;     /* requests of one connection waiting for answers; reading pauses there */
    uint32_t write_bytes;  /* unsent answer bytes of one connection; reading pauses there */
};

/* What a program without wishes should take. */
struct mb_http_limits mb_http_limits_default(void);

struct mb_http_counters {
    uint64_t accepted, refused, closed, requests, bad_requests, timeouts, bytes_in, bytes_out;
    uint32_t open;
};

struct mb_http_server_options {
    struct uv_loop_s *loop;       /* borrowed; runs by the caller */
    struct mb_http_limits limits; /* copied */
    /* Called once for each complete request. Must either answer before it returns or call mb_http_defer. */
    void (*on_request)(void *user, struct mb_http_exchange *exchange,
                       const struct mb_http_request *request);
    void *user;
};

/* Gives: 0 and a server that does not listen yet. Fails: MB_EINVAL (limits). Owns: mb_http_server_close. */
int mb_http_server_new(const struct mb_http_server_options *options, struct mb_http_server **out,
                       struct mb_error *err) __attribute__((warn_unused_result));

/* Other limits from now on, also for connections that are open: what they still have of a time grows or shrinks with it; a message
 * that has begun keeps its limits of size. Costs a pass over the open connections. Fails: MB_EINVAL, nothing has changed. */
int mb_http_server_set_limits(struct mb_http_server *server, const struct mb_http_limits *limits,
                              struct mb_error *err) __attribute__((warn_unused_result));

/* Listens on `address` ("127.0.0.1:8080", "[::1]:0"); may be called for several addresses.
 * Gives: 0 and in `port` the port taken (matters for port 0). Fails: MB_EINVAL for the address's form, MB_EBUSY in use,
 * MB_EIO else. */
int mb_http_server_listen(struct mb_http_server *server, const char *address, uint16_t *port,
                          struct mb_error *err) __attribute__((warn_unused_result));

/* The same for a socket that is bound already, as a worker inherits it; `fd` is taken, also on failure.
 * Fails: MB_EIO. */
int mb_http_server_listen_fd(struct mb_http_server *server, int fd, struct mb_error *err)
    __attribute__((warn_unused_result));

/* Accepts no more from the socket that was given to mb_http_server_listen_fd as `fd`, and closes this descriptor; the
 * socket goes on listening for others who hold it. Nothing happens where there is none. */
void mb_http_server_unlisten_fd(struct mb_http_server *server, int fd);

/* Where `address` ("127.0.0.1:8080", "[::1]:0") is; false where it has another form. */
bool mb_net_parse_address(const char *address, struct sockaddr_storage *out);

/* Drains: takes what waits to be accepted, then shuts its listening sockets down, also for other processes that hold
 * them. Answers carry Connection: close, in-flight requests finish, and so does one that arrives on an idle connection
 * within a tenth of a second: it was on its way. Then idle connections are closed. `on_drained` runs once when the last
 * is gone or `grace_ms` has passed (the rest is cut). */
void mb_http_server_drain(struct mb_http_server *server, uint32_t grace_ms,
                          void (*on_drained)(void *user), void *user);

/* Closes everything at once; frees the server when the loop has run its close callbacks and every deferred exchange
 * is answered (such an answer goes nowhere). A drain that is not over stays without its on_drained. */
void mb_http_server_close(struct mb_http_server *server);

const struct mb_http_counters *mb_http_server_counters(const struct mb_http_server *server);

/* The answer. Content-Length is added (not for 204), HEAD gets no body, Connection as it must be. */
struct mb_http_response {
    int status;
    const char *content_type;       /* NULL: no Content-Type header */
    struct mb_slice body;           /* copied */
    struct mb_slice extra_headers;  /* whole lines, each ending with CRLF, or absent; copied */
    bool close;                     /* close the connection behind it */
};

/* Appends the bytes that the answer is on a connection that stays open: for who has no connection. */
void mb_http_add_answer(struct mb_buf *out, const struct mb_http_response *response);

/* Answers; the exchange is gone afterwards. Safe when the peer has left meanwhile. No system call of its own where
 * more requests of the same read are still to be handled: one write serves them all. */
void mb_http_respond(struct mb_http_exchange *exchange, const struct mb_http_response *response);

/* Keeps the exchange open beyond on_request; it must be answered later with mb_http_respond, also when the
 * peer has left. Request slices die when on_request returns. */
void mb_http_defer(struct mb_http_exchange *exchange);

/* --- client: keep-alive connections to one address, for the simulated exchange and for fetching notices --- */

struct mb_http_reply {
    int error; /* 0, or MB_EIO, MB_ETIMEOUT, MB_ESYNTAX, MB_ECLOSED: then the rest is empty */
    int status;
    struct mb_slice content_type;
    struct mb_slice body;
    const struct mb_http_header *headers;
    size_t n_headers;
    uint64_t elapsed_ns; /* from sending to the last byte */
};

struct mb_http_client_options {
    struct uv_loop_s *loop;
    const char *host; /* IPv4 or IPv6 address, no name */
    uint16_t port;
    uint32_t connections; /* at most so many at once; requests beyond wait in order */
    uint32_t timeout_ms;  /* of a request, from mb_http_client_send, so its time in the queue counts */
    uint32_t body_bytes; /* largest reply body taken */
};

int mb_http_client_new(const struct mb_http_client_options *options, struct mb_http_client **out,
                       struct mb_error *err) __attribute__((warn_unused_result));

/* Sends `method target HTTP/1.1` with `body` (both copied). `extra_headers` as in mb_http_response. `on_reply` runs exactly once, never before
 * the return; the reply is lent until it returns. Fails: MB_EINVAL, and then on_reply does not run. */
int mb_http_client_send(struct mb_http_client *client, const char *method, struct mb_slice target,
                        struct mb_slice extra_headers, struct mb_slice body,
                        void (*on_reply)(void *user, const struct mb_http_reply *reply), void *user)
    __attribute__((warn_unused_result));

/* Requests sent or waiting whose on_reply has not run. */
uint32_t mb_http_client_pending(const struct mb_http_client *client);

/* Ends all connections; pending requests get MB_ECLOSED; frees the client when the loop has run its close callbacks. */
void mb_http_client_close(struct mb_http_client *client);

#endif /* MB_NET_H */
