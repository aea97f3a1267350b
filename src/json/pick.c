/* pick.c - the members that a reader knows of, found in one walk over their object.
 *
 * A key of up to sixteen bytes is two words, with zeros behind its last byte: no key has a zero
 * byte, so that those that differ, differ in them. A hash of the words says in which slot the name
 * would be that is the same, and comparing them whether it is there. When the names are made known,
 * a factor for the hash is looked for that gives each of them a slot of its own, and in as few slots
 * as can be: those of all kinds of objects together have to stay in the nearest cache.
 *
 * What is seldom goes a slower way. A key that is longer is compared with those names that are so
 * too; one with escapes with all of them, and so is every key where no such factor was found.
 */
#include <stdlib.h>

#include "internal.h"

enum {
    WORD = sizeof(uint64_t),
    SHORT_MAX = 2 * WORD,
    SLOT_BITS_MAX = 6,
    FACTORS_FEW = 1 << 9,  /* that are tried for as few slots as there may be */
    FACTORS_MAX = 1 << 14, /* and for the most */
    NONE = MB_JSON_NAMES_MAX,
    SLOW
};

static_assert(MB_JSON_NAMES_SLOTS == 1 << SLOT_BITS_MAX, "the hash has as many bits");

/* The first sixteen bytes of a name. */
struct words {
    uint64_t head, tail;
};

/* `key`: sixteen bytes can be read. */
static inline struct words words_of(const char *key, uint32_t len)
{
    /* So many of the first bytes as are wanted, at a place that depends on their number. */
    static const unsigned char masks[2 * SHORT_MAX] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                       0xff, 0xff, 0xff, 0xff};
    struct words words, mask;
    memcpy(&words, key, sizeof(words));
    memcpy(&mask, masks + SHORT_MAX - len, sizeof(mask));
    return (struct words){words.head & mask.head, words.tail & mask.tail};
}

static inline size_t slot_of(const struct mb_json_names *names, struct words words)
{
    return (size_t)(((words.head + words.tail) * names->factor) >> names->shift);
}

/* The words of a name; false where it is too long for them. */
static bool read_name(struct mb_slice name, struct words *out)
{
    char padded[SHORT_MAX] = {0};
    if (name.len > SHORT_MAX)
        return false;
    memcpy(padded, name.data, name.len);
    *out = words_of(padded, (uint32_t)name.len);
    return true;
}

/* Whether each name has a slot of its own. */
static bool is_perfect(const struct mb_json_names *names)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct words words;
        if (!read_name(names->texts[i], &words))
            continue;
        uint64_t bit = UINT64_C(1) << slot_of(names, words);
        if (taken & bit)
            return false;
        taken |= bit;
    }
    return true;
}

static void fill_slots(struct mb_json_names *names)
{
    /* What no key is: bytes behind those that it does not have. */
    for (size_t i = 0; i < MB_JSON_NAMES_SLOTS; i++)
        names->slots[i] = (struct mb_json_name){.head = 0, .tail = 1, .name = NONE};
    for (uint32_t i = 0; i < names->count; i++) {
        struct words words;
        if (!read_name(names->texts[i], &words))
            names->longs[names->n_longs++] = i;
        else
            names->slots[slot_of(names, words)] =
                (struct mb_json_name){.head = words.head, .tail = words.tail, .name = i};
    }
}

/* Looks for a factor, first for as many slots as there are names. */
static void find_slots(struct mb_json_names *names)
{
    unsigned bits = 1;
    while (bits < SLOT_BITS_MAX && 1u << bits < names->count)
        bits++;
    for (names->has_own_slots = false; !names->has_own_slots && bits <= SLOT_BITS_MAX; bits++) {
        int tries = bits < SLOT_BITS_MAX ? FACTORS_FEW : FACTORS_MAX;
        names->shift = 64 - bits;
        names->factor = UINT64_C(0x9e3779b97f4a7c15);
        while (!(names->has_own_slots = is_perfect(names)) && tries-- > 0)
            names->factor = names->factor * UINT64_C(0xd1342543de82ef95) + 2; /* stays odd */
    }
}

void mb_json_names_init(struct mb_json_names *names, const char *const *texts, size_t count)
{
    if (count > MB_JSON_NAMES_MAX)
        abort();
    names->count = count;
    names->n_longs = 0;
    for (size_t i = 0; i < count; i++)
        names->texts[i] = mb_slice_of(texts[i]);
    find_slots(names);
    fill_slots(names);
}

/* The number of the key's name, a slower way. */
static __attribute__((noinline)) uint32_t search(const struct mb_json_names *names,
                                                 struct mb_json *doc, uint32_t key)
{
    struct mb_slice text = mb__json_string(doc, key);
    size_t i = 0;
    if (text.len > SHORT_MAX) {
        while (i < names->n_longs && !mb_slice_eq(names->texts[names->longs[i]], text))
            i++;
        return i < names->n_longs ? names->longs[i] : NONE;
    }
    while (i < names->count && !mb_slice_eq(names->texts[i], text))
        i++;
    return i < names->count ? (uint32_t)i : NONE;
}

/* The number of the key's name, if it is a short one; SLOW: search() knows. */
static inline uint32_t find_name(const struct mb_json_names *names, const struct mb_json *doc,
                                 const struct mb_json_token *key)
{
    uint32_t len = key->end - key->start;
    if (__builtin_expect(len > SHORT_MAX, 0))
        return SLOW;
    struct words words = words_of(doc->text.data + key->start, len);
    const struct mb_json_name *slot = &names->slots[slot_of(names, words)];
    if (__builtin_expect(slot->head == words.head && slot->tail == words.tail, 1))
        return slot->name;
    return names->has_own_slots && !(key->flags & MB__JSON_ESCAPES) ? NONE : SLOW;
}

void mb_json_pick(struct mb_json_value object, const struct mb_json_names *names, uint16_t *places)
{
    struct mb_json *doc = object.doc;
    const struct mb_json_token *tokens = doc->tokens;
    uint32_t end = object.token + tokens[object.token].span;
    for (uint32_t at = object.token + 1; at < end; at = mb__json_next_key(tokens, at)) {
        uint32_t name = find_name(names, doc, &tokens[at]);
        if (name >= NONE) {
            name = name == SLOW ? search(names, doc, at) : NONE;
            if (name == NONE)
                continue;
        }
        if (__builtin_expect(places[name] != 0, 0))
            mb__json_count_slip(doc, MB_JSON_SLIP_DUPLICATE_KEY);
        else
            places[name] = (uint16_t)(at + 1);
    }
}
