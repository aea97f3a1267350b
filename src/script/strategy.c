/* strategy.c - the table of strategy {...}, checked key by key; lua-api.md section 1.
 *
 * All problems of a file are told at once, each with the line of its strategy call and the path of
 * its key. Tables are read raw: no metamethod runs while checking.
 */
#include "internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { NAME_BYTES_MAX = 64, TOKEN_BYTES_MAX = 64, TOKENS_MAX = 256 };

static const char *const known_keys[] = {
    "name",          "enabled",  "shadow",        "model",         "target",    "limits",  "track_clicks", "track_impressions",
    "priority",      "tokens",   "bid",           "on_win",    "on_loss", "on_billing",
    "on_impression", "on_click", "on_conversion", "on_notify", NULL};

/* --- problems --- */

static void add_problem(struct mb__check *check, bool warning, const char *path, const char *fmt,
                        va_list args)
{
    char text[400];
    vsnprintf(text, sizeof(text), fmt, args);
    mb_script_report_add(check->script->report, warning, check->script->file, check->line, "%s: %s",
                       path, text);
}

void mb__script_bad(struct mb__check *check, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_problem(check, false, path, fmt, args);
    va_end(args);
    check->errors++;
}

void mb__script_warn(struct mb__check *check, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_problem(check, true, path, fmt, args);
    va_end(args);
}

const char *mb__script_kind(lua_State *L, int index)
{
    static const char *const kinds[] = {"nothing",    "a boolean",  "a userdata",
                                        "a number",   "a string",   "a table",
                                        "a function", "a userdata", "a coroutine"};
    int type = lua_type(L, index);
    return kinds[type < 0 ? 0 : type];
}

void mb__script_refuse_unknown(lua_State *L, int index, struct mb__check *check, const char *path,
                               const char *const *names)
{
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        bool known = false;
        for (size_t i = 0; lua_type(L, -2) == LUA_TSTRING && names[i] && !known; i++)
            known = strcmp(names[i], lua_tostring(L, -2)) == 0;
        if (known)
            continue;
        char full[160];
        mb__script_safe_text(L, lua_gettop(L) - 1);
        snprintf(full, sizeof(full), "%s%s%s", path, path[0] ? "." : "", lua_tostring(L, -1));
        lua_pop(L, 1);
        mb__script_bad(check, full, "unknown key");
    }
}

/* Pushes the raw member; false, nothing pushed, where it is nil. */
static bool push_member(lua_State *L, int index, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, index);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

static bool is_name(struct mb_slice text, size_t max, const char *more)
{
    if (text.len < 1 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(more, c))))
            return false;
    }
    return true;
}

/* --- keys --- */

static void take_name(lua_State *L, int index, struct mb__check *check, struct mb_strategy *out)
{
    const char *prefix = mb_bundle_is_beside(check->script->file) ? MB_CANDIDATE : "";
    if (!push_member(L, index, "name")) {
        mb__script_bad(check, "name", "is missing: expected a unique name of a-z 0-9 _ -");
        return;
    }
    struct mb_slice name = MB_SLICE_NONE;
    if (lua_type(L, -1) == LUA_TSTRING)
        name.data = lua_tolstring(L, -1, &name.len);
    if (!name.data)
        mb__script_bad(check, "name", "expected a string, got %s", mb__script_kind(L, -1));
    else if (!is_name(name, NAME_BYTES_MAX - strlen(prefix), "_-"))
        mb__script_bad(check, "name", "expected 1 to %zu of a-z 0-9 _ -, got '%.*s'",
                       NAME_BYTES_MAX - strlen(prefix), MB_SLICE_ARG(name));
    else
        out->name =
            mb_xarena_printf(&check->script->arena, "%s%.*s", prefix, MB_SLICE_ARG(name));
    lua_pop(L, 1);
}

