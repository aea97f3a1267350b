/* keys.c - where the keys live and come from.
 *
 * The keys stand in one block of sodium_malloc: between guard pages, locked where the limits allow
 * it, marked MADV_DONTDUMP so that a core file does not give them away, and read-only but while a
 * key is added.
 *
 * A key file is made whole under another name, synced, and then linked to its own name. So a power
 * cut leaves a good file or none, and of two processes that start at once one makes the key and
 * both read it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sodium.h>

#include "internal.h"

static_assert(MB_NOTICE_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "one key, one size");

enum { HEX_DIGITS = 2 * MB_NOTICE_KEY_BYTES };

struct mb_notice_keys {
    size_t count;
    uint8_t key[MB_NOTICE_KEYS_MAX][MB_NOTICE_KEY_BYTES]; /* [0] signs */
};

struct mb_notice_keys *mb_xnotice_keys_new(void)
{
    if (sodium_init() < 0) {
        abort();
    }
    struct mb_notice_keys *keys = sodium_malloc(sizeof *keys);
    if (!keys) {
        abort();
    }
    sodium_memzero(keys, sizeof *keys);
    sodium_mprotect_readonly(keys);
    return keys;
}

void mb_notice_keys_free(struct mb_notice_keys *keys)
{
    sodium_free(keys); /* wipes; takes NULL */
}

int mb_notice_keys_add(struct mb_notice_keys *keys, const uint8_t key[MB_NOTICE_KEY_BYTES])
{
    if (keys->count == MB_NOTICE_KEYS_MAX) {
        return MB_ENOMEM;
    }
    sodium_mprotect_readwrite(keys);
    memcpy(keys->key[keys->count++], key, MB_NOTICE_KEY_BYTES);
    sodium_mprotect_readonly(keys);
    return 0;
}

/* 32 hex digits, then nothing but at most one line end. */
static int parse_key(const char *text, size_t len, uint8_t key[MB_NOTICE_KEY_BYTES])
{
    size_t key_len = 0;
    if (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    if (len != HEX_DIGITS ||
        sodium_hex2bin(key, MB_NOTICE_KEY_BYTES, text, len, NULL, &key_len, NULL) ||
        key_len != MB_NOTICE_KEY_BYTES) {
        return MB_ESYNTAX;
    }
    return 0;
}

/* MB_ENOTFOUND where there is no such file. */
static int read_key(const char *path, uint8_t key[MB_NOTICE_KEY_BYTES], struct mb_error *err)
{
    char text[HEX_DIGITS + 3]; /* one more than a good file has, to see that it goes on */
    size_t len = 0;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int code = errno == ENOENT ? MB_ENOTFOUND : MB_EIO;
        return mb_fail(err, code, path, "cannot open the key file: %s", strerror(errno));
    }
    while (len < sizeof text && (got = read(fd, text + len, sizeof text - len)) > 0) {
        len += (size_t)got;
    }
    int rc = 0;
    if (got < 0) {
        rc = mb_fail(err, MB_EIO, path, "cannot read the key file: %s", strerror(errno));
    } else if (parse_key(text, len, key)) {
        rc = mb_fail(err, MB_ESYNTAX, path, "a key file holds %d hex digits and nothing else",
                     HEX_DIGITS);
    }
    sodium_memzero(text, sizeof text);
    close(fd);
    return rc;
}

static bool write_fresh_key(int fd)
{
    uint8_t key[MB_NOTICE_KEY_BYTES];
    char text[HEX_DIGITS + 1];
    randombytes_buf(key, sizeof key);
    sodium_bin2hex(text, sizeof text, key, sizeof key);
    text[HEX_DIGITS] = '\n';
    bool ok = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
    sodium_memzero(key, sizeof key);
    sodium_memzero(text, sizeof text);
    return ok;
}

static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Leaves a whole key file at `path`, ours or that of another process that was faster. */
static int create_key_file(const char *path, struct mb_error *err)
{
    char draft[PATH_MAX];
    int len = snprintf(draft, sizeof draft, "%s.new-%ld", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof draft) {
        return mb_fail(err, MB_EIO, path, "the path is too long");
    }
    unlink(draft); /* of a dead process that had our number */
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_fresh_key(fd) && (link(draft, path) == 0 || errno == EEXIST);
    int why = errno;
    if (fd >= 0) {
        close(fd);
        unlink(draft);
    }
    if (ok && !sync_folder_of(path)) {
        why = errno;
        ok = false;
    }
    return ok ? 0 : mb_fail(err, MB_EIO, path, "cannot make the key file: %s", strerror(why));
}

