/* map.c - open addressing with linear probing, never fuller than three quarters. Keys are not
 * removed singly, so a search may stop at the first free place.
 */
#include "moonbid/base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FIRST_SIZE 16

void mb_map_fini(struct mb_map *map)
{
    for (size_t i = 0; i < map->size; i++)
        free((char *)(uintptr_t)map->entries[i].key.data);
    free(map->entries);
    *map = (struct mb_map){0};
}

/* Where `key` stands, or the free place where it would. The table has at least one free place. */
static struct mb_map_entry *find_place(const struct mb_map *map, struct mb_slice key, uint64_t hash)
{
    size_t mask = map->size - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct mb_map_entry *entry = &map->entries[i];
        if (!entry->key.data || (entry->hash == hash && mb_slice_eq(entry->key, key)))
            return entry;
    }
}

void *mb_map_get(const struct mb_map *map, struct mb_slice key)
{
    if (map->size == 0 || !mb_slice_present(key))
        return NULL;
    return find_place(map, key, mb_slice_hash(key))->value;
}

static void grow(struct mb_map *map)
{
    struct mb_map larger = {.size = map->size ? map->size * 2 : FIRST_SIZE, .count = map->count};
    size_t bytes = larger.size * sizeof(larger.entries[0]);
    larger.entries = memset(mb__base_xrealloc(NULL, bytes), 0, bytes);
    for (size_t i = 0; i < map->size; i++) {
        const struct mb_map_entry *entry = &map->entries[i];
        if (entry->key.data)
            *find_place(&larger, entry->key, entry->hash) = *entry;
    }
    free(map->entries);
    *map = larger;
}

void *mb_xmap_put(struct mb_map *map, struct mb_slice key, void *value)
{
    assert(mb_slice_present(key) && value);
    if (map->size == 0 || map->count + 1 > map->size / 4 * 3)
        grow(map);
    uint64_t hash = mb_slice_hash(key);
    struct mb_map_entry *entry = find_place(map, key, hash);
    void *replaced = entry->value;
    if (!entry->key.data) {
        char *copy = mb__base_xrealloc(NULL, key.len + 1);
        memcpy(copy, key.data, key.len);
        copy[key.len] = '\0';
        entry->key = mb_slice(copy, key.len);
        entry->hash = hash;
        map->count++;
    }
    entry->value = value;
    return replaced;
}

const struct mb_map_entry *mb_map_next(const struct mb_map *map, size_t *at)
{
    while (*at < map->size) {
        const struct mb_map_entry *entry = &map->entries[(*at)++];
        if (entry->key.data)
            return entry;
    }
    return NULL;
}
