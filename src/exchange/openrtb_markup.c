/* openrtb_markup.c - what goes into `adm`: the script's own markup, or one made of the fields by which the same
 * strategy bids on ExoClick's protocol: an image with its landing page, a page to open, a title and an icon.
 */
#include "internal.h"

/* --- pieces --- */

static void add_image_link(struct mb_buf *out, const struct mb_bid *bid)
{
    struct mb_size size = bid->size.width > 0 ? bid->size : bid->imp->size;
    mb_xbuf_add_text(out, "<a href=\"");
    mb__exchange_add_escaped(out, bid->click_url);
    mb_xbuf_add_text(out, "\" target=\"_blank\"><img src=\"");
    mb__exchange_add_escaped(out, bid->image_url);
    mb_xbuf_add_text(out, "\" alt=\"\"");
    if (size.width > 0) {
        mb_xbuf_add_text(out, " width=\"");
        mb_xbuf_add_u64(out, size.width);
        mb_xbuf_add_text(out, "\" height=\"");
        mb_xbuf_add_u64(out, size.height);
        mb_xbuf_add_char(out, '"');
    }
    mb_xbuf_add_text(out, "></a>");
    if (!mb_slice_empty(bid->imptracker)) {
        mb_xbuf_add_text(out, "<img src=\"");
        mb__exchange_add_escaped(out, bid->imptracker);
        mb_xbuf_add_text(out, "\" alt=\"\" width=\"1\" height=\"1\">");
    }
}

/* ExoClick's markups (docs/exchanges/exoclick.md): the prolog as four sources have it; URLs in CDATA. The prolog names
 * another character set than the answer is in, so what is not ASCII is percent-encoded; so is '>', which ends the CDATA. */
static void add_exoclick_element(struct mb_buf *out, const char *name, struct mb_slice url)
{
    size_t plain = 0; /* where what was not added yet begins */
    mb_xbuf_printf(out, "<%s><![CDATA[", name);
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.data[i];
        if (c >= 0x80 || c == '>') {
            mb_xbuf_add(out, url.data + plain, i - plain);
            mb_xbuf_printf(out, "%%%02X", c);
            plain = i + 1;
        }
    }
    mb_xbuf_add(out, url.data + plain, url.len - plain);
    mb_xbuf_printf(out, "]]></%s>", name);
}

static bool has_image_link(const struct mb_bid *bid)
{
    return !mb_slice_empty(bid->image_url) && !mb_slice_empty(bid->click_url);
}

static void add_exoclick_ad(struct mb_buf *out, const struct mb_bid *bid)
{
    mb_xbuf_add_text(out, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><ad>");
    if (bid->imp->format == MB_FORMAT_BANNER && !has_image_link(bid)) {
        mb_xbuf_add_text(out, "<iframeAd>");
        add_exoclick_element(out, "url", bid->url);
        mb_xbuf_add_text(out, "</iframeAd>");
    } else if (bid->imp->format == MB_FORMAT_BANNER) {
        mb_xbuf_add_text(out, "<imageAd>");
        add_exoclick_element(out, "clickUrl", bid->click_url);
        add_exoclick_element(out, "imgUrl", bid->image_url);
        mb_xbuf_add_text(out, "</imageAd>");
    } else { /* direct link and e-mail clicks like a popunder: assumed */
        mb_xbuf_add_text(out, "<popunderAd>");
        add_exoclick_element(out, "url", mb__exchange_either(bid->url, bid->click_url));
        mb_xbuf_add_text(out, "</popunderAd>");
    }
    mb_xbuf_add_text(out, "</ad>");
}

/* --- by format --- */

/* `frames`: a page of the bid's `url` may be the banner. */
static const char *missing_field(const struct mb_bid *bid, bool frames)
{
    switch (bid->imp->format) {
    case MB_FORMAT_BANNER:
        return has_image_link(bid) || (frames && !mb_slice_empty(bid->url)) ? NULL : "markup";
    case MB_FORMAT_VIDEO:
    case MB_FORMAT_AUDIO:
        return !mb_slice_empty(bid->vast)         ? NULL
               : mb_slice_empty(bid->vast_table) ? "vast"
                                                 : mb__openrtb_add_vast(bid, NULL);
    case MB_FORMAT_NATIVE:
        return mb__openrtb_add_native(bid, NULL);
    case MB_FORMAT_POPUNDER:
    case MB_FORMAT_DIRECT_LINK:
    case MB_FORMAT_EMAIL_CLICK:
        return mb_slice_empty(bid->url) && mb_slice_empty(bid->click_url) ? "url" : NULL;
    default:
        return "format";
    }
}

static const char *unencodable(const struct mb_bid *bid)
{
    const struct {
        const char *field;
        struct mb_slice text;
    } rows[] = {
        {"markup", bid->markup},       {"vast", bid->vast},         {"native", bid->native},
        {"click_url", bid->click_url}, {"image_url", bid->image_url}, {"url", bid->url},
        {"title", bid->title},         {"description", bid->description},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!mb__exchange_encodable(rows[i].text, false)) {
            return rows[i].field;
        }
    }
    return NULL;
}

