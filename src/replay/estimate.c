/* estimate.c - what other bids would come to.
 *
 *     expected spend of a cell of new bids = bids x spend of a bid at that price x calibration of
 * the strategy
 *
 * Where winners pay what they bid, a bid spends rate(price) x price. Where they pay the next one's
 * price, a bid that is raised spends more only by what it wins more, and pays the rivals' prices
 * for that: spend grows by the price times the growth of the rate. Which share of a market is of
 * the first kind shows in how many wins paid their own price.
 *
 * The rate is the strategy's own where it bids at several prices, else that of all in the same
 * market (endpoint, format, model); the calibration is what the strategy's recorded bids really
 * booked over what this would have given for them, so that scripts that change nothing are
 * estimated to spend what was spent.
 *
 * Uncertainty: the spread of the estimates over the copies is that of the curve. What really
 * happens to the new bids is chance again: its variance comes on top. So does the error of the
 * curve's form, which no resampling shows: MODEL_ERROR of what changes, as a standard deviation.
 */
#include "market.h"

#include <math.h>
#include <stdlib.h>

enum {
    RICH_PRICES = 3, /* a strategy that has seen so many prices ... */
    RICH_BIDS = 50,  /* ... so often each ... */
    RICH_WINS = 200, /* ... and won so much has a curve of its own */
};
#define Z95 1.96
#define MODEL_ERROR 0.1
#define GUESSED_ELASTICITY 0.75 /* where the recording cannot tell: half of what it could be */

/* All cells by market, strategy, step. */
static int by_market(const void *a, const void *b)
{
    const struct cell *left = *(struct cell *const *)a, *right = *(struct cell *const *)b;
    int order = strcmp(left->market.data, right->market.data);

    if (order == 0) {
        order = strcmp(left->strategy.data, right->strategy.data);
    }
    return order ? order : left->step - right->step;
}

struct estimating {
    struct cell **cells; /* by market, strategy, step */
    size_t n_cells;
    struct mb__curve_point *points; /* of the market at hand, of one copy */
    struct mb_block *blocks;        /* room to fit them */
    double *spend_at;               /* of a bid, by point */
    size_t n_points;
    double unit;      /* unit_of the market's model */
    double own_share; /* of wins that pay what they bid */
    struct mb_replay_result *out;
    double (*spend)[COPIES], (*wins)[COPIES]; /* by out->money */
    double *variance, *wins_variance;         /* of chance, likewise */
};

static int by_step(const void *a, const void *b)
{
    return (*(struct cell *const *)a)->step - (*(struct cell *const *)b)->step;
}

/* The price that a cell's bids have: of those that were sent, else of new ones. */
static double old_price(const struct cell *cell)
{
    return cell->old_price / (double)cell->bids[0];
}

/* The curve of one copy over all strategies of a market; `sorted`: its cells by step. Gives what
 * the wins cost. */
static double make_curve(struct estimating *e, struct cell *const *sorted, size_t count,
                         size_t copy)
{
    double cost = 0;
    size_t i, k;

    e->n_points = 0;
    for (i = 0; i < count; i = k) {
        struct mb__curve_point point = {0};
        double sent = 0, prices = 0;

        for (k = i; k < count && sorted[k]->step == sorted[i]->step; k++) {
            prices += sorted[k]->old_price;
            sent += (double)sorted[k]->bids[0];
            point.bids += (double)sorted[k]->bids[copy];
            point.wins += (double)sorted[k]->wins[copy];
            cost += (double)sorted[k]->cost[copy];
        }
        if (sent > 0 && point.bids > 0) {
            point.price = prices / sent;
            e->points[e->n_points++] = point;
        }
    }
    mb__curve_fit(e->points, e->n_points, e->blocks);
    return cost;
}

/* What a bid spends more at `to` than at `from`, where winners pay their rivals' prices. */
static double more(const struct estimating *e, double from, double from_rate, double to,
                   double to_rate)
{
    return (to_rate - from_rate) * (from + to) / 2 * e->unit;
}

