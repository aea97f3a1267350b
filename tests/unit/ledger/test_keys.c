/* The set of keys, against a plain array; and the hash, against the vectors of its authors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

/* github.com/veorq/SipHash, vectors_sip128: key 00..0f, message 00..len-1. */
static void the_hash_is_siphash_128(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t low, high;
    } rows[] = {
        {0, 0xe6a825ba047f81a3, 0x930255c71472f66d},  {1, 0x44af996bd8c187da, 0x45fc229b11597634},
        {7, 0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0},  {8, 0x61f55862baa9623b, 0xb49714f364e2830f},
        {11, 0x77666b3868c55101, 0x18dce5816fdcb4a2},
    };
    struct mb_ledger_keys keys = {.secret = {0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_ledger_hash hash =
            mb__ledger_hash(&keys, mb_slice("\0\1\2\3\4\5\6\7\10\11\12", rows[i].len));
        assert_true(hash.low == rows[i].low);
        assert_true(hash.high == rows[i].high);
    }
}

static void every_byte_and_the_length_count(void **state)
{
    (void)state;
    struct mb_ledger_keys keys;
    char text[40] = {0};
    mb__xledger_keys_init(&keys);
    for (size_t len = 0; len <= sizeof text; len++) {
        assert_true(mb__xledger_keys_add(&keys, mb__ledger_hash(&keys, mb_slice(text, len))));
        for (size_t i = 0; i < len; i++) {
            text[i] = 1;
            assert_true(mb__xledger_keys_add(&keys, mb__ledger_hash(&keys, mb_slice(text, len))));
            text[i] = 0;
        }
    }
    mb__ledger_keys_fini(&keys);
}

/* Few homes and many keys, so that runs are long and wrap around the end. */
static void adding_and_removing_agrees_with_an_array(void **state)
{
    (void)state;
    enum { KEYS = 600 };
    static bool there[KEYS];
    struct mb_ledger_keys keys;
    uint32_t seed = 1;
    mb__xledger_keys_init(&keys);
    for (int round = 0; round < 200000; round++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned k = (seed >> 8) % KEYS;
        struct mb_ledger_hash hash = {1000 + k % 37, 1 + k};
        if (seed >> 31) {
            assert_int_equal(mb__xledger_keys_add(&keys, hash), !there[k]);
            there[k] = true;
        } else {
            mb__ledger_keys_remove(&keys, hash);
            there[k] = false;
        }
    }
    size_t count = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        count += there[k];
        assert_int_equal(mb__xledger_keys_add(&keys, (struct mb_ledger_hash){1000 + k % 37, 1 + k}),
                         !there[k]);
    }
    assert_int_equal(keys.count, KEYS);
    assert_in_range(count, 1, KEYS - 1);
    mb__ledger_keys_fini(&keys);
}

static void it_grows(void **state)
{
    (void)state;
    struct mb_ledger_keys keys;
    mb__xledger_keys_init(&keys);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 100000; i++) {
            struct mb_ledger_hash hash =
                mb__ledger_hash(&keys, mb_slice((const char *)&i, sizeof i));
            assert_int_equal(mb__xledger_keys_add(&keys, hash), pass == 0);
        }
    }
    assert_int_equal(keys.count, 100000);
    assert_true(keys.count <= keys.size / 4 * 3);
    mb__ledger_keys_fini(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_siphash_128),
        cmocka_unit_test(every_byte_and_the_length_count),
        cmocka_unit_test(adding_and_removing_agrees_with_an_array),
        cmocka_unit_test(it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
