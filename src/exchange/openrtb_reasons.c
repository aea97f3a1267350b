/* openrtb_reasons.c - OpenRTB's lists of reasons: why a bid lost, and why there is none. */
#include "internal.h"

static const struct {
    int32_t code;
    const char *name;
} rows[] = {
    {1, "internal_error"},
    {2, "opportunity_expired"},
    {3, "invalid_response"},
    {4, "invalid_deal"},
    {5, "invalid_auction"},
    {6, "invalid_advertiser_domain"},
    {7, "missing_markup"},
    {8, "missing_creative"},
    {9, "missing_price"},
    {10, "missing_approval_data"},
    {100, "below_floor"},
    {101, "below_deal_floor"},
    {102, "outbid"},
    {103, "outbid_by_deal"},
    {104, "seat_blocked"},
    {200, "creative_filtered"},
    {201, "creative_pending"},
    {202, "creative_disapproved"},
    {203, "creative_size"},
    {204, "creative_format"},
    {205, "creative_advertiser"},
    {206, "creative_app"},
    {207, "creative_not_secure"},
    {208, "creative_language"},
    {209, "creative_category"},
    {210, "creative_attribute"},
    {211, "creative_ad_type"},
    {212, "creative_too_long"},
    {213, "creative_not_in_deal"},
};

struct mb_slice mb_exchange_loss_name(int32_t code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code) {
            return mb_slice_of(rows[i].name);
        }
    }
    return MB_SLICE_NONE;
}

/* The list of no-bid reason codes; most of ours are business that it has no word for. */
int mb__openrtb_no_bid_reason(enum mb_nobid reason)
{
    enum { UNKNOWN = 0, TECHNICAL_ERROR = 1, DAILY_CAP = 9, TOO_LITTLE_TIME = 15 };
    switch (reason) {
    case MB_NOBID_SCRIPT_ERROR:
    case MB_NOBID_SCRIPT_MEMORY:
    case MB_NOBID_SCRIPT_TIMEOUT:
    case MB_NOBID_BENCHED:
    case MB_NOBID_INVALID_BID:
    case MB_NOBID_MONEY_GUARD:
    case MB_NOBID_DRAINING:
        return TECHNICAL_ERROR;
    case MB_NOBID_FREQUENCY:
        return DAILY_CAP;
    case MB_NOBID_DEADLINE:
    case MB_NOBID_OVERLOAD:
        return TOO_LITTLE_TIME;
    default:
        return UNKNOWN;
    }
}
