/* shadow.c - strategies that only say what they would bid.
 *
 * A strategy with shadow = true is not among those that bid. After the answer to a request is sent
 * it may be asked about the same request, which is still there: its bids are held against floor,
 * limits.max_bid and what the exchange takes, and counted; nothing is signed, reserved, sent or
 * shown, and no failure of it benches anybody.
 *
 * What became of them is told by the bid that was sent for the same impression: a table in shared
 * memory has them under its id until its notice comes. Where the least price to win was told, it
 * judges; else a shadow that bid at least what won has won, one that bid no more than what lost has
 * lost, and of others nothing is known.
 */
#include <stdlib.h>

#include "internal.h"

enum { KEY_SALT = 0x5ad0, NAME_MAX_BYTES = 64 };

/* What is remembered of one shadow bid. */
struct kept {
    int64_t price_micros;
    uint8_t model, second_price, name_len;
    char name[NAME_MAX_BYTES];
};

/* --- bids --- */

static uint64_t key_of(struct mb_slice bid_id)
{
    return mb_tally_hash(KEY_SALT, bid_id);
}

static int64_t cost_of(enum mb_model model, struct mb_price price)
{
    return (model == MB_MODEL_CPM ? mb_money_cost_of_impression(price)
                                  : mb_money_cost_of_click(price))
        .nanos;
}

/* The bid that was sent for the same impression; NULL: none was. */
static const struct mb_bid *sent_for(const struct mb_bidder *b, const struct mb_imp *imp)
{
    size_t i;

    for (i = 0; i < b->n_decisions; i++) {
        const struct mb_decision *d = &b->decisions[i];

        if (d->outcome == MB_NOBID_BID && mb_slice_eq(d->imp->id, imp->id)) {
            return d->bid;
        }
    }
    return NULL;
}

static void remember(struct mb_bidder *b, const struct mb_bid *bid, const struct mb_bid *sent)
{
    struct kept kept = {.price_micros = bid->price.micros,
                        .model = (uint8_t)bid->model,
                        .second_price = b->request.at == 2,
                        .name_len = (uint8_t)bid->strategy->name.len};
    uint8_t body[MB_RECENT_BODY_MAX];
    size_t len;

    memcpy(kept.name, bid->strategy->name.data, bid->strategy->name.len);
    len = mb_recent_get(b->options.shadow_bids, key_of(sent->id), b->now_ms, body);
    if (len + sizeof(kept) <= sizeof(body)) {
        memcpy(body + len, &kept, sizeof(kept));
        mb_recent_put(b->options.shadow_bids, key_of(sent->id),
                      mb_slice((const char *)body, len + sizeof(kept)), false, b->now_ms);
    }
}

static void tally(struct mb_bidder *b, enum mb_tally_kind kind, const struct mb_strategy *strategy,
                  const struct mb_imp *imp, int64_t sum)
{
    const struct mb_endpoint *endpoint = b->request.endpoint;
    struct mb__shadow_place place = {strategy->name, endpoint->name,
                                     mb_slice_of(mb_exchange_name(endpoint->exchange)),
                                     mb_slice_of(mb_format_name(imp->format))};

    mb__bidder_tally_shadow(b, kind, &place, sum);
}

static void expect(struct mb_bidder *b, struct mb_shadow_counts *n, const struct mb_bid *bid,
                   int64_t rate_millionths)
{
    int64_t cost =
        (int64_t)((double)cost_of(bid->model, bid->price) * (double)rate_millionths / 1e6);

    n->expected_bids++;
    n->expected_wins_millionths += (uint64_t)rate_millionths;
    n->expected_nanos += cost;
    tally(b, MB_TALLY_SHADOW_EXPECTED, bid->strategy, bid->imp, cost);
    tally(b, MB_TALLY_SHADOW_EXPECTED_WIN, bid->strategy, bid->imp, rate_millionths);
}

/* Beside it stands what was sent for the impression, so that both are of the same traffic. */
static void count_bid(struct mb_bidder *b, struct mb_shadow_counts *n, const struct mb_bid *bid)
{
    const struct mb_bid *sent = sent_for(b, bid->imp);
    const struct mb_market_place place = {
        .endpoint = b->request.endpoint->name,
        .site = mb_slice_present(b->request.site.id) ? b->request.site.id : b->request.site.zone_id,
        .size = bid->imp->size,
        .format = bid->imp->format,
        .model = bid->model};
    int64_t rate = mb_market_rate(b->options.guard, &place, bid->price);

    n->bids++;
    n->bid_micros += bid->price.micros;
    tally(b, MB_TALLY_SHADOW_BID, bid->strategy, bid->imp, bid->price.micros);
    if (rate >= 0) {
        expect(b, n, bid, rate);
    }
    if (sent) {
        n->beside++;
        tally(b, MB_TALLY_SHADOW_BESIDE, bid->strategy, bid->imp, 0);
        if (b->options.shadow_bids) {
            remember(b, bid, sent);
        }
    }
}

static enum mb_nobid judge(struct mb_bidder *b, const struct mb_codec *codec, struct mb_bid *bid)
{
    const char *field = NULL;
    enum mb_nobid reason = mb__bidder_price(b, bid, &field);

    return reason == MB_NOBID_BID ? codec->check_bid(&b->request, bid, &field) : reason;
}

