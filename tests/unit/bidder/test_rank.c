/* test_rank.c - several strategies want one impression: who gets it, and what the others leave behind. */
#include "support.h"

/* Three strategies a, b, c with a price and more members each. */
static void load_three(const char *const price[3], const char *const members[3])
{
    struct mb_buf lua = {0};

    mb_xbuf_add_text(&lua, "return {");
    for (int i = 0; i < 3; i++) {
        mb_xbuf_printf(&lua, "strategy { name = '%c', %s bid = function() return { %s, " BANNER_BID
                             ", title = 't', description = 'd', icon_url = 'https://cdn.example/i' } end },\n",
                       'a' + i, members[i] ? members[i] : "", price[i]);
    }
    mb_xbuf_add(&lua, "}", 2);
    load(lua.data);
    mb_buf_fini(&lua);
}

/* The name of the strategy whose bid was sent; the others must be outranked. */
static char winner(void)
{
    char found = 0;

    expect_outcome(MB_NOBID_BID, "a bid");
    for (char name[2] = "a"; name[0] <= 'c'; name[0]++) {
        enum mb_nobid reason = reason_of(name);

        if (reason == MB_NOBID_BID) {
            assert_int_equal(found, 0);
            found = name[0];
        } else {
            assert_int_equal(reason, MB_NOBID_OUTRANKED);
        }
    }
    return found;
}

static void priority_goes_first_then_ecpm(void **state)
{
    static const struct {
        const char *members[3], *price[3];
        const char *request;
        char winner;
    } rows[] = {
        {{NULL}, {"price = 1", "price = 3", "price = 2"}, BANNER, 'b'},
        {{NULL}, {"price = 1", "price = 1.000001", "price = 1"}, BANNER, 'b'},
        {{"priority = 1,"}, {"price = 1", "price = 3", "price = 2"}, BANNER, 'a'},
        {{"priority = 1,", NULL, "priority = 2,"}, {"price = 3", "price = 3", "price = 0.01"}, BANNER, 'c'},
        {{"priority = -1,"}, {"price = 9", "price = 3", "price = 2"}, BANNER, 'b'},
        {{"priority = 1,", "priority = 1,"}, {"price = 1", "price = 3", "price = 9"}, BANNER, 'b'},
        /* a price per click counts by its ecpm, and without one as nothing */
        {{NULL}, {"price = 0.5", "price = 0.2, model = 'cpc', ecpm = 0.6", "price = 0.55"}, PUSH, 'b'},
        {{NULL}, {"price = 0.01", "price = 0.9, model = 'cpc'", "price = 0.9, model = 'cpc'"}, PUSH, 'a'},
        {{NULL}, {"price = 0.5", "price = 0.1, model = 'cpc', ecpm = 2", "price = 0.9, model = 'cpc', ecpm = 1"}, PUSH, 'b'},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        load_three(rows[i].price, rows[i].members);
        for (in.seed = 1; in.seed < 20; in.seed++) {
            post("/exoclick/bid", NULL, rows[i].request);
            if (winner() != rows[i].winner) {
                fail_msg("row %zu, seed %llu: '%c' won", i, (unsigned long long)in.seed, winner());
            }
        }
    }
}

static const char *const same_price[] = {"price = 1", "price = 1", "price = 1"};
static const char *const no_members[3] = {NULL};

static void the_same_seed_draws_the_same_winner(void **state)
{
    char first[64];

    (void)state;
    load_three(same_price, no_members);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < ROWS(first); i++) {
            in.seed = i * UINT64_C(0x123456789abcdef);
            ask_banner();
            if (round == 0) {
                first[i] = winner();
            } else {
                assert_int_equal(winner(), first[i]);
            }
        }
        load_three(same_price, no_members); /* a reload changes nothing */
    }
}

/* 3,000 draws of three: each has 1,000 with a deviation of 26, so 100 off would be no chance. Both for seeds in a row and far apart. */
static void over_many_seeds_each_wins_as_often(void **state)
{
    static const uint64_t steps[] = {1, UINT64_C(0x9e3779b97f4a7c15), UINT64_C(1) << 40};

    (void)state;
    load_three(same_price, no_members);
    for (size_t k = 0; k < ROWS(steps); k++) {
        int wins[3] = {0};

        for (uint64_t i = 0; i < 3000; i++) {
            in.seed = i * steps[k];
            ask_banner();
            wins[winner() - 'a']++;
        }
        for (int i = 0; i < 3; i++) {
            if (wins[i] < 900 || wins[i] > 1100) {
                fail_msg("step %zu: %d %d %d", k, wins[0], wins[1], wins[2]);
            }
        }
    }
}

