/* bidder.c - from bytes to bytes: finds out what a request is and who answers it.
 *
 *     /n/TOKEN            our own notice URLs          notice.c
 *     /k/TOKEN            click redirects              click.c
 *     /c/TOKEN            conversions                  conversion.c
 *     ENDPOINT PATHS      bid requests                 bid.c
 *                         notify and click calls       notice.c
 *     /ready              1 or 0
 *
 * Every request starts with a fresh arena; what is given out points into it or into the buffers here, until the
 * next one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define ALLOW_BOTH MB_SLICE("Allow: GET, HEAD, POST\r\n")

int mb_bidder_new(const struct mb_bidder_options *options, struct mb_bidder **out,
                  struct mb_error *err)
{
    struct mb_bidder *b;

    *out = NULL;
    if (!options->config || !options->guard || !options->keys) {
        return mb_fail(err, MB_EINVAL, "mb_bidder_new", "config, guard and keys are needed");
    }
    b = calloc(1, sizeof(*b));
    if (!b) {
        abort();
    }
    b->options = *options;
    b->untimed = BIDDER_UNTIMED;
    b->totals = options->board ? &options->board->totals : &b->own_totals;
    if (options->board) {
        mb__bidder_random(b, &b->tally_secret, sizeof(b->tally_secret));
    }
    mb_arena_init(&b->arena, BIDDER_ARENA_KEEP);
    mb__bidder_states_init(b);
    *out = b;
    return 0;
}

void mb_bidder_free(struct mb_bidder *b)
{
    if (!b) {
        return;
    }
    mb_generation_free(b->generation);
    mb__bidder_states_fini(b);
    mb_buf_fini(&b->body);
    mb_buf_fini(&b->scratch);
    mb_buf_fini(&b->token_body);
    mb_buf_fini(&b->expanded);
    mb_buf_fini(&b->answer);
    mb_arena_fini(&b->arena);
    free(b);
}

void mb_bidder_take_config(struct mb_bidder *b, const struct mb_config *config,
                           const struct mb_notice_keys *keys, const struct mb_geo *geo)
{
    b->options.config = config;
    b->options.keys = keys;
    b->options.geo = geo;
    b->has_request = false; /* its texts lie in the ones before */
}

/* --- answers --- */

void mb__bidder_refuse(struct mb_bidder *b, struct mb_bidder_out *out, int status, const char *text,
                       long at)
{
    struct mb_json_writer w;

    mb_buf_clear(&b->body);
    mb_json_writer_init(&w, &b->body);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "error");
    mb_jsonw_str(&w, mb_slice_of(text));
    if (at >= 0) {
        mb_jsonw_key(&w, "at");
        mb_jsonw_i64(&w, at);
    }
    mb_jsonw_object_end(&w);
    out->status = status;
    out->content_type = "application/json";
    out->body = mb_buf_slice(&b->body);
    out->kind = "error";
}

void mb__bidder_refuse_error(struct mb_bidder *b, struct mb_bidder_out *out,
                             const struct mb_error *err)
{
    char text[sizeof(err->where) + sizeof(err->what) + 4];

    snprintf(text, sizeof(text), "%s%s%s", err->where, err->where[0] ? ": " : "",
             err->what[0] ? err->what : mb_err_text(err->code));
    mb__bidder_refuse(b, out, 400, text, err->at < 0 ? 0 : err->at);
}

/* `allow`: the header that names the methods of the path. */
static void refuse_method(struct mb_bidder *b, struct mb_bidder_out *out, struct mb_slice allow)
{
    mb__bidder_refuse(b, out, 405, "method not allowed", -1);
    out->extra_headers = allow;
}

void mb__bidder_put_off(struct mb_bidder *b, struct mb_bidder_out *out)
{
    mb__bidder_refuse(b, out, 503, "overloaded", -1);
    out->extra_headers = MB_SLICE("Retry-After: 1\r\n");
    out->kind = "shed";
}

static void answer_ready(struct mb_bidder *b, bool shut, struct mb_bidder_out *out)
{
    const struct mb_strategy *const *strategies;
    size_t count = 0, i, enabled = 0;

    if (b->script) {
        strategies = mb_script_strategies(b->script, &count);
        for (i = 0; i < count; i++) {
            enabled += strategies[i]->enabled;
        }
    }
    out->kind = "ready";
    out->status = 200;
    out->content_type = "text/plain";
    /* "Ready" is a body with the character 1 anywhere, so the other one has none (Xandr, ready request). */
    out->body = enabled > 0 && !shut ? MB_SLICE("1") : MB_SLICE("0");
}

/* --- bid requests --- */

static void hide_email(struct mb_bidder *b, struct mb_user *user)
{
    if (mb_slice_present(user->email) || b->tape) {
        user->email_hash = mb__bidder_email_hash(b, user->email);
        user->email = MB_SLICE_NONE;
    }
}

