/* buf.h - a growing byte buffer for what is being written: answers, URLs, log lines.
 *
 * Part of: base.  Depends on: slice.
 * Threads:  one owner.
 * Lifetime: zeroed (or mb_buf_init) -> append ... clear ... -> fini. Keeps its memory over a clear, so a
 *           warm buffer allocates nothing.
 */
#ifndef MB_BASE_BUF_H
#define MB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

struct mb_buf {
    char *data;  /* NULL while nothing was written */
    size_t len;  /* bytes written */
    size_t size; /* bytes owned */
};

void mb_buf_init(struct mb_buf *buf);
void mb_buf_fini(struct mb_buf *buf); /* frees; safe on zeroed and twice */

/* Forgets the content, keeps the memory. */
static inline void mb_buf_clear(struct mb_buf *buf)
{
    buf->len = 0;
}

static inline struct mb_slice mb_buf_slice(const struct mb_buf *buf)
{
    return (struct mb_slice){buf->data ? buf->data : "", buf->len};
}

/* All appenders abort when the system has no memory; amortised O(bytes). */
void mb_xbuf_grow(struct mb_buf *buf, size_t more_bytes); /* the slow half of the next one */

/* Answers are made of hundreds of small pieces: while there is room, a piece is no call. */
static inline void mb_xbuf_reserve(struct mb_buf *buf, size_t more_bytes)
{
    if (__builtin_expect(buf->size - buf->len < more_bytes, 0)) {
        mb_xbuf_grow(buf, more_bytes);
    }
}

static inline void mb_xbuf_add(struct mb_buf *buf, const void *data, size_t len)
{
    if (len > 0) {
        mb_xbuf_reserve(buf, len);
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
}

static inline void mb_xbuf_add_slice(struct mb_buf *buf, struct mb_slice s)
{
    mb_xbuf_add(buf, s.data, s.len);
}

static inline void mb_xbuf_add_text(struct mb_buf *buf, const char *text) /* NUL-terminated */
{
    mb_xbuf_add(buf, text, strlen(text));
}

static inline void mb_xbuf_add_char(struct mb_buf *buf, char c)
{
    mb_xbuf_reserve(buf, 1);
    buf->data[buf->len++] = c;
}
void mb_xbuf_add_i64(struct mb_buf *buf, int64_t value); /* decimal digits */
void mb_xbuf_add_u64(struct mb_buf *buf, uint64_t value);
void mb_xbuf_printf(struct mb_buf *buf, const char *fmt, ...) MB_PRINTF(2, 3);

/* Appends `s` percent-encoded for use inside a query value or path segment: all but
 * A-Z a-z 0-9 - . _ ~ becomes %XX (upper case). */
void mb_xbuf_add_urlencoded(struct mb_buf *buf, struct mb_slice s);

/* Appends `s` in base64 (RFC 4648, section 4), padded. */
void mb_xbuf_add_base64(struct mb_buf *buf, struct mb_slice s);

/* Appends `s` percent-decoded; '+' becomes a blank where `plus_is_blank`; a broken %X stays as it is. */
void mb_xbuf_add_urldecoded(struct mb_buf *buf, struct mb_slice s, bool plus_is_blank);

#endif /* MB_BASE_BUF_H */
