/* follow.c - the trader's own notice URLs: win_url, billing_url, loss_url.
 *
 *     https://us/n/TOKEN?s=SEAL&u=https%3A%2F%2Ft.example%2Fw%3Fp%3D%24%7BAUCTION_PRICE%7D&p=${AUCTION_PRICE}
 *
 * Such a URL travels inside the engine's own notice URL, bound to its token by a seal, as a click's
 * landing page does. So any worker that gets the notice knows it, also after a restart and days
 * later, and no memory is held for a bid that is never heard of again. Its macros are encoded
 * there: the exchange fills ours, and we fill the trader's with what came, or what the bid knew.
 *
 * Only what the exchange calls can be followed: on ExoClick that is billing_url, on OpenRTB all
 * three. Xandr's platform calls no URL of ours for a bid, but gives custom_notify_data back with a win:
 * there win_url stands between the token and the trader's own text, its length told so that it may
 * hold any character.
 *
 *     TOKEN~SEAL62:https://t.example/w?p=${AUCTION_PRICE}.own text
 */
#include "internal.h"

enum {
    URL_MAX = 1000,        /* of the trader's, expanded */
    NOTICE_URL_MAX = 2000, /* with ours around it: what no server or proxy on the way cuts */
    CUSTOM_DATA_MAX = 1000, /* Xandr's advice for all custom data of a response (bid response page) */
};

/* What a macro is filled with: by the bid when the URL is given out, by its notice when it is followed. */
struct source {
    struct mb_bidder *bidder;
    const struct mb_bid *bid;     /* or NULL */
    const struct mb_event *event; /* or NULL */
    struct mb_slice query;        /* of the notice */
};

/* --- macros --- */

/* Sets *out (absent: empty) for the name of a macro; false where it stays as it is. */
typedef bool value_of_macro(const struct source *source, struct mb_slice name, struct mb_slice *out);

/* Percent-encoded, in base64 before that where the macro asks for it: ${NAME:B64}. */
static bool add_value(const struct source *source, value_of_macro *value_of, struct mb_slice name,
                      struct mb_buf *out)
{
    bool in_base64 = mb_slice_ends(name, MB_SLICE(":B64"));
    struct mb_slice value = MB_SLICE_NONE;
    struct mb_buf *coded = &source->bidder->scratch;

    name.len -= in_base64 ? 4 : 0;
    if (!value_of(source, name, &value)) {
        return false;
    }
    if (in_base64) {
        mb_buf_clear(coded);
        mb_xbuf_add_base64(coded, value);
        value = mb_buf_slice(coded);
    }
    mb_xbuf_add_urlencoded(out, value);
    return true;
}

/* The URL with each ${NAME} replaced that has a value. */
static struct mb_slice fill(const struct source *source, value_of_macro *value_of,
                            struct mb_slice url)
{
    struct mb_buf *out = &source->bidder->expanded;
    size_t at = 0;

    mb_buf_clear(out);
    while (at < url.len) {
        const char *end = url.len - at > 3 && url.data[at] == '$' && url.data[at + 1] == '{'
                              ? memchr(url.data + at, '}', url.len - at)
                              : NULL;
        size_t len = end ? (size_t)(end - url.data) + 1 - at : 0;

        if (end && add_value(source, value_of, mb_slice(url.data + at + 2, len - 3), out)) {
            at += len;
        } else {
            mb_xbuf_add_char(out, url.data[at++]);
        }
    }
    return mb_xarena_copy(&source->bidder->arena, mb_buf_slice(out));
}

/* --- giving it out --- */

/* Known to us at the bid, and to no notice. */
static bool value_at_bid(const struct source *source, struct mb_slice name, struct mb_slice *out)
{
    bool is_seat = mb_slice_is(name, "AUCTION_SEAT_ID"), is_ad = mb_slice_is(name, "AUCTION_AD_ID");

    *out = is_seat ? source->bid->seat : source->bid->ad_id;
    return is_seat || is_ad;
}

static bool is_web_url(struct mb_slice url)
{
    return mb_slice_starts(url, MB_SLICE("https://")) || mb_slice_starts(url, MB_SLICE("http://"));
}

/* Adds `own` to the notice URL, which ends with its token. What only the exchange knows and we have no use for is asked
 * of it where `own` has the macro. */
