/* test_alloc.c - a request on a kept connection takes no memory from the system, and of system
 * calls one read and one write beside the loop's wait. What the bidder takes in between is counted
 * by unit/bidder/alloc.
 *
 * This program's own malloc, calloc, realloc, read, recv, write, send, writev and epoll_ctl stand before those
 * of the C library and count; libuv calls them too.
 */
#include "rig.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef __has_feature /* clang's way to tell; gcc has a macro */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define COUNTS 0 /* the sanitizer stands there itself */
#else
#define COUNTS 1
#endif

enum { WARM_UP = 50, REQUESTS = 500, BODY_BYTES = 1500 };

static struct {
    atomic_ulong allocations, reads, writes, others;
} calls;

#if COUNTS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&calls.allocations, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&calls.allocations, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    atomic_fetch_add(&calls.allocations, 1);
    return __libc_realloc(p, size);
}

ssize_t read(int fd, void *data, size_t size)
{
    atomic_fetch_add(&calls.reads, 1);
    return syscall(SYS_read, fd, data, size);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    atomic_fetch_add(&calls.reads, 1);
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

ssize_t write(int fd, const void *data, size_t size)
{
    atomic_fetch_add(&calls.writes, 1);
    return syscall(SYS_write, fd, data, size);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    atomic_fetch_add(&calls.writes, 1);
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    atomic_fetch_add(&calls.writes, 1);
    return syscall(SYS_writev, fd, pieces, count);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    atomic_fetch_add(&calls.others, 1);
    return (int)syscall(SYS_epoll_ctl, epoll, what, fd, event);
}
#endif

static char request[BODY_BYTES + 256];

static void on_request(void *user, struct mb_http_exchange *exchange,
                       const struct mb_http_request *asked)
{
    (void)user;
    assert_int_equal(asked->body.len, BODY_BYTES);
    mb_http_respond(exchange,
                    &(struct mb_http_response){.status = 200,
                                               .content_type = "application/json",
                                               .body = mb_slice(asked->body.data, BODY_BYTES / 2)});
}

/* True when all of the answer has been heard: its body, and some head. */
static bool hear(int fd, size_t *heard)
{
    char answer[4096];
    ssize_t n = recvfrom(fd, answer, sizeof(answer), MSG_DONTWAIT, NULL, NULL);

    *heard += n > 0 ? (size_t)n : 0;
    return *heard > BODY_BYTES / 2 + 40;
}

/* Sends `count` requests, each when the last one's answer is here, by other calls than those that
 * are counted. */
static void talk(struct rig *rig, int fd, size_t len, int count)
{
    for (int i = 0; i < count; i++) {
        size_t heard = 0;

        assert_int_equal(sendto(fd, request, len, 0, NULL, 0), len);
        RIG_WAIT(rig, fd, hear(fd, &heard));
    }
}

static void a_request_takes_no_memory_one_read_and_one_write(void **state)
{
    struct rig rig;
    unsigned long allocations, reads, writes, others;

    (void)state;
    if (!COUNTS) {
        print_message("skipped: the sanitizer stands before the C library\n");
        skip();
    }
    int head = snprintf(request, sizeof(request),
                        "POST /bid HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n",
                        BODY_BYTES);
    memset(request + head, 'x', BODY_BYTES);
    rig_start_with(&rig, NULL, on_request);
    int fd = rig_connect(&rig);
    talk(&rig, fd, (size_t)head + BODY_BYTES, WARM_UP);
    allocations = calls.allocations, reads = calls.reads, writes = calls.writes,
    others = calls.others;
    talk(&rig, fd, (size_t)head + BODY_BYTES, REQUESTS);
    allocations = calls.allocations - allocations, reads = calls.reads - reads;
    writes = calls.writes - writes, others = calls.others - others;
    print_message("%d requests: %lu allocations, %lu reads, %lu writes, %lu times epoll_ctl\n",
                  REQUESTS, allocations, reads, writes, others);
    assert_int_equal(allocations, 0);
    assert_int_equal(reads, REQUESTS);
    assert_int_equal(writes, REQUESTS);
    assert_int_equal(others, 0);
    close(fd);
    rig_stop(&rig);
    assert_true(calls.allocations > 0 &&
                calls.others > 0); /* counting counts: the connection took some */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_takes_no_memory_one_read_and_one_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
