/* spend.c - see spend.h.
 */
#include "spend.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

static int64_t us_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

struct spending spend(char **command)
{
    struct rusage used;
    int64_t started_us = now_us();
    int status;
    pid_t pid = fork();
    if (pid < 0)
        fail("fork: %s", strerror(errno));
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO); /* ours has the figures alone */
        execvp(command[0], command);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("%s: did not end with status 0", command[0]);
    return (struct spending){.wall_us = now_us() - started_us,
                             .cpu_us = us_of(used.ru_utime) + us_of(used.ru_stime),
                             .most_kib = used.ru_maxrss};
}
