/* The ring between the loop and the writer: blocks come out whole, in order, or were never taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

enum { BYTES = 4096 };

static bool put(struct mb__ring *ring, char fill, size_t len)
{
    char *at = mb__ring_room(ring, len);

    if (at) {
        memset(at, fill, len);
        mb__ring_put(ring, len);
    }
    return at != NULL;
}

static void expect(struct mb__ring *ring, char fill, size_t len)
{
    struct mb_slice block = mb__ring_first(ring);
    size_t i;

    assert_int_equal(block.len, len);
    for (i = 0; i < len; i++) {
        assert_int_equal(block.data[i], fill);
    }
    mb__ring_drop(ring);
}

static void blocks_come_out_in_order(void **state)
{
    struct mb__ring *ring = mb__xring_new(BYTES);
    size_t i;

    (void)state;
    assert_false(mb_slice_present(mb__ring_first(ring)));
    for (i = 0; i < 10000; i++) { /* lengths that meet the end of the ring at every offset */
        size_t len = 1 + i * 37 % 900;

        assert_true(put(ring, (char)('a' + i % 26), len));
        assert_true(put(ring, (char)('A' + i % 26), len / 2));
        expect(ring, (char)('a' + i % 26), len);
        expect(ring, (char)('A' + i % 26), len / 2);
    }
    assert_false(mb_slice_present(mb__ring_first(ring)));
    mb__ring_free(ring);
}

static void a_full_ring_refuses_and_goes_on(void **state)
{
    struct mb__ring *ring = mb__xring_new(BYTES);
    int taken = 0;

    (void)state;
    assert_null(mb__ring_room(ring, BYTES));
    while (put(ring, 'x', 500)) {
        taken++;
    }
    assert_int_equal(taken, BYTES / 512);
    assert_false(put(ring, 'y', 500));
    expect(ring, 'x', 500);
    assert_true(put(ring, 'y', 500));
    while (--taken > 0) {
        expect(ring, 'x', 500);
    }
    expect(ring, 'y', 500);
    mb__ring_free(ring);
}

static void room_that_is_not_used_is_given_back(void **state)
{
    struct mb__ring *ring = mb__xring_new(BYTES);

    (void)state;
    assert_non_null(mb__ring_room(ring, 2000));
    assert_true(put(ring, 'a', 3));
    expect(ring, 'a', 3);
    mb__ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_out_in_order),
        cmocka_unit_test(a_full_ring_refuses_and_goes_on),
        cmocka_unit_test(room_that_is_not_used_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
