/* tally.c - counts under texts; see the header for how two processes share them.
 *
 * A cell's texts are written before its hash, which makes it a cell: a writer that is killed between leaves nothing.
 */
#include "moonbid/tally.h"

#include <string.h>

enum { MINUTE_MS = 60000, LAST_RESORT = MB_TALLY_MOST - MB_TALLY_KINDS };

static const char *const kind_names[] = {
#define XX(name, text) text,
    MB_TALLY_KIND_MAP(XX)
#undef XX
};

const char *mb_tally_kind_name(enum mb_tally_kind kind)
{
    return (unsigned)kind < MB_TALLY_KINDS ? kind_names[kind] : "";
}

enum mb_tally_kind mb_tally_kind_of(struct mb_slice name)
{
    int kind = 0;
    while (kind < MB_TALLY_KINDS && !mb_slice_is(name, kind_names[kind])) {
        kind++;
    }
    return (enum mb_tally_kind)kind;
}

uint64_t mb_tally_hash(uint64_t seed, struct mb_slice text)
{
    uint64_t hash = mb_tally_mix(seed, text.len), word;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.data + i, 8);
        hash = mb_tally_mix(hash, word);
    }
    return mb_tally_mix(hash, mb_slice_word(text.data + i, text.len - i));
}

/* --- the writer --- */

static bool is_detail(size_t text)
{
    return text == MB_TALLY_COUNTRY || text == MB_TALLY_ZONE || text == MB_TALLY_SITE ||
           text == MB_TALLY_CREATIVE;
}

static bool fits(const struct mb_slice *texts)
{
    size_t bytes = 0;
    for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
        if (texts[i].len > MB_TALLY_TEXT_MAX) {
            return false;
        }
        bytes += texts[i].len;
    }
    return bytes <= MB_TALLY_BYTES;
}

static void write_key(struct mb_tally_key *key, enum mb_tally_kind kind,
                      const struct mb_slice *texts)
{
    size_t at = 0;
    key->kind = (uint8_t)kind;
    for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
        key->lens[i] = (uint8_t)texts[i].len;
        if (texts[i].len > 0) {
            memcpy(key->bytes + at, texts[i].data, texts[i].len);
        }
        at += texts[i].len;
    }
}

/* A cell for a hash that has none. The table is never full. */
static void make_cell(struct mb_tally_table *table, uint64_t hash, enum mb_tally_kind kind,
                      const struct mb_slice *texts, int64_t price_micros)
{
    uint64_t i = hash & (MB_TALLY_CELLS - 1);
    while (table->cells[i].hash != 0) {
        i = (i + 1) & (MB_TALLY_CELLS - 1);
    }
    write_key(&table->keys[i], kind, texts);
    table->cells[i].count = 1;
    table->cells[i].price_micros = price_micros;
    table->used++;
    __atomic_store_n(&table->cells[i].hash, hash, __ATOMIC_RELEASE);
}

/* Under what has a smaller name; false where that has no room either. */
static bool add_lesser(struct mb_tally *tally, struct mb_tally_table *table, uint32_t most,
                       enum mb_tally_kind kind, const struct mb_slice *texts, int64_t price_micros)
{
    uint64_t hash = kind + 1;
    for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
        hash = mb_tally_hash(hash, texts[i]);
    }
    hash |= hash == 0;
    if (mb_tally_count(tally, hash, price_micros)) {
        return true;
    }
    if (table->used >= most || !fits(texts)) {
        return false;
    }
    make_cell(table, hash, kind, texts, price_micros);
    return true;
}

void mb_tally_add(struct mb_tally *tally, uint64_t hash, enum mb_tally_kind kind,
                  const struct mb_slice texts[MB_TALLY_TEXTS], int64_t price_micros)
{
    struct mb_tally_table *table =
        &tally->tables[atomic_load_explicit(&tally->turns, memory_order_relaxed) & 1];
    struct mb_slice lesser[MB_TALLY_TEXTS];
    if (table->used < MB_TALLY_DETAILED && fits(texts)) {
        make_cell(table, hash, kind, texts, price_micros);
        return;
    }
    table->displaced++;
    for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
        lesser[i] = is_detail(i) ? MB_SLICE(MB_TALLY_OTHER) : texts[i];
    }
    if (!add_lesser(tally, table, LAST_RESORT, kind, lesser, price_micros)) {
        for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
            lesser[i] = MB_SLICE(MB_TALLY_OTHER);
        }
        (void)add_lesser(tally, table, MB_TALLY_MOST, kind, lesser, price_micros);
    }
}

static void clear(struct mb_tally_table *table)
{
    if (table->used > 0) {
        memset(table->cells, 0, sizeof table->cells);
    }
    table->used = 0;
    table->displaced = 0;
    table->start_ms = 0;
}

void mb_tally_turn(struct mb_tally *tally, int64_t now_ms, bool now)
{
    uint64_t turns = atomic_load_explicit(&tally->turns, memory_order_relaxed);
    struct mb_tally_table *table = &tally->tables[turns & 1];
    int64_t minute_ms = now_ms - now_ms % MINUTE_MS;
    if (table->used == 0 || table->start_ms == 0) {
        table->start_ms = minute_ms;
    }
    if (table->used == 0 || (!now && table->start_ms == minute_ms) ||
        atomic_load_explicit(&tally->taken, memory_order_acquire) != turns) {
        return;
    }
    clear(&tally->tables[(turns + 1) & 1]);
    tally->tables[(turns + 1) & 1].start_ms = minute_ms;
    atomic_store_explicit(&tally->turns, turns + 1, memory_order_release);
}

/* --- the reader --- */

const struct mb_tally_table *mb_tally_sealed(const struct mb_tally *tally, uint64_t *number)
{
    uint64_t taken = atomic_load_explicit(&tally->taken, memory_order_relaxed);
    if (atomic_load_explicit(&tally->turns, memory_order_acquire) == taken) {
        return NULL;
    }
    *number = taken;
    return &tally->tables[taken & 1];
}

const struct mb_tally_table *mb_tally_open_table(const struct mb_tally *tally, uint64_t *number)
{
    *number = atomic_load_explicit(&tally->turns, memory_order_acquire);
    return &tally->tables[*number & 1];
}

void mb_tally_give_back(struct mb_tally *tally, uint64_t number)
{
    atomic_store_explicit(&tally->taken, number + 1, memory_order_release);
}

struct mb_slice mb_tally_text(const struct mb_tally_key *key, enum mb_tally_text text)
{
    size_t at = 0;
    for (size_t i = 0; i < (size_t)text; i++) {
        at += key->lens[i];
    }
    return key->lens[text] > 0 && at + key->lens[text] <= MB_TALLY_BYTES
               ? mb_slice(key->bytes + at, key->lens[text])
               : MB_SLICE_NONE;
}
