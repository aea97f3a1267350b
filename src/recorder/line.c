/* line.c - a record as one line of JSON; docs/replay.md has the fields.
 *
 * What says the usual is left out: a reader takes it as 0, false or empty.
 */
#include "internal.h"

#include <stdio.h>

#include "moonbid/json.h"

static void put_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    if (mb_slice_present(text)) {
        mb_jsonw_key(w, key);
        mb_jsonw_str(w, text);
    }
}

static void put_i64(struct mb_json_writer *w, const char *key, int64_t value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_i64(w, value);
}

/* --- a request --- */

/* A JSON object stands in the line as it came, byte for byte: nobody has to escape it, nor to read
 * it to find its end, since it comes last. What is anything else, or goes over several lines, is a
 * text. */
static void put_body(struct mb_json_writer *w, struct mb_slice body, bool is_json)
{
    if (is_json && body.data[0] == '{' && body.data[body.len - 1] == '}' &&
        !memchr(body.data, '\n', body.len)) {
        mb_jsonw_key(w, "body");
        mb_jsonw_raw(w, body);
    } else {
        put_text(w, "body", body);
    }
}

static void write_flags(struct mb_json_writer *w, uint64_t flags)
{
    static const char *const names[] = {"get", "draining", "overload", "money_unknown"};
    size_t i;

    if (flags == 0) {
        return;
    }
    mb_jsonw_key(w, "flags");
    mb_jsonw_array(w);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (flags >> i & 1) {
            mb_jsonw_str(w, mb_slice_of(names[i]));
        }
    }
    mb_jsonw_array_end(w);
}

/* [kind, strategy, impression, key, value or text] */
static void write_read(struct mb_json_writer *w, struct mb__unpack *u, struct mb__masker *masker)
{
    enum mb_tape_kind kind = (enum mb_tape_kind)mb__unpack_number(u);
    int64_t imp = (int64_t)mb__unpack_number(u), value = (int64_t)mb__unpack_number(u);
    struct mb_slice strategy = mb__unpack_slice(u), key = mb__unpack_slice(u),
                    text = mb__unpack_slice(u);

    mb_jsonw_array(w);
    mb_jsonw_str(w, mb_slice_of(mb_tape_kind_name(kind)));
    mb_jsonw_str(w, strategy);
    mb_jsonw_i64(w, imp == MB_TAPE_NO_IMP ? -1 : imp);
    mb_jsonw_str(w, mb__mask_text(masker, key));
    if (mb_slice_present(text)) {
        mb_jsonw_str(w, text);
    } else if (mb_tape_is_verdict(kind)) {
        mb_jsonw_str(w, mb_slice_of(mb_nobid_name((enum mb_nobid)value)));
    } else {
        mb_jsonw_i64(w, value);
    }
    mb_jsonw_array_end(w);
}

static void write_bid(struct mb_json_writer *w, struct mb__unpack *u, struct mb__masker *masker)
{
    enum mb_model model = (enum mb_model)mb__unpack_number(u);
    int64_t price = (int64_t)mb__unpack_number(u), ecpm = (int64_t)mb__unpack_number(u);
    int64_t wire = (int64_t)mb__unpack_number(u);
    enum mb_format format = (enum mb_format)mb__unpack_number(u);

    put_text(w, "model", mb_slice_of(mb_model_name(model)));
    put_i64(w, "price", price);
    if (ecpm != price) {
        put_i64(w, "ecpm", ecpm);
    }
    if (wire != price) {
        put_i64(w, "wire", wire);
    }
    put_text(w, "format", mb_slice_of(mb_format_name(format)));
    put_text(w, "id", mb__unpack_slice(u));
    put_text(w, "deal", mb__unpack_slice(u));
    put_text(w, "creative", mb__unpack_slice(u));
    put_text(w, "arm", mb__unpack_slice(u));
    put_text(w, "data", mb__mask_text(masker, mb__unpack_slice(u)));
    put_text(w, "seat", mb__unpack_slice(u));
    put_text(w, "member", mb__unpack_slice(u));
}

static void write_decision(struct mb_json_writer *w, struct mb__unpack *u,
                           struct mb__masker *masker)
{
    int64_t imp = (int64_t)mb__unpack_number(u);
    enum mb_nobid outcome = (enum mb_nobid)mb__unpack_number(u);
    struct mb_slice strategy = mb__unpack_slice(u), own = mb__unpack_slice(u);

    mb_jsonw_object(w);
    put_text(w, "strategy", strategy);
    if (imp > 0) {
        put_i64(w, "imp", imp);
    }
    if (outcome == MB_NOBID_SCRIPT) {
        put_text(w, "own", own);
    } else if (outcome != MB_NOBID_BID) {
        put_text(w, "no", mb_slice_of(mb_nobid_name(outcome)));
    }
    if (mb__unpack_number(u)) {
        write_bid(w, u, masker);
    }
    mb_jsonw_object_end(w);
}

