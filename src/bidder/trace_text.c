/* trace_text.c - the numbers and bids of a trace as text. */
#include "internal.h"

#include <stddef.h>
#include <time.h>

static void add_instant(struct mb_buf *out, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    char text[32];

    gmtime_r(&at, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    mb_xbuf_add_text(out, text);
}

void mb_trace_add_number(struct mb_buf *out, enum mb_trace_unit unit, int64_t value)
{
    switch (unit) {
    case MB_TRACE_MONEY:
        mb_xbuf_add_amount(out, (struct mb_amount){value});
        break;
    case MB_TRACE_PRICE:
        mb_xbuf_add_price(out, (struct mb_price){value});
        break;
    case MB_TRACE_COUNT:
        mb_xbuf_add_i64(out, value);
        break;
    case MB_TRACE_INSTANT:
        add_instant(out, value);
        break;
    }
}

/* Who gets the fields, and room for those that are no text yet. */
struct sink {
    mb_trace_on_field *on_field;
    void *user;
    struct mb_buf room;
};

static void give(struct sink *sink, const char *name, struct mb_slice text)
{
    if (!mb_slice_empty(text)) {
        sink->on_field(sink->user, name, text);
    }
}

/* Gives what is in the room, and clears it. */
static void give_room(struct sink *sink, const char *name)
{
    give(sink, name, mb_buf_slice(&sink->room));
    mb_buf_clear(&sink->room);
}

static void give_number(struct sink *sink, const char *name, int64_t value)
{
    if (value != 0) {
        mb_xbuf_add_i64(&sink->room, value);
        give_room(sink, name);
    }
}

static void give_list(struct sink *sink, const char *name, struct mb_slices list)
{
    for (size_t i = 0; i < list.count; i++) {
        mb_xbuf_add_text(&sink->room, i ? ", " : "");
        mb_xbuf_add_slice(&sink->room, list.items[i]);
    }
    give_room(sink, name);
}

static void give_icons(struct sink *sink, const struct mb_bid *bid)
{
    for (size_t i = 0; i < bid->n_icons; i++) {
        const struct mb_icon *icon = &bid->icons[i];

        mb_xbuf_add_text(&sink->room, i ? ", " : "");
        if (icon->size.width > 0) {
            mb_xbuf_printf(&sink->room, "%ux%u ", (unsigned)icon->size.width,
                           (unsigned)icon->size.height);
        }
        mb_xbuf_add_slice(&sink->room, icon->url);
    }
    give_room(sink, "icon_url");
}

static void give_macros(struct sink *sink, struct mb_pairs macros)
{
    for (size_t i = 0; i < macros.count; i++) {
        mb_xbuf_add_text(&sink->room, i ? ", " : "");
        mb_xbuf_printf(&sink->room, "%.*s=%.*s", MB_SLICE_ARG(macros.items[i].name),
                       MB_SLICE_ARG(macros.items[i].value));
    }
    give_room(sink, "custom_macros");
}

static void give_prices(struct sink *sink, const struct mb_bid *bid)
{
    mb_xbuf_add_price(&sink->room, bid->price);
    give_room(sink, "price");
    give(sink, "model", mb_slice_of(mb_model_name(bid->model)));
    if (bid->ecpm.micros > 0) {
        mb_xbuf_add_price(&sink->room, bid->ecpm);
        give_room(sink, "ecpm");
    }
    give(sink, "currency", bid->currency);
}

#define TEXT(field)                                                                                \
    {                                                                                              \
#field, offsetof(struct mb_bid, field)                                                     \
    }

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    TEXT(click_url),
    TEXT(image_url),
    TEXT(url),
    TEXT(title),
    TEXT(description),
    TEXT(imptracker),
    TEXT(data),
    TEXT(markup),
    TEXT(native),
    TEXT(vast),
    {"vast", offsetof(struct mb_bid, vast_table)},
    TEXT(creative_id),
    TEXT(creative_code),
    TEXT(ad_id),
    TEXT(campaign_id),
    TEXT(deal_id),
    TEXT(seat),
    TEXT(member_id),
    TEXT(custom_notify_data),
    TEXT(segment_actions),
    TEXT(userdata_js),
    TEXT(pixel_url),
    TEXT(pixel_type),
    TEXT(ext),
    TEXT(win_url),
    TEXT(billing_url),
    TEXT(loss_url),
    TEXT(arm),
};

void mb_trace_bid_fields(const struct mb_bid *bid, mb_trace_on_field *on_field, void *user)
{
    struct sink sink = {on_field, user, {0}};
    size_t i;

    give_prices(&sink, bid);
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mb_slice text;

        memcpy(&text, (const char *)bid + texts[i].offset, sizeof(text));
        give(&sink, texts[i].name, text);
    }
    give_icons(&sink, bid);
    give_list(&sink, "advertiser_domains", bid->advertiser_domains);
    give_list(&sink, "categories", bid->categories);
    give_list(&sink, "attributes", bid->attributes);
    give_number(&sink, "width", bid->size.width);
    give_number(&sink, "height", bid->size.height);
    give_number(&sink, "expires", bid->expires_s);
    give_macros(&sink, bid->custom_macros);
    give(&sink, "exclusive", bid->exclusive ? MB_SLICE("true") : MB_SLICE_NONE);
    mb_buf_fini(&sink.room);
}
