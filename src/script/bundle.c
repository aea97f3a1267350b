/* bundle.c - a scripts folder as one sealed memory file.
 *
 *     header | bytes of each file, a zero behind each | paths, a zero behind each | entries
 *
 * A reload that read files one by one while they are being written would take half of an edit; and
 * a worker that is restarted would load what nobody has checked. So the folder is read in one go,
 * and everybody loads from the copy.
 *
 * The version is a sum over a hash of each file's path and bytes.
 *
 * A file that was rolled back stands there twice: as it bids, and as it failed, below a hidden folder
 * that no reading of a folder comes by. So the memory of what failed goes wherever the bundle goes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "moonbid/bundle.h"

#define BYTES_MAX ((uint64_t)4 << 30)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define NO_SINGLE UINT32_MAX

#define FAILED_FOLDER ".failed/"

enum { FILES_MAX = 65536, DEPTH_MAX = 8 };

static const char magic[8] = {'m', 'b', 'b', 'u', 'n', 'd', 'l', '1'};

struct header {
    char magic[8];
    char version[24]; /* 16 digits and zeros */
    uint64_t entries_at;
    uint32_t count;
    uint32_t single; /* place of the only strategy file, or NO_SINGLE */
};

struct entry {
    uint64_t path_at, path_len, bytes_at, bytes_len;
};

struct mb_bundle {
    int fd;
    const char *memory;
    size_t size;
    const struct header *header;
    const struct entry *entries;
};

/* --- which files --- */

struct file {
    char *path;            /* relative to the folder */
    struct mb_slice bytes; /* absent: on disk */
};

struct found {
    struct file *files;
    size_t count, room;
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void found_fini(struct found *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->files[i].path);
    free(found->files);
}

static void add_file(struct found *found, struct mb_slice path, struct mb_slice bytes)
{
    if (found->count == found->room) {
        found->room = found->room ? 2 * found->room : 64;
        found->files = realloc(found->files, found->room * sizeof(*found->files));
    }
    char *copy = strndup(path.data, path.len);
    if (!found->files || !copy)
        abort();
    found->files[found->count++] = (struct file){copy, bytes};
}

static void add_path(struct found *found, const char *path)
{
    add_file(found, mb_slice_of(path), MB_SLICE_NONE);
}

static bool is_wanted(struct mb_slice path)
{
    return mb_slice_ends(path, MB_SLICE(".lua")) || mb_slice_starts(path, MB_SLICE("lists/")) ||
           mb_slice_starts(path, MB_SLICE("golden/"));
}

static int walk(const char *root, const char *below, int depth, struct found *found,
                struct mb_error *err);

