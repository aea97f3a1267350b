/* openrtb_imps.c - OpenRTB's impressions.
 *
 * Each media type that an impression offers becomes an impression of its own with the same id,
 * since a strategy aims at one format; the answer carries one bid for an id.
 */
#include "shape.h"

#define IMP_MEMBERS(XX)                                                                            \
    XX(id) XX(tagid) XX(bidfloor) XX(bidfloorcur) XX(secure) XX(instl) XX(rwdd) XX(pmp) XX(banner)  \
    XX(video) XX(audio) XX(native) XX(el) XX(ext)
SHAPE(imp, IMP_MEMBERS)

#define EXT_MEMBERS(XX) XX(rewarded) XX(prebid) XX(appnexus)
SHAPE(ext, EXT_MEMBERS)

#define PMP_MEMBERS(XX) XX(deals) XX(private_auction)
SHAPE(pmp, PMP_MEMBERS)

#define DEAL_MEMBERS(XX) XX(id) XX(bidfloor) XX(bidfloorcur)
SHAPE(deal, DEAL_MEMBERS)

/* banner, video, audio or native */
#define MEDIA_MEMBERS(XX)                                                                          \
    XX(w) XX(h) XX(pos) XX(format) XX(ver) XX(mincpmpersec) XX(podid) XX(podseq) XX(slotinpod)      \
    XX(poddur) XX(maxseq)
SHAPE(media, MEDIA_MEMBERS)

#define SIZE_MEMBERS(XX) XX(w) XX(h)
SHAPE(size, SIZE_MEMBERS)

enum {
    IMPS_MAX = 128, /* those beyond are left out; a feed of a hundred is the most that is heard of */
    MEDIA_MAX = 4   /* that one impression may offer */
};

struct reader {
    const struct mb_wire_in *in;
    struct mb_json *doc;
    struct mb_request *out;
    size_t room; /* impressions that there is place for */
};

/* The floor of an impression or a deal, in house currency; false where its currency has no rate. */
static bool read_floor(const struct reader *r, uint16_t bidfloor, uint16_t bidfloorcur,
                       struct mb_price *wire, struct mb_slice *currency, struct mb_price *house)
{
    struct mb_rate rate;
    *house = (struct mb_price){0};
    *wire = mb__exchange_floor(value_at(r->doc, bidfloor));
    *currency = mb__exchange_either(text_at(r->doc, bidfloorcur), MB_SLICE("USD"));
    if (wire->micros == 0) {
        return true;
    }
    struct mb_slice known = *currency;
    if (!mb__exchange_rate(r->in, &known, &rate)) {
        return false;
    }
    *house = mb_money_to_house(*wire, rate);
    return true;
}

static void read_deals(const struct reader *r, struct mb_json_value object, struct mb_imp *imp)
{
    union pmp pmp;
    find_pmp(object, &pmp);
    struct mb_json_value list = value_at(r->doc, pmp.deals);
    uint32_t room = mb_json_list_count(list);
    struct mb_slice *ids = mb_xarena_array(r->in->arena, room + 1, sizeof *ids);
    struct mb_price *floors = mb_xarena_array(r->in->arena, room + 1, sizeof *floors);
    size_t count = 0;
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        union deal deal;
        find_deal(v, &deal);
        struct mb_price wire;
        struct mb_slice currency;
        ids[count] = id_at(r->doc, deal.id);
        if (mb_slice_present(ids[count]) && read_floor(r, deal.bidfloor, deal.bidfloorcur, &wire,
                                                       &currency, &floors[count])) {
            count++;
        }
    }
    imp->deals = (struct mb_slices){ids, count};
    imp->deal_floors = floors;
    imp->deals_only = flag_at(r->doc, pmp.private_auction);
}

static bool add_size(const struct reader *r, struct mb_size *sizes, size_t *count, uint16_t w,
                     uint16_t h)
{
    int64_t width = integer_at(r->doc, w, 0), height = integer_at(r->doc, h, 0);
    if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX) {
        return false;
    }
    sizes[(*count)++] = (struct mb_size){(uint32_t)width, (uint32_t)height};
    return true;
}

