/* time.c - clocks, and calendar text in UTC.
 *
 * Dates are computed over years that begin in March, so that the leap day is a year's last one and
 * a day's number follows from one formula. libc's functions are not used: they read the zone and
 * the locale.
 */
#include "moonbid/base/time.h"

#include <time.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)
#define DAYS_PER_ERA 146097 /* 400 years, after which the calendar repeats */

int64_t mb_time_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

int64_t mb_time_boot_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

bool mb_time_parse_duration(struct mb_slice text, int64_t *out_ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1},
                 {"s", MS_PER_SECOND},
                 {"m", MS_PER_MINUTE},
                 {"h", MS_PER_HOUR},
                 {"d", MS_PER_DAY}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct mb_slice suffix = mb_slice_of(units[i].suffix);
        if (!mb_slice_ends(text, suffix))
            continue;
        struct mb_slice number = mb_slice(text.data, text.len - suffix.len);
        int64_t value;
        if (number.len == 0 || number.data[0] == '+' || !mb_slice_to_i64(number, &value))
            return false;
        if (value <= 0 || __builtin_mul_overflow(value, units[i].ms, &value))
            return false;
        *out_ms = value;
        return true;
    }
    return false;
}

/* Days since 1970-01-01; months count from 1. */
static int64_t days_of_date(int64_t year, int month, int day)
{
    if (month <= 2)
        year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

static bool is_date(int year, int month, int day)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= month_days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Exactly `width` digits behind `lead` ('\0': none). */
static bool take_number(struct mb_slice *rest, char lead, size_t width, int *out)
{
    size_t skip = lead ? 1 : 0;
    if (rest->len < skip + width || (lead && rest->data[0] != lead))
        return false;
    int value = 0;
    for (size_t i = skip; i < skip + width; i++) {
        char c = rest->data[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *out = value;
    *rest = mb_slice(rest->data + skip + width, rest->len - skip - width);
    return true;
}

bool mb_time_parse_utc(struct mb_slice text, int64_t *out_ms)
{
    int year, month, day;
    if (!take_number(&text, '\0', 4, &year) || !take_number(&text, '-', 2, &month) ||
        !take_number(&text, '-', 2, &day) || !is_date(year, month, day))
        return false;

    int hour = 0, minute = 0, second = 0;
    if (text.len) {
        char lead = text.data[0] == ' ' ? ' ' : 'T';
        if (!take_number(&text, lead, 2, &hour) || !take_number(&text, ':', 2, &minute))
            return false;
        if (text.len && text.data[0] == ':' && !take_number(&text, ':', 2, &second))
            return false;
        if (hour > 23 || minute > 59 || second > 59)
            return false;
        if (text.len && !mb_slice_is(text, "Z"))
            return false;
    }
    *out_ms = days_of_date(year, month, day) * MS_PER_DAY + hour * MS_PER_HOUR +
              minute * MS_PER_MINUTE + second * MS_PER_SECOND;
    return true;
}

void mb_xbuf_add_time(struct mb_buf *buf, int64_t ms)
{
    int64_t days = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0 ? 1 : 0);
    int64_t of_day = ms - days * MS_PER_DAY;

    days += 719468;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

    mb_xbuf_printf(buf, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, month, day,
                   (int)(of_day / MS_PER_HOUR), (int)(of_day / MS_PER_MINUTE % 60),
                   (int)(of_day / MS_PER_SECOND % 60), (int)(of_day % MS_PER_SECOND));
}
