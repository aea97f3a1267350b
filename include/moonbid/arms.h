/* arms.h - what the arms of an experiment differ in, and how sure that is.
 *
 * Part of: ledger.  Depends on: base, auction; report.h.
 * Threads:  any, one owner.
 * Lifetime: mb_xarms_new -> take each row of a report by arm -> compare -> read -> free.
 *
 * Rows that differ in nothing but the arm are one experiment. Each arm is held against the control. Intervals are for 95 % that all of an
 * experiment's arms are right at once in one figure (Bonferroni); the mathematics is stats.h.
 */
#ifndef MB_ARMS_H
#define MB_ARMS_H

#include "moonbid/report.h"

#define MB_ARMS_FIGURE_MAP(XX)                                                                     \
    XX(BID_RATE, "bid_rate")                   /* bids by calls that asked for the arm */          \
    XX(WIN_RATE, "win_rate")                   /* wins by bids */                                  \
    XX(CTR, "ctr")                             /* clicks by impressions */                         \
    XX(CONVERSION_RATE, "conversion_rate")     /* conversions by clicks */                         \
    XX(SPEND, "spend_per_1000_bids")                                                               \
    XX(REVENUE, "revenue_per_1000_bids")                                                           \
    XX(ECPM, "ecpm")                           /* spend per 1000 impressions */                    \
    XX(RPM, "revenue_per_1000_impressions")

enum mb_arms_figure {
#define XX(name, text) MB_ARMS_##name,
    MB_ARMS_FIGURE_MAP(XX)
#undef XX
    MB_ARMS_FIGURES
};
const char *mb_arms_figure_name(enum mb_arms_figure figure);

enum mb_arms_verdict {
    MB_ARMS_TOO_LITTLE, /* below what the header of arms.c asks for: no interval is told */
    MB_ARMS_NO_FIT,     /* more wins than bids, or the like: parts of the data are missing */
    MB_ARMS_SAME,       /* the interval holds 0: no difference is seen */
    MB_ARMS_HIGHER,
    MB_ARMS_LOWER
};
const char *mb_arms_verdict_text(enum mb_arms_verdict verdict);

struct mb_arms_difference {
    enum mb_arms_verdict verdict;
    double control, arm; /* the figure itself, where there is something to divide by; else NAN */
    double low, high;    /* of arm minus control; NAN where the verdict is TOO_LITTLE or NO_FIT */
};

/* Do exposures fit the weights? Where not, the arms differ in more than what the experiment varied, and no difference can be believed. */
enum mb_arms_ratio {
    MB_ARMS_RATIO_UNKNOWN, /* too few, or not counted */
    MB_ARMS_RATIO_FITS,
    MB_ARMS_RATIO_BROKEN,  /* p below 0.001 */
    MB_ARMS_RATIO_MIXED    /* the weights changed meanwhile */
};
const char *mb_arms_ratio_text(enum mb_arms_ratio ratio);

struct mb_arm {
    struct mb_slice name;
    uint64_t exposures;
    double share; /* by the weights; NAN: unknown */
    struct mb_arms_difference differences[MB_ARMS_FIGURES]; /* from the control; of the control nothing */
};

struct mb_experiment {
    const struct mb_slice *keys; /* as the rows', absent in place of the arm */
    struct mb_arm *arms;         /* the control first, the others by name */
    size_t n_arms;               /* at least 2 */
    enum mb_arms_ratio ratio;
    double p; /* of chance giving exposures as uneven as these; NAN: unknown */
};

struct mb_arms;
/* `control`: the name of the arm to hold the others against; absent: the one that is called so, else the first by name. */
struct mb_arms *mb_xarms_new(const enum mb_report_key *keys, size_t n_keys, struct mb_slice control);
void mb_arms_free(struct mb_arms *arms); /* NULL allowed */
void mb_xarms_take(struct mb_arms *arms, const struct mb_report_row *row); /* copied; of no arm: ignored */
/* The experiments, by their keys; until free. */
const struct mb_experiment *mb_arms_compare(struct mb_arms *arms, size_t *count);

#endif /* MB_ARMS_H */
