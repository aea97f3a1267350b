/* reserve.c - money held by open bids, without a record a bid.
 *
 * Bids lie in cells, by endpoint, format and what they are paid for, and there in cohorts, by the
 * step of time in which they were made: a step is a 48th of the holding time. A booking knows its
 * bid's instant and price (both signed in its token), finds the cohort, and takes out what the bid
 * put in; what nobody books falls away when its cohort is older than the holding time.
 *
 *     held[FULL]      sum of what open bids would cost
 *     held[EXPECTED]  sum over cohorts of that times the share that is still to come at their age
 *
 * The second is made anew every few seconds from cohorts and shares (rates.c), so what is learned
 * of the booking rate counts at once for all bids that are open, and bids nobody has booked for
 * hours hold next to nothing where bookings come within minutes. Between two makings bids and
 * bookings add and take their own part.
 *
 * Invariant: held[FULL] >= the sum of the cohorts, at every instant and after a kill at any
 * instruction: it is raised before a cohort and lowered after it. An error can only make a strategy
 * bid less, and recount.c puts it right. A pool's held is the sum over its strategies.
 */
#include "internal.h"

enum { REFRESH_MS = 5000, BILLION = 1000000000 };

static const int64_t usual_hold_ms[MB__PAYS] = {
    [MB__PAY_CPM] = INT64_C(3600) * 1000,
    [MB__PAY_CPC] = INT64_C(24) * 3600 * 1000,
};

enum mb__pay mb__pay_of(enum mb_model model)
{
    return model == MB_MODEL_CPC || model == MB_MODEL_SMART_CPC ? MB__PAY_CPC : MB__PAY_CPM;
}

struct mb_amount mb__cost_of(enum mb_model model, struct mb_price price)
{
    return mb__pay_of(model) == MB__PAY_CPC ? mb_money_cost_of_click(price)
                                            : mb_money_cost_of_impression(price);
}

int64_t mb__part_of(int64_t nanos, uint32_t billionths)
{
    int64_t part = billionths;

    return nanos / BILLION * part + (nanos % BILLION * part + BILLION - 1) / BILLION;
}

/* --- cells --- */

static int64_t step_of_endpoint(const struct mb__shared *shared, struct mb_slice endpoint,
                                enum mb__pay pay)
{
    int64_t hold_ms = usual_hold_ms[pay];

    for (uint32_t i = 0; i < shared->n_holds; i++) {
        const struct mb__hold_times *h = &shared->holds[i];

        if (mb_slice_eq(mb_slice(h->endpoint.text, h->endpoint.len), endpoint)) {
            hold_ms = h->hold_ms[pay];
        }
    }
    return (hold_ms + MB__STEPS - 1) / MB__STEPS;
}

/* The lowest bit of a key tells the way of paying. */
static uint64_t key_of(struct mb_slice endpoint, struct mb_slice format, enum mb__pay pay)
{
    static const uint64_t seed[2] = {UINT64_C(0x63656c6c732e6d62), UINT64_C(0x726573657276652e)};
    struct mb_slice pieces[2] = {endpoint, format};
    uint64_t hash[2];

    mb__hash(seed, pieces, 2, hash);
    return (hash[0] | 256) << 1 | pay; /* never one of the keys below 256 */
}

enum mb__pay mb__cell_pay(const struct mb__slot *slot, uint32_t cell)
{
    return (enum mb__pay)(atomic_load(&slot->cell_keys[cell]) & 1);
}

/* All who claim the same cell would say the same length of its steps. Looked at first: an exchange
 * takes the cache line from the other processes even where it changes nothing. */
static uint32_t claimed(struct mb__slot *slot, uint32_t cell, int64_t step_ms)
{
    int64_t none = 0;

    if (atomic_load_explicit(&slot->step_ms[cell], memory_order_relaxed) == 0) {
        atomic_compare_exchange_strong(&slot->step_ms[cell], &none, step_ms);
    }
    return cell;
}

static uint32_t find_key(struct mb__slot *slot, uint64_t key, int64_t step_ms, bool make)
{
    for (uint32_t i = 0; i < MB__CELLS - MB__PAYS; i++) {
        uint64_t seen = atomic_load_explicit(&slot->cell_keys[i], memory_order_acquire);

        if (seen == 0 && !make) {
            return MB__CELLS;
        }
        if (seen == 0 && atomic_compare_exchange_strong(&slot->cell_keys[i], &seen, key)) {
            seen = key;
        }
        if (seen == key) {
            return claimed(slot, i, step_ms);
        }
    }
    return MB__CELLS;
}

