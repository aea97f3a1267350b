/* bookseat.c - the supervisor's hold on the bookkeeper: forks it, and forks it again when it ends.
 *
 * The listener is made here and outlives it: workers connect while it is away, and wait in the
 * backlog. Its life pipe is its own. It is closed when the last worker has gone, so the bookkeeper
 * ends after all who could send something; it breaks when the supervisor dies.
 */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { YOUNG_MS = 1000, BACKOFF_FIRST_MS = 50, BACKOFF_MOST_MS = 2000 };

int mb__bookseat_open(struct mb__bookseat *seat, struct mb_error *err)
{
    int rc = mb__line_listen(&seat->listener, &seat->address, err);

    if (!rc && pipe2(seat->life_fds, O_CLOEXEC) != 0) {
        rc = mb_fail(err, MB_EIO, NULL, "no descriptors: %s", strerror(errno));
    }
    seat->due_ms = mb__shared_clock_ms();
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void mb__bookseat_close(struct mb__bookseat *seat)
{
    close_fd(&seat->listener);
    close_fd(&seat->life_fds[0]);
    close_fd(&seat->life_fds[1]);
}

void mb__bookseat_forget(struct mb__bookseat *seat)
{
    close_fd(&seat->listener);
    close_fd(&seat->life_fds[1]);
}

/* The sockets of exchanges are not its own: kept, they would take connections that nobody serves.
 */
static void be_bookkeeper(struct mb__supervisor *supervisor)
{
    struct mb__bookseat *seat = &supervisor->bookseat;
    struct mb__bookkeeper_options options = {.listener = seat->listener,
                                             .life_fd = seat->life_fds[0],
                                             .grace_ms = supervisor->config->grace_ms,
                                             .data_dir = supervisor->config->data,
                                             .currency = supervisor->config->currency,
                                             .guard = supervisor->parts.guard,
                                             .page = &supervisor->shared->books,
                                             .counts = {&supervisor->boards,
                                                        supervisor->shared->started_ms}};

    mb__crew_be_child(supervisor);
    close_fd(&seat->life_fds[1]);
    mb__sockets_close(&supervisor->sockets);
    mb_geo_close(supervisor->parts.geo); /* it would hold the memory of one that was replaced */
    mb__generations_forget(supervisor);
    mb__parcel_close(&supervisor->generations.parcel); /* likewise */
    exit(mb__bookkeeper_run(&options));
}

uint64_t mb__bookseat_tend(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    struct mb__bookseat *seat = &supervisor->bookseat;

    if (seat->pid > 0 || seat->ending || seat->due_ms > now_ms) {
        return seat->pid > 0 || seat->ending ? 0 : seat->due_ms;
    }
    seat->forked_ms = now_ms;
    seat->pid = fork();
    if (seat->pid == 0) {
        be_bookkeeper(supervisor);
    }
    if (seat->pid < 0) {
        mb_log(MB_LOG_ERROR, "process", "no bookkeeper started", "error=%s", strerror(errno));
        seat->pid = 0;
        seat->due_ms = now_ms + BACKOFF_MOST_MS;
        return seat->due_ms;
    }
    mb_log(MB_LOG_INFO, "process", "bookkeeper started", "pid=%d", (int)seat->pid);
    return 0;
}

/* Longer and longer between deaths that follow its start. */
static uint64_t backoff_ms(uint32_t young_deaths)
{
    uint64_t delay = BACKOFF_FIRST_MS;

    while (young_deaths-- > 2 && delay < BACKOFF_MOST_MS) {
        delay *= 2;
    }
    return delay < BACKOFF_MOST_MS ? delay : BACKOFF_MOST_MS;
}

bool mb__bookseat_reap(struct mb__supervisor *supervisor, pid_t pid, int status)
{
    struct mb__bookseat *seat = &supervisor->bookseat;
    uint64_t now_ms = mb__shared_clock_ms();
    bool killed = WIFSIGNALED(status);

    if (pid != seat->pid) {
        return false;
    }
    mb_log(seat->ending && !killed ? MB_LOG_DEBUG : MB_LOG_WARN, "process", "bookkeeper ended",
           "pid=%d %s=%d", (int)pid, killed ? "signal" : "exit",
           killed ? WTERMSIG(status) : WEXITSTATUS(status));
    seat->pid = 0;
    seat->young_deaths = now_ms - seat->forked_ms < YOUNG_MS ? seat->young_deaths + 1 : 0;
    seat->due_ms = now_ms + (seat->young_deaths > 1 ? backoff_ms(seat->young_deaths) : 0);
    return true;
}

bool mb__bookseat_end(struct mb__bookseat *seat)
{
    if (!seat->ending) {
        seat->ending = true;
        close_fd(&seat->life_fds[1]);
    }
    return seat->pid == 0;
}

void mb__bookseat_kill(struct mb__bookseat *seat)
{
    if (seat->pid > 0) {
        mb_log(MB_LOG_WARN, "process", "bookkeeper does not end, killed", "pid=%d", (int)seat->pid);
        kill(seat->pid, SIGKILL);
    }
}
