/* Sizes, pairs and the event's copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/auction.h"

static void sizes_are_two_numbers_around_an_x(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        struct mb_size size;
    } rows[] = {
        {"300x250", true, {300, 250}},
        {" 300 X 250\t", true, {300, 250}},
        {"0x0", true, {0, 0}},
        {"4294967295x1", true, {UINT32_MAX, 1}},
        {"4294967296x1", false, {0, 0}},
        {"300", false, {0, 0}},
        {"x250", false, {0, 0}},
        {"300x", false, {0, 0}},
        {"-300x250", false, {0, 0}},
        {"+300x250", false, {0, 0}},
        {"300x250x2", false, {0, 0}},
        {"300x2.5", false, {0, 0}},
        {"99999999999999999999x1", false, {0, 0}},
        {"", false, {0, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_size size = {7, 8};
        bool ok = mb_size_parse(mb_slice_of(rows[i].text), &size);
        if (ok != rows[i].ok) {
            fail_msg("'%s' gave %d", rows[i].text, ok);
        }
        assert_int_equal(size.width, ok ? rows[i].size.width : 7);
        assert_int_equal(size.height, ok ? rows[i].size.height : 8);
    }
    struct mb_size size = {7, 8};
    assert_false(mb_size_parse(MB_SLICE_NONE, &size));
}

static void the_first_pair_of_a_name_counts(void **state)
{
    (void)state;
    const struct mb_pair items[] = {
        {MB_SLICE("a"), MB_SLICE("1")}, {MB_SLICE("b"), MB_SLICE("2")}, {MB_SLICE("a"), MB_SLICE("3")}};
    struct mb_pairs pairs = {items, 3};
    assert_true(mb_slice_is(mb_pairs_get(pairs, MB_SLICE("a")), "1"));
    assert_true(mb_slice_is(mb_pairs_get(pairs, MB_SLICE("b")), "2"));
    assert_false(mb_slice_present(mb_pairs_get(pairs, MB_SLICE("c"))));
    assert_false(mb_slice_present(mb_pairs_get((struct mb_pairs){NULL, 0}, MB_SLICE("a"))));
}

/* All slices of an event, in one list of their own: a field missing in event.c's table shows as a shared pointer. */
#define EACH_SLICE(XX)                                                                                  \
    XX(exchange_time) XX(exchange) XX(endpoint) XX(auction_id) XX(imp_id) XX(tag_id) XX(site_id)        \
    XX(zone_id) XX(country) XX(bid_id) XX(strategy) XX(version) XX(arm) XX(data) XX(currency)           \
    XX(reason) XX(result) XX(error) XX(error_name) XX(payment_rule_id) XX(creative_id) XX(member_id)    \
    XX(user_id) XX(referrer) XX(user_agent) XX(userdata_json) XX(custom_data) XX(value) XX(tags)        \
    XX(responses) XX(bid_info) XX(full_tag_info) XX(raw) XX(key) XX(value_currency)        \
    XX(format) XX(fetch_url)

static void a_clone_shares_no_byte_with_its_event(void **state)
{
    (void)state;
    struct mb_event event = {.type = MB_EVENT_WIN, .time_ms = 42, .post_pending = -1};
#define XX(field) event.field = MB_SLICE("text of " #field);
    EACH_SLICE(XX)
#undef XX
    struct mb_event *copy = mb_xevent_clone(&event);
#define XX(field)                                            \
    assert_ptr_not_equal(copy->field.data, event.field.data); \
    assert_true(mb_slice_is(copy->field, "text of " #field));
    EACH_SLICE(XX)
#undef XX
    assert_int_equal(copy->type, MB_EVENT_WIN);
    assert_int_equal(copy->time_ms, 42);
    assert_int_equal(copy->post_pending, -1);
    free(copy);
}

/* Names of slices in the struct, counted in the header's own text: the compiler cannot tell how many there are. */
static size_t slices_declared(void)
{
    FILE *file = fopen(SOURCE_DIR "/include/moonbid/auction.h", "r");
    bool inside = false;
    char line[256];
    size_t count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        inside = strcmp(line, "struct mb_event {\n") == 0 || (inside && strcmp(line, "};\n") != 0);
        if (inside && strncmp(line, "    struct mb_slice ", 20) == 0) {
            for (const char *c = line; *c && *c != ';'; c++) {
                count += *c == ',';
            }
            count++;
        }
    }
    fclose(file);
    return count;
}

static void the_list_above_is_complete(void **state)
{
    (void)state;
    size_t listed = 0;
#define XX(field) listed++;
    EACH_SLICE(XX)
#undef XX
    assert_int_equal(slices_declared(), listed);
}

static void absent_stays_absent_and_empty_stays_there(void **state)
{
    (void)state;
    struct mb_event event = {.reason = MB_SLICE("")};
    struct mb_event *copy = mb_xevent_clone(&event);
    assert_true(mb_slice_present(copy->reason));
    assert_int_equal(copy->reason.len, 0);
    assert_false(mb_slice_present(copy->error));
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_two_numbers_around_an_x),
        cmocka_unit_test(the_first_pair_of_a_name_counts),
        cmocka_unit_test(a_clone_shares_no_byte_with_its_event),
        cmocka_unit_test(the_list_above_is_complete),
        cmocka_unit_test(absent_stays_absent_and_empty_stays_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
