/* target.c - the `target` of a strategy as sets of values; lua-api.md section 1.
 *
 * Values are put in one spelling: countries upper case, ids as they are, all else lower case. A
 * list file of ids or names is used where it lies, whatever its spelling. One of values that are
 * few and known (countries, formats, ...) is taken row by row, so that a row that no request can
 * have is a load error like one that stands in the strategy.
 */
#include "internal.h"

#include <ctype.h>
#include <stdio.h>

static struct mb_slice respell(struct mb_arena *arena, struct mb_slice value,
                               enum mb_target_key key)
{
    char *bytes = mb_xarena_alloc_raw(arena, value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        int c = (unsigned char)value.data[i];
        if (key == MB_TARGET_COUNTRY && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        else if (key != MB_TARGET_COUNTRY && !mb_target_is_id(key) && c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        bytes[i] = (char)c;
    }
    bytes[value.len] = '\0';
    return mb_slice(bytes, value.len);
}

static bool has_endpoint(const struct mb_script *script, struct mb_slice name)
{
    for (size_t i = 0; i < script->options.n_endpoints; i++)
        if (mb_slice_eq(script->options.endpoints[i].name, name))
            return true;
    return script->options.n_endpoints == 0; /* nobody to ask */
}

/* --- values that are few and known --- */

/* Types of devices, systems, browsers: what exchanges, client hints and user agents tell apart. */
static bool is_device_name(enum mb_target_key key, struct mb_slice value)
{
    for (const char *const *name = mb_device_names(key); *name; name++)
        if (mb_slice_is(value, *name))
            return true;
    return false;
}

static const char *device_name(size_t i)
{
    return mb_device_names(MB_TARGET_DEVICE)[i];
}

static size_t count_devices(void)
{
    size_t count = 0;
    while (device_name(count))
        count++;
    return count;
}

static const char *format_name(size_t i)
{
    return mb_format_name((enum mb_format)i);
}

static const char *exchange_name(size_t i)
{
    return mb_exchange_name((enum mb_exchange)i);
}

/* ISO 3166-1, and what addresses of no country are told by: EU, AP, ZZ and codes left to users. */
static bool is_country(struct mb_slice value)
{
    return mb_slice_present(mb_country_to_alpha3(value)) || mb_slice_is(value, "EU") ||
           mb_slice_is(value, "AP") || mb_slice_is(value, "ZZ") ||
           (value.len == 2 && value.data[0] == 'X' && isupper((unsigned char)value.data[1]));
}

/* The code of a country by another one: three letters, or a widespread mistake. */
static struct mb_slice country_meant(struct mb_slice value)
{
    static const char *const mistakes[][2] = {{"UK", "GB"},  {"EN", "GB"},  {"ENG", "GB"},
                                              {"GER", "DE"}, {"SUI", "CH"}, {"NED", "NL"},
                                              {"DEN", "DK"}, {"SPA", "ES"}, {"POR", "PT"}};
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
        if (mb_slice_is(value, mistakes[i][0]))
            return mb_slice_of(mistakes[i][1]);
    return mb_country_of_alpha3(value);
}

/* "10by10", "300*250": two numbers. */
static struct mb_slice size_meant(struct mb_arena *arena, struct mb_slice value)
{
    unsigned width, height;
    if (sscanf(value.data, "%5u%*[^0-9]%5u", &width, &height) != 2)
        return MB_SLICE_NONE;
    return mb_xarena_printf(arena, "%ux%u", width, height);
}

static struct mb_slice device_meant(struct mb_slice value)
{
    if (mb_slice_starts(value, MB_SLICE("mobile")) || mb_slice_is(value, "smartphone"))
        return MB_SLICE("phone");
    return mb_slice_of(mb__script_nearest(value, device_name, count_devices()));
}

/* What may have been meant by a value that is none; absent: nothing comes near. */
static struct mb_slice meant(const struct mb__check *check, enum mb_target_key key,
                             struct mb_slice value)
{
    switch (key) {
    case MB_TARGET_EXCHANGE:
        return mb_slice_of(mb__script_nearest(value, exchange_name, MB_EXCHANGE_COUNT));
    case MB_TARGET_FORMAT:
        return mb_slice_of(mb__script_nearest(value, format_name, MB_FORMAT_COUNT));
    case MB_TARGET_DEVICE:
        return device_meant(value);
    case MB_TARGET_COUNTRY:
        return country_meant(value);
    case MB_TARGET_SIZE:
        return size_meant(&check->script->files, value);
    default:
        return MB_SLICE_NONE;
    }
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
    case MB_TARGET_DEVICE:
        return is_device_name(key, value) ? NULL
                                          : "'phone', 'tablet', 'desktop', 'tv', 'bot' or 'other'";
    case MB_TARGET_OS:
        return is_device_name(key, value) ? NULL : "a system such as 'android' or 'ios'";
    case MB_TARGET_BROWSER:
        return is_device_name(key, value) ? NULL : "a browser such as 'chrome'";
    case MB_TARGET_COUNTRY:
        return is_country(value) ? NULL : "two letters such as 'DE'";
    case MB_TARGET_SIZE:
        return mb_size_parse(value, &size) ? NULL : "a size such as '300x250'";
    default:
        return value.len > 0 ? NULL : "a text that is not empty";
    }
}

/* Keys whose values are the above. */
static bool is_closed(enum mb_target_key key)
{
    return key == MB_TARGET_EXCHANGE || key == MB_TARGET_ENDPOINT || key == MB_TARGET_FORMAT ||
           key == MB_TARGET_DEVICE || key == MB_TARGET_COUNTRY || key == MB_TARGET_SIZE;
}

/* --- sets --- */

/* The value in the right spelling; absent and a problem where it is none. */
static struct mb_slice take_value(struct mb__check *check, const char *path, enum mb_target_key key,
                                  struct mb_slice text)
{
    struct mb_script *script = check->script;
    struct mb_slice value = respell(&script->arena, text, key);
    const char *expected = expected_value(script, key, value);
    if (expected) {
        struct mb_slice other = meant(check, key, value);
        mb__script_bad(check, path, "expected %s, got '%.*s'%s%.*s%s", expected, MB_SLICE_ARG(text),
                       other.len ? "; did you mean '" : "", MB_SLICE_ARG(other),
                       other.len ? "'?" : "");
        return MB_SLICE_NONE;
    }
    struct mb_size size;
    if (key == MB_TARGET_SIZE && mb_size_parse(value, &size))
        value = mb_xarena_printf(&script->arena, "%ux%u", size.width, size.height);
    return value;
}

/* Values on their way into a set. */
struct values {
    struct mb_slice *items;
    size_t count;
};

static struct values room_for(struct mb_script *script, size_t count)
{
    return (struct values){mb_xarena_array(&script->arena, count, sizeof(struct mb_slice)), 0};
}

static void add_value(struct values *values, struct mb_slice value)
{
    if (value.data)
        values->items[values->count++] = value;
}

static const struct mb_target_set *new_set(struct mb_script *script, struct values values,
                                           const struct mb_rows *list)
{
    struct mb_target_set *set = mb_xarena_alloc(&script->arena, sizeof(*set));
    *set = (struct mb_target_set){{values.items, values.count}, list};
    return set;
}

static const struct mb_target_set *take_file(struct mb__check *check, const char *path,
                                             enum mb_target_key key, const struct mb__list *list)
{
    size_t at = 0;
    if (list->rows.count == 0)
        mb__script_bad(check, path, "the list '%.*s' is empty", MB_SLICE_ARG(list->name));
    if (!is_closed(key))
        return new_set(check->script, (struct values){0}, &list->rows);
    struct values values = room_for(check->script, list->rows.count);
    for (struct mb_slice row; (row = mb_rows_next(&list->rows, &at)).data;) {
        char where[192];
        snprintf(where, sizeof(where), "%s: line %u of '%.*s'", path,
                 mb_rows_line(&list->rows, row), MB_SLICE_ARG(list->name));
        add_value(&values, take_value(check, where, key, row));
    }
    return new_set(check->script, values, NULL);
}

static const struct mb_target_set *take_table(lua_State *L, struct mb__check *check,
                                              const char *path, enum mb_target_key key)
{
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
    struct values values = room_for(check->script, length);
    for (size_t i = 1; i <= length; i++) {
        struct mb_slice text;
        lua_rawgeti(L, table, (int)i);
        text.data = lua_tolstring(L, -1, &text.len); /* a number stands for its digits */
        if (text.data)
            add_value(&values, take_value(check, path, key, text));
        else
            mb__script_bad(check, path, "expected strings, got %s", mb__script_kind(L, -1));
        lua_pop(L, 1);
    }
    return new_set(check->script, values, NULL);
}

/* The list at the top as a set; NULL and a problem where it is none. */
static const struct mb_target_set *take_set(lua_State *L, struct mb__check *check, const char *path,
                                            enum mb_target_key key)
{
    const struct mb__list *list = mb__script_to_list(L, lua_gettop(L));
    if (list)
        return take_file(check, path, key, list);
    if (lua_istable(L, -1))
        return take_table(L, check, path, key);
    mb__script_bad(check, path, "expected a list, got %s", mb__script_kind(L, -1));
    return NULL;
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
        if (!text.data || !mb__script_parse_hours(text, bits)) {
            const char *day = mb__script_day_meant(text);
            mb__script_bad(check, path, "%s, got '%.*s'%s%s%s", expected, MB_SLICE_ARG(text),
                           day ? "; did you mean '" : "", day ? day : "", day ? "'?" : "");
        }
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

static const char *key_name(size_t i)
{
    return i < MB_TARGET_COUNT ? mb_target_name((enum mb_target_key)i) : "hours";
}

static void refuse_key(struct mb__check *check, const char *path, const char *name)
{
    const char *other = mb__script_nearest(mb_slice_of(name), key_name, MB_TARGET_COUNT + 1);
    mb__script_bad(check, path, "unknown key%s%s%s", other ? "; did you mean '" : "",
                   other ? other : "", other ? "'?" : "");
}

/* All keys of a table of targets: `target` itself or its `exclude`. */
static void take_sets(lua_State *L, int index, struct mb__check *check, const char *prefix,
                      const struct mb_target_set **sets, uint8_t *hours, bool *has_hours)
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
            refuse_key(check, path, name);
    }
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
    mb__script_check_reach(check, out);
}
