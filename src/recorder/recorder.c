/* recorder.c - the owner's side, and the thread that writes.
 *
 *     owner: [request, decided] -> pack -> ring            thread: ring -> mask, JSON -> deflate ->
 * file
 *
 * The thread looks into the ring some times a second and is not woken but to end: that would be a
 * system call of the owner. It starts with the first record, so a worker that records nothing has none.
 */
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/metrics.h"

enum {
    RING_BYTES = 8 << 20,
    LOOK_MIN_MS = 25,
    LOOK_MAX_MS = 100,
    FLUSH_MS = 1000,
};

struct mb_recorder {
    struct mb_recorder_options options;
    char *folder;
    uint64_t threshold; /* seeds below it, mixed, are recorded; UINT64_MAX: all */
    bool records;
    struct mb_tape tape;
    struct mb__ring *ring;
    pthread_t thread;
    bool started;
    sem_t stopping; /* posted once */
    /* settings as the thread reads them */
    _Atomic uint64_t max_bytes;
    _Atomic int ip, ids, look_ms;

    /* the thread's own */
    struct mb__masker masker;
    struct mb__segments *segments;
    struct mb_buf line;
    int64_t flushed_ms;
};

/* --- the thread --- */

static void take_settings(struct mb_recorder *r)
{
    r->masker.ip = (enum mb_recorder_mask)atomic_load_explicit(&r->ip, memory_order_relaxed);
    r->masker.ids = (enum mb_recorder_mask)atomic_load_explicit(&r->ids, memory_order_relaxed);
    mb__segments_limit(r->segments, atomic_load_explicit(&r->max_bytes, memory_order_relaxed));
}

static void begin_segment(struct mb_recorder *r, int64_t now_ms)
{
    struct mb_recorder_settings settings = {.ip = r->masker.ip, .ids = r->masker.ids};

    mb_buf_clear(&r->line);
    mb__line_of_segment(r->options.worker, now_ms, &settings, &r->line);
    mb__segments_add(r->segments, mb_buf_slice(&r->line));
}

/* Writes all that is in the ring; true where there was something. */
static bool drain(struct mb_recorder *r)
{
    int64_t now_ms = mb_time_now_ms();
    struct mb_slice record;
    bool any = false, fresh;

    while (mb_slice_present(record = mb__ring_first(r->ring))) {
        if (!mb__segments_ready(r->segments, now_ms, &fresh)) {
            mb_metrics_add(&r->options.counts->failed, 1);
        } else {
            if (fresh) {
                begin_segment(r, now_ms);
            }
            mb_buf_clear(&r->line);
            mb__line_of_record(record, &r->masker, &r->line);
            mb__segments_add(r->segments, mb_buf_slice(&r->line));
        }
        mb__ring_drop(r->ring);
        any = true;
    }
    return any;
}

/* Until the next look, or until it is stopped: then true. */
static bool pause_or_stop(struct mb_recorder *r, int look_ms)
{
    struct timespec until;
    int64_t until_ns;
    int rc;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until_ns = until.tv_nsec + look_ms * INT64_C(1000000);
    until.tv_sec += until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    do {
        rc = sem_clockwait(&r->stopping, CLOCK_MONOTONIC, &until);
    } while (rc && errno == EINTR);
    return rc == 0;
}

static void *run(void *user)
{
    struct mb_recorder *r = user;
    bool stopping = false, unflushed = false;

    mb_turn_give_way();
    for (;;) {
        int64_t now_ms = mb_time_boot_ns() / 1000000;
        int look_ms = atomic_load_explicit(&r->look_ms, memory_order_relaxed);

        take_settings(r);
        mb_turn_yield_often();
        unflushed = drain(r) || unflushed;
        if (unflushed && now_ms + look_ms - r->flushed_ms > FLUSH_MS) {
            mb__segments_flush(r->segments, mb_time_now_ms());
            r->flushed_ms = now_ms;
            unflushed = false;
        }
        mb_turn_yield_no_more();
        if (stopping) {
            return NULL;
        }
        stopping = pause_or_stop(r, look_ms); /* then what was put before it is written */
    }
}

