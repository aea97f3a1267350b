/* test_index.c - targets against impressions: rows, and the index against a plain reading of the
 * rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonbid/index.h"

static int mark; /* what sets hold as values */

static void put(struct mb_map *set, const char *text)
{
    (void)mb_xmap_put(set, mb_slice_of(text), &mark);
}

static const struct mb_endpoint endpoint = {.name = {"exo-eu", 6},
                                            .exchange = MB_EXCHANGE_EXOCLICK};

static struct mb_slice deals[] = {{"deal-A", 6}, {"7", 1}};
static struct mb_slice segments[] = {{"101", 3}, {"102", 3}};
static struct mb_slice keywords[] = {{"Cars", 4}, {"red, blue", 9}};
static struct mb_slice categories[] = {{"IAB1-2", 6}};
static const struct mb_size sizes[] = {{300, 250}, {728, 90}};

static struct mb_imp imp = {
    .format = MB_FORMAT_PUSH,
    .size = {300, 250},
    .sizes = sizes,
    .n_sizes = 2,
    .tag_id = {"T9", 2},
    .deals = {deals, 2},
};

static struct mb_request request(void)
{
    struct mb_request r = {.endpoint = &endpoint, .imps = &imp, .n_imps = 1};

    r.geo.country = MB_SLICE("de");
    r.geo.region = MB_SLICE("BY");
    r.geo.city = MB_SLICE("München");
    r.device.type = MB_SLICE("Phone");
    r.device.os = MB_SLICE("android");
    r.device.browser = MB_SLICE("Chrome");
    r.device.language = MB_SLICE("de-AT");
    r.site.zone_id = MB_SLICE("778899");
    r.site.id = MB_SLICE("5");
    r.site.domain = MB_SLICE("WWW.a.example");
    r.site.keywords = (struct mb_slices){keywords, 2};
    r.site.categories = (struct mb_slices){categories, 1};
    r.app.bundle = MB_SLICE("com.Game");
    r.app.id = MB_SLICE("77");
    r.user.keyword = MB_SLICE("casino,poker");
    r.user.segments = (struct mb_slices){segments, 2};
    return r;
}

/* Whether one strategy with `value` under `key` is found; checks the explanation on the way. */
static bool finds(const struct mb_request *r, enum mb_target_key key, const char *value,
                  bool exclude)
{
    struct mb_map set = {0};
    struct mb_strategy strategy = {.enabled = true};
    const struct mb_strategy *list[] = {&strategy};
    struct mb_index *index;
    uint32_t out[1];
    uint8_t why[1];
    const char *because;
    size_t found;

    put(&set, value);
    *(exclude ? &strategy.target.exclude[key] : &strategy.target.include[key]) = &set;
    index = mb_xindex_new(list, 1);
    found = mb_index_find(index, r, &imp, 0, out, 1, why);
    because = mb_index_explain(&strategy, r, &imp, 0);
    if (found) {
        assert_null(because);
        assert_int_equal(why[0], MB_NOBID_BID);
    } else {
        assert_string_equal(because, mb_target_name(key));
        assert_int_equal(why[0], MB_NOBID_TARGET);
    }
    mb_index_free(index);
    mb_map_fini(&set);
    return found == 1;
}

static void values_hit_their_sets(void **state)
{
    static const struct {
        enum mb_target_key key;
        const char *value;
        bool hit;
    } rows[] = {
        {MB_TARGET_EXCHANGE, "exoclick", true},
        {MB_TARGET_EXCHANGE, "xandr", false},
        {MB_TARGET_ENDPOINT, "exo-eu", true},
        {MB_TARGET_ENDPOINT, "exo", false},
        {MB_TARGET_FORMAT, "push", true},
        {MB_TARGET_FORMAT, "banner", false},
        {MB_TARGET_COUNTRY, "DE", true},
        {MB_TARGET_COUNTRY, "AT", false},
        {MB_TARGET_REGION, "by", true},
        {MB_TARGET_CITY, "münchen", true},
        {MB_TARGET_SIZE, "300x250", true},
        {MB_TARGET_SIZE, "728x90", true},
        {MB_TARGET_SIZE, "0x0", false},
        {MB_TARGET_DEVICE, "phone", true},
        {MB_TARGET_OS, "android", true},
        {MB_TARGET_BROWSER, "chrome", true},
        {MB_TARGET_LANGUAGE, "de", true},
        {MB_TARGET_LANGUAGE, "de-at", true},
        {MB_TARGET_LANGUAGE, "at", false},
        {MB_TARGET_ZONE, "778899", true},
        {MB_TARGET_ZONE, "77889", false},
        {MB_TARGET_SITE, "5", true},
        {MB_TARGET_DOMAIN, "www.a.example", true},
        {MB_TARGET_DOMAIN, "a.example", true},
        {MB_TARGET_DOMAIN, "b.example", false},
        {MB_TARGET_DOMAIN, "ww.a.example", false},
        {MB_TARGET_APP, "com.game", true},
        {MB_TARGET_APP, "com.Game", true},
        {MB_TARGET_APP, "77", true},
        {MB_TARGET_TAG, "T9", true},
        {MB_TARGET_TAG, "t9", true},
        {MB_TARGET_DEAL, "deal-A", true},
        {MB_TARGET_DEAL, "7", true},
        {MB_TARGET_DEAL, "8", false},
        {MB_TARGET_SEGMENT, "102", true},
        {MB_TARGET_SEGMENT, "10", false},
        {MB_TARGET_KEYWORD, "poker", true},
        {MB_TARGET_KEYWORD, "cars", true},
        {MB_TARGET_KEYWORD, "blue", true},
        {MB_TARGET_KEYWORD, "pok", false},
        {MB_TARGET_CATEGORY, "iab1-2", true},
        {MB_TARGET_CATEGORY, "IAB1", false},
    };
    struct mb_request r = request();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s = %s\n", mb_target_name(rows[i].key), rows[i].value);
        assert_int_equal(finds(&r, rows[i].key, rows[i].value, false), rows[i].hit);
        assert_int_equal(finds(&r, rows[i].key, rows[i].value, true), !rows[i].hit);
    }
}

