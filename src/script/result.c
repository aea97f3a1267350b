/* result.c - what `bid` returned, checked field by field and copied out of Lua; lua-api.md
 * section 3.
 *
 * A table is walked once; each key is looked up among the known fields by the pointer of its
 * interned name. A key that is not known is as wrong as a value of the wrong type: a misspelt
 * `click_ulr` must not go out as a bid without a landing page. Of several problems the first in
 * alphabetical order is told, whatever order the table is walked in.
 */
#include "internal.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_BYTES_MAX = 64, BIDS_MAX = 64, PROBLEM_BYTES_MAX = 160 };

enum bid_kind {
    BID_TEXT,  /* a string */
    BID_ID,    /* a string, or an integer that is written as digits */
    BID_DATA,  /* a string of at most DATA_BYTES_MAX */
    BID_PRICE, /* a number above 0 */
    BID_MODEL,
    BID_ICONS,  /* a string, or a table by size */
    BID_LIST,   /* strings or integers */
    BID_MACROS, /* a table of strings by name */
    BID_JSON,   /* a table, as JSON text */
    BID_JSON_LIST,
    BID_VAST,     /* a string as it is, or a table as JSON text */
    BID_PIXELS,   /* uint32_t */
    BID_SECONDS,  /* int32_t, 0 or more */
    BID_SLOT,     /* int32_t, -1 to 2 */
    BID_BOOL
};

#define FIELD(kind, name, member)                                                                  \
    {                                                                                              \
        name, BID_##kind, offsetof(struct mb_bid, member), 0                                       \
    }
#define SAME(kind, member) FIELD(kind, #member, member)
static const struct mb__field bid_fields[] = {
    SAME(PRICE, price),
    SAME(MODEL, model),
    SAME(PRICE, ecpm),
    SAME(TEXT, currency),
    SAME(TEXT, click_url),
    SAME(TEXT, image_url),
    FIELD(ICONS, "icon_url", icons),
    SAME(TEXT, url),
    SAME(TEXT, title),
    SAME(TEXT, description),
    SAME(TEXT, imptracker),
    SAME(DATA, data),
    SAME(TEXT, markup),
    SAME(JSON, native),
    SAME(VAST, vast),
    SAME(ID, creative_id),
    SAME(TEXT, creative_code),
    SAME(ID, ad_id),
    SAME(ID, campaign_id),
    SAME(LIST, advertiser_domains),
    SAME(LIST, categories),
    SAME(LIST, attributes),
    SAME(ID, deal_id),
    SAME(ID, seat),
    SAME(ID, member_id),
    FIELD(PIXELS, "width", size.width),
    FIELD(PIXELS, "height", size.height),
    FIELD(SECONDS, "expires", expires_s),
    SAME(TEXT, bundle),
    SAME(ID, tactic),
    SAME(TEXT, language),
    SAME(LIST, apis),
    FIELD(SECONDS, "duration", duration_s),
    SAME(SECONDS, category_taxonomy),
    SAME(SECONDS, protocol),
    SAME(SECONDS, media_rating),
    SAME(SECONDS, width_ratio),
    SAME(SECONDS, height_ratio),
    SAME(SLOT, slot_in_pod),
    SAME(TEXT, custom_notify_data),
    SAME(MACROS, custom_macros),
    SAME(JSON_LIST, segment_actions),
    SAME(TEXT, userdata_js),
    SAME(TEXT, pixel_url),
    SAME(ID, pixel_type),
    SAME(BOOL, exclusive),
    SAME(JSON, ext),
    SAME(TEXT, win_url),
    SAME(TEXT, billing_url),
    SAME(TEXT, loss_url),
};

/* --- one field: NULL, or what was expected --- */

static struct mb_slice to_slice(lua_State *L, int index)
{
    struct mb_slice s;
    s.data = lua_tolstring(L, index, &s.len);
    return s;
}

/* A string as it is; an integer as digits; absent for anything else. The bytes are in the arena. */
static struct mb_slice take_id(lua_State *L, int index, struct mb_arena *arena)
{
    if (lua_type(L, index) == LUA_TSTRING)
        return mb_xarena_copy(arena, to_slice(L, index));
    double number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
    if (number == floor(number) && fabs(number) <= 9007199254740992.0)
        return mb_xarena_printf(arena, "%lld", (long long)number);
    return MB_SLICE_NONE;
}

