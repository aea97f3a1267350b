/* cpu_ticker.h - the limiter of scripts as the process module has it: a timer on the thread's CPU
 * clock whose signal ticks.
 *
 * Start it on the thread that runs scripts; one per process.
 */
#ifndef MB_TEST_CPU_TICKER_H
#define MB_TEST_CPU_TICKER_H

#include "moonbid/script.h"

#include <assert.h>
#include <signal.h>
#include <time.h>

static timer_t cpu_ticker_timer;

static uint64_t cpu_ticker_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void cpu_ticker_on_signal(int number)
{
    (void)number;
    mb_script_tick(cpu_ticker_now_ns());
}

static void cpu_ticker_start(void)
{
    struct sigaction action = {.sa_handler = cpu_ticker_on_signal, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec period = {{0, 4000000}, {0, 4000000}};
    sigemptyset(&action.sa_mask);
    int failed = sigaction(SIGALRM, &action, NULL);
    failed |= timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &cpu_ticker_timer);
    failed |= timer_settime(cpu_ticker_timer, 0, &period, NULL);
    assert(!failed);
    (void)failed;
}

static void cpu_ticker_stop(void)
{
    timer_delete(cpu_ticker_timer);
}

#endif /* MB_TEST_CPU_TICKER_H */
