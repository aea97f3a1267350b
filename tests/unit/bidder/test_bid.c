/* test_bid.c - a bid request from bytes to bytes: the answers of the protocols, and every reason for not bidding. */
#include "support.h"

#include "cpu_ticker.h"

#define BANNER_OF_1 "bid = function() return { price = 1, " BANNER_BID " } end"

/* --- answers --- */

static void exoclick_gets_json(void **state)
{
    const struct mb_doc *bid;

    (void)state;
    load_members("bid = function() return { price = 1.25, " BANNER_BID " } end");
    ask_banner();
    expect_outcome(MB_NOBID_BID, "banner");
    assert_int_equal(out.status, 200);
    expect_text(out.content_type, "application/json", "content type");
    expect_text(out.kind, "bid", "kind");
    assert_ptr_equal(out.endpoint, &config->endpoints[0]);
    assert_int_equal(out.n_events, 0);
    bid = mb_doc_get(doc(), "bid");
    assert_int_equal(mb_doc_count(bid), 6);
    expect_text(bid_text("id"), "r1", "id");
    expect_text(bid_text("imgUrl"), "https://cdn.example/i.png", "imgUrl");
    expect_text(bid_text("clickUrl"), "https://go.example/", "clickUrl");
    assert_int_equal(strncmp(bid_text("bUrl"), "http://127.0.0.1:8080/n/", 24), 0);
    assert_true(mb_slice_ends(out.body, MB_SLICE(",\"btype\":1,\"value\":1.25}}")));
}

static void exoclick_gets_xml_where_it_asks(void **state)
{
    (void)state;
    load_members("bid = function() return { price = 1.25, url = 'https://pop.example/?a=1&b=<2>' } end");
    post("/exoclick/bid", NULL, "{\"id\":\"p1\",\"type\":\"popunder\",\"export\":\"xml\"}");
    expect_outcome(MB_NOBID_BID, "popunder");
    expect_text(out.content_type, "application/xml", "content type");
    assert_true(mb_slice_find(out.body, MB_SLICE("<id>p1</id>")) > 0 ||
                mb_slice_find(out.body, MB_SLICE("<![CDATA[p1]]>")) > 0);
    assert_true(mb_slice_find(out.body, MB_SLICE("1.25")) > 0);
    assert_int_equal(mb_slice_find(out.body, MB_SLICE("{")), -1);
}

static void a_get_with_the_same_names_gets_the_same(void **state)
{
    (void)state;
    load_members(BANNER_OF_1);
    get("/exoclick/bid", "id=r1&ip=192.0.2.10&type=banner&size=300x250");
    expect_outcome(MB_NOBID_BID, "GET");
    expect_text(bid_text("id"), "r1", "id");
    get("/exoclick/bid", "id=r1&type=banner&export=xml");
    expect_text(out.content_type, "application/xml", "content type");
}

#define XANDR_TAG(id, auction) "{\"id\":" id ",\"sizes\":[\"300x250\"],\"auction_id_64\":" auction "}"
#define XANDR_BODY(tags) "{\"bid_request\":{\"members\":[{\"id\":12}],\"tags\":[" tags "],\"bid_info\":{\"country\":\"US\"}}}"

/* Each tag is asked on its own, and ids keep every digit. */
static void every_tag_of_xandr_is_an_impression(void **state)
{
    const struct mb_doc *responses;
    size_t count;

    (void)state;
    load("local function s(name, tag, price) return strategy { name = name, target = { tag = { tag } }, bid = function(ctx, req, imp) "
         "return { price = price, creative_id = '77' } end } end return { s('a', '1', 1), s('b', '2', 2.5) }");
    post("/xandr/bid", NULL,
         XANDR_BODY(XANDR_TAG("1", "8984480746668973001") "," XANDR_TAG("2", "8984480746668973002") "," XANDR_TAG("3", "3")));
    expect_outcome(MB_NOBID_BID, "two of three tags");
    assert_int_equal(out.status, 200);
    (void)mb_bidder_decisions(bidder, &count);
    assert_int_equal(count, 2);
    responses = mb_doc_get(mb_doc_get(doc(), "bid_response"), "responses");
    assert_int_equal(mb_doc_count(responses), 2);
    assert_true(mb_slice_find(out.body, MB_SLICE("\"auction_id_64\":8984480746668973001,\"member_id\":12,\"price\":1,")) > 0);
    assert_true(mb_slice_find(out.body, MB_SLICE("\"auction_id_64\":8984480746668973002,\"member_id\":12,\"price\":2.5,")) > 0);
    assert_int_equal(mb_bidder_totals(bidder)->bids, 2);
}

