/* report.c - a comparison as text, CSV and JSON.
 */
#include "internal.h"

#include <inttypes.h>

#include "moonbid/json.h"

enum mb_replay_form mb_replay_form_of(struct mb_slice name)
{
    static const char *const names[] = {"text", "csv", "json", "html"};
    int form = 0;

    while (form < MB_REPLAY_FORMS && !mb_slice_is(name, names[form])) {
        form++;
    }
    return (enum mb_replay_form)form;
}

const char *mb__money_name(const struct mb_replay_money *money)
{
    return mb_slice_empty(money->strategy) ? "all" : money->strategy.data;
}

static double mean(double sum, uint64_t count)
{
    return count > 0 ? sum / (double)count : 0;
}

/* --- text --- */

static void add_interval(struct mb_buf *out, struct mb_replay_estimate e, int decimals)
{
    mb_xbuf_printf(out, "%.*f (%.*f to %.*f)", decimals, e.value, decimals, e.low, decimals,
                   e.high);
}

static void write_rows(const struct mb_replay_result *r, struct mb_buf *out)
{
    size_t i;

    for (i = 0; i < r->n_rows; i++) {
        const struct mb_replay_row *row = &r->rows[i];

        mb_xbuf_printf(out, "  %-24.*s %-14s %8" PRIu64, MB_SLICE_ARG(row->strategy),
                       mb_replay_change_name(row->change), row->count);
        if (row->price_before > 0 || row->price_after > 0) {
            mb_xbuf_printf(out, "  price %.4f -> %.4f", mean(row->price_before, row->count),
                           mean(row->price_after, row->count));
        }
        if (row->reason.len > 0) {
            mb_xbuf_printf(out, "  %s: %.*s", row->change == MB_REPLAY_NEW_BID ? "before" : "now",
                           MB_SLICE_ARG(row->reason));
        }
        mb_xbuf_add_char(out, '\n');
    }
}

static void write_text(const struct mb_replay_result *r, const struct mb_replay_titles *t,
                       struct mb_buf *out)
{
    size_t i;

    mb_xbuf_printf(out,
                   "%s against %s: %" PRIu64 " of %" PRIu64 " requests are decided otherwise\n",
                   t->after, t->before, r->differ, r->requests);
    write_rows(r, out);
    mb_xbuf_printf(
        out,
        "\nmoney of the recorded requests, %.*s; estimates with what holds in 19 of 20 cases\n",
        MB_SLICE_ARG(t->currency));
    for (i = 0; i < r->n_money; i++) {
        const struct mb_replay_money *m = &r->money[i];

        mb_xbuf_printf(out, "  %-24s bids %" PRIu64 " -> %" PRIu64 "  wins %" PRIu64 " -> ",
                       mb__money_name(m), m->bids_before, m->bids_after, m->wins_before);
        add_interval(out, m->wins_after, 0);
        mb_xbuf_printf(out, "  spend %.4f -> ", m->spend_before);
        add_interval(out, m->spend_after, 4);
        mb_xbuf_add_char(out, '\n');
    }
}

/* --- CSV: one table, a column says what a line is --- */

static void add_cell(struct mb_buf *out, struct mb_slice text)
{
    size_t i;

    mb_xbuf_add_char(out, '"');
    for (i = 0; i < text.len; i++) {
        if (text.data[i] == '"') {
            mb_xbuf_add_char(out, '"');
        }
        mb_xbuf_add_char(out, text.data[i]);
    }
    mb_xbuf_add_char(out, '"');
}

