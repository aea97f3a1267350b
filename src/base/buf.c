/* buf.c - a buffer that doubles, and the two encodings of URLs. */
#include "moonbid/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FIRST_BYTES 256

void mb_buf_init(struct mb_buf *buf)
{
    *buf = (struct mb_buf){0};
}

void mb_buf_fini(struct mb_buf *buf)
{
    free(buf->data);
    *buf = (struct mb_buf){0};
}

void mb_xbuf_grow(struct mb_buf *buf, size_t more_bytes)
{
    size_t needed;
    if (__builtin_add_overflow(buf->len, more_bytes, &needed) || needed > SIZE_MAX / 2)
        abort();
    size_t size = buf->size ? buf->size : FIRST_BYTES;
    while (size < needed)
        size *= 2;
    buf->data = mb__base_xrealloc(buf->data, size);
    buf->size = size;
}

void mb_xbuf_add_i64(struct mb_buf *buf, int64_t value)
{
    if (value < 0) {
        mb_xbuf_add_char(buf, '-');
        mb_xbuf_add_u64(buf, 0 - (uint64_t)value);
    } else {
        mb_xbuf_add_u64(buf, (uint64_t)value);
    }
}

void mb_xbuf_add_u64(struct mb_buf *buf, uint64_t value)
{
    char digits[20]; /* 2^64 - 1 has twenty */
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    mb_xbuf_add(buf, digits + at, sizeof(digits) - at);
}

void mb_xbuf_printf(struct mb_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        abort();
    mb_xbuf_reserve(buf, (size_t)len + 1); /* vsnprintf wants room for its NUL */
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void mb_xbuf_add_urlencoded(struct mb_buf *buf, struct mb_slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (is_unreserved(c)) {
            mb_xbuf_add_char(buf, c);
        } else {
            unsigned char byte = (unsigned char)c;
            char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
            mb_xbuf_add(buf, escape, sizeof(escape));
        }
    }
}

void mb_xbuf_add_base64(struct mb_buf *out, struct mb_slice text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < text.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (i + k < text.len ? (unsigned char)text.data[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            char letter = letters[bits >> (18 - 6 * k) & 63];
            mb_xbuf_add_char(out, i + k > text.len ? '=' : letter);
        }
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void mb_xbuf_add_urldecoded(struct mb_buf *buf, struct mb_slice s, bool plus_is_blank)
{
    mb_xbuf_reserve(buf, s.len);
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '%' && s.len - i > 2) {
            int high = hex_digit(s.data[i + 1]);
            int low = hex_digit(s.data[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        mb_xbuf_add_char(buf, c);
    }
}
