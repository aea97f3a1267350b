/* internal.h - what the files of the bidder share.
 *
 * Part of: bidder (private).
 */
#ifndef MB_BIDDER_INTERNAL_H
#define MB_BIDDER_INTERNAL_H

#include "moonbid/bidder.h"
#include "moonbid/exchange.h"
#include "moonbid/index.h"
#include "moonbid/trace.h"
#include "moonbid/tape.h"

enum {
    BIDDER_BREACHES_TO_BENCH = 100, /* lua-api.md section 6: in a row */
    BIDDER_UNTIMED = 15, /* every sixteenth call is timed */
    BIDDER_BIDS_MAX = 256,          /* one answer's candidates; what is beyond is outranked */
    BIDDER_ARENA_KEEP = 256 * 1024,
};

/* A strategy's counts under its name, kept over reloads. */
struct strategy_state {
    struct mb_strategy_counts *counts; /* on the board, or own */
    struct mb_strategy_counts *own;    /* or NULL */
    struct strategy_state *next; /* of those that there are */
    uint32_t breaches; /* in a row */
    uint32_t met; /* mb_bidder.n_versions when it was asked last */
    bool has_no_slot; /* in the guard */
    bool answers_ill;  /* on_click has given what its exchange does not take, and the log says so */
    uint64_t tally_hash; /* of its name and the generation's version */
};

/* A bid that passed the strategy, on its way to the answer. */
struct candidate {
    struct mb_bid *bid;
    size_t decision; /* its place in the list */
    uint64_t draw; /* seeded, for ties */
};

/* Loaded scripts, and what was worked out of them. */
struct mb_generation {
    struct mb_script *script; /* owned */
    struct mb_index *index;
    uint32_t *found; /* place for the index's answer, one a strategy */
    uint8_t *why;
    struct strategy_state **state_of; /* by strategy index, NULL until the strategy is asked: mb__bidder_state_of */
    struct mb_strategy *shadows; /* copies of all strategies, of which the shadows are enabled; NULL: there are none */
    const struct mb_strategy **shadow_list;
    struct mb_index *shadow_index;
    size_t n_shadows;
};

struct mb_bidder {
    struct mb_bidder_options options;
    struct mb_script *script; /* NULL before the first take */
    struct mb_generation *generation; /* whose that is; NULL with it */
    uint32_t n_versions; /* generations taken, but those with the same files as the one before */
    struct strategy_state *states_by_slot; /* of the guard; those that nobody touches cost nothing */
    struct mb_map states_by_name; /* those that were asked for by name */
    struct strategy_state *states; /* all that have begun */
    struct mb_arena arena; /* of the current request */
    struct mb_buf body, scratch, token_body, expanded;
    struct mb_slice first_token; /* of the bid that was signed last; empty before */
    struct mb_buf answer; /* to the call that brought the last settled event */
    bool decided; /* the present request was decided, not turned away */
    bool trace;
    bool watch;             /* record all that a trace shows; with `trace` */
    struct mb_trace traced; /* of the present request; filled with `watch` only */
    uint32_t untimed; /* a call is timed where its number has none of these bits: 15, with `watch` none */
    uint64_t took_ns; /* by the last call that was timed */
    struct mb_tape *tape; /* of the present request; NULL: the world is asked, and nobody notes what it says */

    struct mb_request request;
    struct mb_later device_later, place_later;
    struct mb_slice sent_type; /* of the device, by the exchange */
    struct mb_geo_device agent; /* what the request's user agent told, once it was asked */
    bool has_request;
    uint32_t slips[MB_JSON_SLIP_COUNT]; /* of the present request or notice */
    int64_t now_ms;
    int64_t deadline_ms;
    uint64_t seed; /* state of the draws and, without random_bytes, of bid ids */
    struct mb_decision *decisions;
    size_t n_decisions, decisions_size;
    struct candidate candidates[BIDDER_BIDS_MAX];
    size_t n_candidates;
    struct mb_bidder_counts *totals; /* on the board, or own_totals */
    struct mb_bidder_counts own_totals;
    uint64_t tally_secret; /* seeds the hashes below */
    const struct mb_imp *tally_imp; /* whose place's hash is `tally_place`; NULL: none's */
    uint64_t tally_place;
};

