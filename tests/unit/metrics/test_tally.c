/* A tally counts exactly, under bounded memory, and neither side's death loses or doubles a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/tally.h"

#define MINUTE 60000

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct mb_tally));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void count(struct mb_tally *tally, enum mb_tally_kind kind, const char *strategy,
                  struct mb_slice zone, int64_t price)
{
    struct mb_slice texts[MB_TALLY_TEXTS] = {
        [MB_TALLY_STRATEGY] = mb_slice_of(strategy), [MB_TALLY_ZONE] = zone};
    uint64_t hash = mb_tally_hash(mb_tally_hash(kind + 7, texts[MB_TALLY_STRATEGY]), zone) | 1;
    if (!mb_tally_count(tally, hash, price)) {
        mb_tally_add(tally, hash, kind, texts, price);
    }
}

/* Sums over cells of that kind whose zone is `zone` (NULL: any). */
static uint64_t sum(const struct mb_tally_table *table, enum mb_tally_kind kind, const char *zone,
                    int64_t *price)
{
    uint64_t total = 0;
    *price = 0;
    for (size_t i = 0; i < MB_TALLY_CELLS; i++) {
        const struct mb_tally_key *key = &table->keys[i];
        if (table->cells[i].hash != 0 && key->kind == kind &&
            (!zone || mb_slice_is(mb_tally_text(key, MB_TALLY_ZONE), zone))) {
            total += table->cells[i].count;
            *price += table->cells[i].price_micros;
        }
    }
    return total;
}

static void counts_by_texts_and_sums_prices(void **state)
{
    struct mb_tally *tally = *state;
    uint64_t number = 99;
    int64_t price = 0;
    mb_tally_turn(tally, 5 * MINUTE + 3, false);
    for (int i = 0; i < 1000; i++) {
        count(tally, MB_TALLY_BID, "a", i % 4 ? MB_SLICE("1") : MB_SLICE("2"), 9007199254740993);
        count(tally, MB_TALLY_NOBID, "a", MB_SLICE_NONE, 0);
    }
    assert_null(mb_tally_sealed(tally, &number));
    mb_tally_turn(tally, 6 * MINUTE, false);
    const struct mb_tally_table *table = mb_tally_sealed(tally, &number);
    assert_non_null(table);
    assert_int_equal(number, 0);
    assert_int_equal(table->start_ms, 5 * MINUTE);
    assert_int_equal(sum(table, MB_TALLY_BID, "1", &price), 750);
    assert_true(price == INT64_C(9007199254740993) * 750);
    assert_int_equal(sum(table, MB_TALLY_BID, NULL, &price), 1000);
    assert_int_equal(sum(table, MB_TALLY_NOBID, NULL, &price), 1000);
    assert_int_equal(table->used, 3);
    assert_int_equal(table->displaced, 0);
}

static void what_finds_no_room_counts_as_other(void **state)
{
    struct mb_tally *tally = *state;
    uint64_t number;
    int64_t price = 0;
    char zone[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(zone, sizeof zone, "zone-%d", i);
        count(tally, MB_TALLY_BID, "a", mb_slice_of(zone), 3);
    }
    const struct mb_tally_table *table = mb_tally_open_table(tally, &number);
    assert_int_equal(sum(table, MB_TALLY_BID, NULL, &price), 20000);
    assert_int_equal(price, 60000);
    assert_int_equal(sum(table, MB_TALLY_BID, "(other)", &price), 20000 - MB_TALLY_DETAILED);
    assert_int_equal(sum(table, MB_TALLY_BID, "zone-0", &price), 1);
    assert_int_equal(table->displaced, 20000 - MB_TALLY_DETAILED);
    assert_in_range(table->used, MB_TALLY_DETAILED, MB_TALLY_MOST);
}

/* Many strategies, each of which needs a cell without details: the table stays searchable. */
static void a_flood_of_strategies_ends_in_one_cell_a_kind(void **state)
{
    struct mb_tally *tally = *state;
    uint64_t number;
    int64_t price = 0;
    char name[32];
    for (int i = 0; i < 30000; i++) {
        snprintf(name, sizeof name, "strategy-%d", i);
        count(tally, i % 2 ? MB_TALLY_BID : MB_TALLY_NOBID, name, MB_SLICE("z"), 1);
    }
    const struct mb_tally_table *table = mb_tally_open_table(tally, &number);
    assert_int_equal(sum(table, MB_TALLY_BID, NULL, &price), 15000);
    assert_int_equal(sum(table, MB_TALLY_NOBID, NULL, &price), 15000);
    assert_in_range(table->used, 1, MB_TALLY_MOST);
}

static void texts_of_any_length_do_no_harm(void **state)
{
    struct mb_tally *tally = *state;
    uint64_t number;
    int64_t price = 0;
    char text[400];
    memset(text, 'x', sizeof text);
    for (size_t len = 0; len < sizeof text; len++) {
        count(tally, MB_TALLY_BID, "a", mb_slice(text, len), 1);
    }
    const struct mb_tally_table *table = mb_tally_open_table(tally, &number);
    assert_int_equal(sum(table, MB_TALLY_BID, NULL, &price), sizeof text);
    assert_int_equal(sum(table, MB_TALLY_BID, "(other)", &price),
                     sizeof text - MB_TALLY_TEXT_MAX - 1);
}

static void a_table_is_kept_until_it_is_safe(void **state)
{
    struct mb_tally *tally = *state;
    uint64_t number = 99, again = 99;
    int64_t price = 0;
    count(tally, MB_TALLY_BID, "a", MB_SLICE("1"), 1);
    mb_tally_turn(tally, MINUTE, false);
    assert_null(mb_tally_sealed(tally, &number));
    mb_tally_turn(tally, 2 * MINUTE, false);
    assert_non_null(mb_tally_sealed(tally, &number));
    for (int i = 3; i < 10; i++) { /* nobody takes it: the other one goes on */
        count(tally, MB_TALLY_BID, "a", MB_SLICE("1"), 1);
        mb_tally_turn(tally, i * MINUTE, false);
    }
    assert_int_equal(sum(mb_tally_sealed(tally, &again), MB_TALLY_BID, NULL, &price), 1);
    assert_int_equal(again, number);
    mb_tally_give_back(tally, number);
    assert_null(mb_tally_sealed(tally, &again));
    mb_tally_turn(tally, 10 * MINUTE, false);
    assert_int_equal(sum(mb_tally_sealed(tally, &again), MB_TALLY_BID, NULL, &price), 7);
    assert_int_equal(again, number + 1);
    mb_tally_give_back(tally, again);
    mb_tally_turn(tally, 11 * MINUTE, false); /* nothing was counted: nothing to take */
    assert_null(mb_tally_sealed(tally, &again));
    count(tally, MB_TALLY_BID, "a", MB_SLICE("1"), 1);
    mb_tally_turn(tally, 11 * MINUTE + 1, true);
    assert_int_equal(sum(mb_tally_sealed(tally, &again), MB_TALLY_BID, NULL, &price), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(counts_by_texts_and_sums_prices),
        CASE(what_finds_no_room_counts_as_other),
        CASE(a_flood_of_strategies_ends_in_one_cell_a_kind),
        CASE(texts_of_any_length_do_no_harm),
        CASE(a_table_is_kept_until_it_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
