/* bad_disk.h - a disk for SQLite that fails on its n-th write, sync or truncation.
 *
 * Becomes the default VFS of the test program: SQLite's own with three calls in between.
 */
#ifndef MB_BAD_DISK_H
#define MB_BAD_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

static struct {
    sqlite3_vfs vfs, *real;
    /* A database's methods, and those of the files beside it: they lock otherwise, but write alike.
     */
    struct {
        const sqlite3_io_methods *of;
        sqlite3_io_methods methods; /* `of` with ours in between */
    } kinds[2];
    bool on, heals; /* heals: only one call fails */
    int calls_to_failure;
    unsigned failures;
} bad_disk;

static bool bad_disk_fails(void)
{
    if (!bad_disk.on || bad_disk.calls_to_failure-- > 0) {
        return false;
    }
    bad_disk.calls_to_failure = bad_disk.heals ? 1000000000 : 0;
    bad_disk.failures++;
    return true;
}

/* The failing write leaves three bytes behind. */
static int bad_disk_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    if (bad_disk_fails()) {
        (void)bad_disk.kinds[0].of->xWrite(file, data, len < 3 ? len : 3, at);
        return SQLITE_FULL;
    }
    return bad_disk.kinds[0].of->xWrite(file, data, len, at);
}

static int bad_disk_sync(sqlite3_file *file, int flags)
{
    return bad_disk_fails() ? SQLITE_IOERR_FSYNC : bad_disk.kinds[0].of->xSync(file, flags);
}

static int bad_disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return bad_disk_fails() ? SQLITE_IOERR_TRUNCATE : bad_disk.kinds[0].of->xTruncate(file, size);
}

static int bad_disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out_flags)
{
    int code = bad_disk.real->xOpen(bad_disk.real, name, file, flags, out_flags);
    (void)vfs;
    if (code == SQLITE_OK && file->pMethods) {
        int kind = (flags & SQLITE_OPEN_MAIN_DB) == 0;
        sqlite3_io_methods *methods = &bad_disk.kinds[kind].methods;
        bad_disk.kinds[kind].of = file->pMethods;
        *methods = *file->pMethods;
        methods->xWrite = bad_disk_write;
        methods->xSync = bad_disk_sync;
        methods->xTruncate = bad_disk_truncate;
        file->pMethods = methods;
    }
    return code;
}

static void bad_disk_install(void)
{
    bad_disk.real = sqlite3_vfs_find(NULL);
    bad_disk.vfs = *bad_disk.real;
    bad_disk.vfs.zName = "bad_disk";
    bad_disk.vfs.xOpen = bad_disk_open;
    sqlite3_vfs_register(&bad_disk.vfs, 1);
}

#endif /* MB_BAD_DISK_H */
