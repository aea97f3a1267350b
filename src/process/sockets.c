/* sockets.c - binds everything before the first fork, and never closes it while anybody serves.
 *
 * Each worker has a listening socket of its own for each address; they share the port (SO_REUSEPORT),
 * so the kernel spreads connections over them. A socket that a dead worker made itself would take
 * its queue of connections along; these stay, and the worker's siblings accept from them until its
 * successor does.
 *
 * Sockets that share a port do so silently, with a second server too. So the port is first bound
 * without sharing, which fails if anybody listens there.
 */
#include "supervisor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "moonbid/net.h"

enum { BACKLOG = 1024 }; /* the kernel cuts it to net.core.somaxconn */

static socklen_t size_of(const struct sockaddr_storage *at)
{
    return at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static in_port_t *port_of(struct sockaddr_storage *at)
{
    return at->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)at)->sin6_port
                                     : &((struct sockaddr_in *)at)->sin_port;
}

static int fail(struct mb_error *err, const char *address, int error)
{
    return mb_fail(err, error == EADDRINUSE ? MB_EBUSY : MB_EIO, address, "%s", strerror(error));
}

/* A socket bound to `at`, whose port is filled in where it was 0. */
static int bind_one(const char *address, struct sockaddr_storage *at, bool shares, int *out,
                    struct mb_error *err)
{
    socklen_t size = size_of(at);
    int yes = 1;
    int error;
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *out = -1;
    if (fd < 0) {
        return fail(err, address, errno);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        (shares && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0) ||
        bind(fd, (const struct sockaddr *)at, size) != 0 ||
        getsockname(fd, (struct sockaddr *)at, &size) != 0) {
        error = errno;
        close(fd);
        return fail(err, address, error);
    }
    *out = fd;
    return 0;
}

static int listen_one(const char *address, struct sockaddr_storage *at, bool shares, int *out,
                      struct mb_error *err)
{
    int rc = bind_one(address, at, shares, out, err);

    if (!rc && listen(*out, BACKLOG) != 0) {
        rc = fail(err, address, errno);
    }
    return rc;
}

/* Is somebody listening there? */
static int probe(const char *address, const struct sockaddr_storage *at, struct mb_error *err)
{
    struct sockaddr_storage copy = *at;
    int fd;
    int rc = *port_of(&copy) == 0 ? 0 : listen_one(address, &copy, false, &fd, err);

    if (*port_of(&copy) != 0 && fd >= 0) {
        close(fd);
    }
    return rc;
}

/* The host as it was given and the port that was taken. */
static void log_listening(const char *key, const char *address, uint16_t port)
{
    const char *colon = strrchr(address, ':');

    mb_log(MB_LOG_INFO, "process", "listening", "%s=%.*s:%u", key, (int)(colon - address), address,
           port);
}

static int parse(const char *address, struct sockaddr_storage *at, struct mb_error *err)
{
    if (!mb_net_parse_address(address, at)) {
        return mb_fail(err, MB_EINVAL, address, "not of the form 127.0.0.1:8080 or [::1]:8080");
    }
    return 0;
}

static int open_address(const char *address, size_t place, struct mb__sockets *sockets,
                        uint16_t *port, struct mb_error *err)
{
    struct sockaddr_storage at;
    uint32_t seat;
    int rc = parse(address, &at, err);

    rc = rc ? rc : probe(address, &at, err);
    for (seat = 0; !rc && seat < sockets->n_seats; seat++) {
        rc = listen_one(address, &at, true, &sockets->fds[seat * sockets->n_addresses + place],
                        err);
    }
    if (!rc) {
        *port = ntohs(*port_of(&at));
        log_listening("addr", address, *port);
    }
    return rc;
}

static int open_admin(const char *address, struct mb__sockets *sockets, struct mb_error *err)
{
    struct sockaddr_storage at;
    int rc = parse(address, &at, err);

    rc = rc ? rc : listen_one(address, &at, false, &sockets->admin_fd, err);
    if (!rc) {
        log_listening("admin", address, ntohs(*port_of(&at)));
    }
    return rc;
}

/* Nobody can know a free port beforehand, so a notice_url with port 0 means: where the first
 * listener is. */
static void complete_notice_url(struct mb_config *config, uint16_t port)
{
    if (mb_slice_ends(config->notice_url, MB_SLICE(":0"))) {
        config->notice_url =
            mb_xarena_printf(&config->arena, "%.*s%u", (int)config->notice_url.len - 1,
                             config->notice_url.data, port);
    }
}

void mb__complete_config(struct mb_config *config, uint16_t port, uint32_t connections)
{
    complete_notice_url(config, port);
    if (config->connections > connections) {
        config->connections = connections;
    }
}

int mb__sockets_open(const struct mb_config *config, uint32_t n_seats, struct mb__sockets *out,
                     struct mb_error *err)
{
    size_t i, count = config->listen.count * n_seats;
    uint16_t port = 0;
    int rc = 0;

    *out = (struct mb__sockets){config->listen.count, n_seats, malloc(count * sizeof(int)), -1, 0};
    if (!out->fds) {
        abort();
    }
    for (i = 0; i < count; i++) {
        out->fds[i] = -1;
    }
    if (config->admin) {
        rc = open_admin(config->admin, out, err);
    }
    for (i = 0; !rc && i < config->listen.count; i++) {
        rc = open_address(config->listen.items[i].data, i, out, &port, err);
        if (!rc && i == 0) {
            out->port = port;
        }
    }
    return rc;
}

void mb__sockets_close(struct mb__sockets *sockets)
{
    size_t i;

    for (i = 0; sockets->fds && i < sockets->n_addresses * sockets->n_seats; i++) {
        if (sockets->fds[i] >= 0) {
            close(sockets->fds[i]);
        }
    }
    if (sockets->admin_fd >= 0) {
        close(sockets->admin_fd);
    }
    free(sockets->fds);
    *sockets = (struct mb__sockets){.admin_fd = -1};
}
