/* Key files: made once, private, and refused when they are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/notice.h"

struct fixture {
    char dir[64];
    char path[96];
    struct mb_notice_keys *keys;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/moonbid-keys-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/notice.key", f->dir);
    f->keys = mb_xnotice_keys_new();
    *state = f;
    return 0;
}

/* The folder must be empty but for the key: no draft is left behind. */
static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0);
    mb_notice_keys_free(f->keys);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Does a token signed with `a` hold with `b`? */
static bool agree(const struct mb_notice_keys *a, const struct mb_notice_keys *b)
{
    struct mb_notice n = {.strategy = MB_SLICE("s")};
    struct mb_buf body = {0}, token = {0};
    struct mb_arena arena;
    mb_arena_init(&arena, 1024);
    assert_int_equal(mb_notice_encode(&n, &body), 0);
    mb_notice_sign(a, MB_EVENT_WIN, mb_buf_slice(&body), &token);
    int rc = mb_notice_verify(b, MB_EVENT_WIN, mb_buf_slice(&token), &arena, &n);
    mb_arena_fini(&arena);
    mb_buf_fini(&body);
    mb_buf_fini(&token);
    return rc == 0;
}

static void a_missing_file_is_made_private_and_read_again(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    struct stat st;
    mode_t old = umask(0);
    int rc = mb_notice_keys_add_file(f->keys, f->path, &err);
    umask(old);
    assert_int_equal(rc, 0);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 33);

    struct mb_notice_keys *again = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add_file(again, f->path, &err), 0);
    assert_true(agree(f->keys, again));
    mb_notice_keys_free(again);

    unlink(f->path);
    struct mb_notice_keys *fresh = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add_file(fresh, f->path, &err), 0);
    assert_false(agree(f->keys, fresh));
    mb_notice_keys_free(fresh);
}

#define DIGITS "000102030405060708090a0B0C0D0E0F"

static void a_file_holds_32_hex_digits_and_a_line_end(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        size_t len;
        int rc;
    } rows[] = {
#define ROW(text, rc) {text, sizeof text - 1, rc}
        ROW(DIGITS, 0),
        ROW(DIGITS "\n", 0),
        ROW(DIGITS "\r\n", 0),
        ROW("", MB_ESYNTAX),
        ROW("\n", MB_ESYNTAX),
        ROW("000102030405060708090a0b0c0d0e0", MB_ESYNTAX),
        ROW("000102030405060708090a0b0c0d0e0\n", MB_ESYNTAX),
        ROW(DIGITS "0", MB_ESYNTAX),
        ROW(DIGITS "00", MB_ESYNTAX),
        ROW(DIGITS "\n\n", MB_ESYNTAX),
        ROW(DIGITS "\n" DIGITS "\n", MB_ESYNTAX),
        ROW(" " DIGITS, MB_ESYNTAX),
        ROW("000102030405060708090a0b0c0d0e0g", MB_ESYNTAX),
        ROW("000102030405060708090a0b0c0d0e0\0", MB_ESYNTAX),
        ROW("00:01:02:03:04:05:06:07:08:09:0a", MB_ESYNTAX),
    };
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                     8, 9, 10, 11, 12, 13, 14, 15};
    struct mb_notice_keys *given = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add(given, key), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_error err = {0};
        struct mb_notice_keys *read = mb_xnotice_keys_new();
        write_file(f->path, rows[i].text, rows[i].len);
        int rc = mb_notice_keys_add_file(read, f->path, &err);
        if (rc != rows[i].rc) {
            fail_msg("row %zu gave %d: %s", i, rc, err.what);
        }
        if (rc) {
            assert_string_equal(err.where, f->path);
        } else {
            assert_true(agree(given, read));
        }
        mb_notice_keys_free(read);
    }
    mb_notice_keys_free(given);
}

