/* sign.c - a bid's id and the signed tokens that come back with its notices.
 *
 * The body of the token is encoded once a bid and kept, so that each kind of notice costs one MAC; as base64url it is
 * made for the first kind and copied for the others.
 */
#include "internal.h"

enum { CUSTOM_DATA_MAX = 1000 }; /* Xandr's advice for all custom data of a response (bid response page) */

static void describe(struct mb_bidder *b, struct mb_bid *bid, struct mb_notice *n)
{
    const struct mb_request *r = &b->request;
    int64_t boot_ms;

    n->strategy = bid->strategy->name;
    n->version = mb_script_version(b->script);
    n->arm = bid->arm;
    n->endpoint = r->endpoint->name;
    n->auction_id = r->id;
    n->imp_id = mb_slice_eq(r->id, bid->imp->id) ? MB_SLICE_NONE : bid->imp->id;
    n->zone_id = r->site.zone_id;
    n->site_id = r->site.id;
    n->creative_id = mb_slice_present(bid->creative_id) ? bid->creative_id : bid->creative_code;
    n->country = mb_later(r->geo.later, &r->geo.country);
    n->data = bid->data;
    n->price = bid->price;
    n->price_wire = bid->price_wire;
    n->rate_millionths = mb__bidder_kept_rate(bid->rate);
    n->model = bid->model;
    n->format = bid->imp->format;
    n->size = (int64_t)(bid->imp->size.width & 0xffff) << 16 | (bid->imp->size.height & 0xffff);
    n->bid_time_ms = b->now_ms;
    n->boot_id = mb_guard_boot(b->options.guard, b->now_ms, &boot_ms);
    n->boot_skew_ms = boot_ms - b->now_ms;
    n->exchange = r->endpoint->exchange;
    n->books_on_win = r->endpoint->books_on_win;
    n->test = r->test || r->debug;
    n->watched = mb__bidder_is_watched(b, bid);
    n->recorded = b->tape && !b->tape->plays;
    mb__bidder_cap_keys(b, bid, &n->frequency_key, &n->per_key);
}

/* BASE PATH TOKEN, in the arena, with a zero behind it. */
static struct mb_slice append_token(struct mb_bidder *b, struct mb_slice base, struct mb_slice path, enum mb_event_type kind)
{
    struct mb_slice body = mb_buf_slice(&b->token_body);
    size_t at = base.len + path.len, len = at + mb_notice_token_len(body.len);
    char *text = mb_xarena_alloc_raw(&b->arena, len + 1);
    const char *other = b->first_token.data;

    if (base.len > 0) {
        memcpy(text, base.data, base.len);
    }
    if (path.len > 0) {
        memcpy(text + base.len, path.data, path.len);
    }
    if (b->options.decides_only && other) {
        memcpy(text + at, other, len - at);
    } else {
        mb_notice_sign_again(b->options.keys, kind, body, other, text + at);
    }
    text[len] = '\0';
    if (!other) {
        b->first_token = mb_slice(text + at, len - at);
    }
    return mb_slice(text, len);
}

struct mb_slice mb__bidder_token(struct mb_bidder *b, enum mb_event_type kind)
{
    return append_token(b, MB_SLICE_NONE, MB_SLICE_NONE, kind);
}

/* What travels in custom_notify_data: the token, and behind a dot the trader's own text. */
static bool set_custom_data(struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_slice token = mb__bidder_token(b, MB_EVENT_WIN);

    if (mb_slice_empty(bid->custom_notify_data)) {
        bid->notice_token = token;
        return true;
    }
    mb_buf_clear(&b->scratch);
    mb_xbuf_add_slice(&b->scratch, token);
    mb_xbuf_add_char(&b->scratch, '.');
    mb_xbuf_add_slice(&b->scratch, bid->custom_notify_data);
    bid->notice_token = mb_xarena_copy(&b->arena, mb_buf_slice(&b->scratch));
    return bid->notice_token.len <= CUSTOM_DATA_MAX;
}

static struct mb_slice notice_url(struct mb_bidder *b, struct mb_slice base, enum mb_event_type kind)
{
    return append_token(b, base, MB_SLICE("/n/"), kind);
}

enum mb_nobid mb__bidder_sign(struct mb_bidder *b, struct mb_bid *bid, const char **field)
{
    struct mb_slice base = b->options.config->notice_url;
    struct mb_notice notice = {0};
    char id[22];

    mb__bidder_random(b, notice.bid_id, sizeof(notice.bid_id));
    mb_notice_bid_id_text(notice.bid_id, id);
    bid->id = mb_xarena_copy(&b->arena, mb_slice(id, sizeof(id)));
    describe(b, bid, &notice);
    mb_buf_clear(&b->token_body);
    b->first_token = MB_SLICE_NONE;
    if (mb_notice_encode(&notice, &b->token_body)) {
        *field = "data";
        return MB_NOBID_INVALID_BID;
    }
    if (notice.watched) {
        bid->impression_url = notice_url(b, mb__bidder_pixel_base(b->options.config), MB_EVENT_IMPRESSION);
    }
    if (b->request.protocol == MB_EXCHANGE_XANDR) {
        if (!set_custom_data(b, bid)) {
            *field = "custom_notify_data";
            return MB_NOBID_INVALID_BID;
        }
        return MB_NOBID_BID;
    }
    bid->notice_url = notice_url(b, base, MB_EVENT_BILLING);
    if (b->request.protocol == MB_EXCHANGE_OPENRTB) {
        bid->win_notice = notice_url(b, base, MB_EVENT_WIN);
        bid->loss_notice = notice_url(b, base, MB_EVENT_LOSS);
    }
    return MB_NOBID_BID;
}