/* One name in a folder; `path` is relative to the root. */
static int visit(const char *root, const char *path, int depth, struct found *found,
                 struct mb_error *err)
{
    struct mb_buf full = {0};
    struct stat info;
    int rc = 0;
    mb_xbuf_printf(&full, "%s/%s%c", root, path, '\0');
    if (stat(full.data, &info) != 0) {
        if (errno != ENOENT) /* a link to nothing, or gone again */
            rc = mb_fail(err, MB_EIO, path, "%s", strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        rc = depth < DEPTH_MAX
                 ? walk(root, path, depth + 1, found, err)
                 : mb_fail(err, MB_ENOMEM, path, "more than %d folders deep", DEPTH_MAX);
    } else if (S_ISREG(info.st_mode) && is_wanted(mb_slice_of(path))) {
        if (found->count == FILES_MAX)
            rc = mb_fail(err, MB_ENOMEM, path, "more than %d files", FILES_MAX);
        else
            add_path(found, path);
    }
    mb_buf_fini(&full);
    return rc;
}

/* All files of root/below; "" is the root itself. A folder that is not there has none. */
static int walk(const char *root, const char *below, int depth, struct found *found,
                struct mb_error *err)
{
    struct mb_buf path = {0};
    int rc = 0;
    mb_xbuf_printf(&path, "%s/%s%c", root, below, '\0');
    DIR *folder = opendir(path.data);
    if (!folder && errno != ENOENT)
        rc = mb_fail(err, MB_EIO, below[0] ? below : root, "%s", strerror(errno));
    struct dirent *entry;
    while (rc == 0 && folder && (entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        mb_buf_clear(&path);
        mb_xbuf_printf(&path, "%s%s%s%c", below, below[0] ? "/" : "", entry->d_name, '\0');
        rc = visit(root, path.data, depth, found, err);
    }
    if (folder)
        closedir(folder);
    mb_buf_fini(&path);
    return rc;
}

/* --- writing --- */

struct writer {
    int fd;
    uint64_t at;
    uint64_t hash;
    struct mb_error *err;
};

static int write_all(struct writer *writer, const void *bytes, size_t len)
{
    const char *data = bytes;
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
        if (writer->at + (uint64_t)n > BYTES_MAX)
            return mb_fail(writer->err, MB_ENOMEM, path, "more than 4 GiB of scripts and lists");
        hash = hash_on(hash, chunk, (size_t)n);
        rc = write_all(writer, chunk, (size_t)n);
        *len += (uint64_t)n;
    }
    writer->hash += hash ^ (hash >> 29);
    return rc ? rc : write_all(writer, "", 1);
}

static int copy_file(struct writer *writer, const char *root, const char *path, struct entry *entry)
{
    struct mb_buf full = {0};
    mb_xbuf_printf(&full, "%s/%s%c", root, path, '\0');
    int in = open(full.data, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    mb_buf_fini(&full);
    if (in < 0)
        return mb_fail(writer->err, MB_EIO, path, "%s", strerror(errno));
    entry->bytes_at = writer->at;
    int rc = copy_bytes(writer, in, path, &entry->bytes_len);
    close(in);
    return rc;
}

static int copy_memory(struct writer *writer, const struct file *file, struct entry *entry)
{
    uint64_t hash = hash_on(hash_of_path(file->path), file->bytes.data, file->bytes.len);
    writer->hash += hash ^ (hash >> 29);
    *entry = (struct entry){.bytes_at = writer->at, .bytes_len = file->bytes.len};
    int rc = write_all(writer, file->bytes.data, file->bytes.len);
    return rc ? rc : write_all(writer, "", 1);
}

static int write_parts(struct writer *writer, const char *root, const struct found *found,
                       struct header *header, struct entry *entries)
{
    int rc = write_all(writer, header, sizeof(*header));
    for (size_t i = 0; rc == 0 && i < found->count; i++)
        rc = mb_slice_present(found->files[i].bytes)
                 ? copy_memory(writer, &found->files[i], &entries[i])
                 : copy_file(writer, root, found->files[i].path, &entries[i]);
    for (size_t i = 0; rc == 0 && i < found->count; i++) {
        entries[i].path_at = writer->at;
        entries[i].path_len = strlen(found->files[i].path);
        rc = write_all(writer, found->files[i].path, entries[i].path_len + 1);
    }
    if (rc == 0)
        rc = write_all(writer, "\0\0\0\0\0\0\0", 8 - writer->at % 8);
    header->entries_at = writer->at;
    return rc ? rc : write_all(writer, entries, found->count * sizeof(*entries));
}

static int write_bundle(int fd, const char *root, const struct found *found, uint32_t single,
                        struct mb_error *err)
{
    struct writer writer = {.fd = fd, .err = err};
    struct header header = {.count = (uint32_t)found->count, .single = single};
    struct entry *entries = calloc(found->count + 1, sizeof(*entries));
    if (!entries)
        abort();
    memcpy(header.magic, magic, sizeof(magic));
    int rc = write_parts(&writer, root, found, &header, entries);
    free(entries);
    if (rc != 0)
        return rc;
    snprintf(header.version, sizeof(header.version), "%016llx", (unsigned long long)writer.hash);
    if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return mb_fail(err, MB_EIO, NULL, "no room for the scripts: %s", strerror(errno));
    return 0;
}

static int pack(const char *root, struct found *found, const char *single, struct mb_bundle **out,
                struct mb_error *err)
{
    uint32_t single_at = NO_SINGLE;
    qsort(found->files, found->count, sizeof(*found->files), by_path);
    for (size_t i = 0; single && i < found->count; i++)
        if (strcmp(found->files[i].path, single) == 0)
            single_at = (uint32_t)i;
    int fd = memfd_create("moonbid-scripts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return mb_fail(err, MB_EIO, NULL, "no memory file for the scripts: %s", strerror(errno));
    int rc = write_bundle(fd, root, found, single_at, err);
    if (rc == 0)
        rc = mb_bundle_map(fd, out, err);
    if (rc != 0)
        close(fd);
    return rc;
}

/* --- what to read --- */

static bool has_strategies(const char *root)
{
    struct mb_buf path = {0};
    struct stat info;
    mb_xbuf_printf(&path, "%s/strategies%c", root, '\0');
    bool has = stat(path.data, &info) == 0 && S_ISDIR(info.st_mode);
    mb_buf_fini(&path);
    return has;
}

static int read_folder(const char *root, struct mb_bundle **out, struct mb_error *err)
{
    struct found found = {0};
    if (!has_strategies(root))
        return mb_fail(err, MB_EIO, root, "no scripts folder: expected strategies/*.lua in it");
    int rc = walk(root, "", 1, &found, err);
    if (rc == 0)
        rc = pack(root, &found, NULL, out, err);
    found_fini(&found);
    return rc;
}

/* A file in a folder named strategies is one of a scripts folder; any other stands alone with the
 * lib/ and lists/ beside it, since its folder may hold anything. */
static int read_single(const char *file, struct mb_bundle **out, struct mb_error *err)
{
    struct mb_slice path = mb_slice_of(file);
    const char *slash = memrchr(file, '/', path.len);
    struct mb_slice folder = slash ? mb_slice(file, (size_t)(slash - file)) : MB_SLICE(".");
    bool whole = mb_slice_ends(folder, MB_SLICE("/strategies"));
    const char *name = slash ? slash + 1 : file;
    struct mb_buf root = {0}, single = {0};
    struct found found = {0};
    int rc;
    if (whole)
        folder.len -= strlen("/strategies");
    mb_xbuf_printf(&root, "%.*s%c", MB_SLICE_ARG(folder), '\0');
    mb_xbuf_printf(&single, "%s%s%c", whole ? "strategies/" : "", name, '\0');
    if (whole) {
        rc = walk(root.data, "", 1, &found, err);
    } else {
        add_path(&found, name);
        rc = walk(root.data, "lib", 2, &found, err);
        if (rc == 0)
            rc = walk(root.data, "lists", 2, &found, err);
    }
    if (rc == 0)
        rc = pack(root.data, &found, single.data, out, err);
    found_fini(&found);
    mb_buf_fini(&root);
    mb_buf_fini(&single);
    return rc;
}

int mb_bundle_read(const char *path, struct mb_bundle **out, struct mb_error *err)
{
    struct stat info;
    *out = NULL;
    if (stat(path, &info) != 0)
        return mb_fail(err, MB_EIO, path, "%s", strerror(errno));
    return S_ISREG(info.st_mode) ? read_single(path, out, err) : read_folder(path, out, err);
}

/* --- reading it again --- */

static bool is_inside(const struct mb_bundle *bundle, uint64_t at, uint64_t len)
{
    return at <= bundle->size && len <= bundle->size - at;
}

static bool is_sound(const struct mb_bundle *bundle)
{
    const struct header *header = bundle->header;
    if (bundle->size < sizeof(*header) || memcmp(header->magic, magic, sizeof(magic)) != 0 ||
        header->count > FILES_MAX || header->entries_at % 8 != 0 ||
        !is_inside(bundle, header->entries_at, header->count * sizeof(struct entry)))
        return false;
    const struct entry *entry = (const struct entry *)(bundle->memory + header->entries_at);
    for (size_t i = 0; i < header->count; i++, entry++)
        if (!is_inside(bundle, entry->path_at, entry->path_len) ||
            !is_inside(bundle, entry->bytes_at, entry->bytes_len))
            return false;
    return true;
}

int mb_bundle_map(int fd, struct mb_bundle **out, struct mb_error *err)
{
    struct stat info;
    *out = NULL;
    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &info) != 0 || info.st_size <= 0)
        return mb_fail(err, MB_EINVAL, NULL, "no sealed bundle of scripts");
    size_t size = (size_t)info.st_size;
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return mb_fail(err, MB_EIO, NULL, "cannot map the scripts: %s", strerror(errno));
    struct mb_bundle *bundle = calloc(1, sizeof(*bundle));
    if (!bundle)
        abort();
    *bundle = (struct mb_bundle){.fd = fd, .memory = memory, .size = size, .header = memory};
    if (!is_sound(bundle)) {
        munmap(memory, size);
        free(bundle);
        return mb_fail(err, MB_EINVAL, NULL, "no sealed bundle of scripts");
    }
    bundle->entries = (const struct entry *)(bundle->memory + bundle->header->entries_at);
    *out = bundle;
    return 0;
}

void mb_bundle_free(struct mb_bundle *bundle)
{
    if (!bundle)
        return;
    munmap((void *)(uintptr_t)bundle->memory, bundle->size);
    close(bundle->fd);
    free(bundle);
}

int mb_bundle_fd(const struct mb_bundle *bundle)
{
    return bundle->fd;
}

struct mb_slice mb_bundle_version(const struct mb_bundle *bundle)
{
    return mb_slice(bundle->header->version, 16);
}

size_t mb_bundle_count(const struct mb_bundle *bundle)
{
    return bundle->header->count;
}

struct mb_slice mb_bundle_path(const struct mb_bundle *bundle, size_t place)
{
    const struct entry *entry = &bundle->entries[place];
    return mb_slice(bundle->memory + entry->path_at, entry->path_len);
}

struct mb_slice mb_bundle_bytes(const struct mb_bundle *bundle, size_t place)
{
    const struct entry *entry = &bundle->entries[place];
    return mb_slice(bundle->memory + entry->bytes_at, entry->bytes_len);
}

struct mb_slice mb_bundle_file(const struct mb_bundle *bundle, struct mb_slice path)
{
    size_t low = 0, high = bundle->header->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct mb_slice found = mb_bundle_path(bundle, middle);
        int order = memcmp(found.data, path.data, found.len < path.len ? found.len : path.len);
        if (order == 0 && found.len == path.len)
            return mb_bundle_bytes(bundle, middle);
        if (order < 0 || (order == 0 && found.len < path.len))
            low = middle + 1;
        else
            high = middle;
    }
    return MB_SLICE_NONE;
}

