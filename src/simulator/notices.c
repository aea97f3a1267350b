/* notices.c - what follows a bid on the exchanges' own protocols: the auction's outcome, and what
 * is told about it.
 *
 *     ExoClick  CPM: bUrl on delivery      CPC: bUrl on some clicks
 *     Xandr     [pending | early lost] -> won -> [click]      lost      error
 */
#include "internal.h"

#include <time.h>

#include "moonbid/json.h"
#include "moonbid/net.h"

/* In a hundred. */
enum { PENDINGS = 20, EARLY_LOSTS = 5, LOSTS_TOLD = 50, ERRORS = 2 };

int64_t mb__sim_cost_nanos(enum mb__sim_model model, struct mb_price price)
{
    return model == MB__SIM_CPM ? price.micros : price.micros * 1000;
}

/* --- ExoClick --- */

static void settle_exoclick(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                            const struct mb__sim_bid *bid)
{
    struct mb__sim_tally *tally = &notices->account->tallies[MB__SIM_EXOCLICK];
    struct mb_price market = mb__sim_market_price(notices->random, request->kind, bid->model);
    struct mb__sim_chain chain = {0};
    struct mb__sim_step *step;

    if (bid->price.micros < market.micros) {
        return;
    }
    tally->sold++;
    if (bid->model != MB__SIM_CPM && !mb__sim_random_percent(notices->random, MB__SIM_CLICKS)) {
        return;
    }
    step = mb__sim_chain_add(notices, &chain, "GET", "", mb_buf_slice(&bid->notice));
    step->counts = &tally->billings;
    step->spends = &tally->spend_nanos[bid->model];
    step->nanos = mb__sim_cost_nanos(bid->model, bid->price);
    mb__sim_chain_maybe_repeat(notices, &chain);
    mb__sim_chain_send(&chain);
}

/* --- Xandr --- */

static void write_timestamp(struct mb_json_writer *w)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[32];

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &utc);
    mb_jsonw_key(w, "timestamp");
    mb_jsonw_str(w, mb_slice_of(text));
}

static void key_text(struct mb_json_writer *w, const char *key, struct mb_slice text)
{
    mb_jsonw_key(w, key);
    mb_jsonw_str(w, text);
}

static void key_raw(struct mb_json_writer *w, const char *key, struct mb_slice json)
{
    mb_jsonw_key(w, key);
    mb_jsonw_raw(w, json);
}

static void write_won(struct mb_json_writer *w, const struct mb__sim_request *request,
                      const struct mb__sim_bid *bid, struct mb_price paid)
{
    mb__sim_key_number(w, "member_id", bid->member);
    mb__sim_key_number(w, "user_id_64", request->user_number);
    mb_jsonw_key(w, "price_paid");
    mb_jsonw_price(w, paid);
    key_text(w, "custom_notify_data", mb_buf_slice(&bid->notice));
}

static void write_response(struct mb_json_writer *w, const struct mb__sim_bid *bid, bool error)
{
    mb_jsonw_key(w, "responses");
    mb_jsonw_array(w);
    mb_jsonw_object(w);
    key_text(w, "result", error ? MB_SLICE("error") : MB_SLICE("ok"));
    if (error) {
        mb__sim_key_number(w, "error_id", 408);
        key_text(w, "error",
                 MB_SLICE("Creative 71001 brand 75445 banned on member's ad profile 542799"));
    } else {
        mb_jsonw_key(w, "price_bid");
        mb_jsonw_price(w, bid->price);
    }
    mb_jsonw_object_end(w);
    mb_jsonw_array_end(w);
}

/* `type` is the notify_type; `paid` is for "won"; an error is a "lost" whose response says why. */
static void write_notify(struct mb_buf *out, const struct mb__sim_request *request,
                         const struct mb__sim_bid *bid, const char *type, struct mb_price paid,
                         bool error)
{
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "notify_request");
    mb_jsonw_object(&w);
    write_timestamp(&w);
    mb__sim_key_number(&w, "response_time_ms", 21);
    mb_jsonw_key(&w, "tags");
    mb_jsonw_array(&w);
    mb_jsonw_object(&w);
    mb__sim_key_number(&w, "id", bid->tag->id);
    key_raw(&w, "auction_id_64", mb_slice_of(bid->tag->auction_id));
    key_text(&w, "notify_type", mb_slice_of(type));
    mb__sim_key_number(&w, "payment_rule_id", 65930);
    if (strcmp(type, "won") == 0) {
        write_won(&w, request, bid, paid);
    }
    mb_jsonw_object_end(&w);
    mb_jsonw_array_end(&w);
    write_response(&w, bid, error);
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}

