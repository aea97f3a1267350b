/* test_folder.c - one server a folder, also when the one before was killed. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor.h"

static char root[] = "/tmp/moonbid-folder-XXXXXX";
static char path[sizeof(root) + 16];

static void be_quiet(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    (void)line;
    (void)len;
}

static int setup(void **state)
{
    (void)state;
    mb_log_redirect(be_quiet, NULL);
    strcpy(root + sizeof(root) - 7, "XXXXXX");
    if (!mkdtemp(root)) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/deep/data", root);
    return 0;
}

static int teardown(void **state)
{
    char command[sizeof(root) + 16];

    (void)state;
    mb_log_redirect(NULL, NULL);
    snprintf(command, sizeof(command), "rm -r %s", root);
    return system(command);
}

static void a_second_one_is_refused_at_once(void **state)
{
    struct mb_error err = {0};
    int first, second;

    (void)state;
    assert_int_equal(mb__folder_lock(path, NULL, 60000, &first, &err), 0);
    assert_int_equal(mb__folder_lock(path, NULL, 60000, &second, &err), MB_EBUSY);
    assert_string_equal(err.where, path);
    if (second >= 0) {
        close(second);
    }
    close(first);
    assert_int_equal(mb__folder_lock(path, NULL, 0, &first, &err), 0);
    close(first);
}

/* The process that locked has ended and been waited for; its child holds the lock until `go` is
 * written to. */
static void lock_and_die(int go[2])
{
    int told[2];
    char byte;
    pid_t child;
    int status;

    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(told), 0);
    child = fork();
    if (child == 0) {
        int fd;

        if (mb__folder_lock(path, NULL, 0, &fd, NULL) != 0) {
            _exit(1);
        }
        if (fork() == 0) {
            close(go[1]);
            _exit(write(told[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1 ? 0 : 1);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    close(told[1]);
    close(go[0]);
}

static void children_of_a_dead_one_are_waited_for(void **state)
{
    struct mb_error err = {0};
    int go[2], fd;
    pid_t helper;

    (void)state;
    lock_and_die(go);
    assert_int_equal(mb__folder_lock(path, NULL, 30, &fd, &err), MB_EBUSY);
    close(fd);
    helper = fork();
    if (helper == 0) { /* lets the child end while we wait */
        _exit(poll(NULL, 0, 50) == 0 && write(go[1], "x", 1) == 1 ? 0 : 1);
    }
    close(go[1]);
    assert_int_equal(mb__folder_lock(path, NULL, 20000, &fd, &err), 0);
    close(fd);
    assert_int_equal(waitpid(helper, NULL, 0), helper);
}

static void what_is_in_the_way_is_named(void **state)
{
    struct mb_error err = {0};
    char file[sizeof(path)];
    int fd;

    (void)state;
    snprintf(file, sizeof(file), "%s/file", root);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(mb__folder_lock(file, NULL, 0, &fd, &err), MB_EIO);
    assert_non_null(strstr(err.where, file));
    assert_int_equal(mb__folder_lock(path, "no-such-user", 0, &fd, &err), MB_ENOTFOUND);
    assert_string_equal(err.where, "user");
    assert_int_equal(mb__become_user("no-such-user", &err), MB_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_one_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(children_of_a_dead_one_are_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
