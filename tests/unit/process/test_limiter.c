/* The limiter stops loading files that loop; on each thread its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/guard.h"
#include "moonbid/limiter.h"
#include "moonbid/script.h"

static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int make_scripts(void **state)
{
    static char dir[] = "/tmp/moonbid-limiter-XXXXXX";
    char path[64];
    FILE *file;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/strategies", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/strategies/loop.lua", dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("while true do pcall(function() while true do end end) end", file);
    fclose(file);
    *state = dir;
    return 0;
}

static int remove_scripts(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
    return system(command);
}

/* Loads the folder under a limiter; gives the CPU time that it took. */
static int64_t load(const char *dir, struct mb_guard *guard)
{
    struct mb_script_options options = {.dir = dir, .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script;
    int64_t started = cpu_ns();

    assert_int_equal(mb_limiter_start(NULL), 0);
    assert_int_equal(mb_script_load(&options, &script, &report), MB_ESCRIPT);
    mb_limiter_stop();
    assert_int_equal(report.errors, 1);
    mb_script_report_fini(&report);
    return cpu_ns() - started;
}

static struct mb_guard *open_guard(void)
{
    struct mb_guard_options options = {0};
    struct mb_guard *guard;

    assert_int_equal(mb_guard_open(&options, &guard, NULL), 0);
    return guard;
}

static void a_file_that_loops_is_stopped(void **state)
{
    struct mb_guard *guard = open_guard();

    assert_in_range(load(*state, guard), INT64_C(1000000000), INT64_C(6000000000));
    mb_guard_close(guard);
}

static void *load_on_thread(void *dir)
{
    struct mb_guard *guard = open_guard();
    int64_t *took = malloc(sizeof(*took));

    *took = load(dir, guard);
    mb_guard_close(guard);
    return took;
}

static void every_thread_has_its_own(void **state)
{
    pthread_t threads[2];
    void *took;
    int i;

    for (i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load_on_thread, *state), 0);
    }
    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], &took);
        assert_in_range(*(int64_t *)took, INT64_C(1000000000), INT64_C(6000000000));
        free(took);
    }
}

static void it_may_start_and_stop_at_will(void **state)
{
    (void)state;
    mb_limiter_stop();
    assert_int_equal(mb_limiter_start(NULL), 0);
    assert_int_equal(mb_limiter_start(NULL), 0);
    mb_limiter_stop();
    mb_limiter_stop();
}

/* A system call that fails while a tick comes must still tell why. */
static void ticks_leave_errno_alone(void **state)
{
    int64_t until = cpu_ns() + 50000000;

    (void)state;
    assert_int_equal(mb_limiter_start(NULL), 0);
    errno = EXDEV;
    while (cpu_ns() < until) {
        assert_int_equal(errno, EXDEV);
    }
    mb_limiter_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_loops_is_stopped),
        cmocka_unit_test(every_thread_has_its_own),
        cmocka_unit_test(it_may_start_and_stop_at_will),
        cmocka_unit_test(ticks_leave_errno_alone),
    };

    return cmocka_run_group_tests(tests, make_scripts, remove_scripts);
}
