/* openrtb_imps.c - OpenRTB's impressions.
 *
 * Each media type that an impression offers becomes an impression of its own with the same id,
 * since a strategy aims at one format; the answer carries one bid for an id.
 */
#include "fields.h"

enum {
    IMPS_MAX = 128, /* those beyond are left out; a feed of a hundred is the most that is heard of */
    MEDIA_MAX = 4   /* that one impression may offer */
};

struct reader {
    const struct mb_wire_in *in;
    struct mb_request *out;
    size_t room; /* impressions that there is place for */
};

/* The floor of an impression or a deal, in house currency; false where its currency has no rate. */
static bool read_floor(const struct reader *r, struct mb_json_value object, struct mb_price *wire,
                       struct mb_slice *currency, struct mb_price *house)
{
    struct mb_rate rate;
    *house = (struct mb_price){0};
    *wire = mb__exchange_floor(get(object, "bidfloor"));
    *currency = mb__exchange_either(text(object, "bidfloorcur"), MB_SLICE("USD"));
    if (wire->micros == 0) {
        return true;
    }
    if (!mb_rates_get(r->in->rates, mb__exchange_upper(*currency, r->in->arena), &rate)) {
        return false;
    }
    *house = mb_money_to_house(*wire, rate);
    return true;
}

static void read_deals(const struct reader *r, struct mb_json_value imp_object, struct mb_imp *imp)
{
    struct mb_json_value pmp = get(imp_object, "pmp"), list = get(pmp, "deals");
    uint32_t room = mb_json_list_count(list);
    struct mb_slice *ids = mb_xarena_array(r->in->arena, room + 1, sizeof *ids);
    struct mb_price *floors = mb_xarena_array(r->in->arena, room + 1, sizeof *floors);
    size_t count = 0;
    for (struct mb_json_value deal = mb_json_list_first(list); deal.type != MB_JSON_NONE;
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
    imp->deals_only = flag(pmp, "private_auction");
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
    for (struct mb_json_value v = mb_json_list_first(formats);
         v.type != MB_JSON_NONE && count <= room; v = mb_json_list_next(formats, v)) {
        size_t before = count;
        if (add_size(sizes, &count, v) && has_own && before > 0 &&
            sizes[before].width == sizes[0].width && sizes[before].height == sizes[0].height) {
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

/* In an extension that nobody has written down no form of yes is a slip. */
static bool is_yes(struct mb_json_value value)
{
    struct mb_slice text = mb_json_text(value);
    return value.type == MB_JSON_TRUE || mb_slice_is(text, "1") || mb_slice_is(text, "\"1\"") ||
           mb_slice_is(text, "\"true\"");
}

/* `rwdd` of 2.6; before it every exchange had a name of its own. */
static bool is_rewarded(struct mb_json_value imp)
{
    struct mb_json_value ext = get(imp, "ext"), video = get(get(imp, "video"), "ext");
    return flag(imp, "rwdd") || is_yes(get(ext, "rewarded")) || is_yes(get(video, "rewarded")) ||
           is_yes(get(get(ext, "prebid"), "is_rewarded_inventory"));
}

/* A number of 32 bits; 0 for one that is larger, as for none. */
static int32_t small(struct mb_json_value object, const char *key)
{
    int64_t number = mb_json_i64(get(object, key), 0);
    return number < INT32_MIN || number > INT32_MAX ? 0 : (int32_t)number;
}

/* Where in a pod of 2.6 the film would stand, and what it would cost there; absent outside of pods. */
static struct mb_pod read_pod(const struct reader *r, struct mb_json_value media,
                              const struct mb_imp *imp)
{
    struct mb_rate rate;
    struct mb_price per_second = mb__exchange_floor(get(media, "mincpmpersec"));
    struct mb_pod pod = {
        .id = id(media, "podid"),
        .sequence = small(media, "podseq"),
        .slot = small(media, "slotinpod"),
        .duration_s = small(media, "poddur"),
        .ads_max = small(media, "maxseq"),
    };
    if (per_second.micros > 0 &&
        mb_rates_get(r->in->rates, mb__exchange_upper(imp->currency_wire, r->in->arena), &rate)) {
        pod.floor_per_s = mb_money_to_house(per_second, rate);
    }
    return pod;
}

static void read_common(const struct reader *r, struct mb_json_value object, struct mb_imp *imp)
{
    imp->interstitial = flag(object, "instl");
    imp->rewarded = is_rewarded(object);
    imp->id = id(object, "id");
    imp->tag_id = id(object, "tagid");
    imp->secure = flag(object, "secure");
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
    if (format == MB_FORMAT_VIDEO || format == MB_FORMAT_AUDIO) {
        imp->pod = read_pod(r, media, imp);
    }
    imp->native_in_root =
        format == MB_FORMAT_NATIVE && mb_slice_is(mb_json_str(get(media, "ver")), "1.0");
    read_sizes(r, media, imp);
}

/* All that one impression offers; ExoClick's e-mail sits on the impression itself, and its popunder
 * is a full screen without a media type (docs/exchanges/exoclick.md, assumed). */
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
        } else if (r->in->endpoint->dialect == MB_DIALECT_EXOCLICK && flag(object, "instl")) {
            format = MB_FORMAT_POPUNDER;
        }
        add_imp(r, imps, &common, format, (struct mb_json_value){0});
    }
}

int mb__openrtb_imps(const struct mb_wire_in *in, struct mb_json_value list, struct mb_request *out,
                     struct mb_error *err)
{
    uint32_t given = mb_json_list_count(list);
    if (given == 0) {
        return mb_fail(err, MB_EPROTOCOL, "imp", "a bid request has at least one impression");
    }
    uint32_t taken = given > IMPS_MAX ? IMPS_MAX : given;
    struct reader r = {.in = in, .out = out, .room = (size_t)taken * MEDIA_MAX};
    struct mb_imp *imps = mb_xarena_array(in->arena, r.room, sizeof *imps);
    out->imps = imps;
    struct mb_json_value v = mb_json_list_first(list);
    for (; taken > 0; taken--, v = mb_json_list_next(list, v)) {
        read_imp(&r, v, imps);
    }
    if (out->n_imps == 0) {
        return mb_fail(err, MB_EPROTOCOL, "imp[0].id", "no impression has an id");
    }
    return 0;
}
