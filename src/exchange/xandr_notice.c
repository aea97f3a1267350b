/* xandr_notice.c - Xandr's notify, click, pixel and audit calls as events.
 *
 * A notify has an array of tags (what became of each auction) and an array of responses (what became of our
 * answer). They are not said to be parallel, so a response is joined to a tag only where no doubt is left: there
 * is one tag, and one response, or one with the tag's custom_notify_data. An event per tag; a notify without
 * tags is about a failed call as a whole and gives one error event.
 *
 * One official sample has blanks behind its keys ("user_id_64 "), so a key is looked for trimmed where it is not
 * there as it should be.
 */
#include "internal.h"

static struct mb_json_value get(struct mb_json_value object, const char *name)
{
    struct mb_slice key = mb_slice_of(name);
    struct mb_json_value found = mb_json_get(object, key);
    if (found.type != MB_JSON_NONE || object.type != MB_JSON_OBJECT) {
        return found;
    }
    for (struct mb_json_value v = mb_json_first(object); v.type != MB_JSON_NONE; v = mb_json_next(object, v)) {
        if (mb_slice_eq(mb_slice_trim(mb_json_key(v)), key)) {
            return v;
        }
    }
    return found;
}

static struct mb_slice text(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_str(get(object, key)));
}

static struct mb_slice id(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_id(get(object, key)));
}

/* As sent, blanks and all: it goes back to where it came from. */
static struct mb_slice custom_data(struct mb_json_value object)
{
    struct mb_slice data = mb_json_str(get(object, "custom_notify_data"));
    return mb_slice_empty(data) ? MB_SLICE_NONE : data;
}

/* An object as it stands. */
static struct mb_slice document(struct mb_json_value object, const char *key)
{
    struct mb_json_value value = get(object, key);
    return value.type == MB_JSON_OBJECT ? mb_json_text(value) : MB_SLICE_NONE;
}

/* A list as it stands; a lone object makes one. */
static struct mb_slice documents(struct mb_json_value object, const char *key, struct mb_arena *arena)
{
    struct mb_json_value value = get(object, key);
    if (value.type == MB_JSON_OBJECT) {
        return mb_xarena_printf(arena, "[%.*s]", MB_SLICE_ARG(mb_json_text(value)));
    }
    return value.type == MB_JSON_ARRAY ? mb_json_text(value) : MB_SLICE_NONE;
}

static int32_t small_integer(struct mb_json_value value, int32_t fallback)
{
    int64_t wide = mb_json_i64(value, fallback);
    return wide >= INT32_MIN && wide <= INT32_MAX ? (int32_t)wide : fallback;
}

static bool price(struct mb_json_value object, const char *key, struct mb_price *out)
{
    struct mb_price read = {0};
    if (!mb_json_price(get(object, key), &read) || read.micros < 0) {
        return false;
    }
    *out = read;
    return true;
}

/* --- notify --- */

static const struct {
    const char *wire;
    enum mb_event_type type;
} notify_types[] = {
    {"won", MB_EVENT_WIN},   {"lost", MB_EVENT_LOSS}, {"pending", MB_EVENT_PENDING}, {"kept", MB_EVENT_KEPT},
    {"sold", MB_EVENT_SOLD}, {"default", MB_EVENT_DEFAULT}, {"error", MB_EVENT_ERROR}, /* the last: 2009 */
};

/* A type that is not in the list is an event all the same, with its name as the reason. */
static void read_type(struct mb_slice wire, struct mb_event *event)
{
    for (size_t i = 0; i < sizeof notify_types / sizeof notify_types[0]; i++) {
        if (mb_slice_is(wire, notify_types[i].wire)) {
            event->type = notify_types[i].type;
            return;
        }
    }
    event->type = MB_EVENT_OTHER;
    event->reason = wire;
}

/* What tag, response and the call as a whole may each say about an error; the first to say it counts. */
static void read_error(struct mb_json_value from, struct mb_event *event)
{
    struct mb_json_value error_id = get(from, "error_id");
    if (event->error_id == 0 && mb_json_present(error_id)) {
        int32_t number = small_integer(error_id, -1);
        event->error_id = number > 0 ? number : 0;
        event->error_name = mb__xandr_error_name(number);
    }
    event->error = mb__exchange_either(event->error, text(from, "error"));
}

