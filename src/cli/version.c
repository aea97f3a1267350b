/* version.c - `moonbid version`.
 */
#include <cjson/cJSON.h>
#include <llhttp.h>
#include <luajit.h>
#include <stdio.h>
#include <uv.h>

#include "cli.h"
#include "commit.h" /* made by cmake/commit.cmake */

#include "moonbid/ledger.h"

static int run(const struct cli_args *args)
{
    (void)args;
    printf("moonbid %s\ncommit %s\n%s\nlibuv %s\nllhttp %d.%d.%d\ncJSON %s\nSQLite %s\n", MB_VERSION, MB_COMMIT,
           LUAJIT_VERSION, uv_version_string(), LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH,
           cJSON_Version(), mb_ledger_sqlite_version());
    return CLI_OK;
}

const struct cli_command cli_version = {
    .name = "version",
    .summary = "versions of moonbid and of what it is built with",
    .flags = " ",
    .help = "usage: moonbid version\n"
            "\n"
            "Its version and commit, and the versions of what it is built with.\n"
            "\n"
            "example: moonbid version\n",
    .run = run,
};
