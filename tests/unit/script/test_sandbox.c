/* test_sandbox.c - what scripts cannot reach, and that what they can reach repeats itself. */
#include "fixture.h"

/* Each expression must be nil or raise, never give a thing. */
static void known_escapes_give_nothing(void **state)
{
    (void)state;
    static const char *const expressions[] = {
        "io",
        "debug",
        "ffi",
        "jit",
        "package",
        "load",
        "loadstring",
        "dofile",
        "loadfile",
        "setfenv",
        "getfenv",
        "newproxy",
        "module",
        "gcinfo",
        "print",
        "string.dump",
        "os.execute",
        "os.getenv",
        "os.exit",
        "os.remove",
        "os.rename",
        "os.tmpname",
        "os.setlocale",
        "os.clock",
        "math.randomseed",
        "require 'ffi'",
        "require 'jit.opt'",
        "require 'io'",
        "require '../x'",
        "require '/etc/passwd'",
        "require 'string.buffer'",
        "require 'table.new'",
        "collectgarbage()",
        "collectgarbage('step')",
        "collectgarbage('stop')",
        "getmetatable('') or nil",
        "getmetatable(string) or nil",
        "getmetatable(_G) or nil",
        "getmetatable(req) or nil",
        "getmetatable(req.tokens) or nil",
        "getmetatable(ctx) or nil",
        "getmetatable(nobid 'x') or nil",
        "getmetatable(log) or nil",
        "rawset(string, 'x', 1)",
        "rawset(_G, 'x', 1)",
        "rawset(req, 'x', 1)",
        "rawget(string, 'rep')",
        "table.insert(string, 1)",
        "setmetatable(string, {})",
        "setmetatable(_G, {})",
        "setmetatable('', {})",
        "(function() string.x = 1 end)()",
        "(function() string.rep = 1 end)()",
        "(function() ('').x = 1 end)()",
        "(function() math.x = 1 end)()",
        "(function() _G.x = 1 end)()",
        "(function() x = 1 end)()",
        "(function() log.x = 1 end)()",
        "(function() ctx.x = 1 end)()",
        "string.format('%p', {})",
        "('%5p'):format({})",
        "('%%%p'):format({})",
        "('a\\0%p'):format({})",
        "os.date('%Y')",
        "os.date()",
        "os.time()",
        "os.time { year = -2^31, month = 1, day = 1 }",
        "os.time { year = 2026 }",
        "strategy {}",
        "coroutine.wrap(function() return io end)()",
        "setmetatable({}, { __gc = 1 }).__gc",
        "xpcall(function() return io end, 1) and nil",
        "loadstring('return 1')",
        "string.gsub('x', 'x', io)",
        "package and package.loaded",
        "_G.io",
        "_G._G.debug",
        "pairs(string) == nil or nil",
    };
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "local ok, value = pcall(function() return %s end) if ok and value then "
                 "return { price = 1, data = 'reached' } end return nobid 'nothing'",
                 expressions[i]);
        load_body(body);
        bid("a");
        if (result.outcome != MB_NOBID_SCRIPT)
            fail_msg("%s: %s %.*s", expressions[i], mb_nobid_name(result.outcome),
                     MB_SLICE_ARG(result.problem));
    }
}

/* A copy that pairs walks is not the shared table. */
static void writing_to_what_pairs_walks_changes_nothing(void **state)
{
    (void)state;
    expect_data("local _, t = pairs(string) if t then t.rep = nil end "
                "for k in pairs(_G) do if k == 'io' then error() end end "
                "return { price = 1, data = ('x'):rep(3) }",
                "xxx");
}

static void bytecode_is_refused(void **state)
{
    (void)state;
    put_file("strategies/a.lua", "\x1bLJ\x02\x02\x00", 6);
    assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
    put_text("strategies/a.lua",
             "local x = require 'lib.b' return strategy { name = 'a', bid = function() end }");
    put_file("lib/b.lua", "\x1bLJ\x02\x02\x00", 6);
    assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
}

static void what_is_offered_works(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"tostring({})", "table"},
        {"tostring(print or type)", "function"},
        {"tostring(req)", "userdata"},
        {"('%s|%d|%q'):format({}, 3, 'x')", "table|3|\"x\""},
        {"tostring(setmetatable({}, { __tostring = function() return 'me' end }))", "me"},
        {"os.date('%Y-%m-%d %H:%M', 0)", "1970-01-01 00:00"},
        {"tostring(os.time { year = 2026, month = 3, day = 2, hour = 9 })", "1772442000"},
        {"tostring(select(2, pcall(error, 'x')))", "x"},
        {"tostring(select(2, xpcall(function(a, b) return a + b end, error, 1, 2)))", "3"},
        {"tostring(select(2, xpcall(function() error('bad', 0) end, function(e) return e .. '!' "
         "end)))",
         "bad!"},
        {"tostring(select('#', xpcall(function() end, error)))", "1"},
        {"tostring(bit.band(6, 3)) .. table.concat({ 1, 2 }, '-')", "21-2"},
        {"tostring(coroutine.wrap(function() coroutine.yield(1) end)())", "1"},
        {"tostring(select(2, coroutine.resume(coroutine.create(function(x) return "
         "pcall(coroutine.yield, x) end), 5)))",
         "5"},
        {"tostring(math.random() == ctx.random())", "false"},
        {"tostring(math.random(5) <= 5 and ctx.random(3, 3) == 3)", "true"},
        {"type(_G) .. type(_G.string)", "userdatauserdata"},
        {"tostring(collectgarbage('count') > 0)", "true"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[512];
        snprintf(body, sizeof(body), "return { price = 1, data = %s }", rows[i][0]);
        expect_data(body, rows[i][1]);
    }
}

