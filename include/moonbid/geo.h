/* geo.h - country from the address, device from the user agent.
 *
 * Part of: geo.  Depends on: base.  Uses libmaxminddb inside.
 * Threads:  read-only after opening.
 */
#ifndef MB_GEO_H
#define MB_GEO_H

#include "moonbid/base.h"

struct mb_geo; /* a database file, or a table given by a test */

/* A MaxMind-format country or city database; also the free ones with a bare `country_code`. Fails:
 * MB_EIO, MB_ESYNTAX naming the file. Owns: mb_geo_close. The file is mapped: replace it by
 * renaming, never in place. */
int mb_geo_open(const char *path, struct mb_geo **out, struct mb_error *err) MB_MUST_USE;

/* An empty table for mb_xgeo_put: what the kit and tests use. */
struct mb_geo *mb_xgeo_table(void);
void mb_xgeo_put(struct mb_geo *geo, struct mb_slice ip, struct mb_slice country);
void mb_geo_close(struct mb_geo *geo); /* NULL allowed */

/* All slices live as long as `geo`, absent where unknown. */
struct mb_geo_answer {
    struct mb_slice country; /* alpha-2, upper case */
    struct mb_slice region;  /* ISO code */
    struct mb_slice city;    /* English name */
};

/* Address as text, IPv4 or IPv6; anything else gives nothing. `geo` may be NULL. No allocation. */
struct mb_geo_answer mb_geo_look_up(const struct mb_geo *geo, struct mb_slice ip);

/* What a user agent tells; static texts, absent where unknown. type: phone tablet desktop tv bot;
 * os: android ios windows macos linux chromeos ...; browser: chrome safari firefox edge opera
 * samsung ... */
struct mb_geo_device {
    struct mb_slice type, os, browser;
    struct mb_slice os_version; /* points into `ua`; as written there: 17_4_1, 10.0 */
};
/* About 1 us; no allocation; reads the first 1,024 bytes. */
struct mb_geo_device mb_geo_device(struct mb_slice ua);

#endif /* MB_GEO_H */
