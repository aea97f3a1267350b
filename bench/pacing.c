/* pacing.c - days of bidding on a clock of its own: does money last as the limits say?
 *
 *     pacing [--days N] [--seeds N] [--part P]
 *
 * A trader's day: traffic follows a daily curve, and there is half as much again as the budget
 * could buy. Every impression asks the guard, bids, and maybe books, seconds later (CPM) or hours
 * later (CPC, one bid in 2,000). No clock, socket or script: the guard takes the time as an
 * argument, so a day takes a second. --part shrinks traffic and budget together.
 *
 * Prints a line for each case, day and seed, and a verdict; status 1 if one is NO. What is held
 * against it:
 *
 *     full       spends at most its budget
 *     expected   95 % to 102 % of it (CPM), 90 % to 105 % (CPC); what passed the limit is counted
 *     even       no hour has more than 1.5 times its share of the traffic, once a day was seen;
 *                with CPC it keeps back what the evening's bids may book after midnight
 *
 * Columns: `booked` that day; `by bids` what the bids of that day came to, whenever they booked;
 * `hour` the highest hour against its share. Nothing is known on the first day, the click rate
 * included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "moonbid/guard.h"

#define START_MS INT64_C(1772409600000) /* 2026-03-02T00:00Z */
#define SECOND_MS 1000
#define DAY_S (24 * 3600)
#define UNIT INT64_C(1000000000)

enum {
    RING_S = 26 * 3600,
    HOURS_MAX = 24 * 16,
    FEW = 500, /* bookings a day: from fewer the click rate is too rough for single hours */
};

/* Impressions by hour of the day, in thousandths of the mean hour: as of a European push feed. */
static const int curve[24] = {620,  450,  340,  280,  270,  330,  480,  700,
                              870,  960,  1010, 1060, 1120, 1130, 1110, 1120,
                              1180, 1270, 1400, 1530, 1620, 1600, 1350, 1000};

struct plan {
    const char *name;
    enum mb_model model;
    enum mb_reserve reserve;
    enum mb_pacing pacing;
    double budget, price, rate; /* a day; of one event; booked of bids */
    double least, most;         /* of the budget */
    double hour_most;           /* times its share; 0: any */
};

static const struct plan plans[] = {
    {"cpm full asap", MB_MODEL_CPM, MB_RESERVE_FULL, MB_PACING_ASAP, 250, 0.001, 0.2, 0, 1, 0},
    {"cpm expected asap", MB_MODEL_CPM, MB_RESERVE_EXPECTED, MB_PACING_ASAP, 250, 0.001, 0.2, 0.95,
     1.02, 0},
    {"cpm expected even", MB_MODEL_CPM, MB_RESERVE_EXPECTED, MB_PACING_EVEN, 250, 0.001, 0.2, 0.95,
     1.02, 1.5},
    {"cpc full asap", MB_MODEL_CPC, MB_RESERVE_FULL, MB_PACING_ASAP, 250, 0.42, 0.0005, 0, 1, 0},
    {"cpc expected asap", MB_MODEL_CPC, MB_RESERVE_EXPECTED, MB_PACING_ASAP, 250, 0.42, 0.0005, 0.9,
     1.05, 0},
    {"cpc expected even", MB_MODEL_CPC, MB_RESERVE_EXPECTED, MB_PACING_EVEN, 250, 0.42, 0.0005,
     0.75, 1.05, 1.5},
};

/* A booking to come. */
struct due {
    struct due *next;
    int64_t bid_ms;
};

struct run {
    const struct plan *plan;
    struct mb_guard *guard;
    struct mb_strategy strategy;
    struct mb_guard_offer offer;
    uint64_t random;
    struct due *ring[RING_S]; /* by second */
    struct due *spare;
    double part;
    double by_hour[HOURS_MAX]; /* what the bids of an hour came to */
    double arrived[HOURS_MAX], bids[HOURS_MAX];
};

