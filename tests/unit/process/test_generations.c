/* test_generations.c - who is told of new scripts, in which order, and who is answered.
 *
 * The supervisor is real, its crew is not: the test holds the workers' ends of the channels and
 * plays them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor.h"

enum { CREW = 3, NO_LETTER = -1 };

struct fixture {
    struct mb__supervisor supervisor;
    struct mb_config config; /* empty: no geo database */
    struct mb__member crew[CREW];
    int ends[CREW]; /* of the workers */
    struct mb__letter letter;
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
    int i;

    mb_log_redirect(be_quiet, NULL);
    f->supervisor.config = &f->config;
    f->supervisor.crew = f->crew;
    f->supervisor.n_crew = CREW;
    f->supervisor.generations.bundle_fd = -1;
    mb__probation_init(&f->supervisor.probation);
    assert_int_equal(mb__shared_map(CREW, &f->supervisor.shared, NULL), 0);
    assert_int_equal(
        mb_guard_open(&(struct mb_guard_options){0}, &f->supervisor.parts.guard, NULL), 0);
    for (i = 0; i < CREW; i++) {
        int fds[2];

        assert_int_equal(mb__channel_open(fds, NULL), 0);
        f->crew[i].channel = fds[0];
        f->crew[i].pid = 1000000000 + i; /* beyond any process */
        f->ends[i] = fds[1];
        atomic_store(&f->supervisor.shared->seats[i].state, MB__SEAT_SERVING);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int i;

    for (i = 0; i < CREW; i++) {
        close(f->crew[i].channel);
        close(f->ends[i]);
    }
    mb__generations_fini(&f->supervisor);
    mb__probation_fini(&f->supervisor.probation);
    mb_guard_close(f->supervisor.parts.guard);
    mb__shared_unmap(f->supervisor.shared);
    free(f);
    mb_log_redirect(NULL, NULL);
    return 0;
}

/* The type of the letter that waits for that worker, which stays in f->letter; or NO_LETTER. */
static int next_letter(struct fixture *f, int seat)
{
    if (mb__channel_receive(f->ends[seat], &f->letter) != 1) {
        return NO_LETTER;
    }
    if (f->letter.fd >= 0) {
        close(f->letter.fd);
    }
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
static void answer(struct fixture *f, uint32_t seat, enum mb__reload_outcome outcome, bool bundle)
{
    struct mb__letter *out = calloc(1, sizeof(*out));

    out->head = (struct mb__letter_head){.type = MB__LETTER_OUTCOME,
                                         .ticket = f->letter.head.ticket,
                                         .outcome = (int)outcome,
                                         .version = "new"};
    strcpy(out->head.error, outcome == MB__RELOAD_REFUSED ? "line 5" : "");
    strcpy(out->text, "{}");
    out->head.text_len = 2;
    out->fd = bundle ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    mb__generations_take(&f->supervisor, seat, out);
    assert_true(out->fd < 0 || !bundle);
    free(out);
}

static void ask(struct fixture *f, uint32_t seat, uint32_t ticket)
{
    struct mb__letter *out = calloc(1, sizeof(*out));

    out->head = (struct mb__letter_head){.type = MB__LETTER_ASK, .ticket = ticket};
    out->fd = -1;
    mb__generations_take(&f->supervisor, seat, out);
    free(out);
}

static struct mb__last_reload last(struct fixture *f)
{
    struct mb__last_reload out;

    mb__shared_get_last(f->supervisor.shared, &out);
    return out;
}

static void one_after_the_other_takes_what_the_first_has_read(void **state)
{
    struct fixture *f = *state;
    int i;

    mb_guard_bench(f->supervisor.parts.guard, 7, MB_GUARD_BENCH_STRIKES);
    ask(f, 1, 42);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    assert_true(f->letter.fd < 0);
    expect_silence(f);
    answer(f, 0, MB__RELOAD_LOADED, true);
    for (i = 1; i < CREW; i++) {
        assert_int_equal(last(f).outcome, MB__RELOAD_NONE);
        assert_int_equal(next_letter(f, i), MB__LETTER_TAKE);
        assert_true(f->letter.fd >= 0);
        expect_silence(f);
        answer(f, (uint32_t)i, MB__RELOAD_LOADED, false);
    }
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 42);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_LOADED);
    assert_string_equal(f->letter.text, "{}");
    expect_silence(f);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
    assert_int_equal(atomic_load(&f->supervisor.shared->generation), 2);
    assert_int_equal(mb_guard_benched(f->supervisor.parts.guard, 7), MB_GUARD_NOT_BENCHED);
}

static void nobody_else_hears_of_a_refusal(void **state)
{
    struct fixture *f = *state;

    mb_guard_bench(f->supervisor.parts.guard, 7, MB_GUARD_BENCH_STRIKES);
    ask(f, 2, 1);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    answer(f, 0, MB__RELOAD_REFUSED, false);
    assert_int_equal(next_letter(f, 2), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_REFUSED);
    expect_silence(f);
    assert_string_equal(last(f).error, "line 5");
    assert_int_equal(atomic_load(&f->supervisor.shared->generation), 1);
    assert_int_equal(mb_guard_benched(f->supervisor.parts.guard, 7), MB_GUARD_BENCH_STRIKES);
}

