/* supervisor.h - what the supervisor and its children share: memory, messages, sockets.
 *
 * Part of: process (private). Depends on no loop: the supervisor has none.
 * Files:    supervisor.c starts, waits, stops; crew.c forks and replaces workers; watch.c ends a
 *           worker that is stuck in a script; checks.c has the checker (checker.c) look at what is
 *           new; generations.c passes it on, tidings.c tells the outcome; sockets.c binds; edits.c
 *           sees edits of the scripts; probation.c compares strategies before and after a swap;
 *           folder.c locks; bookseat.c has the bookkeeper (books.h); shared.c, board.c, channel.c and parcel.c
 *           are used on all sides.
 */
#ifndef MB_PROCESS_SUPERVISOR_H
#define MB_PROCESS_SUPERVISOR_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "moonbid/bidder.h"
#include "moonbid/fetch.h"
#include "moonbid/geo.h"
#include "moonbid/json.h"
#include "moonbid/metrics.h"
#include "moonbid/net.h"
#include "moonbid/recorder.h"
#include "books.h"
#include "moonbid/process.h"

/* --- shared.c: memory that is mapped before the fork --- */

enum mb__reload_outcome {
    MB__RELOAD_NONE,
    MB__RELOAD_LOADED,
    MB__RELOAD_UNCHANGED,
    MB__RELOAD_REFUSED,
    MB__RELOAD_ROLLED_BACK, /* one strategy's file as it was before */
    MB__RELOAD_REPLACED, /* the same scripts in a new state, after a breach of the memory limit */
    MB__RELOAD_COUNT
};
const char *mb__reload_outcome_name(enum mb__reload_outcome outcome);

enum mb__seat_state { MB__SEAT_EMPTY, MB__SEAT_STARTING, MB__SEAT_SERVING, MB__SEAT_DRAINING };

enum { MB__CACHE_LINE = 64 };

/* One worker's place. It outlives the worker: the next one takes the same. Cache lines of its own,
 * for its worker writes here with every call of a script. */
struct mb__seat {
    _Alignas(MB__CACHE_LINE) _Atomic uint64_t heartbeat_ms; /* mb__shared_clock_ms; 0: nobody serves here */
    struct mb_script_beacon beacon;
    _Atomic uint32_t state; /* enum mb__seat_state */
    _Atomic int32_t pid;    /* 0: none */
    _Atomic uint32_t restarts;
    /* What it bids with, and how it came to that: told by its letters, written by the supervisor. */
    _Atomic uint64_t scripts, config; /* versions: as 16 hex digits they are what operators see */
    _Atomic uint32_t took;            /* enum mb__reload_outcome of the last generation it was given */
    _Atomic uint32_t took_ms;
};

enum { MB__NAMES_MAX = 700 }; /* of config keys; what is longer is cut */

/* What the last reload came to. */
struct mb__last_reload {
    enum mb__reload_outcome outcome;
    int64_t time_ms;
    uint32_t took_ms;
    char error[1000]; /* "" after success; rolled back: which strategy */
    char changed[MB__NAMES_MAX]; /* config keys with another value, "a,b" */
    char restart[MB__NAMES_MAX]; /* keys whose new value, as last read, waits for a restart */
};

struct mb__shared {
    uint32_t n_seats;
    int64_t started_ms;            /* wall */
    _Atomic uint32_t generation;   /* swaps so far, the first load included */
    _Atomic int log_level;         /* enum mb_log_level, of all processes */
    _Atomic uint64_t reloads[MB__RELOAD_COUNT];
    _Atomic uint32_t last_version; /* of `last`: odd while it is written */
    struct mb__last_reload last;
    struct mb__books_page books;
    uint8_t recorder_key[MB_RECORDER_KEY_BYTES]; /* of this start's pseudonyms */
    /* Of each strategy's file, by the guard's slot; 0: none yet. Written by who tries a generation. */
    _Atomic uint64_t file_hashes[MB_GUARD_SLOTS_MAX];
    struct mb__seat seats[];
};

