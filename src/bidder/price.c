/* price.c - a bid's price in house and wire currency, held against floor and limits.
 *
 * A strategy prices in house currency unless it says otherwise. Where it names the currency of the wire, the wire carries that very number and
 * the house price is derived, so that no price is rounded twice.
 */
#include "internal.h"

static bool set_prices(const struct mb_bidder *b, struct mb_bid *bid)
{
    const struct mb_config *config = b->options.config;
    struct mb_slice wire = b->request.currency;
    struct mb_price given = bid->price;
    struct mb_rate own_rate, wire_rate;

    if (!mb_slice_present(bid->currency)) {
        bid->currency = config->currency;
    }
    if (!mb_config_rate(config, bid->currency, &own_rate) ||
        !mb_config_rate(config, wire, &wire_rate)) {
        return false;
    }
    bid->rate = wire_rate;
    bid->price = mb_money_to_house(given, own_rate);
    bid->price_wire = mb_slice_eq(bid->currency, wire) ? given
                                                       : mb_money_from_house(bid->price, wire_rate);
    return true;
}

/* What the exchange would cut is cut here, before it is ranked, held and signed: no more may be booked than was
 * sent. The strategy's highest bid was held against what it asked for, so a slip in the unit is still refused. */
static void cut(const struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_price most = b->request.price_max;
    struct mb_rate rate;

    if (most.micros > 0 && bid->model == MB_MODEL_CPM && bid->price_wire.micros > most.micros &&
        mb_config_rate(b->options.config, b->request.currency, &rate)) {
        bid->price_wire = most;
        bid->price = mb_money_to_house(most, rate);
    }
}

/* A bid on a deal faces the deal's floor. */
static struct mb_price floor_of(const struct mb_bid *bid)
{
    const struct mb_imp *imp = bid->imp;
    size_t i;

    for (i = 0; imp->deal_floors && !mb_slice_empty(bid->deal_id) && i < imp->deals.count; i++) {
        if (mb_slice_eq(imp->deals.items[i], bid->deal_id)) {
            return imp->deal_floors[i];
        }
    }
    return imp->floor;
}

enum mb_nobid mb__bidder_price(const struct mb_bidder *b, struct mb_bid *bid, const char **field)
{
    const struct mb_limits *limits = &bid->strategy->limits;
    struct mb_price most;

    if (bid->model == MB_MODEL_NONE) {
        bid->model = bid->strategy->model;
    }
    if (!set_prices(b, bid)) {
        return MB_NOBID_CURRENCY;
    }
    if (bid->price.micros <= 0 || bid->price_wire.micros <= 0) {
        *field = "price";
        return MB_NOBID_INVALID_BID;
    }
    most = bid->model == MB_MODEL_CPM ? limits->max_cpm : limits->max_cpc;
    if (most.micros > 0 && bid->price.micros > most.micros) {
        return MB_NOBID_OVER_MAX_BID;
    }
    cut(b, bid);
    if (bid->model == MB_MODEL_CPM) {
        bid->ecpm = bid->price;
    }
    /* A price per click without ecpm is worth nothing known, so it cannot face a floor. */
    if (bid->imp->floor_is_strange && mb_slice_empty(bid->deal_id)) {
        return MB_NOBID_CURRENCY;
    }
    return bid->ecpm.micros < floor_of(bid).micros ? MB_NOBID_BELOW_FLOOR : MB_NOBID_BID;
}
