/* fuzz_xandr.c - Xandr's platform codec: bid requests and their answers, notify and click calls.
 *
 *     line 1    "bid", "notify", "click" or "get", a blank, the query
 *     line 2    of the bid: a letter for its price, a blank, member, creative or its code
 *     line 3    its other texts
 *     the rest  the body
 *
 * Promises: what is decoded points to memory that is there; an answer with bids that the check let pass is JSON with each
 * auction's id, digit for digit, and price; a notice gives no more events than an answer can make durable.
 */
#include "fuzz.h"

#include "moonbid/exchange.h"

enum { BIDS_MAX = 15 };

static const struct mb_endpoint endpoint = {
    .name = FUZZ_SLICE("xandr-fra"),
    .path = FUZZ_SLICE("/xandr"),
    .exchange = MB_EXCHANGE_XANDR,
    .rate = {1080000},
    .timeout_ms = 120,
    .margin_ms = 20,
    .member = FUZZ_SLICE("4402"),
};

static struct mb_arena arena;
static struct mb_buf answer;
static uint32_t slips[MB_JSON_SLIP_COUNT];

/* --- bid requests --- */

static void touch_list(struct mb_slices list)
{
    for (size_t i = 0; i < list.count; i++) {
        fuzz_touch(list.items[i]);
    }
}

static void touch_imp(const struct mb_imp *imp, size_t index)
{
    FUZZ_HOLDS(imp->index == index && !mb_slice_empty(imp->id) && imp->format < MB_FORMAT_COUNT);
    FUZZ_HOLDS(imp->floor.micros >= 0 && imp->floor.micros <= MB_PRICE_MAX_MICROS);
    fuzz_touch(imp->id);
    fuzz_touch(imp->tag_id);
    fuzz_touch(imp->position);
    touch_list(imp->members);
    touch_list(imp->deals);
    fuzz_touch(mb_slice((const char *)imp->sizes, imp->n_sizes * sizeof(*imp->sizes)));
}

static void touch_request(const struct mb_request *r)
{
    const struct mb_slice texts[] = {
        r->id,          r->currency,     r->site.id,      r->site.domain,  r->site.page,   r->site.publisher_id,
        r->app.id,      r->device.ip,    r->device.ua,    r->device.type,  r->device.make, r->device.model,
        r->geo.country, r->geo.region,   r->geo.city,     r->geo.zip,      r->geo.lat,     r->geo.lon,
        r->user.id,     r->user.gender,  r->user.data,    r->device.language,
    };
    const struct mb_slices lists[] = {
        r->site.categories,  r->user.segments,     r->blocked.categories, r->blocked.creatives,
        r->blocked.brands,   r->blocked.languages, r->blocked.attributes, r->blocked.adservers,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fuzz_touch(texts[i]);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        touch_list(lists[i]);
    }
    FUZZ_HOLDS(r->n_imps > 0 && (r->geo.country.len == 0 || r->geo.country.len == 2));
    for (size_t i = 0; i < r->n_imps; i++) {
        touch_imp(&r->imps[i], i);
    }
}

static struct mb_bid make_bid(const struct mb_imp *imp, struct mb_slice line, struct mb_slice other,
                              const struct mb_pair *macro)
{
    struct mb_slice letter = mb_slice_cut(&line, ' '), member = mb_slice_cut(&line, ' ');
    int64_t price = letter.len > 0 ? ((uint8_t)letter.data[0] - 'a') * INT64_C(77000001) : 1;

    return (struct mb_bid){
        .imp = imp,
        .model = MB_MODEL_CPM,
        .price = {price},
        .price_wire = {price},
        .member_id = member,
        .creative_id = letter.len > 1 ? line : MB_SLICE_NONE,
        .creative_code = line,
        .click_url = other,
        .pixel_url = other,
        .userdata_js = other,
        .custom_notify_data = other,
        .notice_token = MB_SLICE("TOKEN"),
        .custom_macros = {macro, macro->name.len > 0},
        .exclusive = letter.len > 2,
    };
}

static void check_answer(struct mb_bid *const *bids, size_t count)
{
    struct mb_json doc;
    struct mb_json_value list, at;

    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&answer), &arena, &doc));
    at = mb_json_get(mb_json_root(&doc), MB_SLICE("bid_response"));
    FUZZ_HOLDS(mb_json_bool(mb_json_get(at, MB_SLICE("no_bid")), false) == (count == 0));
    list = mb_json_get(at, MB_SLICE("responses"));
    FUZZ_HOLDS(mb_json_count(list) == count);
    at = mb_json_first(list);
    for (size_t i = 0; i < count; i++, at = mb_json_next(list, at)) {
        struct mb_price price = {0};

        FUZZ_HOLDS(mb_slice_eq(mb_json_id(mb_json_get(at, MB_SLICE("auction_id_64"))), bids[i]->imp->id));
        FUZZ_HOLDS(mb_json_is_integer(mb_json_get(at, MB_SLICE("member_id"))));
        FUZZ_HOLDS(mb_json_price(mb_json_get(at, MB_SLICE("price")), &price));
        FUZZ_HOLDS(price.micros > 0 && price.micros == bids[i]->price_wire.micros);
        FUZZ_HOLDS(mb_slice_eq(mb_json_str(mb_json_get(at, MB_SLICE("click_url"))), bids[i]->click_url));
    }
}

