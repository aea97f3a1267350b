/* main.c - finds the command, or helps.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_command *const commands[] = {
    &cli_serve,  &cli_check,     &cli_new,    &cli_try,    &cli_reload, &cli_pause,
    &cli_resume, &cli_endpoints, &cli_replay, &cli_report, &cli_market, &cli_ledger,
    &cli_version};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static bool is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

static int print_help(void)
{
    size_t i;

    puts("usage: moonbid COMMAND [FLAGS]\n");
    for (i = 0; i < COMMANDS; i++) {
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    puts("\n`moonbid COMMAND --help` says more.\n"
         "example: moonbid serve --config moonbid.conf.lua");
    return CLI_OK;
}

static const struct cli_command *find(const char *name)
{
    size_t i;

    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct cli_command *command;
    struct cli_args args = {0};
    int code;

    if (argc < 2) {
        return cli_say(CLI_USAGE, "which command? `moonbid --help` lists them");
    }
    if (is_help(argv[1])) {
        return print_help();
    }
    command = find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!command) {
        return cli_say(CLI_USAGE, "no command '%s'; `moonbid --help` lists them", argv[1]);
    }
    if (argc > 2 && is_help(argv[2])) {
        fputs(command->help, stdout);
        return CLI_OK;
    }
    mb_arena_init(&args.arena, 4096);
    code = cli_parse(command, argc - 2, argv + 2, &args);
    if (code == CLI_OK) {
        mb_log_setup(MB_LOG_INFO, args.log_format);
        code = command->run(&args);
    }
    mb_arena_fini(&args.arena);
    return code;
}
