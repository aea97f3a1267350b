/* test_market.c - a curve learned from bids is near the market that made them, however much of it
 * notices tell; it says nothing of what it does not know; it fades, gives way, and is there again
 * after a restart.
 *
 * The market is the simulated exchange's: its best offer lies anywhere from a quarter to seven
 * quarters of the usual price.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "market.h"

#define NOW INT64_C(1772442000000)
#define HOUR INT64_C(3600000)
#define USUAL 0.9

static uint64_t chance;

static double draw(void)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(chance >> 11) * 0x1p-53;
}

static double true_rate(double price)
{
    double rate = (price - USUAL / 4) / (USUAL * 3 / 2);
    return rate < 0 ? 0 : rate > 1 ? 1 : rate;
}

static struct mb_price micros(double price)
{
    return (struct mb_price){(int64_t)(price * 1e6 + 0.5)};
}

static struct mb_guard *guard;

static int setup(void **state)
{
    (void)state;
    chance = 7;
    return mb_guard_open(&(struct mb_guard_options){0}, &guard, NULL);
}

static int teardown(void **state)
{
    (void)state;
    mb_guard_close(guard);
    return 0;
}

static const struct mb_market_place banner = {.endpoint = {"exo", 3},
                                              .site = {"77", 2},
                                              .size = {300, 250},
                                              .format = MB_FORMAT_BANNER,
                                              .model = MB_MODEL_CPM};

enum telling { OUTCOMES, LOSERS_ARE_TOLD, ALL_ARE_TOLD };

/* A bid and what becomes of it. */
static void bid(const struct mb_market_place *place, double price, double least,
                enum telling telling, int64_t now_ms)
{
    struct mb_market_bid told = {0};
    bool won = least <= price;
    struct mb_event event = {.type = won ? MB_EVENT_WIN : MB_EVENT_LOSS,
                             .endpoint = place->endpoint,
                             .site_id = place->site,
                             .size = place->size,
                             .format = mb_slice_of(mb_format_name(place->format)),
                             .model = place->model,
                             .time_ms = now_ms,
                             .bid_time_ms = now_ms,
                             .has_price_bid = true,
                             .price_bid = micros(price),
                             .has_min_to_win =
                                 telling == ALL_ARE_TOLD || (telling == LOSERS_ARE_TOLD && !won),
                             .min_to_win = micros(least)};
    mb_market_fill(&told, place, micros(price));
    mb_market_take_bid(guard, &told, 1, now_ms);
    mb__market_event(guard, &event);
}

static void trade(const struct mb_market_place *place, int n, double low, double high,
                  enum telling telling, int64_t now_ms)
{
    for (int i = 0; i < n; i++)
        bid(place, low + draw() * (high - low), USUAL / 4 + draw() * USUAL * 3 / 2, telling,
            now_ms);
    mb_market_refresh(guard, NOW);
}

static double rate_at(const struct mb_market_place *place, double price)
{
    int64_t rate = mb_market_rate(guard, place, micros(price));
    return rate < 0 ? -1 : (double)rate * 1e-6;
}

static double worst(double low, double high)
{
    double error = 0;
    for (double price = low; price <= high; price += 0.01) {
        double rate = rate_at(&banner, price);
        if (rate < 0)
            fail_msg("nothing is known of %.2f", price);
        error = fmax(error, fabs(rate - true_rate(price)));
    }
    return error;
}

/* What docs/strategies.md promises: 20,000 bids spread over the prices give the curve to 0.05, and
 * to 0.03 where prices are told. */
