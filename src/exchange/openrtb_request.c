/* openrtb_request.c - OpenRTB 2.4 to 2.6, an exchange's question; its impressions are read in openrtb_imps.c, its
 * device in openrtb_device.c.
 *
 * What moved between versions (regs.gdpr, user.consent, user.eids, source.schain, device.sua) is read from the new
 * place, then from the old one.
 *
 * A request must have an id and an impression with an id and a media type; whatever else is wrong or absent is
 * only not there.
 */
#include "fields.h"

/* An object and its `ext`, each looked up once. */
struct extended {
    struct mb_json_value own, ext;
};

struct reader {
    const struct mb_wire_in *in;
    struct mb_json_value root;
    struct mb_json_value ext, device; /* of the root */
    struct extended user, regs;       /* of the root */
    struct mb_request *out;
};

static struct extended get_extended(struct mb_json_value object, const char *key)
{
    struct mb_json_value own = get(object, key);
    return (struct extended){own, get(own, "ext")};
}

/* A number as it is written; absent for anything else. */
static struct mb_slice digits(struct mb_json_value object, const char *key)
{
    struct mb_json_value value = get(object, key);
    return value.type == MB_JSON_NUMBER ? mb_json_text(value) : MB_SLICE_NONE;
}

/* An object, or absent: one of another type is none, so that what stands elsewhere is asked for. */
static struct mb_json_value object_of(struct mb_json_value parent, const char *key)
{
    struct mb_json_value value = get(parent, key);
    return value.type == MB_JSON_OBJECT ? value : (struct mb_json_value){.doc = value.doc};
}

/* A text where 2.6 has it, else in `ext`, where 2.5 had it. */
static struct mb_slice moved_text(struct extended object, const char *key)
{
    return mb__exchange_either(text(object.own, key), text(object.ext, key));
}

/* A list where 2.6 has it, else in `ext`. */
static struct mb_json_value moved_list(struct extended object, const char *key)
{
    struct mb_json_value list = get(object.own, key), none = {.doc = list.doc};
    if (list.type != MB_JSON_ARRAY) {
        list = get(object.ext, key);
    }
    return list.type == MB_JSON_ARRAY ? list : none;
}

/* 1, 0, or -1 where it is not said. */
static int8_t tristate(struct mb_json_value object, const char *key)
{
    bool said;
    return mb_json_flag(get(object, key), &said) ? (int8_t)said : -1;
}

static int8_t moved_tristate(struct extended object, const char *key)
{
    int8_t said = tristate(object.own, key);
    return said >= 0 ? said : tristate(object.ext, key);
}

/* --- money --- */

/* The currency of the answer: the endpoint's where the request takes it, else the first that has a rate. */
static struct mb_slice answer_currency(const struct reader *r)
{
    struct mb_slices offered = mb__exchange_ids(r->in, get(r->root, "cur"));
    struct mb_slice own = mb__exchange_either(r->in->endpoint->currency, MB_SLICE("USD"));
    struct mb_rate rate;
    for (size_t i = 0; i < offered.count; i++) {
        if (mb_slice_eq_nocase(offered.items[i], own)) {
            return own;
        }
    }
    for (size_t i = 0; i < offered.count; i++) {
        struct mb_slice currency = mb__exchange_upper(offered.items[i], r->in->arena);
        if (mb_rates_get(r->in->rates, currency, &rate)) {
            return currency;
        }
    }
    return offered.count > 0 ? mb__exchange_upper(offered.items[0], r->in->arena) : own;
}

/* --- where, who, with what --- */

/* 2.6 has an array, 2.5 a text with commas, ExoClick's examples a text of another name. */
static struct mb_slices keywords(const struct reader *r, struct mb_json_value object)
{
    static const char *const names[] = {"kwarray", "keywords", "keyword"};
    struct mb_slices words = {NULL, 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && words.count == 0; i++) {
        struct mb_json_value value = get(object, names[i]);
        words = i == 0 || value.type == MB_JSON_ARRAY
                    ? mb__exchange_ids(r->in, value)
                    : mb__exchange_split(mb_json_str(value), ',', r->in->arena);
    }
    return words;
}

static void read_place(const struct reader *r)
{
    struct mb_json_value site = object_of(r->root, "site"), app = object_of(r->root, "app");
    struct mb_json_value place = mb_json_present(site)  ? site
                                 : mb_json_present(app) ? app
                                                        : object_of(r->root, "dooh");
    struct mb_site *out = &r->out->site;
    out->publisher_id = id(get(place, "publisher"), "id");
    out->categories = mb__exchange_ids(r->in, get(place, "cat"));
    out->keywords = keywords(r, place);
    if (mb_json_present(app) && !mb_json_present(site)) {
        r->out->app = (struct mb_app){id(app, "id"), text(app, "bundle"), text(app, "name"),
                                      mb__exchange_host(text(app, "domain"), r->in->arena)};
        return;
    }
    out->id = id(place, "id");
    out->name = text(place, "name");
    out->page = text(place, "page");
    out->referrer = text(place, "ref");
    out->domain = mb__exchange_host(mb__exchange_either(text(place, "domain"), out->page), r->in->arena);
    out->zone_id = id(get(place, "ext"), "idzone");
    out->sub = id(r->ext, "sub");
}

static void read_geo(const struct reader *r)
{
    struct mb_json_value geo = object_of(r->device, "geo");
    if (!mb_json_present(geo)) {
        geo = get(r->user.own, "geo");
    }
    struct mb_geo_place *out = &r->out->geo;
    struct mb_slice country = mb__exchange_upper(text(geo, "country"), r->in->arena);
    out->country = country.len == 2 ? country : mb_country_of_alpha3(country);
    out->region = text(geo, "region");
    out->city = text(geo, "city");
    out->zip = id(geo, "zip");
    out->lat = digits(geo, "lat");
    out->lon = digits(geo, "lon");
}

