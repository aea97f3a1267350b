/* pages.c - what the operator sees: the status document.
 *
 * All numbers are sums over the workers' boards; nothing is gathered on the bid path.
 */
#include "internal.h"

#include <stdio.h>

#include "moonbid/json.h"

/* --- small writers --- */

static void key_str(struct mb_json_writer *w, const char *key, struct mb_slice value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, value);
}

static void key_u64(struct mb_json_writer *w, const char *key, uint64_t value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_u64(w, value);
}

static void key_time(struct mb_json_writer *w, const char *key, int64_t ms)
{
    struct mb_buf text = {0};

    mb_xbuf_add_time(&text, ms);
    key_str(w, key, mb_buf_slice(&text));
    mb_buf_fini(&text);
}

/* --- status --- */

static void write_scripts(struct mb_json_writer *w, const struct mb__worker *worker)
{
    const struct mb_script *script = mb_bidder_script(worker->bidder);

    mb_jsonw_key(w, "scripts");
    mb_jsonw_object(w);
    key_str(w, "version", mb_script_version(script));
    key_u64(w, "generation", atomic_load(&worker->shared->generation));
    key_u64(w, "lua_bytes", mb__boards_lua_bytes(worker->options->boards));
    mb_jsonw_object_end(w);
}

static void write_last_reload(struct mb_json_writer *w, const struct mb__shared *shared)
{
    struct mb__last_reload last;

    mb__shared_get_last(shared, &last);
    mb_jsonw_key(w, "last_reload");
    if (last.outcome == MB__RELOAD_NONE) {
        mb_jsonw_null(w);
        return;
    }
    mb_jsonw_object(w);
    key_str(w, "outcome", mb_slice_of(mb__reload_outcome_name(last.outcome)));
    key_time(w, "time", last.time_ms);
    key_u64(w, "ms", last.took_ms);
    mb_jsonw_key(w, "error");
    if (last.error[0]) {
        mb_jsonw_str(w, mb_slice_of(last.error));
    } else {
        mb_jsonw_null(w);
    }
    mb__outcome_write_names(w, "config_changed", last.changed);
    mb_jsonw_object_end(w);
}

/* As 16 digits, like the version of scripts. */
static void key_version(struct mb_json_writer *w, const char *key, uint64_t version)
{
    char text[17];

    snprintf(text, sizeof(text), "%016llx", (unsigned long long)version);
    key_str(w, key, mb_slice_of(text));
}

static void write_config(struct mb_json_writer *w, const struct mb__worker *worker)
{
    struct mb__last_reload last;

    mb__shared_get_last(worker->shared, &last);
    mb_jsonw_key(w, "config");
    mb_jsonw_object(w);
    key_version(w, "version", worker->reload.config_version);
    mb__outcome_write_names(w, "needs_restart", last.restart);
    mb_jsonw_object_end(w);
}

/* What it bids with, and how the last generation came to it. */
static void write_generation(struct mb_json_writer *w, const struct mb__seat *seat)
{
    uint32_t took = atomic_load(&seat->took);

    key_version(w, "version", atomic_load(&seat->scripts));
    key_version(w, "config", atomic_load(&seat->config));
    mb_jsonw_key(w, "reload");
    if (took == MB__RELOAD_NONE) {
        mb_jsonw_null(w);
        return;
    }
    mb_jsonw_object(w);
    key_str(w, "outcome", mb_slice_of(mb__reload_outcome_name((enum mb__reload_outcome)took)));
    key_u64(w, "ms", atomic_load(&seat->took_ms));
    mb_jsonw_object_end(w);
}

