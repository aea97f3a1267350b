/* books.c - a notice is answered only after its events are safe.
 *
 *     take -> post -> [the bookkeeper commits] -> fate: settle, answer
 *                 \-> [spool, on a helper thread, where no fate comes] -> answer; settle when it
 * comes
 *
 * What can be neither recorded nor spooled is answered 503: the exchange sends it again, and its
 * key tells whether the first one was recorded after all.
 */
#include "internal.h"

#include <stdlib.h>

enum {
    TICK_MS = 20,
    SLOW_MS = 1000,
    START_MS = 120000, /* a ledger of an earlier version is taken over within the start */
};

/* A notice that waits: its exchange and a copy of the answer. */
struct waiting {
    struct mb_http_exchange *exchange; /* NULL: it has its answer */
    size_t left;                       /* events that are not safe yet */
    bool failed;
    struct mb_buf answer;             /* what a handler gave, in the place of the body */
    struct mb_http_response response; /* slices point to `bytes` */
    char bytes[];
};

static void ask_again_later(struct mb_http_exchange *exchange)
{
    struct mb_http_response response = {.status = 503,
                                        .content_type = "application/json",
                                        .body = MB_SLICE("{\"error\":\"not recorded\"}"),
                                        .extra_headers = MB_SLICE("Retry-After: 1\r\n")};

    mb_http_respond(exchange, &response);
}

static struct mb_slice copy_to(char **at, struct mb_slice s)
{
    char *start = *at;

    if (!mb_slice_present(s)) {
        return s;
    }
    memcpy(start, s.data, s.len);
    *at += s.len;
    return mb_slice(start, s.len);
}

static struct waiting *new_waiting(struct mb_http_exchange *exchange,
                                   const struct mb_bidder_out *out)
{
    struct waiting *waiting = malloc(sizeof(*waiting) + out->body.len + out->extra_headers.len);
    char *at;

    if (!waiting) {
        abort();
    }
    at = waiting->bytes;
    *waiting = (struct waiting){.exchange = exchange, .left = out->n_events};
    waiting->response.status = out->status;
    waiting->response.content_type = out->content_type;
    waiting->response.body = copy_to(&at, out->body);
    waiting->response.extra_headers = copy_to(&at, out->extra_headers);
    return waiting;
}

/* One event of a notice is safe, or cannot be; the last one answers. */
static void one_less(struct waiting *waiting, bool failed)
{
    waiting->failed = waiting->failed || failed;
    if (--waiting->left > 0) {
        return;
    }
    if (!waiting->exchange) {
        if (waiting->failed) {
            mb_log(MB_LOG_WARN, "process", "a click could not be recorded", NULL);
        }
    } else if (waiting->failed) {
        ask_again_later(waiting->exchange);
    } else {
        if (waiting->answer.len > 0) {
            waiting->response.body = mb_buf_slice(&waiting->answer);
            waiting->response.content_type = "application/json";
        }
        mb_http_respond(waiting->exchange, &waiting->response);
    }
    mb_buf_fini(&waiting->answer);
    free(waiting);
}

static void on_safe(void *user, void *ticket)
{
    (void)user;
    one_less(ticket, false);
}

static void on_failed(void *user, void *ticket)
{
    (void)user;
    one_less(ticket, true);
}

static void on_fate(void *user, void *ticket, const struct mb_event *event, enum mb_event_fate fate)
{
    struct mb__worker *worker = user;
    struct waiting *waiting = ticket;

    mb_bidder_settle(worker->bidder, event, fate, mb_time_now_ms());
    if (fate == MB_EVENT_NEW) {
        mb_recorder_outcome(worker->recorder, event);
    }
    if (fate == MB_EVENT_NEW && mb_slice_present(event->fetch_url)) {
        mb_fetch_add(worker->fetch, event->fetch_url);
    }
    if (waiting && mb_slice_present(mb_bidder_answer(worker->bidder))) {
        mb_buf_clear(&waiting->answer);
        mb_xbuf_add_slice(&waiting->answer, mb_bidder_answer(worker->bidder));
    }
}

/* --- the loop --- */

static int64_t clock_ms(void)
{
    return (int64_t)mb__shared_clock_ms();
}

static void start_spooling(struct mb__worker *worker);

/* After anything that may have called back. */
static void look_around(struct mb__worker *worker)
{
    start_spooling(worker);
    mb__reload_replace_if_spent(worker);
    mb__worker_stop_if_drained(worker);
}

static void spool(uv_work_t *work)
{
    mb__post_spool_run(((struct mb__worker *)work->data)->books.post);
}

static void publish(struct mb__worker *worker)
{
    struct mb__books *books = &worker->books;
    uint64_t spooled = mb__post_counts(books->post)->spooled;

    mb_metrics_add(&worker->board->spooled, spooled - books->spooled);
    books->spooled = spooled;
}

static void on_spooled(uv_work_t *work, int status)
{
    struct mb__worker *worker = work->data;

    (void)status;
    worker->books.spooling = false;
    mb__post_spool_end(worker->books.post);
    publish(worker);
    look_around(worker);
}

