/* ask.c - one request to the running server's operator listener.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli.h"
#include "moonbid/net.h"

enum { TIMEOUT_MS = 60000, REPLY_BYTES = 4 * 1024 * 1024 };

struct asking {
    struct mb_http_client *client;
    const char *address;
    cli_on_answer *on_answer;
    int code;
};

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct asking *asking = user;

    if (reply->error) {
        asking->code = cli_say(CLI_ENVIRONMENT, "%s: no answer (%s): is the server running?",
                               asking->address, mb_err_text(reply->error));
    } else {
        asking->code = asking->on_answer(reply->body, reply->status);
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

static int ask(const struct mb_config *config, const struct mb_http_client_options *options,
               const char *path, cli_on_answer *on_answer)
{
    struct asking asking = {
        .address = config->admin, .on_answer = on_answer, .code = CLI_ENVIRONMENT};
    struct mb_error err = {.at = -1};
    struct mb_buf headers = {0};
    int code = CLI_OK;

    if (config->admin_token) {
        mb_xbuf_printf(&headers, "Authorization: Bearer %s\r\n", config->admin_token);
    }
    if (mb_http_client_new(options, &asking.client, &err)) {
        code = cli_fail(&err);
    } else if (mb_http_client_send(asking.client, "POST", mb_slice_of(path),
                                   mb_buf_slice(&headers), MB_SLICE(""), on_reply, &asking)) {
        mb_http_client_close(asking.client);
        code = cli_say(CLI_ENVIRONMENT, "%s: cannot be asked", config->admin);
    }
    uv_run(options->loop, UV_RUN_DEFAULT);
    mb_buf_fini(&headers);
    return code != CLI_OK ? code : asking.code;
}

int cli_ask(const struct cli_args *args, const char *path, cli_on_answer *on_answer)
{
    struct mb_http_client_options options = {
        .connections = 1, .timeout_ms = TIMEOUT_MS, .body_bytes = REPLY_BYTES};
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
        code = ask(config, &options, path, on_answer);
        uv_loop_close(&loop);
    }
    mb_config_free(config);
    return code;
}
