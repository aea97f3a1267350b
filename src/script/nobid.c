/* nobid.c - `nobid(reason)`: a value that says why nothing is bid; lua-api.md section 3. */
#include "internal.h"

#include <string.h>

enum { REASON_BYTES_MAX = 32 };

struct nobid {
    size_t len;
    char text[REASON_BYTES_MAX];
};

static int lua_nobid(lua_State *L)
{
    struct mb_slice reason;
    reason.data = luaL_checklstring(L, 1, &reason.len);
    bool good = reason.len >= 1 && reason.len <= REASON_BYTES_MAX;
    for (size_t i = 0; good && i < reason.len; i++) {
        char c = reason.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    luaL_argcheck(L, good, 1, "a reason is 1 to 32 of a-z 0-9 _");
    struct nobid *nobid = lua_newuserdata(L, sizeof(*nobid));
    nobid->len = reason.len;
    memcpy(nobid->text, reason.data, reason.len);
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb__script_of(L)->nobid_ref);
    lua_setmetatable(L, -2);
    return 1;
}

void mb__script_nobid_install(lua_State *L)
{
    lua_newtable(L);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    mb__script_of(L)->nobid_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, lua_nobid);
}

struct mb_slice mb__script_to_nobid(lua_State *L, int index)
{
    const struct nobid *nobid = mb__script_to_userdata(L, index, mb__script_of(L)->nobid_ref);
    return nobid ? mb_slice(nobid->text, nobid->len) : MB_SLICE_NONE;
}
