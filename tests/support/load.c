/* load.c - the traffic of specs that want a server under load.
 *
 *   load PORT PATH BODY_FILE SECONDS CONNECTIONS RATE [close]
 *
 * With `close` each request asks for the end of its connection, so that each has a new one.
 *
 * RATE requests a second are due at even distances, whatever the server does (an open loop); a
 * request that finds every connection busy waits for one, and its latency is counted from when it
 * was due, so that a server which stalls cannot hide it. RATE 0: each connection sends again as
 * soon as its answer is complete.
 *
 * Ends after SECONDS, at SIGTERM, or when nobody has listened for SILENT_US, once the requests that
 * are open are answered, with one line:
 *
 *   sent=9 answered=9 s200=8 s204=1 other=0 failed=0 refused=0 reset=0 broken=0 silent=0
 *   reconnects=0 rate=4999 p50_us=80 p99_us=210 max_us=400
 *
 * An answer is complete when it holds exactly what its Content-Length says. `failed` is the sum of
 * what follows it: connections refused, connections lost with a request open, answers that are no
 * HTTP or longer than they say, requests without an answer within SILENT_US. `reconnects` counts
 * connections that the server closed properly: after an answer that said so, or with none open.
 * Status 0 whenever it could run: what is good enough is the spec's to judge.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
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

#define SILENT_US INT64_C(30000000)
#define RETRY_US INT64_C(10000) /* after a connection was refused */
#define WAIT_US INT64_C(1000)   /* the longest sleep */
#define LOOK_US INT64_C(100000) /* for connections that are silent */

enum { CONNECTIONS_MAX = 1024, REQUEST_MAX = 65536, ANSWER_MAX = 65536, EVENTS_MAX = 256 };

struct connection {
    int fd;         /* -1: closed, to be opened again at retry_us */
    bool busy;      /* a request is open */
    int64_t due_us; /* when that request was due */
    int64_t sent_us;
    int64_t retry_us;
    size_t filled; /* bytes of the answer so far */
    struct connection *next_idle;
    char answer[ANSWER_MAX];
};

static struct connection connections[CONNECTIONS_MAX];
static struct connection *idle;
static int n_connections, n_busy, n_closed, poll_fd;
static struct sockaddr_in server;
static char request[REQUEST_MAX];
static size_t request_bytes;
static int64_t refused_since_us; /* 0: the last connection was not refused */
static volatile sig_atomic_t told_to_stop;

static struct {
    int64_t sent, answered, s200, s204, other, refused, reset, broken, silent, reconnects;
} counts;

static uint32_t *latencies_us;
static size_t n_latencies, latencies_room;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
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

static void make_request(const char *path, const char *body_file, bool close_after)
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
                        "POST %s HTTP/1.1\r\nHost: bidder.example\r\n%s"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        path, close_after ? "Connection: close\r\n" : "", body_bytes);
    if (head < 0 || (size_t)head >= sizeof(request) - body_bytes)
        fail("the path is too long");
    memcpy(request + head, body, body_bytes);
    request_bytes = (size_t)head + body_bytes;
}

/* --- connections --- */

static void make_idle(struct connection *connection)
{
    connection->busy = false;
    connection->filled = 0;
    connection->next_idle = idle;
    idle = connection;
}

/* On the loopback a connection is made, or refused, before connect() returns. */
static void open_connection(struct connection *connection, int64_t now)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
        counts.refused++;
        if (refused_since_us == 0)
            refused_since_us = now;
        connection->retry_us = now + RETRY_US;
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("a connection cannot be watched: %s", strerror(errno));
    connection->fd = fd;
    refused_since_us = 0;
    n_closed--;
    make_idle(connection);
}

static void drop_from_idle(const struct connection *connection)
{
    struct connection **at = &idle;
    while (*at != NULL && *at != connection)
        at = &(*at)->next_idle;
    if (*at != NULL)
        *at = connection->next_idle;
}

/* `why` is counted. The next look opens it again. */
static void close_connection(struct connection *connection, int64_t *why)
{
    (*why)++;
    if (connection->busy)
        n_busy--;
    else
        drop_from_idle(connection);
    close(connection->fd);
    connection->fd = -1;
    connection->busy = false;
    connection->retry_us = 0;
    n_closed++;
}

static void open_closed(int64_t now)
{
    for (int i = 0; n_closed > 0 && i < n_connections; i++)
        if (connections[i].fd < 0 && now >= connections[i].retry_us)
            open_connection(&connections[i], now);
}

static void drop_silent(int64_t now)
{
    for (int i = 0; i < n_connections; i++)
        if (connections[i].busy && now - connections[i].sent_us > SILENT_US)
            close_connection(&connections[i], &counts.silent);
}

static void send_request(struct connection *connection, int64_t due_us, int64_t now)
{
    counts.sent++;
    n_busy++;
    connection->busy = true;
    connection->due_us = due_us;
    connection->sent_us = now;
    ssize_t sent = send(connection->fd, request, request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)request_bytes)
        close_connection(connection, &counts.reset);
}

/* --- answers --- */

