/* outcome.c - what a reload came to, as JSON for who asked.
 */
#include "internal.h"

#include "moonbid/json.h"

static void key_str(struct mb_json_writer *w, const char *key, struct mb_slice value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, value);
}

void mb__outcome_write_names(struct mb_json_writer *w, const char *key, const char *names)
{
    struct mb_slice rest = mb_slice_of(names);

    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    while (rest.len > 0) {
        mb_jsonw_str(w, mb_slice_cut(&rest, ','));
    }
    mb_jsonw_array_end(w);
}

static void write_problem(struct mb_json_writer *w, struct mb_slice place, bool warning,
                          struct mb_slice text)
{
    mb_jsonw_object(w);
    key_str(w, "at", place);
    key_str(w, "kind", warning ? MB_SLICE("warning") : MB_SLICE("error"));
    key_str(w, "text", text);
    mb_jsonw_object_end(w);
}

void mb__outcome_write(const struct mb__letter_head *head, const char *dir,
                       const struct mb_script_report *report, struct mb_buf *out)
{
    enum mb__reload_outcome outcome = (enum mb__reload_outcome)head->outcome;
    struct mb_buf place = {0};
    struct mb_json_writer w;
    size_t i;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    key_str(&w, "outcome", mb_slice_of(mb__reload_outcome_name(outcome)));
    key_str(&w, "version", mb_slice_of(head->version));
    mb_jsonw_key(&w, "strategies");
    mb_jsonw_u64(&w, head->n_strategies);
    if (outcome == MB__RELOAD_REFUSED) {
        mb_xbuf_printf(&place, "%s%s%s", head->where, head->where[0] ? ": " : "", head->error);
        key_str(&w, "error", mb_buf_slice(&place));
    }
    mb__outcome_write_names(&w, "config_changed", head->changed);
    mb__outcome_write_names(&w, "needs_restart", head->restart);
    mb_jsonw_key(&w, "problems");
    mb_jsonw_array(&w);
    if (outcome == MB__RELOAD_REFUSED && head->where[0]) { /* no script's */
        write_problem(&w, mb_slice_of(head->where), false, mb_slice_of(head->error));
    }
    for (i = 0; report && i < report->count; i++) {
        mb_buf_clear(&place);
        mb_process_add_place(dir, &report->problems[i], &place);
        write_problem(&w, mb_buf_slice(&place), report->problems[i].warning,
                      mb_slice_of(report->problems[i].text));
    }
    mb_jsonw_array_end(&w);
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(out, '\n');
    mb_buf_fini(&place);
}
