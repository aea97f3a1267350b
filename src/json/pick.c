/* pick.c - the members that a reader knows of, found in one walk over their object.
 *
 * A key is looked up among the names by a hash of its first eight bytes and its length. Those
 * eight, the last eight and the length are all there is of most names, so a comparison of words
 * decides.
 */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"

enum { WORD = sizeof(uint64_t) };

static_assert((MB_JSON_NAMES_SLOTS & (MB_JSON_NAMES_SLOTS - 1)) == 0 &&
                  MB_JSON_NAMES_SLOTS >= 2 * MB_JSON_NAMES_MAX,
              "a look for a name ends at an empty slot");

static size_t slot_of(uint64_t head, size_t len)
{
    enum { BITS = __builtin_ctz(MB_JSON_NAMES_SLOTS) };
    return (size_t)(((head + len) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - BITS));
}

static size_t behind(size_t slot)
{
    return (slot + 1) % MB_JSON_NAMES_SLOTS;
}

/* The last eight bytes of a key that has more. */
static uint64_t tail_of(const char *key, size_t len)
{
    return mb__json_head(key + len - WORD, WORD);
}

void mb_json_names_init(struct mb_json_names *names, const char *const *texts, size_t count)
{
    if (count > MB_JSON_NAMES_MAX)
        abort();
    *names = (struct mb_json_names){.count = count};
    for (size_t i = 0; i < count; i++) {
        struct mb_json_name *name = &names->names[i];
        char padded[WORD] = {0};
        name->text = mb_slice_of(texts[i]);
        memcpy(padded, texts[i], name->text.len < WORD ? name->text.len : WORD);
        name->head = mb__json_head(padded, WORD);
        name->tail = name->text.len > WORD ? tail_of(texts[i], name->text.len) : 0;
        size_t slot = slot_of(name->head, name->text.len);
        while (names->slots[slot])
            slot = behind(slot);
        names->slots[slot] = (uint8_t)(i + 1);
    }
}

/* The number of the key's name and one more, 0: unknown. `key`: as in a document's text, zeros
 * behind it. */
static inline unsigned number_of(const struct mb_json_names *names, const char *key, size_t len)
{
    uint64_t head = mb__json_head(key, len);
    for (size_t slot = slot_of(head, len);; slot = behind(slot)) {
        unsigned number = names->slots[slot];
        if (number == 0)
            return 0;
        const struct mb_json_name *name = &names->names[number - 1];
        if (name->head == head && name->text.len == len &&
            (len <= WORD || (name->tail == tail_of(key, len) &&
                             (len <= 2 * WORD || memcmp(name->text.data, key, len) == 0))))
            return number;
    }
}

/* The same for a key with escapes. */
static __attribute__((noinline, cold)) unsigned number_of_escaped(const struct mb_json_names *names,
                                                                  struct mb_json *doc, uint32_t key)
{
    struct mb_slice text = mb__json_string(doc, key);
    for (unsigned i = 0; i < names->count; i++) {
        if (mb_slice_eq(names->names[i].text, text))
            return i + 1;
    }
    return 0;
}

void mb_json_pick(struct mb_json_value object, const struct mb_json_names *names, uint16_t *places)
{
    struct mb_json *doc = object.doc;
    memset(places, 0, names->count * sizeof(*places));
    if (object.type != MB_JSON_OBJECT)
        return;
    const struct mb_json_token *tokens = doc->tokens;
    const char *text = doc->text.data;
    uint32_t end = object.token + tokens[object.token].span;
    for (uint32_t at = object.token + 1; at < end; at += 1 + tokens[at + 1].span) {
        const struct mb_json_token *key = &tokens[at];
        unsigned number = __builtin_expect(key->flags & MB__JSON_ESCAPES, 0)
                              ? number_of_escaped(names, doc, at)
                              : number_of(names, text + key->start, key->end - key->start);
        if (number == 0)
            continue;
        if (__builtin_expect(places[number - 1] != 0, 0))
            mb__json_count_slip(doc, MB_JSON_SLIP_DUPLICATE_KEY);
        else
            places[number - 1] = (uint16_t)(at + 1);
    }
}
