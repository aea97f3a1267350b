/* trace.c - records what a request came to, for who asks to watch; see moonbid/trace.h.
 *
 * Only what is gone afterwards is recorded while bidding: an asking's notes, lines, traceback and
 * limits, and what tokens became. Misses of targets and the ranking are worked out when somebody
 * looks, from the decisions and the candidates, which last until the next request.
 */
#include "internal.h"

/* Makes room for one more in a list of the arena that has grown by doubling; gives its place. */
static void *add(struct mb_arena *arena, void **items, size_t *count, size_t size)
{
    if ((*count & (*count - 1)) == 0) { /* 0 or a power of two: full */
        void *more = mb_xarena_alloc(arena, (*count ? *count * 2 : 1) * size);

        if (*count > 0) {
            memcpy(more, *items, *count * size);
        }
        *items = more;
    }
    return (char *)*items + (*count)++ * size;
}

#define ADD(b, list, n)                                                                            \
    add(&(b)->arena, (void **)&(b)->traced.list, &(b)->traced.n, sizeof(*(b)->traced.list))

static void on_line(void *user, enum mb_log_level level, struct mb_slice text)
{
    struct mb_bidder *b = user;
    struct mb_trace_line *line = ADD(b, lines, n_lines);

    *line = (struct mb_trace_line){level, mb_xarena_copy(&b->arena, text)};
}

void mb__bidder_trace_lines(struct mb_bidder *b)
{
    if (b->script) {
        mb_script_set_on_line(b->script, b->watch ? on_line : NULL, b);
    }
}

struct trace_before mb__bidder_trace_before(struct mb_bidder *b,
                                            const struct mb_strategy *strategy)
{
    return (struct trace_before){.n_decisions = b->n_decisions,
                                 .n_lines = b->traced.n_lines,
                                 .lua_bytes = mb_script_lua_bytes(b->script),
                                 .calls = mb__bidder_state_of(b, strategy)->counts->calls};
}

void mb__bidder_trace_asked(struct mb_bidder *b, const struct mb_strategy *strategy,
                            const struct mb_imp *imp, const struct trace_before *before)
{
    struct mb_trace_step *step = ADD(b, steps, n_steps);
    size_t lua_bytes = mb_script_lua_bytes(b->script);
    struct mb_slice traceback = mb_script_traceback(b->script);

    *step = (struct mb_trace_step){.strategy = strategy,
                                   .imp = imp,
                                   .first = before->n_decisions,
                                   .count = b->n_decisions - before->n_decisions,
                                   .called =
                                       mb__bidder_state_of(b, strategy)->counts->calls != before->calls,
                                   .first_line = before->n_lines,
                                   .n_lines = b->traced.n_lines - before->n_lines};
    if (step->called) {
        step->notes = mb_script_notes(b->script);
        step->traceback =
            mb_slice_present(traceback) ? mb_xarena_copy(&b->arena, traceback) : MB_SLICE_NONE;
        step->cpu_ns = b->options.clock_ns ? b->took_ns : 0;
        step->lua_bytes = lua_bytes > before->lua_bytes ? lua_bytes - before->lua_bytes : 0;
    }
    mb__bidder_trace_limits(b, step);
}

void mb__bidder_trace_token(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice name,
                            struct mb_slice value)
{
    struct mb_trace_token *token;
    size_t i;

    for (i = 0; i < b->traced.n_tokens; i++) {
        token = &b->traced.tokens[i];
        if (token->bid == bid && mb_slice_eq(token->name, name)) {
            token->times++;
            return;
        }
    }
    token = ADD(b, tokens, n_tokens);
    *token = (struct mb_trace_token){
        bid, mb_xarena_copy(&b->arena, name),
        mb_slice_present(value) ? mb_xarena_copy(&b->arena, value) : MB_SLICE_NONE, 1};
}

/* --- when somebody looks --- */

/* Steps of strategies that were passed over, each before those of its impression that were asked.
 */
static void add_passed(struct mb_bidder *b)
{
    struct mb_trace before = b->traced;
    size_t asked = 0, i;

    b->traced.steps = NULL;
    b->traced.n_steps = 0;
    for (i = 0; i < b->n_decisions;) {
        const struct mb_decision *d = &b->decisions[i];
        struct mb_trace_step *step = ADD(b, steps, n_steps);

        if (asked < before.n_steps && before.steps[asked].first == i) {
            *step = before.steps[asked++];
        } else {
            struct mb_index_miss *misses =
                mb_xarena_array(&b->arena, MB_INDEX_MISSES_MAX, sizeof(*misses));

            *step = (struct mb_trace_step){
                .strategy = d->strategy, .imp = d->imp, .first = i, .count = 1, .misses = misses};
            step->n_misses =
                mb_index_misses(d->strategy, &b->request, d->imp, b->now_ms, &b->arena, misses);
        }
        i += step->count;
    }
}

/* Who went out on the impression in the same place, or, where one bid is taken, at all. */
static const struct candidate *winner_over(const struct mb_bidder *b, const struct mb_codec *codec,
                                           const struct candidate *loser)
{
    size_t i;

    for (i = 0; i < b->n_candidates; i++) {
        const struct candidate *c = &b->candidates[i];

        if (b->decisions[c->decision].outcome == MB_NOBID_BID &&
            (codec->bids_per_answer == 1 ||
             (mb_slice_eq(c->bid->imp->id, loser->bid->imp->id) &&
              (codec->bids_per_imp == 1 || mb__bidder_same_place(c->bid, loser->bid))))) {
            return c;
        }
    }
    return NULL;
}

static enum mb_trace_lost why_lost(const struct candidate *loser, const struct candidate *winner)
{
    if (!winner) {
        return MB_TRACE_FULL;
    }
    if (winner->bid->strategy->priority != loser->bid->strategy->priority) {
        return MB_TRACE_PRIORITY;
    }
    return winner->bid->ecpm.micros != loser->bid->ecpm.micros ? MB_TRACE_ECPM : MB_TRACE_DRAW;
}

static void add_ranks(struct mb_bidder *b)
{
    const struct mb_codec *codec = mb_exchange_codec(b->request.protocol);
    size_t i;

    b->traced.ranks = NULL;
    b->traced.n_ranks = 0;
    for (i = 0; i < b->n_candidates; i++) {
        const struct candidate *c = &b->candidates[i], *winner = NULL;
        enum mb_nobid outcome = b->decisions[c->decision].outcome;
        struct mb_trace_rank *rank = ADD(b, ranks, n_ranks);

        *rank = (struct mb_trace_rank){.decision = c->decision};
        if (outcome == MB_NOBID_OUTRANKED) {
            winner = winner_over(b, codec, c);
            rank->lost = why_lost(c, winner);
            rank->to = winner ? winner->bid : NULL;
        } else if (outcome != MB_NOBID_BID) {
            rank->lost = MB_TRACE_REFUSED;
        }
    }
}

const struct mb_trace *mb_bidder_trace(struct mb_bidder *b)
{
    if (b->watch && b->has_request && !b->traced.ranks) {
        add_passed(b);
        add_ranks(b);
    }
    return &b->traced;
}

const char *mb_trace_lost_name(enum mb_trace_lost lost)
{
    static const char *const names[] = {"won", "priority", "ecpm", "draw", "full", "refused"};

    return names[lost];
}
