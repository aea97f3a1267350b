/* folder.c - makes a folder and those above it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

int mb__process_make_folder(const char *path, struct mb_error *err)
{
    struct mb_buf text = {0};
    char *slash;
    int rc = 0;

    mb_xbuf_printf(&text, "%s%c", path, '\0');
    for (slash = strchr(text.data + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(text.data, 0777); /* the last one tells whether it worked */
        *slash = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        rc = mb_fail(err, MB_EIO, path, "cannot make the folder: %s", strerror(errno));
    }
    mb_buf_fini(&text);
    return rc;
}
