/* core.c - moonbid.core: the engine as a Lua module, for strategy tests inside busted.
 *
 *     local core = require 'moonbid.core'
 *     local bidder = core.new { scripts = 'scripts', only = { 'de_push' }, now = 1772442000000, seed = 7 }
 *     local out = bidder:handle('POST', '/exoclick/bid', 'zone=1', body, '192.0.2.1')
 *
 * The same C code and the same sandboxed state as the server, without socket, clock or file: time, chance and geo are the test's. What
 * the server makes durable, a test keeps in a set of keys, so that duplicates are told as they would be there.
 * This file only checks arguments, calls, and pushes; scripts/moonbid/kit.lua makes it pleasant.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "internal.h"
#include "moonbid/bidder.h"
#include "moonbid/json_doc.h"
#include "moonbid/limiter.h"
#include "moonbid/trace.h"

static void close_all(struct mb__core *c)
{
    mb_bidder_free(c->bidder);
    mb_geo_close(c->geo);
    mb_notice_keys_free(c->keys);
    mb_recent_close(c->recent);
    mb_recent_close(c->shadow_bids);
    mb_guard_close(c->guard);
    mb_config_free(c->config);
    mb_map_fini(&c->seen);
    memset(c, 0, sizeof(*c));
}

/* --- loading --- */

int mb__kit_limit(struct mb_error *err)
{
    static bool runs;
    int rc = runs ? 0 : mb_limiter_start(err);

    runs = rc == 0;
    return rc;
}

int mb__kit_config(lua_State *L, struct mb_config **out, struct mb_error *err)
{
    struct mb_doc *doc = NULL;
    int rc;

    lua_getfield(L, 1, "config");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        *out = mb_xconfig_default();
        return 0;
    }
    rc = mb_script_read_table(luaL_checkstring(L, -1), &doc, err);
    lua_pop(L, 1);
    if (!rc) {
        rc = mb_config_from_doc(doc, out, err);
    }
    mb_doc_free(doc);
    return rc;
}

/* geo = { ['192.0.2.10'] = 'DE' } */
static void fill_geo(lua_State *L, struct mb__core *c)
{
    c->geo = mb_xgeo_table();
    lua_getfield(L, 1, "geo");
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        while (lua_next(L, -2)) { /* geo, ip, country */
            if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) {
                mb_xgeo_put(c->geo, mb_slice_of(lua_tostring(L, -2)),
                            mb_slice_of(lua_tostring(L, -1)));
            }
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static int open_parts(lua_State *L, struct mb__core *c, struct mb_error *err)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "moonbid test key";
    struct mb_guard_options guard = {.counters_max = 4096};
    struct mb_bidder_options options;
    int rc;

    if ((rc = mb__kit_limit(err)) || (rc = mb__kit_config(L, &c->config, err)) || (rc = mb_guard_open(&guard, &c->guard, err))) {
        return rc;
    }
    c->keys = mb_xnotice_keys_new();
    if ((rc = mb_notice_keys_add(c->keys, key))) {
        return mb_fail(err, rc, "notice keys", "cannot add the test key");
    }
    if ((rc = mb_recent_open(&c->recent, err)) || (rc = mb_recent_open(&c->shadow_bids, err))) {
        return rc;
    }
    fill_geo(L, c);
    options = (struct mb_bidder_options){
        .learns = true, .shadow_bids = c->shadow_bids, .config = c->config, .guard = c->guard, .keys = c->keys, .recent = c->recent, .geo = c->geo};
    rc = mb_bidder_new(&options, &c->bidder, err);
    if (!rc) {
        mb_bidder_set_trace(c->bidder, true);
        if (c->costs) {
            mb_bidder_set_watch(c->bidder, true);
        }
    }
    return rc;
}

/* Every problem on a line of its own, as `moonbid check` prints them. */
void mb__kit_push_report(lua_State *L, const struct mb_script_report *report)
{
    luaL_Buffer text;
    size_t i;

    luaL_buffinit(L, &text);
    for (i = 0; i < report->count; i++) {
        const struct mb_script_problem *p = &report->problems[i];

        if (!p->warning) {
            lua_pushfstring(L, "%s:%d: %s\n", p->file, p->line, p->text);
            luaL_addvalue(&text);
        }
    }
    luaL_pushresult(&text);
}

static struct mb_slices read_only_names(lua_State *L, struct mb_slice *names, size_t size)
{
    struct mb_slices only = {.items = names};
    size_t i;

    lua_getfield(L, 1, "only");
    if (lua_istable(L, -1)) {
        for (i = 0; i < lua_objlen(L, -1) && i < size; i++) {
            lua_rawgeti(L, -1, (int)i + 1);
            names[i] = mb_slice_of(lua_tostring(L, -1)); /* anchored by the table */
            lua_pop(L, 1);
        }
        only.count = i;
    }
    lua_pop(L, 1);
    return only;
}

