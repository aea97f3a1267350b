/* rows.c - a table of the rows of a text: where each key begins, by a hash of it.
 *
 *     head: what each kind has | slots of the list | slots of the map
 *
 * Open addressing with linear probing, at most two thirds full. A slot holds 16 bits of the hash
 * beside the place of the key, so a key that is not there costs one look at the table and none at
 * the text.
 *
 * The hash takes ASCII letters without case. So one table answers both who asks for the very bytes
 * and who asks for a country or a domain in any spelling. Rows that differ in case only stand in
 * one run of slots; a text with thousands of spellings of one word is refused, since each look-up
 * would walk through all of them.
 */
#include "moonbid/base/rows.h"

enum {
    KEY_BYTES_MAX = UINT16_MAX, /* what a slot has room for */
    RUN_MAX = 4096,             /* slots looked at for one key; some 250 where hashes are chance */
};

static const char magic[8] = {'m', 'b', 'r', 'o', 'w', 's', '0', '1'};

struct slot {
    uint32_t at;  /* of the key in the text */
    uint16_t len; /* of the key; 0: a free slot */
    uint16_t tag; /* low bits of the hash; the high ones are the place */
};

enum problem {
    PROBLEM_NONE,
    PROBLEM_UTF8,
    PROBLEM_CONTROL,
    PROBLEM_LONG,
    PROBLEM_COMMA,
    PROBLEM_QUOTE,
    PROBLEM_CROWDED,
    PROBLEMS
};

static const char *const problem_texts[] = {
    NULL,
    "not UTF-8",
    "a zero byte or another control character",
    "a key of more than 65,535 bytes",
    "no comma: expected key,value",
    "a double quote that is not closed, or text behind it",
    "thousands of rows that differ in upper and lower case only",
};
_Static_assert(sizeof(problem_texts) / sizeof(problem_texts[0]) == PROBLEMS, "each has a text");

/* The text read as one kind. With a problem there is no slot. */
struct part {
    uint32_t n_slots; /* a power of two, or 0 */
    uint32_t count, repeated, repeated_line, problem, problem_line;
    uint64_t slots_at;
};

struct head {
    char magic[8];
    uint64_t text_len;
    struct part parts[MB_ROWS_KINDS];
};

/* --- hash --- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes with A to Z as a to z: the sums carry into the top bit of a byte from 'A', and from
 * behind 'Z'. */
static uint64_t fold(uint64_t word)
{
    uint64_t low = word & EACH(0x7f);
    uint64_t from_a = low + EACH(0x80 - 'A'), past_z = low + EACH(0x7f - 'Z');
    return word | ((from_a ^ past_z) & ~word & EACH(0x80)) >> 2;
}

static uint64_t hash_of(struct mb_slice key)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = key.len * odd;
    for (size_t i = 0; i < key.len; i += 8) {
        size_t len = key.len - i < 8 ? key.len - i : 8;
        uint64_t word = 0;
        memcpy(&word, key.data + i, len);
        hash = (hash ^ fold(word)) * odd;
        hash ^= hash >> 32;
    }
    return hash * odd;
}

static uint32_t first_place(uint64_t hash, uint32_t n_slots)
{
    return (uint32_t)(hash >> 32) & (n_slots - 1);
}

/* --- rows --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum problem check_bytes(struct mb_slice line)
{
    for (size_t i = 0; i < line.len;) {
        unsigned char c = (unsigned char)line.data[i];
        size_t len = c < 0x80 ? 1 : mb_slice_utf8(mb_slice(line.data + i, line.len - i));
        if (len == 0)
            return PROBLEM_UTF8;
        if (c < ' ' && c != '\t')
            return PROBLEM_CONTROL;
        i += len;
    }
    return PROBLEM_NONE;
}

/* What stands in the text of a map behind a key: the closing quote if it has one, then the comma.
 * Absent where there is none. */
static struct mb_slice behind_key(struct mb_slice rest)
{
    size_t at = rest.len > 0 && rest.data[0] == '"';
    while (at < rest.len && is_blank(rest.data[at]))
        at++;
    if (at == rest.len || rest.data[at] != ',')
        return MB_SLICE_NONE;
    return mb_slice_trim(mb_slice(rest.data + at + 1, rest.len - at - 1));
}

static enum problem check_value(struct mb_slice value)
{
    bool open = false;
    if (value.len == 0 || value.data[0] != '"')
        return PROBLEM_NONE;
    for (size_t i = 0; i < value.len; i++)
        open ^= value.data[i] == '"';
    return open ? PROBLEM_QUOTE : PROBLEM_NONE;
}

