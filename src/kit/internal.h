/* internal.h - what the files of the kit's core share.
 *
 * Part of: kit (private).
 */
#ifndef MB_KIT_INTERNAL_H
#define MB_KIT_INTERNAL_H

#include <lua.h>

#include "moonbid/bidder.h"
#include "moonbid/config.h"
#include "moonbid/script.h"

#define MB__KIT_CLASS "moonbid.bidder"

/* A bidder of a test and all that it stands on. Zeroed is valid for close_all. */
struct mb__core {
    struct mb_config *config;
    struct mb_guard *guard;
    struct mb_notice_keys *keys;
    struct mb_recent *recent, *shadow_bids;
    struct mb_geo *geo;
    struct mb_bidder *bidder;
    struct mb_map seen; /* event keys */
    int64_t now_ms;
    uint64_t seed;
    bool costs; /* tell what calls allocate */
};

/* One timer for the process's life: it ticks while scripts run and otherwise finds nothing to do. */
int mb__kit_limit(struct mb_error *err);
/* The config that the table at 1 names, or the defaults. Owns: mb_config_free. */
int mb__kit_config(lua_State *L, struct mb_config **out, struct mb_error *err);
/* Every problem on a line of its own, as `moonbid check` prints them. */
void mb__kit_push_report(lua_State *L, const struct mb_script_report *report);

/* --- values.c --- */

/* The bidder at 1; raises for anything else, and once it is closed. */
struct mb__core *mb__kit_check_core(lua_State *L);
/* A string that Lua keeps while it is on the stack; `opt`: absent where there is none. */
struct mb_slice mb__kit_check_slice(lua_State *L, int index);
struct mb_slice mb__kit_opt_slice(lua_State *L, int index);
/* Absent is nil. `set`: as a field of the table on top. */
void mb__kit_push_slice(lua_State *L, struct mb_slice s);
void mb__kit_set_slice(lua_State *L, const char *key, struct mb_slice s);

/* --- standing.c: methods of a bidder, each as its comment there says --- */

int mb__kit_now(lua_State *L);
int mb__kit_has(lua_State *L);
int mb__kit_spend(lua_State *L);
int mb__kit_shadow(lua_State *L);
int mb__kit_market(lua_State *L);
int mb__kit_spent(lua_State *L);
int mb__kit_count(lua_State *L);

/* --- replay.c: core.replay(options) --- */
int mb__kit_replay(lua_State *L);

#endif /* MB_KIT_INTERNAL_H */
