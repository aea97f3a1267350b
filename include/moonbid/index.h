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

/* For traces: the first target key that does not hold for this strategy (include or exclude), its
 * name ("hours" last), or NULL when all hold. Reads a zone file where the strategy has hours: not
 * for the bid path. */
const char *mb_index_explain(const struct mb_strategy *strategy, const struct mb_request *request,
                             const struct mb_imp *imp, int64_t now_ms);

#endif /* MB_INDEX_H */
