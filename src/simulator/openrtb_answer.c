/* openrtb_answer.c - whether an OpenRTB exchange would take an answer.
 *
 * cJSON reads the shape; prices are compared as the digits that were sent: the n-th bid and the
 * n-th "price" of the text belong together, since every bid must have one, and nothing else in an
 * answer is called so. What the dialects want beyond OpenRTB stands in check_exoclick and
 * check_xandr.
 */
#include "internal.h"

#include "moonbid/json_doc.h"
#include "moonbid/net.h"

/* Xandr takes 2000 characters once the macros are filled in. */
enum { NOTICE_URL_MAX = 1900, MEDIA_OF_MTYPE = 4 };

static const char *const allowed[] = {
    "id",  "impid", "price", "nurl", "burl",   "lurl", "adm", "adid", "adomain", "iurl",
    "cid", "crid",  "cat",   "attr", "dealid", "w",    "h",   "exp",  "mtype",   "ext",
    "dur", "tactic", "bundle", "language", "langb", "cattax", "apis", "protocol", "slotinpod",
    "qagmediarating", "wratio", "hratio",
};

static const char *const macros[] = {
    "${AUCTION_ID}",    "${AUCTION_BID_ID}", "${AUCTION_IMP_ID}",   "${AUCTION_SEAT_ID}",
    "${AUCTION_AD_ID}", "${AUCTION_PRICE}",  "${AUCTION_CURRENCY}", "${AUCTION_PRICE:B64}",
    "${AUCTION_MBR}",
};

static const char *const loss_macros[] = {"${AUCTION_LOSS}", "${AUCTION_MIN_TO_WIN}"};

static struct mb_slice text_of(const struct mb_doc *object, const char *key)
{
    return mb_slice_of(mb_doc_text(mb_doc_get(object, key)));
}

static bool is_member(struct mb_slice seat, const struct mb__sim_request *request)
{
    int64_t number;

    for (size_t i = 0; i < request->n_members; i++) {
        if (mb_slice_to_i64(seat, &number) && number == (int64_t)request->members[i]) {
            return true;
        }
    }
    return false;
}

/* --- notices --- */

static bool is_known_macro(struct mb_slice rest, bool loss)
{
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        if (mb_slice_starts(rest, mb_slice_of(macros[i]))) {
            return true;
        }
    }
    return loss && (mb_slice_starts(rest, mb_slice_of(loss_macros[0])) ||
                    mb_slice_starts(rest, mb_slice_of(loss_macros[1])));
}

/* A URL whose macros are all known, with the one that it is about. */
static const char *check_notice(struct mb_slice url, const char *must, bool loss)
{
    struct mb_slice rest = url;
    long at;

    if (!mb__sim_is_url(url)) {
        return "a notice URL that is none";
    }
    if (url.len > NOTICE_URL_MAX) {
        return "a notice URL too long for 2000 characters once filled in";
    }
    if (mb_slice_find(url, mb_slice_of(must)) < 0) {
        return "a notice URL without the macro that it is about";
    }
    while ((at = mb_slice_find(rest, MB_SLICE("${"))) >= 0) {
        rest = mb_slice(rest.data + at, rest.len - (size_t)at);
        if (!is_known_macro(rest, loss)) {
            return "a macro that the exchange does not fill in";
        }
        rest = mb_slice(rest.data + 2, rest.len - 2);
    }
    return NULL;
}

static const char *check_notices(const struct mb__sim_request *request, const struct mb_doc *node,
                                 struct mb__sim_bid *bid)
{
    struct mb_slice nurl = text_of(node, "nurl"), burl = text_of(node, "burl"),
                    lurl = text_of(node, "lurl");
    const char *why = check_notice(nurl, "${AUCTION_PRICE", false);

