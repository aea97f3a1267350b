/* market.c - tells the market's memory of each bid that is sent.
 *
 * A worker writes to its own ring, and who books takes from there; the kit, which has no such
 * process, learns itself.
 */
#include "moonbid/market.h"
#include "internal.h"

void mb__bidder_tell_market(struct mb_bidder *b, const struct mb_bid *bid)
{
    const struct mb_request *r = &b->request;
    const struct mb_market_place place = {.endpoint = r->endpoint->name,
                                          .site = mb_slice_present(r->site.id) ? r->site.id
                                                                               : r->site.zone_id,
                                          .size = bid->imp->size,
                                          .format = bid->imp->format,
                                          .model = bid->model};

    if (r->test || r->debug) {
        return;
    }
    if (b->options.board) {
        mb_market_push(&b->options.board->market, &place, bid->price);
    } else if (b->options.learns) {
        struct mb_market_bid told = {0};

        mb_market_fill(&told, &place, bid->price);
        mb_market_take_bid(b->options.guard, &told, 1, b->now_ms);
    }
}
