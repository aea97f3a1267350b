/* test_views.c - what `req`, `imp`, `ctx` and `event` show. */
#include "fixture.h"

static struct mb_json doc;
static struct mb_arena json_arena;

/* Each row: a Lua expression over ctx, req, imp and its value as text. */
static void expect_rows(const char *const (*rows)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char body[1024];
        snprintf(body, sizeof(body), "return { price = 1, data = tostring(%s) }", rows[i][0]);
        expect_data(body, rows[i][1]);
    }
}
#define EXPECT_ROWS(rows) expect_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void fill_request(void)
{
    static const struct mb_slice two[] = {{"one", 3}, {"t\0o", 3}};
    static const struct mb_size sizes[] = {{300, 250}, {728, 90}};
    static const struct mb_pair tokens[] = {
        {{"zone_id", 7}, {"778899", 6}}, {{"a", 1}, {"1", 1}}, {{"a", 1}, {"2", 1}}};
    static const struct mb_slices list = {two, 2};
    static const char json[] =
        "{\"id\":9007199254740993,\"auction_id_64\":12345678901234567890,\"n\":1.5,\"member_id\":"
        "958,\"s\":\"a\\u0000b\","
        "\"big\":9007199254740995,\"list\":[1,{\"id\":\"x\"},null,true],\"no\":null,\"empty\":[]}";
    request.debug = true;
    request.currency = MB_SLICE("USD");
    request.at = 2;
    request.timeout_ms = 120;
    request.site = (struct mb_site){.id = MB_SLICE("5"),
                                    .domain = MB_SLICE("site.example"),
                                    .page = MB_SLICE("p"),
                                    .name = MB_SLICE("n"),
                                    .referrer = MB_SLICE("r"),
                                    .publisher_id = MB_SLICE("18446744073709551615"),
                                    .zone_id = MB_SLICE("z"),
                                    .sub = MB_SLICE("s"),
                                    .categories = list,
                                    .keywords = list};
    request.app = (struct mb_app){MB_SLICE("i"), MB_SLICE("b"), MB_SLICE("n"), MB_SLICE("d")};
    request.device = (struct mb_device){
        MB_SLICE("192.0.2.1"), MB_SLICE("192.0.2.2"), MB_SLICE("f"),     MB_SLICE("ua"),
        MB_SLICE("android"),   MB_SLICE("12"),        MB_SLICE("phone"), MB_SLICE("chrome"),
        MB_SLICE("mk"),        MB_SLICE("md"),        MB_SLICE("de"),    NULL,
        MB_SLICE_NONE,         MB_HINT_NONE};
    request.geo = (struct mb_geo_place){MB_SLICE("DE"),
                                        MB_SLICE("BE"),
                                        MB_SLICE("Berlin"),
                                        MB_SLICE("10115"),
                                        MB_SLICE("52.5"),
                                        MB_SLICE("13.25"),
                                        NULL};
    request.user = (struct mb_user){.id = MB_SLICE("u"),
                                    .buyer_id = MB_SLICE("bu"),
                                    .gender = MB_SLICE("m"),
                                    .keyword = MB_SLICE("k"),
                                    .email_hash = MB_SLICE("h"),
                                    .year_of_birth = 1980,
                                    .opted_out = true,
                                    .segments = list,
                                    .data = MB_SLICE("d")};
    request.blocked = (struct mb_blocked){list, list, list, list, list, list, list, list, list};
    request.regs =
        (struct mb_regs){1, 0, MB_SLICE("1---"), MB_SLICE("g"), MB_SLICE("c"), {NULL, 0}};
    request.tokens = (struct mb_pairs){tokens, 3};
    mb_arena_fini(&json_arena);
    mb_arena_init(&json_arena, 4096);
    assert_int_equal(mb_json_parse(&doc, &json_arena, mb_slice_of(json), NULL), 0);
    struct mb_json_value root = mb_json_root(&doc);
    request.raw = (struct mb_raw){&doc, root.token, root.type};
    imps[0] = (struct mb_imp){.id = MB_SLICE("1"),
                              .format = MB_FORMAT_BANNER,
                              .size = sizes[0],
                              .sizes = sizes,
                              .n_sizes = 2,
                              .floor = {250000},
                              .floor_wire = {300000},
                              .currency_wire = MB_SLICE("EUR"),
                              .secure = true,
                              .tag_id = MB_SLICE("tag"),
                              .position = MB_SLICE("above"),
                              .members = list,
                              .deals = list,
                              .estimated_price = {1500000},
                              .raw = request.raw};
}