int mb__shared_map(uint32_t n_seats, struct mb__shared **out, struct mb_error *err) MB_MUST_USE;
void mb__shared_unmap(struct mb__shared *shared); /* NULL allowed */
/* One writer. */
void mb__shared_set_last(struct mb__shared *shared, const struct mb__last_reload *last);
void mb__shared_get_last(const struct mb__shared *shared, struct mb__last_reload *out);
/* Monotonic, the same in all processes. */
uint64_t mb__shared_clock_ms(void);
const char *mb__seat_state_name(uint32_t state);

/* --- board.c: what each worker counts, in memory that outlives it --- */

/* Outcomes of an endpoint's bid requests: MB_NOBID_BID .. and one for what was no bid request. */
enum { MB__OUTCOME_BAD = MB_NOBID_COUNT, MB__OUTCOME_COUNT };

/* One worker's; its successor goes on with it. Zeroed memory is an empty one. The worker alone
 * writes; readers take sums over all. */
struct mb__board {
    /* gauges, of the present worker: published with its heartbeat */
    _Atomic uint64_t lua_bytes;
    _Atomic uint32_t connections;
    struct mb_http_counters http; /* published with the heartbeat; of all workers here so far */
    struct mb_histogram request_time; /* of bid requests */
    uint64_t spooled; /* events that the spool made safe */
    struct mb_fetch_counts fetches; /* of strategies' own notice URLs */
    struct mb_recorder_counts records;
    uint64_t shadow_shown, shadow_skipped, shadow_ns; /* requests; CPU time of the first */
    struct mb_bidder_board bidder;
    struct mb__endpoint_counts {
        uint64_t outcomes[MB__OUTCOME_COUNT];
        uint64_t slips[MB_JSON_SLIP_COUNT];
    } endpoints[]; /* as in the config */
};

struct mb__boards {
    char *memory;
    size_t bytes; /* of one */
    uint32_t count;
    size_t n_endpoints;
};

int mb__boards_map(uint32_t count, size_t n_endpoints, struct mb__boards *out,
                   struct mb_error *err) MB_MUST_USE;
void mb__boards_unmap(struct mb__boards *boards); /* safe on zeroed */
struct mb__board *mb__boards_at(const struct mb__boards *boards, uint32_t seat);

/* Sums over all workers, of different moments. */
void mb__boards_totals(const struct mb__boards *boards, struct mb_bidder_counts *out);
void mb__boards_strategy(const struct mb__boards *boards, uint32_t slot,
                         struct mb_strategy_counts *out);
void mb__boards_fetches(const struct mb__boards *boards, struct mb_fetch_counts *out);
void mb__boards_records(const struct mb__boards *boards, struct mb_recorder_counts *out);

/* Requests that were shown to shadows, those that were not for want of CPU time, and what they took. */
struct mb__shadow_sums {
    uint64_t shown, skipped, cpu_ns;
};
struct mb__shadow_sums mb__boards_shadow(const struct mb__boards *boards);
void mb__boards_http(const struct mb__boards *boards, struct mb_http_counters *out); /* `open` too */
uint64_t mb__boards_outcome(const struct mb__boards *boards, size_t endpoint, int outcome);
uint64_t mb__boards_slips(const struct mb__boards *boards, size_t endpoint, enum mb_json_slip slip);
void mb__boards_script_time(const struct mb__boards *boards, struct mb_histogram *out);
void mb__boards_request_time(const struct mb__boards *boards, struct mb_histogram *out);
uint64_t mb__boards_spooled(const struct mb__boards *boards);
uint64_t mb__boards_lua_bytes(const struct mb__boards *boards);
/* Nobody is there any more who has open connections or memory. */
void mb__board_clear_gauges(struct mb__board *board);

/* --- parcel.c: a generation on its way --- */

