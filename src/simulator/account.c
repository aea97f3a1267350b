/* account.c - what the exchange holds to be true, and the answers that it would not take. */
#include "internal.h"

#include <stdio.h>

#include "moonbid/net.h"

enum { PRINTED_MAX = 5 }; /* rejected answers shown whole; the rest is counted */

const char *mb__sim_kind_name(enum mb__sim_kind kind)
{
    static const char *const kinds[MB__SIM_KINDS] = {"banner",       "popunder",    "push",
                                                     "in_page_push", "direct_link", "email_click",
                                                     "xandr_single", "xandr_multi"};

    return kinds[kind];
}

/* Reasons are constant texts, so equal ones are the same pointer; two of the same words are merely
 * two rows. */
void mb__sim_account_reject(struct mb__sim_account *account, const char *why,
                            const struct mb__sim_request *request,
                            const struct mb_http_reply *reply)
{
    size_t i = 0;

    while (i < account->n_rejected && account->rejected[i].why != why) {
        i++;
    }
    if (i == account->n_rejected && i < MB__SIM_REASONS_MAX) {
        account->rejected[account->n_rejected++].why = why;
    }
    if (i < account->n_rejected) {
        account->rejected[i].count++;
    }
    if (account->rejected_total++ < PRINTED_MAX) {
        fprintf(stderr, "rejected: %s (%s, status %d)\n  asked: %s %.*s\n  answer: %.*s\n", why,
                mb__sim_kind_name(request->kind), reply->status, request->is_get ? "GET" : "POST",
                MB_SLICE_ARG(mb_buf_slice(&request->target)), MB_SLICE_ARG(reply->body));
    }
}

int64_t mb__sim_account_spend(const struct mb__sim_account *account)
{
    int64_t sum = 0;

    for (size_t exchange = 0; exchange < MB__SIM_EXCHANGES; exchange++) {
        for (size_t model = 0; model < MB__SIM_MODELS; model++) {
            sum += account->spend_nanos[exchange][model];
        }
    }
    return sum;
}
