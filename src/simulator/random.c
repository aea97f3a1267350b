/* random.c - chance that a seed repeats: splitmix64, which needs one word of state and no warming
 * up. */
#include "internal.h"

uint64_t mb__sim_random_next(struct mb__sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The bias of the remainder is far below what a simulation could show. */
uint64_t mb__sim_random_below(struct mb__sim_random *random, uint64_t limit)
{
    return mb__sim_random_next(random) % limit;
}

bool mb__sim_random_percent(struct mb__sim_random *random, unsigned percent)
{
    return mb__sim_random_below(random, 100) < percent;
}