static void take_bool(lua_State *L, int index, struct mb__check *check, const char *name, bool *out)
{
    if (!push_member(L, index, name))
        return;
    if (lua_isboolean(L, -1))
        *out = lua_toboolean(L, -1);
    else
        mb__script_bad(check, name, "expected true or false, got %s", mb__script_kind(L, -1));
    lua_pop(L, 1);
}

static void take_model(lua_State *L, int index, struct mb__check *check, struct mb_strategy *out)
{
    out->model = MB_MODEL_CPM;
    if (!push_member(L, index, "model"))
        return;
    struct mb_slice name = MB_SLICE_NONE;
    if (lua_type(L, -1) == LUA_TSTRING)
        name.data = lua_tolstring(L, -1, &name.len);
    enum mb_model model = name.data ? mb_model_of(name) : MB_MODEL_NONE;
    if (model == MB_MODEL_NONE)
        mb__script_bad(check, "model", "expected 'cpm', 'cpc' or 'smart_cpc', got %s",
                       name.data ? name.data : mb__script_kind(L, -1));
    else
        out->model = model;
    lua_pop(L, 1);
}

static void take_priority(lua_State *L, int index, struct mb__check *check, struct mb_strategy *out)
{
    if (!push_member(L, index, "priority"))
        return;
    double number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    if (number == floor(number) && fabs(number) <= 1e9)
        out->priority = (int32_t)number;
    else
        mb__script_bad(check, "priority", "expected an integer, got %s", mb__script_kind(L, -1));
    lua_pop(L, 1);
}

/* Keeps the function on top, which is popped. */
static struct mb__function keep_function(lua_State *L)
{
    struct mb__function function;
    lua_rawgeti(L, LUA_REGISTRYINDEX, mb__script_of(L)->getinfo_ref);
    lua_pushvalue(L, -2);
    lua_pushliteral(L, "u");
    lua_call(L, 2, 1); /* -- function, its information */
    lua_getfield(L, -1, "isvararg");
    lua_getfield(L, -2, "nparams");
    function.n_params = lua_toboolean(L, -2) ? MB__ALL_PARAMS : (int)lua_tointeger(L, -1);
    lua_pop(L, 3);
    function.ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return function;
}

/* The function of that name, if there is one. */
static struct mb__function take_function(lua_State *L, int index, struct mb__check *check,
                                         const char *name)
{
    if (!push_member(L, index, name))
        return (struct mb__function){.ref = LUA_NOREF};
    if (lua_isfunction(L, -1))
        return keep_function(L);
    mb__script_bad(check, name, "expected a function, got %s", mb__script_kind(L, -1));
    lua_pop(L, 1);
    return (struct mb__function){.ref = LUA_NOREF};
}

static void take_handlers(lua_State *L, int index, struct mb__check *check,
                          struct mb__strategy *out)
{
    for (int type = MB_EVENT_NONE; type < MB_EVENT_COUNT; type++) {
        out->handlers[type].ref = LUA_NOREF;
        if (type < MB_EVENT_WIN || type > MB_EVENT_CONVERSION)
            continue; /* only on_notify hears the others */
        char name[32];
        snprintf(name, sizeof(name), "on_%s", mb_event_name((enum mb_event_type)type));
        out->handlers[type] = take_function(L, index, check, name);
        if (out->handlers[type].ref != LUA_NOREF)
            out->plain.handlers |= MB_STRATEGY_ON((unsigned)type);
    }
    out->handlers[MB_EVENT_COUNT] = take_function(L, index, check, "on_notify");
    if (out->handlers[MB_EVENT_COUNT].ref != LUA_NOREF)
        out->plain.handlers |= MB_STRATEGY_ON_NOTIFY;
}

