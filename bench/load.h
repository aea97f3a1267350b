/* load.h - a server under load, and how long it takes to answer.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "wire.h"

struct load {
    int port;
    int status; /* of every answer; 0: a bid or none, 200 or 204 */
    double seconds;
    int connections;
    long pid;    /* whose CPU time, with all its descendants', is counted */
    double rate; /* requests a second; 0: as fast as they are answered */
    /* The next request; lent until it is asked for again. */
    const struct request *(*next)(void *user);
    void *user;
};

struct figures {
    int64_t answers;
    double seconds;
    int64_t cpu_us;
    int64_t p50_us, p99_us, p999_us, most_us; /* from when a request was due to its whole answer */
};

struct figures put_under_load(const struct load *load);

#endif
