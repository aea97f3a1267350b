/* test_events.c - from a notice to its event: what the token and the exchange tell, what it costs, and what makes it distinct. */
#include "support.h"

/* --- our own URLs --- */

/* A text in the answer's body between two others. */
static char *cut(const char *before, const char *after)
{
    long at = mb_slice_find(out.body, mb_slice_of(before));
    struct mb_slice rest;
    long end;

    assert_true(at >= 0);
    rest = mb_slice(out.body.data + at + strlen(before), out.body.len - (size_t)at - strlen(before));
    end = mb_slice_find(rest, mb_slice_of(after));
    assert_true(end >= 0);
    return strndup(rest.data, (size_t)end);
}

#define BASE "http://127.0.0.1:8080"

/* The path of the billing URL in ExoClick's answer. To be freed. */
static char *billing_path(void)
{
    expect_outcome(MB_NOBID_BID, "a bid");
    return cut("\"bUrl\":\"" BASE, "\"");
}

static const struct mb_event *only_event(void)
{
    if (out.status != 200 || out.n_events != 1) {
        fail_msg("status %d, %zu events: %.*s", out.status, out.n_events, MB_SLICE_ARG(out.body));
    }
    return &out.events[0];
}

static void the_billing_url_tells_all_of_its_bid(void **state)
{
    const struct mb_event *e;
    const struct mb_decision *d;
    char *path, *bid_id;
    size_t count;

    (void)state;
    open_bidder("{\"rates\":{\"EUR\":1.25},\"endpoints\":[{\"name\":\"exo-eu\",\"path\":\"/exoclick/bid\",\"exchange\":\"exoclick\","
                "\"currency\":\"EUR\"}]}");
    load_members("bid = function() return { price = 2.5, data = 'creative a', creative_id = 'c7', " BANNER_BID " } end");
    post("/exoclick/bid", "zone_id=778&site_id=99", BANNER);
    path = billing_path();
    d = mb_bidder_decisions(bidder, &count);
    bid_id = strndup(d[0].bid->id.data, d[0].bid->id.len);
    in.now_ms += 5000;
    get(path, NULL);
    e = only_event();
    assert_int_equal(out.body.len, 0);
    assert_false(out.answer_first);
    expect_text(out.kind, "notice", "kind");
    assert_ptr_equal(out.endpoint, &config->endpoints[0]);
    assert_int_equal(e->type, MB_EVENT_BILLING);
    assert_int_equal(e->time_ms, NOW_MS + 5000);
    assert_int_equal(e->bid_time_ms, NOW_MS);
    expect_slice(e->exchange, "exoclick", "exchange");
    expect_slice(e->endpoint, "exo-eu", "endpoint");
    expect_slice(e->auction_id, "r1", "auction_id");
    expect_slice(e->imp_id, "r1", "imp_id");
    expect_slice(e->site_id, "99", "site_id");
    expect_slice(e->zone_id, "778", "zone_id");
    expect_slice(e->country, "DE", "country");
    expect_slice(e->bid_id, bid_id, "bid_id");
    expect_slice(e->strategy, "a", "strategy");
    assert_true(mb_slice_eq(e->version, mb_script_version(mb_bidder_script(bidder))));
    expect_slice(e->data, "creative a", "data");
    expect_slice(e->creative_id, "c7", "creative_id");
    expect_slice(e->currency, "USD", "currency");
    assert_int_equal(e->model, MB_MODEL_CPM);
    assert_true(e->has_price_bid);
    assert_int_equal(e->price_bid.micros, 2500000);
    assert_false(e->has_price_paid);
    assert_true(e->attributed && e->books && e->shown);
    assert_false(e->test);
    assert_int_equal(e->cost.nanos, 2500000); /* a thousandth of 2.50 */
    assert_int_equal(mb_bidder_totals(bidder)->notices, 1);
    assert_int_equal(mb_bidder_totals(bidder)->forged, 0);
    free(path);
    free(bid_id);
}

