/* xandr_request.c - Xandr's platform bid request: {"bid_request":{tags, members, bid_info}}.
 *
 * Each tag is an auction of its own, hence an impression here. A tag without auction_id_64 cannot be bid on and
 * is left out; the request fails only when no tag remains. Ids are 64 bits wide (signed: -1 is an opted-out
 * user) and come as numbers or strings: they are kept as text, digit for digit. The protocol has no id for the
 * whole request; the first auction's stands in.
 *
 * Countries are alpha-2 in this protocol. Operating system, browser and language arrive as the exchange's own
 * numbers, so they are left to what the user agent and accepted_languages tell.
 */
#include <time.h>

#include "shape.h"

enum { IMPS_MAX = 64 }; /* tags of one request, those beyond are left out; the exchange's own samples have two */

#define ROOT_MEMBERS(XX)                                                                           \
    XX(test) XX(debug_requested) XX(bidder_timeout_ms) XX(tags) XX(members) XX(bid_info)            \
    XX(excluded_technical_attributes) XX(excluded_attributes) XX(excluded_categories)               \
    XX(excluded_creatives) XX(excluded_brands) XX(excluded_languages) XX(excluded_adservers)
SHAPE(root, ROOT_MEMBERS)

#define INFO_MEMBERS(XX)                                                                           \
    XX(is_secure) XX(url) XX(domain) XX(publisher_id) XX(app_id) XX(inventory_audits)               \
    XX(user_agent) XX(device_type) XX(ip_address) XX(device_make) XX(device_model)                  \
    XX(accepted_languages) XX(country) XX(loc) XX(region) XX(city) XX(postal_code_id)               \
    XX(postal_code) XX(user_id_64) XX(gender) XX(age) XX(segments) XX(userdata_json)
SHAPE(info, INFO_MEMBERS)

#define TAG_MEMBERS(XX)                                                                            \
    XX(auction_id_64) XX(id) XX(site_id) XX(position) XX(allowed_media_types) XX(tag_format)        \
    XX(creative_formats) XX(sizes) XX(size) XX(reserve_price) XX(estimated_clear_price) XX(ecp)     \
    XX(deals)
SHAPE(tag, TAG_MEMBERS)

struct reader {
    const struct mb_wire_in *in;
    struct mb_json *doc;
    union root root; /* the object under bid_request */
    union info info; /* its bid_info */
    struct mb_request *out;
};

static struct mb_slices ids(const struct reader *r, uint16_t place)
{
    return place ? mb__exchange_ids(r->in, value_at(r->doc, place)) : (struct mb_slices){NULL, 0};
}

static bool truth(const struct reader *r, uint16_t place)
{
    return mb_json_bool(value_at(r->doc, place), false);
}

/* --- tags --- */

/* The media types that decide a tag's format, the first of these rows that the tag allows (the numbers are the
 * exchange's; that display wins over the others where several are allowed is our choice). A tag that allows none
 * of them is display too: text, expandable, interstitial. */
static const struct {
    const char *media_type;
    enum mb_format format;
} media_formats[] = {
    {"1", MB_FORMAT_BANNER},
    {"4", MB_FORMAT_VIDEO},
    {"12", MB_FORMAT_NATIVE},
};

static bool has(struct mb_slices list, const char *item)
{
    for (size_t i = 0; i < list.count; i++) {
        if (mb_slice_is(list.items[i], item)) {
            return true;
        }
    }
    return false;
}

/* True where the tag takes VAST and nothing else. */
static bool is_vast_only(struct mb_slices creative_formats)
{
    for (size_t i = 0; i < creative_formats.count; i++) {
        if (!mb_slice_is(creative_formats.items[i], "url-vast") &&
            !mb_slice_is(creative_formats.items[i], "vast-url")) {
            return false;
        }
    }
    return creative_formats.count > 0;
}

