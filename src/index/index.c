/* index.c - one bit a strategy, one table a key.
 *
 * For each key there is a table from value to the strategies that name it, so an impression's value
 * finds all of them with one look-up, however many strategies there are. Starting from the enabled
 * ones, each key keeps those without an include and those whose include was hit, and takes out
 * those whose exclude was hit; the first key that leaves nobody ends it.
 *
 * Of the keys whose values cost nothing, the one that leaves the fewest is asked first, by what the
 * targets themselves say. From then on only the words of the set that still have a bit are looked
 * at: with ten thousand strategies, one each for a zone, there is one word left after the zone.
 *
 *     value -> a strategy that names it alone: its number        most values of zones and domains
 *           -> strategies that name it: numbers, or bits where those are shorter
 *           -> and, where nearly all name it, those who do not   exchange, format, language
 *
 * Long list files are not spread over the table: strategies that share one stand in one row, and
 * the list itself is asked, where it lies for all workers. So each row costs a look-up for as long
 * as one of its strategies is left, and keys with such rows come last.
 *
 * This file builds the index, find.c asks it.
 */
#include "internal.h"

#include <stdlib.h>

enum {
    SPREAD_MAX = 1024,          /* a file with more values is kept as a row */
    SPREAD_IN_ALL = 256 * 1024, /* and so is each file past so many values: some 100 bytes each */
    ROWS_FEW = 8,               /* files that are asked as cheaply as values */
};

static uint64_t *new_bits(struct mb_index *index)
{
    return mb_xarena_array(&index->arena, index->words, sizeof(uint64_t));
}

/* Bits where numbers would be longer. */
static void to_bits(struct mb_index *index, struct mb__some *some)
{
    some->bits = new_bits(index);
    for (uint32_t i = 0; i < some->count; i++) {
        mb__index_set_bit(some->bits, some->numbers[i]);
    }
    some->numbers = NULL;
}

static bool is_last(const struct mb__some *some, size_t i)
{
    return some->numbers ? some->count > 0 && some->numbers[some->count - 1] == i
                         : some->bits && mb__index_has_bit(some->bits, i);
}

/* Strategies come in ascending order. False: it was there already. */
static bool add_to(struct mb_index *index, struct mb__some *some, size_t i)
{
    if (is_last(some, i)) {
        return false;
    }
    if (!some->bits && some->count >= 2 * index->words) {
        to_bits(index, some);
    }
    if (!some->bits && some->count == some->room) {
        uint32_t room = some->room ? 2 * some->room : 1;
        uint32_t *numbers = mb_xarena_array(&index->arena, room, sizeof(*numbers));

        if (some->count > 0) {
            memcpy(numbers, some->numbers, some->count * sizeof(*numbers));
        }
        some->numbers = numbers;
        some->room = room;
    }
    if (some->bits) {
        mb__index_set_bit(some->bits, i);
    } else {
        some->numbers[some->count] = (uint32_t)i;
    }
    some->count++;
    return true;
}

static void add_value(struct mb_index *index, struct mb__table *table, struct mb_slice value,
                      size_t i)
{
    struct mb__some *some = mb_map_get(&table->values, value);

    if (!some) {
        some = mb_xarena_alloc(&index->arena, sizeof(*some));
        (void)mb_xmap_put(&table->values, value, some);
    }
    table->named += add_to(index, some, i);
}

/* The rows of a file as values, in the case that values have. */
static void spread(struct mb_index *index, struct mb__table *table, enum mb_target_key key,
                   const struct mb_rows *list, size_t i)
{
    struct mb_buf text = {0};
    size_t at = 0;

    for (struct mb_slice row; mb_slice_present(row = mb_rows_next(list, &at));) {
        mb_buf_clear(&text);
        mb_xbuf_add(&text, row.data, row.len);
        for (size_t k = 0; k < text.len; k++) {
            text.data[k] = mb__index_spell(key, text.data[k]);
        }
        add_value(index, table, mb_buf_slice(&text), i);
    }
    mb_buf_fini(&text);
    index->n_spread += list->count;
}

