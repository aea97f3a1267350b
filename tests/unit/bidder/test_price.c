/* test_price.c - a bid's price in house and wire currency, held against the strategy's highest bid and the impression's floor. */
#include "support.h"

#include "internal.h"

static const char rates[] = "{\"rates\":{\"EUR\":1.08,\"JPY\":0.006543,\"BTC\":65000}}";

/* What mb__bidder_price makes of one bid; the parts that a row leaves out are absent. */
struct priced {
    struct mb_strategy strategy;
    struct mb_imp imp;
    struct mb_bid bid;
    const char *field;
};

static enum mb_nobid price(struct priced *p, const char *currency, const char *wire)
{
    p->bid.strategy = &p->strategy;
    p->bid.imp = &p->imp;
    p->bid.currency = mb_slice_of(currency);
    p->field = NULL;
    bidder->request.currency = mb_slice_of(wire);
    return mb__bidder_price(bidder, &p->bid, &p->field);
}

/* Every number is what exact arithmetic gives, halves away from zero. */
static void prices_are_converted_exactly(void **state)
{
    static const struct {
        int64_t price;
        const char *currency; /* NULL: the script named none, so house (USD) */
        const char *wire;
        int64_t house, on_wire;
    } rows[] = {
        {1000000, NULL, "USD", 1000000, 1000000},
        {1, NULL, "USD", 1, 1},
        {1080000, NULL, "EUR", 1080000, 1000000},
        {1000000, NULL, "EUR", 1000000, 925926},  /* 0.92592592... */
        {340000, "EUR", "EUR", 367200, 340000},   /* the very number that the script gave is on the wire */
        {333333, "EUR", "EUR", 360000, 333333},   /* 0.35999964 */
        {1000000, "USD", "USD", 1000000, 1000000},
        {1000000, "EUR", "USD", 1080000, 1080000},
        {100000000, "JPY", "EUR", 654300, 605833}, /* 0.6543 / 1.08 = 0.60583333 */
        {100000000, "JPY", "JPY", 654300, 100000000},
        {123456789, "JPY", "JPY", 807778, 123456789}, /* through house and back it would be 123.456824 */
        {3, "EUR", "USD", 3, 3},                   /* 3.24 micro-units */
        {50, "EUR", "USD", 54, 54},
        {25, NULL, "EUR", 25, 23},                 /* 23.148 */
        {999999000000, NULL, "USD", 999999000000, 999999000000},
    };

    (void)state;
    open_bidder(rates);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.bid = {.model = MB_MODEL_CPM, .price = {rows[i].price}}};
        enum mb_nobid reason = price(&p, rows[i].currency, rows[i].wire);

        if (reason != MB_NOBID_BID || p.bid.price.micros != rows[i].house || p.bid.price_wire.micros != rows[i].on_wire ||
            p.bid.ecpm.micros != rows[i].house) {
            fail_msg("row %zu: %s, house %lld, wire %lld, ecpm %lld", i, mb_nobid_name(reason), (long long)p.bid.price.micros,
                     (long long)p.bid.price_wire.micros, (long long)p.bid.ecpm.micros);
        }
    }
}

static void what_has_no_price_is_refused(void **state)
{
    static const struct {
        int64_t price;
        const char *currency, *wire;
        enum mb_nobid reason;
        const char *field;
    } rows[] = {
        {0, NULL, "USD", MB_NOBID_INVALID_BID, "price"},
        {-1, NULL, "USD", MB_NOBID_INVALID_BID, "price"},
        {1, "JPY", "USD", MB_NOBID_INVALID_BID, "price"}, /* a hundredth of a micro-unit: nothing */
        {1, NULL, "BTC", MB_NOBID_INVALID_BID, "price"},  /* nothing on the wire */
        {1000000, "GBP", "USD", MB_NOBID_CURRENCY, NULL},
        {1000000, "eur", "USD", MB_NOBID_CURRENCY, NULL},
        {1000000, "", "USD", MB_NOBID_CURRENCY, NULL},
        {1000000, NULL, "GBP", MB_NOBID_CURRENCY, NULL},
    };

    (void)state;
    open_bidder(rates);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.bid = {.model = MB_MODEL_CPM, .price = {rows[i].price}}};

        assert_int_equal(price(&p, rows[i].currency, rows[i].wire), rows[i].reason);
        assert_int_equal(p.field != NULL, rows[i].field != NULL);
        if (p.field) {
            expect_text(p.field, rows[i].field, "field");
        }
    }
}

