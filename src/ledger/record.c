/* record.c - an event as one line of JSON, and back.
 *
 * One table says how each field of the event is recorded; docs/ledger.md is its other half. What is
 * absent is not written. Money is an integer with its unit in the name, ids are strings, and JSON
 * from outside (raw, tags ...) stands as text in a string, so that a line is whole whatever an
 * exchange sent. Reading is strict, for only we write here: a wrong type is damage. Unknown names
 * are skipped, so that an older engine reads what a newer one has written.
 */
#include "internal.h"

#include "moonbid/json.h"

enum kind { TEXT, I64, I32, I8, BOOL, MICROS, TYPE, MODEL };

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t has;     /* MICROS: offset of the bool that says whether there is one */
    int64_t absent; /* the value that means that there is none */
} fields[] = {
#define AT(member) offsetof(struct mb_event, member)
/* clang-format off */
#define TEXT_FIELD(member) {#member, TEXT, AT(member), 0, 0}
    /* clang-format on */
    {"type", TYPE, AT(type), 0, MB_EVENT_NONE},
    {"time_ms", I64, AT(time_ms), 0, 0},
    TEXT_FIELD(key),
    TEXT_FIELD(exchange),
    TEXT_FIELD(endpoint),
    TEXT_FIELD(strategy),
    TEXT_FIELD(version),
    TEXT_FIELD(arm),
    TEXT_FIELD(data),
    TEXT_FIELD(bid_id),
    {"bid_time_ms", I64, AT(bid_time_ms), 0, 0},
    {"books", BOOL, AT(books), 0, 0},
    {"shown", BOOL, AT(shown), 0, 0},
    {"per_key", I64, AT(per_key), 0, 0},
    {"attributed", BOOL, AT(attributed), 0, 0},
    {"test", BOOL, AT(test), 0, 0},
    {"cost_nanos", I64, AT(cost.nanos), 0, 0},
    {"model", MODEL, AT(model), 0, MB_MODEL_NONE},
    TEXT_FIELD(currency),
    {"price_bid_micros", MICROS, AT(price_bid.micros), AT(has_price_bid), 0},
    {"price_paid_micros", MICROS, AT(price_paid.micros), AT(has_price_paid), 0},
    {"price_sold_for_micros", MICROS, AT(price_sold_for.micros), AT(has_price_sold_for), 0},
    {"min_to_win_micros", MICROS, AT(min_to_win.micros), AT(has_min_to_win), 0},
    TEXT_FIELD(exchange_time),
    TEXT_FIELD(auction_id),
    TEXT_FIELD(imp_id),
    TEXT_FIELD(tag_id),
    TEXT_FIELD(site_id),
    TEXT_FIELD(zone_id),
    TEXT_FIELD(country),
    {"fail", BOOL, AT(fail), 0, 0},
    {"post_pending", I8, AT(post_pending), 0, -1},
    {"loss_code", I32, AT(loss_code), 0, 0},
    {"error_id", I32, AT(error_id), 0, 0},
    {"response_time_ms", I32, AT(response_time_ms), 0, -1},
    TEXT_FIELD(reason),
    TEXT_FIELD(result),
    TEXT_FIELD(error),
    TEXT_FIELD(error_name),
    TEXT_FIELD(payment_rule_id),
    TEXT_FIELD(creative_id),
    TEXT_FIELD(member_id),
    TEXT_FIELD(user_id),
    TEXT_FIELD(referrer),
    TEXT_FIELD(user_agent),
    TEXT_FIELD(userdata_json),
    TEXT_FIELD(custom_data),
    TEXT_FIELD(value),
    TEXT_FIELD(value_currency),
    {"revenue_nanos", I64, AT(revenue.nanos), 0, 0},
    TEXT_FIELD(tags),
    TEXT_FIELD(responses),
    TEXT_FIELD(bid_info),
    TEXT_FIELD(full_tag_info),
    TEXT_FIELD(raw),
#undef TEXT_FIELD
#undef AT
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

static struct mb_slice text_of(const struct mb_event *event, const struct field *f)
{
    return *(const struct mb_slice *)(const void *)((const char *)event + f->offset);
}

static int64_t integer_of(const struct mb_event *event, const struct field *f)
{
    const char *at = (const char *)event + f->offset;
    switch (f->kind) {
    case I32:
        return *(const int32_t *)(const void *)at;
    case I8:
        return *(const int8_t *)at;
    case BOOL:
        return *(const bool *)at;
    case TYPE:
        return event->type;
    case MODEL:
        return event->model;
    default:
        return *(const int64_t *)(const void *)at;
    }
}

static bool is_absent(const struct mb_event *event, const struct field *f)
{
    if (f->kind == TEXT) {
        return !mb_slice_present(text_of(event, f));
    }
    if (f->kind == MICROS) {
        return !*(const bool *)((const char *)event + f->has);
    }
    return integer_of(event, f) == f->absent;
}

void mb_xledger_write_event(const struct mb_event *event, struct mb_buf *out)
{
    struct mb_json_writer w;
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        if (is_absent(event, f)) {
            continue;
        }
        mb_jsonw_key(&w, f->name);
        switch (f->kind) {
        case TEXT:
            mb_jsonw_str(&w, text_of(event, f));
            break;
        case BOOL:
            mb_jsonw_bool(&w, integer_of(event, f));
            break;
        case TYPE:
            mb_jsonw_str(&w, mb_slice_of(mb_event_name(event->type)));
            break;
        case MODEL:
            mb_jsonw_str(&w, mb_slice_of(mb_model_name(event->model)));
            break;
        default:
            mb_jsonw_i64(&w, integer_of(event, f));
        }
    }
    mb_jsonw_object_end(&w);
}

