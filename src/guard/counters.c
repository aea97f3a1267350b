/* counters.c - counters of scripts: a lock-free hash table in shared memory, every step of which
 * may be the last of its process.
 *
 * A key lives in one of PROBES places that follow its hash. An entry goes through these states,
 * all in its `state` word:
 *
 *     free or expired --claim--> claimed for a key --publish--> live until its expiry --> expired
 *                                      \--withdraw--> free
 *
 * Every claim starts a new generation. Key words and value carry the generation that wrote them
 * and mean nothing in another, so nothing is ever cleared: a new window starts at 0 because the
 * value is of an older generation, and a slow process that still adds to the old window cannot
 * touch the new one. A claim names its key (47 bits of it), so that others who want the same key
 * help to publish it instead of waiting for a process that may be dead.
 *
 * Two processes may claim places for the same key at once. Before publishing each looks through
 * the key's places: a live entry of the key wins, else the lower claim. Both claims are visible
 * before either looks, so one of them is withdrawn.
 */
#include "internal.h"

enum { PROBES = 16, TRIES_MAX = 1000 };

#define GENERATION UINT64_C(0xffff)
#define CLAIMED UINT64_C(0x10000)
#define EXPIRY_SHIFT 17
#define EXPIRY_MAX (INT64_MAX >> EXPIRY_SHIFT)
#define VALUE_MAX ((INT64_C(1) << 47) - 1)

/* --- words --- */

static uint64_t next_generation(uint64_t state)
{
    return (state + 1) & GENERATION;
}

static uint64_t claim_word(const uint64_t key[2], uint64_t generation)
{
    return (key[0] ^ key[1]) << EXPIRY_SHIFT | CLAIMED | generation;
}

static bool is_claimed(uint64_t state)
{
    return (state & CLAIMED) != 0;
}

static bool is_claim_for(uint64_t state, const uint64_t key[2])
{
    return state == claim_word(key, state & GENERATION);
}

static uint64_t live_word(int64_t expiry_ms, uint64_t generation)
{
    expiry_ms = expiry_ms < 0 ? 0 : expiry_ms > EXPIRY_MAX ? EXPIRY_MAX : expiry_ms;
    return (uint64_t)expiry_ms << EXPIRY_SHIFT | generation;
}

static int64_t expiry_of(uint64_t state)
{
    return (int64_t)(state >> EXPIRY_SHIFT);
}

static uint64_t key_word(uint64_t hash, uint64_t generation)
{
    return (hash & ~GENERATION) | generation;
}

static bool holds_key(const struct mb__counter *entry, const uint64_t key[2], uint64_t state)
{
    uint64_t generation = state & GENERATION;

    return atomic_load(&entry->key[0]) == key_word(key[0], generation) &&
           atomic_load(&entry->key[1]) == key_word(key[1], generation);
}

/* A value saturates rather than wraps. */
static uint64_t value_word(int64_t value, uint64_t generation)
{
    value = value > VALUE_MAX ? VALUE_MAX : value < -VALUE_MAX ? -VALUE_MAX : value;
    return (uint64_t)value << 16 | generation;
}

static int64_t value_in(uint64_t word, uint64_t generation)
{
    return (word & GENERATION) == generation ? (int64_t)word >> 16 : 0;
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t out;

    if (__builtin_add_overflow(a, b, &out)) {
        return b > 0 ? INT64_MAX : INT64_MIN;
    }
    return out;
}

/* --- finding --- */

static struct mb__counter *place(const struct mb__counters *counters, const uint64_t key[2],
                                 uint32_t probe)
{
    return &counters->entries[((uint32_t)(key[0] >> 16) + probe) & counters->mask];
}

static bool is_live(const struct mb__counter *entry, const uint64_t key[2], uint64_t state,
                    int64_t now_ms)
{
    return !is_claimed(state) && expiry_of(state) > now_ms && holds_key(entry, key, state);
}

static struct mb__counter *find_live(const struct mb__counters *counters, const uint64_t key[2],
                                     int64_t now_ms)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct mb__counter *entry = place(counters, key, i);

        if (is_live(entry, key, atomic_load(&entry->state), now_ms)) {
            return entry;
        }
    }
    return NULL;
}

/* --- making --- */

/* Writes a key word of a claim, unless a later generation has been there. Any helper writes the
 * same. */
