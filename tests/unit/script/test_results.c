/* test_results.c - what `bid` returned: every field right, and every field of a wrong type refused
 * by name. */
#include "fixture.h"

static void every_field_arrives(void **state)
{
    (void)state;
    load_body(
        "return { price = 0.34, model = 'smart_cpc', ecpm = 1.25, currency = 'EUR', click_url = "
        "'https://c', image_url = 'i', "
        "icon_url = { ['720x480'] = 'b', ['192x192'] = 'a' }, url = 'u', title = 'a\\0b', "
        "description = 'de', imptracker = 'it', data = 'da', "
        "markup = '<a>', native = { assets = {}, ver = '1.2', nested = { 1, 2.5, 'x', true } }, "
        "vast = '<VAST/>', creative_id = 9007199254740991, ad_id = 7, "
        "creative_code = 'cc', campaign_id = 'cm', advertiser_domains = { 'x.example', 'y.example' "
        "}, categories = {}, attributes = { 1, 2 }, deal_id = 'd', seat = 's', member_id = 958, "
        "width = 300, height = 250, expires = 60, custom_notify_data = 'cn', custom_macros = { B = "
        "'2', A = '1' }, segment_actions = { { id = 1 } }, "
        "userdata_js = 'js', pixel_url = 'pu', pixel_type = 'image', exclusive = true, ext = {}, "
        "win_url = 'w', billing_url = 'b', loss_url = 'l' }");
    bid("a");
    expect_slice(result.problem, NULL);
    assert_int_equal(result.outcome, MB_NOBID_BID);
    const struct mb_bid *b = &result.bids[0];
    assert_ptr_equal(b->strategy, get("a"));
    assert_ptr_equal(b->imp, &imps[0]);
    assert_int_equal(b->price.micros, 340000);
    assert_int_equal(b->model, MB_MODEL_SMART_CPC);
    assert_int_equal(b->ecpm.micros, 1250000);
    expect_slice(b->currency, "EUR");
    expect_slice(b->click_url, "https://c");
    expect_slice(b->image_url, "i");
    assert_int_equal(b->n_icons, 2);
    expect_slice(b->icons[0].url, "a");
    assert_int_equal(b->icons[1].size.height, 480);
    expect_slice(b->url, "u");
    assert_int_equal(b->title.len, 3);
    expect_slice(b->description, "de");
    expect_slice(b->imptracker, "it");
    expect_slice(b->data, "da");
    expect_slice(b->markup, "<a>");
    expect_slice(b->native, "{\"assets\":[],\"nested\":[1,2.5,\"x\",true],\"ver\":\"1.2\"}");
    expect_slice(b->vast, "<VAST/>");
    expect_slice(b->creative_id, "9007199254740991");
    expect_slice(b->ad_id, "7");
    expect_slice(b->creative_code, "cc");
    expect_slice(b->campaign_id, "cm");
    assert_int_equal(b->advertiser_domains.count, 2);
    expect_slice(b->advertiser_domains.items[1], "y.example");
    assert_int_equal(b->categories.count, 0);
    assert_non_null(b->categories.items); /* an empty list that was given */
    expect_slice(b->attributes.items[1], "2");
    expect_slice(b->deal_id, "d");
    expect_slice(b->seat, "s");
    expect_slice(b->member_id, "958");
    assert_int_equal(b->size.width, 300);
    assert_int_equal(b->size.height, 250);
    assert_int_equal(b->expires_s, 60);
    expect_slice(b->custom_notify_data, "cn");
    expect_slice(b->custom_macros.items[0].name, "A");
    expect_slice(b->custom_macros.items[1].value, "2");
    expect_slice(b->segment_actions, "[{\"id\":1}]");
    expect_slice(b->userdata_js, "js");
    expect_slice(b->pixel_url, "pu");
    expect_slice(b->pixel_type, "image");
    assert_true(b->exclusive);
    expect_slice(b->ext, "{}");
    expect_slice(b->win_url, "w");
    expect_slice(b->billing_url, "b");
    expect_slice(b->loss_url, "l");
}

