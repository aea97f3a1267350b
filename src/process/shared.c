/* shared.c - the page that the supervisor and its workers have in common.
 *
 * Numbers are atomics. The outcome of the last reload is larger than one; its only writer makes
 * `last_version` odd meanwhile, and a reader that sees it odd or changed reads again.
 */
#include "supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

static size_t bytes_of(uint32_t n_seats)
{
    return sizeof(struct mb__shared) + n_seats * sizeof(struct mb__seat);
}

int mb__shared_map(uint32_t n_seats, struct mb__shared **out, struct mb_error *err)
{
    struct mb__shared *shared = mmap(NULL, bytes_of(n_seats), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *out = NULL;
    if (shared == MAP_FAILED) {
        return mb_fail(err, MB_ENOMEM, NULL, "no shared memory: %s", strerror(errno));
    }
    shared->n_seats = n_seats;
    shared->started_ms = mb_time_now_ms();
    atomic_store(&shared->generation, 1);
    if (getrandom(shared->recorder_key, sizeof(shared->recorder_key), 0) !=
        (ssize_t)sizeof(shared->recorder_key)) {
        abort(); /* the kernel has promised so few */
    }
    *out = shared;
    return 0;
}

void mb__shared_unmap(struct mb__shared *shared)
{
    if (shared) {
        munmap(shared, bytes_of(shared->n_seats));
    }
}

void mb__shared_set_last(struct mb__shared *shared, const struct mb__last_reload *last)
{
    atomic_fetch_add(&shared->last_version, 1);
    shared->last = *last;
    atomic_fetch_add(&shared->last_version, 1);
}

void mb__shared_get_last(const struct mb__shared *shared, struct mb__last_reload *out)
{
    uint32_t before, after;

    do {
        before = atomic_load(&shared->last_version);
        memcpy(out, &shared->last, sizeof(*out));
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load(&shared->last_version);
    } while ((before & 1) != 0 || before != after);
}

uint64_t mb__shared_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *mb__seat_state_name(uint32_t state)
{
    static const char *const names[] = {"away", "starting", "serving", "draining"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const char *mb__reload_outcome_name(enum mb__reload_outcome outcome)
{
    static const char *const names[MB__RELOAD_COUNT] = {"none", "loaded", "unchanged", "refused",
                                                        "rolled_back",
                                                        "replaced"};

    return names[outcome];
}
