/* slice.h - a string from outside: pointer and length, never assumed NUL-terminated.
 *
 * Part of: base.  Depends on: nothing.
 * Threads:  values; no state.
 * Lifetime: a slice borrows its bytes; whoever gives one out says until when.
 */
#ifndef MB_BASE_SLICE_H
#define MB_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `data` NULL means "absent"; `data` set with `len` 0 is an empty string that was there. */
struct mb_slice {
    const char *data;
    size_t len;
};

/* A slice of a string literal. */
#define MB_SLICE(literal) ((struct mb_slice){"" literal, sizeof(literal) - 1})
#define MB_SLICE_NONE ((struct mb_slice){NULL, 0})
/* For printf: "%.*s", MB_SLICE_ARG(s) */
#define MB_SLICE_ARG(s) (int)(s).len, ((s).data ? (s).data : "")

static inline struct mb_slice mb_slice(const char *data, size_t len)
{
    return (struct mb_slice){data, len};
}

/* `text` may be NULL (gives an absent slice). */
static inline struct mb_slice mb_slice_of(const char *text)
{
    return (struct mb_slice){text, text ? strlen(text) : 0};
}

static inline bool mb_slice_present(struct mb_slice s)
{
    return s.data != NULL;
}

static inline bool mb_slice_empty(struct mb_slice s)
{
    return s.len == 0;
}

static inline bool mb_slice_eq(struct mb_slice a, struct mb_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool mb_slice_is(struct mb_slice a, const char *text)
{
    return mb_slice_eq(a, mb_slice_of(text));
}

/* ASCII letters compare without case. */
bool mb_slice_eq_nocase(struct mb_slice a, struct mb_slice b);

/* `a` begins (ends) with `part`; byte for byte. */
bool mb_slice_starts(struct mb_slice a, struct mb_slice part);
bool mb_slice_ends(struct mb_slice a, struct mb_slice part);

/* Without blanks (space, tab, CR, LF) at both ends. */
struct mb_slice mb_slice_trim(struct mb_slice s);

/* Offset of the first `c` / first `part`, or -1. */
long mb_slice_find_char(struct mb_slice s, char c);
long mb_slice_find(struct mb_slice s, struct mb_slice part);

/* Cuts `*rest` at the first `sep`: returns what stood before it and leaves what stands behind;
 * without `sep` returns all and leaves `*rest` absent. Call while mb_slice_present(*rest). */
struct mb_slice mb_slice_cut(struct mb_slice *rest, char sep);

/* A decimal integer that fills the whole slice, sign allowed. False, and *out unchanged, where it
 * is not one or does not fit. */
bool mb_slice_to_i64(struct mb_slice s, int64_t *out);

/* Bytes (1 to 4) of the well-formed UTF-8 sequence that `s` begins with; 0 where it does not begin
 * with one: overlong forms, surrogates and what is past U+10FFFF are not well-formed. */
size_t mb_slice_utf8(struct mb_slice s);

/* Up to eight bytes as they would stand in a word of zeros; for hashes. Copying so few by memcpy is
 * a call, and reading the word behind it waits for the bytes to arrive. */
static inline uint64_t mb_slice_word(const char *bytes, size_t len)
{
    uint64_t word = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (len == sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
    } else if (len >= 4) { /* two halves that overlap are alike where they do */
        uint32_t first, last;
        memcpy(&first, bytes, 4);
        memcpy(&last, bytes + len - 4, 4);
        word = first | (uint64_t)last << (len - 4) * 8;
    } else if (len > 0) {
        word = (uint64_t)(unsigned char)bytes[0] |
               (uint64_t)(unsigned char)bytes[len / 2] << len / 2 * 8 |
               (uint64_t)(unsigned char)bytes[len - 1] << (len - 1) * 8;
    }
#else
    memcpy(&word, bytes, len);
#endif
    return word;
}

/* 64-bit hash for tables in this process (not for anything signed or stored). */
uint64_t mb_slice_hash(struct mb_slice s);

#endif /* MB_BASE_SLICE_H */