/* banner.format, and w and h, which are the first of them or stand alone. */
static void read_sizes(const struct reader *r, const union media *media, struct mb_imp *imp)
{
    struct mb_json_value formats = value_at(r->doc, media->format);
    uint32_t room = mb_json_list_count(formats);
    room = room > MB_WIRE_LIST_MAX ? MB_WIRE_LIST_MAX : room;
    struct mb_size *sizes = mb_xarena_alloc_raw(r->in->arena, (room + 2) * sizeof *sizes);
    size_t count = 0;
    bool has_own = add_size(r, sizes, &count, media->w, media->h);
    for (struct mb_json_value v = mb_json_list_first(formats);
         v.type != MB_JSON_NONE && count <= room; v = mb_json_list_next(formats, v)) {
        size_t before = count;
        union size size;
        find_size(v, &size);
        if (add_size(r, sizes, &count, size.w, size.h) && has_own && before > 0 &&
            sizes[before].width == sizes[0].width && sizes[before].height == sizes[0].height) {
            count = before;
        }
    }
    imp->sizes = sizes;
    imp->n_sizes = count;
    imp->size = count > 0 ? sizes[0] : (struct mb_size){0};
}

/* OpenRTB's list of positions (AdPosition): 1 above the fold, 3 below. */
static struct mb_slice position(int64_t number)
{
    switch (number) {
    case 1:
        return MB_SLICE("above");
    case 3:
        return MB_SLICE("below");
    default:
        return MB_SLICE_NONE;
    }
}

/* Xandr's own guess of what wins (docs/exchanges/xandr.md), in the currency of its other prices. */
static struct mb_price estimated_price(const struct reader *r, struct mb_json_value appnexus)
{
    struct mb_price wire = {0};
    struct mb_rate rate;
    struct mb_slice currency = mb__exchange_either(r->in->endpoint->currency, MB_SLICE("USD"));
    bool is_known =
        mb_json_price(mb_json_get(appnexus, MB_SLICE("estimated_clear_price")), &wire) &&
        wire.micros > 0 && mb_rates_get(r->in->rates, currency, &rate);
    return is_known ? mb_money_to_house(wire, rate) : (struct mb_price){0};
}

/* In an extension that nobody has written down no form of yes is a slip. */
static bool is_yes(struct mb_json_value value)
{
    if (value.type == MB_JSON_NONE) {
        return false;
    }
    struct mb_slice text = mb_json_text(value);
    return value.type == MB_JSON_TRUE || mb_slice_is(text, "1") || mb_slice_is(text, "\"1\"") ||
           mb_slice_is(text, "\"true\"");
}

/* `rwdd` of 2.6; before it every exchange had a name of its own. */
static bool is_rewarded(const struct reader *r, const union imp *imp, const union ext *ext)
{
    struct mb_json_value of_video = mb_json_get(value_at(r->doc, imp->video), MB_SLICE("ext"));
    struct mb_json_value prebid = value_at(r->doc, ext->prebid);
    return flag_at(r->doc, imp->rwdd) || is_yes(value_at(r->doc, ext->rewarded)) ||
           is_yes(mb_json_get(of_video, MB_SLICE("rewarded"))) ||
           is_yes(mb_json_get(prebid, MB_SLICE("is_rewarded_inventory")));
}

/* A number of 32 bits; 0 for one that is larger, as for none. */
static int32_t small(const struct reader *r, uint16_t place)
{
    int64_t number = integer_at(r->doc, place, 0);
    return number < INT32_MIN || number > INT32_MAX ? 0 : (int32_t)number;
}

/* Where in a pod of 2.6 the film would stand, and what it would cost there; absent outside of pods. */
static struct mb_pod read_pod(const struct reader *r, const union media *media,
                              const struct mb_imp *imp)
{
    struct mb_rate rate;
    struct mb_price per_second = mb__exchange_floor(value_at(r->doc, media->mincpmpersec));
    struct mb_pod pod = {
        .id = id_at(r->doc, media->podid),
        .sequence = small(r, media->podseq),
        .slot = small(r, media->slotinpod),
        .duration_s = small(r, media->poddur),
        .ads_max = small(r, media->maxseq),
    };
    struct mb_slice currency = imp->currency_wire;
    if (per_second.micros > 0 && mb__exchange_rate(r->in, &currency, &rate)) {
        pod.floor_per_s = mb_money_to_house(per_second, rate);
    }
    return pod;
}