enum mb__piece {
    MB__PIECE_CONFIG, /* a document, keys by their names */
    MB__PIECE_KEYS,
    MB__PIECE_GEO, /* the database */
    MB__PIECE_BUNDLE,
    MB__PIECE_REPORT, /* of the check: JSON for who asked */
    MB__PIECES
};

struct mb__parcel {
    int fds[MB__PIECES]; /* -1: not there */
};
#define MB__PARCEL_EMPTY ((struct mb__parcel){{-1, -1, -1, -1, -1}})

void mb__parcel_close(struct mb__parcel *parcel);

/* Sealed memory files. Fails: MB_EIO. */
int mb__piece_of_text(struct mb_slice text, int *out, struct mb_error *err) MB_MUST_USE;
int mb__piece_of_config(const struct mb_config *config, int *out, struct mb_error *err) MB_MUST_USE;
int mb__piece_of_keys(const struct mb_notice_keys *keys, int *out, struct mb_error *err) MB_MUST_USE;
int mb__config_of_piece(int fd, struct mb_config **out, struct mb_error *err) MB_MUST_USE;
/* Appends what a memory file holds. Fails: MB_EIO. */
int mb__piece_text(int fd, struct mb_buf *out, struct mb_error *err) MB_MUST_USE;

/* What a process bids with beside the scripts. */
struct mb__settings {
    struct mb_config *config;
    struct mb_notice_keys *keys;
    struct mb_geo *geo; /* NULL: none */
};

/* Fails: what is wrong with a piece; *out is zeroed. Owns: mb__settings_close. Reads no file but those. */
int mb__settings_open(const struct mb__parcel *parcel, struct mb__settings *out,
                      struct mb_error *err) MB_MUST_USE;
void mb__settings_close(struct mb__settings *settings); /* safe on zeroed */
/* The same for configs that say the same. */
uint64_t mb__settings_version(const struct mb__settings *settings);

/* --- channel.c: messages between the supervisor and one child --- */

enum mb__letter_type {
    /* to a worker */
    MB__LETTER_TAKE,     /* take the generation that comes along; an OUTCOME follows */
    MB__LETTER_RELOADED, /* everybody has it, or nobody: answer those who asked */
    MB__LETTER_DRAIN,
    /* to the supervisor */
    MB__LETTER_READY,   /* serves */
    MB__LETTER_FAILED,  /* could not start, and ends */
    MB__LETTER_OUTCOME, /* of a TAKE */
    MB__LETTER_ASK,     /* somebody wants a reload */
    MB__LETTER_VERDICT, /* of the checker, with the generation where it is good */
};

struct mb__letter_head {
    enum mb__letter_type type;
    uint32_t ticket; /* TAKE: its number, which the OUTCOME repeats; ASK: of who asks; RELOADED: the
                        last that this answers */
    uint32_t number; /* TAKE: of the generation; READY, OUTCOME: of the one that bids now */
    int outcome;     /* OUTCOME, RELOADED, VERDICT: enum mb__reload_outcome */
    int code;        /* FAILED, VERDICT refused: an error code */
    uint32_t pieces; /* which descriptors come along; set by who sends */
    uint32_t n_strategies;
    uint32_t took_ms;  /* OUTCOME */
    uint64_t config;   /* version of the config; READY, OUTCOME: that bids now */
    struct mb_geo_source geo_source; /* VERDICT: of the database that comes along */
    char version[24];  /* of the scripts, likewise */
    char error[800];   /* FAILED, or refused: the first thing that was wrong */
    char where[192];   /* and where, unless the error says so */
    char changed[MB__NAMES_MAX], restart[MB__NAMES_MAX]; /* VERDICT, RELOADED: as in mb__last_reload */
};

struct mb__letter {
    struct mb__letter_head head;
    struct mb__parcel parcel; /* what came along, the receiver's to close */
};

/* A pair of descriptors; neither blocks, neither survives an exec. Fails: MB_EIO. */
int mb__channel_open(int fds[2], struct mb_error *err) MB_MUST_USE;
/* Sends it with copies of the parcel's descriptors (NULL: none). False where the other end is gone
 * or does not read. */