static void other_forms_are_taken(void **state)
{
    (void)state;
    load_body("return { price = 2, icon_url = 'one', vast = { a = 1 }, segment_actions = {}, ext = "
              "{ n = {}, cat = {} } }");
    bid("a");
    assert_int_equal(result.outcome, MB_NOBID_BID);
    assert_int_equal(result.bids[0].model, MB_MODEL_CPM);
    assert_int_equal(result.bids[0].ecpm.micros, 2000000);
    assert_int_equal(result.bids[0].n_icons, 1);
    assert_int_equal(result.bids[0].icons[0].size.width, 0);
    expect_slice(result.bids[0].vast_table, "{\"a\":1}");
    expect_slice(result.bids[0].segment_actions, "[]");
    expect_slice(result.bids[0].ext, "{\"cat\":[],\"n\":{}}");
    /* A part of the request can be handed on. */
    static struct mb_slice values[] = {{"IAB1", 4}};
    request.site.categories = (struct mb_slices){values, 1};
    load_body("return { price = 2, categories = req.site.categories, ext = { c = "
              "req.site.categories } }");
    bid("a");
    expect_slice(result.bids[0].categories.items[0], "IAB1");
    expect_slice(result.bids[0].ext, "{\"c\":[\"IAB1\"]}");
}

/* The members behind a good price, and what the problem begins with. */
static void a_wrong_type_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"return { }, 1", NULL},
        {"return { title = 'x' }", "price: expected a number above 0"},
        {"return { price = '1' }", "price: "},
        {"return { price = 0 }", "price: "},
        {"return { price = -1 }", "price: "},
        {"return { price = 0/0 }", "price: "},
        {"return { price = 1/0 }", "price: "},
        {"return { price = 1e300 }", "price: "},
        {"return { price = 1e-9 }", "price: "},
        {"return { price = 1, model = 'cpx' }", "model: "},
        {"return { price = 1, model = 1 }", "model: "},
        {"return { price = 1, ecpm = 'x' }", "ecpm: "},
        {"return { price = 1, ecpm = -1 }", "ecpm: "},
        {"return { price = 1, currency = 1 }", "currency: "},
        {"return { price = 1, click_url = 1 }", "click_url: expected a string"},
        {"return { price = 1, image_url = {} }", "image_url: "},
        {"return { price = 1, icon_url = 1 }", "icon_url: "},
        {"return { price = 1, icon_url = { 'x' } }", "icon_url: "},
        {"return { price = 1, icon_url = { big = 'x' } }", "icon_url: "},
        {"return { price = 1, icon_url = { ['1x1'] = 2 } }", "icon_url: "},
        {"return { price = 1, url = true }", "url: "},
        {"return { price = 1, title = 1 }", "title: "},
        {"return { price = 1, description = req }", "description: "},
        {"return { price = 1, imptracker = {} }", "imptracker: "},
        {"return { price = 1, data = 1 }", "data: "},
        {"return { price = 1, data = ('x'):rep(65) }",
         "data: expected a string of at most 64 bytes"},
        {"return { price = 1, markup = 1 }", "markup: "},
        {"return { price = 1, native = 'x' }", "native: "},
        {"return { price = 1, native = { print, 1, function() end } }", "native: "},
        {"return { price = 1, native = { 1, x = 2 } }", "native: "},
        {"return { price = 1, native = { 1, nil, 3 } }", NULL},
        {"return { price = 1, native = { a = 0/0 } }", "native: "},
        {"return { price = 1, vast = 1 }", "vast: "},
        {"return { price = 1, creative_id = 1.5 }", "creative_id: "},
        {"return { price = 1, creative_id = 2^60 }", "creative_id: "},
        {"return { price = 1, creative_id = {} }", "creative_id: "},
        {"return { price = 1, creative_code = 1 }", "creative_code: "},
        {"return { price = 1, ad_id = true }", "ad_id: "},
        {"return { price = 1, campaign_id = {} }", "campaign_id: "},
        {"return { price = 1, advertiser_domains = 'x' }", "advertiser_domains: "},
        {"return { price = 1, advertiser_domains = { {} } }", "advertiser_domains: "},
        {"return { price = 1, categories = 1 }", "categories: "},
        {"return { price = 1, attributes = true }", "attributes: "},
        {"return { price = 1, deal_id = {} }", "deal_id: "},
        {"return { price = 1, seat = {} }", "seat: "},
        {"return { price = 1, member_id = 0.5 }", "member_id: "},
        {"return { price = 1, width = '300' }", "width: "},
        {"return { price = 1, width = -1 }", "width: "},
        {"return { price = 1, height = 2.5 }", "height: "},
        {"return { price = 1, expires = 1e12 }", "expires: "},
        {"return { price = 1, custom_notify_data = 1 }", "custom_notify_data: "},
        {"return { price = 1, custom_macros = { 'x' } }", "custom_macros: "},
        {"return { price = 1, custom_macros = { a = {} } }", "custom_macros: "},
        {"return { price = 1, custom_macros = 1 }", "custom_macros: "},
        {"return { price = 1, segment_actions = { a = 1 } }", "segment_actions: "},
        {"return { price = 1, segment_actions = 'x' }", "segment_actions: "},
        {"return { price = 1, userdata_js = 1 }", "userdata_js: "},
        {"return { price = 1, pixel_url = 1 }", "pixel_url: "},
        {"return { price = 1, pixel_type = {} }", "pixel_type: "},
        {"return { price = 1, exclusive = 1 }", "exclusive: "},
        {"return { price = 1, ext = 'x' }", "ext: "},
        {"return { price = 1, win_url = 1 }", "win_url: "},
        {"return { price = 1, billing_url = 1 }", "billing_url: "},
        {"return { price = 1, loss_url = 1 }", "loss_url: "},
        {"return { price = 1, click_ulr = 'x' }", "click_ulr: no such field"},
        {"return { price = 1, [5] = 'x' }", NULL},
        {"return { price = 'x', aaa = 1 }", "aaa: "},
        {"return { { price = 1 }, { price = 'x' } }", "[2].price: "},
        {"return { { price = 1 }, 5 }", "[2].bid: "},
        {"return 5", "bid: "},
        {"return 'x'", "bid: "},
        {"return true", "bid: "},
        {"return req", "bid: "},
        {"local t = {} for i = 1, 65 do t[i] = { price = 1 } end return t",
         "bid: expected at most 64 bids"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        load_body(rows[i][0]);
        bid("a");
        if (!rows[i][1]) {
            assert_int_not_equal(result.outcome, MB_NOBID_BID);
            continue;
        }
        if (result.outcome != MB_NOBID_INVALID_BID ||
            !mb_slice_starts(result.problem, mb_slice_of(rows[i][1])))
            fail_msg("%s: %s '%.*s'", rows[i][0], mb_nobid_name(result.outcome),
                     MB_SLICE_ARG(result.problem));
        assert_int_equal(result.n_bids, 0);
    }
}

