/* test_generations.c - who is told of a new generation, in which order, and who is answered.
 *
 * The supervisor is real, its children are not: the test holds the workers' ends of the channels and
 * plays them. A checker is forked, and killed before its verdict is played.
 */
#include "play.h"

enum { CREW = 3, NO_LETTER = -1 };

struct fixture {
    struct mb__supervisor supervisor;
    struct mb__member crew[CREW];
    int ends[CREW]; /* of the workers */
    struct mb__letter letter;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    set_up(&f->supervisor, f->crew, f->ends, CREW);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    tear_down(&f->supervisor, f->ends);
    free(f);
    return 0;
}

/* The type of the letter that waits for that worker, which stays in f->letter; or NO_LETTER. */
static int next_letter(struct fixture *f, int seat)
{
    if (mb__channel_receive(f->ends[seat], &f->letter) != 1) {
        return NO_LETTER;
    }
    mb__parcel_close(&f->letter.parcel);
    return (int)f->letter.head.type;
}

static void expect_silence(struct fixture *f)
{
    int i;

    for (i = 0; i < CREW; i++) {
        assert_int_equal(next_letter(f, i), NO_LETTER);
    }
}

/* The worker answers the letter it got last. */
static void answer(struct fixture *f, uint32_t seat, enum mb__reload_outcome outcome)
{
    struct mb__letter out = {.head = {.type = MB__LETTER_OUTCOME,
                                      .ticket = f->letter.head.ticket,
                                      .outcome = (int)outcome,
                                      .version = "b1"},
                             .parcel = MB__PARCEL_EMPTY};

    strcpy(out.head.error, outcome == MB__RELOAD_REFUSED ? "line 5" : "");
    mb__generations_take(&f->supervisor, seat, &out);
}

static bool is_checked(const struct fixture *f)
{
    return f->supervisor.generations.checker.pid > 0;
}

static void ask(struct fixture *f, uint32_t seat, uint32_t ticket)
{
    struct mb__letter out = {.head = {.type = MB__LETTER_ASK, .ticket = ticket},
                             .parcel = MB__PARCEL_EMPTY};

    mb__generations_take(&f->supervisor, seat, &out);
}

static void be_ready(struct fixture *f, uint32_t seat, uint32_t number)
{
    struct mb__letter out = {.head = {.type = MB__LETTER_READY, .number = number},
                             .parcel = MB__PARCEL_EMPTY};

    mb__generations_take(&f->supervisor, seat, &out);
}

static struct mb__last_reload last(struct fixture *f)
{
    struct mb__last_reload out;

    mb__shared_get_last(f->supervisor.shared, &out);
    return out;
}

static uint32_t slot_of(const struct fixture *f)
{
    return mb_guard_slot(f->supervisor.parts.guard, MB_SLICE("a"));
}

static void one_after_the_other_takes_what_was_checked(void **state)
{
    struct fixture *f = *state;
    int i;

    mb_guard_bench(f->supervisor.parts.guard, slot_of(f), MB_GUARD_BENCH_STRIKES);
    ask(f, 1, 42);
    expect_silence(f); /* it is looked at */
    judge(&f->supervisor, MB__RELOAD_LOADED);
    for (i = 0; i < CREW; i++) {
        assert_int_equal(last(f).outcome, MB__RELOAD_NONE);
        assert_int_equal(f->supervisor.config->backlog_ms, i == 0 ? 50 : 77);
        assert_int_equal(next_letter(f, i), MB__LETTER_TAKE);
        assert_int_equal(f->letter.head.number, 2);
        assert_int_equal(f->letter.head.pieces,
                         1 << MB__PIECE_CONFIG | 1 << MB__PIECE_KEYS | 1 << MB__PIECE_BUNDLE);
        expect_silence(f);
        answer(f, (uint32_t)i, MB__RELOAD_LOADED);
    }
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 42);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_LOADED);
    assert_int_equal(f->letter.head.pieces, 1 << MB__PIECE_REPORT);
    expect_silence(f);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
    assert_string_equal(last(f).restart, "listen");
    assert_int_equal(atomic_load(&f->supervisor.shared->generation), 2);
    assert_int_equal(atomic_load(&f->supervisor.shared->seats[2].scripts), 0xb1);
    assert_int_equal(mb_guard_benched(f->supervisor.parts.guard, slot_of(f)), MB_GUARD_NOT_BENCHED);
}

static void nobody_hears_of_a_refusal_but_who_asked(void **state)
{
    struct fixture *f = *state;

    mb_guard_bench(f->supervisor.parts.guard, slot_of(f), MB_GUARD_BENCH_STRIKES);
    ask(f, 2, 1);
    judge(&f->supervisor, MB__RELOAD_REFUSED);
    assert_int_equal(next_letter(f, 2), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_REFUSED);
    expect_silence(f);
    assert_string_equal(last(f).error, "line 5");
    assert_string_equal(last(f).restart, ""); /* nobody has read the config to its end */
    assert_int_equal(atomic_load(&f->supervisor.shared->generation), 1);
    assert_int_equal(mb_guard_benched(f->supervisor.parts.guard, slot_of(f)), MB_GUARD_BENCH_STRIKES);
}

