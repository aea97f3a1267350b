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

/* --- reservations: reserve.c and rates.c --- */

enum mb__pay { MB__PAY_CPM, MB__PAY_CPC, MB__PAYS }; /* what a price is paid for */

enum {
    MB__STEPS = 48,          /* the holding time is cut into so many */
    MB__AGES = MB__STEPS + 1, /* a bid of step s is held while the step is s .. s + MB__STEPS */
    MB__COHORTS = 64,        /* those held, and some of the past, which slow processes still clear */
    MB__CELLS = 16,          /* of a strategy; the last MB__PAYS take what finds no other */
};

/* The bids of one step. */
struct mb__cohort {
    _Atomic int64_t step;
    _Atomic int64_t open; /* nanos that its bids would cost: those not booked and not expired */
    _Atomic uint32_t bids; /* how many these are */
};

/* A strategy's bids at one endpoint, for one format and way of paying. Keys and steps stand in the
 * slot, so that looking for one touches a line or two. */
struct mb__cell {
    _Atomic int64_t folded; /* up to this step what happened is counted below */
    _Atomic uint32_t fresh[MB__AGES]; /* bookings in the step that runs, by age in steps */
    /* Bids that were open when they reached an age, and those of them that booked at it, in
     * 1/256: halved now and then, old days fade. */
    _Atomic uint64_t reached[MB__AGES], booked[MB__AGES];
    /* Billionths of an open bid's cost that are held at an age: an upper bound of what is to come. */
    _Atomic uint32_t share[MB__AGES + 1];
    struct mb__cohort cohorts[MB__COHORTS];
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

/* --- traffic.c --- */

enum { MB__QUARTERS = 96 };

/* The day's traffic as a strategy sees it, and its pace. */
struct mb__traffic {
    _Atomic uint64_t curve[MB__QUARTERS]; /* by quarter of the local day; 0: not seen yet */
    _Atomic int64_t quarter;              /* the one that runs; 0: none yet */
    _Atomic uint32_t whole;               /* it was seen from its begin */
    _Atomic uint32_t pass;                /* part of impressions that may bid, of 2^32 - 1 */
    _Atomic int64_t plan_ms;              /* when the last plan was made */
    _Atomic int64_t due;                  /* billionths of the day's money that are due by then */
    _Atomic uint64_t asked, passed;       /* impressions; those let through */
    _Atomic int64_t laid;                  /* nanos that the bids of those held */
    /* The same when the quarter began, and at the last plan. */
    _Atomic uint64_t asked_before, asked_at, passed_at;
    _Atomic int64_t laid_at;
    _Atomic int64_t a_quarter, worth; /* means: asked in a quarter; thousandths of nanos laid by
                                         one that passed */
};

/* What this process has seen of a slot's traffic and not yet told the others. */
struct mb__own_traffic {
    int64_t told_ms;
    uint32_t asked, passed;
    uint64_t draws; /* chance */
};

/* What one strategy has spent, holds and counted. */
struct mb__slot {
    /* Nanos; indexed by enum mb_reserve. FULL: the whole cost of open bids, raised before its cohort
     * and lowered after it, so that a kill leaves too much. EXPECTED: what they are thought to come
     * to, made anew from the cohorts every few seconds. */
    _Atomic int64_t held[2];
    _Atomic int64_t total; /* nanos settled ever */
    struct mb__period days[MB__PERIODS];
    struct mb__period hours[MB__PERIODS];
    _Atomic uint64_t events[MB_EVENT_COUNT];
    _Atomic uint64_t booked[MB__PAYS]; /* bids that booked: impressions, clicks */
    _Atomic int64_t qps_next_ns; /* the instant at which the calls so far are due; limits.c */
    _Atomic uint32_t zone;       /* place in mb__shared.zones */
    _Atomic uint32_t pool;       /* its pool's slot + 1; 0: none */
    _Atomic int64_t frequency_per_ms; /* window of its frequency cap; 0: none */
    _Atomic uint32_t expect_rate; /* millionths; 0: the usual */
    _Atomic int64_t daily_limit, total_limit; /* nanos, for who books without the script; 0: none */
    struct mb__overrun overrun;
    _Atomic uint32_t alarm;           /* enum mb_guard_alarm */
    _Atomic uint32_t unbooked_wins;   /* since something booked */
    _Atomic int64_t unbooked_ms;      /* the first of them */
    _Atomic int64_t unanswered_ms;    /* the first bid since something came back; 0: none */
    _Atomic int64_t last_bid_ms;
    struct mb__traffic traffic;
    _Atomic int64_t refreshed_ms;     /* when held[EXPECTED] was made last */
    _Atomic uint64_t cell_keys[MB__CELLS]; /* 0: free */
    _Atomic int64_t step_ms[MB__CELLS];    /* length of the cell's steps; 0: not said yet */
    struct mb__cell cells[MB__CELLS];
};

enum mb__pay mb__pay_of(enum mb_model model);

/* What one event of this model and price costs. */
struct mb_amount mb__cost_of(enum mb_model model, struct mb_price price);

/* The cell of (endpoint, format, way of paying), made where there is none and `make`. MB__CELLS: no
 * such cell. */
uint32_t mb__cell_find(struct mb_guard *guard, struct mb__slot *slot, struct mb_slice endpoint,
                       struct mb_slice format, enum mb__pay pay, bool make);
/* The cell with this key, for what a file says. */
uint32_t mb__cell_of_key(struct mb__slot *slot, uint64_t key, int64_t step_ms);
enum mb__pay mb__cell_pay(const struct mb__slot *slot, uint32_t cell);

/* Adds an amount to what the slot and its pool hold. */
void mb__hold_add(struct mb_guard *guard, struct mb__slot *slot, enum mb_reserve how,
                  int64_t nanos);

/* Puts a bid, already in the slot's held, into the cohort of its instant. */
void mb__cell_hold(struct mb_guard *guard, struct mb__slot *slot, uint32_t cell, int64_t nanos,
                   uint32_t bids, int64_t at_ms);
/* A bid made at `bid_ms` has booked: lets go of what it holds. False where nothing, or not all of
 * it, is held any more. */
bool mb__cell_release(struct mb_guard *guard, struct mb__slot *slot, uint32_t cell, int64_t nanos,
                      int64_t bid_ms, int64_t now_ms);

/* Every few seconds, else nothing: lets go of what has expired, learns from the steps that are
 * over, makes held[EXPECTED]. All times here are of the
 * guard's clock (mb__guard_clock). */
void mb__slot_refresh(struct mb_guard *guard, struct mb__slot *slot, int64_t at_ms);
/* The same at once, after cells were filled. */
void mb__slot_refresh_now(struct mb_guard *guard, struct mb__slot *slot, int64_t at_ms);
/* limits.expect_rate of the strategy, else of its pool, else 0. */
double mb__expect_rate(const struct mb_guard *guard, const struct mb__slot *slot);

/* Part of `nanos` in billionths, rounded up. */
int64_t mb__part_of(int64_t nanos, uint32_t billionths);

/* --- rates.c --- */

/* Counts the steps before `step` that are not counted yet. */
void mb__rates_fold(struct mb__cell *cell, enum mb__pay pay, int64_t step);
/* Makes cell->share from what was counted. `expect_rate` 0: the usual priors. */
void mb__rates_bound(struct mb__cell *cell, enum mb__pay pay, double expect_rate);

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
    _Atomic uint64_t overrun, reserved, learned, alarm;
    _Atomic int64_t learned_min; /* minute of the last look at what was learned */
};

