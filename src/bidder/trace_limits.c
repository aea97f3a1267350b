/* trace_limits.c - each limit that a strategy has set, and how it stands, for traces. */
#include "internal.h"

enum { LIMITS_MAX = 24 };

/* The list of a step while it is made. `limit` 0: not set. */
struct limits {
    struct mb_trace_limit *items;
    size_t count;
    struct mb_slice pool;
};

static struct mb_trace_limit *add(struct limits *list, const char *name, enum mb_trace_unit unit,
                                  int64_t limit)
{
    struct mb_trace_limit *l = &list->items[list->count];

    list->count += limit != 0;
    *l = (struct mb_trace_limit){.name = name, .pool = list->pool, .unit = unit, .limit = limit};
    return l;
}

static void add_counted(struct limits *list, const char *name, enum mb_trace_unit unit,
                        int64_t limit, int64_t spent, int64_t held)
{
    struct mb_trace_limit *l = add(list, name, unit, limit);

    l->counted = true;
    l->spent = spent;
    l->held = held;
    l->left = limit - spent - held;
    l->stops = l->left <= 0;
}

static void add_money(struct limits *list, const struct mb_limits *limits,
                      const struct mb_guard_standing *now)
{
    add_counted(list, "total", MB_TRACE_MONEY, limits->total.nanos, now->total.nanos,
                now->held.nanos);
    add_counted(list, "daily", MB_TRACE_MONEY, limits->daily.nanos, now->day.nanos,
                now->held.nanos);
    add_counted(list, "hourly", MB_TRACE_MONEY, limits->hourly.nanos, now->hour.nanos,
                now->held.nanos);
    if (limits->pacing == MB_PACING_EVEN && limits->daily.nanos > 0) {
        add_counted(list, "pacing", MB_TRACE_MONEY, now->due.nanos ? now->due.nanos : 1,
                    now->paced.nanos, 0);
    }
}

/* Whether the outcome is that of the limit: some stop by chance or by a burst, not by a number. */
static void stop_by(struct mb_trace_limit *l, enum mb_nobid outcome, enum mb_nobid own)
{
    l->stops = outcome == own;
}

static void add_times(struct limits *list, const struct mb_limits *limits, enum mb_nobid outcome)
{
    stop_by(add(list, "starts", MB_TRACE_INSTANT, limits->starts_ms), outcome,
            MB_NOBID_NOT_STARTED);
    stop_by(add(list, "ends", MB_TRACE_INSTANT, limits->ends_ms), outcome, MB_NOBID_ENDED);
}

static void add_prices(struct limits *list, const struct mb_limits *limits,
                       const struct mb_decision *d)
{
    bool over = d->outcome == MB_NOBID_OVER_MAX_BID && d->bid;
    struct mb_trace_limit *cpm = add(list, "max_bid.cpm", MB_TRACE_PRICE, limits->max_cpm.micros);

    cpm->stops = over && d->bid->model == MB_MODEL_CPM;
    add(list, "max_bid.cpc", MB_TRACE_PRICE, limits->max_cpc.micros)->stops =
        over && d->bid->model != MB_MODEL_CPM;
}

/* Those that hang on a value of the request, and on the creative where there is a bid. */
static void add_keyed(const struct mb_bidder *b, struct limits *list,
                      const struct mb_trace_step *step, const struct mb_decision *d)
{
    const struct mb_limits *limits = &step->strategy->limits;
    struct mb_bid none = {.strategy = step->strategy, .imp = step->imp};
    uint64_t frequency_key, per_key;
    int64_t shown = 0;
    struct mb_amount spent = {0};

    mb__bidder_cap_keys(b, d->bid ? d->bid : &none, &frequency_key, &per_key);
    if (limits->frequency.count > 0) {
        if (frequency_key) {
            shown = mb_guard_shown(b->options.guard, step->strategy, frequency_key, b->now_ms);
        }
        add_counted(list, "frequency", MB_TRACE_COUNT, limits->frequency.count, shown, 0);
        stop_by(&list->items[list->count - 1], d->outcome, MB_NOBID_FREQUENCY);
        list->items[list->count - 1].note =
            frequency_key ? NULL : "the request has no value for its key";
    }
    if (limits->per_total.nanos > 0) {
        if (per_key) {
            spent = mb_guard_per_spent(b->options.guard, per_key, b->now_ms);
        }
        add_counted(list, "per.total", MB_TRACE_MONEY, limits->per_total.nanos, spent.nanos, 0);
        list->items[list->count - 1].note =
            per_key ? mb_cap_key_name(limits->per_key) : "the request has no value for its key";
    }
}

void mb__bidder_trace_limits(struct mb_bidder *b, struct mb_trace_step *step)
{
    const struct mb_strategy *strategy = step->strategy;
    const struct mb_limits *limits = &strategy->limits;
    const struct mb_decision *d = &b->decisions[step->first];
    struct limits list = {
        .items = mb_xarena_array(&b->arena, LIMITS_MAX, sizeof(struct mb_trace_limit))};
    struct mb_guard_standing now;

    mb_guard_stand(b->options.guard, strategy->guard_slot, limits, b->now_ms, &now);
    add_times(&list, limits, d->outcome);
    add_money(&list, limits, &now);
    add_counted(&list, "max_impressions", MB_TRACE_COUNT, limits->max_impressions,
                (int64_t)now.impressions, 0);
    add_counted(&list, "max_clicks", MB_TRACE_COUNT, limits->max_clicks, (int64_t)now.clicks, 0);
    if (strategy->pool) {
        list.pool = strategy->pool->name;
        mb_guard_stand(b->options.guard, strategy->pool->guard_slot, &strategy->pool->limits,
                       b->now_ms, &now);
        add_money(&list, &strategy->pool->limits, &now);
        list.pool = MB_SLICE_NONE;
    }
    stop_by(add(&list, "qps", MB_TRACE_COUNT, limits->qps), d->outcome, MB_NOBID_QPS);
    add_keyed(b, &list, step, d);
    add_prices(&list, limits, d);
    step->limits = list.items;
    step->n_limits = list.count;
}
