/* test_zone.c - timezone rules against instants that are known, and against bytes that nobody
 * should trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;

    assert_true(mb_time_parse_utc(mb_slice_of(text), &ms));
    return ms;
}

static struct mb_zone zone_of(const char *name)
{
    struct mb_zone zone;
    struct mb_error err = {0};

    if (mb_zone_load(mb_slice_of(name), &zone, &err) == MB_ENOTFOUND) {
        print_message("no zone files on this machine: %s\n", err.where);
        skip();
    }
    assert_int_equal(err.code, 0);
    return zone;
}

static void offsets_follow_the_rules(void **state)
{
    static const struct {
        const char *zone, *utc;
        int minutes;
    } rows[] = {
        {"Europe/Berlin", "2026-03-02T09:00:00", 60},
        {"Europe/Berlin", "2026-03-29T00:59:59", 60},
        {"Europe/Berlin", "2026-03-29T01:00:00", 120},
        {"Europe/Berlin", "2026-10-25T00:59:59", 120},
        {"Europe/Berlin", "2026-10-25T01:00:00", 60},
        {"Europe/Berlin", "2060-07-01T00:00:00", 120}, /* past the file's own table */
        {"Europe/Berlin", "2060-12-01T00:00:00", 60},
        {"America/New_York", "2026-03-08T06:59:59", -300},
        {"America/New_York", "2026-03-08T07:00:00", -240},
        {"Asia/Kolkata", "2026-03-08T07:00:00", 330},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00", 660},
        {"Australia/Lord_Howe", "2026-06-01T00:00:00", 630},
        {"Europe/Dublin", "2026-07-01T00:00:00", 60},
        {"Etc/GMT-14", "2026-07-01T00:00:00", 840},
        {"UTC", "2026-07-01T00:00:00", 0},
        {"", "2026-07-01T00:00:00", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_zone zone = zone_of(rows[i].zone);

        print_message("%s %s\n", rows[i].zone, rows[i].utc);
        assert_int_equal(mb_zone_offset_ms(&zone, at(rows[i].utc)), rows[i].minutes * 60000);
    }
}

static void a_day_has_23_24_or_25_hours(void **state)
{
    static const struct {
        const char *zone, *now, *start;
        int hours;
    } rows[] = {
        {"Europe/Berlin", "2026-03-02T09:00:00", "2026-03-01T23:00:00", 24},
        {"Europe/Berlin", "2026-03-29T12:00:00", "2026-03-28T23:00:00", 23},
        {"Europe/Berlin", "2026-10-25T12:00:00", "2026-10-24T22:00:00", 25},
        {"Africa/Cairo", "2026-04-24T12:00:00", "2026-04-23T22:00:00",
         23}, /* midnight is skipped */
        {"America/Havana", "2026-11-01T12:00:00", "2026-11-01T04:00:00",
         25}, /* midnight comes twice */
        {"America/Havana", "2026-11-01T04:30:00", "2026-11-01T04:00:00", 25},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_zone zone = zone_of(rows[i].zone);
        int64_t start = mb_zone_day_start_ms(&zone, at(rows[i].now));

        print_message("%s %s\n", rows[i].zone, rows[i].now);
        assert_int_equal(start, at(rows[i].start));
        assert_int_equal(mb_zone_day_start_ms(&zone, start + 36 * 3600000LL) - start,
                         rows[i].hours * 3600000LL);
        assert_int_equal(mb_zone_day_number(&zone, start),
                         mb_zone_day_number(&zone, start - 1) + 1);
    }
}

/* Every instant belongs to the day that starts before it, whatever the order of questions. */
static void days_and_hours_never_go_back(void **state)
{
    static const char *const names[] = {"Europe/Berlin",  "America/New_York", "Australia/Lord_Howe",
                                        "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca"};

    (void)state;
    for (size_t z = 0; z < sizeof(names) / sizeof(names[0]); z++) {
        struct mb_zone zone = zone_of(names[z]);
        int64_t first = at("2025-12-31T00:00:00"), last = at("2027-01-02T00:00:00");
        int64_t day = 0;

        for (int64_t now = first; now < last; now += 15 * 60000) {
            assert_true(mb_zone_day_number(&zone, now) >= day);
            day = mb_zone_day_number(&zone, now);
            assert_true(mb_zone_day_start_ms(&zone, now) <= now);
            assert_int_equal(mb_zone_day_number(&zone, mb_zone_day_start_ms(&zone, now)), day);
        }
    }
}

static void quarters_count_from_monday(void **state)
{
    struct mb_zone utc, berlin = zone_of("Europe/Berlin");

    (void)state;
    mb_zone_utc(&utc);
    assert_int_equal(mb_zone_week_quarter(&utc, at("2026-03-02T00:00:00")), 0);
    assert_int_equal(mb_zone_week_quarter(&utc, at("2026-03-01T23:59:59")), MB_ZONE_QUARTERS - 1);
    assert_int_equal(mb_zone_week_quarter(&utc, at("2026-03-03T08:30:00")), 96 + 34);
    assert_int_equal(mb_zone_week_quarter(&berlin, at("2026-03-01T23:00:00")), 0);
    assert_int_equal(mb_zone_week_quarter(&utc, 0), 3 * 96); /* a Thursday */
    assert_int_equal(mb_zone_week_quarter(&utc, -1), 3 * 96 - 1);
}

