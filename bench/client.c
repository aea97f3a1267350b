/* client.c - the load of the benchmarks.
 *
 *   client port                             prints a free port of the loopback
 *   client answer PORT PATH BODY            sends one request, prints the raw answer
 *   client load PORT PATH BODY STATUS SECONDS CONNECTIONS PID [RATE]
 *   client notices PORT PATH BODY KEYFILE TO_PORT SECONDS CONNECTIONS PID [RATE]
 *
 * BODY is a file, PATH where a bid is asked for. `load` sends the same request again and again;
 * `notices` tells TO_PORT of as many bids as it sends notices, modelled on the one that BODY brings
 * from PORT, whose key KEYFILE has.
 * Without RATE, or with 0, each connection sends when it has its answer. Both print
 *
 *   answers seconds cpu_us p50_us p99_us p99.9_us most_us
 *
 * cpu_us is what process PID and its descendants spent, user and system; the times are from when a
 * request was due to the end of its answer. An answer of another status than STATUS, or one that
 * does not end where its Content-Length says, ends it with status 1.
 */
#include "load.h"
#include "notices.h"

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

int main(int argc, char **argv)
{
    static struct request request;
    struct load load = {0};
    if (argc == 2 && strcmp(argv[1], "port") == 0) {
        printf("%d\n", free_port());
    } else if (argc == 5 && strcmp(argv[1], "answer") == 0) {
        print_answer(atoi(argv[2]), argv[3], argv[4]);
    } else if ((argc == 9 || argc == 10) && strcmp(argv[1], "load") == 0) {
        set_load(&load, argv + 6);
        load.port = atoi(argv[2]);
        make_post(&request, argv[3], argv[4]);
        load.status = atoi(argv[5]);
        load.next = same_request;
        load.user = &request;
        print_figures(&load);
    } else if ((argc == 10 || argc == 11) && strcmp(argv[1], "notices") == 0) {
        set_load(&load, argv + 7);
        load.port = atoi(argv[6]);
        load.status = 200;
        load.next = notices_next;
        load.user = notices_open(atoi(argv[2]), argv[3], argv[4], argv[5]);
        print_figures(&load);
    } else {
        fail("port | answer PORT PATH BODY | load PORT PATH BODY STATUS SECONDS CONNECTIONS PID "
             "[RATE] | notices PORT PATH BODY KEYFILE TO_PORT SECONDS CONNECTIONS PID [RATE]");
    }
    return 0;
}
