/* test_alarm.c - when a strategy is stopped because its money cannot be accounted for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"

#define NOW INT64_C(1772442000000)
enum { MINUTE = 60 * 1000 };

struct fixture {
    struct mb_guard *guard;
    struct mb_strategy strategy;
    int lines; /* of the log */
};

static void count_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)level, (void)line, (void)len;
    ((struct fixture *)user)->lines++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->strategy.name = MB_SLICE("a");
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
    mb_guard_set_silence(f->guard, 30 * MINUTE);
    mb_log_redirect(count_line, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mb_log_redirect(NULL, NULL);
    mb_guard_close(f->guard);
    free(f);
    return 0;
}

static enum mb_nobid may(struct fixture *f, int64_t now_ms)
{
    return mb_guard_may(f->guard, &f->strategy, now_ms);
}

static void bid(struct fixture *f, int64_t now_ms)
{
    struct mb_price price = {1000000};

    assert_int_equal(mb_guard_reserve(f->guard, &f->strategy,
                                      &(struct mb_guard_offer){.model = MB_MODEL_CPM, .price = price},
                                      now_ms),
                     MB_NOBID_BID);
}

static void tell_at(struct fixture *f, enum mb_event_type type, bool books, enum mb_model model,
                    int64_t now_ms)
{
    struct mb_event event = {.type = type, .books = books, .time_ms = now_ms, .model = model};

    mb_guard_book(f->guard, &f->strategy, f->strategy.guard_slot, &event);
}

static void tell(struct fixture *f, enum mb_event_type type, bool books)
{
    tell_at(f, type, books, MB_MODEL_CPM, NOW);
}

/* So many wins that do not book, from `first_ms` to `last_ms`. */
static void win(struct fixture *f, int count, enum mb_model model, int64_t first_ms, int64_t last_ms)
{
    for (int i = 0; i < count; i++) {
        tell_at(f, MB_EVENT_WIN, false, model, i == count - 1 ? last_ms : first_ms);
    }
}

static void silence_stops_it_until_it_is_resumed(void **state)
{
    struct fixture *f = *state;

    for (int minute = 0; minute <= 30; minute++) {
        assert_int_equal(may(f, NOW + minute * MINUTE), MB_NOBID_BID);
        bid(f, NOW + minute * MINUTE);
    }
    assert_int_equal(may(f, NOW + 31 * MINUTE), MB_NOBID_MONEY_GUARD);
    assert_int_equal(may(f, NOW + 32 * MINUTE), MB_NOBID_MONEY_GUARD);
    assert_int_equal(mb_guard_alarm(f->guard, f->strategy.guard_slot), MB_GUARD_ALARM_SILENCE);
    assert_int_equal(f->lines, 1); /* said once */
    mb_guard_pause(f->guard, f->strategy.guard_slot, false);
    assert_int_equal(may(f, NOW + 33 * MINUTE), MB_NOBID_BID);
}

static void any_notice_ends_the_silence(void **state)
{
    struct fixture *f = *state;

    for (int minute = 0; minute < 200; minute++) {
        bid(f, NOW + minute * MINUTE);
        if (minute % 29 == 28) {
            tell(f, MB_EVENT_LOSS, false);
        }
        assert_int_equal(may(f, NOW + minute * MINUTE), MB_NOBID_BID);
    }
}

static void a_night_without_bids_is_no_silence(void **state)
{
    struct fixture *f = *state;

    bid(f, NOW);
    assert_int_equal(may(f, NOW + 600 * MINUTE), MB_NOBID_BID);
    bid(f, NOW + 600 * MINUTE);
    assert_int_equal(may(f, NOW + 601 * MINUTE), MB_NOBID_BID);
}

static void it_is_off_unless_it_is_set(void **state)
{
    struct fixture *f = *state;

    mb_guard_set_silence(f->guard, 0);
    for (int minute = 0; minute < 2000; minute++) {
        bid(f, NOW + minute * MINUTE);
    }
    assert_int_equal(may(f, NOW + 2000 * MINUTE), MB_NOBID_BID);
}

static void wins_that_never_book_stop_it(void **state)
{
    struct fixture *f = *state;
    enum { LAST = MB_GUARD_UNBOOKED_WINS_MAX - 1 };

    win(f, LAST, MB_MODEL_CPM, NOW, NOW + MINUTE);
    tell(f, MB_EVENT_BILLING, true); /* one that does: all is well */
    win(f, LAST, MB_MODEL_CPM, NOW, NOW + MINUTE);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    win(f, 1, MB_MODEL_CPM, NOW, NOW + MINUTE);
    assert_int_equal(may(f, NOW), MB_NOBID_MONEY_GUARD);
    assert_int_equal(mb_guard_alarm(f->guard, f->strategy.guard_slot), MB_GUARD_ALARM_UNBOOKED);
    assert_int_equal(f->lines, 1);
}

