/* config_bases.c - the bases of the URLs that we give out: whole, and to be reached from outside.
 *
 * Idea: an exchange that cannot follow a notice URL tells nobody; so what can be known here ends the start.
 */
#include "config_table.h"

#include <string.h>

bool mb__is_loopback(struct mb_slice address)
{
    static const struct mb_slice networks[] = {{"127.0.0.0/8", 11}, {"::1", 3}};
    bool bracketed = mb_slice_starts(address, MB_SLICE("["));
    struct mb_slice rest = bracketed ? mb_slice(address.data + 1, address.len - 1) : address;
    struct mb_slice host = mb_slice_cut(&rest, bracketed ? ']' : ':');
    struct mb_cidr network;
    struct mb_ip ip;
    size_t i;

    for (i = 0; mb_ip_parse(host, &ip) && i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (mb_cidr_parse(networks[i], &network) && mb_cidr_contains(&network, &ip)) {
            return true;
        }
    }
    return mb_slice_eq_nocase(host, MB_SLICE("localhost"));
}

/* Bytes that may stand in a base: what would begin a query, break a header or end a quoted text may not. */
static bool is_base_text(struct mb_slice s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~' || strchr("?#\"<>\\^`{|}", s.data[i])) {
            return false;
        }
    }
    return true;
}

/* What is wrong with it by itself. *host has its port. */
static int check_text(struct mb__table *t, const char *key, struct mb_slice *base, struct mb_slice *host)
{
    size_t scheme = mb_slice_starts(*base, MB_SLICE("https://"))  ? 8
                    : mb_slice_starts(*base, MB_SLICE("http://")) ? 7
                                                                  : 0;
    struct mb_slice rest = mb_slice(base->data + scheme, base->len - scheme);

    *host = mb_slice_cut(&rest, '/');
    if (scheme == 0 || mb_slice_empty(*host) || !is_base_text(*base)) {
        return mb__wrong(t, key, "expected http://HOST or https://HOST, a path behind it allowed");
    }
    while (mb_slice_ends(*base, MB_SLICE("/"))) {
        base->len--;
    }
    return 0;
}

int mb__check_base(struct mb__table *t, const char *key, struct mb_slice *base)
{
    const struct mb_slices *listen = &t->config->listen;
    struct mb_slice host;
    size_t i;
    int rc = check_text(t, key, base, &host);

    for (i = 0; !rc && i < listen->count; i++) {
        if (mb__is_loopback(host) && !mb__is_loopback(listen->items[i])) {
            return mb__wrong(t, key, "is a loopback address, but listen (%.*s) is not: nobody outside could follow it",
                         MB_SLICE_ARG(listen->items[i]));
        }
    }
    return rc;
}
