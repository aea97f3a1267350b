/* Query strings of endpoints: every way in which the exchange's tokens were seen to arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "moonbid/exchange.h"

static struct mb_arena arena;

static const struct mb_pair renames[] = {{{"zone", 4}, {"zone_id", 7}}, {{"z", 1}, {"zone_id", 7}}};

/* "name=value|name=value" */
static void expect(const char *query, const char *want)
{
    struct mb_buf buf = {0};
    struct mb_pairs pairs = mb_exchange_tokens(mb_slice_of(query), (struct mb_pairs){renames, 2}, &arena);
    for (size_t i = 0; i < pairs.count; i++) {
        mb_xbuf_add_text(&buf, i ? "|" : "");
        mb_xbuf_add_slice(&buf, pairs.items[i].name);
        mb_xbuf_add_char(&buf, '=');
        mb_xbuf_add_slice(&buf, pairs.items[i].value);
    }
    if (!mb_slice_is(mb_buf_slice(&buf), want)) {
        fail_msg("%s\n gave   %.*s\n wanted %s", query ? query : "(none)", MB_SLICE_ARG(mb_buf_slice(&buf)), want);
    }
    mb_buf_fini(&buf);
}

static void values_are_decoded_once_and_renamed(void **state)
{
    (void)state;
    expect(NULL, "");
    expect("", "");
    expect("zone=778899&site_id=4321", "zone_id=778899|site_id=4321");
    expect("tags=a%20b,c+d&k=%C3%A4%2525", "tags=a b,c d|k=\xc3\xa4%25");
    expect("%7Aone=1", "zone_id=1");
    expect("k=100%&l=%zz&m=%4", "k=100%|l=%zz|m=%4");
    expect("k=a=b==", "k=a=b==");
}

static void what_tells_nothing_is_left_out(void **state)
{
    (void)state;
    expect("keyword=&zone=5", "zone_id=5");
    expect("zone={zone_id}&a=1", "a=1");
    expect("zone=%7Bzone_id%7D&a=1", "a=1");
    expect("a={\"json\":1}", "a={\"json\":1}");
    expect("a={&b=}", "a={|b=}");
    expect("flag&=x&&a=1&", "a=1");
}

static void the_first_of_a_name_counts(void **state)
{
    (void)state;
    expect("zone=1&zone=2", "zone_id=1");
    expect("z=1&zone=2&zone_id=3", "zone_id=1");
    expect("zone={zone_id}&z=2", "zone_id=2");
}

static void the_no_bid_mark_vanishes_in_all_its_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "zone=5&empty=204",          "zone=5{&empty=204}",         "zone=5%7B&empty=204%7D",
        "zone=5%7b%26empty%3d204%7d", "zone=5&empty=204}",         "zone=5%7B%26empty=204%7D",
        "empty=204&zone=5",          "{&empty=204}&zone=5",        "%7B&empty=204%7D&zone=5",
        "&empty=204&zone=5",         "zone=5&{&empty=204}",        "zone=5&{empty=204}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        expect(forms[i], "zone_id=5");
    }
    expect("zone=5{&empty=204}&site_id=7", "zone_id=5|site_id=7");
    expect("zone=5&empty=204&site_id=7", "zone_id=5|site_id=7");
    /* What only looks like it. */
    expect("a=1&empty=2045", "a=1|empty=2045");
    expect("a=1&nonempty=204", "a=1|nonempty=204");
    expect("a=empty=204", "a=empty=204");
    expect("a=1&empty=200", "a=1|empty=200");
}

static void a_raw_url_keeps_what_it_can(void **state)
{
    (void)state;
    expect("zone=5&url=https://pub.example/?a", "zone_id=5|url=https://pub.example/?a");
    expect("zone=5&url=https://pub.example/p?a=1&b=2#frag{junk",
           "zone_id=5|url=https://pub.example/p?a=1|b=2#frag{junk");
    expect("zone=5&url=https://pub.example/?x=1&zone=9", "zone_id=5|url=https://pub.example/?x=1");
}

static void the_number_of_names_is_bounded(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    for (int i = 0; i < 5000; i++) {
        mb_xbuf_printf(&buf, "n%d=1&", i);
    }
    struct mb_pairs pairs = mb_exchange_tokens(mb_buf_slice(&buf), (struct mb_pairs){NULL, 0}, &arena);
    assert_int_equal(pairs.count, 64);
    assert_true(mb_slice_is(pairs.items[63].name, "n63"));
    mb_buf_fini(&buf);
}

static void eight_names_are_the_exchanges_own(void **state)
{
    (void)state;
    static const char *const names[] = {"site_id", "zone_id", "src_hostname", "url",
                                        "tags",    "keyword", "language",     "imp_id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(mb_exchange_is_token(mb_slice_of(names[i])));
    }
    assert_false(mb_exchange_is_token(MB_SLICE("zone")));
    assert_false(mb_exchange_is_token(MB_SLICE("email_encoded")));
    assert_false(mb_exchange_is_token(MB_SLICE_NONE));
}

static int setup(void **state)
{
    (void)state;
    mb_arena_init(&arena, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_decoded_once_and_renamed),
        cmocka_unit_test(what_tells_nothing_is_left_out),
        cmocka_unit_test(the_first_of_a_name_counts),
        cmocka_unit_test(the_no_bid_mark_vanishes_in_all_its_forms),
        cmocka_unit_test(a_raw_url_keeps_what_it_can),
        cmocka_unit_test(the_number_of_names_is_bounded),
        cmocka_unit_test(eight_names_are_the_exchanges_own),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