static void write_workers(struct mb_json_writer *w, const struct mb__shared *shared)
{
    uint32_t i;

    mb_jsonw_key(w, "workers");
    mb_jsonw_array(w);
    for (i = 0; i < shared->n_seats; i++) {
        const struct mb__seat *seat = &shared->seats[i];

        mb_jsonw_object(w);
        mb_jsonw_key(w, "pid");
        mb_jsonw_i64(w, atomic_load(&seat->pid));
        key_str(w, "state", mb_slice_of(mb__seat_state_name(atomic_load(&seat->state))));
        key_u64(w, "restarts", atomic_load(&seat->restarts));
        write_generation(w, seat);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void write_totals(struct mb_json_writer *w, const struct mb_bidder_counts *n)
{
    mb_jsonw_key(w, "totals");
    mb_jsonw_object(w);
    key_u64(w, "requests", n->requests);
    key_u64(w, "bids", n->bids);
    key_u64(w, "nobids", n->nobids);
    key_u64(w, "bad_requests", n->bad_requests);
    key_u64(w, "notices", n->notices);
    key_u64(w, "duplicates", n->duplicates);
    key_u64(w, "forged", n->forged);
    key_u64(w, "expired", n->expired);
    key_u64(w, "unattributed", n->unattributed);
    key_u64(w, "unpriced", n->unpriced);
    key_u64(w, "overpriced", n->overpriced);
    key_u64(w, "repriced", n->repriced);
    mb_jsonw_object_end(w);
}

/* What is remembered of prices: `moonbid market` shows it. */
static void write_market(struct mb_json_writer *w, const struct mb_guard *guard)
{
    mb_jsonw_key(w, "market");
    mb_jsonw_object(w);
    key_u64(w, "curves", mb_market_count(guard));
    key_u64(w, "evicted", mb_market_evicted(guard));
    mb_jsonw_object_end(w);
}

static void write_fetches(struct mb_json_writer *w, const struct mb__boards *boards)
{
    struct mb_fetch_counts n;

    mb__boards_fetches(boards, &n);
    mb_jsonw_key(w, "fetches");
    mb_jsonw_object(w);
#define XX(name) key_u64(w, #name, n.name);
    MB_FETCH_OUTCOME_MAP(XX)
#undef XX
    key_u64(w, "retries", n.retries);
    mb_jsonw_object_end(w);
}

static void key_i64(struct mb_json_writer *w, const char *key, int64_t value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_i64(w, value);
}

/* What shadow strategies were shown, and what time that took. */
static void write_shadow(struct mb_json_writer *w, const struct mb__boards *boards)
{
    struct mb__shadow_sums n = mb__boards_shadow(boards);

    mb_jsonw_key(w, "shadow");
    mb_jsonw_object(w);
    key_u64(w, "shown", n.shown);
    key_u64(w, "skipped", n.skipped);
    key_u64(w, "cpu_ns", n.cpu_ns);
    mb_jsonw_object_end(w);
}

/* What one shadow would have done, and beside it what was sent for the same impressions. null: it is none. */
static void write_shadow_of(struct mb_json_writer *w, const struct mb_strategy *strategy,
                            const struct mb_shadow_counts *n)
{
    mb_jsonw_key(w, "shadow");
    if (!strategy->shadow) {
        mb_jsonw_null(w);
        return;
    }
    mb_jsonw_object(w);
    key_u64(w, "asked", n->asked);
    key_u64(w, "failures", n->failures);
    key_u64(w, "refused", n->refused);
    key_u64(w, "bids", n->bids);
    key_i64(w, "bid_micros", n->bid_micros);
    key_u64(w, "beside", n->beside);
    key_u64(w, "wins", n->wins);
    key_u64(w, "losses", n->losses);
    key_u64(w, "unknown", n->unknown);
    key_i64(w, "spend_nanos", n->spend_nanos);
    key_u64(w, "live_wins", n->live_wins);
    key_i64(w, "live_spend_nanos", n->live_nanos);
    key_u64(w, "expected_bids", n->expected_bids);
    key_u64(w, "expected_wins", n->expected_wins_millionths / 1000000);
    key_i64(w, "expected_spend_nanos", n->expected_nanos);
    mb_jsonw_object_end(w);
}

/* Each endpoint with what came over it: outcomes of bid requests, and slips of the exchange. */
static void write_endpoint(struct mb_json_writer *w, const struct mb__worker *worker,
                           const struct mb_endpoint *endpoint)
{
    const struct mb__boards *boards = worker->options->boards;
    int i;

    mb_jsonw_object(w);
    key_str(w, "name", endpoint->name);
    mb_jsonw_key(w, "requests");
    mb_jsonw_object(w);
    for (i = 0; i < MB__OUTCOME_COUNT; i++) {
        uint64_t n = mb__boards_outcome(boards, endpoint->index, i);

        if (n > 0) {
            key_u64(w, mb__request_outcome_name(i), n);
        }
    }
    mb_jsonw_object_end(w);
    mb_jsonw_key(w, "slips");
    mb_jsonw_object(w);
    for (i = 0; i < MB_JSON_SLIP_COUNT; i++) {
        uint64_t n = mb__boards_slips(boards, endpoint->index, (enum mb_json_slip)i);

        if (n > 0) {
            key_u64(w, mb_json_slip_name((enum mb_json_slip)i), n);
        }
    }
    mb_jsonw_object_end(w);
    mb_jsonw_object_end(w);
}

static void write_endpoints(struct mb_json_writer *w, const struct mb__worker *worker)
{
    size_t i;

    mb_jsonw_key(w, "endpoints");
    mb_jsonw_array(w);
    for (i = 0; i < worker->config->n_endpoints; i++) {
        write_endpoint(w, worker, &worker->config->endpoints[i]);
    }
    mb_jsonw_array_end(w);
}

static void write_nobids(struct mb_json_writer *w, const struct mb_strategy_counts *n)
{
    size_t i;

    mb_jsonw_key(w, "nobids");
    mb_jsonw_object(w);
    for (i = 0; i < MB_NOBID_COUNT; i++) {
        if (n->nobids[i] > 0 && i != MB_NOBID_SCRIPT) {
            key_u64(w, mb_nobid_name((enum mb_nobid)i), n->nobids[i]);
        }
    }
    mb_jsonw_object_end(w);
    mb_jsonw_key(w, "own_nobids");
    mb_jsonw_object(w);
    for (i = 0; i < sizeof(n->own) / sizeof(n->own[0]) && n->own[i].name[0]; i++) {
        key_u64(w, n->own[i].name, n->own[i].count);
    }
    if (n->other > 0) {
        key_u64(w, "other", n->other);
    }
    mb_jsonw_object_end(w);
}

static void write_events(struct mb_json_writer *w, const struct mb_strategy_counts *n)
{
    size_t i;

    mb_jsonw_key(w, "events");
    mb_jsonw_object(w);
    for (i = MB_EVENT_NONE + 1; i < MB_EVENT_COUNT; i++) {
        if (n->events[i] > 0) {
            key_u64(w, mb_event_name((enum mb_event_type)i), n->events[i]);
        }
    }
    mb_jsonw_object_end(w);
}

/* Decimal text beside the exact integer, as everywhere. */
static void write_spend(struct mb_json_writer *w, const struct mb_guard *guard, uint32_t slot,
                        int64_t now_ms)
{
    static const char *const names[] = {"hour", "day", "total"};
    static const enum mb_guard_period periods[] = {MB_GUARD_HOUR, MB_GUARD_DAY, MB_GUARD_TOTAL};
    struct mb_buf text = {0};
    size_t i;

    mb_jsonw_key(w, "spend");
    mb_jsonw_object(w);
    for (i = 0; i < 3; i++) {
        mb_buf_clear(&text);
        mb_xbuf_add_amount(&text, mb_guard_spent(guard, slot, periods[i], now_ms));
        key_str(w, names[i], mb_buf_slice(&text));
    }
    mb_jsonw_object_end(w);
    mb_jsonw_key(w, "spend_nanos");
    mb_jsonw_i64(w, mb_guard_spent(guard, slot, MB_GUARD_TOTAL, now_ms).nanos);
    mb_buf_fini(&text);
}

/* Of the calls that were timed, every sixteenth; null before the first. */
static void write_script_time(struct mb_json_writer *w, const struct mb_strategy_counts *n)
{
    mb_jsonw_key(w, "script_ns");
    if (n->timed > 0) {
        mb_jsonw_u64(w, n->timed_ns / n->timed);
    } else {
        mb_jsonw_null(w);
    }
}

static void key_amount(struct mb_json_writer *w, const char *key, struct mb_amount amount)
{
    struct mb_buf text = {0};

    mb_xbuf_add_amount(&text, amount);
    key_str(w, key, mb_buf_slice(&text));
    mb_buf_fini(&text);
}

/* What was booked beyond the limits, and beyond what was held. */
static void write_overrun(struct mb_json_writer *w, const struct mb_guard *guard, uint32_t slot,
                          int64_t now_ms)
{
    struct mb_overrun today = mb_guard_overrun(guard, slot, MB_GUARD_DAY, now_ms);
    struct mb_overrun ever = mb_guard_overrun(guard, slot, MB_GUARD_TOTAL, now_ms);

    mb_jsonw_key(w, "overrun");
    mb_jsonw_object(w);
    key_amount(w, "day", today.daily);
    key_amount(w, "total", ever.total);
    key_u64(w, "late", ever.late);
    key_amount(w, "late_cost", ever.late_cost);
    mb_jsonw_object_end(w);
}

/* null, or why it sits out. */
static void write_bench(struct mb_json_writer *w, enum mb_guard_bench why)
{
    mb_jsonw_key(w, "benched");
    if (why == MB_GUARD_NOT_BENCHED) {
        mb_jsonw_null(w);
    } else if (why == MB_GUARD_BENCH_STRIKES) {
        mb_jsonw_str(w, MB_SLICE("three calls within ten minutes had to be ended with their worker"));
    } else {
        mb_jsonw_str(w, MB_SLICE("a hundred calls in a row failed"));
    }
}

/* null, or why it was stopped. */
static void write_alarm(struct mb_json_writer *w, enum mb_guard_alarm alarm)
{
    mb_jsonw_key(w, "alarm");
    if (alarm == MB_GUARD_NO_ALARM) {
        mb_jsonw_null(w);
    } else {
        mb_jsonw_str(w, mb_slice_of(mb_guard_alarm_text(alarm)));
    }
}

static void write_strategy(struct mb_json_writer *w, const struct mb__worker *worker,
                           const struct mb_strategy *strategy, int64_t now_ms)
{
    struct mb_strategy_counts counts, *n = &counts;

    mb__boards_strategy(worker->options->boards, strategy->guard_slot, n);
    mb_jsonw_object(w);
    key_str(w, "name", strategy->name);
    key_str(w, "file", strategy->file);
    mb_jsonw_key(w, "enabled");
    mb_jsonw_bool(w, strategy->enabled);
    mb_jsonw_key(w, "paused");
    mb_jsonw_bool(w, mb_guard_paused(worker->parts.guard, strategy->guard_slot) ||
                         mb_guard_all_paused(worker->parts.guard));
    write_bench(w, mb_guard_benched(worker->parts.guard, strategy->guard_slot));
    write_alarm(w, mb_guard_alarm(worker->parts.guard, strategy->guard_slot));
    mb_jsonw_key(w, "rolled_back");
    mb_jsonw_bool(w, mb_bundle_rolled_back(worker->reload.bundle, strategy->file));
    key_u64(w, "calls", n->calls);
    key_u64(w, "bids", n->bids);
    key_u64(w, "wins", n->events[MB_EVENT_WIN]);
    write_script_time(w, n);
    write_nobids(w, n);
    write_events(w, n);
    key_u64(w, "duplicates", n->duplicates);
    write_spend(w, worker->parts.guard, strategy->guard_slot, now_ms);
    write_overrun(w, worker->parts.guard, strategy->guard_slot, now_ms);
    write_shadow_of(w, strategy, &n->shadow);
    mb_jsonw_object_end(w);
}

void mb__pages_status(const struct mb__worker *worker, struct mb_buf *out)
{
    const struct mb_strategy *const *strategies;
    const struct mb__boards *boards = worker->options->boards;
    int64_t now_ms = mb_time_now_ms();
    struct mb_bidder_counts totals;
    struct mb_http_counters http;
    struct mb_json_writer w;
    size_t count, i;

    mb__boards_totals(boards, &totals);
    mb__boards_http(boards, &http);
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    key_str(&w, "version", mb_slice_of(MB_VERSION));
    key_time(&w, "started", worker->shared->started_ms);
    mb_jsonw_key(&w, "draining");
    mb_jsonw_bool(&w, worker->draining);
    key_u64(&w, "connections", http.open);
    mb_jsonw_key(&w, "ledger_failing");
    mb_jsonw_bool(&w, atomic_load(&worker->shared->books.failing));
    write_scripts(&w, worker);
    write_config(&w, worker);
    write_last_reload(&w, worker->shared);
    write_workers(&w, worker->shared);
    write_totals(&w, &totals);
    write_fetches(&w, worker->options->boards);
    write_market(&w, worker->parts.guard);
    write_shadow(&w, boards);
    write_endpoints(&w, worker);
    mb_jsonw_key(&w, "strategies");
    mb_jsonw_array(&w);
    strategies = mb_script_strategies(mb_bidder_script(worker->bidder), &count);
    for (i = 0; i < count; i++) {
        write_strategy(&w, worker, strategies[i], now_ms);
    }
    mb_jsonw_array_end(&w);
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(out, '\n');
}
