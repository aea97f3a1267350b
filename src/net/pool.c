/* pool.c - spare messages, outboxes and exchanges of a server, so that a warm request allocates
 * nothing.
 *
 * Last in, first out: the one used last is the one in the cache. An object that has grown a large
 * buffer gives the buffer back, and a pool holds at most MB__NET_POOL_MAX: a burst must not stay in
 * memory for ever.
 */
#include "internal.h"

#include <stdlib.h>

static void *xcalloc(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void trim(struct mb_buf *buf)
{
    mb_buf_clear(buf);
    if (buf->size > MB__NET_KEEP_BYTES)
        mb_buf_fini(buf);
}

struct mb__net_message *mb__net_take_message(struct mb_http_server *server)
{
    struct mb__net_message *msg = server->free_messages;
    if (msg == NULL)
        return xcalloc(sizeof(*msg));
    server->free_messages = msg->next_free;
    server->n_free_messages--;
    return msg;
}

void mb__net_give_message(struct mb_http_server *server, struct mb__net_message *msg)
{
    trim(&msg->kept);
    if (server->n_free_messages == MB__NET_POOL_MAX) {
        mb__net_message_fini(msg);
        free(msg);
        return;
    }
    msg->next_free = server->free_messages;
    server->free_messages = msg;
    server->n_free_messages++;
}

struct mb__net_outbox *mb__net_take_outbox(struct mb_http_server *server)
{
    struct mb__net_outbox *outbox = server->free_outboxes;
    if (outbox == NULL)
        return xcalloc(sizeof(*outbox));
    server->free_outboxes = outbox->next_free;
    server->n_free_outboxes--;
    return outbox;
}

void mb__net_give_outbox(struct mb_http_server *server, struct mb__net_outbox *outbox)
{
    trim(&outbox->buf);
    if (server->n_free_outboxes == MB__NET_POOL_MAX) {
        mb_buf_fini(&outbox->buf);
        free(outbox);
        return;
    }
    outbox->next_free = server->free_outboxes;
    server->free_outboxes = outbox;
    server->n_free_outboxes++;
}

struct mb_http_exchange *mb__net_take_exchange(struct mb_http_server *server)
{
    struct mb_http_exchange *exchange = server->free_exchanges;
    if (exchange == NULL) {
        exchange = xcalloc(sizeof(*exchange));
    } else {
        server->free_exchanges = exchange->next;
        server->n_free_exchanges--;
    }
    struct mb_buf late = exchange->late;
    *exchange = (struct mb_http_exchange){.server = server, .late = late};
    server->refs++;
    return exchange;
}

void mb__net_give_exchange(struct mb_http_exchange *exchange)
{
    struct mb_http_server *server = exchange->server;
    trim(&exchange->late);
    if (server->n_free_exchanges == MB__NET_POOL_MAX) {
        mb_buf_fini(&exchange->late);
        free(exchange);
    } else {
        exchange->next = server->free_exchanges;
        server->free_exchanges = exchange;
        server->n_free_exchanges++;
    }
    mb__net_server_release(server);
}

void mb__net_pool_fini(struct mb_http_server *server)
{
    while (server->free_messages != NULL) {
        struct mb__net_message *msg = mb__net_take_message(server);
        mb__net_message_fini(msg);
        free(msg);
    }
    while (server->free_outboxes != NULL) {
        struct mb__net_outbox *outbox = mb__net_take_outbox(server);
        mb_buf_fini(&outbox->buf);
        free(outbox);
    }
    while (server->free_exchanges != NULL) {
        struct mb_http_exchange *exchange = server->free_exchanges;
        server->free_exchanges = exchange->next;
        mb_buf_fini(&exchange->late);
        free(exchange);
    }
}
