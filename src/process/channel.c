/* channel.c - letters between the supervisor and a worker: one packet each, so there is nothing to
 * put together, and descriptors can go along.
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

union with_fds {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * MB__PIECES)];
};

/* Puts the descriptors that there are into `control`; gives which they are, a bit each. */
static uint32_t pack(const struct mb__parcel *parcel, union with_fds *control, struct msghdr *message)
{
    int fds[MB__PIECES];
    uint32_t pieces = 0, count = 0, i;
    struct cmsghdr *item;

    for (i = 0; parcel && i < MB__PIECES; i++) {
        if (parcel->fds[i] >= 0) {
            fds[count++] = parcel->fds[i];
            pieces |= 1u << i;
        }
    }
    if (count > 0) {
        memset(control, 0, sizeof(*control));
        message->msg_control = control->bytes;
        message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
        item = CMSG_FIRSTHDR(message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(item), fds, sizeof(int) * count);
    }
    return pieces;
}

bool mb__channel_send(int fd, const struct mb__letter_head *head, const struct mb__parcel *parcel)
{
    struct mb__letter_head sent = *head;
    struct iovec part = {&sent, sizeof(sent)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union with_fds control;
    ssize_t n;

    sent.pieces = pack(parcel, &control, &message);
    do {
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

static void unpack(struct msghdr *message, uint32_t pieces, struct mb__parcel *out)
{
    struct cmsghdr *item = CMSG_FIRSTHDR(message);
    size_t count = 0, at = 0, i;
    int fds[MB__PIECES];

    if (item && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
        count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(item), count * sizeof(int));
    }
    for (i = 0; i < MB__PIECES && at < count; i++) {
        if (pieces & (1u << i)) {
            out->fds[i] = fds[at++];
        }
    }
}

int mb__channel_receive(int fd, struct mb__letter *out)
{
    struct iovec part = {&out->head, sizeof(out->head)};
    union with_fds control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    out->parcel = MB__PARCEL_EMPTY;
    do {
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    if (n != (ssize_t)sizeof(out->head)) {
        return -1;
    }
    unpack(&message, out->head.pieces, &out->parcel);
    return 1;
}
