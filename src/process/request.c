/* request.c - from the HTTP server to the bidder and back.
 *
 * A bid is answered before this returns. A notice that brought events waits for the books
 * (books.c).
 */
#include "internal.h"

/* How long ready says 0 behind the last request that waited too long: an exchange asks about once a second. */
enum { BUSY_MS = 1000 };

static enum mb_bidder_method method_of(enum mb_http_method method)
{
    switch (method) {
    case MB_HTTP_GET:
    case MB_HTTP_HEAD:
        return MB_BIDDER_GET;
    case MB_HTTP_POST:
        return MB_BIDDER_POST;
    default:
        return MB_BIDDER_OTHER;
    }
}

const char *mb__request_outcome_name(int outcome)
{
    if (outcome == MB__OUTCOME_BAD) {
        return "bad_request";
    }
    return outcome == MB_NOBID_BID ? "bid" : mb_nobid_name((enum mb_nobid)outcome);
}

static void count(struct mb__worker *worker, const struct mb_bidder_out *out, uint64_t started_ns)
{
    if (!out->endpoint) {
        return;
    }
    struct mb__endpoint_counts *counts = &worker->board->endpoints[out->endpoint->index];
    for (int i = 0; i < MB_JSON_SLIP_COUNT; i++) {
        if (out->slips[i] > 0) {
            mb_metrics_add(&counts->slips[i], out->slips[i]);
        }
    }
    if (strcmp(out->kind, "bid") == 0) {
        mb_metrics_add(&counts->outcomes[out->outcome], 1);
        mb_histogram_record(&worker->board->request_time, uv_hrtime() - started_ns);
    } else if (strcmp(out->kind, "error") == 0) {
        mb_metrics_add(&counts->outcomes[MB__OUTCOME_BAD], 1);
    }
}

void mb__request_handle(void *user, struct mb_http_exchange *exchange,
                        const struct mb_http_request *request)
{
    struct mb__worker *worker = user;
    char ip[MB_IP_TEXT_MAX];
    struct mb_bidder_in in = {.method = method_of(request->method),
                              .path = request->path,
                              .query = request->query,
                              .body = request->body,
                              .remote_ip = mb_http_client_ip(
                                  request, worker->config->trusted_proxies, ip),
                              .openrtb_version =
                                  mb_http_header(request, MB_SLICE("x-openrtb-version")),
                              .now_ms = mb_time_now_ms(),
                              .waited_ms = request->waited_ms,
                              .seed = mb__chance_seed(&worker->chance),
                              .draining = worker->draining,
                              .money_unknown = worker->books.money_unknown};
    struct mb_bidder_out out;

    in.overloaded = request->waited_ms > worker->config->backlog_ms;
    if (in.overloaded) {
        worker->busy_until_ms = in.now_ms + BUSY_MS;
    }
    in.busy = in.now_ms < worker->busy_until_ms;
    in.tape = mb_recorder_tape(worker->recorder, in.seed);

    mb_bidder_handle(worker->bidder, &in, &out);
    count(worker, &out, request->now_ns);
    if (out.n_events > 0 && !out.answer_first) {
        mb__books_take(worker, exchange, &out);
    } else {
        struct mb_http_response response = {.status = out.status,
                                            .content_type = out.content_type,
                                            .body = out.body,
                                            .extra_headers = out.extra_headers};

        mb_http_respond(exchange, &response);
        if (out.n_events > 0) {
            mb__books_note(worker, &out);
        }
    }
    if (in.tape) {
        mb_recorder_take(worker->recorder, worker->bidder, &in, &out);
    }
    mb__shadow_turn(worker, &in);
    mb__reload_replace_if_spent(worker);
}