/* A higher price is refused, not cut; each model has its own limit, and the bid's model goes before the strategy's. */
static void the_highest_bid_is_of_the_model(void **state)
{
    static const struct {
        enum mb_model strategy, bid;
        int64_t max_cpm, max_cpc, price;
        const char *currency;
        enum mb_nobid reason;
    } rows[] = {
        {MB_MODEL_CPM, MB_MODEL_NONE, 5000000, 0, 5000000, NULL, MB_NOBID_BID},
        {MB_MODEL_CPM, MB_MODEL_NONE, 5000000, 0, 5000001, NULL, MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPM, MB_MODEL_NONE, 0, 600000, 5000001, NULL, MB_NOBID_BID},
        {MB_MODEL_CPM, MB_MODEL_CPC, 5000000, 600000, 600000, NULL, MB_NOBID_BID},
        {MB_MODEL_CPM, MB_MODEL_CPC, 5000000, 600000, 600001, NULL, MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPC, MB_MODEL_NONE, 5000000, 600000, 600001, NULL, MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPC, MB_MODEL_NONE, 500000, 600000, 550000, NULL, MB_NOBID_BID},
        {MB_MODEL_SMART_CPC, MB_MODEL_NONE, 0, 600000, 600001, NULL, MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPC, MB_MODEL_CPM, 5000000, 600000, 4000000, NULL, MB_NOBID_BID},
        /* the limit is in house currency, whatever the bid is in */
        {MB_MODEL_CPM, MB_MODEL_NONE, 1080000, 0, 1000000, "EUR", MB_NOBID_BID},
        {MB_MODEL_CPM, MB_MODEL_NONE, 1080000, 0, 1000001, "EUR", MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPM, MB_MODEL_NONE, 700000, 0, 100000000, "JPY", MB_NOBID_BID},
    };

    (void)state;
    open_bidder(rates);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.strategy = {.model = rows[i].strategy,
                                        .limits = {.max_cpm = {rows[i].max_cpm}, .max_cpc = {rows[i].max_cpc}}},
                           .bid = {.model = rows[i].bid, .price = {rows[i].price}}};
        enum mb_nobid reason = price(&p, rows[i].currency, "USD");

        if (reason != rows[i].reason) {
            fail_msg("row %zu: %s", i, mb_nobid_name(reason));
        }
        assert_int_equal(p.bid.model, rows[i].bid != MB_MODEL_NONE ? rows[i].bid : rows[i].strategy);
    }
}

