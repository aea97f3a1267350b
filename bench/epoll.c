/* epoll.c - the least that an HTTP server can be: what a bidder's CPU time is compared with.
 *
 *   epoll PORT ANSWER      on 127.0.0.1; ANSWER is a file with a whole HTTP answer
 *
 * It frames requests (end of headers, Content-Length, several in one read) and looks at nothing
 * else in them. One thread, level-triggered epoll, one read and one write a request; ends on any
 * signal that ends a program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 32768, EVENTS_MAX = 256, BACKLOG = 1024 };

struct connection {
    int fd;
    size_t filled;
    char buffer[BUFFER_BYTES]; /* unanswered requests, the first one from the start */
};

static char answer[BUFFER_BYTES];
static size_t answer_bytes;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void read_answer(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        fail(name);
    answer_bytes = fread(answer, 1, sizeof(answer), file);
    fclose(file);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0)
        fail("listen");
    return fd;
}

static void accept_one(int poll, int listener)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        fail("calloc");
    connection->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static size_t content_length(const char *head, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *line = head; line < end; line++) {
        line = memchr(line, '\r', (size_t)(end - line));
        if (line == NULL)
            break;
        if (strncasecmp(line, name, sizeof(name) - 1) == 0)
            return strtoul(line + sizeof(name) - 1, NULL, 10);
    }
    return 0;
}

/* The bytes of the first request in the buffer, 0 if it is not complete. */
static size_t first_request(const char *buffer, size_t filled)
{
    const char *end = memmem(buffer, filled, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t total = (size_t)(end - buffer) + 4 + content_length(buffer, end);
    return total <= filled ? total : 0;
}

/* Answers every complete request in the buffer and keeps the rest. A peer that does not take an
 * answer is not waited for. False: the connection has no future. */
static bool answer_requests(struct connection *connection)
{
    size_t done = 0, request;
    while ((request = first_request(connection->buffer + done, connection->filled - done)) > 0) {
        if (send(connection->fd, answer, answer_bytes, MSG_NOSIGNAL) != (ssize_t)answer_bytes)
            return false;
        done += request;
    }
    connection->filled -= done;
    memmove(connection->buffer, connection->buffer + done, connection->filled);
    return connection->filled < BUFFER_BYTES;
}

static void serve(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->buffer + connection->filled,
                       BUFFER_BYTES - connection->filled, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        connection->filled += (size_t)got;
        if (answer_requests(connection))
            return;
    }
    close(connection->fd);
    free(connection);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("epoll PORT ANSWER\n", stderr);
        return 2;
    }
    read_answer(argv[2]);
    int listener = listen_on(atoi(argv[1]));
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.ptr = NULL};
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) != 0)
        fail("epoll");
    for (;;) {
        int n = epoll_wait(poll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_one(poll, listener);
            else
                serve(events[i].data.ptr);
        }
    }
}
