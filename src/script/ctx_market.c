/* ctx_market.c - what `ctx` tells of the market: how likely a price wins, and what wins so often.
 *
 * Scripts read the market through ask() alone, in whole numbers, which a tape notes and says again.
 */
#include "internal.h"

#include <math.h>
#include <stdio.h>

#include "moonbid/market.h"

#define MILLION 1e6

enum question { RATE_OF_PRICE, PRICE_OF_RATE };

/* `value`: micro-units, or millionths of a part; so is the answer, the other way round. -1: too
 * little is known. */
static int64_t look_up(const struct mb_script *script, const struct mb_imp *imp, enum question question,
                   int64_t value)
{
    const struct mb_request *request = script->request.request;
    const struct mb_site *site = &request->site;
    const struct mb_market_place place = {.endpoint = request->endpoint->name,
                                          .site =
                                              mb_slice_present(site->id) ? site->id : site->zone_id,
                                          .size = imp->size,
                                          .format = imp->format,
                                          .model = script->call.strategy->plain.model};
    if (!script->guard)
        return -1;
    return question == RATE_OF_PRICE
               ? mb_market_rate(script->guard, &place, (struct mb_price){value})
               : mb_market_price(script->guard, &place, value);
}

static int64_t ask(struct mb_script *script, const struct mb_imp *imp, enum question question,
                   int64_t value)
{
    struct mb_tape *tape = script->request.tape;
    char key[48];
    int len = snprintf(key, sizeof(key), "%s %u %lld", question == RATE_OF_PRICE ? "rate" : "price",
                       (unsigned)imp->index, (long long)value);
    struct mb_tape_at at = {MB_TAPE_MARKET, (uint16_t)script->call.imp->index,
                            script->call.strategy->plain.name, mb_slice(key, (size_t)len)};
    if (mb_tape_plays(tape))
        return mb_tape_play_value(tape, &at, -1);
    int64_t said = look_up(script, imp, question, value);
    if (tape)
        mb_tape_note_value(tape, &at, said);
    return said;
}

/* The impression of the call, or the one that is given behind the number. NULL in a handler. */
static const struct mb_imp *asked_imp(lua_State *L, struct mb_script *script)
{
    if (lua_isnoneornil(L, 2))
        return script->open ? script->call.imp : NULL;
    const struct mb__view *view =
        mb__script_to_userdata(L, 2, script->classes[MB__CLASS_IMP].metatable_ref);
    if (!view || view->stamp != script->stamp)
        luaL_argerror(L, 2, "an impression of this request is expected");
    return view->object;
}

static int answer(lua_State *L, enum question question, double most)
{
    struct mb_script *script = mb__script_of(L);
    double number = luaL_checknumber(L, 1);
    luaL_argcheck(L, number > 0 && number <= most, 1,
                  question == RATE_OF_PRICE ? "a price above 0 is expected"
                                            : "a part above 0, and 1 at most, is expected");
    const struct mb_imp *imp = asked_imp(L, script);
    int64_t said = imp ? ask(script, imp, question, llrint(number * MILLION)) : -1;
    if (said < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, (double)said / MILLION);
    return 1;
}

int mb__script_lua_win_rate(lua_State *L)
{
    return answer(L, RATE_OF_PRICE, MB_PRICE_MAX_MICROS / MILLION);
}

int mb__script_lua_price_for(lua_State *L)
{
    return answer(L, PRICE_OF_RATE, 1);
}
