/* fuzz_exoclick.c - ExoClick's codec: a request in either form, then the answer to it with a bid made of the input.
 *
 *     line 1    "GET" or anything else, a blank, the query
 *     line 2    the bid: a letter for its model, the size of its icon, a blank, the text of most of its fields
 *     line 3    the text of the others
 *     the rest  the body
 *
 * Promises: what is decoded points to memory that is there; an answer with a bid that the check let pass is JSON by our own
 * tokenizer, or XML by the simulated exchange's reader, with the request's id, the texts and the price in it.
 */
#include "fuzz.h"

#include "internal.h" /* of the simulated exchange: its XML reader */
#include "moonbid/exchange.h"

static const struct mb_pair renames[] = {{FUZZ_SLICE("zone"), FUZZ_SLICE("zone_id")},
                                         {FUZZ_SLICE("site"), FUZZ_SLICE("site_id")},
                                         {FUZZ_SLICE("host"), FUZZ_SLICE("src_hostname")}};

static const struct mb_endpoint endpoint = {
    .name = FUZZ_SLICE("exo-eu"),
    .path = FUZZ_SLICE("/exoclick/bid"),
    .exchange = MB_EXCHANGE_EXOCLICK,
    .currency = FUZZ_SLICE("EUR"),
    .rate = {1080000},
    .tokens = {renames, 3},
    .timeout_ms = 300,
    .margin_ms = 50,
};

static struct mb_arena arena;
static struct mb_buf answer;
static uint32_t slips[MB_JSON_SLIP_COUNT];

static void touch_list(struct mb_slices list)
{
    for (size_t i = 0; i < list.count; i++) {
        fuzz_touch(list.items[i]);
    }
}

static void touch_request(const struct mb_request *r)
{
    const struct mb_slice texts[] = {
        r->id,          r->currency,         r->site.id,         r->site.domain,         r->site.page,
        r->site.sub,    r->site.zone_id,     r->device.ip,       r->device.remote_ip,    r->device.ua,
        r->user.id,     r->user.email,       r->device.language, r->device.forwarded_for, r->user.keyword,
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fuzz_touch(texts[i]);
    }
    touch_list(r->site.keywords);
    for (size_t i = 0; i < r->tokens.count; i++) {
        fuzz_touch(r->tokens.items[i].name);
        fuzz_touch(r->tokens.items[i].value);
        FUZZ_HOLDS(!mb_slice_is(r->tokens.items[i].name, "el"));
    }
    FUZZ_HOLDS(r->n_imps == 1 && !mb_slice_empty(r->id));
}

/* The address may be asked for by its field alone. */
static void email_is_not_in_raw(const struct mb_request *r)
{
    struct mb_json_value raw = {r->raw.doc, r->raw.token, r->raw.type};

    if (!r->raw.doc) {
        return;
    }
    for (struct mb_json_value v = mb_json_first(raw); v.type != MB_JSON_NONE; v = mb_json_next(raw, v)) {
        FUZZ_HOLDS(!mb_slice_is(mb_json_key(v), "el") || v.type == MB_JSON_NULL);
    }
}

static struct mb_bid make_bid(const struct mb_request *request, struct mb_slice line, struct mb_slice other,
                              struct mb_icon *icon)
{
    struct mb_slice head = mb_slice_cut(&line, ' ');
    struct mb_slice text = mb_slice_present(line) ? line : head;
    struct mb_price price = {367200};

    if (head.len > 0) {
        price.micros = (int64_t)((uint8_t)head.data[0] - 'a') * 100001;
        (void)mb_size_parse(mb_slice(head.data + 1, head.len - 1), &icon->size);
    }
    icon->url = text;
    return (struct mb_bid){
        .imp = &request->imps[0],
        .model = head.len > 0 ? (enum mb_model)((uint8_t)head.data[0] % MB_MODEL_COUNT) : MB_MODEL_CPM,
        .price = price,
        .price_wire = price,
        .click_url = text,
        .image_url = other,
        .url = text,
        .title = other,
        .description = text,
        .imptracker = other,
        .icons = icon,
        .n_icons = 1,
        .notice_url = MB_SLICE("https://b.example/n/T"),
    };
}

