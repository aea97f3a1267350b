/* OpenRTB: the specification's own examples, and what an exchange may send instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/exchange.h"

static struct mb_arena arena;
static struct mb_request request;
static struct mb_endpoint endpoint;
static struct mb_error err;

static const struct mb_rate_of rates[] = {{{"USD", 3}, {1000000}}, {{"EUR", 3}, {1080000}}};
static const struct mb_rates table = {rates, 2};

static int setup(void **state)
{
    (void)state;
    mb_arena_init(&arena, 64 * 1024);
    endpoint = (struct mb_endpoint){.name = MB_SLICE("o"),
                                    .path = MB_SLICE("/openrtb/bid"),
                                    .exchange = MB_EXCHANGE_OPENRTB,
                                    .currency = MB_SLICE("USD"),
                                    .rate = {1000000},
                                    .timeout_ms = 120};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

static int decode(struct mb_slice body)
{
    struct mb_wire_in in = {.endpoint = &endpoint,
                            .body = body,
                            .house_currency = MB_SLICE("USD"),
                            .rates = &table,
                            .arena = &arena};
    memset(&request, 0, sizeof request);
    err = (struct mb_error){.at = -1};
    return mb_exchange_codec(MB_EXCHANGE_OPENRTB)->decode_request(&in, &request, &err);
}

static int decode_text(const char *body)
{
    return decode(mb_slice_of(body));
}

#define IS(slice, text) assert_true(mb_slice_is(slice, text))

/* --- the specification's examples --- */

static bool read_sample(const char *name, struct mb_buf *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/openrtb-spec/openrtb2/testdata/bid-request/%s.json", SHARED_DATA, name);
    FILE *file = fopen(path, "r");
    char block[4096];
    if (!file) {
        return false;
    }
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) {
        mb_xbuf_add(out, block, n);
    }
    fclose(file);
    return true;
}

static void the_specifications_examples_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *name, *id, *format, *country, *domain, *deal;
        size_t imps;
        uint32_t width;
    } rows[] = {
        {"2.5/simple-banner", "80ce30c53c16e6ede735f123ef6e32361bfc7b22", "banner", "", "www.foobar.com", "", 1, 300},
        {"2.6/simple-banner", "80ce30c53c16e6ede735f123ef6e32361bfc7b22", "banner", "", "www.foobar.com", "", 1, 300},
        {"2.5/expandable-creative", "123456789316e6ede735f123ef6e32361bfc7b22", "banner", "", "www.foobar.com", "", 1,
         300},
        {"2.5/video", "1234567893", "video", "", "siteabcd.com", "", 1, 640},
        {"2.5/pmp-with-direct-deal", "80ce30c53c16e6ede735f123ef6e32361bfc7b22", "banner", "", "www.foobar.com",
         "AB-Agency1-0001", 1, 300},
        {"2.5/native-ad", "80ce30c53c16e6ede735f123ef6e32361bfc7b22", "native", "", "www.foobar.com", "", 1, 0},
        {"2.5/mobile", "IxexyLDIIk", "banner", "US", "", "", 2, 728},
        {"2.6/mobile", "IxexyLDIIk", "banner", "", "", "", 1, 728},
    };
    struct mb_buf body = {0};
    if (!read_sample(rows[0].name, &body)) {
        print_message("skipped: no shared test data\n");
        skip();
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mb_buf_clear(&body);
        assert_true(read_sample(rows[i].name, &body));
        if (decode(mb_buf_slice(&body)) != 0) {
            fail_msg("%s: %s %s", rows[i].name, err.where, err.what);
        }
        const struct mb_imp *imp = &request.imps[0];
        IS(request.id, rows[i].id);
        assert_string_equal(mb_format_name(imp->format), rows[i].format);
        IS(request.geo.country, rows[i].country);
        IS(request.site.domain, rows[i].domain);
        assert_int_equal(request.n_imps, rows[i].imps);
        assert_int_equal(imp->deals.count, rows[i].deal[0] ? 2 : 0);
        if (rows[i].deal[0]) {
            IS(imp->deals.items[0], rows[i].deal);
        }
        assert_int_equal(imp->size.width, rows[i].width);
        mb_arena_reset(&arena);
    }
    mb_buf_fini(&body);
}

/* --- money --- */

