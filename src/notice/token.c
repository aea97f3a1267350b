/* token.c - the body of a token, its signature, and back.
 *
 * Before base64url a token is
 *
 *     version(1) | mask(3) | bid id(16) | model, format, test(1) | fields ... | MAC(8)
 *
 * The mask (little-endian) has a bit for each field that is there; its highest four say that the request was recorded, which
 * event books, and which exchange it was. A text is its length (one byte)
 * and its bytes; a number is a varint: seven bits a byte, lowest first. The MAC covers the kind of
 * notice and all before itself. Fields stand in the order of the two tables below, which is part of
 * the format: whatever changes it takes a new version, for tokens live a day and more in other
 * people's systems.
 */
#include <assert.h>

#include "internal.h"

enum {
    FORMAT_VERSION = 2,
    OLD_VERSION = 1, /* without format and boot; read still */
    HEAD_BYTES = 1 + 3 + 16 + 1,
    BODY_MAX = MB_NOTICE_TOKEN_MAX * 3 / 4 - MB_NOTICE_MAC_BYTES,
    VARINT_MAX = 10,
    TEST_FLAG = 0x80, /* in the model's byte */
    FORMAT_SHIFT = 3, /* there, too */
    FORMAT_MASK = 15 << FORMAT_SHIFT,
    WATCHED_FLAG = 0x04,
    MODEL_MASK = 0x03,
};

/* Of the mask: the model's byte is full. */
#define RECORDED_BIT (UINT32_C(1) << 23)
#define WIN_BOOKS_BIT (UINT32_C(1) << 22)
#define EXCHANGE_SHIFT 20
#define EXCHANGE_BITS (UINT32_C(3) << EXCHANGE_SHIFT)

/* What to do with a text beyond its size: `cut` ids still serve to find things, the rest would
 * mislead. */
static const struct text_field {
    size_t offset;
    uint8_t max_bytes;
    bool cut;
} texts[] = {
/* clang-format off */
#define TEXT(name, max, cut) {offsetof(struct mb_notice, name), max, cut}
    /* clang-format on */
    TEXT(strategy, 64, false),
    TEXT(version, 16, false),
    TEXT(arm, 32, false),
    TEXT(endpoint, 32, false),
    TEXT(auction_id, 64, true),
    TEXT(imp_id, 64, true),
    TEXT(zone_id, 32, true),
    TEXT(site_id, 32, true),
    TEXT(creative_id, 32, true),
    TEXT(country, 2, false),
    TEXT(data, MB_NOTICE_DATA_MAX, false),
#undef TEXT
};

static const size_t numbers[] = {
    offsetof(struct mb_notice, price.micros),
    offsetof(struct mb_notice, price_wire.micros),
    offsetof(struct mb_notice, bid_time_ms),
    offsetof(struct mb_notice, frequency_key),
    offsetof(struct mb_notice, per_key),
    offsetof(struct mb_notice, boot_id),
    offsetof(struct mb_notice, boot_skew_ms),
    offsetof(struct mb_notice, rate_millionths),
    offsetof(struct mb_notice, size),
};

enum {
    TEXTS = sizeof texts / sizeof texts[0],
    NUMBERS = sizeof numbers / sizeof numbers[0],
};

static_assert(TEXTS + NUMBERS <= EXCHANGE_SHIFT, "the mask has three bytes, four bits of which are no field's");
static_assert((int)MB_EXCHANGE_COUNT <= 4, "two bits name the exchange");
static_assert((int)MB_MODEL_COUNT <= MODEL_MASK + 1, "model, format and flags share a byte");
static_assert(((int)MB_FORMAT_COUNT - 1) << FORMAT_SHIFT <= FORMAT_MASK, "and so does the format");

static struct mb_slice *text_at(struct mb_notice *notice, size_t i)
{
    return (struct mb_slice *)(void *)((char *)notice + texts[i].offset);
}

static int64_t *number_at(struct mb_notice *notice, size_t i)
{
    return (int64_t *)(void *)((char *)notice + numbers[i]);
}

