/* forwarded.c - who called, when proxies stand between (X-Forwarded-For).
 *
 *     X-Forwarded-For: invented, client, proxy 1      TCP peer: proxy 2
 *                                <------ read in this direction ------
 *
 * Each proxy appends whom it was called by, so only what trusted ones have appended is true. Repeated headers are one
 * list (RFC 9110, 5.3).
 */
#include "internal.h"

/* Takes the list's last entry off; false where nothing is left. */
static bool take_last(struct mb_slice *list, struct mb_slice *entry)
{
    if (!mb_slice_present(*list))
        return false;
    size_t at = list->len;
    while (at > 0 && list->data[at - 1] != ',')
        at--;
    *entry = mb_slice_trim(mb_slice(list->data + at, list->len - at));
    *list = at > 0 ? mb_slice(list->data, at - 1) : MB_SLICE_NONE;
    return true;
}

/* "192.0.2.7", "192.0.2.7:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711". */
static bool parse_entry(struct mb_slice entry, struct mb_ip *out)
{
    long colon = mb_slice_find_char(entry, ':');
    if (mb_slice_starts(entry, MB_SLICE("["))) {
        long end = mb_slice_find_char(entry, ']');
        return end > 0 && mb_ip_parse(mb_slice(entry.data + 1, (size_t)end - 1), out);
    }
    if (colon >= 0 && mb_slice_find_char(mb_slice(entry.data + colon + 1, entry.len - (size_t)colon - 1), ':') < 0)
        entry.len = (size_t)colon;
    return mb_ip_parse(entry, out);
}

struct mb_slice mb_http_client_ip(const struct mb_http_request *request, struct mb_cidrs trusted, char out[MB_IP_TEXT_MAX])
{
    struct mb_slice list = MB_SLICE_NONE, entry;
    struct mb_ip ip;
    if (trusted.count == 0 || !mb_ip_parse(request->remote_ip, &ip))
        return request->remote_ip;
    size_t next = request->n_headers;
    while (mb_cidrs_contain(trusted, &ip)) {
        while (!mb_slice_present(list) && next > 0) {
            if (mb_slice_eq_nocase(request->headers[--next].name, MB_SLICE("x-forwarded-for")))
                list = request->headers[next].value;
        }
        if (!take_last(&list, &entry) || !parse_entry(entry, &ip))
            break;
    }
    return mb_ip_text(&ip, out);
}
