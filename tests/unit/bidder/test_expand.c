/* test_expand.c - dynamic tokens, lua-api.md section 4: whose value {name} takes, how it is written, and what stays as it is. */
#include "support.h"

/* A banner bid of strategy `a` whose click_url ends with this text; more members of the strategy before. */
static void load_click(const char *members, const char *text)
{
    char *lua = NULL;

    assert_true(asprintf(&lua,
                         "%s bid = function(ctx, req, imp) return { price = 1.25, image_url = 'https://cdn.example/i.png', "
                         "data = 'creative a', click_url = 'https://go.example/?' .. [[%s]] } end",
                         members, text) > 0);
    load_members(lua);
    free(lua);
}

/* What the click_url of the answer has behind its '?'. */
static const char *click_of(const char *query)
{
    const char *url;

    post("/exoclick/bid", query, BANNER);
    expect_outcome(MB_NOBID_BID, "a banner");
    url = bid_text("clickUrl");
    assert_int_equal(strncmp(url, "https://go.example/?", 20), 0);
    return url + 20;
}

struct row {
    const char *query, *text, *expected;
};

static void expect_rows(const char *members, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        load_click(members, rows[i].text);
        expect_text(click_of(rows[i].query), rows[i].expected, rows[i].text);
    }
}

static void built_in_names_are_known(void **state)
{
    static const struct row rows[] = {
        {NULL, "{request_id}", "r1"},
        {NULL, "{imp_id}", "r1"},
        {NULL, "{exchange}", "exoclick"},
        {NULL, "{endpoint}", "exoclick"},
        {NULL, "{country}", "DE"},
        {NULL, "{strategy}", "a"},
        {NULL, "{price}", "1.25"},
        {NULL, "{timestamp}", "1772442000000"},
        {NULL, "{user_id}", "u1"},
        {NULL, "{domain}", "pub.example"},
        {NULL, "{data}", "creative%20a"},
        {NULL, "{country}{country}-{strategy}", "DEDE-a"},
    };

    (void)state;
    expect_rows("", rows, ROWS(rows));
    load_click("", "{version}");
    expect_slice(mb_script_version(mb_bidder_script(bidder)), click_of(NULL), "{version}");
}

/* {bid_id} names the bid as its notices do, and {click_token} makes a conversion of it. */
static void ids_and_tokens_lead_back_to_the_bid(void **state)
{
    char *token, *path;
    char bid_id[32];

    (void)state;
    load_click("", "{bid_id}&{click_token}");
    assert_int_equal(sscanf(click_of(NULL), "%22[A-Za-z0-9_-]&", bid_id), 1);
    token = strdup(strchr(bid_text("clickUrl"), '&') + 1);
    assert_true(asprintf(&path, "/c/%s", token) > 0);
    get(path, NULL);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.n_events, 1);
    assert_int_equal(out.events[0].type, MB_EVENT_CONVERSION);
    expect_slice(out.events[0].bid_id, bid_id, "the event's bid");
    free(path);
    free(token);
}

/* {price} is the bid's in house currency, in which strategies think, whatever the wire has. */
static void the_price_is_in_house_currency(void **state)
{
    (void)state;
    open_bidder("{\"rates\":{\"EUR\":1.25},\"endpoints\":[{\"name\":\"e\",\"path\":\"/exoclick/bid\",\"exchange\":\"exoclick\","
                "\"currency\":\"EUR\"}]}");
    load_click("", "{price}");
    expect_text(click_of(NULL), "1.25", "price");
    assert_true(mb_slice_find(out.body, MB_SLICE("\"value\":1}")) > 0);
}

