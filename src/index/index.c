/* index.c - one bit a strategy, one table a key.
 *
 * For each key there is a table from value to the bits of the strategies that name it, so an
 * impression's value finds all of them with one look-up, however many strategies there are.
 * Starting from the enabled ones, each key keeps those without an include and those whose include
 * was hit, and takes out those whose exclude was hit; the first key that leaves nobody ends it.
 *
 * Lists of many values are not spread over the table: strategies that share one stand in one row,
 * and the list itself is asked.
 *
 * Hours come last and only for those left, since they need no table.
 */
#include "internal.h"

#include <stdlib.h>

#include "moonbid/base/zone.h"

enum {
    STRATEGIES_MAX = 16384,          /* as many as have a slot in the guard */
    WORDS_MAX = STRATEGIES_MAX / 64, /* of a set of strategies; two such lie on the stack */
    SPREAD_MAX = 1024,               /* a list with more values is kept as a row */
};

/* A list shared by some strategies. */
struct row {
    const struct mb_map *list;
    uint64_t *bits;
};

/* Which strategies name a value. */
struct table {
    struct mb_map values; /* value -> bits */
    struct row *rows;
    size_t n_rows;
    bool used;
};

struct key {
    struct table include, exclude;
    uint64_t *any; /* strategies without an include of this key */
};

struct mb_index {
    const struct mb_strategy *const *strategies;
    size_t count, words;
    struct key keys[MB_TARGET_COUNT];
    uint64_t *enabled;
    uint64_t *timed;       /* strategies with hours */
    struct mb_zone *zones; /* distinct ones */
    struct mb_slice *zone_names;
    size_t n_zones;
    uint32_t *zone_of;     /* strategy -> zone */
    struct mb_arena arena; /* all of the above but the tables */
};

/* The order in which keys are asked: those that leave the fewest first. */
static const enum mb_target_key order[] = {
    MB_TARGET_EXCHANGE, MB_TARGET_FORMAT,  MB_TARGET_ENDPOINT, MB_TARGET_COUNTRY,
    MB_TARGET_ZONE,     MB_TARGET_SITE,    MB_TARGET_SIZE,     MB_TARGET_TAG,
    MB_TARGET_DEAL,     MB_TARGET_DEVICE,  MB_TARGET_OS,       MB_TARGET_BROWSER,
    MB_TARGET_LANGUAGE, MB_TARGET_REGION,  MB_TARGET_CITY,     MB_TARGET_DOMAIN,
    MB_TARGET_APP,      MB_TARGET_SEGMENT, MB_TARGET_KEYWORD,  MB_TARGET_CATEGORY,
};
_Static_assert(sizeof(order) / sizeof(order[0]) == MB_TARGET_COUNT, "each key is asked once");

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

static void spread(struct mb_index *index, struct table *table, const struct mb_map *list, size_t i)
{
    const struct mb_map_entry *entry;
    size_t at = 0;

    while ((entry = mb_map_next(list, &at))) {
        uint64_t *bits = mb_map_get(&table->values, entry->key);

        if (!bits) {
            bits = new_bits(index);
            (void)mb_xmap_put(&table->values, entry->key, bits);
        }
        set_bit(bits, i);
    }
}

static void add_row(struct mb_index *index, struct table *table, const struct mb_map *list,
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
        table->rows[at] = (struct row){list, new_bits(index)};
        table->n_rows++;
    }
    set_bit(table->rows[at].bits, i);
}

static void add_list(struct mb_index *index, struct table *table, const struct mb_map *list,
                     size_t i)
{
    table->used = true;
    if (list->count > SPREAD_MAX) {
        add_row(index, table, list, i);
    } else {
        spread(index, table, list, i);
    }
}

static void add_target(struct mb_index *index, const struct mb_target *target, size_t i)
{
    for (size_t k = 0; k < MB_TARGET_COUNT; k++) {
        struct key *key = &index->keys[k];

        if (target->include[k]) {
            add_list(index, &key->include, target->include[k], i);
        } else {
            set_bit(key->any, i);
        }
        if (target->exclude[k]) {
            add_list(index, &key->exclude, target->exclude[k], i);
        }
    }
}

static bool is_timed(const struct mb_target *target)
{
    return target->has_hours || target->has_exclude_hours;
}

/* A zone without rules is UTC, and said so: a strategy that bids at odd hours is better than
 * none. */
static void load_zone(struct mb_slice name, struct mb_zone *zone)
{
    struct mb_error err;

    if (mb_zone_load(name, zone, &err) < 0) {
        mb_log(MB_LOG_WARN, "index", "no rules for a timezone: its hours are taken as UTC",
               "timezone=%.*s error=\"%s\"", MB_SLICE_ARG(name), err.what);
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
        load_zone(name, &index->zones[at]);
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
        if (is_timed(&strategies[i]->target)) {
            set_bit(index->timed, i);
            add_zone(index, strategies[i]->limits.timezone, i);
        }
    }
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
    uint64_t *bits;
    size_t words;
};

