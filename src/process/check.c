/* check.c - would a reload be taken? For who has no server, or asks before.
 */
#include <stdio.h>

#include "supervisor.h"

int mb_process_check(const struct mb_process_source *source, struct mb_process_checked *out,
                     struct mb_error *err)
{
    struct mb__check check = {.kind = MB__CHECK_DRY,
                              .config_path = source->config_path,
                              .settings = source->settings,
                              .n_settings = source->n_settings};
    struct mb__letter verdict = {.parcel = MB__PARCEL_EMPTY};
    const struct mb__letter_head *head = &verdict.head;
    struct mb__checker checker;
    int rc = mb__checker_fork(&checker, &check, NULL, NULL, err);

    *out = (struct mb_process_checked){0};
    if (rc) {
        return rc;
    }
    mb__checker_wait(&checker, &verdict);
    rc = verdict.parcel.fds[MB__PIECE_REPORT] < 0
             ? mb_fail(err, head->code, head->where, "%s", head->error)
             : mb__piece_text(verdict.parcel.fds[MB__PIECE_REPORT], &out->report, err);
    if (!rc && head->code && head->where[0]) { /* no script's fault */
        mb_buf_fini(&out->report);
        rc = mb_fail(err, head->code, head->where, "%s", head->error);
    }
    if (!rc) {
        out->n_strategies = head->n_strategies;
        snprintf(out->version, sizeof(out->version), "%s", head->version);
        rc = head->code ? mb_fail(err, MB_ESCRIPT, NULL, "%s", head->error) : 0;
    }
    mb__parcel_close(&verdict.parcel);
    return rc;
}
