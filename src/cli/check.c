/* check.c - `moonbid check`: would a reload be taken?
 */
#include <stdio.h>

#include "cli.h"
#include "lint.h"
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

/* What would be taken may be wrong all the same. */
static int look_closer(const struct cli_args *args, size_t *warnings)
{
    struct mb_config *config = NULL;
    size_t findings = 0;
    int code = cli_config(args, &config);

    if (code == CLI_OK) {
        code = cli_lint(config, &findings);
    }
    mb_config_free(config);
    *warnings += findings;
    return code == CLI_OK && args->strict && *warnings > 0 ? CLI_NO : code;
}

static int run(const struct cli_args *args)
{
    struct mb_process_source source = {args->config, args->settings, args->n_settings};
    struct mb_process_checked checked;
    struct mb_error err = {.at = -1};
    size_t warnings, errors;
    int rc = mb_process_check(&source, &checked, &err), code = CLI_NO;

    if (rc && checked.report.len == 0) {
        return cli_fail(&err);
    }
    warnings = print_problems(mb_buf_slice(&checked.report), &errors);
    if (rc) {
        printf("refused: %zu error%s\n", errors, errors == 1 ? "" : "s");
    } else {
        code = look_closer(args, &warnings);
        printf("ok: %zu strateg%s, %zu warning%s, version %s\n", checked.n_strategies,
               checked.n_strategies == 1 ? "y" : "ies", warnings, warnings == 1 ? "" : "s",
               checked.version);
    }
    mb_buf_fini(&checked.report);
    return code;
}

const struct cli_command cli_check = {
    .name = "check",
    .summary = "load config and scripts as a reload would, report every problem",
    .flags = " config scripts set strict ",
    .help = "usage: moonbid check [--config FILE] [--scripts DIR] [--set KEY=VALUE] [--strict]\n"
            "\n"
            "Prints `file:line: error: text` for each problem that a reload would be refused for,\n"
            "and `file:line: warning: text` for what loads and is hardly meant: targets that nothing\n"
            "meets, tokens that nobody fills, state that workers do not share, bids that are never\n"
            "explained; also what luacheck finds, where it is installed. Writes nothing.\n"
            "\n"
            "--strict  a warning is a refusal\n"
            "\n"
            "exit:    0 a reload would be taken, 1 refused, 2 usage, 3 environment\n"
            "example: moonbid check --scripts scripts\n",
    .run = run,
};
