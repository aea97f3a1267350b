/* ExoClick RTB as documents: the request as sent, what is decoded of it, and the answer byte for byte. */
#include "wire_kit.h"

static const struct mb_pair renames[] = {{KIT_SLICE("zone"), KIT_SLICE("zone_id")},
                                         {KIT_SLICE("site"), KIT_SLICE("site_id")},
                                         {KIT_SLICE("host"), KIT_SLICE("src_hostname")}};

static const struct mb_endpoint endpoint = {
    .name = KIT_SLICE("exo-eu"),
    .path = KIT_SLICE("/exoclick/bid"),
    .exchange = MB_EXCHANGE_EXOCLICK,
    .currency = KIT_SLICE("EUR"),
    .rate = {1080000},
    .tokens = {renames, 3},
    .timeout_ms = 300,
    .margin_ms = 50,
};

static const struct mb_codec *codec(void)
{
    return mb_exchange_codec(MB_EXCHANGE_EXOCLICK);
}

static void decode(struct mb_wire_in in, struct mb_request *out)
{
    struct mb_error err = {0};
    int rc = codec()->decode_request(&in, out, &err);
    if (rc != 0) {
        fail_msg("%s: %s", err.where, err.what);
    }
}

/* --- requests --- */

static void requests_are_read_field_by_field(void **state)
{
    (void)state;
    static const struct {
        const char *query, *body, *decoded;
    } rows[] = {
        /* A banner, all tokens replaced. */
        {"zone=778899&site=4321&host=Pub.Example&imp=i-1&tags=a%20b,c",
         "{\"id\":\"11111111-2222-4333-8444-555555555555\",\"ip\":\"192.0.2.10\",\"language\":\"en\","
         "\"type\":\"banner\",\"remote_addr\":\"192.0.2.11\",\"x_forwarded_for\":\"\",\"ua\":\"UA/1\","
         "\"url\":\"https://other.example/p?x=1\",\"user_id\":\"57592f333f8983.043587162282415065\","
         "\"export\":\"json\",\"keyword\":\"travel, cheap\",\"size\":\"300x250\",\"sub\":112233}",
         "id=11111111-2222-4333-8444-555555555555\ncurrency=EUR\ntimeout_ms=300\n"
         "site.id=4321\nsite.domain=pub.example\nsite.page=https://other.example/p?x=1\n"
         "site.zone_id=778899\nsite.sub=112233\nsite.keywords=travel|cheap\n"
         "device.ip=192.0.2.10\ndevice.remote_ip=192.0.2.11\ndevice.ua=UA/1\ndevice.language=en\n"
         "user.id=57592f333f8983.043587162282415065\nuser.keyword=travel, cheap\n"
         "token zone_id=778899\ntoken site_id=4321\ntoken src_hostname=Pub.Example\ntoken imp=i-1\n"
         "token tags=a b,c\n"
         "imp 0 format=banner\nid=11111111-2222-4333-8444-555555555555\nsize=300x250\ncurrency_wire=EUR\n"},
        /* Push without a size means the small icon; the publisher page's spelling of remote_addr; IPv6; a region in the language. */
        {NULL,
         "{\"id\":\"r2\",\"ip\":\"2001:db8::17\",\"language\":\"DE-de\",\"type\":\"push_notification\","
         "\"remove_addr\":\"2001:db8::18\",\"url\":\"http://user@WWW.Pub.example:8080/x\",\"user_id\":\"-1\"}",
         "id=r2\ncurrency=EUR\ntimeout_ms=300\n"
         "site.domain=www.pub.example\nsite.page=http://user@WWW.Pub.example:8080/x\n"
         "device.ip=2001:db8::17\ndevice.remote_ip=2001:db8::18\ndevice.language=de\n"
         "imp 0 format=push\nid=r2\nsize=192x192\ncurrency_wire=EUR\n"},
        /* An e-mail click: the address is in user.email only, for the bidder to hash; XML in capitals; a keyword from the
         * token, the other token not replaced. */
        {"keyword=beach&zone={zone_id}&el=dXNlcg==",
         "{\"id\":\"r3\",\"type\":\"Email_Clicks\",\"export\":\"XML\",\"el\":\"dXNlckBleGFtcGxlLm9yZw==\","
         "\"user_id\":0,\"sub\":\"0042\"}",
         "id=r3\ncurrency=EUR\ntimeout_ms=300\nxml=1\nsite.sub=0042\nuser.keyword=beach\n"
         "user.email=dXNlckBleGFtcGxlLm9yZw==\ntoken keyword=beach\n"
         "imp 0 format=email_click\nid=r3\ncurrency_wire=EUR\n"},
        /* Everything of the wrong type is as good as absent; a number for the id is its digits. */
        {"zone=",
         "{\"id\":9007199254740993,\"ip\":{},\"language\":[\"en\"],\"type\":\"direct_link\",\"ua\":true,"
         "\"url\":null,\"user_id\":[],\"export\":17,\"size\":300,\"sub\":-1.5e300,\"keyword\":{\"a\":1}}",
         "id=9007199254740993\ncurrency=EUR\ntimeout_ms=300\n"
         "imp 0 format=direct_link\nid=9007199254740993\ncurrency_wire=EUR\n"},
        /* A type that nobody knows is a request without a format, not an error. So is none. */
        {NULL, "{\"id\":\"r5\",\"type\":\"hologram\"}",
         "id=r5\ncurrency=EUR\ntimeout_ms=300\nimp 0 format=\nid=r5\ncurrency_wire=EUR\n"},
        {NULL, "{\"id\":\"r6\"}",
         "id=r6\ncurrency=EUR\ntimeout_ms=300\nimp 0 format=\nid=r6\ncurrency_wire=EUR\n"},
        /* The first of a repeated key counts. */
        {NULL, "{\"id\":\"a\",\"id\":\"b\",\"type\":\"popunder\",\"type\":\"banner\"}",
         "id=a\ncurrency=EUR\ntimeout_ms=300\nimp 0 format=popunder\nid=a\ncurrency_wire=EUR\n"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        decode(kit_post(&endpoint, rows[i].query, mb_slice_of(rows[i].body)), &request);
        kit_same(rows[i].body, kit_dump_request(&buf, &request), rows[i].decoded);
    }
    mb_buf_fini(&buf);
}

/* The same names in a query string: decoded once, '+' a blank, the first of a repeated key, the e-mail
 * out of the tokens. */
static void a_get_request_has_the_same_fields(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_request request;
    decode(kit_get(&endpoint, "site=1&id=a%2525b&ip=192.0.2.10&language=en&type=push_notification&ua=Agent%2F1+x&"
                              "url=https%3A%2F%2Fpub.example%2Fp%3Fq%3D1&user_id=u1&sub=123456&export=xml&"
                              "id=second&el=dXNlcg&size=720x480"),
           &request);
    kit_same("GET", kit_dump_request(&buf, &request),
             "id=a%25b\ncurrency=EUR\ntimeout_ms=300\nxml=1\n"
             "site.id=1\nsite.domain=pub.example\nsite.page=https://pub.example/p?q=1\nsite.sub=123456\n"
             "device.ip=192.0.2.10\ndevice.ua=Agent/1 x\ndevice.language=en\nuser.id=u1\n"
             "user.email=dXNlcg\ntoken site_id=1\ntoken id=a%25b\ntoken ip=192.0.2.10\ntoken language=en\n"
             "token type=push_notification\ntoken ua=Agent/1 x\ntoken url=https://pub.example/p?q=1\n"
             "token user_id=u1\ntoken sub=123456\ntoken export=xml\ntoken size=720x480\n"
             "imp 0 format=push\nid=a%25b\nsize=720x480\ncurrency_wire=EUR\n");
    assert_null(request.raw.doc);
    mb_buf_fini(&buf);
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
        {"{\"id\":\"r\",", MB_ESYNTAX, NULL},
        {"{\"id\":\"r\"}x", MB_ESYNTAX, NULL},
        {"[]", MB_EPROTOCOL, "body"},
        {"\"id\"", MB_EPROTOCOL, "body"},
        {"{}", MB_EPROTOCOL, "id"},
        {"{\"type\":\"banner\"}", MB_EPROTOCOL, "id"},
        {"{\"id\":\"\",\"type\":\"banner\"}", MB_EPROTOCOL, "id"},
        {"{\"id\":\" \\t\",\"type\":\"banner\"}", MB_EPROTOCOL, "id"},
        {"{\"id\":{},\"type\":\"banner\"}", MB_EPROTOCOL, "id"},
        {"{\"id\":null,\"type\":\"banner\"}", MB_EPROTOCOL, "id"},
        {"{\"id\":\"r\",\"imp\":[{\"id\":\"1\"}]}", MB_EPROTOCOL, "imp"},
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
    struct mb_wire_in in = kit_get(&endpoint, "type=banner&id=");
    assert_int_equal(codec()->decode_request(&in, &request, NULL), MB_EPROTOCOL);
    in = kit_get(&endpoint, NULL);
    assert_int_equal(codec()->decode_request(&in, &request, NULL), MB_EPROTOCOL);
}

/* A body nested beyond the parser's depth is sound JSON, but no request. */
static void a_deeply_nested_body_is_refused(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_request request;
    struct mb_error err = {0};
    mb_xbuf_add_text(&buf, "{\"id\":\"r\",\"x\":");
    for (int i = 0; i < 1000; i++) {
        mb_xbuf_add_char(&buf, '[');
    }
    for (int i = 0; i < 1000; i++) {
        mb_xbuf_add_char(&buf, ']');
    }
    mb_xbuf_add_char(&buf, '}');
    struct mb_wire_in in = kit_post(&endpoint, NULL, mb_buf_slice(&buf));
    assert_int_equal(codec()->decode_request(&in, &request, &err), MB_EPROTOCOL);
    assert_int_equal(err.code, MB_EPROTOCOL);
    mb_buf_fini(&buf);
}

/* Scripts see the document as `raw`; the address must not be in it under any spelling of its key. */
static void the_email_is_not_in_the_raw_document(void **state)
{
    (void)state;
    struct mb_request request;
    decode(kit_post(&endpoint, NULL,
                    MB_SLICE("{\"id\":\"r\",\"type\":\"email_click\",\"el\":\"b25l\",\"\\u0065l\":\"dHdv\"}")),
           &request);
    struct mb_json_value raw = {request.raw.doc, request.raw.token, request.raw.type};
    size_t members = 0;
    for (struct mb_json_value v = mb_json_first(raw); v.type != MB_JSON_NONE; v = mb_json_next(raw, v)) {
        members++;
        if (mb_slice_is(mb_json_key(v), "el")) {
            assert_int_equal(v.type, MB_JSON_NULL);
            assert_false(mb_slice_present(mb_json_str(v)));
        }
    }
    assert_int_equal(members, 4);
    assert_true(mb_slice_is(request.user.email, "b25l")); /* the bidder's, to hash and forget */
}

static void conversions_are_counted_per_endpoint(void **state)
{
    (void)state;
    struct mb_request request;
    decode(kit_post(&endpoint, NULL, MB_SLICE("{\"id\":7,\"type\":\"banner\",\"ua\":true,\"sub\":5}")), &request);
    assert_true(kit_slips[MB_JSON_SLIP_NUMBER_FOR_STRING] > 0);
    assert_true(kit_slips[MB_JSON_SLIP_WRONG_TYPE] > 0);
    struct mb_wire_in in = kit_post(&endpoint, NULL, MB_SLICE("{\"id\":7}"));
    in.slips = NULL;
    decode(in, &request);
}

static void only_its_own_path_is_a_bid(void **state)
{
    (void)state;
    assert_int_equal(codec()->path(&endpoint, MB_SLICE("/exoclick/bid")), MB_WIRE_BID);
    assert_int_equal(codec()->path(&endpoint, MB_SLICE("/exoclick/bid/")), MB_WIRE_UNKNOWN);
    assert_int_equal(codec()->path(&endpoint, MB_SLICE("/exoclick/bid/notify")), MB_WIRE_UNKNOWN);
    assert_int_equal(codec()->path(&endpoint, MB_SLICE("/exoclick")), MB_WIRE_UNKNOWN);
}

/* --- answers --- */

static const struct mb_icon icons[] = {{{720, 480}, KIT_SLICE("https://cdn.example/i720.png")},
                                       {{192, 192}, KIT_SLICE("https://cdn.example/i192.png")}};

/* A bid with every field set: what an answer has beyond its format's fields slipped in from another. */
static struct mb_bid full_bid(const struct mb_request *request, enum mb_model model)
{
    return (struct mb_bid){
        .imp = &request->imps[0],
        .model = model,
        .price = {367200},
        .price_wire = {340000},
        .click_url = MB_SLICE("https://go.example/c?x=1&el={email_encoded}&p=${AUCTION_PRICE}"),
        .image_url = MB_SLICE("https://cdn.example/b.jpg"),
        .url = MB_SLICE("https://go.example/lp?a=1&b=2"),
        .title = MB_SLICE("T <\"]]>\" & \xc3\xa4"),
        .description = MB_SLICE("D"),
        .imptracker = MB_SLICE("https://b.example/imp?r=R1"),
        .icons = icons,
        .n_icons = 2,
        .markup = MB_SLICE("<b>"),
        .creative_id = MB_SLICE("17"),
        .member_id = MB_SLICE("4401"),
        .custom_notify_data = MB_SLICE("c"),
        .data = MB_SLICE("d"),
        .notice_url = MB_SLICE("http://b.example/n/T"),
        .notice_token = MB_SLICE("T"),
    };
}

static struct mb_wire_out answer(const struct mb_request *request, struct mb_bid *bid, struct mb_buf *buf)
{
    const char *field = NULL;
    struct mb_wire_out out = {.body = buf};
    mb_buf_clear(buf);
    if (codec()->check_bid(request, bid, &field) != MB_NOBID_BID) {
        fail_msg("refused for %s", field);
    }
    codec()->encode_answer(request, &bid, 1, &out);
    assert_int_equal(out.status, 200);
    return out;
}

static void answers_have_exactly_the_fields_of_their_format(void **state)
{
    (void)state;
#define LANDING "https://go.example/c?x=1&el={email_encoded}&p=${AUCTION_PRICE}"
    static const struct {
        const char *type;
        enum mb_model model;
        const char *reply;
    } rows[] = {
        {"banner", MB_MODEL_CPM,
         "{\"bid\":{\"id\":\"R1\",\"imgUrl\":\"https://cdn.example/b.jpg\",\"clickUrl\":\"" LANDING "\","
         "\"bUrl\":\"http://b.example/n/T\",\"btype\":1,\"value\":0.34}}"},
        {"popunder", MB_MODEL_CPM,
         "{\"bid\":{\"id\":\"R1\",\"url\":\"https://go.example/lp?a=1&b=2\",\"bUrl\":\"http://b.example/n/T\","
         "\"btype\":1,\"value\":0.34}}"},
        {"push_notification", MB_MODEL_CPC,
         "{\"bid\":{\"id\":\"R1\",\"iconUrl\":\"https://cdn.example/i192.png\",\"clickUrl\":\"" LANDING "\","
         "\"title\":\"T <\\\"]]>\\\" & \xc3\xa4\",\"description\":\"D\","
         "\"imptrackers\":[\"https://b.example/imp?r=R1\"],\"bUrl\":\"http://b.example/n/T\",\"btype\":2,"
         "\"value\":0.34}}"},
        {"in_page_push_notification", MB_MODEL_CPM,
         "{\"bid\":{\"id\":\"R1\",\"imgUrl\":\"https://cdn.example/b.jpg\",\"clickUrl\":\"" LANDING "\","
         "\"title\":\"T <\\\"]]>\\\" & \xc3\xa4\",\"description\":\"D\",\"bUrl\":\"http://b.example/n/T\","
         "\"btype\":1,\"value\":0.34}}"},
        {"direct_link", MB_MODEL_CPC,
         "{\"bid\":{\"id\":\"R1\",\"url\":\"https://go.example/lp?a=1&b=2\",\"bUrl\":\"http://b.example/n/T\","
         "\"btype\":2,\"value\":0.34}}"},
        {"email_click", MB_MODEL_CPC,
         "{\"bid\":{\"id\":\"R1\",\"clickUrl\":\"" LANDING "\",\"bUrl\":\"http://b.example/n/T\",\"btype\":2,"
         "\"value\":0.34}}"},
        {"email_clicks", MB_MODEL_SMART_CPC,
         "{\"bid\":{\"id\":\"R1\",\"clickUrl\":\"" LANDING "\",\"bUrl\":\"http://b.example/n/T\",\"btype\":1,"
         "\"value\":0.34}}"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        struct mb_slice body = mb_xarena_printf(&kit_arena, "{\"id\":\"R1\",\"type\":\"%s\"}", rows[i].type);
        decode(kit_post(&endpoint, NULL, body), &request);
        struct mb_bid bid = full_bid(&request, rows[i].model);
        struct mb_wire_out out = answer(&request, &bid, &buf);
        assert_string_equal(out.content_type, "application/json");
        kit_same(rows[i].type, mb_buf_slice(&buf), rows[i].reply);
    }
    mb_buf_fini(&buf);
}

static void prices_are_plain_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t micros;
        const char *text;
    } rows[] = {{1, "0.000001"}, {13000, "0.013"}, {12000000, "12"}, {MB_PRICE_MAX_MICROS, "1000000"}};
    struct mb_buf buf = {0};
    struct mb_request request;
    decode(kit_post(&endpoint, NULL, MB_SLICE("{\"id\":\"R1\",\"type\":\"popunder\"}")), &request);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_bid bid = full_bid(&request, MB_MODEL_CPM);
        bid.price_wire.micros = rows[i].micros;
        answer(&request, &bid, &buf);
        char tail[64];
        snprintf(tail, sizeof tail, "\"value\":%s}}", rows[i].text);
        if (!mb_slice_ends(mb_buf_slice(&buf), mb_slice_of(tail))) {
            fail_msg("%.*s", MB_SLICE_ARG(mb_buf_slice(&buf)));
        }
    }
    mb_buf_fini(&buf);
}

