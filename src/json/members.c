/* members.c - the table of members and the look into it; see members.h. */
#include "members.h"

enum { LEAST_SLOT_BITS = 6 };

static_assert(MB_JSON_MAX_TOKENS <= UINT16_MAX, "a slot holds the number of a token");

void mb__json_make_members(struct mb_json *doc, uint32_t keys, uint32_t n_tokens)
{
    uint32_t bits = LEAST_SLOT_BITS;
    while (UINT32_C(1) << bits < keys * 2)
        bits++;
    doc->slot_shift = (uint8_t)(32 - bits);
    size_t slots =
        ((size_t)1 << bits) + MB__JSON_PLACES; /* the last one's keys go on behind it, before a 0 */
    doc->members = mb_xarena_array(doc->arena, slots, sizeof(doc->members[0]));
    for (uint32_t i = 0; i < n_tokens; i++) {
        if (doc->tokens[i].flags & MB__JSON_KEY)
            mb__json_put_member(doc, doc->tokens, i);
    }
}

/* Its keys may have escapes, or stand twice. */
static __attribute__((noinline)) struct mb_json_value find_walking(struct mb_json_value value,
                                                                   struct mb_slice name)
{
    struct mb_json *doc = value.doc;
    const struct mb_json_token *tokens = doc->tokens;
    uint32_t end = tokens[value.token].next, found = 0;
    for (uint32_t at = value.token + 1; at < end; at = tokens[at + 1].next) {
        if (!mb_slice_eq(mb__json_string(doc, at), name))
            continue;
        if (found)
            mb__json_count_slip(doc, MB_JSON_SLIP_DUPLICATE_KEY);
        else
            found = at;
    }
    return found ? mb__json_value_at(doc, found + 1) : mb__json_absent(doc);
}

static inline bool same_word(const char *a, const char *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left == right;
}

/* Of two names of one length and mark, whether all bytes are the same. Three bytes are all in the
 * mark; the last word of others overlaps the one before. Names are too short for a call to pay. */
static inline bool is_same(const char *a, const char *b, size_t len)
{
    enum { WORD = sizeof(uint32_t) };
    if (len < WORD)
        return true;
    for (size_t at = 0; at + WORD < len; at += WORD) {
        if (!same_word(a + at, b + at))
            return false;
    }
    return same_word(a + len - WORD, b + len - WORD);
}

struct mb_json_value mb_json_find(struct mb_json_value value, struct mb_slice name, uint32_t mark)
{
    struct mb_json *doc = value.doc;
    if (__builtin_expect(doc->has_walked, 0) && doc->tokens[value.token].flags & MB__JSON_WALK)
        return find_walking(value, name);
    const uint16_t *slot = doc->members + mb_json_slot(doc, value.token, mark);
    for (const uint16_t *end = slot + MB__JSON_PLACES; slot < end && *slot != 0; slot++) {
        uint32_t key = *slot;
        const struct mb_json_token *token = &doc->tokens[key];
        if (token->mark == mark && token->count == value.token &&
            token->end - token->start == name.len &&
            is_same(doc->text.data + token->start, name.data, name.len))
            return (struct mb_json_value){doc, key + 1, token[1].type};
    }
    return mb__json_absent(doc);
}
