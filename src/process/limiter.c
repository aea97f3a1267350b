/* limiter.c - a timer on the thread's CPU clock whose signal goes to that very thread.
 *
 * CPU time and not wall time: on a loaded machine a call is not to blame for the time that others
 * took. The kernel checks such timers in its own tick, so anything finer than 4 ms buys nothing.
 * The handler does no more than read the clock and call the script module; a signal that is still
 * on its way when the timer is gone finds no call and does nothing.
 */
#include "moonbid/limiter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/script.h"

#define TICK_NS 4000000
/* The C library keeps the first realtime signals for itself; this one is far from what debuggers
 * and profilers take. */
#define TICK_SIGNAL (SIGRTMIN + 5)

static _Thread_local struct {
    timer_t timer;
    bool started;
} own;

static pthread_once_t handler_once = PTHREAD_ONCE_INIT;
static int handler_errno;

static void on_tick(int signal_number)
{
    int saved = errno;
    struct timespec cpu;

    (void)signal_number;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0) {
        mb_script_tick((uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec);
    }
    errno = saved;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    if (sigaction(TICK_SIGNAL, &action, NULL) != 0) {
        handler_errno = errno;
    }
}

static void unblock(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, TICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int mb_limiter_start(struct mb_error *err)
{
    struct sigevent to_me = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK_SIGNAL};
    struct itimerspec period = {.it_interval = {.tv_nsec = TICK_NS},
                                .it_value = {.tv_nsec = TICK_NS}};

    if (own.started) {
        return 0;
    }
    pthread_once(&handler_once, install_handler);
    if (handler_errno) {
        return mb_fail(err, MB_EIO, "limiter", "sigaction: %s", strerror(handler_errno));
    }
    to_me._sigev_un._tid = gettid(); /* this C library has no other name for the field */
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &to_me, &own.timer) != 0) {
        return mb_fail(err, MB_EIO, "limiter", "timer_create: %s", strerror(errno));
    }
    unblock();
    if (timer_settime(own.timer, 0, &period, NULL) != 0) {
        int saved = errno;

        timer_delete(own.timer);
        return mb_fail(err, MB_EIO, "limiter", "timer_settime: %s", strerror(saved));
    }
    own.started = true;
    return 0;
}

void mb_limiter_stop(void)
{
    if (own.started) {
        timer_delete(own.timer);
        own.started = false;
    }
}
