/* openrtb_request.c - OpenRTB 2.4 to 2.6, an exchange's question.
 *
 * Each media type that an impression offers becomes an impression of its own with the same id, since a strategy
 * aims at one format; the answer carries one bid for an id. What moved between versions (regs.gdpr, user.consent,
 * user.eids, source.schain, device.sua) is read from the new place, then from the old one.
 *
 * A request must have an id and an impression with an id and a media type; whatever else is wrong or absent is
 * only not there.
 */
#include "internal.h"

enum { IMPS_MAX = 256 }; /* media types of all impressions; a feed of a hundred is the most that is heard of */

struct reader {
    const struct mb_wire_in *in;
    struct mb_json_value root;
    struct mb_request *out;
    size_t room; /* impressions that there is place for */
};

/* Inlined wherever they stand, so that the length of a constant name is a constant. */
#define INLINE static inline __attribute__((always_inline))

INLINE struct mb_json_value get(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

INLINE struct mb_slice text(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_str(get(object, key)));
}

INLINE struct mb_slice id(struct mb_json_value object, const char *key)
{
    return mb__exchange_filled(mb_json_id(get(object, key)));
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
static struct mb_slice moved_text(struct mb_json_value object, const char *key)
{
    return mb__exchange_either(text(object, key), text(get(object, "ext"), key));
}

/* A list where 2.6 has it, else in `ext`. */
static struct mb_json_value moved_list(struct mb_json_value object, const char *key)
{
    struct mb_json_value list = get(object, key), none = {.doc = list.doc};
    if (list.type != MB_JSON_ARRAY) {
        list = get(get(object, "ext"), key);
    }
    return list.type == MB_JSON_ARRAY ? list : none;
}

/* What Xandr adds to an object of the specification. */
static struct mb_json_value xandr_ext(struct mb_json_value object)
{
    return get(get(object, "ext"), "appnexus");
}

/* 1, 0, or -1 where it is not said. */
static int8_t tristate(struct mb_json_value object, const char *key)
{
    bool said;
    return mb_json_truth(get(object, key), &said) ? (int8_t)said : -1;
}

static int8_t moved_tristate(struct mb_json_value object, const char *key)
{
    int8_t said = tristate(object, key);
    return said >= 0 ? said : tristate(get(object, "ext"), key);
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

/* The floor of an impression or a deal, in house currency; false where its currency has no rate. */
static bool read_floor(const struct reader *r, struct mb_json_value object, struct mb_price *wire,
                       struct mb_slice *currency, struct mb_price *house)
{
    struct mb_rate rate;
    *house = *wire = (struct mb_price){0};
    *currency = mb__exchange_either(text(object, "bidfloorcur"), MB_SLICE("USD"));
    if (!mb_json_price(get(object, "bidfloor"), wire) || wire->micros <= 0) {
        *wire = (struct mb_price){0};
        return true;
    }
    if (!mb_rates_get(r->in->rates, mb__exchange_upper(*currency, r->in->arena), &rate)) {
        return false;
    }
    *house = mb_money_to_house(*wire, rate);
    return true;
}

/* --- impressions --- */

static void read_deals(const struct reader *r, struct mb_json_value imp_object, struct mb_imp *imp)
{
    struct mb_json_value pmp = get(imp_object, "pmp"), list = get(pmp, "deals");
    uint32_t room = mb_json_list_count(list);
    room = room > MB_WIRE_LIST_MAX ? MB_WIRE_LIST_MAX : room;
    struct mb_slice *ids = mb_xarena_array(r->in->arena, room + 1, sizeof *ids);
    struct mb_price *floors = mb_xarena_array(r->in->arena, room + 1, sizeof *floors);
    size_t count = 0;
    for (struct mb_json_value deal = mb_json_list_first(list); deal.type != MB_JSON_NONE && count < room;
         deal = mb_json_list_next(list, deal)) {
        struct mb_price wire;
        struct mb_slice currency;
        ids[count] = id(deal, "id");
        if (mb_slice_present(ids[count]) && read_floor(r, deal, &wire, &currency, &floors[count])) {
            count++;
        }
    }
    imp->deals = (struct mb_slices){ids, count};
    imp->deal_floors = floors;
    imp->deals_only = mb_json_bool(get(pmp, "private_auction"), false);
}

static bool add_size(struct mb_size *sizes, size_t *count, struct mb_json_value object)
{
    int64_t width = mb_json_i64(get(object, "w"), 0), height = mb_json_i64(get(object, "h"), 0);
    if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX) {
        return false;
    }
    sizes[(*count)++] = (struct mb_size){(uint32_t)width, (uint32_t)height};
    return true;
}

/* banner.format, and w and h, which are the first of them or stand alone. */
static void read_sizes(const struct reader *r, struct mb_json_value media, struct mb_imp *imp)
{
    struct mb_json_value formats = get(media, "format");
    uint32_t room = mb_json_list_count(formats);
    room = room > MB_WIRE_LIST_MAX ? MB_WIRE_LIST_MAX : room;
    struct mb_size *sizes = mb_xarena_array(r->in->arena, room + 2, sizeof *sizes);
    size_t count = 0;
    bool has_own = add_size(sizes, &count, media);
    for (struct mb_json_value v = mb_json_list_first(formats); v.type != MB_JSON_NONE && count <= room;
         v = mb_json_list_next(formats, v)) {
        size_t before = count;
        if (add_size(sizes, &count, v) && has_own && before > 0 && sizes[before].width == sizes[0].width &&
            sizes[before].height == sizes[0].height) {
            count = before;
        }
    }
    imp->sizes = sizes;
    imp->n_sizes = count;
    imp->size = count > 0 ? sizes[0] : (struct mb_size){0};
}

/* OpenRTB's list of positions (AdPosition): 1 above the fold, 3 below. */
static struct mb_slice position(struct mb_json_value media)
{
    switch (mb_json_i64(get(media, "pos"), 0)) {
    case 1:
        return MB_SLICE("above");
    case 3:
        return MB_SLICE("below");
    default:
        return MB_SLICE_NONE;
    }
}

/* Xandr's own guess of what wins (docs/exchanges/xandr.md), in the currency of its other prices. */
static struct mb_price estimated_price(const struct reader *r, struct mb_json_value imp_object)
{
    struct mb_price wire = {0};
    struct mb_rate rate;
    struct mb_slice currency = mb__exchange_either(r->in->endpoint->currency, MB_SLICE("USD"));
    bool is_known = mb_json_price(get(xandr_ext(imp_object), "estimated_clear_price"), &wire) &&
                    wire.micros > 0 && mb_rates_get(r->in->rates, currency, &rate);
    return is_known ? mb_money_to_house(wire, rate) : (struct mb_price){0};
}

/* `rwdd` of 2.6; before it every exchange had a name of its own. */
static bool is_rewarded(struct mb_json_value imp)
{
    struct mb_json_value ext = get(imp, "ext"), video = get(get(imp, "video"), "ext");
    return mb_json_bool(get(imp, "rwdd"), false) || mb_json_bool(get(ext, "rewarded"), false) ||
           mb_json_bool(get(video, "rewarded"), false) ||
           mb_json_bool(get(get(ext, "prebid"), "is_rewarded_inventory"), false);
}

static void read_common(const struct reader *r, struct mb_json_value object, struct mb_imp *imp)
{
    imp->interstitial = mb_json_bool(get(object, "instl"), false);
    imp->rewarded = is_rewarded(object);
    imp->id = id(object, "id");
    imp->tag_id = id(object, "tagid");
    imp->secure = mb_json_bool(get(object, "secure"), false);
    imp->floor_is_strange =
        !read_floor(r, object, &imp->floor_wire, &imp->currency_wire, &imp->floor);
    imp->estimated_price = estimated_price(r, object);
    imp->raw = mb__exchange_raw(object);
    read_deals(r, object, imp);
}

static void add_imp(const struct reader *r, struct mb_imp *imps, const struct mb_imp *common,
                    enum mb_format format, struct mb_json_value media)
{
    struct mb_imp *imp = &imps[r->out->n_imps];
    *imp = *common;
    imp->index = (uint32_t)r->out->n_imps++;
    imp->format = format;
    imp->position = position(media);
    imp->native_in_root = format == MB_FORMAT_NATIVE && mb_slice_is(mb_json_str(get(media, "ver")), "1.0");
    read_sizes(r, media, imp);
}

/* All that one impression offers; ExoClick's e-mail sits on the impression itself, and its popunder is a full
 * screen without a media type (docs/exchanges/exoclick.md, assumed). */
static void read_imp(const struct reader *r, struct mb_json_value object, struct mb_imp *imps)
{
    static const struct {
        const char *key;
        enum mb_format format;
    } media[] = {
        {"banner", MB_FORMAT_BANNER},
        {"video", MB_FORMAT_VIDEO},
        {"audio", MB_FORMAT_AUDIO},
        {"native", MB_FORMAT_NATIVE},
    };
    struct mb_imp common = {0};
    size_t before = r->out->n_imps;
    read_common(r, object, &common);
    if (!mb_slice_present(common.id)) {
        return;
    }
    for (size_t i = 0; i < sizeof media / sizeof media[0]; i++) {
        struct mb_json_value value = get(object, media[i].key);
        if (value.type == MB_JSON_OBJECT && r->out->n_imps < r->room) {
            add_imp(r, imps, &common, media[i].format, value);
        }
    }
    if (r->out->n_imps == before && r->out->n_imps < r->room) {
        enum mb_format format = MB_FORMAT_NONE;
        if (mb_slice_present(text(object, "el"))) {
            format = MB_FORMAT_EMAIL_CLICK;
            r->out->user.email = text(object, "el");
        } else if (r->in->endpoint->dialect == MB_DIALECT_EXOCLICK &&
                   mb_json_bool(get(object, "instl"), false)) {
            format = MB_FORMAT_POPUNDER;
        }
        add_imp(r, imps, &common, format, (struct mb_json_value){0});
    }
}

static int read_imps(struct reader *r, struct mb_error *err)
{
    struct mb_json_value list = get(r->root, "imp");
    uint32_t given = mb_json_list_count(list);
    if (given == 0) {
        return mb_fail(err, MB_EPROTOCOL, "imp", "a bid request has at least one impression");
    }
    if (given > IMPS_MAX / 4) {
        return mb_fail(err, MB_EPROTOCOL, "imp", "%u impressions, at most %d are taken", given, IMPS_MAX / 4);
    }
    r->room = (size_t)given * 4;
    struct mb_imp *imps = mb_xarena_array(r->in->arena, r->room, sizeof *imps);
    r->out->imps = imps;
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        read_imp(r, v, imps);
    }
    if (r->out->n_imps == 0) {
        return mb_fail(err, MB_EPROTOCOL, "imp[0].id", "no impression has an id");
    }
    return 0;
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
    out->sub = id(get(r->root, "ext"), "sub");
}

