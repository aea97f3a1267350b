/* Tokens: what goes in comes out, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/notice.h"

static const uint8_t key_a[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
static const uint8_t key_b[MB_NOTICE_KEY_BYTES] = "fedcba9876543210";

struct fixture {
    struct mb_notice_keys *keys;
    struct mb_arena arena;
    struct mb_buf body, token;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    mb_arena_init(&f->arena, 4096);
    f->keys = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add(f->keys, key_a), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mb_notice_keys_free(f->keys);
    mb_arena_fini(&f->arena);
    mb_buf_fini(&f->body);
    mb_buf_fini(&f->token);
    free(f);
    return 0;
}

static struct mb_notice usual_notice(void)
{
    return (struct mb_notice){
        .bid_id = {1, 2, 3, 0, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
        .strategy = MB_SLICE("de_push"),
        .version = MB_SLICE("0123456789abcdef"),
        .arm = MB_SLICE("b"),
        .endpoint = MB_SLICE("exo-eu"),
        .auction_id = MB_SLICE("9007199254740993"),
        .imp_id = MB_SLICE("1"),
        .zone_id = MB_SLICE("778899"),
        .site_id = MB_SLICE(""),
        .creative_id = MB_SLICE("cr\0eative"),
        .country = MB_SLICE("DE"),
        .data = MB_SLICE("creative-a"),
        .price = {420000},
        .price_wire = {388888},
        .rate_millionths = 1080000,
        .model = MB_MODEL_SMART_CPC,
        .format = MB_FORMAT_EMAIL_CLICK,
        .bid_time_ms = 1772442000123,
        .boot_id = 65535,
        .exchange = MB_EXCHANGE_OPENRTB,
        .books_on_win = true,
        .test = true,
    };
}

static struct mb_slice make_token(struct fixture *f, const struct mb_notice *n,
                                  enum mb_event_type kind)
{
    mb_buf_clear(&f->body);
    mb_buf_clear(&f->token);
    assert_int_equal(mb_notice_encode(n, &f->body), 0);
    mb_notice_sign(f->keys, kind, mb_buf_slice(&f->body), &f->token);
    return mb_buf_slice(&f->token);
}

static void assert_same_text(const char *name, struct mb_slice a, struct mb_slice b)
{
    if (!mb_slice_eq(a, b) || mb_slice_present(a) != mb_slice_present(b)) {
        fail_msg("%s: '%.*s' is not '%.*s'", name, MB_SLICE_ARG(a), MB_SLICE_ARG(b));
    }
}

static void assert_same(const struct mb_notice *a, const struct mb_notice *b)
{
#define SAME(field) assert_same_text(#field, a->field, b->field)
    SAME(strategy), SAME(version), SAME(arm), SAME(endpoint), SAME(auction_id), SAME(imp_id);
    SAME(zone_id), SAME(site_id), SAME(creative_id), SAME(country), SAME(data);
#undef SAME
    assert_memory_equal(a->bid_id, b->bid_id, sizeof a->bid_id);
    assert_int_equal(a->price.micros, b->price.micros);
    assert_int_equal(a->price_wire.micros, b->price_wire.micros);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->format, b->format);
    assert_int_equal(a->bid_time_ms, b->bid_time_ms);
    assert_int_equal(a->boot_id, b->boot_id);
    assert_int_equal(a->boot_skew_ms, b->boot_skew_ms);
    assert_int_equal(a->rate_millionths, b->rate_millionths);
    assert_int_equal(a->test, b->test);
    assert_int_equal(a->exchange, b->exchange);
    assert_int_equal(a->books_on_win, b->books_on_win);
}

/* Whatever of its three bytes the body's end leaves over for the MAC. */
static void a_token_made_from_another_is_the_same_as_one_made_alone(void **state)
{
    struct fixture *f = *state;
    for (size_t extra = 0; extra < 4; extra++) {
        struct mb_notice n = usual_notice();
        n.data = mb_slice("abcdef", extra);
        struct mb_buf alone = {0};
        struct mb_slice billing = make_token(f, &n, MB_EVENT_BILLING), body = mb_buf_slice(&f->body);
        mb_notice_sign(f->keys, MB_EVENT_LOSS, body, &alone);
        size_t len = mb_notice_token_len(body.len);
        char *again = malloc(len); /* with nothing behind it, for the sanitizers */
        mb_notice_sign_again(f->keys, MB_EVENT_LOSS, body, billing.data, again);
        assert_same_text("token", mb_slice(again, len), mb_buf_slice(&alone));
        free(again);
        mb_buf_fini(&alone);
    }
}

