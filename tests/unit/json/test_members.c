#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

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

/* What mb_json_get promises, by the plainest means: the first member of that name. */
static struct mb_json_value walk(struct mb_json_value object, struct mb_slice key, unsigned *times)
{
    struct mb_json_value found = {.doc = object.doc};
    *times = 0;
    for (struct mb_json_value v = mb_json_first(object); v.type != MB_JSON_NONE;
         v = mb_json_next(object, v)) {
        if (!mb_slice_eq(mb_json_key(v), key))
            continue;
        if ((*times)++ == 0)
            found = v;
    }
    return found;
}

static void check(struct mb_json_value object, struct mb_slice key)
{
    unsigned times;
    uint16_t before = doc.slips[MB_JSON_SLIP_DUPLICATE_KEY];
    struct mb_json_value due = walk(object, key, &times), found = mb_json_get(object, key);
    if (found.type != due.type || (due.type != MB_JSON_NONE && found.token != due.token))
        fail_msg("'%.*s': token %u of type %d, due %u of type %d", MB_SLICE_ARG(key), found.token,
                 found.type, due.token, due.type);
    assert_int_equal(doc.slips[MB_JSON_SLIP_DUPLICATE_KEY] - before, times > 1 ? times - 1 : 0);
}

/* Names that share length, ends and middle, others that differ in one byte, an empty one, and
 * pieces that a key with escapes decodes to. */
static const char *const names[] = {"",          "a",         "b",         "id",    "ix",
                                    "axa",       "abca",      "axca",      "axya",  "abcde",
                                    "abcdefghi", "abxdefghi", "abcdexghi", "ext",   "user",
                                    "app",       "imp",       "\"q",       "tab\t", "\xc3\xa9"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

static void add_key(unsigned *seed)
{
    const char *name = names[next_random(seed) % NAMES];
    struct mb_json_writer w;
    mb_xbuf_add_char(&text, '"');
    if (*name >= 'a' && *name <= 'z' && next_random(seed) % 16 == 0) {
        mb_xbuf_printf(&text, "\\u%04x", (unsigned)*name++);
    }
    size_t start = text.len;
    mb_json_writer_init(&w, &text);
    mb_jsonw_str(&w, mb_slice_of(name));
    memmove(text.data + start, text.data + start + 1, text.len - start - 1); /* its quote */
    text.len--;
    mb_xbuf_add_char(&text, ':');
}

static void add_object(unsigned *seed, unsigned depth)
{
    unsigned members = next_random(seed) % (depth < 2 ? 40 : 12);
    mb_xbuf_add_char(&text, '{');
    for (unsigned i = 0; i < members; i++) {
        if (i > 0)
            mb_xbuf_add_char(&text, ',');
        add_key(seed);
        if (depth < 4 && next_random(seed) % 3 == 0)
            add_object(seed, depth + 1);
        else
            mb_xbuf_printf(&text, "%u", i);
    }
    mb_xbuf_add_char(&text, '}');
}

static void a_look_up_finds_what_a_walk_finds(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 250; round++) {
        unsigned seed = round;
        mb_buf_clear(&text);
        add_object(&seed, 0);
        (void)parse();
        for (uint32_t token = 0; token < doc.n_tokens; token++) {
            struct mb_json_value value = {&doc, token, doc.tokens[token].type};
            for (size_t i = 0; i < NAMES; i++)
                check(value, mb_slice_of(names[i]));
        }
    }
}

/* A walk finds them among a few, a table among many; one key with an escape or that stands twice is
 * found all the same. */
static void keys_are_found_on_both_sides_of_the_border(void **state)
{
    (void)state;
    enum { KEYS = 40 };
    for (unsigned n = 1; n <= KEYS; n++) {
        for (unsigned odd = 0; odd < 3; odd++) {
            static const char *const first[] = {"\"k0\":{\"k1\":7}", "\"\\u006b0\":0",
                                                "\"k0\":0,\"k0\":1"};
            mb_buf_clear(&text);
            mb_xbuf_printf(&text, "[{%s", first[odd]);
            for (unsigned i = 1; i < n; i++)
                mb_xbuf_printf(&text, ",\"k%u\":%u", i, i);
            mb_xbuf_add_text(&text, "},{\"k1\":3}]");
            struct mb_json_value list = parse(), object = mb_json_at(list, 0);
            for (unsigned i = 0; i <= n; i++) {
                char key[16];
                snprintf(key, sizeof(key), "k%u", i);
                check(object, mb_slice_of(key));
                check(mb_json_at(list, 1), mb_slice_of(key));
            }
        }
    }
}

/* Whoever sends thousands of keys that look alike makes nothing wrong. */
static void keys_of_one_mark_are_all_found(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    mb_xbuf_add_text(&text, "{\"other\":{\"k0000x0000k\":1},\"all\":{");
    for (unsigned i = 0; i < KEYS; i++)
        mb_xbuf_printf(&text, "%s\"k%04ux%04uk\":%u", i ? "," : "", i, KEYS - i, i);
    mb_xbuf_add_text(&text, "},\"last\":2}");
    struct mb_json_value root = parse(), all = mb_json_get(root, MB_SLICE("all"));
    for (unsigned i = 0; i < KEYS; i += 7) {
        char key[16];
        snprintf(key, sizeof(key), "k%04ux%04uk", i, KEYS - i);
        assert_int_equal(mb_json_i64(mb_json_get(all, mb_slice_of(key)), -1), i);
    }
    check(root, MB_SLICE("other"));
    check(root, MB_SLICE("last"));
    check(mb_json_get(root, MB_SLICE("other")), MB_SLICE("k0000x0000k"));
    check(all, MB_SLICE("k0000x0000k"));
}

static void as_many_keys_as_a_document_may_have_are_found(void **state)
{
    (void)state;
    enum { KEYS = MB_JSON_MAX_TOKENS / 2 - 1 };
    mb_xbuf_add_char(&text, '{');
    for (unsigned i = 0; i < KEYS; i++)
        mb_xbuf_printf(&text, "%s\"%x\":%u", i ? "," : "", i * 2654435761u, i);
    mb_xbuf_add_char(&text, '}');
    struct mb_json_value root = parse();
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%x", i * 2654435761u);
        assert_int_equal(mb_json_i64(mb_json_get(root, mb_slice_of(key)), -1), i);
    }
    assert_int_equal(mb_json_get(root, MB_SLICE("none")).type, MB_JSON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_look_up_finds_what_a_walk_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_found_on_both_sides_of_the_border, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keys_of_one_mark_are_all_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_keys_as_a_document_may_have_are_found, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