/* bid.c: a bid request, from decoded request to answer. */
void mb__bidder_bid(struct mb_bidder *b, const struct mb_codec *codec, const struct mb_bidder_in *in,
                    struct mb_bidder_out *out);

/* world.c: what the guard, the clock, the limits of a script and the database of places say; with b->tape as noted. */
enum mb_nobid mb__bidder_may(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp);
bool mb__bidder_is_benched(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp);
/* Past the deadline? `point`: where in the decision that is asked. */
bool mb__bidder_is_late(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                        const char *point);
/* `phase`: "" before the script has run, "creative" after it. */
enum mb_nobid mb__bidder_frequency(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                                   const char *phase, uint64_t key);
enum mb_nobid mb__bidder_per(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                             const char *phase, uint64_t key);
enum mb_nobid mb__bidder_reserve(struct mb_bidder *b, const struct mb_bid *bid, const struct mb_guard_offer *offer);
void mb__bidder_call(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                     struct mb_script_result *result);
struct mb_geo_answer mb__bidder_look_up(struct mb_bidder *b, struct mb_slice ip);
struct mb_slice mb__bidder_email_hash(struct mb_bidder *b, struct mb_slice email);

/* derive.c: lets the request's device and place be filled in when somebody first reads them. */
void mb__bidder_derive_later(struct mb_bidder *b);

/* answer.c: makes b->answer of what on_click returned for this event. */
void mb__bidder_answer_click(struct mb_bidder *b, const struct mb_event *event);

/* price.c: fills the prices of a script's bid in house and wire currency, and holds it against floor and limits.
 * MB_NOBID_BID, or CURRENCY, INVALID_BID (field set), OVER_MAX_BID, BELOW_FLOOR. */
enum mb_nobid mb__bidder_price(const struct mb_bidder *b, struct mb_bid *bid, const char **field);

/* sign.c: gives the bid its id and its notice tokens. MB_NOBID_BID or INVALID_BID (field set). */
enum mb_nobid mb__bidder_sign(struct mb_bidder *b, struct mb_bid *bid, const char **field);

/* caps.c: what the strategy's frequency cap and per limit say of the impression. MB_NOBID_BID, FREQUENCY or BUDGET. A creative is
 * known with the bid only (`bid` NULL before): what hangs on it is held against it then. */
enum mb_nobid mb__bidder_caps(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                              const struct mb_bid *bid);
/* The keys that travel with the bid; 0 where there is no such limit, or a value is missing. */
void mb__bidder_cap_keys(const struct mb_bidder *b, const struct mb_bid *bid, uint64_t *frequency_key, uint64_t *per_key);

/* Where an impression takes several bids, one for each seat and deal. */
static inline bool mb__bidder_same_place(const struct mb_bid *a, const struct mb_bid *b)
{
    return mb_slice_eq(a->member_id, b->member_id) && mb_slice_eq(a->seat, b->seat) &&
           mb_slice_eq(a->deal_id, b->deal_id);
}

/* expand.c: replaces {name} in the bid's texts and URLs. Before it mb__bidder_sign has run, for {bid_id} and {click_token}. */
void mb__bidder_expand(struct mb_bidder *b, struct mb_bid *bid);

/* sign.c: the token of a kind for the bid that was signed last (its body is kept). Arena. */
struct mb_slice mb__bidder_token(struct mb_bidder *b, enum mb_event_type kind);

/* recent.c: bids of Xandr's platform, whose lost, pending, error and click calls carry no token. The bid is the one that was
 * signed last, and will be sent; of other protocols none is remembered. */
void mb__bidder_remember(struct mb_bidder *b, const struct mb_bid *bid);
/* False where no bid of the last hour is meant, or more than one. */
bool mb__bidder_recall(struct mb_bidder *b, const struct mb_event *e, struct mb_notice *out);