static void a_missing_value_fails_an_include_and_no_exclude(void **state)
{
    struct mb_request r = {.imps = &imp, .n_imps = 1};
    struct mb_imp full = imp;

    (void)state;
    imp = (struct mb_imp){0};
    for (int key = 0; key < MB_TARGET_COUNT; key++) {
        assert_false(finds(&r, (enum mb_target_key)key, "x", false));
        assert_true(finds(&r, (enum mb_target_key)key, "x", true));
        assert_true(finds(&r, (enum mb_target_key)key, "", true));
    }
    imp = full;
}

static void hours_follow_the_strategys_zone(void **state)
{
    static const struct {
        const char *utc;
        bool berlin, utc_zone;
    } rows[] = {
        {"2026-03-02T07:59:59", true, false}, /* Monday 08:59:59 in Berlin */
        {"2026-03-02T08:00:00", false, true},
        {"2026-03-30T06:59:59", true, false}, /* summer time */
        {"2026-03-30T06:00:00", true, false},
        {"2026-03-30T05:59:59", false, false},
    };
    struct mb_strategy berlin = {.enabled = true}, utc = {.enabled = true};
    const struct mb_strategy *list[] = {&berlin, &utc};
    struct mb_request r = request();
    struct mb_index *index;

    (void)state;
    for (int q = 32; q < 36; q++) { /* Monday 08:00 to 09:00 */
        berlin.target.hours[q / 8] |= (uint8_t)(1u << (q % 8));
        utc.target.hours[q / 8] |= (uint8_t)(1u << (q % 8));
    }
    berlin.target.has_hours = utc.target.has_hours = true;
    berlin.limits.timezone = MB_SLICE("Europe/Berlin");
    index = mb_xindex_new(list, 2);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t out[2];
        uint8_t why[2];
        int64_t now = 0;

        print_message("%s\n", rows[i].utc);
        assert_true(mb_time_parse_utc(mb_slice_of(rows[i].utc), &now));
        assert_int_equal(mb_index_find(index, &r, &imp, now, out, 2, why),
                         (size_t)rows[i].berlin + rows[i].utc_zone);
        assert_int_equal(why[0], rows[i].berlin ? MB_NOBID_BID : MB_NOBID_HOURS);
        assert_int_equal(why[1], rows[i].utc_zone ? MB_NOBID_BID : MB_NOBID_HOURS);
        assert_int_equal(mb_index_explain(&berlin, &r, &imp, now) == NULL, rows[i].berlin);
    }
    mb_index_free(index);
}

static void the_output_is_bounded_and_the_disabled_are_passed_over(void **state)
{
    struct mb_strategy on = {.enabled = true}, off = {0};
    const struct mb_strategy *list[200];
    uint32_t out[3] = {9, 9, 9};
    struct mb_request r = request();
    struct mb_index *index;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        list[i] = i % 2 ? &on : &off;
    }
    index = mb_xindex_new(list, 200);
    assert_int_equal(mb_index_find(index, &r, &imp, 0, out, 2, NULL), 100);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 3);
    assert_int_equal(out[2], 9);
    mb_index_free(index);
    index = mb_xindex_new(list, 0);
    assert_int_equal(mb_index_find(index, &r, &imp, 0, out, 2, NULL), 0);
    mb_index_free(index);
}

/* --- the index against a plain reading --- */

static uint32_t seed = 20260302;