static void write_click(struct mb_buf *out, const struct mb__sim_request *request,
                        const struct mb__sim_bid *bid)
{
    struct mb_json_writer w;

    mb_json_writer_init(&w, out);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "click_request");
    mb_jsonw_object(&w);
    write_timestamp(&w);
    key_raw(&w, "auction_id_64", mb_slice_of(bid->tag->auction_id));
    mb__sim_key_number(&w, "member_id", bid->member);
    mb__sim_key_number(&w, "user_id_64", request->user_number);
    key_text(&w, "referer_url", mb_slice_of(request->domain));
    key_text(&w, "user_agent", mb_slice_of(request->user_agent));
    key_text(&w, "custom_notify_data", mb_buf_slice(&bid->notice));
    mb_jsonw_key(&w, "test");
    mb_jsonw_bool(&w, false);
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}

static struct mb__sim_step *append_notify(struct mb__sim_notices *notices,
                                          struct mb__sim_chain *chain,
                                          const struct mb__sim_request *request,
                                          const struct mb__sim_bid *bid, const char *type,
                                          struct mb_price paid, bool error)
{
    struct mb__sim_step *step =
        mb__sim_chain_add(notices, chain, "POST", notices->xandr, MB_SLICE("/notify"));

    write_notify(&step->body, request, bid, type, paid, error);
    return step;
}

static void tell_win(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                     const struct mb__sim_bid *bid, struct mb_price paid)
{
    struct mb__sim_tally *tally = &notices->account->tallies[MB__SIM_XANDR];
    struct mb__sim_chain chain = {0};
    struct mb__sim_step *step;

    tally->sold++;
    if (mb__sim_random_percent(notices->random, PENDINGS)) {
        append_notify(notices, &chain, request, bid, "pending", paid, false);
    } else if (mb__sim_random_percent(notices->random, EARLY_LOSTS)) {
        append_notify(notices, &chain, request, bid, "lost", paid, false);
    }
    step = append_notify(notices, &chain, request, bid, "won", paid, false);
    step->counts = &tally->wins;
    step->spends = &tally->spend_nanos[MB__SIM_CPM];
    step->nanos = mb__sim_cost_nanos(MB__SIM_CPM, paid);
    mb__sim_chain_maybe_repeat(notices, &chain);
    if (mb__sim_random_percent(notices->random, MB__SIM_CLICKS)) {
        step = mb__sim_chain_add(notices, &chain, "POST", notices->xandr, MB_SLICE("/click"));
        write_click(&step->body, request, bid);
        step->is_click = true;
        step->counts = &tally->clicks;
        mb__sim_chain_maybe_repeat(notices, &chain);
    }
    mb__sim_chain_send(&chain);
}

static void tell_loss(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                      const struct mb__sim_bid *bid)
{
    struct mb__sim_chain chain = {0};
    bool error = mb__sim_random_percent(notices->random, ERRORS);

    if (error || mb__sim_random_percent(notices->random, LOSTS_TOLD)) {
        append_notify(notices, &chain, request, bid, "lost", (struct mb_price){0}, error);
    }
    mb__sim_chain_send(&chain);
}

/* The best bid on a tag meets the market; it pays the second price or the reserve, never more than
 * it bid. */
static void settle_tag(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                       const struct mb__sim_bids *bids, const struct mb__sim_tag *tag)
{
    struct mb_price market = mb__sim_market_price(notices->random, request->kind, MB__SIM_CPM);
    const struct mb__sim_bid *best = NULL;

    for (size_t i = 0; i < bids->count; i++) {
        const struct mb__sim_bid *bid = &bids->items[i];
        if (bid->tag == tag && (!best || bid->price.micros > best->price.micros)) {
            best = bid;
        }
    }
    for (size_t i = 0; i < bids->count; i++) {
        const struct mb__sim_bid *bid = &bids->items[i];
        if (bid->tag != tag) {
            continue;
        }
        if (bid == best && bid->price.micros >= market.micros) {
            tell_win(notices, request, bid,
                     market.micros < tag->reserve.micros ? tag->reserve : market);
        } else {
            tell_loss(notices, request, bid);
        }
    }
}

void mb__sim_settle(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                    const struct mb__sim_bids *bids)
{
    if (request->n_imps > 0) {
        mb__sim_openrtb_settle(notices, request, bids);
        return;
    }
    for (size_t i = 0; i < request->n_tags; i++) {
        settle_tag(notices, request, bids, &request->tags[i]);
    }
    if (request->n_tags == 0 && bids->count > 0) {
        settle_exoclick(notices, request, &bids->items[0]);
    }
}