/* The key of a row that is not blank. */
static enum problem take_key(struct mb_slice line, enum mb_rows_kind kind, struct mb_slice *key)
{
    *key = line;
    if (kind == MB_ROWS_MAP) {
        bool quoted = line.data[0] == '"';
        struct mb_slice rest = mb_slice(line.data + quoted, line.len - quoted);
        long end = mb_slice_find_char(rest, quoted ? '"' : ',');
        if (end < 0)
            return quoted ? PROBLEM_QUOTE : PROBLEM_COMMA;
        *key = mb_slice(rest.data, (size_t)end);
        if (!quoted)
            *key = mb_slice_trim(*key);
        size_t behind = (size_t)(key->data + key->len - line.data);
        struct mb_slice value = behind_key(mb_slice(line.data + behind, line.len - behind));
        if (!value.data)
            return PROBLEM_QUOTE;
        if (check_value(value) != PROBLEM_NONE)
            return PROBLEM_QUOTE;
    }
    return key->len > KEY_BYTES_MAX ? PROBLEM_LONG : PROBLEM_NONE;
}

/* --- building --- */

static struct mb_slice key_at(struct mb_slice text, struct slot slot)
{
    return mb_slice(text.data + slot.at, slot.len);
}

/* The slot of the very key, or the free one where it would stand; NULL past RUN_MAX. */
static struct slot *find_place(struct mb_slice text, struct slot *slots, uint32_t n_slots,
                               struct mb_slice key)
{
    uint64_t hash = hash_of(key);
    uint32_t place = first_place(hash, n_slots);
    for (uint32_t i = 0; i < RUN_MAX; i++, place = (place + 1) & (n_slots - 1)) {
        struct slot *slot = &slots[place];
        if (slot->len == 0)
            slot->tag = (uint16_t)hash;
        if (slot->len == 0 ||
            (slot->tag == (uint16_t)hash && mb_slice_eq(key_at(text, *slot), key)))
            return slot;
    }
    return NULL;
}

static enum problem add_row(struct mb_slice text, struct mb_slice line, enum mb_rows_kind kind,
                            uint32_t number, struct part *part, struct slot *slots)
{
    struct mb_slice key;
    enum problem problem = check_bytes(line);
    if (problem == PROBLEM_NONE)
        problem = take_key(line, kind, &key);
    if (problem != PROBLEM_NONE || key.len == 0)
        return problem;
    struct slot *slot = find_place(text, slots, part->n_slots, key);
    if (!slot)
        return PROBLEM_CROWDED;
    if (slot->len == 0)
        part->count++;
    else if (part->repeated++ == 0)
        part->repeated_line = number;
    slot->at = (uint32_t)(key.data - text.data);
    slot->len = (uint16_t)key.len;
    return PROBLEM_NONE;
}

static void add_rows(struct mb_slice text, enum mb_rows_kind kind, struct part *part,
                     struct slot *slots)
{
    struct mb_slice rest = text;
    if (mb_slice_starts(rest, MB_SLICE("\xef\xbb\xbf")))
        rest = mb_slice(rest.data + 3, rest.len - 3);
    for (uint32_t number = 1; mb_slice_present(rest); number++) {
        struct mb_slice line = mb_slice_trim(mb_slice_cut(&rest, '\n'));
        if (line.len == 0)
            continue;
        enum problem problem = add_row(text, line, kind, number, part, slots);
        if (problem != PROBLEM_NONE) {
            *part = (struct part){.problem = problem, .problem_line = number};
            return;
        }
    }
}

static size_t count_lines(struct mb_slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '\n';
    return count;
}

/* A row has two bytes at least, all rows together 2^31: there are 2^31 slots at most. */
static size_t count_slots(struct mb_slice text)
{
    size_t n_slots = 4, lines = count_lines(text);
    if (lines > text.len / 2 + 1)
        lines = text.len / 2 + 1; /* most of them are empty */
    while (n_slots < lines + lines / 2)
        n_slots *= 2;
    return n_slots;
}

size_t mb_rows_table_len(struct mb_slice text)
{
    if (text.len > MB_ROWS_TEXT_MAX)
        return 0;
    size_t n_kinds = mb_slice_find_char(text, ',') >= 0 ? MB_ROWS_KINDS : 1;
    return sizeof(struct head) + n_kinds * count_slots(text) * sizeof(struct slot);
}

