/* period.c - sums by day or hour.
 *
 * What belongs to a day or hour lies in one of a few cells, chosen by its number; a cell is never
 * zeroed: whoever moves it to a new day takes out what the old one had left, so that a concurrent
 * booking is not lost and a kill in between leaves too much rather than too little.
 */
#include "internal.h"

void mb__period_add(struct mb__period *cells, int64_t number, int64_t nanos)
{
    struct mb__period *cell = &cells[number & (MB__PERIODS - 1)];
    int64_t seen = atomic_load(&cell->number);

    while (seen < number) {
        int64_t old = atomic_load(&cell->spent);

        if (atomic_compare_exchange_strong(&cell->number, &seen, number)) {
            atomic_fetch_sub(&cell->spent, old);
            seen = number;
        }
    }
    if (seen == number) { /* else the event is periods late: only the total has it */
        atomic_fetch_add(&cell->spent, nanos);
    }
}

int64_t mb__period_spent(const struct mb__period *cells, int64_t number)
{
    const struct mb__period *cell = &cells[number & (MB__PERIODS - 1)];

    return atomic_load(&cell->number) == number ? atomic_load(&cell->spent) : 0;
}
