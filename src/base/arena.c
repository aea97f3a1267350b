/* arena.c - blocks in a list, newest first; allocation moves a pointer through the newest.
 *
 * What a request needs beyond one block comes as further blocks, each at least `keep_bytes`; a
 * reset frees all but one block of exactly that size. So a warm arena costs one addition per
 * allocation, and one large request does not leave its memory behind.
 *
 * With the address sanitizer everything not handed out is poisoned, and a gap stands between
 * neighbours.
 */
#include "moonbid/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#ifdef MB_ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define GAP_BYTES 16
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define GAP_BYTES 0
#endif

#define LEAST_KEEP_BYTES 1024

struct mb_arena_block {
    struct mb_arena_block *older;
    size_t size; /* of data */
    _Alignas(max_align_t) char data[];
};

static void free_block(struct mb_arena_block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    free(block);
}

static void use_from_start(struct mb_arena *arena, struct mb_arena_block *block)
{
    arena->head = block;
    arena->next = block->data;
    arena->end = block->data + block->size;
    ASAN_POISON_MEMORY_REGION(block->data, block->size);
}

void mb_arena_init(struct mb_arena *arena, size_t keep_bytes)
{
    *arena = (struct mb_arena){.keep_bytes = keep_bytes};
}

void mb_arena_fini(struct mb_arena *arena)
{
    struct mb_arena_block *block = arena->head;
    while (block) {
        struct mb_arena_block *older = block->older;
        free_block(block);
        block = older;
    }
    *arena = (struct mb_arena){.keep_bytes = arena->keep_bytes};
}

void mb_arena_reset(struct mb_arena *arena)
{
    struct mb_arena_block *kept = NULL;
    struct mb_arena_block *block = arena->head;
    while (block) {
        struct mb_arena_block *older = block->older;
        if (!kept && block->size <= arena->keep_bytes)
            kept = block;
        else
            free_block(block);
        block = older;
    }
    *arena = (struct mb_arena){.keep_bytes = arena->keep_bytes};
    if (kept) {
        kept->older = NULL;
        use_from_start(arena, kept);
    }
}

/* Makes a block with room for `bytes` the newest. */
static void add_block(struct mb_arena *arena, size_t bytes)
{
    if (arena->keep_bytes < LEAST_KEEP_BYTES)
        arena->keep_bytes = LEAST_KEEP_BYTES;
    size_t size = bytes > arena->keep_bytes ? bytes : arena->keep_bytes;
    struct mb_arena_block *block = mb__base_xrealloc(NULL, sizeof(*block) + size);
    block->older = arena->head;
    block->size = size;
    use_from_start(arena, block);
}

void *mb__arena_alloc(struct mb_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 2)
        abort();
    size_t taken = (bytes + GAP_BYTES + MB_ARENA_ALIGNMENT - 1) & ~(size_t)(MB_ARENA_ALIGNMENT - 1);
    if (!arena->head || (size_t)(arena->end - arena->next) < taken)
        add_block(arena, taken);
    char *memory = arena->next;
    arena->next += taken;
    arena->used_bytes += taken;
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
    return memory;
}

void *mb_xarena_alloc(struct mb_arena *arena, size_t bytes)
{
    return memset(mb_xarena_alloc_raw(arena, bytes), 0, bytes);
}

void *mb_xarena_array(struct mb_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return mb_xarena_alloc(arena, bytes);
}

struct mb_slice mb_xarena_copy(struct mb_arena *arena, struct mb_slice s)
{
    if (!mb_slice_present(s))
        return s;
    char *copy = mb_xarena_alloc_raw(arena, s.len + 1);
    memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return mb_slice(copy, s.len);
}

struct mb_slice mb_xarena_printf(struct mb_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        abort();
    char *text = mb_xarena_alloc_raw(arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return mb_slice(text, (size_t)len);
}