/* shadow.c: what became of the bid beside a shadow's. */
void mb__bidder_settle_shadow(struct mb_bidder *b, const struct mb_event *event, int64_t now_ms);

/* market.c: the bid will be sent. */
void mb__bidder_tell_market(struct mb_bidder *b, const struct mb_bid *bid);

/* notice.c: a notice URL of ours, and what an exchange tells by a call of its protocol. */
void mb__bidder_own_notice(struct mb_bidder *b, const struct mb_bidder_in *in,
                           struct mb_bidder_out *out);
void mb__bidder_exchange_notice(struct mb_bidder *b, const struct mb_codec *codec,
                                const struct mb_endpoint *endpoint, enum mb_wire_path path,
                                const struct mb_bidder_in *in, struct mb_bidder_out *out);

/* notice.c: where the bid of a token was made, as it was then; NULL where neither token nor config knows. Not of the config, so
 * not for out->endpoint, where it was taken out or books on another event since. */
const struct mb_endpoint *mb__bidder_endpoint_of(struct mb_bidder *b, const struct mb_notice *notice);
/* notice.c: is it too late for what the token tells of? Counts it then. */
bool mb__bidder_is_expired(struct mb_bidder *b, const struct mb_notice *notice);
/* notice.c: the engine's own events start so: kind, time, endpoint, what the token knows. */
void mb__bidder_own_event(struct mb_bidder *b, enum mb_event_type type, const struct mb_notice *notice,
                          const struct mb_endpoint *endpoint, struct mb_event *e);

/* click.c: wraps the landing page of a bid whose strategy tracks clicks, and sends visitors there. */
void mb__bidder_wrap_click(struct mb_bidder *b, struct mb_bid *bid);
void mb__bidder_redirect(struct mb_bidder *b, const struct mb_bidder_in *in, struct mb_bidder_out *out);

/* click.c: BASE PATH TOKEN?s=SEAL&u=TARGET and a parameter for each macro of the target, for the bid that was signed last; the
 * token is of that kind. Arena. */
struct mb_slice mb__bidder_sealed_url(struct mb_bidder *b, enum mb_event_type kind, struct mb_slice base,
                                      struct mb_slice path, struct mb_slice target);
/* The way back: a 302 to the target. False, nothing done, where the query has none that is sealed with this token. */
bool mb__bidder_send_on(struct mb_bidder *b, struct mb_slice token, struct mb_slice query, struct mb_bidder_out *out);

/* pixel.c: whether an image of ours can tell of the bid's impression, for its token; the base of its URL; the image put where it
 * goes, after tokens were expanded; and the answer to who loads it. */
bool mb__bidder_is_watched(const struct mb_bidder *b, struct mb_bid *bid);
void mb__bidder_place_pixel(struct mb_bidder *b, struct mb_bid *bid);
struct mb_slice mb__bidder_pixel_base(const struct mb_config *config);
void mb__bidder_answer_pixel(struct mb_bidder *b, struct mb_slice token, struct mb_slice query, struct mb_bidder_out *out);

/* click.c: the decoded value of a query's parameter, as it stands; absent: not there. Arena. */
struct mb_slice mb__bidder_parameter(struct mb_bidder *b, struct mb_slice query, struct mb_slice name);

/* follow.c: lets the bid's notice URLs carry the trader's own, after tokens were expanded. MB_NOBID_BID or INVALID_BID
 * (field set). And at the notice: e->fetch_url, where the URL carries one. */
enum mb_nobid mb__bidder_attach_urls(struct mb_bidder *b, struct mb_bid *bid, const char **field);
void mb__bidder_follow_up(struct mb_bidder *b, struct mb_slice token, struct mb_slice query, struct mb_event *e);

/* follow.c: what travelled in Xandr's custom_notify_data; all but the token may be absent. Lent from the whole. Then
 * e->fetch_url of a win. */
struct mb__custom_data {
    struct mb_slice token, seal, url; /* seal and URL unproven */
    struct mb_slice text;             /* the trader's own */
};
struct mb__custom_data mb__bidder_read_custom_data(struct mb_slice whole);
void mb__bidder_follow_win(struct mb_bidder *b, const struct mb__custom_data *data, struct mb_event *e);