static void write_key(struct mb__counter *entry, size_t i, uint64_t word, uint64_t claim)
{
    uint64_t seen = atomic_load(&entry->key[i]);

    while (seen != word && atomic_load(&entry->state) == claim &&
           !atomic_compare_exchange_strong(&entry->key[i], &seen, word)) {
    }
}

/* Whether the claim at place `mine` has to give way to another entry of the same key. */
static bool must_withdraw(const struct mb__counters *counters, const uint64_t key[2], uint32_t mine,
                          int64_t now_ms)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        const struct mb__counter *entry = place(counters, key, i);
        uint64_t state = atomic_load(&entry->state);

        if (i != mine &&
            (is_live(entry, key, state, now_ms) || (i < mine && is_claim_for(state, key)))) {
            return true;
        }
    }
    return false;
}

/* Brings a claim to its end, its owner's or another's. */
static void finish_claim(struct mb__counters *counters, const uint64_t key[2], uint32_t probe,
                         uint64_t claim, int64_t window_ms, int64_t now_ms)
{
    struct mb__counter *entry = place(counters, key, probe);
    uint64_t generation = claim & GENERATION;
    uint64_t next;

    if (must_withdraw(counters, key, probe, now_ms)) {
        next = live_word(0, next_generation(claim));
    } else {
        write_key(entry, 0, key_word(key[0], generation), claim);
        write_key(entry, 1, key_word(key[1], generation), claim);
        next = live_word(sum(now_ms, window_ms), generation);
    }
    atomic_compare_exchange_strong(&entry->state, &claim, next);
}

/* The place to claim for a new window: the key's own expired entry, else the first free or
 * expired one, else the soonest to expire. Gives its probe and state; PROBES where a claim for
 * the key is already there (then *state is that claim, *claimed its probe), or where nothing can
 * be had. */
static uint32_t choose_place(const struct mb__counters *counters, const uint64_t key[2],
                             int64_t now_ms, uint64_t *state, uint32_t *claimed)
{
    uint32_t best = PROBES;

    *claimed = PROBES;
    for (uint32_t i = 0; i < PROBES; i++) {
        const struct mb__counter *entry = place(counters, key, i);
        uint64_t seen = atomic_load(&entry->state);

        if (is_claim_for(seen, key)) {
            *claimed = i;
            *state = seen;
            return PROBES;
        }
        if (is_claimed(seen)) {
            continue;
        }
        if (expiry_of(seen) <= now_ms && holds_key(entry, key, seen)) {
            *state = seen;
            best = i;
            now_ms = -1; /* nothing is better, but a claim behind it still has to be seen */
        } else if (now_ms >= 0 && (best == PROBES || (expiry_of(*state) > now_ms &&
                                                      expiry_of(seen) < expiry_of(*state)))) {
            *state = seen;
            best = i;
        }
    }
    return best;
}

/* One step towards a live entry of the key. */
static void make_entry(struct mb__counters *counters, const uint64_t key[2], int64_t window_ms,
                       int64_t now_ms)
{
    uint64_t state = 0, claim;
    uint32_t claimed;
    uint32_t probe = choose_place(counters, key, now_ms, &state, &claimed);

    if (claimed < PROBES) {
        finish_claim(counters, key, claimed, state, window_ms, now_ms);
        return;
    }
    if (probe == PROBES) {
        return;
    }
    claim = claim_word(key, next_generation(state));
    if (atomic_compare_exchange_strong(&place(counters, key, probe)->state, &state, claim)) {
        if (expiry_of(state) > now_ms) {
            atomic_fetch_add(counters->evicted, 1);
        }
        finish_claim(counters, key, probe, claim, window_ms, now_ms);
    }
}

/* Adds to a live entry. False where it is not live any more. */
static bool add(struct mb__counter *entry, const uint64_t key[2], int64_t n, int64_t now_ms,
                int64_t *out)
{
    for (;;) {
        /* The value is read first: if it is unchanged when it is exchanged, it belongs to the
         * state read after it or to an older generation, which counts as 0. */
        uint64_t old = atomic_load(&entry->value);
        uint64_t state = atomic_load(&entry->state);
        uint64_t generation = state & GENERATION;
        uint64_t new;

        if (!is_live(entry, key, state, now_ms)) {
            return false;
        }
        new = value_word(sum(value_in(old, generation), n), generation);
        if (atomic_compare_exchange_strong(&entry->value, &old, new)) {
            *out = value_in(new, generation);
            return true;
        }
    }
}