/* The highest or lowest bit of any character: the token is worth nothing, and nothing of it is told. */
static void an_altered_token_is_unknown(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *path;
    size_t len;

    (void)state;
    load_members("bid = function() return { price = 2.5, " BANNER_BID " } end");
    ask_banner();
    path = billing_path();
    len = strlen(path);
    for (size_t i = 3; i < len; i++) {
        char kept = path[i];

        for (size_t bit = 1; bit <= 32; bit *= 32) {
            path[i] = alphabet[(size_t)(strchr(alphabet, kept) - alphabet) ^ bit];
            get(path, NULL);
            if (out.status != 404 || out.n_events != 0) {
                fail_msg("bit %zu altered at %zu of %zu: %d", bit, i, len, out.status);
            }
        }
        path[i] = kept;
    }
    for (size_t cut_off = 3; cut_off < len; cut_off++) {
        handle(MB_BIDDER_GET, "", NULL, MB_SLICE_NONE);
        in.path = mb_slice(path, cut_off);
        mb_bidder_handle(bidder, &in, &out);
        assert_int_equal(out.status, 404);
    }
    get(path, NULL);
    (void)only_event();
    free(path);
}

/* Tokens made here, to be told apart by key, kind and endpoint. */
static char *token_path(const char *prefix, const uint8_t key[MB_NOTICE_KEY_BYTES], enum mb_event_type kind, const char *endpoint)
{
    struct mb_notice n = {.bid_id = "sixteen bytes id", .strategy = MB_SLICE("a"), .endpoint = mb_slice_of(endpoint),
                          .auction_id = MB_SLICE("7"), .price = {1000000}, .price_wire = {1000000}, .model = MB_MODEL_CPM,
                          .bid_time_ms = NOW_MS};
    struct mb_notice_keys *own = mb_xnotice_keys_new();
    struct mb_buf body = {0}, path = {0};

    assert_int_equal(mb_notice_keys_add(own, key), 0);
    assert_int_equal(mb_notice_encode(&n, &body), 0);
    mb_xbuf_add_text(&path, prefix);
    mb_notice_sign(own, kind, mb_buf_slice(&body), &path);
    mb_xbuf_add(&path, "", 1);
    mb_notice_keys_free(own);
    mb_buf_fini(&body);
    return path.data;
}

static void a_token_is_good_for_its_key_kind_and_endpoint(void **state)
{
    static const uint8_t ours[MB_NOTICE_KEY_BYTES] = "0123456789abcdef", foreign[MB_NOTICE_KEY_BYTES] = "0123456789abcdeg";
    static const struct {
        const char *prefix;
        const uint8_t *key;
        enum mb_event_type kind;
        const char *endpoint;
        int status;
    } rows[] = {
        {"/n/", ours, MB_EVENT_BILLING, "openrtb", 200}, {"/n/", ours, MB_EVENT_WIN, "openrtb", 200},
        {"/n/", ours, MB_EVENT_LOSS, "openrtb", 200},    {"/c/", ours, MB_EVENT_CONVERSION, "openrtb", 200},
        {"/n/", foreign, MB_EVENT_BILLING, "openrtb", 404}, {"/c/", foreign, MB_EVENT_CONVERSION, "openrtb", 404},
        {"/n/", ours, MB_EVENT_CONVERSION, "openrtb", 404}, {"/n/", ours, MB_EVENT_CLICK, "openrtb", 404},
        {"/n/", ours, MB_EVENT_SOLD, "openrtb", 404},       {"/c/", ours, MB_EVENT_BILLING, "openrtb", 404},
        {"/c/", ours, MB_EVENT_CLICK, "openrtb", 404},      {"/n/", ours, MB_EVENT_BILLING, "gone", 404},
        {"/c/", ours, MB_EVENT_CONVERSION, "gone", 404},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t forged = mb_bidder_totals(bidder)->forged;
        char *path = token_path(rows[i].prefix, rows[i].key, rows[i].kind, rows[i].endpoint);

        get(path, NULL);
        if (out.status != rows[i].status || out.n_events != (rows[i].status == 200)) {
            fail_msg("row %zu: %d", i, out.status);
        }
        assert_int_equal(mb_bidder_totals(bidder)->forged - forged, rows[i].status == 404);
        if (out.n_events) {
            assert_int_equal(out.events[0].type, rows[i].kind);
        }
        free(path);
    }
}

