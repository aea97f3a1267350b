/* guard.c - the shared mapping: made once before the fork, found by strategy name at load time.
 *
 * The mapping has room for every slot there may be, but pages that nobody touched cost nothing,
 * so a dozen strategies take a dozen slots' worth of memory. Names stand apart from the slots,
 * since looking for one would touch them all. Loading takes a lock (robust: a holder that is
 * killed leaves it usable); bidding takes none.
 */
#include "market.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    FREQUENCY_MAX = 524288,
    PER_MAX = 262144, /* strategies times zones with spend; 8 MiB, untouched pages cost nothing */
    UNMAP_BYTES = 1 << 20,
};

/* Places names in this mapping only, which no outsider can fill: a fixed key does. */
static const uint64_t name_seed[2] = {UINT64_C(0x6d6f6f6e62696421), UINT64_C(0x736c6f74206e616d)};

/* MAP_FAILED without memory. */
static void *map(size_t bytes, bool alone)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        (alone ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (alone && memory != MAP_FAILED) {
        (void)madvise(memory, bytes, MADV_NOHUGEPAGE); /* slots are far apart: 2 MiB would be cleared for each */
    }
    return memory;
}

/* In pieces: the system gives back one call's memory in one go, and the core that this shares with a worker is its until
 * then. */
static void unmap(void *memory, size_t bytes)
{
    size_t at;

    for (at = 0; at < bytes; at += UNMAP_BYTES) {
        munmap((char *)memory + at, bytes - at < UNMAP_BYTES ? bytes - at : UNMAP_BYTES);
    }
}

static int make_shared(bool alone, struct mb__shared **out, struct mb_error *err)
{
    pthread_mutexattr_t attributes;
    struct mb__shared *shared = map(sizeof(*shared), alone);

    if (shared == MAP_FAILED) {
        return mb_fail(err, MB_ENOMEM, NULL, "no shared memory for the guard: %s", strerror(errno));
    }
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->load_lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    mb_zone_utc(&shared->zones[0]);
    shared->zone_names[0] = (struct mb__name){3, "UTC"};
    shared->n_zones = 1;
    *out = shared;
    return 0;
}

static int open_table(const char *path, uint32_t max, struct mb__counters **out,
                      struct mb_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out) {
        return mb_fail(err, MB_ENOMEM, NULL, "no memory for the guard");
    }
    return mb__counters_open(path, max, *out, err);
}

static int make_market(bool alone, struct mb__market **out, struct mb_error *err)
{
    struct mb__market *market = map(sizeof(*market), alone);

    if (market == MAP_FAILED) {
        return mb_fail(err, MB_ENOMEM, NULL, "no shared memory for the market: %s", strerror(errno));
    }
    *out = market;
    return 0;
}

static int open_all(const struct mb_guard_options *options, struct mb_guard *guard,
                    struct mb_error *err)
{
    uint32_t frequency_max = options->frequency_max ? options->frequency_max : FREQUENCY_MAX;
    int rc = make_shared(options->alone, &guard->shared, err);

    guard->own_traffic = calloc(MB_GUARD_SLOTS_MAX, sizeof(*guard->own_traffic));
    if (rc == 0 && !guard->own_traffic) {
        rc = mb_fail(err, MB_ENOMEM, NULL, "no memory for the guard");
    }
    if (rc == 0) {
        rc = open_table(options->counters_path, options->counters_max, &guard->counters, err);
    }
    if (rc == 0) {
        rc = open_table(options->frequency_path, frequency_max, &guard->frequency, err);
    }
    if (rc == 0) {
        rc = make_market(options->alone, &guard->market, err);
    }
    return rc ? rc : open_table(NULL, PER_MAX, &guard->per, err);
}

int mb_guard_open(const struct mb_guard_options *options, struct mb_guard **out,
                  struct mb_error *err)
{
    struct mb_guard *guard = calloc(1, sizeof(*guard));
    int rc;

    *out = NULL;
    if (!guard) {
        return mb_fail(err, MB_ENOMEM, NULL, "no memory for the guard");
    }
    rc = open_all(options, guard, err);
    if (rc < 0) {
        mb_guard_close(guard);
        return rc;
    }
    *out = guard;
    return 0;
}

