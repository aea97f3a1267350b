/* test_probation.c - which strategies are sent back after a swap, and that it is asked for once.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor.h"

enum { WORKERS = 2, NO_LETTER = -1 };

struct fixture {
    struct mb__supervisor supervisor;
    struct mb__member crew[WORKERS];
    int ends[WORKERS];
    struct mb__letter letter;
    uint32_t slot;
};

static void be_quiet(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    (void)line;
    (void)len;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct mb__supervisor *s = &f->supervisor;

    mb_log_redirect(be_quiet, NULL);
    s->crew = f->crew;
    s->n_crew = WORKERS;
    s->generations.bundle_fd = -1;
    mb__probation_init(&s->probation);
    assert_int_equal(mb__shared_map(WORKERS, &s->shared, NULL), 0);
    assert_int_equal(mb__boards_map(WORKERS, 1, &s->boards, NULL), 0);
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &s->parts.guard, NULL), 0);
    f->slot = mb_guard_slot(s->parts.guard, MB_SLICE("banner"));
    atomic_store(&s->shared->file_hashes[f->slot], 1);
    mb__probation_begin(s, -1); /* the first load */
    for (int i = 0; i < WORKERS; i++) {
        int fds[2];

        assert_int_equal(mb__channel_open(fds, NULL), 0);
        f->crew[i].channel = fds[0];
        f->crew[i].pid = 1000000000 + i; /* beyond any process */
        f->ends[i] = fds[1];
        atomic_store(&s->shared->seats[i].state, MB__SEAT_SERVING);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < WORKERS; i++) {
        close(f->crew[i].channel);
        close(f->ends[i]);
    }
    mb__probation_fini(&f->supervisor.probation);
    mb__generations_fini(&f->supervisor);
    mb_guard_close(f->supervisor.parts.guard);
    mb__boards_unmap(&f->supervisor.boards);
    mb__shared_unmap(f->supervisor.shared);
    free(f);
    mb_log_redirect(NULL, NULL);
    return 0;
}

static int next_letter(struct fixture *f)
{
    if (mb__channel_receive(f->ends[0], &f->letter) != 1) {
        return NO_LETTER;
    }
    if (f->letter.fd >= 0) {
        close(f->letter.fd);
    }
    return (int)f->letter.head.type;
}

/* The calls are shared among the workers. */
static void add(struct fixture *f, uint64_t calls, uint64_t failures, enum mb_nobid reason)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct mb_strategy_counts *counts =
            &mb__boards_at(&f->supervisor.boards, i)->bidder.strategies[f->slot];

        counts->calls += i == 0 ? calls / 2 : calls - calls / 2;
        counts->nobids[reason] += i == 0 ? failures / 2 : failures - failures / 2;
    }
}