/* --- reading --- */

static bool read_integer(struct mb_json_value v, int64_t least, int64_t most, int64_t *out)
{
    return v.type == MB_JSON_NUMBER && mb_slice_to_i64(mb_json_text(v), out) && *out >= least &&
           *out <= most;
}

static bool read_number_field(struct mb_json_value v, const struct field *f, struct mb_event *event)
{
    char *at = (char *)event + f->offset;
    int64_t n = 0;
    switch (f->kind) {
    case I8:
        if (!read_integer(v, INT8_MIN, INT8_MAX, &n)) {
            return false;
        }
        *(int8_t *)at = (int8_t)n;
        return true;
    case I32:
        if (!read_integer(v, INT32_MIN, INT32_MAX, &n)) {
            return false;
        }
        *(int32_t *)(void *)at = (int32_t)n;
        return true;
    default:
        if (!read_integer(v, INT64_MIN, INT64_MAX, &n)) {
            return false;
        }
        *(int64_t *)(void *)at = n;
        if (f->kind == MICROS) {
            *(bool *)((char *)event + f->has) = true;
        }
        return true;
    }
}

static bool read_field(struct mb_json_value v, const struct field *f, struct mb_event *event)
{
    char *at = (char *)event + f->offset;
    switch (f->kind) {
    case TEXT:
        *(struct mb_slice *)(void *)at = v.type == MB_JSON_STRING ? mb_json_str(v) : MB_SLICE_NONE;
        return mb_slice_present(*(struct mb_slice *)(void *)at);
    case BOOL:
        *(bool *)at = v.type == MB_JSON_TRUE;
        return v.type == MB_JSON_TRUE || v.type == MB_JSON_FALSE;
    case TYPE:
        event->type = v.type == MB_JSON_STRING ? mb_event_of(mb_json_str(v)) : MB_EVENT_NONE;
        return event->type != MB_EVENT_NONE;
    case MODEL:
        event->model = v.type == MB_JSON_STRING ? mb_model_of(mb_json_str(v)) : MB_MODEL_NONE;
        return event->model != MB_MODEL_NONE;
    default:
        return read_number_field(v, f, event);
    }
}

static const struct field *find_field(struct mb_slice name)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (mb_slice_is(name, fields[i].name)) {
            return &fields[i];
        }
    }
    return NULL;
}

int mb_ledger_read_event(struct mb_slice line, struct mb_arena *arena, struct mb_event *out,
                         struct mb_error *err)
{
    struct mb_event event = {.post_pending = -1, .response_time_ms = -1};
    struct mb_json doc;
    int rc = mb_json_parse(&doc, arena, mb_xarena_copy(arena, line), err);
    if (rc) {
        return rc;
    }
    struct mb_json_value root = mb_json_root(&doc);
    if (root.type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_ESYNTAX, NULL, "an event is a JSON object");
    }
    for (struct mb_json_value v = mb_json_first(root); v.type != MB_JSON_NONE;
         v = mb_json_next(root, v)) {
        const struct field *f = find_field(mb_json_key(v));
        if (f && !read_field(v, f, &event)) {
            return mb_fail(err, MB_ESYNTAX, f->name,
                           "this field cannot have the value that it has");
        }
    }
    if (event.type == MB_EVENT_NONE) {
        return mb_fail(err, MB_ESYNTAX, "type", "an event has a type");
    }
    *out = event;
    return 0;
}
