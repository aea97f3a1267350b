#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/cidr.h"

static void addresses_come_back_in_their_usual_text(void **state)
{
    (void)state;
    const struct {
        struct mb_slice text;
        const char *wanted; /* NULL: refused */
    } rows[] = {
        {MB_SLICE("192.0.2.7"), "192.0.2.7"},
        {MB_SLICE("0.0.0.0"), "0.0.0.0"},
        {MB_SLICE("255.255.255.255"), "255.255.255.255"},
        {MB_SLICE("::"), "::"},
        {MB_SLICE("2001:DB8:0:0::1"), "2001:db8::1"},
        {MB_SLICE("::ffff:192.0.2.7"), "192.0.2.7"},
        {MB_SLICE("::FFFF:c000:207"), "192.0.2.7"},
        {MB_SLICE("::192.0.2.7"), "::192.0.2.7"},
        {MB_SLICE("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {MB_SLICE(""), NULL},
        {MB_SLICE_NONE, NULL},
        {MB_SLICE("192.0.2"), NULL},
        {MB_SLICE("192.0.2.256"), NULL},
        {MB_SLICE("192.0.2.07"), NULL},
        {MB_SLICE("0xc0.0.2.7"), NULL},
        {MB_SLICE(" 192.0.2.7"), NULL},
        {MB_SLICE("192.0.2.7 "), NULL},
        {MB_SLICE("192.0.2.7\0"), NULL},
        {MB_SLICE("192.0.2.7:80"), NULL},
        {MB_SLICE("[::1]"), NULL},
        {MB_SLICE("fe80::1%eth0"), NULL},
        {MB_SLICE("1::2::3"), NULL},
        {MB_SLICE("unknown"), NULL},
        {MB_SLICE("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_ip ip = {{42}};
        char text[MB_IP_TEXT_MAX];
        bool taken = mb_ip_parse(rows[i].text, &ip);
        if (taken != (rows[i].wanted != NULL) || (!taken && ip.bytes[0] != 42))
            fail_msg("row %zu, '%.*s': taken %d", i, MB_SLICE_ARG(rows[i].text), taken);
        if (taken && !mb_slice_is(mb_ip_text(&ip, text), rows[i].wanted))
            fail_msg("'%.*s' became %s", MB_SLICE_ARG(rows[i].text), text);
    }
}

static void networks_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           "/8",          "10.0.0.0/",   "10.0.0.0/33",  "10.0.0.0/-1",   "10.0.0.0/+8", "10.0.0.0/08",
        "10.0.0.0/8x", "10.0.0.0/ 8", "10.0.0.0/8/8", "10.0.0.1/8",  "10.1.0.0/8",    "::/129",      "::1/127",
        "2001:db8::/16", "::ffff:10.0.0.0/8", "10.0.0/8", "*",       "::ffff:0:0/95",   "10.0.0.0/4294967304",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_cidr cidr = {.bits = 42};
        if (mb_cidr_parse(mb_slice_of(rows[i]), &cidr) || cidr.bits != 42)
            fail_msg("'%s' was taken", rows[i]);
    }
}

static void networks_hold_what_has_their_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *network, *ip;
        bool within;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::10.1.2.3", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/31", "192.0.2.129", true},
        {"192.0.2.128/31", "192.0.2.130", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.7/32", "192.0.2.7", true},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::ffff:203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"::ffff:10.0.0.0/104", "11.0.0.0", false},
        {"::ffff:0:0/96", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::2", false},
        {"8000::/1", "ffff::", true},
        {"8000::/1", "7fff::", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_cidr cidr;
        struct mb_ip ip;
        if (!mb_cidr_parse(mb_slice_of(rows[i].network), &cidr) || !mb_ip_parse(mb_slice_of(rows[i].ip), &ip))
            fail_msg("row %zu does not parse", i);
        if (mb_cidr_contains(&cidr, &ip) != rows[i].within)
            fail_msg("%s in %s: wanted %d", rows[i].ip, rows[i].network, rows[i].within);
    }
}

static void a_list_holds_what_any_of_it_holds(void **state)
{
    (void)state;
    struct mb_cidr items[2];
    struct mb_ip ip;
    assert_true(mb_cidr_parse(MB_SLICE("10.0.0.0/8"), &items[0]));
    assert_true(mb_cidr_parse(MB_SLICE("2001:db8::/32"), &items[1]));
    assert_true(mb_ip_parse(MB_SLICE("2001:db8::9"), &ip));
    assert_true(mb_cidrs_contain((struct mb_cidrs){items, 2}, &ip));
    assert_false(mb_cidrs_contain((struct mb_cidrs){items, 1}, &ip));
    assert_false(mb_cidrs_contain((struct mb_cidrs){0}, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_back_in_their_usual_text),
        cmocka_unit_test(networks_that_are_none_are_refused),
        cmocka_unit_test(networks_hold_what_has_their_prefix),
        cmocka_unit_test(a_list_holds_what_any_of_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
