/* cidr.h - IP addresses and networks: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32".
 *
 * Part of: base.
 * An IPv4 address inside IPv6 (::ffff:192.0.2.7) is that IPv4 address, in both directions. The families are apart:
 * "::/0" holds every IPv6 address and no IPv4 address.
 */
#ifndef MB_CIDR_H
#define MB_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "moonbid/base/slice.h"

#define MB_IP_TEXT_MAX 46 /* with the NUL */

struct mb_ip {
    uint8_t bytes[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct mb_cidr {
    struct mb_ip network;
    uint8_t bits; /* of the 16 bytes: an IPv4 /8 has 104 */
};

struct mb_cidrs {
    const struct mb_cidr *items;
    size_t count;
};

/* The whole of `text` as an address without port, brackets or zone. False, and `out` is unchanged, where it is none. */
bool mb_ip_parse(struct mb_slice text, struct mb_ip *out);

/* Writes the usual text with a NUL, IPv4 with dots; gives its slice, into `out`. */
struct mb_slice mb_ip_text(const struct mb_ip *ip, char out[MB_IP_TEXT_MAX]);

/* An address with "/bits", or alone: then of all bits. False, and `out` is unchanged, for another form, and where
 * bits behind the prefix are set: "10.1.0.0/8" is a mistake in either part. */
bool mb_cidr_parse(struct mb_slice text, struct mb_cidr *out);

bool mb_cidr_contains(const struct mb_cidr *cidr, const struct mb_ip *ip);

/* Any of them. O(count). */
bool mb_cidrs_contain(struct mb_cidrs cidrs, const struct mb_ip *ip);

#endif /* MB_CIDR_H */
