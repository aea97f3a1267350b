/* view.c - read-only windows on C structs: `req`, `imp`, `event` and what hangs on them.
 *
 * A view is a small userdata with a pointer and the stamp of its request; nothing is copied to Lua
 * before it is asked for. Stamps count up when a request or event begins and ends, so a view that
 * was kept raises instead of reading freed memory. It is new for each request for that reason: a
 * reused one could not tell.
 *
 * Fields are found by the pointer of their interned name: Lua has one copy of each short string, so
 * comparing pointers is comparing names. The names are anchored in the registry. view_request.c and
 * view_event.c hold the tables of fields, view_push.c makes Lua values of them.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

static const struct mb__class *const classes[MB__CLASS_RECORDS] = {
    [MB__CLASS_REQUEST] = &mb__script_request_class, [MB__CLASS_IMP] = &mb__script_imp_class,
    [MB__CLASS_SITE] = &mb__script_site_class,       [MB__CLASS_APP] = &mb__script_app_class,
    [MB__CLASS_DEVICE] = &mb__script_device_class,   [MB__CLASS_GEO] = &mb__script_geo_class,
    [MB__CLASS_USER] = &mb__script_user_class,       [MB__CLASS_REGS] = &mb__script_regs_class,
    [MB__CLASS_BLOCKED] = &mb__script_blocked_class, [MB__CLASS_EVENT] = &mb__script_event_class,
};

/* --- finding a field --- */

static size_t slot_of(const void *key)
{
    return ((uintptr_t)key >> 4) % MB__FIELD_SLOTS;
}

const struct mb__field *mb__script_fields_find(const struct mb__field_table *table, const void *key)
{
    size_t at = slot_of(key);
    while (table->slots[at].key) {
        if (table->slots[at].key == key)
            return table->slots[at].field;
        at = (at + 1) % MB__FIELD_SLOTS;
    }
    return NULL;
}

void mb__script_fields_fill(lua_State *L, const struct mb__field *fields, size_t count,
                            struct mb__field_table *table)
{
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, fields[i].name);
        const void *key = lua_topointer(L, -1);
        luaL_ref(L, LUA_REGISTRYINDEX);
        size_t at = slot_of(key);
        while (table->slots[at].key)
            at = (at + 1) % MB__FIELD_SLOTS;
        table->slots[at].key = key;
        table->slots[at].field = &fields[i];
    }
}

void *mb__script_to_userdata(lua_State *L, int index, int metatable_ref)
{
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, metatable_ref);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? lua_touserdata(L, index) : NULL;
}

/* --- metamethods --- */

static struct mb__view *check_view(lua_State *L)
{
    struct mb__view *view = lua_touserdata(L, 1);
    if (view->stamp != view->class->script->stamp)
        luaL_error(L, "a part of '%s' was used after its call ended",
                   lua_tostring(L, lua_upvalueindex(1)));
    return view;
}

static int index_record(lua_State *L)
{
    const struct mb__view *view = check_view(L);
    const struct mb__field *field =
        mb__script_fields_find(&view->class->fields, lua_topointer(L, 2));
    if (field)
        mb__script_push_field(L, view->class->script, field, view->object);
    else
        lua_pushnil(L);
    return 1;
}

static int index_tokens(lua_State *L)
{
    const struct mb__view *view = check_view(L);
    struct mb_slice name = MB_SLICE_NONE;
    if (lua_type(L, 2) == LUA_TSTRING)
        name.data = lua_tolstring(L, 2, &name.len);
    mb__script_push_slice(L, mb_pairs_get(*(const struct mb_pairs *)view->object, name));
    return 1;
}

static size_t list_length(const struct mb__view *view)
{
    switch (view->class->id) {
    case MB__CLASS_SLICES:
        return ((const struct mb_slices *)view->object)->count;
    case MB__CLASS_SIZES:
        return ((const struct mb__sizes_view *)view)->count;
    case MB__CLASS_IMPS:
        return ((const struct mb_request *)view->object)->n_imps;
    default:
        return 0;
    }
}

static void push_element(lua_State *L, const struct mb__view *view, size_t at)
{
    if (view->class->id == MB__CLASS_SLICES)
        mb__script_push_slice(L, ((const struct mb_slices *)view->object)->items[at]);
    else if (view->class->id == MB__CLASS_SIZES)
        mb__script_push_size(L, ((const struct mb_size *)view->object)[at]);
    else
        mb__script_push_imp(L, view->class->script,
                            &((const struct mb_request *)view->object)->imps[at]);
}

static int index_list(lua_State *L)
{
    const struct mb__view *view = check_view(L);
    lua_Number at = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : 0;
    if (at >= 1 && at <= (lua_Number)list_length(view) && at == floor(at))
        push_element(L, view, (size_t)at - 1);
    else
        lua_pushnil(L);
    return 1;
}

static int length_list(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)list_length(check_view(L)));
    return 1;
}

