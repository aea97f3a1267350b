/* json.h - a strict one-pass tokenizer, a read-only view with lenient getters, and a writer.
 *
 * Part of: json.  Depends on: base.
 * Threads:  values; a document has one owner.
 * Lifetime: tokens live in the caller's arena, with a copy of the text that they point into; the caller's own may go.
 *           Nothing is decoded before it is asked for. A string without escapes is given as a slice of that copy; one
 *           with escapes is decoded into the arena (a surrogate without its other half becomes U+FFFD).
 * Strict in syntax: RFC 8259, UTF-8, at most MB_JSON_MAX_TOKENS tokens, MB_JSON_MAX_DEPTH deep. Lenient in
 * content: see the getters; each conversion is counted in mb_json.slips.
 * Integers keep their text: 18446744073709551615 is given back digit for digit (mb_json_text).
 */
#ifndef MB_JSON_H
#define MB_JSON_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "moonbid/base.h"

#define MB_JSON_MAX_TOKENS 20000 /* an OpenRTB request of 100 impressions has some 6,000 */
#define MB_JSON_MAX_DEPTH 64     /* OpenRTB nests 9 deep; extensions add a few */

enum mb_json_type {
    MB_JSON_NONE, /* absent: every getter takes it and gives its default */
    MB_JSON_NULL,
    MB_JSON_FALSE,
    MB_JSON_TRUE,
    MB_JSON_NUMBER,
    MB_JSON_STRING,
    MB_JSON_ARRAY,
    MB_JSON_OBJECT
};

/* Kinds of slip: what was sent against what was due. One counter each. */
#define MB_JSON_SLIP_MAP(XX)                              \
    XX(STRING_FOR_NUMBER, "string_for_number")              \
    XX(NUMBER_FOR_STRING, "number_for_string")              \
    XX(NUMBER_FOR_BOOL, "number_for_bool")                  \
    XX(STRING_FOR_BOOL, "string_for_bool")                  \
    XX(BOOL_FOR_NUMBER, "bool_for_number")                  \
    XX(FRACTION_FOR_INTEGER, "fraction_for_integer")        \
    XX(SCALAR_FOR_ARRAY, "scalar_for_array")                \
    XX(WRONG_TYPE, "wrong_type")                            \
    XX(DUPLICATE_KEY, "duplicate_key")

enum mb_json_slip {
#define XX(name, text) MB_JSON_SLIP_##name,
    MB_JSON_SLIP_MAP(XX)
#undef XX
    MB_JSON_SLIP_COUNT
};

const char *mb_json_slip_name(enum mb_json_slip slip);

/* One value (or key) of the text. Tokens stand in document order; a container's members follow it. */
struct mb_json_token {
    uint32_t start; /* offset of the first byte; strings: behind the quote */
    uint32_t end;   /* one past the last byte; strings: the closing quote */
    uint16_t span;  /* tokens of this value and all it holds: so many on stands the next */
    uint8_t type;   /* enum mb_json_type */
    uint8_t flags;  /* private: see src/json/internal.h */
    uint16_t count; /* members of an array, key-value pairs of an object; of a key private: see src/json/members.c */
    uint16_t unused;
};

struct mb_json {
    struct mb_slice text; /* in the arena; behind it zero bytes, see src/json/scan.h */
    struct mb_arena *arena;
    struct mb_json_token *tokens;
    uint32_t n_tokens;
    uint8_t slot_shift; /* private, as `members`: 32 less the bits of a slot's number */
    uint16_t *members;  /* private: where large objects have their keys, see src/json/members.c; NULL: not asked yet */
    uint16_t slips[MB_JSON_SLIP_COUNT]; /* saturating */
};

/* A place in a document: cheap to copy. `token` meaningless when type is MB_JSON_NONE. */
struct mb_json_value {
    struct mb_json *doc;
    uint32_t token;
    uint8_t type; /* enum mb_json_type */
};

/* Tokenizes the whole text; leading and trailing white space allowed, anything else behind the value is an error.
 *
 * Wants:  text   at most 2^31 bytes; copied.
 *         arena  the text and its tokens go here (16 bytes each).
 * Gives:  0 and *doc; the root is mb_json_root(doc).
 * Fails:  MB_ESYNTAX with err->at the byte offset of the first wrong byte (text.len where it ends too early);
 *         MB_ENOMEM past MB_JSON_MAX_TOKENS or MB_JSON_MAX_DEPTH, with the position. *doc holds nothing.
 * Costs:  O(bytes), one pass; no system call; the arena only.
 */
