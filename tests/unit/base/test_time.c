#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "moonbid/base/time.h"

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } rows[] = {
        {"90s", 90000},
        {"15m", 900000},
        {"24h", 86400000},
        {"7d", 604800000},
        {"250ms", 250},
        {"1ms", 1},
        {"", 0},
        {"s", 0},
        {"ms", 0},
        {"5", 0},
        {"0s", 0},
        {"-5s", 0},
        {"+5s", 0},
        {"1.5h", 0},
        {"5 s", 0},
        {" 5s", 0},
        {"5S", 0},
        {"5w", 0},
        {"1h30m", 0},
        {"5sm", 0},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775807s", 0},
        {"99999999999999999999ms", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = 0;
        bool taken = mb_time_parse_duration(mb_slice_of(rows[i].text), &ms);
        if (ms != rows[i].ms || taken != (rows[i].ms != 0))
            fail_msg("'%s' gave %lld", rows[i].text, (long long)ms);
    }
}

static void calendar_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } taken[] = {
        {"1970-01-01", 0},
        {"2026-03-02", INT64_C(1772409600000)},
        {"2026-03-02T09:00", INT64_C(1772442000000)},
        {"2026-03-02T09:00:00", INT64_C(1772442000000)},
        {"2026-03-02T09:00:00Z", INT64_C(1772442000000)},
        {"2026-03-02 09:00Z", INT64_C(1772442000000)},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000)},
        {"2024-02-29", INT64_C(1709164800000)},
        {"1969-12-31T23:59:59Z", -1000},
        {"0000-03-01", INT64_C(-62162035200000)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        int64_t ms = 1;
        if (!mb_time_parse_utc(mb_slice_of(taken[i].text), &ms) || ms != taken[i].ms)
            fail_msg("'%s' gave %lld", taken[i].text, (long long)ms);
    }
    static const char *const refused[] = {"",
                                          "2026",
                                          "2026-3-2",
                                          "2026-02-29",
                                          "1900-02-29",
                                          "2026-13-01",
                                          "2026-00-01",
                                          "2026-04-31",
                                          "2026-01-00",
                                          "2026-03-02T",
                                          "2026-03-02Z",
                                          "2026-03-02T24:00",
                                          "2026-03-02T09:60",
                                          "2026-03-02T09:00:60",
                                          "2026-03-02T09",
                                          "2026-03-02t09:00",
                                          "2026-03-02T09:00z",
                                          "2026-03-02T09:00:00+01:00",
                                          "2026-03-02T09:00:00.1Z",
                                          " 2026-03-02",
                                          "2026-03-02 ",
                                          "2026/03/02",
                                          "+026-03-02"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t ms = 1;
        if (mb_time_parse_utc(mb_slice_of(refused[i]), &ms) || ms != 1)
            fail_msg("'%s' was taken", refused[i]);
    }
}

/* Against the C library, over four centuries in steps that hit every month and leap day. */
static void written_times_agree_with_the_c_library(void **state)
{
    (void)state;
    struct mb_buf buf = {0};
    for (int64_t s = -INT64_C(8000000000); s < INT64_C(8000000000); s += 86399 * 7) {
        time_t seconds = (time_t)s;
        struct tm tm;
        char expected[64];
        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
        mb_buf_clear(&buf);
        mb_xbuf_add_time(&buf, s * 1000 + 7);
        struct mb_slice text = mb_buf_slice(&buf);
        if (!mb_slice_starts(text, mb_slice_of(expected)) ||
            !mb_slice_ends(text, MB_SLICE(".007Z")))
            fail_msg("%s printed as %.*s", expected, MB_SLICE_ARG(text));
        int64_t back;
        assert_true(mb_time_parse_utc(mb_slice(text.data, text.len - 5), &back));
        assert_int_equal(back, s * 1000);
    }
    mb_buf_clear(&buf);
    mb_xbuf_add_time(&buf, -1);
    assert_true(mb_slice_is(mb_buf_slice(&buf), "1969-12-31T23:59:59.999Z"));
    mb_buf_fini(&buf);
}

static void the_boot_clock_does_not_go_back(void **state)
{
    (void)state;
    int64_t before = mb_time_boot_ns();
    assert_true(before > 0);
    assert_true(mb_time_boot_ns() >= before);
    assert_true(mb_time_now_ms() > INT64_C(1700000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(calendar_text),
        cmocka_unit_test(written_times_agree_with_the_c_library),
        cmocka_unit_test(the_boot_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
