/* zone.c - timezone rules from the system's TZif files (RFC 8536), without tzset and its global
 * state.
 *
 * A zone is a table of spans of constant offset. Loading copies the file's transitions from 2000
 * on, then writes out the footer's rule ("CET-1CEST,M3.5.0,M10.5.0/3") year by year until 2100,
 * so that asking is one table look-up and never meets a rule. Times before the first kept
 * transition get the offset that held just before it.
 */
#include "moonbid/base/zone.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo/"
enum {
    SECOND_MS = 1000,
    QUARTER_MS = 15 * 60 * 1000,
    HOUR_MS = 60 * 60 * 1000,
    DAY_MS = 24 * HOUR_MS,
    HEADER_BYTES = 44,
    FILE_BYTES_MAX = 64 * 1024, /* the largest real one has 4 kB */
    NAME_BYTES_MAX = 64,
    FIRST_YEAR = 2000,
    LAST_YEAR = 2100,
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void mb_zone_utc(struct mb_zone *zone)
{
    memset(zone, 0, sizeof(*zone));
    zone->count = 1;
    zone->from_ms[0] = INT64_MIN;
}

/* --- calendar --- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to January 1st of `year`, which is after 1969. */
static int64_t days_to_year(int year)
{
    int64_t before = year - 1;

    return INT64_C(365) * (year - 1970) + (before / 4 - before / 100 + before / 400) - 477;
}

static int days_to_month(int year, int month)
{
    static const int days[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

    return days[month - 1] + (month > 2 && is_leap(year));
}

/* --- the footer: a POSIX TZ rule --- */

/* The day and time of year at which clocks change. */
struct rule {
    char form; /* 'M': weekday `day` of `week` of `month`; 'J': day 1-365, no Feb 29; 'N': 0-365 */
    int month, week;
    int day;        /* of 'M': 0 Sunday */
    int64_t time_s; /* seconds after local midnight, may be negative or beyond a day */
};

/* Cursor over the footer's text. */
struct text {
    const char *at, *end;
};

static bool take_char(struct text *t, char c)
{
    if (t->at == t->end || *t->at != c) {
        return false;
    }
    t->at++;
    return true;
}

static bool take_number(struct text *t, int max, int *out)
{
    int value = 0;
    const char *start = t->at;

    while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
        value = value * 10 + (*t->at++ - '0');
        if (value > max) {
            return false;
        }
    }
    *out = value;
    return t->at > start;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool take_clock(struct text *t, int64_t *out)
{
    int hours, minutes = 0, seconds = 0;
    bool minus = take_char(t, '-');

    if (!minus) {
        take_char(t, '+');
    }
    if (!take_number(t, 167, &hours)) {
        return false;
    }
    if (take_char(t, ':') && !take_number(t, 59, &minutes)) {
        return false;
    }
    if (take_char(t, ':') && !take_number(t, 59, &seconds)) {
        return false;
    }
    *out = (minus ? -1 : 1) * (hours * INT64_C(3600) + minutes * 60 + seconds);
    return true;
}

/* A zone's abbreviation: letters, or anything in <>. Its text does not matter. */
static bool take_abbreviation(struct text *t)
{
    const char *start = t->at;

    if (take_char(t, '<')) {
        while (t->at < t->end && *t->at != '>') {
            t->at++;
        }
        return take_char(t, '>');
    }
    while (t->at < t->end && ((*t->at | 0x20) >= 'a' && (*t->at | 0x20) <= 'z')) {
        t->at++;
    }
    return t->at > start;
}

static bool take_rule(struct text *t, struct rule *out)
{
    *out = (struct rule){.form = 'N', .time_s = 2 * 3600};
    if (take_char(t, 'M')) {
        out->form = 'M';
        if (!take_number(t, 12, &out->month) || out->month < 1 || !take_char(t, '.') ||
            !take_number(t, 5, &out->week) || out->week < 1 || !take_char(t, '.') ||
            !take_number(t, 6, &out->day)) {
            return false;
        }
    } else {
        if (take_char(t, 'J')) {
            out->form = 'J';
        }
        if (!take_number(t, 365, &out->day) || (out->form == 'J' && out->day < 1)) {
            return false;
        }
    }
    return !take_char(t, '/') || take_clock(t, &out->time_s);
}

/* Local midnight of the rule's day in `year`, plus its time, in seconds as if local time were
 * UTC. */
static int64_t rule_local_s(const struct rule *rule, int year)
{
    int64_t day = days_to_year(year);

    if (rule->form == 'J') {
        day += rule->day - 1 + (rule->day > 59 && is_leap(year));
    } else if (rule->form == 'N') {
        day += rule->day;
    } else {
        int64_t first = day + days_to_month(year, rule->month);
        int length = days_to_month(year, rule->month + 1) - days_to_month(year, rule->month);
        int first_weekday = (int)((first + 4) % 7); /* 1970-01-01 was a Thursday */
        int offset = (rule->day - first_weekday + 7) % 7 + (rule->week - 1) * 7;

        day = first + (offset < length ? offset : offset - 7);
    }
    return day * 86400 + rule->time_s;
}

/* --- filling the table --- */

/* Appends a span; without effect where the offset does not change or the table is full. */
static void add_span(struct mb_zone *zone, int64_t from_s, int64_t offset_s)
{
    static const int64_t first_s = INT64_C(946684800); /* 2000-01-01 */
    int32_t offset_ms = (int32_t)(offset_s * SECOND_MS);
    uint32_t last = zone->count - 1;

    if (from_s < first_s) {
        zone->offset_ms[last] = offset_ms;
        return;
    }
    if (zone->offset_ms[last] == offset_ms || zone->count == MB_ZONE_SPANS_MAX ||
        from_s > INT64_MAX / SECOND_MS || from_s * SECOND_MS <= zone->from_ms[last]) {
        return;
    }
    zone->from_ms[zone->count] = from_s * SECOND_MS;
    zone->offset_ms[zone->count++] = offset_ms;
}

/* Writes out the footer's rule; only instants behind the table's last are added. */
static bool add_footer(struct mb_zone *zone, struct text t)
{
    int64_t std_s, dst_s;
    struct rule start, end;

    if (t.at == t.end) {
        return true; /* no rule: the last offset holds */
    }
    if (!take_abbreviation(&t) || !take_clock(&t, &std_s)) {
        return false;
    }
    std_s = -std_s; /* POSIX counts west */
    if (t.at == t.end) {
        return true; /* constant, and the table ends with it */
    }
    dst_s = std_s + 3600;
    if (!take_abbreviation(&t)) {
        return false;
    }
    if (t.at < t.end && *t.at != ',') {
        if (!take_clock(&t, &dst_s)) {
            return false;
        }
        dst_s = -dst_s;
    }
    if (!take_char(&t, ',') || !take_rule(&t, &start) || !take_char(&t, ',') ||
        !take_rule(&t, &end) || t.at != t.end) {
        return false;
    }
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int64_t start_s = rule_local_s(&start, year) - std_s;
        int64_t end_s = rule_local_s(&end, year) - dst_s;

        if (start_s < end_s) {
            add_span(zone, start_s, dst_s);
            add_span(zone, end_s, std_s);
        } else {
            add_span(zone, end_s, std_s);
            add_span(zone, start_s, dst_s);
        }
    }
    return true;
}

/* --- the file --- */

static int64_t big_endian(const uint8_t *p, size_t bytes)
{
    uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return (int64_t)value;
}

/* One header with its data block. */
struct block {
    size_t time_bytes; /* 4 in the first block, 8 in the second */
    size_t n_times, n_types;
    size_t bytes; /* header and data */
    const uint8_t *times, *kinds, *types;
};

/* Finds the parts of the block at `p`; false where it does not lie within `len`. */
static bool read_block(const uint8_t *p, size_t len, size_t time_bytes, struct block *out)
{
    size_t counts[6]; /* isut, isstd, leap, time, type, char */

    if (len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0) {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        int64_t count = big_endian(p + 20 + 4 * i, 4);

        if (count < 0 || count > FILE_BYTES_MAX) {
            return false;
        }
        counts[i] = (size_t)count;
    }
    out->time_bytes = time_bytes;
    out->n_times = counts[3];
    out->n_types = counts[4];
    out->times = p + HEADER_BYTES;
    out->kinds = out->times + counts[3] * time_bytes;
    out->types = out->kinds + counts[3];
    out->bytes = HEADER_BYTES + counts[3] * (time_bytes + 1) + counts[4] * 6 + counts[5] +
                 counts[2] * (time_bytes + 4) + counts[1] + counts[0];
    return out->bytes <= len && out->n_types > 0;
}

/* False for an offset that no clock has. */
static bool read_offset(const struct block *block, size_t kind, int64_t *out)
{
    if (kind >= block->n_types) {
        return false;
    }
    *out = big_endian(block->types + kind * 6, 4);
    return *out > -26 * 3600 && *out < 26 * 3600;
}

static bool fill(struct mb_zone *zone, const uint8_t *p, size_t len)
{
    struct block block;
    struct text footer = {NULL, NULL};
    int64_t offset_s;

    if (!read_block(p, len, 4, &block)) {
        return false;
    }
    if (p[4] >= '2') { /* the second block holds 64-bit times and is followed by the footer */
        p += block.bytes;
        len -= block.bytes;
        if (!read_block(p, len, 8, &block) || block.bytes + 2 > len || p[block.bytes] != '\n' ||
            p[len - 1] != '\n') {
            return false;
        }
        footer = (struct text){(const char *)p + block.bytes + 1, (const char *)p + len - 1};
    }
    if (!read_offset(&block, 0, &offset_s)) {
        return false;
    }
    zone->offset_ms[0] = (int32_t)(offset_s * SECOND_MS);
    for (size_t i = 0; i < block.n_times; i++) {
        if (!read_offset(&block, block.kinds[i], &offset_s)) {
            return false;
        }
        add_span(zone, big_endian(block.times + i * block.time_bytes, block.time_bytes), offset_s);
    }
    return add_footer(zone, footer);
}

int mb_zone_parse(const void *data, size_t len, struct mb_zone *out, struct mb_error *err)
{
    mb_zone_utc(out);
    if (!fill(out, data, len)) {
        mb_zone_utc(out);
        return mb_fail(err, MB_ESYNTAX, NULL, "the zone file is damaged");
    }
    return 0;
}

/* Letters, digits, and "_+-/" between them: nothing that could leave the folder. */
static bool is_zone_name(struct mb_slice name)
{
    if (name.len > NAME_BYTES_MAX || name.data[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!letter && !(c >= '0' && c <= '9') && !strchr("_+-/", c)) {
            return false;
        }
    }
    return !memchr(name.data, 0, name.len);
}

int mb_zone_load(struct mb_slice name, struct mb_zone *out, struct mb_error *err)
{
    char path[sizeof(ZONE_FOLDER) + NAME_BYTES_MAX];
    uint8_t *data;
    FILE *file;
    size_t len;
    int rc;

    mb_zone_utc(out);
    if (mb_slice_empty(name) || mb_slice_is(name, "UTC")) {
        return 0;
    }
    if (!is_zone_name(name)) {
        return mb_fail(err, MB_EINVAL, NULL, "not the name of a timezone");
    }
    snprintf(path, sizeof(path), ZONE_FOLDER "%.*s", MB_SLICE_ARG(name));
    file = fopen(path, "rbe");
    if (!file) {
        return mb_fail(err, MB_ENOTFOUND, path, "no rules for this timezone");
    }
    data = malloc(FILE_BYTES_MAX);
    len = data ? fread(data, 1, FILE_BYTES_MAX, file) : 0;
    fclose(file);
    rc = mb_zone_parse(data ? data : (const void *)"", len, out, err);
    free(data);
    return rc;
}

/* --- asking --- */

static bool in_span(const struct mb_zone *zone, uint32_t i, int64_t utc_ms)
{
    return utc_ms >= zone->from_ms[i] && (i + 1 == zone->count || utc_ms < zone->from_ms[i + 1]);
}

/* The span of an instant. The hint is only ever a guess, so plain relaxed accesses do. */
static uint32_t span_at(const struct mb_zone *zone, int64_t utc_ms)
{
    _Atomic uint32_t *hint = (_Atomic uint32_t *)&zone->hint;
    uint32_t low = 0, high = zone->count;
    uint32_t guess = atomic_load_explicit(hint, memory_order_relaxed);

    if (guess < zone->count && in_span(zone, guess, utc_ms)) {
        return guess;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (utc_ms >= zone->from_ms[middle]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    atomic_store_explicit(hint, low, memory_order_relaxed);
    return low;
}

int64_t mb_zone_offset_ms(const struct mb_zone *zone, int64_t utc_ms)
{
    return zone->offset_ms[span_at(zone, utc_ms)];
}

int64_t mb_zone_to_utc_ms(const struct mb_zone *zone, int64_t local_ms)
{
    /* No offset passes a day, so these two stand on either side of a change nearby. */
    int64_t before = mb_zone_offset_ms(zone, local_ms - DAY_MS);
    int64_t after = mb_zone_offset_ms(zone, local_ms + DAY_MS);
    int64_t early = local_ms - (before > after ? before : after);
    int64_t late = local_ms - (before > after ? after : before);

    if (early + mb_zone_offset_ms(zone, early) == local_ms) {
        return early;
    }
    if (late + mb_zone_offset_ms(zone, late) == local_ms) {
        return late;
    }
    return zone->from_ms[span_at(zone, late)];
}

int64_t mb_zone_day_start_ms(const struct mb_zone *zone, int64_t utc_ms)
{
    return mb_zone_to_utc_ms(zone, mb_zone_day_number(zone, utc_ms) * DAY_MS);
}

int64_t mb_zone_day_number(const struct mb_zone *zone, int64_t utc_ms)
{
    return floor_div(utc_ms + mb_zone_offset_ms(zone, utc_ms), DAY_MS);
}

int64_t mb_zone_hour_number(const struct mb_zone *zone, int64_t utc_ms)
{
    return floor_div(utc_ms + mb_zone_offset_ms(zone, utc_ms) % HOUR_MS, HOUR_MS);
}

uint32_t mb_zone_week_quarter(const struct mb_zone *zone, int64_t utc_ms)
{
    static const int64_t week_ms = INT64_C(7) * DAY_MS, monday_ms = INT64_C(3) * DAY_MS;
    int64_t local_ms = utc_ms + mb_zone_offset_ms(zone, utc_ms) + monday_ms;

    return (uint32_t)((local_ms - floor_div(local_ms, week_ms) * week_ms) / QUARTER_MS);
}
