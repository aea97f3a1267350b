/* notice.c - notices to events: our own URLs, and what an exchange tells by a call of its protocol.
 *
 * Only a token whose signature holds names a bid, so only such an event may book money, and never more than the bid's price.
 * What no token names is recorded as unattributed: it books nothing and nobody hears of it.
 *
 * The key makes an event distinct. It begins with an instant that a repeat has too, because the ledger stays fast only where
 * new keys come behind old ones. Then, with a token: bid id and type (a click also its time: two clicks on one ad are two).
 * Without: all that was told of it. The auction is never the key alone, because Xandr's ids come again after an hour: the time
 * goes with it. The bid is no part of it where the table of recent bids knows it, for a repeat may come when that has
 * forgotten it. Only a win has the bid's key either way: it books, and the same win told with its token must not book again.
 */
#include "internal.h"

enum { KEY_MAX = 160 };

/* Which event books a bid's money (lua-api.md section 6): one per bid. */
static enum mb_event_type booking_event(const struct mb_endpoint *endpoint)
{
    bool wins = endpoint->exchange == MB_EXCHANGE_XANDR || endpoint->books_on_win;

    return wins ? MB_EVENT_WIN : MB_EVENT_BILLING;
}

static struct mb_amount cost_of(enum mb_model model, struct mb_price price)
{
    return model == MB_MODEL_CPM ? mb_money_cost_of_impression(price)
                                 : mb_money_cost_of_click(price);
}

/* Texts of the wire may hold zero bytes, so nothing here goes through printf. */
static void set_key(struct mb_bidder *b, bool of_bid, struct mb_event *e)
{
    const struct mb_slice parts[] = {e->auction_id,  e->tag_id, e->exchange_time, e->member_id, e->reason,
                                     e->creative_id, e->result, e->user_id};
    size_t n = !of_bid ? sizeof(parts) / sizeof(parts[0]) : e->type == MB_EVENT_CLICK ? 5 : 0;
    struct mb_buf *key = &b->scratch;

    mb_buf_clear(key);
    mb_xbuf_printf(key, "%012llx:", (unsigned long long)(of_bid ? mb_event_key_ms(e) : mb_event_told_ms(e)));
    mb_xbuf_add_slice(key, of_bid ? e->bid_id : e->endpoint);
    mb_xbuf_add_char(key, ':');
    mb_xbuf_add_text(key, mb_event_name(e->type));
    for (size_t i = 0; i < n; i++) {
        mb_xbuf_add_char(key, ':');
        mb_xbuf_add_slice(key, parts[i]);
    }
    if (key->len > KEY_MAX) {
        unsigned long long hash = (unsigned long long)mb_slice_hash(mb_buf_slice(key));

        key->len = KEY_MAX - 24;
        mb_xbuf_printf(key, ":%016llx", hash);
    }
    e->key = mb_xarena_copy(&b->arena, mb_buf_slice(key));
}

/* What the token knows of the bid goes into the event; what the exchange told itself stays. */
static void attribute(struct mb_bidder *b, struct mb_event *e, const struct mb_endpoint *endpoint,
                      const struct mb_notice *n)
{
    char id[22];

    mb_notice_bid_id_text(n->bid_id, id);
    e->bid_id = mb_xarena_copy(&b->arena, mb_slice(id, sizeof(id)));
    e->attributed = true;
    e->strategy = n->strategy;
    e->version = n->version;
    e->arm = n->arm;
    e->data = n->data;
    e->model = n->model;
    e->bid_time_ms = n->bid_time_ms;
    e->boot_id = n->boot_id;
    e->boot_ms = n->boot_id ? n->bid_time_ms + n->boot_skew_ms : 0;
    e->format = mb_slice_of(mb_format_name(n->format));
    e->size = (struct mb_size){(uint16_t)(n->size >> 16), (uint16_t)n->size};
    e->has_price_bid = true;
    e->price_bid = n->price;
    e->rate_millionths = n->rate_millionths;
    e->test = e->test || n->test;
    e->recorded = n->recorded;
    /* Where nothing tells of impressions the booking event stands for one. */
    e->shown = !e->test && e->type == (n->watched ? MB_EVENT_IMPRESSION : booking_event(endpoint));
    e->country = n->country;
    e->frequency_key = n->frequency_key;
    e->per_key = n->per_key;
    if (!mb_slice_present(e->auction_id)) {
        e->auction_id = n->auction_id;
    }
    if (!mb_slice_present(e->imp_id)) {
        e->imp_id = mb_slice_present(n->imp_id) ? n->imp_id : e->auction_id;
    }
    if (!mb_slice_present(e->site_id)) {
        e->site_id = n->site_id;
    }
    if (!mb_slice_present(e->zone_id)) {
        e->zone_id = n->zone_id;
    }
    if (!mb_slice_present(e->creative_id)) {
        e->creative_id = n->creative_id;
    }
}

