/* fuzz_json.c - the JSON view and writer. The input is one text.
 *
 * Promises: a refusal names a place in the text; getters answer every node and stay in bounds; what the view reads is
 * read again after our writer wrote it; cJSON sees the same tree in what both take.
 */
#include <cjson/cJSON.h>
#include <math.h>

#include "fuzz.h"

/* Look-ups by key or place cost O(members) each: so many a container keep the whole linear. */
enum { LOOK_UPS_MAX = 16 };

static struct mb_arena arena;
static struct mb_buf out;

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* --- every getter --- */

static void check_text(struct mb_json_value v)
{
    struct mb_slice whole = v.doc->text, text = mb_json_text(v);

    FUZZ_HOLDS(text.len > 0 && text.data >= whole.data);
    FUZZ_HOLDS(text.data + text.len <= whole.data + whole.len);
    FUZZ_HOLDS(v.type != MB_JSON_STRING || (text.data[0] == '"' && text.data[text.len - 1] == '"'));
}

/* A number that we give out as another type is read back as the same. */
static void check_number(struct mb_json_value v)
{
    struct mb_json_writer w;
    struct mb_json doc;
    struct mb_json_value at;
    struct mb_price price = {0}, price_again = {0};
    double number = mb_json_f64(v, NAN);
    bool has_price = mb_json_price(v, &price);

    mb_buf_clear(&out);
    mb_json_writer_init(&w, &out);
    mb_jsonw_array(&w);
    mb_jsonw_id(&w, mb_json_id(v));
    mb_jsonw_i64(&w, mb_json_i64(v, 7));
    mb_jsonw_f64(&w, number);
    mb_jsonw_price(&w, price);
    mb_jsonw_array_end(&w);
    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&out), &arena, &doc));
    at = mb_json_first(mb_json_root(&doc));
    FUZZ_HOLDS(mb_slice_eq(mb_json_id(at), mb_json_id(v)));
    at = mb_json_next(mb_json_root(&doc), at);
    FUZZ_HOLDS(mb_json_is_integer(at) && mb_json_i64(at, 8) == mb_json_i64(v, 7));
    at = mb_json_next(mb_json_root(&doc), at);
    FUZZ_HOLDS(isnan(number) ? at.type == MB_JSON_NULL : same_double(mb_json_f64(at, NAN), number));
    at = mb_json_next(mb_json_root(&doc), at);
    FUZZ_HOLDS(mb_json_price(at, &price_again) && price_again.micros == price.micros);
    FUZZ_HOLDS(!has_price || llabs(price.micros) <= MB_PRICE_MAX_MICROS);
}

static void check_getters(struct mb_json_value v)
{
    struct mb_price price = {-1};

    check_text(v);
    fuzz_touch(mb_json_str(v));
    fuzz_touch(mb_json_id(v));
    (void)mb_json_i64(v, 0);
    (void)mb_json_bool(v, false);
    FUZZ_HOLDS(isfinite(mb_json_f64(v, 0)));
    FUZZ_HOLDS(mb_json_price(v, &price) || price.micros == -1);
    FUZZ_HOLDS(!mb_json_is_integer(v) || mb_slice_eq(mb_json_id(v), mb_json_text(v)));
    if (v.type == MB_JSON_NUMBER) {
        check_number(v);
    }
}

static uint32_t check_list(struct mb_json_value v)
{
    uint32_t n = 0;

    for (struct mb_json_value at = mb_json_list_first(v); at.type != MB_JSON_NONE; at = mb_json_list_next(v, at)) {
        n++;
    }
    return n;
}

/* Depth of what hangs below. */
static uint32_t check_tree(struct mb_json_value v)
{
    uint32_t n = 0, depth = 0;

    check_getters(v);
    for (struct mb_json_value at = mb_json_first(v); at.type != MB_JSON_NONE; at = mb_json_next(v, at), n++) {
        uint32_t below = check_tree(at);

        depth = below > depth ? below : depth;
        if (v.type == MB_JSON_OBJECT && n < LOOK_UPS_MAX) {
            struct mb_json_value found = mb_json_get(v, mb_json_key(at));

            FUZZ_HOLDS(found.type != MB_JSON_NONE && found.token <= at.token);
        } else if (v.type == MB_JSON_ARRAY && n < LOOK_UPS_MAX) {
            FUZZ_HOLDS(mb_json_at(v, n).token == at.token);
        }
    }
    FUZZ_HOLDS(n == mb_json_count(v));
    FUZZ_HOLDS(mb_json_at(v, n).type == MB_JSON_NONE);
    FUZZ_HOLDS(check_list(v) == mb_json_list_count(v));
    return depth + (v.type == MB_JSON_ARRAY || v.type == MB_JSON_OBJECT);
}

/* --- the round trip --- */

