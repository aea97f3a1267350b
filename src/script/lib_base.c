/* lib_base.c - base functions whose originals would break a replay, show an address, or reach too
 * far.
 *
 * pairs visits string keys in sorted order, because the order of a hash table differs between
 * processes; tostring and string.format show no address; os.date and os.time take their time as an
 * argument and know UTC only.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATE_FIELD_MAX = 1000000000 }; /* leaves room for the arithmetic of struct tm */

static int compare_keys(const void *a, const void *b)
{
    const struct mb_slice *left = a, *right = b;
    size_t shorter = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, shorter);
    if (order == 0)
        order = (left->len > right->len) - (left->len < right->len);
    return order;
}

/* Upvalues: the table, its keys in order, how many were visited. Keys that lost their value
 * meanwhile are left out. */
static int next_sorted(lua_State *L)
{
    int at = (int)lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        lua_rawgeti(L, lua_upvalueindex(2), ++at);
        if (lua_isnil(L, -1))
            return 1;
        lua_pushvalue(L, -1);
        lua_rawget(L, lua_upvalueindex(1));
        if (!lua_isnil(L, -1))
            break;
        lua_pop(L, 2);
    }
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

struct mb_slice *mb__script_sorted_keys(lua_State *L, int index, size_t count)
{
    struct mb_slice *keys = lua_newuserdata(L, count * sizeof(*keys));
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            keys[n].data = lua_tolstring(L, -1, &keys[n].len);
            n++;
        }
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    return keys;
}

/* Pushes a list of the keys of the table at 1: those that are no strings as they come, then the
 * strings in order. */
static void push_keys(lua_State *L, size_t n_strings, int n_keys)
{
    const struct mb_slice *strings = mb__script_sorted_keys(L, 1, n_strings);
    lua_createtable(L, n_keys, 0);
    int keys = lua_gettop(L), at = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pushvalue(L, -1);
            lua_rawseti(L, keys, ++at);
        }
    }
    for (size_t i = 0; i < n_strings; i++) {
        mb__script_push_slice(L, strings[i]);
        lua_rawseti(L, keys, ++at);
    }
}

void mb__script_open_userdata(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !luaL_getmetafield(L, index, "__pairs"))
        return;
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    lua_replace(L, index);
}

/* pairs(table); upvalue: next. */
static int lua_base_pairs(lua_State *L)
{
    lua_settop(L, 1);
    mb__script_open_userdata(L, 1);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t n_strings = 0;
    int n_keys = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        n_strings += lua_type(L, -1) == LUA_TSTRING;
        n_keys++;
    }
    if (n_strings < 2) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        return 3;
    }
    push_keys(L, n_strings, n_keys);
    lua_pushvalue(L, 1);
    lua_insert(L, -2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_sorted, 3);
    return 1;
}

/* ipairs(list); upvalue: the iterator of the original. */
static int lua_base_ipairs(lua_State *L)
{
    lua_settop(L, 1);
    mb__script_open_userdata(L, 1);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

void mb__script_safe_text(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        lua_tostring(L, -1);
        break;
    default:
        mb__script_check_stack(L);
        if (luaL_callmeta(L, index, "__tostring")) {
            if (!lua_isstring(L, -1))
                luaL_error(L, "'__tostring' must return a string");
        } else {
            lua_pushstring(L, luaL_typename(L, index));
        }
    }
}

static int lua_base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    mb__script_safe_text(L, 1);
    return 1;
}

static int lua_base_collectgarbage(lua_State *L)
{
    if (strcmp(luaL_optstring(L, 1, "collect"), "count") != 0)
        return luaL_argerror(L, 1, "only 'count' is offered");
    lua_pushnumber(L, (lua_Number)mb__script_state_of(L)->used_bytes / 1024);
    return 1;
}

/* True for a conversion %p in the format. */
static bool shows_address(struct mb_slice format)
{
    for (size_t i = 0; i < format.len; i++) {
        if (format.data[i] != '%')
            continue;
        i++;
        while (i < format.len && strchr("-+ #0123456789.", format.data[i]) && format.data[i])
            i++;
        if (i < format.len && format.data[i] == 'p')
            return true;
    }
    return false;
}

int mb__script_lua_format(lua_State *L)
{
    struct mb_slice format;
    format.data = luaL_checklstring(L, 1, &format.len);
    if (shows_address(format))
        return luaL_argerror(L, 1, "'%p' is not offered");
    int top = lua_gettop(L);
    for (int i = 2; i <= top; i++) {
        if (lua_type(L, i) >= LUA_TTABLE) {
            mb__script_safe_text(L, i);
            lua_replace(L, i);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, top, 1);
    return 1;
}

/* os.date(format, time): UTC; upvalue: the original. */
static int lua_os_date(lua_State *L)
{
    const char *format = luaL_checkstring(L, 1);
    lua_Number time = luaL_checknumber(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushfstring(L, "!%s", format[0] == '!' ? format + 1 : format);
    lua_pushnumber(L, time);
    lua_call(L, 2, 1);
    return 1;
}

static int take_time_field(lua_State *L, const char *name, int fallback)
{
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1) && fallback < 0)
        luaL_error(L, "field '%s' missing in date table", name);
    lua_Integer value = lua_isnil(L, -1) ? fallback : luaL_checkinteger(L, -1);
    if (value < -DATE_FIELD_MAX || value > DATE_FIELD_MAX)
        luaL_error(L, "field '%s' out of range in date table", name);
    lua_pop(L, 1);
    return (int)value;
}

/* os.time(table): seconds since the epoch of a date in UTC. */
static int lua_os_time(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct tm tm = {
        .tm_year = take_time_field(L, "year", -1) - 1900,
        .tm_mon = take_time_field(L, "month", -1) - 1,
        .tm_mday = take_time_field(L, "day", -1),
        .tm_hour = take_time_field(L, "hour", 12),
        .tm_min = take_time_field(L, "min", 0),
        .tm_sec = take_time_field(L, "sec", 0),
    };
    lua_pushnumber(L, (lua_Number)timegm(&tm));
    return 1;
}

void mb__script_lib_os(lua_State *L, int from)
{
    lua_getfield(L, from, "date");
    lua_pushcclosure(L, lua_os_date, 1);
    lua_setfield(L, -2, "date");
    lua_pushcfunction(L, lua_os_time);
    lua_setfield(L, -2, "time");
}

void mb__script_lib_base(lua_State *L)
{
    lua_getglobal(L, "next");
    lua_pushcclosure(L, lua_base_pairs, 1);
    lua_setfield(L, -2, "pairs");
    /* -- base, iterator of ipairs */
    lua_getglobal(L, "ipairs");
    lua_newtable(L);
    lua_call(L, 1, 1);
    lua_pushcclosure(L, lua_base_ipairs, 1);
    lua_setfield(L, -2, "ipairs");
    lua_pushcfunction(L, lua_base_tostring);
    lua_setfield(L, -2, "tostring");
    lua_pushcfunction(L, lua_base_collectgarbage);
    lua_setfield(L, -2, "collectgarbage");
}