/* Xandr speaks two protocols; a bidder has one bid URL, and what arrives there says which it is. NULL elsewhere. */
static const struct mb_codec *other_codec(const struct mb_endpoint *endpoint)
{
    if (endpoint->exchange == MB_EXCHANGE_XANDR) {
        return mb_exchange_codec(MB_EXCHANGE_OPENRTB);
    }
    return endpoint->exchange == MB_EXCHANGE_OPENRTB && endpoint->dialect == MB_DIALECT_XANDR
               ? mb_exchange_codec(MB_EXCHANGE_XANDR)
               : NULL;
}

/* *codec becomes the one whose request it is; *err says why the endpoint's own one refused it. */
static int decode(struct mb_bidder *b, const struct mb_wire_in *wire, const struct mb_codec **codec,
                  struct mb_error *err)
{
    const struct mb_codec *other = other_codec(wire->endpoint);
    int rc = (*codec)->decode_request(wire, &b->request, err);

    if (rc == MB_EPROTOCOL && other) {
        memset(&b->request, 0, sizeof(b->request));
        if (other->decode_request(wire, &b->request, NULL) == 0) {
            *codec = other;
            rc = 0;
        }
    }
    b->request.protocol = (*codec)->exchange;
    return rc;
}

/* Some exchanges want to see the version that they sent; what is none does not come back. */
static void echo_version(struct mb_bidder *b, struct mb_slice version, struct mb_bidder_out *out)
{
    size_t i;

    for (i = 0; i < version.len; i++) {
        if (version.data[i] != '.' && (version.data[i] < '0' || version.data[i] > '9')) {
            return;
        }
    }
    if (version.len > 0 && version.len <= 8) {
        out->extra_headers =
            mb_xarena_printf(&b->arena, "x-openrtb-version: %.*s\r\n", MB_SLICE_ARG(version));
    }
}

/* Until the answer has to leave: the exchange has counted since it sent the request, and the way back takes its time. */
static int64_t time_left(const struct mb_bidder_in *in, const struct mb_request *request)
{
    int64_t left_ms = (int64_t)request->timeout_ms - request->endpoint->margin_ms - in->waited_ms;

    return left_ms > 0 ? left_ms : 0;
}

static void answer_bid(struct mb_bidder *b, const struct mb_codec *codec,
                       const struct mb_endpoint *endpoint, const struct mb_bidder_in *in,
                       struct mb_bidder_out *out)
{
    struct mb_wire_in wire = {.endpoint = endpoint,
                              .is_get = in->method == MB_BIDDER_GET,
                              .query = in->query,
                              .body = in->body,
                              .house_currency = b->options.config->currency,
                              .rates = &b->options.config->rates,
                              .now_ms = in->now_ms,
                              .arena = &b->arena,
                              .slips = b->slips};
    struct mb_error err = {.at = -1};

    out->kind = "bid";
    b->totals->requests++;
    memset(&b->request, 0, sizeof(b->request));
    b->request.endpoint = endpoint;
    if (decode(b, &wire, &codec, &err)) {
        b->totals->bad_requests++;
        mb__bidder_refuse_error(b, out, &err);
        return;
    }
    b->has_request = true;
    hide_email(b, &b->request.user);
    mb__bidder_derive_later(b);
    b->deadline_ms = in->now_ms + time_left(in, &b->request);
    mb__bidder_bid(b, codec, in, out);
    if (codec->exchange == MB_EXCHANGE_OPENRTB && !b->options.decides_only) {
        echo_version(b, in->openrtb_version, out);
    }
}

/* --- routing --- */

/* The endpoint whose paths `path` belongs to, and what it asks; codecs compare whole path segments. */
static const struct mb_endpoint *route(const struct mb_bidder *b, struct mb_slice path,
                                       enum mb_wire_path *what)
{
    const struct mb_config *config = b->options.config;
    size_t i;

    for (i = 0; i < config->n_endpoints; i++) {
        const struct mb_endpoint *endpoint = &config->endpoints[i];

        *what = mb_exchange_codec(endpoint->exchange)->path(endpoint, path);
        if (*what != MB_WIRE_UNKNOWN) {
            return endpoint;
        }
    }
    return NULL;
}

static bool is_ready_path(const struct mb_bidder *b, struct mb_slice path)
{
    const struct mb_config *config = b->options.config;
    size_t i;

    if (mb_slice_is(path, "/ready")) {
        return true;
    }
    for (i = 0; i < config->n_endpoints; i++) {
        struct mb_slice prefix = config->endpoints[i].path;

        if (mb_slice_ends(prefix, MB_SLICE("/"))) {
            prefix.len--;
        }
        if (config->endpoints[i].exchange == MB_EXCHANGE_XANDR && mb_slice_starts(path, prefix) &&
            mb_slice_is(mb_slice(path.data + prefix.len, path.len - prefix.len), "/ready")) {
            return true;
        }
    }
    return false;
}

static bool is_own_path(struct mb_slice path)
{
    return mb_slice_starts(path, MB_SLICE("/n/")) || mb_slice_starts(path, MB_SLICE("/k/")) ||
           mb_slice_starts(path, MB_SLICE("/c/"));
}

