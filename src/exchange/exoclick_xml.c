/* exoclick_xml.c - the XML form of ExoClick's answer.
 *
 * The exchange says that XML is allowed and asked for, but publishes no layout. Assumed: the JSON object turned
 * into elements of the same names under <bid>, texts in CDATA, numbers as text. A different layout is a change
 * of this file alone.
 *
 * A text may hold "]]>", which would end its section: the section is closed between "]]" and ">" and a new one
 * opened. Characters that XML cannot hold at all were refused with the bid.
 */
#include "internal.h"

static void write_cdata(struct mb_buf *buf, struct mb_slice text)
{
    mb_xbuf_add_text(buf, "<![CDATA[");
    for (long end; (end = mb_slice_find(text, MB_SLICE("]]>"))) >= 0;) {
        size_t head = (size_t)end + 2;
        mb_xbuf_add(buf, text.data, head);
        mb_xbuf_add_text(buf, "]]><![CDATA[");
        text = mb_slice(text.data + head, text.len - head);
    }
    mb_xbuf_add_slice(buf, text);
    mb_xbuf_add_text(buf, "]]>");
}

static void write_tag(struct mb_buf *buf, const char *open, const char *name)
{
    mb_xbuf_add_text(buf, open);
    mb_xbuf_add_text(buf, name);
    mb_xbuf_add_char(buf, '>');
}

void mb__exoclick_write_xml(struct mb_buf *buf, const struct mb__exoclick_field *fields, size_t count)
{
    mb_xbuf_add_text(buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<bid>");
    for (size_t i = 0; i < count; i++) {
        write_tag(buf, "<", fields[i].name);
        switch (fields[i].kind) {
        case MB_EXOCLICK_TEXT:
        case MB_EXOCLICK_TEXTS:
            write_cdata(buf, fields[i].text);
            break;
        case MB_EXOCLICK_INTEGER:
            mb_xbuf_add_i64(buf, fields[i].integer);
            break;
        case MB_EXOCLICK_PRICE:
            mb_xbuf_add_price(buf, fields[i].price);
            break;
        }
        write_tag(buf, "</", fields[i].name);
    }
    mb_xbuf_add_text(buf, "</bid>");
}
