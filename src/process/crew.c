/* crew.c - forks workers, and forks them again when they end.
 *
 * The first one starts alone, when the scripts have been checked: what is wrong with the ledger is
 * then said once, and ends the start. The others follow when it serves. From then on a worker that
 * ends is replaced at once; one that keeps ending young is given more and more time, so that a
 * fault at start does not eat the machine.
 *
 * A child closes what is the supervisor's: above all the end of the life pipe that nobody writes
 * to, for its closing is how children learn that the supervisor is dead, however it died.
 */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who has served is back within a second, however often: a start takes some 10 ms of that. */
enum { YOUNG_MS = 10000, BACKOFF_FIRST_MS = 100, BACKOFF_MOST_MS = 5000, SERVED_MOST_MS = 400 };

void mb__crew_open(struct mb__supervisor *supervisor)
{
    uint32_t i;

    supervisor->crew = calloc(supervisor->n_crew, sizeof(*supervisor->crew));
    if (!supervisor->crew) {
        abort();
    }
    for (i = 0; i < supervisor->n_crew; i++) {
        supervisor->crew[i].channel = -1;
    }
}

void mb__crew_begin(struct mb__supervisor *supervisor)
{
    supervisor->crew[0].due_ms = mb__shared_clock_ms();
}

void mb__crew_close(struct mb__supervisor *supervisor)
{
    uint32_t i;

    for (i = 0; supervisor->crew && i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].channel >= 0) {
            close(supervisor->crew[i].channel);
        }
    }
    free(supervisor->crew);
    supervisor->crew = NULL;
}

/* --- the child --- */

static void on_reopen(int signal_number)
{
    (void)signal_number;
    (void)mb_log_reopen(); /* the supervisor says where it fails */
}

/* Signals of a terminal go to all processes, but only the supervisor's word counts: it drains. */
static void child_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR2};
    struct sigaction reopen = {.sa_handler = on_reopen, .sa_flags = SA_RESTART};
    sigset_t none;
    size_t i;

    for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigemptyset(&reopen.sa_mask);
    sigaction(SIGUSR1, &reopen, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void mb__crew_be_child(struct mb__supervisor *supervisor)
{
    uint32_t i;

    child_signals();
    close(supervisor->life_fds[1]);
    close(supervisor->signal_fd);
    mb__edits_close(&supervisor->edits);
    if (supervisor->generations.checker.channel >= 0) {
        close(supervisor->generations.checker.channel);
    }
    for (i = 0; i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].channel >= 0) {
            close(supervisor->crew[i].channel);
        }
    }
}

static void be_worker(struct mb__supervisor *supervisor, uint32_t seat, int channel)
{
    struct mb__worker_options options = {.parts = &supervisor->parts,
                                         .shared = supervisor->shared,
                                         .boards = &supervisor->boards,
                                         .sockets = &supervisor->sockets,
                                         .seat = seat,
                                         .channel = channel,
                                         .books_address = &supervisor->bookseat.address,
                                         .life_fd = supervisor->life_fds[0],
                                         .parcel = &supervisor->generations.parcel,
                                         .number = supervisor->generations.number,
                                         .config_version = supervisor->generations.config};

    mb__crew_be_child(supervisor);
    mb__bookseat_forget(&supervisor->bookseat);
    mb__generations_forget(supervisor);
    exit(mb__worker_run(&options));
}

/* --- forking --- */

static uint64_t backoff_ms(uint32_t young_deaths, uint64_t most_ms)
{
    uint64_t delay = BACKOFF_FIRST_MS;

    if (young_deaths <= 1) {
        return 0;
    }
    while (young_deaths-- > 2 && delay < most_ms) {
        delay *= 2;
    }
    return delay < most_ms ? delay : most_ms;
}

static void try_later(struct mb__member *member)
{
    member->young_deaths++;
    member->due_ms = mb__shared_clock_ms() + backoff_ms(member->young_deaths, BACKOFF_MOST_MS);
}

static void fork_one(struct mb__supervisor *supervisor, uint32_t seat)
{
    struct mb__member *member = &supervisor->crew[seat];
    struct mb__seat *place = &supervisor->shared->seats[seat];
    struct mb_error err;
    int fds[2];

    if (mb__channel_open(fds, &err)) {
        mb_log(MB_LOG_ERROR, "process", "no worker started", "worker=%u error=%s", seat + 1,
               err.what);
        try_later(member);
        return;
    }
    atomic_store(&place->state, MB__SEAT_STARTING);
    member->channel = fds[0];
    member->hung_up = false;
    member->pid = fork();
    if (member->pid == 0) {
        be_worker(supervisor, seat, fds[1]);
    }
    close(fds[1]);
    if (member->pid < 0) {
        mb_log(MB_LOG_ERROR, "process", "no worker started", "worker=%u error=%s", seat + 1,
               strerror(errno));
        close(member->channel);
        member->channel = -1;
        member->pid = 0;
        atomic_store(&place->state, MB__SEAT_EMPTY);
        try_later(member);
        return;
    }
    member->due_ms = 0;
    member->forked_ms = mb__shared_clock_ms();
    atomic_store(&place->pid, member->pid);
    mb_log(MB_LOG_INFO, "process", "worker started", "worker=%u pid=%d", seat + 1,
           (int)member->pid);
}

