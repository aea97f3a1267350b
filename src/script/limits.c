/* limits.c - the `limits` of a strategy and the pools of budgets.lua, checked; lua-api.md section 1.
 */
#include "internal.h"

#include <math.h>
#include <stdio.h>

static const char *const known_keys[] = {
    "max_bid",    "daily",     "total",  "hourly",      "budget",   "max_impressions",
    "max_clicks", "per",       "starts", "ends",        "timezone", "pacing",
    "reserve",    "frequency", "qps",    "expect_rate", NULL};

/* What is being read: the table, where it stands, and who hears of problems. */
struct reader {
    lua_State *L;
    int index;
    const char *path;
    struct mb__check *check;
};

/* Pushes the member; false, nothing pushed, where it is nil. *path gets its full name. */
static bool push_member(const struct reader *in, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s.%s", in->path, name);
    lua_pushstring(in->L, name);
    lua_rawget(in->L, in->index);
    if (!lua_isnil(in->L, -1))
        return true;
    lua_pop(in->L, 1);
    return false;
}

static void take_amount(const struct reader *in, const char *name, struct mb_amount *out)
{
    char path[64];
    if (!push_member(in, name, path, sizeof(path)))
        return;
    if (lua_type(in->L, -1) != LUA_TNUMBER || !(lua_tonumber(in->L, -1) > 0) ||
        !mb_money_amount_from_double(lua_tonumber(in->L, -1), out))
        mb__script_bad(in->check, path, "expected an amount above 0, got %s",
                       mb__script_kind(in->L, -1));
    lua_pop(in->L, 1);
}

static void take_price(const struct reader *in, const char *name, struct mb_price *out)
{
    char path[64];
    if (!push_member(in, name, path, sizeof(path)))
        return;
    if (lua_type(in->L, -1) != LUA_TNUMBER || !(lua_tonumber(in->L, -1) > 0) ||
        !mb_money_price_from_double(lua_tonumber(in->L, -1), out))
        mb__script_bad(in->check, path, "expected a price above 0, got %s",
                       mb__script_kind(in->L, -1));
    lua_pop(in->L, 1);
}

static int64_t take_count(const struct reader *in, const char *name, double max)
{
    char path[64];
    int64_t count = 0;
    if (!push_member(in, name, path, sizeof(path)))
        return 0;
    double number = lua_type(in->L, -1) == LUA_TNUMBER ? lua_tonumber(in->L, -1) : NAN;
    if (number == floor(number) && number >= 1 && number <= max)
        count = (int64_t)number;
    else
        mb__script_bad(in->check, path, "expected an integer from 1 to %.0f, got %s", max,
                       mb__script_kind(in->L, -1));
    lua_pop(in->L, 1);
    return count;
}

/* A string, copied; absent where the key is not given or is no string that is not empty. */
static struct mb_slice take_text(const struct reader *in, const char *name)
{
    char path[64];
    struct mb_slice text = MB_SLICE_NONE;
    if (!push_member(in, name, path, sizeof(path)))
        return text;
    if (lua_type(in->L, -1) == LUA_TSTRING && lua_objlen(in->L, -1) > 0) {
        text.data = lua_tolstring(in->L, -1, &text.len);
        text = mb_xarena_copy(&in->check->script->arena, text);
    } else {
        mb__script_bad(in->check, path, "expected a string, got %s", mb__script_kind(in->L, -1));
    }
    lua_pop(in->L, 1);
    return text;
}

/* One of two words: true for the second. */
static bool take_choice(const struct reader *in, const char *name, const char *first,
                        const char *second)
{
    struct mb_slice text = take_text(in, name);
    if (text.data && !mb_slice_is(text, first) && !mb_slice_is(text, second)) {
        char path[64];
        snprintf(path, sizeof(path), "%s.%s", in->path, name);
        mb__script_bad(in->check, path, "expected '%s' or '%s', got '%.*s'", first, second,
                       MB_SLICE_ARG(text));
    }
    return mb_slice_is(text, second);
}

/* A member that must be a table: opens it for reading. The caller pops it. */
static bool open_table(const struct reader *in, const char *name, char *path, size_t size,
                       struct reader *out)
{
    if (!push_member(in, name, path, size))
        return false;
    if (lua_istable(in->L, -1)) {
        *out = (struct reader){in->L, lua_gettop(in->L), path, in->check};
        return true;
    }
    mb__script_bad(in->check, path, "expected a table, got %s", mb__script_kind(in->L, -1));
    lua_pop(in->L, 1);
    return false;
}

