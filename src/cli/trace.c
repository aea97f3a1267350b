/* trace.c - the trace of a decision as a page: each strategy's word with what led to it below, then
 * the ranking, what tokens became, and the answer byte by byte.
 */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "moonbid/net.h"

/* --- the word, also without a trace --- */

struct mb_slice cli_decision_word(const struct mb_decision *d)
{
    return d->outcome == MB_NOBID_BID      ? MB_SLICE("bid")
           : d->outcome == MB_NOBID_SCRIPT ? d->own_reason
                                           : mb_slice_of(mb_nobid_name(d->outcome));
}

void cli_print_decision(const struct mb_decision *d)
{
    struct mb_buf price = {0};

    printf("%.*s  imp %.*s  %s%.*s", MB_SLICE_ARG(d->strategy->name), MB_SLICE_ARG(d->imp->id),
           d->outcome == MB_NOBID_BID ? "" : "no bid: ", MB_SLICE_ARG(cli_decision_word(d)));
    if (!mb_slice_empty(d->problem)) {
        printf(" (%.*s)", MB_SLICE_ARG(d->problem));
    }
    if (d->bid) {
        mb_xbuf_add_price(&price, d->bid->price);
        printf("  %s %.*s", mb_model_name(d->bid->model), MB_SLICE_ARG(mb_buf_slice(&price)));
    }
    putchar('\n');
    mb_buf_fini(&price);
}

/* --- the page --- */

enum colour { PLAIN, GOOD, BAD, FAINT };

static void paint(enum colour colour)
{
    static const char *const codes[] = {"\033[0m", "\033[1;32m", "\033[1;31m", "\033[2m"};
    const char *none = getenv("NO_COLOR");

    if (isatty(STDOUT_FILENO) && !(none && *none)) {
        fputs(codes[colour], stdout);
    }
}

/* A row begins with what it is of, once: rows of the same kind stay below. */
static void print_label(const char *label, bool first)
{
    paint(FAINT);
    printf("    %-9s ", first ? label : "");
    paint(PLAIN);
}

/* Requests come from outside: what would move the cursor is shown as a number. */
static void print_text(struct mb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        } else {
            putchar(c);
        }
    }
}

static void print_joined(struct mb_slices values)
{
    for (size_t i = 0; i < values.count && i < CLI_TRACE_WANTS_MAX; i++) {
        fputs(i ? ", " : "", stdout);
        print_text(values.items[i]);
    }
    if (values.count > CLI_TRACE_WANTS_MAX) {
        printf(", ... (%zu)", values.count);
    }
}

static void print_miss(const struct mb_index_miss *miss, bool first)
{
    print_label("target", first);
    printf("%-10s %s ", miss->key, miss->excluded ? "excludes" : "wants   ");
    if (!miss->set) {
        printf("%.*s", MB_SLICE_ARG(miss->hours));
    } else if (miss->set->list) {
        printf("a list of %u", (unsigned)miss->set->list->count);
    } else {
        print_joined(miss->set->values);
    }
    fputs(miss->set ? "; the request has " : "; it is ", stdout);
    if (miss->has.count == 0) {
        fputs("none", stdout);
    }
    print_joined(miss->has);
    putchar('\n');
}

/* "daily" or "acme-q1.daily" in one column, numbers behind it. */
static void print_limit(const struct mb_trace_limit *l, bool first)
{
    struct mb_buf row = {0};

    if (!mb_slice_empty(l->pool)) {
        mb_xbuf_printf(&row, "%.*s.", MB_SLICE_ARG(l->pool));
    }
    mb_xbuf_add_text(&row, l->name);
    print_label("limits", first);
    printf("%-16.*s ", MB_SLICE_ARG(mb_buf_slice(&row)));
    mb_buf_clear(&row);
    mb_trace_add_number(&row, l->unit, l->limit);
    if (l->counted) {
        mb_xbuf_add_text(&row, "  spent ");
        mb_trace_add_number(&row, l->unit, l->spent);
        mb_xbuf_add_text(&row, "  held ");
        mb_trace_add_number(&row, l->unit, l->held);
        mb_xbuf_add_text(&row, "  left ");
        mb_trace_add_number(&row, l->unit, l->left);
    }
    if (l->note) {
        mb_xbuf_printf(&row, "  (%s)", l->note);
    }
    printf("%.*s  ", MB_SLICE_ARG(mb_buf_slice(&row)));
    paint(l->stops ? BAD : PLAIN);
    puts(l->stops ? "stops it" : "ok");
    paint(PLAIN);
    mb_buf_fini(&row);
}

static void print_line(const struct mb_trace_line *line)
{
    printf("%s: ", mb_log_level_name(line->level));
    print_text(line->text);
    putchar('\n');
}

static void print_call(const struct mb_trace *trace, const struct mb_trace_step *step)
{
    size_t i;

    print_label("script", true);
    printf("%.3f ms of CPU, %zu bytes of Lua memory\n", (double)step->cpu_ns / 1e6,
           step->lua_bytes);
    for (i = 0; i < step->notes.count; i++) {
        print_label("notes", i == 0);
        print_text(step->notes.items[i].name);
        fputs(" = ", stdout);
        print_text(step->notes.items[i].value);
        putchar('\n');
    }
    for (i = 0; i < step->n_lines; i++) {
        print_label("log", i == 0);
        print_line(&trace->lines[step->first_line + i]);
    }
}

