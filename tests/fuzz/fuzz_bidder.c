/* fuzz_bidder.c - a request from bytes to bytes: the whole bidder with strategies loaded (scripts/strategies/echo.lua).
 *
 *     line 1    method, a blank, the target
 *     the rest  the body
 *
 * "$B" and "$W" in both stand for a token that we signed, for a billing URL and for Xandr's custom_notify_data; "$O" for one whose
 * endpoint is no more; "$C" for one of a conversion, "$L" for a whole click URL below our base.
 *
 * Promises: the status is one of ours; a refusal says why; only a notice has events, only an attributed one books, and never more
 * than the bid; and every token that goes out with an answer comes back as this bid's event, whole, but not for another auction.
 */
#include "fuzz.h"

#include "moonbid/bidder.h"
#include "moonbid/exchange.h"

#define NOW_MS INT64_C(1772442000000)

static struct mb_config *config;
static struct mb_guard *guard;
static struct mb_notice_keys *keys;
static struct mb_bidder *bidder;
static struct mb_arena arena;
static struct mb_buf target, body, answer, notice;

/* --- set up --- */

/* The default ones, and OpenRTB as ExoClick speaks it. */
static void add_exoclick_dialect(void)
{
    static struct mb_endpoint endpoints[8];
    size_t count = config->n_endpoints;

    FUZZ_HOLDS(count + 1 <= sizeof(endpoints) / sizeof(endpoints[0]));
    memcpy(endpoints, config->endpoints, count * sizeof(*endpoints));
    endpoints[count] = endpoints[count - 1];
    endpoints[count].name = MB_SLICE("exoclick-rtb");
    endpoints[count].path = MB_SLICE("/exoclick/openrtb");
    endpoints[count].exchange = MB_EXCHANGE_OPENRTB;
    endpoints[count].dialect = MB_DIALECT_EXOCLICK;
    endpoints[count].index = (uint32_t)count;
    config->endpoints = endpoints;
    config->n_endpoints = count + 1;
}

static void drop_line(void *user, enum mb_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    fuzz_touch(mb_slice(line, len));
}

static struct mb_script *load(void)
{
    struct mb_script_options options = {.dir = SOURCE_DIR "/tests/fuzz/scripts",
                                        .endpoints = config->endpoints,
                                        .n_endpoints = config->n_endpoints,
                                        .guard = guard};
    struct mb_script_report report = {0};
    struct mb_script *script = NULL;
    int rc = mb_script_load(&options, &script, &report);

    for (size_t i = 0; i < report.count; i++) {
        fprintf(stderr, "%s:%d: %s\n", report.problems[i].file, report.problems[i].line, report.problems[i].text);
    }
    FUZZ_HOLDS(rc == 0);
    mb_script_report_fini(&report);
    return script;
}