static void read_common(const struct reader *r, struct mb_json_value object,
                        const union imp *members, struct mb_imp *imp)
{
    struct mb_json *doc = r->doc;
    union ext ext;
    find_ext(value_at(doc, members->ext), &ext);
    imp->interstitial = flag_at(doc, members->instl);
    imp->rewarded = is_rewarded(r, members, &ext);
    imp->id = id_at(doc, members->id);
    imp->tag_id = id_at(doc, members->tagid);
    imp->secure = flag_at(doc, members->secure);
    imp->floor_is_strange = !read_floor(r, members->bidfloor, members->bidfloorcur,
                                        &imp->floor_wire, &imp->currency_wire, &imp->floor);
    if (ext.appnexus) {
        imp->estimated_price = estimated_price(r, value_at(doc, ext.appnexus));
    }
    imp->raw = mb__exchange_raw(object);
    if (members->pmp) {
        read_deals(r, value_at(doc, members->pmp), imp);
    }
}

static void add_imp(const struct reader *r, struct mb_imp *imps, const struct mb_imp *common,
                    enum mb_format format, struct mb_json_value object)
{
    struct mb_imp *imp = &imps[r->out->n_imps];
    union media media;
    find_media(object, &media);
    *imp = *common;
    imp->index = (uint32_t)r->out->n_imps++;
    imp->format = format;
    imp->position = position(integer_at(r->doc, media.pos, 0));
    if (format == MB_FORMAT_VIDEO || format == MB_FORMAT_AUDIO) {
        imp->pod = read_pod(r, &media, imp);
    }
    imp->native_in_root = format == MB_FORMAT_NATIVE &&
                          mb_slice_is(mb_json_str(value_at(r->doc, media.ver)), "1.0");
    read_sizes(r, &media, imp);
}

/* ExoClick's e-mail sits on the impression itself, and its popunder is a full screen without a media
 * type (docs/exchanges/exoclick.md, assumed). */
static enum mb_format format_without_media(const struct reader *r, const union imp *members)
{
    struct mb_slice email = text_at(r->doc, members->el);
    if (mb_slice_present(email)) {
        r->out->user.email = email;
        return MB_FORMAT_EMAIL_CLICK;
    }
    return r->in->endpoint->dialect == MB_DIALECT_EXOCLICK && flag_at(r->doc, members->instl)
               ? MB_FORMAT_POPUNDER
               : MB_FORMAT_NONE;
}

/* All that one impression offers. */
static void read_imp(const struct reader *r, struct mb_json_value object, struct mb_imp *imps)
{
    union imp members;
    find_imp(object, &members);
    const struct {
        uint16_t place;
        enum mb_format format;
    } offered[MEDIA_MAX] = {
        {members.banner, MB_FORMAT_BANNER},
        {members.video, MB_FORMAT_VIDEO},
        {members.audio, MB_FORMAT_AUDIO},
        {members.native, MB_FORMAT_NATIVE},
    };
    struct mb_imp common = {0};
    size_t before = r->out->n_imps;
    read_common(r, object, &members, &common);
    if (!mb_slice_present(common.id)) {
        return;
    }
    for (size_t i = 0; i < MEDIA_MAX; i++) {
        struct mb_json_value value = value_at(r->doc, offered[i].place);
        if (value.type == MB_JSON_OBJECT && r->out->n_imps < r->room) {
            add_imp(r, imps, &common, offered[i].format, value);
        }
    }
    if (r->out->n_imps == before && r->out->n_imps < r->room) {
        add_imp(r, imps, &common, format_without_media(r, &members), value_at(r->doc, 0));
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
    struct reader r = {
        .in = in, .doc = list.doc, .out = out, .room = (size_t)taken * MEDIA_MAX};
    struct mb_imp *imps = mb_xarena_alloc_raw(in->arena, r.room * sizeof *imps);
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
