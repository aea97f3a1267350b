/* edits.c - sees that somebody edits the scripts, and says when they have stopped for a moment.
 *
 * An editor writes a file in several steps, a checkout many files: a reload is due once nothing
 * has changed for a while. Which files a generation is made of is not known here; a change that
 * concerns none of them leads to a reload that finds nothing new.
 *
 * After anything appears the whole tree is walked again. A folder that is watched already keeps its
 * watch, a link to a folder counts as one, and what was made inside a new folder before its watch
 * is seen by the reload itself.
 */
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPEARS (IN_CREATE | IN_MOVED_TO | IN_Q_OVERFLOW)
#define ROOT_GOES (IN_IGNORED | IN_MOVE_SELF)
#define WATCHED                                                                                   \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE |            \
     IN_MOVE_SELF | IN_ONLYDIR)

enum { DEPTH_MAX = 8 /* bundle.c reads no deeper */ };

/* --- which folders --- */

/* The folder and those below it; one that has gone again has none. Gives its watch, or -1. */
static int watch_tree(int fd, const char *path, int depth)
{
    int watch = inotify_add_watch(fd, path, WATCHED);
    DIR *folder = watch >= 0 ? opendir(path) : NULL;
    struct dirent *entry;

    if (watch < 0 && errno == ENOSPC) {
        mb_log(MB_LOG_WARN, "process", "not watched: the system has no watches left", "folder=%s",
               path);
    }
    while (folder && depth < DEPTH_MAX && (entry = readdir(folder))) {
        char below[PATH_MAX];

        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_LNK ||
                                        entry->d_type == DT_UNKNOWN) &&
            snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < (int)sizeof(below)) {
            (void)watch_tree(fd, below, depth + 1); /* fails on what is no folder */
        }
    }
    if (folder) {
        closedir(folder);
    }
    return watch;
}

/* A single script file stands in a folder that may hold anything: only that one is watched. */
static int watch_all(struct mb__edits *edits)
{
    struct stat st;
    char folder[PATH_MAX];
    const char *slash = strrchr(edits->path, '/');

    if (edits->candidates) {
        (void)watch_tree(edits->fd, edits->candidates, 1);
    }
    if (stat(edits->path, &st) == 0 && S_ISREG(st.st_mode)) {
        snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - edits->path) : 1,
                 slash ? edits->path : ".");
        return inotify_add_watch(edits->fd, folder[0] ? folder : "/", WATCHED);
    }
    return watch_tree(edits->fd, edits->path, 1);
}

int mb__edits_open(struct mb__edits *edits, const struct mb_config *config, struct mb_error *err)
{
    const char *path = config->scripts, *candidates = config->shadow_scripts;

    edits->path = strdup(path);
    edits->candidates = candidates ? strdup(candidates) : NULL;
    if (!edits->path || (candidates && !edits->candidates)) {
        abort();
    }
    edits->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (edits->fd < 0) {
        return mb_fail(err, MB_EIO, path, "cannot be watched: %s", strerror(errno));
    }
    edits->root = watch_all(edits);
    if (edits->root < 0) {
        return mb_fail(err, MB_EIO, path, "cannot be watched: %s", strerror(errno));
    }
    return 0;
}

void mb__edits_close(struct mb__edits *edits)
{
    if (edits->fd >= 0) {
        close(edits->fd);
    }
    edits->fd = -1;
    free(edits->path);
    free(edits->candidates);
    edits->path = edits->candidates = NULL;
}

/* --- what changes --- */

/* Editors keep their notes beside the file: .a.lua.swp, a.lua~, 4913. */
static bool is_note(const struct inotify_event *event)
{
    size_t len = event->len > 0 ? strlen(event->name) : 0;

    return len > 0 && (event->name[0] == '.' || event->name[len - 1] == '~');
}

static void take_event(struct mb__edits *edits, const struct inotify_event *event, uint64_t now_ms,
                       bool *appears)
{
    if (event->wd == edits->root && (event->mask & ROOT_GOES)) {
        (void)inotify_rm_watch(edits->fd, edits->root);
        edits->root = -1;
        edits->due_ms = now_ms + MB__EDITS_PAUSE_MS; /* to look for another one */
    } else if (!is_note(event) && !(event->mask & IN_IGNORED)) {
        edits->due_ms = now_ms + MB__EDITS_PAUSE_MS;
        *appears = *appears || (event->mask & APPEARS);
    }
}

void mb__edits_read(struct mb__edits *edits, uint64_t now_ms)
{
    union {
        struct inotify_event first; /* for its alignment */
        char bytes[4096];
    } buf;
    bool appears = false;
    ssize_t n;

    while ((n = read(edits->fd, buf.bytes, sizeof(buf.bytes))) > 0) {
        for (char *at = buf.bytes; at < buf.bytes + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;

            take_event(edits, event, now_ms, &appears);
            at += sizeof(*event) + event->len;
        }
    }
    if (appears) {
        (void)watch_all(edits);
    }
}

bool mb__edits_over(struct mb__edits *edits, uint64_t now_ms)
{
    if (edits->due_ms == 0 || now_ms < edits->due_ms) {
        return false;
    }
    if (edits->root < 0 || edits->candidates) { /* another folder may bear the name of either */
        edits->root = watch_all(edits);
    }
    edits->due_ms = edits->root < 0 ? now_ms + MB__EDITS_PAUSE_MS : 0;
    return edits->root >= 0;
}
