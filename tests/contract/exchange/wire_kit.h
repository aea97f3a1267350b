/* wire_kit.h - writes what a codec decoded as lines of text, so that a contract test reads like a document.
 *
 * Only what is there gets a line: a document also proves that nothing else was filled in.
 */
#ifndef MB_TESTS_WIRE_KIT_H
#define MB_TESTS_WIRE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/exchange.h"

/* MB_SLICE for initializers of static data, where a compound literal is no constant. */
#define KIT_SLICE(literal) {"" literal, sizeof(literal) - 1}

static struct mb_arena kit_arena;
static uint32_t kit_slips[MB_JSON_SLIP_COUNT];

static int kit_setup(void **state)
{
    (void)state;
    mb_arena_init(&kit_arena, 65536);
    memset(kit_slips, 0, sizeof kit_slips);
    return 0;
}

static int kit_teardown(void **state)
{
    (void)state;
    mb_arena_fini(&kit_arena);
    return 0;
}

static inline struct mb_wire_in kit_post(const struct mb_endpoint *endpoint, const char *query, struct mb_slice body)
{
    return (struct mb_wire_in){
        .endpoint = endpoint,
        .query = mb_slice_of(query),
        .body = body,
        .house_currency = MB_SLICE("USD"),
        .now_ms = INT64_C(1709633472000), /* 2024-03-05 10:11:12 */
        .arena = &kit_arena,
        .slips = kit_slips,
    };
}

static inline struct mb_wire_in kit_get(const struct mb_endpoint *endpoint, const char *query)
{
    struct mb_wire_in in = kit_post(endpoint, query, MB_SLICE_NONE);
    in.is_get = true;
    return in;
}

static inline void kit_line(struct mb_buf *buf, const char *name, struct mb_slice value)
{
    if (mb_slice_present(value)) {
        mb_xbuf_printf(buf, "%s=", name);
        mb_xbuf_add_slice(buf, value);
        mb_xbuf_add_char(buf, '\n');
    }
}

static inline void kit_list(struct mb_buf *buf, const char *name, struct mb_slices list)
{
    if (list.count == 0) {
        return;
    }
    mb_xbuf_printf(buf, "%s=", name);
    for (size_t i = 0; i < list.count; i++) {
        mb_xbuf_add_text(buf, i ? "|" : "");
        mb_xbuf_add_slice(buf, list.items[i]);
    }
    mb_xbuf_add_char(buf, '\n');
}

/* A document goes through as it is: that it was found is what there is to say. */
static inline void kit_raw(struct mb_buf *buf, const char *name, struct mb_raw raw)
{
    struct mb_json_value value = {raw.doc, raw.token, raw.type};
    if (mb_json_present(value)) {
        mb_xbuf_printf(buf, "%s=...\n", name);
    }
}

static inline void kit_price(struct mb_buf *buf, const char *name, struct mb_price price, bool shown)
{
    if (shown) {
        mb_xbuf_printf(buf, "%s=", name);
        mb_xbuf_add_price(buf, price);
        mb_xbuf_add_char(buf, '\n');
    }
}

static inline void kit_number(struct mb_buf *buf, const char *name, int64_t value, int64_t hidden)
{
    if (value != hidden) {
        mb_xbuf_printf(buf, "%s=%lld\n", name, (long long)value);
    }
}

static inline void kit_dump_imp(struct mb_buf *buf, const struct mb_imp *imp)
{
    mb_xbuf_printf(buf, "imp %u format=%s\n", imp->index, mb_format_name(imp->format));
    kit_line(buf, "id", imp->id);
    for (size_t i = 0; i < imp->n_sizes; i++) {
        mb_xbuf_printf(buf, "size=%ux%u\n", imp->sizes[i].width, imp->sizes[i].height);
    }
    kit_price(buf, "floor", imp->floor, imp->floor.micros != 0);
    kit_price(buf, "floor_wire", imp->floor_wire, imp->floor_wire.micros != 0);
    kit_price(buf, "estimated_price", imp->estimated_price, imp->estimated_price.micros != 0);
    kit_line(buf, "currency_wire", imp->currency_wire);
    kit_number(buf, "secure", imp->secure, 0);
    kit_line(buf, "tag_id", imp->tag_id);
    kit_line(buf, "position", imp->position);
    kit_list(buf, "members", imp->members);
    kit_list(buf, "deals", imp->deals);
    for (size_t i = 0; imp->deal_floors && i < imp->deals.count; i++) {
        kit_price(buf, "deal_floor", imp->deal_floors[i], true);
    }
    kit_number(buf, "interstitial", imp->interstitial, 0);
    kit_number(buf, "rewarded", imp->rewarded, 0);
    kit_number(buf, "deals_only", imp->deals_only, 0);
    kit_line(buf, "pod.id", imp->pod.id);
    kit_number(buf, "pod.sequence", imp->pod.sequence, 0);
    kit_number(buf, "pod.slot", imp->pod.slot, 0);
    kit_number(buf, "pod.duration_s", imp->pod.duration_s, 0);
    kit_number(buf, "pod.ads_max", imp->pod.ads_max, 0);
    kit_price(buf, "pod.floor_per_s", imp->pod.floor_per_s, imp->pod.floor_per_s.micros != 0);
    kit_number(buf, "native_in_root", imp->native_in_root, 0);
    kit_number(buf, "floor_is_strange", imp->floor_is_strange, 0);
}

