/* values.c - arguments and results of the kit's core. */
#include <lauxlib.h>

#include "internal.h"

struct mb__core *mb__kit_check_core(lua_State *L)
{
    struct mb__core *c = luaL_checkudata(L, 1, MB__KIT_CLASS);

    luaL_argcheck(L, c->bidder, 1, "closed");
    return c;
}

struct mb_slice mb__kit_check_slice(lua_State *L, int index)
{
    size_t len;
    const char *data = luaL_checklstring(L, index, &len);

    return mb_slice(data, len);
}

struct mb_slice mb__kit_opt_slice(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) ? MB_SLICE_NONE : mb__kit_check_slice(L, index);
}

void mb__kit_push_slice(lua_State *L, struct mb_slice s)
{
    if (mb_slice_present(s)) {
        lua_pushlstring(L, s.data, s.len);
    } else {
        lua_pushnil(L);
    }
}

void mb__kit_set_slice(lua_State *L, const char *key, struct mb_slice s)
{
    mb__kit_push_slice(L, s);
    lua_setfield(L, -2, key);
}
