/* books.h - the way of an event from a worker to the ledger: what both ends share.
 *
 * Part of: process (private). Knows no loop and no HTTP.
 * Files:    bookkeeper.c is the process that writes the ledger; post.c a worker's end of the line;
 *           line.c the socket and the packets between them; spool.c the file that a worker writes
 *           when nobody is at the other end; desk.c one worker's line, at the
 *           bookkeeper's end; checkpoints.c the bookkeeper's second thread.
 *
 * A worker keeps every event until its fate has come back, and sends it again over a new
 * connection. (sender, sequence) makes that harmless: see mb_ledger_origin.
 */
#ifndef MB_PROCESS_BOOKS_H
#define MB_PROCESS_BOOKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "moonbid/guard.h"
#include "moonbid/ledger.h"
#include "moonbid/metrics.h"

/* --- what the bookkeeper shows to all: memory that is mapped before the fork --- */

struct mb__books_page {
    _Atomic bool restored;         /* the guard has the ledger's sums */
    _Atomic bool failing;          /* the last commit failed */
    _Atomic uint64_t heartbeat_ms; /* mb__shared_clock_ms of its last turn, at least one a second */
    struct mb_histogram commit_time;
};

/* --- line.c --- */

/* An abstract address: no file, gone with its socket. */
struct mb__line_address {
    struct sockaddr_un name;
    socklen_t len;
};

/* Makes a listener at an address of its own. It does not block, and does not survive an exec.
 * Fails: MB_EIO. */
int mb__line_listen(int *fd, struct mb__line_address *address, struct mb_error *err) MB_MUST_USE;
/* -1 with errno; the connection does not block. */
int mb__line_connect(const struct mb__line_address *address);
/* The next who wants to connect; -1 where nobody does. Only processes of this user are let in. */
int mb__line_accept(int listener);

enum {
    MB__LINE_TEXT_MAX = 128 * 1024, /* an event's text; a packet has to fit the socket's buffer */
    MB__LINE_ROOM = MB__LINE_TEXT_MAX + 16, /* a packet's text: one event of that size at least */
    MB__LINE_FATES_MAX = 1024,              /* in one packet */
};

enum mb__packet_type {
    MB__PACKET_HELLO,   /* worker: its sender id is `sequence` */
    MB__PACKET_EVENTS,  /* worker: the text is of mb__line_add_event */
    MB__PACKET_WELCOME, /* bookkeeper: the guard has the ledger's sums */
    MB__PACKET_REFUSED, /* bookkeeper: there is no ledger; `code`; the text is where, then what */
    MB__PACKET_FATES,   /* bookkeeper: the text is an array of struct mb__fate */
};

struct mb__packet {
    enum mb__packet_type type;
    int code;
    int64_t sequence;
};

enum mb__fate_kind { MB__FATE_NEW, MB__FATE_DUPLICATE, MB__FATE_FAILED, MB__FATE_REPRICED };

struct mb__fate {
    int64_t sequence;
    int64_t kind; /* enum mb__fate_kind; FAILED: not recorded */
};

/* 1: sent; 0: not now; -1: the other end is gone. Never blocks. */
int mb__line_send(int fd, const struct mb__packet *packet, struct mb_slice text);
/* 1: a packet, its text in `room`; 0: none now; -1: the other end is gone, or talks nonsense. */
int mb__line_receive(int fd, struct mb__packet *packet, char room[MB__LINE_ROOM],
                     struct mb_slice *text);

/* Adds an event, of at most MB__LINE_TEXT_MAX bytes when packed, to the text of an EVENTS packet. False
 * where it does not fit behind others. */
bool mb__line_add_event(struct mb_buf *packet_text, int64_t sequence, const struct mb_event *event);
/* Cuts the first event off `rest`; its texts point there. 1: there it is; 0: none is left; -1:
 * nonsense. */
int mb__line_next_event(struct mb_slice *rest, int64_t *sequence, struct mb_event *event);

/* Leaves fields out that nothing depends on, raw first, until the event's recorded form has at most
 * MB__LINE_TEXT_MAX bytes; *cut: some were. False where that does not help either. */
bool mb__line_fit_event(struct mb_event *event, bool *cut);

/* --- spool.c --- */

struct mb__spool {
    const char *dir; /* borrowed */
    int64_t sender;
    int fd;       /* -1: there is none yet */
    int64_t size; /* of what is whole and synced */
    bool torn;    /* there is something behind that */
};

