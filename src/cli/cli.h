/* cli.h - what the commands share: their table, their flags, their errors.
 *
 * Part of: cli (private).
 * Exit codes: http-api.md section 2; each failure is one line on standard error.
 */
#ifndef MB_CLI_H
#define MB_CLI_H

#include "moonbid/process.h"

enum cli_exit { CLI_OK = 0, CLI_NO = 1, CLI_USAGE = 2, CLI_ENVIRONMENT = 3 };

enum { CLI_OPERANDS_MAX = 1024, CLI_SETTINGS_MAX = 64, CLI_SPENDS_MAX = 16 };

/* What the flags and the arguments of a command came to. */
struct cli_args {
    const char *program;                       /* as it was called */
    const char *config;                        /* --config, or NULL */
    const char *endpoint, *query, *now, *seed, *shadow; /* of try, or NULL */
    const char *by, *since, *until, *format, *control; /* of report, or NULL */
    const char *log_file;                      /* of serve, or NULL */
    bool trace, all, watch, strict;
    enum mb_log_format log_format;
    const char *against, *threads;                /* of replay, or NULL */
    const char *operand;                          /* the one argument that is no flag, or NULL */
    const char *operands[CLI_OPERANDS_MAX];       /* all of them, of a command that takes several */
    size_t n_operands;
    const char *spends[CLI_SPENDS_MAX];           /* --spend of try: NAME=AMOUNT each */
    size_t n_spends;
    struct mb_setting settings[CLI_SETTINGS_MAX]; /* --set, and the flags that stand for a key */
    size_t n_settings;
    struct mb_arena arena; /* of keys and values made here */
};

struct cli_command {
    const char *name;
    const char *summary; /* one line of `moonbid --help` */
    const char *help;    /* usage, flags, an example */
    const char *flags;   /* names that it takes, each between blanks: " config scripts " */
    const char *operand; /* name of its argument, in brackets where it may be absent, with three dots where it may be
                            several; NULL: none */
    int (*run)(const struct cli_args *args);
};

extern const struct cli_command cli_new, cli_replay, cli_report, cli_market, cli_serve, cli_check, cli_try, cli_reload, cli_pause,
    cli_resume, cli_endpoints, cli_ledger, cli_version;

/* Reads argv (behind the command's name). CLI_OK, or CLI_USAGE having said why. */
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *out);

/* "moonbid: ..." on standard error; gives `code` back. */
int cli_say(int code, const char *fmt, ...) MB_PRINTF(2, 3);
/* The same from an error; the exit code by what it is. */
int cli_fail(const struct mb_error *err);

/* A scripts folder that is not there, or not ours to read. */
int cli_unreadable(const char *dir);

/* The config that the flags name. CLI_OK, or what cli_fail gave. */
int cli_config(const struct cli_args *args, struct mb_config **out);

/* POSTs to a path of the operator's listener and waits; gives what `on_answer` makes of the answer,
 * or CLI_ENVIRONMENT without one. */
typedef int cli_on_answer(struct mb_slice body, int status);
int cli_ask(const struct cli_args *args, const char *path, cli_on_answer *on_answer);

/* A cell of a line of CSV, quoted where it must be. */
void cli_csv_cell(struct mb_buf *out, struct mb_slice text, bool first);

struct mb_doc;

/* Prints each of a document's "problems" as `place: error: text`; gives how many are warnings, *errors the others. */
size_t cli_print_problems(const struct mb_doc *doc, size_t *errors);

/* Prints each problem as `place: error: text`. */
void cli_print_report(const char *dir, const struct mb_script_report *report);

#endif /* MB_CLI_H */
