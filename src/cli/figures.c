/* figures.c - counts, sums and ratios of a report's row. No floating point: the digits are those of
 * the sums.
 */
#include "figures.h"

static const char *const figure_names[FIGURES] = {
    "requests", "bids",        "nobids",      "wins",         "losses",  "billings", "impressions",
    "clicks",   "conversions", "spend",       "revenue",      "overrun", "win_rate", "ctr",
    "cpa",      "roi",         "average_bid", "average_paid", "ecpm"};

const char *figure_name(enum figure figure)
{
    return figure_names[figure];
}

/* Does what the row is made of tell the figure? */
static bool is_told(const struct mb_report_gaps *gaps, enum figure figure)
{
    switch (figure) {
    case REQUESTS:
        return !gaps->no_bids && !gaps->no_requests;
    case BIDS:
    case NOBIDS:
    case WIN_RATE:
    case AVERAGE_BID:
        return !gaps->no_bids;
    case OVERRUN:
        return !gaps->no_overrun;
    default:
        return true;
    }
}

static uint64_t count_of(const struct mb_report_row *row, enum figure figure)
{
    const uint64_t counts[] = {row->requests,    row->bids,   row->nobids,
                               row->wins,        row->losses, row->billings,
                               row->impressions, row->clicks, row->conversions};

    return counts[figure];
}

struct mb_amount figure_amount(const struct mb_report_row *row, enum figure figure)
{
    return figure == SPEND ? row->spend : figure == REVENUE ? row->revenue : row->overrun;
}

__extension__ typedef __int128 wide;

/* part / whole with six digits, rounded half away from zero; nothing where there is nothing to
 * divide by. No floating point: the digits are those of the sums. */
static void add_ratio(struct mb_buf *text, wide part, wide whole)
{
    bool negative = part < 0;
    wide millionths;

    if (whole <= 0) {
        return;
    }
    millionths = ((negative ? -part : part) * 2000000 + whole) / (2 * whole);
    mb_xbuf_add_text(text, negative && millionths > 0 ? "-" : "");
    mb_xbuf_printf(text, "%llu.%06u", (unsigned long long)(millionths / 1000000),
                   (unsigned)(millionths % 1000000));
}

enum { NANOS = 1000000000, MICROS = 1000000 };

static void add_figure(struct mb_buf *text, const struct mb_report_row *row, enum figure figure)
{
    switch (figure) {
    case WIN_RATE:
        add_ratio(text, row->won, row->bids);
        break;
    case CTR:
        add_ratio(text, row->clicks, row->impressions);
        break;
    case CPA:
        add_ratio(text, row->spend.nanos, (wide)row->conversions * NANOS);
        break;
    case ROI:
        add_ratio(text, row->revenue.nanos, row->spend.nanos);
        break;
    case AVERAGE_BID:
        add_ratio(text, row->bid_sum, (wide)row->bids * MICROS);
        break;
    case AVERAGE_PAID:
        add_ratio(text, row->paid_sum, (wide)row->paid * MICROS);
        break;
    case ECPM:
        add_ratio(text, (wide)row->spend.nanos * 1000, (wide)row->impressions * NANOS);
        break;
    case SPEND:
    case REVENUE:
    case OVERRUN:
        mb_xbuf_add_amount(text, figure_amount(row, figure));
        break;
    default:
        mb_xbuf_add_u64(text, count_of(row, figure));
    }
}

struct mb_slice figure_text(const struct mb_report_gaps *gaps, const struct mb_report_row *row,
                            enum figure figure, struct mb_arena *arena)
{
    struct mb_buf text = {0};
    struct mb_slice out = MB_SLICE_NONE;

    if (is_told(gaps, figure)) {
        add_figure(&text, row, figure);
    }
    if (text.len > 0) {
        out = mb_xarena_copy(arena, mb_buf_slice(&text));
    }
    mb_buf_fini(&text);
    return out;
}

/* --- of shadows --- */

const char *shadow_figure_name(enum shadow_figure figure)
{
    static const char *const names[SHADOW_FIGURES] = {
        "asked",         "bids",          "beside", "wins",       "losses",         "unknown", "live_wins",
        "expected_bids", "expected_wins", "spend",  "live_spend", "expected_spend", "average_bid"};

    return names[figure];
}

struct mb_amount shadow_figure_amount(const struct mb_report_shadow *shadow, enum shadow_figure figure)
{
    return figure == SHADOW_SPEND        ? shadow->spend
           : figure == SHADOW_LIVE_SPEND ? shadow->live_spend
                                         : shadow->expected_spend;
}

struct mb_slice shadow_figure_text(const struct mb_report_shadow *shadow, enum shadow_figure figure,
                                   struct mb_arena *arena)
{
    const uint64_t counts[] = {shadow->asked,
                               shadow->bids,
                               shadow->beside,
                               shadow->wins,
                               shadow->losses,
                               shadow->unknown,
                               shadow->live_wins,
                               shadow->expected_bids,
                               (uint64_t)shadow->expected_millionths / MICROS};
    struct mb_buf text = {0};
    struct mb_slice out = MB_SLICE_NONE;

    if (figure == SHADOW_AVERAGE_BID) {
        add_ratio(&text, shadow->bid_sum, (wide)shadow->bids * MICROS);
    } else if (figure >= SHADOW_SPEND) {
        mb_xbuf_add_amount(&text, shadow_figure_amount(shadow, figure));
    } else {
        mb_xbuf_add_u64(&text, counts[figure]);
    }
    if (text.len > 0) {
        out = mb_xarena_copy(arena, mb_buf_slice(&text));
    }
    mb_buf_fini(&text);
    return out;
}
