/* test_notes.c - what the guard gives the ledger to keep comes back, the last of each name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/ledger.h"

struct fixture {
    char dir[64], text[1024];
    struct mb_ledger *ledger;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    snprintf(f->dir, sizeof f->dir, "/tmp/mb-notes-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;

    mb_ledger_close(f->ledger);
    for (int i = 0; i < 3; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/ledger.db%s", f->dir, names[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct fixture *f = user;
    size_t at = strlen(f->text);

    at += (size_t)snprintf(f->text + at, sizeof f->text - at, "%.*s=", MB_SLICE_ARG(name));
    for (size_t i = 0; i < bytes.len; i++) {
        at += (size_t)snprintf(f->text + at, sizeof f->text - at, "%02x", (uint8_t)bytes.data[i]);
    }
    snprintf(f->text + at, sizeof f->text - at, " ");
}

static void on_overrun(void *user, const struct mb_overrun *o)
{
    struct fixture *f = user;
    size_t at = strlen(f->text);

    snprintf(f->text + at, sizeof f->text - at, "%.*s:%d:%d:%d:%d:%d ", MB_SLICE_ARG(o->strategy),
             (int)o->day, (int)o->daily.nanos, (int)o->total.nanos, (int)o->late,
             (int)o->late_cost.nanos);
}

static const char *told(struct fixture *f)
{
    f->text[0] = '\0';
    assert_int_equal(mb_ledger_each_note(f->ledger, on_state, on_overrun, f, NULL), 0);
    return f->text;
}

static void the_last_of_each_name_comes_back(void **state)
{
    struct fixture *f = *state;
    const struct mb_pair first[] = {{MB_SLICE("a"), mb_slice("\0\xff", 2)},
                                    {MB_SLICE("b"), MB_SLICE("")}};
    const struct mb_pair second[] = {{MB_SLICE("b"), MB_SLICE("x")}};
    const struct mb_overrun days[] = {{MB_SLICE("s"), 20001, {5}, {6}, 7, {8}},
                                      {MB_SLICE("s"), 20000, {1}, {2}, 3, {4}}};
    const struct mb_overrun later[] = {{MB_SLICE("s"), 20001, {50}, {60}, 70, {80}}};

    assert_string_equal(told(f), "");
    assert_int_equal(mb_ledger_note(f->ledger, &(struct mb_ledger_notes){first, 2, days, 2}, NULL),
                     0);
    assert_string_equal(told(f), "a=00ff b= s:20000:1:2:3:4 s:20001:5:6:7:8 ");
    assert_int_equal(
        mb_ledger_note(f->ledger, &(struct mb_ledger_notes){second, 1, later, 1}, NULL), 0);
    mb_ledger_close(f->ledger);
    assert_int_equal(mb_ledger_open(f->dir, &f->ledger, NULL), 0);
    assert_string_equal(told(f), "a=00ff b=78 s:20000:1:2:3:4 s:20001:50:60:70:80 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_of_each_name_comes_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
