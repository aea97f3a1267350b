/* test_counters.c - counters of scripts: windows, eviction, several processes, and the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000)
#define A MB_SLICE("a")
#define B MB_SLICE("b")

static struct mb_guard *open_at(const char *path, uint32_t max)
{
    struct mb_guard *guard;
    struct mb_guard_options options = {.counters_path = path, .counters_max = max};
    struct mb_error err = {0};

    if (mb_guard_open(&options, &guard, &err) < 0) {
        fail_msg("%s %s", err.where, err.what);
    }
    return guard;
}

static void a_window_starts_at_first_use(void **state)
{
    struct mb_guard *guard = open_at(NULL, 0);
    struct mb_slice key = MB_SLICE("k");

    (void)state;
    assert_int_equal(mb_guard_get(guard, A, key, NOW), 0);
    assert_int_equal(mb_guard_incr(guard, A, key, 5, 1000, NOW), 5);
    assert_int_equal(mb_guard_incr(guard, A, key, -7, 1000, NOW + 999), -2);
    assert_int_equal(mb_guard_get(guard, A, key, NOW + 999), -2);
    assert_int_equal(mb_guard_get(guard, A, key, NOW + 1000), 0);
    assert_int_equal(mb_guard_incr(guard, A, key, 1, 1000, NOW + 1000), 1);
    assert_int_equal(mb_guard_incr(guard, A, key, 1, 1000, NOW + 1999), 2);
    assert_int_equal(mb_guard_incr(guard, A, key, 1, 0, NOW + 2000), 1);
    assert_int_equal(mb_guard_evicted(guard), 0);
    mb_guard_close(guard);
}

static void keys_belong_to_their_strategy_unless_shared(void **state)
{
    struct mb_guard *guard = open_at(NULL, 0);

    (void)state;
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, B, MB_SLICE("k"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("shared:k"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, B, MB_SLICE("shared:k"), 1, 1000, NOW), 2);
    /* neither the border between the two nor a zero byte confuses keys */
    assert_int_equal(mb_guard_incr(guard, MB_SLICE("ab"), MB_SLICE("c"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("bc"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k\0"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE(""), 1, 1000, NOW), 1);
    mb_guard_close(guard);
}

static void values_saturate(void **state)
{
    struct mb_guard *guard = open_at(NULL, 0);
    int64_t most = (INT64_C(1) << 47) - 1;

    (void)state;
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), INT64_MAX, INT64_MAX, NOW), most);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), INT64_MAX, 1, NOW), most);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), INT64_MIN, 1, NOW), -most);
    mb_guard_close(guard);
}

static int64_t count(struct mb_guard *guard, int number, int64_t window_ms)
{
    char key[16];

    snprintf(key, sizeof(key), "key%d", number);
    return mb_guard_incr(guard, A, mb_slice_of(key), 1, window_ms, NOW);
}

/* Ten times more keys than places: long windows outlive short ones. */
static void the_soonest_to_expire_goes_first(void **state)
{
    struct mb_guard *guard = open_at(NULL, 64);

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(count(guard, i, 1000000), 1);
    }
    for (int i = 100; i < 740; i++) {
        assert_int_equal(count(guard, i, 1000 + i), 1);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(count(guard, i, 1000000), 2);
    }
    assert_in_range(mb_guard_evicted(guard), 640 + 4 - 64, 640);
    mb_guard_close(guard);
}

/* --- several processes --- */

enum { CHILDREN = 4, ROUNDS = 30000, KEYS = 50 };

