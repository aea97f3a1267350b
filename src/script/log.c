/* log.c - log.debug, log.info, log.warn, log.error: lines with the strategy's name, so many a
 * second and no more. */
#include "internal.h"

enum {
    LINES_A_SECOND = 20
}; /* per strategy: a script that logs every bid must not fill the disk */

/* True where this line may go out. The count starts anew each second of the calls' clock. */
static bool take_turn(struct mb__strategy *strategy, int64_t now_ms)
{
    if (strategy->log_second != now_ms / 1000) {
        if (strategy->logged > LINES_A_SECOND)
            mb_log(MB_LOG_WARN, "script", "lines of a strategy were left out",
                   "strategy=%.*s lines=%u", MB_SLICE_ARG(strategy->plain.name),
                   strategy->logged - LINES_A_SECOND);
        strategy->log_second = now_ms / 1000;
        strategy->logged = 0;
    }
    return ++strategy->logged <= LINES_A_SECOND;
}

/* Upvalues: string.format, the level. */
static int lua_log_write(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    enum mb_log_level level = (enum mb_log_level)lua_tointeger(L, lua_upvalueindex(2));
    struct mb__strategy *strategy = script->call.strategy;
    if (strategy && !take_turn(strategy, script->call.now_ms))
        return 0;
    mb__script_lua_format(L);
    struct mb_slice text;
    text.data = lua_tolstring(L, -1, &text.len);
    if (script->on_line) {
        script->on_line(script->on_line_user, level, text);
        return 0;
    }
    struct mb_slice name = strategy ? strategy->plain.name : script->file;
    mb_log(level, "script", "strategy says", "strategy=%.*s text=%.*s", MB_SLICE_ARG(name),
           MB_SLICE_ARG(text));
    return 0;
}

void mb__script_log_install(lua_State *L)
{
    static const struct {
        const char *name;
        enum mb_log_level level;
    } levels[] = {{"debug", MB_LOG_DEBUG},
                  {"info", MB_LOG_INFO},
                  {"warn", MB_LOG_WARN},
                  {"error", MB_LOG_ERROR}};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        lua_getglobal(L, "string");
        lua_getfield(L, -1, "format");
        lua_replace(L, -2);
        lua_pushinteger(L, levels[i].level);
        lua_pushcclosure(L, lua_log_write, 2);
        lua_setfield(L, -2, levels[i].name);
    }
    mb__script_lock(L, "log");
}