/* What the exchange cuts is cut before money is held; the strategy's highest bid is of what it asked for. */
static void a_price_that_the_exchange_cuts_is_cut_everywhere(void **state)
{
    static const struct {
        enum mb_model model;
        int64_t price, max_cpm, floor;
        const char *wire;
        int64_t house, on_wire;
        enum mb_nobid reason;
    } rows[] = {
        {MB_MODEL_CPM, 999000000, 0, 0, "USD", 999000000, 999000000, MB_NOBID_BID},
        {MB_MODEL_CPM, 999000001, 0, 0, "USD", 999000000, 999000000, MB_NOBID_BID},
        {MB_MODEL_CPM, 2000000000, 0, 0, "EUR", 1078920000, 999000000, MB_NOBID_BID}, /* 999 * 1.08 */
        {MB_MODEL_CPM, 2000000000, 0, 999000001, "USD", 999000000, 999000000, MB_NOBID_BELOW_FLOOR},
        {MB_MODEL_CPM, 2000000000, 1500000000, 0, "USD", 2000000000, 2000000000, MB_NOBID_OVER_MAX_BID},
        {MB_MODEL_CPC, 2000000000, 0, 0, "USD", 2000000000, 2000000000, MB_NOBID_BID}, /* no price per thousand */
    };

    (void)state;
    open_bidder(rates);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.strategy = {.limits = {.max_cpm = {rows[i].max_cpm}}},
                           .imp = {.floor = {rows[i].floor}},
                           .bid = {.model = rows[i].model, .price = {rows[i].price}}};
        enum mb_nobid reason;

        bidder->request.price_max = (struct mb_price){999000000};
        reason = price(&p, NULL, rows[i].wire);
        if (reason != rows[i].reason || p.bid.price.micros != rows[i].house || p.bid.price_wire.micros != rows[i].on_wire ||
            (reason == MB_NOBID_BID && rows[i].model == MB_MODEL_CPM && p.bid.ecpm.micros != rows[i].house)) {
            fail_msg("row %zu: %s, house %lld, wire %lld, ecpm %lld", i, mb_nobid_name(reason), (long long)p.bid.price.micros,
                     (long long)p.bid.price_wire.micros, (long long)p.bid.ecpm.micros);
        }
    }
}

/* lua-api.md section 3: floors compare eCPM, so a price per click needs `ecpm` to face one. */
static void floors_are_held_against_ecpm(void **state)
{
    static const struct {
        enum mb_model model;
        int64_t price, ecpm, floor;
        enum mb_nobid reason;
    } rows[] = {
        {MB_MODEL_CPM, 1000000, 0, 0, MB_NOBID_BID},
        {MB_MODEL_CPM, 1000000, 0, 1000000, MB_NOBID_BID},
        {MB_MODEL_CPM, 1000000, 0, 1000001, MB_NOBID_BELOW_FLOOR},
        {MB_MODEL_CPM, 1000000, 9000000, 1000001, MB_NOBID_BELOW_FLOOR}, /* of a CPM bid the eCPM is its price */
        {MB_MODEL_CPC, 500000, 0, 0, MB_NOBID_BID},
        {MB_MODEL_CPC, 500000, 0, 1, MB_NOBID_BELOW_FLOOR},
        {MB_MODEL_CPC, 500000, 2000000, 2000000, MB_NOBID_BID},
        {MB_MODEL_CPC, 500000, 2000000, 2000001, MB_NOBID_BELOW_FLOOR},
        {MB_MODEL_CPC, 9000000, 2000000, 2000001, MB_NOBID_BELOW_FLOOR}, /* the price per click does not count */
        {MB_MODEL_SMART_CPC, 500000, 0, 1, MB_NOBID_BELOW_FLOOR},
        {MB_MODEL_SMART_CPC, 500000, 1, 1, MB_NOBID_BID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.imp = {.floor = {rows[i].floor}},
                           .bid = {.model = rows[i].model, .price = {rows[i].price}, .ecpm = {rows[i].ecpm}}};
        enum mb_nobid reason = price(&p, NULL, "USD");

        if (reason != rows[i].reason) {
            fail_msg("row %zu: %s", i, mb_nobid_name(reason));
        }
    }
}