static void a_curve_is_near_the_truth(void **state)
{
    (void)state;
    static const struct {
        enum telling telling;
        double low, high; /* asked from here to there */
        double error;
    } rows[] = {{OUTCOMES, 0.2, 1.8, 0.05},
                {LOSERS_ARE_TOLD, 0.2, 1.5, 0.03},
                {ALL_ARE_TOLD, 0.3, 1.5, 0.03}};
    for (size_t i = 0; i < 3; i++) {
        setup(NULL);
        trade(&banner, 20000, 0.15, 1.9, rows[i].telling, NOW);
        double error = worst(rows[i].low, rows[i].high);
        if (!(error <= rows[i].error))
            fail_msg("%zu: off by %.4f", i, error);
        for (double rate = 0.1; rate < 0.9; rate += 0.1) {
            int64_t price = mb_market_price(guard, &banner, (int64_t)(rate * 1e6));
            assert_true(price > 0);
            assert_true(fabs(true_rate((double)price * 1e-6) - rate) <= rows[i].error);
        }
        teardown(NULL);
    }
}

/* Prices told by losers alone must not make the market look dear: who bids one price learns all
 * above it. */
static void losers_prices_are_not_taken_for_all(void **state)
{
    (void)state;
    trade(&banner, 5000, 0.9, 0.9, LOSERS_ARE_TOLD, NOW);
    assert_true(fabs(rate_at(&banner, 0.9) - 0.5) < 0.03);
    assert_true(fabs(rate_at(&banner, 1.2) - true_rate(1.2)) < 0.03);
    assert_true(rate_at(&banner, 0.6) < 0); /* nobody told of it */
}

static void what_is_not_known_is_not_said(void **state)
{
    (void)state;
    assert_true(rate_at(&banner, 0.9) < 0);
    trade(&banner, MB_MARKET_LEAST - 1, 0.9, 0.9, OUTCOMES, NOW);
    assert_true(rate_at(&banner, 0.9) < 0);
    assert_int_equal(mb_market_price(guard, &banner, 1), -1);
    trade(&banner, 100, 0.9, 0.9, OUTCOMES, NOW);
    assert_true(rate_at(&banner, 0.9) > 0.3);
    assert_true(rate_at(&banner, 0.5) < 0);
    assert_true(rate_at(&banner, 2) < 0);
    assert_int_equal(mb_market_price(guard, &banner, 999999), -1);
    trade(&banner, 500, 9, 9, OUTCOMES, NOW);
    assert_true(rate_at(&banner, 9) > 0.99);
    assert_true(rate_at(&banner, 3) < 0); /* between far prices nothing is guessed */
}

static void thin_places_are_told_by_wider_ones(void **state)
{
    (void)state;
    struct mb_market_place other_site = banner, other_size = banner, click = banner, other = banner;
    other_site.site = MB_SLICE("99");
    other_size.size = (struct mb_size){728, 90};
    other_size.site = MB_SLICE("99");
    click.model = MB_MODEL_CPC;
    other.endpoint = MB_SLICE("exo-us");
    trade(&banner, 2000, 0.9, 0.9, OUTCOMES, NOW);
    double known = rate_at(&banner, 0.9);
    assert_true(fabs(known - 0.5) < 0.04);
    assert_true(fabs(rate_at(&other_site, 0.9) - known) < 1e-5);
    assert_true(fabs(rate_at(&other_size, 0.9) - known) < 1e-5);
    assert_true(rate_at(&click, 0.9) < 0);
    assert_true(rate_at(&other, 0.9) < 0);
    for (int i = 0; i < 400; i++) /* that site sells to nobody */
        bid(&other_site, 0.9, 5, OUTCOMES, NOW);
    mb_market_refresh(guard, NOW);
    assert_true(rate_at(&other_site, 0.9) == 0);
    assert_true(fabs(rate_at(&banner, 0.9) - known) < 1e-5);
}

static void old_bids_fade(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++)
        bid(&banner, 0.9, 0.5, OUTCOMES, NOW);
    for (int i = 0; i < 400; i++)
        bid(&banner, 0.9, 2, OUTCOMES, NOW + 12 * HOUR);
    mb_market_refresh(guard, NOW);
    assert_true(fabs(rate_at(&banner, 0.9) - 1.0 / 3) < 0.001);
}

/* --- notes --- */

