/* state.c - one lua_State: how it is made, called and closed.
 *
 * The limit of memory (memory.c) is on only inside a protected call: outside one a failed allocation is a panic. Therefore
 * everything that touches Lua runs in a C function that was put on the main stack when the state
 * was made: calling it pushes two values and allocates nothing.
 *
 * Main stack, for the life of the state: 1 the message handler, 2.. kept functions.
 */
#include "internal.h"

#include <luajit.h>
#include <stdlib.h>

enum { HANDLER = 1, ERROR_BYTES_MAX = 1024 };

/* Keeps the message in C memory first: making the traceback may fail for want of Lua memory. */
static int on_error(lua_State *L)
{
    struct mb__script_state *state = mb__script_state_of(L);
    size_t len;
    const char *text = lua_tolstring(L, 1, &len);
    mb_buf_clear(&state->error);
    mb_buf_clear(&state->trace);
    if (text)
        mb_xbuf_add(&state->error, text, len < ERROR_BYTES_MAX ? len : ERROR_BYTES_MAX);
    else
        mb_xbuf_printf(&state->error, "(the error was no text but %s)", luaL_typename(L, 1));
    if (!state->is_new_error || state->is_new_error(state)) {
        luaL_traceback(L, L, NULL, 1);
        text = lua_tolstring(L, -1, &len);
        mb_xbuf_add(&state->trace, text, len);
    }
    return 0;
}

static int on_panic(lua_State *L)
{
    mb_log(MB_LOG_ERROR, "script", "Lua panicked outside a protected call", "error=%s",
           lua_isstring(L, -1) ? lua_tostring(L, -1) : "?");
    return 0;
}

int mb__script_state_open(struct mb__script_state *state)
{
    lua_State *L = mb__script_memory_open(state);
    if (!L)
        return MB_ENOMEM;
    state->L = L;
    lua_atpanic(L, on_panic);
    /* Compiled code never sees a hook, so no limit on it could be kept. */
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_gc(L, LUA_GCSTOP, 0);
    lua_checkstack(L, 64);
    lua_pushcfunction(L, on_error);
    return 0;
}

void mb__script_state_close(struct mb__script_state *state)
{
    if (state->L) {
        mb__script_memory_close(state);
        state->L = NULL;
    }
    mb_buf_fini(&state->error);
    mb_buf_fini(&state->trace);
}

int mb__script_state_keep(struct mb__script_state *state, lua_CFunction function)
{
    lua_pushcfunction(state->L, function);
    return lua_gettop(state->L);
}

enum mb__script_end mb__script_state_run(struct mb__script_state *state, int kept,
                                         size_t limit_bytes, uint64_t limit_ns)
{
    lua_State *L = state->L;
    state->breached = false;
    state->wanted_bytes = 0;
    state->timed_out = false;
    mb_buf_clear(&state->error);
    mb_buf_clear(&state->trace);
    state->stack_top = __builtin_frame_address(0);
    mb__script_limit_enter(state, limit_ns);
    state->limit_bytes = limit_bytes;
    lua_pushvalue(L, kept);
    int status = lua_pcall(L, 0, 0, HANDLER);
    state->limit_bytes = 0;
    mb__script_limit_leave();
    if (status != 0)
        lua_pop(L, 1);
    /* A breach that the script caught with pcall is a breach all the same. */
    enum mb__script_end end = MB__END_OK;
    if (state->timed_out)
        end = MB__END_TIMEOUT;
    else if (state->breached)
        end = MB__END_MEMORY;
    else if (status != 0)
        end = MB__END_ERROR;
    if (end == MB__END_MEMORY || (status != 0 && state->error.len == 0)) {
        mb_buf_clear(&state->error);
        mb_xbuf_add_text(&state->error,
                         end == MB__END_MEMORY ? "not enough memory" : "unknown error");
    }
    return end;
}