/* The value of a header, or NULL; `name` with its line break before and its colon. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = head; at + len < end; at++)
        if (*at == '\r' && strncasecmp(at, name, len) == 0)
            return at + len + strspn(at + len, " ");
    return NULL;
}

static void note_answer(struct connection *connection, const char *end)
{
    const char *says = header(connection->answer, end, "\r\nconnection:");
    int status = atoi(connection->answer + sizeof("HTTP/1.1 ") - 1);
    int64_t took = now_us() - connection->due_us;
    if (n_latencies == latencies_room) {
        latencies_room = latencies_room ? latencies_room * 2 : 65536;
        latencies_us = realloc(latencies_us, latencies_room * sizeof(*latencies_us));
        if (latencies_us == NULL)
            fail("no memory");
    }
    latencies_us[n_latencies++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    counts.answered++;
    counts.s200 += status == 200;
    counts.s204 += status == 204;
    counts.other += status != 200 && status != 204;
    if (says != NULL && strncasecmp(says, "close", 5) == 0) {
        close_connection(connection, &counts.reconnects);
        return;
    }
    n_busy--;
    make_idle(connection);
}

/* Takes what has arrived, and the answer once it is complete. */
static void receive(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->answer + connection->filled,
                       sizeof(connection->answer) - 1 - connection->filled, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        close_connection(connection, connection->busy ? &counts.reset : &counts.reconnects);
        return;
    }
    connection->filled += (size_t)got;
    connection->answer[connection->filled] = '\0';
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL && connection->filled < sizeof(connection->answer) - 1)
        return;
    const char *length = end ? header(connection->answer, end, "\r\ncontent-length:") : NULL;
    size_t total = end ? (size_t)(end - connection->answer) + 4 : 0;
    total += length ? strtoul(length, NULL, 10) : 0;
    if (!connection->busy || end == NULL || connection->filled > total ||
        total >= sizeof(connection->answer) || strncmp(connection->answer, "HTTP/1.1 ", 9) != 0)
        close_connection(connection, &counts.broken);
    else if (connection->filled == total)
        note_answer(connection, end);
}

/* --- the run --- */

static void take_events(int64_t wait_us)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = {.tv_nsec = wait_us * 1000};
    int n = epoll_pwait2(poll_fd, events, EVENTS_MAX, &wait, NULL);
    if (n < 0 && errno != EINTR)
        fail("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->fd >= 0)
            receive(connection);
    }
}

static bool is_gone(int64_t now)
{
    return refused_since_us > 0 && now - refused_since_us > SILENT_US;
}

static void look_after_connections(int64_t now)
{
    static int64_t looked_us;
    if (n_closed > 0)
        open_closed(now);
    if (now - looked_us > LOOK_US) {
        looked_us = now;
        drop_silent(now);
    }
}

static int64_t run(double seconds, double rate)
{
    int64_t start = now_us(), end = start + (int64_t)(seconds * 1e6), now, due;
    while ((now = now_us()) < end && !told_to_stop && !is_gone(now)) {
        look_after_connections(now);
        due = now;
        while (idle != NULL) {
            if (rate > 0 && (due = start + (int64_t)((double)counts.sent * 1e6 / rate)) > now)
                break;
            struct connection *connection = idle;
            idle = connection->next_idle;
            send_request(connection, due, now);
        }
        take_events(idle != NULL && due - now < WAIT_US ? due - now : WAIT_US);
    }
    int64_t took = now - start;
    while (n_busy > 0) {
        drop_silent(now_us());
        take_events(WAIT_US);
    }
    return took;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static unsigned percentile(int of_thousand)
{
    size_t at = n_latencies * (size_t)of_thousand / 1000;
    return n_latencies == 0 ? 0 : latencies_us[at < n_latencies ? at : n_latencies - 1];
}

static void print_counts(int64_t took_us)
{
    long long failed = counts.refused + counts.reset + counts.broken + counts.silent;
    if (n_latencies > 0)
        qsort(latencies_us, n_latencies, sizeof(*latencies_us), compare);
    printf("sent=%lld answered=%lld s200=%lld s204=%lld other=%lld failed=%lld refused=%lld "
           "reset=%lld broken=%lld silent=%lld reconnects=%lld rate=%lld p50_us=%u p99_us=%u "
           "max_us=%u\n",
           (long long)counts.sent, (long long)counts.answered, (long long)counts.s200,
           (long long)counts.s204, (long long)counts.other, failed, (long long)counts.refused,
           (long long)counts.reset, (long long)counts.broken, (long long)counts.silent,
           (long long)counts.reconnects, (long long)(counts.answered * 1000000 / (took_us + 1)),
           percentile(500), percentile(990), percentile(1000));
}

static void on_term(int number)
{
    (void)number;
    told_to_stop = 1;
}

int main(int argc, char **argv)
{
    /* A connect() that the signal comes into goes on: broken off it would count as refused. */
    struct sigaction action = {.sa_handler = on_term, .sa_flags = SA_RESTART};
    if (argc != 7 && !(argc == 8 && strcmp(argv[7], "close") == 0))
        fail("PORT PATH BODY_FILE SECONDS CONNECTIONS RATE [close]");
    sigaction(SIGTERM, &action, NULL);
    make_request(argv[2], argv[3], argc == 8);
    server = (struct sockaddr_in){.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    n_connections = n_closed = atoi(argv[5]);
    if (n_connections < 1 || n_connections > CONNECTIONS_MAX)
        fail("between 1 and %d connections", CONNECTIONS_MAX);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n_connections; i++)
        connections[i].fd = -1;
    print_counts(run(atof(argv[4]), atof(argv[6])));
    return 0;
}
