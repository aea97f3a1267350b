/* test_probation.c - which strategies are sent back after a swap, and that it is asked for once.
 */
#include "play.h"

enum { WORKERS = 2 };

struct fixture {
    struct mb__supervisor supervisor;
    struct mb__member crew[WORKERS];
    int ends[WORKERS];
    uint32_t slot;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct mb__supervisor *s = &f->supervisor;

    set_up(s, f->crew, f->ends, WORKERS);
    assert_int_equal(mb__boards_map(WORKERS, 1, &s->boards, NULL), 0);
    f->slot = mb_guard_slot(s->parts.guard, MB_SLICE("banner"));
    atomic_store(&s->shared->file_hashes[f->slot], 1);
    mb__probation_begin(s, -1); /* the first load */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tear_down(&f->supervisor, f->ends);
    mb__boards_unmap(&f->supervisor.boards);
    free(f);
    return 0;
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
    bool ran = f->supervisor.generations.running;

    (void)mb__probation_tend(&f->supervisor, mb__shared_clock_ms() + later_ms);
    return !ran && f->supervisor.generations.running;
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
            assert_string_equal(f->supervisor.generations.back, "banner");
        }
        teardown(state);
    }
    setup(state);
}

/* The checker passes it, the first worker takes it. */
static void take(struct fixture *f)
{
    struct mb__letter *letter = &f->supervisor.letter;

    judge(&f->supervisor, MB__RELOAD_ROLLED_BACK);
    assert_int_equal(mb__channel_receive(f->ends[0], letter), 1);
    assert_int_equal(letter->head.type, MB__LETTER_TAKE);
    mb__parcel_close(&letter->parcel);
    letter->head = (struct mb__letter_head){
        .type = MB__LETTER_OUTCOME, .ticket = letter->head.ticket, .outcome = MB__RELOAD_LOADED};
    mb__generations_take(&f->supervisor, 0, letter);
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
    take(f);
    mb__shared_get_last(f->supervisor.shared, &last);
    assert_int_equal(last.outcome, MB__RELOAD_ROLLED_BACK);
    assert_non_null(strstr(last.error, "banner"));
    assert_string_equal(f->supervisor.generations.version, "b1");
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
    judge(&f->supervisor, MB__RELOAD_REFUSED);
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
