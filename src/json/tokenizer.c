/* tokenizer.c - one pass from text to tokens; no recursion, no decoding.
 *
 * A stack of open containers says whether a key, a comma or an end is due, so the depth limit is
 * the size of that stack and hostile nesting costs nothing. Tokens grow in the arena by doubling
 * from a guess after the text's length; allocating for the worst case (`[1,1,...]`) would cost ten
 * times the text for every body.
 *
 * The loop keeps its place in the text, the next token and `struct base` in variables of its own:
 * through a pointer each store of a token would make the compiler read them again. What happens
 * seldom (escapes, other than ASCII, errors, growing) is in functions of its own, never inlined.
 *
 * Functions take the place in the text and return the place behind what they read, or NULL after
 * fail_at().
 */
#include "members.h"

#define BYTES_PER_TOKEN_GUESS 8
#define LEAST_CAPACITY 16
#define TOKENS_A_STEP 2 /* a key and its value */

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

/* Handed on by value. */
struct base {
    const char *begin;
    const char *end;
    struct mb_json_token *tokens;
};

struct scanner {
    struct mb_json *doc;
    const char *begin;
    const char *end;
    uint32_t capacity;                /* of doc->tokens */
    uint32_t depth;                   /* containers open */
    uint32_t open[MB_JSON_MAX_DEPTH]; /* their tokens, outermost first */
    uint8_t flags;                    /* of a string with bytes that are not plain */
    int code;                         /* result once a function returned NULL */
    struct mb_error *err;             /* may be NULL */
};

COLD const char *fail_at(struct scanner *s, int code, const char *at, const char *what)
{
    s->code = mb_fail_at(s->err, code, (long)(at - s->begin), "%s", what);
    return NULL;
}

/* `p` stands on the byte that does not fit. */
COLD const char *fail_syntax(struct scanner *s, const char *p, const char *what)
{
    return fail_at(s, MB_ESYNTAX, p, p == s->end ? "the text ends too early" : what);
}

/* The first byte that is no blank, `*p` then stands on it; 0 at the end, which fits nowhere. */
HOT unsigned char next_byte(const char **p, const char *end)
{
    while (*p < end) {
        unsigned char c = (unsigned char)**p;
        if (__builtin_expect(c > ' ', 1) || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            return c;
        ++*p;
    }
    return 0;
}

/* Room for so many tokens: `used` of them are there. Their keys are half of them at most. */
static void make_room(struct scanner *s, uint32_t capacity, uint32_t used)
{
    struct mb_json *doc = s->doc;
    struct mb_json_token *tokens =
        mb_xarena_alloc_raw(doc->arena, capacity * sizeof(doc->tokens[0]));
    if (used > 0)
        memcpy(tokens, doc->tokens, used * sizeof(tokens[0]));
    doc->tokens = tokens;
    s->capacity = capacity;
    mb__json_make_members(doc, capacity / 2, used);
}

/* Makes room for a step behind the first `used` tokens: for `due` more. NULL at the limit. */
COLD const char *grow(struct scanner *s, uint32_t used, uint32_t due, const char *p)
{
    uint32_t capacity = s->capacity < MB_JSON_MAX_TOKENS / 2 ? s->capacity * 2 : MB_JSON_MAX_TOKENS;
    if (used + due > MB_JSON_MAX_TOKENS)
        return fail_at(s, MB_ENOMEM, p, "too many values");
    if (capacity > s->capacity)
        make_room(s, capacity, used);
    return p;
}

/* Writes token `at` for the text from `from` up to `to`. */
HOT void put(struct base base, uint32_t at, enum mb_json_type type, uint8_t flags, const char *from,
             const char *to)
{
    base.tokens[at] = (struct mb_json_token){
        .start = (uint32_t)(from - base.begin),
        .end = (uint32_t)(to - base.begin),
        .next = at + 1,
        .type = (uint8_t)type,
        .flags = flags,
    };
}

/* --- strings --- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* `p` stands on the backslash. Surrogates are not paired here: a lone one is decoded as U+FFFD. */
static const char *scan_escape(struct scanner *s, const char *p)
{
    if (++p == s->end)
        return fail_syntax(s, p, "");
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 1;
    case 'u':
        p++;
        for (int i = 0; i < 4; i++, p++) {
            if (p == s->end || !is_hex(*p))
                return fail_syntax(s, p, "not a hexadecimal digit");
        }
        return p;
    default:
        return fail_syntax(s, p, "no such escape");
    }
}

