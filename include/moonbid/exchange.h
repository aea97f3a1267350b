/* exchange.h - one codec per protocol: bytes to bid request, bids to bytes, bytes to events.
 *
 * Part of: exchange.  Depends on: base, json, auction.
 * Threads:  codecs are constant tables of pure functions.
 * Lifetime: everything decoded lives in the given arena; what came in the query points into it.
 * Protocol: facts and their marks are in the exchanges' own pages; what is assumed stands in one table entry
 *           or one small function each.
 */
#ifndef MB_EXCHANGE_H
#define MB_EXCHANGE_H

#include "moonbid/auction.h"
#include "moonbid/json.h"

/* What came in. All slices borrowed for the arena's life. */
struct mb_wire_in {
    const struct mb_endpoint *endpoint;
    bool is_get;               /* GET or HEAD: the fields are in the query */
    struct mb_slice query;     /* not decoded; absent where there is none */
    struct mb_slice body;
    struct mb_slice house_currency;
    const struct mb_rates *rates;
    int64_t now_ms;
    struct mb_arena *arena;
    uint32_t *slips;           /* MB_JSON_SLIP_COUNT counters to add to, or NULL */
};

/* What goes out; `body` is appended to. */
struct mb_wire_out {
    int status;               /* 200 or 204 */
    const char *content_type; /* NULL with 204 */
    struct mb_buf *body;
    struct mb_buf *scratch;   /* the codec's while it writes */
    enum mb_nobid why_not;    /* where there is no bid: the reason, for protocols that can tell it */
};

enum { MB_WIRE_EVENTS_MAX = 256 }; /* one notify: a tag each, also those that we did not bid on; more is refused */

/* What a path behind the endpoint's means. */
enum mb_wire_path { MB_WIRE_UNKNOWN, MB_WIRE_BID, MB_WIRE_NOTIFY, MB_WIRE_CLICK, MB_WIRE_PIXEL, MB_WIRE_AUDIT };

struct mb_codec {
    enum mb_exchange exchange;

    /* What `path` asks of an endpoint whose configured path is a prefix of it. */
    enum mb_wire_path (*path)(const struct mb_endpoint *endpoint, struct mb_slice path);

    /* Fails: MB_ESYNTAX (err->at) not JSON; MB_EPROTOCOL (err->where: the field) JSON, but no bid request of this protocol. A
     * valid request of an unknown type gives 0 and format MB_FORMAT_NONE. Fills everything of mb_request but geo from
     * the address and what the user agent tells. Costs: O(bytes), arena only. */
    int (*decode_request)(const struct mb_wire_in *in, struct mb_request *out, struct mb_error *err);

    /* Would the exchange take this bid? MB_NOBID_BID, or MB_NOBID_INVALID_BID with *field naming the culprit (static
     * text). May choose among the bid's alternatives (icon by size) and fill defaults (member). Floors and limits
     * are not its business. */
    enum mb_nobid (*check_bid)(const struct mb_request *request, struct mb_bid *bid, const char **field);

    /* How many bids one impression, and one answer, may carry. */
    uint32_t bids_per_imp;
    uint32_t bids_per_answer;

    /* Writes the answer; `count` 0 is the protocol's no-bid. Bids passed check_bid. */
    void (*encode_answer)(const struct mb_request *request, struct mb_bid *const *bids, size_t count,
                          struct mb_wire_out *out);

    /* A notify or click body to events; *count at most MB_WIRE_EVENTS_MAX. `custom_data` holds what came back in
     * custom_notify_data (the engine's token); verifying and booking are the bidder's. `currency` is set, prices are
     * as on the wire. NULL where the protocol has no such calls. Fails as decode_request. */
    int (*decode_notice)(const struct mb_wire_in *in, enum mb_wire_path path, struct mb_event **out,
                         size_t *count, struct mb_error *err);

    /* Writes the answer to a click call from what a handler returned, JSON text of an object. NULL where such calls have an
     * empty answer. Fails: MB_EPROTOCOL (err->where: the field), nothing is written. Costs: O(bytes), arena only. */
    int (*encode_click_answer)(struct mb_slice returned, struct mb_arena *arena, struct mb_buf *out, struct mb_error *err);
};

/* Never NULL for a real exchange. */
const struct mb_codec *mb_exchange_codec(enum mb_exchange exchange);

/* Decodes a query string: "+" and %XX decoded once, the first of repeated names counts, unreplaced `{x}` and empty values
 * are left out, `{&empty=204}` in all its forms is dropped. `rename` maps wire names to ours. Never fails. */
struct mb_pairs mb_exchange_tokens(struct mb_slice query, struct mb_pairs rename,
                                   struct mb_arena *arena);

/* The name of an OpenRTB loss code (list of loss reason codes), such as "below_floor"; absent for one that is not in
 * the list: exchanges have their own from 1000 on. */
struct mb_slice mb_exchange_loss_name(int32_t code);

/* A price as an exchange's macro brings it: a decimal number, or one in base64 of either alphabet (what ${AUCTION_PRICE:B64}
 * asks for). False, *out unchanged, for all else: "AUDIT", a macro that nobody filled in, an encrypted price. */
bool mb_exchange_macro_price(struct mb_slice text, struct mb_price *out);

/* The eight token names that ExoClick documents: always known in {name} expansion, absent means empty. */
bool mb_exchange_is_token(struct mb_slice name);

#endif /* MB_EXCHANGE_H */