static void close_table(struct mb__counters *table)
{
    if (table) {
        mb__counters_close(table);
        free(table);
    }
}

void mb_guard_close(struct mb_guard *guard)
{
    if (!guard) {
        return;
    }
    close_table(guard->counters);
    close_table(guard->frequency);
    close_table(guard->per);
    free(guard->own_traffic);
    if (guard->market) {
        unmap(guard->market, sizeof(*guard->market));
    }
    if (guard->shared) {
        unmap(guard->shared, sizeof(*guard->shared));
    }
    free(guard);
}

struct mb__slot *mb__guard_slot(const struct mb_guard *guard, uint32_t slot)
{
    return slot < MB_GUARD_SLOTS_MAX ? &guard->shared->slots[slot] : NULL;
}

const struct mb_zone *mb__guard_zone(const struct mb_guard *guard, const struct mb__slot *slot)
{
    return &guard->shared->zones[atomic_load(&slot->zone)];
}

/* What a killed holder left is whole: a name counts from the moment its length is set. */
static void lock(struct mb__shared *shared)
{
    if (pthread_mutex_lock(&shared->load_lock) == EOWNERDEAD) {
        pthread_mutex_consistent(&shared->load_lock);
    }
}

static void unlock(struct mb__shared *shared)
{
    pthread_mutex_unlock(&shared->load_lock);
}

static bool name_is(const struct mb__name *name, struct mb_slice text)
{
    return mb_slice_eq(mb_slice(name->text, name->len), text);
}

static void set_name(struct mb__name *name, struct mb_slice text)
{
    memcpy(name->text, text.data, text.len);
    atomic_thread_fence(memory_order_release);
    name->len = (uint32_t)text.len;
}

uint32_t mb_guard_slot(struct mb_guard *guard, struct mb_slice strategy)
{
    struct mb__name *names = guard->shared->names;
    uint32_t found = MB_GUARD_NO_SLOT;
    uint64_t hash[2];

    if (strategy.len == 0 || strategy.len > MB__NAME_BYTES_MAX) {
        return MB_GUARD_NO_SLOT;
    }
    mb__hash(name_seed, &strategy, 1, hash);
    lock(guard->shared);
    for (uint32_t i = 0; i < MB_GUARD_SLOTS_MAX && found == MB_GUARD_NO_SLOT; i++) {
        uint32_t at = (uint32_t)((hash[0] + i) % MB_GUARD_SLOTS_MAX);

        if (names[at].len == 0) {
            uint32_t n = atomic_load(&guard->shared->n_used);

            set_name(&names[at], strategy);
            guard->shared->used[n] = at;
            atomic_store(&guard->shared->n_used, n + 1);
        }
        if (name_is(&names[at], strategy)) {
            found = at;
        }
    }
    unlock(guard->shared);
    return found;
}

uint32_t mb_guard_used_slot(const struct mb_guard *guard, uint32_t i)
{
    return i < atomic_load(&guard->shared->n_used) ? guard->shared->used[i] : MB_GUARD_NO_SLOT;
}

struct mb__slot *mb__pool_of(const struct mb_guard *guard, const struct mb__slot *slot)
{
    uint32_t index = atomic_load(&slot->pool);

    return index > 0 ? mb__guard_slot(guard, index - 1) : NULL;
}

int64_t mb__guard_clock(const struct mb_guard *guard, int64_t wall_ms)
{
    return wall_ms + atomic_load_explicit(&guard->shared->clock_offset_ms, memory_order_relaxed);
}

/* It begins with the wall's time, so that the two differ only once somebody has set that. */
void mb_guard_set_clock(struct mb_guard *guard, uint32_t boot_id, int64_t wall_ms, int64_t boot_ms)
{
    struct mb__shared *shared = guard->shared;
    int64_t none = 0;

    atomic_compare_exchange_strong(&shared->clock_anchor_ms, &none, wall_ms - boot_ms);
    atomic_store(&shared->clock_offset_ms,
                 boot_ms + atomic_load(&shared->clock_anchor_ms) - wall_ms);
    atomic_store(&shared->boot_id, boot_id);
}

