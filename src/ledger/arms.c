/* arms.c - holds the arms of an experiment against each other.
 *
 * What "too little" is: a rate wants 30 trials in each arm and 5 hits and 5 misses in both
 * together; money wants 30 events with an amount in each arm, because few amounts far apart are far
 * from a normal distribution. Fewer would give intervals that look like knowledge.
 *
 * Shares come with the exposures, each with that of its own arm. While weights stay, the means of
 * the arms' shares add up to 1; less is an arm that was never drawn, more are weights that changed,
 * for a mean weighted by itself is larger than the mean.
 */
#include "moonbid/arms.h"

#include <math.h>
#include <stdlib.h>

#include "moonbid/base/stats.h"

#define CONFIDENCE 0.95
#define RATIO_P 0.001
#define SHARE_SLACK 0.001

enum { ARENA_BYTES = 16 * 1024, TRIALS_LEAST = 30, HITS_LEAST = 5, AMOUNTS_LEAST = 30 };

struct mb_arms {
    struct mb_arena arena;
    const enum mb_report_key *keys;
    size_t n_keys, arm_at; /* place of the arm among them; n_keys: not among them */
    struct mb_slice control;
    struct mb_report_row *rows; /* with an arm; keys in the arena */
    size_t n_rows, room;
    struct mb_experiment *experiments;
};

static const char *const figure_names[] = {
#define XX(name, text) text,
    MB_ARMS_FIGURE_MAP(XX)
#undef XX
};

const char *mb_arms_figure_name(enum mb_arms_figure figure)
{
    return (unsigned)figure < MB_ARMS_FIGURES ? figure_names[figure] : "";
}

const char *mb_arms_verdict_text(enum mb_arms_verdict verdict)
{
    static const char *const texts[] = {"not enough data", "counts do not fit",
                                        "no difference seen", "higher", "lower"};
    return texts[verdict];
}

const char *mb_arms_ratio_text(enum mb_arms_ratio ratio)
{
    static const char *const texts[] = {"not enough data", "fits", "does not fit",
                                        "weights changed"};
    return texts[ratio];
}

static void *resized(void *block, size_t count, size_t size)
{
    void *more = realloc(block, (count ? count : 1) * size);
    if (!more)
        abort();
    return more;
}

struct mb_arms *mb_xarms_new(const enum mb_report_key *keys, size_t n_keys, struct mb_slice control)
{
    struct mb_arms *arms = resized(NULL, 1, sizeof *arms);
    *arms = (struct mb_arms){.keys = keys, .n_keys = n_keys, .control = control};
    mb_arena_init(&arms->arena, ARENA_BYTES);
    while (arms->arm_at < n_keys && keys[arms->arm_at] != MB_REPORT_ARM)
        arms->arm_at++;
    return arms;
}

void mb_arms_free(struct mb_arms *arms)
{
    if (!arms)
        return;
    mb_arena_fini(&arms->arena);
    free(arms->rows);
    free(arms->experiments);
    free(arms);
}

void mb_xarms_take(struct mb_arms *arms, const struct mb_report_row *row)
{
    if (arms->arm_at == arms->n_keys || !mb_slice_present(row->keys[arms->arm_at]))
        return;
    if (arms->n_rows == arms->room) {
        arms->room = arms->room ? 2 * arms->room : 16;
        arms->rows = resized(arms->rows, arms->room, sizeof *arms->rows);
    }
    struct mb_slice *keys = mb_xarena_array(&arms->arena, arms->n_keys, sizeof *keys);
    for (size_t i = 0; i < arms->n_keys; i++)
        keys[i] = mb_slice_present(row->keys[i]) ? mb_xarena_copy(&arms->arena, row->keys[i])
                                                 : MB_SLICE_NONE;
    arms->rows[arms->n_rows] = *row;
    arms->rows[arms->n_rows++].keys = keys;
}

/* --- figures --- */