void mb_rows_make_table(struct mb_slice text, void *table, size_t len)
{
    struct head *head = table;
    struct part *list = &head->parts[MB_ROWS_LIST], *map = &head->parts[MB_ROWS_MAP];
    size_t n_slots = count_slots(text), bytes = n_slots * sizeof(struct slot);
    memcpy(head->magic, magic, sizeof(magic));
    head->text_len = text.len;
    *list = (struct part){.n_slots = (uint32_t)n_slots, .slots_at = sizeof(*head)};
    if (len > sizeof(*head) + bytes)
        *map = (struct part){.n_slots = (uint32_t)n_slots, .slots_at = sizeof(*head) + bytes};
    add_rows(text, MB_ROWS_LIST, list, (struct slot *)((char *)table + list->slots_at));
    /* Without a comma no row gets as far as a slot. */
    add_rows(text, MB_ROWS_MAP, map, (struct slot *)((char *)table + map->slots_at));
}

/* --- reading --- */

/* The keys lie in the text, and there is a free slot, where a search ends. */
static bool is_sound(const struct slot *slots, const struct part *part, size_t text_len)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < part->n_slots; i++) {
        if (slots[i].at > text_len || slots[i].len > text_len - slots[i].at)
            return false;
        count += slots[i].len > 0;
    }
    return count == part->count && (count == 0 || count < part->n_slots);
}

bool mb_rows_open(struct mb_slice text, struct mb_slice table, enum mb_rows_kind kind,
                  struct mb_rows *out)
{
    const struct head *head = (const void *)table.data;
    *out = (struct mb_rows){.text = text};
    if (table.len < sizeof(*head) || memcmp(head->magic, magic, sizeof(magic)) != 0 ||
        head->text_len != text.len)
        return false;
    const struct part *part = &head->parts[kind];
    if (part->slots_at > table.len || part->slots_at % 8 != 0 ||
        part->n_slots > (table.len - part->slots_at) / sizeof(struct slot) ||
        (part->n_slots & (part->n_slots - 1)) != 0 || part->problem >= PROBLEMS)
        return false;
    out->slots = table.data + part->slots_at;
    out->n_slots = part->n_slots;
    out->count = part->count;
    out->repeated = part->repeated;
    out->repeated_line = part->repeated_line;
    out->problem = problem_texts[part->problem];
    out->problem_line = part->problem_line;
    return is_sound(out->slots, part, text.len);
}

static struct mb_slice find(const struct mb_rows *rows, struct mb_slice key,
                            bool (*is_same)(struct mb_slice a, struct mb_slice b))
{
    const struct slot *slots = rows->slots;
    if (rows->count == 0 || key.len == 0 || key.len > KEY_BYTES_MAX)
        return MB_SLICE_NONE;
    uint64_t hash = hash_of(key);
    uint32_t mask = rows->n_slots - 1;
    for (uint32_t i = first_place(hash, rows->n_slots); slots[i].len > 0; i = (i + 1) & mask) {
        if (slots[i].tag == (uint16_t)hash && slots[i].len == key.len) {
            struct mb_slice found = key_at(rows->text, slots[i]);
            if (is_same(found, key))
                return found;
        }
    }
    return MB_SLICE_NONE;
}

struct mb_slice mb_rows_find(const struct mb_rows *rows, struct mb_slice key)
{
    return find(rows, key, mb_slice_eq);
}

struct mb_slice mb_rows_find_nocase(const struct mb_rows *rows, struct mb_slice key)
{
    return find(rows, key, mb_slice_eq_nocase);
}

/* What stands between the double quotes of a value that is quoted as a whole. False: it is not. */
static bool unquote(struct mb_slice *value, bool *doubled)
{
    if (value->len < 2 || value->data[0] != '"' || value->data[value->len - 1] != '"')
        return false;
    struct mb_slice inner = mb_slice(value->data + 1, value->len - 2);
    bool any = false;
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.data[i] == '"' && (++i == inner.len || inner.data[i] != '"'))
            return false; /* "a","b" */
        any |= inner.data[i] == '"';
    }
    *value = inner;
    *doubled = any;
    return true;
}

struct mb_slice mb_rows_value(const struct mb_rows *rows, struct mb_slice found, bool *doubled)
{
    size_t at = (size_t)(found.data + found.len - rows->text.data);
    struct mb_slice rest = mb_slice(rows->text.data + at, rows->text.len - at);
    struct mb_slice value = behind_key(mb_slice_cut(&rest, '\n'));
    *doubled = false;
    (void)unquote(&value, doubled);
    return value;
}

struct mb_slice mb_rows_next(const struct mb_rows *rows, size_t *at)
{
    const struct slot *slots = rows->slots;
    while (*at < rows->n_slots) {
        const struct slot *slot = &slots[(*at)++];
        if (slot->len > 0)
            return key_at(rows->text, *slot);
    }
    return MB_SLICE_NONE;
}

uint32_t mb_rows_line(const struct mb_rows *rows, struct mb_slice found)
{
    return (uint32_t)count_lines(mb_slice(rows->text.data, (size_t)(found.data - rows->text.data)));
}
