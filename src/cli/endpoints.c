/* endpoints.c - `moonbid endpoints`: the URLs to register at each exchange.
 *
 * ExoClick replaces {token} in the registered URL's query; a parameter renamed in the config keeps its own name on the
 * wire. Xandr is given a host and port once and paths under it.
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

static void print_exoclick(struct mb_slice base, const struct mb_endpoint *endpoint)
{
    size_t i;

    printf("  bid URL     %.*s%.*s", MB_SLICE_ARG(base), MB_SLICE_ARG(endpoint->path));
    for (i = 0; i < sizeof(exoclick_tokens) / sizeof(exoclick_tokens[0]); i++) {
        printf("%c%.*s={%s}", i == 0 ? '?' : '&',
               MB_SLICE_ARG(parameter_of(endpoint, exoclick_tokens[i])), exoclick_tokens[i]);
    }
    puts("{&empty=204}"); /* tells that a no-bid is a 204 */
}

/* Where the path of `base` begins: http://HOST:PORT[/PATH]. */
static size_t path_at(struct mb_slice base)
{
    size_t host = (size_t)mb_slice_find(base, MB_SLICE("://")) + 3;
    long slash = mb_slice_find_char(mb_slice(base.data + host, base.len - host), '/');

    return slash < 0 ? base.len : host + (size_t)slash;
}

static void print_xandr_path(struct mb_slice base, const struct mb_endpoint *endpoint,
                             const char *name, const char *tail)
{
    size_t at = path_at(base);

    printf("  %-11s %.*s%.*s%s\n", name, MB_SLICE_ARG(mb_slice(base.data + at, base.len - at)),
           MB_SLICE_ARG(endpoint->path), tail);
}

static void print_xandr(struct mb_slice base, const struct mb_endpoint *endpoint)
{
    size_t at = path_at(base);

    printf("  instance    %.*s\n", MB_SLICE_ARG(mb_slice(base.data, at)));
    if (endpoint->exchange == MB_EXCHANGE_OPENRTB) { /* bids alone: no prefix */
        print_xandr_path(base, endpoint, "bid_uri", "");
        printf("  ready_uri   %.*s/ready\n", MB_SLICE_ARG(mb_slice(base.data + at, base.len - at)));
        return;
    }
    print_xandr_path(base, endpoint, "bid_uri", "/bid");
    print_xandr_path(base, endpoint, "ready_uri", "/ready");
    print_xandr_path(base, endpoint, "notify_uri", "/notify");
    print_xandr_path(base, endpoint, "click_uri", "/click");
}

static void print_endpoint(struct mb_slice base, const struct mb_endpoint *endpoint)
{
    static const char *const dialects[] = {
        [MB_DIALECT_GENERIC] = "", [MB_DIALECT_EXOCLICK] = " of exoclick", [MB_DIALECT_XANDR] = " of xandr"};
    bool openrtb = endpoint->exchange == MB_EXCHANGE_OPENRTB;

    printf("%.*s (%s%s, %.*s)\n", MB_SLICE_ARG(endpoint->name), mb_exchange_name(endpoint->exchange),
           openrtb ? dialects[endpoint->dialect] : "", MB_SLICE_ARG(endpoint->currency));
    if (endpoint->exchange == MB_EXCHANGE_XANDR || (openrtb && endpoint->dialect == MB_DIALECT_XANDR)) {
        print_xandr(base, endpoint);
    } else if (openrtb && endpoint->dialect == MB_DIALECT_GENERIC) {
        printf("  bid URL     %.*s%.*s\n", MB_SLICE_ARG(base), MB_SLICE_ARG(endpoint->path));
    } else {
        print_exoclick(base, endpoint);
    }
}

/* Money is booked by notices, so a base that nobody reaches means bids that are never paid for in our books. */
static void print_notices(struct mb_slice base)
{
    struct mb_slice host = mb_slice(base.data, path_at(base));

    printf("notices come to %.*s/n/...\n", MB_SLICE_ARG(base));
    if (mb_slice_find(host, MB_SLICE("//127.")) >= 0 || mb_slice_find(host, MB_SLICE("//localhost")) >= 0 ||
        mb_slice_find(host, MB_SLICE("//[::1]")) >= 0) {
        fflush(stdout);
        fputs("moonbid: no exchange reaches that address: set notice_url to what the listener is called from outside\n",
              stderr);
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
        print_endpoint(config->notice_url, &config->endpoints[i]);
    }
    print_notices(config->notice_url);
    mb_config_free(config);
    return CLI_OK;
}

const struct cli_command cli_endpoints = {
    .name = "endpoints",
    .summary = "the URLs to register at each exchange",
    .flags = " config set ",
    .help = "usage: moonbid endpoints [--config FILE] [--set KEY=VALUE]\n"
            "\n"
            "Prints what to register at each exchange, ready to paste; its base is notice_url of the config, which also is\n"
            "where notices come to.\n"
            "\n"
            "exit:    0 printed, 1 config refused, 2 usage, 3 environment\n"
            "example: moonbid endpoints --set notice_url=https://rtb.example.com\n",
    .run = run,
};
