/* console.c - GET / of the operator's listener: console.html, as it is. It holds no data itself, so it needs no token; its
 * script asks for one when /status does.
 */
#include "internal.h"

static const unsigned char page[] = {
#include "console.html.inc"
};

struct mb_slice mb__console_page(void)
{
    return mb_slice((const char *)page, sizeof(page));
}