static void a_token_tells_what_was_put_in(void **state)
{
    struct fixture *f = *state;
    struct mb_notice extremes = usual_notice();
    extremes.price.micros = INT64_MAX;
    extremes.price_wire.micros = INT64_MIN;
    extremes.bid_time_ms = -1;
    extremes.test = false;
    const struct mb_notice rows[] = {usual_notice(), {.model = MB_MODEL_CPM}, extremes};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_notice out;
        struct mb_slice token = make_token(f, &rows[i], MB_EVENT_BILLING);
        assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_BILLING, token, &f->arena, &out), 0);
        assert_same(&rows[i], &out);
    }
}

static void a_token_is_short_and_needs_no_escaping(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice();
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    assert_in_range(token.len, 100, 180);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];
        assert_true((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_');
    }
}

static struct mb_slice long_text(size_t len)
{
    static const char text[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_true(len < sizeof text);
    return mb_slice(text, len);
}

static void a_full_token_fits_and_a_fuller_one_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice();
    n.data = long_text(64);
    n.auction_id = long_text(64);
    n.imp_id = long_text(63);
    assert_in_range(make_token(f, &n, MB_EVENT_BILLING).len, 300, MB_NOTICE_TOKEN_MAX);

    n.strategy = long_text(64);
    n.zone_id = n.site_id = n.creative_id = long_text(32);
    mb_buf_clear(&f->body);
    assert_int_equal(mb_notice_encode(&n, &f->body), MB_ENOMEM);
    assert_int_equal(f->body.len, 0);
}

/* Grows one field byte by byte to where it no longer fits: just below, the token has its full size
 * and holds. */
static void the_limit_is_exact(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice(), out;
    size_t longest = 0;
    n.data = n.auction_id = long_text(64);
    n.imp_id = long_text(63);
    n.zone_id = n.site_id = n.creative_id = MB_SLICE_NONE;
    for (size_t len = 0; len <= 64; len++) {
        n.strategy = long_text(len);
        n.arm = n.endpoint = long_text(len / 2);
        mb_buf_clear(&f->body);
        if (mb_notice_encode(&n, &f->body)) {
            break;
        }
        struct mb_slice token = make_token(f, &n, MB_EVENT_WIN);
        assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_WIN, token, &f->arena, &out), 0);
        assert_same(&n, &out);
        longest = token.len;
    }
    assert_in_range(longest, MB_NOTICE_TOKEN_MAX - 4, MB_NOTICE_TOKEN_MAX);
}

static void ids_are_cut_and_the_rest_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = {
        .auction_id = long_text(100), .imp_id = long_text(99), .zone_id = long_text(33)};
    struct mb_notice out;
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_BILLING, token, &f->arena, &out), 0);
    assert_same_text("auction_id", out.auction_id, long_text(64));
    assert_same_text("imp_id", out.imp_id, long_text(64));
    assert_same_text("zone_id", out.zone_id, long_text(32));

    const struct mb_notice refused[] = {
        {.strategy = long_text(65)}, {.version = long_text(17)}, {.arm = long_text(33)},
        {.endpoint = long_text(33)}, {.country = long_text(3)},  {.data = long_text(65)},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        mb_buf_clear(&f->body);
        assert_int_equal(mb_notice_encode(&refused[i], &f->body), MB_ENOMEM);
    }
}

static void a_cut_leaves_no_torn_character(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = {.zone_id = MB_SLICE("0123456789012345678901234567890\xc3\xa4z")}, out;
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_BILLING, token, &f->arena, &out), 0);
    assert_same_text("zone_id", out.zone_id, MB_SLICE("0123456789012345678901234567890"));
}