static void floors_and_currencies(void **state)
{
    (void)state;
    static const struct {
        const char *body, *currency;
        int64_t floor;
        bool strange;
    } rows[] = {
        {"{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":0.03}]}", "USD", 30000, false},
        {"{\"id\":1,\"cur\":[\"EUR\"],\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":1,\"bidfloorcur\":\"EUR\"}]}", "EUR",
         1080000, false},
        {"{\"id\":1,\"cur\":[\"JPY\",\"eur\"],\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":\"0.5\"}]}", "EUR", 500000,
         false},
        {"{\"id\":1,\"cur\":[\"EUR\",\"USD\"],\"imp\":[{\"id\":1,\"banner\":{}}]}", "USD", 0, false},
        {"{\"id\":1,\"cur\":[\"JPY\"],\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":3,\"bidfloorcur\":\"JPY\"}]}", "JPY", 0,
         true},
        {"{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":-1}]}", "USD", 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(decode_text(rows[i].body), 0);
        IS(request.currency, rows[i].currency);
        assert_int_equal(request.imps[0].floor.micros, rows[i].floor);
        assert_int_equal(request.imps[0].floor_is_strange, rows[i].strange);
    }
}

/* --- impressions --- */

static void each_media_type_is_an_impression(void **state)
{
    (void)state;
    assert_int_equal(
        decode_text("{\"id\":\"r\",\"imp\":[{\"id\":\"a\",\"banner\":{\"w\":300,\"h\":250,\"format\":[{\"w\":300,\"h\":250},"
                    "{\"w\":728,\"h\":90}],\"pos\":1},\"video\":{\"w\":640,\"h\":480}},{\"id\":\"b\",\"native\":{\"ver\":"
                    "\"1.0\"}},{\"banner\":{}},{\"id\":\"c\"}]}"),
        0);
    assert_int_equal(request.n_imps, 4); /* the one without an id is left out */
    assert_int_equal(request.imps[0].format, MB_FORMAT_BANNER);
    assert_int_equal(request.imps[0].n_sizes, 2);
    assert_int_equal(request.imps[0].sizes[1].width, 728);
    IS(request.imps[0].position, "above");
    assert_int_equal(request.imps[1].format, MB_FORMAT_VIDEO);
    IS(request.imps[1].id, "a");
    assert_int_equal(request.imps[2].format, MB_FORMAT_NATIVE);
    assert_true(request.imps[2].native_in_root);
    assert_int_equal(request.imps[3].format, MB_FORMAT_NONE);
}

static void moved_fields_are_read_from_both_places(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{}}],\"regs\":{\"gdpr\":1,\"us_privacy\":\"1YNN\"},\"user\":{\"consent\":"
        "\"CP\"}}",
        "{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{}}],\"regs\":{\"ext\":{\"gdpr\":1,\"us_privacy\":\"1YNN\"}},\"user\":{"
        "\"ext\":{\"consent\":\"CP\"}}}",
    };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(decode_text(bodies[i]), 0);
        assert_int_equal(request.regs.gdpr, 1);
        assert_int_equal(request.regs.coppa, -1);
        IS(request.regs.us_privacy, "1YNN");
        IS(request.regs.consent, "CP");
    }
}

/* What is told of an impression and a sale has moved more than once. */
static void moved_objects_are_read_from_every_place(void **state)
{
    (void)state;
    static const struct {
        const char *members; /* of the request, behind its impression */
        const char *imp;     /* of the impression */
        bool chain, eids, rewarded, sections;
    } rows[] = {
        {"", "", false, false, false, false},
        {",\"source\":{\"schain\":{\"ver\":\"1.0\"}}", ",\"rwdd\":1", true, false, true, false},
        {",\"source\":{\"ext\":{\"schain\":{\"ver\":\"1.0\"}}}", ",\"ext\":{\"rewarded\":1}", true, false, true, false},
        {",\"ext\":{\"schain\":{\"ver\":\"1.0\"}}", ",\"ext\":{\"prebid\":{\"is_rewarded_inventory\":1}}", true, false,
         true, false},
        {",\"source\":{\"schain\":7}", ",\"video\":{\"ext\":{\"rewarded\":\"1\"}}", false, false, true, false},
        {",\"user\":{\"eids\":[{\"source\":\"a\"}]},\"regs\":{\"gpp_sid\":[7]}", ",\"rwdd\":0", false, true, false, true},
        {",\"user\":{\"ext\":{\"eids\":[{\"source\":\"a\"}]}},\"regs\":{\"ext\":{\"gpp_sid\":[7]}}", "", false, true, false,
         true},
        {",\"user\":{\"ext\":{\"eids\":\"a\"},\"eids\":{}}", "", false, false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512];
        snprintf(body, sizeof body, "{\"id\":1,\"imp\":[{\"id\":1,\"instl\":1,\"banner\":{}%s}]%s}", rows[i].imp,
                 rows[i].members);
        assert_int_equal(decode_text(body), 0);
        assert_int_equal(request.schain.type == MB_JSON_OBJECT, rows[i].chain);
        assert_int_equal(request.user.eids.type == MB_JSON_ARRAY, rows[i].eids);
        assert_int_equal(request.imps[0].rewarded, rows[i].rewarded);
        assert_int_equal(request.regs.gpp_sid.count, rows[i].sections);
        assert_true(request.imps[0].interstitial);
        mb_arena_reset(&arena);
    }
}

