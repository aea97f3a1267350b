/* bundle_pack.c - files go into one sealed memory file.
 *
 *     header | bytes of each file, a zero behind each; behind a list its table | paths, a zero
 *     behind each | entries
 *
 * The version is a sum over a hash of each file's path and bytes.
 *
 * The table of a list is made here, once, by whoever reads the folder: whoever maps the bundle
 * finds a million rows without holding any. A list that has not changed keeps the table of the
 * bundle before.
 */
#include "bundle_format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX ((uint64_t)4 << 30)

/* --- the files --- */

static int by_path(const void *a, const void *b)
{
    const struct mb__bundle_file *first = a, *second = b;
    return strcmp(first->path, second->path);
}

void mb__bundle_files_fini(struct mb__bundle_files *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->files[i].path);
    free(found->files);
}

void mb__bundle_add(struct mb__bundle_files *found, struct mb_slice path, struct mb_slice bytes)
{
    if (found->count == found->room) {
        found->room = found->room ? 2 * found->room : 64;
        found->files = realloc(found->files, found->room * sizeof(*found->files));
    }
    char *copy = strndup(path.data, path.len);
    if (!found->files || !copy)
        abort();
    found->files[found->count++] = (struct mb__bundle_file){copy, bytes};
}

/* --- writing --- */

struct writer {
    int fd;
    uint64_t at;
    uint64_t hash;
    const struct mb_bundle *before; /* NULL: none */
    size_t root_len;                /* of the candidates' folder */
    struct mb_error *err;
};

