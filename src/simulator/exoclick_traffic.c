/* exoclick_traffic.c - ExoClick's bid requests: every type, JSON and XML answers, POST and now and
 * then GET.
 *
 * The endpoint's URL carries the tokens that a buyer would configure, replaced by the exchange;
 * some arrive as the protocol notes warn: empty, unreplaced, or as the odd {&empty=204}.
 */
#include "internal.h"

#include <stdio.h>

#include "moonbid/json.h"

static const char *const banner_sizes[] = {"300x250", "728x90",  "160x600",
                                           "300x100", "315x300", "900x250"};
static const char *const push_sizes[] = {"720x480", "192x192", ""};
static const char *const email_types[] = {"email_click", "email_clicks"};
static const char *const zones[] = {"778899", "778900", "112233", "4455"};
static const char *const keywords[] = {"travel", "games,news", "music", ""};

static const struct {
    enum mb__sim_kind kind;
    unsigned percent;
} mix[] = {
    {MB__SIM_PUSH, 35},        {MB__SIM_BANNER, 25},     {MB__SIM_POPUNDER, 18},
    {MB__SIM_IN_PAGE_PUSH, 9}, {MB__SIM_DIRECT_LINK, 6}, {MB__SIM_EMAIL_CLICK, 7},
};

static enum mb__sim_kind draw_kind(struct mb__sim_random *random)
{
    uint64_t draw = mb__sim_random_below(random, 100);
    size_t i = 0;

    while (draw >= mix[i].percent) {
        draw -= mix[i++].percent;
    }
    return mix[i].kind;
}

static const char *type_of(enum mb__sim_kind kind, struct mb__sim_random *random)
{
    switch (kind) {
    case MB__SIM_BANNER:
        return "banner";
    case MB__SIM_POPUNDER:
        return "popunder";
    case MB__SIM_PUSH:
        return "push_notification";
    case MB__SIM_IN_PAGE_PUSH:
        return "in_page_push_notification";
    case MB__SIM_DIRECT_LINK:
        return "direct_link";
    default:
        return *MB__SIM_PICK(random, email_types);
    }
}

static const char *size_of(enum mb__sim_kind kind, struct mb__sim_random *random)
{
    switch (kind) {
    case MB__SIM_BANNER:
        return *MB__SIM_PICK(random, banner_sizes);
    case MB__SIM_PUSH:
    case MB__SIM_IN_PAGE_PUSH:
        return *MB__SIM_PICK(random, push_sizes);
    default:
        return "";
    }
}

/* The request's fields once, for both ways of writing them. */
enum { FIELDS_MAX = 16 };

struct pairs {
    struct {
        const char *name, *value;
    } items[FIELDS_MAX];
    size_t count;
    uint64_t sub; /* the only number; 0: not sent */
};

static void pair(struct pairs *pairs, const char *name, const char *value)
{
    pairs->items[pairs->count].name = name;
    pairs->items[pairs->count++].value = value;
}

static void write_json(const struct pairs *pairs, struct mb_buf *out)
{
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    for (size_t i = 0; i < pairs->count; i++) {
        mb_jsonw_key(&w, pairs->items[i].name);
        mb_jsonw_str(&w, mb_slice_of(pairs->items[i].value));
    }
    if (pairs->sub > 0) {
        mb_jsonw_key(&w, "sub");
        mb_jsonw_u64(&w, pairs->sub);
    }
    mb_jsonw_object_end(&w);
}

static void write_parameter(struct mb_buf *out, const char *name, const char *value)
{
    mb_xbuf_printf(out, "&%s=", name);
    mb_xbuf_add_urlencoded(out, mb_slice_of(value));
}

static void write_query(const struct pairs *pairs, struct mb_buf *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        write_parameter(out, pairs->items[i].name, pairs->items[i].value);
    }
    if (pairs->sub > 0) {
        mb_xbuf_printf(out, "&sub=%llu", (unsigned long long)pairs->sub);
    }
}

static void write_tokens(struct mb_buf *out, struct mb__sim_random *random,
                         const struct mb__sim_visitor *visitor)
{
    mb_xbuf_printf(out, "?zone=%s&site_id=%u", *MB__SIM_PICK(random, zones),
                   4000 + (unsigned)mb__sim_random_below(random, 50));
    write_parameter(out, "src_hostname", visitor->domain);
    if (mb__sim_random_percent(random, 5)) {
        mb_xbuf_add_text(out, "&keyword={keyword}");
    } else {
        write_parameter(out, "keyword", *MB__SIM_PICK(random, keywords));
    }
    if (mb__sim_random_percent(random, 10)) {
        mb_xbuf_add_text(out, "%7B&empty=204%7D");
    }
}

static void write_id(struct mb__sim_random *random, char *out, size_t size)
{
    uint64_t a = mb__sim_random_next(random), b = mb__sim_random_next(random);

    snprintf(out, size, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
             (unsigned long long)(b & 0xffffffffffff));
}

void mb__sim_exoclick_request(const char *path, struct mb__sim_random *random,
                              struct mb__sim_request *out)
{
    struct mb__sim_visitor visitor;
    struct pairs pairs = {0};
    const char *size;
    char page[96];

    out->protocol = MB__SIM_EXOCLICK;
    mb__sim_visitor_draw(random, &visitor);
    out->kind = draw_kind(random);
    out->is_get = mb__sim_random_percent(random, 5);
    out->wants_xml = mb__sim_random_percent(random, 25);
    size = size_of(out->kind, random);
    write_id(random, out->id, sizeof(out->id));
    snprintf(page, sizeof(page), "https://%s/page?x=1&y=%u", visitor.domain,
             (unsigned)mb__sim_random_below(random, 1000));

    pair(&pairs, "id", out->id);
    pair(&pairs, "ip", visitor.ip);
    pair(&pairs, "language", visitor.language);
    pair(&pairs, "type", type_of(out->kind, random));
    pair(&pairs, mb__sim_random_percent(random, 5) ? "remove_addr" : "remote_addr", visitor.ip);
    pair(&pairs, "x_forwarded_for", "");
    pair(&pairs, "ua", visitor.user_agent);
    pair(&pairs, "url", page);
    pair(&pairs, "user_id", mb__sim_random_percent(random, 5) ? "" : visitor.user_id);
    pair(&pairs, "export", out->wants_xml ? "xml" : "json");
    pair(&pairs, "keyword", *MB__SIM_PICK(random, keywords));
    if (*size) {
        pair(&pairs, "size", size);
    }
    if (out->kind == MB__SIM_EMAIL_CLICK) {
        pair(&pairs, "el", "dXNlckBleGFtcGxlLm9yZw==");
    }
    pairs.sub =
        mb__sim_random_percent(random, 80) ? 100000 + mb__sim_random_below(random, 900000) : 0;

    mb_xbuf_add_text(&out->target, path);
    write_tokens(&out->target, random, &visitor);
    if (out->is_get) {
        write_query(&pairs, &out->target);
    } else {
        write_json(&pairs, &out->body);
    }
}
