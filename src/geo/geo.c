/* geo.c - from an address to a place.
 *
 * The texts of an answer point into the database's memory (file.c), so nothing is copied. Addresses
 * are parsed here and looked up in binary: MMDB_lookup_string would call getaddrinfo,
 * MMDB_get_value would allocate. An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) counts as IPv4
 * whatever aliases the database has.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    struct mb_slice bytes; /* 4 or 16, within this struct */
};

/* Four numbers up to 255, none with a zero before it: what inet_pton takes, in a third of its time.
 */
static bool parse_v4(struct mb_slice text, struct in_addr *out)
{
    unsigned char bytes[4];
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        unsigned number = 0;
        if (i > 0 && (at == text.len || text.data[at++] != '.')) {
            return false;
        }
        size_t start = at;
        for (; at < text.len && at < start + 3; at++) {
            unsigned digit = (unsigned)(unsigned char)text.data[at] - '0';
            if (digit > 9) {
                break;
            }
            number = number * 10 + digit;
        }
        if (at == start || number > 255 || (text.data[start] == '0' && at > start + 1)) {
            return false;
        }
        bytes[i] = (unsigned char)number;
    }
    memcpy(out, bytes, sizeof bytes);
    return at == text.len;
}

/* *is_v4: it is an IPv4 address in IPv6 clothes, and *inner that. */
static bool parse_v6(struct mb_slice text, struct in6_addr *out, bool *is_v4, struct in_addr *inner)
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len >= sizeof terminated) {
        return false;
    }
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = 0;
    if (memchr(text.data, 0, text.len) || inet_pton(AF_INET6, terminated, out) != 1) {
        return false;
    }
    *is_v4 = IN6_IS_ADDR_V4MAPPED(out);
    memcpy(inner, &out->s6_addr[12], sizeof *inner);
    return true;
}

static bool parse_address(struct mb_slice text, struct address *out)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v4 = mb_slice_find_char(text, ':') < 0;
    if (!(is_v4 ? parse_v4(text, &v4) : parse_v6(text, &v6, &is_v4, &v4))) {
        return false;
    }
    memset(out, 0, sizeof *out);
    if (is_v4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_addr = v4;
        out->bytes = mb_slice((const char *)&out->v4.sin_addr, sizeof out->v4.sin_addr);
    } else {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_addr = v6;
        out->bytes = mb_slice((const char *)&out->v6.sin6_addr, sizeof out->v6.sin6_addr);
    }
    return true;
}

struct mb_geo *mb__geo_new(void)
{
    struct mb_geo *geo = calloc(1, sizeof *geo);
    if (!geo) {
        abort();
    }
    return geo;
}

struct mb_geo *mb_xgeo_table(void)
{
    struct mb_geo *geo = mb__geo_new();
    geo->is_table = true;
    return geo;
}

void mb_xgeo_put(struct mb_geo *geo, struct mb_slice ip, struct mb_slice country)
{
    struct address address;
    if (!parse_address(ip, &address)) {
        return; /* no look-up could ever ask for it */
    }
    char *text = strndup(country.data ? country.data : "", country.len);
    if (!text) {
        abort();
    }
    free(mb_xmap_put(&geo->table, address.bytes, text));
}

void mb_geo_close(struct mb_geo *geo)
{
    if (!geo) {
        return;
    }
    if (geo->is_table) {
        size_t at = 0;
        const struct mb_map_entry *entry;
        while ((entry = mb_map_next(&geo->table, &at))) {
            free(entry->value);
        }
        mb_map_fini(&geo->table);
    } else {
        MMDB_close(&geo->db);
        close(geo->fd);
    }
    free(geo);
}

static struct mb_slice text_at(MMDB_entry_s *entry, const char *const *path)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        return MB_SLICE_NONE;
    }
    return mb_slice(data.utf8_string, data.data_size);
}

static struct mb_slice first_text_of(MMDB_entry_s *entry, const char *const *path,
                                     const char *const *other_path)
{
    struct mb_slice text = text_at(entry, path);
    return mb_slice_present(text) ? text : text_at(entry, other_path);
}

/* The rest of the engine compares countries byte for byte. */
static struct mb_slice alpha2_or_none(struct mb_slice s)
{
    bool ok =
        s.len == 2 && s.data[0] >= 'A' && s.data[0] <= 'Z' && s.data[1] >= 'A' && s.data[1] <= 'Z';
    return ok ? s : MB_SLICE_NONE;
}

struct mb_slice mb__geo_country(MMDB_entry_s *entry)
{
    /* Nested as MaxMind has it; flat as in the free databases. */
    static const char *const country[] = {"country", "iso_code", NULL};
    static const char *const flat[] = {"country_code", NULL};
    return alpha2_or_none(first_text_of(entry, country, flat));
}

static bool degrees_at(MMDB_entry_s *entry, const char *const *path, double *out)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        (data.type != MMDB_DATA_TYPE_DOUBLE && data.type != MMDB_DATA_TYPE_FLOAT)) {
        return false;
    }
    *out = data.type == MMDB_DATA_TYPE_DOUBLE ? data.double_value : (double)data.float_value;
    return *out >= -180 && *out <= 180; /* NaN is neither */
}

static bool has_location(MMDB_entry_s *entry, double *lat, double *lon)
{
    static const char *const nested_lat[] = {"location", "latitude", NULL};
    static const char *const nested_lon[] = {"location", "longitude", NULL};
    static const char *const flat_lat[] = {"latitude", NULL};
    static const char *const flat_lon[] = {"longitude", NULL};
    return (degrees_at(entry, nested_lat, lat) && degrees_at(entry, nested_lon, lon)) ||
           (degrees_at(entry, flat_lat, lat) && degrees_at(entry, flat_lon, lon));
}

static struct mb_geo_answer read_record(MMDB_entry_s *entry)
{
    static const char *const region[] = {"subdivisions", "0", "iso_code", NULL};
    static const char *const city[] = {"city", "names", "en", NULL};
    static const char *const flat_city[] = {"city", NULL};
    static const char *const zip[] = {"postal", "code", NULL};
    static const char *const flat_zip[] = {"postcode", NULL};
    struct mb_geo_answer answer = {.country = mb__geo_country(entry),
                                   .region = text_at(entry, region),
                                   .city = first_text_of(entry, city, flat_city),
                                   .zip = first_text_of(entry, zip, flat_zip)};
    answer.has_location = has_location(entry, &answer.lat, &answer.lon);
    return answer;
}

struct mb_geo_answer mb_geo_look_up(const struct mb_geo *geo, struct mb_slice ip)
{
    struct mb_geo_answer answer = {0};
    struct address address;
    int failure = MMDB_SUCCESS;

    if (!geo || !parse_address(ip, &address)) {
        return answer;
    }
    if (geo->is_table) {
        answer.country = alpha2_or_none(mb_slice_of(mb_map_get(&geo->table, address.bytes)));
        return answer;
    }
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&geo->db, &address.any, &failure);
    if (failure == MMDB_SUCCESS && found.found_entry) {
        answer = read_record(&found.entry);
    }
    return answer;
}
