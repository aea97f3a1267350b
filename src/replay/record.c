/* record.c - what a line of a recording says, whoever wrote it: any JSON with these fields.
 */
#include "internal.h"

#include "moonbid/json.h"

static struct mb_slice text(struct mb_json_value object, const char *key)
{
    return mb_json_str(mb_json_get(object, mb_slice_of(key)));
}

static int64_t number(struct mb_json_value object, const char *key, int64_t fallback)
{
    return mb_json_i64(mb_json_get(object, mb_slice_of(key)), fallback);
}

bool mb__read_hex(struct mb_slice digits, uint64_t *out)
{
    uint64_t value = 0;
    size_t i;

    for (i = 0; i < digits.len; i++) {
        char c = digits.data[i];
        int nibble = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (nibble < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)nibble;
    }
    *out = value;
    return digits.len > 0 && digits.len <= 16;
}

enum mb_nobid mb__nobid_of(struct mb_slice name)
{
    static const struct mb_slice names[] = {
        [MB_NOBID_BID] = {"bid", 3},
#define XX(id, text) [MB_NOBID_##id] = {text, sizeof(text) - 1},
        MB_NOBID_MAP(XX)
#undef XX
    };
    size_t reason = 0;

    while (reason < MB_NOBID_COUNT && !mb_slice_eq(name, names[reason])) {
        reason++;
    }
    return (enum mb_nobid)reason;
}

static void read_flags(struct mb_json_value list, struct mb_bidder_in *in)
{
    struct mb_json_value at;

    in->method = MB_BIDDER_POST;
    for (at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
        struct mb_slice flag = mb_json_str(at);

        if (mb_slice_is(flag, "get")) {
            in->method = MB_BIDDER_GET;
        }
        in->draining = in->draining || mb_slice_is(flag, "draining");
        in->overloaded = in->overloaded || mb_slice_is(flag, "overload");
        in->money_unknown = in->money_unknown || mb_slice_is(flag, "money_unknown");
    }
}

/* [kind, strategy, impression, key, value or text]; what a later version reads besides is left out.
 */
static bool read_note(struct mb_json_value list, struct mb_tape_note *out)
{
    struct mb_json_value at = mb_json_first(list);
    int64_t imp;

    *out = (struct mb_tape_note){.at.kind = mb_tape_kind_of(mb_json_str(at))};
    at = mb_json_next(list, at);
    out->at.strategy = mb_json_str(at);
    at = mb_json_next(list, at);
    imp = mb_json_i64(at, -1);
    out->at.imp = imp < 0 || imp >= MB_TAPE_NO_IMP ? MB_TAPE_NO_IMP : (uint16_t)imp;
    at = mb_json_next(list, at);
    out->at.key = mb_json_str(at);
    at = mb_json_next(list, at);
    if (mb_tape_is_verdict(out->at.kind)) {
        out->value = mb__nobid_of(mb_json_str(at));
    } else if (at.type == MB_JSON_STRING) {
        out->text = mb_json_str(at);
    } else {
        out->value = mb_json_i64(at, 0);
    }
    return out->at.kind != MB_TAPE_KINDS && at.type != MB_JSON_NONE &&
           !(mb_tape_is_verdict(out->at.kind) && out->value == MB_NOBID_COUNT);
}

static void read_notes(struct mb_json_value list, struct mb_arena *arena,
                       struct mb_replay_record *out)
{
    struct mb_json_value at;

    out->reads = mb_xarena_array(arena, mb_json_count(list) + 1, sizeof(*out->reads));
    for (at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
        out->n_reads += read_note(at, &out->reads[out->n_reads]);
    }
}

