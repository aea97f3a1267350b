/* The recorded form: every field goes there and back, whatever stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/json.h"
#include "moonbid/ledger.h"

/* clang-format off */
/* Lists of their own: a field that record.c's table misses does not come back. */
#define EACH_TEXT(XX)                                                                               \
    XX(exchange_time) XX(exchange) XX(endpoint) XX(auction_id) XX(imp_id) XX(tag_id) XX(site_id)    \
    XX(zone_id) XX(country) XX(bid_id) XX(strategy) XX(version) XX(arm) XX(data) XX(currency)       \
    XX(reason) XX(result) XX(error) XX(error_name) XX(payment_rule_id) XX(creative_id)              \
    XX(member_id) XX(user_id) XX(referrer) XX(user_agent) XX(userdata_json) XX(custom_data)         \
    XX(value) XX(tags) XX(responses) XX(bid_info) XX(full_tag_info) XX(raw) XX(key)

#define EACH_NUMBER(XX)                                                                             \
    XX(type) XX(time_ms) XX(model) XX(has_price_bid) XX(has_price_paid) XX(has_price_sold_for)      \
    XX(has_min_to_win) XX(price_bid.micros) XX(price_paid.micros) XX(price_sold_for.micros)         \
    XX(min_to_win.micros) XX(cost.nanos) XX(books) XX(attributed) XX(test) XX(fail)                 \
    XX(post_pending) XX(loss_code) XX(error_id) XX(response_time_ms) XX(bid_time_ms)
/* clang-format on */

static uint64_t random_state;

static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
static const struct mb_slice hostile[] = {
    TEXT(""),
    TEXT("9007199254740993"),
    TEXT("18446744073709551615"),
    TEXT("a\0b"),
    TEXT("\0"),
    TEXT("line\nend\r\n\t\b\f\x01\x1f\x7f"),
    TEXT("\"quoted\" and \\ back\\\\slash\\\""),
    TEXT("{\"a\":[1,2.50,\"x\"]}"),
    TEXT("\\u0000 \\ud800"),
    TEXT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
    TEXT("\xe2\x80\xa8 \xef\xbf\xbd \xef\xbb\xbf"),
    TEXT("</script> ' ; -- %s %n"),
};

static struct mb_slice draw_text(void)
{
    size_t i = draw() % (sizeof hostile / sizeof hostile[0] + 4);
    return i < sizeof hostile / sizeof hostile[0] ? hostile[i] : MB_SLICE_NONE;
}

static int64_t draw_i64(void)
{
    static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1772442000123};
    size_t i = draw() % 8;
    return i < 6 ? edges[i] : (int64_t)draw();
}

static struct mb_event draw_event(void)
{
    struct mb_event e = {0};
#define XX(field) e.field = draw_text();
    EACH_TEXT(XX)
#undef XX
    e.type = (enum mb_event_type)(1 + draw() % (MB_EVENT_COUNT - 1));
    e.model = (enum mb_model)(draw() % MB_MODEL_COUNT);
    e.time_ms = draw_i64();
    e.bid_time_ms = draw_i64();
    e.cost.nanos = draw_i64();
    e.has_price_bid = draw() & 1, e.price_bid.micros = e.has_price_bid ? draw_i64() : 0;
    e.has_price_paid = draw() & 1, e.price_paid.micros = e.has_price_paid ? draw_i64() : 0;
    e.has_price_sold_for = draw() & 1,
    e.price_sold_for.micros = e.has_price_sold_for ? draw_i64() : 0;
    e.has_min_to_win = draw() & 1, e.min_to_win.micros = e.has_min_to_win ? draw_i64() : 0;
    e.books = draw() & 1, e.attributed = draw() & 1, e.test = draw() & 1, e.fail = draw() & 1;
    e.post_pending = (int8_t)((int)(draw() % 3) - 1);
    e.loss_code = (int32_t)draw_i64(), e.error_id = (int32_t)draw_i64();
    e.response_time_ms = (int32_t)draw_i64();
    return e;
}