static void a_bid_on_a_deal_faces_the_floor_of_the_deal(void **state)
{
    static const struct mb_slice deals[] = {{"cheap", 5}, {"dear", 4}};
    static const struct mb_price floors[] = {{500000}, {3000000}};
    static const struct {
        const char *deal;
        bool strange; /* a floor of the impression in a currency without a rate */
        enum mb_nobid reason;
    } rows[] = {
        {NULL, false, MB_NOBID_BELOW_FLOOR},  {"cheap", false, MB_NOBID_BID},  {"dear", false, MB_NOBID_BELOW_FLOOR},
        {"else", false, MB_NOBID_BELOW_FLOOR}, {NULL, true, MB_NOBID_CURRENCY}, {"cheap", true, MB_NOBID_BID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct priced p = {.imp = {.floor = {2000000}, .deals = {deals, 2}, .deal_floors = floors,
                                   .floor_is_strange = rows[i].strange},
                           .bid = {.model = MB_MODEL_CPM, .price = {1000000}, .deal_id = mb_slice_of(rows[i].deal)}};

        assert_int_equal(price(&p, NULL, "USD"), rows[i].reason);
    }
}

/* The same through a request: what is refused is not sent, and said once with its field. */
static void refused_prices_are_no_bids(void **state)
{
    static const struct {
        const char *members, *bid, *request;
        enum mb_nobid reason;
    } rows[] = {
        {"limits = { max_bid = 1.5 },", "price = 1.5", BANNER, MB_NOBID_BID},
        {"limits = { max_bid = 1.5 },", "price = 1.51", BANNER, MB_NOBID_OVER_MAX_BID},
        {"limits = { max_bid = { cpc = 0.1 } },", "price = 1.5", BANNER, MB_NOBID_BID},
        {"model = 'cpc', limits = { max_bid = 0.1 },", "price = 0.11", PUSH, MB_NOBID_OVER_MAX_BID},
        {"limits = { max_bid = { cpm = 5, cpc = 0.1 } },", "price = 0.11, model = 'cpc'", PUSH, MB_NOBID_OVER_MAX_BID},
        {"", "price = 1, model = 'cpc'", BANNER, MB_NOBID_INVALID_BID},          /* ExoClick has no CPC on banners */
        {"", "price = 1, model = 'cpc', ecpm = 3", BANNER, MB_NOBID_INVALID_BID},
        {"", "price = 0.1, model = 'cpc'", PUSH, MB_NOBID_BID},                  /* no floor there: ecpm is not needed */
        {"", "price = 0.1, model = 'smart_cpc'", PUSH, MB_NOBID_INVALID_BID},
        {"", "price = 0.1, model = 'smart_cpc'", EMAIL, MB_NOBID_BID},
        {"", "price = 0.1, model = 'cpc'", EMAIL, MB_NOBID_BID},
        {"", "price = 0.1", EMAIL, MB_NOBID_INVALID_BID},
        {"", "price = 1, currency = 'EUR'", BANNER, MB_NOBID_CURRENCY},
        {"", "price = 0", BANNER, MB_NOBID_INVALID_BID},
        {"", "price = 1e-9", BANNER, MB_NOBID_INVALID_BID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *members;

        assert_true(asprintf(&members,
                             "%s bid = function() return { %s, " BANNER_BID
                             ", title = 't', description = 'd', icon_url = 'https://cdn.example/i' } end",
                             rows[i].members, rows[i].bid) > 0);
        open_bidder(NULL);
        load_members(members);
        post("/exoclick/bid", NULL, rows[i].request);
        expect_outcome(rows[i].reason, members);
        assert_int_equal(out.status, rows[i].reason == MB_NOBID_BID ? 200 : 204);
        post("/exoclick/bid", NULL, rows[i].request);
        assert_int_equal(logged("bid refused"), rows[i].reason != MB_NOBID_BID);
        assert_int_equal(mb_bidder_counts(bidder, MB_SLICE("a"))->nobids[rows[i].reason], rows[i].reason ? 2 : 0);
        free(members);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(prices_are_converted_exactly),
        T(what_has_no_price_is_refused),
        T(the_highest_bid_is_of_the_model),
        T(a_price_that_the_exchange_cuts_is_cut_everywhere),
        T(floors_are_held_against_ecpm),
        T(a_bid_on_a_deal_faces_the_floor_of_the_deal),
        T(refused_prices_are_no_bids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
