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
    struct mb__block block; /* being worked on */
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

static void take_line(struct decider *d, struct mb_replay_decider *decider, struct mb_slice line,
                      uint64_t number)
{
    struct mb_replay_record record;
    const struct mb_replay_did *again;
    size_t count;

    mb_arena_reset(&d->arena);
    if (mb_replay_read_line(line, &d->arena, &record, NULL)) {
        d->sums.result.bad_lines++;
    } else if (record.kind == MB_REPLAY_OUTCOME) {
        d->sums.result.outcomes++;
    } else if (record.kind == MB_REPLAY_REQUEST &&
               !is_served(d->options->config, record.endpoint)) {
        d->sums.result.no_endpoint++;
    } else if (record.kind == MB_REPLAY_REQUEST) {
        again = mb_replay_decide(decider, &record, &count);
        mb__sums_add(&d->sums, &record, again, count, d->block.file, number);
    }
}

static void take_block(struct decider *d, struct mb_replay_decider *decider)
{
    struct mb_slice rest = mb_buf_slice(&d->block.text);
    uint64_t number = d->block.first_line;

    while (rest.len > 0) {
        struct mb_slice line = mb_slice_cut(&rest, '\n');

        if (line.len > 0) {
            take_line(d, decider, line, number);
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

static void decide_all(struct decider *d)
{
    struct mb_replay_decider_options options = {.config = d->options->config,
                                                .bundle = d->options->bundle};
    struct mb_replay_decider *decider;
    uint64_t started_ns;

    d->rc = mb_replay_decider_new(&options, &decider, &d->report, &d->err);
    if (d->rc) {
        queue_end(d->queue);
        return;
    }
    started_ns = cpu_ns(); /* loading is not deciding */
    while (queue_take(d->queue, &d->block)) {
        take_block(d, decider);
    }
    d->sums.result.cpu_ns = cpu_ns() - started_ns;
    mb_replay_decider_free(decider);
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

static void open_decider(struct decider *d, const struct mb_replay_options *options,
                         struct queue *queue)
{
    d->options = options;
    d->queue = queue;
    d->err.at = -1;
    mb_arena_init(&d->arena, ARENA_BYTES);
    mb_arena_init(&d->sums.result.arena, ARENA_BYTES);
    d->sums.version = mb_bundle_version(options->bundle);
    d->sums.paths = options->paths;
    if (pthread_create(&d->thread, NULL, run, d)) {
        abort();
    }
}

/* The first failure of a thread is the run's. */
static int join(struct decider *d, int rc, struct mb_replay_result *out,
                struct mb_script_report *report, struct mb_error *err)
{
    pthread_join(d->thread, NULL);
    mb__sums_merge(out, &d->sums);
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
    struct queue queue;
    int rc;

    if (!deciders) {
        abort();
    }
    memset(out, 0, sizeof(*out));
    mb_arena_init(&out->arena, ARENA_BYTES);
    queue_open(&queue, (size_t)count * 2);
    for (i = 0; i < count; i++) {
        open_decider(&deciders[i], options, &queue);
    }
    rc = feed(options, &queue, out, err);
    queue_end(&queue);
    for (i = 0; i < count; i++) {
        rc = join(&deciders[i], rc, out, report, err);
    }
    queue_close(&queue);
    free(deciders);
    return rc;
}
