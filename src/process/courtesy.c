/* courtesy.c - work that bids shall not wait for.
 *
 * Where it shares a core with a worker, the system hands out the core in slices of some
 * milliseconds: that long a bid would stand behind it. Of lower priority it is interrupted at once,
 * and takes what is left.
 */
#include "supervisor.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Beside one that is never idle it still gets a quarter of the core: a reload has to end, too. */
enum { NICE = 5 };

void mb__give_way(void)
{
    int usual = getpriority(PRIO_PROCESS, (id_t)getpid()); /* the first thread's */

    /* Of one thread: Linux's way. Refused, it is only less kind. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), usual + NICE);
}
