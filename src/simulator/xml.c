/* xml.c - two small strict readers: one for the one shape that ExoClick's XML answers have, a root
 * with flat elements; and one that says whether any document (VAST) is well-formed.
 *
 * The first takes no attributes, comments, doctypes or processing instructions but the leading
 * declaration, and refuses what a strict XML parser refuses: a bare '&' or '<', "]]>" in text,
 * characters outside XML 1.0, text after the end.
 */
#include "internal.h"

static bool eat(struct mb_slice *in, const char *text)
{
    struct mb_slice part = mb_slice_of(text);

    if (!mb_slice_starts(*in, part)) {
        return false;
    }
    *in = mb_slice(in->data + part.len, in->len - part.len);
    return true;
}

static void skip_blanks(struct mb_slice *in)
{
    while (eat(in, " ") || eat(in, "\n") || eat(in, "\t") || eat(in, "\r")) {
    }
}

/* "<name>": the name, or absent. */
static struct mb_slice eat_open_tag(struct mb_slice *in)
{
    struct mb_slice name;
    long end;

    if (!eat(in, "<") || (end = mb_slice_find_char(*in, '>')) <= 0) {
        return MB_SLICE_NONE;
    }
    name = mb_slice(in->data, (size_t)end);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return MB_SLICE_NONE;
        }
    }
    *in = mb_slice(in->data + end + 1, in->len - (size_t)end - 1);
    return name;
}

static bool eat_close_tag(struct mb_slice *in, struct mb_slice name)
{
    if (!eat(in, "</") || !mb_slice_starts(*in, name)) {
        return false;
    }
    *in = mb_slice(in->data + name.len, in->len - name.len);
    return eat(in, ">");
}

/* Characters that XML 1.0 cannot hold, or bytes that are not UTF-8. */
bool mb__sim_is_xml_text(struct mb_slice text)
{
    while (text.len > 0) {
        size_t n = mb_slice_utf8(text);
        unsigned char c = (unsigned char)text.data[0];
        bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        bool nonchar = n == 3 && c == 0xef && (unsigned char)text.data[1] == 0xbf &&
                       (unsigned char)text.data[2] >= 0xbe;
        if (n == 0 || control || nonchar) {
            return false;
        }
        text = mb_slice(text.data + n, text.len - n);
    }
    return true;
}

static const struct {
    const char *entity, *text;
} entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}};

static bool eat_entity(struct mb_slice *in, struct mb_buf *out)
{
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (eat(in, entities[i].entity)) {
            mb_xbuf_add_text(out, entities[i].text);
            return true;
        }
    }
    return false;
}

/* Text, entities and CDATA sections up to the next tag. NULL, or the complaint. */
static const char *eat_content(struct mb_slice *in, struct mb_buf *out)
{
    while (in->len > 0) {
        if (eat(in, "<![CDATA[")) {
            long end = mb_slice_find(*in, MB_SLICE("]]>"));
            if (end < 0) {
                return "XML: a CDATA section without an end";
            }
            mb_xbuf_add(out, in->data, (size_t)end);
            *in = mb_slice(in->data + end + 3, in->len - (size_t)end - 3);
        } else if (in->data[0] == '<') {
            return NULL;
        } else if (in->data[0] == '&') {
            if (!eat_entity(in, out)) {
                return "XML: an unknown entity or a bare '&'";
            }
        } else if (mb_slice_starts(*in, MB_SLICE("]]>"))) {
            return "XML: ']]>' in text";
        } else {
            mb_xbuf_add_char(out, in->data[0]);
            *in = mb_slice(in->data + 1, in->len - 1);
        }
    }
    return "XML: an element without an end";
}

const char *mb__sim_xml_read(struct mb_slice text, const char *root, struct mb__sim_fields *out)
{
    struct mb_slice in = text, name, top;

    if (!mb__sim_is_xml_text(text)) {
        return "XML: not UTF-8, or a character that XML cannot hold";
    }
    if (eat(&in, "<?xml ") && !eat(&in, "version=\"1.0\" encoding=\"UTF-8\"?>")) {
        return "XML: a strange declaration";
    }
    skip_blanks(&in);
    top = eat_open_tag(&in);
    if (!mb_slice_is(top, root)) {
        return "XML: another root";
    }
    skip_blanks(&in);
    while (!eat_close_tag(&in, top)) {
        struct mb__sim_field *field;
        const char *why;
        name = eat_open_tag(&in);
        if (!mb_slice_present(name)) {
            return "XML: not an element where one is due";
        }
        field = mb__sim_field_add(out, name);
        if (!field) {
            return "a field twice, too many fields, or a name too long";
        }
        why = eat_content(&in, &field->text);
        if (why) {
            return why;
        }
        if (!eat_close_tag(&in, name)) {
            return "XML: an element is not closed";
        }
        skip_blanks(&in);
    }
    skip_blanks(&in);
    return in.len == 0 ? NULL : "XML: text behind the end";
}