static void read_did(struct mb_json_value object, struct mb_replay_did *out)
{
    struct mb_slice no = text(object, "no");

    *out = (struct mb_replay_did){.strategy = text(object, "strategy"),
                                  .imp = (uint32_t)number(object, "imp", 0),
                                  .own = text(object, "own"),
                                  .model = mb_model_of(text(object, "model"))};
    out->outcome = mb_slice_present(out->own) ? MB_NOBID_SCRIPT
                   : mb_slice_present(no)     ? mb__nobid_of(no)
                                              : MB_NOBID_BID;
    out->has_bid = out->model != MB_MODEL_NONE;
    if (out->has_bid) {
        out->price.micros = number(object, "price", 0);
        out->ecpm.micros = number(object, "ecpm", out->price.micros);
        out->price_wire.micros = number(object, "wire", out->price.micros);
        out->format = mb_format_of(text(object, "format"));
        out->id = text(object, "id");
        out->deal = text(object, "deal");
        out->creative = text(object, "creative");
        out->arm = text(object, "arm");
        out->data = text(object, "data");
    }
}

static void read_dids(struct mb_json_value list, struct mb_arena *arena,
                      struct mb_replay_record *out)
{
    struct mb_json_value at;

    out->did = mb_xarena_array(arena, mb_json_count(list) + 1, sizeof(*out->did));
    for (at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
        read_did(at, &out->did[out->n_did++]);
    }
}

static int read_request(struct mb_json_value root, struct mb_arena *arena,
                        struct mb_replay_record *out, struct mb_error *err)
{
    struct mb_json_value body;

    out->in.now_ms = out->at_ms;
    if (!mb__read_hex(text(root, "seed"), &out->in.seed)) {
        return mb_fail(err, MB_EINVAL, "seed", "expected up to 16 hexadecimal digits");
    }
    read_flags(mb_json_get(root, MB_SLICE("flags")), &out->in);
    out->in.path = text(root, "path");
    out->in.query = text(root, "query");
    out->in.openrtb_version = text(root, "openrtb");
    body = mb_json_get(root, MB_SLICE("body"));
    out->in.body = body.type == MB_JSON_OBJECT ? mb_json_text(body) : mb_json_str(body);
    out->outcome = mb__nobid_of(text(root, "outcome"));
    out->status = (int)number(root, "status", 0);
    out->scripts = text(root, "scripts");
    read_notes(mb_json_get(root, MB_SLICE("read")), arena, out);
    read_dids(mb_json_get(root, MB_SLICE("did")), arena, out);
    return mb_slice_present(out->in.path) ? 0 : mb_fail(err, MB_EINVAL, "path", "is missing");
}

static int read_outcome(struct mb_json_value root, struct mb_replay_record *out,
                        struct mb_error *err)
{
    out->event = mb_event_of(text(root, "event"));
    out->bid_at_ms = number(root, "bid_at", 0);
    out->bid = text(root, "bid");
    out->strategy = text(root, "strategy");
    out->format = text(root, "format");
    out->arm = text(root, "arm");
    out->model = mb_model_of(text(root, "model"));
    out->price.micros = number(root, "price", 0);
    out->paid.micros = number(root, "paid", -1);
    out->cost.nanos = number(root, "cost_nanos", -1);
    return out->event != MB_EVENT_NONE ? 0
                                       : mb_fail(err, MB_EINVAL, "event", "is none that is known");
}

int mb_replay_read_line(struct mb_slice line, struct mb_arena *arena, struct mb_replay_record *out,
                        struct mb_error *err)
{
    struct mb_json *doc;
    struct mb_json_value root;
    struct mb_slice type;
    int rc;

    if (mb__scan_line(line, arena, out)) {
        return 0;
    }
    doc = mb_xarena_alloc(arena, sizeof(*doc));
    memset(out, 0, sizeof(*out));
    if ((rc = mb_json_parse(doc, arena, line, err))) {
        return rc;
    }
    root = mb_json_root(doc);
    type = text(root, "type");
    out->at_ms = number(root, "at", 0);
    out->endpoint = text(root, "endpoint");
    if (mb_slice_is(type, "request")) {
        out->kind = MB_REPLAY_REQUEST;
        return read_request(root, arena, out, err);
    }
    if (mb_slice_is(type, "outcome")) {
        out->kind = MB_REPLAY_OUTCOME;
        return read_outcome(root, out, err);
    }
    out->kind = MB_REPLAY_SEGMENT;
    return mb_slice_is(type, "segment") ? 0
                                        : mb_fail(err, MB_EINVAL, "type", "is none that is known");
}