static void openrtb_bids_on_several_impressions(void **state)
{
    const struct mb_doc *bids;

    (void)state;
    load_members("bid = function(ctx, req, imp) if imp.id == 'i2' then return nobid 'no' end return { price = imp.id == 'i1' and 2 or 1, creative_id = imp.id, "
                 "markup = '<p>', advertiser_domains = { 'adv.example' } } end");
    in.openrtb_version = MB_SLICE("2.5");
    post("/openrtb/bid", NULL,
         "{\"id\":\"o\",\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":1,\"h\":2}},{\"id\":\"i2\",\"banner\":{\"w\":1,\"h\":2}},"
         "{\"id\":\"i3\",\"banner\":{\"w\":1,\"h\":2}}]}");
    expect_outcome(MB_NOBID_BID, "two of three");
    expect_slice(out.extra_headers, "x-openrtb-version: 2.5\r\n", "version");
    bids = mb_doc_get(mb_doc_at(mb_doc_get(doc(), "seatbid"), 0), "bid");
    assert_int_equal(mb_doc_count(bids), 2);
    expect_text(mb_doc_text(mb_doc_get(mb_doc_at(bids, 0), "impid")), "i1", "impid");
    expect_text(mb_doc_text(mb_doc_get(mb_doc_at(bids, 1), "impid")), "i3", "impid");
}

static void a_no_bid_has_the_form_of_its_protocol(void **state)
{
    (void)state;
    load_members("bid = function() return nobid 'why_not' end");
    ask_banner();
    assert_int_equal(out.status, 204);
    assert_int_equal(out.body.len, 0);
    post("/openrtb/bid", NULL, "{\"id\":\"o\",\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":1,\"h\":2}}]}");
    assert_int_equal(out.status, 204);
    post("/xandr/bid", NULL, XANDR_BODY(XANDR_TAG("1", "7")));
    assert_int_equal(out.status, 200);
    expect_slice(out.body, "{\"bid_response\":{\"no_bid\":true}}", "Xandr's");
}

/* --- reasons --- */

