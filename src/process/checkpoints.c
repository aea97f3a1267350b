/* checkpoints.c - the ledger's log is moved to its place on a thread, while commits go on.
 *
 *     thread   a pass for every few MB of log
 *     and once it is long, or nothing is to be committed,
 *     thread   passes, until one leaves next to nothing
 *     owner    the last pass, when the thread is done
 *
 * Only a pass without commits beside it ends with an empty log, which the next commit begins from
 * the start. It is the owner's, and short: a commit behind it waits for a few pages. One pass for
 * all of the log would fill the disk's queue for tens of milliseconds, and every commit of that
 * time would stand in it; passes on the thread alone would never catch up, and the log would grow
 * for ever. The owner's would be felt if it came with each of the others: it syncs two files while
 * notices wait.
 */
#include "supervisor.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    LITTLE_PAGES = 64,
    PASSES_MAX = 8,  /* a reader may hold a part of the log back for as long as it reads */
    AGAIN_MS = 1000, /* then the next try comes after so long */
};

static void *run(void *user)
{
    struct mb__checkpoints *c = user;
    int passes_left = c->all ? PASSES_MAX : 1;

    mb_turn_give_way();
    while (passes_left-- > 0 && mb_ledger_checkpoint(c->ledger) > LITTLE_PAGES) {
        continue;
    }
    atomic_store(&c->done, true);
    return NULL;
}

static void finish(struct mb__checkpoints *c, uint64_t now_ms)
{
    (void)pthread_join(c->thread, NULL);
    c->running = false;
    c->not_before_ms = c->all && mb_ledger_checkpoint(c->ledger) > 0 ? now_ms + AGAIN_MS : 0;
}

void mb__checkpoints_turn(struct mb__checkpoints *c, bool idle, uint64_t now_ms)
{
    if (c->running && atomic_load(&c->done)) {
        finish(c, now_ms);
    }
    if (c->running || now_ms < c->not_before_ms) {
        return;
    }
    c->all = mb_ledger_wants_checkpoint(c->ledger, idle);
    if (!c->all && !mb_ledger_wants_pass(c->ledger)) {
        return;
    }
    atomic_store(&c->done, false);
    c->running = pthread_create(&c->thread, NULL, run, c) == 0;
    if (!c->running) {
        c->not_before_ms = now_ms + AGAIN_MS;
    }
}

bool mb__checkpoints_want_turn(const struct mb__checkpoints *c, uint64_t now_ms)
{
    return !c->running && now_ms >= c->not_before_ms && mb_ledger_wants_checkpoint(c->ledger, true);
}

void mb__checkpoints_close(struct mb__checkpoints *c)
{
    if (c->running) {
        (void)pthread_join(c->thread, NULL);
        c->running = false;
    }
}
