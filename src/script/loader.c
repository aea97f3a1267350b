/* loader.c - from a bundle of scripts to a generation.
 *
 * Each strategy file runs in an environment of its own, and so do the modules that it requires:
 * what one strategy does to a module's table, another never sees. The problems of all files are
 * gathered before loading fails.
 *
 * `return strategy {...}` is a tail call, behind which Lua knows no line any more; so a line hook
 * notes the last line that ran in the strategy file, the call's last line, and its first one is
 * looked for in the text above that.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_CAP_BYTES ((size_t)64 * 1024 * 1024)
#define LOAD_BYTES_MAX                                                                             \
    ((size_t)1024 * 1024 * 1024) /* while loading: the cap follows from what is left */
#define LOAD_LIMIT_NS (UINT64_C(2) * 1000 * 1000 * 1000) /* a file's time */

enum { COLLECTOR_STEP_MUL = 400 }; /* of the collector: work per byte, in percent */

/* What strategy {...} gives: the table is the userdata's environment. */
struct declared {
    int line;
};

static void note_line(lua_State *L, lua_Debug *activation)
{
    struct mb_script *script = mb__script_of(L);
    if (lua_getinfo(L, "S", activation) && activation->source[0] == '@' &&
        mb_slice_is(script->file, activation->source + 1))
        script->line = activation->currentline;
}

/* The line of the last word `strategy` with its argument at or above `line`; `line` itself where
 * there is none. */
static int find_call(struct mb_slice text, int line)
{
    int found = line, at = 1;
    while (mb_slice_present(text) && at <= line) {
        struct mb_slice row = mb_slice_cut(&text, '\n');
        long place = mb_slice_find(row, MB_SLICE("strategy"));
        struct mb_slice rest = row;
        if (place >= 0)
            rest = mb_slice_trim(mb_slice(row.data + place + 8, row.len - (size_t)place - 8));
        if (place >= 0 && rest.len > 0 && strchr("{(", rest.data[0]))
            found = at;
        at++;
    }
    return found;
}

/* The line of the caller where Lua knows it, else see above. */
static int calling_line(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    lua_Debug caller;
    if (lua_getstack(L, 1, &caller) && lua_getinfo(L, "l", &caller) && caller.currentline > 0)
        return caller.currentline;
    return find_call(mb_bundle_file(script->bundle, script->file), script->line);
}

/* strategy {...} */
static int lua_declare(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!script->call.loading)
        return luaL_error(L, "strategies are declared while loading");
    struct declared *declared = lua_newuserdata(L, sizeof(*declared));
    declared->line = calling_line(L);
    lua_pushvalue(L, 1);
    lua_setfenv(L, -2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->strategy_ref);
    lua_setmetatable(L, -2);
    return 1;
}

/* Compiles source text (never bytecode) and gives it the environment at `env`. Raises. */
static void push_chunk(lua_State *L, struct mb_slice path, struct mb_slice text, int env)
{
    lua_pushfstring(L, "@%s", path.data);
    if (luaL_loadbufferx(L, text.data, text.len, lua_tostring(L, -1), "t") != 0)
        lua_error(L);
    lua_pushvalue(L, env);
    lua_setfenv(L, -2);
    lua_replace(L, -2);
}

/* 'lib.shading' -> lib/shading.lua; modules are files of the strategy's scripts folder and nothing
 * else. */
static struct mb_slice find_module(struct mb_script *script, struct mb_slice name,
                                   struct mb_slice *text)
{
    struct mb_slice root = mb_bundle_root(script->bundle, script->file);
    struct mb_slice path = mb_xarena_printf(&script->files, "%.*s%.*s.lua", MB_SLICE_ARG(root),
                                            MB_SLICE_ARG(name));
    for (size_t i = root.len; i < root.len + name.len && i < path.len; i++)
        if (path.data[i] == '.')
            ((char *)(uintptr_t)path.data)[i] = '/';
    *text = mb_bundle_file(script->bundle, path);
    return path;
}

