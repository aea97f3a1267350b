/* histogram.c - which bucket a duration belongs to, and back.
 *
 * A number's highest bit says which power of two it is in, and the three bits behind that one which
 * eighth of it. Numbers below eight have no such bits and are their own bucket:
 *
 *     ns       0 .. 7 | 8 .. 15 | 16, 18, .. 30 | 32, 36, .. 60 | ...
 *     bucket   0 .. 7 | 8 .. 15 | 16     ..  23 | 24     ..  31 |
 *
 * The last bucket also holds everything longer.
 */
#include "moonbid/metrics.h"

#define PART_BITS 3
_Static_assert(MB_HISTOGRAM_PARTS == 1 << PART_BITS, "a part is PART_BITS bits of the duration");

static size_t bucket_of(uint64_t ns)
{
    if (ns < MB_HISTOGRAM_PARTS)
        return (size_t)ns;
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    if (power >= MB_HISTOGRAM_MAX_POWER)
        return MB_HISTOGRAM_BUCKETS - 1;
    unsigned shift = power - PART_BITS;
    return (size_t)shift * MB_HISTOGRAM_PARTS + (size_t)(ns >> shift);
}

/* The largest duration that a bucket holds. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < MB_HISTOGRAM_PARTS)
        return bucket;
    size_t shift = bucket / MB_HISTOGRAM_PARTS - 1;
    uint64_t first = MB_HISTOGRAM_PARTS + bucket % MB_HISTOGRAM_PARTS;
    return ((first + 1) << shift) - 1;
}

void mb_histogram_record(struct mb_histogram *histogram, uint64_t ns)
{
    mb_metrics_add(&histogram->buckets[bucket_of(ns)], 1);
    mb_metrics_add(&histogram->sum_ns, ns);
    mb_metrics_add(&histogram->count, 1);
}

void mb_histogram_merge(struct mb_histogram *into, const struct mb_histogram *from)
{
    for (size_t i = 0; i < MB_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += mb_metrics_read(&from->buckets[i]);
    into->sum_ns += mb_metrics_read(&from->sum_ns);
    into->count += mb_metrics_read(&from->count);
}

/* Counts the buckets themselves: `count` may be a moment ahead or behind. */
uint64_t mb_histogram_quantile(const struct mb_histogram *histogram, double q)
{
    uint64_t total = 0;
    for (size_t i = 0; i < MB_HISTOGRAM_BUCKETS; i++)
        total += mb_metrics_read(&histogram->buckets[i]);
    double due = q * (double)total;
    uint64_t seen = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < MB_HISTOGRAM_BUCKETS && seen < total; i++) {
        uint64_t here = mb_metrics_read(&histogram->buckets[i]);
        if (here == 0)
            continue;
        seen += here;
        end = bucket_end(i);
        if ((double)seen >= due)
            break;
    }
    return end;
}
