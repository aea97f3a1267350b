/* test_http.c - http-api.md section 4: which path takes which method, and how what is no request is refused. */
#include "support.h"

#define MEMBERS "bid = function() return { price = 1, " BANNER_BID " } end"
#define XANDR_BODY \
    "{\"bid_request\":{\"members\":[{\"id\":12}],\"tags\":[{\"id\":1,\"sizes\":[\"1x1\"],\"auction_id_64\":7}],\"bid_info\":{}}}"
#define OPENRTB_BODY "{\"id\":\"o\",\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":1,\"h\":2}}]}"

static void paths_take_their_methods(void **state)
{
    static const struct {
        const char *path;
        int get, post, other;
        const char *allow; /* of a 405 */
    } rows[] = {
        {"/exoclick/bid", 400, 400, 405, "Allow: GET, HEAD, POST\r\n"},
        {"/xandr/bid", 405, 400, 405, "Allow: POST\r\n"},
        {"/xandr/notify", 405, 400, 405, "Allow: POST\r\n"},
        {"/xandr/click", 405, 400, 405, "Allow: POST\r\n"},
        {"/openrtb/bid", 405, 400, 405, "Allow: POST\r\n"},
        {"/xandr/ready", 200, 200, 405, "Allow: GET, HEAD, POST\r\n"},
        {"/ready", 200, 200, 405, "Allow: GET, HEAD, POST\r\n"},
        {"/n/x", 404, 405, 405, "Allow: GET, HEAD\r\n"},
        {"/k/x", 404, 405, 405, "Allow: GET, HEAD\r\n"},
        {"/c/x", 404, 405, 405, "Allow: GET, HEAD\r\n"},
        {"/", 404, 404, 404, NULL},
        {"", 404, 404, 404, NULL},
        {"/n", 404, 404, 404, NULL},
        {"/exoclick", 404, 404, 404, NULL},
        {"/exoclick/bid/", 404, 404, 404, NULL},
        {"/exoclick/bidder", 404, 404, 404, NULL},
        {"/EXOCLICK/BID", 404, 404, 404, NULL},
        {"/xandr", 404, 404, 404, NULL},
        {"/xandr/", 404, 404, 404, NULL},
        {"/xandrbid", 404, 404, 404, NULL},
        {"/xandr/bid/x", 404, 404, 404, NULL},
        {"/ready/", 404, 404, 404, NULL},
    };

    (void)state;
    load_members(MEMBERS);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const int expected[] = {rows[i].get, rows[i].post, rows[i].other};

        for (int method = MB_BIDDER_GET; method <= MB_BIDDER_OTHER; method++) {
            handle((enum mb_bidder_method)method, rows[i].path, NULL, MB_SLICE_NONE);
            if (out.status != expected[method]) {
                fail_msg("%s, method %d: got %d, expected %d", rows[i].path, method, out.status, expected[method]);
            }
            expect_slice(out.extra_headers, out.status == 405 ? rows[i].allow : NULL, rows[i].path);
            assert_int_equal(out.n_events, 0);
            if (out.status != 200) {
                expect_text(out.content_type, "application/json", rows[i].path);
                assert_non_null(mb_doc_text(mb_doc_get(doc(), "error")));
            }
        }
    }
}