/* The checker has passed it, and still: nothing changes, and what the check said is no answer. */
static void a_first_worker_that_refuses_ends_it(void **state)
{
    struct fixture *f = *state;

    ask(f, 1, 9);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 0), MB__LETTER_TAKE);
    answer(f, 0, MB__RELOAD_REFUSED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_REFUSED);
    assert_int_equal(f->letter.head.pieces, 0);
    expect_silence(f);
    assert_int_equal(f->supervisor.generations.number, 1);
    assert_int_equal(f->supervisor.config->backlog_ms, 50);
}

static void who_asks_meanwhile_is_answered_by_the_next_one(void **state)
{
    struct fixture *f = *state;

    ask(f, 1, 1);
    ask(f, 1, 2);
    ask(f, 1, 3);
    judge(&f->supervisor, MB__RELOAD_UNCHANGED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 1);
    expect_silence(f);
    judge(&f->supervisor, MB__RELOAD_UNCHANGED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 3);
    expect_silence(f);
    assert_false(is_checked(f));
}

static void end_of(struct fixture *f, uint32_t seat)
{
    f->crew[seat].pid = 0;
    atomic_store(&f->supervisor.shared->seats[seat].state, MB__SEAT_EMPTY);
    mb__generations_member_gone(&f->supervisor, seat);
}

static void a_death_of_the_first_is_a_refusal(void **state)
{
    struct fixture *f = *state;

    ask(f, 1, 1);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 0), MB__LETTER_TAKE);
    end_of(f, 0);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_REFUSED);
    expect_silence(f);
    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE); /* the next that serves is the first */
}

static void a_death_while_it_is_checked_stops_nothing(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    end_of(f, 0);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
}

static void a_death_behind_the_first_stops_nothing(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 0), MB__LETTER_TAKE);
    answer(f, 0, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
    end_of(f, 1);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
}

/* It could not take what another one took: its successor will, from the start. */
static void a_follower_that_refuses_is_replaced(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 0), MB__LETTER_TAKE);
    answer(f, 0, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
    answer(f, 1, MB__RELOAD_REFUSED);
    assert_int_equal(next_letter(f, 1), MB__LETTER_DRAIN);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
}

static void who_started_with_an_old_one_takes_the_new_one(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 0), MB__LETTER_TAKE);
    atomic_store(&f->supervisor.shared->seats[1].state, MB__SEAT_STARTING);
    answer(f, 0, MB__RELOAD_LOADED);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED);
    be_ready(f, 1, 1);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
    be_ready(f, 1, 2);
    assert_int_equal(next_letter(f, 1), NO_LETTER);
}

static void where_nobody_serves_the_next_one_starts_with_it(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    for (i = 0; i < CREW; i++) {
        end_of(f, i);
    }
    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    expect_silence(f);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
    assert_int_equal(f->supervisor.generations.number, 2);
    assert_true(f->supervisor.generations.parcel.fds[MB__PIECE_BUNDLE] >= 0);
}

static void who_hangs_with_it_is_killed(void **state)
{
    struct fixture *f = *state;
    uint64_t now_ms = mb__shared_clock_ms();
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    f->crew[0].pid = child;
    (void)mb__generations_tend(&f->supervisor, now_ms + 3600000); /* nothing runs */
    mb__generations_ask(&f->supervisor);
    judge(&f->supervisor, MB__RELOAD_LOADED);
    (void)mb__generations_tend(&f->supervisor, now_ms + 29000);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    (void)mb__generations_tend(&f->supervisor, now_ms + 3600000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    end_of(f, 0);
    assert_int_equal(last(f).outcome, MB__RELOAD_REFUSED);
}

static void the_first_one_of_all_starts_the_crew_or_ends_the_start(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    int i;

    for (i = 0; i < 2; i++) {
        f->supervisor.generations.number = 0;
        f->supervisor.serving = false;
        f->supervisor.err = &err;
        assert_int_equal(mb__generations_start(&f->supervisor, &err), 0);
        judge(&f->supervisor, i == 0 ? MB__RELOAD_LOADED : MB__RELOAD_REFUSED);
        assert_int_equal(f->supervisor.stopping, i == 1);
    }
    assert_true(f->crew[0].due_ms > 0);
    assert_int_equal(f->supervisor.rc, MB_ESCRIPT);
    assert_string_equal(err.what, "line 5");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_after_the_other_takes_what_was_checked),
        CASE(nobody_hears_of_a_refusal_but_who_asked),
        CASE(a_first_worker_that_refuses_ends_it),
        CASE(who_asks_meanwhile_is_answered_by_the_next_one),
        CASE(a_death_of_the_first_is_a_refusal),
        CASE(a_death_while_it_is_checked_stops_nothing),
        CASE(a_death_behind_the_first_stops_nothing),
        CASE(a_follower_that_refuses_is_replaced),
        CASE(who_started_with_an_old_one_takes_the_new_one),
        CASE(where_nobody_serves_the_next_one_starts_with_it),
        CASE(who_hangs_with_it_is_killed),
        CASE(the_first_one_of_all_starts_the_crew_or_ends_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
