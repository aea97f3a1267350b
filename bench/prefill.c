/* prefill.c - a ledger with millions of rows, written through the ledger's own library.
 *
 *   prefill fill DATA ROWS   makes DATA/ledger.db, or adds to it; prints rows a second
 *   prefill sync DATA        prints how many microseconds a write of 4 KB and its fdatasync take
 * there; the median of 200
 *
 * The rows are those that the notices of the benchmark leave: billed impressions of the one
 * strategy, spread evenly over the ten days before now.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "moonbid/base/arena.h"
#include "moonbid/base/time.h"
#include "moonbid/ledger.h"

#define DAYS_MS (INT64_C(10) * 24 * 3600 * 1000)

enum { BATCH = 32768, SYNCS = 200 };

static void check(int rc, const struct mb_error *err)
{
    if (rc) {
        fprintf(stderr, "prefill: %s: %s\n", err->where, err->what);
        exit(1);
    }
}

static void on_durable(void *user, void *ticket, const struct mb_event *event,
                       enum mb_ledger_fate fate)
{
    (void)ticket;
    (void)event;
    *(int64_t *)user += fate == MB_LEDGER_NEW;
}

static struct mb_event make_event(int64_t n, int64_t time_ms, struct mb_arena *arena)
{
    uint64_t id = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
    struct mb_event e = {.type = MB_EVENT_BILLING,
                         .time_ms = time_ms + 1500,
                         .bid_time_ms = time_ms,
                         .exchange = MB_SLICE("openrtb"),
                         .endpoint = MB_SLICE("openrtb"),
                         .strategy = MB_SLICE("banner_de"),
                         .version = MB_SLICE("0123456789abcdef"),
                         .auction_id = MB_SLICE("8a6c1f0e-9d51-4e61-b1b3-3c1d0a9f2b77"),
                         .imp_id = MB_SLICE("1"),
                         .site_id = MB_SLICE("site-4711"),
                         .zone_id = MB_SLICE("778899"),
                         .creative_id = MB_SLICE("creative-7"),
                         .country = MB_SLICE("DE"),
                         .currency = MB_SLICE("USD"),
                         .model = MB_MODEL_CPM,
                         .has_price_bid = true,
                         .price_bid = {1150000},
                         .has_price_paid = true,
                         .price_paid = {900000},
                         .cost = {900000},
                         .books = true,
                         .shown = true,
                         .attributed = true,
                         .response_time_ms = -1,
                         .post_pending = -1};
    e.bid_id = mb_xarena_printf(arena, "%016llx%06llx", (unsigned long long)id,
                                (unsigned long long)n & 0xffffff);
    e.key = mb_xarena_printf(arena, "%012llx:%.*s:billing", (unsigned long long)time_ms,
                             MB_SLICE_ARG(e.bid_id));
    return e;
}

static int64_t fill(struct mb_ledger *ledger, int64_t rows)
{
    struct mb_error err = {.at = -1};
    struct mb_arena arena;
    int64_t start_ms = mb_time_now_ms() - DAYS_MS, written = 0;
    mb_arena_init(&arena, 65536);
    for (int64_t n = 0; n < rows; n++) {
        mb_arena_reset(&arena);
        int64_t time_ms = start_ms + (int64_t)((double)DAYS_MS * (double)n / (double)rows);
        struct mb_event e = make_event(n, time_ms, &arena);
        check(mb_ledger_append(ledger, &e, 1, (struct mb_ledger_origin){0}, NULL), &err);
        if ((n + 1) % BATCH == 0 || n + 1 == rows) {
            check(mb_ledger_commit(ledger, &err), &err);
            mb_ledger_deliver(ledger, on_durable, &written);
            mb_ledger_checkpoint(ledger);
        }
    }
    mb_arena_fini(&arena);
    return written;
}

static int print_fill(const char *data, int64_t rows)
{
    struct mb_error err = {.at = -1};
    struct mb_ledger *ledger = NULL;
    int64_t start_ns = mb_time_boot_ns();
    check(mb_ledger_open(data, &ledger, &err), &err);
    int64_t written = fill(ledger, rows);
    mb_ledger_close(ledger);
    printf("%.0f\n", (double)written * 1e9 / (double)(mb_time_boot_ns() - start_ns));
    return written == rows ? 0 : 1;
}

static int by_size(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static int print_sync(const char *data)
{
    static const char page[4096] = "x";
    static int64_t took_ns[SYNCS];
    char path[4096];
    snprintf(path, sizeof(path), "%s/sync.tmp", data);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* The first pass makes the file's blocks; the second one writes to them, as the ledger's log
     * does. */
    for (int i = 0; i < 2 * SYNCS && fd >= 0; i++) {
        int64_t start_ns = mb_time_boot_ns();
        if (pwrite(fd, page, sizeof(page), (off_t)sizeof(page) * (i % SYNCS)) !=
                (ssize_t)sizeof(page) ||
            fdatasync(fd) != 0) {
            perror(path);
            return 1;
        }
        took_ns[i % SYNCS] = mb_time_boot_ns() - start_ns;
    }
    if (fd < 0) {
        perror(path);
        return 1;
    }
    close(fd);
    unlink(path);
    qsort(took_ns, SYNCS, sizeof(took_ns[0]), by_size);
    printf("%.0f\n", (double)took_ns[SYNCS / 2] / 1000);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fill") == 0 && atoll(argv[3]) > 0) {
        return print_fill(argv[2], atoll(argv[3]));
    }
    if (argc == 3 && strcmp(argv[1], "sync") == 0) {
        return print_sync(argv[2]);
    }
    fputs("prefill fill DATA ROWS | prefill sync DATA\n", stderr);
    return 1;
}
