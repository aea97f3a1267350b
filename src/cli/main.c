/* main.c - finds the command, or helps.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct {
    const char *title; /* of a group that begins here, else NULL */
    const struct cli_command *command;
} commands[] = {
    {"strategies", &cli_new},
    {NULL, &cli_check},
    {NULL, &cli_try},
    {NULL, &cli_replay},
    {"the server", &cli_serve},
    {NULL, &cli_reload},
    {NULL, &cli_pause},
    {NULL, &cli_resume},
    {NULL, &cli_endpoints},
    {"what came of it", &cli_report},
    {NULL, &cli_market},
    {NULL, &cli_ledger},
    {"this program", &cli_version},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static bool is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0;
}

/* Examples begin with what was called, so that they can be pasted. */
static void print_examples(const char *text, const char *program)
{
    static const char mark[] = "\nexample: ", name[] = "moonbid";
    const char *at;

    while ((at = strstr(text, mark))) {
        at += sizeof(mark) - 1;
        printf("%.*s%s", (int)(at - text), text, program);
        text = at + sizeof(name) - 1;
    }
    fputs(text, stdout);
}

static int print_help(const char *program)
{
    size_t i;

    puts("usage: moonbid COMMAND [FLAGS]");
    for (i = 0; i < COMMANDS; i++) {
        if (commands[i].title) {
            printf("\n%s\n", commands[i].title);
        }
        printf("  %-10s %s\n", commands[i].command->name, commands[i].command->summary);
    }
    print_examples("\n`moonbid COMMAND --help` says more; docs/tutorial.md begins at the beginning.\n"
                   "example: moonbid serve --config moonbid.conf.lua\n",
                   program);
    return CLI_OK;
}

static const struct cli_command *find(const char *name)
{
    size_t i;

    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].command->name, name) == 0) {
            return commands[i].command;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const struct cli_command *command;
    struct cli_args args = {.program = argv[0]};
    int code;

    if (argc < 2) {
        return cli_say(CLI_USAGE, "which command? `moonbid --help` lists them");
    }
    if (is_help(argv[1])) {
        return print_help(argv[0]);
    }
    command = find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!command) {
        return cli_say(CLI_USAGE, "no command '%s'; `moonbid --help` lists them", argv[1]);
    }
    if (argc > 2 && is_help(argv[2])) {
        print_examples(command->help, argv[0]);
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
