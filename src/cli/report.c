/* report.c - `moonbid report`: bids, money and events out of the ledger, as a table for people or machines.
 */
#include "moonbid/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arms.h"
#include "cli.h"
#include "figures.h"
#include "moonbid/json.h"

enum { ROWS_FIRST = 64 };

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
    struct mb_arms *arms; /* NULL where the report is not by arm */
    const struct mb_experiment *experiments;
    size_t n_experiments;
};

/* --- JSON --- */

/* Money as text and, exactly, as an integer; a ratio is a number. */
static void json_figure(struct report *r, const struct mb_report_row *row, enum figure figure)
{
    struct mb_json_writer *w = &r->json;
    struct mb_slice text = figure_text(&r->gaps, row, figure, &r->arena);
    char nanos[32];

    mb_jsonw_key(w, figure_name(figure));
    if (!mb_slice_present(text)) {
        mb_jsonw_null(w);
    } else if (figure >= SPEND && figure <= OVERRUN) {
        mb_jsonw_str(w, text);
        snprintf(nanos, sizeof(nanos), "%s_nanos", figure_name(figure));
        mb_jsonw_key(w, nanos);
        mb_jsonw_i64(w, figure_amount(row, figure).nanos);
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
        cells[n++] = figure_text(&r->gaps, row, (enum figure)f, &r->arena);
    }
    return n;
}

static void on_row(void *user, const struct mb_report_row *row)
{
    struct report *r = user;

    if (r->arms) {
        mb_xarms_take(r->arms, row);
    }
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
                                          : figure_name((enum figure)(column - r->n_keys)));
}

static void print_csv(struct report *r)
{
    size_t n = r->n_keys + FIGURES;

    for (size_t c = 0; c < n; c++) {
        csv_cell(r, heading(r, c), c == 0);
    }
    if (r->arms) {
        cli_arms_csv_headings(&r->out);
    }
    mb_xbuf_add_text(&r->out, "\r\n");
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            csv_cell(r, r->cells[i][c], c == 0);
        }
        if (r->arms) {
            cli_arms_csv_cells(r->experiments, r->n_experiments, r->keys, r->n_keys, r->cells[i],
                               &r->out);
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

/* What holds arms against each other, where rows tell them apart. */
static struct mb_arms *arms_of(const struct report *r, const char *control)
{
    for (size_t i = 0; i < r->n_keys; i++) {
        if (r->keys[i] == MB_REPORT_ARM) {
            return mb_xarms_new(r->keys, r->n_keys,
                                control ? mb_slice_of(control) : MB_SLICE_NONE);
        }
    }
    return NULL;
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
    if (r->arms) {
        r->experiments = mb_arms_compare(r->arms, &r->n_experiments);
    }
    if (r->format == JSON) {
        mb_jsonw_array_end(&r->json);
        if (r->arms) {
            cli_arms_json(r->experiments, r->n_experiments, r->keys, r->n_keys, &r->json);
        }
        mb_jsonw_object_end(&r->json);
        mb_xbuf_add_char(&r->out, '\n');
    } else if (r->format == CSV) {
        print_csv(r);
    } else {
        print_text(r);
        print_notes(r);
        cli_arms_text(r->experiments, r->n_experiments, r->keys, r->n_keys, &r->out);
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
        report.arms = arms_of(&report, args->control);
        code = print_report(&report, &options);
    }
    mb_arms_free(report.arms);
    free(report.cells);
    mb_buf_fini(&report.out);
    mb_arena_fini(&report.arena);
    mb_config_free(config);
    return code;
}

const struct cli_command cli_report = {
    .name = "report",
    .summary = "bids, wins, spend, clicks, conversions and rates out of the ledger",
    .flags = " config data set by since until format control ",
    .help =
        "usage: moonbid report [--by KEYS] [--since T] [--until T] [--format text|csv|json]\n"
        "                      [--control ARM] [--data DIR] [--config FILE] [--set KEY=VALUE]\n"
        "\n"
        "Reads beside a running server. Most spend first; test events count nowhere.\n"
        "\n"
        "  --by KEYS     comma-separated: strategy (default), version, arm, day, hour, exchange,\n"
        "                endpoint, format, zone, site, country, creative, data, type, reason\n"
        "  --since T     24h, 7d, or an instant such as 2026-03-02 or 2026-03-02T09:00, by the\n"
        "  --until T     clocks of the config's timezone (Z at its end: UTC); default: all\n"
        "  --format F    text (default), csv, json: {\"rows\":[{...}]}, money as text and as an\n"
        "                integer: spend and spend_nanos, revenue and overrun likewise\n"
        "  --control ARM by arm: whom the others are held against; default: the arm of the name\n"
        "                control, else the first by name\n"
        "\n"
        "Days and hours are those of the config's timezone. Sums are exact; ratios have six\n"
        "digits, and - where there is nothing to divide by. Money is in house currency.\n"
        "\n"
        "  bids, nobids  what strategies said to impressions; --by reason tells no-bids apart.\n"
        "                Counted by the minute, here a minute later (at the server's end at once).\n"
        "                Zones, sites, countries and creatives beyond the busiest: (other)\n"
        "  win_rate      wins by bids; at ExoClick, which tells of no wins, billing notices by bids\n"
        "  impressions   told, or where nothing tells of them what booked by the thousand\n"
        "  ctr, cpa, roi clicks by impressions, spend by conversions, revenue by spend\n"
        "  average_bid   of all bids; average_paid of those that booked and told a price\n"
        "  ecpm          spend by thousand impressions\n"
        "  overrun       booked past limits, by the strategies' own days\n"
        "\n"
        "By arm (ctx.arm) it also shows what arms differ in, with intervals that hold for 95 % of\n"
        "experiments, and whether exposures fit the weights; docs/strategies.md says how to read it.\n"
        "\n"
        "exit:    0 printed, 2 usage, 3 environment\n"
        "example: moonbid report --by strategy,day --since 7d\n",
    .run = run,
};
