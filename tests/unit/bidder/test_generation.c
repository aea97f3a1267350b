/* A generation is made beside the one that bids, and takes its place between two requests. */
#include "support.h"

#define FAILS "bid = function() error 'x' end"

static struct mb_generation *make(const char *lua)
{
    struct mb_script_options options = {.dir = folder,
                                        .endpoints = config->endpoints,
                                        .n_endpoints = config->n_endpoints,
                                        .has_geo = true,
                                        .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;

    put_text("strategies/all.lua", lua);
    assert_int_equal(mb_script_load(&options, &script, &report), 0);
    mb_script_report_fini(&report);
    return mb_xgeneration_new(script);
}

static void take(const char *lua)
{
    mb_generation_free(mb_bidder_take_generation(bidder, make(lua)));
}

static void one_is_made_while_another_bids(void **state)
{
    struct mb_generation *second, *before;

    (void)state;
    take("return strategy { name = 'a', bid = function() return { price = 1, " BANNER_BID " } end }");
    second = make("return { strategy { name = 'b', bid = function() return { price = 2, " BANNER_BID " } end },"
                  "strategy { name = 'c', target = { country = { 'FR' } }, bid = function() error 'never asked' end } }");
    ask_banner();
    expect_outcome(MB_NOBID_BID, "the first");
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("b")) ? 1 : 0, 0);
    before = mb_bidder_take_generation(bidder, second);
    ask_banner();
    expect_outcome(MB_NOBID_BID, "the second");
    assert_non_null(mb_script_strategy(mb_generation_script(before), MB_SLICE("a")));
    assert_null(mb_script_strategy(mb_bidder_script(bidder), MB_SLICE("a")));
    mb_generation_free(before);
    ask_banner();
    expect_outcome(MB_NOBID_BID, "without what was before");
}

static void none_is_a_generation_too(void **state)
{
    (void)state;
    take("return strategy { name = 'a', bid = function() return { price = 1, " BANNER_BID " } end }");
    mb_generation_free(mb_bidder_take_generation(bidder, NULL));
    assert_null(mb_bidder_script(bidder));
    ask_banner();
    expect_outcome(MB_NOBID_NO_STRATEGY, "nobody is left");
    assert_false(mb_bidder_wants_shadow(bidder));
    mb_generation_free(NULL);
    assert_null(mb_generation_give_up(NULL));
}

static void counts_go_on_under_a_name(void **state)
{
    static const char *const files[] = {"return strategy { name = 'a', bid = function() end }",
                                        "return strategy { name = 'a', bid = function() return nil end }"};

    (void)state;
    for (int i = 0; i < 6; i++) {
        take(files[i % 2]);
        ask_banner();
    }
    mb_script_free(mb_bidder_take_script(bidder, mb_generation_give_up(make(files[0])))); /* counts are read by name then */
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->calls, 6);
}

static void fail_times(int times)
{
    for (int i = 0; i < times; i++) {
        ask_banner();
        expect_outcome(MB_NOBID_SCRIPT_ERROR, "a breach");
    }
}

/* Each of other files has its own hundred; the same files, read again, are in the row that they were in. */
static void a_row_of_breaches_is_of_one_version(void **state)
{
    (void)state;
    take("return strategy { name = 'a', " FAILS " }");
    fail_times(60);
    take("return strategy { name = 'a', " FAILS " } -- another");
    fail_times(60);
    take("return strategy { name = 'other', bid = function() end }");
    take("return strategy { name = 'a', " FAILS " } -- another");
    fail_times(60); /* the one between was another, though it never met this strategy */
    take("return strategy { name = 'a', " FAILS " } -- another");
    fail_times(40);
    ask_banner();
    expect_outcome(MB_NOBID_BENCHED, "after a hundred of the same files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_made_while_another_bids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_is_a_generation_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_go_on_under_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_of_breaches_is_of_one_version, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
