/* reload.c - a new generation, config and scripts, is built beside the one that bids, and takes its
 * place between two requests.
 *
 *     told -> [open, load: helper thread] -> on_built, on the loop: swap -> [free the old, helper thread]
 *
 * Building a thousand strategies and their index takes some 20 ms and closing a large state more;
 * neither may stand in the loop. A build that fails changes nothing. What comes has passed the checker (checker.c), in
 * memory files: nothing is read from the disk here. Who is told when is the supervisor's business
 * (generations.c).
 *
 * The same way replaces a state that a script has filled: built anew from the bundle that bids.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "moonbid/limiter.h"

/* A script that fills every state shall not keep a core building them. */
enum { REPLACE_PAUSE_MS = 1000 };

/* --- building and freeing, on a helper thread --- */

/* Tells the supervisor which strategies have another file than before. */
static void leave_hashes(const struct mb__worker *worker, const struct mb_script *fresh)
{
    const struct mb__reload *reload = &worker->reload;
    const struct mb_strategy *const *strategies;
    size_t count, i;

    strategies = mb_script_strategies(fresh, &count);
    for (i = 0; i < count; i++) {
        struct mb_slice bytes = mb_bundle_file(reload->fresh_bundle, strategies[i]->file);

        if (strategies[i]->guard_slot < MB_GUARD_SLOTS_MAX && mb_slice_present(bytes)) {
            atomic_store(&worker->shared->file_hashes[strategies[i]->guard_slot],
                         mb_slice_hash(bytes) | 1); /* 0 is none */
        }
    }
}

static int load_bundle(struct mb__worker *worker, const struct mb_bundle *bundle,
                       const struct mb_process_parts *parts)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_script *script = NULL;
    int rc = mb_process_load_bundle(parts, bundle, &script, &reload->report);

    if (!rc) {
        reload->fresh = mb_xgeneration_new(script);
    }
    return rc;
}

/* The scripts of a parcel, with those parts. */
static int load(struct mb__worker *worker, const struct mb__parcel *parcel,
                const struct mb_process_parts *parts)
{
    struct mb__reload *reload = &worker->reload;
    int fd = fcntl(parcel->fds[MB__PIECE_BUNDLE], F_DUPFD_CLOEXEC, 0);
    int rc = mb_bundle_map(fd, &reload->fresh_bundle, &reload->err);

    if (rc) {
        close(fd);
        return rc;
    }
    rc = load_bundle(worker, reload->fresh_bundle, parts);
    if (!rc) {
        leave_hashes(worker, mb_generation_script(reload->fresh));
    }
    return rc;
}

static int open_given(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    struct mb_process_parts parts = worker->parts;
    int rc = mb__settings_open(&reload->given.parcel, &reload->fresh_settings, &reload->err);

    if (rc) {
        return rc;
    }
    reload->fresh_version = mb__settings_version(&reload->fresh_settings);
    parts.config = reload->fresh_settings.config;
    parts.keys = reload->fresh_settings.keys;
    parts.geo = reload->fresh_settings.geo;
    return load(worker, &reload->given.parcel, &parts);
}

static void build(uv_work_t *work)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;
    struct mb_error err;

    mb_turn_give_way();
    mb_turn_yield_often();
    if (mb_limiter_start(&err)) {
        mb_log(MB_LOG_ERROR, "process", "no limit of time while loading", "error=%s", err.what);
    }
    reload->rc = reload->running == MB__BUILD_TAKE
                     ? open_given(worker)
                     : load_bundle(worker, reload->bundle, &worker->parts);
    mb_limiter_stop();
    mb_turn_yield_no_more();
}

struct burial {
    uv_work_t work;
    struct mb_generation *generation;
    struct mb__settings settings;
};

static void bury(uv_work_t *work)
{
    struct burial *burial = (struct burial *)work;

    mb_turn_give_way();
    mb_turn_yield_often();
    mb_generation_free(burial->generation);
    mb__settings_close(&burial->settings);
    mb_turn_yield_no_more();
}

static void on_buried(uv_work_t *work, int status)
{
    (void)status;
    free(work);
}

/* Takes both; either may be nothing. */
static void free_elsewhere(struct mb__worker *worker, struct mb_generation *generation,
                           struct mb__settings *settings)
{
    struct burial *burial;