static void join(struct hits *hits, const uint64_t *bits)
{
    for (size_t w = 0; w < hits->words; w++) {
        hits->bits[w] |= bits[w];
    }
}

static bool collect(void *user, struct mb_slice value)
{
    struct hits *hits = user;
    const uint64_t *bits = mb_map_get(&hits->table->values, value);

    if (bits) {
        join(hits, bits);
    }
    for (size_t i = 0; i < hits->table->n_rows; i++) {
        if (mb_map_get(hits->table->rows[i].list, value)) {
            join(hits, hits->table->rows[i].bits);
        }
    }
    return false;
}

/* Keeps in `left` those whose target takes the impression's values of a key; false where nobody
 * is left. */
static bool narrow(const struct mb_index *index, enum mb_target_key k,
                   const struct mb_request *request, const struct mb_imp *imp, uint64_t *left)
{
    const struct key *key = &index->keys[k];
    uint64_t bits[WORDS_MAX + 1], some = 0;
    struct hits hits = {&key->include, bits, index->words};

    if (key->include.used) {
        memcpy(bits, key->any, index->words * sizeof(*bits));
        mb__index_values(k, request, imp, collect, &hits);
        for (size_t w = 0; w < index->words; w++) {
            left[w] &= bits[w];
        }
    }
    if (key->exclude.used) {
        memset(bits, 0, index->words * sizeof(*bits));
        hits.table = &key->exclude;
        mb__index_values(k, request, imp, collect, &hits);
        for (size_t w = 0; w < index->words; w++) {
            left[w] &= ~bits[w];
        }
    }
    for (size_t w = 0; w < index->words; w++) {
        some |= left[w];
    }
    return some != 0;
}

static bool in_hours(const struct mb_target *target, const struct mb_zone *zone, int64_t now_ms)
{
    uint32_t quarter = mb_zone_week_quarter(zone, now_ms);
    uint8_t bit = (uint8_t)(1u << (quarter % 8));

    if (target->has_hours && !(target->hours[quarter / 8] & bit)) {
        return false;
    }
    return !(target->has_exclude_hours && (target->exclude_hours[quarter / 8] & bit));
}

size_t mb_index_find(const struct mb_index *index, const struct mb_request *request,
                     const struct mb_imp *imp, int64_t now_ms, uint32_t *out, size_t max,
                     uint8_t *why)
{
    uint64_t left[WORDS_MAX + 1];
    size_t found = 0;
    bool some = true;

    if (why) {
        memset(why, MB_NOBID_TARGET, index->count);
    }
    memcpy(left, index->enabled, index->words * sizeof(*left));
    for (size_t k = 0; k < MB_TARGET_COUNT && some; k++) {
        some = narrow(index, order[k], request, imp, left);
    }
    for (size_t w = 0; some && w < index->words; w++) {
        for (uint64_t bits = left[w]; bits != 0; bits &= bits - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            bool holds =
                !has_bit(index->timed, i) ||
                in_hours(&index->strategies[i]->target, &index->zones[index->zone_of[i]], now_ms);

            if (why) {
                why[i] = holds ? MB_NOBID_BID : MB_NOBID_HOURS;
            }
            if (holds && found++ < max) {
                out[found - 1] = (uint32_t)i;
            }
        }
    }
    return found;
}

static bool is_in(void *user, struct mb_slice value)
{
    return mb_map_get(user, value) != NULL;
}

static bool list_hit(const struct mb_map *list, enum mb_target_key k,
                     const struct mb_request *request, const struct mb_imp *imp)
{
    return mb__index_values(k, request, imp, is_in, (void *)list);
}

const char *mb_index_explain(const struct mb_strategy *strategy, const struct mb_request *request,
                             const struct mb_imp *imp, int64_t now_ms)
{
    const struct mb_target *target = &strategy->target;
    struct mb_zone zone;

    for (size_t i = 0; i < MB_TARGET_COUNT; i++) {
        enum mb_target_key k = order[i];

        if ((target->include[k] && !list_hit(target->include[k], k, request, imp)) ||
            (target->exclude[k] && list_hit(target->exclude[k], k, request, imp))) {
            return mb_target_name(k);
        }
    }
    if (is_timed(target)) {
        load_zone(strategy->limits.timezone, &zone);
        if (!in_hours(target, &zone, now_ms)) {
            return "hours";
        }
    }
    return NULL;
}
