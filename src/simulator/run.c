/* run.c - the clock and the connections: sends what is due, settles what comes back, ends when all
 * is told.
 *
 * Traffic and outcomes draw from two generators of chance, so that a seed repeats the traffic
 * whatever the bidder answers. At most `connections` bid requests are open; what the rate asks
 * beyond is sent as soon as one is free.
 */
#include "internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "moonbid/net.h"

enum {
    TICK_MS = 2,
    BID_TIMEOUT_MS =
        5000, /* far beyond any exchange's: late is told by the latencies, this is a failure */
    NOTICE_CONNECTIONS = 16,
    NOTICE_TIMEOUT_MS = 20000,
    BODY_MAX = 1 << 20,
    GIVE_UP_AFTER = 100 /* failures: the bidder is gone */
};

/* Shares of the traffic, among the protocols that are spoken. */
static const unsigned weights[MB__SIM_PROTOCOLS] = {
    [MB__SIM_EXOCLICK] = 45,        [MB__SIM_XANDR] = 20,        [MB__SIM_OPENRTB] = 20,
    [MB__SIM_OPENRTB_EXOCLICK] = 8, [MB__SIM_OPENRTB_XANDR] = 7,
};

struct run {
    const struct mb__sim_options *options;
    struct mb__sim_account *account;
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t on_int, on_term;
    struct mb_http_client *bids;
    struct mb__sim_notices notices;
    struct mb__sim_random traffic_random, market_random;
    int64_t started_ns, answered_ns, reported_ns; /* answered: the latest bid request */
    uint64_t sent;
    uint32_t open;
    bool stopping;
};

struct flight {
    struct run *run;
    struct mb__sim_request request;
};

static double seconds_since(int64_t since_ns, int64_t now_ns)
{
    return (double)(now_ns - since_ns) / 1e9;
}

static void free_flight(struct flight *flight)
{
    mb__sim_request_fini(&flight->request);
    free(flight);
}

static void send_due(struct run *run);

static void note_latency(struct mb__sim_account *account, uint64_t elapsed_ns)
{
    uint32_t us = (uint32_t)(elapsed_ns / 1000);

    mb_xbuf_add(&account->latency_us, &us, sizeof(us));
}

typedef const char *judge_fn(const struct mb__sim_request *request,
                             const struct mb_http_reply *reply, struct mb__sim_bids *out);

static void take_answer(struct run *run, const struct mb__sim_request *request,
                        const struct mb_http_reply *reply)
{
    static judge_fn *const judges[MB__SIM_PROTOCOLS] = {
        mb__sim_exoclick_answer, mb__sim_xandr_answer,   mb__sim_openrtb_answer,
        mb__sim_openrtb_answer,  mb__sim_openrtb_answer,
    };
    struct mb__sim_account *account = run->account;
    struct mb__sim_bids bids = {0};
    const char *why = judges[request->protocol](request, reply, &bids);

    note_latency(account, reply->elapsed_ns);
    if (why) {
        mb__sim_account_reject(account, why, request, reply);
    } else {
        account->bids[request->kind] += bids.count;
        account->nobids[request->kind] += bids.count == 0;
        mb__sim_settle(&run->notices, request, &bids);
    }
    mb__sim_bids_fini(&bids);
}

static void on_reply(void *user, const struct mb_http_reply *reply)
{
    struct flight *flight = user;
    struct run *run = flight->run;

    run->open--;
    run->answered_ns = mb_time_boot_ns();
    if (reply->error) {
        run->account->failed++;
    } else {
        take_answer(run, &flight->request, reply);
    }
    free_flight(flight);
    send_due(run);
}

static enum mb__sim_protocol draw_protocol(struct run *run)
{
    uint64_t total = 0, draw;
    size_t i = 0;

