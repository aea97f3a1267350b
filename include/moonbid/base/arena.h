/* arena.h - memory of one request: taken in order, given back all at once.
 *
 * Part of: base.  Depends on: slice.
 * Threads:  one owner; no locking.
 * Lifetime: init -> alloc ... reset -> alloc ... -> fini. Nothing in it is freed singly and nothing in
 *           it outlives the next reset. After warm-up a reset arena serves from the block that it
 *           kept, so the bid path does not call malloc.
 */
#ifndef MB_BASE_ARENA_H
#define MB_BASE_ARENA_H

#include <stddef.h>

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

struct mb_arena_block;

struct mb_arena {
    struct mb_arena_block *head; /* newest block, NULL before the first allocation */
    char *next;                  /* first free byte of head */
    char *end;                   /* one past head's last byte */
    size_t keep_bytes;           /* a reset keeps one block of at most this size */
    size_t used_bytes;           /* since the last reset */
};

/* `keep_bytes`: size of the first block, and of what a reset keeps; at least 1024. Allocates nothing. */
void mb_arena_init(struct mb_arena *arena, size_t keep_bytes);

/* Frees everything. Safe on a zeroed arena and twice. */
void mb_arena_fini(struct mb_arena *arena);

/* Forgets all allocations; blocks beyond `keep_bytes` go back to the system. In builds with the
 * address sanitizer what was handed out is poisoned. */
void mb_arena_reset(struct mb_arena *arena);

/* `bytes` of zeroed memory aligned for any type. Never NULL: aborts when the system has none, so check sizes
 * that come from outside first. O(bytes). */
void *mb_xarena_alloc(struct mb_arena *arena, size_t bytes);

/* The same without zeroing. */
void *mb_xarena_alloc_raw(struct mb_arena *arena, size_t bytes);

/* `count` zeroed elements of `size` bytes; aborts on overflow. */
void *mb_xarena_array(struct mb_arena *arena, size_t count, size_t size);

/* Copies the bytes and a final NUL (not counted in len). An absent slice stays absent. */
struct mb_slice mb_xarena_copy(struct mb_arena *arena, struct mb_slice s);

/* printf into the arena. */
struct mb_slice mb_xarena_printf(struct mb_arena *arena, const char *fmt, ...) MB_PRINTF(2, 3);

#endif /* MB_BASE_ARENA_H */