/* { cpm = 5.00, cpc = 0.60 }, or a number for the strategy's own model. */
static void take_max_bid(const struct reader *in, enum mb_model model, struct mb_limits *out)
{
    static const char *const names[] = {"cpm", "cpc", NULL};
    char path[64];
    if (!push_member(in, "max_bid", path, sizeof(path)))
        return;
    bool is_number = lua_type(in->L, -1) == LUA_TNUMBER;
    lua_pop(in->L, 1);
    if (is_number) {
        take_price(in, "max_bid", model == MB_MODEL_CPM ? &out->max_cpm : &out->max_cpc);
        return;
    }
    struct reader prices;
    if (!open_table(in, "max_bid", path, sizeof(path), &prices))
        return;
    take_price(&prices, "cpm", &out->max_cpm);
    take_price(&prices, "cpc", &out->max_cpc);
    mb__script_refuse_unknown(in->L, prices.index, in->check, path, names);
    lua_pushnil(in->L);
    if (!lua_next(in->L, prices.index))
        mb__script_bad(in->check, path, "expected cpm or cpc, got an empty table");
    lua_settop(in->L, prices.index - 1);
}

static const struct mb_zone *take_timezone(const struct reader *in, struct mb_limits *out)
{
    out->timezone = take_text(in, "timezone");
    if (!out->timezone.data)
        return in->check->script->zone;
    const struct mb_zone *zone = mb__script_zone(in->check->script, out->timezone);
    if (zone)
        return zone;
    char path[64];
    snprintf(path, sizeof(path), "%s.timezone", in->path);
    mb__script_bad(in->check, path,
                   "expected a time zone such as 'Europe/Berlin', got '%.*s'",
                   MB_SLICE_ARG(out->timezone));
    return in->check->script->zone;
}

static int64_t take_instant(const struct reader *in, const char *name, const struct mb_zone *zone)
{
    int64_t ms = 0;
    struct mb_slice text = take_text(in, name);
    if (!text.data)
        return 0;
    if (!mb_time_parse_utc(text, &ms)) {
        char path[64];
        snprintf(path, sizeof(path), "%s.%s", in->path, name);
        mb__script_bad(in->check, path, "expected a date such as '2026-03-01T00:00', got '%.*s'",
                       MB_SLICE_ARG(text));
        return 0;
    }
    return mb_slice_ends(text, MB_SLICE("Z")) ? ms : mb_zone_to_utc_ms(zone, ms);
}

static void take_period(const struct reader *in, struct mb_limits *out)
{
    const struct mb_zone *zone = take_timezone(in, out);
    out->starts_ms = take_instant(in, "starts", zone);
    out->ends_ms = take_instant(in, "ends", zone);
    if (out->starts_ms && out->ends_ms && out->ends_ms <= out->starts_ms)
        mb__script_bad(in->check, "limits.ends", "expected an instant behind limits.starts");
}

#define CAP(name) (1u << MB_CAP_##name)
#define PER_KEYS                                                                                   \
    (CAP(ZONE) | CAP(SITE) | CAP(DOMAIN) | CAP(APP) | CAP(TAG) | CAP(COUNTRY) | CAP(CREATIVE) |    \
     CAP(FORMAT) | CAP(ENDPOINT))
#define FREQUENCY_KEYS                                                                             \
    (CAP(USER) | CAP(IP) | CAP(CREATIVE) | CAP(STRATEGY) | CAP(SITE) | CAP(ZONE))

/* per = { key = 'zone', total = 5.00 } */
static void take_per(const struct reader *in, struct mb_limits *out)
{
    static const char *const names[] = {"key", "total", NULL};
    char path[64];
    struct reader per;
    if (!open_table(in, "per", path, sizeof(path), &per))
        return;
    out->per_key = mb_cap_key_of(take_text(&per, "key"));
    take_amount(&per, "total", &out->per_total);
    if (!(PER_KEYS >> out->per_key & 1))
        mb__script_bad(
            in->check, "limits.per.key",
            "expected zone, site, domain, app, tag, country, creative, format or endpoint");
    if (out->per_total.nanos == 0)
        mb__script_bad(in->check, "limits.per.total", "expected an amount above 0");
    mb__script_refuse_unknown(in->L, per.index, in->check, path, names);
    lua_pop(in->L, 1);
}

static void take_frequency_keys(const struct reader *in, struct mb_limits *out)
{
    static const char expected[] = "expected a list of user, ip, creative, strategy, site, zone";
    char path[64];
    struct reader list;
    if (!open_table(in, "key", path, sizeof(path), &list))
        return;
    size_t count = lua_objlen(in->L, list.index);
    if (count == 0)
        mb__script_bad(in->check, path, "%s, got an empty list", expected);
    for (size_t i = 0; i < count; i++) {
        enum mb_cap_key key = MB_CAP_COUNT;
        lua_rawgeti(in->L, list.index, (int)i + 1);
        if (lua_type(in->L, -1) == LUA_TSTRING)
            key = mb_cap_key_of(mb_slice_of(lua_tostring(in->L, -1)));
        if (FREQUENCY_KEYS >> key & 1)
            out->frequency.keys |= 1u << key;
        else
            mb__script_bad(in->check, path, "%s", expected);
        lua_pop(in->L, 1);
    }
    lua_pop(in->L, 1);
}

