/* run.c - one thread reads, the others decide.
 *
 *     files -> reader (the caller's thread) -> a few blocks of lines -> deciders, one a core ->
 * sums -> result
 *
 * Each decider takes whole blocks, so a lock is taken twice in some hundred requests. Decisions
 * hang on nothing but their record; only scripts that keep state of their own see another order
 * than the live server's.
 */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_BYTES = 256 << 10, THREADS_MAX = 256 };

/* Blocks from the reader to whoever is free. */
struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mb__block *blocks; /* a ring */
    size_t size, first, count;
    bool closed;
};

struct decider {
    pthread_t thread;
    const struct mb_replay_options *options;
    struct queue *queue;
    struct mb_replay_decider *decider, *against; /* NULL: not compared */
    struct mb__block block;                      /* being worked on */
    struct mb__sums sums;
    struct mb_arena arena;
    struct mb_script_report report;
    struct mb_error err;
    int rc;
};

/* --- the queue --- */

static void queue_open(struct queue *q, size_t size)
{
    *q = (struct queue){.size = size, .blocks = calloc(size, sizeof(*q->blocks))};
    if (!q->blocks) {
        abort();
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
}

static void queue_close(struct queue *q)
{
    size_t i;

    for (i = 0; i < q->size; i++) {
        mb_buf_fini(&q->blocks[i].text);
    }
    free(q->blocks);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->changed);
}

static void swap(struct mb__block *a, struct mb__block *b)
{
    struct mb__block t = *a;

    *a = *b;
    *b = t;
}

/* Puts the block there and gives an old one back to be filled. False: nobody takes blocks any more.
 */
static bool queue_put(struct queue *q, struct mb__block *block)
{
    bool open;

    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->count == q->size) {
        pthread_cond_wait(&q->changed, &q->lock);
    }
    open = !q->closed;
    if (open) {
        swap(block, &q->blocks[(q->first + q->count++) % q->size]);
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return open;
}

static bool queue_take(struct queue *q, struct mb__block *block)
{
    bool any;

    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->count == 0) {
        pthread_cond_wait(&q->changed, &q->lock);
    }
    any = q->count > 0;
    if (any) {
        swap(block, &q->blocks[q->first]);
        q->first = (q->first + 1) % q->size;
        q->count--;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return any;
}