static void start(struct mb_recorder *r)
{
    sigset_t all, before;

    r->ring = mb__xring_new(RING_BYTES);
    sem_init(&r->stopping, 0, 0);
    r->segments = mb__xsegments_new(r->folder, r->options.worker, r->options.counts);
    mb__masker_init(&r->masker, r->options.key);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r->started = pthread_create(&r->thread, NULL, run, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!r->started) {
        mb_log(MB_LOG_ERROR, "recorder", "no thread: nothing is recorded", NULL);
        r->records = false;
    }
}

/* --- the owner --- */

struct mb_recorder *mb_xrecorder_open(const struct mb_recorder_options *options)
{
    struct mb_recorder *r = calloc(1, sizeof(*r));

    if (!r || !(r->folder = strdup(options->folder))) {
        abort();
    }
    r->options = *options;
    mb_recorder_set(r, &options->settings);
    return r;
}

/* The fewer records, the rarer a look: it then finds more at once, and warms the cache for it once.
 * At any rate between, the ring fills to no more than at 1. */
static int look_ms_of(double rate)
{
    double wanted = LOOK_MIN_MS / 10.0 / rate;

    return wanted < LOOK_MIN_MS ? LOOK_MIN_MS : wanted > LOOK_MAX_MS ? LOOK_MAX_MS : (int)wanted;
}

void mb_recorder_set(struct mb_recorder *r, const struct mb_recorder_settings *settings)
{
    r->records = settings->rate > 0;
    atomic_store(&r->look_ms, look_ms_of(settings->rate));
    r->threshold = settings->rate >= 1 ? UINT64_MAX : (uint64_t)(settings->rate * 0x1p64);
    atomic_store(&r->max_bytes, settings->max_bytes);
    atomic_store(&r->ip, settings->ip);
    atomic_store(&r->ids, settings->ids);
}

void mb_recorder_close(struct mb_recorder *r)
{
    if (!r) {
        return;
    }
    if (r->started) {
        sem_post(&r->stopping);
        pthread_join(r->thread, NULL);
    }
    if (r->ring) {
        sem_destroy(&r->stopping);
        mb__segments_free(r->segments);
        mb__masker_fini(&r->masker);
        mb__ring_free(r->ring);
    }
    mb_buf_fini(&r->line);
    free(r->folder);
    free(r);
}

/* Another mix than the draws of the decision have, lest those of recorded requests be unlike the
 * rest. */
static bool is_chosen(const struct mb_recorder *r, uint64_t seed)
{
    uint64_t z = (seed ^ (seed >> 32)) * UINT64_C(0xd6e8feb86659fd93);

    return ((z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93)) <= r->threshold;
}

struct mb_tape *mb_recorder_tape(struct mb_recorder *r, uint64_t seed)
{
    if (!r || !r->records || !is_chosen(r, seed)) {
        return NULL;
    }
    r->tape.plays = false;
    return &r->tape;
}

static char *room(struct mb_recorder *r, size_t bytes)
{
    char *at;

    if (!r->ring) {
        start(r);
    }
    at = r->started ? mb__ring_room(r->ring, bytes) : NULL;
    if (!at) {
        mb_metrics_add(&r->options.counts->dropped, 1);
    }
    return at;
}

void mb_recorder_take(struct mb_recorder *r, const struct mb_bidder *bidder,
                      const struct mb_bidder_in *in, const struct mb_bidder_out *out)
{
    const struct mb_request *request = mb_bidder_request(bidder);
    char *at;

    if (strcmp(out->kind, "bid") != 0 || !request) {
        return;
    }
    (void)mb_later(request->geo.later, &request->geo.country); /* other scripts may want it */
    at = room(r, mb__pack_request_max(bidder, in));
    if (at) {
        mb__ring_put(r->ring, mb__pack_request(bidder, in, out, at));
        mb_metrics_add(&r->options.counts->requests, 1);
    }
}

void mb_recorder_outcome(struct mb_recorder *r, const struct mb_event *event)
{
    char *at;

    if (!r || !event->recorded || mb_slice_empty(event->bid_id)) {
        return;
    }
    at = room(r, mb__pack_outcome_max(event));
    if (at) {
        mb__ring_put(r->ring, mb__pack_outcome(event, at));
        mb_metrics_add(&r->options.counts->outcomes, 1);
    }
}