int mb_json_parse(struct mb_json *doc, struct mb_arena *arena, struct mb_slice text,
                  struct mb_error *err) MB_MUST_USE;

struct mb_json_value mb_json_root(struct mb_json *doc);

/* Member `key` of an object (the first where it stands several times, then a DUPLICATE_KEY slip is counted when
 * seen); absent when `value` is no object. Costs: a walk over a few members; of an object of many, what does not depend
 * on their number. For who reads most of an object: mb_json_pick. */
struct mb_json_value mb_json_get(struct mb_json_value value, struct mb_slice key);

/* --- all that a reader knows of an object, in one walk over it --- */

enum {
    MB_JSON_NAMES_MAX = 40,  /* names that one kind of object may have */
    MB_JSON_NAMES_SLOTS = 64 /* a power of two */
};

/* The names of the members that a reader asks for. */
struct mb_json_names {
    size_t count;
    struct mb_slice texts[MB_JSON_NAMES_MAX];
    size_t n_longs; /* private: names of more than sixteen bytes */
    uint32_t longs[MB_JSON_NAMES_MAX];
    bool has_own_slots; /* private: each short name; see src/json/pick.c */
    uint64_t factor;    /* private: of the hash */
    unsigned shift;     /* private: by which so many of its bits are left as there are slots */
    struct mb_json_name {
        uint64_t head, tail; /* the name's bytes, then zeros */
        uint32_t name;       /* its number, or MB_JSON_NAMES_MAX: none */
    } slots[MB_JSON_NAMES_SLOTS]; /* private: by the hash */
};

/* Wants: texts  `count` different ones, none empty; borrowed for the life of `names`. Aborts on more than
 *               MB_JSON_NAMES_MAX. */
void mb_json_names_init(struct mb_json_names *names, const char *const *texts, size_t count);

/* Where the named members of an object stand.
 *
 * Wants:  object  none but an object.
 *         places  as many as there are names, all 0.
 * Gives:  the token of the value of name i in places[i], 0 where there is none: mb_json_picked makes a value of it.
 *         Of a name that stands several times the first; each other is a DUPLICATE_KEY slip.
 * Costs:  one walk over the members, whatever the number of names.
 */
void mb_json_pick(struct mb_json_value object, const struct mb_json_names *names, uint16_t *places);

static inline struct mb_json_value mb_json_picked(struct mb_json *doc, uint16_t place)
{
    return (struct mb_json_value){doc, place, place ? doc->tokens[place].type : MB_JSON_NONE};
}

/* Element `index` of an array; absent beyond it. O(index): walk with mb_json_first / mb_json_next instead. */
struct mb_json_value mb_json_at(struct mb_json_value value, uint32_t index);

/* Walk an array's elements or an object's values. mb_json_key gives the key of the value that a walk over
 * an object stands on. Both give absent at the end. */
static inline struct mb_json_value mb_json_first(struct mb_json_value container)
{
    bool is_object = container.type == MB_JSON_OBJECT;

    if ((!is_object && container.type != MB_JSON_ARRAY) ||
        container.doc->tokens[container.token].count == 0) {
        return mb_json_picked(container.doc, 0);
    }
    return mb_json_picked(container.doc, (uint16_t)(container.token + 1 + is_object));
}

static inline struct mb_json_value mb_json_next(struct mb_json_value container, struct mb_json_value at)
{
    const struct mb_json_token *tokens = container.doc ? container.doc->tokens : NULL;
    bool is_object = container.type == MB_JSON_OBJECT;
    uint32_t next;

    if ((!is_object && container.type != MB_JSON_ARRAY) || at.type == MB_JSON_NONE) {
        return mb_json_picked(container.doc, 0);
    }
    next = at.token + tokens[at.token].span;
    return mb_json_picked(container.doc, next < container.token + tokens[container.token].span
                                             ? (uint16_t)(next + is_object)
                                             : 0);
}

struct mb_slice mb_json_key(struct mb_json_value member); /* decoded; only for object members of a walk */

/* Members of an array or pairs of an object, else 0. */
uint32_t mb_json_count(struct mb_json_value value);

