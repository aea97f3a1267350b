/* sums.c - what one thread counts, and what all came to.
 *
 * A strategy may have several bids on an impression, so decisions meet in their order among those
 * of the same strategy and impression.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Mostly the one before, for a request asks few. */
static struct mb_replay_strategy *strategy_of(struct mb__sums *sums, struct mb_slice name)
{
    struct mb_replay_strategy *s = sums->last;

    if (s && mb_slice_eq(s->name, name)) {
        return s;
    }
    s = mb_map_get(&sums->strategies, name);
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s) {
            abort();
        }
        s->name = mb_xarena_copy(&sums->result.arena, name);
        mb_xmap_put(&sums->strategies, s->name, s);
    }
    sums->last = s;
    return s;
}

void mb__sums_fini(struct mb__sums *sums)
{
    const struct mb_map_entry *entry;
    size_t at = 0;

    mb_map_fini(&sums->rows); /* what they hold is in the arena */
    mb__market_free(sums->market);
    while ((entry = mb_map_next(&sums->strategies, &at))) {
        free(entry->value);
    }
    mb_map_fini(&sums->strategies);
    mb_arena_fini(&sums->result.arena);
}

/* --- one request --- */

static bool same_place(const struct mb_replay_did *a, const struct mb_replay_did *b)
{
    return a->imp == b->imp && mb_slice_eq(a->strategy, b->strategy);
}