static void pairs_visits_string_keys_in_order(void **state)
{
    (void)state;
    expect_data("local t, out = { z = 1, b = 1, ['a b'] = 1, a = 1, [2] = 1, [1] = 1, [''] = 1, zz "
                "= 1 }, {} "
                "for k in pairs(t) do out[#out + 1] = k end return { price = 1, data = "
                "table.concat(out, ',') }",
                "1,2,,a,a b,b,z,zz");
    /* Removing while walking is allowed, as ever. */
    expect_data("local t, n = { a = 1, b = 1, c = 1 }, 0 for k in pairs(t) do t.b, t.c = nil, nil "
                "n = n + 1 end "
                "return { price = 1, data = tostring(n) }",
                "1");
    expect_data(
        "local n = 0 for _ in pairs({}) do n = 1 end for _ in pairs({ 1, 2, 3 }) do n = n + 1 end "
        "return { price = 1, data = tostring(n) }",
        "3");
}

static void globals_are_frozen_after_load(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "counter = 5 function helper() return counter end "
                                 "return strategy { name = 'a', bid = function() if helper() ~= 5 "
                                 "then error('?') end counter = 6 end }");
    load();
    bid("a");
    assert_int_equal(result.outcome, MB_NOBID_SCRIPT_ERROR);
    expect_part(result.problem, "globals are frozen after load: cannot set 'counter'");
}

static void strategies_do_not_see_each_other(void **state)
{
    (void)state;
    put_text("lib/shared.lua", "return { n = 0 }");
    put_text("strategies/a.lua",
             "secret = 1 local s = require 'lib.shared' s.n = 5 string = nil "
             "return strategy { name = 'a', bid = function() return { price = 1 } end }");
    put_text("strategies/b.lua",
             "local s = require 'lib.shared' return strategy { name = 'b', bid = function() "
             "return { price = 1, data = tostring(secret) .. s.n .. type(string) } end }");
    load();
    bid("b");
    expect_slice(result.bids[0].data, "nil0userdata");
}

static void a_module_is_loaded_once_a_file(void **state)
{
    (void)state;
    put_text("lib/deep/one.lua", "return { id = {} }");
    put_text("lib/two.lua", "return require 'lib.deep.one'");
    put_text("strategies/a.lua",
             "local one, two, nothing = require 'lib.deep.one', require 'lib.two', require "
             "'lib.nothing' "
             "return strategy { name = 'a', bid = function() return { price = 1, data = "
             "tostring(one == two) "
             ".. tostring(nothing) .. tostring(require 'lib.two' == one) } end }");
    put_text("lib/nothing.lua", "local x = 1");
    load();
    bid("a");
    expect_slice(result.bids[0].data, "truetruetrue");
}

static void lists_and_maps_answer(void **state)
{
    (void)state;
    put_text("lists/z.txt", "1\r\n 2 \n\nthree\n");
    put_text("lists/m.csv", "a,0.5\nb, 1,2 \nc,\n");
    put_text(
        "strategies/a.lua",
        "local z, m = list 'z.txt', map 'm.csv' return strategy { name = 'a', bid = function() "
        "local ok = pcall(list, 'late.txt') return { price = 1, data = table.concat({ "
        "tostring(z:has('1')), "
        "tostring(z:has(2)), tostring(z:has('three')), tostring(z:has('three\\0x')), "
        "tostring(z:has(nil)), m:get('a'), m:get('b'), "
        "'[' .. m:get('c') .. ']', tostring(m:get('d')), tostring(ok), tostring(pcall(z.has, {}, "
        "1)) }, ' ') } end }");
    load();
    bid("a");
    expect_slice(result.bids[0].data, "true true true false false 0.5 1,2 [] nil false false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_escapes_give_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(writing_to_what_pairs_walks_changes_nothing, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(bytecode_is_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_offered_works, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(pairs_visits_string_keys_in_order, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(globals_are_frozen_after_load, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(strategies_do_not_see_each_other, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_module_is_loaded_once_a_file, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(lists_and_maps_answer, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