    if (!generation && !settings->keys) {
        return;
    }
    burial = calloc(1, sizeof(*burial));
    if (!burial) {
        abort();
    }
    burial->generation = generation;
    burial->settings = *settings;
    *settings = (struct mb__settings){0};
    uv_queue_work(&worker->loop, &burial->work, bury, on_buried);
}

/* --- the outcome, on the loop --- */

/* "DIR/FILE:LINE: text" of the first problem that is no warning, else the failure itself. */
static void describe_failure(const struct mb__worker *worker, char *out, size_t size)
{
    const struct mb__reload *reload = &worker->reload;
    struct mb_buf place = {0};
    size_t i = 0;

    while (i < reload->report.count && reload->report.problems[i].warning) {
        i++;
    }
    if (i < reload->report.count) {
        mb_process_add_place(worker->config->scripts, &reload->report.problems[i], &place);
        snprintf(out, size, "%.*s: %s", MB_SLICE_ARG(mb_buf_slice(&place)),
                 reload->report.problems[i].text);
    } else {
        snprintf(out, size, "%s%s%s", reload->err.where, reload->err.where[0] ? ": " : "",
                 reload->err.what[0] ? reload->err.what : mb_err_text(reload->rc));
    }
    mb_buf_fini(&place);
}

static void use_settings(struct mb__worker *worker, struct mb__settings *settings)
{
    struct mb__reload *reload = &worker->reload;

    reload->settings = *settings;
    *settings = (struct mb__settings){0};
    worker->config = worker->parts.config = reload->settings.config;
    worker->parts.keys = reload->settings.keys;
    worker->parts.geo = reload->settings.geo;
    mb_bidder_take_config(worker->bidder, worker->config, worker->parts.keys, worker->parts.geo);
    mb__worker_use_config(worker);
}

/* Config and scripts in the same moment: no request sees one without the other. */
static void take(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;
    struct mb__settings old_settings = {0};
    struct mb_generation *old;

    if (reload->running == MB__BUILD_TAKE) {
        old_settings = reload->settings;
        use_settings(worker, &reload->fresh_settings);
        reload->config_version = reload->fresh_version;
        reload->number = reload->given.number;
        mb_bundle_free(reload->bundle);
        reload->bundle = reload->fresh_bundle;
        reload->fresh_bundle = NULL;
    }
    old = mb_bidder_take_generation(worker->bidder, reload->fresh);
    reload->fresh = NULL;
    free_elsewhere(worker, old, &old_settings);
}

/* A spent state was replaced, or could not be: nobody else has to know. */
static void note_replacement(struct mb__worker *worker)
{
    bool good = worker->reload.rc == 0;
    enum mb__reload_outcome outcome = good ? MB__RELOAD_REPLACED : MB__RELOAD_REFUSED;
    char error[256];

    atomic_fetch_add(&worker->shared->reloads[outcome], 1);
    if (good) {
        mb_log(MB_LOG_INFO, "process", "reload", "outcome=%s version=%.*s generation=%u worker=%u",
               mb__reload_outcome_name(outcome),
               MB_SLICE_ARG(mb_script_version(mb_bidder_script(worker->bidder))),
               atomic_fetch_add(&worker->shared->generation, 1) + 1, worker->options->seat + 1);
    } else {
        describe_failure(worker, error, sizeof(error));
        mb_log(MB_LOG_ERROR, "process", "spent Lua state not replaced", "error=%s", error);
    }
}

void mb__reload_tell_what_bids(const struct mb__worker *worker, struct mb__letter_head *head)
{
    head->number = worker->reload.number;
    head->config = worker->reload.config_version;
    snprintf(head->version, sizeof(head->version), "%.*s",
             MB_SLICE_ARG(mb_script_version(mb_bidder_script(worker->bidder))));
}

static void report_outcome(struct mb__worker *worker)
{
    const struct mb__reload *reload = &worker->reload;
    struct mb__letter_head head = {.type = MB__LETTER_OUTCOME,
                                   .outcome = reload->rc ? MB__RELOAD_REFUSED : MB__RELOAD_LOADED,
                                   .ticket = reload->given.ticket};

    head.took_ms = (uint32_t)(mb__shared_clock_ms() - reload->given.came_ms);
    if (reload->rc) {
        describe_failure(worker, head.error, sizeof(head.error));
    }
    mb__reload_tell_what_bids(worker, &head);
    mb__control_send(worker, &head);
}