/* 2026-03-02 is a Monday; 09:00 UTC is 10:00 in Berlin. */
static void limits_and_targets_have_their_reasons(void **state)
{
    static const struct {
        const char *members;
        enum mb_nobid first, second; /* of two requests in the same millisecond */
    } rows[] = {
        {"", MB_NOBID_BID, MB_NOBID_BID},
        {"target = { country = { 'FR' } },", MB_NOBID_TARGET, MB_NOBID_TARGET},
        {"target = { country = { 'DE' } },", MB_NOBID_BID, MB_NOBID_BID},
        {"target = { exclude = { country = { 'DE' } } },", MB_NOBID_TARGET, MB_NOBID_TARGET},
        {"target = { hours = { 'sat 00:00-24:00' } },", MB_NOBID_TARGET, MB_NOBID_TARGET},
        {"enabled = false,", MB_NOBID_TARGET, MB_NOBID_TARGET},
        {"limits = { starts = '2026-03-02T09:00' },", MB_NOBID_BID, MB_NOBID_BID},
        {"limits = { starts = '2026-03-02T09:01' },", MB_NOBID_NOT_STARTED, MB_NOBID_NOT_STARTED},
        {"limits = { starts = '2026-03-02T10:00', timezone = 'Europe/Berlin' },", MB_NOBID_BID, MB_NOBID_BID},
        {"limits = { starts = '2026-03-02T10:01', timezone = 'Europe/Berlin' },", MB_NOBID_NOT_STARTED, MB_NOBID_NOT_STARTED},
        {"limits = { ends = '2026-03-02T09:00' },", MB_NOBID_ENDED, MB_NOBID_ENDED},
        {"limits = { ends = '2026-03-02T09:01' },", MB_NOBID_BID, MB_NOBID_BID},
        {"limits = { qps = 1 },", MB_NOBID_BID, MB_NOBID_QPS},
        {"limits = { total = 0.001, reserve = 'full' },", MB_NOBID_BID, MB_NOBID_BUDGET},
        {"limits = { daily = 0.001, reserve = 'full' },", MB_NOBID_BID, MB_NOBID_BUDGET},
        {"limits = { hourly = 0.001, reserve = 'full' },", MB_NOBID_BID, MB_NOBID_HOURLY},
        {"limits = { total = 0.0005, reserve = 'full' },", MB_NOBID_BUDGET, MB_NOBID_BUDGET},
        {"limits = { daily = 0.024, pacing = 'even', reserve = 'full' },", MB_NOBID_BID, MB_NOBID_BID},
        {"limits = { daily = 0.0015, pacing = 'even', expect_rate = 1 },", MB_NOBID_BID, MB_NOBID_PACING},
        {"limits = { frequency = { count = 1, per = '1h', key = { 'site' }, missing = 'nobid' } },", MB_NOBID_FREQUENCY,
         MB_NOBID_FREQUENCY},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[256];

        snprintf(members, sizeof(members), "%s " BANNER_OF_1, rows[i].members);
        open_bidder(NULL);
        load_members(members);
        ask_banner();
        expect_outcome(rows[i].first, rows[i].members);
        ask_banner();
        expect_outcome(rows[i].second, rows[i].members);
        assert_int_equal(out.status, rows[i].second == MB_NOBID_BID ? 200 : 204);
    }
}

static void settled_spend_reaches_limits_of_its_period(void **state)
{
    static const int64_t hour_ms = 3600000, day_ms = 24 * hour_ms;
    static const struct {
        const char *limit;
        enum mb_nobid at_once, next_hour, next_day;
    } rows[] = {
        {"hourly", MB_NOBID_HOURLY, MB_NOBID_BID, MB_NOBID_BID},
        {"daily", MB_NOBID_BUDGET, MB_NOBID_BUDGET, MB_NOBID_BID},
        {"total", MB_NOBID_BUDGET, MB_NOBID_BUDGET, MB_NOBID_BUDGET},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[256];

        open_bidder(NULL);
        snprintf(members, sizeof(members), "limits = { %s = 20 }, " BANNER_OF_1, rows[i].limit);
        load_members(members);
        mb_guard_add_spend(guard, mb_guard_slot(guard, MB_SLICE("a")), (struct mb_amount){INT64_C(20000000000)}, NOW_MS);
        ask_banner();
        expect_outcome(rows[i].at_once, rows[i].limit);
        in.now_ms = clock_ms = NOW_MS + hour_ms;
        ask_banner();
        expect_outcome(rows[i].next_hour, rows[i].limit);
        in.now_ms = clock_ms = NOW_MS + day_ms;
        ask_banner();
        expect_outcome(rows[i].next_day, rows[i].limit);
    }
}

static void scripts_have_their_reasons(void **state)
{
    static const struct {
        const char *body;
        enum mb_nobid reason;
    } rows[] = {
        {"", MB_NOBID_NONE},
        {"return nil", MB_NOBID_NONE},
        {"return nobid 'keyword'", MB_NOBID_SCRIPT},
        {"error 'no'", MB_NOBID_SCRIPT_ERROR},
        {"return nobody.home", MB_NOBID_SCRIPT_ERROR},
        {"req.id = 'x'", MB_NOBID_SCRIPT_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[128];

        snprintf(members, sizeof(members), "bid = function(ctx, req, imp) %s end", rows[i].body);
        load_members(members);
        ask_banner();
        expect_outcome(rows[i].reason, rows[i].body);
        assert_int_equal(out.status, 204);
    }
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->nobids[MB_NOBID_SCRIPT], 1);
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->calls, ROWS(rows));
}