static int index_json(lua_State *L)
{
    check_view(L);
    struct mb_json_value value = ((const struct mb__json_view *)lua_touserdata(L, 1))->value;
    if (value.type == MB_JSON_OBJECT && lua_type(L, 2) == LUA_TSTRING) {
        struct mb_slice key;
        key.data = lua_tolstring(L, 2, &key.len);
        mb__script_push_json(L, mb_json_get(value, key), key);
    } else if (value.type == MB_JSON_ARRAY && lua_type(L, 2) == LUA_TNUMBER &&
               lua_tonumber(L, 2) >= 1 && lua_tonumber(L, 2) <= mb_json_count(value)) {
        mb__script_push_json(L, mb_json_at(value, (uint32_t)lua_tonumber(L, 2) - 1), MB_SLICE_NONE);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int length_json(lua_State *L)
{
    check_view(L);
    struct mb_json_value value = ((const struct mb__json_view *)lua_touserdata(L, 1))->value;
    lua_pushinteger(L, value.type == MB_JSON_ARRAY ? (lua_Integer)mb_json_count(value) : 0);
    return 1;
}

/* --- plain copies, for pairs and ipairs --- */

static int copy_record(lua_State *L)
{
    const struct mb__view *view = check_view(L);
    const struct mb__class *class = classes[view->class->id];
    lua_createtable(L, 0, (int)class->n_fields);
    for (size_t i = 0; i < class->n_fields; i++) {
        mb__script_push_field(L, view->class->script, &class->fields[i], view->object);
        lua_setfield(L, -2, class->fields[i].name);
    }
    return 1;
}

static int copy_tokens(lua_State *L)
{
    const struct mb_pairs *pairs = check_view(L)->object;
    lua_newtable(L);
    for (size_t i = pairs->count; i > 0; i--) { /* of two with one name the first counts */
        mb__script_push_slice(L, pairs->items[i - 1].name);
        mb__script_push_slice(L, pairs->items[i - 1].value);
        lua_rawset(L, -3);
    }
    return 1;
}

static int copy_list(lua_State *L)
{
    const struct mb__view *view = check_view(L);
    size_t length = list_length(view);
    lua_createtable(L, (int)length, 0);
    for (size_t i = 0; i < length; i++) {
        push_element(L, view, i);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int copy_json(lua_State *L)
{
    check_view(L);
    struct mb_json_value value = ((const struct mb__json_view *)lua_touserdata(L, 1))->value;
    lua_newtable(L);
    int at = 0;
    for (struct mb_json_value v = mb_json_first(value); v.type != MB_JSON_NONE;
         v = mb_json_next(value, v)) {
        if (value.type == MB_JSON_OBJECT) {
            struct mb_slice key = mb_json_key(v);
            mb__script_push_slice(L, key);
            mb__script_push_json(L, v, key);
            lua_rawset(L, -3);
        } else {
            mb__script_push_json(L, v, MB_SLICE_NONE);
            lua_rawseti(L, -2, ++at);
        }
    }
    return 1;
}

/* --- metatables --- */

static const struct behaviour {
    const char *name;
    lua_CFunction index, length, copy;
} lists[] = {
    [MB__CLASS_TOKENS] = {"req.tokens", index_tokens, NULL, copy_tokens},
    [MB__CLASS_SLICES] = {"list of req", index_list, length_list, copy_list},
    [MB__CLASS_SIZES] = {"imp.sizes", index_list, length_list, copy_list},
    [MB__CLASS_IMPS] = {"req.imps", index_list, length_list, copy_list},
    [MB__CLASS_JSON] = {"raw", index_json, length_json, copy_json},
};

static void set_method(lua_State *L, const char *event, lua_CFunction method, const char *name)
{
    if (!method)
        return;
    lua_pushstring(L, name);
    lua_pushcclosure(L, method, 1);
    lua_setfield(L, -2, event);
}

void mb__script_views_open(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    for (int i = 0; i < MB__CLASS_COUNT; i++) {
        struct mb__view_class *class = &script->classes[i];
        struct behaviour how = {NULL, index_record, NULL, copy_record};
        class->script = script;
        class->id = (enum mb__class_id)i;
        if (i < MB__CLASS_RECORDS) {
            how.name = classes[i]->name;
            mb__script_fields_fill(L, classes[i]->fields, classes[i]->n_fields, &class->fields);
        } else {
            how = lists[i];
        }
        lua_createtable(L, 0, 5);
        set_method(L, "__index", how.index, how.name);
        set_method(L, "__len", how.length, how.name);
        set_method(L, "__pairs", how.copy, how.name);
        set_method(L, "__newindex", mb__script_raise_read_only, how.name);
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        class->metatable_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    for (size_t i = 0; i < sizeof(script->cached) / sizeof(script->cached[0]); i++) {
        lua_pushboolean(L, 0);
        script->cached[i].ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}
