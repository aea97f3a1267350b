/* page.c - a comparison as one HTML page: tables, bars of what is spent, and the win curves. No
 * script, no other file.
 */
#include "internal.h"

#include <inttypes.h>

enum {
    WIDTH = 640,
    LEFT = 170,
    BAR = 14,
    ROW = 44,
    CURVE_HEIGHT = 160,
    CURVE_WIDTH = 300,
    EDGE = 30
};

static const char head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>moonbid "
    "replay</title><style>"
    "body{font:14px/1.4 system-ui,sans-serif;margin:2em;max-width:60em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid "
    "#ddd;text-align:right}"
    "td:first-child,th:first-child,td.t,th.t{text-align:left}svg{display:block;margin:1em "
    "0}text{font-size:12px}"
    ".b{fill:#9ab}.a{fill:#27c}.w{stroke:#222;stroke-width:1.5}.c{fill:none;stroke:#27c;stroke-"
    "width:2}.x{stroke:#aaa}"
    "figure{display:inline-block;margin:0 1em 1em 0}</style></head><body>\n";

static void add_escaped(struct mb_buf *out, struct mb_slice text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '<':
            mb_xbuf_add_text(out, "&lt;");
            break;
        case '>':
            mb_xbuf_add_text(out, "&gt;");
            break;
        case '&':
            mb_xbuf_add_text(out, "&amp;");
            break;
        case '"':
            mb_xbuf_add_text(out, "&quot;");
            break;
        default:
            mb_xbuf_add_char(out, text.data[i]);
        }
    }
}

static void add_text_cell(struct mb_buf *out, struct mb_slice text)
{
    mb_xbuf_add_text(out, "<td class=\"t\">");
    add_escaped(out, text);
    mb_xbuf_add_text(out, "</td>");
}

static void write_changes(const struct mb_replay_result *r, struct mb_buf *out)
{
    size_t i;

    mb_xbuf_add_text(out, "<h2>What changes</h2><table><tr><th>strategy</th><th "
                          "class=\"t\">change</th><th>decisions</th>"
                          "<th>price before</th><th>after</th><th class=\"t\">reason</th></tr>\n");
    for (i = 0; i < r->n_rows; i++) {
        const struct mb_replay_row *row = &r->rows[i];
        double count = (double)row->count;

        mb_xbuf_add_text(out, "<tr>");
        add_text_cell(out, row->strategy);
        add_text_cell(out, mb_slice_of(mb_replay_change_name(row->change)));
        mb_xbuf_printf(out, "<td>%" PRIu64 "</td><td>%.4f</td><td>%.4f</td>", row->count,
                       row->price_before / count, row->price_after / count);
        add_text_cell(out, row->reason);
        mb_xbuf_add_text(out, "</tr>\n");
    }
    mb_xbuf_add_text(out, "</table>\n");
}

static void write_money(const struct mb_replay_result *r, struct mb_buf *out)
{
    size_t i;

    mb_xbuf_add_text(
        out, "<table><tr><th>strategy</th><th>bids</th><th>after</th><th>wins</th><th>after</th>"
             "<th>spend</th><th>after</th><th>in 19 of 20 cases</th></tr>\n");
    for (i = 0; i < r->n_money; i++) {
        const struct mb_replay_money *m = &r->money[i];

        mb_xbuf_add_text(out, "<tr>");
        add_text_cell(out, mb_slice_of(mb__money_name(m)));
        mb_xbuf_printf(out,
                       "<td>%" PRIu64 "</td><td>%" PRIu64 "</td><td>%" PRIu64
                       "</td><td>%.0f</td><td>%.4f</td><td>%.4f</td><td>%.4f to %.4f</td></tr>\n",
                       m->bids_before, m->bids_after, m->wins_before, m->wins_after.value,
                       m->spend_before, m->spend_after.value, m->spend_after.low,
                       m->spend_after.high);
    }
    mb_xbuf_add_text(out, "</table>\n");
}