/* Spend of a bid by point, where winners pay their rivals' prices; its level so that all bids
 * together spend `cost`. */
static void fit_spend(struct estimating *e, double cost)
{
    double grown = 0, bids = 0, start;
    size_t i;

    for (i = 0; i < e->n_points; i++) {
        const struct mb__curve_point *p = &e->points[i];

        e->spend_at[i] =
            i == 0 ? 0 : e->spend_at[i - 1] + more(e, p[-1].price, p[-1].rate, p->price, p->rate);
        grown += e->spend_at[i] * p->bids;
        bids += p->bids;
    }
    start = bids > 0 && cost > grown ? (cost - grown) / bids : 0;
    for (i = 0; i < e->n_points; i++) {
        e->spend_at[i] += start;
    }
}

/* Who pays what in this market. Gives the cost of wins that paid less than they bid, as a share of
 * all. */
static double learn_shares(struct estimating *e, struct cell *const *cells, size_t count)
{
    double wins = 0, own = 0, cost = 0, own_cost = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        wins += (double)cells[i]->wins[0];
        cost += (double)cells[i]->cost[0];
        own += cells[i]->own_wins;
        own_cost += cells[i]->own_cost;
    }
    e->own_share = wins > 0 ? own / wins : 1;
    return cost > 0 ? (cost - own_cost) / cost : 0;
}

/* What a bid of that price spends, winning at that rate. */
static double spend_of(const struct estimating *e, double price, double rate)
{
    double own = rate * price * e->unit, spend;
    size_t i = 0;

    if (e->own_share >= 1 || e->n_points == 0) {
        return own;
    }
    while (i + 1 < e->n_points && e->points[i + 1].price <= price) {
        i++;
    }
    spend = e->spend_at[i] + more(e, e->points[i].price, e->points[i].rate, price, rate);
    return e->own_share * own + (1 - e->own_share) * (spend > 0 ? spend : 0);
}

/* Where nothing shows the elasticity each copy takes another one, so that the interval says so. */
static double guess(size_t copy)
{
    return copy == 0 ? GUESSED_ELASTICITY
                     : 2 * GUESSED_ELASTICITY * (double)(copy * 37 % REPLICAS) / (REPLICAS - 1);
}

static struct mb_replay_money *money_of(struct mb_replay_result *out, struct mb_slice strategy)
{
    size_t i;

    for (i = 0; i + 1 < out->n_money && !mb_slice_eq(out->money[i].strategy, strategy); i++) {
    }
    return &out->money[i];
}

/* One strategy in one market, one copy: cells first .. last. */
static void estimate_strategy(struct estimating *e, size_t first, size_t last, size_t copy)
{
    size_t place = (size_t)(money_of(e->out, e->cells[first]->strategy) - e->out->money), i;
    double real_wins = 0, real_cost = 0, would_win = 0, would_cost = 0, wins = 0, cost = 0,
           chance = 0;
    double by_wins, by_cost;

    for (i = first; i < last; i++) {
        const struct cell *cell = e->cells[i];
        double price, rate, spend;

        real_wins += (double)cell->wins[copy];
        real_cost += (double)cell->cost[copy];
        if (cell->bids[0] > 0) {
            price = old_price(cell);
            rate = mb__curve_at(e->points, e->n_points, price, guess(copy));
            would_win += rate * (double)cell->bids[copy];
            would_cost += spend_of(e, price, rate) * (double)cell->bids[copy];
        }
        if (cell->new_bids[0] > 0) {
            price = cell->new_price / (double)cell->new_bids[0];
            rate = mb__curve_at(e->points, e->n_points, price, guess(copy));
            spend = spend_of(e, price, rate);
            wins += rate * (double)cell->new_bids[copy];
            cost += spend * (double)cell->new_bids[copy];
            chance += rate > 0 ? spend * spend / rate * (double)cell->new_bids[copy] : 0;
        }
    }
    by_wins = would_win > 0 ? real_wins / would_win : 1;
    by_cost = would_cost > 0 ? real_cost / would_cost : 1;
    e->wins[place][copy] += wins * by_wins;
    e->spend[place][copy] += cost * by_cost;
    if (copy == 0) {
        e->variance[place] += chance * by_cost * by_cost;
        e->wins_variance[place] += wins * by_wins;
    }
}