/* Adds a record to `out`. */
void mb__xspool_add(struct mb_buf *out, int64_t sequence, const struct mb_event *event);
/* Appends records and syncs them; makes the file where it is missing. Blocks. On failure the file
 * is as before. */
int mb__spool_write(struct mb__spool *spool, struct mb_slice records,
                    struct mb_error *err) MB_MUST_USE;
/* All of it is recorded elsewhere: the file goes. */
void mb__spool_drop(struct mb__spool *spool);
void mb__spool_close(struct mb__spool *spool); /* the file stays */

/* For each spool in `dir` whose writer is dead: `on_event` for each of its records, until it gives
 * false; then `on_end`, and where that gives true, the file is removed (where its end is
 * torn it becomes torn-spool-*, and stays). *left: some are still
 * written to, or could not be taken. */
void mb__spool_take(const char *dir,
                    bool (*on_event)(void *user, const struct mb_event *event,
                                     struct mb_ledger_origin origin),
                    bool (*on_end)(void *user, const char *path), void *user, bool *left);

/* --- post.c, and post_spool.c: a worker's end --- */

struct mb__post;

struct mb__post_options {
    struct mb__line_address address;
    const char *data_dir; /* for the spool; borrowed */
    int64_t slow_ms;      /* without an answer for so long: spool */
    /* Once for each event that was sent: it is durable, or will be (`on_safe`), or is not. */
    void (*on_safe)(void *user, void *ticket);
    void (*on_failed)(void *user, void *ticket);
    /* At most once for each event: what became of it in the ledger. `ticket` just before its on_safe; NULL where that was
     * called already. */
    void (*on_fate)(void *user, void *ticket, const struct mb_event *event, enum mb_event_fate fate);
    void *user;
};

struct mb__post *mb__xpost_new(const struct mb__post_options *options);
void mb__post_free(struct mb__post *post); /* NULL allowed; calls nothing back */

/* Connects, and waits until the guard has the ledger's sums. Fails: MB_ETIMEOUT; what the
 * bookkeeper says is wrong with the ledger. */
int mb__post_wait(struct mb__post *post, int64_t patience_ms, struct mb_error *err) MB_MUST_USE;

/* Takes a batch (copied), which the next flush sends. `now_ms`, here and below, is of a clock that
 * nobody sets. Fails: MB_ENOMEM where too much waits already; nothing is taken then. */
int mb__post_send(struct mb__post *post, const struct mb_event *events, size_t count, void *ticket,
                  int64_t now_ms) MB_MUST_USE;
/* Sends all that was taken, in as few packets as it fits. Call before waiting for anything; cheap
 * where there is nothing to send. */
void mb__post_flush(struct mb__post *post, int64_t now_ms);

int mb__post_fd(const struct mb__post *post); /* readable: ready wants to be called */
void mb__post_ready(struct mb__post *post, int64_t now_ms);
void mb__post_tick(struct mb__post *post, int64_t now_ms); /* about every 20 ms while not idle */

/* What blocks: begin and end on the owner's thread, run on any other meanwhile. Begin gives whether
 * there is anything to do. */
bool mb__post_spool_begin(struct mb__post *post, int64_t now_ms);
void mb__post_spool_run(struct mb__post *post);
void mb__post_spool_end(struct mb__post *post);

/* Does every event have its on_safe or on_failed, and nothing runs? */
bool mb__post_idle(const struct mb__post *post);

struct mb__post_counts {
    uint64_t spooled, failed, cut; /* events */
    uint64_t reconnects;
};
const struct mb__post_counts *mb__post_counts(const struct mb__post *post);

/* --- notes.c: what the guard wants to find again after a restart --- */

/* Tells the guard the time since boot. Costs two clock readings. */
void mb__notes_clock(struct mb_guard *guard);

/* Writes what has changed; costs milliseconds, waits for no disk. */
void mb__notes_write(struct mb_ledger *ledger, struct mb_guard *guard);
/* The same once a second; true where it was time. */
bool mb__notes_tick(struct mb_ledger *ledger, struct mb_guard *guard, uint64_t now_ms,
                    uint64_t *due_ms);
/* Tells the guard what the ledger has: spend always; at the `first` time, after the scripts have
 * been loaded and before anybody bids, the notes as well. Costs a look at five days of events. */
