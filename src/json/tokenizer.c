/* tokenizer.c - one pass from text to tokens; no recursion, no decoding.
 *
 * The text is copied first, with zero bytes behind it. A zero fits nowhere in JSON, so wherever
 * the pass stands it need not ask whether the text goes on: it finds a byte that does not fit, and
 * only then looks whether that is the end. Copying costs a fiftieth of what those questions did.
 *
 * No stack: an open container's token holds the way back to the one around it where its end and its
 * count will be. The last byte of an open container says whether a key is due. So hostile nesting
 * costs nothing. Tokens grow in the arena by doubling from a guess after the text's length;
 * allocating for the worst case (`[1,1,...]`) would cost eight times the text for every body.
 *
 * Blanks are looked for only where what is due does not stand: exchanges send none. What happens
 * seldom (blanks, escapes, other than ASCII, errors, growing) is in functions of its own, never
 * inlined, which do not get to see `struct pass`: its parts stay in registers.
 *
 * Functions take the place in the text and return the place behind what they read, or NULL after
 * fail_at().
 */
#include "internal.h"
#include "scan.h"
#include "specials.h"

#define BYTES_PER_TOKEN_GUESS 6
#define LEAST_CAPACITY 16
#define TOKENS_A_STEP 2 /* a key and its value */

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

/* What does not change from value to value. */
struct scanner {
    struct mb_json *doc;
    const char *begin;
    const char *end;                   /* the first zero behind the text */
    const struct mb_json_token *limit; /* from here on there is no room for a step */
    int code;                          /* result once a function returned NULL */
    struct mb_error *err;              /* may be NULL */
    struct mb__json_specials specials;
};

/* Where the pass stands. */
struct pass {
    struct mb_json_token *at;        /* the next token */
    struct mb_json_token *container; /* the innermost that is open; the first token before one is */
    uint32_t count;                  /* its members that are behind */
    uint32_t depth;                  /* containers that are open */
    char closer;                     /* its closing bracket; 0 where none is open */
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

/* The first byte from `p` on that is no blank. */
static __attribute__((noinline)) const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    return p;
}

/* Where `c` stands, at `p` or with blanks before it; NULL where something else does. */
HOT const char *find(struct scanner *s, const char *p, char c, const char *what)
{
    if (__builtin_expect(*p == c, 1))
        return p;
    p = skip_blanks(p);
    return *p == c ? p : fail_syntax(s, p, what);
}

/* Room for so many tokens: `used` of them are there. */
static void make_room(struct scanner *s, size_t capacity, size_t used)
{
    struct mb_json *doc = s->doc;
    struct mb_json_token *tokens =
        mb_xarena_alloc_raw(doc->arena, capacity * sizeof(doc->tokens[0]));
    if (used > 0)
        memcpy(tokens, doc->tokens, used * sizeof(tokens[0]));
    doc->tokens = tokens;
    s->limit = tokens + capacity - (TOKENS_A_STEP - 1);
}

/* Makes room for a step of `due` more tokens at `at`, and gives where that is now. NULL at the
 * limit. */
COLD struct mb_json_token *grow(struct scanner *s, const struct mb_json_token *at, size_t due,
                                const char *p)
{
    size_t used = (size_t)(at - s->doc->tokens);
    if (used + due > MB_JSON_MAX_TOKENS) {
        (void)fail_at(s, MB_ENOMEM, p, "too many values");
        return NULL;
    }
    size_t capacity = used < MB_JSON_MAX_TOKENS / 2 ? used * 2 : MB_JSON_MAX_TOKENS;
    make_room(s, capacity, used);
    return s->doc->tokens + used;
}

/* Writes a token for the text from `from` up to `to`. */
HOT void put(const char *begin, struct mb_json_token *at, enum mb_json_type type, unsigned flags,
             const char *from, const char *to)
{
    at->start = (uint32_t)(from - begin);
    at->end = (uint32_t)(to - begin);
    at->span = 1;
    at->type = (uint8_t)type;
    at->flags = (uint8_t)flags;
    at->count = 0;
    at->unused = 0; /* so that all but the places is one word */
}

/* --- strings --- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* `p` stands on the backslash. Surrogates are not paired here: a lone one is decoded as U+FFFD. */
static const char *scan_escape(struct scanner *s, const char *p)
{
    switch (*++p) {
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
            if (!is_hex(*p))
                return fail_syntax(s, p, "not a hexadecimal digit");
        }
        return p;
    default:
        return fail_syntax(s, p, "no such escape");
    }
}

