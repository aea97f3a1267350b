/* test_trace.c - a watched request tells all that led to its answer; one that is not watched
 * records nothing. */
#include "support.h"

#include "moonbid/trace.h"

#define BANNER_OF_1 "bid = function() return { price = 1, " BANNER_BID " } end"

static int64_t tick_ns(void)
{
    static int64_t now_ns;

    return now_ns += 500;
}

/* The step of a strategy of the request that was asked last. */
static const struct mb_trace_step *step_of(const char *name)
{
    const struct mb_trace *trace = mb_bidder_trace(bidder);
    size_t i;

    for (i = 0; i < trace->n_steps; i++) {
        if (mb_slice_is(trace->steps[i].strategy->name, name)) {
            return &trace->steps[i];
        }
    }
    fail_msg("no step of %s", name);
    return NULL;
}

static const struct mb_trace_limit *limit_of(const struct mb_trace_step *step, const char *name)
{
    size_t i;

    for (i = 0; i < step->n_limits; i++) {
        if (strcmp(step->limits[i].name, name) == 0) {
            return &step->limits[i];
        }
    }
    fail_msg("no limit %s", name);
    return NULL;
}

static void watch(const char *lua)
{
    load(lua);
    mb_bidder_set_watch(bidder, true);
    ask_banner();
}

static void every_part_of_a_target_that_fails_is_told(void **state)
{
    const struct mb_trace_step *step;

    (void)state;
    watch(
        "return strategy { name = 'a', target = { format = { 'banner' }, country = { 'FR', 'IT' }, "
        "size = { '728x90' }, hours = { 'mon,tue 10:00-12:00', 'sun 00:00-24:00' }, "
        "exclude = { domain = { 'example' } } }, " BANNER_OF_1 " }");
    step = step_of("a");
    assert_false(step->called);
    assert_int_equal(step->n_misses, 4);
    assert_string_equal(step->misses[0].key, "country");
    assert_false(step->misses[0].excluded);
    assert_int_equal(step->misses[0].set->values.count, 2);
    assert_int_equal(step->misses[0].has.count, 1);
    expect_slice(step->misses[0].has.items[0], "DE", "trace");
    assert_string_equal(step->misses[1].key, "size");
    expect_slice(step->misses[1].has.items[0], "300x250", "trace");
    assert_string_equal(step->misses[2].key, "domain");
    assert_true(step->misses[2].excluded);
    assert_int_equal(step->misses[2].has.count, 2);
    expect_slice(step->misses[2].has.items[0], "pub.example", "trace");
    assert_string_equal(step->misses[3].key, "hours");
    expect_slice(step->misses[3].hours, "mon-tue 10:00-12:00, sun 00:00-24:00", "trace");
    expect_slice(step->misses[3].has.items[0], "mon 09:00", "trace");
}

static void limits_show_what_is_spent_and_which_one_stops(void **state)
{
    const struct mb_trace_limit *limit;
    const struct mb_trace_step *step;
    const struct mb_strategy *strategy;

    (void)state;
    load("return strategy { name = 'a', limits = { daily = 10, hourly = 3, max_clicks = 5, max_bid "
         "= { cpm = 2 }, "
         "ends = '2027-01-01T00:00' }, " BANNER_OF_1 " }");
    strategy = mb_script_strategy(mb_bidder_script(bidder), MB_SLICE("a"));
    mb_guard_add_spend(guard, strategy->guard_slot, (struct mb_amount){3000000000}, NOW_MS);
    mb_bidder_set_watch(bidder, true);
    ask_banner();
    step = step_of("a");
    assert_false(step->called);
    assert_int_equal(step->n_limits, 5);
    limit = limit_of(step, "daily");
    assert_int_equal(limit->limit, 10000000000);
    assert_int_equal(limit->spent, 3000000000);
    assert_int_equal(limit->left, 7000000000);
    assert_false(limit->stops);
    limit = limit_of(step, "hourly");
    assert_int_equal(limit->left, 0);
    assert_true(limit->stops);
    assert_false(limit_of(step, "max_bid.cpm")->stops);
    assert_false(limit_of(step, "max_clicks")->stops);
    assert_false(limit_of(step, "ends")->counted);
}

