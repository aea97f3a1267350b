/* openrtb_answer.c - what an OpenRTB exchange takes as a bid, and how it is written.
 *
 * The notice URLs are the engine's own; the exchange fills its macros into their parameters: p the price, c its
 * currency, l the reason of a loss, m the least price that would have won.
 */
#include "fields.h"
#include "pen.h"

/* Xandr refuses more (error 450 and on). */
enum { XANDR_BIDS_MAX = 15 };

/* The seat to bid for where the strategy named none: the request's only one, else the endpoint's member. */
static bool settle_seat(const struct mb_request *request, struct mb_bid *bid)
{
    if (mb_slice_empty(bid->seat)) {
        bid->seat = mb_slice_present(bid->member_id)  ? bid->member_id
                    : request->seats.count == 1       ? request->seats.items[0]
                                                      : request->endpoint->member;
    }
    if (mb_slice_empty(bid->seat)) {
        return request->seats.count == 0 && request->endpoint->dialect != MB_DIALECT_XANDR;
    }
    return (request->seats.count == 0 || mb__exchange_lists(request->seats, bid->seat)) &&
           !mb__exchange_lists(request->blocked.seats, bid->seat) && mb__exchange_encodable(bid->seat, false);
}

/* The length and protocol of a film are those of its VAST table where the strategy does not say. */
static void tell_film(const struct mb_bid *bid, int32_t *duration_s, int32_t *protocol)
{
    bool is_film = bid->imp->format == MB_FORMAT_VIDEO || bid->imp->format == MB_FORMAT_AUDIO;
    *duration_s = bid->duration_s;
    *protocol = bid->protocol;
    if (is_film && !mb_slice_empty(bid->vast_table) && mb_slice_empty(bid->markup)) {
        mb__openrtb_tell_vast(bid, duration_s, protocol);
    }
}

/* A break that is divided among bidders has a floor for each second of film. */
static bool pays_its_seconds(const struct mb_bid *bid)
{
    int32_t duration_s, protocol;
    struct mb_price floor = bid->imp->pod.floor_per_s;
    if (floor.micros == 0) {
        return true;
    }
    tell_film(bid, &duration_s, &protocol);
    return duration_s <= 0 || bid->ecpm.micros / duration_s >= floor.micros;
}

/* CPC is ExoClick's own (ext.btype); everywhere else a price is per thousand impressions. */
static bool is_model_known(const struct mb_request *request, const struct mb_bid *bid)
{
    return bid->model == MB_MODEL_CPM || request->endpoint->dialect == MB_DIALECT_EXOCLICK;
}

/* Lists that are of numbers on the wire. */
static bool are_lists_numbers(const struct mb_bid *bid, const char **field)
{
    const struct {
        const char *name;
        struct mb_slices list;
    } rows[] = {{"attributes", bid->attributes}, {"apis", bid->apis}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < rows[i].list.count; k++) {
            if (!mb__exchange_is_integer(rows[i].list.items[k])) {
                *field = rows[i].name;
                return false;
            }
        }
    }
    return true;
}

/* The texts that go out as they are, by their names in Lua. */
static const char *unencodable(const struct mb_bid *bid)
{
    const struct {
        const char *field;
        struct mb_slice text;
    } rows[] = {
        {"creative_id", bid->creative_id}, {"ad_id", bid->ad_id},   {"campaign_id", bid->campaign_id},
        {"bundle", bid->bundle},           {"tactic", bid->tactic}, {"language", bid->language},
        {"image_url", bid->image_url},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!mb__exchange_encodable(rows[i].text, false)) {
            return rows[i].field;
        }
    }
    return NULL;
}

/* Xandr shows creatives that it knows; the others take them from the bid. */
static const char *creative_culprit(const struct mb_request *request, const struct mb_bid *bid)
{
    if (request->endpoint->dialect == MB_DIALECT_XANDR) {
        if (!mb__xandr_are_macros_possible(bid->custom_macros)) {
            return "custom_macros";
        }
        return mb_slice_empty(bid->ad_id) && mb_slice_empty(bid->creative_id) ? "creative_id" : NULL;
    }
    return mb__openrtb_check_markup(request, bid);
}

