/* record.c - the fields of an event, and the event as one line of JSON.
 *
 * One table says how each field is recorded; docs/ledger.md is its other half, rows.c uses it for
 * the database. What is absent is not written. Money is an integer with its unit in the name, ids
 * are strings, and JSON from outside (raw, tags ...) stands as text in a string, so that a record
 * is whole whatever an exchange sent. Reading is strict, for only we write here: a wrong type is
 * damage. Unknown names are skipped, so that an older engine reads what a newer one has written.
 */
#include "internal.h"

#include "moonbid/json.h"

const struct mb__field mb__ledger_fields[] = {
#define AT(member) offsetof(struct mb_event, member)
/* clang-format off */
#define TEXT(member, column) {#member, MB__FIELD_TEXT, column, AT(member), 0, 0}
    /* clang-format on */
    {"type", MB__FIELD_TYPE, true, AT(type), 0, MB_EVENT_NONE},
    {"time_ms", MB__FIELD_I64, true, AT(time_ms), 0, 0},
    TEXT(key, true),
    TEXT(exchange, true),
    TEXT(endpoint, true),
    TEXT(strategy, true),
    TEXT(version, true),
    TEXT(arm, true),
    TEXT(data, false),
    TEXT(bid_id, true),
    {"bid_time_ms", MB__FIELD_I64, true, AT(bid_time_ms), 0, 0},
    {"boot_id", MB__FIELD_I64, false, AT(boot_id), 0, 0},
    {"boot_ms", MB__FIELD_I64, false, AT(boot_ms), 0, 0},
    TEXT(format, false),
    {"width", MB__FIELD_I32, false, AT(size.width), 0, 0},
    {"height", MB__FIELD_I32, false, AT(size.height), 0, 0},
    {"books", MB__FIELD_BOOL, true, AT(books), 0, 0},
    {"shown", MB__FIELD_BOOL, false, AT(shown), 0, 0},
    {"per_key", MB__FIELD_I64, false, AT(per_key), 0, 0},
    {"attributed", MB__FIELD_BOOL, true, AT(attributed), 0, 0},
    {"test", MB__FIELD_BOOL, true, AT(test), 0, 0},
    {"cost_nanos", MB__FIELD_I64, true, AT(cost.nanos), 0, 0},
    {"model", MB__FIELD_MODEL, true, AT(model), 0, MB_MODEL_NONE},
    TEXT(currency, true),
    {"price_bid_micros", MB__FIELD_MICROS, true, AT(price_bid.micros), AT(has_price_bid), 0},
    {"price_paid_micros", MB__FIELD_MICROS, true, AT(price_paid.micros), AT(has_price_paid), 0},
    {"price_sold_for_micros", MB__FIELD_MICROS, true, AT(price_sold_for.micros),
     AT(has_price_sold_for), 0},
    {"rate_millionths", MB__FIELD_I64, false, AT(rate_millionths), 0, 0},
    {"min_to_win_micros", MB__FIELD_MICROS, true, AT(min_to_win.micros), AT(has_min_to_win), 0},
    TEXT(exchange_time, true),
    TEXT(auction_id, true),
    TEXT(imp_id, true),
    TEXT(tag_id, true),
    TEXT(site_id, true),
    TEXT(zone_id, true),
    TEXT(country, true),
    {"fail", MB__FIELD_BOOL, false, AT(fail), 0, 0},
    {"post_pending", MB__FIELD_I8, false, AT(post_pending), 0, -1},
    {"loss_code", MB__FIELD_I32, true, AT(loss_code), 0, 0},
    {"error_id", MB__FIELD_I32, false, AT(error_id), 0, 0},
    {"response_time_ms", MB__FIELD_I32, false, AT(response_time_ms), 0, -1},
    TEXT(reason, true),
    TEXT(result, false),
    TEXT(error, false),
    TEXT(error_name, false),
    TEXT(payment_rule_id, false),
    TEXT(creative_id, true),
    TEXT(member_id, true),
    TEXT(user_id, true),
    TEXT(referrer, false),
    TEXT(user_agent, false),
    TEXT(userdata_json, false),
    TEXT(custom_data, false),
    TEXT(value, true),
    TEXT(value_currency, true),
    {"revenue_nanos", MB__FIELD_I64, true, AT(revenue.nanos), 0, 0},
    TEXT(tags, false),
    TEXT(responses, false),
    TEXT(bid_info, false),
    TEXT(full_tag_info, false),
    TEXT(raw, false),
#undef TEXT
#undef AT
};
const size_t mb__ledger_n_fields = sizeof mb__ledger_fields / sizeof mb__ledger_fields[0];

struct mb_slice mb__field_text(const struct mb_event *event, const struct mb__field *f)
{
    switch (f->kind) {
    case MB__FIELD_TYPE:
        return mb_slice_of(mb_event_name(event->type));
    case MB__FIELD_MODEL:
        return mb_slice_of(mb_model_name(event->model));
    default:
        return *(const struct mb_slice *)(const void *)((const char *)event + f->offset);
    }
}

int64_t mb__field_integer(const struct mb_event *event, const struct mb__field *f)
{
    const char *at = (const char *)event + f->offset;
    switch (f->kind) {
    case MB__FIELD_I32:
        return *(const int32_t *)(const void *)at;
    case MB__FIELD_I8:
        return *(const int8_t *)at;
    case MB__FIELD_BOOL:
        return *(const bool *)at;
    case MB__FIELD_TYPE:
        return event->type;
    case MB__FIELD_MODEL:
        return event->model;
    default:
        return *(const int64_t *)(const void *)at;
    }
}

