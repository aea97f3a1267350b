/* openrtb_native.c - a native answer in the version that the impression asks for: the strategy's own document, or one
 * made of plain fields: title, image, icon, description and landing page are put where the impression's assets ask
 * for them, so that a strategy written for push bids on native too.
 *
 * Lists of the native specification: image type 1 icon, 3 main; data type 1 sponsor, 2 description, 11 shown
 * URL.
 */
#include "fields.h"

enum { IMAGE_ICON = 1, IMAGE_MAIN = 3, DATA_SPONSOR = 1, DATA_DESCRIPTION = 2, DATA_DISPLAY_URL = 11 };

/* One of Xandr's own samples has a brace too many behind its document: what stands before it counts. */
static bool parse_request(struct mb_json *doc, struct mb_arena *arena, struct mb_slice text)
{
    struct mb_error err = {.at = -1};
    if (mb_json_parse(doc, arena, text, &err) == 0) {
        return true;
    }
    return err.at > 0 && (size_t)err.at < text.len && text.data[err.at] == '}' &&
           mb_json_parse(doc, arena, mb_slice(text.data, (size_t)err.at), NULL) == 0;
}

/* The impression's request: a document in a text, or as it stands; Google's has an object `request_native` too. */
static struct mb_json_value read_request(struct mb_json_value imp)
{
    struct mb_json_value native = get(imp, "native"), request = get(native, "request");
    if (!mb_json_present(request)) {
        request = get(native, "request_native");
    }
    if (request.type == MB_JSON_STRING) {
        struct mb_arena *arena = imp.doc->arena;
        struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
        return parse_request(doc, arena, mb_json_str(request)) ? mb_json_root(doc) : (struct mb_json_value){0};
    }
    return request;
}

/* With or without the root `native`. */
static struct mb_json_value assets_of(struct mb_json_value request)
{
    struct mb_json_value inner = get(request, "native");
    return get(inner.type == MB_JSON_OBJECT ? inner : request, "assets");
}

/* What the bid has for the asset: absent, or the text and the member that it goes into. */
static struct mb_slice value_for(const struct mb_bid *bid, struct mb_json_value asset, const char **member,
                                 const char **key)
{
    struct mb_json_value title = get(asset, "title"), image = get(asset, "img"), data = get(asset, "data");
    if (mb_json_present(title)) {
        *member = "title";
        *key = "text";
        return bid->title;
    }
    if (mb_json_present(image)) {
        bool icon = mb_json_i64(get(image, "type"), IMAGE_MAIN) == IMAGE_ICON;
        *member = "img";
        *key = "url";
        return icon && bid->n_icons > 0 ? bid->icons[0].url
               : icon                   ? MB_SLICE_NONE
                                        : mb__exchange_either(bid->image_url, bid->n_icons > 0 ? bid->icons[0].url
                                                                                               : MB_SLICE_NONE);
    }
    *member = "data";
    *key = "value";
    switch (mb_json_i64(get(data, "type"), 0)) {
    case DATA_DESCRIPTION:
        return bid->description;
    case DATA_SPONSOR:
    case DATA_DISPLAY_URL: /* who pays is known by the domain */
        return bid->advertiser_domains.count > 0 ? bid->advertiser_domains.items[0] : MB_SLICE_NONE;
    default:
        return MB_SLICE_NONE;
    }
}

/* The digits of an asset's id; absent for one that no answer could name. */
static struct mb_slice asset_id(struct mb_json_value asset)
{
    struct mb_slice digits = id(asset, "id");
    return mb__exchange_is_integer(digits) ? digits : MB_SLICE_NONE;
}

static void write_asset(struct mb_json_writer *w, struct mb_json_value asset, const char *member, const char *key,
                        struct mb_slice value)
{
    mb_jsonw_object(w);
    mb_jsonw_key(w, "id");
    mb_jsonw_id(w, asset_id(asset));
    mb_jsonw_key(w, member);
    mb_jsonw_object(w);
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, value);
    mb_jsonw_object_end(w);
    mb_jsonw_object_end(w);
}

