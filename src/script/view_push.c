/* view_push.c - values of C structs as Lua has them: texts, numbers, money, lists, JSON, and views
 * of what is inside.
 *
 * What is absent is nil; every id is a text; money is a decimal number.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

void mb__script_push_slice(lua_State *L, struct mb_slice s)
{
    if (s.data)
        lua_pushlstring(L, s.data, s.len);
    else
        lua_pushnil(L);
}

void *mb__script_push_view(lua_State *L, struct mb_script *script, enum mb__class_id class_id,
                           const void *object, size_t bytes)
{
    const struct mb__view_class *class = &script->classes[class_id];
    struct mb__view *view = lua_newuserdata(L, bytes);
    *view = (struct mb__view){.class = class, .object = object, .stamp = script->stamp};
    lua_rawgeti(L, LUA_REGISTRYINDEX, class->metatable_ref);
    lua_setmetatable(L, -2);
    return view;
}

void mb__script_push_cached(lua_State *L, struct mb_script *script, enum mb__class_id class_id,
                            const void *object, int place)
{
    struct mb__cached *cached = &script->cached[place];
    if (cached->stamp == script->stamp) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, cached->ref);
        return;
    }
    mb__script_push_view(L, script, class_id, object, sizeof(struct mb__view));
    lua_pushvalue(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, cached->ref);
    cached->stamp = script->stamp;
}

void mb__script_push_imp(lua_State *L, struct mb_script *script, const struct mb_imp *imp)
{
    if (imp->index < MB__CACHE_IMPS)
        mb__script_push_cached(L, script, MB__CLASS_IMP, imp,
                               MB__CACHE_FIRST_IMP + (int)imp->index);
    else
        mb__script_push_view(L, script, MB__CLASS_IMP, imp, sizeof(struct mb__view));
}

static bool is_id_key(struct mb_slice key)
{
    return mb_slice_is(key, "id") || mb_slice_ends(key, MB_SLICE("_id")) ||
           mb_slice_ends(key, MB_SLICE("_id_64"));
}

/* Ids are strings, and so are integers that a double would not hold exactly: 2^53 itself may be
 * 2^53 + 1 rounded. */
static void push_json_number(lua_State *L, struct mb_json_value value, struct mb_slice key)
{
    double number = mb_json_f64(value, 0);
    if (is_id_key(key) || (mb_json_is_integer(value) && fabs(number) >= 9007199254740992.0))
        mb__script_push_slice(L, mb_json_text(value));
    else
        lua_pushnumber(L, number);
}

void mb__script_push_json(lua_State *L, struct mb_json_value value, struct mb_slice key)
{
    switch ((enum mb_json_type)value.type) {
    case MB_JSON_NONE:
    case MB_JSON_NULL:
        lua_pushnil(L);
        break;
    case MB_JSON_FALSE:
    case MB_JSON_TRUE:
        lua_pushboolean(L, value.type == MB_JSON_TRUE);
        break;
    case MB_JSON_NUMBER:
        push_json_number(L, value, key);
        break;
    case MB_JSON_STRING:
        mb__script_push_slice(L, mb_json_str(value));
        break;
    case MB_JSON_ARRAY:
    case MB_JSON_OBJECT: {
        struct mb__json_view *view =
            mb__script_push_view(L, mb__script_of(L), MB__CLASS_JSON, NULL, sizeof(*view));
        view->value = value;
    }
    }
}

void mb__script_push_size(lua_State *L, struct mb_size size)
{
    lua_pushfstring(L, "%dx%d", (int)size.width, (int)size.height);
}

static void push_sizes(lua_State *L, struct mb_script *script, const struct mb_size *sizes,
                       size_t count)
{
    if (count == 0) {
        lua_pushnil(L);
        return;
    }
    struct mb__sizes_view *view =
        mb__script_push_view(L, script, MB__CLASS_SIZES, sizes, sizeof(*view));
    view->count = count;
}

/* An event's document: parsed when it is asked for; what is no JSON is given as text. */
static void push_document(lua_State *L, struct mb_script *script, struct mb_slice text)
{
    if (!text.data) {
        lua_pushnil(L);
        return;
    }
    struct mb_arena *arena = mb__script_arena(script);
    struct mb_json *doc = mb_xarena_alloc(arena, sizeof(*doc));
    if (mb_json_parse(doc, arena, text, NULL) == 0)
        mb__script_push_json(L, mb_json_root(doc), MB_SLICE_NONE);
    else
        mb__script_push_slice(L, text);
}

static void push_raw(lua_State *L, const struct mb_raw *raw)
{
    if (raw->doc)
        mb__script_push_json(
            L, (struct mb_json_value){.doc = raw->doc, .token = raw->token, .type = raw->type},
            MB_SLICE_NONE);
    else
        lua_pushnil(L);
}

static void push_name(lua_State *L, const char *name)
{
    if (name[0])
        lua_pushstring(L, name);
    else
        lua_pushnil(L);
}

static void push_number_if(lua_State *L, bool present, double number)
{
    if (present)
        lua_pushnumber(L, number);
    else
        lua_pushnil(L);
}