static void no_bids_have_their_reason(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum mb_nobid outcome;
        const char *reason;
    } rows[] = {
        {"return nobid 'geo_1'", MB_NOBID_SCRIPT, "geo_1"},
        {"return nobid(('x'):rep(32))", MB_NOBID_SCRIPT, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
        {"", MB_NOBID_NONE, NULL},
        {"return nil", MB_NOBID_NONE, NULL},
        {"return false", MB_NOBID_NONE, NULL},
        {"return {}", MB_NOBID_NONE, NULL},
        {"return nobid()", MB_NOBID_SCRIPT_ERROR, NULL},
        {"return nobid ''", MB_NOBID_SCRIPT_ERROR, NULL},
        {"return nobid 'Geo'", MB_NOBID_SCRIPT_ERROR, NULL},
        {"return nobid(('x'):rep(33))", MB_NOBID_SCRIPT_ERROR, NULL},
        {"return nobid 'a\\0b'", MB_NOBID_SCRIPT_ERROR, NULL},
        {"return nobid {}", MB_NOBID_SCRIPT_ERROR, NULL},
        {"local a, b = nobid 'first', nobid 'second' return a", MB_NOBID_SCRIPT, "first"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        load_body(rows[i].body);
        bid("a");
        if (result.outcome != rows[i].outcome)
            fail_msg("%s: %s", rows[i].body, mb_nobid_name(result.outcome));
        expect_slice(result.own_reason, rows[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_arrives, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(other_forms_are_taken, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_type_is_refused_by_name, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(no_bids_have_their_reason, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
