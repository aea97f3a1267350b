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
 * Places are offsets into the text, as tokens have them. What may fail gives FAILED for the next
 * place, or false, after fail_at().
 */
#include "internal.h"
#include "scan.h"

#define BYTES_PER_TOKEN_GUESS 6
#define LEAST_CAPACITY 16
#define TOKENS_A_STEP 2 /* a key and its value */

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

/* What does not change from value to value. */
struct scanner {
    struct mb_json *doc;
    const char *text;
    uint32_t end;                      /* of the text: where the first zero stands */
    const struct mb_json_token *limit; /* from here on there is no room for a step */
    int code;                          /* result once something failed */
    struct mb_error *err;              /* may be NULL */
};

/* Where the pass stands. */
struct pass {
    struct mb_json_token *at;        /* the next token */
    struct mb_json_token *container; /* the innermost that is open; the first token before one is */
    uint32_t count;                  /* its members that are behind */
    uint32_t depth;                  /* containers that are open */
    char closer;                     /* its closing bracket; 0 where none is open */
};

#define FAILED UINT32_MAX /* behind the end of the longest text */

COLD uint32_t fail_at(struct scanner *s, int code, uint32_t at, const char *what)
{
    s->code = mb_fail_at(s->err, code, (long)at, "%s", what);
    return FAILED;
}

/* `at` is where the byte stands that does not fit. */
COLD uint32_t fail_syntax(struct scanner *s, uint32_t at, const char *what)
{
    return fail_at(s, MB_ESYNTAX, at, at == s->end ? "the text ends too early" : what);
}

/* The first byte from `p` on that is no blank. */
static __attribute__((noinline)) uint32_t skip_blanks(const char *text, uint32_t p)
{
    while (text[p] == ' ' || text[p] == '\n' || text[p] == '\r' || text[p] == '\t')
        p++;
    return p;
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
                                uint32_t p)
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

/* Writes a token for what stands from `start` up to `end`. */
HOT void put(struct mb_json_token *at, enum mb_json_type type, unsigned flags, uint32_t start,
             uint32_t end)
{
    at->start = start;
    at->end = end;
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

/* `p` is the place of the backslash. Surrogates are not paired here: a lone one is decoded as
 * U+FFFD. */
static uint32_t scan_escape(struct scanner *s, uint32_t p)
{
    switch (s->text[++p]) {
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
            if (!is_hex(s->text[p]))
                return fail_syntax(s, p, "not a hexadecimal digit");
        }
        return p;
    default:
        return fail_syntax(s, p, "no such escape");
    }
}

/* `p` is the place of a byte that is not plain, and not the closing quote. */
static __attribute__((noinline)) uint32_t scan_special(struct scanner *s, uint32_t p,
                                                       unsigned *flags)
{
    const char *at = s->text + p;
    if (*at == '\\') {
        *flags = MB__JSON_ESCAPES;
        return scan_escape(s, p);
    }
    size_t len = (unsigned char)*at < 0x20 ? 0 : mb_slice_utf8(mb_slice(at, s->end - p));
    return len ? p + (uint32_t)len : fail_syntax(s, p, "control byte or invalid UTF-8 in a string");
}

/* The rest of the string that began at `open`; its first byte that is not plain stands at `p`. */
static __attribute__((noinline)) uint32_t scan_rest(struct scanner *s, uint32_t open, uint32_t p,
                                                    struct mb_json_token *at)
{
    unsigned flags = 0;
    while (s->text[p] != '"') {
        p = scan_special(s, p, &flags);
        if (p == FAILED)
            return FAILED;
        p += mb__json_plain_bytes(s->text + p);
    }
    put(at, MB_JSON_STRING, flags, open, p);
    return p + 1;
}

/* From the opening quote at *p to behind the closing one. */
HOT bool scan_string(struct scanner *s, const char *text, uint32_t *p, struct mb_json_token *at)
{
    uint32_t open = *p + 1, close = open + mb__json_plain_bytes(text + open);
    if (__builtin_expect(text[close] != '"', 0)) {
        *p = scan_rest(s, open, close, at);
        return *p != FAILED;
    }
    put(at, MB_JSON_STRING, 0, open, close);
    *p = close + 1;
    return true;
}

