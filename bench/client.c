/* client.c - the load of the benchmarks.
 *
 *   client port                             prints a free port of the loopback
 *   client answer PORT PATH BODY            sends one request, prints the raw answer
 *   client load PORT PATH BODY STATUS SECONDS CONNECTIONS PID [RATE]
 *   client list PORT FILE SECONDS CONNECTIONS PID [RATE]
 *   client notices PORT PATH BODY KEYFILE TO_PORT SECONDS CONNECTIONS PID [RATE]
 *   client spend COMMAND...                 runs it, prints wall_us cpu_us most_kib
 *
 * BODY is a file, PATH where a bid is asked for. `load` sends the same request again and again,
 * `list` those of a file in turn, see list.h; `notices` tells TO_PORT of as many bids as it sends
 * notices, modelled on the one that BODY brings from PORT, whose key KEYFILE has.
 * Without RATE, or with 0, each connection sends when it has its answer. All three print
 *
 *   answers seconds cpu_us p50_us p99_us p99.9_us most_us
 *
 * cpu_us is what process PID and its descendants spent, user and system; the times are from when a
 * request was due to the end of its answer. An answer of another status than STATUS, or one that
 * does not end where its Content-Length says, ends it with status 1.
 */
#include "list.h"
#include "load.h"
#include "notices.h"
#include "spend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct request *same_request(void *request)
{
    return request;
}

static void print_figures(const struct load *load)
{
    struct figures f = put_under_load(load);
    printf("%lld %.6f %lld %lld %lld %lld %lld\n", (long long)f.answers, f.seconds,
           (long long)f.cpu_us, (long long)f.p50_us, (long long)f.p99_us, (long long)f.p999_us,
           (long long)f.most_us);
}

static void print_answer(int port, const char *path, const char *body_file)
{
    static struct connection connection;
    static struct request request;
    make_post(&request, path, body_file);
    connect_to(&connection, port);
    (void)ask(&connection, &request);
    fwrite(connection.answer, 1, connection.filled, stdout);
}

/* SECONDS CONNECTIONS PID [RATE] */
static void set_load(struct load *load, char **argv)
{
    load->seconds = atof(argv[0]);
    load->connections = atoi(argv[1]);
    load->pid = atol(argv[2]);
    load->rate = argv[3] == NULL ? 0 : atof(argv[3]);
}

static void load_same(char **argv)
{
    static struct request request;
    struct load load = {.port = atoi(argv[0]), .status = atoi(argv[3]), .next = same_request};
    set_load(&load, argv + 4);
    make_post(&request, argv[1], argv[2]);
    load.user = &request;
    print_figures(&load);
}

static void load_list(char **argv)
{
    struct load load = {.port = atoi(argv[0]), .next = list_next, .user = list_open(argv[1])};
    set_load(&load, argv + 2);
    print_figures(&load);
}

static void load_notices(char **argv)
{
    struct load load = {.port = atoi(argv[4]), .status = 200, .next = notices_next};
    set_load(&load, argv + 5);
    load.user = notices_open(atoi(argv[0]), argv[1], argv[2], argv[3]);
    print_figures(&load);
}

static void print_port(char **argv)
{
    (void)argv;
    printf("%d\n", free_port());
}

static void print_answer_of(char **argv)
{
    print_answer(atoi(argv[0]), argv[1], argv[2]);
}

static void print_spending(char **argv)
{
    struct spending s = spend(argv);
    printf("%lld %lld %lld\n", (long long)s.wall_us, (long long)s.cpu_us, (long long)s.most_kib);
}

static const struct {
    const char *name;
    int least, most; /* arguments */
    void (*run)(char **argv);
} commands[] = {
    {"port", 0, 0, print_port},      {"answer", 3, 3, print_answer_of},
    {"load", 7, 8, load_same},       {"list", 5, 6, load_list},
    {"notices", 8, 9, load_notices}, {"spend", 1, 1000, print_spending},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].least &&
            argc - 2 <= commands[i].most) {
            commands[i].run(argv + 2);
            return 0;
        }
    }
    fail("port | answer PORT PATH BODY | load PORT PATH BODY STATUS SECONDS CONNECTIONS PID [RATE] "
         "| list PORT FILE SECONDS CONNECTIONS PID [RATE] | notices PORT PATH BODY KEYFILE TO_PORT "
         "SECONDS CONNECTIONS PID [RATE] | spend COMMAND...");
}
