/* support.h - a bidder made from Lua text in a temporary folder: guard in memory, one notice key, a geo table, a clock by hand.
 *
 * A test loads strategies, sends requests, follows the URLs of the answer. `out` is the last answer; what is asked of it lives
 * until the next request.
 */
#ifndef MB_TEST_BIDDER_SUPPORT_H
#define MB_TEST_BIDDER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/bidder.h"
#include "moonbid/json_doc.h"

#define UNUSED __attribute__((unused))
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW_MS INT64_C(1772442000000) /* Monday 2026-03-02 09:00:00 UTC */
#define UA_PHONE "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36"

static char folder[64];
static struct mb_config *config;
static struct mb_guard *guard;
static struct mb_notice_keys *keys;
static struct mb_geo *geo;
static struct mb_bidder *bidder;
static UNUSED struct mb_bidder_out out;
static struct mb_bidder_in in; /* what requests have beside method, path, query and body */
static struct mb_doc *answer;  /* of doc() */
static struct mb_buf log_lines, built;
static int64_t clock_ms;       /* what the bidder's clock shows; a look moves it on by clock_step_ms */
static int64_t clock_step_ms;

static void keep_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    mb_xbuf_add(&log_lines, line, len);
}

static int64_t look_at_clock(void *user)
{
    int64_t now_ms = clock_ms;

    (void)user;
    clock_ms += clock_step_ms;
    return now_ms;
}

static UNUSED size_t logged(const char *part)
{
    struct mb_slice rest = mb_buf_slice(&log_lines);
    size_t count = 0;
    long at;

    while ((at = mb_slice_find(rest, mb_slice_of(part))) >= 0) {
        rest = mb_slice(rest.data + at + 1, rest.len - (size_t)at - 1);
        count++;
    }
    return count;
}

/* --- from nothing to a bidder --- */

static void put_text(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

/* Makes the bidder anew with this config (JSON; NULL: the defaults). Strategies are gone then. */
static UNUSED void open_bidder(const char *config_json)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    struct mb_guard_options in_memory = {.counters_max = 1024, .frequency_max = 1024};
    struct mb_bidder_options options = {.clock_ms = look_at_clock};
    struct mb_error err = {0};
    struct mb_doc *doc = NULL;

    mb_bidder_free(bidder);
    mb_guard_close(guard);
    mb_notice_keys_free(keys);
    mb_geo_close(geo);
    mb_config_free(config);
    assert_int_equal(mb_doc_parse(mb_slice_of(config_json ? config_json : "{}"), &doc, &err), 0);
    if (mb_config_from_doc(doc, &config, &err)) {
        fail_msg("%s: %s", err.where, err.what);
    }
    mb_doc_free(doc);
    keys = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add(keys, key), 0);
    assert_int_equal(mb_guard_open(&in_memory, &guard, &err), 0);
    geo = mb_xgeo_table();
    mb_xgeo_put(geo, MB_SLICE("192.0.2.10"), MB_SLICE("DE"));
    options.config = config;
    options.guard = guard;
    options.keys = keys;
    options.geo = geo;
    assert_int_equal(mb_bidder_new(&options, &bidder, &err), 0);
    in = (struct mb_bidder_in){.now_ms = NOW_MS, .seed = 7};
    clock_ms = NOW_MS;
    clock_step_ms = 0;
    mb_buf_clear(&log_lines);
}

