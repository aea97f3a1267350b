/* board.c - what workers count, kept where it outlives them, and the sums that operators see.
 *
 * Each worker writes to a board of its own, so counting costs no more than counting, and shares no
 * cache line with anybody. Who asks adds the boards up. Most of a board is room for strategies that
 * do not exist; the system gives memory only for what is touched.
 */
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 4096 };

int mb__boards_map(uint32_t count, size_t n_endpoints, struct mb__boards *out, struct mb_error *err)
{
    size_t bytes = sizeof(struct mb__board) + n_endpoints * sizeof(struct mb__endpoint_counts);

    *out = (struct mb__boards){0};
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    char *memory = mmap(NULL, bytes * count, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return mb_fail(err, MB_ENOMEM, NULL, "no shared memory for counters: %s", strerror(errno));
    }
    *out = (struct mb__boards){memory, bytes, count, n_endpoints};
    return 0;
}

void mb__boards_unmap(struct mb__boards *boards)
{
    if (boards->memory) {
        munmap(boards->memory, boards->bytes * boards->count);
    }
    *boards = (struct mb__boards){0};
}

struct mb__board *mb__boards_at(const struct mb__boards *boards, uint32_t seat)
{
    return (struct mb__board *)(void *)(boards->memory + seat * boards->bytes);
}

void mb__boards_totals(const struct mb__boards *boards, struct mb_bidder_counts *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        mb_bidder_add_totals(out, &mb__boards_at(boards, i)->bidder.totals);
    }
}

void mb__boards_strategy(const struct mb__boards *boards, uint32_t slot,
                         struct mb_strategy_counts *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count && slot < MB_GUARD_SLOTS_MAX; i++) {
        mb_bidder_add_counts(out, &mb__boards_at(boards, i)->bidder.strategies[slot]);
    }
}

void mb__boards_http(const struct mb__boards *boards, struct mb_http_counters *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        const struct mb__board *board = mb__boards_at(boards, i);

        out->accepted += mb_metrics_read(&board->http.accepted);
        out->refused += mb_metrics_read(&board->http.refused);
        out->closed += mb_metrics_read(&board->http.closed);
        out->requests += mb_metrics_read(&board->http.requests);
        out->bad_requests += mb_metrics_read(&board->http.bad_requests);
        out->timeouts += mb_metrics_read(&board->http.timeouts);
        out->bytes_in += mb_metrics_read(&board->http.bytes_in);
        out->bytes_out += mb_metrics_read(&board->http.bytes_out);
        out->open += atomic_load_explicit(&board->connections, memory_order_relaxed);
    }
}

uint64_t mb__boards_outcome(const struct mb__boards *boards, size_t endpoint, int outcome)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < boards->count; i++) {
        sum += mb_metrics_read(&mb__boards_at(boards, i)->endpoints[endpoint].outcomes[outcome]);
    }
    return sum;
}

uint64_t mb__boards_slips(const struct mb__boards *boards, size_t endpoint, enum mb_json_slip slip)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < boards->count; i++) {
        sum += mb_metrics_read(&mb__boards_at(boards, i)->endpoints[endpoint].slips[slip]);
    }
    return sum;
}

void mb__boards_script_time(const struct mb__boards *boards, struct mb_histogram *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        mb_histogram_merge(out, &mb__boards_at(boards, i)->bidder.script_time);
    }
}

void mb__boards_request_time(const struct mb__boards *boards, struct mb_histogram *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        mb_histogram_merge(out, &mb__boards_at(boards, i)->request_time);
    }
}

uint64_t mb__boards_spooled(const struct mb__boards *boards)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < boards->count; i++) {
        sum += mb_metrics_read(&mb__boards_at(boards, i)->spooled);
    }
    return sum;
}

void mb__boards_fetches(const struct mb__boards *boards, struct mb_fetch_counts *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        const struct mb_fetch_counts *from = &mb__boards_at(boards, i)->fetches;

#define XX(name) out->name += mb_metrics_read(&from->name);
        MB_FETCH_OUTCOME_MAP(XX)
#undef XX
        out->retries += mb_metrics_read(&from->retries);
    }
}

void mb__boards_records(const struct mb__boards *boards, struct mb_recorder_counts *out)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < boards->count; i++) {
        const struct mb_recorder_counts *from = &mb__boards_at(boards, i)->records;

#define XX(name, help) out->name += mb_metrics_read(&from->name);
        MB_RECORDER_COUNT_MAP(XX)
#undef XX
    }
}

struct mb__shadow_sums mb__boards_shadow(const struct mb__boards *boards)
{
    struct mb__shadow_sums sums = {0};

    for (uint32_t i = 0; i < boards->count; i++) {
        const struct mb__board *board = mb__boards_at(boards, i);

        sums.shown += mb_metrics_read(&board->shadow_shown);
        sums.skipped += mb_metrics_read(&board->shadow_skipped);
        sums.cpu_ns += mb_metrics_read(&board->shadow_ns);
    }
    return sums;
}

uint64_t mb__boards_lua_bytes(const struct mb__boards *boards)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < boards->count; i++) {
        sum += atomic_load_explicit(&mb__boards_at(boards, i)->lua_bytes, memory_order_relaxed);
    }
    return sum;
}

void mb__board_clear_gauges(struct mb__board *board)
{
    atomic_store(&board->lua_bytes, 0);
    atomic_store(&board->connections, 0);
}