static void every_field_of_a_full_request_shows(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"req.id", "req-1"},
        {"req.exchange", "exoclick"},
        {"req.endpoint", "exo-eu"},
        {"req.test", "false"},
        {"req.debug", "true"},
        {"req.currency", "USD"},
        {"req.at", "second"},
        {"req.timeout_ms", "120"},
        {"#req.imps", "2"},
        {"req.imps[1] == imp", "true"},
        {"req.imps[2].id", "imp-2"},
        {"req.imps[3]", "nil"},
        {"req.imps[1.5]", "nil"},
        {"req.site.id", "5"},
        {"req.site.domain", "site.example"},
        {"req.site.page", "p"},
        {"req.site.name", "n"},
        {"req.site.referrer", "r"},
        {"req.site.publisher_id", "18446744073709551615"},
        {"req.site.zone_id", "z"},
        {"req.site.sub", "s"},
        {"req.site.categories[1]", "one"},
        {"#req.site.keywords[2]", "3"},
        {"req.site.keywords[2] == 't\\0o'", "true"},
        {"req.app.id .. req.app.bundle .. req.app.name .. req.app.domain", "ibnd"},
        {"req.device.ip", "192.0.2.1"},
        {"req.device.remote_ip", "192.0.2.2"},
        {"req.device.forwarded_for .. req.device.ua .. req.device.os .. req.device.os_version",
         "fuaandroid12"},
        {"req.device.type .. req.device.browser .. req.device.make .. req.device.model .. "
         "req.device.language",
         "phonechromemkmdde"},
        {"req.geo.country .. req.geo.region .. req.geo.city .. req.geo.zip", "DEBEBerlin10115"},
        {"req.geo.lat + req.geo.lon", "65.75"},
        {"req.user.id .. req.user.buyer_id .. req.user.gender .. req.user.keyword .. "
         "req.user.email_hash .. req.user.data",
         "ubumkhd"},
        {"req.user.year_of_birth", "1980"},
        {"req.user.opted_out", "true"},
        {"#req.user.segments", "2"},
        {"req.tokens.zone_id", "778899"},
        {"req.tokens.a", "1"},
        {"req.tokens.none", "nil"},
        {"req.regs.gdpr", "true"},
        {"req.regs.coppa", "false"},
        {"req.regs.us_privacy .. req.regs.gpp .. req.regs.consent", "1---gc"},
        {"#req.blocked.categories + #req.blocked.domains + #req.blocked.creatives + "
         "#req.blocked.brands",
         "8"},
        {"#req.blocked.languages + #req.blocked.attributes + #req.blocked.adservers", "6"},
        {"req.raw.id", "9007199254740993"},
        {"type(req.raw.id)", "string"},
        {"req.raw.auction_id_64", "12345678901234567890"},
        {"req.raw.n", "1.5"},
        {"type(req.raw.member_id)", "string"},
        {"#req.raw.s", "3"},
        {"req.raw.big", "9007199254740995"},
        {"#req.raw.list", "4"},
        {"req.raw.list[1]", "1"},
        {"req.raw.list[2].id", "x"},
        {"req.raw.list[3]", "nil"},
        {"req.raw.list[4]", "true"},
        {"req.raw.list[5]", "nil"},
        {"req.raw.no", "nil"},
        {"#req.raw.empty", "0"},
        {"req.raw.other", "nil"},
        {"req.raw[1]", "nil"},
        {"imp.id", "1"},
        {"imp.format", "banner"},
        {"imp.width", "300"},
        {"imp.height", "250"},
        {"imp.sizes[2]", "728x90"},
        {"#imp.sizes", "2"},
        {"imp.floor", "0.25"},
        {"imp.floor_wire", "0.3"},
        {"imp.currency_wire", "EUR"},
        {"imp.secure", "true"},
        {"imp.tag_id", "tag"},
        {"imp.position", "above"},
        {"imp.deals[1] .. imp.members[1]", "oneone"},
        {"imp.estimated_price", "1.5"},
        {"imp.raw.n", "1.5"},
        {"req.other", "nil"},
        {"req[1]", "nil"},
        {"imp[{}]", "nil"},
        {"req.site['do' .. 'main']", "site.example"},
        {"(function() local out = {} for k, v in pairs(req.tokens) do out[#out + 1] = k .. '=' .. "
         "v end return table.concat(out, ' ') end)()",
         "a=1 zone_id=778899"},
        {"(function() local out = {} for i, v in ipairs(imp.sizes) do out[i] = v end return "
         "table.concat(out, ' ') end)()",
         "300x250 728x90"},
        {"(function() local out = {} for k in pairs(req.app) do out[#out + 1] = k end return "
         "table.concat(out, ' ') end)()",
         "bundle domain id name"},
        {"(function() local n = 0 for _, i in ipairs(req.imps) do n = n + #i.id end return n "
         "end)()",
         "6"},
        {"(function() local n = 0 for k in pairs(req.raw) do n = n + 1 end return n end)()", "8"},
    };
    fill_request();
    EXPECT_ROWS(rows);
}

