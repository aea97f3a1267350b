/* pack.c - a record as it lies in the ring: numbers of eight bytes, texts with their length before
 * them.
 *
 * No more than copying: this runs on the loop's thread, right behind the answer. line.c reads it in
 * the same order.
 */
#include "internal.h"

#define ABSENT UINT32_MAX /* in place of a text's length */

enum {
    NUMBER_BYTES = 8,
    REQUEST_NUMBERS = 8, /* numbers and texts of a request beside its lists */
    REQUEST_TEXTS = 8,
    READ_NUMBERS = 3,
    READ_TEXTS = 3,
    DECISION_NUMBERS = 8,
    DECISION_TEXTS = 9,
    OUTCOME_NUMBERS = 10,
    OUTCOME_TEXTS = 6,
};

static char *put_number(char *to, uint64_t value)
{
    memcpy(to, &value, NUMBER_BYTES);
    return to + NUMBER_BYTES;
}

static char *put_slice(char *to, struct mb_slice text)
{
    to = put_number(to, mb_slice_present(text) ? text.len : ABSENT);
    if (text.len > 0) {
        memcpy(to, text.data, text.len);
    }
    return to + text.len;
}

uint64_t mb__unpack_number(struct mb__unpack *u)
{
    uint64_t value;

    memcpy(&value, u->at, NUMBER_BYTES);
    u->at += NUMBER_BYTES;
    return value;
}

struct mb_slice mb__unpack_slice(struct mb__unpack *u)
{
    uint64_t len = mb__unpack_number(u);
    struct mb_slice text = {u->at, (size_t)len};

    if (len == ABSENT) {
        return MB_SLICE_NONE;
    }
    u->at += len;
    return text;
}

/* --- a request --- */

static size_t decision_texts(const struct mb_decision *d)
{
    const struct mb_bid *bid = d->bid;
    size_t sum = d->strategy->name.len + d->own_reason.len;

    return bid ? sum + bid->id.len + bid->deal_id.len + bid->creative_id.len + bid->arm.len +
                     bid->data.len + bid->seat.len + bid->member_id.len
               : sum;
}

size_t mb__pack_request_max(const struct mb_bidder *bidder, const struct mb_bidder_in *in)
{
    size_t count, i, sum = (REQUEST_NUMBERS + REQUEST_TEXTS) * NUMBER_BYTES;
    const struct mb_decision *d = mb_bidder_decisions(bidder, &count);
    const struct mb_tape *tape = in->tape;

    sum +=
        in->path.len + in->query.len + in->body.len + in->remote_ip.len + in->openrtb_version.len;
    sum += 256; /* names of endpoint and version */
    for (i = 0; i < count; i++) {
        sum += (DECISION_NUMBERS + DECISION_TEXTS) * NUMBER_BYTES + decision_texts(&d[i]);
    }
    for (i = 0; i < tape->count; i++) {
        const struct mb_tape_note *note = &tape->notes[i];

        sum += (READ_NUMBERS + READ_TEXTS) * NUMBER_BYTES + note->at.strategy.len +
               note->at.key.len + note->text.len;
    }
    return sum;
}

static char *put_note(char *to, const struct mb_tape_note *note)
{
    to = put_number(to, note->at.kind);
    to = put_number(to, note->at.imp);
    to = put_number(to, (uint64_t)note->value);
    to = put_slice(to, note->at.strategy);
    to = put_slice(to, note->at.key);
    return put_slice(to, note->text);
}

static char *put_decision(char *to, const struct mb_decision *d)
{
    const struct mb_bid *bid = d->bid;

    to = put_number(to, d->imp->index);
    to = put_number(to, d->outcome);
    to = put_slice(to, d->strategy->name);
    to = put_slice(to, d->own_reason);
    to = put_number(to, bid != NULL);
    if (!bid) {
        return to;
    }
    to = put_number(to, bid->model);
    to = put_number(to, (uint64_t)bid->price.micros);
    to = put_number(to, (uint64_t)bid->ecpm.micros);
    to = put_number(to, (uint64_t)bid->price_wire.micros);
    to = put_number(to, d->imp->format);
    to = put_slice(to, bid->id);
    to = put_slice(to, bid->deal_id);
    to = put_slice(to, bid->creative_id);
    to = put_slice(to, bid->arm);
    to = put_slice(to, bid->data);
    to = put_slice(to, bid->seat);
    return put_slice(to, bid->member_id);
}

static uint64_t flags_of(const struct mb_bidder_in *in)
{
    return (uint64_t)((in->method == MB_BIDDER_GET) | in->draining << 1 | in->overloaded << 2 |
                      in->money_unknown << 3);
}

size_t mb__pack_request(const struct mb_bidder *bidder, const struct mb_bidder_in *in,
                        const struct mb_bidder_out *out, char *to)
{
    const struct mb_script *script = mb_bidder_script(bidder);
    const struct mb_tape *tape = in->tape;
    const struct mb_decision *d;
    size_t count, i;
    char *start = to;

    to = put_number(to, MB__RECORD_REQUEST);
    to = put_number(to, (uint64_t)in->now_ms);
    to = put_number(to, in->seed);
    to = put_number(to, flags_of(in));
    to = put_number(to, (uint64_t)out->outcome);
    to = put_number(to, (uint64_t)out->status);
    to = put_slice(to, out->endpoint->name);
    to = put_slice(to, in->path);
    to = put_slice(to, in->query);
    to = put_slice(to, in->openrtb_version);
    to = put_slice(to, in->remote_ip);
    to = put_slice(to, in->body);
    to = put_slice(to, script ? mb_script_version(script) : MB_SLICE_NONE);
    to = put_number(to, tape->count);
    for (i = 0; i < tape->count; i++) {
        to = put_note(to, &tape->notes[i]);
    }
    d = mb_bidder_decisions(bidder, &count);
    to = put_number(to, count);
    for (i = 0; i < count; i++) {
        to = put_decision(to, &d[i]);
    }
    return (size_t)(to - start);
}

/* --- an outcome --- */

size_t mb__pack_outcome_max(const struct mb_event *e)
{
    return (OUTCOME_NUMBERS + OUTCOME_TEXTS) * NUMBER_BYTES + e->bid_id.len + e->strategy.len +
           e->endpoint.len + e->format.len + e->arm.len;
}

size_t mb__pack_outcome(const struct mb_event *e, char *to)
{
    char *start = to;

    to = put_number(to, MB__RECORD_OUTCOME);
    to = put_number(to, e->type);
    to = put_number(to, (uint64_t)e->time_ms);
    to = put_number(to, (uint64_t)e->bid_time_ms);
    to = put_number(to, e->model);
    to = put_number(to, (uint64_t)e->price_bid.micros);
    to = put_number(to, e->has_price_paid ? (uint64_t)e->price_paid.micros : UINT64_MAX);
    to = put_number(to, e->books ? (uint64_t)e->cost.nanos : UINT64_MAX);
    to = put_slice(to, e->bid_id);
    to = put_slice(to, e->strategy);
    to = put_slice(to, e->endpoint);
    to = put_slice(to, e->format);
    to = put_slice(to, e->arm);
    return (size_t)(to - start);
}
