/* The public test material, read in place: every sample of both exchanges is decoded, and what can be answered is.
 * Skipped as a whole (77) where the material is not there.
 */
#include "wire_kit.h"

static const struct mb_endpoint exoclick = {
    .name = KIT_SLICE("exo-eu"),
    .path = KIT_SLICE("/exoclick/bid"),
    .exchange = MB_EXCHANGE_EXOCLICK,
    .currency = KIT_SLICE("EUR"),
    .rate = {1080000},
    .timeout_ms = 300,
};

static const struct mb_endpoint xandr = {
    .name = KIT_SLICE("xandr-fra"),
    .path = KIT_SLICE("/xandr"),
    .exchange = MB_EXCHANGE_XANDR,
    .currency = KIT_SLICE("USD"),
    .rate = {1000000},
    .timeout_ms = 100,
};

static struct mb_slice sample(const char *folder, const char *file)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", folder, file);
    struct mb_slice body = kit_read_sample(name);
    if (!mb_slice_present(body)) {
        fail_msg("%s is missing", name);
    }
    struct mb_slice kept = mb_xarena_copy(&kit_arena, body);
    free((void *)(uintptr_t)body.data);
    return kept;
}

static void decode(const struct mb_endpoint *endpoint, struct mb_slice body, struct mb_request *out)
{
    struct mb_error err = {0};
    struct mb_wire_in in = kit_post(endpoint, NULL, body);
    if (mb_exchange_codec(endpoint->exchange)->decode_request(&in, out, &err) != 0) {
        fail_msg("%s: %s\n%.*s", err.where, err.what, MB_SLICE_ARG(body));
    }
}

/* Checks and encodes one bid on the first impression; the reply must begin so. */
static void expect_answer(const struct mb_request *request, struct mb_bid *bid, const char *starts)
{
    const struct mb_codec *codec = mb_exchange_codec(request->endpoint->exchange);
    struct mb_buf buf = {0};
    struct mb_wire_out out = {.body = &buf};
    const char *field = NULL;
    if (codec->check_bid(request, bid, &field) != MB_NOBID_BID) {
        fail_msg("refused for %s", field);
    }
    codec->encode_answer(request, &bid, 1, &out);
    if (out.status != 200 || !mb_slice_starts(mb_buf_slice(&buf), mb_slice_of(starts))) {
        fail_msg("%.*s", MB_SLICE_ARG(mb_buf_slice(&buf)));
    }
    mb_buf_fini(&buf);
}

