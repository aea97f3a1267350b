/* internal.h - what the files of one worker share.
 *
 * Part of: process (private).
 * Files:    worker.c starts, drains and stops; control.c listens to the supervisor; siblings.c
 *           shows that this worker lives and stands in for those that do not; request.c hands
 *           requests to the bidder; books.c makes events durable; reload.c changes generations,
 *           and outcome.c tells how that went; checker.c looks at new ones before anybody bids with
 *           them; admin.c, pages.c and metrics.c are the operator's listener; chance.c seeds; parts.c,
 *           settings.c and limiter.c serve the commands too. supervisor.h has the other side.
 */
#ifndef MB_PROCESS_INTERNAL_H
#define MB_PROCESS_INTERNAL_H

#include <uv.h>

#include "moonbid/bidder.h"
#include "moonbid/ledger.h"
#include "moonbid/metrics.h"
#include "moonbid/net.h"
#include "moonbid/recorder.h"
#include "supervisor.h"

struct mb__worker;

/* --- chance.c --- */

enum { MB__CHANCE_BATCH = 4096 }; /* bytes of one getrandom: 256 bid ids */

struct mb__chance {
    uint8_t bytes[MB__CHANCE_BATCH];
    size_t left; /* unused bytes at the end of `bytes` */
    uint64_t key, counter;
};

void mb__chance_init(struct mb__chance *chance);
void mb__chance_bytes(struct mb__chance *chance, void *out, size_t len);
/* A seed that no other request of any worker has. */
uint64_t mb__chance_seed(struct mb__chance *chance);

/* --- books.c: events on their way to the ledger --- */

struct mb__books {
    struct mb__post *post;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_prepare_t flush; /* before the loop waits: what its turn has brought goes out together */
    bool watching;      /* poll, timer and flush are open */
    uv_work_t work;
    bool spooling;    /* `work` runs */
    uint64_t spooled; /* events that the board knows of */
    uint64_t unknown_since_ms; /* no word of what is spent since; 0: there is one */
    bool money_unknown;        /* for longer than the config bears */
};

/* Waits until the guard knows what was spent. Fails: what is wrong with the ledger; MB_ETIMEOUT. */
int mb__books_open(struct mb__worker *worker, struct mb_error *err);
void mb__books_stop(struct mb__worker *worker);  /* closes its handles */
void mb__books_close(struct mb__worker *worker); /* the loop has ended */
/* Answers `exchange` with what `out` says once all its events are safe; 503 where they cannot
 * be. Copies. */
void mb__books_take(struct mb__worker *worker, struct mb_http_exchange *exchange,
                    const struct mb_bidder_out *out);
/* Records events of a request that has its answer already: what cannot be recorded is lost, and
 * said in the log. Copies. */
void mb__books_note(struct mb__worker *worker, const struct mb_bidder_out *out);
/* Looks whether the bookkeeper still books spend: without a word of it for limits.money_guard
 * nobody bids. Call several times a second; `now_ms` is of the shared clock. */
void mb__books_watch_money(struct mb__worker *worker, uint64_t now_ms);
/* Is every event that was taken safe, or given up? */
bool mb__books_idle(const struct mb__worker *worker);

/* --- reload.c --- */

struct mb__waiter {
    struct mb_http_exchange *exchange;
    uint32_t ticket;
    struct mb__waiter *next;
};

/* What a build is for. */
enum mb__build { MB__BUILD_NONE, MB__BUILD_REPLACE, MB__BUILD_TAKE };

/* A generation that was sent. */
struct mb__given {
    struct mb__parcel parcel;
    uint32_t ticket, number; /* of the letter */
    uint64_t came_ms;
};

struct mb__reload {
    uv_work_t work;
    enum mb__build running;
    struct mb__given given; /* of the running TAKE */
    struct mb__given due;   /* told while another build ran; due.number 0: nothing */
    int64_t replaced_ms;    /* when the last replacement began; 0: none yet */
    struct mb__waiter *waiters; /* want the outcome of a reload */
    uint32_t ticket;            /* of the last of them */

    /* what bids */
    struct mb_bundle *bundle;
    uint32_t number;
    uint64_t config_version;
    struct mb__settings settings; /* without a config: that of before the fork, which stays */

    /* the thread's result */
    int rc;
    struct mb_bundle *fresh_bundle;
    struct mb_generation *fresh;
    struct mb__settings fresh_settings; /* of a TAKE */
    uint64_t fresh_version;
    struct mb_script_report report;
    struct mb_error err;
};

/* The first generation, on this thread, from the parcel in the options. Fails: MB_ESCRIPT, MB_EIO. */
int mb__reload_first(struct mb__worker *worker, struct mb_error *err);
void mb__reload_close(struct mb__worker *worker); /* the loop has ended */
/* Asks the supervisor for a reload of all; `exchange`, a deferred one, gets the outcome. */
void mb__reload_ask(struct mb__worker *worker, struct mb_http_exchange *exchange);
/* The supervisor sends a generation, whose descriptors are taken. An OUTCOME goes back. */
void mb__reload_take(struct mb__worker *worker, struct mb__letter *letter);
/* Number and versions. */
void mb__reload_tell_what_bids(const struct mb__worker *worker, struct mb__letter_head *head);
/* All have it, or nobody: answers who asked. */
void mb__reload_answer(struct mb__worker *worker, const struct mb__letter *letter);
/* Answers who still waits; nothing will come any more. */
void mb__reload_give_up(struct mb__worker *worker);
/* Replaces the state on a helper thread where a breach left it spent. Call after scripts ran. */
void mb__reload_replace_if_spent(struct mb__worker *worker);

