/* client.c - the load of the benchmarks: one request over N kept connections, each sent again as
 * soon as its answer is complete.
 *
 *   client port                                    prints a free port of the loopback
 *   client answer PORT PATH BODY                   sends one request, prints the raw answer
 *   client load PORT PATH BODY STATUS SECONDS CONNECTIONS PID
 *                                                  prints: requests seconds cpu_us
 *
 * `load` checks that every answer has STATUS and ends where its Content-Length says; anything else
 * ends it with status 1 and a line. The first WARM_UP_US are not counted. cpu_us is what process
 * PID and its descendants spent, user and system, within the counted time.
 *
 * One thread, and no allocation per request, so that the server stays the bottleneck. It never
 * sleeps: waking it would cost the server some microseconds an answer, more often the slower the
 * server is, which a client behind a network does not do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_US INT64_C(300000)
#define START_US INT64_C(5000000)  /* for a server just started to listen */
#define ANSWER_US INT64_C(5000000) /* silence for so long is a failure */

enum { CONNECTIONS_MAX = 1024, REQUEST_MAX = 65536, ANSWER_MAX = 65536, EVENTS_MAX = 256 };

struct connection {
    int fd;
    size_t filled; /* bytes of the answer so far */
    char answer[ANSWER_MAX];
};

static char request[REQUEST_MAX];
static size_t request_bytes;
static struct connection connections[CONNECTIONS_MAX];

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What is sent: the headers that ExoClick documents, and the file's bytes. */
static void make_request(const char *path, const char *body_file)
{
    static char body[REQUEST_MAX / 2];
    FILE *file = fopen(body_file, "rb");
    if (file == NULL)
        fail("%s: %s", body_file, strerror(errno));
    size_t body_bytes = fread(body, 1, sizeof(body), file);
    if (body_bytes == 0 || body_bytes == sizeof(body))
        fail("%s: must hold between 1 and %zu bytes", body_file, sizeof(body) - 1);
    fclose(file);
    int head = snprintf(request, sizeof(request) - body_bytes,
                        "POST %s HTTP/1.1\r\nHost: bidder.example\r\nConnection: Keep-Alive\r\n"
                        "Content-Type: application/json\r\nx-exadsrtb-version: 1.0\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        path, body_bytes);
    if (head < 0 || (size_t)head >= sizeof(request) - body_bytes)
        fail("the path is too long");
    memcpy(request + head, body, body_bytes);
    request_bytes = (size_t)head + body_bytes;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int64_t deadline = now_us() + START_US;
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            fail("socket: %s", strerror(errno));
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
            int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            return fd;
        }
        if (errno != ECONNREFUSED || now_us() > deadline)
            fail("cannot connect to port %d: %s", port, strerror(errno));
        close(fd);
        usleep(10000);
    }
}

static void send_request(const struct connection *connection)
{
    ssize_t sent = send(connection->fd, request, request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)request_bytes)
        fail("cannot send: %s", sent < 0 ? strerror(errno) : "the socket is full");
}

/* The length of the answer's body: 0 where no header names it (204). */
static size_t body_length(const char *head, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *line = head; line < end; line++) {
        line = memchr(line, '\r', (size_t)(end - line) + 1);
        if (line == NULL || line >= end)
            break;
        if (strncasecmp(line, name, sizeof(name) - 1) == 0)
            return strtoul(line + sizeof(name) - 1, NULL, 10);
    }
    return 0;
}

/* Takes what has arrived. Gives the answer's status once it is complete, 0 before. */
static int receive(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->answer + connection->filled,
                       sizeof(connection->answer) - 1 - connection->filled, 0);
    if (got <= 0)
        fail("the server closed a connection: %s", got < 0 ? strerror(errno) : "end of stream");
    connection->filled += (size_t)got;
    connection->answer[connection->filled] = '\0';
    char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    size_t total = (size_t)(end - connection->answer) + 4 + body_length(connection->answer, end);
    if (connection->filled < total)
        return 0;
    if (connection->filled > total || strncmp(connection->answer, "HTTP/1.1 ", 9) != 0)
        fail("an answer is no HTTP/1.1 answer, or longer than it says");
    return atoi(connection->answer + 9);
}

/* Ticks, user and system, of a process and all below it; each is counted with its own threads. */
static int64_t cpu_ticks(long pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *stat = fopen(path, "r");
    if (stat == NULL)
        fail("%s: %s", path, strerror(errno));
    long long user = 0, system = 0;
    /* After "pid (name) state" come ten numbers; no server here has a parenthesis in its name. */
    if (fscanf(stat, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user,
               &system) != 2)
        fail("%s: not as expected", path);
    fclose(stat);
    int64_t ticks = user + system;
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
    FILE *children = fopen(path, "r");
    long child;
    while (children != NULL && fscanf(children, "%ld", &child) == 1)
        ticks += cpu_ticks(child);
    if (children != NULL)
        fclose(children);
    return ticks;
}

/* Answers and sends until `until_us`; gives the number of answers. */
static int64_t exchange_until(int poll, int status, int64_t until_us)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t answers = 0, now, last_us = now_us();
    while ((now = now_us()) < until_us) {
        int n = epoll_wait(poll, events, EVENTS_MAX, 0);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        if (n > 0)
            last_us = now;
        else if (now - last_us > ANSWER_US)
            fail("no answer for %lld s", (long long)(ANSWER_US / 1000000));
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            int got = receive(connection);
            if (got == 0)
                continue;
            if (got != status)
                fail("status %d, expected %d: %s", got, status, connection->answer);
            answers++;
            connection->filled = 0;
            send_request(connection);
        }
    }
    return answers;
}

static void load(int port, int status, double seconds, int n, long pid)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        connections[i].fd = connect_to(port);
        if (epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
            fail("epoll_ctl: %s", strerror(errno));
        send_request(&connections[i]);
    }
    exchange_until(poll, status, now_us() + WARM_UP_US);
    int64_t start_us = now_us(), start_ticks = cpu_ticks(pid);
    int64_t answers = exchange_until(poll, status, start_us + (int64_t)(seconds * 1e6));
    int64_t ticks = cpu_ticks(pid) - start_ticks, took_us = now_us() - start_us;
    printf("%lld %.6f %lld\n", (long long)answers, (double)took_us / 1e6,
           (long long)(ticks * 1000000 / sysconf(_SC_CLK_TCK)));
}

static void print_answer(int port)
{
    struct connection *connection = &connections[0];
    connection->fd = connect_to(port);
    send_request(connection);
    while (receive(connection) == 0)
        continue;
    fwrite(connection->answer, 1, connection->filled, stdout);
}

static void print_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        fail("no free port: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "port") == 0) {
        print_free_port();
    } else if (argc == 5 && strcmp(argv[1], "answer") == 0) {
        make_request(argv[3], argv[4]);
        print_answer(atoi(argv[2]));
    } else if (argc == 9 && strcmp(argv[1], "load") == 0) {
        int n = atoi(argv[7]);
        if (n < 1 || n > CONNECTIONS_MAX)
            fail("between 1 and %d connections", CONNECTIONS_MAX);
        make_request(argv[3], argv[4]);
        load(atoi(argv[2]), atoi(argv[5]), atof(argv[6]), n, atol(argv[8]));
    } else {
        fail("port | answer PORT PATH BODY | load PORT PATH BODY STATUS SECONDS CONNECTIONS PID");
    }
    return 0;
}
