/* reload.c - `moonbid reload`: asks the running server and waits for the outcome.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli.h"
#include "moonbid/json_doc.h"
#include "moonbid/net.h"

enum { RELOAD_TIMEOUT_MS = 60000, REPLY_BYTES = 4 * 1024 * 1024 };

struct asking {
    struct mb_http_client *client;
    const char *address;
    int code;
};

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

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct asking *asking = user;

    if (reply->error) {
        asking->code = cli_say(CLI_ENVIRONMENT, "%s: no answer (%s): is the server running?",
                               asking->address, mb_err_text(reply->error));
    } else {
        asking->code = print_outcome(reply->body, reply->status);
    }
    mb_http_client_close(asking->client);
}

/* "127.0.0.1:9090" or "[::1]:9090" to host and port. */
static bool split_address(const char *address, char *host, size_t size, uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    int64_t number;
    size_t len;

    if (!colon || !mb_slice_to_i64(mb_slice_of(colon + 1), &number) || number < 1 ||
        number > 65535) {
        return false;
    }
    len = (size_t)(colon - address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    *port = (uint16_t)number;
    return true;
}

static int ask(const struct mb_config *config, const struct mb_http_client_options *options)
{
    struct asking asking = {.address = config->admin, .code = CLI_ENVIRONMENT};
    struct mb_error err = {.at = -1};
    struct mb_buf headers = {0};
    int code = CLI_OK;

    if (config->admin_token) {
        mb_xbuf_printf(&headers, "Authorization: Bearer %s\r\n", config->admin_token);
    }
    if (mb_http_client_new(options, &asking.client, &err)) {
        code = cli_fail(&err);
    } else if (mb_http_client_send(asking.client, "POST", MB_SLICE("/reload"),
                                   mb_buf_slice(&headers), MB_SLICE(""), on_reply, &asking)) {
        mb_http_client_close(asking.client);
        code = cli_say(CLI_ENVIRONMENT, "%s: cannot be asked", config->admin);
    }
    uv_run(options->loop, UV_RUN_DEFAULT);
    mb_buf_fini(&headers);
    return code != CLI_OK ? code : asking.code;
}

static int run(const struct cli_args *args)
{
    struct mb_http_client_options options = {
        .connections = 1, .timeout_ms = RELOAD_TIMEOUT_MS, .body_bytes = REPLY_BYTES};
    struct mb_config *config = NULL;
    uv_loop_t loop;
    char host[64];
    int code = cli_config(args, &config);

    if (code != CLI_OK) {
        return code;
    }
    if (!config->admin || !split_address(config->admin, host, sizeof(host), &options.port)) {
        code = cli_say(CLI_USAGE, "--admin: expected the server's address, such as 127.0.0.1:9090");
    } else {
        uv_loop_init(&loop);
        options.loop = &loop;
        options.host = host;
        code = ask(config, &options);
        uv_loop_close(&loop);
    }
    mb_config_free(config);
    return code;
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
