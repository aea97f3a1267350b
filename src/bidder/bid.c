/* bid.c - a bid request, from the decoded request to the answer.
 *
 *     for each impression: index -> for each strategy: guard may -> script -> price, floor, limits, would the exchange take it
 *     rank -> for the best: sign, expand, check again, reserve -> encode
 *
 * What a token put into a URL or text may make a bid unfit (a byte that XML cannot carry), so the exchange's check
 * runs a second time on the final texts; and money is reserved last, so that nothing that fails holds any.
 * Every strategy that was asked leaves one decision with its reason.
 */
#include "internal.h"

enum { DECISIONS_FIRST = 16 };

/* Gives the new decision's place. The list moves when it grows, so whoever adds keeps places, not pointers. */
static size_t add_decision(struct mb_bidder *b, const struct mb_strategy *strategy,
                           const struct mb_imp *imp, enum mb_nobid outcome)
{
    if (b->n_decisions == b->decisions_size) {
        size_t size = b->decisions_size ? b->decisions_size * 2 : DECISIONS_FIRST;
        struct mb_decision *more = mb_xarena_alloc_raw(&b->arena, size * sizeof(*more));

        if (b->n_decisions > 0) {
            memcpy(more, b->decisions, b->n_decisions * sizeof(*more));
        }
        b->decisions = more;
        b->decisions_size = size;
    }
    b->decisions[b->n_decisions] =
        (struct mb_decision){.strategy = strategy, .imp = imp, .outcome = outcome};
    return b->n_decisions++;
}

static void refuse(struct mb_bidder *b, size_t decision, enum mb_nobid reason, const char *field)
{
    b->decisions[decision].outcome = reason;
    if (field) {
        b->decisions[decision].problem = mb_slice_of(field);
    }
}

/* The first refusal of each kind is worth a line: it names the field (lua-api.md section 3). */
static void log_first(struct mb_bidder *b, const struct mb_decision *d)
{
    struct strategy_state *state = mb__bidder_state_of(b, d->strategy);

    if ((d->outcome == MB_NOBID_INVALID_BID || d->outcome == MB_NOBID_OVER_MAX_BID ||
         d->outcome == MB_NOBID_BELOW_FLOOR || d->outcome == MB_NOBID_CURRENCY) &&
        state->counts->nobids[d->outcome] == 0) {
        mb_log(MB_LOG_WARN, "bidder", "bid refused",
               "strategy=%.*s reason=%s field=%.*s (the first of this kind)",
               MB_SLICE_ARG(d->strategy->name), mb_nobid_name(d->outcome),
               MB_SLICE_ARG(d->problem));
    }
}

static void take_bid(struct mb_bidder *b, const struct mb_codec *codec, struct mb_bid *bid,
                     size_t decision)
{
    const char *field = NULL;
    enum mb_nobid reason;

    b->decisions[decision].bid = bid;
    reason = mb__bidder_price(b, bid, &field);
    if (reason == MB_NOBID_BID) {
        reason = codec->check_bid(&b->request, bid, &field);
    }
    if (reason == MB_NOBID_BID) {
        reason = mb__bidder_caps(b, bid->strategy, bid->imp, bid);
    }
    if (reason == MB_NOBID_BID && b->n_candidates == BIDDER_BIDS_MAX) {
        reason = MB_NOBID_OUTRANKED;
    }
    if (reason != MB_NOBID_BID) {
        refuse(b, decision, reason, field);
        return;
    }
    b->candidates[b->n_candidates++] =
        (struct candidate){.bid = bid, .decision = decision, .draw = mb__bidder_draw(b)};
}

static bool is_breach(enum mb_nobid outcome)
{
    return outcome == MB_NOBID_SCRIPT_ERROR || outcome == MB_NOBID_SCRIPT_TIMEOUT ||
           outcome == MB_NOBID_SCRIPT_MEMORY;
}

/* A hundred breaches in a row bench the strategy until the next generation, for all workers. The
 * count starts again then, for a generation with the same files may end the bench. A call that
 * found the memory filled by others is neither a breach nor the end of a row. */
