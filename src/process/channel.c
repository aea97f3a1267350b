/* channel.c - letters between the supervisor and a worker: one packet each, so there is nothing to
 * put together, and a descriptor can go along.
 */
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int mb__channel_open(int fds[2], struct mb_error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        return mb_fail(err, MB_EIO, NULL, "no socket pair: %s", strerror(errno));
    }
    return 0;
}

union with_fd {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool mb__channel_send(int fd, const struct mb__letter_head *head, struct mb_slice text, int pass_fd)
{
    struct mb__letter_head sent = *head;
    struct iovec parts[2] = {{&sent, sizeof(sent)}, {(char *)(uintptr_t)text.data, text.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    union with_fd control;
    ssize_t n;

    sent.text_len = (uint32_t)text.len;
    if (pass_fd >= 0) {
        struct cmsghdr *item;

        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(item), &pass_fd, sizeof(int));
    }
    do {
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

static int passed_fd(struct msghdr *message)
{
    struct cmsghdr *item = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (item && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
        memcpy(&fd, CMSG_DATA(item), sizeof(fd));
    }
    return fd;
}

int mb__channel_receive(int fd, struct mb__letter *out)
{
    struct iovec parts[2] = {{&out->head, sizeof(out->head)}, {out->text, MB__LETTER_TEXT_MAX}};
    union with_fd control;
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    out->fd = -1;
    do {
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    if (n < 0 || (size_t)n < sizeof(out->head)) {
        return -1;
    }
    out->head.text_len = (uint32_t)((size_t)n - sizeof(out->head));
    out->text[out->head.text_len] = '\0';
    out->fd = passed_fd(&message);
    return 1;
}