/* Loads the scripts and takes them into use: true, or nil and the report. Pushes what it returns. */
static int load_scripts(lua_State *L, struct mb__core *c)
{
    struct mb_slice names[64];
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    struct mb_script_options options = {.endpoints = c->config->endpoints,
                                        .n_endpoints = c->config->n_endpoints,
                                        .has_geo = true,
                                        .guard = c->guard,
                                        .timezone = c->config->timezone};
    int rc;

    lua_getfield(L, 1, "scripts");
    options.dir = luaL_optstring(L, -1, c->config->scripts);
    lua_getfield(L, 1, "candidates");
    options.candidates = luaL_optstring(L, -1, NULL);
    options.only = read_only_names(L, names, sizeof(names) / sizeof(names[0]));
    rc = mb_script_load(&options, &script, &report);
    lua_pop(L, 2);
    if (rc) {
        lua_pushnil(L);
        mb__kit_push_report(L, &report);
        mb_script_report_fini(&report);
        return 2;
    }
    mb_script_report_fini(&report);
    mb_script_free(mb_bidder_take_script(c->bidder, script));
    return 1;
}

/* core.new(options) -> bidder, or nil and what was wrong */
static int lua_core_new(lua_State *L)
{
    struct mb_error err = {0};
    struct mb__core *c;

    luaL_checktype(L, 1, LUA_TTABLE);
    c = lua_newuserdata(L, sizeof(*c)); /* before anything is acquired: its __gc frees all */
    memset(c, 0, sizeof(*c));
    luaL_getmetatable(L, MB__KIT_CLASS);
    lua_setmetatable(L, -2);
    lua_getfield(L, 1, "now");
    c->now_ms = (int64_t)luaL_optnumber(L, -1, 0);
    lua_getfield(L, 1, "seed");
    c->seed = (uint64_t)luaL_optnumber(L, -1, 1);
    lua_getfield(L, 1, "cost");
    c->costs = lua_toboolean(L, -1);
    lua_pop(L, 3);
    if (open_parts(L, c, &err)) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", err.where, err.what);
        return 2;
    }
    if (load_scripts(L, c) == 2) { /* bidder, nil, report */
        return 2;
    }
    return 1;
}

/* --- one request --- */

static enum mb_bidder_method method_of(struct mb_slice name)
{
    if (mb_slice_is(name, "GET") || mb_slice_is(name, "HEAD")) {
        return MB_BIDDER_GET;
    }
    return mb_slice_is(name, "POST") ? MB_BIDDER_POST : MB_BIDDER_OTHER;
}

static void push_bid(lua_State *L, const struct mb_bid *bid)
{
    lua_createtable(L, 0, 16);
    mb__kit_set_slice(L, "id", bid->id);
    mb__kit_set_slice(L, "imp_id", bid->imp->id);
    mb__kit_set_slice(L, "strategy", bid->strategy->name);
    mb__kit_set_slice(L, "model", mb_slice_of(mb_model_name(bid->model)));
    mb__kit_set_slice(L, "click_url", bid->click_url);
    mb__kit_set_slice(L, "image_url", bid->image_url);
    mb__kit_set_slice(L, "url", bid->url);
    mb__kit_set_slice(L, "title", bid->title);
    mb__kit_set_slice(L, "description", bid->description);
    mb__kit_set_slice(L, "imptracker", bid->imptracker);
    mb__kit_set_slice(L, "impression_url", bid->impression_url);
    mb__kit_set_slice(L, "data", bid->data);
    mb__kit_set_slice(L, "creative_id", bid->creative_id);
    mb__kit_set_slice(L, "member_id", bid->member_id);
    mb__kit_set_slice(L, "deal_id", bid->deal_id);
    mb__kit_set_slice(L, "notice_url", bid->notice_url);
    mb__kit_set_slice(L, "win_notice", bid->win_notice);
    mb__kit_set_slice(L, "loss_notice", bid->loss_notice);
    mb__kit_set_slice(L, "notice_token", bid->notice_token);
    mb__kit_set_slice(L, "markup", bid->markup);
    mb__kit_set_slice(L, "seat", bid->seat);
    if (bid->n_icons > 0) {
        mb__kit_set_slice(L, "icon_url", bid->icons[0].url);
    }
    lua_pushnumber(L, mb_money_price_to_double(bid->price));
    lua_setfield(L, -2, "price");
    lua_pushnumber(L, mb_money_price_to_double(bid->price_wire));
    lua_setfield(L, -2, "price_wire");
}

static void push_decision(lua_State *L, const struct mb_decision *d)
{
    lua_createtable(L, 0, 6);
    mb__kit_set_slice(L, "strategy", d->strategy->name);
    mb__kit_set_slice(L, "imp_id", d->imp->id);
    if (d->outcome == MB_NOBID_BID) {
        push_bid(L, d->bid);
        lua_setfield(L, -2, "bid");
        return;
    }
    mb__kit_set_slice(L, "reason",
              d->outcome == MB_NOBID_SCRIPT ? d->own_reason : mb_slice_of(mb_nobid_name(d->outcome)));
    mb__kit_set_slice(L, "problem", d->problem);
}

