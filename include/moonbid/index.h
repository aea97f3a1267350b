/* index.h - which strategies can want this impression.
 *
 * Part of: index.  Depends on: base, auction.
 * Threads:  read-only after building.
 * Lifetime: built for one generation's strategies, which must outlive it.
 */
#ifndef MB_INDEX_H
#define MB_INDEX_H

#include "moonbid/strategy.h"

struct mb_index;

/* Owns: mb_index_free. Aborts without memory and beyond 16,384. `strategies` in order of index;
 * borrowed. Reads a zone file for each timezone of those with hours (limits.timezone; absent:
 * UTC, so whoever loads fills in the config's). */
struct mb_index *mb_xindex_new(const struct mb_strategy *const *strategies, size_t count);
void mb_index_free(struct mb_index *index);

/* Writes the indexes of enabled strategies whose target holds, ascending, at most `max`; returns
 * how many hold. `why`, where not NULL, has a byte per strategy and is set to MB_NOBID_BID,
 * MB_NOBID_TARGET or MB_NOBID_HOURS. No allocation, no Lua. */
size_t mb_index_find(const struct mb_index *index, const struct mb_request *request,
                     const struct mb_imp *imp, int64_t now_ms, uint32_t *out, size_t max,
                     uint8_t *why);

/* A part of a target that does not hold. */
struct mb_index_miss {
    const char *key; /* as in `target`; "hours" last */
    bool excluded;   /* the impression has what `exclude` names; else it has none of what is wanted */
    const struct mb_target_set *set; /* NULL: hours, whose text is `hours` */
    struct mb_slice hours;           /* "mon-fri 08:00-20:00"; in the arena */
    struct mb_slices has; /* the impression's values, of hours the local time; in the arena */
};

/* For traces: all parts that do not hold for this strategy, from the coarse to the fine; gives how
 * many there are. Reads a zone file where the strategy has hours: not for the bid path. */
enum { MB_INDEX_MISSES_MAX = 2 * MB_TARGET_COUNT + 2 };
size_t mb_index_misses(const struct mb_strategy *strategy, const struct mb_request *request,
                       const struct mb_imp *imp, int64_t now_ms, struct mb_arena *arena,
                       struct mb_index_miss out[MB_INDEX_MISSES_MAX]);

/* For traces: the first target key that does not hold for this strategy (include or exclude), its
 * name ("hours" last), or NULL when all hold. Reads a zone file where the strategy has hours: not
 * for the bid path. */
const char *mb_index_explain(const struct mb_strategy *strategy, const struct mb_request *request,
                             const struct mb_imp *imp, int64_t now_ms);

#endif /* MB_INDEX_H */
