/* alone.c - runs a command in a network of its own.
 *
 *     alone COMMAND [ARGUMENT...]
 *
 * Only loopback is there, and every port is free: so the commands of a page can be tried as they
 * are printed, whatever else listens on the machine. Exit 125 where the system does not allow it
 * (a container may not), else the command's.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOT_ALLOWED = 125 };

static int enter(void)
{
    if (unshare(CLONE_NEWNET) == 0) {
        return 0;
    }
    return unshare(CLONE_NEWUSER | CLONE_NEWNET);
}

static int raise_loopback(void)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    memcpy(request.ifr_name, "lo", sizeof("lo"));
    rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("alone COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    if (enter() || raise_loopback()) {
        fprintf(stderr, "alone: no network of our own: %s\n", strerror(errno));
        return NOT_ALLOWED;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "alone: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
