/* tokenizer.c - one pass from text to tokens; no recursion, no decoding.
 *
 * A stack of open containers says whether a key, a comma or an end is due, so the depth limit is
 * the size of that stack and hostile nesting costs nothing. Tokens grow in the arena by doubling
 * from a guess after the text's length; allocating for the worst case (`[1,1,...]`) would cost ten
 * times the text for every body.
 *
 * Functions take the place in the text and return the place behind what they read, or NULL after
 * fail_at().
 */
#include "moonbid/json.h"

#include "internal.h"

#define BYTES_PER_TOKEN_GUESS 8
#define LEAST_CAPACITY 16

struct scanner {
    struct mb_json *doc;
    const char *begin;
    const char *end;
    uint32_t capacity;                /* tokens allocated */
    uint32_t depth;                   /* containers open */
    uint32_t open[MB_JSON_MAX_DEPTH]; /* their tokens, outermost first */
    int code;                         /* result once a function returned NULL */
    struct mb_error *err;             /* may be NULL */
};

static const char *fail_at(struct scanner *s, int code, const char *at, const char *what)
{
    s->code = mb_fail_at(s->err, code, (long)(at - s->begin), "%s", what);
    return NULL;
}

/* `p` stands on the byte that does not fit. */
static const char *fail_syntax(struct scanner *s, const char *p, const char *what)
{
    return fail_at(s, MB_ESYNTAX, p, p == s->end ? "the text ends too early" : what);
}

