/* fuzz_openrtb.c - OpenRTB's codec in its three dialects: bid requests and their answers.
 *
 *     line 1    "generic", "exoclick" or "xandr", a blank, the query
 *     line 2    of the bid: a letter for its price and shape, a blank, its seat, a blank, its creative
 *     line 3    its other texts; where it begins with '{', the table `vast` as well
 *     the rest  the body
 *
 * Promises: what is decoded points to memory that is there; an impression has an id, a floor that is money, and sizes of pixels;
 * a refused bid names the culprit; an answer is JSON with the request's id and, for each bid that the check let pass, its
 * impression's id, its price, and markup where the dialect takes any, which for plain native fields is a document itself.
 */
#include "fuzz.h"

#include "moonbid/exchange.h"

enum { BIDS_MAX = 64, XANDR_BIDS_MAX = 15 };

#define ENDPOINT(dialect_)                                                                         \
    {                                                                                              \
        .name = FUZZ_SLICE("ortb"), .path = FUZZ_SLICE("/openrtb/bid"),                            \
        .exchange = MB_EXCHANGE_OPENRTB, .currency = FUZZ_SLICE("EUR"), .rate = {1080000},         \
        .timeout_ms = 120, .margin_ms = 20, .dialect = dialect_,                                   \
    }

static const struct mb_endpoint generic = ENDPOINT(MB_DIALECT_GENERIC);
static const struct mb_endpoint exoclick = ENDPOINT(MB_DIALECT_EXOCLICK);
static const struct mb_endpoint xandr = ENDPOINT(MB_DIALECT_XANDR);

static const struct mb_rate_of rate_rows[] = {{FUZZ_SLICE("USD"), {1000000}}, {FUZZ_SLICE("EUR"), {1080000}}};
static const struct mb_rates rates = {rate_rows, 2};

static struct mb_arena arena;
static struct mb_buf answer, scratch;
static uint32_t slips[MB_JSON_SLIP_COUNT];

/* --- what was decoded --- */

static void touch_list(struct mb_slices list)
{
    for (size_t i = 0; i < list.count; i++) {
        fuzz_touch(list.items[i]);
    }
}

static bool is_money(struct mb_price price)
{
    return price.micros >= 0 && price.micros <= MB_PRICE_MAX_MICROS;
}

static void touch_imp(const struct mb_imp *imp, size_t index)
{
    FUZZ_HOLDS(imp->index == index && !mb_slice_empty(imp->id) && imp->format < MB_FORMAT_COUNT);
    FUZZ_HOLDS(is_money(imp->floor) && is_money(imp->floor_wire) && is_money(imp->estimated_price));
    FUZZ_HOLDS(imp->n_sizes == 0 || (imp->size.width > 0 && imp->size.height > 0));
    fuzz_touch(imp->id);
    fuzz_touch(imp->tag_id);
    fuzz_touch(imp->position);
    fuzz_touch(imp->currency_wire);
    touch_list(imp->deals);
    fuzz_touch(mb_slice((const char *)imp->sizes, imp->n_sizes * sizeof(*imp->sizes)));
    for (size_t i = 0; i < imp->deals.count; i++) {
        FUZZ_HOLDS(is_money(imp->deal_floors[i]));
    }
}

static void touch_request(const struct mb_request *r)
{
    const struct mb_slice texts[] = {
        r->id,           r->currency,          r->site.id,       r->site.domain,      r->site.page,
        r->site.name,    r->site.referrer,     r->site.sub,      r->site.zone_id,     r->site.publisher_id,
        r->app.id,       r->app.bundle,        r->app.name,      r->app.domain,       r->device.ip,
        r->device.ua,    r->device.remote_ip,  r->device.os,     r->device.os_version, r->device.forwarded_for,
        r->device.type,  r->device.make,       r->device.model,  r->device.language,  r->geo.country,
        r->geo.region,   r->geo.city,          r->geo.zip,       r->geo.lat,          r->geo.lon,
        r->user.id,      r->user.buyer_id,     r->user.gender,   r->user.keyword,     r->user.email,
        r->user.data,    r->regs.us_privacy,   r->regs.gpp,      r->regs.consent,
    };
    const struct mb_slices lists[] = {
        r->site.categories, r->site.keywords, r->user.segments, r->blocked.categories,
        r->blocked.domains, r->blocked.apps,  r->blocked.seats, r->seats,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fuzz_touch(texts[i]);
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        touch_list(lists[i]);
    }
    FUZZ_HOLDS(r->n_imps > 0 && !mb_slice_empty(r->id) && !mb_slice_empty(r->currency) && r->timeout_ms > 0);
    FUZZ_HOLDS(r->geo.country.len == 0 || r->geo.country.len == 2);
    FUZZ_HOLDS(r->regs.gdpr >= -1 && r->regs.gdpr <= 1 && r->regs.coppa >= -1 && r->regs.coppa <= 1);
    for (size_t i = 0; i < r->n_imps; i++) {
        touch_imp(&r->imps[i], i);
    }
}