/* Private: mb_json_list_first of what is no array. */
struct mb_json_value mb__json_lone_first(struct mb_json_value value);

/* An array as it is; a scalar or object counts as an array of one (slip SCALAR_FOR_ARRAY); null and absent have no
 * elements. Walk: for (v = mb_json_list_first(x); v.type != MB_JSON_NONE; v = mb_json_list_next(x, v)) */
static inline struct mb_json_value mb_json_list_first(struct mb_json_value value)
{
    return value.type == MB_JSON_ARRAY ? mb_json_first(value) : mb__json_lone_first(value);
}

static inline struct mb_json_value mb_json_list_next(struct mb_json_value value, struct mb_json_value at)
{
    return value.type == MB_JSON_ARRAY ? mb_json_next(value, at) : mb_json_picked(value.doc, 0);
}

static inline uint32_t mb_json_list_count(struct mb_json_value value)
{
    return value.type == MB_JSON_ARRAY ? value.doc->tokens[value.token].count : value.type > MB_JSON_NULL;
}

/* True for anything but MB_JSON_NONE and MB_JSON_NULL. */
static inline bool mb_json_present(struct mb_json_value value)
{
    return value.type > MB_JSON_NULL;
}

/* Private: token flags of a string that must be decoded, and of a number without fraction and exponent. */
enum { MB__JSON_ESCAPES = 1, MB__JSON_INTEGER = 2 };
/* Private: mb_json_str and mb_json_id of all but a string without escapes. */
struct mb_slice mb__json_other_str(struct mb_json_value value);
struct mb_slice mb__json_other_id(struct mb_json_value value);
/* Private: mb_json_i64 of all but a number of some digits. */
int64_t mb__json_other_i64(struct mb_json_value value, int64_t fallback);

/* Private: whether the value is a string that stands in the text as it is, as most; then *plain is that. */
static inline bool mb__json_is_plain_str(struct mb_json_value value, struct mb_slice *plain)
{
    const struct mb_json_token *token;

    if (value.type != MB_JSON_STRING) {
        return false;
    }
    token = &value.doc->tokens[value.token];
    *plain = (struct mb_slice){value.doc->text.data + token->start, token->end - token->start};
    return !(token->flags & MB__JSON_ESCAPES);
}

/* Lenient getters. Each returns `fallback` (absent for slices) for none and null; converts what can be meant
 * (and counts the slip); counts WRONG_TYPE and returns the fallback for the rest.
 * Strings: decoded (may hold zero bytes); a number gives its own text; booleans are WRONG_TYPE. */
static inline struct mb_slice mb_json_str(struct mb_json_value value)
{
    struct mb_slice plain;

    return mb__json_is_plain_str(value, &plain) ? plain : mb__json_other_str(value);
}
/* Integers: a number with a fraction or exponent is rounded towards zero; "12" is 12; true is 1 and
 * false 0 (counted as WRONG_TYPE). Beyond 64 bits: fallback and WRONG_TYPE. */
static inline int64_t mb_json_i64(struct mb_json_value value, int64_t fallback)
{
    enum { DIGITS_MAX = 18 }; /* surely fit */
    const struct mb_json_token *token;
    const char *p, *end;
    int64_t number = 0;

    if (value.type != MB_JSON_NUMBER) {
        return mb__json_other_i64(value, fallback);
    }
    token = &value.doc->tokens[value.token];
    p = value.doc->text.data + token->start;
    end = value.doc->text.data + token->end;
    if (!(token->flags & MB__JSON_INTEGER) || *p == '-' || end - p > DIGITS_MAX) {
        return mb__json_other_i64(value, fallback);
    }
    do {
        number = number * 10 + (*p - '0');
    } while (++p < end);
    return number;
}
/* Booleans: 0 and 1, "0" "1" "true" "false" converted. */
bool mb_json_bool(struct mb_json_value value, bool fallback);
/* The same where "not said" is an answer of its own. False, *out unchanged, for none, null and what is no boolean. */
bool mb_json_truth(struct mb_json_value value, bool *out);
/* Truth where the protocol has the integers 0 and 1 for it, as OpenRTB does: those are no slip, true and false are. */
bool mb_json_flag(struct mb_json_value value, bool *out);
/* Doubles, for what is neither money nor an id. Beyond a double's range: fallback and WRONG_TYPE. */
double mb_json_f64(struct mb_json_value value, double fallback);
/* An id: the digits of an integer as sent, or a string's text; absent for anything else. No slip either way. */
static inline struct mb_slice mb_json_id(struct mb_json_value value)
{
    struct mb_slice plain;

    return mb__json_is_plain_str(value, &plain) ? plain : mb__json_other_id(value);
}
/* The ids of a list's elements (see mb_json_list_first), those that have one and are not empty. Gives how many; `items` has
 * room for mb_json_list_count(list). */
