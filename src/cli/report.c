/* report.c - `moonbid report`: bids, money and events out of the ledger, as a table for people or machines.
 */
#include "moonbid/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "moonbid/json.h"

enum { ROWS_FIRST = 64 };

/* One figure of a row: first counts, then money, then ratios. */
enum figure {
    REQUESTS, BIDS, NOBIDS, WINS, LOSSES, BILLINGS, IMPRESSIONS, CLICKS, CONVERSIONS,
    SPEND, REVENUE, OVERRUN,
    WIN_RATE, CTR, CPA, ROI, AVERAGE_BID, AVERAGE_PAID, ECPM, FIGURES
};

static const char *const figure_names[FIGURES] = {
    "requests", "bids", "nobids", "wins", "losses", "billings", "impressions", "clicks",
    "conversions", "spend", "revenue", "overrun", "win_rate", "ctr", "cpa", "roi", "average_bid",
    "average_paid", "ecpm"};

enum format { TEXT, CSV, JSON };

struct report {
    enum format format;
    enum mb_report_key keys[MB_REPORT_COUNT];
    size_t n_keys;
    struct mb_report_gaps gaps;
    struct mb_zone zone;
    struct mb_buf out;
    struct mb_json_writer json;
    struct mb_arena arena;
    struct mb_slice (*cells)[FIGURES + MB_REPORT_COUNT]; /* but JSON: all rows, for the columns' widths */
    size_t n_rows, room;
};

/* --- figures --- */

/* Does what the row is made of tell the figure? */
static bool is_told(const struct report *r, enum figure figure)
{
    switch (figure) {
    case REQUESTS:
        return !r->gaps.no_bids && !r->gaps.no_requests;
    case BIDS:
    case NOBIDS:
    case WIN_RATE:
    case AVERAGE_BID:
        return !r->gaps.no_bids;
    case OVERRUN:
        return !r->gaps.no_overrun;
    default:
        return true;
    }
}

static uint64_t count_of(const struct mb_report_row *row, enum figure figure)
{
    const uint64_t counts[] = {row->requests, row->bids,        row->nobids,
                               row->wins,     row->losses,      row->billings,
                               row->impressions, row->clicks,   row->conversions};

    return counts[figure];
}

static struct mb_amount amount_of(const struct mb_report_row *row, enum figure figure)
{
    return figure == SPEND ? row->spend : figure == REVENUE ? row->revenue : row->overrun;
}

__extension__ typedef __int128 wide;

/* part / whole with six digits, rounded half away from zero; nothing where there is nothing to divide by. No
 * floating point: the digits are those of the sums. */
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
        mb_xbuf_add_amount(text, amount_of(row, figure));
        break;
    default:
        mb_xbuf_add_u64(text, count_of(row, figure));
    }
}

static struct mb_slice figure_text(struct report *r, const struct mb_report_row *row,
                                   enum figure figure)
{
    struct mb_buf text = {0};
    struct mb_slice out = MB_SLICE_NONE;

    if (is_told(r, figure)) {
        add_figure(&text, row, figure);
    }
    if (text.len > 0) {
        out = mb_xarena_copy(&r->arena, mb_buf_slice(&text));
    }
    mb_buf_fini(&text);
    return out;
}

/* --- JSON --- */

/* Money as text and, exactly, as an integer; a ratio is a number. */
static void json_figure(struct report *r, const struct mb_report_row *row, enum figure figure)
{
    struct mb_json_writer *w = &r->json;
    struct mb_slice text = figure_text(r, row, figure);
    char nanos[32];

    mb_jsonw_key(w, figure_names[figure]);
    if (!mb_slice_present(text)) {
        mb_jsonw_null(w);
    } else if (figure >= SPEND && figure <= OVERRUN) {
        mb_jsonw_str(w, text);
        snprintf(nanos, sizeof(nanos), "%s_nanos", figure_names[figure]);
        mb_jsonw_key(w, nanos);
        mb_jsonw_i64(w, amount_of(row, figure).nanos);
    } else {
        mb_jsonw_raw(w, text);
    }
}

static void json_row(struct report *r, const struct mb_report_row *row)
{
    struct mb_json_writer *w = &r->json;

    mb_jsonw_object(w);
    for (size_t i = 0; i < r->n_keys; i++) {
        mb_jsonw_key(w, mb_report_key_name(r->keys[i]));
        if (mb_slice_present(row->keys[i])) {
            mb_jsonw_str(w, row->keys[i]);
        } else {
            mb_jsonw_null(w);
        }
    }
    for (int f = 0; f < FIGURES; f++) {
        json_figure(r, row, (enum figure)f);
    }
    mb_jsonw_object_end(w);
}

/* --- CSV (RFC 4180) --- */

static void csv_cell(struct report *r, struct mb_slice text, bool first)
{
    bool quote = false;

    for (size_t i = 0; i < text.len; i++) {
        quote |= strchr(",\"\r\n", text.data[i]) != NULL;
    }
    mb_xbuf_add_text(&r->out, first ? "" : ",");
    if (!quote) {
        mb_xbuf_add_slice(&r->out, text);
        return;
    }
    mb_xbuf_add_char(&r->out, '"');
    for (size_t i = 0; i < text.len; i++) {
        mb_xbuf_add_text(&r->out, text.data[i] == '"' ? "\"" : "");
        mb_xbuf_add_char(&r->out, text.data[i]);
    }
    mb_xbuf_add_char(&r->out, '"');
}

