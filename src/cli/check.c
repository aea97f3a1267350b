/* check.c - `moonbid check`: would a reload be taken?
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/limiter.h"

static int check_scripts(const struct mb_process_parts *parts)
{
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    const char *dir = parts->config->scripts;
    int rc = mb_process_load_scripts(parts, &script, &report);
    size_t count;

    if (rc == MB_EIO) {
        rc = cli_unreadable(dir);
    } else if (rc) {
        cli_print_report(dir, &report);
        printf("refused: %zu error%s\n", report.errors, report.errors == 1 ? "" : "s");
        rc = CLI_NO;
    } else {
        struct mb_slice version = mb_script_version(script);

        cli_print_report(dir, &report);
        (void)mb_script_strategies(script, &count);
        printf("ok: %zu strateg%s, %zu warning%s, version %.*s\n", count, count == 1 ? "y" : "ies",
               report.count, report.count == 1 ? "" : "s", MB_SLICE_ARG(version));
    }
    mb_script_free(script);
    mb_script_report_fini(&report);
    return rc;
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
