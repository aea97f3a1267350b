/* many.c - what a request costs by the number of strategies, of which one wants it.
 *
 *   many [ROUNDS]
 *
 * For each kind of target it loads 1, 100, 1,000 and 10,000 strategies, each number into a bidder
 * of its own, and asks all of them in turn, ROUNDS times (default 40): so that whatever else the
 * machine does falls on all alike. Prints the median CPU time of a request, bytes to bytes, and its
 * ratio to that with one strategy. No socket, no process, no notice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "moonbid/bidder.h"
#include "moonbid/json_doc.h"

enum { REQUESTS = 200, ROUNDS_MAX = 1000, SIZES = 4 };

static const int sizes[SIZES] = {1, 100, 1000, 10000};

/* The target of strategy n, other than the last one, which wants the request; %d is n. Every
 * strategy has `common` as well. */
static const struct kind {
    const char *name, *target;
} kinds[] = {
    {"zones", "zone = { 'a' .. n, 'b' .. n, 'c' .. n }"},
    {"countries", "country = { ({ 'AT', 'CH', 'FR', 'US', 'PL' })[n % 5 + 1] }"},
    {"domains out", "exclude = { domain = { 'pub.example', 'x' .. n .. '.example' } }"},
    {"zones out", "exclude = { zone = { '778899', 'x' .. n } }"},
    {"hours", "hours = { 'sun 0' .. n % 10 .. ':00-1' .. n % 10 .. ':30' }"},
    {"long files", "zone = list('zones' .. n % 20 .. '.txt')"},
    {"device", "os = { 'ios' }, device = { 'tablet', 'phone' }"},
};

static const char lua[] =
    "local all = {}\n"
    "for n = 1, %d do\n"
    "  local wants = n == %d\n"
    "  local target = wants and {} or { %s }\n"
    "  target.exchange = { 'exoclick' } target.format = { 'push' } target.language = { 'de', 'en' "
    "}\n"
    "  target.size = { '720x480', '192x192' }\n"
    "  all[n] = strategy { name = 's' .. n, model = 'cpc', target = target,\n"
    "    limits = { max_bid = { cpc = 0.60 }, daily = 1e9, total = 1e9 },\n"
    "    bid = function(ctx, req) return { price = 0.4, title = 'Guten Tag', description = "
    "'Heute',\n"
    "      icon_url = 'https://cdn.example/i.png', image_url = 'https://cdn.example/i2.png',\n"
    "      click_url = 'https://go.example/c?zone={zone_id}' } end }\n"
    "end\n"
    "return all\n";

static const char body[] =
    "{\"id\":\"5f0c1c52-7a94-4c0e-9d53-0b6f5c1f6a11\",\"ip\":\"84.128.10.20\",\"language\":\"de\","
    "\"type\":\"push_notification\",\"remote_addr\":\"84.128.10.20\",\"ua\":\"Mozilla/5.0 (Linux; "
    "Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
    "Safari/537.36\",\"url\":\"https://pub.example/de/news\",\"user_id\":\"6a1f0e2b3c4d55\","
    "\"export\":\"json\",\"keyword\":\"news\",\"size\":\"720x480\",\"sub\":112233}";

static const char config_text[] =
    "{\"endpoints\":[{\"name\":\"exo\",\"path\":\"/exo\",\"exchange\":\"exoclick\","
    "\"currency\":\"USD\",\"tokens\":{\"zone\":\"zone_id\"}}]}";

static char folder[] = "/tmp/moonbid-many-XXXXXX";
static struct mb_config *config;
static struct mb_notice_keys *keys;
static struct mb_geo *geo;

struct subject {
    struct mb_guard *guard;
    struct mb_bidder *bidder;
    double cpu_us[ROUNDS_MAX];
};

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "many: %s\n", what);
        exit(1);
    }
}

static FILE *create(const char *name)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    must(file != NULL, path);
    return file;
}

static void make_folder(void)
{
    char path[128];

    must(mkdtemp(folder) != NULL, "no temporary folder");
    snprintf(path, sizeof(path), "%s/strategies", folder);
    must(mkdir(path, 0700) == 0, path);
    snprintf(path, sizeof(path), "%s/lists", folder);
    must(mkdir(path, 0700) == 0, path);
    for (int i = 0; i < 20; i++) {
        FILE *file;

        snprintf(path, sizeof(path), "lists/zones%d.txt", i);
        file = create(path);
        for (int row = 0; row < 5000; row++) {
            fprintf(file, "%d-%d\n", i, row);
        }
        fclose(file);
    }
}

