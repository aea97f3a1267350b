/* import.c - takes over ledger.ndjson, the file of an earlier version: one event as JSON a line.
 *
 * A kill in the middle does no harm: the next start begins again, and what was taken over before is
 * a duplicate by its key. Only when all is on the disk is the file renamed. Its last line may be
 * torn (a power cut; it was never acknowledged); damage elsewhere stops the start.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINES_A_COMMIT = 10000, LINE_ARENA_BYTES = 65536 };

struct import {
    struct mb__ledger_file *file;
    char path[PATH_MAX];
    struct mb_arena arena;
    int64_t line; /* 1.. */
    uint64_t taken;
};

/* Keys did not begin with a time then. */
static struct mb_slice key_now(struct import *import, const struct mb_event *event)
{
    if (mb_slice_empty(event->key)) {
        return mb_xarena_printf(&import->arena, "%012llx:~0-%llx",
                                (unsigned long long)event->time_ms & 0xffffffffffff,
                                (unsigned long long)import->line);
    }
    return mb_xarena_printf(&import->arena, "%012llx:%.*s",
                            (unsigned long long)mb_event_key_ms(event), MB_SLICE_ARG(event->key));
}

static int take_line(struct import *import, struct mb_slice line, struct mb_error *err)
{
    struct mb_event event;
    struct mb_error detail = {0};
    enum mb_ledger_fate fate;
    mb_arena_reset(&import->arena);
    if (mb_ledger_read_event(line, &import->arena, &event, &detail)) {
        char where[sizeof err->where];
        snprintf(where, sizeof where, "%.150s:%lld", import->path, (long long)import->line);
        return mb_fail(err, MB_ESYNTAX, where, "the old ledger is damaged here: %s %s",
                       detail.where, detail.what);
    }
    event.key = key_now(import, &event);
    int rc = mb__ledger_insert(import->file, &event, (struct mb_ledger_origin){0, 0}, &fate, err);
    import->taken += rc == 0 && fate == MB_LEDGER_NEW;
    if (rc == 0 && import->line % LINES_A_COMMIT == 0) {
        rc = mb__ledger_exec(import->file, "COMMIT; BEGIN", err);
    }
    return rc;
}

static int take_lines(struct import *import, FILE *lines, struct mb_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int rc = mb__ledger_exec(import->file, "BEGIN", err);
    while (rc == 0 && (len = getline(&line, &room, lines)) > 0 && line[len - 1] == '\n') {
        import->line++;
        rc = take_line(import, mb_slice(line, (size_t)len - 1), err);
    }
    if (rc == 0 && ferror(lines)) {
        rc = mb_fail(err, MB_EIO, import->path, "cannot be read: %s", strerror(errno));
    }
    free(line);
    return rc ? rc : mb__ledger_exec(import->file, "COMMIT", err);
}

static int put_aside(struct import *import, struct mb_error *err)
{
    char aside[PATH_MAX + sizeof ".imported"];
    snprintf(aside, sizeof aside, "%s.imported", import->path);
    if (rename(import->path, aside) != 0) {
        return mb_fail(err, MB_EIO, import->path, "cannot be renamed: %s", strerror(errno));
    }
    mb_log(MB_LOG_INFO, "ledger", "took over the ledger of an earlier version",
           "file=%s events=%llu kept=%s", import->path, (unsigned long long)import->taken, aside);
    return 0;
}

int mb__ledger_import(struct mb__ledger_file *file, const char *dir, struct mb_error *err)
{
    struct import import = {.file = file};
    int rc = mb__ledger_path(dir, "ledger.ndjson", import.path, err);
    if (rc) {
        return rc;
    }
    FILE *lines = fopen(import.path, "re");
    if (!lines) {
        return errno == ENOENT
                   ? 0
                   : mb_fail(err, MB_EIO, import.path, "cannot be read: %s", strerror(errno));
    }
    mb_arena_init(&import.arena, LINE_ARENA_BYTES);
    rc = take_lines(&import, lines, err);
    mb_arena_fini(&import.arena);
    fclose(lines);
    return rc ? rc : put_aside(&import, err);
}
