/* test_waiting.c - what wakes the supervisor, and for how long.
 *
 * The supervisor is real, its children are not: the test holds the workers' ends of the channels.
 */
#include "play.h"

#include <time.h>

enum { CREW = 2, TIMEOUT_MS = 30 };

struct fixture {
    struct mb__supervisor supervisor;
    struct mb__member crew[CREW];
    int ends[CREW]; /* of the workers */
    struct pollfd fds[CREW + MB__OWN_POLLED];
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

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long it slept, of TIMEOUT_MS. */
static int64_t slept_ms(struct fixture *f)
{
    int64_t started_ms = now_ms();

    mb__supervisor_wait(&f->supervisor, f->fds, TIMEOUT_MS);
    return now_ms() - started_ms;
}

static void hang_up(struct fixture *f, uint32_t seat)
{
    close(f->ends[seat]);
    f->ends[seat] = -1;
}

static void say_ready(struct fixture *f, uint32_t seat)
{
    struct mb__letter_head head = {.type = MB__LETTER_READY};

    assert_true(mb__channel_send(f->ends[seat], &head, NULL));
}

/* A worker closes its channel some time before it has ended and SIGCHLD says so. */
static void who_hangs_up_wakes_it_once(void **state)
{
    struct fixture *f = *state;

    hang_up(f, 0);
    mb__supervisor_wait(&f->supervisor, f->fds, TIMEOUT_MS);
    assert_true(slept_ms(f) >= TIMEOUT_MS - 1); /* poll may count from before */
    assert_true(slept_ms(f) >= TIMEOUT_MS - 1);
}

static void last_words_are_heard(void **state)
{
    struct fixture *f = *state;

    say_ready(f, 0);
    hang_up(f, 0);
    mb__supervisor_wait(&f->supervisor, f->fds, TIMEOUT_MS);
    assert_true(f->supervisor.all_served);
}

static void the_others_are_still_heard(void **state)
{
    struct fixture *f = *state;

    hang_up(f, 0);
    mb__supervisor_wait(&f->supervisor, f->fds, TIMEOUT_MS);
    say_ready(f, 1);
    mb__supervisor_wait(&f->supervisor, f->fds, TIMEOUT_MS);
    assert_true(f->supervisor.all_served);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_hangs_up_wakes_it_once),
        CASE(last_words_are_heard),
        CASE(the_others_are_still_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