/* The path of a notice of a bid that was made at an endpoint as it then was, `age_ms` ago. */
static char *path_of_bid(enum mb_event_type kind, const char *endpoint, enum mb_exchange exchange, bool books_on_win, int64_t age_ms)
{
    struct mb_notice n = {.bid_id = "sixteen bytes id", .strategy = MB_SLICE("a"), .endpoint = mb_slice_of(endpoint),
                          .auction_id = MB_SLICE("7"), .price = {1000000}, .price_wire = {1000000}, .model = MB_MODEL_CPM,
                          .exchange = exchange, .books_on_win = books_on_win, .bid_time_ms = NOW_MS - age_ms};
    struct mb_buf body = {0}, path = {0};

    assert_int_equal(mb_notice_encode(&n, &body), 0);
    mb_xbuf_add_text(&path, kind == MB_EVENT_CONVERSION ? "/c/" : "/n/");
    mb_notice_sign(keys, kind, mb_buf_slice(&body), &path);
    mb_xbuf_add(&path, "", 1);
    mb_buf_fini(&body);
    return path.data;
}

/* Were it what the config says when the notice comes, a bid could book twice, or never, or be unknown. */
static void what_books_is_what_the_bid_was_made_under(void **state)
{
#define ENDPOINT(name, books_on) \
    "{\"endpoints\":[{\"name\":\"" name "\",\"path\":\"/o\",\"exchange\":\"openrtb\",\"books_on\":\"" books_on "\"}]}"
    static const char *const configs[] = {ENDPOINT("o", "billing"), ENDPOINT("o", "win"), ENDPOINT("renamed", "billing"),
                                          ENDPOINT("renamed", "win")};
#undef ENDPOINT

    (void)state;
    for (size_t i = 0; i < ROWS(configs); i++) {
        open_bidder(configs[i]);
        for (int on_win = 0; on_win <= 1; on_win++) {
            for (int win = 0; win <= 1; win++) {
                enum mb_event_type kind = win ? MB_EVENT_WIN : MB_EVENT_BILLING;
                char *path = path_of_bid(kind, "o", MB_EXCHANGE_OPENRTB, on_win, 1000);
                const struct mb_event *e;

                get(path, NULL);
                assert_int_equal(out.status, 200);
                e = only_event();
                if (e->books != (win == on_win) || e->cost.nanos != (win == on_win ? 1000000 : 0) || !mb_slice_is(e->endpoint, "o") ||
                    !mb_slice_is(e->exchange, "openrtb") || (out.endpoint != NULL) != (i < 2)) {
                    fail_msg("%s: bid on_win %d, win %d: books %d", configs[i], on_win, win, e->books);
                }
                free(path);
            }
        }
    }
}

static void what_comes_months_late_is_refused_and_counted(void **state)
{
    static const int64_t day = INT64_C(24) * 3600 * 1000;
    static const struct {
        enum mb_event_type kind;
        int64_t age_ms;
        int status;
    } rows[] = {
        {MB_EVENT_BILLING, 90 * day, 200},    {MB_EVENT_BILLING, 90 * day + 1, 404}, {MB_EVENT_WIN, 91 * day, 404},
        {MB_EVENT_CONVERSION, 90 * day, 200}, {MB_EVENT_CONVERSION, 91 * day, 404},  {MB_EVENT_BILLING, -day, 200},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mb_bidder_counts before = *mb_bidder_totals(bidder);
        char *path = path_of_bid(rows[i].kind, "openrtb", MB_EXCHANGE_OPENRTB, false, rows[i].age_ms);

        get(path, NULL);
        if (out.status != rows[i].status || mb_bidder_totals(bidder)->expired - before.expired != (rows[i].status == 404) ||
            mb_bidder_totals(bidder)->forged != before.forged) {
            fail_msg("row %zu: %d", i, out.status);
        }
        free(path);
    }
}

