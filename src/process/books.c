/* books.c - a notice is answered only after its events are on disk.
 *
 *     take -> ledger's queue -> [commit on a helper thread] -> deliver on the loop: settle, answer
 *
 * One commit at a time: it starts at once when none runs, and what arrives meanwhile is the next
 * one's batch. So an idle server answers after one sync, and a busy one shares each sync among many
 * notices.
 *
 * A commit that fails answers 503 to all that wait: the exchange sends the notice again, and as
 * nothing of the batch was recorded, the repeat is no duplicate.
 */
#include "internal.h"

#include <stdlib.h>

#define RECENT_MS (INT64_C(5) * 24 * 3600 * 1000) /* more days than the guard keeps apart */

/* A notice that waits: its exchange and a copy of the answer. */
struct waiting {
    struct mb_http_exchange *exchange; /* NULL: it has its answer */
    size_t left; /* events without a fate */
    bool failed;
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

/* One event of a notice has met its fate; the last one answers. */
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
        mb_http_respond(waiting->exchange, &waiting->response);
    }
    free(waiting);
}

static void on_durable(void *user, void *ticket, const struct mb_event *event,
                       enum mb_ledger_fate fate)
{
    struct mb__worker *worker = user;

    mb_bidder_settle(worker->bidder, event, fate != MB_LEDGER_NEW, mb_time_now_ms());
    one_less(ticket, false);
}

static void on_failed(void *user, void *ticket, const struct mb_event *event)
{
    (void)user;
    (void)event;
    one_less(ticket, true);
}

static void commit(uv_work_t *work)
{
    struct mb__books *books = &((struct mb__worker *)work->data)->books;

    if (books->tidying) {
        mb_ledger_checkpoint(books->ledger);
    } else {
        books->rc = mb_ledger_commit(books->ledger, &books->err);
    }
}

/* Logs the first failure and the recovery, not each of a thousand tries between them. */
static void note_outcome(struct mb__worker *worker)
{
    struct mb__books *books = &worker->books;

    mb_histogram_record(&worker->board->commit_time, (uint64_t)(mb_time_boot_ns() - books->started_ns));
    if (books->rc && !books->failing) {
        mb_log(MB_LOG_ERROR, "process", "ledger not written, notices are answered 503",
               "where=%s error=%s", books->err.where, books->err.what);
    } else if (!books->rc && books->failing) {
        mb_log(MB_LOG_INFO, "process", "ledger written again", NULL);
    }
    books->failing = books->rc != 0;
}

static void start_commit(struct mb__worker *worker);

static void on_committed(uv_work_t *work, int status)
{
    struct mb__worker *worker = work->data;
    struct mb__books *books = &worker->books;

    (void)status;
    books->committing = false;
    if (!books->tidying) {
        note_outcome(worker);
        mb_ledger_deliver(books->ledger, on_durable, worker);
    }
    if (!books->tidying && books->rc) {
        mb_ledger_abandon(books->ledger, on_failed, worker);
    }
    start_commit(worker);
    mb__reload_replace_if_spent(worker);
    mb__worker_stop_if_drained(worker);
}

static void start_commit(struct mb__worker *worker)
{
    struct mb__books *books = &worker->books;
    bool pending = mb_ledger_pending(books->ledger);

    if (books->committing) {
        return;
    }
    books->tidying = mb_ledger_wants_checkpoint(books->ledger, !pending);
    if (!pending && !books->tidying) {
        return;
    }
    books->committing = true;
    books->started_ns = mb_time_boot_ns();
    books->work.data = worker;
    uv_queue_work(&worker->loop, &books->work, commit, on_committed);
}

void mb__books_take(struct mb__worker *worker, struct mb_http_exchange *exchange,
                    const struct mb_bidder_out *out)
{
    struct waiting *waiting = new_waiting(exchange, out);

    if (mb_ledger_append(worker->books.ledger, out->events, out->n_events,
                         (struct mb_ledger_origin){0, 0}, waiting)) {
        free(waiting);
        ask_again_later(exchange);
        return;
    }
    mb_http_defer(exchange);
    start_commit(worker);
}

void mb__books_note(struct mb__worker *worker, const struct mb_bidder_out *out)
{
    struct waiting *waiting = new_waiting(NULL, out);

    if (mb_ledger_append(worker->books.ledger, out->events, out->n_events,
                         (struct mb_ledger_origin){0, 0}, waiting)) {
        free(waiting);
        mb_log(MB_LOG_WARN, "process", "a click could not be recorded: too many wait", NULL);
        return;
    }
    start_commit(worker);
}

bool mb__books_idle(const struct mb__worker *worker)
{
    return !worker->books.committing && !mb_ledger_pending(worker->books.ledger);
}

static void on_spend(void *user, const struct mb_spend *spend)
{
    mb_guard_restore(((struct mb__worker *)user)->parts.guard, spend);
}

static void on_per_key(void *user, uint64_t key, struct mb_amount spent)
{
    mb_guard_restore_per(((struct mb__worker *)user)->parts.guard, key, spent);
}

/* The guard outlives the worker: it then lacks no more than a batch that was durable when the worker
 * before this one died. */
int mb__books_open(struct mb__worker *worker, struct mb_error *err)
{
    struct mb__books *books = &worker->books;
    int rc = mb_ledger_open(worker->config->data, &books->ledger, err);

    return rc ? rc
              : mb_ledger_each_spend(books->ledger, mb_time_now_ms(), RECENT_MS, on_spend,
                                     on_per_key, worker, err);
}