bool mb_bundle_is_strategy(const struct mb_bundle *bundle, size_t place)
{
    const struct mb_slice folder = MB_SLICE("strategies/");
    if (bundle->header->single != NO_SINGLE)
        return place == bundle->header->single;
    struct mb_slice path = mb_bundle_path(bundle, place);
    return mb_slice_starts(path, folder) && mb_slice_ends(path, MB_SLICE(".lua")) &&
           !memchr(path.data + folder.len, '/', path.len - folder.len);
}

/* --- going back --- */

/* Where the bundle keeps a file as it failed; the caller frees. */
static struct mb_buf failed_path(struct mb_slice path)
{
    struct mb_buf out = {0};
    mb_xbuf_printf(&out, FAILED_FOLDER "%.*s", MB_SLICE_ARG(path));
    return out;
}

static struct mb_slice failed_bytes(const struct mb_bundle *bundle, struct mb_slice path)
{
    struct mb_buf place = failed_path(path);
    struct mb_slice bytes = mb_bundle_file(bundle, mb_buf_slice(&place));
    mb_buf_fini(&place);
    return bytes;
}

bool mb_bundle_rolled_back(const struct mb_bundle *bundle, struct mb_slice path)
{
    return mb_slice_present(failed_bytes(bundle, path));
}

