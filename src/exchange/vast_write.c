/* vast_write.c - VAST as XML.
 *
 * Each element has a function; the order in which a version's schema wants them is a list of
 * functions. Texts and URLs stand in CDATA, attributes are escaped. What a version has no place for
 * (skipoffset and codec in 2.0) is left out of it.
 */
#include "vast.h"

typedef void part(const struct mb__vast *vast, struct mb_buf *out);

static struct mb_json_value get(struct mb_json_value object, const char *key)
{
    return mb_json_get(object, mb_slice_of(key));
}

/* --- pieces --- */

static void add_attribute(struct mb_buf *out, const char *name, struct mb_slice value)
{
    mb_xbuf_printf(out, " %s=\"", name);
    mb__exchange_add_escaped(out, value);
    mb_xbuf_add_char(out, '"');
}

/* The member as an attribute, where it is there: texts, numbers and booleans as they stand. */
static void add_member(struct mb_buf *out, const char *name, struct mb_json_value object,
                       const char *key)
{
    struct mb_json_value value = get(object, key);
    if (mb_json_present(value)) {
        add_attribute(out, name,
                      value.type == MB_JSON_STRING ? mb_json_str(value) : mb_json_text(value));
    }
}

static void add_element(struct mb_buf *out, const char *name, struct mb_slice text)
{
    mb_xbuf_printf(out, "<%s>", name);
    mb__exchange_add_cdata(out, text);
    mb_xbuf_printf(out, "</%s>", name);
}

static void add_elements(struct mb_buf *out, const char *name, struct mb_json_value list)
{
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        add_element(out, name, mb_json_str(v));
    }
}

/* HH:MM:SS, and the thousandths where there are any. */
static void add_clock(struct mb_buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000;
    mb_xbuf_printf(out, "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
                   (int)(seconds % 60));
    if (ms % 1000 > 0) {
        mb_xbuf_printf(out, ".%03d", (int)(ms % 1000));
    }
}

static void add_time(struct mb_buf *out, const char *name, const struct mb__vast_time *time)
{
    mb_xbuf_printf(out, " %s=\"", name);
    if (mb_slice_present(time->share)) {
        mb_xbuf_add_slice(out, time->share);
    } else {
        add_clock(out, time->ms);
    }
    mb_xbuf_add_char(out, '"');
}

/* --- of the ad --- */

static void write_system(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_slice name = mb_json_str(get(vast->table, "system"));
    add_element(out, "AdSystem", mb_slice_present(name) ? name : MB_SLICE("moonbid"));
}

static void write_title(const struct mb__vast *vast, struct mb_buf *out)
{
    add_element(out, "AdTitle",
                mb__exchange_either(mb_json_str(get(vast->table, "title")), vast->bid->title));
}

static void write_description(const struct mb__vast *vast, struct mb_buf *out)
{
    add_elements(out, "Description", get(vast->table, "description"));
}

static void write_advertiser(const struct mb__vast *vast, struct mb_buf *out)
{
    if (vast->version > MB_VAST_2_0) {
        add_elements(out, "Advertiser", get(vast->table, "advertiser"));
    }
}

static void write_error(const struct mb__vast *vast, struct mb_buf *out)
{
    add_elements(out, "Error", get(vast->table, "error"));
}

static void write_impressions(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value own = get(vast->table, "impression");
    add_elements(out, "Impression", own);
    if (!mb_slice_empty(vast->bid->imptracker)) {
        add_element(out, "Impression", vast->bid->imptracker);
    }
}

static void write_serving_id(const struct mb__vast *vast, struct mb_buf *out)
{
    if (vast->version >= MB_VAST_4_1) {
        add_element(out, "AdServingId", vast->bid->id);
    }
}

static void write_tag(const struct mb__vast *vast, struct mb_buf *out)
{
    add_elements(out, "VASTAdTagURI", get(vast->table, "wrapper"));
}

static void write_extensions(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value list = get(vast->table, "extensions");
    if (mb_json_list_count(list) == 0) {
        return;
    }
    mb_xbuf_add_text(out, "<Extensions>");
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        mb_xbuf_add_text(out, "<Extension");
        add_member(out, "type", v, "type");
        mb_xbuf_add_char(out, '>');
        mb_xbuf_add_slice(out, mb_json_str(v.type == MB_JSON_OBJECT ? get(v, "xml") : v));
        mb_xbuf_add_text(out, "</Extension>");
    }
    mb_xbuf_add_text(out, "</Extensions>");
}

/* --- of the film --- */

static void write_duration(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb__vast_time time;
    (void)mb__vast_time(get(vast->table, "duration"), &time);
    mb_xbuf_add_text(out, "<Duration>");
    add_clock(out, time.ms);
    mb_xbuf_add_text(out, "</Duration>");
}