static void ask(struct mb_bidder *b, const struct mb_codec *codec,
                const struct mb_strategy *strategy, const struct mb_imp *imp)
{
    struct mb_shadow_counts *n = &mb__bidder_state_of(b, strategy)->counts->shadow;
    struct mb_script_result result;
    size_t i;

    if (mb_guard_benched(b->options.guard, strategy->guard_slot) != MB_GUARD_NOT_BENCHED ||
        mb_guard_paused(b->options.guard, strategy->guard_slot)) {
        return;
    }
    n->asked++;
    tally(b, MB_TALLY_SHADOW_ASKED, strategy, imp, 0);
    mb_script_bid(b->script, strategy, imp, &result);
    if (result.outcome == MB_NOBID_SCRIPT_ERROR || result.outcome == MB_NOBID_SCRIPT_TIMEOUT ||
        result.outcome == MB_NOBID_SCRIPT_MEMORY) {
        n->failures++;
    }
    for (i = 0; result.outcome == MB_NOBID_BID && i < result.n_bids; i++) {
        result.bids[i].strategy = strategy;
        result.bids[i].imp = imp;
        if (judge(b, codec, &result.bids[i]) == MB_NOBID_BID) {
            count_bid(b, n, &result.bids[i]);
        } else {
            n->refused++;
        }
    }
}

void mb_bidder_shadow(struct mb_bidder *b)
{
    const struct mb_strategy *const *strategies;
    struct mb_script_call call = {.request = &b->request,
                                  .now_ms = b->now_ms,
                                  .deadline_ms = b->deadline_ms,
                                  .seed = mb__bidder_draw(b),
                                  .arena = &b->arena,
                                  .shadow = true};
    const struct mb_codec *codec = mb_exchange_codec(b->request.protocol);
    size_t count, found, i, k;

    strategies = mb_script_strategies(b->script, &count);
    mb_script_begin(b->script, &call);
    for (i = 0; i < b->request.n_imps; i++) {
        const struct mb_imp *imp = &b->request.imps[i];

        found = imp->format == MB_FORMAT_NONE ? 0
                                              : mb_index_find(b->generation->shadow_index, &b->request, imp,
                                                              b->now_ms, b->generation->found, count, NULL);
        for (k = 0; k < found; k++) {
            ask(b, codec, strategies[b->generation->found[k]], imp);
        }
    }
    mb_script_end(b->script);
}

bool mb_bidder_wants_shadow(const struct mb_bidder *b)
{
    return b->generation && b->generation->n_shadows > 0 && b->decided && b->has_request && !b->request.test &&
           !b->request.debug;
}

/* --- what became of them --- */

enum fate { UNKNOWN, WON, LOST };

static enum fate fate_of(const struct kept *kept, const struct mb_event *event, bool won)
{
    int64_t sent = event->price_bid.micros;

    if (kept->model != event->model) {
        return UNKNOWN;
    }
    if (event->has_min_to_win && event->min_to_win.micros > 0) {
        return kept->price_micros >= event->min_to_win.micros ? WON : LOST;
    }
    if (won) {
        return kept->price_micros >= sent ? WON : UNKNOWN;
    }
    return kept->price_micros <= sent ? LOST : UNKNOWN;
}

/* In a second-price auction the others' price is paid, where it is known. */
static struct mb_price paid_by(const struct kept *kept, const struct mb_event *event, bool won)
{
    struct mb_price price = {kept->price_micros};

    if (kept->second_price && event->has_min_to_win && event->min_to_win.micros > 0) {
        price = event->min_to_win;
    } else if (kept->second_price && won && event->has_price_paid) {
        price = event->price_paid;
    }
    return price.micros < kept->price_micros ? price : (struct mb_price){kept->price_micros};
}

static void settle(struct mb_bidder *b, const struct kept *kept, const struct mb_event *event,
                   bool won)
{
    static const enum mb_tally_kind kinds[] = {[UNKNOWN] = MB_TALLY_SHADOW_UNKNOWN,
                                               [WON] = MB_TALLY_SHADOW_WIN,
                                               [LOST] = MB_TALLY_SHADOW_LOSS};
    struct mb_slice name = mb_slice(kept->name, kept->name_len);
    struct mb_shadow_counts *n = &mb__bidder_state(b, name)->counts->shadow;
    enum fate fate = fate_of(kept, event, won);
    struct mb_price price =
        event->has_price_paid && event->price_paid.micros < event->price_bid.micros
            ? event->price_paid
            : event->price_bid;

    int64_t cost = fate == WON ? cost_of((enum mb_model)kept->model, paid_by(kept, event, won)) : 0;
    int64_t live_cost = won ? cost_of(event->model, price) : 0;
    struct mb__shadow_place place = {name, event->endpoint, event->exchange, event->format};

    n->wins += fate == WON;
    n->losses += fate == LOST;
    n->unknown += fate == UNKNOWN;
    n->spend_nanos += cost;
    mb__bidder_tally_shadow(b, kinds[fate], &place, cost);
    if (won) {
        n->live_wins++;
        n->live_nanos += live_cost;
        mb__bidder_tally_shadow(b, MB_TALLY_SHADOW_LIVE_WIN, &place, live_cost);
    }
}

void mb__bidder_settle_shadow(struct mb_bidder *b, const struct mb_event *event, int64_t now_ms)
{
    bool won = event->type == MB_EVENT_WIN ||
               (event->type == MB_EVENT_BILLING && mb_slice_is(event->exchange, "exoclick"));
    uint8_t body[MB_RECENT_BODY_MAX];
    size_t at, len;

    if (!b->options.shadow_bids || event->test || (!won && event->type != MB_EVENT_LOSS)) {
        return;
    }
    len = mb_recent_get(b->options.shadow_bids, key_of(event->bid_id), now_ms, body);
    for (at = 0; at + sizeof(struct kept) <= len; at += sizeof(struct kept)) {
        struct kept kept;

        memcpy(&kept, body + at, sizeof(kept));
        settle(b, &kept, event, won);
    }
}
