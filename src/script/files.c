/* files.c - the scripts folder: each file read once, and the version that follows from what was
 * read.
 *
 * The version is a sum over a hash of each file's name and bytes, so the order of reading does not
 * matter.
 */
#include "internal.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 1 << 30 }; /* a list of some 50 million ids */

/* A path inside the folder: no absolute path, no `..`, nothing but plain names. */
static bool is_fit_path(struct mb_slice path)
{
    if (path.len == 0 || path.len > 200 || path.data[0] == '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (!isalnum(c) && c != '_' && c != '-' && c != '.' && c != '/')
            return false;
        if (c == '.' && (i == 0 || path.data[i - 1] == '/' || path.data[i - 1] == '.'))
            return false;
    }
    return true;
}

static uint64_t hash_file(struct mb_slice path, struct mb_slice bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ (unsigned char)path.data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 29);
}

static struct mb_slice read_all(struct mb_arena *arena, const char *path)
{
    struct mb_slice bytes = MB_SLICE_NONE;
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file)
        return bytes;
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_size <= FILE_BYTES_MAX) {
        char *data = mb_xarena_alloc_raw(arena, (size_t)info.st_size + 1);
        bytes = mb_slice(data, fread(data, 1, (size_t)info.st_size, file));
        data[bytes.len] = '\0';
    }
    fclose(file);
    return bytes;
}

struct mb_slice mb__script_read_file(struct mb_script *script, struct mb_slice path)
{
    struct mb_slice *known = mb_map_get(&script->read, path);
    if (known)
        return *known;
    if (!is_fit_path(path))
        return MB_SLICE_NONE;
    struct mb_slice full = mb_xarena_printf(&script->files, "%.*s/%.*s", MB_SLICE_ARG(script->root),
                                            MB_SLICE_ARG(path));
    struct mb_slice bytes = read_all(&script->files, full.data);
    if (!bytes.data)
        return bytes;
    known = mb_xarena_alloc(&script->files, sizeof(*known));
    *known = bytes;
    mb_xmap_put(&script->read, path, known);
    script->hash += hash_file(path, bytes);
    return bytes;
}

static int is_strategy_file(const struct dirent *entry)
{
    struct mb_slice name = mb_slice_of(entry->d_name);
    return name.len > 4 && name.data[0] != '.' && mb_slice_ends(name, MB_SLICE(".lua"));
}

/* A single file stands in DIR/strategies or in DIR itself. */
static void open_single(struct mb_script *script, struct mb_slice path,
                        struct mb_slices *strategies)
{
    struct mb_slice *name = mb_xarena_alloc(&script->arena, sizeof(*name));
    const char *slash = memrchr(path.data, '/', path.len);
    struct mb_slice folder =
        slash ? mb_slice(path.data, (size_t)(slash - path.data)) : MB_SLICE(".");
    struct mb_slice file = slash ? mb_slice(slash + 1, path.len - folder.len - 1) : path;
    if (mb_slice_ends(folder, MB_SLICE("/strategies"))) {
        folder.len -= strlen("/strategies");
        *name = mb_xarena_printf(&script->arena, "strategies/%.*s", MB_SLICE_ARG(file));
    } else {
        *name = mb_xarena_copy(&script->arena, file);
    }
    script->root = mb_xarena_copy(&script->arena, folder);
    *strategies = (struct mb_slices){name, 1};
}

int mb__script_files_open(struct mb_script *script, const char *dir, struct mb_slices *strategies)
{
    mb_arena_init(&script->files, 64 * 1024);
    struct mb_slice path = mb_slice_of(dir);
    struct stat info;
    if (stat(dir, &info) != 0)
        return MB_EIO;
    if (S_ISREG(info.st_mode)) {
        open_single(script, path, strategies);
        return 0;
    }
    script->root = mb_xarena_copy(&script->arena, path);
    struct mb_slice folder = mb_xarena_printf(&script->files, "%s/strategies", dir);
    struct dirent **entries;
    int count = scandir(folder.data, &entries, is_strategy_file, alphasort);
    if (count < 0)
        return MB_EIO;
    struct mb_slice *names = mb_xarena_array(&script->arena, (size_t)count + 1, sizeof(*names));
    for (int i = 0; i < count; i++) {
        names[i] = mb_xarena_printf(&script->arena, "strategies/%s", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    *strategies = (struct mb_slices){names, (size_t)count};
    return 0;
}

void mb__script_files_close(struct mb_script *script)
{
    mb_map_fini(&script->read);
    mb_arena_fini(&script->files);
}