/* require(name); upvalues: the file's environment, its modules by name. */
static int lua_require(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice name, text;
    name.data = luaL_checklstring(L, 1, &name.len);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_rawget(L, lua_upvalueindex(2));
    if (lua_islightuserdata(L, -1))
        return luaL_error(L, "module '%s' requires itself", name.data);
    if (!lua_isnil(L, -1))
        return 1;
    if (!script->call.loading)
        return luaL_error(L, "module '%s': modules are loaded at the start of a file", name.data);
    struct mb_slice path = find_module(script, name, &text);
    if (!text.data)
        return luaL_error(L, "module '%s' not found: no file %s in the scripts folder", name.data,
                          path.data);
    mb__script_check_stack(L);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, script);
    lua_rawset(L, lua_upvalueindex(2));
    push_chunk(L, path, text, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(2));
    return 1;
}

/* --- kept functions --- */

/* Registry name of the table that all environments start from. */
static const char base_key[] = "moonbid.base";

static int run_open(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    mb__script_views_open(L);
    mb__script_results_open(L);
    mb__script_ctx_open(L);
    lua_newtable(L);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    script->strategy_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushcfunction(L, luaopen_debug);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "getinfo");
    script->getinfo_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    mb__script_sandbox_open(L);
    int base = lua_gettop(L);
    mb__script_log_install(L);
    lua_setfield(L, base, "log");
    mb__script_nobid_install(L);
    lua_setfield(L, base, "nobid");
    mb__script_list_install(L);
    lua_setfield(L, base, "map");
    lua_setfield(L, base, "list");
    lua_pushcfunction(L, lua_declare);
    lua_setfield(L, base, "strategy");
    lua_setfield(L, LUA_REGISTRYINDEX, base_key);
    return 0;
}

static void add_strategy(struct mb_script *script, struct mb__strategy *strategy,
                         struct mb__check *check)
{
    struct mb_strategy *plain = &strategy->plain;
    const struct mb__strategy *other = mb_map_get(&script->by_name, plain->name);
    if (other) {
        mb__script_bad(check, "name", "'%.*s' is taken by %.*s:%d", MB_SLICE_ARG(plain->name),
                       MB_SLICE_ARG(other->plain.file), other->plain.line);
        return;
    }
    plain->guard_slot = MB_GUARD_NO_SLOT;
    if (!mb_bundle_is_beside(plain->file)) /* a candidate spends nothing */
        mb__script_join_pool(check, plain);
    if (script->guard) {
        struct mb_slice zone = plain->limits.timezone;
        struct mb_error err;
        plain->guard_slot = mb_guard_slot(script->guard, plain->name);
        if (plain->guard_slot == MB_GUARD_NO_SLOT)
            mb__script_bad(check, "name", "no place left in the table of spend");
        else if (mb_guard_set_zone(script->guard, plain->guard_slot,
                                   zone.data ? zone : mb_slice_of(script->options.timezone),
                                   &err) != 0)
            mb__script_bad(check, "limits.timezone", "%s", err.what);
        else
            mb_guard_set_booking(script->guard, plain->guard_slot,
                                 plain->pool ? plain->pool->guard_slot : MB_GUARD_NO_SLOT,
                                 &plain->limits);
    }
    plain->index = (uint32_t)script->n_strategies;
    void *grown =
        realloc(script->strategies, (script->n_strategies + 1) * sizeof(*script->strategies));
    if (!grown)
        abort();
    script->strategies = grown;
    script->strategies[script->n_strategies++] = strategy;
    mb_xmap_put(&script->by_name, plain->name, strategy);
}

/* The declaration at `index`. False: the value is none. */
static bool take_declared(lua_State *L, int index)
{
    struct mb_script *script = mb__script_of(L);
    const struct declared *declared = mb__script_to_userdata(L, index, script->strategy_ref);
    if (!declared)
        return false;
    struct mb__check check = {.script = script, .line = declared->line};
    lua_getfenv(L, index);
    struct mb__strategy *strategy = mb__script_take_strategy(L, lua_gettop(L), &check);
    if (strategy)
        add_strategy(script, strategy, &check);
    lua_pop(L, 1);
    return true;
}

