/* tally.h - how often what happened: counts under texts, a bounded number of them, in memory that
 * processes share.
 *
 * Part of: metrics.  Depends on: base.
 * Threads:  one writer (add, turn), one reader (sealed, give_back), which may be different
 *           processes; no locks. Either may be killed at any point: no count is lost or doubled by
 *           that, but the one that was being made.
 * Lifetime: zeroed memory is a valid, empty tally. It holds no pointers.
 *
 * Two tables take turns: the writer counts into one of them while the reader writes down what the
 * other one holds. Which is which follows from two numbers, so that no kill leaves a doubt:
 *
 *     turns == taken       the writer alone has both: it counts in number `turns`
 *     turns == taken + 1   number `taken` is sealed and belongs to the reader
 *
 * Each table begins empty, so that what is busy finds a place whatever came before.
 */
#ifndef MB_TALLY_H
#define MB_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "moonbid/base/slice.h"

/* What counts are told apart by, in the order of a key's texts. */
#define MB_TALLY_MAP(XX)                                                                           \
    XX(STRATEGY, "strategy") XX(VERSION, "version") XX(ARM, "arm") XX(ENDPOINT, "endpoint")        \
    XX(EXCHANGE, "exchange") XX(FORMAT, "format") XX(COUNTRY, "country") XX(ZONE, "zone_id")       \
    XX(SITE, "site_id") XX(CREATIVE, "creative_id") XX(REASON, "reason")

enum mb_tally_text {
#define XX(name, text) MB_TALLY_##name,
    MB_TALLY_MAP(XX)
#undef XX
    MB_TALLY_TEXTS
};

/* An exposure is a call of a strategy that asked for an experiment's arm, whatever it answered. Its price is no price but the arm's
 * share by the weights, in millionths, and its reason the experiment's name.
 *
 * Kinds of shadows stand by strategy, version, endpoint, exchange and format alone. Of those beside a bid that was sent
 * (what became of it: shadow_win, shadow_loss, shadow_unknown) the price is what the win would cost, and of shadow_live_win what
 * the sent bid's win cost, in billionths; of shadow_expected it is what the market's memory expects that bid to cost, likewise, and of
 * shadow_expected_win how likely it wins, in millionths. */
#define MB_TALLY_KIND_MAP(XX)                                                                      \
    XX(REQUEST, "request") XX(BID, "bid") XX(NOBID, "nobid") XX(EXPOSURE, "exposure")              \
    XX(SHADOW_ASKED, "shadow_asked") XX(SHADOW_BID, "shadow_bid")                                  \
    XX(SHADOW_BESIDE, "shadow_beside") XX(SHADOW_WIN, "shadow_win")                                \
    XX(SHADOW_LOSS, "shadow_loss") XX(SHADOW_UNKNOWN, "shadow_unknown")                            \
    XX(SHADOW_LIVE_WIN, "shadow_live_win") XX(SHADOW_EXPECTED, "shadow_expected")                  \
    XX(SHADOW_EXPECTED_WIN, "shadow_expected_win")

enum mb_tally_kind {
#define XX(name, text) MB_TALLY_##name,
    MB_TALLY_KIND_MAP(XX)
#undef XX
    MB_TALLY_KINDS
};
const char *mb_tally_kind_name(enum mb_tally_kind kind);            /* "request" */
enum mb_tally_kind mb_tally_kind_of(struct mb_slice name);          /* MB_TALLY_KINDS: none */

enum {
    MB_TALLY_CELLS = 8192,      /* a power of two */
    MB_TALLY_DETAILED = 4096,   /* cells under all their texts; what is beyond has no details */
    MB_TALLY_MOST = 6144,       /* cells in use, that a search stays short */
    MB_TALLY_TEXT_MAX = 64,     /* bytes of one text; a longer one is a detail too many */
    MB_TALLY_BYTES = 320,       /* of all texts of a cell */
};

/* Stands for the details of what found no place of its own: country, zone, site and creative. */
#define MB_TALLY_OTHER "(other)"

struct mb_tally_cell {
    uint64_t hash; /* of kind and texts; 0: free */
    uint64_t count;
    int64_t price_micros; /* the sum over all counts; exact, or the greatest there is */
};

struct mb_tally_key {
    uint8_t kind;
    uint8_t lens[MB_TALLY_TEXTS];
    char bytes[MB_TALLY_BYTES]; /* the texts, one behind the other */
};

struct mb_tally_table {
    int64_t start_ms;   /* wall time of its first count, to the minute; 0: not begun */
    uint64_t displaced; /* counts that went under MB_TALLY_OTHER */
    uint32_t used;      /* cells */
    struct mb_tally_cell cells[MB_TALLY_CELLS];
    struct mb_tally_key keys[MB_TALLY_CELLS];
};

struct mb_tally {
    _Atomic uint64_t turns, taken;
    struct mb_tally_table tables[2];
};

/* --- hashes: of kind and all texts, so that equal keys have equal ones. 64 bits under a secret of the
 * process: nobody can send two zones that meet, and chance does it once in 10^12 tables. --- */

uint64_t mb_tally_hash(uint64_t seed, struct mb_slice text);
__extension__ typedef unsigned __int128 mb_tally_wide;
static inline uint64_t mb_tally_mix(uint64_t a, uint64_t b)
{
    mb_tally_wide wide = (mb_tally_wide)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
                         (b ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

/* --- the writer --- */

/* Counts one under a hash that has a cell; false where it has none: mb_tally_add. */
static inline bool mb_tally_count(struct mb_tally *tally, uint64_t hash, int64_t price_micros)
{
    uint64_t turns = atomic_load_explicit(&tally->turns, memory_order_relaxed);
    struct mb_tally_cell *cells = tally->tables[turns & 1].cells;
    for (uint64_t i = hash & (MB_TALLY_CELLS - 1);; i = (i + 1) & (MB_TALLY_CELLS - 1)) {
        if (cells[i].hash == hash) {
            cells[i].count++;
            if (__builtin_add_overflow(cells[i].price_micros, price_micros, &cells[i].price_micros)) {
                cells[i].price_micros = INT64_MAX;
            }
            return true;
        }
        if (cells[i].hash == 0) {
            return false;
        }
    }
}

/* Counts one under a hash that mb_tally_count did not find: in a cell of its own, or, where there is no room, under
 * its texts without details, or, where there is none either, under its kind alone. O(texts). */
void mb_tally_add(struct mb_tally *tally, uint64_t hash, enum mb_tally_kind kind,
                  const struct mb_slice texts[MB_TALLY_TEXTS], int64_t price_micros);

/* Seals what was counted, once the minute of `now_ms` is another one than that of the table, or `now`. Nothing happens
 * while the reader has the table before, or nothing was counted. Call several times a second. */
void mb_tally_turn(struct mb_tally *tally, int64_t now_ms, bool now);

/* --- the reader --- */

/* The sealed table and its number, or NULL. */
const struct mb_tally_table *mb_tally_sealed(const struct mb_tally *tally, uint64_t *number);
/* The table that is being counted in, for a reader who knows that the writer is gone. */
const struct mb_tally_table *mb_tally_open_table(const struct mb_tally *tally, uint64_t *number);
/* What the table of that number held is safe. */
void mb_tally_give_back(struct mb_tally *tally, uint64_t number);

/* The text of a key, absent where it has none. */
struct mb_slice mb_tally_text(const struct mb_tally_key *key, enum mb_tally_text text);

#endif /* MB_TALLY_H */