    for (size_t k = 0; k < MB__SIM_PROTOCOLS; k++) {
        total += *run->options->paths[k] ? weights[k] : 0;
    }
    draw = mb__sim_random_below(&run->traffic_random, total);
    while (!*run->options->paths[i] || draw >= weights[i]) {
        draw -= *run->options->paths[i] ? weights[i] : 0;
        i++;
    }
    return (enum mb__sim_protocol)i;
}

/* Gives the headers that go with it, good until the next call. */
static struct mb_slice write_request(struct run *run, struct mb__sim_request *out)
{
    static char headers[80];
    enum mb__sim_protocol protocol = draw_protocol(run);
    const char *path = run->options->paths[protocol];

    switch (protocol) {
    case MB__SIM_EXOCLICK:
        mb__sim_exoclick_request(path, &run->traffic_random, out);
        return MB_SLICE("Content-Type: application/json\r\nx-exadsrtb-version: 1.0\r\n");
    case MB__SIM_XANDR:
        mb__sim_xandr_request(path, &run->traffic_random, out);
        return MB_SLICE_NONE; /* Xandr's own protocol sends no Content-Type */
    default:
        out->eur_rate = run->options->eur;
        mb__sim_openrtb_request(protocol, path, &run->traffic_random, out);
        snprintf(headers, sizeof(headers),
                 "Content-Type: application/json\r\nx-openrtb-version: %s\r\n", out->version);
        return mb_slice_of(headers);
    }
}

static void send_one(struct run *run)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    struct mb__sim_request *request;
    struct mb_slice headers;

    if (!flight) {
        abort();
    }
    flight->run = run;
    request = &flight->request;
    headers = write_request(run, request);
    run->sent++;
    run->account->requests[request->kind]++;
    if (mb_http_client_send(run->bids, request->is_get ? "GET" : "POST",
                            mb_buf_slice(&request->target), headers, mb_buf_slice(&request->body),
                            on_reply, flight)) {
        run->account->failed++;
        free_flight(flight);
        return;
    }
    run->open++;
}

static bool is_over(const struct run *run, double elapsed_s)
{
    const struct mb__sim_options *o = run->options;

    return (o->seconds > 0 && elapsed_s >= o->seconds) ||
           (o->requests > 0 && run->sent >= o->requests) || run->account->failed >= GIVE_UP_AFTER;
}