/* --- well-formedness --- */

enum { DEPTH_MAX = 32 };

static struct mb_slice eat_name(struct mb_slice *in)
{
    size_t n = 0;

    while (n < in->len && !strchr(" \t\r\n=/><&\"'", in->data[n])) {
        n++;
    }
    struct mb_slice name = mb_slice(in->data, n);
    *in = mb_slice(in->data + n, in->len - n);
    return name;
}

/* Up to and behind `end`; false where it does not come. */
static bool eat_until(struct mb_slice *in, const char *end)
{
    long at = mb_slice_find(*in, mb_slice_of(end));

    if (at < 0) {
        return false;
    }
    *in = mb_slice(in->data + at + strlen(end), in->len - (size_t)at - strlen(end));
    return true;
}

/* name="value", entities known, no '<'. */
static bool eat_attribute(struct mb_slice *in, struct mb_buf *scratch)
{
    char quote;

    if (eat_name(in).len == 0 || !eat(in, "=") || in->len == 0) {
        return false;
    }
    quote = in->data[0];
    if (quote != '"' && quote != '\'') {
        return false;
    }
    *in = mb_slice(in->data + 1, in->len - 1);
    while (in->len > 0 && in->data[0] != quote) {
        if (in->data[0] == '&') {
            if (!eat_entity(in, scratch)) {
                return false;
            }
        } else if (in->data[0] == '<') {
            return false;
        } else {
            *in = mb_slice(in->data + 1, in->len - 1);
        }
    }
    return in->len > 0 && eat(in, quote == '"' ? "\"" : "'");
}

struct nesting {
    struct mb_slice names[DEPTH_MAX];
    size_t depth;
};

/* Behind the '<' of an opening tag. */
static const char *eat_tag(struct mb_slice *in, struct nesting *open, struct mb_buf *scratch)
{
    struct mb_slice name = eat_name(in);

    if (name.len == 0 || open->depth == DEPTH_MAX) {
        return "XML: not an element where one is due";
    }
    for (;;) {
        size_t before = in->len;
        skip_blanks(in);
        if (eat(in, "/>")) {
            return NULL;
        }
        if (eat(in, ">")) {
            open->names[open->depth++] = name;
            return NULL;
        }
        if (in->len == before || !eat_attribute(in, scratch)) {
            return "XML: a broken tag";
        }
    }
}

/* One thing within the root: a comment, text, or a tag. */
static const char *eat_piece(struct mb_slice *in, struct nesting *open, struct mb_buf *scratch)
{
    if (eat(in, "<!--")) {
        return eat_until(in, "-->") ? NULL : "XML: a comment without an end";
    }
    if (in->data[0] != '<' || mb_slice_starts(*in, MB_SLICE("<![CDATA["))) {
        mb_buf_clear(scratch);
        return eat_content(in, scratch);
    }
    if (mb_slice_starts(*in, MB_SLICE("</"))) {
        return eat_close_tag(in, open->names[--open->depth]) ? NULL
                                                             : "XML: an element is not closed";
    }
    (void)eat(in, "<");
    return eat_tag(in, open, scratch);
}

const char *mb__sim_xml_check(struct mb_slice text, const char *root)
{
    struct mb_slice in = text;
    struct nesting open = {.depth = 0};
    struct mb_buf scratch = {0};
    const char *why = NULL;

    if (!mb__sim_is_xml_text(text)) {
        return "XML: not UTF-8, or a character that XML cannot hold";
    }
    if (eat(&in, "<?xml ") && !eat_until(&in, "?>")) {
        return "XML: a strange declaration";
    }
    skip_blanks(&in);
    if (!eat(&in, "<") || !mb_slice_is(eat_name(&(struct mb_slice){in.data, in.len}), root)) {
        return "XML: another root";
    }
    why = eat_tag(&in, &open, &scratch);
    while (!why && open.depth > 0) {
        why = in.len == 0 ? "XML: an element without an end" : eat_piece(&in, &open, &scratch);
    }
    mb_buf_fini(&scratch);
    skip_blanks(&in);
    return why ? why : in.len == 0 ? NULL : "XML: text behind the end";
}
