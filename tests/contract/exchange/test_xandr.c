/* Xandr's platform protocol as documents: bid requests and answers, notify and click calls. */
#include "wire_kit.h"

static const struct mb_endpoint endpoint = {
    .name = KIT_SLICE("xandr-fra"),
    .path = KIT_SLICE("/xandr"),
    .exchange = MB_EXCHANGE_XANDR,
    .rate = {1000000},
    .timeout_ms = 120,
    .margin_ms = 20,
    .member = KIT_SLICE("4402"),
};

static const struct mb_codec *codec(void)
{
    return mb_exchange_codec(MB_EXCHANGE_XANDR);
}

static void decode(const char *body, struct mb_request *out)
{
    struct mb_error err = {0};
    struct mb_wire_in in = kit_post(&endpoint, NULL, mb_slice_of(body));
    if (codec()->decode_request(&in, out, &err) != 0) {
        fail_msg("%s: %s", err.where, err.what);
    }
}

static void paths_are_those_below_the_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *asked;
        enum mb_wire_path path;
    } rows[] = {
        {"/xandr/bid", MB_WIRE_BID},        {"/xandr/notify", MB_WIRE_NOTIFY}, {"/xandr/click", MB_WIRE_CLICK},
        {"/xandr", MB_WIRE_UNKNOWN},        {"/xandr/", MB_WIRE_UNKNOWN},      {"/xandr/bids", MB_WIRE_UNKNOWN},
        {"/xandr/bid/", MB_WIRE_UNKNOWN},   {"/xandrbid", MB_WIRE_UNKNOWN},    {"/bid", MB_WIRE_UNKNOWN},
        {"/xandr/ready", MB_WIRE_UNKNOWN},  {"/xandr/pixel", MB_WIRE_PIXEL},   {"/xandr/audit", MB_WIRE_AUDIT},
    };
    struct mb_endpoint slashed = endpoint;
    slashed.path = MB_SLICE("/xandr/");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(codec()->path(&endpoint, mb_slice_of(rows[i].asked)), rows[i].path);
        assert_int_equal(codec()->path(&slashed, mb_slice_of(rows[i].asked)), rows[i].path);
    }
}

/* --- requests --- */

