/* openrtb_blocked.c - what the publisher has said that it does not take: advertisers, apps,
 * categories, attributes of creatives, languages.
 */
#include "fields.h"

/* "Pub.Example" is blocked where "pub.example" or "example" is listed. */
static bool is_domain_blocked(struct mb_slices blocked, struct mb_slice domain)
{
    for (size_t i = 0; i < blocked.count; i++) {
        struct mb_slice tail = blocked.items[i], end = domain;
        if (domain.len < tail.len) {
            continue;
        }
        end.data += domain.len - tail.len;
        end.len = tail.len;
        if (mb_slice_eq_nocase(end, tail) && (domain.len == tail.len || end.data[-1] == '.')) {
            return true;
        }
    }
    return false;
}

/* Who blocks "IAB25" blocks "IAB25-3". */
static bool is_category_blocked(struct mb_slices blocked, struct mb_slice category)
{
    for (size_t i = 0; i < blocked.count; i++) {
        struct mb_slice listed = blocked.items[i];
        if (mb_slice_starts(category, listed) &&
            (category.len == listed.len || category.data[listed.len] == '-')) {
            return true;
        }
    }
    return false;
}

/* `battr` of the banner, film or native ad: read for a bid that has attributes alone. */
static bool has_blocked_attribute(const struct mb_bid *bid)
{
    struct mb_json_value list = get(media_of(bid->imp), "battr");
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        struct mb_slice attribute = mb_json_id(v);
        if (mb_slice_present(attribute) && mb__exchange_lists(bid->attributes, attribute)) {
            return true;
        }
    }
    return false;
}

const char *mb__openrtb_blocked(const struct mb_request *request, const struct mb_bid *bid)
{
    for (size_t i = 0; i < bid->advertiser_domains.count; i++) {
        if (is_domain_blocked(request->blocked.domains, bid->advertiser_domains.items[i])) {
            return "advertiser_domains";
        }
    }
    if (!mb_slice_empty(bid->bundle) && mb__exchange_lists(request->blocked.apps, bid->bundle)) {
        return "bundle";
    }
    for (size_t i = 0; i < bid->categories.count; i++) {
        if (is_category_blocked(request->blocked.categories, bid->categories.items[i])) {
            return "categories";
        }
    }
    return bid->attributes.count > 0 && has_blocked_attribute(bid) ? "attributes" : NULL;
}

bool mb__openrtb_takes_language(const struct mb_request *request, struct mb_slice language)
{
    for (size_t i = 0; i < request->languages.count; i++) {
        struct mb_slice listed = request->languages.items[i];
        if (mb_slice_eq_nocase(
                mb_slice(language.data, language.len < listed.len ? language.len : listed.len),
                listed) &&
            (language.len == listed.len || language.data[listed.len] == '-')) {
            return true;
        }
    }
    return request->languages.count == 0 || mb_slice_empty(language);
}