    if (!why) {
        why = check_notice(burl, "${AUCTION_PRICE", false);
    }
    if (!why && mb_slice_present(lurl)) {
        why = check_notice(lurl, "${AUCTION_LOSS}", true);
    }
    if (!why && request->protocol == MB__SIM_OPENRTB_XANDR && mb_slice_present(lurl) &&
        mb_slice_find(lurl, MB_SLICE("${AUCTION_PRICE")) >= 0) {
        why = "a price in lurl, where Xandr tells none";
    }
    if (why) {
        return why;
    }
    mb_xbuf_add_slice(&bid->win, mb__sim_path_of(nurl));
    mb_xbuf_add_slice(&bid->notice, mb__sim_path_of(burl));
    if (mb_slice_present(lurl)) {
        mb_xbuf_add_slice(&bid->loss, mb__sim_path_of(lurl));
    }
    return NULL;
}

/* --- money --- */

static struct mb_price in_usd(const struct mb__sim_request *request, struct mb_price price,
                              bool is_eur)
{
    return is_eur ? mb_money_to_house(price, request->eur_rate) : price;
}

/* A micro-unit is forgiven between two currencies: it is the rounding of the one or the other. */
static bool is_under(const struct mb__sim_request *request, const struct mb__sim_bid *bid,
                     struct mb_price floor, bool floor_in_eur)
{
    if (bid->in_eur == floor_in_eur) {
        return bid->price.micros < floor.micros;
    }
    return in_usd(request, bid->price, bid->in_eur).micros + 1 <
           in_usd(request, floor, floor_in_eur).micros;
}

static const char *check_floor(const struct mb__sim_request *request, const struct mb_doc *node,
                               const struct mb__sim_bid *bid)
{
    struct mb_slice deal = text_of(node, "dealid");

    if (mb_slice_present(deal)) {
        if (!bid->imp->deal || !mb_slice_is(deal, bid->imp->deal)) {
            return "a deal that was not offered";
        }
        return is_under(request, bid, bid->imp->deal_floor, false)
                   ? "price is under the deal's floor"
                   : NULL;
    }
    if (bid->imp->deals_only) {
        return "no deal, where only deals are taken";
    }
    return is_under(request, bid, bid->imp->floor, bid->imp->floor_in_eur)
               ? "price is under the floor"
               : NULL;
}

/* --- one bid --- */

static const char *check_names(const struct mb_doc *node)
{
    for (const struct mb_doc *member = mb_doc_first(node); member; member = mb_doc_next(member)) {
        bool known = false;
        for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
            known = known || strcmp(allowed[i], mb_doc_name(member)) == 0;
        }
        if (!known) {
            return "a field that a bid does not have";
        }
    }
    return NULL;
}

static const struct mb__sim_imp *find_imp(const struct mb__sim_request *request, struct mb_slice id)
{
    for (size_t i = 0; i < request->n_imps; i++) {
        if (mb_slice_is(id, request->imps[i].id)) {
            return &request->imps[i];
        }
    }
    return NULL;
}

static bool is_blocked(const struct mb__sim_request *request, const struct mb_doc *node)
{
    const struct mb_doc *domains = mb_doc_get(node, "adomain");

    for (const struct mb_doc *d = mb_doc_first(domains); d; d = mb_doc_next(d)) {
        if (mb_doc_is_string(d) && strcmp(mb_doc_text(d), request->blocked) == 0) {
            return true;
        }
    }
    return false;
}

/* The one media type that the bid is for: told by mtype, else the impression's only one. */
static const char *check_media(const struct mb__sim_imp *imp, const struct mb_doc *node,
                               enum mb__sim_media *out)
{
    double mtype = mb_doc_number(mb_doc_get(node, "mtype"), 0);
    unsigned media = 0;

    while (media < MB__SIM_MEDIA_TYPES - 1 && !(imp->media & 1u << media)) {
        media++;
    }
    if (mtype >= 1 && mtype <= MEDIA_OF_MTYPE) {
        media = (unsigned)mtype - 1;
    } else if (mtype != 0 || imp->media != 1u << media) {
        return "mtype is none, or missing where there is a choice";
    }
    *out = (enum mb__sim_media)media;
    return imp->media & 1u << media ? NULL : "a media type that the impression does not offer";
}

