/* Whom X-Forwarded-For names, and whom it may not name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/net.h"

static const char *const trusted_texts[] = {"10.0.0.0/8", "2001:db8:1::/48"};

/* Headers: X-Forwarded-For with each of `lists`, another header between. */
static struct mb_slice client_of(const char *peer, const char *const lists[2], size_t n_trusted, char out[MB_IP_TEXT_MAX])
{
    struct mb_cidr trusted[2];
    struct mb_http_header headers[4];
    struct mb_http_request request = {.headers = headers, .remote_ip = mb_slice_of(peer)};
    for (size_t i = 0; i < 2; i++) {
        assert_true(mb_cidr_parse(mb_slice_of(trusted_texts[i]), &trusted[i]));
        if (lists[i] == NULL)
            continue;
        headers[request.n_headers++] = (struct mb_http_header){MB_SLICE("X-Real-IP"), MB_SLICE("198.51.100.1")};
        headers[request.n_headers++] =
            (struct mb_http_header){i ? MB_SLICE("x-forwarded-for") : MB_SLICE("X-Forwarded-For"), mb_slice_of(lists[i])};
    }
    return mb_http_client_ip(&request, (struct mb_cidrs){trusted, n_trusted}, out);
}

static void right_most_address_that_is_not_trusted_is_the_client(void **state)
{
    (void)state;
    static const struct {
        const char *peer;
        const char *lists[2];
        const char *client;
    } rows[] = {
        {"192.0.2.1", {NULL}, "192.0.2.1"},
        {"192.0.2.1", {"203.0.113.9"}, "192.0.2.1"}, /* not a proxy of ours: invented */
        {"10.0.0.1", {NULL}, "10.0.0.1"},
        {"10.0.0.1", {"203.0.113.9"}, "203.0.113.9"},
        {"10.0.0.1", {"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
        {"10.0.0.1", {"10.0.0.7,203.0.113.9"}, "203.0.113.9"},
        {"10.0.0.1", {"127.0.0.1, 203.0.113.9 , 10.0.0.2,10.0.0.3"}, "203.0.113.9"},
        {"10.0.0.1", {"10.0.0.2, 10.0.0.3"}, "10.0.0.2"},
        {"10.0.0.1", {"127.0.0.1", "203.0.113.9"}, "203.0.113.9"},
        {"10.0.0.1", {"203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
        {"10.0.0.1", {"203.0.113.9:4711"}, "203.0.113.9"},
        {"10.0.0.1", {"[2001:DB8:2::9]:4711"}, "2001:db8:2::9"},
        {"10.0.0.1", {"[2001:db8:2::9]"}, "2001:db8:2::9"},
        {"10.0.0.1", {"2001:db8:2::9"}, "2001:db8:2::9"},
        {"10.0.0.1", {"::ffff:203.0.113.9"}, "203.0.113.9"},
        {"2001:db8:1::7", {"203.0.113.9"}, "203.0.113.9"},
        {"2001:db8:2::7", {"203.0.113.9"}, "2001:db8:2::7"},
        {"10.0.0.1", {"203.0.113.9, unknown"}, "10.0.0.1"},
        {"10.0.0.1", {"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
        {"10.0.0.1", {"203.0.113.9,"}, "10.0.0.1"},
        {"10.0.0.1", {"203.0.113.9,,10.0.0.2"}, "10.0.0.2"},
        {"10.0.0.1", {""}, "10.0.0.1"},
        {"10.0.0.1", {"203.0.113.9", ""}, "10.0.0.1"},
        {"10.0.0.1", {"["}, "10.0.0.1"},
        {"10.0.0.1", {"[]:1"}, "10.0.0.1"},
        {"10.0.0.1", {":"}, "10.0.0.1"},
        {"", {"203.0.113.9"}, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[MB_IP_TEXT_MAX];
        struct mb_slice client = client_of(rows[i].peer, rows[i].lists, 2, out);
        if (!mb_slice_is(client, rows[i].client))
            fail_msg("row %zu: %.*s, wanted %s", i, MB_SLICE_ARG(client), rows[i].client);
    }
}

static void nobody_trusted_is_the_peer(void **state)
{
    (void)state;
    char out[MB_IP_TEXT_MAX];
    const char *lists[2] = {"203.0.113.9", NULL};
    assert_true(mb_slice_is(client_of("10.0.0.1", lists, 0, out), "10.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_most_address_that_is_not_trusted_is_the_client),
        cmocka_unit_test(nobody_trusted_is_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
