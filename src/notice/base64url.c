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
    size_t n = 0, whole = len - len % 3;
    for (size_t i = 0; i < whole; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        out[n++] = letters[bits >> 18];
        out[n++] = letters[bits >> 12 & 63];
        out[n++] = letters[bits >> 6 & 63];
        out[n++] = letters[bits & 63];
    }
    if (len - whole == 1) {
        out[n++] = letters[bytes[whole] >> 2];
        out[n++] = letters[(bytes[whole] & 3) << 4];
    } else if (len - whole == 2) {
        out[n++] = letters[bytes[whole] >> 2];
        out[n++] = letters[(bytes[whole] & 3) << 4 | bytes[whole + 1] >> 4];
        out[n++] = letters[(bytes[whole + 1] & 15) << 2];
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