static const struct mb_replay_did *find(const struct mb_replay_did *list, size_t count,
                                        const struct mb_replay_did *what, size_t ordinal)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (same_place(&list[i], what) && ordinal-- == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Do both lists have the same places in the same order? They do where the same scripts decide. */
static bool in_step(const struct mb_replay_did *a, size_t n_a, const struct mb_replay_did *b,
                    size_t n_b)
{
    size_t i = 0;

    while (i < n_a && i < n_b && same_place(&a[i], &b[i])) {
        i++;
    }
    return i == n_a && i == n_b;
}

static size_t ordinal_of(const struct mb_replay_did *list, size_t place)
{
    size_t i, ordinal = 0;

    for (i = 0; i < place; i++) {
        ordinal += same_place(&list[i], &list[place]);
    }
    return ordinal;
}

static void say(const struct mb_replay_did *did, char *out, size_t size)
{
    struct mb_buf price = {0};

    if (!did) {
        snprintf(out, size, "not asked");
    } else if (did->outcome == MB_NOBID_BID) {
        mb_xbuf_add_price(&price, did->price);
        snprintf(out, size, "bid %s %.*s", mb_model_name(did->model),
                 MB_SLICE_ARG(mb_buf_slice(&price)));
    } else if (did->outcome == MB_NOBID_SCRIPT) {
        snprintf(out, size, "no bid: %.*s", MB_SLICE_ARG(did->own));
    } else {
        snprintf(out, size, "no bid: %s",
                 did->outcome < MB_NOBID_COUNT ? mb_nobid_name(did->outcome) : "?");
    }
    mb_buf_fini(&price);
}

static void keep_example(struct mb__sums *sums, struct mb_replay_strategy *s,
                         const struct mb_replay_did *before, const struct mb_replay_did *after,
                         size_t file, uint64_t line)
{
    struct mb_replay_example *example;
    char was[100], is[100];

    if (s->n_examples == MB_REPLAY_EXAMPLES) {
        return;
    }
    example = &s->examples[s->n_examples++];
    example->file = mb_slice_of(sums->paths[file]);
    example->line = line;
    say(before, was, sizeof(was));
    say(after, is, sizeof(is));
    snprintf(example->text, sizeof(example->text), "%s -> %s", was, is);
}

/* True: no difference. */
static bool count_one(struct mb__sums *sums, const struct mb_replay_did *before,
                      const struct mb_replay_did *after, size_t file, uint64_t line)
{
    struct mb_replay_strategy *s = strategy_of(sums, before ? before->strategy : after->strategy);
    bool follows;
    enum mb_replay_change change = mb_replay_compare(before, after, &follows);

    s->decisions++;
    s->same += change == MB_REPLAY_SAME;
    if (change == MB_REPLAY_SAME) {
        return true;
    }
    if (follows) {
        s->followed++;
    } else {
        s->changes[change]++;
        keep_example(sums, s, before, after, file, line);
    }
    return false;
}

void mb__sums_add(struct mb__sums *sums, const struct mb_replay_record *record,
                  const struct mb_replay_did *again, size_t n_again, size_t file, uint64_t line)
{
    bool same = true, paired = in_step(record->did, record->n_did, again, n_again);
    size_t i;

    for (i = 0; i < record->n_did; i++) {
        const struct mb_replay_did *after =
            paired ? &again[i]
                   : find(again, n_again, &record->did[i], ordinal_of(record->did, i));

        same = count_one(sums, &record->did[i], after, file, line) && same;
        sums->result.bids += record->did[i].outcome == MB_NOBID_BID;
    }
    for (i = 0; i < n_again && !paired; i++) {
        if (!find(record->did, record->n_did, &again[i], ordinal_of(again, i))) {
            same = count_one(sums, NULL, &again[i], file, line) && same;
        }
    }
    sums->result.requests++;
    sums->result.decisions += record->n_did;
    sums->result.identical += same;
    sums->result.other_scripts += !mb_slice_eq(record->scripts, sums->version);
}

/* --- against other scripts --- */

static struct mb_slice reason_of(const struct mb_replay_did *did)
{
    if (!did) {
        return MB_SLICE("not asked");
    }
    if (did->outcome == MB_NOBID_SCRIPT) {
        return did->own;
    }
    return did->outcome < MB_NOBID_COUNT ? mb_slice_of(mb_nobid_name(did->outcome)) : MB_SLICE("?");
}

static struct mb_replay_row *row_in(struct mb_map *rows, struct mb_arena *arena,
                                    struct mb_slice strategy, enum mb_replay_change change,
                                    struct mb_slice reason)
{
    char text[192];
    int len = snprintf(text, sizeof(text), "%.*s\x1f%d\x1f%.*s", MB_SLICE_ARG(strategy),
                       (int)change, MB_SLICE_ARG(reason));
    struct mb_slice key = {text,
                           len < 0 || len >= (int)sizeof(text) ? sizeof(text) - 1 : (size_t)len};
    struct mb_replay_row *row = mb_map_get(rows, key);

    if (!row) {
        row = mb_xarena_alloc(arena, sizeof(*row));
        row->strategy = mb_xarena_copy(arena, strategy);
        row->reason = mb_xarena_copy(arena, reason);
        row->change = change;
        mb_xmap_put(rows, mb_xarena_copy(arena, key), row);
    }
    return row;
}

static double price_of(const struct mb_replay_did *did)
{
    return did && did->outcome == MB_NOBID_BID ? (double)did->price.micros / 1e6 : 0;
}

/* Neither bids, for the same reason: what they would have bid makes no difference to anybody. */
static bool is_same_refusal(enum mb_replay_change change, const struct mb_replay_did *before,
                            const struct mb_replay_did *after)
{
    return change == MB_REPLAY_OTHER_REASON && before && after &&
           mb_slice_eq(reason_of(before), reason_of(after));
}

static bool count_change(struct mb__sums *sums, const struct mb_replay_did *before,
                         const struct mb_replay_did *after)
{
    bool follows;
    enum mb_replay_change change = mb_replay_compare(before, after, &follows);
    struct mb_slice reason = MB_SLICE("");
    struct mb_replay_row *row;

    if (change == MB_REPLAY_SAME || is_same_refusal(change, before, after)) {
        return true;
    }
    if (change == MB_REPLAY_NEW_BID) {
        reason = reason_of(before);
    } else if (change == MB_REPLAY_LOST_BID || change == MB_REPLAY_OTHER_REASON) {
        reason = reason_of(after);
    }
    row = row_in(&sums->rows, &sums->result.arena, (before ? before : after)->strategy, change,
                 reason);
    row->count++;
    row->price_before += price_of(before);
    row->price_after += price_of(after);
    return false;
}

void mb__sums_against(struct mb__sums *sums, const struct mb_replay_record *record,
                      const struct mb_replay_did *before, size_t n_before,
                      const struct mb_replay_did *after, size_t n_after)
{
    bool same = true;
    size_t i;

    for (i = 0; i < n_before; i++) {
        same = count_change(sums, &before[i],
                            find(after, n_after, &before[i], ordinal_of(before, i))) &&
               same;
    }
    for (i = 0; i < n_after; i++) {
        size_t ordinal = ordinal_of(after, i);
        const struct mb_replay_did *recorded = find(record->did, record->n_did, &after[i], ordinal);

        if (!find(before, n_before, &after[i], ordinal)) {
            same = count_change(sums, NULL, &after[i]) && same;
        }
        if (after[i].outcome == MB_NOBID_BID) {
            mb__market_new_bid(sums->market, record->endpoint, &after[i],
                               recorded ? recorded->id : MB_SLICE_NONE, record->in.seed);
        }
    }
    for (i = 0; i < record->n_did; i++) {
        if (record->did[i].outcome == MB_NOBID_BID) {
            mb__market_bid(sums->market, record->endpoint, &record->did[i]);
        }
    }
    sums->result.differ += !same;
}

/* --- all threads --- */

static struct mb_replay_strategy *place_of(struct mb_replay_result *into, struct mb_slice name)
{
    struct mb_replay_strategy *list;
    size_t i = 0;

    while (i < into->n_strategies && !mb_slice_eq(into->strategies[i].name, name)) {
        i++;
    }
    if (i < into->n_strategies) {
        return &into->strategies[i];
    }
    list = realloc(into->strategies, (i + 1) * sizeof(*list));
    if (!list) {
        abort();
    }
    into->strategies = list;
    memset(&list[i], 0, sizeof(list[i]));
    list[i].name = mb_xarena_copy(&into->arena, name);
    into->n_strategies++;
    return &list[i];
}

static void merge_strategy(struct mb_replay_strategy *into, const struct mb_replay_strategy *from)
{
    size_t i;

    into->decisions += from->decisions;
    into->same += from->same;
    into->followed += from->followed;
    for (i = 0; i < MB_REPLAY_CHANGES; i++) {
        into->changes[i] += from->changes[i];
    }
    for (i = 0; i < from->n_examples && into->n_examples < MB_REPLAY_EXAMPLES; i++) {
        into->examples[into->n_examples++] = from->examples[i];
    }
}

static int by_name(const void *a, const void *b)
{
    const struct mb_replay_strategy *left = a, *right = b;

    return strcmp(left->name.data, right->name.data);
}

static int by_strategy(const void *a, const void *b)
{
    const struct mb_replay_row *left = a, *right = b;
    int order = strcmp(left->strategy.data, right->strategy.data);

    if (order == 0) {
        order = (int)left->change - (int)right->change;
    }
    if (order == 0) {
        order = left->count < right->count ? 1 : left->count > right->count ? -1 : 0;
    }
    return order ? order : strcmp(left->reason.data, right->reason.data);
}

static void merge_row(struct mb_replay_result *into, const struct mb_replay_row *row)
{
    struct mb_replay_row *list;
    size_t i = 0;

    while (i < into->n_rows && !(into->rows[i].change == row->change &&
                                 mb_slice_eq(into->rows[i].reason, row->reason) &&
                                 mb_slice_eq(into->rows[i].strategy, row->strategy))) {
        i++;
    }
    if (i == into->n_rows) {
        list = realloc(into->rows, (i + 1) * sizeof(*list));
        if (!list) {
            abort();
        }
        into->rows = list;
        list[i] = (struct mb_replay_row){.strategy = mb_xarena_copy(&into->arena, row->strategy),
                                         .reason = mb_xarena_copy(&into->arena, row->reason),
                                         .change = row->change};
        into->n_rows++;
    }
    into->rows[i].count += row->count;
    into->rows[i].price_before += row->price_before;
    into->rows[i].price_after += row->price_after;
}

static void merge_rows(struct mb_replay_result *into, const struct mb__sums *from)
{
    const struct mb_map_entry *entry;
    size_t at = 0;

    while ((entry = mb_map_next(&from->rows, &at))) {
        merge_row(into, entry->value);
    }
    if (into->n_rows > 1) {
        qsort(into->rows, into->n_rows, sizeof(*into->rows), by_strategy);
    }
}

void mb__sums_merge(struct mb_replay_result *into, const struct mb__sums *from)
{
    const struct mb_map_entry *entry;
    size_t at = 0;

    into->requests += from->result.requests;
    into->bids += from->result.bids;
    into->decisions += from->result.decisions;
    into->outcomes += from->result.outcomes;
    into->identical += from->result.identical;
    into->other_scripts += from->result.other_scripts;
    into->no_endpoint += from->result.no_endpoint;
    into->bad_lines += from->result.bad_lines;
    into->cpu_ns += from->result.cpu_ns;
    into->differ += from->result.differ;
    merge_rows(into, from);
    while ((entry = mb_map_next(&from->strategies, &at))) {
        struct mb_replay_strategy *s = entry->value;

        merge_strategy(place_of(into, s->name), s);
    }
    if (into->n_strategies > 1) {
        qsort(into->strategies, into->n_strategies, sizeof(*into->strategies), by_name);
    }
}

void mb_replay_result_fini(struct mb_replay_result *result)
{
    free(result->strategies);
    free(result->rows);
    free(result->money);
    free(result->points);
    mb_arena_fini(&result->arena);
}