/* `p` stands on a byte of a string that is not plain, and not the closing quote. */
static __attribute__((noinline)) const char *scan_special(struct scanner *s, const char *p)
{
    if (p == s->end)
        return fail_syntax(s, p, "");
    if (*p == '\\') {
        s->flags = MB__JSON_ESCAPES;
        return scan_escape(s, p);
    }
    size_t len = (unsigned char)*p < 0x20 ? 0 : mb_slice_utf8(mb_slice(p, (size_t)(s->end - p)));
    return len ? p + len : fail_syntax(s, p, "control byte or invalid UTF-8 in a string");
}

/* The closing quote of a string whose first byte that is not plain, or the end of the text, is `p`;
 * s->flags is set. */
static __attribute__((noinline)) const char *scan_rest(struct scanner *s, const char *p)
{
    s->flags = 0;
    while (p && (p == s->end || *p != '"')) {
        p = scan_special(s, p);
        if (p)
            p = mb__json_skip_plain(p, s->end);
    }
    return p;
}

/* `p` stands behind the opening quote. Gives the closing one, and whether there are escapes. */
HOT const char *scan_string(struct scanner *s, struct base base, const char *p, uint8_t *escapes)
{
    *escapes = 0;
    p = mb__json_skip_plain(p, base.end);
    if (__builtin_expect(p < base.end && *p == '"', 1))
        return p;
    p = scan_rest(s, p);
    *escapes = s->flags;
    return p;
}

/* --- keys and scalars --- */

/* A key and its colon. */
HOT const char *scan_key(struct scanner *s, struct base base, const char *p, uint32_t object,
                         uint32_t at)
{
    uint8_t escapes;
    if (next_byte(&p, base.end) != '"')
        return fail_syntax(s, p, "a string is due");
    const char *open = ++p;
    p = scan_string(s, base, p, &escapes);
    if (!p)
        return NULL;
    uint32_t mark = mb_json_mark(mb_slice(open, (size_t)(p - open)));
    base.tokens[at] = (struct mb_json_token){
        .start = (uint32_t)(open - base.begin),
        .end = (uint32_t)(p - base.begin),
        .next = at + 1,
        .count = object,
        .mark = mark,
        .type = MB_JSON_STRING,
        .flags = (uint8_t)(escapes | MB__JSON_KEY),
    };
    mb__json_put_member(s->doc, base.tokens, at);
    p++;
    if (next_byte(&p, base.end) != ':')
        return fail_syntax(s, p, "a colon is due");
    return p + 1;
}

static const char *scan_word(struct scanner *s, const char *p, const char *word)
{
    for (; *word; word++, p++) {
        if (p == s->end || *p != *word)
            return fail_syntax(s, p, "a value is due");
    }
    return p;
}

/* Behind a number that begins with 1 to 9 and has neither sign, point nor exponent, as most; else
 * NULL. */
HOT const char *scan_digits(const char *p, const char *end)
{
    if (*p < '1' || *p > '9')
        return NULL;
    do {
        p++;
    } while (p < end && *p >= '0' && *p <= '9');
    return p < end && (*p == '.' || (*p | 0x20) == 'e') ? NULL : p;
}

/* A number with more to it than digits, or a word. */
static __attribute__((noinline)) const char *scan_other(struct scanner *s, struct base base,
                                                        const char *p, uint32_t at)
{
    enum mb_json_type type = *p == 't' ? MB_JSON_TRUE : *p == 'f' ? MB_JSON_FALSE : MB_JSON_NULL;
    bool is_integer = false;
    const char *wrong, *behind;
    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        type = MB_JSON_NUMBER;
        behind = mb__json_scan_number(p, base.end, &is_integer, &wrong);
        if (!behind)
            return fail_syntax(s, wrong, "a digit is due");
    } else {
        behind = scan_word(s, p, *p == 't' ? "true" : *p == 'f' ? "false" : "null");
        if (!behind)
            return NULL;
    }
    put(base, at, type, is_integer ? MB__JSON_INTEGER : 0, p, behind);
    return behind;
}

/* --- containers --- */

/* What closes the innermost container; 0 when all are closed. */
HOT unsigned char closer_of(const struct scanner *s, struct base base, uint32_t container)
{
    if (s->depth == 0)
        return 0;
    return base.tokens[container].type == MB_JSON_OBJECT ? '}' : ']';
}

