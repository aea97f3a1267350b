/* metrics.c - the numbers in Prometheus' text format. Names are those of the contract with operators.
 *
 * Label values are names of endpoints, strategies and reasons: [a-z0-9_-] all of them, so nothing needs escaping.
 */
#include "internal.h"

static void head(struct mb_buf *out, const char *name, const char *type, const char *help)
{
    mb_xbuf_printf(out, "# HELP moonbid_%s %s\n# TYPE moonbid_%s %s\n", name, help, name, type);
}

static void single(struct mb_buf *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    mb_xbuf_printf(out, "moonbid_%s %llu\n", name, (unsigned long long)value);
}

static void write_requests(const struct mb__worker *worker, struct mb_buf *out)
{
    size_t i;
    int k;

    head(out, "requests_total", "counter", "Bid requests by endpoint and outcome.");
    for (i = 0; i < worker->config->n_endpoints; i++) {
        for (k = 0; k < MB__OUTCOME_COUNT; k++) {
            if (worker->outcomes[i][k] > 0) {
                mb_xbuf_printf(out, "moonbid_requests_total{endpoint=\"%.*s\",outcome=\"%s\"} %llu\n",
                               MB_SLICE_ARG(worker->config->endpoints[i].name),
                               mb__request_outcome_name(k),
                               (unsigned long long)worker->outcomes[i][k]);
            }
        }
    }
}

/* One line a strategy: what `value` reads of it. */
static void per_strategy(const struct mb__worker *worker, struct mb_buf *out, const char *name,
                         const char *help,
                         uint64_t (*value)(const struct mb__worker *, const struct mb_strategy *,
                                           const struct mb_strategy_counts *))
{
    const struct mb_strategy *const *strategies;
    size_t count, i;

    head(out, name, "counter", help);
    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    for (i = 0; i < count; i++) {
        const struct mb_strategy_counts *n = mb_bidder_counts(worker->bidder, strategies[i]->name);

        if (n) {
            mb_xbuf_printf(out, "moonbid_%s{strategy=\"%.*s\"} %llu\n", name,
                           MB_SLICE_ARG(strategies[i]->name),
                           (unsigned long long)value(worker, strategies[i], n));
        }
    }
}

static uint64_t bids_of(const struct mb__worker *worker, const struct mb_strategy *strategy,
                        const struct mb_strategy_counts *n)
{
    (void)worker;
    (void)strategy;
    return n->bids;
}

static uint64_t wins_of(const struct mb__worker *worker, const struct mb_strategy *strategy,
                        const struct mb_strategy_counts *n)
{
    (void)worker;
    (void)strategy;
    return n->events[MB_EVENT_WIN];
}

static uint64_t clicks_of(const struct mb__worker *worker, const struct mb_strategy *strategy,
                          const struct mb_strategy_counts *n)
{
    (void)worker;
    (void)strategy;
    return n->events[MB_EVENT_CLICK];
}

static uint64_t spend_of(const struct mb__worker *worker, const struct mb_strategy *strategy,
                         const struct mb_strategy_counts *n)
{
    (void)n;
    return (uint64_t)mb_guard_spent(worker->parts.guard, strategy->guard_slot, MB_GUARD_TOTAL,
                                    mb_time_now_ms())
        .nanos;
}

static void nobid_line(struct mb_buf *out, struct mb_slice strategy, const char *kind,
                       const char *reason, uint64_t value)
{
    if (value > 0) {
        mb_xbuf_printf(out, "moonbid_nobids_total{strategy=\"%.*s\",reason=\"%s%s\"} %llu\n",
                       MB_SLICE_ARG(strategy), kind, reason, (unsigned long long)value);
    }
}

/* A strategy's own reasons are marked: it may use a word of the engine, and two lines of one series spoil the whole scrape. */
static void write_nobids(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb_strategy *const *strategies;
    size_t count, i, k;

    head(out, "nobids_total", "counter", "Impressions without a bid by strategy and reason.");
    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    for (i = 0; i < count; i++) {
        struct mb_slice name = strategies[i]->name;
        const struct mb_strategy_counts *n = mb_bidder_counts(worker->bidder, name);

        for (k = MB_NOBID_BID + 1; n && k < MB_NOBID_SCRIPT; k++) {
            nobid_line(out, name, "", mb_nobid_name((enum mb_nobid)k), n->nobids[k]);
        }
        for (k = 0; n && k < sizeof(n->own) / sizeof(n->own[0]) && n->own[k].name[0]; k++) {
            nobid_line(out, name, "own:", n->own[k].name, n->own[k].count);
        }
        if (n) {
            nobid_line(out, name, "", "other", n->other);
        }
    }
}

static void write_script_errors(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb_strategy *const *strategies;
    size_t count, i, k;

    head(out, "script_errors_total", "counter", "Calls that ended in a breach, by kind.");
    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    for (i = 0; i < count; i++) {
        static const struct {
            enum mb_nobid reason;
            const char *kind;
        } kinds[] = {{MB_NOBID_SCRIPT_ERROR, "error"},
                     {MB_NOBID_SCRIPT_TIMEOUT, "timeout"},
                     {MB_NOBID_SCRIPT_MEMORY, "memory"}};
        const struct mb_strategy_counts *n = mb_bidder_counts(worker->bidder, strategies[i]->name);

        for (k = 0; n && k < 3; k++) {
            mb_xbuf_printf(out, "moonbid_script_errors_total{strategy=\"%.*s\",kind=\"%s\"} %llu\n",
                           MB_SLICE_ARG(strategies[i]->name), kinds[k].kind,
                           (unsigned long long)n->nobids[kinds[k].reason]);
        }
    }
}

static void write_reloads(const struct mb__reload *reload, struct mb_buf *out)
{
    int i;

    head(out, "reloads_total", "counter", "Reloads by outcome.");
    for (i = MB__RELOAD_NONE + 1; i < MB__RELOAD_COUNT; i++) {
        mb_xbuf_printf(out, "moonbid_reloads_total{outcome=\"%s\"} %llu\n",
                       mb__reload_outcome_name((enum mb__reload_outcome)i),
                       (unsigned long long)reload->counts[i]);
    }
}

static void write_commits(const struct mb__books *books, struct mb_buf *out)
{
    head(out, "ledger_commit_seconds", "summary", "Time of the ledger's commits.");
    mb_xbuf_printf(out, "moonbid_ledger_commit_seconds_sum %.6f\nmoonbid_ledger_commit_seconds_count %llu\n",
                   (double)books->commit_ns / 1e9, (unsigned long long)books->commits);
}

void mb__pages_metrics(const struct mb__worker *worker, struct mb_buf *out)
{
    write_requests(worker, out);
    per_strategy(worker, out, "bids_total", "Bids sent.", bids_of);
    write_nobids(worker, out);
    per_strategy(worker, out, "wins_total", "Wins told by exchanges.", wins_of);
    per_strategy(worker, out, "clicks_total", "Clicks told by exchanges.", clicks_of);
    per_strategy(worker, out, "spend_nanos_total", "Booked spend, house currency, 1e-9.", spend_of);
    write_script_errors(worker, out);
    write_reloads(&worker->reload, out);
    write_commits(&worker->books, out);
    single(out, "ledger_duplicates_total", "counter", "Events that were recorded before.",
           mb_bidder_totals(worker->bidder)->duplicates);
    single(out, "connections", "gauge", "Open connections of the public listener.",
           mb_http_server_counters(worker->server)->open);
    single(out, "lua_bytes", "gauge", "Memory of the Lua state.",
           mb_script_lua_bytes(mb_bidder_script(worker->bidder)));
}