static int pack_again(struct found *found, const struct mb_bundle *like, struct mb_bundle **out,
                      struct mb_error *err)
{
    uint32_t single = like->header->single;
    int rc = pack("", found, single == NO_SINGLE ? NULL : mb_bundle_path(like, single).data, out,
                  err);
    found_fini(found);
    return rc;
}

/* The file as it shall bid, and as it failed. */
static void add_both(struct found *found, struct mb_slice path, struct mb_slice bids,
                     struct mb_slice failed)
{
    struct mb_buf place = failed_path(path);
    add_file(found, path, bids);
    add_file(found, mb_buf_slice(&place), failed);
    mb_buf_fini(&place);
}

int mb_bundle_roll_back(const struct mb_bundle *bundle, const struct mb_bundle *before,
                        struct mb_slice path, struct mb_bundle **out, struct mb_error *err)
{
    struct mb_slice failed = mb_bundle_file(bundle, path), old = mb_bundle_file(before, path);
    struct mb_buf place = failed_path(path);
    struct found found = {0};
    *out = NULL;
    if (mb_slice_present(failed) && mb_slice_present(old) && !mb_slice_eq(failed, old)) {
        for (size_t i = 0; i < bundle->header->count; i++) {
            struct mb_slice at = mb_bundle_path(bundle, i);
            if (!mb_slice_eq(at, path) && !mb_slice_eq(at, mb_buf_slice(&place)))
                add_file(&found, at, mb_bundle_bytes(bundle, i));
        }
        add_both(&found, path, old, failed);
    }
    mb_buf_fini(&place);
    if (found.count == 0)
        return mb_fail(err, MB_ENOTFOUND, NULL, "no other version of %.*s from before",
                       MB_SLICE_ARG(path));
    return pack_again(&found, bundle, out, err);
}

int mb_bundle_keep_rolled_back(struct mb_bundle **fresh, const struct mb_bundle *bids,
                               struct mb_error *err)
{
    struct found found = {0};
    struct mb_bundle *kept;
    size_t n_kept = 0;
    for (size_t i = 0; i < (*fresh)->header->count; i++) {
        struct mb_slice path = mb_bundle_path(*fresh, i), bytes = mb_bundle_bytes(*fresh, i);
        struct mb_slice failed = failed_bytes(bids, path);
        if (mb_slice_present(failed) && mb_slice_eq(failed, bytes)) {
            add_both(&found, path, mb_bundle_file(bids, path), failed);
            n_kept++;
        } else {
            add_file(&found, path, bytes);
        }
    }
    if (n_kept == 0) {
        found_fini(&found);
        return 0;
    }
    int rc = pack_again(&found, *fresh, &kept, err);
    if (rc == 0) {
        mb_bundle_free(*fresh);
        *fresh = kept;
    }
    return rc;
}