bool mb__channel_send(int fd, const struct mb__letter_head *head, const struct mb__parcel *parcel);
/* One letter: 1; nothing there: 0; the other end is gone: -1. */
int mb__channel_receive(int fd, struct mb__letter *out);

/* --- checks.c, and the child's side of it: checker.c --- */

enum mb__check_kind {
    MB__CHECK_CONFIG,    /* the config file alone, for the start */
    MB__CHECK_START,     /* the scripts, with the config that was read */
    MB__CHECK_RELOAD,    /* both anew */
    MB__CHECK_ROLL_BACK, /* what bids, with one strategy's file as it was before */
    MB__CHECK_DRY,       /* both, and nothing is made that is not there (moonbid check) */
};

/* What to look at. All borrowed until the fork. */
struct mb__check {
    enum mb__check_kind kind;
    const char *config_path; /* CONFIG, RELOAD, DRY: as for mb_process_read_config */
    const struct mb_setting *settings;
    size_t n_settings;
    const struct mb__settings *running; /* START, RELOAD: its config */
    const struct mb__parcel *parcel;    /* what bids, or NULL */
    struct mb_geo_source geo_source;    /* of its database */
    const char *version;                /* of the scripts that bid, or NULL */
    uint16_t port;                      /* RELOAD: see mb__complete_config */
    uint32_t connections;
    int before_fd; /* ROLL_BACK: bundle with the file as it was */
    const char *strategy;
};

/* What the checker does at the moment; shared with its parent. */
struct mb__progress {
    _Atomic uint32_t step, limit_ms;
    char what[512]; /* a path; to be read when the checker has ended, or hangs */
};

struct mb__checker {
    pid_t pid;   /* 0: none */
    int channel; /* -1: none */
    struct mb__progress *progress;
    bool killed; /* for taking too long */
    /* the step it was last seen in, since when, and what it had spent then */
    uint32_t step;
    uint64_t seen_ms, seen_cpu_ms;
};

/* Starts one. `in_child` (may be NULL) closes what is not the checker's. The process must have no other thread.
 * Fails: MB_EIO, MB_ENOMEM; nothing is to be closed then. */
int mb__checker_fork(struct mb__checker *checker, const struct mb__check *check,
                     void (*in_child)(void *user), void *user, struct mb_error *err) MB_MUST_USE;
/* Kills it where it takes too long; gives when to look again (0: need not). */
uint64_t mb__checker_tend(struct mb__checker *checker, uint64_t now_ms);
/* It has ended with that status: its verdict, or what its end amounts to. */
void mb__checker_verdict(struct mb__checker *checker, int status, struct mb__letter *out);
void mb__checker_close(struct mb__checker *checker);
/* Waits for the end, then as above, all of it. */
void mb__checker_wait(struct mb__checker *checker, struct mb__letter *out);
/* In the child. Does not return. */
void mb__checker_run(const struct mb__check *check, struct mb__progress *progress, int channel,
                     pid_t parent) __attribute__((noreturn));

/* --- sockets.c: what is listened on --- */

struct mb__sockets {
    size_t n_addresses;
    uint32_t n_seats;
    int *fds;     /* n_seats rows of n_addresses sockets that share their ports; -1: none */
    int admin_fd; /* one for all; -1: none */
    uint16_t port; /* of the first address */
};

static inline int mb__sockets_fd(const struct mb__sockets *sockets, uint32_t seat, size_t address)
{
    return sockets->fds[seat * sockets->n_addresses + address];
}

/* Binds what the config names and listens.
 * Fails: MB_EBUSY with the address that is taken, MB_EINVAL, MB_EIO. */
int mb__sockets_open(const struct mb_config *config, uint32_t n_seats, struct mb__sockets *out,
                     struct mb_error *err) MB_MUST_USE;
/* What only a server that runs knows: a notice_url with port 0 gets the first listener's, and there are no
 * more connections than `connections`, which descriptors allow. */
