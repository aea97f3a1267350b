/* pauses.c - which strategies are paused, in DATA/paused: a name a line, `*` for all.
 *
 * The file is written anew and put in place whole, so that a power cut leaves the old one or the new
 * one. A name that no strategy has at the moment stays: its file may come back.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int fail(const char *path, struct mb_error *err)
{
    return mb_fail(err, MB_EIO, path, "%s", strerror(errno));
}

int mb__pauses_read(struct mb_guard *guard, const char *data, struct mb_error *err)
{
    struct mb_buf path = {0};
    char line[128];
    FILE *file;
    int rc = 0;

    mb_xbuf_printf(&path, "%s/paused%c", data, '\0');
    file = fopen(path.data, "re");
    if (!file && errno != ENOENT) {
        rc = fail(path.data, err);
    }
    while (file && fgets(line, sizeof(line), file)) {
        struct mb_slice name = mb_slice_trim(mb_slice_of(line));

        if (mb_slice_is(name, "*")) {
            mb_guard_pause_all(guard, true);
        } else if (name.len > 0) {
            mb_guard_pause(guard, mb_guard_slot(guard, name), true);
        }
    }
    if (file) {
        fclose(file);
    }
    mb_buf_fini(&path);
    return rc;
}

static void list(const struct mb_guard *guard, struct mb_buf *out)
{
    uint32_t i, slot;

    if (mb_guard_all_paused(guard)) {
        mb_xbuf_add_text(out, "*\n");
    }
    for (i = 0; (slot = mb_guard_used_slot(guard, i)) != MB_GUARD_NO_SLOT; i++) {
        if (mb_guard_paused(guard, slot)) {
            mb_xbuf_add_slice(out, mb_guard_slot_name(guard, slot));
            mb_xbuf_add_char(out, '\n');
        }
    }
}

static bool write_whole(const char *path, struct mb_slice text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

int mb__pauses_write(const struct mb_guard *guard, const char *data, struct mb_error *err)
{
    struct mb_buf path = {0}, fresh = {0}, text = {0};
    int rc = 0;

    mb_xbuf_printf(&path, "%s/paused%c", data, '\0');
    mb_xbuf_printf(&fresh, "%s/paused.new-%ld%c", data, (long)getpid(), '\0');
    mb_xbuf_add_text(&text, "");
    list(guard, &text);
    if (!write_whole(fresh.data, mb_buf_slice(&text)) || rename(fresh.data, path.data) != 0) {
        rc = fail(path.data, err);
        unlink(fresh.data);
    }
    mb_buf_fini(&path);
    mb_buf_fini(&fresh);
    mb_buf_fini(&text);
    return rc;
}