/* `p` stands on a byte of a string that is not plain, and not the closing quote. */
static __attribute__((noinline)) const char *scan_special(struct scanner *s, const char *p,
                                                          unsigned *flags)
{
    if (*p == '\\') {
        *flags = MB__JSON_ESCAPES;
        return scan_escape(s, p);
    }
    size_t len = (unsigned char)*p < 0x20 ? 0 : mb_slice_utf8(mb_slice(p, (size_t)(s->end - p)));
    return len ? p + len : fail_syntax(s, p, "control byte or invalid UTF-8 in a string");
}

/* The rest of the string that began at `open`; `p` stands on its first byte that is not plain. */
static __attribute__((noinline)) const char *scan_rest(struct scanner *s, const char *open,
                                                       const char *p, struct mb_json_token *at)
{
    unsigned flags = 0;
    while (*p != '"') {
        p = scan_special(s, p, &flags);
        if (!p)
            return NULL;
        p = s->begin + mb__json_special_ahead(&s->specials, (uint32_t)(p - s->begin));
    }
    put(s->begin, at, MB_JSON_STRING, flags, open, p);
    return p + 1;
}

/* `quote` is the opening one. Gives the place behind the closing one. */
HOT const char *scan_string(struct scanner *s, const char *begin, const char *quote,
                            struct mb_json_token *at)
{
    uint32_t open = (uint32_t)(quote - begin);
    const char *close = begin + mb__json_special_behind(&s->specials, open);
    if (__builtin_expect(*close != '"', 0))
        return scan_rest(s, quote + 1, close, at);
    put(begin, at, MB_JSON_STRING, 0, quote + 1, close);
    return close + 1;
}

/* --- keys and scalars --- */

/* A key and its colon. */
HOT const char *scan_key(struct scanner *s, const char *begin, const char *p,
                         struct mb_json_token *at)
{
    p = find(s, p, '"', "a string is due");
    if (p)
        p = scan_string(s, begin, p, at);
    if (p)
        p = find(s, p, ':', "a colon is due");
    return p ? p + 1 : NULL;
}

static const char *scan_word(struct scanner *s, const char *p, const char *word)
{
    for (; *word; word++, p++) {
        if (*p != *word)
            return fail_syntax(s, p, "a value is due");
    }
    return p;
}

/* A number with more to it than digits, or a word. */
static __attribute__((noinline)) const char *scan_other(struct scanner *s, const char *p,
                                                        struct mb_json_token *at)
{
    enum mb_json_type type = *p == 't' ? MB_JSON_TRUE : *p == 'f' ? MB_JSON_FALSE : MB_JSON_NULL;
    bool is_integer = false;
    const char *wrong, *behind;
    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        type = MB_JSON_NUMBER;
        behind = mb__json_scan_number(p, s->end, &is_integer, &wrong);
        if (!behind)
            return fail_syntax(s, wrong, "a digit is due");
    } else {
        behind = scan_word(s, p, *p == 't' ? "true" : *p == 'f' ? "false" : "null");
        if (!behind)
            return NULL;
    }
    put(s->begin, at, type, is_integer ? MB__JSON_INTEGER : 0, p, behind);
    return behind;
}

/* Behind a number as most are: digits, and some decimals. NULL: it may be another. */
HOT const char *scan_number(const char *begin, const char *p, struct mb_json_token *at)
{
    const char *behind = mb__json_skip_digits(p);
    if (*p == '0' && behind - p > 1)
        return NULL;
    if (*behind != '.' && (*behind | 0x20) != 'e') {
        put(begin, at, MB_JSON_NUMBER, MB__JSON_INTEGER, p, behind);
        return behind;
    }
    const char *decimals = behind + 1;
    behind = *behind == '.' ? mb__json_skip_digits(decimals) : decimals;
    if (behind == decimals || (*behind | 0x20) == 'e')
        return NULL;
    put(begin, at, MB_JSON_NUMBER, 0, p, behind);
    return behind;
}

/* A string, a number or a word. */
HOT const char *scan_scalar(struct scanner *s, const char *begin, const char *p,
                            struct mb_json_token *at)
{
    if (*p == '"')
        return scan_string(s, begin, p, at);
    const char *behind = *p >= '0' && *p <= '9' ? scan_number(begin, p, at) : NULL;
    return behind ? behind : scan_other(s, p, at);
}

/* --- containers --- */

/* `p` stands on the opening bracket. NULL: too deep. */
HOT const char *open_container(struct scanner *s, struct pass *t, const char *p)
{
    if (t->depth++ == MB_JSON_MAX_DEPTH)
        return fail_at(s, MB_ENOMEM, p, "nested too deep");
    t->container->count =
        (uint16_t)t->count; /* the outermost one's own, which is set when it ends */
    t->at->start = (uint32_t)(p - s->begin);
    t->at->end = (uint32_t)(t->at - t->container); /* the way back, 0 of the outermost */
    t->at->type = *p == '{' ? MB_JSON_OBJECT : MB_JSON_ARRAY;
    t->at->flags = 0;
    t->container = t->at++;
    t->count = 0;
    t->closer = (char)(*p + 2); /* in ASCII both stand so */
    return p + 1;
}

