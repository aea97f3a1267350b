/* generations.c - a new generation of scripts goes from worker to worker.
 *
 *     asked (SIGHUP, an operator) -> the first worker reads the folder, tries it, takes it
 *         refused or unchanged -> nobody else is told
 *         loaded, with its bundle -> the others take the same bundle, one after the other
 *     -> everybody who asked is answered
 *
 * Before that, the geo database is renewed where its file has changed (places.c).
 *
 *     a strategy fails after a swap (probation.c) -> the first worker builds what bids with that
 *         strategy's file as it was before, tries it, takes it -> the others as above
 *
 * The files are read once: what the first worker took is what all take, and what a worker that
 * starts later starts with, whatever the folder holds by then. A request that comes while one runs
 * is served by another one behind it, because the running one may have read a file before it was
 * changed.
 */
#include "supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Building and trying ten thousand strategies takes a second or two. */
enum { PATIENCE_MS = 30000 };

static void begin(struct mb__supervisor *supervisor);

static bool serves(const struct mb__supervisor *supervisor, uint32_t seat)
{
    return supervisor->crew[seat].pid > 0 &&
           atomic_load(&supervisor->shared->seats[seat].state) == MB__SEAT_SERVING;
}

/* --- the end of one --- */

static void log_outcome(const struct mb__supervisor *supervisor)
{
    const struct mb__generations *g = &supervisor->generations;
    enum mb__reload_outcome outcome = (enum mb__reload_outcome)g->outcome.outcome;

    if (outcome == MB__RELOAD_REFUSED) {
        mb_log(MB_LOG_ERROR, "process", "reload refused, the scripts before go on bidding",
               "version=%s first=%s", g->version, g->outcome.error);
    } else {
        mb_log(outcome == MB__RELOAD_ROLLED_BACK ? MB_LOG_WARN : MB_LOG_INFO, "process", "reload",
               "outcome=%s%s%s version=%s strategies=%u generation=%u ms=%llu",
               mb__reload_outcome_name(outcome), g->back[0] ? " strategy=" : "", g->back,
               g->version, g->outcome.n_strategies,
               atomic_load(&supervisor->shared->generation),
               (unsigned long long)(mb__shared_clock_ms() - g->begun_ms));
    }
}

static bool is_new(enum mb__reload_outcome outcome)
{
    return outcome == MB__RELOAD_LOADED || outcome == MB__RELOAD_ROLLED_BACK;
}

static void remember(struct mb__supervisor *supervisor)
{
    const struct mb__generations *g = &supervisor->generations;
    struct mb__last_reload last = {.outcome = (enum mb__reload_outcome)g->outcome.outcome,
                                   .time_ms = mb_time_now_ms()};

    if (last.outcome == MB__RELOAD_REFUSED) {
        snprintf(last.error, sizeof(last.error), "%s", g->outcome.error);
    } else if (is_new(last.outcome)) {
        if (last.outcome == MB__RELOAD_ROLLED_BACK) {
            snprintf(last.error, sizeof(last.error),
                     "strategy %s failed after the last reload: its version before bids again",
                     g->back);
        }
        atomic_fetch_add(&supervisor->shared->generation, 1);
        mb_guard_unbench_all(supervisor->parts.guard);
    }
    atomic_fetch_add(&supervisor->shared->reloads[last.outcome], 1);
    mb__shared_set_last(supervisor->shared, &last);
}

static void answer(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb__letter_head head = g->outcome;
    uint32_t i;

    head.type = MB__LETTER_RELOADED;
    for (i = 0; i < supervisor->n_crew; i++) {
        struct mb__member *member = &supervisor->crew[i];

        head.ticket = member->asked_before;
        if (member->pid > 0 && head.ticket > 0) {
            (void)mb__channel_send(member->channel, &head,
                                   mb_slice(g->text, g->outcome.text_len), -1);
        }
        member->asked_before = 0;
    }
}

