/* checker.c - the process that looks at a new config and new scripts before anybody bids with them.
 *
 *     config file -> merged with what runs -> keys, database -> scripts folder -> every strategy file,
 *     every golden request -> verdict: a letter, with all of it as memory files
 *
 * It is forked for one check and ends with it. Whatever a file does, run for ever inside a C
 * function, eat memory, crash, it does here: the supervisor counts the time of each step, kills who
 * takes too long, and knows from the step what it was. Nobody else reads these files, and nobody
 * reads them twice.
 *
 * The limits of its own: CPU time as a last resort; memory, half of the machine's, so that a file
 * that asks for all of it gets an error; the kernel's first choice where memory runs out; and it
 * dies with its parent, since it may be in no state to notice that by itself.
 */
#include "checking.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "moonbid/limiter.h"

enum { CPU_SECONDS = 120 };

/* --- steps --- */

void mb__checking_step(struct mb__progress *progress, uint32_t limit_ms, const char *what)
{
    snprintf(progress->what, sizeof(progress->what), "%s", what);
    atomic_store(&progress->limit_ms, limit_ms);
    atomic_fetch_add(&progress->step, 1);
}

static void on_file(void *user, struct mb_slice path)
{
    struct mb__checking *c = user;
    struct mb_buf what = {0};

    mb__add_path(c->settings.config->scripts, path, &what);
    mb_xbuf_add_char(&what, '\0');
    mb__checking_step(c->progress, MB__SCRIPT_STEP_MS, what.data);
    mb_buf_fini(&what);
}

/* --- scripts --- */

/* Who edits the folder shall know why an edit of another file does not wake this one up. */
static void report_kept(struct mb__checking *c)
{
    size_t i;

    for (i = 0; i < mb_bundle_count(c->bundle); i++) {
        struct mb_slice path = mb_bundle_path(c->bundle, i);

        if (mb_bundle_rolled_back(c->bundle, path)) {
            mb_script_report_add(&c->report, true, path, 0,
                                 "as it was when it failed and was rolled back: the version before "
                                 "goes on bidding until this file changes");
        }
    }
}

static int map_piece(int fd, struct mb_bundle **out, struct mb_error *err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int rc = mb_bundle_map(copy, out, err);

    if (rc) {
        close(copy);
    }
    return rc;
}

/* The file that the strategy has in what bids. */
static int find_file(struct mb__checking *c, const struct mb_process_parts *parts,
                     const struct mb_bundle *bids, char *out, size_t size)
{
    struct mb_script *script = NULL;
    const struct mb_strategy *strategy;
    int rc = mb__load_bundle(parts, bids, on_file, c, &script, &c->report);

    if (rc) {
        return rc;
    }
    strategy = mb_script_strategy(script, mb_slice_of(c->check->strategy));
    snprintf(out, size, "%.*s", strategy ? (int)strategy->file.len : 0,
             strategy ? strategy->file.data : "");
    mb_script_free(script);
    return strategy ? 0 : mb_fail(&c->err, MB_ENOTFOUND, c->check->strategy, "bids no more");
}

static int compose_rolled_back(struct mb__checking *c, const struct mb_process_parts *parts)
{
    struct mb_bundle *bids = NULL, *before = NULL;
    char file[256];
    int rc = map_piece(c->check->parcel->fds[MB__PIECE_BUNDLE], &bids, &c->err);

    rc = rc ? rc : map_piece(c->check->before_fd, &before, &c->err);
    rc = rc ? rc : find_file(c, parts, bids, file, sizeof(file));
    rc = rc ? rc : mb_bundle_roll_back(bids, before, mb_slice_of(file), &c->bundle, &c->err);
    mb_bundle_free(bids);
    mb_bundle_free(before);
    return rc;
}

