/* xandr_click.c - the answer to a click call: {"click_response":{"userdata_js":..., "segment_actions":[...]}}, both
 * members optional (docs/exchanges/xandr.md). Segments are named by their number, or by a member's own code for them.
 */
#include "internal.h"

static struct mb_json_value get(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

static bool is_known(struct mb_json_value object, const char *const *names)
{
    for (struct mb_json_value v = mb_json_first(object); v.type != MB_JSON_NONE; v = mb_json_next(object, v)) {
        const char *const *name = names;
        while (*name && !mb_slice_is(mb_json_key(v), *name)) {
            name++;
        }
        if (!*name) {
            return false;
        }
    }
    return object.type == MB_JSON_OBJECT;
}

static bool is_number(struct mb_json_value value)
{
    return !mb_json_present(value) || mb__exchange_is_integer(mb_json_id(value));
}

static bool is_action(struct mb_json_value action)
{
    static const char *const members[] = {"action", "id", "code", "member_id", "expires_min", "value", NULL};
    struct mb_slice what = mb_json_str(get(action, "action"));
    struct mb_json_value id = get(action, "id"), code = get(action, "code");
    bool by_code = code.type == MB_JSON_STRING && !mb_slice_empty(mb_json_str(code));
    return is_known(action, members) && (mb_slice_is(what, "add") || mb_slice_is(what, "remove")) &&
           mb_json_present(id) != by_code && is_number(id) && is_number(get(action, "member_id")) &&
           is_number(get(action, "expires_min")) && is_number(get(action, "value"));
}

const char *mb__xandr_check_segments(struct mb_json_value list)
{
    if (list.type != MB_JSON_ARRAY) {
        return "segment_actions";
    }
    for (struct mb_json_value v = mb_json_first(list); v.type != MB_JSON_NONE; v = mb_json_next(list, v)) {
        if (!is_action(v)) {
            return "segment_actions";
        }
    }
    return NULL;
}

int mb__xandr_encode_click_answer(struct mb_slice returned, struct mb_arena *arena, struct mb_buf *out,
                                  struct mb_error *err)
{
    static const char *const members[] = {"userdata_js", "segment_actions", NULL};
    struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
    struct mb_json_writer w;
    int rc = mb_json_parse(doc, arena, returned, err);
    if (rc < 0) {
        return rc;
    }
    struct mb_json_value root = mb_json_root(doc), js = get(root, "userdata_js");
    struct mb_json_value segments = get(root, "segment_actions");
    if (!is_known(root, members)) {
        return mb_fail(err, MB_EPROTOCOL, "on_click", "a click_response has userdata_js and segment_actions only");
    }
    if (mb_json_present(js) && js.type != MB_JSON_STRING) {
        return mb_fail(err, MB_EPROTOCOL, "userdata_js", "expected a string");
    }
    if (mb_json_present(segments) && mb__xandr_check_segments(segments)) {
        return mb_fail(err, MB_EPROTOCOL, "segment_actions",
                       "expected { action = 'add' or 'remove', id = ... or code = ... }");
    }
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "click_response");
    mb_jsonw_raw(&w, returned);
    mb_jsonw_object_end(&w);
    return 0;
}
