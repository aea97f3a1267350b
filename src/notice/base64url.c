/* base64url.c - RFC 4648 section 5 without padding, one text for one string of bytes.
 *
 * libsodium's decoder takes bytes from 0x80 up for letters (seen with 1.0.18), so that one token
 * would have several texts. Tokens are public: tables indexed by their characters give nothing
 * away.
 */
#include "internal.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t mb__notice_to_base64url(const uint8_t *bytes, size_t len, char *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not yet written: 0, 2 or 4 between bytes */
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6) {
            out[n++] = letters[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        out[n++] = letters[bits << (6 - held) & 63];
    }
    return n;
}

/* 0..63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool mb__notice_from_base64url(struct mb_slice text, uint8_t *out, size_t *out_len)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.data[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    *out_len = n;
    return held < 6 && (bits & ((1u << held) - 1)) == 0; /* no lone letter, no stray bits */
}
