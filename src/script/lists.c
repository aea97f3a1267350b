/* lists.c - list 'zones.txt' and map 'bids.csv': rows in C memory, outside Lua's heap and its cap.
 *
 *     local zones = list 'zones.txt'      zones:has('778899')
 *     local bids = map 'bids.csv'         bids:get('778899')   -- '0.42', or nil
 *
 * A file is loaded once per generation; every use of its name gives the same rows. A list has one
 * value a line, a map has key,value; empty lines are skipped and blanks at both ends dropped.
 */
#include "internal.h"

static void add_row(struct mb_script *script, struct mb__list *list, struct mb_slice line)
{
    struct mb_slice rest = line;
    struct mb_slice key = mb_slice_trim(list->is_map ? mb_slice_cut(&rest, ',') : line);
    if (key.len == 0)
        return;
    struct mb_slice value = list->is_map ? mb_slice_trim(rest) : key;
    struct mb_slice *kept = mb_xarena_alloc(&script->arena, sizeof(*kept));
    if (list->is_map && value.data)
        *kept = mb_xarena_copy(&script->arena, value);
    else
        *kept = MB_SLICE("");
    mb_xmap_put(&list->rows, key, kept);
}

/* The rows of lists/<name>, from the chain or read now; NULL without such a file. */
static const struct mb__list *open_list(struct mb_script *script, struct mb_slice name, bool is_map)
{
    for (const struct mb__list *list = script->lists; list; list = list->next)
        if (list->is_map == is_map && mb_slice_eq(list->name, name))
            return list;
    if (!script->call.loading)
        return NULL;
    struct mb_slice path = mb_xarena_printf(&script->files, "lists/%.*s", MB_SLICE_ARG(name));
    struct mb_slice rest = mb_bundle_file(script->bundle, path);
    if (!rest.data)
        return NULL;
    struct mb__list *list = mb_xarena_alloc(&script->arena, sizeof(*list));
    list->name = mb_xarena_copy(&script->arena, name);
    list->is_map = is_map;
    list->next = script->lists;
    script->lists = list;
    while (mb_slice_present(rest))
        add_row(script, list, mb_slice_cut(&rest, '\n'));
    return list;
}

const struct mb__list *mb__script_to_list(lua_State *L, int index)
{
    const struct mb__list **held = mb__script_to_userdata(L, index, mb__script_of(L)->list_ref);
    return held ? *held : NULL;
}

/* list(file), map(file); upvalue: is it a map? */
static int lua_list_open(lua_State *L)
{
    struct mb_slice name;
    name.data = luaL_checklstring(L, 1, &name.len);
    bool is_map = lua_toboolean(L, lua_upvalueindex(1));
    const struct mb__list *list = open_list(mb__script_of(L), name, is_map);
    if (!list)
        return luaL_error(L, "%s '%s': no such file in lists/ (read while loading)",
                          is_map ? "map" : "list", name.data);
    const struct mb__list **held = lua_newuserdata(L, sizeof(*held));
    *held = list;
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb__script_of(L)->list_ref);
    lua_setmetatable(L, -2);
    return 1;
}

/* The value of argument 2 in the list that argument 1 is, or NULL. */
static const struct mb_slice *find_row(lua_State *L)
{
    const struct mb__list *list = mb__script_to_list(L, 1);
    struct mb_slice key;
    if (!list)
        luaL_argerror(L, 1, "a list or map is expected");
    if (lua_isnoneornil(L, 2))
        return NULL; /* what a request has not is on no list */
    key.data = luaL_checklstring(L, 2, &key.len);
    return mb_map_get(&list->rows, key);
}

static int lua_list_has(lua_State *L)
{
    lua_pushboolean(L, find_row(L) != NULL);
    return 1;
}

static int lua_list_get(lua_State *L)
{
    const struct mb_slice *value = find_row(L);
    const struct mb__list *list = mb__script_to_list(L, 1);
    if (!value)
        lua_pushnil(L);
    else if (list->is_map)
        mb__script_push_slice(L, *value);
    else
        lua_pushboolean(L, true);
    return 1;
}

void mb__script_list_install(lua_State *L)
{
    static const luaL_Reg methods[] = {{"has", lua_list_has}, {"get", lua_list_get}, {NULL, NULL}};
    lua_newtable(L);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    mb__script_lock(L, "list");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    mb__script_of(L)->list_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    lua_pushcclosure(L, lua_list_open, 1);
    lua_pushboolean(L, 1);
    lua_pushcclosure(L, lua_list_open, 1);
}
