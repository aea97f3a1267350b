/* notices.c - what follows a bid: the auction's outcome, and everything that is told about it.
 *
 * What is told of one bid is a chain of steps; a step goes out when the one before it was answered,
 * so the order is the one drawn here, and what the account books was acknowledged. A repeated
 * notice has the same bytes and no effect on the account: it must have none on the bidder's either.
 *
 *     ExoClick  CPM: bUrl on delivery      CPC: bUrl on some clicks
 *     Xandr     [pending | early lost] -> won -> [click]      lost      error
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "moonbid/json.h"
#include "moonbid/net.h"

/* In a hundred. */
enum { CLICKS = 20, REPEATS = 15, PENDINGS = 20, EARLY_LOSTS = 5, LOSTS_TOLD = 50, ERRORS = 2 };
enum { PRINTED_MAX = 5 };

struct step {
    struct mb__sim_notices *notices;
    struct step *next;
    const char *method;
    struct mb_buf target;
    struct mb_buf body;
    uint64_t *counts; /* member of the account that one more such event raises, or NULL */
    int64_t *spends;  /* the same for `nanos` */
    int64_t nanos;
};

static void free_chain(struct step *step)
{
    while (step) {
        struct step *next = step->next;
        mb_buf_fini(&step->target);
        mb_buf_fini(&step->body);
        free(step);
        step = next;
    }
}

static void send_chain(struct step *step);

static bool is_acknowledged(const struct mb_http_reply *reply)
{
    return reply->error == 0 && (reply->status == 200 || reply->status == 204);
}

static void complain(struct mb__sim_account *account, const struct step *step,
                     const struct mb_http_reply *reply)
{
    if (account->failed++ < PRINTED_MAX) {
        fprintf(stderr, "notice refused: %s %.*s %.*s\n  answer: %s, status %d, %.*s\n",
                step->method, MB_SLICE_ARG(mb_buf_slice(&step->target)),
                MB_SLICE_ARG(mb_buf_slice(&step->body)), mb_err_name(reply->error), reply->status,
                MB_SLICE_ARG(reply->body));
    }
}

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct step *step = user, *next = step->next;
    struct mb__sim_notices *notices = step->notices;

    notices->open--;
    if (!is_acknowledged(reply)) {
        complain(notices->account, step, reply);
        free_chain(step);
        return;
    }
    notices->account->notices++;
    if (step->counts) {
        ++*step->counts;
    }
    if (step->spends) {
        *step->spends += step->nanos;
    }
    step->next = NULL;
    free_chain(step);
    send_chain(next);
}

static void send_chain(struct step *step)
{
    struct mb_slice headers = MB_SLICE("Content-Type: application/json\r\n");

    if (!step) {
        return;
    }
    if (step->body.len == 0) {
        headers = MB_SLICE_NONE;
    }
    if (mb_http_client_send(step->notices->client, step->method, mb_buf_slice(&step->target),
                            headers, mb_buf_slice(&step->body), on_reply, step)) {
        step->notices->account->failed++;
        free_chain(step);
        return;
    }
    step->notices->open++;
}

/* Appends a step to the chain; `*end` moves on. */
static struct step *append(struct mb__sim_notices *notices, struct step ***end, const char *method,
                           const char *target, struct mb_slice rest)
{
    struct step *step = calloc(1, sizeof(*step));

    if (!step) {
        abort();
    }
    step->notices = notices;
    step->method = method;
    mb_xbuf_add_text(&step->target, target);
    mb_xbuf_add_slice(&step->target, rest);
    **end = step;
    *end = &step->next;
    return step;
}

/* Now and then the same once more. */
static void maybe_repeat(struct mb__sim_notices *notices, struct step ***end,
                         const struct step *step)
{
    struct step *again;

    if (!mb__sim_random_percent(notices->random, REPEATS)) {
        return;
    }
    again = append(notices, end, step->method, "", mb_buf_slice(&step->target));
    mb_xbuf_add_slice(&again->body, mb_buf_slice(&step->body));
    again->counts = &notices->account->duplicates;
}

static int64_t cost_nanos(enum mb__sim_model model, struct mb_price price)
{
    return model == MB__SIM_CPM ? price.micros : price.micros * 1000;
}

/* --- ExoClick --- */