static int write_all(struct writer *writer, const void *bytes, size_t len)
{
    const char *data = bytes;
    if (writer->at + len > BYTES_MAX)
        return mb_fail(writer->err, MB_ENOMEM, NULL, "more than 4 GiB of scripts and lists");
    for (size_t done = 0; done < len;) {
        ssize_t n = write(writer->fd, data + done, len - done);
        if (n < 0 && errno != EINTR)
            return mb_fail(writer->err, MB_EIO, NULL, "no room for the scripts: %s",
                           strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    writer->at += len;
    return 0;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static uint64_t hash_on(uint64_t hash, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * HASH_PRIME;
    return hash;
}

static uint64_t hash_of_path(const char *path)
{
    return (hash_on(HASH_START, path, strlen(path)) ^ 0xff) * HASH_PRIME;
}

/* The bytes of the open file `in`; `len` gets their number. */
static int copy_bytes(struct writer *writer, int in, const char *path, uint64_t *len)
{
    char chunk[65536];
    uint64_t hash = hash_of_path(path);
    int rc = 0;
    *len = 0;
    while (rc == 0) {
        ssize_t n = read(in, chunk, sizeof(chunk));
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mb_fail(writer->err, MB_EIO, path, "%s", strerror(errno));
        hash = hash_on(hash, chunk, (size_t)n);
        rc = write_all(writer, chunk, (size_t)n);
        *len += (uint64_t)n;
    }
    writer->hash += hash ^ (hash >> 29);
    return rc ? rc : write_all(writer, "", 1);
}

static bool is_list(const struct writer *writer, const char *path)
{
    bool beside = mb_bundle_is_beside(mb_slice_of(path));
    return mb_slice_starts(mb_slice_of(path + (beside ? writer->root_len : 0)), MB_SLICE("lists/"));
}

/* A list that is too long for a table is refused before it is copied. */
static int check_size(struct writer *writer, int in, const char *path)
{
    struct stat info;
    if (is_list(writer, path) && fstat(in, &info) == 0 && info.st_size > (off_t)MB_ROWS_TEXT_MAX)
        return mb_fail(writer->err, MB_ENOMEM, path,
                       "%lld bytes: a list may have 2 GiB less one byte", (long long)info.st_size);
    return 0;
}

static int copy_file(struct writer *writer, const char *root, const char *path,
                     struct mb__bundle_entry *entry)
{
    struct mb_buf full = {0};
    bool beside = mb_bundle_is_beside(mb_slice_of(path));
    mb_xbuf_printf(&full, "%s%s%s%c", beside ? "" : root, beside ? "" : "/", path, '\0');
    int in = open(full.data, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    mb_buf_fini(&full);
    if (in < 0)
        return mb_fail(writer->err, MB_EIO, path, "%s", strerror(errno));
    entry->bytes_at = writer->at;
    int rc = check_size(writer, in, path);
    if (rc == 0)
        rc = copy_bytes(writer, in, path, &entry->bytes_len);
    close(in);
    return rc;
}

static int copy_memory(struct writer *writer, const struct mb__bundle_file *file,
                       struct mb__bundle_entry *entry)
{
    uint64_t hash = hash_on(hash_of_path(file->path), file->bytes.data, file->bytes.len);
    writer->hash += hash ^ (hash >> 29);
    *entry = (struct mb__bundle_entry){.bytes_at = writer->at, .bytes_len = file->bytes.len};
    int rc = write_all(writer, file->bytes.data, file->bytes.len);
    return rc ? rc : write_all(writer, "", 1);
}

/* Zeros up to the next multiple of eight. */
static int align(struct writer *writer)
{
    return write_all(writer, "\0\0\0\0\0\0\0", (8 - writer->at % 8) % 8);
}

/* The table that `before` has of a list with the same bytes; absent: none. */
static struct mb_slice table_before(const struct writer *writer, const char *path,
                                    struct mb_slice bytes)
{
    struct mb_slice table = MB_SLICE_NONE;
    if (!writer->before || !mb_slice_eq(mb_bundle_file(writer->before, mb_slice_of(path)), bytes))
        return table;
    return mb__bundle_table(writer->before, mb_slice_of(path));
}

/* Makes the room behind the bytes of a list and its table in it, both in one mapping. */
static int make_table(struct writer *writer, struct mb__bundle_entry *entry, struct mb_slice bytes)
{
    size_t size = (size_t)(entry->table_at + entry->table_len);
    if (size > BYTES_MAX ||
        fallocate(writer->fd, 0, (off_t)entry->table_at, (off_t)entry->table_len) != 0)
        return MB_ENOMEM;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
    if (memory == MAP_FAILED)
        return MB_ENOMEM;
    mb_rows_make_table(mb_slice(memory + entry->bytes_at, bytes.len), memory + entry->table_at,
                       (size_t)entry->table_len);
    munmap(memory, size);
    writer->at = size;
    return lseek(writer->fd, (off_t)size, SEEK_SET) < 0 ? MB_ENOMEM : 0;
}

/* The table of the list that has just been written, behind it. */
static int add_table(struct writer *writer, const char *path, struct mb__bundle_entry *entry)
{
    size_t size = (size_t)(entry->bytes_at + entry->bytes_len);
    int rc = align(writer);
    char *written = mmap(NULL, size, PROT_READ, MAP_PRIVATE, writer->fd, 0);
    if (rc != 0 || written == MAP_FAILED)
        return mb_fail(writer->err, MB_EIO, path, "cannot map the scripts: %s", strerror(errno));
    struct mb_slice bytes = mb_slice(written + entry->bytes_at, (size_t)entry->bytes_len);
    struct mb_slice old = table_before(writer, path, bytes);
    entry->table_at = writer->at;
    entry->table_len = old.data ? old.len : mb_rows_table_len(bytes);
    if (old.data)
        rc = write_all(writer, old.data, old.len);
    else if (entry->table_len == 0 || make_table(writer, entry, bytes) != 0)
        rc = mb_fail(writer->err, MB_ENOMEM, path, "no room for the table of the list");
    munmap(written, size);
    return rc;
}

static int write_file(struct writer *writer, const char *root, const struct mb__bundle_file *file,
                      struct mb__bundle_entry *entry)
{
    int rc = mb_slice_present(file->bytes) ? copy_memory(writer, file, entry)
                                           : copy_file(writer, root, file->path, entry);
    if (rc == 0 && is_list(writer, file->path))
        rc = add_table(writer, file->path, entry);
    return rc;
}

static int write_parts(struct writer *writer, const char *root,
                       const struct mb__bundle_files *found, struct mb__bundle_header *header,
                       struct mb__bundle_entry *entries)
{
    int rc = write_all(writer, header, sizeof(*header));
    for (size_t i = 0; rc == 0 && i < found->count; i++)
        rc = write_file(writer, root, &found->files[i], &entries[i]);
    for (size_t i = 0; rc == 0 && i < found->count; i++) {
        entries[i].path_at = writer->at;
        entries[i].path_len = strlen(found->files[i].path);
        rc = write_all(writer, found->files[i].path, entries[i].path_len + 1);
    }
    if (rc == 0)
        rc = align(writer);
    header->entries_at = writer->at;
    return rc ? rc : write_all(writer, entries, found->count * sizeof(*entries));
}

static int write_bundle(struct writer *writer, const char *root,
                        const struct mb__bundle_files *found, uint32_t single)
{
    struct mb__bundle_header header = {
        .magic = MB__BUNDLE_MAGIC,
        .count = (uint32_t)found->count,
        .single = single,
        .root_len = found->root_len};
    struct mb__bundle_entry *entries = calloc(found->count + 1, sizeof(*entries));
    if (!entries)
        abort();
    int rc = write_parts(writer, root, found, &header, entries);
    free(entries);
    if (rc != 0)
        return rc;
    snprintf(header.version, sizeof(header.version), "%016llx", (unsigned long long)writer->hash);
    if (pwrite(writer->fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        fcntl(writer->fd, F_ADD_SEALS, MB__BUNDLE_SEALS) != 0)
        return mb_fail(writer->err, MB_EIO, NULL, "no room for the scripts: %s", strerror(errno));
    return 0;
}

int mb__bundle_pack(const char *root, struct mb__bundle_files *found, const char *single,
                    const struct mb_bundle *before, struct mb_bundle **out, struct mb_error *err)
{
    uint32_t single_at = MB__BUNDLE_NO_SINGLE;
    qsort(found->files, found->count, sizeof(*found->files), by_path);
    for (size_t i = 0; single && i < found->count; i++)
        if (strcmp(found->files[i].path, single) == 0)
            single_at = (uint32_t)i;
    int fd = memfd_create("moonbid-scripts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return mb_fail(err, MB_EIO, NULL, "no memory file for the scripts: %s", strerror(errno));
    struct writer writer = {
        .fd = fd, .before = before, .root_len = found->root_len, .err = err};
    int rc = write_bundle(&writer, root, found, single_at);
    if (rc == 0)
        rc = mb_bundle_map(fd, out, err);
    if (rc != 0)
        close(fd);
    return rc;
}
