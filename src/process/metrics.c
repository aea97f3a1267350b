/* metrics.c - the numbers for Prometheus. Names are those of the contract with operators.
 */
#include "internal.h"

#include <stdlib.h>

static void single(struct mb_buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    mb_xmetrics_head(out, name, type, help);
    mb_xmetrics_u64(out, name, NULL, 0, value);
}

static void histogram(struct mb_buf *out, const char *name, const char *help,
                      const struct mb_histogram *h)
{
    mb_xmetrics_head(out, name, "histogram", help);
    mb_xmetrics_histogram(out, name, NULL, 0, h);
}

static void write_requests(const struct mb__worker *worker, struct mb_buf *out)
{
    size_t i;
    int k;

    mb_xmetrics_head(out, "moonbid_requests_total", "counter", "Bid requests by outcome.");
    for (i = 0; i < worker->config->n_endpoints; i++) {
        for (k = 0; k < MB__OUTCOME_COUNT; k++) {
            const struct mb_metrics_label labels[] = {
                {"endpoint", worker->config->endpoints[i].name},
                {"outcome", mb_slice_of(mb__request_outcome_name(k))}};
            uint64_t n = mb__boards_outcome(worker->options->boards, i, k);

            if (n > 0) {
                mb_xmetrics_u64(out, "moonbid_requests_total", labels, 2, n);
            }
        }
    }
}

static void write_slips(const struct mb__worker *worker, struct mb_buf *out)
{
    size_t i;
    int k;

    mb_xmetrics_head(out, "moonbid_slips_total", "counter",
                     "Fields that came otherwise than the exchange's protocol says, and were converted.");
    for (i = 0; i < worker->config->n_endpoints; i++) {
        for (k = 0; k < MB_JSON_SLIP_COUNT; k++) {
            const struct mb_metrics_label labels[] = {
                {"endpoint", worker->config->endpoints[i].name},
                {"kind", mb_slice_of(mb_json_slip_name((enum mb_json_slip)k))}};
            uint64_t n = mb__boards_slips(worker->options->boards, i, (enum mb_json_slip)k);

            if (n > 0) {
                mb_xmetrics_u64(out, "moonbid_slips_total", labels, 2, n);
            }
        }
    }
}

/* --- by strategy --- */

typedef void write_strategy(const struct mb__worker *worker, const struct mb_strategy *strategy,
                            const struct mb_strategy_counts *n, struct mb_buf *out);

/* `sums`: one of each strategy, in order. */
static void for_each_strategy(const struct mb__worker *worker,
                              const struct mb_strategy_counts *sums, struct mb_buf *out,
                              const char *name, const char *help, write_strategy *write)
{
    const struct mb_strategy *const *strategies;
    size_t count, i;

    mb_xmetrics_head(out, name, "counter", help);
    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    for (i = 0; i < count; i++) {
        write(worker, strategies[i], &sums[i], out);
    }
}

static void one_line(struct mb_buf *out, const char *name, const struct mb_strategy *strategy,
                     uint64_t value)
{
    const struct mb_metrics_label label = {"strategy", strategy->name};

    mb_xmetrics_u64(out, name, &label, 1, value);
}

static void write_bids(const struct mb__worker *worker, const struct mb_strategy *strategy,
                       const struct mb_strategy_counts *n, struct mb_buf *out)
{
    (void)worker;
    one_line(out, "moonbid_bids_total", strategy, n->bids);
}

static void write_wins(const struct mb__worker *worker, const struct mb_strategy *strategy,
                       const struct mb_strategy_counts *n, struct mb_buf *out)
{
    (void)worker;
    one_line(out, "moonbid_wins_total", strategy, n->events[MB_EVENT_WIN]);
}

static void write_clicks(const struct mb__worker *worker, const struct mb_strategy *strategy,
                         const struct mb_strategy_counts *n, struct mb_buf *out)
{
    (void)worker;
    one_line(out, "moonbid_clicks_total", strategy, n->events[MB_EVENT_CLICK]);
}

static void write_spend(const struct mb__worker *worker, const struct mb_strategy *strategy,
                        const struct mb_strategy_counts *n, struct mb_buf *out)
{
    struct mb_amount spent =
        mb_guard_spent(worker->parts.guard, strategy->guard_slot, MB_GUARD_TOTAL, mb_time_now_ms());

    (void)n;
    one_line(out, "moonbid_spend_nanos_total", strategy, (uint64_t)spent.nanos);
}