static void make_parts(void)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    struct mb_doc *doc;
    struct mb_error err = {.at = -1};

    must(mb_doc_parse(mb_slice_of(config_text), &doc, &err) == 0, err.what);
    must(mb_config_from_doc(doc, &config, &err) == 0, err.what);
    mb_doc_free(doc);
    keys = mb_xnotice_keys_new();
    must(mb_notice_keys_add(keys, key) == 0, "no key");
    geo = mb_xgeo_table();
    mb_xgeo_put(geo, MB_SLICE("84.128.10.20"), MB_SLICE("DE"));
}

static void open_subject(struct subject *subject, const struct kind *kind, int n)
{
    struct mb_guard_options in_memory = {.counters_max = 1024, .frequency_max = 1024};
    struct mb_bidder_options options = {.config = config, .keys = keys, .geo = geo};
    struct mb_script_options scripts = {.dir = folder,
                                        .endpoints = config->endpoints,
                                        .n_endpoints = config->n_endpoints,
                                        .has_geo = true};
    struct mb_script_report report = {0};
    struct mb_script *script;
    struct mb_error err = {.at = -1};
    FILE *file = create("strategies/all.lua");

    fprintf(file, lua, n, n, kind->target);
    fclose(file);
    must(mb_guard_open(&in_memory, &subject->guard, &err) == 0, err.what);
    options.guard = scripts.guard = subject->guard;
    must(mb_bidder_new(&options, &subject->bidder, &err) == 0, err.what);
    must(mb_script_load(&scripts, &script, &report) == 0,
         report.count ? report.problems[0].text : "scripts do not load");
    mb_script_report_fini(&report);
    mb_script_free(mb_bidder_take_script(subject->bidder, script));
}

static void close_subject(struct subject *subject)
{
    mb_script_free(mb_bidder_take_script(subject->bidder, NULL));
    mb_bidder_free(subject->bidder);
    mb_guard_close(subject->guard);
}

/* CPU time of a request in microseconds. */
static double ask(struct subject *subject, uint64_t seed)
{
    struct mb_bidder_in in = {.now_ms = INT64_C(1772442000000), /* a Monday */
                              .method = MB_BIDDER_POST,
                              .path = MB_SLICE("/exo"),
                              .query = MB_SLICE("zone=778899"),
                              .body = mb_slice_of(body)};
    struct mb_bidder_out out;
    struct timespec from, to;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < REQUESTS; i++) {
        in.seed = seed + (uint64_t)i;
        mb_bidder_handle(subject->bidder, &in, &out);
        must(out.status == 200, "a request without a bid");
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
           REQUESTS;
}

static int by_value(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void measure(const struct kind *kind, int rounds)
{
    struct subject *subjects = calloc(SIZES, sizeof(*subjects));

    must(subjects != NULL, "no memory");
    for (int s = 0; s < SIZES; s++) {
        open_subject(&subjects[s], kind, sizes[s]);
        (void)ask(&subjects[s], 0);
    }
    for (int round = 0; round < rounds; round++) {
        for (int s = 0; s < SIZES; s++) {
            subjects[s].cpu_us[round] = ask(&subjects[s], (uint64_t)round * REQUESTS);
        }
    }
    printf("%-12s", kind->name);
    for (int s = 0; s < SIZES; s++) {
        qsort(subjects[s].cpu_us, (size_t)rounds, sizeof(double), by_value);
        printf("  %6d: %6.2f us %5.3f", sizes[s], subjects[s].cpu_us[rounds / 2],
               subjects[s].cpu_us[rounds / 2] / subjects[0].cpu_us[rounds / 2]);
        close_subject(&subjects[s]);
    }
    printf("\n");
    free(subjects);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 40;
    char command[64];

    must(rounds > 0 && rounds <= ROUNDS_MAX, "ROUNDS is 1 to 1000");
    make_folder();
    make_parts();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        measure(&kinds[i], rounds);
        fflush(stdout);
    }
    mb_geo_close(geo);
    mb_notice_keys_free(keys);
    mb_config_free(config);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) != 0;
}
