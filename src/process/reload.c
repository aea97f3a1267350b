/* reload.c - a new generation of scripts is built beside the one that bids, and takes its place
 * between two requests.
 *
 *     ask -> [load, helper thread] -> on_built, on the loop: swap -> [free the old, helper thread]
 *
 * Building a thousand strategies takes some 20 ms and closing a large state more; neither may stand
 * in the loop. A reload that is refused changes nothing. One that is asked for while another runs
 * is done afterwards, because the running one may have read the file before it was changed.
 *
 * The same way replaces a state that a script has filled: built anew from the bundle that bids, not
 * from the disk, where somebody may be in the middle of an edit.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "moonbid/limiter.h"

/* A script that fills every state shall not keep a core building them. */
enum { REPLACE_PAUSE_MS = 1000 };

const char *mb__reload_outcome_name(enum mb__reload_outcome outcome)
{
    static const char *const names[MB__RELOAD_COUNT] = {"none", "loaded", "unchanged", "refused",
                                                        "replaced"};

    return names[outcome];
}

/* --- what loading found --- */

static void log_problems(const char *dir, const struct mb_script_report *report)
{
    struct mb_buf place = {0};
    size_t i;

    for (i = 0; i < report->count; i++) {
        const struct mb_script_problem *p = &report->problems[i];

        mb_buf_clear(&place);
        mb_process_add_place(dir, p, &place);
        mb_log(p->warning ? MB_LOG_WARN : MB_LOG_ERROR, "script",
               p->warning ? "strategy warning" : "strategy refused", "at=%.*s problem=%s",
               MB_SLICE_ARG(mb_buf_slice(&place)), p->text);
    }
    mb_buf_fini(&place);
}

/* The first error and how many there are, for /status and the log. */
static void describe_failure(const struct mb__reload *reload, const char *dir, char *out,
                             size_t size)
{
    struct mb_buf place = {0};
    size_t i;

    snprintf(out, size, "%s: %s", dir, mb_err_text(reload->rc));
    for (i = 0; i < reload->report.count; i++) {
        const struct mb_script_problem *p = &reload->report.problems[i];

        if (!p->warning) {
            mb_process_add_place(dir, p, &place);
            snprintf(out, size, "%.*s: %s", MB_SLICE_ARG(mb_buf_slice(&place)), p->text);
            break;
        }
    }
    mb_buf_fini(&place);
}

/* --- building and freeing, on a helper thread --- */

/* A generation from what the folder holds now, tried on its golden requests. */
static int load_from_disk(const struct mb_process_parts *parts, struct mb__reload *reload)
{
    struct mb_error err = {.at = -1};
    size_t n_strategies;
    int rc = mb_bundle_read(parts->config->scripts, &reload->fresh_bundle, &err);

    if (rc) {
        mb_script_report_add(&reload->report, false, mb_slice_of(err.where), 0, "%s", err.what);
        return rc;
    }
    rc = mb_process_check_bundle(parts, reload->fresh_bundle, &reload->report, &n_strategies);
    if (!rc) {
        mb_script_report_fini(&reload->report); /* its warnings come again */
        reload->report = (struct mb_script_report){0};
        rc = mb_process_load_bundle(parts, reload->fresh_bundle, &reload->fresh, &reload->report);
    }
    return rc;
}

static void build(uv_work_t *work)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;
    struct mb_error err;

    if (mb_limiter_start(&err)) {
        mb_log(MB_LOG_ERROR, "process", "no limit of time while loading", "error=%s", err.what);
    }
    if (reload->replacing) {
        reload->rc = mb_process_load_bundle(&worker->parts, reload->bundle, &reload->fresh,
                                            &reload->report);
    } else {
        reload->rc = load_from_disk(&worker->parts, reload);
    }
    mb_limiter_stop();
}

struct burial {
    uv_work_t work;
    struct mb_script *script;
};

static void bury(uv_work_t *work)
{
    mb_script_free(((struct burial *)work)->script);
}

static void on_buried(uv_work_t *work, int status)
{
    (void)status;
    free(work);
}

static void free_elsewhere(struct mb__worker *worker, struct mb_script *script)
{
    struct burial *burial;

    if (!script) {
        return;
    }
    burial = calloc(1, sizeof(*burial));
    if (!burial) {
        abort();
    }
    burial->script = script;
    uv_queue_work(&worker->loop, &burial->work, bury, on_buried);
}

/* --- the outcome, on the loop --- */

static void take(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_script *old = mb_bidder_take_script(worker->bidder, reload->fresh);

    reload->fresh = NULL;
    reload->generation++;
    if (reload->fresh_bundle) {
        mb_bundle_free(reload->bundle);
        reload->bundle = reload->fresh_bundle;
        reload->fresh_bundle = NULL;
    }
    free_elsewhere(worker, old);
}

static enum mb__reload_outcome judge(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    const struct mb_script *current = mb_bidder_script(worker->bidder);
    bool same;

    if (reload->rc) {
        return MB__RELOAD_REFUSED;
    }
    if (reload->replacing) {
        return MB__RELOAD_REPLACED;
    }
    same = current && mb_slice_eq(mb_script_version(current), mb_script_version(reload->fresh));
    return same && !mb_script_wants_replacing(current) ? MB__RELOAD_UNCHANGED : MB__RELOAD_LOADED;
}