/* conversion.c: a postback that names its click. */
void mb__bidder_conversion(struct mb_bidder *b, const struct mb_bidder_in *in, struct mb_bidder_out *out);

/* bidder.c: 503 for overload: the sender keeps its notice and repeats it, nothing is lost. */
void mb__bidder_put_off(struct mb_bidder *b, struct mb_bidder_out *out);

/* bidder.c: an error answer, `{"error":"...","at":N}` (at < 0: left out). */
void mb__bidder_refuse(struct mb_bidder *b, struct mb_bidder_out *out, int status, const char *text,
                       long at);
/* The same as 400 for a body that a codec refused. */
void mb__bidder_refuse_error(struct mb_bidder *b, struct mb_bidder_out *out,
                             const struct mb_error *err);

/* states.c: the state of that name, made where there is none. */
struct strategy_state *mb__bidder_state(struct mb_bidder *b, struct mb_slice strategy);
/* Of a strategy of b->generation, when it is first asked. */
struct strategy_state *mb__bidder_meet(struct mb_bidder *b, const struct mb_strategy *strategy);
void mb__bidder_states_init(struct mb_bidder *b);
void mb__bidder_states_fini(struct mb_bidder *b);

static inline struct strategy_state *mb__bidder_state_of(struct mb_bidder *b, const struct mb_strategy *strategy)
{
    struct strategy_state *state = b->generation->state_of[strategy->index];

    return __builtin_expect(state != NULL, 1) ? state : mb__bidder_meet(b, strategy);
}

void mb__bidder_count_decision(struct strategy_state *state, const struct mb_decision *decision);

/* tally.c: counts, on the board, what a minute's requests came to. */
uint64_t mb__bidder_tally_hash(const struct mb_bidder *b, struct mb_slice strategy); /* of it and its version */
void mb__bidder_tally_decision(struct mb_bidder *b, const struct mb_decision *decision);
/* A strategy asked for an experiment's arm. */
void mb__bidder_tally_exposure(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                               const struct mb_script_result *result);
void mb__bidder_tally_request(struct mb_bidder *b, enum mb_nobid outcome);
/* Of a shadow, by what it was asked about or its notice tells: by name, version of what is loaded, endpoint, exchange and format. */
struct mb__shadow_place {
    struct mb_slice strategy, endpoint, exchange, format;
};
void mb__bidder_tally_shadow(struct mb_bidder *b, enum mb_tally_kind kind, const struct mb__shadow_place *place, int64_t sum);

/* trace.c: what an asking came to; with `watch` only. `before`: as things were when it began. */
struct trace_before {
    size_t n_decisions, n_lines, lua_bytes;
    uint64_t calls;
};
struct trace_before mb__bidder_trace_before(struct mb_bidder *b, const struct mb_strategy *strategy);
void mb__bidder_trace_asked(struct mb_bidder *b, const struct mb_strategy *strategy, const struct mb_imp *imp,
                            const struct trace_before *before);
/* trace_limits.c: fills in the step's limits. */
void mb__bidder_trace_limits(struct mb_bidder *b, struct mb_trace_step *step);
/* What a name in the texts of a bid became. */
void mb__bidder_trace_token(struct mb_bidder *b, const struct mb_bid *bid, struct mb_slice name, struct mb_slice value);
/* Lines of log.* go into the trace while `watch` is on. */
void mb__bidder_trace_lines(struct mb_bidder *b);

/* draw.c: the next seeded number; and bytes for a bid id. */
uint64_t mb__bidder_draw(struct mb_bidder *b);
void mb__bidder_random(struct mb_bidder *b, void *out, size_t len);

/* A rate as tokens and events keep it: 0 for the house currency's own, which needs no words. */
static inline int64_t mb__bidder_kept_rate(struct mb_rate rate)
{
    return rate.millionths == 1000000 ? 0 : rate.millionths;
}

#endif /* MB_BIDDER_INTERNAL_H */
