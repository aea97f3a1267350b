/* internal.h - what the files of guard share: the layout of the shared memory.
 *
 * Everything below lies in memory that several processes map, each perhaps at another address: no
 * pointers, and every number that changes after loading is an atomic. Zeroed memory is the valid
 * start of all of it.
 */
#ifndef MB_GUARD_INTERNAL_H
#define MB_GUARD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "moonbid/base/zone.h"
#include "moonbid/guard.h"

/* --- reservations: ring.c --- */

enum mb__ring_kind { MB__RING_CPM, MB__RING_CPC, MB__RING_COUNT };

enum {
    /* Minutes that a reservation is held, and buckets: an hour more, so that a slow process which
     * clears an old bucket is never near one in use. */
    MB__CPM_HOLD_MIN = 60,
    MB__CPM_BUCKETS = 120,
    MB__CPC_HOLD_MIN = 24 * 60,
    MB__CPC_BUCKETS = 25 * 60,
};

/* The bids of one minute. */
struct mb__bucket {
    _Atomic int64_t held; /* nanos reserved and not yet released, >= 0 */
    _Atomic uint64_t
        tag; /* 0 unused; else minute << 32 | millionths of its cost that a bid holds */
    _Atomic uint64_t counts; /* booked << 32 | bids, until they are counted into the ring */
};

struct mb__ring {
    _Atomic int64_t minute;  /* up to here old buckets have been cleared */
    _Atomic uint64_t bids;   /* of minutes that have settled; halved now and then, old ones fade */
    _Atomic uint64_t booked; /* and how many of these were booked */
};

/* Settled spend of one day or hour. */
struct mb__period {
    _Atomic int64_t number; /* mb_zone_day_number or mb_zone_hour_number */
    _Atomic int64_t spent;  /* nanos */
};

/* So many days or hours are kept at once: late events still find theirs. A power of two. */
enum { MB__PERIODS = 4 };

/* period.c. An event that is periods late is in none of the cells any more: only totals have it. */
void mb__period_add(struct mb__period *cells, int64_t number, int64_t nanos);
int64_t mb__period_spent(const struct mb__period *cells, int64_t number);

/* What was booked beyond what limits and reservations had room for; overrun.c. */
enum mb__overrun_kind {
    MB__OVERRUN_DAILY,  /* nanos past limits.daily */
    MB__OVERRUN_TOTAL,  /* nanos past limits.total */
    MB__OVERRUN_LATE,   /* bookings for which nothing was held any more */
    MB__OVERRUN_LATE_COST,
    MB__OVERRUN_COUNT
};
struct mb__overrun {
    struct mb__period days[MB__OVERRUN_COUNT][MB__PERIODS];
    _Atomic int64_t ever[MB__OVERRUN_COUNT];
};

/* What one strategy has spent, holds and counted. */
struct mb__slot {
    _Atomic int64_t reserved; /* nanos; raised before its bucket and lowered after it */
    _Atomic int64_t total;    /* nanos settled ever */
    struct mb__period days[MB__PERIODS];
    struct mb__period hours[MB__PERIODS];
    _Atomic uint64_t events[MB_EVENT_COUNT];
    _Atomic uint64_t booked[MB__RING_COUNT]; /* bids that booked: impressions, clicks */
    _Atomic int64_t qps_next_ns; /* the instant at which the calls so far are due; limits.c */
    _Atomic uint32_t zone;       /* place in mb__shared.zones */
    _Atomic uint32_t pool;       /* its pool's slot + 1; 0: none */
    _Atomic int64_t frequency_per_ms; /* window of its frequency cap; 0: none */
    _Atomic int64_t daily_limit, total_limit; /* nanos, for who books without the script; 0: none */
    struct mb__overrun overrun;
    _Atomic uint32_t alarm;           /* enum mb_guard_alarm */
    _Atomic uint32_t unbooked_wins;   /* since something booked */
    _Atomic int64_t unanswered_ms;    /* the first bid since something came back; 0: none */
    _Atomic int64_t last_bid_ms;
    struct mb__ring rings[MB__RING_COUNT];
    struct mb__bucket cpm[MB__CPM_BUCKETS];
    struct mb__bucket cpc[MB__CPC_BUCKETS];
};

enum mb__ring_kind mb__ring_of(enum mb_model model);

/* What one event of this model and price costs. */
struct mb_amount mb__ring_cost(enum mb_model model, struct mb_price price);

/* Lets go of what is older than the holding time. Costs nothing while the minute is the same. */
void mb__ring_advance(struct mb__slot *slot, enum mb__ring_kind kind, int64_t now_ms);

/* What a bid made now holds of `cost`, in nanos. `expect_rate` 0: the usual prior; below 0: all
 * of it. Changes no money. */
int64_t mb__ring_share(struct mb__slot *slot, enum mb__ring_kind kind, double expect_rate,
                       struct mb_amount cost, int64_t now_ms);

/* Puts a share, already in slot->reserved, into the minute's bucket and counts the bid. */
void mb__ring_hold(struct mb__slot *slot, enum mb__ring_kind kind, int64_t share, int64_t now_ms);

