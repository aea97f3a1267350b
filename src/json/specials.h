/* specials.h - the bytes of a text at which a string may end, found ahead.
 *
 * Part of: json (private).
 *
 * Looking for a string's end from its beginning makes each step of the tokenizer wait for the one
 * before: load, compare, count, only then is known where the next key is looked for. So bytes that
 * are not plain inside a string (a quote, a backslash, a control byte, a byte of a longer UTF-8
 * sequence) are found for some hundreds of bytes at once, in whatever they stand, and their places
 * put down in a list. A string without escapes has its two quotes beside each other in it. That
 * takes as many instructions and a quarter less time.
 */
#ifndef MB_JSON_SPECIALS_H
#define MB_JSON_SPECIALS_H

#include <stdint.h>

enum { MB__JSON_WINDOW = 512 }; /* bytes that are looked at together */

#define MB__JSON_NO_PLACE UINT32_MAX

struct mb__json_specials {
    const char
        *text;      /* with MB__JSON_PAD zeros behind it: the first of them is one of these bytes */
    uint32_t end;   /* where that stands */
    uint32_t seen;  /* so far the text was looked at */
    uint32_t *next; /* in the list */
    uint32_t places[MB__JSON_WINDOW + 2]; /* in order, then MB__JSON_NO_PLACE twice */
};

static inline void mb__json_specials_init(struct mb__json_specials *s, const char *text,
                                          uint32_t len)
{
    s->text = text;
    s->end = len;
    s->seen = 0;
    s->next = s->places;
    s->places[0] = s->places[1] = MB__JSON_NO_PLACE;
}

/* The first of these bytes from `from` on, which must not be past the end, nor before an earlier
 * answer. */
uint32_t mb__json_special_ahead(struct mb__json_specials *s, uint32_t from);

/* The same for what is behind a quote, that mostly stands next in the list. */
static inline uint32_t mb__json_special_behind(struct mb__json_specials *s, uint32_t quote)
{
    uint32_t *next = s->next;
    if (__builtin_expect(next[0] != quote || next[1] == MB__JSON_NO_PLACE, 0))
        return mb__json_special_ahead(s, quote + 1);
    s->next = next + 2;
    return next[1];
}

#endif /* MB_JSON_SPECIALS_H */