static void check_json(const struct mb_request *request, const struct mb_bid *bid)
{
    struct mb_json doc;
    struct mb_json_value root, at;
    struct mb_price price = {0};

    FUZZ_HOLDS(fuzz_is_json(mb_buf_slice(&answer), &arena, &doc));
    root = mb_json_get(mb_json_root(&doc), MB_SLICE("bid"));
    at = mb_json_get(root, MB_SLICE("id"));
    FUZZ_HOLDS(at.type == MB_JSON_STRING && mb_slice_eq(mb_json_str(at), request->id));
    at = mb_json_get(root, MB_SLICE("value"));
    FUZZ_HOLDS(at.type == MB_JSON_NUMBER && mb_json_price(at, &price) && price.micros == bid->price_wire.micros);
    at = mb_json_get(root, MB_SLICE("clickUrl"));
    FUZZ_HOLDS(at.type == MB_JSON_NONE || mb_slice_eq(mb_json_str(at), bid->click_url));
    at = mb_json_get(root, MB_SLICE("title"));
    FUZZ_HOLDS(at.type == MB_JSON_NONE || mb_slice_eq(mb_json_str(at), bid->title));
}

static void check_field(const struct mb__sim_fields *fields, const char *name, struct mb_slice text)
{
    const struct mb__sim_field *field = mb__sim_field_get(fields, name);

    FUZZ_HOLDS(!field || mb_slice_eq(mb_buf_slice(&field->text), text));
}

static void check_xml(const struct mb_request *request, const struct mb_bid *bid)
{
    struct mb__sim_fields fields = {0};
    const char *wrong = mb__sim_xml_read(mb_buf_slice(&answer), "bid", &fields);

    if (wrong) {
        fprintf(stderr, "%s: %.*s\n", wrong, MB_SLICE_ARG(mb_buf_slice(&answer)));
    }
    FUZZ_HOLDS(!wrong && mb__sim_field_get(&fields, "id"));
    check_field(&fields, "id", request->id);
    check_field(&fields, "clickUrl", bid->click_url);
    check_field(&fields, "title", bid->title);
    mb__sim_fields_fini(&fields);
}

static void check_answer(const struct mb_codec *codec, const struct mb_request *request, struct mb_slice line,
                         struct mb_slice other)
{
    struct mb_icon icon = {0};
    struct mb_bid bid = make_bid(request, line, other, &icon), *bids[] = {&bid};
    struct mb_wire_out out = {.body = &answer};
    const char *field = NULL;
    enum mb_nobid verdict = codec->check_bid(request, &bid, &field);

    FUZZ_HOLDS((verdict == MB_NOBID_BID) == (field == NULL));
    mb_buf_clear(&answer);
    codec->encode_answer(request, bids, verdict == MB_NOBID_BID, &out);
    if (verdict != MB_NOBID_BID) {
        FUZZ_HOLDS(out.status == 204 && answer.len == 0);
        return;
    }
    FUZZ_HOLDS(out.status == 200);
    if (request->answer_form == MB_ANSWER_XML) {
        check_xml(request, &bid);
    } else {
        check_json(request, &bid);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mb_codec *codec = mb_exchange_codec(MB_EXCHANGE_EXOCLICK);
    struct mb_slice input = mb_slice((const char *)data, size);
    struct mb_slice query = fuzz_line(&input), bid = fuzz_line(&input), other = fuzz_line(&input);
    struct mb_slice body = fuzz_exact(input), method = mb_slice_cut(&query, ' ');
    struct mb_error err = {.at = -1};
    struct mb_request request;
    struct mb_wire_in in = {.endpoint = &endpoint,
                            .is_get = mb_slice_is(method, "GET"),
                            .query = query,
                            .body = body,
                            .house_currency = MB_SLICE("USD"),
                            .now_ms = INT64_C(1709633472000),
                            .arena = &arena,
                            .slips = slips};

    if (arena.keep_bytes == 0) {
        mb_arena_init(&arena, 65536);
    }
    mb_arena_reset(&arena);
    if (codec->decode_request(&in, &request, &err)) {
        FUZZ_HOLDS((err.code == MB_ESYNTAX && err.at >= 0 && (size_t)err.at <= body.len) || err.code == MB_EPROTOCOL);
    } else {
        touch_request(&request);
        email_is_not_in_raw(&request);
        check_answer(codec, &request, bid, other);
    }
    free((void *)(uintptr_t)body.data);
    return 0;
}