uint32_t mb_guard_boot(const struct mb_guard *guard, int64_t wall_ms, int64_t *boot_ms)
{
    *boot_ms = mb__guard_clock(guard, wall_ms);
    return atomic_load_explicit(&guard->shared->boot_id, memory_order_relaxed);
}

/* A pool's name begins with a sign that no strategy's name has. */
uint32_t mb_guard_pool_slot(struct mb_guard *guard, struct mb_slice pool)
{
    char name[MB__NAME_BYTES_MAX];

    if (pool.len == 0 || pool.len >= sizeof(name)) {
        return MB_GUARD_NO_SLOT;
    }
    name[0] = '$';
    memcpy(name + 1, pool.data, pool.len);
    return mb_guard_slot(guard, mb_slice(name, pool.len + 1));
}

/* What its open bids hold goes with the strategy. */
static void move_to_pool(struct mb_guard *guard, struct mb__slot *slot, uint32_t pool)
{
    uint32_t old = atomic_exchange(&slot->pool, pool);

    for (int how = 0; how < 2 && old != pool; how++) {
        int64_t held = atomic_load(&slot->held[how]);

        if (pool > 0) {
            atomic_fetch_add(&mb__guard_slot(guard, pool - 1)->held[how], held);
        }
        if (old > 0) {
            atomic_fetch_sub(&mb__guard_slot(guard, old - 1)->held[how], held);
        }
    }
}

void mb_guard_set_booking(struct mb_guard *guard, uint32_t slot_index, uint32_t pool_slot,
                          const struct mb_limits *limits)
{
    struct mb__slot *slot = mb__guard_slot(guard, slot_index);

    if (slot) {
        move_to_pool(guard, slot, pool_slot < MB_GUARD_SLOTS_MAX ? pool_slot + 1 : 0);
        atomic_store(&slot->frequency_per_ms, limits->frequency.per_ms);
        atomic_store(&slot->expect_rate, (uint32_t)(limits->expect_rate * 1e6 + 0.5));
        atomic_store(&slot->daily_limit, limits->daily.nanos);
        atomic_store(&slot->total_limit, limits->total.nanos);
    }
}

void mb_guard_set_hold(struct mb_guard *guard, struct mb_slice endpoint, int64_t cpm_ms,
                       int64_t cpc_ms)
{
    struct mb__shared *shared = guard->shared;

    if (shared->n_holds < MB__HOLDS_MAX && endpoint.len <= MB__NAME_BYTES_MAX) {
        struct mb__hold_times *hold = &shared->holds[shared->n_holds++];

        set_name(&hold->endpoint, endpoint);
        hold->hold_ms[MB__PAY_CPM] = cpm_ms;
        hold->hold_ms[MB__PAY_CPC] = cpc_ms;
    }
}

/* The zone's place, loading it on first sight. The caller holds the lock. */
static int find_zone(struct mb__shared *shared, struct mb_slice name, uint32_t *out,
                     struct mb_error *err)
{
    uint32_t at = 0;
    int rc;

    *out = 0;
    while (at < shared->n_zones && !name_is(&shared->zone_names[at], name)) {
        at++;
    }
    if (at == shared->n_zones) {
        if (at == MB__ZONES_MAX) {
            return mb_fail(err, MB_ENOMEM, NULL, "more than %d timezones", MB__ZONES_MAX);
        }
        rc = mb_zone_load(name, &shared->zones[at], err);
        if (rc < 0) {
            return rc;
        }
        set_name(&shared->zone_names[at], name);
        shared->n_zones++;
    }
    *out = at;
    return 0;
}

int mb_guard_set_zone(struct mb_guard *guard, uint32_t slot_index, struct mb_slice zone_name,
                      struct mb_error *err)
{
    struct mb__slot *slot = mb__guard_slot(guard, slot_index);
    uint32_t zone = 0;
    int rc = 0;

    if (!slot) {
        return mb_fail(err, MB_EINVAL, NULL, "no such slot");
    }
    if (!mb_slice_empty(zone_name)) {
        lock(guard->shared);
        rc = find_zone(guard->shared, zone_name, &zone, err);
        unlock(guard->shared);
    }
    atomic_store(&slot->zone, zone);
    return rc;
}
