/* openrtb_traffic.c - OpenRTB bid requests in three dialects: plain 2.5 and 2.6, ExoClick's 2.5 and
 * Xandr's 2.4.
 *
 * ExoClick asks for one impression, without `cur`; a popunder is `instl` without a media type, an
 * e-mail click is `el`; native's request is a JSON text with the root `native`. Xandr writes ids as
 * decimal texts, an impression's is the auction's, and names its members in `wseat`.
 */
#include "internal.h"

#include <stdio.h>

#include "moonbid/json.h"

static const struct {
    enum mb__sim_kind kind;
    unsigned percent;
} generic_mix[] =
    {
        {MB__SIM_OPENRTB_BANNER, 35}, {MB__SIM_OPENRTB_VIDEO, 15}, {MB__SIM_OPENRTB_AUDIO, 8},
        {MB__SIM_OPENRTB_NATIVE, 20}, {MB__SIM_OPENRTB_DEAL, 10},  {MB__SIM_OPENRTB_MULTI, 12},
},
  exoclick_mix[] = {
      {MB__SIM_EXOCLICK_OPENRTB_BANNER, 40},
      {MB__SIM_EXOCLICK_OPENRTB_POPUNDER, 30},
      {MB__SIM_EXOCLICK_OPENRTB_NATIVE, 20},
      {MB__SIM_EXOCLICK_OPENRTB_EMAIL, 10},
};

static const struct {
    uint32_t width, height;
} sizes[] = {{300, 250}, {728, 90}, {160, 600}, {900, 250}};

static const struct {
    const char *alpha2, *alpha3;
} countries[] = {{"DE", "DEU"}, {"AT", "AUT"}, {"CH", "CHE"}, {"FR", "FRA"},
                 {"ES", "ESP"}, {"GB", "GBR"}, {"US", "USA"}, {"JP", "JPN"}};

const struct mb__sim_asset mb__sim_assets[MB__SIM_ASSETS] = {
    {11, true, "title", "text", 0},
    {12, true, "img", "url", 3},     /* main image */
    {13, false, "data", "value", 2}, /* description */
    {14, false, "img", "url", 1},    /* icon */
};

/* --- what is asked for --- */

static enum mb__sim_kind draw_kind(enum mb__sim_protocol dialect, struct mb__sim_random *random)
{
    uint64_t draw = mb__sim_random_below(random, 100);
    size_t i = 0;

    if (dialect == MB__SIM_OPENRTB_XANDR) {
        return MB__SIM_XANDR_OPENRTB;
    }
    if (dialect == MB__SIM_OPENRTB) {
        while (draw >= generic_mix[i].percent) {
            draw -= generic_mix[i++].percent;
        }
        return generic_mix[i].kind;
    }
    while (draw >= exoclick_mix[i].percent) {
        draw -= exoclick_mix[i++].percent;
    }
    return exoclick_mix[i].kind;
}

static unsigned media_of(enum mb__sim_kind kind, struct mb__sim_random *random)
{
    switch (kind) {
    case MB__SIM_OPENRTB_VIDEO: /* now and then in a slot that takes a banner as well */
        return 1u << MB__SIM_MEDIA_VIDEO |
               (mb__sim_random_percent(random, 25) ? 1u << MB__SIM_MEDIA_BANNER : 0);
    case MB__SIM_OPENRTB_AUDIO:
        return 1u << MB__SIM_MEDIA_AUDIO;
    case MB__SIM_OPENRTB_NATIVE:
    case MB__SIM_EXOCLICK_OPENRTB_NATIVE:
        return 1u << MB__SIM_MEDIA_NATIVE;
    case MB__SIM_EXOCLICK_OPENRTB_POPUNDER:
        return 1u << MB__SIM_MEDIA_POPUNDER;
    case MB__SIM_EXOCLICK_OPENRTB_EMAIL:
        return 1u << MB__SIM_MEDIA_EMAIL;
    default:
        return 1u << MB__SIM_MEDIA_BANNER;
    }
}

/* A floor makes no sense where a click is sold: it is per thousand impressions. */
static bool has_floors(const struct mb__sim_request *request)
{
    return request->kind != MB__SIM_EXOCLICK_OPENRTB_NATIVE &&
           request->kind != MB__SIM_EXOCLICK_OPENRTB_EMAIL;
}