/* `p` stands on the closing bracket. */
HOT const char *close_container(struct scanner *s, struct pass *t, const char *p)
{
    struct mb_json_token *container = t->container;
    uint32_t way_back = container->end;
    container->end = (uint32_t)(++p - s->begin);
    container->span = (uint16_t)(t->at - container);
    container->count = (uint16_t)t->count;
    container -= way_back;
    t->container = container;
    t->count = container->count;
    t->depth--;
    t->closer = way_back == 0 ? 0 : container->type == MB_JSON_OBJECT ? '}' : ']';
    return p;
}

/* --- the document --- */

/* `p` stands behind a value. Gives the place behind its comma, or behind the outermost container.
 */
HOT const char *leave_value(struct scanner *s, struct pass *t, const char *p)
{
    do {
        t->count++;
        if (__builtin_expect(*p == ',', 1))
            return p + 1;
        if (*p != t->closer) {
            p = skip_blanks(p);
            if (*p == ',')
                return p + 1;
            if (*p != t->closer)
                return fail_syntax(s, p, "a comma or the closing bracket is due");
        }
        p = close_container(s, t, p);
    } while (t->closer);
    return p;
}

/* Behind an opening bracket: to the first member, or out of an empty container. */
HOT const char *enter_container(struct scanner *s, struct pass *t, const char *p)
{
    if (*p <= ' ')
        p = skip_blanks(p);
    if (*p != t->closer)
        return p;
    p = close_container(s, t, p);
    return t->closer ? leave_value(s, t, p) : p;
}

/* A container and all that is in it. */
static const char *scan_container(struct scanner *s, struct pass t, const char *p)
{
    p = open_container(s, &t, p);
    p = enter_container(s, &t, p);
    while (p && t.closer) {
        if (__builtin_expect(t.at >= s->limit, 0)) {
            ptrdiff_t way_back = t.at - t.container;
            t.at = grow(s, t.at, t.closer == '}' ? 2 : 1, p);
            if (!t.at)
                return NULL;
            t.container = t.at - way_back;
        }
        if (t.closer == '}') {
            p = scan_key(s, s->begin, p, t.at++);
            if (!p)
                return NULL;
        }
        if (*p <= ' ')
            p = skip_blanks(p);
        if (*p != '"' && (*p == '{' || *p == '[')) {
            p = open_container(s, &t, p);
            p = p ? enter_container(s, &t, p) : NULL;
        } else {
            p = scan_scalar(s, s->begin, p, t.at++);
            p = p ? leave_value(s, &t, p) : NULL;
        }
    }
    s->doc->n_tokens = (uint32_t)(t.at - s->doc->tokens);
    return p;
}

static const char *scan_document(struct scanner *s)
{
    struct mb_json_token *at = s->doc->tokens;
    const char *p = skip_blanks(s->begin);
    if (*p == '{' || *p == '[') {
        p = scan_container(s, (struct pass){.at = at, .container = at}, p);
    } else {
        p = scan_scalar(s, s->begin, p, at);
        s->doc->n_tokens = 1;
    }
    if (!p)
        return NULL;
    p = skip_blanks(p);
    return p == s->end ? p : fail_syntax(s, p, "nothing more is due");
}

/* The text in the arena, with zeros behind it. */
static struct mb_slice copy_padded(struct mb_arena *arena, struct mb_slice text)
{
    char *copy = mb_xarena_alloc_raw(arena, text.len + MB__JSON_PAD);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    memset(copy + text.len, 0, MB__JSON_PAD);
    return mb_slice(copy, text.len);
}

int mb_json_parse(struct mb_json *doc, struct mb_arena *arena, struct mb_slice text,
                  struct mb_error *err)
{
    *doc = (struct mb_json){.arena = arena};
    if (text.len > INT32_MAX)
        return mb_fail_at(err, MB_ENOMEM, 0, "more than 2^31 bytes");
    struct scanner s; /* the list of specials is not worth clearing */
    doc->text = copy_padded(arena, text);
    s.doc = doc;
    s.err = err;
    s.begin = doc->text.data;
    s.end = s.begin + text.len;
    mb__json_specials_init(&s.specials, s.begin, (uint32_t)text.len);
    size_t capacity = text.len / BYTES_PER_TOKEN_GUESS + LEAST_CAPACITY;
    make_room(&s, capacity < MB_JSON_MAX_TOKENS ? capacity : MB_JSON_MAX_TOKENS, 0);
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
