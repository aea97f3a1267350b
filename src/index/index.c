/* index.c - one bit a strategy, one table a key.
 *
 * For each key there is a table from value to the strategies that name it, so an impression's value
 * finds all of them with one look-up, however many strategies there are. Starting from the enabled
 * ones, each key keeps those without an include and those whose include was hit, and takes out
 * those whose exclude was hit; the first key that leaves nobody ends it.
 *
 * The key that leaves the fewest is asked first, by what the targets themselves say. From then on
 * only the words of the set that still have a bit are looked at: with ten thousand strategies, one
 * each for a zone, there is one word left after the zone.
 *
 *     value -> a strategy that names it alone: its number        most values of zones and domains
 *           -> strategies that name it: numbers, or bits where those are shorter
 *
 * Long list files are not spread over the table: strategies that share one stand in one row, and
 * the list itself is asked, where it lies for all workers. So each row costs a look-up for as long
 * as one of its strategies is left, and keys with such rows come last.
 *
 * Hours come at the end: which strategies have theirs now is worked out once a minute.
 */
#include "internal.h"

#include <stdlib.h>

#include "moonbid/base/zone.h"

enum {
    STRATEGIES_MAX = 16384,              /* as many as have a slot in the guard */
    WORDS_MAX = STRATEGIES_MAX / 64 + 1, /* of a set of strategies */
    SPREAD_MAX = 1024,                   /* a file with more values is kept as a row */
    SPREAD_IN_ALL = 256 * 1024, /* and so is each file beyond so many values: some 100 bytes each */
};

static const int64_t MINUTE_MS = 60000;

/* Some of the strategies. */
struct some {
    uint32_t *numbers; /* NULL: bits */
    uint64_t *bits;
    uint32_t count, room;
};

/* A list file, and who has it. */
struct row {
    const struct mb_rows *list;
    struct some owners;
};

/* Which strategies name a value. */
struct table {
    struct mb_map values; /* value -> struct some */
    struct row *rows;
    size_t n_rows;
    size_t named; /* sum over all values of the strategies that name them */
    bool used;
};

struct key {
    struct table include, exclude;
    uint64_t *any; /* strategies without an include of this key */
    size_t n_any;
};

/* Which strategies have their hours in the minute that was asked for last. */
struct clock {
    int64_t minute;
    bool asked;
    uint64_t *bits;
};

struct mb_index {
    const struct mb_strategy *const *strategies;
    size_t count, words;
    struct key keys[MB_TARGET_COUNT];
    enum mb_target_key order[MB_TARGET_COUNT]; /* in which keys are asked */
    size_t n_used;
    size_t n_spread; /* values of files */
    uint64_t *enabled;
    uint64_t *timed; /* strategies with hours */
    size_t n_timed;
    struct clock *clock;
    struct mb_zone *zones; /* distinct ones */
    struct mb_slice *zone_names;
    size_t n_zones;
    uint32_t *zone_of;     /* strategy -> zone */
    struct mb_arena arena; /* all of the above but the tables */
};

/* A set on its way to being small: `at` has the words that still have a bit. */
struct left {
    uint64_t bits[WORDS_MAX];
    uint16_t at[WORDS_MAX];
    size_t n;
};

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool has_bit(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

/* --- building --- */

static uint64_t *new_bits(struct mb_index *index)
{
    return mb_xarena_array(&index->arena, index->words, sizeof(uint64_t));
}

/* Bits where numbers would be longer. */
static void to_bits(struct mb_index *index, struct some *some)
{
    some->bits = new_bits(index);
    for (uint32_t i = 0; i < some->count; i++) {
        set_bit(some->bits, some->numbers[i]);
    }
    some->numbers = NULL;
}

static bool is_last(const struct some *some, size_t i)
{
    return some->numbers ? some->count > 0 && some->numbers[some->count - 1] == i
                         : some->bits && has_bit(some->bits, i);
}

/* Strategies come in ascending order. False: it was there already. */
static bool add_to(struct mb_index *index, struct some *some, size_t i)
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
        set_bit(some->bits, i);
    } else {
        some->numbers[some->count] = (uint32_t)i;
    }
    some->count++;
    return true;
}

