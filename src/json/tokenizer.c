/* tokenizer.c - one pass from text to tokens; no recursion, no decoding.
 *
 * The text is copied first, with zero bytes behind it. A zero fits nowhere in JSON, so wherever
 * the pass stands it need not ask whether the text goes on: it finds a byte that does not fit, and
 * only then looks whether that is the end. Copying costs a fiftieth of what those questions did.
 *
 * Where strings may end was found before (specials.h). Of the block of the text that the pass is
 * in, it holds the specials that no string has used up. Outside of strings only blanks are special:
 * wherever a string begins, its opening quote is the next special, or in a block further on.
 *
 * No stack: an open container's token holds the way back to the one around it where its end will be,
 * and says by its type whether a key is due. So hostile nesting costs nothing. Tokens grow in the
 * arena by doubling from a guess after the text's length; allocating for the worst case
 * (`[1,1,...]`) would cost eight times the text for every body.
 *
 * Blanks are looked for only where what is due does not stand: most exchanges send none. The ends
 * of lines are specials too, and are passed by as such: to ask what is special behind a place would
 * be to wait for the place. What happens seldom (blanks, escapes, other than ASCII, errors,
 * growing) is in functions of its own, never inlined, which do not get to see `struct pass`: its
 * parts stay in registers.
 *
 * Functions that move the pass return false after fail_at(); those that are given a place return
 * the one behind what they read, or NOWHERE.
 */
#include "internal.h"
#include "scan.h"
#include "specials.h"

#define BYTES_PER_TOKEN_GUESS 6
#define LEAST_CAPACITY 16
#define TOKENS_A_STEP 2 /* a key and its value */
#define NOWHERE SIZE_MAX

#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))
#define MOSTLY(condition) __builtin_expect((condition), 1)

/* What does not change from value to value. */
struct scanner {
    struct mb_json *doc;
    const char *text; /* zeros behind it */
    size_t len;
    const uint64_t *specials;          /* of all of the text */
    const struct mb_json_token *limit; /* from here on there is no room for a step */
    uint32_t depth;                    /* containers that are open */
    int code;                          /* result once a function failed */
    struct mb_error *err;              /* may be NULL */
};

/* Where the pass stands. */
struct pass {
    size_t i;                        /* the byte that is next */
    size_t block;                    /* where the specials' block begins */
    uint64_t specials;               /* those ahead in it */
    struct mb_json_token *at;        /* the next token */
    struct mb_json_token *container; /* the innermost that is open; the first token before one is */
};

COLD bool fail_at(struct scanner *s, int code, size_t at, const char *what)
{
    s->code = mb_fail_at(s->err, code, (long)at, "%s", what);
    return false;
}

/* `at`: the byte that does not fit. */
COLD bool fail_syntax(struct scanner *s, size_t at, const char *what)
{
    return fail_at(s, MB_ESYNTAX, at, at == s->len ? "the text ends too early" : what);
}