static void assert_same(const struct mb_event *a, const struct mb_event *b)
{
#define XX(field)                                                                                  \
    if (!mb_slice_eq(a->field, b->field) ||                                                        \
        mb_slice_present(a->field) != mb_slice_present(b->field)) {                                \
        fail_msg(#field ": '%.*s' is not '%.*s'", MB_SLICE_ARG(a->field), MB_SLICE_ARG(b->field)); \
    }
    EACH_TEXT(XX)
#undef XX
#define XX(field)                                                                                  \
    if (a->field != b->field) {                                                                    \
        fail_msg(#field ": %lld is not %lld", (long long)a->field, (long long)b->field);           \
    }
    EACH_NUMBER(XX)
#undef XX
}

static void any_event_goes_there_and_back(void **state)
{
    (void)state;
    struct mb_buf line = {0};
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    random_state = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        struct mb_event in = draw_event(), out;
        struct mb_error err = {0};
        mb_buf_clear(&line);
        mb_arena_reset(&arena);
        mb_xledger_write_event(&in, &line);
        assert_null(memchr(line.data, '\n', line.len));
        if (mb_ledger_read_event(mb_buf_slice(&line), &arena, &out, &err)) {
            fail_msg("%s %s: %.*s", err.where, err.what, MB_SLICE_ARG(mb_buf_slice(&line)));
        }
        memset(line.data, 'x', line.len); /* the event must not lean on the line */
        assert_same(&in, &out);
    }
    mb_arena_fini(&arena);
    mb_buf_fini(&line);
}

static void any_event_goes_from_process_to_process(void **state)
{
    (void)state;
    struct mb_buf bytes = {0};
    random_state = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        struct mb_event in = draw_event(), out;
        mb_buf_clear(&bytes);
        mb_xledger_pack_event(&in, &bytes);
        assert_int_equal(bytes.len, mb_ledger_packed_bytes(&in));
        assert_int_equal(mb_ledger_unpack_event(mb_buf_slice(&bytes), &out), 0);
        assert_same(&in, &out);
    }
    mb_buf_fini(&bytes);
}

/* Cut anywhere, or with any byte changed, it is refused or an event within its bounds. */
static void what_is_no_packed_event_is_refused(void **state)
{
    (void)state;
    struct mb_buf bytes = {0};
    random_state = 1;
    for (int round = 0; round < 50; round++) {
        struct mb_event in = draw_event(), out;
        mb_buf_clear(&bytes);
        mb_xledger_pack_event(&in, &bytes);
        for (size_t i = 0; i < bytes.len; i++) {
            char *copy = malloc(bytes.len), was = bytes.data[i]; /* the sanitizer sees its ends */
            if (mb_ledger_unpack_event(mb_slice(memcpy(copy, bytes.data, i), i), &out) == 0) {
                assert_true(mb_ledger_packed_bytes(&out) <= i); /* cut between two fields */
            }
            bytes.data[i] = (char)draw();
            memcpy(copy, bytes.data, bytes.len);
            if (mb_ledger_unpack_event(mb_slice(copy, bytes.len), &out) == 0) {
                assert_in_range(out.type, MB_EVENT_NONE + 1, MB_EVENT_COUNT - 1);
                assert_in_range(out.model, MB_MODEL_NONE, MB_MODEL_COUNT - 1);
                assert_true(mb_ledger_packed_bytes(&out) <= bytes.len);
            }
            bytes.data[i] = was;
            free(copy);
        }
    }
    assert_int_equal(mb_ledger_unpack_event(MB_SLICE(""), &(struct mb_event){0}), MB_ESYNTAX);
    assert_int_equal(mb_ledger_unpack_event(MB_SLICE("\xff"), &(struct mb_event){0}), MB_ESYNTAX);
    mb_buf_fini(&bytes);
}

