/* message.c - one HTTP message, from its first byte to its last, over any number of reads.
 *
 * The bytes of a message lie in one piece: in the read buffer while it arrives whole, otherwise in
 * `kept`, to which each further read is appended before it is parsed. So every part of it is an
 * (offset, length), pieces of one span that llhttp reports separately are neighbours, and a message
 * that came in one read is never copied.
 *
 *   base                 base + header_bytes          + body_len
 *   | start line, headers | body, chunks joined        | (chunk framing: moved over, not kept)
 *
 * A chunk's data is moved down over the framing before it, inside the same memory, which the parser
 * has passed already. What is kept between reads is thus at most header_limit + body_limit bytes.
 *
 * llhttp parses start line and headers and counts a body of known length; chunk.c takes chunks.
 * llhttp pauses behind the headers, where the check runs, and behind the message, so that whoever
 * handles it is not inside llhttp and may end the connection.
 */
#include "internal.h"

#include <string.h>

/* Bytes of framing that a body of single-byte chunks needs ("1 CRLF x CRLF"), with some room for
 * extensions. */
#define FRAMING_PER_BODY_BYTE 16

static struct mb__net_message *of(llhttp_t *parser)
{
    return MB__NET_OF(parser, struct mb__net_message, parser);
}

static uint32_t place(const struct mb__net_message *msg, const char *at)
{
    return (uint32_t)(at - msg->base);
}

static uint64_t position(const struct mb__net_message *msg, const char *at)
{
    return msg->seen + (uint64_t)(at - msg->run_from);
}

bool mb__net_message_fail(struct mb__net_message *msg, int status, const char *text, uint64_t at)
{
    if (msg->status == 0) {
        msg->status = status;
        msg->text = text;
        msg->at = at;
    }
    msg->readable = false;
    return false;
}

void mb__net_message_reject(struct mb__net_message *msg, int status, const char *text, uint64_t at)
{
    if (msg->status == 0) {
        mb__net_message_fail(msg, status, text, at);
        msg->readable = true;
    }
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct mb__net_message *msg = of(parser);
    if (msg->target_len == 0)
        msg->target_at = place(msg, at);
    msg->target_len += (uint32_t)len;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct mb__net_message *msg = of(parser);
    if (!msg->in_name) {
        if (msg->n_fields == MB__NET_FIELDS_MAX) {
            mb__net_message_fail(msg, 431, "too many headers", position(msg, at));
            return HPE_USER;
        }
        msg->in_name = true;
        msg->fields[msg->n_fields++] = (struct mb__net_field){.name_at = place(msg, at)};
    }
    msg->fields[msg->n_fields - 1].name_len += (uint32_t)len;
    return 0;
}

