/* chain.c - notices one after the other.
 *
 * What is told of one bid is a chain of steps; a step goes out when the one before it was answered,
 * so the order is the sender's, and what the account books was acknowledged. A repeated notice has
 * the same bytes and no effect on the account: it must have none on the bidder's either.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "moonbid/net.h"

enum { REPEATS = 15 /* in a hundred */, PRINTED_MAX = 5 };

static void free_steps(struct mb__sim_step *step)
{
    while (step) {
        struct mb__sim_step *next = step->next;
        mb_buf_fini(&step->target);
        mb_buf_fini(&step->body);
        free(step);
        step = next;
    }
}

static bool is_acknowledged(const struct mb_http_reply *reply)
{
    return reply->error == 0 && (reply->status == 200 || reply->status == 204);
}

static void complain(struct mb__sim_account *account, const struct mb__sim_step *step,
                     const struct mb_http_reply *reply)
{
    if (account->failed++ < PRINTED_MAX) {
        fprintf(stderr, "notice refused: %s %.*s %.*s\n  answer: %s, status %d, %.*s\n",
                step->method, MB_SLICE_ARG(mb_buf_slice(&step->target)),
                MB_SLICE_ARG(mb_buf_slice(&step->body)), mb_err_name(reply->error), reply->status,
                MB_SLICE_ARG(reply->body));
    }
}

static void send_steps(struct mb__sim_step *step);

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct mb__sim_step *step = user, *next = step->next;
    struct mb__sim_notices *notices = step->notices;

    notices->open--;
    if (!is_acknowledged(reply)) {
        complain(notices->account, step, reply);
        free_steps(step);
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
    free_steps(step);
    send_steps(next);
}

static void send_steps(struct mb__sim_step *step)
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
        free_steps(step);
        return;
    }
    step->notices->open++;
}

struct mb__sim_step *mb__sim_chain_add(struct mb__sim_notices *notices, struct mb__sim_chain *chain,
                                       const char *method, const char *target, struct mb_slice rest)
{
    struct mb__sim_step *step = calloc(1, sizeof(*step));

    if (!step) {
        abort();
    }
    step->notices = notices;
    step->method = method;
    mb_xbuf_add_text(&step->target, target);
    mb_xbuf_add_slice(&step->target, rest);
    if (chain->last) {
        chain->last->next = step;
    } else {
        chain->first = step;
    }
    chain->last = step;
    return step;
}

void mb__sim_chain_maybe_repeat(struct mb__sim_notices *notices, struct mb__sim_chain *chain)
{
    const struct mb__sim_step *step = chain->last;
    struct mb__sim_step *again;

    if (!mb__sim_random_percent(notices->random, REPEATS)) {
        return;
    }
    again = mb__sim_chain_add(notices, chain, step->method, "", mb_buf_slice(&step->target));
    mb_xbuf_add_slice(&again->body, mb_buf_slice(&step->body));
    again->counts = &notices->account->duplicates;
}

void mb__sim_chain_send(struct mb__sim_chain *chain)
{
    send_steps(chain->first);
}