/* The names and units are an interface: people and scripts read them. */
static void an_event_looks_like_this(void **state)
{
    (void)state;
    struct mb_event e = {
        .type = MB_EVENT_WIN,
        .time_ms = 1772442000123,
        .key = MB_SLICE("win:42"),
        .auction_id = MB_SLICE("9007199254740993"),
        .has_price_paid = true,
        .price_paid = {340000},
        .cost = {340000},
        .books = true,
        .model = MB_MODEL_CPM,
        .post_pending = 0,
        .response_time_ms = -1,
        .raw = MB_SLICE("{\"id\":1}"),
    };
    struct mb_buf line = {0};
    mb_xledger_write_event(&e, &line);
    mb_xbuf_add_char(&line, 0);
    assert_string_equal(
        line.data,
        "{\"type\":\"win\",\"time_ms\":1772442000123,\"key\":\"win:42\",\"books\":true,"
        "\"cost_nanos\":340000,\"model\":\"cpm\",\"price_paid_micros\":340000,"
        "\"auction_id\":\"9007199254740993\",\"post_pending\":0,\"raw\":\"{\\\"id\\\":1}\"}");
    mb_buf_fini(&line);
}

static void invalid_utf8_becomes_replacement_characters(void **state)
{
    (void)state;
    struct mb_event e = {.type = MB_EVENT_WIN, .post_pending = -1, .response_time_ms = -1}, out;
    struct mb_buf line = {0};
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    e.user_agent = MB_SLICE("a\xff"
                            "b");
    mb_xledger_write_event(&e, &line);
    assert_int_equal(mb_ledger_read_event(mb_buf_slice(&line), &arena, &out, NULL), 0);
    assert_true(mb_slice_is(out.user_agent, "a\xef\xbf\xbd"
                                            "b"));
    mb_arena_fini(&arena);
    mb_buf_fini(&line);
}

static void damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int rc;
        const char *where;
    } rows[] = {
        {"{\"type\":\"win\"}", 0, ""},
        {"{\"type\":\"win\",\"of_a_later_version\":{\"x\":[1]}}", 0, ""},
        {"", MB_ESYNTAX, ""},
        {"{}", MB_ESYNTAX, "type"},
        {"[]", MB_ESYNTAX, ""},
        {"null", MB_ESYNTAX, ""},
        {"{\"type\":\"win\"", MB_ESYNTAX, ""},
        {"{\"type\":\"win\"}x", MB_ESYNTAX, ""},
        {"{\"type\":\"won\"}", MB_ESYNTAX, "type"},
        {"{\"type\":1}", MB_ESYNTAX, "type"},
        {"{\"type\":\"win\",\"model\":\"cpx\"}", MB_ESYNTAX, "model"},
        {"{\"type\":\"win\",\"time_ms\":\"1\"}", MB_ESYNTAX, "time_ms"},
        {"{\"type\":\"win\",\"time_ms\":1.5}", MB_ESYNTAX, "time_ms"},
        {"{\"type\":\"win\",\"time_ms\":1e3}", MB_ESYNTAX, "time_ms"},
        {"{\"type\":\"win\",\"cost_nanos\":9223372036854775807}", 0, ""},
        {"{\"type\":\"win\",\"cost_nanos\":9223372036854775808}", MB_ESYNTAX, "cost_nanos"},
        {"{\"type\":\"win\",\"loss_code\":2147483648}", MB_ESYNTAX, "loss_code"},
        {"{\"type\":\"win\",\"post_pending\":128}", MB_ESYNTAX, "post_pending"},
        {"{\"type\":\"win\",\"books\":1}", MB_ESYNTAX, "books"},
        {"{\"type\":\"win\",\"key\":7}", MB_ESYNTAX, "key"},
        {"{\"type\":\"win\",\"raw\":{}}", MB_ESYNTAX, "raw"},
        {"{\"type\":\"win\",\"raw\":null}", MB_ESYNTAX, "raw"},
    };
    struct mb_arena arena;
    mb_arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_event out;
        struct mb_error err = {0};
        int rc = mb_ledger_read_event(mb_slice_of(rows[i].line), &arena, &out, &err);
        if (rc != rows[i].rc || strcmp(err.where, rows[i].where) != 0) {
            fail_msg("%s gave %d at '%s'", rows[i].line, rc, err.where);
        }
    }
    mb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_event_goes_there_and_back),
        cmocka_unit_test(any_event_goes_from_process_to_process),
        cmocka_unit_test(what_is_no_packed_event_is_refused),
        cmocka_unit_test(an_event_looks_like_this),
        cmocka_unit_test(invalid_utf8_becomes_replacement_characters),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