static void query_parameters_are_known_under_their_names(void **state)
{
    static const struct row rows[] = {
        {"zone_id=778899", "{zone_id}", "778899"},
        {"campaign=x7&zone_id=1", "{campaign}", "x7"},
        {"campaign=a&campaign=b", "{campaign}", "a"},
        {"campaign=a%2Bb+c", "{campaign}", "a%2Bb%20c"},
        {"campaign=", "{campaign}", "{campaign}"},
        {"campaign=%7Bx%7D", "{campaign}", "{campaign}"}, /* the exchange has not replaced it: absent */
        {"Campaign=x", "{campaign}", "{campaign}"},
        {"campaign={campaign}", "{campaign}", "{campaign}"},
    };

    (void)state;
    expect_rows("", rows, ROWS(rows));
}

static void the_config_gives_parameters_another_name(void **state)
{
    static const struct row rows[] = {
        {"zone=778899", "{zone_id}/{zone}", "778899/778899"},
        {"zone={zone_id}", "{zone_id}/", "/"},
        {NULL, "{zone_id}/", "/"},
        {"src=x", "{src}", "x"},
    };

    (void)state;
    open_bidder("{\"endpoints\":[{\"name\":\"e\",\"path\":\"/exoclick/bid\",\"exchange\":\"exoclick\",\"currency\":\"USD\","
                "\"tokens\":{\"zone\":\"zone_id\"}}]}");
    expect_rows("", rows, ROWS(rows));
}

static void the_eight_names_of_the_exchange_are_always_known(void **state)
{
    static const char *const names[] = {"site_id", "zone_id", "src_hostname", "url", "tags", "keyword", "language"};
    char text[64], query[64];

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        snprintf(text, sizeof(text), "<{%s}>", names[i]);
        snprintf(query, sizeof(query), "%s=v%zu", names[i], i);
        load_click("", text);
        expect_text(click_of(NULL), "<>", names[i]);
        snprintf(text, sizeof(text), "<v%zu>", i);
        expect_text(click_of(query), text, names[i]);
    }
    load_click("", "<{imp_id}>"); /* the eighth is a built-in too, and that goes first */
    expect_text(click_of("imp_id=other"), "<r1>", "imp_id");
}

static void the_strategy_goes_first_then_built_in_then_the_query(void **state)
{
    static const struct row own[] = {
        {"country=XX", "{country}", "own"}, {"zone_id=1", "{zone_id}", "own"}, {"campaign=1", "{campaign}", "own"},
    };
    static const struct row built_ins[] = {
        {"country=XX", "{country}", "DE"}, {"strategy=b", "{strategy}", "a"}, {"data=b", "{data}", "creative%20a"},
    };

    (void)state;
    expect_rows("tokens = { country = function() return 'own' end, zone_id = function() return 'own' end, "
                "campaign = function() return 'own' end },",
                own, ROWS(own));
    expect_rows("", built_ins, ROWS(built_ins));
}

static void urls_get_values_percent_encoded_unless_raw(void **state)
{
#define OWN "tokens = { v = function() return %s end },"
    static const struct {
        const char *value, *encoded, *raw;
    } rows[] = {
        {"'a b&c=d'", "a%20b%26c%3Dd", "a b&c=d"},
        {"'100%'", "100%25", "100%"},
        {"'%20'", "%2520", "%20"},
        {"'-._~09AZaz'", "-._~09AZaz", "-._~09AZaz"},
        {"'M\\195\\188nchen'", "M%C3%BCnchen", "M\xc3\xbcnchen"},
        {"'{zone_id}'", "%7Bzone_id%7D", "{zone_id}"}, /* what a value brings is not looked into again */
        {"'https://x/?a'", "https%3A%2F%2Fx%2F%3Fa", "https://x/?a"},
        {"''", "", ""},
        {"17", "17", "17"},
    };
    char members[160], expected[160];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        snprintf(members, sizeof(members), OWN, rows[i].value);
        load_click(members, "{v}|{v:raw}");
        snprintf(expected, sizeof(expected), "%s|%s", rows[i].encoded, rows[i].raw);
        expect_text(click_of("zone_id=1"), expected, rows[i].value);
    }
#undef OWN
}

