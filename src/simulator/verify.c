/* verify.c - the bidder's account, as its status page tells it.
 *
 * An acknowledged notice is durable but may be a moment from being counted, so the page is asked
 * again until the sides agree or a deadline passes. Differences to the counts at the start are
 * compared: the bidder may have had traffic before.
 */
#include "internal.h"

#include <uv.h>

#include "moonbid/json_doc.h"
#include "moonbid/net.h"

enum { DEADLINE_MS = 10000, REQUEST_MS = 5000, PAUSE_MS = 50, BODY_MAX = 16 << 20 };

struct fetch {
    bool done;
    int rc;
    struct mb__sim_totals totals;
    struct mb_error *err;
};

/* A count that the page leaves out is 0. */
static int64_t count_of(const struct mb_doc *object, const char *key)
{
    return (int64_t)mb_doc_number(mb_doc_get(object, key), 0);
}

static void add_strategy(const struct mb_doc *row, struct mb__sim_totals *sum)
{
    const struct mb_doc *events = mb_doc_get(row, "events");

    sum->bids += count_of(row, "bids");
    sum->billings += count_of(events, "billing");
    sum->wins += count_of(events, "win");
    sum->losses += count_of(events, "loss");
    sum->clicks += count_of(events, "click");
    sum->spend_nanos += count_of(row, "spend_nanos");
}

/* Sums what the page tells of each strategy. Its numbers are doubles here: exact up to 2^53, nine
 * million units of currency. */
static int read_totals(struct mb_slice body, struct mb__sim_totals *out, struct mb_error *err)
{
    struct mb_doc *root = NULL;
    const struct mb_doc *strategies;
    int rc = 0;

    *out = (struct mb__sim_totals){0};
    if (mb_doc_parse(body, &root, NULL)) {
        return mb_fail(err, MB_EPROTOCOL, "GET /status", "the answer is not JSON");
    }
    strategies = mb_doc_get(root, "strategies");
    if (!mb_doc_is_array(strategies)) {
        rc = mb_fail(err, MB_EPROTOCOL, "GET /status", "the answer has no list of strategies");
    }
    for (const struct mb_doc *row = mb_doc_first(strategies); row; row = mb_doc_next(row)) {
        add_strategy(row, out);
    }
    mb_doc_free(root);
    return rc;
}

static void on_status(void *user, const struct mb_http_reply *reply)
{
    struct fetch *fetch = user;

    fetch->done = true;
    if (reply->error || reply->status != 200) {
        fetch->rc = mb_fail(fetch->err, MB_EIO, "GET /status", "%s, status %d",
                            mb_err_text(reply->error), reply->status);
        return;
    }
    fetch->rc = read_totals(reply->body, &fetch->totals, fetch->err);
}

bool mb__sim_totals_agree(const struct mb__sim_totals *before, const struct mb__sim_totals *wanted,
                          const struct mb__sim_totals *now)
{
    return now->bids - before->bids == wanted->bids &&
           now->billings - before->billings == wanted->billings &&
           now->wins - before->wins == wanted->wins &&
           now->losses - before->losses >= wanted->losses &&
           now->clicks - before->clicks == wanted->clicks &&
           now->spend_nanos - before->spend_nanos == wanted->spend_nanos;
}

static int fetch_once(uv_loop_t *loop, struct mb_http_client *client, struct fetch *fetch)
{
    fetch->done = false;
    if (mb_http_client_send(client, "GET", MB_SLICE("/status"), MB_SLICE_NONE, MB_SLICE_NONE,
                            on_status, fetch)) {
        return mb_fail(fetch->err, MB_EIO, "GET /status", "cannot be sent");
    }
    while (!fetch->done) {
        uv_run(loop, UV_RUN_ONCE);
    }
    return fetch->rc;
}

int mb__sim_totals_fetch(struct uv_loop_s *loop, const struct mb__sim_address *admin,
                         const struct mb__sim_totals *before, const struct mb__sim_totals *wanted,
                         struct mb__sim_totals *out, struct mb_error *err)
{
    struct mb_http_client_options options = {.loop = loop,
                                             .host = admin->host,
                                             .port = admin->port,
                                             .connections = 1,
                                             .timeout_ms = REQUEST_MS,
                                             .body_bytes = BODY_MAX};
    struct mb_http_client *client = NULL;
    struct fetch fetch = {.err = err};
    uint64_t deadline_ms;
    int rc = mb_http_client_new(&options, &client, err);

    if (rc) {
        return rc;
    }
    deadline_ms = uv_now(loop) + DEADLINE_MS;
    while ((rc = fetch_once(loop, client, &fetch)) == 0 && wanted &&
           !mb__sim_totals_agree(before, wanted, &fetch.totals) && uv_now(loop) < deadline_ms) {
        uv_sleep(PAUSE_MS);
    }
    *out = fetch.totals;
    mb_http_client_close(client);
    return rc;
}
