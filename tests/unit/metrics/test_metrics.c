#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/metrics.h"

static void a_single_duration_is_every_quantile_to_an_eighth(void **state)
{
    (void)state;
    /* bucket edges, their neighbours, and a step through the whole range */
    for (uint64_t ns = 0; ns < UINT64_C(1) << 36; ns = ns < 100 ? ns + 1 : ns + ns / 7) {
        struct mb_histogram histogram = {0};
        mb_histogram_record(&histogram, ns);
        uint64_t q = mb_histogram_quantile(&histogram, 0.5);
        if (q < ns || q > ns + ns / 8)
            fail_msg("%llu gave %llu", (unsigned long long)ns, (unsigned long long)q);
        assert_int_equal(mb_histogram_quantile(&histogram, 0), q);
        assert_int_equal(mb_histogram_quantile(&histogram, 1), q);
    }
}

static void quantiles_split_what_was_recorded(void **state)
{
    (void)state;
    struct mb_histogram histogram = {0};
    assert_int_equal(mb_histogram_quantile(&histogram, 0.99), 0);
    for (uint64_t i = 1; i <= 1000; i++)
        mb_histogram_record(&histogram, i * 1000);
    static const struct {
        double q;
        uint64_t least, most;
    } rows[] = {{0.5, 500000, 562500},
                {0.9, 900000, 1012500},
                {0.99, 990000, 1113750},
                {1, 1000000, 1125000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_in_range(mb_histogram_quantile(&histogram, rows[i].q), rows[i].least, rows[i].most);
    assert_int_equal(histogram.count, 1000);
    assert_int_equal(histogram.sum_ns, 500500000);
}

static void a_duration_beyond_the_range_counts_into_the_last_bucket(void **state)
{
    (void)state;
    struct mb_histogram histogram = {0};
    mb_histogram_record(&histogram, UINT64_MAX);
    mb_histogram_record(&histogram, UINT64_C(1) << 36);
    assert_int_equal(histogram.buckets[MB_HISTOGRAM_BUCKETS - 1], 2);
}

static void merging_adds_bucket_by_bucket(void **state)
{
    (void)state;
    struct mb_histogram a = {0}, b = {0};
    mb_histogram_record(&a, 10);
    mb_histogram_record(&b, 10);
    mb_histogram_record(&b, 5000);
    mb_histogram_merge(&a, &b);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.sum_ns, 5020);
    assert_int_equal(mb_histogram_quantile(&a, 0.6), 10);
}

static void lines_carry_escaped_labels(void **state)
{
    (void)state;
    struct mb_buf out = {0};
    mb_xmetrics_head(&out, "moonbid_bids_total", "counter", "bids\nby \\ \"name\"");
    const struct mb_metrics_label labels[] = {
        {"strategy", MB_SLICE("a\"b\\c\nd")},
        {"reason", MB_SLICE("\xff\xc3\xa9")},
    };
    mb_xmetrics_u64(&out, "moonbid_bids_total", labels, 2, UINT64_MAX);
    mb_xmetrics_u64(&out, "moonbid_bids_total", labels, 0, 0);
    mb_xmetrics_i64(&out, "moonbid_left", labels, 0, INT64_MIN);
    mb_xbuf_add_char(&out, '\0');
    assert_string_equal(
        out.data,
        "# HELP moonbid_bids_total bids\\nby \\\\ \"name\"\n"
        "# TYPE moonbid_bids_total counter\n"
        "moonbid_bids_total{strategy=\"a\\\"b\\\\c\\nd\",reason=\"\xef\xbf\xbd\xc3\xa9\"} "
        "18446744073709551615\n"
        "moonbid_bids_total 0\n"
        "moonbid_left -9223372036854775808\n");
    mb_buf_fini(&out);
}

static bool holds(const struct mb_buf *buf, const char *line)
{
    return mb_slice_find(mb_buf_slice(buf), mb_slice_of(line)) >= 0;
}

static void a_histogram_is_written_cumulative_in_seconds(void **state)
{
    (void)state;
    struct mb_histogram histogram = {0};
    mb_histogram_record(&histogram, 1023);
    mb_histogram_record(&histogram, 1024);
    mb_histogram_record(&histogram, 2047);
    mb_histogram_record(&histogram, UINT64_C(60000000000));
    const struct mb_metrics_label label = {"endpoint", MB_SLICE("openrtb")};
    struct mb_buf out = {0};
    mb_xmetrics_histogram(&out, "t_seconds", &label, 1, &histogram);
    static const char *const lines[] = {
        "t_seconds_bucket{endpoint=\"openrtb\",le=\"0.000001024\"} 1\n",
        "t_seconds_bucket{endpoint=\"openrtb\",le=\"0.000002048\"} 3\n",
        "t_seconds_bucket{endpoint=\"openrtb\",le=\"17.179869184\"} 3\n",
        "t_seconds_bucket{endpoint=\"openrtb\",le=\"+Inf\"} 4\n",
        "t_seconds_sum{endpoint=\"openrtb\"} 60.000004094\n",
        "t_seconds_count{endpoint=\"openrtb\"} 4\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!holds(&out, lines[i]))
            fail_msg("missing: %s", lines[i]);
    }
    mb_buf_clear(&out);
    mb_xmetrics_histogram(&out, "t", NULL, 0, &histogram);
    assert_true(holds(&out, "t_bucket{le=\"+Inf\"} 4\n"));
    assert_true(holds(&out, "t_count 4\n"));
    mb_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_duration_is_every_quantile_to_an_eighth),
        cmocka_unit_test(quantiles_split_what_was_recorded),
        cmocka_unit_test(a_duration_beyond_the_range_counts_into_the_last_bucket),
        cmocka_unit_test(merging_adds_bucket_by_bucket),
        cmocka_unit_test(lines_carry_escaped_labels),
        cmocka_unit_test(a_histogram_is_written_cumulative_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
