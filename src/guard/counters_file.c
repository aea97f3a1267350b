/* counters_file.c - where the script counters lie: a mapped file, or anonymous memory.
 *
 * The file is a page of header and then the entries, in the machine's own byte order: it belongs
 * to this machine, and what it holds is never more than hints to scripts. The kernel keeps what
 * was written when a process dies. A file that is not ours, of another size or version, or cut
 * short is moved aside and a fresh one made: nothing here may stop a start.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 4096, DEFAULT_MAX = 65536, LEAST = 64, MOST = 1 << 26, FILE_VERSION = 1 };

#define MAGIC UINT64_C(0x31746e63646e6f6d) /* "mondcnt1" */

struct header {
    uint64_t magic; /* written last */
    uint32_t version;
    uint32_t entry_bytes;
    uint64_t entries;
    uint64_t seed[2];
    _Atomic uint64_t evicted;
};

static uint32_t round_up(uint32_t max)
{
    uint32_t entries = LEAST;

    max = max == 0 ? DEFAULT_MAX : max > MOST ? MOST : max;
    while (entries < max) {
        entries *= 2;
    }
    return entries;
}

static bool is_ours(const struct header *header, uint32_t entries)
{
    return header->magic == MAGIC && header->version == FILE_VERSION &&
           header->entry_bytes == sizeof(struct mb__counter) && header->entries == entries;
}

static int make_header(struct header *header, uint32_t entries, struct mb_error *err)
{
    if (getrandom(header->seed, sizeof(header->seed), 0) != sizeof(header->seed)) {
        return mb_fail(err, MB_EIO, NULL, "no random bytes: %s", strerror(errno));
    }
    header->version = FILE_VERSION;
    header->entry_bytes = sizeof(struct mb__counter);
    header->entries = entries;
    atomic_thread_fence(memory_order_release);
    header->magic = MAGIC;
    return 0;
}

/* Whether there is a file at `path` that can be used as it is. */
static bool can_use(int fd, size_t bytes, uint32_t entries)
{
    struct header header;
    struct stat stat;

    return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (uint64_t)stat.st_size == bytes &&
           pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
           is_ours(&header, entries);
}

static void move_aside(const char *path)
{
    char aside[4096];
    int n = snprintf(aside, sizeof(aside), "%s.bad", path);

    if (n < 0 || (size_t)n >= sizeof(aside) || rename(path, aside) != 0) {
        unlink(path);
    }
    mb_log(MB_LOG_WARN, "guard", "counters were damaged or of another size: starting anew",
           "file=%s kept=%s.bad", path, path);
}

/* A descriptor of a file of `bytes` bytes: the one that is there, or a new one (*fresh). */
static int open_file(const char *path, size_t bytes, uint32_t entries, bool *fresh,
                     struct mb_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int rc;

    *fresh = false;
    if (fd >= 0 && can_use(fd, bytes, entries)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
        move_aside(path);
    } else if (errno != ENOENT) {
        move_aside(path);
    }
    *fresh = true;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mb_fail(err, MB_EIO, path, "cannot make the file of counters: %s", strerror(errno));
    }
    rc = posix_fallocate(fd, 0, (off_t)bytes); /* now, rather than a bus error on a full disk */
    if (rc != 0) {
        close(fd);
        unlink(path);
        return mb_fail(err, MB_EIO, path, "no room for the file of counters: %s", strerror(rc));
    }
    return fd;
}

int mb__counters_open(const char *path, uint32_t max, struct mb__counters *out,
                      struct mb_error *err)
{
    uint32_t entries = round_up(max);
    size_t bytes = HEADER_BYTES + entries * sizeof(struct mb__counter);
    int fd = -1, flags = MAP_SHARED;
    bool fresh = true;
    struct header *header;
    void *map;

    if (path) {
        fd = open_file(path, bytes, entries, &fresh, err);
        if (fd < 0) {
            return fd;
        }
    } else {
        flags |= MAP_ANONYMOUS;
    }
    map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0) {
        close(fd);
    }
    if (map == MAP_FAILED) {
        return mb_fail(err, MB_ENOMEM, path, "cannot map the counters: %s", strerror(errno));
    }
    header = map;
    out->map = map;
    out->map_bytes = bytes;
    out->seed = header->seed;
    out->evicted = &header->evicted;
    out->entries = (struct mb__counter *)(void *)((char *)map + HEADER_BYTES);
    out->mask = entries - 1;
    if (fresh) {
        return make_header(header, entries, err);
    }
    mb__counters_drop_claims(out);
    return 0;
}

void mb__counters_close(struct mb__counters *counters)
{
    if (counters->map) {
        munmap(counters->map, counters->map_bytes);
    }
}
