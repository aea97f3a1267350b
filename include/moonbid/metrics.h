/* metrics.h - counters and histograms in memory that the caller gives, and their text for
 * Prometheus.
 *
 * Part of: metrics.  Depends on: base.
 * Threads:  one writer, any number of readers, in memory shared between processes too: a number is
 * read, raised and written back, which costs a twentieth of an exchange that several could do. A
 * reader sees each number whole, but not all of one moment. Lifetime: zeroed memory is a
 * valid, empty counter or histogram. Nothing here allocates but the text, which goes to the
 * caller's buffer.
 */
#ifndef MB_METRICS_H
#define MB_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "moonbid/base/buf.h"

/* --- counters: plain uint64_t, so that a block of them is a plain struct --- */

/* Only by the counter's one writer. */
static inline void mb_metrics_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t mb_metrics_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* --- histogram of durations ---
 *
 * Log-linear: each power of two is cut into MB_HISTOGRAM_PARTS equal buckets, so a bucket's width
 * is at most an eighth of what it holds (below 8 ns a bucket is one nanosecond). */

#define MB_HISTOGRAM_PARTS 8
#define MB_HISTOGRAM_MAX_POWER 36 /* 2^36 ns are 69 s: longer counts into the last bucket */
#define MB_HISTOGRAM_BUCKETS ((MB_HISTOGRAM_MAX_POWER - 3 + 1) * MB_HISTOGRAM_PARTS)

struct mb_histogram {
    uint64_t buckets[MB_HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
    uint64_t count;
};

/* Counts one duration. O(1), no system call. */
void mb_histogram_record(struct mb_histogram *histogram, uint64_t ns);

/* Adds what `from` holds to `into`, which nobody else writes (a worker's slot into the sum over
 * all). */
void mb_histogram_merge(struct mb_histogram *into, const struct mb_histogram *from);

/* The duration in ns that a share `q` of all (0 to 1) does not pass: the upper edge of its bucket,
 * so up to an eighth too much. 0 where nothing was recorded. O(buckets). */
uint64_t mb_histogram_quantile(const struct mb_histogram *histogram, double q);

/* --- text, exposition format 0.0.4 --- */

struct mb_metrics_label {
    const char *name;
    struct mb_slice value; /* any bytes: escaped, and what is not UTF-8 becomes U+FFFD */
};

/* `# HELP` and `# TYPE`; once, before the first line of `name`. `type`: "counter", "gauge" or
 * "histogram". */
void mb_xmetrics_head(struct mb_buf *out, const char *name, const char *type, const char *help);

/* One line `name{labels} value`; without labels no braces. */
void mb_xmetrics_u64(struct mb_buf *out, const char *name, const struct mb_metrics_label *labels,
                     size_t n_labels, uint64_t value);
void mb_xmetrics_i64(struct mb_buf *out, const char *name, const struct mb_metrics_label *labels,
                     size_t n_labels, int64_t value);

/* The lines name_bucket (by powers of two, in seconds, cumulative, up to +Inf), name_sum and
 * name_count. */
void mb_xmetrics_histogram(struct mb_buf *out, const char *name,
                           const struct mb_metrics_label *labels, size_t n_labels,
                           const struct mb_histogram *histogram);

#endif /* MB_METRICS_H */