static double chance(struct run *r)
{
    uint64_t x = r->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

/* Seconds from a bid to its booking: CPM some seconds; CPC half an hour to six, most within three.
 */
static int delay_s(struct run *r)
{
    double x = chance(r);

    return r->plan->model == MB_MODEL_CPM ? 1 + (int)(x * 8) : 1800 + (int)(x * x * 19800);
}

static void expect_booking(struct run *r, int64_t now_s, int64_t bid_ms)
{
    struct due **list = &r->ring[(now_s + delay_s(r)) % RING_S];
    struct due *due = r->spare;

    if (due) {
        r->spare = due->next;
    } else if (!(due = malloc(sizeof(*due)))) {
        abort();
    }
    *due = (struct due){*list, bid_ms};
    *list = due;
}

static void book_all(struct run *r, int64_t now_s)
{
    struct due **list = &r->ring[now_s % RING_S];

    while (*list) {
        struct due *due = *list;
        struct mb_event event = {.type = MB_EVENT_BILLING,
                                 .books = true,
                                 .attributed = true,
                                 .time_ms = START_MS + now_s * SECOND_MS,
                                 .bid_time_ms = due->bid_ms,
                                 .has_price_bid = true,
                                 .model = r->offer.model,
                                 .price_bid = r->offer.price,
                                 .endpoint = r->offer.endpoint,
                                 .format = r->offer.format};

        event.cost = r->offer.model == MB_MODEL_CPM ? mb_money_cost_of_impression(r->offer.price)
                                                    : mb_money_cost_of_click(r->offer.price);
        mb_guard_book(r->guard, &r->strategy, r->strategy.guard_slot, &event);
        r->by_hour[(due->bid_ms - START_MS) / 3600000] += (double)event.cost.nanos / 1e9;
        *list = due->next;
        due->next = r->spare;
        r->spare = due;
    }
}

/* Impressions of one second: a rate that follows the curve, in whole numbers by chance. */
static int arrivals(struct run *r, int64_t now_s)
{
    const struct plan *p = r->plan;
    int64_t hour = now_s % DAY_S / 3600, into = now_s % 3600;
    double level = curve[hour] + (curve[(hour + 1) % 24] - curve[hour]) * (double)into / 3600;
    double a_day = 1.5 * p->budget * r->part / p->price / p->rate;

    return (int)(a_day / DAY_S * level / 1033 + chance(r));
}

static void bid(struct run *r, int64_t now_s)
{
    int64_t now_ms = START_MS + now_s * SECOND_MS;

    if (mb_guard_may(r->guard, &r->strategy, now_ms) == MB_NOBID_BID &&
        mb_guard_reserve(r->guard, &r->strategy, &r->offer, now_ms) == MB_NOBID_BID) {
        r->bids[now_s / 3600]++;
        if (chance(r) < r->plan->rate) {
            expect_booking(r, now_s, now_ms);
        }
    }
}

static int start(struct run *r)
{
    const struct plan *p = r->plan;
    int rc = mb_guard_open(&(struct mb_guard_options){.counters_max = 64, .frequency_max = 64},
                           &r->guard, NULL);

    if (rc) {
        return rc;
    }
    r->strategy.guard_slot = mb_guard_slot(r->guard, MB_SLICE("a"));
    r->strategy.limits.daily.nanos = (int64_t)(p->budget * r->part * 1e9);
    r->strategy.limits.reserve = p->reserve;
    r->strategy.limits.pacing = p->pacing;
    mb_guard_set_booking(r->guard, r->strategy.guard_slot, MB_GUARD_NO_SLOT, &r->strategy.limits);
    r->offer = (struct mb_guard_offer){
        .model = p->model, .endpoint = MB_SLICE("exoclick"), .format = MB_SLICE("push")};
    return mb_money_price_from_double(p->model == MB_MODEL_CPM ? p->price * 1000 : p->price,
                                      &r->offer.price)
               ? 0
               : MB_EINVAL;
}

/* The highest hour of the day against its share of the traffic, by bids: all cost the same, and
 * what few clicks come to is chance. */
static double worst_hour(const struct run *r, int day)
{
    double traffic = 0, bids = 0, worst = 0;

    for (int h = day * 24; h < day * 24 + 24; h++) {
        traffic += r->arrived[h];
        bids += r->bids[h];
    }
    for (int h = day * 24; h < day * 24 + 24 && bids > 0; h++) {
        double times = r->bids[h] / bids / (r->arrived[h] / traffic);

        worst = times > worst ? times : worst;
    }
    return worst;
}

static bool report(const struct run *r, int day, unsigned seed)
{
    const struct plan *p = r->plan;
    int64_t at_ms = START_MS + ((int64_t)day * DAY_S + DAY_S - 1) * SECOND_MS;
    struct mb_overrun over =
        mb_guard_overrun(r->guard, r->strategy.guard_slot, MB_GUARD_DAY, at_ms);
    double booked =
        (double)mb_guard_spent(r->guard, r->strategy.guard_slot, MB_GUARD_DAY, at_ms).nanos / 1e9 /
        (p->budget * r->part);
    double bids = 0, worst = worst_hour(r, day);
    bool ok;

    for (int h = day * 24; h < day * 24 + 24; h++) {
        bids += r->by_hour[h] / (p->budget * r->part);
    }
    ok = booked <= p->most && (booked >= p->least || (day == 0 && p->hour_most > 0)) &&
         (p->hour_most == 0 || day == 0 || p->budget * r->part / p->price < FEW ||
          worst <= p->hour_most);
    printf("%-18s %3d %4u %9.2f %% %9.2f %% %11.4f %6llu %8.2f  %s\n", p->name, day + 1, seed,
           booked * 100, bids * 100, (double)over.daily.nanos / 1e9, (unsigned long long)over.late,
           worst, ok ? "yes" : "NO");
    return ok;
}

static bool simulate(struct run *r, int days, unsigned seed)
{
    bool ok = true;
    int64_t s;

    for (s = 0; s < (int64_t)days * DAY_S + RING_S; s++) {
        book_all(r, s);
        if (s < (int64_t)days * DAY_S) {
            int n = arrivals(r, s);

            r->arrived[s / 3600] += n;
            while (n-- > 0) {
                bid(r, s);
            }
        }
    }
    for (int day = 0; day < days; day++) {
        ok = report(r, day, seed) && ok;
    }
    return ok;
}

static void finish(struct run *r)
{
    while (r->spare) {
        struct due *due = r->spare;

        r->spare = due->next;
        free(due);
    }
    mb_guard_close(r->guard);
    free(r);
}

static bool run_plan(const struct plan *plan, int days, unsigned seed, double part)
{
    struct run *r = calloc(1, sizeof(*r));
    bool ok;

    if (!r) {
        abort();
    }
    r->plan = plan;
    r->random = seed;
    r->part = part;
    if (start(r)) {
        abort();
    }
    ok = simulate(r, days, seed);
    finish(r);
    return ok;
}

/* What a question costs: CPU time of mb_guard_may for one impression, without a limit that stops
 * it. */
static void print_cost(const char *name, enum mb_pacing pacing)
{
    const struct plan plan = {
        .name = name, .model = MB_MODEL_CPM, .pacing = pacing, .budget = 1e6, .price = 0.001};
    enum { CALLS = 2000000 };
    struct run *r = calloc(1, sizeof(*r));
    clock_t begin;

    if (!r) {
        abort();
    }
    r->plan = &plan;
    r->part = 1;
    if (start(r)) {
        abort();
    }
    begin = clock();
    for (int i = 0; i < CALLS; i++) {
        if (mb_guard_may(r->guard, &r->strategy, START_MS + i / 100) != MB_NOBID_BID) {
            abort();
        }
    }
    printf("%-18s %.0f ns an impression\n", name,
           (double)(clock() - begin) / CLOCKS_PER_SEC / CALLS * 1e9);
    finish(r);
}

int main(int argc, char **argv)
{
    unsigned seeds = 3;
    int days = 3;
    double part = 1;
    bool ok = true;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0) {
            seeds = (unsigned)atoi(argv[i + 1]);
        } else if (strcmp(argv[i], "--days") == 0) {
            days = atoi(argv[i + 1]);
        } else if (strcmp(argv[i], "--part") == 0) {
            part = atof(argv[i + 1]);
        }
    }
    if (argc % 2 == 0 || seeds < 1 || days < 1 || days * 24 > HOURS_MAX || part <= 0) {
        fputs("pacing [--days N] [--seeds N] [--part P]\n", stderr);
        return 2;
    }
    printf("%-18s %3s %4s %11s %11s %11s %6s %8s  %s\n", "case", "day", "seed", "booked", "by bids",
           "overrun", "late", "hour", "kept");
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        for (unsigned seed = 1; seed <= seeds; seed++) {
            ok = run_plan(&plans[i], days, seed, part) && ok;
        }
    }
    print_cost("asap", MB_PACING_ASAP);
    print_cost("even", MB_PACING_EVEN);
    return ok ? 0 : 1;
}
