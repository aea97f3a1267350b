/* find.c - which strategies are left for an impression, key by key.
 *
 * What a key costs depends on who is affected, not on how many strategies there are: where nearly
 * all name the value, the others are taken out one by one; where few do and all name the key, they
 * are looked for one by one. Only what lies between goes over the words that are left.
 *
 * Hours come at the end: which strategies have theirs now is worked out once a minute.
 */
#include "internal.h"

enum { HITS_MAX = 8 }; /* values of an impression that are kept apart; more become one set */

static const int64_t MINUTE_MS = 60000;

/* A set on its way to being small. At first all its words are looked at, in blocks that the
 * compiler makes wide operations of; once few still have a bit, `at` lists these, ascending, and all
 * others are 0. */
struct left {
    uint64_t bits[MB__INDEX_WORDS_MAX];
    uint16_t at[MB__INDEX_WORDS_MAX];
    size_t n; /* in `at`, where `listed`; else as many as there are, a multiple of MB__INDEX_BLOCK */
    bool listed;
};

/* The n-th word to look at. */
static size_t word_at(const struct left *left, size_t n)
{
    return left->listed ? left->at[n] : n;
}

/* What the values of an impression have hit in a table. */
struct hits {
    const struct mb__table *table;
    const struct left *left;
    enum mb_target_key key;
    const struct mb__some *some[HITS_MAX];
    size_t n;
    bool joined;    /* too many: all are in `bits`, together with `start` */
    uint64_t *bits; /* room; good in the words that are left */
    const uint64_t *start;
};

/* As many words as the compiler can take at a time. */
typedef uint64_t block __attribute__((vector_size(8 * MB__INDEX_BLOCK), aligned(8), may_alias));

static void add_all(uint64_t *bits, const uint64_t *more, size_t words)
{
    for (size_t w = 0; w < words; w += MB__INDEX_BLOCK) {
        *(block *)&bits[w] |= *(const block *)&more[w];
    }
}

static void keep_all(uint64_t *bits, const uint64_t *other, uint64_t flip, size_t words)
{
    for (size_t w = 0; w < words; w += MB__INDEX_BLOCK) {
        *(block *)&bits[w] &= *(const block *)&other[w] ^ flip;
    }
}

static void join(const struct left *left, uint64_t *bits, const struct mb__some *some)
{
    if (some->numbers) {
        for (uint32_t i = 0; i < some->count; i++) {
            mb__index_set_bit(bits, some->numbers[i]);
        }
        return;
    }
    if (left->listed) {
        for (size_t n = 0; n < left->n; n++) {
            bits[left->at[n]] |= some->bits[left->at[n]];
        }
        return;
    }
    add_all(bits, some->bits, left->n);
}

/* All hits as one set, with `start`, or from nothing. */
static void join_all(struct hits *hits)
{
    if (!hits->left->listed && hits->start) {
        memcpy(hits->bits, hits->start, hits->left->n * sizeof(uint64_t));
    } else {
        for (size_t n = 0; n < hits->left->n; n++) {
            size_t w = word_at(hits->left, n);

            hits->bits[w] = hits->start ? hits->start[w] : 0;
        }
    }
    for (size_t i = 0; i < hits->n; i++) {
        join(hits->left, hits->bits, hits->some[i]);
    }
    hits->joined = true;
}

static void add_hit(struct hits *hits, const struct mb__some *some)
{
    if (!hits->joined && hits->n < HITS_MAX) {
        hits->some[hits->n++] = some;
        return;
    }
    if (!hits->joined) {
        join_all(hits);
    }
    join(hits->left, hits->bits, some);
}

static bool any_left(const struct left *left, const struct mb__some *some)
{
    for (uint32_t i = 0; some->numbers && i < some->count; i++) {
        if (mb__index_has_bit(left->bits, some->numbers[i])) {
            return true;
        }
    }
    for (size_t n = 0; some->bits && n < left->n; n++) {
        if (left->bits[word_at(left, n)] & some->bits[word_at(left, n)]) {
            return true;
        }
    }
    return false;
}

static bool collect(void *user, struct mb_slice value)
{
    struct hits *hits = user;
    const struct mb__some *some = mb_map_get(&hits->table->values, value);

    if (some) {
        add_hit(hits, some);
    }
    for (size_t i = 0; i < hits->table->n_rows; i++) {
        const struct mb__row *row = &hits->table->rows[i];

        if (any_left(hits->left, &row->owners) && mb__index_has_row(row->list, hits->key, value)) {
            add_hit(hits, &row->owners);
        }
    }
    return false;
}

/* Lists the words that have a bit, if it pays: they are few. */
static void list_few(struct left *left)
{
    size_t few = left->n / 4, n = 0;

    for (size_t w = 0; w < left->n; w++) {
        if (left->bits[w] != 0) {
            if (n == few) {
                return;
            }
            left->at[n++] = (uint16_t)w;
        }
    }
    left->n = n;
    left->listed = true;
}

static void compact(struct left *left)
{
    size_t n = 0;

    if (!left->listed) {
        list_few(left);
        return;
    }
    for (size_t i = 0; i < left->n; i++) {
        left->at[n] = left->at[i];
        n += left->bits[left->at[i]] != 0;
    }
    left->n = n;
}

