/* notes.c - the bookkeeper writes down, once a second, what the guard wants to find again after a
 * restart, and gives it back at the start, with all that was spent.
 *
 * The guard tells only what has changed. Where it cannot be written it is told again a second
 * later.
 */
#include "books.h"

#include <stdio.h>
#include <stdlib.h>

#define RECENT_MS (INT64_C(5) * 24 * 3600 * 1000) /* more days than the guard keeps apart */

enum { EVERY_MS = 1000 };

struct gathered {
    struct mb_arena arena;
    struct mb_pair *states;
    size_t n_states, states_room;
    struct mb_overrun *overruns;
    size_t n_overruns, overruns_room;
};

static void *xgrow(void *items, size_t *room, size_t count, size_t bytes)
{
    if (count < *room) {
        return items;
    }
    *room = *room ? *room * 2 : 64;
    items = realloc(items, *room * bytes);
    if (!items) {
        abort();
    }
    return items;
}

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct gathered *g = user;

    g->states = xgrow(g->states, &g->states_room, g->n_states, sizeof(*g->states));
    g->states[g->n_states++] =
        (struct mb_pair){mb_xarena_copy(&g->arena, name), mb_xarena_copy(&g->arena, bytes)};
}

static void on_overrun(void *user, const struct mb_overrun *overrun)
{
    struct gathered *g = user;

    g->overruns = xgrow(g->overruns, &g->overruns_room, g->n_overruns, sizeof(*g->overruns));
    g->overruns[g->n_overruns] = *overrun;
    g->overruns[g->n_overruns++].strategy = mb_xarena_copy(&g->arena, overrun->strategy);
}

/* A disk that takes nothing shows in commits as well, which say so. */
void mb__notes_write(struct mb_ledger *ledger, struct mb_guard *guard)
{
    struct gathered g = {0};
    const struct mb_guard_notes listener = {on_state, on_overrun, &g};

    mb_arena_init(&g.arena, 65536);
    mb_guard_note(guard, mb_time_now_ms(), &listener);
    if (g.n_states > 0 || g.n_overruns > 0) {
        const struct mb_ledger_notes notes = {g.states, g.n_states, g.overruns, g.n_overruns};

        if (mb_ledger_note(ledger, &notes, NULL)) {
            mb_guard_note_again(guard);
        }
    }
    free(g.states);
    free(g.overruns);
    mb_arena_fini(&g.arena);
}

bool mb__notes_tick(struct mb_ledger *ledger, struct mb_guard *guard, uint64_t now_ms,
                    uint64_t *due_ms)
{
    if (now_ms < *due_ms) {
        return false;
    }
    *due_ms = now_ms + EVERY_MS;
    mb_guard_recount(guard, mb_time_now_ms());
    mb__notes_write(ledger, guard);
    return true;
}

/* Of the boot, 1 to 65,535: the kernel's random id, in two bytes. */
static uint32_t boot_id(void)
{
    static uint32_t known;
    unsigned parts[2] = {0};

    if (known == 0) {
        FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

        if (!file || fscanf(file, "%4x%4x", &parts[0], &parts[1]) != 2) {
            parts[0] =
                1; /* without /proc all boots look alike: ages go by a clock that began anew */
        }
        if (file) {
            fclose(file);
        }
        known = (parts[0] ^ parts[1]) | 1;
    }
    return known;
}

void mb__notes_clock(struct mb_guard *guard)
{
    int64_t boot_ms = mb_time_boot_ns() / 1000000;

    mb_guard_set_clock(guard, boot_id(), mb_time_now_ms(), boot_ms);
}

static void on_kept_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    mb_guard_restore_state(user, name, bytes, mb_time_now_ms());
}

static void on_kept_overrun(void *user, const struct mb_overrun *overrun)
{
    mb_guard_restore_overrun(user, overrun);
}

static void on_spend(void *user, const struct mb_spend *spend)
{
    mb_guard_restore(user, spend);
}

static void on_per_key(void *user, uint64_t key, struct mb_amount spent)
{
    mb_guard_restore_per(user, key, spent);
}

int mb__notes_restore(struct mb_ledger *ledger, struct mb_guard *guard, bool first,
                      struct mb_error *err)
{
    int rc = mb_ledger_each_spend(ledger, mb_time_now_ms(), RECENT_MS, on_spend, on_per_key, guard,
                                  err);

    if (rc) {
        return rc;
    }
    if (first) {
        return mb_ledger_each_note(ledger, on_kept_state, on_kept_overrun, guard, err);
    }
    mb_guard_note_again(guard); /* it knows them; what it told last may not have been written */
    return 0;
}
