/* members.c - a member is found by its key.
 *
 * Most objects have a few members: a walk over them costs less than any table. For those with many
 * a table of slots is made when first one of them is asked: at most half full, all keys of all such
 * objects of the document in it. Where the look for a key begins depends on its object and its
 * mark; it goes on from slot to slot until an empty one. Slots hold the number of the key's token,
 * 0 for none: the first token is no key. The token of a key in the table counts its object's
 * number.
 *
 * What is rare is left to a walk there too: a key that may stand twice, a key with escapes, whose
 * mark is not known, and one that finds no place near its own, or many keys of one mark could make
 * each look long.
 */
#include "internal.h"

enum {
    WALK_MAX = 16, /* members that are walked over */
    LEAST_SLOT_BITS = 6,
    PLACES = 16 /* slots that a key may stand in, from its own on; behind the last a 0 */
};

static_assert(MB_JSON_MAX_TOKENS <= UINT16_MAX, "a slot holds the number of a token");

static const char *text_of(const struct mb_json *doc, const struct mb_json_token *key)
{
    return doc->text.data + key->start;
}

static size_t length_of(const struct mb_json_token *key)
{
    return key->end - key->start;
}

/* Names are too short for a call to pay, and most that differ do so at once. */
static bool is_key(const struct mb_json *doc, const struct mb_json_token *key, struct mb_slice name)
{
    const char *text = text_of(doc, key);
    size_t i = 0;
    if (length_of(key) != name.len)
        return false;
    while (i < name.len && text[i] == name.data[i])
        i++;
    return i == name.len;
}

/* --- by a walk --- */

/* Its keys may have escapes, or stand twice. */
static struct mb_json_value find_walking(struct mb_json_value value, struct mb_slice name)
{
    struct mb_json *doc = value.doc;
    const struct mb_json_token *tokens = doc->tokens;
    uint32_t end = value.token + tokens[value.token].span, found = 0;
    for (uint32_t at = value.token + 1; at < end; at = mb__json_next_key(tokens, at)) {
        bool same = __builtin_expect(tokens[at].flags & MB__JSON_ESCAPES, 0)
                        ? mb_slice_eq(mb__json_string(doc, at), name)
                        : is_key(doc, &tokens[at], name);
        if (!same)
            continue;
        if (found)
            mb__json_count_slip(doc, MB_JSON_SLIP_DUPLICATE_KEY);
        else
            found = at;
    }
    return found ? mb__json_value_at(doc, found + 1) : mb__json_absent(doc);
}

/* --- by the table --- */

/* Keys that differ in it differ. */
static uint32_t mark_of(const char *key, size_t len)
{
    if (len == 0)
        return 0;
    return (uint32_t)(len & 0xff) | (uint32_t)(unsigned char)key[0] << 8 |
           (uint32_t)(unsigned char)key[len / 2] << 16 |
           (uint32_t)(unsigned char)key[len - 1] << 24;
}

static uint32_t slot_of(const struct mb_json *doc, uint32_t object, uint32_t mark)
{
    return (mark * UINT32_C(0x9e3779b1) + object * UINT32_C(0x85ebca6b)) >> doc->slot_shift;
}

/* Puts a key of `object` into the table; there must be room. */
static void put_member(struct mb_json *doc, uint32_t object, uint32_t key)
{
    struct mb_json_token *tokens = doc->tokens, *token = &tokens[key];
    uint32_t mark = mark_of(text_of(doc, token), length_of(token));
    uint16_t *slot = doc->members + slot_of(doc, object, mark);
    const uint16_t *end = slot + PLACES - 1;
    bool walk = token->flags & MB__JSON_ESCAPES;
    for (; *slot != 0 && !walk; slot++) {
        const struct mb_json_token *other = &tokens[*slot];
        walk = slot == end ||
               (other->count == object && mark_of(text_of(doc, other), length_of(other)) == mark);
    }
    if (walk) {
        tokens[object].flags |= MB__JSON_WALK;
    } else {
        token->count = (uint16_t)object;
        *slot = (uint16_t)key;
    }
}

static bool is_large(const struct mb_json_token *token)
{
    return token->type == MB_JSON_OBJECT && token->count > WALK_MAX;
}

static void make_table(struct mb_json *doc)
{
    const struct mb_json_token *tokens = doc->tokens;
    uint32_t bits = LEAST_SLOT_BITS, keys = 0;
    for (uint32_t i = 0; i < doc->n_tokens; i++)
        keys += is_large(&tokens[i]) ? tokens[i].count : 0;
    while (UINT32_C(1) << bits < keys * 2)
        bits++;
    doc->slot_shift = (uint8_t)(32 - bits);
    /* The last slot's keys go on behind it, before a 0. */
    doc->members = mb_xarena_array(doc->arena, ((size_t)1 << bits) + PLACES, sizeof(uint16_t));
    for (uint32_t i = 0; i < doc->n_tokens; i++) {
        if (!is_large(&tokens[i]))
            continue;
        uint32_t end = i + tokens[i].span;
        for (uint32_t key = i + 1; key < end; key += 1 + tokens[key + 1].span)
            put_member(doc, i, key);
    }
}

static struct mb_json_value find_in_table(struct mb_json_value value, struct mb_slice name)
{
    struct mb_json *doc = value.doc;
    if (!doc->members)
        make_table(doc);
    if (doc->tokens[value.token].flags & MB__JSON_WALK)
        return find_walking(value, name);
    const uint16_t *slot = doc->members + slot_of(doc, value.token, mark_of(name.data, name.len));
    for (const uint16_t *end = slot + PLACES; slot < end && *slot != 0; slot++) {
        const struct mb_json_token *token = &doc->tokens[*slot];
        if (token->count == value.token && is_key(doc, token, name))
            return mb__json_value_at(doc, *slot + 1u);
    }
    return mb__json_absent(doc);
}

struct mb_json_value mb_json_get(struct mb_json_value value, struct mb_slice key)
{
    if (value.type != MB_JSON_OBJECT)
        return mb__json_absent(value.doc);
    return is_large(&value.doc->tokens[value.token]) ? find_in_table(value, key)
                                                     : find_walking(value, key);
}
