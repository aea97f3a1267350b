/* xandr_answer.c - whether Xandr would take an answer.
 *
 * cJSON reads the shape. Ids and prices are compared as the digits that were sent: cJSON turns
 * 9007199254740993 into another number. The n-th response and the n-th "auction_id_64" of the text
 * belong together, since every response must have one, and nothing else in an answer may be called
 * so.
 */
#include "internal.h"

#include "moonbid/json_doc.h"
#include "moonbid/net.h"

static const char *const allowed[] = {
    "auction_id_64", "member_id",   "creative_id",   "creative_code",   "price",
    "no_bid",        "exclusive",   "deal_id",       "click_url",       "pixel_url",
    "pixel_type",    "userdata_js", "custom_macros", "segment_actions", "custom_notify_data",
};

static const char *check_names(const struct mb_doc *response)
{
    for (const struct mb_doc *node = mb_doc_first(response); node; node = mb_doc_next(node)) {
        bool known = false;
        for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
            known = known || strcmp(allowed[i], mb_doc_name(node)) == 0;
        }
        if (!known) {
            return "a field that a response does not have";
        }
    }
    return NULL;
}

static const struct mb__sim_tag *find_tag(const struct mb__sim_request *request, struct mb_slice id)
{
    for (size_t i = 0; i < request->n_tags; i++) {
        if (mb_slice_is(id, request->tags[i].auction_id)) {
            return &request->tags[i];
        }
    }
    return NULL;
}

static bool is_listed(const struct mb__sim_request *request, double member)
{
    for (size_t i = 0; i < request->n_members; i++) {
        if ((double)request->members[i] == member) {
            return true;
        }
    }
    return false;
}

static bool are_macros_texts(const struct mb_doc *macros)
{
    for (const struct mb_doc *node = mb_doc_first(macros); node; node = mb_doc_next(node)) {
        if (!mb_doc_is_string(mb_doc_get(node, "name")) ||
            !mb_doc_is_string(mb_doc_get(node, "value"))) {
            return false;
        }
    }
    return true;
}

static const char *check_bid(const struct mb__sim_request *request, const struct mb_doc *response,
                             struct mb_slice raw_price, struct mb__sim_bid *bid)
{
    const struct mb_doc *member = mb_doc_get(response, "member_id");
    bool creative = mb_doc_is_number(mb_doc_get(response, "creative_id"));
    bool code = mb_doc_is_string(mb_doc_get(response, "creative_code"));
    const struct mb_doc *data = mb_doc_get(response, "custom_notify_data");

    if (!mb_doc_is_number(member) || !is_listed(request, mb_doc_number(member, -1))) {
        return "member_id is missing or not listed";
    }
    if (!mb_doc_is_number(mb_doc_get(response, "price"))) {
        return "price is missing or no number";
    }
    if (!mb__sim_read_price(raw_price, &bid->price)) {
        return "price is not a plain decimal above zero";
    }
    if (bid->price.micros > INT64_C(999000000)) {
        return "price is above 999";
    }
    if (bid->price.micros < bid->tag->reserve.micros) {
        return "price is under the reserve price";
    }
    if (creative == code) {
        return "not one of creative_id and creative_code";
    }
    if (!are_macros_texts(mb_doc_get(response, "custom_macros"))) {
        return "a macro whose name or value is no text";
    }
    if (!mb_doc_is_string(data)) {
        return "no custom_notify_data";
    }
    bid->member = (uint32_t)mb_doc_number(member, 0);
    mb_xbuf_add_text(&bid->notice, mb_doc_text(data));
    return NULL;
}

/* Reads one response; `ids` and `prices` are the text behind what earlier responses took of it. */
static const char *read_response(const struct mb__sim_request *request,
                                 const struct mb_doc *response, struct mb_slice *ids,
                                 struct mb_slice *prices, struct mb__sim_bids *out)
{
    struct mb__sim_bid *bid = &out->items[out->count];
    struct mb_slice price = MB_SLICE_NONE;
    const char *why = check_names(response);

    if (why) {
        return why;
    }
    if (!mb_doc_get(response, "auction_id_64")) {
        return "a response without auction_id_64";
    }
    if (mb_doc_get(response, "price")) {
        price = mb__sim_raw_value(prices, "price");
    }
    bid->tag = find_tag(request, mb__sim_raw_value(ids, "auction_id_64"));
    if (!bid->tag) {
        return "an auction that was not asked, or its id as a text";
    }
    if (mb_doc_true(mb_doc_get(response, "no_bid"))) {
        return NULL;
    }
    why = check_bid(request, response, price, bid);
    if (!why) {
        out->count++;
    }
    return why;
}

static const char *read_responses(const struct mb__sim_request *request,
                                  const struct mb_doc *responses, struct mb_slice body,
                                  struct mb__sim_bids *out)
{
    struct mb_slice ids = body, prices = body;

    if (!mb_doc_is_array(responses) || mb_doc_count(responses) == 0) {
        return "neither no_bid nor responses";
    }
    if (mb_doc_count(responses) > MB__SIM_BIDS_MAX) {
        return "more than 15 responses";
    }
    for (const struct mb_doc *node = mb_doc_first(responses); node; node = mb_doc_next(node)) {
        const char *why = read_response(request, node, &ids, &prices, out);
        if (why) {
            return why;
        }
    }
    return NULL;
}

const char *mb__sim_xandr_answer(const struct mb__sim_request *request,
                                 const struct mb_http_reply *reply, struct mb__sim_bids *out)
{
    struct mb_doc *root = NULL;
    const struct mb_doc *response;
    struct mb_error err;
    const char *why = NULL;

    if (reply->status != 200) {
        return "another status than 200";
    }
    if (!mb__sim_content_type_is(reply, "application/json")) {
        return "another type than application/json";
    }
    if (mb_doc_parse(reply->body, &root, &err)) {
        return "not JSON";
    }
    response = mb_doc_get(root, "bid_response");
    if (mb_doc_count(root) != 1 || !mb_doc_is_object(response)) {
        why = "the root is not {\"bid_response\":{...}}";
    } else if (!mb_doc_true(mb_doc_get(response, "no_bid"))) {
        why = read_responses(request, mb_doc_get(response, "responses"), reply->body, out);
    }
    mb_doc_free(root);
    return why;
}