/* What the file returned: strategy {...}, or a list of them. */
static void take_returned(lua_State *L, int index)
{
    struct mb_script *script = mb__script_of(L);
    if (take_declared(L, index))
        return;
    size_t count = lua_istable(L, index) ? lua_objlen(L, index) : 0;
    bool good = count > 0;
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, index, (int)i);
        good &= take_declared(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    if (!good)
        mb_script_report_add(script->report, false, script->file, 0,
                           "return: expected strategy {...} or a list of them, got %s",
                           count > 0 ? "a list with something else" : mb__script_kind(L, index));
}

static int run_file(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice text = mb_bundle_file(script->bundle, script->file);
    lua_getfield(L, LUA_REGISTRYINDEX, base_key);
    mb__script_sandbox_env(L, lua_gettop(L));
    int env = lua_gettop(L);
    lua_pushliteral(L, "require");
    lua_pushvalue(L, env);
    lua_newtable(L);
    lua_pushcclosure(L, lua_require, 2);
    lua_settable(L, env);
    push_chunk(L, script->file, text, env);
    lua_sethook(L, note_line, LUA_MASKLINE, 0);
    lua_call(L, 0, 1);
    mb__script_sandbox_freeze(L, env);
    take_returned(L, lua_gettop(L));
    return 0;
}

static int run_budgets(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    lua_getfield(L, LUA_REGISTRYINDEX, base_key);
    mb__script_sandbox_env(L, lua_gettop(L));
    push_chunk(L, script->file, mb_bundle_file(script->bundle, script->file), lua_gettop(L));
    lua_call(L, 0, 1);
    mb__script_take_pools(L, lua_gettop(L));
    return 0;
}

static int run_collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCSTOP, 0);
    lua_gc(L, LUA_GCSETSTEPMUL, COLLECTOR_STEP_MUL);
    return 0;
}

/* --- putting it together --- */

/* "strategies/x.lua:12: text" as file, line and text. */
static void report_failure(struct mb_script *script, enum mb__script_end end)
{
    struct mb_slice text = mb_buf_slice(&script->state.error);
    struct mb_slice rest = text, file = mb_slice_cut(&rest, ':'), number = mb_slice_cut(&rest, ':');
    int64_t line;
    if (end == MB__END_TIMEOUT)
        mb_script_report_add(script->report, false, script->file, script->line,
                           "the file ran for more than 2 seconds");
    else if (mb_slice_present(rest) && mb_slice_to_i64(number, &line))
        mb_script_report_add(script->report, false, file, (int)line, "%.*s",
                           MB_SLICE_ARG(mb_slice_trim(rest)));
    else
        mb_script_report_add(script->report, false, script->file, script->line, "%.*s",
                           MB_SLICE_ARG(text));
}

static enum mb__script_end run_load(struct mb_script *script, int kept)
{
    enum mb__script_end end =
        mb__script_state_run(&script->state, kept, LOAD_BYTES_MAX, LOAD_LIMIT_NS);
    lua_sethook(script->state.L, NULL, 0, 0);
    if (end != MB__END_OK)
        report_failure(script, end);
    return end;
}

static enum mb__script_end load_file(struct mb_script *script, int kept)
{
    if (script->options.on_file)
        script->options.on_file(script->options.on_file_user, script->file);
    return run_load(script, kept);
}

static void finish_load(struct mb_script *script)
{
    (void)run_load(script, mb__script_state_keep(&script->state, run_collect));
    script->live_bytes = script->state.used_bytes;
    if (script->options.memory_bytes)
        script->cap_bytes = script->options.memory_bytes;
    if (script->cap_bytes < 4 * script->live_bytes)
        script->cap_bytes = 4 * script->live_bytes;
    snprintf(script->version, sizeof(script->version), "%.*s",
             MB_SLICE_ARG(mb_bundle_version(script->bundle)));
    script->call = (struct mb__call){0};
    script->state.is_new_error = mb__script_is_new_error;
    script->report = NULL;
    script->options = (struct mb_script_options){0}; /* borrowed for the load only */
}

