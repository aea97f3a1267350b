/* geo.h - country from the address, device from the user agent.
 *
 * Part of: geo.  Depends on: base.  Uses libmaxminddb inside.
 * Threads:  read-only after opening.
 */
#ifndef MB_GEO_H
#define MB_GEO_H

#include "moonbid/base.h"

struct mb_geo; /* a database file, or a table given by a test */

/* A MaxMind-format country or city database; also the free ones with a bare `country_code`.
 *
 * The file is read once into sealed memory: what happens to it later, replaced by renaming, written
 * over or cut short, changes nothing here. Of a fork's children each may use it.
 *
 * Fails:  MB_EIO      it cannot be read, or was changed while it was read.
 *         MB_EINVAL   no plain file, or more than 2 GiB.
 *         MB_ESYNTAX  no such database, a damaged one, or one that tells no country.
 *         All name the file.
 * Owns:   mb_geo_close.
 * Costs:  reads the whole file and looks at each node of its tree: some 10 ms for a country
 *         database of 8 MB. Not for the bid path.
 */
int mb_geo_open(const char *path, struct mb_geo **out, struct mb_error *err) MB_MUST_USE;

/* The database's memory, for another process; -1: a table. Lent while `geo` is open. */
int mb_geo_fd(const struct mb_geo *geo);

/* A file and the state it was in; zeroed: not known. The system's clock has ticks, so one that had been changed less than two
 * seconds before it was read is not known either: it could change again in the same tick. */
struct mb_geo_source {
    uint64_t device, inode;
    int64_t size, modified_ns, changed_ns; /* bytes; since 1970 */
};

/* What the database was read from; not known of a table and of mb_geo_open_shared's. */
struct mb_geo_source mb_geo_source(const struct mb_geo *geo);

/* Does the file at `path` hold what a database in use holds, whose memory `memory_fd` is? Then it needs no opening. False as
 * well for what cannot be read.
 * Wants:  source: what that memory was read from. Where it is another file now, or one in another state, or not known, the
 *         bytes are compared and *source becomes what the file is now.
 * Costs:  two system calls, or a comparison of the bytes, a tenth of what opening does. */
bool mb_geo_is_file(int memory_fd, const char *path, struct mb_geo_source *source);

/* The database whose memory another process has read, from a copy of its descriptor (borrowed).
 * Fails: MB_EINVAL, MB_EIO, MB_ESYNTAX. Owns: mb_geo_close. Costs: some system calls. */
int mb_geo_open_shared(int fd, struct mb_geo **out, struct mb_error *err) MB_MUST_USE;

/* An empty table for mb_xgeo_put: what the kit and tests use. */
struct mb_geo *mb_xgeo_table(void);
void mb_xgeo_put(struct mb_geo *geo, struct mb_slice ip, struct mb_slice country);
void mb_geo_close(struct mb_geo *geo); /* NULL allowed */

/* All slices live as long as `geo`, absent where unknown. */
struct mb_geo_answer {
    struct mb_slice country; /* alpha-2, upper case */
    struct mb_slice region;  /* ISO code */
    struct mb_slice city;    /* English name */
    struct mb_slice zip;
    bool has_location;
    double lat, lon; /* degrees, with has_location */
};

/* Address as text, IPv4 or IPv6; anything else gives nothing. `geo` may be NULL. No allocation. */
struct mb_geo_answer mb_geo_look_up(const struct mb_geo *geo, struct mb_slice ip);

/* What a user agent tells; absent where unknown. The values of type, os and browser are those that
 * mb_geo_device_value enumerates. */
struct mb_geo_device {
    struct mb_slice type, os, browser, make; /* static texts */
    struct mb_slice os_version; /* 17.4.1, 10; lies in version_text or is static */
    struct mb_slice model;      /* points into `ua`, or is static */
    char version_text[24];
};

/* Reads the first 1,024 bytes of `ua`, whatever its length: a usual agent costs 0.4 us, the most
 * hostile one of any length some 25. No allocation. Any bytes are welcome. */
void mb_geo_device(struct mb_slice ua, struct mb_geo_device *out);

enum mb_geo_part { MB_GEO_TYPE, MB_GEO_OS, MB_GEO_BROWSER };

/* The value that rule `i` of a list gives, in their order, some more than once; NULL behind the last.
 * For those who must know all values there are. */
const char *mb_geo_device_value(enum mb_geo_part part, size_t i);

#endif /* MB_GEO_H */
