/* values.c - fields of an answer, raw numbers, URLs, prices. */
#include "internal.h"

#include "moonbid/json.h"
#include "moonbid/net.h"

void mb__sim_fields_fini(struct mb__sim_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        mb_buf_fini(&fields->items[i].text);
    }
}

/* NULL where the name is there already, is too long, or there is no room. */
struct mb__sim_field *mb__sim_field_add(struct mb__sim_fields *fields, struct mb_slice name)
{
    struct mb__sim_field *field = &fields->items[fields->count];

    if (fields->count == MB__SIM_FIELDS_MAX || name.len >= sizeof(field->name)) {
        return NULL;
    }
    memcpy(field->name, name.data, name.len);
    field->name[name.len] = '\0';
    if (mb__sim_field_get(fields, field->name)) {
        return NULL;
    }
    fields->count++;
    return field;
}

const struct mb__sim_field *mb__sim_field_get(const struct mb__sim_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->items[i].name, name) == 0) {
            return &fields->items[i];
        }
    }
    return NULL;
}

static struct mb_slice from(struct mb_slice s, size_t at)
{
    return mb_slice(s.data + at, s.len - at);
}

struct mb_slice mb__sim_raw_value(struct mb_slice *rest, const char *key)
{
    size_t key_len = strlen(key);
    long at;

    while ((at = mb_slice_find(*rest, mb_slice(key, key_len))) >= 0) {
        bool quoted = at > 0 && rest->data[at - 1] == '"';
        struct mb_slice s = mb_slice_trim(from(*rest, (size_t)at + key_len));
        *rest = from(*rest, (size_t)at + key_len);
        if (!quoted || !mb_slice_starts(s, MB_SLICE("\""))) {
            continue;
        }
        s = mb_slice_trim(from(s, 1));
        if (mb_slice_starts(s, MB_SLICE(":"))) {
            size_t end = 0;
            s = mb_slice_trim(from(s, 1));
            while (end < s.len && !strchr(",}] \n\r\t", s.data[end])) {
                end++;
            }
            return mb_slice(s.data, end);
        }
    }
    return MB_SLICE_NONE;
}

/* The tokens that the exchange replaces itself: none of them may be left. */
static const char *const own_tokens[] = {"{site_id}", "{zone_id}", "{src_hostname}", "{url}",
                                         "{tags}",    "{keyword}", "{language}",     "{imp_id}"};

bool mb__sim_is_url(struct mb_slice text)
{
    bool known =
        mb_slice_starts(text, MB_SLICE("https://")) || mb_slice_starts(text, MB_SLICE("http://"));

    if (!known || text.len < sizeof("http://a")) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>') {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(own_tokens) / sizeof(own_tokens[0]); i++) {
        if (mb_slice_find(text, mb_slice_of(own_tokens[i])) >= 0) {
            return false;
        }
    }
    return true;
}

struct mb_slice mb__sim_path_of(struct mb_slice url)
{
    struct mb_slice rest = from(url, (size_t)mb_slice_find(url, MB_SLICE("//")) + 2);
    long path = mb_slice_find_char(rest, '/');

    return path < 0 ? MB_SLICE("/") : from(rest, (size_t)path);
}

bool mb__sim_read_price(struct mb_slice text, struct mb_price *out)
{
    size_t points = 0;

    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        points += text.data[i] == '.';
        if (!digit && text.data[i] != '.') {
            return false;
        }
    }
    return points <= 1 && mb_money_parse_price(text, out) && out->micros > 0;
}

void mb__sim_key_text(struct mb_json_writer *w, const char *key, const char *text)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, mb_slice_of(text));
}

void mb__sim_key_number(struct mb_json_writer *w, const char *key, uint64_t number)
{
    mb_jsonw_key(w, key);
    mb_jsonw_u64(w, number);
}

void mb__sim_key_bool(struct mb_json_writer *w, const char *key, bool value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_bool(w, value);
}

bool mb__sim_content_type_is(const struct mb_http_reply *reply, const char *type)
{
    struct mb_slice rest = reply->content_type;

    return mb_slice_present(rest) &&
           mb_slice_eq_nocase(mb_slice_trim(mb_slice_cut(&rest, ';')), mb_slice_of(type));
}

void mb__sim_request_fini(struct mb__sim_request *request)
{
    mb_buf_fini(&request->target);
    mb_buf_fini(&request->body);
}

void mb__sim_bids_fini(struct mb__sim_bids *bids)
{
    for (size_t i = 0; i < MB__SIM_BIDS_MAX; i++) { /* also what was read of a rejected answer */
        struct mb__sim_bid *bid = &bids->items[i];
        mb_buf_fini(&bid->notice);
        mb_buf_fini(&bid->win);
        mb_buf_fini(&bid->loss);
        mb_buf_fini(&bid->id);
        mb_buf_fini(&bid->seat);
        mb_buf_fini(&bid->ad_id);
    }
}
