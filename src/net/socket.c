/* socket.c - bytes from and to a connection's socket, by the calls that are made for sockets.
 *
 * libuv reads and writes by read(2) and write(2), whose checks for files cost a bid some hundredths
 * more in the kernel than recv(2) and send(2). What a socket does not take at once still goes by
 * uv_write, and libuv says when there is something to read.
 */
#include "internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

ssize_t mb__net_socket_receive(const uv_tcp_t *tcp, char *out, size_t size)
{
    uv_os_fd_t fd;
    ssize_t got;
    int failed = uv_fileno((const uv_handle_t *)tcp, &fd);
    if (failed != 0)
        return failed;
    do
        got = recv(fd, out, size, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -errno;
    return got > 0 ? got : UV_EOF;
}

ssize_t mb__net_socket_send(const uv_tcp_t *tcp, struct mb_slice bytes)
{
    uv_os_fd_t fd;
    ssize_t sent;
    int failed = uv_fileno((const uv_handle_t *)tcp, &fd);
    if (failed != 0)
        return failed;
    do
        sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
    return sent;
}

size_t mb__net_socket_untaken(const uv_tcp_t *tcp)
{
    uv_os_fd_t fd;
    int bytes = 0;
    bool known = uv_fileno((const uv_handle_t *)tcp, &fd) == 0 && ioctl(fd, SIOCOUTQ, &bytes) == 0;
    return known && bytes > 0 ? (size_t)bytes : 0;
}
