/* crowd - a bounded number of bad callers, for specs.
 *
 *   crowd KIND COUNT PORT
 *
 *   idle     one request and its answer, then silence on a connection that stays
 *   headers  a request whose headers come byte by byte and never end
 *   body     the same with its body
 *   reader   asks a thousand times and never reads
 *   connect  connects and says nothing
 *   flood    connects and leaves, COUNT at a time, again and again
 *
 * Prints "ready" when all of them stand, and goes on until standard input ends; then "open N", how many connections
 * the server has left open. Only 127.0.0.1, from addresses of the loopback network that differ by process and
 * thousand: the system looks for a free port among those of one address, longer the fewer are left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD_MAX = 15000, TICK_MS = 200, ASKED = 1000, SETTLE_MS = 2000 };

#define READY "GET /ready HTTP/1.1\r\nHost: crowd\r\n\r\n"

static const char *kind;
static int fds[CROWD_MAX];
static int count;
static struct sockaddr_in address = {.sin_family = AF_INET};

static bool is(const char *name)
{
    return strcmp(kind, name) == 0;
}

static int connect_one(int place)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    int small = 4096, yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    own.sin_addr.s_addr = htonl(0x7f000000U | ((uint32_t)getpid() & 0xffff) << 8 | (2U + (uint32_t)place / 1000U));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
    if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) != 0) {
        perror("bind");
        exit(1);
    }
    if (is("reader"))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT); /* the server may have closed: counted at the end */
}

static void begin(int fd)
{
    char answer[512];
    if (is("idle")) {
        say(fd, READY);
        (void)!recv(fd, answer, sizeof(answer), 0);
    } else if (is("headers")) {
        say(fd, "GET /ready HTTP/1.1\r\nX: ");
    } else if (is("body")) {
        say(fd, "POST /exoclick/bid HTTP/1.1\r\nHost: crowd\r\nContent-Length: 100000\r\n\r\n{");
    } else if (is("reader")) {
        for (int i = 0; i < ASKED; i++)
            say(fd, READY);
    }
}

static void tick(void)
{
    for (int i = 0; i < count; i++) {
        if (is("headers") || is("body"))
            say(fds[i], "x");
        if (!is("flood"))
            continue;
        close(fds[i]);
        fds[i] = connect_one(i);
    }
}

/* Reads what there is and throws it away, but not a reader's answers; true when the server has ended it. */
static bool is_ended(int fd)
{
    char bytes[4096];
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    if (poll(&state, 1, 0) > 0 && state.revents & (POLLRDHUP | POLLHUP | POLLERR))
        return true;
    return !is("reader") && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0;
}

static int count_open(void)
{
    int open = 0;
    for (int i = 0; i < count; i++)
        open += !is_ended(fds[i]);
    return open;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int open = 0;
    if (argc != 4 || (count = atoi(argv[2])) < 1 || count > CROWD_MAX)
        return 2;
    kind = argv[1];
    address.sin_port = htons((uint16_t)atoi(argv[3]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < count; i++) {
        fds[i] = connect_one(i);
        begin(fds[i]);
    }
    printf("ready\n");
    fflush(stdout);
    while (poll(&input, 1, is("flood") ? 0 : TICK_MS) == 0)
        tick();
    /* Where some have ended and others have not, the last ends may be on their way. */
    for (int wait_ms = 0; wait_ms < SETTLE_MS; wait_ms += 10) {
        open = count_open();
        if (open == 0 || open == count)
            break;
        poll(NULL, 0, 10);
    }
    printf("open %d\n", open);
    return 0;
}