/* A bid made at `bid_ms` has booked: lowers its bucket, then slot->reserved. False, without effect,
 * where nothing is held for it any more. */
bool mb__ring_release(struct mb__slot *slot, enum mb__ring_kind kind, struct mb_amount cost,
                      int64_t bid_ms);

/* --- the shared mapping: guard.c --- */

enum { MB__ZONES_MAX = 640, MB__NAME_BYTES_MAX = 64 };

struct mb__name {
    uint32_t len; /* 0: free */
    char text[MB__NAME_BYTES_MAX];
};

/* Who sits out; apart from the slots, which are large, so that all can be looked at. */
struct mb__bench {
    _Atomic uint32_t why; /* enum mb_guard_bench */
    _Atomic uint32_t n_strikes;
    int64_t strikes_ms[MB_GUARD_STRIKES]; /* when; strike n at n % MB_GUARD_STRIKES */
};

/* Hashes of what was told last of a slot; notes.c. */
struct mb__told {
    _Atomic uint64_t overrun;
};

struct mb__shared {
    pthread_mutex_t
        load_lock; /* names and zones; taken at load time only, robust against a killed holder */
    uint32_t n_zones;
    struct mb__name zone_names[MB__ZONES_MAX];
    struct mb_zone zones[MB__ZONES_MAX]; /* the first is UTC; written before a slot points at it */
    struct mb__name names[MB_GUARD_SLOTS_MAX];
    struct mb__bench bench[MB_GUARD_SLOTS_MAX];
    struct mb__told told[MB_GUARD_SLOTS_MAX];
    _Atomic uint8_t paused[MB_GUARD_SLOTS_MAX];
    _Atomic uint8_t all_paused;
    _Atomic int64_t silence_ms; /* 0: no limit */
    struct mb__slot slots[MB_GUARD_SLOTS_MAX];
};

struct mb__counters; /* counters.c */

struct mb_guard {
    struct mb__shared *shared;
    struct mb__counters *counters;
    struct mb__counters *frequency; /* impressions by key and part of the window */
    struct mb__counters *per;       /* nanos booked by strategy and key; rebuilt at start */
};

/* NULL for a slot out of range. */
struct mb__slot *mb__guard_slot(const struct mb_guard *guard, uint32_t slot);
const struct mb_zone *mb__guard_zone(const struct mb_guard *guard, const struct mb__slot *slot);

/* --- overrun.c --- */

/* After `nanos` were settled on the slot: counts what passed its limits, and a late booking. */
void mb__overrun_book(struct mb__slot *slot, const struct mb_zone *zone, int64_t nanos,
                      int64_t at_ms, bool late);

/* --- alarm.c --- */

void mb__alarm_bid(struct mb_guard *guard, struct mb__slot *slot, int64_t now_ms);
void mb__alarm_event(struct mb_guard *guard, struct mb__slot *slot, uint32_t slot_index,
                     const struct mb_event *event);
bool mb__alarm_holds(struct mb_guard *guard, struct mb__slot *slot, uint32_t slot_index,
                     int64_t now_ms);
void mb__alarm_clear(struct mb__slot *slot);

/* --- caps.c --- */

/* Adds what the event booked to the sum under its per key. */
void mb__caps_book(struct mb_guard *guard, const struct mb_event *event);

/* --- script counters: counters.c over a table that counters_file.c maps --- */

/* A counter. The low 16 bits of every word are the generation in which it was written; a word
 * counts only while its generation is that of `state`. */
struct mb__counter {
    /* expiry in ms << 17 | claimed << 16 | generation; while claimed, part of the key for the
     * expiry */
    _Atomic uint64_t state;
    _Atomic uint64_t key[2];
    _Atomic uint64_t value; /* a signed 48-bit number */
};

struct mb__counters {
    void *map;
    size_t map_bytes;
    const uint64_t *seed; /* two words: keys of the hash, chosen when the table was made */
    _Atomic uint64_t *evicted;
    struct mb__counter *entries;
    uint32_t mask; /* entries - 1; their number is a power of two */
};

/* `path` NULL: memory shared with children only. */
int mb__counters_open(const char *path, uint32_t max, struct mb__counters *out,
                      struct mb_error *err) MB_MUST_USE;
void mb__counters_close(struct mb__counters *counters);

/* Frees the claims of processes that died. Only while nobody else uses the table. */
void mb__counters_drop_claims(struct mb__counters *counters);

int64_t mb__counters_incr(struct mb__counters *counters, const uint64_t key[2], int64_t n,
                          int64_t window_ms, int64_t now_ms);
int64_t mb__counters_get(const struct mb__counters *counters, const uint64_t key[2],
                         int64_t now_ms);

/* Two words that name a counter, or place a strategy's name: 128 bits over all pieces and their
 * lengths. */
void mb__hash(const uint64_t seed[2], const struct mb_slice *pieces, size_t count, uint64_t out[2]);

#endif /* MB_GUARD_INTERNAL_H */