static void the_id_is_echoed_whatever_is_in_it(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_request request;
    decode(kit_post(&endpoint, NULL,
                    MB_SLICE("{\"id\":\" \\\"q\\\" \xe2\x82\xac \\u00e9 \",\"type\":\"popunder\"}")),
           &request);
    struct mb_bid bid = full_bid(&request, MB_MODEL_CPM);
    answer(&request, &bid, &buf);
    assert_true(mb_slice_starts(mb_buf_slice(&buf),
                                MB_SLICE("{\"bid\":{\"id\":\" \\\"q\\\" \xe2\x82\xac \xc3\xa9 \",\"url\"")));
    mb_buf_fini(&buf);
}

static void no_bid_is_204_without_a_body(void **state)
{
    (void)state;
    for (int xml = 0; xml < 2; xml++) {
        struct mb_buf buf = {0};
        struct mb_wire_out out = {.body = &buf, .content_type = "x"};
        struct mb_request request = {.answer_form = xml ? MB_ANSWER_XML : MB_ANSWER_JSON};
        codec()->encode_answer(&request, NULL, 0, &out);
        assert_int_equal(out.status, 204);
        assert_null(out.content_type);
        assert_int_equal(buf.len, 0);
    }
}

/* --- checks --- */

static const struct mb_slice bad_utf8 = {"a\xff", 2};

