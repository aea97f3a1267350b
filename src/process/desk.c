/* desk.c - where a worker is served by the bookkeeper: its line, and what it is still to be told.
 */
#include "books.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mb__desk *mb__xdesk_new(int fd)
{
    struct mb__desk *desk = calloc(1, sizeof(*desk));

    if (!desk) {
        abort();
    }
    desk->fd = fd;
    return desk;
}

void mb__desk_free(struct mb__desk *desk)
{
    close(desk->fd);
    free(desk->fates);
    free(desk);
}

void mb__desk_greet(struct mb__desk *desk, const struct mb_error *err)
{
    struct mb__packet packet = {.type = err ? MB__PACKET_REFUSED : MB__PACKET_WELCOME};
    char text[sizeof(err->where) + sizeof(err->what) + 2] = "";

    if (err) {
        packet.code = err->code;
        snprintf(text, sizeof(text), "%s\n%s", err->where, err->what);
    }
    (void)mb__line_send(desk->fd, &packet, mb_slice_of(text));
    desk->gone = err != NULL;
}

void mb__desk_tell(struct mb__desk *desk, int64_t sequence, enum mb__fate_kind kind)
{
    if (desk->n_fates == desk->room) {
        desk->room = desk->room ? desk->room * 2 : 256;
        desk->fates = realloc(desk->fates, desk->room * sizeof(*desk->fates));
        if (!desk->fates) {
            abort();
        }
    }
    desk->fates[desk->n_fates++] = (struct mb__fate){sequence, kind};
}

/* Where nobody listens any more, what was sent before may still lie unread: the connection is over
 * when reading says so. */
void mb__desk_send_fates(struct mb__desk *desk)
{
    struct mb__packet packet = {.type = MB__PACKET_FATES};
    size_t sent = 0;

    while (sent < desk->n_fates) {
        size_t n = desk->n_fates - sent;
        int rc;

        n = n < MB__LINE_FATES_MAX ? n : MB__LINE_FATES_MAX;
        rc = mb__line_send(desk->fd, &packet,
                           mb_slice((const char *)&desk->fates[sent], n * sizeof(*desk->fates)));
        if (rc == 0) {
            break;
        }
        sent = rc < 0 ? desk->n_fates : sent + n;
    }
    desk->n_fates -= sent;
    if (sent > 0 && desk->n_fates > 0) {
        memmove(desk->fates, desk->fates + sent, desk->n_fates * sizeof(*desk->fates));
    }
}
