/* test_address.c - who may be called, and what is no address for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "moonbid/fetch.h"

static struct mb_ip ip_of(const char *text)
{
    struct mb_ip ip;

    if (!mb_ip_parse(mb_slice_of(text), &ip)) {
        fail_msg("%s is no address", text);
    }
    return ip;
}

static void public_addresses_may_be_called_and_no_others(void **state)
{
    static const struct {
        const char *ip;
        bool may;
    } rows[] = {
        {"1.1.1.1", true},          {"9.255.255.255", true},    {"11.0.0.0", true},         {"100.63.255.255", true},
        {"100.128.0.0", true},      {"126.255.255.255", true},  {"128.0.0.1", true},        {"169.253.255.255", true},
        {"172.15.255.255", true},   {"172.32.0.0", true},       {"192.167.255.255", true},  {"192.169.0.0", true},
        {"223.255.255.255", true},  {"2600::1", true},          {"2a00:1450::1", true},     {"::ffff:1.1.1.1", true},
        {"0.0.0.0", false},         {"0.1.2.3", false},         {"10.0.0.0", false},        {"10.255.255.255", false},
        {"100.64.0.1", false},      {"100.127.255.255", false}, {"127.0.0.1", false},       {"127.255.255.255", false},
        {"169.254.169.254", false}, {"172.16.0.1", false},      {"172.31.255.255", false},  {"192.0.0.170", false},
        {"192.0.2.1", false},       {"192.168.1.1", false},     {"198.18.0.1", false},      {"198.19.255.255", false},
        {"198.51.100.1", false},    {"203.0.113.1", false},     {"224.0.0.1", false},       {"239.1.2.3", false},
        {"240.0.0.1", false},       {"255.255.255.255", false}, {"::", false},              {"::1", false},
        {"::127.0.0.1", false},     {"::ffff:127.0.0.1", false}, {"::ffff:10.0.0.1", false}, {"64:ff9b::7f00:1", false},
        {"100::1", false},          {"2001::1", false},         {"2001:db8::1", false},     {"2002:7f00:1::", false},
        {"fc00::1", false},         {"fd00:ec2::254", false},   {"fe80::1", false},         {"fec0::1", false},
        {"ff02::1", false},         {"3fff::1", false},         {"4000::1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_ip ip = ip_of(rows[i].ip);

        if (mb_fetch_may_call(&ip, (struct mb_cidrs){0}) != rows[i].may) {
            fail_msg("%s", rows[i].ip);
        }
    }
}

static void networks_of_the_config_may_be_called_too(void **state)
{
    struct mb_cidr network;
    struct mb_ip inside = ip_of("10.1.2.3"), mapped = ip_of("::ffff:10.1.2.3"), outside = ip_of("10.2.0.0");
    struct mb_cidrs allow = {&network, 1};

    (void)state;
    assert_true(mb_cidr_parse(MB_SLICE("10.1.0.0/16"), &network));
    assert_true(mb_fetch_may_call(&inside, allow));
    assert_true(mb_fetch_may_call(&mapped, allow));
    assert_false(mb_fetch_may_call(&outside, allow));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_may_be_called_and_no_others),
        cmocka_unit_test(networks_of_the_config_may_be_called_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
