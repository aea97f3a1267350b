/* places.c - a new geo database takes the old one's place while all bid.
 *
 *     reload asked -> is the file another one? -> read into sealed memory, looked at
 * (src/geo/file.c) refused: said in the log, nobody is told, the one in use stays good: the
 * supervisor's own from now on, for those forked later; and each worker gets the memory's
 * descriptor, and swaps between two requests (control.c)
 *
 * The old memory goes with the last process that lets go of it. Reading blocks the supervisor for
 * some 10 ms where nobody waits for it: workers bid without it.
 */
#include "supervisor.h"

static void tell_all(const struct mb__supervisor *supervisor)
{
    struct mb__letter_head head = {.type = MB__LETTER_PLACES};
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        const struct mb__member *member = &supervisor->crew[i];

        if (member->pid > 0 && !mb__channel_send(member->channel, &head, MB_SLICE_NONE,
                                                 mb_geo_fd(supervisor->parts.geo))) {
            mb_log(MB_LOG_ERROR, "process", "worker not told of the new geo database", "worker=%u",
                   i + 1);
        }
    }
}

void mb__places_reload(struct mb__supervisor *supervisor)
{
    const char *path = supervisor->config->geoip;
    struct mb_error err = {.at = -1};
    struct mb_geo *fresh;

    if (!path || mb_geo_is_of(supervisor->parts.geo, path)) {
        return;
    }
    if (mb_geo_open(path, &fresh, &err)) {
        mb_log(MB_LOG_ERROR, "process", "geo database refused, the one before stays in use",
               "file=%s error=%s", err.where[0] ? err.where : path, err.what);
        return;
    }
    mb_geo_close(supervisor->parts.geo);
    supervisor->parts.geo = fresh;
    mb_log(MB_LOG_INFO, "process", "geo database replaced", "file=%s", path);
    tell_all(supervisor);
}
