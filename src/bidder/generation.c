/* generation.c - scripts and all that is worked out of them before they bid.
 *
 * The index of a thousand strategies takes a millisecond to build, that of ten thousand ten, and zone files are read for
 * it. So a generation is made whole elsewhere, by whoever loads it; the bidder only takes it up, between two requests.
 */
#include <stdlib.h>

#include "internal.h"

static void *array(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (!p) {
        abort();
    }
    return p;
}

/* Shadows have an index of their own, of copies that are enabled: those that bid never meet them. */
static void add_shadows(struct mb_generation *g)
{
    const struct mb_strategy *const *strategies;
    size_t count, i;

    strategies = mb_script_strategies(g->script, &count);
    for (i = 0; i < count; i++) {
        g->n_shadows += strategies[i]->shadow;
    }
    if (g->n_shadows == 0) {
        return;
    }
    g->shadows = array(count, sizeof(*g->shadows));
    g->shadow_list = array(count, sizeof(*g->shadow_list));
    for (i = 0; i < count; i++) {
        g->shadows[i] = *strategies[i];
        g->shadows[i].enabled = strategies[i]->shadow;
        g->shadow_list[i] = &g->shadows[i];
    }
    g->shadow_index = mb_xindex_new(g->shadow_list, count);
}

struct mb_generation *mb_xgeneration_new(struct mb_script *script)
{
    struct mb_generation *g = array(1, sizeof(*g));
    const struct mb_strategy *const *strategies;
    size_t count;

    g->script = script;
    strategies = mb_script_strategies(script, &count);
    g->index = mb_xindex_new(strategies, count);
    g->found = array(count, sizeof(*g->found));
    g->why = array(count, sizeof(*g->why));
    g->state_of = array(count, sizeof(struct strategy_state *));
    add_shadows(g);
    return g;
}

struct mb_script *mb_generation_give_up(struct mb_generation *g)
{
    struct mb_script *script;

    if (!g) {
        return NULL;
    }
    script = g->script;
    mb_index_free(g->index);
    mb_index_free(g->shadow_index);
    free(g->found);
    free(g->why);
    free(g->state_of);
    free(g->shadows);
    free(g->shadow_list);
    free(g);
    return script;
}

void mb_generation_free(struct mb_generation *g)
{
    mb_script_free(mb_generation_give_up(g));
}

struct mb_script *mb_generation_script(const struct mb_generation *g)
{
    return g->script;
}

/* --- in use --- */

struct mb_generation *mb_bidder_take_generation(struct mb_bidder *b, struct mb_generation *generation)
{
    struct mb_generation *before = b->generation;
    bool same = before && generation &&
                mb_slice_eq(mb_script_version(before->script), mb_script_version(generation->script));

    b->generation = generation;
    b->script = generation ? generation->script : NULL;
    b->n_versions += !same;
    mb__bidder_trace_lines(b);
    b->has_request = false;
    b->n_decisions = 0;
    return before;
}

struct mb_script *mb_bidder_take_script(struct mb_bidder *b, struct mb_script *script)
{
    struct mb_generation *before =
        mb_bidder_take_generation(b, script ? mb_xgeneration_new(script) : NULL);
    const struct mb_strategy *const *strategies;
    size_t count = 0, i;

    strategies = script ? mb_script_strategies(script, &count) : NULL;
    for (i = 0; i < count; i++) {
        (void)mb__bidder_state(b, strategies[i]->name); /* mb_bidder_counts knows all of them */
    }
    return mb_generation_give_up(before);
}

struct mb_script *mb_bidder_script(const struct mb_bidder *b)
{
    return b->script;
}