int mb_notice_keys_add_file(struct mb_notice_keys *keys, const char *path, struct mb_error *err)
{
    uint8_t key[MB_NOTICE_KEY_BYTES];
    int rc = read_key(path, key, err);
    if (rc == MB_ENOTFOUND) {
        rc = create_key_file(path, err);
        if (rc == 0) {
            rc = read_key(path, key, err);
        }
        if (rc == MB_ENOTFOUND) {
            rc = mb_fail(err, MB_EIO, path, "the key file went away again");
        }
    }
    if (rc == 0 && mb_notice_keys_add(keys, key)) {
        rc = mb_fail(err, MB_ENOMEM, path, "more than %d keys", MB_NOTICE_KEYS_MAX);
    }
    sodium_memzero(key, sizeof key);
    return rc;
}

size_t mb_notice_keys_count(const struct mb_notice_keys *keys)
{
    return keys->count;
}

/* A MAC of a text that no notice begins with. */
void mb_notice_keys_name(const struct mb_notice_keys *keys, size_t place, char out[16])
{
    static const uint8_t text[] = {0xfe, 'n', 'a', 'm', 'e'};
    uint8_t full[crypto_shorthash_siphashx24_BYTES];
    char hex[2 * MB_NOTICE_MAC_BYTES + 1];

    assert(place < keys->count);
    crypto_shorthash_siphashx24(full, text, sizeof text, keys->key[place]);
    sodium_bin2hex(hex, sizeof hex, full, MB_NOTICE_MAC_BYTES);
    memcpy(out, hex, 2 * MB_NOTICE_MAC_BYTES);
}

int mb_notice_keys_write(const struct mb_notice_keys *keys, int fd, struct mb_error *err)
{
    size_t len = keys->count * MB_NOTICE_KEY_BYTES;

    if (pwrite(fd, keys->key, len, 0) != (ssize_t)len) {
        return mb_fail(err, MB_EIO, "notice_keys", "cannot be handed on: %s", strerror(errno));
    }
    return 0;
}

int mb_notice_keys_read(int fd, struct mb_notice_keys **out, struct mb_error *err)
{
    struct mb_notice_keys *keys = mb_xnotice_keys_new();

    sodium_mprotect_readwrite(keys);
    ssize_t got = pread(fd, keys->key, sizeof keys->key, 0);
    bool good = got > 0 && got % MB_NOTICE_KEY_BYTES == 0;
    keys->count = good ? (size_t)got / MB_NOTICE_KEY_BYTES : 0;
    sodium_mprotect_readonly(keys);
    *out = good ? keys : NULL;
    if (!good) {
        mb_notice_keys_free(keys);
        return mb_fail(err, got < 0 ? MB_EIO : MB_EINVAL, "notice_keys", "were not handed on");
    }
    return 0;
}

const uint8_t *mb__notice_key(const struct mb_notice_keys *keys, size_t place)
{
    return place < keys->count ? keys->key[place] : NULL;
}

void mb__notice_mac(const struct mb_notice_keys *keys, const uint8_t *text, size_t len,
                    uint8_t mac[MB_NOTICE_MAC_BYTES])
{
    uint8_t full[crypto_shorthash_siphashx24_BYTES];
    assert(keys->count > 0);
    crypto_shorthash_siphashx24(full, text, len, keys->key[0]);
    memcpy(mac, full, MB_NOTICE_MAC_BYTES);
}

bool mb__notice_mac_holds(const struct mb_notice_keys *keys, const uint8_t *text, size_t len,
                          const uint8_t mac[MB_NOTICE_MAC_BYTES])
{
    int holds = 0;
    for (size_t i = 0; i < keys->count; i++) {
        uint8_t full[crypto_shorthash_siphashx24_BYTES];
        crypto_shorthash_siphashx24(full, text, len, keys->key[i]);
        holds |= sodium_memcmp(full, mac, MB_NOTICE_MAC_BYTES) == 0;
    }
    return holds;
}

/* Hashed twice, behind a byte that no kind of notice has, so that no text of a stranger makes this the MAC of a token. */
void mb_notice_pseudonym(const struct mb_notice_keys *keys, struct mb_slice text, char out[16])
{
    static const uint8_t not_a_notice = 0xff;
    uint8_t inner[1 + crypto_shorthash_siphashx24_BYTES] = {not_a_notice};
    uint8_t mac[MB_NOTICE_MAC_BYTES];
    char hex[2 * MB_NOTICE_MAC_BYTES + 1];

    assert(keys->count > 0);
    crypto_shorthash_siphashx24(inner + 1, (const uint8_t *)text.data, text.len, keys->key[0]);
    mb__notice_mac(keys, inner, sizeof inner, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    memcpy(out, hex, 2 * MB_NOTICE_MAC_BYTES);
}
