/* ctx.c - `ctx`: the only source of time, chance and state; lua-api.md section 2.
 *
 * One userdata serves all strategies of a state: what it gives depends on the present call. Its
 * functions stand in a table that Lua looks into by itself; only the values are asked of C. Chance:
 * each call draws from a generator of its own, seeded by request, strategy and impression, so that
 * adding a strategy does not change what the others draw.
 */
#include "internal.h"

#include <math.h>
#include <time.h>

enum {
    NOTES_MAX = 8,
    NOTE_BYTES_MAX = 128,
    DATE_BYTES_MAX = 256,
    ARMS_BYTES_MAX = 32 /* the arm travels in the notice token, which holds no more */
};

/* As its file gives it: a candidate shall decide as it will once it bids. */
static struct mb_slice own_name(const struct mb_strategy *strategy)
{
    const struct mb_slice prefix = MB_SLICE(MB_CANDIDATE);
    size_t skip = mb_slice_starts(strategy->name, prefix) ? prefix.len : 0;
    return mb_slice(strategy->name.data + skip, strategy->name.len - skip);
}

static struct mb_slice check_slice(lua_State *L, int arg)
{
    struct mb_slice s;
    s.data = luaL_checklstring(L, arg, &s.len);
    return s;
}

/* FNV-1a: the same in every process, as a replay and a sticky arm need. */
static uint64_t hash_bytes(uint64_t hash, struct mb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The finish of splitmix64: spreads every bit over all. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static const uint64_t fnv_start = UINT64_C(0xcbf29ce484222325);

void mb__script_seed(struct mb_script *script, uint64_t seed, uint64_t turn, struct mb_slice name)
{
    script->random = mix(hash_bytes(fnv_start ^ mix(seed), name) + turn);
}

/* splitmix64: one addition and the finish above. */
static uint64_t next_random(struct mb_script *script)
{
    script->random += UINT64_C(0x9e3779b97f4a7c15);
    return mix(script->random);
}

int mb__script_lua_random(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    if (script->call.loading)
        return luaL_error(L, "chance is offered inside a call only, not while loading");
    double unit = (double)(next_random(script) >> 11) * 0x1p-53; /* [0, 1) */
    double low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, unit);
        return 1;
    case 1:
        high = floor(luaL_checknumber(L, 1));
        break;
    default:
        low = floor(luaL_checknumber(L, 1));
        high = floor(luaL_checknumber(L, 2));
    }
    luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
    lua_pushnumber(L, low + floor(unit * (high - low + 1)));
    return 1;
}

static int lua_ctx_date(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    const char *format = luaL_checkstring(L, 1);
    const struct mb_zone *zone = script->zone;
    if (!lua_isnoneornil(L, 2) && !(zone = mb__script_zone(script, check_slice(L, 2))))
        return luaL_argerror(L, 2, "no such time zone");
    int64_t offset_ms = mb_zone_offset_ms(zone, script->call.now_ms);
    time_t local = (time_t)((script->call.now_ms + offset_ms) / 1000);
    struct tm tm;
    gmtime_r(&local, &tm);
    tm.tm_gmtoff = offset_ms / 1000;
    tm.tm_zone = luaL_optstring(L, 2, offset_ms == 0 ? "UTC" : "");
    char text[DATE_BYTES_MAX];
    size_t len = strftime(text, sizeof(text), format, &tm);
    lua_pushlstring(L, text, len);
    return 1;
}

/* --- what a tape notes, and says again --- */

/* NULL: none, or no request is open (a handler runs). */
static struct mb_tape *tape_of(const struct mb_script *script)
{
    return script->open ? script->request.tape : NULL;
}

static struct mb_tape_at tape_at(const struct mb_script *script, enum mb_tape_kind kind,
                                 struct mb_slice key)
{
    return (struct mb_tape_at){kind, (uint16_t)script->call.imp->index,
                               script->call.strategy->plain.name, key};
}

/* What was said, on its way to the script. */
static int64_t noted(struct mb_script *script, enum mb_tape_kind kind, struct mb_slice key,
                     int64_t said)
{
    struct mb_tape *tape = tape_of(script);
    if (tape) {
        struct mb_tape_at at = tape_at(script, kind, key);
        mb_tape_note_value(tape, &at, said);
    }
    return said;
}

static int64_t played(struct mb_script *script, enum mb_tape_kind kind, struct mb_slice key,
                      int64_t fallback)
{
    struct mb_tape_at at = tape_at(script, kind, key);
    return mb_tape_play_value(tape_of(script), &at, fallback);
}

static int64_t time_left(struct mb_script *script)
{
    const struct mb_script_call *call = &script->request;
    if (mb_tape_plays(call->tape))
        return played(script, MB_TAPE_TIME_LEFT, MB_SLICE(""), call->deadline_ms - call->now_ms);
    int64_t now_ms = call->clock_ms ? call->clock_ms(call->clock_user) : call->now_ms;
    return noted(script, MB_TAPE_TIME_LEFT, MB_SLICE(""), call->deadline_ms - now_ms);
}

