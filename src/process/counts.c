/* counts.c - the bookkeeper writes down what workers have counted, a minute at a time. */
#include "supervisor.h"

/* A second's bids at once would keep the core for milliseconds from a worker that shares it, and notices from their commit.
 * Of more than 16,000 a second and worker a part stands for all. */
enum { EVERY_MS = 1000, PIECE_MS = 50, PIECE = 800, LOOK_MS = 250 };

static void write_table(const struct mb__counts_source *from, struct mb_ledger *ledger,
                        uint32_t seat, const struct mb_tally_table *table, uint64_t number)
{
    const struct mb_ledger_count_mark mark = {from->run, seat, number};

    /* A disk that takes nothing shows in commits as well, which say so; the worker keeps the table. */
    if (mb_ledger_count(ledger, &mark, table, NULL) == 0) {
        mb_tally_give_back(&mb__boards_at(from->boards, seat)->bidder.tally, number);
    }
}

void mb__counts_write(const struct mb__counts_source *from, struct mb_ledger *ledger, bool last)
{
    uint32_t seat;

    for (seat = 0; from->boards && seat < from->boards->count; seat++) {
        const struct mb_tally *tally = &mb__boards_at(from->boards, seat)->bidder.tally;
        const struct mb_tally_table *table;
        uint64_t number;

        if ((table = mb_tally_sealed(tally, &number))) {
            write_table(from, ledger, seat, table, number);
        }
        if (last && !mb_tally_sealed(tally, &number) &&
            (table = mb_tally_open_table(tally, &number))->used > 0) {
            write_table(from, ledger, seat, table, number);
        }
    }
}

/* At most so many of each worker. */
static bool drain(const struct mb__counts_source *from, struct mb_guard *guard, size_t max)
{
    bool came = false;
    uint32_t seat;

    for (seat = 0; from->boards && seat < from->boards->count; seat++) {
        came |= mb_market_drain(guard, &mb__boards_at(from->boards, seat)->bidder.market, max,
                                mb_time_now_ms()) > 0;
    }
    return came;
}

bool mb__counts_market(const struct mb__counts_source *from, struct mb_guard *guard,
                       uint64_t now_ms, struct mb__market_turns *turns)
{
    bool came;

    if (now_ms >= turns->draw_ms) {
        turns->draw_ms = now_ms + EVERY_MS;
        mb_market_refresh(guard, mb_time_now_ms());
        return true;
    }
    if (now_ms < turns->drain_ms) {
        return false;
    }
    came = drain(from, guard, PIECE);
    turns->drain_ms = now_ms + (came ? PIECE_MS : LOOK_MS);
    return came;
}

void mb__counts_market_all(const struct mb__counts_source *from, struct mb_guard *guard)
{
    (void)drain(from, guard, SIZE_MAX);
    mb_market_refresh(guard, mb_time_now_ms());
}

bool mb__counts_tick(const struct mb__counts_source *from, struct mb_ledger *ledger,
                     uint64_t now_ms, uint64_t *due_ms)
{
    if (now_ms < *due_ms) {
        return false;
    }
    *due_ms = now_ms + EVERY_MS;
    mb__counts_write(from, ledger, false);
    return true;
}