static void write_list(struct mb_json_writer *w, const char *key, struct mb__unpack *u,
                       struct mb__masker *masker,
                       void (*write)(struct mb_json_writer *, struct mb__unpack *,
                                     struct mb__masker *))
{
    uint64_t count = mb__unpack_number(u);

    if (count == 0) {
        return;
    }
    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    for (; count > 0; count--) {
        write(w, u, masker);
    }
    mb_jsonw_array_end(w);
}

static void write_request(struct mb_json_writer *w, struct mb__unpack *u, struct mb__masker *masker)
{
    char seed[17];
    struct mb_slice path, query, version, ip, body;
    int64_t now_ms = (int64_t)mb__unpack_number(u);
    enum mb_nobid outcome;
    bool is_json;

    snprintf(seed, sizeof(seed), "%016llx", (unsigned long long)mb__unpack_number(u));
    put_text(w, "type", MB_SLICE("request"));
    put_i64(w, "at", now_ms);
    put_text(w, "seed", mb_slice_of(seed));
    write_flags(w, mb__unpack_number(u));
    outcome = (enum mb_nobid)mb__unpack_number(u);
    put_text(w, "outcome",
             outcome == MB_NOBID_BID ? MB_SLICE("bid") : mb_slice_of(mb_nobid_name(outcome)));
    put_i64(w, "status", (int64_t)mb__unpack_number(u));
    put_text(w, "endpoint", mb__unpack_slice(u));
    path = mb__unpack_slice(u);
    query = mb__unpack_slice(u);
    version = mb__unpack_slice(u);
    ip = mb__unpack_slice(u);
    body = mb__mask_body(masker, mb__unpack_slice(u), &is_json);
    put_text(w, "path", path);
    put_text(w, "query", mb__mask_query(masker, query));
    put_text(w, "openrtb", version);
    put_text(w, "peer", mb__mask_ip(masker, ip));
    put_text(w, "scripts", mb__unpack_slice(u));
    write_list(w, "read", u, masker, write_read);
    write_list(w, "did", u, masker, write_decision);
    put_body(w, body, is_json);
}

/* --- an outcome --- */

static void write_outcome(struct mb_json_writer *w, struct mb__unpack *u)
{
    enum mb_event_type type = (enum mb_event_type)mb__unpack_number(u);
    int64_t at = (int64_t)mb__unpack_number(u), bid_at = (int64_t)mb__unpack_number(u);
    enum mb_model model = (enum mb_model)mb__unpack_number(u);
    int64_t price = (int64_t)mb__unpack_number(u);
    uint64_t paid = mb__unpack_number(u), cost = mb__unpack_number(u);

    put_text(w, "type", MB_SLICE("outcome"));
    put_text(w, "event", mb_slice_of(mb_event_name(type)));
    put_i64(w, "at", at);
    put_i64(w, "bid_at", bid_at);
    put_text(w, "model", mb_slice_of(mb_model_name(model)));
    put_i64(w, "price", price);
    if (paid != UINT64_MAX) {
        put_i64(w, "paid", (int64_t)paid);
    }
    if (cost != UINT64_MAX) {
        put_i64(w, "cost_nanos", (int64_t)cost);
    }
    put_text(w, "bid", mb__unpack_slice(u));
    put_text(w, "strategy", mb__unpack_slice(u));
    put_text(w, "endpoint", mb__unpack_slice(u));
    put_text(w, "format", mb__unpack_slice(u));
    put_text(w, "arm", mb__unpack_slice(u));
}

/* --- lines --- */

void mb__line_of_record(struct mb_slice record, struct mb__masker *masker, struct mb_buf *out)
{
    struct mb__unpack u = {record.data};
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    if (mb__unpack_number(&u) == MB__RECORD_REQUEST) {
        mb__masker_reset(masker);
        write_request(&w, &u, masker);
    } else {
        write_outcome(&w, &u);
    }
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(out, '\n');
}

void mb__line_of_segment(uint32_t worker, int64_t now_ms,
                         const struct mb_recorder_settings *settings, struct mb_buf *out)
{
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    put_text(&w, "type", MB_SLICE("segment"));
    put_i64(&w, "format", 2);
    put_i64(&w, "at", now_ms);
    put_i64(&w, "worker", worker);
    put_text(&w, "ip", mb_slice_of(mb_recorder_mask_name(settings->ip)));
    put_text(&w, "ids", mb_slice_of(mb_recorder_mask_name(settings->ids)));
    mb_jsonw_object_end(&w);
    mb_xbuf_add_char(out, '\n');
}