/* Whose exchange would not call again is not put off. */
static void overload_puts_off_what_comes_again(void **state)
{
#define WITH(more)                                                                                           \
    "{\"endpoints\":[{\"name\":\"openrtb\",\"path\":\"/o\",\"exchange\":\"openrtb\"" more "},"                \
    "{\"name\":\"xandr\",\"path\":\"/xandr\",\"exchange\":\"xandr\"" more "}]}"
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    static const struct {
        const char *config;
        int status;
    } rows[] = {
        {WITH(""), 503},
        {WITH(",\"notice_retries\":\"expected\""), 503},
        {WITH(",\"notice_retries\":\"none\""), 200},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *path = token_path("/n/", key, MB_EVENT_BILLING, "openrtb");

        open_bidder(rows[i].config);
        in.overloaded = true;
        get(path, NULL);
        assert_int_equal(out.status, rows[i].status);
        assert_int_equal(out.n_events, rows[i].status == 200);
        post("/xandr/notify", NULL, "{\"notify_request\":{\"tags\":[{\"auction_id_64\":1,\"notify_type\":\"won\"}]}}");
        assert_int_equal(out.status, rows[i].status);
        free(path);
    }
#undef WITH
}

/* Both notices of a generic OpenRTB endpoint, with what the exchange fills in. The bid: a CPM of 2 USD, 1.60 on the wire in EUR. */
static void a_notice_costs_what_was_paid_and_never_more_than_the_bid(void **state)
{
    static const struct {
        const char *query;
        int64_t paid;        /* micros; -1: not told */
        int64_t billed, won; /* nanos: with books_on = 'billing' and 'win' */
    } rows[] = {
        {NULL, -1, 2000000, 2000000},
        {"p=1.2&c=EUR", 1500000, 1500000, 1500000},
        {"p=1.2", 1500000, 1500000, 1500000}, /* without a currency it is the bid's */
        {"p=1.2&c=USD", 1200000, 1200000, 1200000},
        {"p=1.2&c=GBP", 1500000, 1500000, 1500000},
        {"p=1.6", 2000000, 2000000, 2000000},
        {"p=1.61", 2012500, 2000000, 2000000},
        {"p=999&c=USD", 999000000, 2000000, 2000000},
        {"p=0", 0, 0, 0},
        {"p=", -1, 2000000, 2000000},
        {"p=AUDIT", -1, 2000000, 2000000},
        {"p=${AUCTION_PRICE}", -1, 2000000, 2000000},
        {"p=%24%7BAUCTION_PRICE%7D", -1, 2000000, 2000000},
        {"p=1e400", -1, 2000000, 2000000},
        {"p=0x1", -1, 2000000, 2000000},
        {"p=1.2&p=0", 1500000, 1500000, 1500000},
    };
    static const char *const members = "bid = function() return { price = 2, creative_id = 'c', markup = '<p>', advertiser_domains = "
                                       "{ 'adv.example' } } end";

    (void)state;
    for (int on_win = 0; on_win <= 1; on_win++) {
        char json[256], *paths[2];

        snprintf(json, sizeof(json), "{\"rates\":{\"EUR\":1.25},\"endpoints\":[{\"name\":\"o\",\"path\":\"/o\",\"exchange\":\"openrtb\","
                 "\"currency\":\"EUR\",\"books_on\":\"%s\"}]}", on_win ? "win" : "billing");
        open_bidder(json);
        load_members(members);
        post("/o", NULL, "{\"id\":\"o1\",\"cur\":[\"EUR\"],\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":1,\"h\":2}}]}");
        expect_outcome(MB_NOBID_BID, "openrtb");
        paths[0] = cut("\"burl\":\"" BASE, "?");
        paths[1] = cut("\"nurl\":\"" BASE, "?");
        for (size_t i = 0; i < ROWS(rows); i++) {
            for (int win = 0; win <= 1; win++) {
                const struct mb_event *e;
                int64_t cost = win != on_win ? 0 : win ? rows[i].won : rows[i].billed;

                get(paths[win], rows[i].query);
                e = only_event();
                assert_int_equal(e->type, win ? MB_EVENT_WIN : MB_EVENT_BILLING);
                if (e->cost.nanos != cost || e->books != (win == on_win) || e->has_price_paid != (rows[i].paid >= 0) ||
                    (e->has_price_paid && e->price_paid.micros != rows[i].paid)) {
                    fail_msg("%s, %s: cost %lld, books %d, paid %d %lld", rows[i].query, win ? "win" : "billing",
                             (long long)e->cost.nanos, e->books, e->has_price_paid, (long long)e->price_paid.micros);
                }
            }
        }
        free(paths[0]);
        free(paths[1]);
    }
}

