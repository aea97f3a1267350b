/* internal.h - what the tokenizer, the view and the writer share.
 *
 * Part of: json, not seen outside of it.
 */
#ifndef MB_JSON_INTERNAL_H
#define MB_JSON_INTERNAL_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "moonbid/json.h"

/* mb_json_token.flags, beside MB__JSON_ESCAPES */
enum {
    MB__JSON_INTEGER = 2, /* a number without fraction and exponent */
    MB__JSON_KEY = 4,     /* a string that is a key */
    MB__JSON_WALK = 8     /* an object whose members are looked for one by one */
};

/* The first byte at or behind `p` that is not plain inside a string: a quote, a backslash, a
 * control byte, a byte of a longer UTF-8 sequence; or `end`. */
static inline const char *mb__json_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const char *const begin = p;
    /* As signed numbers the bytes of longer sequences are below zero, so one comparison finds them
     * and control bytes. */
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                                    _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
        if (end - p < 16 && p < end)
            p = end - 16; /* the rest, together with bytes that are known to be plain */
    }
    if (p > begin)
        return end;
#endif
    /* Eight bytes in a word: subtracting raises the top bit of each byte below the limit (a quote
     * and a backslash are turned into zero first). A borrow can make the byte above a hit look like
     * one too, so only the lowest hit counts, which is the one asked for. */
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        word = le64toh(word);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t hits = (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                         ((word - ones * 0x20) & ~word) | word) &
                        tops;
        if (hits)
            return p + __builtin_ctzll(hits) / 8;
        p += 8;
    }
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return p;
}

/* --- values, for those who look them up --- */

static inline struct mb_json_value mb__json_value_at(struct mb_json *doc, uint32_t token)
{
    return (struct mb_json_value){doc, token, doc->tokens[token].type};
}

static inline struct mb_json_value mb__json_absent(struct mb_json *doc)
{
    return (struct mb_json_value){doc, 0, MB_JSON_NONE};
}

/* The bytes of a token; of a string those between the quotes, escapes as they are. */
static inline struct mb_slice mb__json_raw(const struct mb_json *doc,
                                           const struct mb_json_token *token)
{
    return mb_slice(doc->text.data + token->start, token->end - token->start);
}

static inline void mb__json_count_slip(struct mb_json *doc, enum mb_json_slip slip)
{
    if (doc->slips[slip] < UINT16_MAX)
        doc->slips[slip]++;
}

/* view.c: a string's text, decoded into the arena where it has escapes. */
struct mb_slice mb__json_string(struct mb_json *doc, uint32_t token);

/* --- number.c --- */

/* Reads one number of RFC 8259 at `p`. Gives the byte behind it, or NULL and *wrong at the first
 * byte that does not belong (`end` where the text stops short). */
const char *mb__json_scan_number(const char *p, const char *end, bool *is_integer,
                                 const char **wrong);

/* True where the whole slice is one number. */
bool mb__json_is_number(struct mb_slice text);

/* A number's whole part, exact to the last digit; false beyond 64 bits. `text` must be a number. */
bool mb__json_number_i64(struct mb_slice text, int64_t *out);

/* The nearest double; the decimal sign is '.' in every locale. `text` must be a number, and a byte
 * that cannot continue one (or a NUL) must stand behind it. */
double mb__json_number_f64(struct mb_slice text);

/* Writes a finite double with the fewest digits, as printf rounds, that read back as the same. */
void mb__json_print_f64(double value, char out[32]);

#endif /* MB_JSON_INTERNAL_H */
