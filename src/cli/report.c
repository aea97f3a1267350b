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

/* A row as text: keys, figures, and those of shadows. */
struct row {
    struct mb_slice cells[MB_REPORT_COUNT + FIGURES + SHADOW_FIGURES];
    struct mb_report_shadow shadow;
    bool alive, has_shadow;
};

struct report {
    enum format format;
    enum mb_report_key keys[MB_REPORT_COUNT];
    size_t n_keys;
    struct mb_report_gaps gaps;
    struct mb_zone zone;
    struct mb_buf out;
    struct mb_json_writer json;
    struct mb_arena arena;
    struct row *rows;
    size_t n_rows, room, n_shadows;
    struct mb_arms *arms; /* NULL where the report is not by arm */
    const struct mb_experiment *experiments;
    size_t n_experiments;
};

/* --- JSON --- */

/* Money as text and, exactly, as an integer; a ratio is a number. `amount` of what is no money: NULL. */
static void json_figure(struct mb_json_writer *w, const char *name, struct mb_slice text,
                        const struct mb_amount *amount)
{
    char nanos[32];

    mb_jsonw_key(w, name);
    if (!mb_slice_present(text)) {
        mb_jsonw_null(w);
    } else if (amount) {
        mb_jsonw_str(w, text);
        snprintf(nanos, sizeof(nanos), "%s_nanos", name);
        mb_jsonw_key(w, nanos);
        mb_jsonw_i64(w, amount->nanos);
    } else {
        mb_jsonw_raw(w, text);
    }
}

static void json_keys(struct report *r, const struct mb_slice *keys)
{
    struct mb_json_writer *w = &r->json;

    for (size_t i = 0; i < r->n_keys; i++) {
        mb_jsonw_key(w, mb_report_key_name(r->keys[i]));
        if (mb_slice_present(keys[i])) {
            mb_jsonw_str(w, keys[i]);
        } else {
            mb_jsonw_null(w);
        }
    }
}

static void json_row(struct report *r, const struct mb_report_row *row)
{
    struct mb_json_writer *w = &r->json;

    mb_jsonw_object(w);
    json_keys(r, row->keys);
    for (int f = 0; f < FIGURES; f++) {
        struct mb_amount amount = figure_amount(row, (enum figure)f);

        json_figure(w, figure_name((enum figure)f),
                    figure_text(&r->gaps, row, (enum figure)f, &r->arena),
                    f >= SPEND && f <= OVERRUN ? &amount : NULL);
    }
    mb_jsonw_object_end(w);
}

static void json_shadow(struct report *r, const struct row *row)
{
    struct mb_json_writer *w = &r->json;

    mb_jsonw_object(w);
    json_keys(r, row->cells);
    for (int f = 0; f < SHADOW_FIGURES; f++) {
        struct mb_amount amount = shadow_figure_amount(&row->shadow, (enum shadow_figure)f);

        json_figure(w, shadow_figure_name((enum shadow_figure)f),
                    row->cells[r->n_keys + FIGURES + (size_t)f],
                    f >= SHADOW_SPEND && f <= SHADOW_EXPECTED_SPEND ? &amount : NULL);
    }
    mb_jsonw_object_end(w);
}

static void json_shadows(struct report *r)
{
    mb_jsonw_key(&r->json, "shadows");
    mb_jsonw_array(&r->json);
    for (size_t i = 0; i < r->n_rows; i++) {
        if (r->rows[i].has_shadow) {
            json_shadow(r, &r->rows[i]);
        }
    }
    mb_jsonw_array_end(&r->json);
}

/* --- all forms --- */

static void fill_cells(struct report *r, const struct mb_report_row *row, struct mb_slice *cells)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_keys; i++) {
        cells[n++] = mb_slice_present(row->keys[i]) ? mb_xarena_copy(&r->arena, row->keys[i])
                                                    : MB_SLICE_NONE;
    }
    for (int f = 0; f < FIGURES; f++) {
        cells[n++] = figure_text(&r->gaps, row, (enum figure)f, &r->arena);
    }
    for (int f = 0; f < SHADOW_FIGURES; f++) {
        cells[n++] = shadow_figure_text(&row->shadow, (enum shadow_figure)f, &r->arena);
    }
}

static void keep_row(struct report *r, const struct mb_report_row *row, bool has_shadow)
{
    struct row *kept;

    if (r->n_rows == r->room) {
        r->room = r->room ? 2 * r->room : ROWS_FIRST;
        r->rows = realloc(r->rows, r->room * sizeof(*r->rows));
        if (!r->rows) {
            abort();
        }
    }
    kept = &r->rows[r->n_rows++];
    *kept = (struct row){.shadow = row->shadow, .alive = row->alive, .has_shadow = has_shadow};
    fill_cells(r, row, kept->cells);
    r->n_shadows += has_shadow;
}

