/* fixture.h - a scripts folder in a temporary place, a generation loaded from it, and a request to
 * call it with. */
#ifndef MB_TEST_SCRIPT_FIXTURE_H
#define MB_TEST_SCRIPT_FIXTURE_H

#include "moonbid/json.h"
#include "moonbid/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static struct mb_guard *guard;
static struct mb_script *script;
static struct mb_script_report report;
static struct mb_arena arena;
static struct mb_script_result result;

static struct mb_endpoint endpoints[] = {
    {.exchange = MB_EXCHANGE_EXOCLICK, .index = 0},
    {.exchange = MB_EXCHANGE_XANDR, .index = 1},
};
static struct mb_imp imps[2];
static struct mb_request request;

/* Writes DIR/name, making its folder. */
static void put_file(const char *name, const void *bytes, size_t len)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

/* Failures that a test provokes are no news. */
static void drop_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    (void)line;
    (void)len;
}

static int fixture_setup(void **state)
{
    (void)state;
    mb_log_redirect(drop_line, NULL);
    strcpy(folder, "/tmp/moonbid-script-XXXXXX");
    assert_non_null(mkdtemp(folder));
    put_text("strategies/.keep", "");
    put_text("lib/.keep", "");
    put_text("lists/.keep", "");
    endpoints[0].name = MB_SLICE("exo-eu");
    endpoints[1].name = MB_SLICE("xandr-1");
    imps[0] = (struct mb_imp){.id = MB_SLICE("imp-1"), .format = MB_FORMAT_PUSH, .index = 0};
    imps[1] = (struct mb_imp){.id = MB_SLICE("imp-2"), .format = MB_FORMAT_BANNER, .index = 1};
    request = (struct mb_request){.endpoint = &endpoints[0],
                                  .id = MB_SLICE("req-1"),
                                  .imps = imps,
                                  .n_imps = 2,
                                  .regs = {.gdpr = -1, .coppa = -1}};
    mb_arena_init(&arena, 64 * 1024);
    return mb_guard_open(&(struct mb_guard_options){0}, &guard, NULL);
}

static int fixture_teardown(void **state)
{
    (void)state;
    mb_script_free(script);
    script = NULL;
    mb_script_report_fini(&report);
    mb_guard_close(guard);
    mb_arena_fini(&arena);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static int load_with(struct mb_script_options options)
{
    mb_script_free(script);
    script = NULL;
    mb_script_report_fini(&report);
    options.dir = options.dir ? options.dir : folder;
    options.guard = guard;
    return mb_script_load(&options, &script, &report);
}

static void print_report(void)
{
    for (size_t i = 0; i < report.count; i++)
        print_message("%s:%d: %s%s\n", report.problems[i].file, report.problems[i].line,
                      report.problems[i].warning ? "warning: " : "", report.problems[i].text);
}

/* Loads, expecting no error. */
static void load(void)
{
    int rc = load_with(
        (struct mb_script_options){.endpoints = endpoints, .n_endpoints = 2, .has_geo = true});
    if (rc != 0)
        print_report();
    assert_int_equal(rc, 0);
}

/* Loads a strategy `name` whose bid function has this body. */
static __attribute__((unused)) void load_body(const char *body)
{
    char text[8192];
    snprintf(text, sizeof(text),
             "return strategy { name = 'a', bid = function(ctx, req, imp) %s end }", body);
    put_text("strategies/a.lua", text);
    load();
}

static const struct mb_strategy *get(const char *name)
{
    const struct mb_strategy *strategy = mb_script_strategy(script, mb_slice_of(name));
    assert_non_null(strategy);
    return strategy;
}

static __attribute__((unused)) void begin(uint64_t seed)
{
    mb_arena_reset(&arena);
    struct mb_script_call call = {.request = &request,
                                  .now_ms = INT64_C(1772442000123), /* 2026-03-02T09:00:00.123Z */
                                  .deadline_ms = INT64_C(1772442000200),
                                  .seed = seed,
                                  .arena = &arena};
    mb_script_begin(script, &call);
}

/* One bid of strategy `name` on the first impression, in a request of its own. */
static __attribute__((unused)) struct mb_script_result *bid(const char *name)
{
    begin(7);
    mb_script_bid(script, get(name), &imps[0], &result);
    mb_script_end(script);
    return &result;
}

static __attribute__((unused)) void expect_slice(struct mb_slice got, const char *expected)
{
    if (!expected) {
        assert_null(got.data);
        return;
    }
    if (!mb_slice_is(got, expected))
        fail_msg("got '%.*s', expected '%s'", MB_SLICE_ARG(got), expected);
}

/* Whether the text of `part` is in `whole`. */
static __attribute__((unused)) void expect_part(struct mb_slice whole, const char *part)
{
    if (mb_slice_find(whole, mb_slice_of(part)) < 0)
        fail_msg("'%s' is not in '%.*s'", part, MB_SLICE_ARG(whole));
}

/* The bid function's body must return this text as `data` of a bid. */
static __attribute__((unused)) void expect_data(const char *body, const char *expected)
{
    load_body(body);
    bid("a");
    if (result.outcome != MB_NOBID_BID)
        fail_msg("%s: %s (%.*s)", body, mb_nobid_name(result.outcome),
                 MB_SLICE_ARG(result.problem));
    if (!mb_slice_is(result.bids[0].data, expected))
        fail_msg("%s: got '%.*s', expected '%s'", body, MB_SLICE_ARG(result.bids[0].data),
                 expected);
}

#endif /* MB_TEST_SCRIPT_FIXTURE_H */
