/* states.c - what is counted per strategy, by name, so that a reload keeps it.
 */
#include <stdlib.h>

#include "internal.h"

struct strategy_state *mb__bidder_state(struct mb_bidder *b, struct mb_slice strategy)
{
    struct strategy_state *state = mb_map_get(&b->states, strategy);

    if (!state) {
        state = calloc(1, sizeof(*state));
        if (!state) {
            abort();
        }
        mb_xmap_put(&b->states, strategy, state);
    }
    return state;
}

void mb__bidder_states_fini(struct mb_bidder *b)
{
    const struct mb_map_entry *entry;
    size_t at = 0;

    while ((entry = mb_map_next(&b->states, &at))) {
        free(entry->value);
    }
    mb_map_fini(&b->states);
}

/* The strategy's own word; past 64 distinct ones the rest is "other". */
static void count_own(struct mb_strategy_counts *counts, struct mb_slice reason)
{
    size_t i;

    for (i = 0; i < sizeof(counts->own) / sizeof(counts->own[0]); i++) {
        if (!counts->own[i].name[0]) {
            size_t len = reason.len < sizeof(counts->own[i].name) - 1
                             ? reason.len
                             : sizeof(counts->own[i].name) - 1;

            memcpy(counts->own[i].name, reason.data, len);
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
        state->counts.bids++;
        return;
    }
    state->counts.nobids[decision->outcome]++;
    if (decision->outcome == MB_NOBID_SCRIPT) {
        count_own(&state->counts, decision->own_reason);
    }
}

const struct mb_strategy_counts *mb_bidder_counts(const struct mb_bidder *b, struct mb_slice strategy)
{
    const struct strategy_state *state = mb_map_get(&b->states, strategy);

    return state ? &state->counts : NULL;
}
