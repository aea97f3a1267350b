/* account.c - what the exchange holds to be true, and the answers that it would not take. */
#include "internal.h"

#include <stdio.h>

#include "moonbid/net.h"

enum { PRINTED_MAX = 5 }; /* rejected answers shown whole; the rest is counted */

const char *mb__sim_kind_name(enum mb__sim_kind kind)
{
    static const char *const kinds[MB__SIM_KINDS] = {
        [MB__SIM_BANNER] = "banner",
        [MB__SIM_POPUNDER] = "popunder",
        [MB__SIM_PUSH] = "push",
        [MB__SIM_IN_PAGE_PUSH] = "in_page_push",
        [MB__SIM_DIRECT_LINK] = "direct_link",
        [MB__SIM_EMAIL_CLICK] = "email_click",
        [MB__SIM_XANDR_SINGLE] = "xandr_single",
        [MB__SIM_XANDR_MULTI] = "xandr_multi",
        [MB__SIM_OPENRTB_BANNER] = "openrtb_banner",
        [MB__SIM_OPENRTB_VIDEO] = "openrtb_video",
        [MB__SIM_OPENRTB_AUDIO] = "openrtb_audio",
        [MB__SIM_OPENRTB_NATIVE] = "openrtb_native",
        [MB__SIM_OPENRTB_DEAL] = "openrtb_deal",
        [MB__SIM_OPENRTB_MULTI] = "openrtb_multi",
        [MB__SIM_EXOCLICK_OPENRTB_BANNER] = "exoclick_openrtb_banner",
        [MB__SIM_EXOCLICK_OPENRTB_POPUNDER] = "exoclick_openrtb_popunder",
        [MB__SIM_EXOCLICK_OPENRTB_NATIVE] = "exoclick_openrtb_native",
        [MB__SIM_EXOCLICK_OPENRTB_EMAIL] = "exoclick_openrtb_email",
        [MB__SIM_XANDR_OPENRTB] = "xandr_openrtb",
    };

    return kinds[kind];
}

const char *mb__sim_protocol_name(enum mb__sim_protocol protocol)
{
    static const char *const names[MB__SIM_PROTOCOLS] = {
        [MB__SIM_EXOCLICK] = "exoclick",
        [MB__SIM_XANDR] = "xandr",
        [MB__SIM_OPENRTB] = "openrtb",
        [MB__SIM_OPENRTB_EXOCLICK] = "openrtb_exoclick",
        [MB__SIM_OPENRTB_XANDR] = "openrtb_xandr",
    };

    return names[protocol];
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

int64_t mb__sim_tally_spend(const struct mb__sim_tally *tally)
{
    int64_t sum = 0;

    for (size_t model = 0; model < MB__SIM_MODELS; model++) {
        sum += tally->spend_nanos[model];
    }
    return sum;
}

struct mb__sim_tally mb__sim_account_sum(const struct mb__sim_account *account)
{
    struct mb__sim_tally sum = {0};

    for (size_t i = 0; i < MB__SIM_PROTOCOLS; i++) {
        const struct mb__sim_tally *tally = &account->tallies[i];
        sum.sold += tally->sold;
        sum.billings += tally->billings;
        sum.wins += tally->wins;
        sum.losses += tally->losses;
        sum.clicks += tally->clicks;
        for (size_t model = 0; model < MB__SIM_MODELS; model++) {
            sum.spend_nanos[model] += tally->spend_nanos[model];
        }
    }
    return sum;
}
