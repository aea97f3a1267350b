/* fetch.h - URLs that a trader wants called, one after the other, whatever becomes of their hosts.
 *
 * Part of: fetch.  Depends on: base, metrics.  Uses libcurl inside, on a thread of its own.
 * Threads:  one owner calls; names are looked up, connections made and TLS spoken on the thread, at a lower priority.
 * Promise:  an URL that was taken is tried until its host gives an answer that is none of an ill server (5xx, 408, 429), or
 *           MB_FETCH_TRIES tries have failed. What a process that dies still held is lost: nothing is fetched for it again.
 * Safety:   no connection is made to an address that is not public unless the settings allow it. What is judged is the
 *           address that is being connected to, of redirects too: no name can be looked up to another one in between.
 */
#ifndef MB_FETCH_H
#define MB_FETCH_H

#include "moonbid/base/cidr.h"
#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

enum {
    MB_FETCH_TRIES = 4,
    MB_FETCH_QUEUE_MAX = 1000,      /* URLs that wait, are under way, or wait for another try */
    MB_FETCH_BYTES_MAX = 1 << 20,   /* of such URLs */
    MB_FETCH_HOST_QUEUE_MAX = 250,  /* of such URLs of one host: who does not answer leaves room for others */
    MB_FETCH_HOST_MAX = 4,          /* at one host (as the URL names it) at a time */
    MB_FETCH_ACTIVE_MAX = 32,
    MB_FETCH_REDIRECTS_MAX = 3,
};

/* How it went, by URL; `retries` by try. Zeroed is valid. Read with mb_metrics_read at any time. */
#define MB_FETCH_OUTCOME_MAP(XX)                                                                   \
    XX(delivered) /* 2xx */                                                                        \
    XX(rejected)  /* another answer: 4xx, too many redirects */                                    \
    XX(failed)    /* no answer, or 5xx, 408, 429, at the last try */                               \
    XX(refused)   /* its host has no address that may be called, or it is no URL */                \
    XX(overflow)  /* the queue was full, or its host's part of it */                                                         \
    XX(dropped)   /* still waiting when the process ended */

struct mb_fetch_counts {
#define XX(name) uint64_t name;
    MB_FETCH_OUTCOME_MAP(XX)
#undef XX
    uint64_t retries;
};

struct mb_fetch_settings {
    struct mb_cidrs allow;  /* networks that may be called although they are not public */
    uint32_t timeout_ms;    /* of one try, all redirects in it */
    uint32_t retry_ms;      /* before the second try; twice as long before each further one, give or take a half */
};

struct mb_fetch;

/* Owns: mb_fetch_stop. `counts` is borrowed. The thread starts with the first URL. Aborts without memory. */
struct mb_fetch *mb_xfetch_new(const struct mb_fetch_settings *settings, struct mb_fetch_counts *counts);
/* Other settings from the next try on. Copies. */
void mb_fetch_set(struct mb_fetch *fetch, const struct mb_fetch_settings *settings);
/* Takes a URL, a copy of it. Costs a lock that is never held for long. Where it is not taken that is counted. */
void mb_fetch_add(struct mb_fetch *fetch, struct mb_slice url);
/* Gives what is under way or has not been tried `grace_ms`; the rest is dropped. Blocks. NULL allowed. */
void mb_fetch_stop(struct mb_fetch *fetch, uint32_t grace_ms);

/* May this address be called? Public ones, and what `allow` holds. */
bool mb_fetch_may_call(const struct mb_ip *ip, struct mb_cidrs allow);

#endif /* MB_FETCH_H */
