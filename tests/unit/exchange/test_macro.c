/* What stands where ${AUCTION_PRICE} was, and the numbers for no bid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "internal.h"

static void a_price_is_read_plain_and_in_base64(void **state)
{
    static const struct {
        const char *text;
        int64_t micros; /* -1: no price */
    } rows[] = {
        {"1.5", 1500000},
        {"0.000001", 1},
        {"MS41", 1500000},     /* 1.5 */
        {"MS4yNQ==", 1250000}, /* 1.25 */
        {"MS4yNQ", 1250000},
        {"MTIuMzQ1Ng", 12345600},
        {"1234", 1234000000}, /* a number is a number, though it were base64 too */
        {"AUDIT", -1},
        {"${AUCTION_PRICE}", -1},
        {"${AUCTION_PRICE:B64}", -1},
        {"", -1},
        {"=", -1},
        {"====", -1},
        {"M", -1},
        {"MS41MS41MS41MS41MS41MS41MS41MS41MS41MS41MS41MS41MS41", -1}, /* longer than any price */
        {"kT7xvLp0Qe2w9ZcYbNfR4sA1", -1},                            /* encrypted */
        {"Kys", -1},                                                 /* ++ */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_price price = {-1};
        bool read = mb_exchange_macro_price(mb_slice_of(rows[i].text), &price);
        if (read != (rows[i].micros >= 0) || price.micros != rows[i].micros) {
            fail_msg("%s: %d %lld", rows[i].text, read, (long long)price.micros);
        }
    }
}

static void every_reason_has_a_number_of_the_list(void **state)
{
    (void)state;
    for (int reason = 0; reason < MB_NOBID_COUNT; reason++) {
        int number = mb__openrtb_no_bid_reason((enum mb_nobid)reason);
        assert_true(number == 0 || number == 1 || number == 9 || number == 15);
    }
    assert_int_equal(mb__openrtb_no_bid_reason(MB_NOBID_TARGET), 0);
    assert_int_equal(mb__openrtb_no_bid_reason(MB_NOBID_SCRIPT_ERROR), 1);
    assert_int_equal(mb__openrtb_no_bid_reason(MB_NOBID_FREQUENCY), 9);
    assert_int_equal(mb__openrtb_no_bid_reason(MB_NOBID_DEADLINE), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_price_is_read_plain_and_in_base64),
        cmocka_unit_test(every_reason_has_a_number_of_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