/* How far an amount held has been from the sum of its parts, least and most; recount.c. */
struct mb__drift {
    int64_t least, most;
};

/* An endpoint's own holding times. */
struct mb__hold_times {
    struct mb__name endpoint;
    int64_t hold_ms[MB__PAYS];
};
enum { MB__HOLDS_MAX = 256 };

struct mb__shared {
    pthread_mutex_t
        load_lock; /* names and zones; taken at load time only, robust against a killed holder */
    uint32_t n_zones;
    struct mb__name zone_names[MB__ZONES_MAX];
    struct mb_zone zones[MB__ZONES_MAX]; /* the first is UTC; written before a slot points at it */
    struct mb__name names[MB_GUARD_SLOTS_MAX];
    struct mb__bench bench[MB_GUARD_SLOTS_MAX];
    _Atomic uint32_t n_used;
    uint32_t used[MB_GUARD_SLOTS_MAX]; /* slots that have a name, in the order of their making */
    _Atomic uint64_t told_clock;
    struct mb__told told[MB_GUARD_SLOTS_MAX];
    struct mb__drift drift[MB_GUARD_SLOTS_MAX][2]; /* by enum mb_reserve */
    uint32_t n_counts;                             /* recounts since the last correction */
    _Atomic uint8_t paused[MB_GUARD_SLOTS_MAX];
    _Atomic uint8_t all_paused;
    _Atomic int64_t silence_ms; /* 0: no limit */
    _Atomic int64_t clock_anchor_ms; /* the guard's clock minus that of the boot; 0: not said yet */
    _Atomic int64_t clock_offset_ms; /* the guard's clock minus the wall's */
    _Atomic uint32_t boot_id;
    uint32_t n_holds;
    struct mb__hold_times holds[MB__HOLDS_MAX];
    struct mb__slot slots[MB_GUARD_SLOTS_MAX];
};