/* How many of the assets have a value; -1 where a required one has none. Writes where `w` is not NULL. */
static int write_assets(const struct mb_bid *bid, struct mb_json_value assets, struct mb_json_writer *w)
{
    int count = 0;
    for (struct mb_json_value asset = mb_json_list_first(assets); asset.type != MB_JSON_NONE;
         asset = mb_json_list_next(assets, asset)) {
        const char *member = NULL, *key = NULL;
        struct mb_slice value = value_for(bid, asset, &member, &key);
        if (mb_slice_empty(value) || !mb_slice_present(asset_id(asset))) {
            if (flag(asset, "required")) {
                return -1;
            }
            continue;
        }
        count++;
        if (w) {
            write_asset(w, asset, member, key, value);
        }
    }
    return count;
}

/* --- versions --- */

enum { NATIVE_1_0 = 10, NATIVE_1_1 = 11, NATIVE_1_2 = 12 };

/* What the impression asks for: the version of its own member, else the one inside of the request; 1.2 where
 * neither says. */
static int asked_version(struct mb_json_value imp, struct mb_json_value request)
{
    struct mb_json_value inner = get(request, "native");
    struct mb_slice outer = mb_json_str(get(get(imp, "native"), "ver"));
    struct mb_slice version = mb__exchange_either(
        outer, mb_json_str(get(inner.type == MB_JSON_OBJECT ? inner : request, "ver")));
    return mb_slice_is(version, "1.0") || mb_slice_is(version, "1") ? NATIVE_1_0
           : mb_slice_is(version, "1.1")                            ? NATIVE_1_1
                                                                    : NATIVE_1_2;
}

static void write_version(struct mb_json_writer *w, int version)
{
    mb_jsonw_key(w, "ver");
    mb_jsonw_str(w, version == NATIVE_1_0   ? MB_SLICE("1.0")
                    : version == NATIVE_1_1 ? MB_SLICE("1.1")
                                            : MB_SLICE("1.2"));
}

static void write_urls(struct mb_json_writer *w, const char *key, struct mb_slice url)
{
    mb_jsonw_key(w, key);
    mb_jsonw_array(w);
    mb_jsonw_str(w, url);
    mb_jsonw_array_end(w);
}

/* An impression, by an image: event 1 and method 1 of the lists of 1.2, `imptrackers` before it. */
static void write_tracker(struct mb_json_writer *w, struct mb_slice url, int version)
{
    if (mb_slice_empty(url)) {
        return;
    }
    if (version < NATIVE_1_2) {
        write_urls(w, "imptrackers", url);
        return;
    }
    mb_jsonw_key(w, "eventtrackers");
    mb_jsonw_array(w);
    mb_jsonw_object(w);
    mb_jsonw_key(w, "event");
    mb_jsonw_i64(w, 1);
    mb_jsonw_key(w, "method");
    mb_jsonw_i64(w, 1);
    mb_jsonw_key(w, "url");
    mb_jsonw_str(w, url);
    mb_jsonw_object_end(w);
    mb_jsonw_array_end(w);
}

static void write_plain(const struct mb_bid *bid, struct mb_json_value assets, int version, struct mb_buf *out)
{
    struct mb_json_writer w;
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    write_version(&w, version);
    mb_jsonw_key(&w, "link");
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "url");
    mb_jsonw_str(&w, bid->click_url);
    mb_jsonw_object_end(&w);
    mb_jsonw_key(&w, "assets");
    mb_jsonw_array(&w);
    (void)write_assets(bid, assets, &w);
    mb_jsonw_array_end(&w);
    write_tracker(&w, bid->imptracker, version);
    mb_jsonw_object_end(&w);
}

/* --- the strategy's own document --- */

static bool is_tracker(struct mb_json_value tracker, int64_t method)
{
    return mb_json_i64(get(tracker, "event"), 0) == 1 && mb_json_i64(get(tracker, "method"), 0) == method &&
           !mb_slice_empty(mb_json_str(get(tracker, "url")));
}

/* Event trackers in the words that were there before 1.2: images of an impression are `imptrackers`, a script is
 * `jstracker`; other events had no place. */