static bool attach(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice *notice_url,
                   struct mb_slice own)
{
    struct source source = {.bidder = b, .bid = bid};
    size_t base = b->options.config->notice_url.len + 3;
    struct mb_slice token = mb_slice(notice_url->data + base, notice_url->len - base);
    struct mb_buf *out = &b->scratch;
    char seal[MB_NOTICE_SEAL_CHARS];

    own = fill(&source, value_at_bid, own);
    if (own.len > URL_MAX || !is_web_url(own)) {
        return false;
    }
    mb_notice_seal(b->options.keys, token, own, seal);
    mb_buf_clear(out);
    mb_xbuf_add_slice(out, *notice_url);
    mb_xbuf_add_slice(out, MB_SLICE("?s="));
    mb_xbuf_add(out, seal, sizeof(seal));
    mb_xbuf_add_slice(out, MB_SLICE("&u="));
    mb_xbuf_add_urlencoded(out, own);
    if (mb_slice_find(own, MB_SLICE("${AUCTION_MBR")) >= 0) {
        mb_xbuf_add_slice(out, MB_SLICE("&r=${AUCTION_MBR}"));
    }
    *notice_url = mb_xarena_copy(&b->arena, mb_buf_slice(out));
    return notice_url->len <= NOTICE_URL_MAX;
}

/* Puts `own` behind the token of custom_notify_data. */
static bool attach_to_custom_data(struct mb_bidder *b, struct mb_bid *bid)
{
    struct source source = {.bidder = b, .bid = bid};
    struct mb_slice own = fill(&source, value_at_bid, bid->win_url), text = bid->notice_token;
    struct mb_slice token = mb_slice_cut(&text, '.');
    struct mb_buf *out = &b->scratch;
    char seal[MB_NOTICE_SEAL_CHARS];

    if (own.len > URL_MAX || !is_web_url(own)) {
        return false;
    }
    mb_notice_seal(b->options.keys, token, own, seal);
    mb_buf_clear(out);
    mb_xbuf_add_slice(out, token);
    mb_xbuf_add_char(out, '~');
    mb_xbuf_add(out, seal, sizeof(seal));
    mb_xbuf_printf(out, "%zu:", own.len);
    mb_xbuf_add_slice(out, own);
    if (mb_slice_present(text)) {
        mb_xbuf_add_char(out, '.');
        mb_xbuf_add_slice(out, text);
    }
    bid->notice_token = mb_xarena_copy(&b->arena, mb_buf_slice(out));
    return bid->notice_token.len <= CUSTOM_DATA_MAX;
}

enum mb_nobid mb__bidder_attach_urls(struct mb_bidder *b, struct mb_bid *bid, const char **field)
{
    const struct {
        const char *field;
        struct mb_slice own, *notice_url;
    } urls[] = {
        {"billing_url", bid->billing_url, &bid->notice_url},
        {"win_url", bid->win_url, &bid->win_notice},
        {"loss_url", bid->loss_url, &bid->loss_notice},
    };
    size_t i;

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (!mb_slice_empty(urls[i].own) && mb_slice_present(*urls[i].notice_url) &&
            !attach(b, bid, urls[i].notice_url, urls[i].own)) {
            *field = urls[i].field;
            return MB_NOBID_INVALID_BID;
        }
    }
    if (!mb_slice_empty(bid->win_url) && mb_slice_present(bid->notice_token) && !attach_to_custom_data(b, bid)) {
        *field = "win_url";
        return MB_NOBID_INVALID_BID;
    }
    return MB_NOBID_BID;
}

/* --- following it --- */

static struct mb_slice price_text(struct mb_bidder *b, bool known, struct mb_price price)
{
    struct mb_buf text = {0};
    struct mb_slice copy;

    if (!known) {
        return MB_SLICE_NONE;
    }
    mb_xbuf_add_price(&text, price);
    copy = mb_xarena_copy(&b->arena, mb_buf_slice(&text));
    mb_buf_fini(&text);
    return copy;
}

/* What the exchange filled in; absent where it left its macro alone. */
static struct mb_slice told(const struct source *source, struct mb_slice name)
{
    struct mb_slice value = mb__bidder_parameter(source->bidder, source->query, name);

    return mb_slice_starts(value, MB_SLICE("${")) ? MB_SLICE_NONE : value;
}