static void on_row(void *user, const struct mb_report_row *row)
{
    struct report *r = user;
    bool has_shadow = row->shadow.asked + row->shadow.wins + row->shadow.losses + row->shadow.unknown > 0;

    if (r->arms) {
        mb_xarms_take(r->arms, row);
    }
    if (r->format == JSON && row->alive) {
        json_row(r, row);
    }
    if (r->format != JSON || has_shadow) {
        keep_row(r, row, has_shadow);
    }
}

static struct mb_slice heading(const struct report *r, size_t column)
{
    size_t figure = column - r->n_keys;

    return mb_slice_of(column < r->n_keys ? mb_report_key_name(r->keys[column])
                       : figure < FIGURES ? figure_name((enum figure)figure)
                                          : shadow_figure_name((enum shadow_figure)(figure - FIGURES)));
}

/* One table: what shadows would have done stands behind what was done, under names that say so. */
static void print_csv(struct report *r)
{
    size_t n = r->n_keys + FIGURES + (r->n_shadows > 0 ? SHADOW_FIGURES : 0);

    for (size_t c = 0; c < n; c++) {
        cli_csv_cell(&r->out, c < r->n_keys + FIGURES ? heading(r, c)
                                            : mb_xarena_printf(&r->arena, "shadow_%.*s",
                                                               MB_SLICE_ARG(heading(r, c))),
                 c == 0);
    }
    if (r->arms) {
        cli_arms_csv_headings(&r->out);
    }
    mb_xbuf_add_text(&r->out, "\r\n");
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t c = 0; c < n; c++) {
            cli_csv_cell(&r->out, r->rows[i].cells[c], c == 0);
        }
        if (r->arms) {
            cli_arms_csv_cells(r->experiments, r->n_experiments, r->keys, r->n_keys, r->rows[i].cells,
                               &r->out);
        }
        mb_xbuf_add_text(&r->out, "\r\n");
    }
}

static bool is_shown(const struct row *row, bool shadows)
{
    return shadows ? row->has_shadow : row->alive;
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

/* The keys, then columns from `first` on. Only rows of live bids, or only those of shadows. */
static void text_table(struct report *r, size_t first, size_t n_figures, bool shadows)
{
    size_t n = r->n_keys + n_figures, columns[MB_REPORT_COUNT + FIGURES], widths[MB_REPORT_COUNT + FIGURES];

    for (size_t c = 0; c < n; c++) {
        columns[c] = c < r->n_keys ? c : first + c - r->n_keys;
        widths[c] = heading(r, columns[c]).len;
        for (size_t i = 0; i < r->n_rows; i++) {
            size_t len = is_shown(&r->rows[i], shadows) ? r->rows[i].cells[columns[c]].len : 0;

            widths[c] = len > widths[c] ? len : widths[c];
        }
    }
    for (size_t c = 0; c < n; c++) {
        text_cell(r, heading(r, columns[c]), widths[c], c < r->n_keys, c + 1 == n);
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        for (size_t c = 0; c < n && is_shown(&r->rows[i], shadows); c++) {
            text_cell(r, r->rows[i].cells[columns[c]], widths[c], c < r->n_keys, c + 1 == n);
        }
    }
}

static void print_text(struct report *r)
{
    text_table(r, r->n_keys, FIGURES, false);
    if (r->n_shadows > 0) {
        mb_xbuf_add_text(&r->out, "\n# shadows: what they would have bid, won and spent on the requests that "
                                  "they were shown,\n# and live_wins, live_spend of what was sent beside them\n");
        text_table(r, r->n_keys + FIGURES, SHADOW_FIGURES, true);
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
                           "endpoint, format, zone, site, country, creative, data, type, reason; "
                           "or market alone",
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
        if (!r->gaps.no_shadows) {
            json_shadows(r);
        }
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
    int code;

    if (args->by && strcmp(args->by, "market") == 0) {
        return args->since || args->until || args->control
                   ? cli_say(CLI_USAGE, "--by market shows what is remembered now: no --since, --until, --control")
                   : cli_market.run(args);
    }
    code = take_keys(&report, args->by ? args->by : "strategy");
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
    free(report.rows);
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
        "                endpoint, format, zone, site, country, creative, data, type, reason;\n"
        "                or market, alone: what prices were found to win, as `moonbid market` shows\n"
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
        "Below: what shadow strategies would have bid, won and spent, and what was won and spent\n"
        "beside them, where rows are by strategy, version, day, hour, exchange, endpoint or format\n"
        "(JSON: \"shadows\"; CSV: columns shadow_...).\n"
        "\n"
        "By arm (ctx.arm) it also shows what arms differ in, with intervals that hold for 95 % of\n"
        "experiments, and whether exposures fit the weights; docs/strategies.md says how to read it.\n"
        "\n"
        "exit:    0 printed, 2 usage, 3 environment\n"
        "example: moonbid report --by strategy,day --since 7d\n",
    .run = run,
};
