/* table_file.c - a config file in Lua, run in an empty sandbox, as a document.
 *
 * A state of its own, without a library: a config file is a table and some arithmetic, nothing that
 * could read the environment or loop for long (the limiter of scripts holds here too).
 */
#include "internal.h"

#include "moonbid/json_doc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define TABLE_LIMIT_NS (UINT64_C(2) * 1000 * 1000 * 1000)
enum { DEPTH_MAX = 32 };

struct table_file {
    struct mb__script_state state; /* first: found from C functions */
    const char *path;
    struct mb_buf text;
    struct mb_doc *doc; /* the root: finished parts hang on it, so that a failure frees them */
    struct mb_error *err;
    int code; /* of a value that no document can hold */
};

static void convert(lua_State *L, struct mb_doc *parent, const char *key, int depth,
                    const char *path);

static void fail(lua_State *L, const char *path, const char *what)
{
    struct table_file *file = (struct table_file *)mb__script_state_of(L);
    file->code = mb_fail(file->err, MB_EINVAL, path, "%s", what);
    lua_pushstring(L, what);
    lua_error(L);
}

/* Hangs a node on its parent at once: nothing is loose when a later value raises. */
static void attach(struct mb_doc *parent, const char *key, struct mb_doc *node)
{
    if (key)
        mb_doc_set(parent, key, node);
    else
        mb_doc_add(parent, node);
}

static void convert_members(lua_State *L, struct mb_doc *object, int depth, const char *path)
{
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        char member[128];
        if (lua_type(L, -2) != LUA_TSTRING)
            fail(L, path, "expected either a list or named members, got both");
        snprintf(member, sizeof(member), "%s%s%s", path, path[0] ? "." : "", lua_tostring(L, -2));
        convert(L, object, lua_tostring(L, -2), depth + 1, member);
        lua_pop(L, 1);
    }
}

static void convert_elements(lua_State *L, struct mb_doc *array, size_t count, int depth,
                             const char *path)
{
    int table = lua_gettop(L);
    for (size_t i = 1; i <= count; i++) {
        char element[128];
        snprintf(element, sizeof(element), "%s[%zu]", path, i);
        lua_rawgeti(L, table, (int)i);
        convert(L, array, NULL, depth + 1, element);
        lua_pop(L, 1);
    }
}

static bool is_list(lua_State *L)
{
    size_t length = lua_objlen(L, -1), count = 0;
    lua_pushnil(L);
    for (; lua_next(L, -2); lua_pop(L, 1))
        count++;
    return length > 0 && length == count;
}

/* Fills a node with what the table at the top holds. */
static void fill(lua_State *L, struct mb_doc *node, int depth, const char *path)
{
    if (depth > DEPTH_MAX || !lua_checkstack(L, 8))
        fail(L, path, "is nested too deep");
    if (mb_doc_is_array(node))
        convert_elements(L, node, lua_objlen(L, -1), depth, path);
    else
        convert_members(L, node, depth, path);
}

static void convert_table(lua_State *L, struct mb_doc *parent, const char *key, int depth,
                          const char *path)
{
    struct mb_doc *node = is_list(L) ? mb_doc_array() : mb_doc_object();
    attach(parent, key, node);
    fill(L, node, depth, path);
}

/* The value at the top, as a member (or element, key NULL) of `parent`. */
static void convert(lua_State *L, struct mb_doc *parent, const char *key, int depth,
                    const char *path)
{
    struct mb_slice text;
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        attach(parent, key, mb_doc_bool(lua_toboolean(L, -1)));
        break;
    case LUA_TNUMBER:
        if (!isfinite(lua_tonumber(L, -1)))
            fail(L, path, "expected a finite number");
        attach(parent, key, mb_doc_num(lua_tonumber(L, -1)));
        break;
    case LUA_TSTRING:
        text.data = lua_tolstring(L, -1, &text.len);
        if (memchr(text.data, '\0', text.len))
            fail(L, path, "expected a text without zero bytes");
        attach(parent, key, mb_doc_str(text));
        break;
    case LUA_TTABLE:
        convert_table(L, parent, key, depth, path);
        break;
    default:
        fail(L, path, "expected a table, text, number or boolean");
    }
}

static int run_file(lua_State *L)
{
    struct table_file *file = (struct table_file *)mb__script_state_of(L);
    lua_pushfstring(L, "@%s", file->path);
    if (luaL_loadbufferx(L, file->text.data ? file->text.data : "", file->text.len,
                         lua_tostring(L, -1), "t") != 0)
        lua_error(L);
    lua_newtable(L);
    lua_setfenv(L, -2);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        fail(L, file->path, "expected the file to return a table");
    file->doc = is_list(L) ? mb_doc_array() : mb_doc_object();
    fill(L, file->doc, 0, "");
    return 0;
}

/* "x.lua:12: text" as place and text. */
static int fail_script(const struct table_file *file)
{
    struct mb_slice text = mb_buf_slice(&file->state.error);
    long at = mb_slice_find(text, MB_SLICE(": "));
    if (at < 0)
        return mb_fail(file->err, MB_ESCRIPT, file->path, "%.*s", MB_SLICE_ARG(text));
    char where[192];
    snprintf(where, sizeof(where), "%.*s", (int)at, text.data);
    return mb_fail(file->err, MB_ESCRIPT, where, "%.*s", (int)(text.len - (size_t)at - 2),
                   text.data + at + 2);
}

static bool read_text(const char *path, struct mb_buf *out)
{
    FILE *stream = fopen(path, "re");
    if (!stream)
        return false;
    char block[4096];
    for (size_t len; (len = fread(block, 1, sizeof(block), stream)) > 0;)
        mb_xbuf_add(out, block, len);
    fclose(stream);
    return true;
}

int mb_script_read_table(const char *path, struct mb_doc **out, struct mb_error *err)
{
    struct table_file file = {.path = path, .err = err};
    *out = NULL;
    if (!read_text(path, &file.text))
        return mb_fail(err, MB_ENOTFOUND, path, "no such file");
    int rc = mb__script_state_open(&file.state);
    if (rc == 0) {
        int kept = mb__script_state_keep(&file.state, run_file);
        enum mb__script_end end =
            mb__script_state_run(&file.state, kept, TABLE_BYTES_MAX, TABLE_LIMIT_NS);
        rc = file.code;
        if (end != MB__END_OK && rc == 0)
            rc = fail_script(&file);
    }
    if (rc == 0)
        *out = file.doc;
    else
        mb_doc_free(file.doc);
    mb__script_state_close(&file.state);
    mb_buf_fini(&file.text);
    return rc;
}
