/* admin.c - the operator's listener: console, status, metrics, reload, pauses.
 *
 * A browser sends what any page tells it to, also to a listener on loopback: what changes something
 * is refused where the page that asks (Origin) is not ours.
 *
 * A token, where one is configured, is asked for on every path but the console's page, which holds
 * no word of ours: a browser has no way to send a token before the page has asked for one. The token
 * is compared without telling by time how much of it was right.
 */
#include "internal.h"

static void answer(struct mb_http_exchange *exchange, int status, const char *content_type,
                   struct mb_slice body, struct mb_slice extra_headers)
{
    struct mb_http_response response = {.status = status,
                                        .content_type = content_type,
                                        .body = body,
                                        .extra_headers = extra_headers};

    mb_http_respond(exchange, &response);
}

static void refuse(struct mb_http_exchange *exchange, int status, struct mb_slice body,
                   struct mb_slice extra_headers)
{
    answer(exchange, status, "application/json", body, extra_headers);
}

static bool same_secret(struct mb_slice given, struct mb_slice wanted)
{
    unsigned char difference = given.len != wanted.len;
    size_t i;

    for (i = 0; i < given.len; i++) {
        difference |= (unsigned char)(given.data[i] ^ wanted.data[i % wanted.len]);
    }
    return difference == 0;
}

static bool allowed(const struct mb_config *config, const struct mb_http_request *request)
{
    struct mb_slice given = mb_http_header(request, MB_SLICE("authorization"));
    struct mb_slice bearer = MB_SLICE("Bearer ");

    if (!config->admin_token) {
        return true;
    }
    if (!mb_slice_starts(given, bearer)) {
        return false;
    }
    return same_secret(mb_slice(given.data + bearer.len, given.len - bearer.len),
                       mb_slice_of(config->admin_token));
}

/* False for a request that another site's page makes a browser send. */
static bool is_own_page(const struct mb_http_request *request)
{
    struct mb_slice origin = mb_http_header(request, MB_SLICE("origin"));
    struct mb_slice host = mb_http_header(request, MB_SLICE("host"));
    long scheme = mb_slice_find(origin, MB_SLICE("://"));

    if (!mb_slice_present(origin)) {
        return true; /* no browser, or one that asks for a page itself */
    }
    return scheme > 0 && mb_slice_eq_nocase(mb_slice(origin.data + scheme + 3,
                                                     origin.len - (size_t)scheme - 3),
                                            host);
}

static void answer_page(struct mb__worker *worker, struct mb_http_exchange *exchange,
                        const char *content_type,
                        void (*write)(const struct mb__worker *, struct mb_buf *))
{
    struct mb_buf body = {0};

    mb__worker_publish(worker); /* at least our own part is of this moment */
    write(worker, &body);
    answer(exchange, 200, content_type, mb_buf_slice(&body), MB_SLICE_NONE);
    mb_buf_fini(&body);
}

/* --- POST /pause, /resume, /strategies/NAME/pause, /strategies/NAME/resume --- */

struct pausing {
    struct mb_slice strategy; /* absent: all */
    bool paused;
};

static bool parse_pausing(struct mb_slice path, struct pausing *out)
{
    struct mb_slice rest = path, word;

    *out = (struct pausing){0};
    (void)mb_slice_cut(&rest, '/');
    word = mb_slice_cut(&rest, '/');
    if (mb_slice_is(word, "strategies")) {
        out->strategy = mb_slice_cut(&rest, '/');
        word = mb_slice_cut(&rest, '/');
        if (mb_slice_empty(out->strategy)) {
            return false;
        }
    }
    out->paused = mb_slice_is(word, "pause");
    return !mb_slice_present(rest) && (out->paused || mb_slice_is(word, "resume"));
}

/* The file is written before the answer: who reads "paused" may pull the plug. */
static void pause_or_resume(struct mb__worker *worker, struct mb_http_exchange *exchange,
                            const struct pausing *wanted)
{
    struct mb_guard *guard = worker->parts.guard;
    const struct mb_script *script = mb_bidder_script(worker->bidder);
    const struct mb_strategy *strategy;
    struct mb_error err = {.at = -1};

    if (!mb_slice_present(wanted->strategy)) {
        mb_guard_pause_all(guard, wanted->paused);
    } else if ((strategy = mb_script_strategy(script, wanted->strategy))) {
        mb_guard_pause(guard, strategy->guard_slot, wanted->paused);
    } else {
        refuse(exchange, 404, MB_SLICE("{\"error\":\"no such strategy\"}"), MB_SLICE_NONE);
        return;
    }
    mb_log(MB_LOG_INFO, "process", wanted->paused ? "paused" : "resumed", "strategy=%.*s",
           MB_SLICE_ARG(mb_slice_present(wanted->strategy) ? wanted->strategy : MB_SLICE("*")));
    if (mb__pauses_write(guard, worker->config->data, &err)) {
        mb_log(MB_LOG_ERROR, "process", "a pause is not written down and ends with this run",
               "where=%s error=%s", err.where, err.what);
        refuse(exchange, 500, MB_SLICE("{\"error\":\"done, but not written down\"}"), MB_SLICE_NONE);
        return;
    }
    answer(exchange, 200, "application/json",
           wanted->paused ? MB_SLICE("{\"outcome\":\"paused\"}") : MB_SLICE("{\"outcome\":\"resumed\"}"),
           MB_SLICE_NONE);
}

void mb__admin_handle(void *user, struct mb_http_exchange *exchange,
                      const struct mb_http_request *request)
{
    struct mb__worker *worker = user;
    bool get = request->method == MB_HTTP_GET || request->method == MB_HTTP_HEAD;
    bool status = mb_slice_is(request->path, "/status");
    bool metrics = mb_slice_is(request->path, "/metrics");
    bool reload = mb_slice_is(request->path, "/reload");
    struct pausing wanted;
    bool pausing = parse_pausing(request->path, &wanted);

    if (get && mb_slice_is(request->path, "/")) {
        answer(exchange, 200, "text/html; charset=utf-8", mb__console_page(),
               MB_SLICE("Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "
                        "style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'\r\n"));
    } else if (!allowed(worker->config, request)) {
        refuse(exchange, 401, MB_SLICE("{\"error\":\"admin_token needed\"}"),
               MB_SLICE("WWW-Authenticate: Bearer\r\n"));
    } else if (request->method == MB_HTTP_POST && !is_own_page(request)) {
        refuse(exchange, 403, MB_SLICE("{\"error\":\"asked by another site's page\"}"),
               MB_SLICE_NONE);
    } else if (status && get) {
        answer_page(worker, exchange, "application/json", mb__pages_status);
    } else if (metrics && get) {
        answer_page(worker, exchange, "text/plain; version=0.0.4", mb__pages_metrics);
    } else if (reload && request->method == MB_HTTP_POST) {
        mb_http_defer(exchange);
        mb__reload_ask(worker, exchange);
    } else if (pausing && request->method == MB_HTTP_POST) {
        pause_or_resume(worker, exchange, &wanted);
    } else if (status || metrics || reload || pausing) {
        refuse(exchange, 405, MB_SLICE("{\"error\":\"method not allowed\"}"),
               reload || pausing ? MB_SLICE("Allow: POST\r\n") : MB_SLICE("Allow: GET, HEAD\r\n"));
    } else {
        refuse(exchange, 404, MB_SLICE("{\"error\":\"no such path\"}"), MB_SLICE_NONE);
    }
}
