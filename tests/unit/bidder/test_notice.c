/* Notices of an exchange's own protocol: which of them a token attributes to a bid, and what is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/bidder.h"
#include "moonbid/json.h"

static struct mb_config *config;
static struct mb_guard *guard;
static struct mb_notice_keys *keys;
static struct mb_bidder *bidder;
static struct mb_buf token, text;

static int set_up(void **state)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    struct mb_bidder_options options = {0};

    (void)state;
    config = mb_xconfig_default();
    keys = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add(keys, key), 0);
    assert_int_equal(mb_guard_open(&(struct mb_guard_options){.counters_max = 64}, &guard, NULL), 0);
    options.config = config;
    options.guard = guard;
    options.keys = keys;
    return mb_bidder_new(&options, &bidder, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    mb_bidder_free(bidder);
    mb_guard_close(guard);
    mb_notice_keys_free(keys);
    mb_config_free(config);
    mb_buf_fini(&token);
    mb_buf_fini(&text);
    return 0;
}

/* The token of a bid on one tag of a request; `imp_id` NULL: on its first. */
static struct mb_slice token_of(const char *auction_id, const char *imp_id)
{
    struct mb_notice n = {.bid_id = "sixteen bytes id",
                          .strategy = MB_SLICE("s"),
                          .endpoint = MB_SLICE("xandr"),
                          .auction_id = mb_slice_of(auction_id),
                          .imp_id = mb_slice_of(imp_id),
                          .price = {2500000},
                          .model = MB_MODEL_CPM,
                          .bid_time_ms = 1772442000000};

    mb_buf_clear(&text);
    mb_buf_clear(&token);
    assert_int_equal(mb_notice_encode(&n, &text), 0);
    mb_notice_sign(keys, MB_EVENT_WIN, mb_buf_slice(&text), &token);
    return mb_buf_slice(&token);
}

/* The one event of a win of `auction` (NULL: a tag that names none). */
static struct mb_event won(const char *auction, struct mb_slice custom_data)
{
    struct mb_bidder_in in = {.method = MB_BIDDER_POST, .path = MB_SLICE("/xandr/notify"), .now_ms = 1772442001000};
    struct mb_bidder_out out;
    struct mb_json_writer w;

    mb_buf_clear(&text);
    mb_xbuf_add_text(&text, "{\"notify_request\":{\"tags\":[{\"notify_type\":\"won\",");
    if (auction) {
        mb_xbuf_printf(&text, "\"auction_id_64\":%s,", auction);
    }
    mb_xbuf_add_text(&text, "\"custom_notify_data\":");
    mb_json_writer_init(&w, &text);
    mb_jsonw_str(&w, custom_data);
    mb_xbuf_add_text(&text, "}]}}");
    in.body = mb_buf_slice(&text);
    mb_bidder_handle(bidder, &in, &out);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.n_events, 1);
    return out.events[0];
}