static void add_value(struct mb_index *index, struct table *table, struct mb_slice value, size_t i)
{
    struct some *some = mb_map_get(&table->values, value);

    if (!some) {
        some = mb_xarena_alloc(&index->arena, sizeof(*some));
        (void)mb_xmap_put(&table->values, value, some);
    }
    table->named += add_to(index, some, i);
}

/* The rows of a file as values, in the case that values have. */
static void spread(struct mb_index *index, struct table *table, enum mb_target_key key,
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

static void add_row(struct mb_index *index, struct table *table, const struct mb_rows *list,
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

static void add_set(struct mb_index *index, struct table *table, enum mb_target_key key,
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
        struct key *key = &index->keys[k];

        if (target->include[k]) {
            add_set(index, &key->include, (enum mb_target_key)k, target->include[k], i);
        } else {
            set_bit(key->any, i);
            key->n_any++;
        }
        if (target->exclude[k]) {
            add_set(index, &key->exclude, (enum mb_target_key)k, target->exclude[k], i);
        }
    }
}

/* How many strategies a key is likely to leave: those that do not name it, and as many as a value
 * has on average. Keys with rows come behind all others. */
static double expected_left(const struct mb_index *index, enum mb_target_key k)
{
    const struct key *key = &index->keys[k];
    size_t n_rows = key->include.n_rows + key->exclude.n_rows;
    double left = (double)key->n_any;

    if (key->include.values.count > 0) {
        left += (double)key->include.named / (double)key->include.values.count;
    }
    return n_rows > 0 ? (double)index->count * (double)(1 + n_rows) + left : left;
}

static void put_in_order(struct mb_index *index)
{
    for (size_t i = 0; i < MB_TARGET_COUNT; i++) {
        enum mb_target_key k = (enum mb_target_key)i;
        size_t at = index->n_used;

        if (!index->keys[k].include.used && !index->keys[k].exclude.used) {
            continue;
        }
        for (; at > 0 && expected_left(index, index->order[at - 1]) > expected_left(index, k);
             at--) {
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

    if (!index || count > STRATEGIES_MAX) {
        abort();
    }
    mb_arena_init(&index->arena, 4096);
    index->strategies = strategies;
    index->count = count;
    index->words = count / 64 + 1;
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
        set_bit(index->enabled, i);
        add_target(index, &strategies[i]->target, i);
        if (mb__index_is_timed(&strategies[i]->target)) {
            set_bit(index->timed, i);
            add_zone(index, strategies[i]->limits.timezone, i);
            index->n_timed++;
        }
    }
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

/* --- asking --- */

/* Collects the strategies that name one of the values. */
struct hits {
    const struct table *table;
    const struct left *left;
    enum mb_target_key key;
    uint64_t *bits; /* good in the words that are left */
};

static void join(struct hits *hits, const struct some *some)
{
    if (some->numbers) {
        for (uint32_t i = 0; i < some->count; i++) {
            set_bit(hits->bits, some->numbers[i]);
        }
        return;
    }
    for (size_t n = 0; n < hits->left->n; n++) {
        size_t w = hits->left->at[n];

        hits->bits[w] |= some->bits[w];
    }
}

static bool any_left(const struct left *left, const struct some *some)
{
    for (uint32_t i = 0; some->numbers && i < some->count; i++) {
        if (has_bit(left->bits, some->numbers[i])) {
            return true;
        }
    }
    for (size_t n = 0; some->bits && n < left->n; n++) {
        if (left->bits[left->at[n]] & some->bits[left->at[n]]) {
            return true;
        }
    }
    return false;
}

static bool collect(void *user, struct mb_slice value)
{
    struct hits *hits = user;
    const struct some *some = mb_map_get(&hits->table->values, value);

    if (some) {
        join(hits, some);
    }
    for (size_t i = 0; i < hits->table->n_rows; i++) {
        const struct row *row = &hits->table->rows[i];

        if (any_left(hits->left, &row->owners) && mb__index_has_row(row->list, hits->key, value)) {
            join(hits, &row->owners);
        }
    }
    return false;
}

/* Keeps those that are in `bits`, or with `flip` those that are not. */
static void keep(struct left *left, const uint64_t *bits, uint64_t flip)
{
    size_t n = 0;

    for (size_t i = 0; i < left->n; i++) {
        size_t w = left->at[i];

        left->bits[w] &= bits[w] ^ flip;
        left->at[n] = (uint16_t)w;
        n += left->bits[w] != 0;
    }
    left->n = n;
}

/* Keeps those whose target takes the impression's values of a key. `bits` is room. */
static void narrow(const struct mb_index *index, enum mb_target_key k,
                   const struct mb_request *request, const struct mb_imp *imp, struct left *left,
                   uint64_t *bits)
{
    const struct key *key = &index->keys[k];
    struct hits hits = {&key->include, left, k, bits};

    if (key->include.used) {
        for (size_t n = 0; n < left->n; n++) {
            bits[left->at[n]] = key->any[left->at[n]];
        }
        mb__index_values(k, request, imp, collect, &hits);
        keep(left, bits, 0);
    }
    if (key->exclude.used) {
        for (size_t n = 0; n < left->n; n++) {
            bits[left->at[n]] = 0;
        }
        hits.table = &key->exclude;
        mb__index_values(k, request, imp, collect, &hits);
        keep(left, bits, UINT64_MAX);
    }
}

/* Who has hours at all has them now or not; all others always. */
static const uint64_t *open_now(const struct mb_index *index, int64_t now_ms)
{
    struct clock *clock = index->clock;
    int64_t minute = now_ms / MINUTE_MS - (now_ms % MINUTE_MS < 0);

    if (clock->asked && clock->minute == minute) {
        return clock->bits;
    }
    clock->asked = true;
    clock->minute = minute;
    for (size_t w = 0; w < index->words; w++) {
        clock->bits[w] = ~index->timed[w];
    }
    for (size_t zone = 0; zone < index->n_zones; zone++) {
        uint32_t quarter = mb_zone_week_quarter(&index->zones[zone], now_ms);

        for (size_t i = 0; i < index->count; i++) {
            if (index->zone_of[i] == zone && has_bit(index->timed, i) &&
                mb__index_in_hours(&index->strategies[i]->target, quarter)) {
                set_bit(clock->bits, i);
            }
        }
    }
    return clock->bits;
}

/* All in `left` as numbers, and as `reason` in `why`. */
static size_t write_out(const struct left *left, enum mb_nobid reason, uint32_t *out, size_t max,
                        uint8_t *why)
{
    size_t found = 0;

    for (size_t n = 0; n < left->n; n++) {
        for (uint64_t bits = left->bits[left->at[n]]; bits != 0; bits &= bits - 1) {
            size_t i = left->at[n] * 64u + (size_t)__builtin_ctzll(bits);

            if (why) {
                why[i] = (uint8_t)reason;
            }
            if (found++ < max) {
                out[found - 1] = (uint32_t)i;
            }
        }
    }
    return found;
}

size_t mb_index_find(const struct mb_index *index, const struct mb_request *request,
                     const struct mb_imp *imp, int64_t now_ms, uint32_t *out, size_t max,
                     uint8_t *why)
{
    uint64_t bits[WORDS_MAX];
    struct left left;

    left.n = 0;
    for (size_t w = 0; w < index->words; w++) {
        bits[w] = 0;
        left.bits[w] = index->enabled[w];
        left.at[left.n] = (uint16_t)w;
        left.n += left.bits[w] != 0;
    }
    for (size_t k = 0; k < index->n_used && left.n > 0; k++) {
        narrow(index, index->order[k], request, imp, &left, bits);
    }
    if (why) {
        memset(why, MB_NOBID_TARGET, index->count);
        (void)write_out(&left, MB_NOBID_HOURS, NULL, 0, why);
    }
    if (index->n_timed > 0 && left.n > 0) {
        keep(&left, open_now(index, now_ms), 0);
    }
    return write_out(&left, MB_NOBID_BID, out, max, why);
}
