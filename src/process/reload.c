/* reload.c - a new generation of scripts is built beside the one that bids, and takes its place
 * between two requests.
 *
 *     told -> [load, helper thread] -> on_built, on the loop: swap -> [free the old, helper thread]
 *
 * Building a thousand strategies takes some 20 ms and closing a large state more; neither may stand
 * in the loop. A build that is refused changes nothing. Who is told when is the supervisor's
 * business (generations.c): one worker reads the folder, the others get what it has read.
 *
 * The same way replaces a state that a script has filled: built anew from the bundle that bids, not
 * from the disk, where somebody may be in the middle of an edit.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonbid/limiter.h"

/* A script that fills every state shall not keep a core building them. */
enum { REPLACE_PAUSE_MS = 1000 };

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

/* Who edits the folder shall know why an edit of another file does not wake this one up. */
static void report_kept(struct mb__reload *reload)
{
    size_t i;

    for (i = 0; i < mb_bundle_count(reload->fresh_bundle); i++) {
        struct mb_slice path = mb_bundle_path(reload->fresh_bundle, i);

        if (mb_bundle_rolled_back(reload->fresh_bundle, path)) {
            mb_script_report_add(&reload->report, true, path, 0,
                                 "as it was when it failed and was rolled back: the version before "
                                 "goes on bidding until this file changes");
        }
    }
}

/* Tells the supervisor which strategies have another file than before. */
static void leave_hashes(const struct mb__worker *worker)
{
    const struct mb__reload *reload = &worker->reload;
    const struct mb_strategy *const *strategies;
    size_t count, i;

    strategies = mb_script_strategies(reload->fresh, &count);
    for (i = 0; i < count; i++) {
        struct mb_slice bytes = mb_bundle_file(reload->fresh_bundle, strategies[i]->file);

        if (strategies[i]->guard_slot < MB_GUARD_SLOTS_MAX && mb_slice_present(bytes)) {
            atomic_store(&worker->shared->file_hashes[strategies[i]->guard_slot],
                         mb_slice_hash(bytes) | 1); /* 0 is none */
        }
    }
}

/* Tries fresh_bundle on its golden requests, then loads it. */
static int try_fresh(struct mb__worker *worker)
{
    const struct mb_process_parts *parts = &worker->parts;
    struct mb__reload *reload = &worker->reload;
    size_t n_strategies;
    int rc = mb_process_check_bundle(parts, reload->fresh_bundle, &reload->report, &n_strategies);
    if (!rc) {
        mb_script_report_fini(&reload->report); /* its warnings come again */
        reload->report = (struct mb_script_report){0};
        rc = mb_process_load_bundle(parts, reload->fresh_bundle, &reload->fresh, &reload->report);
    }
    if (!rc) {
        leave_hashes(worker);
    }
    return rc;
}

/* A generation from what the folder holds now. */
static int load_from_disk(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_error err = {.at = -1};
    int rc = mb_bundle_read_again(worker->config->scripts, reload->bundle, &reload->fresh_bundle,
                                  &err);

    if (!rc && reload->bundle) {
        rc = mb_bundle_keep_rolled_back(&reload->fresh_bundle, reload->bundle, &err);
    }
    if (rc) {
        mb_script_report_add(&reload->report, false, mb_slice_of(err.where), 0, "%s", err.what);
        return rc;
    }
    rc = try_fresh(worker);
    report_kept(reload);
    return rc;
}

static int load_rolled_back(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_error err = {.at = -1};
    int rc = mb_bundle_roll_back(reload->bundle, reload->given, mb_buf_slice(&reload->back),
                                 &reload->fresh_bundle, &err);

    if (rc) {
        mb_script_report_add(&reload->report, false, mb_buf_slice(&reload->back), 0, "%s", err.what);
        return rc;
    }
    return try_fresh(worker);
}