static void other_braces_stay_byte_for_byte(void **state)
{
    static const char *const rows[] = {
        "{unknown}", "{email_encoded}", "${AUCTION_PRICE}", "${country}", "${AUCTION_PRICE:B64}", "{", "}", "{}", "{{}}", "{ country }",
        "{country", "country}", "{country:RAW}", "{country:raw", "{:raw}", "{country:}", "{country:raw:raw}", "$", "${", "${}",
        "{Country}", "{country-x}", "{country.x}", "{c\xc3\xb6untry}", "{unknown:raw}", "%7Bcountry%7D",
        "{aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg}",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        load_click("", rows[i]);
        expect_text(click_of("zone_id=1"), rows[i], "untouched");
    }
    load_click("", "{{country}{country}}{unknown}{strategy}${country}{country");
    expect_text(click_of(NULL), "{DEDE}{unknown}a${country}{country", "a mixture");
}

static void a_token_that_fails_is_empty_and_counted(void **state)
{
    static const struct {
        const char *function;
        uint64_t failures;
    } rows[] = {
        {"function() error('no') end", 1},
        {"function() return nil end", 1},
        {"function() end", 1},
        {"function() return nobody.home end", 1},
        {"function() return '' end", 0},
        {"function() return 'x' end", 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[128];
        uint64_t before = mb_bidder_totals(bidder)->token_failures;
        bool is_x = strstr(rows[i].function, "'x'") != NULL;

        snprintf(members, sizeof(members), "tokens = { v = %s },", rows[i].function);
        load_click(members, "<{v}>");
        expect_text(click_of("v=query"), is_x ? "<x>" : "<>", rows[i].function);
        assert_int_equal(mb_bidder_totals(bidder)->token_failures - before, rows[i].failures);
    }
}

static void a_token_sees_request_impression_and_bid(void **state)
{
    (void)state;
    load_click("tokens = { v = function(ctx, req, imp, bid) return ctx.strategy .. req.id .. imp.format .. bid.price .. "
               "req.tokens.zone_id end },",
               "{v}");
    expect_text(click_of("zone_id=9"), "ar1banner1.259", "v");
}

/* In texts nothing is encoded: a title is no URL. */
static void texts_take_values_as_they_are(void **state)
{
    (void)state;
    load_members("bid = function() return { price = 1, title = 'Zone {zone_id} {unknown}', description = '{zone_id:raw} ${P}', "
                 "icon_url = { ['192x192'] = 'https://cdn.example/{zone_id}.png', ['720x480'] = 'https://cdn.example/big' }, "
                 "imptracker = 'https://t.example/{zone_id:raw}', click_url = 'https://go.example/' } end");
    post("/exoclick/bid", "zone_id=a+%26b", PUSH);
    expect_outcome(MB_NOBID_BID, "push");
    expect_text(bid_text("title"), "Zone a &b {unknown}", "title");
    expect_text(bid_text("description"), "a &b ${P}", "description");
    expect_text(bid_text("iconUrl"), "https://cdn.example/a%20%26b.png", "icon_url");
    expect_text(mb_doc_text(mb_doc_at(mb_doc_get(mb_doc_get(doc(), "bid"), "imptrackers"), 0)), "https://t.example/a &b",
                "imptracker");
}

static void every_url_field_is_expanded(void **state)
{
    (void)state;
    load_members("bid = function(ctx, req, imp) return { price = 1, image_url = 'https://cdn.example/{sub}', "
                 "click_url = 'https://go.example/{sub}', url = 'https://pop.example/{sub}' } end");
    post("/exoclick/bid", "sub=a%2Fb", BANNER);
    expect_text(bid_text("imgUrl"), "https://cdn.example/a%2Fb", "image_url");
    expect_text(bid_text("clickUrl"), "https://go.example/a%2Fb", "click_url");
    post("/exoclick/bid", "sub=a%2Fb", "{\"id\":\"p\",\"type\":\"popunder\"}");
    expect_text(bid_text("url"), "https://pop.example/a%2Fb", "url");
}

#define XANDR_BID \
    "{\"bid_request\":{\"bidder_timeout_ms\":100,\"members\":[{\"id\":12}],\"tags\":[{\"id\":13,\"sizes\":[\"728x90\"]," \
    "\"auction_id_64\":8984480746668973001}],\"bid_info\":{\"user_id_64\":0,\"country\":\"US\"}}}"

static void macros_of_xandr_are_expanded_as_texts(void **state)
{
    const struct mb_doc *bid, *macro;

    (void)state;
    load_members("bid = function() return { price = 1, creative_id = '7', click_url = 'https://go.example/{imp_id}/{user_id}', "
                 "custom_macros = { WHERE = '{country} {unknown} {imp_id}' } } end");
    post("/xandr/bid", NULL, XANDR_BID);
    expect_outcome(MB_NOBID_BID, "xandr");
    bid = mb_doc_at(mb_doc_get(mb_doc_get(doc(), "bid_response"), "responses"), 0);
    macro = mb_doc_at(mb_doc_get(bid, "custom_macros"), 0);
    expect_text(mb_doc_text(mb_doc_get(macro, "name")), "WHERE", "the macro's name");
    expect_text(mb_doc_text(mb_doc_get(macro, "value")), "US {unknown} 8984480746668973001", "its value");
    expect_text(mb_doc_text(mb_doc_get(bid, "click_url")), "https://go.example/8984480746668973001/", "click_url");
}

#define OPENRTB_BID \
    "{\"id\":\"o1\",\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":300,\"h\":250}}],\"site\":{\"domain\":\"a<b\"},\"at\":1}"

/* Single braces are everyday in markup, so there only double ones count, and the value is escaped for HTML. */
static void markup_has_double_braces(void **state)
{
    const struct mb_doc *bid;

    (void)state;
    load_members("tokens = { v = function() return [[<\"&'>]] end, }, bid = function() return { price = 1, creative_id = 'c', "
                 "markup = [[<a href=\"{{v}}\">{country}{{unknown}}{{ v }}{{v:raw}}${AUCTION_PRICE}{{price}}</a>]], "
                 "advertiser_domains = { 'adv.example' } } end");
    post("/openrtb/bid", NULL, OPENRTB_BID);
    expect_outcome(MB_NOBID_BID, "openrtb");
    bid = mb_doc_at(mb_doc_get(mb_doc_at(mb_doc_get(doc(), "seatbid"), 0), "bid"), 0);
    expect_text(mb_doc_text(mb_doc_get(bid, "adm")),
                "<a href=\"&lt;&quot;&amp;&#39;&gt;\">{country}{{unknown}}{{ v }}{{v:raw}}${AUCTION_PRICE}1</a>", "markup");
}

/* A value may make a bid unfit that was fit before. */
static void what_a_token_brings_is_checked_again(void **state)
{
    (void)state;
    load_members("tokens = { v = function() return 'a\\0b' end }, bid = function() return { price = 1, "
                 "url = 'https://pop.example/{v:raw}' } end");
    post("/exoclick/bid", NULL, "{\"id\":\"p\",\"type\":\"popunder\",\"export\":\"xml\"}");
    expect_outcome(MB_NOBID_INVALID_BID, "a byte that XML cannot carry");
    assert_int_equal(out.status, 204);
    assert_int_equal(logged("field=url"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(built_in_names_are_known),
        T(ids_and_tokens_lead_back_to_the_bid),
        T(the_price_is_in_house_currency),
        T(query_parameters_are_known_under_their_names),
        T(the_config_gives_parameters_another_name),
        T(the_eight_names_of_the_exchange_are_always_known),
        T(the_strategy_goes_first_then_built_in_then_the_query),
        T(urls_get_values_percent_encoded_unless_raw),
        T(other_braces_stay_byte_for_byte),
        T(a_token_that_fails_is_empty_and_counted),
        T(a_token_sees_request_impression_and_bid),
        T(texts_take_values_as_they_are),
        T(every_url_field_is_expanded),
        T(macros_of_xandr_are_expanded_as_texts),
        T(markup_has_double_braces),
        T(what_a_token_brings_is_checked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