/* Two bars a strategy; a line over the second is its interval. */
static void write_bars(const struct mb_replay_result *r, struct mb_buf *out)
{
    double most = 1e-9, scale;
    size_t i;

    for (i = 0; i < r->n_money; i++) {
        most = r->money[i].spend_before > most ? r->money[i].spend_before : most;
        most = r->money[i].spend_after.high > most ? r->money[i].spend_after.high : most;
    }
    scale = (WIDTH - LEFT - EDGE) / most;
    mb_xbuf_printf(
        out,
        "<svg width=\"%d\" height=\"%zu\" role=\"img\" aria-label=\"spend before and after\">\n",
        WIDTH, r->n_money * ROW);
    for (i = 0; i < r->n_money; i++) {
        const struct mb_replay_money *m = &r->money[i];
        size_t y = i * ROW + 4;

        mb_xbuf_printf(out, "<text x=\"0\" y=\"%zu\">", y + BAR + 4);
        add_escaped(out, mb_slice_of(mb__money_name(m)));
        mb_xbuf_printf(out,
                       "</text><rect class=\"b\" x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\"/>"
                       "<rect class=\"a\" x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\"/>"
                       "<line class=\"w\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%zu\" y2=\"%zu\"/>\n",
                       LEFT, y, m->spend_before * scale, BAR, LEFT, y + BAR + 2,
                       m->spend_after.value * scale, BAR, LEFT + m->spend_after.low * scale,
                       LEFT + m->spend_after.high * scale, y + BAR + 2 + BAR / 2,
                       y + BAR + 2 + BAR / 2);
    }
    mb_xbuf_add_text(out, "</svg>\n");
}

/* Points first .. last are a market's, by price. */
static void write_curve(const struct mb_replay_point *points, size_t count, struct mb_buf *out)
{
    double from = points[0].price,
           to = points[count - 1].price > from ? points[count - 1].price : from * 1.01;
    size_t i;

    mb_xbuf_add_text(out, "<figure><figcaption>");
    add_escaped(out, points[0].market);
    mb_xbuf_printf(out,
                   "</figcaption><svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"share "
                   "of wins by price\">"
                   "<line class=\"x\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><text x=\"%d\" "
                   "y=\"%d\">%.3f</text>"
                   "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.3f</text><text x=\"0\" "
                   "y=\"12\">100 %%</text>"
                   "<polyline class=\"c\" points=\"",
                   CURVE_WIDTH, CURVE_HEIGHT, EDGE, CURVE_WIDTH, CURVE_HEIGHT - EDGE,
                   CURVE_HEIGHT - EDGE, EDGE, CURVE_HEIGHT - 12, from, CURVE_WIDTH,
                   CURVE_HEIGHT - 12, to);
    for (i = 0; i < count; i++) {
        mb_xbuf_printf(out, "%.1f,%.1f ",
                       EDGE + (points[i].price - from) / (to - from) * (CURVE_WIDTH - EDGE),
                       (1 - points[i].rate) * (CURVE_HEIGHT - EDGE));
    }
    mb_xbuf_add_text(out, "\"/></svg></figure>\n");
}

static void write_curves(const struct mb_replay_result *r, struct mb_buf *out)
{
    size_t i, k;

    mb_xbuf_add_text(out, "<h2>How often a price won</h2>\n");
    for (i = 0; i < r->n_points; i = k) {
        for (k = i; k < r->n_points && mb_slice_eq(r->points[k].market, r->points[i].market); k++) {
        }
        write_curve(&r->points[i], k - i, out);
    }
}

void mb__page_write(const struct mb_replay_result *r, const struct mb_replay_titles *t,
                    struct mb_buf *out)
{
    mb_xbuf_add_text(out, head);
    mb_xbuf_add_text(out, "<h1>");
    add_escaped(out, mb_slice_of(t->after));
    mb_xbuf_add_text(out, " against ");
    add_escaped(out, mb_slice_of(t->before));
    mb_xbuf_printf(
        out, "</h1><p>%" PRIu64 " of %" PRIu64 " recorded requests are decided otherwise.</p>\n",
        r->differ, r->requests);
    write_changes(r, out);
    mb_xbuf_add_text(out, "<h2>Money, ");
    add_escaped(out, t->currency);
    mb_xbuf_add_text(out, "</h2>\n");
    write_money(r, out);
    write_bars(r, out);
    write_curves(r, out);
    mb_xbuf_add_text(out, "</body></html>\n");
}
