/* exoclick_answer.c - what ExoClick takes as a bid, and how it is written.
 *
 * One table says per format which fields the answer has and which pricing models the exchange knows. The check
 * reads its "must" and the encoder its order, so nothing of one format can slip into another's answer. JSON and
 * XML are two writings of the same list of fields.
 */
#include <assert.h>

#include "internal.h"

/* The text fields of an answer, in the order of the wire: wire name, name in Lua, member of struct mb_bid. The
 * icon is not here: it is chosen by size. */
enum { IMAGE = 1, ICON = 2, URL = 4, CLICK = 8, TITLE = 16, DESCRIPTION = 32, TRACKER = 64 };

static const struct {
    unsigned bit;
    const char *wire;
    const char *lua;
    size_t offset;
} texts[] = {
    {IMAGE, "imgUrl", "image_url", offsetof(struct mb_bid, image_url)},
    {ICON, "iconUrl", "icon_url", 0},
    {URL, "url", "url", offsetof(struct mb_bid, url)},
    {CLICK, "clickUrl", "click_url", offsetof(struct mb_bid, click_url)},
    {TITLE, "title", "title", offsetof(struct mb_bid, title)},
    {DESCRIPTION, "description", "description", offsetof(struct mb_bid, description)},
    {TRACKER, "imptrackers", "imptracker", offsetof(struct mb_bid, imptracker)},
};

enum { N_TEXTS = sizeof texts / sizeof texts[0], FIELDS_MAX = N_TEXTS + 4 };

#define MODEL(name) (1u << MB_MODEL_##name)

/* Direct link: the exchange's prose grants CPC only where it serves an e-mail zone, which the request does not
 * reliably tell, and the one published answer of that format has btype 2. So both go out. In-page push is named
 * as a type without an answer of its own: image and landing are known, title and text are sent where the
 * strategy has them. */
static const struct {
    unsigned must, may, models;
} formats[MB_FORMAT_COUNT] = {
    [MB_FORMAT_BANNER] = {IMAGE | CLICK, 0, MODEL(CPM)},
    [MB_FORMAT_POPUNDER] = {URL, 0, MODEL(CPM)},
    [MB_FORMAT_PUSH] = {ICON | CLICK | TITLE | DESCRIPTION, TRACKER, MODEL(CPM) | MODEL(CPC)},
    [MB_FORMAT_IN_PAGE_PUSH] = {IMAGE | CLICK, TITLE | DESCRIPTION, MODEL(CPM) | MODEL(CPC)},
    [MB_FORMAT_DIRECT_LINK] = {URL, 0, MODEL(CPM) | MODEL(CPC)},
    [MB_FORMAT_EMAIL_CLICK] = {CLICK, 0, MODEL(CPC) | MODEL(SMART_CPC)},
};

/* Smart CPC exists on e-mail clicks only, and there takes the number of CPM. */
static int64_t btype_of(enum mb_model model)
{
    return model == MB_MODEL_CPC ? 2 : 1;
}

static struct mb_slice text_of(const struct mb_bid *bid, size_t i)
{
    if (texts[i].bit == ICON) {
        return bid->n_icons > 0 ? bid->icons[0].url : MB_SLICE_NONE;
    }
    return *(const struct mb_slice *)(const void *)((const char *)bid + texts[i].offset);
}

/* Leaves the bid with the one icon that fits: of the asked size, else one that fits any; else with none. */
static void choose_icon(struct mb_bid *bid, struct mb_size size)
{
    const struct mb_icon *chosen = NULL;
    for (size_t i = 0; i < bid->n_icons; i++) {
        const struct mb_icon *icon = &bid->icons[i];
        if (icon->size.width == size.width && icon->size.height == size.height) {
            chosen = icon;
            break;
        }
        if (icon->size.width == 0 && icon->size.height == 0 && !chosen) {
            chosen = icon;
        }
    }
    bid->icons = chosen;
    bid->n_icons = chosen ? 1 : 0;
}