static int lua_ctx_time_left(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    /* Nobody waits for a handler. */
    lua_pushnumber(L, script->open ? (lua_Number)time_left(script) : (lua_Number)HUGE_VAL);
    return 1;
}

/* Whose counter it is: 'shared:...' belongs to nobody in particular. */
static struct mb_slice counter_owner(const struct mb_script *script, struct mb_slice key)
{
    return mb_slice_starts(key, MB_SLICE("shared:")) ? MB_SLICE("")
                                                     : script->call.strategy->plain.name;
}

/* A shadow counts under its own name; what belongs to all it leaves as it is. */
static int64_t count_up(struct mb_script *script, struct mb_slice key, int64_t n, int64_t window_ms)
{
    struct mb_slice owner = counter_owner(script, key);
    int64_t now_ms = script->call.now_ms;
    if (script->open && script->request.shadow && owner.len == 0)
        return mb_guard_get(script->guard, owner, key, now_ms) + n;
    return mb_guard_incr(script->guard, owner, key, n, window_ms, now_ms);
}

static int lua_ctx_incr(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice key = check_slice(L, 1);
    lua_Number n = luaL_optnumber(L, 2, 1);
    luaL_argcheck(L, n == floor(n) && fabs(n) <= 9007199254740992.0, 2, "an integer is expected");
    int64_t window_ms;
    if (!mb_time_parse_duration(check_slice(L, 3), &window_ms))
        return luaL_argerror(L, 3, "a duration such as '24h' is expected");
    if (!script->guard)
        return luaL_error(L, "there are no counters here");
    int64_t count =
        mb_tape_plays(tape_of(script))
            ? played(script, MB_TAPE_INCR, key, (int64_t)n)
            : noted(script, MB_TAPE_INCR, key,
                    count_up(script, key, (int64_t)n, window_ms));
    lua_pushnumber(L, (lua_Number)count);
    return 1;
}

static int lua_ctx_get(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice key = check_slice(L, 1);
    int64_t count = 0;
    if (mb_tape_plays(tape_of(script)))
        count = played(script, MB_TAPE_GET, key, 0);
    else if (script->guard)
        count = noted(
            script, MB_TAPE_GET, key,
            mb_guard_get(script->guard, counter_owner(script, key), key, script->call.now_ms));
    lua_pushnumber(L, (lua_Number)count);
    return 1;
}

static int lua_ctx_spend(lua_State *L)
{
    static const char *const names[] = {"hour", "day", "total", NULL};
    struct mb_script *script = mb__script_of(L);
    enum mb_guard_period period = (enum mb_guard_period)luaL_checkoption(L, 1, "day", names);
    struct mb_slice key = mb_slice_of(names[period]);
    struct mb_amount spent = {0};
    if (mb_tape_plays(tape_of(script))) {
        spent.nanos = played(script, MB_TAPE_SPEND, key, 0);
    } else if (script->guard) {
        spent = mb_guard_spent(script->guard, script->call.strategy->plain.guard_slot, period,
                               script->call.now_ms);
        (void)noted(script, MB_TAPE_SPEND, key, spent.nanos);
    }
    lua_pushnumber(L, mb_money_amount_to_double(spent));
    return 1;
}

static bool has_asked_for(const struct mb__call *call, struct mb_slice experiment)
{
    struct mb_slice rest = call->experiment;
    while (mb_slice_present(rest))
        if (mb_slice_eq(mb_slice_cut(&rest, '+'), experiment))
            return true;
    return false;
}

/* Adds the arm to those of this call; the first comes first. An experiment asked for again gives the same arm again, and what has
 * no room is told to nobody. */
static void remember_arm(struct mb_script *script, struct mb_slice experiment, struct mb_slice arm,
                         double share)
{
    struct mb_arena *arena = mb__script_arena(script);
    struct mb__call *call = &script->call;
    if (has_asked_for(call, experiment))
        return;
    if (!call->arm.data) {
        call->arm = mb_xarena_copy(arena, arm);
        call->experiment = mb_xarena_copy(arena, experiment);
        call->arm_share = share;
    } else if (call->arm.len + 1 + arm.len <= ARMS_BYTES_MAX) {
        call->arm =
            mb_xarena_printf(arena, "%.*s+%.*s", MB_SLICE_ARG(call->arm), MB_SLICE_ARG(arm));
        call->experiment = mb_xarena_printf(arena, "%.*s+%.*s", MB_SLICE_ARG(call->experiment),
                                            MB_SLICE_ARG(experiment));
        call->arm_share *= share;
    }
}

/* The arm that the tape says, where it is still one of them: the user that it hangs on may have been masked. */
static size_t taped_arm(struct mb_script *script, struct mb_slice name,
                        const struct mb_slice *arms, size_t count, size_t chosen)
{
    struct mb_tape *tape = tape_of(script);
    if (!tape)
        return chosen;
    struct mb_tape_at at = tape_at(script, MB_TAPE_ARM, name);
    if (!tape->plays) {
        mb_tape_note_text(tape, &at, arms[chosen]);
        return chosen;
    }
    struct mb_slice arm = mb_tape_play_text(tape, &at);
    for (size_t i = 0; i < count; i++)
        if (mb_slice_eq(arms[i], arm))
            return i;
    return chosen;
}

