/* text.c - the lines that Prometheus reads. Durations are written as seconds from integers, so that
 * no locale and no rounding of a double takes part.
 */
#include "moonbid/metrics.h"

#define NS_PER_SECOND UINT64_C(1000000000)
/* Buckets in the text: powers of two from 1 us to 17 s. All 272 of them would make a page of
 * nothing else. */
#define FIRST_POWER 10
#define LAST_POWER 34

/* `newline` and backslash are escaped in both places; the quote only in labels. */
static void add_escaped(struct mb_buf *out, struct mb_slice s, bool quoted)
{
    while (s.len) {
        size_t len = mb_slice_utf8(s);
        if (len == 0)
            mb_xbuf_add_text(out, "\xef\xbf\xbd");
        else if (s.data[0] == '\n')
            mb_xbuf_add_text(out, "\\n");
        else if (s.data[0] == '\\')
            mb_xbuf_add_text(out, "\\\\");
        else if (s.data[0] == '"' && quoted)
            mb_xbuf_add_text(out, "\\\"");
        else
            mb_xbuf_add(out, s.data, len);
        size_t step = len ? len : 1;
        s = mb_slice(s.data + step, s.len - step);
    }
}

void mb_xmetrics_head(struct mb_buf *out, const char *name, const char *type, const char *help)
{
    mb_xbuf_printf(out, "# HELP %s ", name);
    add_escaped(out, mb_slice_of(help), false);
    mb_xbuf_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void add_label(struct mb_buf *out, const char *name, struct mb_slice value)
{
    mb_xbuf_add_text(out, name);
    mb_xbuf_add_text(out, "=\"");
    add_escaped(out, value, true);
    mb_xbuf_add_char(out, '"');
}

/* Everything before the value. `le` is a bucket's edge, absent elsewhere. */
static void add_series(struct mb_buf *out, const char *name, const char *suffix,
                       const struct mb_metrics_label *labels, size_t n_labels, struct mb_slice le)
{
    mb_xbuf_add_text(out, name);
    mb_xbuf_add_text(out, suffix);
    char lead = '{';
    for (size_t i = 0; i < n_labels; i++) {
        mb_xbuf_add_char(out, lead);
        add_label(out, labels[i].name, labels[i].value);
        lead = ',';
    }
    if (mb_slice_present(le)) {
        mb_xbuf_add_char(out, lead);
        add_label(out, "le", le);
        lead = ',';
    }
    mb_xbuf_add_text(out, lead == ',' ? "} " : " ");
}

void mb_xmetrics_u64(struct mb_buf *out, const char *name, const struct mb_metrics_label *labels,
                     size_t n_labels, uint64_t value)
{
    add_series(out, name, "", labels, n_labels, MB_SLICE_NONE);
    mb_xbuf_add_u64(out, value);
    mb_xbuf_add_char(out, '\n');
}

void mb_xmetrics_i64(struct mb_buf *out, const char *name, const struct mb_metrics_label *labels,
                     size_t n_labels, int64_t value)
{
    add_series(out, name, "", labels, n_labels, MB_SLICE_NONE);
    mb_xbuf_add_i64(out, value);
    mb_xbuf_add_char(out, '\n');
}

static void add_seconds(struct mb_buf *out, uint64_t ns)
{
    mb_xbuf_printf(out, "%llu.%09llu", (unsigned long long)(ns / NS_PER_SECOND),
                   (unsigned long long)(ns % NS_PER_SECOND));
}

static void add_bucket(struct mb_buf *out, const char *name, const struct mb_metrics_label *labels,
                       size_t n_labels, struct mb_slice le, uint64_t count)
{
    add_series(out, name, "_bucket", labels, n_labels, le);
    mb_xbuf_add_u64(out, count);
    mb_xbuf_add_char(out, '\n');
}

/* The count is the sum of the buckets, since readers refuse a +Inf that differs from it. */
void mb_xmetrics_histogram(struct mb_buf *out, const char *name,
                           const struct mb_metrics_label *labels, size_t n_labels,
                           const struct mb_histogram *histogram)
{
    struct mb_buf le = {0};
    uint64_t seen = 0;
    size_t next = 0; /* first bucket not yet in `seen` */
    for (unsigned power = FIRST_POWER; power <= LAST_POWER; power++) {
        /* Durations below 2^power fill the buckets below (power - 2) * PARTS: the eight of single
         * nanoseconds, and eight for each power from 2^3 on. (A duration of exactly 2^power is
         * counted one edge late.) */
        size_t behind = (power - 2) * MB_HISTOGRAM_PARTS;
        for (; next < behind; next++)
            seen += mb_metrics_read(&histogram->buckets[next]);
        mb_buf_clear(&le);
        add_seconds(&le, UINT64_C(1) << power);
        add_bucket(out, name, labels, n_labels, mb_buf_slice(&le), seen);
    }
    for (; next < MB_HISTOGRAM_BUCKETS; next++)
        seen += mb_metrics_read(&histogram->buckets[next]);
    add_bucket(out, name, labels, n_labels, MB_SLICE("+Inf"), seen);

    add_series(out, name, "_sum", labels, n_labels, MB_SLICE_NONE);
    add_seconds(out, mb_metrics_read(&histogram->sum_ns));
    mb_xbuf_add_char(out, '\n');
    add_series(out, name, "_count", labels, n_labels, MB_SLICE_NONE);
    mb_xbuf_add_u64(out, seen);
    mb_xbuf_add_char(out, '\n');
    mb_buf_fini(&le);
}
