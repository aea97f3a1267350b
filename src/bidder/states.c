/* states.c - what is counted per strategy, by name, so that a reload keeps it.
 *
 * A name has its slot in the guard for good, so a strategy finds its state by that. It does so when it is first asked, not
 * when its generation is taken up: that would be a wait between two requests that grows with the strategies.
 */
#include <stdlib.h>

#include "internal.h"
#include "moonbid/metrics.h"

static void *zeroed(size_t size)
{
    void *p = calloc(1, size);

    if (!p) {
        abort();
    }
    return p;
}

/* Counts go on from what is on the board. */
static void begin(struct mb_bidder *b, struct strategy_state *state, uint32_t slot)
{
    if (b->options.board && slot != MB_GUARD_NO_SLOT) {
        state->counts = &b->options.board->strategies[slot];
    } else {
        state->counts = state->own = zeroed(sizeof(*state->own));
    }
    state->next = b->states;
    b->states = state;
}

static struct strategy_state *state_of_slot(struct mb_bidder *b, uint32_t slot)
{
    struct strategy_state *state = &b->states_by_slot[slot];

    if (!state->counts) {
        begin(b, state, slot);
    }
    return state;
}

struct strategy_state *mb__bidder_state(struct mb_bidder *b, struct mb_slice strategy)
{
    struct strategy_state *state = mb_map_get(&b->states_by_name, strategy);
    uint32_t slot;

    if (state) {
        return state;
    }
    slot = mb_guard_slot(b->options.guard, strategy);
    if (slot != MB_GUARD_NO_SLOT) {
        state = state_of_slot(b, slot);
    } else {
        state = zeroed(sizeof(*state));
        state->has_no_slot = true;
        begin(b, state, slot);
    }
    mb_xmap_put(&b->states_by_name, strategy, state);
    return state;
}

/* Of a generation with other files than the one before no row of breaches goes on. */
struct strategy_state *mb__bidder_meet(struct mb_bidder *b, const struct mb_strategy *strategy)
{
    struct strategy_state *state = strategy->guard_slot < MB_GUARD_SLOTS_MAX
                                       ? state_of_slot(b, strategy->guard_slot)
                                       : mb__bidder_state(b, strategy->name);

    if (state->met != b->n_versions) {
        state->met = b->n_versions;
        state->breaches = 0;
    }
    state->tally_hash = mb__bidder_tally_hash(b, strategy->name);
    b->generation->state_of[strategy->index] = state;
    return state;
}

void mb__bidder_states_init(struct mb_bidder *b)
{
    b->states_by_slot = calloc(MB_GUARD_SLOTS_MAX, sizeof(*b->states_by_slot));
    if (!b->states_by_slot) {
        abort();
    }
}

void mb__bidder_states_fini(struct mb_bidder *b)
{
    struct strategy_state *next;

    for (struct strategy_state *state = b->states; state; state = next) {
        next = state->next;
        free(state->own);
        if (state->has_no_slot) {
            free(state);
        }
    }
    free(b->states_by_slot);
    mb_map_fini(&b->states_by_name);
}

/* The name's first byte goes last: whoever reads meanwhile sees a whole name or none. */
static void set_name(char *name, struct mb_slice text, size_t size)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    memcpy(name + 1, text.data + 1, len - 1);
    __atomic_store_n(name, text.data[0], __ATOMIC_RELEASE);
}

/* The strategy's own word; past 64 distinct ones the rest is "other". */
static void count_own(struct mb_strategy_counts *counts, struct mb_slice reason)
{
    size_t i;

    for (i = 0; i < sizeof(counts->own) / sizeof(counts->own[0]); i++) {
        if (!counts->own[i].name[0]) {
            set_name(counts->own[i].name, reason, sizeof(counts->own[i].name));
        }
        if (mb_slice_is(reason, counts->own[i].name)) {
            counts->own[i].count++;
            return;
        }
    }
    counts->other++;
}

void mb__bidder_count_decision(struct strategy_state *state, const struct mb_decision *decision)
{
    if (decision->outcome == MB_NOBID_BID) {
        state->counts->bids++;
        return;
    }
    state->counts->nobids[decision->outcome]++;
    if (decision->outcome == MB_NOBID_SCRIPT) {
        count_own(state->counts, decision->own_reason);
    }
}

