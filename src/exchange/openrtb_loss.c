/* openrtb_loss.c - why a bid lost, by OpenRTB's list of loss reason codes. */
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