void mb__complete_config(struct mb_config *config, uint16_t port, uint32_t connections);
void mb__sockets_close(struct mb__sockets *sockets);

/* --- folder.c --- */

/* Makes the folder and those above it; one that is there is good. Fails: MB_EIO naming it. */
int mb__process_make_folder(const char *path, struct mb_error *err) MB_MUST_USE;
/* Makes the folder where it is missing (`owner`, if any, gets it) and takes its lock, which all
 * children inherit: it ends with the last of them. Waits up to `patience_ms` for children whose
 * supervisor is dead.
 * Fails: MB_EIO, MB_EBUSY. */
int mb__folder_lock(const char *path, const char *owner, uint32_t patience_ms, int *fd,
                    struct mb_error *err) MB_MUST_USE;
/* The process becomes that user, with the groups it has. Fails: MB_ENOTFOUND, MB_EIO. */
int mb__become_user(const char *name, struct mb_error *err) MB_MUST_USE;

/* --- parts.c --- */

/* The guard and the table of recent bids, in memory that all children share. */
int mb__parts_open_shared(struct mb_process_parts *parts, const struct mb_config *config,
                          struct mb_error *err) MB_MUST_USE;

/* --- edits.c: `serve --watch` --- */

enum { MB__EDITS_PAUSE_MS = 200 }; /* this long nothing has changed: the edit is over */

struct mb__edits {
    int fd;           /* readable when something changes; -1: not watched */
    int root;         /* the scripts folder's own watch; -1: it has gone */
    uint64_t due_ms;  /* when to look again; 0: nothing has changed */
    char *path;
    char *candidates; /* their folder; NULL: none */
};

/* Watches the folders of scripts and candidates and all below them. Fails: MB_EIO. Close it in any
 * case. */
int mb__edits_open(struct mb__edits *edits, const struct mb_config *config,
                   struct mb_error *err) MB_MUST_USE;
void mb__edits_close(struct mb__edits *edits);
void mb__edits_read(struct mb__edits *edits, uint64_t now_ms);
/* True once after each edit: a reload is due. */
bool mb__edits_over(struct mb__edits *edits, uint64_t now_ms);

/* --- the supervisor --- */

/* States of a crew member: away (pid 0, due_ms says when the next is forked) -> starting -> serving
 * -> away. */
struct mb__member {
    pid_t pid; /* 0: none */
    int channel; /* our end; -1: none */
    bool hung_up; /* the other end is closed: nothing comes any more */
    uint64_t forked_ms;
    uint64_t due_ms; /* when to fork again; 0: not wanted */
    uint32_t young_deaths; /* in a row */
    /* watch.c: the call it was last seen in, since when, and what the worker had spent then */
    uint64_t call, call_ms, call_cpu_ms;
    /* generations.c: reloads that were asked for over its listener */
    uint32_t asked, asked_before; /* tickets: the last; the last one that the running reload serves */
};

/* bookseat.c: the bookkeeper's place. */
struct mb__bookseat {
    pid_t pid; /* 0: none */
    int listener;
    struct mb__line_address address;
    int life_fds[2]; /* the bookkeeper's only */
    bool ending;     /* no other will be forked */
    uint64_t forked_ms, due_ms;
    uint32_t young_deaths; /* in a row */
};

/* generations.c: idle -> a checker looks at it -> one member after the other has been told, its
 * outcome is waited for -> idle */
struct mb__generations {
    struct mb__parcel parcel; /* what bids, for those who start later */
    struct mb_geo_source geo_source;
    uint32_t number; /* its number; 0 before the first */
    char version[24];
    uint64_t config;
    struct mb__checker checker;
    struct mb__letter fresh;             /* the verdict, while nobody has taken it */
    struct mb__settings fresh_settings;  /* the same, for the supervisor itself */
    bool running;
    bool again;       /* asked for meanwhile */
    uint32_t at;      /* member whose outcome is waited for; n_crew: nobody's */
    uint32_t ticket;  /* of the last letter that wants an outcome */
    uint32_t awaited; /* of the one whose outcome is waited for */
    bool taken;       /* the first has taken it, the rest follow */
    char back[65]; /* strategy that goes back; "": it is a reload */
    uint64_t begun_ms;
    uint64_t told_ms; /* when the one that is waited for was told */
    struct mb__letter_head outcome;
    int report_fd; /* of the check; -1: there is none that still says what happened */
};