static void log_outcome(const struct mb__worker *worker, enum mb__reload_outcome outcome)
{
    const struct mb__reload *reload = &worker->reload;
    struct mb_slice version = mb_script_version(mb_bidder_script(worker->bidder));
    size_t count;

    if (outcome == MB__RELOAD_REFUSED) {
        mb_log(MB_LOG_ERROR, "process", "reload refused, the scripts before go on bidding",
               "version=%.*s errors=%zu first=%s", MB_SLICE_ARG(version), reload->report.errors,
               reload->last_error);
    } else {
        (void)mb_script_strategies(mb_bidder_script(worker->bidder), &count);
        mb_log(MB_LOG_INFO, "process", "reload",
               "outcome=%s version=%.*s strategies=%zu generation=%u",
               mb__reload_outcome_name(outcome), MB_SLICE_ARG(version), count, reload->generation);
    }
}

static void answer_waiters(struct mb__worker *worker, struct mb__waiter **list,
                           enum mb__reload_outcome outcome)
{
    struct mb_buf body = {0};
    struct mb_http_response response = {.status = outcome == MB__RELOAD_REFUSED ? 409 : 200,
                                        .content_type = "application/json"};

    mb__pages_reload(worker, outcome, &body);
    response.body = mb_buf_slice(&body);
    while (*list) {
        struct mb__waiter *waiter = *list;

        *list = waiter->next;
        mb_http_respond(waiter->exchange, &response);
        free(waiter);
    }
    mb_buf_fini(&body);
}

static void note(struct mb__worker *worker, enum mb__reload_outcome outcome)
{
    struct mb__reload *reload = &worker->reload;

    reload->counts[outcome]++;
    if (reload->replacing) {
        return;
    }
    reload->last = outcome;
    reload->last_ms = mb_time_now_ms();
    reload->last_error[0] = '\0';
    if (outcome == MB__RELOAD_REFUSED) {
        describe_failure(reload, worker->config->scripts, reload->last_error,
                         sizeof(reload->last_error));
    }
}

static void clean_up(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;

    free_elsewhere(worker, reload->fresh);
    reload->fresh = NULL;
    mb_bundle_free(reload->fresh_bundle);
    reload->fresh_bundle = NULL;
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
}

static void start(struct mb__worker *worker, bool replacing);

static void on_built(uv_work_t *work, int status)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;
    enum mb__reload_outcome outcome = judge(worker);

    (void)status;
    if (!reload->replacing) {
        log_problems(worker->config->scripts, &reload->report);
    }
    if (outcome == MB__RELOAD_LOADED || outcome == MB__RELOAD_REPLACED) {
        take(worker);
    }
    note(worker, outcome);
    log_outcome(worker, outcome);
    answer_waiters(worker, &reload->waiters, outcome);
    clean_up(worker);
    reload->running = false;
    if (reload->again && !worker->stopping) {
        reload->again = false;
        reload->waiters = reload->next_waiters;
        reload->next_waiters = NULL;
        start(worker, false);
    }
    answer_waiters(worker, &reload->next_waiters, MB__RELOAD_REFUSED); /* some only when stopping */
}

static void start(struct mb__worker *worker, bool replacing)
{
    struct mb__reload *reload = &worker->reload;

    reload->running = true;
    reload->replacing = replacing;
    reload->work.data = worker;
    uv_queue_work(&worker->loop, &reload->work, build, on_built);
}

void mb__reload_ask(struct mb__worker *worker, struct mb_http_exchange *exchange)
{
    struct mb__reload *reload = &worker->reload;
    struct mb__waiter **list = reload->running ? &reload->next_waiters : &reload->waiters;

    if (exchange) {
        struct mb__waiter *waiter = malloc(sizeof(*waiter));

        if (!waiter) {
            abort();
        }
        *waiter = (struct mb__waiter){exchange, *list};
        *list = waiter;
    }
    if (reload->running) {
        reload->again = true;
    } else {
        start(worker, false);
    }
}

void mb__reload_close(struct mb__worker *worker)
{
    mb_bundle_free(worker->reload.bundle);
    mb_bundle_free(worker->reload.fresh_bundle);
}

void mb__reload_replace_if_spent(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    const struct mb_script *script = mb_bidder_script(worker->bidder);
    int64_t now_ms;

    if (reload->running || worker->draining ||
        !mb_script_wants_replacing(script)) {
        return;
    }
    now_ms = mb_time_boot_ns() / 1000000;
    if (reload->replaced_ms == 0 || now_ms - reload->replaced_ms >= REPLACE_PAUSE_MS) {
        reload->replaced_ms = now_ms;
        start(worker, true);
    }
}

int mb__reload_first(struct mb__worker *worker, struct mb_error *err)
{
    struct mb__reload *reload = &worker->reload;
    int rc;

    reload->rc = rc = load_from_disk(&worker->parts, reload);
    log_problems(worker->config->scripts, &reload->report);
    if (rc) {
        char text[sizeof(reload->last_error)];

        describe_failure(reload, worker->config->scripts, text, sizeof(text));
        rc = mb_fail(err, rc, NULL, "%s", text);
    } else {
        (void)mb_bidder_take_script(worker->bidder, reload->fresh);
        reload->fresh = NULL;
        reload->bundle = reload->fresh_bundle;
        reload->fresh_bundle = NULL;
        reload->generation = 1;
    }
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
    return rc;
}