/* shadow.c: asks shadow strategies about the request that was answered, where it is one of their share and they have
 * time. */
void mb__shadow_turn(struct mb__worker *worker, const struct mb_bidder_in *in);

/* --- control.c --- */

struct mb__control {
    uv_poll_t channel, life;
    struct mb__letter letter; /* the one being read */
};

void mb__control_open(struct mb__worker *worker);
void mb__control_close(struct mb__worker *worker);
/* Tells the supervisor; nothing happens where it is gone. */
void mb__control_send(struct mb__worker *worker, const struct mb__letter_head *head);

/* --- siblings.c --- */

struct mb__siblings {
    uv_timer_t timer;
    int *fds; /* what we accept from instead of others, in the form of mb__sockets.fds; -1: not */
};

void mb__siblings_open(struct mb__worker *worker);
/* Stands in for nobody any more; the heart goes on beating. */
void mb__siblings_retire(struct mb__worker *worker);
void mb__siblings_close(struct mb__worker *worker);

/* --- console.c --- */

struct mb_slice mb__console_page(void); /* HTML */

/* --- pauses.c --- */

/* Pauses what DATA/paused names. Fails: MB_EIO. */
int mb__pauses_read(struct mb_guard *guard, const char *data, struct mb_error *err) MB_MUST_USE;
/* Writes down what is paused. Fails: MB_EIO; the file is as before. Blocks. */
int mb__pauses_write(const struct mb_guard *guard, const char *data,
                     struct mb_error *err) MB_MUST_USE;

/* --- request.c --- */

void mb__request_handle(void *user, struct mb_http_exchange *exchange,
                        const struct mb_http_request *request);
const char *mb__request_outcome_name(int outcome);

/* --- admin.c, pages.c, metrics.c --- */

void mb__admin_handle(void *user, struct mb_http_exchange *exchange,
                      const struct mb_http_request *request);
void mb__pages_status(const struct mb__worker *worker, struct mb_buf *out);
void mb__pages_metrics(const struct mb__worker *worker, struct mb_buf *out);

/* --- outcome.c --- */

struct mb_json_writer;

/* {"outcome":...,"version":...,"error":...,"config_changed":[...],"needs_restart":[...],"problems":[...]}; `report` may be NULL. */
void mb__outcome_write(const struct mb__letter_head *head, const char *dir,
                       const struct mb_script_report *report, struct mb_buf *out);
/* "key":["a","b"] of "a,b". */
void mb__outcome_write_names(struct mb_json_writer *w, const char *key, const char *names);

/* --- parts.c, golden.c --- */

/* The keys that the config names. `offline` as for mb_process_open_parts. Fails as that. */
int mb__open_keys(const struct mb_config *config, bool offline, struct mb_notice_keys *keys,
                  struct mb_error *err) MB_MUST_USE;

typedef void mb__on_file(void *user, struct mb_slice path);

/* As mb_process_load_bundle; `on_file` (may be NULL) is told of each file before it runs. */
int mb__load_bundle(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                    mb__on_file *on_file, void *user, struct mb_script **out,
                    struct mb_script_report *report) MB_MUST_USE;
/* The path of a script's file, `dir` the scripts folder. */
void mb__add_path(const char *dir, struct mb_slice file, struct mb_buf *out);

/* Loads the bundle and tries its golden requests; every problem is in `report`. What the parts' guard counts is no one's.
 * Fails as mb_process_load_bundle; MB_ESCRIPT also where a golden request came out otherwise. */
int mb__golden_try(const struct mb_process_parts *parts, const struct mb_bundle *bundle,
                   mb__on_file *on_file, void *user, struct mb_script_report *report,
                   size_t *n_strategies) MB_MUST_USE;

/* --- worker.c --- */

/* States: starting -> serving -> draining (no bids, answers what is open) -> stopping (handles
 * close; the loop ends). */
struct mb__worker {
    const struct mb__worker_options *options;
    struct mb__shared *shared;
    struct mb__seat *seat;
    const struct mb_config *config; /* of parts */
    struct mb_process_parts parts;  /* the guard is everybody's */
    uv_loop_t loop;
    struct mb_http_server *server;
    struct mb_http_server *admin; /* NULL: off */
    struct mb__control control;
    struct mb__siblings siblings;
    struct mb_bidder *bidder;
    struct mb__books books;
    struct mb_fetch *fetch;
    struct mb_recorder *recorder;
    struct mb__reload reload;
    struct mb__chance chance;
    struct mb__shadow {
        int64_t since_ns, spent_ns; /* of the thread's CPU time; since 0: not begun */
    } shadow;
    bool draining, drained, stopping;
    int64_t busy_until_ms; /* ready says 0: a request has waited too long */
    struct mb__board *board;
    struct mb_http_counters http_before; /* of the workers here before this one */
};

/* Takes another config for its server and its time limits; the bidder has it. */
void mb__worker_use_config(struct mb__worker *worker);

/* Brings what others may read of this worker up to date: its gauges and its server's counters. */
void mb__worker_publish(struct mb__worker *worker);

/* Takes no more connections, answers what is open, then stops. */
void mb__worker_drain(struct mb__worker *worker, const char *why);
/* Called when something ended that a drain waits for. */
void mb__worker_stop_if_drained(struct mb__worker *worker);

#endif /* MB_PROCESS_INTERNAL_H */
