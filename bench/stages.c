/* stages.c - a bid from bytes to bytes, without server, socket or clock: what callgrind counts.
 *
 *   stages CASE TIMES        push | openrtb | nobid
 *   stages CASE+notices TIMES
 *
 * Nothing in it depends on the machine or the time of day, so a count of its instructions repeats.
 * With "+notices" a fresh notice is taken and settled between any two bids.
 */
#include <stdio.h>
#include <stdlib.h>

#include "moonbid/bidder.h"

#define NOW_MS INT64_C(1772442000000)

static struct mb_bidder *bidder;
static struct mb_notice_keys *keys;

static const struct bid_case {
    const char *name, *path, *query, *body;
    int status;
} cases[] = {
    {"push", "/exoclick/bid", "zone=778899&src=pub.example", "push_bid.json", 200},
    {"nobid", "/exoclick/bid", "zone=778899&src=pub.example", "push_nobid.json", 204},
    {"openrtb", "/openrtb/bid", NULL, "openrtb_bid.json", 200},
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "stages: %s\n", what);
        exit(1);
    }
}

static void drop_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user, (void)level, (void)line, (void)len;
}

static void set_up(void)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    struct mb_guard *guard = NULL;
    struct mb_config *config = mb_xconfig_default();
    struct mb_geo *geo = mb_xgeo_table();
    struct mb_error err = {.at = -1};
    mb_log_redirect(drop_line, NULL);
    mb_xgeo_put(geo, MB_SLICE("84.128.10.20"), MB_SLICE("DE"));
    keys = mb_xnotice_keys_new();
    check(mb_notice_keys_add(keys, key) == 0, "a key");
    check(mb_guard_open(&(struct mb_guard_options){0}, &guard, &err) == 0, err.what);
    struct mb_bidder_options options = {.config = config, .guard = guard, .keys = keys, .geo = geo};
    check(mb_bidder_new(&options, &bidder, &err) == 0, err.what);
    struct mb_script_options load = {.dir = SOURCE_DIR "/bench",
                                     .endpoints = config->endpoints,
                                     .n_endpoints = config->n_endpoints,
                                     .has_geo = true,
                                     .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    check(mb_script_load(&load, &script, &report) == 0,
          report.count > 0 ? report.problems[0].text : "the strategies do not load");
    mb_script_report_fini(&report);
    (void)mb_bidder_take_script(bidder, script);
}

static struct mb_slice read_body(const char *name)
{
    static char body[65536];
    char path[4096];
    snprintf(path, sizeof(path), "%s/bench/requests/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    check(file != NULL, path);
    size_t len = fread(body, 1, sizeof(body), file);
    fclose(file);
    return mb_slice(body, len);
}

static void take_notice(struct mb_slice path)
{
    struct mb_bidder_out out;
    struct mb_bidder_in in = {.method = MB_BIDDER_GET,
                              .path = path,
                              .query = MB_SLICE("p=0.35&c=USD"),
                              .now_ms = NOW_MS + 1000};
    mb_bidder_handle(bidder, &in, &out);
    check(out.status == 200 && out.n_events == 1, "the notice has an event");
    mb_bidder_settle(bidder, out.events, false, NOW_MS + 1000);
}

/* The path of the answer's first notice URL, copied. */
static struct mb_slice notice_path(struct mb_slice answer)
{
    static char path[1024];
    for (size_t i = 0; i + 3 < answer.len; i++) {
        if (memcmp(answer.data + i, "/n/", 3) == 0) {
            size_t len = 0;
            while (i + len < answer.len && len < sizeof(path) &&
                   !strchr("?\"", answer.data[i + len])) {
                path[len] = answer.data[i + len];
                len++;
            }
            return mb_slice(path, len);
        }
    }
    check(false, "no notice URL in the answer");
    return MB_SLICE_NONE;
}

static void run(const struct bid_case *c, long times, bool notices)
{
    struct mb_slice body = read_body(c->body);
    for (long i = 0; i < times; i++) {
        struct mb_bidder_out out;
        struct mb_bidder_in in = {.method = MB_BIDDER_POST,
                                  .path = mb_slice_of(c->path),
                                  .query = c->query ? mb_slice_of(c->query) : MB_SLICE_NONE,
                                  .body = body,
                                  .now_ms = NOW_MS,
                                  .seed = (uint64_t)i + 1};
        mb_bidder_handle(bidder, &in, &out);
        check(out.status == c->status, "the answer has another status");
        if (notices) {
            take_notice(notice_path(out.body));
        }
    }
}

int main(int argc, char **argv)
{
    check(argc == 3, "CASE[+notices] TIMES");
    char *plus = strchr(argv[1], '+');
    if (plus) {
        *plus = '\0';
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            set_up();
            run(&cases[i], atol(argv[2]), plus != NULL);
            return 0;
        }
    }
    check(false, "no such case");
    return 1;
}