/* Books the price paid, or the bid's own where none was told that can be; never more than the bid. */
static void set_cost(struct mb_event *e, const struct mb_endpoint *endpoint)
{
    struct mb_price price = e->price_bid;

    if (!e->attributed || e->test || e->type != booking_event(endpoint)) {
        return;
    }
    if (e->has_price_paid && e->price_paid.micros >= 0 && e->price_paid.micros < price.micros) {
        price = e->price_paid;
    }
    e->books = true;
    e->cost = cost_of(e->model, price);
}

static void events_out(struct mb_bidder_out *out, const struct mb_event *events, size_t count)
{
    out->status = 200;
    out->events = events;
    out->n_events = count;
}

/* The kinds that a notice URL of ours can be of: the token tells which. */
static bool verify(const struct mb_bidder *b, struct mb_slice token, struct mb_arena *arena,
                   struct mb_notice *notice, enum mb_event_type *kind)
{
    static const enum mb_event_type kinds[] = {MB_EVENT_BILLING, MB_EVENT_WIN, MB_EVENT_LOSS,
                                               MB_EVENT_IMPRESSION};
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (mb_notice_verify(b->options.keys, kinds[i], token, arena, notice) == 0) {
            *kind = kinds[i];
            return true;
        }
    }
    return false;
}

/* A price of the URL's parameter, in house currency. What cannot be read ("AUDIT", an unfilled macro, nothing) or is below
 * nothing is no price. Where the currency is not told it is that of the bid. */
static bool told_price(const struct mb_bidder *b, struct mb_pairs query, struct mb_slice name,
                       const struct mb_notice *n, struct mb_price *out)
{
    struct mb_price told;
    struct mb_rate rate;

    if (!mb_exchange_macro_price(mb_pairs_get(query, name), &told) || told.micros < 0) {
        return false;
    }
    if (mb_config_rate(b->options.config, mb_pairs_get(query, MB_SLICE("c")), &rate)) {
        *out = mb_money_to_house(told, rate);
    } else if (n->price_wire.micros > 0) {
        *out = mb_money_in_proportion(told, n->price, n->price_wire);
    } else {
        return false;
    }
    return true;
}

/* What the exchange filled into the URL: p price, c currency, l loss code, m least price that would have won. */
static void read_parameters(struct mb_bidder *b, struct mb_slice query_text,
                            const struct mb_notice *n, struct mb_event *e)
{
    struct mb_pairs query = mb_exchange_tokens(query_text, (struct mb_pairs){0}, &b->arena);
    int64_t code;

    e->has_price_paid = e->type != MB_EVENT_LOSS &&
                        told_price(b, query, MB_SLICE("p"), n, &e->price_paid);
    e->has_min_to_win = told_price(b, query, MB_SLICE("m"), n, &e->min_to_win);
    if (e->type == MB_EVENT_LOSS && mb_slice_to_i64(mb_pairs_get(query, MB_SLICE("l")), &code) &&
        code > 0 && code <= INT32_MAX) {
        e->loss_code = (int32_t)code;
        e->reason = mb_exchange_loss_name(e->loss_code);
    }
}

void mb__bidder_own_event(struct mb_bidder *b, enum mb_event_type type,
                          const struct mb_notice *notice, const struct mb_endpoint *endpoint,
                          struct mb_event *e)
{
    *e = (struct mb_event){.type = type,
                           .time_ms = b->now_ms,
                           .exchange = mb_slice_of(mb_exchange_name(endpoint->exchange)),
                           .endpoint = endpoint->name,
                           .currency = b->options.config->currency,
                           .response_time_ms = -1,
                           .post_pending = -1};
    attribute(b, e, endpoint, notice);
}

/* What books is said when the bid is made: were it the config's word of today, a bid that was made before `books_on` was changed
 * could book with both of its notices, or with none, and the win of an endpoint that was renamed would be lost. */
const struct mb_endpoint *mb__bidder_endpoint_of(struct mb_bidder *b, const struct mb_notice *n)
{
    const struct mb_endpoint *known = mb_config_endpoint(b->options.config, n->endpoint);
    struct mb_endpoint *then;

    if (n->exchange == MB_EXCHANGE_NONE ||
        (known && known->exchange == n->exchange && known->books_on_win == n->books_on_win)) {
        return known;
    }
    then = mb_xarena_alloc(&b->arena, sizeof(*then));
    *then = known ? *known : (struct mb_endpoint){.rate = {1000000}};
    then->name = n->endpoint;
    then->exchange = n->exchange;
    then->books_on_win = n->books_on_win;
    return then;
}