static void draw_imp(struct mb__sim_random *random, const struct mb__sim_request *request,
                     size_t index, struct mb__sim_imp *imp)
{
    size_t size = (size_t)mb__sim_random_below(random, sizeof(sizes) / sizeof(sizes[0]));
    bool generic = request->protocol == MB__SIM_OPENRTB;

    if (request->protocol == MB__SIM_OPENRTB_XANDR) {
        uint64_t low = (UINT64_C(1) << 53) + 1;
        snprintf(
            imp->id, sizeof(imp->id), "%llu",
            (unsigned long long)(low + mb__sim_random_below(random, (UINT64_C(1) << 63) - low)));
    } else {
        snprintf(imp->id, sizeof(imp->id), "%zu", index + 1);
    }
    imp->media = media_of(request->kind, random);
    imp->width = sizes[size].width;
    imp->height = sizes[size].height;
    imp->native_root = !generic || mb__sim_random_percent(random, 20);
    if (has_floors(request) && mb__sim_random_percent(random, 50)) {
        imp->floor.micros = 50000 * (1 + (int64_t)mb__sim_random_below(random, 20));
        imp->floor_in_eur = generic && mb__sim_random_percent(random, 40);
    }
    if (request->kind == MB__SIM_OPENRTB_DEAL) {
        imp->deal = "deal-7";
        imp->deal_floor.micros = 1500000;
        imp->deals_only = mb__sim_random_percent(random, 50);
    }
}

static void draw_request(struct mb__sim_random *random, struct mb__sim_request *out)
{
    bool several = out->kind == MB__SIM_OPENRTB_MULTI ||
                   (out->kind == MB__SIM_XANDR_OPENRTB && mb__sim_random_percent(random, 30));

    out->n_imps = several ? 2 + (size_t)mb__sim_random_below(random, MB__SIM_IMPS_MAX - 1) : 1;
    for (size_t i = 0; i < out->n_imps; i++) {
        draw_imp(random, out, i, &out->imps[i]);
    }
    out->takes_usd = true;
    out->version = out->protocol == MB__SIM_OPENRTB_XANDR ? "2.4" : "2.5";
    if (out->protocol == MB__SIM_OPENRTB) {
        out->version = mb__sim_random_percent(random, 50) ? "2.6" : "2.5";
        out->takes_eur = mb__sim_random_percent(random, 25);
        out->takes_usd = !out->takes_eur || mb__sim_random_percent(random, 50);
    }
    out->blocked = mb__sim_random_percent(random, 5) ? "shop.example" : "spam.example";
    if (out->protocol == MB__SIM_OPENRTB_XANDR) {
        out->members[out->n_members++] = 4401;
        if (mb__sim_random_percent(random, 25)) {
            out->members[out->n_members++] = 4402;
        }
        snprintf(out->id, sizeof(out->id), "%llu",
                 (unsigned long long)(mb__sim_random_next(random) >> 1));
    } else {
        snprintf(out->id, sizeof(out->id), "%016llx-%s",
                 (unsigned long long)mb__sim_random_next(random),
                 mb__sim_random_percent(random, 5) ? "a\"b\\c" : "r");
    }
}

/* --- how it is written --- */

static void key_text_list(struct mb_json_writer *w, const char *key, const char *a, const char *b)
{
    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    mb_jsonw_str(w, mb_slice_of(a));
    if (b) {
        mb_jsonw_str(w, mb_slice_of(b));
    }
    mb_jsonw_array_end(w);
}

static void key_price(struct mb_json_writer *w, const char *key, struct mb_price price)
{
    mb_jsonw_key(w, key);
    mb_jsonw_price(w, price);
}

static void write_size(struct mb_json_writer *w, const struct mb__sim_imp *imp)
{
    mb__sim_key_number(w, "w", imp->width);
    mb__sim_key_number(w, "h", imp->height);
}

static void write_banner(struct mb_json_writer *w, const struct mb__sim_imp *imp)
{
    mb_jsonw_key(w, "banner");
    mb_jsonw_object(w);
    mb__sim_key_text(w, "id", "1");
    write_size(w, imp);
    mb_jsonw_key(w, "format");
    mb_jsonw_array(w);
    mb_jsonw_object(w);
    write_size(w, imp);
    mb_jsonw_object_end(w);
    mb_jsonw_array_end(w);
    mb__sim_key_number(w, "pos", 1);
    mb_jsonw_object_end(w);
}

static void write_played(struct mb_json_writer *w, const char *key, const char *mime,
                         const struct mb__sim_imp *imp)
{
    mb_jsonw_key(w, key);
    mb_jsonw_object(w);
    key_text_list(w, "mimes", mime, NULL);
    mb__sim_key_number(w, "minduration", 5);
    mb__sim_key_number(w, "maxduration", 30);
    mb_jsonw_key(w, "protocols");
    mb_jsonw_raw(w, MB_SLICE("[2,3,5,6]"));
    if (strcmp(key, "video") == 0) {
        write_size(w, imp);
    }
    mb_jsonw_object_end(w);
}

