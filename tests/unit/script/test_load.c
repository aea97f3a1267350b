/* test_load.c - strategy files that must not load, and what the report says. */
#include "fixture.h"

static void problems_name_file_line_and_key(void **state)
{
    (void)state;
    /* The members of strategy { name = 'a', bid = ..., <here> }; expected: the problem's begin. */
    static const char *const rows[][2] = {
        {"nmae = 1", "nmae: unknown key"},
        {"[1] = 2", "1: unknown key"},
        {"enabled = 1", "enabled: expected true or false, got a number"},
        {"model = 'cpx'", "model: expected 'cpm', 'cpc' or 'smart_cpc', got cpx"},
        {"priority = 1.5", "priority: expected an integer"},
        {"priority = 'x'", "priority: "},
        {"track_clicks = 'yes'", "track_clicks: "},
        {"on_win = 1", "on_win: expected a function, got a number"},
        {"on_pending = function() end", "on_pending: unknown key"},
        {"tokens = {}", "tokens: "},
        {"tokens = 1", "tokens: "},
        {"tokens = { function() end }", "tokens: "},
        {"tokens = { x = 1 }", "tokens.x: expected a function"},
        {"tokens = { ['a b'] = function() end }", "tokens.a b: "},
        {"target = 1", "target: expected a table"},
        {"target = { zone = {} }", "target.zone: expected a list, got an empty one"},
        {"target = { zone = 'x' }", "target.zone: expected a list, got a string"},
        {"target = { zone = { x = 1 } }", "target.zone: "},
        {"target = { zone = { {} } }", "target.zone: expected strings, got a table"},
        {"target = { country = { 'DEU' } }", "target.country: expected two letters"},
        {"target = { exchange = { 'nobody' } }",
         "target.exchange: expected 'exoclick', 'xandr' or 'openrtb', got 'nobody'"},
        {"target = { endpoint = { 'nowhere' } }",
         "target.endpoint: expected the name of a configured endpoint"},
        {"target = { format = { 'flash' } }",
         "target.format: expected a format such as 'banner' or 'push', got 'flash'"},
        {"target = { format = { 'baner' } }",
         "target.format: expected a format such as 'banner' or 'push', got 'baner'; did you mean "
         "'banner'?"},
        {"target = { exchange = { 'ExoClik' } }",
         "target.exchange: expected 'exoclick', 'xandr' or 'openrtb', got 'ExoClik'; did you mean "
         "'exoclick'?"},
        {"target = { country = { 'GER' } }",
         "target.country: expected two letters such as 'DE', got 'GER'; did you mean 'DE'?"},
        {"target = { country = { 'deu' } }",
         "target.country: expected two letters such as 'DE', got 'deu'; did you mean 'DE'?"},
        {"target = { country = { 'UK' } }",
         "target.country: expected two letters such as 'DE', got 'UK'; did you mean 'GB'?"},
        {"target = { country = { 'QQ' } }",
         "target.country: expected two letters such as 'DE', got 'QQ'"},
        {"target = { size = { '300' } }",
         "target.size: expected a size such as '300x250', got '300'"},
        {"target = { size = { '10by10' } }",
         "target.size: expected a size such as '300x250', got '10by10'; did you mean '10x10'?"},
        {"target = { device = { 'mobile' } }",
         "target.device: expected 'phone', 'tablet', 'desktop', 'tv', 'bot' or 'other', got 'mobile'; "
         "did you mean 'phone'?"},
        {"target = { device = { 'tabelt' } }",
         "target.device: expected 'phone', 'tablet', 'desktop', 'tv', 'bot' or 'other', got 'tabelt'; "
         "did you mean 'tablet'?"},
        {"target = { exclude = { format = { 'nativ' } } }",
         "target.exclude.format: expected a format such as 'banner' or 'push', got 'nativ'; did "
         "you mean 'native'?"},
        {"target = { country = list 'countries.txt' }",
         "target.country: line 3 of 'countries.txt': expected two letters such as 'DE', got "
         "'GER'; did you mean 'DE'?"},
        {"target = { hours = { 'mun 08:00-20:00' } }",
         "target.hours: expected a list of texts such as 'mon-fri 08:00-20:00' (quarters of an "
         "hour), got 'mun 08:00-20:00'; did you mean 'mon'?"},
        {"target = { hours = { 'mon-Firday' } }",
         "target.hours: expected a list of texts such as 'mon-fri 08:00-20:00' (quarters of an "
         "hour), got 'mon-Firday'; did you mean 'fri'?"},
        {"target = { hours = { 'mon 8-9' } }", "target.hours: "},
        {"target = { hours = {} }", "target.hours: "},
        {"target = { zones = { 1 } }", "target.zones: unknown key; did you mean 'zone'?"},
        {"target = { countyr = { 'DE' } }",
         "target.countyr: unknown key; did you mean 'country'?"},
        {"target = { hour = { 'mon' } }", "target.hour: unknown key; did you mean 'hours'?"},
        {"target = { colour = { 'red' } }", "target.colour: unknown key"},
        {"target = { exclude = { zone = {} } }", "target.exclude.zone: "},
        {"target = { exclude = { exclude = {} } }", "target.exclude.exclude: unknown key"},
        {"target = { exclude = 1 }", "target.exclude: "},
        {"target = { zone = list 'empty.txt' }", "target.zone: the list 'empty.txt' is empty"},
        {"limits = 1", "limits: expected a table"},
        {"limits = { dayly = 1 }", "limits.dayly: unknown key"},
        {"limits = { daily = '1' }", "limits.daily: expected an amount above 0, got a string"},
        {"limits = { daily = 0 }", "limits.daily: "},
        {"limits = { total = -1 }", "limits.total: "},
        {"limits = { hourly = 1/0 }", "limits.hourly: "},
        {"limits = { max_bid = {} }", "limits.max_bid: "},
        {"limits = { max_bid = 'x' }", "limits.max_bid: "},
        {"limits = { max_bid = { cpx = 1 } }", "limits.max_bid.cpx: unknown key"},
        {"limits = { max_bid = { cpm = 0 } }", "limits.max_bid.cpm: "},
        {"limits = { budget = 1 }", "limits.budget: "},
        {"limits = { max_impressions = 0.5 }", "limits.max_impressions: "},
        {"limits = { max_clicks = -1 }", "limits.max_clicks: "},
        {"limits = { per = { key = 'zone' } }", "limits.per.total: "},
        {"limits = { per = { key = 'moon', total = 1 } }", "limits.per.key: "},
        {"limits = { starts = 'soon' }", "limits.starts: expected a date"},
        {"limits = { starts = '2026-02-30' }", "limits.starts: "},
        {"limits = { starts = '2026-03-02', ends = '2026-03-01' }", "limits.ends: "},
        {"limits = { timezone = 'Mars/Base' }", "limits.timezone: "},
        {"limits = { timezone = '../x' }", "limits.timezone: "},
        {"limits = { pacing = 'fast' }", "limits.pacing: expected 'asap' or 'even', got 'fast'"},
        {"limits = { reserve = 'some' }", "limits.reserve: "},
        {"limits = { qps = 0 }", "limits.qps: "},
        {"limits = { expect_rate = 2 }", "limits.expect_rate: "},
        {"limits = { frequency = { count = 3, per = 'day', key = { 'user' } } }",
         "limits.frequency.per: "},
        {"limits = { frequency = { count = 3, per = '24h' } }", "limits.frequency.key: "},
        {"limits = { frequency = { count = 3, per = '24h', key = { 'moon' } } }",
         "limits.frequency.key: "},
        {"limits = { frequency = { per = '24h', key = { 'user' } } }", "limits.frequency.count: "},
        {"limits = { frequency = { count = 3, per = '24h', key = { 'user' }, missing = 'x' } }",
         "limits.frequency.missing: "},
        {"limits = { frequency = { count = 3, per = '24h', key = { 'user' }, every = 1 } }",
         "limits.frequency.every: unknown key"},
    };
    put_text("lists/empty.txt", "\n");
    put_text("lists/countries.txt", "DE\nat\nGER\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        snprintf(
            text, sizeof(text),
            "local x = 1\n\nreturn strategy {\n  name = 'a',\n  bid = function() end,\n  %s\n}\n",
            rows[i][0]);
        put_text("strategies/a.lua", text);
        int rc = load_with(
            (struct mb_script_options){.endpoints = endpoints, .n_endpoints = 2, .has_geo = true});
        if (rc != MB_ESCRIPT || report.errors == 0)
            fail_msg("%s: loaded (%d)", rows[i][0], rc);
        assert_null(script);
        bool found = false;
        for (size_t p = 0; p < report.count; p++)
            found |= !report.problems[p].warning && report.problems[p].line == 3 &&
                     strcmp(report.problems[p].file, "strategies/a.lua") == 0 &&
                     strncmp(report.problems[p].text, rows[i][1], strlen(rows[i][1])) == 0;
        if (!found) {
            print_report();
            fail_msg("%s: expected '%s'", rows[i][0], rows[i][1]);
        }
    }
}

