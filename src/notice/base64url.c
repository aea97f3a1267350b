/* base64url.c - RFC 4648 section 5 without padding, one text for one string of bytes.
 *
 * libsodium's decoder takes bytes from 0x80 up for letters (seen with 1.0.18), so that one token
 * would have several texts. Tokens are public: tables indexed by their characters give nothing
 * away.
 *
 * Every notice URL is one, so with SSE2, which is in every x86-64, twelve bytes are written at a time.
 */
#include <endian.h>

#include "internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__

/* Three bytes as one number. Reads a fourth. */
static int three_bytes(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return (int)(be32toh(word) >> 8);
}

/* Numbers below 64, a byte each, to their letters: each range of the alphabet is that before it, shifted. */
static __m128i letters_of(__m128i numbers)
{
    __m128i out = _mm_add_epi8(numbers, _mm_set1_epi8('A'));
    __m128i small = _mm_cmpgt_epi8(numbers, _mm_set1_epi8(25)), digit = _mm_cmpgt_epi8(numbers, _mm_set1_epi8(51));
    __m128i minus = _mm_cmpeq_epi8(numbers, _mm_set1_epi8(62)), low_line = _mm_cmpeq_epi8(numbers, _mm_set1_epi8(63));
    out = _mm_add_epi8(out, _mm_and_si128(small, _mm_set1_epi8('a' - 26 - 'A')));
    out = _mm_add_epi8(out, _mm_and_si128(digit, _mm_set1_epi8('0' - 52 - ('a' - 26))));
    out = _mm_add_epi8(out, _mm_and_si128(minus, _mm_set1_epi8('-' - 62 - ('0' - 52))));
    return _mm_add_epi8(out, _mm_and_si128(low_line, _mm_set1_epi8('_' - 63 - ('0' - 52))));
}

/* Twelve bytes as sixteen letters. Reads a thirteenth. */
static inline __attribute__((always_inline)) void put_twelve(const uint8_t *bytes, char *out)
{
    __m128i threes = _mm_setr_epi32(three_bytes(bytes), three_bytes(bytes + 3), three_bytes(bytes + 6),
                                    three_bytes(bytes + 9));
    __m128i first = _mm_srli_epi32(threes, 18);
    __m128i second = _mm_and_si128(_mm_srli_epi32(threes, 4), _mm_set1_epi32(0x3f00));
    __m128i third = _mm_and_si128(_mm_slli_epi32(threes, 10), _mm_set1_epi32(0x3f0000));
    __m128i fourth = _mm_and_si128(_mm_slli_epi32(threes, 24), _mm_set1_epi32(0x3f000000));
    __m128i numbers = _mm_or_si128(_mm_or_si128(first, second), _mm_or_si128(third, fourth));
    _mm_storeu_si128((__m128i *)(void *)out, letters_of(numbers));
}

#else

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#endif

size_t mb__notice_to_base64url(const uint8_t *bytes, size_t len, char *out)
{
    size_t n = 0, i = 0;
#ifdef __SSE2__
    for (; len - i > 12; i += 12, n += 16) {
        put_twelve(bytes + i, out + n);
    }
    uint8_t rest[16] = {0}; /* the last bytes with zeros behind them: a letter of zeros alone is none */
    char last[16];
    memcpy(rest, bytes + i, len - i);
    put_twelve(rest, last);
    memcpy(out + n, last, ((len - i) * 4 + 2) / 3);
    return n + ((len - i) * 4 + 2) / 3;
#else
    for (; len - i >= 3; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        out[n++] = letters[bits >> 18];
        out[n++] = letters[bits >> 12 & 63];
        out[n++] = letters[bits >> 6 & 63];
        out[n++] = letters[bits & 63];
    }
    if (len - i == 1) {
        out[n++] = letters[bytes[i] >> 2];
        out[n++] = letters[(bytes[i] & 3) << 4];
    } else if (len - i == 2) {
        out[n++] = letters[bytes[i] >> 2];
        out[n++] = letters[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
        out[n++] = letters[(bytes[i + 1] & 15) << 2];
    }
    return n;
#endif
}

/* What a letter stands for, and one more; 0: it is none. */
static const uint8_t values[256] = {
#define TEN(first, n) [first] = n, [first + 1] = n + 1, [first + 2] = n + 2, [first + 3] = n + 3, [first + 4] = n + 4, \
                      [first + 5] = n + 5, [first + 6] = n + 6, [first + 7] = n + 7, [first + 8] = n + 8, [first + 9] = n + 9
#define SIX(first, n) [first] = n, [first + 1] = n + 1, [first + 2] = n + 2, [first + 3] = n + 3, [first + 4] = n + 4, [first + 5] = n + 5
    TEN('A', 1), TEN('K', 11), SIX('U', 21), TEN('a', 27), TEN('k', 37), SIX('u', 47), TEN('0', 53), ['-'] = 63, ['_'] = 64,
#undef SIX
#undef TEN
};

/* 0..63, or -1. */
static int value_of(char c)
{
    return values[(unsigned char)c] - 1;
}

/* Four letters as three bytes; false where one is none. */
static bool take_four(const char *text, uint8_t *out)
{
    int a = value_of(text[0]), b = value_of(text[1]), c = value_of(text[2]), d = value_of(text[3]);
    uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return (a | b | c | d) >= 0;
}

bool mb__notice_from_base64url(struct mb_slice text, uint8_t *out, size_t *out_len)
{
    size_t n = 0, i = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (; text.len - i >= 4; i += 4, n += 3) {
        if (!take_four(text.data + i, out + n)) {
            return false;
        }
    }
    for (; i < text.len; i++) {
        int value = value_of(text.data[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    *out_len = n;
    return held < 6 && (bits & ((1u << held) - 1)) == 0; /* no lone letter, no stray bits */
}
