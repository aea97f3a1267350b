/* trace_json.c - the trace of a decision as one JSON document; its keys are in docs/strategies.md.
 */
#include <stdio.h>

#include "moonbid/json.h"
#include "moonbid/net.h"
#include "trace.h"

static void add_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    mb_jsonw_key(w, key);
    if (mb_slice_present(text)) {
        mb_jsonw_str(w, text);
    } else {
        mb_jsonw_null(w);
    }
}

static void add_count(struct mb_json_writer *w, const char *key, size_t count)
{
    mb_jsonw_key(w, key);
    mb_jsonw_u64(w, count);
}

static void add_flag(struct mb_json_writer *w, const char *key, bool value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_bool(w, value);
}

static void add_values(struct mb_json_writer *w, const char *key, struct mb_slices values)
{
    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    for (size_t i = 0; i < values.count && i < CLI_TRACE_WANTS_MAX; i++) {
        mb_jsonw_str(w, values.items[i]);
    }
    mb_jsonw_array_end(w);
}

static void add_miss(struct mb_json_writer *w, const struct mb_index_miss *miss)
{
    struct mb_slice hours = miss->hours;
    struct mb_slices wants = miss->set ? miss->set->values : (struct mb_slices){&hours, 1};

    mb_jsonw_object(w);
    add_text(w, "key", mb_slice_of(miss->key));
    add_text(w, "rule", miss->excluded ? MB_SLICE("exclude") : MB_SLICE("include"));
    add_values(w, "values", wants);
    add_count(w, "n_values", miss->set && miss->set->list ? miss->set->list->count : wants.count);
    add_values(w, "request", miss->has);
    mb_jsonw_object_end(w);
}

/* Money and instants as text, so that no digit is lost; the unit tells. */
static void add_number(struct mb_json_writer *w, const char *key, enum mb_trace_unit unit,
                       int64_t value)
{
    struct mb_buf text = {0};

    mb_trace_add_number(&text, unit, value);
    add_text(w, key, mb_buf_slice(&text));
    mb_buf_fini(&text);
}

static void add_limit(struct mb_json_writer *w, const struct mb_trace_limit *l)
{
    mb_jsonw_object(w);
    add_text(w, "name", mb_slice_of(l->name));
    add_text(w, "pool", l->pool);
    add_number(w, "limit", l->unit, l->limit);
    if (l->counted) {
        add_number(w, "spent", l->unit, l->spent);
        add_number(w, "held", l->unit, l->held);
        add_number(w, "left", l->unit, l->left);
    }
    add_flag(w, "stops", l->stops);
    mb_jsonw_object_end(w);
}

static void add_field(void *user, const char *name, struct mb_slice text)
{
    add_text(user, name, text);
}

static void add_decision(struct mb_json_writer *w, const struct mb_decision *d)
{
    mb_jsonw_object(w);
    add_text(w, "outcome", cli_decision_word(d));
    add_flag(w, "own_reason", d->outcome == MB_NOBID_SCRIPT);
    add_text(w, "problem", d->problem);
    mb_jsonw_key(w, "bid");
    if (d->bid) {
        mb_jsonw_object(w);
        mb_trace_bid_fields(d->bid, add_field, w);
        mb_jsonw_object_end(w);
    } else {
        mb_jsonw_null(w);
    }
    mb_jsonw_object_end(w);
}

static void add_line(struct mb_json_writer *w, const struct mb_trace_line *line)
{
    mb_jsonw_object(w);
    add_text(w, "level", mb_slice_of(mb_log_level_name(line->level)));
    add_text(w, "text", line->text);
    mb_jsonw_object_end(w);
}

static void add_call(struct mb_json_writer *w, const struct mb_trace *trace,
                     const struct mb_trace_step *step)
{
    size_t i;

    mb_jsonw_object(w);
    mb_jsonw_key(w, "cpu_us");
    mb_jsonw_f64(w, (double)step->cpu_ns / 1000);
    add_count(w, "lua_bytes", step->lua_bytes);
    mb_jsonw_key(w, "notes");
    mb_jsonw_object(w);
    for (i = 0; i < step->notes.count; i++) {
        mb_jsonw_key_slice(w, step->notes.items[i].name);
        mb_jsonw_str(w, step->notes.items[i].value);
    }
    mb_jsonw_object_end(w);
    mb_jsonw_key(w, "log");
    mb_jsonw_array(w);
    for (i = 0; i < step->n_lines; i++) {
        add_line(w, &trace->lines[step->first_line + i]);
    }
    mb_jsonw_array_end(w);
    add_text(w, "traceback", step->traceback);
    mb_jsonw_object_end(w);
}