static void a_file_that_is_no_strategy_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *expected;
    } rows[] = {
        {"return strategy {\n name = 'a',\n bid = function( end }", 3, "near 'end'"},
        {"\n\nerror('boom')", 3, "boom"},
        {"local x = nil\nreturn x.y", 2, "index"},
        {"", 0, "return: expected strategy"},
        {"return 5", 0, "return: "},
        {"return {}", 0, "return: "},
        {"return { 1 }", 0, "return: "},
        {"return strategy 'x'", -1, "table expected"},
        {"return strategy { bid = function() end }", 1, "name: is missing"},
        {"return strategy { name = 'A', bid = function() end }", 1, "name: expected 1 to 64"},
        {"return strategy { name = 5, bid = function() end }", 1, "name: expected a string"},
        {"return strategy { name = 'a' }", 1, "bid: is missing"},
        {"return strategy { name = 'a', bid = 5 }", 1, "bid: expected a function"},
        {"local x = require 'lib.none'", 1, "module 'lib.none' not found: no file lib/none.lua"},
        {"local x = require 'lib.broken'", 2, "boom"},
        {"local x = require 'lib.self'", 1, "requires itself"},
        {"local x = list 'none.txt'", 1, "list 'none.txt': no such file"},
        {"local x = list '../strategies/a.lua'", 1, "no such file"},
        {"math.random()", -1, "chance"},
        {"return { strategy { name = 'a', bid = function() end },\n strategy { name = 'a', bid = "
         "function() end } }",
         2, "name: 'a' is taken by strategies/a.lua:1"},
    };
    put_text("lib/broken.lua", "\nerror('boom')");
    put_text("lib/self.lua", "return require 'lib.self'");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_text("strategies/a.lua", rows[i].text);
        assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
        if (report.errors == 0 || (rows[i].line >= 0 && report.problems[0].line != rows[i].line) ||
            !strstr(report.problems[0].text, rows[i].expected)) {
            print_report();
            fail_msg("%s: expected %d: %s", rows[i].text, rows[i].line, rows[i].expected);
        }
    }
}

