/* compare.c - what differs between two decisions of a strategy.
 */
#include "internal.h"

static const char *const names[] = {
    [MB_REPLAY_SAME] = "same",
    [MB_REPLAY_NEW_BID] = "newly bids",
    [MB_REPLAY_LOST_BID] = "stops bidding",
    [MB_REPLAY_PRICE_UP] = "price up",
    [MB_REPLAY_PRICE_DOWN] = "price down",
    [MB_REPLAY_OTHER_BID] = "other bid",
    [MB_REPLAY_OTHER_REASON] = "other reason",
};

const char *mb_replay_change_name(enum mb_replay_change change)
{
    return names[change];
}

/* An absent text and an empty one are the same: a record has neither. */
static bool same_text(struct mb_slice a, struct mb_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The bid itself, whether it went out or not. */
static bool same_bid(const struct mb_replay_did *a, const struct mb_replay_did *b)
{
    if (!a->has_bid || !b->has_bid) {
        return a->has_bid == b->has_bid;
    }
    return a->model == b->model && a->price.micros == b->price.micros &&
           a->ecpm.micros == b->ecpm.micros && a->price_wire.micros == b->price_wire.micros &&
           same_text(a->deal, b->deal) && same_text(a->creative, b->creative) &&
           same_text(a->arm, b->arm) && same_text(a->data, b->data);
}

static bool same_reason(const struct mb_replay_did *a, const struct mb_replay_did *b)
{
    return a->outcome == b->outcome && (a->outcome != MB_NOBID_SCRIPT || same_text(a->own, b->own));
}

/* What happens to a good bid among others. */
static bool is_rank(enum mb_nobid outcome)
{
    return outcome == MB_NOBID_BID || outcome == MB_NOBID_OUTRANKED || outcome == MB_NOBID_BUDGET ||
           outcome == MB_NOBID_HOURLY;
}

static enum mb_replay_change compare_bids(const struct mb_replay_did *before,
                                          const struct mb_replay_did *after)
{
    if (after->ecpm.micros != before->ecpm.micros || after->price.micros != before->price.micros) {
        bool up = after->price.micros != before->price.micros
                      ? after->price.micros > before->price.micros
                      : after->ecpm.micros > before->ecpm.micros;
        return up ? MB_REPLAY_PRICE_UP : MB_REPLAY_PRICE_DOWN;
    }
    return same_bid(before, after) ? MB_REPLAY_SAME : MB_REPLAY_OTHER_BID;
}

enum mb_replay_change mb_replay_compare(const struct mb_replay_did *before,
                                        const struct mb_replay_did *after, bool *follows)
{
    bool bid = before && before->outcome == MB_NOBID_BID,
         bids = after && after->outcome == MB_NOBID_BID;

    *follows = before && after && before->has_bid && same_bid(before, after) &&
               is_rank(before->outcome) && is_rank(after->outcome) &&
               before->outcome != after->outcome;
    if (bid && bids) {
        return compare_bids(before, after);
    }
    if (bid || bids) {
        return bids ? MB_REPLAY_NEW_BID : MB_REPLAY_LOST_BID;
    }
    return before && after && same_reason(before, after) && same_bid(before, after)
               ? MB_REPLAY_SAME
               : MB_REPLAY_OTHER_REASON;
}