static void note_breach(struct mb_bidder *b, struct strategy_state *state,
                        const struct mb_strategy *strategy,
                        const struct mb_script_result *result)
{
    enum mb_nobid outcome = result->outcome;

    if (result->blameless) {
        return;
    }
    state->breaches = is_breach(outcome) ? state->breaches + 1 : 0;
    if (state->breaches == BIDDER_BREACHES_TO_BENCH) {
        state->breaches = 0;
        mb_guard_bench(b->options.guard, strategy->guard_slot, MB_GUARD_BENCH_BREACHES);
        mb_log(MB_LOG_ERROR, "bidder", "strategy benched until the next reload",
               "strategy=%.*s after=%d last=%s", MB_SLICE_ARG(strategy->name),
               BIDDER_BREACHES_TO_BENCH, mb_nobid_name(outcome));
    }
}

/* Runs the script. Every sixteenth call of a strategy is timed, the first among them: two looks at
 * the clock take as long as a small strategy. */
static void run_script(struct mb_bidder *b, struct strategy_state *state,
                       const struct mb_strategy *strategy, const struct mb_imp *imp,
                       struct mb_script_result *result)
{
    bool timed = (state->counts->calls++ & b->untimed) == 0 && b->options.clock_ns;
    int64_t started_ns = timed ? b->options.clock_ns() : 0;

    mb__bidder_call(b, strategy, imp, result);
    if (timed) {
        uint64_t took_ns = (uint64_t)(b->options.clock_ns() - started_ns);

        b->took_ns = took_ns;
        state->counts->timed++;
        state->counts->timed_ns += took_ns;
        if (b->options.board) {
            mb_histogram_record(&b->options.board->script_time, took_ns);
        }
    }
}

/* Gives the script's bids to take_bid. */
static void call_script(struct mb_bidder *b, const struct mb_codec *codec,
                        struct strategy_state *state, const struct mb_strategy *strategy,
                        const struct mb_imp *imp)
{
    size_t decision = add_decision(b, strategy, imp, MB_NOBID_BID);
    struct mb_script_result result;
    size_t i;

    run_script(b, state, strategy, imp, &result);
    note_breach(b, state, strategy, &result);
    if (mb_slice_present(result.arm)) {
        mb__bidder_tally_exposure(b, strategy, imp, &result);
    }
    b->decisions[decision].outcome = result.outcome;
    b->decisions[decision].own_reason = result.own_reason;
    b->decisions[decision].problem = result.problem;
    if (result.outcome != MB_NOBID_BID) {
        return;
    }
    if (mb__bidder_is_late(b, strategy, imp, "called")) {
        b->decisions[decision].outcome = MB_NOBID_DEADLINE;
        return;
    }
    for (i = 0; i < result.n_bids; i++) {
        if (i > 0) {
            decision = add_decision(b, strategy, imp, MB_NOBID_BID);
        }
        result.bids[i].strategy = strategy;
        result.bids[i].imp = imp;
        take_bid(b, codec, &result.bids[i], decision);
    }
}

/* Whether the strategy may be asked at all now: MB_NOBID_BID, or why not. */
static enum mb_nobid may_ask(struct mb_bidder *b, const struct mb_strategy *strategy,
                             const struct mb_imp *imp)
{
    if (mb__bidder_is_benched(b, strategy, imp)) {
        return MB_NOBID_BENCHED;
    }
    if (mb__bidder_is_late(b, strategy, imp, "asked")) {
        return MB_NOBID_DEADLINE;
    }
    return mb__bidder_may(b, strategy, imp);
}

static void ask(struct mb_bidder *b, const struct mb_codec *codec,
                const struct mb_strategy *strategy, const struct mb_imp *imp)
{
    struct strategy_state *state = mb__bidder_state_of(b, strategy);
    enum mb_nobid may = may_ask(b, strategy, imp);

    if (may == MB_NOBID_BID) {
        may = mb__bidder_caps(b, strategy, imp, NULL);
    }
    if (may != MB_NOBID_BID) {
        add_decision(b, strategy, imp, may);
        return;
    }
    call_script(b, codec, state, strategy, imp);
}

/* Asks, and records what came of it. */
static void ask_watched(struct mb_bidder *b, const struct mb_codec *codec,
                        const struct mb_strategy *strategy, const struct mb_imp *imp)
{
    struct trace_before before = mb__bidder_trace_before(b, strategy);

    ask(b, codec, strategy, imp);
    mb__bidder_trace_asked(b, strategy, imp, &before);
}