/* The strategy files in the scripts folder, or those beside it. */
static enum mb__script_end load_strategies(struct mb_script *script, int run_one, bool beside)
{
    enum mb__script_end end = MB__END_OK;
    for (size_t i = 0; i < mb_bundle_count(script->bundle) && end != MB__END_TIMEOUT; i++) {
        struct mb_slice path = mb_bundle_path(script->bundle, i);
        if (!mb_bundle_is_strategy(script->bundle, i) || mb_bundle_is_beside(path) != beside)
            continue;
        script->file = mb_xarena_copy(&script->arena, path);
        script->line = 0;
        end = load_file(script, run_one);
    }
    return end;
}

/* Who waits for the outcome shall not wait for every file that never ends: the first one is the last. */
static void load_files(struct mb_script *script)
{
    enum mb__script_end end = MB__END_OK;
    script->file = MB_SLICE("budgets.lua");
    if (mb_slice_present(mb_bundle_file(script->bundle, script->file)))
        end = load_file(script, mb__script_state_keep(&script->state, run_budgets));
    int run_one = mb__script_state_keep(&script->state, run_file);
    if (end != MB__END_TIMEOUT)
        end = load_strategies(script, run_one, false);
    if (end != MB__END_TIMEOUT)
        (void)load_strategies(script, run_one, true);
}

static int load_all(struct mb_script *script)
{
    script->zone = mb__script_zone(script, mb_slice_of(script->options.timezone));
    if (!script->zone) {
        mb_script_report_add(script->report, false, MB_SLICE(""), 0, "no such time zone: %s",
                           script->options.timezone);
        return MB_ESCRIPT;
    }
    (void)run_load(script, mb__script_state_keep(&script->state, run_open));
    load_files(script);
    mb__script_keep_calls(script);
    if (script->report->errors > 0)
        return MB_ESCRIPT;
    finish_load(script);
    return 0;
}

/* The bundle to load from: the caller's, or `*own` read from the folder. */
static int open_bundle(struct mb_script *script, struct mb_bundle **own)
{
    struct mb_error err = {.at = -1};
    int rc = 0;
    if (!script->options.bundle) {
        rc = mb_bundle_read_again(script->options.dir, script->options.candidates, NULL, own, &err);
        if (rc != 0)
            mb_script_report_add(script->report, false, mb_slice_of(err.where), 0, "%s", err.what);
    }
    script->bundle = script->options.bundle ? script->options.bundle : *own;
    return rc;
}

int mb_script_load(const struct mb_script_options *options, struct mb_script **out,
                   struct mb_script_report *report)
{
    *out = NULL;
    struct mb_script *script = calloc(1, sizeof(*script));
    if (!script)
        abort();
    mb_arena_init(&script->arena, 16 * 1024);
    mb_arena_init(&script->event_arena, 16 * 1024);
    script->options = *options;
    script->report = report;
    script->guard = options->guard;
    script->cap_bytes = DEFAULT_CAP_BYTES;
    script->stamp = 1;
    script->call.loading = true;
    mb_arena_init(&script->files, 64 * 1024);
    struct mb_bundle *own = NULL;
    int rc = open_bundle(script, &own);
    if (rc == 0)
        rc = mb__script_state_open(&script->state);
    if (rc == 0)
        rc = load_all(script);
    mb_arena_fini(&script->files);
    mb_bundle_free(own);
    script->bundle = NULL;
    if (rc == 0)
        *out = script;
    else
        mb_script_free(script);
    return rc;
}

const struct mb_zone *mb__script_zone(struct mb_script *script, struct mb_slice name)
{
    struct mb_slice key = name.len > 0 ? name : MB_SLICE("UTC");
    struct mb_zone *zone = mb_map_get(&script->zones, key);
    if (zone)
        return zone;
    zone = malloc(sizeof(*zone));
    if (!zone)
        abort();
    if (mb_zone_load(key, zone, NULL) != 0) {
        free(zone);
        return NULL;
    }
    mb_xmap_put(&script->zones, key, zone);
    return zone;
}

void mb__script_unload(struct mb_script *script)
{
    mb_bundle_free(script->shared);
    const struct mb_map_entry *entry;
    for (size_t at = 0; (entry = mb_map_next(&script->zones, &at));)
        free(entry->value);
    mb_map_fini(&script->zones);
    free(script->strategies);
}