uint64_t mb__crew_tend(struct mb__supervisor *supervisor, uint64_t now_ms)
{
    uint64_t next_ms = 0;
    uint32_t i;

    for (i = 0; i < supervisor->n_crew && !supervisor->stopping; i++) {
        struct mb__member *member = &supervisor->crew[i];

        if (member->due_ms > 0 && member->due_ms <= now_ms) {
            fork_one(supervisor, i);
        }
        if (member->due_ms > 0 && (next_ms == 0 || member->due_ms < next_ms)) {
            next_ms = member->due_ms;
        }
    }
    return next_ms;
}

/* --- ends --- */

static void log_end(const struct mb__supervisor *supervisor, uint32_t seat, int status)
{
    bool killed = WIFSIGNALED(status);
    bool wanted = supervisor->stopping && !killed;

    mb_log(wanted ? MB_LOG_DEBUG : MB_LOG_WARN, "process", "worker ended",
           "worker=%u pid=%d %s=%d", seat + 1, (int)supervisor->crew[seat].pid,
           killed ? "signal" : "exit", killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void take_note(struct mb__supervisor *supervisor, uint32_t seat, int status)
{
    struct mb__member *member = &supervisor->crew[seat];
    struct mb__seat *place = &supervisor->shared->seats[seat];
    bool has_served = atomic_load(&place->state) >= MB__SEAT_SERVING;
    uint64_t now_ms = mb__shared_clock_ms();

    mb__supervisor_read(supervisor, seat); /* its last words */
    log_end(supervisor, seat, status);
    atomic_store(&place->heartbeat_ms, 0);
    atomic_store(&place->state, MB__SEAT_EMPTY);
    atomic_store(&place->pid, 0);
    mb__board_clear_gauges(mb__boards_at(&supervisor->boards, seat));
    close(member->channel);
    member->channel = -1;
    member->pid = 0;
    member->call = 0;
    member->asked = member->asked_before = 0;
    if (!supervisor->serving && !supervisor->stopping) {
        mb__supervisor_fail(supervisor, MB_EIO, NULL, "the first worker ended while it started");
    }
    if (!supervisor->stopping) {
        member->young_deaths = now_ms - member->forked_ms < YOUNG_MS ? member->young_deaths + 1 : 0;
        member->due_ms = now_ms + backoff_ms(member->young_deaths,
                                             has_served ? SERVED_MOST_MS : BACKOFF_MOST_MS);
        atomic_fetch_add(&place->restarts, 1);
    }
    mb__generations_member_gone(supervisor, seat);
}

void mb__crew_reap(struct mb__supervisor *supervisor)
{
    pid_t pid;
    int status;
    uint32_t i;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (mb__bookseat_reap(supervisor, pid, status) ||
            mb__generations_reap(supervisor, pid, status)) {
            continue;
        }
        for (i = 0; i < supervisor->n_crew; i++) {
            if (supervisor->crew[i].pid == pid) {
                take_note(supervisor, i, status);
            }
        }
    }
}

void mb__crew_drain(struct mb__supervisor *supervisor)
{
    struct mb__letter_head head = {.type = MB__LETTER_DRAIN};
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].pid > 0) {
            (void)mb__channel_send(supervisor->crew[i].channel, &head, NULL);
        }
    }
}

void mb__crew_reopen_logs(const struct mb__supervisor *supervisor)
{
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].pid > 0) {
            kill(supervisor->crew[i].pid, SIGUSR1);
        }
    }
    if (supervisor->bookseat.pid > 0) {
        kill(supervisor->bookseat.pid, SIGUSR1);
    }
    if (supervisor->generations.checker.pid > 0) {
        kill(supervisor->generations.checker.pid, SIGUSR1);
    }
}

void mb__crew_kill(struct mb__supervisor *supervisor)
{
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].pid > 0) {
            mb_log(MB_LOG_WARN, "process", "worker does not end, killed", "worker=%u pid=%d", i + 1,
                   (int)supervisor->crew[i].pid);
            kill(supervisor->crew[i].pid, SIGKILL);
        }
    }
}

bool mb__crew_gone(const struct mb__supervisor *supervisor)
{
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        if (supervisor->crew[i].pid > 0) {
            return false;
        }
    }
    return true;
}