static void what_is_absent_is_nil_and_sub_tables_are_there(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"req.currency", "nil"},
        {"req.at", "nil"},
        {"req.timeout_ms", "nil"},
        {"req.raw", "nil"},
        {"req.site.id", "nil"},
        {"req.site.categories", "nil"},
        {"req.app.bundle", "nil"},
        {"req.device.ua", "nil"},
        {"req.geo.country", "nil"},
        {"req.geo.lat", "nil"},
        {"req.user.id", "nil"},
        {"req.user.year_of_birth", "nil"},
        {"req.user.opted_out", "false"},
        {"req.user.segments", "nil"},
        {"req.tokens.a", "nil"},
        {"req.regs.gdpr", "nil"},
        {"req.regs.coppa", "nil"},
        {"req.regs.consent", "nil"},
        {"req.blocked.domains", "nil"},
        {"imp.width", "nil"},
        {"imp.sizes", "nil"},
        {"imp.floor", "0"},
        {"imp.secure", "false"},
        {"imp.tag_id", "nil"},
        {"imp.deals", "nil"},
        {"imp.members", "nil"},
        {"imp.estimated_price", "nil"},
        {"imp.raw", "nil"},
        {"imp.position", "nil"},
        {"next { pairs(req.tokens) } ~= nil", "true"},
        {"req[1]", "nil"},
        {"req[1.5]", "nil"},
        {"req[true]", "nil"},
        {"req[req]", "nil"},
        {"imp[print or {}]", "nil"},
        {"req.site[('zone'):rep(1000)]", "nil"},
    };
    EXPECT_ROWS(rows);
}

static void writing_raises(void **state)
{
    (void)state;
    static const char *const writes[] = {
        "req.id = 1",     "req.x = 1",           "req.site.id = 1",  "req.tokens.a = 1",
        "imp.floor = 0",  "req.imps[1] = 1",     "imp.sizes[1] = 1", "req.user.segments[1] = 'x'",
        "req.raw.id = 1", "req.raw.list[1] = 1", "ctx.now = 1",      "ctx.random = 1",
        "ctx.x = 1"};
    fill_request();
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        load_body(writes[i]);
        bid("a");
        assert_int_equal(result.outcome, MB_NOBID_SCRIPT_ERROR);
        expect_part(result.problem, "read-only");
    }
}

