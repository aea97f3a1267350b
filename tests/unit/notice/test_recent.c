/* Bids of the last hour: found again, forgotten in time, never mixed up. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/recent.h"

#define NOW INT64_C(1772442000000)
#define BODY(text) mb_slice_of(text)

static struct mb_recent *recent;

static int setup(void **state)
{
    (void)state;
    return mb_recent_open(&recent, NULL);
}

static int teardown(void **state)
{
    (void)state;
    mb_recent_close(recent);
    return 0;
}

static void expect(uint64_t key, int64_t now_ms, const char *text)
{
    uint8_t body[MB_RECENT_BODY_MAX];
    size_t len = mb_recent_get(recent, key, now_ms, body);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(body, text, len);
}

static void what_was_put_is_found_for_an_hour(void **state)
{
    (void)state;
    mb_recent_put(recent, 7, BODY("seven"), false, NOW);
    expect(7, NOW, "seven");
    expect(7, NOW + MB_RECENT_HOLD_MS, "seven");
    expect(7, NOW + MB_RECENT_HOLD_MS + 1, "");
    expect(8, NOW, "");
    mb_recent_put(recent, 7, BODY("again"), false, NOW + 1);
    expect(7, NOW + 1, "again");
}

static void a_key_that_two_share_names_neither(void **state)
{
    (void)state;
    mb_recent_put(recent, 7, BODY("one"), true, NOW);
    expect(7, NOW, "one");
    mb_recent_put(recent, 7, BODY("two"), true, NOW + 1);
    expect(7, NOW + 1, "");
    mb_recent_put(recent, 7, BODY("much later"), true, NOW + 2 * MB_RECENT_HOLD_MS);
    expect(7, NOW + 2 * MB_RECENT_HOLD_MS, "much later");
}

static void the_oldest_of_four_makes_room(void **state)
{
    (void)state;
    char text[8];
    for (uint64_t i = 0; i < 5; i++) { /* keys of the same four places */
        snprintf(text, sizeof text, "%u", (unsigned)i);
        mb_recent_put(recent, 1 + i, BODY(text), false, NOW + (int64_t)i);
    }
    expect(1, NOW + 5, "");
    for (uint64_t i = 1; i < 5; i++) {
        snprintf(text, sizeof text, "%u", (unsigned)i);
        expect(1 + i, NOW + 5, text);
    }
}

static void a_body_that_is_too_long_is_left_out(void **state)
{
    (void)state;
    static char body[MB_RECENT_BODY_MAX + 1];
    mb_recent_put(recent, 9, mb_slice(body, sizeof body), false, NOW);
    expect(9, NOW, "");
}

/* Writers that are killed anywhere: a reader gets a whole body of its key or nothing. */
static void nobody_reads_half_a_body(void **state)
{
    (void)state;
    enum { ROUNDS = 60, KEYS = 8 };
    for (int round = 0; round < ROUNDS; round++) {
        pid_t writer = fork();
        if (writer == 0) {
            char body[200];
            for (uint64_t i = 0;; i++) {
                memset(body, 'a' + (int)(i % 26), sizeof body);
                body[0] = (char)('0' + i % KEYS);
                mb_recent_put(recent, 1 + i % KEYS, mb_slice(body, sizeof body), false, NOW);
            }
        }
        for (int i = 0; i < 20000; i++) {
            uint8_t body[MB_RECENT_BODY_MAX];
            uint64_t key = 1 + (uint64_t)i % KEYS;
            size_t len = mb_recent_get(recent, key, NOW, body);
            if (len > 0) {
                assert_int_equal(len, 200);
                assert_int_equal(body[0], '0' + (int)key - 1);
                assert_int_equal(body[1], body[199]);
            }
        }
        assert_int_equal(kill(writer, SIGKILL), 0);
        waitpid(writer, NULL, 0);
    }
    /* What a dead writer left unreadable is usable again a minute later. */
    for (uint64_t key = 1; key <= KEYS; key++) {
        mb_recent_put(recent, key, BODY("alive"), false, NOW + 61000);
        expect(key, NOW + 61000, "alive");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found_for_an_hour),
        TEST(a_key_that_two_share_names_neither),
        TEST(the_oldest_of_four_makes_room),
        TEST(a_body_that_is_too_long_is_left_out),
        TEST(nobody_reads_half_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
