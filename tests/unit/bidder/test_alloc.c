/* test_alloc.c - the bid path takes no memory from the system once it is warm.
 *
 * This program's own malloc, calloc and realloc stand before those of the C library and count. Lua's memory is the state's
 * business (script.h): its allocator maps and unmaps, so what it takes is not among these, and is asked for by mb_script_lua_bytes.
 */
#include "support.h"

#include <stdatomic.h>

#ifndef __has_feature /* clang's way to tell; gcc has a macro */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define COUNTS 0 /* the sanitizer has an allocator of its own */
#else
#define COUNTS 1
#endif

enum { WARM_UP = 2000, REQUESTS = 10000 };

static atomic_ulong calls;

#if COUNTS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(p, size);
}
#endif

static const char *const strategies =
    "local function s(name, price) return strategy { name = name, track_clicks = name == 'a', "
    "limits = { frequency = { count = 1000000, per = '1h', key = { 'user' } }, per = { key = 'zone', total = 1000000 } }, "
    "tokens = { v = function(ctx, req) return req.tokens.zone_id .. ctx.random(9) end }, bid = function(ctx, req, imp) "
    "ctx.incr('asked', 1, '1h') if ctx.random(10) == 1 then return nobid 'dice' end return { price = price * ctx.random(), "
    "data = 'x', url = 'https://pop.example/{v}', creative_id = '5', " BANNER_BID " .. '?{v}', title = 't {country}', "
    "description = 'd', markup = '<a href=\"{{v}}\">', advertiser_domains = { 'adv.example' }, "
    "icon_url = { ['192x192'] = 'https://cdn.example/{v}' } } end } end return { s('a', 1), s('b', 2), s('c', 3) }";

static const struct {
    const char *path, *query, *body;
} requests[] = {
    {"/exoclick/bid", "zone_id=7&src_hostname=pub.example", BANNER},
    {"/exoclick/bid", "zone_id=8", PUSH},
    {"/exoclick/bid", "zone_id=9", "{\"id\":\"p\",\"type\":\"popunder\",\"export\":\"xml\"}"},
    {"/exoclick/bid", NULL, "{\"id\":\"bad\","},
    {"/xandr/bid", "zone_id=7",
     "{\"bid_request\":{\"members\":[{\"id\":12}],\"tags\":[{\"id\":1,\"sizes\":[\"1x1\"],\"auction_id_64\":7,\"reserve_price\":0.5},"
     "{\"id\":2,\"sizes\":[\"1x1\"],\"auction_id_64\":8}],\"bid_info\":{\"user_id_64\":77,\"user_agent\":\"" UA_PHONE "\"}}}"},
    {"/openrtb/bid", "zone_id=7", "{\"id\":\"o\",\"imp\":[{\"id\":\"i1\",\"banner\":{\"w\":1,\"h\":2}}],\"user\":{\"id\":\"u\"}}"},
};

static void send_all(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        in.seed = i * UINT64_C(0x9e3779b97f4a7c15);
        in.now_ms = clock_ms = NOW_MS + (int64_t)(i / 10);
        post(requests[i % ROWS(requests)].path, requests[i % ROWS(requests)].query, requests[i % ROWS(requests)].body);
    }
}

static void a_warm_bid_path_takes_no_memory(void **state)
{
    unsigned long before, taken;
    uint64_t bids;

    (void)state;
    if (!COUNTS) {
        print_message("skipped: the sanitizer's allocator is not counted\n");
        skip();
    }
    load(strategies);
    send_all(WARM_UP);
    bids = mb_bidder_totals(bidder)->bids;
    before = atomic_load(&calls);
    send_all(REQUESTS);
    taken = atomic_load(&calls) - before;
    bids = mb_bidder_totals(bidder)->bids - bids;
    print_message("%d requests, %llu bids: %lu allocations, Lua has %zu bytes\n", REQUESTS, (unsigned long long)bids, taken,
                  mb_script_lua_bytes(mb_bidder_script(bidder)));
    assert_true(bids > REQUESTS / 2);
    assert_int_equal(taken, 0);
}

/* The counting counts: what a request beyond the warm buffers takes is seen. */
static void what_is_taken_is_counted(void **state)
{
    static char body[400000];
    unsigned long before;

    (void)state;
    if (!COUNTS) {
        skip();
    }
    load(strategies);
    send_all(WARM_UP);
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "{\"id\":\"", 7);
    memcpy(body + sizeof(body) - 20, "\",\"type\":\"banner\"}", 19);
    before = atomic_load(&calls);
    post("/exoclick/bid", "zone_id=1", body);
    assert_true(atomic_load(&calls) > before);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_warm_bid_path_takes_no_memory),
        T(what_is_taken_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
