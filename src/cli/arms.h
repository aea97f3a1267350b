/* arms.h - how `moonbid report --by arm` shows what arms differ in.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_ARMS_H
#define MB_CLI_ARMS_H

#include "moonbid/arms.h"
#include "moonbid/json.h"

/* A table for each experiment, behind the rows. Nothing where there is none. */
void cli_arms_text(const struct mb_experiment *experiments, size_t count, const enum mb_report_key *keys, size_t n_keys,
                   struct mb_buf *out);
/* The member "experiments" of the open object: an array. */
void cli_arms_json(const struct mb_experiment *experiments, size_t count, const enum mb_report_key *keys, size_t n_keys,
                   struct mb_json_writer *json);
/* CSV has one table: what follows each row's figures. The headings, and the cells of the row with these keys; each begins with a comma. */
void cli_arms_csv_headings(struct mb_buf *out);
void cli_arms_csv_cells(const struct mb_experiment *experiments, size_t count, const enum mb_report_key *keys, size_t n_keys,
                        const struct mb_slice *row, struct mb_buf *out);

#endif /* MB_CLI_ARMS_H */