static void drop(struct mb_bid *bid, const char *field)
{
    if (strcmp(field, "price") == 0) {
        bid->price_wire.micros = 0;
    } else if (strcmp(field, "icon_url") == 0) {
        bid->n_icons = 1; /* 720x480 alone */
    } else if (strcmp(field, "image_url") == 0) {
        bid->image_url = MB_SLICE_NONE;
    } else if (strcmp(field, "click_url") == 0) {
        bid->click_url = MB_SLICE("");
    } else if (strcmp(field, "url") == 0) {
        bid->url = MB_SLICE_NONE;
    } else if (strcmp(field, "title") == 0) {
        bid->title = MB_SLICE_NONE;
    } else if (strcmp(field, "description") == 0) {
        bid->description = bad_utf8;
    } else if (strcmp(field, "imptracker") == 0) {
        bid->imptracker = bad_utf8;
    }
}

static void what_the_exchange_would_refuse_names_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum mb_model model;
        const char *field;
    } rows[] = {
        {"banner", MB_MODEL_CPM, "price"},
        {"banner", MB_MODEL_CPM, "image_url"},
        {"banner", MB_MODEL_CPM, "click_url"},
        {"banner", MB_MODEL_CPC, "model"},
        {"banner", MB_MODEL_SMART_CPC, "model"},
        {"popunder", MB_MODEL_CPM, "url"},
        {"popunder", MB_MODEL_CPC, "model"},
        {"push_notification", MB_MODEL_CPC, "icon_url"},
        {"push_notification", MB_MODEL_CPC, "click_url"},
        {"push_notification", MB_MODEL_CPM, "title"},
        {"push_notification", MB_MODEL_CPM, "description"},
        {"push_notification", MB_MODEL_CPM, "imptracker"},
        {"push_notification", MB_MODEL_SMART_CPC, "model"},
        {"in_page_push_notification", MB_MODEL_CPC, "image_url"},
        {"in_page_push_notification", MB_MODEL_CPC, "description"},
        {"direct_link", MB_MODEL_CPC, "url"},
        {"direct_link", MB_MODEL_SMART_CPC, "model"},
        {"email_click", MB_MODEL_CPC, "click_url"},
        {"email_click", MB_MODEL_CPM, "model"},
        {"email_click", MB_MODEL_NONE, "model"},
        {"hologram", MB_MODEL_CPM, "format"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        const char *field = NULL;
        struct mb_slice body = mb_xarena_printf(&kit_arena, "{\"id\":\"R1\",\"type\":\"%s\"}", rows[i].type);
        decode(kit_post(&endpoint, NULL, body), &request);
        struct mb_bid bid = full_bid(&request, rows[i].model);
        drop(&bid, rows[i].field);
        enum mb_nobid verdict = codec()->check_bid(&request, &bid, &field);
        if (verdict != MB_NOBID_INVALID_BID || !field || strcmp(field, rows[i].field) != 0) {
            fail_msg("%s %s: %s", rows[i].type, rows[i].field, field ? field : "taken");
        }
    }
}

