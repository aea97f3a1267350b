/* scan.c - a line as our recorder writes it: fields in its order, no blanks, no escapes, the body
 * last and as it came.
 *
 * Such a line needs no tree. Each field is either the next thing in the text or not there, and the
 * body, which is most of it, is all that is left: nobody looks at it before the bidder does. What
 * does not fit is left to record.c, which takes any JSON; so this may give up anywhere.
 */
#include "internal.h"

enum { FIRST = 16 }; /* elements of a list that most have room in */

struct scan {
    const char *at, *end;
    bool failed;
};

/* Is that the next text? Then it is passed over. */
static inline bool takes(struct scan *s, struct mb_slice text)
{
    if ((size_t)(s->end - s->at) < text.len || memcmp(s->at, text.data, text.len) != 0) {
        return false;
    }
    s->at += text.len;
    return true;
}

static inline void need(struct scan *s, struct mb_slice text)
{
    if (!takes(s, text)) {
        s->failed = true;
    }
}

/* What is left of a string, and its closing quote. */
static struct mb_slice take_text(struct scan *s)
{
    const char *from = s->at, *at = from;

    while (at < s->end && *at != '"' && *at != '\\') {
        at++;
    }
    if (at == s->end || *at != '"') {
        s->failed = true;
        return MB_SLICE_NONE;
    }
    s->at = at + 1;
    return mb_slice(from, (size_t)(at - from));
}

/* The string behind `key`, or absent. */
static inline struct mb_slice text_of(struct scan *s, struct mb_slice key)
{
    return takes(s, key) ? take_text(s) : MB_SLICE_NONE;
}

static int64_t take_number(struct scan *s)
{
    bool negative = takes(s, MB_SLICE("-"));
    const char *from = s->at;
    int64_t value = 0;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from < 18) {
        value = value * 10 + (*s->at++ - '0');
    }
    /* Of more digits the next text is one, which nothing here expects. */
    s->failed = s->failed || s->at == from;
    return negative ? -value : value;
}

static inline int64_t number_of(struct scan *s, struct mb_slice key, int64_t fallback)
{
    return takes(s, key) ? take_number(s) : fallback;
}

/* Room for element `count` of a list of `size`. */
static void *grown(struct mb_arena *arena, void *list, size_t count, size_t *size, size_t element)
{
    void *more;

    if (count < *size) {
        return list;
    }
    *size = *size ? *size * 2 : FIRST;
    more = mb_xarena_alloc_raw(arena, *size * element);
    if (count > 0) {
        memcpy(more, list, count * element);
    }
    return more;
}

/* --- a request --- */

static void take_flags(struct scan *s, struct mb_bidder_in *in)
{
    in->method = MB_BIDDER_POST;
    if (!takes(s, MB_SLICE(",\"flags\":["))) {
        return;
    }
    do {
        if (takes(s, MB_SLICE("\"get\""))) {
            in->method = MB_BIDDER_GET;
        } else if (takes(s, MB_SLICE("\"draining\""))) {
            in->draining = true;
        } else if (takes(s, MB_SLICE("\"overload\""))) {
            in->overloaded = true;
        } else {
            need(s, MB_SLICE("\"money_unknown\""));
            in->money_unknown = true;
        }
    } while (takes(s, MB_SLICE(",")));
    need(s, MB_SLICE("]"));
}

/* ["kind","strategy",impression,"key",value] */
static void take_note(struct scan *s, struct mb_tape_note *out)
{
    int64_t imp;

    *out = (struct mb_tape_note){0};
    need(s, MB_SLICE("[\""));
    out->at.kind = mb_tape_kind_of(take_text(s));
    need(s, MB_SLICE(",\""));
    out->at.strategy = take_text(s);
    need(s, MB_SLICE(","));
    imp = take_number(s);
    out->at.imp = imp < 0 || imp >= MB_TAPE_NO_IMP ? MB_TAPE_NO_IMP : (uint16_t)imp;
    need(s, MB_SLICE(",\""));
    out->at.key = take_text(s);
    need(s, MB_SLICE(","));
    if (out->at.kind == MB_TAPE_KINDS) {
        s->failed = true; /* of a later version */
    } else if (mb_tape_is_verdict(out->at.kind)) {
        need(s, MB_SLICE("\""));
        out->value = mb__nobid_of(take_text(s));
        s->failed = s->failed || out->value == MB_NOBID_COUNT;
    } else if (takes(s, MB_SLICE("\""))) {
        out->text = take_text(s);
    } else {
        out->value = take_number(s);
    }
    need(s, MB_SLICE("]"));
}

static void take_notes(struct scan *s, struct mb_arena *arena, struct mb_replay_record *out)
{
    size_t size = 0;

    if (!takes(s, MB_SLICE(",\"read\":["))) {
        return;
    }
    do {
        out->reads = grown(arena, out->reads, out->n_reads, &size, sizeof(*out->reads));
        take_note(s, &out->reads[out->n_reads++]);
    } while (!s->failed && takes(s, MB_SLICE(",")));
    need(s, MB_SLICE("]"));
}

static void take_bid(struct scan *s, struct mb_replay_did *out)
{
    out->has_bid = true;
    out->model = mb_model_of(take_text(s));
    need(s, MB_SLICE(",\"price\":"));
    out->price.micros = take_number(s);
    out->ecpm.micros = number_of(s, MB_SLICE(",\"ecpm\":"), out->price.micros);
    out->price_wire.micros = number_of(s, MB_SLICE(",\"wire\":"), out->price.micros);
    out->format = mb_format_of(text_of(s, MB_SLICE(",\"format\":\"")));
    out->id = text_of(s, MB_SLICE(",\"id\":\""));
    out->deal = text_of(s, MB_SLICE(",\"deal\":\""));
    out->creative = text_of(s, MB_SLICE(",\"creative\":\""));
    out->arm = text_of(s, MB_SLICE(",\"arm\":\""));
    out->data = text_of(s, MB_SLICE(",\"data\":\""));
    (void)text_of(s, MB_SLICE(",\"seat\":\""));
    (void)text_of(s, MB_SLICE(",\"member\":\""));
    s->failed = s->failed || out->model == MB_MODEL_NONE;
}

