/* traffic.c - how a day's traffic runs, and even pacing along it.
 *
 * Every impression that a strategy could have is counted in its quarter of an hour of the local
 * day; what a quarter had goes half into the day's curve, so old days fade. Once each quarter of a
 * day has been seen, the curve says what part of the day's money is due by now; before that, the
 * clock does.
 *
 * Every ten seconds one of the processes plans anew:
 *
 *     wanted    what is left of the day's money, times the part of the rest of the day's traffic
 *               that the next quarter of an hour has
 *     possible  impressions that come in that time, times what one that passes has come to so far
 *     pass      wanted / possible
 *
 * and until the next plan that part of the impressions passes. An error of one plan is left over
 * for all that follow, not caught up with at once. Beside that nothing passes while more than a
 * fiftieth of the day's money is spent ahead of the curve.
 *
 * On a day with a change of clocks the curve is laid along the hours that the day really has.
 * Numbers here are no money: what two processes do at once may count a little too much or too few,
 * and each keeps its counts to itself for a tenth of a second, or all would write to one cache line
 * with every impression.
 */
#include "internal.h"

__extension__ typedef __int128 wide;

enum {
    PLAN_MS = 10000,
    TELL_MS = 100,
    QUARTER_MS = 15 * 60 * 1000,
    CURVE_UNIT = 16,
    DAY_QUARTERS_MAX = 128
};

#define BILLION INT64_C(1000000000)
#define PASS_ALL UINT32_MAX

/* --- the curve --- */

static int64_t local_quarter(const struct mb_zone *zone, int64_t now_ms)
{
    return (now_ms + mb_zone_offset_ms(zone, now_ms)) / QUARTER_MS;
}

/* A quarter of the curve has its impressions + 1: 0 says that it was not seen yet. */
static void add_to_curve(struct mb__traffic *t, int64_t quarter, uint64_t seen)
{
    _Atomic uint64_t *place = &t->curve[quarter % MB__QUARTERS];
    uint64_t old = atomic_load(place);
    uint64_t now = seen * CURVE_UNIT;

    atomic_store(place, 1 + (old == 0 ? now : (old - 1 + now) / 2));
}

/* Closes the quarter that has ended. The first one after a start was not seen whole. */
static void turn_quarter(struct mb__traffic *t, int64_t quarter)
{
    int64_t last = atomic_load(&t->quarter);
    uint64_t asked = atomic_load(&t->asked), begin = atomic_load(&t->asked_before);

    if (last == quarter || !atomic_compare_exchange_strong(&t->quarter, &last, quarter)) {
        return;
    }
    atomic_store(&t->asked_before, asked);
    if (atomic_exchange(&t->whole, last != 0)) {
        add_to_curve(t, last, asked - begin);
    }
    for (int64_t q = last + 1; last != 0 && q < quarter && q <= last + MB__QUARTERS; q++) {
        add_to_curve(t, q, 0);
    }
}

static bool is_known(const struct mb__traffic *t)
{
    for (int i = 0; i < MB__QUARTERS; i++) {
        if (atomic_load_explicit(&t->curve[i], memory_order_relaxed) == 0) {
            return false;
        }
    }
    return true;
}

/* Parts of the day's traffic. */
struct course {
    double done, next, all; /* until now; in the quarter of an hour from now on; of the day */
};

static struct course course_of(const struct mb__traffic *t, const struct mb_zone *zone,
                               int64_t now_ms)
{
    int64_t start_ms = mb_zone_day_start_ms(zone, now_ms);
    /* 36 hours after its start is within the next day, however long this one is. */
    int64_t end_ms = mb_zone_day_start_ms(zone, start_ms + INT64_C(36) * 3600 * 1000);
    bool known = is_known(t);
    struct course c = {0};
    double weights[DAY_QUARTERS_MAX], sum = 0;
    int n = (int)((end_ms - start_ms + QUARTER_MS - 1) / QUARTER_MS);

    n = n < DAY_QUARTERS_MAX ? n : DAY_QUARTERS_MAX;
    for (int i = 0; i < n; i++) {
        int64_t q = local_quarter(zone, start_ms + i * (int64_t)QUARTER_MS) % MB__QUARTERS;

        weights[i] = known ? (double)(atomic_load(&t->curve[q]) - 1) : 1;
        sum += weights[i];
    }
    for (int i = 0; i < n; i++) {
        double weight = sum > 0 ? weights[i] : 1;
        double past = (double)(now_ms - start_ms) / QUARTER_MS - i;
        double done = past < 0 ? 0 : past > 1 ? 1 : past;
        double soon = past + 1 < 0 ? 0 : past + 1 > 1 ? 1 : past + 1;

        c.done += done * weight;
        c.next += (soon - done) * weight;
        c.all += weight;
    }
    return c;
}

/* --- the plan --- */

/* Money that the day's bids have come to, or are thought to. */
static int64_t committed(const struct mb__slot *slot, const struct mb_zone *zone, int64_t now_ms)
{
    int64_t held = atomic_load(&slot->held[MB_RESERVE_EXPECTED]);

    return mb__period_spent(slot->days, mb_zone_day_number(zone, now_ms)) + (held > 0 ? held : 0);
}