static struct mb_overrun overrun_of(const struct mb__worker *worker,
                                    const struct mb_strategy *strategy)
{
    return mb_guard_overrun(worker->parts.guard, strategy->guard_slot, MB_GUARD_TOTAL, 0);
}

static void write_overrun(const struct mb__worker *worker, const struct mb_strategy *strategy,
                          const struct mb_strategy_counts *n, struct mb_buf *out)
{
    static const char name[] = "moonbid_overrun_nanos_total";
    struct mb_overrun overrun = overrun_of(worker, strategy);
    const struct mb_metrics_label day[] = {{"strategy", strategy->name}, {"limit", MB_SLICE("daily")}};
    const struct mb_metrics_label total[] = {{"strategy", strategy->name},
                                             {"limit", MB_SLICE("total")}};

    (void)n;
    mb_xmetrics_u64(out, name, day, 2, (uint64_t)overrun.daily.nanos);
    mb_xmetrics_u64(out, name, total, 2, (uint64_t)overrun.total.nanos);
}

static void write_late(const struct mb__worker *worker, const struct mb_strategy *strategy,
                       const struct mb_strategy_counts *n, struct mb_buf *out)
{
    (void)n;
    one_line(out, "moonbid_late_bookings_total", strategy, overrun_of(worker, strategy).late);
}

static void two_labels(struct mb_buf *out, const char *name, const struct mb_strategy *strategy,
                       const char *second, const char *value, uint64_t count)
{
    const struct mb_metrics_label labels[] = {{"strategy", strategy->name},
                                              {second, mb_slice_of(value)}};

    if (count > 0) {
        mb_xmetrics_u64(out, name, labels, 2, count);
    }
}

/* A strategy's own reasons are marked: it may use a word of the engine, and two lines of one series
 * spoil the whole page. */
static void write_nobids(const struct mb__worker *worker, const struct mb_strategy *strategy,
                         const struct mb_strategy_counts *n, struct mb_buf *out)
{
    static const char name[] = "moonbid_nobids_total";
    size_t i;

    (void)worker;
    for (i = MB_NOBID_BID + 1; i < MB_NOBID_SCRIPT; i++) {
        two_labels(out, name, strategy, "reason", mb_nobid_name((enum mb_nobid)i), n->nobids[i]);
    }
    for (i = 0; i < sizeof(n->own) / sizeof(n->own[0]) && n->own[i].name[0]; i++) {
        char reason[sizeof(n->own[i].name) + 4] = "own:";

        strcat(reason, n->own[i].name);
        two_labels(out, name, strategy, "reason", reason, n->own[i].count);
    }
    two_labels(out, name, strategy, "reason", "other", n->other);
}

static void write_errors(const struct mb__worker *worker, const struct mb_strategy *strategy,
                         const struct mb_strategy_counts *n, struct mb_buf *out)
{
    static const char name[] = "moonbid_script_errors_total";

    (void)worker;
    two_labels(out, name, strategy, "kind", "error", n->nobids[MB_NOBID_SCRIPT_ERROR]);
    two_labels(out, name, strategy, "kind", "timeout", n->nobids[MB_NOBID_SCRIPT_TIMEOUT]);
    two_labels(out, name, strategy, "kind", "memory", n->nobids[MB_NOBID_SCRIPT_MEMORY]);
}

/* --- shadows --- */

enum { MILLIONTHS = 1000000 };

