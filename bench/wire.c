/* wire.c - sockets, answers and CPU time; see wire.h.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define START_US INT64_C(5000000) /* for a server just started to listen */

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void put_request(struct request *request, const char *path, const char *body, size_t bytes)
{
    char length[64] = "";
    if (bytes > 0)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", bytes);
    int head = snprintf(request->text, sizeof(request->text),
                        "%s %s HTTP/1.1\r\nHost: bidder.example\r\nConnection: Keep-Alive\r\n"
                        "Content-Type: application/json\r\nx-exadsrtb-version: 1.0\r\n"
                        "%s\r\n",
                        bytes > 0 ? "POST" : "GET", path, length);
    if (head < 0 || (size_t)head + bytes >= sizeof(request->text))
        fail("path and body are too long");
    memcpy(request->text + head, body, bytes);
    request->bytes = (size_t)head + bytes;
}

void make_post(struct request *request, const char *path, const char *body_file)
{
    static char body[REQUEST_MAX / 2];
    FILE *file = fopen(body_file, "rb");
    if (file == NULL)
        fail("%s: %s", body_file, strerror(errno));
    size_t body_bytes = fread(body, 1, sizeof(body), file);
    if (body_bytes == 0 || body_bytes == sizeof(body))
        fail("%s: must hold between 1 and %zu bytes", body_file, sizeof(body) - 1);
    fclose(file);
    put_request(request, path, body, body_bytes);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

void connect_to(struct connection *connection, int port)
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
            connection->fd = fd;
            return;
        }
        if (errno != ECONNREFUSED || now_us() > deadline)
            fail("cannot connect to port %d: %s", port, strerror(errno));
        close(fd);
        usleep(10000);
    }
}

int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        fail("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

void send_request(const struct connection *connection, const struct request *request)
{
    ssize_t sent = send(connection->fd, request->text, request->bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)request->bytes)
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

int receive(struct connection *connection)
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

int ask(struct connection *connection, const struct request *request)
{
    int status;
    connection->filled = 0;
    send_request(connection, request);
    while ((status = receive(connection)) == 0)
        continue;
    return status;
}

/* What a thread was on a processor, from the scheduler: utime and stime of `stat` come in steps of 10 ms, which is a
 * hundredth of a round. */
static int64_t thread_ns(long pid, long thread)
{
    char path[64];
    long long ns = 0;
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", pid, thread);
    FILE *stat = fopen(path, "r");
    if (stat == NULL) /* it has ended since the folder was read */
        return 0;
    if (fscanf(stat, "%lld", &ns) != 1)
        fail("%s: not as expected", path);
    fclose(stat);
    return ns;
}

/* Of the process and its descendants. */
static int64_t cpu_ns(long pid)
{
    char path[64];
    int64_t ns = 0;
    snprintf(path, sizeof(path), "/proc/%ld/task", pid);
    DIR *threads = opendir(path);
    if (threads == NULL)
        fail("%s: %s", path, strerror(errno));
    for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads))
        if (entry->d_name[0] != '.')
            ns += thread_ns(pid, atol(entry->d_name));
    closedir(threads);
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, pid);
    FILE *children = fopen(path, "r");
    long child;
    while (children != NULL && fscanf(children, "%ld", &child) == 1)
        ns += cpu_ns(child);
    if (children != NULL)
        fclose(children);
    return ns;
}

int64_t cpu_us(long pid)
{
    return cpu_ns(pid) / 1000;
}