/* The exchange's error report shows what we say: what is wrong, and at which byte. */
static void bad_bodies_get_400_with_the_place(void **state)
{
    static const struct {
        const char *path, *body;
        int at;
        const char *error; /* a part */
    } rows[] = {
        {"/exoclick/bid", "", 0, ""},
        {"/exoclick/bid", "x", 0, ""},
        {"/exoclick/bid", "{\"id\":\"a\",}", 10, ""},
        {"/exoclick/bid", "{\"id\":\"a\"", 9, ""},
        {"/exoclick/bid", "{\"id\":tru}", 9, ""},
        {"/exoclick/bid", "{\"id\":\"a\"} x", 11, ""},
        {"/exoclick/bid", "[]", 0, "object"},
        {"/exoclick/bid", "{}", 0, "id"},
        {"/exoclick/bid", OPENRTB_BODY, 0, "OpenRTB"},
        {"/xandr/bid", "{}", 0, "bid_request"},
        {"/xandr/bid", "{\"bid_request\":{}}", 0, "tags"},
        {"/xandr/bid", "{\"bid_request\":{\"tags\":[{\"id\":1}]}}", 0, "auction_id_64"},
        {"/xandr/notify", "{}", 0, "notify_request"},
        {"/xandr/notify", "{\"notify_request\":{}}", 0, "tags"},
        {"/xandr/click", "{}", 0, "click_request"},
        {"/xandr/click", "{\"click_request\":", 17, ""},
        {"/openrtb/bid", "{}", 0, "id"},
        {"/openrtb/bid", "{\"id\":\"o\",\"imp\":[]}", 0, "imp"},
    };

    (void)state;
    load_members(MEMBERS);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct mb_doc *refusal;
        const char *error;

        post(rows[i].path, NULL, rows[i].body);
        if (out.status != 400) {
            fail_msg("%s: %d", rows[i].body, out.status);
        }
        refusal = doc();
        error = mb_doc_text(mb_doc_get(refusal, "error"));
        if (!error || !strstr(error, rows[i].error) || mb_doc_number(mb_doc_get(refusal, "at"), -1) != rows[i].at) {
            fail_msg("%s: %.*s", rows[i].body, MB_SLICE_ARG(out.body));
        }
        assert_null(mb_bidder_request(bidder));
        assert_int_equal(mb_bidder_totals(bidder)->bad_requests, i + 1);
    }
    ask_banner();
    expect_outcome(MB_NOBID_BID, "a good one after them");
}

static void a_get_without_an_id_is_refused_too(void **state)
{
    (void)state;
    load_members(MEMBERS);
    get("/exoclick/bid", "type=banner");
    assert_int_equal(out.status, 400);
    get("/exoclick/bid", "id=r1&type=banner");
    expect_outcome(MB_NOBID_BID, "with one");
}

/* "Ready" is a body with a 1 in it. */
static void ready_tells_whether_bids_may_come(void **state)
{
    static const char *const paths[] = {"/ready", "/xandr/ready"};
    static const struct {
        bool draining, overloaded, busy;
        const char *body;
    } rows[] = {{false, false, false, "1"}, {true, false, false, "0"}, {false, true, false, "0"}, {false, false, true, "0"}};

    (void)state;
    for (size_t k = 0; k < ROWS(paths); k++) {
        open_bidder(NULL);
        get(paths[k], NULL);
        expect_slice(out.body, "0", "no strategy");
        load_members("enabled = false, " MEMBERS);
        get(paths[k], NULL);
        expect_slice(out.body, "0", "none enabled");
        load_members(MEMBERS);
        for (size_t i = 0; i < ROWS(rows); i++) {
            in.draining = rows[i].draining;
            in.overloaded = rows[i].overloaded;
            in.busy = rows[i].busy;
            post(paths[k], NULL, "{}");
            assert_int_equal(out.status, 200);
            expect_text(out.kind, "ready", "kind");
            expect_slice(out.body, rows[i].body, "ready");
        }
    }
}

/* A final slash of the configured prefix means nothing: all of Xandr's paths are there. */
static void a_prefix_may_end_with_a_slash(void **state)
{
    (void)state;
    open_bidder("{\"endpoints\":[{\"name\":\"x\",\"path\":\"/x/\",\"exchange\":\"xandr\"}]}");
    load_members("bid = function() return { price = 1, creative_id = '5' } end");
    post("/x/bid", NULL, XANDR_BODY);
    expect_outcome(MB_NOBID_BID, "bid");
    get("/x/ready", NULL);
    assert_int_equal(out.status, 200);
    expect_slice(out.body, "1", "ready");
}

/* Xandr knows one bid URL, and either of its protocols may arrive there. */
static void xandr_s_paths_take_both_protocols(void **state)
{
    (void)state;
    open_bidder("{\"endpoints\":[{\"name\":\"x\",\"path\":\"/x\",\"exchange\":\"xandr\",\"member\":\"12\"},{\"name\":\"o\",\"path\":"
                "\"/o\",\"exchange\":\"openrtb\",\"dialect\":\"xandr\",\"member\":\"12\"}]}");
    load_members("bid = function() return { price = 1, creative_id = '5' } end");
    post("/o", NULL, XANDR_BODY);
    expect_outcome(MB_NOBID_BID, "the platform's at OpenRTB's path");
    assert_non_null(mb_doc_get(mb_doc_get(doc(), "bid_response"), "responses"));
    post("/x/bid", NULL, OPENRTB_BODY);
    expect_outcome(MB_NOBID_BID, "OpenRTB at the platform's path");
    assert_non_null(mb_doc_get(doc(), "seatbid"));
}

