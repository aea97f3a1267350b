/* shadow.c - how much of a worker's time strategies get that only say what they would bid.
 *
 * A share of bid requests (shadow.rate) is shown to them when the answer is on its way, as long as
 * what they took is within their share of the thread's CPU time (shadow.cpu_share); where it is
 * more, the request is skipped, and counted. Both are forgotten by halves, so that an expensive
 * minute is made up for by the next, not by the day.
 */
#include "internal.h"

#include <time.h>

#define HALVE_NS INT64_C(10000000000)

static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* By the request's seed, in other bits than what draws use first. */
static bool is_chosen(uint64_t seed, double rate)
{
    return (double)((seed * UINT64_C(0x9e3779b97f4a7c15)) >> 11) * 0x1p-53 < rate;
}

static bool has_time(struct mb__worker *worker, int64_t now_ns)
{
    struct mb__shadow *shadow = &worker->shadow;

    if (shadow->since_ns == 0) {
        shadow->since_ns = now_ns;
    }
    if (now_ns - shadow->since_ns > HALVE_NS) {
        shadow->since_ns += (now_ns - shadow->since_ns) / 2;
        shadow->spent_ns /= 2;
    }
    return (double)shadow->spent_ns <=
           worker->config->shadow_cpu_share * (double)(now_ns - shadow->since_ns);
}

void mb__shadow_turn(struct mb__worker *worker, const struct mb_bidder_in *in)
{
    struct mb__board *board = worker->board;
    int64_t started_ns, took_ns;

    if (!mb_bidder_wants_shadow(worker->bidder) || in->busy ||
        !is_chosen(in->seed, worker->config->shadow_rate)) {
        return;
    }
    started_ns = cpu_ns();
    if (!has_time(worker, started_ns)) {
        mb_metrics_add(&board->shadow_skipped, 1);
        return;
    }
    mb_bidder_shadow(worker->bidder);
    took_ns = cpu_ns() - started_ns;
    worker->shadow.spent_ns += took_ns;
    mb_metrics_add(&board->shadow_shown, 1);
    mb_metrics_add(&board->shadow_ns, (uint64_t)took_ns);
}