static void a_view_that_was_kept_raises_after_its_request(void **state)
{
    (void)state;
    static const char *const kept[] = {"req",        "imp",      "req.site",
                                       "req.tokens", "req.imps", "req.user.segments",
                                       "imp.sizes",  "req.raw",  "req.raw.list"};
    static const char *const uses[] = {"kept.id", "kept[1]", "#kept", "kept.zone_id",
                                       "(function() for _ in pairs(kept) do end end)()"};
    fill_request();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        for (size_t u = 0; u < sizeof(uses) / sizeof(uses[0]); u++) {
            char text[512];
            snprintf(text, sizeof(text),
                     "local kept return strategy { name = 'a', bid = function(ctx, req, imp) "
                     "if kept then local x = %s end kept = kept or %s return { price = 1 } end }",
                     uses[u], kept[i]);
            put_text("strategies/a.lua", text);
            load();
            bid("a");
            assert_int_equal(result.outcome, MB_NOBID_BID);
            bid("a");
            if (result.outcome != MB_NOBID_SCRIPT_ERROR)
                fail_msg("%s of %s: %s", uses[u], kept[i], mb_nobid_name(result.outcome));
        }
    }
}

static void ctx_gives_time_chance_and_state(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"ctx.now", "1772442000123"},
        {"ctx.date('%Y-%m-%d %H:%M')", "2026-03-02 09:00"},
        {"ctx.date('%H:%M %z', 'Europe/Berlin')", "10:00 +0100"},
        {"pcall(ctx.date, '%H', 'Nowhere/Else')", "false"},
        {"pcall(ctx.date, '%H', '../../etc/passwd')", "false"},
        {"ctx.time_left()", "77"},
        {"ctx.strategy", "a"},
        {"#ctx.version", "16"},
        {"ctx.incr('k', 2, '24h') + ctx.incr('k', 3, '24h')", "7"},
        {"ctx.get('k')", "5"},
        {"ctx.get('other')", "0"},
        {"ctx.incr('shared:k', 1, '1h')", "1"},
        {"pcall(ctx.incr, 'k', 1, 'soon')", "false"},
        {"pcall(ctx.incr, 'k', 0.5, '1h')", "false"},
        {"ctx.spend('day')", "0"},
        {"pcall(ctx.spend, 'week')", "false"},
        {"ctx.arm('x', 'user', { a = 1, b = 0 })", "a"},
        {"ctx.arm('x', 'user', { a = 50, b = 50 }) == ctx.arm('x', 'user', { b = 50, a = 50 })",
         "true"},
        {"pcall(ctx.arm, 'x', 'u', {})", "false"},
        {"pcall(ctx.arm, 'x', 'u', { [('a'):rep(33)] = 1 })", "false"},
        {"pcall(ctx.random, 0)", "false"},
        {"pcall(ctx.random, 2, 1)", "false"},
        {"ctx.other", "nil"},
        {"ctx[1]", "nil"},
        {"ctx[ctx]", "nil"},
        {"(function() local t = {} for k, v in pairs(ctx) do t[k] = v end "
         "return t.random == ctx.random and t.now == ctx.now and t.strategy .. #t.version end)()",
         "a16"},
    };
    EXPECT_ROWS(rows);
}

static void chance_repeats_with_the_seed(void **state)
{
    (void)state;
    double sum = 0;
    struct mb_price first[3];
    load_body("return { price = ctx.random(1000) + math.random() }");
    static const uint64_t seeds[] = {5, 5, 6};
    for (int i = 0; i < 3; i++) {
        begin(seeds[i]);
        mb_script_bid(script, get("a"), &imps[0], &result);
        mb_script_end(script);
        first[i] = result.bids[0].price;
    }
    assert_int_equal(first[0].micros, first[1].micros);
    assert_int_not_equal(first[0].micros, first[2].micros);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        begin(seed);
        mb_script_bid(script, get("a"), &imps[0], &result);
        mb_script_end(script);
        sum += mb_money_price_to_double(result.bids[0].price);
    }
    assert_true(sum / 2000 > 470 && sum / 2000 < 530);
}