static void own_reasons_are_counted_by_name_up_to_64(void **state)
{
    const struct mb_strategy_counts *counts;

    (void)state;
    load_members("bid = function(ctx, req) return nobid(req.tokens.why) end");
    for (int i = 0; i < 70; i++) {
        char query[32];

        snprintf(query, sizeof(query), "why=reason_%d", i);
        for (int k = 0; k <= i % 2; k++) {
            post("/exoclick/bid", query, BANNER);
        }
    }
    counts = mb_bidder_counts(bidder, MB_SLICE("a"));
    expect_text(counts->own[0].name, "reason_0", "first");
    assert_int_equal(counts->own[0].count, 1);
    expect_text(counts->own[63].name, "reason_63", "last");
    assert_int_equal(counts->own[63].count, 2);
    assert_int_equal(counts->other, 3 + 2 * 3);
}

static void a_call_over_its_time_is_stopped(void **state)
{
    (void)state;
    load("return { strategy { name = 'a', bid = function() while true do end end }, strategy { name = 'b', " BANNER_OF_1 " } }");
    cpu_ticker_start();
    ask_banner();
    cpu_ticker_stop();
    expect_outcome(MB_NOBID_BID, "the other one bids");
    assert_int_equal(reason_of("a"), MB_NOBID_SCRIPT_TIMEOUT);
}

/* lua-api.md section 6: a hundred breaches in a row, and one good call in between starts anew. */
static void a_hundred_breaches_in_a_row_bench(void **state)
{
    static const char *const members = "bid = function(ctx, req) if req.tokens.good then return nobid 'fine' end error 'x' end";

    (void)state;
    load_members(members);
    for (int i = 0; i < 99; i++) {
        ask_banner();
        expect_outcome(MB_NOBID_SCRIPT_ERROR, "a breach");
    }
    post("/exoclick/bid", "good=1", BANNER);
    expect_outcome(MB_NOBID_SCRIPT, "a good call");
    for (int i = 0; i < 100; i++) {
        ask_banner();
        expect_outcome(MB_NOBID_SCRIPT_ERROR, "a breach");
    }
    post("/exoclick/bid", "good=1", BANNER);
    expect_outcome(MB_NOBID_BENCHED, "after a hundred in a row");
    assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->calls, 200);
    assert_int_equal(logged("strategy benched until the next reload"), 1);
    load_members(members);
    post("/exoclick/bid", "good=1", BANNER);
    expect_outcome(MB_NOBID_SCRIPT, "after a reload");
}

/* --- deadlines: ExoClick's 300 ms less the margin of 50 --- */

static void an_answer_past_the_deadline_is_not_sent(void **state)
{
    static const struct {
        int64_t start_ms, step_ms; /* what the clock shows first, and how far a look moves it on */
        uint32_t waited_ms;        /* before the engine got to it */
        enum mb_nobid reason;
        uint64_t calls;
    } rows[] = {
        {0, 0, 0, MB_NOBID_BID, 1},
        {249, 0, 0, MB_NOBID_BID, 1},
        {250, 0, 0, MB_NOBID_DEADLINE, 0}, /* not asked any more */
        {5000, 0, 0, MB_NOBID_DEADLINE, 0},
        {200, 50, 0, MB_NOBID_DEADLINE, 1}, /* in time before the script, late behind it */
        {0, 0, 249, MB_NOBID_BID, 1},
        {0, 0, 250, MB_NOBID_DEADLINE, 0}, /* the exchange counts from when it sent it */
        {0, 0, UINT32_MAX, MB_NOBID_DEADLINE, 0},
        {209, 0, 40, MB_NOBID_BID, 1},
        {210, 0, 40, MB_NOBID_DEADLINE, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        open_bidder(NULL);
        load_members(BANNER_OF_1);
        clock_ms = NOW_MS + rows[i].start_ms;
        clock_step_ms = rows[i].step_ms;
        in.waited_ms = rows[i].waited_ms;
        ask_banner();
        expect_outcome(rows[i].reason, "deadline");
        assert_int_equal(out.status, rows[i].reason == MB_NOBID_BID ? 200 : 204);
        assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->calls, rows[i].calls);
    }
}

