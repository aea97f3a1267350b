/* internal.h - what the files of ledger share: the set of keys, and the calls that touch the disk.
 */
#ifndef MB_LEDGER_INTERNAL_H
#define MB_LEDGER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "moonbid/ledger.h"

/* --- keys.c: which keys are taken --- */

struct mb_ledger_hash {
    uint64_t low, high; /* both 0: a free place */
};

struct mb_ledger_keys {
    uint64_t secret[2]; /* drawn at init */
    struct mb_ledger_hash *places;
    size_t size; /* power of two */
    size_t count;
};

void mb__xledger_keys_init(struct mb_ledger_keys *keys);
void mb__ledger_keys_fini(struct mb_ledger_keys *keys);

/* Never {0, 0}. */
struct mb_ledger_hash mb__ledger_hash(const struct mb_ledger_keys *keys, struct mb_slice key);

/* False where it was there already. Amortised O(1); aborts without memory. */
bool mb__xledger_keys_add(struct mb_ledger_keys *keys, struct mb_ledger_hash hash);

/* Does nothing where it is not there. */
void mb__ledger_keys_remove(struct mb_ledger_keys *keys, struct mb_ledger_hash hash);

/* --- ledger.c: the disk, replaceable so that tests can make it fail --- */

struct mb_ledger_disk {
    ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t at);
    int (*fdatasync)(int fd);
    int (*ftruncate)(int fd, off_t len);
};

/* `disk` is borrowed for the life of the ledger. Not while a commit runs. */
void mb__ledger_set_disk(struct mb_ledger *ledger, const struct mb_ledger_disk *disk);

#endif /* MB_LEDGER_INTERNAL_H */