static void settle_exoclick(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                            const struct mb__sim_bid *bid)
{
    struct mb__sim_account *account = notices->account;
    struct mb_price market = mb__sim_market_price(notices->random, request->kind, bid->model);
    struct step *first = NULL, **end = &first, *step;

    if (bid->price.micros < market.micros) {
        return;
    }
    account->sold++;
    if (bid->model != MB__SIM_CPM && !mb__sim_random_percent(notices->random, CLICKS)) {
        return;
    }
    step = append(notices, &end, "GET", "", mb_buf_slice(&bid->notice));
    step->counts = &account->billings;
    step->spends = &account->spend_nanos[MB__SIM_EXOCLICK][bid->model];
    step->nanos = cost_nanos(bid->model, bid->price);
    maybe_repeat(notices, &end, step);
    send_chain(first);
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

static void key_u64(struct mb_json_writer *w, const char *key, uint64_t value)
{
    mb_jsonw_key(w, key);
    mb_jsonw_u64(w, value);
}

static void write_won(struct mb_json_writer *w, const struct mb__sim_request *request,
                      const struct mb__sim_bid *bid, struct mb_price paid)
{
    key_u64(w, "member_id", bid->member);
    key_u64(w, "user_id_64", request->user_number);
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
        key_u64(w, "error_id", 408);
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
    key_u64(&w, "response_time_ms", 21);
    mb_jsonw_key(&w, "tags");
    mb_jsonw_array(&w);
    mb_jsonw_object(&w);
    key_u64(&w, "id", bid->tag->id);
    key_raw(&w, "auction_id_64", mb_slice_of(bid->tag->auction_id));
    key_text(&w, "notify_type", mb_slice_of(type));
    key_u64(&w, "payment_rule_id", 65930);
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
    key_u64(&w, "member_id", bid->member);
    key_u64(&w, "user_id_64", request->user_number);
    key_text(&w, "referer_url", mb_slice_of(request->domain));
    key_text(&w, "user_agent", mb_slice_of(request->user_agent));
    key_text(&w, "custom_notify_data", mb_buf_slice(&bid->notice));
    mb_jsonw_key(&w, "test");
    mb_jsonw_bool(&w, false);
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}

static struct step *append_notify(struct mb__sim_notices *notices, struct step ***end,
                                  const struct mb__sim_request *request,
                                  const struct mb__sim_bid *bid, const char *type,
                                  struct mb_price paid, bool error)
{
    struct step *step = append(notices, end, "POST", notices->xandr, MB_SLICE("/notify"));

    write_notify(&step->body, request, bid, type, paid, error);
    return step;
}

static void tell_win(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                     const struct mb__sim_bid *bid, struct mb_price paid)
{
    struct mb__sim_account *account = notices->account;
    struct step *first = NULL, **end = &first, *step;

    account->sold++;
    if (mb__sim_random_percent(notices->random, PENDINGS)) {
        append_notify(notices, &end, request, bid, "pending", paid, false);
    } else if (mb__sim_random_percent(notices->random, EARLY_LOSTS)) {
        append_notify(notices, &end, request, bid, "lost", paid, false);
    }
    step = append_notify(notices, &end, request, bid, "won", paid, false);
    step->counts = &account->wins;
    step->spends = &account->spend_nanos[MB__SIM_XANDR][MB__SIM_CPM];
    step->nanos = cost_nanos(MB__SIM_CPM, paid);
    maybe_repeat(notices, &end, step);
    if (mb__sim_random_percent(notices->random, CLICKS)) {
        step = append(notices, &end, "POST", notices->xandr, MB_SLICE("/click"));
        write_click(&step->body, request, bid);
        step->counts = &account->clicks;
        maybe_repeat(notices, &end, step);
    }
    send_chain(first);
}

static void tell_loss(struct mb__sim_notices *notices, const struct mb__sim_request *request,
                      const struct mb__sim_bid *bid)
{
    struct step *first = NULL, **end = &first;
    bool error = mb__sim_random_percent(notices->random, ERRORS);

    if (error || mb__sim_random_percent(notices->random, LOSTS_TOLD)) {
        append_notify(notices, &end, request, bid, "lost", (struct mb_price){0}, error);
    }
    send_chain(first);
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
    for (size_t i = 0; i < request->n_tags; i++) {
        settle_tag(notices, request, bids, &request->tags[i]);
    }
    if (request->n_tags == 0 && bids->count > 0) {
        settle_exoclick(notices, request, &bids->items[0]);
    }
}