/* Strategies that the index passed over get their reason too when somebody wants to see it. */
static void ask_all(struct mb_bidder *b, const struct mb_codec *codec, const struct mb_imp *imp,
                    const struct mb_strategy *const *strategies, size_t count)
{
    size_t found, i;

    found = mb_index_find(b->generation->index, &b->request, imp, b->now_ms, b->generation->found, count,
                          b->trace ? b->generation->why : NULL);
    if (b->trace) {
        for (i = 0; i < count; i++) {
            if (b->generation->why[i] != MB_NOBID_BID && strategies[i]->enabled) {
                add_decision(b, strategies[i], imp, (enum mb_nobid)b->generation->why[i]);
            }
        }
    }
    for (i = 0; i < found && b->watch; i++) {
        ask_watched(b, codec, strategies[b->generation->found[i]], imp);
    }
    for (i = 0; i < found && !b->watch; i++) {
        ask(b, codec, strategies[b->generation->found[i]], imp);
    }
}

/* Higher priority, then eCPM, then the draw. */
static bool better(const struct candidate *a, const struct candidate *b)
{
    if (a->bid->strategy->priority != b->bid->strategy->priority) {
        return a->bid->strategy->priority > b->bid->strategy->priority;
    }
    if (a->bid->ecpm.micros != b->bid->ecpm.micros) {
        return a->bid->ecpm.micros > b->bid->ecpm.micros;
    }
    return a->draw > b->draw;
}

/* Insertion: a handful of bids is the rule, and equal rows keep no order that a replay could miss. */
static void rank(struct mb_bidder *b)
{
    size_t i, k;

    for (i = 1; i < b->n_candidates; i++) {
        struct candidate c = b->candidates[i];

        for (k = i; k > 0 && better(&c, &b->candidates[k - 1]); k--) {
            b->candidates[k] = b->candidates[k - 1];
        }
        b->candidates[k] = c;
    }
}

static bool has_place(const struct mb_codec *codec, struct mb_bid *const *chosen, size_t count,
                      const struct mb_bid *bid)
{
    size_t i, on_imp = 0;

    for (i = 0; i < count; i++) {
        if (mb_slice_eq(chosen[i]->imp->id, bid->imp->id)) { /* it may offer several media types */
            on_imp++;
            if (mb__bidder_same_place(chosen[i], bid)) {
                return false;
            }
        }
    }
    return count < codec->bids_per_answer && on_imp < codec->bids_per_imp;
}

/* Makes the bid final and holds its money. */
static enum mb_nobid finish(struct mb_bidder *b, const struct mb_codec *codec, struct mb_bid *bid,
                            const char **field)
{
    enum mb_nobid reason = mb__bidder_sign(b, bid, field);
    struct mb_guard_offer offer;

    if (reason != MB_NOBID_BID) {
        return reason;
    }
    mb__bidder_expand(b, bid);
    mb__bidder_wrap_click(b, bid);
    mb__bidder_place_pixel(b, bid);
    reason = mb__bidder_attach_urls(b, bid, field);
    if (reason == MB_NOBID_BID) {
        reason = codec->check_bid(&b->request, bid, field);
    }
    if (reason == MB_NOBID_BID && mb__bidder_is_late(b, bid->strategy, bid->imp, "finished")) {
        reason = MB_NOBID_DEADLINE; /* by strategies that were asked after this one, or by tokens */
    }
    if (reason != MB_NOBID_BID || b->request.test || b->request.debug) {
        return reason; /* a test holds no money */
    }
    offer = (struct mb_guard_offer){.model = bid->model,
                                    .price = bid->price,
                                    .endpoint = b->request.endpoint->name,
                                    .format = mb_slice_of(mb_format_name(bid->imp->format))};
    return mb__bidder_reserve(b, bid, &offer);
}

