/* alarm.c - stops a strategy whose money nobody can account for.
 *
 *     silence    bids go out, and for so long nothing at all has come back: the notice URL may be
 *                wrong, and wins cost money that nobody books
 *     unbooked   wins come in, but none of the notices that book them: a macro, a missing burl.
 * Only prices by the thousand count: a win that is paid by the click costs nothing without one, and
 * most have none
 *
 * A strategy that was stopped stays so, over restarts too (notes.c), until the operator resumes it:
 * what is wrong is outside, and bidding on would only cost more.
 */
#include "internal.h"

enum { TOLD_PARTS = 64 };

void mb_guard_set_silence(struct mb_guard *guard, int64_t silence_ms)
{
    atomic_store(&guard->shared->silence_ms, silence_ms);
}

enum mb_guard_alarm mb_guard_alarm(const struct mb_guard *guard, uint32_t slot_index)
{
    const struct mb__slot *slot = mb__guard_slot(guard, slot_index);

    return slot ? (enum mb_guard_alarm)atomic_load_explicit(&slot->alarm, memory_order_relaxed)
                : MB_GUARD_NO_ALARM;
}

const char *mb_guard_alarm_text(enum mb_guard_alarm alarm)
{
    static const char *const texts[] = {"", "bids go out, but no notice has come in",
                                        "wins come in, but none of them books money"};

    return (unsigned)alarm < sizeof(texts) / sizeof(texts[0]) ? texts[alarm] : "";
}

static void raise(const struct mb_guard *guard, struct mb__slot *slot, uint32_t slot_index,
                  enum mb_guard_alarm alarm)
{
    uint32_t none = MB_GUARD_NO_ALARM;

    if (atomic_compare_exchange_strong(&slot->alarm, &none, (uint32_t)alarm)) {
        mb_log(MB_LOG_ERROR, "guard", "strategy stopped until it is resumed",
               "strategy=%.*s why=%s", MB_SLICE_ARG(mb_guard_slot_name(guard, slot_index)),
               mb_guard_alarm_text(alarm));
    }
}

/* After a pause of bidding the clock starts anew: a night without traffic is no silence. The last
 * bid is told to a part of the silence and not with each, for all processes write it to one cache
 * line. */
void mb__alarm_bid(struct mb_guard *guard, struct mb__slot *slot, int64_t now_ms)
{
    int64_t silence_ms = atomic_load_explicit(&guard->shared->silence_ms, memory_order_relaxed);
    int64_t last_ms;

    if (silence_ms == 0) {
        return;
    }
    last_ms = atomic_load_explicit(&slot->last_bid_ms, memory_order_relaxed);
    if (now_ms - last_ms >= silence_ms / TOLD_PARTS || now_ms < last_ms) {
        atomic_store(&slot->last_bid_ms, now_ms);
    }
    if (atomic_load(&slot->unanswered_ms) == 0 || now_ms - last_ms > silence_ms) {
        atomic_store(&slot->unanswered_ms, now_ms);
    }
}

/* Whether too many wins stand without a booking for too long. */
static bool is_unbooked(struct mb__slot *slot, int64_t now_ms)
{
    uint32_t wins = atomic_fetch_add(&slot->unbooked_wins, 1) + 1;
    int64_t since_ms = atomic_load_explicit(&slot->unbooked_ms, memory_order_relaxed);

    if (wins == 1 || now_ms < since_ms) { /* the first, or the clock was set back */
        atomic_store_explicit(&slot->unbooked_ms, now_ms, memory_order_relaxed);
        return false;
    }
    return wins >= MB_GUARD_UNBOOKED_WINS_MAX && now_ms - since_ms >= MB_GUARD_UNBOOKED_MS;
}

void mb__alarm_event(struct mb_guard *guard, struct mb__slot *slot, uint32_t slot_index,
                     const struct mb_event *event)
{
    atomic_store(&slot->unanswered_ms, 0);
    if (event->books) {
        atomic_store(&slot->unbooked_wins, 0);
    } else if (event->type == MB_EVENT_WIN && event->model == MB_MODEL_CPM &&
               is_unbooked(slot, event->time_ms)) {
        raise(guard, slot, slot_index, MB_GUARD_ALARM_UNBOOKED);
    }
}

bool mb__alarm_holds(struct mb_guard *guard, struct mb__slot *slot, uint32_t slot_index,
                     int64_t now_ms)
{
    int64_t silence_ms = atomic_load_explicit(&guard->shared->silence_ms, memory_order_relaxed);
    int64_t since_ms = atomic_load_explicit(&slot->unanswered_ms, memory_order_relaxed);

    if (silence_ms > 0 && since_ms > 0 && now_ms - since_ms > silence_ms &&
        now_ms - atomic_load(&slot->last_bid_ms) <= silence_ms) {
        raise(guard, slot, slot_index, MB_GUARD_ALARM_SILENCE);
    }
    return atomic_load_explicit(&slot->alarm, memory_order_relaxed) != MB_GUARD_NO_ALARM;
}

void mb__alarm_clear(struct mb__slot *slot)
{
    atomic_store(&slot->unanswered_ms, 0);
    atomic_store(&slot->unbooked_wins, 0);
    atomic_store(&slot->alarm, MB_GUARD_NO_ALARM);
}
