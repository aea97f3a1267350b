/* inflate.c - a compressed request body as the handler wants it (RFC 9110, 8.4.1).
 *
 * The body is taken in whole, at most body_limit bytes as sent, and inflated just before it is handed over, into one
 * buffer of the server: at most body_limit bytes too, and lent like all of a request until on_request returns. So a
 * body that would swell to gigabytes costs as much as one that is just too large, no connection holds inflated
 * bytes, and the connection of a refused one lives, because its end is known. Stream and buffer are made with the
 * first compressed body and kept: a warm one allocates nothing.
 *
 * "deflate" means zlib's format, but some peers send the bare stream inside it. The two are told apart by the first
 * two bytes: as a bare stream, a zlib header would begin with a stored block whose padding is not zero, and no
 * encoder writes that.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15      /* the most there is */
#define GZIP_BITS (16 + 15) /* how zlib is told to want a gzip header */
#define STEP_BYTES 16384

struct mb__net_inflate {
    z_stream z;
    struct mb_buf body;
    char text[96]; /* why the last one was refused */
};

static struct mb__net_inflate *open_inflate(void)
{
    struct mb__net_inflate *made = calloc(1, sizeof(*made));
    if (made == NULL || inflateInit2(&made->z, WINDOW_BITS) != Z_OK)
        abort();
    return made;
}

void mb__net_inflate_free(struct mb__net_inflate *in)
{
    if (in == NULL)
        return;
    inflateEnd(&in->z);
    mb_buf_fini(&in->body);
    free(in);
}

static bool has_zlib_header(struct mb_slice body)
{
    if (body.len < 2)
        return true; /* too short for anything: let it be a zlib header that is cut off */
    unsigned first = (unsigned char)body.data[0], second = (unsigned char)body.data[1];
    return (first & 15) == Z_DEFLATED && first >> 4 <= WINDOW_BITS - 8 && (first << 8 | second) % 31 == 0;
}

static int window_bits(enum mb__net_coding coding, struct mb_slice body)
{
    if (coding == MB__NET_CODING_GZIP)
        return GZIP_BITS;
    return has_zlib_header(body) ? WINDOW_BITS : -WINDOW_BITS;
}

/* Gives Z_STREAM_END, or how it stopped; one byte beyond the limit is enough to know. */
static int run(struct mb__net_inflate *in, uint32_t limit)
{
    z_stream *z = &in->z;
    struct mb_buf *body = &in->body;
    int code;
    do {
        size_t room = (size_t)limit + 1 - body->len;
        if (room > STEP_BYTES)
            room = STEP_BYTES;
        mb_xbuf_reserve(body, room);
        z->next_out = (Bytef *)body->data + body->len;
        z->avail_out = (uInt)room;
        code = inflate(z, Z_NO_FLUSH);
        body->len += room - z->avail_out;
    } while (code == Z_OK && z->avail_out == 0 && body->len <= limit);
    return code;
}

bool mb__net_inflate_body(struct mb__net_inflate **kept, struct mb__net_message *msg, struct mb_slice *body)
{
    if (*kept == NULL)
        *kept = open_inflate();
    struct mb__net_inflate *in = *kept;
    z_stream *z = &in->z;
    if (inflateReset2(z, window_bits(msg->coding, *body)) != Z_OK)
        abort(); /* only for window sizes that do not exist */
    mb_buf_clear(&in->body);
    z->next_in = (Bytef *)(uintptr_t)body->data;
    z->avail_in = (uInt)body->len;
    int code = run(in, msg->body_limit);
    uint64_t at = msg->header_bytes + (uint64_t)z->total_in;
    if (in->body.len > msg->body_limit) {
        mb__net_message_reject(msg, 413, "inflated body too large", at);
    } else if (code == Z_STREAM_END && z->avail_in > 0) {
        mb__net_message_reject(msg, 400, "bytes behind the end of the compressed body", at);
    } else if (code == Z_NEED_DICT) {
        mb__net_message_reject(msg, 400, "compressed with a dictionary that is not known here", at);
    } else if (code == Z_DATA_ERROR) {
        snprintf(in->text, sizeof(in->text), "compressed body: %s", z->msg != NULL ? z->msg : "garbled");
        mb__net_message_reject(msg, 400, in->text, at);
    } else if (code == Z_MEM_ERROR) {
        abort();
    } else if (code != Z_STREAM_END) {
        mb__net_message_reject(msg, 400, "the compressed body ends early", at);
    }
    *body = mb_buf_slice(&in->body);
    return msg->status == 0;
}