static void start_spooling(struct mb__worker *worker)
{
    struct mb__books *books = &worker->books;

    if (!books->spooling && !worker->stopping && mb__post_spool_begin(books->post, clock_ms())) {
        books->spooling = true;
        books->work.data = worker;
        uv_queue_work(&worker->loop, &books->work, spool, on_spooled);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct mb__worker *worker = timer->data;

    mb__post_tick(worker->books.post, clock_ms());
    look_around(worker);
}

static void on_post(uv_poll_t *handle, int status, int events)
{
    struct mb__worker *worker = handle->data;

    (void)status;
    (void)events;
    mb__post_ready(worker->books.post, clock_ms());
    look_around(worker);
}

static void on_prepare(uv_prepare_t *prepare)
{
    mb__post_flush(((struct mb__worker *)prepare->data)->books.post, clock_ms());
}

/* --- what others call --- */

void mb__books_take(struct mb__worker *worker, struct mb_http_exchange *exchange,
                    const struct mb_bidder_out *out)
{
    struct waiting *waiting = new_waiting(exchange, out);

    mb_http_defer(exchange);
    if (mb__post_send(worker->books.post, out->events, out->n_events, waiting, clock_ms())) {
        free(waiting);
        ask_again_later(exchange);
    }
}

void mb__books_note(struct mb__worker *worker, const struct mb_bidder_out *out)
{
    struct waiting *waiting = new_waiting(NULL, out);

    if (mb__post_send(worker->books.post, out->events, out->n_events, waiting, clock_ms())) {
        free(waiting);
        mb_log(MB_LOG_WARN, "process", "a click could not be recorded: too many wait", NULL);
    }
}

/* A word is fresh for so long: the bookkeeper gives one at least every half second. */
enum { FRESH_MS = 1500 };

static bool spend_is_known(const struct mb__books_page *page, uint64_t now_ms)
{
    return !atomic_load_explicit(&page->failing, memory_order_relaxed) &&
           now_ms <= atomic_load_explicit(&page->heartbeat_ms, memory_order_relaxed) + FRESH_MS;
}

void mb__books_watch_money(struct mb__worker *worker, uint64_t now_ms)
{
    struct mb__books *books = &worker->books;
    bool was_unknown = books->money_unknown;

    if (spend_is_known(&worker->shared->books, now_ms)) {
        books->unknown_since_ms = 0;
    } else if (books->unknown_since_ms == 0) {
        books->unknown_since_ms = now_ms;
    }
    books->money_unknown = books->unknown_since_ms > 0 &&
                           now_ms - books->unknown_since_ms > worker->config->money_guard_ms;
    if (books->money_unknown != was_unknown) {
        mb_log(books->money_unknown ? MB_LOG_ERROR : MB_LOG_INFO, "process",
               books->money_unknown ? "no bids: what is spent is not recorded any more"
                                    : "what is spent is recorded again: bidding goes on",
               NULL);
    }
}

bool mb__books_idle(const struct mb__worker *worker)
{
    return !worker->books.spooling && mb__post_idle(worker->books.post);
}

/* The first worker bids only when the guard knows what was spent; later ones need not wait. */
int mb__books_open(struct mb__worker *worker, struct mb_error *err)
{
    struct mb__books *books = &worker->books;
    struct mb__post_options options = {.address = *worker->options->books_address,
                                       .data_dir = worker->config->data,
                                       .slow_ms = SLOW_MS,
                                       .on_safe = on_safe,
                                       .on_failed = on_failed,
                                       .on_fate = on_fate,
                                       .user = worker};
    int rc;

    books->post = mb__xpost_new(&options);
    if (!atomic_load(&worker->shared->books.restored) &&
        (rc = mb__post_wait(books->post, START_MS, err))) {
        return rc;
    }
    mb__post_tick(books->post, clock_ms());
    uv_timer_init(&worker->loop, &books->timer);
    uv_poll_init(&worker->loop, &books->poll, mb__post_fd(books->post));
    uv_prepare_init(&worker->loop, &books->flush);
    books->timer.data = books->poll.data = books->flush.data = worker;
    uv_timer_start(&books->timer, on_tick, TICK_MS, TICK_MS);
    uv_poll_start(&books->poll, UV_READABLE, on_post);
    /* libuv runs what was started last first: the server's turn, which may take notices, is before
     * this. */
    uv_prepare_start(&books->flush, on_prepare);
    books->watching = true;
    return 0;
}

void mb__books_stop(struct mb__worker *worker)
{
    if (worker->books.watching) {
        uv_close((uv_handle_t *)&worker->books.timer, NULL);
        uv_close((uv_handle_t *)&worker->books.poll, NULL);
        uv_close((uv_handle_t *)&worker->books.flush, NULL);
        worker->books.watching = false;
    }
}

void mb__books_close(struct mb__worker *worker)
{
    mb__post_free(worker->books.post);
    worker->books.post = NULL;
}
