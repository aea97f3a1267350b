/* market.c - `moonbid market`: what bids were found to win, by price, out of the ledger's notes.
 */
#include "moonbid/market.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "moonbid/json.h"
#include "moonbid/ledger.h"

enum format { TEXT, CSV, JSON };

struct show {
    enum format format;
    struct mb_guard *guard;
    struct mb_buf out;
    struct mb_json_writer json;
};

/* For these parts the least price is shown. */
static const int parts[] = {10, 25, 50, 75, 90};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct show *show = user;

    if (mb_slice_starts(name, MB_SLICE("market:"))) {
        mb_guard_restore_state(show->guard, name, bytes, mb_time_now_ms());
    }
}

/* Of the curve itself, not of a wider one. */
static double price_for(const struct mb_market_curve *curve, double rate)
{
    for (size_t i = 0; i < curve->n_knots; i++) {
        if (curve->knots[i].rate >= rate) {
            return curve->knots[i].price;
        }
    }
    return -1;
}

static void text_curve(struct show *show, const struct mb_market_curve *curve)
{
    const struct mb_market_place *at = &curve->place;
    char size[24] = "-";

    if (at->size.width > 0) {
        snprintf(size, sizeof(size), "%ux%u", at->size.width, at->size.height);
    }
    mb_xbuf_printf(&show->out, "%-16.*s  %-12s  %-9s  %-20.*s  %-5s  %10.0f  %10.0f  %10.0f",
                   MB_SLICE_ARG(at->endpoint), mb_format_name(at->format),
                   curve->all_sizes ? "all" : size,
                   MB_SLICE_ARG(mb_slice_present(at->site) ? at->site : MB_SLICE("all")),
                   mb_model_name(at->model), curve->bids, curve->wins, curve->told);
    for (int i = 0; i < PARTS; i++) {
        double price = price_for(curve, parts[i] / 100.0);

        if (price < 0) {
            mb_xbuf_printf(&show->out, "  %9s", "-");
        } else {
            mb_xbuf_printf(&show->out, "  %9.4f", price);
        }
    }
    mb_xbuf_add_char(&show->out, '\n');
}

static void json_number(struct mb_json_writer *w, const char *key, double value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_f64(w, value);
}

static void json_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    mb_jsonw_key(w, key);
    if (mb_slice_present(text)) {
        mb_jsonw_str(w, text);
    } else {
        mb_jsonw_null(w);
    }
}