/* probation.c: from the swap that changed a strategy's file on, for MB__PROBATION_MS. */
enum { MB__PROBATION_MS = 600000, MB__PROBATION_SWAPS = 8 };

struct mb__probation {
    struct {
        int bundle_fd; /* what bid before; -1: none */
        uint64_t until_ms;
    } swaps[MB__PROBATION_SWAPS]; /* the last ones; the oldest gives way */
    uint32_t next;                /* of swaps: the one that gives way */
    uint64_t look_ms;
    struct mb__probation_row *rows; /* by the guard's slot */
};

struct mb__supervisor {
    const struct mb_process_source *source;
    const struct mb_config *config; /* of settings */
    struct mb__settings settings;
    struct mb_process_parts parts; /* settings, and what is shared */
    uint32_t connections_max; /* as many as descriptors allow */
    struct mb__shared *shared;
    struct mb__boards boards;
    struct mb__sockets sockets;
    struct mb__bookseat bookseat;
    struct mb__member *crew; /* one a seat */
    uint32_t n_crew;
    int lock_fd;
    int signal_fd;
    struct mb__edits edits;
    int life_fds[2]; /* nobody writes: children read it to learn of our end */
    bool serving;    /* the first worker has served: failures are no longer the start's */
    bool all_served; /* said once */
    bool stopping;
    uint64_t kill_ms; /* stopping: when patience ends */
    int rc;           /* why it stops, 0: asked to */
    struct mb_error *err;
    struct mb__generations generations;
    struct mb__probation probation;
    struct mb__letter letter; /* the one being read */
};

/* crew.c */
void mb__crew_open(struct mb__supervisor *supervisor); /* forks nobody yet */
void mb__crew_close(struct mb__supervisor *supervisor);
/* Forks who is due; gives when the next one is (0: nobody). */
uint64_t mb__crew_tend(struct mb__supervisor *supervisor, uint64_t now_ms);
/* Takes note of every child that has ended. */
void mb__crew_reap(struct mb__supervisor *supervisor);
void mb__crew_drain(struct mb__supervisor *supervisor);
void mb__crew_kill(struct mb__supervisor *supervisor);
/* Has all children open their log file anew. */
void mb__crew_reopen_logs(const struct mb__supervisor *supervisor);
bool mb__crew_gone(const struct mb__supervisor *supervisor);
/* In a child just forked: signals as a child has them; closes what is the supervisor's. */
void mb__crew_be_child(struct mb__supervisor *supervisor);
/* The first one may start. */
void mb__crew_begin(struct mb__supervisor *supervisor);

/* bookseat.c */
int mb__bookseat_open(struct mb__bookseat *seat, struct mb_error *err) MB_MUST_USE;
void mb__bookseat_close(struct mb__bookseat *seat);
void mb__bookseat_forget(struct mb__bookseat *seat); /* in a worker: closes what is not its own */
/* As mb__crew_tend, for the bookkeeper. */
uint64_t mb__bookseat_tend(struct mb__supervisor *supervisor, uint64_t now_ms);
/* Was it the bookkeeper that ended? */
bool mb__bookseat_reap(struct mb__supervisor *supervisor, pid_t pid, int status);
/* Lets it end when its last connection has gone. True: it has. */
bool mb__bookseat_end(struct mb__bookseat *seat);
void mb__bookseat_kill(struct mb__bookseat *seat);

/* Ends everything with that failure. */
void mb__supervisor_fail(struct mb__supervisor *supervisor, int code, const char *where,
                         const char *what);
