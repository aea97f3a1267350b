/* A tape says again what was noted, whoever asks in whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/tape.h"

#define AT(kind, strategy, imp, key)                                                               \
    (&(struct mb_tape_at){kind, imp, MB_SLICE(strategy), MB_SLICE(key)})

static struct mb_arena arena;
static struct mb_tape live, again;

static int set_up(void **state)
{
    (void)state;
    mb_arena_init(&arena, 1024);
    mb_tape_record(&live, &arena);
    mb_tape_note_value(&live, AT(MB_TAPE_GET, "a", 0, "x"), 1);
    mb_tape_note_value(&live, AT(MB_TAPE_GET, "a", 0, "x"), 2);
    mb_tape_note_value(&live, AT(MB_TAPE_MAY, "b", 1, ""), 9);
    mb_tape_note_value(&live, AT(MB_TAPE_GET, "b", 0, "y"), 3);
    mb_tape_note_text(&live, AT(MB_TAPE_ARM, "b", 0, "test"), MB_SLICE("high"));
    mb_tape_rewind(&again, live.notes, live.count);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

static void in_the_same_order(void **state)
{
    (void)state;
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "a", 0, "x"), -1), 1);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "a", 0, "x"), -1), 2);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_MAY, "b", 1, ""), 0), 9);
    assert_true(mb_slice_is(mb_tape_play_text(&again, AT(MB_TAPE_ARM, "b", 0, "test")), "high"));
    assert_int_equal(again.lost, 0);
}

static void in_another_order_and_once_each(void **state)
{
    (void)state;
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "b", 0, "y"), -1), 3);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "a", 0, "x"), -1), 1);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "b", 0, "y"), -1), -1);
    assert_int_equal(again.lost, 1);
}

static void the_usual_where_nothing_was_noted(void **state)
{
    (void)state;
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_MAY, "b", 0, ""), 0), 0);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_MAY, "a", 1, ""), 0), 0);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_RESERVE, "b", 1, ""), 0), 0);
    assert_false(mb_slice_present(mb_tape_play_text(&again, AT(MB_TAPE_EMAIL, "", 0, ""))));
    assert_int_equal(again.lost, 0);
}

static void a_counter_whose_key_was_masked(void **state)
{
    (void)state;
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_GET, "a", 0, "other"), -1), 1);
    assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_MAY, "b", 1, "other"), 0), 0);
}

static void many_notes_and_all_kinds(void **state)
{
    struct mb_tape long_tape;
    int64_t i;
    int kind;

    (void)state;
    mb_tape_record(&long_tape, &arena);
    for (i = 0; i < 1000; i++) {
        mb_tape_note_value(&long_tape, AT(MB_TAPE_INCR, "s", 3, "k"), i);
    }
    mb_tape_rewind(&again, long_tape.notes, long_tape.count);
    for (i = 0; i < 1000; i++) {
        assert_int_equal(mb_tape_play_value(&again, AT(MB_TAPE_INCR, "s", 3, "k"), -1), i);
    }
    for (kind = 0; kind < MB_TAPE_KINDS; kind++) {
        assert_int_equal(mb_tape_kind_of(mb_slice_of(mb_tape_kind_name((enum mb_tape_kind)kind))),
                         kind);
    }
    assert_int_equal(mb_tape_kind_of(MB_SLICE("stranger")), MB_TAPE_KINDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_the_same_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_another_order_and_once_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_usual_where_nothing_was_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_counter_whose_key_was_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_notes_and_all_kinds, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
