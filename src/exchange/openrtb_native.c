/* openrtb_native.c - a native answer made of plain fields: title, image, icon, description and landing page are
 * put where the impression's assets ask for them, so that a strategy written for push bids on native too.
 *
 * Lists of the native specification: image type 1 icon, 3 main; data type 2 description, 12 call to action.
 */
#include "internal.h"

enum { IMAGE_ICON = 1, IMAGE_MAIN = 3, DATA_DESCRIPTION = 2 };

static struct mb_json_value get(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

/* The request's assets: a document in a text, or as it stands, with or without the root `native`. */
static struct mb_json_value read_assets(struct mb_json_value imp)
{
    struct mb_json_value request = get(get(imp, "native"), "request"), root = request;
    if (request.type == MB_JSON_STRING) {
        struct mb_arena *arena = imp.doc->arena;
        struct mb_json *doc = mb_xarena_alloc(arena, sizeof *doc);
        if (mb_json_parse(doc, arena, mb_json_str(request), NULL) != 0) {
            return (struct mb_json_value){0};
        }
        root = mb_json_root(doc);
    }
    struct mb_json_value inner = get(root, "native");
    return get(inner.type == MB_JSON_OBJECT ? inner : root, "assets");
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
    if (mb_json_i64(get(data, "type"), 0) == DATA_DESCRIPTION) {
        *member = "data";
        *key = "value";
        return bid->description;
    }
    return MB_SLICE_NONE;
}

static void write_asset(struct mb_json_writer *w, struct mb_json_value asset, const char *member, const char *key,
                        struct mb_slice value)
{
    mb_jsonw_object(w);
    mb_jsonw_key(w, "id");
    mb_jsonw_i64(w, mb_json_i64(get(asset, "id"), 0));
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
        if (mb_slice_empty(value)) {
            if (mb_json_bool(get(asset, "required"), false)) {
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

/* Event 1, method 1: an impression, by an image. */
static void write_trackers(struct mb_json_writer *w, struct mb_slice tracker)
{
    if (mb_slice_empty(tracker)) {
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
    mb_jsonw_str(w, tracker);
    mb_jsonw_object_end(w);
    mb_jsonw_array_end(w);
}

bool mb__openrtb_add_native(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *out)
{
    (void)request;
    struct mb_json_value imp = {bid->imp->raw.doc, bid->imp->raw.token, bid->imp->raw.type};
    struct mb_json_value assets = read_assets(imp);
    struct mb_json_writer w;
    if (mb_slice_empty(bid->click_url) || write_assets(bid, assets, NULL) <= 0) {
        return false; /* nor is an ad without any asset one */
    }
    if (!out) {
        return true;
    }
    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "ver");
    mb_jsonw_str(&w, MB_SLICE("1.2"));
    mb_jsonw_key(&w, "link");
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "url");
    mb_jsonw_str(&w, bid->click_url);
    mb_jsonw_object_end(&w);
    mb_jsonw_key(&w, "assets");
    mb_jsonw_array(&w);
    (void)write_assets(bid, assets, &w);
    mb_jsonw_array_end(&w);
    write_trackers(&w, bid->imptracker);
    mb_jsonw_object_end(&w);
    return true;
}