bool mb__field_is_absent(const struct mb_event *event, const struct mb__field *f)
{
    if (f->kind == MB__FIELD_TEXT) {
        return !mb_slice_present(mb__field_text(event, f));
    }
    if (f->kind == MB__FIELD_MICROS) {
        return !*(const bool *)((const char *)event + f->has);
    }
    return mb__field_integer(event, f) == f->absent;
}

/* --- writing --- */

static void write_field(struct mb_json_writer *w, const struct mb_event *event,
                        const struct mb__field *f)
{
    mb_jsonw_key(w, f->name);
    switch (f->kind) {
    case MB__FIELD_TEXT:
    case MB__FIELD_TYPE:
    case MB__FIELD_MODEL:
        mb_jsonw_str(w, mb__field_text(event, f));
        break;
    case MB__FIELD_BOOL:
        mb_jsonw_bool(w, mb__field_integer(event, f));
        break;
    default:
        mb_jsonw_i64(w, mb__field_integer(event, f));
    }
}

void mb_xledger_write_event(const struct mb_event *event, struct mb_buf *out)
{
    struct mb_json_writer w;
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        if (!mb__field_is_absent(event, &mb__ledger_fields[i])) {
            write_field(&w, event, &mb__ledger_fields[i]);
        }
    }
    mb_jsonw_object_end(&w);
}

void mb__xledger_write_more(const struct mb_event *event, struct mb_buf *out)
{
    struct mb_json_writer w;
    bool any = false;
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        const struct mb__field *f = &mb__ledger_fields[i];
        if (f->column || mb__field_is_absent(event, f)) {
            continue;
        }
        if (!any) {
            mb_json_writer_init(&w, out);
            mb_jsonw_object(&w);
            any = true;
        }
        write_field(&w, event, f);
    }
    if (any) {
        mb_jsonw_object_end(&w);
    }
}

/* --- reading --- */

bool mb__field_set_text(struct mb_event *event, const struct mb__field *f, struct mb_slice text)
{
    switch (f->kind) {
    case MB__FIELD_TEXT:
        *(struct mb_slice *)(void *)((char *)event + f->offset) = text;
        return true;
    case MB__FIELD_TYPE:
        event->type = mb_event_of(text);
        return event->type != MB_EVENT_NONE;
    case MB__FIELD_MODEL:
        event->model = mb_model_of(text);
        return event->model != MB_MODEL_NONE;
    default:
        return false;
    }
}

bool mb__field_set_integer(struct mb_event *event, const struct mb__field *f, int64_t value)
{
    char *at = (char *)event + f->offset;
    switch (f->kind) {
    case MB__FIELD_I8:
        *(int8_t *)at = (int8_t)value;
        return value >= INT8_MIN && value <= INT8_MAX;
    case MB__FIELD_I32:
        *(int32_t *)(void *)at = (int32_t)value;
        return value >= INT32_MIN && value <= INT32_MAX;
    case MB__FIELD_BOOL:
        *(bool *)at = value != 0;
        return value == 0 || value == 1;
    case MB__FIELD_MICROS:
        *(bool *)((char *)event + f->has) = true;
        *(int64_t *)(void *)at = value;
        return true;
    case MB__FIELD_I64:
        *(int64_t *)(void *)at = value;
        return true;
    default:
        return false;
    }
}

static bool read_field(struct mb_json_value v, const struct mb__field *f, struct mb_event *event)
{
    int64_t n = 0;
    switch (f->kind) {
    case MB__FIELD_TEXT:
    case MB__FIELD_TYPE:
    case MB__FIELD_MODEL:
        return v.type == MB_JSON_STRING && mb__field_set_text(event, f, mb_json_str(v));
    case MB__FIELD_BOOL:
        return (v.type == MB_JSON_TRUE || v.type == MB_JSON_FALSE) &&
               mb__field_set_integer(event, f, v.type == MB_JSON_TRUE);
    default:
        return v.type == MB_JSON_NUMBER && mb_slice_to_i64(mb_json_text(v), &n) &&
               mb__field_set_integer(event, f, n);
    }
}

static const struct mb__field *find_field(struct mb_slice name)
{
    for (size_t i = 0; i < mb__ledger_n_fields; i++) {
        if (mb_slice_is(name, mb__ledger_fields[i].name)) {
            return &mb__ledger_fields[i];
        }
    }
    return NULL;
}

struct mb_event mb__ledger_no_event(void)
{
    return (struct mb_event){.post_pending = -1, .response_time_ms = -1};
}

int mb__ledger_read_fields(struct mb_slice json, struct mb_arena *arena, struct mb_event *event,
                           struct mb_error *err)
{
    struct mb_json doc;
    int rc = mb_json_parse(&doc, arena, json, err);
    if (rc) {
        return rc;
    }
    struct mb_json_value root = mb_json_root(&doc);
    if (root.type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_ESYNTAX, NULL, "an event is a JSON object");
    }
    for (struct mb_json_value v = mb_json_first(root); v.type != MB_JSON_NONE;
         v = mb_json_next(root, v)) {
        const struct mb__field *f = find_field(mb_json_key(v));
        if (f && !read_field(v, f, event)) {
            return mb_fail(err, MB_ESYNTAX, f->name,
                           "this field cannot have the value that it has");
        }
    }
    return 0;
}

int mb_ledger_read_event(struct mb_slice line, struct mb_arena *arena, struct mb_event *out,
                         struct mb_error *err)
{
    struct mb_event event = mb__ledger_no_event();
    int rc = mb__ledger_read_fields(line, arena, &event, err);
    if (rc) {
        return rc;
    }
    if (event.type == MB_EVENT_NONE) {
        return mb_fail(err, MB_ESYNTAX, "type", "an event has a type");
    }
    *out = event;
    return 0;
}