bool mb__bidder_is_expired(struct mb_bidder *b, const struct mb_notice *n)
{
    bool expired = b->now_ms - n->bid_time_ms > MB_NOTICE_LIFE_MS;

    b->totals->expired += expired;
    return expired;
}

void mb__bidder_own_notice(struct mb_bidder *b, const struct mb_bidder_in *in,
                           struct mb_bidder_out *out)
{
    struct mb_slice token = mb_slice(in->path.data + 3, in->path.len - 3);
    struct mb_event *e = mb_xarena_alloc(&b->arena, sizeof(*e));
    const struct mb_endpoint *endpoint;
    enum mb_event_type type;
    struct mb_notice notice;

    out->kind = "notice";
    if (!verify(b, token, &b->arena, &notice, &type) ||
        !(endpoint = mb__bidder_endpoint_of(b, &notice))) {
        b->totals->forged++;
        mb__bidder_refuse(b, out, 404, "no such notice", -1);
        return;
    }
    if (mb__bidder_is_expired(b, &notice)) {
        mb__bidder_refuse(b, out, 404, "this notice comes too late", -1);
        return;
    }
    if (in->overloaded && !endpoint->notices_come_once) {
        mb__bidder_put_off(b, out);
        return;
    }
    mb__bidder_own_event(b, type, &notice, endpoint, e);
    read_parameters(b, in->query, &notice, e);
    e->price_missing = !e->has_price_paid &&
                       (endpoint->exchange != MB_EXCHANGE_EXOCLICK || endpoint->burl_asks_price);
    set_cost(e, endpoint);
    set_key(b, true, e);
    out->endpoint = mb_config_endpoint(b->options.config, notice.endpoint);
    b->totals->notices++;
    events_out(out, e, 1);
    if (type == MB_EVENT_IMPRESSION) {
        mb__bidder_answer_pixel(b, token, in->query, out);
    } else {
        mb__bidder_follow_up(b, token, in->query, e);
    }
}

/* A token of one auction says nothing of another: a mixed-up or replayed one must not book. Each tag of a request is an auction of
 * its own, so the token's is its impression's. */
static bool is_of_auction(const struct mb_notice *n, const struct mb_event *e)
{
    struct mb_slice own = mb_slice_present(n->imp_id) ? n->imp_id : n->auction_id;

    return !mb_slice_present(e->auction_id) || mb_slice_eq(e->auction_id, own);
}

/* Another endpoint's token does not belong here, unless that endpoint is no more: then it was renamed to this one. */
static bool is_of_endpoint(const struct mb_bidder *b, const struct mb_notice *n, const struct mb_event *e)
{
    return mb_slice_eq(n->endpoint, e->endpoint) ||
           (n->exchange == MB_EXCHANGE_XANDR && !mb_config_endpoint(b->options.config, n->endpoint));
}

/* custom_notify_data begins with a token; anything else is not ours. Without it the bid may be one that is remembered.
 * True: a token said whose the event is. */
static bool attribute_to_bid(struct mb_bidder *b, const struct mb_endpoint *endpoint,
                             const struct mb__custom_data *data, struct mb_event *e)
{
    struct mb_notice notice;

    if (!mb_slice_present(e->custom_data)) {
        if (mb__bidder_recall(b, e, &notice) && is_of_auction(&notice, e)) {
            attribute(b, e, endpoint, &notice);
        }
        return false;
    }
    if (mb_notice_verify(b->options.keys, MB_EVENT_WIN, data->token, &b->arena, &notice) ||
        !is_of_endpoint(b, &notice, e) || !is_of_auction(&notice, e)) {
        b->totals->forged++;
        return false;
    }
    if (mb__bidder_is_expired(b, &notice)) {
        return false;
    }
    e->custom_data = data->text;
    attribute(b, e, endpoint, &notice);
    return true;
}

static void to_house(struct mb_event *e, const struct mb_endpoint *endpoint,
                     struct mb_slice house)
{
    if (!e->attributed && e->has_price_bid) {
        e->price_bid = mb_money_to_house(e->price_bid, endpoint->rate);
    }
    if (e->has_price_paid) {
        e->price_paid = mb_money_to_house(e->price_paid, endpoint->rate);
    }
    if (e->has_price_sold_for) {
        e->price_sold_for = mb_money_to_house(e->price_sold_for, endpoint->rate);
    }
    if (e->has_min_to_win) {
        e->min_to_win = mb_money_to_house(e->min_to_win, endpoint->rate);
    }
    if (!e->attributed) {
        e->rate_millionths = mb__bidder_kept_rate(endpoint->rate);
    }
    e->currency = house;
}

