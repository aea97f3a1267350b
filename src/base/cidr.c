/* cidr.c - IP addresses and networks.
 *
 * Both families are 16 bytes with IPv4 at ::ffff:0:0/96, as sockets map it, so one comparison of leading bits serves
 * both. What that would mix up is kept apart by one test: a network whose prefix is shorter than those 96 bits holds
 * IPv6 only.
 */
#include "moonbid/base/cidr.h"

#include <arpa/inet.h>

#define MAPPED_BITS 96

static const uint8_t mapped[MAPPED_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct mb_ip *ip)
{
    return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

bool mb_ip_parse(struct mb_slice text, struct mb_ip *out)
{
    char copy[MB_IP_TEXT_MAX];
    struct mb_ip ip;
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    memcpy(ip.bytes, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, copy, ip.bytes + sizeof(mapped)) != 1 && inet_pton(AF_INET6, copy, ip.bytes) != 1)
        return false;
    *out = ip;
    return true;
}

struct mb_slice mb_ip_text(const struct mb_ip *ip, char out[MB_IP_TEXT_MAX])
{
    if (is_mapped(ip))
        inet_ntop(AF_INET, ip->bytes + sizeof(mapped), out, MB_IP_TEXT_MAX);
    else
        inet_ntop(AF_INET6, ip->bytes, out, MB_IP_TEXT_MAX);
    return mb_slice_of(out);
}

/* The first `bits` are equal. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool is_clear_behind(const struct mb_ip *ip, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if (ip->bytes[i / 8] & 0x80u >> i % 8)
            return false;
    }
    return true;
}

/* "0" to "128": digits only, no leading zero. */
static bool parse_bits(struct mb_slice text, unsigned most, unsigned *out)
{
    int64_t bits;
    if (text.len == 0 || text.len > 3 || text.data[0] < '0' || text.data[0] > '9' ||
        (text.data[0] == '0' && text.len > 1) || !mb_slice_to_i64(text, &bits) || bits > most)
        return false;
    *out = (unsigned)bits;
    return true;
}

bool mb_cidr_parse(struct mb_slice text, struct mb_cidr *out)
{
    struct mb_slice rest = text;
    struct mb_slice address = mb_slice_cut(&rest, '/');
    struct mb_ip ip;
    if (!mb_ip_parse(address, &ip))
        return false;
    /* Written in IPv6's way a mapped network counts its bits in IPv6's way. */
    bool dotted = is_mapped(&ip) && mb_slice_find_char(address, ':') < 0;
    unsigned before = dotted ? MAPPED_BITS : 0, bits = 128 - before;
    if (mb_slice_present(rest) && !parse_bits(rest, 128 - before, &bits))
        return false;
    if (!is_clear_behind(&ip, before + bits))
        return false;
    *out = (struct mb_cidr){.network = ip, .bits = (uint8_t)(before + bits)};
    return true;
}

bool mb_cidr_contains(const struct mb_cidr *cidr, const struct mb_ip *ip)
{
    if (cidr->bits < MAPPED_BITS && is_mapped(ip))
        return false;
    return same_prefix(cidr->network.bytes, ip->bytes, cidr->bits);
}

bool mb_cidrs_contain(struct mb_cidrs cidrs, const struct mb_ip *ip)
{
    for (size_t i = 0; i < cidrs.count; i++) {
        if (mb_cidr_contains(&cidrs.items[i], ip))
            return true;
    }
    return false;
}