static UNUSED int set_up(void **state)
{
    char path[80];

    (void)state;
    mb_log_redirect(keep_line, NULL);
    strcpy(folder, "/tmp/moonbid-bidder-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/strategies", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    open_bidder(NULL);
    return 0;
}

static UNUSED int tear_down(void **state)
{
    char command[128];

    (void)state;
    mb_doc_free(answer);
    answer = NULL;
    mb_bidder_free(bidder);
    mb_guard_close(guard);
    mb_notice_keys_free(keys);
    mb_geo_close(geo);
    mb_config_free(config);
    bidder = NULL;
    guard = NULL;
    keys = NULL;
    geo = NULL;
    config = NULL;
    mb_log_redirect(NULL, NULL);
    mb_buf_fini(&log_lines);
    mb_buf_fini(&built);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

/* Loads one file of strategies in place of what was there. */
static UNUSED void load(const char *lua)
{
    struct mb_script_options options = {.dir = folder,
                                        .endpoints = config->endpoints,
                                        .n_endpoints = config->n_endpoints,
                                        .has_geo = true,
                                        .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;

    put_text("strategies/all.lua", lua);
    if (mb_script_load(&options, &script, &report)) {
        fail_msg("%s:%d: %s\n%s", report.problems[0].file, report.problems[0].line, report.problems[0].text, lua);
    }
    mb_script_report_fini(&report);
    mb_script_free(mb_bidder_take_script(bidder, script));
    mb_guard_unbench_all(guard);
}

/* Loads a strategy `a` with these members beside its name, such as "model = 'cpc', bid = function() ... end". */
static UNUSED void load_members(const char *members)
{
    char *lua = NULL;

    assert_true(asprintf(&lua, "return strategy { name = 'a', %s }", members) > 0);
    load(lua);
    free(lua);
}

/* --- requests --- */

static UNUSED void handle(enum mb_bidder_method method, const char *path, const char *query, struct mb_slice body)
{
    in.method = method;
    in.path = mb_slice_of(path);
    in.query = mb_slice_of(query);
    in.body = body;
    mb_bidder_handle(bidder, &in, &out);
}

static UNUSED void get(const char *path, const char *query)
{
    handle(MB_BIDDER_GET, path, query, MB_SLICE_NONE);
}

static UNUSED void post(const char *path, const char *query, const char *body)
{
    handle(MB_BIDDER_POST, path, query, mb_slice_of(body));
}

#define BANNER \
    "{\"id\":\"r1\",\"ip\":\"192.0.2.10\",\"type\":\"banner\",\"size\":\"300x250\",\"url\":\"https://pub.example/p?x=1\"," \
    "\"user_id\":\"u1\",\"ua\":\"" UA_PHONE "\",\"sub\":17}"
#define PUSH "{\"id\":\"r2\",\"ip\":\"192.0.2.10\",\"type\":\"push_notification\",\"size\":\"192x192\"}"
#define EMAIL "{\"id\":\"r3\",\"ip\":\"192.0.2.10\",\"type\":\"email_click\",\"el\":\"dXNlckBleGFtcGxlLm9yZw==\"}"

/* What a banner needs beside its price. */
#define BANNER_BID "click_url = 'https://go.example/', image_url = 'https://cdn.example/i.png'"

static UNUSED void ask_banner(void)
{
    post("/exoclick/bid", NULL, BANNER);
}

/* --- what came of them --- */

/* The answer's body as a document. */
static UNUSED const struct mb_doc *doc(void)
{
    struct mb_error err = {0};

    mb_doc_free(answer);
    answer = NULL;
    if (mb_doc_parse(out.body, &answer, &err)) {
        fail_msg("status %d, no JSON: '%.*s'", out.status, MB_SLICE_ARG(out.body));
    }
    return answer;
}

/* A text of ExoClick's answer, "" where it has none. */
static UNUSED const char *bid_text(const char *key)
{
    const char *text = mb_doc_text(mb_doc_get(mb_doc_get(doc(), "bid"), key));

    return text ? text : "";
}

static UNUSED void expect_text(const char *got, const char *expected, const char *what)
{
    if (!got || strcmp(got, expected) != 0) {
        fail_msg("%s: got '%s', expected '%s'", what, got ? got : "nothing", expected);
    }
}

static UNUSED void expect_slice(struct mb_slice got, const char *expected, const char *what)
{
    if (expected ? !mb_slice_is(got, expected) : mb_slice_present(got)) {
        fail_msg("%s: got '%.*s', expected '%s'", what, MB_SLICE_ARG(got), expected ? expected : "(absent)");
    }
}

static UNUSED void expect_outcome(enum mb_nobid expected, const char *what)
{
    if (out.outcome != expected) {
        size_t count;
        const struct mb_decision *d = mb_bidder_decisions(bidder, &count);

        fail_msg("%s: got '%s' (%.*s), expected '%s'", what, mb_nobid_name(out.outcome),
                 MB_SLICE_ARG(count > 0 ? d->problem : MB_SLICE_NONE), mb_nobid_name(expected));
    }
}

/* Why strategy `name` did not bid on the last request, or MB_NOBID_BID. */
static UNUSED enum mb_nobid reason_of(const char *name)
{
    size_t count, i;
    const struct mb_decision *d = mb_bidder_decisions(bidder, &count);

    for (i = 0; i < count && !mb_slice_is(d[i].strategy->name, name); i++) {
    }
    assert_true(i < count);
    return d[i].outcome;
}

#endif /* MB_TEST_BIDDER_SUPPORT_H */
