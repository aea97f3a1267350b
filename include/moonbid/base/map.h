/* map.h - a hash table from byte strings to pointers, for what is built at load time.
 *
 * Part of: base.  Depends on: slice.
 * Threads:  one owner while it is filled; any number of readers afterwards.
 * Lifetime: zeroed -> put ... get ... -> fini. Keys are copied; values belong to the caller.
 */
#ifndef MB_BASE_MAP_H
#define MB_BASE_MAP_H

#include "moonbid/base/slice.h"

struct mb_map_entry {
    struct mb_slice key; /* data NULL: free place */
    uint64_t hash;
    void *value;
};

struct mb_map {
    struct mb_map_entry *entries;
    size_t size;  /* power of two, or 0 */
    size_t count; /* keys held */
};

void mb_map_fini(struct mb_map *map); /* frees keys and table; safe on zeroed and twice */

/* The value of `key`, or NULL. O(1). */
void *mb_map_get(const struct mb_map *map, struct mb_slice key);

/* Sets `key` to `value` (not NULL); returns the value that it replaces, or NULL. Aborts without memory. */
void *mb_xmap_put(struct mb_map *map, struct mb_slice key, void *value);

/* Walks all entries in no set order: start with *at = 0; NULL at the end. */
const struct mb_map_entry *mb_map_next(const struct mb_map *map, size_t *at);

#endif /* MB_BASE_MAP_H */