static const char *check_exoclick(const struct mb__sim_request *request, const struct mb_doc *node,
                                  enum mb__sim_media media, struct mb__sim_bid *bid)
{
    double btype = mb_doc_number(mb_doc_get(mb_doc_get(node, "ext"), "btype"), 1);

    if (request->protocol != MB__SIM_OPENRTB_EXOCLICK) {
        return NULL;
    }
    if (btype != 1 && btype != 2) {
        return "btype is neither 1 nor 2";
    }
    if (btype == 2 && media != MB__SIM_MEDIA_NATIVE && media != MB__SIM_MEDIA_EMAIL) {
        return "a pricing model that this format does not have";
    }
    bid->model = btype == 2                     ? MB__SIM_CPC
                 : media == MB__SIM_MEDIA_EMAIL ? MB__SIM_SMART_CPC
                                                : MB__SIM_CPM;
    return NULL;
}

/* Xandr shows creatives that it knows by id, and takes no markup. */
static const char *check_xandr(const struct mb_doc *node)
{
    const struct mb_doc *list =
        mb_doc_get(mb_doc_get(mb_doc_get(node, "ext"), "appnexus"), "custom_macros");

    if (mb_doc_get(node, "adm")) {
        return "adm, which Xandr refuses";
    }
    if (mb_slice_empty(text_of(node, "adid")) && mb_slice_empty(text_of(node, "crid"))) {
        return "neither adid nor crid";
    }
    for (const struct mb_doc *macro = mb_doc_first(list); macro; macro = mb_doc_next(macro)) {
        if (!mb_doc_is_string(mb_doc_get(macro, "value"))) {
            return "a macro whose value is no text";
        }
    }
    return NULL;
}

static const char *check_creative(const struct mb__sim_request *request, const struct mb_doc *node,
                                  struct mb__sim_bid *bid)
{
    enum mb__sim_media media = MB__SIM_MEDIA_BANNER;
    const char *why = check_media(bid->imp, node, &media);

    if (!why) {
        why = check_exoclick(request, node, media, bid);
    }
    if (why) {
        return why;
    }
    if (request->protocol == MB__SIM_OPENRTB_XANDR) {
        return check_xandr(node);
    }
    if (mb_slice_empty(text_of(node, "adm"))) {
        return "no adm";
    }
    return mb__sim_openrtb_markup(request, bid->imp, media, text_of(node, "adm"));
}

static const char *check_bid(const struct mb__sim_request *request, const struct mb_doc *node,
                             struct mb_slice raw_price, struct mb__sim_bid *bid)
{
    const char *why = check_names(node);

    bid->imp = find_imp(request, text_of(node, "impid"));
    if (why) {
        return why;
    }
    if (mb_slice_empty(text_of(node, "id")) || !bid->imp) {
        return "a bid without an id, or on no impression";
    }
    if (!mb_doc_is_number(mb_doc_get(node, "price")) ||
        !mb__sim_read_price(raw_price, &bid->price)) {
        return "price is not a plain decimal above zero";
    }
    if (is_blocked(request, node)) {
        return "an advertiser that the publisher blocks";
    }
    mb_xbuf_add_slice(&bid->id, text_of(node, "id"));
    if (mb_doc_is_string(mb_doc_get(node, "adid"))) {
        mb_xbuf_add_slice(&bid->ad_id, text_of(node, "adid"));
    }
    why = check_creative(request, node, bid);
    if (!why) {
        why = check_floor(request, node, bid);
    }
    return why ? why : check_notices(request, node, bid);
}

/* --- the answer --- */