static void write_csv(const struct mb_replay_result *r, struct mb_buf *out)
{
    size_t i;

    mb_xbuf_add_text(
        out, "kind,strategy,change,reason,count,price_before,price_after,bids_before,bids_after,"
             "wins_before,"
             "wins_after,wins_low,wins_high,spend_before,spend_after,spend_low,spend_high\n");
    for (i = 0; i < r->n_rows; i++) {
        const struct mb_replay_row *row = &r->rows[i];

        mb_xbuf_add_text(out, "change,");
        add_cell(out, row->strategy);
        mb_xbuf_printf(out, ",%s,", mb_replay_change_name(row->change));
        add_cell(out, row->reason);
        mb_xbuf_printf(out, ",%" PRIu64 ",%.6f,%.6f,,,,,,,,,,\n", row->count,
                       mean(row->price_before, row->count), mean(row->price_after, row->count));
    }
    for (i = 0; i < r->n_money; i++) {
        const struct mb_replay_money *m = &r->money[i];

        mb_xbuf_add_text(out, "money,");
        add_cell(out, mb_slice_of(mb__money_name(m)));
        mb_xbuf_printf(
            out, ",,,,,,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.1f,%.1f,%.1f,%.6f,%.6f,%.6f,%.6f\n",
            m->bids_before, m->bids_after, m->wins_before, m->wins_after.value, m->wins_after.low,
            m->wins_after.high, m->spend_before, m->spend_after.value, m->spend_after.low,
            m->spend_after.high);
    }
}

/* --- JSON --- */

static void put_number(struct mb_json_writer *w, const char *key, double value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_f64(w, value);
}

static void put_count(struct mb_json_writer *w, const char *key, uint64_t value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_u64(w, value);
}

static void put_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, text);
}

static void put_estimate(struct mb_json_writer *w, const char *key, struct mb_replay_estimate e)
{
    mb_jsonw_key(w, key);
    mb_jsonw_object(w);
    put_number(w, "value", e.value);
    put_number(w, "low", e.low);
    put_number(w, "high", e.high);
    mb_jsonw_object_end(w);
}

static void put_rows(struct mb_json_writer *w, const struct mb_replay_result *r)
{
    size_t i;

    mb_jsonw_key(w, "changes");
    mb_jsonw_array(w);
    for (i = 0; i < r->n_rows; i++) {
        const struct mb_replay_row *row = &r->rows[i];

        mb_jsonw_object(w);
        put_text(w, "strategy", row->strategy);
        put_text(w, "change", mb_slice_of(mb_replay_change_name(row->change)));
        put_text(w, "reason", row->reason);
        put_count(w, "count", row->count);
        put_number(w, "price_before", mean(row->price_before, row->count));
        put_number(w, "price_after", mean(row->price_after, row->count));
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void put_money(struct mb_json_writer *w, const struct mb_replay_result *r)
{
    size_t i;

    mb_jsonw_key(w, "money");
    mb_jsonw_array(w);
    for (i = 0; i < r->n_money; i++) {
        const struct mb_replay_money *m = &r->money[i];

        mb_jsonw_object(w);
        put_text(w, "strategy", mb_slice_of(mb__money_name(m)));
        put_count(w, "bids_before", m->bids_before);
        put_count(w, "bids_after", m->bids_after);
        put_count(w, "wins_before", m->wins_before);
        put_estimate(w, "wins_after", m->wins_after);
        put_number(w, "spend_before", m->spend_before);
        put_estimate(w, "spend_after", m->spend_after);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void put_points(struct mb_json_writer *w, const struct mb_replay_result *r)
{
    size_t i;

    mb_jsonw_key(w, "curve");
    mb_jsonw_array(w);
    for (i = 0; i < r->n_points; i++) {
        mb_jsonw_object(w);
        put_text(w, "market", r->points[i].market);
        put_number(w, "price", r->points[i].price);
        put_number(w, "rate", r->points[i].rate);
        put_count(w, "bids", r->points[i].bids);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void write_json(const struct mb_replay_result *r, const struct mb_replay_titles *t,
                       struct mb_buf *out)
{
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    put_text(&w, "before", mb_slice_of(t->before));
    put_text(&w, "after", mb_slice_of(t->after));
    put_text(&w, "currency", t->currency);
    put_count(&w, "requests", r->requests);
    put_count(&w, "differ", r->differ);
    put_rows(&w, r);
    put_money(&w, r);
    put_points(&w, r);
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(out, '\n');
}

void mb_replay_write(const struct mb_replay_result *result, const struct mb_replay_titles *titles,
                     enum mb_replay_form form, struct mb_buf *out)
{
    switch (form) {
    case MB_REPLAY_CSV:
        write_csv(result, out);
        break;
    case MB_REPLAY_JSON:
        write_json(result, titles, out);
        break;
    case MB_REPLAY_HTML:
        mb__page_write(result, titles, out);
        break;
    default:
        write_text(result, titles, out);
    }
}