static void write_asset(struct mb_json_writer *w, const struct mb__sim_asset *asset)
{
    mb_jsonw_object(w);
    mb__sim_key_number(w, "id", asset->id);
    mb__sim_key_number(w, "required", asset->required);
    mb_jsonw_key(w, asset->member);
    mb_jsonw_object(w);
    if (asset->type > 0) {
        mb__sim_key_number(w, "type", asset->type);
    } else {
        mb__sim_key_number(w, "len", 90);
    }
    mb_jsonw_object_end(w);
    mb_jsonw_object_end(w);
}

/* A document in a text; ExoClick's version is a number outside and a text within. */
static void write_native(struct mb_json_writer *w, const struct mb__sim_imp *imp, bool exoclick)
{
    const char *version = imp->native_root && !exoclick ? "1.0" : "1.2";
    struct mb_buf text = {0};
    struct mb_json_writer inner;

    mb_json_writer_init(&inner, &text);
    mb_jsonw_object(&inner);
    if (imp->native_root) {
        mb_jsonw_key(&inner, "native");
        mb_jsonw_object(&inner);
    }
    mb__sim_key_text(&inner, "ver", version);
    mb_jsonw_key(&inner, "assets");
    mb_jsonw_array(&inner);
    for (size_t i = 0; i < MB__SIM_ASSETS; i++) {
        write_asset(&inner, &mb__sim_assets[i]);
    }
    mb_jsonw_array_end(&inner);
    if (imp->native_root) {
        mb_jsonw_object_end(&inner);
    }
    mb_jsonw_object_end(&inner);

    mb_jsonw_key(w, "native");
    mb_jsonw_object(w);
    mb_jsonw_key(w, "request");
    mb_jsonw_str(w, mb_buf_slice(&text));
    mb_jsonw_key(w, "ver");
    if (exoclick) {
        mb_jsonw_raw(w, mb_slice_of(version));
    } else {
        mb_jsonw_str(w, mb_slice_of(version));
    }
    mb_jsonw_object_end(w);
    mb_buf_fini(&text);
}

static void write_deals(struct mb_json_writer *w, const struct mb__sim_imp *imp)
{
    mb_jsonw_key(w, "pmp");
    mb_jsonw_object(w);
    mb__sim_key_number(w, "private_auction", imp->deals_only);
    mb_jsonw_key(w, "deals");
    mb_jsonw_array(w);
    mb_jsonw_object(w);
    mb__sim_key_text(w, "id", imp->deal);
    key_price(w, "bidfloor", imp->deal_floor);
    mb__sim_key_text(w, "bidfloorcur", "USD");
    mb__sim_key_number(w, "at", 3);
    mb_jsonw_object_end(w);
    mb_jsonw_array_end(w);
    mb_jsonw_object_end(w);
}

static void write_media(struct mb_json_writer *w, const struct mb__sim_request *request,
                        const struct mb__sim_imp *imp)
{
    if (imp->media & 1u << MB__SIM_MEDIA_BANNER) {
        write_banner(w, imp);
    }
    if (imp->media & 1u << MB__SIM_MEDIA_VIDEO) {
        write_played(w, "video", "video/mp4", imp);
    }
    if (imp->media & 1u << MB__SIM_MEDIA_AUDIO) {
        write_played(w, "audio", "audio/mpeg", imp);
    }
    if (imp->media & 1u << MB__SIM_MEDIA_NATIVE) {
        write_native(w, imp, request->protocol == MB__SIM_OPENRTB_EXOCLICK);
    }
    if (imp->media & 1u << MB__SIM_MEDIA_POPUNDER) {
        mb__sim_key_number(w, "instl", 1);
    }
    if (imp->media & 1u << MB__SIM_MEDIA_EMAIL) {
        mb__sim_key_text(w, "el", "dXNlckBleGFtcGxlLm9yZw==");
    }
}

static void write_imp(struct mb_json_writer *w, const struct mb__sim_request *request,
                      const struct mb__sim_imp *imp)
{
    mb_jsonw_object(w);
    mb__sim_key_text(w, "id", imp->id);
    mb__sim_key_text(w, "tagid", "550001");
    mb__sim_key_number(w, "secure", 1);
    if (imp->floor.micros > 0) {
        key_price(w, "bidfloor", imp->floor);
        if (imp->floor_in_eur || request->protocol == MB__SIM_OPENRTB_EXOCLICK) {
            mb__sim_key_text(w, "bidfloorcur", imp->floor_in_eur ? "EUR" : "USD");
        }
    }
    write_media(w, request, imp);
    if (imp->deal) {
        write_deals(w, imp);
    }
    mb_jsonw_object_end(w);
}

