/* bundle_read.c - which files of a scripts folder go into its bundle. */
#include "bundle_format.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 8 };

static void add_path(struct mb__bundle_files *found, const char *path)
{
    mb__bundle_add(found, mb_slice_of(path), MB_SLICE_NONE);
}

static bool is_wanted(struct mb_slice path)
{
    return mb_slice_ends(path, MB_SLICE(".lua")) || mb_slice_starts(path, MB_SLICE("lists/")) ||
           mb_slice_starts(path, MB_SLICE("golden/"));
}

static int walk(const char *root, const char *below, int depth, struct mb__bundle_files *found,
                struct mb_error *err);

/* One name in a folder; `path` is relative to the root. */
static int visit(const char *root, const char *path, int depth, struct mb__bundle_files *found,
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
        if (found->count == MB__BUNDLE_FILES_MAX)
            rc = mb_fail(err, MB_ENOMEM, path, "more than %d files", MB__BUNDLE_FILES_MAX);
        else
            add_path(found, path);
    }
    mb_buf_fini(&full);
    return rc;
}

/* All files of root/below; "" is the root itself. A folder that is not there has none. */
static int walk(const char *root, const char *below, int depth, struct mb__bundle_files *found,
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

/* --- what to read --- */

struct source {
    const char *candidates;         /* NULL: none */
    const struct mb_bundle *before; /* NULL: none */
};

static bool has_strategies(const char *root)
{
    struct mb_buf path = {0};
    struct stat info;
    mb_xbuf_printf(&path, "%s/strategies%c", root, '\0');
    bool has = stat(path.data, &info) == 0 && S_ISDIR(info.st_mode);
    mb_buf_fini(&path);
    return has;
}

/* All files of a whole scripts folder. */
static int walk_folder(const char *root, struct mb__bundle_files *found, struct mb_error *err)
{
    if (!has_strategies(root))
        return mb_fail(err, MB_EIO, root, "no scripts folder: expected strategies/*.lua in it");
    return walk(root, "", 1, found, err);
}

/* What candidates do not need: they are tried on live requests, and no limit holds for them. */
static bool is_of_bidders(struct mb_slice path)
{
    return mb_slice_starts(path, MB_SLICE("golden/")) || mb_slice_is(path, "budgets.lua");
}

/* The candidates' files, each under the path of their folder. */
static int walk_candidates(const char *root, struct mb__bundle_files *found, struct mb_error *err)
{
    struct mb__bundle_files beside = {0};
    struct mb_buf path = {0};
    int rc = walk_folder(root, &beside, err);
    mb_xbuf_printf(&path, "%s%s/", mb_bundle_is_beside(mb_slice_of(root)) ? "" : "./", root);
    found->root_len = path.len;
    for (size_t i = 0; i < beside.count && rc == 0; i++) {
        struct mb_slice name = mb_slice_of(beside.files[i].path);
        path.len = found->root_len;
        mb_xbuf_add_slice(&path, name);
        if (found->count == MB__BUNDLE_FILES_MAX)
            rc = mb_fail(err, MB_ENOMEM, root, "more than %d files", MB__BUNDLE_FILES_MAX);
        else if (!is_of_bidders(name))
            mb__bundle_add(found, mb_buf_slice(&path), MB_SLICE_NONE);
    }
    mb_buf_fini(&path);
    mb__bundle_files_fini(&beside);
    return rc;
}

static int pack(const char *root, struct mb__bundle_files *found, const char *single,
                const struct source *source, struct mb_bundle **out, struct mb_error *err)
{
    int rc = source->candidates ? walk_candidates(source->candidates, found, err) : 0;
    return rc ? rc : mb__bundle_pack(root, found, single, source->before, out, err);
}

static int read_folder(const char *root, const struct source *source, struct mb_bundle **out,
                       struct mb_error *err)
{
    struct mb__bundle_files found = {0};
    int rc = walk_folder(root, &found, err);
    if (rc == 0)
        rc = pack(root, &found, NULL, source, out, err);
    mb__bundle_files_fini(&found);
    return rc;
}

/* A file in a folder named strategies is one of a scripts folder; any other stands alone with the
 * lib/ and lists/ beside it, since its folder may hold anything. */
static int read_single(const char *file, const struct source *source, struct mb_bundle **out,
                       struct mb_error *err)
{
    struct mb_slice path = mb_slice_of(file);
    const char *slash = memrchr(file, '/', path.len);
    struct mb_slice folder = slash ? mb_slice(file, (size_t)(slash - file)) : MB_SLICE(".");
    bool whole = mb_slice_ends(folder, MB_SLICE("/strategies"));
    const char *name = slash ? slash + 1 : file;
    struct mb_buf root = {0}, single = {0};
    struct mb__bundle_files found = {0};
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
        rc = pack(root.data, &found, single.data, source, out, err);
    mb__bundle_files_fini(&found);
    mb_buf_fini(&root);
    mb_buf_fini(&single);
    return rc;
}

int mb_bundle_read_again(const char *path, const char *candidates, const struct mb_bundle *before,
                         struct mb_bundle **out, struct mb_error *err)
{
    struct source source = {candidates, before};
    struct stat info;
    *out = NULL;
    if (stat(path, &info) != 0)
        return mb_fail(err, MB_EIO, path, "%s", strerror(errno));
    return S_ISREG(info.st_mode) ? read_single(path, &source, out, err)
                                 : read_folder(path, &source, out, err);
}

int mb_bundle_read(const char *path, struct mb_bundle **out, struct mb_error *err)
{
    return mb_bundle_read_again(path, NULL, NULL, out, err);
}
