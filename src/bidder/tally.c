/* tally.c - what became of each request and each strategy's word on it, counted for the ledger.
 *
 * Runs for every decision, so what many of them share is hashed once: a strategy with its version when it is first
 * asked, a place (endpoint, format, country, zone, site) when the impression changes. Tests count nowhere.
 */
#include "internal.h"

uint64_t mb__bidder_tally_hash(const struct mb_bidder *b, struct mb_slice strategy)
{
    return mb_tally_hash(mb_tally_hash(b->tally_secret, strategy), mb_script_version(b->script));
}

static uint64_t hash_place(const struct mb_bidder *b, enum mb_format format)
{
    const struct mb_request *r = &b->request;
    uint64_t hash = mb_tally_hash(mb_tally_mix(b->tally_secret, format), r->endpoint->name);

    hash = mb_tally_hash(hash, r->geo.country);
    hash = mb_tally_hash(hash, r->site.zone_id);
    return mb_tally_hash(hash, r->site.id);
}

static uint64_t place_of(struct mb_bidder *b, const struct mb_imp *imp)
{
    if (b->tally_imp != imp) {
        b->tally_imp = imp;
        b->tally_place = hash_place(b, imp->format);
    }
    return b->tally_place;
}

static void fill_place(const struct mb_bidder *b, enum mb_format format, struct mb_slice *texts)
{
    const struct mb_request *r = &b->request;

    texts[MB_TALLY_ENDPOINT] = r->endpoint->name;
    texts[MB_TALLY_EXCHANGE] = mb_slice_of(mb_exchange_name(r->endpoint->exchange));
    texts[MB_TALLY_FORMAT] = mb_slice_of(mb_format_name(format));
    texts[MB_TALLY_COUNTRY] = r->geo.country;
    texts[MB_TALLY_ZONE] = r->site.zone_id;
    texts[MB_TALLY_SITE] = r->site.id;
}

static void add(struct mb_bidder *b, uint64_t hash, enum mb_tally_kind kind,
                const struct mb_decision *d, int64_t price_micros)
{
    struct mb_slice texts[MB_TALLY_TEXTS] = {0};

    fill_place(b, d->imp->format, texts);
    texts[MB_TALLY_STRATEGY] = d->strategy->name;
    texts[MB_TALLY_VERSION] = mb_script_version(b->script);
    if (kind == MB_TALLY_BID) {
        texts[MB_TALLY_ARM] = d->bid->arm;
        texts[MB_TALLY_CREATIVE] = d->bid->creative_id;
    } else {
        texts[MB_TALLY_REASON] = d->outcome == MB_NOBID_SCRIPT
                                     ? d->own_reason
                                     : mb_slice_of(mb_nobid_name(d->outcome));
    }
    mb_tally_add(&b->options.board->tally, hash, kind, texts, price_micros);
}

void mb__bidder_tally_decision(struct mb_bidder *b, const struct mb_decision *d)
{
    bool bid = d->outcome == MB_NOBID_BID;
    enum mb_tally_kind kind = bid ? MB_TALLY_BID : MB_TALLY_NOBID;
    int64_t price_micros = bid ? d->bid->price.micros : 0;
    uint64_t hash;

    if (!b->options.board || b->request.test || b->request.debug) {
        return;
    }
    hash = mb_tally_mix(mb__bidder_state_of(b, d->strategy)->tally_hash, place_of(b, d->imp));
    hash = mb_tally_mix(hash, d->outcome);
    if (bid) {
        hash = mb_tally_hash(mb_tally_hash(hash, d->bid->arm), d->bid->creative_id);
    } else if (d->outcome == MB_NOBID_SCRIPT) {
        hash = mb_tally_hash(hash, d->own_reason);
    }
    hash |= hash == 0;
    if (!mb_tally_count(&b->options.board->tally, hash, price_micros)) {
        add(b, hash, kind, d, price_micros);
    }
}

/* Counted at the call and not at the bid: an arm that bids less often was shown as often, and only what is counted before the
 * arm can make a difference tells whether the draw was fair. */
void mb__bidder_tally_exposure(struct mb_bidder *b, const struct mb_strategy *strategy,
                               const struct mb_imp *imp, const struct mb_script_result *result)
{
    int64_t share_micros = (int64_t)(result->arm_share * 1e6 + 0.5);
    struct mb_slice texts[MB_TALLY_TEXTS] = {0};
    uint64_t hash;

    if (!b->options.board || b->request.test || b->request.debug) {
        return;
    }
    hash = mb_tally_mix(mb__bidder_state_of(b, strategy)->tally_hash, place_of(b, imp));
    hash = mb_tally_mix(hash, 2 * MB_NOBID_COUNT); /* beyond the outcomes of decisions and of requests */
    hash = mb_tally_hash(mb_tally_hash(hash, result->arm), result->experiment);
    hash |= hash == 0;
    if (mb_tally_count(&b->options.board->tally, hash, share_micros)) {
        return;
    }
    fill_place(b, imp->format, texts);
    texts[MB_TALLY_STRATEGY] = strategy->name;
    texts[MB_TALLY_VERSION] = mb_script_version(b->script);
    texts[MB_TALLY_ARM] = result->arm;
    texts[MB_TALLY_REASON] = result->experiment;
    mb_tally_add(&b->options.board->tally, hash, MB_TALLY_EXPOSURE, texts, share_micros);
}

/* `outcome` of the whole request, MB_NOBID_BID with at least one bid. */
void mb__bidder_tally_request(struct mb_bidder *b, enum mb_nobid outcome)
{
    const struct mb_imp *imp = b->request.imps;
    struct mb_slice texts[MB_TALLY_TEXTS] = {0};
    uint64_t hash;

    if (!b->options.board || b->request.test || b->request.debug) {
        return;
    }
    hash = mb_tally_mix(place_of(b, imp), MB_NOBID_COUNT + outcome);
    hash |= hash == 0;
    if (mb_tally_count(&b->options.board->tally, hash, 0)) {
        return;
    }
    fill_place(b, imp->format, texts);
    if (outcome != MB_NOBID_BID) {
        texts[MB_TALLY_REASON] = mb_slice_of(mb_nobid_name(outcome));
    }
    mb_tally_add(&b->options.board->tally, hash, MB_TALLY_REQUEST, texts, 0);
}

/* Seldom enough to hash all of it each time; without details, so that shadows take no place from those who bid. */
void mb__bidder_tally_shadow(struct mb_bidder *b, enum mb_tally_kind kind,
                             const struct mb__shadow_place *place, int64_t sum)
{
    struct mb_slice version = mb_script_version(b->script);
    struct mb_slice texts[MB_TALLY_TEXTS] = {[MB_TALLY_STRATEGY] = place->strategy,
                                             [MB_TALLY_VERSION] = version,
                                             [MB_TALLY_ENDPOINT] = place->endpoint,
                                             [MB_TALLY_EXCHANGE] = place->exchange,
                                             [MB_TALLY_FORMAT] = place->format};
    uint64_t hash = mb_tally_mix(b->tally_secret, 3 * MB_NOBID_COUNT + kind); /* beyond the others' */

    if (!b->options.board) {
        return;
    }
    for (size_t i = 0; i < MB_TALLY_TEXTS; i++) {
        hash = mb_tally_hash(hash, texts[i]);
    }
    hash |= hash == 0;
    if (!mb_tally_count(&b->options.board->tally, hash, sum)) {
        mb_tally_add(&b->options.board->tally, hash, kind, texts, sum);
    }
}
