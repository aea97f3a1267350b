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
#include "moonbid/strategy.h"

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

static bool run(lua_State *L, const struct mb_config *config, const char *folder)
{
    luaL_openlibs(L);
    if (luaL_loadbuffer(L, run_text, sizeof(run_text) - 1, "=lint/run.lua") ||
        luaL_loadbuffer(L, lint_text, sizeof(lint_text) - 1, "=lint/lint.lua") || lua_pcall(L, 0, 1, 0)) {
        return false;
    }
    lua_pushstring(L, folder);
    push_files(L, folder);
    push_parameters(L, config);
    return lua_pcall(L, 4, 1, 0) == 0;
}

/* A text of the table on top; absent where it has none. It lives as long as the table. */
static struct mb_slice text_of(lua_State *L, const char *key)
{
    struct mb_slice text = MB_SLICE_NONE;

    lua_getfield(L, -1, key);
    text.data = lua_tolstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

static int number_of(lua_State *L, const char *key)
{
    int number;

    lua_getfield(L, -1, key);
    number = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return number;
}

static void take_findings(lua_State *L, struct findings *out)
{
    lua_getfield(L, -1, "findings");
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        findings_add(out, &(struct finding){.file = text_of(L, "path"),
                                            .line = number_of(L, "line"),
                                            .column = number_of(L, "column"),
                                            .code = text_of(L, "code"),
                                            .warning = true,
                                            .message = text_of(L, "text"),
                                            .suggestion = text_of(L, "suggestion")});
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* With `prefix` in front, as candidates are called. */
static void take_names(lua_State *L, const char *key, const char *prefix, struct mb_buf *out,
                       size_t *count)
{
    lua_getfield(L, -1, key);
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++, ++*count) {
        lua_rawgeti(L, -1, i);
        mb_xbuf_printf(out, "%s%s%c", prefix, lua_tostring(L, -1), '\0');
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int lint_folder(const struct mb_config *config, const char *folder, const char *prefix,
                       struct findings *out)
{
    lua_State *L = luaL_newstate();
    int code = CLI_OK;

    if (!L) {
        return cli_say(CLI_ENVIRONMENT, "no memory to look through the strategies");
    }
    if (run(L, config, folder)) {
        take_findings(L, out);
        take_names(L, "pure", prefix, &out->pure, &out->n_pure);
        take_names(L, "impure", prefix, &out->impure, &out->n_impure);
    } else {
        code = cli_say(CLI_ENVIRONMENT, "%s: cannot be looked through: %s", folder, lua_tostring(L, -1));
    }
    lua_close(L);
    return code;
}

int cli_lint(const struct mb_config *config, struct findings *out)
{
    int code = lint_folder(config, config->scripts, "", out);

    return code != CLI_OK || !config->shadow_scripts
               ? code
               : lint_folder(config, config->shadow_scripts, MB_CANDIDATE, out);
}