struct mb__counters; /* counters.c */
struct mb__market;   /* market.h */

struct mb_guard {
    struct mb__shared *shared;
    struct mb__counters *counters;
    struct mb__counters *frequency; /* impressions by key and part of the window */
    struct mb__counters *per;       /* nanos booked by strategy and key; rebuilt at start */
    struct mb__own_traffic *own_traffic; /* by slot */
    struct mb__market *market;
};

/* The guard's own clock at a wall time: it counts from boot, so nobody sets it. */
int64_t mb__guard_clock(const struct mb_guard *guard, int64_t wall_ms);

/* NULL for none. */
struct mb__slot *mb__pool_of(const struct mb_guard *guard, const struct mb__slot *slot);

/* NULL for a slot out of range. */
struct mb__slot *mb__guard_slot(const struct mb_guard *guard, uint32_t slot);
const struct mb_zone *mb__guard_zone(const struct mb_guard *guard, const struct mb__slot *slot);

/* Counts an impression; with even pacing, whether it is too early for it to bid. */
bool mb__traffic_ahead(struct mb_guard *guard, struct mb__slot *slot, const struct mb_zone *zone,
                       const struct mb_limits *limits, int64_t now_ms);
/* What even pacing compares: the day's money so far, and what is due by now. */
void mb__traffic_stand(const struct mb__slot *slot, const struct mb_zone *zone,
                       const struct mb_limits *limits, int64_t now_ms, int64_t *paced,
                       int64_t *due);
/* A bid on one that was let through holds so much. */
void mb__traffic_laid(struct mb__slot *slot, const struct mb_limits *limits, int64_t nanos);

/* --- overrun.c --- */

/* After `nanos` were settled on the slot: counts what passed its limits, and a late booking. */
void mb__overrun_book(struct mb__slot *slot, const struct mb_zone *zone, int64_t nanos,
                      int64_t at_ms, bool late);

/* --- state.c: what open bids hold and what was learned, as bytes --- */

/* Each appends nothing where there is nothing to tell. The head is what the bytes of a moment
 * differ in though nothing has changed. */
void mb__xstate_add_reserved(const struct mb__slot *slot, struct mb_buf *out);
void mb__xstate_add_head(const struct mb_guard *guard, int64_t now_ms, struct mb_buf *out);
void mb__xstate_add_form(struct mb_buf *out);
void mb__xstate_add_learned(const struct mb__slot *slot, struct mb_buf *out);
void mb__xstate_add_clock(const struct mb_guard *guard, struct mb_buf *out);

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
