/* hours.c - 'mon-fri 08:00-20:00' as bits, one a quarter of an hour of the week, Monday 00:00
 * first. */
#include "internal.h"

enum { DAY_QUARTERS = 96, WEEK_QUARTERS = 7 * DAY_QUARTERS };

static const char *day_name(size_t day)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    return names[day];
}

static int day_of(struct mb_slice name)
{
    for (int i = 0; i < 7; i++)
        if (mb_slice_is(name, day_name((size_t)i)))
            return i;
    return -1;
}

/* 'mon-fri', 'sat,sun', 'fri-mon,wed' as one bit a day; 0: not such a text. */
static unsigned parse_days(struct mb_slice text)
{
    unsigned days = 0;
    while (mb_slice_present(text)) {
        struct mb_slice part = mb_slice_cut(&text, ',');
        struct mb_slice from = mb_slice_cut(&part, '-');
        int first = day_of(from), last = mb_slice_present(part) ? day_of(part) : first;
        if (first < 0 || last < 0)
            return 0;
        for (int day = first; day != last; day = (day + 1) % 7)
            days |= 1u << day;
        days |= 1u << last;
    }
    return days;
}

/* '08:15' in quarters; -1: not such a text. '24:00' is the end of a day. */
static int parse_clock(struct mb_slice text)
{
    if (text.len != 5 || text.data[2] != ':')
        return -1;
    int64_t hour, minute;
    if (!mb_slice_to_i64(mb_slice(text.data, 2), &hour) ||
        !mb_slice_to_i64(mb_slice(text.data + 3, 2), &minute))
        return -1;
    if (hour < 0 || minute < 0 || minute > 59 || minute % 15 != 0 || hour * 60 + minute > 24 * 60)
        return -1;
    return (int)(hour * 4 + minute / 15);
}

bool mb__script_parse_hours(struct mb_slice text, uint8_t *bits)
{
    unsigned days = 0x7f;
    int start = 0, length = DAY_QUARTERS;
    struct mb_slice clock = mb_slice_trim(text);
    if (mb_slice_find_char(clock, ':') < 0 || mb_slice_find_char(clock, ' ') >= 0) {
        days = parse_days(mb_slice_cut(&clock, ' '));
        clock = mb_slice_trim(clock);
    }
    if (mb_slice_present(clock)) {
        start = parse_clock(mb_slice_cut(&clock, '-'));
        int end = mb_slice_present(clock) ? parse_clock(clock) : -1;
        if (start < 0 || end < 0 || start == end)
            return false;
        length = end > start ? end - start : end - start + DAY_QUARTERS; /* over midnight */
    }
    for (int day = 0; day < 7; day++) {
        for (int i = 0; (days >> day & 1) && i < length; i++) {
            int quarter = (day * DAY_QUARTERS + start + i) % WEEK_QUARTERS;
            bits[quarter / 8] |= (uint8_t)(1u << quarter % 8);
        }
    }
    return days != 0;
}

const char *mb__script_day_meant(struct mb_slice text)
{
    struct mb_slice rest = mb_slice_trim(text), days = mb_slice_cut(&rest, ' ');
    while (mb_slice_present(days)) {
        struct mb_slice part = mb_slice_cut(&days, ',');
        while (mb_slice_present(part)) {
            struct mb_slice day = mb_slice_cut(&part, '-');
            char low[4] = ""; /* of 'Monday' three letters count; digits are a clock */
            for (size_t i = 0; i < 3 && i < day.len; i++)
                low[i] = (char)(day.data[i] | 0x20);
            if (day_of(day) < 0 && low[0] >= 'a' && low[0] <= 'z')
                return mb__script_nearest(mb_slice_of(low), day_name, 7);
        }
    }
    return NULL;
}
