/* openrtb_notices.c - what follows an OpenRTB bid: the auction's outcome, told by the bid's own
 * URLs with their macros filled in.
 *
 *     generic   won: nurl -> burl on delivery, which books      lost: lurl
 *     ExoClick  won: nurl -> burl on delivery or click, which books
 *     Xandr     won: nurl at the impression, which books -> [burl]      lost: lurl
 *
 * The price told is the market's, and never more than was bid. In EUR it is at least two
 * micro-units less: what the bid was in the bidder's own currency before it was rounded is known to
 * it alone, and it books no more than that.
 */
#include "internal.h"

/* In a hundred. */
enum { LOSSES_TOLD = 80, UNBILLED = 10, UNFILLED = 3, XANDR_BILLINGS = 15 };

enum { LOST_TO_A_HIGHER_BID = 102 };

/* What the macros become; a price below zero is left as the macro. */
struct outcome {
    struct mb__sim_notices *notices;
    const struct mb__sim_request *request;
    const struct mb__sim_bid *bid;
    struct mb_price price;
    struct mb_price min_to_win;
};

static void fill_macro(const struct outcome *o, struct mb_slice name, struct mb_buf *out)
{
    bool xandr = o->request->protocol == MB__SIM_OPENRTB_XANDR;

    if (mb_slice_is(name, "AUCTION_ID")) {
        mb_xbuf_add_urlencoded(out, mb_slice_of(xandr ? o->bid->imp->id : o->request->id));
    } else if (mb_slice_is(name, "AUCTION_IMP_ID")) {
        mb_xbuf_add_urlencoded(out, mb_slice_of(o->bid->imp->id));
    } else if (mb_slice_is(name, "AUCTION_SEAT_ID")) {
        mb_xbuf_add_urlencoded(out, mb_buf_slice(&o->bid->seat));
    } else if (mb_slice_is(name, "AUCTION_AD_ID")) {
        mb_xbuf_add_urlencoded(out, mb_buf_slice(&o->bid->ad_id));
    } else if (mb_slice_is(name, "AUCTION_CURRENCY")) {
        mb_xbuf_add_text(out, o->bid->in_eur ? "EUR" : "USD");
    } else if (mb_slice_is(name, "AUCTION_LOSS")) {
        mb_xbuf_add_u64(out, LOST_TO_A_HIGHER_BID);
    } else if (mb_slice_is(name, "AUCTION_MIN_TO_WIN")) {
        mb_xbuf_add_price(out, o->min_to_win);
    } else if (mb_slice_is(name, "AUCTION_MBR")) {
        mb_xbuf_add_text(out, "0.82");
    } else if (mb_slice_is(name, "AUCTION_PRICE:B64") && o->price.micros >= 0) {
        struct mb_buf plain = {0}, coded = {0};
        mb_xbuf_add_price(&plain, o->price);
        mb_xbuf_add_base64(&coded, mb_buf_slice(&plain));
        mb_xbuf_add_urlencoded(out, mb_buf_slice(&coded));
        mb_buf_fini(&plain);
        mb_buf_fini(&coded);
    } else if (mb_slice_is(name, "AUCTION_PRICE") && o->price.micros >= 0) {
        mb_xbuf_add_price(out, o->price);
    } else if (mb_slice_starts(name, MB_SLICE("AUCTION_PRICE"))) {
        mb_xbuf_printf(out, "${%.*s}", MB_SLICE_ARG(name));
    } /* AUCTION_BID_ID is the answer's bidid, which is optional: nothing */
}

static void fill(const struct outcome *o, struct mb_slice url, struct mb_buf *out)
{
    long at;

    while ((at = mb_slice_find(url, MB_SLICE("${"))) >= 0) {
        struct mb_slice rest = mb_slice(url.data + at + 2, url.len - (size_t)at - 2);
        long end = mb_slice_find_char(rest, '}');
        if (end < 0) {
            break;
        }
        mb_xbuf_add(out, url.data, (size_t)at);
        fill_macro(o, mb_slice(rest.data, (size_t)end), out);
        url = mb_slice(rest.data + end + 1, rest.len - (size_t)end - 1);
    }
    mb_xbuf_add_slice(out, url);
}

