/* wire.h - what the clients of the benchmarks share: connections, answers, CPU time of a server.
 *
 * Whatever goes wrong ends the program with status 1 and a line: a figure beside a failure would
 * be worth nothing.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONNECTIONS_MAX = 4096, REQUEST_MAX = 65536, ANSWER_MAX = 65536 };

struct connection {
    int fd;
    size_t filled;  /* bytes of the answer so far */
    int64_t due_us; /* when the request that waits for its answer was to be sent */
    char answer[ANSWER_MAX];
};

struct request {
    size_t bytes;
    char text[REQUEST_MAX];
};

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);
int64_t now_us(void);

/* A POST of the file's bytes, or of those, with the headers that ExoClick documents; a GET where
 * there are none. */
void make_post(struct request *request, const char *path, const char *body_file);
void put_request(struct request *request, const char *path, const char *body, size_t bytes);
/* Waits for a server that has just been started. */
void connect_to(struct connection *connection, int port);
int free_port(void);

void send_request(const struct connection *connection, const struct request *request);
/* Takes what has arrived. Gives the answer's status once it is complete, 0 before. */
int receive(struct connection *connection);
/* Both, and waits: the status. */
int ask(struct connection *connection, const struct request *request);

/* User and system time of a process and all below it. */
int64_t cpu_us(long pid);

#endif
