/* escape.c - a text as the inside of a JSON string, written where there is room for the worst.
 *
 * Sixteen bytes are copied before it is known whether all of them are plain: what is not is written
 * over. Nothing asks for room in between.
 */
#include <endian.h>

#include "internal.h"
#include "scan.h"

/* A byte that may not stand in a string as it is. */
static char *put_escape(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = c < 0x20 ? letters[c] : (char)c;
    *out++ = '\\';
    if (letter) {
        *out++ = letter;
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = hex[c >> 4];
    out[4] = hex[c & 15];
    return out + 5;
}

/* The byte at *p, which is not plain, or the longer sequence that begins with it; moves *p behind. */
static inline char *put_special(char *out, const char **p, const char *end)
{
    unsigned char c = (unsigned char)**p;
    if (c < 0x80) {
        (*p)++;
        return put_escape(out, c);
    }
    size_t len = mb_slice_utf8(mb_slice(*p, (size_t)(end - *p)));
    if (len == 0) { /* U+FFFD */
        (*p)++;
        memcpy(out, "\xef\xbf\xbd", 3);
        return out + 3;
    }
    memcpy(out, *p, len);
    *p += len;
    return out + len;
}

static inline void put_word(char *out, uint64_t word)
{
    word = htole64(word);
    memcpy(out, &word, sizeof(word));
}

char *mb_json_escape(char *out, struct mb_slice s)
{
    const char *p = s.data, *const end = s.len ? p + s.len : p;
    while (p < end) {
        size_t rest = (size_t)(end - p), plain;
#ifdef __SSE2__
        if (rest >= 16) {
            unsigned specials = mb__json_specials_of_16(p);
            memcpy(out, p, 16);
            plain = specials ? (size_t)__builtin_ctz(specials) : 16;
            p += plain;
            out += plain;
            if (specials)
                out = put_special(out, &p, end);
            continue;
        }
#endif
        rest = rest < 8 ? rest : 8;
        uint64_t word = le64toh(mb_slice_word(p, rest)), specials = mb__json_specials_of_word(word);
        if (rest < 8)
            specials &= (UINT64_C(1) << 8 * rest) - 1;
        put_word(out, word);
        plain = specials ? (size_t)__builtin_ctzll(specials) / 8 : rest;
        p += plain;
        out += plain;
        if (specials)
            out = put_special(out, &p, end);
    }
    return out;
}