static void add_row(struct mb_index *index, struct mb__table *table, const struct mb_rows *list,
                    size_t i)
{
    size_t at = 0;

    while (at < table->n_rows && table->rows[at].list != list) {
        at++;
    }
    if (at == table->n_rows) {
        if (!table->rows) {
            table->rows = mb_xarena_array(&index->arena, index->count, sizeof(*table->rows));
        }
        table->rows[table->n_rows++].list = list;
    }
    (void)add_to(index, &table->rows[at].owners, i);
}

static void add_set(struct mb_index *index, struct mb__table *table, enum mb_target_key key,
                    const struct mb_target_set *set, size_t i)
{
    table->used = true;
    for (size_t k = 0; k < set->values.count; k++) {
        add_value(index, table, set->values.items[k], i);
    }
    if (set->list && set->list->count <= SPREAD_MAX &&
        index->n_spread + set->list->count <= SPREAD_IN_ALL) {
        spread(index, table, key, set->list, i);
    } else if (set->list) {
        add_row(index, table, set->list, i);
    }
}

static void add_target(struct mb_index *index, const struct mb_target *target, size_t i)
{
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        struct mb__key *key = &index->keys[k];

        if (target->include[k]) {
            add_set(index, &key->include, (enum mb_target_key)k, target->include[k], i);
        } else {
            mb__index_set_bit(key->any, i);
            key->n_any++;
        }
        if (target->exclude[k]) {
            add_set(index, &key->exclude, (enum mb_target_key)k, target->exclude[k], i);
        }
    }
}

/* How many strategies a key is likely to leave: those that do not name it, and as many as a value
 * has on average. */
static double expected_left(const struct mb__key *key)
{
    double left = (double)key->n_any;

    if (key->include.values.count > 0) {
        left += (double)key->include.named / (double)key->include.values.count;
    }
    return left;
}

/* Keys whose values cost nothing come before those that may have to be worked out first, from the
 * address or the user agent; and those with many files to ask behind all others. */
static int cost_of(const struct mb__key *key, enum mb_target_key k)
{
    if (key->include.n_rows + key->exclude.n_rows > ROWS_FEW) {
        return 2;
    }
    return k == MB_TARGET_COUNTRY || k == MB_TARGET_REGION || k == MB_TARGET_CITY ||
           k == MB_TARGET_DEVICE || k == MB_TARGET_OS || k == MB_TARGET_BROWSER;
}

static bool goes_before(const struct mb_index *index, enum mb_target_key a, enum mb_target_key b)
{
    const struct mb__key *first = &index->keys[a], *second = &index->keys[b];
    int difference = cost_of(first, a) - cost_of(second, b);

    return difference < 0 || (difference == 0 && expected_left(first) < expected_left(second));
}

static bool is_in(const struct mb__some *some, size_t i)
{
    uint32_t low = 0, high = some->count;

    if (some->bits) {
        return mb__index_has_bit(some->bits, i);
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (some->numbers[middle] == i) {
            return true;
        }
        if (some->numbers[middle] < i) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Notes who else names the key, where they are few. */
static void note_others(struct mb_index *index, const struct mb__key *key, struct mb__some *some)
{
    size_t n_others = index->n_enabled - key->n_any - some->count;

    if (n_others >= some->count || n_others > index->words) {
        return;
    }
    some->others = mb_xarena_array(&index->arena, n_others, sizeof(*some->others));
    some->has_others = true;
    for (size_t i = 0; i < index->count && some->n_others < n_others; i++) {
        if (mb__index_has_bit(index->enabled, i) && !mb__index_has_bit(key->any, i) &&
            !is_in(some, i)) {
            some->others[some->n_others++] = (uint32_t)i;
        }
    }
}

static void note_all_others(struct mb_index *index)
{
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        const struct mb__key *key = &index->keys[k];
        const struct mb_map_entry *entry;
        size_t at = 0;

        while ((entry = mb_map_next(&key->include.values, &at))) {
            note_others(index, key, entry->value);
        }
    }
}

static void number_values(struct mb_index *index, struct mb__table *table, enum mb_target_key k)
{
    size_t codes = mb__index_codes(k);
    char room[2];

    if (codes == 0 || !table->used || table->n_rows > 0) {
        return;
    }
    table->by_code = mb_xarena_array(&index->arena, codes, sizeof(*table->by_code));
    for (size_t code = 0; code < codes; code++) {
        struct mb_slice text = mb__index_code_text(k, code, room);

        table->by_code[code] = mb_slice_empty(text) ? NULL : mb_map_get(&table->values, text); /* MB_FORMAT_NONE is no value */
    }
}

static void number_all_values(struct mb_index *index)
{
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        number_values(index, &index->keys[k].include, (enum mb_target_key)k);
        number_values(index, &index->keys[k].exclude, (enum mb_target_key)k);
    }
}