/* --- all forms --- */

static size_t fill_cells(struct report *r, const struct mb_report_row *row, struct mb_slice *cells)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_keys; i++) {
        cells[n++] = mb_slice_present(row->keys[i]) ? mb_xarena_copy(&r->arena, row->keys[i])
                                                    : MB_SLICE_NONE;
    }
    for (int f = 0; f < FIGURES; f++) {
        cells[n++] = figure_text(r, row, (enum figure)f);
    }
    return n;
}

static void on_row(void *user, const struct mb_report_row *row)
{
    struct report *r = user;

    if (r->format == JSON) {
        json_row(r, row);
        return;
    }
    if (r->n_rows == r->room) {
        r->room = r->room ? 2 * r->room : ROWS_FIRST;
        r->cells = realloc(r->cells, r->room * sizeof(*r->cells));
        if (!r->cells) {
            abort();
        }
    }
    (void)fill_cells(r, row, r->cells[r->n_rows++]);
}

static struct mb_slice heading(const struct report *r, size_t column)
{
    return mb_slice_of(column < r->n_keys ? mb_report_key_name(r->keys[column])
                                          : figure_names[column - r->n_keys]);
}

static void print_csv(struct report *r)
{
    size_t n = r->n_keys + FIGURES;

    for (size_t c = 0; c < n; c++) {
        csv_cell(r, heading(r, c), c == 0);
    }
    mb_xbuf_add_text(&r->out, "\r\n");
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            csv_cell(r, r->cells[i][c], c == 0);
        }
        mb_xbuf_add_text(&r->out, "\r\n");
    }
}

/* Keys to the left, figures to the right. */
static void text_cell(struct report *r, struct mb_slice text, size_t width, bool left, bool last)
{
    struct mb_slice shown = mb_slice_empty(text) ? MB_SLICE("-") : text;

    if (!left) {
        mb_xbuf_printf(&r->out, "%*s", (int)(width - shown.len), "");
    }
    mb_xbuf_add_slice(&r->out, shown);
    if (left && !last) {
        mb_xbuf_printf(&r->out, "%*s", (int)(width - shown.len), "");
    }
    mb_xbuf_add_text(&r->out, last ? "\n" : "  ");
}

static void print_text(struct report *r)
{
    size_t n = r->n_keys + FIGURES, widths[FIGURES + MB_REPORT_COUNT];

    for (size_t c = 0; c < n; c++) {
        widths[c] = heading(r, c).len;
        for (size_t i = 0; i < r->n_rows; i++) {
            widths[c] = r->cells[i][c].len > widths[c] ? r->cells[i][c].len : widths[c];
        }
    }
    for (size_t c = 0; c < n; c++) {
        text_cell(r, heading(r, c), widths[c], c < r->n_keys, c + 1 == n);
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            text_cell(r, r->cells[i][c], widths[c], c < r->n_keys, c + 1 == n);
        }
    }
}

/* Why columns are empty. */
static void print_notes(struct report *r)
{
    const struct mb_report_gaps *gaps = &r->gaps;
    const char *const notes[] = {
        gaps->no_bids ? "bids and no-bids are not counted by data or type: events only" : NULL,
        !gaps->no_bids && gaps->no_requests
            ? "requests are of no strategy, version, arm, creative or reason"
            : NULL,
        gaps->no_overrun ? "overrun is known by strategy and day only" : NULL,
        gaps->no_format ? "events do not tell their format" : NULL,
    };

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        if (notes[i]) {
            mb_xbuf_printf(&r->out, "# %s\n", notes[i]);
        }
    }
}

/* --- the command --- */

static int take_keys(struct report *r, const char *by)
{
    struct mb_slice rest = mb_slice_of(by);

    while (mb_slice_present(rest)) {
        struct mb_slice name = mb_slice_trim(mb_slice_cut(&rest, ','));
        enum mb_report_key key = mb_report_key_of(name);

        if (key == MB_REPORT_COUNT || r->n_keys == MB_REPORT_COUNT) {
            return cli_say(CLI_USAGE,
                           "--by: '%.*s' is none of strategy, version, arm, day, hour, exchange, "
                           "endpoint, format, zone, site, country, creative, data, type, reason",
                           MB_SLICE_ARG(name));
        }
        r->keys[r->n_keys++] = key;
    }
    return CLI_OK;
}

/* An instant, by the clocks of the config's time zone unless it ends with Z; or a duration back from now. */
static int take_time(const struct report *r, const char *flag, const char *text, int64_t *out)
{
    struct mb_slice time = mb_slice_of(text);
    int64_t ms;

    if (!text) {
        return CLI_OK;
    }
    if (mb_time_parse_duration(time, &ms)) {
        *out = mb_time_now_ms() - ms;
        return CLI_OK;
    }
    if (!mb_time_parse_utc(time, &ms)) {
        return cli_say(CLI_USAGE,
                       "--%s: expected such as 24h, 7d, 2026-03-02 or 2026-03-02T09:00, not '%s'",
                       flag, text);
    }
    *out = mb_slice_ends(time, MB_SLICE("Z")) ? ms : mb_zone_to_utc_ms(&r->zone, ms);
    return CLI_OK;
}

