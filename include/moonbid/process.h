/* process.h - the running server, and what its commands share with it.
 *
 * Part of: process.  Depends on: everything but cli.
 * Threads:  each function on the thread that calls it; the server's helpers are its own business.
 * Lifetime: read_config -> open_parts -> load_scripts ... -> close_parts -> mb_config_free;
 *           mb_process_serve and mb_process_check do all of it themselves.
 */
#ifndef MB_PROCESS_H
#define MB_PROCESS_H

#include "moonbid/bundle.h"
#include "moonbid/config.h"
#include "moonbid/geo.h"
#include "moonbid/guard.h"
#include "moonbid/notice.h"
#include "moonbid/script.h"

#define MB_VERSION "0.1.0"
/* Taken where no config file is named, if it is there. */
#define MB_PROCESS_CONFIG_FILE "moonbid.conf.lua"

/* One key given on the command line; it goes over the file's. */
struct mb_setting {
    const char *key;   /* dotted path: "script.cpu_ms", "endpoints.1.timeout_ms" */
    const char *value; /* a JSON value; what is none counts as a text */
};

/* Reads a config file and the settings over it.
 *
 * Wants:  path      the file; NULL: MB_PROCESS_CONFIG_FILE if there is one, else the defaults.
 *         settings  borrowed.
 * Fails:  MB_ENOTFOUND                no such file.
 *         MB_ESCRIPT, MB_EINVAL       what is in it; file:line or the key's path in err->where.
 * Owns:   mb_config_free.
 */
int mb_process_read_config(const char *path, const struct mb_setting *settings, size_t count,
                           struct mb_config **out, struct mb_error *err) MB_MUST_USE;

/* What bidding needs beside scripts and a network. */
struct mb_process_parts {
    const struct mb_config *config; /* borrowed */
    struct mb_notice_keys *keys;
    struct mb_geo *geo; /* NULL: none configured */
    struct mb_guard *guard;
    struct mb_recent *recent;
    struct mb_recent *shadow_bids; /* of a server only */
};

/* Opens them.
 *
 * Wants:  offline  nothing is made or written: counters stay in memory, and a key file that is not
 *                  there yet counts as a key of zeros (try, check).
 * Fails:  MB_EIO, MB_ESYNTAX, MB_EINVAL, naming the file; *out is zeroed.
 * Owns:   mb_process_close_parts.
 */
int mb_process_open_parts(const struct mb_config *config, bool offline,
                          struct mb_process_parts *out, struct mb_error *err) MB_MUST_USE;
void mb_process_close_parts(struct mb_process_parts *parts); /* safe on zeroed */

/* Builds a generation from the config's scripts folder. Any thread; a limiter should tick on it. `shadow`: the name of the one
 * strategy that is taken, a shadow or a candidate, which then bids as others do; NULL: all of the folder, as they are.
 * Fails as mb_script_load. */
int mb_process_load_scripts(const struct mb_process_parts *parts, const char *shadow, struct mb_script **out,
                            struct mb_script_report *report) MB_MUST_USE;

/* The same from files that were read before; NULL: from the folder. */
int mb_process_load_bundle(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                           struct mb_script **out, struct mb_script_report *report) MB_MUST_USE;

/* Where config and scripts are read from. */
struct mb_process_source {
    const char *config_path; /* as for mb_process_read_config */
    const struct mb_setting *settings;
    size_t n_settings;
};

/* What a reload would come to. */
struct mb_process_checked {
    size_t n_strategies;
    char version[24];
    struct mb_buf report; /* JSON: {"problems":[{"at","kind","text"}], ...}; the caller's, mb_buf_fini */
};

/* Looks at config and scripts as a reload does: in a process of its own, under its limits, with the golden requests (golden.c).
 * Nothing is made or written. Not from a process with threads.
 * Gives:  0, or MB_ESCRIPT where scripts are refused; `out` is filled either way.
 * Fails:  what else is wrong, the config above all; place and reason in err; `out` is zeroed. */
int mb_process_check(const struct mb_process_source *source, struct mb_process_checked *out,
                     struct mb_error *err) MB_MUST_USE;

/* "DIR/FILE:LINE", without the line where it is unknown. */
void mb_process_add_place(const char *dir, const struct mb_script_problem *problem,
                          struct mb_buf *out);

/* Serves until SIGTERM or SIGINT, then drains.
 *
 * Wants:  source  lent until the return: each reload reads it again.
 *         watch   reload by itself whenever somebody has edited the scripts.
 * Gives:  0 after a drain.
 * Fails:  MB_ESCRIPT          config or scripts were refused; all problems of scripts are in the log.
 *         MB_EINVAL           what is in the config; the key's path in err->where.
 *         MB_EBUSY            the port or the data folder is another's.
 *         MB_EIO, MB_ESYNTAX  with the file. Everything is closed.
 */
int mb_process_serve(const struct mb_process_source *source, bool watch,
                     struct mb_error *err) MB_MUST_USE;

#endif /* MB_PROCESS_H */