/* What each shadow would have done, and what was sent for the same impressions. */
static void write_shadow_counts(const struct mb_strategy *const *strategies,
                                const struct mb_strategy_counts *sums, size_t count,
                                struct mb_buf *out)
{
#define XX(member, unit) offsetof(struct mb_shadow_counts, member), unit
    static const struct {
        const char *name;
        size_t member, unit; /* of struct mb_shadow_counts: 64 bits, so many of which are one */
        const char *help;
    } rows[] = {
        {"moonbid_shadow_asked_total", XX(asked, 1), "Calls of shadow strategies."},
        {"moonbid_shadow_failures_total", XX(failures, 1), "Of these, those that failed."},
        {"moonbid_shadow_refused_total", XX(refused, 1), "Their bids that could not have been sent."},
        {"moonbid_shadow_bids_total", XX(bids, 1), "Bids that they would have sent."},
        {"moonbid_shadow_beside_total", XX(beside, 1), "Of these, those beside a bid that was sent."},
        {"moonbid_shadow_wins_total", XX(wins, 1), "Of these, those that would have won."},
        {"moonbid_shadow_losses_total", XX(losses, 1), "Of these, those that would have lost."},
        {"moonbid_shadow_unknown_total", XX(unknown, 1), "Of these, those of which nothing is known."},
        {"moonbid_shadow_spend_nanos_total", XX(spend_nanos, 1), "What those wins would have cost."},
        {"moonbid_shadow_live_wins_total", XX(live_wins, 1), "Wins of what was sent beside them."},
        {"moonbid_shadow_live_spend_nanos_total", XX(live_nanos, 1), "What these wins cost."},
        {"moonbid_shadow_expected_bids_total", XX(expected_bids, 1),
         "Bids of shadows for whose price the market's memory knows how often it wins."},
        {"moonbid_shadow_expected_wins_total", XX(expected_wins_millionths, MILLIONTHS),
         "Their wins by the market's memory."},
        {"moonbid_shadow_expected_spend_nanos_total", XX(expected_nanos, 1),
         "What these would cost."},
    };
#undef XX

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_xmetrics_head(out, rows[i].name, "counter", rows[i].help);
        for (size_t k = 0; k < count; k++) {
            uint64_t value;

            memcpy(&value, (const char *)&sums[k].shadow + rows[i].member, sizeof(value));
            if (strategies[k]->shadow) {
                one_line(out, rows[i].name, strategies[k], value / rows[i].unit);
            }
        }
    }
}

static void write_shadow_time(const struct mb__boards *boards, struct mb_buf *out)
{
    static const char name[] = "moonbid_shadow_requests_total";
    struct mb__shadow_sums n = mb__boards_shadow(boards);

    mb_xmetrics_head(out, name, "counter", "Requests chosen for shadow strategies.");
    mb_xmetrics_u64(out, name, &(struct mb_metrics_label){"outcome", MB_SLICE("shown")}, 1, n.shown);
    mb_xmetrics_u64(out, name, &(struct mb_metrics_label){"outcome", MB_SLICE("skipped")}, 1,
                    n.skipped);
    single(out, "moonbid_shadow_cpu_nanos_total", "counter", "CPU time that shadows took.",
           n.cpu_ns);
}

/* --- the rest --- */

static void write_reloads(const struct mb__shared *shared, struct mb_buf *out)
{
    int i;

    mb_xmetrics_head(out, "moonbid_reloads_total", "counter", "Reloads by outcome.");
    for (i = MB__RELOAD_NONE + 1; i < MB__RELOAD_COUNT; i++) {
        const struct mb_metrics_label label = {
            "outcome", mb_slice_of(mb__reload_outcome_name((enum mb__reload_outcome)i))};

        mb_xmetrics_u64(out, "moonbid_reloads_total", &label, 1, atomic_load(&shared->reloads[i]));
    }
}

static void write_strategies(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb_strategy *const *strategies;
    struct mb_strategy_counts *sums;
    size_t count, i;

    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    sums = calloc(count + 1, sizeof(*sums));
    if (!sums) {
        abort();
    }
    for (i = 0; i < count; i++) {
        mb__boards_strategy(worker->options->boards, strategies[i]->guard_slot, &sums[i]);
    }
    for_each_strategy(worker, sums, out, "moonbid_bids_total", "Bids sent.", write_bids);
    for_each_strategy(worker, sums, out, "moonbid_nobids_total", "Impressions without a bid.",
                      write_nobids);
    for_each_strategy(worker, sums, out, "moonbid_wins_total", "Wins told by exchanges.",
                      write_wins);
    for_each_strategy(worker, sums, out, "moonbid_clicks_total", "Clicks told by exchanges.",
                      write_clicks);
    for_each_strategy(worker, sums, out, "moonbid_spend_nanos_total",
                      "Booked spend in billionths of the house currency.", write_spend);
    for_each_strategy(worker, sums, out, "moonbid_overrun_nanos_total",
                      "Booked past a limit, in billionths of the house currency.", write_overrun);
    for_each_strategy(worker, sums, out, "moonbid_late_bookings_total",
                      "Bookings for which nothing was held any more.", write_late);
    for_each_strategy(worker, sums, out, "moonbid_script_errors_total", "Calls that failed.",
                      write_errors);
    write_shadow_counts(strategies, sums, count, out);
    free(sums);
}