static void build(uv_work_t *work)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;
    struct mb_error err;

    if (mb_limiter_start(&err)) {
        mb_log(MB_LOG_ERROR, "process", "no limit of time while loading", "error=%s", err.what);
    }
    if (reload->running == MB__BUILD_RELOAD) {
        reload->rc = load_from_disk(worker);
    } else if (reload->running == MB__BUILD_ROLL_BACK) {
        reload->rc = load_rolled_back(worker);
    } else {
        reload->rc = mb_process_load_bundle(
            &worker->parts, reload->running == MB__BUILD_TAKE ? reload->given : reload->bundle,
            &reload->fresh, &reload->report);
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
    struct mb_bundle **bundle =
        reload->running == MB__BUILD_TAKE ? &reload->given : &reload->fresh_bundle;

    reload->fresh = NULL;
    if (*bundle) {
        mb_bundle_free(reload->bundle);
        reload->bundle = *bundle;
        *bundle = NULL;
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
    if (reload->running == MB__BUILD_REPLACE) {
        return MB__RELOAD_REPLACED;
    }
    if (reload->running == MB__BUILD_ROLL_BACK) {
        return MB__RELOAD_ROLLED_BACK;
    }
    same = current && mb_slice_eq(mb_script_version(current), mb_script_version(reload->fresh));
    return same && !mb_script_wants_replacing(current) ? MB__RELOAD_UNCHANGED : MB__RELOAD_LOADED;
}

/* A spent state was replaced, or could not be: nobody else has to know. */
static void note_replacement(struct mb__worker *worker, enum mb__reload_outcome outcome)
{
    struct mb_slice version = mb_script_version(mb_bidder_script(worker->bidder));
    char error[256];

    atomic_fetch_add(&worker->shared->reloads[outcome], 1);
    if (outcome == MB__RELOAD_REPLACED) {
        mb_log(MB_LOG_INFO, "process", "reload", "outcome=%s version=%.*s generation=%u worker=%u",
               mb__reload_outcome_name(outcome), MB_SLICE_ARG(version),
               atomic_fetch_add(&worker->shared->generation, 1) + 1, worker->options->seat + 1);
    } else {
        describe_failure(&worker->reload, worker->config->scripts, error, sizeof(error));
        mb_log(MB_LOG_ERROR, "process", "spent Lua state not replaced", "error=%s", error);
    }
}

static bool is_new(enum mb__reload_outcome outcome)
{
    return outcome == MB__RELOAD_LOADED || outcome == MB__RELOAD_ROLLED_BACK ||
           outcome == MB__RELOAD_REPLACED;
}

/* Long lists of problems are cut by leaving them out: the first stands in the error. */
static void report_outcome(struct mb__worker *worker, enum mb__reload_outcome outcome)
{
    const struct mb_script *script = mb_bidder_script(worker->bidder);
    bool composed = worker->reload.running != MB__BUILD_TAKE;
    struct mb__letter_head head = {.type = MB__LETTER_OUTCOME, .outcome = (int)outcome,
                                   .ticket = worker->reload.number};
    struct mb_buf text = {0};
    size_t count;

    if (outcome == MB__RELOAD_REFUSED) {
        describe_failure(&worker->reload, worker->config->scripts, head.error, sizeof(head.error));
    }
    snprintf(head.version, sizeof(head.version), "%.*s", MB_SLICE_ARG(mb_script_version(script)));
    (void)mb_script_strategies(script, &count);
    head.n_strategies = (uint32_t)count;
    mb__pages_reload(worker, outcome, head.error, &text);
    mb__control_send(
        worker, &head, text.len <= MB__LETTER_TEXT_MAX ? mb_buf_slice(&text) : MB_SLICE_NONE,
        composed && is_new(outcome) ? mb_bundle_fd(worker->reload.bundle) : -1);
    mb_buf_fini(&text);
}

static void clean_up(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;

    free_elsewhere(worker, reload->fresh);
    reload->fresh = NULL;
    mb_bundle_free(reload->fresh_bundle);
    reload->fresh_bundle = NULL;
    mb_bundle_free(reload->given);
    reload->given = NULL;
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
}

static void start_due(struct mb__worker *worker);

static void on_built(uv_work_t *work, int status)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;
    enum mb__reload_outcome outcome = judge(worker);

    (void)status;
    if (reload->running == MB__BUILD_RELOAD || reload->running == MB__BUILD_ROLL_BACK) {
        log_problems(worker->config->scripts, &reload->report);
    }
    if (is_new(outcome)) {
        take(worker);
    }
    if (reload->running == MB__BUILD_REPLACE) {
        note_replacement(worker, outcome);
    } else {
        report_outcome(worker, outcome);
    }
    clean_up(worker);
    reload->running = MB__BUILD_NONE;
    mb__control_use_places(worker);
    start_due(worker);
}

static void start(struct mb__worker *worker, enum mb__build what)
{
    struct mb__reload *reload = &worker->reload;

    reload->running = what;
    reload->work.data = worker;
    uv_queue_work(&worker->loop, &reload->work, build, on_built);
}

static void start_due(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    enum mb__build due = reload->due;

    if (due != MB__BUILD_NONE && !worker->stopping) {
        reload->due = MB__BUILD_NONE;
        reload->number = reload->due_number;
        reload->given = reload->due_given;
        reload->due_given = NULL;
        start(worker, due);
    }
}

/* --- from outside --- */

static void make_due(struct mb__worker *worker, enum mb__build what, struct mb_bundle *given,
                     uint32_t number)
{
    struct mb__reload *reload = &worker->reload;

    mb_bundle_free(reload->due_given); /* one that is old by now */
    reload->due_given = given;
    reload->due_number = number;
    reload->due = what;
    if (reload->running == MB__BUILD_NONE) {
        start_due(worker);
    }
}

