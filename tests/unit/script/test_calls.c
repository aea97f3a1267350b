/* test_calls.c - bids, tokens and events through a loaded generation. */
#include "fixture.h"

static const char spec_example[] =
    "local shading = require 'lib.shading'\n"
    "return strategy {\n"
    "  name = 'de_push', enabled = true, model = 'cpc',\n"
    "  target = { exchange = { 'exoclick' }, format = { 'push' }, country = { 'DE', 'AT', 'CH' },\n"
    "    size = { '192x192', '720x480' }, device = { 'phone', 'tablet' }, os = { 'android' }, "
    "language = { 'de' },\n"
    "    zone = list 'zones.txt', hours = { 'mon-fri 08:00-20:00', 'sat,sun 22:00-02:00' },\n"
    "    exclude = { domain = list 'bad-domains.txt', zone = { '99' } } },\n"
    "  limits = { max_bid = { cpm = 5.00, cpc = 0.60 }, daily = 250.00, total = 10000.00, hourly = "
    "20.00,\n"
    "    budget = 'acme-q1', max_impressions = 1000000, max_clicks = 5000, per = { key = 'zone', "
    "total = 5.00 },\n"
    "    starts = '2026-03-01T00:00', ends = '2026-06-01T00:00', timezone = 'Europe/Berlin', "
    "pacing = 'even',\n"
    "    reserve = 'expected', frequency = { count = 3, per = '24h', key = { 'user' }, missing = "
    "'bid' }, qps = 500 },\n"
    "  track_clicks = true, priority = 0,\n"
    "  tokens = { src = function(ctx, req, imp, bid) return req.tokens.src_hostname or 'unknown' "
    "end },\n"
    "  bid = function(ctx, req, imp)\n"
    "    if (req.user.keyword or ''):find('casino', 1, true) then return nobid 'keyword' end\n"
    "    return { price = shading.price(ctx, imp), title = 'Guten Tag', description = 'Nur "
    "heute',\n"
    "      icon_url = { ['192x192'] = 'https://cdn.example/i192.png', ['720x480'] = "
    "'https://cdn.example/i720.png' },\n"
    "      click_url = "
    "'https://go.example/c?src={src}&zone={zone_id}&p={price}&cv={click_token}',\n"
    "      data = 'creative-a' }\n"
    "  end,\n"
    "  on_win = function(ctx, event) end, on_notify = function(ctx, event) end }\n";

static void the_example_of_the_contract_bids(void **state)
{
    (void)state;
    put_text("budgets.lua", "return { ['acme-q1'] = { total = 50000 } }");
    put_text("lib/shading.lua", "local M = {} function M.price(ctx, imp) return 0.42 end return M");
    put_text("lists/zones.txt", "778899\n\n 12 \r\n");
    put_text("lists/bad-domains.txt", "Bad.example\n");
    put_text("strategies/de_push.lua", spec_example);
    load();

    const struct mb_strategy *strategy = get("de_push");
    assert_int_equal(strategy->model, MB_MODEL_CPC);
    assert_true(strategy->track_clicks);
    assert_int_equal(strategy->line, 2);
    assert_int_equal(strategy->limits.max_cpc.micros, 600000);
    assert_int_equal(strategy->limits.starts_ms, INT64_C(1772319600000)); /* midnight in Berlin */
    assert_int_equal(strategy->limits.ends_ms, INT64_C(1780264800000));   /* summer time */
    assert_int_equal(strategy->handlers, MB_STRATEGY_ON(MB_EVENT_WIN) | MB_STRATEGY_ON_NOTIFY);
    const struct mb_target *target = &strategy->target;
    expect_slice(mb_rows_find(target->include[MB_TARGET_ZONE]->list, MB_SLICE("12")), "12");
    expect_slice(mb_rows_find_nocase(target->exclude[MB_TARGET_DOMAIN]->list,
                                     MB_SLICE("bad.example")),
                 "Bad.example");
    expect_slice(target->include[MB_TARGET_SIZE]->values.items[1], "720x480");
    assert_null(strategy->target.include[MB_TARGET_CITY]);

    struct mb_slice text;
    begin(1);
    mb_script_bid(script, strategy, &imps[0], &result);
    assert_int_equal(result.outcome, MB_NOBID_BID);
    assert_int_equal(result.n_bids, 1);
    assert_int_equal(result.bids[0].price.micros, 420000);
    assert_int_equal(result.bids[0].model, MB_MODEL_CPC);
    assert_int_equal(result.bids[0].n_icons, 2);
    assert_int_equal(result.bids[0].icons[1].size.width, 720);
    expect_slice(result.bids[0].data, "creative-a");
    assert_true(mb_script_token(script, strategy, &result.bids[0], MB_SLICE("src"), &text));
    expect_slice(text, "unknown");
    assert_false(mb_script_token(script, strategy, &result.bids[0], MB_SLICE("other"), &text));
    mb_script_end(script);

    request.user.keyword = MB_SLICE("best casino");
    bid("de_push");
    assert_int_equal(result.outcome, MB_NOBID_SCRIPT);
    expect_slice(result.own_reason, "keyword");
    assert_int_equal(mb_script_counts(script, strategy)->calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_example_of_the_contract_bids, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