/* Keeps those that are in `bits`, or with `flip` those that are not. */
static void keep(struct left *left, const uint64_t *bits, uint64_t flip)
{
    size_t n = 0;

    if (!left->listed) {
        keep_all(left->bits, bits, flip, left->n);
        list_few(left);
        return;
    }
    for (size_t i = 0; i < left->n; i++) {
        size_t w = left->at[i];

        left->bits[w] &= bits[w] ^ flip;
        left->at[n] = (uint16_t)w;
        n += left->bits[w] != 0;
    }
    left->n = n;
}

/* Takes them out one by one; compact comes behind. */
static void take_out(struct left *left, const uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        left->bits[numbers[i] / 64] &= ~(UINT64_C(1) << (numbers[i] % 64));
    }
}

/* Keeps those of the numbers that are left. */
static void keep_numbers(struct left *left, const uint32_t *numbers, uint32_t count)
{
    uint64_t kept[MB__INDEX_WORDS_MAX];
    uint16_t at[MB__INDEX_WORDS_MAX];
    size_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        size_t w = numbers[i] / 64;

        if (mb__index_has_bit(left->bits, numbers[i])) {
            if (n == 0 || at[n - 1] != w) {
                at[n++] = (uint16_t)w;
                kept[n - 1] = 0;
            }
            kept[n - 1] |= UINT64_C(1) << (numbers[i] % 64);
        }
    }
    for (size_t i = 0; i < left->n; i++) {
        left->bits[word_at(left, i)] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        left->at[i] = at[i];
        left->bits[at[i]] = kept[i];
    }
    left->n = n;
    left->listed = true;
}

/* Keeps those without an include of the key, and those that name one of its values. */
static void keep_hits(struct left *left, const struct mb__key *key, struct hits *hits)
{
    const struct mb__some *only = hits->n == 1 && !hits->joined ? hits->some[0] : NULL;

    if (hits->n == 0 && key->n_any == 0) {
        keep_numbers(left, NULL, 0);
    } else if (hits->n == 0) {
        keep(left, key->any, 0);
    } else if (only && only->has_others) {
        take_out(left, only->others, only->n_others);
        if (only->n_others > 0) {
            compact(left);
        }
    } else if (only && only->numbers && key->n_any == 0) {
        keep_numbers(left, only->numbers, only->count);
    } else {
        if (!hits->joined) {
            join_all(hits);
        }
        keep(left, hits->bits, 0);
    }
}

static void drop_hits(struct left *left, const struct hits *hits)
{
    if (hits->joined) {
        keep(left, hits->bits, UINT64_MAX);
        return;
    }
    for (size_t i = 0; i < hits->n; i++) {
        if (hits->some[i]->numbers) {
            take_out(left, hits->some[i]->numbers, hits->some[i]->count);
        } else {
            keep(left, hits->some[i]->bits, UINT64_MAX);
        }
    }
    if (hits->n > 0) {
        compact(left);
    }
}

/* Where one of several values is named by all who name the key, the others add nothing. */
static void leave_the_widest(struct hits *hits)
{
    for (size_t i = 0; i < hits->n && !hits->joined; i++) {
        if (hits->some[i]->has_others && hits->some[i]->n_others == 0) {
            hits->some[0] = hits->some[i];
            hits->n = 1;
        }
    }
}

/* Without filling in the room for hits. */
static void start(struct hits *hits, const struct mb__table *table, const struct left *left,
                  enum mb_target_key key, uint64_t *bits)
{
    hits->table = table;
    hits->left = left;
    hits->key = key;
    hits->n = 0;
    hits->joined = false;
    hits->bits = bits;
    hits->start = NULL;
}

static void find_hits(struct hits *hits, const struct mb_request *request, const struct mb_imp *imp)
{
    size_t code;

    if (hits->table->by_code && mb__index_code_of(hits->key, request, imp, &code)) {
        if (hits->table->by_code[code]) {
            add_hit(hits, hits->table->by_code[code]);
        }
        return;
    }
    mb__index_values(hits->key, request, imp, collect, hits);
}

/* Keeps those whose target takes the impression's values of a key. `bits` is room. */
static void narrow(const struct mb_index *index, enum mb_target_key k,
                   const struct mb_request *request, const struct mb_imp *imp, struct left *left,
                   uint64_t *bits)
{
    const struct mb__key *key = &index->keys[k];

    if (key->include.used) {
        struct hits hits;

        start(&hits, &key->include, left, k, bits);
        hits.start = key->any;
        find_hits(&hits, request, imp);
        leave_the_widest(&hits);
        keep_hits(left, key, &hits);
    }
    if (key->exclude.used) {
        struct hits hits;

        start(&hits, &key->exclude, left, k, bits);
        find_hits(&hits, request, imp);
        drop_hits(left, &hits);
    }
}

/* Who has hours at all has them now or not; all others always. */
static const uint64_t *open_now(const struct mb_index *index, int64_t now_ms)
{
    struct mb__clock *clock = index->clock;
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
            if (index->zone_of[i] == zone && mb__index_has_bit(index->timed, i) &&
                mb__index_in_hours(&index->strategies[i]->target, quarter)) {
                mb__index_set_bit(clock->bits, i);
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
        for (uint64_t bits = left->bits[word_at(left, n)]; bits != 0; bits &= bits - 1) {
            size_t i = word_at(left, n) * 64 + (size_t)__builtin_ctzll(bits);

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
    uint64_t bits[MB__INDEX_WORDS_MAX];
    struct left left;

    left.n = index->words;
    left.listed = false;
    memcpy(left.bits, index->enabled, index->words * sizeof(uint64_t));
    list_few(&left);
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
