/* generations.c - a new generation, config and scripts together, goes from the checker to worker to
 * worker.
 *
 *     asked (SIGHUP, an operator) -> a checker reads all of it and tries it
 *         refused or unchanged -> no worker is told
 *         good -> the first worker that serves takes it -> that is what bids: the supervisor takes
 *         the config as well, the other workers follow, one after the other
 *     -> everybody who asked is answered
 *
 *     a strategy fails after a swap (probation.c) -> the checker builds what bids with that
 *         strategy's file as it was before, tries it -> as above
 *
 *     the start: the same, but there is no worker yet: they start with it
 *
 * The files are read once: what the checker has passed is what all take, and what a worker that
 * starts later starts with, whatever the disk holds by then. A generation has a number; who says
 * READY with another one than bids has missed something while it started. A request that comes
 * while one runs is served by another one behind it, because the running one may have read a file
 * before it was changed.
 */
#include "supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Building ten thousand strategies takes a second or two. */
enum { PATIENCE_MS = 30000 };

static void begin(struct mb__supervisor *supervisor);

static bool serves(const struct mb__supervisor *supervisor, uint32_t seat)
{
    return supervisor->crew[seat].pid > 0 &&
           atomic_load(&supervisor->shared->seats[seat].state) == MB__SEAT_SERVING;
}

void mb__generations_init(struct mb__generations *generations)
{
    generations->parcel = generations->fresh.parcel = MB__PARCEL_EMPTY;
    generations->checker.channel = generations->report_fd = -1;
}

static void close_report(struct mb__generations *g)
{
    if (g->report_fd >= 0) {
        close(g->report_fd);
    }
    g->report_fd = -1;
}

static void drop_fresh(struct mb__generations *g)
{
    mb__parcel_close(&g->fresh.parcel);
    mb__settings_close(&g->fresh_settings);
}

void mb__generations_fini(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    mb__checker_close(&g->checker);
    drop_fresh(g);
    close_report(g);
    mb__parcel_close(&g->parcel);
}

void mb__generations_forget(struct mb__supervisor *supervisor)
{
    drop_fresh(&supervisor->generations);
    close_report(&supervisor->generations);
    mb__probation_fini(&supervisor->probation);
}

/* --- the end of one --- */

static void finish(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    g->running = false;
    g->at = supervisor->n_crew;
    drop_fresh(g);
    mb__tidings_spread(supervisor);
    close_report(g);
    g->back[0] = '\0';
    if (g->again && !supervisor->stopping) {
        begin(supervisor);
    }
}

static bool is_new(enum mb__reload_outcome outcome)
{
    return outcome == MB__RELOAD_LOADED || outcome == MB__RELOAD_ROLLED_BACK;
}

static void refuse(struct mb__supervisor *supervisor, const char *why)
{
    struct mb__generations *g = &supervisor->generations;

    close_report(g); /* it says that all is well */
    g->outcome = (struct mb__letter_head){.outcome = MB__RELOAD_REFUSED, .config = g->config};
    snprintf(g->outcome.error, sizeof(g->outcome.error), "%s", why);
    snprintf(g->outcome.version, sizeof(g->outcome.version), "%s", g->version);
    finish(supervisor);
}

/* --- what bids becomes another one --- */

static void use_settings(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    mb__settings_close(&supervisor->settings);
    supervisor->settings = g->fresh_settings;
    g->fresh_settings = (struct mb__settings){0};
    supervisor->config = supervisor->parts.config = supervisor->settings.config;
    supervisor->parts.keys = supervisor->settings.keys;
    supervisor->parts.geo = supervisor->settings.geo;
    atomic_store(&supervisor->shared->log_level, (int)supervisor->config->log_level);
    mb_guard_set_silence(supervisor->parts.guard, supervisor->config->silence_ms);
}

/* The version of a strategy that fails bids no more from here on; before that its new one was the
 * one to go back from. */
static void put_on_probation(struct mb__supervisor *supervisor, int before_fd)
{
    const struct mb__generations *g = &supervisor->generations;
    int fd = before_fd;

    if (g->outcome.outcome == MB__RELOAD_ROLLED_BACK && fd >= 0) {
        close(fd); /* it holds what has just failed */
        fd = -1;
    }
    mb__probation_begin(supervisor, fd);
}

static void make_current(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;
    bool same_scripts = strcmp(g->version, g->outcome.version) == 0;
    int before_fd = g->parcel.fds[MB__PIECE_BUNDLE];

    g->parcel.fds[MB__PIECE_BUNDLE] = -1;
    mb__parcel_close(&g->parcel);
    g->parcel = g->fresh.parcel;
    g->fresh.parcel = MB__PARCEL_EMPTY;
    g->number++;
    g->config = g->outcome.config;
    g->geo_source = g->outcome.geo_source;
    memcpy(g->version, g->outcome.version, sizeof(g->version));
    use_settings(supervisor);
    if (!same_scripts && supervisor->serving) {
        put_on_probation(supervisor, before_fd);
    } else if (before_fd >= 0) {
        close(before_fd);
    }
}