/* Where strategies bid in more combinations than there are cells, the last ones share. */
static uint32_t shared_cell(struct mb__slot *slot, enum mb__pay pay)
{
    uint32_t i = MB__CELLS - MB__PAYS + pay;
    uint64_t none = 0;

    if (atomic_load_explicit(&slot->cell_keys[i], memory_order_relaxed) == 0) {
        atomic_compare_exchange_strong(&slot->cell_keys[i], &none, 2 + pay);
    }
    return claimed(slot, i, (usual_hold_ms[pay] + MB__STEPS - 1) / MB__STEPS);
}

uint32_t mb__cell_find(struct mb_guard *guard, struct mb__slot *slot, struct mb_slice endpoint,
                       struct mb_slice format, enum mb__pay pay, bool make)
{
    uint32_t cell = find_key(slot, key_of(endpoint, format, pay),
                             step_of_endpoint(guard->shared, endpoint, pay), make);
    bool full = atomic_load(&slot->cell_keys[MB__CELLS - MB__PAYS - 1]) != 0;

    return cell == MB__CELLS && full ? shared_cell(slot, pay) : cell;
}

uint32_t mb__cell_of_key(struct mb__slot *slot, uint64_t key, int64_t step_ms)
{
    uint32_t cell = key < 256 ? MB__CELLS : find_key(slot, key, step_ms, true);

    return cell == MB__CELLS ? shared_cell(slot, (enum mb__pay)(key & 1)) : cell;
}

/* --- holding --- */

void mb__hold_add(struct mb_guard *guard, struct mb__slot *slot, enum mb_reserve how, int64_t nanos)
{
    struct mb__slot *pool = mb__pool_of(guard, slot);

    atomic_fetch_add(&slot->held[how], nanos);
    if (pool) {
        atomic_fetch_add(&pool->held[how], nanos);
    }
}

/* Empties a cohort that is to hold nothing more. Others may do the same at the same time: the one
 * whose exchange succeeds lowers what is held. */
static void let_go(struct mb_guard *guard, struct mb__slot *slot, struct mb__cohort *cohort,
                   int64_t open)
{
    if (open > 0 && atomic_compare_exchange_strong(&cohort->open, &open, 0)) {
        atomic_store(&cohort->bids, 0);
        mb__hold_add(guard, slot, MB_RESERVE_FULL, -open);
    }
}

static struct mb__cohort *place_of(struct mb__cell *cell, int64_t step)
{
    return &cell->cohorts[step & (MB__COHORTS - 1)];
}

/* The cohort of a step, moved there from an old one; NULL where a newer one has its place. */
static struct mb__cohort *cohort_at(struct mb_guard *guard, struct mb__slot *slot,
                                    struct mb__cell *cell, int64_t step)
{
    struct mb__cohort *cohort = place_of(cell, step);
    int64_t seen = atomic_load(&cohort->step);

    while (seen < step) {
        let_go(guard, slot, cohort, atomic_load(&cohort->open));
        if (atomic_compare_exchange_strong(&cohort->step, &seen, step)) {
            seen = step;
        }
    }
    return seen == step ? cohort : NULL;
}

void mb__cell_hold(struct mb_guard *guard, struct mb__slot *slot, uint32_t cell, int64_t nanos,
                   uint32_t bids, int64_t at_ms)
{
    struct mb__cohort *cohort =
        cohort_at(guard, slot, &slot->cells[cell], at_ms / atomic_load(&slot->step_ms[cell]));

    if (!cohort) { /* its clock is far behind everybody's */
        mb__hold_add(guard, slot, MB_RESERVE_FULL, -nanos);
        return;
    }
    mb__rates_fold(&slot->cells[cell], mb__cell_pay(slot, cell),
                   at_ms / atomic_load(&slot->step_ms[cell]));
    atomic_fetch_add(&cohort->open, nanos);
    atomic_fetch_add(&cohort->bids, bids);
}

/* Takes at most `nanos` out of the cohort; gives how much. */
static int64_t take_out(struct mb__cohort *cohort, int64_t nanos)
{
    int64_t open = atomic_load(&cohort->open), taken;
    uint32_t bids = atomic_load(&cohort->bids);

    do {
        taken = nanos < open ? nanos : open;
    } while (!atomic_compare_exchange_weak(&cohort->open, &open, open - taken));
    while (bids > 0 && !atomic_compare_exchange_weak(&cohort->bids, &bids, bids - 1)) {
    }
    return taken;
}

