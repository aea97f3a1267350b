#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "moonbid/base/buf.h"
#include "moonbid/base/log.h"

static struct mb_buf caught; /* the last line, NUL-terminated */
static int n_caught;

static void catch_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    mb_buf_clear(&caught);
    mb_xbuf_add(&caught, line, len);
    mb_xbuf_add_char(&caught, '\0');
    n_caught++;
}

static int set_up(void **state)
{
    (void)state;
    mb_log_redirect(catch_line, NULL);
    n_caught = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_log_redirect(NULL, NULL);
    mb_log_setup(MB_LOG_INFO, MB_LOG_TEXT);
    mb_buf_fini(&caught);
    return 0;
}

#define TIME_BYTES strlen("2026-03-02T09:00:00.123Z")

static void a_line_has_time_level_module_message_and_values(void **state)
{
    (void)state;
    mb_log(MB_LOG_INFO, "process", "listening", "addr=%s", "127.0.0.1:8080");
    assert_string_equal(caught.data + TIME_BYTES, " info process listening addr=127.0.0.1:8080");
    mb_log(MB_LOG_WARN, "process", "draining", NULL);
    assert_string_equal(caught.data + TIME_BYTES, " warn process draining");
    n_caught = 0;
    mb_log(MB_LOG_DEBUG, "process", "unseen", NULL);
    assert_int_equal(n_caught, 0);
}

static void a_hostile_value_cannot_forge_a_line(void **state)
{
    (void)state;
    mb_log(MB_LOG_ERROR, "net", "refused", "ua=%s",
           "x\n2026-01-01T00:00:00.000Z info\r\t\x1b[2J\x7f\xff\xc2\x9b\xc3\xa9");
    assert_string_equal(
        caught.data + TIME_BYTES,
        " error net refused ua=x\\x0a2026-01-01T00:00:00.000Z info\\x0d\\x09\\x1b[2J"
        "\\x7f\\xff\\xc2\\x9b\xc3\xa9");
    mb_log_setup(MB_LOG_INFO, MB_LOG_JSON);
    mb_log(MB_LOG_INFO, "net", "refused", "ua=%s", "\"\\\n\xff");
    assert_non_null(strstr(caught.data, "\",\"level\":\"info\",\"module\":\"net\",\"message\":"
                                        "\"refused\",\"detail\":\"ua=\\\"\\\\\\\\x0a\\\\xff\"}"));
}

static void a_long_line_is_cut_and_still_well_formed(void **state)
{
    (void)state;
    static char longer[20000];
    memset(longer, '"', sizeof(longer) - 1);
    mb_log_setup(MB_LOG_INFO, MB_LOG_JSON);
    mb_log(MB_LOG_INFO, "net", "long", "%s", longer);
    size_t len = caught.len - 1;
    assert_true(len < MB_LOG_LINE_MAX);
    assert_true(len > MB_LOG_LINE_MAX - 100);
    assert_string_equal(caught.data + len - 4, "\\\"\"}");
}

/* Standard error becomes a pipe that nobody reads: the lines that do not fit are dropped and
 * counted, the caller is never held up, and the next line that goes out says how many were lost. */
static void a_full_pipe_drops_and_counts(void **state)
{
    (void)state;
    enum { TRIES = 1000 };
    mb_log_redirect(NULL, NULL);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    uint64_t before = mb_log_dropped();
    for (int i = 0; i < TRIES; i++)
        mb_log(MB_LOG_INFO, "test", "line", "%01000d", i);
    uint64_t dropped = mb_log_dropped() - before;

    static char sink[1 << 20];
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    ssize_t held = read(ends[0], sink, sizeof(sink));
    mb_log(MB_LOG_INFO, "test", "after", NULL);
    char text[256] = "";
    ssize_t len = read(ends[0], text, sizeof(text) - 1);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);

    assert_true(dropped > 0 && dropped < TRIES);
    size_t n_lines = 0;
    for (ssize_t i = 0; i < held; i++)
        n_lines += sink[i] == '\n';
    assert_int_equal(n_lines + dropped, TRIES);
    char expected[64];
    snprintf(expected, sizeof(expected), " info test after dropped=%llu\n",
             (unsigned long long)dropped);
    assert_true(len > 0);
    assert_string_equal(text + TIME_BYTES, expected);
}

/* Several processes, as workers do, write to one pipe that nobody reads, all at the same moment
 * and when it takes one more line. Each may find that room; whoever waited for it then would wait
 * for ever. */
static void nobody_waits_where_others_fill_the_pipe(void **state)
{
    (void)state;
    enum { ROUNDS = 300, WRITERS = 4, PIPE_PAGES = 16 };
    static const char page[4096];
    atomic_int *ready = mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mb_log_redirect(NULL, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        pid_t writers[WRITERS];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, PIPE_PAGES * sizeof(page)),
                         PIPE_PAGES * sizeof(page));
        for (int i = 0; i < PIPE_PAGES - 1; i++)
            assert_int_equal(write(ends[1], page, sizeof(page)), sizeof(page));
        atomic_store(ready, 0);
        for (int i = 0; i < WRITERS; i++) {
            writers[i] = fork();
            if (writers[i] == 0) {
                dup2(ends[1], STDERR_FILENO);
                alarm(5); /* its end by SIGALRM fails the test */
                atomic_fetch_add(ready, 1);
                while (atomic_load(ready) < WRITERS)
                    ;
                mb_log(MB_LOG_INFO, "test", "line", "%03500d", i);
                _exit(0);
            }
        }
        for (int i = 0; i < WRITERS; i++) {
            int status;
            assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
            assert_int_equal(status, 0);
        }
        close(ends[0]);
        close(ends[1]);
    }
    munmap(ready, sizeof(*ready));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_module_message_and_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_hostile_value_cannot_forge_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_well_formed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_pipe_drops_and_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_waits_where_others_fill_the_pipe, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
