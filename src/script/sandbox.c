/* sandbox.c - what a script can reach: an allow list, and tables that it can read only.
 *
 * Library tables are shared by all strategies, so scripts hold a userdata in their place: its
 * metatable reads the real table and raises on writing, and no raw access, table.insert or
 * setmetatable works on a userdata. A strategy file has an environment of two tables: the one that
 * its functions know stays empty, so that every read and write of a global goes through its
 * metatable; the second holds the globals. Freezing replaces one field of the metatable. `_G` is a
 * userdata with that metatable.
 *
 * What LuaJIT's own library does wrong for us is replaced: lib_base.c.
 */
#include "internal.h"

#include <string.h>

static const char *const base_names[] = {
    "assert",       "error",        "next",     "pcall", "rawequal", "rawget",   "rawset", "select",
    "setmetatable", "getmetatable", "tonumber", "type",  "unpack",   "_VERSION", NULL};
static const char *const string_names[] = {"byte",  "char", "find",    "gmatch", "len",   "lower",
                                           "match", "rep",  "reverse", "sub",    "upper", NULL};
static const char *const table_names[] = {"concat", "insert", "maxn", "remove", NULL};
static const char *const math_names[] = {
    "abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh", "deg", "exp",
    "floor", "fmod", "frexp", "huge", "ldexp", "log",  "log10", "max",  "min", "modf",
    "pi",    "pow",  "rad",   "sin",  "sinh",  "sqrt", "tan",   "tanh", NULL};
static const char *const coroutine_names[] = {"create", "isyieldable", "running",
                                              "status", "yield",       NULL};
static const char *const bit_names[] = {"arshift", "band",   "bnot", "bor", "bswap",
                                        "bxor",    "lshift", "rol",  "ror", "rshift",
                                        "tobit",   "tohex",  NULL};
static const char *const os_names[] = {"difftime", NULL};

/* xpcall whose handler runs behind the error, as ordinary code: LuaJIT runs a handler with hooks
 * off, where a loop in it would have no limit. In Lua, so that coroutines can yield through it. */
static const char xpcall_source[] =
    "local pcall, select = ...\n"
    "local function finish(handler, ok, ...)\n"
    "  if ok then return true, ... end\n"
    "  return false, select(2, pcall(handler, ...))\n"
    "end\n"
    "return function(f, handler, ...) return finish(handler, pcall(f, ...)) end\n";

/* Copies named members of the table at `from` into the table on top. */
static void copy_members(lua_State *L, int from, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        lua_getfield(L, from, names[i]);
        lua_setfield(L, -2, names[i]);
    }
}

int mb__script_raise_read_only(lua_State *L)
{
    return luaL_error(L, "'%s' is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

static int raise_frozen(lua_State *L)
{
    mb__script_safe_text(L, 2);
    return luaL_error(L, "globals are frozen after load: cannot set '%s' (a local is meant?)",
                      lua_tostring(L, -1));
}

/* A copy of the upvalue's table, for pairs. */
static int copy_shared(lua_State *L)
{
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, lua_upvalueindex(1))) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    return 1;
}

void mb__script_lock(lua_State *L, const char *name)
{
    lua_newuserdata(L, 0);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, mb__script_raise_read_only, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, copy_shared, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_replace(L, -2);
}

/* The upvalue's function, refused where the C stack runs low: each of them starts a new run of the
 * interpreter. */
static int call_guarded(lua_State *L)
{
    mb__script_check_stack(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* coroutine.wrap, giving a guarded function. */
static int wrap_guarded(lua_State *L)
{
    call_guarded(L);
    lua_settop(L, 1);
    lua_pushcclosure(L, call_guarded, 1);
    return 1;
}

/* Sets the table on top's `name` to the guarded member of the table at `from`. */
static void set_guarded(lua_State *L, int from, const char *name, lua_CFunction guard)
{
    lua_getfield(L, from, name);
    lua_pushcclosure(L, guard, 1);
    lua_setfield(L, -2, name);
}

static void open_library(lua_State *L, lua_CFunction open, const char *name)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

/* Pushes a new table with the named members of the global table `library`; its source stands below
 * it. */
static void start_library(lua_State *L, const char *library, const char *const *names)
{
    lua_getglobal(L, library);
    lua_newtable(L);
    copy_members(L, lua_gettop(L) - 1, names);
}

/* Locks the table on top, sets it in the base table at `base`, and drops its source. */
static void end_library(lua_State *L, int base, const char *name)
{
    mb__script_lock(L, name);
    lua_setfield(L, base, name);
    lua_pop(L, 1);
}

static void add_string(lua_State *L, int base)
{
    start_library(L, "string", string_names);
    int from = lua_gettop(L) - 1;
    set_guarded(L, from, "gsub", call_guarded);
    lua_getfield(L, from, "format");
    lua_pushcclosure(L, mb__script_lua_format, 1);
    lua_setfield(L, -2, "format");
    /* ('x'):rep(3) reads the same table, and nobody reaches its metatable. */
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    end_library(L, base, "string");
}

static void add_libraries(lua_State *L, int base)
{
    add_string(L, base);

    start_library(L, "table", table_names);
    set_guarded(L, lua_gettop(L) - 1, "sort", call_guarded);
    end_library(L, base, "table");

    start_library(L, "math", math_names);
    lua_pushcfunction(L, mb__script_lua_random);
    lua_setfield(L, -2, "random");
    end_library(L, base, "math");

    start_library(L, "coroutine", coroutine_names);
    set_guarded(L, lua_gettop(L) - 1, "resume", call_guarded);
    set_guarded(L, lua_gettop(L) - 1, "wrap", wrap_guarded);
    end_library(L, base, "coroutine");

    start_library(L, "bit", bit_names);
    end_library(L, base, "bit");

    start_library(L, "os", os_names);
    mb__script_lib_os(L, lua_gettop(L) - 1);
    end_library(L, base, "os");
}

void mb__script_sandbox_open(lua_State *L)
{
    open_library(L, luaopen_base, "");
    open_library(L, luaopen_string, LUA_STRLIBNAME);
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    open_library(L, luaopen_os, LUA_OSLIBNAME);
    open_library(L, luaopen_bit, LUA_BITLIBNAME);

    lua_newtable(L);
    int base = lua_gettop(L);
    copy_members(L, LUA_GLOBALSINDEX, base_names);
    if (luaL_loadbuffer(L, xpcall_source, sizeof(xpcall_source) - 1, "=xpcall") != 0)
        lua_error(L);
    lua_getglobal(L, "pcall");
    lua_getglobal(L, "select");
    lua_call(L, 2, 1);
    lua_setfield(L, base, "xpcall");
    mb__script_lib_base(L);
    add_libraries(L, base);
}

void mb__script_sandbox_env(lua_State *L, int base)
{
    lua_newtable(L); /* what the functions of the file know: stays empty */
    lua_createtable(L, 0, 4);
    lua_createtable(L, 0, 48); /* -- env, metatable, globals */
    lua_pushnil(L);
    while (lua_next(L, base)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__index");
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__newindex");
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, copy_shared, 1);
    lua_setfield(L, -3, "__pairs");
    lua_pushboolean(L, 0);
    lua_setfield(L, -3, "__metatable");
    lua_newuserdata(L, 0);
    lua_pushvalue(L, -3);
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "_G");
    lua_pop(L, 1);
    lua_setmetatable(L, -2);
}

void mb__script_sandbox_freeze(lua_State *L, int env)
{
    lua_getmetatable(L, env);
    lua_pushcfunction(L, raise_frozen);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
}
