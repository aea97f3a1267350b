/* folder.c - the data folder: made, locked, and given to the user who shall write in it.
 *
 * The lock belongs to the open file, which the children inherit: a second server is refused as long
 * as one process of the first lives. The lock file holds the supervisor's process id. If that
 * process is gone, its children are on their way out and worth waiting for: so whoever restarts a
 * server that was killed need not know how long its workers take to answer what they have.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor.h"

int mb__process_make_folder(const char *path, struct mb_error *err)
{
    struct mb_buf text = {0};
    char *slash;
    int rc = 0;

    mb_xbuf_printf(&text, "%s%c", path, '\0');
    for (slash = strchr(text.data + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(text.data, 0777); /* the last one tells whether it worked */
        *slash = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        rc = mb_fail(err, MB_EIO, path, "cannot make the folder: %s", strerror(errno));
    }
    mb_buf_fini(&text);
    return rc;
}

static const struct passwd *find_user(const char *name, struct mb_error *err)
{
    const struct passwd *user = getpwnam(name);

    if (!user) {
        (void)mb_fail(err, MB_ENOTFOUND, "user", "there is no user '%s' on this system", name);
    }
    return user;
}

static int give_to(const char *path, const char *owner, struct mb_error *err)
{
    const struct passwd *user = find_user(owner, err);

    if (!user) {
        return MB_ENOTFOUND;
    }
    if (user->pw_uid != geteuid() && chown(path, user->pw_uid, user->pw_gid) != 0) {
        return mb_fail(err, MB_EIO, path, "cannot be given to user '%s': %s", owner,
                       strerror(errno));
    }
    return 0;
}

/* Does the lock's owner, whose process id stands in the file, still live? */
static bool owner_lives(int fd)
{
    char text[16] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;

    return pid <= 0 || pid > INT_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

static bool try_lock(int fd, uint32_t patience_ms)
{
    uint64_t until_ms = mb__shared_clock_ms() + patience_ms;
    bool said = false;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (owner_lives(fd) || mb__shared_clock_ms() >= until_ms) {
            return false;
        }
        if (!said) {
            mb_log(MB_LOG_WARN, "process", "waiting for workers whose supervisor is dead", NULL);
            said = true;
        }
        (void)poll(NULL, 0, 10);
    }
    return true;
}

static void write_pid(int fd)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    /* For the next one's patience only: a full disk is no reason not to serve. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        mb_log(MB_LOG_WARN, "process", "lock file not written", "error=%s", strerror(errno));
    }
}

int mb__folder_lock(const char *path, const char *owner, uint32_t patience_ms, int *fd,
                    struct mb_error *err)
{
    bool is_there = access(path, F_OK) == 0;
    struct mb_buf file = {0};
    int rc = mb__process_make_folder(path, err);

    *fd = -1;
    if (!rc && owner && !is_there) {
        rc = give_to(path, owner, err);
    }
    if (rc) {
        return rc;
    }
    mb_xbuf_printf(&file, "%s/lock%c", path, '\0');
    *fd = open(file.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) {
        rc = mb_fail(err, MB_EIO, file.data, "%s", strerror(errno));
    } else if (!try_lock(*fd, patience_ms)) {
        rc = mb_fail(err, MB_EBUSY, path, "another moonbid uses this data folder");
    } else {
        write_pid(*fd);
    }
    mb_buf_fini(&file);
    return rc;
}

int mb__become_user(const char *name, struct mb_error *err)
{
    const struct passwd *user = find_user(name, err);

    if (!user) {
        return MB_ENOTFOUND;
    }
    if (user->pw_uid == geteuid()) {
        return 0;
    }
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0) {
        return mb_fail(err, MB_EIO, "user", "cannot become '%s' (only root can): %s", name,
                       strerror(errno));
    }
    return 0;
}
