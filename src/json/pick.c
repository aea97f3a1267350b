/* pick.c - the members that a reader knows of, found in one walk over their object.
 *
 * A key is looked up among the names by a hash of its head, the first eight bytes. Names of up to
 * eight bytes are their head, so that the comparison of a word decides; it does so for nearly all
 * members there are. What is longer, unknown, or shares its slot goes a slower way.
 */
#include <endian.h>
#include <stdlib.h>

#include "internal.h"

enum { WORD = sizeof(uint64_t), SLOT_BITS = 6, NONE = MB_JSON_NAMES_MAX };

#define NO_LEN UINT32_MAX

static_assert(MB_JSON_NAMES_SLOTS == 1 << SLOT_BITS, "the hash has as many bits");

/* The first eight bytes of a key; of a shorter one all, with zeros before them. As no key has a
 * zero byte, those that differ within eight bytes differ in it. `key`: eight bytes can be read. */
static inline uint64_t head_of(const char *key, uint32_t len)
{
    uint64_t word;
    memcpy(&word, key, sizeof(word));
    word = le64toh(word);
    return len < WORD ? word << ((0 - len) * 8) % 64 : word;
}

static inline size_t slot_of(uint64_t head)
{
    return (size_t)((head * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SLOT_BITS));
}

/* Names that share a slot stand behind each other, the last before an empty one. */
static void put_name(struct mb_json_names *names, struct mb_slice text, uint32_t number)
{
    char padded[WORD] = {0};
    memcpy(padded, text.data, text.len < WORD ? text.len : WORD);
    uint64_t head = head_of(padded, (uint32_t)text.len);
    struct mb_json_name *slot = &names->slots[slot_of(head)];
    while (slot->name != NONE)
        slot++;
    *slot = (struct mb_json_name){
        .head = head, .len = text.len <= WORD ? (uint32_t)text.len : NO_LEN, .name = number};
}

void mb_json_names_init(struct mb_json_names *names, const char *const *texts, size_t count)
{
    if (count > MB_JSON_NAMES_MAX)
        abort();
    names->count = count;
    for (size_t i = 0; i < sizeof(names->slots) / sizeof(names->slots[0]); i++)
        names->slots[i] = (struct mb_json_name){.len = NO_LEN, .name = NONE};
    for (size_t i = 0; i < count; i++) {
        names->texts[i] = mb_slice_of(texts[i]);
        put_name(names, names->texts[i], (uint32_t)i);
    }
}

/* The number of the key's name; `slot` is where the look for it begins. */
static __attribute__((noinline)) uint32_t look_on(const struct mb_json_names *names,
                                                  const struct mb_json_name *slot,
                                                  struct mb_json *doc, uint32_t key)
{
    struct mb_slice text = mb__json_raw(doc, &doc->tokens[key]);
    if (doc->tokens[key].flags & MB__JSON_ESCAPES) {
        uint32_t i = 0;
        text = mb__json_string(doc, key);
        while (i < names->count && !mb_slice_eq(names->texts[i], text))
            i++;
        return i < names->count ? i : NONE;
    }
    while (slot->name != NONE && !mb_slice_eq(names->texts[slot->name], text))
        slot++;
    return slot->name;
}

void mb_json_pick(struct mb_json_value object, const struct mb_json_names *names, uint16_t *places)
{
    struct mb_json *doc = object.doc;
    const char *text = doc->text.data;
    const struct mb_json_token *tokens = doc->tokens;
    uint32_t end = object.token + tokens[object.token].span;
    for (uint32_t at = object.token + 1; at < end; at += 1 + tokens[at + 1].span) {
        const struct mb_json_token *key = &tokens[at];
        uint32_t len = key->end - key->start;
        uint64_t head = head_of(text + key->start, len);
        const struct mb_json_name *slot = &names->slots[slot_of(head)];
        uint32_t name = slot->name;
        if (__builtin_expect(slot->head != head || slot->len != len, 0)) {
            if (name != NONE || key->flags & MB__JSON_ESCAPES)
                name = look_on(names, slot, doc, at);
            if (name == NONE)
                continue;
        }
        if (__builtin_expect(places[name] != 0, 0))
            mb__json_count_slip(doc, MB_JSON_SLIP_DUPLICATE_KEY);
        else
            places[name] = (uint16_t)(at + 1);
    }
}
