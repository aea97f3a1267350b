/* trace.h - what `moonbid try` prints of a decision, for people and for machines.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_TRACE_H
#define MB_CLI_TRACE_H

#include "moonbid/trace.h"

enum { CLI_TRACE_WANTS_MAX = 6 }; /* values of a target that are shown; a list may have millions */

/* "NAME  imp ID  no bid: REASON (PROBLEM)" and a line's end. */
void cli_print_decision(const struct mb_decision *decision);
/* Its reason in one word; "bid" where it went out. */
struct mb_slice cli_decision_word(const struct mb_decision *decision);

/* The page for a terminal, in colour only on one, and not with NO_COLOR set. */
void cli_trace_text(struct mb_bidder *bidder, const struct mb_bidder_out *out);
/* One document; its keys are in docs/strategies.md and stay. */
void cli_trace_json(struct mb_bidder *bidder, const struct mb_bidder_out *out);

#endif /* MB_CLI_TRACE_H */
