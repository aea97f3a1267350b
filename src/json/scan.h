/* scan.h - where a run of bytes ends, found sixteen bytes at a time.
 *
 * Part of: json (private).
 *
 * Behind a document's text stand MB__JSON_PAD zero bytes (tokenizer.c). A zero ends every run, so
 * no run in it is asked whether the text goes on, and bytes may be read past its end. SSE2 is in
 * every x86-64; elsewhere eight bytes in a word, or one by one.
 */
#ifndef MB_JSON_SCAN_H
#define MB_JSON_SCAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MB__JSON_PAD = 64 };

/* Bytes that are not plain inside a string: a quote, a backslash, a control byte, a byte of a
 * longer UTF-8 sequence. Of a word, the first byte lowest: bit 7 of the first such is set, no bit of those before it.
 *
 * Subtracting raises the top bit of each byte below the limit (a quote and a backslash are turned
 * into zero first). A borrow can make the byte above a hit look like one too, so only the lowest
 * counts, which is the one asked for. */
static inline uint64_t mb__json_specials_of_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
            ((word - ones * 0x20) & ~word) | word) &
           (ones << 7);
}

static inline uint64_t mb__json_specials_of_8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return mb__json_specials_of_word(le64toh(word));
}

#ifdef __SSE2__

/* Of sixteen bytes: a bit each.
 *
 * With bit 1 turned over the quote stands right above the control bytes, and nothing that is plain
 * comes below it. As signed numbers bytes of longer sequences are below zero. So one subtraction
 * leaves all three negative. */
static inline unsigned mb__json_specials_of_16(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i turned = _mm_xor_si128(bytes, _mm_set1_epi8('"' ^ 0x20));
    __m128i below = _mm_subs_epi8(turned, _mm_set1_epi8(0x21));
    __m128i hits = _mm_or_si128(below, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(hits);
}

#endif

/* In any text: the first byte from `p` on that is not plain, or `end`, behind which nothing is
 * read. */
static inline const char *mb__json_skip_plain_until(const char *p, const char *end)
{
#ifdef __SSE2__
    const char *const begin = p;
    while (end - p >= 16) {
        unsigned specials = mb__json_specials_of_16(p);
        if (specials)
            return p + (size_t)__builtin_ctz(specials);
        p += 16;
        if (end - p < 16 && p < end)
            p = end - 16; /* the rest, together with bytes that are known to be plain */
    }
    if (p > begin)
        return end;
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t specials = mb__json_specials_of_8(p);
        if (specials)
            return p + __builtin_ctzll(specials) / 8;
    }
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            break;
    }
    return p;
}

/* In a document's text: the first byte from `i` on that is no digit. */
static inline size_t mb__json_skip_digits(const char *text, size_t i)
{
#ifdef __SSE2__
    /* As signed numbers the digits become the least, and then alone stay below zero. */
    const __m128i least = _mm_set1_epi8((char)(0x80 - '0')), others = _mm_set1_epi8(0x80 - 10);
    for (;; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i digits = _mm_adds_epi8(_mm_add_epi8(bytes, least), others);
        unsigned mask = (unsigned)_mm_movemask_epi8(digits) ^ 0xffff;
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
#else
    while (text[i] >= '0' && text[i] <= '9')
        i++;
    return i;
#endif
}

/* In a document's text: the first byte from `i` on that is no space. */
static inline size_t mb__json_skip_spaces(const char *text, size_t i)
{
#ifdef __SSE2__
    for (;; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i spaces = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
        unsigned mask = (unsigned)_mm_movemask_epi8(spaces) ^ 0xffff;
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
#else
    while (text[i] == ' ')
        i++;
    return i;
#endif
}

/* In a document's text: the first byte from `i` on that is none of JSON's blanks. */
static inline size_t mb__json_skip_blanks(const char *text, size_t i)
{
#ifdef __SSE2__
    for (;; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i spaces = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
        __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(spaces, ends)) ^ 0xffff;
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
#else
    while (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
        i++;
    return i;
#endif
}

#endif /* MB_JSON_SCAN_H */