/* The answer is one: where a later strategy or a token took the time, the earlier bid is late as well. Late bids hold no money. */
static void a_bid_that_others_made_late_is_not_sent(void **state)
{
    static const char *const rows[] = {
        "return { strategy { name = 'a', limits = { total = 0.001, reserve = 'full' }, " BANNER_OF_1 " }, "
        "strategy { name = 'b', bid = function(ctx) while ctx.time_left() > 0 do end end } }",
        "return strategy { name = 'a', limits = { total = 0.001, reserve = 'full' }, tokens = { v = function(ctx) "
        "while ctx.time_left() > 0 do end return 'v' end }, bid = function() return { price = 1, "
        "image_url = 'https://cdn.example/i', click_url = 'https://go.example/{v}' } end }",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        open_bidder(NULL);
        load(rows[i]);
        clock_step_ms = 10;
        ask_banner();
        expect_outcome(MB_NOBID_DEADLINE, rows[i]);
        assert_int_equal(reason_of("a"), MB_NOBID_DEADLINE);
        assert_int_equal(out.status, 204);
        load_members("limits = { total = 0.001, reserve = 'full' }, " BANNER_OF_1);
        clock_ms = NOW_MS;
        clock_step_ms = 0;
        ask_banner();
        expect_outcome(MB_NOBID_BID, "no money was held");
    }
}

static void the_request_says_how_long_it_waits(void **state)
{
    (void)state;
    load_members("bid = function(ctx) return { price = 1, creative_id = '5', custom_macros = { T = tostring(ctx.time_left()) } } end");
    post("/xandr/bid", NULL, "{\"bid_request\":{\"bidder_timeout_ms\":70,\"members\":[{\"id\":12}],\"tags\":[" XANDR_TAG("1", "7") "]}}");
    expect_outcome(MB_NOBID_BID, "70 ms");
    assert_true(mb_slice_find(out.body, MB_SLICE("\"value\":\"50\"")) > 0); /* less the margin of 20 */
    post("/xandr/bid", NULL, XANDR_BODY(XANDR_TAG("1", "7")));
    assert_true(mb_slice_find(out.body, MB_SLICE("\"value\":\"80\"")) > 0); /* the endpoint's 100 */
    post("/xandr/bid", NULL, "{\"bid_request\":{\"bidder_timeout_ms\":20,\"members\":[{\"id\":12}],\"tags\":[" XANDR_TAG("1", "7") "]}}");
    expect_outcome(MB_NOBID_DEADLINE, "no more than the margin");
}

/* --- the state of the server --- */

/* Tests are for who wants to see bids; another does not want them counted. Other requests are answered all the same. */
static void tests_are_declined_where_the_endpoint_says_so(void **state)
{
    static const struct {
        const char *path, *body;
        enum mb_nobid reason;
        int status;
    } rows[] = {
        {"/o", "{\"id\":\"o\",\"test\":1,\"imp\":[{\"id\":\"i\",\"banner\":{}}]}", MB_NOBID_TEST, 204},
        {"/o", "{\"id\":\"o\",\"test\":0,\"imp\":[{\"id\":\"i\",\"banner\":{}}]}", MB_NOBID_BID, 200},
        {"/x/bid", "{\"bid_request\":{\"test\":true,\"members\":[{\"id\":12}],\"tags\":[{\"auction_id_64\":1}]}}",
         MB_NOBID_TEST, 200},
        {"/x/bid", "{\"bid_request\":{\"debug_requested\":true,\"members\":[{\"id\":12}],\"tags\":[{\"auction_id_64\":1}]}}",
         MB_NOBID_TEST, 200},
        {"/x/bid", "{\"bid_request\":{\"members\":[{\"id\":12}],\"tags\":[{\"auction_id_64\":1}]}}", MB_NOBID_BID, 200},
    };

    (void)state;
    for (int declines = 0; declines < 2; declines++) {
        open_bidder(declines ? "{\"endpoints\":[{\"name\":\"o\",\"path\":\"/o\",\"exchange\":\"openrtb\",\"tests\":\"declined\"},"
                               "{\"name\":\"x\",\"path\":\"/x\",\"exchange\":\"xandr\",\"tests\":\"declined\"}]}"
                             : "{\"endpoints\":[{\"name\":\"o\",\"path\":\"/o\",\"exchange\":\"openrtb\"},"
                               "{\"name\":\"x\",\"path\":\"/x\",\"exchange\":\"xandr\"}]}");
        load_members("bid = function() return { price = 1, markup = '<b>', creative_id = '5' } end");
        for (size_t i = 0; i < ROWS(rows); i++) {
            post(rows[i].path, NULL, rows[i].body);
            expect_outcome(declines ? rows[i].reason : MB_NOBID_BID, rows[i].body);
            assert_int_equal(out.status, declines ? rows[i].status : 200);
        }
    }
}

