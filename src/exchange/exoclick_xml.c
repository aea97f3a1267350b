/* exoclick_xml.c - the XML form of ExoClick's answer.
 *
 * The exchange says that XML is allowed and asked for, but publishes no layout. Assumed: the JSON object turned
 * into elements of the same names under <bid>, texts in CDATA, numbers as text. A different layout is a change
 * of this file alone.
 */
#include "internal.h"

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
            mb__exchange_add_cdata(buf, fields[i].text);
            if (fields[i].more) { /* goes in front of the "]]>" that ends the section */
                buf->len -= strlen("]]>");
                mb_xbuf_add_text(buf, fields[i].more);
                mb_xbuf_add_text(buf, "]]>");
            }
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
