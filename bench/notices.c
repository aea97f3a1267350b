/* notices.c - notices made from one real bid; see notices.h.
 *
 * What differs from notice to notice is what differs in life: the bid's id, and its time. An
 * impression is billed when it is shown: LATE_MS after the bid in the mean, one in a hundred
 * thousand after more than eleven times that. The ledger's keys begin with the bid's time, so they
 * do not arrive in order.
 */
#include "notices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "moonbid/base/arena.h"
#include "moonbid/base/time.h"
#include "moonbid/notice.h"

#define LATE_MS 1000

struct notices {
    struct mb_notice_keys *keys;
    struct mb_arena arena;
    struct mb_notice notice;
    struct mb_buf body, token;
    uint64_t state;
    struct request request;
};

/* xorshift64*: ids need to differ, nothing else. */
static uint64_t draw(struct notices *n)
{
    n->state ^= n->state >> 12;
    n->state ^= n->state << 25;
    n->state ^= n->state >> 27;
    return n->state * UINT64_C(0x2545f4914f6cdd1d);
}

static int64_t late_ms(struct notices *n)
{
    double share = ((double)(draw(n) >> 11) + 1) / 9007199254740992.0;
    return (int64_t)(-log(share) * LATE_MS);
}

/* The token of the kind that the answer's `burl` has. */
static void read_pattern(struct notices *n, const char *answer)
{
    for (const char *at = answer; (at = strstr(at, "/n/")) != NULL;) {
        at += 3;
        size_t len = strcspn(at, "?\"");
        if (mb_notice_verify(n->keys, MB_EVENT_BILLING, mb_slice(at, len), &n->arena, &n->notice) ==
            0)
            return;
    }
    fail("no billing notice, signed with this key, in the answer: %s", answer);
}

struct notices *notices_open(int port, const char *path, const char *body_file,
                             const char *key_file)
{
    static struct connection connection;
    struct notices *n = calloc(1, sizeof(*n));
    struct mb_error err = {.at = -1};
    if (n == NULL)
        fail("no memory");
    mb_arena_init(&n->arena, 4096);
    n->keys = mb_xnotice_keys_new();
    if (mb_notice_keys_add_file(n->keys, key_file, &err) != 0)
        fail("%s: %s", err.where, err.what);
    if (getrandom(&n->state, sizeof(n->state), 0) != (ssize_t)sizeof(n->state))
        fail("no random bytes");
    make_post(&n->request, path, body_file);
    connect_to(&connection, port);
    if (ask(&connection, &n->request) != 200)
        fail("no bid: %s", connection.answer);
    read_pattern(n, connection.answer);
    return n;
}

const struct request *notices_next(void *notices)
{
    struct notices *n = notices;
    uint64_t id[2] = {draw(n), draw(n)};
    memcpy(n->notice.bid_id, id, sizeof(n->notice.bid_id));
    n->notice.bid_time_ms = mb_time_now_ms() - late_ms(n);
    mb_buf_clear(&n->body);
    mb_buf_clear(&n->token);
    if (mb_notice_encode(&n->notice, &n->body) != 0)
        fail("the notice does not fit a token");
    mb_notice_sign(n->keys, MB_EVENT_BILLING, mb_buf_slice(&n->body), &n->token);
    n->request.bytes =
        (size_t)snprintf(n->request.text, sizeof(n->request.text),
                         "GET /n/%.*s?p=0.%03u&c=USD HTTP/1.1\r\nHost: bidder.example\r\n"
                         "User-Agent: exchange\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
                         (int)n->token.len, n->token.data, (unsigned)(draw(n) % 900 + 100));
    return &n->request;
}