static void all_problems_of_all_files_are_told(void **state)
{
    (void)state;
    put_text("strategies/a.lua",
             "return strategy { name = 'a', bid = 1, limits = { daily = 0, qps = 'x' } }");
    put_text("strategies/b.lua", "return strategy {");
    put_text("strategies/c.lua", "return strategy { name = 'c', bid = function() end }");
    assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
    assert_int_equal(report.errors, 4);
}

static void a_missing_folder_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(load_with((struct mb_script_options){.dir = "/nonexistent/scripts"}), MB_EIO);
    assert_null(script);
    assert_int_equal(report.errors, 1);
}

static void caps_are_sets_of_keys(void **state)
{
    (void)state;
    put_text("strategies/a.lua",
             "return strategy { name = 'a', bid = function() end, limits = { per = { key = 'zone', "
             "total = 1 }, frequency = { count = 1, per = '1h', key = { 'user', 'site' } } } }");
    load();
    assert_int_equal(report.count, 0);
    assert_int_equal(get("a")->limits.frequency.keys, 1u << MB_CAP_USER | 1u << MB_CAP_SITE);
    assert_int_equal(get("a")->limits.frequency.per_ms, 3600000);
    assert_int_equal(get("a")->limits.per_key, MB_CAP_ZONE);
}

