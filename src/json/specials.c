/* specials.c - a window of the text is looked at, 64 bytes at a time; see specials.h. */
#include "specials.h"

#include <assert.h>

#include "scan.h"

#define BLOCK 64

static_assert((int)MB__JSON_PAD >= BLOCK && MB__JSON_WINDOW % BLOCK == 0,
              "a block may begin at the last byte");

/* A bit for each byte of a block. */
static inline uint64_t look_at(const char *p)
{
#ifdef __SSE2__
    return mb__json_specials_of_16(p) | (uint64_t)mb__json_specials_of_16(p + 16) << 16 |
           (uint64_t)mb__json_specials_of_16(p + 32) << 32 |
           (uint64_t)mb__json_specials_of_16(p + 48) << 48;
#else
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK; i++) {
        unsigned char c = (unsigned char)p[i];
        bits |= (uint64_t)(c < 0x20 || c >= 0x80 || c == '"' || c == '\\') << i;
    }
    return bits;
#endif
}

/* Fills the list from the next window. */
static void look_ahead(struct mb__json_specials *s)
{
    uint32_t *place = s->places, at = s->seen;
    uint32_t stop = s->end - at < MB__JSON_WINDOW ? s->end + 1 : at + MB__JSON_WINDOW;
    for (; at < stop; at += BLOCK) {
        for (uint64_t bits = look_at(s->text + at); bits; bits &= bits - 1)
            *place++ = at + (uint32_t)__builtin_ctzll(bits);
    }
    place[0] = place[1] = MB__JSON_NO_PLACE;
    s->seen = at;
    s->next = s->places;
}

uint32_t mb__json_special_ahead(struct mb__json_specials *s, uint32_t from)
{
    for (;;) {
        while (*s->next < from)
            s->next++;
        if (*s->next != MB__JSON_NO_PLACE)
            return *s->next++;
        look_ahead(s);
    }
}
