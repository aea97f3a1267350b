#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "moonbid/json.h"

/* Documents from a fixed seed, whole and damaged, given to our tokenizer and to cJSON. What we
 * take, cJSON must take too and see the same tree in. (Not the other way round: cJSON takes much
 * that is no JSON.) */

#define N_DOCUMENTS 6000
#define MUTANTS_EACH 4
#define GENERATED_DEPTH 6

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % n);
}

static void add_one_of(struct mb_buf *out, const char *const *texts, uint32_t n)
{
    mb_xbuf_add_text(out, texts[pick(n)]);
}
#define ADD_ONE_OF(out, texts) add_one_of(out, texts, (uint32_t)(sizeof(texts) / sizeof(texts[0])))

static void add_blank(struct mb_buf *out)
{
    static const char *const blanks[] = {"", "", "", "", " ", "\n", "\t \r\n"};
    ADD_ONE_OF(out, blanks);
}

static void add_string(struct mb_buf *out)
{
    static const char *const parts[] = {"a",
                                        "id",
                                        "bidfloor",
                                        "longer than eight bytes",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\/",
                                        "\\u00e9",
                                        "\\u20ac",
                                        "\\ud83d\\ude00",
                                        "\xc3\xa9",
                                        "\xf0\x9f\x98\x80",
                                        " ",
                                        "\x7f",
                                        "[",
                                        "}",
                                        ","};
    mb_xbuf_add_char(out, '"');
    for (uint32_t n = pick(5); n > 0; n--)
        ADD_ONE_OF(out, parts);
    mb_xbuf_add_char(out, '"');
}

static void add_number(struct mb_buf *out)
{
    static const char *const edges[] = {"0",
                                        "-0",
                                        "-1",
                                        "9007199254740993",
                                        "9223372036854775807",
                                        "18446744073709551615",
                                        "1e5",
                                        "0.1",
                                        "1E-7",
                                        "-12.50e+3",
                                        "1e400",
                                        "5e-324",
                                        "123456789.123456789"};
    if (pick(2))
        ADD_ONE_OF(out, edges);
    else
        mb_xbuf_printf(out, "%d.%u", (int)pick(2000000) - 1000000, pick(100000));
}

static void add_value(struct mb_buf *out, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    uint32_t kind = pick(depth < GENERATED_DEPTH ? 10 : 6);
    add_blank(out);
    if (kind < 3) {
        add_string(out);
    } else if (kind < 5) {
        add_number(out);
    } else if (kind == 5) {
        ADD_ONE_OF(out, words);
    } else {
        bool object = kind < 8;
        mb_xbuf_add_char(out, object ? '{' : '[');
        for (uint32_t i = 0, n = pick(6); i < n; i++) {
            if (i)
                mb_xbuf_add_char(out, ',');
            if (object) {
                add_blank(out);
                add_string(out);
                add_blank(out);
                mb_xbuf_add_char(out, ':');
            }
            add_value(out, depth + 1);
        }
        add_blank(out);
        mb_xbuf_add_char(out, object ? '}' : ']');
    }
    add_blank(out);
}

/* A few bytes changed, removed, doubled or cut off. */
static void mutate(struct mb_buf *text)
{
    static const char bytes[] = "{}[]\",:\\u0019.eE+-tfn \n\t\x01\x1f\x7f\x80\xc3\xed\xff";
    for (uint32_t n = 1 + pick(3); n > 0 && text->len; n--) {
        size_t at = pick((uint32_t)text->len);
        switch (pick(4)) {
        case 0:
            text->data[at] = bytes[pick(sizeof(bytes))]; /* the final NUL too */
            break;
        case 1:
            memmove(text->data + at, text->data + at + 1, text->len - at - 1);
            text->len--;
            break;
        case 2:
            mb_xbuf_add_char(text, '\0');
            memmove(text->data + at + 1, text->data + at, text->len - at - 1);
            break;
        default:
            if (pick(4) == 0)
                text->len = at;
        }
    }
}

/* cJSON's strings end at a NUL. */
static bool same_text(struct mb_slice ours, const char *theirs)
{
    const char *nul = ours.len ? memchr(ours.data, '\0', ours.len) : NULL;
    size_t len = nul ? (size_t)(nul - ours.data) : ours.len;
    return strlen(theirs) == len && memcmp(ours.data, theirs, len) == 0;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (a <= 0 && a >= 0 && b <= 0 && b >= 0);
}