static void the_version_comes_back_where_it_is_one(void **state)
{
    static const struct {
        const char *version, *header;
    } rows[] = {
        {"2.5", "x-openrtb-version: 2.5\r\n"}, {"2.6.1", "x-openrtb-version: 2.6.1\r\n"}, {NULL, NULL}, {"", NULL},
        {"2.5\r\nx: y", NULL},                 {"2.5-b", NULL},                            {"1234567890", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        in.openrtb_version = mb_slice_of(rows[i].version);
        post("/openrtb/bid", NULL, OPENRTB_BODY);
        assert_int_equal(out.status, 204);
        expect_slice(out.extra_headers, rows[i].header, rows[i].version);
    }
    in.openrtb_version = MB_SLICE("2.5");
    ask_banner();
    expect_slice(out.extra_headers, NULL, "not OpenRTB");
}

static void strangers_are_kept_out_by_an_allow_list(void **state)
{
    static const struct {
        const char *from;
        int status;
    } rows[] = {
        {"192.0.2.7", 204}, {"2001:db8::1", 204}, {"198.51.100.1", 403}, {"2001:db9::1", 403}, {"", 403}, {"who", 403},
        {"::ffff:192.0.2.7", 204}, {NULL, 204}, /* nobody from outside: a trial, a golden request */
    };

    (void)state;
    open_bidder("{\"endpoints\":[{\"name\":\"e\",\"path\":\"/exoclick/bid\",\"exchange\":\"exoclick\",\"currency\":\"USD\","
                "\"allow\":[\"192.0.2.0/24\",\"2001:db8::/32\"]}]}");
    for (size_t i = 0; i < ROWS(rows); i++) {
        in.remote_ip = mb_slice_of(rows[i].from);
        ask_banner();
        if (out.status != rows[i].status) {
            fail_msg("%s: %d", rows[i].from ? rows[i].from : "(nobody)", out.status);
        }
    }
}

static void what_is_not_wanted_is_no_error(void **state)
{
    static const char *const bodies[] = {
        "{\"id\":\"a\",\"type\":\"hologram\"}", "{\"id\":\"a\"}", "{\"id\":\"a\",\"type\":7}", "{\"id\":5,\"type\":\"banner\",\"ip\":\"x\"}",
    };

    (void)state;
    load_members("target = { format = { 'push' } }, " MEMBERS);
    for (size_t i = 0; i < ROWS(bodies); i++) {
        post("/exoclick/bid", NULL, bodies[i]);
        assert_int_equal(out.status, 204);
    }
    assert_int_equal(mb_bidder_totals(bidder)->bad_requests, 0);
}

static void overload_puts_notices_off_and_serves_visitors(void **state)
{
    (void)state;
    in.overloaded = true;
    get("/c/x", NULL);
    assert_int_equal(out.status, 503);
    expect_slice(out.extra_headers, "Retry-After: 1\r\n", "a conversion");
    get("/n/x", NULL);
    assert_int_equal(out.status, 404); /* nobody's notice need not come again */
    post("/xandr/notify", NULL, "{}");
    assert_int_equal(out.status, 503);
    get("/k/x", NULL);
    assert_int_equal(out.status, 404); /* visitors are served */
    get("/nowhere", NULL);
    assert_int_equal(out.status, 404);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(paths_take_their_methods),
        T(bad_bodies_get_400_with_the_place),
        T(a_get_without_an_id_is_refused_too),
        T(ready_tells_whether_bids_may_come),
        T(a_prefix_may_end_with_a_slash),
        T(xandr_s_paths_take_both_protocols),
        T(the_version_comes_back_where_it_is_one),
        T(strangers_are_kept_out_by_an_allow_list),
        T(what_is_not_wanted_is_no_error),
        T(overload_puts_notices_off_and_serves_visitors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
