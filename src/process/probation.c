/* probation.c - a strategy that fails since the last swap goes back to the version it had before.
 *
 * For some minutes after a swap the supervisor compares, once a second, what the calls of each
 * strategy whose file has changed came to since then with what they came to before. Who fails in more than a fifth of its calls,
 * and more than before, is handed to generations.c: a generation of all files as they are but that
 * strategy's, tried and passed on like any other.
 *
 * A swap that leaves a strategy's file alone changes nothing for it, so each strategy goes back to
 * what bid before the swap that changed it. Only numbers are known here: which file a strategy is
 * from knows the worker that builds, and leaves the file's hash in the shared page.
 */
#include "supervisor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 1000, CALLS_MIN = 50, FAILS_ONE_IN = 5 };

struct tally {
    uint64_t calls, failures;
};

struct mb__probation_row {
    uint64_t file;        /* its hash */
    struct tally at_swap; /* of all time until the swap that brought this file */
    struct tally before;  /* of the file before */
    uint32_t swap;        /* place of that swap */
    bool settled;         /* sent back once, or nothing to go back to */
};

void mb__probation_init(struct mb__probation *probation)
{
    uint32_t i;

    for (i = 0; i < MB__PROBATION_SWAPS; i++) {
        probation->swaps[i].bundle_fd = -1;
    }
}

static void forget(struct mb__probation *probation, uint32_t swap)
{
    if (probation->swaps[swap].bundle_fd >= 0) {
        close(probation->swaps[swap].bundle_fd);
    }
    probation->swaps[swap].bundle_fd = -1;
}

void mb__probation_fini(struct mb__probation *probation)
{
    uint32_t i;

    for (i = 0; i < MB__PROBATION_SWAPS; i++) {
        forget(probation, i);
    }
    free(probation->rows);
    probation->rows = NULL;
}

/* Not through mb__boards_strategy: a row of it is 4 kB, and this is done for all of them. */
static struct tally count(const struct mb__supervisor *supervisor, uint32_t slot)
{
    static const enum mb_nobid failures[] = {MB_NOBID_SCRIPT_ERROR, MB_NOBID_SCRIPT_TIMEOUT,
                                             MB_NOBID_SCRIPT_MEMORY, MB_NOBID_INVALID_BID};
    struct tally sum = {0};
    uint32_t seat;
    size_t i;

    for (seat = 0; seat < supervisor->boards.count; seat++) {
        const struct mb_strategy_counts *counts =
            &mb__boards_at(&supervisor->boards, seat)->bidder.strategies[slot];

        sum.calls += mb_metrics_read(&counts->calls);
        for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
            sum.failures += mb_metrics_read(&counts->nobids[failures[i]]);
        }
    }
    return sum;
}

static struct tally minus(struct tally a, struct tally b)
{
    return (struct tally){a.calls - b.calls, a.failures - b.failures};
}

/* The swap has changed the file: what bid before it is there to go back to, if there was one. */
static void note_change(struct mb__supervisor *supervisor, uint32_t slot, uint32_t swap)
{
    struct mb__probation_row *row = &supervisor->probation.rows[slot];
    struct tally now = count(supervisor, slot);

    *row = (struct mb__probation_row){
        .file = atomic_load(&supervisor->shared->file_hashes[slot]),
        .at_swap = now,
        .before = minus(now, row->at_swap),
        .swap = swap,
        .settled = row->file == 0 || supervisor->probation.swaps[swap].bundle_fd < 0};
}

static void note_changes(struct mb__supervisor *supervisor, uint32_t swap)
{
    uint32_t i, slot;

    for (i = 0; (slot = mb_guard_used_slot(supervisor->parts.guard, i)) != MB_GUARD_NO_SLOT; i++) {
        struct mb__probation_row *row = &supervisor->probation.rows[slot];

        if (atomic_load(&supervisor->shared->file_hashes[slot]) != row->file) {
            note_change(supervisor, slot, swap);
        } else if (row->swap == swap) {
            row->settled = true; /* its own swap has given way to this one */
        }
    }
}

void mb__probation_begin(struct mb__supervisor *supervisor, int bundle_before_fd)
{
    struct mb__probation *probation = &supervisor->probation;
    uint32_t swap = probation->next;

    if (!probation->rows) {
        probation->rows = calloc(MB_GUARD_SLOTS_MAX, sizeof(*probation->rows));
        if (!probation->rows) {
            abort();
        }
    }
    forget(probation, swap);
    probation->swaps[swap].bundle_fd = bundle_before_fd;
    probation->swaps[swap].until_ms = mb__shared_clock_ms() + MB__PROBATION_MS;
    probation->next = (swap + 1) % MB__PROBATION_SWAPS;
    probation->look_ms = mb__shared_clock_ms() + LOOK_MS;
    note_changes(supervisor, swap);
}

/* a / b > c / d, where c / d is 0 if nothing was called. */
static bool is_worse(struct tally since, struct tally before)
{
    return since.calls >= CALLS_MIN && since.failures * FAILS_ONE_IN > since.calls &&
           (before.calls == 0 ||
            (double)since.failures * (double)before.calls >
                (double)before.failures * (double)since.calls);
}

/* Gives true where a strategy is sent back: one at a time. */
static bool judge(struct mb__supervisor *supervisor, uint32_t slot)
{
    struct mb__probation_row *row = &supervisor->probation.rows[slot];
    struct mb_slice name = mb_guard_slot_name(supervisor->parts.guard, slot);
    struct tally since = minus(count(supervisor, slot), row->at_swap);
    int fd = supervisor->probation.swaps[row->swap].bundle_fd;

    if (row->settled || fd < 0 || !is_worse(since, row->before)) {
        return false;
    }
    row->settled = true;
    mb_log(MB_LOG_WARN, "process", "strategy fails since the reload, goes back to its old version",
           "strategy=%.*s failed=%llu calls=%llu failed_before=%llu calls_before=%llu",
           MB_SLICE_ARG(name), (unsigned long long)since.failures, (unsigned long long)since.calls,
           (unsigned long long)row->before.failures, (unsigned long long)row->before.calls);
    mb__generations_roll_back(supervisor, name, fd);
    return true;
}

/* Does any swap's time still run? */
static bool has_any(struct mb__probation *probation, uint64_t now_ms)
{
    bool any = false;
    uint32_t i;

    for (i = 0; i < MB__PROBATION_SWAPS; i++) {
        if (now_ms >= probation->swaps[i].until_ms) {
            forget(probation, i);
        }
        any = any || probation->swaps[i].bundle_fd >= 0;
    }
    return any;
}

uint64_t mb__probation_tend(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    struct mb__probation *probation = &supervisor->probation;
    uint32_t i, slot;

    if (!has_any(probation, now_ms) || supervisor->stopping) {
        return 0;
    }
    if (now_ms >= probation->look_ms && !supervisor->generations.running) {
        probation->look_ms = now_ms + LOOK_MS;
        for (i = 0; (slot = mb_guard_used_slot(supervisor->parts.guard, i)) != MB_GUARD_NO_SLOT; i++) {
            if (probation->rows[slot].file != 0 && judge(supervisor, slot)) {
                break;
            }
        }
    }
    return now_ms >= probation->look_ms ? 0 : probation->look_ms; /* 0: a letter comes first */
}
