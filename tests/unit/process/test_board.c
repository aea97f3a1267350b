/* test_board.c - counters of several workers add up, and outlive them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor.h"

enum { WORKERS = 3, ENDPOINTS = 2, SLOT = 12345 };

static int setup(void **state)
{
    static struct mb__boards boards;

    *state = &boards;
    return mb__boards_map(WORKERS, ENDPOINTS, &boards, NULL);
}

static int teardown(void **state)
{
    mb__boards_unmap(*state);
    mb__boards_unmap(*state); /* and again: nothing */
    return 0;
}

/* What worker `seat` counts differs from what the others do. */
static void count(const struct mb__boards *boards, uint32_t seat)
{
    struct mb__board *board = mb__boards_at(boards, seat);
    struct mb_strategy_counts *n = &board->bidder.strategies[SLOT];

    board->bidder.totals.requests += seat + 1;
    board->endpoints[ENDPOINTS - 1].slips[2] += seat + 1;
    board->http.accepted += seat + 1;
    board->connections = seat + 1;
    board->lua_bytes = 100;
    board->endpoints[ENDPOINTS - 1].outcomes[MB__OUTCOME_BAD] += seat + 1;
    mb_histogram_record(&board->request_time, 1000);
    n->calls += seat + 1;
    n->nobids[MB_NOBID_SCRIPT] += seat + 1;
    n->events[MB_EVENT_WIN] += 1;
}

static void numbers_add_up(void **state)
{
    const struct mb__boards *boards = *state;
    struct mb_bidder_counts totals;
    struct mb_strategy_counts sum;
    struct mb_http_counters http;
    struct mb_histogram times;
    uint32_t i;

    for (i = 0; i < WORKERS; i++) {
        count(boards, i);
    }
    mb__boards_totals(boards, &totals);
    assert_int_equal(totals.requests, 6);
    assert_int_equal(mb__boards_slips(boards, ENDPOINTS - 1, 2), 6);
    assert_int_equal(mb__boards_slips(boards, 0, 2), 0);
    mb__boards_http(boards, &http);
    assert_int_equal(http.accepted, 6);
    assert_int_equal(http.open, 6);
    mb__boards_strategy(boards, SLOT, &sum);
    assert_int_equal(sum.calls, 6);
    assert_int_equal(sum.nobids[MB_NOBID_SCRIPT], 6);
    assert_int_equal(sum.events[MB_EVENT_WIN], 3);
    mb__boards_strategy(boards, SLOT - 1, &sum);
    assert_int_equal(sum.calls, 0);
    mb__boards_strategy(boards, MB_GUARD_NO_SLOT, &sum);
    assert_int_equal(sum.calls, 0);
    assert_int_equal(mb__boards_outcome(boards, ENDPOINTS - 1, MB__OUTCOME_BAD), 6);
    assert_int_equal(mb__boards_outcome(boards, 0, MB__OUTCOME_BAD), 0);
    mb__boards_request_time(boards, &times);
    assert_int_equal(times.count, 3);
    assert_int_equal(mb__boards_lua_bytes(boards), 300);
}

static void own_reasons_meet_under_their_names(void **state)
{
    const struct mb__boards *boards = *state;
    static const char *const names[WORKERS][3] = {{"late", "poor", ""}, {"poor"}, {"rich", "late"}};
    struct mb_strategy_counts sum;
    uint32_t i;
    size_t k;

    for (i = 0; i < WORKERS; i++) {
        struct mb_strategy_counts *n = &mb__boards_at(boards, i)->bidder.strategies[SLOT];

        for (k = 0; k < 3 && names[i][k] && names[i][k][0]; k++) {
            strcpy(n->own[k].name, names[i][k]);
            n->own[k].count = 10 * i + k + 1;
        }
    }
    mb__boards_strategy(boards, SLOT, &sum);
    assert_string_equal(sum.own[0].name, "late");
    assert_int_equal(sum.own[0].count, 1 + 22);
    assert_string_equal(sum.own[1].name, "poor");
    assert_int_equal(sum.own[1].count, 2 + 11);
    assert_string_equal(sum.own[2].name, "rich");
    assert_int_equal(sum.own[2].count, 21);
    assert_string_equal(sum.own[3].name, "");
}

/* Past the places that a sum has, the rest is "other", and nothing is lost. */
static void too_many_own_reasons_are_other(void **state)
{
    const struct mb__boards *boards = *state;
    struct mb_strategy_counts sum;
    uint64_t all = 0;
    uint32_t i;
    size_t k;

    for (i = 0; i < WORKERS; i++) {
        struct mb_strategy_counts *n = &mb__boards_at(boards, i)->bidder.strategies[SLOT];

        for (k = 0; k < 64; k++) {
            snprintf(n->own[k].name, sizeof(n->own[k].name), "w%u_%zu", i, k);
            n->own[k].count = 1;
        }
        n->other = 5;
    }
    mb__boards_strategy(boards, SLOT, &sum);
    for (k = 0; k < 64; k++) {
        all += sum.own[k].count;
    }
    assert_int_equal(all, 64);
    assert_int_equal(sum.other, 2 * 64 + 3 * 5);
}

static void a_killed_worker_leaves_its_counts(void **state)
{
    const struct mb__boards *boards = *state;
    struct mb_strategy_counts sum;
    struct mb_http_counters http;
    int status;
    pid_t child = fork();

    if (child == 0) {
        count(boards, 1);
        abort();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    mb__board_clear_gauges(mb__boards_at(boards, 1));
    mb__boards_strategy(boards, SLOT, &sum);
    assert_int_equal(sum.calls, 2);
    mb__boards_http(boards, &http);
    assert_int_equal(http.accepted, 2);
    assert_int_equal(http.open, 0);
    assert_int_equal(mb__boards_lua_bytes(boards), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(own_reasons_meet_under_their_names, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_own_reasons_are_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_worker_leaves_its_counts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