static void finish(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    g->running = false;
    remember(supervisor);
    log_outcome(supervisor);
    answer(supervisor);
    g->back[0] = '\0';
    if (g->again) {
        begin(supervisor);
    }
}

static void refuse(struct mb__supervisor *supervisor, const char *why)
{
    struct mb__generations *g = &supervisor->generations;

    g->outcome = (struct mb__letter_head){.outcome = MB__RELOAD_REFUSED};
    snprintf(g->outcome.error, sizeof(g->outcome.error), "%s", why);
    snprintf(g->outcome.version, sizeof(g->outcome.version), "%s", g->version);
    finish(supervisor);
}

/* --- from one to the next --- */

static bool tell(struct mb__supervisor *supervisor, uint32_t seat, enum mb__letter_type type)
{
    struct mb__letter_head head = {.type = type, .ticket = ++supervisor->generations.ticket};
    int fd = type == MB__LETTER_TAKE ? supervisor->generations.bundle_fd : -1;

    supervisor->generations.told_ms = mb__shared_clock_ms();
    return mb__channel_send(supervisor->crew[seat].channel, &head, MB_SLICE_NONE, fd);
}

/* Tells the next one from `seat` on that serves; who does not yet is looked at when it is READY. */
static void tell_next(struct mb__supervisor *supervisor, uint32_t seat)
{
    struct mb__generations *g = &supervisor->generations;

    for (g->at = seat; g->at < supervisor->n_crew; g->at++) {
        if (serves(supervisor, g->at) && tell(supervisor, g->at, MB__LETTER_TAKE)) {
            g->awaited = g->ticket;
            return;
        }
    }
    finish(supervisor);
}

static uint32_t first_that_serves(const struct mb__supervisor *supervisor)
{
    uint32_t seat = 0;

    while (seat < supervisor->n_crew && !serves(supervisor, seat)) {
        seat++;
    }
    return seat;
}

static void begin(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;
    uint32_t i;

    mb__places_reload(supervisor);
    g->at = first_that_serves(supervisor);
    g->again = g->at == supervisor->n_crew; /* nobody to try it: the next who is ready */
    if (g->again) {
        return;
    }
    for (i = 0; i < supervisor->n_crew; i++) {
        supervisor->crew[i].asked_before = supervisor->crew[i].asked;
        supervisor->crew[i].asked = 0;
    }
    g->running = true;
    g->taken = false;
    g->begun_ms = mb__shared_clock_ms();
    if (tell(supervisor, g->at, MB__LETTER_RELOAD)) {
        g->awaited = g->ticket;
    } else {
        refuse(supervisor, "the worker that was to try the scripts does not listen");
    }
}

void mb__generations_ask(struct mb__supervisor *supervisor)
{
    if (supervisor->stopping) {
        return;
    }
    if (supervisor->generations.running) {
        supervisor->generations.again = true;
    } else {
        begin(supervisor);
    }
}

void mb__generations_roll_back(struct mb__supervisor *supervisor, struct mb_slice strategy,
                               int bundle_fd)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb__letter_head head = {.type = MB__LETTER_ROLL_BACK, .ticket = ++g->ticket};

    g->at = first_that_serves(supervisor);
    g->running = true;
    g->taken = false;
    g->begun_ms = g->told_ms = mb__shared_clock_ms();
    g->awaited = g->ticket;
    snprintf(g->back, sizeof(g->back), "%.*s", MB_SLICE_ARG(strategy));
    if (g->at == supervisor->n_crew ||
        !mb__channel_send(supervisor->crew[g->at].channel, &head, strategy, bundle_fd)) {
        refuse(supervisor, "no worker to take a strategy's old version");
    }
}

/* --- letters --- */

static void keep_bundle(struct mb__generations *g, struct mb__letter *letter)
{
    if (letter->fd >= 0) {
        g->bundle_fd = letter->fd;
        letter->fd = -1;
        memcpy(g->version, letter->head.version, sizeof(g->version));
    }
}

