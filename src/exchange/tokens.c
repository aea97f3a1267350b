/* tokens.c - the query string of an endpoint: where ExoClick's replaced tokens arrive.
 *
 * The exchange fills values in as they are: encoded or raw, sometimes not at all. So a value is decoded once;
 * one that still looks like {name} counts as absent; and a raw {url}, with '&' and '#' of its own, spills into
 * further names, which do no harm as long as {url} stands last (first of a name counts).
 *
 * {&empty=204} is no token with a value but a mark in the URL. It arrives replaced (&empty=204), as written,
 * with its braces or more of it percent-encoded, and an '&' in the middle. So it is cut out of the text before
 * the text is split.
 */
#include "internal.h"

/* The tokens that the exchange documents. */
static const char *const token_names[] = {"site_id", "zone_id", "src_hostname", "url",
                                          "tags",    "keyword", "language",     "imp_id"};

bool mb_exchange_is_token(struct mb_slice name)
{
    for (size_t i = 0; i < sizeof token_names / sizeof token_names[0]; i++) {
        if (mb_slice_is(name, token_names[i])) {
            return true;
        }
    }
    return false;
}

/* Length of `plain` or of its percent-encoded form at the start of `text`, else 0. */
static size_t match(struct mb_slice text, const char *plain, const char *encoded)
{
    struct mb_slice head = mb_slice_of(plain);
    if (mb_slice_starts(text, head)) {
        return head.len;
    }
    head = mb_slice_of(encoded);
    return text.len >= head.len && mb_slice_eq_nocase(mb_slice(text.data, head.len), head) ? head.len : 0;
}

static struct mb_slice skip_bytes(struct mb_slice text, size_t bytes)
{
    return mb_slice(text.data + bytes, text.len - bytes);
}

/* Length of the mark that begins here, in any of its forms, else 0. It begins the query, or with its '{' or '&';
 * it ends with its '}' or where a parameter ends. */
static size_t match_mark(struct mb_slice text, bool at_start)
{
    struct mb_slice rest = text;
    size_t open = match(rest, "{", "%7B");
    rest = skip_bytes(rest, open);
    size_t amp = match(rest, "&", "%26");
    rest = skip_bytes(rest, amp);
    if (!at_start && open == 0 && amp == 0) {
        return 0;
    }
    if (!mb_slice_starts(rest, MB_SLICE("empty"))) {
        return 0;
    }
    rest = skip_bytes(rest, strlen("empty"));
    size_t equals = match(rest, "=", "%3D");
    rest = skip_bytes(rest, equals);
    if (equals == 0 || !mb_slice_starts(rest, MB_SLICE("204"))) {
        return 0;
    }
    rest = skip_bytes(rest, strlen("204"));
    size_t close = match(rest, "}", "%7D");
    rest = skip_bytes(rest, close);
    if (close == 0 && rest.len > 0 && rest.data[0] != '&') {
        return 0;
    }
    return text.len - rest.len;
}

/* True where the mark's word stands: looked for by its end, since few queries have a 'y' at all. */
static bool may_have_mark(struct mb_slice query)
{
    const char *end = query.data + query.len, *p = query.data;
    while ((p = memchr(p, 'y', (size_t)(end - p)))) {
        if (mb_slice_ends(mb_slice(query.data, (size_t)(++p - query.data)), MB_SLICE("empty"))) {
            return true;
        }
    }
    return false;
}

static struct mb_slice without_mark(struct mb_slice query, struct mb_arena *arena)
{
    if (!may_have_mark(query)) {
        return query;
    }
    char *out = mb_xarena_alloc_raw(arena, query.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < query.len;) {
        size_t mark = match_mark(skip_bytes(query, i), i == 0);
        if (mark > 0) {
            i += mark;
        } else {
            out[len++] = query.data[i++];
        }
    }
    return mb_slice(out, len);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

struct mb_slice mb__exchange_decode(struct mb_slice text, struct mb_arena *arena)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != '%' && text.data[len] != '+') {
        len++;
    }
    if (len == text.len) {
        return text;
    }
    char *out = mb_xarena_alloc_raw(arena, text.len + 1);
    memcpy(out, text.data, len);
    for (size_t i = len; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%' && i + 2 < text.len && hex_digit(text.data[i + 1]) >= 0 && hex_digit(text.data[i + 2]) >= 0) {
            c = (char)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    return mb_slice(out, len);
}

/* "{zone_id}": the exchange did not know the token, or nobody replaced it. */
static bool is_unreplaced(struct mb_slice value)
{
    if (value.len < 2 || value.data[0] != '{' || value.data[value.len - 1] != '}') {
        return false;
    }
    for (size_t i = 1; i + 1 < value.len; i++) {
        char c = value.data[i];
        bool of_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-' || c == '.';
        if (!of_name) {
            return false;
        }
    }
    return true;
}

struct mb_pairs mb__exchange_query(struct mb_slice query, struct mb_pairs rename, struct mb_slice skip,
                                   struct mb_arena *arena)
{
    if (mb_slice_empty(query)) {
        return (struct mb_pairs){NULL, 0};
    }
    struct mb_pair *items = mb_xarena_alloc_raw(arena, MB_WIRE_TOKENS_MAX * sizeof *items);
    struct mb_pairs pairs = {items, 0};
    struct mb_slice rest = without_mark(query, arena);
    while (mb_slice_present(rest) && pairs.count < MB_WIRE_TOKENS_MAX) {
        struct mb_slice value = mb_slice_cut(&rest, '&');
        struct mb_slice name = mb__exchange_decode(mb_slice_cut(&value, '='), arena);
        if (mb_slice_empty(name) || mb_slice_empty(value) ||
            (mb_slice_present(skip) && mb_slice_eq(name, skip))) {
            continue;
        }
        struct mb_slice renamed = mb_pairs_get(rename, name);
        name = mb_slice_present(renamed) ? renamed : name;
        value = mb__exchange_decode(value, arena);
        if (is_unreplaced(value) || mb_slice_present(mb_pairs_get(pairs, name))) {
            continue;
        }
        items[pairs.count++] = (struct mb_pair){name, value};
    }
    return pairs;
}

struct mb_pairs mb_exchange_tokens(struct mb_slice query, struct mb_pairs rename, struct mb_arena *arena)
{
    return mb__exchange_query(query, rename, MB_SLICE_NONE, arena);
}