static void take_token(lua_State *L, struct mb__check *check, struct mb__strategy *out,
                       struct mb_slice *names, struct mb_slice name)
{
    char path[96];
    snprintf(path, sizeof(path), "tokens.%.*s", MB_SLICE_ARG(name));
    if (!is_name(name, TOKEN_BYTES_MAX, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        mb__script_bad(check, path, "expected a name of letters, digits and _");
    else if (!lua_isfunction(L, -1))
        mb__script_bad(check, path, "expected a function, got %s", mb__script_kind(L, -1));
    else {
        size_t n = out->plain.tokens.count++;
        names[n] = mb_xarena_copy(&check->script->arena, name);
        lua_pushvalue(L, -1);
        out->tokens[n] = keep_function(L);
        out->tokens_see_bid |= out->tokens[n].n_params >= MB__TOKEN_PARAMS;
    }
}

static void take_tokens(lua_State *L, int index, struct mb__check *check, struct mb__strategy *out)
{
    if (!push_member(L, index, "tokens"))
        return;
    int tokens = lua_gettop(L);
    size_t count = 0, strings = 0;
    if (lua_istable(L, tokens)) {
        lua_pushnil(L);
        for (; lua_next(L, tokens); lua_pop(L, 1)) {
            strings += lua_type(L, -2) == LUA_TSTRING;
            count++;
        }
    }
    if (!lua_istable(L, tokens) || strings != count) {
        mb__script_bad(check, "tokens", "expected a table of functions by name");
    } else if (count == 0 || count > TOKENS_MAX) {
        mb__script_bad(check, "tokens", "expected 1 to %d functions, got %zu", TOKENS_MAX, count);
    } else {
        struct mb_slice *names = mb_xarena_array(&check->script->arena, count, sizeof(*names));
        const struct mb_slice *keys = mb__script_sorted_keys(L, tokens, count);
        out->tokens = mb_xarena_array(&check->script->arena, count, sizeof(*out->tokens));
        out->plain.tokens.items = names;
        for (size_t i = 0; i < count; i++) {
            mb__script_push_slice(L, keys[i]);
            lua_rawget(L, tokens);
            take_token(L, check, out, names, keys[i]);
            lua_pop(L, 1);
        }
    }
    lua_settop(L, tokens - 1);
}

/* True where `only` names it, or names nothing. */
static bool is_wanted(const struct mb_script *script, struct mb_slice name)
{
    struct mb_slices only = script->options.only;
    for (size_t i = 0; i < only.count; i++)
        if (mb_slice_eq(only.items[i], name))
            return true;
    return only.count == 0;
}

struct mb__strategy *mb__script_take_strategy(lua_State *L, int index, struct mb__check *check)
{
    struct mb_script *script = check->script;
    struct mb__strategy *strategy = mb_xarena_alloc(&script->arena, sizeof(*strategy));
    struct mb_strategy *plain = &strategy->plain;
    take_name(L, index, check, plain);
    if (plain->name.data && !is_wanted(script, plain->name))
        return NULL;
    plain->file = script->file;
    plain->line = check->line;
    plain->enabled = true;
    take_bool(L, index, check, "enabled", &plain->enabled);
    take_bool(L, index, check, "shadow", &plain->shadow);
    plain->shadow = plain->enabled && !script->options.shadows_bid &&
                    (plain->shadow || mb_bundle_is_beside(plain->file));
    plain->enabled = plain->enabled && !plain->shadow;
    take_bool(L, index, check, "track_clicks", &plain->track_clicks);
    take_bool(L, index, check, "track_impressions", &plain->track_impressions);
    take_model(L, index, check, plain);
    take_priority(L, index, check, plain);
    strategy->bid = take_function(L, index, check, "bid");
    if (!push_member(L, index, "bid"))
        mb__script_bad(check, "bid", "is missing: expected a function(ctx, req, imp)");
    else
        lua_pop(L, 1);
    take_handlers(L, index, check, strategy);
    take_tokens(L, index, check, strategy);
    if (push_member(L, index, "limits")) {
        mb__script_take_limits(L, lua_gettop(L), check, plain->model, &plain->limits);
        lua_pop(L, 1);
    }
    if (push_member(L, index, "target")) {
        mb__script_take_target(L, lua_gettop(L), check, &plain->target);
        lua_pop(L, 1);
    }
    mb__script_refuse_unknown(L, index, check, "", known_keys);
    return check->errors == 0 ? strategy : NULL;
}