const struct mb_strategy_counts *mb_bidder_counts(const struct mb_bidder *b, struct mb_slice strategy)
{
    const struct strategy_state *state = mb_map_get(&b->states_by_name, strategy);

    return state ? state->counts : NULL;
}

/* --- sums --- */

void mb_bidder_add_totals(struct mb_bidder_counts *into, const struct mb_bidder_counts *from)
{
    into->requests += mb_metrics_read(&from->requests);
    into->bids += mb_metrics_read(&from->bids);
    into->nobids += mb_metrics_read(&from->nobids);
    into->bad_requests += mb_metrics_read(&from->bad_requests);
    into->notices += mb_metrics_read(&from->notices);
    into->forged += mb_metrics_read(&from->forged);
    into->expired += mb_metrics_read(&from->expired);
    into->unattributed += mb_metrics_read(&from->unattributed);
    into->duplicates += mb_metrics_read(&from->duplicates);
    into->token_failures += mb_metrics_read(&from->token_failures);
    into->unpriced += mb_metrics_read(&from->unpriced);
    into->overpriced += mb_metrics_read(&from->overpriced);
    into->repriced += mb_metrics_read(&from->repriced);
}

static void add_own(struct mb_strategy_counts *into, const char *name, uint64_t count)
{
    size_t i;

    for (i = 0; i < sizeof(into->own) / sizeof(into->own[0]); i++) {
        if (!into->own[i].name[0]) {
            memcpy(into->own[i].name, name, sizeof(into->own[i].name));
        }
        if (strcmp(into->own[i].name, name) == 0) {
            into->own[i].count += count;
            return;
        }
    }
    into->other += count;
}

static void add_shadow(struct mb_shadow_counts *into, const struct mb_shadow_counts *from)
{
    into->asked += mb_metrics_read(&from->asked);
    into->failures += mb_metrics_read(&from->failures);
    into->refused += mb_metrics_read(&from->refused);
    into->bids += mb_metrics_read(&from->bids);
    into->beside += mb_metrics_read(&from->beside);
    into->bid_micros += __atomic_load_n(&from->bid_micros, __ATOMIC_RELAXED);
    into->wins += mb_metrics_read(&from->wins);
    into->losses += mb_metrics_read(&from->losses);
    into->unknown += mb_metrics_read(&from->unknown);
    into->spend_nanos += __atomic_load_n(&from->spend_nanos, __ATOMIC_RELAXED);
    into->live_wins += mb_metrics_read(&from->live_wins);
    into->live_nanos += __atomic_load_n(&from->live_nanos, __ATOMIC_RELAXED);
    into->expected_bids += mb_metrics_read(&from->expected_bids);
    into->expected_wins_millionths += mb_metrics_read(&from->expected_wins_millionths);
    into->expected_nanos += __atomic_load_n(&from->expected_nanos, __ATOMIC_RELAXED);
}

void mb_bidder_add_counts(struct mb_strategy_counts *into, const struct mb_strategy_counts *from)
{
    size_t i;

    into->calls += mb_metrics_read(&from->calls);
    into->bids += mb_metrics_read(&from->bids);
    into->duplicates += mb_metrics_read(&from->duplicates);
    into->other += mb_metrics_read(&from->other);
    into->timed += mb_metrics_read(&from->timed);
    into->timed_ns += mb_metrics_read(&from->timed_ns);
    add_shadow(&into->shadow, &from->shadow);
    for (i = 0; i < MB_NOBID_COUNT; i++) {
        into->nobids[i] += mb_metrics_read(&from->nobids[i]);
    }
    for (i = 0; i < MB_EVENT_COUNT; i++) {
        into->events[i] += mb_metrics_read(&from->events[i]);
    }
    for (i = 0; i < sizeof(from->own) / sizeof(from->own[0]); i++) {
        if (!__atomic_load_n(&from->own[i].name[0], __ATOMIC_ACQUIRE)) {
            break;
        }
        add_own(into, from->own[i].name, mb_metrics_read(&from->own[i].count));
    }
}
