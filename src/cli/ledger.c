/* ledger.c - `moonbid ledger`: what is recorded, as text, and what can be saved of it.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

#include "moonbid/ledger.h"

/* Gives false, which ends the reading, where nobody reads what is printed. */
static bool print_event(void *user, const struct mb_event *event)
{
    struct mb_buf *line = user;

    mb_buf_clear(line);
    mb_xledger_write_event(event, line);
    mb_xbuf_add_char(line, '\n');
    return fwrite(line->data, 1, line->len, stdout) == line->len;
}

static int dump(const char *data, struct mb_error *err)
{
    struct mb_buf line = {0};
    int rc = mb_ledger_each(data, print_event, &line, err);

    mb_buf_fini(&line);
    if (!rc && (fflush(stdout) != 0 || ferror(stdout))) {
        rc = mb_fail(err, MB_EIO, NULL, "the output could not be written");
    }
    return rc;
}

static int salvage(const char *data, struct mb_error *err)
{
    uint64_t saved = 0;
    int rc = mb_ledger_salvage(data, &saved, err);

    if (!rc) {
        printf("%llu records saved in %s/ledger.salvaged.db\n", (unsigned long long)saved, data);
    }
    return rc;
}

static int run(const struct cli_args *args)
{
    struct mb_error err = {.at = -1};
    struct mb_config *config = NULL;
    bool is_dump = strcmp(args->operand, "dump") == 0;
    int code;

    if (!is_dump && strcmp(args->operand, "salvage") != 0) {
        return cli_say(CLI_USAGE, "ledger takes dump or salvage, not '%s'", args->operand);
    }
    code = cli_config(args, &config);
    if (code != CLI_OK) {
        return code;
    }
    if (is_dump ? dump(config->data, &err) : salvage(config->data, &err)) {
        code = cli_fail(&err);
    }
    mb_config_free(config);
    return code;
}

const struct cli_command cli_ledger = {
    .name = "ledger",
    .summary = "print what is recorded; save what a damaged ledger still has",
    .flags = " config data set ",
    .operand = "dump or salvage",
    .help =
        "usage: moonbid ledger dump|salvage [--data DIR] [--config FILE]\n"
        "\n"
        "dump     prints every recorded event as JSON, one a line, in the order of their keys:\n"
        "         by the time of the bid. Also beside a running server.\n"
        "salvage  reads what can be read in a damaged DIR/ledger.db, writes it to the new file\n"
        "         DIR/ledger.salvaged.db and says how many records these are. Changes nothing\n"
        "         else; needs room for two copies. If the number is right: stop the server, put\n"
        "         ledger.db, ledger.db-wal and ledger.db-shm aside, rename ledger.salvaged.db\n"
        "         to ledger.db, start the server.\n"
        "\n"
        "exit:    0 done, 2 usage, 3 no ledger, or nothing in it can be read\n"
        "example: moonbid ledger dump --data var | jq -c 'select(.type == \"win\")'\n",
    .run = run,
};