int mb__notes_restore(struct mb_ledger *ledger, struct mb_guard *guard, bool first,
                      struct mb_error *err) MB_MUST_USE;

/* --- desk.c: a worker's line, at the bookkeeper's end --- */

struct mb__desk {
    int fd;
    bool gone;
    int64_t sender;         /* 0: has not said hello */
    struct mb__fate *fates; /* not sent yet */
    size_t n_fates, room;
};

struct mb__desk *mb__xdesk_new(int fd);   /* fd: taken */
void mb__desk_free(struct mb__desk *desk); /* and closes the line */
/* Welcome; or, where `err` is not NULL, what is wrong with the ledger, and goodbye. */
void mb__desk_greet(struct mb__desk *desk, const struct mb_error *err);
/* What has become of an event: noted, for the next mb__desk_send_fates. */
void mb__desk_tell(struct mb__desk *desk, int64_t sequence, enum mb__fate_kind kind);
/* Sends what the line takes now. */
void mb__desk_send_fates(struct mb__desk *desk);

/* --- checkpoints.c --- */

/* Zeroed but for `ledger` before the first turn; used by the ledger's owner. */
struct mb__checkpoints {
    struct mb_ledger *ledger;
    pthread_t thread;
    bool running;
    bool all;               /* the one that runs is to end with an empty log */
    _Atomic bool done;      /* by the thread: it wants to be joined */
    uint64_t not_before_ms; /* when the next may begin */
};

/* Starts a checkpoint that is due, ends one that is done. Call between commits; blocks for little
 * longer than a commit. */
void mb__checkpoints_turn(struct mb__checkpoints *c, bool idle, uint64_t now_ms);
/* Is one due as soon as the owner has nothing else to do? */
bool mb__checkpoints_want_turn(const struct mb__checkpoints *c, uint64_t now_ms);
/* Waits for the one that runs. */
void mb__checkpoints_close(struct mb__checkpoints *c);

/* --- counts.c: what workers have counted --- */

struct mb__boards;

struct mb__counts_source {
    const struct mb__boards *boards; /* NULL: none */
    int64_t run;                     /* distinct for every start of the server */
};

/* Writes tables that are sealed; `last`: also those that were being counted in, for nobody counts any more. */
void mb__counts_write(const struct mb__counts_source *from, struct mb_ledger *ledger, bool last);

struct mb__market_turns {
    uint64_t drain_ms, draw_ms; /* when the next ones are due */
};
/* Gives bids in the workers' rings to the market's memory, a piece at a time, or, once a second, draws its curves. Zeroed
 * turns are due. True where it was time. */
bool mb__counts_market(const struct mb__counts_source *from, struct mb_guard *guard,
                       uint64_t now_ms, struct mb__market_turns *turns);
/* All that are left, and the curves: nobody bids any more. */
void mb__counts_market_all(const struct mb__counts_source *from, struct mb_guard *guard);
/* The sealed ones, once a second; true where it was time. */
bool mb__counts_tick(const struct mb__counts_source *from, struct mb_ledger *ledger,
                     uint64_t now_ms, uint64_t *due_ms);

/* --- house.c: what is done once in a while --- */

struct mb__bookkeeper_options;

/* When the next of each is due; zeroed: now. */
struct mb__house {
    uint64_t notes_ms, counts_ms;
    struct mb__market_turns market;
    uint64_t next_ms; /* of whichever comes first, and not at once behind another */
};

/* Does at most one of them. */
void mb__house_keep(struct mb__house *house, const struct mb__bookkeeper_options *options,
                    struct mb_ledger *ledger, uint64_t now_ms);

/* --- bookkeeper.c --- */

struct mb__bookkeeper_options {
    int listener;         /* mb__line_listen's; inherited, stays open */
    int life_fd;          /* readable or hung up: commit what comes, end with the last connection */
    int64_t grace_ms;     /* or after that */
    const char *data_dir; /* borrowed */
    struct mb_slice currency; /* of the house; borrowed; absent: whatever the ledger's is */
    struct mb_guard *guard;
    struct mb__books_page *page;
    struct mb__counts_source counts; /* what workers count; zeroed: nothing */
};

/* Writes the ledger until life_fd ends. Gives the process's exit status: a failure where the ledger
 * cannot be opened, once that has been said to whoever asked. */
int mb__bookkeeper_run(const struct mb__bookkeeper_options *options);

#endif /* MB_PROCESS_BOOKS_H */