static void set_up(void)
{
    static const uint8_t key[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    struct mb_guard_options in_memory = {.counters_max = 4096, .frequency_max = 4096};
    struct mb_bidder_options options = {0};
    struct mb_error err;

    mb_log_redirect(drop_line, NULL);
    mb_arena_init(&arena, 65536);
    keys = mb_xnotice_keys_new();
    FUZZ_HOLDS(mb_notice_keys_add(keys, key) == 0);
    FUZZ_HOLDS(mb_guard_open(&in_memory, &guard, &err) == 0);
    config = mb_xconfig_default();
    add_exoclick_dialect();
    options.config = config;
    options.guard = guard;
    options.keys = keys;
    FUZZ_HOLDS(mb_bidder_new(&options, &bidder, &err) == 0);
    (void)mb_bidder_take_script(bidder, load());
}

/* --- tokens in the input --- */

static void add_token(struct mb_buf *out, char letter)
{
    static struct mb_buf fields;
    struct mb_notice n = {.bid_id = "a bid's own id",
                          .strategy = MB_SLICE("echo_xandr"),
                          .endpoint = letter == 'W' ? MB_SLICE("xandr") : MB_SLICE("exoclick"),
                          .auction_id = MB_SLICE("7"),
                          .price = {2500000},
                          .model = MB_MODEL_CPM,
                          .bid_time_ms = NOW_MS - 1000,
                          .frequency_key = 17,
                          .per_key = 18};

    if (letter == 'O') {
        n.endpoint = MB_SLICE("gone");
    }
    mb_buf_clear(&fields);
    FUZZ_HOLDS(mb_notice_encode(&n, &fields) == 0);
    mb_notice_sign(keys,
                   letter == 'W'   ? MB_EVENT_WIN
                   : letter == 'K' ? MB_EVENT_CLICK
                   : letter == 'C' ? MB_EVENT_CONVERSION
                                   : MB_EVENT_BILLING,
                   mb_buf_slice(&fields), out);
}

/* /k/TOKEN with its seal, for a page with macros of the exchange. */
static void add_click(struct mb_buf *out)
{
    static const struct mb_slice page = FUZZ_SLICE("https://go.example/?p=${AUCTION_PRICE}&e={email_encoded}");
    char seal[MB_NOTICE_SEAL_CHARS];
    size_t at = out->len + strlen("/k/");
    struct mb_slice click;

    mb_xbuf_add_text(out, "/k/");
    add_token(out, 'K');
    click = mb_slice(out->data + at, out->len - at);
    mb_notice_seal(keys, click, page, seal);
    mb_xbuf_add_text(out, "?s=");
    mb_xbuf_add(out, seal, sizeof(seal));
    mb_xbuf_add_text(out, "&u=");
    mb_xbuf_add_urlencoded(out, page);
}

static void put_tokens(struct mb_buf *out, struct mb_slice text)
{
    size_t tokens = 0;

    mb_buf_clear(out);
    mb_xbuf_reserve(out, 1);
    for (size_t i = 0; i < text.len; i++) {
        char next = i + 1 < text.len ? text.data[i + 1] : ' ';

        if (text.data[i] == '$' && strchr("BWOCL", next) && next != '\0' && tokens++ < 100) {
            next == 'L' ? add_click(out) : add_token(out, next);
            i++;
        } else {
            mb_xbuf_add_char(out, text.data[i]);
        }
    }
}

/* --- what must hold of every answer --- */

static void check_refusal(const struct mb_bidder_out *out)
{
    struct mb_json doc;

    FUZZ_HOLDS(out->content_type && strcmp(out->content_type, "application/json") == 0);
    FUZZ_HOLDS(fuzz_is_json(out->body, &arena, &doc));
    FUZZ_HOLDS(mb_json_get(mb_json_root(&doc), MB_SLICE("error")).type == MB_JSON_STRING);
    FUZZ_HOLDS(out->n_events == 0);
}

static void check_event(const struct mb_event *e)
{
    int64_t most = e->model == MB_MODEL_CPM ? e->price_bid.micros : e->price_bid.micros * 1000;

    FUZZ_HOLDS(e->type > MB_EVENT_NONE && e->type < MB_EVENT_COUNT);
    FUZZ_HOLDS(e->key.len > 0 && e->key.len <= 160);
    FUZZ_HOLDS(e->attributed == (e->strategy.len > 0) && e->attributed == (e->bid_id.len > 0));
    FUZZ_HOLDS(!e->books || (e->attributed && !e->test));
    FUZZ_HOLDS(e->books ? e->cost.nanos >= 0 && e->cost.nanos <= most : e->cost.nanos == 0);
    fuzz_touch(e->key);
    fuzz_touch(e->data);
    fuzz_touch(e->custom_data);
}

/* Nothing that a stranger said may begin a header of its own. */
static void check_headers(struct mb_slice headers)
{
    while (headers.len > 0) {
        struct mb_slice line = mb_slice_cut(&headers, '\n');

        FUZZ_HOLDS(mb_slice_present(headers) && mb_slice_find_char(line, '\r') == (long)line.len - 1);
        FUZZ_HOLDS(mb_slice_starts(line, MB_SLICE("Location: ")) || mb_slice_starts(line, MB_SLICE("Allow: ")));
        for (size_t i = 0; i + 1 < line.len; i++) {
            FUZZ_HOLDS(line.data[i] >= ' ' && line.data[i] < 0x7f);
        }
    }
}

static void check_answer(const struct mb_bidder_out *out)
{
    bool is_redirect = out->status == 302; /* of an endpoint that is no more, it has no event */
    bool is_notice = strcmp(out->kind, "notice") == 0 || strcmp(out->kind, "notify") == 0 ||
                     strcmp(out->kind, "click") == 0 || strcmp(out->kind, "conversion") == 0;

    FUZZ_HOLDS(out->status == 200 || out->status == 204 || is_redirect || out->status == 400 ||
               out->status == 404 || out->status == 405);
    FUZZ_HOLDS(!is_redirect || mb_slice_starts(out->extra_headers, MB_SLICE("Location: https://go.example/")));
    check_headers(out->extra_headers);
    FUZZ_HOLDS(out->n_events == 0 || (is_notice && (out->status == 200 || is_redirect)));
    FUZZ_HOLDS(out->n_events <= MB_WIRE_EVENTS_MAX);
    FUZZ_HOLDS(!is_notice || is_redirect || out->n_events > 0);
    FUZZ_HOLDS(out->status != 204 || mb_slice_empty(out->body));
    fuzz_touch(out->body);
    if (out->status >= 400) {
        check_refusal(out);
    }
    for (size_t i = 0; i < out->n_events; i++) {
        check_event(&out->events[i]);
    }
}

/* As the process does: once for what is new, once more for the repeat. */
static void settle(const struct mb_bidder_out *out)
{
    for (size_t i = 0; i < out->n_events; i++) {
        struct mb_event *copy = mb_xevent_clone(&out->events[i]);

        mb_bidder_settle(bidder, copy, false, NOW_MS);
        mb_bidder_settle(bidder, copy, true, NOW_MS);
        free(copy);
    }
}

static void ask(enum mb_bidder_method method, struct mb_slice path, struct mb_slice text, struct mb_bidder_out *out)
{
    struct mb_bidder_in in = {.method = method,
                              .body = text,
                              .remote_ip = MB_SLICE("192.0.2.1"),
                              .now_ms = NOW_MS,
                              .seed = 7};

    in.path = mb_slice_cut(&path, '?');
    in.query = path;
    mb_bidder_handle(bidder, &in, out);
    check_answer(out);
}

/* --- what goes out comes back --- */

static void follow_notice_url(struct mb_slice url)
{
    struct mb_bidder_out out;
    size_t base = config->notice_url.len;

    FUZZ_HOLDS(mb_slice_starts(url, config->notice_url));
    ask(MB_BIDDER_GET, mb_slice(url.data + base, url.len - base), MB_SLICE_NONE, &out);
    FUZZ_HOLDS(out.status == 200 && out.n_events == 1);
    FUZZ_HOLDS(out.events[0].attributed && out.events[0].type == MB_EVENT_BILLING);
    settle(&out);
}

/* The exchange fills its macros in; here each notice comes with all of them. */
static void follow_openrtb(struct mb_json_value bid)
{
    static const struct {
        const char *key;
        enum mb_event_type type;
    } rows[] = {{"nurl", MB_EVENT_WIN}, {"burl", MB_EVENT_BILLING}, {"lurl", MB_EVENT_LOSS}};
    struct mb_bidder_out out;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mb_slice url = mb_json_str(mb_json_get(bid, mb_slice_of(rows[i].key)));
        struct mb_slice path = mb_slice_cut(&url, '?');

        FUZZ_HOLDS(mb_slice_starts(path, config->notice_url) && mb_slice_find(url, MB_SLICE("${AUCTION_")) > 0);
        mb_buf_clear(&notice);
        mb_xbuf_add(&notice, path.data + config->notice_url.len, path.len - config->notice_url.len);
        mb_xbuf_add_text(&notice, "?p=0.25&c=USD&l=102&m=2");
        ask(MB_BIDDER_GET, mb_buf_slice(&notice), MB_SLICE_NONE, &out);
        FUZZ_HOLDS(out.status == 200 && out.n_events == 1);
        FUZZ_HOLDS(out.events[0].attributed && out.events[0].type == rows[i].type);
        settle(&out);
    }
}

