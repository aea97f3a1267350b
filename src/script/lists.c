/* lists.c - list 'zones.txt' and map 'bids.csv': rows in the bundle, outside Lua's heap and its
 * cap.
 *
 *     local zones = list 'zones.txt'      zones:has('778899')
 *     local bids = map 'bids.csv'         bids:get('778899')   -- '0.42', or nil
 *
 * The rows lie in the memory that all workers map (bundle.h), with the table that finds them: a
 * generation holds a handle for each file that it uses, and a share of the bundle. What the rows of
 * a text are says base/rows.h.
 */
#include "internal.h"

/* A map whose keys repeat is more often a mistake than not: told once for a file. */
static void warn_repeated(struct mb_script *script, const struct mb__list *list)
{
    if (list->is_map && list->rows.repeated > 0)
        mb_script_report_add(script->report, true, script->file, script->line,
                             "map '%.*s': %u rows have a key that stands above already, the first "
                             "in line %u: the last one counts",
                             MB_SLICE_ARG(list->name), list->rows.repeated,
                             list->rows.repeated_line);
}

/* Does a candidate ask? It has lists of its own. */
static bool is_beside(const struct mb_script *script)
{
    const struct mb__strategy *strategy = script->call.strategy;
    return mb_bundle_is_beside(strategy ? strategy->plain.file : script->file);
}

/* The rows of lists/<name>, from the chain or found now; NULL without such a file. */
static const struct mb__list *open_list(struct mb_script *script, struct mb_slice name, bool is_map)
{
    bool beside = is_beside(script);
    for (const struct mb__list *list = script->lists; list; list = list->next)
        if (list->is_map == is_map && list->beside == beside && mb_slice_eq(list->name, name))
            return list;
    if (!script->call.loading)
        return NULL;
    struct mb_slice root = mb_bundle_root(script->bundle, script->file);
    struct mb_slice path = mb_xarena_printf(&script->files, "%.*slists/%.*s", MB_SLICE_ARG(root),
                                            MB_SLICE_ARG(name));
    struct mb_rows rows;
    if (!mb_bundle_rows(script->bundle, path, is_map ? MB_ROWS_MAP : MB_ROWS_LIST, &rows))
        return NULL;
    struct mb__list *list = mb_xarena_alloc(&script->arena, sizeof(*list));
    list->name = mb_xarena_copy(&script->arena, name);
    list->is_map = is_map;
    list->beside = beside;
    list->rows = rows;
    list->next = script->lists;
    script->lists = list;
    if (!script->shared)
        script->shared = mb_bundle_share(script->bundle);
    warn_repeated(script, list);
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
    if (list->rows.problem)
        return luaL_error(L, "%s '%s': line %d: %s", is_map ? "map" : "list", name.data,
                          (int)list->rows.problem_line, list->rows.problem);
    const struct mb__list **held = lua_newuserdata(L, sizeof(*held));
    *held = list;
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb__script_of(L)->list_ref);
    lua_setmetatable(L, -2);
    return 1;
}

/* The key of argument 2 in the list that argument 1 is, or absent. */
static struct mb_slice find_row(lua_State *L, const struct mb__list **list)
{
    struct mb_slice key;
    *list = mb__script_to_list(L, 1);
    if (!*list)
        luaL_argerror(L, 1, "a list or map is expected");
    if (lua_isnoneornil(L, 2))
        return MB_SLICE_NONE; /* what a request has not is on no list */
    key.data = luaL_checklstring(L, 2, &key.len);
    return mb_rows_find(&(*list)->rows, key);
}

static int lua_list_has(lua_State *L)
{
    const struct mb__list *list;
    lua_pushboolean(L, mb_slice_present(find_row(L, &list)));
    return 1;
}

/* A quoted value: each second of two double quotes is left out. */
static void push_doubled(lua_State *L, struct mb_slice value)
{
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (size_t i = 0; i < value.len; i++) {
        luaL_addchar(&text, value.data[i]);
        i += value.data[i] == '"';
    }
    luaL_pushresult(&text);
}

static int lua_list_get(lua_State *L)
{
    const struct mb__list *list;
    struct mb_slice found = find_row(L, &list);
    bool doubled;
    if (!mb_slice_present(found)) {
        lua_pushnil(L);
    } else if (!list->is_map) {
        lua_pushboolean(L, true);
    } else {
        struct mb_slice value = mb_rows_value(&list->rows, found, &doubled);
        if (doubled)
            push_doubled(L, value);
        else
            mb__script_push_slice(L, value);
    }
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