static inline void kit_dump_place(struct mb_buf *buf, const struct mb_request *r)
{
    kit_line(buf, "site.id", r->site.id);
    kit_line(buf, "site.domain", r->site.domain);
    kit_line(buf, "site.page", r->site.page);
    kit_line(buf, "site.name", r->site.name);
    kit_line(buf, "site.referrer", r->site.referrer);
    kit_line(buf, "site.publisher_id", r->site.publisher_id);
    kit_line(buf, "site.zone_id", r->site.zone_id);
    kit_line(buf, "site.sub", r->site.sub);
    kit_list(buf, "site.categories", r->site.categories);
    kit_list(buf, "site.keywords", r->site.keywords);
    kit_line(buf, "app.id", r->app.id);
    kit_line(buf, "app.bundle", r->app.bundle);
    kit_line(buf, "app.name", r->app.name);
    kit_line(buf, "app.domain", r->app.domain);
}

static inline void kit_dump_people(struct mb_buf *buf, const struct mb_request *r)
{
    kit_line(buf, "device.ip", r->device.ip);
    kit_line(buf, "device.remote_ip", r->device.remote_ip);
    kit_line(buf, "device.forwarded_for", r->device.forwarded_for);
    kit_line(buf, "device.ua", r->device.ua);
    kit_line(buf, "device.type", r->device.type);
    kit_line(buf, "device.os", r->device.os);
    kit_line(buf, "device.os_version", r->device.os_version);
    kit_line(buf, "device.browser", r->device.browser);
    kit_line(buf, "device.make", r->device.make);
    kit_line(buf, "device.model", r->device.model);
    kit_line(buf, "device.language", r->device.language);
    kit_line(buf, "geo.country", r->geo.country);
    kit_line(buf, "geo.region", r->geo.region);
    kit_line(buf, "geo.city", r->geo.city);
    kit_line(buf, "geo.zip", r->geo.zip);
    kit_line(buf, "geo.lat", r->geo.lat);
    kit_line(buf, "geo.lon", r->geo.lon);
    kit_line(buf, "user.id", r->user.id);
    kit_line(buf, "user.buyer_id", r->user.buyer_id);
    kit_line(buf, "user.gender", r->user.gender);
    kit_line(buf, "user.keyword", r->user.keyword);
    kit_line(buf, "user.email", r->user.email);
    kit_line(buf, "user.email_hash", r->user.email_hash);
    kit_number(buf, "user.year_of_birth", r->user.year_of_birth, 0);
    kit_number(buf, "user.opted_out", r->user.opted_out, 0);
    kit_list(buf, "user.segments", r->user.segments);
    kit_line(buf, "user.data", r->user.data);
    kit_raw(buf, "user.eids", r->user.eids);
}

static inline void kit_dump_blocked(struct mb_buf *buf, const struct mb_blocked *blocked)
{
    kit_list(buf, "blocked.categories", blocked->categories);
    kit_list(buf, "blocked.apps", blocked->apps);
    kit_list(buf, "blocked.seats", blocked->seats);
    kit_list(buf, "blocked.domains", blocked->domains);
    kit_list(buf, "blocked.creatives", blocked->creatives);
    kit_list(buf, "blocked.brands", blocked->brands);
    kit_list(buf, "blocked.languages", blocked->languages);
    kit_list(buf, "blocked.attributes", blocked->attributes);
    kit_list(buf, "blocked.adservers", blocked->adservers);
}

