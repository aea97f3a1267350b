/* openrtb_markup.c - whether a bid's markup can be shown: HTML, VAST, a native document, or one of
 * ExoClick's <ad> documents. */
#include "internal.h"

#include "moonbid/json_doc.h"

static struct mb_slice behind(struct mb_slice s, size_t at)
{
    return mb_slice(s.data + at, s.len - at);
}

/* --- HTML --- */

/* Every href and src, which are what a page fetches and opens. */
static const char *check_links(struct mb_slice html, const char *attribute, size_t *links)
{
    struct mb_slice rest = html;
    long at;

    while ((at = mb_slice_find(rest, mb_slice_of(attribute))) >= 0) {
        rest = behind(rest, (size_t)at + strlen(attribute));
        at = mb_slice_find_char(rest, '"');
        if (at < 0 || !mb__sim_is_url(mb_slice(rest.data, (size_t)at))) {
            return "HTML: a link that is no URL";
        }
        ++*links;
    }
    return NULL;
}

static const char *check_html(struct mb_slice html)
{
    size_t links = 0;
    const char *why = check_links(html, "href=\"", &links);

    if (!why) {
        why = check_links(html, "src=\"", &links);
    }
    if (!why && (!mb_slice_starts(html, MB_SLICE("<")) || !mb_slice_ends(html, MB_SLICE(">")))) {
        why = "HTML: not from a tag to a tag";
    }
    return why ? why : links > 0 ? NULL : "HTML: nothing to fetch or open";
}

/* --- native --- */

static const struct mb__sim_asset *find_asset(double id)
{
    for (size_t i = 0; i < MB__SIM_ASSETS; i++) {
        if ((double)mb__sim_assets[i].id == id) {
            return &mb__sim_assets[i];
        }
    }
    return NULL;
}

static bool is_url_text(const struct mb_doc *node)
{
    return mb_doc_is_string(node) && mb__sim_is_url(mb_slice_of(mb_doc_text(node)));
}

/* One answered asset; `*seen` has a bit for each that was. */
static const char *check_asset(const struct mb_doc *node, unsigned *seen)
{
    const struct mb__sim_asset *asset = find_asset(mb_doc_number(mb_doc_get(node, "id"), -1));
    const struct mb_doc *value;
    unsigned bit;

    if (!asset) {
        return "native: an asset that was not asked for";
    }
    bit = 1u << (asset - mb__sim_assets);
    if (*seen & bit) {
        return "native: an asset twice";
    }
    *seen |= bit;
    value = mb_doc_get(mb_doc_get(node, asset->member), asset->key);
    if (!mb_doc_is_string(value) || *mb_doc_text(value) == '\0') {
        return "native: an asset without its value";
    }
    if (strcmp(asset->member, "img") == 0 && !is_url_text(value)) {
        return "native: an image that is no URL";
    }
    return NULL;
}

static const char *check_assets(const struct mb_doc *native)
{
    const struct mb_doc *assets = mb_doc_get(native, "assets");
    unsigned seen = 0;

    if (!is_url_text(mb_doc_get(mb_doc_get(native, "link"), "url"))) {
        return "native: link.url is no URL";
    }
    for (const struct mb_doc *node = mb_doc_first(assets); node; node = mb_doc_next(node)) {
        const char *why = check_asset(node, &seen);
        if (why) {
            return why;
        }
    }
    for (size_t i = 0; i < MB__SIM_ASSETS; i++) {
        if (mb__sim_assets[i].required && !(seen & 1u << i)) {
            return "native: a required asset is missing";
        }
    }
    return NULL;
}

static const char *check_native(const struct mb__sim_imp *imp, struct mb_slice text)
{
    struct mb_doc *root = NULL;
    const struct mb_doc *inner;
    const char *why;

    if (mb_doc_parse(text, &root, NULL)) {
        return "native: not JSON";
    }
    inner = mb_doc_get(root, "native");
    if (imp->native_root != mb_doc_is_object(inner)) {
        why = "native: a root where none is due, or the other way round";
    } else {
        why = check_assets(inner ? inner : root);
    }
    mb_doc_free(root);
    return why;
}

/* --- ExoClick's <ad> --- */

