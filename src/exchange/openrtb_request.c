/* openrtb_request.c - OpenRTB 2.4 to 2.6, an exchange's question; its impressions are read in openrtb_imps.c, its
 * device in openrtb_device.c.
 *
 * What moved between versions (regs.gdpr, user.consent, user.eids, source.schain, device.sua) is read from the new
 * place, then from the old one.
 *
 * A request must have an id and an impression with an id and a media type; whatever else is wrong or absent is
 * only not there.
 */
#include "shape.h"

#define ROOT_MEMBERS(XX)                                                                           \
    XX(id) XX(test) XX(at) XX(tmax) XX(cur) XX(imp) XX(ext) XX(device) XX(user) XX(regs) XX(site)   \
    XX(app) XX(dooh) XX(source) XX(bcat) XX(badv) XX(bapp) XX(bseat) XX(wseat) XX(wlangb) XX(wlang)
SHAPE(root, ROOT_MEMBERS)

#define ROOT_EXT_MEMBERS(XX) XX(sub) XX(schain)
SHAPE(root_ext, ROOT_EXT_MEMBERS)

/* site, app or dooh */
#define PLACE_MEMBERS(XX)                                                                          \
    XX(id) XX(name) XX(bundle) XX(domain) XX(page) XX(ref) XX(cat) XX(kwarray) XX(keywords)         \
    XX(keyword) XX(publisher) XX(ext)
SHAPE(place, PLACE_MEMBERS)

#define GEO_MEMBERS(XX) XX(country) XX(region) XX(city) XX(zip) XX(lat) XX(lon)
SHAPE(geo, GEO_MEMBERS)

/* user, and its `ext` */
#define USER_MEMBERS(XX)                                                                           \
    XX(id) XX(buyeruid) XX(yob) XX(gender) XX(keywords) XX(customdata) XX(data) XX(geo) XX(eids)    \
    XX(consent) XX(ext) XX(appnexus)
SHAPE(user, USER_MEMBERS)

#define SEGMENT_MEMBERS(XX) XX(id) XX(value)
SHAPE(segment, SEGMENT_MEMBERS)

/* regs, and its `ext` */
#define REGS_MEMBERS(XX) XX(gdpr) XX(coppa) XX(us_privacy) XX(gpp) XX(gpp_sid) XX(ext)
SHAPE(regs, REGS_MEMBERS)

#define SOURCE_MEMBERS(XX) XX(schain) XX(ext)
SHAPE(source, SOURCE_MEMBERS)

struct reader {
    const struct mb_wire_in *in;
    struct mb_json *doc;
    struct mb_request *out;
    union root root;
    union root_ext ext;
    union user user, user_ext;
    union regs regs, regs_ext;
};

/* Member `key` of the object at a place: for the one that is all there is to know of it. */
static struct mb_json_value get_at(const struct reader *r, uint16_t place, struct mb_slice key)
{
    return place ? mb_json_get(value_at(r->doc, place), key) : value_at(r->doc, 0);
}

/* A number as it is written; absent for anything else. */
static struct mb_slice digits(const struct reader *r, uint16_t place)
{
    struct mb_json_value value = value_at(r->doc, place);
    return value.type == MB_JSON_NUMBER ? mb_json_text(value) : MB_SLICE_NONE;
}

static struct mb_slices ids(const struct reader *r, uint16_t place)
{
    return place ? mb__exchange_ids(r->in, value_at(r->doc, place)) : (struct mb_slices){NULL, 0};
}

/* A text where 2.6 has it, else in `ext`, where 2.5 had it. */
static struct mb_slice moved_text(const struct reader *r, uint16_t own, uint16_t in_ext)
{
    struct mb_slice text = text_at(r->doc, own);
    return mb_slice_present(text) ? text : text_at(r->doc, in_ext);
}

/* A list where 2.6 has it, else in `ext`. */
static struct mb_json_value moved_list(const struct reader *r, uint16_t own, uint16_t in_ext)
{
    struct mb_json_value list = value_at(r->doc, own);
    if (list.type != MB_JSON_ARRAY) {
        list = value_at(r->doc, in_ext);
    }
    return list.type == MB_JSON_ARRAY ? list : value_at(r->doc, 0);
}

/* 1, 0, or -1 where it is not said. */
static int8_t tristate(const struct reader *r, uint16_t place)
{
    bool said;
    return place && mb_json_flag(value_at(r->doc, place), &said) ? (int8_t)said : -1;
}

static int8_t moved_tristate(const struct reader *r, uint16_t own, uint16_t in_ext)
{
    int8_t said = tristate(r, own);
    return said >= 0 ? said : tristate(r, in_ext);
}

/* --- money --- */