int64_t mb__counters_incr(struct mb__counters *counters, const uint64_t key[2], int64_t n,
                          int64_t window_ms, int64_t now_ms)
{
    int64_t out = 0;

    window_ms = window_ms < 1 ? 1 : window_ms;
    /* A try fails only when another process got further; the bound is for a table that is all
     * dead claims. */
    for (int i = 0; i < TRIES_MAX; i++) {
        struct mb__counter *entry = find_live(counters, key, now_ms);

        if (entry && add(entry, key, n, now_ms, &out)) {
            return out;
        }
        if (!entry) {
            make_entry(counters, key, window_ms, now_ms);
        }
    }
    atomic_fetch_add(counters->evicted, 1);
    return n;
}

int64_t mb__counters_get(const struct mb__counters *counters, const uint64_t key[2], int64_t now_ms)
{
    const struct mb__counter *entry = find_live(counters, key, now_ms);
    uint64_t value, state;

    if (!entry) {
        return 0;
    }
    value = atomic_load(&entry->value);
    state = atomic_load(&entry->state);
    return is_live(entry, key, state, now_ms) ? value_in(value, state & GENERATION) : 0;
}

void mb__counters_drop_claims(struct mb__counters *counters)
{
    for (uint32_t i = 0; i <= counters->mask; i++) {
        uint64_t state = atomic_load(&counters->entries[i].state);

        if (is_claimed(state)) {
            atomic_store(&counters->entries[i].state, live_word(0, next_generation(state)));
        }
    }
}

/* --- names --- */

/* Both halves of a 64 x 64 bit product, folded: every bit of the input reaches every bit of the
 * result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void mb__hash(const uint64_t seed[2], const struct mb_slice *pieces, size_t count, uint64_t out[2])
{
    uint64_t a = seed[0] ^ UINT64_C(0x9e3779b97f4a7c15), b = seed[1] ^ UINT64_C(0xc2b2ae3d27d4eb4f);

    for (size_t i = 0; i < count; i++) {
        size_t left = pieces[i].len;

        for (const char *p = pieces[i].data; left > 0;) {
            size_t take = left < sizeof(uint64_t) ? left : sizeof(uint64_t);
            uint64_t word = mb_slice_word(p, take);

            a = fold(a ^ word, UINT64_C(0x9fb21c651e98df25) ^ seed[1]);
            b = fold(b + word, UINT64_C(0xd6e8feb86659fd93) ^ seed[0]) + a;
            p += take;
            left -= take;
        }
        /* The length stands between pieces: ("ab", "c") is not ("a", "bc"). */
        a = fold(a + pieces[i].len, UINT64_C(0xa0761d6478bd642f));
        b = fold(b ^ pieces[i].len, UINT64_C(0xe7037ed1a0b428db)) + a;
    }
    out[0] = fold(a ^ b, UINT64_C(0x8ebc6af09c88c6e3) ^ seed[0]);
    out[1] = fold(b + seed[1], UINT64_C(0x589965cc75374cc3) ^ a);
}

static void name_counter(const struct mb_guard *guard, struct mb_slice strategy,
                         struct mb_slice key, uint64_t out[2])
{
    bool shared = mb_slice_starts(key, MB_SLICE("shared:"));
    struct mb_slice pieces[2] = {shared ? MB_SLICE("") : strategy, key};

    mb__hash(guard->counters->seed, pieces, 2, out);
}

int64_t mb_guard_incr(struct mb_guard *guard, struct mb_slice strategy, struct mb_slice key,
                      int64_t n, int64_t window_ms, int64_t now_ms)
{
    uint64_t name[2];

    name_counter(guard, strategy, key, name);
    return mb__counters_incr(guard->counters, name, n, window_ms, now_ms);
}

int64_t mb_guard_get(struct mb_guard *guard, struct mb_slice strategy, struct mb_slice key,
                     int64_t now_ms)
{
    uint64_t name[2];

    name_counter(guard, strategy, key, name);
    return mb__counters_get(guard->counters, name, now_ms);
}

uint64_t mb_guard_evicted(const struct mb_guard *guard)
{
    return atomic_load(guard->counters->evicted);
}
