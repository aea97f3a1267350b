/* members.h - a member is found by its key without a walk over its object.
 *
 * Part of: json (private).
 *
 * All keys of a document share one table of slots, at most half full. Where the look for a key
 * begins depends on its object and its mark; it goes on from slot to slot until an empty one. Slots
 * hold the number of the key's token, 0 for none: the first token is no key.
 *
 * What is rare is left to a walk over the object, as before there was a table: a key that may stand
 * twice, a key with escapes, whose mark is not known, and one that finds no place near its own, or
 * many keys of one mark could make each look long.
 */
#ifndef MB_JSON_MEMBERS_H
#define MB_JSON_MEMBERS_H

#include "internal.h"

enum {
    MB__JSON_PLACES = 16
}; /* slots that a key may stand in, from its own on; behind the last a 0 */

/* Makes a table for at least so many keys, with those of the first `n_tokens` tokens in it. */
void mb__json_make_members(struct mb_json *doc, uint32_t keys, uint32_t n_tokens);

/* Puts a key, whose object's token it names, among the members. There must be room. `tokens`: those
 * of doc, which the compiler need not read again. */
static inline void mb__json_put_member(struct mb_json *doc, struct mb_json_token *tokens,
                                       uint32_t key)
{
    const struct mb_json_token token = tokens[key];
    uint16_t *slot = doc->members + mb_json_slot(doc, token.count, token.mark);
    const uint16_t *end = slot + MB__JSON_PLACES - 1;
    bool walk = token.flags & MB__JSON_ESCAPES;
    for (; *slot != 0 && !walk; slot++) {
        const struct mb_json_token *other = &tokens[*slot];
        walk = (other->mark == token.mark && other->count == token.count) || slot == end;
    }
    if (__builtin_expect(walk, 0)) {
        tokens[token.count].flags |= MB__JSON_WALK;
        doc->has_walked = true;
    } else {
        *slot = (uint16_t)key;
    }
}

#endif /* MB_JSON_MEMBERS_H */