static const char *take_price(lua_State *L, int index, struct mb_price *out)
{
    if (lua_type(L, index) != LUA_TNUMBER ||
        !mb_money_price_from_double(lua_tonumber(L, index), out) || out->micros <= 0)
        return "a number above 0";
    return NULL;
}

static int compare_icons(const void *a, const void *b)
{
    const struct mb_icon *left = a, *right = b;
    if (left->size.width != right->size.width)
        return left->size.width < right->size.width ? -1 : 1;
    return (left->size.height > right->size.height) - (left->size.height < right->size.height);
}

static const char *take_icons(lua_State *L, int index, struct mb_arena *arena, struct mb_bid *bid)
{
    static const char expected[] = "a string, or a table of strings by size such as '192x192'";
    if (lua_type(L, index) == LUA_TSTRING) {
        struct mb_icon *icon = mb_xarena_alloc(arena, sizeof(*icon));
        icon->url = mb_xarena_copy(arena, to_slice(L, index));
        bid->icons = icon;
        bid->n_icons = 1;
        return NULL;
    }
    if (!lua_istable(L, index))
        return expected;
    size_t count = 0;
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1))
        count++;
    struct mb_icon *icons = mb_xarena_array(arena, count ? count : 1, sizeof(*icons));
    size_t n = 0;
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING ||
            !mb_size_parse(to_slice(L, -2), &icons[n].size))
            return expected;
        icons[n++].url = mb_xarena_copy(arena, to_slice(L, -1));
    }
    qsort(icons, n, sizeof(*icons), compare_icons);
    bid->icons = icons;
    bid->n_icons = n;
    return NULL;
}

static const char *take_list(lua_State *L, int index, struct mb_arena *arena, struct mb_slices *out)
{
    if (!lua_istable(L, index)) {
        mb__script_open_userdata(L, index);
        if (!lua_istable(L, index))
            return "a list of strings";
    }
    size_t count = lua_objlen(L, index);
    int element = lua_gettop(L) + 1;
    struct mb_slice *items = mb_xarena_array(arena, count ? count : 1, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (int)i + 1);
        items[i] = take_id(L, element, arena);
        lua_pop(L, 1);
        if (!items[i].data)
            return "a list of strings";
    }
    *out = (struct mb_slices){items, count};
    return NULL;
}

static const char *take_macros(lua_State *L, int index, struct mb_arena *arena,
                               struct mb_pairs *out)
{
    static const char expected[] = "a table of strings by name";
    if (!lua_istable(L, index))
        return expected;
    size_t count = 0;
    lua_pushnil(L);
    for (; lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            return expected;
        count++;
    }
    const struct mb_slice *names = mb__script_sorted_keys(L, index, count);
    struct mb_pair *pairs = mb_xarena_array(arena, count ? count : 1, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        mb__script_push_slice(L, names[i]);
        lua_rawget(L, index);
        pairs[i].name = mb_xarena_copy(arena, names[i]);
        pairs[i].value = take_id(L, lua_gettop(L), arena);
        lua_pop(L, 1);
        if (!pairs[i].value.data)
            return expected;
    }
    *out = (struct mb_pairs){pairs, count};
    return NULL;
}

static const char *take_json(lua_State *L, int index, struct mb_arena *arena, struct mb_slice name,
                             struct mb_slice *out)
{
    struct mb_script *script = mb__script_of(L);
    mb_buf_clear(&script->scratch);
    const char *problem = mb__script_encode(L, index, name, &script->scratch);
    if (!problem)
        *out = mb_xarena_copy(arena, mb_buf_slice(&script->scratch));
    return problem ? "a table that JSON can hold" : NULL;
}

static const char *take_json_list(lua_State *L, int index, struct mb_arena *arena,
                                  struct mb_slice *out)
{
    if (!lua_istable(L, index))
        return "a list of tables";
    lua_pushnil(L);
    if (!lua_next(L, index)) {
        *out = MB_SLICE("[]");
        return NULL;
    }
    lua_pop(L, 2);
    if (lua_objlen(L, index) == 0)
        return "a list of tables";
    return take_json(L, index, arena, MB_SLICE_NONE, out);
}

