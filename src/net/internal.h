/* internal.h - what the files of net share: a message being read, a connection, a server.
 *
 * Part of: net.  Depends on: base, libuv, llhttp.
 * Threads:  everything on the loop's thread.
 * Files:    message.c reads one HTTP message, chunk.c its chunks; check.c says what a request must
 * be beyond that; inflate.c unpacks a compressed body; forwarded.c finds
 * out who called through proxies; conn.c is the life of a connection; socket.c its bytes; respond.c puts answers in order; timers.c
 * ends what takes too long; server.c listens, accepts, drains; client.c and client_conn.c are the
 * other side.
 */
#ifndef MB_NET_INTERNAL_H
#define MB_NET_INTERNAL_H

#include <llhttp.h>
#include <uv.h>

#include "moonbid/base.h"
#include "moonbid/net.h"

/* One read of the loop at most; shared by all connections of a server or client. */
#define MB__NET_READ_BYTES 65536
/* Reads that a round handles together. More gain nothing, and the first would wait longer for his answer. */
#define MB__NET_ROUND_MAX 16
/* How long answers wait for the requests behind them in the round. Sixteen usual bids take half of it. */
#define MB__NET_ROUND_NS 250000
/* Header fields of one message; more is 431. Exchanges send 10 to 20. */
#define MB__NET_FIELDS_MAX 100
/* A pooled buffer larger than this gives its memory back. */
#define MB__NET_KEEP_BYTES 65536
/* What a peer must take of an answer within write_ms. Less is no slow line but somebody who keeps our memory. */
#define MB__NET_WRITE_LEAST_BYTES 4096
/* Spare objects of one kind that a server keeps. */
#define MB__NET_POOL_MAX 256
/* How long a connection that we have ended waits for the peer to end it too. */
#define MB__NET_LINGER_MS 1000
/* The same while draining: the answer has long left, and the process waits for this to end. */
#define MB__NET_LINGER_DRAINING_MS 100
/* How long a drain leaves idle connections open for a request that was on its way. */
#define MB__NET_LAST_CALL_MS 100

/* --- a ring of linked items; an item not in a ring points to itself --- */

struct mb__net_link {
    struct mb__net_link *prev, *next;
};

#define MB__NET_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void mb__net_link_init(struct mb__net_link *link)
{
    link->prev = link->next = link;
}

static inline bool mb__net_link_alone(const struct mb__net_link *link)
{
    return link->next == link;
}

static inline void mb__net_link_remove(struct mb__net_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    mb__net_link_init(link);
}

