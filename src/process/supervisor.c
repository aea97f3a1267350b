/* supervisor.c - the process that starts all others and outlives them.
 *
 * It has no thread, no loop library, no Lua and no database, so that it can fork at any time and
 * has little that can go wrong: it waits in poll() for a signal, a letter of a worker, or the time
 * at which something is due.
 *
 *     start  a checker reads the config -> lock the data folder -> bind everything -> become the
 *            configured user -> map what is shared -> a checker tries the scripts -> fork
 *     stop   tell the workers to drain -> they end -> close
 *
 * A second server on the same folder or port is thus refused before it has changed anything.
 */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    OWN_DESCRIPTORS = 64,    /* ledger, loop, script files, admin connections */
    DRAIN_SLACK_MS = 1000,   /* beyond the grace, for the ledger and the end itself */
    PATIENCE_SLACK_MS = 2000,
};

/* --- starting --- */

/* A connection is a descriptor: takes as many as the system gives, and gives how many connections
 * that allows, so that files can still be opened when all places are taken. */
static uint32_t most_connections(uint64_t listeners)
{
    struct rlimit limit;
    uint64_t own = OWN_DESCRIPTORS + listeners;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return UINT32_MAX;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur <= own || limit.rlim_cur - own > UINT32_MAX) {
        return UINT32_MAX;
    }
    return (uint32_t)(limit.rlim_cur - own);
}

static int open_signals(struct mb__supervisor *supervisor, struct mb_error *err)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    size_t i;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is a failed write, not an end */
    sigemptyset(&set);
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (supervisor->signal_fd < 0 || pipe2(supervisor->life_fds, O_CLOEXEC) != 0) {
        return mb_fail(err, MB_EIO, NULL, "no descriptors: %s", strerror(errno));
    }
    return 0;
}

static uint32_t count_workers(const struct mb_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return config->workers > 0 ? config->workers : cores > 0 ? (uint32_t)cores : 1;
}

/* The config that decides on sockets, user and folder; before anything of that is touched. */
static int read_config(struct mb__supervisor *supervisor, struct mb_error *err)
{
    const struct mb_process_source *source = supervisor->source;
    struct mb__check check = {.kind = MB__CHECK_CONFIG,
                              .config_path = source->config_path,
                              .settings = source->settings,
                              .n_settings = source->n_settings};
    struct mb__letter *verdict = &supervisor->letter;
    struct mb__checker checker;
    int rc = mb__checker_fork(&checker, &check, NULL, NULL, err);

    if (rc) {
        return rc;
    }
    mb__checker_wait(&checker, verdict);
    if (verdict->head.code) {
        rc = mb_fail(err, verdict->head.code, verdict->head.where, "%s", verdict->head.error);
    } else {
        rc = mb__config_of_piece(verdict->parcel.fds[MB__PIECE_CONFIG], &supervisor->settings.config,
                                 err);
    }
    mb__parcel_close(&verdict->parcel);
    supervisor->config = supervisor->settings.config;
    return rc;
}

static void complete_config(struct mb__supervisor *supervisor)
{
    struct mb_config *config = supervisor->settings.config;
    uint32_t wanted = config->connections;

    mb__complete_config(config, supervisor->sockets.port, supervisor->connections_max);
    if (config->connections < wanted) {
        mb_log(MB_LOG_INFO, "process", "fewer connections than configured", "connections=%u",
               config->connections);
    }
}

static int start(struct mb__supervisor *supervisor, bool watch, struct mb_error *err)
{
    const struct mb_config *config;
    int rc = read_config(supervisor, err);

    if (rc) {
        return rc;
    }
    config = supervisor->config;
    supervisor->n_crew = count_workers(config);
    supervisor->connections_max = most_connections(config->listen.count * supervisor->n_crew);
    if ((rc = open_signals(supervisor, err)) ||
        (rc = mb__folder_lock(config->data, config->user, config->grace_ms + PATIENCE_SLACK_MS,
                              &supervisor->lock_fd, err)) ||
        (rc = mb__sockets_open(config, supervisor->n_crew, &supervisor->sockets, err)) ||
        (rc = config->user ? mb__become_user(config->user, err) : 0) ||
        (rc = watch ? mb__edits_open(&supervisor->edits, config, err) : 0) ||
        (rc = mb__parts_open_shared(&supervisor->parts, config, err)) ||
        (rc = mb__shared_map(supervisor->n_crew, &supervisor->shared, err)) ||
        (rc = mb__bookseat_open(&supervisor->bookseat, err)) ||
        (rc = mb__boards_map(supervisor->n_crew, config->n_endpoints, &supervisor->boards, err))) {
        return rc;
    }
    complete_config(supervisor);
    atomic_store(&supervisor->shared->log_level, (int)config->log_level);
    mb_log_follow(&supervisor->shared->log_level);
    mb__crew_open(supervisor);
    return mb__generations_start(supervisor, err);
}

/* --- stopping --- */

void mb__supervisor_stop(struct mb__supervisor *supervisor)
{
    if (supervisor->stopping) {
        return;
    }
    supervisor->stopping = true;
    supervisor->kill_ms = mb__shared_clock_ms() + supervisor->config->grace_ms + DRAIN_SLACK_MS;
    mb__crew_drain(supervisor);
}