void mb__reload_build(struct mb__worker *worker, struct mb_bundle *given, uint32_t number)
{
    make_due(worker, given ? MB__BUILD_TAKE : MB__BUILD_RELOAD, given, number);
}

void mb__reload_roll_back(struct mb__worker *worker, struct mb_bundle *before, struct mb_slice path,
                          uint32_t number)
{
    mb_buf_clear(&worker->reload.back);
    mb_xbuf_add(&worker->reload.back, path.data, path.len);
    make_due(worker, MB__BUILD_ROLL_BACK, before, number);
}

void mb__reload_ask(struct mb__worker *worker, struct mb_http_exchange *exchange)
{
    struct mb__reload *reload = &worker->reload;
    struct mb__letter_head head = {.type = MB__LETTER_ASK, .ticket = ++reload->ticket};
    struct mb__waiter *waiter = malloc(sizeof(*waiter));

    if (!waiter) {
        abort();
    }
    *waiter = (struct mb__waiter){exchange, head.ticket, reload->waiters};
    reload->waiters = waiter;
    mb__control_send(worker, &head, MB_SLICE_NONE, -1);
}

static void answer_up_to(struct mb__worker *worker, uint32_t ticket,
                         const struct mb_http_response *response)
{
    struct mb__waiter **at = &worker->reload.waiters;

    while (*at) {
        struct mb__waiter *waiter = *at;

        if (waiter->ticket > ticket) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        mb_http_respond(waiter->exchange, response);
        free(waiter);
    }
}

void mb__reload_answer(struct mb__worker *worker, const struct mb__letter *letter)
{
    enum mb__reload_outcome outcome = (enum mb__reload_outcome)letter->head.outcome;
    struct mb_buf body = {0};
    struct mb_http_response response = {.status = outcome == MB__RELOAD_REFUSED ? 409 : 200,
                                        .content_type = "application/json",
                                        .body = mb_slice(letter->text, letter->head.text_len)};

    if (letter->head.text_len == 0) {
        mb__pages_reload(worker, outcome, letter->head.error, &body);
        response.body = mb_buf_slice(&body);
    }
    answer_up_to(worker, letter->head.ticket, &response);
    mb_buf_fini(&body);
}

void mb__reload_give_up(struct mb__worker *worker)
{
    struct mb_http_response response = {.status = 503,
                                        .content_type = "application/json",
                                        .body = MB_SLICE("{\"error\":\"stopping\"}")};

    answer_up_to(worker, UINT32_MAX, &response);
}

void mb__reload_close(struct mb__worker *worker)
{
    mb_bundle_free(worker->reload.bundle);
    mb_bundle_free(worker->reload.fresh_bundle);
    mb_bundle_free(worker->reload.given);
    mb_bundle_free(worker->reload.due_given);
    mb_buf_fini(&worker->reload.back);
}

void mb__reload_replace_if_spent(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    const struct mb_script *script = mb_bidder_script(worker->bidder);
    int64_t now_ms;

    if (reload->running != MB__BUILD_NONE || worker->draining ||
        !mb_script_wants_replacing(script)) {
        return;
    }
    now_ms = mb_time_boot_ns() / 1000000;
    if (reload->replaced_ms == 0 || now_ms - reload->replaced_ms >= REPLACE_PAUSE_MS) {
        reload->replaced_ms = now_ms;
        start(worker, MB__BUILD_REPLACE);
    }
}

static int load_given(struct mb__worker *worker, int bundle_fd)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_error err = {.at = -1};
    int fd = fcntl(bundle_fd, F_DUPFD_CLOEXEC, 0);
    int rc = mb_bundle_map(fd, &reload->fresh_bundle, &err);

    if (rc) {
        close(fd);
        mb_script_report_add(&reload->report, false, MB_SLICE("scripts"), 0, "%s", err.what);
        return rc;
    }
    return mb_process_load_bundle(&worker->parts, reload->fresh_bundle, &reload->fresh,
                                  &reload->report);
}

int mb__reload_first(struct mb__worker *worker, int bundle_fd, struct mb_error *err)
{
    struct mb__reload *reload = &worker->reload;
    int rc = bundle_fd >= 0 ? load_given(worker, bundle_fd)
                            : load_from_disk(worker);

    reload->rc = rc;
    if (rc || bundle_fd < 0) {
        log_problems(worker->config->scripts, &reload->report);
    }
    if (rc) {
        char text[sizeof(err->what)];

        describe_failure(reload, worker->config->scripts, text, sizeof(text));
        rc = mb_fail(err, rc, NULL, "%s", text);
    } else {
        (void)mb_bidder_take_script(worker->bidder, reload->fresh);
        reload->fresh = NULL;
        reload->bundle = reload->fresh_bundle;
        reload->fresh_bundle = NULL;
    }
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
    return rc;
}
