/* bundle_format.h - what the files of a bundle share: how it lies in memory, and the files that go
 * into one. */
#ifndef MB_SCRIPT_BUNDLE_FORMAT_H
#define MB_SCRIPT_BUNDLE_FORMAT_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>

#include "moonbid/bundle.h"

#define MB__BUNDLE_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MB__BUNDLE_MAGIC                                                                           \
    {                                                                                              \
        'm', 'b', 'b', 'u', 'n', 'd', 'l', '3'                                                     \
    }
#define MB__BUNDLE_NO_SINGLE UINT32_MAX

enum { MB__BUNDLE_FILES_MAX = 65536 };

struct mb__bundle_header {
    char magic[8];
    char version[24]; /* 16 digits and zeros */
    uint64_t entries_at;
    uint32_t count;
    uint32_t single; /* place of the only strategy file, or MB__BUNDLE_NO_SINGLE */
    uint64_t root_len; /* of the candidates' folder, in front of its files' paths; 0: there is none */
};

struct mb__bundle_entry {
    uint64_t path_at, path_len, bytes_at, bytes_len;
    uint64_t table_at, table_len; /* of the rows of a list (base/rows.h); 0: it is no list */
};

struct mb_bundle {
    int fd;
    const char *memory;
    size_t size;
    const struct mb__bundle_header *header;
    const struct mb__bundle_entry *entries;
    atomic_uint holders;
};

/* The table of a list; absent: no such list. */
struct mb_slice mb__bundle_table(const struct mb_bundle *bundle, struct mb_slice path);

/* --- bundle_pack.c: a bundle is made --- */

/* A file that goes into a bundle. */
struct mb__bundle_file {
    char *path;            /* relative to the folder, or beside it */
    struct mb_slice bytes; /* absent: on disk */
};

struct mb__bundle_files {
    struct mb__bundle_file *files;
    size_t count, room;
    size_t root_len; /* as in the header */
};

/* Copies the path, borrows the bytes; aborts without memory. */
void mb__bundle_add(struct mb__bundle_files *files, struct mb_slice path, struct mb_slice bytes);
void mb__bundle_files_fini(struct mb__bundle_files *files);
/* Makes the bundle of the files, those on disk below `root`; sorts them. `single`: path of the only
 * strategy file, or NULL. A list that is the same in `before` (NULL allowed) keeps its table. */
int mb__bundle_pack(const char *root, struct mb__bundle_files *files, const char *single,
                    const struct mb_bundle *before, struct mb_bundle **out,
                    struct mb_error *err) MB_MUST_USE;

#endif /* MB_SCRIPT_BUNDLE_FORMAT_H */