/* The document's one child: <ad><name>...</name></ad> gives <name>...</name>, else absent. */
static struct mb_slice ad_child(struct mb_slice text)
{
    static const char prolog[] = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>";

    if (mb_slice_starts(text, mb_slice_of(prolog))) {
        text = mb_slice_trim(behind(text, sizeof(prolog) - 1));
    }
    if (!mb_slice_starts(text, MB_SLICE("<ad>")) || !mb_slice_ends(text, MB_SLICE("</ad>"))) {
        return MB_SLICE_NONE;
    }
    return mb_slice_trim(mb_slice(text.data + 4, text.len - 9));
}

/* The prolog tells another character set than JSON's. */
static bool is_ascii(struct mb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static const char *check_ad(enum mb__sim_media media, struct mb_slice text)
{
    bool image = media == MB__SIM_MEDIA_BANNER;
    struct mb_slice child = ad_child(text);
    struct mb__sim_fields fields = {0};
    const char *why;

    if (!mb_slice_present(child) || !is_ascii(text)) {
        return "<ad>: not ExoClick's document, or not ASCII";
    }
    if (image && mb_slice_starts(child, MB_SLICE("<iframeAd>"))) {
        image = false;
        why = mb__sim_xml_read(child, "iframeAd", &fields);
    } else {
        why = mb__sim_xml_read(child, image ? "imageAd" : "popunderAd", &fields);
    }
    if (!why && fields.count != (image ? 2 : 1)) {
        why = "<ad>: other elements than this ad has";
    }
    for (size_t i = 0; i < fields.count && !why; i++) {
        const char *name = fields.items[i].name;
        bool known = image ? strcmp(name, "clickUrl") == 0 || strcmp(name, "imgUrl") == 0
                           : strcmp(name, "url") == 0;
        why = !known ? "<ad>: other elements than this ad has"
              : !mb__sim_is_url(mb_buf_slice(&fields.items[i].text)) ? "<ad>: not a URL"
                                                                     : NULL;
    }
    mb__sim_fields_fini(&fields);
    return why;
}

/* --- VAST --- */

/* The versions that the traffic asks for; a document with an ad in it has all that a player needs. */
static const char *check_vast(struct mb_slice text)
{
    static const char *const needs[][4] = {
        {"<InLine>", "<Impression>", "<Duration>", "<MediaFile "},
        {"<Wrapper>", "<Impression>", "<VASTAdTagURI>", "<AdSystem>"},
    };
    const char *why = mb__sim_xml_check(text, "VAST");

    if (!why && mb_slice_find(text, MB_SLICE("<VAST version=\"2.0\"")) < 0 &&
        mb_slice_find(text, MB_SLICE("<VAST version=\"3.0\"")) < 0) {
        why = "VAST: a version that was not asked for";
    }
    for (size_t i = 0; i < 2 && !why; i++) {
        if (mb_slice_find(text, mb_slice_of(needs[i][0])) < 0) {
            continue;
        }
        for (size_t k = 1; k < 4 && !why; k++) {
            why = mb_slice_find(text, mb_slice_of(needs[i][k])) < 0 ? "VAST: an element is missing" : NULL;
        }
    }
    return why;
}

/* --- by media --- */

const char *mb__sim_openrtb_markup(const struct mb__sim_request *request,
                                   const struct mb__sim_imp *imp, enum mb__sim_media media,
                                   struct mb_slice markup)
{
    if (!mb__sim_is_xml_text(markup)) {
        return "markup: not UTF-8, or a character that no document can hold";
    }
    if (mb_slice_find(markup, MB_SLICE("{{")) >= 0) {
        return "markup: a token of ours is left";
    }
    switch (media) {
    case MB__SIM_MEDIA_VIDEO:
    case MB__SIM_MEDIA_AUDIO:
        return check_vast(markup);
    case MB__SIM_MEDIA_NATIVE:
        return check_native(imp, markup);
    case MB__SIM_MEDIA_BANNER:
        return request->protocol == MB__SIM_OPENRTB_EXOCLICK ? check_ad(media, markup)
                                                             : check_html(markup);
    default:
        return check_ad(media, markup);
    }
}