/* What a page on https does not load, among the images that become the ad. What stands in markup, or behind a link, is
 * the trader's affair. */
static const char *insecure(const struct mb_bid *bid)
{
    bool of_images = bid->imp->format == MB_FORMAT_BANNER ||
                     (bid->imp->format == MB_FORMAT_NATIVE && mb_slice_empty(bid->native));
    if (!bid->imp->secure || !of_images || !mb_slice_empty(bid->markup)) {
        return NULL;
    }
    if (mb_slice_starts(bid->image_url, MB_SLICE("http://"))) {
        return "image_url";
    }
    bool has_icon = bid->imp->format == MB_FORMAT_NATIVE && bid->n_icons > 0;
    return has_icon && mb_slice_starts(bid->icons[0].url, MB_SLICE("http://")) ? "icon_url" : NULL;
}

const char *mb__openrtb_check_markup(const struct mb_request *request, const struct mb_bid *bid)
{
    const char *culprit = mb_slice_empty(bid->markup) ? missing_field(bid, request->endpoint->dialect == MB_DIALECT_EXOCLICK) : NULL;
    culprit = culprit ? culprit : insecure(bid);
    return culprit ? culprit : unencodable(bid);
}

/* A native answer of version 1.0 stands in an object with the one member `native`; from 1.1 on it does not
 * (Native Ads 1.1, section 4.1). ExoClick wants it in every version. */
static void add_native(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *out)
{
    bool wrap = request->endpoint->dialect == MB_DIALECT_EXOCLICK || bid->imp->native_in_root;
    mb_xbuf_add_text(out, wrap ? "{\"native\":" : "");
    (void)mb__openrtb_add_native(bid, out);
    mb_xbuf_add_text(out, wrap ? "}" : "");
}

void mb__openrtb_add_markup(const struct mb_request *request, const struct mb_bid *bid, struct mb_buf *out)
{
    if (!mb_slice_empty(bid->markup)) {
        mb_xbuf_add_slice(out, bid->markup);
        return;
    }
    switch (bid->imp->format) {
    case MB_FORMAT_VIDEO:
    case MB_FORMAT_AUDIO:
        if (mb_slice_empty(bid->vast)) {
            (void)mb__openrtb_add_vast(bid, out);
        } else {
            mb_xbuf_add_slice(out, bid->vast);
        }
        break;
    case MB_FORMAT_NATIVE:
        add_native(request, bid, out);
        break;
    case MB_FORMAT_BANNER:
        if (request->endpoint->dialect != MB_DIALECT_EXOCLICK) {
            add_image_link(out, bid);
            break;
        }
        add_exoclick_ad(out, bid);
        break;
    default:
        add_exoclick_ad(out, bid);
    }
}
