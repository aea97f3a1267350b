/* address.c - "127.0.0.1:8080" and "[::1]:0" to socket addresses, and back. */
#include "internal.h"

#include <arpa/inet.h>
#include <string.h>

bool mb_net_parse_address(const char *address, struct sockaddr_storage *out)
{
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return false;
    bool six = address[0] == '[';
    const char *from = address + (six ? 1 : 0);
    const char *to = colon - (six ? 1 : 0);
    int64_t port = -1;
    if (to <= from || (size_t)(to - from) >= sizeof(host) || (six && *to != ']') ||
        !mb_slice_to_i64(mb_slice_of(colon + 1), &port) || port < 0 || port > 65535)
        return false;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    memset(out, 0, sizeof(*out));
    if (six)
        return uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out) == 0;
    return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out) == 0;
}

void mb__net_ip_text(const struct sockaddr_storage *address, char *out, size_t size)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    out[0] = '\0';
    if (address->ss_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)address, out, size);
    else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        uv_inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, size);
    else if (address->ss_family == AF_INET6)
        uv_ip6_name(six, out, size);
}
