/* rates.c - how likely is a bid that is still open to book, at its age?
 *
 * As a life table does it: of the bids that reached an age, how many booked at that age? Each step
 * that ends tells for every cohort how many of its bids were open when it began and how many
 * booked in it. From these chances an open bid's whole chance of a booking follows for each age:
 *
 *     to come at age a = booked at a + (1 - booked at a) * to come at a + 1
 *
 * So nothing has to be known about when bookings come, minutes or hours after the bid, and neither
 * a strategy that has just begun nor one whose traffic grows is judged by bids whose time has not
 * come yet. Two standard deviations are added. Where little was seen the prior speaks, as if it had
 * been seen in `weight` bids: its bookings come half in the first 24th of the holding time, half of
 * the rest in the next, and so on.
 *
 * Numbers here are statistics, not money: a process that is killed in the midst loses some.
 */
#include "internal.h"

#include <math.h>

#define BILLION 1e9
#define UNIT 256 /* of reached and booked: halving keeps what is below one */

static const struct pay {
    double prior;         /* booking rate before anything was seen */
    double weight;        /* bids that the prior counts for */
    int64_t halved_steps; /* after so many all counts are halved */
} pays[MB__PAYS] = {
    [MB__PAY_CPM] = {0.3, 100, 24 * MB__STEPS},  /* a day of the usual holding time */
    [MB__PAY_CPC] = {0.01, 1000, 7 * MB__STEPS}, /* a week */
};

/* Part of the prior's bookings that come at an age or later: half of them in every two steps. */
static double left_at(int age)
{
    double left = age == MB__AGES ? 0 : age % 2 ? 0.70710678118654752 : 1;

    for (; age >= 2; age -= 2) {
        left /= 2;
    }
    return left;
}

/* The prior's chance that a bid which is open at an age books at it. */
static double prior_at(double prior, int age)
{
    double open = 1 - prior * (1 - left_at(age));

    return open > 0 ? prior * (left_at(age) - left_at(age + 1)) / open : 1;
}

static void fold_step(struct mb__cell *cell, int64_t step)
{
    for (int age = 0; age < MB__AGES; age++) {
        struct mb__cohort *cohort = &cell->cohorts[(step - age) & (MB__COHORTS - 1)];
        uint64_t booked = atomic_exchange(&cell->fresh[age], 0);
        uint64_t reached = booked;

        if (atomic_load(&cohort->step) == step - age) {
            reached += atomic_load(&cohort->bids);
        }
        if (reached > 0) {
            atomic_fetch_add(&cell->reached[age], reached * UNIT);
            atomic_fetch_add(&cell->booked[age], booked * UNIT);
        }
    }
}

static void halve(struct mb__cell *cell)
{
    for (int age = 0; age < MB__AGES; age++) {
        atomic_fetch_sub(&cell->reached[age], atomic_load(&cell->reached[age]) / 2);
        atomic_fetch_sub(&cell->booked[age], atomic_load(&cell->booked[age]) / 2);
    }
}

void mb__rates_fold(struct mb__cell *cell, enum mb__pay pay, int64_t step)
{
    int64_t seen = atomic_load(&cell->folded);

    while (seen < step) {
        /* What nobody looked at for longer than bids are held has nothing to tell. */
        bool skip = step - seen > MB__AGES;
        int64_t next = skip ? step : seen + 1;

        if (atomic_compare_exchange_strong(&cell->folded, &seen, next)) {
            if (!skip) {
                fold_step(cell, seen);
            }
            if (next / pays[pay].halved_steps != seen / pays[pay].halved_steps && seen > 0) {
                halve(cell);
            }
            seen = next;
        }
    }
}

void mb__rates_bound(struct mb__cell *cell, enum mb__pay pay, double expect_rate)
{
    double prior = expect_rate > 0 ? expect_rate : pays[pay].prior;
    double to_come = 0, variance = 0;

    atomic_store(&cell->share[MB__AGES], 0);
    for (int age = MB__AGES - 1; age >= 0; age--) {
        double reached = (double)atomic_load(&cell->reached[age]) / UNIT + pays[pay].weight;
        double booked = (double)atomic_load(&cell->booked[age]) / UNIT;
        double chance = (booked + prior_at(prior, age) * pays[pay].weight) / reached;
        double bound;

        to_come = chance < 1 ? chance + (1 - chance) * to_come : 1;
        variance += booked / (reached * reached);
        bound = to_come * BILLION + 2 * sqrt(variance) * BILLION;
        atomic_store(&cell->share[age], bound < 1         ? 1
                                        : bound < BILLION ? (uint32_t)(bound + 0.5)
                                                          : (uint32_t)BILLION);
    }
}
