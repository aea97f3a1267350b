/* On a machine whose cores all burn, a small strategy is never taken for one that runs too long:
 * the limit is CPU time of the thread, and a call that waits for a core spends none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/guard.h"
#include "moonbid/limiter.h"
#include "moonbid/script.h"

enum { BURNERS_MIN = 4, BURNERS_MAX = 64, LIMIT_MS = 5, SECONDS_MAX = 8 };

static char dir[] = "/tmp/moonbid-innocent-XXXXXX";
static pid_t burners[BURNERS_MAX];
static int n_burners;

/* One as most are, a few microseconds; one that needs a fifth of its limit, which is in the middle
 * of a call whenever it is made to wait. */
static const char strategy_text[] =
    "local function make(name, times)\n"
    "  return strategy { name = name, bid = function(ctx, req, imp)\n"
    "    local n = 0\n"
    "    for i = 1, times do n = n + i % 7 end\n"
    "    return { price = 1 + n % 3, data = req.id .. imp.id }\n"
    "  end }\n"
    "end\n"
    "return { make('small', 100), make('large', 400000) }";

static void start_burners(void)
{
    volatile unsigned burnt = 0;
    int i;

    for (i = 0; i < BURNERS_MIN || (i < BURNERS_MAX && i < 2 * sysconf(_SC_NPROCESSORS_ONLN));
         i++) {
        burners[i] = fork();
        assert_true(burners[i] >= 0);
        n_burners += burners[i] > 0;
        if (burners[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends us */
            for (;;) {
                burnt++;
            }
        }
    }
}

static int make_scripts(void **state)
{
    char path[64];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/strategies", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/strategies/innocent.lua", dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(strategy_text, file);
    fclose(file);
    start_burners();
    return 0;
}

static int stop_all(void **state)
{
    char command[128];

    (void)state;
    while (n_burners > 0) {
        kill(burners[--n_burners], SIGKILL);
        waitpid(burners[n_burners], NULL, 0);
    }
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct bench {
    struct mb_guard *guard;
    struct mb_script *script;
    struct mb_script_report report;
    struct mb_arena arena;
    int64_t longest_ns; /* wall time of one call */
    long calls, bids;
};

static void open_bench(struct bench *bench)
{
    struct mb_guard_options guard_options = {0};
    struct mb_script_options options = {.dir = dir};

    mb_arena_init(&bench->arena, 64 * 1024);
    assert_int_equal(mb_guard_open(&guard_options, &bench->guard, NULL), 0);
    options.guard = bench->guard;
    assert_int_equal(mb_script_load(&options, &bench->script, &bench->report), 0);
}

static void close_bench(struct bench *bench)
{
    mb_script_free(bench->script);
    mb_script_report_fini(&bench->report);
    mb_guard_close(bench->guard);
    mb_arena_fini(&bench->arena);
}

static void call_once(struct bench *bench, const struct mb_strategy *strategy)
{
    static const struct mb_endpoint endpoint = {.name = {"exo", 3},
                                                .exchange = MB_EXCHANGE_EXOCLICK};
    struct mb_imp imp = {.id = MB_SLICE("imp-1"), .format = MB_FORMAT_PUSH};
    struct mb_request request = {
        .endpoint = &endpoint, .id = MB_SLICE("req-1"), .imps = &imp, .n_imps = 1};
    struct mb_script_call call = {.request = &request,
                                  .now_ms = INT64_C(1772442000123),
                                  .deadline_ms = INT64_C(1772442000200),
                                  .seed = (uint64_t)bench->calls,
                                  .arena = &bench->arena};
    struct mb_script_result result;
    int64_t started_ns = now_ns(), took_ns;

    mb_arena_reset(&bench->arena);
    mb_script_begin(bench->script, &call);
    mb_script_bid(bench->script, strategy, &imp, &result);
    mb_script_end(bench->script);
    took_ns = now_ns() - started_ns;
    bench->longest_ns = took_ns > bench->longest_ns ? took_ns : bench->longest_ns;
    bench->calls++;
    bench->bids += result.outcome == MB_NOBID_BID;
}

static long times_preempted(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

/* Fewer calls where they are slow (sanitizers, a machine that is full already). */
static void expect_none_stopped(const char *name, long calls)
{
    int64_t until_ns = now_ns() + SECONDS_MAX * INT64_C(1000000000);
    struct bench bench = {0};
    const struct mb_strategy *strategy;
    long before = times_preempted();

    mb_script_set_limit_ms(LIMIT_MS);
    open_bench(&bench);
    strategy = mb_script_strategy(bench.script, mb_slice_of(name));
    assert_non_null(strategy);
    assert_int_equal(mb_limiter_start(NULL), 0);
    while (bench.calls < calls && (bench.calls % 100 || now_ns() < until_ns)) {
        call_once(&bench, strategy);
    }
    mb_limiter_stop();
    print_message("%s: %ld calls beside %d burners, the longest %lld us of wall time\n", name,
                  bench.calls, n_burners, (long long)bench.longest_ns / 1000);
    assert_int_equal(mb_script_counts(bench.script, strategy)->timeouts, 0);
    assert_int_equal(bench.bids, bench.calls);
    assert_true(times_preempted() > before + 20);
    close_bench(&bench);
}

static void no_small_call_is_stopped(void **state)
{
    (void)state;
    expect_none_stopped("small", 1000000);
}

static void no_large_call_is_stopped(void **state)
{
    (void)state;
    expect_none_stopped("large", 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_small_call_is_stopped),
                                       cmocka_unit_test(no_large_call_is_stopped)};

    return cmocka_run_group_tests(tests, make_scripts, stop_all);
}
