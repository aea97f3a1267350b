/* test_index.c - targets against impressions: rows, and the index against a plain reading of the
 * rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonbid/index.h"

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
    struct mb_slice values[] = {mb_slice_of(value)};
    const struct mb_target_set set = {{values, 1}, NULL};
    struct mb_strategy strategy = {.enabled = true};
    const struct mb_strategy *list[] = {&strategy};
    struct mb_index *index;
    uint32_t out[1];
    uint8_t why[1];
    const char *because;
    size_t found;

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

/* Full size: MOONBID_INDEX_ROUNDS=200 (sets of strategies; a set is asked 200 times). The seed is
 * printed; MOONBID_INDEX_SEED repeats it. */
static uint64_t seed;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* What the plain reader knows of a key: values as they are written in targets, and as a request
 * spells them. In a request, MANY may have several and ONE has one or none. */
enum { VALUES = 5, MANY_MAX = 3, STRATEGIES = 300, ASKED = 200, LISTS = 6, LONG = 2000 };
static const struct field {
    enum mb_target_key key;
    bool many;
    const char *written[VALUES], *sent[VALUES];
} fields[] = {
    {MB_TARGET_FORMAT,
     false,
     {"push", "banner", "native", "video", "audio"},
     {"push", "banner", "native", "video", "audio"}},
    {MB_TARGET_COUNTRY, false, {"DE", "AT", "CH", "FR", "US"}, {"DE", "at", "CH", "Fr", "US"}},
    {MB_TARGET_REGION, false, {"by", "be", "nw", "hh", "sn"}, {"BY", "be", "NW", "hh", "Sn"}},
    {MB_TARGET_CITY,
     false,
     {"ulm", "hof", "köln", "bonn", "rom"},
     {"Ulm", "HOF", "köln", "bonn", "Rom"}},
    {MB_TARGET_SIZE,
     true,
     {"300x250", "728x90", "1x1", "50x320", "192x192"},
     {"300x250", "728x90", "1x1", "50x320", "192x192"}},
    {MB_TARGET_DEVICE,
     false,
     {"phone", "tablet", "tv", "desktop", "bot"},
     {"phone", "Tablet", "tv", "desktop", "bot"}},
    {MB_TARGET_OS,
     false,
     {"android", "ios", "linux", "windows", "kaios"},
     {"Android", "iOS", "linux", "windows", "kaios"}},
    {MB_TARGET_BROWSER,
     false,
     {"chrome", "safari", "edge", "opera", "silk"},
     {"Chrome", "safari", "edge", "opera", "silk"}},
    {MB_TARGET_LANGUAGE,
     false,
     {"de", "en", "fr", "es", "it"},
     {"de-AT", "EN", "fr", "es-MX", "it"}},
    {MB_TARGET_ZONE, false, {"1", "22", "333", "z", "y"}, {"1", "22", "333", "z", "y"}},
    {MB_TARGET_SITE, false, {"1", "22", "333", "s", "t"}, {"1", "22", "333", "s", "t"}},
    {MB_TARGET_DOMAIN,
     false,
     {"a.example", "b.example", "c.d.example", "e.org", "f"},
     {"www.A.example", "b.example", "c.d.example", "x.y.e.org", "F"}},
    {MB_TARGET_APP, false, {"com.a", "com.b", "7", "8", "x"}, {"com.a", "com.b", "7", "8", "x"}},
    {MB_TARGET_TAG, false, {"T1", "T2", "T3", "4", "5"}, {"T1", "T2", "T3", "4", "5"}},
    {MB_TARGET_DEAL, true, {"d1", "D2", "3", "d-4", "d5"}, {"d1", "D2", "3", "d-4", "d5"}},
    {MB_TARGET_SEGMENT, true, {"1", "2", "3", "4", "5"}, {"1", "2", "3", "4", "5"}},
    {MB_TARGET_KEYWORD,
     true,
     {"cars", "tea", "red wine", "go", "c++"},
     {"Cars", "tea", "red wine", "go", "C++"}},
    {MB_TARGET_CATEGORY,
     true,
     {"IAB1", "IAB1-2", "IAB3", "4", "x"},
     {"IAB1", "IAB1-2", "IAB3", "4", "x"}},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* Which of its values a strategy names; or a request has. */
typedef bool chosen[FIELDS][VALUES];

struct written {
    bool has_in[FIELDS], has_out[FIELDS];
    chosen in, out;
    bool has_hours, has_no_hours;
    unsigned hour, no_hour; /* the hour of each day that is named */
};

/* A file of some values, and as many others as make it a long one. */
struct file {
    struct mb_buf text;
    void *table;
    struct mb_rows rows;
    bool has[VALUES];
};

static struct file files[FIELDS][LISTS];

static void write_file(size_t f, struct file *file, bool is_long)
{
    size_t len;
    for (int v = 0; v < VALUES; v++) {
        file->has[v] = draw(2) == 0;
        if (file->has[v])
            mb_xbuf_printf(&file->text, "%s\n", fields[f].written[v]);
    }
    for (int i = 0; i < (is_long ? LONG : 1); i++)
        mb_xbuf_printf(&file->text, "filler%d\n", i);
    len = mb_rows_table_len(mb_buf_slice(&file->text));
    file->table = calloc(1, len);
    assert_non_null(file->table);
    mb_rows_make_table(mb_buf_slice(&file->text), file->table, len);
    assert_true(mb_rows_open(mb_buf_slice(&file->text), mb_slice(file->table, len), MB_ROWS_LIST,
                             &file->rows));
}

static void make_files(void)
{
    for (size_t f = 0; f < FIELDS; f++)
        for (size_t i = 0; i < LISTS; i++)
            write_file(f, &files[f][i], i % 2 == 0);
}

static void free_files(void)
{
    for (size_t f = 0; f < FIELDS; f++) {
        for (size_t i = 0; i < LISTS; i++) {
            mb_buf_fini(&files[f][i].text);
            free(files[f][i].table);
            files[f][i] = (struct file){0};
        }
    }
}

static const struct mb_target_set *random_set(struct mb_arena *room, size_t f, bool *has)
{
    struct mb_target_set *set = mb_xarena_alloc(room, sizeof(*set));
    struct mb_slice *values = mb_xarena_array(room, VALUES, sizeof(*values));

    if (draw(4) == 0) {
        const struct file *file = &files[f][draw(LISTS)];
        set->list = &file->rows;
        memcpy(has, file->has, sizeof(file->has));
        return set;
    }
    set->values.items = values;
    for (unsigned i = 0, n = 1 + draw(3); i < n; i++) {
        unsigned v = draw(VALUES);
        has[v] = true;
        values[set->values.count++] = mb_slice_of(fields[f].written[v]);
    }
    return set;
}

static void set_hour(uint8_t *bits, unsigned hour)
{
    for (unsigned day = 0; day < 7; day++)
        for (unsigned q = 0; q < 4; q++)
            bits[(day * 96 + hour * 4 + q) / 8] |= (uint8_t)(1u << (day * 96 + hour * 4 + q) % 8);
}

static void random_target(struct mb_arena *room, struct written *written, struct mb_target *target)
{
    for (size_t f = 0; f < FIELDS; f++) {
        if (draw(FIELDS) < 2) {
            written->has_in[f] = true;
            target->include[fields[f].key] = random_set(room, f, written->in[f]);
        }
        if (draw(FIELDS) < 2) {
            written->has_out[f] = true;
            target->exclude[fields[f].key] = random_set(room, f, written->out[f]);
        }
    }
    written->hour = draw(24);
    written->no_hour = draw(24);
    if (draw(20) == 0) {
        written->has_hours = target->has_hours = true;
        set_hour(target->hours, written->hour);
    }
    if (draw(5) == 0) {
        written->has_no_hours = target->has_exclude_hours = true;
        set_hour(target->exclude_hours, written->no_hour);
    }
}

static bool meets(const bool *a, const bool *b)
{
    bool any = false;
    for (int v = 0; v < VALUES; v++)
        any |= a[v] && b[v];
    return any;
}

/* The rules as they are told to a trader: an include holds where the request has one of its values,
 * an exclude where it has none. What a request has not fails every include and no exclude. */
static enum mb_nobid plainly(const struct written *written, chosen sent, unsigned hour)
{
    for (size_t f = 0; f < FIELDS; f++) {
        if (written->has_in[f] && !meets(written->in[f], sent[f]))
            return MB_NOBID_TARGET;
        if (written->has_out[f] && meets(written->out[f], sent[f]))
            return MB_NOBID_TARGET;
    }
    if ((written->has_hours && hour != written->hour) ||
        (written->has_no_hours && hour == written->no_hour))
        return MB_NOBID_HOURS;
    return MB_NOBID_BID;
}

struct asked {
    struct mb_request request;
    struct mb_imp imp;
    struct mb_slice sent[FIELDS][MANY_MAX];
    size_t count[FIELDS];
    struct mb_size sizes[MANY_MAX];
    chosen has;
};

static void draw_values(struct asked *asked)
{
    *asked = (struct asked){.request = {.endpoint = &endpoint}};
    for (size_t f = 0; f < FIELDS; f++) {
        size_t n = draw(3) == 0 ? 0 : fields[f].many ? 1 + draw(MANY_MAX) : 1;
        for (size_t i = 0; i < n; i++) {
            unsigned v = draw(VALUES);
            asked->has[f][v] = true;
            asked->sent[f][asked->count[f]++] = mb_slice_of(fields[f].sent[v]);
        }
    }
}

static void put_values(struct asked *asked)
{
    struct mb_request *r = &asked->request;
    for (size_t f = 0; f < FIELDS; f++) {
        struct mb_slice one = asked->count[f] ? asked->sent[f][0] : MB_SLICE_NONE;
        struct mb_slices all = {asked->sent[f], asked->count[f]};
        switch (fields[f].key) {
        case MB_TARGET_FORMAT:
            asked->imp.format = mb_format_of(one);
            break;
        case MB_TARGET_COUNTRY:
            r->geo.country = one;
            break;
        case MB_TARGET_REGION:
            r->geo.region = one;
            break;
        case MB_TARGET_CITY:
            r->geo.city = one;
            break;
        case MB_TARGET_DEVICE:
            r->device.type = one;
            break;
        case MB_TARGET_OS:
            r->device.os = one;
            break;
        case MB_TARGET_BROWSER:
            r->device.browser = one;
            break;
        case MB_TARGET_LANGUAGE:
            r->device.language = one;
            break;
        case MB_TARGET_ZONE:
            r->site.zone_id = one;
            break;
        case MB_TARGET_SITE:
            r->site.id = one;
            break;
        case MB_TARGET_DOMAIN:
            r->site.domain = one;
            break;
        case MB_TARGET_APP:
            r->app.bundle = one;
            break;
        case MB_TARGET_TAG:
            asked->imp.tag_id = one;
            break;
        case MB_TARGET_DEAL:
            asked->imp.deals = all;
            break;
        case MB_TARGET_SEGMENT:
            r->user.segments = all;
            break;
        case MB_TARGET_KEYWORD:
            r->site.keywords = all;
            break;
        case MB_TARGET_CATEGORY:
            r->site.categories = all;
            break;
        case MB_TARGET_SIZE:
            for (size_t i = 0; i < all.count; i++)
                assert_true(mb_size_parse(all.items[i], &asked->sizes[i]));
            asked->imp.sizes = asked->sizes;
            asked->imp.n_sizes = (uint32_t)all.count;
            break;
        default:
            fail();
        }
    }
}

/* One impression against all strategies; gives how many hold. */
static size_t ask_once(const struct mb_index *index, const struct mb_strategy *const *list,
                       const struct written *written)
{
    struct asked asked;
    uint32_t out[STRATEGIES];
    uint8_t why[STRATEGIES];
    unsigned hour = draw(24);
    int64_t now_ms = ((int64_t)draw(20000) * 24 + hour) * 3600000 + (int64_t)draw(3600000);
    size_t found, seen = 0;

    draw_values(&asked);
    put_values(&asked);
    found = mb_index_find(index, &asked.request, &asked.imp, now_ms, out, STRATEGIES, why);
    for (uint32_t s = 0; s < STRATEGIES; s++) {
        enum mb_nobid expected = plainly(&written[s], asked.has, hour);
        const char *because = mb_index_explain(list[s], &asked.request, &asked.imp, now_ms);

        assert_int_equal(why[s], list[s]->enabled ? expected : MB_NOBID_TARGET);
        assert_int_equal(because == NULL, expected == MB_NOBID_BID);
        if (list[s]->enabled && expected == MB_NOBID_BID) {
            assert_true(seen < found);
            assert_int_equal(out[seen++], s);
        }
    }
    assert_int_equal(seen, found);
    return found;
}

static size_t ask_strategies(void)
{
    static struct mb_strategy strategies[STRATEGIES];
    static struct written written[STRATEGIES];
    const struct mb_strategy *list[STRATEGIES];
    struct mb_arena room;
    struct mb_index *index;
    size_t total = 0;

    mb_arena_init(&room, 4096);
    memset(written, 0, sizeof(written));
    make_files();
    for (size_t s = 0; s < STRATEGIES; s++) {
        strategies[s] = (struct mb_strategy){.enabled = draw(10) > 0};
        random_target(&room, &written[s], &strategies[s].target);
        list[s] = &strategies[s];
    }
    index = mb_xindex_new(list, STRATEGIES);
    for (int i = 0; i < ASKED; i++) {
        total += ask_once(index, list, written);
    }
    mb_index_free(index);
    mb_arena_fini(&room);
    free_files();
    return total;
}

static void it_agrees_with_a_plain_reading(void **state)
{
    unsigned rounds = number_from("MOONBID_INDEX_ROUNDS", 3);
    size_t total = 0;

    (void)state;
    seed = number_from("MOONBID_INDEX_SEED", (unsigned)getpid());
    print_message("MOONBID_INDEX_SEED=%u\n", (unsigned)seed);
    for (unsigned round = 0; round < rounds; round++) {
        total += ask_strategies();
    }
    assert_true(total > rounds * ASKED); /* the draw is not all misses */
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
