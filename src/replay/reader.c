/* reader.c - the lines of recordings, plain or gzip, in blocks.
 *
 * A recording may end anywhere: its writer was killed, or still writes. What there is is read up to
 * the last whole line; that no end of the stream came is counted, and is no error.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    GZIP_OR_ZLIB = 32 + 15,
    IN_BYTES = 128 << 10,
    BLOCK_BYTES = 512 << 10,
    LINE_MAX_BYTES = 64 << 20, /* a body has at most that much; what is longer is no record */
};

struct mb__reader {
    const char *const *paths;
    size_t count, at; /* files; the one being read */
    int fd;           /* -1: none */
    bool is_gzip, ended;
    z_stream z;
    struct mb_buf rest; /* the beginning of a line whose end has not come */
    uint64_t line;      /* lines given of this file */
    uint64_t done, total, cut_files, long_lines;
    unsigned char in[IN_BYTES];
    size_t in_at, in_len;
};

int mb__reader_open(const char *const *paths, size_t count, struct mb__reader **out,
                    struct mb_error *err)
{
    struct mb__reader *r = calloc(1, sizeof(*r));
    struct stat st;
    size_t i;

    *out = NULL;
    if (!r) {
        abort();
    }
    r->paths = paths;
    r->count = count;
    r->fd = -1;
    for (i = 0; i < count; i++) {
        if (stat(paths[i], &st)) {
            free(r);
            return mb_fail(err, MB_EIO, paths[i], "%s", strerror(errno));
        }
        r->total += (uint64_t)st.st_size;
    }
    *out = r;
    return 0;
}

static void close_file(struct mb__reader *r)
{
    if (r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
        if (r->is_gzip) {
            inflateEnd(&r->z);
        }
    }
}

void mb__reader_close(struct mb__reader *r)
{
    if (r) {
        close_file(r);
        mb_buf_fini(&r->rest);
        free(r);
    }
}

/* More of the file. 0: its end. */
static int fill(struct mb__reader *r, struct mb_error *err)
{
    ssize_t got;

    do {
        got = read(r->fd, r->in, IN_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return mb_fail(err, MB_EIO, r->paths[r->at], "%s", strerror(errno));
    }
    r->in_at = 0;
    r->in_len = (size_t)got;
    r->done += (uint64_t)got;
    return 0;
}

static int open_next(struct mb__reader *r, struct mb_error *err)
{
    int rc;

    r->fd = open(r->paths[r->at], O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        return mb_fail(err, MB_EIO, r->paths[r->at], "%s", strerror(errno));
    }
    r->is_gzip = r->ended = false;
    r->line = 0;
    mb_buf_clear(&r->rest);
    if ((rc = fill(r, err))) {
        return rc;
    }
    r->is_gzip = r->in_len >= 2 && r->in[0] == 0x1f && r->in[1] == 0x8b;
    if (r->is_gzip) {
        memset(&r->z, 0, sizeof(r->z));
        if (inflateInit2(&r->z, GZIP_OR_ZLIB) != Z_OK) {
            abort();
        }
        /* No check of the sum over all bytes, a twentieth of a replay: it comes when all lines have
         * been decided, and a line that was damaged is no record or decided otherwise. */
        (void)inflateValidate(&r->z, 0);
    }
    return 0;
}

static void cut(struct mb__reader *r)
{
    r->cut_files++;
    r->ended = true;
}

/* Appends what the input that is there comes to. */
static void inflate_some(struct mb__reader *r, struct mb_buf *out)
{
    int rc;

    mb_xbuf_reserve(out, BLOCK_BYTES);
    r->z.next_in = r->in + r->in_at;
    r->z.avail_in = (unsigned)(r->in_len - r->in_at);
    r->z.next_out = (unsigned char *)out->data + out->len;
    r->z.avail_out = BLOCK_BYTES;
    rc = inflate(&r->z, Z_NO_FLUSH);
    out->len += BLOCK_BYTES - r->z.avail_out;
    r->in_at = r->in_len - r->z.avail_in;
    if (rc == Z_STREAM_END) {
        r->ended = r->in_at == r->in_len; /* one stream a file, unless somebody has joined them */
        (void)inflateReset(&r->z);
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
        cut(r);
    }
}

/* Appends the next bytes of the text. */
static int read_some(struct mb__reader *r, struct mb_buf *out, struct mb_error *err)
{
    int rc;

    if (r->in_at == r->in_len && (rc = fill(r, err))) {
        return rc;
    }
    if (r->in_len == 0) {
        if (r->is_gzip) {
            cut(r);
        }
        r->ended = true;
    } else if (r->is_gzip) {
        inflate_some(r, out);
    } else {
        mb_xbuf_add(out, r->in + r->in_at, r->in_len - r->in_at);
        r->in_at = r->in_len;
    }
    return 0;
}

static uint64_t lines_in(struct mb_slice text)
{
    const char *at = text.data, *end = text.data + text.len;
    uint64_t count = 0;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        count++;
        at++;
    }
    return count;
}

/* Keeps the torn line at the end for the next block; false where there is no whole one. */
static bool split(struct mb__reader *r, struct mb__block *out)
{
    const char *last = out->text.len > 0 ? memrchr(out->text.data, '\n', out->text.len) : NULL;
    size_t whole = last ? (size_t)(last - out->text.data) + 1 : 0;

    mb_buf_clear(&r->rest);
    mb_xbuf_add(&r->rest, out->text.data + whole, out->text.len - whole);
    out->text.len = whole;
    out->file = r->at;
    out->first_line = r->line + 1;
    r->line += lines_in(mb_buf_slice(&out->text));
    return whole > 0;
}

int mb__reader_next(struct mb__reader *r, struct mb__block *out, struct mb_error *err)
{
    int rc;

    while (r->at < r->count) {
        if (r->fd < 0 && (rc = open_next(r, err))) {
            return rc;
        }
        mb_buf_clear(&out->text);
        mb_xbuf_add_slice(&out->text, mb_buf_slice(&r->rest));
        while (!r->ended && out->text.len < BLOCK_BYTES) {
            if ((rc = read_some(r, &out->text, err))) {
                return rc;
            }
        }
        if (r->ended && r->rest.len + out->text.len > 0 && !r->is_gzip &&
            out->text.data[out->text.len - 1] != '\n') {
            mb_xbuf_add_char(&out->text, '\n'); /* somebody's editor */
        }
        if (split(r, out)) {
            return 1;
        }
        if (r->rest.len > LINE_MAX_BYTES) {
            r->long_lines++;
            mb_buf_clear(&r->rest);
        }
        if (r->ended) {
            close_file(r);
            r->at++;
        }
    }
    return 0;
}

void mb__reader_progress(const struct mb__reader *r, uint64_t *done, uint64_t *total)
{
    *done = r->done;
    *total = r->total;
}

uint64_t mb__reader_cut_files(const struct mb__reader *r)
{
    return r->cut_files;
}

uint64_t mb__reader_long_lines(const struct mb__reader *r)
{
    return r->long_lines;
}