static size_t choose(struct mb_bidder *b, const struct mb_codec *codec, struct mb_bid **chosen)
{
    size_t i, count = 0;

    rank(b);
    for (i = 0; i < b->n_candidates; i++) {
        struct candidate *c = &b->candidates[i];
        const char *field = NULL;
        enum mb_nobid reason = MB_NOBID_OUTRANKED;

        if (has_place(codec, chosen, count, c->bid)) {
            reason = finish(b, codec, c->bid, &field);
        }
        if (reason == MB_NOBID_BID) {
            chosen[count++] = c->bid;
            mb__bidder_remember(b, c->bid);
            mb__bidder_tell_market(b, c->bid);
        } else {
            refuse(b, c->decision, reason, field);
        }
    }
    return count;
}

/* Counts, and gives the request's own outcome: a bid, or the first reason of an asked strategy. */
static enum mb_nobid account(struct mb_bidder *b, size_t n_bids, size_t n_strategies)
{
    enum mb_nobid first = n_strategies == 0 ? MB_NOBID_NO_STRATEGY : MB_NOBID_TARGET;
    bool asked = false;
    size_t i;

    for (i = 0; i < b->n_decisions; i++) {
        const struct mb_decision *d = &b->decisions[i];

        if (d->outcome == MB_NOBID_TARGET || d->outcome == MB_NOBID_HOURS) {
            continue;
        }
        log_first(b, d);
        mb__bidder_count_decision(mb__bidder_state_of(b, d->strategy), d);
        mb__bidder_tally_decision(b, d);
        if (!asked && d->outcome != MB_NOBID_BID) {
            first = d->outcome;
            asked = true;
        }
    }
    b->totals->bids += n_bids;
    b->totals->nobids += n_bids == 0;
    return n_bids > 0 ? MB_NOBID_BID : first;
}

static void decide(struct mb_bidder *b, const struct mb_codec *codec,
                   const struct mb_strategy *const *strategies, size_t count)
{
    struct mb_script_call call = {.request = &b->request,
                                  .now_ms = b->now_ms,
                                  .deadline_ms = b->deadline_ms,
                                  .clock_ms = b->options.clock_ms,
                                  .clock_user = b->options.user,
                                  .seed = mb__bidder_draw(b),
                                  .tape = b->tape,
                                  .arena = &b->arena};
    size_t i;

    mb_script_begin(b->script, &call);
    for (i = 0; i < b->request.n_imps; i++) {
        if (b->request.imps[i].format != MB_FORMAT_NONE) {
            ask_all(b, codec, &b->request.imps[i], strategies, count);
        }
    }
}

/* Why no strategy is asked at all; MB_NOBID_BID where they are. */
static enum mb_nobid ask_nobody(const struct mb_bidder *b, const struct mb_bidder_in *in, size_t n_strategies)
{
    bool is_test = b->request.test || b->request.debug;

    return in->draining                                               ? MB_NOBID_DRAINING
           : in->overloaded                                           ? MB_NOBID_OVERLOAD
           : in->money_unknown                                        ? MB_NOBID_MONEY_GUARD
           : n_strategies == 0                                        ? MB_NOBID_NO_STRATEGY
           : is_test && b->request.endpoint->declines_tests           ? MB_NOBID_TEST
                                                                      : MB_NOBID_BID;
}

void mb__bidder_bid(struct mb_bidder *b, const struct mb_codec *codec, const struct mb_bidder_in *in,
                    struct mb_bidder_out *out)
{
    struct mb_wire_out wire = {.body = &b->body, .scratch = &b->scratch};
    const struct mb_strategy *const *strategies;
    struct mb_bid *chosen[BIDDER_BIDS_MAX];
    enum mb_nobid why_none;
    size_t count = 0, n_bids = 0;

    strategies = b->script ? mb_script_strategies(b->script, &count) : NULL;
    why_none = ask_nobody(b, in, count);
    if (why_none != MB_NOBID_BID) {
        out->outcome = why_none;
        b->totals->nobids++;
    } else {
        decide(b, codec, strategies, count);
        n_bids = choose(b, codec, chosen);
        b->decided = true;
        mb_script_end(b->script);
        out->outcome = account(b, n_bids, count);
    }
    wire.why_not = out->outcome;
    mb__bidder_tally_request(b, out->outcome);
    if (b->options.decides_only) {
        return;
    }
    codec->encode_answer(&b->request, chosen, n_bids, &wire);
    out->status = wire.status;
    out->content_type = wire.content_type;
    out->body = mb_buf_slice(&b->body);
}
