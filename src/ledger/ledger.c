/* ledger.c - the file, and the queue in front of it.
 *
 *     append (owner)      commit (any one thread)        deliver (owner)
 *        |                  |  ok                           |
 *        +--> queued ------>+--------------> durable ------>+--> told
 *               ^           |  failed
 *               +-----------+   (back to the front, in order)
 *
 * `queued` and `durable` are lists under the mutex, which is held for splicing only, never over the
 * disk. The set of keys belongs to the owner's thread: a key enters it with its event's queueing
 * and leaves it only if the event is abandoned, so a second event finds the first wherever that
 * stands. A duplicate goes the same way as its first but writes nothing; as the way is first in,
 * first out, it is told when its first is durable and not before.
 *
 * `size` is the length of what is durable. A commit writes behind it and moves it after fdatasync.
 * On failure the file is cut back; where even that fails the next commit must do it before it
 * writes, for a shorter batch would leave the end of the longer one behind. After a failed
 * fdatasync the kernel may hold pages for clean that never reached the disk, so nothing is ever
 * synced again without being written again.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#include "moonbid/json.h"

enum {
    QUEUE_MAX = 65536,        /* half a minute at 2,000 events a second; some 100 MB */
    WRITE_BYTES = 1 << 20,    /* a write is about that long; bounds the buffer, not the batch */
    LINE_ARENA_BYTES = 65536, /* an event with its full auction has some 20 kB */
};

struct entry {
    struct entry *next;
    struct mb_event *event; /* a clone of ours */
    void *ticket;
    struct mb_ledger_hash hash;
    bool duplicate;
    bool keyed; /* its hash stands in the set on its account */
};

struct list {
    struct entry *head, *tail;
};

struct mb_ledger {
    int fd;
    char path[PATH_MAX];
    const struct mb_ledger_disk *disk;
    pthread_mutex_t mutex;
    struct list queued;         /* mutex */
    struct list durable;        /* mutex */
    struct mb_ledger_keys keys; /* owner */
    struct mb_buf key_text;     /* owner: scratch */
    size_t n_held;              /* owner: appended and not told yet */
    struct mb_buf lines;        /* commit: scratch */
    off_t size;                 /* commit: bytes that are durable */
    bool overhang;              /* commit: there may be bytes beyond `size` */
};

static const struct mb_ledger_disk real_disk = {pwrite, fdatasync, ftruncate};

void mb__ledger_set_disk(struct mb_ledger *ledger, const struct mb_ledger_disk *disk)
{
    ledger->disk = disk;
}

/* --- lists --- */

static void push(struct list *list, struct entry *entry)
{
    entry->next = NULL;
    *(list->head ? &list->tail->next : &list->head) = entry;
    list->tail = entry;
}

/* `front` before `list`; `front` is empty afterwards. */
static void put_before(struct list *list, struct list *front)
{
    if (front->head) {
        front->tail->next = list->head;
        list->tail = list->head ? list->tail : front->tail;
        list->head = front->head;
    }
    *front = (struct list){NULL, NULL};
}

static struct list take_all(struct mb_ledger *ledger, struct list *list)
{
    pthread_mutex_lock(&ledger->mutex);
    struct list taken = *list;
    *list = (struct list){NULL, NULL};
    pthread_mutex_unlock(&ledger->mutex);
    return taken;
}

static struct entry *free_entry(struct entry *entry)
{
    struct entry *next = entry->next;
    free(entry->event);
    free(entry);
    return next;
}

static void free_list(struct list *list)
{
    while (list->head) {
        list->head = free_entry(list->head);
    }
}

/* --- opening --- */

/* The hash of the key's recorded form: invalid UTF-8 changes on its way through JSON, and the key
 * must be known again after a restart. */
