/* slice.c - searching, cutting and converting borrowed strings. Nothing here allocates or reads a
 * locale. */
#include "moonbid/base/slice.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool mb_slice_eq_nocase(struct mb_slice a, struct mb_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] != b.data[i] && lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool mb_slice_starts(struct mb_slice a, struct mb_slice part)
{
    return part.len == 0 || (a.len >= part.len && memcmp(a.data, part.data, part.len) == 0);
}

bool mb_slice_ends(struct mb_slice a, struct mb_slice part)
{
    return part.len == 0 ||
           (a.len >= part.len && memcmp(a.data + a.len - part.len, part.data, part.len) == 0);
}

struct mb_slice mb_slice_trim(struct mb_slice s)
{
    while (s.len && is_blank(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

long mb_slice_find_char(struct mb_slice s, char c)
{
    const char *found = s.len ? memchr(s.data, c, s.len) : NULL;
    return found ? (long)(found - s.data) : -1;
}

long mb_slice_find(struct mb_slice s, struct mb_slice part)
{
    if (part.len == 0)
        return 0;
    const char *found = s.len ? memmem(s.data, s.len, part.data, part.len) : NULL;
    return found ? (long)(found - s.data) : -1;
}

struct mb_slice mb_slice_cut(struct mb_slice *rest, char sep)
{
    struct mb_slice whole = *rest;
    long at = mb_slice_find_char(whole, sep);
    if (at < 0) {
        *rest = MB_SLICE_NONE;
        return whole;
    }
    size_t head = (size_t)at;
    *rest = mb_slice(whole.data + head + 1, whole.len - head - 1);
    return mb_slice(whole.data, head);
}

bool mb_slice_to_i64(struct mb_slice s, int64_t *out)
{
    size_t i = 0;
    bool negative = s.len && s.data[0] == '-';
    if (s.len && (s.data[0] == '-' || s.data[0] == '+'))
        i++;
    if (i == s.len)
        return false;
    int64_t value = 0;
    for (; i < s.len; i++) {
        int digit = s.data[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        /* Counted downwards: INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

size_t mb_slice_utf8(struct mb_slice s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.data;
    if (p[0] < 0x80)
        return 1;
    /* What the second byte may be keeps out overlong forms, surrogates and everything past
     * U+10FFFF. */
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if ((p[0] & 0xf0) == 0xe0) {
        len = 3;
        if (p[0] == 0xe0)
            low = 0xa0;
        else if (p[0] == 0xed)
            high = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        if (p[0] == 0xf0)
            low = 0x90;
        else if (p[0] == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (s.len < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

/* Eight bytes at a time, each mixed in by a multiplication; the shifts carry high bits down to
 * where a table of a power of two looks. */
uint64_t mb_slice_hash(struct mb_slice s)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = s.len * odd;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.data + i, sizeof(word));
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    hash = (hash ^ mb_slice_word(s.data + i, s.len - i)) * odd;
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ (hash >> 32);
}
