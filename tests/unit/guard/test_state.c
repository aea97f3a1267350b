/* test_state.c - a restart finds what bids held, whatever became of clocks; kills leave nothing.
 *
 * MOONBID_GUARD_KILLS=2000 tries so many kills (else 200).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000) /* begins a step of CPC (30 min) and of CPM (75 s) */
#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define BOOT_MS INT64_C(5000000)
#define UNIT INT64_C(1000000000)

enum { NOTES_MAX = 32 };

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
    struct mb_pool pool;
    struct mb_guard_offer offer;
    struct mb_pair notes[NOTES_MAX];
    size_t n_notes;
};

static void open_guard(struct fixture *f)
{
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->pool.guard_slot = mb_guard_pool_slot(f->guard, MB_SLICE("acme"));
    f->pool.limits.reserve = f->strategy.limits.reserve = MB_RESERVE_FULL;
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
    f->strategy.pool = &f->pool;
    mb_guard_set_booking(f->guard, f->strategy.guard_slot, f->pool.guard_slot, &f->strategy.limits);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    open_guard(f);
    f->offer = (struct mb_guard_offer){MB_MODEL_CPM, {1000000}, MB_SLICE("exo"), MB_SLICE("push")};
    *state = f;
    return 0;
}

static void drop_notes(struct fixture *f)
{
    while (f->n_notes > 0) {
        f->n_notes--;
        free((void *)(uintptr_t)f->notes[f->n_notes].name.data);
        free((void *)(uintptr_t)f->notes[f->n_notes].value.data);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mb_guard_close(f->guard);
    drop_notes(f);
    free(f);
    return 0;
}

static struct mb_slice copy(struct mb_slice s)
{
    char *data = malloc(s.len + 1);

    memcpy(data, s.data, s.len);
    return mb_slice(data, s.len);
}

static void on_state(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct fixture *f = user;

    assert_true(f->n_notes < NOTES_MAX);
    f->notes[f->n_notes++] = (struct mb_pair){copy(name), copy(bytes)};
}

static void on_overrun(void *user, const struct mb_overrun *overrun)
{
    (void)user, (void)overrun;
}

static size_t note(struct fixture *f, int64_t now)
{
    size_t before = f->n_notes;

    mb_guard_note(f->guard, now, &(struct mb_guard_notes){on_state, on_overrun, f});
    return f->n_notes - before;
}

static void set_clock(struct fixture *f, uint32_t boot_id, int64_t wall, int64_t boot)
{
    if (boot_id > 0) {
        mb_guard_set_clock(f->guard, boot_id, wall, boot);
    }
}

static void restart(struct fixture *f, uint32_t boot_id, int64_t wall, int64_t boot)
{
    mb_guard_close(f->guard);
    open_guard(f);
    set_clock(f, boot_id, wall, boot);
    for (size_t i = 0; i < f->n_notes; i++) {
        mb_guard_restore_state(f->guard, f->notes[i].name, f->notes[i].value, wall);
    }
}

static void bid(struct fixture *f, int n, int64_t now)
{
    while (n-- > 0) {
        assert_int_equal(mb_guard_reserve(f->guard, &f->strategy, &f->offer, now), MB_NOBID_BID);
    }
}

static struct mb_event booking(struct fixture *f, int64_t bid_ms)
{
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .bid_time_ms = bid_ms,
                             .books = true,
                             .model = f->offer.model,
                             .has_price_bid = true,
                             .price_bid = f->offer.price,
                             .endpoint = f->offer.endpoint,
                             .format = f->offer.format};

    event.cost = mb__cost_of(event.model, event.price_bid);
    event.boot_id = mb_guard_boot(f->guard, bid_ms, &event.boot_ms);
    return event;
}

static void book(struct fixture *f, struct mb_event *event, int64_t now)
{
    event->time_ms = now;
    mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, event);
}

static int64_t held(struct fixture *f, int64_t now)
{
    struct mb__slot *slot = mb__guard_slot(f->guard, f->strategy.guard_slot);

    mb__slot_refresh_now(f->guard, slot, mb__guard_clock(f->guard, now));
    assert_int_equal(
        atomic_load(&slot->held[MB_RESERVE_FULL]),
        atomic_load(&mb__guard_slot(f->guard, f->pool.guard_slot)->held[MB_RESERVE_FULL]));
    return atomic_load(&slot->held[MB_RESERVE_FULL]) / (UNIT / 1000);
}

