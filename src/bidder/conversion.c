/* conversion.c - a landing page tells that a click was worth something.
 *
 *     GET /c/TOKEN?value=12.50&currency=EUR&id=order-7      TOKEN is what {click_token} gave it
 *
 * Without an id a bid converts once; with one, once per id. The value is kept as sent and in house currency.
 */
#include "internal.h"

enum { ID_MAX = 100 };

static bool read_value(struct mb_bidder *b, struct mb_pairs query, struct mb_event *e,
                       const char **wrong)
{
    struct mb_slice value = mb_pairs_get(query, MB_SLICE("value"));
    struct mb_slice currency = mb_pairs_get(query, MB_SLICE("currency"));
    struct mb_amount amount = {0};
    struct mb_rate rate = {1000000};

    if (mb_slice_present(value) && !mb_money_parse_amount(value, &amount)) {
        *wrong = "value: expected a decimal number such as 12.50";
        return false;
    }
    if (mb_slice_present(currency) && !mb_config_rate(b->options.config, currency, &rate)) {
        *wrong = "currency: the config has no rate for it";
        return false;
    }
    e->value = value;
    e->value_currency = currency;
    e->revenue = mb_money_amount_to_house(amount, rate);
    return true;
}

static void set_key(struct mb_bidder *b, struct mb_slice id, struct mb_event *e)
{
    if (id.len > ID_MAX) {
        id = mb_xarena_printf(&b->arena, "%.*s:%016llx", ID_MAX - 20, id.data,
                              (unsigned long long)mb_slice_hash(id));
    }
    e->key = mb_xarena_printf(&b->arena, "%012llx:%.*s:conversion:%.*s",
                              (unsigned long long)mb_event_key_ms(e), MB_SLICE_ARG(e->bid_id),
                              MB_SLICE_ARG(id));
}

void mb__bidder_conversion(struct mb_bidder *b, const struct mb_bidder_in *in,
                           struct mb_bidder_out *out)
{
    struct mb_slice token = mb_slice(in->path.data + 3, in->path.len - 3);
    struct mb_pairs query = mb_exchange_tokens(in->query, (struct mb_pairs){0}, &b->arena);
    struct mb_event *e = mb_xarena_alloc(&b->arena, sizeof(*e));
    const struct mb_endpoint *endpoint;
    const char *wrong = NULL;
    struct mb_notice notice;

    out->kind = "conversion";
    if (mb_notice_verify(b->options.keys, MB_EVENT_CONVERSION, token, &b->arena, &notice) ||
        !(endpoint = mb__bidder_endpoint_of(b, &notice))) {
        b->totals->forged++;
        mb__bidder_refuse(b, out, 404, "no such click", -1);
        return;
    }
    if (mb__bidder_is_expired(b, &notice)) {
        mb__bidder_refuse(b, out, 404, "this conversion comes too late", -1);
        return;
    }
    mb__bidder_own_event(b, MB_EVENT_CONVERSION, &notice, endpoint, e);
    if (!read_value(b, query, e, &wrong)) {
        mb__bidder_refuse(b, out, 400, wrong, -1);
        return;
    }
    set_key(b, mb_pairs_get(query, MB_SLICE("id")), e);
    out->endpoint = mb_config_endpoint(b->options.config, notice.endpoint);
    out->status = 200;
    out->events = e;
    out->n_events = 1;
    b->totals->notices++;
}
