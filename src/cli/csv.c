/* csv.c - cells of CSV (RFC 4180).
 */
#include <string.h>

#include "cli.h"

void cli_csv_cell(struct mb_buf *out, struct mb_slice text, bool first)
{
    bool quote = false;

    for (size_t i = 0; i < text.len; i++) {
        quote |= strchr(",\"\r\n", text.data[i]) != NULL;
    }
    mb_xbuf_add_text(out, first ? "" : ",");
    if (!quote) {
        mb_xbuf_add_slice(out, text);
        return;
    }
    mb_xbuf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        mb_xbuf_add_text(out, text.data[i] == '"' ? "\"" : "");
        mb_xbuf_add_char(out, text.data[i]);
    }
    mb_xbuf_add_char(out, '"');
}