static void notes_and_arms_travel_with_the_result(void **state)
{
    (void)state;
    load_body("for i = 1, 10 do ctx.note('k' .. i, i) end ctx.arm('e', 'u', { left = 1 }) "
              "ctx.arm('f', 'u', { up = 1 }) return { price = 1 }");
    bid("a");
    assert_int_equal(result.notes.count, 8);
    expect_slice(result.notes.items[7].name, "k8");
    expect_slice(result.notes.items[7].value, "8");
    expect_slice(result.bids[0].arm, "left+up");
    load_body("ctx.note('why', true) error('x')");
    bid("a");
    assert_int_equal(result.notes.count, 1);
}

static void an_event_shows_every_field(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"event.type", "win"},
        {"event.time", "1772442000123"},
        {"event.exchange_time", "et"},
        {"event.exchange", "xandr"},
        {"event.endpoint", "x1"},
        {"event.auction_id", "8189378542222915032"},
        {"event.imp_id", "i"},
        {"event.tag_id", "t"},
        {"event.site_id", "s"},
        {"event.zone_id", "z"},
        {"event.country", "DE"},
        {"event.strategy", "a"},
        {"event.version", "v"},
        {"event.arm", "b"},
        {"event.data", "d"},
        {"event.model", "cpc"},
        {"event.currency", "USD"},
        {"event.price_bid", "0.5"},
        {"event.price_paid", "nil"},
        {"event.price_sold_for", "0"},
        {"event.min_to_win", "0.75"},
        {"event.cost", "0.0005"},
        {"event.loss_code", "102"},
        {"event.reason", "r"},
        {"event.result", "rs"},
        {"event.fail", "true"},
        {"event.error_id", "7"},
        {"type(event.error_id)", "string"},
        {"event.error", "e"},
        {"event.error_name", "en"},
        {"event.response_time_ms", "nil"},
        {"event.post_pending", "true"},
        {"event.payment_rule_id", "p"},
        {"event.creative_id", "c"},
        {"event.member_id", "m"},
        {"event.user_id", "u"},
        {"event.referrer", "rf"},
        {"event.user_agent", "ua"},
        {"event.userdata_json", "{}"},
        {"event.custom_data", "cd"},
        {"event.value", "9"},
        {"event.test", "false"},
        {"event.tags[1].id", "5"},
        {"event.responses.ok", "true"},
        {"event.bid_info", "no json"},
        {"event.full_tag_info", "nil"},
        {"event.raw.auction_id_64", "18446744073709551615"},
        {"event.other", "nil"},
        {"ctx.time_left()", "inf"},
        {"ctx.now", "5"},
        {"pcall(function() event.type = 1 end)", "false"},
    };
    struct mb_event event = {.type = MB_EVENT_WIN,
                             .time_ms = INT64_C(1772442000123),
                             .exchange_time = MB_SLICE("et"),
                             .exchange = MB_SLICE("xandr"),
                             .endpoint = MB_SLICE("x1"),
                             .auction_id = MB_SLICE("8189378542222915032"),
                             .imp_id = MB_SLICE("i"),
                             .tag_id = MB_SLICE("t"),
                             .site_id = MB_SLICE("s"),
                             .zone_id = MB_SLICE("z"),
                             .country = MB_SLICE("DE"),
                             .strategy = MB_SLICE("a"),
                             .version = MB_SLICE("v"),
                             .arm = MB_SLICE("b"),
                             .data = MB_SLICE("d"),
                             .model = MB_MODEL_CPC,
                             .currency = MB_SLICE("USD"),
                             .has_price_bid = true,
                             .price_bid = {500000},
                             .price_paid = {1},
                             .has_price_sold_for = true,
                             .has_min_to_win = true,
                             .min_to_win = {750000},
                             .cost = {500000},
                             .loss_code = 102,
                             .reason = MB_SLICE("r"),
                             .result = MB_SLICE("rs"),
                             .fail = true,
                             .error_id = 7,
                             .error = MB_SLICE("e"),
                             .error_name = MB_SLICE("en"),
                             .response_time_ms = -1,
                             .post_pending = 1,
                             .payment_rule_id = MB_SLICE("p"),
                             .creative_id = MB_SLICE("c"),
                             .member_id = MB_SLICE("m"),
                             .user_id = MB_SLICE("u"),
                             .referrer = MB_SLICE("rf"),
                             .user_agent = MB_SLICE("ua"),
                             .userdata_json = MB_SLICE("{}"),
                             .custom_data = MB_SLICE("cd"),
                             .value = MB_SLICE("9"),
                             .tags = MB_SLICE("[{\"id\":5}]"),
                             .responses = MB_SLICE("{\"ok\":true}"),
                             .bid_info = MB_SLICE("no json"),
                             .raw = MB_SLICE("{\"auction_id_64\":18446744073709551615}"),
                             .key = MB_SLICE("k")};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct mb_slice problem;
        snprintf(
            text, sizeof(text),
            "return strategy { name = 'a', bid = function() end, on_win = function(ctx, event) "
            "error(tostring(%s), 0) end }",
            rows[i][0]);
        put_text("strategies/a.lua", text);
        load();
        assert_int_equal(mb_script_event(script, get("a"), &event, 5, &problem),
                         MB_NOBID_SCRIPT_ERROR);
        if (!mb_slice_is(problem, rows[i][1]))
            fail_msg("%s: got '%.*s', expected '%s'", rows[i][0], MB_SLICE_ARG(problem),
                     rows[i][1]);
    }
}