enum mb_nobid mb__openrtb_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field)
{
    const char *culprit = NULL;
    if (!is_model_known(request, bid)) {
        culprit = "model";
    } else if (bid->price_wire.micros <= 0) {
        culprit = "price";
    } else if (!settle_seat(request, bid)) {
        culprit = "seat";
    } else if ((culprit = mb__openrtb_check_deal(bid))) {
        /* told */
    } else if (!mb__openrtb_takes_language(request, bid->language)) {
        culprit = "language";
    } else if (!are_lists_numbers(bid, &culprit)) {
        /* told */
    } else if ((culprit = mb__openrtb_blocked(request, bid))) {
        *field = culprit;
        return MB_NOBID_BLOCKED; /* by the publisher */
    } else {
        culprit = creative_culprit(request, bid);
    }
    if (!culprit) {
        culprit = unencodable(bid);
    }
    *field = culprit;
    if (culprit) {
        return MB_NOBID_INVALID_BID;
    }
    return pays_its_seconds(bid) ? MB_NOBID_BID : MB_NOBID_BELOW_FLOOR;
}

/* --- writing --- */

INLINE void write_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    if (!mb_slice_empty(text)) {
        mb_jsonw_key(w, key);
        mb_jsonw_str(w, text);
    }
}

INLINE void write_texts(struct mb_json_writer *w, const char *key, struct mb_slices list, bool as_ids)
{
    if (list.count == 0) {
        return;
    }
    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    for (size_t i = 0; i < list.count; i++) {
        if (as_ids) {
            mb_jsonw_id(w, list.items[i]);
        } else {
            mb_jsonw_str(w, list.items[i]);
        }
    }
    mb_jsonw_array_end(w);
}

/* What a notice URL carries behind itself, for the exchange to fill in. */
enum { NOTICE_QUERY_ROOM = 128 };

/* Nothing of it needs an escape: the base was checked with the config, the token is base64url, and what
 * a query behind it carries is percent-encoded. */
static void write_notice(struct mb__pen *pen, const char *key, struct mb_slice url, const char *macros,
                         const char *more)
{
    if (mb_slice_empty(url)) {
        return;
    }
    mb__pen_put(pen, key);
    mb__pen_raw(pen, url);
    *pen->at++ = memchr(url.data, '?', url.len) ? '&' : '?';
    mb__pen_put(pen, macros);
    mb__pen_put(pen, more);
    *pen->at++ = '"';
}

static size_t notices_room(const struct mb_bid *bid)
{
    return bid->win_notice.len + bid->notice_url.len + bid->loss_notice.len +
           3 * (MB__PEN_KEY + 2 + NOTICE_QUERY_ROOM);
}

static void write_notices(const struct mb_request *request, const struct mb_bid *bid, struct mb__pen *pen)
{
    bool xandr = request->endpoint->dialect == MB_DIALECT_XANDR; /* its losses have no price */
    const char *paid = request->endpoint->price_in_base64 ? "p=${AUCTION_PRICE:B64}&c=${AUCTION_CURRENCY}"
                                                          : "p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}";
    write_notice(pen, ",\"nurl\":\"", bid->win_notice, paid, "");
    write_notice(pen, ",\"burl\":\"", bid->notice_url, paid, "");
    write_notice(pen, ",\"lurl\":\"", bid->loss_notice, xandr ? "" : paid,
                 xandr ? "l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}" : "&l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}");
}

/* The size of the creative: the bid's own, else the only one or first that was asked for. */
static void write_size(struct mb__pen *pen, const struct mb_bid *bid)
{
    struct mb_size size = bid->size.width > 0 ? bid->size : bid->imp->size;
    if (bid->imp->format != MB_FORMAT_BANNER || size.width == 0) {
        return;
    }
    mb__pen_number(pen, ",\"w\":", size.width);
    mb__pen_number(pen, ",\"h\":", size.height);
}

/* OpenRTB's list of markup types; 0: none of them. */
static uint32_t markup_type(enum mb_format format)
{
    switch (format) {
    case MB_FORMAT_BANNER:
        return 1;
    case MB_FORMAT_VIDEO:
        return 2;
    case MB_FORMAT_AUDIO:
        return 3;
    case MB_FORMAT_NATIVE:
        return 4;
    default:
        return 0;
    }
}

/* As in ExoClick's own protocol: Smart CPC exists on e-mail clicks only, and there takes the number of CPM. */
static unsigned btype(enum mb_model model)
{
    return model == MB_MODEL_CPC ? 2 : 1;
}