static void an_imp_id_equal_to_the_auction_id_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = {.auction_id = MB_SLICE("42"), .imp_id = MB_SLICE("42")}, out;
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_BILLING, token, &f->arena, &out), 0);
    assert_false(mb_slice_present(out.imp_id));
    assert_true(mb_slice_is(out.auction_id, "42"));
}

static void assert_forged(struct fixture *f, enum mb_event_type kind, struct mb_slice token)
{
    struct mb_notice out;
    memset(&out, 0x5a, sizeof out);
    struct mb_notice before = out;
    if (mb_notice_verify(f->keys, kind, token, &f->arena, &out) != MB_EFORGED) {
        fail_msg("believed: %.*s", MB_SLICE_ARG(token));
    }
    assert_memory_equal(&before, &out, sizeof out);
}

static void a_clock_that_was_set_takes_more_room(void **state)
{
    static const int64_t skews[] = {1, -1, 3600000, -3600000, INT64_MAX, INT64_MIN};
    struct fixture *f = *state;
    struct mb_notice n = usual_notice(), out;

    for (size_t i = 0; i < sizeof skews / sizeof skews[0]; i++) {
        struct mb_slice token;

        n.boot_skew_ms = skews[i];
        token = make_token(f, &n, MB_EVENT_WIN);
        assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_WIN, token, &f->arena, &out), 0);
        assert_same(&n, &out);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice();
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    char *text = f->token.data;
    for (size_t i = 0; i < token.len * 8; i++) {
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        assert_forged(f, MB_EVENT_BILLING, token);
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
    }
}

static void every_cut_or_longer_token_is_refused(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice();
    struct mb_slice token = make_token(f, &n, MB_EVENT_BILLING);
    for (size_t len = 0; len < token.len; len++) {
        assert_forged(f, MB_EVENT_BILLING, mb_slice(token.data, len));
        assert_forged(f, MB_EVENT_BILLING, mb_slice(token.data + token.len - len, len));
    }
    assert_forged(f, MB_EVENT_BILLING, MB_SLICE_NONE);
    mb_xbuf_add_text(&f->token, "A=\n");
    for (size_t more = 1; more <= 3; more++) {
        assert_forged(f, MB_EVENT_BILLING, mb_slice(f->token.data, token.len + more));
    }
    mb_buf_clear(&f->token);
    for (size_t i = 0; i < 2000; i++) {
        mb_xbuf_add_char(&f->token, 'A');
    }
    assert_forged(f, MB_EVENT_BILLING, mb_buf_slice(&f->token));
}

static void a_token_of_one_kind_is_worth_nothing_as_another(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice(), out;
    struct mb_slice token = make_token(f, &n, MB_EVENT_WIN);
    for (int kind = MB_EVENT_NONE; kind < MB_EVENT_COUNT; kind++) {
        if (kind != MB_EVENT_WIN) {
            assert_forged(f, (enum mb_event_type)kind, token);
        }
    }
    assert_int_equal(mb_notice_verify(f->keys, MB_EVENT_WIN, token, &f->arena, &out), 0);
}

static void an_older_key_verifies_and_the_first_signs(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice(), out;
    struct mb_notice_keys *rotated = mb_xnotice_keys_new(), *other = mb_xnotice_keys_new();
    assert_int_equal(mb_notice_keys_add(rotated, key_b), 0);
    assert_int_equal(mb_notice_keys_add(rotated, key_a), 0);
    assert_int_equal(mb_notice_keys_add(other, key_b), 0);

    struct mb_slice token = make_token(f, &n, MB_EVENT_WIN); /* by key_a */
    assert_int_equal(mb_notice_verify(rotated, MB_EVENT_WIN, token, &f->arena, &out), 0);
    assert_int_equal(mb_notice_verify(other, MB_EVENT_WIN, token, &f->arena, &out), MB_EFORGED);

    mb_buf_clear(&f->token);
    mb_notice_sign(rotated, MB_EVENT_WIN, mb_buf_slice(&f->body), &f->token);
    assert_int_equal(
        mb_notice_verify(other, MB_EVENT_WIN, mb_buf_slice(&f->token), &f->arena, &out), 0);
    assert_forged(f, MB_EVENT_WIN, mb_buf_slice(&f->token));
    mb_notice_keys_free(rotated);
    mb_notice_keys_free(other);
}