static void add_points(struct estimating *e, struct mb_slice market)
{
    struct mb_replay_result *out = e->out;
    size_t i;

    out->points = realloc(out->points, (out->n_points + e->n_points + 1) * sizeof(*out->points));
    if (!out->points) {
        abort();
    }
    for (i = 0; i < e->n_points; i++) {
        out->points[out->n_points++] =
            (struct mb_replay_point){.market = mb_xarena_copy(&out->arena, market),
                                     .price = e->points[i].price,
                                     .rate = e->points[i].rate,
                                     .bids = (uint64_t)e->points[i].bids};
    }
}

/* A strategy that bids at several prices, often enough at each, is its own best witness: others of
 * the market may bid on other impressions. */
static bool is_rich(struct cell *const *cells, size_t count)
{
    double wins = 0;
    size_t i, prices = 0;

    for (i = 0; i < count; i++) {
        wins += (double)cells[i]->wins[0];
        prices += cells[i]->bids[0] >= RICH_BIDS;
    }
    return prices >= RICH_PRICES && wins >= RICH_WINS;
}

/* Cells first .. last are a strategy's in a market; `learn_from`: those that the curve is made of,
 * by step. */
static void estimate_copies(struct estimating *e, size_t first, size_t last,
                            struct cell *const *learn_from, size_t count)
{
    double less = learn_shares(e, learn_from, count), cost;
    size_t copy;

    for (copy = 0; copy < COPIES; copy++) {
        cost = make_curve(e, learn_from, count, copy);
        if (e->own_share < 1) {
            fit_spend(e, cost * less / (1 - e->own_share));
        }
        estimate_strategy(e, first, last, copy);
    }
}

/* Cells first .. last are a market's. */
static void estimate_market(struct estimating *e, size_t first, size_t last)
{
    size_t count = last - first, i, k;
    struct cell **sorted = calloc(count, sizeof(*sorted));

    if (!sorted) {
        abort();
    }
    memcpy(sorted, e->cells + first, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_step);
    e->unit = unit_of(sorted[0]->model);
    for (i = first; i < last; i = k) {
        for (k = i; k < last && mb_slice_eq(e->cells[k]->strategy, e->cells[i]->strategy); k++) {
        }
        if (is_rich(e->cells + i, k - i)) {
            estimate_copies(e, i, k, e->cells + i, k - i);
        } else {
            estimate_copies(e, i, k, sorted, count);
        }
    }
    (void)make_curve(e, sorted, count, 0);
    add_points(e, e->cells[first]->market);
    free(sorted);
}

static struct mb_replay_estimate interval(const double copies[COPIES], double chance, double change)
{
    double mean = 0, square = 0, width;
    size_t i;

    for (i = 1; i < COPIES; i++) {
        mean += copies[i] / REPLICAS;
    }
    for (i = 1; i < COPIES; i++) {
        square += (copies[i] - mean) * (copies[i] - mean) / (REPLICAS - 1);
    }
    width = Z95 * sqrt(square + chance + MODEL_ERROR * change * MODEL_ERROR * change);
    return (struct mb_replay_estimate){copies[0], copies[0] > width ? copies[0] - width : 0,
                                       copies[0] + width};
}

/* The strategy's row; made, in order of the names, where there is none. The last row is that of
 * all. */
static struct mb_replay_money *make_money(struct mb_replay_result *out, struct mb_slice strategy)
{
    struct mb_replay_money *money = money_of(out, strategy);
    size_t k = out->n_money - 1;

