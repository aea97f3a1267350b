/* test_turn.c - what gives way does so as a thread, whatever its process does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/base.h"

static int priority_of_this_thread(void)
{
    return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void *give_way(void *times)
{
    for (int i = 0; i < *(const int *)times; i++) {
        mb_turn_give_way();
    }
    *(int *)times = priority_of_this_thread();
    return NULL;
}

/* A helper thread has many jobs in its life: it must not sink with each. */
static void a_thread_gives_way_once_and_alone(void **state)
{
    int usual = priority_of_this_thread(), once = 1, thrice = 3;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, give_way, &once), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, give_way, &thrice), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(once > usual || usual == 19);
    assert_int_equal(thrice, once);
    assert_int_equal(priority_of_this_thread(), usual);
}

static void *be_prompt(void *priority)
{
    mb_turn_prompt();
    *(int *)priority = priority_of_this_thread();
    return NULL;
}

/* Its share is that of all others: it comes sooner, not more often. */
static void who_is_prompt_has_the_usual_priority(void **state)
{
    pthread_t thread;
    int priority = -100;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, be_prompt, &priority), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(priority, priority_of_this_thread());
}

/* nanosleep is what a handler cuts short and no SA_RESTART takes up again. */
static bool is_interrupted(long for_ns)
{
    struct timespec span = {.tv_nsec = for_ns};

    return nanosleep(&span, NULL) != 0 && errno == EINTR;
}

static void *yield(void *unused)
{
    (void)unused;
    assert_false(is_interrupted(20000000));
    mb_turn_yield_often();
    mb_turn_yield_often(); /* once or often is the same */
    assert_true(is_interrupted(900000000));
    assert_true(is_interrupted(900000000));
    mb_turn_yield_no_more();
    assert_false(is_interrupted(20000000));
    mb_turn_yield_no_more();
    mb_turn_yield_often();
    assert_true(is_interrupted(900000000));
    mb_turn_yield_no_more();
    return NULL;
}

static void a_thread_yields_until_it_need_no_more(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, yield, NULL), 0);
    assert_false(is_interrupted(20000000)); /* the other one's matter */
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static int64_t ns_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void stay_on_core(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

struct busy_core {
    int core;
    atomic_bool over;
    int64_t spent_ns;
    long n_switches;
};

static void *never_be_idle(void *user)
{
    struct busy_core *busy = user;

    stay_on_core(busy->core);
    while (!atomic_load(&busy->over)) {
        continue;
    }
    return NULL;
}

static void *work_beside(void *user)
{
    struct busy_core *busy = user;
    int64_t until_ns = ns_of(CLOCK_MONOTONIC) + INT64_C(20000000000);
    struct rusage usage;

    stay_on_core(busy->core);
    mb_turn_give_way();
    mb_turn_yield_often();
    while (busy->spent_ns < 30000000 && ns_of(CLOCK_MONOTONIC) < until_ns) {
        busy->spent_ns = ns_of(CLOCK_THREAD_CPUTIME_ID);
    }
    mb_turn_yield_no_more();
    getrusage(RUSAGE_THREAD, &usage);
    busy->n_switches = usage.ru_nvcsw + usage.ru_nivcsw;
    atomic_store(&busy->over, true);
    return NULL;
}

/* The timer goes on while the thread waits for the core: it must not hand on what it has just got. */
static void who_yields_comes_to_an_end_on_a_busy_core(void **state)
{
    struct busy_core busy = {.core = sched_getcpu()};
    pthread_t threads[3];

    (void)state;
    assert_int_equal(pthread_create(&threads[0], NULL, never_be_idle, &busy), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, never_be_idle, &busy), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, work_beside, &busy), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(busy.spent_ns >= 30000000);
    assert_true(busy.n_switches < 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thread_gives_way_once_and_alone),
                                       cmocka_unit_test(who_is_prompt_has_the_usual_priority),
                                       cmocka_unit_test(a_thread_yields_until_it_need_no_more),
                                       cmocka_unit_test(who_yields_comes_to_an_end_on_a_busy_core)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
