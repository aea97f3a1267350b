/* log.c - a line is built on the stack and handed to the system in one write.
 *
 * A log that blocks stops bidding, so the descriptor is asked first whether it takes a line: a pipe
 * that polls writable has room for PIPE_BUF bytes, and no line is longer. Another process that
 * shares the pipe may take the room meanwhile, so the write itself must not wait either. (O_NONBLOCK
 * is not set here: it would belong to everybody who shares the terminal or pipe. RWF_NOWAIT holds
 * for one write; what does not know it is no pipe, or of a kernel before 6.4.) What does not go out
 * is counted and said on the next line that does.
 */
#include "moonbid/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "moonbid/base/time.h"

/* Kept free in a line for its end: the count of what was dropped, closing quote and brace, newline.
 */
#define TAIL_BYTES 64

struct line {
    char data[MB_LOG_LINE_MAX];
    size_t len;
    size_t limit; /* len stays at or below it */
    bool json;
};

static struct {
    enum mb_log_level least;
    int fd; /* lines go there */
    const char *path; /* of a log file; NULL: standard error */
    const _Atomic int *shared_least; /* goes before `least` where there is one */
    enum mb_log_format format;
    void (*sink)(void *user, enum mb_log_level level, const char *line, size_t len);
    void *user;
    _Atomic uint64_t dropped;  /* ever */
    _Atomic uint64_t reported; /* of these, said on a line */
} state = {.least = MB_LOG_INFO, .fd = STDERR_FILENO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void mb_log_setup(enum mb_log_level least, enum mb_log_format format)
{
    state.least = least;
    state.format = format;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

int mb_log_open(const char *path, struct mb_error *err)
{
    int fd = open_file(path);
    if (fd < 0)
        return mb_fail(err, MB_EIO, path, "cannot be written: %s", strerror(errno));
    state.fd = fd;
    state.path = path;
    return 0;
}

/* The number stays, so that a line that is being written by another thread goes to one or the other. */
bool mb_log_reopen(void)
{
    int saved_errno = errno;
    int fd = state.path ? open_file(state.path) : -1;
    bool done = fd >= 0 && dup3(fd, state.fd, O_CLOEXEC) >= 0;
    if (fd >= 0)
        close(fd);
    errno = saved_errno;
    return done;
}

void mb_log_follow(const _Atomic int *least)
{
    state.shared_least = least;
}

const char *mb_log_level_name(enum mb_log_level level)
{
    return level_names[level];
}

bool mb_log_level_of(struct mb_slice name, enum mb_log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (mb_slice_is(name, level_names[i])) {
            *out = (enum mb_log_level)i;
            return true;
        }
    }
    return false;
}

static int least_level(void)
{
    return state.shared_least ? atomic_load_explicit(state.shared_least, memory_order_relaxed)
                              : (int)state.least;
}

void mb_log_redirect(void (*sink)(void *user, enum mb_log_level level, const char *line,
                                  size_t len),
                     void *user)
{
    state.sink = sink;
    state.user = user;
}

uint64_t mb_log_dropped(void)
{
    return atomic_load_explicit(&state.dropped, memory_order_relaxed);
}

/* All or nothing, so that no escape is cut in two. */
static bool put(struct line *line, const char *data, size_t len)
{
    if (line->limit - line->len < len)
        return false;
    memcpy(line->data + line->len, data, len);
    line->len += len;
    return true;
}

static bool put_text(struct line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* A control character, or the two bytes of one of U+0080..U+009F, which terminals obey too. */
static bool is_control(const char *p, size_t len)
{
    unsigned char c = (unsigned char)p[0];
    return c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0);
}

/* Control characters and what is not UTF-8 as \xNN; in a JSON line the backslash of that is
 * doubled. */
static void put_escaped(struct line *line, struct mb_slice s)
{
    const char *escape_form = line->json ? "\\\\x%02x" : "\\x%02x";
    while (s.len) {
        size_t len = mb_slice_utf8(s);
        char escape[8];
        bool fits;
        if (len == 0 || is_control(s.data, len)) {
            len = 1;
            snprintf(escape, sizeof(escape), escape_form, (unsigned)(unsigned char)s.data[0]);
            fits = put_text(line, escape);
        } else if (line->json && (s.data[0] == '"' || s.data[0] == '\\')) {
            fits = put(line, (const char[]){'\\', s.data[0]}, 2);
        } else {
            fits = put(line, s.data, len);
        }
        if (!fits)
            return;
        s = mb_slice(s.data + len, s.len - len);
    }
}

static void put_head(struct line *line, enum mb_log_level level, const char *module,
                     const char *message)
{
    struct mb_buf time = {0};
    mb_xbuf_add_time(&time, mb_time_now_ms());
    const char *between = line->json ? "\",\"level\":\"" : " ";
    put_text(line, line->json ? "{\"time\":\"" : "");
    put(line, time.data, time.len);
    put_text(line, between);
    put_text(line, level_names[level]);
    put_text(line, line->json ? "\",\"module\":\"" : " ");
    put_escaped(line, mb_slice_of(module));
    put_text(line, line->json ? "\",\"message\":\"" : " ");
    put_escaped(line, mb_slice_of(message));
    mb_buf_fini(&time);
}

static void put_tail(struct line *line, uint64_t dropped)
{
    char text[48];
    line->limit += TAIL_BYTES - 1; /* the newline's byte stays free */
    put_text(line, line->json ? "\"" : "");
    if (dropped) {
        snprintf(text, sizeof(text), line->json ? ",\"dropped\":%llu" : " dropped=%llu",
                 (unsigned long long)dropped);
        put_text(line, text);
    }
    put_text(line, line->json ? "}" : "");
}

/* A file of a disk that is busy shall have its line all the same. */
static bool has_readers(void)
{
    struct stat st;
    return fstat(state.fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static bool write_line(struct line *line)
{
    struct pollfd ready = {.fd = state.fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return false;
    line->data[line->len] = '\n';
    struct iovec rest = {line->data, line->len + 1};
    ssize_t n;
    do {
        n = pwritev2(state.fd, &rest, 1, -1, RWF_NOWAIT);
    } while (n < 0 && errno == EINTR);
    if ((n >= 0 || errno == EAGAIN) && ((size_t)n == rest.iov_len || has_readers()))
        return n >= 0;
    size_t sent = n > 0 ? (size_t)n : 0;
    do {
        n = write(state.fd, line->data + sent, rest.iov_len - sent);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

void mb_log(enum mb_log_level level, const char *module, const char *message, const char *fmt, ...)
{
    if ((int)level < least_level())
        return;
    int saved_errno = errno;
    struct line line;
    line.len = 0;
    line.limit = sizeof(line.data) - TAIL_BYTES;
    line.json = state.format == MB_LOG_JSON;
    put_head(&line, level, module, message);
    if (fmt) {
        char values[MB_LOG_LINE_MAX];
        va_list args;
        va_start(args, fmt);
        int len = vsnprintf(values, sizeof(values), fmt, args);
        va_end(args);
        size_t n = len < 0 ? 0 : (size_t)len;
        put_text(&line, line.json ? "\",\"detail\":\"" : " ");
        put_escaped(&line, mb_slice(values, n < sizeof(values) ? n : sizeof(values) - 1));
    }
    uint64_t dropped = mb_log_dropped();
    uint64_t reported = atomic_load_explicit(&state.reported, memory_order_relaxed);
    put_tail(&line, dropped - reported);

    if (state.sink) {
        state.sink(state.user, level, line.data, line.len);
        atomic_store_explicit(&state.reported, dropped, memory_order_relaxed);
    } else if (write_line(&line)) {
        atomic_store_explicit(&state.reported, dropped, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&state.dropped, 1, memory_order_relaxed);
    }
    errno = saved_errno;
}