/* --- the bid, by line 2 --- */

static struct mb_bid make_bid(const struct mb_imp *imp, struct mb_slice line, const struct mb_slice *other,
                              const struct mb_pair *macro, const struct mb_icon *icon)
{
    static const struct mb_slice exts[] = {{NULL, 0}, FUZZ_SLICE("{}"), FUZZ_SLICE(" { } "), FUZZ_SLICE("{\"a\":[1]}")};
    struct mb_slice letter = mb_slice_cut(&line, ' '), seat = mb_slice_cut(&line, ' ');
    unsigned shape = letter.len > 0 ? (unsigned char)letter.data[0] - (unsigned)'a' : 1;
    int64_t price = (int64_t)(int)shape * INT64_C(77000001);

    return (struct mb_bid){
        .imp = imp,
        .id = MB_SLICE("1234567890123456789012"),
        .model = shape % 5 == 4 ? MB_MODEL_CPC : MB_MODEL_CPM,
        .price = {price},
        .price_wire = {price},
        .seat = seat,
        .creative_id = line,
        .ad_id = letter.len > 1 ? line : MB_SLICE_NONE,
        .deal_id = imp->deals.count > 0 ? imp->deals.items[0] : MB_SLICE_NONE,
        .title = *other,
        .description = *other,
        .image_url = *other,
        .click_url = *other,
        .imptracker = *other,
        .icons = icon,
        .n_icons = 1,
        .markup = shape % 3 == 2 ? *other : MB_SLICE_NONE,
        .vast = mb_slice_starts(*other, MB_SLICE("{")) ? MB_SLICE_NONE : *other,
        .vast_table = mb_slice_starts(*other, MB_SLICE("{")) ? *other : MB_SLICE_NONE,
        .advertiser_domains = {other, letter.len > 2},
        .categories = {other, letter.len > 3},
        .attributes = {other, 1},
        .custom_macros = {macro, macro->name.len > 0},
        .ext = exts[shape % 4],
        .expires_s = (int32_t)shape,
        .notice_url = MB_SLICE("http://n.example/b/TOKEN"),
        .win_notice = MB_SLICE("http://n.example/w/TOKEN"),
        .loss_notice = MB_SLICE("http://n.example/l/TOKEN"),
    };
}

/* --- the answer --- */

