#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/base/arena.h"
#include "moonbid/base/map.h"

static void ten_thousand_keys_are_found_again(void **state)
{
    (void)state;
    enum { N = 10000 };
    static int values[N];
    struct mb_map map = {0};
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    assert_null(mb_map_get(&map, MB_SLICE("k1")));
    for (int i = 0; i < N; i++) {
        struct mb_slice key = mb_xarena_printf(&arena, "key-%d", i);
        assert_null(mb_xmap_put(&map, key, &values[i]));
    }
    assert_int_equal(map.count, N);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(mb_map_get(&map, mb_xarena_printf(&arena, "key-%d", i)), &values[i]);
    assert_null(mb_map_get(&map, MB_SLICE("key-10000")));

    static bool seen[N];
    size_t at = 0, n_seen = 0;
    for (const struct mb_map_entry *entry; (entry = mb_map_next(&map, &at)); n_seen++) {
        ptrdiff_t i = (int *)entry->value - values;
        assert_false(seen[i]);
        seen[i] = true;
    }
    assert_int_equal(n_seen, N);
    mb_arena_fini(&arena);
    mb_map_fini(&map);
    mb_map_fini(&map);
}

static void keys_are_copied_and_may_be_any_bytes(void **state)
{
    (void)state;
    int a, b, c;
    char text[] = "a\0b";
    struct mb_map map = {0};
    assert_null(mb_xmap_put(&map, mb_slice(text, 3), &a));
    assert_null(mb_xmap_put(&map, mb_slice(text, 1), &b));
    assert_null(mb_xmap_put(&map, MB_SLICE(""), &c));
    memset(text, 'x', sizeof(text));
    assert_ptr_equal(mb_map_get(&map, MB_SLICE("a\0b")), &a);
    assert_ptr_equal(mb_map_get(&map, MB_SLICE("a")), &b);
    assert_ptr_equal(mb_map_get(&map, MB_SLICE("")), &c);
    assert_null(mb_map_get(&map, MB_SLICE_NONE));
    mb_map_fini(&map);
}

static void a_second_put_gives_back_the_first_value(void **state)
{
    (void)state;
    int a, b;
    struct mb_map map = {0};
    assert_null(mb_xmap_put(&map, MB_SLICE("k"), &a));
    assert_ptr_equal(mb_xmap_put(&map, MB_SLICE("k"), &b), &a);
    assert_ptr_equal(mb_map_get(&map, MB_SLICE("k")), &b);
    assert_int_equal(map.count, 1);
    mb_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_keys_are_found_again),
        cmocka_unit_test(keys_are_copied_and_may_be_any_bytes),
        cmocka_unit_test(a_second_put_gives_back_the_first_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