/* The response that belongs to the only tag, or none. */
static struct mb_json_value response_of(struct mb_json_value tag, struct mb_json_value responses)
{
    struct mb_slice data = custom_data(tag);
    struct mb_json_value first = mb_json_list_first(responses);
    if (mb_json_list_count(responses) <= 1) {
        return first;
    }
    for (struct mb_json_value v = first; v.type != MB_JSON_NONE; v = mb_json_list_next(responses, v)) {
        if (mb_slice_present(data) && mb_slice_eq(custom_data(v), data)) {
            return v;
        }
    }
    return (struct mb_json_value){0};
}

static void read_response(struct mb_json_value response, struct mb_event *event)
{
    event->result = text(response, "result");
    event->has_price_bid = price(response, "price_bid", &event->price_bid);
    event->custom_data = mb__exchange_either(event->custom_data, custom_data(response));
    read_error(response, event);
}

static void read_tag(struct mb_json_value tag, struct mb_event *event)
{
    bool post_pending;
    read_type(text(tag, "notify_type"), event);
    event->tag_id = id(tag, "id");
    event->auction_id = id(tag, "auction_id_64");
    event->imp_id = event->auction_id;
    event->post_pending = mb_json_truth(get(tag, "post_pending"), &post_pending) ? (int8_t)post_pending : -1;
    event->member_id = id(tag, "member_id");
    event->creative_id = id(tag, "creative_id");
    event->payment_rule_id = id(tag, "payment_rule_id");
    event->user_id = mb__exchange_either(id(tag, "user_id_64"), event->user_id);
    event->custom_data = custom_data(tag);
    event->has_price_paid = price(tag, "price_paid", &event->price_paid);
    event->has_price_sold_for = price(tag, "price_sold_for", &event->price_sold_for);
    event->full_tag_info = document(tag, "full_tag_info");
    event->site_id = id(get(tag, "full_tag_info"), "site_id");
    read_error(tag, event);
}

/* What both calls tell about the event itself. */
static struct mb_event start_event(const struct mb_wire_in *in, struct mb_json_value root)
{
    return (struct mb_event){
        .time_ms = in->now_ms,
        .exchange_time = text(root, "timestamp"),
        .exchange = mb_slice_of(mb_exchange_name(MB_EXCHANGE_XANDR)),
        .endpoint = in->endpoint->name,
        .currency = mb__xandr_currency(in->endpoint),
        .post_pending = -1,
        .response_time_ms = -1,
        .user_id = id(root, "user_id_64"),
        .raw = in->body,
    };
}

/* The part that all tags of a notify share. */
static struct mb_event start_notify(const struct mb_wire_in *in, struct mb_json_value root)
{
    struct mb_event event = start_event(in, root);
    struct mb_slice country = text(get(root, "bid_info"), "country");
    event.fail = mb_json_bool(get(root, "fail"), false);
    event.response_time_ms = small_integer(get(root, "response_time_ms"), -1);
    event.tags = documents(root, "tags", in->arena);
    event.responses = documents(root, "responses", in->arena);
    event.bid_info = document(root, "bid_info");
    event.country = country.len == 2 ? mb__exchange_upper(country, in->arena) : MB_SLICE_NONE;
    return event;
}

/* A tag is an object; what else stands in the list tells of nothing. */
static uint32_t count_tags(struct mb_json_value tags)
{
    uint32_t count = 0;
    for (struct mb_json_value tag = mb_json_list_first(tags); tag.type != MB_JSON_NONE;
         tag = mb_json_list_next(tags, tag)) {
        count += tag.type == MB_JSON_OBJECT;
    }
    return count;
}

static int decode_notify(const struct mb_wire_in *in, struct mb_json_value root, struct mb_event **out,
                         size_t *count, struct mb_error *err)
{
    struct mb_json_value tags = get(root, "tags");
    struct mb_json_value responses = get(root, "responses");
    struct mb_event common = start_notify(in, root);
    uint32_t n_tags = count_tags(tags);
    if (n_tags > MB_WIRE_EVENTS_MAX) {
        return mb_fail(err, MB_EPROTOCOL, "notify_request.tags", "%u tags, at most %d are taken", n_tags,
                       MB_WIRE_EVENTS_MAX);
    }
    if (n_tags == 0 && !common.fail && !mb_json_present(get(root, "error_id"))) {
        return mb_fail(err, MB_EPROTOCOL, "notify_request.tags", "a notify has a tag, or a failure to tell");
    }
    struct mb_event *events = mb_xarena_array(in->arena, n_tags + 1, sizeof *events);
    size_t n = 0;
    for (struct mb_json_value tag = mb_json_list_first(tags); tag.type != MB_JSON_NONE;
         tag = mb_json_list_next(tags, tag)) {
        if (tag.type != MB_JSON_OBJECT) {
            continue;
        }
        struct mb_event *event = &events[n++];
        *event = common;
        read_tag(tag, event);
        if (n_tags == 1) {
            read_response(response_of(tag, responses), event);
        }
        read_error(root, event);
    }
    if (n == 0) {
        events[n] = common;
        events[n].type = MB_EVENT_ERROR;
        read_error(root, &events[n++]);
    }
    *out = events;
    *count = n;
    return 0;
}

