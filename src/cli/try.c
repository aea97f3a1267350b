/* try.c - `moonbid try`: one decision, offline, with the reason of every strategy that was asked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "moonbid/bidder.h"
#include "moonbid/limiter.h"
#include "trace.h"

struct trial {
    struct mb_config *config;
    struct mb_process_parts parts;
    struct mb_bidder *bidder;
    struct mb_buf body, path;
};

static int read_file(const char *path, struct mb_buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char block[16384];
    size_t got;
    bool failed;

    if (!file) {
        return cli_say(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        mb_xbuf_add(out, block, got);
    }
    failed = ferror(file);
    if (file != stdin) {
        fclose(file);
    }
    return failed ? cli_say(CLI_ENVIRONMENT, "%s: cannot be read", path) : CLI_OK;
}

/* CPU time, so that what else runs on the machine does not count for a script. */
static int64_t cpu_ns(void)
{
    struct timespec at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static int load(struct trial *t, const char *shadow)
{
    struct mb_bidder_options options = {.config = t->config,
                                        .guard = t->parts.guard,
                                        .keys = t->parts.keys,
                                        .geo = t->parts.geo,
                                        .clock_ns = cpu_ns};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    struct mb_error err = {.at = -1};
    int rc = mb_process_load_scripts(&t->parts, shadow, &script, &report);

    if (rc == MB_EIO) {
        rc = cli_unreadable(t->config->scripts);
    } else if (rc) {
        cli_print_report(t->config->scripts, &report);
        rc = cli_say(CLI_NO, "%s: refused", t->config->scripts);
    } else if (shadow && !mb_script_strategy(script, mb_slice_of(shadow))) {
        mb_script_free(script);
        rc = cli_say(CLI_NO, "--shadow: no strategy '%s'%s", shadow,
                     t->config->shadow_scripts ? "" : " (shadow.scripts names no folder of candidates)");
    } else if (mb_bidder_new(&options, &t->bidder, &err)) {
        mb_script_free(script);
        rc = cli_fail(&err);
    } else {
        (void)mb_bidder_take_script(t->bidder, script);
    }
    mb_script_report_fini(&report);
    return rc;
}

static void print_decisions(const struct mb_bidder *bidder)
{
    size_t count, i;
    const struct mb_decision *d = mb_bidder_decisions(bidder, &count);

    for (i = 0; i < count; i++) {
        cli_print_decision(&d[i]);
    }
    if (count == 0) {
        puts("no strategy was asked; --trace shows why");
    }
}

/* The moment and the chance of the decision. */
static int set_moment(const struct cli_args *args, struct mb_bidder_in *in)
{
    int64_t seed = 1;

    in->now_ms = mb_time_now_ms();
    if (args->now && !mb_slice_to_i64(mb_slice_of(args->now), &in->now_ms) &&
        !mb_time_parse_utc(mb_slice_of(args->now), &in->now_ms)) {
        return cli_say(CLI_USAGE, "--now: expected 2026-03-02T09:00:00Z or milliseconds, not '%s'",
                       args->now);
    }
    if (args->seed && !mb_slice_to_i64(mb_slice_of(args->seed), &seed)) {
        return cli_say(CLI_USAGE, "--seed: expected an integer, not '%s'", args->seed);
    }
    in->seed = (uint64_t)seed;
    return CLI_OK;
}

/* Counts what --spend says as booked today. */
static int set_spend(struct trial *t, const struct cli_args *args, int64_t now_ms)
{
    size_t i;

    for (i = 0; i < args->n_spends; i++) {
        struct mb_slice amount = mb_slice_of(args->spends[i]);
        struct mb_slice name = mb_slice_cut(&amount, '=');
        const struct mb_strategy *strategy =
            mb_script_strategy(mb_bidder_script(t->bidder), name);
        struct mb_amount spent;

        if (!mb_slice_present(amount) || !mb_money_parse_amount(amount, &spent)) {
            return cli_say(CLI_USAGE, "--spend takes NAME=AMOUNT, such as de_push=12.50, not '%s'",
                           args->spends[i]);
        }
        if (!strategy) {
            return cli_say(CLI_USAGE, "--spend: no strategy '%.*s'", MB_SLICE_ARG(name));
        }
        mb_guard_add_spend(t->parts.guard, strategy->guard_slot, spent, now_ms);
        if (strategy->pool) {
            mb_guard_add_spend(t->parts.guard, strategy->pool->guard_slot, spent, now_ms);
        }
    }
    return CLI_OK;
}

static void print_plain(const struct mb_bidder *bidder, const struct mb_bidder_out *out)
{
    print_decisions(bidder);
    printf("\nHTTP %d%s%s\n", out->status, out->content_type ? " " : "",
           out->content_type ? out->content_type : "");
    fwrite(out->body.data, 1, out->body.len, stdout);
    if (out->body.len > 0) {
        putchar('\n');
    }
}

static int decide(struct trial *t, const struct cli_args *args, const struct mb_endpoint *endpoint)
{
    struct mb_bidder_in in = {.method = MB_BIDDER_POST, .query = mb_slice_of(args->query)};
    struct mb_bidder_out out;
    bool json = args->format && strcmp(args->format, "json") == 0;
    int code = set_moment(args, &in);

    if (code == CLI_OK) {
        code = set_spend(t, args, in.now_ms);
    }
    if (code != CLI_OK) {
        return code;
    }
    mb_xbuf_add_slice(&t->path, endpoint->path);
    if (endpoint->exchange == MB_EXCHANGE_XANDR) {
        mb_xbuf_add_text(&t->path, "/bid");
    }
    in.path = mb_buf_slice(&t->path);
    in.body = mb_buf_slice(&t->body);
    mb_bidder_set_watch(t->bidder, args->trace || json);
    mb_bidder_handle(t->bidder, &in, &out);
    if (json) {
        cli_trace_json(t->bidder, &out);
    } else if (args->trace) {
        cli_trace_text(t->bidder, &out);
    } else {
        print_plain(t->bidder, &out);
    }
    return out.status >= 400 ? CLI_NO : CLI_OK;
}

static int run_trial(struct trial *t, const struct cli_args *args)
{
    const struct mb_endpoint *endpoint;
    struct mb_error err = {.at = -1};
    int code = cli_config(args, &t->config);

    if (code != CLI_OK) {
        return code;
    }
    endpoint = mb_config_endpoint(t->config, mb_slice_of(args->endpoint));
    if (!endpoint) {
        return cli_say(CLI_USAGE, "no endpoint '%s' in the config; `moonbid endpoints` lists them",
                       args->endpoint);
    }
    code = read_file(args->operand, &t->body);
    if (code != CLI_OK) {
        return code;
    }
    if (mb_process_open_parts(t->config, true, &t->parts, &err) || mb_limiter_start(&err)) {
        return cli_fail(&err);
    }
    code = load(t, args->shadow);
    return code != CLI_OK ? code : decide(t, args, endpoint);
}

static int run(const struct cli_args *args)
{
    struct trial t = {0};
    int code;

    if (args->format && strcmp(args->format, "text") != 0 && strcmp(args->format, "json") != 0) {
        return cli_say(CLI_USAGE, "--format is text or json, not '%s'", args->format);
    }
    if (!args->endpoint) {
        return cli_say(CLI_USAGE, "--endpoint is missing; see `moonbid try --help`");
    }
    code = run_trial(&t, args);
    mb_limiter_stop();
    mb_bidder_free(t.bidder);
    mb_process_close_parts(&t.parts);
    mb_config_free(t.config);
    mb_buf_fini(&t.body);
    mb_buf_fini(&t.path);
    return code;
}

const struct cli_command cli_try = {
    .name = "try",
    .summary = "decide one request offline and show why",
    .flags = " config scripts set endpoint query trace format spend now seed shadow ",
    .operand = "REQUEST.json",
    .help =
        "usage: moonbid try --endpoint NAME [FLAGS] REQUEST.json\n"
        "\n"
        "Prints each strategy's word, then the very answer an exchange would get. Writes nothing;\n"
        "nothing counts as spent but what --spend says. `-` reads standard input.\n"
        "\n"
        "  --endpoint NAME  as in the config: exoclick, xandr, openrtb\n"
        "  --query Q        the endpoint URL's query, such as zone_id=42&site_id=7\n"
        "  --trace          all that led to it: targets, limits, scripts, tokens, ranking\n"
        "  --format F       text, or json: the trace for machines\n"
        "  --shadow NAME    that shadow alone, as if it bid; a candidate is called shadow:NAME\n"
        "  --spend NAME=AMOUNT  counts as spent by the strategy today; may be repeated\n"
        "  --now TIME       2026-03-02T09:00:00Z or milliseconds; default now\n"
        "  --seed N         of ctx.random, draws and bid ids; default 1\n"
        "  --config FILE, --scripts DIR, --set KEY=VALUE as for serve\n"
        "\n"
        "exit:    0 answered (a no-bid too), 1 scripts or request refused, 2 usage, 3 environment\n"
        "example: moonbid try --endpoint exoclick --query zone_id=42 --trace request.json\n",
    .run = run,
};
