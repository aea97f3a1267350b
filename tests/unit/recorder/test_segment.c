/* The files of a recorder: readable where they were cut, never more than the limit, and no trouble
 * where the disk is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "internal.h"

static char folder[64];
static struct mb_recorder_counts counts;
static struct mb__segments *segments;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/moonbid-segments-XXXXXX");
    assert_non_null(mkdtemp(folder));
    memset(&counts, 0, sizeof(counts));
    segments = mb__xsegments_new(folder, 1, &counts);
    mb__segments_limit(segments, 2 << 20);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    mb__segments_free(segments);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

/* The bytes of all files; *name gets the last one. */
static uint64_t sum(size_t *files, char *name)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    struct stat st;
    uint64_t bytes = 0;

    *files = 0;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
            bytes += (uint64_t)st.st_size;
            (*files)++;
            sprintf(name, "%s/%s", folder, entry->d_name);
        }
    }
    closedir(dir);
    return bytes;
}

static void add_noise(size_t bytes)
{
    static unsigned seed = 1;
    char line[1001];
    size_t i;

    for (; bytes > 0; bytes -= bytes < 1000 ? bytes : 1000) {
        for (i = 0; i < 1000; i++) {
            line[i] = (char)(' ' + rand_r(&seed) % 90);
        }
        line[1000] = '\n';
        mb__segments_add(segments, mb_slice(line, sizeof(line)));
    }
}

static void what_was_flushed_is_readable_without_an_end(void **state)
{
    char name[256], text[64];
    size_t files;
    bool fresh;
    gzFile in;

    (void)state;
    assert_true(mb__segments_ready(segments, 1000, &fresh) && fresh);
    mb__segments_add(segments, MB_SLICE("first\n"));
    mb__segments_add(segments, MB_SLICE("second\n"));
    mb__segments_flush(segments, 2000);
    mb__segments_add(segments, MB_SLICE("third\n"));
    (void)sum(&files, name);
    assert_int_equal(files, 1);
    in = gzopen(name, "rb");
    assert_int_equal(gzread(in, text, sizeof(text)), strlen("first\nsecond\n"));
    assert_memory_equal(text, "first\nsecond\n", strlen("first\nsecond\n"));
    gzclose(in);
}

static void the_oldest_goes_when_all_pass_the_limit(void **state)
{
    char name[256];
    size_t files, i;
    bool fresh;

    (void)state;
    for (i = 0; i < 60; i++) {
        assert_true(mb__segments_ready(segments, (int64_t)i * 10000, &fresh));
        add_noise(100000);
        mb__segments_flush(segments, (int64_t)i * 10000 + 5000);
        assert_true(sum(&files, name) <= (2 << 20) + (128 << 10));
    }
    assert_true(counts.removed > 10);
    assert_true(counts.bytes > 4 << 20);
}

static void a_file_that_somebody_removed_is_done_with(void **state)
{
    char name[256];
    size_t files;
    bool fresh;

    (void)state;
    assert_true(mb__segments_ready(segments, 1000, &fresh));
    mb__segments_add(segments, MB_SLICE("first\n"));
    mb__segments_flush(segments, 2000);
    (void)sum(&files, name);
    assert_int_equal(unlink(name), 0);
    mb__segments_flush(segments, 3000);
    assert_true(mb__segments_ready(segments, 4000, &fresh) && fresh);
    (void)sum(&files, name);
    assert_int_equal(files, 1);
}

static void a_disk_that_refuses_is_left_alone_for_a_while(void **state)
{
    char wrong[80];
    struct mb__segments *other;
    int64_t now_ms = mb_time_now_ms();
    bool fresh;
    int fd;

    (void)state;
    snprintf(wrong, sizeof(wrong), "%s/file", folder);
    fd = open(wrong, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    other = mb__xsegments_new(wrong, 1, &counts);
    mb__segments_limit(other, 1 << 20);
    assert_false(mb__segments_ready(other, now_ms, &fresh));
    unlink(wrong);
    assert_false(mb__segments_ready(other, now_ms + 100, &fresh));
    assert_true(mb__segments_ready(other, now_ms + 20000, &fresh) && fresh);
    mb__segments_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_flushed_is_readable_without_an_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_goes_when_all_pass_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_somebody_removed_is_done_with, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_refuses_is_left_alone_for_a_while, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
