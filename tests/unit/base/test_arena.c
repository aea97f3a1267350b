#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 1024);
    char *before = NULL;
    for (size_t bytes = 0; bytes < 300; bytes++) {
        char *memory = mb_xarena_alloc(&arena, bytes);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0x55, bytes);
        if (before && bytes > 1)
            assert_int_equal(before[bytes - 2], 0x55);
        before = memory;
    }
    mb_arena_fini(&arena);
}

static void a_warm_arena_serves_from_the_same_block(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    void *first = mb_xarena_alloc(&arena, 100);
    struct mb_arena_block *block = arena.head;
    for (int i = 0; i < 100; i++) {
        mb_arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
        assert_ptr_equal(mb_xarena_alloc(&arena, 100), first);
        assert_ptr_equal(arena.head, block);
    }
    mb_arena_fini(&arena);
}

static void a_reset_zeroes_what_is_handed_out_again(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 1024);
    memset(mb_xarena_alloc(&arena, 64), 0xff, 64);
    mb_arena_reset(&arena);
    const char *again = mb_xarena_alloc(&arena, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(again[i], 0);
    mb_arena_fini(&arena);
}

static void a_large_request_leaves_nothing_behind(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 2048);
    mb_xarena_alloc(&arena, 1 << 20);
    assert_true(arena.used_bytes >= 1 << 20);
    mb_arena_reset(&arena);
    assert_null(arena.head); /* the only block was larger than what is kept */

    mb_xarena_alloc(&arena, 1000);
    struct mb_arena_block *small = arena.head;
    mb_xarena_alloc(&arena, 1 << 20);
    mb_arena_reset(&arena);
    assert_ptr_equal(arena.head, small);
    mb_arena_fini(&arena);
}

static void copies_end_in_a_nul_and_absent_stays_absent(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 1024);
    struct mb_slice copy = mb_xarena_copy(&arena, MB_SLICE("a\0b"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.data, "a\0b", 4);
    assert_true(mb_slice_present(mb_xarena_copy(&arena, MB_SLICE(""))));
    assert_false(mb_slice_present(mb_xarena_copy(&arena, MB_SLICE_NONE)));
    struct mb_slice text = mb_xarena_printf(&arena, "%d-%s", 7, "x");
    assert_string_equal(text.data, "7-x");
    assert_int_equal(text.len, 3);
    mb_arena_fini(&arena);
}

static void fini_is_safe_twice_and_on_zeroes(void **state)
{
    (void)state;
    struct mb_arena arena = {0};
    mb_arena_fini(&arena);
    assert_non_null(mb_xarena_alloc(&arena, 10)); /* a zeroed arena takes the least block */
    mb_arena_fini(&arena);
    mb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(a_warm_arena_serves_from_the_same_block),
        cmocka_unit_test(a_reset_zeroes_what_is_handed_out_again),
        cmocka_unit_test(a_large_request_leaves_nothing_behind),
        cmocka_unit_test(copies_end_in_a_nul_and_absent_stays_absent),
        cmocka_unit_test(fini_is_safe_twice_and_on_zeroes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