/* --- keys and scalars --- */

/* To where `c` stands, at *p or with blanks before it. */
HOT bool find(struct scanner *s, const char *text, uint32_t *p, char c, const char *what)
{
    if (__builtin_expect(text[*p] != c, 0)) {
        *p = skip_blanks(text, *p);
        if (text[*p] != c) {
            fail_syntax(s, *p, what);
            return false;
        }
    }
    return true;
}

/* Behind a key and its colon. */
HOT bool scan_key(struct scanner *s, const char *text, uint32_t *p, struct mb_json_token *at)
{
    if (!find(s, text, p, '"', "a string is due") || !scan_string(s, text, p, at) ||
        !find(s, text, p, ':', "a colon is due"))
        return false;
    ++*p;
    return true;
}

static uint32_t scan_word(struct scanner *s, uint32_t p, const char *word)
{
    for (; *word; word++, p++) {
        if (s->text[p] != *word)
            return fail_syntax(s, p, "a value is due");
    }
    return p;
}

/* A number with more to it than digits, or a word. */
static __attribute__((noinline)) uint32_t scan_other(struct scanner *s, uint32_t p,
                                                     struct mb_json_token *at)
{
    char c = s->text[p];
    enum mb_json_type type = c == 't' ? MB_JSON_TRUE : c == 'f' ? MB_JSON_FALSE : MB_JSON_NULL;
    bool is_integer = false;
    uint32_t behind;
    if (c == '-' || (c >= '0' && c <= '9')) {
        const char *wrong = NULL;
        const char *end = mb__json_scan_number(s->text + p, s->text + s->end, &is_integer, &wrong);
        if (!end)
            return fail_syntax(s, (uint32_t)(wrong - s->text), "a digit is due");
        type = MB_JSON_NUMBER;
        behind = (uint32_t)(end - s->text);
    } else {
        behind = scan_word(s, p, c == 't' ? "true" : c == 'f' ? "false" : "null");
        if (behind == FAILED)
            return FAILED;
    }
    put(at, type, is_integer ? MB__JSON_INTEGER : 0, p, behind);
    return behind;
}

/* Behind the digits of a number that may go on. False: it is none of the usual. */
HOT bool scan_number(const char *text, uint32_t *p, struct mb_json_token *at)
{
    uint32_t start = *p, end = start + mb__json_digits(text + start);
    if (text[start] == '0' && end - start > 1)
        return false;
    if (text[end] != '.' && (text[end] | 0x20) != 'e') {
        put(at, MB_JSON_NUMBER, MB__JSON_INTEGER, start, end);
        *p = end;
        return true;
    }
    uint32_t decimals = text[end] == '.' ? mb__json_digits(text + end + 1) : 0;
    end += 1 + decimals;
    if (decimals == 0 || (text[end] | 0x20) == 'e')
        return false;
    put(at, MB_JSON_NUMBER, 0, start, end);
    *p = end;
    return true;
}

/* Behind a string, a number or a word. */
HOT bool scan_scalar(struct scanner *s, const char *text, uint32_t *p, struct mb_json_token *at)
{
    char c = text[*p];
    if (c == '"')
        return scan_string(s, text, p, at);
    if (c >= '0' && c <= '9' && scan_number(text, p, at))
        return true;
    *p = scan_other(s, *p, at);
    return *p != FAILED;
}

/* --- containers --- */

/* Behind the opening bracket at *p. False: too deep. */
HOT bool open_container(struct scanner *s, const char *text, uint32_t *p, struct pass *t)
{
    if (t->depth++ == MB_JSON_MAX_DEPTH) {
        fail_at(s, MB_ENOMEM, *p, "nested too deep");
        return false;
    }
    char c = text[*p];
    t->container->count =
        (uint16_t)t->count; /* the outermost one's own, which is set when it ends */
    t->at->start = *p;
    t->at->end = (uint32_t)(t->at - t->container); /* the way back, 0 of the outermost */
    t->at->type = c == '{' ? MB_JSON_OBJECT : MB_JSON_ARRAY;
    t->at->flags = 0;
    t->container = t->at++;
    t->count = 0;
    t->closer = (char)(c + 2); /* in ASCII both stand so */
    ++*p;
    return true;
}

