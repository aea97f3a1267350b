/* options.c - the command line of moonbid-exchange. */
#include "internal.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "moonbid-exchange --target ADDR:PORT [options]\n"
    "  --seconds N       how long (0: until --requests or a signal; default 10)\n"
    "  --requests N      how many bid requests (0: no limit)\n"
    "  --rate R          bid requests a second (0: as fast as answers come; default 200)\n"
    "  --connections C   at most so many for bid requests (default 8)\n"
    "  --seed S          repeats a run's traffic (default 1)\n"
    "  --exoclick PATH   the endpoint's path (default /exoclick/bid; empty: none of it)\n"
    "  --xandr PREFIX    the endpoint's prefix (default /xandr; empty: none of it)\n"
    "  --openrtb PATH    the endpoint of the dialect generic (default /openrtb/bid; empty: none)\n"
    "  --openrtb-exoclick PATH  that of the dialect exoclick (default empty: none)\n"
    "  --openrtb-xandr PATH     where Xandr sends OpenRTB (default /xandr/bid; empty: none)\n"
    "  --eur RATE        what the bidder takes one EUR for, in USD (default 1.08)\n"
    "  --verify ADDR:PORT  compares accounts with the admin listener's GET /status at the end\n"
    "  --report text|json\n"
    "  --live            a summary line each second on standard error\n";

static int complain(const char *what, const char *value)
{
    fprintf(stderr, "moonbid-exchange: %s: '%s'\n%s", what, value, help);
    return -1;
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != '-' && *out <= max;
}

/* "127.0.0.1:8080" or "[::1]:8080" */
static bool read_address(const char *text, struct mb__sim_address *out)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    size_t len;

    if (!colon || !read_number(colon + 1, UINT16_MAX, &port) || port == 0) {
        return false;
    }
    len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(out->host)) {
        return false;
    }
    memcpy(out->host, text, len);
    out->host[len] = '\0';
    out->port = (uint16_t)port;
    return true;
}

enum {
    TARGET = 256,
    SECONDS,
    REQUESTS,
    RATE,
    CONNECTIONS,
    SEED,
    EXOCLICK,
    XANDR,
    OPENRTB,
    OPENRTB_EXOCLICK,
    OPENRTB_XANDR,
    EUR,
    VERIFY,
    REPORT,
    LIVE,
    HELP
};

static const struct option names[] = {
    {"target", required_argument, NULL, TARGET},
    {"seconds", required_argument, NULL, SECONDS},
    {"requests", required_argument, NULL, REQUESTS},
    {"rate", required_argument, NULL, RATE},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"seed", required_argument, NULL, SEED},
    {"exoclick", required_argument, NULL, EXOCLICK},
    {"xandr", required_argument, NULL, XANDR},
    {"openrtb", required_argument, NULL, OPENRTB},
    {"openrtb-exoclick", required_argument, NULL, OPENRTB_EXOCLICK},
    {"openrtb-xandr", required_argument, NULL, OPENRTB_XANDR},
    {"eur", required_argument, NULL, EUR},
    {"verify", required_argument, NULL, VERIFY},
    {"report", required_argument, NULL, REPORT},
    {"live", no_argument, NULL, LIVE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* One option that takes a number. False where `text` is none, or too much. */
static bool take_number(struct mb__sim_options *out, int option, const char *text)
{
    uint64_t n;

    if (!read_number(text, option == SEED || option == REQUESTS ? UINT64_MAX : 1000000, &n)) {
        return false;
    }
    switch (option) {
    case SECONDS:
        out->seconds = (uint32_t)n;
        return true;
    case REQUESTS:
        out->requests = n;
        return true;
    case RATE:
        out->rate = (uint32_t)n;
        return true;
    case CONNECTIONS:
        out->connections = (uint32_t)n;
        return n > 0;
    default:
        out->seed = n;
        return true;
    }
}

static bool take_rate(const char *text, struct mb_rate *out)
{
    struct mb_price millionths;

    if (!mb_money_parse_price(mb_slice_of(text), &millionths) || millionths.micros <= 0) {
        return false;
    }
    out->millionths = millionths.micros;
    return true;
}

static bool take(struct mb__sim_options *out, int option, const char *text)
{
    switch (option) {
    case TARGET:
        return read_address(text, &out->target);
    case VERIFY:
        return read_address(text, &out->verify);
    case EXOCLICK:
    case XANDR:
    case OPENRTB:
    case OPENRTB_EXOCLICK:
    case OPENRTB_XANDR: /* in the order of the protocols */
        out->paths[option - EXOCLICK] = text;
        return *text == '\0' || *text == '/';
    case EUR:
        return take_rate(text, &out->eur);
    case REPORT:
        out->json_report = strcmp(text, "json") == 0;
        return out->json_report || strcmp(text, "text") == 0;
    case LIVE:
        out->live = true;
        return true;
    default:
        return take_number(out, option, text);
    }
}

static bool is_any_left(const struct mb__sim_options *options)
{
    bool any = false;

    for (size_t i = 0; i < MB__SIM_PROTOCOLS; i++) {
        any = any || *options->paths[i];
    }
    return any;
}

int mb__sim_options_read(int argc, char **argv, struct mb__sim_options *out)
{
    int option;

    *out = (struct mb__sim_options){.seconds = 10,
                                    .rate = 200,
                                    .connections = 8,
                                    .seed = 1,
                                    .eur = {1080000},
                                    .paths = {[MB__SIM_EXOCLICK] = "/exoclick/bid",
                                              [MB__SIM_XANDR] = "/xandr",
                                              [MB__SIM_OPENRTB] = "/openrtb/bid",
                                              [MB__SIM_OPENRTB_EXOCLICK] = "",
                                              [MB__SIM_OPENRTB_XANDR] = "/xandr/bid"}};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?') {
            return complain("unknown option, or one without its value", argv[optind - 1]);
        }
        if (!take(out, option, optarg)) {
            return complain("not a value that this option takes", optarg);
        }
    }
    if (optind < argc) {
        return complain("unexpected argument", argv[optind]);
    }
    if (out->target.port == 0) {
        return complain("needed", "--target ADDR:PORT");
    }
    if (!is_any_left(out)) {
        return complain("no protocol is left", "");
    }
    return 0;
}
