/* openrtb.c - OpenRTB as a codec: one path takes bid requests; notices come by the engine's own URLs. What
 * exchanges do differently (dialects) stands where it matters, in the request's and the answer's file. */
#include "internal.h"

enum { BIDS_MAX = 128 };

static enum mb_wire_path path(const struct mb_endpoint *endpoint, struct mb_slice asked)
{
    return mb_slice_eq(asked, endpoint->path) ? MB_WIRE_BID : MB_WIRE_UNKNOWN;
}

const struct mb_codec mb__openrtb_codec = {
    .exchange = MB_EXCHANGE_OPENRTB,
    .path = path,
    .decode_request = mb__openrtb_decode_request,
    .check_bid = mb__openrtb_check_bid,
    .bids_per_imp = 1,
    .bids_per_answer = BIDS_MAX,
    .encode_answer = mb__openrtb_encode_answer,
};
