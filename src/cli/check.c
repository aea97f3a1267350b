/* check.c - `moonbid check`: would a reload be taken?
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/json_doc.h"

/* Gives how many problems are warnings; *errors the others. */
static size_t print_problems(struct mb_slice report, size_t *errors)
{
    struct mb_doc *doc = NULL;
    size_t warnings = 0;

    *errors = 0;
    if (mb_doc_parse(report, &doc, NULL) == 0) {
        warnings = cli_print_problems(doc, errors);
    }
    mb_doc_free(doc);
    return warnings;
}

static int run(const struct cli_args *args)
{
    struct mb_process_source source = {args->config, args->settings, args->n_settings};
    struct mb_process_checked checked;
    struct mb_error err = {.at = -1};
    size_t warnings, errors;
    int rc = mb_process_check(&source, &checked, &err);

    if (rc && checked.report.len == 0) {
        return cli_fail(&err);
    }
    warnings = print_problems(mb_buf_slice(&checked.report), &errors);
    if (rc) {
        printf("refused: %zu error%s\n", errors, errors == 1 ? "" : "s");
    } else {
        printf("ok: %zu strateg%s, %zu warning%s, version %s\n", checked.n_strategies,
               checked.n_strategies == 1 ? "y" : "ies", warnings, warnings == 1 ? "" : "s",
               checked.version);
    }
    mb_buf_fini(&checked.report);
    return rc ? CLI_NO : CLI_OK;
}

const struct cli_command cli_check = {
    .name = "check",
    .summary = "load config and scripts as a reload would, report every problem",
    .flags = " config scripts set ",
    .help = "usage: moonbid check [--config FILE] [--scripts DIR] [--set KEY=VALUE]\n"
            "\n"
            "Prints `file:line: error: text` for each problem. Writes nothing.\n"
            "\n"
            "exit:    0 a reload would be taken, 1 refused, 2 usage, 3 environment\n"
            "example: moonbid check --scripts scripts\n",
    .run = run,
};