/* --- click --- */

static void decode_click(const struct mb_wire_in *in, struct mb_json_value root, struct mb_event **out,
                         size_t *count)
{
    struct mb_event *event = mb_xarena_alloc(in->arena, sizeof *event);
    *event = start_event(in, root);
    event->type = MB_EVENT_CLICK;
    event->auction_id = id(root, "auction_id_64");
    event->imp_id = event->auction_id;
    event->member_id = id(root, "member_id");
    event->referrer = text(root, "referer_url");
    event->user_agent = text(root, "user_agent");
    event->userdata_json = mb__exchange_embedded(get(root, "userdata_json"));
    event->custom_data = custom_data(root);
    event->test = mb_json_bool(get(root, "test"), false);
    *out = event;
    *count = 1;
}

/* --- pixel and audit: about no bid; recorded as what they are --- */

/* The page of the pixel call is not published; its names are those of 2009 and their later forms (assumed). */
static void decode_pixel(const struct mb_wire_in *in, struct mb_json_value root, struct mb_event *event)
{
    *event = start_event(in, root);
    event->type = MB_EVENT_OTHER;
    event->reason = MB_SLICE("pixel");
    event->user_id = mb__exchange_either(event->user_id, id(root, "user_id"));
    event->member_id = id(root, "member_id");
    event->tag_id = id(root, "pixel_id");
    event->user_agent = text(root, "user_agent");
    event->userdata_json =
        mb__exchange_either(mb__exchange_embedded(get(root, "userdata_json")), mb__exchange_embedded(get(root, "user_data")));
}

/* A creative's audit has changed; a flat document whose ids are strings. */
static void decode_audit(const struct mb_wire_in *in, struct mb_json_value root, struct mb_event *event)
{
    *event = start_event(in, root);
    event->type = MB_EVENT_OTHER;
    event->creative_id = id(root, "creative_id");
    event->reason = MB_SLICE("audit");
    event->result = text(root, "new_audit_status");
    event->error = text(root, "audit_feedback");
}

int mb__xandr_decode_notice(const struct mb_wire_in *in, enum mb_wire_path path, struct mb_event **out,
                            size_t *count, struct mb_error *err)
{
    const char *wrapper = path == MB_WIRE_CLICK   ? "click_request"
                          : path == MB_WIRE_PIXEL ? "pixel_request"
                          : path == MB_WIRE_AUDIT ? NULL
                                                  : "notify_request";
    struct mb_json *doc = NULL;
    if (in->is_get) {
        return mb_fail(err, MB_EPROTOCOL, wrapper ? wrapper : "", "a notice is POSTed");
    }
    int rc = mb__exchange_parse(in, &doc, err);
    if (rc < 0) {
        return rc;
    }
    struct mb_json_value root = wrapper ? get(mb_json_root(doc), wrapper) : mb_json_root(doc);
    if (root.type != MB_JSON_OBJECT && wrapper) {
        return mb_fail(err, MB_EPROTOCOL, wrapper, "the body is no {\"%s\":{...}}", wrapper);
    }
    if (!wrapper && !mb_slice_present(id(root, "creative_id"))) {
        return mb_fail(err, MB_EPROTOCOL, "creative_id", "an audit names a creative");
    }
    if (path == MB_WIRE_PIXEL || path == MB_WIRE_AUDIT) {
        *out = mb_xarena_alloc(in->arena, sizeof **out);
        *count = 1;
        (path == MB_WIRE_PIXEL ? decode_pixel : decode_audit)(in, root, *out);
    } else if (path == MB_WIRE_CLICK) {
        decode_click(in, root, out, count);
    } else {
        rc = decode_notify(in, root, out, count, err);
    }
    mb__exchange_count_slips(in, doc);
    return rc;
}