static void take_ready(struct mb__supervisor *supervisor, uint32_t seat, struct mb__letter *letter)
{
    struct mb__generations *g = &supervisor->generations;

    if (g->bundle_fd < 0) {
        keep_bundle(g, letter);
        mb__probation_begin(supervisor, -1);
    } else if (strcmp(g->version, letter->head.version) != 0) {
        (void)tell(supervisor, seat, MB__LETTER_TAKE); /* it has missed one while it started */
    }
    if (g->again && !g->running) {
        begin(supervisor);
    }
}

static void take_outcome(struct mb__supervisor *supervisor, uint32_t seat,
                         struct mb__letter *letter)
{
    struct mb__generations *g = &supervisor->generations;
    bool refused = letter->head.outcome == MB__RELOAD_REFUSED;

    if (refused && (g->taken || !g->running)) {
        struct mb__letter_head drain = {.type = MB__LETTER_DRAIN};

        mb_log(MB_LOG_ERROR, "process", "worker did not take what another one took: replaced",
               "worker=%u problem=%s", seat + 1, letter->head.error);
        (void)mb__channel_send(supervisor->crew[seat].channel, &drain, MB_SLICE_NONE, -1);
    }
    if (!g->running || seat != g->at || letter->head.ticket != g->awaited) {
        return;
    }
    if (g->taken) {
        tell_next(supervisor, seat + 1);
        return;
    }
    g->outcome = letter->head;
    memcpy(g->text, letter->text, letter->head.text_len);
    if (is_new((enum mb__reload_outcome)letter->head.outcome)) {
        int before_fd = g->bundle_fd;

        keep_bundle(g, letter);
        if (letter->head.outcome == MB__RELOAD_ROLLED_BACK && before_fd >= 0 &&
            before_fd != g->bundle_fd) {
            close(before_fd); /* it holds what has just failed */
            before_fd = -1;
        }
        mb__probation_begin(supervisor, before_fd != g->bundle_fd ? before_fd : -1);
        g->taken = true;
        tell_next(supervisor, seat + 1);
    } else {
        finish(supervisor);
    }
}

void mb__generations_take(struct mb__supervisor *supervisor, uint32_t seat,
                          struct mb__letter *letter)
{
    if (letter->head.type == MB__LETTER_READY) {
        take_ready(supervisor, seat, letter);
    } else if (letter->head.type == MB__LETTER_OUTCOME) {
        take_outcome(supervisor, seat, letter);
    } else if (letter->head.type == MB__LETTER_ASK) {
        supervisor->crew[seat].asked = letter->head.ticket;
        mb__generations_ask(supervisor);
    }
}

void mb__generations_tend(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    struct mb__generations *g = &supervisor->generations;

    if (g->running && supervisor->crew[g->at].pid > 0 && now_ms >= g->told_ms + PATIENCE_MS) {
        mb_log(MB_LOG_ERROR, "process", "worker killed, it came to no end with new scripts",
               "worker=%u pid=%d", g->at + 1, (int)supervisor->crew[g->at].pid);
        g->told_ms = now_ms; /* its end goes to member_gone */
        kill(supervisor->crew[g->at].pid, SIGKILL);
    }
}

void mb__generations_member_gone(struct mb__supervisor *supervisor, uint32_t seat)
{
    struct mb__generations *g = &supervisor->generations;

    if (!g->running || seat != g->at || supervisor->stopping) {
        return;
    }
    if (g->taken) {
        tell_next(supervisor, seat + 1);
    } else {
        refuse(supervisor, "the worker that tried the scripts died");
    }
}

void mb__generations_fini(struct mb__supervisor *supervisor)
{
    if (supervisor->generations.bundle_fd >= 0) {
        close(supervisor->generations.bundle_fd);
    }
}
