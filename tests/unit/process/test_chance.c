/* Bytes and seeds that do not repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { MANY = 20000 };

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void ids_are_distinct_over_many_batches(void **state)
{
    static struct mb__chance chance;
    uint8_t(*ids)[16] = calloc(MANY, 16);
    size_t i;

    (void)state;
    mb__chance_init(&chance);
    for (i = 0; i < MANY; i++) {
        mb__chance_bytes(&chance, ids[i], 1 + i % 2 * 15); /* ends of batches fall everywhere */
        mb__chance_bytes(&chance, ids[i], 16);
    }
    qsort(ids, MANY, 16, compare);
    for (i = 1; i < MANY; i++) {
        assert_memory_not_equal(ids[i - 1], ids[i], 16);
    }
    free(ids);
}

static void more_than_a_batch_comes_too(void **state)
{
    static struct mb__chance chance;
    static uint8_t bytes[3 * MB__CHANCE_BATCH], zeros[64];

    (void)state;
    mb__chance_init(&chance);
    mb__chance_bytes(&chance, bytes, sizeof(bytes));
    assert_memory_not_equal(bytes + sizeof(bytes) - 64, zeros, 64);
}

static void two_workers_have_different_seeds(void **state)
{
    static struct mb__chance one, two;

    (void)state;
    mb__chance_init(&one);
    mb__chance_init(&two);
    assert_true(mb__chance_seed(&one) != mb__chance_seed(&two));
    assert_true(mb__chance_seed(&one) != mb__chance_seed(&one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_distinct_over_many_batches),
        cmocka_unit_test(more_than_a_batch_comes_too),
        cmocka_unit_test(two_workers_have_different_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