static void a_price_below_nothing_is_no_price(void **state)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    char *path = token_path("/n/", key, MB_EVENT_BILLING, "openrtb");

    (void)state;
    get(path, "p=-1.5&m=-2");
    assert_false(only_event()->has_price_paid);
    assert_false(only_event()->has_min_to_win);
    assert_int_equal(only_event()->cost.nanos, 1000000);
    free(path);
}

static void a_loss_tells_why_and_books_nothing(void **state)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    static const struct {
        const char *query;
        int32_t code;
        const char *reason;
        int64_t min_to_win; /* micros; 0: not told */
    } rows[] = {
        {"l=102&m=1.25", 102, NULL, 1250000}, {"l=100", 100, "below_floor", 0}, {"l=1234", 1234, NULL, 0}, {"l=0", 0, NULL, 0},
        {"l=x&m=x", 0, NULL, 0},              {"l=99999999999", 0, NULL, 0},    {NULL, 0, NULL, 0},
    };
    char *path = token_path("/n/", key, MB_EVENT_LOSS, "openrtb");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct mb_event *e;

        get(path, rows[i].query);
        e = only_event();
        assert_int_equal(e->type, MB_EVENT_LOSS);
        assert_int_equal(e->loss_code, rows[i].code);
        assert_int_equal(e->has_min_to_win, rows[i].min_to_win > 0);
        assert_int_equal(e->min_to_win.micros, rows[i].min_to_win);
        assert_false(e->books || e->shown || e->has_price_paid);
        assert_int_equal(e->cost.nanos, 0);
        if (rows[i].reason) {
            expect_slice(e->reason, rows[i].reason, "reason");
        }
    }
    free(path);
}

