/* house.c - what the bookkeeper does once in a while: the guard's notes, what workers have counted,
 * and what they tell of the market.
 *
 * One thing at a time, the rarest that is due first: all at once would keep notices from their
 * commit, and bids where they share the core, for as long as all take together. And each of them
 * yields: with a thousand strategies one takes a millisecond.
 */
#include "books.h"

enum { APART_MS = 10 };

static bool keep_one(struct mb__house *house, const struct mb__bookkeeper_options *options,
                     struct mb_ledger *ledger, bool restored, uint64_t now_ms)
{
    return (restored && mb__notes_tick(ledger, options->guard, now_ms, &house->notes_ms)) ||
           mb__counts_tick(&options->counts, ledger, now_ms, &house->counts_ms) ||
           (restored &&
            mb__counts_market(&options->counts, options->guard, now_ms, &house->market));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_due_ms(const struct mb__house *house, bool restored)
{
    uint64_t market_ms = earlier(house->market.draw_ms, house->market.drain_ms);

    return restored ? earlier(house->counts_ms, earlier(house->notes_ms, market_ms))
                    : house->counts_ms;
}

void mb__house_keep(struct mb__house *house, const struct mb__bookkeeper_options *options,
                    struct mb_ledger *ledger, uint64_t now_ms)
{
    /* Before, there is nothing but old notes to lose. */
    bool restored = atomic_load(&options->page->restored);

    if (now_ms >= house->next_ms) {
        bool kept;
        uint64_t due_ms;

        mb_turn_yield_often();
        kept = keep_one(house, options, ledger, restored, now_ms);
        mb_turn_yield_no_more();
        due_ms = next_due_ms(house, restored);
        house->next_ms = kept && due_ms < now_ms + APART_MS ? now_ms + APART_MS : due_ms;
    }
}
