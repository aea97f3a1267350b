/* line.c - packets between workers and the bookkeeper, over a local socket that keeps their bounds.
 *
 * The listener is the supervisor's, so connecting works, and waits, while no bookkeeper lives.
 */
#include "books.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BACKLOG = 512, BUFFER_BYTES = 1 << 20 };

/* The system gives as much as it allows; the usual 208 KiB is enough for any packet. */
static void widen(int fd)
{
    int bytes = BUFFER_BYTES;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int mb__line_listen(int *fd, struct mb__line_address *address, struct mb_error *err)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};

    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address->len = sizeof(address->name);
    /* A name of no bytes: the system picks one that is free. */
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&any, offsetof(struct sockaddr_un, sun_path)) ||
        listen(*fd, BACKLOG) ||
        getsockname(*fd, (struct sockaddr *)&address->name, &address->len)) {
        int rc = mb_fail(err, MB_EIO, NULL, "no socket for the books: %s", strerror(errno));

        if (*fd >= 0) {
            close(*fd);
        }
        *fd = -1;
        return rc;
    }
    return 0;
}

int mb__line_connect(const struct mb__line_address *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address->name, address->len) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    if (fd >= 0) {
        widen(fd);
    }
    return fd;
}

/* The address is no secret on this machine. */
static bool is_one_of_us(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

int mb__line_accept(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (is_one_of_us(fd)) {
            widen(fd);
            return fd;
        }
        mb_log(MB_LOG_WARN, "process", "another user's process wanted to write the books", NULL);
        close(fd);
    }
    return -1;
}

int mb__line_send(int fd, const struct mb__packet *packet, struct mb_slice text)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)packet, sizeof(*packet)},
                             {(void *)(uintptr_t)text.data, text.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = text.len > 0 ? 2 : 1};
    ssize_t sent;

    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    }
    return 1;
}

int mb__line_receive(int fd, struct mb__packet *packet, char room[MB__LINE_ROOM],
                     struct mb_slice *text)
{
    struct iovec parts[2] = {{packet, sizeof(*packet)}, {room, MB__LINE_ROOM}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got;

    do {
        got = recvmsg(fd, &message, MSG_DONTWAIT);
        /* A reset, told once, is an end before it had read all of ours; what it sent is still
         * there. */
    } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    }
    if ((size_t)got < sizeof(*packet) || (message.msg_flags & MSG_TRUNC)) {
        return -1;
    }
    *text = mb_slice(room, (size_t)got - sizeof(*packet));
    return 1;
}

/* --- events in a packet --- */

struct item {
    int64_t sequence;
    int64_t bytes; /* of the text behind it */
};
_Static_assert(sizeof(struct item) + MB__LINE_TEXT_MAX <= MB__LINE_ROOM, "the longest event fits");

/* Beyond this an event starts a packet of its own: the system finds small buffers more easily. */
enum { PACKET_BYTES = 32 * 1024 };

bool mb__line_add_event(struct mb_buf *packet_text, int64_t sequence, const struct mb_event *event)
{
    struct item item = {sequence, (int64_t)mb_ledger_packed_bytes(event)};

    if (packet_text->len > 0 &&
        packet_text->len + sizeof(item) + (size_t)item.bytes > PACKET_BYTES) {
        return false;
    }
    mb_xbuf_add(packet_text, &item, sizeof(item));
    mb_xledger_pack_event(event, packet_text);
    return true;
}

int mb__line_next_event(struct mb_slice *rest, int64_t *sequence, struct mb_event *event)
{
    struct item item;
    struct mb_slice bytes;

    if (rest->len == 0) {
        return 0;
    }
    if (rest->len < sizeof(item)) {
        return -1;
    }
    memcpy(&item, rest->data, sizeof(item));
    *rest = mb_slice(rest->data + sizeof(item), rest->len - sizeof(item));
    if (item.bytes < 0 || (uint64_t)item.bytes > rest->len) {
        return -1;
    }
    *sequence = item.sequence;
    bytes = mb_slice(rest->data, (size_t)item.bytes);
    *rest = mb_slice(rest->data + bytes.len, rest->len - bytes.len);
    return mb_ledger_unpack_event(bytes, event) ? -1 : 1;
}

/* As JSON a byte has at most six, and the names of all fields take less than 2 KB. */
static bool is_short(const struct mb_event *event)
{
    return mb_ledger_packed_bytes(event) < (MB__LINE_TEXT_MAX - 2048) / 6;
}

static bool fits(const struct mb_event *event, struct mb_buf *scratch)
{
    mb_buf_clear(scratch);
    mb_xledger_write_event(event, scratch);
    return scratch->len <= MB__LINE_TEXT_MAX;
}

bool mb__line_fit_event(struct mb_event *event, bool *cut)
{
    struct mb_slice *const spare[] = {&event->raw,      &event->full_tag_info, &event->responses,
                                      &event->bid_info, &event->tags,          &event->userdata_json,
                                      &event->referrer, &event->user_agent,    &event->custom_data};
    struct mb_buf scratch = {0};
    bool ok = is_short(event) || fits(event, &scratch);
    size_t i = 0;

    for (*cut = false; !ok && i < sizeof(spare) / sizeof(spare[0]); i++) {
        *cut = *cut || mb_slice_present(*spare[i]);
        *spare[i] = MB_SLICE_NONE;
        ok = fits(event, &scratch);
    }
    mb_buf_fini(&scratch);
    return ok;
}