/* A click costs its price, an impression the thousandth. */
static void the_cost_is_of_the_model(void **state)
{
    static const struct {
        const char *bid, *body;
        int64_t nanos;
    } rows[] = {
        {"price = 2.5, model = 'cpm'", PUSH, 2500000},
        {"price = 0.123456, model = 'cpc'", PUSH, 123456000},
        {"price = 0.1, model = 'smart_cpc'", EMAIL, 100000000},
        {"price = 0.000001", PUSH, 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char members[256], *path;

        snprintf(members, sizeof(members), "bid = function() return { %s, click_url = 'https://c', title = 't', description = 'd', "
                 "icon_url = 'https://i' } end", rows[i].bid);
        load_members(members);
        post("/exoclick/bid", NULL, rows[i].body);
        path = billing_path();
        get(path, NULL);
        assert_int_equal(only_event()->cost.nanos, rows[i].nanos);
        free(path);
    }
}

/* --- Xandr's calls --- */

#define XANDR_MEMBERS \
    "bid = function(ctx, req, imp) return { price = 3 - tonumber(imp.tag_id), creative_id = '5', data = 'd' .. imp.tag_id, custom_notify_data = 'mine.x' } end"

/* Bids on tags 1 and 2 (auctions 8984480746668973001 and ...2); the custom data of both, in order. To be freed. */
static void bid_on_xandr(char *data[2])
{
    const struct mb_doc *responses;

    post("/xandr/bid", NULL,
         "{\"bid_request\":{\"members\":[{\"id\":12}],\"tags\":[{\"id\":1,\"sizes\":[\"1x1\"],\"auction_id_64\":8984480746668973001},"
         "{\"id\":2,\"sizes\":[\"1x1\"],\"auction_id_64\":8984480746668973002}],\"bid_info\":{\"country\":\"US\"}}}");
    expect_outcome(MB_NOBID_BID, "xandr");
    responses = mb_doc_get(mb_doc_get(doc(), "bid_response"), "responses");
    assert_int_equal(mb_doc_count(responses), 2);
    for (int i = 0; i < 2; i++) {
        data[i] = strdup(mb_doc_text(mb_doc_get(mb_doc_at(responses, i), "custom_notify_data")));
        assert_true(strlen(data[i]) > 8 && strcmp(data[i] + strlen(data[i]) - 7, ".mine.x") == 0);
    }
}

static void notify(const char *timestamp, const char *tags)
{
    char *body;

    assert_true(asprintf(&body, "{\"notify_request\":{\"timestamp\":\"%s\",\"tags\":[%s],\"bid_info\":{\"country\":\"us\"}}}", timestamp,
                         tags) > 0);
    free(built.data);
    built = (struct mb_buf){body, strlen(body), strlen(body) + 1}; /* events point into it */
    post("/xandr/notify", NULL, body);
}

static void a_notify_is_an_event_for_each_tag(void **state)
{
    char *data[2], *tags;
    const struct mb_event *e;

    (void)state;
    load_members(XANDR_MEMBERS);
    bid_on_xandr(data);
    assert_true(asprintf(&tags, "{\"id\":1,\"notify_type\":\"won\",\"auction_id_64\":8984480746668973001,\"price_paid\":1.5,"
                         "\"member_id\":12,\"creative_id\":5,\"custom_notify_data\":\"%s\"},"
                         "{\"id\":2,\"notify_type\":\"lost\",\"auction_id_64\":8984480746668973002}", data[0]) > 0);
    notify("2026-03-02 09:00:01", tags);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.n_events, 2);
    expect_text(out.kind, "notify", "kind");
    e = &out.events[0];
    assert_int_equal(e->type, MB_EVENT_WIN);
    assert_true(e->attributed && e->books);
    expect_slice(e->exchange_time, "2026-03-02 09:00:01", "exchange_time");
    expect_slice(e->auction_id, "8984480746668973001", "auction_id");
    expect_slice(e->tag_id, "1", "tag_id");
    expect_slice(e->member_id, "12", "member_id");
    expect_slice(e->creative_id, "5", "creative_id");
    expect_slice(e->strategy, "a", "strategy");
    expect_slice(e->data, "d1", "data");
    expect_slice(e->custom_data, "mine.x", "the trader's own comes back unchanged");
    expect_slice(e->country, "US", "country");
    assert_int_equal(e->price_bid.micros, 2000000);
    assert_int_equal(e->price_paid.micros, 1500000);
    assert_int_equal(e->cost.nanos, 1500000);
    e = &out.events[1];
    assert_int_equal(e->type, MB_EVENT_LOSS);
    assert_false(e->attributed || e->books);
    assert_int_equal(e->cost.nanos, 0);
    expect_slice(e->strategy, NULL, "nobody's");
    assert_true(mb_bidder_totals(bidder)->unattributed >= 1);
    free(tags);
    free(data[0]);
    free(data[1]);
}