/* --- from one to the next --- */

static bool tell(struct mb__supervisor *supervisor, uint32_t seat, const struct mb__parcel *parcel,
                 uint32_t number)
{
    struct mb__letter_head head = {.type = MB__LETTER_TAKE,
                                   .ticket = ++supervisor->generations.ticket,
                                   .number = number};

    supervisor->generations.told_ms = mb__shared_clock_ms();
    return mb__channel_send(supervisor->crew[seat].channel, &head, parcel);
}

/* Tells the next one from `seat` on that serves; who does not yet is looked at when it is READY. */
static void tell_next(struct mb__supervisor *supervisor, uint32_t seat)
{
    struct mb__generations *g = &supervisor->generations;

    for (g->at = seat; g->at < supervisor->n_crew; g->at++) {
        if (serves(supervisor, g->at) && tell(supervisor, g->at, &g->parcel, g->number)) {
            g->awaited = g->ticket;
            return;
        }
    }
    finish(supervisor);
}

/* The first one; where nobody serves, those who start take it. */
static void tell_first(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    for (g->at = 0; g->at < supervisor->n_crew && !serves(supervisor, g->at);) {
        g->at++;
    }
    if (g->at == supervisor->n_crew) {
        make_current(supervisor);
        g->taken = true;
        finish(supervisor);
    } else if (tell(supervisor, g->at, &g->fresh.parcel, g->number + 1)) {
        g->awaited = g->ticket;
    } else {
        refuse(supervisor, "the worker that was to take it first does not listen");
    }
}

/* --- the checker --- */

static void be_checker(void *user)
{
    struct mb__supervisor *supervisor = user;

    mb_turn_give_way();
    mb_turn_yield_often();
    mb__crew_be_child(supervisor);
    close(supervisor->lock_fd);
    mb__bookseat_close(&supervisor->bookseat);
    mb__sockets_close(&supervisor->sockets);
}

static int start_checker(struct mb__supervisor *supervisor, enum mb__check_kind kind, int before_fd,
                         struct mb_error *err)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb__check check = {.kind = kind,
                              .config_path = supervisor->source->config_path,
                              .settings = supervisor->source->settings,
                              .n_settings = supervisor->source->n_settings,
                              .running = &supervisor->settings,
                              .parcel = &g->parcel,
                              .geo_source = g->geo_source,
                              .version = g->version,
                              .port = supervisor->sockets.port,
                              .connections = supervisor->connections_max,
                              .before_fd = before_fd,
                              .strategy = g->back};

    g->running = true;
    g->taken = false;
    g->at = supervisor->n_crew;
    g->begun_ms = mb__shared_clock_ms();
    return mb__checker_fork(&g->checker, &check, be_checker, supervisor, err);
}

static void begin(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb_error err = {.at = -1};
    uint32_t i;

    g->again = false;
    for (i = 0; i < supervisor->n_crew; i++) {
        supervisor->crew[i].asked_before = supervisor->crew[i].asked;
        supervisor->crew[i].asked = 0;
    }
    if (start_checker(supervisor, MB__CHECK_RELOAD, -1, &err)) {
        refuse(supervisor, err.what);
    }
}

int mb__generations_start(struct mb__supervisor *supervisor, struct mb_error *err)
{
    return start_checker(supervisor, MB__CHECK_START, -1, err);
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
    struct mb_error err = {.at = -1};

    snprintf(supervisor->generations.back, sizeof(supervisor->generations.back), "%.*s",
             MB_SLICE_ARG(strategy));
    if (start_checker(supervisor, MB__CHECK_ROLL_BACK, bundle_fd, &err)) {
        refuse(supervisor, err.what);
    }
}

/* The first one: there is nothing to compare with, and nobody to tell. */
static void hear_first(struct mb__supervisor *supervisor)
{
    struct mb__generations *g = &supervisor->generations;

    g->running = false;
    close_report(g);
    if (g->outcome.outcome == MB__RELOAD_REFUSED) {
        mb__supervisor_fail(supervisor, g->outcome.code, g->outcome.where[0] ? g->outcome.where : NULL,
                            g->outcome.error);
        return;
    }
    make_current(supervisor);
    mb__crew_begin(supervisor);
    if (g->again) {
        begin(supervisor);
    }
}

void mb__generations_hear(struct mb__supervisor *supervisor, struct mb__letter *verdict)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb_error err = {.at = -1};
    bool good = is_new((enum mb__reload_outcome)verdict->head.outcome);

    if (!g->running || g->at != supervisor->n_crew || supervisor->stopping) {
        mb__parcel_close(&verdict->parcel);
        return;
    }
    g->outcome = verdict->head;
    g->report_fd = verdict->parcel.fds[MB__PIECE_REPORT];
    verdict->parcel.fds[MB__PIECE_REPORT] = -1;
    g->fresh = *verdict;
    verdict->parcel = MB__PARCEL_EMPTY;
    if (!good) {
        snprintf(g->outcome.version, sizeof(g->outcome.version), "%s", g->version);
        if (g->outcome.outcome == MB__RELOAD_UNCHANGED) {
            g->geo_source = g->outcome.geo_source; /* known now, if it was not before */
        }
    } else if (mb__settings_open(&g->fresh.parcel, &g->fresh_settings, &err)) {
        good = false;
        g->outcome.outcome = MB__RELOAD_REFUSED;
        g->outcome.code = err.code;
        snprintf(g->outcome.error, sizeof(g->outcome.error), "%s", err.what);
        close_report(g);
    }
    if (g->number == 0) {
        hear_first(supervisor);
    } else if (good) {
        tell_first(supervisor);
    } else {
        finish(supervisor);
    }
}