/* A break of several films (2.6); other media have none. Numbers that no break can have are as good as absent. */
static void films_know_their_break(void **state)
{
    (void)state;
    static const struct {
        const char *imp, *pod;
    } rows[] = {
        {"\"video\":{\"podid\":\"p1\",\"podseq\":-1,\"slotinpod\":1,\"poddur\":60,\"maxseq\":4,\"mincpmpersec\":0.05}",
         "p1 -1 1 60 4 50000"},
        {"\"audio\":{\"podid\":7,\"podseq\":\"1\",\"slotinpod\":2.0,\"mincpmpersec\":\"0.1\"},\"bidfloorcur\":\"EUR\"",
         "7 1 2 0 0 108000"},
        {"\"audio\":{\"mincpmpersec\":1},\"bidfloorcur\":\"XTS\"", "- 0 0 0 0 0"},
        {"\"video\":{\"podid\":\"\",\"podseq\":4294967297,\"poddur\":-2147483649,\"maxseq\":[],\"mincpmpersec\":-1}",
         "- 0 0 0 0 0"},
        {"\"banner\":{\"podid\":\"p1\",\"podseq\":1}", "- 0 0 0 0 0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512], seen[128];
        snprintf(body, sizeof body, "{\"id\":1,\"imp\":[{\"id\":1,%s}]}", rows[i].imp);
        assert_int_equal(decode_text(body), 0);
        const struct mb_pod *pod = &request.imps[0].pod;
        snprintf(seen, sizeof seen, "%.*s %d %d %d %d %lld",
                 MB_SLICE_ARG(mb_slice_present(pod->id) ? pod->id : MB_SLICE("-")), pod->sequence, pod->slot,
                 pod->duration_s, pod->ads_max, (long long)pod->floor_per_s.micros);
        assert_string_equal(seen, rows[i].pod);
        mb_arena_reset(&arena);
    }
}

/* Publishers block a thousand domains, a deal may be the five hundredth, and one impression too many is no reason to bid on
 * none. */
static void long_lists_are_read_to_their_end(void **state)
{
    (void)state;
    struct mb_buf body = {0};
    mb_xbuf_add_text(&body, "{\"id\":1,\"badv\":[");
    for (int i = 0; i < 1000; i++) {
        mb_xbuf_printf(&body, "\"d%d.example\",", i);
    }
    mb_xbuf_add_text(&body, "\"bad.example\"],\"user\":{\"data\":[{\"segment\":[");
    for (int i = 0; i < 400; i++) {
        mb_xbuf_printf(&body, "{\"id\":%d},", i);
    }
    mb_xbuf_add_text(&body, "{\"id\":\"last\"}]},{\"segment\":{\"id\":\"lone\"}}]},\"imp\":[{\"id\":0,\"banner\":{},\"pmp\":{\"deals\":[");
    for (int i = 0; i < 500; i++) {
        mb_xbuf_printf(&body, "{\"id\":\"deal-%d\",\"bidfloor\":%d},", i, i);
    }
    mb_xbuf_add_text(&body, "7]}}");
    for (int i = 1; i < 200; i++) {
        mb_xbuf_printf(&body, ",{\"id\":%d,\"video\":{}}", i);
    }
    mb_xbuf_add_text(&body, "]}");
    assert_int_equal(decode(mb_buf_slice(&body)), 0);
    assert_int_equal(request.blocked.domains.count, 1001);
    IS(request.blocked.domains.items[1000], "bad.example");
    assert_int_equal(request.user.segments.count, 402);
    IS(request.user.segments.items[401], "lone");
    assert_int_equal(request.imps[0].deals.count, 500);
    IS(request.imps[0].deals.items[499], "deal-499");
    assert_int_equal(request.imps[0].deal_floors[499].micros, INT64_C(499000000));
    assert_int_equal(request.n_imps, 128);
    IS(request.imps[127].id, "127");
    mb_buf_fini(&body);
}

/* A floor beyond all prices is how some say that nothing shall be bid; it is not none. */
static void a_floor_beyond_all_prices_is_not_none(void **state)
{
    (void)state;
    static const struct {
        const char *floor;
        int64_t micros;
    } rows[] = {
        {"1000000", MB_PRICE_MAX_MICROS}, {"1000000.000001", MB_PRICE_MAX_MICROS}, {"1e300", MB_PRICE_MAX_MICROS},
        {"1e999", MB_PRICE_MAX_MICROS},   {"1e-999", 0},                         {"-1e300", 0},                           {"-1", 0},
        {"[9]", 0},                       {"\"x\"", 0},                            {"0.5", 500000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{},\"bidfloor\":%s}]}", rows[i].floor);
        assert_int_equal(decode_text(body), 0);
        if (request.imps[0].floor.micros != rows[i].micros || request.imps[0].floor_is_strange) {
            fail_msg("%s gave %lld", rows[i].floor, (long long)request.imps[0].floor.micros);
        }
        mb_arena_reset(&arena);
    }
}

static void ids_keep_every_digit(void **state)
{
    (void)state;
    static const char *const ids[] = {"9007199254740993", "9223372036854775807", "18446744073709551615", "0"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"id\":%s,\"imp\":[{\"id\":\"%s\",\"tagid\":%s,\"banner\":{}}]}", ids[i], ids[i],
                 ids[i]);
        assert_int_equal(decode_text(body), 0);
        IS(request.id, ids[i]);
        IS(request.imps[0].id, ids[i]);
        IS(request.imps[0].tag_id, ids[i]);
    }
}