static void answer_request(const struct mb_codec *codec, const struct mb_request *request, struct mb_slice line,
                           struct mb_slice other)
{
    struct mb_pair macro = {line, other};
    struct mb_bid made[BIDS_MAX], *bids[BIDS_MAX];
    struct mb_wire_out out = {.body = &answer};
    size_t count = 0;

    for (size_t i = 0; i < request->n_imps && i < BIDS_MAX; i++) {
        const char *field = NULL;

        made[i] = make_bid(&request->imps[i], line, other, &macro);
        if (codec->check_bid(request, &made[i], &field) == MB_NOBID_BID) {
            bids[count++] = &made[i];
        } else {
            FUZZ_HOLDS(field != NULL);
        }
    }
    mb_buf_clear(&answer);
    codec->encode_answer(request, bids, count, &out);
    FUZZ_HOLDS(out.status == 200);
    check_answer(bids, count);
}

/* --- notify and click --- */

static void touch_event(const struct mb_event *e)
{
    const struct mb_slice texts[] = {
        e->exchange_time, e->exchange,   e->endpoint,  e->auction_id,      e->imp_id,        e->tag_id,
        e->site_id,       e->country,    e->currency,  e->reason,          e->result,        e->error,
        e->error_name,    e->member_id,  e->user_id,   e->payment_rule_id, e->creative_id,   e->referrer,
        e->user_agent,    e->raw,        e->tags,      e->responses,       e->userdata_json, e->custom_data,
        e->bid_info,      e->full_tag_info,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fuzz_touch(texts[i]);
    }
    FUZZ_HOLDS(e->type > MB_EVENT_NONE && e->type < MB_EVENT_COUNT);
    FUZZ_HOLDS(!e->attributed && !e->books && e->cost.nanos == 0); /* the bidder's to say */
    FUZZ_HOLDS(!e->has_price_paid || llabs(e->price_paid.micros) <= MB_PRICE_MAX_MICROS);
}

static bool is_refusal(const struct mb_error *err, struct mb_slice body)
{
    return err->code == MB_EPROTOCOL ||
           (err->code == MB_ESYNTAX && err->at >= 0 && (size_t)err->at <= body.len);
}

static void take_notice(const struct mb_codec *codec, const struct mb_wire_in *in, enum mb_wire_path path)
{
    struct mb_error err = {.at = -1};
    struct mb_event *events = NULL;
    size_t count = 0;

    if (codec->decode_notice(in, path, &events, &count, &err)) {
        FUZZ_HOLDS(is_refusal(&err, in->body));
        return;
    }
    FUZZ_HOLDS(count > 0 && count <= MB_WIRE_EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        touch_event(&events[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mb_codec *codec = mb_exchange_codec(MB_EXCHANGE_XANDR);
    struct mb_slice input = mb_slice((const char *)data, size);
    struct mb_slice query = fuzz_line(&input), bid = fuzz_line(&input), other = fuzz_line(&input);
    struct mb_slice body = fuzz_exact(input), what = mb_slice_cut(&query, ' ');
    struct mb_error err = {.at = -1};
    struct mb_request request;
    struct mb_wire_in in = {.endpoint = &endpoint,
                            .is_get = mb_slice_is(what, "get"),
                            .query = query,
                            .body = body,
                            .house_currency = MB_SLICE("USD"),
                            .now_ms = INT64_C(1709633472000),
                            .arena = &arena,
                            .slips = slips};

    if (arena.keep_bytes == 0) {
        mb_arena_init(&arena, 65536);
    }
    mb_arena_reset(&arena);
    if (mb_slice_is(what, "notify") || mb_slice_is(what, "click")) {
        take_notice(codec, &in, mb_slice_is(what, "click") ? MB_WIRE_CLICK : MB_WIRE_NOTIFY);
    } else if (codec->decode_request(&in, &request, &err)) {
        FUZZ_HOLDS(is_refusal(&err, body));
    } else {
        touch_request(&request);
        answer_request(codec, &request, bid, other);
    }
    free((void *)(uintptr_t)body.data);
    return 0;
}
