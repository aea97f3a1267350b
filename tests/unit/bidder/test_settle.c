/* test_settle.c - what follows once an event is recorded: money is booked, handlers run, each once. */
#include "support.h"

#define HANDLERS \
    "on_win = function(ctx, e) ctx.incr('win', 1, '1d') end, on_loss = function(ctx, e) ctx.incr('loss', 1, '1d') end, " \
    "on_billing = function(ctx, e) ctx.incr('billing', 1, '1d') end, on_click = function(ctx, e) ctx.incr('click', 1, '1d') end, " \
    "on_conversion = function(ctx, e) ctx.incr('conversion', 1, '1d') end, on_notify = function(ctx, e) " \
    "ctx.incr('notify', 1, '1d') ctx.incr('type ' .. e.type, 1, '1d') end, "

static const struct mb_slice a = {"a", 1};

static struct mb_event *event; /* a copy: settling comes after other requests in real life too */

static int64_t counter(const char *key)
{
    return mb_guard_get(guard, a, mb_slice_of(key), in.now_ms);
}

static int64_t spent(void)
{
    return mb_guard_spent(guard, mb_guard_slot(guard, a), MB_GUARD_TOTAL, in.now_ms).nanos;
}

static int free_event(void **state)
{
    free(event);
    event = NULL;
    return tear_down(state);
}

static void keep_event(size_t place)
{
    assert_true(out.n_events > place);
    free(event);
    event = mb_xevent_clone(&out.events[place]);
}

/* An attributed event of strategy `a` as a token of ours gives it. */
static void take_event(const char *prefix, enum mb_event_type kind, const char *query, bool test)
{
    struct mb_notice n = {.bid_id = "sixteen bytes id", .strategy = a, .endpoint = MB_SLICE("openrtb"), .auction_id = MB_SLICE("o1"),
                          .imp_id = MB_SLICE("i1"), .price = {2000000}, .price_wire = {2000000}, .model = MB_MODEL_CPM,
                          .data = MB_SLICE("d"), .country = MB_SLICE("DE"), .bid_time_ms = NOW_MS - 1000, .test = test};
    struct mb_buf body = {0}, path = {0};

    assert_int_equal(mb_notice_encode(&n, &body), 0);
    mb_xbuf_add_text(&path, prefix);
    mb_notice_sign(keys, kind, mb_buf_slice(&body), &path);
    mb_xbuf_add(&path, "", 1);
    get(path.data, query);
    assert_int_equal(out.status, 200);
    keep_event(0);
    mb_buf_fini(&body);
    mb_buf_fini(&path);
}

static void a_billing_is_booked_and_heard_once(void **state)
{
    const struct mb_strategy_counts *counts;

    (void)state;
    load_members(HANDLERS "bid = function() end");
    take_event("/n/", MB_EVENT_BILLING, "p=1.5", false);
    assert_int_equal(spent(), 0); /* not before it is durable */
    assert_int_equal(counter("billing"), 0);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    assert_int_equal(spent(), 1500000);
    assert_int_equal(counter("billing"), 1);
    assert_int_equal(counter("notify"), 1);
    assert_int_equal(counter("win") + counter("loss") + counter("click") + counter("conversion"), 0);
    counts = mb_bidder_counts(bidder, a);
    assert_int_equal(counts->events[MB_EVENT_BILLING], 1);
    assert_int_equal(mb_guard_events(guard, mb_guard_slot(guard, a), MB_EVENT_BILLING), 1);
    for (int i = 0; i < 3; i++) {
        mb_bidder_settle(bidder, event, true, in.now_ms);
    }
    assert_int_equal(spent(), 1500000);
    assert_int_equal(counter("billing"), 1);
    assert_int_equal(counter("notify"), 1);
    assert_int_equal(counts->events[MB_EVENT_BILLING], 1);
    assert_int_equal(counts->duplicates, 3);
    assert_int_equal(mb_bidder_totals(bidder)->duplicates, 3);
}

/* What cannot be booked as told is booked at the bid's price at most, and counted: once, not for each repeat. */
static void odd_prices_are_counted(void **state)
{
    static const struct {
        const char *query;
        int64_t nanos;
        uint64_t unpriced, overpriced;
    } rows[] = {
        {"p=1.5", 1500000, 0, 0},
        {"p=2", 2000000, 0, 0},
        {"p=0", 0, 0, 0},
        {"p=2.000001", 2000000, 0, 1},
        {"p=1000", 2000000, 0, 1},
        {"p=99999999", 2000000, 1, 0}, /* no price */
        {"p=-1", 2000000, 1, 0},
        {"p=", 2000000, 1, 0},
        {"p=AUDIT", 2000000, 1, 0},
        {"p=${AUCTION_PRICE}", 2000000, 1, 0},
        {"p=%24%7BAUCTION_PRICE%7D", 2000000, 1, 0},
        {"p=1,5", 2000000, 1, 0},
        {"p=nan", 2000000, 1, 0},
        {"p=1e-400", 0, 0, 0},
        {NULL, 2000000, 1, 0},
    };
    const struct mb_bidder_counts *n;

    (void)state;
    load_members(HANDLERS "bid = function() end");
    n = mb_bidder_totals(bidder);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mb_bidder_counts before = *n;
        int64_t spent_before = spent();

        take_event("/n/", MB_EVENT_BILLING, rows[i].query, false);
        mb_bidder_settle(bidder, event, MB_EVENT_NEW, in.now_ms);
        mb_bidder_settle(bidder, event, MB_EVENT_REPEATED, in.now_ms);
        if (spent() - spent_before != rows[i].nanos || n->unpriced - before.unpriced != rows[i].unpriced ||
            n->overpriced - before.overpriced != rows[i].overpriced || n->repriced != before.repriced) {
            fail_msg("%s: %lld booked, %d unpriced, %d overpriced", rows[i].query ? rows[i].query : "nothing",
                     (long long)(spent() - spent_before), (int)(n->unpriced - before.unpriced),
                     (int)(n->overpriced - before.overpriced));
        }
    }
    mb_bidder_settle(bidder, event, MB_EVENT_REPRICED, in.now_ms);
    assert_int_equal(n->repriced, 1);
    assert_int_equal(n->duplicates, ROWS(rows) + 1);
}