/* frequency = { count = 3, per = '24h', key = { 'user' }, missing = 'bid' } */
static void take_frequency(const struct reader *in, struct mb_limits *out)
{
    static const char *const names[] = {"count", "per", "key", "missing", NULL};
    char path[64];
    struct reader frequency;
    if (!open_table(in, "frequency", path, sizeof(path), &frequency))
        return;
    out->frequency.count = (uint32_t)take_count(&frequency, "count", 1e6);
    struct mb_slice per = take_text(&frequency, "per");
    if (out->frequency.count == 0)
        mb__script_bad(in->check, "limits.frequency.count", "expected how many impressions");
    if (!mb_time_parse_duration(per, &out->frequency.per_ms))
        mb__script_bad(in->check, "limits.frequency.per", "expected a duration such as '24h'");
    take_frequency_keys(&frequency, out);
    if (out->frequency.keys == 0)
        mb__script_bad(in->check, "limits.frequency.key", "expected a list such as { 'user' }");
    out->frequency.missing_is_nobid = take_choice(&frequency, "missing", "bid", "nobid");
    mb__script_refuse_unknown(in->L, frequency.index, in->check, path, names);
    lua_pop(in->L, 1);
}

static void take_pacing(const struct reader *in, struct mb_limits *out)
{
    char path[64];
    if (!take_choice(in, "pacing", "asap", "even"))
        return;
    out->pacing = MB_PACING_EVEN;
    snprintf(path, sizeof(path), "%s.pacing", in->path);
    if (out->daily.nanos == 0)
        mb__script_warn(in->check, path, "'even' has no effect without a daily limit");
}

static void take_expect_rate(const struct reader *in, struct mb_limits *out)
{
    char path[64];
    if (!push_member(in, "expect_rate", path, sizeof(path)))
        return;
    double rate = lua_type(in->L, -1) == LUA_TNUMBER ? lua_tonumber(in->L, -1) : 0;
    if (rate > 0 && rate <= 1)
        out->expect_rate = rate;
    else
        mb__script_bad(in->check, path, "expected a share above 0 and up to 1, got %s",
                       mb__script_kind(in->L, -1));
    lua_pop(in->L, 1);
}

void mb__script_take_limits(lua_State *L, int index, struct mb__check *check, enum mb_model model,
                            struct mb_limits *out)
{
    if (!lua_istable(L, index)) {
        mb__script_bad(check, "limits", "expected a table, got %s", mb__script_kind(L, index));
        return;
    }
    const struct reader in = {L, index, "limits", check};
    take_max_bid(&in, model, out);
    take_amount(&in, "daily", &out->daily);
    take_amount(&in, "hourly", &out->hourly);
    take_amount(&in, "total", &out->total);
    out->budget = take_text(&in, "budget");
    out->max_impressions = take_count(&in, "max_impressions", 9007199254740992.0);
    out->max_clicks = take_count(&in, "max_clicks", 9007199254740992.0);
    take_per(&in, out);
    take_period(&in, out);
    take_pacing(&in, out);
    if (take_choice(&in, "reserve", "expected", "full"))
        out->reserve = MB_RESERVE_FULL;
    take_frequency(&in, out);
    out->qps = (uint32_t)take_count(&in, "qps", 1e6);
    take_expect_rate(&in, out);
    mb__script_refuse_unknown(L, index, check, "limits", known_keys);
}

/* 'acme-q1' = { daily = 500, timezone = 'Europe/Berlin' } */
void mb__script_take_pool(lua_State *L, int index, struct mb__check *check, struct mb_pool *out)
{
    static const char *const names[] = {"daily",  "hourly",  "total",       "timezone",
                                        "pacing", "reserve", "expect_rate", NULL};
    char path[64];
    snprintf(path, sizeof(path), "%.*s", MB_SLICE_ARG(out->name));
    const struct reader in = {L, index, path, check};
    struct mb_limits *limits = &out->limits;
    take_amount(&in, "daily", &limits->daily);
    take_amount(&in, "hourly", &limits->hourly);
    take_amount(&in, "total", &limits->total);
    if (!limits->daily.nanos && !limits->hourly.nanos && !limits->total.nanos)
        mb__script_bad(check, path, "expected daily, hourly or total");
    (void)take_timezone(&in, limits);
    take_pacing(&in, limits);
    if (take_choice(&in, "reserve", "expected", "full"))
        limits->reserve = MB_RESERVE_FULL;
    take_expect_rate(&in, limits);
    mb__script_refuse_unknown(L, index, check, path, names);
}
