/* pause.c - `moonbid pause` and `moonbid resume`.
 */
#include <stdio.h>

#include "cli.h"
#include "moonbid/json_doc.h"

static int print_outcome(struct mb_slice body, int status)
{
    struct mb_doc *doc = NULL;
    const char *outcome, *error;
    int code = CLI_OK;

    if (mb_doc_parse(body, &doc, NULL)) {
        return cli_say(CLI_ENVIRONMENT, "the answer (status %d) is no outcome", status);
    }
    outcome = mb_doc_text(mb_doc_get(doc, "outcome"));
    error = mb_doc_text(mb_doc_get(doc, "error"));
    if (outcome && status == 200) {
        puts(outcome);
    } else {
        code = cli_say(status == 404 ? CLI_NO : CLI_ENVIRONMENT, "%s", error ? error : "refused");
    }
    mb_doc_free(doc);
    return code;
}

static int ask(const struct cli_args *args, const char *what)
{
    struct mb_buf path = {0};
    int code;

    if (!args->operand == !args->all) {
        return cli_say(CLI_USAGE, "expected the name of a strategy, or --all");
    }
    if (args->all) {
        mb_xbuf_printf(&path, "/%s%c", what, '\0');
    } else {
        mb_xbuf_add_text(&path, "/strategies/");
        mb_xbuf_add_urlencoded(&path, mb_slice_of(args->operand));
        mb_xbuf_printf(&path, "/%s%c", what, '\0');
    }
    code = cli_ask(args, path.data, print_outcome);
    mb_buf_fini(&path);
    return code;
}

static int run_pause(const struct cli_args *args)
{
    return ask(args, "pause");
}

static int run_resume(const struct cli_args *args)
{
    return ask(args, "resume");
}

const struct cli_command cli_pause = {
    .name = "pause",
    .summary = "stop a strategy of the running server, or all",
    .flags = " config admin set all ",
    .operand = "[NAME]",
    .help = "usage: moonbid pause NAME|--all [--config FILE] [--admin ADDR:PORT] [--set KEY=VALUE]\n"
            "\n"
            "No more bids, notices go on being booked. A pause survives a restart.\n"
            "\n"
            "exit:    0 done, 1 no such strategy, 2 usage, 3 environment\n"
            "example: moonbid pause de_push --admin 127.0.0.1:9090\n",
    .run = run_pause,
};

const struct cli_command cli_resume = {
    .name = "resume",
    .summary = "let a paused strategy bid again, or all",
    .flags = " config admin set all ",
    .operand = "[NAME]",
    .help = "usage: moonbid resume NAME|--all [--config FILE] [--admin ADDR:PORT] [--set KEY=VALUE]\n"
            "\n"
            "--all ends a pause of all; strategies that were paused by name stay so.\n"
            "\n"
            "exit:    0 done, 1 no such strategy, 2 usage, 3 environment\n"
            "example: moonbid resume --all\n",
    .run = run_resume,
};