static void rewrite(struct mb_json_writer *w, struct mb_json_value v)
{
    struct mb_json_value at;

    switch (v.type) {
    case MB_JSON_STRING:
        mb_jsonw_str(w, mb_json_str(v));
        return;
    case MB_JSON_NUMBER:
        mb_jsonw_raw(w, mb_json_text(v));
        return;
    case MB_JSON_TRUE:
    case MB_JSON_FALSE:
        mb_jsonw_bool(w, v.type == MB_JSON_TRUE);
        return;
    case MB_JSON_NULL:
        mb_jsonw_null(w);
        return;
    default:
        break;
    }
    v.type == MB_JSON_OBJECT ? mb_jsonw_object(w) : mb_jsonw_array(w);
    for (at = mb_json_first(v); at.type != MB_JSON_NONE; at = mb_json_next(v, at)) {
        if (v.type == MB_JSON_OBJECT) {
            mb_jsonw_key_slice(w, mb_json_key(at));
        }
        rewrite(w, at);
    }
    v.type == MB_JSON_OBJECT ? mb_jsonw_object_end(w) : mb_jsonw_array_end(w);
}

static void check_same(struct mb_json_value a, struct mb_json_value b)
{
    struct mb_json_value at = mb_json_first(b);

    FUZZ_HOLDS(a.type == b.type && mb_json_count(a) == mb_json_count(b));
    if (a.type == MB_JSON_STRING) {
        FUZZ_HOLDS(mb_slice_eq(mb_json_str(a), mb_json_str(b)));
    } else if (a.type == MB_JSON_NUMBER) {
        FUZZ_HOLDS(mb_slice_eq(mb_json_text(a), mb_json_text(b)));
    }
    for (struct mb_json_value v = mb_json_first(a); v.type != MB_JSON_NONE; v = mb_json_next(a, v)) {
        if (a.type == MB_JSON_OBJECT) {
            FUZZ_HOLDS(mb_slice_eq(mb_json_key(v), mb_json_key(at)));
        }
        check_same(v, at);
        at = mb_json_next(b, at);
    }
}

static void check_round_trip(struct mb_json_value root)
{
    struct mb_json_writer w;
    struct mb_json again;

    mb_buf_clear(&out);
    mb_json_writer_init(&w, &out);
    rewrite(&w, root);
    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&out), &arena, &again));
    check_same(root, mb_json_root(&again));
}

/* --- cJSON's opinion --- */

/* cJSON's strings end at a NUL. */
static bool same_text(struct mb_slice ours, const char *theirs)
{
    const char *nul = ours.len ? memchr(ours.data, '\0', ours.len) : NULL;

    return mb_slice_is(mb_slice(ours.data, nul ? (size_t)(nul - ours.data) : ours.len), theirs);
}

static bool same_tree(struct mb_json_value ours, const cJSON *theirs)
{
    struct mb_json_value at = mb_json_first(ours);
    const cJSON *child;

    switch (ours.type) {
    case MB_JSON_NULL:
        return cJSON_IsNull(theirs);
    case MB_JSON_TRUE:
        return cJSON_IsTrue(theirs);
    case MB_JSON_FALSE:
        return cJSON_IsFalse(theirs);
    case MB_JSON_NUMBER: /* beyond a double's range cJSON has infinity and we the fallback */
        return cJSON_IsNumber(theirs) && (!isfinite(theirs->valuedouble) ||
                                          same_double(mb_json_f64(ours, NAN), theirs->valuedouble));
    case MB_JSON_STRING:
        return cJSON_IsString(theirs) && same_text(mb_json_str(ours), theirs->valuestring);
    default:
        break;
    }
    if (ours.type == MB_JSON_OBJECT ? !cJSON_IsObject(theirs) : !cJSON_IsArray(theirs)) {
        return false;
    }
    for (child = theirs->child; child; child = child->next, at = mb_json_next(ours, at)) {
        if (at.type == MB_JSON_NONE ||
            (ours.type == MB_JSON_OBJECT && !same_text(mb_json_key(at), child->string)) || !same_tree(at, child)) {
            return false;
        }
    }
    return at.type == MB_JSON_NONE;
}

/* cJSON refuses what we take only for a surrogate without its other half (which we read as U+FFFD) and for numbers longer
 * than its 63 characters, so what it refuses is not compared. */
static void check_against_cjson(struct mb_json_value root)
{
    cJSON *theirs = cJSON_ParseWithLength(root.doc->text.data, root.doc->text.len);

    FUZZ_HOLDS(!theirs || same_tree(root, theirs));
    cJSON_Delete(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mb_slice text = mb_slice((const char *)data, size);
    struct mb_error err = {.at = -1};
    struct mb_json doc;
    int rc;

    if (arena.keep_bytes == 0) {
        mb_arena_init(&arena, 65536);
    }
    mb_arena_reset(&arena);
    rc = mb_json_parse(&doc, &arena, text, &err);
    if (rc) {
        FUZZ_HOLDS((rc == MB_ESYNTAX || rc == MB_ENOMEM) && err.code == rc);
        FUZZ_HOLDS(err.at >= 0 && (size_t)err.at <= size);
        FUZZ_HOLDS(mb_json_root(&doc).type == MB_JSON_NONE);
        return 0;
    }
    if (check_tree(mb_json_root(&doc)) < MB_JSON_MAX_DEPTH) { /* the writer's own limit */
        check_round_trip(mb_json_root(&doc));
    }
    check_against_cjson(mb_json_root(&doc));
    return 0;
}
