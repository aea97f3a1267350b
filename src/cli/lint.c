/* lint.c - runs the lint, which is written in Lua, in a state of its own.
 */
#include "lint.h"

#include <dirent.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const char lint_text[] = {
#include "lint.lua.inc"
    0};
static const char run_text[] = {
#include "run.lua.inc"
    0};

static int is_strategy_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 4, ".lua") == 0;
}

static void push_files(lua_State *L, const char *scripts)
{
    struct dirent **entries = NULL;
    struct mb_buf path = {0};

    mb_xbuf_printf(&path, "%s/strategies%c", scripts, '\0');
    int count = scandir(path.data, &entries, is_strategy_file, alphasort);

    lua_newtable(L);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, entries[i]->d_name);
        lua_rawseti(L, -2, i + 1);
        free(entries[i]);
    }
    free(entries);
    mb_buf_fini(&path);
}

/* What the config calls parameters of the exchanges' URLs, by both their names. */
static void push_parameters(lua_State *L, const struct mb_config *config)
{
    lua_newtable(L);
    for (size_t i = 0; i < config->n_endpoints; i++) {
        const struct mb_pairs *tokens = &config->endpoints[i].tokens;

        for (size_t j = 0; j < tokens->count; j++) {
            const struct mb_slice names[] = {tokens->items[j].name, tokens->items[j].value};

            for (size_t k = 0; k < 2; k++) {
                lua_pushlstring(L, names[k].data, names[k].len);
                lua_pushboolean(L, true);
                lua_rawset(L, -3);
            }
        }
    }
}

static bool run(lua_State *L, const struct mb_config *config)
{
    luaL_openlibs(L);
    if (luaL_loadbuffer(L, run_text, sizeof(run_text) - 1, "=lint/run.lua") ||
        luaL_loadbuffer(L, lint_text, sizeof(lint_text) - 1, "=lint/lint.lua") || lua_pcall(L, 0, 1, 0)) {
        return false;
    }
    lua_pushstring(L, config->scripts);
    push_files(L, config->scripts);
    push_parameters(L, config);
    return lua_pcall(L, 4, 1, 0) == 0;
}

int cli_lint(const struct mb_config *config, size_t *findings)
{
    lua_State *L = luaL_newstate();
    int code = CLI_OK;

    *findings = 0;
    if (!L) {
        return cli_say(CLI_ENVIRONMENT, "no memory to look through the strategies");
    }
    fflush(stdout); /* Lua has a buffer of its own */
    if (run(L, config)) {
        *findings = (size_t)lua_tointeger(L, -1);
    } else {
        code = cli_say(CLI_ENVIRONMENT, "%s: cannot be looked through: %s", config->scripts, lua_tostring(L, -1));
    }
    lua_close(L);
    return code;
}