static void requests_are_read_field_by_field(void **state)
{
    (void)state;
    static const struct {
        const char *body, *decoded;
    } rows[] = {
        /* Multi-tag, ids beyond 2^53, one of them a string, nulls, deals. */
        {"{\"bid_request\":{\"timestamp\":\"2024-03-05 10:11:12\",\"bidder_timeout_ms\":100,"
         "\"members\":[{\"id\":4401},{\"id\":4402}],\"member_ad_profile_id\":9100,\"excluded_brands\":[12,77],"
         "\"tags\":[{\"auction_id_64\":9007199254740993,\"id\":550001,\"site_id\":7001,\"size\":\"300x250\","
         "\"sizes\":[\"300x250\",\"336x280\"],\"position\":\"above\",\"tag_format\":\"iframe\",\"reserve_price\":0.75,"
         "\"estimated_clear_price\":1.24481,\"deals\":[{\"id\":88001,\"member_id\":4401,\"floor_cpm\":1.5,\"sizes\":[]}],"
         "\"inventory_audits\":[{\"auditor_member_id\":null}]},"
         "{\"auction_id_64\":\"9223372036854775807\",\"id\":550002,\"size\":\"728x90\",\"position\":\"unknown\"}],"
         "\"bid_info\":{\"user_id_64\":9223372036854775806,\"no_cookies\":false,\"ip_address\":\"192.0.2.17\","
         "\"country\":\"DE\",\"postal_code_id\":\"10115\",\"url\":\"https://news.example/a?b=1\","
         "\"domain\":\"News.example\",\"userdata_json\":\"{\\\"seen\\\":[1,2]}\","
         "\"segments\":[{\"id\":5,\"member_id\":0,\"code\":\"new_user\"},{\"id\":6}]}}}",
         "id=9007199254740993\ncurrency=USD\ntimeout_ms=100\nsite.id=7001\nsite.domain=news.example\n"
         "site.page=https://news.example/a?b=1\ndevice.ip=192.0.2.17\ngeo.country=DE\ngeo.zip=10115\n"
         "user.id=9223372036854775806\nuser.segments=5|6\nuser.data={\"seen\":[1,2]}\nblocked.brands=12|77\n"
         "imp 0 format=banner\nid=9007199254740993\nsize=300x250\nsize=336x280\nfloor=0.75\nfloor_wire=0.75\n"
         "estimated_price=1.24481\ncurrency_wire=USD\ntag_id=550001\nposition=above\nmembers=4401|4402\n"
         "deals=88001\n"
         "imp 1 format=banner\nid=9223372036854775807\nsize=728x90\ncurrency_wire=USD\ntag_id=550002\n"
         "members=4401|4402\n"},
        /* Everything else that has a place: device, geo, user, seller's bans; user data as an object; an encoded user agent. */
        {"{\"bid_request\":{\"debug_requested\":true,\"test\":1,\"excluded_adservers\":[1],\"excluded_languages\":[2],"
         "\"excluded_categories\":[3],\"excluded_creatives\":[4],\"excluded_attributes\":[5],\"members\":[],"
         "\"tags\":[{\"auction_id_64\":1,\"ecp\":1.43206,\"allowed_media_types\":[4]}],"
         "\"bid_info\":{\"user_id_64\":-1,\"gender\":\"male\",\"age\":27,\"accepted_languages\":\"en-us,en;q=0.5\","
         "\"user_agent\":\"Mozilla%2f5.0+(compatible%3b+MSIE)\",\"device_type\":2,\"device_make\":\"Acme\","
         "\"device_model\":\"One\",\"country\":\"us\",\"region\":\"NY\",\"city\":\"New York\",\"postal_code\":10014,"
         "\"loc\":\"38.7875232696533,-77.2614831924438\",\"publisher_id\":81242,\"is_secure\":true,"
         "\"app_id\":\"2ac11907\",\"userdata_json\":{\"a\":1},"
         "\"inventory_audits\":[{\"content_categories\":[39,40]},{\"content_categories\":[41]}]}}}",
         "id=1\ntest=1\ndebug=1\ncurrency=USD\ntimeout_ms=120\nsite.publisher_id=81242\n"
         "site.categories=39|40|41\napp.id=2ac11907\n"
         "device.ua=Mozilla/5.0 (compatible; MSIE)\ndevice.type=phone\ndevice.make=Acme\ndevice.model=One\n"
         "device.language=en\ngeo.country=US\ngeo.region=NY\ngeo.city=New York\ngeo.zip=10014\n"
         "geo.lat=38.7875232696533\ngeo.lon=-77.2614831924438\n"
         "user.gender=male\nuser.year_of_birth=1997\nuser.opted_out=1\nuser.data={\"a\":1}\n"
         "blocked.categories=3\nblocked.creatives=4\nblocked.languages=2\nblocked.attributes=5\n"
         "blocked.adservers=1\n"
         "imp 0 format=video\nid=1\nestimated_price=1.43206\ncurrency_wire=USD\nsecure=1\n"},
        /* Wrong types everywhere: what cannot be meant is absent, a lone tag or member counts as a list of one. */
        {"{\"bid_request\":{\"bidder_timeout_ms\":\"x\",\"members\":7,\"tags\":{\"auction_id_64\":\"5\",\"sizes\":7,"
         "\"size\":[],\"position\":1,\"reserve_price\":\"0.5\",\"deals\":\"d1\",\"id\":{}},\"excluded_brands\":{},"
         "\"bid_info\":[{\"country\":\"DEU\"}]}}",
         "id=5\ncurrency=USD\ntimeout_ms=120\n"
         "imp 0 format=banner\nid=5\nfloor=0.5\nfloor_wire=0.5\ncurrency_wire=USD\nmembers=7\ndeals=d1\n"},
        /* A tag without an auction id cannot be bid on; the others can. A negative floor is none. */
        {"{\"bid_request\":{\"tags\":[null,{\"id\":1},{\"auction_id_64\":2,\"reserve_price\":-1}],"
         "\"bid_info\":{\"user_id_64\":0,\"age\":400,\"country\":\"DEU\",\"loc\":\"nowhere\",\"userdata_json\":\"\"}}}",
         "id=2\ncurrency=USD\ntimeout_ms=120\nimp 0 format=banner\nid=2\ncurrency_wire=USD\n"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        decode(rows[i].body, &request);
        kit_same(rows[i].body, kit_dump_request(&buf, &request), rows[i].decoded);
    }
    mb_buf_fini(&buf);
}

static void the_format_of_a_tag_is_guessed_from_what_it_allows(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        enum mb_format format;
    } rows[] = {
        {"", MB_FORMAT_BANNER},
        {",\"tag_format\":\"vast\"", MB_FORMAT_VIDEO},
        {",\"tag_format\":\"js\"", MB_FORMAT_BANNER},
        {",\"allowed_media_types\":[1,4,12]", MB_FORMAT_BANNER},
        {",\"allowed_media_types\":[4]", MB_FORMAT_VIDEO},
        {",\"allowed_media_types\":[\"12\"]", MB_FORMAT_NATIVE},
        {",\"allowed_media_types\":[6]", MB_FORMAT_BANNER},
        {",\"creative_formats\":[\"url-vast\",\"vast-url\"]", MB_FORMAT_VIDEO},
        {",\"creative_formats\":[\"image\",\"url-vast\"]", MB_FORMAT_BANNER},
        {",\"creative_formats\":[]", MB_FORMAT_BANNER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        decode(mb_xarena_printf(&kit_arena, "{\"bid_request\":{\"tags\":[{\"auction_id_64\":1%s}]}}", rows[i].tag).data,
               &request);
        if (request.imps[0].format != rows[i].format) {
            fail_msg("%s gave %s", rows[i].tag, mb_format_name(request.imps[0].format));
        }
    }
}

/* Floors are compared in house currency: the endpoint's rate says what its own is worth. */
static void floors_are_converted_where_the_endpoint_has_another_currency(void **state)
{
    (void)state;
    struct mb_endpoint euro = endpoint;
    struct mb_request request;
    euro.currency = MB_SLICE("EUR");
    euro.rate.millionths = 1080000;
    struct mb_wire_in in = kit_post(
        &euro, NULL, MB_SLICE("{\"bid_request\":{\"tags\":[{\"auction_id_64\":1,\"reserve_price\":0.75}]}}"));
    assert_int_equal(codec()->decode_request(&in, &request, NULL), 0);
    assert_int_equal(request.imps[0].floor_wire.micros, 750000);
    assert_int_equal(request.imps[0].floor.micros, 810000);
    assert_true(mb_slice_is(request.currency, "EUR"));
}

static void what_is_no_request_is_told_where(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int code;
        const char *where;
    } rows[] = {
        {"", MB_ESYNTAX, NULL},
        {"{\"bid_request\":{", MB_ESYNTAX, NULL},
        {"[]", MB_EPROTOCOL, "bid_request"},
        {"{}", MB_EPROTOCOL, "bid_request"},
        {"{\"bid_request\":[]}", MB_EPROTOCOL, "bid_request"},
        {"{\"id\":\"1\",\"imp\":[{\"id\":\"1\"}]}", MB_EPROTOCOL, "bid_request"},
        {"{\"bid_request\":{}}", MB_EPROTOCOL, "bid_request.tags"},
        {"{\"bid_request\":{\"tags\":[]}}", MB_EPROTOCOL, "bid_request.tags"},
        {"{\"bid_request\":{\"tags\":null}}", MB_EPROTOCOL, "bid_request.tags"},
        {"{\"bid_request\":{\"tags\":\"x\"}}", MB_EPROTOCOL, "bid_request.tags[0].auction_id_64"},
        {"{\"bid_request\":{\"tags\":[{\"auction_id_64\":null}]}}", MB_EPROTOCOL,
         "bid_request.tags[0].auction_id_64"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        struct mb_error err = {0};
        struct mb_wire_in in = kit_post(&endpoint, NULL, mb_slice_of(rows[i].body));
        int rc = codec()->decode_request(&in, &request, &err);
        if (rc != rows[i].code || err.code != rc || (rows[i].where && strcmp(err.where, rows[i].where) != 0)) {
            fail_msg("%s: %d at '%s'", rows[i].body, rc, err.where);
        }
    }
    struct mb_request request;
    struct mb_wire_in in = kit_get(&endpoint, "bid_request=1");
    assert_int_equal(codec()->decode_request(&in, &request, NULL), MB_EPROTOCOL);
}

static struct mb_slice many_tags(const char *wrapper, int count)
{
    struct mb_slice text = mb_xarena_printf(&kit_arena, "{\"%s\":{\"tags\":[", wrapper);
    for (int i = 0; i < count; i++) {
        text = mb_xarena_printf(&kit_arena, "%.*s%s{\"auction_id_64\":%d,\"notify_type\":\"won\"}", MB_SLICE_ARG(text),
                                i ? "," : "", i + 1);
    }
    return mb_xarena_printf(&kit_arena, "%.*s]}}", MB_SLICE_ARG(text));
}

static void tags_beyond_the_limit_are_left_out_and_notices_refused(void **state)
{
    (void)state;
    struct mb_request request;
    struct mb_event *events;
    size_t count;
    struct mb_wire_in in = kit_post(&endpoint, NULL, many_tags("bid_request", 64));
    assert_int_equal(codec()->decode_request(&in, &request, NULL), 0);
    assert_int_equal(request.n_imps, 64);
    assert_int_equal(request.imps[63].index, 63);
    in.body = many_tags("bid_request", 100);
    assert_int_equal(codec()->decode_request(&in, &request, NULL), 0);
    assert_int_equal(request.n_imps, 64);
    assert_true(mb_slice_is(request.imps[63].id, "64"));

    in.body = many_tags("notify_request", MB_WIRE_EVENTS_MAX);
    assert_int_equal(codec()->decode_notice(&in, MB_WIRE_NOTIFY, &events, &count, NULL), 0);
    assert_int_equal(count, MB_WIRE_EVENTS_MAX);
    in.body = many_tags("notify_request", MB_WIRE_EVENTS_MAX + 1);
    assert_int_equal(codec()->decode_notice(&in, MB_WIRE_NOTIFY, &events, &count, NULL), MB_EPROTOCOL);
}

/* --- answers --- */

#define REQUEST                                                                                                 \
    "{\"bid_request\":{\"members\":[{\"id\":4401},{\"id\":4402}],\"tags\":["                                    \
    "{\"auction_id_64\":9007199254740993,\"deals\":[{\"id\":88001}]},{\"auction_id_64\":\"9223372036854775807\"}]}}"

static struct mb_bid small_bid(const struct mb_imp *imp)
{
    return (struct mb_bid){
        .imp = imp,
        .model = MB_MODEL_CPM,
        .price_wire = {1620000},
        .member_id = MB_SLICE("4401"),
        .creative_id = MB_SLICE("71001"),
        .notice_token = MB_SLICE("c=9;l=4"),
    };
}

static void answers_are_written_byte_for_byte(void **state)
{
    (void)state;
    const struct mb_pair macros[] = {{MB_SLICE("LINE"), MB_SLICE("4")}, {MB_SLICE("Q"), MB_SLICE("a\"b")}};
    struct mb_buf buf = {0};
    struct mb_wire_out out = {.body = &buf};
    struct mb_request request;
    const char *field = NULL;
    decode(REQUEST, &request);
    struct mb_bid first = small_bid(&request.imps[0]);
    first.deal_id = MB_SLICE("88001");
    first.custom_notify_data = MB_SLICE("travels inside the token");
    first.custom_macros = (struct mb_pairs){macros, 2};
    first.segment_actions = MB_SLICE("[{\"action\":\"add\",\"id\":42}]");
    first.userdata_js = MB_SLICE("mark(9)");
    first.pixel_url = MB_SLICE("http://p.example/1");
    first.pixel_type = MB_SLICE("javascript");
    first.click_url = MB_SLICE("http://c.example/?u=");
    first.exclusive = true;
    first.title = MB_SLICE("not of this protocol");
    struct mb_bid second = small_bid(&request.imps[1]);
    second.creative_id = MB_SLICE_NONE;
    second.creative_code = MB_SLICE("23219");
    second.member_id = MB_SLICE_NONE;
    second.price_wire.micros = request.price_max.micros; /* the bidder cuts to it */
    second.notice_token = MB_SLICE_NONE;
    struct mb_bid *const bids[] = {&first, &second};
    assert_int_equal(codec()->check_bid(&request, &first, &field), MB_NOBID_BID);
    assert_int_equal(codec()->check_bid(&request, &second, &field), MB_NOBID_BID);
    codec()->encode_answer(&request, bids, 2, &out);
    assert_int_equal(out.status, 200);
    assert_string_equal(out.content_type, "application/json");
    kit_same("answer", mb_buf_slice(&buf),
             "{\"bid_response\":{\"responses\":["
             "{\"auction_id_64\":9007199254740993,\"member_id\":4401,\"price\":1.62,\"creative_id\":71001,"
             "\"deal_id\":88001,\"custom_notify_data\":\"c=9;l=4\","
             "\"custom_macros\":[{\"name\":\"LINE\",\"value\":\"4\"},{\"name\":\"Q\",\"value\":\"a\\\"b\"}],"
             "\"click_url\":\"http://c.example/?u=\",\"pixel_url\":\"http://p.example/1\","
             "\"pixel_type\":\"javascript\",\"userdata_js\":\"mark(9)\","
             "\"segment_actions\":[{\"action\":\"add\",\"id\":42}],\"exclusive\":true},"
             "{\"auction_id_64\":9223372036854775807,\"member_id\":4402,\"price\":999,"
             "\"creative_code\":\"23219\"}]}}");
    mb_buf_fini(&buf);
}

/* What is left of the fifteen responses is for tags that get no bid, where the endpoint says so. */
static void a_tag_without_a_bid_may_be_told(void **state)
{
    (void)state;
    static struct mb_endpoint telling;
    struct mb_buf buf = {0};
    struct mb_wire_out out = {.body = &buf};
    struct mb_request request;
    decode(REQUEST, &request);
    telling = *request.endpoint;
    telling.tells_each_tag = true;
    struct mb_bid bid = small_bid(&request.imps[1]), *fifteen[15];
    struct mb_bid *const one[] = {&bid};
    bid.notice_token = MB_SLICE_NONE;
#define SECOND "{\"auction_id_64\":9223372036854775807,\"member_id\":4401,\"price\":1.62,\"creative_id\":71001}"
    codec()->encode_answer(&request, one, 1, &out);
    kit_same("left out", mb_buf_slice(&buf), "{\"bid_response\":{\"responses\":[" SECOND "]}}");
    request.endpoint = &telling;
    mb_buf_clear(&buf);
    codec()->encode_answer(&request, one, 1, &out);
    kit_same("told", mb_buf_slice(&buf),
             "{\"bid_response\":{\"responses\":[" SECOND ",{\"auction_id_64\":9007199254740993,\"no_bid\":true}]}}");
#undef SECOND
    for (size_t i = 0; i < 15; i++) {
        fifteen[i] = &bid;
    }
    mb_buf_clear(&buf);
    codec()->encode_answer(&request, fifteen, 15, &out);
    assert_true(mb_slice_find(mb_buf_slice(&buf), MB_SLICE("no_bid")) < 0);
    mb_buf_fini(&buf);
}

/* Actions on segments that Xandr would not know make no bid. */
static void segments_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *actions;
        bool taken;
    } rows[] = {
        {"[]", true},
        {"[{\"action\":\"add\",\"id\":42,\"expires_min\":60}]", true},
        {"[{\"action\":\"remove\",\"code\":\"old\",\"member_id\":\"4401\"}]", true},
        {"[{\"action\":\"add\",\"id\":\"9007199254740993\",\"value\":1}]", true},
        {"{}", false},
        {"[7]", false},
        {"[{\"action\":\"add\"}]", false},
        {"[{\"action\":\"add\",\"id\":1,\"code\":\"x\"}]", false},
        {"[{\"action\":\"put\",\"id\":1}]", false},
        {"[{\"action\":\"add\",\"id\":1.5}]", false},
        {"[{\"action\":\"add\",\"id\":1,\"until\":5}]", false},
        {"[{\"action\":\"remove\",\"code\":\"\"}]", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        const char *field = NULL;
        decode(REQUEST, &request);
        struct mb_bid bid = small_bid(&request.imps[0]);
        bid.segment_actions = mb_slice_of(rows[i].actions);
        enum mb_nobid verdict = codec()->check_bid(&request, &bid, &field);
        if ((verdict == MB_NOBID_BID) != rows[i].taken || (field && strcmp(field, "segment_actions") != 0)) {
            fail_msg("%s: %s", rows[i].actions, field ? field : "taken");
        }
    }
}

