/* reload.c - `moonbid reload`: asks the running server and waits for the outcome.
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/json_doc.h"

static void print_problems(const struct mb_doc *doc)
{
    const struct mb_doc *p;

    for (p = mb_doc_first(mb_doc_get(doc, "problems")); p; p = mb_doc_next(p)) {
        const char *at = mb_doc_text(mb_doc_get(p, "at"));
        const char *kind = mb_doc_text(mb_doc_get(p, "kind"));
        const char *text = mb_doc_text(mb_doc_get(p, "text"));

        printf("%s: %s: %s\n", at ? at : "?", kind ? kind : "error", text ? text : "");
    }
}

static int print_outcome(struct mb_slice body, int status)
{
    struct mb_doc *doc = NULL;
    const char *outcome, *version;
    int code = status == 200 ? CLI_OK : CLI_NO;

    if (mb_doc_parse(body, &doc, NULL)) {
        return cli_say(CLI_ENVIRONMENT, "the answer (status %d) is no outcome of a reload", status);
    }
    print_problems(doc);
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
    .summary = "make the running server take the scripts as they are now",
    .flags = " config admin set ",
    .help = "usage: moonbid reload [--config FILE] [--admin ADDR:PORT] [--set KEY=VALUE]\n"
            "\n"
            "Waits for the outcome and prints it, with every problem as `file:line: error: text`.\n"
            "Address and token come from the config where no flag gives them.\n"
            "\n"
            "exit:    0 loaded or unchanged, 1 refused, 2 usage, 3 environment\n"
            "example: moonbid reload --admin 127.0.0.1:9090\n",
    .run = run,
};
