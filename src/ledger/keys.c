/* keys.c - the set of all keys ever recorded, 16 bytes each.
 *
 * Instead of a key the set holds its SipHash-2-4 of 128 bits under a secret drawn at start, so
 * nobody outside can make two keys meet. By chance two of n keys do with odds of n^2 / 2^129: for a
 * thousand million events less than 1 in 10^20; the later event would then be taken for a
 * duplicate.
 *
 * Open addressing with linear probing, at most three quarters full. Removal closes the gap (Knuth's
 * algorithm 6.4 R), so there are no tombstones.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "internal.h"

enum { FIRST_SIZE = 1024 };

/* --- SipHash-2-4, 128-bit output --- */

#define ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static void mix(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = ROTATE(v[1], 13) ^ v[0];
        v[3] = ROTATE(v[3], 16) ^ v[2];
        v[0] = ROTATE(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = ROTATE(v[1], 17) ^ v[2];
        v[3] = ROTATE(v[3], 21) ^ v[0];
        v[2] = ROTATE(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v, 2);
    v[0] ^= word;
}

struct mb_ledger_hash mb__ledger_hash(const struct mb_ledger_keys *keys, struct mb_slice key)
{
    uint64_t v[4] = {
        keys->secret[0] ^ UINT64_C(0x736f6d6570736575),
        keys->secret[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
        keys->secret[0] ^ UINT64_C(0x6c7967656e657261),
        keys->secret[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t word = 0;
    size_t at = 0;
    for (; key.len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, key.data + at, sizeof word);
        absorb(v, word);
    }
    word = 0;
    if (key.len > at) {
        memcpy(&word, key.data + at, key.len - at);
    }
    absorb(v, word | (uint64_t)key.len << 56);
    v[2] ^= 0xee;
    mix(v, 4);
    struct mb_ledger_hash hash = {.low = v[0] ^ v[1] ^ v[2] ^ v[3]};
    v[1] ^= 0xdd;
    mix(v, 4);
    hash.high = v[0] ^ v[1] ^ v[2] ^ v[3];
    hash.high |= hash.low == 0 && hash.high == 0;
    return hash;
}

/* --- the set --- */

static bool is_free(struct mb_ledger_hash hash)
{
    return hash.low == 0 && hash.high == 0;
}

/* Where it is, or the free place where it would be. */
static size_t place_of(const struct mb_ledger_keys *keys, struct mb_ledger_hash hash)
{
    size_t i = hash.low & (keys->size - 1);
    while (!is_free(keys->places[i]) &&
           (keys->places[i].low != hash.low || keys->places[i].high != hash.high)) {
        i = (i + 1) & (keys->size - 1);
    }
    return i;
}

static void resize(struct mb_ledger_keys *keys, size_t size)
{
    struct mb_ledger_keys wider = *keys;
    wider.size = size;
    wider.places = calloc(size, sizeof *wider.places);
    if (!wider.places) {
        abort();
    }
    for (size_t i = 0; i < keys->size; i++) {
        if (!is_free(keys->places[i])) {
            wider.places[place_of(&wider, keys->places[i])] = keys->places[i];
        }
    }
    free(keys->places);
    *keys = wider;
}

void mb__xledger_keys_init(struct mb_ledger_keys *keys)
{
    memset(keys, 0, sizeof *keys);
    if (getrandom(keys->secret, sizeof keys->secret, 0) != (ssize_t)sizeof keys->secret) {
        abort();
    }
    resize(keys, FIRST_SIZE);
}

void mb__ledger_keys_fini(struct mb_ledger_keys *keys)
{
    free(keys->places);
    memset(keys, 0, sizeof *keys);
}

bool mb__xledger_keys_add(struct mb_ledger_keys *keys, struct mb_ledger_hash hash)
{
    size_t i = place_of(keys, hash);
    if (!is_free(keys->places[i])) {
        return false;
    }
    keys->places[i] = hash;
    if (++keys->count > keys->size / 4 * 3) {
        resize(keys, keys->size * 2);
    }
    return true;
}

void mb__ledger_keys_remove(struct mb_ledger_keys *keys, struct mb_ledger_hash hash)
{
    size_t mask = keys->size - 1, gap = place_of(keys, hash);
    if (is_free(keys->places[gap])) {
        return;
    }
    keys->count--;
    for (size_t i = (gap + 1) & mask; !is_free(keys->places[i]); i = (i + 1) & mask) {
        size_t home = keys->places[i].low & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) { /* its way from home leads over the gap */
            keys->places[gap] = keys->places[i];
            gap = i;
        }
    }
    keys->places[gap] = (struct mb_ledger_hash){0, 0};
}