void mb_notice_bid_id_text(const uint8_t bid_id[16], char out[22])
{
    mb__notice_to_base64url(bid_id, 16, out);
}

/* --- writing --- */

/* At most `max` bytes, and no torn character at the end. */
static struct mb_slice cut_text(struct mb_slice s, size_t max)
{
    if (s.len > max) {
        s.len = max;
        while (s.len > 0 && ((uint8_t)s.data[s.len] & 0xc0) == 0x80) {
            s.len--;
        }
    }
    return s;
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        out[len++] = (uint8_t)(value | 0x80);
    }
    out[len++] = (uint8_t)value;
    return len;
}

/* Cuts what may be cut and says whether the rest is short enough. */
static bool fit_texts(struct mb_notice *notice)
{
    if (mb_slice_present(notice->imp_id) && mb_slice_eq(notice->imp_id, notice->auction_id)) {
        notice->imp_id = MB_SLICE_NONE;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        struct mb_slice *text = text_at(notice, i);
        if (texts[i].cut) {
            *text = cut_text(*text, texts[i].max_bytes);
        } else if (text->len > texts[i].max_bytes) {
            return false;
        }
    }
    return true;
}

int mb_notice_encode(const struct mb_notice *notice, struct mb_buf *body)
{
    uint8_t out[BODY_MAX];
    size_t len = HEAD_BYTES;
    uint32_t mask = (notice->recorded ? RECORDED_BIT : 0) | (notice->books_on_win ? WIN_BOOKS_BIT : 0) |
                    (uint32_t)notice->exchange << EXCHANGE_SHIFT;
    struct mb_notice n = *notice;

    if (!fit_texts(&n)) {
        return MB_ENOMEM;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        struct mb_slice text = *text_at(&n, i);
        if (!mb_slice_present(text)) {
            continue;
        }
        if (1 + text.len > sizeof out - len) {
            return MB_ENOMEM;
        }
        mask |= UINT32_C(1) << i;
        out[len++] = (uint8_t)text.len;
        memcpy(out + len, text.data, text.len);
        len += text.len;
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        uint8_t digits[VARINT_MAX];
        int64_t value = *number_at(&n, i);
        size_t more = value ? put_varint(digits, (uint64_t)value) : 0;
        if (more > sizeof out - len) {
            return MB_ENOMEM;
        }
        mask |= more ? UINT32_C(1) << (TEXTS + i) : 0;
        memcpy(out + len, digits, more);
        len += more;
    }
    out[0] = FORMAT_VERSION;
    out[1] = (uint8_t)mask;
    out[2] = (uint8_t)(mask >> 8);
    out[3] = (uint8_t)(mask >> 16);
    memcpy(out + 4, n.bid_id, sizeof n.bid_id);
    out[20] = (uint8_t)(n.model | n.format << FORMAT_SHIFT | (n.test ? TEST_FLAG : 0) |
                        (n.watched ? WATCHED_FLAG : 0));
    mb_xbuf_add(body, out, len);
    return 0;
}

size_t mb_notice_token_len(size_t body_len)
{
    return ((body_len + MB_NOTICE_MAC_BYTES) * 4 + 2) / 3; /* six bits a letter */
}

void mb_notice_sign(const struct mb_notice_keys *keys, enum mb_event_type kind,
                    struct mb_slice body, struct mb_buf *token)
{
    size_t len = mb_notice_token_len(body.len);
    mb_xbuf_reserve(token, len);
    mb_notice_sign_again(keys, kind, body, NULL, token->data + token->len);
    token->len += len;
}

void mb_notice_sign_again(const struct mb_notice_keys *keys, enum mb_event_type kind,
                          struct mb_slice body, const char *other, char *token)
{
    uint8_t text[1 + BODY_MAX +
                 MB_NOTICE_MAC_BYTES]; /* the kind goes into the MAC, not into the token */
    /* Three bytes are four characters: up to here both texts are the same. */
    size_t shared_bytes = other ? body.len - body.len % 3 : 0;
    size_t shared_chars = shared_bytes / 3 * 4;
    assert(body.len >= HEAD_BYTES && body.len <= BODY_MAX);
    text[0] = (uint8_t)kind;
    memcpy(text + 1, body.data, body.len);
    mb__notice_mac(keys, text, 1 + body.len, text + 1 + body.len);
    if (other) {
        memcpy(token, other, shared_chars);
    }
    (void)mb__notice_to_base64url(text + 1 + shared_bytes,
                                  body.len - shared_bytes + MB_NOTICE_MAC_BYTES,
                                  token + shared_chars);
}

