/* market.c - the competition: a made-up best offer of the others, around a usual price per format.
 *
 * It spreads from a quarter to seven quarters of the usual price, so a bidder that offers the usual
 * price sells about half of its bids.
 */
#include "internal.h"

/* Micro-units: per thousand impressions, and per click where the format is sold so (0: it is not).
 */
static const struct {
    int64_t cpm, cpc;
} usual[MB__SIM_KINDS] = {
    [MB__SIM_BANNER] = {400000, 0},
    [MB__SIM_POPUNDER] = {1200000, 0},
    [MB__SIM_PUSH] = {900000, 200000},
    [MB__SIM_IN_PAGE_PUSH] = {700000, 150000},
    [MB__SIM_DIRECT_LINK] = {1500000, 100000},
    [MB__SIM_EMAIL_CLICK] = {2000000, 120000},
    [MB__SIM_XANDR_SINGLE] = {1100000, 0},
    [MB__SIM_XANDR_MULTI] = {1100000, 0},
    [MB__SIM_OPENRTB_BANNER] = {900000, 0},
    [MB__SIM_OPENRTB_VIDEO] = {4000000, 0},
    [MB__SIM_OPENRTB_AUDIO] = {3000000, 0},
    [MB__SIM_OPENRTB_NATIVE] = {1300000, 0},
    [MB__SIM_OPENRTB_DEAL] = {2500000, 0},
    [MB__SIM_OPENRTB_MULTI] = {900000, 0},
    [MB__SIM_EXOCLICK_OPENRTB_BANNER] = {900000, 0},
    [MB__SIM_EXOCLICK_OPENRTB_POPUNDER] = {1200000, 0},
    [MB__SIM_EXOCLICK_OPENRTB_NATIVE] = {900000, 150000},
    [MB__SIM_EXOCLICK_OPENRTB_EMAIL] = {2000000, 120000},
    [MB__SIM_XANDR_OPENRTB] = {1100000, 0},
};

struct mb_price mb__sim_market_price(struct mb__sim_random *random, enum mb__sim_kind kind,
                                     enum mb__sim_model model)
{
    int64_t middle = model == MB__SIM_CPM ? usual[kind].cpm : usual[kind].cpc;

    return (struct mb_price){middle / 4 +
                             (int64_t)mb__sim_random_below(random, (uint64_t)(middle * 3 / 2) + 1)};
}