static inline const char *skip_blank(const char *p, const char *end)
{
    if (p < end && (unsigned char)*p > ' ')
        return p;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static void grow(struct scanner *s)
{
    struct mb_json *doc = s->doc;
    uint32_t capacity = s->capacity * 2;
    if (capacity > MB_JSON_MAX_TOKENS)
        capacity = MB_JSON_MAX_TOKENS;
    struct mb_json_token *tokens =
        mb_xarena_alloc_raw(doc->arena, capacity * sizeof(doc->tokens[0]));
    memcpy(tokens, doc->tokens, doc->n_tokens * sizeof(tokens[0]));
    doc->tokens = tokens;
    s->capacity = capacity;
}

/* Appends the token of what stands in [start, end); false at the limit. */
static inline bool add_token(struct scanner *s, enum mb_json_type type, const char *start,
                             const char *end, uint8_t flags)
{
    struct mb_json *doc = s->doc;
    if (doc->n_tokens == s->capacity) {
        if (s->capacity == MB_JSON_MAX_TOKENS) {
            fail_at(s, MB_ENOMEM, start, "too many values");
            return false;
        }
        grow(s);
    }
    uint32_t index = doc->n_tokens++;
    doc->tokens[index] = (struct mb_json_token){
        .start = (uint32_t)(start - s->begin),
        .end = (uint32_t)(end - s->begin),
        .next = index + 1,
        .type = (uint8_t)type,
        .flags = flags,
    };
    return true;
}

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

/* `p` stands on the opening quote. */
static inline const char *scan_string(struct scanner *s, const char *p)
{
    if (p == s->end || *p != '"')
        return fail_syntax(s, p, "a string is due");
    const char *start = ++p;
    uint8_t flags = 0;
    for (;;) {
        p = mb__json_skip_plain(p, s->end);
        if (p == s->end)
            return fail_syntax(s, p, "");
        if (*p == '"') {
            if (!add_token(s, MB_JSON_STRING, start, p, flags))
                return NULL;
            return p + 1;
        }
        if (*p == '\\') {
            flags = MB__JSON_ESCAPES;
            p = scan_escape(s, p);
            if (!p)
                return NULL;
        } else {
            size_t len =
                (unsigned char)*p < 0x20 ? 0 : mb_slice_utf8(mb_slice(p, (size_t)(s->end - p)));
            if (len == 0)
                return fail_syntax(s, p, "control byte or invalid UTF-8 in a string");
            p += len;
        }
    }
}

static const char *scan_word(struct scanner *s, const char *p, const char *word,
                             enum mb_json_type type)
{
    const char *start = p;
    for (; *word; word++, p++) {
        if (p == s->end || *p != *word)
            return fail_syntax(s, p, "a value is due");
    }
    return add_token(s, type, start, p, 0) ? p : NULL;
}

static inline const char *scan_number(struct scanner *s, const char *p)
{
    bool is_integer;
    const char *wrong;
    const char *behind = mb__json_scan_number(p, s->end, &is_integer, &wrong);
    if (!behind)
        return fail_syntax(s, wrong, "a digit is due");
    if (!add_token(s, MB_JSON_NUMBER, p, behind, is_integer ? MB__JSON_INTEGER : 0))
        return NULL;
    return behind;
}

/* Marks the key that was read last, and the object that is open. */
static inline void mark_key(struct scanner *s)
{
    struct mb_json *doc = s->doc;
    struct mb_json_token *key = &doc->tokens[doc->n_tokens - 1];
    struct mb_json_token *object = &doc->tokens[s->open[s->depth - 1]];
    if (key->flags & MB__JSON_ESCAPES) {
        object->names = UINT64_MAX;
        return;
    }
    uint32_t mark = mb_json_mark(mb_slice(s->begin + key->start, key->end - key->start));
    uint64_t bit = mb_json_mark_bit(mark);
    if (object->names & bit)
        object->flags = MB__JSON_MAYBE_TWICE;
    key->names = mark;
    object->names |= bit;
}

/* A key and its colon. */
static inline const char *scan_key(struct scanner *s, const char *p)
{
    p = scan_string(s, skip_blank(p, s->end));
    if (!p)
        return NULL;
    mark_key(s);
    p = skip_blank(p, s->end);
    if (p == s->end || *p != ':')
        return fail_syntax(s, p, "a colon is due");
    return p + 1;
}

static inline const char *open_container(struct scanner *s, const char *p, enum mb_json_type type)
{
    if (s->depth == MB_JSON_MAX_DEPTH)
        return fail_at(s, MB_ENOMEM, p, "nested too deep");
    s->open[s->depth++] = s->doc->n_tokens;
    return add_token(s, type, p, p + 1, 0) ? p + 1 : NULL;
}

static inline struct mb_json_token *innermost(struct scanner *s)
{
    return &s->doc->tokens[s->open[s->depth - 1]];
}

/* `p` stands on the closing bracket. */
static inline const char *close_container(struct scanner *s, const char *p)
{
    struct mb_json_token *token = innermost(s);
    token->end = (uint32_t)(p + 1 - s->begin);
    token->next = s->doc->n_tokens;
    s->depth--;
    return p + 1;
}

static inline char closer_of(const struct mb_json_token *container)
{
    return container->type == MB_JSON_OBJECT ? '}' : ']';
}

/* Reads one scalar, or the opening bracket of a container that holds something, up to where its
 * first value is due; then *opened. */
static inline const char *scan_value(struct scanner *s, const char *p, bool *opened)
{
    *opened = false;
    p = skip_blank(p, s->end);
    if (p == s->end)
        return fail_syntax(s, p, "");
    switch (*p) {
    case '"':
        return scan_string(s, p);
    case '{':
    case '[':
        p = open_container(s, p, *p == '{' ? MB_JSON_OBJECT : MB_JSON_ARRAY);
        if (!p)
            return NULL;
        p = skip_blank(p, s->end);
        if (p < s->end && *p == closer_of(innermost(s)))
            return close_container(s, p);
        *opened = true;
        return innermost(s)->type == MB_JSON_OBJECT ? scan_key(s, p) : p;
    case 't':
        return scan_word(s, p, "true", MB_JSON_TRUE);
    case 'f':
        return scan_word(s, p, "false", MB_JSON_FALSE);
    case 'n':
        return scan_word(s, p, "null", MB_JSON_NULL);
    default:
        if (*p == '-' || (*p >= '0' && *p <= '9'))
            return scan_number(s, p);
        return fail_syntax(s, p, "a value is due");
    }
}

/* Behind a value: counts it, closes what ends here, and stops behind the comma (and key) of the
 * next value, or at the end of the outermost one. */
static inline const char *scan_behind_value(struct scanner *s, const char *p)
{
    while (s->depth) {
        struct mb_json_token *container = innermost(s);
        container->count++;
        p = skip_blank(p, s->end);
        if (p < s->end && *p == ',')
            return container->type == MB_JSON_OBJECT ? scan_key(s, p + 1) : p + 1;
        if (p == s->end || *p != closer_of(container))
            return fail_syntax(s, p, "a comma or the closing bracket is due");
        p = close_container(s, p);
    }
    return p;
}

static const char *scan_document(struct scanner *s)
{
    const char *p = s->begin;
    do {
        bool opened;
        p = scan_value(s, p, &opened);
        if (p && !opened)
            p = scan_behind_value(s, p);
    } while (p && s->depth);
    if (!p)
        return NULL;
    p = skip_blank(p, s->end);
    return p == s->end ? p : fail_syntax(s, p, "nothing more is due");
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
    s.capacity = (uint32_t)(text.len / BYTES_PER_TOKEN_GUESS) + LEAST_CAPACITY;
    if (s.capacity > MB_JSON_MAX_TOKENS)
        s.capacity = MB_JSON_MAX_TOKENS;
    doc->tokens = mb_xarena_alloc_raw(arena, s.capacity * sizeof(doc->tokens[0]));
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
