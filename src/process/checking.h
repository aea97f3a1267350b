/* checking.h - what the files of the checker share.
 *
 * Part of: process (private). checker.c is the process and tries scripts; newsettings.c makes config,
 * keys and database of what it finds.
 */
#ifndef MB_PROCESS_CHECKING_H
#define MB_PROCESS_CHECKING_H

#include "internal.h"

enum {
    MB__SCRIPT_STEP_MS = 2300, /* behind the limiter's two seconds, which knows the line */
    MB__DISK_STEP_MS = 20000,
};

struct mb__checking {
    const struct mb__check *check;
    struct mb__progress *progress;
    struct mb__settings settings; /* to be taken */
    struct mb_bundle *bundle;
    struct mb_script_report report;
    struct mb__letter_head head;
    struct mb__parcel parcel;
    struct mb_error err;   /* of what is no script */
    char geo_problem[400]; /* with the database, which is no refusal; or "" */
};

/* Says what is done from now on, and how long it may take. */
void mb__checking_step(struct mb__progress *progress, uint32_t limit_ms, const char *what);

/* Fills `settings`, and the piece of the database. Fails: what is wrong, in `err`. */
int mb__checking_settings(struct mb__checking *c);
/* The config file alone. */
int mb__checking_config(struct mb__checking *c, struct mb_config **out);
/* The piece of the database is a copy of that descriptor. */
int mb__checking_copy_geo(struct mb__checking *c, int fd);

#endif /* MB_PROCESS_CHECKING_H */