size_t mb_json_list_ids(struct mb_json_value list, struct mb_slice *items);
/* A price: exact to the micro-unit, from a number or a string that holds one. False, *out unchanged, else. */
bool mb_json_price(struct mb_json_value value, struct mb_price *out);

/* The bytes of the value as they stand in the text (strings with their quotes). Never converts. */
struct mb_slice mb_json_text(struct mb_json_value value);
/* True for a number without fraction and exponent. */
bool mb_json_is_integer(struct mb_json_value value);

/* --- writer: appends to a buffer; commas are its business --- */

struct mb_json_writer {
    struct mb_buf *buf;
    uint64_t comma;   /* bit d: a member stands already at depth d */
    uint32_t depth;   /* < MB_JSON_MAX_DEPTH, asserted */
    bool after_key;
};

/* Room for `len` bytes of text as the inside of a string: \u00XX is six for one. A few bytes behind the end may be written. */
#define MB_JSON_ESCAPE_ROOM(len) (6 * (size_t)(len) + 16)

/* Writes a text as the inside of a string, as mb_jsonw_str does, into MB_JSON_ESCAPE_ROOM(s.len) bytes; gives the end. For who
 * has made room already. */
char *mb_json_escape(char *out, struct mb_slice s);

/* Private: how a member of an object begins. */
static inline void mb__jsonw_plain_key(struct mb_json_writer *w, const char *key, size_t len)
{
    uint64_t bit = UINT64_C(1) << w->depth;
    struct mb_buf *buf = w->buf;

    assert(w->depth > 0 && !w->after_key);
    mb_xbuf_reserve(buf, len + 4);
    char *end = buf->data + buf->len;
    if (w->comma & bit) {
        *end++ = ',';
    }
    *end++ = '"';
    memcpy(end, key, len);
    end += len;
    *end++ = '"';
    *end++ = ':';
    buf->len = (size_t)(end - buf->data);
    w->comma |= bit;
    w->after_key = true;
}

void mb_json_writer_init(struct mb_json_writer *w, struct mb_buf *buf);
void mb_jsonw_object(struct mb_json_writer *w);     /* { */
void mb_jsonw_object_end(struct mb_json_writer *w); /* } */
void mb_jsonw_array(struct mb_json_writer *w);
void mb_jsonw_array_end(struct mb_json_writer *w);
/* A key that needs no escape, such as every name that stands in the source. Inline, so that its length is a constant. */
static inline void mb_jsonw_key(struct mb_json_writer *w, const char *key)
{
    mb__jsonw_plain_key(w, key, strlen(key));
}
void mb_jsonw_key_slice(struct mb_json_writer *w, struct mb_slice key);
/* Escapes '"', '\' and control bytes; other UTF-8 as it is; invalid UTF-8 becomes U+FFFD. */
void mb_jsonw_str(struct mb_json_writer *w, struct mb_slice s);
void mb_jsonw_i64(struct mb_json_writer *w, int64_t value);
void mb_jsonw_u64(struct mb_json_writer *w, uint64_t value);
void mb_jsonw_bool(struct mb_json_writer *w, bool value);
void mb_jsonw_null(struct mb_json_writer *w);
void mb_jsonw_price(struct mb_json_writer *w, struct mb_price price); /* plain number: 0.34 */
void mb_jsonw_amount(struct mb_json_writer *w, struct mb_amount amount);
void mb_jsonw_f64(struct mb_json_writer *w, double value); /* shortest exact; NaN and infinity as null */
/* Bytes that are JSON already (an id's digits, a raw document). The caller vouches for them. */
void mb_jsonw_raw(struct mb_json_writer *w, struct mb_slice json);
/* An id: as a bare number if it is a canonical integer (-?digits, no leading zero), else as a string. */
void mb_jsonw_id(struct mb_json_writer *w, struct mb_slice id);

#endif /* MB_JSON_H */