static void push_tristate(lua_State *L, int8_t value)
{
    if (value < 0)
        lua_pushnil(L);
    else
        lua_pushboolean(L, value);
}

static void push_strings(lua_State *L, struct mb_script *script, const struct mb_slices *strings)
{
    if (strings->count == 0)
        lua_pushnil(L);
    else
        mb__script_push_view(L, script, MB__CLASS_SLICES, strings, sizeof(struct mb__view));
}

static void push_decimal(lua_State *L, struct mb_slice text)
{
    mb__script_push_slice(L, text);
    if (lua_isnumber(L, -1)) {
        lua_pushnumber(L, lua_tonumber(L, -1));
        lua_replace(L, -2);
    }
}

static struct mb_slice take_later(const char *base, const struct mb__field *field)
{
    struct mb_later *later = *(struct mb_later *const *)(const void *)(base + field->aux);

    return mb_later(later, (const struct mb_slice *)(const void *)(base + field->offset));
}

/* Numbers, money and enums. */
static void push_scalar(lua_State *L, const char *base, const struct mb__field *field)
{
    const void *at = base + field->offset;
    switch ((enum mb__field_kind)field->kind) {
    case MB__FIELD_U32:
        push_number_if(L, *(const uint32_t *)at != 0, *(const uint32_t *)at);
        break;
    case MB__FIELD_I32:
        push_number_if(L, *(const int32_t *)at != (int16_t)field->aux, *(const int32_t *)at);
        break;
    case MB__FIELD_I32_ID:
        if (*(const int32_t *)at)
            lua_pushfstring(L, "%d", (int)*(const int32_t *)at);
        else
            lua_pushnil(L);
        break;
    case MB__FIELD_I64:
        lua_pushnumber(L, (lua_Number) * (const int64_t *)at);
        break;
    case MB__FIELD_PRICE:
        lua_pushnumber(L, mb_money_price_to_double(*(const struct mb_price *)at));
        break;
    case MB__FIELD_PRICE_SET:
        push_number_if(L, ((const struct mb_price *)at)->micros != 0,
                       mb_money_price_to_double(*(const struct mb_price *)at));
        break;
    case MB__FIELD_PRICE_IF:
        push_number_if(L, *(const bool *)(base + field->aux),
                       mb_money_price_to_double(*(const struct mb_price *)at));
        break;
    case MB__FIELD_AMOUNT:
        lua_pushnumber(L, mb_money_amount_to_double(*(const struct mb_amount *)at));
        break;
    case MB__FIELD_FORMAT:
        push_name(L, mb_format_name(*(const enum mb_format *)at));
        break;
    case MB__FIELD_MODEL:
        push_name(L, mb_model_name(*(const enum mb_model *)at));
        break;
    case MB__FIELD_EVENT_TYPE:
        push_name(L, mb_event_name(*(const enum mb_event_type *)at));
        break;
    case MB__FIELD_DECIMAL_LATER:
        push_decimal(L, take_later(base, field));
        break;
    case MB__FIELD_DECIMAL:
        push_decimal(L, *(const struct mb_slice *)at);
        break;
    case MB__FIELD_AT:
        push_name(L, *(const uint8_t *)at == 1   ? "first"
                     : *(const uint8_t *)at == 2 ? "second"
                                                 : "");
        break;
    default:
        lua_pushnil(L);
    }
}

void mb__script_push_field(lua_State *L, struct mb_script *script, const struct mb__field *field,
                           const void *object)
{
    const char *base = object;
    const void *at = base + field->offset;
    switch ((enum mb__field_kind)field->kind) {
    case MB__FIELD_STRING:
        mb__script_push_slice(L, *(const struct mb_slice *)at);
        break;
    case MB__FIELD_STRING_LATER:
        mb__script_push_slice(L, take_later(base, field));
        break;
    case MB__FIELD_STRINGS:
        push_strings(L, script, at);
        break;
    case MB__FIELD_SIZES:
        push_sizes(L, script, *(const struct mb_size *const *)at,
                   *(const size_t *)(base + field->aux));
        break;
    case MB__FIELD_IMPS:
        mb__script_push_cached(L, script, MB__CLASS_IMPS, object, MB__CLASS_IMPS);
        break;
    case MB__FIELD_RECORD:
        mb__script_push_cached(L, script, field->aux, at, field->aux);
        break;
    case MB__FIELD_BOOL:
        lua_pushboolean(L, *(const bool *)at);
        break;
    case MB__FIELD_TRISTATE:
        push_tristate(L, *(const int8_t *)at);
        break;
    case MB__FIELD_EXCHANGE:
        push_name(L, mb_exchange_name((*(const struct mb_endpoint *const *)at)->exchange));
        break;
    case MB__FIELD_ENDPOINT:
        mb__script_push_slice(L, (*(const struct mb_endpoint *const *)at)->name);
        break;
    case MB__FIELD_RAW:
        push_raw(L, at);
        break;
    case MB__FIELD_RAW_TEXT:
        push_document(L, script, *(const struct mb_slice *)at);
        break;
    default:
        push_scalar(L, base, field);
    }
}