static void in_children(struct mb_guard *guard, void (*work)(struct mb_guard *guard, int child))
{
    pid_t children[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            work(guard, i);
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

static void count_up(struct mb_guard *guard, int child)
{
    (void)child;
    for (int i = 0; i < ROUNDS; i++) {
        count(guard, i % KEYS, 1000000);
    }
}

static void sums_are_exact_over_processes(void **state)
{
    (void)state;
    for (int round = 0; round < 10;
         round++) { /* a fresh table each: the race is in making entries */
        struct mb_guard *guard = open_at(NULL, 0);

        in_children(guard, count_up);
        for (int i = 0; i < KEYS; i++) {
            assert_int_equal(count(guard, i, 1), CHILDREN * ROUNDS / KEYS + 1);
        }
        mb_guard_close(guard);
    }
}

/* Windows of one key that end all the time, with clocks that disagree, beside counters that stay:
 * making and ending entries must not lose an increment of these. */
static void count_windows(struct mb_guard *guard, int child)
{
    (void)child;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t window = i / 10;
        char key[32];

        mb_guard_incr(guard, A, MB_SLICE("short"), 1, 10, NOW + window * 10);
        snprintf(key, sizeof(key), "window%d", (int)(window % 100));
        mb_guard_incr(guard, A, mb_slice_of(key), 1, INT64_C(1) << 40, NOW);
    }
}

static void windows_that_end_lose_nothing_of_others(void **state)
{
    struct mb_guard *guard = open_at(NULL, 1024);
    int64_t sum = 0;

    (void)state;
    in_children(guard, count_windows);
    for (int i = 0; i < 100; i++) {
        char key[32];

        snprintf(key, sizeof(key), "window%d", i);
        sum += mb_guard_get(guard, A, mb_slice_of(key), NOW);
    }
    assert_int_equal(sum, CHILDREN * ROUNDS);
    mb_guard_close(guard);
}

/* A full table under fire: a counter never shows more than was counted. */
static void fight_for_places(struct mb_guard *guard, int child)
{
    for (int i = 0; i < ROUNDS; i++) {
        int64_t value = count(guard, (i * 7 + child) % 500, 1000 + i % 100);

        if (value < 1 || value > CHILDREN * ROUNDS / 500 + CHILDREN) {
            _exit(1);
        }
    }
}

static void eviction_never_mixes_counters(void **state)
{
    struct mb_guard *guard = open_at(NULL, 64);

    (void)state;
    in_children(guard, fight_for_places);
    assert_true(mb_guard_evicted(guard) > 0);
    mb_guard_close(guard);
}

/* A claim whose owner died is finished by whoever wants the same key. */
static void a_dead_claim_is_helped(void **state)
{
    struct mb_guard *guard = open_at(NULL, 64);
    struct mb__counters *counters = guard->counters;
    struct mb_slice pieces[2] = {A, MB_SLICE("k")};
    uint64_t name[2];
    uint32_t at;

    (void)state;
    mb__hash(counters->seed, pieces, 2, name);
    at = (uint32_t)(name[0] >> 16) & counters->mask;
    atomic_store(&counters->entries[at].state, (name[0] ^ name[1]) << 17 | 0x10000 | 1);
    assert_int_equal(mb_guard_get(guard, A, MB_SLICE("k"), NOW), 0);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 1, 1000, NOW), 1);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 1, 1000, NOW), 2);
    assert_int_equal(atomic_load(&counters->entries[at].value) >> 16, 2);
    mb_guard_close(guard);
}

/* --- the file --- */

static char folder[64], path[96], aside[104];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/moonbid-counters-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/counters", folder);
    snprintf(aside, sizeof(aside), "%s.bad", path);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(aside);
    return rmdir(folder);
}

static int warnings;

static void on_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)line;
    (void)len;
    warnings += level == MB_LOG_WARN;
}

static void the_file_survives_a_restart(void **state)
{
    struct mb_guard *guard = open_at(path, 128);

    (void)state;
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 41, 100000, NOW), 41);
    mb_guard_close(guard);
    guard = open_at(path, 128);
    assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 1, 100000, NOW + 99999), 42);
    assert_int_equal(mb_guard_get(guard, A, MB_SLICE("k"), NOW + 100000), 0);
    mb_guard_close(guard);
    assert_int_not_equal(access(aside, F_OK), 0);
}

static void a_damaged_file_is_moved_aside(void **state)
{
    static const struct {
        const char *what;
        long at;      /* byte to change, or -1 */
        long cut;     /* length to cut to, or -1 */
        uint32_t max; /* opened with so many the second time */
    } rows[] = {
        {"magic", 0, -1, 128},
        {"version", 8, -1, 128},
        {"entry size", 12, -1, 128},
        {"entries", 16, -1, 128},
        {"empty", -1, 0, 128},
        {"within the header", -1, 20, 128},
        {"one byte short", -1, 4096 + 128 * 32 - 1, 128},
        {"another size", -1, -1, 256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_guard *guard = open_at(path, 128);
        FILE *file;

        print_message("%s\n", rows[i].what);
        mb_guard_incr(guard, A, MB_SLICE("k"), 41, 100000, NOW);
        mb_guard_close(guard);
        if (rows[i].at >= 0) {
            file = fopen(path, "r+b");
            fseek(file, rows[i].at, SEEK_SET);
            fputc(0x7f, file);
            fclose(file);
        }
        if (rows[i].cut >= 0) {
            assert_int_equal(truncate(path, rows[i].cut), 0);
        }
        warnings = 0;
        mb_log_redirect(on_line, NULL);
        guard = open_at(path, rows[i].max);
        mb_log_redirect(NULL, NULL);
        assert_int_equal(warnings, 1);
        assert_int_equal(access(aside, F_OK), 0);
        assert_int_equal(mb_guard_incr(guard, A, MB_SLICE("k"), 1, 100000, NOW), 1);
        mb_guard_close(guard);
        unlink(path);
        unlink(aside);
    }
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    struct mb_guard_options options = {.counters_path = "/tmp/moonbid-no-such-folder/counters"};
    struct mb_guard *guard;
    struct mb_error err = {0};

    (void)state;
    assert_int_equal(mb_guard_open(&options, &guard, &err), MB_EIO);
    assert_null(guard);
    assert_int_equal(err.code, MB_EIO);
}

#define FILE_CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_starts_at_first_use),
        cmocka_unit_test(keys_belong_to_their_strategy_unless_shared),
        cmocka_unit_test(values_saturate),
        cmocka_unit_test(the_soonest_to_expire_goes_first),
        cmocka_unit_test(sums_are_exact_over_processes),
        cmocka_unit_test(windows_that_end_lose_nothing_of_others),
        cmocka_unit_test(eviction_never_mixes_counters),
        cmocka_unit_test(a_dead_claim_is_helped),
        FILE_CASE(the_file_survives_a_restart),
        FILE_CASE(a_damaged_file_is_moved_aside),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
