/* reload.c - `moonbid reload`: asks the running server and waits for the outcome.
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/json_doc.h"

/* "config: a, b changed"; nothing where there are none. */
static void print_keys(const struct mb_doc *keys, const char *what)
{
    const struct mb_doc *key;

    for (key = mb_doc_first(keys); key; key = mb_doc_next(key)) {
        printf("%s%s%s", key == mb_doc_first(keys) ? "config: " : ", ",
               mb_doc_text(key) ? mb_doc_text(key) : "?", mb_doc_next(key) ? "" : what);
    }
}

static int print_outcome(struct mb_slice body, int status)
{
    struct mb_doc *doc = NULL;
    const char *outcome, *version;
    size_t errors;
    int code = status == 200 ? CLI_OK : CLI_NO;

    if (mb_doc_parse(body, &doc, NULL)) {
        return cli_say(CLI_ENVIRONMENT, "the answer (status %d) is no outcome of a reload", status);
    }
    (void)cli_print_problems(doc, &errors);
    print_keys(mb_doc_get(doc, "config_changed"), status == 200 ? " changed\n" : " not changed\n");
    print_keys(mb_doc_get(doc, "needs_restart"), " kept as before: needs a restart\n");
    outcome = mb_doc_text(mb_doc_get(doc, "outcome"));
    version = mb_doc_text(mb_doc_get(doc, "version"));
    if (outcome && version) {
        printf("%s: version %s %s\n", outcome, version, status == 200 ? "bids" : "goes on bidding");
    } else {
        code = cli_say(CLI_ENVIRONMENT, "status %d: %.*s", status, MB_SLICE_ARG(body));
    }
    mb_doc_free(doc);
    return code;
}

static int run(const struct cli_args *args)
{
    return cli_ask(args, "/reload", print_outcome);
}

const struct cli_command cli_reload = {
    .name = "reload",
    .summary = "make the running server take config and scripts as they are now",
    .flags = " config admin set ",
    .help = "usage: moonbid reload [--config FILE] [--admin ADDR:PORT] [--set KEY=VALUE]\n"
            "\n"
            "Waits for the outcome and prints it, with every problem as `file:line: error: text`, the\n"
            "keys of the config that have changed, and those that need a restart to change.\n"
            "Address and token come from the config where no flag gives them.\n"
            "\n"
            "exit:    0 loaded or unchanged, 1 refused, 2 usage, 3 environment\n"
            "example: moonbid reload --admin 127.0.0.1:9090\n",
    .run = run,
};
