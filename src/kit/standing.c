/* standing.c - the clock of a test's bidder, and what its strategies have spent, counted and learned. */
#include <lauxlib.h>

#include "internal.h"

/* bidder:now() -> ms; bidder:now(ms) sets it */
int mb__kit_now(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);

    if (!lua_isnoneornil(L, 2)) {
        c->now_ms = (int64_t)luaL_checknumber(L, 2);
    }
    lua_pushnumber(L, (lua_Number)c->now_ms);
    return 1;
}

/* bidder:has(name) -> is a strategy of that name loaded? */
int mb__kit_has(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);

    lua_pushboolean(L, mb_script_strategy(mb_bidder_script(c->bidder), mb__kit_check_slice(L, 2)) != NULL);
    return 1;
}

static uint32_t check_slot(lua_State *L, struct mb__core *c)
{
    const struct mb_strategy *strategy =
        mb_script_strategy(mb_bidder_script(c->bidder), mb__kit_check_slice(L, 2));

    luaL_argcheck(L, strategy, 2, "no loaded strategy of that name");
    return strategy->guard_slot;
}

/* bidder:spend(strategy, amount): as if that much had been booked */
int mb__kit_spend(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);
    uint32_t slot = check_slot(L, c);
    struct mb_amount amount;

    luaL_argcheck(L, mb_money_amount_from_double(luaL_checknumber(L, 3), &amount), 3,
                  "not an amount of money");
    mb_guard_add_spend(c->guard, slot, amount, c->now_ms);
    return 0;
}

/* bidder:shadow(strategy) -> what it would have done, as /status tells it */
int mb__kit_shadow(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);
    const struct mb_strategy_counts *counts;
    struct mb_shadow_counts n = {0};

    (void)check_slot(L, c);
    counts = mb_bidder_counts(c->bidder, mb__kit_check_slice(L, 2));
    if (counts) {
        n = counts->shadow;
    }
    const struct {
        const char *name;
        double value;
    } rows[] = {{"asked", (double)n.asked},
                {"failures", (double)n.failures},
                {"refused", (double)n.refused},
                {"bids", (double)n.bids},
                {"beside", (double)n.beside},
                {"wins", (double)n.wins},
                {"losses", (double)n.losses},
                {"unknown", (double)n.unknown},
                {"spend", (double)n.spend_nanos / 1e9},
                {"live_wins", (double)n.live_wins},
                {"live_spend", (double)n.live_nanos / 1e9},
                {"expected_bids", (double)n.expected_bids},
                {"expected_wins", (double)n.expected_wins_millionths / 1e6},
                {"expected_spend", (double)n.expected_nanos / 1e9}};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        lua_pushnumber(L, rows[i].value);
        lua_setfield(L, -2, rows[i].name);
    }
    return 1;
}

static struct mb_slice place_text(lua_State *L, const char *key)
{
    size_t len = 0;
    lua_getfield(L, 2, key);
    const char *text = lua_tolstring(L, -1, &len); /* anchored by the table */
    lua_pop(L, 1);
    return text ? mb_slice(text, len) : MB_SLICE_NONE;
}

/* bidder:market({ endpoint, format, model, size, site }, price, bids, wins): as if so many had been bid and won */
int mb__kit_market(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);
    struct mb_market_place place = {.endpoint = place_text(L, "endpoint"),
                                    .site = place_text(L, "site"),
                                    .format = mb_format_of(place_text(L, "format")),
                                    .model = mb_model_of(place_text(L, "model"))};
    struct mb_price price;

    luaL_argcheck(L, mb_config_endpoint(c->config, place.endpoint), 2, "endpoint: no such endpoint");
    luaL_argcheck(L, place.format != MB_FORMAT_NONE, 2, "format: no such format");
    luaL_argcheck(L, place.model != MB_MODEL_NONE, 2, "model: no such model");
    luaL_argcheck(L,
                  !mb_slice_present(place_text(L, "size")) ||
                      mb_size_parse(place_text(L, "size"), &place.size),
                  2, "size: expected such as '300x250'");
    luaL_argcheck(L, mb_money_price_from_double(luaL_checknumber(L, 3), &price) && price.micros > 0, 3,
                  "not a price");
    mb_market_say(c->guard, &place, price, luaL_checknumber(L, 4), luaL_checknumber(L, 5), c->now_ms);
    mb_market_refresh(c->guard, c->now_ms);
    return 0;
}

/* bidder:spent(strategy, 'total' | 'day' | 'hour') -> number */
int mb__kit_spent(lua_State *L)
{
    static const char *const names[] = {"hour", "day", "total", NULL};
    struct mb__core *c = mb__kit_check_core(L);
    uint32_t slot = check_slot(L, c);
    int period = luaL_checkoption(L, 3, "total", names);

    lua_pushnumber(L, mb_money_amount_to_double(mb_guard_spent(
                          c->guard, slot, (enum mb_guard_period)period, c->now_ms)));
    return 1;
}

/* bidder:count(strategy, event type) -> distinct events so far, or nil where there is no such event */
int mb__kit_count(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);
    uint32_t slot = check_slot(L, c);
    enum mb_event_type type = mb_event_of(mb__kit_check_slice(L, 3));

    if (type == MB_EVENT_NONE) {
        lua_pushnil(L);
    } else {
        lua_pushnumber(L, (lua_Number)mb_guard_events(c->guard, slot, type));
    }
    return 1;
}