static void handlers_hear_their_events_and_on_notify_hears_all(void **state)
{
    (void)state;
    put_text(
        "strategies/a.lua",
        "local heard = '' local function hear(name) return function(_, event) heard = heard .. "
        "name:sub(1, 1) .. ':' .. event.type:sub(1, 1) .. ' ' end end "
        "return strategy { name = 'a', bid = function() return { price = 1, data = heard } end, "
        "on_win = hear 'win', on_click = hear 'click', on_notify = hear 'notify' }");
    load();
    static const enum mb_event_type types[] = {MB_EVENT_WIN, MB_EVENT_LOSS, MB_EVENT_CLICK,
                                               MB_EVENT_PENDING};
    for (size_t i = 0; i < 4; i++) {
        struct mb_event event = {.type = types[i], .key = MB_SLICE("k")};
        assert_int_equal(mb_script_event(script, get("a"), &event, 5, NULL), MB_NOBID_BID);
    }
    bid("a");
    expect_slice(result.bids[0].data, "w:w n:w n:l c:c n:c n:p ");
}

/* However many parameters a function has, it gets what it can see. */
static void functions_get_what_they_have_parameters_for(void **state)
{
    (void)state;
    static const struct {
        const char *params, *data, *data_is, *token, *token_is;
    } rows[] = {
        {"", "'none'", "none", "'none'", "none"},
        {"ctx", "ctx.strategy", "a", "ctx.strategy .. 1", "a1"},
        {"ctx, req", "req.id .. ctx.strategy", "req-1a", "req.id .. 1", "req-11"},
        {"ctx, req, imp", "imp.id .. req.id", "imp-1req-1", "imp.id .. req.id", "imp-1req-1"},
        {"ctx, req, imp, bid", "imp.id .. tostring(bid)", "imp-1nil", "imp.id .. bid.data",
         "imp-1imp-1nil"},
        {"ctx, req, imp, bid, more", "imp.id .. tostring(more)", "imp-1nil",
         "bid.data .. tostring(more)", "imp-1nilnil"},
        {"...", "select(3, ...).id .. select('#', ...)", "imp-13",
         "select(4, ...).data .. select('#', ...)", "imp-134"},
        {"ctx, ...", "select(2, ...).id .. select('#', ...)", "imp-12",
         "select(3, ...).data .. select('#', ...)", "imp-123"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "return strategy { name = 'a', tokens = { t = function(%s) return %s end }, "
                 "bid = function(%s) return { price = 1, data = %s } end }",
                 rows[i].params, rows[i].token, rows[i].params, rows[i].data);
        put_text("strategies/a.lua", text);
        load();
        const struct mb_strategy *a = get("a");
        struct mb_slice token;
        begin(1);
        mb_script_bid(script, a, &imps[0], &result);
        assert_int_equal(result.outcome, MB_NOBID_BID);
        expect_slice(result.bids[0].data, rows[i].data_is);
        assert_true(mb_script_token(script, a, &result.bids[0], MB_SLICE("t"), &token));
        expect_slice(token, rows[i].token_is);
        mb_script_end(script);
    }
}

