/* xandr_answer.c - what Xandr takes as a bid, and how it is written.
 *
 * Auction, member, creative and deal ids go out as bare numbers, digit for digit, so they are checked to be
 * integers; a price sent as a string would be read as 0. No bid is a body too, always with status 200: another status counts as a failed connection there.
 */
#include "internal.h"

/* The exchange refuses it in names and values of macros. */
enum { MACRO_RESERVED = '^', MACRO_VALUE_MAX = 550 };

/* Sets the member to bid for where the strategy named none: the request's only one, else the endpoint's. */
static bool settle_member(const struct mb_request *request, struct mb_bid *bid)
{
    struct mb_slices members = bid->imp->members;
    if (mb_slice_empty(bid->member_id)) {
        bid->member_id = members.count == 1 ? members.items[0] : request->endpoint->member;
    }
    /* The sandbox and some mobile supply list nobody: then any member goes. */
    bool is_listed = members.count == 0 || mb__exchange_lists(members, bid->member_id);
    return is_listed && mb__exchange_is_integer(bid->member_id);
}

/* The exchange's number for the creative, or our own code for it. */
static bool names_creative(const struct mb_bid *bid)
{
    return mb_slice_empty(bid->creative_id) ? !mb_slice_empty(bid->creative_code)
                                            : mb__exchange_is_integer(bid->creative_id);
}

/* A tag that lists deals takes no others (error 308). Where it lists none, the exchange shall judge. */
static bool is_deal_possible(const struct mb_bid *bid)
{
    return mb_slice_empty(bid->deal_id) ||
           (mb__exchange_is_integer(bid->deal_id) &&
            (bid->imp->deals.count == 0 || mb__exchange_lists(bid->imp->deals, bid->deal_id)));
}

static bool is_macro_text(struct mb_slice text)
{
    return mb_slice_find_char(text, MACRO_RESERVED) < 0 && mb__exchange_encodable(text, false);
}

bool mb__xandr_are_macros_possible(struct mb_pairs macros)
{
    for (size_t i = 0; i < macros.count; i++) {
        if (mb_slice_empty(macros.items[i].name) || !is_macro_text(macros.items[i].name) ||
            macros.items[i].value.len > MACRO_VALUE_MAX || !is_macro_text(macros.items[i].value)) {
            return false;
        }
    }
    return true;
}

static bool are_segments_possible(const struct mb_bid *bid)
{
    if (mb_slice_empty(bid->segment_actions)) {
        return true;
    }
    struct mb_arena *arena = bid->imp->raw.doc->arena;
    struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
    return mb_json_parse(doc, arena, bid->segment_actions, NULL) == 0 && !mb__xandr_check_segments(mb_json_root(doc));
}

static bool is_pixel_type(struct mb_slice type)
{
    return mb_slice_empty(type) || mb_slice_is(type, "image") || mb_slice_is(type, "javascript");
}

/* The text fields that go out as they are, by their names in Lua. */
static const char *unencodable_text(const struct mb_bid *bid)
{
    const struct {
        const char *field;
        struct mb_slice text;
    } rows[] = {
        {"creative_code", bid->creative_code},
        {"custom_notify_data", bid->custom_notify_data},
        {"click_url", bid->click_url},
        {"pixel_url", bid->pixel_url},
        {"userdata_js", bid->userdata_js},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!mb__exchange_encodable(rows[i].text, false)) {
            return rows[i].field;
        }
    }
    return NULL;
}

enum mb_nobid mb__xandr_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field)
{
    const char *culprit = NULL;
    if (bid->model != MB_MODEL_CPM) {
        culprit = "model";
    } else if (bid->price_wire.micros <= 0) {
        culprit = "price";
    } else if (!settle_member(request, bid)) {
        culprit = "member_id";
    } else if (!names_creative(bid)) {
        culprit = "creative_id";
    } else if (!is_deal_possible(bid)) {
        culprit = "deal_id";
    } else if (!mb__xandr_are_macros_possible(bid->custom_macros)) {
        culprit = "custom_macros";
    } else if (!is_pixel_type(bid->pixel_type)) {
        culprit = "pixel_type";
    } else if (!are_segments_possible(bid)) {
        culprit = "segment_actions";
    } else {
        culprit = unencodable_text(bid);
    }
    *field = culprit;
    return culprit ? MB_NOBID_INVALID_BID : MB_NOBID_BID;
}