/* The currency of the answer: the endpoint's where the request takes it, else the first that has a rate. */
static struct mb_slice answer_currency(const struct reader *r)
{
    struct mb_slices offered = ids(r, r->root.cur);
    struct mb_slice own = mb__exchange_either(r->in->endpoint->currency, MB_SLICE("USD"));
    struct mb_rate rate;
    for (size_t i = 0; i < offered.count; i++) {
        if (mb_slice_eq_nocase(offered.items[i], own)) {
            return own;
        }
    }
    for (size_t i = 0; i < offered.count; i++) {
        struct mb_slice currency = offered.items[i];
        if (mb__exchange_rate(r->in, &currency, &rate)) {
            return currency;
        }
    }
    return offered.count > 0 ? mb__exchange_upper(offered.items[0], r->in->arena) : own;
}

/* --- where, who, with what --- */

/* 2.6 has an array, 2.5 a text with commas, ExoClick's examples a text of another name. */
static struct mb_slices keywords(const struct reader *r, const union place *place)
{
    const uint16_t places[] = {place->kwarray, place->keywords, place->keyword};
    struct mb_slices words = {NULL, 0};
    for (size_t i = 0; i < sizeof places / sizeof places[0] && words.count == 0; i++) {
        struct mb_json_value value = value_at(r->doc, places[i]);
        if (value.type != MB_JSON_NONE) {
            words = i == 0 || value.type == MB_JSON_ARRAY
                        ? mb__exchange_ids(r->in, value)
                        : mb__exchange_split(mb_json_str(value), ',', r->in->arena);
        }
    }
    return words;
}

static void read_place(const struct reader *r)
{
    struct mb_json *doc = r->doc;
    struct mb_json_value site = object_at(doc, r->root.site), app = object_at(doc, r->root.app);
    union place place;
    find_place(mb_json_present(site)  ? site
               : mb_json_present(app) ? app
                                      : object_at(doc, r->root.dooh),
               &place);
    struct mb_site *out = &r->out->site;
    out->publisher_id =
        mb__exchange_filled(mb_json_id(get_at(r, place.publisher, MB_SLICE("id"))));
    out->categories = ids(r, place.cat);
    out->keywords = keywords(r, &place);
    if (mb_json_present(app) && !mb_json_present(site)) {
        r->out->app = (struct mb_app){id_at(doc, place.id), text_at(doc, place.bundle),
                                      text_at(doc, place.name),
                                      mb__exchange_host(text_at(doc, place.domain), r->in->arena)};
        return;
    }
    out->id = id_at(doc, place.id);
    out->name = text_at(doc, place.name);
    out->page = text_at(doc, place.page);
    out->referrer = text_at(doc, place.ref);
    out->domain = mb__exchange_host(
        mb__exchange_either(text_at(doc, place.domain), out->page), r->in->arena);
    out->zone_id = mb__exchange_filled(mb_json_id(get_at(r, place.ext, MB_SLICE("idzone"))));
    out->sub = id_at(doc, r->ext.sub);
}

/* `of_device`: where the device has it; else the user may. */
static void read_geo(const struct reader *r, struct mb_json_value of_device)
{
    struct mb_json *doc = r->doc;
    union geo geo;
    find_geo(mb_json_present(of_device) ? of_device : value_at(doc, r->user.geo), &geo);
    struct mb_geo_place *out = &r->out->geo;
    struct mb_slice country = mb__exchange_upper(text_at(doc, geo.country), r->in->arena);
    out->country = country.len == 2 ? country : mb_country_of_alpha3(country);
    out->region = text_at(doc, geo.region);
    out->city = text_at(doc, geo.city);
    out->zip = id_at(doc, geo.zip);
    out->lat = digits(r, geo.lat);
    out->lon = digits(r, geo.lon);
}

static void add_segments(struct mb_json_value list, struct mb_slice *items, size_t *count)
{
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        union segment segment;
        find_segment(v, &segment);
        struct mb_slice name = id_at(v.doc, segment.id);
        if (!mb_slice_present(name)) {
            name = id_at(v.doc, segment.value);
        }
        if (mb_slice_present(name)) {
            items[(*count)++] = name;
        }
    }
}

static struct mb_slices segments(const struct reader *r)
{
    struct mb_json_value data = value_at(r->doc, r->user.data);
    size_t count = 0, room = 0;
    for (struct mb_json_value d = mb_json_list_first(data); d.type != MB_JSON_NONE;
         d = mb_json_list_next(data, d)) {
        room += mb_json_list_count(mb_json_get(d, MB_SLICE("segment")));
    }
    if (room == 0) {
        return (struct mb_slices){NULL, 0};
    }
    struct mb_slice *items = mb_xarena_alloc_raw(r->in->arena, room * sizeof *items);
    for (struct mb_json_value d = mb_json_list_first(data); d.type != MB_JSON_NONE;
         d = mb_json_list_next(data, d)) {
        add_segments(mb_json_get(d, MB_SLICE("segment")), items, &count);
    }
    return (struct mb_slices){items, count};
}

