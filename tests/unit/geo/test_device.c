/* User agents, and what they are: agents.tsv. A new one that is judged wrongly gets its row there
 * first. MOONBID_DEVICE_ROUNDS (20,000): how many random agents are tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moonbid/geo.h"

enum { ROWS_MAX = 1024, LINE_MAX_BYTES = 4096 };

struct row {
    struct mb_slice ua, type, os, version, browser; /* absent: unknown */
};

static char text[256 * 1024];
static struct row rows[ROWS_MAX];
static size_t n_rows;

static struct mb_slice column(struct mb_slice *line)
{
    struct mb_slice value = mb_slice_cut(line, '\t');
    return value.len > 0 ? value : MB_SLICE_NONE;
}

static int read_rows(void **state)
{
    FILE *file = fopen(SOURCE_DIR "/tests/unit/geo/agents.tsv", "r");
    (void)state;
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    assert_true(len > 0 && len < sizeof text);
    assert_int_equal(fclose(file), 0);
    struct mb_slice rest = mb_slice(text, len);
    while (mb_slice_present(rest)) {
        struct mb_slice line = mb_slice_cut(&rest, '\n');
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        assert_true(n_rows < ROWS_MAX);
        struct row *row = &rows[n_rows++];
        row->ua = mb_slice_cut(&line, '\t');
        row->type = column(&line);
        row->os = column(&line);
        row->version = column(&line);
        row->browser = column(&line);
    }
    return 0;
}

static void check(const char *what, const struct row *row, struct mb_slice got,
                  struct mb_slice want)
{
    if (!mb_slice_eq(got, want) || mb_slice_present(got) != mb_slice_present(want)) {
        fail_msg("%s is '%.*s', not '%.*s', for %.*s", what, MB_SLICE_ARG(got), MB_SLICE_ARG(want),
                 MB_SLICE_ARG(row->ua));
    }
}

static void agents_are_what_they_are(void **state)
{
    (void)state;
    assert_true(n_rows >= 300);
    for (size_t i = 0; i < n_rows; i++) {
        const struct row *row = &rows[i];
        struct mb_geo_device d;
        mb_geo_device(row->ua, &d);
        check("type", row, d.type, row->type);
        check("os", row, d.os, row->os);
        check("os version", row, d.os_version, row->version);
        check("browser", row, d.browser, row->browser);
    }
}

/* So a value that the rules know has been seen once at least. */
static void every_value_of_the_rules_has_an_agent(void **state)
{
    (void)state;
    for (enum mb_geo_part part = MB_GEO_TYPE; part <= MB_GEO_BROWSER; part++) {
        const char *value;
        for (size_t i = 0; (value = mb_geo_device_value(part, i)); i++) {
            bool found = false;
            for (size_t r = 0; r < n_rows && !found; r++) {
                struct mb_slice told = part == MB_GEO_TYPE ? rows[r].type
                                       : part == MB_GEO_OS ? rows[r].os
                                                           : rows[r].browser;
                found = mb_slice_is(told, value);
            }
            if (!found) {
                fail_msg("no agent is '%s'", value);
            }
        }
    }
}

/* Model and maker, which the table of agents does not have. */
static void models_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *ua, *make, *model;
    } models[] = {
        {"Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120.0", "Google", "Pixel 8"},
        {"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) x", "Samsung", "SM-S918B"},
        {"Mozilla/5.0 (Linux; U; Android 12; en-us; Redmi Note 10 Pro Build/SKQ1.210908.001) x",
         "Xiaomi", "Redmi Note 10 Pro"},
        {"Mozilla/5.0 (Linux; Android 10; HarmonyOS; ELS-AN00; HMSCore 6.6.0.312) x", NULL,
         "ELS-AN00"},
        {"Dalvik/2.1.0 (Linux; U; Android 8.1.0; SM-J710F Build/M1AJQ)", "Samsung", "SM-J710F"},
        {"Mozilla/5.0 (Linux; Android 11; moto g power (2021)) x", "Motorola",
         "moto g power (2021"}, /* up to the first bracket */
        {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", NULL, NULL}, /* reduced */
        {"Mozilla/5.0 (Linux; Android 12; wv) x", NULL, NULL},
        {"Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0", NULL, NULL},
        {"Mozilla/5.0 (Linux; Android 14; Pix", NULL, NULL}, /* cut: who knows */
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) x", "Apple", "iPhone"},
        {"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) x", "Apple", "iPad"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) x", NULL, NULL},
        {"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) (compatible; Googlebot/2.1)", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct row row = {.ua = mb_slice_of(models[i].ua)};
        struct mb_geo_device d;
        mb_geo_device(row.ua, &d);
        check("make", &row, d.make, mb_slice_of(models[i].make));
        check("model", &row, d.model, mb_slice_of(models[i].model));
    }
}

