/* exoclick_answer.c - whether ExoClick would take an answer.
 *
 * One table says which fields an answer of each format may and must have, written down from the
 * exchange's own tables and not from the server's. JSON goes through cJSON, XML through xml.c;
 * behind them both are a flat list of fields, and the rules are the same.
 */
#include "internal.h"

#include "moonbid/json_doc.h"
#include "moonbid/net.h"

enum { BTYPE_CPM = 1, BTYPE_CPC = 2 };

static const struct {
    const char *must[4];
    const char *may[2];
    bool cpm, cpc;
} formats[MB__SIM_KINDS] = {
    [MB__SIM_BANNER] = {{"imgUrl", "clickUrl"}, {NULL}, true, false},
    [MB__SIM_POPUNDER] = {{"url"}, {NULL}, true, false},
    [MB__SIM_PUSH] = {{"iconUrl", "clickUrl", "title", "description"}, {"imptrackers"}, true, true},
    [MB__SIM_IN_PAGE_PUSH] = {{"imgUrl", "clickUrl"}, {"title", "description"}, true, true},
    [MB__SIM_DIRECT_LINK] = {{"url"}, {NULL}, true, true},
    [MB__SIM_EMAIL_CLICK] = {{"clickUrl"}, {NULL}, true, true},
};

static const char *const always[] = {"id", "value", "bUrl"};

/* --- JSON to fields --- */

static const char *read_member(const struct mb_doc *node, struct mb_slice raw,
                               struct mb__sim_field *field)
{
    if (mb_doc_is_number(node)) {
        struct mb_slice rest = raw;
        field->type = MB__SIM_NUMBER;
        mb_xbuf_add_slice(&field->text, mb__sim_raw_value(&rest, field->name));
        return NULL;
    }
    if (mb_doc_is_array(node)) {
        field->type = MB__SIM_TEXTS;
        if (mb_doc_count(node) != 1) {
            return "an array that has not one item";
        }
        node = mb_doc_at(node, 0);
    }
    if (!mb_doc_is_string(node)) {
        return "a field that is no text, number or list of a text";
    }
    mb_xbuf_add_text(&field->text, mb_doc_text(node));
    return NULL;
}

static const char *read_json(struct mb_slice body, struct mb__sim_fields *out)
{
    struct mb_doc *root = NULL, *bid;
    struct mb_error err;
    const char *why = NULL;

    if (mb_doc_parse(body, &root, &err)) {
        return "not JSON";
    }
    bid = mb_doc_get(root, "bid");
    if (mb_doc_count(root) != 1 || !mb_doc_is_object(bid)) {
        why = "the root is not {\"bid\":{...}}";
    }
    for (struct mb_doc *node = mb_doc_first(bid); node && !why; node = mb_doc_next(node)) {
        struct mb__sim_field *field = mb__sim_field_add(out, mb_slice_of(mb_doc_name(node)));
        why = field ? read_member(node, body, field)
                    : "a field twice, too many fields, or a name too long";
    }
    mb_doc_free(root);
    return why;
}

/* --- rules --- */

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

#define AMONG(name, names) is_among((name), (names), sizeof(names) / sizeof((names)[0]))

static struct mb_slice text_of(const struct mb__sim_fields *fields, const char *name)
{
    const struct mb__sim_field *field = mb__sim_field_get(fields, name);

    return field ? mb_buf_slice(&field->text) : MB_SLICE_NONE;
}

static const char *check_names(enum mb__sim_kind kind, const struct mb__sim_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const char *name = fields->items[i].name;
        if (!AMONG(name, formats[kind].must) && !AMONG(name, formats[kind].may) &&
            !AMONG(name, always) && strcmp(name, "btype") != 0) {
            return "a field that this format does not have";
        }
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (mb_slice_empty(text_of(fields, always[i]))) {
            return "id, value or bUrl is missing";
        }
    }
    for (size_t i = 0; i < 4 && formats[kind].must[i]; i++) {
        if (mb_slice_empty(text_of(fields, formats[kind].must[i]))) {
            return "a field that this format needs is missing";
        }
    }
    return NULL;
}

static const char *check_types(const struct mb__sim_fields *fields, bool is_xml)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct mb__sim_field *field = &fields->items[i];
        struct mb_slice text = mb_buf_slice(&field->text);
        bool number = strcmp(field->name, "value") == 0 || strcmp(field->name, "btype") == 0;
        bool list = strcmp(field->name, "imptrackers") == 0;
        bool url = list || mb_slice_ends(mb_slice_of(field->name), MB_SLICE("Url")) ||
                   strcmp(field->name, "url") == 0;
        if (!is_xml && (field->type == MB__SIM_NUMBER) != number) {
            return "a number where a text is due, or the other way round";
        }
        if (!is_xml && (field->type == MB__SIM_TEXTS) != list) {
            return "a list where a text is due, or the other way round";
        }
        if (url && !mb__sim_is_url(text)) {
            return "not a URL";
        }
    }
    return NULL;
}

static const char *check_money(enum mb__sim_kind kind, const struct mb__sim_fields *fields,
                               struct mb__sim_bid *bid)
{
    struct mb_slice btype = text_of(fields, "btype");
    bool cpc = mb_slice_is(btype, "2");

    if (mb_slice_present(btype) && !cpc && !mb_slice_is(btype, "1")) {
        return "btype is neither 1 nor 2";
    }
    if (cpc ? !formats[kind].cpc : !formats[kind].cpm) {
        return "a pricing model that this format does not have";
    }
    if (!mb__sim_read_price(text_of(fields, "value"), &bid->price)) {
        return "value is not a plain decimal above zero";
    }
    bid->model = cpc ? MB__SIM_CPC : kind == MB__SIM_EMAIL_CLICK ? MB__SIM_SMART_CPC : MB__SIM_CPM;
    return NULL;
}

static const char *check_bid(const struct mb__sim_request *request,
                             const struct mb__sim_fields *fields, struct mb__sim_bids *out)
{
    struct mb__sim_bid *bid = &out->items[0];
    const char *why = check_names(request->kind, fields);

    if (!why) {
        why = check_types(fields, request->wants_xml);
    }
    if (!why && !mb_slice_is(text_of(fields, "id"), request->id)) {
        why = "another id than the request's";
    }
    if (!why) {
        why = check_money(request->kind, fields, bid);
    }
    if (!why) {
        out->count = 1;
        mb_xbuf_add_slice(&bid->notice, mb__sim_path_of(text_of(fields, "bUrl")));
    }
    return why;
}

const char *mb__sim_exoclick_answer(const struct mb__sim_request *request,
                                    const struct mb_http_reply *reply, struct mb__sim_bids *out)
{
    struct mb__sim_fields fields = {0};
    const char *why;

    if (reply->status == 204) {
        return reply->body.len == 0 ? NULL : "204 with a body";
    }
    if (reply->status != 200) {
        return "a status that is neither 200 nor 204";
    }
    if (request->wants_xml) {
        bool typed = mb__sim_content_type_is(reply, "application/xml") ||
                     mb__sim_content_type_is(reply, "text/xml");
        why =
            typed ? mb__sim_xml_read(reply->body, "bid", &fields) : "XML asked, another type sent";
    } else {
        why = mb__sim_content_type_is(reply, "application/json") ? read_json(reply->body, &fields)
                                                                 : "JSON asked, another type sent";
    }
    if (!why) {
        why = check_bid(request, &fields, out);
    }
    mb__sim_fields_fini(&fields);
    return why;
}