static void who_asks_meanwhile_is_answered_by_the_next_one(void **state)
{
    struct fixture *f = *state;

    ask(f, 1, 1);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    ask(f, 1, 2);
    ask(f, 1, 3);
    answer(f, 0, MB__RELOAD_UNCHANGED, false);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 1);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    expect_silence(f);
    answer(f, 0, MB__RELOAD_UNCHANGED, false);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.ticket, 3);
    expect_silence(f);
}

static void end_of(struct fixture *f, uint32_t seat)
{
    f->crew[seat].pid = 0;
    atomic_store(&f->supervisor.shared->seats[seat].state, MB__SEAT_EMPTY);
    mb__generations_member_gone(&f->supervisor, seat);
}

static void a_death_while_trying_is_a_refusal(void **state)
{
    struct fixture *f = *state;

    ask(f, 1, 1);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    end_of(f, 0);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOADED);
    assert_int_equal(f->letter.head.outcome, MB__RELOAD_REFUSED);
    expect_silence(f);
    mb__generations_ask(&f->supervisor);
    assert_int_equal(next_letter(f, 1), MB__LETTER_RELOAD); /* the next that serves tries */
}

static void a_death_behind_the_first_stops_nothing(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    answer(f, 0, MB__RELOAD_LOADED, true);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
    end_of(f, 1);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED, false);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
}

/* It could not take what another one took: its successor will, from the start. */
static void a_follower_that_refuses_is_replaced(void **state)
{
    struct fixture *f = *state;

    mb__generations_ask(&f->supervisor);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    answer(f, 0, MB__RELOAD_LOADED, true);
    assert_int_equal(next_letter(f, 1), MB__LETTER_TAKE);
    answer(f, 1, MB__RELOAD_REFUSED, false);
    assert_int_equal(next_letter(f, 1), MB__LETTER_DRAIN);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED, false);
    assert_int_equal(last(f).outcome, MB__RELOAD_LOADED);
}

static void who_started_with_old_scripts_takes_the_new_ones(void **state)
{
    static const char *const versions[] = {"old", "new"};
    struct fixture *f = *state;
    struct mb__letter *ready = calloc(1, sizeof(*ready));
    int i;

    mb__generations_ask(&f->supervisor);
    assert_int_equal(next_letter(f, 0), MB__LETTER_RELOAD);
    atomic_store(&f->supervisor.shared->seats[1].state, MB__SEAT_STARTING);
    answer(f, 0, MB__RELOAD_LOADED, true);
    assert_int_equal(next_letter(f, 2), MB__LETTER_TAKE);
    answer(f, 2, MB__RELOAD_LOADED, false);
    for (i = 0; i < 2; i++) {
        ready->head = (struct mb__letter_head){.type = MB__LETTER_READY};
        ready->fd = -1;
        strcpy(ready->head.version, versions[i]);
        mb__generations_take(&f->supervisor, 1, ready);
        assert_int_equal(next_letter(f, 1), i == 0 ? (int)MB__LETTER_TAKE : NO_LETTER);
    }
    free(ready);
}

static void nobody_to_try_waits_for_somebody(void **state)
{
    struct fixture *f = *state;
    struct mb__letter *ready = calloc(1, sizeof(*ready));
    uint32_t i;

    for (i = 0; i < CREW; i++) {
        end_of(f, i);
    }
    mb__generations_ask(&f->supervisor);
    expect_silence(f);
    f->crew[2].pid = 1000000000;
    atomic_store(&f->supervisor.shared->seats[2].state, MB__SEAT_SERVING);
    ready->head = (struct mb__letter_head){.type = MB__LETTER_READY};
    ready->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    mb__generations_take(&f->supervisor, 2, ready);
    assert_int_equal(next_letter(f, 2), MB__LETTER_RELOAD);
    free(ready);
}

static void who_hangs_while_trying_is_killed(void **state)
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
    mb__generations_tend(&f->supervisor, now_ms + 3600000); /* nothing runs */
    mb__generations_ask(&f->supervisor);
    mb__generations_tend(&f->supervisor, now_ms + 29000);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    mb__generations_tend(&f->supervisor, now_ms + 60000);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    end_of(f, 0);
    assert_int_equal(last(f).outcome, MB__RELOAD_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_after_the_other_takes_what_the_first_has_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_else_hears_of_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(who_asks_meanwhile_is_answered_by_the_next_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_death_while_trying_is_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_death_behind_the_first_stops_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_follower_that_refuses_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(who_started_with_old_scripts_takes_the_new_ones, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_to_try_waits_for_somebody, setup, teardown),
        cmocka_unit_test_setup_teardown(who_hangs_while_trying_is_killed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