static void pools_are_those_of_budgets_lua(void **state)
{
    (void)state;
    put_text("budgets.lua", "local day = 24 return { ['acme-q1'] = { total = 10 * day, hourly = 1, "
                            "timezone = 'Europe/Berlin', reserve = 'full' } }");
    put_text("strategies/a.lua",
             "local function s(name, budget) return strategy { name = name, bid = function() end, "
             "limits = { budget = budget } } end "
             "return { s('a', 'acme-q1'), s('b', 'acme-q1'), s('c') }");
    load();
    assert_non_null(get("a")->pool);
    assert_ptr_equal(get("a")->pool, get("b")->pool);
    assert_null(get("c")->pool);
    expect_slice(get("a")->pool->name, "acme-q1");
    assert_int_equal(get("a")->pool->limits.total.nanos, INT64_C(240000000000));
    assert_int_equal(get("a")->pool->limits.reserve, MB_RESERVE_FULL);
    assert_int_not_equal(get("a")->pool->guard_slot, get("a")->guard_slot);
}

static void mistakes_in_budgets_lua_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *problem; /* begins so */
    } rows[] = {
        {"return 1", "return: expected a table of budgets"},
        {"return { ['A'] = { total = 1 } }", "name: expected a-z"},
        {"return { a = 1 }", "a: expected a table"},
        {"return { a = {} }", "a: expected daily, hourly or total"},
        {"return { a = { daily = -1 } }", "a.daily: expected an amount above 0"},
        {"return { a = { total = 1, qps = 5 } }", "a.qps: unknown key"},
        {"return { a = { total = 1, timezone = 'Moon' } }", "a.timezone: expected a time zone"},
        {"return {", "unexpected symbol"},
        {"return { b = { total = 1 } }", "limits.budget: budgets.lua has none named 'a'"},
    };
    put_text("strategies/a.lua",
             "return strategy { name = 'a', bid = function() end, limits = { budget = 'a' } }");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        put_text("budgets.lua", rows[i].file);
        assert_int_equal(load_with((struct mb_script_options){0}), MB_ESCRIPT);
        bool found = false;
        for (size_t k = 0; k < report.count; k++)
            found |=
                strncmp(report.problems[k].text, rows[i].problem, strlen(rows[i].problem)) == 0;
        if (!found) {
            print_report();
            fail_msg("%s: not told: %s", rows[i].file, rows[i].problem);
        }
    }
}

static void a_country_on_exoclick_needs_a_geo_database(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool has_geo;
        bool loads;
    } rows[] = {
        {"country = { 'DE' }, exchange = { 'exoclick' }", false, false},
        {"country = { 'DE' }, exchange = { 'exoclick' }", true, true},
        {"country = { 'DE' }, endpoint = { 'exo-eu' }", false, false},
        {"country = { 'DE' }, exchange = { 'xandr' }", false, true},
        {"country = { 'DE' }", false, true}, /* one of the endpoints sends it */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "return strategy { name = 'a', bid = function() end, target = { %s } }",
                 rows[i].target);
        put_text("strategies/a.lua", text);
        int rc = load_with((struct mb_script_options){
            .endpoints = endpoints, .n_endpoints = 2, .has_geo = rows[i].has_geo});
        if ((rc == 0) != rows[i].loads)
            fail_msg("%s: %d", rows[i].target, rc);
    }
}

