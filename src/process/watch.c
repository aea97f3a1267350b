/* watch.c - ends a worker that is stuck in a call of a script.
 *
 * A script is stopped by a hook, which Lua looks at between two instructions; a single call of a C
 * function (a pattern that backtracks for hours) has no between. What always works is to end the
 * process. A worker whose heart beats is in no such call, so only those that are late are looked
 * at, and a worker that publishes its call pays nothing for the clock: like the limiter's tick, this
 * notes the call when it sees it first, and measures from there.
 *
 * Wall time alone proves nothing on a loaded machine, or for a process that somebody has stopped;
 * so the worker's thread must have spent most of the limit as CPU time too.
 */
#include "supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LATE_MS = 50,      /* a heart beats every 10 ms */
    LOOK_MS = 100,     /* between two looks when all is well */
    LOOK_LATE_MS = 25, /* while somebody is late */
    CPU_SHARE_PERCENT = 80,
};

/* CPU time of the process's first thread, which is the one that bids. The kernel gives clocks of
 * other processes' threads to nobody, but tells the time here, in ticks of 10 ms. */
bool mb__process_cpu_ms(pid_t pid, uint64_t *out)
{
    char path[64], text[1024];
    unsigned long user, system;
    const char *behind;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    behind = strrchr(text, ')'); /* the name may hold anything */
    if (!behind || sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                          &system) != 2) {
        return false;
    }
    *out = (uint64_t)(user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    return true;
}

static void kill_stuck(struct mb__supervisor *supervisor, uint32_t seat, uint64_t wall_ms,
                       uint64_t cpu_ms)
{
    struct mb__member *member = &supervisor->crew[seat];
    uint32_t slot = atomic_load(&supervisor->shared->seats[seat].beacon.slot);
    struct mb_slice name = mb_guard_slot_name(supervisor->parts.guard, slot);

    mb_log(MB_LOG_ERROR, "process", "worker killed, a script's call did not end",
           "worker=%u pid=%d strategy=%.*s wall_ms=%llu cpu_ms=%llu", seat + 1, (int)member->pid,
           MB_SLICE_ARG(name), (unsigned long long)wall_ms, (unsigned long long)cpu_ms);
    if (mb_guard_strike(supervisor->parts.guard, slot, mb_time_now_ms())) {
        mb_log(MB_LOG_ERROR, "process", "strategy benched until the next reload",
               "strategy=%.*s after=%d workers killed", MB_SLICE_ARG(name), MB_GUARD_STRIKES);
    }
    member->call = 0;
    kill(member->pid, SIGKILL);
}

/* Gives whether it is in a call that has to be looked at again soon. */
static bool look_at(struct mb__supervisor *supervisor, uint32_t seat, uint64_t now_ms)
{
    struct mb__member *member = &supervisor->crew[seat];
    uint64_t call = atomic_load(&supervisor->shared->seats[seat].beacon.call);
    uint64_t limit_ms = supervisor->config->script_hard_ms;
    uint64_t cpu_ms;

    if ((call & 1) == 0 || !mb__process_cpu_ms(member->pid, &cpu_ms)) {
        member->call = 0;
        return false;
    }
    if (member->call != call) {
        member->call = call;
        member->call_ms = now_ms;
        member->call_cpu_ms = cpu_ms;
    } else if (now_ms - member->call_ms >= limit_ms &&
               (cpu_ms - member->call_cpu_ms) * 100 >= limit_ms * CPU_SHARE_PERCENT) {
        kill_stuck(supervisor, seat, now_ms - member->call_ms, cpu_ms - member->call_cpu_ms);
    }
    return true;
}

int mb__watch_scripts(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    bool late = false;
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        struct mb__seat *place = &supervisor->shared->seats[i];
        uint64_t beat_ms = atomic_load(&place->heartbeat_ms);

        if (supervisor->crew[i].pid > 0 && beat_ms > 0 && now_ms > beat_ms + LATE_MS) {
            late = look_at(supervisor, i, now_ms) || late;
        } else {
            supervisor->crew[i].call = 0;
        }
    }
    return late ? LOOK_LATE_MS : LOOK_MS;
}