/* What is told lies in the agent, in the answer, or is static; an answer is made of short texts. */
static void check_bounds(const struct mb_geo_device *d, const char *ua, size_t len)
{
    if (d->os_version.len > sizeof d->version_text) {
        fail_msg("%zu bytes of version", d->os_version.len);
    }
    bool in_agent = d->model.data >= ua && d->model.data + d->model.len <= ua + len;
    if (d->model.data && !in_agent && !mb_slice_starts(d->model, MB_SLICE("iP"))) {
        fail_msg("a model from nowhere: '%.*s'", MB_SLICE_ARG(d->model));
    }
}

/* In a block of exactly its size, so that the address sanitizer sees a byte too far. */
static void try_copy(struct mb_slice ua)
{
    struct mb_geo_device d;
    char *copy = malloc(ua.len ? ua.len : 1);
    assert_non_null(copy);
    memcpy(copy, ua.data, ua.len);
    mb_geo_device(mb_slice(copy, ua.len), &d);
    check_bounds(&d, copy, ua.len);
    free(copy);
}

static void agents_cut_anywhere_are_read_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t len = 0; len <= rows[i].ua.len; len++) {
            try_copy(mb_slice(rows[i].ua.data, len));
        }
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* Random bytes, and pieces of real agents put together at random: the same ones every time. */
static void random_agents_are_read_within_their_bounds(void **state)
{
    (void)state;
    const char *asked = getenv("MOONBID_DEVICE_ROUNDS");
    long rounds = asked ? atol(asked) : 20000;
    uint64_t seed = 0x9e3779b97f4a7c15;
    for (long round = 0; round < rounds; round++) {
        char ua[2048];
        size_t len = 0, want = next_random(&seed) % sizeof ua;
        while (len < want) {
            if (next_random(&seed) % 4 == 0) {
                ua[len++] = (char)next_random(&seed);
                continue;
            }
            struct mb_slice piece = rows[next_random(&seed) % n_rows].ua;
            size_t at = piece.len ? next_random(&seed) % piece.len : 0;
            size_t left = piece.len - at < want - len ? piece.len - at : want - len;
            size_t take = left ? next_random(&seed) % left + 1 : 0;
            memcpy(ua + len, piece.data + at, take);
            len += take;
        }
        try_copy(mb_slice(ua, len));
    }
}

/* What costs a hostile agent is bounded by what is read of it: what stands behind changes nothing.
 */
static void of_an_endless_agent_the_first_kilobyte_counts(void **state)
{
    (void)state;
    static char endless[65536];
    static const char *const fillings[] = {"A ",  "Android ",           "bot", "\xff\xfe", "\0\0",
                                           "TV;", "Version/4.0 Chrome/"};
    for (size_t f = 0; f < sizeof fillings / sizeof fillings[0]; f++) {
        size_t step = f == 4 ? 2 : strlen(fillings[f]);
        struct mb_geo_device whole, begin;
        for (size_t i = 0; i < sizeof endless; i++) {
            endless[i] = fillings[f][i % step];
        }
        mb_geo_device(mb_slice(endless, 1024), &begin);
        memcpy(endless + sizeof endless - 20, " Googlebot/2.1 iPad ", 20);
        mb_geo_device(mb_slice(endless, sizeof endless), &whole);
        assert_true(mb_slice_eq(whole.type, begin.type) && mb_slice_eq(whole.os, begin.os) &&
                    mb_slice_eq(whole.browser, begin.browser) &&
                    mb_slice_eq(whole.os_version, begin.os_version));
    }
    mb_geo_device(MB_SLICE_NONE, &(struct mb_geo_device){0});
}

/* Longer than there is room for: cut, not spilt. */
static void a_long_version_is_cut(void **state)
{
    (void)state;
    struct mb_geo_device d;
    mb_geo_device(MB_SLICE("Android 1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9"), &d);
    assert_true(mb_slice_is(d.os_version, "1.2.3.4.5.6.7.8.9.0.1.2"));
    mb_geo_device(MB_SLICE("CPU iPhone OS 17_4_1_ like"), &d);
    assert_true(mb_slice_is(d.os_version, "17.4.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_are_what_they_are),
        cmocka_unit_test(every_value_of_the_rules_has_an_agent),
        cmocka_unit_test(models_are_found),
        cmocka_unit_test(agents_cut_anywhere_are_read_within_their_bounds),
        cmocka_unit_test(random_agents_are_read_within_their_bounds),
        cmocka_unit_test(of_an_endless_agent_the_first_kilobyte_counts),
        cmocka_unit_test(a_long_version_is_cut),
    };
    return cmocka_run_group_tests(tests, read_rows, NULL);
}
