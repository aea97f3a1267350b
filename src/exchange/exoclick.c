/* exoclick.c - ExoClick RTB as a codec. One impression, one bid; no notices but the URLs that the engine gives
 * out. */
#include "internal.h"

static enum mb_wire_path path(const struct mb_endpoint *endpoint, struct mb_slice asked)
{
    return mb_slice_eq(asked, endpoint->path) ? MB_WIRE_BID : MB_WIRE_UNKNOWN;
}

const struct mb_codec mb__exoclick_codec = {
    .exchange = MB_EXCHANGE_EXOCLICK,
    .path = path,
    .decode_request = mb__exoclick_decode_request,
    .check_bid = mb__exoclick_check_bid,
    .bids_per_imp = 1,
    .bids_per_answer = 1,
    .encode_answer = mb__exoclick_encode_answer,
};
