/* caps.c - limits by a key: impressions shown to somebody within a window, money spent on a zone.
 *
 * Both are counters in a table like that of the scripts, which no killed process can leave broken.
 *
 * A window that slides is cut into eighths, each a counter of its own that expires with the window.
 * The sum over the present eighth and the eight before it covers every impression of the last
 * `per`, and up to an eighth of it more: a cap may hold a little longer than said, never shorter.
 *
 * What was spent under a key never expires. It lies in memory and is rebuilt from the ledger.
 */
#include "internal.h"

enum { PARTS = 8 };

#define NEVER_MS (INT64_C(1) << 45) /* some thousand years */

static uint64_t not_zero(const uint64_t hash[2])
{
    return hash[0] ? hash[0] : 1;
}

uint64_t mb_guard_frequency_key(const struct mb_guard *guard, const struct mb_slice *values,
                                size_t count)
{
    uint64_t hash[2];

    mb__hash(guard->frequency->seed, values, count, hash);
    return not_zero(hash);
}

/* The same on every machine and after every restart, since the ledger keeps it. */
uint64_t mb_guard_per_key(const struct mb_slice *values, size_t count)
{
    static const uint64_t seed[2] = {UINT64_C(0x6d6f6f6e62696421), UINT64_C(0x706572206b657973)};
    uint64_t hash[2];

    mb__hash(seed, values, count, hash);
    return not_zero(hash);
}

/* The counter of a key in one part of time. */
static void name_cap(const struct mb__counters *table, uint64_t key, int64_t part, uint64_t out[2])
{
    struct {
        uint64_t key;
        int64_t part;
    } name = {key, part};
    struct mb_slice piece = mb_slice((const char *)&name, sizeof(name));

    mb__hash(table->seed, &piece, 1, out);
}

/* --- frequency --- */

static int64_t part_ms(int64_t per_ms)
{
    return per_ms < PARTS ? 1 : (per_ms + PARTS - 1) / PARTS;
}

/* Counts no further than to `enough`. */
static int64_t count_shown(const struct mb_guard *guard, const struct mb_strategy *strategy,
                           uint64_t key, int64_t now_ms, int64_t enough)
{
    int64_t now_part = now_ms / part_ms(strategy->limits.frequency.per_ms);
    int64_t shown = 0;

    for (int64_t i = 0; i <= PARTS && shown < enough; i++) {
        uint64_t name[2];

        name_cap(guard->frequency, key, now_part - i, name);
        shown += mb__counters_get(guard->frequency, name, now_ms);
    }
    return shown;
}

enum mb_nobid mb_guard_frequency(const struct mb_guard *guard, const struct mb_strategy *strategy,
                                 uint64_t key, int64_t now_ms)
{
    int64_t count = strategy->limits.frequency.count;

    return count_shown(guard, strategy, key, now_ms, count) >= count ? MB_NOBID_FREQUENCY
                                                                     : MB_NOBID_BID;
}

int64_t mb_guard_shown(const struct mb_guard *guard, const struct mb_strategy *strategy,
                       uint64_t key, int64_t now_ms)
{
    return count_shown(guard, strategy, key, now_ms, INT64_MAX);
}

void mb_guard_count_shown(struct mb_guard *guard, uint32_t slot_index, const struct mb_event *event)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);
    int64_t per_ms = slot ? atomic_load(&slot->frequency_per_ms) : 0;
    uint64_t name[2];

    if (per_ms == 0 || !event->shown || !event->frequency_key || event->test) {
        return;
    }
    name_cap(guard->frequency, event->frequency_key, event->time_ms / part_ms(per_ms), name);
    (void)mb__counters_incr(guard->frequency, name, 1, (PARTS + 1) * part_ms(per_ms),
                            event->time_ms);
}

uint64_t mb_guard_frequency_evicted(const struct mb_guard *guard)
{
    return atomic_load(guard->frequency->evicted);
}

/* --- spend by key --- */

enum mb_nobid mb_guard_per(const struct mb_guard *guard, const struct mb_strategy *strategy,
                           uint64_t key, int64_t now_ms)
{
    uint64_t name[2];

    name_cap(guard->per, key, 0, name);
    return mb__counters_get(guard->per, name, now_ms) >= strategy->limits.per_total.nanos
               ? MB_NOBID_BUDGET
               : MB_NOBID_BID;
}

struct mb_amount mb_guard_per_spent(const struct mb_guard *guard, uint64_t key, int64_t now_ms)
{
    uint64_t name[2];

    name_cap(guard->per, key, 0, name);
    return (struct mb_amount){mb__counters_get(guard->per, name, now_ms)};
}

void mb__caps_book(struct mb_guard *guard, const struct mb_event *event)
{
    uint64_t name[2];

    name_cap(guard->per, event->per_key, 0, name);
    (void)mb__counters_incr(guard->per, name, event->cost.nanos, NEVER_MS, event->time_ms);
}

void mb_guard_restore_per(struct mb_guard *guard, uint64_t key, struct mb_amount spent)
{
    uint64_t name[2];
    int64_t missing;

    name_cap(guard->per, key, 0, name);
    missing = spent.nanos - mb__counters_get(guard->per, name, 0);
    if (missing > 0) {
        (void)mb__counters_incr(guard->per, name, missing, NEVER_MS, 0);
    }
}