/* Tokens of the version before are still on their way when a server is replaced. */
static void a_token_of_the_version_before_is_read(void **state)
{
    struct fixture *f = *state;
    struct mb_notice n = usual_notice(), out;

    n.format = MB_FORMAT_NONE;
    n.boot_id = 0;
    make_token(f, &n, MB_EVENT_WIN);
    f->body.data[0] = 1;
    mb_buf_clear(&f->token);
    mb_notice_sign(f->keys, MB_EVENT_WIN, mb_buf_slice(&f->body), &f->token);
    assert_int_equal(
        mb_notice_verify(f->keys, MB_EVENT_WIN, mb_buf_slice(&f->token), &f->arena, &out), 0);
    assert_same(&n, &out);
    f->body.data[0] = 3; /* and none of a later one */
    mb_buf_clear(&f->token);
    mb_notice_sign(f->keys, MB_EVENT_WIN, mb_buf_slice(&f->body), &f->token);
    assert_forged(f, MB_EVENT_WIN, mb_buf_slice(&f->token));
}

/* A body that we signed but did not encode (a bug, a leaked key) must not be able to do harm. */
static void a_signed_body_of_rubbish_is_read_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 7;
    int believed = 0;
    for (int round = 0; round < 50000; round++) {
        struct mb_notice n = usual_notice(), out;
        make_token(f, &n, MB_EVENT_WIN);
        for (int hits = 1 + round % 4; hits > 0; hits--) {
            seed = seed * 1664525u + 1013904223u;
            f->body.data[1 + (seed >> 8) % (f->body.len - 1)] = (char)(seed >> 24);
        }
        mb_buf_clear(&f->token);
        mb_notice_sign(f->keys, MB_EVENT_WIN, mb_buf_slice(&f->body), &f->token);
        mb_arena_reset(&f->arena);
        int rc = mb_notice_verify(f->keys, MB_EVENT_WIN, mb_buf_slice(&f->token), &f->arena, &out);
        assert_true(rc == 0 || rc == MB_EFORGED);
        if (rc == 0) {
            believed++;
            assert_true(out.data.len <= MB_NOTICE_DATA_MAX && out.strategy.len <= 64);
            assert_true(out.model < MB_MODEL_COUNT);
        }
    }
    assert_in_range(believed, 1, 49999);
}

static void the_bid_id_is_22_characters(void **state)
{
    (void)state;
    static const struct {
        uint8_t id[16];
        const char *text;
    } rows[] = {
        {{0}, "AAAAAAAAAAAAAAAAAAAAAA"},
        {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
         "_____________________w"},
        {{0, 16, 131, 16, 81, 135, 32, 146, 139, 48, 211, 143, 65, 20, 147, 81},
         "ABCDEFGHIJKLMNOPQRSTUQ"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[23] = "";
        text[22] = '!';
        mb_notice_bid_id_text(rows[i].id, text);
        assert_int_equal(text[22], '!');
        assert_memory_equal(text, rows[i].text, 22);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_token_made_from_another_is_the_same_as_one_made_alone),
        CASE(a_token_tells_what_was_put_in),
        CASE(a_token_is_short_and_needs_no_escaping),
        CASE(a_full_token_fits_and_a_fuller_one_is_refused),
        CASE(the_limit_is_exact),
        CASE(ids_are_cut_and_the_rest_is_refused),
        CASE(a_cut_leaves_no_torn_character),
        CASE(an_imp_id_equal_to_the_auction_id_is_left_out),
        CASE(a_clock_that_was_set_takes_more_room),
        CASE(every_flipped_bit_is_refused),
        CASE(every_cut_or_longer_token_is_refused),
        CASE(a_token_of_one_kind_is_worth_nothing_as_another),
        CASE(an_older_key_verifies_and_the_first_signs),
        CASE(a_token_of_the_version_before_is_read),
        CASE(a_signed_body_of_rubbish_is_read_within_its_bounds),
        CASE(the_bid_id_is_22_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
