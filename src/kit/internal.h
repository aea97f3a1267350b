/* internal.h - what the files of the kit's core share.
 *
 * Part of: kit (private).
 */
#ifndef MB_KIT_INTERNAL_H
#define MB_KIT_INTERNAL_H

#include <lua.h>

#include "moonbid/config.h"
#include "moonbid/script.h"

/* One timer for the process's life: it ticks while scripts run and otherwise finds nothing to do. */
int mb__kit_limit(struct mb_error *err);
/* The config that the table at 1 names, or the defaults. Owns: mb_config_free. */
int mb__kit_config(lua_State *L, struct mb_config **out, struct mb_error *err);
/* Every problem on a line of its own, as `moonbid check` prints them. */
void mb__kit_push_report(lua_State *L, const struct mb_script_report *report);

/* replay.c: core.replay(options) */
int mb__kit_replay(lua_State *L);

#endif /* MB_KIT_INTERNAL_H */
