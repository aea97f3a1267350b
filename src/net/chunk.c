/* chunk.c - a body in chunks (RFC 9112, 7.1), joined where it lies.
 *
 *   size [ ";" name [ "=" value ] ]... CRLF  data CRLF  ...  "0" CRLF  [ trailer CRLF ]...  CRLF
 *
 * llhttp has a decoder of its own, but that of 8.1 refuses quoted values and a second extension,
 * and takes a bare CR or LF in places; with this one what is taken is what the RFC says. Extensions
 * and trailers are checked and thrown away. The optional blanks of the grammar ("bad whitespace")
 * are refused.
 */
#include "internal.h"

#include <string.h>

static bool is_token_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* What may stand in a header value or a quoted string. */
static bool is_text_char(unsigned char c)
{
    return (c >= ' ' && c != 0x7f) || c == '\t';
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind something in the size line that is whole: another extension, the line's end, or
 * `otherwise`. */
static enum mb__net_chunk behind_part(unsigned char c, enum mb__net_chunk otherwise)
{
    if (c == ';')
        return MB__NET_CHUNK_NAME_FIRST;
    return c == '\r' ? MB__NET_CHUNK_SIZE_LF : otherwise;
}

static enum mb__net_chunk step_size(struct mb__net_message *msg, unsigned char c)
{
    int digit = hex_value(c);
    if (digit < 0)
        return msg->chunk == MB__NET_CHUNK_SIZE_FIRST ? MB__NET_CHUNK_BAD
                                                      : behind_part(c, MB__NET_CHUNK_BAD);
    if (msg->chunk_left > UINT64_MAX >> 4)
        return MB__NET_CHUNK_BAD;
    msg->chunk_left = msg->chunk_left << 4 | (uint64_t)digit;
    return MB__NET_CHUNK_SIZE;
}

static enum mb__net_chunk step_extension(enum mb__net_chunk state, unsigned char c)
{
    bool token = is_token_char(c);
    switch (state) {
    case MB__NET_CHUNK_NAME_FIRST:
        return token ? MB__NET_CHUNK_NAME : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_NAME:
        if (token)
            return state;
        return c == '=' ? MB__NET_CHUNK_VALUE_FIRST : behind_part(c, MB__NET_CHUNK_BAD);
    case MB__NET_CHUNK_VALUE_FIRST:
        if (c == '"')
            return MB__NET_CHUNK_QUOTED;
        return token ? MB__NET_CHUNK_VALUE : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_VALUE:
        return token ? state : behind_part(c, MB__NET_CHUNK_BAD);
    case MB__NET_CHUNK_QUOTED:
        if (c == '"')
            return MB__NET_CHUNK_QUOTED_END;
        if (c == '\\')
            return MB__NET_CHUNK_ESCAPED;
        return is_text_char(c) ? state : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_ESCAPED:
        return is_text_char(c) ? MB__NET_CHUNK_QUOTED : MB__NET_CHUNK_BAD;
    default: /* MB__NET_CHUNK_QUOTED_END */
        return behind_part(c, MB__NET_CHUNK_BAD);
    }
}

static enum mb__net_chunk step_trailer(enum mb__net_chunk state, unsigned char c)
{
    switch (state) {
    case MB__NET_CHUNK_TRAILER_FIRST:
        if (c == '\r')
            return MB__NET_CHUNK_END_LF;
        return is_token_char(c) ? MB__NET_CHUNK_TRAILER_NAME : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_TRAILER_NAME:
        if (c == ':')
            return MB__NET_CHUNK_TRAILER_VALUE;
        return is_token_char(c) ? state : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_TRAILER_VALUE:
        if (c == '\r')
            return MB__NET_CHUNK_TRAILER_LF;
        return is_text_char(c) ? state : MB__NET_CHUNK_BAD;
    case MB__NET_CHUNK_TRAILER_LF:
        return c == '\n' ? MB__NET_CHUNK_TRAILER_FIRST : MB__NET_CHUNK_BAD;
    default: /* MB__NET_CHUNK_END_LF */
        return c == '\n' ? MB__NET_CHUNK_END : MB__NET_CHUNK_BAD;
    }
}

/* Where one byte of framing leads. */
static enum mb__net_chunk step(struct mb__net_message *msg, unsigned char c)
{
    enum mb__net_chunk state = msg->chunk;
    if (state <= MB__NET_CHUNK_SIZE)
        return step_size(msg, c);
    if (state <= MB__NET_CHUNK_QUOTED_END)
        return step_extension(state, c);
    if (state >= MB__NET_CHUNK_TRAILER_FIRST)
        return step_trailer(state, c);
    if (state == MB__NET_CHUNK_DATA_CR)
        return c == '\r' ? MB__NET_CHUNK_DATA_LF : MB__NET_CHUNK_BAD;
    if (c != '\n')
        return MB__NET_CHUNK_BAD;
    if (state == MB__NET_CHUNK_DATA_LF)
        return MB__NET_CHUNK_SIZE_FIRST;
    return msg->chunk_left == 0 ? MB__NET_CHUNK_TRAILER_FIRST : MB__NET_CHUNK_DATA;
}

/* Moves data down behind the body so far; gives how much there was. */
static size_t take_data(struct mb__net_message *msg, const char *from, size_t len)
{
    size_t part = len < msg->chunk_left ? len : (size_t)msg->chunk_left;
    memmove(msg->base + msg->header_bytes + msg->body_len, from, part);
    msg->body_len += (uint32_t)part;
    msg->chunk_left -= part;
    if (msg->chunk_left == 0)
        msg->chunk = MB__NET_CHUNK_DATA_CR;
    return part;
}

enum mb__net_step mb__net_chunks_take(struct mb__net_message *msg, const char *from, size_t len,
                                      size_t *used)
{
    size_t i = 0;
    while (i < len && msg->chunk != MB__NET_CHUNK_END) {
        if (msg->chunk == MB__NET_CHUNK_DATA) {
            i += take_data(msg, from + i, len - i);
            continue;
        }
        msg->chunk = step(msg, (unsigned char)from[i]);
        if (msg->chunk == MB__NET_CHUNK_BAD) {
            mb__net_message_fail(msg, 400, "malformed chunk", msg->seen + i);
            return MB__NET_FAILED;
        }
        if (msg->chunk == MB__NET_CHUNK_DATA && msg->chunk_left > msg->body_limit - msg->body_len) {
            mb__net_message_fail(msg, 413, "body too large", msg->seen + i);
            return MB__NET_FAILED;
        }
        i++;
    }
    *used = i;
    return msg->chunk == MB__NET_CHUNK_END ? MB__NET_DONE : MB__NET_MORE;
}
