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

#if defined(__SANITIZE_ADDRESS__)
#define MB_ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MB_ARENA_POISONS 1
#endif
#endif

enum { MB_ARENA_ALIGNMENT = _Alignof(max_align_t) };

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

/* Private: mb_xarena_alloc_raw where the newest block has no room, and with the address sanitizer always. */
void *mb__arena_alloc(struct mb_arena *arena, size_t bytes);

/* The same without zeroing. */
static inline void *mb_xarena_alloc_raw(struct mb_arena *arena, size_t bytes)
{
#ifndef MB_ARENA_POISONS
    size_t room = (size_t)(arena->end - arena->next);
    size_t taken = (bytes + MB_ARENA_ALIGNMENT - 1) & ~(size_t)(MB_ARENA_ALIGNMENT - 1);

    if (bytes < room && taken <= room) { /* an arena without a block has none for no bytes either */
        char *memory = arena->next;
        arena->next += taken;
        arena->used_bytes += taken;
        return memory;
    }
#endif
    return mb__arena_alloc(arena, bytes);
}

/* `count` zeroed elements of `size` bytes; aborts on overflow. */
void *mb_xarena_array(struct mb_arena *arena, size_t count, size_t size);

/* Copies the bytes and a final NUL (not counted in len). An absent slice stays absent. */
struct mb_slice mb_xarena_copy(struct mb_arena *arena, struct mb_slice s);

/* printf into the arena. */
struct mb_slice mb_xarena_printf(struct mb_arena *arena, const char *fmt, ...) MB_PRINTF(2, 3);

#endif /* MB_BASE_ARENA_H */