static int read_folder(struct mb__checking *c)
{
    const struct mb__check *check = c->check;
    const char *folder = c->settings.config->scripts;
    struct mb_bundle *bids = NULL;
    int rc = 0;

    mb__checking_step(c->progress, MB__DISK_STEP_MS, folder);
    if (check->parcel && check->parcel->fds[MB__PIECE_BUNDLE] >= 0) {
        rc = map_piece(check->parcel->fds[MB__PIECE_BUNDLE], &bids, &c->err);
    }
    rc = rc ? rc
            : mb_bundle_read_again(folder, c->settings.config->shadow_scripts, bids, &c->bundle,
                                   &c->err);
    if (!rc && bids) {
        rc = mb_bundle_keep_rolled_back(&c->bundle, bids, &c->err);
    }
    mb_bundle_free(bids);
    return rc;
}

/* With a guard of its own: what is tried leaves no trace in what runs. */
static int try_scripts(struct mb__checking *c)
{
    struct mb_guard_options in_memory = {.counters_max = 4096, .alone = true};
    struct mb_process_parts parts = {
        .config = c->settings.config, .keys = c->settings.keys, .geo = c->settings.geo};
    size_t count = 0;
    int rc = mb_guard_open(&in_memory, &parts.guard, &c->err);

    if (rc) {
        return rc;
    }
    mb_script_set_limit_ms(c->settings.config->script_cpu_ms);
    rc = c->check->kind == MB__CHECK_ROLL_BACK ? compose_rolled_back(c, &parts) : read_folder(c);
    if (!rc) {
        rc = mb__golden_try(&parts, c->bundle, on_file, c, &c->report, &count);
        report_kept(c);
    }
    c->head.n_strategies = (uint32_t)count;
    mb_guard_close(parts.guard);
    return rc;
}

/* --- the verdict --- */

static void log_problems(const struct mb__checking *c)
{
    struct mb_buf place = {0};
    size_t i;

    for (i = 0; i < c->report.count; i++) {
        const struct mb_script_problem *p = &c->report.problems[i];

        mb_buf_clear(&place);
        mb_process_add_place(c->settings.config->scripts, p, &place);
        mb_log(p->warning ? MB_LOG_WARN : MB_LOG_ERROR, "script",
               p->warning ? "strategy warning" : "strategy refused", "at=%.*s problem=%s",
               MB_SLICE_ARG(mb_buf_slice(&place)), p->text);
    }
    mb_buf_fini(&place);
}

/* The first thing that is wrong. */
static void describe_failure(struct mb__checking *c, int rc)
{
    struct mb__letter_head *head = &c->head;
    struct mb_buf place = {0};
    size_t i = 0;

    head->outcome = MB__RELOAD_REFUSED;
    head->code = rc;
    while (i < c->report.count && c->report.problems[i].warning) {
        i++;
    }
    if (i < c->report.count) {
        mb_process_add_place(c->settings.config->scripts, &c->report.problems[i], &place);
        snprintf(head->error, sizeof(head->error), "%.*s: %s", MB_SLICE_ARG(mb_buf_slice(&place)),
                 c->report.problems[i].text);
    } else {
        snprintf(head->where, sizeof(head->where), "%s", c->err.where);
        snprintf(head->error, sizeof(head->error), "%s",
                 c->err.what[0] ? c->err.what : mb_err_text(rc));
    }
    mb_buf_fini(&place);
}

static enum mb__reload_outcome outcome_of(const struct mb__checking *c)
{
    if (c->check->kind == MB__CHECK_ROLL_BACK) {
        return MB__RELOAD_ROLLED_BACK;
    }
    return c->check->kind == MB__CHECK_RELOAD && !c->head.changed[0] &&
                   mb_slice_is(mb_bundle_version(c->bundle), c->check->version)
               ? MB__RELOAD_UNCHANGED
               : MB__RELOAD_LOADED;
}