/* Behind the closing bracket at *p. */
HOT void close_container(uint32_t *p, struct pass *t)
{
    struct mb_json_token *container = t->container;
    uint32_t way_back = container->end;
    container->end = ++*p;
    container->span = (uint16_t)(t->at - container);
    container->count = (uint16_t)t->count;
    container -= way_back;
    t->container = container;
    t->count = container->count;
    t->depth--;
    t->closer = way_back == 0 ? 0 : container->type == MB_JSON_OBJECT ? '}' : ']';
}

/* --- the document --- */

/* Behind a value: over its comma, or out of all containers that end here. */
HOT bool leave_value(struct scanner *s, const char *text, uint32_t *p, struct pass *t)
{
    do {
        t->count++;
        if (__builtin_expect(text[*p] == ',', 1)) {
            ++*p;
            return true;
        }
        if (text[*p] != t->closer) {
            *p = skip_blanks(text, *p);
            if (text[*p] == ',') {
                ++*p;
                return true;
            }
            if (text[*p] != t->closer) {
                fail_syntax(s, *p, "a comma or the closing bracket is due");
                return false;
            }
        }
        close_container(p, t);
    } while (t->closer);
    return true;
}

/* Behind an opening bracket: to the first member, or out of an empty container. */
HOT bool enter_container(struct scanner *s, const char *text, uint32_t *p, struct pass *t)
{
    if (text[*p] <= ' ')
        *p = skip_blanks(text, *p);
    if (text[*p] != t->closer)
        return true;
    close_container(p, t);
    return t->closer == 0 || leave_value(s, text, p, t);
}

/* Room for a step. False at the limit. */
HOT bool make_sure(struct scanner *s, uint32_t p, struct pass *t)
{
    if (__builtin_expect(t->at < s->limit, 1))
        return true;
    ptrdiff_t way_back = t->at - t->container;
    struct mb_json_token *at = grow(s, t->at, t->closer == '}' ? 2 : 1, p);
    if (!at)
        return false;
    t->at = at;
    t->container = at - way_back;
    return true;
}

/* Behind the container at `p` and all that is in it. */
static uint32_t scan_container(struct scanner *s, uint32_t p)
{
    const char *const text = s->text;
    struct pass t = {.at = s->doc->tokens, .container = s->doc->tokens};
    bool ok = open_container(s, text, &p, &t) && enter_container(s, text, &p, &t);
    while (ok && t.closer) {
        if (!make_sure(s, p, &t) || (t.closer == '}' && !scan_key(s, text, &p, t.at++)))
            return FAILED;
        if (text[p] <= ' ')
            p = skip_blanks(text, p);
        if (text[p] != '"' && (text[p] == '{' || text[p] == '['))
            ok = open_container(s, text, &p, &t) && enter_container(s, text, &p, &t);
        else
            ok = scan_scalar(s, text, &p, t.at++) && leave_value(s, text, &p, &t);
    }
    s->doc->n_tokens = (uint32_t)(t.at - s->doc->tokens);
    return ok ? p : FAILED;
}

static bool scan_document(struct scanner *s)
{
    uint32_t p = skip_blanks(s->text, 0);
    if (s->text[p] == '{' || s->text[p] == '[') {
        p = scan_container(s, p);
    } else {
        s->doc->n_tokens = 1;
        if (!scan_scalar(s, s->text, &p, s->doc->tokens))
            return false;
    }
    if (p == FAILED)
        return false;
    p = skip_blanks(s->text, p);
    if (p != s->end)
        fail_syntax(s, p, "nothing more is due");
    return p == s->end;
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
    struct scanner s = {.doc = doc, .err = err};
    doc->text = copy_padded(arena, text);
    s.text = doc->text.data;
    s.end = (uint32_t)text.len;
    size_t capacity = text.len / BYTES_PER_TOKEN_GUESS + LEAST_CAPACITY;
    make_room(&s, capacity < MB_JSON_MAX_TOKENS ? capacity : MB_JSON_MAX_TOKENS, 0);
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
