/* endpoints.c - `moonbid endpoints`: the URLs to register at each exchange.
 *
 * ExoClick replaces {token} in the registered URL's query; a parameter renamed in the config keeps
 * its own name on the wire.
 */
#include <stdio.h>

#include "cli.h"

/* `url` stands last: it may come unencoded, with characters that would end another parameter. */
static const char *const exoclick_tokens[] = {"site_id", "zone_id",  "src_hostname", "tags",
                                              "keyword", "language", "imp_id",       "url"};

/* The parameter that carries `token` on the wire. */
static struct mb_slice parameter_of(const struct mb_endpoint *endpoint, const char *token)
{
    size_t i;

    for (i = 0; i < endpoint->tokens.count; i++) {
        if (mb_slice_is(endpoint->tokens.items[i].value, token)) {
            return endpoint->tokens.items[i].name;
        }
    }
    return mb_slice_of(token);
}

static void print_exoclick(const struct mb_slice base, const struct mb_endpoint *endpoint)
{
    size_t i;

    printf("  bid URL     %.*s%.*s", MB_SLICE_ARG(base), MB_SLICE_ARG(endpoint->path));
    for (i = 0; i < sizeof(exoclick_tokens) / sizeof(exoclick_tokens[0]); i++) {
        printf("%c%.*s={%s}", i == 0 ? '?' : '&',
               MB_SLICE_ARG(parameter_of(endpoint, exoclick_tokens[i])), exoclick_tokens[i]);
    }
    puts("{&empty=204}"); /* tells that a no-bid is a 204 */
}

static void print_xandr(const struct mb_slice base, const struct mb_endpoint *endpoint)
{
    static const char *const rows[][2] = {{"bid_uri", "/bid"},
                                          {"notify_uri", "/notify"},
                                          {"click_uri", "/click"},
                                          {"ready_uri", "/ready"}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("  %-11s %.*s%.*s%s\n", rows[i][0], MB_SLICE_ARG(base), MB_SLICE_ARG(endpoint->path),
               rows[i][1]);
    }
}

static int run(const struct cli_args *args)
{
    struct mb_config *config = NULL;
    int code = cli_config(args, &config);
    size_t i;

    if (code != CLI_OK) {
        return code;
    }
    for (i = 0; i < config->n_endpoints; i++) {
        const struct mb_endpoint *endpoint = &config->endpoints[i];

        printf("%.*s (%s, %.*s)\n", MB_SLICE_ARG(endpoint->name),
               mb_exchange_name(endpoint->exchange), MB_SLICE_ARG(endpoint->currency));
        if (endpoint->exchange == MB_EXCHANGE_XANDR) {
            print_xandr(config->notice_url, endpoint);
        } else {
            print_exoclick(config->notice_url, endpoint);
        }
    }
    mb_config_free(config);
    return CLI_OK;
}

const struct cli_command cli_endpoints = {
    .name = "endpoints",
    .summary = "the URLs to register at each exchange",
    .flags = " config set ",
    .help = "usage: moonbid endpoints [--config FILE] [--set KEY=VALUE]\n"
            "\n"
            "Prints each endpoint's URLs, ready to paste; their base is notice_url of the config.\n"
            "\n"
            "example: moonbid endpoints --set notice_url=https://rtb.example.com\n",
    .run = run,
};
