/* expand.c - dynamic tokens: {name} and {name:raw} in the texts and URLs of a bid, {{name}} in its markup, VAST and native
 * document, where single braces are everyday. A URL inside of those documents is encoded like any other.
 *
 * Order of look-up (lua-api.md section 4): the strategy's own, the built-in ones, the endpoint's query parameters under our name or the name
 * on the wire, ExoClick's eight names (absent means empty). Whatever is none of these stays as it is, byte for
 * byte: {email_encoded} and ${MACRO} belong to the exchange.
 */
#include "internal.h"

enum { TOKEN_NAME_MAX = 64 };

/* Where a text stands decides how a value is written into it. */
enum place { IN_TEXT, IN_URL, IN_MARKUP, IN_JSON };

/* A token at `at` of a JSON document: does the string before it begin as a URL does? */
static bool stands_in_url(struct mb_slice json, size_t at)
{
    size_t start = at;
    struct mb_slice text;

    while (start > 0 && (json.data[start - 1] != '"' || (start > 1 && json.data[start - 2] == '\\'))) {
        start--;
    }
    text = mb_slice(json.data + start, at - start);
    return mb_slice_starts(text, MB_SLICE("https://")) || mb_slice_starts(text, MB_SLICE("http://"));
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct mb_slice price_text(struct mb_bidder *b, struct mb_price price)
{
    struct mb_buf *buf = &b->scratch;

    mb_buf_clear(buf);
    mb_xbuf_add_price(buf, price);
    return mb_xarena_copy(&b->arena, mb_buf_slice(buf));
}

enum built_in {
    BUILT_IN_NONE,
    PRICE,
    REQUEST_ID,
    IMP_ID,
    BID_ID,
    ENDPOINT,
    EXCHANGE,
    COUNTRY,
    STRATEGY,
    USER_ID,
    DOMAIN,
    DATA,
    VERSION,
    TIMESTAMP,
    CLICK_TOKEN,
    IMPRESSION_URL,
};

static enum built_in find_built_in(struct mb_slice name)
{
    static const struct {
        struct mb_slice name;
        enum built_in which;
    } rows[] = {
#define ROW(text, which) {{text, sizeof(text) - 1}, which}
        ROW("price", PRICE), ROW("request_id", REQUEST_ID),
        ROW("imp_id", IMP_ID), ROW("bid_id", BID_ID),
        ROW("endpoint", ENDPOINT), ROW("exchange", EXCHANGE),
        ROW("country", COUNTRY), ROW("strategy", STRATEGY),
        ROW("user_id", USER_ID), ROW("domain", DOMAIN),
        ROW("data", DATA), ROW("version", VERSION),
        ROW("timestamp", TIMESTAMP), ROW("click_token", CLICK_TOKEN),
        ROW("impression_url", IMPRESSION_URL),
#undef ROW
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (mb_slice_eq(name, rows[i].name)) {
            return rows[i].which;
        }
    }
    return BUILT_IN_NONE;
}

/* A built-in: true where `name` is one; an absent value is empty. */
static bool built_in(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice name,
                     struct mb_slice *out)
{
    const struct mb_request *r = &b->request;

    switch (find_built_in(name)) {
    case PRICE:
        *out = price_text(b, bid->price);
        return true;
    case REQUEST_ID:
        *out = r->id;
        return true;
    case IMP_ID:
        *out = bid->imp->id;
        return true;
    case BID_ID:
        *out = bid->id;
        return true;
    case ENDPOINT:
        *out = r->endpoint->name;
        return true;
    case EXCHANGE:
        *out = mb_slice_of(mb_exchange_name(r->endpoint->exchange));
        return true;
    case COUNTRY:
        *out = r->geo.country;
        return true;
    case STRATEGY:
        *out = bid->strategy->name;
        return true;
    case USER_ID:
        *out = r->user.id;
        return true;
    case DOMAIN:
        *out = r->site.domain;
        return true;
    case DATA:
        *out = bid->data;
        return true;
    case VERSION:
        *out = mb_script_version(b->script);
        return true;
    case TIMESTAMP:
        *out = mb_xarena_printf(&b->arena, "%lld", (long long)b->now_ms);
        return true;
    case CLICK_TOKEN:
        *out = mb__bidder_token(b, MB_EVENT_CONVERSION);
        return true;
    case IMPRESSION_URL:
        *out = bid->impression_url;
        return bid->names_impression_url;
    case BUILT_IN_NONE:
        break;
    }
    return false;
}

static bool own_token(const struct mb_strategy *strategy, struct mb_slice name)
{
    size_t i;

    for (i = 0; i < strategy->tokens.count; i++) {
        if (mb_slice_eq(strategy->tokens.items[i], name)) {
            return true;
        }
    }
    return false;
}

/* True where `name` is known; then *out is its value, absent for empty. */
static bool look_up(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice name,
                    struct mb_slice *out)
{
    const struct mb_request *r = &b->request;
    struct mb_slice renamed;

    *out = MB_SLICE_NONE;
    if (own_token(bid->strategy, name)) {
        if (!mb_script_token(b->script, bid->strategy, bid, name, out)) {
            b->totals->token_failures++;
        }
        return true;
    }
    if (built_in(b, bid, name, out)) {
        return true;
    }
    *out = mb_pairs_get(r->tokens, name);
    if (mb_slice_present(*out)) {
        return true;
    }
    renamed = mb_pairs_get(r->endpoint->tokens, name);
    if (mb_slice_present(renamed)) {
        *out = mb_pairs_get(r->tokens, renamed);
        return true;
    }
    return mb_exchange_is_token(name);
}

/* {{name}} at `text[at]`: the name and how long the whole is, or 0 where it is no token. */
static size_t parse_double(struct mb_slice text, size_t at, struct mb_slice *name)
{
    size_t end = at + 2;

    if (end >= text.len || text.data[at + 1] != '{') {
        return 0;
    }
    while (end < text.len && end - at - 2 < TOKEN_NAME_MAX && is_name_char(text.data[end])) {
        end++;
    }
    *name = mb_slice(text.data + at + 2, end - at - 2);
    return name->len > 0 && text.len - end >= 2 && memcmp(text.data + end, "}}", 2) == 0
               ? end + 2 - at
               : 0;
}

/* At '{' of `text[at]`: the name and how long the whole is, or 0 where it is no token. */
static size_t parse_token(struct mb_slice text, size_t at, struct mb_slice *name, bool *raw)
{
    size_t end = at + 1;

    while (end < text.len && end - at - 1 < TOKEN_NAME_MAX && is_name_char(text.data[end])) {
        end++;
    }
    *name = mb_slice(text.data + at + 1, end - at - 1);
    *raw = text.len - end >= 5 && memcmp(text.data + end, ":raw}", 5) == 0;
    if (name->len == 0 || (at > 0 && text.data[at - 1] == '$')) {
        return 0;
    }
    if (*raw) {
        return end + 5 - at;
    }
    return end < text.len && text.data[end] == '}' ? end + 1 - at : 0;
}

/* For HTML and XML, inside attributes too. */
static void add_escaped(struct mb_buf *out, struct mb_slice value)
{
    static const char from[] = "&<>\"'";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    size_t i;

    for (i = 0; i < value.len; i++) {
        const char *found = value.data[i] ? strchr(from, value.data[i]) : NULL;

        if (found) {
            mb_xbuf_add_text(out, to[found - from]);
        } else {
            mb_xbuf_add_char(out, value.data[i]);
        }
    }
}

/* As the inside of a JSON string. */
static void add_json(struct mb_buf *out, struct mb_slice value)
{
    struct mb_json_writer w;
    size_t start = out->len;

    mb_json_writer_init(&w, out);
    mb_jsonw_str(&w, value);
    memmove(out->data + start, out->data + start + 1, out->len - start - 2);
    out->len -= 2;
}

static void add_value(struct mb_buf *out, struct mb_slice value, enum place place)
{
    switch (place) {
    case IN_TEXT:
        mb_xbuf_add_slice(out, value);
        break;
    case IN_URL:
        mb_xbuf_add_urlencoded(out, value);
        break;
    case IN_MARKUP:
        add_escaped(out, value);
        break;
    case IN_JSON:
        add_json(out, value);
        break;
    }
}

/* Where the next '{' at or behind `from` stands, or the end. */
static size_t next_brace(struct mb_slice text, size_t from)
{
    const char *found =
        from < text.len ? memchr(text.data + from, '{', text.len - from) : NULL;

    return found ? (size_t)(found - text.data) : text.len;
}

/* `at`: the first brace. */
static struct mb_slice expand_from(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice text,
                                   enum place place, size_t at)
{
    bool twice = place == IN_MARKUP || place == IN_JSON;
    struct mb_buf *out = &b->expanded; /* not scratch: looking a token up uses that */
    size_t plain = 0;

    mb_buf_clear(out);
    for (; at < text.len; at = next_brace(text, at)) {
        struct mb_slice name, value;
        bool raw = false;
        size_t len = twice ? parse_double(text, at, &name) : parse_token(text, at, &name, &raw);

        if (len == 0 || !look_up(b, bid, name, &value)) {
            at++;
            continue;
        }
        if (b->watch) {
            mb__bidder_trace_token(b, bid, name, value);
        }
        mb_xbuf_add(out, text.data + plain, at - plain);
        add_value(out, value, raw                                              ? IN_TEXT
                              : place == IN_JSON && stands_in_url(text, at) ? IN_URL
                                                                            : place);
        at += len;
        plain = at;
    }
    mb_xbuf_add(out, text.data + plain, text.len - plain);
    return mb_xarena_copy(&b->arena, mb_buf_slice(out));
}

/* Of the texts that a bid may have most are absent. */
static inline struct mb_slice expand(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice text,
                                     enum place place)
{
    size_t at = text.len > 0 ? next_brace(text, 0) : 0;

    return at == text.len ? text : expand_from(b, bid, text, place, at);
}

static void expand_icons(struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_icon *icons;
    size_t i;

    if (bid->n_icons == 0) {
        return;
    }
    icons = mb_xarena_array(&b->arena, bid->n_icons, sizeof(*icons));
    for (i = 0; i < bid->n_icons; i++) {
        icons[i] = bid->icons[i];
        icons[i].url = expand(b, bid, icons[i].url, IN_URL);
    }
    bid->icons = icons;
}

static void expand_macros(struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_pair *macros;
    size_t i;

    if (bid->custom_macros.count == 0) {
        return;
    }
    macros = mb_xarena_array(&b->arena, bid->custom_macros.count, sizeof(*macros));
    for (i = 0; i < bid->custom_macros.count; i++) {
        macros[i] = bid->custom_macros.items[i];
        macros[i].value = expand(b, bid, macros[i].value, IN_TEXT);
    }
    bid->custom_macros.items = macros;
}

void mb__bidder_expand(struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_slice *const urls[] = {&bid->click_url, &bid->image_url, &bid->url,
                                     &bid->imptracker, &bid->pixel_url, &bid->win_url,
                                     &bid->billing_url, &bid->loss_url};
    struct mb_slice *const texts[] = {&bid->title, &bid->description};
    size_t i;

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        *urls[i] = expand(b, bid, *urls[i], IN_URL);
    }
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = expand(b, bid, *texts[i], IN_TEXT);
    }
    bid->markup = expand(b, bid, bid->markup, IN_MARKUP);
    bid->vast = expand(b, bid, bid->vast, IN_MARKUP);
    bid->native = expand(b, bid, bid->native, IN_JSON);
    bid->vast_table = expand(b, bid, bid->vast_table, IN_JSON);
    expand_icons(b, bid);
    expand_macros(b, bid);
}