static struct mb_ledger_hash hash_key(struct mb_ledger *ledger, struct mb_slice key)
{
    struct mb_json_writer w;
    mb_buf_clear(&ledger->key_text);
    mb_json_writer_init(&w, &ledger->key_text);
    mb_jsonw_str(&w, key);
    return mb__ledger_hash(&ledger->keys, mb_buf_slice(&ledger->key_text));
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int open_file(struct mb_ledger *ledger, const char *dir, struct mb_error *err)
{
    int len = snprintf(ledger->path, sizeof ledger->path, "%s/ledger.ndjson", dir);
    if (len < 0 || (size_t)len >= sizeof ledger->path) {
        return mb_fail(err, MB_EIO, dir, "the path is too long");
    }
    /* The folder is synced every time: the run that made the file may have died before it did so.
     */
    ledger->fd = open(ledger->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (ledger->fd < 0 || sync_folder(dir)) {
        return mb_fail(err, MB_EIO, ledger->path, "cannot open the ledger: %s", strerror(errno));
    }
    return 0;
}

struct reading {
    struct mb_ledger *ledger;
    void (*on_event)(void *user, const struct mb_event *event);
    void *user;
    struct mb_arena arena;
    unsigned long line; /* 1.. */
};

static int take_line(struct reading *r, struct mb_slice line, struct mb_error *err)
{
    struct mb_event event;
    struct mb_error detail = {0};
    mb_arena_reset(&r->arena);
    if (mb_ledger_read_event(line, &r->arena, &event, &detail)) {
        char where[sizeof err->where];
        snprintf(where, sizeof where, "%.150s:%lu", r->ledger->path, r->line);
        return mb_fail(err, MB_ESYNTAX, where, "the ledger is damaged here: %s %s", detail.where,
                       detail.what);
    }
    bool first = mb_slice_empty(event.key) ||
                 mb__xledger_keys_add(&r->ledger->keys, hash_key(r->ledger, event.key));
    if (first && r->on_event) {
        r->on_event(r->user, &event);
    }
    return 0;
}

/* Reads line by line up to the last newline, which is where `size` ends up. */
static int read_lines(struct reading *r, FILE *file, struct mb_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int rc = 0;
    while (rc == 0 && (len = getline(&line, &room, file)) > 0 && line[len - 1] == '\n') {
        r->line++;
        rc = take_line(r, mb_slice(line, (size_t)len - 1), err);
        r->ledger->size += len;
    }
    if (rc == 0 && ferror(file)) {
        rc = mb_fail(err, MB_EIO, r->ledger->path, "cannot read the ledger: %s", strerror(errno));
    }
    free(line);
    return rc;
}

static int read_file(struct reading *r, struct mb_error *err)
{
    const char *path = r->ledger->path;
    FILE *file = fopen(path, "re");
    if (!file) {
        return mb_fail(err, MB_EIO, path, "cannot read the ledger: %s", strerror(errno));
    }
    mb_arena_init(&r->arena, LINE_ARENA_BYTES);
    int rc = read_lines(r, file, err);
    mb_arena_fini(&r->arena);
    fclose(file);
    return rc;
}

/* What stands behind the last newline was never acknowledged: a batch is durable with its newlines
 * or not at all. The sync is for the lines that were read: a process that died between write and
 * sync left them in the page cache only, and from now on their repetitions are acknowledged. */
static int settle_file(struct mb_ledger *ledger, struct mb_error *err)
{
    off_t end = lseek(ledger->fd, 0, SEEK_END);
    bool torn = end > ledger->size;
    if (end < 0 || (torn && ftruncate(ledger->fd, ledger->size)) || fsync(ledger->fd)) {
        return mb_fail(err, MB_EIO, ledger->path, "cannot settle the ledger's end: %s",
                       strerror(errno));
    }
    if (torn) {
        mb_log(MB_LOG_WARN, "ledger", "torn last line cut off", "file=%s bytes=%lld", ledger->path,
               (long long)(end - ledger->size));
    }
    return 0;
}

int mb_ledger_open(const char *data_dir, void (*on_event)(void *user, const struct mb_event *event),
                   void *user, struct mb_ledger **out, struct mb_error *err)
{
    struct mb_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        abort();
    }
    ledger->fd = -1;
    ledger->disk = &real_disk;
    pthread_mutex_init(&ledger->mutex, NULL);
    mb__xledger_keys_init(&ledger->keys);
    struct reading reading = {.ledger = ledger, .on_event = on_event, .user = user};
    int rc = open_file(ledger, data_dir, err);
    if (rc == 0) {
        rc = read_file(&reading, err);
    }
    if (rc == 0) {
        rc = settle_file(ledger, err);
    }
    if (rc) {
        mb_ledger_close(ledger);
        return rc;
    }
    *out = ledger;
    return 0;
}

void mb_ledger_close(struct mb_ledger *ledger)
{
    if (!ledger) {
        return;
    }
    free_list(&ledger->queued);
    free_list(&ledger->durable);
    mb__ledger_keys_fini(&ledger->keys);
    mb_buf_fini(&ledger->key_text);
    mb_buf_fini(&ledger->lines);
    pthread_mutex_destroy(&ledger->mutex);
    if (ledger->fd >= 0) {
        close(ledger->fd);
    }
    free(ledger);
}

/* --- the owner's side --- */

static struct entry *make_entry(struct mb_ledger *ledger, const struct mb_event *event,
                                void *ticket)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        abort();
    }
    entry->event = mb_xevent_clone(event);
    entry->ticket = ticket;
    if (!mb_slice_empty(event->key)) {
        entry->hash = hash_key(ledger, event->key);
        entry->keyed = mb__xledger_keys_add(&ledger->keys, entry->hash);
        entry->duplicate = !entry->keyed;
    }
    return entry;
}

