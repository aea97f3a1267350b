/* internal.h - a database in memory, as geo.c looks things up in it and file.c brings it there. */
#ifndef MB_GEO_INTERNAL_H
#define MB_GEO_INTERNAL_H

#include <maxminddb.h>

#include "moonbid/geo.h"

struct mb_geo {
    bool is_table;
    MMDB_s db;           /* of a database */
    int fd;              /* the sealed memory that `db` maps */
    struct mb_geo_source source;
    struct mb_map table; /* of a table: binary address -> country, a string of ours */
};

/* Zeroed. Aborts without memory. */
struct mb_geo *mb__geo_new(void);

/* The country in a record; absent where it tells none. */
struct mb_slice mb__geo_country(MMDB_entry_s *entry);

#endif /* MB_GEO_INTERNAL_H */
