/* main.c - moonbid-exchange: real-shaped traffic of several exchanges against a running bidder.
 *
 * Exit status: 0 all answers were right and the sides agree, 1 not so, 2 usage, 3 environment
 * (no socket, no status page to compare with).
 */
#include "internal.h"

#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct mb__sim_options options;
    struct mb__sim_account account = {0};
    struct mb__sim_outcome outcome = {0};
    struct mb_error err = {0};
    bool good;

    signal(SIGPIPE, SIG_IGN);
    switch (mb__sim_options_read(argc, argv, &options)) {
    case 0:
        break;
    case 1:
        return 0;
    default:
        return 2;
    }
    if (mb__sim_run(&options, &account, &outcome, &err)) {
        fprintf(stderr, "moonbid-exchange: %s: %s\n", err.where, err.what);
        mb_buf_fini(&account.latency_us);
        return 3;
    }
    mb__sim_report(&options, &account, &outcome);
    good = account.rejected_total == 0 && account.failed == 0 && outcome.agree;
    if (outcome.compared && outcome.ours.bids == 0) {
        fputs("moonbid-exchange: nothing was bid, so nothing was compared\n", stderr);
        good = false;
    }
    mb_buf_fini(&account.latency_us);
    return good ? 0 : 1;
}