static void what_cannot_be_read_or_made_is_an_io_error(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/no/such/folder", f->dir);
    assert_int_equal(mb_notice_keys_add_file(f->keys, path, &err), MB_EIO);
    assert_string_equal(err.where, path);
    assert_int_equal(mb_notice_keys_add_file(f->keys, f->dir, NULL), MB_EIO);
}

static void there_is_room_for_eight_keys(void **state)
{
    struct fixture *f = *state;
    struct mb_error err = {0};
    for (uint8_t i = 0; i < MB_NOTICE_KEYS_MAX; i++) {
        uint8_t key[MB_NOTICE_KEY_BYTES] = {i};
        assert_int_equal(mb_notice_keys_add(f->keys, key), 0);
    }
    uint8_t key[MB_NOTICE_KEY_BYTES] = {9};
    assert_int_equal(mb_notice_keys_add(f->keys, key), MB_ENOMEM);
    assert_int_equal(mb_notice_keys_add_file(f->keys, f->path, &err), MB_ENOMEM);
}

/* The same text, the same pseudonym; another text or another key, another one; and the text is not in it. */
static void a_pseudonym_needs_the_key(void **state)
{
    struct fixture *f = *state;
    static const uint8_t one[MB_NOTICE_KEY_BYTES] = "one", two[MB_NOTICE_KEY_BYTES] = "two";
    struct mb_notice_keys *others = mb_xnotice_keys_new();
    char a[16], again[16], b[16], other[16];

    assert_int_equal(mb_notice_keys_add(f->keys, one), 0);
    assert_int_equal(mb_notice_keys_add(others, two), 0);
    mb_notice_pseudonym(f->keys, MB_SLICE("dXNlckBleGFtcGxlLm9yZw=="), a);
    mb_notice_pseudonym(f->keys, MB_SLICE("dXNlckBleGFtcGxlLm9yZw=="), again);
    mb_notice_pseudonym(f->keys, MB_SLICE("dXNlckBleGFtcGxlLm9yZW=="), b);
    mb_notice_pseudonym(others, MB_SLICE("dXNlckBleGFtcGxlLm9yZw=="), other);
    assert_memory_equal(a, again, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, other, sizeof a);
    for (size_t i = 0; i < sizeof a; i++) {
        assert_non_null(memchr("0123456789abcdef", a[i], 16));
    }
    mb_notice_keys_free(others);
}

/* From one process to another: the same keys in the same order, and names that tell which is which. */
static void keys_travel_in_a_memory_file(void **state)
{
    struct fixture *f = *state;
    struct mb_notice_keys *got = NULL;
    char names[2][16], name[16];
    int fd = memfd_create("keys", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(mb_notice_keys_read(fd, &got, NULL), MB_EINVAL); /* none */
    assert_null(got);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t key[MB_NOTICE_KEY_BYTES] = {i};
        assert_int_equal(mb_notice_keys_add(f->keys, key), 0);
        mb_notice_keys_name(f->keys, i, names[i]);
    }
    assert_memory_not_equal(names[0], names[1], sizeof names[0]);
    assert_int_equal(mb_notice_keys_write(f->keys, fd, NULL), 0);
    assert_int_equal(mb_notice_keys_read(fd, &got, NULL), 0);
    assert_int_equal(mb_notice_keys_count(got), 2);
    assert_true(agree(f->keys, got));
    for (size_t i = 0; i < 2; i++) {
        mb_notice_keys_name(got, i, name);
        assert_memory_equal(name, names[i], sizeof name);
    }
    mb_notice_keys_free(got);
    assert_int_equal(ftruncate(fd, MB_NOTICE_KEY_BYTES + 1), 0);
    assert_int_equal(mb_notice_keys_read(fd, &got, NULL), MB_EINVAL);
    close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_missing_file_is_made_private_and_read_again),
        CASE(a_file_holds_32_hex_digits_and_a_line_end),
        CASE(what_cannot_be_read_or_made_is_an_io_error),
        CASE(there_is_room_for_eight_keys),
        CASE(a_pseudonym_needs_the_key),
        CASE(keys_travel_in_a_memory_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