/* Only strategies with track_clicks have wrapped pages. */
static void follow_click(struct mb_slice url)
{
    struct mb_bidder_out out;
    struct mb_slice path = mb_slice(url.data + config->notice_url.len, url.len - config->notice_url.len);

    FUZZ_HOLDS(mb_slice_starts(url, config->notice_url) && mb_slice_starts(path, MB_SLICE("/k/")));
    ask(MB_BIDDER_GET, path, MB_SLICE_NONE, &out);
    FUZZ_HOLDS(out.status == 302 && out.n_events == 1 && out.events[0].attributed);
    settle(&out);
}

static void write_notify(struct mb_slice auction_id, struct mb_slice custom_data)
{
    struct mb_json_writer w;

    mb_buf_clear(&notice);
    mb_json_writer_init(&w, &notice);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "notify_request");
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "tags");
    mb_jsonw_array(&w);
    mb_jsonw_object(&w);
    mb_jsonw_key(&w, "notify_type");
    mb_jsonw_str(&w, MB_SLICE("won"));
    mb_jsonw_key(&w, "auction_id_64");
    mb_jsonw_id(&w, auction_id);
    mb_jsonw_key(&w, "custom_notify_data");
    mb_jsonw_str(&w, custom_data);
    mb_jsonw_object_end(&w);
    mb_jsonw_array_end(&w);
    mb_jsonw_object_end(&w);
    mb_jsonw_object_end(&w);
}