int mb_ledger_append(struct mb_ledger *ledger, const struct mb_event *events, size_t count,
                     void *ticket)
{
    struct list batch = {NULL, NULL};
    if (count > QUEUE_MAX - ledger->n_held) {
        return MB_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        push(&batch, make_entry(ledger, &events[i], ticket));
    }
    ledger->n_held += count;
    pthread_mutex_lock(&ledger->mutex);
    put_before(&batch, &ledger->queued);
    ledger->queued = batch;
    pthread_mutex_unlock(&ledger->mutex);
    return 0;
}

bool mb_ledger_pending(const struct mb_ledger *ledger)
{
    /* The lock is the one part that a reader changes. */
    pthread_mutex_t *mutex = (pthread_mutex_t *)&ledger->mutex;
    pthread_mutex_lock(mutex);
    bool pending = ledger->queued.head != NULL;
    pthread_mutex_unlock(mutex);
    return pending;
}

void mb_ledger_deliver(struct mb_ledger *ledger,
                       void (*on_durable)(void *user, void *ticket, const struct mb_event *event,
                                          bool duplicate),
                       void *user)
{
    struct list told = take_all(ledger, &ledger->durable);
    while (told.head) {
        ledger->n_held--;
        on_durable(user, told.head->ticket, told.head->event, told.head->duplicate);
        told.head = free_entry(told.head);
    }
}

void mb_ledger_abandon(struct mb_ledger *ledger,
                       void (*on_failed)(void *user, void *ticket, const struct mb_event *event),
                       void *user)
{
    struct list given_up = take_all(ledger, &ledger->queued);
    /* All keys first: on_failed may append again. */
    for (struct entry *e = given_up.head; e; e = e->next) {
        ledger->n_held--;
        if (e->keyed) {
            mb__ledger_keys_remove(&ledger->keys, e->hash);
        }
    }
    while (given_up.head) {
        on_failed(user, given_up.head->ticket, given_up.head->event);
        given_up.head = free_entry(given_up.head);
    }
}

/* --- the committing thread's side --- */

/* Writes `lines` at *end and empties it. */
static bool write_out(struct mb_ledger *ledger, off_t *end)
{
    struct mb_slice rest = mb_buf_slice(&ledger->lines);
    while (rest.len > 0) {
        ssize_t written = ledger->disk->pwrite(ledger->fd, rest.data, rest.len, *end);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return false;
        }
        rest.data += written;
        rest.len -= (size_t)written;
        *end += written;
    }
    mb_buf_clear(&ledger->lines);
    return true;
}

/* Writes what is new in the batch behind `size` and syncs it; *end is where it ends. */
static bool record(struct mb_ledger *ledger, const struct list *batch, off_t *end)
{
    *end = ledger->size;
    mb_buf_clear(&ledger->lines);
    if (ledger->overhang) {
        if (ledger->disk->ftruncate(ledger->fd, ledger->size)) {
            return false;
        }
        ledger->overhang = false;
    }
    for (const struct entry *e = batch->head; e; e = e->next) {
        if (e->duplicate) {
            continue;
        }
        mb_xledger_write_event(e->event, &ledger->lines);
        mb_xbuf_add_char(&ledger->lines, '\n');
        ledger->overhang = true;
        if (ledger->lines.len >= WRITE_BYTES && !write_out(ledger, end)) {
            return false;
        }
    }
    return !ledger->overhang ||
           (write_out(ledger, end) && ledger->disk->fdatasync(ledger->fd) == 0);
}

int mb_ledger_commit(struct mb_ledger *ledger, struct mb_error *err)
{
    struct list batch = take_all(ledger, &ledger->queued);
    off_t end = 0;
    if (!batch.head) {
        return 0;
    }
    bool ok = record(ledger, &batch, &end);
    int why = errno;
    if (ok) {
        ledger->size = end;
        ledger->overhang = false;
    } else if (ledger->disk->ftruncate(ledger->fd, ledger->size) == 0) {
        ledger->overhang = false;
    }
    pthread_mutex_lock(&ledger->mutex);
    if (ok) {
        put_before(&batch, &ledger->durable);
        ledger->durable = batch;
    } else {
        put_before(&ledger->queued, &batch);
    }
    pthread_mutex_unlock(&ledger->mutex);
    return ok ? 0
              : mb_fail(err, MB_EIO, ledger->path, "cannot write the ledger: %s", strerror(why));
}