static enum mb_format read_format(const struct reader *r, const union tag *tag)
{
    struct mb_slices media = ids(r, tag->allowed_media_types);
    if (mb_slice_is(text_at(r->doc, tag->tag_format), "vast")) {
        return MB_FORMAT_VIDEO;
    }
    for (size_t i = 0; i < sizeof media_formats / sizeof media_formats[0]; i++) {
        if (has(media, media_formats[i].media_type)) {
            return media_formats[i].format;
        }
    }
    struct mb_slices creatives = ids(r, tag->creative_formats);
    return is_vast_only(creatives) ? MB_FORMAT_VIDEO : MB_FORMAT_BANNER;
}

static void read_sizes(const struct reader *r, const union tag *tag, struct mb_imp *imp)
{
    struct mb_slices texts = ids(r, tag->sizes);
    struct mb_size *sizes = mb_xarena_array(r->in->arena, texts.count + 1, sizeof *sizes);
    for (size_t i = 0; i < texts.count; i++) {
        imp->n_sizes += mb_size_parse(texts.items[i], &sizes[imp->n_sizes]);
    }
    if (imp->n_sizes == 0) {
        imp->n_sizes += mb_size_parse(text_at(r->doc, tag->size), &sizes[0]);
    }
    imp->sizes = sizes;
    imp->size = sizes[0];
}

/* The `id` of each object, or a scalar itself: [{"id":6}] and [6] alike. */
static struct mb_slices read_object_ids(const struct reader *r, uint16_t place)
{
    struct mb_json_value list = value_at(r->doc, place);
    uint32_t room = mb_json_list_count(list);
    if (room == 0) {
        return (struct mb_slices){NULL, 0};
    }
    struct mb_slice *items = mb_xarena_alloc_raw(r->in->arena, room * sizeof *items);
    size_t count = 0;
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE; v = mb_json_list_next(list, v)) {
        struct mb_json_value item = v.type == MB_JSON_OBJECT ? mb_json_get(v, MB_SLICE("id")) : v;
        struct mb_slice found = mb__exchange_filled(mb_json_id(item));
        if (mb_slice_present(found)) {
            items[count++] = found;
        }
    }
    return (struct mb_slices){items, count};
}

/* A price of the wire in house currency. */
static struct mb_price to_house(const struct reader *r, struct mb_price wire)
{
    bool is_house = mb_slice_eq(r->out->currency, r->in->house_currency);
    return is_house || r->in->endpoint->rate.millionths <= 0 ? wire
                                                             : mb_money_to_house(wire, r->in->endpoint->rate);
}

/* What the exchange guesses to win, under its name of today or the one of its older samples. */
static struct mb_price read_estimate(const struct reader *r, const union tag *tag)
{
    struct mb_price price = {0};
    if (!mb_json_price(value_at(r->doc, tag->estimated_clear_price), &price)) {
        mb_json_price(value_at(r->doc, tag->ecp), &price);
    }
    return price.micros > 0 ? price : (struct mb_price){0};
}

static void read_imp(const struct reader *r, const union tag *tag, struct mb_json_value object,
                     struct mb_slices members, struct mb_imp *imp)
{
    struct mb_slice position = text_at(r->doc, tag->position);
    imp->id = id_at(r->doc, tag->auction_id_64);
    imp->format = read_format(r, tag);
    read_sizes(r, tag, imp);
    imp->floor_wire = mb__exchange_floor(value_at(r->doc, tag->reserve_price));
    imp->floor = to_house(r, imp->floor_wire);
    imp->estimated_price = to_house(r, read_estimate(r, tag));
    imp->currency_wire = r->out->currency;
    imp->secure = truth(r, r->info.is_secure);
    imp->tag_id = id_at(r->doc, tag->id);
    if (mb_slice_is(position, "above") || mb_slice_is(position, "below")) {
        imp->position = position;
    }
    imp->members = members;
    imp->deals = read_object_ids(r, tag->deals);
    imp->raw = mb__exchange_raw(object);
}

