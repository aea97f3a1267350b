/* specials.c - a text is looked at, 64 bytes at a time; see specials.h. */
#include "specials.h"

#include <assert.h>

#include "scan.h"

static_assert((int)MB__JSON_PAD >= MB__JSON_BLOCK, "a block may begin at the last byte");

/* A bit for each byte of a block. */
static inline uint64_t look_at(const char *p)
{
#ifdef __SSE2__
    return mb__json_specials_of_16(p) | (uint64_t)mb__json_specials_of_16(p + 16) << 16 |
           (uint64_t)mb__json_specials_of_16(p + 32) << 32 |
           (uint64_t)mb__json_specials_of_16(p + 48) << 48;
#else
    uint64_t bits = 0;
    for (int i = 0; i < MB__JSON_BLOCK; i++) {
        unsigned char c = (unsigned char)p[i];
        bits |= (uint64_t)(c < 0x20 || c >= 0x80 || c == '"' || c == '\\') << i;
    }
    return bits;
#endif
}

const uint64_t *mb__json_specials(struct mb_arena *arena, struct mb_slice text)
{
    size_t blocks = text.len / MB__JSON_BLOCK + 1; /* the zero that ends the text in the last */
    uint64_t *bits = mb_xarena_alloc_raw(arena, blocks * sizeof(*bits));
    for (size_t i = 0; i < blocks; i++)
        bits[i] = look_at(text.data + i * MB__JSON_BLOCK);
    return bits;
}
