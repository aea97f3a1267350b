/* Names go both ways, and strangers are answered without a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "moonbid/auction.h"
#include "moonbid/strategy.h"

static void every_name_leads_back_to_its_value(void **state)
{
    (void)state;
    for (int i = 1; i < MB_EXCHANGE_COUNT; i++) {
        assert_int_equal(mb_exchange_of(mb_slice_of(mb_exchange_name((enum mb_exchange)i))), i);
    }
    for (int i = 1; i < MB_FORMAT_COUNT; i++) {
        assert_int_equal(mb_format_of(mb_slice_of(mb_format_name((enum mb_format)i))), i);
    }
    for (int i = 1; i < MB_MODEL_COUNT; i++) {
        assert_int_equal(mb_model_of(mb_slice_of(mb_model_name((enum mb_model)i))), i);
    }
    for (int i = 1; i < MB_EVENT_COUNT; i++) {
        assert_int_equal(mb_event_of(mb_slice_of(mb_event_name((enum mb_event_type)i))), i);
    }
}

static void texts_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(mb_exchange_name(MB_EXCHANGE_XANDR), "xandr");
    assert_string_equal(mb_format_name(MB_FORMAT_IN_PAGE_PUSH), "in_page_push");
    assert_string_equal(mb_model_name(MB_MODEL_SMART_CPC), "smart_cpc");
    assert_string_equal(mb_nobid_name(MB_NOBID_INVALID_BID), "invalid_bid");
    assert_string_equal(mb_target_name(MB_TARGET_EXCHANGE), "exchange");
    assert_string_equal(mb_target_name(MB_TARGET_CATEGORY), "category");
}

static void strangers_have_no_name_and_no_value(void **state)
{
    (void)state;
    assert_string_equal(mb_exchange_name(MB_EXCHANGE_NONE), "");
    assert_string_equal(mb_nobid_name(MB_NOBID_BID), "");
    assert_string_equal(mb_format_name((enum mb_format)999), "");
    assert_string_equal(mb_target_name(MB_TARGET_COUNT), "");
    assert_int_equal(mb_format_of(MB_SLICE("Banner")), MB_FORMAT_NONE);
    assert_int_equal(mb_format_of(MB_SLICE("banner\0")), MB_FORMAT_NONE);
    assert_int_equal(mb_model_of(MB_SLICE("")), MB_MODEL_NONE);
    assert_int_equal(mb_event_of(MB_SLICE_NONE), MB_EVENT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_leads_back_to_its_value),
        cmocka_unit_test(texts_are_those_of_the_contract),
        cmocka_unit_test(strangers_have_no_name_and_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
