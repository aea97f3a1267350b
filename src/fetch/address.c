/* address.c - whom we call: nobody who is not on the public Internet.
 *
 * A trader's URL, or a redirect of whoever answers it, must not reach what only this machine
 * reaches: its own admin listener, a database beside it, a cloud's metadata service.
 */
#include "moonbid/fetch.h"

/* IANA's special-purpose registries (RFC 6890 and later) as far as they are not public. */
static const char *const not_public[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "2001::/23",     "2001:db8::/32",   "2002::/16",      "3fff::/20",
};

static bool is_in(const struct mb_ip *ip, const char *network)
{
    struct mb_cidr cidr;

    return mb_cidr_parse(mb_slice_of(network), &cidr) && mb_cidr_contains(&cidr, ip);
}

bool mb_fetch_may_call(const struct mb_ip *ip, struct mb_cidrs allow)
{
    size_t i;

    if (mb_cidrs_contain(allow, ip)) {
        return true;
    }
    /* Of IPv6 only 2000::/3 is given out; all else is local, mapped, or nobody's. */
    if (!is_in(ip, "0.0.0.0/0") && !is_in(ip, "2000::/3")) {
        return false;
    }
    for (i = 0; i < sizeof(not_public) / sizeof(not_public[0]); i++) {
        if (is_in(ip, not_public[i])) {
            return false;
        }
    }
    return true;
}