static int on_header_field_complete(llhttp_t *parser)
{
    of(parser)->in_name = false;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct mb__net_message *msg = of(parser);
    struct mb__net_field *field = &msg->fields[msg->n_fields - 1];
    if (field->value_len == 0)
        field->value_at = place(msg, at);
    field->value_len += (uint32_t)len;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    /* Upgrades and tunnels are not offered, so what follows is HTTP whatever the request asks for.
     */
    parser->upgrade = 0;
    if (of(parser)->skip_body)
        parser->flags |= F_SKIPBODY;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct mb__net_message *msg = of(parser);
    if (len > msg->body_limit - msg->body_len) {
        mb__net_message_fail(msg, 413, "body too large", position(msg, at));
        return HPE_USER;
    }
    msg->body_len += (uint32_t)len; /* behind the headers and in one piece already */
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    of(parser)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void mb__net_message_begin(struct mb__net_message *msg, llhttp_type_t type, uint32_t header_limit,
                           uint32_t body_limit, mb__net_check *check)
{
    struct mb_buf kept = msg->kept;
    memset(msg, 0, offsetof(struct mb__net_message, fields));
    msg->kept = kept;
    mb_buf_clear(&msg->kept);
    msg->header_limit = header_limit;
    msg->body_limit = body_limit;
    msg->check = check;
    llhttp_init(&msg->parser, type, &settings);
}

/* Words for what llhttp refused. */
static void fail_parse(struct mb__net_message *msg, llhttp_errno_t code)
{
    switch (code) {
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        mb__net_message_fail(msg, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here", msg->seen);
        break;
    case HPE_INVALID_METHOD:
        mb__net_message_fail(msg, 400, "no HTTP method that is known here", msg->seen);
        break;
    default:
        mb__net_message_fail(msg, 400, llhttp_get_error_reason(&msg->parser), msg->seen);
    }
}

static void fail_header_size(struct mb__net_message *msg)
{
    if (msg->n_fields == 0)
        mb__net_message_fail(msg, 414, "request line too long", msg->seen);
    else
        mb__net_message_fail(msg, 431, "headers too large", msg->seen);
}

/* Chunk sizes, extensions and trailers are not kept, but an endless stream of them is an attack. */
static bool framing_fits(const struct mb__net_message *msg)
{
    uint64_t framing = msg->seen - msg->header_bytes - msg->body_len;
    return framing <= msg->header_limit + (uint64_t)msg->body_len * FRAMING_PER_BODY_BYTE;
}

/* One run of the parser over at most `len` bytes. */
static enum mb__net_step run(struct mb__net_message *msg, const char *from, size_t len,
                             size_t *used)
{
    if (msg->chunked) {
        enum mb__net_step step = mb__net_chunks_take(msg, from, len, used);
        msg->seen += *used;
        return step;
    }
    if (msg->header_bytes == 0) {
        size_t room = msg->header_limit - (size_t)msg->seen;
        if (room == 0) {
            fail_header_size(msg);
            return MB__NET_FAILED;
        }
        if (len > room)
            len = room;
    }
    msg->run_from = from;
    llhttp_errno_t code = llhttp_execute(&msg->parser, from, len);
    *used = code == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&msg->parser) - from);
    msg->seen += *used;
    if (code == HPE_OK)
        return MB__NET_MORE;
    if (code != HPE_PAUSED) {
        fail_parse(msg, code);
        return MB__NET_FAILED;
    }
    llhttp_resume(&msg->parser);
    if (msg->complete)
        return MB__NET_DONE;
    msg->header_bytes = (uint32_t)msg->seen;
    msg->keep_alive = llhttp_should_keep_alive(&msg->parser);
    msg->chunked = (msg->parser.flags & F_CHUNKED) && !msg->skip_body;
    if (!msg->check(msg))
        return MB__NET_FAILED;
    /* Without another byte the parser may know already that no body follows. */
    size_t more = 0;
    enum mb__net_step step = run(msg, from + *used, len - *used, &more);
    *used += more;
    return step;
}

/* Copies what later reads will build on; chunk framing behind the body's end is dropped. */
static void keep(struct mb__net_message *msg, size_t len)
{
    if (msg->header_bytes > 0)
        len = msg->header_bytes + msg->body_len;
    if (msg->kept.len > 0)
        msg->kept.len = len;
    else
        mb_xbuf_add(&msg->kept, msg->base, len);
}

enum mb__net_step mb__net_message_feed(struct mb__net_message *msg, char *data, size_t len,
                                       size_t *used)
{
    char *from = data;
    size_t before = msg->kept.len;
    if (before > 0) {
        mb_xbuf_add(&msg->kept, data, len);
        from = msg->kept.data + before;
    }
    msg->base = from - before;
    *used = 0;
    enum mb__net_step step = MB__NET_MORE;
    while (step == MB__NET_MORE && *used < len) {
        size_t ran = 0;
        step = run(msg, from + *used, len - *used, &ran);
        *used += ran;
    }
    if (step != MB__NET_MORE)
        return step;
    if (msg->header_bytes > 0 && !framing_fits(msg)) {
        mb__net_message_fail(msg, 413, "more chunk framing than body", msg->seen);
        return MB__NET_FAILED;
    }
    keep(msg, before + len);
    return MB__NET_MORE;
}

bool mb__net_message_finish(struct mb__net_message *msg)
{
    msg->base = msg->kept.data;
    llhttp_finish(&msg->parser);
    return msg->complete;
}

struct mb_slice mb__net_message_name(const struct mb__net_message *msg, uint32_t field)
{
    return mb_slice(msg->base + msg->fields[field].name_at, msg->fields[field].name_len);
}

struct mb_slice mb__net_message_value(const struct mb__net_message *msg, uint32_t field)
{
    return mb_slice_trim(
        mb_slice(msg->base + msg->fields[field].value_at, msg->fields[field].value_len));
}

struct mb_slice mb__net_message_body(const struct mb__net_message *msg)
{
    return mb_slice(msg->base + msg->header_bytes, msg->body_len);
}

bool mb__net_message_has_body(const struct mb__net_message *msg)
{
    return msg->chunked || msg->parser.content_length > 0;
}

void mb__net_message_headers(const struct mb__net_message *msg, struct mb_http_header *headers)
{
    for (uint32_t i = 0; i < msg->n_fields; i++)
        headers[i] =
            (struct mb_http_header){mb__net_message_name(msg, i), mb__net_message_value(msg, i)};
}

void mb__net_message_fini(struct mb__net_message *msg)
{
    mb_buf_fini(&msg->kept);
}
