/* click.c - landing pages behind a signed redirect, so that clicks are counted where no exchange tells of them.
 *
 *     https://us/k/TOKEN?s=SEAL&u=https%3A%2F%2Fgo.example%2F%3Fp%3D%24%7BAUCTION_PRICE%7D&m1=${AUCTION_PRICE}
 *
 * The seal binds the page to the token, so nobody can make us send visitors elsewhere. Macros of the exchange inside
 * the page's URL are encoded there and would never be filled, so each also stands bare in a parameter of its own, in
 * order; what arrives in it takes the macro's place, encoded. One that was not filled becomes empty.
 *
 * A visitor is never shown an error while the seal holds: the answer does not wait for the ledger.
 */
#include "internal.h"

enum { MACROS_MAX = 9, MACRO_CHARS_MAX = 64, TARGET_MAX = 2000 };

/* --- macros: ${NAME} and {name} --- */

static bool is_macro_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':' || c == '-';
}

/* The next macro of `text` at or behind `from`; false: none. */
static bool next_macro(struct mb_slice text, size_t from, size_t *at, size_t *len)
{
    for (size_t i = from; i < text.len; i++) {
        size_t start = i, end;

        if (text.data[i] == '$' && i + 1 < text.len && text.data[i + 1] == '{') {
            end = i + 2;
        } else if (text.data[i] == '{') {
            end = i + 1;
        } else {
            continue;
        }
        while (end < text.len && end - start < MACRO_CHARS_MAX && is_macro_char(text.data[end])) {
            end++;
        }
        if (end < text.len && text.data[end] == '}' && end > start + 1) {
            *at = start;
            *len = end + 1 - start;
            return true;
        }
    }
    return false;
}

/* --- giving the URL out --- */

static void add_macros(struct mb_buf *out, struct mb_slice target)
{
    size_t at = 0, len = 0, count = 0;

    for (size_t from = 0; count < MACROS_MAX && next_macro(target, from, &at, &len);
         from = at + len) {
        mb_xbuf_printf(out, "&m%zu=", ++count);
        mb_xbuf_add(out, target.data + at, len);
    }
}

struct mb_slice mb__bidder_sealed_url(struct mb_bidder *b, enum mb_event_type kind, struct mb_slice base,
                                      struct mb_slice path, struct mb_slice target)
{
    struct mb_slice token = mb__bidder_token(b, kind);
    struct mb_buf *out = &b->scratch;
    char seal[MB_NOTICE_SEAL_CHARS];

    mb_notice_seal(b->options.keys, token, target, seal);
    mb_buf_clear(out);
    mb_xbuf_add_slice(out, base);
    mb_xbuf_add_slice(out, path);
    mb_xbuf_add_slice(out, token);
    mb_xbuf_add_slice(out, MB_SLICE("?s="));
    mb_xbuf_add(out, seal, sizeof(seal));
    mb_xbuf_add_slice(out, MB_SLICE("&u="));
    mb_xbuf_add_urlencoded(out, target);
    add_macros(out, target);
    return mb_xarena_copy(&b->arena, mb_buf_slice(out));
}

void mb__bidder_wrap_click(struct mb_bidder *b, struct mb_bid *bid)
{
    const struct mb_config *config = b->options.config;
    struct mb_slice base = mb_slice_present(config->click_url) ? config->click_url : config->notice_url;
    struct mb_slice *const urls[] = {&bid->click_url, &bid->url};

    if (!bid->strategy->track_clicks) {
        return;
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (!mb_slice_empty(*urls[i]) && urls[i]->len <= TARGET_MAX) {
            *urls[i] = mb__bidder_sealed_url(b, MB_EVENT_CLICK, base, MB_SLICE("/k/"), *urls[i]);
        }
    }
}

/* --- taking a visitor --- */