static int read_tags(const struct reader *r, struct mb_error *err)
{
    struct mb_json_value tags = value_at(r->doc, r->root.tags);
    uint32_t room = mb_json_list_count(tags);
    if (room == 0) {
        return mb_fail(err, MB_EPROTOCOL, "bid_request.tags", "a bid request has at least one tag");
    }
    room = room > IMPS_MAX ? IMPS_MAX : room;
    struct mb_slices members = read_object_ids(r, r->root.members);
    struct mb_imp *imps = mb_xarena_array(r->in->arena, room, sizeof *imps);
    size_t count = 0;
    for (struct mb_json_value v = mb_json_list_first(tags); v.type != MB_JSON_NONE && count < room;
         v = mb_json_list_next(tags, v)) {
        union tag tag;
        find_tag(v, &tag);
        if (!mb_slice_present(id_at(r->doc, tag.auction_id_64))) {
            continue;
        }
        if (count == 0) {
            r->out->site.id = id_at(r->doc, tag.site_id);
        }
        imps[count].index = (uint32_t)count;
        read_imp(r, &tag, v, members, &imps[count++]);
    }
    if (count == 0) {
        return mb_fail(err, MB_EPROTOCOL, "bid_request.tags[0].auction_id_64", "no tag has an auction id");
    }
    r->out->imps = imps;
    r->out->n_imps = count;
    r->out->id = imps[0].id;
    return 0;
}

/* --- bid_info --- */

/* The platform's and the seller's classification of the page, all auditors together. */
static struct mb_slices read_categories(const struct reader *r)
{
    struct mb_json_value audits = value_at(r->doc, r->info.inventory_audits);
    size_t count = 0, room = 0;
    for (struct mb_json_value v = mb_json_list_first(audits); v.type != MB_JSON_NONE;
         v = mb_json_list_next(audits, v)) {
        room += mb_json_list_count(mb_json_get(v, MB_SLICE("content_categories")));
    }
    if (room == 0) {
        return (struct mb_slices){NULL, 0};
    }
    struct mb_slice *items = mb_xarena_alloc_raw(r->in->arena, room * sizeof *items);
    for (struct mb_json_value v = mb_json_list_first(audits); v.type != MB_JSON_NONE;
         v = mb_json_list_next(audits, v)) {
        struct mb_slices ids = mb__exchange_ids(r->in, mb_json_get(v, MB_SLICE("content_categories")));
        for (size_t i = 0; i < ids.count; i++) {
            items[count++] = ids.items[i];
        }
    }
    return (struct mb_slices){items, count};
}

/* Some supply sends the user agent percent-encoded as a whole ("Mozilla%2f5.0+(compatible%3b..."): no blank in
 * it. */
static struct mb_slice read_user_agent(const struct reader *r)
{
    struct mb_slice ua = text_at(r->doc, r->info.user_agent);
    bool is_encoded = mb_slice_find_char(ua, ' ') < 0 && mb_slice_find_char(ua, '%') >= 0;
    return is_encoded ? mb__exchange_decode(ua, r->in->arena) : ua;
}

static void read_device(const struct reader *r)
{
    static const char *const types[] = {NULL, "desktop", "phone", "tablet"};
    struct mb_device *device = &r->out->device;
    int64_t type = integer_at(r->doc, r->info.device_type, 0);
    device->ip = text_at(r->doc, r->info.ip_address);
    device->ua = read_user_agent(r);
    device->make = text_at(r->doc, r->info.device_make);
    device->model = text_at(r->doc, r->info.device_model);
    device->type = mb_slice_of(type > 0 && type < 4 ? types[type] : NULL);
    device->language = mb__exchange_language(text_at(r->doc, r->info.accepted_languages), r->in->arena);
}

static void read_geo(const struct reader *r)
{
    struct mb_geo_place *geo = &r->out->geo;
    struct mb_slice country = text_at(r->doc, r->info.country);
    struct mb_slice loc = text_at(r->doc, r->info.loc);
    if (country.len == 2) {
        geo->country = mb__exchange_upper(country, r->in->arena);
    }
    geo->region = text_at(r->doc, r->info.region);
    geo->city = text_at(r->doc, r->info.city);
    geo->zip = mb__exchange_either(id_at(r->doc, r->info.postal_code_id), id_at(r->doc, r->info.postal_code));
    if (mb_slice_find_char(loc, ',') > 0) {
        geo->lat = mb__exchange_filled(mb_slice_cut(&loc, ','));
        geo->lon = mb__exchange_filled(loc);
    }
}