static void add_trackings(struct mb_buf *out, struct mb_slice event,
                          const struct mb__vast_time *time, struct mb_json_value urls)
{
    for (struct mb_json_value v = mb_json_list_first(urls); v.type != MB_JSON_NONE;
         v = mb_json_list_next(urls, v)) {
        mb_xbuf_add_text(out, "<Tracking");
        add_attribute(out, "event", event);
        if (time) {
            add_time(out, "offset", time);
        }
        mb_xbuf_add_char(out, '>');
        mb__exchange_add_cdata(out, mb_json_str(v));
        mb_xbuf_add_text(out, "</Tracking>");
    }
}

static void write_tracking(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value events = get(vast->table, "tracking"),
                         progress = get(vast->table, "progress");
    if (mb_json_count(events) + mb_json_count(progress) == 0) {
        return;
    }
    mb_xbuf_add_text(out, "<TrackingEvents>");
    for (struct mb_json_value v = mb_json_first(events); v.type != MB_JSON_NONE;
         v = mb_json_next(events, v)) {
        add_trackings(out, mb_json_key(v), NULL, v);
    }
    for (struct mb_json_value v = mb_json_first(progress);
         v.type != MB_JSON_NONE && vast->version > MB_VAST_2_0; v = mb_json_next(progress, v)) {
        struct mb__vast_time time;
        (void)mb__vast_time_text(mb_json_key(v), &time);
        add_trackings(out, MB_SLICE("progress"), &time, v);
    }
    mb_xbuf_add_text(out, "</TrackingEvents>");
}

/* The bid's own landing page where the table has none: the one through which clicks are counted. */
static void add_click_through(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_slice url =
        mb__exchange_either(mb_json_str(get(vast->table, "click_url")), vast->bid->click_url);
    if (!vast->is_wrapper && !mb_slice_empty(url)) {
        add_element(out, "ClickThrough", url);
    }
}

static void write_clicks(const struct mb__vast *vast, struct mb_buf *out)
{
    size_t start = out->len, inside;
    mb_xbuf_add_text(out, "<VideoClicks>");
    inside = out->len;
    if (vast->version < MB_VAST_4_0) {
        add_click_through(vast, out);
    }
    add_elements(out, "ClickTracking", get(vast->table, "click_tracking"));
    if (vast->version >= MB_VAST_4_0) {
        add_click_through(vast, out);
    }
    mb_xbuf_add_text(out, "</VideoClicks>");
    out->len = out->len == inside + strlen("</VideoClicks>") ? start : out->len;
}

/* A sound has no size, but the attributes must be there. */
static void add_extent(struct mb_buf *out, const char *name, struct mb_json_value file,
                       const char *key)
{
    if (mb_json_present(get(file, key))) {
        add_member(out, name, file, key);
    } else {
        add_attribute(out, name, MB_SLICE("0"));
    }
}

static void write_media(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value list = get(vast->table, "media");
    mb_xbuf_add_text(out, "<MediaFiles>");
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        mb_xbuf_add_text(out, "<MediaFile");
        add_member(out, "id", v, "id");
        struct mb_slice delivery = mb_json_str(get(v, "delivery"));
        add_attribute(out, "delivery", mb__exchange_either(delivery, MB_SLICE("progressive")));
        add_member(out, "type", v, "type");
        add_extent(out, "width", v, "width");
        add_extent(out, "height", v, "height");
        add_member(out, "bitrate", v, "bitrate");
        if (vast->version > MB_VAST_2_0) {
            add_member(out, "minBitrate", v, "min_bitrate");
            add_member(out, "maxBitrate", v, "max_bitrate");
            add_member(out, "codec", v, "codec");
        }
        add_member(out, "scalable", v, "scalable");
        add_member(out, "maintainAspectRatio", v, "maintain_aspect_ratio");
        add_member(out, "apiFramework", v, "api_framework");
        mb_xbuf_add_char(out, '>');
        mb__exchange_add_cdata(out, mb_json_str(get(v, "url")));
        mb_xbuf_add_text(out, "</MediaFile>");
    }
    mb_xbuf_add_text(out, "</MediaFiles>");
}

static void write_parts(const struct mb__vast *vast, part *const *parts, struct mb_buf *out)
{
    for (; *parts; parts++) {
        (*parts)(vast, out);
    }
}

static void write_linear(const struct mb__vast *vast, struct mb_buf *out)
{
    static part *const wrapped[] = {write_tracking, write_clicks, NULL};
    static part *const old[] = {write_duration, write_tracking, write_clicks, write_media, NULL};
    static part *const new[] = {write_tracking, write_duration, write_media, write_clicks, NULL};
    struct mb__vast_time time;
    mb_xbuf_add_text(out, "<Linear");
    if (vast->version > MB_VAST_2_0 && mb__vast_time(get(vast->table, "skipoffset"), &time)) {
        add_time(out, "skipoffset", &time);
    }
    mb_xbuf_add_char(out, '>');
    write_parts(vast, vast->is_wrapper ? wrapped : vast->version < MB_VAST_4_0 ? old : new, out);
    mb_xbuf_add_text(out, "</Linear>");
}

/* --- of the creatives --- */

