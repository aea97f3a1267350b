/* xandr_traffic.c - Xandr's platform bid requests: one tag or several, ids beyond 2^53, some of
 * them as strings. */
#include "internal.h"

#include <stdio.h>

#include "moonbid/json.h"

static const char *const sizes[] = {"300x250", "728x90", "160x600", "320x50"};
static const uint32_t members[] = {4401, 4402, 4477};

/* Above 2^53 and below 2^63, where all ids of the exchange's own samples lie. */
static void draw_auction_id(struct mb__sim_random *random, char *out, size_t size)
{
    uint64_t low = (UINT64_C(1) << 53) + 1;

    snprintf(out, size, "%llu",
             (unsigned long long)(low + mb__sim_random_below(random, (UINT64_C(1) << 63) - low)));
}

static void write_tag(struct mb_json_writer *w, struct mb__sim_random *random,
                      const struct mb__sim_tag *tag)
{
    const char *size = *MB__SIM_PICK(random, sizes);

    mb_jsonw_object(w);
    if (mb__sim_random_percent(random, 5)) {
        mb__sim_key_text(w, "auction_id_64", tag->auction_id);
    } else {
        mb_jsonw_key(w, "auction_id_64");
        mb_jsonw_raw(w, mb_slice_of(tag->auction_id));
    }
    mb__sim_key_number(w, "id", tag->id);
    mb__sim_key_number(w, "site_id", 7001);
    mb__sim_key_text(w, "size", size);
    mb_jsonw_key(w, "sizes");
    mb_jsonw_array(w);
    mb_jsonw_str(w, mb_slice_of(size));
    mb_jsonw_array_end(w);
    mb__sim_key_text(w, "position", "above");
    mb__sim_key_text(w, "tag_format", "iframe");
    if (tag->reserve.micros > 0) {
        mb_jsonw_key(w, "reserve_price");
        mb_jsonw_price(w, tag->reserve);
    }
    mb_jsonw_key(w, "predicted_view_rate");
    mb_jsonw_raw(w, MB_SLICE("0.61"));
    mb_jsonw_object_end(w);
}

static void write_visitor(struct mb_json_writer *w, const struct mb__sim_visitor *visitor)
{
    char url[96];

    snprintf(url, sizeof(url), "https://%s/a?b=1", visitor->domain);
    mb_jsonw_key(w, "bid_info");
    mb_jsonw_object(w);
    mb__sim_key_number(w, "user_id_64", visitor->user_number);
    mb__sim_key_bool(w, "no_cookies", false);
    mb__sim_key_bool(w, "no_flash", true);
    mb__sim_key_number(w, "session_freq", 1);
    mb__sim_key_text(w, "user_agent", visitor->user_agent);
    mb__sim_key_text(w, "ip_address", visitor->ip);
    if (visitor->country) {
        mb__sim_key_text(w, "country", visitor->country);
    }
    mb__sim_key_number(w, "selling_member_id", 310);
    mb__sim_key_bool(w, "within_iframe", false);
    mb__sim_key_text(w, "url", url);
    mb__sim_key_text(w, "domain", visitor->domain);
    mb__sim_key_text(w, "userdata_json", "{\"seen\":[1,2]}");
    mb_jsonw_key(w, "segments");
    mb_jsonw_array(w);
    mb_jsonw_array_end(w);
    mb_jsonw_object_end(w);
}

static void draw_tags(struct mb__sim_random *random, struct mb__sim_request *out)
{
    out->n_tags = out->kind == MB__SIM_XANDR_MULTI
                      ? 2 + (size_t)mb__sim_random_below(random, MB__SIM_TAGS_MAX - 1)
                      : 1;
    for (size_t i = 0; i < out->n_tags; i++) {
        struct mb__sim_tag *tag = &out->tags[i];
        draw_auction_id(random, tag->auction_id, sizeof(tag->auction_id));
        tag->id = 550001 + (uint32_t)i;
        if (mb__sim_random_percent(random, 40)) {
            tag->reserve.micros = 100000 * (1 + (int64_t)mb__sim_random_below(random, 12));
        }
    }
}

static void draw_members(struct mb__sim_random *random, struct mb__sim_request *out)
{
    out->members[out->n_members++] = members[0];
    if (mb__sim_random_percent(random, 25)) {
        out->members[out->n_members++] = members[1 + mb__sim_random_below(random, 2)];
    }
}

void mb__sim_xandr_request(const char *prefix, struct mb__sim_random *random,
                           struct mb__sim_request *out)
{
    struct mb__sim_visitor visitor;
    struct mb_json_writer w;

    out->protocol = MB__SIM_XANDR;
    mb__sim_visitor_draw(random, &visitor);
    out->kind = mb__sim_random_percent(random, 30) ? MB__SIM_XANDR_MULTI : MB__SIM_XANDR_SINGLE;
    out->user_number = visitor.user_number;
    out->user_agent = visitor.user_agent;
    out->domain = visitor.domain;
    draw_tags(random, out);
    draw_members(random, out);
    mb_xbuf_printf(&out->target, "%s/bid", prefix);

    mb_json_writer_init(&w, &out->body);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "bid_request");
    mb_jsonw_object(&w);
    mb__sim_key_text(&w, "timestamp", "2026-03-05 10:11:12");
    mb__sim_key_number(&w, "bidder_timeout_ms", 200);
    mb_jsonw_key(&w, "members");
    mb_jsonw_array(&w);
    for (size_t i = 0; i < out->n_members; i++) {
        mb_jsonw_object(&w);
        mb__sim_key_number(&w, "id", out->members[i]);
        mb_jsonw_object_end(&w);
    }
    mb_jsonw_array_end(&w);
    mb_jsonw_key(&w, "tags");
    mb_jsonw_array(&w);
    for (size_t i = 0; i < out->n_tags; i++) {
        write_tag(&w, random, &out->tags[i]);
    }
    mb_jsonw_array_end(&w);
    write_visitor(&w, &visitor);
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}