/* A bad text in a field that the format does not send is nobody's trouble. */
static void fields_of_other_formats_are_not_looked_at(void **state)
{
    (void)state;
    struct mb_request request;
    const char *field = NULL;
    decode(kit_post(&endpoint, NULL, MB_SLICE("{\"id\":\"R1\",\"type\":\"popunder\"}")), &request);
    struct mb_bid bid = full_bid(&request, MB_MODEL_CPM);
    bid.title = bad_utf8;
    bid.click_url = bad_utf8;
    assert_int_equal(codec()->check_bid(&request, &bid, &field), MB_NOBID_BID);
    assert_null(field);
}

static void the_icon_is_chosen_by_size(void **state)
{
    (void)state;
    static const struct mb_icon any[] = {{{0, 0}, KIT_SLICE("any")}, {{720, 480}, KIT_SLICE("large")}};
    static const struct {
        const char *size, *icon;
    } rows[] = {{"720x480", "large"}, {"192x192", "any"}, {"junk", "any"}, {"1x1", "any"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        const char *field = NULL;
        decode(kit_post(&endpoint, NULL,
                        mb_xarena_printf(&kit_arena, "{\"id\":\"R\",\"type\":\"push_notification\",\"size\":\"%s\"}",
                                         rows[i].size)),
               &request);
        struct mb_bid bid = full_bid(&request, MB_MODEL_CPM);
        bid.icons = any;
        assert_int_equal(codec()->check_bid(&request, &bid, &field), MB_NOBID_BID);
        assert_int_equal(bid.n_icons, 1);
        kit_same(rows[i].size, bid.icons[0].url, rows[i].icon);
        bid.n_icons = 0;
        assert_int_equal(codec()->check_bid(&request, &bid, &field), MB_NOBID_INVALID_BID);
        assert_string_equal(field, "icon_url");
    }
}

/* --- XML --- */

/* A strict reader of the subset in use: prolog, one root, elements without attributes, text, CDATA. Gives each leaf as
 * "name=text\n"; false for anything that is not well-formed. */
struct xml {
    struct mb_slice rest;
    struct mb_buf *leaves;
};

static bool xml_eat(struct xml *x, const char *text)
{
    struct mb_slice head = mb_slice_of(text);
    if (!mb_slice_starts(x->rest, head)) {
        return false;
    }
    x->rest = mb_slice(x->rest.data + head.len, x->rest.len - head.len);
    return true;
}

static struct mb_slice xml_name(struct xml *x)
{
    struct mb_slice name = {x->rest.data, 0};
    while (name.len < x->rest.len && ((x->rest.data[name.len] | 32) >= 'a' && (x->rest.data[name.len] | 32) <= 'z')) {
        name.len++;
    }
    x->rest = mb_slice(x->rest.data + name.len, x->rest.len - name.len);
    return name;
}

static bool xml_element(struct xml *x)
{
    struct mb_slice name;
    bool has_children = false;
    struct mb_slice text = MB_SLICE("");
    if (!xml_eat(x, "<") || (name = xml_name(x)).len == 0 || !xml_eat(x, ">")) {
        return false;
    }
    while (x->rest.len > 0 && !mb_slice_starts(x->rest, MB_SLICE("</"))) {
        if (xml_eat(x, "<![CDATA[")) {
            long end = mb_slice_find(x->rest, MB_SLICE("]]>"));
            if (end < 0) {
                return false;
            }
            text = mb_xarena_printf(&kit_arena, "%.*s%.*s", MB_SLICE_ARG(text), (int)end, x->rest.data);
            x->rest = mb_slice(x->rest.data + end + 3, x->rest.len - (size_t)end - 3);
        } else if (x->rest.data[0] == '<') {
            has_children = true;
            if (!xml_element(x)) {
                return false;
            }
        } else if (x->rest.data[0] == '&' || mb_slice_starts(x->rest, MB_SLICE("]]>"))) {
            return false;
        } else {
            text = mb_xarena_printf(&kit_arena, "%.*s%c", MB_SLICE_ARG(text), x->rest.data[0]);
            x->rest = mb_slice(x->rest.data + 1, x->rest.len - 1);
        }
    }
    if (!xml_eat(x, "</") || !mb_slice_eq(xml_name(x), name) || !xml_eat(x, ">")) {
        return false;
    }
    if (!has_children) {
        mb_xbuf_printf(x->leaves, "%.*s=", MB_SLICE_ARG(name));
        mb_xbuf_add_slice(x->leaves, text);
        mb_xbuf_add_char(x->leaves, '\n');
    }
    return true;
}

static bool xml_read(struct mb_slice text, struct mb_buf *leaves)
{
    struct xml x = {text, leaves};
    return xml_eat(&x, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") && xml_element(&x) && x.rest.len == 0;
}

static void xml_answers_are_the_same_fields_as_elements(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    struct mb_buf leaves = {0};
    struct mb_request request;
    decode(kit_post(&endpoint, NULL,
                    MB_SLICE("{\"id\":\"R<&]]>1\",\"type\":\"push_notification\",\"export\":\"xml\"}")),
           &request);
    struct mb_bid bid = full_bid(&request, MB_MODEL_CPC);
    struct mb_wire_out out = answer(&request, &bid, &buf);
    assert_string_equal(out.content_type, "application/xml");
    kit_same("xml", mb_buf_slice(&buf),
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<bid><id><![CDATA[R<&]]]]><![CDATA[>1]]></id>"
             "<iconUrl><![CDATA[https://cdn.example/i192.png]]></iconUrl>"
             "<clickUrl><![CDATA[" LANDING "]]></clickUrl>"
             "<title><![CDATA[T <\"]]]]><![CDATA[>\" & \xc3\xa4]]></title>"
             "<description><![CDATA[D]]></description>"
             "<imptrackers><![CDATA[https://b.example/imp?r=R1]]></imptrackers>"
             "<bUrl><![CDATA[http://b.example/n/T]]></bUrl><btype>2</btype><value>0.34</value></bid>");
    assert_true(xml_read(mb_buf_slice(&buf), &leaves));
    kit_same("leaves", mb_buf_slice(&leaves),
             "id=R<&]]>1\niconUrl=https://cdn.example/i192.png\nclickUrl=" LANDING "\n"
             "title=T <\"]]>\" & \xc3\xa4\ndescription=D\nimptrackers=https://b.example/imp?r=R1\n"
             "bUrl=http://b.example/n/T\nbtype=2\nvalue=0.34\n");
    mb_buf_fini(&buf);
    mb_buf_fini(&leaves);
}

