/* encode.c - a Lua table as JSON text, the same bytes each time.
 *
 * Names are written in order. A table with elements 1..n and nothing else is an array; an empty one
 * is an object, unless its name is one that OpenRTB knows as an array.
 */
#include "internal.h"

#include <math.h>

enum { DEPTH_MAX = 32 }; /* deeper than any advertising format; far below the writer's own limit */

static const char *const array_names[] = {
    "adomain",     "assets",  "attr",     "bcat",           "cat", "clicktrackers", "eventtrackers",
    "imptrackers", "methods", "segments", "trackingevents", NULL};

static const char *write_value(lua_State *L, int index, struct mb_slice name,
                               struct mb_json_writer *w);

static bool is_array_name(struct mb_slice name)
{
    for (size_t i = 0; array_names[i]; i++)
        if (mb_slice_is(name, array_names[i]))
            return true;
    return false;
}

static const char *write_number(double number, struct mb_json_writer *w)
{
    if (!isfinite(number))
        return "holds a number that is not finite";
    if (number == floor(number) && fabs(number) <= 9007199254740992.0)
        mb_jsonw_i64(w, (int64_t)number);
    else
        mb_jsonw_f64(w, number);
    return NULL;
}

static const char *write_array(lua_State *L, int index, size_t length, struct mb_json_writer *w)
{
    const char *problem = NULL;
    mb_jsonw_array(w);
    for (size_t i = 1; i <= length && !problem; i++) {
        lua_rawgeti(L, index, (int)i);
        problem = write_value(L, lua_gettop(L), MB_SLICE_NONE, w);
        lua_pop(L, 1);
    }
    if (!problem)
        mb_jsonw_array_end(w);
    return problem;
}

static const char *write_object(lua_State *L, int index, size_t count, struct mb_json_writer *w)
{
    const char *problem = NULL;
    const struct mb_slice *keys = mb__script_sorted_keys(L, index, count);
    mb_jsonw_object(w);
    for (size_t i = 0; i < count && !problem; i++) {
        mb_jsonw_key_slice(w, keys[i]);
        mb__script_push_slice(L, keys[i]);
        lua_rawget(L, index);
        problem = write_value(L, lua_gettop(L), keys[i], w);
        lua_pop(L, 1);
    }
    if (!problem)
        mb_jsonw_object_end(w);
    lua_pop(L, 1);
    return problem;
}

static const char *write_table(lua_State *L, int index, struct mb_slice name,
                               struct mb_json_writer *w)
{
    size_t strings = 0, others = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            strings++;
        else
            others++;
    }
    size_t length = lua_objlen(L, index);
    if (others != (strings ? 0 : length))
        return "mixes a list and named members, or has holes";
    if (others > 0 || (strings == 0 && is_array_name(name)))
        return write_array(L, index, length, w);
    return write_object(L, index, strings, w);
}

static const char *write_value(lua_State *L, int index, struct mb_slice name,
                               struct mb_json_writer *w)
{
    struct mb_slice text;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        mb_jsonw_bool(w, lua_toboolean(L, index));
        return NULL;
    case LUA_TNUMBER:
        return write_number(lua_tonumber(L, index), w);
    case LUA_TSTRING:
        text.data = lua_tolstring(L, index, &text.len);
        mb_jsonw_str(w, text);
        return NULL;
    case LUA_TUSERDATA:
        mb__script_open_userdata(L, index);
        if (!lua_istable(L, index))
            return "holds a value that JSON has not";
        break;
    case LUA_TTABLE:
        break;
    default:
        return "holds a value that JSON has not";
    }
    if (w->depth >= DEPTH_MAX)
        return "is nested too deep";
    luaL_checkstack(L, 8, "JSON");
    return write_table(L, index, name, w);
}

const char *mb__script_encode(lua_State *L, int index, struct mb_slice name, struct mb_buf *out)
{
    struct mb_json_writer w;
    mb_json_writer_init(&w, out);
    return write_value(L, index, name, &w);
}