static struct mb__sim_step *tell(const struct outcome *o, struct mb__sim_chain *chain,
                                 const struct mb_buf *url, uint64_t *counts)
{
    struct mb_buf target = {0};
    struct mb__sim_step *step;

    fill(o, mb_buf_slice(url), &target);
    step = mb__sim_chain_add(o->notices, chain, "GET", "", mb_buf_slice(&target));
    step->counts = counts;
    mb_buf_fini(&target);
    return step;
}

/* What the step's notice books on the bidder's side, once. */
static void book(const struct outcome *o, struct mb__sim_step *step)
{
    struct mb_price paid = o->price.micros >= 0 ? o->price : o->bid->price;

    if (o->bid->in_eur) {
        paid = mb_money_to_house(paid, o->request->eur_rate);
    }
    step->spends = &o->notices->account->tallies[o->request->protocol].spend_nanos[o->bid->model];
    step->nanos = mb__sim_cost_nanos(o->bid->model, paid);
}

static void tell_win(struct outcome *o)
{
    struct mb__sim_random *random = o->notices->random;
    struct mb__sim_tally *tally = &o->notices->account->tallies[o->request->protocol];
    bool xandr = o->request->protocol == MB__SIM_OPENRTB_XANDR;
    struct mb__sim_chain chain = {0};
    struct mb__sim_step *step = tell(o, &chain, &o->bid->win, &tally->wins);
    bool billed = xandr                          ? mb__sim_random_percent(random, XANDR_BILLINGS)
                  : o->bid->model == MB__SIM_CPM ? !mb__sim_random_percent(random, UNBILLED)
                                                 : mb__sim_random_percent(random, MB__SIM_CLICKS);

    tally->sold++;
    if (xandr) {
        book(o, step);
    }
    mb__sim_chain_maybe_repeat(o->notices, &chain);
    if (billed) {
        if (!xandr && !o->bid->in_eur && mb__sim_random_percent(random, UNFILLED)) {
            o->price.micros = -1;
        }
        step = tell(o, &chain, &o->bid->notice, &tally->billings);
        if (!xandr) {
            book(o, step);
        }
        mb__sim_chain_maybe_repeat(o->notices, &chain);
    }
    mb__sim_chain_send(&chain);
}

static void tell_loss(const struct outcome *o)
{
    struct mb__sim_tally *tally = &o->notices->account->tallies[o->request->protocol];
    struct mb__sim_chain chain = {0};

    if (o->request->protocol == MB__SIM_OPENRTB_EXOCLICK || o->bid->loss.len == 0 ||
        !mb__sim_random_percent(o->notices->random, LOSSES_TOLD)) {
        return; /* ExoClick's pages know no lurl */
    }
    tell(o, &chain, &o->bid->loss, &tally->losses);
    mb__sim_chain_maybe_repeat(o->notices, &chain);
    mb__sim_chain_send(&chain);
}

static const struct mb__sim_bid *best_on(const struct mb__sim_bids *bids,
                                         const struct mb__sim_imp *imp)
{
    const struct mb__sim_bid *best = NULL;

    for (size_t i = 0; i < bids->count; i++) {
        const struct mb__sim_bid *bid = &bids->items[i];
        if (bid->imp == imp && (!best || bid->price.micros > best->price.micros)) {
            best = bid;
        }
    }
    return best;
}

static struct mb_price price_paid(const struct mb__sim_bid *bid, struct mb_price market)
{
    int64_t most = bid->price.micros - (bid->in_eur ? 2 : 0);

    return (struct mb_price){market.micros < most ? market.micros : most};
}

void mb__sim_openrtb_settle(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                            const struct mb__sim_bids *bids)
{
    for (size_t i = 0; i < bids->count; i++) {
        const struct mb__sim_bid *bid = &bids->items[i];
        struct mb_price market = mb__sim_market_price(notices->random, request->kind, bid->model);
        struct outcome outcome = {.notices = notices,
                                  .request = request,
                                  .bid = bid,
                                  .price = market,
                                  .min_to_win = market};
        if (bid == best_on(bids, bid->imp) && bid->price.micros >= market.micros) {
            /* ExoClick's auction is of the first price. */
            outcome.price = request->protocol == MB__SIM_OPENRTB_EXOCLICK ? bid->price
                                                                          : price_paid(bid, market);
            tell_win(&outcome);
        } else {
            tell_loss(&outcome);
        }
    }
}
