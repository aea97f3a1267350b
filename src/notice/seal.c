/* seal.c - a MAC over two texts of any length.
 *
 * Each text is hashed with the key, and the MAC is over both hashes behind a byte that no kind of
 * notice has: so a seal is no signature of a token, and where one text ends and the other begins
 * cannot be shifted.
 */
#include <sodium.h>

#include "internal.h"

enum { NOT_A_NOTICE = 0xfe, HASH_BYTES = crypto_shorthash_siphashx24_BYTES };

static void mac_with(const uint8_t key[MB_NOTICE_KEY_BYTES], struct mb_slice first,
                     struct mb_slice second, uint8_t mac[HASH_BYTES])
{
    uint8_t inner[1 + 2 * HASH_BYTES] = {NOT_A_NOTICE};
    crypto_shorthash_siphashx24(inner + 1, (const uint8_t *)first.data, first.len, key);
    crypto_shorthash_siphashx24(inner + 1 + HASH_BYTES, (const uint8_t *)second.data, second.len,
                                key);
    crypto_shorthash_siphashx24(mac, inner, sizeof inner, key);
}

void mb_notice_seal(const struct mb_notice_keys *keys, struct mb_slice first, struct mb_slice second,
                    char out[MB_NOTICE_SEAL_CHARS])
{
    uint8_t mac[HASH_BYTES];
    mac_with(mb__notice_key(keys, 0), first, second, mac);
    mb__notice_to_base64url(mac, MB_NOTICE_MAC_BYTES, out);
}

bool mb_notice_seal_holds(const struct mb_notice_keys *keys, struct mb_slice first,
                          struct mb_slice second, struct mb_slice seal)
{
    uint8_t given[MB_NOTICE_MAC_BYTES + 1];
    size_t len = 0;
    int holds = 0;
    if (seal.len != MB_NOTICE_SEAL_CHARS || !mb__notice_from_base64url(seal, given, &len) ||
        len != MB_NOTICE_MAC_BYTES) {
        return false;
    }
    for (size_t i = 0; mb__notice_key(keys, i); i++) {
        uint8_t mac[HASH_BYTES];
        mac_with(mb__notice_key(keys, i), first, second, mac);
        holds |= sodium_memcmp(mac, given, MB_NOTICE_MAC_BYTES) == 0;
    }
    return holds;
}
