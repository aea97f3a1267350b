/* tidings.c - how a generation ended: said in the log, shown in the shared page, told to who asked.
 *
 * A reload that only finds nothing new is one as well: it answers, and tells which keys of the config
 * wait for a restart.
 */
#include "supervisor.h"

#include <stdio.h>
#include <string.h>

static void log_outcome(const struct mb__supervisor *supervisor)
{
    const struct mb__generations *g = &supervisor->generations;
    const struct mb__letter_head *head = &g->outcome;
    enum mb__reload_outcome outcome = (enum mb__reload_outcome)head->outcome;

    if (outcome == MB__RELOAD_REFUSED) {
        mb_log(MB_LOG_ERROR, "process", "reload refused, config and scripts before go on bidding",
               "version=%s first=%s%s%s", g->version, head->where, head->where[0] ? ": " : "",
               head->error);
        return;
    }
    mb_log(outcome == MB__RELOAD_ROLLED_BACK ? MB_LOG_WARN : MB_LOG_INFO, "process", "reload",
           "outcome=%s%s%s version=%s strategies=%u generation=%u config=%016llx changed=%s ms=%llu",
           mb__reload_outcome_name(outcome), g->back[0] ? " strategy=" : "", g->back, g->version,
           head->n_strategies, atomic_load(&supervisor->shared->generation),
           (unsigned long long)g->config, head->changed[0] ? head->changed : "-",
           (unsigned long long)(mb__shared_clock_ms() - g->begun_ms));
    if (head->restart[0]) {
        mb_log(MB_LOG_WARN, "process", "config keys need a restart, their values before stay",
               "keys=%s", head->restart);
    }
}

static void remember(struct mb__supervisor *supervisor)
{
    const struct mb__generations *g = &supervisor->generations;
    const struct mb__letter_head *head = &g->outcome;
    struct mb__last_reload last;

    mb__shared_get_last(supervisor->shared, &last);
    last.outcome = (enum mb__reload_outcome)head->outcome;
    last.time_ms = mb_time_now_ms();
    last.took_ms = (uint32_t)(mb__shared_clock_ms() - g->begun_ms);
    memcpy(last.changed, head->changed, sizeof(last.changed));
    last.error[0] = '\0';
    if (last.outcome == MB__RELOAD_LOADED || last.outcome == MB__RELOAD_UNCHANGED) {
        memcpy(last.restart, head->restart, sizeof(last.restart));
    }
    if (last.outcome == MB__RELOAD_REFUSED) {
        snprintf(last.error, sizeof(last.error), "%s%s%s", head->where, head->where[0] ? ": " : "",
                 head->error);
    } else if (last.outcome == MB__RELOAD_ROLLED_BACK) {
        snprintf(last.error, sizeof(last.error),
                 "strategy %s failed after the last reload: its version before bids again", g->back);
    }
    if (last.outcome == MB__RELOAD_LOADED || last.outcome == MB__RELOAD_ROLLED_BACK) {
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
    struct mb__parcel report = MB__PARCEL_EMPTY;
    uint32_t i;

    head.type = MB__LETTER_RELOADED;
    report.fds[MB__PIECE_REPORT] = g->report_fd;
    for (i = 0; i < supervisor->n_crew; i++) {
        struct mb__member *member = &supervisor->crew[i];

        head.ticket = member->asked_before;
        if (member->pid > 0 && head.ticket > 0) {
            (void)mb__channel_send(member->channel, &head, &report);
        }
        member->asked_before = 0;
    }
}

void mb__tidings_spread(struct mb__supervisor *supervisor)
{
    remember(supervisor);
    log_outcome(supervisor);
    answer(supervisor);
}