static struct {
    char name[64];
    struct mb_buf bytes;
} notes[16];
static size_t n_notes;

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    (void)user;
    if (mb_slice_starts(name, MB_SLICE("market:"))) {
        assert_true(n_notes < 16);
        snprintf(notes[n_notes].name, sizeof notes[n_notes].name, "%.*s", MB_SLICE_ARG(name));
        mb_xbuf_add_slice(&notes[n_notes++].bytes, bytes);
    }
}

static void on_overrun(void *user, const struct mb_overrun *overrun)
{
    (void)user;
    (void)overrun;
}

static void a_restart_knows_what_was_known(void **state)
{
    (void)state;
    const struct mb_guard_notes listener = {on_state, on_overrun, NULL};
    trade(&banner, 1000, 0.5, 1.5, LOSERS_ARE_TOLD, NOW);
    double known = rate_at(&banner, 1);
    mb_guard_note(guard, NOW, &listener);
    assert_int_equal(n_notes, 3);
    mb_guard_note(guard, NOW + 1000, &listener);
    assert_int_equal(n_notes, 3); /* nothing new */
    teardown(NULL);
    setup(NULL);
    for (size_t i = 0; i < n_notes; i++) {
        struct mb_slice bytes = mb_buf_slice(&notes[i].bytes), name = mb_slice_of(notes[i].name);
        mb_guard_restore_state(guard, MB_SLICE("market:4096"), bytes, NOW);
        mb_guard_restore_state(guard, name, mb_slice(bytes.data, bytes.len - 1), NOW);
        mb_guard_restore_state(guard, name, mb_slice(bytes.data, 10), NOW);
        assert_true(rate_at(&banner, 1) < 0);
        mb_guard_restore_state(guard, name, bytes, NOW);
        mb_buf_fini(&notes[i].bytes);
    }
    mb_market_refresh(guard, NOW);
    assert_true(rate_at(&banner, 1) == known);
    n_notes = 0;
}

static void a_full_table_lets_the_smallest_go(void **state)
{
    (void)state;
    trade(&banner, 1000, 0.9, 0.9, OUTCOMES, NOW);
    for (int i = 0; i < 2 * MB_MARKET_CELLS; i++) {
        char site[16];
        struct mb_market_place place = banner;
        place.site = mb_slice(site, (size_t)snprintf(site, sizeof site, "s%d", i));
        bid(&place, 0.9, 2, OUTCOMES, NOW);
    }
    assert_true(mb_market_evicted(guard) > MB_MARKET_CELLS / 2);
    mb_market_refresh(guard, NOW);
    assert_true(fabs(rate_at(&banner, 0.9) - 0.5) < 0.05); /* the busy one is still there */
}

static void bids_that_find_no_room_count_through_the_others(void **state)
{
    (void)state;
    struct mb_market_ring *ring = calloc(1, sizeof *ring);
    double sum = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MB_MARKET_RING + MB_MARKET_RING / 2; i++)
            mb_market_push(ring, &banner, micros(0.9));
        size_t all = 0, taken;
        while ((taken = mb_market_drain(guard, ring, round == 0 ? 1000 : SIZE_MAX, NOW)) > 0) {
            all += taken;
        }
        assert_int_equal(all, MB_MARKET_RING);
    }
    assert_int_equal(mb_market_drain(guard, ring, 1000, NOW), 0);
    for (size_t i = 0; i < MB_MARKET_CELLS; i++)
        for (int b = 0; b < MB__BINS && guard->market->keys[i]; b++)
            sum += (double)guard->market->cells[i].bids[b];
    assert_true(fabs(sum / 3 - 3 * MB_MARKET_RING) < 1); /* in three cells each */
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_curve_is_near_the_truth),
        cmocka_unit_test_setup_teardown(losers_prices_are_not_taken_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_not_said, setup, teardown),
        cmocka_unit_test_setup_teardown(thin_places_are_told_by_wider_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(old_bids_fade, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_knows_what_was_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_table_lets_the_smallest_go, setup, teardown),
        cmocka_unit_test_setup_teardown(bids_that_find_no_room_count_through_the_others, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