static void add_resource(struct mb_buf *out, struct mb_json_value companion)
{
    if (mb_json_present(get(companion, "image"))) {
        mb_xbuf_add_text(out, "<StaticResource");
        add_member(out, "creativeType", companion, "type");
        mb_xbuf_add_char(out, '>');
        mb__exchange_add_cdata(out, mb_json_str(get(companion, "image")));
        mb_xbuf_add_text(out, "</StaticResource>");
    }
    add_elements(out, "IFrameResource", get(companion, "iframe"));
    add_elements(out, "HTMLResource", get(companion, "html"));
}

static void write_companions(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value list = get(vast->table, "companions");
    mb_xbuf_add_text(out, "<CompanionAds>");
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        mb_xbuf_add_text(out, "<Companion");
        add_member(out, "id", v, "id");
        add_member(out, "width", v, "width");
        add_member(out, "height", v, "height");
        mb_xbuf_add_char(out, '>');
        add_resource(out, v);
        add_elements(out, "CompanionClickThrough", get(v, "click_url"));
        mb_xbuf_add_text(out, "</Companion>");
    }
    mb_xbuf_add_text(out, "</CompanionAds>");
}

/* Version 4 wants the id by which the film is known everywhere; who has none says "unknown". */
static void add_universal_id(const struct mb__vast *vast, struct mb_buf *out)
{
    struct mb_json_value own = get(vast->table, "universal_ad_id");
    struct mb_slice id = mb__exchange_either(mb_json_str(get(own, "id")), MB_SLICE("unknown"));
    if (vast->version < MB_VAST_4_0 || vast->is_wrapper) {
        return;
    }
    mb_xbuf_add_text(out, "<UniversalAdId");
    add_attribute(out, "idRegistry",
                  mb__exchange_either(mb_json_str(get(own, "registry")), MB_SLICE("unknown")));
    if (vast->version == MB_VAST_4_0) {
        add_attribute(out, "idValue", id);
    }
    mb_xbuf_add_char(out, '>');
    mb__exchange_add_cdata(out, id);
    mb_xbuf_add_text(out, "</UniversalAdId>");
}

static void add_creative(const struct mb__vast *vast, part *write, struct mb_buf *out)
{
    mb_xbuf_add_text(out, "<Creative");
    if (!mb_slice_empty(vast->bid->creative_id)) {
        add_attribute(out, "id", vast->bid->creative_id);
    }
    mb_xbuf_add_char(out, '>');
    write(vast, out);
    add_universal_id(vast, out);
    mb_xbuf_add_text(out, "</Creative>");
}

static void write_creatives(const struct mb__vast *vast, struct mb_buf *out)
{
    mb_xbuf_add_text(out, "<Creatives>");
    add_creative(vast, write_linear, out);
    if (mb_json_present(get(vast->table, "companions"))) {
        add_creative(vast, write_companions, out);
    }
    mb_xbuf_add_text(out, "</Creatives>");
}

/* --- the document --- */

void mb__vast_write(const struct mb__vast *vast, struct mb_buf *out)
{
    static part *const orders[2][2][12] = {
        /* 2.0 and 3.0: inline, wrapper */
        {{write_system, write_title, write_description, write_advertiser, write_error,
          write_impressions, write_creatives, write_extensions},
         {write_system, write_tag, write_error, write_impressions, write_creatives,
          write_extensions}},
        /* 4.0 on */
        {{write_system, write_error, write_extensions, write_impressions, write_serving_id,
          write_title, write_advertiser, write_creatives, write_description},
         {write_system, write_error, write_extensions, write_impressions, write_creatives,
          write_tag}},
    };
    bool new = vast->version >= MB_VAST_4_0;
    const char *kind = vast->is_wrapper ? "Wrapper" : "InLine";
    mb_xbuf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><VAST version=\"%d.%d\"%s><Ad",
                   (int)vast->version / 10, (int)vast->version % 10,
                   new ? " xmlns=\"http://www.iab.com/VAST\"" : "");
    struct mb_slice id = mb_json_str(get(vast->table, "id"));
    add_attribute(out, "id", mb__exchange_either(id, vast->bid->id));
    mb_xbuf_printf(out, "><%s>", kind);
    write_parts(vast, orders[new][vast->is_wrapper], out);
    mb_xbuf_printf(out, "</%s></Ad></VAST>", kind);
}

void mb__openrtb_tell_vast(const struct mb_bid *bid, int32_t *duration_s, int32_t *protocol)
{
    struct mb__vast vast;
    struct mb__vast_time time;
    if (mb__vast_read(bid, &vast)) {
        return;
    }
    if (*duration_s == 0 && mb__vast_time(get(vast.table, "duration"), &time)) {
        *duration_s = (int32_t)((time.ms + 999) / 1000);
    }
    *protocol = *protocol ? *protocol : vast.protocol;
}

const char *mb__openrtb_add_vast(const struct mb_bid *bid, struct mb_buf *out)
{
    struct mb__vast vast;
    const char *culprit = mb__vast_read(bid, &vast);
    if (!culprit && out) {
        mb__vast_write(&vast, out);
    }
    return culprit;
}