/* ctx.arm(name, user_key, {a = 50, b = 50}): the same arm for the same user as long as the weights
 * stay. */
static int lua_ctx_arm(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice name = check_slice(L, 1), user = check_slice(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    double total = 0;
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, 3)) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TNUMBER, 3,
                      "arms with their weights are expected, such as {a = 50, b = 50}");
        luaL_argcheck(L, lua_objlen(L, -2) <= ARMS_BYTES_MAX, 3, "a name has at most 32 bytes");
        double weight = lua_tonumber(L, -1);
        luaL_argcheck(L, weight >= 0 && isfinite(weight), 3, "a weight is 0 or more");
        total += weight;
        count++;
        lua_pop(L, 1);
    }
    luaL_argcheck(L, total > 0, 3, "no arm has a weight");
    const struct mb_slice *arms = mb__script_sorted_keys(L, 3, count);
    uint64_t hash = mix(hash_bytes(hash_bytes(fnv_start, name) ^ 0xff, user));
    double at = (double)(hash >> 11) * 0x1p-53 * total;
    size_t chosen = 0;
    double share = 0;
    for (size_t i = 0; i < count; i++) {
        mb__script_push_slice(L, arms[i]);
        lua_rawget(L, 3);
        double weight = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (weight > 0) {
            chosen = i;
            share = weight / total;
        }
        if (at < weight)
            break;
        at -= weight;
    }
    chosen = taped_arm(script, name, arms, count, chosen);
    remember_arm(script, name, arms[chosen], share);
    mb__script_push_slice(L, arms[chosen]);
    return 1;
}

static int lua_ctx_note(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    struct mb_slice key = check_slice(L, 1), value;
    luaL_checkany(L, 2);
    mb__script_safe_text(L, 2);
    value.data = lua_tolstring(L, -1, &value.len);
    struct mb__call *call = &script->call;
    if (!call->result || call->n_notes == NOTES_MAX)
        return 0;
    struct mb_arena *arena = mb__script_arena(script);
    if (!call->notes)
        call->notes = mb_xarena_array(arena, NOTES_MAX, sizeof(*call->notes));
    key.len = key.len < NOTE_BYTES_MAX ? key.len : NOTE_BYTES_MAX;
    value.len = value.len < NOTE_BYTES_MAX ? value.len : NOTE_BYTES_MAX;
    call->notes[call->n_notes++] =
        (struct mb_pair){mb_xarena_copy(arena, key), mb_xarena_copy(arena, value)};
    return 0;
}

/* --- ctx itself --- */

enum { CTX_NOW, CTX_STRATEGY, CTX_VERSION, N_VALUES };

static const struct mb__field ctx_values[N_VALUES] = {
    {"now", 0, 0, CTX_NOW},
    {"strategy", 0, 0, CTX_STRATEGY},
    {"version", 0, 0, CTX_VERSION},
};

static const luaL_Reg ctx_functions[] = {
    {"date", lua_ctx_date},
    {"time_left", lua_ctx_time_left},
    {"random", mb__script_lua_random},
    {"incr", lua_ctx_incr},
    {"get", lua_ctx_get},
    {"spend", lua_ctx_spend},
    {"arm", lua_ctx_arm},
    {"win_rate", mb__script_lua_win_rate},
    {"price_for", mb__script_lua_price_for},
    {"note", lua_ctx_note},
    {NULL, NULL},
};

static void push_value(lua_State *L, const struct mb_script *script, const struct mb__field *value)
{
    switch (value->aux) {
    case CTX_NOW:
        lua_pushnumber(L, (lua_Number)script->call.now_ms);
        break;
    case CTX_STRATEGY:
        mb__script_push_slice(L, own_name(&script->call.strategy->plain));
        break;
    default: /* CTX_VERSION */
        mb__script_push_slice(L, mb_script_version(script));
    }
}

/* What the table of functions has not. */
static int index_value(lua_State *L)
{
    const struct mb_script *script = mb__script_of(L);
    const struct mb__field *value =
        mb__script_fields_find(&script->ctx_values, lua_topointer(L, 2));
    if (value)
        push_value(L, script, value);
    else
        lua_pushnil(L);
    return 1;
}

/* A plain copy of ctx, for pairs; upvalue: what copies the functions. */
static int copy_ctx(lua_State *L)
{
    const struct mb_script *script = mb__script_of(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 0, 1);
    for (size_t i = 0; i < N_VALUES; i++) {
        push_value(L, script, &ctx_values[i]);
        lua_setfield(L, -2, ctx_values[i].name);
    }
    return 1;
}

void mb__script_ctx_open(lua_State *L)
{
    struct mb_script *script = mb__script_of(L);
    mb__script_fields_fill(L, ctx_values, N_VALUES, &script->ctx_values);
    lua_newtable(L);
    luaL_register(L, NULL, ctx_functions);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, index_value);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    mb__script_lock(L, "ctx");
    lua_getmetatable(L, -1);
    lua_getfield(L, -1, "__pairs");
    lua_pushcclosure(L, copy_ctx, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pop(L, 1);
    script->ctx_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
