/* mb_json_pick against mb_json_get: the same members, the same slips, of any object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>

#include "moonbid/json.h"

static struct mb_arena arena;
static struct mb_json doc;
static struct mb_buf text;

static int set_up(void **state)
{
    (void)state;
    mb_arena_init(&arena, 65536);
    text = (struct mb_buf){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    mb_buf_fini(&text);
    return 0;
}

static struct mb_json_value parse(void)
{
    struct mb_error err;
    mb_arena_reset(&arena);
    if (mb_json_parse(&doc, &arena, mb_buf_slice(&text), &err) != 0)
        fail_msg("%s at %ld", err.what, err.at);
    return mb_json_root(&doc);
}

/* Names that differ late or early, in length alone, at the borders of eight and sixteen bytes. */
static const char *const known[] = {
    "a",
    "b",
    "id",
    "ab",
    "bidfloor",
    "bidfloo",
    "bidfloorc",
    "bidfloorcur",
    "bidfloordur",
    "sixteen_bytes_ab",
    "sixteen_bytes_abc",
    "excluded_attributes",
    "excluded_attributed",
    "excluded_bttributes",
    "\xc3\xa9",
};
enum { KNOWN = sizeof(known) / sizeof(known[0]) };

/* Keys that are none of them, some by a byte. */
static const char *const others[] = {"",
                                     "c",
                                     "ad",
                                     "bidfloos",
                                     "cidfloor",
                                     "bidfloorcus",
                                     "sixteen_bytes_ac",
                                     "ext",
                                     "excluded_attributet",
                                     "excluded_attribute",
                                     "excludedzattributes"};
enum { OTHERS = sizeof(others) / sizeof(others[0]) };

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

static void add_member(unsigned *seed, unsigned i, unsigned strangers)
{
    const char *name = next_random(seed) % 4 < strangers ? others[next_random(seed) % OTHERS]
                                                         : known[next_random(seed) % KNOWN];
    mb_xbuf_add_text(&text, i ? ",\"" : "\"");
    if (*name >= 'a' && *name <= 'z' && next_random(seed) % 16 == 0)
        mb_xbuf_printf(&text, "\\u%04x", (unsigned)*name++);
    mb_xbuf_add_text(&text, name);
    static const char *const values[] = {"1", "{\"a\":2,\"id\":[3]}", "[]", "null", "\"id\"", "{}"};
    mb_xbuf_printf(&text, "\":%s", values[next_random(seed) % 6]);
}

static void a_pick_finds_what_look_ups_find(void **state)
{
    (void)state;
    struct mb_json_names names;
    mb_json_names_init(&names, known, KNOWN);
    for (unsigned round = 0; round < 4000; round++) {
        unsigned seed = round, members = next_random(&seed) % (round % 8 ? 8 : 40), times = 0;
        mb_buf_clear(&text);
        mb_xbuf_add_char(&text, '{');
        for (unsigned i = 0; i < members; i++)
            add_member(&seed, i, round % 4);
        mb_xbuf_add_char(&text, '}');
        struct mb_json_value root = parse();
        uint16_t places[KNOWN] = {0};
        mb_json_pick(root, &names, places);
        unsigned picked_slips = doc.slips[MB_JSON_SLIP_DUPLICATE_KEY];
        doc.slips[MB_JSON_SLIP_DUPLICATE_KEY] = 0;
        for (size_t i = 0; i < KNOWN; i++) {
            struct mb_json_value due = mb_json_get(root, mb_slice_of(known[i]));
            struct mb_json_value found = mb_json_picked(&doc, places[i]);
            if (found.type != due.type || found.token != due.token)
                fail_msg("'%s' of %.*s", known[i], MB_SLICE_ARG(mb_buf_slice(&text)));
            times += due.type != MB_JSON_NONE;
        }
        assert_int_equal(picked_slips, doc.slips[MB_JSON_SLIP_DUPLICATE_KEY]);
        assert_true(times <= members);
    }
}

/* As many names as there may be share the slots; each is found, and nothing else. */
static void a_full_list_of_names_is_found(void **state)
{
    (void)state;
    static char texts[MB_JSON_NAMES_MAX][24];
    const char *list[MB_JSON_NAMES_MAX];
    struct mb_json_names names;
    for (unsigned round = 0; round < 200; round++) {
        mb_buf_clear(&text);
        mb_xbuf_add_char(&text, '{');
        for (unsigned i = 0; i < MB_JSON_NAMES_MAX; i++) {
            snprintf(texts[i], sizeof(texts[i]), "%x%s", (round * 64 + i) * 2654435761u,
                     round % 2 ? "_and_more" : "");
            list[i] = texts[i];
            mb_xbuf_printf(&text, "\"%s\":%u,\"%sx\":0,", texts[i], i, texts[i]);
        }
        mb_xbuf_add_text(&text, "\"\":0}");
        mb_json_names_init(&names, list, MB_JSON_NAMES_MAX);
        uint16_t places[MB_JSON_NAMES_MAX] = {0};
        mb_json_pick(parse(), &names, places);
        for (unsigned i = 0; i < MB_JSON_NAMES_MAX; i++)
            assert_int_equal(mb_json_i64(mb_json_picked(&doc, places[i]), -1), i);
    }
}

/* A key at the very end of a text is compared with nothing that stands behind. */
static void a_short_key_at_the_end_is_no_longer_one(void **state)
{
    (void)state;
    static const char *const list[] = {"a", "a\":1}"};
    struct mb_json_names names;
    uint16_t places[2] = {0};
    mb_json_names_init(&names, list, 2);
    mb_xbuf_add_text(&text, "{\"a\":1}");
    mb_json_pick(parse(), &names, places);
    assert_int_equal(places[0], 2);
    assert_int_equal(places[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pick_finds_what_look_ups_find, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_list_of_names_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_key_at_the_end_is_no_longer_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
