/* tokenizer.c - one pass from text to tokens; no recursion, no decoding.
 *
 * A stack of open containers says whether a key, a comma or an end is due, so the depth limit is
 * the size of that stack and hostile nesting costs nothing. Tokens grow in the arena by doubling
 * from a guess after the text's length; allocating for the worst case (`[1,1,...]`) would cost ten
 * times the text for every body.
 *
 * The loop keeps its place in the text and the next token in variables of its own: through a
 * structure each store of a token would make the compiler read them again. What happens seldom
 * (escapes, other than ASCII, errors, growing) is in functions of its own, never inlined.
 *
 * Functions take the place in the text and return the place behind what they read, or NULL after
 * fail_at().
 */
#include "moonbid/json.h"

#include "internal.h"

#define BYTES_PER_TOKEN_GUESS 8
#define LEAST_CAPACITY 16
#define TOKENS_A_STEP 2 /* a key and its value */

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

struct scanner {
    struct mb_json *doc;
    const char *begin;
    const char *end;
    struct mb_json_token *room;       /* end of what is allocated */
    uint32_t depth;                   /* containers open */
    uint32_t open[MB_JSON_MAX_DEPTH]; /* their tokens, outermost first */
    uint8_t flags;                    /* of the string that is read */
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

HOT const char *skip_blank(const char *p, const char *end)
{
    if (p < end && (unsigned char)*p > ' ')
        return p;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Makes room for a step behind `token`, the next one: `due` more tokens. Gives its new place, or
 * NULL at the limit. */
COLD struct mb_json_token *grow(struct scanner *s, struct mb_json_token *token, size_t due,
                                const char *p)
{
    struct mb_json *doc = s->doc;
    size_t used = (size_t)(token - doc->tokens), capacity = (size_t)(s->room - doc->tokens) * 2;
    if (used + due > MB_JSON_MAX_TOKENS) {
        fail_at(s, MB_ENOMEM, p, "too many values");
        return NULL;
    }
    if (capacity > MB_JSON_MAX_TOKENS)
        capacity = MB_JSON_MAX_TOKENS;
    if (doc->tokens + capacity == s->room)
        return token;
    struct mb_json_token *tokens =
        mb_xarena_alloc_raw(doc->arena, capacity * sizeof(doc->tokens[0]));
    memcpy(tokens, doc->tokens, used * sizeof(tokens[0]));
    doc->tokens = tokens;
    s->room = tokens + capacity;
    return tokens + used;
}

HOT void put(struct mb_json_token *token, const struct mb_json_token *tokens,
             enum mb_json_type type, const char *begin, const char *from, const char *to,
             uint8_t flags)
{
    *token = (struct mb_json_token){
        .start = (uint32_t)(from - begin),
        .end = (uint32_t)(to - begin),
        .next = (uint32_t)(token - tokens) + 1,
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

/* `p` stands behind the opening quote. Gives the closing one; s->flags is set. */
HOT const char *scan_string(struct scanner *s, const char *p, const char *end)
{
    s->flags = 0;
    for (;;) {
        p = mb__json_skip_plain(p, end);
        if (p < end && *p == '"')
            return p;
        p = scan_special(s, p);
        if (!p)
            return NULL;
    }
}

/* --- keys and scalars --- */

/* Marks a key, and the object that it stands in. */
HOT void mark_key(struct mb_json_token *object, struct mb_json_token *key, const char *begin)
{
    if (key->flags & MB__JSON_ESCAPES) {
        object->names = UINT64_MAX;
        return;
    }
    uint32_t mark = mb_json_mark(mb_slice(begin + key->start, key->end - key->start));
    uint64_t bit = mb_json_mark_bit(mark);
    if (object->names & bit)
        object->flags = MB__JSON_MAYBE_TWICE;
    key->names = mark;
    object->names |= bit;
}

/* A key and its colon. */
HOT const char *scan_key(struct scanner *s, const char *p, struct mb_json_token *object,
                         struct mb_json_token *token)
{
    const char *begin = s->begin, *end = s->end;
    p = skip_blank(p, end);
    if (p == end || *p != '"')
        return fail_syntax(s, p, "a string is due");
    const char *close = scan_string(s, p + 1, end);
    if (!close)
        return NULL;
    put(token, s->doc->tokens, MB_JSON_STRING, begin, p + 1, close, s->flags);
    mark_key(object, token, begin);
    p = skip_blank(close + 1, end);
    if (p == end || *p != ':')
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

/* A number or a word. */
HOT const char *scan_bare(struct scanner *s, const char *p, struct mb_json_token *token)
{
    enum mb_json_type type = MB_JSON_NUMBER;
    bool is_integer = false;
    const char *behind, *wrong;
    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        behind = mb__json_scan_number(p, s->end, &is_integer, &wrong);
        if (!behind)
            return fail_syntax(s, wrong, "a digit is due");
    } else {
        type = *p == 't' ? MB_JSON_TRUE : *p == 'f' ? MB_JSON_FALSE : MB_JSON_NULL;
        behind = scan_word(s, p, *p == 't' ? "true" : *p == 'f' ? "false" : "null");
        if (!behind)
            return NULL;
    }
    put(token, s->doc->tokens, type, s->begin, p, behind, is_integer ? MB__JSON_INTEGER : 0);
    return behind;
}

/* --- containers --- */

HOT char closer_of(const struct mb_json_token *container)
{
    return container->type == MB_JSON_OBJECT ? '}' : ']';
}

/* `p` stands on the opening bracket; NULL where it nests too deep. */
HOT const char *open_container(struct scanner *s, const char *p, struct mb_json_token *token)
{
    if (s->depth == MB_JSON_MAX_DEPTH)
        return fail_at(s, MB_ENOMEM, p, "nested too deep");
    s->open[s->depth++] = (uint32_t)(token - s->doc->tokens);
    put(token, s->doc->tokens, *p == '{' ? MB_JSON_OBJECT : MB_JSON_ARRAY, s->begin, p, p + 1, 0);
    return p + 1;
}

/* The innermost one; NULL when all are closed. */
HOT struct mb_json_token *innermost(const struct scanner *s)
{
    return s->depth ? &s->doc->tokens[s->open[s->depth - 1]] : NULL;
}

/* `p` stands on the closing bracket; `token` is the next one. Gives the container around it. */
HOT struct mb_json_token *close_container(struct scanner *s, struct mb_json_token *container,
                                          const char *p, const struct mb_json_token *token)
{
    container->end = (uint32_t)(p + 1 - s->begin);
    container->next = (uint32_t)(token - s->doc->tokens);
    s->depth--;
    return innermost(s);
}

/* Behind a value: counts it, closes what ends here, and stops behind the comma of the next one, or
 * at the end of the outermost, where *container becomes NULL. */
HOT const char *scan_behind_value(struct scanner *s, const char *p,
                                  struct mb_json_token **container,
                                  const struct mb_json_token *token)
{
    const char *end = s->end;
    while (*container) {
        (*container)->count++;
        p = skip_blank(p, end);
        if (p < end && *p == ',')
            return p + 1;
        if (p == end || *p != closer_of(*container))
            return fail_syntax(s, p, "a comma or the closing bracket is due");
        *container = close_container(s, *container, p++, token);
    }
    return p;
}

/* --- the document --- */

static const char *scan_document(struct scanner *s)
{
    const char *const end = s->end;
    const char *p = s->begin;
    struct mb_json_token *token = s->doc->tokens; /* the next one */
    struct mb_json_token *container = NULL;       /* the innermost that is open */
    do {
        if (s->room - token < TOKENS_A_STEP) {
            token = grow(s, token, container && container->type == MB_JSON_OBJECT ? 2 : 1, p);
            if (!token)
                return NULL;
            container = innermost(s);
        }
        if (container && container->type == MB_JSON_OBJECT) {
            p = scan_key(s, p, container, token++);
            if (!p)
                return NULL;
        }
        p = skip_blank(p, end);
        if (p == end)
            return fail_syntax(s, p, "");
        if (*p == '"') {
            const char *open = p + 1;
            p = scan_string(s, open, end);
            if (!p)
                return NULL;
            put(token++, s->doc->tokens, MB_JSON_STRING, s->begin, open, p++, s->flags);
        } else if (*p == '{' || *p == '[') {
            container = token;
            p = open_container(s, p, token++);
            if (!p)
                return NULL;
            p = skip_blank(p, end);
            if (p == end || *p != closer_of(container))
                continue; /* with its first key or value */
            container = close_container(s, container, p++, token);
        } else {
            p = scan_bare(s, p, token++);
        }
        p = p ? scan_behind_value(s, p, &container, token) : NULL;
    } while (p && container);
    s->doc->n_tokens = (uint32_t)(token - s->doc->tokens);
    if (!p)
        return NULL;
    p = skip_blank(p, end);
    return p == end ? p : fail_syntax(s, p, "nothing more is due");
}

int mb_json_parse(struct mb_json *doc, struct mb_arena *arena, struct mb_slice text,
                  struct mb_error *err)
{
    *doc = (struct mb_json){.text = text, .arena = arena};
    if (text.len > INT32_MAX) {
        *doc = (struct mb_json){.arena = arena};
        return mb_fail_at(err, MB_ENOMEM, 0, "more than 2^31 bytes");
    }
    struct scanner s = {.doc = doc, .err = err};
    s.begin = text.data ? text.data : "";
    s.end = s.begin + text.len;
    size_t capacity = text.len / BYTES_PER_TOKEN_GUESS + LEAST_CAPACITY;
    if (capacity > MB_JSON_MAX_TOKENS)
        capacity = MB_JSON_MAX_TOKENS;
    doc->tokens = mb_xarena_alloc_raw(arena, capacity * sizeof(doc->tokens[0]));
    s.room = doc->tokens + capacity;
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