static void the_server_s_own_state_has_its_reasons(void **state)
{
    (void)state;
    ask_banner();
    expect_outcome(MB_NOBID_NO_STRATEGY, "nothing loaded");
    load_members(BANNER_OF_1);
    in.draining = true;
    ask_banner();
    expect_outcome(MB_NOBID_DRAINING, "draining");
    assert_int_equal(out.status, 204);
    in.draining = false;
    in.overloaded = true;
    ask_banner();
    expect_outcome(MB_NOBID_OVERLOAD, "overloaded");
    in.overloaded = false;
    mb_guard_pause(guard, mb_guard_slot(guard, MB_SLICE("a")), true);
    ask_banner();
    expect_outcome(MB_NOBID_PAUSED, "paused");
    mb_guard_pause(guard, mb_guard_slot(guard, MB_SLICE("a")), false);
    ask_banner();
    expect_outcome(MB_NOBID_BID, "all well");
    assert_int_equal(mb_bidder_totals(bidder)->requests, 5);
    assert_int_equal(mb_bidder_totals(bidder)->nobids, 4);
    assert_int_equal(mb_bidder_totals(bidder)->bids, 1);
}

/* --- bids that an exchange would reject --- */

static void an_invalid_bid_names_its_field(void **state)
{
    static const struct {
        const char *bid, *path, *body, *field;
    } rows[] = {
        {"price = 1, image_url = 'https://i'", "/exoclick/bid", BANNER, "click_url"},
        {"price = 1, click_url = 'https://c'", "/exoclick/bid", BANNER, "image_url"},
        {"price = 1, image_url = '', click_url = 'https://c'", "/exoclick/bid", BANNER, "image_url"},
        {"price = 1", "/exoclick/bid", "{\"id\":\"p\",\"type\":\"popunder\"}", "url"},
        {"price = 1, click_url = 'https://c', title = 't', description = 'd', icon_url = { ['720x480'] = 'https://i' }",
         "/exoclick/bid", PUSH, "icon_url"},
        {"price = 1, click_url = 'https://c', description = 'd', icon_url = 'https://i'", "/exoclick/bid", PUSH, "title"},
        {"price = 1, click_url = 'https://c', title = 't\\255', description = 'd', icon_url = 'https://i'", "/exoclick/bid", PUSH,
         "title"},
        {"price = 'much', " BANNER_BID, "/exoclick/bid", BANNER, "price"},
        {"prize = 1, " BANNER_BID, "/exoclick/bid", BANNER, "prize"},
        {"price = 1, model = 'cpa', " BANNER_BID, "/exoclick/bid", BANNER, "model"},
        {"price = 1, data = ('x'):rep(65), " BANNER_BID, "/exoclick/bid", BANNER, "data"},
        {"price = 1, model = 'cpc', creative_id = '5'", "/xandr/bid", XANDR_BODY(XANDR_TAG("1", "7")), "model"},
        {"price = 1", "/xandr/bid", XANDR_BODY(XANDR_TAG("1", "7")), "creative_id"},
        {"price = 1, creative_id = 'five'", "/xandr/bid", XANDR_BODY(XANDR_TAG("1", "7")), "creative_id"},
        {"price = 1, creative_id = '5', member_id = '13'", "/xandr/bid", XANDR_BODY(XANDR_TAG("1", "7")), "member_id"},
        {"price = 1, creative_id = '5', custom_notify_data = ('x'):rep(990)", "/xandr/bid", XANDR_BODY(XANDR_TAG("1", "7")),
         "custom_notify_data"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[256], line[96];
        size_t count;

        open_bidder(NULL);
        snprintf(members, sizeof(members), "bid = function() return { %s } end", rows[i].bid);
        load_members(members);
        post(rows[i].path, NULL, rows[i].body);
        expect_outcome(MB_NOBID_INVALID_BID, rows[i].bid);
        if (mb_slice_find(mb_bidder_decisions(bidder, &count)->problem, mb_slice_of(rows[i].field)) < 0) {
            fail_msg("%s: '%.*s'", rows[i].bid, MB_SLICE_ARG(mb_bidder_decisions(bidder, &count)->problem));
        }
        post(rows[i].path, NULL, rows[i].body);
        snprintf(line, sizeof(line), "reason=invalid_bid field=%s", rows[i].field);
        assert_int_equal(logged(line), 1); /* the first of its kind only */
    }
}

/* Test traffic is decided and answered like any other, but holds no money. */
static void a_test_request_holds_no_money(void **state)
{
    (void)state;
    load_members("limits = { total = 0.001, reserve = 'full' }, bid = function() return { price = 1, creative_id = '5' } end");
    for (int i = 0; i < 5; i++) {
        post("/xandr/bid", NULL, "{\"bid_request\":{\"test\":true,\"members\":[{\"id\":12}],\"tags\":[" XANDR_TAG("1", "7") "]}}");
        expect_outcome(MB_NOBID_BID, "a test");
    }
    post("/xandr/bid", NULL, XANDR_BODY(XANDR_TAG("1", "7")));
    expect_outcome(MB_NOBID_BID, "for money");
    post("/xandr/bid", NULL, XANDR_BODY(XANDR_TAG("1", "7")));
    expect_outcome(MB_NOBID_BUDGET, "all of it held");
}

/* Whoever looks closely sees why strategies were passed over; else those leave no decision. */
static void a_trace_shows_the_missed_targets(void **state)
{
    size_t count;

    (void)state;
    load("return { strategy { name = 'a', target = { country = { 'FR' } }, " BANNER_OF_1 " }, strategy { name = 'b', " BANNER_OF_1 " } }");
    ask_banner();
    (void)mb_bidder_decisions(bidder, &count);
    assert_int_equal(count, 1);
    mb_bidder_set_trace(bidder, true);
    ask_banner();
    (void)mb_bidder_decisions(bidder, &count);
    assert_int_equal(count, 2);
    assert_int_equal(reason_of("a"), MB_NOBID_TARGET);
    expect_outcome(MB_NOBID_BID, "b bids");
}

static void the_same_request_and_seed_give_the_same_bytes(void **state)
{
    struct mb_slice first;
    char *kept;

    (void)state;
    load_members("bid = function(ctx) return { price = 1 + ctx.random(), " BANNER_BID " } end");
    ask_banner();
    kept = strndup(out.body.data, out.body.len);
    first = mb_slice_of(kept);
    ask_banner();
    assert_true(mb_slice_eq(out.body, first));
    in.seed++;
    ask_banner();
    assert_false(mb_slice_eq(out.body, first));
    free(kept);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(exoclick_gets_json),
        T(exoclick_gets_xml_where_it_asks),
        T(a_get_with_the_same_names_gets_the_same),
        T(every_tag_of_xandr_is_an_impression),
        T(openrtb_bids_on_several_impressions),
        T(a_no_bid_has_the_form_of_its_protocol),
        T(limits_and_targets_have_their_reasons),
        T(settled_spend_reaches_limits_of_its_period),
        T(scripts_have_their_reasons),
        T(own_reasons_are_counted_by_name_up_to_64),
        T(a_call_over_its_time_is_stopped),
        T(a_hundred_breaches_in_a_row_bench),
        T(an_answer_past_the_deadline_is_not_sent),
        T(a_bid_that_others_made_late_is_not_sent),
        T(the_request_says_how_long_it_waits),
        T(tests_are_declined_where_the_endpoint_says_so),
        T(the_server_s_own_state_has_its_reasons),
        T(an_invalid_bid_names_its_field),
        T(a_test_request_holds_no_money),
        T(a_trace_shows_the_missed_targets),
        T(the_same_request_and_seed_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