static void write_markup(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *scratch,
                         struct mb_json_writer *w)
{
    bool is_native = bid->imp->format == MB_FORMAT_NATIVE && mb_slice_empty(bid->markup);
    bool as_asked = is_native && mb__openrtb_asks_native_object(bid->imp);
    mb_buf_clear(scratch);
    mb__openrtb_add_markup(request, bid, scratch);
    if (as_asked || (is_native && request->endpoint->native_as_object)) {
        mb_jsonw_key(w, as_asked ? "adm_native" : "adm");
        mb_jsonw_raw(w, mb_buf_slice(scratch));
        return;
    }
    write_text(w, "adm", mb_buf_slice(scratch));
}

static void write_macros(struct mb_json_writer *w, struct mb_pairs macros)
{
    mb_jsonw_key(w, "custom_macros");
    mb_jsonw_array(w);
    for (size_t i = 0; i < macros.count; i++) {
        mb_jsonw_object(w);
        write_text(w, "name", macros.items[i].name);
        mb_jsonw_key(w, "value");
        mb_jsonw_str(w, macros.items[i].value);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

/* The trader's object as it is, with what the dialect adds in front of its members. */
static void write_ext(const struct mb_request *request, const struct mb_bid *bid, struct mb_json_writer *w)
{
    enum mb_dialect dialect = request->endpoint->dialect;
    bool macros = dialect == MB_DIALECT_XANDR && bid->custom_macros.count > 0;
    struct mb_slice own = mb_slice_trim(bid->ext);
    if (dialect != MB_DIALECT_EXOCLICK && !macros && own.len < 3) {
        return;
    }
    mb_jsonw_key(w, "ext");
    if (dialect != MB_DIALECT_EXOCLICK && !macros) {
        mb_jsonw_raw(w, own);
        return;
    }
    mb_jsonw_object(w);
    if (dialect == MB_DIALECT_EXOCLICK) {
        mb_jsonw_key(w, "btype");
        mb_jsonw_u64(w, btype(bid->model));
    } else {
        mb_jsonw_key(w, "appnexus");
        mb_jsonw_object(w);
        write_macros(w, bid->custom_macros);
        mb_jsonw_object_end(w);
    }
    if (own.len > 2 && own.data[0] == '{' && mb_slice_trim(mb_slice(own.data + 1, own.len - 2)).len > 0) {
        mb_xbuf_add_char(w->buf, ',');
        mb_xbuf_add(w->buf, own.data + 1, own.len - 2);
    }
    mb_jsonw_object_end(w);
}

static void write_film(struct mb__pen *pen, const struct mb_bid *bid)
{
    int32_t duration_s, protocol;
    tell_film(bid, &duration_s, &protocol);
    mb__pen_number(pen, ",\"dur\":", duration_s);
    mb__pen_number(pen, ",\"protocol\":", protocol);
    mb__pen_number(pen, ",\"slotinpod\":", bid->slot_in_pod);
}

/* What comes before the markup. */
static void write_head(const struct mb_request *request, const struct mb_bid *bid, struct mb_json_writer *w)
{
    write_text(w, "id", bid->id);
    write_text(w, "impid", bid->imp->id);
    mb_jsonw_key(w, "price");
    mb_jsonw_price(w, bid->price_wire);
    struct mb__pen pen = mb__pen_up(w, notices_room(bid));
    write_notices(request, bid, &pen);
    mb__pen_down(&pen);
}

/* What names the creative, between the advertiser's domains and the lists of what it is. */
static void write_names(const struct mb_bid *bid, struct mb_json_writer *w)
{
    struct mb__pen pen = mb__pen_up(w, mb__pen_room(bid->bundle) + mb__pen_room(bid->image_url) +
                                           mb__pen_room(bid->campaign_id) + mb__pen_room(bid->creative_id) +
                                           mb__pen_room(bid->tactic) + MB__PEN_KEY + MB__PEN_NUMBER);
    mb__pen_text(&pen, ",\"bundle\":", bid->bundle);
    mb__pen_text(&pen, ",\"iurl\":", bid->image_url);
    mb__pen_text(&pen, ",\"cid\":", bid->campaign_id);
    mb__pen_text(&pen, ",\"crid\":", bid->creative_id);
    mb__pen_text(&pen, ",\"tactic\":", bid->tactic);
    mb__pen_number(&pen, ",\"cattax\":", bid->category_taxonomy);
    mb__pen_down(&pen);
}

/* All that is behind those lists. */
static void write_tail(const struct mb_bid *bid, struct mb_json_writer *w)
{
    enum { NUMBERS = 10 };
    struct mb__pen pen = mb__pen_up(w, mb__pen_room(bid->language) + mb__pen_room(bid->deal_id) +
                                           NUMBERS * (MB__PEN_KEY + MB__PEN_NUMBER));
    mb__pen_number(&pen, ",\"qagmediarating\":", bid->media_rating);
    /* Two letters are ISO 639-1 (`language`), all else is BCP 47 (`langb`, of 2.6). */
    if (bid->language.len == 2) {
        mb__pen_text(&pen, ",\"language\":", bid->language);
    } else {
        mb__pen_text(&pen, ",\"langb\":", bid->language);
    }
    mb__pen_text(&pen, ",\"dealid\":", bid->deal_id);
    write_size(&pen, bid);
    mb__pen_number(&pen, ",\"wratio\":", bid->width_ratio);
    mb__pen_number(&pen, ",\"hratio\":", bid->height_ratio);
    write_film(&pen, bid);
    mb__pen_number(&pen, ",\"exp\":", bid->expires_s > 0 ? bid->expires_s : 0);
    mb__pen_number(&pen, ",\"mtype\":", markup_type(bid->imp->format));
    mb__pen_down(&pen);
}

static void write_bid(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *scratch,
                      struct mb_json_writer *w)
{
    mb_jsonw_object(w);
    write_head(request, bid, w);
    if (request->endpoint->dialect != MB_DIALECT_XANDR) {
        write_markup(request, bid, scratch, w);
    }
    write_text(w, "adid", bid->ad_id);
    write_texts(w, "adomain", bid->advertiser_domains, false);
    write_names(bid, w);
    write_texts(w, "cat", bid->categories, false);
    write_texts(w, "attr", bid->attributes, true);
    write_texts(w, "apis", bid->apis, true);
    write_tail(bid, w);
    write_ext(request, bid, w);
    mb_jsonw_object_end(w);
}

/* All bids of one seat together; `first` is the first of them. */
static void write_seat(const struct mb_request *request, struct mb_bid *const *bids, size_t count, size_t first,
                       struct mb_buf *scratch, struct mb_json_writer *w)
{
    mb_jsonw_object(w);
    write_text(w, "seat", bids[first]->seat);
    mb_jsonw_key(w, "bid");
    mb_jsonw_array(w);
    for (size_t i = first; i < count; i++) {
        if (mb_slice_eq(bids[i]->seat, bids[first]->seat)) {
            write_bid(request, bids[i], scratch, w);
        }
    }
    mb_jsonw_array_end(w);
    mb_jsonw_object_end(w);
}

static bool is_first_of_seat(struct mb_bid *const *bids, size_t place)
{
    for (size_t i = 0; i < place; i++) {
        if (mb_slice_eq(bids[i]->seat, bids[place]->seat)) {
            return false;
        }
    }
    return true;
}

/* 204, or where the exchange wants to know, why not. */
static void write_no_bid(const struct mb_request *request, struct mb_wire_out *out)
{
    struct mb_json_writer w;
    out->status = request->endpoint->says_why_not ? 200 : 204;
    out->content_type = request->endpoint->says_why_not ? "application/json" : NULL;
    if (request->endpoint->says_why_not) {
        mb_json_writer_init(&w, out->body);
        mb_jsonw_object(&w);
        write_text(&w, "id", request->id);
        mb_jsonw_key(&w, "nbr");
        mb_jsonw_i64(&w, mb__openrtb_no_bid_reason(out->why_not));
        mb_jsonw_object_end(&w);
    }
}

void mb__openrtb_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                               struct mb_wire_out *out)
{
    struct mb_json_writer w;
    if (count == 0) {
        write_no_bid(request, out);
        return;
    }
    if (request->endpoint->dialect == MB_DIALECT_XANDR && count > XANDR_BIDS_MAX) {
        count = XANDR_BIDS_MAX;
    }
    out->status = 200;
    out->content_type = "application/json";
    mb_json_writer_init(&w, out->body);
    mb_jsonw_object(&w);
    write_text(&w, "id", request->id);
    mb_jsonw_key(&w, "seatbid");
    mb_jsonw_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (is_first_of_seat(bids, i)) {
            write_seat(request, bids, count, i, out->scratch, &w);
        }
    }
    mb_jsonw_array_end(&w);
    write_text(&w, "cur", request->currency);
    mb_jsonw_object_end(&w);
}