static void write_site(struct mb_json_writer *w, const struct mb__sim_request *request,
                       const struct mb__sim_visitor *visitor)
{
    char page[96];

    snprintf(page, sizeof(page), "https://%s/a?b=1&c=<2>", visitor->domain);
    mb_jsonw_key(w, "site");
    mb_jsonw_object(w);
    mb__sim_key_text(w, "id", "7001");
    mb__sim_key_text(w, "domain", visitor->domain);
    mb__sim_key_text(w, "page", page);
    if (request->protocol == MB__SIM_OPENRTB_EXOCLICK) {
        mb__sim_key_text(w, "keyword", "travel");
        mb_jsonw_key(w, "ext");
        mb_jsonw_object(w);
        mb__sim_key_number(w, "exchangecat", 508);
        mb__sim_key_number(w, "idzone", 778899);
        mb_jsonw_object_end(w);
    }
    mb_jsonw_object_end(w);
}

static void write_device(struct mb_json_writer *w, const struct mb__sim_visitor *visitor)
{
    bool is_ipv6 = strchr(visitor->ip, ':') != NULL;

    mb_jsonw_key(w, "device");
    mb_jsonw_object(w);
    mb__sim_key_text(w, "ua", visitor->user_agent);
    mb__sim_key_text(w, is_ipv6 ? "ipv6" : "ip", visitor->ip);
    mb__sim_key_text(w, "language", visitor->language);
    for (size_t i = 0; visitor->country && i < sizeof(countries) / sizeof(countries[0]); i++) {
        if (strcmp(countries[i].alpha2, visitor->country) == 0) {
            mb_jsonw_key(w, "geo");
            mb_jsonw_object(w);
            mb__sim_key_text(w, "country", countries[i].alpha3);
            mb_jsonw_object_end(w);
        }
    }
    mb_jsonw_object_end(w);
}

/* The user, and the rules that 2.6 moved out of `ext`. */
static void write_user_and_rules(struct mb_json_writer *w, const struct mb__sim_request *request,
                                 const struct mb__sim_visitor *visitor)
{
    bool moved = strcmp(request->version, "2.6") == 0;

    mb_jsonw_key(w, "user");
    mb_jsonw_object(w);
    mb__sim_key_text(w, "id", visitor->user_id);
    mb_jsonw_object_end(w);
    mb_jsonw_key(w, "regs");
    mb_jsonw_object(w);
    if (!moved) {
        mb_jsonw_key(w, "ext");
        mb_jsonw_object(w);
    }
    mb__sim_key_number(w, "gdpr", 0);
    if (!moved) {
        mb_jsonw_object_end(w);
    }
    mb_jsonw_object_end(w);
    key_text_list(w, "badv", request->blocked, NULL);
}

static void write_dialect(struct mb_json_writer *w, const struct mb__sim_request *request)
{
    if (request->protocol == MB__SIM_OPENRTB_EXOCLICK) {
        mb_jsonw_key(w, "ext");
        mb_jsonw_object(w);
        mb__sim_key_number(w, "sub", 112233);
        mb_jsonw_object_end(w);
        return;
    }
    if (request->takes_eur) {
        key_text_list(w, "cur", "EUR", request->takes_usd ? "USD" : NULL);
    }
    if (request->protocol == MB__SIM_OPENRTB_XANDR) {
        char seats[MB__SIM_MEMBERS_MAX][12] = {"", ""};
        for (size_t i = 0; i < request->n_members; i++) {
            snprintf(seats[i], sizeof(seats[i]), "%u", request->members[i]);
        }
        key_text_list(w, "wseat", seats[0], *seats[1] ? seats[1] : NULL);
    }
}

void mb__sim_openrtb_request(enum mb__sim_protocol dialect, const char *path,
                             struct mb__sim_random *random, struct mb__sim_request *out)
{
    struct mb__sim_visitor visitor;
    struct mb_json_writer w;

    mb__sim_visitor_draw(random, &visitor);
    out->protocol = dialect;
    out->kind = draw_kind(dialect, random);
    draw_request(random, out);
    mb_xbuf_add_text(&out->target, path);
    if (dialect == MB__SIM_OPENRTB_EXOCLICK) {
        mb_xbuf_printf(&out->target, "?zone_id=778899&src_hostname=%s", visitor.domain);
    }

    mb_json_writer_init(&w, &out->body);
    mb_jsonw_object(&w);
    mb__sim_key_text(&w, "id", out->id);
    mb__sim_key_number(&w, "at", dialect == MB__SIM_OPENRTB_EXOCLICK ? 1 : 2);
    mb__sim_key_number(&w, "tmax", 200);
    mb_jsonw_key(&w, "imp");
    mb_jsonw_array(&w);
    for (size_t i = 0; i < out->n_imps; i++) {
        write_imp(&w, out, &out->imps[i]);
    }
    mb_jsonw_array_end(&w);
    write_site(&w, out, &visitor);
    write_device(&w, &visitor);
    write_user_and_rules(&w, out, &visitor);
    write_dialect(&w, out);
    mb_jsonw_object_end(&w);
}