/* A reload that brings the strategy's file in that version. */
static void swap_to(struct fixture *f, uint64_t version)
{
    atomic_store(&f->supervisor.shared->file_hashes[f->slot], version);
    mb__probation_begin(&f->supervisor, open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void swap(struct fixture *f)
{
    swap_to(f, 2);
}

static bool goes_back(struct fixture *f, uint64_t later_ms)
{
    (void)mb__probation_tend(&f->supervisor, mb__shared_clock_ms() + later_ms);
    return next_letter(f) == (int)MB__LETTER_ROLL_BACK;
}

static void only_who_fails_often_and_more_than_before(void **state)
{
    static const struct {
        uint64_t calls_before, failed_before, calls, failed;
        enum mb_nobid reason;
        bool back;
    } rows[] = {
        {0, 0, 50, 50, MB_NOBID_SCRIPT_ERROR, true},
        {0, 0, 49, 49, MB_NOBID_SCRIPT_ERROR, false}, /* too few */
        {0, 0, 50, 10, MB_NOBID_SCRIPT_ERROR, false}, /* a fifth */
        {0, 0, 50, 11, MB_NOBID_SCRIPT_ERROR, true},
        {0, 0, 50, 11, MB_NOBID_SCRIPT_TIMEOUT, true},
        {0, 0, 50, 11, MB_NOBID_SCRIPT_MEMORY, true},
        {0, 0, 50, 11, MB_NOBID_INVALID_BID, true},
        {0, 0, 50, 50, MB_NOBID_SCRIPT, false}, /* its own reasons are no failures */
        {0, 0, 50, 50, MB_NOBID_OUTRANKED, false},
        {1000, 0, 100, 30, MB_NOBID_SCRIPT_ERROR, true},
        {1000, 300, 100, 30, MB_NOBID_SCRIPT_ERROR, false}, /* as before */
        {1000, 299, 100, 30, MB_NOBID_SCRIPT_ERROR, true},
        {1000, 1000, 100, 100, MB_NOBID_SCRIPT_ERROR, false},
    };

    teardown(state);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;

        setup(state);
        f = *state;
        add(f, rows[i].calls_before, rows[i].failed_before, rows[i].reason);
        swap(f);
        add(f, rows[i].calls, rows[i].failed, rows[i].reason);
        if (goes_back(f, 1500) != rows[i].back) {
            fail_msg("row %zu", i);
        }
        if (rows[i].back) {
            assert_string_equal(f->letter.text, "banner");
        }
        teardown(state);
    }
    setup(state);
}

static void answer(struct fixture *f, enum mb__reload_outcome outcome)
{
    struct mb__letter *out = calloc(1, sizeof(*out));

    out->head = (struct mb__letter_head){.type = MB__LETTER_OUTCOME,
                                         .ticket = f->letter.head.ticket,
                                         .outcome = (int)outcome,
                                         .version = "composed"};
    out->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    mb__generations_take(&f->supervisor, 0, out);
    if (out->fd >= 0) {
        close(out->fd);
    }
    free(out);
}

static void it_is_asked_once_and_the_others_follow(void **state)
{
    struct fixture *f = *state;
    struct mb__last_reload last;

    f->crew[1].pid = 0; /* else it would have to take the bundle too */
    mb_guard_bench(f->supervisor.parts.guard, f->slot, MB_GUARD_BENCH_BREACHES);
    swap(f);
    add(f, 100, 100, MB_NOBID_SCRIPT_ERROR);
    assert_true(goes_back(f, 1500));
    assert_false(goes_back(f, 3000)); /* one runs */
    answer(f, MB__RELOAD_ROLLED_BACK);
    mb__shared_get_last(f->supervisor.shared, &last);
    assert_int_equal(last.outcome, MB__RELOAD_ROLLED_BACK);
    assert_non_null(strstr(last.error, "banner"));
    assert_string_equal(f->supervisor.generations.version, "composed");
    assert_int_equal(mb_guard_benched(f->supervisor.parts.guard, f->slot), MB_GUARD_NOT_BENCHED);
    assert_false(goes_back(f, 6000));
}

static void a_refusal_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    struct mb__last_reload last;

    swap(f);
    add(f, 100, 100, MB_NOBID_SCRIPT_ERROR);
    assert_true(goes_back(f, 1500));
    answer(f, MB__RELOAD_REFUSED);
    mb__shared_get_last(f->supervisor.shared, &last);
    assert_int_equal(last.outcome, MB__RELOAD_REFUSED);
    assert_false(goes_back(f, 6000));
}

static void reloads_of_other_files_change_nothing(void **state)
{
    struct fixture *f = *state;

    add(f, 100, 0, MB_NOBID_SCRIPT_ERROR);
    swap_to(f, 1); /* others' */
    add(f, 100, 100, MB_NOBID_SCRIPT_ERROR);
    assert_false(goes_back(f, 1500)); /* the file is as it ever was: nothing to go back to */
    add(f, 10000, 0, MB_NOBID_SCRIPT_ERROR);
    swap_to(f, 2);
    add(f, 30, 30, MB_NOBID_SCRIPT_ERROR);
    swap_to(f, 2);
    assert_false(goes_back(f, 1500)); /* too few yet */
    add(f, 30, 30, MB_NOBID_SCRIPT_ERROR);
    assert_true(goes_back(f, 3000));
}

static void after_eight_reloads_it_is_kept(void **state)
{
    struct fixture *f = *state;

    swap_to(f, 2);
    for (int i = 0; i < MB__PROBATION_SWAPS; i++) {
        swap_to(f, 2);
    }
    add(f, 100, 100, MB_NOBID_SCRIPT_ERROR);
    assert_false(goes_back(f, 1500));
}

static void the_time_ends(void **state)
{
    struct fixture *f = *state;

    assert_false(goes_back(f, 1500)); /* none has begun */
    swap(f);
    add(f, 100, 100, MB_NOBID_SCRIPT_ERROR);
    assert_false(goes_back(f, 500)); /* looked at every second */
    assert_false(goes_back(f, MB__PROBATION_MS + 1000));
    assert_false(goes_back(f, 1500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_who_fails_often_and_more_than_before, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_asked_once_and_the_others_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_not_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(reloads_of_other_files_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(after_eight_reloads_it_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_time_ends, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
