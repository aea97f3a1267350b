/* text.c - values as both protocols write them, and what may be written back. */
#include "internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct mb_slice copy_lower(struct mb_slice text, struct mb_arena *arena)
{
    char *out = mb_xarena_alloc_raw(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        out[i] = lower(text.data[i]);
    }
    out[text.len] = '\0';
    return mb_slice(out, text.len);
}

struct mb_slice mb__exchange_upper(struct mb_slice text, struct mb_arena *arena)
{
    if (!mb_slice_present(text)) {
        return text;
    }
    char *out = mb_xarena_alloc_raw(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        out[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    out[text.len] = '\0';
    return mb_slice(out, text.len);
}

struct mb_slice mb__exchange_trimmed(struct mb_slice text)
{
    if (!mb_slice_present(text)) {
        return text;
    }
    text = mb_slice_trim(text);
    return mb_slice_empty(text) ? MB_SLICE_NONE : text;
}

struct mb_slice mb__exchange_known_id(struct mb_slice id)
{
    id = mb__exchange_filled(id);
    return mb_slice_is(id, "0") || mb_slice_is(id, "-1") ? MB_SLICE_NONE : id;
}

struct mb_slice mb__exchange_language(struct mb_slice text, struct mb_arena *arena)
{
    text = mb__exchange_filled(text);
    if (text.len < 2 || !is_letter(text.data[0]) || !is_letter(text.data[1]) ||
        (text.len > 2 && !memchr("-_,; ", text.data[2], 5))) {
        return MB_SLICE_NONE;
    }
    return copy_lower(mb_slice(text.data, 2), arena);
}

/* How many bytes from `start` on are of a host's name as most are sent: nothing to make lower. */
static size_t plain_host_bytes(struct mb_slice text, size_t start)
{
    size_t i = start;
    while (i < text.len && ((text.data[i] >= 'a' && text.data[i] <= 'z') ||
                            (text.data[i] >= '-' && text.data[i] <= '9' && text.data[i] != '/'))) {
        i++;
    }
    return i - start;
}

/* What stands between a scheme and the path, with a user and a port. */
static struct mb_slice host_of_authority(struct mb_slice host, struct mb_arena *arena)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] == '/' || host.data[i] == '?' || host.data[i] == '#') {
            host.len = i;
        }
    }
    for (size_t i = host.len; i > 0; i--) {
        if (host.data[i - 1] == '@') {
            host = mb_slice(host.data + i, host.len - i);
            break;
        }
    }
    /* The colon of a port, not those inside an IPv6 literal. */
    bool is_literal = mb_slice_starts(host, MB_SLICE("["));
    long end = mb_slice_find_char(host, is_literal ? ']' : ':');
    if (end >= 0) {
        host.len = (size_t)end + is_literal;
    }
    return mb_slice_empty(host) ? MB_SLICE_NONE : copy_lower(host, arena);
}

struct mb_slice mb__exchange_host(struct mb_slice url, struct mb_arena *arena)
{
    url = mb__exchange_filled(url);
    if (!mb_slice_present(url)) {
        return url;
    }
    size_t scheme = 0, start = 0;
    while (scheme < url.len && is_letter(url.data[scheme])) {
        scheme++;
    }
    if (mb_slice_starts(mb_slice(url.data + scheme, url.len - scheme), MB_SLICE("://"))) {
        start = scheme + 3;
    }
    size_t plain = plain_host_bytes(url, start);
    bool ends = start + plain == url.len || memchr("/?#", url.data[start + plain], 3);
    return plain > 0 && ends ? mb_slice(url.data + start, plain)
                             : host_of_authority(mb_slice(url.data + start, url.len - start), arena);
}

struct mb_slices mb__exchange_split(struct mb_slice text, char sep, struct mb_arena *arena)
{
    if (mb_slice_empty(text)) {
        return (struct mb_slices){NULL, 0};
    }
    size_t room = text.len < MB_WIRE_LIST_MAX ? text.len : MB_WIRE_LIST_MAX;
    struct mb_slice *items = mb_xarena_alloc_raw(arena, room * sizeof *items);
    size_t count = 0;
    const char *p = text.data, *const end = p + text.len;
    while (p <= end && count < room) {
        const char *start = p;
        while (p < end && *p != sep) {
            p++;
        }
        struct mb_slice item = mb__exchange_filled(mb_slice(start, (size_t)(p++ - start)));
        if (mb_slice_present(item)) {
            items[count++] = item;
        }
    }
    return (struct mb_slices){items, count};
}