/* A moving mean over the last plans; the first value as it is. */
static int64_t blend(_Atomic int64_t *mean, int64_t value)
{
    int64_t old = atomic_load(mean);
    int64_t now = old == 0 ? value : old + (value - old) / 8;

    atomic_store(mean, now);
    return now;
}

static uint32_t pass_of(struct mb__traffic *t, const struct course *c, int64_t left,
                        int64_t past_ms)
{
    uint64_t asked = atomic_load(&t->asked), passed = atomic_load(&t->passed);
    int64_t laid = atomic_load(&t->laid);
    uint64_t n_asked = asked - atomic_exchange(&t->asked_at, asked);
    uint64_t n_passed = passed - atomic_exchange(&t->passed_at, passed);
    int64_t n_laid = laid - atomic_exchange(&t->laid_at, laid);
    double wanted = left > 0 ? (double)left * c->next / (c->all - c->done) : 0;
    double possible;

    past_ms = past_ms < 1 ? 1 : past_ms;
    possible = (double)blend(&t->a_quarter, (int64_t)n_asked * QUARTER_MS / past_ms);
    if (n_passed > 0) { /* in thousandths: one that passes may come to less than a nano */
        (void)blend(&t->worth, n_laid * 1000 / (int64_t)n_passed);
    }
    possible *= (double)atomic_load(&t->worth) / 1000;
    return wanted >= possible ? PASS_ALL : (uint32_t)(wanted / possible * PASS_ALL) + 1;
}

/* `since_ms`: when the last plan was made. */
static void plan(struct mb__slot *slot, const struct mb_zone *zone, const struct mb_limits *limits,
                 int64_t now_ms, int64_t since_ms)
{
    struct mb__traffic *t = &slot->traffic;
    struct course c = course_of(t, zone, now_ms);
    int64_t left = limits->daily.nanos - committed(slot, zone, now_ms);

    atomic_store(&t->due, (int64_t)(c.done / c.all * (double)BILLION + 0.5));
    atomic_store(&t->pass, c.all > c.done ? pass_of(t, &c, left, now_ms - since_ms) : PASS_ALL);
}

/* --- on the bid path --- */

/* The plan's part of the day's money, and a fiftieth of the day's more. */
static int64_t due_by_now(const struct mb__slot *slot, int64_t daily)
{
    return (int64_t)(((wide)daily * atomic_load(&slot->traffic.due) + BILLION / 2) / BILLION) +
           daily / 50;
}

static bool draw(const struct mb__traffic *t, struct mb__own_traffic *own)
{
    uint32_t pass = atomic_load_explicit(&t->pass, memory_order_relaxed);
    uint64_t n;

    if (pass == PASS_ALL) {
        return true;
    }
    n = own->draws++ * UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(n >> 32) < pass;
}

/* Adds to the shared counts what this process has kept to itself. */
static void tell(struct mb__traffic *t, struct mb__own_traffic *own, int64_t now_ms)
{
    atomic_fetch_add_explicit(&t->asked, own->asked, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->passed, own->passed, memory_order_relaxed);
    own->asked = own->passed = 0;
    own->told_ms = now_ms;
}

bool mb__traffic_ahead(struct mb_guard *guard, struct mb__slot *slot, const struct mb_zone *zone,
                       const struct mb_limits *limits, int64_t now_ms)
{
    struct mb__traffic *t = &slot->traffic;
    struct mb__own_traffic *own = &guard->own_traffic[slot - guard->shared->slots];
    int64_t seen = atomic_load_explicit(&t->plan_ms, memory_order_relaxed);
    bool even = limits->pacing == MB_PACING_EVEN && limits->daily.nanos > 0;
    bool due = now_ms - seen >= PLAN_MS || now_ms < seen;

    if (due || now_ms - own->told_ms >= TELL_MS || now_ms < own->told_ms) {
        tell(t, own, now_ms);
    }
    if (due) {
        if (atomic_compare_exchange_strong(&t->plan_ms, &seen, now_ms)) {
            turn_quarter(t, local_quarter(zone, now_ms));
            if (even) {
                plan(slot, zone, limits, now_ms, seen);
            }
        }
    }
    own->asked++;
    if (!even) {
        return false;
    }
    if (committed(slot, zone, now_ms) > due_by_now(slot, limits->daily.nanos) || !draw(t, own)) {
        return true;
    }
    own->passed++;
    return false;
}

void mb__traffic_laid(struct mb__slot *slot, const struct mb_limits *limits, int64_t nanos)
{
    if (limits->pacing == MB_PACING_EVEN) {
        atomic_fetch_add_explicit(&slot->traffic.laid, nanos, memory_order_relaxed);
    }
}

void mb__traffic_stand(const struct mb__slot *slot, const struct mb_zone *zone,
                       const struct mb_limits *limits, int64_t now_ms, int64_t *paced, int64_t *due)
{
    *paced = committed(slot, zone, now_ms);
    *due = due_by_now(slot, limits->daily.nanos);
}
