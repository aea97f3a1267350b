/* parcel.c - what a generation is made of, as descriptors, and what a process makes of them.
 *
 * Everything is read from the disk once, by the checker, into memory files that are sealed, so that
 * nobody can change them any more. Whoever takes the generation, a worker now or one that starts in
 * a week, takes it from there, and the memory goes with the last process that lets go of it.
 *
 * Keys have a memory file of their own, which is never mapped and read into memory that is kept out
 * of core dumps; the config names them only.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "moonbid/json_doc.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* --- parcels --- */

void mb__parcel_close(struct mb__parcel *parcel)
{
    int i;

    for (i = 0; i < MB__PIECES; i++) {
        if (parcel->fds[i] >= 0) {
            close(parcel->fds[i]);
        }
    }
    *parcel = MB__PARCEL_EMPTY;
}

static int memory_file(const char *name, struct mb_error *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        (void)mb_fail(err, MB_EIO, NULL, "no memory file: %s", strerror(errno));
    }
    return fd;
}

static int seal(int fd, int rc, int *out, struct mb_error *err)
{
    if (!rc && fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
        rc = mb_fail(err, MB_EIO, NULL, "a memory file cannot be sealed: %s", strerror(errno));
    }
    *out = rc ? -1 : fd;
    if (rc) {
        close(fd);
    }
    return rc;
}

int mb__piece_of_text(struct mb_slice text, int *out, struct mb_error *err)
{
    int fd = memory_file("moonbid", err);
    int rc = 0;

    *out = -1;
    if (fd < 0) {
        return MB_EIO;
    }
    while (text.len > 0 && !rc) {
        ssize_t n = write(fd, text.data, text.len);

        if (n < 0) {
            rc = mb_fail(err, MB_EIO, NULL, "no room in memory: %s", strerror(errno));
        } else {
            text = mb_slice(text.data + n, text.len - (size_t)n);
        }
    }
    return seal(fd, rc, out, err);
}

int mb__piece_of_config(const struct mb_config *config, int *out, struct mb_error *err)
{
    struct mb_doc *doc = mb_xconfig_to_doc(config);
    struct mb_buf text = {0};
    int rc;

    mb_xdoc_write(doc, false, &text);
    mb_doc_free(doc);
    rc = mb__piece_of_text(mb_buf_slice(&text), out, err);
    mb_buf_fini(&text);
    return rc;
}

int mb__piece_of_keys(const struct mb_notice_keys *keys, int *out, struct mb_error *err)
{
    int fd = memory_file("moonbid keys", err);

    *out = -1;
    return fd < 0 ? MB_EIO : seal(fd, mb_notice_keys_write(keys, fd, err), out, err);
}

int mb__piece_text(int fd, struct mb_buf *out, struct mb_error *err)
{
    char block[16384];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, block, sizeof(block), at)) > 0) {
        mb_xbuf_add(out, block, (size_t)n);
        at += n;
    }
    return n < 0 ? mb_fail(err, MB_EIO, NULL, "a memory file cannot be read: %s", strerror(errno))
                 : 0;
}

/* --- what a process makes of it --- */

int mb__config_of_piece(int fd, struct mb_config **out, struct mb_error *err)
{
    struct mb_buf text = {0};
    struct mb_doc *doc = NULL;
    int rc = mb__piece_text(fd, &text, err);

    if (!rc) {
        rc = mb_doc_parse(mb_buf_slice(&text), &doc, err);
    }
    if (!rc) {
        rc = mb_config_from_doc(doc, out, err);
    }
    mb_doc_free(doc);
    mb_buf_fini(&text);
    return rc;
}

int mb__settings_open(const struct mb__parcel *parcel, struct mb__settings *out,
                      struct mb_error *err)
{
    int rc;

    *out = (struct mb__settings){0};
    rc = mb__config_of_piece(parcel->fds[MB__PIECE_CONFIG], &out->config, err);
    if (!rc) {
        rc = mb_notice_keys_read(parcel->fds[MB__PIECE_KEYS], &out->keys, err);
    }
    if (!rc && parcel->fds[MB__PIECE_GEO] >= 0) {
        rc = mb_geo_open_shared(parcel->fds[MB__PIECE_GEO], &out->geo, err);
    }
    if (rc) {
        mb__settings_close(out);
    }
    return rc;
}

void mb__settings_close(struct mb__settings *settings)
{
    mb_geo_close(settings->geo);
    mb_notice_keys_free(settings->keys);
    mb_config_free(settings->config);
    *settings = (struct mb__settings){0};
}

uint64_t mb__settings_version(const struct mb__settings *settings)
{
    struct mb_doc *doc = mb_xconfig_to_doc(settings->config);
    struct mb_buf text = {0};
    uint64_t version;

    mb_xdoc_write(doc, false, &text);
    version = mb_slice_hash(mb_buf_slice(&text));
    mb_doc_free(doc);
    mb_buf_fini(&text);
    return version;
}