struct mb_slice mb__bidder_parameter(struct mb_bidder *b, struct mb_slice query, struct mb_slice name)
{
    while (mb_slice_present(query)) {
        struct mb_slice value = mb_slice_cut(&query, '&'), key = mb_slice_cut(&value, '=');

        if (mb_slice_eq(key, name) && mb_slice_present(value)) {
            mb_buf_clear(&b->scratch);
            mb_xbuf_add_urldecoded(&b->scratch, value, false);
            return mb_xarena_copy(&b->arena, mb_buf_slice(&b->scratch));
        }
    }
    return MB_SLICE_NONE;
}

/* What a header may hold: a byte that no URL has goes out encoded. */
static void add_location(struct mb_buf *out, struct mb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c > 0x20 && c < 0x7f) {
            mb_xbuf_add_char(out, (char)c);
        } else {
            mb_xbuf_printf(out, "%%%02X", c);
        }
    }
}

/* The landing page with its macros filled. */
static void fill(struct mb_bidder *b, struct mb_slice query, struct mb_slice target,
                 struct mb_buf *out)
{
    size_t at = 0, len = 0, from = 0, count = 0;

    while (count < MACROS_MAX && next_macro(target, from, &at, &len)) {
        struct mb_slice macro = mb_slice(target.data + at, len);
        char name[3] = {'m', (char)('1' + count++), '\0'};
        struct mb_slice value = mb__bidder_parameter(b, query, mb_slice_of(name));

        add_location(out, mb_slice(target.data + from, at - from));
        if (!mb_slice_eq(value, macro)) {
            mb_xbuf_add_urlencoded(out, value);
        }
        from = at + len;
    }
    add_location(out, mb_slice(target.data + from, target.len - from));
}

static void record_click(struct mb_bidder *b, struct mb_slice token, struct mb_bidder_out *out)
{
    struct mb_event *e = mb_xarena_alloc(&b->arena, sizeof(*e));
    const struct mb_endpoint *endpoint;
    struct mb_notice notice;

    if (mb_notice_verify(b->options.keys, MB_EVENT_CLICK, token, &b->arena, &notice) ||
        !(endpoint = mb__bidder_endpoint_of(b, &notice)) || mb__bidder_is_expired(b, &notice)) {
        return; /* the visitor goes on all the same */
    }
    mb__bidder_own_event(b, MB_EVENT_CLICK, &notice, endpoint, e);
    e->key = mb_xarena_printf(&b->arena, "%012llx:%.*s:click",
                              (unsigned long long)mb_event_key_ms(e), MB_SLICE_ARG(e->bid_id));
    out->endpoint = mb_config_endpoint(b->options.config, notice.endpoint);
    out->events = e;
    out->n_events = 1;
    b->totals->notices++;
}

bool mb__bidder_send_on(struct mb_bidder *b, struct mb_slice token, struct mb_slice query, struct mb_bidder_out *out)
{
    struct mb_slice target = mb__bidder_parameter(b, query, MB_SLICE("u"));
    struct mb_slice seal = mb__bidder_parameter(b, query, MB_SLICE("s"));

    if (mb_slice_empty(target) || !mb_notice_seal_holds(b->options.keys, token, target, seal)) {
        return false;
    }
    mb_buf_clear(&b->body);
    mb_xbuf_add_slice(&b->body, MB_SLICE("Location: "));
    fill(b, query, target, &b->body);
    mb_xbuf_add_slice(&b->body, MB_SLICE("\r\n"));
    out->extra_headers = mb_buf_slice(&b->body);
    out->status = 302;
    return true;
}

void mb__bidder_redirect(struct mb_bidder *b, const struct mb_bidder_in *in,
                         struct mb_bidder_out *out)
{
    struct mb_slice token = mb_slice(in->path.data + 3, in->path.len - 3);

    out->kind = "click";
    if (!mb__bidder_send_on(b, token, in->query, out)) {
        b->totals->forged++;
        mb__bidder_refuse(b, out, 404, "no such click", -1);
        return;
    }
    record_click(b, token, out);
    out->answer_first = true;
}