static void read_user(const struct reader *r)
{
    struct mb_json *doc = r->doc;
    const union user *user = &r->user;
    struct mb_user *out = &r->out->user;
    int64_t year = integer_at(doc, user->yob, 0);
    struct mb_slice user_id = id_at(doc, user->id);
    out->id = mb__exchange_known_id(user_id);
    out->buyer_id = mb__exchange_known_id(id_at(doc, user->buyeruid));
    out->gender = text_at(doc, user->gender);
    out->year_of_birth = year > 1900 && year < 2200 ? (int32_t)year : 0;
    out->keyword = text_at(doc, user->keywords);
    out->eids = mb__exchange_raw(moved_list(r, user->eids, r->user_ext.eids));
    out->segments = segments(r);
    out->data = text_at(doc, user->customdata);
    if (!mb_slice_present(out->data)) {
        out->data = mb__exchange_embedded(
            get_at(r, r->user_ext.appnexus, MB_SLICE("userdata_json")));
    }
    out->opted_out = r->in->endpoint->dialect == MB_DIALECT_XANDR && mb_slice_is(user_id, "-1");
}

/* `source.schain` of 2.6, `source.ext.schain` before it; Xandr has it in `ext`. */
static struct mb_json_value supply_chain(const struct reader *r)
{
    union source source;
    find_source(value_at(r->doc, r->root.source), &source);
    struct mb_json_value chain = object_at(r->doc, source.schain);
    if (!mb_json_present(chain)) {
        chain = get_at(r, source.ext, MB_SLICE("schain"));
    }
    return chain.type == MB_JSON_OBJECT ? chain : object_at(r->doc, r->ext.schain);
}

static void read_rules(const struct reader *r)
{
    struct mb_blocked *blocked = &r->out->blocked;
    const union regs *regs = &r->regs, *ext = &r->regs_ext;
    r->out->regs = (struct mb_regs){
        .gdpr = moved_tristate(r, regs->gdpr, ext->gdpr),
        .coppa = tristate(r, regs->coppa),
        .us_privacy = moved_text(r, regs->us_privacy, ext->us_privacy),
        .gpp = moved_text(r, regs->gpp, ext->gpp),
        .consent = moved_text(r, r->user.consent, r->user_ext.consent),
        .gpp_sid = mb__exchange_ids(r->in, moved_list(r, regs->gpp_sid, ext->gpp_sid)),
    };
    blocked->categories = ids(r, r->root.bcat);
    blocked->domains = ids(r, r->root.badv);
    blocked->apps = ids(r, r->root.bapp);
    blocked->seats = ids(r, r->root.bseat);
    r->out->seats = ids(r, r->root.wseat);
    r->out->languages = ids(r, r->root.wlangb);
    if (r->out->languages.count == 0) {
        r->out->languages = ids(r, r->root.wlang);
    }
    r->out->schain = mb__exchange_raw(supply_chain(r));
}

static void read_top(struct reader *r)
{
    const struct mb_wire_in *in = r->in;
    int64_t tmax = integer_at(r->doc, r->root.tmax, 0);
    int64_t at = integer_at(r->doc, r->root.at, 2);
    *r->out = (struct mb_request){
        .endpoint = in->endpoint,
        .id = id_at(r->doc, r->root.id),
        .test = flag_at(r->doc, r->root.test),
        .at = at == 1 || at == 2 ? (uint8_t)at : 0,
        .timeout_ms = tmax > 0 && tmax <= UINT32_MAX ? (uint32_t)tmax : in->endpoint->timeout_ms,
        .tokens = mb_exchange_tokens(in->query, in->endpoint->tokens, in->arena),
        .raw = mb__exchange_raw(mb_json_root(r->doc)),
    };
    r->out->currency = answer_currency(r);
    if (in->endpoint->dialect == MB_DIALECT_XANDR) {
        r->out->price_max = (struct mb_price){MB_XANDR_PRICE_MAX_MICROS};
    }
}

int mb__openrtb_decode_request(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err)
{
    struct mb_json *doc = NULL;
    if (in->is_get) {
        return mb_fail(err, MB_EPROTOCOL, "", "a bid request is POSTed");
    }
    int rc = mb__exchange_parse(in, &doc, err);
    if (rc < 0) {
        return rc;
    }
    if (mb_json_root(doc).type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_EPROTOCOL, "", "the body is no JSON object");
    }
    struct reader r = {.in = in, .doc = doc, .out = out};
    find_root(mb_json_root(doc), &r.root);
    read_top(&r);
    if (!mb_slice_present(out->id)) {
        return mb_fail(err, MB_EPROTOCOL, "id", "a bid request has an id");
    }
    rc = mb__openrtb_imps(in, value_at(doc, r.root.imp), out, err);
    if (rc < 0) {
        return rc;
    }
    struct mb_json_value geo;
    find_root_ext(value_at(doc, r.root.ext), &r.ext);
    find_user(value_at(doc, r.root.user), &r.user);
    find_user(value_at(doc, r.user.ext), &r.user_ext);
    find_regs(value_at(doc, r.root.regs), &r.regs);
    find_regs(value_at(doc, r.regs.ext), &r.regs_ext);
    read_place(&r);
    read_user(&r);
    mb__openrtb_device(value_at(doc, r.root.device), in->arena, out, &geo);
    read_geo(&r, geo);
    read_rules(&r);
    mb__exchange_count_slips(in, doc);
    return 0;
}
