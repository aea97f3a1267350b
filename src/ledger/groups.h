/* groups.h - sums under joined keys: the rows of a report while they are added up.
 *
 * Part of: ledger (private).
 */
#ifndef MB_LEDGER_GROUPS_H
#define MB_LEDGER_GROUPS_H

#include "moonbid/report.h"

struct mb__groups {
    size_t n_keys;
    struct mb_arena arena;
    struct mb_map map; /* joined key -> struct mb_report_row */
    struct mb_buf joined;
    struct mb_report_row *last; /* rows of one key come in runs */
};

void mb__groups_init(struct mb__groups *groups, size_t n_keys);
void mb__groups_fini(struct mb__groups *groups);
/* The row of these keys, made where there is none. */
struct mb_report_row *mb__groups_row(struct mb__groups *groups, const struct mb_slice *keys);
/* All rows in a report's order; until fini. NULL where there are none. free() it. */
struct mb_report_row **mb__xgroups_sorted(const struct mb__groups *groups, size_t *count);

#endif /* MB_LEDGER_GROUPS_H */
