/* ledger.c - the queue in front of the database.
 *
 *     append (owner)      commit (any one thread)        deliver (owner)
 *        |                  |  ok                           |
 *        +--> queued ------>+--------------> durable ------>+--> told
 *               ^           |  failed
 *               +-----------+   (back to the front, in order)
 *
 * `queued` and `durable` are lists under the mutex, which is held for splicing only, never over the
 * disk. A batch is one transaction: it is there as a whole or not at all, and the database tells
 * which of its events are duplicates, of earlier ones in the same batch too.
 *
 * Checkpoints run on a connection of their own, passively: they never make a commit wait for a
 * lock.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "internal.h"

enum {
    QUEUE_MAX = 65536,        /* half a minute at 2,000 events a second; some 100 MB */
    PASS_PAGES = 1000, /* 4 MB to move; what it writes delays the commits beside it but little */
    LOG_PAGES = 16000, /* 64 MB of log: time to begin it anew, however busy */
    CHECK_MAX_BYTES = 64 << 20,
};

struct entry {
    struct entry *next;
    struct mb_event *event; /* a clone of ours */
    void *ticket;
    struct mb_ledger_origin origin;
    enum mb_ledger_fate fate; /* once it is durable */
};

struct list {
    struct entry *head, *tail;
};

struct mb_ledger {
    struct mb__ledger_file file; /* commit */
    sqlite3 *checkpoints;        /* checkpoint: the second connection */
    _Atomic int log_pages;       /* in the write-ahead log; 0: all of it is in its place */
    _Atomic int moved_pages;     /* of these, so many from the start are in their place */
    pthread_mutex_t mutex;
    struct list queued;  /* mutex */
    struct list durable; /* mutex */
    size_t n_held;       /* owner: appended and not told yet */
};

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

static int note_log_pages(void *user, sqlite3 *db, const char *name, int pages)
{
    struct mb_ledger *ledger = user;
    (void)db, (void)name;
    if (pages < ledger->log_pages) { /* it has begun anew */
        ledger->moved_pages = 0;
    }
    ledger->log_pages = pages;
    return SQLITE_OK;
}

/* A log that nobody closed tells of a kill or a power cut. */
static bool ended_without_close(const char *path)
{
    char log[PATH_MAX + sizeof "-wal"];
    struct stat of_log, of_file;
    snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &of_log) == 0 && of_log.st_size > 0 && stat(path, &of_file) == 0 &&
           of_file.st_size <= CHECK_MAX_BYTES;
}

static int open_file(struct mb_ledger *ledger, const char *dir, struct mb_error *err)
{
    char path[PATH_MAX];
    int rc = mb__ledger_path(dir, "ledger.db", path, err);
    if (rc) {
        return rc;
    }
    bool check = ended_without_close(path);
    if ((rc = mb__ledger_file_open(&ledger->file, path, err))) {
        return rc;
    }
    sqlite3_wal_hook(ledger->file.db, note_log_pages, ledger);
    if (check && (rc = mb__ledger_file_check(&ledger->file, err))) {
        return rc;
    }
    int code = sqlite3_open_v2(path, &ledger->checkpoints,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) { /* only a connection that has read knows that there is a log */
        code = sqlite3_exec(ledger->checkpoints, "SELECT 1 FROM events LIMIT 1", NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        return mb__ledger_failed(&ledger->file, code, err);
    }
    return mb__ledger_import(&ledger->file, dir, err);
}

int mb_ledger_open(const char *data_dir, struct mb_ledger **out, struct mb_error *err)
{
    struct mb_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        abort();
    }
    pthread_mutex_init(&ledger->mutex, NULL);
    int rc = open_file(ledger, data_dir, err);
    if (rc) {
        mb_ledger_close(ledger);
        return rc;
    }
    mb_ledger_checkpoint(ledger);
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
    sqlite3_close(ledger->checkpoints);
    mb__ledger_file_close(&ledger->file);
    pthread_mutex_destroy(&ledger->mutex);
    free(ledger);
}

struct mb__ledger_file *mb__ledger_file_of(struct mb_ledger *ledger)
{
    return &ledger->file;
}

