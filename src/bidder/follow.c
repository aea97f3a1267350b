/* follow.c - the trader's own notice URLs: win_url, billing_url, loss_url.
 *
 *     https://us/n/TOKEN?s=SEAL&u=https%3A%2F%2Ft.example%2Fw%3Fp%3D%24%7BAUCTION_PRICE%7D&p=${AUCTION_PRICE}
 *
 * Such a URL travels inside the engine's own notice URL, bound to its token by a seal, as a click's
 * landing page does. So any worker that gets the notice knows it, also after a restart and days
 * later, and no memory is held for a bid that is never heard of again. Its macros are encoded
 * there: the exchange fills ours, and we fill the trader's with what came.
 *
 * Only what the exchange calls can be followed: on ExoClick that is billing_url, on OpenRTB all
 * three. Xandr's platform calls no URL of ours for a bid.
 */
#include "internal.h"

enum {
    URL_MAX = 1000,        /* of the trader's, expanded */
    NOTICE_URL_MAX = 2000, /* with ours around it: what no server or proxy on the way cuts */
};

/* --- giving it out --- */

static bool is_web_url(struct mb_slice url)
{
    return mb_slice_starts(url, MB_SLICE("https://")) || mb_slice_starts(url, MB_SLICE("http://"));
}

/* Adds `own` to the notice URL, which ends with its token. */
static bool attach(struct mb_bidder *b, struct mb_slice *notice_url, struct mb_slice own)
{
    size_t base = b->options.config->notice_url.len + 3;
    struct mb_slice token = mb_slice(notice_url->data + base, notice_url->len - base);
    struct mb_buf *out = &b->scratch;
    char seal[MB_NOTICE_SEAL_CHARS];

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
    *notice_url = mb_xarena_copy(&b->arena, mb_buf_slice(out));
    return notice_url->len <= NOTICE_URL_MAX;
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
            !attach(b, urls[i].notice_url, urls[i].own)) {
            *field = urls[i].field;
            return MB_NOBID_INVALID_BID;
        }
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

/* What stands for ${NAME}; absent for what the notice did not tell. Prices are in house currency;
 * the paid one is the bid's where none was told of a bid that was won. */
static struct mb_slice value_of(struct mb_bidder *b, const struct mb_event *e, struct mb_slice name)
{
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
                                                 : MB_SLICE_NONE;
}

/* The URL with each ${NAME} replaced; one that is unknown becomes empty. */
static struct mb_slice fill(struct mb_bidder *b, const struct mb_event *e, struct mb_slice url)
{
    struct mb_buf *out = &b->expanded;
    size_t at = 0;

    mb_buf_clear(out);
    while (at < url.len) {
        const char *end = url.len - at > 3 && url.data[at] == '$' && url.data[at + 1] == '{'
                              ? memchr(url.data + at, '}', url.len - at)
                              : NULL;

        if (!end) {
            mb_xbuf_add_char(out, url.data[at++]);
            continue;
        }
        mb_xbuf_add_urlencoded(
            out, value_of(b, e, mb_slice(url.data + at + 2, (size_t)(end - url.data) - at - 2)));
        at = (size_t)(end - url.data) + 1;
    }
    return mb_xarena_copy(&b->arena, mb_buf_slice(out));
}

/* An altered URL costs the fetch and not the event: what the token says is true all the same. */
void mb__bidder_follow_up(struct mb_bidder *b, struct mb_slice token, struct mb_slice query,
                          struct mb_event *e)
{
    struct mb_slice url = mb__bidder_parameter(b, query, MB_SLICE("u"));

    if (mb_slice_empty(url) || e->test) {
        return;
    }
    if (!mb_notice_seal_holds(b->options.keys, token, url,
                              mb__bidder_parameter(b, query, MB_SLICE("s")))) {
        b->totals->forged++;
        return;
    }
    e->fetch_url = fill(b, e, url);
}
