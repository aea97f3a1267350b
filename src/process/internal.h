/* internal.h - what the files of the process share: one worker and its parts.
 *
 * Part of: process (private).
 * Files:    worker.c starts, drains and stops; request.c hands requests to the bidder; books.c
 *           makes events durable; reload.c changes generations; admin.c, pages.c and metrics.c are
 *           the operator's listener; chance.c seeds; folder.c, parts.c, settings.c and limiter.c
 *           serve the commands too.
 */
#ifndef MB_PROCESS_INTERNAL_H
#define MB_PROCESS_INTERNAL_H

#include <uv.h>

#include "moonbid/bidder.h"
#include "moonbid/ledger.h"
#include "moonbid/metrics.h"
#include "moonbid/net.h"
#include "moonbid/process.h"

struct mb__worker;

/* --- folder.c --- */

/* Makes the folder and those above it; one that is there is good. Fails: MB_EIO naming it. */
int mb__process_make_folder(const char *path, struct mb_error *err) MB_MUST_USE;

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
    struct mb_ledger *ledger;
    uv_work_t work;
    bool committing;
    bool failing; /* the last commit failed: said once */
    int rc;       /* of the commit in work */
    struct mb_error err;
    int64_t started_ns;
    struct mb_histogram commit_time;
};

int mb__books_open(struct mb__worker *worker, struct mb_error *err);
/* Answers `exchange` with what `out` says once all its events are durable; 503 where they cannot
 * be. Copies. */
void mb__books_take(struct mb__worker *worker, struct mb_http_exchange *exchange,
                    const struct mb_bidder_out *out);
/* Nothing queued and nothing being written? */
bool mb__books_idle(const struct mb__worker *worker);

/* --- reload.c --- */

enum mb__reload_outcome {
    MB__RELOAD_NONE,
    MB__RELOAD_LOADED,
    MB__RELOAD_UNCHANGED,
    MB__RELOAD_REFUSED,
    MB__RELOAD_REPLACED, /* the same scripts in a new state, after a breach of the memory limit */
    MB__RELOAD_COUNT
};
const char *mb__reload_outcome_name(enum mb__reload_outcome outcome);

struct mb__waiter {
    struct mb_http_exchange *exchange;
    struct mb__waiter *next;
};

struct mb__reload {
    uv_work_t work;
    bool running;
    bool replacing;             /* the running one only replaces a spent state */
    bool again;                 /* asked for while one was running */
    int64_t replaced_ms;        /* when the last replacement began; 0: none yet */
    struct mb_bundle *bundle;   /* what bids was loaded from it */
    struct mb__waiter *waiters; /* want the outcome of the running one */
    struct mb__waiter *next_waiters; /* came too late for it */

    /* the thread's result */
    int rc;
    struct mb_bundle *fresh_bundle;
    struct mb_script *fresh;
    struct mb_script_report report;

    /* for /status */
    uint32_t generation; /* swaps so far, the first load included */
    enum mb__reload_outcome last;
    int64_t last_ms;
    char last_error[800]; /* "" after success */
    uint64_t counts[MB__RELOAD_COUNT];
};

/* The first generation, on this thread. Fails: MB_ESCRIPT, MB_EIO; the problems are logged. */
int mb__reload_first(struct mb__worker *worker, struct mb_error *err);
void mb__reload_close(struct mb__worker *worker); /* the loop has ended */
/* Starts a reload, or marks that one more is due. `exchange` (may be NULL) is a deferred one that
 * gets the outcome. */
void mb__reload_ask(struct mb__worker *worker, struct mb_http_exchange *exchange);
/* Replaces the state on a helper thread where a breach left it spent. Call after scripts ran. */
void mb__reload_replace_if_spent(struct mb__worker *worker);

/* --- request.c --- */

/* Outcomes of an endpoint's bid requests: MB_NOBID_BID .. and one for what was no bid request. */
enum { MB__OUTCOME_BAD = MB_NOBID_COUNT, MB__OUTCOME_COUNT };

void mb__request_handle(void *user, struct mb_http_exchange *exchange,
                        const struct mb_http_request *request);
const char *mb__request_outcome_name(int outcome);

/* --- admin.c, pages.c, metrics.c --- */

void mb__admin_handle(void *user, struct mb_http_exchange *exchange,
                      const struct mb_http_request *request);
void mb__pages_status(const struct mb__worker *worker, struct mb_buf *out);
void mb__pages_metrics(const struct mb__worker *worker, struct mb_buf *out);
/* {"outcome":...,"version":...,"problems":[...]} of the reload that just ended. */
void mb__pages_reload(const struct mb__worker *worker, enum mb__reload_outcome outcome,
                      struct mb_buf *out);

/* --- worker.c --- */

enum mb__signal { MB__SIGNAL_HUP, MB__SIGNAL_TERM, MB__SIGNAL_INT, MB__SIGNAL_USR2, MB__SIGNALS };

/* States: starting -> serving -> draining (no bids, answers what is open) -> stopping (handles
 * close; the loop ends). */
struct mb__worker {
    struct mb_config *config;
    struct mb_process_parts parts;
    uv_loop_t loop;
    struct mb_http_server *server;
    struct mb_http_server *admin; /* NULL: off */
    uv_signal_t signals[MB__SIGNALS];
    struct mb_bidder *bidder;
    struct mb__books books;
    struct mb__reload reload;
    struct mb__chance chance;
    int lock_fd;
    int64_t started_ms;
    bool draining, drained, stopping;
    uint64_t (*outcomes)[MB__OUTCOME_COUNT]; /* by endpoint */
    struct mb_histogram request_time;        /* of bid requests */
};

/* Called when something ended that a drain waits for. */
void mb__worker_stop_if_drained(struct mb__worker *worker);

#endif /* MB_PROCESS_INTERNAL_H */