static void send_notify(struct mb_slice auction_id, struct mb_slice custom_data, bool is_ours)
{
    struct mb_slice own = custom_data;
    struct mb_bidder_out out;

    (void)mb_slice_cut(&own, '.');
    write_notify(auction_id, custom_data);
    ask(MB_BIDDER_POST, MB_SLICE("/xandr/notify"), mb_buf_slice(&notice), &out);
    FUZZ_HOLDS(out.status == 200 && out.n_events == 1);
    FUZZ_HOLDS(out.events[0].attributed == is_ours);
    if (is_ours) {
        FUZZ_HOLDS(mb_slice_eq(out.events[0].custom_data, own));
        settle(&out);
    }
}

/* Did a strategy want this text to come back? Asked while its decisions live. */
static bool is_own_text(struct mb_slice custom_data)
{
    struct mb_slice own = custom_data;
    size_t count;
    const struct mb_decision *decisions = mb_bidder_decisions(bidder, &count);

    (void)mb_slice_cut(&own, '.');
    for (size_t i = 0; i < count; i++) {
        if (decisions[i].outcome == MB_NOBID_BID && mb_slice_eq(decisions[i].bid->custom_notify_data, own)) {
            return true;
        }
    }
    return false;
}

/* Ids beyond 64 bytes are cut in tokens, and the exchange's have 19 digits. */
static void follow_xandr(struct mb_json_value response)
{
    struct mb_slice token = mb_json_str(mb_json_get(response, MB_SLICE("custom_notify_data")));
    struct mb_slice auction_id = mb_json_id(mb_json_get(response, MB_SLICE("auction_id_64")));

    FUZZ_HOLDS(token.len > 0 && auction_id.len > 0);
    if (auction_id.len <= 64 && !mb_slice_is(auction_id, "4242")) {
        send_notify(auction_id, token, true);
        send_notify(MB_SLICE("4242"), token, false);
    }
}

static void follow_seats(struct mb_json_value seats)
{
    for (struct mb_json_value s = mb_json_first(seats); s.type != MB_JSON_NONE; s = mb_json_next(seats, s)) {
        struct mb_json_value list = mb_json_get(s, MB_SLICE("bid"));

        for (struct mb_json_value at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
            follow_openrtb(at);
        }
    }
}

/* The answer's bytes die with the next request. */
static void follow_bid(const struct mb_bidder_out *out)
{
    struct mb_json doc;
    struct mb_json_value root, list, url, page;

    mb_buf_clear(&answer);
    mb_xbuf_add_slice(&answer, out->body);
    if (!out->content_type || strcmp(out->content_type, "application/json") != 0) {
        return;
    }
    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&answer), &arena, &doc));
    root = mb_json_root(&doc);
    url = mb_json_get(mb_json_get(root, MB_SLICE("bid")), MB_SLICE("bUrl"));
    if (url.type != MB_JSON_NONE) {
        follow_notice_url(mb_json_str(url));
    }
    page = mb_json_get(mb_json_get(root, MB_SLICE("bid")), MB_SLICE("clickUrl"));
    if (mb_slice_starts(mb_json_str(page), config->notice_url)) { /* a page too long is not wrapped */
        follow_click(mb_json_str(page));
    }
    follow_seats(mb_json_get(root, MB_SLICE("seatbid")));
    list = mb_json_get(mb_json_get(root, MB_SLICE("bid_response")), MB_SLICE("responses"));
    for (struct mb_json_value at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
        FUZZ_HOLDS(is_own_text(mb_json_str(mb_json_get(at, MB_SLICE("custom_notify_data")))));
    }
    for (struct mb_json_value at = mb_json_first(list); at.type != MB_JSON_NONE; at = mb_json_next(list, at)) {
        follow_xandr(at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mb_slice input = mb_slice((const char *)data, size);
    struct mb_slice line = fuzz_line(&input), method = mb_slice_cut(&line, ' ');
    struct mb_bidder_out out;

    if (!bidder) {
        set_up();
    }
    mb_arena_reset(&arena);
    put_tokens(&target, line);
    put_tokens(&body, input);
    mb_bidder_set_trace(bidder, mb_slice_is(method, "TRACE"));
    ask(mb_slice_is(method, "GET")     ? MB_BIDDER_GET
        : mb_slice_is(method, "OTHER") ? MB_BIDDER_OTHER
                                       : MB_BIDDER_POST,
        mb_buf_slice(&target), mb_buf_slice(&body), &out);
    settle(&out);
    if (out.status == 200 && strcmp(out.kind, "bid") == 0) {
        follow_bid(&out);
    }
    return 0;
}
