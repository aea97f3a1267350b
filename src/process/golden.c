/* golden.c - requests that every generation must get right before it may bid.
 *
 * A file golden/NAME.json of the scripts folder holds a request with the expectation beside it:
 *
 *     { "endpoint": "exoclick", "query": "zone_id=42", "now": "2026-03-02T09:00:00Z",
 *       "request": { "id": "1", "type": "banner" }, "expect": { "bid": "banner_de" } }
 *
 * `request` is sent as it stands, so ids keep their digits; a string is sent as its text, for what
 * is no JSON; without it the request is a GET. `expect` is "bid", "nobid", "no error" (the default),
 * {"bid": STRATEGY} or {"nobid": REASON}. Whatever it is, a script that fails on the request fails
 * it. Spend counts as untouched, and time stands still at `now`.
 */
#include "internal.h"

#include "moonbid/json.h"

struct golden {
    struct mb_slice file;
    struct mb_slice endpoint, query, now, request;
    bool has_request;
    struct mb_json_value expect;
    struct mb_script_report *report;
};

#define MISSED(golden, ...) mb_script_report_add((golden)->report, false, (golden)->file, 0, __VA_ARGS__)

/* --- reading the file --- */

static bool is_known(struct mb_slice key)
{
    static const char *const keys[] = {"endpoint", "query", "now", "request", "expect"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (mb_slice_is(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static bool read_golden(struct mb_json *doc, struct golden *golden)
{
    struct mb_json_value root = mb_json_root(doc), request, at;

    if (root.type != MB_JSON_OBJECT) {
        MISSED(golden, "expected an object with endpoint, request, expect");
        return false;
    }
    for (at = mb_json_first(root); at.type != MB_JSON_NONE; at = mb_json_next(root, at)) {
        if (!is_known(mb_json_key(at))) {
            MISSED(golden, "%.*s: unknown key", MB_SLICE_ARG(mb_json_key(at)));
            return false;
        }
    }
    request = mb_json_get(root, MB_SLICE("request"));
    golden->endpoint = mb_json_str(mb_json_get(root, MB_SLICE("endpoint")));
    golden->query = mb_json_str(mb_json_get(root, MB_SLICE("query")));
    golden->now = mb_json_str(mb_json_get(root, MB_SLICE("now")));
    golden->expect = mb_json_get(root, MB_SLICE("expect"));
    golden->has_request = request.type != MB_JSON_NONE;
    golden->request =
        request.type == MB_JSON_STRING ? mb_json_str(request) : mb_json_text(request);
    return true;
}

/* --- deciding --- */

static bool decide(struct mb_bidder *bidder, const struct golden *golden,
                   const struct mb_endpoint *endpoint, struct mb_arena *arena,
                   struct mb_bidder_out *out)
{
    struct mb_bidder_in in = {.method = golden->has_request ? MB_BIDDER_POST : MB_BIDDER_GET,
                              .query = golden->query,
                              .body = golden->request,
                              .now_ms = mb_time_now_ms(),
                              .seed = 1};

    if (mb_slice_present(golden->now) && !mb_time_parse_utc(golden->now, &in.now_ms)) {
        MISSED(golden, "now: expected such as \"2026-03-02T09:00:00Z\", got \"%.*s\"",
               MB_SLICE_ARG(golden->now));
        return false;
    }
    in.path = mb_xarena_printf(arena, "%.*s%s", MB_SLICE_ARG(endpoint->path),
                               endpoint->exchange == MB_EXCHANGE_XANDR ? "/bid" : "");
    mb_bidder_handle(bidder, &in, out);
    return true;
}

static struct mb_slice reason_of(const struct mb_decision *decision)
{
    return decision->outcome == MB_NOBID_SCRIPT ? decision->own_reason
                                                : mb_slice_of(mb_nobid_name(decision->outcome));
}

/* --- judging --- */

static bool is_failure(enum mb_nobid outcome)
{
    return outcome == MB_NOBID_SCRIPT_ERROR || outcome == MB_NOBID_SCRIPT_TIMEOUT ||
           outcome == MB_NOBID_SCRIPT_MEMORY || outcome == MB_NOBID_INVALID_BID;
}

/* The failures of scripts; false where there is one. */
static bool nobody_failed(const struct golden *golden, const struct mb_decision *decisions,
                          size_t count)
{
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        if (is_failure(decisions[i].outcome)) {
            MISSED(golden, "%.*s: %.*s: %.*s", MB_SLICE_ARG(decisions[i].strategy->name),
                   MB_SLICE_ARG(reason_of(&decisions[i])), MB_SLICE_ARG(decisions[i].problem));
            good = false;
        }
    }
    return good;
}

static bool has_bid(const struct mb_decision *decisions, size_t count, struct mb_slice strategy)
{
    for (size_t i = 0; i < count; i++) {
        if (decisions[i].outcome == MB_NOBID_BID &&
            (!strategy.data || mb_slice_eq(decisions[i].strategy->name, strategy))) {
            return true;
        }
    }
    return false;
}

static bool has_reason(const struct mb_bidder_out *out, const struct mb_decision *decisions,
                       size_t count, struct mb_slice reason)
{
    for (size_t i = 0; i < count; i++) {
        if (mb_slice_eq(reason_of(&decisions[i]), reason)) {
            return true;
        }
    }
    return mb_slice_eq(mb_slice_of(mb_nobid_name(out->outcome)), reason);
}

/* "bid by a, target (b), keyword (c)": what came instead. */
static struct mb_slice describe(struct mb_arena *arena, const struct mb_decision *decisions,
                                size_t count)
{
    struct mb_slice text = MB_SLICE("");

    for (size_t i = 0; i < count && i < 8; i++) {
        text = mb_xarena_printf(arena, "%.*s%s%.*s: %.*s", MB_SLICE_ARG(text), i ? ", " : "",
                                MB_SLICE_ARG(decisions[i].strategy->name),
                                MB_SLICE_ARG(decisions[i].outcome == MB_NOBID_BID
                                                 ? MB_SLICE("bid")
                                                 : reason_of(&decisions[i])));
    }
    return text.len > 0 ? text : MB_SLICE("no strategy");
}

static void judge(const struct golden *golden, const struct mb_bidder *bidder,
                  const struct mb_bidder_out *out, struct mb_arena *arena)
{
    struct mb_slice word = mb_json_str(golden->expect);
    struct mb_slice strategy = mb_json_str(mb_json_get(golden->expect, MB_SLICE("bid")));
    struct mb_slice reason = mb_json_str(mb_json_get(golden->expect, MB_SLICE("nobid")));
    size_t count;
    const struct mb_decision *decisions = mb_bidder_decisions(bidder, &count);
    bool bid = has_bid(decisions, count, strategy), met;

    if (out->status >= 400) {
        MISSED(golden, "answered %d %.*s", out->status, MB_SLICE_ARG(out->body));
        return;
    }
    if (!nobody_failed(golden, decisions, count)) {
        return;
    }
    if (golden->expect.type == MB_JSON_NONE || mb_slice_is(word, "no error")) {
        met = true;
    } else if (strategy.data || mb_slice_is(word, "bid")) {
        met = bid;
    } else if (reason.data) {
        met = !bid && has_reason(out, decisions, count, reason);
    } else if (mb_slice_is(word, "nobid")) {
        met = !bid;
    } else {
        MISSED(golden, "expect: expected \"bid\", \"nobid\", \"no error\", {\"bid\": STRATEGY} or "
                       "{\"nobid\": REASON}");
        return;
    }
    if (!met) {
        MISSED(golden, "expected %.*s, got %.*s", MB_SLICE_ARG(mb_json_text(golden->expect)),
               MB_SLICE_ARG(describe(arena, decisions, count)));
    }
}

static void try_one(struct mb_bidder *bidder, const struct mb_config *config,
                    struct golden *golden, struct mb_slice text, struct mb_arena *arena)
{
    const struct mb_endpoint *endpoint;
    struct mb_bidder_out out;
    struct mb_json doc;
    struct mb_error err;

    if (mb_json_parse(&doc, arena, text, &err)) {
        MISSED(golden, "not JSON at byte %ld: %s", err.at, err.what);
        return;
    }
    if (!read_golden(&doc, golden)) {
        return;
    }
    endpoint = mb_config_endpoint(config, golden->endpoint);
    if (!endpoint) {
        MISSED(golden, "endpoint: the config has none named '%.*s'",
               MB_SLICE_ARG(golden->endpoint));
        return;
    }
    if (decide(bidder, golden, endpoint, arena, &out)) {
        judge(golden, bidder, &out, arena);
    }
}

/* --- the whole generation --- */

static int try_all(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                   struct mb_script *script, mb__on_file *on_file, void *user,
                   struct mb_script_report *report)
{
    struct mb_bidder_options options = {.config = parts->config,
                                        .guard = parts->guard,
                                        .keys = parts->keys,
                                        .geo = parts->geo};
    struct mb_bidder *bidder;
    struct mb_arena arena;
    struct mb_error err;

    if (mb_bidder_new(&options, &bidder, &err)) {
        mb_script_report_add(report, false, MB_SLICE(""), 0, "%s", err.what);
        return MB_ESCRIPT;
    }
    (void)mb_bidder_take_script(bidder, script);
    mb_bidder_set_trace(bidder, true);
    mb_arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < mb_bundle_count(bundle); i++) {
        struct golden golden = {.file = mb_bundle_path(bundle, i), .report = report};

        if (mb_slice_starts(golden.file, MB_SLICE("golden/")) &&
            mb_slice_ends(golden.file, MB_SLICE(".json"))) {
            if (on_file) {
                on_file(user, golden.file);
            }
            try_one(bidder, parts->config, &golden, mb_bundle_bytes(bundle, i), &arena);
            mb_arena_reset(&arena);
        }
    }
    mb_arena_fini(&arena);
    (void)mb_bidder_take_script(bidder, NULL);
    mb_bidder_free(bidder);
    return report->errors > 0 ? MB_ESCRIPT : 0;
}

int mb__golden_try(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                   mb__on_file *on_file, void *user, struct mb_script_report *report,
                   size_t *n_strategies)
{
    struct mb_script *script = NULL;
    int rc = mb__load_bundle(parts, bundle, on_file, user, &script, report);

    *n_strategies = 0;
    if (!rc) {
        (void)mb_script_strategies(script, n_strategies);
        rc = try_all(parts, bundle, script, on_file, user, report);
    }
    mb_script_free(script);
    return rc;
}