static void clean_up(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;

    free_elsewhere(worker, reload->fresh, &reload->fresh_settings);
    reload->fresh = NULL;
    mb_bundle_free(reload->fresh_bundle);
    reload->fresh_bundle = NULL;
    mb__parcel_close(&reload->given.parcel);
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
}

static void start_due(struct mb__worker *worker);

static void on_built(uv_work_t *work, int status)
{
    struct mb__worker *worker = work->data;
    struct mb__reload *reload = &worker->reload;

    (void)status;
    if (!reload->rc) {
        take(worker);
    }
    if (reload->running == MB__BUILD_REPLACE) {
        note_replacement(worker);
    } else {
        report_outcome(worker);
    }
    clean_up(worker);
    reload->running = MB__BUILD_NONE;
    start_due(worker);
}

static void start(struct mb__worker *worker, enum mb__build what)
{
    struct mb__reload *reload = &worker->reload;

    reload->running = what;
    reload->err = (struct mb_error){.at = -1};
    reload->work.data = worker;
    uv_queue_work(&worker->loop, &reload->work, build, on_built);
}

static void start_due(struct mb__worker *worker)
{
    struct mb__reload *reload = &worker->reload;

    if (reload->due.number > 0 && !worker->stopping) {
        reload->given = reload->due;
        reload->due = (struct mb__given){.parcel = MB__PARCEL_EMPTY};
        start(worker, MB__BUILD_TAKE);
    }
}

/* --- from outside --- */

void mb__reload_take(struct mb__worker *worker, struct mb__letter *letter)
{
    struct mb__reload *reload = &worker->reload;

    mb__parcel_close(&reload->due.parcel); /* one that is old by now */
    reload->due = (struct mb__given){letter->parcel, letter->head.ticket, letter->head.number,
                                     mb__shared_clock_ms()};
    letter->parcel = MB__PARCEL_EMPTY;
    if (reload->running == MB__BUILD_NONE) {
        start_due(worker);
    }
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
    mb__control_send(worker, &head);
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

/* What the check came to, and how it ended where that is another matter. */
void mb__reload_answer(struct mb__worker *worker, const struct mb__letter *letter)
{
    const struct mb__letter_head *head = &letter->head;
    struct mb_buf body = {0};
    struct mb_http_response response = {.status = head->outcome == MB__RELOAD_REFUSED ? 409 : 200,
                                        .content_type = "application/json"};
    int fd = letter->parcel.fds[MB__PIECE_REPORT];

    if (fd < 0 || mb__piece_text(fd, &body, NULL)) {
        mb_buf_clear(&body);
        mb__outcome_write(head, worker->config->scripts, NULL, &body);
    }
    response.body = mb_buf_slice(&body);
    answer_up_to(worker, head->ticket, &response);
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
    struct mb__reload *reload = &worker->reload;

    mb_bundle_free(reload->bundle);
    mb_bundle_free(reload->fresh_bundle);
    mb__parcel_close(&reload->given.parcel);
    mb__parcel_close(&reload->due.parcel);
    mb__settings_close(&reload->settings);
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

int mb__reload_first(struct mb__worker *worker, struct mb_error *err)
{
    struct mb__reload *reload = &worker->reload;

    reload->given.parcel = reload->due.parcel = MB__PARCEL_EMPTY;
    reload->settings = (struct mb__settings){NULL, worker->parts.keys, worker->parts.geo};
    reload->rc = load(worker, worker->options->parcel, &worker->parts);
    mb__parcel_close(worker->options->parcel); /* it would hold the memory of one that was replaced */
    if (reload->rc) {
        char text[sizeof(err->what)];

        describe_failure(worker, text, sizeof(text));
        reload->rc = mb_fail(err, reload->rc, NULL, "%s", text);
    } else {
        (void)mb_bidder_take_generation(worker->bidder, reload->fresh);
        reload->fresh = NULL;
        reload->bundle = reload->fresh_bundle;
        reload->fresh_bundle = NULL;
        reload->number = worker->options->number;
        reload->config_version = worker->options->config_version;
    }
    mb_script_report_fini(&reload->report);
    reload->report = (struct mb_script_report){0};
    return reload->rc;
}
