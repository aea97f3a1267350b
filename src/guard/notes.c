/* notes.c - tells what has changed in the guard, for a ledger to keep.
 *
 * Bids leave no mark that something has changed: that would cost each of them. Who books looks at
 * every slot in use once a second and remembers a hash of what it told.
 */
#include "market.h"

#include <stdio.h>

static const uint64_t seed[2] = {UINT64_C(0x6e6f7465732e6d62), UINT64_C(0x6869746865726520)};

/* Whether the bytes differ from what was told for this slot and part; remembers them. */
static bool is_news(_Atomic uint64_t *told, const void *bytes, size_t len)
{
    struct mb_slice piece = mb_slice(bytes, len);
    uint64_t hash[2];

    mb__hash(seed, &piece, 1, hash);
    return atomic_exchange(told, hash[0] | 1) != (hash[0] | 1);
}

static void note_overrun(struct mb_guard *guard, uint32_t slot, int64_t now_ms,
                         const struct mb_guard_notes *notes)
{
    static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    struct mb_overrun days[2]; /* yesterday's last second may not have been told yet */
    int64_t values[2][5];

    for (int i = 0; i < 2; i++) {
        struct mb_overrun *o = &days[i];

        *o = mb_guard_overrun(guard, slot, MB_GUARD_DAY, now_ms - (1 - i) * day_ms);
        memcpy(values[i],
               (int64_t[5]){o->day, o->daily.nanos, o->total.nanos, (int64_t)o->late,
                            o->late_cost.nanos},
               sizeof(values[i]));
    }
    if (!is_news(&guard->shared->told[slot].overrun, values, sizeof(values))) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (days[i].daily.nanos || days[i].total.nanos || days[i].late) {
            notes->on_overrun(notes->user, &days[i]);
        }
    }
}

static void tell_state(const struct mb_guard_notes *notes, const char *part,
                       struct mb_slice strategy, const struct mb_buf *bytes)
{
    char name[16 + MB__NAME_BYTES_MAX];
    int len = snprintf(name, sizeof(name), "%s:%.*s", part, MB_SLICE_ARG(strategy));

    notes->on_state(notes->user, mb_slice(name, (size_t)len), mb_buf_slice(bytes));
}

/* Of a strategy that never bid there is nothing to tell, but of one that holds nothing any more. */
static void note_reserved(struct mb_guard *guard, uint32_t index, int64_t now_ms,
                          const struct mb_guard_notes *notes, struct mb_buf *room)
{
    _Atomic uint64_t *told = &guard->shared->told[index].reserved;
    struct mb_buf head = {0};

    mb_buf_clear(room);
    mb__xstate_add_reserved(mb__guard_slot(guard, index), room);
    if ((room->len == 0 && atomic_load(told) == 0) || !is_news(told, room->data, room->len)) {
        return;
    }
    mb__xstate_add_head(guard, now_ms, &head);
    mb_xbuf_add_slice(&head, mb_buf_slice(room));
    tell_state(notes, "reserved", mb_guard_slot_name(guard, index), &head);
    mb_buf_fini(&head);
}

/* Rates and curve change slowly: once a minute is enough. */
static void note_learned(struct mb_guard *guard, uint32_t index, int64_t now_ms,
                         const struct mb_guard_notes *notes, struct mb_buf *room)
{
    struct mb__told *told = &guard->shared->told[index];

    if (atomic_exchange(&told->learned_min, now_ms / 60000) == now_ms / 60000) {
        return;
    }
    mb_buf_clear(room);
    mb__xstate_add_learned(mb__guard_slot(guard, index), room);
    if (room->len > 0 && is_news(&told->learned, room->data, room->len)) {
        struct mb_buf bytes = {0};

        mb__xstate_add_form(&bytes);
        mb_xbuf_add_slice(&bytes, mb_buf_slice(room));
        tell_state(notes, "learned", mb_guard_slot_name(guard, index), &bytes);
        mb_buf_fini(&bytes);
    }
}

/* A digit, 0 where an alarm has ended. Of a strategy that never had one there is nothing to tell. */
static void note_alarm(struct mb_guard *guard, uint32_t index, const struct mb_guard_notes *notes,
                       struct mb_buf *room)
{
    _Atomic uint64_t *told = &guard->shared->told[index].alarm;
    enum mb_guard_alarm alarm = mb_guard_alarm(guard, index);

    mb_buf_clear(room);
    mb_xbuf_add_u64(room, alarm);
    if ((alarm != MB_GUARD_NO_ALARM || atomic_load(told) != 0) &&
        is_news(told, room->data, room->len)) {
        tell_state(notes, "alarm", mb_guard_slot_name(guard, index), room);
    }
}

static void note_clock(struct mb_guard *guard, const struct mb_guard_notes *notes,
                       struct mb_buf *room)
{
    mb_buf_clear(room);
    mb__xstate_add_clock(guard, room);
    if (is_news(&guard->shared->told_clock, room->data, room->len)) {
        tell_state(notes, "clock", MB_SLICE(""), room);
    }
}

void mb_guard_note(struct mb_guard *guard, int64_t now_ms, const struct mb_guard_notes *notes)
{
    uint32_t n = atomic_load(&guard->shared->n_used);
    struct mb_buf room = {0};

    note_clock(guard, notes, &room);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = guard->shared->used[i];

        note_reserved(guard, slot, now_ms, notes, &room);
        note_learned(guard, slot, now_ms, notes, &room);
        note_overrun(guard, slot, now_ms, notes);
        note_alarm(guard, slot, notes, &room);
    }
    mb_buf_fini(&room);
    mb__market_note(guard, now_ms, notes);
}

void mb_guard_note_again(struct mb_guard *guard)
{
    uint32_t n = atomic_load(&guard->shared->n_used);

    mb__market_note_again(guard);
    atomic_store(&guard->shared->told_clock, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct mb__told *told = &guard->shared->told[guard->shared->used[i]];

        /* Not 0: that it holds nothing any more, or that an alarm ended, may be what was not kept. */
        atomic_store(&told->reserved, atomic_load(&told->reserved) ? 2 : 0);
        atomic_store(&told->alarm, atomic_load(&told->alarm) ? 2 : 0);
        atomic_store(&told->learned, 0);
        atomic_store(&told->learned_min, 0);
        atomic_store(&told->overrun, 0);
    }
}
