/* pen.h - members of an object, written into room that was made for all of them at once.
 *
 * Part of: exchange (private).
 *
 * A bid has some thirty members, most of them constant but for a short value: asking for room and
 * keeping the buffer's length up to date for each costs more than writing them. So who writes one
 * says first what the values need at most, and then only moves a pen. The object has its first
 * member by then, so each begins with a comma.
 */
#ifndef MB_EXCHANGE_PEN_H
#define MB_EXCHANGE_PEN_H

#include <assert.h>

#include "internal.h"

#define PEN static inline __attribute__((always_inline))

struct mb__pen {
    struct mb_buf *buf;
    char *at;
};

enum {
    MB__PEN_KEY = 24,   /* a comma, a key of at most 19 bytes with its quotes, a colon */
    MB__PEN_NUMBER = 20 /* as many digits as 64 bits have, with a sign */
};

/* What a member with that text takes at most. */
PEN size_t mb__pen_room(struct mb_slice text)
{
    return MB__PEN_KEY + 2 + MB_JSON_ESCAPE_ROOM(text.len);
}

/* `room`: for all members until mb__pen_down. */
PEN struct mb__pen mb__pen_up(struct mb_json_writer *w, size_t room)
{
    assert(w->comma >> w->depth & 1);
    mb_xbuf_reserve(w->buf, room);
    return (struct mb__pen){w->buf, w->buf->data + w->buf->len};
}

PEN void mb__pen_down(struct mb__pen *pen)
{
    pen->buf->len = (size_t)(pen->at - pen->buf->data);
    assert(pen->buf->len <= pen->buf->size);
}

/* A constant: its length is one, too. */
PEN void mb__pen_put(struct mb__pen *pen, const char *text)
{
    size_t len = strlen(text);
    memcpy(pen->at, text, len);
    pen->at += len;
}

/* Bytes that are JSON already. */
PEN void mb__pen_raw(struct mb__pen *pen, struct mb_slice json)
{
    memcpy(pen->at, json.data, json.len);
    pen->at += json.len;
}

/* `key`: with what stands around it, ",\"key\":". Nothing for an empty text. */
PEN void mb__pen_text(struct mb__pen *pen, const char *key, struct mb_slice text)
{
    if (mb_slice_empty(text))
        return;
    mb__pen_put(pen, key);
    *pen->at++ = '"';
    pen->at = mb_json_escape(pen->at, text);
    *pen->at++ = '"';
}

/* Nothing for 0. */
PEN void mb__pen_number(struct mb__pen *pen, const char *key, int64_t number)
{
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char digits[MB__PEN_NUMBER], *const end = digits + sizeof digits, *at = end;
    if (number == 0)
        return;
    mb__pen_put(pen, key);
    if (number < 0)
        *pen->at++ = '-';
    for (; rest > 0; rest /= 10)
        *--at = (char)('0' + rest % 10);
    memcpy(pen->at, at, (size_t)(end - at));
    pen->at += end - at;
}

#endif /* MB_EXCHANGE_PEN_H */