void mb__supervisor_fail(struct mb__supervisor *supervisor, int code, const char *where,
                         const char *what)
{
    if (supervisor->rc == 0) {
        supervisor->rc = mb_fail(supervisor->err, code, where, "%s", what);
    }
    mb__supervisor_stop(supervisor);
}

/* --- what comes in --- */

static void log_status(const struct mb__supervisor *supervisor)
{
    struct mb_bidder_counts n;
    struct mb_http_counters http;
    uint32_t i;

    mb__boards_totals(&supervisor->boards, &n);
    mb__boards_http(&supervisor->boards, &http);
    mb_log(MB_LOG_INFO, "process", "status",
           "version=%s generation=%u requests=%llu bids=%llu nobids=%llu bad=%llu notices=%llu "
           "duplicates=%llu forged=%llu connections=%u",
           supervisor->generations.version, atomic_load(&supervisor->shared->generation),
           (unsigned long long)n.requests, (unsigned long long)n.bids,
           (unsigned long long)n.nobids, (unsigned long long)n.bad_requests,
           (unsigned long long)n.notices, (unsigned long long)n.duplicates,
           (unsigned long long)n.forged, http.open);
    for (i = 0; i < supervisor->n_crew; i++) {
        const struct mb__seat *place = &supervisor->shared->seats[i];

        mb_log(MB_LOG_INFO, "process", "status", "worker=%u pid=%d state=%s restarts=%u", i + 1,
               (int)atomic_load(&place->pid), mb__seat_state_name(atomic_load(&place->state)),
               atomic_load(&place->restarts));
    }
}

/* Standard error is to be opened anew by whoever started us; a log file is ours. */
static void reopen_logs(const struct mb__supervisor *supervisor)
{
    if (mb_log_reopen()) {
        mb__crew_reopen_logs(supervisor);
        mb_log(MB_LOG_INFO, "process", "log file opened anew", NULL);
    } else {
        mb_log(MB_LOG_WARN, "process", "no log file opened anew: the lines go where they went", NULL);
    }
}

static void take_signals(struct mb__supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            mb__crew_reap(supervisor);
            break;
        case SIGHUP:
            mb__generations_ask(supervisor);
            break;
        case SIGUSR1:
            reopen_logs(supervisor);
            break;
        case SIGUSR2:
            log_status(supervisor);
            break;
        default:
            mb__supervisor_stop(supervisor);
        }
    }
}

static bool all_serve(const struct mb__supervisor *supervisor)
{
    uint32_t i;

    for (i = 0; i < supervisor->n_crew; i++) {
        if (atomic_load(&supervisor->shared->seats[i].state) != MB__SEAT_SERVING) {
            return false;
        }
    }
    return true;
}

/* The first one serves: now the others may start. */
static void note_ready(struct mb__supervisor *supervisor)
{
    uint64_t now_ms = mb__shared_clock_ms();
    uint32_t i;

    for (i = 0; !supervisor->serving && i < supervisor->n_crew; i++) {
        supervisor->crew[i].due_ms = supervisor->crew[i].pid > 0 ? 0 : now_ms;
    }
    supervisor->serving = true;
    if (!supervisor->all_served && all_serve(supervisor)) {
        supervisor->all_served = true;
        mb_log(MB_LOG_INFO, "process", "serving", "version=%s scripts=%s workers=%u pid=%d",
               MB_VERSION, supervisor->generations.version, supervisor->n_crew, (int)getpid());
    }
}

static void take_failure(struct mb__supervisor *supervisor, uint32_t seat,
                         const struct mb__letter_head *head)
{
    if (!supervisor->serving) {
        mb__supervisor_fail(supervisor, head->code, head->where[0] ? head->where : NULL,
                            head->error);
        return;
    }
    mb_log(MB_LOG_ERROR, "process", "worker could not start", "worker=%u where=%s error=%s",
           seat + 1, head->where, head->error);
}

void mb__supervisor_read(struct mb__supervisor *supervisor, uint32_t seat)
{
    struct mb__letter *letter = &supervisor->letter;
    int got;

    while ((got = mb__channel_receive(supervisor->crew[seat].channel, letter)) > 0) {
        if (letter->head.type == MB__LETTER_FAILED) {
            take_failure(supervisor, seat, &letter->head);
        } else {
            mb__generations_take(supervisor, seat, letter);
        }
        if (letter->head.type == MB__LETTER_READY) {
            note_ready(supervisor);
        }
        mb__parcel_close(&letter->parcel);
    }
}

/* --- waiting --- */

/* Of two times of which 0 means never. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b > 0 && b < a) ? b : a;
}

static int timeout_ms(const struct mb__supervisor *supervisor, uint64_t due_ms, int look_ms)
{
    uint64_t now_ms = mb__shared_clock_ms();

    if (supervisor->stopping) {
        due_ms = sooner(due_ms, supervisor->kill_ms);
    }
    if (due_ms == 0 || due_ms >= now_ms + (uint64_t)look_ms) {
        return look_ms;
    }
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* Takes what came of that member. One that has hung up shows up as SIGCHLD when it has ended: till then its channel
 * would wake us without end. */
