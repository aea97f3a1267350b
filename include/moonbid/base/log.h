/* log.h - one line an event on standard error or in a file, never blocking.
 *
 * Part of: base.  Depends on: buf, time.
 * Threads:  any; a line is one write() of at most MB_LOG_LINE_MAX bytes. What would block is dropped and
 *           counted, and the count is said with the next line that goes out.
 * Form:     `2026-03-02T09:00:00.123Z info process listening addr=127.0.0.1:8080`, or one JSON object a line.
 */
#ifndef MB_BASE_LOG_H
#define MB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonbid/base/err.h"
#include "moonbid/base/slice.h"

#define MB_LOG_LINE_MAX 4096

enum mb_log_level { MB_LOG_DEBUG, MB_LOG_INFO, MB_LOG_WARN, MB_LOG_ERROR };

enum mb_log_format { MB_LOG_TEXT, MB_LOG_JSON };

/* Least level that is written, and the form; process-wide, call before the first thread. */
void mb_log_setup(enum mb_log_level least, enum mb_log_format format);

/* From now on the least level is what stands there, an enum mb_log_level, so that it can change while everything runs, in all
 * processes that share the memory. NULL: that of mb_log_setup again. */
void mb_log_follow(const _Atomic int *least);

const char *mb_log_level_name(enum mb_log_level level);
/* False, *out unchanged, for what is none. */
bool mb_log_level_of(struct mb_slice name, enum mb_log_level *out);

/* Lines go to that file from now on, at its end; it is made where it is missing. `path` is borrowed for ever. Before the first fork:
 * children write to the same. Fails: MB_EIO; nothing has changed. */
int mb_log_open(const char *path, struct mb_error *err) MB_MUST_USE;
/* The same path anew, after somebody has renamed the file. For each process on its own; safe in a signal handler. False where there
 * is no such file to be had, or lines go to standard error: then all is as before. */
bool mb_log_reopen(void);

/* Where lines go instead of standard error (tests, the kit); NULL restores it. `line` has no newline. */
void mb_log_redirect(void (*sink)(void *user, enum mb_log_level level, const char *line, size_t len),
                     void *user);

/* `message` is a fixed phrase; `fmt` gives the `key=value` part and may be NULL. Control characters in the
 * values are written as \xNN, so that a hostile string cannot forge a line. */
void mb_log(enum mb_log_level level, const char *module, const char *message, const char *fmt, ...)
    MB_PRINTF(4, 5);

/* Lines dropped so far because standard error would block. */
uint64_t mb_log_dropped(void);

#endif /* MB_BASE_LOG_H */