static const char *take_whole(lua_State *L, int index, double max, double *out)
{
    double number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
    if (number != floor(number) || number < 0 || number > max)
        return "an integer, 0 or more";
    *out = number;
    return NULL;
}

/* Kinds that are a number or a bool. */
static const char *take_scalar(lua_State *L, int index, const struct mb__field *field, void *at)
{
    const char *problem = NULL;
    double number = 0;
    switch ((enum bid_kind)field->kind) {
    case BID_PRICE:
        return take_price(L, index, at);
    case BID_PIXELS:
        problem = take_whole(L, index, UINT32_MAX, &number);
        *(uint32_t *)at = (uint32_t)number;
        return problem;
    case BID_SECONDS:
        problem = take_whole(L, index, INT32_MAX, &number);
        *(int32_t *)at = (int32_t)number;
        return problem;
    case BID_SLOT:
        number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
        *(int32_t *)at = number >= -1 && number <= 2 ? (int32_t)number : 0;
        return number == *(int32_t *)at ? NULL : "-1, 0, 1 or 2";
    case BID_MODEL:
        if (lua_type(L, index) == LUA_TSTRING)
            *(enum mb_model *)at = mb_model_of(to_slice(L, index));
        return lua_type(L, index) == LUA_TSTRING && *(enum mb_model *)at != MB_MODEL_NONE
                   ? NULL
                   : "'cpm', 'cpc' or 'smart_cpc'";
    default: /* BID_BOOL */
        *(bool *)at = lua_toboolean(L, index);
        return lua_isboolean(L, index) ? NULL : "true or false";
    }
}

static const char *take_text(lua_State *L, int index, struct mb_arena *arena, struct mb_slice *out)
{
    if (lua_type(L, index) != LUA_TSTRING)
        return "a string";
    *out = mb_xarena_copy(arena, to_slice(L, index));
    return NULL;
}

static const char *take_field(lua_State *L, int index, const struct mb__field *field,
                              struct mb_arena *arena, struct mb_bid *bid)
{
    void *at = (char *)bid + field->offset;
    struct mb_slice *text = at;
    switch ((enum bid_kind)field->kind) {
    case BID_TEXT:
        return take_text(L, index, arena, text);
    case BID_ID:
        *text = take_id(L, index, arena);
        return text->data ? NULL : "a string or an integer";
    case BID_DATA:
        if (lua_type(L, index) != LUA_TSTRING || lua_objlen(L, index) > DATA_BYTES_MAX)
            return "a string of at most 64 bytes";
        return take_text(L, index, arena, text);
    case BID_ICONS:
        return take_icons(L, index, arena, bid);
    case BID_LIST:
        return take_list(L, index, arena, at);
    case BID_MACROS:
        return take_macros(L, index, arena, at);
    case BID_VAST:
        if (lua_type(L, index) == LUA_TSTRING)
            return take_text(L, index, arena, text);
        return lua_istable(L, index) ? take_json(L, index, arena, MB_SLICE_NONE, &bid->vast_table)
                                     : "a string or a table";
    case BID_JSON:
        return lua_istable(L, index) ? take_json(L, index, arena, MB_SLICE_NONE, text) : "a table";
    case BID_JSON_LIST:
        return take_json_list(L, index, arena, text);
    default:
        return take_scalar(L, index, field, at);
    }
}

/* --- one bid, all bids --- */

struct problem {
    const char *field; /* interned by Lua, alive while its table is */
    const char *expected;
};

static void note_problem(struct problem *problem, const char *field, const char *expected)
{
    if (!problem->field || strcmp(field, problem->field) < 0)
        *problem = (struct problem){field, expected};
}

/* The same for the member whose key is at `key`. */
static void note_bad_member(lua_State *L, int key, struct problem *problem, const char *expected)
{
    if (lua_type(L, key) == LUA_TSTRING)
        note_problem(problem, lua_tostring(L, key), expected);
    else
        note_problem(problem, "[...]", "named fields only");
}

