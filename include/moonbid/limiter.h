/* limiter.h - the clock of the script module's time limit: the calling thread's own CPU time.
 *
 * Part of: process, but needs neither uv nor the rest of it: the kit uses it too.
 * Depends on: base, script.
 * Threads:  start and stop work on the calling thread; each thread that runs scripts has its own.
 * Lifetime: start -> (scripts run) -> stop, on the same thread. Uses one realtime signal.
 */
#ifndef MB_LIMITER_H
#define MB_LIMITER_H

#include "moonbid/base/err.h"

/* From now on mb_script_tick runs about every 4 ms of this thread's CPU time, in a signal handler.
 * Fails: MB_EIO where the system gives no timer; scripts then run without a limit of time. */
int mb_limiter_start(struct mb_error *err) MB_MUST_USE;

/* Ends it; nothing happens where none was started. */
void mb_limiter_stop(void);

#endif /* MB_LIMITER_H */