static unsigned draw(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Keys whose one value the plain reader below knows, each with a few values. */
static const struct {
    enum mb_target_key key;
    const char *values[4];
} fields[] = {
    {MB_TARGET_COUNTRY, {"DE", "AT", "CH", "FR"}},
    {MB_TARGET_OS, {"android", "ios", "linux", "other"}},
    {MB_TARGET_ZONE, {"1", "2", "3", "4"}},
    {MB_TARGET_DEVICE, {"phone", "tablet", "tv", "desktop"}},
    {MB_TARGET_FORMAT, {"push", "banner", "native", "video"}},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]), STRATEGIES = 300, ROUNDS = 300, LONG = 2000 };

/* chosen[f]: the value's number, or -1 for none. */
static bool plainly_holds(const struct mb_strategy *strategy, const int *chosen)
{
    for (size_t f = 0; f < FIELDS; f++) {
        const struct mb_map *in = strategy->target.include[fields[f].key];
        const struct mb_map *not_in = strategy->target.exclude[fields[f].key];
        struct mb_slice value = mb_slice_of(chosen[f] < 0 ? NULL : fields[f].values[chosen[f]]);

        if (in && (!value.data || !mb_map_get(in, value))) {
            return false;
        }
        if (not_in && value.data && mb_map_get(not_in, value)) {
            return false;
        }
    }
    return strategy->enabled;
}

static struct mb_map *random_set(size_t f)
{
    struct mb_map *set = calloc(1, sizeof(*set));
    char filler[16];

    for (unsigned i = 0, n = 1 + draw(3); i < n; i++) {
        put(set, fields[f].values[draw(4)]);
    }
    if (draw(40) == 0) { /* a few reach the size of a shared list */
        for (int k = 0; k < LONG; k++) {
            snprintf(filler, sizeof(filler), "filler%d", k);
            put(set, filler);
        }
    }
    return set;
}

static void it_agrees_with_a_plain_reading(void **state)
{
    static struct mb_strategy strategies[STRATEGIES];
    const struct mb_strategy *list[STRATEGIES];
    struct mb_map *sets[STRATEGIES * FIELDS * 2];
    size_t n_sets = 0, total = 0;
    struct mb_index *index;

    (void)state;
    for (size_t s = 0; s < STRATEGIES; s++) {
        strategies[s].enabled = draw(10) > 0;
        for (size_t f = 0; f < FIELDS; f++) {
            enum mb_target_key key = fields[f].key;

            if (draw(2) == 0) {
                strategies[s].target.include[key] = sets[n_sets++] = random_set(f);
            }
            if (draw(4) == 0) {
                strategies[s].target.exclude[key] = sets[n_sets++] = random_set(f);
            }
        }
        list[s] = &strategies[s];
    }
    index = mb_xindex_new(list, STRATEGIES);
    for (int round = 0; round < ROUNDS; round++) {
        struct mb_request r = {.endpoint = &endpoint};
        struct mb_imp one = {0};
        int chosen[FIELDS];
        uint32_t out[STRATEGIES];
        uint8_t why[STRATEGIES];
        size_t found, seen = 0;

        for (size_t f = 0; f < FIELDS; f++) {
            chosen[f] = (int)draw(5) - 1;
        }
        r.geo.country = mb_slice_of(chosen[0] < 0 ? NULL : fields[0].values[chosen[0]]);
        r.device.os = mb_slice_of(chosen[1] < 0 ? NULL : fields[1].values[chosen[1]]);
        r.site.zone_id = mb_slice_of(chosen[2] < 0 ? NULL : fields[2].values[chosen[2]]);
        r.device.type = mb_slice_of(chosen[3] < 0 ? NULL : fields[3].values[chosen[3]]);
        if (chosen[4] >= 0) {
            one.format = mb_format_of(mb_slice_of(fields[4].values[chosen[4]]));
        }
        found = mb_index_find(index, &r, &one, 0, out, STRATEGIES, why);
        for (uint32_t s = 0; s < STRATEGIES; s++) {
            bool holds = plainly_holds(list[s], chosen);

            assert_int_equal(why[s] == MB_NOBID_BID, holds);
            if (holds) {
                assert_true(seen < found);
                assert_int_equal(out[seen++], s);
            }
            if (strategies[s].enabled) {
                assert_int_equal(mb_index_explain(list[s], &r, &one, 0) == NULL, holds);
            }
        }
        assert_int_equal(seen, found);
        total += found;
    }
    assert_true(total > ROUNDS); /* the draw is not all misses */
    mb_index_free(index);
    for (size_t i = 0; i < n_sets; i++) {
        mb_map_fini(sets[i]);
        free(sets[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_hit_their_sets),
        cmocka_unit_test(a_missing_value_fails_an_include_and_no_exclude),
        cmocka_unit_test(hours_follow_the_strategys_zone),
        cmocka_unit_test(the_output_is_bounded_and_the_disabled_are_passed_over),
        cmocka_unit_test(it_agrees_with_a_plain_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
