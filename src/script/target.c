/* target.c - the `target` of a strategy as sets of values; lua-api.md section 1.
 *
 * Values are put in the spelling that the index compares: countries upper case, ids as they are,
 * all else lower case. A list file is used in place where its spelling is right already, else once
 * respelt and shared by all who target with it.
 */
#include "internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static enum mb__case spelling_of(enum mb_target_key key)
{
    switch (key) {
    case MB_TARGET_COUNTRY:
        return MB__CASE_UPPER;
    case MB_TARGET_ENDPOINT:
    case MB_TARGET_ZONE:
    case MB_TARGET_SITE:
    case MB_TARGET_APP:
    case MB_TARGET_TAG:
    case MB_TARGET_DEAL:
    case MB_TARGET_SEGMENT:
    case MB_TARGET_CATEGORY:
        return MB__CASE_SAME;
    default:
        return MB__CASE_LOWER;
    }
}

static struct mb_slice respell(struct mb_arena *arena, struct mb_slice value,
                               enum mb__case spelling)
{
    char *bytes = mb_xarena_alloc_raw(arena, value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        int c = (unsigned char)value.data[i];
        if (spelling == MB__CASE_LOWER && c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        else if (spelling == MB__CASE_UPPER && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        bytes[i] = (char)c;
    }
    bytes[value.len] = '\0';
    return mb_slice(bytes, value.len);
}

static struct mb__set *new_set(struct mb_script *script, enum mb__case spelling)
{
    struct mb__set *set = mb_xarena_alloc(&script->arena, sizeof(*set));
    set->spelling = spelling;
    set->next = script->sets;
    script->sets = set;
    return set;
}

static const struct mb_map *respell_list(struct mb_script *script, const struct mb__list *list,
                                         enum mb__case spelling)
{
    if (spelling == MB__CASE_SAME)
        return &list->rows;
    for (const struct mb__set *set = script->sets; set; set = set->next)
        if (set->list == list && set->spelling == spelling)
            return &set->values;
    struct mb__set *set = new_set(script, spelling);
    set->list = list;
    const struct mb_map_entry *entry;
    for (size_t at = 0; (entry = mb_map_next(&list->rows, &at));)
        mb_xmap_put(&set->values, respell(&script->files, entry->key, spelling), entry->value);
    return &set->values;
}

static bool has_endpoint(const struct mb_script *script, struct mb_slice name)
{
    for (size_t i = 0; i < script->options.n_endpoints; i++)
        if (mb_slice_eq(script->options.endpoints[i].name, name))
            return true;
    return script->options.n_endpoints == 0; /* nobody to ask */
}

/* NULL where the value is one that can ever be met, else what is. */
static const char *expected_value(const struct mb_script *script, enum mb_target_key key,
                                  struct mb_slice value)
{
    struct mb_size size;
    switch (key) {
    case MB_TARGET_EXCHANGE:
        return mb_exchange_of(value) ? NULL : "'exoclick', 'xandr' or 'openrtb'";
    case MB_TARGET_ENDPOINT:
        return has_endpoint(script, value) ? NULL : "the name of a configured endpoint";
    case MB_TARGET_FORMAT:
        return mb_format_of(value) ? NULL : "a format such as 'banner' or 'push'";
    case MB_TARGET_COUNTRY:
        return value.len == 2 && isalpha((unsigned char)value.data[0]) &&
                       isalpha((unsigned char)value.data[1])
                   ? NULL
                   : "two letters such as 'DE'";
    case MB_TARGET_SIZE:
        return mb_size_parse(value, &size) ? NULL : "a size such as '300x250'";
    default:
        return value.len > 0 ? NULL : "a text that is not empty";
    }
}

/* The value at the top as text, in the right spelling; absent and a problem where it is none. */
static struct mb_slice take_value(lua_State *L, struct mb__check *check, const char *path,
                                  enum mb_target_key key)
{
    struct mb_script *script = check->script;
    struct mb_slice value = MB_SLICE_NONE;
    if (!lua_isstring(L, -1)) { /* a number stands for its digits */
        mb__script_bad(check, path, "expected strings, got %s", mb__script_kind(L, -1));
        return value;
    }
    value.data = lua_tolstring(L, -1, &value.len);
    value = respell(&script->files, value, spelling_of(key));
    const char *expected = expected_value(script, key, value);
    if (expected) {
        mb__script_bad(check, path, "expected %s, got '%.*s'", expected, MB_SLICE_ARG(value));
        return MB_SLICE_NONE;
    }
    struct mb_size size;
    if (key == MB_TARGET_SIZE && mb_size_parse(value, &size))
        value = mb_xarena_printf(&script->files, "%ux%u", size.width, size.height);
    return value;
}

/* The list at the top as a set; NULL and a problem where it is none. */
static const struct mb_map *take_set(lua_State *L, struct mb__check *check, const char *path,
                                     enum mb_target_key key)
{
    static int present; /* what a set maps to: any address */
    const struct mb__list *list = mb__script_to_list(L, lua_gettop(L));
    if (list) {
        if (list->rows.count == 0)
            mb__script_bad(check, path, "the list '%.*s' is empty", MB_SLICE_ARG(list->name));
        return respell_list(check->script, list, spelling_of(key));
    }
    if (!lua_istable(L, -1)) {
        mb__script_bad(check, path, "expected a list, got %s", mb__script_kind(L, -1));
        return NULL;
    }
    int table = lua_gettop(L);
    size_t count = 0, length = lua_objlen(L, table);
    lua_pushnil(L);
    for (; lua_next(L, table); lua_pop(L, 1))
        count++;
    if (count == 0)
        mb__script_bad(check, path,
                       "expected a list, got an empty one (leave the key out for \"any\")");
    else if (count != length)
        mb__script_bad(check, path, "expected a list, got a table with names");
    struct mb__set *set = new_set(check->script, spelling_of(key));
    for (size_t i = 1; i <= length; i++) {
        lua_rawgeti(L, table, (int)i);
        struct mb_slice value = take_value(L, check, path, key);
        if (value.data)
            mb_xmap_put(&set->values, value, &present);
        lua_pop(L, 1);
    }
    return &set->values;
}

static bool take_hours(lua_State *L, struct mb__check *check, const char *path, uint8_t *bits)
{
    static const char expected[] = "expected a list of texts such as 'mon-fri 08:00-20:00' "
                                   "(quarters of an hour)";
    int table = lua_gettop(L);
    size_t length = lua_istable(L, table) ? lua_objlen(L, table) : 0;
    if (length == 0)
        mb__script_bad(check, path, "%s, got %s", expected,
                       lua_istable(L, table) ? "an empty list" : mb__script_kind(L, table));
    for (size_t i = 1; i <= length; i++) {
        struct mb_slice text = MB_SLICE_NONE;
        lua_rawgeti(L, table, (int)i);
        if (lua_type(L, -1) == LUA_TSTRING)
            text.data = lua_tolstring(L, -1, &text.len);
        if (!text.data || !mb__script_parse_hours(text, bits))
            mb__script_bad(check, path, "%s, got '%.*s'", expected, MB_SLICE_ARG(text));
        lua_pop(L, 1);
    }
    return true;
}

static enum mb_target_key find_key(const char *name)
{
    int key = 0;
    while (key < MB_TARGET_COUNT && strcmp(mb_target_name((enum mb_target_key)key), name) != 0)
        key++;
    return (enum mb_target_key)key;
}

/* All keys of a table of targets: `target` itself or its `exclude`. */
static void take_sets(lua_State *L, int index, struct mb__check *check, const char *prefix,
                      const struct mb_map **sets, uint8_t *hours, bool *has_hours)
{
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        char path[96];
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        snprintf(path, sizeof(path), "%s.%s", prefix, name);
        enum mb_target_key key = find_key(name);
        if (key < MB_TARGET_COUNT)
            sets[key] = take_set(L, check, path, key);
        else if (strcmp(name, "hours") == 0)
            *has_hours = take_hours(L, check, path, hours);
        else if (strcmp(path, "target.exclude") != 0)
            mb__script_bad(check, path, "unknown key");
    }
}

static bool allows(const struct mb_map *set, struct mb_slice value)
{
    return !set || mb_map_get(set, value) != NULL;
}

/* ExoClick sends no country: without a geo database such a target would never be met. An error
 * where every endpoint that the strategy can hear is of ExoClick. */
static void check_country(struct mb__check *check, const struct mb_target *target)
{
    const struct mb_script *script = check->script;
    const struct mb_map *exchanges = target->include[MB_TARGET_EXCHANGE];
    if (!target->include[MB_TARGET_COUNTRY] || script->options.has_geo)
        return;
    bool exoclick = false, other = false;
    for (size_t i = 0; i < script->options.n_endpoints; i++) {
        const struct mb_endpoint *endpoint = &script->options.endpoints[i];
        struct mb_slice exchange = mb_slice_of(mb_exchange_name(endpoint->exchange));
        if (!allows(target->include[MB_TARGET_ENDPOINT], endpoint->name) ||
            !allows(exchanges, exchange))
            continue;
        exoclick |= endpoint->exchange == MB_EXCHANGE_EXOCLICK;
        other |= endpoint->exchange != MB_EXCHANGE_EXOCLICK;
    }
    if (script->options.n_endpoints == 0 && exchanges && exchanges->count == 1)
        exoclick = allows(exchanges, MB_SLICE("exoclick"));
    if (exoclick && !other)
        mb__script_bad(check, "target.country",
                       "can never be met: ExoClick sends no country and there is no geo database");
}

void mb__script_take_target(lua_State *L, int index, struct mb__check *check, struct mb_target *out)
{
    if (!lua_istable(L, index)) {
        mb__script_bad(check, "target", "expected a table, got %s", mb__script_kind(L, index));
        return;
    }
    take_sets(L, index, check, "target", out->include, out->hours, &out->has_hours);
    lua_pushliteral(L, "exclude");
    lua_rawget(L, index);
    if (lua_istable(L, -1))
        take_sets(L, lua_gettop(L), check, "target.exclude", out->exclude, out->exclude_hours,
                  &out->has_exclude_hours);
    else if (!lua_isnil(L, -1))
        mb__script_bad(check, "target.exclude", "expected a table, got %s", mb__script_kind(L, -1));
    lua_pop(L, 1);
    check_country(check, out);
}