static void write_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    if (!mb_slice_empty(text)) {
        mb_jsonw_key(w, key);
        mb_jsonw_str(w, text);
    }
}

static void write_id(struct mb_json_writer *w, const char *key, struct mb_slice id)
{
    if (!mb_slice_empty(id)) {
        mb_jsonw_key(w, key);
        mb_jsonw_id(w, id);
    }
}

/* Values always as strings: the exchange does not substitute a bare number. */
static void write_macros(struct mb_json_writer *w, struct mb_pairs macros)
{
    if (macros.count == 0) {
        return;
    }
    mb_jsonw_key(w, "custom_macros");
    mb_jsonw_array(w);
    for (size_t i = 0; i < macros.count; i++) {
        mb_jsonw_object(w);
        mb_jsonw_key(w, "name");
        mb_jsonw_str(w, macros.items[i].name);
        mb_jsonw_key(w, "value");
        mb_jsonw_str(w, macros.items[i].value);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_array_end(w);
}

static void write_bid(struct mb_json_writer *w, const struct mb_bid *bid)
{
    mb_jsonw_object(w);
    write_id(w, "auction_id_64", bid->imp->id);
    write_id(w, "member_id", bid->member_id);
    mb_jsonw_key(w, "price");
    mb_jsonw_price(w, bid->price_wire);
    if (!mb_slice_empty(bid->creative_id)) {
        write_id(w, "creative_id", bid->creative_id);
    } else {
        write_text(w, "creative_code", bid->creative_code);
    }
    write_id(w, "deal_id", bid->deal_id);
    write_text(w, "custom_notify_data", bid->notice_token);
    write_macros(w, bid->custom_macros);
    write_text(w, "click_url", bid->click_url);
    write_text(w, "pixel_url", bid->pixel_url);
    write_text(w, "pixel_type", mb_slice_empty(bid->pixel_url) ? MB_SLICE_NONE : bid->pixel_type);
    write_text(w, "userdata_js", bid->userdata_js);
    if (!mb_slice_empty(bid->segment_actions)) {
        mb_jsonw_key(w, "segment_actions");
        mb_jsonw_raw(w, bid->segment_actions);
    }
    if (bid->exclusive) {
        mb_jsonw_key(w, "exclusive");
        mb_jsonw_bool(w, true);
    }
    mb_jsonw_object_end(w);
}

static bool has_bid(struct mb_bid *const *bids, size_t count, const struct mb_imp *imp)
{
    for (size_t i = 0; i < count; i++) {
        if (bids[i]->imp == imp) {
            return true;
        }
    }
    return false;
}

/* Tags without a bid may be left out, or are told so, as far as there is room: bids come first. */
static void write_no_bids(struct mb_json_writer *w, const struct mb_request *request, struct mb_bid *const *bids,
                          size_t count)
{
    for (size_t i = 0, written = count; i < request->n_imps && written < MB_XANDR_BIDS_MAX; i++) {
        if (!has_bid(bids, count, &request->imps[i])) {
            written++;
            mb_jsonw_object(w);
            write_id(w, "auction_id_64", request->imps[i].id);
            mb_jsonw_key(w, "no_bid");
            mb_jsonw_bool(w, true);
            mb_jsonw_object_end(w);
        }
    }
}

void mb__xandr_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                             struct mb_wire_out *out)
{
    struct mb_json_writer w;
    out->status = 200;
    out->content_type = "application/json";
    mb_json_writer_init(&w, out->body);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "bid_response");
    mb_jsonw_object(&w);
    if (count == 0) {
        mb_jsonw_key(&w, "no_bid");
        mb_jsonw_bool(&w, true);
    } else {
        mb_jsonw_key(&w, "responses");
        mb_jsonw_array(&w);
        for (size_t i = 0; i < count && i < MB_XANDR_BIDS_MAX; i++) {
            write_bid(&w, bids[i]);
        }
        if (request->endpoint->tells_each_tag) {
            write_no_bids(&w, request, bids, count);
        }
        mb_jsonw_array_end(&w);
    }
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}