    if (money != &out->money[k]) {
        return money;
    }
    out->money[out->n_money++] = *money;
    for (; k > 0 && strcmp(out->money[k - 1].strategy.data, strategy.data) > 0; k--) {
        out->money[k] = out->money[k - 1];
    }
    out->money[k] = (struct mb_replay_money){.strategy = mb_xarena_copy(&out->arena, strategy)};
    return &out->money[k];
}

static void list_money(struct estimating *e)
{
    struct mb_replay_result *out = e->out;
    size_t i;

    out->money = calloc(e->n_cells + 1, sizeof(*out->money));
    if (!out->money) {
        abort();
    }
    out->n_money = 1;
    out->money[0].strategy = MB_SLICE("");
    for (i = 0; i < e->n_cells; i++) {
        const struct cell *cell = e->cells[i];
        struct mb_replay_money *money = make_money(out, cell->strategy);

        money->bids_before += (uint64_t)cell->bids[0];
        money->bids_after += (uint64_t)cell->new_bids[0];
        money->wins_before += (uint64_t)cell->wins[0];
        money->spend_before += (double)cell->cost[0];
    }
}

static void finish(struct estimating *e)
{
    struct mb_replay_money *money = e->out->money, *sum = &money[e->out->n_money - 1];
    size_t all = e->out->n_money - 1, i, copy;

    for (i = 0; i < all; i++) {
        sum->bids_before += money[i].bids_before;
        sum->bids_after += money[i].bids_after;
        sum->wins_before += money[i].wins_before;
        sum->spend_before += money[i].spend_before;
        for (copy = 0; copy < COPIES; copy++) {
            e->spend[all][copy] += e->spend[i][copy];
            e->wins[all][copy] += e->wins[i][copy];
        }
        e->variance[all] += e->variance[i];
        e->wins_variance[all] += e->wins_variance[i];
    }
    for (i = 0; i <= all; i++) {
        money[i].spend_after =
            interval(e->spend[i], e->variance[i], e->spend[i][0] - money[i].spend_before);
        money[i].wins_after =
            interval(e->wins[i], e->wins_variance[i], e->wins[i][0] - (double)money[i].wins_before);
    }
}

static void *array(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);

    if (!p) {
        abort();
    }
    return p;
}

void mb__market_estimate(const struct mb__market *m, struct mb_replay_result *out)
{
    struct estimating e = {.out = out};
    const struct mb_map_entry *entry;
    size_t at = 0, i, k;

    while ((entry = mb_map_next(&m->cells, &at))) {
        e.n_cells++;
    }
    e.cells = array(e.n_cells, sizeof(*e.cells));
    for (at = i = 0; (entry = mb_map_next(&m->cells, &at)); i++) {
        e.cells[i] = entry->value;
    }
    qsort(e.cells, e.n_cells, sizeof(*e.cells), by_market);
    list_money(&e);
    e.points = array(e.n_cells, sizeof(*e.points));
    e.blocks = array(e.n_cells, sizeof(*e.blocks));
    e.spend_at = array(e.n_cells, sizeof(*e.spend_at));
    e.spend = array(out->n_money, sizeof(*e.spend));
    e.wins = array(out->n_money, sizeof(*e.wins));
    e.variance = array(out->n_money, sizeof(*e.variance));
    e.wins_variance = array(out->n_money, sizeof(*e.wins_variance));
    for (i = 0; i < e.n_cells; i = k) {
        for (k = i; k < e.n_cells && mb_slice_eq(e.cells[k]->market, e.cells[i]->market); k++) {
        }
        estimate_market(&e, i, k);
    }
    finish(&e);
    free(e.cells);
    free(e.points);
    free(e.blocks);
    free(e.spend_at);
    free(e.spend);
    free(e.wins);
    free(e.variance);
    free(e.wins_variance);
}