static void what_is_no_request_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int code;
        const char *where;
    } rows[] = {
        {"", MB_ESYNTAX, ""},
        {"{\"id\":1,\"imp\":[", MB_ESYNTAX, ""},
        {"[]", MB_EPROTOCOL, ""},
        {"{}", MB_EPROTOCOL, "id"},
        {"{\"id\":\"\",\"imp\":[{\"id\":1}]}", MB_EPROTOCOL, "id"},
        {"{\"id\":1}", MB_EPROTOCOL, "imp"},
        {"{\"id\":1,\"imp\":[]}", MB_EPROTOCOL, "imp"},
        {"{\"id\":1,\"imp\":[{\"banner\":{}}]}", MB_EPROTOCOL, "imp[0].id"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(decode_text(rows[i].body), rows[i].code);
        assert_string_equal(err.where, rows[i].where);
        assert_true(err.code != MB_ESYNTAX || err.at >= 0);
    }
}

/* --- answers --- */

#define FILM_OF_15_S                                                                                            \
    "{\"title\":\"T\",\"duration\":\"15s\",\"media\":[{\"url\":\"https://c.example/f.mp4\",\"type\":\"video/mp4\","    \
    "\"width\":640,\"height\":360}],\"impression\":\"https://t.example/\"}"

static struct mb_bid bid_on(size_t imp)
{
    return (struct mb_bid){.imp = &request.imps[imp],
                           .id = MB_SLICE("bid-1"),
                           .model = MB_MODEL_CPM,
                           .price = {1500000},
                           .price_wire = {1500000},
                           .notice_url = MB_SLICE("http://n/b"),
                           .win_notice = MB_SLICE("http://n/w"),
                           .loss_notice = MB_SLICE("http://n/l"),
                           .image_url = MB_SLICE("http://c/i?a=1&b=\"2\""),
                           .click_url = MB_SLICE("http://g/")};
}

static const char *refused(struct mb_bid *bid)
{
    const char *field = NULL;
    enum mb_nobid reason = mb_exchange_codec(MB_EXCHANGE_OPENRTB)->check_bid(&request, bid, &field);
    return reason == MB_NOBID_BID ? "" : field;
}

static void a_bid_that_would_be_refused_is_not_sent(void **state)
{
    (void)state;
    assert_int_equal(
        decode_text("{\"id\":1,\"wseat\":[\"s1\",\"s2\"],\"badv\":[\"Bad.example\"],\"bcat\":[\"IAB25\"],\"imp\":[{\"id\":1,"
                    "\"banner\":{},\"pmp\":{\"private_auction\":1,\"deals\":[{\"id\":\"d1\",\"bidfloor\":2}]}},{\"id\":2,"
                    "\"video\":{}}]}"),
        0);
    static const struct mb_slice bad[] = {{"www.bad.example", 15}}, category[] = {{"IAB25", 5}};
    struct mb_bid bid = bid_on(0);
    assert_string_equal(refused(&bid), "seat");
    bid.seat = MB_SLICE("s3");
    assert_string_equal(refused(&bid), "seat");
    bid.seat = MB_SLICE("s1");
    assert_string_equal(refused(&bid), "deal_id");
    bid.deal_id = MB_SLICE("d2");
    assert_string_equal(refused(&bid), "deal_id");
    bid.deal_id = MB_SLICE("d1");
    assert_string_equal(refused(&bid), "");
    bid.advertiser_domains = (struct mb_slices){bad, 1};
    assert_string_equal(refused(&bid), "advertiser_domains");
    bid.advertiser_domains.count = 0;
    bid.categories = (struct mb_slices){category, 1};
    assert_string_equal(refused(&bid), "categories");
    bid.categories.count = 0;
    bid.model = MB_MODEL_CPC;
    assert_string_equal(refused(&bid), "model");
    bid = bid_on(1);
    bid.seat = MB_SLICE("s1");
    assert_string_equal(refused(&bid), "vast");
}