static void write_old_trackers(struct mb_json_writer *w, struct mb_json_value root)
{
    struct mb_json_value events = get(root, "eventtrackers"), images = get(root, "imptrackers");
    struct mb_slice script = MB_SLICE_NONE;
    mb_jsonw_key(w, "imptrackers");
    mb_jsonw_array(w);
    for (struct mb_json_value v = mb_json_list_first(images); v.type != MB_JSON_NONE; v = mb_json_list_next(images, v)) {
        mb_jsonw_str(w, mb_json_str(v));
    }
    for (struct mb_json_value v = mb_json_list_first(events); v.type != MB_JSON_NONE; v = mb_json_list_next(events, v)) {
        if (is_tracker(v, 1)) {
            mb_jsonw_str(w, mb_json_str(get(v, "url")));
        } else if (is_tracker(v, 2)) {
            script = mb_json_str(get(v, "url"));
        }
    }
    mb_jsonw_array_end(w);
    if (mb_slice_present(script) && mb_slice_find_char(script, '"') < 0 && !mb_json_present(get(root, "jstracker"))) {
        mb_jsonw_key(w, "jstracker");
        mb_jsonw_str(w, mb_xarena_printf(root.doc->arena, "<script src=\"%.*s\"></script>", MB_SLICE_ARG(script)));
    }
}

static void write_given(struct mb_json_value root, int version, struct mb_buf *out)
{
    struct mb_json_writer w;
    bool old = version < NATIVE_1_2 && mb_json_present(get(root, "eventtrackers"));
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    write_version(&w, version);
    for (struct mb_json_value v = mb_json_first(root); v.type != MB_JSON_NONE; v = mb_json_next(root, v)) {
        struct mb_slice key = mb_json_key(v);
        if (mb_slice_is(key, "ver") ||
            (old && (mb_slice_is(key, "eventtrackers") || mb_slice_is(key, "imptrackers")))) {
            continue;
        }
        mb_jsonw_key_slice(&w, key);
        mb_jsonw_raw(&w, mb_json_text(v));
    }
    if (old) {
        write_old_trackers(&w, root);
    }
    mb_jsonw_object_end(&w);
}

/* Is there an answer with the id of each asset that is required? */
static bool has_required(struct mb_json_value asked, struct mb_json_value given)
{
    for (struct mb_json_value a = mb_json_list_first(asked); a.type != MB_JSON_NONE; a = mb_json_list_next(asked, a)) {
        bool found = !flag(a, "required");
        for (struct mb_json_value g = mb_json_list_first(given); g.type != MB_JSON_NONE && !found;
             g = mb_json_list_next(given, g)) {
            found = mb_slice_present(asset_id(a)) && mb_slice_eq(asset_id(g), asset_id(a));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static const char *judge_given(struct mb_json_value root, struct mb_json_value asked)
{
    struct mb_json_value assets = get(root, "assets");
    bool elsewhere = mb_json_present(get(root, "assetsurl")) || mb_json_present(get(root, "dcourl"));
    return root.type != MB_JSON_OBJECT                                          ? "native"
           : mb_slice_empty(mb_json_str(get(get(root, "link"), "url"))) ? "native.link.url"
           : elsewhere                                                          ? NULL
           : mb_json_count(assets) == 0 || !has_required(asked, assets)         ? "native.assets"
                                                                                : NULL;
}

/* The document that the strategy gave, without a root of its own. */
static struct mb_json_value parse_given(const struct mb_bid *bid, struct mb_arena *arena)
{
    struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
    if (mb_json_parse(doc, arena, bid->native, NULL) != 0) {
        return (struct mb_json_value){0};
    }
    struct mb_json_value root = mb_json_root(doc), inner = get(root, "native");
    return inner.type == MB_JSON_OBJECT && mb_json_count(root) == 1 ? inner : root;
}

bool mb__openrtb_asks_native_object(const struct mb_imp *imp)
{
    struct mb_json_value object = {imp->raw.doc, imp->raw.token, imp->raw.type}, native = get(object, "native");
    return !mb_json_present(get(native, "request")) && get(native, "request_native").type == MB_JSON_OBJECT;
}

const char *mb__openrtb_add_native(const struct mb_bid *bid, struct mb_buf *out)
{
    struct mb_json_value imp = {bid->imp->raw.doc, bid->imp->raw.token, bid->imp->raw.type};
    struct mb_json_value request = read_request(imp), assets = assets_of(request);
    int version = asked_version(imp, request);
    if (!mb_slice_empty(bid->native)) {
        struct mb_json_value root = parse_given(bid, imp.doc->arena);
        const char *culprit = judge_given(root, assets);
        if (!culprit && out) {
            write_given(root, version, out);
        }
        return culprit;
    }
    if (mb_slice_empty(bid->click_url) || write_assets(bid, assets, NULL) <= 0) {
        return "native"; /* nor is an ad without any asset one */
    }
    if (out) {
        write_plain(bid, assets, version, out);
    }
    return NULL;
}