/* A busy strategy wins as often while the first page is still being rendered. */
static void bookings_have_time_to_follow_their_wins(void **state)
{
    struct fixture *f = *state;
    enum { WINS = 3 * MB_GUARD_UNBOOKED_WINS_MAX };

    win(f, WINS, MB_MODEL_CPM, NOW, NOW + MB_GUARD_UNBOOKED_MS - 1);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    tell(f, MB_EVENT_BILLING, true);
    win(f, WINS, MB_MODEL_CPM, NOW + MB_GUARD_UNBOOKED_MS, NOW + MB_GUARD_UNBOOKED_MS + MINUTE / 10);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    win(f, 1, MB_MODEL_CPM, NOW, NOW + 2 * MB_GUARD_UNBOOKED_MS);
    assert_int_equal(may(f, NOW), MB_NOBID_MONEY_GUARD);
}

/* The time is counted again from where the clock was set to. */
static void a_clock_set_back_delays_the_alarm_no_longer(void **state)
{
    struct fixture *f = *state;

    win(f, MB_GUARD_UNBOOKED_WINS_MAX, MB_MODEL_CPM, NOW, NOW - 60 * MINUTE);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
    win(f, 1, MB_MODEL_CPM, NOW, NOW - 60 * MINUTE + MB_GUARD_UNBOOKED_MS);
    assert_int_equal(may(f, NOW), MB_NOBID_MONEY_GUARD);
}

/* One click in a few thousand impressions is nothing unusual. */
static void wins_that_are_paid_by_the_click_are_no_alarm(void **state)
{
    struct fixture *f = *state;

    win(f, 3 * MB_GUARD_UNBOOKED_WINS_MAX, MB_MODEL_CPC, NOW, NOW + MINUTE);
    win(f, 3 * MB_GUARD_UNBOOKED_WINS_MAX, MB_MODEL_SMART_CPC, NOW, NOW + MINUTE);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
}

static void wins_that_book_are_no_alarm(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3 * MB_GUARD_UNBOOKED_WINS_MAX; i++) {
        tell(f, MB_EVENT_WIN, true);
    }
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
}

struct notes {
    char name[4][32], value[4][8];
    int n;
};

static void keep_note(void *user, struct mb_slice name, struct mb_slice bytes)
{
    struct notes *notes = user;

    if (mb_slice_starts(name, MB_SLICE("alarm:"))) {
        assert_in_range(notes->n, 0, 3);
        snprintf(notes->name[notes->n], sizeof(notes->name[0]), "%.*s", MB_SLICE_ARG(name));
        snprintf(notes->value[notes->n++], sizeof(notes->value[0]), "%.*s", MB_SLICE_ARG(bytes));
    }
}

static void drop_overrun(void *user, const struct mb_overrun *overrun)
{
    (void)user, (void)overrun;
}

static void note(struct fixture *f, struct notes *notes)
{
    mb_guard_note(f->guard, NOW, &(struct mb_guard_notes){keep_note, drop_overrun, notes});
}

static void restart(struct fixture *f, const struct notes *notes)
{
    mb_guard_close(f->guard);
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){0}, &f->guard, NULL), 0);
    f->strategy.guard_slot = mb_guard_slot(f->guard, MB_SLICE("a"));
    for (int i = 0; i < notes->n; i++) {
        mb_guard_restore_state(f->guard, mb_slice_of(notes->name[i]), mb_slice_of(notes->value[i]), NOW);
    }
}

/* What is wrong outside is not mended by a restart. */
static void an_alarm_outlives_a_restart_and_its_end_does(void **state)
{
    struct fixture *f = *state;
    struct notes notes = {.n = 0};

    note(f, &notes);
    assert_int_equal(notes.n, 0); /* there was none */
    win(f, MB_GUARD_UNBOOKED_WINS_MAX, MB_MODEL_CPM, NOW, NOW + MINUTE);
    note(f, &notes);
    note(f, &notes);
    assert_int_equal(notes.n, 1);
    mb_guard_note_again(f->guard);
    note(f, &notes);
    assert_int_equal(notes.n, 2);
    restart(f, &notes);
    assert_int_equal(may(f, NOW), MB_NOBID_MONEY_GUARD);
    assert_int_equal(mb_guard_alarm(f->guard, f->strategy.guard_slot), MB_GUARD_ALARM_UNBOOKED);
    note(f, &notes);
    mb_guard_pause(f->guard, f->strategy.guard_slot, false);
    note(f, &notes);
    assert_int_equal(notes.n, 4);
    restart(f, &notes);
    assert_int_equal(may(f, NOW), MB_NOBID_BID);
}

static void damaged_notes_are_no_alarm(void **state)
{
    static const char *const rows[] = {"", "3", "9", "/", "11", "\xff"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->lines = 0;
        mb_guard_restore_state(f->guard, MB_SLICE("alarm:a"), mb_slice_of(rows[i]), NOW);
        assert_int_equal(f->lines, 1);
        assert_int_equal(may(f, NOW), MB_NOBID_BID);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silence_stops_it_until_it_is_resumed), TEST(any_notice_ends_the_silence),
        TEST(a_night_without_bids_is_no_silence),   TEST(it_is_off_unless_it_is_set),
        TEST(wins_that_never_book_stop_it),         TEST(bookings_have_time_to_follow_their_wins),
        TEST(a_clock_set_back_delays_the_alarm_no_longer),
        TEST(wins_that_are_paid_by_the_click_are_no_alarm),
        TEST(wins_that_book_are_no_alarm),
        TEST(an_alarm_outlives_a_restart_and_its_end_does),
        TEST(damaged_notes_are_no_alarm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