static void send_due(struct run *run)
{
    double elapsed_s = seconds_since(run->started_ns, mb_time_boot_ns());

    while (!run->stopping && run->open < run->options->connections) {
        if (is_over(run, elapsed_s)) {
            run->stopping = true;
        } else if (run->options->rate > 0 && (double)run->sent >= elapsed_s * run->options->rate) {
            return;
        } else {
            send_one(run);
        }
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;
    int64_t now_ns = mb_time_boot_ns();

    send_due(run);
    mb__sim_chain_retry_due(&run->notices, now_ns);
    if (run->options->live && now_ns - run->reported_ns >= INT64_C(1000000000)) {
        run->reported_ns = now_ns;
        mb__sim_report_live(run->account, seconds_since(run->started_ns, now_ns));
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;

    (void)number;
    run->stopping = true;
}

static int open_clients(struct run *run, struct mb_error *err)
{
    struct mb_http_client_options options = {.loop = &run->loop,
                                             .host = run->options->target.host,
                                             .port = run->options->target.port,
                                             .connections = run->options->connections,
                                             .timeout_ms = BID_TIMEOUT_MS,
                                             .body_bytes = BODY_MAX};
    int rc = mb_http_client_new(&options, &run->bids, err);

    if (rc == 0) {
        options.connections = NOTICE_CONNECTIONS;
        options.timeout_ms = NOTICE_TIMEOUT_MS;
        rc = mb_http_client_new(&options, &run->notices.client, err);
    }
    return rc;
}

static void start(struct run *run)
{
    uv_timer_init(&run->loop, &run->tick);
    uv_signal_init(&run->loop, &run->on_int);
    uv_signal_init(&run->loop, &run->on_term);
    run->tick.data = run->on_int.data = run->on_term.data = run;
    uv_signal_start(&run->on_int, on_signal, SIGINT);
    uv_signal_start(&run->on_term, on_signal, SIGTERM);
    uv_timer_start(&run->tick, on_tick, 0, TICK_MS);
    run->started_ns = run->answered_ns = run->reported_ns = mb_time_boot_ns();
}

static void close_all(struct run *run)
{
    if (run->tick.data) {
        uv_close((uv_handle_t *)&run->tick, NULL);
        uv_close((uv_handle_t *)&run->on_int, NULL);
        uv_close((uv_handle_t *)&run->on_term, NULL);
    }
    if (run->bids) {
        mb_http_client_close(run->bids);
    }
    if (run->notices.client) {
        mb_http_client_close(run->notices.client);
    }
    uv_run(&run->loop, UV_RUN_DEFAULT);
    uv_loop_close(&run->loop);
}

static int64_t sum_bids(const struct mb__sim_account *account)
{
    uint64_t sum = 0;

    for (size_t kind = 0; kind < MB__SIM_KINDS; kind++) {
        sum += account->bids[kind];
    }
    return (int64_t)sum;
}

/* Compares what both sides have counted since `before`. */
static int compare(struct run *run, const struct mb__sim_totals *before,
                   struct mb__sim_outcome *out, struct mb_error *err)
{
    struct mb__sim_totals now = {0};
    int rc = mb__sim_totals_fetch(&run->loop, &run->options->verify, before, &out->ours, &now, err);

    if (rc) {
        return rc;
    }
    out->compared = true;
    out->agree = mb__sim_totals_agree(before, &out->ours, &now);
    out->theirs = (struct mb__sim_totals){.bids = now.bids - before->bids,
                                          .billings = now.billings - before->billings,
                                          .wins = now.wins - before->wins,
                                          .losses = now.losses - before->losses,
                                          .clicks = now.clicks - before->clicks,
                                          .spend_nanos = now.spend_nanos - before->spend_nanos};
    return 0;
}

static void drive(struct run *run, struct mb__sim_outcome *out)
{
    struct mb__sim_tally sum;

    start(run);
    while (!run->stopping || run->open > 0 || run->notices.open > 0) {
        uv_run(&run->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&run->tick);
    out->elapsed_s = seconds_since(run->started_ns, run->answered_ns);
    sum = mb__sim_account_sum(run->account);
    out->ours = (struct mb__sim_totals){.bids = sum_bids(run->account),
                                        .billings = (int64_t)sum.billings,
                                        .wins = (int64_t)sum.wins,
                                        .losses = (int64_t)sum.losses,
                                        .clicks = (int64_t)sum.clicks,
                                        .spend_nanos = mb__sim_tally_spend(&sum)};
}

int mb__sim_run(const struct mb__sim_options *options, struct mb__sim_account *account,
                struct mb__sim_outcome *out, struct mb_error *err)
{
    struct run run = {.options = options,
                      .account = account,
                      .traffic_random = {options->seed},
                      .market_random = {options->seed ^ UINT64_C(0x5bd1e995)}};
    struct mb__sim_totals before = {0};
    bool compares = options->verify.port > 0;
    int rc;

    if (uv_loop_init(&run.loop)) {
        return mb_fail(err, MB_EIO, "loop", "cannot be made");
    }
    run.notices.account = account;
    run.notices.random = &run.market_random;
    run.notices.xandr = options->paths[MB__SIM_XANDR];
    out->agree = true;
    rc = open_clients(&run, err);
    if (rc == 0 && compares) {
        rc = mb__sim_totals_fetch(&run.loop, &options->verify, NULL, NULL, &before, err);
    }
    if (rc == 0) {
        drive(&run, out);
    }
    if (rc == 0 && compares) {
        rc = compare(&run, &before, out, err);
    }
    close_all(&run);
    return rc;
}