static void section_ends_in_a_text_survive_xml(void **state)
{
    (void)state;
    static const char *const titles[] = {"]]>", "]]>]]>", "]]", "]", ">", "]]]>", "a]]>b]]>c", "<![CDATA[x]]>"};
    struct mb_buf buf = {0};
    struct mb_buf leaves = {0};
    struct mb_request request;
    decode(kit_post(&endpoint, NULL,
                    MB_SLICE("{\"id\":\"R\",\"type\":\"push_notification\",\"export\":\"xml\"}")),
           &request);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        struct mb_bid bid = full_bid(&request, MB_MODEL_CPC);
        bid.title = mb_slice_of(titles[i]);
        answer(&request, &bid, &buf);
        mb_buf_clear(&leaves);
        struct mb_slice want = mb_xarena_printf(&kit_arena, "\ntitle=%s\ndesc", titles[i]);
        if (!xml_read(mb_buf_slice(&buf), &leaves) || mb_slice_find(mb_buf_slice(&leaves), want) < 0) {
            fail_msg("%s: %.*s", titles[i], MB_SLICE_ARG(mb_buf_slice(&buf)));
        }
    }
    mb_buf_fini(&buf);
    mb_buf_fini(&leaves);
}

/* JSON escapes a control character; XML has no way to write it. */
static void what_xml_cannot_hold_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *export, *title;
        bool taken;
    } rows[] = {{"json", "a\x01", true}, {"xml", "a\x01", false}, {"xml", "tab\tline\n", true},
                {"xml", "\xef\xbf\xbf", false}, {"xml", "\xf0\x9f\x98\x80", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        const char *field = NULL;
        decode(kit_post(&endpoint, NULL,
                        mb_xarena_printf(&kit_arena,
                                         "{\"id\":\"R\",\"type\":\"push_notification\",\"export\":\"%s\"}",
                                         rows[i].export)),
               &request);
        struct mb_bid bid = full_bid(&request, MB_MODEL_CPC);
        bid.title = mb_slice_of(rows[i].title);
        assert_int_equal(codec()->check_bid(&request, &bid, &field) == MB_NOBID_BID, rows[i].taken);
        assert_true(rows[i].taken || strcmp(field, "title") == 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(requests_are_read_field_by_field),
        CASE(a_get_request_has_the_same_fields),
        CASE(what_is_no_request_is_told_where),
        CASE(a_deeply_nested_body_is_refused),
        CASE(the_email_is_not_in_the_raw_document),
        CASE(conversions_are_counted_per_endpoint),
        CASE(only_its_own_path_is_a_bid),
        CASE(answers_have_exactly_the_fields_of_their_format),
        CASE(prices_are_plain_numbers),
        CASE(the_id_is_echoed_whatever_is_in_it),
        CASE(no_bid_is_204_without_a_body),
        CASE(what_the_exchange_would_refuse_names_its_field),
        CASE(fields_of_other_formats_are_not_looked_at),
        CASE(the_icon_is_chosen_by_size),
        CASE(xml_answers_are_the_same_fields_as_elements),
        CASE(section_ends_in_a_text_survive_xml),
        CASE(what_xml_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