static void take_did(struct scan *s, struct mb_replay_did *out)
{
    *out = (struct mb_replay_did){0};
    need(s, MB_SLICE("{\"strategy\":\""));
    out->strategy = take_text(s);
    out->imp = (uint32_t)number_of(s, MB_SLICE(",\"imp\":"), 0);
    if (takes(s, MB_SLICE(",\"own\":\""))) {
        out->own = take_text(s);
        out->outcome = MB_NOBID_SCRIPT;
    } else if (takes(s, MB_SLICE(",\"no\":\""))) {
        out->outcome = mb__nobid_of(take_text(s));
    }
    if (takes(s, MB_SLICE(",\"model\":\""))) {
        take_bid(s, out);
    }
    need(s, MB_SLICE("}"));
}

static void take_dids(struct scan *s, struct mb_arena *arena, struct mb_replay_record *out)
{
    size_t size = 0;

    if (!takes(s, MB_SLICE(",\"did\":["))) {
        return;
    }
    do {
        out->did = grown(arena, out->did, out->n_did, &size, sizeof(*out->did));
        take_did(s, &out->did[out->n_did++]);
    } while (!s->failed && takes(s, MB_SLICE(",")));
    need(s, MB_SLICE("]"));
}

/* All that is left but the brace that closes the line; or a text. */
static void take_body(struct scan *s, struct mb_replay_record *out)
{
    static const struct mb_slice key = {",\"body\":{", 9};
    const char *body = s->at + key.len - 1;

    if (!takes(s, key)) {
        out->in.body = text_of(s, MB_SLICE(",\"body\":\"")); /* of a GET: empty */
        need(s, MB_SLICE("}"));
    } else if (s->end - body < 3 || s->end[-1] != '}' || s->end[-2] != '}') {
        s->failed = true;
    } else {
        out->in.body = mb_slice(body, (size_t)(s->end - body) - 1);
        s->at = s->end;
    }
}

static void take_request(struct scan *s, struct mb_arena *arena, struct mb_replay_record *out)
{
    out->kind = MB_REPLAY_REQUEST;
    out->at_ms = take_number(s);
    out->in.now_ms = out->at_ms;
    need(s, MB_SLICE(",\"seed\":\""));
    s->failed = !mb__read_hex(take_text(s), &out->in.seed) || s->failed;
    take_flags(s, &out->in);
    need(s, MB_SLICE(",\"outcome\":\""));
    out->outcome = mb__nobid_of(take_text(s));
    need(s, MB_SLICE(",\"status\":"));
    out->status = (int)take_number(s);
    need(s, MB_SLICE(",\"endpoint\":\""));
    out->endpoint = take_text(s);
    need(s, MB_SLICE(",\"path\":\""));
    out->in.path = take_text(s);
    out->in.query = text_of(s, MB_SLICE(",\"query\":\""));
    out->in.openrtb_version = text_of(s, MB_SLICE(",\"openrtb\":\""));
    (void)text_of(s, MB_SLICE(",\"peer\":\""));
    out->scripts = text_of(s, MB_SLICE(",\"scripts\":\""));
    take_notes(s, arena, out);
    take_dids(s, arena, out);
    take_body(s, out);
}

/* --- an outcome --- */

static void take_outcome(struct scan *s, struct mb_replay_record *out)
{
    out->kind = MB_REPLAY_OUTCOME;
    out->event = mb_event_of(take_text(s));
    need(s, MB_SLICE(",\"at\":"));
    out->at_ms = take_number(s);
    need(s, MB_SLICE(",\"bid_at\":"));
    out->bid_at_ms = take_number(s);
    need(s, MB_SLICE(",\"model\":\""));
    out->model = mb_model_of(take_text(s));
    need(s, MB_SLICE(",\"price\":"));
    out->price.micros = take_number(s);
    out->paid.micros = number_of(s, MB_SLICE(",\"paid\":"), -1);
    out->cost.nanos = number_of(s, MB_SLICE(",\"cost_nanos\":"), -1);
    out->bid = text_of(s, MB_SLICE(",\"bid\":\""));
    out->strategy = text_of(s, MB_SLICE(",\"strategy\":\""));
    out->endpoint = text_of(s, MB_SLICE(",\"endpoint\":\""));
    out->format = text_of(s, MB_SLICE(",\"format\":\""));
    out->arm = text_of(s, MB_SLICE(",\"arm\":\""));
    need(s, MB_SLICE("}"));
    s->failed = s->failed || out->event == MB_EVENT_NONE;
}

bool mb__scan_line(struct mb_slice line, struct mb_arena *arena, struct mb_replay_record *out)
{
    struct scan s = {.at = line.data, .end = line.data + line.len};

    memset(out, 0, sizeof(*out));
    if (takes(&s, MB_SLICE("{\"type\":\"request\",\"at\":"))) {
        take_request(&s, arena, out);
    } else if (takes(&s, MB_SLICE("{\"type\":\"outcome\",\"event\":\""))) {
        take_outcome(&s, out);
    } else {
        return false;
    }
    return !s.failed && s.at == s.end;
}