static uint64_t late(struct fixture *f)
{
    return mb_guard_overrun(f->guard, f->strategy.guard_slot, MB_GUARD_TOTAL, NOW).late;
}

/* Ten bids, ten minutes later ten more; a restart at once or after the machine was off; then one of
 * the first books, and the rest expire when they would have done. */
static void what_bids_held_goes_on_ageing(void **state)
{
    static const struct {
        const char *what;
        uint32_t boot_before, boot_after;
        int64_t away, boot_ms; /* until the restart; what the boot clock shows then */
        int64_t set;           /* the wall clock was set by so much before the restart */
    } rows[] = {
        {"no clock but the wall's", 0, 0, 5000, 0, 0},
        {"the same boot", 7, 7, 5000, BOOT_MS + 10 * MINUTE + 5000, 0},
        {"the same boot, an hour set back", 7, 7, 5000, BOOT_MS + 10 * MINUTE + 5000, -HOUR},
        {"another boot", 7, 9, 5 * MINUTE, 20000, 0},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t second = NOW + 10 * MINUTE, wall = second + rows[i].away + rows[i].set;
        struct mb_event event;

        print_message("%s\n", rows[i].what);
        drop_notes(f);
        mb_guard_close(f->guard);
        open_guard(f);
        set_clock(f, rows[i].boot_before, NOW, BOOT_MS);
        bid(f, 10, NOW);
        event = booking(f, NOW);
        set_clock(f, rows[i].boot_before, second, BOOT_MS + 10 * MINUTE);
        bid(f, 10, second);
        assert_in_range(note(f, second), 2, 3);
        assert_int_equal(note(f, second + 1000), 0);
        restart(f, rows[i].boot_after, wall, rows[i].boot_ms);
        assert_int_equal(held(f, wall), 20);
        book(f, &event, wall);
        assert_int_equal(late(f), 0);
        assert_int_equal(held(f, wall), 19);
        wall += HOUR + 76000 - rows[i].away - 10 * MINUTE;
        assert_int_equal(held(f, wall), 10); /* the first are an hour and a step old */
        assert_int_equal(held(f, wall + 10 * MINUTE), 0);
    }
}

static void what_was_learned_is_known_again(void **state)
{
    struct fixture *f = *state;
    struct mb__slot *slot;
    uint32_t before, after;

    for (int i = 0; i < 120; i++) {
        struct mb_event event = booking(f, NOW + i * MINUTE);

        (void)mb_guard_may(f->guard, &f->strategy, NOW + i * MINUTE);
        bid(f, 100, NOW + i * MINUTE);
        for (int k = 0; k < 80; k++) {
            book(f, &event, NOW + i * MINUTE + 1000);
        }
    }
    slot = mb__guard_slot(f->guard, f->strategy.guard_slot);
    mb__slot_refresh_now(f->guard, slot, NOW + 120 * MINUTE);
    before = atomic_load(&slot->cells[0].share[0]);
    assert_in_range(before, 770000000, 860000000);
    assert_in_range(note(f, NOW + 120 * MINUTE), 3, 4);
    restart(f, 0, NOW + 120 * MINUTE, 0);
    slot = mb__guard_slot(f->guard, f->strategy.guard_slot);
    after = atomic_load(&slot->cells[0].share[0]);
    assert_int_equal(before, after);
    assert_true(atomic_load(&slot->traffic.curve[40]) > 1); /* 10:00 */
}

static void count_lines(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)level, (void)line, (void)len;
    ++*(int *)user;
}

/* What cannot be read is said, and stops nothing. */
static void damaged_notes_are_left_out(void **state)
{
    struct fixture *f = *state;
    size_t n;
    uint32_t random = 5;
    int lines = 0;

    mb_log_redirect(count_lines, &lines);
    bid(f, 10, NOW);
    n = note(f, NOW);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < n; i++) {
            char bytes[512];
            size_t len = f->notes[i].value.len;

            assert_true(len < sizeof(bytes));
            memcpy(bytes, f->notes[i].value.data, len);
            random = random * 1664525u + 1013904223u;
            bytes[(random >> 8) % len] = (char)(random >> 24);
            len -= (random >> 16) % 4 == 0 ? (random >> 10) % len : 0;
            mb_guard_restore_state(f->guard, f->notes[i].name, mb_slice(bytes, len), NOW);
        }
    }
    mb_guard_restore_state(f->guard, MB_SLICE("reserved:a"), MB_SLICE(""), NOW);
    mb_guard_restore_state(f->guard, MB_SLICE("other:a"), MB_SLICE("x"), NOW);
    mb_guard_restore_state(f->guard, MB_SLICE(""), MB_SLICE("x"), NOW);
    mb_log_redirect(NULL, NULL);
    assert_true(lines > 100);
    assert_true(held(f, NOW) >= 10);
}

