/* writer.c - JSON appended to a buffer. One bit for each depth says whether a comma is due. */
#include "moonbid/json.h"

#include <assert.h>
#include <math.h>

#include "internal.h"
#include "scan.h"

void mb_json_writer_init(struct mb_json_writer *w, struct mb_buf *buf)
{
    *w = (struct mb_json_writer){.buf = buf};
}

static void begin_member(struct mb_json_writer *w)
{
    uint64_t bit = UINT64_C(1) << w->depth;
    if (w->comma & bit) {
        assert(w->depth > 0); /* a document is one value */
        mb_xbuf_add_char(w->buf, ',');
    }
    w->comma |= bit;
}

static void begin_value(struct mb_json_writer *w)
{
    if (w->after_key)
        w->after_key = false;
    else
        begin_member(w);
}

static void open_container(struct mb_json_writer *w, char bracket)
{
    begin_value(w);
    mb_xbuf_add_char(w->buf, bracket);
    w->depth++;
    assert(w->depth < MB_JSON_MAX_DEPTH);
    w->comma &= ~(UINT64_C(1) << w->depth);
}

static void close_container(struct mb_json_writer *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    mb_xbuf_add_char(w->buf, bracket);
    w->depth--;
}

void mb_jsonw_object(struct mb_json_writer *w)
{
    open_container(w, '{');
}

void mb_jsonw_object_end(struct mb_json_writer *w)
{
    close_container(w, '}');
}

void mb_jsonw_array(struct mb_json_writer *w)
{
    open_container(w, '[');
}

void mb_jsonw_array_end(struct mb_json_writer *w)
{
    close_container(w, ']');
}

/* Longer ones are written in pieces, for a buffer keeps its room. */
enum { PIECE = 4096 };

/* At most PIECE bytes, and no torn character at the end. */
static size_t piece_of(struct mb_slice s)
{
    size_t len = PIECE;
    if (s.len <= PIECE)
        return s.len;
    while (len > PIECE - 4 && ((unsigned char)s.data[len] & 0xc0) == 0x80)
        len--;
    return len > PIECE - 4 ? len : PIECE;
}

static __attribute__((noinline)) void add_escaped(struct mb_buf *buf, struct mb_slice s)
{
    while (s.len > 0) {
        size_t len = piece_of(s);
        mb_xbuf_reserve(buf, MB_JSON_ESCAPE_ROOM(len));
        char *end = mb_json_escape(buf->data + buf->len, mb_slice(s.data, len));
        buf->len = (size_t)(end - buf->data);
        s = mb_slice(s.data + len, s.len - len);
    }
}

/* Most texts are plain. */
static void add_string(struct mb_buf *buf, struct mb_slice s)
{
    const char *end = s.len ? s.data + s.len : s.data;
    const char *special = mb__json_skip_plain_until(s.data, end);
    size_t plain = (size_t)(special - s.data);
    mb_xbuf_reserve(buf, s.len + 2);
    buf->data[buf->len] = '"';
    if (plain > 0)
        memcpy(buf->data + buf->len + 1, s.data, plain);
    buf->len += 1 + plain;
    if (special < end)
        add_escaped(buf, mb_slice(special, s.len - plain));
    mb_xbuf_add_char(buf, '"');
}

void mb_jsonw_key_slice(struct mb_json_writer *w, struct mb_slice key)
{
    assert(w->depth > 0 && !w->after_key);
    begin_member(w);
    add_string(w->buf, key);
    mb_xbuf_add_char(w->buf, ':');
    w->after_key = true;
}

void mb_jsonw_str(struct mb_json_writer *w, struct mb_slice s)
{
    begin_value(w);
    add_string(w->buf, s);
}

void mb_jsonw_i64(struct mb_json_writer *w, int64_t value)
{
    begin_value(w);
    mb_xbuf_add_i64(w->buf, value);
}

void mb_jsonw_u64(struct mb_json_writer *w, uint64_t value)
{
    begin_value(w);
    mb_xbuf_add_u64(w->buf, value);
}

void mb_jsonw_bool(struct mb_json_writer *w, bool value)
{
    mb_jsonw_raw(w, value ? MB_SLICE("true") : MB_SLICE("false"));
}

void mb_jsonw_null(struct mb_json_writer *w)
{
    mb_jsonw_raw(w, MB_SLICE("null"));
}

void mb_jsonw_price(struct mb_json_writer *w, struct mb_price price)
{
    begin_value(w);
    mb_xbuf_add_price(w->buf, price);
}

void mb_jsonw_amount(struct mb_json_writer *w, struct mb_amount amount)
{
    begin_value(w);
    mb_xbuf_add_amount(w->buf, amount);
}

void mb_jsonw_f64(struct mb_json_writer *w, double value)
{
    char text[32];
    if (!isfinite(value)) {
        mb_jsonw_null(w);
        return;
    }
    mb__json_print_f64(value, text);
    mb_jsonw_raw(w, mb_slice_of(text));
}

void mb_jsonw_raw(struct mb_json_writer *w, struct mb_slice json)
{
    begin_value(w);
    mb_xbuf_add_slice(w->buf, json);
}

static bool is_canonical_integer(struct mb_slice s)
{
    size_t i = s.len && s.data[0] == '-' ? 1 : 0;
    if (i == s.len || (s.data[i] == '0' && s.len > 1))
        return false;
    for (; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    }
    return true;
}

void mb_jsonw_id(struct mb_json_writer *w, struct mb_slice id)
{
    if (is_canonical_integer(id))
        mb_jsonw_raw(w, id);
    else
        mb_jsonw_str(w, id);
}