static void each_kind_has_its_handler_and_on_notify_hears_all(void **state)
{
    static const struct {
        const char *prefix;
        enum mb_event_type kind;
        const char *name;
    } rows[] = {
        {"/n/", MB_EVENT_WIN, "win"},
        {"/n/", MB_EVENT_LOSS, "loss"},
        {"/n/", MB_EVENT_BILLING, "billing"},
        {"/c/", MB_EVENT_CONVERSION, "conversion"},
    };

    (void)state;
    load_members(HANDLERS "bid = function() end");
    for (size_t i = 0; i < ROWS(rows); i++) {
        char typed[32];

        take_event(rows[i].prefix, rows[i].kind, NULL, false);
        mb_bidder_settle(bidder, event, false, in.now_ms);
        assert_int_equal(counter(rows[i].name), 1);
        snprintf(typed, sizeof(typed), "type %s", rows[i].name);
        assert_int_equal(counter(typed), 1);
        assert_int_equal(counter("notify"), i + 1);
    }
    assert_int_equal(spent(), 2000000); /* of the billing alone */
}

static void handlers_see_the_event_s_fields(void **state)
{
    (void)state;
    load_members("on_billing = function(ctx, e) local function is(name, value) if e[name] ~= value then error(name .. ' is ' .. "
                 "tostring(e[name])) end end is('type', 'billing') is('time', 1772442000000) is('exchange', 'openrtb') "
                 "is('endpoint', 'openrtb') is('auction_id', 'o1') is('imp_id', 'i1') is('country', 'DE') is('strategy', 'a') "
                 "is('data', 'd') is('model', 'cpm') is('currency', 'USD') is('price_bid', 2) is('price_paid', 1.5) "
                 "is('cost', 0.0015) is('min_to_win', nil) is('custom_data', nil) is('test', false) "
                 "ctx.incr('all', 1, '1d') end, bid = function() end");
    take_event("/n/", MB_EVENT_BILLING, "p=1.5", false);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    if (counter("all") != 1) {
        fail_msg("%.*s", MB_SLICE_ARG(mb_buf_slice(&log_lines)));
    }
}

/* Money is booked before the handler runs, whatever becomes of that. */
static void a_handler_that_fails_changes_no_money(void **state)
{
    (void)state;
    load_members("on_billing = function() error 'no' end, bid = function() end");
    take_event("/n/", MB_EVENT_BILLING, NULL, false);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    assert_int_equal(spent(), 2000000);
    assert_int_equal(mb_bidder_counts(bidder, a)->events[MB_EVENT_BILLING], 1);
}

static void a_test_event_books_nothing(void **state)
{
    (void)state;
    load_members(HANDLERS "bid = function() end");
    take_event("/n/", MB_EVENT_BILLING, "p=1.5", true);
    assert_true(event->test);
    assert_false(event->books || event->shown);
    assert_int_equal(event->cost.nanos, 0);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    assert_int_equal(spent(), 0);
    assert_int_equal(mb_guard_events(guard, mb_guard_slot(guard, a), MB_EVENT_BILLING), 0);
}

/* Who was renamed or deleted has spent all the same. */
static void the_money_of_a_strategy_that_is_gone_is_booked(void **state)
{
    (void)state;
    load("return strategy { name = 'b', on_notify = function(ctx) ctx.incr('shared:heard', 1, '1d') end, bid = function() end }");
    take_event("/n/", MB_EVENT_BILLING, NULL, false);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    assert_int_equal(spent(), 2000000);
    assert_int_equal(counter("shared:heard"), 0); /* handed to nobody else */
    assert_int_equal(mb_bidder_counts(bidder, a)->events[MB_EVENT_BILLING], 1);
}

/* A booking frees what its bid held: 0.001 a bid here, of a limit of 0.002. */
static void settling_frees_what_the_bid_held(void **state)
{
    const char *url;
    char *path;

    (void)state;
    load_members("limits = { total = 0.002, reserve = 'full' }, bid = function() return { price = 1, " BANNER_BID " } end");
    ask_banner();
    expect_outcome(MB_NOBID_BID, "first");
    url = bid_text("bUrl");
    path = strdup(url + strlen("http://127.0.0.1:8080"));
    get(path, "p=0.5");
    keep_event(0);
    assert_int_equal(event->cost.nanos, 500000);
    mb_bidder_settle(bidder, event, false, in.now_ms);
    ask_banner();
    expect_outcome(MB_NOBID_BID, "0.0005 spent and 0.001 held");
    ask_banner();
    expect_outcome(MB_NOBID_BUDGET, "no room for another 0.001");
    free(path);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, free_event)
    const struct CMUnitTest tests[] = {
        T(a_billing_is_booked_and_heard_once),
        T(odd_prices_are_counted),
        T(each_kind_has_its_handler_and_on_notify_hears_all),
        T(handlers_see_the_event_s_fields),
        T(a_handler_that_fails_changes_no_money),
        T(a_test_event_books_nothing),
        T(the_money_of_a_strategy_that_is_gone_is_booked),
        T(settling_frees_what_the_bid_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