static void exoclick_requests_are_answered(void **state)
{
    (void)state;
    static const struct mb_icon icons[] = {{{720, 480}, KIT_SLICE("https://cdn.example/i720.png")},
                                           {{192, 192}, KIT_SLICE("https://cdn.example/i192.png")}};
    static const struct {
        const char *file;
        enum mb_format format;
        enum mb_model model;
        uint32_t width;
        const char *reply_starts;
    } rows[] = {
        {"banner-300x250.json", MB_FORMAT_BANNER, MB_MODEL_CPM, 300,
         "{\"bid\":{\"id\":\"11111111-2222-4333-8444-555555555555\",\"imgUrl\":"},
        {"email-click.json", MB_FORMAT_EMAIL_CLICK, MB_MODEL_SMART_CPC, 0,
         "{\"bid\":{\"id\":\"55555555-2222-4333-8444-555555555555\",\"clickUrl\":"},
        {"popunder-xml.json", MB_FORMAT_POPUNDER, MB_MODEL_CPM, 0,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<bid><id><![CDATA[22222222-2222-4333-8444-555555555555]]></id>"},
        {"push-720x480.json", MB_FORMAT_PUSH, MB_MODEL_CPC, 720,
         "{\"bid\":{\"id\":\"33333333-2222-4333-8444-555555555555\",\"iconUrl\":\"https://cdn.example/i720.png\""},
        {"push-no-size.json", MB_FORMAT_PUSH, MB_MODEL_CPM, 192,
         "{\"bid\":{\"id\":\"44444444-2222-4333-8444-555555555555\",\"iconUrl\":\"https://cdn.example/i192.png\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        decode(&exoclick, sample("exoclick-samples", rows[i].file), &request);
        assert_int_equal(request.imps[0].format, rows[i].format);
        assert_int_equal(request.imps[0].size.width, rows[i].width);
        assert_int_equal(request.device.language.len, 2);
        assert_true(mb_slice_is(request.site.domain, "pub.example"));
        struct mb_bid bid = {.imp = request.imps,
                             .model = rows[i].model,
                             .price_wire = {340000},
                             .click_url = MB_SLICE("https://go.example/c"),
                             .image_url = MB_SLICE("https://cdn.example/b.jpg"),
                             .url = MB_SLICE("https://go.example/lp"),
                             .title = MB_SLICE("T"),
                             .description = MB_SLICE("D"),
                             .icons = icons,
                             .n_icons = 2};
        expect_answer(&request, &bid, rows[i].reply_starts);
    }
}

static void xandr_requests_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t imps;
        const char *auction_id, *member_id, *size, *user_id;
        bool test;
        uint32_t timeout_ms;
    } rows[] = {
        {"bid-request.bid_request.1.json", 1, "8984480746668973000", "12", "728x90", "2987961585469200400", false, 100},
        {"bid-request.bid_request.2.json", 2, "1704399148337927200", "1513", "120x600", "488125638053592500", false, 200},
        {"bid-request.bid_request.3.json", 1, "5638094169507807000", "308", "728x90", "5725700387444723000", false, 2000},
        {"bid-request.bid_request.4.json", 1, "7310650419817444682", "123", "300x250", "7994340253645703000", true, 2000},
        {"bid-request.bid_request.5.json", 1, "5555508250840351000", "1417", "300x250", "5555037017052493000", true, 2000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        struct mb_size size = {0, 0};
        decode(&xandr, sample("xandr-samples", rows[i].file), &request);
        assert_true(mb_size_parse(mb_slice_of(rows[i].size), &size));
        assert_int_equal(request.n_imps, rows[i].imps);
        assert_int_equal(request.test, rows[i].test);
        assert_int_equal(request.timeout_ms, rows[i].timeout_ms);
        assert_int_equal(request.imps[0].format, MB_FORMAT_BANNER);
        assert_int_equal(request.imps[0].size.width, size.width);
        assert_int_equal(request.imps[0].size.height, size.height);
        kit_same("user", request.user.id, rows[i].user_id);
        kit_same("country", request.geo.country, "US");
        struct mb_bid bid = {.imp = request.imps,
                             .model = MB_MODEL_CPM,
                             .price_wire = {750000},
                             .member_id = mb_slice_of(rows[i].member_id),
                             .creative_id = MB_SLICE("11")};
        expect_answer(&request, &bid,
                      mb_xarena_printf(&kit_arena,
                                       "{\"bid_response\":{\"responses\":[{\"auction_id_64\":%s,\"member_id\":%s,"
                                       "\"price\":0.75,\"creative_id\":11}]}}",
                                       rows[i].auction_id, rows[i].member_id)
                          .data);
    }
}

static void xandr_notices_become_events(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum mb_wire_path path;
        const char *event;
    } rows[] = {
        {"notify-request.notify_request.1.json", MB_WIRE_NOTIFY,
         "event win\nexchange_time=2011-02-09 00:11:44\nauction_id=7606327141949238687\n"
         "imp_id=7606327141949238687\ntag_id=474074\ncurrency=USD\nprice_bid=1\nprice_paid=0.9\n"
         "response_time_ms=4\nresult=ok\npayment_rule_id=65930\ncreative_id=12345\nmember_id=670\n"
         "user_id=4628364836293826\n"},
        {"notify-request.notify_request.2.json", MB_WIRE_NOTIFY,
         "event loss\nexchange_time=2016-09-27 21:49:06\nauction_id=1177991420539445500\n"
         "imp_id=1177991420539445500\ntag_id=9373851\ncurrency=USD\nprice_bid=0.06207\nresponse_time_ms=67\n"
         "result=ok\npayment_rule_id=874041\nuser_id=2843838668060323000\n"},
        {"notify-request.notify_request.3.json", MB_WIRE_NOTIFY,
         "event loss\nexchange_time=2016-09-27 21:48:46\nauction_id=442903072350998711\n"
         "imp_id=442903072350998711\ntag_id=5632681\ncurrency=USD\nerror_id=408\nresponse_time_ms=87\nresult=error\n"
         "error=Creative 536754694 brand 75445 banned on member's ad profile 542799\n"
         "error_name=AD_PROFILE_CR_BRAND\npayment_rule_id=821648\nuser_id=9191106446964517565\n"},
        {"click-request.click_request.1.json", MB_WIRE_CLICK,
         "event click\nexchange_time=2008-12-01 22:19:00\nauction_id=677373076784237441\n"
         "imp_id=677373076784237441\ncurrency=USD\nmember_id=13\nuser_id=2987961585469200312\n"
         "referrer=sports.yahoo.com\nuser_agent=Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.5; en-US; "
         "rv:1.9.0.4) Gecko/2008102920 Firefox/3.0.4\nuserdata_json={\"segments\":[2]}\n"},
    };
    struct mb_buf buf = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_event *events = NULL;
        size_t count = 0;
        struct mb_wire_in in = kit_post(&xandr, NULL, sample("xandr-samples", rows[i].file));
        const struct mb_codec *codec = mb_exchange_codec(MB_EXCHANGE_XANDR);
        assert_int_equal(codec->decode_notice(&in, rows[i].path, &events, &count, NULL), 0);
        assert_int_equal(count, 1);
        mb_buf_clear(&buf);
        kit_dump_event(&buf, events);
        kit_same(rows[i].file, mb_buf_slice(&buf), rows[i].event);
    }
    mb_buf_fini(&buf);
}

