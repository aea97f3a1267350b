/* xml_fragment.c - is a text that stands inside a document of ours XML by itself?
 *
 * Elements nest and end, quotes close, every '&' begins a reference. Names are not looked at
 * closely, and a prolog or DOCTYPE is refused: it could only stand at a document's start.
 */
#include "internal.h"

enum { DEPTH_MAX = 32 };

struct fragment {
    struct mb_slice rest;
    struct mb_slice open[DEPTH_MAX];
    size_t depth;
};

static void skip(struct fragment *f, size_t bytes)
{
    f->rest = mb_slice(f->rest.data + bytes, f->rest.len - bytes);
}

/* Behind the next `end`; false: there is none. */
static bool skip_past(struct fragment *f, struct mb_slice end)
{
    long at = mb_slice_find(f->rest, end);
    if (at < 0) {
        return false;
    }
    skip(f, (size_t)at + end.len);
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c & 0x80) || c == '_' || c == '-' || c == '.' || c == ':';
}

static struct mb_slice take_name(struct fragment *f)
{
    size_t len = 0;
    while (len < f->rest.len && is_name_char(f->rest.data[len])) {
        len++;
    }
    struct mb_slice name = mb_slice(f->rest.data, len);
    skip(f, len);
    return name;
}

static bool take_reference(struct fragment *f)
{
    skip(f, 1);
    if (mb_slice_starts(f->rest, MB_SLICE("#"))) {
        skip(f, 1);
    }
    return !mb_slice_empty(take_name(f)) && mb_slice_starts(f->rest, MB_SLICE(";"));
}

/* Up to the '>' that ends the tag; *empty: it was "/>". */
static bool take_attributes(struct fragment *f, bool *empty)
{
    while (f->rest.len > 0) {
        char c = f->rest.data[0];
        if (c == '"' || c == '\'') {
            skip(f, 1);
            struct mb_slice value = f->rest;
            if (!skip_past(f, mb_slice(&c, 1))) {
                return false;
            }
            value.len -= f->rest.len;
            if (mb_slice_find_char(value, '<') >= 0) {
                return false;
            }
        } else if (c == '<') {
            return false;
        } else {
            skip(f, 1);
            if (c == '>') {
                return true;
            }
            *empty = c == '/';
        }
    }
    return false;
}

static bool take_tag(struct fragment *f)
{
    bool closes = mb_slice_starts(f->rest, MB_SLICE("</")), empty = false;
    skip(f, closes ? 2 : 1);
    struct mb_slice name = take_name(f);
    if (mb_slice_empty(name) || !take_attributes(f, &empty)) {
        return false;
    }
    if (closes) {
        return f->depth > 0 && mb_slice_eq(f->open[--f->depth], name);
    }
    if (empty) {
        return true;
    }
    if (f->depth == DEPTH_MAX) {
        return false;
    }
    f->open[f->depth++] = name;
    return true;
}

bool mb__exchange_is_xml(struct mb_slice text)
{
    struct fragment f = {.rest = text};
    bool sound = mb__exchange_encodable(text, true);
    while (sound && f.rest.len > 0) {
        if (mb_slice_starts(f.rest, MB_SLICE("<!--"))) {
            sound = skip_past(&f, MB_SLICE("-->"));
        } else if (mb_slice_starts(f.rest, MB_SLICE("<![CDATA["))) {
            sound = skip_past(&f, MB_SLICE("]]>"));
        } else if (f.rest.data[0] == '<') {
            sound = take_tag(&f);
        } else if (f.rest.data[0] == '&') {
            sound = take_reference(&f);
        } else {
            skip(&f, 1);
        }
    }
    return sound && f.depth == 0;
}