/* The bids of losers hold no money: afterwards they may still spend all of it. */
static void the_outranked_reserve_nothing(void **state)
{
    static const char *const one_bid = "limits = { total = 0.001, reserve = 'full' },"; /* one impression at a CPM of 1 */
    const char *const limited[3] = {"priority = 1,", one_bid, one_bid};

    (void)state;
    load_three(same_price, limited);
    for (int i = 0; i < 100; i++) {
        ask_banner();
        assert_int_equal(winner(), 'a');
    }
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("b"))->nobids[MB_NOBID_OUTRANKED], 100);
    load("return strategy { name = 'b', limits = { total = 0.001, reserve = 'full' }, bid = function() return { price = 1, " BANNER_BID
         " } end }");
    ask_banner();
    expect_outcome(MB_NOBID_BID, "all of b's money is left");
    ask_banner();
    expect_outcome(MB_NOBID_BUDGET, "now it is held");
}

/* Who cannot pay leaves the place to the next. */
static void a_winner_without_money_is_followed_by_the_next(void **state)
{
    static const char *const prices[] = {"price = 2", "price = 1", "price = 0.5"};
    const char *const members[3] = {"limits = { total = 0.003, reserve = 'full' },", NULL, NULL};

    (void)state;
    load_three(prices, members);
    ask_banner();
    assert_int_equal(winner(), 'a');
    ask_banner();
    expect_outcome(MB_NOBID_BID, "the second request");
    assert_int_equal(reason_of("a"), MB_NOBID_BUDGET);
    assert_int_equal(reason_of("b"), MB_NOBID_BID);
    assert_int_equal(reason_of("c"), MB_NOBID_OUTRANKED);
}

/* Xandr takes several bids a tag: the best of each member and deal. */
static void where_several_fit_the_best_of_each_place_are_sent(void **state)
{
    const struct mb_doc *responses;

    (void)state;
    load("local function s(name, price, member) return strategy { name = name, bid = function() return { price = price, "
         "member_id = member, creative_id = '5' } end } end\n"
         "return { s('a', 1, '6'), s('b', 2, '6'), s('c', 1.5, '12') }");
    post("/xandr/bid", NULL,
         "{\"bid_request\":{\"members\":[{\"id\":6},{\"id\":12}],\"tags\":[{\"id\":1,\"sizes\":[\"728x90\"],\"auction_id_64\":7}],"
         "\"bid_info\":{}}}");
    assert_int_equal(reason_of("a"), MB_NOBID_OUTRANKED);
    assert_int_equal(reason_of("b"), MB_NOBID_BID);
    assert_int_equal(reason_of("c"), MB_NOBID_BID);
    responses = mb_doc_get(mb_doc_get(doc(), "bid_response"), "responses");
    assert_int_equal(mb_doc_count(responses), 2);
    assert_true(mb_doc_number(mb_doc_get(mb_doc_at(responses, 0), "price"), 0) == 2);
    assert_true(mb_doc_number(mb_doc_get(mb_doc_at(responses, 1), "member_id"), 0) == 12);
}

/* An array from one strategy competes as if several had bid. */
static void bids_of_one_strategy_compete_too(void **state)
{
    size_t count;
    const struct mb_decision *d;

    (void)state;
    load_members("bid = function() return { { price = 1, data = 'one', " BANNER_BID " }, { price = 2, data = 'two', " BANNER_BID
                 " } } end");
    ask_banner();
    d = mb_bidder_decisions(bidder, &count);
    assert_int_equal(count, 2);
    assert_int_equal(d[0].outcome, MB_NOBID_OUTRANKED);
    assert_int_equal(d[1].outcome, MB_NOBID_BID);
    expect_slice(d[1].bid->data, "two", "the sent one");
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->calls, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(priority_goes_first_then_ecpm),
        T(the_same_seed_draws_the_same_winner),
        T(over_many_seeds_each_wins_as_often),
        T(the_outranked_reserve_nothing),
        T(a_winner_without_money_is_followed_by_the_next),
        T(where_several_fit_the_best_of_each_place_are_sent),
        T(bids_of_one_strategy_compete_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