static struct mb_trials trials_of(const struct mb_report_row *row, enum mb_arms_figure figure)
{
    switch (figure) {
    case MB_ARMS_BID_RATE:
        return (struct mb_trials){row->bids, row->exposures};
    case MB_ARMS_WIN_RATE:
        return (struct mb_trials){row->won, row->bids};
    case MB_ARMS_CTR:
        return (struct mb_trials){row->clicks, row->impressions};
    default:
        return (struct mb_trials){row->conversions, row->clicks};
    }
}

/* Amounts per thousand of what they come from; *amounts: how many there are. */
static struct mb_sample sample_of(const struct mb_report_row *row, enum mb_arms_figure figure,
                                  uint64_t *amounts)
{
    bool spend = figure == MB_ARMS_SPEND || figure == MB_ARMS_ECPM;
    bool by_bids = figure == MB_ARMS_SPEND || figure == MB_ARMS_REVENUE;
    double sum = (double)(spend ? row->spend : row->revenue).nanos * 1e-9;
    *amounts = spend ? row->n_costs : row->n_revenues;
    return (struct mb_sample){.n = by_bids ? row->bids : row->impressions,
                              .sum = 1e3 * sum,
                              .squares = 1e6 * (spend ? row->cost_squares : row->revenue_squares)};
}

static void judge(struct mb_arms_difference *out, struct mb_interval interval)
{
    out->low = interval.low;
    out->high = interval.high;
    out->verdict = interval.low > 0    ? MB_ARMS_HIGHER
                   : interval.high < 0 ? MB_ARMS_LOWER
                                       : MB_ARMS_SAME;
}

static double rate_of(struct mb_trials trials)
{
    return trials.n > 0 ? (double)trials.hits / (double)trials.n : NAN;
}

static void compare_rates(struct mb_trials control, struct mb_trials arm, double z,
                          struct mb_arms_difference *out)
{
    uint64_t hits = control.hits + arm.hits, n = control.n + arm.n;
    out->control = rate_of(control);
    out->arm = rate_of(arm);
    if (control.hits > control.n || arm.hits > arm.n)
        out->verdict = MB_ARMS_NO_FIT;
    else if (control.n >= TRIALS_LEAST && arm.n >= TRIALS_LEAST && hits >= HITS_LEAST &&
             n - hits >= HITS_LEAST)
        judge(out, mb_stats_rate_difference(control, arm, z));
}

static void compare_money(const struct mb_report_row *control, const struct mb_report_row *arm,
                          enum mb_arms_figure figure, double z, struct mb_arms_difference *out)
{
    uint64_t of_control, of_arm;
    struct mb_sample a = sample_of(control, figure, &of_control);
    struct mb_sample b = sample_of(arm, figure, &of_arm);
    out->control = a.n > 0 ? mb_stats_mean(&a) : NAN;
    out->arm = b.n > 0 ? mb_stats_mean(&b) : NAN;
    if (of_control < AMOUNTS_LEAST || of_arm < AMOUNTS_LEAST)
        return;
    if (a.n < of_control || b.n < of_arm)
        out->verdict = MB_ARMS_NO_FIT;
    else
        judge(out, mb_stats_mean_difference(&a, &b, z));
}

static void compare(const struct mb_report_row *control, const struct mb_report_row *row, double z,
                    struct mb_arm *arm)
{
    for (int f = 0; f < MB_ARMS_FIGURES; f++) {
        enum mb_arms_figure figure = (enum mb_arms_figure)f;
        struct mb_arms_difference *out = &arm->differences[f];
        *out = (struct mb_arms_difference){.low = NAN, .high = NAN};
        if (figure <= MB_ARMS_CONVERSION_RATE)
            compare_rates(trials_of(control, figure), trials_of(row, figure), z, out);
        else
            compare_money(control, row, figure, z, out);
    }
}

/* --- exposures against weights --- */