static void put_in_order(struct mb_index *index)
{
    for (size_t i = 0; i < MB_TARGET_COUNT; i++) {
        enum mb_target_key k = (enum mb_target_key)i;
        size_t at = index->n_used;

        if (!index->keys[k].include.used && !index->keys[k].exclude.used) {
            continue;
        }
        for (; at > 0 && goes_before(index, k, index->order[at - 1]); at--) {
            index->order[at] = index->order[at - 1];
        }
        index->order[at] = k;
        index->n_used++;
    }
}

static void add_zone(struct mb_index *index, struct mb_slice name, size_t i)
{
    size_t at = 0;

    while (at < index->n_zones && !mb_slice_eq(index->zone_names[at], name)) {
        at++;
    }
    if (at == index->n_zones) {
        index->zones = realloc(index->zones, (at + 1) * sizeof(*index->zones));
        index->zone_names = realloc(index->zone_names, (at + 1) * sizeof(*index->zone_names));
        if (!index->zones || !index->zone_names) {
            abort();
        }
        mb__index_load_zone(name, &index->zones[at]);
        index->zone_names[at] = name;
        index->n_zones++;
    }
    index->zone_of[i] = (uint32_t)at;
}

struct mb_index *mb_xindex_new(const struct mb_strategy *const *strategies, size_t count)
{
    struct mb_index *index = calloc(1, sizeof(*index));

    if (!index || count > MB__INDEX_STRATEGIES_MAX) {
        abort();
    }
    mb_arena_init(&index->arena, 4096);
    index->strategies = strategies;
    index->count = count;
    index->words = (count / 64 / MB__INDEX_BLOCK + 1) * MB__INDEX_BLOCK;
    index->enabled = new_bits(index);
    index->timed = new_bits(index);
    index->clock = mb_xarena_alloc(&index->arena, sizeof(*index->clock));
    index->clock->bits = new_bits(index);
    index->zone_of = mb_xarena_array(&index->arena, count + 1, sizeof(*index->zone_of));
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        index->keys[k].any = new_bits(index);
    }
    for (size_t i = 0; i < count; i++) {
        if (!strategies[i]->enabled) {
            continue;
        }
        mb__index_set_bit(index->enabled, i);
        index->n_enabled++;
        add_target(index, &strategies[i]->target, i);
        if (mb__index_is_timed(&strategies[i]->target)) {
            mb__index_set_bit(index->timed, i);
            add_zone(index, strategies[i]->limits.timezone, i);
            index->n_timed++;
        }
    }
    note_all_others(index);
    number_all_values(index);
    put_in_order(index);
    return index;
}

void mb_index_free(struct mb_index *index)
{
    if (!index) {
        return;
    }
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        mb_map_fini(&index->keys[k].include.values);
        mb_map_fini(&index->keys[k].exclude.values);
    }
    mb_arena_fini(&index->arena);
    free(index->zones);
    free(index->zone_names);
    free(index);
}
