/* spend.h - what another program takes from start to end.
 */
#ifndef BENCH_SPEND_H
#define BENCH_SPEND_H

#include <stdint.h>

struct spending {
    int64_t wall_us, cpu_us; /* user and system, of it and all that it waited for */
    int64_t most_kib;        /* resident */
};

/* Runs it; its output goes to standard error. Ends this program where it cannot be run, or ends
 * with another status than 0. */
struct spending spend(char **command);

#endif
