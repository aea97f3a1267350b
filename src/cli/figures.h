/* figures.h - the figures of a report's row, as text.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_FIGURES_H
#define MB_CLI_FIGURES_H

#include "moonbid/report.h"

/* One figure of a row: first counts, then money, then ratios. */
enum figure {
    REQUESTS, BIDS, NOBIDS, WINS, LOSSES, BILLINGS, IMPRESSIONS, CLICKS, CONVERSIONS,
    SPEND, REVENUE, OVERRUN,
    WIN_RATE, CTR, CPA, ROI, AVERAGE_BID, AVERAGE_PAID, ECPM, FIGURES
};

const char *figure_name(enum figure figure);
/* Absent where it is not told, or there is nothing to divide by. In the arena. */
struct mb_slice figure_text(const struct mb_report_gaps *gaps, const struct mb_report_row *row,
                            enum figure figure, struct mb_arena *arena);
/* SPEND, REVENUE or OVERRUN. */
struct mb_amount figure_amount(const struct mb_report_row *row, enum figure figure);

/* What shadows would have done, and what was sent beside them: counts, then money, then ratios. */
enum shadow_figure {
    SHADOW_ASKED, SHADOW_BIDS, SHADOW_BESIDE, SHADOW_WINS, SHADOW_LOSSES, SHADOW_UNKNOWN, SHADOW_LIVE_WINS,
    SHADOW_EXPECTED_BIDS, SHADOW_EXPECTED_WINS,
    SHADOW_SPEND, SHADOW_LIVE_SPEND, SHADOW_EXPECTED_SPEND,
    SHADOW_AVERAGE_BID, SHADOW_FIGURES
};

const char *shadow_figure_name(enum shadow_figure figure);
struct mb_slice shadow_figure_text(const struct mb_report_shadow *shadow, enum shadow_figure figure,
                                   struct mb_arena *arena);
/* SHADOW_SPEND, SHADOW_LIVE_SPEND or SHADOW_EXPECTED_SPEND. */
struct mb_amount shadow_figure_amount(const struct mb_report_shadow *shadow, enum shadow_figure figure);

#endif /* MB_CLI_FIGURES_H */