static void write_workers(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb__boards *boards = worker->options->boards;
    struct mb_http_counters http;
    uint64_t restarts = 0;
    uint32_t i;

    for (i = 0; i < worker->shared->n_seats; i++) {
        restarts += atomic_load(&worker->shared->seats[i].restarts);
    }
    mb__boards_http(boards, &http);
    single(out, "moonbid_worker_restarts_total", "counter", "Workers that ended and were replaced.",
           restarts);
    single(out, "moonbid_connections", "gauge", "Open connections of exchanges.", http.open);
    single(out, "moonbid_connections_accepted_total", "counter", "Connections of exchanges.",
           http.accepted);
    single(out, "moonbid_connections_refused_total", "counter",
           "Connections closed because limits.connections were open.", http.refused);
    single(out, "moonbid_http_bad_requests_total", "counter", "Requests that are no HTTP.",
           http.bad_requests);
    single(out, "moonbid_http_timeouts_total", "counter", "Connections closed for taking too long.",
           http.timeouts);
    single(out, "moonbid_lua_bytes", "gauge", "Memory of the Lua states.",
           mb__boards_lua_bytes(boards));
}

static void write_fetches(const struct mb__boards *boards, struct mb_buf *out)
{
    static const char name[] = "moonbid_fetches_total";
    struct mb_fetch_counts n;

    mb__boards_fetches(boards, &n);
    mb_xmetrics_head(out, name, "counter", "URLs that strategies wanted called, by what became of them.");
#define XX(outcome)                                                                                \
    mb_xmetrics_u64(out, name, &(struct mb_metrics_label){"outcome", MB_SLICE(#outcome)}, 1, n.outcome);
    MB_FETCH_OUTCOME_MAP(XX)
#undef XX
    single(out, "moonbid_fetch_retries_total", "counter", "Further tries of such URLs.", n.retries);
}

static void write_odd_prices(const struct mb_bidder_counts *n, struct mb_buf *out)
{
    static const char name[] = "moonbid_odd_prices_total";
    const struct {
        const char *kind;
        uint64_t count;
    } rows[] = {{"unpriced", n->unpriced}, {"overpriced", n->overpriced}, {"repriced", n->repriced}};
    size_t i;

    mb_xmetrics_head(out, name, "counter", "Prices of events that were not as they should be.");
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mb_xmetrics_u64(out, name, &(struct mb_metrics_label){"kind", mb_slice_of(rows[i].kind)}, 1,
                        rows[i].count);
    }
}

static void write_records(const struct mb__boards *boards, struct mb_buf *out)
{
    struct mb_recorder_counts n;

    mb__boards_records(boards, &n);
#define XX(name, help) single(out, "moonbid_recorder_" #name "_total", "counter", help, n.name);
    MB_RECORDER_COUNT_MAP(XX)
#undef XX
}

void mb__pages_metrics(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb__boards *boards = worker->options->boards;
    struct mb_bidder_counts totals;
    struct mb_histogram times;

    write_requests(worker, out);
    write_slips(worker, out);
    mb__boards_request_time(boards, &times);
    histogram(out, "moonbid_request_seconds", "From the whole request to its answer, bids only.",
              &times);
    mb__boards_script_time(boards, &times);
    histogram(out, "moonbid_script_seconds", "Of bid() in strategies, every sixteenth call.", &times);
    write_strategies(worker, out);
    write_reloads(worker->shared, out);
    histogram(out, "moonbid_ledger_commit_seconds", "Time of the ledger's commits.",
              &worker->shared->books.commit_time);
    single(out, "moonbid_spooled_total", "counter",
           "Events that a spool made safe while the ledger took none.",
           mb__boards_spooled(boards));
    write_shadow_time(boards, out);
    write_fetches(boards, out);
    write_records(boards, out);
    mb__boards_totals(boards, &totals);
    single(out, "moonbid_ledger_duplicates_total", "counter", "Events that were recorded before.",
           totals.duplicates);
    single(out, "moonbid_forged_total", "counter", "Notices and clicks whose signature did not hold.", totals.forged);
    single(out, "moonbid_expired_total", "counter", "Notices that came more than 90 days after their bid.", totals.expired);
    single(out, "moonbid_unattributed_total", "counter", "Events that nobody's bid could be found for.",
           totals.unattributed);
    write_odd_prices(&totals, out);
    write_workers(worker, out);
}
