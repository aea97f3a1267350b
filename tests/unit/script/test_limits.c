/* test_limits.c - what stops a script: CPU time, memory, C stack, errors. After each breach an
 * innocent call answers as ever. */
#include "fixture.h"

#include "cpu_ticker.h"
#include "internal.h"

static const char innocent[] = "return strategy { name = 'innocent', bid = function() return { "
                               "price = 1, data = 'fine' } end }";

static void expect_innocent(void)
{
    bid("innocent");
    assert_int_equal(result.outcome, MB_NOBID_BID);
    expect_slice(result.bids[0].data, "fine");
}

/* A call that is stopped ends some 12 ms later; a loaded machine and the sanitizers take their share
 * of CPU time too. This only tells a call that was stopped from one that nothing stops. */
#define ENDS_NS UINT64_C(2000000000)

/* Calls the body and expects the outcome, several times over; an innocent call after each. */
static void expect_outcome(const char *body, enum mb_nobid outcome, int times)
{
    put_text("strategies/innocent.lua", innocent);
    load_body(body);
    for (int i = 0; i < times; i++) {
        uint64_t start_ns = cpu_ticker_now_ns();
        bid("a");
        uint64_t took_ns = cpu_ticker_now_ns() - start_ns;
        if (result.outcome != outcome)
            fail_msg("%s: got %s (%.*s)", body, mb_nobid_name(result.outcome),
                     MB_SLICE_ARG(result.problem));
        if (outcome != MB_NOBID_SCRIPT_MEMORY && took_ns > ENDS_NS)
            fail_msg("%s: ended only after %llu us", body, (unsigned long long)took_ns / 1000);
        expect_innocent();
    }
}

static void endless_loops_are_stopped(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "repeat local ok = pcall(error, 'x') until false",
        "xpcall(function() error('x') end, function() while true do end end) while true do end",
        "xpcall(function() while true do end end, function() while true do end end)",
        "local co = coroutine.create(function() while true do end end) coroutine.resume(co) while "
        "true do end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true "
        "do co() end",
        "return setmetatable({}, { __index = function() while true do end end }).x",
        "local t = setmetatable({}, { __lt = function() while true do end end }) return t < "
        "setmetatable({}, getmetatable(t))",
        "return tostring(setmetatable({}, { __tostring = function() while true do end end }))",
        "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end "
        "end)",
        "return ('x'):gsub('x', function() while true do end end)",
        "while true do ('x'):gsub('x', function() return 'y' end) end",
        "while true do for _ in pairs({ a = 1, b = 2 }) do end end",
        "while true do req.tokens.x = pcall(function() req.x = 1 end) end",
        "local function f() return f() end return f()",
        "goto a ::a:: goto a",
        "while true do log.debug('x') end",
        "while true do ctx.random() end",
    };
    cpu_ticker_start();
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        /* Writing to a view raises, which is an error and no endless loop. */
        bool raises = strstr(bodies[i], "req.tokens.x = ") != NULL;
        expect_outcome(bodies[i], raises ? MB_NOBID_SCRIPT_ERROR : MB_NOBID_SCRIPT_TIMEOUT, 2);
    }
    cpu_ticker_stop();
}

static void a_file_that_never_ends_is_a_load_error(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "while true do end");
    cpu_ticker_start();
    assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
    cpu_ticker_stop();
    expect_part(mb_slice_of(report.problems[0].text), "2 seconds");
}

static void filling_the_memory_is_stopped(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "local t = {} for i = 1, 1e9 do t[i] = { i } end",
        "local s = 'x' while true do s = s .. s end",
        "return ('x'):rep(1e9)",
        "local t = {} for i = 1, 1e5 do t[i] = ('x'):rep(1e4) .. i end return table.concat(t)",
        "return ('%99s'):rep(1e7):format()",
        "local s = ('x'):rep(1e7) local t = {} for i = 1, 1e6 do t[i] = s .. i end",
        "pcall(function() local s = 'x' while true do s = s .. s end end) return { price = 1 }",
        ("local keep = {} local co = coroutine.wrap(function() while true do keep[#keep + 1] = "
         "('x'):rep(1e5) .. #keep end end) co()"),
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        expect_outcome(bodies[i], MB_NOBID_SCRIPT_MEMORY, 2);
        assert_true(mb_script_wants_replacing(script));
    }
}

/* What a script keeps fills the state for good; others still get their headroom. */
static void kept_memory_leaves_room_for_the_innocent(void **state)
{
    (void)state;
    put_text("strategies/innocent.lua", innocent);
    put_text("strategies/a.lua",
             "local keep = {} return strategy { name = 'a', bid = function() "
             "while true do keep[#keep + 1] = ('x'):rep(1000) .. #keep end end }");
    load();
    for (int i = 0; i < 5; i++) {
        bid("a");
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_MEMORY);
        expect_innocent();
    }
    assert_true(mb_script_lua_bytes(script) < (size_t)80 * 1024 * 1024);
}

/* One that wants 3 MB finds the state full: the one that filled it is to blame, each time. */
static void who_fills_the_state_is_to_blame(void **state)
{
    (void)state;
    put_text("strategies/b.lua",
             "local keep = {} return strategy { name = 'b', bid = function() "
             "while true do keep[#keep + 1] = ('x'):rep(1e5) .. #keep end end }");
    load_body("local s = ('x'):rep(3e6) return { price = 1 }");
    bid("a");
    assert_int_equal(result.outcome, MB_NOBID_BID);
    for (int i = 0; i < 3; i++) {
        bid("b");
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_MEMORY);
        assert_false(result.blameless);
        bid("a");
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_MEMORY);
        assert_true(result.blameless);
    }
    load_body("return ('x'):rep(1e9)");
    bid("a");
    assert_int_equal(result.outcome, MB_NOBID_SCRIPT_MEMORY);
    assert_false(result.blameless);
}