static struct mb_json_value member(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

/* The bid of that impression which was written as this object. One bid an impression and format was made. */
static bool is_bid(struct mb_json_value at, const struct mb_bid *bid)
{
    return mb_slice_eq(mb_json_str(member(at, "impid")), bid->imp->id);
}

static void check_bid(struct mb_json_value at, enum mb_dialect dialect, struct mb_bid *const *bids, size_t count)
{
    struct mb_price price = {0};
    struct mb_json native;
    const struct mb_bid *bid = NULL;

    for (size_t i = 0; i < count && !bid; i++) {
        bid = is_bid(at, bids[i]) ? bids[i] : NULL;
    }
    FUZZ_HOLDS(bid != NULL);
    FUZZ_HOLDS(member(at, "price").type == MB_JSON_NUMBER && mb_json_price(member(at, "price"), &price));
    FUZZ_HOLDS(price.micros == bid->price_wire.micros);
    FUZZ_HOLDS(mb_slice_starts(mb_json_str(member(at, "nurl")), MB_SLICE("http://n.example/w/TOKEN?p=${AUCTION_PRICE}")));
    FUZZ_HOLDS(member(at, "burl").type == MB_JSON_STRING && member(at, "lurl").type == MB_JSON_STRING);
    FUZZ_HOLDS((dialect == MB_DIALECT_XANDR) == (member(at, "adm").type == MB_JSON_NONE));
    FUZZ_HOLDS(dialect != MB_DIALECT_EXOCLICK || member(member(at, "ext"), "btype").type == MB_JSON_NUMBER);
    if (!mb_slice_empty(bid->vast_table) && mb_slice_empty(bid->markup) && dialect != MB_DIALECT_XANDR &&
        (bid->imp->format == MB_FORMAT_VIDEO || bid->imp->format == MB_FORMAT_AUDIO)) {
        FUZZ_HOLDS(mb_slice_ends(mb_json_str(member(at, "adm")), MB_SLICE("</Ad></VAST>")));
    }
    if (mb_json_i64(member(at, "mtype"), 0) == 4 && mb_slice_empty(bid->markup) && dialect != MB_DIALECT_XANDR) {
        FUZZ_HOLDS(fuzz_is_json(mb_json_str(member(at, "adm")), &arena, &native));
    }
}

static void check_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count)
{
    enum mb_dialect dialect = request->endpoint->dialect;
    size_t most = dialect == MB_DIALECT_XANDR && count > XANDR_BIDS_MAX ? XANDR_BIDS_MAX : count, written = 0;
    struct mb_json doc;
    struct mb_json_value seats, list;

    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&answer), &arena, &doc));
    FUZZ_HOLDS(mb_slice_eq(mb_json_str(member(mb_json_root(&doc), "id")), request->id));
    FUZZ_HOLDS(mb_slice_eq(mb_json_str(member(mb_json_root(&doc), "cur")), request->currency));
    seats = member(mb_json_root(&doc), "seatbid");
    for (struct mb_json_value s = mb_json_first(seats); s.type != MB_JSON_NONE; s = mb_json_next(seats, s)) {
        list = member(s, "bid");
        for (struct mb_json_value at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
            check_bid(at, dialect, bids, count);
            written++;
        }
    }
    FUZZ_HOLDS(written == most);
}

static void answer_request(const struct mb_codec *codec, const struct mb_request *request, struct mb_slice line,
                           struct mb_slice other)
{
    static struct mb_bid made[BIDS_MAX], *bids[BIDS_MAX];
    struct mb_pair macro = {line, other};
    struct mb_icon icon = {{0, 0}, other};
    struct mb_wire_out out = {.body = &answer, .scratch = &scratch};
    size_t count = 0;

    for (size_t i = 0; i < request->n_imps && i < BIDS_MAX; i++) {
        const char *field = NULL;

        made[i] = make_bid(&request->imps[i], line, &other, &macro, &icon);
        if (codec->check_bid(request, &made[i], &field) == MB_NOBID_BID) {
            bids[count++] = &made[i];
        } else {
            FUZZ_HOLDS(field != NULL);
        }
    }
    mb_buf_clear(&answer);
    codec->encode_answer(request, bids, count, &out);
    FUZZ_HOLDS(out.status == (count > 0 ? 200 : 204) && (count > 0) == (mb_buf_slice(&answer).len > 0));
    if (count > 0) {
        check_answer(request, bids, count);
    }
}

static bool is_refusal(const struct mb_error *err, struct mb_slice body)
{
    return err->code == MB_EPROTOCOL ||
           (err->code == MB_ESYNTAX && err->at >= 0 && (size_t)err->at <= body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mb_codec *codec = mb_exchange_codec(MB_EXCHANGE_OPENRTB);
    struct mb_slice input = mb_slice((const char *)data, size);
    struct mb_slice query = fuzz_line(&input), bid = fuzz_line(&input), other = fuzz_line(&input);
    struct mb_slice body = fuzz_exact(input), what = mb_slice_cut(&query, ' ');
    struct mb_error err = {.at = -1};
    struct mb_request request;
    struct mb_wire_in in = {.endpoint = mb_slice_is(what, "exoclick") ? &exoclick
                                        : mb_slice_is(what, "xandr")  ? &xandr
                                                                      : &generic,
                            .is_get = mb_slice_is(what, "get"),
                            .query = query,
                            .body = body,
                            .house_currency = MB_SLICE("USD"),
                            .rates = &rates,
                            .now_ms = INT64_C(1709633472000),
                            .arena = &arena,
                            .slips = slips};

    if (arena.keep_bytes == 0) {
        mb_arena_init(&arena, 65536);
    }
    mb_arena_reset(&arena);
    if (codec->decode_request(&in, &request, &err)) {
        FUZZ_HOLDS(is_refusal(&err, body));
    } else {
        touch_request(&request);
        answer_request(codec, &request, bid, other);
    }
    free((void *)(uintptr_t)body.data);
    return 0;
}