/* Where a break has a price for each second, the film's length decides; one that nobody tells faces none. */
static void a_second_of_film_has_a_floor(void **state)
{
    (void)state;
    static const struct {
        int64_t ecpm_micros;
        int32_t duration_s;
        const char *vast_table;
        enum mb_nobid reason;
    } rows[] = {
        {1500000, 30, NULL, MB_NOBID_BID},
        {1499999, 30, NULL, MB_NOBID_BELOW_FLOOR},
        {1, INT32_MAX, NULL, MB_NOBID_BELOW_FLOOR},
        {1, 0, NULL, MB_NOBID_BID},
        {1500000, 0, "{\"wrapper\":\"https://w.example/\",\"impression\":\"https://t.example/\"}", MB_NOBID_BID},
        {750000, 0, FILM_OF_15_S, MB_NOBID_BID},
        {749999, 0, FILM_OF_15_S, MB_NOBID_BELOW_FLOOR},
    };
    assert_int_equal(decode_text("{\"id\":1,\"imp\":[{\"id\":1,\"video\":{\"poddur\":60,\"mincpmpersec\":0.05}}]}"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *field = NULL;
        struct mb_bid bid = bid_on(0);
        bid.ecpm.micros = rows[i].ecpm_micros;
        bid.duration_s = rows[i].duration_s;
        bid.vast = mb_slice_of(rows[i].vast_table ? NULL : "<VAST/>");
        bid.vast_table = mb_slice_of(rows[i].vast_table);
        enum mb_nobid reason = mb_exchange_codec(MB_EXCHANGE_OPENRTB)->check_bid(&request, &bid, &field);
        if (reason != rows[i].reason) {
            fail_msg("row %zu: %s %s", i, mb_nobid_name(reason), field ? field : "");
        }
    }
}

/* A deal may be for some seats and advertisers alone; the first of two with the same id counts. */
static void a_deal_is_for_whom_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *deal, *seat, *domain, *culprit, *seat_after;
    } rows[] = {
        {"", NULL, "a.example", "", ""},
        {",\"wseat\":[\"s1\",\"s2\"]", "s2", "a.example", "", "s2"},
        {",\"wseat\":[\"s1\",\"s2\"]", "s3", "a.example", "seat", "s3"},
        {",\"wseat\":[\"s1\",\"s2\"]", NULL, "a.example", "seat", ""},
        {",\"wseat\":[\"s1\"]", NULL, "a.example", "", "s1"},
        {",\"wseat\":7", NULL, "a.example", "", "7"},
        {",\"wseat\":[]", NULL, "a.example", "", ""},
        {",\"wseat\":[null,\"\",{}]", "s3", "a.example", "", "s3"},
        {",\"wadomain\":[\"A.example\"]", NULL, "a.example", "", ""},
        {",\"wadomain\":[\"b.example\"]", NULL, "a.example", "advertiser_domains", ""},
        {",\"wadomain\":[\"b.example\"]", NULL, NULL, "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512];
        snprintf(body, sizeof body,
                 "{\"id\":1,\"imp\":[{\"id\":1,\"banner\":{},\"pmp\":{\"deals\":[3,{\"id\":\"d0\",\"wseat\":[\"x\"]},{\"id\":\"d1\"%s},"
                 "{\"id\":\"d1\",\"wseat\":[\"x\"]}]}}]}",
                 rows[i].deal);
        assert_int_equal(decode_text(body), 0);
        struct mb_slice domain = mb_slice_of(rows[i].domain);
        struct mb_bid bid = bid_on(0);
        bid.deal_id = MB_SLICE("d1");
        bid.seat = mb_slice_of(rows[i].seat);
        bid.advertiser_domains = (struct mb_slices){&domain, rows[i].domain ? 1 : 0};
        if (strcmp(refused(&bid), rows[i].culprit) != 0 || !mb_slice_eq(bid.seat, mb_slice_of(rows[i].seat_after))) {
            fail_msg("row %zu: %s %.*s", i, refused(&bid), MB_SLICE_ARG(bid.seat));
        }
        mb_arena_reset(&arena);
    }
}

/* What the publisher does not take is no bid of ours. */
static void languages_and_apps_are_kept_to(void **state)
{
    (void)state;
    static const struct {
        const char *language, *bundle, *culprit;
    } rows[] = {
        {NULL, NULL, ""},        {"de", NULL, ""},           {"DE-at", NULL, ""},         {"en", NULL, "language"},
        {"d", NULL, "language"}, {"dex", NULL, "language"}, {"de", "com.bad", "bundle"}, {"de", "com.badly", ""},
    };
    assert_int_equal(decode_text("{\"id\":1,\"wlang\":[\"de\",\"fr\"],\"bapp\":[\"com.bad\"],\"imp\":[{\"id\":1,"
                                 "\"banner\":{}}]}"),
                     0);
    struct mb_bid bid;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bid = bid_on(0);
        bid.language = mb_slice_of(rows[i].language);
        bid.bundle = mb_slice_of(rows[i].bundle);
        assert_string_equal(refused(&bid), rows[i].culprit);
    }
    static const struct mb_slice words[] = {{"one", 3}};
    bid = bid_on(0);
    bid.apis = (struct mb_slices){words, 1};
    assert_string_equal(refused(&bid), "apis");
    bid.apis.count = 0;
    bid.attributes = (struct mb_slices){words, 1};
    assert_string_equal(refused(&bid), "attributes");
    bid.attributes.count = 0;
    bid.tactic = MB_SLICE("\xff");
    assert_string_equal(refused(&bid), "tactic");
}

