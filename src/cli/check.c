/* check.c - `moonbid check`: would a reload be taken?
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/limiter.h"

static int check_scripts(const struct mb_process_parts *parts)
{
    struct mb_script_report report = {0};
    struct mb_bundle *bundle = NULL;
    struct mb_error err = {.at = -1};
    const char *dir = parts->config->scripts;
    size_t count;
    int code = CLI_OK;

    if (mb_bundle_read(dir, &bundle, &err)) {
        return cli_fail(&err);
    }
    if (mb_process_check_bundle(parts, bundle, &report, &count)) {
        cli_print_report(dir, &report);
        printf("refused: %zu error%s\n", report.errors, report.errors == 1 ? "" : "s");
        code = CLI_NO;
    } else {
        cli_print_report(dir, &report);
        printf("ok: %zu strateg%s, %zu warning%s, version %.*s\n", count, count == 1 ? "y" : "ies",
               report.count, report.count == 1 ? "" : "s",
               MB_SLICE_ARG(mb_bundle_version(bundle)));
    }
    mb_bundle_free(bundle);
    mb_script_report_fini(&report);
    return code;
}

static int run(const struct cli_args *args)
{
    struct mb_error err = {.at = -1};
    struct mb_process_parts parts;
    struct mb_config *config = NULL;
    int code = cli_config(args, &config);

    if (code != CLI_OK) {
        return code;
    }
    if (mb_process_open_parts(config, true, &parts, &err) || mb_limiter_start(&err)) {
        code = cli_fail(&err);
    } else {
        code = check_scripts(&parts);
    }
    mb_limiter_stop();
    mb_process_close_parts(&parts);
    mb_config_free(config);
    return code;
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
