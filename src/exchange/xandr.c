/* xandr.c - Xandr's platform protocol as a codec: bid, notify, click, pixel and audit below one prefix. */
#include "internal.h"

static enum mb_wire_path path(const struct mb_endpoint *endpoint, struct mb_slice asked)
{
    static const struct {
        const char *tail;
        enum mb_wire_path path;
    } rows[] = {{"/bid", MB_WIRE_BID},
                {"/notify", MB_WIRE_NOTIFY},
                {"/click", MB_WIRE_CLICK},
                {"/pixel", MB_WIRE_PIXEL},
                {"/audit", MB_WIRE_AUDIT}};
    struct mb_slice prefix = endpoint->path;
    if (mb_slice_ends(prefix, MB_SLICE("/"))) {
        prefix.len--;
    }
    if (!mb_slice_starts(asked, prefix)) {
        return MB_WIRE_UNKNOWN;
    }
    struct mb_slice tail = mb_slice(asked.data + prefix.len, asked.len - prefix.len);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (mb_slice_is(tail, rows[i].tail)) {
            return rows[i].path;
        }
    }
    return MB_WIRE_UNKNOWN;
}

struct mb_slice mb__xandr_currency(const struct mb_endpoint *endpoint)
{
    return mb_slice_empty(endpoint->currency) ? MB_SLICE("USD") : endpoint->currency;
}

const struct mb_codec mb__xandr_codec = {
    .exchange = MB_EXCHANGE_XANDR,
    .path = path,
    .decode_request = mb__xandr_decode_request,
    .check_bid = mb__xandr_check_bid,
    .bids_per_imp = MB_XANDR_BIDS_MAX,
    .bids_per_answer = MB_XANDR_BIDS_MAX,
    .encode_answer = mb__xandr_encode_answer,
    .decode_notice = mb__xandr_decode_notice,
    .encode_click_answer = mb__xandr_encode_click_answer,
};