static int take_zone(struct report *r, const char *name)
{
    struct mb_error err = {.at = -1};

    return mb_zone_load(mb_slice_of(name), &r->zone, &err) ? cli_fail(&err) : CLI_OK;
}

static int take_format(const char *text, enum format *out)
{
    static const char *const formats[] = {"text", "csv", "json"};

    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, formats[i]) == 0) {
            *out = (enum format)i;
            return CLI_OK;
        }
    }
    return text ? cli_say(CLI_USAGE, "--format: expected text, csv or json, not '%s'", text) : CLI_OK;
}

static int print_report(struct report *r, const struct mb_report_options *options)
{
    struct mb_error err = {.at = -1};

    if (r->format == JSON) {
        mb_json_writer_init(&r->json, &r->out);
        mb_jsonw_object(&r->json);
        mb_jsonw_key(&r->json, "rows");
        mb_jsonw_array(&r->json);
    }
    if (mb_report_each(options, on_row, r, &err)) {
        return cli_fail(&err);
    }
    if (r->format == JSON) {
        mb_jsonw_array_end(&r->json);
        mb_jsonw_object_end(&r->json);
        mb_xbuf_add_char(&r->out, '\n');
    } else if (r->format == CSV) {
        print_csv(r);
    } else {
        print_text(r);
        print_notes(r);
    }
    fwrite(r->out.data, 1, r->out.len, stdout);
    return fflush(stdout) == 0 ? CLI_OK : cli_say(CLI_ENVIRONMENT, "the output could not be written");
}

static int run(const struct cli_args *args)
{
    struct report report = {0};
    struct mb_report_options options = {.keys = report.keys, .zone = &report.zone};
    struct mb_config *config = NULL;
    int code = take_keys(&report, args->by ? args->by : "strategy");

    if (code != CLI_OK || (code = take_format(args->format, &report.format)) != CLI_OK ||
        (code = cli_config(args, &config)) != CLI_OK) {
        return code;
    }
    mb_arena_init(&report.arena, 64 * 1024);
    if ((code = take_zone(&report, config->timezone)) == CLI_OK &&
        (code = take_time(&report, "since", args->since, &options.since_ms)) == CLI_OK &&
        (code = take_time(&report, "until", args->until, &options.until_ms)) == CLI_OK) {
        options.data_dir = config->data;
        options.n_keys = report.n_keys;
        report.gaps = mb_report_gaps_of(report.keys, report.n_keys);
        code = print_report(&report, &options);
    }
    free(report.cells);
    mb_buf_fini(&report.out);
    mb_arena_fini(&report.arena);
    mb_config_free(config);
    return code;
}

const struct cli_command cli_report = {
    .name = "report",
    .summary = "bids, wins, spend, clicks, conversions and rates out of the ledger",
    .flags = " config data set by since until format ",
    .help =
        "usage: moonbid report [--by KEYS] [--since T] [--until T] [--format text|csv|json]\n"
        "                      [--data DIR] [--config FILE] [--set KEY=VALUE]\n"
        "\n"
        "Reads beside a running server. Most spend first; test events count nowhere.\n"
        "\n"
        "  --by KEYS     comma-separated: strategy (default), version, arm, day, hour, exchange,\n"
        "                endpoint, format, zone, site, country, creative, data, type, reason\n"
        "  --since T     24h, 7d, or an instant such as 2026-03-02 or 2026-03-02T09:00, by the\n"
        "  --until T     clocks of the config's timezone (Z at its end: UTC); default: all\n"
        "  --format F    text (default), csv, json: {\"rows\":[{...}]}, money as text and as an\n"
        "                integer: spend and spend_nanos, revenue and overrun likewise\n"
        "\n"
        "Days and hours are those of the config's timezone. Sums are exact; ratios have six\n"
        "digits, and - where there is nothing to divide by. Money is in house currency.\n"
        "\n"
        "  bids, nobids  what strategies said to impressions; --by reason tells no-bids apart.\n"
        "                Counted by the minute, here a minute later (at the server's end at once).\n"
        "                Zones, sites, countries and creatives beyond the busiest: (other)\n"
        "  win_rate      wins by bids; at ExoClick, which tells of no wins, billing notices by bids\n"
        "  impressions   what booked by the thousand counts as one\n"
        "  ctr, cpa, roi clicks by impressions, spend by conversions, revenue by spend\n"
        "  average_bid   of all bids; average_paid of those that booked and told a price\n"
        "  ecpm          spend by thousand impressions\n"
        "  overrun       booked past limits, by the strategies' own days\n"
        "\n"
        "exit:    0 printed, 2 usage, 3 environment\n"
        "example: moonbid report --by strategy,day --since 7d\n",
    .run = run,
};