static void judge_ratio(struct mb_experiment *e)
{
    uint64_t all = 0;
    double shares = 0, chi_square = 0, least = INFINITY;
    e->ratio = MB_ARMS_RATIO_UNKNOWN;
    e->p = NAN;
    for (size_t i = 0; i < e->n_arms; i++) {
        if (e->arms[i].exposures == 0)
            return; /* bids of a ledger that did not count exposures yet */
        all += e->arms[i].exposures;
        shares += e->arms[i].share;
    }
    if (shares > 1 + SHARE_SLACK) {
        e->ratio = MB_ARMS_RATIO_MIXED;
        return;
    }
    for (size_t i = 0; i < e->n_arms; i++) {
        double expected = e->arms[i].share * (double)all;
        double off = (double)e->arms[i].exposures - expected;
        chi_square += off * off / expected;
        least = expected < least ? expected : least;
    }
    bool missing = shares < 1 - SHARE_SLACK; /* arms that were never drawn: observed 0 */
    double unseen = missing ? (1 - shares) * (double)all : 0;
    if (least < HITS_LEAST || (missing && unseen < HITS_LEAST))
        return;
    e->p = mb_stats_chi_square_tail(chi_square + unseen, (unsigned)(e->n_arms - 1 + missing));
    e->ratio = e->p < RATIO_P ? MB_ARMS_RATIO_BROKEN : MB_ARMS_RATIO_FITS;
}

/* --- from rows to experiments --- */

static int order_of(struct mb_slice a, struct mb_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int order_but_arm(const struct mb_arms *arms, const struct mb_report_row *a,
                         const struct mb_report_row *b)
{
    int order = 0;
    for (size_t i = 0; i < arms->n_keys && order == 0; i++)
        order = i == arms->arm_at ? 0 : order_of(a->keys[i], b->keys[i]);
    return order;
}

static bool is_control(const struct mb_arms *arms, const struct mb_report_row *row)
{
    struct mb_slice wanted = mb_slice_present(arms->control) ? arms->control : MB_SLICE("control");
    return mb_slice_eq(row->keys[arms->arm_at], wanted);
}

/* Experiment by experiment; in each the control first, the others by name. */
static int compare_rows(const void *left, const void *right, void *user)
{
    const struct mb_report_row *a = left, *b = right;
    const struct mb_arms *arms = user;
    int order = order_but_arm(arms, a, b);
    if (order == 0)
        order = is_control(arms, b) - is_control(arms, a);
    return order ? order : order_of(a->keys[arms->arm_at], b->keys[arms->arm_at]);
}

static struct mb_slice *keys_but_arm(struct mb_arms *arms, const struct mb_report_row *row)
{
    struct mb_slice *keys = mb_xarena_array(&arms->arena, arms->n_keys, sizeof *keys);
    for (size_t i = 0; i < arms->n_keys; i++)
        keys[i] = i == arms->arm_at ? MB_SLICE_NONE : row->keys[i];
    return keys;
}

static void make_experiment(struct mb_arms *arms, const struct mb_report_row *rows, size_t count,
                            struct mb_experiment *out)
{
    double z = mb_stats_z(CONFIDENCE, (unsigned)count - 1);
    *out = (struct mb_experiment){.keys = keys_but_arm(arms, &rows[0]), .n_arms = count};
    out->arms = mb_xarena_array(&arms->arena, count, sizeof *out->arms);
    for (size_t i = 0; i < count; i++) {
        struct mb_arm *arm = &out->arms[i];
        arm->name = rows[i].keys[arms->arm_at];
        arm->exposures = rows[i].exposures;
        arm->share = arm->exposures ? (double)rows[i].shares / 1e6 / (double)arm->exposures : NAN;
        compare(&rows[0], &rows[i], z, arm);
    }
    judge_ratio(out);
}

const struct mb_experiment *mb_arms_compare(struct mb_arms *arms, size_t *count)
{
    size_t end;
    *count = 0;
    arms->experiments = resized(arms->experiments, arms->n_rows, sizeof *arms->experiments);
    if (arms->n_rows > 0)
        qsort_r(arms->rows, arms->n_rows, sizeof *arms->rows, compare_rows, arms);
    for (size_t i = 0; i < arms->n_rows; i = end) {
        for (end = i + 1;
             end < arms->n_rows && order_but_arm(arms, &arms->rows[i], &arms->rows[end]) == 0;)
            end++;
        if (end - i >= 2)
            make_experiment(arms, &arms->rows[i], end - i, &arms->experiments[(*count)++]);
    }
    return arms->experiments;
}
