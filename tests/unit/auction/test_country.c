/* Three letters and two: ISO 3166-1, all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "moonbid/auction.h"

enum { OFFICIAL = 249 };

/* Those that are easily taken for each other, and what is no country's. */
static const struct {
    const char *alpha3, *alpha2; /* NULL: none */
} rows[] = {
    {"DEU", "DE"}, {"AUT", "AT"}, {"AUS", "AU"}, {"CHE", "CH"},  {"CHN", "CN"}, {"CHL", "CL"},
    {"GBR", "GB"}, {"UKR", "UA"}, {"ARE", "AE"}, {"USA", "US"},  {"UMI", "UM"}, {"IRL", "IE"},
    {"IRN", "IR"}, {"IRQ", "IQ"}, {"ISL", "IS"}, {"ISR", "IL"},  {"SVK", "SK"}, {"SVN", "SI"},
    {"SWE", "SE"}, {"SWZ", "SZ"}, {"DNK", "DK"}, {"DOM", "DO"},  {"DMA", "DM"}, {"EST", "EE"},
    {"ESP", "ES"}, {"PRT", "PT"}, {"POL", "PL"}, {"PRK", "KP"},  {"KOR", "KR"}, {"PRY", "PY"},
    {"MAC", "MO"}, {"MCO", "MC"}, {"MAR", "MA"}, {"TUR", "TR"},  {"TUN", "TN"}, {"COD", "CD"},
    {"COG", "CG"}, {"SRB", "RS"}, {"MNE", "ME"}, {"XKX", "XK"},  {"SSD", "SS"}, {"ABW", "AW"},
    {"ZWE", "ZW"}, {"UKX", NULL}, {"deu", NULL}, {"EUR", NULL},  {"ROM", NULL}, {"ZZZ", NULL},
    {"AAA", NULL}, {"DE", NULL},  {"", NULL},    {"DEUT", NULL},
};

static void codes_are_translated_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_slice two = mb_country_of_alpha3(mb_slice_of(rows[i].alpha3));
        if (!mb_slice_eq(two, mb_slice_of(rows[i].alpha2))) {
            fail_msg("%s is '%.*s'", rows[i].alpha3, MB_SLICE_ARG(two));
        }
        if (rows[i].alpha2) {
            struct mb_slice three = mb_country_to_alpha3(two);
            assert_true(mb_slice_is(three, rows[i].alpha3));
        }
    }
    assert_false(mb_slice_present(mb_country_to_alpha3(MB_SLICE("UK"))));
    assert_false(mb_slice_present(mb_country_to_alpha3(MB_SLICE("D"))));
    assert_false(mb_slice_present(mb_country_to_alpha3(MB_SLICE_NONE)));
    assert_false(mb_slice_present(mb_country_of_alpha3(MB_SLICE_NONE)));
}

/* Of all there could be: as many as there are, and each leads back to itself. */
static void each_of_249_and_kosovo_leads_back_to_itself(void **state)
{
    char code[4] = "AAA";
    int known = 0;
    (void)state;
    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
            for (code[2] = 'A'; code[2] <= 'Z'; code[2]++) {
                struct mb_slice two = mb_country_of_alpha3(mb_slice_of(code));
                if (mb_slice_present(two)) {
                    known++;
                    assert_true(mb_slice_is(mb_country_to_alpha3(two), code));
                }
            }
        }
    }
    assert_int_equal(known, OFFICIAL + 1);
}

/* A list that somebody else keeps: that of the time zones. */
static void the_system_knows_the_same_countries(void **state)
{
    FILE *file = fopen("/usr/share/zoneinfo/iso3166.tab", "r");
    char line[256];
    int known = 0;
    (void)state;
    if (!file) {
        print_message("skipped: no list of countries on this system\n");
        skip();
    }
    while (fgets(line, sizeof line, file)) {
        if (line[0] != '#' && strlen(line) > 2) {
            struct mb_slice two = mb_slice(line, 2);
            known++;
            if (!mb_slice_present(mb_country_to_alpha3(two))) {
                fail_msg("%.*s has no three letters", MB_SLICE_ARG(two));
            }
        }
    }
    fclose(file);
    assert_int_equal(known, OFFICIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_translated_both_ways),
        cmocka_unit_test(each_of_249_and_kosovo_leads_back_to_itself),
        cmocka_unit_test(the_system_knows_the_same_countries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