/* A mixed-up or replayed token would book the money of a bid that nobody bought. */
static void a_token_attributes_the_win_of_its_own_auction_only(void **state)
{
    static const struct {
        const char *auction_id, *imp_id; /* in the token */
        const char *won;                 /* in the notice */
        bool attributed;
    } rows[] = {
        {"7", NULL, "7", true},
        {"7", NULL, "\"7\"", true},
        {"7", NULL, "8", false},
        {"7", "8", "8", true}, /* a bid on the second tag of a request */
        {"7", "8", "7", false},
        {"7", "8", "9", false},
        {"7", NULL, NULL, true}, /* nothing speaks against it */
        {"7", "8", NULL, true},
        {"9223372036854775807", NULL, "9223372036854775806", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_slice data = token_of(rows[i].auction_id, rows[i].imp_id);
        uint64_t forged = mb_bidder_totals(bidder)->forged;
        struct mb_event e = won(rows[i].won, data);

        if (e.attributed != rows[i].attributed || e.books != rows[i].attributed ||
            e.cost.nanos != (rows[i].attributed ? 2500000 : 0) ||
            mb_bidder_totals(bidder)->forged - forged != !rows[i].attributed) {
            fail_msg("row %zu: attributed %d, books %d, cost %lld", i, e.attributed, e.books, (long long)e.cost.nanos);
        }
        assert_int_equal(mb_slice_present(e.strategy), rows[i].attributed);
        assert_int_equal(mb_slice_present(e.bid_id), rows[i].attributed);
    }
}

/* A key that ended at a zero byte would make a repeat of what is none, and a repeat is not recorded. */
static void events_that_differ_behind_a_zero_byte_have_keys_of_their_own(void **state)
{
    struct mb_slice key;
    char *first;

    (void)state;
    key = won("\"7\\u0000a\"", MB_SLICE("x")).key;
    first = malloc(key.len);
    memcpy(first, key.data, key.len);
    assert_false(mb_slice_eq(mb_slice(first, key.len), won("\"7\\u0000b\"", MB_SLICE("x")).key));
    assert_true(mb_slice_eq(mb_slice(first, key.len), won("\"7\\u0000a\"", MB_SLICE("x")).key));
    free(first);
}

/* The key of the one event of a call without a token, told at `now_ms`. */
static struct mb_slice told_key(const char *head, const char *tag, int64_t now_ms)
{
    struct mb_bidder_in in = {.method = MB_BIDDER_POST, .path = MB_SLICE("/xandr/notify"), .now_ms = now_ms};
    struct mb_bidder_out out;

    mb_buf_clear(&text);
    mb_xbuf_printf(&text, "{\"notify_request\":{%s\"tags\":[{%s}],\"responses\":[{\"result\":\"ok\"}]}}", head, tag);
    in.body = mb_buf_slice(&text);
    mb_bidder_handle(bidder, &in, &out);
    assert_int_equal(out.status, 200);
    assert_int_equal(out.n_events, 1);
    return out.events[0].key;
}

/* What is not recorded for it is lost, what is recorded again is counted twice: an event is known by all that was told of it. */
static void what_has_no_token_is_told_apart_by_all_that_was_told(void **state)
{
    static const char first_head[] = "\"timestamp\":\"2026-03-02 09:00:00\",";
    static const char first_tag[] = "\"notify_type\":\"lost\",\"auction_id_64\":7,\"id\":1";
    static const int64_t nine = 1772442000000, hour = 3600000;
    static const struct {
        const char *head, *tag;
        int64_t now_ms;
        bool same; /* as the first; for the rows without a time, as what came at nine */
    } rows[] = {
        {first_head, first_tag, nine + 1, true},
        {first_head, first_tag, nine + 5 * hour, true}, /* sent again, however late */
        {"\"timestamp\":\"2026-03-02 09:00:01\",", first_tag, nine, false},
        {"\"timestamp\":\"2026-03-02 10:00:00\",", first_tag, nine + hour, false}, /* the id came again */
        {first_head, "\"notify_type\":\"pending\",\"auction_id_64\":7,\"id\":1", nine, false},
        {first_head, "\"notify_type\":\"lost\",\"auction_id_64\":8,\"id\":1", nine, false},
        {first_head, "\"notify_type\":\"lost\",\"auction_id_64\":7,\"id\":2", nine, false},
        {first_head, "\"notify_type\":\"lost\",\"auction_id_64\":7,\"id\":1,\"member_id\":6", nine, false},
        {first_head, "\"notify_type\":\"lost\",\"auction_id_64\":7,\"id\":1,\"creative_id\":6", nine, false},
        {first_head, "\"notify_type\":\"lost\",\"auction_id_64\":7,\"id\":1,\"user_id_64\":6", nine, false},
        {"", first_tag, nine + hour - 1, true},
        {"", first_tag, nine + hour, false}, /* ids are unique within an hour only */
        {"", first_tag, nine + 24 * hour, false},
        {"\"timestamp\":\"\",", first_tag, nine + 1, true},
    };
    char first[256];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool timed = strstr(rows[i].head, "2026") != NULL;
        struct mb_slice key = told_key(timed ? first_head : "", first_tag, nine);

        assert_true(key.len <= sizeof(first));
        memcpy(first, key.data, len = key.len);
        if (mb_slice_eq(mb_slice(first, len), told_key(rows[i].head, rows[i].tag, rows[i].now_ms)) != rows[i].same) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_attributes_the_win_of_its_own_auction_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_token_is_told_apart_by_all_that_was_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_that_differ_behind_a_zero_byte_have_keys_of_their_own, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