static void json_curve(struct mb_json_writer *w, const struct mb_market_curve *curve)
{
    const struct mb_market_place *at = &curve->place;
    char size[24] = "";

    if (at->size.width > 0) {
        snprintf(size, sizeof(size), "%ux%u", at->size.width, at->size.height);
    }
    mb_jsonw_object(w);
    json_text(w, "endpoint", at->endpoint);
    json_text(w, "format", mb_slice_of(mb_format_name(at->format)));
    json_text(w, "size", size[0] ? mb_slice_of(size) : MB_SLICE_NONE);
    json_text(w, "site", at->site);
    json_text(w, "model", mb_slice_of(mb_model_name(at->model)));
    json_number(w, "bids", curve->bids);
    json_number(w, "wins", curve->wins);
    json_number(w, "told", curve->told);
    mb_jsonw_key(w, "curve");
    mb_jsonw_array(w);
    for (size_t i = 0; i < curve->n_knots; i++) {
        mb_jsonw_object(w);
        json_number(w, "price", curve->knots[i].price);
        json_number(w, "win_rate", curve->knots[i].rate);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
    mb_jsonw_object_end(w);
}

/* A line for each point of the curve; one without a price where too little is known for any. */
static void csv_curve(struct show *show, const struct mb_market_curve *curve)
{
    const struct mb_market_place *at = &curve->place;
    char size[24] = "";

    if (at->size.width > 0) {
        snprintf(size, sizeof(size), "%ux%u", at->size.width, at->size.height);
    }
    for (size_t i = 0; i < curve->n_knots || i == 0; i++) {
        cli_csv_cell(&show->out, at->endpoint, true);
        cli_csv_cell(&show->out, mb_slice_of(mb_format_name(at->format)), false);
        cli_csv_cell(&show->out, mb_slice_of(size), false);
        cli_csv_cell(&show->out, at->site, false);
        cli_csv_cell(&show->out, mb_slice_of(mb_model_name(at->model)), false);
        mb_xbuf_printf(&show->out, ",%.3f,%.3f,%.3f", curve->bids, curve->wins, curve->told);
        if (i < curve->n_knots) {
            mb_xbuf_printf(&show->out, ",%.6f,%.6f\r\n", curve->knots[i].price, curve->knots[i].rate);
        } else {
            mb_xbuf_add_text(&show->out, ",,\r\n");
        }
    }
}

static void on_curve(void *user, const struct mb_market_curve *curve)
{
    struct show *show = user;

    if (show->format == JSON) {
        json_curve(&show->json, curve);
    } else if (show->format == CSV) {
        csv_curve(show, curve);
    } else {
        text_curve(show, curve);
    }
}

static void begin(struct show *show)
{
    if (show->format == JSON) {
        mb_json_writer_init(&show->json, &show->out);
        mb_jsonw_object(&show->json);
        mb_jsonw_key(&show->json, "curves");
        mb_jsonw_array(&show->json);
    } else if (show->format == CSV) {
        mb_xbuf_add_text(&show->out, "endpoint,format,size,site,model,bids,wins,told,price,win_rate\r\n");
    } else {
        mb_xbuf_printf(&show->out, "%-16s  %-12s  %-9s  %-20s  %-5s  %10s  %10s  %10s", "endpoint", "format",
                       "size", "site", "model", "bids", "wins", "told");
        for (int i = 0; i < PARTS; i++) {
            mb_xbuf_printf(&show->out, "  wins %2d %%", parts[i]);
        }
        mb_xbuf_add_char(&show->out, '\n');
    }
}

static int print(struct show *show)
{
    mb_market_refresh(show->guard, mb_time_now_ms());
    begin(show);
    mb_market_each(show->guard, on_curve, show);
    if (show->format == JSON) {
        mb_jsonw_array_end(&show->json);
        mb_jsonw_object_end(&show->json);
        mb_xbuf_add_char(&show->out, '\n');
    }
    fwrite(show->out.data, 1, show->out.len, stdout);
    return fflush(stdout) == 0 ? CLI_OK : cli_say(CLI_ENVIRONMENT, "the output could not be written");
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

static int run(const struct cli_args *args)
{
    static const struct mb_guard_options in_memory = {.counters_max = 64, .frequency_max = 64};
    struct show show = {0};
    struct mb_error err = {.at = -1};
    struct mb_config *config = NULL;
    int code = take_format(args->format, &show.format);

    if (code != CLI_OK || (code = cli_config(args, &config)) != CLI_OK) {
        return code;
    }
    if (mb_guard_open(&in_memory, &show.guard, &err) ||
        mb_ledger_each_state(config->data, on_state, &show, &err)) {
        code = cli_fail(&err);
    } else {
        code = print(&show);
    }
    mb_guard_close(show.guard);
    mb_buf_fini(&show.out);
    mb_config_free(config);
    return code;
}

const struct cli_command cli_market = {
    .name = "market",
    .summary = "what bids were found to win, by price: what ctx.win_rate tells strategies",
    .flags = " config data set format ",
    .help =
        "usage: moonbid market [--format text|csv|json] [--data DIR] [--config FILE] [--set KEY=VALUE]\n"
        "\n"
        "A row for each curve: of an endpoint, format and way of paying, of a size in it, of a site in\n"
        "that. Counts have faded to the present, half of them in 12 hours. Also beside a running\n"
        "server, which writes them down once a minute and at its end.\n"
        "\n"
        "  bids, wins  of which no more is known than that; told: bids for which the exchange told\n"
        "              the least price that would have won\n"
        "  wins 50 %   the least price known to win half of its bids, of this curve alone\n"
        "\n"
        "  --format F  text (default), csv: a line for each point of each curve,\n"
        "              json: {\"curves\":[{..., \"curve\":[{\"price\",\"win_rate\"}]}]}\n"
        "\n"
        "exit:    0 printed, 2 usage, 3 environment\n"
        "example: moonbid market --data var\n",
    .run = run,
};
