/* play.h - a supervisor without children, for tests that play them.
 *
 * A checker is forked all the same; it is killed before its verdict is played.
 */
#ifndef PLAY_H
#define PLAY_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor.h"

static void be_quiet(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    (void)line;
    (void)len;
}

/* It serves generation 1, version "a0", with the default config. */
static void set_up(struct mb__supervisor *s, struct mb__member *crew, int *ends, uint32_t count)
{
    static const struct mb_process_source source = {.config_path = "/nonexistent"};
    uint32_t i;

    mb_log_redirect(be_quiet, NULL);
    s->source = &source;
    s->crew = crew;
    s->n_crew = count;
    s->lock_fd = s->signal_fd = s->edits.fd = -1;
    s->life_fds[0] = s->life_fds[1] = s->sockets.admin_fd = -1;
    s->bookseat.listener = s->bookseat.life_fds[0] = s->bookseat.life_fds[1] = -1;
    s->serving = true;
    s->letter.parcel = MB__PARCEL_EMPTY;
    mb__generations_init(&s->generations);
    s->generations.number = 1;
    strcpy(s->generations.version, "a0");
    s->settings.config = mb_xconfig_default();
    s->config = s->settings.config;
    mb__probation_init(&s->probation);
    assert_int_equal(mb__shared_map(count, &s->shared, NULL), 0);
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &s->parts.guard, NULL), 0);
    for (i = 0; i < count; i++) {
        int fds[2];

        assert_int_equal(mb__channel_open(fds, NULL), 0);
        crew[i].channel = fds[0];
        crew[i].pid = 1000000000 + (int)i; /* beyond any process */
        ends[i] = fds[1];
        atomic_store(&s->shared->seats[i].state, MB__SEAT_SERVING);
    }
}

static void end_checker(struct mb__supervisor *s);

static void tear_down(struct mb__supervisor *s, const int *ends)
{
    uint32_t i;

    end_checker(s);
    for (i = 0; i < s->n_crew; i++) {
        close(s->crew[i].channel);
        close(ends[i]);
    }
    mb__generations_fini(s);
    mb__settings_close(&s->settings);
    mb__probation_fini(&s->probation);
    mb_guard_close(s->parts.guard);
    mb__shared_unmap(s->shared);
    mb_log_redirect(NULL, NULL);
}

static int null_fd(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A parcel as the checker makes it, with a config of that backlog. */
static void fill(struct mb__parcel *parcel, uint32_t backlog_ms)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = {1};
    struct mb_config *config = mb_xconfig_default();
    struct mb_notice_keys *keys = mb_xnotice_keys_new();

    config->backlog_ms = backlog_ms;
    assert_int_equal(mb_notice_keys_add(keys, key), 0);
    assert_int_equal(mb__piece_of_config(config, &parcel->fds[MB__PIECE_CONFIG], NULL), 0);
    assert_int_equal(mb__piece_of_keys(keys, &parcel->fds[MB__PIECE_KEYS], NULL), 0);
    parcel->fds[MB__PIECE_BUNDLE] = null_fd();
    mb_config_free(config);
    mb_notice_keys_free(keys);
}

static void end_checker(struct mb__supervisor *s)
{
    struct mb__checker *checker = &s->generations.checker;

    if (checker->pid > 0) {
        kill(checker->pid, SIGKILL);
        assert_int_equal(waitpid(checker->pid, NULL, 0), checker->pid);
        mb__checker_close(checker);
    }
}

/* The checker ends, and that is its verdict. */
static inline void judge(struct mb__supervisor *s, enum mb__reload_outcome outcome)
{
    struct mb__letter verdict = {.head = {.type = MB__LETTER_VERDICT, .outcome = (int)outcome},
                                 .parcel = MB__PARCEL_EMPTY};
    bool good = outcome == MB__RELOAD_LOADED || outcome == MB__RELOAD_ROLLED_BACK;

    assert_true(s->generations.checker.pid > 0);
    end_checker(s);
    verdict.head.code = outcome == MB__RELOAD_REFUSED ? MB_ESCRIPT : 0;
    strcpy(verdict.head.version, good ? "b1" : "");
    strcpy(verdict.head.error, outcome == MB__RELOAD_REFUSED ? "line 5" : "");
    strcpy(verdict.head.restart, "listen");
    verdict.parcel.fds[MB__PIECE_REPORT] = null_fd();
    if (good) {
        fill(&verdict.parcel, 77);
    }
    mb__generations_hear(s, &verdict);
}

#endif /* PLAY_H */