enum mb_nobid mb__exoclick_check_bid(const struct mb_request *request, struct mb_bid *bid, const char **field)
{
    enum mb_format format = bid->imp->format;
    bool for_xml = request->answer_form == MB_ANSWER_XML;
    *field = NULL;
    if (formats[format].models == 0) {
        *field = "format";
    } else if (!(formats[format].models & (1u << bid->model))) {
        *field = "model";
    } else if (bid->price_wire.micros <= 0) {
        *field = "price";
    } else if (!mb__exchange_encodable(request->id, for_xml)) {
        *field = "id";
    } else if (for_xml && request->endpoint->refuses_xml) {
        *field = "xml";
    }
    if (format == MB_FORMAT_PUSH) {
        choose_icon(bid, bid->imp->size);
    }
    for (size_t i = 0; i < N_TEXTS && !*field; i++) {
        struct mb_slice text = text_of(bid, i);
        bool missing = (formats[format].must & texts[i].bit) && mb_slice_empty(text);
        bool sent = (formats[format].must | formats[format].may) & texts[i].bit;
        if (missing || (sent && !mb__exchange_encodable(text, for_xml))) {
            *field = texts[i].lua;
        }
    }
    return *field ? MB_NOBID_INVALID_BID : MB_NOBID_BID;
}

/* Fills `fields` in the order of the wire; returns how many. */
static size_t list_fields(const struct mb_request *request, const struct mb_bid *bid,
                          struct mb__exoclick_field fields[FIELDS_MAX])
{
    enum mb_format format = bid->imp->format;
    unsigned sent = formats[format].must | formats[format].may;
    size_t n = 0;
    fields[n++] = (struct mb__exoclick_field){.name = "id", .kind = MB_EXOCLICK_TEXT, .text = request->id};
    for (size_t i = 0; i < N_TEXTS; i++) {
        struct mb_slice text = text_of(bid, i);
        if ((sent & texts[i].bit) && !mb_slice_empty(text)) {
            /* Its type is not published; the plural and "only one URL" speak for a list of one. */
            bool array = texts[i].bit == TRACKER && !request->endpoint->tracker_as_text;
            fields[n++] = (struct mb__exoclick_field){
                .name = texts[i].wire, .kind = array ? MB_EXOCLICK_TEXTS : MB_EXOCLICK_TEXT, .text = text};
        }
    }
    if (mb_slice_present(bid->notice_url)) {
        const char *macros =
            request->endpoint->burl_asks_price ? "?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}" : NULL;
        fields[n++] = (struct mb__exoclick_field){
            .name = "bUrl", .kind = MB_EXOCLICK_TEXT, .text = bid->notice_url, .more = macros};
    }
    fields[n++] = (struct mb__exoclick_field){
        .name = "btype", .kind = MB_EXOCLICK_INTEGER, .integer = btype_of(bid->model)};
    fields[n++] =
        (struct mb__exoclick_field){.name = "value", .kind = MB_EXOCLICK_PRICE, .price = bid->price_wire};
    return n;
}

static void write_json(struct mb_buf *buf, const struct mb__exoclick_field *fields, size_t count)
{
    struct mb_json_writer w;
    mb_json_writer_init(&w, buf);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "bid");
    mb_jsonw_object(&w);
    for (size_t i = 0; i < count; i++) {
        mb_jsonw_key(&w, fields[i].name);
        switch (fields[i].kind) {
        case MB_EXOCLICK_TEXT:
            mb_jsonw_str(&w, fields[i].text);
            if (fields[i].more) { /* goes in front of the quote that ends the text */
                buf->len--;
                mb_xbuf_add_text(buf, fields[i].more);
                mb_xbuf_add_char(buf, '"');
            }
            break;
        case MB_EXOCLICK_TEXTS:
            mb_jsonw_array(&w);
            mb_jsonw_str(&w, fields[i].text);
            mb_jsonw_array_end(&w);
            break;
        case MB_EXOCLICK_INTEGER:
            mb_jsonw_i64(&w, fields[i].integer);
            break;
        case MB_EXOCLICK_PRICE:
            mb_jsonw_price(&w, fields[i].price);
            break;
        }
    }
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}

void mb__exoclick_encode_answer(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                                struct mb_wire_out *out)
{
    assert(count <= 1);
    if (count == 0) {
        out->status = 204;
        out->content_type = NULL;
        return;
    }
    struct mb__exoclick_field fields[FIELDS_MAX];
    size_t n = list_fields(request, bids[0], fields);
    out->status = 200;
    if (request->answer_form == MB_ANSWER_XML) {
        out->content_type = "application/xml";
        mb__exoclick_write_xml(out->body, fields, n);
    } else {
        out->content_type = "application/json";
        write_json(out->body, fields, n);
    }
}