/* Fills the bid from the table at `index`; gives how many members that has. */
static size_t take_bid(lua_State *L, int index, struct mb_bid *bid, struct problem *problem)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_arena *arena = mb__script_arena(script);
    int top = lua_gettop(L);
    size_t members = 0;
    lua_pushnil(L);
    for (; lua_next(L, index); lua_settop(L, top + 1)) {
        const struct mb__field *field =
            mb__script_fields_find(&script->bid_fields, lua_topointer(L, top + 1));
        const char *expected = field ? take_field(L, top + 2, field, arena, bid) : "no such field";
        if (expected)
            note_bad_member(L, top + 1, problem, expected);
        members++;
    }
    if (bid->price.micros <= 0 && !problem->field)
        note_problem(problem, "price", "a number above 0");
    if (bid->model == MB_MODEL_NONE)
        bid->model = script->call.strategy->plain.model;
    if (bid->model == MB_MODEL_CPM)
        bid->ecpm = bid->price;
    return members;
}

static void refuse(struct mb_script *script, size_t place, size_t count, struct problem problem)
{
    struct mb_script_result *result = script->call.result;
    struct mb_arena *arena = mb__script_arena(script);
    const char *verb = strcmp(problem.expected, "no such field") == 0 ? "" : "expected ";
    result->outcome = MB_NOBID_INVALID_BID;
    if (count > 1)
        result->problem = mb_xarena_printf(arena, "[%zu].%.*s: %s%s", place + 1, PROBLEM_BYTES_MAX,
                                           problem.field, verb, problem.expected);
    else
        result->problem = mb_xarena_printf(arena, "%.*s: %s%s", PROBLEM_BYTES_MAX, problem.field,
                                           verb, problem.expected);
}

/* Keeps the bid's table at `index` for its dynamic tokens, until the request ends. */
static int keep_table(lua_State *L, int index, struct mb_script *script)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->returned_ref);
    lua_pushvalue(L, index);
    lua_rawseti(L, -2, ++script->returned);
    lua_pop(L, 1);
    return script->returned;
}

/* The bid tables: the value at `index` itself where `length` is 0, or its elements. */
static void take_bids(lua_State *L, int index, size_t length, struct mb_script *script)
{
    struct mb_script_result *result = script->call.result;
    size_t count = length > 0 ? length : 1;
    struct mb_bid *bids = mb_xarena_array(mb__script_arena(script), count, sizeof(*bids));
    for (size_t i = 0; i < count; i++) {
        struct problem problem = {0};
        struct mb_bid *bid = &bids[i];
        int table = index;
        if (length > 0) {
            lua_rawgeti(L, index, (int)i + 1);
            table = lua_gettop(L);
        }
        bid->strategy = &script->call.strategy->plain;
        bid->imp = script->call.imp;
        bid->arm = script->call.arm;
        if (!lua_istable(L, table))
            note_problem(&problem, "bid", "a list of tables");
        else if (take_bid(L, table, bid, &problem) == 0 && length == 0)
            return; /* a list without bids */
        if (problem.field) {
            refuse(script, i, count, problem);
            return;
        }
        if (script->call.strategy->tokens_see_bid)
            bid->script_ref = keep_table(L, table, script);
        lua_settop(L, index);
    }
    result->outcome = MB_NOBID_BID;
    result->bids = bids;
    result->n_bids = count;
}

void mb__script_take_result(lua_State *L, int index)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_script_result *result = script->call.result;
    result->outcome = MB_NOBID_NONE;
    if (lua_istable(L, index)) {
        size_t length = lua_objlen(L, index);
        if (length <= BIDS_MAX)
            take_bids(L, index, length, script);
        else
            refuse(script, 0, 1, (struct problem){"bid", "at most 64 bids"});
        return;
    }
    struct mb_slice reason = mb__script_to_nobid(L, index);
    if (reason.data) {
        result->outcome = MB_NOBID_SCRIPT;
        result->own_reason = mb_xarena_copy(mb__script_arena(script), reason);
    } else if (lua_toboolean(L, index)) { /* not nil, nor the false of `wanted and {...}` */
        refuse(script, 0, 1, (struct problem){"bid", "a table, nobid(reason) or nothing"});
    }
}

void mb__script_results_open(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    mb__script_fields_fill(L, bid_fields, sizeof(bid_fields) / sizeof(bid_fields[0]),
                           &script->bid_fields);
    lua_newtable(L);
    script->returned_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
