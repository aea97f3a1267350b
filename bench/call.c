/* call.c - what a call of a script costs beside the script: views, ctx, limits, clocks.
 *
 *   call [ROUNDS]
 *
 * The strategies do next to nothing, so what a call takes is the engine's. Each call is a request
 * of its own, opened and closed, with whatever the collector does about it; every sixteenth is
 * timed, as in a worker. Prints the median CPU time of a call over ROUNDS (default 41); status 1
 * where the empty one takes more than 0.3 us. No request is decoded, no answer written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/script.h"

enum { CALLS = 20000, ROUNDS_MAX = 1001, MOST_NS = 300 };

static const struct body {
    const char *name, *lua;
    bool is_empty;
} bodies[] = {
    {"nothing", "", true},
    {"one field", "local country = req.geo.country", false},
    {"random", "local n = ctx.random()", false},
};

enum { BODIES = sizeof(bodies) / sizeof(bodies[0]) };

static char folder[] = "/tmp/moonbid-call-XXXXXX";

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "call: %s\n", what);
        exit(1);
    }
}

static struct mb_script *load(const struct mb_endpoint *endpoint, struct mb_guard *guard)
{
    struct mb_script_options options = {
        .dir = folder, .endpoints = endpoint, .n_endpoints = 1, .has_geo = true, .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    char path[128];

    must(mkdtemp(folder) != NULL, "no temporary folder");
    snprintf(path, sizeof(path), "%s/strategies", folder);
    must(mkdir(path, 0700) == 0, path);
    snprintf(path, sizeof(path), "%s/strategies/all.lua", folder);
    FILE *file = fopen(path, "w");
    must(file != NULL, path);
    fprintf(file, "return {\n");
    for (size_t i = 0; i < BODIES; i++) {
        fprintf(file, "strategy { name = 's%zu', bid = function(ctx, req, imp) %s end },\n", i,
                bodies[i].lua);
    }
    fprintf(file, "}\n");
    fclose(file);
    must(mb_script_load(&options, &script, &report) == 0,
         report.count ? report.problems[0].text : "the script does not load");
    mb_script_report_fini(&report);
    unlink(path);
    snprintf(path, sizeof(path), "%s/strategies", folder);
    rmdir(path);
    rmdir(folder);
    return script;
}

static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* CPU time of a call in nanoseconds. */
static double round_of(struct mb_script *script, const struct mb_strategy *strategy,
                       const struct mb_request *request, struct mb_arena *arena)
{
    struct mb_script_call call = {
        .request = request, .now_ms = INT64_C(1772442000000), .arena = arena};
    int64_t started_ns = cpu_ns();

    for (int i = 0; i < CALLS; i++) {
        struct mb_script_result result;
        volatile int64_t timed_ns = i % 16 == 0 ? mb_time_boot_ns() : 0;

        call.seed = (uint64_t)i;
        mb_arena_reset(arena);
        mb_script_begin(script, &call);
        mb_script_bid(script, strategy, &request->imps[0], &result);
        mb_script_end(script);
        timed_ns = timed_ns ? mb_time_boot_ns() - timed_ns : 0;
        must(result.outcome == MB_NOBID_NONE, "the script failed");
    }
    return (double)(cpu_ns() - started_ns) / CALLS;
}

static int by_value(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

int main(int argc, char **argv)
{
    static double ns[BODIES][ROUNDS_MAX];
    static struct mb_script_beacon beacon;
    struct mb_endpoint endpoint = {.name = MB_SLICE("exo"), .exchange = MB_EXCHANGE_EXOCLICK};
    struct mb_imp imp = {.id = MB_SLICE("1"), .format = MB_FORMAT_BANNER};
    struct mb_request request = {.endpoint = &endpoint, .imps = &imp, .n_imps = 1};
    int rounds = argc > 1 ? atoi(argv[1]) : 41, status = 0;
    struct mb_guard *guard = NULL;
    struct mb_arena arena;

    must(rounds > 0 && rounds <= ROUNDS_MAX, "so many rounds are not possible");
    must(mb_guard_open(&(struct mb_guard_options){0}, &guard, NULL) == 0, "no guard");
    mb_script_set_beacon(&beacon);
    mb_arena_init(&arena, 65536);
    request.geo.country = MB_SLICE("DE");
    struct mb_script *script = load(&endpoint, guard);
    size_t count;
    const struct mb_strategy *const *strategies = mb_script_strategies(script, &count);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < BODIES; i++) {
            ns[i][round] = round_of(script, strategies[i], &request, &arena);
        }
    }
    for (size_t i = 0; i < BODIES; i++) {
        qsort(ns[i], (size_t)rounds, sizeof(double), by_value);
        double median = ns[i][rounds / 2];
        printf("%-10s %7.0f ns a call", bodies[i].name, median);
        if (bodies[i].is_empty) {
            printf("   at most %d: %s", MOST_NS, median <= MOST_NS ? "yes" : "NO");
            status = median > MOST_NS;
        }
        printf("\n");
    }
    mb_script_free(script);
    mb_arena_fini(&arena);
    mb_guard_close(guard);
    return status;
}