static void read_geo(const struct reader *r)
{
    struct mb_json_value geo = object_of(get(r->root, "device"), "geo");
    if (!mb_json_present(geo)) {
        geo = get(get(r->root, "user"), "geo");
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
    struct mb_slice *items = mb_xarena_array(r->in->arena, MB_WIRE_LIST_MAX, sizeof *items);
    struct mb_json_value data = get(user, "data");
    size_t count = 0;
    for (struct mb_json_value d = mb_json_list_first(data); d.type != MB_JSON_NONE;
         d = mb_json_list_next(data, d)) {
        struct mb_json_value list = get(d, "segment");
        for (struct mb_json_value s = mb_json_list_first(list);
             s.type != MB_JSON_NONE && count < MB_WIRE_LIST_MAX; s = mb_json_list_next(list, s)) {
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
    struct mb_json_value user = get(r->root, "user");
    struct mb_user *out = &r->out->user;
    int64_t year = mb_json_i64(get(user, "yob"), 0);
    struct mb_slice user_id = id(user, "id");
    bool is_opt_out_id = r->in->endpoint->dialect == MB_DIALECT_XANDR && mb_slice_is(user_id, "-1");
    out->id = mb__exchange_known_id(user_id);
    out->buyer_id = mb__exchange_known_id(id(user, "buyeruid"));
    out->gender = text(user, "gender");
    out->year_of_birth = year > 1900 && year < 2200 ? (int32_t)year : 0;
    out->keyword = text(user, "keywords");
    out->eids = mb__exchange_raw(moved_list(user, "eids"));
    out->segments = segments(r, user);
    out->data = mb__exchange_either(text(user, "customdata"),
                                    mb__exchange_embedded(get(xandr_ext(user), "userdata_json")));
    out->opted_out = mb_json_bool(get(get(r->root, "device"), "dnt"), false) || is_opt_out_id;
}

/* `source.schain` of 2.6, `source.ext.schain` before it; Xandr has it in `ext`. */
static struct mb_json_value supply_chain(const struct reader *r)
{
    struct mb_json_value source = get(r->root, "source"), chain = object_of(source, "schain");
    if (!mb_json_present(chain)) {
        chain = object_of(get(source, "ext"), "schain");
    }
    return mb_json_present(chain) ? chain : object_of(get(r->root, "ext"), "schain");
}

static void read_rules(const struct reader *r)
{
    struct mb_json_value regs = get(r->root, "regs"), user = get(r->root, "user");
    struct mb_blocked *blocked = &r->out->blocked;
    r->out->regs = (struct mb_regs){
        .gdpr = moved_tristate(regs, "gdpr"),
        .coppa = tristate(regs, "coppa"),
        .us_privacy = moved_text(regs, "us_privacy"),
        .gpp = moved_text(regs, "gpp"),
        .consent = moved_text(user, "consent"),
        .gpp_sid = mb__exchange_ids(r->in, moved_list(regs, "gpp_sid")),
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
        .test = mb_json_bool(get(r->root, "test"), false),
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
    rc = read_imps(&r, err);
    if (rc < 0) {
        return rc;
    }
    read_place(&r);
    mb__openrtb_device(get(r.root, "device"), in->arena, &out->device);
    read_geo(&r);
    read_user(&r);
    read_rules(&r);
    mb__exchange_count_slips(in, doc);
    return 0;
}