int mb_ledger_each_spend(struct mb_ledger *ledger, int64_t now_ms, int64_t recent_ms,
                         void (*on_spend)(void *user, const struct mb_spend *spend),
                         void (*on_per_key)(void *user, uint64_t key, struct mb_amount spent),
                         void *user, struct mb_error *err)
{
    int rc = 0;
    if (on_spend) {
        rc = mb__ledger_each_strategy(&ledger->file, now_ms - recent_ms, on_spend, user, err);
    }
    if (rc == 0 && on_per_key) {
        rc = mb__ledger_each_per_key(&ledger->file, on_per_key, user, err);
    }
    return rc;
}

/* --- the owner's side --- */

static struct entry *make_entry(const struct mb_event *event, struct mb_ledger_origin origin,
                                void *ticket)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        abort();
    }
    entry->event = mb_xevent_clone(event);
    entry->origin = origin;
    entry->ticket = ticket;
    return entry;
}

int mb_ledger_append(struct mb_ledger *ledger, const struct mb_event *events, size_t count,
                     struct mb_ledger_origin origin, void *ticket)
{
    struct list batch = {NULL, NULL};
    if (count > QUEUE_MAX - ledger->n_held) {
        return MB_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        push(&batch, make_entry(&events[i], origin, ticket));
        origin.sequence++;
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
                                          enum mb_ledger_fate fate),
                       void *user)
{
    struct list told = take_all(ledger, &ledger->durable);
    while (told.head) {
        ledger->n_held--;
        on_durable(user, told.head->ticket, told.head->event, told.head->fate);
        told.head = free_entry(told.head);
    }
}

void mb_ledger_abandon(struct mb_ledger *ledger,
                       void (*on_failed)(void *user, void *ticket, const struct mb_event *event),
                       void *user)
{
    struct list given_up = take_all(ledger, &ledger->queued);
    while (given_up.head) {
        ledger->n_held--;
        on_failed(user, given_up.head->ticket, given_up.head->event);
        given_up.head = free_entry(given_up.head);
    }
}

/* --- the committing thread's side --- */

static int record(struct mb__ledger_file *file, const struct list *batch, struct mb_error *err)
{
    int rc = mb__ledger_exec(file, "BEGIN IMMEDIATE", err);
    for (struct entry *e = batch->head; e && rc == 0; e = e->next) {
        rc = mb__ledger_insert(file, e->event, e->origin, &e->fate, err);
    }
    if (rc == 0) {
        rc = mb__ledger_exec(file, "COMMIT", err);
    }
    if (rc && !sqlite3_get_autocommit(file->db)) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int mb_ledger_commit(struct mb_ledger *ledger, struct mb_error *err)
{
    struct list batch = take_all(ledger, &ledger->queued);
    if (!batch.head) {
        return 0;
    }
    int rc = record(&ledger->file, &batch, err);
    pthread_mutex_lock(&ledger->mutex);
    if (rc == 0) {
        put_before(&batch, &ledger->durable);
        ledger->durable = batch;
    } else {
        put_before(&ledger->queued, &batch);
    }
    pthread_mutex_unlock(&ledger->mutex);
    return rc;
}

bool mb_ledger_wants_checkpoint(const struct mb_ledger *ledger, bool idle)
{
    return ledger->log_pages >= (idle ? PASS_PAGES : LOG_PAGES);
}

bool mb_ledger_wants_pass(const struct mb_ledger *ledger)
{
    return ledger->log_pages - ledger->moved_pages >= PASS_PAGES;
}

/* What fails here is tried again after more commits: nothing is lost, the log only grows. */
size_t mb_ledger_checkpoint(struct mb_ledger *ledger)
{
    int pages = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(ledger->checkpoints, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                         &pages, &moved);
    int all = ledger->log_pages;
    if (code != SQLITE_OK) {
        return (size_t)all;
    }
    if (moved <= all) { /* or else a commit has begun it anew meanwhile */
        ledger->moved_pages = moved;
    }
    /* A commit that has come meanwhile has told another number. */
    if (moved == pages && atomic_compare_exchange_strong(&ledger->log_pages, &pages, 0)) {
        ledger->moved_pages = 0;
        return 0;
    }
    all = ledger->log_pages;
    return all > moved ? (size_t)(all - moved) : 0;
}
