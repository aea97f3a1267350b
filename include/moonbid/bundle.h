/* bundle.h - the files of a scripts folder, read once, as one sealed block of memory.
 *
 * Part of: script.  Depends on: base.
 * Threads:  made and freed by one owner; any number of readers, in any number of processes.
 * Lifetime: read (or map what another process read) -> file ... -> free. The block is a memory
 *           file: its descriptor can be handed to another process, and nobody can change it any
 *           more. A generation that was loaded from a bundle and holds lists shares it.
 * Beside:   a second folder, whose strategies are candidates (shadow.scripts of the config). Its files
 *           stand under the folder's own path, which begins with / or ./ as no path inside the scripts
 *           folder does; without its golden/ and budgets.lua.
 * Holds:    every *.lua of the folder and its subfolders, all of lists/ and golden/; neither
 *           hidden files nor what is no plain file. At most 65,536 files, eight folders deep, 4
 *           GiB with the tables of lists; a list below 2 GiB. Beside each file of lists/ lies the
 *           table of its rows, so that nobody who uses a list holds its rows.
 */
#ifndef MB_BUNDLE_H
#define MB_BUNDLE_H

#include "moonbid/base.h"

struct mb_bundle;

/* Reads a scripts folder; or a single .lua file, which then is the only strategy file (with the
 * lib/ and lists/ beside it).
 * Fails:  MB_EIO     what cannot be read, or no room; the path is in err->where.
 *         MB_ENOMEM  past the limits above.
 * Owns:   mb_bundle_free.
 * Costs:  reads every file once; blocks. */
int mb_bundle_read(const char *path, struct mb_bundle **out, struct mb_error *err) MB_MUST_USE;
/* The same with the candidates' folder (NULL: none), after `before` (NULL allowed) was read: lists that
 * have not changed keep their tables. */
int mb_bundle_read_again(const char *path, const char *candidates, const struct mb_bundle *before,
                         struct mb_bundle **out, struct mb_error *err) MB_MUST_USE;

/* The bundle behind a descriptor of mb_bundle_fd that came from another process. Takes the
 * descriptor over when it succeeds. Fails: MB_EINVAL (no sealed bundle), MB_EIO. */
int mb_bundle_map(int fd, struct mb_bundle **out, struct mb_error *err) MB_MUST_USE;
void mb_bundle_free(struct mb_bundle *bundle); /* NULL allowed */
/* Another owner of the same bundle, on any thread: it stays until each owner has freed it. */
struct mb_bundle *mb_bundle_share(const struct mb_bundle *bundle);

/* The memory file; open as long as the bundle. */
int mb_bundle_fd(const struct mb_bundle *bundle);
/* Content hash over names and bytes of all files: 16 hex digits. */
struct mb_slice mb_bundle_version(const struct mb_bundle *bundle);

/* Files in order of their paths, which are relative to the folder. */
size_t mb_bundle_count(const struct mb_bundle *bundle);
struct mb_slice mb_bundle_path(const struct mb_bundle *bundle, size_t place);
/* The bytes, with a zero byte behind them. */
struct mb_slice mb_bundle_bytes(const struct mb_bundle *bundle, size_t place);

/* The bytes of the file of that path; absent: there is none. O(log n). */
struct mb_slice mb_bundle_file(const struct mb_bundle *bundle, struct mb_slice path);
/* The rows of a file of lists/, by its path; they last as long as the bundle. False: no such file. */
bool mb_bundle_rows(const struct mb_bundle *bundle, struct mb_slice path, enum mb_rows_kind kind,
                    struct mb_rows *out) MB_MUST_USE;
/* Is the file at that place one whose strategies are loaded: strategies/NAME.lua of either folder, or
 * the single one? */
bool mb_bundle_is_strategy(const struct mb_bundle *bundle, size_t place);
/* The candidates' folder with a slash behind it, where the path is of a file in it; else empty. */
struct mb_slice mb_bundle_root(const struct mb_bundle *bundle, struct mb_slice path);
/* Is it the path of a file beside the scripts folder, and not in it? */
bool mb_bundle_is_beside(struct mb_slice path);

/* `bundle` with the file of that path as `before` has it. What it was in `bundle` is kept beside it as
 * the version that failed.
 * Fails:  MB_ENOTFOUND  one of them has no such file, or both have the same.
 *         MB_EIO        no room.
 * Owns:   mb_bundle_free. Both bundles stay as they are, and are needed no longer. */
int mb_bundle_roll_back(const struct mb_bundle *bundle, const struct mb_bundle *before,
                        struct mb_slice path, struct mb_bundle **out,
                        struct mb_error *err) MB_MUST_USE;
/* A folder that was read anew may hold what was rolled back in what bids: such a file becomes as it
 * bids, as long as it is byte for byte the one that failed. *fresh is replaced where there is one.
 * Fails: MB_EIO. */
int mb_bundle_keep_rolled_back(struct mb_bundle **fresh, const struct mb_bundle *bids,
                               struct mb_error *err) MB_MUST_USE;
/* Does that file bid in an earlier version, because its newest failed? */
bool mb_bundle_rolled_back(const struct mb_bundle *bundle, struct mb_slice path);

#endif /* MB_BUNDLE_H */
