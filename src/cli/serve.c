/* serve.c - `moonbid serve`.
 */
#include "cli.h"

static int run(const struct cli_args *args)
{
    struct mb_process_source source = {args->config, args->settings, args->n_settings};
    struct mb_error err = {.at = -1};

    if (args->log_file && mb_log_open(args->log_file, &err)) {
        return cli_fail(&err);
    }
    return mb_process_serve(&source, args->watch, &err) ? cli_fail(&err) : CLI_OK;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "run the server in the foreground",
    .flags = " config listen admin workers scripts data set watch log-format log-file ",
    .help =
        "usage: moonbid serve [FLAGS]\n"
        "\n"
        "Serves exchanges until SIGTERM or SIGINT, then drains. Logs go to standard error, or to a file.\n"
        "Flags go over the config file.\n"
        "\n"
        "  --config FILE       config; default ./moonbid.conf.lua if there is one\n"
        "  --listen ADDR:PORT  where exchanges call; port 0 takes a free one (logged: listening)\n"
        "  --admin ADDR:PORT   status, metrics, reload\n"
        "  --workers N|auto    processes that bid; auto: one a core\n"
        "  --scripts DIR       folder with strategies/*.lua\n"
        "  --data DIR          ledger, counters, key; made if missing\n"
        "  --set KEY=VALUE     any key of the config: script.cpu_ms=10, "
        "endpoints.1.timeout_ms=200\n"
        "  --watch             development: reloads 200 ms after the last edit of the scripts\n"
        "  --log-format text|json\n"
        "  --log-file FILE     lines are added there; SIGUSR1 opens it anew, for who rotates it\n"
        "\n"
        "signals: SIGHUP reloads config and scripts, SIGTERM and SIGINT stop, SIGUSR2 logs a status line,\n"
        "         SIGUSR1 opens the log file anew\n"
        "         (to the process that was started, the supervisor; workers take none but SIGKILL)\n"
        "exit:    0 stopped, 1 config or scripts refused, 2 usage, 3 environment\n"
        "example: moonbid serve --listen 0.0.0.0:8080 --set notice_url=https://rtb.example.com\n",
    .run = run,
};