HOT bool is_blank(char c)
{
    return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

/* The first byte from `i` on that is no blank, and the specials ahead in its block. */
static __attribute__((noinline)) struct mb__json_special find_no_blank(const struct scanner *s,
                                                                       size_t i)
{
    i = mb__json_skip_blanks(s->text, i);
    uint64_t behind = s->specials[i / MB__JSON_BLOCK] & UINT64_MAX << i % MB__JSON_BLOCK;
    return (struct mb__json_special){.at = i, .behind = behind};
}

static __attribute__((noinline)) size_t skip_spaces(const char *text, size_t i)
{
    return mb__json_skip_spaces(text, i);
}

/* A line's end and what the next is indented by, or a space, or whatever else there is. */
HOT void skip_blanks(const struct scanner *s, const char *text, struct pass *t)
{
    if (text[t->i] == '\n' && t->specials != 0) {
        t->specials &= t->specials - 1; /* the line's end was the next one */
        t->i = skip_spaces(text, t->i + 1);
    } else if (text[t->i] == ' ') {
        t->i++;
    }
    if (text[t->i] > ' ')
        return;
    struct mb__json_special next = find_no_blank(s, t->i);
    t->i = next.at;
    t->block = next.at - next.at % MB__JSON_BLOCK;
    t->specials = next.behind;
}

/* Whether `c` is next, or blanks and then `c`, which is next then. */
HOT bool find(struct scanner *s, const char *text, struct pass *t, char c, const char *what)
{
    if (MOSTLY(text[t->i] == c))
        return true;
    skip_blanks(s, text, t);
    return text[t->i] == c || fail_syntax(s, t->i, what);
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
                                size_t i)
{
    size_t used = (size_t)(at - s->doc->tokens);
    if (used + due > MB_JSON_MAX_TOKENS) {
        (void)fail_at(s, MB_ENOMEM, i, "too many values");
        return NULL;
    }
    size_t capacity = used < MB_JSON_MAX_TOKENS / 2 ? used * 2 : MB_JSON_MAX_TOKENS;
    make_room(s, capacity, used);
    return s->doc->tokens + used;
}

/* Writes a token for the text from `from` up to `to`. */
HOT void put(struct mb_json_token *at, enum mb_json_type type, unsigned flags, size_t from,
             size_t to)
{
    at->start = (uint32_t)from;
    at->end = (uint32_t)to;
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

/* `i`: the backslash. Surrogates are not paired here: a lone one is decoded as U+FFFD. */
static size_t scan_escape(struct scanner *s, size_t i)
{
    switch (s->text[++i]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return i + 1;
    case 'u':
        i++;
        for (size_t end = i + 4; i < end; i++) {
            if (!is_hex(s->text[i])) {
                (void)fail_syntax(s, i, "not a hexadecimal digit");
                return NOWHERE;
            }
        }
        return i;
    default:
        (void)fail_syntax(s, i, "no such escape");
        return NOWHERE;
    }
}

/* `i`: a byte of a string that is not plain, and not the closing quote. */
static size_t scan_special(struct scanner *s, size_t i, unsigned *flags)
{
    const char *p = s->text + i;
    if (*p == '\\') {
        *flags = MB__JSON_ESCAPES;
        return scan_escape(s, i);
    }
    size_t len = (unsigned char)*p < 0x20 ? 0 : mb_slice_utf8(mb_slice(p, s->len - i));
    if (len == 0) {
        (void)fail_syntax(s, i, "control byte or invalid UTF-8 in a string");
        return NOWHERE;
    }
    return i + len;
}

/* A string that has more to it: `open` is its first byte, `i` the first that is not plain. Gives
 * its closing quote. */
COLD struct mb__json_special scan_rest(struct scanner *s, size_t open, size_t i,
                                       struct mb_json_token *at)
{
    struct mb__json_special next = {.at = i};
    unsigned flags = 0;
    do {
        i = scan_special(s, next.at, &flags);
        if (i == NOWHERE)
            return (struct mb__json_special){.at = NOWHERE};
        next = mb__json_special_from(s->specials, i);
    } while (s->text[next.at] != '"');
    put(at, MB_JSON_STRING, flags, open, next.at);
    return next;
}

/* Goes on to the next block's specials. */
HOT uint64_t next_block(const struct scanner *s, struct pass *t)
{
    t->block += MB__JSON_BLOCK;
    return s->specials[t->block / MB__JSON_BLOCK];
}

/* Of the string whose opening quote is next: its first byte that is not plain. */
HOT size_t find_close(const struct scanner *s, struct pass *t)
{
    uint64_t behind = t->specials & (t->specials - 1); /* the opening quote */
    if (!MOSTLY(behind != 0)) {
        while (t->specials == 0)
            t->specials = next_block(s, t);
        behind = t->specials & (t->specials - 1);
        while (behind == 0)
            behind = next_block(s, t);
    }
    t->specials = behind & (behind - 1);
    return (uint32_t)t->block + (uint32_t)__builtin_ctzll(behind);
}

/* The opening quote is next. */
HOT bool scan_string(struct scanner *s, const char *text, struct pass *t)
{
    size_t open = t->i + 1, close = find_close(s, t);
    if (!MOSTLY(text[close] == '"')) {
        struct mb__json_special end = scan_rest(s, open, close, t->at++);
        if (end.at == NOWHERE)
            return false;
        t->i = end.at + 1;
        t->block = end.at - end.at % MB__JSON_BLOCK;
        t->specials = end.behind;
        return true;
    }
    put(t->at++, MB_JSON_STRING, 0, open, close);
    t->i = close + 1;
    return true;
}

/* --- keys and scalars --- */

/* A key and its colon. */
HOT bool scan_key(struct scanner *s, const char *text, struct pass *t)
{
    if (!find(s, text, t, '"', "a string is due") || !scan_string(s, text, t) ||
        !find(s, text, t, ':', "a colon is due"))
        return false;
    t->i++;
    return true;
}

static size_t scan_word(struct scanner *s, size_t i, const char *word)
{
    for (; *word; word++, i++) {
        if (s->text[i] != *word) {
            (void)fail_syntax(s, i, "a value is due");
            return NOWHERE;
        }
    }
    return i;
}

/* A number with more to it than digits, or a word. */
COLD size_t scan_other(struct scanner *s, size_t i, struct mb_json_token *at)
{
    const char *p = s->text + i;
    enum mb_json_type type = *p == 't' ? MB_JSON_TRUE : *p == 'f' ? MB_JSON_FALSE : MB_JSON_NULL;
    bool is_integer = false;
    size_t behind;
    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        const char *wrong, *end = mb__json_scan_number(p, s->text + s->len, &is_integer, &wrong);
        type = MB_JSON_NUMBER;
        if (!end) {
            (void)fail_syntax(s, (size_t)(wrong - s->text), "a digit is due");
            return NOWHERE;
        }
        behind = (size_t)(end - s->text);
    } else {
        behind = scan_word(s, i, *p == 't' ? "true" : *p == 'f' ? "false" : "null");
        if (behind == NOWHERE)
            return NOWHERE;
    }
    put(at, type, is_integer ? MB__JSON_INTEGER : 0, i, behind);
    return behind;
}

/* A number as most are: digits, and some decimals. NOWHERE: it may be another. */
HOT size_t scan_number(const char *text, size_t i, struct mb_json_token *at)
{
    size_t behind = mb__json_skip_digits(text, i);
    put(at, MB_JSON_NUMBER, MB__JSON_INTEGER, i, behind);
    if (text[i] == '0' && behind - i > 1)
        return NOWHERE;
    if (MOSTLY(text[behind] != '.' && (text[behind] | 0x20) != 'e'))
        return behind;
    size_t decimals = behind + 1;
    behind = text[behind] == '.' ? mb__json_skip_digits(text, decimals) : decimals;
    put(at, MB_JSON_NUMBER, 0, i, behind);
    return behind == decimals || (text[behind] | 0x20) == 'e' ? NOWHERE : behind;
}

/* A number or a word. */
HOT bool scan_bare(struct scanner *s, const char *text, struct pass *t)
{
    char c = text[t->i];
    size_t behind = c >= '0' && c <= '9' ? scan_number(text, t->i, t->at) : NOWHERE;
    if (!MOSTLY(behind != NOWHERE))
        behind = scan_other(s, t->i, t->at);
    t->at++;
    t->i = behind;
    return behind != NOWHERE;
}

/* --- containers --- */

HOT bool is_object(const struct mb_json_token *container)
{
    return container->type == MB_JSON_OBJECT;
}

/* The opening bracket is next. */
HOT bool open_container(struct scanner *s, struct pass *t, enum mb_json_type type)
{
    if (s->depth++ == MB_JSON_MAX_DEPTH)
        return fail_at(s, MB_ENOMEM, t->i, "nested too deep");
    /* Its end: the way back, 0 of the outermost. */
    put(t->at, type, 0, t->i, (size_t)(t->at - t->container));
    t->container = t->at++;
    t->i++;
    return true;
}

/* The closing bracket is next. Says whether there is a container around this one. */
HOT bool close_container(struct scanner *s, struct pass *t)
{
    struct mb_json_token *container = t->container;
    uint32_t way_back = container->end;
    container->end = (uint32_t)++t->i;
    container->span = (uint16_t)(t->at - container);
    t->container = container - way_back;
    s->depth--;
    return way_back > 0;
}

/* --- the document --- */

enum step { FAILED, ON, DONE };

/* Behind a value: on behind its comma, or behind the outermost container. */
HOT enum step leave_value(struct scanner *s, const char *text, struct pass *t)
{
    while (!MOSTLY(text[t->i] == ',')) {
        char closer = is_object(t->container) ? '}' : ']';
        if (!MOSTLY(text[t->i] == closer)) {
            skip_blanks(s, text, t);
            if (text[t->i] == ',')
                break;
            if (text[t->i] != closer)
                return fail_syntax(s, t->i, "a comma or the closing bracket is due");
        }
        t->container->count++;
        if (!close_container(s, t))
            return DONE;
    }
    t->container->count++;
    t->i++;
    return ON;
}

/* From an opening bracket to the first member, or out of an empty container. */
HOT enum step enter_container(struct scanner *s, const char *text, struct pass *t,
                              enum mb_json_type type)
{
    if (!open_container(s, t, type))
        return FAILED;
    if (!MOSTLY(text[t->i] > ' '))
        skip_blanks(s, text, t);
    if (text[t->i] != (type == MB_JSON_OBJECT ? '}' : ']'))
        return ON;
    return close_container(s, t) ? leave_value(s, text, t) : DONE;
}

/* A value of the container that is open, and its key. */
HOT enum step scan_member(struct scanner *s, const char *text, struct pass *t)
{
    if (!MOSTLY(t->at < s->limit)) {
        ptrdiff_t way_back = t->at - t->container;
        t->at = grow(s, t->at, is_object(t->container) ? 2 : 1, t->i);
        if (!t->at)
            return FAILED;
        t->container = t->at - way_back;
    }
    if (is_object(t->container) && !scan_key(s, text, t))
        return FAILED;
    for (;; skip_blanks(s, text, t)) {
        char c = text[t->i];
        if (c == '"')
            return scan_string(s, text, t) ? leave_value(s, text, t) : FAILED;
        if (c == '{')
            return enter_container(s, text, t, MB_JSON_OBJECT);
        if (c == '[')
            return enter_container(s, text, t, MB_JSON_ARRAY);
        if (MOSTLY(!is_blank(c)))
            return scan_bare(s, text, t) ? leave_value(s, text, t) : FAILED;
    }
}

static bool scan_document(struct scanner *s)
{
    const char *text = s->text;
    struct mb_json_token *first = s->doc->tokens;
    struct pass t = {.at = first, .container = first, .specials = s->specials[0]};
    enum step step;
    if (!MOSTLY(text[0] > ' '))
        skip_blanks(s, text, &t);
    if (text[t.i] == '"')
        step = scan_string(s, text, &t) ? DONE : FAILED;
    else if (text[t.i] == '{')
        step = enter_container(s, text, &t, MB_JSON_OBJECT);
    else if (text[t.i] == '[')
        step = enter_container(s, text, &t, MB_JSON_ARRAY);
    else
        step = scan_bare(s, text, &t) ? DONE : FAILED;
    while (step == ON)
        step = scan_member(s, text, &t);
    if (step == FAILED)
        return false;
    s->doc->n_tokens = (uint32_t)(t.at - s->doc->tokens);
    if (!MOSTLY(t.i == s->len))
        skip_blanks(s, text, &t);
    return t.i == s->len || fail_syntax(s, t.i, "nothing more is due");
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
    doc->text = copy_padded(arena, text);
    struct scanner s = {.doc = doc,
                        .text = doc->text.data,
                        .len = text.len,
                        .specials = mb__json_specials(arena, doc->text),
                        .err = err};
    size_t capacity = text.len / BYTES_PER_TOKEN_GUESS + LEAST_CAPACITY;
    make_room(&s, capacity < MB_JSON_MAX_TOKENS ? capacity : MB_JSON_MAX_TOKENS, 0);
    if (scan_document(&s))
        return 0;
    *doc = (struct mb_json){.arena = arena};
    return s.code;
}