/* OpenRTB and our own kind of answer, sent to the platform's bid path: told apart, or not JSON at all. */
static void other_documents_are_no_requests(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int code;
    } rows[] = {
        {"outgoing-bid-request-to-bidders.imp.1.invalid.json", MB_ESYNTAX},
        {"outgoing-bid-request-to-bidders.imp.2.json", MB_EPROTOCOL},
        {"outgoing-bid-request-to-bidders.imp.3.json", MB_EPROTOCOL},
        {"outgoing-bid-request-to-bidders.imp.4.json", MB_EPROTOCOL},
        {"bid-response.bid_response.1.json", MB_EPROTOCOL},
        {"bid-response.bid_response.2.json", MB_EPROTOCOL},
        {"bid-response.bid_response.3.json", MB_EPROTOCOL},
        {"bid-response.bid_response.4.json", MB_EPROTOCOL},
        {"notify-request.notify_request.1.json", MB_EPROTOCOL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request;
        struct mb_slice body = sample("xandr-samples", rows[i].file);
        struct mb_wire_in in = kit_post(&xandr, NULL, body);
        int rc = mb_exchange_codec(MB_EXCHANGE_XANDR)->decode_request(&in, &request, NULL);
        if (rc != rows[i].code) {
            fail_msg("%s gave %s", rows[i].file, mb_err_name(rc));
        }
        in.endpoint = &exoclick;
        assert_int_equal(mb_exchange_codec(MB_EXCHANGE_EXOCLICK)->decode_request(&in, &request, NULL), rows[i].code);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(exoclick_requests_are_answered),
        CASE(xandr_requests_are_answered),
        CASE(xandr_notices_become_events),
        CASE(other_documents_are_no_requests),
    };
    struct mb_slice probe = kit_read_sample("README.md");
    if (!mb_slice_present(probe)) {
        printf("skipped: no test material in %s\n", SHARED_DATA);
        return 77;
    }
    free((void *)(uintptr_t)probe.data);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
