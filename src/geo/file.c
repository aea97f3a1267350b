/* file.c - a database file becomes memory that nothing can change.
 *
 *     file -> [read once] -> memory file -> sealed -> mapped by libmaxminddb -> every node looked
 * at
 *
 * A mapped file kills its readers when somebody cuts it short, and tells nonsense while somebody
 * writes over it. So the file itself is never mapped: it is read once into a memory file, which is
 * sealed, and libmaxminddb, which opens paths only, gets that one's path below /proc. The memory is
 * there once, however many processes map it; it travels to them as a descriptor.
 *
 * What is half one file and half another can have good metadata. So the whole tree is walked before
 * a file is taken into use, and a sample of its records is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define BYTES_MAX ((off_t)2 << 30) /* the largest city databases have a tenth */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#define SETTLED_NS INT64_C(2000000000) /* the coarsest file systems keep times in steps of that */

enum { SAMPLE = 4096 }; /* records that are read */

/* --- which file, in which state --- */

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct mb_geo_source source_of(const struct stat *st)
{
    return (struct mb_geo_source){st->st_dev, st->st_ino, st->st_size, ns_of(st->st_mtim),
                                  ns_of(st->st_ctim)};
}

static bool same_source(const struct mb_geo_source *a, const struct mb_geo_source *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* Of a file that is about to be read: only if a later change must show. */
static struct mb_geo_source settled_source_of(const struct stat *st)
{
    struct mb_geo_source source = source_of(st);
    int64_t age_ns = mb_time_now_ms() * 1000000 - source.changed_ns;

    return age_ns >= SETTLED_NS ? source : (struct mb_geo_source){0};
}

/* --- reading --- */

/* Copies `size` bytes within the kernel. Gives how many there were. */
static off_t copy(int to, int from, off_t size)
{
    off_t left = size;
    while (left > 0) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        left -= n > 0 ? n : 0;
    }
    return size - left;
}

static int fail_io(struct mb_error *err, const char *path)
{
    return mb_fail(err, MB_EIO, path, "cannot read the geo database: %s", strerror(errno));
}

/* What the open file `fd` holds, as sealed memory. */
static int read_file(const char *path, int fd, int *out, struct mb_geo_source *source,
                     struct mb_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return fail_io(err, path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size > BYTES_MAX) {
        return mb_fail(err, MB_EINVAL, path, "a geo database is a file of at most 2 GiB");
    }
    struct mb_geo_source before = source_of(&st);
    *source = settled_source_of(&st);
    *out = memfd_create("moonbid-geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*out < 0) {
        return fail_io(err, path);
    }
    off_t copied = copy(*out, fd, st.st_size);
    if (fstat(fd, &st) != 0) {
        return fail_io(err, path);
    }
    struct mb_geo_source now = source_of(&st);
    if (copied != before.size || !same_source(&before, &now)) {
        return mb_fail(err, MB_EIO, path, "the geo database was changed while it was read");
    }
    return fcntl(*out, F_ADD_SEALS, SEALS) == 0 ? 0 : fail_io(err, path);
}

/* --- is it good? --- */

/* Counts records that tell a country; false where one cannot be read at all. */
static bool sample_record(MMDB_entry_s *entry, uint64_t *countries)
{
    static const char *const none[] = {"country", "iso_code", NULL};
    MMDB_entry_data_s data;
    int rc = MMDB_aget_value(entry, &data, none);
    *countries += mb_slice_present(mb__geo_country(entry));
    return rc == MMDB_SUCCESS || rc == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR;
}

static const char *fault_of(const MMDB_s *db)
{
    uint32_t count = db->metadata.node_count, every = count / SAMPLE + 1;
    uint64_t records = 0, countries = 0;
    for (uint32_t i = 0; i < count; i++) {
        MMDB_search_node_s node;
        if (MMDB_read_node(db, i, &node) != MMDB_SUCCESS ||
            node.left_record_type == MMDB_RECORD_TYPE_INVALID ||
            node.right_record_type == MMDB_RECORD_TYPE_INVALID) {
            return "its tree is damaged";
        }
        if (node.left_record_type == MMDB_RECORD_TYPE_DATA && records++ % every == 0 &&
            !sample_record(&node.left_record_entry, &countries)) {
            return "its records are damaged";
        }
        if (node.right_record_type == MMDB_RECORD_TYPE_DATA && records++ % every == 0 &&
            !sample_record(&node.right_record_entry, &countries)) {
            return "its records are damaged";
        }
    }
    return countries == 0 ? "it tells no country" : NULL;
}

