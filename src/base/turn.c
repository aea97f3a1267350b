/* turn.c - slices and priorities, as Linux has them for each thread.
 *
 * A thread that wakes up takes the core at once from one with longer slices (kernel 6.12 and later),
 * and from one whose slice is used up. So who bids has the shortest slices there are, and who gives
 * way short ones, but longer than that.
 *
 * That is for the moment of waking up only. Where the system has given the core to the other one,
 * because of what each had before, it looks again with its next tick, up to 4 ms later, whatever the
 * slices are. So who has some milliseconds of work to do yields by himself, by a timer.
 *
 * Giving way is not SCHED_IDLE: nobody could say how long a reload would take on a busy core, and who
 * bids would wait as long where the two meet at a lock of the system's, that of the address space.
 */
#include "moonbid/base/turn.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    NICE = 10,
    NICE_MAX = 19,
    PROMPT_SLICE_NS = 100000, /* the least that the system knows */
    OTHERS_SLICE_NS = 200000,
    YIELD_NS = 200000,
    RUN_LEAST_NS = 150000,
};

/* Beside the one of the limit of time. */
#define YIELD_SIGNAL (SIGRTMIN + 6)

/* As sched_setattr(2) has it. Debian's C library has no wrapper, and the kernel's own header cannot
 * stand beside <sched.h>. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns, deadline_ns, period_ns;
};

static void set(int nice, uint64_t slice_ns)
{
    struct attributes attributes = {.size = sizeof(attributes),
                                    .policy = SCHED_OTHER,
                                    .nice = nice < NICE_MAX ? nice : NICE_MAX,
                                    .slice_ns = slice_ns};

    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/* The first thread's, which never changes its own. */
static int usual_nice(void)
{
    return getpriority(PRIO_PROCESS, (id_t)getpid());
}

void mb_turn_prompt(void)
{
    set(usual_nice(), PROMPT_SLICE_NS);
}

void mb_turn_give_way(void)
{
    set(usual_nice() + NICE, OTHERS_SLICE_NS);
}

/* --- yielding by a timer --- */

static _Thread_local struct {
    timer_t timer;
    bool started;
    int64_t yielded_ns; /* on the thread's CPU clock */
} own;

static pthread_once_t handler_once = PTHREAD_ONCE_INIT;
static bool has_handler;

/* Who has waited for the core finds the timer's signal when he gets it, and would hand it on at once, for ever where it is
 * never idle: only who has run yields. */
static void on_time(int signal_number)
{
    int saved = errno;
    struct timespec cpu;
    int64_t now_ns;

    (void)signal_number;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0) {
        now_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
        if (now_ns - own.yielded_ns >= RUN_LEAST_NS) {
            own.yielded_ns = now_ns;
            (void)sched_yield();
        }
    }
    errno = saved;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = on_time, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    has_handler = sigaction(YIELD_SIGNAL, &action, NULL) == 0;
}

static void unblock(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, YIELD_SIGNAL);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void mb_turn_yield_often(void)
{
    struct sigevent to_me = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = YIELD_SIGNAL};
    struct itimerspec period = {.it_interval = {.tv_nsec = YIELD_NS}, .it_value = {.tv_nsec = YIELD_NS}};

    pthread_once(&handler_once, install_handler);
    to_me._sigev_un._tid = gettid(); /* this C library has no other name for the field */
    if (own.started || !has_handler || timer_create(CLOCK_MONOTONIC, &to_me, &own.timer) != 0) {
        return;
    }
    own.started = true;
    unblock();
    if (timer_settime(own.timer, 0, &period, NULL) != 0) {
        mb_turn_yield_no_more();
    }
}

void mb_turn_yield_no_more(void)
{
    if (own.started) {
        timer_delete(own.timer);
        own.started = false;
    }
}