static int pack(struct mb__checking *c)
{
    int rc = mb__piece_of_config(c->settings.config, &c->parcel.fds[MB__PIECE_CONFIG], &c->err);

    if (!rc && c->settings.keys) {
        rc = mb__piece_of_keys(c->settings.keys, &c->parcel.fds[MB__PIECE_KEYS], &c->err);
    }
    if (!rc && c->bundle) {
        c->parcel.fds[MB__PIECE_BUNDLE] = fcntl(mb_bundle_fd(c->bundle), F_DUPFD_CLOEXEC, 0);
        snprintf(c->head.version, sizeof(c->head.version), "%.*s",
                 MB_SLICE_ARG(mb_bundle_version(c->bundle)));
    }
    if (!rc && c->settings.geo && c->parcel.fds[MB__PIECE_GEO] < 0) { /* of a roll back */
        rc = mb__checking_copy_geo(c, mb_geo_fd(c->settings.geo));
    }
    return rc;
}

static int judge(struct mb__checking *c)
{
    int rc;

    if (c->check->kind == MB__CHECK_CONFIG) {
        rc = mb__checking_config(c, &c->settings.config);
        return rc ? rc : pack(c);
    }
    if ((rc = mb__checking_settings(c)) || (rc = try_scripts(c)) || (rc = pack(c))) {
        return rc;
    }
    c->head.outcome = (int)outcome_of(c);
    c->head.config = mb__settings_version(&c->settings);
    return 0;
}

static void write_report(struct mb__checking *c)
{
    struct mb_buf text = {0};
    struct mb_error err;

    if (c->geo_problem[0]) {
        mb_script_report_add(&c->report, true, MB_SLICE(""), 0, "%s", c->geo_problem);
    }
    mb__outcome_write(&c->head, c->settings.config ? c->settings.config->scripts : "", &c->report,
                      &text);
    if (mb__piece_of_text(mb_buf_slice(&text), &c->parcel.fds[MB__PIECE_REPORT], &err)) {
        mb_log(MB_LOG_ERROR, "process", "no report of the check", "error=%s", err.what);
    }
    mb_buf_fini(&text);
}

static void send_verdict(const struct mb__check *check, struct mb__progress *progress, int channel)
{
    struct mb__checking c = {.check = check, .progress = progress, .parcel = MB__PARCEL_EMPTY};
    int rc;

    c.head.type = MB__LETTER_VERDICT;
    snprintf(c.head.version, sizeof(c.head.version), "%s", check->version ? check->version : "");
    rc = judge(&c);
    if (rc) {
        mb__parcel_close(&c.parcel);
        describe_failure(&c, rc);
    }
    if (check->kind != MB__CHECK_DRY && c.settings.config) {
        log_problems(&c);
    }
    write_report(&c);
    if (!mb__channel_send(channel, &c.head, &c.parcel)) {
        mb_log(MB_LOG_ERROR, "process", "nobody hears what the check came to", NULL);
    }
    mb__parcel_close(&c.parcel);
    mb_script_report_fini(&c.report);
    mb_bundle_free(c.bundle);
    mb__settings_close(&c.settings);
}

/* --- limits --- */

/* Data that is there is counted in: the limit is on what is added. */
static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__ /* its shadow counts as data */
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) / 2 * page;
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > half) {
        limit.rlim_cur = half;
        (void)setrlimit(RLIMIT_DATA, &limit);
    }
#endif
}

static void be_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!write(fd, "1000", 4);
        close(fd);
    }
}

static void limit_oneself(pid_t parent)
{
    struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
    struct mb_error err;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it has died in between */
    }
    (void)setrlimit(RLIMIT_CPU, &cpu);
    limit_memory();
    be_first_to_go();
    if (mb_limiter_start(&err)) {
        mb_log(MB_LOG_ERROR, "process", "no limit of time while loading", "error=%s", err.what);
    }
}

/* Not through exit() where nobody looks for leaks: the libraries' destructors, those of all that libcurl brings along, touch
 * and copy more memory than the whole check, on a core that a worker may share. */
static _Noreturn void end(void)
{
#ifdef __SANITIZE_ADDRESS__
    exit(EXIT_SUCCESS);
#else
    _exit(EXIT_SUCCESS);
#endif
}

void mb__checker_run(const struct mb__check *check, struct mb__progress *progress, int channel,
                     pid_t parent)
{
    limit_oneself(parent);
    send_verdict(check, progress, channel);
    mb_limiter_stop();
    close(channel);
    end();
}