bool mb__generations_reap(struct mb__supervisor *supervisor, pid_t pid, int status)
{
    struct mb__generations *g = &supervisor->generations;
    struct mb__letter *verdict = &supervisor->letter;

    if (g->checker.pid == 0 || pid != g->checker.pid) {
        return false;
    }
    mb__checker_verdict(&g->checker, status, verdict);
    mb__checker_close(&g->checker);
    mb__generations_hear(supervisor, verdict);
    return true;
}

bool mb__generations_end(struct mb__supervisor *supervisor)
{
    struct mb__checker *checker = &supervisor->generations.checker;

    if (checker->pid > 0 && !checker->killed) {
        checker->killed = true;
        kill(checker->pid, SIGKILL);
    }
    return checker->pid == 0;
}

/* --- letters --- */

static void note_what_bids(struct mb__supervisor *supervisor, uint32_t seat,
                           const struct mb__letter_head *head)
{
    struct mb__seat *place = &supervisor->shared->seats[seat];

    atomic_store(&place->scripts, strtoull(head->version, NULL, 16));
    atomic_store(&place->config, head->config);
    if (head->type == MB__LETTER_OUTCOME) {
        atomic_store(&place->took, (uint32_t)head->outcome);
        atomic_store(&place->took_ms, head->took_ms);
        mb_log(head->outcome == MB__RELOAD_REFUSED ? MB_LOG_ERROR : MB_LOG_INFO, "process",
               "worker reloaded", "worker=%u outcome=%s version=%s config=%016llx ms=%u", seat + 1,
               mb__reload_outcome_name((enum mb__reload_outcome)head->outcome), head->version,
               (unsigned long long)head->config, head->took_ms);
    }
}

static void take_ready(struct mb__supervisor *supervisor, uint32_t seat, const struct mb__letter *letter)
{
    struct mb__generations *g = &supervisor->generations;

    if (!supervisor->serving) {
        mb__probation_begin(supervisor, -1);
    }
    if (g->number != letter->head.number) {
        (void)tell(supervisor, seat, &g->parcel, g->number); /* missed while it started */
    }
}

static void take_outcome(struct mb__supervisor *supervisor, uint32_t seat,
                         const struct mb__letter *letter)
{
    struct mb__generations *g = &supervisor->generations;
    bool refused = letter->head.outcome == MB__RELOAD_REFUSED;

    if (refused && (g->taken || !g->running)) {
        struct mb__letter_head drain = {.type = MB__LETTER_DRAIN};

        mb_log(MB_LOG_ERROR, "process", "worker did not take what another one took: replaced",
               "worker=%u problem=%s", seat + 1, letter->head.error);
        (void)mb__channel_send(supervisor->crew[seat].channel, &drain, NULL);
    }
    if (!g->running || seat != g->at || letter->head.ticket != g->awaited) {
        return;
    }
    if (refused && !g->taken) {
        refuse(supervisor, letter->head.error);
        return;
    }
    if (!g->taken) {
        make_current(supervisor);
        g->taken = true;
    }
    tell_next(supervisor, seat + 1);
}

void mb__generations_take(struct mb__supervisor *supervisor, uint32_t seat,
                          const struct mb__letter *letter)
{
    if (letter->head.type == MB__LETTER_READY) {
        note_what_bids(supervisor, seat, &letter->head);
        take_ready(supervisor, seat, letter);
    } else if (letter->head.type == MB__LETTER_OUTCOME) {
        note_what_bids(supervisor, seat, &letter->head);
        take_outcome(supervisor, seat, letter);
    } else if (letter->head.type == MB__LETTER_ASK) {
        supervisor->crew[seat].asked = letter->head.ticket;
        mb__generations_ask(supervisor);
    }
}

uint64_t mb__generations_tend(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    struct mb__generations *g = &supervisor->generations;

    if (!g->running || g->at == supervisor->n_crew) {
        return mb__checker_tend(&g->checker, now_ms);
    }
    if (supervisor->crew[g->at].pid > 0 && now_ms >= g->told_ms + PATIENCE_MS) {
        mb_log(MB_LOG_ERROR, "process", "worker killed, it came to no end with a new generation",
               "worker=%u pid=%d", g->at + 1, (int)supervisor->crew[g->at].pid);
        g->told_ms = now_ms; /* its end goes to member_gone */
        kill(supervisor->crew[g->at].pid, SIGKILL);
    }
    return g->told_ms + PATIENCE_MS;
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
        refuse(supervisor, "the worker that took it first died");
    }
}
