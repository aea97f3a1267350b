/* segment.c - the files: recording-TIME-wWORKER-N.ndjson.gz, one open at a time.
 *
 * A flush ends a block of the stream and hands it to the system, so that a reader of a file that
 * was cut gets all lines up to there. Each worker writes files of its own; any of them removes the
 * oldest of all when together they pass the limit. Names begin with the time, so their order is
 * that of the files. A file that somebody removed is done with.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "moonbid/metrics.h"

#define PREFIX "recording-"
#define SUFFIX ".ndjson.gz"

enum {
    GZIP_BITS = 16 + 15,
    LEVEL = 1,
    MEMORY = 7, /* 192 kB, of 384: no larger files, and less of the cache at each look */
    OUT_BYTES = 65536,
    PARTS = 16, /* of the limit: so much is one segment at most */
    SEGMENT_MAX = 64 << 20,
    SEGMENT_MIN = 64 << 10,
    AGE_MS = 3600000,
    PATIENCE_MS = 10000, /* after the disk has refused */
    LOOK_MS = 5000,      /* how often the folder is summed up */
    NAME_MAX_BYTES = 128,
};

struct mb__segments {
    char *folder;
    uint32_t worker, number;
    uint64_t max_bytes;
    struct mb_recorder_counts *counts;
    int fd; /* -1: none is open */
    bool refused;
    int64_t opened_ms, refused_ms, looked_ms;
    uint64_t bytes; /* of the open one */
    z_stream z;
    unsigned char out[OUT_BYTES];
};

struct mb__segments *mb__xsegments_new(const char *folder, uint32_t worker,
                                       struct mb_recorder_counts *counts)
{
    struct mb__segments *s = calloc(1, sizeof(*s));

    if (!s || !(s->folder = strdup(folder)) ||
        deflateInit2(&s->z, LEVEL, Z_DEFLATED, GZIP_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        abort();
    }
    s->worker = worker;
    s->counts = counts;
    s->fd = -1;
    return s;
}

void mb__segments_limit(struct mb__segments *s, uint64_t max_bytes)
{
    s->max_bytes = max_bytes;
}

/* --- writing --- */

static void refuse(struct mb__segments *s, const char *what)
{
    if (!s->refused) {
        mb_log(MB_LOG_WARN, "recorder", "cannot write: records are dropped", "folder=%s %s=%s",
               s->folder, what, strerror(errno));
    }
    s->refused = true;
    s->refused_ms = mb_time_now_ms();
}

static void close_file(struct mb__segments *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

static bool write_all(struct mb__segments *s, const unsigned char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(s->fd, data, len);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
            s->bytes += (uint64_t)n;
            mb_metrics_add(&s->counts->bytes, (uint64_t)n);
        } else if (n < 0 && errno != EINTR) {
            refuse(s, "write");
            close_file(s);
            return false;
        }
    }
    return true;
}

/* Compresses `text` and whatever `flush` lets out. */
static void feed(struct mb__segments *s, struct mb_slice text, int flush)
{
    s->z.next_in = (unsigned char *)(uintptr_t)text.data;
    s->z.avail_in = (unsigned)text.len;
    do {
        s->z.next_out = s->out;
        s->z.avail_out = OUT_BYTES;
        (void)deflate(&s->z, flush); /* with room for its output it cannot fail */
        if (!write_all(s, s->out, OUT_BYTES - s->z.avail_out)) {
            return;
        }
    } while (s->z.avail_out == 0);
}

/* --- the folder --- */

static bool is_segment(const char *name)
{
    size_t len = strlen(name);

    return len < NAME_MAX_BYTES && strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
           len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* The sum of all segments; `oldest` gets the name of the first, or "". */
static uint64_t sum_up(const struct mb__segments *s, DIR *dir, char oldest[NAME_MAX_BYTES])
{
    struct dirent *entry;
    uint64_t sum = 0;
    struct stat st;

    (void)s;
    oldest[0] = '\0';
    rewinddir(dir);
    while ((entry = readdir(dir))) {
        if (!is_segment(entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
            continue;
        }
        sum += (uint64_t)st.st_size;
        if (!oldest[0] || strcmp(entry->d_name, oldest) < 0) {
            strcpy(oldest, entry->d_name);
        }
    }
    return sum;
}

/* Removes the oldest until `room_bytes` more fit. */
static void make_room(struct mb__segments *s, uint64_t room_bytes)
{
    char oldest[NAME_MAX_BYTES];
    DIR *dir = opendir(s->folder);

    if (!dir) {
        return;
    }
    while (sum_up(s, dir, oldest) + room_bytes > s->max_bytes && oldest[0] &&
           unlinkat(dirfd(dir), oldest, 0) == 0) {
        mb_metrics_add(&s->counts->removed, 1);
    }
    closedir(dir);
}

static uint64_t segment_bytes(const struct mb__segments *s)
{
    uint64_t part = s->max_bytes / PARTS;

    return part < SEGMENT_MIN ? SEGMENT_MIN : part > SEGMENT_MAX ? SEGMENT_MAX : part;
}

static bool open_file(struct mb__segments *s, int64_t now_ms)
{
    struct mb_buf path = {0};

    if (mkdir(s->folder, 0750) && errno != EEXIST) {
        refuse(s, "mkdir");
        return false;
    }
    make_room(s, segment_bytes(s));
    mb_xbuf_printf(&path, "%s/" PREFIX "%013lld-w%u-%u" SUFFIX "%c", s->folder, (long long)now_ms,
                   s->worker, ++s->number, '\0');
    s->fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (s->fd < 0) {
        refuse(s, "open");
    }
    mb_buf_fini(&path);
    s->bytes = 0;
    s->opened_ms = s->looked_ms = now_ms;
    return s->fd >= 0 && deflateReset(&s->z) == Z_OK;
}

bool mb__segments_ready(struct mb__segments *s, int64_t now_ms, bool *fresh)
{
    *fresh = false;
    if (s->fd >= 0) {
        return true;
    }
    if (s->refused && now_ms - s->refused_ms < PATIENCE_MS && now_ms >= s->refused_ms) {
        return false;
    }
    *fresh = open_file(s, now_ms);
    if (*fresh && s->refused) {
        mb_log(MB_LOG_INFO, "recorder", "writes again", "folder=%s", s->folder);
        s->refused = false;
    }
    return *fresh;
}

void mb__segments_add(struct mb__segments *s, struct mb_slice line)
{
    if (s->fd >= 0) {
        feed(s, line, Z_NO_FLUSH);
    }
}

static void end_file(struct mb__segments *s)
{
    if (s->fd >= 0) {
        feed(s, MB_SLICE(""), Z_FINISH);
    }
    close_file(s);
}

static bool was_removed(const struct mb__segments *s)
{
    struct stat st;

    return fstat(s->fd, &st) == 0 && st.st_nlink == 0;
}

void mb__segments_flush(struct mb__segments *s, int64_t now_ms)
{
    if (s->fd < 0) {
        return;
    }
    feed(s, MB_SLICE(""), Z_SYNC_FLUSH);
    if (s->fd >= 0 &&
        (s->bytes >= segment_bytes(s) || now_ms - s->opened_ms >= AGE_MS || was_removed(s))) {
        end_file(s);
    } else if (now_ms - s->looked_ms >= LOOK_MS) {
        s->looked_ms = now_ms;
        make_room(s, 0);
    }
}

void mb__segments_free(struct mb__segments *s)
{
    end_file(s);
    deflateEnd(&s->z);
    free(s->folder);
    free(s);
}
