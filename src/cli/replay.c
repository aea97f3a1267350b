/* replay.c - `moonbid replay`: recorded requests decided again.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "moonbid/limiter.h"
#include "moonbid/replay.h"

struct job {
    struct mb_config *config;
    struct mb_bundle *bundle, *against; /* against: NULL without --against */
    const char *against_path;
    enum mb_replay_form form;
    char **paths;
    size_t n_paths;
    int shown; /* per cent that the bar shows */
};

/* --- which recordings --- */

static void add_path(struct job *job, const char *folder, const char *name)
{
    struct mb_buf path = {0};

    mb_xbuf_printf(&path, "%s%s%s%c", folder, folder[0] ? "/" : "", name, '\0');
    job->paths = realloc(job->paths, (job->n_paths + 1) * sizeof(*job->paths));
    if (!job->paths) {
        abort();
    }
    job->paths[job->n_paths++] = path.data;
}

static int is_recording(const struct dirent *entry)
{
    return strncmp(entry->d_name, "recording-", 10) == 0 && strstr(entry->d_name, ".ndjson");
}

/* A folder stands for its recordings, in order of their names, which is that of time. */
static int add_folder(struct job *job, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_recording, alphasort), i;

    if (count < 0) {
        return cli_say(CLI_ENVIRONMENT, "%s: %s", folder, strerror(errno));
    }
    for (i = 0; i < count; i++) {
        add_path(job, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return count > 0 ? CLI_OK : cli_say(CLI_ENVIRONMENT, "%s: no recordings in it", folder);
}

static int add_operand(struct job *job, const char *path)
{
    struct stat st;

    if (stat(path, &st)) {
        return cli_say(CLI_ENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(job, path);
    }
    add_path(job, "", path);
    return CLI_OK;
}

static int find_paths(struct job *job, const struct cli_args *args)
{
    struct mb_buf own = {0};
    int code = CLI_OK;
    size_t i;

    for (i = 0; i < args->n_operands && code == CLI_OK; i++) {
        code = add_operand(job, args->operands[i]);
    }
    if (args->n_operands == 0) {
        mb_xbuf_printf(&own, "%s/recordings%c", job->config->data, '\0');
        code = add_folder(job, own.data);
        mb_buf_fini(&own);
    }
    return code;
}

/* --- what it came to --- */

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    enum { WIDTH = 40 };
    struct job *job = user;
    int percent = total > 0 ? (int)(done * 100 / total) : 100;

    if (percent == job->shown) {
        return;
    }
    job->shown = percent;
    fprintf(stderr, "\r[%-*.*s] %3d %%", WIDTH, percent * WIDTH / 100,
            "########################################", percent);
    if (percent == 100) {
        fputs("\r\033[K", stderr);
    }
}

static uint64_t differing(const struct mb_replay_strategy *s)
{
    uint64_t sum = 0;
    int change;

    for (change = MB_REPLAY_SAME + 1; change < MB_REPLAY_CHANGES; change++) {
        sum += s->changes[change];
    }
    return sum;
}

static void print_strategy(const struct mb_replay_strategy *s)
{
    size_t i;
    int change;

    printf("  %.*s: %" PRIu64 " of %" PRIu64 " decisions differ", MB_SLICE_ARG(s->name),
           differing(s), s->decisions);
    for (change = MB_REPLAY_SAME + 1; change < MB_REPLAY_CHANGES; change++) {
        if (s->changes[change] > 0) {
            printf(", %s %" PRIu64, mb_replay_change_name((enum mb_replay_change)change),
                   s->changes[change]);
        }
    }
    putchar('\n');
    for (i = 0; i < s->n_examples; i++) {
        printf("    %.*s:%" PRIu64 ": %s\n", MB_SLICE_ARG(s->examples[i].file), s->examples[i].line,
               s->examples[i].text);
    }
}

static void print_notes(const struct job *job, const struct mb_replay_result *r)
{
    if (r->other_scripts > 0) {
        printf(
            "note: %" PRIu64 " requests were recorded with other scripts than %s (version %.*s)\n",
            r->other_scripts, job->config->scripts, MB_SLICE_ARG(mb_bundle_version(job->bundle)));
    }
    if (r->no_endpoint > 0) {
        printf("note: %" PRIu64 " requests of endpoints that the config has not were left out\n",
               r->no_endpoint);
    }
    if (r->bad_lines > 0) {
        printf("note: %" PRIu64 " lines are no records and were left out\n", r->bad_lines);
    }
    if (r->cut_files > 0) {
        printf("note: %" PRIu64
               " recordings end in the middle, as after a kill: read up to the last whole line\n",
               r->cut_files);
    }
}

static int print_result(const struct job *job, const struct mb_replay_result *r)
{
    bool identical = r->identical == r->requests;
    size_t i;

    printf("%" PRIu64 " requests, %" PRIu64 " decisions, %" PRIu64
           " bids; CPU per request %.1f us\n",
           r->requests, r->decisions, r->bids,
           r->requests > 0 ? (double)r->cpu_ns / 1e3 / (double)r->requests : 0.0);
    print_notes(job, r);
    if (identical) {
        puts("identical: every decision is as recorded");
        return CLI_OK;
    }
    printf("not identical: %" PRIu64 " of %" PRIu64
           " requests are decided otherwise, by strategies that keep state "
           "of their own or have changed:\n",
           r->requests - r->identical, r->requests);
    for (i = 0; i < r->n_strategies; i++) {
        if (differing(&r->strategies[i]) > 0) {
            print_strategy(&r->strategies[i]);
        }
    }
    return CLI_NO;
}

/* --- against other scripts --- */

static int print_comparison(const struct job *job, const struct mb_replay_result *r)
{
    struct mb_replay_titles titles = {.before = job->config->scripts,
                                      .after = job->against_path,
                                      .currency = job->config->currency};
    struct mb_buf out = {0};

    if (job->form == MB_REPLAY_TEXT) {
        print_notes(job, r);
        if (r->identical != r->requests) {
            printf("note: %" PRIu64 " requests are decided otherwise than recorded by %s already\n",
                   r->requests - r->identical, titles.before);
        }
    }
    mb_replay_write(r, &titles, job->form, &out);
    fwrite(out.data, 1, out.len, stdout);
    mb_buf_fini(&out);
    return r->differ > 0 ? CLI_NO : CLI_OK;
}

/* --- the command --- */

static int replay(struct job *job, unsigned threads)
{
    struct mb_replay_options options = {.config = job->config,
                                        .bundle = job->bundle,
                                        .against = job->against,
                                        .paths = (const char *const *)job->paths,
                                        .n_paths = job->n_paths,
                                        .threads = threads,
                                        .thread_begins = mb_limiter_start,
                                        .thread_ends = mb_limiter_stop,
                                        .on_progress = isatty(STDERR_FILENO) ? show_progress : NULL,
                                        .user = job};
    struct mb_script_report report = {0};
    struct mb_replay_result result;
    struct mb_error err = {.at = -1};
    int rc = mb_replay_run(&options, &result, &report, &err), code;

    if (rc == MB_ESCRIPT) {
        cli_print_report(job->against ? job->against_path : job->config->scripts, &report);
        code = cli_say(CLI_NO, "%s: refused", job->against ? job->against_path : job->config->scripts);
    } else if (rc) {
        code = cli_fail(&err);
    } else {
        code = job->against ? print_comparison(job, &result) : print_result(job, &result);
    }
    mb_script_report_fini(&report);
    mb_replay_result_fini(&result);
    return code;
}

static int take_flags(struct job *job, const struct cli_args *args, int64_t *threads)
{
    job->against_path = args->against;
    job->form = mb_replay_form_of(mb_slice_of(args->format ? args->format : "text"));
    if (job->form == MB_REPLAY_FORMS || (args->format && !args->against)) {
        return cli_say(CLI_USAGE, job->form == MB_REPLAY_FORMS ? "--format is text, csv, json or html, not '%s'"
                                                               : "--format %s: only with --against",
                       args->format);
    }
    if (args->threads &&
        (!mb_slice_to_i64(mb_slice_of(args->threads), threads) || *threads < 1 || *threads > 256)) {
        return cli_say(CLI_USAGE, "--threads: expected 1 to 256, not '%s'", args->threads);
    }
    return CLI_OK;
}

static int run_job(struct job *job, const struct cli_args *args)
{
    struct mb_error err = {.at = -1};
    int64_t threads = 0;
    int code = take_flags(job, args, &threads);

    if (code != CLI_OK || (code = cli_config(args, &job->config)) != CLI_OK ||
        (code = find_paths(job, args)) != CLI_OK) {
        return code;
    }
    if (mb_bundle_read(job->config->scripts, &job->bundle, &err)) {
        return cli_unreadable(job->config->scripts);
    }
    if (args->against && mb_bundle_read(args->against, &job->against, &err)) {
        return cli_unreadable(args->against);
    }
    mb_script_set_limit_ms(job->config->script_cpu_ms);
    mb_log_setup(MB_LOG_ERROR, args->log_format); /* what live decisions said is in the live log */
    return replay(job, (unsigned)threads);
}

static int run(const struct cli_args *args)
{
    struct job job = {.shown = -1};
    int code = run_job(&job, args);
    size_t i;

    for (i = 0; i < job.n_paths; i++) {
        free(job.paths[i]);
    }
    free(job.paths);
    mb_bundle_free(job.bundle);
    mb_bundle_free(job.against);
    mb_config_free(job.config);
    return code;
}

const struct cli_command cli_replay = {
    .name = "replay",
    .summary = "decide recorded requests again and compare",
    .flags = " config scripts data set threads against format ",
    .operand = "[LOG...]",
    .help = "usage: moonbid replay [FLAGS] [LOG...]\n"
            "\n"
            "Decides every recorded request again, over all cores: the same bytes, seed and "
            "counters, so that\n"
            "every decision must come out as it was recorded. Names the strategies that decide "
            "otherwise. A LOG\n"
            "is a recording (.ndjson or .ndjson.gz) or a folder of them; default DATA/recordings. "
            "Writes nothing.\n"
            "\n"
            "  --scripts DIR  the scripts that decide; default as the config says\n"
            "  --against DIR  other scripts: what they would do otherwise, by strategy and reason, and what that\n"
            "                 would win and spend, with its uncertainty\n"
            "  --format F     of that: text, csv, json or html\n"
            "  --threads N    default one a core\n"
            "  --config FILE, --data DIR, --set KEY=VALUE as for serve\n"
            "\n"
            "exit:    0 identical (with --against: the two scripts), 1 not, 2 usage, 3 environment\n"
            "example: moonbid replay --against new/ --format html >new.html\n",
    .run = run,
};