static void hear(struct mb__supervisor *supervisor, uint32_t seat, short revents)
{
    if (revents & POLLIN) {
        mb__supervisor_read(supervisor, seat);
    }
    if (revents & POLLHUP) {
        supervisor->crew[seat].hung_up = true;
    }
}

void mb__supervisor_wait(struct mb__supervisor *supervisor, struct pollfd *fds, int timeout)
{
    uint32_t i;

    fds[0] = (struct pollfd){.fd = supervisor->signal_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = supervisor->edits.fd, .events = POLLIN};
    for (i = 0; i < supervisor->n_crew; i++) {
        const struct mb__member *member = &supervisor->crew[i];

        fds[i + MB__OWN_POLLED] = (struct pollfd){.fd = member->hung_up ? -1 : member->channel, .events = POLLIN};
    }
    if (poll(fds, supervisor->n_crew + MB__OWN_POLLED, timeout) <= 0) {
        return;
    }
    if (fds[1].revents & POLLIN) {
        mb__edits_read(&supervisor->edits, mb__shared_clock_ms());
    }
    for (i = 0; i < supervisor->n_crew; i++) {
        hear(supervisor, i, fds[i + MB__OWN_POLLED].revents);
    }
    take_signals(supervisor);
}

static void run(struct mb__supervisor *supervisor)
{
    struct pollfd *fds = calloc(supervisor->n_crew + MB__OWN_POLLED, sizeof(*fds));

    if (!fds) {
        abort();
    }
    while (!supervisor->stopping || !mb__generations_end(supervisor) ||
           !mb__crew_gone(supervisor) || !mb__bookseat_end(&supervisor->bookseat)) {
        uint64_t now_ms = mb__shared_clock_ms();
        int look_ms = mb__watch_scripts(supervisor, now_ms);
        uint64_t books_ms = mb__bookseat_tend(supervisor, now_ms);
        uint64_t due_ms = mb__crew_tend(supervisor, now_ms);

        due_ms = sooner(due_ms, mb__generations_tend(supervisor, now_ms));
        if (mb__edits_over(&supervisor->edits, now_ms)) {
            mb__generations_ask(supervisor);
        }
        due_ms = sooner(due_ms, mb__probation_tend(supervisor, now_ms));
        due_ms = sooner(sooner(due_ms, books_ms), supervisor->edits.due_ms);
        if (supervisor->stopping && now_ms >= supervisor->kill_ms) {
            if (mb__crew_gone(supervisor)) {
                mb__bookseat_kill(&supervisor->bookseat);
            }
            mb__crew_kill(supervisor);
            supervisor->kill_ms = now_ms + DRAIN_SLACK_MS;
        }
        mb__supervisor_wait(supervisor, fds, timeout_ms(supervisor, due_ms, look_ms));
    }
    free(fds);
}

/* --- all of it --- */

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void fini(struct mb__supervisor *supervisor)
{
    mb__crew_close(supervisor);
    mb__bookseat_close(&supervisor->bookseat);
    mb__generations_fini(supervisor);
    mb__probation_fini(&supervisor->probation);
    mb__sockets_close(&supervisor->sockets);
    mb_log_follow(NULL);
    mb__shared_unmap(supervisor->shared);
    mb__boards_unmap(&supervisor->boards);
    supervisor->parts.keys = NULL; /* of settings */
    supervisor->parts.geo = NULL;
    mb_process_close_parts(&supervisor->parts);
    mb__settings_close(&supervisor->settings);
    close_fd(supervisor->life_fds[0]);
    close_fd(supervisor->life_fds[1]);
    close_fd(supervisor->signal_fd);
    close_fd(supervisor->lock_fd);
    mb__edits_close(&supervisor->edits);
    mb__parcel_close(&supervisor->letter.parcel);
}

int mb_process_serve(const struct mb_process_source *source, bool watch, struct mb_error *err)
{
    struct mb__supervisor *supervisor = calloc(1, sizeof(*supervisor));
    int rc;

    if (!supervisor) {
        abort();
    }
    supervisor->source = source;
    supervisor->err = err;
    supervisor->lock_fd = supervisor->signal_fd = -1;
    supervisor->life_fds[0] = supervisor->life_fds[1] = -1;
    supervisor->sockets.admin_fd = supervisor->edits.fd = -1;
    supervisor->bookseat.listener = -1;
    supervisor->bookseat.life_fds[0] = supervisor->bookseat.life_fds[1] = -1;
    supervisor->letter.parcel = MB__PARCEL_EMPTY;
    mb__generations_init(&supervisor->generations);
    mb__probation_init(&supervisor->probation);
    rc = start(supervisor, watch, err);
    if (!rc) {
        run(supervisor);
        rc = supervisor->rc;
    }
    fini(supervisor);
    free(supervisor);
    if (!rc) {
        mb_log(MB_LOG_INFO, "process", "stopped", NULL);
    }
    return rc;
}