/* --- reading --- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static struct mb_slice take_text(struct reader *r, size_t max)
{
    size_t len = r->at < r->end ? *r->at++ : SIZE_MAX;
    if (len > max || len > (size_t)(r->end - r->at)) {
        r->failed = true;
        return MB_SLICE_NONE;
    }
    struct mb_slice text = {(const char *)r->at, len};
    r->at += len;
    return text;
}

static int64_t take_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; r->at < r->end && shift < 64; shift += 7) {
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return (int64_t)value;
        }
    }
    r->failed = true;
    return 0;
}

/* The body is ours, for the MAC held; it is read as a stranger's all the same. */
static bool decode(struct mb_slice body, struct mb_notice *out)
{
    const uint8_t *head = (const uint8_t *)body.data;
    if (body.len < HEAD_BYTES || (head[0] != FORMAT_VERSION && head[0] != OLD_VERSION)) {
        return false;
    }
    uint32_t mask = head[1] | (uint32_t)head[2] << 8 | (uint32_t)head[3] << 16;
    unsigned model = head[20] & MODEL_MASK;
    unsigned format = (head[20] & FORMAT_MASK) >> FORMAT_SHIFT;
    struct reader r = {head + HEAD_BYTES, head + body.len, false};

    memset(out, 0, sizeof *out);
    memcpy(out->bid_id, head + 4, sizeof out->bid_id);
    out->test = head[20] & TEST_FLAG;
    out->watched = head[20] & WATCHED_FLAG;
    out->recorded = mask & RECORDED_BIT;
    out->books_on_win = mask & WIN_BOOKS_BIT;
    out->exchange = (enum mb_exchange)((mask & EXCHANGE_BITS) >> EXCHANGE_SHIFT);
    out->model = (enum mb_model)model;
    out->format = (enum mb_format)format;
    for (size_t i = 0; i < TEXTS; i++) {
        if (mask >> i & 1) {
            *text_at(out, i) = take_text(&r, texts[i].max_bytes);
        }
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        if (mask >> (TEXTS + i) & 1) {
            *number_at(out, i) = take_varint(&r);
        }
    }
    return !r.failed && r.at == r.end && model < MB_MODEL_COUNT &&
           format < MB_FORMAT_COUNT && (mask & ~(RECORDED_BIT | WIN_BOOKS_BIT | EXCHANGE_BITS)) >> (TEXTS + NUMBERS) == 0;
}

int mb_notice_decode(struct mb_slice body, struct mb_arena *arena, struct mb_notice *out)
{
    return decode(mb_xarena_copy(arena, body), out) ? 0 : MB_EINVAL;
}

int mb_notice_verify(const struct mb_notice_keys *keys, enum mb_event_type kind,
                     struct mb_slice token, struct mb_arena *arena, struct mb_notice *out)
{
    uint8_t text[1 + BODY_MAX + MB_NOTICE_MAC_BYTES];
    size_t len = 0;

    text[0] = (uint8_t)kind;
    if (token.len > MB_NOTICE_TOKEN_MAX || !mb__notice_from_base64url(token, text + 1, &len) ||
        len < HEAD_BYTES + MB_NOTICE_MAC_BYTES) {
        return MB_EFORGED;
    }
    len -= MB_NOTICE_MAC_BYTES;
    if (!mb__notice_mac_holds(keys, text, 1 + len, text + 1 + len)) {
        return MB_EFORGED;
    }
    struct mb_notice notice;
    struct mb_slice body = mb_xarena_copy(arena, mb_slice((const char *)text + 1, len));
    if (!decode(body, &notice)) {
        return MB_EFORGED;
    }
    *out = notice;
    return 0;
}
