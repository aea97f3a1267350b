/* recent.c - a table in shared memory that nobody has to wait for.
 *
 * A key has four places. Each place is guarded by its sequence number: odd while somebody writes,
 * another even number afterwards. A reader that finds it odd, or changed when it has copied, sees
 * nothing; a writer that does not get a place leaves the bid out. So a lost entry costs one
 * attribution, never a wrong one. A place that stays odd for a minute belonged to a process that
 * died, and is taken over.
 */
#include "moonbid/recent.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PLACES = 65536, WAYS = 4, STALE_MS = 60000 };

struct place {
    _Atomic uint64_t sequence;
    _Atomic int64_t time_ms; /* also of a write that is under way */
    uint64_t key;
    uint32_t len; /* 0: two bids share the key */
    uint8_t body[MB_RECENT_BODY_MAX];
};

struct mb_recent {
    struct place *places;
};

int mb_recent_open(struct mb_recent **out, struct mb_error *err)
{
    struct mb_recent *recent = calloc(1, sizeof *recent);
    if (!recent) {
        abort();
    }
    recent->places = mmap(NULL, PLACES * sizeof(struct place), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (recent->places == MAP_FAILED) {
        free(recent);
        return mb_fail(err, MB_ENOMEM, NULL, "no shared memory for recent bids: %s",
                       strerror(errno));
    }
    *out = recent;
    return 0;
}

void mb_recent_close(struct mb_recent *recent)
{
    if (recent) {
        munmap(recent->places, PLACES * sizeof(struct place));
        free(recent);
    }
}

static struct place *ways_of(const struct mb_recent *recent, uint64_t key)
{
    return &recent->places[(key >> 7) % (PLACES / WAYS) * WAYS];
}

/* A copy of what the place holds; false where it is being written, or empty. */
static bool read_place(const struct place *place, struct place *out)
{
    uint64_t before = atomic_load_explicit(&place->sequence, memory_order_acquire);
    if (before == 0 || before & 1) {
        return false;
    }
    out->time_ms = atomic_load_explicit(&place->time_ms, memory_order_relaxed);
    out->key = place->key;
    out->len = place->len;
    memcpy(out->body, place->body, sizeof out->body);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&place->sequence, memory_order_relaxed) == before &&
           out->len <= MB_RECENT_BODY_MAX;
}

static bool is_old(int64_t time_ms, int64_t now_ms)
{
    return now_ms - time_ms > MB_RECENT_HOLD_MS;
}

/* The place that has the key, else the one that will be missed least. */
static struct place *choose(struct place *ways, uint64_t key)
{
    struct place *oldest = &ways[0];
    for (int i = 0; i < WAYS; i++) {
        if (atomic_load(&ways[i].sequence) != 0 && ways[i].key == key) {
            return &ways[i];
        }
        if (atomic_load(&ways[i].time_ms) < atomic_load(&oldest->time_ms)) {
            oldest = &ways[i];
        }
    }
    return oldest;
}

void mb_recent_put(struct mb_recent *recent, uint64_t key, struct mb_slice body, bool alone,
                   int64_t now_ms)
{
    struct place *place = choose(ways_of(recent, key), key), seen;
    uint64_t sequence = atomic_load(&place->sequence);
    bool stuck = sequence & 1 && now_ms - atomic_load(&place->time_ms) > STALE_MS;
    bool shared = alone && read_place(place, &seen) && seen.key == key &&
                  !is_old(seen.time_ms, now_ms);
    if (body.len > MB_RECENT_BODY_MAX || (sequence & 1 && !stuck) ||
        !atomic_compare_exchange_strong(&place->sequence, &sequence, (sequence | 1) + (stuck ? 2 : 0))) {
        return;
    }
    sequence = (sequence | 1) + (stuck ? 2 : 0);
    atomic_store_explicit(&place->time_ms, now_ms, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    place->key = key;
    place->len = shared ? 0 : (uint32_t)body.len;
    memcpy(place->body, body.data, body.len);
    atomic_store_explicit(&place->sequence, sequence + 1, memory_order_release);
}

size_t mb_recent_get(const struct mb_recent *recent, uint64_t key, int64_t now_ms,
                     uint8_t body[MB_RECENT_BODY_MAX])
{
    const struct place *ways = ways_of(recent, key);
    for (int i = 0; i < WAYS; i++) {
        struct place seen;
        if (read_place(&ways[i], &seen) && seen.key == key && !is_old(seen.time_ms, now_ms)) {
            memcpy(body, seen.body, seen.len);
            return seen.len;
        }
    }
    return 0;
}
