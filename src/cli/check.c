/* check.c - `moonbid check`: would a reload be taken?
 */
#include <string.h>

#include "cli.h"
#include "lint.h"

/* What would be taken may be wrong all the same. */
static int look_closer(const struct cli_args *args, struct findings *findings)
{
    struct mb_config *config = NULL;
    int code = cli_config(args, &config);

    if (code == CLI_OK) {
        code = cli_lint(config, findings);
    }
    mb_config_free(config);
    return code == CLI_OK && args->strict && findings->count > 0 ? CLI_NO : code;
}

static void print(const struct cli_args *args, const struct findings *findings,
                  const struct findings_outcome *outcome)
{
    if (args->format && strcmp(args->format, "json") == 0) {
        findings_print_json(findings, outcome);
    } else {
        findings_print_text(findings, outcome);
    }
}

/* What is wrong before any script is looked at: with the config, or with this machine. */
static int fail(const struct cli_args *args, const struct mb_error *err)
{
    struct findings findings;
    int code = cli_fail(err);

    if (code == CLI_NO && args->format && strcmp(args->format, "json") == 0) {
        findings_init(&findings);
        findings_add(&findings, &(struct finding){.file = mb_slice_of(err->where),
                                                  .code = MB_SLICE("config"),
                                                  .message = mb_slice_of(err->what)});
        findings_print_json(&findings, &(struct findings_outcome){0});
        findings_fini(&findings);
    }
    return code;
}

static int run(const struct cli_args *args)
{
    struct mb_process_source source = {args->config, args->settings, args->n_settings};
    struct mb_process_checked checked;
    struct mb_error err = {.at = -1};
    struct findings findings;
    int rc, code = CLI_NO;

    if (args->format && strcmp(args->format, "json") != 0 && strcmp(args->format, "text") != 0) {
        return cli_say(CLI_USAGE, "--format: expected text or json, not '%s'", args->format);
    }
    rc = mb_process_check(&source, &checked, &err);
    if (rc && checked.report.len == 0) {
        return fail(args, &err);
    }
    findings_init(&findings);
    findings_add_report(&findings, mb_buf_slice(&checked.report));
    if (!rc) {
        code = look_closer(args, &findings);
    }
    if (code == CLI_OK || code == CLI_NO) {
        print(args, &findings,
              &(struct findings_outcome){rc == 0, checked.n_strategies, checked.version});
    }
    findings_fini(&findings);
    mb_buf_fini(&checked.report);
    return code;
}

const struct cli_command cli_check = {
    .name = "check",
    .summary = "load config and scripts as a reload would, report every problem",
    .flags = " config scripts set strict format ",
    .help = "usage: moonbid check [--config FILE] [--scripts DIR] [--set KEY=VALUE] [--strict]\n"
            "                     [--format text|json]\n"
            "\n"
            "Prints `file:line: error: text` for each problem that a reload would be refused for,\n"
            "and `file:line: warning: text` for what loads and is hardly meant: targets that nothing\n"
            "meets, tokens that nobody fills, state that workers do not share, bids that are never\n"
            "explained; also what luacheck finds, where it is installed. Writes nothing.\n"
            "\n"
            "  --strict    a warning is a refusal\n"
            "  --format F  text (default), or json for an editor or a build: {\"outcome\", \"findings\":\n"
            "              [{\"file\",\"line\",\"column\",\"code\",\"severity\",\"message\",\"suggestion\"}]}\n"
            "\n"
            "exit:    0 a reload would be taken, 1 refused, 2 usage, 3 environment\n"
            "example: moonbid check --scripts scripts\n",
    .run = run,
};