static void complete(struct mb_bidder *b, const struct mb_endpoint *endpoint, struct mb_event *e,
                     int64_t now_ms)
{
    struct mb__custom_data data = mb__bidder_read_custom_data(e->custom_data);
    bool by_token;

    e->time_ms = now_ms;
    e->exchange = mb_slice_of(mb_exchange_name(endpoint->exchange));
    e->endpoint = endpoint->name;
    e->price_missing = !e->has_price_paid;
    set_key(b, false, e); /* of what was told alone */
    by_token = attribute_to_bid(b, endpoint, &data, e);
    to_house(e, endpoint, b->options.config->currency);
    set_cost(e, endpoint);
    if (e->attributed && (by_token || e->type == booking_event(endpoint))) {
        set_key(b, true, e);
    }
    if (by_token) {
        mb__bidder_follow_win(b, &data, e);
    }
    b->totals->unattributed += !e->attributed;
}

void mb__bidder_exchange_notice(struct mb_bidder *b, const struct mb_codec *codec,
                                const struct mb_endpoint *endpoint, enum mb_wire_path path,
                                const struct mb_bidder_in *in, struct mb_bidder_out *out)
{
    struct mb_wire_in wire = {.endpoint = endpoint,
                              .is_get = in->method == MB_BIDDER_GET,
                              .query = in->query,
                              .body = in->body,
                              .house_currency = b->options.config->currency,
                              .now_ms = in->now_ms,
                              .arena = &b->arena,
                              .slips = b->slips};
    struct mb_error err = {.at = -1};
    struct mb_event *events = NULL;
    size_t count = 0, i;

    out->kind = path == MB_WIRE_CLICK ? "click" : "notify";
    if (codec->decode_notice(&wire, path, &events, &count, &err)) {
        b->totals->bad_requests++;
        mb__bidder_refuse_error(b, out, &err);
        return;
    }
    for (i = 0; i < count; i++) {
        complete(b, endpoint, &events[i], in->now_ms);
    }
    b->totals->notices++;
    events_out(out, events, count);
}

/* Tells the strategy, when its name is still among the loaded ones. */
static void tell(struct mb_bidder *b, const struct mb_strategy *strategy,
                 const struct mb_event *event, int64_t now_ms)
{
    struct mb_slice problem = MB_SLICE_NONE;

    if (strategy->handlers & (MB_STRATEGY_ON(event->type) | MB_STRATEGY_ON_NOTIFY)) {
        (void)mb_script_event(b->script, strategy, event, now_ms, &problem);
        mb__bidder_answer_click(b, event);
    }
}

static const struct mb_strategy *strategy_of(const struct mb_bidder *b,
                                             const struct mb_event *event)
{
    return b->script && event->attributed ? mb_script_strategy(b->script, event->strategy) : NULL;
}

static void book(struct mb_bidder *b, const struct mb_strategy *strategy,
                 const struct mb_event *event)
{
    uint32_t slot = strategy ? strategy->guard_slot : mb_guard_slot(b->options.guard, event->strategy);

    if (slot != MB_GUARD_NO_SLOT) {
        mb_guard_book(b->options.guard, strategy, slot, event);
    }
}

/* A price that could not be booked as told. An exchange that tells none at all is none of those. */
static void count_price(struct mb_bidder *b, const struct mb_event *event)
{
    if (event->books && event->price_missing) {
        b->totals->unpriced++;
    }
    if (event->books && event->has_price_paid && event->price_paid.micros > event->price_bid.micros) {
        b->totals->overpriced++;
    }
}

void mb_bidder_settle(struct mb_bidder *b, const struct mb_event *event, enum mb_event_fate fate,
                      int64_t now_ms)
{
    const struct mb_strategy *strategy = strategy_of(b, event);

    mb_buf_clear(&b->answer);
    if (fate != MB_EVENT_NEW) {
        b->totals->duplicates++;
        b->totals->repriced += fate == MB_EVENT_REPRICED;
        if (event->attributed) {
            mb__bidder_state(b, event->strategy)->counts->duplicates++;
        }
        return;
    }
    count_price(b, event);
    if (event->attributed) {
        if (!b->options.booked_elsewhere) {
            book(b, strategy, event);
        }
        mb__bidder_state(b, event->strategy)->counts->events[event->type]++;
        mb__bidder_settle_shadow(b, event, now_ms);
    }
    if (strategy) {
        mb_guard_count_shown(b->options.guard, strategy->guard_slot, event);
        tell(b, strategy, event, now_ms);
    }
}