/* What an earlier bid holds shows; the bid itself is not yet among it. */
static void open_bids_hold_money(void **state)
{
    (void)state;
    watch("return strategy { name = 'a', limits = { daily = 10, reserve = 'full' }, " BANNER_OF_1
          " }");
    assert_int_equal(limit_of(step_of("a"), "daily")->held, 0);
    ask_banner();
    assert_int_equal(limit_of(step_of("a"), "daily")->held, 1000000);
}

static void a_call_leaves_notes_lines_and_traceback(void **state)
{
    const struct mb_trace *trace;
    const struct mb_trace_step *step;

    (void)state;
    watch("return strategy { name = 'a', bid = function(ctx, req)\n ctx.note('k', 7) "
          "log.debug('seen %s', req.id)\n"
          " error('no luck') end }");
    trace = mb_bidder_trace(bidder);
    step = step_of("a");
    assert_true(step->called);
    assert_int_equal(step->notes.count, 1);
    expect_slice(step->notes.items[0].value, "7", "trace");
    assert_int_equal(step->n_lines, 1);
    expect_slice(trace->lines[step->first_line].text, "seen r1", "trace");
    assert_int_equal(trace->lines[step->first_line].level, MB_LOG_DEBUG);
    assert_true(mb_slice_find(step->traceback, MB_SLICE("\n\tstrategies/all.lua:3: in function")) >
                0);
    assert_true(step->lua_bytes > 0);
    assert_int_equal(logged("strategy says"), 0);
}

static void every_call_is_timed(void **state)
{
    struct mb_bidder_options options = {
        .config = config, .guard = guard, .keys = keys, .clock_ns = tick_ns};

    (void)state;
    mb_bidder_free(bidder);
    assert_int_equal(mb_bidder_new(&options, &bidder, NULL), 0);
    watch("return strategy { name = 'a', " BANNER_OF_1 " }");
    assert_int_equal(step_of("a")->cpu_ns, 500);
    ask_banner();
    assert_int_equal(step_of("a")->cpu_ns, 500);
    mb_bidder_set_watch(bidder, false);
    ask_banner();
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->timed, 2);
}

static void the_ranking_says_why_each_bid_lost(void **state)
{
    static const struct {
        const char *members, *loser;
        enum mb_trace_lost lost;
    } rows[] = {
        {"priority = 1, bid = function() return { price = 0.5, " BANNER_BID " } end", "b",
         MB_TRACE_PRIORITY},
        {"bid = function() return { price = 1.5, " BANNER_BID " } end", "b", MB_TRACE_ECPM},
        {"bid = function() return { price = 0.5, " BANNER_BID " } end", "a", MB_TRACE_ECPM},
        {BANNER_OF_1, NULL, MB_TRACE_DRAW},
    };
    size_t i, count;

    (void)state;
    for (i = 0; i < ROWS(rows); i++) {
        const struct mb_trace *trace;
        const struct mb_decision *decisions;
        char *lua = NULL;

        assert_true(
            asprintf(&lua,
                     "return { strategy { name = 'a', %s }, strategy { name = 'b', " BANNER_OF_1
                     " } }",
                     rows[i].members) > 0);
        watch(lua);
        free(lua);
        trace = mb_bidder_trace(bidder);
        decisions = mb_bidder_decisions(bidder, &count);
        assert_int_equal(trace->n_ranks, 2);
        assert_int_equal(trace->ranks[0].lost, MB_TRACE_NOT_LOST);
        assert_int_equal(decisions[trace->ranks[0].decision].outcome, MB_NOBID_BID);
        assert_int_equal(trace->ranks[1].lost, rows[i].lost);
        assert_ptr_equal(trace->ranks[1].to, decisions[trace->ranks[0].decision].bid);
        if (rows[i].loser) {
            expect_slice(decisions[trace->ranks[1].decision].strategy->name, rows[i].loser, "loser");
        }
    }
}

static void a_bid_that_is_refused_at_the_end_says_so(void **state)
{
    (void)state;
    watch(
        "return strategy { name = 'a', limits = { total = 0.0005, reserve = 'full' }, " BANNER_OF_1
        " }");
    assert_int_equal(mb_bidder_trace(bidder)->n_ranks, 1);
    assert_int_equal(mb_bidder_trace(bidder)->ranks[0].lost, MB_TRACE_REFUSED);
    assert_int_equal(out.outcome, MB_NOBID_BUDGET);
}

