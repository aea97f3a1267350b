/* report.c - `moonbid report`: money and events out of the ledger, as a table for people or machines.
 */
#include "moonbid/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "moonbid/json.h"

enum { COLUMNS = 16, ROWS_FIRST = 64 };

/* One figure of a row. */
enum figure {
    WINS, LOSSES, BILLINGS, IMPRESSIONS, CLICKS, CONVERSIONS, SPEND, REVENUE,
    CTR, CPA, ROI, AVERAGE_BID, AVERAGE_PAID, ECPM, FIGURES
};

static const char *const figure_names[FIGURES] = {
    "wins", "losses", "billings", "impressions", "clicks", "conversions", "spend", "revenue",
    "ctr", "cpa", "roi", "average_bid", "average_paid", "ecpm"};

enum format { TEXT, CSV, JSON };

struct report {
    enum format format;
    enum mb_report_key keys[MB_REPORT_COUNT];
    size_t n_keys;
    struct mb_buf out;   /* CSV and JSON as they come */
    struct mb_json_writer json;
    struct mb_arena arena;
    struct mb_slice (*cells)[COLUMNS + MB_REPORT_COUNT]; /* TEXT: all rows, for the columns' widths */
    size_t n_rows, room;
};

/* --- figures --- */

static struct mb_slice copy(struct report *r, const struct mb_buf *text)
{
    return mb_xarena_copy(&r->arena, mb_buf_slice(text));
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : -1;
}

/* A ratio; below 0 where there is nothing to divide by. */
static double ratio_of(const struct mb_report_row *row, enum figure figure)
{
    double spend = (double)row->spend.nanos / 1e9, revenue = (double)row->revenue.nanos / 1e9;

    switch (figure) {
    case CTR:
        return share((double)row->clicks, (double)row->impressions);
    case CPA:
        return share(spend, (double)row->conversions);
    case ROI:
        return row->spend.nanos > 0 && row->conversions > 0 ? revenue / spend : -1;
    case AVERAGE_BID:
        return share((double)row->bid_sum / 1e6, (double)row->booked);
    case AVERAGE_PAID:
        return share((double)row->paid_sum / 1e6, (double)row->paid);
    case ECPM:
        return share(spend * 1000, (double)row->impressions);
    default:
        return -1;
    }
}

static uint64_t count_of(const struct mb_report_row *row, enum figure figure)
{
    const uint64_t counts[] = {row->wins,        row->losses, row->billings,
                               row->impressions, row->clicks, row->conversions};

    return counts[figure];
}

/* Counts and money exactly; ratios with six digits, absent where there are none. */
static struct mb_slice figure_text(struct report *r, const struct mb_report_row *row,
                                   enum figure figure)
{
    struct mb_buf text = {0};
    struct mb_slice out = MB_SLICE_NONE;

    if (figure <= CONVERSIONS) {
        mb_xbuf_add_u64(&text, count_of(row, figure));
    } else if (figure == SPEND || figure == REVENUE) {
        mb_xbuf_add_amount(&text, figure == SPEND ? row->spend : row->revenue);
    } else if (ratio_of(row, figure) >= 0) {
        mb_xbuf_printf(&text, "%.6g", ratio_of(row, figure));
    }
    if (text.len > 0) {
        out = copy(r, &text);
    }
    mb_buf_fini(&text);
    return out;
}

/* --- JSON --- */

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
        struct mb_slice text = figure_text(r, row, (enum figure)f);

        mb_jsonw_key(w, figure_names[f]);
        if (!mb_slice_present(text)) {
            mb_jsonw_null(w);
        } else if (f == SPEND || f == REVENUE) {
            mb_jsonw_str(w, text);
            mb_jsonw_key(w, f == SPEND ? "spend_nanos" : "revenue_nanos");
            mb_jsonw_i64(w, f == SPEND ? row->spend.nanos : row->revenue.nanos);
        } else {
            mb_jsonw_raw(w, text);
        }
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
    size_t n = r->n_keys + FIGURES, widths[COLUMNS + MB_REPORT_COUNT];

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
                           "endpoint, zone, site, country, creative, data, type, reason",
                           MB_SLICE_ARG(name));
        }
        r->keys[r->n_keys++] = key;
    }
    return CLI_OK;
}

/* An instant, or a duration back from now. */
static int take_since(const char *text, int64_t *out)
{
    struct mb_slice since = mb_slice_of(text);
    int64_t ms;

    if (!text) {
        return CLI_OK;
    }
    if (mb_time_parse_duration(since, &ms)) {
        *out = mb_time_now_ms() - ms;
        return CLI_OK;
    }
    return mb_time_parse_utc(since, out)
               ? CLI_OK
               : cli_say(CLI_USAGE, "--since: expected such as 24h, 7d or 2026-03-02T00:00, not '%s'",
                         text);
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
    }
    fwrite(r->out.data, 1, r->out.len, stdout);
    return fflush(stdout) == 0 ? CLI_OK : cli_say(CLI_ENVIRONMENT, "the output could not be written");
}

static int run(const struct cli_args *args)
{
    struct report report = {0};
    struct mb_report_options options = {0};
    struct mb_config *config = NULL;
    int code = take_keys(&report, args->by ? args->by : "strategy");

    if (code != CLI_OK || (code = take_since(args->since, &options.since_ms)) != CLI_OK ||
        (code = take_format(args->format, &report.format)) != CLI_OK ||
        (code = cli_config(args, &config)) != CLI_OK) {
        return code;
    }
    mb_arena_init(&report.arena, 64 * 1024);
    options.data_dir = config->data;
    options.keys = report.keys;
    options.n_keys = report.n_keys;
    code = print_report(&report, &options);
    free(report.cells);
    mb_buf_fini(&report.out);
    mb_arena_fini(&report.arena);
    mb_config_free(config);
    return code;
}

const struct cli_command cli_report = {
    .name = "report",
    .summary = "wins, spend, clicks, conversions and rates out of the ledger",
    .flags = " config data set by since format ",
    .help =
        "usage: moonbid report [--by KEYS] [--since T] [--format text|csv|json] [--data DIR]\n"
        "                      [--config FILE] [--set KEY=VALUE]\n"
        "\n"
        "Reads beside a running server. Most spend first; test events count nowhere.\n"
        "\n"
        "  --by KEYS     comma-separated: strategy (default), version, arm, day, hour, exchange,\n"
        "                endpoint, zone, site, country, creative, data, type, reason\n"
        "  --since T     24h, 7d, or an instant such as 2026-03-02T00:00 (UTC); default: all\n"
        "  --format F    text (default), csv, json: {\"rows\":[{...}]}, spend as text and as\n"
        "                spend_nanos, an integer\n"
        "\n"
        "spend and revenue are in house currency; ctr is clicks by impressions, cpa spend by\n"
        "conversions, roi revenue by spend, ecpm spend by thousand impressions; what booked by the\n"
        "thousand counts as an impression. Days and hours are UTC.\n"
        "\n"
        "exit:    0 printed, 2 usage, 3 environment\n"
        "example: moonbid report --by strategy,day --since 7d\n",
    .run = run,
};