static void print_traceback(struct mb_slice rest)
{
    for (bool first = true; mb_slice_present(rest); first = false) {
        print_label("error", first);
        print_text(mb_slice_trim(mb_slice_cut(&rest, '\n')));
        putchar('\n');
    }
}

struct fields {
    const char *label;
    bool first;
};

static void print_field(void *user, const char *name, struct mb_slice text)
{
    struct fields *fields = user;

    print_label(fields->label, fields->first);
    printf("%-16s ", name);
    print_text(text);
    putchar('\n');
    fields->first = false;
}

static void print_step(const struct mb_trace *trace, const struct mb_trace_step *step,
                       const struct mb_decision *decisions)
{
    const struct mb_decision *d = &decisions[step->first];
    size_t i;

    for (i = 0; i < step->count; i++, d++) {
        struct fields fields = {"bid", true};

        paint(d->outcome == MB_NOBID_BID ? GOOD : PLAIN);
        cli_print_decision(d);
        paint(PLAIN);
        if (d->bid) {
            mb_trace_bid_fields(d->bid, print_field, &fields);
        }
    }
    for (i = 0; i < step->n_misses; i++) {
        print_miss(&step->misses[i], i == 0);
    }
    for (i = 0; i < step->n_limits; i++) {
        print_limit(&step->limits[i], i == 0);
    }
    if (step->called) {
        print_call(trace, step);
    }
    print_traceback(step->traceback);
}

static void print_heading(const char *text)
{
    paint(FAINT);
    printf("\n%s\n", text);
    paint(PLAIN);
}

/* "eCPM 0.4, below the 0.5 of de_push" */
static void print_lost(const struct mb_trace_rank *rank, const struct mb_bid *bid)
{
    struct mb_buf own = {0}, other = {0};

    if (rank->to) {
        mb_xbuf_add_price(&own, bid->ecpm);
        mb_xbuf_add_price(&other, rank->to->ecpm);
    }
    switch (rank->lost) {
    case MB_TRACE_NOT_LOST:
        fputs("goes out", stdout);
        break;
    case MB_TRACE_PRIORITY:
        printf("priority %d, below the %d of %.*s", (int)bid->strategy->priority,
               (int)rank->to->strategy->priority, MB_SLICE_ARG(rank->to->strategy->name));
        break;
    case MB_TRACE_ECPM:
        printf("eCPM %.*s, below the %.*s of %.*s", MB_SLICE_ARG(mb_buf_slice(&own)),
               MB_SLICE_ARG(mb_buf_slice(&other)), MB_SLICE_ARG(rank->to->strategy->name));
        break;
    case MB_TRACE_DRAW:
        printf("equal to %.*s, and lost the draw", MB_SLICE_ARG(rank->to->strategy->name));
        break;
    case MB_TRACE_FULL:
        fputs("the answer takes no more bids", stdout);
        break;
    case MB_TRACE_REFUSED:
        fputs("first in its place, then refused", stdout);
        break;
    }
    putchar('\n');
    mb_buf_fini(&own);
    mb_buf_fini(&other);
}

static void print_ranking(const struct mb_trace *trace, const struct mb_decision *decisions)
{
    for (size_t i = 0; i < trace->n_ranks; i++) {
        const struct mb_decision *d = &decisions[trace->ranks[i].decision];

        if (i == 0) {
            print_heading("ranking");
        }
        printf("    %2zu. %.*s  imp %.*s  ", i + 1, MB_SLICE_ARG(d->strategy->name),
               MB_SLICE_ARG(d->imp->id));
        print_lost(&trace->ranks[i], d->bid);
    }
}

/* And the lines that they logged, which belong to no step. */
static void print_tokens(const struct mb_trace *trace)
{
    size_t i, after = 0;

    for (i = 0; i < trace->n_steps; i++) {
        size_t end = trace->steps[i].first_line + trace->steps[i].n_lines;

        after = end > after ? end : after;
    }
    for (i = 0; i < trace->n_tokens; i++) {
        const struct mb_trace_token *t = &trace->tokens[i];

        if (i == 0) {
            print_heading("tokens");
        }
        printf("    %.*s  {%.*s} = %s", MB_SLICE_ARG(t->bid->strategy->name), MB_SLICE_ARG(t->name),
               mb_slice_empty(t->value) ? "(empty)" : "");
        print_text(t->value);
        putchar('\n');
    }
    for (i = after; i < trace->n_lines; i++) {
        fputs("    ", stdout);
        print_line(&trace->lines[i]);
    }
}

void cli_trace_text(struct mb_bidder *bidder, const struct mb_bidder_out *out)
{
    const struct mb_trace *trace = mb_bidder_trace(bidder);
    const struct mb_http_response response = {out->status, out->content_type, out->body,
                                              out->extra_headers, false};
    size_t count, i;
    const struct mb_decision *decisions = mb_bidder_decisions(bidder, &count);
    struct mb_buf answer = {0};

    for (i = 0; i < trace->n_steps; i++) {
        print_step(trace, &trace->steps[i], decisions);
    }
    if (trace->n_steps == 0) {
        puts(mb_bidder_request(bidder) ? "no strategy is enabled" : "the request was refused");
    }
    print_ranking(trace, decisions);
    print_tokens(trace);
    mb_http_add_answer(&answer, &response);
    print_heading("answer");
    fwrite(answer.data, 1, answer.len, stdout);
    putchar('\n');
    mb_buf_fini(&answer);
}