/* Puts `link` in front of `place`: at the end of the ring when `place` is its head. */
static inline void mb__net_link_add(struct mb__net_link *place, struct mb__net_link *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

/* --- message.c: one request or reply, from its first byte to its last --- */

/* Places are offsets from the message's first byte, because the bytes move when they are kept over
 * a read. */
struct mb__net_field {
    uint32_t name_at, name_len, value_at, value_len;
};

/* What the next byte of a chunked body is part of; chunk.c relies on the order. */
enum mb__net_chunk {
    MB__NET_CHUNK_SIZE_FIRST,
    MB__NET_CHUNK_SIZE,
    MB__NET_CHUNK_NAME_FIRST,
    MB__NET_CHUNK_NAME,
    MB__NET_CHUNK_VALUE_FIRST,
    MB__NET_CHUNK_VALUE,
    MB__NET_CHUNK_QUOTED,
    MB__NET_CHUNK_ESCAPED,
    MB__NET_CHUNK_QUOTED_END,
    MB__NET_CHUNK_SIZE_LF,
    MB__NET_CHUNK_DATA,
    MB__NET_CHUNK_DATA_CR,
    MB__NET_CHUNK_DATA_LF,
    MB__NET_CHUNK_TRAILER_FIRST,
    MB__NET_CHUNK_TRAILER_NAME,
    MB__NET_CHUNK_TRAILER_VALUE,
    MB__NET_CHUNK_TRAILER_LF,
    MB__NET_CHUNK_END_LF,
    MB__NET_CHUNK_END,
    MB__NET_CHUNK_BAD,
};

/* How the body is compressed. */
enum mb__net_coding { MB__NET_CODING_NONE, MB__NET_CODING_GZIP, MB__NET_CODING_DEFLATE };

struct mb__net_message;
/* Runs when the headers are whole; false after mb__net_message_fail. */
typedef bool mb__net_check(struct mb__net_message *msg);

struct mb__net_message {
    struct mb__net_message *next_free;
    llhttp_t parser;
    mb__net_check *check;
    uint32_t header_limit; /* bytes */
    uint32_t body_limit;   /* bytes */

    struct mb_buf kept; /* the message so far; empty while it fits in one read */
    char *base;         /* its first byte, during a feed: in the read buffer or in `kept` */
    const char
        *run_from; /* where the parser's present run began; the message's byte number `seen` */
    uint64_t seen; /* bytes of the message parsed */

    uint32_t target_at, target_len; /* requests */
    uint32_t n_fields;
    uint32_t
        header_bytes;  /* start line and headers; 0 until they are whole. The body begins here */
    uint32_t body_len; /* chunks joined */
    bool in_name;      /* the last field's name is not whole yet */
    bool chunked;
    enum mb__net_chunk chunk;
    uint64_t chunk_left;   /* size read so far, then bytes of data to come */
    bool keep_alive;       /* the peer allows another message behind it */
    bool expects_continue; /* the peer waits for 100 before it sends the body */
    bool skip_body;        /* a reply to HEAD */
    enum mb__net_coding coding;
    bool complete;

    int status;       /* of the answer that refuses it, or 0 */
    bool readable;    /* with status: its end can be found, so the connection may live on */
    const char *text; /* with status: plain ASCII, nothing to escape in JSON */
    uint64_t at;      /* with status: byte of the message */

    struct mb__net_field fields[MB__NET_FIELDS_MAX];
};

enum mb__net_step { MB__NET_MORE, MB__NET_DONE, MB__NET_FAILED };

/* Readies a zeroed or used message; keeps its buffer. */
void mb__net_message_begin(struct mb__net_message *msg, llhttp_type_t type, uint32_t header_limit,
                           uint32_t body_limit, mb__net_check *check);

/* Parses up to the message's end; `*used` is what it took of `len`. Joins chunks inside `data`, so
 * it must be writable. After _MORE all bytes needed later are copied; after _DONE slices point to
 * `data` or `kept`. */
enum mb__net_step mb__net_message_feed(struct mb__net_message *msg, char *data, size_t len,
                                       size_t *used);

/* The peer has ended: true if that completes the message (a reply without a length). */
bool mb__net_message_finish(struct mb__net_message *msg);

/* Notes why it is refused; the first reason stays. Gives false. */
bool mb__net_message_fail(struct mb__net_message *msg, int status, const char *text, uint64_t at);

/* The same for a message whose end can still be found: the rest of it is read, then it is answered.
 */
void mb__net_message_reject(struct mb__net_message *msg, int status, const char *text, uint64_t at);

/* chunk.c: the same as feed for the part behind the headers of a chunked message; data goes to its
 * place. */
enum mb__net_step mb__net_chunks_take(struct mb__net_message *msg, const char *from, size_t len,
                                      size_t *used);

struct mb_slice mb__net_message_name(const struct mb__net_message *msg, uint32_t field);
struct mb_slice mb__net_message_value(const struct mb__net_message *msg, uint32_t field);
struct mb_slice mb__net_message_body(const struct mb__net_message *msg);
bool mb__net_message_has_body(const struct mb__net_message *msg);

/* Fills `headers` (MB__NET_FIELDS_MAX places). */
void mb__net_message_headers(const struct mb__net_message *msg, struct mb_http_header *headers);

/* Frees what it owns. */
void mb__net_message_fini(struct mb__net_message *msg);

/* --- check.c --- */

bool mb__net_check_request(struct mb__net_message *msg);

/* Fills all of `out` but remote_ip from a complete message. */
void mb__net_request_fill(const struct mb__net_message *msg, struct mb_http_header *headers,
                          struct mb_http_request *out);

/* --- inflate.c --- */

struct mb__net_inflate;

/* Replaces `body`, which is compressed as msg->coding says, by what it holds; lent until the next call. `*kept` is made with the
 * first body. False after mb__net_message_reject: 400, or 413 beyond msg->body_limit. */
bool mb__net_inflate_body(struct mb__net_inflate **kept, struct mb__net_message *msg, struct mb_slice *body);
void mb__net_inflate_free(struct mb__net_inflate *in); /* NULL allowed */

/* --- server side --- */

/* What a connection waits for; each has a duration of its own and a ring in order of expiry. */
enum mb__net_wait {
    MB__NET_WAIT_HANDLER, /* an answer is owed by us: no limit here */
    MB__NET_WAIT_REQUEST, /* idle_ms */
    MB__NET_WAIT_HEADERS, /* header_ms; 408 */
    MB__NET_WAIT_BODY,    /* body_ms; 408 */
    MB__NET_WAIT_WRITE,   /* write_ms without progress */
    MB__NET_WAIT_LINGER,  /* MB__NET_LINGER_MS */
    MB__NET_WAITS
};

/* Answers on their way into the socket. */
struct mb__net_outbox {
    struct mb__net_outbox *next_free;
    uv_write_t write;
    struct mb_buf buf;
};

struct mb_http_exchange {
    struct mb_http_server *server;
    struct mb__net_conn *conn; /* NULL: the peer has left */
    struct mb_http_exchange
        *next;          /* of the same connection, in order of requests; or in the pool */
    struct mb_buf late; /* the answer, when one before it is still missing */
    bool answered;      /* `late` holds the answer */
    bool closes;        /* nothing follows this answer */
    bool head;          /* no body in the answer */
    bool keep_alive;    /* the request allows another behind it */
    bool old;           /* HTTP/1.0: say keep-alive aloud */
};

struct mb__net_conn {
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct mb_http_server *server;

    struct mb__net_link wait_link; /* in server->waits[wait] */
    enum mb__net_wait wait;
    uint64_t deadline_ms; /* loop time */
    size_t write_left;    /* WAIT_WRITE: bytes of the present write left when the wait began; WAIT_LINGER: not taken then, 0 the first time */

    struct mb__net_link
        turn_link;               /* in server->turns: has something to do before the loop blocks */
    struct mb__net_message *msg; /* the incomplete request, or NULL */
    struct mb_buf stash;         /* bytes read but not parsed, while paused */
    struct mb_http_exchange *first; /* oldest without an answer in `out` */
    struct mb_http_exchange *last;
    uint32_t n_exchanges;
    struct mb__net_outbox *out;     /* answers not given to the socket, or NULL */
    struct mb__net_outbox *writing; /* being written, or NULL */

    bool arrived;   /* bytes of it wait in the round, to be handled */
    bool in_turn;   /* its turn is running, or comes with the round: nobody needs to ask for one */
    bool fresh;     /* the present wait begins anew */
    bool reading;   /* libuv reads */
    bool paused;    /* a limit is reached: no parsing */
    bool more;      /* bytes of this read stand behind the request being handled */
    bool deaf;      /* what still comes is thrown away */
    bool ended;     /* the last answer is in `out`, or sent */
    bool eof;       /* the peer sends no more */
    bool lingering; /* our side is shut down */
    bool closing;
    char remote_ip[INET6_ADDRSTRLEN];
};

struct mb__net_listener {
    uv_tcp_t tcp;
    struct mb_http_server *server;
    struct mb__net_link link;
};

/* Bytes of one read that wait for the round's end. */
struct mb__net_arrival {
    struct mb__net_conn *conn;
    char *data; /* in round->bytes */
    size_t len;
};

struct mb__net_round {
    uv_check_t looked; /* at all sockets */
    struct mb__net_arrival arrivals[MB__NET_ROUND_MAX];
    uint32_t count;
    uint32_t handled, answered; /* of `arrivals`, in their order */
    uint64_t since_ns; /* when those that are not answered began to wait for others, uv_hrtime; 0: nobody is handled yet */
    size_t used; /* of `bytes`; between two reads at most MB__NET_READ_BYTES, so that there is room for one */
    char bytes[2 * MB__NET_READ_BYTES];
};

struct mb_http_server {
    struct mb_http_server_options options;
    struct mb_http_counters counters;
    uint32_t refs; /* handles, connections, exchanges; freed at 0 */
    bool draining;
    bool last_call; /* draining, and idle connections may still bring a request */
    bool closing;

    uv_timer_t timer;  /* for server->waits; armed for the earliest deadline or earlier */
    uv_prepare_t turn; /* active while `turns` is not empty */
    uv_timer_t grace;  /* of a drain */
    void (*on_drained)(void *user);
    void *drained_user;
    uint32_t grace_ms; /* of the drain */

    struct mb__net_link listeners;
    struct mb__net_link turns;
    struct mb__net_link waits[MB__NET_WAITS];
    struct mb_http_exchange *current; /* handed to on_request, neither answered nor deferred */

    struct mb__net_message *free_messages;
    struct mb__net_outbox *free_outboxes;
    struct mb_http_exchange *free_exchanges;
    uint32_t n_free_messages, n_free_outboxes, n_free_exchanges;

    struct mb__net_inflate *inflate; /* NULL before the first compressed body */
    struct mb_http_header headers[MB__NET_FIELDS_MAX]; /* of the request being handled */
    ssize_t received; /* between on_alloc and on_read: bytes in the round's room, or why there are none */
    struct mb__net_round round;
};

/* server.c */
void mb__net_server_release(struct mb_http_server *server);
void mb__net_server_conn_gone(struct mb_http_server *server);
void mb__net_server_add_turn(struct mb_http_server *server, struct mb__net_conn *conn);

/* round.c */
void mb__net_round_init(struct mb_http_server *server);
/* Where the next read goes: MB__NET_READ_BYTES. */
char *mb__net_round_room(struct mb_http_server *server);
/* `len` bytes were read into it, from a connection that has none in the round. They may be handled at once, and the
 * connection be closed, if they fill the round. */
void mb__net_round_add(struct mb__net_conn *conn, size_t len);
/* A request is about to be handed over: who has waited long is answered first. */
void mb__net_round_next(struct mb_http_server *server, uint64_t now_ns);
/* Hands over all that has arrived, then gives each of its connections a turn. */
void mb__net_round_end(struct mb_http_server *server);

/* pool.c: warm, none of these allocates. */
struct mb__net_message *mb__net_take_message(struct mb_http_server *server);
void mb__net_give_message(struct mb_http_server *server, struct mb__net_message *msg);
struct mb__net_outbox *mb__net_take_outbox(struct mb_http_server *server);
void mb__net_give_outbox(struct mb_http_server *server, struct mb__net_outbox *outbox);
struct mb_http_exchange *mb__net_take_exchange(struct mb_http_server *server);
void mb__net_give_exchange(struct mb_http_exchange *exchange);
void mb__net_pool_fini(struct mb_http_server *server);

/* socket.c: what is there at once, or may be sent at once: so many bytes, 0 for none, or a negative error code of libuv. */
ssize_t mb__net_socket_receive(const uv_tcp_t *tcp, char *out, size_t size); /* UV_EOF: the peer sends no more */
ssize_t mb__net_socket_send(const uv_tcp_t *tcp, struct mb_slice bytes);
/* Bytes of answers that the kernel has taken and the peer has not. */
size_t mb__net_socket_untaken(const uv_tcp_t *tcp);

/* conn.c */
void mb__net_conn_accept(struct mb__net_listener *listener);
/* The same for a connection that accept(2) gave; `fd` is taken. */
void mb__net_conn_adopt(struct mb_http_server *server, int fd);
void mb__net_conn_close(struct mb__net_conn *conn);
/* Parses `data` and hands over what is complete; a turn has to follow. Nothing where the connection is closing. */
void mb__net_conn_take(struct mb__net_conn *conn, char *data, size_t len);
void mb__net_conn_turn(struct mb__net_conn *conn);
void mb__net_conn_want_turn(struct mb__net_conn *conn);
void mb__net_conn_expire(struct mb__net_conn *conn);

/* respond.c */
struct mb_http_exchange *mb__net_exchange_open(struct mb__net_conn *conn,
                                               const struct mb__net_message *msg);
void mb__net_exchanges_abandon(struct mb__net_conn *conn);
void mb__net_refuse(struct mb__net_conn *conn, const struct mb__net_message *msg, int status,
                    const char *text, uint64_t at, bool close);
struct mb_buf *mb__net_conn_out(struct mb__net_conn *conn);

/* timers.c */
void mb__net_timers_init(struct mb_http_server *server);
/* Takes other limits; what is waited for ends earlier or later by the difference. */
void mb__net_timers_set_limits(struct mb_http_server *server, const struct mb_http_limits *limits);
void mb__net_wait_set(struct mb__net_conn *conn, enum mb__net_wait wait);

/* address.c: text of the address without the port; IPv4-mapped as IPv4. */
void mb__net_ip_text(const struct sockaddr_storage *address, char *out, size_t size);

#endif /* MB_NET_INTERNAL_H */
