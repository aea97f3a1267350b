/* specials.h - the bytes of a text at which a string may end, found ahead.
 *
 * Part of: json (private).
 *
 * Looking for a string's end from its beginning makes each step of the tokenizer wait for the one
 * before: load, compare, count, only then is known where the next key is looked for. So bytes that
 * are not plain inside a string (a quote, a backslash, a control byte, a byte of a longer UTF-8
 * sequence) are found in all of the text before it is walked through, and for each byte a bit is
 * put down. A string without escapes is then two bits that follow each other.
 */
#ifndef MB_JSON_SPECIALS_H
#define MB_JSON_SPECIALS_H

#include <stddef.h>
#include <stdint.h>

#include "moonbid/base.h"

enum { MB__JSON_BLOCK = 64 }; /* bytes of the text that share a word */

/* Bit i % 64 of word i / 64 is that of byte i. The first of the zeros behind the text has one too,
 * so that there is always a next one.
 *
 * Wants: text  with MB__JSON_PAD zeros behind it. */
const uint64_t *mb__json_specials(struct mb_arena *arena, struct mb_slice text);

/* Where a special is, and those behind it in its block. */
struct mb__json_special {
    size_t at;
    uint64_t behind;
};

/* The first from `from` on, which must not be past the end. */
static inline struct mb__json_special mb__json_special_from(const uint64_t *specials, size_t from)
{
    const uint64_t *word = specials + from / MB__JSON_BLOCK;
    uint64_t bits = *word & UINT64_MAX << from % MB__JSON_BLOCK;
    while (!bits)
        bits = *++word;
    return (struct mb__json_special){.at = (size_t)(word - specials) * MB__JSON_BLOCK +
                                           (unsigned)__builtin_ctzll(bits),
                                     .behind = bits & (bits - 1)};
}

#endif /* MB_JSON_SPECIALS_H */
