/* openrtb_deal.c - may the bid be on its deal?
 *
 * For which seats and advertisers a deal is made stands in the deal, and is read when there is a
 * bid on it.
 */
#include "fields.h"

static struct mb_json_value deal_of(const struct mb_bid *bid)
{
    struct mb_json_value imp = {bid->imp->raw.doc, bid->imp->raw.token, bid->imp->raw.type};
    struct mb_json_value list = get(get(imp, "pmp"), "deals");
    struct mb_json_value deal = mb_json_list_first(list);
    while (deal.type != MB_JSON_NONE && !mb_slice_eq(id(deal, "id"), bid->deal_id)) {
        deal = mb_json_list_next(list, deal);
    }
    return deal;
}

/* Whether the list names the text, whatever its case; a list that names nobody takes all. `only`
 * gets the one that is named where there is one alone. */
static bool takes(struct mb_json_value list, struct mb_slice text, struct mb_slice *only)
{
    size_t named = 0;
    *only = MB_SLICE_NONE;
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        struct mb_slice name = mb__exchange_filled(mb_json_id(v));
        if (!mb_slice_present(name)) {
            continue;
        }
        if (mb_slice_eq_nocase(name, text)) {
            return true;
        }
        *only = named++ == 0 ? name : MB_SLICE_NONE;
    }
    return named == 0;
}

const char *mb__openrtb_check_deal(struct mb_bid *bid)
{
    struct mb_slice only;
    if (mb_slice_empty(bid->deal_id)) {
        return bid->imp->deals_only ? "deal_id" : NULL;
    }
    if (!mb__exchange_lists(bid->imp->deals, bid->deal_id)) {
        return "deal_id";
    }
    struct mb_json_value deal = deal_of(bid);
    if (!takes(get(deal, "wseat"), bid->seat, &only)) {
        if (!mb_slice_empty(bid->seat) || !mb_slice_present(only)) {
            return "seat";
        }
        bid->seat = only;
    }
    for (size_t i = 0; i < bid->advertiser_domains.count; i++) {
        if (!takes(get(deal, "wadomain"), bid->advertiser_domains.items[i], &only)) {
            return "advertiser_domains";
        }
    }
    return NULL;
}