void mb__supervisor_stop(struct mb__supervisor *supervisor);
/* Waits for signals, edits of the scripts and letters of the crew, and takes what came. `fds` has room for the crew and
 * MB__OWN_POLLED more; `timeout` as poll has it. */
enum { MB__OWN_POLLED = 2 /* signals, edits */ };
void mb__supervisor_wait(struct mb__supervisor *supervisor, struct pollfd *fds, int timeout);
/* Takes what that member has written. */
void mb__supervisor_read(struct mb__supervisor *supervisor, uint32_t seat);

/* watch.c: kills who has spent too long in one call; gives how soon to look again, in ms. */
int mb__watch_scripts(struct mb__supervisor *supervisor, uint64_t now_ms);
/* CPU time of a process's first thread. False where it has gone. */
bool mb__process_cpu_ms(pid_t pid, uint64_t *out);

/* tidings.c: how a generation ended, in the shared page and the log, and to who asked for it. */
void mb__tidings_spread(struct mb__supervisor *supervisor);

/* generations.c: the seam between what a new generation is and who must take it. */
void mb__generations_init(struct mb__generations *generations);
void mb__generations_fini(struct mb__supervisor *supervisor);
/* In a child: lets go of all generations but the one that bids, which would stay in memory with it. */
void mb__generations_forget(struct mb__supervisor *supervisor);
/* The first one: the scripts with the config that the start has read. A refusal ends the start. Fails as mb__checker_fork. */
int mb__generations_start(struct mb__supervisor *supervisor, struct mb_error *err) MB_MUST_USE;
void mb__generations_ask(struct mb__supervisor *supervisor); /* SIGHUP */
/* Sends one strategy back to its file in that bundle. Not while another one runs. */
void mb__generations_roll_back(struct mb__supervisor *supervisor, struct mb_slice strategy,
                               int bundle_fd);
/* A letter about reloads from that member: READY, OUTCOME, ASK. */
void mb__generations_take(struct mb__supervisor *supervisor, uint32_t seat,
                          const struct mb__letter *letter);
/* The checker's word; what came along is taken. */
void mb__generations_hear(struct mb__supervisor *supervisor, struct mb__letter *verdict);
/* Was it the checker that ended? */
bool mb__generations_reap(struct mb__supervisor *supervisor, pid_t pid, int status);
/* Kills who does not come back with an outcome; gives when to look again, 0: not by the clock. */
uint64_t mb__generations_tend(struct mb__supervisor *supervisor, uint64_t now_ms);
void mb__generations_member_gone(struct mb__supervisor *supervisor, uint32_t seat);
/* Nothing new any more. True: no checker is left. */
bool mb__generations_end(struct mb__supervisor *supervisor);

void mb__probation_init(struct mb__probation *probation);
/* The first worker has swapped; takes the bundle that bid until then, -1 where nobody shall go back
 * to it. */
void mb__probation_begin(struct mb__supervisor *supervisor, int bundle_before_fd);
/* Sends back who fails; gives when to look again, 0: not by the clock. */
uint64_t mb__probation_tend(struct mb__supervisor *supervisor, uint64_t now_ms);
void mb__probation_fini(struct mb__probation *probation);

/* --- worker.c --- */

struct mb__worker_options {
    const struct mb_process_parts *parts; /* to start with; the config too */
    struct mb__shared *shared;
    const struct mb__boards *boards;
    const struct mb__sockets *sockets;
    uint32_t seat;
    int channel; /* taken */
    const struct mb__line_address *books_address;
    int life_fd; /* readable when the supervisor has gone */
    struct mb__parcel *parcel; /* of the generation to start with; taken */
    uint32_t number;                 /* its number */
    uint64_t config_version;
};

/* Serves until it is told to drain or the supervisor is gone. Gives the process's exit status. */
int mb__worker_run(const struct mb__worker_options *options);

#endif /* MB_PROCESS_SUPERVISOR_H */