static struct mb_slices segments(const struct reader *r, struct mb_json_value user)
{
    struct mb_json_value data = get(user, "data");
    size_t count = 0, room = 0;
    for (struct mb_json_value d = mb_json_list_first(data); d.type != MB_JSON_NONE; d = mb_json_list_next(data, d)) {
        room += mb_json_list_count(get(d, "segment"));
    }
    struct mb_slice *items = mb_xarena_alloc_raw(r->in->arena, room * sizeof *items);
    for (struct mb_json_value d = mb_json_list_first(data); d.type != MB_JSON_NONE;
         d = mb_json_list_next(data, d)) {
        struct mb_json_value list = get(d, "segment");
        for (struct mb_json_value s = mb_json_list_first(list);
             s.type != MB_JSON_NONE; s = mb_json_list_next(list, s)) {
            struct mb_slice segment = mb__exchange_either(id(s, "id"), id(s, "value"));
            if (mb_slice_present(segment)) {
                items[count++] = segment;
            }
        }
    }
    return (struct mb_slices){items, count};
}

static void read_user(const struct reader *r)
{
    struct mb_json_value user = r->user.own;
    struct mb_user *out = &r->out->user;
    int64_t year = mb_json_i64(get(user, "yob"), 0);
    struct mb_slice user_id = id(user, "id");
    bool is_opt_out_id = r->in->endpoint->dialect == MB_DIALECT_XANDR && mb_slice_is(user_id, "-1");
    out->id = mb__exchange_known_id(user_id);
    out->buyer_id = mb__exchange_known_id(id(user, "buyeruid"));
    out->gender = text(user, "gender");
    out->year_of_birth = year > 1900 && year < 2200 ? (int32_t)year : 0;
    out->keyword = text(user, "keywords");
    out->eids = mb__exchange_raw(moved_list(r->user, "eids"));
    out->segments = segments(r, user);
    out->data = mb__exchange_either(text(user, "customdata"),
                                    mb__exchange_embedded(get(get(r->user.ext, "appnexus"), "userdata_json")));
    out->opted_out = flag(r->device, "dnt") || is_opt_out_id;
}

/* `source.schain` of 2.6, `source.ext.schain` before it; Xandr has it in `ext`. */
static struct mb_json_value supply_chain(const struct reader *r)
{
    struct mb_json_value source = get(r->root, "source"), chain = object_of(source, "schain");
    if (!mb_json_present(chain)) {
        chain = object_of(get(source, "ext"), "schain");
    }
    return mb_json_present(chain) ? chain : object_of(r->ext, "schain");
}

static void read_rules(const struct reader *r)
{
    struct mb_blocked *blocked = &r->out->blocked;
    r->out->regs = (struct mb_regs){
        .gdpr = moved_tristate(r->regs, "gdpr"),
        .coppa = tristate(r->regs.own, "coppa"),
        .us_privacy = moved_text(r->regs, "us_privacy"),
        .gpp = moved_text(r->regs, "gpp"),
        .consent = moved_text(r->user, "consent"),
        .gpp_sid = mb__exchange_ids(r->in, moved_list(r->regs, "gpp_sid")),
    };
    blocked->categories = mb__exchange_ids(r->in, get(r->root, "bcat"));
    blocked->domains = mb__exchange_ids(r->in, get(r->root, "badv"));
    blocked->apps = mb__exchange_ids(r->in, get(r->root, "bapp"));
    blocked->seats = mb__exchange_ids(r->in, get(r->root, "bseat"));
    r->out->seats = mb__exchange_ids(r->in, get(r->root, "wseat"));
    r->out->languages = mb__exchange_ids(r->in, get(r->root, "wlangb"));
    if (r->out->languages.count == 0) {
        r->out->languages = mb__exchange_ids(r->in, get(r->root, "wlang"));
    }
    r->out->schain = mb__exchange_raw(supply_chain(r));
}

static void read_top(struct reader *r)
{
    const struct mb_wire_in *in = r->in;
    int64_t tmax = mb_json_i64(get(r->root, "tmax"), 0);
    int64_t at = mb_json_i64(get(r->root, "at"), 2);
    *r->out = (struct mb_request){
        .endpoint = in->endpoint,
        .id = id(r->root, "id"),
        .test = flag(r->root, "test"),
        .at = at == 1 || at == 2 ? (uint8_t)at : 0,
        .timeout_ms = tmax > 0 && tmax <= UINT32_MAX ? (uint32_t)tmax : in->endpoint->timeout_ms,
        .tokens = mb_exchange_tokens(in->query, in->endpoint->tokens, in->arena),
        .raw = mb__exchange_raw(r->root),
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
    struct reader r = {.in = in, .root = mb_json_root(doc), .out = out};
    if (r.root.type != MB_JSON_OBJECT) {
        return mb_fail(err, MB_EPROTOCOL, "", "the body is no JSON object");
    }
    read_top(&r);
    if (!mb_slice_present(out->id)) {
        return mb_fail(err, MB_EPROTOCOL, "id", "a bid request has an id");
    }
    rc = mb__openrtb_imps(in, get(r.root, "imp"), out, err);
    if (rc < 0) {
        return rc;
    }
    r.ext = get(r.root, "ext");
    r.device = get(r.root, "device");
    r.user = get_extended(r.root, "user");
    r.regs = get_extended(r.root, "regs");
    read_place(&r);
    mb__openrtb_device(r.device, in->arena, &out->device);
    read_geo(&r);
    read_user(&r);
    read_rules(&r);
    mb__exchange_count_slips(in, doc);
    return 0;
}