/* A function of C tells no parameters and gets all. */
static void a_function_of_c_gets_all_arguments(void **state)
{
    (void)state;
    put_text("strategies/a.lua",
             "return strategy { name = 'a', bid = coroutine.wrap(function(ctx, req, imp) "
             "while true do coroutine.yield { price = 1, data = ctx.strategy .. req.id .. imp.id } "
             "end end) }");
    load();
    bid("a");
    expect_slice(result.bids[0].data, "areq-1imp-1");
}

static void tokens_see_the_bid_and_failures_count(void **state)
{
    (void)state;
    put_text(
        "strategies/a.lua",
        "return strategy { name = 'a', tokens = { good = function(ctx, req, imp, bid) return "
        "bid.data .. imp.id .. ctx.strategy end, "
        "number = function() return 12 end, none = function() end, bad = function() error('x') "
        "end, zero = function() return 'a\\0b' end }, "
        "bid = function() return { { price = 1, data = 'x' }, { price = 2, data = 'y' } } end }");
    load();
    const struct mb_strategy *a = get("a");
    struct mb_slice text;
    begin(1);
    mb_script_bid(script, a, &imps[0], &result);
    assert_int_equal(result.n_bids, 2);
    assert_true(mb_script_token(script, a, &result.bids[1], MB_SLICE("good"), &text));
    expect_slice(text, "yimp-1a");
    assert_true(mb_script_token(script, a, &result.bids[0], MB_SLICE("good"), &text));
    expect_slice(text, "ximp-1a");
    assert_true(mb_script_token(script, a, &result.bids[0], MB_SLICE("number"), &text));
    expect_slice(text, "12");
    assert_true(mb_script_token(script, a, &result.bids[0], MB_SLICE("zero"), &text));
    assert_int_equal(text.len, 3);
    assert_false(mb_script_token(script, a, &result.bids[0], MB_SLICE("none"), &text));
    assert_false(mb_script_token(script, a, &result.bids[0], MB_SLICE("bad"), &text));
    assert_null(text.data);
    mb_script_end(script);
    assert_int_equal(mb_script_counts(script, a)->token_failures, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_of_a_full_request_shows, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_absent_is_nil_and_sub_tables_are_there,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(writing_raises, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_view_that_was_kept_raises_after_its_request,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(ctx_gives_time_chance_and_state, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(chance_repeats_with_the_seed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(notes_and_arms_travel_with_the_result, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(an_event_shows_every_field, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(handlers_hear_their_events_and_on_notify_hears_all,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(functions_get_what_they_have_parameters_for, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_function_of_c_gets_all_arguments, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(tokens_see_the_bid_and_failures_count, fixture_setup,
                                        fixture_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mb_arena_fini(&json_arena);
    return failed;
}