/* What a bid of a cohort still holds, in billionths: between two steps it falls evenly. */
static uint32_t share_at(const struct mb__cell *cell, int64_t step_ms, int64_t step, int64_t at_ms)
{
    int64_t age = at_ms / step_ms - step;
    uint32_t from, to;

    if (age <= 0) {
        return atomic_load(&cell->share[0]);
    }
    if (age > MB__STEPS) {
        return 0;
    }
    from = atomic_load(&cell->share[age]);
    to = atomic_load(&cell->share[age + 1]);
    return from > to
               ? from - (uint32_t)((from - to) * (uint64_t)(at_ms % step_ms) / (uint64_t)step_ms)
               : from;
}

bool mb__cell_release(struct mb_guard *guard, struct mb__slot *slot, uint32_t index, int64_t nanos,
                      int64_t bid_ms, int64_t now_ms)
{
    struct mb__cell *cell = &slot->cells[index];
    int64_t step_ms = atomic_load(&slot->step_ms[index]);
    int64_t step = bid_ms / step_ms, age = now_ms / step_ms - step;
    struct mb__cohort *cohort = place_of(cell, step);
    int64_t taken;

    if (atomic_load(&cohort->step) != step || age > MB__STEPS) {
        return false;
    }
    mb__rates_fold(cell, mb__cell_pay(slot, index), now_ms / step_ms);
    taken = take_out(cohort, nanos);
    mb__hold_add(guard, slot, MB_RESERVE_FULL, -taken);
    mb__hold_add(guard, slot, MB_RESERVE_EXPECTED,
                 -mb__part_of(taken, share_at(cell, step_ms, step, now_ms)));
    atomic_fetch_add(&cell->fresh[age < 0 ? 0 : age], 1);
    return taken == nanos;
}

/* --- making held[EXPECTED] --- */

/* Lets go of what has expired and sums up what the rest is thought to come to. */
static int64_t expected_of(struct mb_guard *guard, struct mb__slot *slot, uint32_t index,
                           int64_t at_ms)
{
    struct mb__cell *cell = &slot->cells[index];
    int64_t step_ms = atomic_load(&slot->step_ms[index]);
    int64_t sum = 0;

    for (int i = 0; i < MB__COHORTS; i++) {
        struct mb__cohort *cohort = &cell->cohorts[i];
        int64_t open = atomic_load(&cohort->open); /* before its step: a newer one is left alone */
        int64_t step = atomic_load(&cohort->step);

        if (at_ms / step_ms - step > MB__STEPS) {
            let_go(guard, slot, cohort, open);
        } else if (open > 0) {
            sum += mb__part_of(open, share_at(cell, step_ms, step, at_ms));
        }
    }
    return sum;
}

double mb__expect_rate(const struct mb_guard *guard, const struct mb__slot *slot)
{
    const struct mb__slot *pool = mb__pool_of(guard, slot);
    uint32_t rate = atomic_load_explicit(&slot->expect_rate, memory_order_relaxed);

    rate =
        rate == 0 && pool ? atomic_load_explicit(&pool->expect_rate, memory_order_relaxed) : rate;
    return (double)rate / 1e6;
}

void mb__slot_refresh_now(struct mb_guard *guard, struct mb__slot *slot, int64_t at_ms)
{
    double expect_rate = mb__expect_rate(guard, slot);
    int64_t before = atomic_load(&slot->held[MB_RESERVE_EXPECTED]);
    int64_t sum = 0;

    for (uint32_t i = 0; i < MB__CELLS; i++) {
        int64_t step_ms = atomic_load(&slot->step_ms[i]);

        if (step_ms > 0) {
            mb__rates_fold(&slot->cells[i], mb__cell_pay(slot, i), at_ms / step_ms);
            mb__rates_bound(&slot->cells[i], mb__cell_pay(slot, i), expect_rate);
            sum += expected_of(guard, slot, i, at_ms);
        }
    }
    /* What bids added meanwhile stays in it. */
    mb__hold_add(guard, slot, MB_RESERVE_EXPECTED, sum - before);
}

void mb__slot_refresh(struct mb_guard *guard, struct mb__slot *slot, int64_t at_ms)
{
    int64_t seen = atomic_load_explicit(&slot->refreshed_ms, memory_order_relaxed);
    bool due = at_ms - seen >= REFRESH_MS || at_ms < seen - REFRESH_MS;

    if (due && atomic_compare_exchange_strong(&slot->refreshed_ms, &seen, at_ms)) {
        mb__slot_refresh_now(guard, slot, at_ms);
    }
}
