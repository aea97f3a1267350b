/* view.c - reading a tokenized document: look-ups, walks, and getters that forgive.
 *
 * In an object each value's token stands directly behind its key's. Getters convert what a sender
 * can have meant and count each conversion in the document, so that an operator sees which exchange
 * sends what.
 */
#include "moonbid/json.h"

#include <math.h>

#include "internal.h"

const char *mb_json_slip_name(enum mb_json_slip slip)
{
    static const char *const names[] = {
#define XX(name, text) text,
        MB_JSON_SLIP_MAP(XX)
#undef XX
    };
    return (unsigned)slip < MB_JSON_SLIP_COUNT ? names[slip] : "unknown";
}

static const struct mb_json_token *token_of(struct mb_json_value value)
{
    return &value.doc->tokens[value.token];
}

static bool is_container(struct mb_json_value value)
{
    return value.type == MB_JSON_ARRAY || value.type == MB_JSON_OBJECT;
}

/* --- decoding of strings --- */

/* Four hexadecimal digits, which the tokenizer has checked. */
static uint32_t read_hex4(const char *p)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        code = code * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

static char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* `*p` stands on the digits behind \u; moves it behind the escape, and behind the second of a pair.
 */
static uint32_t decode_unicode(const char **p, const char *end)
{
    uint32_t code = read_hex4(*p);
    *p += 4;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        uint32_t low = read_hex4(*p + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *p += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return 0xfffd;
}

/* Never longer than the raw text: \uXXXX is six bytes and gives three at most. */
static struct mb_slice decode(struct mb_arena *arena, struct mb_slice raw)
{
    char *decoded = mb_xarena_alloc_raw(arena, raw.len);
    char *out = decoded;
    const char *p = raw.data;
    const char *end = raw.data + raw.len;
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        switch (c) {
        case 'b':
            *out++ = '\b';
            break;
        case 'f':
            *out++ = '\f';
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u':
            out = put_utf8(out, decode_unicode(&p, end));
            break;
        default:
            *out++ = c; /* the quote, the backslash, the slash */
        }
    }
    return mb_slice(decoded, (size_t)(out - decoded));
}

struct mb_slice mb__json_string(struct mb_json *doc, uint32_t token)
{
    struct mb_slice raw = mb__json_raw(doc, &doc->tokens[token]);
    return doc->tokens[token].flags & MB__JSON_ESCAPES ? decode(doc->arena, raw) : raw;
}

/* --- look-ups and walks --- */

struct mb_json_value mb_json_root(struct mb_json *doc)
{
    return doc->n_tokens ? mb__json_value_at(doc, 0) : mb__json_absent(doc);
}

struct mb_json_value mb_json_at(struct mb_json_value value, uint32_t index)
{
    if (value.type != MB_JSON_ARRAY || index >= token_of(value)->count)
        return mb__json_absent(value.doc);
    uint32_t at = value.token + 1;
    while (index--)
        at += value.doc->tokens[at].span;
    return mb__json_value_at(value.doc, at);
}

struct mb_slice mb_json_key(struct mb_json_value member)
{
    if (member.type == MB_JSON_NONE || member.token == 0)
        return MB_SLICE_NONE;
    return mb__json_string(member.doc, member.token - 1);
}

uint32_t mb_json_count(struct mb_json_value value)
{
    return is_container(value) ? token_of(value)->count : 0;
}

struct mb_json_value mb__json_lone_first(struct mb_json_value value)
{
    if (!mb_json_present(value))
        return mb__json_absent(value.doc);
    mb__json_count_slip(value.doc, MB_JSON_SLIP_SCALAR_FOR_ARRAY);
    return value;
}

/* --- lenient getters --- */

/* For what cannot be converted; absent and null are no slip. */
static void count_wrong_type(struct mb_json_value value)
{
    if (mb_json_present(value))
        mb__json_count_slip(value.doc, MB_JSON_SLIP_WRONG_TYPE);
}

/* The text of a number, also of one inside a string. False for anything else. */
static bool number_text(struct mb_json_value value, struct mb_slice *out)
{
    if (value.type != MB_JSON_NUMBER && value.type != MB_JSON_STRING)
        return false;
    *out = mb__json_raw(value.doc, token_of(value));
    return value.type == MB_JSON_NUMBER || mb__json_is_number(*out);
}

static void count_if_string(struct mb_json_value value)
{
    if (value.type == MB_JSON_STRING)
        mb__json_count_slip(value.doc, MB_JSON_SLIP_STRING_FOR_NUMBER);
}

struct mb_slice mb__json_other_str(struct mb_json_value value)
{
    if (value.type == MB_JSON_STRING)
        return mb__json_string(value.doc, value.token);
    if (value.type == MB_JSON_NUMBER) {
        mb__json_count_slip(value.doc, MB_JSON_SLIP_NUMBER_FOR_STRING);
        return mb__json_raw(value.doc, token_of(value));
    }
    count_wrong_type(value);
    return MB_SLICE_NONE;
}