/* The production Char of XML 1.0 for a character of well-formed UTF-8: no control but three, not U+FFFE and U+FFFF. */
static bool is_xml_char(const unsigned char *at, size_t len)
{
    if (len == 1) {
        return at[0] >= 0x20 || at[0] == '\t' || at[0] == '\n' || at[0] == '\r';
    }
    return len != 3 || at[0] != 0xEF || at[1] != 0xBF || at[2] < 0xBE;
}

/* Whether eight bytes are printable ASCII, which nearly all texts are. A borrow between them can only say no. */
static bool are_printable(const unsigned char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return ((word | (word - ones * 0x20)) & ones << 7) == 0;
}

#ifdef __SSE2__
/* The same of sixteen: as signed numbers all others are below a blank. */
static bool are_16_printable(const unsigned char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    return _mm_movemask_epi8(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))) == 0;
}
#endif

/* The last bytes are looked at together with some before them. False for a text of less than eight bytes, too. */
static bool is_surely_printable(struct mb_slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
#ifdef __SSE2__
    if (text.len >= 16) {
        for (size_t i = 0; i < text.len - 16; i += 16) {
            if (!are_16_printable(at + i)) {
                return false;
            }
        }
        return are_16_printable(at + text.len - 16);
    }
#endif
    if (text.len < sizeof(uint64_t)) {
        return false;
    }
    for (size_t i = 0; i < text.len - sizeof(uint64_t); i += sizeof(uint64_t)) {
        if (!are_printable(at + i)) {
            return false;
        }
    }
    return are_printable(at + text.len - sizeof(uint64_t));
}

bool mb__exchange_is_well_formed(struct mb_slice text, bool for_xml)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = is_surely_printable(text) ? 0 : text.len;
    while (left > 0) {
        if (left >= sizeof(uint64_t) && are_printable(at)) {
            at += sizeof(uint64_t);
            left -= sizeof(uint64_t);
            continue;
        }
        size_t len = at[0] < 0x80 ? 1 : mb_slice_utf8(mb_slice((const char *)at, left));
        if (len == 0 || (for_xml && !is_xml_char(at, len))) {
            return false;
        }
        at += len;
        left -= len;
    }
    return true;
}

bool mb__exchange_is_integer(struct mb_slice text)
{
    size_t at = text.len > 0 && text.data[0] == '-';
    if (text.len == at || (text.data[at] == '0' && text.len > at + 1)) {
        return false;
    }
    for (; at < text.len; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') {
            return false;
        }
    }
    return true;
}

/* A text may hold "]]>", which would end its section: the section is closed between "]]" and ">" and a new one
 * opened. */
void mb__exchange_add_cdata(struct mb_buf *buf, struct mb_slice text)
{
    mb_xbuf_add_text(buf, "<![CDATA[");
    for (long end; (end = mb_slice_find(text, MB_SLICE("]]>"))) >= 0;) {
        size_t head = (size_t)end + 2;
        mb_xbuf_add(buf, text.data, head);
        mb_xbuf_add_text(buf, "]]><![CDATA[");
        text = mb_slice(text.data + head, text.len - head);
    }
    mb_xbuf_add_slice(buf, text);
    mb_xbuf_add_text(buf, "]]>");
}

/* What stands for the byte; NULL: itself. */
static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

/* The first byte from `p` on that an entity stands for, or `end`. */
static const char *next_special(const char *p, const char *end)
{
#ifdef __SSE2__
    const char *const begin = p;
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('&')),
                                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('<'))),
                                    _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('>')),
                                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'))));
        unsigned specials = (unsigned)_mm_movemask_epi8(hits);
        if (specials) {
            return p + __builtin_ctz(specials);
        }
        p += 16;
        if (end - p < 16 && p < end) {
            p = end - 16; /* the rest, together with bytes that are known to be none */
        }
    }
    if (p > begin) {
        return end;
    }
#endif
    while (p < end && !entity_of(*p)) {
        p++;
    }
    return p;
}

void mb__exchange_add_escaped(struct mb_buf *buf, struct mb_slice text)
{
    const char *p = text.data, *const end = text.len > 0 ? p + text.len : p;
    while (p < end) {
        const char *special = next_special(p, end);
        mb_xbuf_add(buf, p, (size_t)(special - p));
        if (special == end) {
            return;
        }
        mb_xbuf_add_text(buf, entity_of(*special));
        p = special + 1;
    }
}