static void no_bid_is_a_body_with_status_200(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_wire_out out = {.body = &buf};
    struct mb_request request = {0};
    codec()->encode_answer(&request, NULL, 0, &out);
    assert_int_equal(out.status, 200);
    assert_string_equal(out.content_type, "application/json");
    kit_same("no bid", mb_buf_slice(&buf), "{\"bid_response\":{\"no_bid\":true}}");
    mb_buf_fini(&buf);
}

static void at_most_fifteen_bids_go_out(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_wire_out out = {.body = &buf};
    struct mb_request request;
    decode(REQUEST, &request);
    struct mb_bid bid = small_bid(&request.imps[0]);
    struct mb_bid *bids[20];
    for (size_t i = 0; i < 20; i++) {
        bids[i] = &bid;
    }
    codec()->encode_answer(&request, bids, 20, &out);
    size_t found = 0;
    for (const char *at = buf.data; (at = memmem(at, (size_t)(buf.data + buf.len - at), "\"price\"", 7)); at++) {
        found++;
    }
    assert_int_equal(found, 15);
    assert_int_equal(codec()->bids_per_answer, 15);
    mb_buf_fini(&buf);
}

static void the_member_is_settled_from_request_and_endpoint(void **state)
{
    (void)state;
    static const struct {
        const char *members, *given, *own, *settled;
    } rows[] = {
        {"[{\"id\":1},{\"id\":2}]", "2", NULL, "2"},
        {"[{\"id\":1},{\"id\":2}]", "3", NULL, NULL},
        {"[{\"id\":1},{\"id\":2}]", NULL, "2", "2"},
        {"[{\"id\":1},{\"id\":2}]", NULL, "3", NULL},
        {"[{\"id\":1},{\"id\":2}]", NULL, NULL, NULL},
        {"[{\"id\":1}]", NULL, "2", "1"},
        {"[{\"id\":\"1\"}]", NULL, NULL, "1"},
        {"[1,2]", "2", NULL, "2"},
        {"[]", "9", NULL, "9"},
        {"[]", NULL, "2", "2"},
        {"[]", NULL, NULL, NULL},
        {"[]", "x", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_endpoint mine = endpoint;
        struct mb_request request;
        const char *field = NULL;
        decode(mb_xarena_printf(&kit_arena, "{\"bid_request\":{\"members\":%s,\"tags\":[{\"auction_id_64\":1}]}}",
                                rows[i].members).data,
               &request);
        mine.member = mb_slice_of(rows[i].own);
        request.endpoint = &mine;
        struct mb_bid bid = small_bid(&request.imps[0]);
        bid.member_id = mb_slice_of(rows[i].given);
        enum mb_nobid verdict = codec()->check_bid(&request, &bid, &field);
        if (rows[i].settled) {
            assert_int_equal(verdict, MB_NOBID_BID);
            kit_same(rows[i].members, bid.member_id, rows[i].settled);
        } else {
            assert_int_equal(verdict, MB_NOBID_INVALID_BID);
            assert_string_equal(field, "member_id");
        }
    }
}

static void what_the_exchange_would_refuse_names_its_field(void **state)
{
    (void)state;
    static const struct mb_pair caret = {KIT_SLICE("a^b"), KIT_SLICE("1")};
    static const struct mb_pair value_caret = {KIT_SLICE("a"), KIT_SLICE("1^")};
    static const struct mb_pair nameless = {KIT_SLICE(""), KIT_SLICE("1")};
    static const struct mb_slice bad_utf8 = {"\xc0\xaf", 2};
    struct mb_request request;
    decode(REQUEST, &request);
    struct mb_bid bids[14];
    for (size_t i = 0; i < 14; i++) {
        bids[i] = small_bid(&request.imps[0]);
    }
    bids[0].model = MB_MODEL_CPC;
    bids[1].price_wire.micros = 0;
    bids[2].creative_id = MB_SLICE_NONE;
    bids[3].creative_id = MB_SLICE("71001x");
    bids[4].creative_id = MB_SLICE("071001");
    bids[5].deal_id = MB_SLICE("88002");
    bids[6].deal_id = MB_SLICE("one");
    bids[7].custom_macros = (struct mb_pairs){&caret, 1};
    bids[8].custom_macros = (struct mb_pairs){&value_caret, 1};
    bids[9].custom_macros = (struct mb_pairs){&nameless, 1};
    bids[10].pixel_type = MB_SLICE("flash");
    bids[11].click_url = bad_utf8;
    bids[12].userdata_js = bad_utf8;
    bids[13].custom_notify_data = bad_utf8;
    static const char *const fields[] = {"model",         "price",         "creative_id",   "creative_id", "creative_id",
                                         "deal_id",       "deal_id",       "custom_macros", "custom_macros",
                                         "custom_macros", "pixel_type",    "click_url",     "userdata_js",
                                         "custom_notify_data"};
    for (size_t i = 0; i < 14; i++) {
        const char *field = NULL;
        assert_int_equal(codec()->check_bid(&request, &bids[i], &field), MB_NOBID_INVALID_BID);
        assert_string_equal(field, fields[i]);
    }
}

/* --- notify and click --- */

static const char *dump_notice(enum mb_wire_path path, const char *body, struct mb_buf *buf)
{
    struct mb_event *events = NULL;
    size_t count = 0;
    struct mb_error err = {0};
    struct mb_wire_in in = kit_post(&endpoint, NULL, mb_slice_of(body));
    if (codec()->decode_notice(&in, path, &events, &count, &err) != 0) {
        fail_msg("%s: %s: %s", body, err.where, err.what);
    }
    mb_buf_clear(buf);
    for (size_t i = 0; i < count; i++) {
        kit_dump_event(buf, &events[i]);
        assert_int_equal(events[i].time_ms, in.now_ms);
        assert_true(mb_slice_is(events[i].exchange, "xandr"));
        assert_true(mb_slice_is(events[i].endpoint, "xandr-fra"));
        assert_true(mb_slice_eq(events[i].raw, in.body));
    }
    return body;
}

static void notifies_become_an_event_per_tag(void **state)
{
    (void)state;
    static const struct {
        const char *body, *events;
    } rows[] = {
        /* Pending; the response belongs to the only tag. */
        {"{\"notify_request\":{\"timestamp\":\"2024-03-05 10:11:12\",\"response_time_ms\":21,"
         "\"tags\":[{\"id\":550001,\"auction_id_64\":9007199254740993,\"notify_type\":\"pending\","
         "\"post_pending\":false,\"payment_rule_id\":3}],"
         "\"responses\":[{\"result\":\"ok\",\"price_bid\":1.62,\"custom_notify_data\":\"r\"}]}}",
         "event pending\nexchange_time=2024-03-05 10:11:12\nauction_id=9007199254740993\n"
         "imp_id=9007199254740993\ntag_id=550001\ncurrency=USD\nprice_bid=1.62\npost_pending=0\n"
         "response_time_ms=21\nresult=ok\npayment_rule_id=3\ncustom_data=r\n"},
        /* The won one that follows: no responses. */
        {"{\"notify_request\":{\"timestamp\":\"2024-03-05 10:11:40\",\"tags\":[{\"id\":550001,"
         "\"auction_id_64\":\"9007199254740993\",\"notify_type\":\"won\",\"post_pending\":true,\"member_id\":4401,"
         "\"creative_id\":71001,\"price_paid\":1.51,\"custom_notify_data\":\"c=9;l=4 \","
         "\"user_id_64\":9223372036854775806}]}}",
         "event win\nexchange_time=2024-03-05 10:11:40\nauction_id=9007199254740993\nimp_id=9007199254740993\n"
         "tag_id=550001\ncurrency=USD\nprice_paid=1.51\npost_pending=1\ncreative_id=71001\nmember_id=4401\n"
         "user_id=9223372036854775806\ncustom_data=c=9;l=4 \n"},
        /* A technical failure is still of its type. */
        {"{\"notify_request\":{\"timestamp\":\"2024-03-05 10:12:00\",\"fail\":true,\"error_id\":14,"
         "\"error\":\"JSON parsing error\",\"response_time_ms\":9,"
         "\"tags\":[{\"auction_id_64\":9007199254740995,\"notify_type\":\"lost\"}]}}",
         "event loss\nexchange_time=2024-03-05 10:12:00\nauction_id=9007199254740995\nimp_id=9007199254740995\n"
         "currency=USD\nfail=1\nerror_id=14\nresponse_time_ms=9\nerror=JSON parsing error\n"
         "error_name=JSON_PARSING_ERROR\n"},
        /* Lost with the response's error, which nobody has a symbol for; a user id at the top. */
        {"{\"notify_request\":{\"user_id_64\":9191106446964517565,\"responses\":[{\"error_id\":140,\"result\":\"error\","
         "\"error\":\"audit\"}],\"tags\":[{\"notify_type\":\"lost\",\"auction_id_64\":442903072350998711}]}}",
         "event loss\nauction_id=442903072350998711\nimp_id=442903072350998711\ncurrency=USD\nerror_id=140\n"
         "result=error\nerror=audit\nuser_id=9191106446964517565\n"},
        /* Several tags: responses are not joined; each type; one that nobody knows. */
        {"{\"notify_request\":{\"tags\":[{\"auction_id_64\":1,\"notify_type\":\"sold\",\"price_sold_for\":0.4},"
         "{\"auction_id_64\":2,\"notify_type\":\"kept\"},{\"auction_id_64\":3,\"notify_type\":\"default\"},"
         "{\"auction_id_64\":4,\"notify_type\":\"error\"},{\"auction_id_64\":5,\"notify_type\":\"no-bid\"},{}],"
         "\"responses\":[{\"result\":\"ok\",\"price_bid\":1}]}}",
         "event sold\nauction_id=1\nimp_id=1\ncurrency=USD\nprice_sold_for=0.4\n"
         "event kept\nauction_id=2\nimp_id=2\ncurrency=USD\n"
         "event default\nauction_id=3\nimp_id=3\ncurrency=USD\n"
         "event error\nauction_id=4\nimp_id=4\ncurrency=USD\n"
         "event other\nauction_id=5\nimp_id=5\ncurrency=USD\nreason=no-bid\n"
         "event other\ncurrency=USD\n"},
        /* Several responses for one tag: only the tag's own custom_notify_data tells which. */
        {"{\"notify_request\":{\"tags\":[{\"auction_id_64\":1,\"notify_type\":\"won\",\"custom_notify_data\":\"b\"}],"
         "\"responses\":[{\"result\":\"ok\",\"price_bid\":1,\"custom_notify_data\":\"a\"},"
         "{\"result\":\"ok\",\"price_bid\":2,\"custom_notify_data\":\"b\"}]}}",
         "event win\nauction_id=1\nimp_id=1\ncurrency=USD\nprice_bid=2\nresult=ok\ncustom_data=b\n"},
        {"{\"notify_request\":{\"tags\":[{\"auction_id_64\":1,\"notify_type\":\"lost\"}],"
         "\"responses\":[{\"result\":\"ok\",\"price_bid\":1},{\"result\":\"ok\",\"price_bid\":2}]}}",
         "event loss\nauction_id=1\nimp_id=1\ncurrency=USD\n"},
        /* The whole auction, as the notify_full_auction switch adds it. */
        {"{\"notify_request\":{\"tags\":[{\"auction_id_64\":1,\"notify_type\":\"won\","
         "\"full_tag_info\":{\"site_id\":7001,\"sizes\":[ \"1x1\" ]}}],\"bid_info\":{\"country\":\"de\", \"age\":9}}}",
         "event win\nauction_id=1\nimp_id=1\nsite_id=7001\ncountry=DE\ncurrency=USD\n"
         "bid_info={\"country\":\"de\", \"age\":9}\nfull_tag_info={\"site_id\":7001,\"sizes\":[ \"1x1\" ]}\n"},
        /* Nothing but a failure. */
        {"{\"notify_request\":{\"timestamp\":\"t\",\"fail\":true,\"error_id\":10,\"error\":\"timeout\"}}",
         "event error\nexchange_time=t\ncurrency=USD\nfail=1\nerror_id=10\nerror=timeout\n"
         "error_name=REQUEST_TIMEOUT\n"},
        /* Blanks behind keys, as one official sample has them. */
        {"{\"notify_request\":{\"user_id_64 \":-1,\"tags \":[{\"auction_id_64 \":7,\"notify_type\":\"lost\","
         "\"error_id \":408}],\"response_time_ms\":\"67\"}}",
         "event loss\nauction_id=7\nimp_id=7\ncurrency=USD\nerror_id=408\nresponse_time_ms=67\n"
         "error_name=AD_PROFILE_CR_BRAND\nuser_id=-1\n"},
        /* Wrong types. */
        {"{\"notify_request\":{\"timestamp\":7,\"fail\":\"x\",\"error_id\":99999999999,\"response_time_ms\":{},"
         "\"tags\":[\"won\",{\"auction_id_64\":true,\"notify_type\":5,\"price_paid\":\"-1\",\"post_pending\":\"true\"}],"
         "\"responses\":{}}}",
         "event other\nexchange_time=7\ncurrency=USD\npost_pending=1\nreason=5\n"},
        {"{\"notify_request\":{\"tags\":{\"auction_id_64\":7,\"notify_type\":\"won\",\"post_pending\":2},\"bid_info\":true}}",
         "event win\nauction_id=7\nimp_id=7\ncurrency=USD\n"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dump_notice(MB_WIRE_NOTIFY, rows[i].body, &buf);
        kit_same(rows[i].body, mb_buf_slice(&buf), rows[i].events);
    }
    mb_buf_fini(&buf);
}

static void clicks_become_one_event(void **state)
{
    (void)state;
    static const struct {
        const char *body, *event;
    } rows[] = {
        {"{\"click_request\":{\"timestamp\":\"2024-03-05 10:13:00\",\"auction_id_64\":9007199254740993,"
         "\"member_id\":4401,\"user_id_64\":-1,\"referer_url\":\"news.example/a\",\"user_agent\":\"UA/1\","
         "\"custom_notify_data\":\"c=9;l=4\",\"userdata_json\":\"{\\\"segments\\\":[2]}\",\"test\":false}}",
         "event click\nexchange_time=2024-03-05 10:13:00\nauction_id=9007199254740993\nimp_id=9007199254740993\n"
         "currency=USD\nmember_id=4401\nuser_id=-1\nreferrer=news.example/a\nuser_agent=UA/1\n"
         "userdata_json={\"segments\":[2]}\ncustom_data=c=9;l=4\n"},
        {"{\"click_request\":{\"auction_id_64\":\"5\",\"userdata_json\":{\"a\": [1]},\"test\":true}}",
         "event click\nauction_id=5\nimp_id=5\ncurrency=USD\ntest=1\nuserdata_json={\"a\": [1]}\n"},
        {"{\"click_request\":{}}", "event click\ncurrency=USD\n"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dump_notice(MB_WIRE_CLICK, rows[i].body, &buf);
        kit_same(rows[i].body, mb_buf_slice(&buf), rows[i].event);
    }
    mb_buf_fini(&buf);
}

static void tags_and_responses_are_kept_as_sent(void **state)
{
    (void)state;
    struct mb_event *events = NULL;
    size_t count = 0;
    struct mb_wire_in in = kit_post(
        &endpoint, NULL,
        MB_SLICE("{\"notify_request\":{\"tags\":[ {\"notify_type\":\"won\"}, {} ],\"responses\":[ {} ]}}"));
    assert_int_equal(codec()->decode_notice(&in, MB_WIRE_NOTIFY, &events, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        kit_same("tags", events[i].tags, "[ {\"notify_type\":\"won\"}, {} ]");
        kit_same("responses", events[i].responses, "[ {} ]");
    }
}

static void what_is_no_notice_is_told_where(void **state)
{
    (void)state;
    static const struct {
        enum mb_wire_path path;
        const char *body;
        int code;
        const char *where;
    } rows[] = {
        {MB_WIRE_NOTIFY, "", MB_ESYNTAX, NULL},
        {MB_WIRE_NOTIFY, "{}", MB_EPROTOCOL, "notify_request"},
        {MB_WIRE_NOTIFY, "{\"click_request\":{}}", MB_EPROTOCOL, "notify_request"},
        {MB_WIRE_NOTIFY, "{\"notify_request\":[]}", MB_EPROTOCOL, "notify_request"},
        {MB_WIRE_NOTIFY, "{\"notify_request\":{}}", MB_EPROTOCOL, "notify_request.tags"},
        {MB_WIRE_NOTIFY, "{\"notify_request\":{\"tags\":[],\"fail\":false}}", MB_EPROTOCOL, "notify_request.tags"},
        {MB_WIRE_CLICK, "[1]", MB_EPROTOCOL, "click_request"},
        {MB_WIRE_PIXEL, "{}", MB_EPROTOCOL, "pixel_request"},
        {MB_WIRE_AUDIT, "[]", MB_EPROTOCOL, "creative_id"},
        {MB_WIRE_AUDIT, "{\"new_audit_status\":\"audited\"}", MB_EPROTOCOL, "creative_id"},
        {MB_WIRE_CLICK, "{\"notify_request\":{}}", MB_EPROTOCOL, "click_request"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_event *events = NULL;
        size_t count = 0;
        struct mb_error err = {0};
        struct mb_wire_in in = kit_post(&endpoint, NULL, mb_slice_of(rows[i].body));
        int rc = codec()->decode_notice(&in, rows[i].path, &events, &count, &err);
        if (rc != rows[i].code || (rows[i].where && strcmp(err.where, rows[i].where) != 0)) {
            fail_msg("%s: %d at '%s'", rows[i].body, rc, err.where);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(paths_are_those_below_the_prefix),
        CASE(requests_are_read_field_by_field),
        CASE(the_format_of_a_tag_is_guessed_from_what_it_allows),
        CASE(floors_are_converted_where_the_endpoint_has_another_currency),
        CASE(what_is_no_request_is_told_where),
        CASE(tags_beyond_the_limit_are_left_out_and_notices_refused),
        CASE(answers_are_written_byte_for_byte),
        CASE(a_tag_without_a_bid_may_be_told),
        CASE(segments_are_checked),
        CASE(no_bid_is_a_body_with_status_200),
        CASE(at_most_fifteen_bids_go_out),
        CASE(the_member_is_settled_from_request_and_endpoint),
        CASE(what_the_exchange_would_refuse_names_its_field),
        CASE(notifies_become_an_event_per_tag),
        CASE(clicks_become_one_event),
        CASE(tags_and_responses_are_kept_as_sent),
        CASE(what_is_no_notice_is_told_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
