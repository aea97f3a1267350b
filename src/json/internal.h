/* internal.h - what the tokenizer, the view and the writer share.
 *
 * Part of: json, not seen outside of it.
 */
#ifndef MB_JSON_INTERNAL_H
#define MB_JSON_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "moonbid/json.h"

/* mb_json_token.flags, beside those in json.h */
enum {
    MB__JSON_WALK = 4 /* an object whose members are always looked for one by one */
};

/* --- values, for those who look them up --- */

static inline struct mb_json_value mb__json_value_at(struct mb_json *doc, uint32_t token)
{
    return (struct mb_json_value){doc, token, doc->tokens[token].type};
}

static inline struct mb_json_value mb__json_absent(struct mb_json *doc)
{
    return (struct mb_json_value){doc, 0, MB_JSON_NONE};
}

/* The bytes of a token; of a string those between the quotes, escapes as they are. */
static inline struct mb_slice mb__json_raw(const struct mb_json *doc,
                                           const struct mb_json_token *token)
{
    return mb_slice(doc->text.data + token->start, token->end - token->start);
}

/* The key behind the member whose key is at `key`, or the end of their object. Most values are one
 * token, and this is for the processor to foresee: a walk that waits for each value to tell its
 * span does little else. */
static inline uint32_t mb__json_next_key(const struct mb_json_token *tokens, uint32_t key)
{
    uint32_t span = tokens[key + 1].span;
    if (__builtin_expect(span == 1, 1))
        return key + 2;
    __asm__("" : "+r"(span)); /* so that this stays a branch */
    return key + 1 + span;
}

static inline void mb__json_count_slip(struct mb_json *doc, enum mb_json_slip slip)
{
    if (doc->slips[slip] < UINT16_MAX)
        doc->slips[slip]++;
}

/* view.c: a string's text, decoded into the arena where it has escapes. */
struct mb_slice mb__json_string(struct mb_json *doc, uint32_t token);

/* --- number.c --- */

/* Reads one number of RFC 8259 at `p`. Gives the byte behind it, or NULL and *wrong at the first
 * byte that does not belong (`end` where the text stops short). */
const char *mb__json_scan_number(const char *p, const char *end, bool *is_integer,
                                 const char **wrong);

/* True where the whole slice is one number. */
bool mb__json_is_number(struct mb_slice text);

/* A number's whole part, exact to the last digit; false beyond 64 bits. `text` must be a number. */
bool mb__json_number_i64(struct mb_slice text, int64_t *out);

/* The nearest double; the decimal sign is '.' in every locale. `text` must be a number, and a byte
 * that cannot continue one (or a NUL) must stand behind it. */
double mb__json_number_f64(struct mb_slice text);

/* Writes a finite double with the fewest digits, as printf rounds, that read back as the same. */
void mb__json_print_f64(double value, char out[32]);

#endif /* MB_JSON_INTERNAL_H */
