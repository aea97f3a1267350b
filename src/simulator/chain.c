/* chain.c - notices one after the other.
 *
 * What is told of one bid is a chain of steps; a step goes out when the one before it was answered,
 * so the order is the sender's, and what the account books was acknowledged. A repeated notice has
 * the same bytes and no effect on the account: it must have none on the bidder's either.
 *
 * A bidder that is overloaded, or cannot write, says when to come back (503 with Retry-After): the
 * step goes out again then, a few times.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "moonbid/json_doc.h"
#include "moonbid/net.h"

enum { REPEATS = 15 /* in a hundred */, PRINTED_MAX = 5, RETRIES_MAX = 5, RETRY_S_MAX = 10 };

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

/* The answer to a click is empty, or {"click_response":{...}} with the two members that it may have. */
static bool is_answered_well(const struct mb__sim_step *step, const struct mb_http_reply *reply)
{
    struct mb_doc *root = NULL;
    const struct mb_doc *response;
    bool well = true;

    if (!step->is_click || reply->body.len == 0) {
        return true;
    }
    if (mb_doc_parse(reply->body, &root, NULL)) {
        return false;
    }
    response = mb_doc_get(root, "click_response");
    well = mb_doc_count(root) == 1 && mb_doc_is_object(response);
    for (const struct mb_doc *m = mb_doc_first(response); m && well; m = mb_doc_next(m)) {
        well = strcmp(mb_doc_name(m), "userdata_js") == 0        ? mb_doc_is_string(m)
               : strcmp(mb_doc_name(m), "segment_actions") == 0 ? mb_doc_is_array(m)
                                                                : false;
    }
    mb_doc_free(root);
    return well;
}

static void send_steps(struct mb__sim_step *step);

/* Seconds after which a refused notice may come again; 0: never. */
static int64_t retry_after_s(const struct mb_http_reply *reply)
{
    int64_t seconds = 0;

    if (reply->error || reply->status != 503) {
        return 0;
    }
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (mb_slice_eq_nocase(reply->headers[i].name, MB_SLICE("retry-after")) &&
            mb_slice_to_i64(reply->headers[i].value, &seconds)) {
            return seconds > 0 && seconds <= RETRY_S_MAX ? seconds : 0;
        }
    }
    return 0;
}

/* Whether the step goes out again later. */
static bool wait_to_retry(struct mb__sim_step *step, const struct mb_http_reply *reply)
{
    int64_t seconds = retry_after_s(reply);

    if (seconds == 0 || step->retries == RETRIES_MAX) {
        return false;
    }
    step->retries++;
    step->notices->account->retried++;
    step->due_ns = mb_time_boot_ns() + seconds * INT64_C(1000000000);
    step->next_waiting = step->notices->waiting;
    step->notices->waiting = step;
    step->notices->open++;
    return true;
}

void mb__sim_chain_retry_due(struct mb__sim_notices *notices, int64_t now_ns)
{
    struct mb__sim_step *step = notices->waiting;

    notices->waiting = NULL;
    while (step) {
        struct mb__sim_step *next = step->next_waiting;

        if (step->due_ns <= now_ns) {
            notices->open--;
            send_steps(step);
        } else {
            step->next_waiting = notices->waiting;
            notices->waiting = step;
        }
        step = next;
    }
}

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct mb__sim_step *step = user, *next = step->next;
    struct mb__sim_notices *notices = step->notices;

    notices->open--;
    if (wait_to_retry(step, reply)) {
        return;
    }
    if (!is_acknowledged(reply) || !is_answered_well(step, reply)) {
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
    again->is_click = step->is_click;
    again->counts = &notices->account->duplicates;
}

void mb__sim_chain_send(struct mb__sim_chain *chain)
{
    send_steps(chain->first);
}
