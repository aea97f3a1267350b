/* spool.c - where a worker puts events while nobody takes them: a file of its own in the data
 * folder.
 *
 * A record is its length, a checksum, its sequence and the event's text. What is torn at the end
 * was never answered, and is left out. The writer holds a lock on the file as long as it lives; who
 * gets the lock knows that the writer is dead, and may take the records over. The file goes when
 * all it has is in the ledger: by its writer, or by who took it over. Both may record the same
 * event, for its sender and sequence tell that it is the same.
 */
#include "books.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_FORMAT "spool-%016" PRIx64
#define NAME_SCAN "spool-%16" SCNx64

struct head {
    uint32_t bytes; /* of the text */
    uint32_t sum;   /* over sequence and text */
    int64_t sequence;
};

/* FNV-1a: tells a torn record from a whole one; nobody forges what lies in our own folder. */
static uint32_t checksum(int64_t sequence, struct mb_slice text)
{
    uint32_t sum = UINT32_C(2166136261) ^ (uint32_t)sequence ^ (uint32_t)(sequence >> 32);
    size_t i;

    for (i = 0; i < text.len; i++) {
        sum = (sum ^ (uint8_t)text.data[i]) * UINT32_C(16777619);
    }
    return sum;
}

void mb__xspool_add(struct mb_buf *out, int64_t sequence, const struct mb_event *event)
{
    size_t start = out->len;
    struct head head = {.sequence = sequence};
    struct mb_slice text;

    mb_xbuf_add(out, &head, sizeof(head));
    mb_xledger_write_event(event, out);
    text = mb_slice(out->data + start + sizeof(head), out->len - start - sizeof(head));
    head.bytes = (uint32_t)text.len;
    head.sum = checksum(sequence, text);
    memcpy(out->data + start, &head, sizeof(head));
}

/* --- writing --- */

static void path_of(const struct mb__spool *spool, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/" NAME_FORMAT, spool->dir, (uint64_t)spool->sender);
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* Whoever looks for spools may have got the lock first, found nothing and removed the file. */
static bool open_locked(struct mb__spool *spool, const char *path)
{
    struct stat st;

    for (;;) {
        spool->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (spool->fd < 0 || flock(spool->fd, LOCK_EX) != 0 || fstat(spool->fd, &st) != 0 ||
            (st.st_nlink > 0 && sync_folder(spool->dir) != 0)) {
            mb__spool_close(spool);
            return false;
        }
        if (st.st_nlink > 0) {
            spool->size = st.st_size;
            spool->torn = false;
            return true;
        }
        mb__spool_close(spool);
    }
}

static bool write_all(int fd, struct mb_slice rest)
{
    while (rest.len > 0) {
        ssize_t written = write(fd, rest.data, rest.len);

        if (written <= 0 && !(written < 0 && errno == EINTR)) {
            return false;
        }
        if (written > 0) {
            rest = mb_slice(rest.data + written, rest.len - (size_t)written);
        }
    }
    return true;
}

int mb__spool_write(struct mb__spool *spool, struct mb_slice records, struct mb_error *err)
{
    char path[PATH_MAX];
    bool ok;

    path_of(spool, path);
    ok = spool->fd >= 0 || open_locked(spool, path);
    if (ok && spool->torn) {
        ok = ftruncate(spool->fd, spool->size) == 0;
        spool->torn = !ok;
    }
    if (ok) {
        spool->torn = true;
        ok = write_all(spool->fd, records) && fdatasync(spool->fd) == 0;
    }
    if (!ok) {
        int rc = mb_fail(err, MB_EIO, path, "cannot be written: %s", strerror(errno));

        spool->torn = spool->fd >= 0 && ftruncate(spool->fd, spool->size) != 0;
        return rc;
    }
    spool->torn = false;
    spool->size += (int64_t)records.len;
    return 0;
}

void mb__spool_drop(struct mb__spool *spool)
{
    char path[PATH_MAX];

    if (spool->fd >= 0) {
        path_of(spool, path);
        unlink(path);
        mb__spool_close(spool);
    }
}

void mb__spool_close(struct mb__spool *spool)
{
    if (spool->fd >= 0) {
        close(spool->fd);
    }
    spool->fd = -1;
}

/* --- taking over --- */

struct taking {
    bool (*on_event)(void *user, const struct mb_event *event, struct mb_ledger_origin origin);
    void *user;
    int64_t sender;
    struct mb_arena arena;
    char *text;
    bool torn; /* the file did not end behind a whole record */
};

/* False where taking must end: not at a torn or strange record, which ends the file. */
static bool take_records(struct taking *t, FILE *file)
{
    struct head head;
    struct mb_event event;
    size_t got = 0;

    while ((got = fread(&head, 1, sizeof(head), file)) == sizeof(head) &&
           head.bytes <= MB__LINE_TEXT_MAX && fread(t->text, 1, head.bytes, file) == head.bytes &&
           head.sum == checksum(head.sequence, mb_slice(t->text, head.bytes))) {
        mb_arena_reset(&t->arena);
        if (mb_ledger_read_event(mb_slice(t->text, head.bytes), &t->arena, &event, NULL) == 0 &&
            !t->on_event(t->user, &event, (struct mb_ledger_origin){t->sender, head.sequence})) {
            return false;
        }
    }
    t->torn = got > 0;
    return true;
}

/* What stands behind a torn record was most likely never answered. It is kept, for somebody to look
 * at in case a disk has lied. */
static void put_aside(const char *dir, const char *path)
{
    char aside[PATH_MAX];

    snprintf(aside, sizeof(aside), "%s/torn-%s", dir, strrchr(path, '/') + 1);
    if (rename(path, aside) == 0) {
        mb_log(MB_LOG_WARN, "process", "the end of a spool is torn", "kept=%s", aside);
    }
}

/* Whether it is gone: taken over, and removed. */
static bool take_file(struct taking *t, const char *dir, const char *path,
                      bool (*on_end)(void *user, const char *path))
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    bool taken = false;

    if (!file) {
        if (fd >= 0) {
            close(fd);
        }
        return fd < 0 && errno == ENOENT;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        taken = take_records(t, file) && on_end(t->user, path);
    }
    if (taken && t->torn) {
        put_aside(dir, path);
    } else if (taken) {
        unlink(path);
    }
    fclose(file);
    return taken;
}

void mb__spool_take(const char *dir,
                    bool (*on_event)(void *user, const struct mb_event *event,
                                     struct mb_ledger_origin origin),
                    bool (*on_end)(void *user, const char *path), void *user, bool *left)
{
    struct taking t = {.on_event = on_event, .user = user};
    DIR *folder = opendir(dir);
    struct dirent *entry;
    uint64_t sender;

    *left = false;
    if (!folder) {
        return;
    }
    t.text = malloc(MB__LINE_TEXT_MAX);
    if (!t.text) {
        abort();
    }
    mb_arena_init(&t.arena, 65536);
    while ((entry = readdir(folder))) {
        char path[PATH_MAX];

        if (sscanf(entry->d_name, NAME_SCAN, &sender) == 1) {
            t.sender = (int64_t)sender;
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
            *left = !take_file(&t, dir, path, on_end) || *left;
        }
    }
    mb_arena_fini(&t.arena);
    free(t.text);
    closedir(folder);
}