static void only_what_a_token_names_books(void **state)
{
    static const struct {
        const char *tag;
        enum mb_event_type type;
    } rows[] = {
        {"\"notify_type\":\"won\",\"auction_id_64\":7,\"price_paid\":99", MB_EVENT_WIN},
        {"\"notify_type\":\"won\",\"auction_id_64\":7,\"price_paid\":99,\"custom_notify_data\":\"mine\"", MB_EVENT_WIN},
        {"\"notify_type\":\"won\",\"auction_id_64\":7,\"custom_notify_data\":\".\"", MB_EVENT_WIN},
        {"\"notify_type\":\"pending\",\"auction_id_64\":7", MB_EVENT_PENDING},
        {"\"notify_type\":\"kept\",\"auction_id_64\":7", MB_EVENT_KEPT},
        {"\"notify_type\":\"sold\",\"auction_id_64\":7,\"price_sold_for\":3", MB_EVENT_SOLD},
        {"\"notify_type\":\"default\",\"auction_id_64\":7", MB_EVENT_DEFAULT},
        {"\"notify_type\":\"error\",\"error_id\":301", MB_EVENT_ERROR},
        {"\"notify_type\":\"new one\",\"auction_id_64\":7", MB_EVENT_OTHER},
    };

    (void)state;
    load_members("on_notify = function() error 'heard' end, " XANDR_MEMBERS);
    for (size_t i = 0; i < ROWS(rows); i++) {
        char tag[160];

        snprintf(tag, sizeof(tag), "{%s}", rows[i].tag);
        notify("2026-03-02 09:00:01", tag);
        assert_int_equal(only_event()->type, rows[i].type);
        assert_false(only_event()->attributed || only_event()->books || only_event()->shown);
        assert_int_equal(only_event()->cost.nanos, 0);
        mb_bidder_settle(bidder, only_event(), false, NOW_MS);
        assert_int_equal(mb_bidder_totals(bidder)->unattributed, i + 1);
    }
    assert_int_equal(logged("heard"), 0); /* handed to nobody */
    assert_int_equal(mb_guard_spent(guard, mb_guard_slot(guard, MB_SLICE("a")), MB_GUARD_TOTAL, NOW_MS).nanos, 0);
}

static void a_click_call_is_a_click(void **state)
{
    const struct mb_event *e;

    (void)state;
    post("/xandr/click", NULL,
         "{\"click_request\":{\"timestamp\":\"2026-03-02 09:00:09\",\"auction_id_64\":8984480746668973001,\"member_id\":12,"
         "\"user_id_64\":2987961585469200411,\"referer_url\":\"https://r\",\"user_agent\":\"ua\",\"userdata_json\":\"{\\\"a\\\":1}\"}}");
    e = only_event();
    expect_text(out.kind, "click", "kind");
    assert_int_equal(e->type, MB_EVENT_CLICK);
    expect_slice(e->auction_id, "8984480746668973001", "auction_id");
    expect_slice(e->member_id, "12", "member_id");
    expect_slice(e->user_id, "2987961585469200411", "user_id");
    expect_slice(e->referrer, "https://r", "referrer");
    expect_slice(e->user_agent, "ua", "user_agent");
    expect_slice(e->userdata_json, "{\"a\":1}", "userdata_json");
    assert_int_equal(e->cost.nanos, 0);
}

/* --- what makes an event distinct --- */

static char *key_of(void)
{
    const struct mb_event *e = only_event();

    assert_true(e->key.len > 13 && e->key.len <= 160 && e->key.data[12] == ':');
    return strndup(e->key.data, e->key.len);
}