static void categories_and_attributes_are_kept_to(void **state)
{
    (void)state;
    static const struct {
        const char *category, *attribute, *culprit;
        size_t imp;
    } rows[] = {
        {"IAB25", "1", "categories", 0},  {"IAB25-3", "1", "categories", 0}, {"IAB7-39", "1", "categories", 0},
        {"IAB7", "1", "", 0},             {"IAB7-3", "1", "", 0},            {"IAB2", "1", "", 0},
        {"IAB2", "13", "attributes", 0},  {"IAB2", "3", "", 0},              {"IAB2", "7", "attributes", 0},
        {"IAB2", "13", "", 1},            {"IAB2", "9", "attributes", 1},
    };
    assert_int_equal(decode_text("{\"id\":1,\"bcat\":[\"IAB25\",\"IAB7-39\"],\"imp\":[{\"id\":1,\"banner\":{\"battr\":[13,\"7\",[],null]}},"
                                 "{\"id\":2,\"native\":{\"battr\":9,\"request\":\"{\\\"assets\\\":[{\\\"id\\\":1,"
                                 "\\\"img\\\":{}}]}\"}}]}"),
                     0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_slice category = mb_slice_of(rows[i].category), attribute = mb_slice_of(rows[i].attribute);
        struct mb_bid bid = bid_on(rows[i].imp);
        bid.categories = (struct mb_slices){&category, 1};
        bid.attributes = (struct mb_slices){&attribute, 1};
        if (strcmp(refused(&bid), rows[i].culprit) != 0) {
            fail_msg("row %zu: %s", i, refused(&bid));
        }
    }
}

static void answers_hold_what_the_exchange_needs(void **state)
{
    (void)state;
    static const struct {
        enum mb_dialect dialect;
        const char *has[6];
    } rows[] = {
        {MB_DIALECT_GENERIC,
         {"\"nurl\":\"http://n/w?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}\"", "\"burl\":\"http://n/b?",
          "&l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}\"", "\"adm\":\"<a href=\\\"http://g/\\\"", "a=1&amp;b=&quot;2&quot;",
          "\"cur\":\"USD\"}"}},
        {MB_DIALECT_EXOCLICK,
         {"<imageAd><clickUrl><![CDATA[http://g/]]></clickUrl>", "<imgUrl><![CDATA[http://c/i?a=1&b=\\\"2\\\"]]>",
          "\"ext\":{\"btype\":1}", "\"price\":1.5", "\"impid\":\"7\"", "\"w\":300,\"h\":250"}},
        {MB_DIALECT_XANDR,
         {"\"seat\":\"958\"", "\"crid\":\"c1\"", "\"lurl\":\"http://n/l?l=${AUCTION_LOSS}&m=", "\"id\":\"r\"",
          "\"impid\":\"7\"", "\"price\":1.5"}},
    };
    struct mb_buf body = {0}, scratch = {0};
    endpoint.member = MB_SLICE("958");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        endpoint.dialect = rows[i].dialect;
        assert_int_equal(
            decode_text("{\"id\":\"r\",\"imp\":[{\"id\":\"7\",\"banner\":{\"w\":300,\"h\":250}}]}"), 0);
        struct mb_bid bid = bid_on(0), *bids[] = {&bid};
        struct mb_wire_out out = {.body = &body, .scratch = &scratch};
        struct mb_json doc;
        bid.creative_id = MB_SLICE("c1");
        assert_string_equal(refused(&bid), "");
        mb_buf_clear(&body);
        mb_exchange_codec(MB_EXCHANGE_OPENRTB)->encode_answer(&request, bids, 1, &out);
        assert_int_equal(out.status, 200);
        assert_int_equal(mb_json_parse(&doc, &arena, mb_buf_slice(&body), &err), 0);
        for (size_t k = 0; k < 6; k++) {
            if (mb_slice_find(mb_buf_slice(&body), mb_slice_of(rows[i].has[k])) < 0) {
                fail_msg("dialect %zu: no %s in %.*s", i, rows[i].has[k], MB_SLICE_ARG(mb_buf_slice(&body)));
            }
        }
        bool has_markup = mb_slice_find(mb_buf_slice(&body), MB_SLICE("\"adm\"")) >= 0;
        assert_int_equal(has_markup, rows[i].dialect != MB_DIALECT_XANDR);
    }
    struct mb_wire_out none = {.body = &body, .scratch = &scratch};
    mb_exchange_codec(MB_EXCHANGE_OPENRTB)->encode_answer(&request, NULL, 0, &none);
    assert_int_equal(none.status, 204);
    mb_buf_fini(&body);
    mb_buf_fini(&scratch);
}