/* ExoClick's requests come by POST and, as a courtesy, by GET; Xandr's by POST. */
static bool takes_get(const struct mb_endpoint *endpoint)
{
    return endpoint->exchange == MB_EXCHANGE_EXOCLICK;
}

/* An endpoint with a list serves nobody else, nor an address that cannot be read. Where no peer is (try, golden requests, the kit)
 * there is nobody to refuse. */
static bool may_call(const struct mb_endpoint *endpoint, struct mb_slice remote_ip)
{
    struct mb_ip ip;

    return endpoint->allow.count == 0 || !mb_slice_present(remote_ip) ||
           (mb_ip_parse(remote_ip, &ip) && mb_cidrs_contain(endpoint->allow, &ip));
}

static void answer_endpoint(struct mb_bidder *b, const struct mb_endpoint *endpoint,
                            enum mb_wire_path what, const struct mb_bidder_in *in,
                            struct mb_bidder_out *out)
{
    const struct mb_codec *codec = mb_exchange_codec(endpoint->exchange);

    out->endpoint = endpoint;
    if (!may_call(endpoint, in->remote_ip)) {
        mb__bidder_refuse(b, out, 403, "this address may not call here", -1);
    } else if (in->method == MB_BIDDER_OTHER ||
        (in->method == MB_BIDDER_GET && !takes_get(endpoint))) {
        refuse_method(b, out, takes_get(endpoint) ? ALLOW_BOTH : MB_SLICE("Allow: POST\r\n"));
    } else if (what == MB_WIRE_BID) {
        answer_bid(b, codec, endpoint, in, out);
    } else if (in->overloaded && !endpoint->notices_come_once) {
        mb__bidder_put_off(b, out);
    } else {
        mb__bidder_exchange_notice(b, codec, endpoint, what, in, out);
    }
}

void mb_bidder_handle(struct mb_bidder *b, const struct mb_bidder_in *in, struct mb_bidder_out *out)
{
    const struct mb_endpoint *endpoint;
    enum mb_wire_path what = MB_WIRE_UNKNOWN;

    memset(out, 0, sizeof(*out));
    mb_arena_reset(&b->arena);
    mb_buf_clear(&b->body);
    b->decisions = NULL;
    b->n_decisions = b->decisions_size = b->n_candidates = 0;
    if (b->watch) {
        b->traced = (struct mb_trace){0};
    }
    b->has_request = false;
    b->decided = false;
    b->tally_imp = NULL;
    b->tape = in->tape;
    if (b->tape && !b->tape->plays) {
        mb_tape_record(b->tape, &b->arena);
    }
    b->now_ms = in->now_ms;
    b->seed = in->seed;
    out->kind = "error";
    memset(b->slips, 0, sizeof(b->slips));
    out->slips = b->slips;
    endpoint = route(b, in->path, &what);
    if (endpoint) {
        answer_endpoint(b, endpoint, what, in, out);
    } else if (mb_slice_starts(in->path, MB_SLICE("/n/")) && in->method == MB_BIDDER_GET) {
        mb__bidder_own_notice(b, in, out);
    } else if (mb_slice_starts(in->path, MB_SLICE("/k/")) && in->method == MB_BIDDER_GET) {
        mb__bidder_redirect(b, in, out);
    } else if (mb_slice_starts(in->path, MB_SLICE("/c/")) && in->overloaded) {
        mb__bidder_put_off(b, out);
    } else if (mb_slice_starts(in->path, MB_SLICE("/c/")) && in->method == MB_BIDDER_GET) {
        mb__bidder_conversion(b, in, out);
    } else if (is_ready_path(b, in->path) && in->method != MB_BIDDER_OTHER) {
        answer_ready(b, in->draining || in->overloaded || in->busy, out);
    } else if (is_ready_path(b, in->path)) {
        refuse_method(b, out, ALLOW_BOTH);
    } else if (is_own_path(in->path)) {
        refuse_method(b, out, MB_SLICE("Allow: GET, HEAD\r\n"));
    } else {
        mb__bidder_refuse(b, out, 404, "no such path", -1);
    }
}

/* --- what the last request came to --- */

const struct mb_decision *mb_bidder_decisions(const struct mb_bidder *b, size_t *count)
{
    *count = b->n_decisions;
    return b->decisions;
}

const struct mb_request *mb_bidder_request(const struct mb_bidder *b)
{
    return b->has_request ? &b->request : NULL;
}

void mb_bidder_set_trace(struct mb_bidder *b, bool on)
{
    b->trace = on;
}

void mb_bidder_set_watch(struct mb_bidder *b, bool on)
{
    b->watch = b->trace = on;
    b->untimed = on ? 0 : BIDDER_UNTIMED;
    b->traced = (struct mb_trace){0};
    mb__bidder_trace_lines(b);
}

const struct mb_bidder_counts *mb_bidder_totals(const struct mb_bidder *b)
{
    return b->totals;
}
