/* memory.c - what Lua allocates: counted, capped, and small blocks kept for the next request.
 *
 * A request makes some ten small objects, and the collector frees those of some hundred requests in a
 * row. The state's own allocator takes a hundred instructions for each, for it joins what is free; so
 * blocks of up to SMALL_MAX bytes that are freed stay in lists by size and are given out again from
 * there. All come from that allocator, and have the size that their list is for.
 *
 * LuaJIT's own allocator is faster than malloc; lua_close destroys it only while it is the registered
 * one, so it is put back first.
 *
 * The cap counts what Lua asked for; up to KEPT_BYTES_MAX may lie in the lists beside it.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEP = MB__SCRIPT_SMALL_STEP,
    SMALL_MAX = MB__SCRIPT_SMALL_LISTS * STEP,
    KEPT_BYTES_MAX = 1024 * 1024, /* in all lists */
};

struct mb__script_block {
    struct mb__script_block *next;
};

#ifdef MOONBID_SANITIZE
/* The leak checker sees Lua's memory only when it comes from malloc, and who uses what is free only
 * when nothing is kept. */
static void *plain_alloc(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(block, new_bytes);
    free(block);
    return NULL;
}

static const bool keeps = false;
#else
static const bool keeps = true;
#endif

static inline bool is_small(size_t bytes)
{
    return keeps && bytes - 1 < SMALL_MAX; /* 0 is none */
}

static inline struct mb__script_block **list_of(struct mb__script_state *state, size_t bytes)
{
    return &state->kept[(bytes - 1) / STEP];
}

/* What the state's own allocator is asked for. */
static inline size_t whole(size_t bytes)
{
    return is_small(bytes) ? (bytes + STEP - 1) / STEP * STEP : bytes;
}

static void *take(struct mb__script_state *state, size_t bytes)
{
    if (is_small(bytes)) {
        struct mb__script_block **list = list_of(state, bytes), *block = *list;
        if (block) {
            *list = block->next;
            __builtin_prefetch(block->next, 1); /* freed long ago: the next one to take it would wait for memory */
            state->kept_bytes -= whole(bytes);
            return block;
        }
    }
    return state->inner(state->inner_user, NULL, 0, whole(bytes));
}

static void give_back(struct mb__script_state *state, void *block, size_t bytes)
{
    if (is_small(bytes) && state->kept_bytes < KEPT_BYTES_MAX) {
        struct mb__script_block **list = list_of(state, bytes), *kept = block;
        kept->next = *list;
        *list = kept;
        state->kept_bytes += whole(bytes);
        return;
    }
    state->inner(state->inner_user, block, whole(bytes), 0);
}

/* As lua_Alloc wants it: frees where `new_bytes` is 0, and there may be no block before. */
static void *capped_alloc(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    struct mb__script_state *state = user;
    if (new_bytes == 0) {
        if (block)
            give_back(state, block, old_bytes);
        state->used_bytes -= old_bytes;
        return NULL;
    }
    if (new_bytes > old_bytes && state->limit_bytes > 0 &&
        state->used_bytes + (new_bytes - old_bytes) > state->limit_bytes) {
        if (!state->breached)
            state->wanted_bytes = state->used_bytes + (new_bytes - old_bytes);
        state->breached = true;
        return NULL;
    }
    void *result = block;
    if (!block)
        result = take(state, new_bytes);
    else if (whole(new_bytes) != whole(old_bytes))
        result = state->inner(state->inner_user, block, whole(old_bytes), whole(new_bytes));
    if (result)
        state->used_bytes += new_bytes - old_bytes;
    else
        state->breached = true;
    return result;
}

lua_State *mb__script_memory_open(struct mb__script_state *state)
{
#ifdef MOONBID_SANITIZE
    lua_State *L = lua_newstate(plain_alloc, NULL);
#else
    lua_State *L = luaL_newstate();
#endif
    if (L) {
        state->inner = lua_getallocf(L, &state->inner_user);
        state->used_bytes =
            (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
        lua_setallocf(L, capped_alloc, state);
    }
    return L;
}

void mb__script_memory_close(struct mb__script_state *state)
{
    lua_setallocf(state->L, state->inner, state->inner_user);
    lua_close(state->L); /* with all blocks that are kept: they are its allocator's */
    memset(state->kept, 0, sizeof(state->kept));
    state->kept_bytes = 0;
}
