/* bundle.c - a scripts folder as one sealed memory file: mapping it and finding a file in it.
 *
 * A reload that read files one by one while they are being written would take half of an edit; and
 * a worker that is restarted would load what nobody has checked. So the folder is read in one go,
 * and everybody loads from the copy.
 */
#include "bundle_format.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = MB__BUNDLE_MAGIC;

static bool is_inside(const struct mb_bundle *bundle, uint64_t at, uint64_t len)
{
    return at <= bundle->size && len <= bundle->size - at;
}

/* A path beside the folder is longer than what stands in front of it. */
static bool has_root(const struct mb_bundle *bundle, const struct mb__bundle_entry *entry)
{
    return !mb_bundle_is_beside(mb_slice(bundle->memory + entry->path_at, entry->path_len)) ||
           entry->path_len > bundle->header->root_len;
}

static bool is_sound(const struct mb_bundle *bundle)
{
    const struct mb__bundle_header *header = bundle->header;
    if (bundle->size < sizeof(*header) || memcmp(header->magic, magic, sizeof(magic)) != 0 ||
        header->count > MB__BUNDLE_FILES_MAX || header->entries_at % 8 != 0 ||
        !is_inside(bundle, header->entries_at, header->count * sizeof(struct mb__bundle_entry)))
        return false;
    const struct mb__bundle_entry *entry =
        (const struct mb__bundle_entry *)(bundle->memory + header->entries_at);
    for (size_t i = 0; i < header->count; i++, entry++)
        if (!is_inside(bundle, entry->path_at, entry->path_len) || !has_root(bundle, entry) ||
            !is_inside(bundle, entry->bytes_at, entry->bytes_len) || entry->table_at % 8 != 0 ||
            !is_inside(bundle, entry->table_at, entry->table_len))
            return false;
    return true;
}

int mb_bundle_map(int fd, struct mb_bundle **out, struct mb_error *err)
{
    struct stat info;
    *out = NULL;
    if (fcntl(fd, F_GET_SEALS) != MB__BUNDLE_SEALS || fstat(fd, &info) != 0 || info.st_size <= 0)
        return mb_fail(err, MB_EINVAL, NULL, "no sealed bundle of scripts");
    size_t size = (size_t)info.st_size;
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return mb_fail(err, MB_EIO, NULL, "cannot map the scripts: %s", strerror(errno));
    struct mb_bundle *bundle = calloc(1, sizeof(*bundle));
    if (!bundle)
        abort();
    *bundle = (struct mb_bundle){.fd = fd, .memory = memory, .size = size, .header = memory};
    atomic_init(&bundle->holders, 1);
    if (!is_sound(bundle)) {
        munmap(memory, size);
        free(bundle);
        return mb_fail(err, MB_EINVAL, NULL, "no sealed bundle of scripts");
    }
    bundle->entries =
        (const struct mb__bundle_entry *)(bundle->memory + bundle->header->entries_at);
    *out = bundle;
    return 0;
}

void mb_bundle_free(struct mb_bundle *bundle)
{
    if (!bundle || atomic_fetch_sub(&bundle->holders, 1) > 1)
        return;
    munmap((void *)(uintptr_t)bundle->memory, bundle->size);
    close(bundle->fd);
    free(bundle);
}

struct mb_bundle *mb_bundle_share(const struct mb_bundle *bundle)
{
    struct mb_bundle *shared = (struct mb_bundle *)(uintptr_t)bundle;
    atomic_fetch_add(&shared->holders, 1);
    return shared;
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
    const struct mb__bundle_entry *entry = &bundle->entries[place];
    return mb_slice(bundle->memory + entry->path_at, entry->path_len);
}

struct mb_slice mb_bundle_bytes(const struct mb_bundle *bundle, size_t place)
{
    const struct mb__bundle_entry *entry = &bundle->entries[place];
    return mb_slice(bundle->memory + entry->bytes_at, entry->bytes_len);
}

/* The place of the file of that path; false: there is none. */
static bool find_file(const struct mb_bundle *bundle, struct mb_slice path, size_t *place)
{
    size_t low = 0, high = bundle->header->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct mb_slice found = mb_bundle_path(bundle, middle);
        int order = memcmp(found.data, path.data, found.len < path.len ? found.len : path.len);
        *place = middle;
        if (order == 0 && found.len == path.len)
            return true;
        if (order < 0 || (order == 0 && found.len < path.len))
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct mb_slice mb_bundle_file(const struct mb_bundle *bundle, struct mb_slice path)
{
    size_t place;
    return find_file(bundle, path, &place) ? mb_bundle_bytes(bundle, place) : MB_SLICE_NONE;
}

struct mb_slice mb__bundle_table(const struct mb_bundle *bundle, struct mb_slice path)
{
    size_t place;
    if (!find_file(bundle, path, &place) || bundle->entries[place].table_len == 0)
        return MB_SLICE_NONE;
    return mb_slice(bundle->memory + bundle->entries[place].table_at,
                    bundle->entries[place].table_len);
}

bool mb_bundle_rows(const struct mb_bundle *bundle, struct mb_slice path, enum mb_rows_kind kind,
                    struct mb_rows *out)
{
    struct mb_slice table = mb__bundle_table(bundle, path);
    return table.data && mb_rows_open(mb_bundle_file(bundle, path), table, kind, out);
}

bool mb_bundle_is_beside(struct mb_slice path)
{
    return mb_slice_starts(path, MB_SLICE("/")) || mb_slice_starts(path, MB_SLICE("./"));
}

struct mb_slice mb_bundle_root(const struct mb_bundle *bundle, struct mb_slice path)
{
    return mb_slice(path.data, mb_bundle_is_beside(path) ? bundle->header->root_len : 0);
}

bool mb_bundle_is_strategy(const struct mb_bundle *bundle, size_t place)
{
    const struct mb_slice folder = MB_SLICE("strategies/");
    struct mb_slice path = mb_bundle_path(bundle, place);
    size_t root_len = mb_bundle_root(bundle, path).len;
    if (root_len == 0 && bundle->header->single != MB__BUNDLE_NO_SINGLE)
        return place == bundle->header->single;
    path = mb_slice(path.data + root_len, path.len - root_len);
    return mb_slice_starts(path, folder) && mb_slice_ends(path, MB_SLICE(".lua")) &&
           !memchr(path.data + folder.len, '/', path.len - folder.len);
}