static void tokens_show_what_they_became(void **state)
{
    const struct mb_trace *trace;

    (void)state;
    watch("return strategy { name = 'a', tokens = { own = function() return 'x y' end, none = "
          "function() end }, "
          "bid = function() return { price = 1, image_url = 'https://cdn.example/{own}{own}.png', "
          "click_url = 'https://go.example/?a={none}&b={domain}&c={foreign}' } end }");
    trace = mb_bidder_trace(bidder);
    assert_int_equal(trace->n_tokens, 3);
    expect_slice(trace->tokens[0].name, "none", "trace");
    assert_false(mb_slice_present(trace->tokens[0].value));
    expect_slice(trace->tokens[1].name, "domain", "trace");
    expect_slice(trace->tokens[1].value, "pub.example", "trace");
    expect_slice(trace->tokens[2].name, "own", "trace");
    expect_slice(trace->tokens[2].value, "x y", "trace");
    assert_int_equal(trace->tokens[2].times, 2);
}

/* Strategies passed over stand before those that were asked, each once, and looking twice changes
 * nothing. */
static void steps_cover_all_strategies(void **state)
{
    const struct mb_trace *trace;
    int look;

    (void)state;
    watch("return { strategy { name = 'a', " BANNER_OF_1
          " }, strategy { name = 'b', target = { country = { 'FR' } }, " BANNER_OF_1
          " }, strategy { name = 'c', bid = function() return nobid 'why' end }, "
          "strategy { name = 'd', enabled = false, " BANNER_OF_1 " } }");
    for (look = 0; look < 2; look++) {
        trace = mb_bidder_trace(bidder);
        assert_int_equal(trace->n_steps, 3);
        expect_slice(trace->steps[0].strategy->name, "b", "trace");
        expect_slice(trace->steps[1].strategy->name, "a", "trace");
        expect_slice(trace->steps[2].strategy->name, "c", "trace");
        assert_int_equal(trace->n_ranks, 1);
    }
}

static void unwatched_requests_and_broken_ones_have_no_trace(void **state)
{
    (void)state;
    load("return strategy { name = 'a', " BANNER_OF_1 " }");
    ask_banner();
    assert_int_equal(mb_bidder_trace(bidder)->n_steps, 0);
    mb_bidder_set_watch(bidder, true);
    ask_banner();
    assert_int_equal(mb_bidder_trace(bidder)->n_steps, 1);
    post("/exoclick/bid", NULL, "{");
    assert_int_equal(mb_bidder_trace(bidder)->n_steps, 0);
    mb_bidder_set_watch(bidder, false);
    ask_banner();
    assert_int_equal(mb_bidder_trace(bidder)->n_steps, 0);
}

struct seen_fields {
    struct mb_buf text;
};

static void see(void *user, const char *name, struct mb_slice text)
{
    struct seen_fields *seen = user;

    mb_xbuf_printf(&seen->text, "%s=%.*s;", name, MB_SLICE_ARG(text));
}

static void a_bids_fields_are_named_as_in_lua(void **state)
{
    const struct mb_decision *decisions;
    struct seen_fields seen = {{0}};
    size_t count;

    (void)state;
    load_members("bid = function() return { price = 1.25, data = 'd', advertiser_domains = { "
                 "'a.example', 'b.example' }, " BANNER_BID " } end");
    ask_banner();
    decisions = mb_bidder_decisions(bidder, &count);
    mb_trace_bid_fields(decisions[0].bid, see, &seen);
    expect_slice(
        mb_buf_slice(&seen.text),
        "price=1.25;model=cpm;ecpm=1.25;currency=USD;click_url=https://go.example/;"
        "image_url=https://cdn.example/i.png;data=d;advertiser_domains=a.example, b.example;",
        "fields");
    mb_buf_fini(&seen.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(every_part_of_a_target_that_fails_is_told),
        CASE(limits_show_what_is_spent_and_which_one_stops),
        CASE(open_bids_hold_money),
        CASE(a_call_leaves_notes_lines_and_traceback),
        CASE(every_call_is_timed),
        CASE(the_ranking_says_why_each_bid_lost),
        CASE(a_bid_that_is_refused_at_the_end_says_so),
        CASE(tokens_show_what_they_became),
        CASE(steps_cover_all_strategies),
        CASE(unwatched_requests_and_broken_ones_have_no_trace),
        CASE(a_bids_fields_are_named_as_in_lua),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