/* The prolog of ExoClick's documents names a character set that JSON's UTF-8 is not, and "]]>" would end the CDATA. */
static void exoclick_markup_is_ascii(void **state)
{
    (void)state;
    struct mb_buf body = {0}, scratch = {0};
    struct mb_wire_out out = {.body = &body, .scratch = &scratch};
    endpoint.dialect = MB_DIALECT_EXOCLICK;
    assert_int_equal(decode_text("{\"id\":1,\"imp\":[{\"id\":1,\"instl\":1}]}"), 0);
    struct mb_bid bid = bid_on(0), *bids[] = {&bid};
    bid.url = MB_SLICE("http://g/\xc3\xbc?a=1&b=]]>{email_encoded}");
    assert_string_equal(refused(&bid), "");
    mb_exchange_codec(MB_EXCHANGE_OPENRTB)->encode_answer(&request, bids, 1, &out);
    struct mb_slice wanted = MB_SLICE("<url><![CDATA[http://g/%C3%BC?a=1&b=]]%3E{email_encoded}]]></url>");
    if (mb_slice_find(mb_buf_slice(&body), wanted) < 0) {
        fail_msg("%.*s", MB_SLICE_ARG(mb_buf_slice(&body)));
    }
    mb_buf_fini(&body);
    mb_buf_fini(&scratch);
}

/* ExoClick shows a page as a banner; to others a banner is an image or markup. Xandr's macros are as on its platform. */
static void dialects_take_what_is_theirs(void **state)
{
    (void)state;
    static const struct {
        enum mb_dialect dialect;
        const char *url, *macro, *culprit;
    } rows[] = {
        {MB_DIALECT_EXOCLICK, "https://page.example/?a=1&b=2", NULL, ""},
        {MB_DIALECT_EXOCLICK, NULL, NULL, "markup"},
        {MB_DIALECT_GENERIC, "https://page.example/", NULL, "markup"},
        {MB_DIALECT_XANDR, NULL, "plain", ""},
        {MB_DIALECT_XANDR, NULL, "a^b", "custom_macros"},
    };
    endpoint.member = MB_SLICE("958");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        endpoint.dialect = rows[i].dialect;
        assert_int_equal(
            decode_text("{\"id\":\"r\",\"imp\":[{\"id\":\"7\",\"banner\":{\"w\":300,\"h\":250}}]}"), 0);
        struct mb_bid bid = bid_on(0), *bids[] = {&bid};
        struct mb_pair macro = {MB_SLICE("LINE"), mb_slice_of(rows[i].macro)};
        struct mb_buf body = {0}, scratch = {0};
        struct mb_wire_out out = {.body = &body, .scratch = &scratch};
        bid.image_url = bid.click_url = MB_SLICE_NONE;
        bid.creative_id = MB_SLICE("c1");
        bid.url = mb_slice_of(rows[i].url);
        bid.custom_macros = (struct mb_pairs){&macro, rows[i].macro != NULL};
        assert_string_equal(refused(&bid), rows[i].culprit);
        if (rows[i].culprit[0] == '\0') {
            mb_exchange_codec(MB_EXCHANGE_OPENRTB)->encode_answer(&request, bids, 1, &out);
        }
        assert_int_equal(mb_slice_find(mb_buf_slice(&body),
                                       MB_SLICE("<ad><iframeAd><url><![CDATA[https://page.example/?a=1&b=2]]></url>"
                                                "</iframeAd></ad>")) > 0,
                         i == 0);
        mb_buf_fini(&body);
        mb_buf_fini(&scratch);
    }
    endpoint.dialect = MB_DIALECT_GENERIC;
    endpoint.member = MB_SLICE_NONE;
}

