/* answer.c - what goes back to an exchange that has told of a click.
 *
 * A handler runs when its event is durable, and the exchange's call waits for just that: so what on_click returns
 * can still be the answer. It is not where the call has its answer already (the event was spooled, the books were
 * away), and a repeated call gets an empty answer, since no handler runs for it.
 */
#include "internal.h"

void mb__bidder_answer_click(struct mb_bidder *b, const struct mb_event *event)
{
    const struct mb_endpoint *endpoint = mb_config_endpoint(b->options.config, event->endpoint);
    struct mb_slice returned = mb_script_answer(b->script);
    struct mb_error err = {.at = -1};
    struct strategy_state *state;

    if (!mb_slice_present(returned) || !endpoint ||
        !mb_exchange_codec(endpoint->exchange)->encode_click_answer) {
        return;
    }
    state = mb__bidder_state(b, event->strategy);
    if (mb_exchange_codec(endpoint->exchange)->encode_click_answer(returned, &b->arena, &b->answer, &err) &&
        !state->answers_ill) {
        state->answers_ill = true;
        mb_log(MB_LOG_WARN, "bidder", "the exchange would not take what on_click returned (told once)", "strategy=%.*s field=%s error=%s",
               MB_SLICE_ARG(event->strategy), err.where, err.what);
    }
}

struct mb_slice mb_bidder_answer(const struct mb_bidder *b)
{
    return b->answer.len > 0 ? mb_buf_slice(&b->answer) : MB_SLICE_NONE;
}
