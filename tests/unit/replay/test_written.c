/* What the recorder writes is what scan.c reads: were a field added to one of them alone, every replay
 * would go the long way through a tree, and only its time would tell. */
#include "../bidder/support.h"

#include <dirent.h>

#include "internal.h"
#include "moonbid/recorder.h"

static struct mb_recorder *recorder;
static struct mb_recorder_counts counts;

/* Everything that a record may have: all notes that depend on scripts and limits, own and engine's
 * reasons, bids with deal, creative, arm and data. */
static const char strategies[] =
    "local function banner(price) return { price = price, creative_id = 'c1', data = 'd', " BANNER_BID " } end\n"
    "return {\n"
    "  strategy { name = 'bids', priority = 1, limits = { frequency = { count = 1, per = '1h', key = { 'user' } } },\n"
    "    bid = function(ctx, req)\n"
    "      ctx.arm('test', 'u', { a = 50, b = 50 })\n"
    "      return banner(1 + ctx.incr('n', 1, '1h') / 100 + ctx.get 'm' + ctx.spend 'day')\n"
    "    end },\n"
    "  strategy { name = 'outranked', bid = function() return banner(0.5) end },\n"
    "  strategy { name = 'own', bid = function(ctx) return nobid(ctx.time_left() > 0 and 'time' or 'late') end },\n"
    "  strategy { name = 'dear', limits = { max_bid = 0.1 }, bid = function() return banner(9) end },\n"
    "}";

static int begin(void **state)
{
    struct mb_recorder_options options = {.folder = folder,
                                          .settings = {.rate = 1, .max_bytes = 1 << 20},
                                          .counts = &counts};

    assert_int_equal(set_up(state), 0);
    load(strategies);
    recorder = mb_xrecorder_open(&options);
    return 0;
}

/* Handles the request as a server that records does. */
static void record(enum mb_bidder_method method, const char *query, const char *body)
{
    in.seed++;
    in.tape = mb_recorder_tape(recorder, in.seed);
    assert_non_null(in.tape);
    handle(method, "/exoclick/bid", query, mb_slice_of(body));
    mb_recorder_take(recorder, bidder, &in, &out);
    in.tape = NULL;
}

static void record_outcome(void)
{
    struct mb_event event = {.type = MB_EVENT_BILLING,
                             .recorded = true,
                             .bid_id = MB_SLICE("bid"),
                             .strategy = MB_SLICE("bids"),
                             .endpoint = MB_SLICE("exoclick"),
                             .format = MB_SLICE("banner"),
                             .model = MB_MODEL_CPM,
                             .price_bid = {1000000},
                             .books = true,
                             .cost = {1000000}};

    mb_recorder_outcome(recorder, &event);
}

static const char *file_written(void)
{
    static char path[400];
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, "recording-", 10) == 0) {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        }
    }
    closedir(dir);
    return path;
}

/* Lines but the first, which tells of the segment. */
static size_t lines_scanned(struct mb_slice text, struct mb_arena *arena)
{
    struct mb_slice line = mb_slice_cut(&text, '\n');
    struct mb_replay_record kept;
    size_t count = 0;

    assert_false(mb__scan_line(line, arena, &kept));
    while (text.len > 0) {
        line = mb_slice_cut(&text, '\n');
        if (!mb__scan_line(line, arena, &kept)) {
            fail_msg("not scanned: %.*s", MB_SLICE_ARG(line));
        }
        count++;
    }
    return count;
}

static void every_line_is_read_in_one_pass(void **state)
{
    struct mb_arena arena;
    struct mb__block block = {0};
    struct mb__reader *reader;
    struct mb_error err = {0};
    const char *path;

    (void)state;
    record(MB_BIDDER_POST, "zone=1&user_id=u1", BANNER);
    record(MB_BIDDER_POST, NULL, BANNER);
    record(MB_BIDDER_GET, "id=r5&type=banner&size=300x250&ip=192.0.2.10&ua=Firefox", NULL);
    in.draining = in.overloaded = in.money_unknown = true;
    record(MB_BIDDER_POST, NULL, EMAIL);
    record_outcome();
    mb_recorder_close(recorder);
    assert_int_equal(counts.requests, 4);

    path = file_written();
    mb_arena_init(&arena, 1 << 16);
    assert_int_equal(mb__reader_open(&path, 1, &reader, &err), 0);
    assert_int_equal(mb__reader_next(reader, &block, &err), 1);
    assert_int_equal(lines_scanned(mb_buf_slice(&block.text), &arena), 5);
    mb__reader_close(reader);
    mb_buf_fini(&block.text);
    mb_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_line_is_read_in_one_pass, begin, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
