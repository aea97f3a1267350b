/* codec.c - which codec speaks which protocol. */
#include <assert.h>

#include "internal.h"

static const struct mb_codec *const codecs[MB_EXCHANGE_COUNT] = {
    [MB_EXCHANGE_EXOCLICK] = &mb__exoclick_codec,
    [MB_EXCHANGE_XANDR] = &mb__xandr_codec,
    [MB_EXCHANGE_OPENRTB] = &mb__openrtb_codec,
};

const struct mb_codec *mb_exchange_codec(enum mb_exchange exchange)
{
    assert(exchange > MB_EXCHANGE_NONE && exchange < MB_EXCHANGE_COUNT);
    return codecs[exchange];
}