/* No more comes; what is there is still taken. */
static void queue_end(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

/* --- a thread that decides --- */

static bool is_served(const struct mb_config *config, struct mb_slice endpoint)
{
    return mb_config_endpoint(config, endpoint) != NULL;
}

static void take_request(struct decider *d, const struct mb_replay_record *record, uint64_t number)
{
    const struct mb_replay_did *again, *other;
    size_t count, n_other;

    again = mb_replay_decide(d->decider, record, &count);
    mb__sums_add(&d->sums, record, again, count, d->block.file, number);
    if (d->against) {
        other = mb_replay_decide(d->against, record, &n_other);
        mb__sums_against(&d->sums, record, again, count, other, n_other);
    }
}

static void take_outcome(struct decider *d, const struct mb_replay_record *record)
{
    d->sums.result.outcomes++;
    if (d->sums.market && record->cost.nanos >= 0) {
        mb__market_booked(d->sums.market, record);
    }
}

static void take_line(struct decider *d, struct mb_slice line, uint64_t number)
{
    struct mb_replay_record record;

    mb_arena_reset(&d->arena);
    if (mb_replay_read_line(line, &d->arena, &record, NULL)) {
        d->sums.result.bad_lines++;
    } else if (record.kind == MB_REPLAY_OUTCOME) {
        take_outcome(d, &record);
    } else if (record.kind == MB_REPLAY_REQUEST &&
               !is_served(d->options->config, record.endpoint)) {
        d->sums.result.no_endpoint++;
    } else if (record.kind == MB_REPLAY_REQUEST) {
        take_request(d, &record, number);
    }
}

static void take_block(struct decider *d)
{
    struct mb_slice rest = mb_buf_slice(&d->block.text);
    uint64_t number = d->block.first_line;

    while (rest.len > 0) {
        struct mb_slice line = mb_slice_cut(&rest, '\n');

        if (line.len > 0) {
            take_line(d, line, number);
        }
        number++;
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int make_deciders(struct decider *d)
{
    struct mb_replay_decider_options options = {.config = d->options->config,
                                                .bundle = d->options->bundle};
    int rc = mb_replay_decider_new(&options, &d->decider, &d->report, &d->err);

    if (!rc && d->options->against) {
        options.bundle = d->options->against;
        options.forgets_stops = true;
        rc = mb_replay_decider_new(&options, &d->against, &d->report, &d->err);
        d->sums.market = mb__xmarket_new();
    }
    return rc;
}

static void decide_all(struct decider *d)
{
    uint64_t started_ns;

    d->rc = make_deciders(d);
    if (d->rc) {
        queue_end(d->queue);
    } else {
        started_ns = cpu_ns(); /* loading is not deciding */
        while (queue_take(d->queue, &d->block)) {
            take_block(d);
        }
        d->sums.result.cpu_ns = cpu_ns() - started_ns;
    }
    mb_replay_decider_free(d->decider);
    mb_replay_decider_free(d->against);
}

static void *run(void *user)
{
    struct decider *d = user;

    d->rc = d->options->thread_begins(&d->err);
    if (d->rc) {
        queue_end(d->queue);
    } else {
        decide_all(d);
        d->options->thread_ends();
    }
    return NULL;
}

/* --- the caller's thread --- */

static int feed(const struct mb_replay_options *options, struct queue *queue,
                struct mb_replay_result *out, struct mb_error *err)
{
    struct mb__reader *reader;
    struct mb__block block = {0};
    uint64_t done, total, started_ns = cpu_ns();
    int rc = mb__reader_open(options->paths, options->n_paths, &reader, err);

    if (rc) {
        return rc;
    }
    while ((rc = mb__reader_next(reader, &block, err)) == 1 && queue_put(queue, &block)) {
        if (options->on_progress) {
            mb__reader_progress(reader, &done, &total);
            options->on_progress(options->user, done, total);
        }
    }
    out->cut_files = mb__reader_cut_files(reader);
    out->bad_lines += mb__reader_long_lines(reader);
    out->cpu_ns += cpu_ns() - started_ns;
    mb_buf_fini(&block.text);
    mb__reader_close(reader);
    return rc < 0 ? rc : 0;
}

static unsigned threads_of(const struct mb_replay_options *options)
{
    long cores = options->threads > 0 ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

static void init_decider(struct decider *d, const struct mb_replay_options *options,
                         struct queue *queue)
{
    d->options = options;
    d->queue = queue;
    d->err.at = -1;
    mb_arena_init(&d->arena, ARENA_BYTES);
    mb_arena_init(&d->sums.result.arena, ARENA_BYTES);
    d->sums.version = mb_bundle_version(options->bundle);
    d->sums.paths = options->paths;
}

/* The first failure of a thread is the run's. */
static int fini_decider(struct decider *d, int rc, struct mb_replay_result *out,
                        struct mb__market *market, struct mb_script_report *report,
                        struct mb_error *err)
{
    mb__sums_merge(out, &d->sums);
    if (d->sums.market) {
        mb__market_merge(market, d->sums.market);
    }
    if (!rc && d->rc) {
        rc = d->rc;
        *err = d->err;
        *report = d->report;
        d->report = (struct mb_script_report){0};
    }
    mb_script_report_fini(&d->report);
    mb_buf_fini(&d->block.text);
    mb__sums_fini(&d->sums);
    mb_arena_fini(&d->arena);
    return rc;
}

int mb_replay_run(const struct mb_replay_options *options, struct mb_replay_result *out,
                  struct mb_script_report *report, struct mb_error *err)
{
    unsigned count = threads_of(options), i;
    struct decider *deciders = calloc(count, sizeof(*deciders));
    struct mb__market *market = mb__xmarket_new();
    struct queue queue;
    int rc;

    if (!deciders) {
        abort();
    }
    memset(out, 0, sizeof(*out));
    mb_arena_init(&out->arena, ARENA_BYTES);
    queue_open(&queue, (size_t)count * 2);
    for (i = 0; i < count; i++) {
        init_decider(&deciders[i], options, &queue);
        if (pthread_create(&deciders[i].thread, NULL, run, &deciders[i])) {
            abort();
        }
    }
    rc = feed(options, &queue, out, err);
    queue_end(&queue);
    for (i = 0; i < count; i++) {
        pthread_join(deciders[i].thread, NULL);
        rc = fini_decider(&deciders[i], rc, out, market, report, err);
    }
    if (!rc && options->against) {
        mb__market_estimate(market, out);
    }
    mb__market_free(market);
    queue_close(&queue);
    free(deciders);
    return rc;
}

/* --- all of it on one thread --- */

static int read_and_decide(struct decider *d, struct mb_replay_result *out, struct mb_error *err)
{
    struct mb__reader *reader;
    int rc = mb__reader_open(d->options->paths, d->options->n_paths, &reader, err);

    if (rc) {
        return rc;
    }
    while ((rc = mb__reader_next(reader, &d->block, err)) == 1) {
        take_block(d);
    }
    out->cut_files = mb__reader_cut_files(reader);
    out->bad_lines += mb__reader_long_lines(reader);
    mb__reader_close(reader);
    return rc;
}

int mb_replay_run_here(const struct mb_replay_options *options, struct mb_replay_result *out,
                       struct mb_script_report *report, struct mb_error *err)
{
    struct mb__market *market = mb__xmarket_new();
    struct decider d = {0};
    int rc = 0;

    memset(out, 0, sizeof(*out));
    mb_arena_init(&out->arena, ARENA_BYTES);
    init_decider(&d, options, NULL);
    d.rc = make_deciders(&d);
    if (!d.rc) {
        rc = read_and_decide(&d, out, err);
    }
    mb_replay_decider_free(d.decider);
    mb_replay_decider_free(d.against);
    rc = fini_decider(&d, rc, out, market, report, err);
    if (!rc && options->against) {
        mb__market_estimate(market, out);
    }
    mb__market_free(market);
    return rc;
}