/* What stands for ${NAME}; absent for what the notice did not tell. Prices are in house currency;
 * the paid one is the bid's where none was told of a bid that was won. */
static struct mb_slice value_told(const struct source *source, struct mb_slice name)
{
    struct mb_bidder *b = source->bidder;
    const struct mb_event *e = source->event;
    struct mb_price paid = e->has_price_paid ? e->price_paid : e->price_bid;

    if (mb_slice_is(name, "AUCTION_PRICE")) {
        return price_text(b, e->type != MB_EVENT_LOSS, paid);
    }
    if (mb_slice_is(name, "AUCTION_MIN_TO_WIN")) {
        return price_text(b, e->has_min_to_win, e->min_to_win);
    }
    if (mb_slice_is(name, "AUCTION_LOSS")) {
        return e->loss_code > 0 ? mb_xarena_printf(&b->arena, "%d", (int)e->loss_code)
                                : MB_SLICE_NONE;
    }
    return mb_slice_is(name, "AUCTION_CURRENCY") ? e->currency
           : mb_slice_is(name, "AUCTION_ID")     ? e->auction_id
           : mb_slice_is(name, "AUCTION_IMP_ID") ? e->imp_id
           : mb_slice_is(name, "AUCTION_BID_ID") ? e->bid_id
           : mb_slice_is(name, "AUCTION_MBR")    ? told(source, MB_SLICE("r"))
                                                 : MB_SLICE_NONE;
}

/* One that is unknown becomes empty. */
static bool value_at_notice(const struct source *source, struct mb_slice name, struct mb_slice *out)
{
    *out = value_told(source, name);
    return true;
}

/* An altered URL costs the fetch and not the event: what the token says is true all the same. */
static void follow(const struct source *source, struct mb_slice token, struct mb_slice seal, struct mb_slice url,
                   struct mb_event *e)
{
    if (mb_slice_empty(url) || e->test) {
        return;
    }
    if (!mb_notice_seal_holds(source->bidder->options.keys, token, url, seal)) {
        source->bidder->totals->forged++;
        return;
    }
    e->fetch_url = fill(source, value_at_notice, url);
}

void mb__bidder_follow_up(struct mb_bidder *b, struct mb_slice token, struct mb_slice query,
                          struct mb_event *e)
{
    struct source source = {.bidder = b, .event = e, .query = query};

    follow(&source, token, mb__bidder_parameter(b, query, MB_SLICE("s")), mb__bidder_parameter(b, query, MB_SLICE("u")), e);
}

void mb__bidder_follow_win(struct mb_bidder *b, const struct mb__custom_data *data, struct mb_event *e)
{
    struct source source = {.bidder = b, .event = e};

    if (e->type == MB_EVENT_WIN) {
        follow(&source, data->token, data->seal, data->url, e);
    }
}

struct mb__custom_data mb__bidder_read_custom_data(struct mb_slice whole)
{
    struct mb__custom_data out = {.text = MB_SLICE_NONE};
    struct mb_slice rest = whole, length;
    size_t at = 0;
    int64_t len;

    if (!mb_slice_present(whole)) {
        return out;
    }
    while (at < rest.len && rest.data[at] != '.' && rest.data[at] != '~') {
        at++;
    }
    out.token = mb_slice(rest.data, at);
    rest = mb_slice(rest.data + at, rest.len - at);
    if (rest.len > 1 + MB_NOTICE_SEAL_CHARS && rest.data[0] == '~') {
        out.seal = mb_slice(rest.data + 1, MB_NOTICE_SEAL_CHARS);
        rest = mb_slice(rest.data + 1 + MB_NOTICE_SEAL_CHARS, rest.len - 1 - MB_NOTICE_SEAL_CHARS);
        length = mb_slice_cut(&rest, ':');
        if (mb_slice_present(rest) && mb_slice_to_i64(length, &len) && len > 0 && len <= (int64_t)rest.len) {
            out.url = mb_slice(rest.data, (size_t)len);
            rest = mb_slice(rest.data + len, rest.len - (size_t)len);
        }
    }
    if (mb_slice_starts(rest, MB_SLICE("."))) {
        out.text = mb_slice(rest.data + 1, rest.len - 1);
    }
    return out;
}