static void nesting_too_deep_is_an_error(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "local function f() return coroutine.wrap(f)() end return f()",
        "local function f() coroutine.wrap(f)() end f()",
        "local function f() local co = coroutine.create(f) local ok, e = coroutine.resume(co) if "
        "not ok then error(e, 0) end end f()",
        "local function f() return (('x'):gsub('x', f)) end return f()",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(s) return "
        "tostring(s) end return tostring(t)",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(s) return "
        "('%s'):format(s) end return tostring(t)",
        "local function f() table.sort({ 1, 2 }, function() f() end) end f()",
        "local t t = setmetatable({}, { __lt = function() table.sort({ t, t, t }) end }) "
        "return t < t",
        "local function f() return 1 + f() end return f()",
        "local t = {} t = setmetatable(t, { __index = function(s, k) return s[k .. 'x'] end }) "
        "return t.a",
        "local t = {} t.t = t return { price = 1, ext = t }",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]) - 1; i++)
        expect_outcome(bodies[i], MB_NOBID_SCRIPT_ERROR, 2);
    expect_outcome(bodies[sizeof(bodies) / sizeof(bodies[0]) - 1], MB_NOBID_INVALID_BID, 2);
}

static int log_lines;
static char log_last[MB_LOG_LINE_MAX];

static void count_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    log_lines++;
    snprintf(log_last, sizeof(log_last), "%.*s", (int)len, line);
}

static void an_error_in_every_call_is_logged_once(void **state)
{
    (void)state;
    put_text("strategies/innocent.lua", innocent);
    put_text("strategies/a.lua", "return strategy {\n name = 'a',\n bid = function(ctx, req)\n"
                                 "  error('oh no')\n end }");
    load();
    log_lines = 0;
    mb_log_redirect(count_line, NULL);
    for (int i = 0; i < 1000; i++) {
        bid("a");
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_ERROR);
        expect_slice(result.problem, "strategies/a.lua:4: oh no");
        expect_innocent();
    }
    mb_log_redirect(NULL, NULL);
    assert_int_equal(log_lines, 1);
    expect_part(mb_slice_of(log_last), "traceback");
    expect_part(mb_slice_of(log_last), "strategies/a.lua:4");
    assert_int_equal(mb_script_counts(script, get("a"))->errors, 1000);
}

static void errors_that_are_no_strings_are_errors(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "error()",
        "error({})",
        "error(nil)",
        "error(setmetatable({}, { __tostring = function() error('x') end }))",
        "error(12)",
        "error(coroutine.create(print))",
        "error(('x'):rep(100000))",
        "local x = nil .. 'x'"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        expect_outcome(bodies[i], MB_NOBID_SCRIPT_ERROR, 2);
}

static lua_Alloc true_alloc;
static size_t allocations, fail_at;

/* Fails the n-th growth inside a protected call, and only that. */
static void *failing_alloc(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    if (new_bytes > old_bytes && script->state.limit_bytes > 0 && ++allocations == fail_at)
        return NULL;
    return true_alloc(user, block, old_bytes, new_bytes);
}

/* Every allocation of a call may fail: it is an outcome each time, and the state stays good. */
static void each_failed_allocation_is_an_outcome(void **state)
{
    (void)state;
    put_text("strategies/innocent.lua", innocent);
    load_body("local t = {} for i = 1, 20 do t[i] = { 'x' .. i .. ctx.random() } end "
              "local co = coroutine.wrap(function() coroutine.yield(req.site.domain) end) co() "
              "for k in pairs({ a = 1, b = 2, c = 3 }) do t[k] = pcall(error, k) end "
              "t = ('%s'):format(req):gsub('u', function(c) return c:upper() end) "
              "return { price = 1, title = t, ext = { list = { 1, 2, { a = 'b' } } }, icon_url = { "
              "['1x1'] = 'x' } }");
    true_alloc = script->state.inner;
    script->state.inner = failing_alloc;
    size_t failures = 0;
    for (fail_at = 1; fail_at < 10000; fail_at++) {
        allocations = 0;
        bid("a");
        if (allocations < fail_at)
            break;
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_MEMORY);
        failures++;
        size_t kept = fail_at;
        fail_at = 0;
        expect_innocent();
        fail_at = kept;
    }
    script->state.inner = true_alloc;
    assert_int_equal(result.outcome, MB_NOBID_BID);
    assert_true(failures > 50);
}

/* Garbage of many requests is collected between them. */
static void garbage_does_not_pile_up(void **state)
{
    (void)state;
    load_body("local t = {} for i = 1, 100 do t[i] = { i, 'x' .. ctx.random() } end return { price "
              "= 1 }");
    size_t most = 0;
    for (int i = 0; i < 5000; i++) {
        begin((uint64_t)i);
        mb_script_bid(script, get("a"), &imps[0], &result);
        mb_script_end(script);
        assert_int_equal(result.outcome, MB_NOBID_BID);
        if (mb_script_lua_bytes(script) > most)
            most = mb_script_lua_bytes(script);
    }
    assert_true(most < (size_t)4 * 1024 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(endless_loops_are_stopped, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_never_ends_is_a_load_error, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(filling_the_memory_is_stopped, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(kept_memory_leaves_room_for_the_innocent, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(who_fills_the_state_is_to_blame, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(nesting_too_deep_is_an_error, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_error_in_every_call_is_logged_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(errors_that_are_no_strings_are_errors, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(each_failed_allocation_is_an_outcome, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(garbage_does_not_pile_up, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
