/* budgets.c - budgets.lua: budgets that several strategies share.
 *
 *     return { ['acme-q1'] = { daily = 500.00, total = 20000.00, timezone = 'Europe/Berlin' } }
 *
 * A strategy joins one by limits.budget. Spend hangs on the pool's name, so it stays over a reload
 * whoever has joined or left.
 */
#include "internal.h"

#include <ctype.h>

enum { POOL_NAME_MAX = 63 };

static bool is_pool_name(struct mb_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (!islower(c) && !isdigit(c) && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= POOL_NAME_MAX;
}

/* Gives the pool its place in the table of spend and its time zone. */
static void place_pool(struct mb_script *script, struct mb__check *check, struct mb_pool *pool)
{
    struct mb_slice zone = pool->limits.timezone;
    struct mb_error err;
    pool->guard_slot = MB_GUARD_NO_SLOT;
    if (!script->guard)
        return;
    pool->guard_slot = mb_guard_pool_slot(script->guard, pool->name);
    if (pool->guard_slot == MB_GUARD_NO_SLOT)
        mb__script_bad(check, pool->name.data, "no place left in the table of spend");
    else if (mb_guard_set_zone(script->guard, pool->guard_slot,
                               zone.data ? zone : mb_slice_of(script->options.timezone), &err) != 0)
        mb__script_bad(check, pool->name.data, "%s", err.what);
    else
        mb_guard_set_booking(script->guard, pool->guard_slot, MB_GUARD_NO_SLOT, &pool->limits);
}

void mb__script_take_pools(lua_State *L, int index)
{
    struct mb_script *script = mb__script_of(L);
    struct mb__check check = {.script = script};
    if (!lua_istable(L, index)) {
        mb__script_bad(&check, "return", "expected a table of budgets by name, got %s",
                       mb__script_kind(L, index));
        return;
    }
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        struct mb_pool *pool = mb_xarena_alloc(&script->arena, sizeof(*pool));
        if (lua_type(L, -2) == LUA_TSTRING)
            pool->name.data = lua_tolstring(L, -2, &pool->name.len);
        pool->name = mb_xarena_copy(&script->arena, pool->name);
        if (!is_pool_name(pool->name))
            mb__script_bad(&check, "name", "expected a-z, 0-9, _ and -, at most %d, got '%.*s'",
                           POOL_NAME_MAX, MB_SLICE_ARG(pool->name));
        else if (!lua_istable(L, -1))
            mb__script_bad(&check, pool->name.data, "expected a table, got %s",
                           mb__script_kind(L, -1));
        else {
            mb__script_take_pool(L, lua_gettop(L), &check, pool);
            place_pool(script, &check, pool);
            mb_xmap_put(&script->pools, pool->name, pool);
        }
    }
}

void mb__script_join_pool(struct mb__check *check, struct mb_strategy *strategy)
{
    struct mb_slice name = strategy->limits.budget;
    if (!name.data)
        return;
    strategy->pool = mb_map_get(&check->script->pools, name);
    if (!strategy->pool)
        mb__script_bad(check, "limits.budget", "budgets.lua has none named '%.*s'",
                       MB_SLICE_ARG(name));
}