static bool has_quarter(const uint8_t *bits, int day, int hour, int minute)
{
    int quarter = day * 96 + hour * 4 + minute / 15;
    return bits[quarter / 8] >> quarter % 8 & 1;
}

static void hours_become_quarters_of_the_week(void **state)
{
    (void)state;
    put_text("strategies/a.lua", "return strategy { name = 'a', bid = function() end, target = { "
                                 "hours = { 'mon-fri 08:00-20:00', 'sun 22:15-02:00' }, exclude = "
                                 "{ hours = { '12:00-13:00', 'sat' } } } }");
    load();
    const struct mb_target *target = &get("a")->target;
    assert_true(target->has_hours && target->has_exclude_hours);
    assert_true(has_quarter(target->hours, 0, 8, 0));
    assert_false(has_quarter(target->hours, 0, 7, 45));
    assert_true(has_quarter(target->hours, 4, 19, 45));
    assert_false(has_quarter(target->hours, 4, 20, 0));
    assert_false(has_quarter(target->hours, 5, 10, 0));
    assert_false(has_quarter(target->hours, 6, 22, 0));
    assert_true(has_quarter(target->hours, 6, 22, 15));
    assert_true(has_quarter(target->hours, 0, 1, 45)); /* Sunday night ends on Monday */
    assert_false(has_quarter(target->hours, 0, 2, 0));
    assert_true(has_quarter(target->exclude_hours, 3, 12, 45));
    assert_true(has_quarter(target->exclude_hours, 5, 0, 0));
    assert_false(has_quarter(target->exclude_hours, 3, 13, 0));
}

static void the_version_follows_the_content(void **state)
{
    (void)state;
    char first[17];
    put_text("lib/m.lua", "return 1");
    put_text("strategies/a.lua",
             "local m = require 'lib.m' return strategy { name = 'a', bid = function() end }");
    load();
    assert_int_equal(mb_script_version(script).len, 16);
    memcpy(first, mb_script_version(script).data, 17);
    load();
    expect_slice(mb_script_version(script), first);
    put_text("lib/m.lua", "return 2");
    load();
    assert_false(mb_slice_is(mb_script_version(script), first));
}

static void only_takes_those_that_are_named(void **state)
{
    (void)state;
    static const struct mb_slice names[] = {{"b", 1}};
    put_text("strategies/a.lua", "return strategy { name = 'a', bid = 5 }");
    put_text("strategies/b.lua", "return { strategy { name = 'b', bid = function() end }, strategy "
                                 "{ name = 'c', bid = function() end } }");
    assert_int_equal(load_with((struct mb_script_options){.only = {names, 1}}), 0);
    size_t count;
    const struct mb_strategy *const *all = mb_script_strategies(script, &count);
    assert_int_equal(count, 1);
    expect_slice(all[0]->name, "b");
    assert_null(mb_script_strategy(script, MB_SLICE("a")));
}

static void a_single_file_loads_with_its_folder(void **state)
{
    (void)state;
    char path[128];
    put_text("lib/m.lua", "return 1");
    put_text("strategies/a.lua",
             "local m = require 'lib.m' return strategy { name = 'a', bid = function() end }");
    put_text("strategies/b.lua", "error('not read')");
    snprintf(path, sizeof(path), "%s/strategies/a.lua", folder);
    assert_int_equal(load_with((struct mb_script_options){.dir = path}), 0);
    expect_slice(get("a")->file, "strategies/a.lua");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(problems_name_file_line_and_key, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_strategy_is_an_error, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(all_problems_of_all_files_are_told, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_an_error, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(caps_are_sets_of_keys, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(pools_are_those_of_budgets_lua, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(mistakes_in_budgets_lua_are_named, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_country_on_exoclick_needs_a_geo_database, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(hours_become_quarters_of_the_week, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(the_version_follows_the_content, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(only_takes_those_that_are_named, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_single_file_loads_with_its_folder, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
