/* internal.h - what the files of notice share: the MAC, and the text form of bytes. */
#ifndef MB_NOTICE_INTERNAL_H
#define MB_NOTICE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonbid/notice.h"

/* The first half of SipHashx-2-4's 128 bits: a blind forgery succeeds once in 2^64 tries (per key),
 * each of which is an HTTP request, and eleven characters of every URL are saved. */
enum { MB_NOTICE_MAC_BYTES = 8 };

/* The MAC of `text` with the signing key, of which there must be one (asserted). */
void mb__notice_mac(const struct mb_notice_keys *keys, const uint8_t *text, size_t len,
                    uint8_t mac[MB_NOTICE_MAC_BYTES]);

/* Does one of the keys give this MAC? Tries all of them whatever the first ones say. */
bool mb__notice_mac_holds(const struct mb_notice_keys *keys, const uint8_t *text, size_t len,
                          const uint8_t mac[MB_NOTICE_MAC_BYTES]);

/* The key at that place, the signing one first; NULL behind the last. */
const uint8_t *mb__notice_key(const struct mb_notice_keys *keys, size_t place);

/* Writes (len * 4 + 2) / 3 characters, no NUL, and returns their number. */
size_t mb__notice_to_base64url(const uint8_t *bytes, size_t len, char *out);

/* Writes text.len * 3 / 4 bytes. False for anything that the function above would not have written.
 */
bool mb__notice_from_base64url(struct mb_slice text, uint8_t *out, size_t *out_len);

#endif /* MB_NOTICE_INTERNAL_H */