static void a_repeat_has_the_same_key_and_nothing_else_has(void **state)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    static const enum mb_event_type kinds[] = {MB_EVENT_BILLING, MB_EVENT_WIN, MB_EVENT_LOSS};
    char *keys_seen[ROWS(kinds)], instant[16];

    (void)state;
    snprintf(instant, sizeof(instant), "%012llx:", (unsigned long long)NOW_MS);
    for (size_t i = 0; i < ROWS(kinds); i++) {
        char *path = token_path("/n/", key, kinds[i], "openrtb"), *again;

        get(path, NULL);
        keys_seen[i] = key_of();
        assert_int_equal(strncmp(keys_seen[i], instant, 13), 0); /* begins with when the bid was made */
        in.now_ms += 60000;
        get(path, "p=0.5&c=USD"); /* later, and with another price */
        again = key_of();
        expect_text(again, keys_seen[i], "a repeat");
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(keys_seen[i], keys_seen[k]);
        }
        free(again);
        free(path);
    }
    for (size_t i = 0; i < ROWS(kinds); i++) {
        free(keys_seen[i]);
    }
}

/* Auction ids come again after an hour, so what no token names is told apart by its time as well. */
static void unattributed_events_differ_in_any_of_their_parts(void **state)
{
    static const struct {
        const char *timestamp, *tag;
    } rows[] = {
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":7}"},
        {"2026-03-02 10:00:01", "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":7}"},
        {"2026-03-02 09:00:01", "{\"id\":2,\"notify_type\":\"lost\",\"auction_id_64\":7}"},
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":8}"},
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"pending\",\"auction_id_64\":7}"},
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":7,\"member_id\":12}"},
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"strange\",\"auction_id_64\":7}"},
        {"2026-03-02 09:00:01", "{\"id\":1,\"notify_type\":\"stranger\",\"auction_id_64\":7}"},
    };
    char *seen[ROWS(rows)];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *again;

        notify(rows[i].timestamp, rows[i].tag);
        seen[i] = key_of();
        in.now_ms += 1000;
        notify(rows[i].timestamp, rows[i].tag);
        again = key_of();
        expect_text(again, seen[i], "a repeat");
        free(again);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(seen[i], seen[k]) == 0) {
                fail_msg("rows %zu and %zu: %s", i, k, seen[i]);
            }
        }
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        free(seen[i]);
    }
}

/* Over-long parts are hashed, not cut: events that differ at their end stay two. */
static void long_parts_keep_events_apart(void **state)
{
    char *first, *second, tag[512], id[301];

    (void)state;
    memset(id, '7', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    snprintf(tag, sizeof(tag), "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":\"%s\"}", id);
    notify("2026-03-02 09:00:01", tag);
    first = key_of();
    id[sizeof(id) - 2] = '8';
    snprintf(tag, sizeof(tag), "{\"id\":1,\"notify_type\":\"lost\",\"auction_id_64\":\"%s\"}", id);
    notify("2026-03-02 09:00:01", tag);
    second = key_of();
    assert_string_not_equal(first, second);
    free(first);
    free(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_billing_url_tells_all_of_its_bid),
        T(an_altered_token_is_unknown),
        T(a_token_is_good_for_its_key_kind_and_endpoint),
        T(what_books_is_what_the_bid_was_made_under),
        T(what_comes_months_late_is_refused_and_counted),
        T(overload_puts_off_what_comes_again),
        T(a_notice_costs_what_was_paid_and_never_more_than_the_bid),
        T(a_price_below_nothing_is_no_price),
        T(a_loss_tells_why_and_books_nothing),
        T(the_cost_is_of_the_model),
        T(a_notify_is_an_event_for_each_tag),
        T(only_what_a_token_names_books),
        T(a_click_call_is_a_click),
        T(a_repeat_has_the_same_key_and_nothing_else_has),
        T(unattributed_events_differ_in_any_of_their_parts),
        T(long_parts_keep_events_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