/* The year that makes the user that old now; half of them have their birthday still before them. */
static int32_t year_of_birth(int64_t age, int64_t now_ms)
{
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm now;
    if (age < 1 || age > 120 || !gmtime_r(&now_s, &now)) {
        return 0;
    }
    return (int32_t)(now.tm_year + 1900 - age);
}

static void read_user(const struct reader *r)
{
    struct mb_user *user = &r->out->user;
    struct mb_slice user_id = id_at(r->doc, r->info.user_id_64);
    user->id = mb__exchange_known_id(user_id);
    user->opted_out = mb_slice_is(user_id, "-1");
    user->gender = text_at(r->doc, r->info.gender);
    user->year_of_birth = year_of_birth(integer_at(r->doc, r->info.age, 0), r->in->now_ms);
    user->segments = read_object_ids(r, r->info.segments);
    user->data = mb__exchange_embedded(value_at(r->doc, r->info.userdata_json));
}

static void read_page(const struct reader *r)
{
    struct mb_site *site = &r->out->site;
    site->page = text_at(r->doc, r->info.url);
    site->domain = mb__exchange_host(text_at(r->doc, r->info.domain), r->in->arena);
    site->publisher_id = id_at(r->doc, r->info.publisher_id);
    site->categories = read_categories(r);
    r->out->app.id = id_at(r->doc, r->info.app_id);
}

static void read_blocked(const struct reader *r)
{
    struct mb_blocked *blocked = &r->out->blocked;
    struct mb_json_value attributes = value_at(r->doc, r->root.excluded_technical_attributes);
    if (!mb_json_present(attributes)) {
        attributes = value_at(r->doc, r->root.excluded_attributes); /* the older name */
    }
    blocked->attributes = mb__exchange_ids(r->in, attributes);
    blocked->categories = ids(r, r->root.excluded_categories);
    blocked->creatives = ids(r, r->root.excluded_creatives);
    blocked->brands = ids(r, r->root.excluded_brands);
    blocked->languages = ids(r, r->root.excluded_languages);
    blocked->adservers = ids(r, r->root.excluded_adservers);
}

static uint32_t read_timeout(const struct reader *r)
{
    int64_t own = integer_at(r->doc, r->root.bidder_timeout_ms, 0);
    return own > 0 && own <= UINT32_MAX ? (uint32_t)own : r->in->endpoint->timeout_ms;
}

int mb__xandr_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err)
{
    struct mb_json *doc = NULL;
    if (in->is_get) {
        return mb_fail(err, MB_EPROTOCOL, "bid_request", "a bid request is POSTed");
    }
    int rc = mb__exchange_parse(in, &doc, err);
    if (rc < 0) {
        return rc;
    }
    struct mb_json_value root = mb_json_get(mb_json_root(doc), MB_SLICE("bid_request"));
    if (root.type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_EPROTOCOL, "bid_request", "the body is no {\"bid_request\":{...}}");
    }
    struct reader r = {.in = in, .doc = doc, .out = out};
    find_root(root, &r.root);
    find_info(value_at(doc, r.root.bid_info), &r.info);
    *out = (struct mb_request){
        .endpoint = in->endpoint,
        .test = truth(&r, r.root.test),
        .debug = truth(&r, r.root.debug_requested),
        .currency = mb__xandr_currency(in->endpoint),
        .price_max = {MB_XANDR_PRICE_MAX_MICROS},
        .timeout_ms = read_timeout(&r),
        .regs = {.gdpr = -1, .coppa = -1},
        .tokens = mb_exchange_tokens(in->query, in->endpoint->tokens, in->arena),
        .raw = mb__exchange_raw(mb_json_root(doc)),
    };
    rc = read_tags(&r, err);
    if (rc < 0) {
        return rc;
    }
    read_page(&r);
    read_device(&r);
    read_geo(&r);
    read_user(&r);
    read_blocked(&r);
    mb__exchange_count_slips(in, doc);
    return 0;
}