/* A process may die between any two steps: what it leaves held is found by the recount, which never
 * takes anything of a live bid. */
static void a_recount_finds_what_kills_left(void **state)
{
    const char *many = getenv("MOONBID_GUARD_KILLS");
    int kills = many ? atoi(many) : 200, hanging = 0;
    struct fixture *f = *state;
    struct mb__slot *slot = mb__guard_slot(f->guard, f->strategy.guard_slot);
    struct mb__slot *pool = mb__guard_slot(f->guard, f->pool.guard_slot);

    for (int round = 0; round < kills; round++) {
        int64_t start = atomic_load(&slot->total);
        pid_t child = fork();
        int64_t sum = 0;

        assert_true(child >= 0);
        if (child == 0) {
            struct mb_event event = booking(f, NOW);

            for (;;) {
                (void)mb_guard_reserve(f->guard, &f->strategy, &f->offer, NOW);
                book(f, &event, NOW);
            }
        }
        while (atomic_load(&slot->total) < start + round % 50 * (UNIT / 1000)) {
            /* until it has done some work, a different amount each round */
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        for (int i = 0; i < MB__COHORTS; i++) {
            sum += atomic_load(&slot->cells[0].cohorts[i].open);
        }
        hanging += atomic_load(&slot->held[MB_RESERVE_FULL]) != sum;
        assert_true(atomic_load(&slot->held[MB_RESERVE_FULL]) >= sum);
    }
    print_message("%d kills, after %d of them too much was held\n", kills, hanging);
    for (int look = 0; look < 12; look++) { /* the strategy's first, then its pool's */
        mb_guard_recount(f->guard, NOW + look * 1000);
    }
    assert_int_equal(atomic_load(&slot->held[MB_RESERVE_FULL]),
                     atomic_load(&pool->held[MB_RESERVE_FULL]));
    assert_int_equal(held(f, NOW + 2 * HOUR), 0);
    for (int look = 0; look < 12; look++) {
        mb_guard_recount(f->guard, NOW + 2 * HOUR + look * 1000);
    }
    for (int how = 0; how < 2; how++) {
        assert_int_equal(atomic_load(&slot->held[how]), 0);
        assert_int_equal(atomic_load(&pool->held[how]), 0);
    }
}

/* Bids of another process go on while it counts. */
static void a_recount_beside_bids_takes_nothing(void **state)
{
    struct fixture *f = *state;
    struct mb__slot *slot = mb__guard_slot(f->guard, f->strategy.guard_slot);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 400000; i++) {
            (void)mb_guard_reserve(f->guard, &f->strategy, &f->offer, NOW);
        }
        _exit(0);
    }
    while (waitpid(child, NULL, WNOHANG) == 0) {
        mb_guard_recount(f->guard, NOW);
    }
    for (int look = 0; look < 12; look++) {
        mb_guard_recount(f->guard, NOW);
    }
    assert_int_equal(atomic_load(&slot->held[MB_RESERVE_FULL]), 400 * UNIT);
}

/* A strategy that goes into another pool takes what its bids hold with it. */
static void held_money_goes_to_the_new_pool(void **state)
{
    struct fixture *f = *state;
    uint32_t other = mb_guard_pool_slot(f->guard, MB_SLICE("other"));

    bid(f, 10, NOW);
    mb_guard_set_booking(f->guard, f->strategy.guard_slot, other, &f->strategy.limits);
    assert_int_equal(
        atomic_load(&mb__guard_slot(f->guard, f->pool.guard_slot)->held[MB_RESERVE_FULL]), 0);
    assert_int_equal(atomic_load(&mb__guard_slot(f->guard, other)->held[MB_RESERVE_FULL]),
                     10 * (UNIT / 1000));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_bids_held_goes_on_ageing),       CASE(what_was_learned_is_known_again),
        CASE(damaged_notes_are_left_out),          CASE(a_recount_finds_what_kills_left),
        CASE(a_recount_beside_bids_takes_nothing), CASE(held_money_goes_to_the_new_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