/* `p` stands on the opening bracket; NULL where it nests too deep. */
HOT const char *open_container(struct scanner *s, struct base base, const char *p, uint32_t at)
{
    if (s->depth == MB_JSON_MAX_DEPTH)
        return fail_at(s, MB_ENOMEM, p, "nested too deep");
    s->open[s->depth++] = at;
    put(base, at, *p == '{' ? MB_JSON_OBJECT : MB_JSON_ARRAY, 0, p, p + 1);
    return p + 1;
}

/* `p` stands on the closing bracket of `container`; `at` is the next token. Gives the container
 * around it. */
HOT uint32_t close_container(struct scanner *s, struct base base, uint32_t container, const char *p,
                             uint32_t at)
{
    base.tokens[container].end = (uint32_t)(p + 1 - base.begin);
    base.tokens[container].next = at;
    s->depth--;
    return s->depth ? s->open[s->depth - 1] : 0;
}

/* --- the document --- */

/* One value; of a container with members its opening bracket. Gives what stands behind. */
HOT const char *scan_value(struct scanner *s, struct base base, const char *p, unsigned char c,
                           uint32_t at)
{
    if (c == '"') {
        uint8_t escapes;
        const char *open = p + 1;
        p = scan_string(s, base, open, &escapes);
        if (!p)
            return NULL;
        put(base, at, MB_JSON_STRING, escapes, open, p);
        return p + 1;
    }
    if (c == '{' || c == '[')
        return open_container(s, base, p, at);
    if (p == base.end)
        return fail_syntax(s, p, "");
    const char *behind = scan_digits(p, base.end);
    if (!behind)
        return scan_other(s, base, p, at);
    put(base, at, MB_JSON_NUMBER, MB__JSON_INTEGER, p, behind);
    return behind;
}

static const char *scan_document(struct scanner *s)
{
    struct base base = {s->begin, s->end, s->doc->tokens};
    const char *p = base.begin;
    uint32_t next = 0;        /* token */
    uint32_t container = 0;   /* the innermost that is open */
    unsigned char closer = 0; /* its bracket; 0: none is open */
    do {
        if (s->capacity - next < TOKENS_A_STEP) {
            if (!grow(s, next, closer == '}' ? 2 : 1, p))
                return NULL;
            base.tokens = s->doc->tokens;
        }
        if (closer == '}') {
            p = scan_key(s, base, p, container, next++);
            if (!p)
                return NULL;
        }
        unsigned char c = next_byte(&p, base.end);
        p = scan_value(s, base, p, c, next++);
        if (!p)
            return NULL;
        if (c == '{' || c == '[') {
            container = next - 1;
            closer = c == '{' ? '}' : ']';
            if (next_byte(&p, base.end) != closer)
                continue; /* with its first key or value */
            container = close_container(s, base, container, p++, next);
            closer = closer_of(s, base, container);
        }
        while (closer) { /* behind a value: a comma, or the end of what it stands in */
            c = next_byte(&p, base.end);
            base.tokens[container].count++;
            if (c == ',')
                break;
            if (c != closer)
                return fail_syntax(s, p, "a comma or the closing bracket is due");
            container = close_container(s, base, container, p++, next);
            closer = closer_of(s, base, container);
        }
        p += closer != 0;
    } while (closer);
    s->doc->n_tokens = next;
    (void)next_byte(&p, base.end);
    return p == base.end ? p : fail_syntax(s, p, "nothing more is due");
}

int mb_json_parse(struct mb_json *doc, struct mb_arena *arena, struct mb_slice text,
                  struct mb_error *err)
{
    *doc = (struct mb_json){.text = text, .arena = arena};
    if (text.len > INT32_MAX) {
        *doc = (struct mb_json){.arena = arena};
        return mb_fail_at(err, MB_ENOMEM, 0, "more than 2^31 bytes");
    }
    struct scanner s; /* `open` is not worth clearing */
    s.doc = doc;
    s.err = err;
    s.begin = text.data ? text.data : "";
    s.end = s.begin + text.len;
    s.depth = 0;
    size_t capacity = text.len / BYTES_PER_TOKEN_GUESS + LEAST_CAPACITY;
    make_room(&s, capacity < MB_JSON_MAX_TOKENS ? (uint32_t)capacity : MB_JSON_MAX_TOKENS, 0);
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