static void plain_fields_fill_native_assets(void **state)
{
    (void)state;
    assert_int_equal(
        decode_text("{\"id\":1,\"imp\":[{\"id\":1,\"native\":{\"request\":\"{\\\"ver\\\":\\\"1.2\\\",\\\"assets\\\":[{\\\"id\\\":1,"
                    "\\\"required\\\":1,\\\"title\\\":{\\\"len\\\":90}},{\\\"id\\\":2,\\\"img\\\":{\\\"type\\\":3}},{\\\"id\\\":3,"
                    "\\\"data\\\":{\\\"type\\\":2}},{\\\"id\\\":4,\\\"data\\\":{\\\"type\\\":12}}]}\"}}]}"),
        0);
    struct mb_bid bid = bid_on(0);
    assert_string_equal(refused(&bid), "native"); /* the title is required */
    bid.title = MB_SLICE("Tea \"x\"");
    bid.description = MB_SLICE("hot");
    assert_string_equal(refused(&bid), "");
    struct mb_buf body = {0}, scratch = {0};
    struct mb_wire_out out = {.body = &body, .scratch = &scratch};
    struct mb_bid *bids[] = {&bid};
    mb_exchange_codec(MB_EXCHANGE_OPENRTB)->encode_answer(&request, bids, 1, &out);
    struct mb_json answer, native;
    assert_int_equal(mb_json_parse(&answer, &arena, mb_buf_slice(&body), &err), 0);
    struct mb_json_value adm = mb_json_get(
        mb_json_at(mb_json_get(mb_json_at(mb_json_get(mb_json_root(&answer), MB_SLICE("seatbid")), 0),
                               MB_SLICE("bid")),
                   0),
        MB_SLICE("adm"));
    assert_int_equal(mb_json_parse(&native, &arena, mb_json_str(adm), &err), 0);
    struct mb_json_value assets = mb_json_get(mb_json_root(&native), MB_SLICE("assets"));
    assert_int_equal(mb_json_count(assets), 3);
    IS(mb_json_str(mb_json_get(mb_json_get(mb_json_at(assets, 0), MB_SLICE("title")), MB_SLICE("text"))), "Tea \"x\"");
    mb_buf_fini(&body);
    mb_buf_fini(&scratch);
}

/* Assets that cannot be read, or that want nothing of what the bid has, make no ad. */
static void a_native_ad_has_an_asset(void **state)
{
    (void)state;
    static const struct {
        const char *request; /* as it stands in the document */
        const char *culprit;
    } rows[] = {
        {"\"{\\\"assets\\\":[{\\\"id\\\":1,\\\"title\\\":{\\\"len\\\":9}}]}\"", ""},
        {"{\"native\":{\"assets\":[{\"id\":1,\"title\":{}}]}}", ""},
        {"{\"native\":7,\"assets\":[{\"id\":1,\"title\":{}}]}", ""},
        {"\"{\\\"assets\\\":[{\\\"id\\\":1,\\\"title\\\":{\\\"len\\\":9}}]}}\"", ""}, /* a brace too many */
        {"\"{\\\"assets\\\":[{\\\"id\\\":1,\\\"title\\\":{\\\"len\\\":9}}]}x\"", "native"},
        {"\"{\\\"native\\\":{\\\"assets\\\":[ ... ]}}\"", "native"},
        {"{\"assets\":[]}", "native"},
        {"{\"assets\":[{\"id\":1,\"data\":{\"type\":12}}]}", "native"},
        {"7", "native"},
        {"null", "native"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[512];
        snprintf(body, sizeof body, "{\"id\":1,\"imp\":[{\"id\":1,\"native\":{\"request\":%s}}]}", rows[i].request);
        assert_int_equal(decode_text(body), 0);
        struct mb_bid bid = bid_on(0);
        bid.title = MB_SLICE("T");
        assert_string_equal(refused(&bid), rows[i].culprit);
        mb_arena_reset(&arena);
    }
}

static void countries_go_both_ways(void **state)
{
    (void)state;
    IS(mb_country_of_alpha3(MB_SLICE("DEU")), "DE");
    IS(mb_country_of_alpha3(MB_SLICE("AFG")), "AF");
    IS(mb_country_of_alpha3(MB_SLICE("ZWE")), "ZW");
    IS(mb_country_to_alpha3(MB_SLICE("CH")), "CHE");
    assert_null(mb_country_of_alpha3(MB_SLICE("QQQ")).data);
    assert_null(mb_country_of_alpha3(MB_SLICE("DE")).data);
    assert_null(mb_country_to_alpha3(MB_SLICE("QQ")).data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_specifications_examples_are_understood),
        TEST(floors_and_currencies),
        TEST(each_media_type_is_an_impression),
        TEST(moved_fields_are_read_from_both_places),
        TEST(moved_objects_are_read_from_every_place),
        TEST(films_know_their_break),
        TEST(a_second_of_film_has_a_floor),
        TEST(a_deal_is_for_whom_it_names),
        TEST(languages_and_apps_are_kept_to),
        TEST(categories_and_attributes_are_kept_to),
        TEST(long_lists_are_read_to_their_end),
        TEST(a_floor_beyond_all_prices_is_not_none),
        TEST(ids_keep_every_digit),
        TEST(what_is_no_request_is_named),
        TEST(a_bid_that_would_be_refused_is_not_sent),
        TEST(answers_hold_what_the_exchange_needs),
        TEST(exoclick_markup_is_ascii),
        TEST(dialects_take_what_is_theirs),
        TEST(plain_fields_fill_native_assets),
        TEST(a_native_ad_has_an_asset),
        TEST(countries_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