static bool same_tree(struct mb_json_value ours, const cJSON *theirs)
{
    switch (ours.type) {
    case MB_JSON_NULL:
        return cJSON_IsNull(theirs);
    case MB_JSON_TRUE:
        return cJSON_IsTrue(theirs);
    case MB_JSON_FALSE:
        return cJSON_IsFalse(theirs);
    case MB_JSON_NUMBER:
        /* beyond a double's range cJSON has infinity and we the fallback */
        return cJSON_IsNumber(theirs) &&
               same_double(mb_json_f64(ours, theirs->valuedouble), theirs->valuedouble);
    case MB_JSON_STRING:
        return cJSON_IsString(theirs) && same_text(mb_json_str(ours), theirs->valuestring);
    default:
        break;
    }
    if (ours.type == MB_JSON_OBJECT ? !cJSON_IsObject(theirs) : !cJSON_IsArray(theirs))
        return false;
    if ((int)mb_json_count(ours) != cJSON_GetArraySize(theirs))
        return false;
    struct mb_json_value at = mb_json_first(ours);
    const cJSON *child = theirs->child;
    for (; child; child = child->next, at = mb_json_next(ours, at)) {
        if (ours.type == MB_JSON_OBJECT && !same_text(mb_json_key(at), child->string))
            return false;
        if (!same_tree(at, child))
            return false;
    }
    return at.type == MB_JSON_NONE;
}

/* cJSON refuses a surrogate without its other half, which we decode as U+FFFD. */
static bool holds_replacement(struct mb_json_value value)
{
    const struct mb_slice replacement = MB_SLICE("\xef\xbf\xbd");
    if (value.type == MB_JSON_STRING)
        return mb_slice_find(mb_json_str(value), replacement) >= 0;
    struct mb_json_value at = mb_json_first(value);
    for (; at.type != MB_JSON_NONE; at = mb_json_next(value, at)) {
        if (holds_replacement(at))
            return true;
        if (value.type == MB_JSON_OBJECT && mb_slice_find(mb_json_key(at), replacement) >= 0)
            return true;
    }
    return false;
}

/* True where we take `text`. */
static bool compare(struct mb_arena *arena, struct mb_slice text)
{
    mb_arena_reset(arena);
    char *exact = malloc(text.len ? text.len : 1);
    assert_non_null(exact);
    memcpy(exact, text.data, text.len);
    text.data = exact;
    struct mb_json doc;
    bool taken = mb_json_parse(&doc, arena, text, NULL) == 0;
    if (taken && !holds_replacement(mb_json_root(&doc))) {
        cJSON *theirs = cJSON_ParseWithLength(text.data, text.len);
        if (!theirs || !same_tree(mb_json_root(&doc), theirs))
            fail_msg("differs: %.*s", MB_SLICE_ARG(text));
        cJSON_Delete(theirs);
    }
    free(exact);
    return taken;
}

static void what_we_take_cjson_sees_the_same_way(void **state)
{
    (void)state;
    struct mb_arena arena;
    mb_arena_init(&arena, 65536);
    struct mb_buf text = {0}, mutant = {0};
    seed = UINT64_C(0x2545f4914f6cdd1d);
    int mutants_taken = 0;
    for (int i = 0; i < N_DOCUMENTS; i++) {
        mb_buf_clear(&text);
        add_value(&text, 0);
        if (!compare(&arena, mb_buf_slice(&text)))
            fail_msg("refused: %.*s", MB_SLICE_ARG(mb_buf_slice(&text)));
        for (int j = 0; j < MUTANTS_EACH; j++) {
            mb_buf_clear(&mutant);
            mb_xbuf_add_slice(&mutant, mb_buf_slice(&text));
            mutate(&mutant);
            mutants_taken += compare(&arena, mb_buf_slice(&mutant));
        }
    }
    /* The comparison would be worth little if all mutants, or none, were well-formed. */
    assert_in_range(mutants_taken, N_DOCUMENTS * MUTANTS_EACH / 20, N_DOCUMENTS * MUTANTS_EACH / 2);
    mb_buf_fini(&text);
    mb_buf_fini(&mutant);
    mb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_take_cjson_sees_the_same_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