static inline struct mb_slice kit_dump_request(struct mb_buf *buf, const struct mb_request *r)
{
    mb_buf_clear(buf);
    kit_line(buf, "id", r->id);
    kit_number(buf, "test", r->test, 0);
    kit_number(buf, "debug", r->debug, 0);
    kit_line(buf, "currency", r->currency);
    kit_number(buf, "at", r->at, 0);
    kit_number(buf, "timeout_ms", r->timeout_ms, 0);
    kit_number(buf, "xml", r->answer_form == MB_ANSWER_XML, 0);
    kit_number(buf, "regs.gdpr", r->regs.gdpr, -1);
    kit_number(buf, "regs.coppa", r->regs.coppa, -1);
    kit_line(buf, "regs.us_privacy", r->regs.us_privacy);
    kit_line(buf, "regs.gpp", r->regs.gpp);
    kit_line(buf, "regs.consent", r->regs.consent);
    kit_list(buf, "regs.gpp_sid", r->regs.gpp_sid);
    kit_list(buf, "seats", r->seats);
    kit_list(buf, "languages", r->languages);
    kit_raw(buf, "schain", r->schain);
    kit_dump_place(buf, r);
    kit_dump_people(buf, r);
    kit_dump_blocked(buf, &r->blocked);
    for (size_t i = 0; i < r->tokens.count; i++) {
        mb_xbuf_add_text(buf, "token ");
        mb_xbuf_add_slice(buf, r->tokens.items[i].name);
        kit_line(buf, "", r->tokens.items[i].value);
    }
    for (size_t i = 0; i < r->n_imps; i++) {
        kit_dump_imp(buf, &r->imps[i]);
    }
    return mb_buf_slice(buf);
}

static inline void kit_dump_event(struct mb_buf *buf, const struct mb_event *e)
{
    mb_xbuf_printf(buf, "event %s\n", mb_event_name(e->type));
    kit_line(buf, "exchange_time", e->exchange_time);
    kit_line(buf, "auction_id", e->auction_id);
    kit_line(buf, "imp_id", e->imp_id);
    kit_line(buf, "tag_id", e->tag_id);
    kit_line(buf, "site_id", e->site_id);
    kit_line(buf, "zone_id", e->zone_id);
    kit_line(buf, "country", e->country);
    kit_line(buf, "bid_id", e->bid_id);
    kit_line(buf, "currency", e->currency);
    kit_price(buf, "price_bid", e->price_bid, e->has_price_bid);
    kit_price(buf, "price_paid", e->price_paid, e->has_price_paid);
    kit_price(buf, "price_sold_for", e->price_sold_for, e->has_price_sold_for);
    kit_price(buf, "min_to_win", e->min_to_win, e->has_min_to_win);
    kit_number(buf, "books", e->books, 0);
    kit_number(buf, "attributed", e->attributed, 0);
    kit_number(buf, "test", e->test, 0);
    kit_number(buf, "fail", e->fail, 0);
    kit_number(buf, "post_pending", e->post_pending, -1);
    kit_number(buf, "error_id", e->error_id, 0);
    kit_number(buf, "response_time_ms", e->response_time_ms, -1);
    kit_line(buf, "reason", e->reason);
    kit_line(buf, "result", e->result);
    kit_line(buf, "error", e->error);
    kit_line(buf, "error_name", e->error_name);
    kit_line(buf, "payment_rule_id", e->payment_rule_id);
    kit_line(buf, "creative_id", e->creative_id);
    kit_line(buf, "member_id", e->member_id);
    kit_line(buf, "user_id", e->user_id);
    kit_line(buf, "referrer", e->referrer);
    kit_line(buf, "user_agent", e->user_agent);
    kit_line(buf, "userdata_json", e->userdata_json);
    kit_line(buf, "custom_data", e->custom_data);
    kit_line(buf, "bid_info", e->bid_info);
    kit_line(buf, "full_tag_info", e->full_tag_info);
    kit_line(buf, "key", e->key);
}

/* Fails with both texts in full. `what` names the row. */
static inline void kit_same(const char *what, struct mb_slice got, const char *want)
{
    if (!mb_slice_is(got, want)) {
        fail_msg("%s\n--- got\n%.*s\n--- wanted\n%s", what, MB_SLICE_ARG(got), want);
    }
}

/* The file below the shared data, or an absent slice. free() the data. */
static inline struct mb_slice kit_read_sample(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", SHARED_DATA, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return MB_SLICE_NONE;
    }
    char *data = calloc(1, 262144);
    size_t len = data ? fread(data, 1, 262143, file) : 0;
    fclose(file);
    return mb_slice(data, len);
}

#endif /* MB_TESTS_WIRE_KIT_H */