int64_t mb__json_other_i64(struct mb_json_value value, int64_t fallback)
{
    struct mb_slice text;
    int64_t number;
    if (!number_text(value, &text) || !mb__json_number_i64(text, &number)) {
        count_wrong_type(value);
        if (value.type == MB_JSON_TRUE || value.type == MB_JSON_FALSE)
            return value.type == MB_JSON_TRUE;
        return fallback;
    }
    count_if_string(value);
    if (value.type == MB_JSON_NUMBER && !mb_json_is_integer(value))
        mb__json_count_slip(value.doc, MB_JSON_SLIP_FRACTION_FOR_INTEGER);
    return number;
}

/* `is_number`: 0 and 1 are what is due, and the words are the slip. */
static bool read_truth(struct mb_json_value value, bool is_number, bool *out)
{
    if (value.type == MB_JSON_TRUE || value.type == MB_JSON_FALSE) {
        if (is_number)
            mb__json_count_slip(value.doc, MB_JSON_SLIP_BOOL_FOR_NUMBER);
        *out = value.type == MB_JSON_TRUE;
        return true;
    }
    if (value.type == MB_JSON_NUMBER || value.type == MB_JSON_STRING) {
        bool is_string = value.type == MB_JSON_STRING;
        struct mb_slice text = mb__json_raw(value.doc, token_of(value));
        bool is_true = mb_slice_is(text, "1") || (is_string && mb_slice_is(text, "true"));
        bool is_false = mb_slice_is(text, "0") || (is_string && mb_slice_is(text, "false"));
        if (is_true || is_false) {
            if (is_string)
                mb__json_count_slip(value.doc, is_number ? MB_JSON_SLIP_STRING_FOR_NUMBER
                                                         : MB_JSON_SLIP_STRING_FOR_BOOL);
            else if (!is_number)
                mb__json_count_slip(value.doc, MB_JSON_SLIP_NUMBER_FOR_BOOL);
            *out = is_true;
            return true;
        }
    }
    count_wrong_type(value);
    return false;
}

bool mb_json_truth(struct mb_json_value value, bool *out)
{
    return read_truth(value, false, out);
}

bool mb_json_flag(struct mb_json_value value, bool *out)
{
    return read_truth(value, true, out);
}

bool mb_json_bool(struct mb_json_value value, bool fallback)
{
    mb_json_truth(value, &fallback);
    return fallback;
}

double mb_json_f64(struct mb_json_value value, double fallback)
{
    struct mb_slice text;
    if (!number_text(value, &text)) {
        count_wrong_type(value);
        return fallback;
    }
    double number = mb__json_number_f64(text);
    if (!isfinite(number)) {
        count_wrong_type(value);
        return fallback;
    }
    count_if_string(value);
    return number;
}

struct mb_slice mb__json_other_id(struct mb_json_value value)
{
    if (value.type == MB_JSON_STRING)
        return mb__json_string(value.doc, value.token);
    return mb_json_is_integer(value) ? mb__json_raw(value.doc, token_of(value)) : MB_SLICE_NONE;
}

size_t mb_json_list_ids(struct mb_json_value list, struct mb_slice *items)
{
    struct mb_json *doc = list.doc;
    size_t count = 0;
    if (list.type != MB_JSON_ARRAY) {
        items[0] = mb_json_id(mb_json_list_first(list));
        return !mb_slice_empty(items[0]);
    }
    const struct mb_json_token *token = token_of(list), *end = token + token->span;
    for (token++; token < end; token += token->span) {
        bool is_plain = token->type == MB_JSON_STRING && !(token->flags & MB__JSON_ESCAPES);
        items[count] =
            is_plain ? mb__json_raw(doc, token)
                     : mb__json_other_id(mb__json_value_at(doc, (uint32_t)(token - doc->tokens)));
        count += !mb_slice_empty(items[count]);
    }
    return count;
}

bool mb_json_price(struct mb_json_value value, struct mb_price *out)
{
    struct mb_slice text;
    if (!number_text(value, &text) || !mb_money_parse_price(text, out)) {
        count_wrong_type(value);
        return false;
    }
    count_if_string(value);
    return true;
}

struct mb_slice mb_json_text(struct mb_json_value value)
{
    if (value.type == MB_JSON_NONE)
        return MB_SLICE_NONE;
    struct mb_slice raw = mb__json_raw(value.doc, token_of(value));
    return value.type == MB_JSON_STRING ? mb_slice(raw.data - 1, raw.len + 2) : raw;
}

bool mb_json_is_integer(struct mb_json_value value)
{
    return value.type == MB_JSON_NUMBER && (token_of(value)->flags & MB__JSON_INTEGER);
}
