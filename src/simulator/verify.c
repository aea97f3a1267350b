/* verify.c - the bidder's account, as its status page tells it.
 *
 * An acknowledged notice is durable but may be a moment from being counted, so the page is asked
 * again until the sides agree or a deadline passes. Differences to the counts at the start are
 * compared: the bidder may have had traffic before.
 */
#include "internal.h"

#include <stdlib.h>
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

/* A number, or a number in a text, which keeps all digits. */
static bool read_count(const struct mb_doc *totals, const char *key, int64_t *out)
{
    const struct mb_doc *node = mb_doc_get(totals, key);

    if (mb_doc_is_string(node)) {
        return mb_slice_to_i64(mb_slice_of(mb_doc_text(node)), out);
    }
    *out = (int64_t)mb_doc_number(node, -1);
    return mb_doc_is_number(node);
}

static int read_totals(struct mb_slice body, struct mb__sim_totals *out, struct mb_error *err)
{
    struct mb_doc *root = NULL;
    const struct mb_doc *totals;
    bool whole;

    if (mb_doc_parse(body, &root, err)) {
        return mb_fail(err, MB_EPROTOCOL, "GET /status", "the answer is not JSON");
    }
    totals = mb_doc_get(root, "totals");
    whole = read_count(totals, "bids", &out->bids) &&
            read_count(totals, "billings", &out->billings) &&
            read_count(totals, "wins", &out->wins) && read_count(totals, "clicks", &out->clicks) &&
            read_count(totals, "spend_nanos", &out->spend_nanos);
    mb_doc_free(root);
    return whole ? 0
                 : mb_fail(err, MB_EPROTOCOL, "GET /status",
                           "totals has not all of bids, billings, wins, clicks, spend_nanos");
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
