/* replay.c - core.replay: a recording decided again inside a test.
 *
 *     core.replay { files = { 'recording.ndjson.gz' }, scripts = 'scripts', config =
 * 'moonbid.conf.lua' }
 *     -> { requests, decisions, identical, changed = { NAME = { count, examples = { 'FILE:LINE: was
 * -> is' } } } }
 *     -> or nil and what was wrong
 *
 * On the interpreter's own thread: the kit starts none.
 */
#include <lauxlib.h>

#include "internal.h"
#include "moonbid/replay.h"

enum { FILES_MAX = 64 };

static size_t read_files(lua_State *L, const char **paths)
{
    size_t count, i;

    lua_getfield(L, 1, "files");
    luaL_checktype(L, -1, LUA_TTABLE);
    count = lua_objlen(L, -1);
    luaL_argcheck(L, count >= 1 && count <= FILES_MAX, 1, "1 to 64 files are expected");
    for (i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (int)i + 1);
        paths[i] = luaL_checkstring(L, -1); /* anchored by the table */
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static void set_count(lua_State *L, const char *key, uint64_t value)
{
    lua_pushnumber(L, (lua_Number)value);
    lua_setfield(L, -2, key);
}

static void push_strategy(lua_State *L, const struct mb_replay_strategy *s)
{
    size_t i;

    lua_createtable(L, 0, 2);
    set_count(L, "count", s->decisions - s->same - s->followed);
    lua_createtable(L, (int)s->n_examples, 0);
    for (i = 0; i < s->n_examples; i++) {
        lua_pushlstring(L, s->examples[i].file.data, s->examples[i].file.len);
        lua_pushfstring(L, ":%d: %s", (int)s->examples[i].line, s->examples[i].text);
        lua_concat(L, 2);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "examples");
}

static void push_result(lua_State *L, const struct mb_replay_result *r)
{
    size_t i;

    lua_createtable(L, 0, 4);
    set_count(L, "requests", r->requests);
    set_count(L, "decisions", r->decisions);
    set_count(L, "identical", r->identical);
    lua_createtable(L, 0, 0);
    for (i = 0; i < r->n_strategies; i++) {
        const struct mb_replay_strategy *s = &r->strategies[i];

        if (s->decisions - s->same - s->followed > 0) {
            push_strategy(L, s);
            lua_setfield(L, -2, s->name.data);
        }
    }
    lua_setfield(L, -2, "changed");
}

/* Pushes the result, or what was wrong. */
static int run(lua_State *L, struct mb_replay_options *options, const char *scripts)
{
    struct mb_script_report report = {0};
    struct mb_replay_result result = {0};
    struct mb_bundle *bundle = NULL;
    struct mb_error err = {.at = -1};
    int rc = mb_bundle_read(scripts, &bundle, &err);

    if (!rc) {
        options->bundle = bundle;
        rc = mb_replay_run_here(options, &result, &report, &err);
    }
    if (!rc) {
        push_result(L, &result);
    } else if (rc == MB_ESCRIPT) {
        mb__kit_push_report(L, &report);
    } else {
        lua_pushfstring(L, "%s: %s", err.where, err.what);
    }
    mb_script_report_fini(&report);
    mb_replay_result_fini(&result);
    mb_bundle_free(bundle);
    return rc;
}

int mb__kit_replay(lua_State *L)
{
    const char *paths[FILES_MAX], *scripts;
    struct mb_replay_options options = {.paths = paths};
    struct mb_config *config = NULL;
    struct mb_error err = {.at = -1};
    int rc;

    luaL_checktype(L, 1, LUA_TTABLE);
    options.n_paths = read_files(L, paths);
    lua_getfield(L, 1, "scripts");
    scripts = luaL_checkstring(L, -1); /* stays on the stack */
    if (mb__kit_limit(&err) || mb__kit_config(L, &config, &err)) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", err.where, err.what);
        return 2;
    }
    options.config = config;
    rc = run(L, &options, scripts);
    mb_config_free(config);
    if (rc) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    return 1;
}
