/* checks.c - forks a checker, watches over it, and has a verdict whatever becomes of it.
 *
 *     forked -> steps, each with its time -> a verdict comes -> it ends
 *                 \-> too long: killed -> it ends without one: a refusal that names the step
 *
 * Here, as in all of the supervisor, no thread and no Lua: `moonbid check` does the same in the
 * command's process.
 */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 50,
    CPU_SHARE_PERCENT = 95, /* of a step's time, as on a loaded machine others take theirs */
    IDLE_TIMES = 12,        /* it does not even use the CPU: a pipe, a dead file server */
};

int mb__checker_fork(struct mb__checker *checker, const struct mb__check *check,
                     void (*in_child)(void *user), void *user, struct mb_error *err)
{
    pid_t parent = getpid();
    int fds[2];

    *checker = (struct mb__checker){.channel = -1};
    checker->progress = mmap(NULL, sizeof(*checker->progress), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (checker->progress == MAP_FAILED) {
        checker->progress = NULL;
        return mb_fail(err, MB_ENOMEM, NULL, "no memory for the checker: %s", strerror(errno));
    }
    if (mb__channel_open(fds, err)) {
        mb__checker_close(checker);
        return MB_EIO;
    }
    checker->channel = fds[0];
    checker->seen_ms = mb__shared_clock_ms();
    checker->pid = fork();
    if (checker->pid == 0) {
        close(fds[0]);
        if (in_child) {
            in_child(user);
        }
        mb__checker_run(check, checker->progress, fds[1], parent);
    }
    close(fds[1]);
    if (checker->pid < 0) {
        checker->pid = 0;
        mb__checker_close(checker);
        return mb_fail(err, MB_EIO, NULL, "no checker started: %s", strerror(errno));
    }
    return 0;
}

void mb__checker_close(struct mb__checker *checker)
{
    if (checker->channel >= 0) {
        close(checker->channel);
    }
    if (checker->progress) {
        munmap(checker->progress, sizeof(*checker->progress));
    }
    *checker = (struct mb__checker){.channel = -1};
}

static bool is_too_long(const struct mb__checker *checker, uint64_t wall_ms, uint64_t cpu_ms)
{
    uint64_t limit_ms = atomic_load(&checker->progress->limit_ms);

    return limit_ms > 0 && wall_ms >= limit_ms &&
           (cpu_ms * 100 >= limit_ms * CPU_SHARE_PERCENT || wall_ms >= limit_ms * IDLE_TIMES);
}

uint64_t mb__checker_tend(struct mb__checker *checker, uint64_t now_ms)
{
    uint32_t step;
    uint64_t cpu_ms;

    if (checker->pid == 0 || checker->killed) {
        return 0;
    }
    step = atomic_load(&checker->progress->step);
    if (!mb__process_cpu_ms(checker->pid, &cpu_ms)) {
        return now_ms + LOOK_MS;
    }
    if (step != checker->step) {
        checker->step = step;
        checker->seen_ms = now_ms;
        checker->seen_cpu_ms = cpu_ms;
    } else if (is_too_long(checker, now_ms - checker->seen_ms, cpu_ms - checker->seen_cpu_ms)) {
        mb_log(MB_LOG_WARN, "process", "checker killed, it came to no end", "pid=%d at=%s wall_ms=%llu cpu_ms=%llu",
               (int)checker->pid, checker->progress->what,
               (unsigned long long)(now_ms - checker->seen_ms),
               (unsigned long long)(cpu_ms - checker->seen_cpu_ms));
        checker->killed = true;
        kill(checker->pid, SIGKILL);
    }
    return now_ms + LOOK_MS;
}

void mb__checker_verdict(struct mb__checker *checker, int status, struct mb__letter *out)
{
    struct mb__letter_head *head = &out->head;
    const char *what = checker->progress->what;

    if (mb__channel_receive(checker->channel, out) == 1 && head->type == MB__LETTER_VERDICT) {
        return;
    }
    *head = (struct mb__letter_head){.type = MB__LETTER_VERDICT,
                                     .outcome = MB__RELOAD_REFUSED,
                                     .code = MB_ESCRIPT};
    out->parcel = MB__PARCEL_EMPTY;
    if (checker->killed) {
        snprintf(head->error, sizeof(head->error),
                 "%s: came to no end, in a call that nothing can stop: its process was killed", what);
    } else if (WIFSIGNALED(status)) {
        snprintf(head->error, sizeof(head->error), "%s: the checker died of signal %d (%s) there", what,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(head->error, sizeof(head->error), "%s: the checker ended there without a word", what);
    }
}

void mb__checker_wait(struct mb__checker *checker, struct mb__letter *out)
{
    int status = 0;
    pid_t got;

    while ((got = waitpid(checker->pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        struct pollfd end = {.fd = checker->channel, .events = 0}; /* its end hangs up */

        (void)mb__checker_tend(checker, mb__shared_clock_ms());
        if (poll(&end, 1, LOOK_MS) > 0) {
            (void)poll(NULL, 0, 1); /* it is about to be reaped */
        }
    }
    mb__checker_verdict(checker, status, out);
    mb__checker_close(checker);
}