static void add_step(struct mb_json_writer *w, const struct mb_trace *trace,
                     const struct mb_trace_step *step, const struct mb_decision *decisions)
{
    size_t i;

    mb_jsonw_object(w);
    add_text(w, "strategy", step->strategy->name);
    add_text(w, "imp", step->imp->id);
    add_text(w, "file", step->strategy->file);
    add_count(w, "line", (size_t)step->strategy->line);
    mb_jsonw_key(w, "decisions");
    mb_jsonw_array(w);
    for (i = 0; i < step->count; i++) {
        add_decision(w, &decisions[step->first + i]);
    }
    mb_jsonw_array_end(w);
    mb_jsonw_key(w, "target");
    mb_jsonw_array(w);
    for (i = 0; i < step->n_misses; i++) {
        add_miss(w, &step->misses[i]);
    }
    mb_jsonw_array_end(w);
    mb_jsonw_key(w, "limits");
    mb_jsonw_array(w);
    for (i = 0; i < step->n_limits; i++) {
        add_limit(w, &step->limits[i]);
    }
    mb_jsonw_array_end(w);
    mb_jsonw_key(w, "call");
    if (step->called) {
        add_call(w, trace, step);
    } else {
        mb_jsonw_null(w);
    }
    mb_jsonw_object_end(w);
}

static void add_ranking(struct mb_json_writer *w, const struct mb_trace *trace,
                        const struct mb_decision *decisions)
{
    mb_jsonw_key(w, "ranking");
    mb_jsonw_array(w);
    for (size_t i = 0; i < trace->n_ranks; i++) {
        const struct mb_trace_rank *rank = &trace->ranks[i];
        const struct mb_decision *d = &decisions[rank->decision];

        mb_jsonw_object(w);
        add_text(w, "strategy", d->strategy->name);
        add_text(w, "imp", d->imp->id);
        add_number(w, "ecpm", MB_TRACE_PRICE, d->bid->ecpm.micros);
        mb_jsonw_key(w, "priority");
        mb_jsonw_i64(w, d->strategy->priority);
        add_text(w, "result", mb_slice_of(mb_trace_lost_name(rank->lost)));
        add_text(w, "to", rank->to ? rank->to->strategy->name : MB_SLICE_NONE);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void add_tokens(struct mb_json_writer *w, const struct mb_trace *trace)
{
    mb_jsonw_key(w, "tokens");
    mb_jsonw_array(w);
    for (size_t i = 0; i < trace->n_tokens; i++) {
        const struct mb_trace_token *t = &trace->tokens[i];

        mb_jsonw_object(w);
        add_text(w, "strategy", t->bid->strategy->name);
        add_text(w, "imp", t->bid->imp->id);
        add_text(w, "name", t->name);
        add_text(w, "value", t->value);
        add_count(w, "times", t->times);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void add_answer(struct mb_json_writer *w, const struct mb_bidder_out *out)
{
    const struct mb_http_response response = {out->status, out->content_type, out->body,
                                              out->extra_headers, false};
    struct mb_buf bytes = {0};
    long end;

    mb_http_add_answer(&bytes, &response);
    end = mb_slice_find(mb_buf_slice(&bytes), MB_SLICE("\r\n\r\n")) + 4;
    mb_jsonw_key(w, "answer");
    mb_jsonw_object(w);
    mb_jsonw_key(w, "status");
    mb_jsonw_i64(w, out->status);
    add_text(w, "head", mb_slice(bytes.data, (size_t)end));
    add_text(w, "body", mb_slice(bytes.data + end, bytes.len - (size_t)end));
    mb_jsonw_object_end(w);
    mb_buf_fini(&bytes);
}

void cli_trace_json(struct mb_bidder *bidder, const struct mb_bidder_out *out)
{
    const struct mb_trace *trace = mb_bidder_trace(bidder);
    size_t count, i;
    const struct mb_decision *decisions = mb_bidder_decisions(bidder, &count);
    struct mb_buf text = {0};
    struct mb_json_writer w;

    mb_json_writer_init(&w, &text);
    mb_jsonw_object(&w);
    add_text(&w, "outcome",
             out->status >= 400             ? MB_SLICE("refused")
             : out->outcome == MB_NOBID_BID ? MB_SLICE("bid")
                                            : mb_slice_of(mb_nobid_name(out->outcome)));
    mb_jsonw_key(&w, "steps");
    mb_jsonw_array(&w);
    for (i = 0; i < trace->n_steps; i++) {
        add_step(&w, trace, &trace->steps[i], decisions);
    }
    mb_jsonw_array_end(&w);
    add_ranking(&w, trace, decisions);
    add_tokens(&w, trace);
    add_answer(&w, out);
    mb_jsonw_object_end(&w);
    fwrite(text.data, 1, text.len, stdout);
    putchar('\n');
    mb_buf_fini(&text);
}