static const char *read_seat(const struct mb__sim_request *request, const struct mb_doc *seat,
                             bool in_eur, struct mb_slice *prices, struct mb__sim_bids *out)
{
    const struct mb_doc *list = mb_doc_get(seat, "bid");
    struct mb_slice name = text_of(seat, "seat");

    if (request->n_members > 0 && !is_member(name, request)) {
        return "seat is missing or not listed";
    }
    if (!mb_doc_is_array(list) || mb_doc_count(list) == 0) {
        return "a seat without bids";
    }
    for (const struct mb_doc *node = mb_doc_first(list); node; node = mb_doc_next(node)) {
        struct mb__sim_bid *bid = &out->items[out->count];
        const char *why;
        if (out->count == MB__SIM_BIDS_MAX) {
            return "more than 15 bids";
        }
        bid->in_eur = in_eur;
        mb_xbuf_add_slice(&bid->seat, name);
        why = check_bid(request, node, mb__sim_raw_value(prices, "price"), bid);
        if (why) {
            return why;
        }
        out->count++;
    }
    return NULL;
}

static const char *read_root(const struct mb__sim_request *request, const struct mb_doc *root,
                             struct mb_slice body, struct mb__sim_bids *out)
{
    const struct mb_doc *seats = mb_doc_get(root, "seatbid");
    struct mb_slice cur = text_of(root, "cur"), prices = body;
    bool in_eur = mb_slice_is(cur, "EUR");

    if (!mb_slice_is(text_of(root, "id"), request->id)) {
        return "another id than the request's";
    }
    if (!mb_doc_is_array(seats) || mb_doc_count(seats) == 0) {
        return "no seatbid: a no-bid is a 204";
    }
    if (mb_slice_present(cur) && !in_eur && !mb_slice_is(cur, "USD")) {
        return "a currency that was not offered";
    }
    if (in_eur ? !request->takes_eur : !request->takes_usd) {
        return "a currency that was not offered";
    }
    if (request->protocol == MB__SIM_OPENRTB_EXOCLICK &&
        (mb_doc_count(seats) != 1 || mb_doc_count(mb_doc_get(mb_doc_at(seats, 0), "bid")) != 1)) {
        return "more than one bid";
    }
    for (const struct mb_doc *seat = mb_doc_first(seats); seat; seat = mb_doc_next(seat)) {
        const char *why = read_seat(request, seat, in_eur, &prices, out);
        if (why) {
            return why;
        }
    }
    return NULL;
}

/* {"id":...,"nbr":N}: a no-bid that says why. */
static bool is_reasoned_no_bid(const struct mb__sim_request *request, const struct mb_doc *root)
{
    return mb_doc_count(root) == 2 && mb_doc_is_number(mb_doc_get(root, "nbr")) &&
           mb_slice_is(text_of(root, "id"), request->id);
}

static bool has_version(const struct mb_http_reply *reply, const char *version)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (mb_slice_eq_nocase(reply->headers[i].name, MB_SLICE("x-openrtb-version"))) {
            return mb_slice_is(reply->headers[i].value, version);
        }
    }
    return false;
}

const char *mb__sim_openrtb_answer(const struct mb__sim_request *request,
                                   const struct mb_http_reply *reply, struct mb__sim_bids *out)
{
    struct mb_doc *root = NULL;
    const char *why;

    if (reply->status == 204) {
        return reply->body.len == 0 ? NULL : "204 with a body";
    }
    if (reply->status != 200) {
        return "a status that is neither 200 nor 204";
    }
    if (!mb__sim_content_type_is(reply, "application/json")) {
        return "another type than application/json";
    }
    if (!has_version(reply, request->version)) {
        return "another x-openrtb-version than the request's";
    }
    if (mb_doc_parse(reply->body, &root, NULL)) {
        return "not JSON";
    }
    why = is_reasoned_no_bid(request, root) ? NULL : read_root(request, root, reply->body, out);
    mb_doc_free(root);
    return why;
}
