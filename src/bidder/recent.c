/* recent.c - which bid is a call of Xandr's about that carries no token of ours?
 *
 * The exchange gives custom_notify_data back with wins only. What else it tells names auction and
 * member; some calls leave the member out, and then the auction alone finds the bid as long as one
 * bid was made in it. Its auction ids come again after an hour, so no bid is remembered longer.
 */
#include "internal.h"

static uint64_t key_of(struct mb_slice endpoint, struct mb_slice auction, struct mb_slice member)
{
    struct mb_slice parts[3] = {endpoint, auction, member};

    return mb_guard_per_key(parts, 3);
}

void mb__bidder_remember(struct mb_bidder *b, const struct mb_bid *bid)
{
    struct mb_slice endpoint = b->request.endpoint->name, body = mb_buf_slice(&b->token_body);

    if (b->options.recent && b->request.protocol == MB_EXCHANGE_XANDR) {
        mb_recent_put(b->options.recent, key_of(endpoint, bid->imp->id, bid->member_id), body, false,
                      b->now_ms);
        mb_recent_put(b->options.recent, key_of(endpoint, bid->imp->id, MB_SLICE("")), body, true,
                      b->now_ms);
    }
}

bool mb__bidder_recall(struct mb_bidder *b, const struct mb_event *e, struct mb_notice *out)
{
    uint8_t body[MB_RECENT_BODY_MAX];
    size_t len = 0;

    if (b->options.recent && mb_slice_present(e->auction_id)) {
        struct mb_slice member = mb_slice_present(e->member_id) ? e->member_id : MB_SLICE("");

        len = mb_recent_get(b->options.recent, key_of(e->endpoint, e->auction_id, member), b->now_ms,
                            body);
    }
    return len > 0 &&
           mb_notice_decode(mb_slice((const char *)body, len), &b->arena, out) == 0;
}
