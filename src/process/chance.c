/* chance.c - bytes nobody can guess, for bid ids, and a seed for each request.
 *
 * Bytes come from the kernel in batches: one system call serves some hundred bids. Seeds need not
 * be secret, only different everywhere: a random key of the process and a counter, mixed.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static void fill(void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got > 0) {
            at += got;
            len -= (size_t)got;
        } else if (errno != EINTR) {
            abort(); /* the kernel has promised these */
        }
    }
}

void mb__chance_init(struct mb__chance *chance)
{
    chance->left = 0;
    chance->counter = 0;
    fill(&chance->key, sizeof(chance->key));
}

void mb__chance_bytes(struct mb__chance *chance, void *out, size_t len)
{
    if (len > sizeof(chance->bytes)) {
        fill(out, len);
        return;
    }
    if (len > chance->left) {
        fill(chance->bytes, sizeof(chance->bytes));
        chance->left = sizeof(chance->bytes);
    }
    memcpy(out, chance->bytes + sizeof(chance->bytes) - chance->left, len);
    chance->left -= len;
}

/* The finishing steps of splitmix64. */
uint64_t mb__chance_seed(struct mb__chance *chance)
{
    uint64_t z = chance->key + ++chance->counter * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