/* --- opening --- */

static int open_memory(const char *name, int fd, struct mb_geo **out, struct mb_error *err)
{
    struct mb_geo *geo = mb__geo_new();
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int rc = MMDB_open(path, MMDB_MODE_MMAP, &geo->db);
    if (rc != MMDB_SUCCESS) {
        free(geo);
        int code = rc == MMDB_FILE_OPEN_ERROR ? MB_EIO : MB_ESYNTAX;
        return mb_fail(err, code, name, "cannot use the geo database: %s", MMDB_strerror(rc));
    }
    geo->fd = fd;
    *out = geo;
    return 0;
}

static int check(const char *path, struct mb_geo *geo, struct mb_error *err)
{
    const char *fault = fault_of(&geo->db);
    return fault ? mb_fail(err, MB_ESYNTAX, path, "cannot use the geo database: %s", fault) : 0;
}

int mb_geo_open(const char *path, struct mb_geo **out, struct mb_error *err)
{
    struct mb_geo_source source;
    struct mb_geo *geo = NULL;
    int memory = -1, rc;
    /* Not blocking: the path may name a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return fail_io(err, path);
    }
    rc = read_file(path, fd, &memory, &source, err);
    close(fd);
    if (!rc) {
        rc = open_memory(path, memory, &geo, err);
    }
    if (rc) {
        if (memory >= 0) {
            close(memory);
        }
        return rc;
    }
    rc = check(path, geo, err);
    if (rc) {
        mb_geo_close(geo);
        return rc;
    }
    geo->source = source;
    *out = geo;
    return 0;
}

/* The next bytes of a file, as many as there are room for or left; where they do not come the file ends. */
static size_t read_some(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n = 1;
    while (len < size && (n > 0 || (n < 0 && errno == EINTR))) {
        n = read(fd, out + len, size - len);
        len += n > 0 ? (size_t)n : 0;
    }
    return len;
}

static bool holds(int fd, const char *memory, size_t size)
{
    char piece[65536];
    size_t at = 0, n = 1;
    while (n > 0 && at < size) {
        n = read_some(fd, piece, sizeof(piece) < size - at ? sizeof(piece) : size - at);
        if (memcmp(memory + at, piece, n) != 0) {
            return false;
        }
        at += n;
    }
    return at == size && read_some(fd, piece, 1) == 0;
}

static bool is_same(int memory_fd, int fd)
{
    struct stat st, memory_st;
    bool same = false;
    if (fstat(fd, &st) == 0 && fstat(memory_fd, &memory_st) == 0 && st.st_size > 0 &&
        st.st_size == memory_st.st_size) {
        size_t size = (size_t)st.st_size;
        const char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, memory_fd, 0);
        if (memory != MAP_FAILED) {
            same = holds(fd, memory, size);
            munmap((void *)(uintptr_t)memory, size);
        }
    }
    return same;
}

bool mb_geo_is_file(int memory_fd, const char *path, struct mb_geo_source *source)
{
    struct stat st;
    bool same = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        struct mb_geo_source now = source_of(&st), settled = settled_source_of(&st);
        same = same_source(&now, source);
        if (!same) {
            same = is_same(memory_fd, fd);
            *source = same ? settled : (struct mb_geo_source){0};
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return same;
}

struct mb_geo_source mb_geo_source(const struct mb_geo *geo)
{
    return geo->source;
}

int mb_geo_open_shared(int fd, struct mb_geo **out, struct mb_error *err)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int seals = own < 0 ? -1 : fcntl(own, F_GET_SEALS);
    int rc;
    if (seals < 0 || (seals & SEALS) != SEALS) {
        rc = mb_fail(err, MB_EINVAL, NULL, "no sealed memory of a geo database");
    } else {
        rc = open_memory(NULL, own, out, err);
    }
    if (rc && own >= 0) {
        close(own);
    }
    return rc;
}

int mb_geo_fd(const struct mb_geo *geo)
{
    return geo->is_table ? -1 : geo->fd;
}