static void local_times_become_instants(void **state)
{
    struct mb_zone berlin = zone_of("Europe/Berlin");

    (void)state;
    assert_int_equal(mb_zone_to_utc_ms(&berlin, at("2026-06-01T00:00:00")),
                     at("2026-05-31T22:00:00"));
    assert_int_equal(mb_zone_to_utc_ms(&berlin, at("2026-03-29T02:30:00")),
                     at("2026-03-29T01:00:00"));
    assert_int_equal(mb_zone_to_utc_ms(&berlin, at("2026-10-25T02:30:00")),
                     at("2026-10-25T00:30:00"));
}

static void bad_names_are_refused_and_give_utc(void **state)
{
    static const struct {
        const char *name;
        int code;
    } rows[] = {
        {"/etc/passwd", MB_EINVAL},
        {"../../../etc/passwd", MB_EINVAL},
        {"Europe/Berlin ", MB_EINVAL},
        {"Europe/Nowhere", MB_ENOTFOUND},
        {"a123456789012345678901234567890123456789012345678901234567890123456789", MB_EINVAL},
    };
    struct mb_zone zone;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_error err = {0};

        assert_int_equal(mb_zone_load(mb_slice_of(rows[i].name), &zone, &err), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(mb_zone_offset_ms(&zone, 0), 0);
    }
    assert_int_equal(mb_zone_load(MB_SLICE("Europe\0Berlin"), &zone, NULL), MB_EINVAL);
}

/* A zone file without transitions: all it says is in the footer. */
static size_t make_file(uint8_t *out, const char *footer)
{
    static const uint8_t header[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 1};
    static const uint8_t body[7] = {0};
    size_t n = 0;

    for (int block = 0; block < 2; block++) {
        memcpy(out + n, header, sizeof(header));
        memcpy(out + n + sizeof(header), body, sizeof(body));
        n += sizeof(header) + sizeof(body);
    }
    return n + (size_t)sprintf((char *)out + n, "\n%s\n", footer);
}

static void footers_are_read(void **state)
{
    static const struct {
        const char *footer, *utc;
        int minutes; /* -1: refused */
    } rows[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-07-01", 120},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2030-12-31", 60},
        {"<+0330>-3:30<+0430>,J79/24,J263/24", "2031-06-01", 270},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2031-06-01", -120},
        {"AAA5BBB,59,300", "2032-02-29T06:00:00", -300},
        {"AAA5BBB,59,300", "2032-02-29T07:00:00", -240},
        {"AAA5BBB,J60,300", "2032-02-29T07:00:00", -300},
        {"CET-1CEST", "2030-07-01", -1},
        {"CET", "2030-07-01", -1},
        {"CET-1CEST,M13.5.0,M10.5.0", "2030-07-01", -1},
        {"CET-1CEST,M3.5.0,M10.5.0x", "2030-07-01", -1},
        {"CET-99999999999999999999", "2030-07-01", -1},
        {"<CET-1", "2030-07-01", -1},
    };
    uint8_t file[256];
    struct mb_zone zone;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = make_file(file, rows[i].footer);
        int rc = mb_zone_parse(file, len, &zone, NULL);

        print_message("%s %s\n", rows[i].footer, rows[i].utc);
        assert_int_equal(rc, rows[i].minutes == -1 ? MB_ESYNTAX : 0);
        if (rc == 0) {
            assert_int_equal(mb_zone_offset_ms(&zone, at(rows[i].utc)), rows[i].minutes * 60000);
        }
    }
}

/* Cut at every byte and with every byte flipped: refused or read, never out of bounds (the
 * sanitizers watch). */
static void damaged_files_do_no_harm(void **state)
{
    uint8_t file[256];
    size_t len = make_file(file, "CET-1CEST,M3.5.0,M10.5.0/3");
    struct mb_zone zone;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1);

        memcpy(copy, file, cut);
        assert_int_equal(mb_zone_parse(copy, cut, &zone, NULL), MB_ESYNTAX);
        free(copy);
    }
    for (size_t i = 0; i < len; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            file[i] ^= (uint8_t)flip;
            (void)!mb_zone_parse(file, len, &zone, NULL);
            assert_true(zone.count >= 1);
            file[i] ^= (uint8_t)flip;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_follow_the_rules),
        cmocka_unit_test(a_day_has_23_24_or_25_hours),
        cmocka_unit_test(days_and_hours_never_go_back),
        cmocka_unit_test(quarters_count_from_monday),
        cmocka_unit_test(local_times_become_instants),
        cmocka_unit_test(bad_names_are_refused_and_give_utc),
        cmocka_unit_test(footers_are_read),
        cmocka_unit_test(damaged_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