/* out.costs: what each call of `bid` has allocated. */
static void push_costs(lua_State *L, const struct mb__core *c)
{
    const struct mb_trace *trace = mb_bidder_trace(c->bidder);
    size_t i;
    int calls = 0;

    lua_newtable(L);
    for (i = 0; i < trace->n_steps; i++) {
        if (trace->steps[i].called) {
            lua_createtable(L, 0, 2);
            mb__kit_set_slice(L, "strategy", trace->steps[i].strategy->name);
            lua_pushnumber(L, (lua_Number)trace->steps[i].lua_bytes);
            lua_setfield(L, -2, "bytes");
            lua_rawseti(L, -2, ++calls);
        }
    }
    lua_setfield(L, -2, "costs");
}

static void push_out(lua_State *L, const struct mb__core *c, const struct mb_bidder_out *out)
{
    const struct mb_decision *decisions;
    size_t count, i;

    lua_createtable(L, 0, 6);
    lua_pushinteger(L, out->status);
    lua_setfield(L, -2, "status");
    mb__kit_set_slice(L, "content_type", mb_slice_of(out->content_type));
    mb__kit_set_slice(L, "body", mb_slice_empty(out->body) ? MB_SLICE("") : out->body);
    mb__kit_set_slice(L, "headers", out->extra_headers);
    mb__kit_set_slice(L, "outcome", mb_slice_of(mb_nobid_name(out->outcome)));
    decisions = mb_bidder_decisions(c->bidder, &count);
    lua_createtable(L, (int)count, 0);
    for (i = 0; i < count; i++) {
        push_decision(L, &decisions[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "decisions");
    if (c->costs) {
        push_costs(L, c);
    }
    lua_pushinteger(L, (lua_Integer)out->n_events);
    lua_setfield(L, -2, "events");
}

/* What the server does once the ledger has the event. The next handle ends the events' lives, so they are copied. */
static void settle(lua_State *L, struct mb__core *c, const struct mb_bidder_out *out)
{
    size_t i;
    int fetches = 0;

    lua_newtable(L);
    for (i = 0; i < out->n_events; i++) {
        struct mb_event *event = mb_xevent_clone(&out->events[i]);
        bool duplicate = mb_xmap_put(&c->seen, event->key, c) != NULL;

        mb_bidder_settle(c->bidder, event, duplicate ? MB_EVENT_REPEATED : MB_EVENT_NEW, c->now_ms);
        if (!duplicate && mb_slice_present(event->fetch_url)) {
            mb__kit_push_slice(L, event->fetch_url);
            lua_rawseti(L, -2, ++fetches);
        }
        if (mb_slice_present(mb_bidder_answer(c->bidder))) {
            lua_insert(L, -2);
            mb__kit_set_slice(L, "body", mb_bidder_answer(c->bidder));
            lua_insert(L, -2);
        }
        free(event);
    }
    lua_setfield(L, -2, "fetches");
}

/* bidder:handle(method, path, query, body, remote_ip) -> { status, content_type, headers, body, outcome, decisions, events, fetches } */
static int lua_core_handle(lua_State *L)
{
    struct mb__core *c = mb__kit_check_core(L);
    struct mb_bidder_in in = {.method = method_of(mb__kit_check_slice(L, 2)),
                              .path = mb__kit_check_slice(L, 3),
                              .query = mb__kit_opt_slice(L, 4),
                              .body = mb__kit_opt_slice(L, 5),
                              .remote_ip = mb__kit_opt_slice(L, 6),
                              .now_ms = c->now_ms,
                              .seed = c->seed++};
    struct mb_bidder_out out;

    mb_bidder_handle(c->bidder, &in, &out);
    push_out(L, c, &out);
    if (mb_bidder_wants_shadow(c->bidder)) { /* here they see all requests */
        mb_bidder_shadow(c->bidder);
    }
    settle(L, c, &out);
    mb_market_refresh(c->guard, c->now_ms); /* what the server's bookkeeper does once a second */
    return 1;
}

static int lua_core_version(lua_State *L)
{
    mb__kit_push_slice(L, mb_script_version(mb_bidder_script(mb__kit_check_core(L)->bidder)));
    return 1;
}

static int lua_core_close(lua_State *L)
{
    close_all(luaL_checkudata(L, 1, MB__KIT_CLASS));
    return 0;
}

int luaopen_moonbid_core(lua_State *L);

int luaopen_moonbid_core(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"handle", lua_core_handle},   {"now", mb__kit_now},     {"spend", mb__kit_spend},
        {"spent", mb__kit_spent},     {"count", mb__kit_count}, {"version", lua_core_version},
        {"has", mb__kit_has},         {"close", lua_core_close}, {"market", mb__kit_market},
        {"shadow", mb__kit_shadow},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"new", lua_core_new}, {"replay", mb__kit_replay}, {NULL, NULL}};

    luaL_newmetatable(L, MB__KIT_CLASS);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, lua_core_close);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    return 1;
}
