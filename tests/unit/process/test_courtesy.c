/* test_courtesy.c - what gives way does so as a thread, whatever its process does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor.h"

static int priority_of_this_thread(void)
{
    return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void *give_way(void *times)
{
    for (int i = 0; i < *(const int *)times; i++) {
        mb__give_way();
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thread_gives_way_once_and_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
