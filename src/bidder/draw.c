/* draw.c - chance: seeded where a replay must repeat it, from the system where it must not be guessed.
 *
 * splitmix64 (Steele, Lea, Flood 2014): one addition and three multiplications a number, any seed is good.
 */
#include "internal.h"

uint64_t mb__bidder_draw(struct mb_bidder *b)
{
    uint64_t z = (b->seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void mb__bidder_random(struct mb_bidder *b, void *out, size_t len)
{
    unsigned char *at = out;

    if (b->options.random_bytes) {
        b->options.random_bytes(b->options.user, out, len);
        return;
    }
    while (len > 0) {
        uint64_t word = mb__bidder_draw(b);
        size_t part = len < sizeof(word) ? len : sizeof(word);

        memcpy(at, &word, part);
        at += part;
        len -= part;
    }
}
