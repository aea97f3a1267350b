/* A request in which one field has the wrong type, is gone, or stands twice.
 *
 * Each member and each element of each document is replaced in turn by each value of a list. What comes out must be the
 * very request that comes out without the member, or with the value that the sender can have meant (12 for "12", one
 * element for an array of one): no half of a field, no default from elsewhere, and no refusal unless the document is
 * refused without the member as well, since then it was needed. With the request goes the answer that a bid on each
 * impression gets, for players and native assets are read from the document when there is a bid. A member that stands twice counts as its first. A value
 * of the type that the document had is simply another value: it only must not refuse what is not needed.
 *
 * The documents are the public test material, where it is there, and one of each protocol with every field that its
 * codec reads, in all the places it may stand.
 */
#include "wire_kit.h"

static const struct mb_rate_of rate_rows[] = {{KIT_SLICE("USD"), {1000000}}, {KIT_SLICE("EUR"), {1080000}}};
static const struct mb_rates rates = {rate_rows, 2};

#define ENDPOINT(exchange_, dialect_)                                                                                  \
    {                                                                                                                  \
        .name = KIT_SLICE("e"), .path = KIT_SLICE("/e"), .exchange = exchange_, .dialect = dialect_,                   \
        .currency = KIT_SLICE("USD"), .rate = {1000000}, .timeout_ms = 300,                                            \
    }

static const struct mb_endpoint flat = ENDPOINT(MB_EXCHANGE_EXOCLICK, MB_DIALECT_GENERIC);
static const struct mb_endpoint generic = ENDPOINT(MB_EXCHANGE_OPENRTB, MB_DIALECT_GENERIC);
static const struct mb_endpoint exoclick = ENDPOINT(MB_EXCHANGE_OPENRTB, MB_DIALECT_EXOCLICK);
static const struct mb_endpoint xandr = ENDPOINT(MB_EXCHANGE_XANDR, MB_DIALECT_XANDR);

/* --- what replaces a value, and what it can mean --- */

/* `meant` ends with NULL; besides, a value may mean an array of itself, or an object with that id. */
static const struct {
    const char *json;
    const char *meant[4];
} values[] = {
    {"null", {NULL}},
    {"true", {"1", NULL}},
    {"false", {"0", NULL}},
    {"0", {"false", "\"0\"", NULL}},
    {"-1", {"\"-1\"", NULL}},
    {"1.5", {"1", "\"1.5\"", NULL}},
    {"\"\"", {NULL}},
    {"\"12\"", {"12", NULL}},
    {"\"x\"", {NULL}},
    {"[]", {"\"[]\"", NULL}}, /* a document, where exchanges send documents as text */
    {"[1]", {"\"1\"", "\"[1]\"", NULL}},
    {"{}", {"\"{}\"", NULL}},
    {"{\"a\":1}", {"\"{\\\"a\\\":1}\"", NULL}},
};

enum { VALUES = sizeof values / sizeof values[0] };

static char type_class(char first)
{
    return first == '-' || (first >= '0' && first <= '9') ? '0' : first == 'f' ? 't' : first;
}

/* --- documents, cut and put together --- */

struct place {
    struct mb_slice text;      /* the whole document */
    size_t start, end;         /* of the value, quotes included */
    size_t key;                /* of its key's first quote; `start` in an array */
};

static void splice(struct mb_buf *out, const struct place *at, size_t from, size_t to, const char *put)
{
    mb_buf_clear(out);
    mb_xbuf_add(out, at->text.data, from);
    mb_xbuf_add_text(out, put);
    mb_xbuf_add(out, at->text.data + to, at->text.len - to);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* With the comma behind it, else the one before it. */
static void write_removed(struct mb_buf *out, const struct place *at)
{
    size_t from = at->key, to = at->end;
    while (is_blank(at->text.data[to])) {
        to++;
    }
    if (at->text.data[to] == ',') {
        to++;
    } else {
        while (is_blank(at->text.data[from - 1])) {
            from--;
        }
        from -= at->text.data[from - 1] == ',';
    }
    splice(out, at, from, to, "");
}

static void write_replaced(struct mb_buf *out, const struct place *at, const char *json)
{
    splice(out, at, at->start, at->end, json);
}

/* The member once more behind itself, with this value. */
static void write_twice(struct mb_buf *out, const struct place *at, const char *json)
{
    char again[512];
    int key_bytes = (int)(at->start - at->key);
    snprintf(again, sizeof again, ",%.*s%s", key_bytes, at->text.data + at->key, json);
    splice(out, at, at->end, at->end, again);
}

/* --- what comes out --- */

struct subject {
    const char *name;
    const struct mb_endpoint *endpoint;
    enum mb_exchange protocol;
    enum mb_wire_path path; /* a bid request, or which kind of notice */
    struct mb_slice text;
    struct mb_buf mutant, got, plain, absent, meant; /* reused throughout */
    uint32_t texts_for_numbers, texts_for_bools; /* slips of the document as it stands */
    size_t checked;
};

/* What any format of any exchange asks for. */
static struct mb_bid bid_on(const struct mb_imp *imp)
{
    static const struct mb_icon icon = {.url = KIT_SLICE("https://c.example/i.png")};
    return (struct mb_bid){
        .imp = imp,
        .id = MB_SLICE("b"),
        .model = imp->format == MB_FORMAT_EMAIL_CLICK ? MB_MODEL_CPC : MB_MODEL_CPM,
        .price = {1500000},
        .price_wire = {1500000},
        .ecpm = {1500000},
        .title = MB_SLICE("T"),
        .description = MB_SLICE("D"),
        .image_url = MB_SLICE("https://c.example/b.jpg"),
        .click_url = MB_SLICE("https://go.example/"),
        .url = MB_SLICE("https://go.example/"),
        .icons = &icon,
        .n_icons = 1,
        .creative_id = MB_SLICE("71"),
        .duration_s = 15,
        .vast_table = MB_SLICE("{\"title\":\"T\",\"duration\":\"15s\",\"media\":[{\"url\":\"https://c.example/f.mp4\","
                               "\"type\":\"video/mp4\",\"width\":640,\"height\":480,\"bitrate\":800}],"
                               "\"impression\":\"https://t.example/\"}"),
    };
}

/* Whether the exchange would take the bid; if it asks for a seat or deal, with the first that it offers. */
static bool is_taken(const struct mb_codec *codec, const struct mb_request *request, struct mb_bid *bid,
                     const char **field)
{
    for (int i = 0; i < 3; i++) {
        if (codec->check_bid(request, bid, field) == MB_NOBID_BID) {
            return true;
        }
        if (*field && strcmp(*field, "seat") == 0 && request->seats.count > 0) {
            bid->seat = request->seats.items[0];
        } else if (*field && strcmp(*field, "deal_id") == 0 && bid->imp->deals.count > 0) {
            bid->deal_id = bid->imp->deals.items[0];
        }
    }
    return false;
}

/* The answer with a bid on each impression alone, or the member of the bid that would be refused. */
static void dump_answers(struct mb_buf *out, const struct mb_codec *codec, const struct mb_request *request)
{
    struct mb_buf scratch = {0};
    for (size_t i = 0; i < request->n_imps; i++) {
        const char *field = NULL;
        struct mb_bid bid = bid_on(&request->imps[i]), *bids[] = {&bid};
        struct mb_wire_out wire = {.body = out, .scratch = &scratch};
        if (bid.imp->format == MB_FORMAT_NONE) {
            continue;
        }
        mb_xbuf_printf(out, "answer %zu=", i);
        if (is_taken(codec, request, &bid, &field)) {
            codec->encode_answer(request, bids, 1, &wire);
        } else {
            mb_xbuf_printf(out, "refused for %s", field ? field : "its price");
        }
        mb_xbuf_add_char(out, '\n');
    }
    mb_buf_fini(&scratch);
}

/* With what was converted for the answers, after the endpoint's counters were raised. */
static void count_all(const struct mb_request *request)
{
    for (size_t i = 0; request->raw.doc && i < MB_JSON_SLIP_COUNT; i++) {
        kit_slips[i] = request->raw.doc->slips[i];
    }
}

/* The normalised request and what it is answered. */
static int dump_request(struct subject *s, const struct mb_wire_in *in, struct mb_error *err, struct mb_buf *out)
{
    struct mb_request request = {0};
    const struct mb_codec *codec = mb_exchange_codec(s->protocol);
    int rc = codec->decode_request(in, &request, err);
    if (rc == 0) {
        kit_dump_request(out, &request);
        dump_answers(out, codec, &request);
        count_all(&request);
    }
    return rc;
}

/* A document that goes through as it is: that it was found is what there is to say. */
static void shorten(struct mb_slice *document)
{
    document->len = document->len > 0;
}

/* What a notice tells. */
static int dump_notice(struct subject *s, const struct mb_wire_in *in, struct mb_error *err, struct mb_buf *out)
{
    struct mb_event *events = NULL;
    size_t count = 0;
    int rc = mb_exchange_codec(s->protocol)->decode_notice(in, s->path, &events, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        shorten(&events[i].tags);
        shorten(&events[i].responses);
        shorten(&events[i].bid_info);
        shorten(&events[i].full_tag_info);
        kit_dump_event(out, &events[i]);
    }
    return rc;
}

/* What comes out as text, or "refused"; anything else fails. */
static struct mb_slice outcome(struct subject *s, struct mb_slice text, struct mb_buf *out)
{
    struct mb_error err = {0};
    struct mb_wire_in in = kit_post(s->endpoint, NULL, text);
    in.rates = &rates;
    memset(kit_slips, 0, sizeof kit_slips);
    mb_buf_clear(out);
    int rc = s->path == MB_WIRE_BID ? dump_request(s, &in, &err, out) : dump_notice(s, &in, &err, out);
    if (rc != 0 && rc != MB_EPROTOCOL) {
        fail_msg("%s: %s %s\n%.*s", s->name, mb_err_name(rc), err.what, MB_SLICE_ARG(text));
    }
    if (rc != 0) {
        mb_buf_clear(out);
        mb_xbuf_add_text(out, "refused");
    }
    mb_arena_reset(&kit_arena);
    s->checked++;
    return mb_buf_slice(out);
}

static bool is_refused(struct mb_slice dump)
{
    return mb_slice_is(dump, "refused");
}

static void complain(struct subject *s, const char *promise, struct mb_slice want)
{
    /* Not as the message, which cmocka cuts. */
    fprintf(stderr, "--- document\n%.*s\n--- got\n%.*s\n--- wanted\n%.*s\n", MB_SLICE_ARG(mb_buf_slice(&s->mutant)),
            MB_SLICE_ARG(mb_buf_slice(&s->got)), MB_SLICE_ARG(want));
    fail_msg("%s: %s", s->name, promise);
}

/* What is meant has the type that the document had. */
static bool comes_out_as(struct subject *s, const struct place *at, const char *json)
{
    if (type_class(json[0]) != type_class(at->text.data[at->start])) {
        return false;
    }
    struct mb_buf copy = {0};
    write_replaced(&copy, at, json);
    struct mb_slice meant = outcome(s, mb_buf_slice(&copy), &s->meant);
    mb_buf_fini(&copy);
    return mb_slice_eq(meant, mb_buf_slice(&s->got));
}

static bool is_meant(struct subject *s, const struct place *at, size_t value)
{
    static const char *const wraps[] = {"[%s]", "{\"id\":%s}", "[{\"id\":%s}]"};
    char wrapped[64];
    for (size_t i = 0; values[value].meant[i]; i++) {
        if (comes_out_as(s, at, values[value].meant[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        const char *wrap = wraps[i], *place = strstr(wrap, "%s");
        snprintf(wrapped, sizeof wrapped, "%.*s%s%s", (int)(place - wrap), wrap, values[value].json, place + 2);
        if (comes_out_as(s, at, wrapped)) {
            return true;
        }
    }
    return false;
}

/* True where a text is as good as the number: an id. Texts of numbers that are none are slips. */
static bool is_id(struct subject *s, const struct place *at)
{
    char text[64];
    snprintf(text, sizeof text, "\"%.*s\"", (int)(at->end - at->start), at->text.data + at->start);
    struct mb_buf copy = {0};
    write_replaced(&copy, at, text);
    bool same = mb_slice_eq(outcome(s, mb_buf_slice(&copy), &s->meant), mb_buf_slice(&s->plain));
    mb_buf_fini(&copy);
    return same && kit_slips[MB_JSON_SLIP_STRING_FOR_NUMBER] == s->texts_for_numbers &&
           kit_slips[MB_JSON_SLIP_STRING_FOR_BOOL] == s->texts_for_bools;
}

/* --- one field --- */

static void check_value(struct subject *s, const struct place *at, size_t value)
{
    char had = type_class(at->text.data[at->start]), has = type_class(values[value].json[0]);
    struct mb_slice absent = mb_buf_slice(&s->absent);
    write_replaced(&s->mutant, at, values[value].json);
    struct mb_slice got = outcome(s, mb_buf_slice(&s->mutant), &s->got);
    uint32_t as_array = kit_slips[MB_JSON_SLIP_SCALAR_FOR_ARRAY], as_text = kit_slips[MB_JSON_SLIP_NUMBER_FOR_STRING];
    if (is_refused(got) && !is_refused(absent)) {
        complain(s, "refused for a field that is not needed", absent);
    }
    if (had == has || had == 'n' || mb_slice_eq(got, absent)) {
        return;
    }
    if (!is_meant(s, at, value) && !(had == '0' && has == '"' && is_id(s, at))) {
        complain(s, "neither as without the field nor as with what was meant", absent);
    }
    if (had == '[' && has != '[' && as_array == 0) {
        complain(s, "an array made of one value is counted", absent);
    }
    if (had == '"' && strcmp(values[value].json, "1.5") == 0 && as_text == 0) {
        complain(s, "a text made of a number is counted", absent);
    }
}

static void check_twice(struct subject *s, const struct place *at, const char *json)
{
    write_twice(&s->mutant, at, json);
    outcome(s, mb_buf_slice(&s->mutant), &s->got);
    if (!mb_slice_eq(mb_buf_slice(&s->got), mb_buf_slice(&s->plain))) {
        complain(s, "the first of two counts", mb_buf_slice(&s->plain));
    }
}

static void check_place(struct subject *s, const struct place *at)
{
    write_removed(&s->mutant, at);
    outcome(s, mb_buf_slice(&s->mutant), &s->absent);
    for (size_t i = 0; i < VALUES; i++) {
        check_value(s, at, i);
        if (at->key != at->start) {
            check_twice(s, at, values[i].json);
        }
    }
}

/* --- all fields of a document --- */

static void check_inside(struct subject *s, struct mb_json_value container)
{
    const char *base = container.doc->text.data;
    for (struct mb_json_value v = mb_json_first(container); v.type != MB_JSON_NONE; v = mb_json_next(container, v)) {
        struct mb_slice json = mb_json_text(v);
        struct place at = {.text = s->text, .start = (size_t)(json.data - base)};
        at.end = at.start + json.len;
        at.key = container.type == MB_JSON_OBJECT ? container.doc->tokens[v.token - 1].start - 1 : at.start;
        check_place(s, &at);
        check_inside(s, v);
    }
}

static void check_calls(const char *name, const struct mb_endpoint *endpoint, enum mb_exchange protocol,
                        enum mb_wire_path path, struct mb_slice text)
{
    struct mb_arena own;
    struct mb_json doc;
    struct subject s = {.name = name, .endpoint = endpoint, .protocol = protocol, .path = path, .text = text};
    mb_arena_init(&own, 65536);
    assert_int_equal(mb_json_parse(&doc, &own, text, NULL), 0);
    if (is_refused(outcome(&s, text, &s.plain))) {
        fail_msg("%s is refused as it stands", name);
    }
    s.texts_for_numbers = kit_slips[MB_JSON_SLIP_STRING_FOR_NUMBER];
    s.texts_for_bools = kit_slips[MB_JSON_SLIP_STRING_FOR_BOOL];
    check_inside(&s, mb_json_root(&doc));
    print_message("%s: %zu documents\n", name, s.checked);
    mb_buf_fini(&s.mutant);
    mb_buf_fini(&s.got);
    mb_buf_fini(&s.plain);
    mb_buf_fini(&s.absent);
    mb_buf_fini(&s.meant);
    mb_arena_fini(&own);
}

static void check_document(const char *name, const struct mb_endpoint *endpoint, enum mb_exchange protocol,
                           struct mb_slice text)
{
    check_calls(name, endpoint, protocol, MB_WIRE_BID, text);
}

/* --- the documents --- */

static const char full_flat[] =
    "{\"id\":\"r1\",\"ip\":\"192.0.2.10\",\"remote_addr\":\"192.0.2.11\",\"remove_addr\":\"192.0.2.12\","
    "\"x_forwarded_for\":\"192.0.2.13\",\"language\":\"en\",\"type\":\"push_notification\",\"ua\":\"UA/1\","
    "\"url\":\"https://pub.example/p\",\"user_id\":\"u.1\",\"export\":\"xml\",\"keyword\":\"a,b\",\"size\":\"720x480\","
    "\"sub\":123,\"el\":\"dXNlcg==\"}";

/* Impressions of every kind; members in the place of 2.6 and in that of 2.5; Xandr's and ExoClick's own ones. */
static const char full_openrtb[] =
    "{\"id\":\"r1\",\"at\":1,\"tmax\":120,\"test\":0,\"cur\":[\"EUR\",\"USD\"],\"wseat\":[\"s1\",\"s2\"],\"bseat\":[\"s3\"],"
    "\"bcat\":[\"IAB1\"],\"badv\":[\"a.example\"],\"bapp\":[\"com.a\"],\"wlang\":[\"de\"],\"wlangb\":[\"de-AT\"],"
    "\"source\":{\"schain\":{\"ver\":\"1.0\"},\"ext\":{\"schain\":{\"ver\":\"0.9\"}}},"
    "\"imp\":[{\"id\":\"1\",\"tagid\":\"t\",\"secure\":1,\"bidfloor\":0.5,\"bidfloorcur\":\"EUR\","
    "\"banner\":{\"w\":300,\"h\":250,\"pos\":1,\"format\":[{\"w\":300,\"h\":250},{\"w\":728,\"h\":90}]},"
    "\"video\":{\"w\":640,\"h\":480,\"pos\":3,\"mimes\":[\"video/mp4\"],\"protocols\":[3,7],\"minduration\":5,\"maxduration\":30,"
    "\"minbitrate\":100,\"maxbitrate\":900,\"podid\":\"p\",\"podseq\":1,\"slotinpod\":1,\"poddur\":60,\"maxseq\":4,"
    "\"mincpmpersec\":0.05,\"ext\":{\"rewarded\":1}},\"audio\":{\"podid\":\"q\",\"mimes\":[\"video/mp4\"],\"protocols\":[2],\"rqddurs\":[15,30]},"
    "\"native\":{\"ver\":\"1.0\",\"request\":{\"ver\":\"1.1\",\"assets\":[{\"id\":1,\"required\":1,\"title\":{\"len\":90}},"
    "{\"id\":2,\"img\":{\"type\":3}},{\"id\":3,\"data\":{\"type\":2,\"len\":9}},{\"id\":4,\"required\":0,\"video\":{}}]}},"
    "\"rwdd\":1,"
    "\"pmp\":{\"private_auction\":1,\"deals\":[{\"id\":\"d1\",\"bidfloor\":1,\"bidfloorcur\":\"EUR\"},{\"id\":\"d2\"}]},"
    "\"ext\":{\"rewarded\":1,\"prebid\":{\"is_rewarded_inventory\":1},\"appnexus\":{\"estimated_clear_price\":0.57}}},"
    "{\"id\":\"2\",\"instl\":1},{\"id\":\"3\",\"el\":\"dXNlcg==\",\"instl\":1}],"
    "\"site\":{\"id\":\"s\",\"name\":\"n\",\"page\":\"https://p.example/x\",\"ref\":\"https://r.example/\","
    "\"domain\":\"d.example\",\"cat\":[\"IAB2\"],\"kwarray\":[\"k1\",\"k2\"],\"keywords\":\"k3,k4\",\"keyword\":\"k5\","
    "\"publisher\":{\"id\":\"p\"},\"ext\":{\"idzone\":7}},"
    "\"app\":{\"id\":\"a\",\"bundle\":\"com.b\",\"name\":\"an\",\"domain\":\"app.example\",\"cat\":[\"IAB3\"],"
    "\"keywords\":\"k6\",\"publisher\":{\"id\":\"ap\"}},"
    "\"dooh\":{\"id\":\"dooh\",\"name\":\"dn\",\"domain\":\"dooh.example\",\"publisher\":{\"id\":\"dp\"}},"
    "\"device\":{\"ip\":\"192.0.2.1\",\"ipv6\":\"2001:db8::1\",\"ua\":\"UA/1\",\"make\":\"m\",\"model\":\"mo\",\"os\":\"iOS\","
    "\"sua\":{\"browsers\":[{\"brand\":\"Brave\",\"version\":[\"1\"]}],\"platform\":{\"brand\":\"Windows\",\"version\":[\"15\",\"0\"]},"
    "\"mobile\":0,\"model\":\"sm\"},\"osv\":\"17\",\"devicetype\":4,\"language\":\"de\",\"dnt\":1,\"ext\":{\"remote_addr\":\"192.0.2.2\","
    "\"x_forwarded_for\":\"192.0.2.3\",\"accept_language\":\"fr-FR,fr\"},"
    "\"geo\":{\"country\":\"DEU\",\"region\":\"BE\",\"city\":\"Berlin\",\"zip\":\"10115\",\"lat\":52.5,\"lon\":13.4}},"
    "\"user\":{\"id\":\"u\",\"buyeruid\":\"b\",\"gender\":\"F\",\"yob\":1980,\"keywords\":\"uk\",\"customdata\":\"cd\","
    "\"consent\":\"C1\",\"eids\":[{\"source\":\"e\"}],\"geo\":{\"country\":\"FRA\",\"city\":\"Paris\"},"
    "\"data\":[{\"id\":\"6\",\"segment\":[{\"id\":\"g1\",\"value\":\"v1\"},{\"value\":\"v2\"}]}],"
    "\"ext\":{\"consent\":\"C2\",\"appnexus\":{\"userdata_json\":\"{\\\"a\\\":1}\"}}},"
    "\"regs\":{\"gdpr\":0,\"coppa\":1,\"us_privacy\":\"1YNN\",\"gpp\":\"G1\",\"gpp_sid\":[7],"
    "\"ext\":{\"gdpr\":1,\"us_privacy\":\"1NNN\",\"gpp\":\"G2\"}},"
    "\"ext\":{\"sub\":99}}";

static const char full_xandr[] =
    "{\"bid_request\":{\"timestamp\":\"2024-03-05 10:11:12\",\"bidder_timeout_ms\":100,\"test\":true,"
    "\"debug_requested\":true,\"members\":[{\"id\":4401},{\"id\":4402}],\"excluded_technical_attributes\":[1],"
    "\"excluded_attributes\":[2],\"excluded_categories\":[3],\"excluded_creatives\":[4],\"excluded_brands\":[5],"
    "\"excluded_languages\":[6],\"excluded_adservers\":[7],\"tags\":[{\"auction_id_64\":9007199254740993,\"id\":550001,"
    "\"site_id\":7001,\"size\":\"320x50\",\"sizes\":[\"300x250\",\"336x280\"],\"position\":\"above\","
    "\"tag_format\":\"iframe\",\"reserve_price\":0.75,\"estimated_clear_price\":0.5,\"ecp\":0.25,"
    "\"allowed_media_types\":[4],\"creative_formats\":[\"url-vast\"],\"deals\":[{\"id\":88001},{\"id\":\"88002\"}]},"
    "{\"auction_id_64\":\"9223372036854775807\",\"id\":550002,\"tag_format\":\"vast\"}],"
    "\"bid_info\":{\"user_id_64\":9223372036854775806,\"is_secure\":true,\"ip_address\":\"192.0.2.17\","
    "\"user_agent\":\"UA%2f1\",\"device_type\":2,\"device_make\":\"m\",\"device_model\":\"mo\","
    "\"accepted_languages\":\"en-US,en\",\"country\":\"DE\",\"region\":\"BE\",\"city\":\"Berlin\","
    "\"postal_code_id\":\"10115\",\"postal_code\":\"10116\",\"loc\":\"52.5,13.4\",\"gender\":\"male\",\"age\":27,"
    "\"userdata_json\":\"{\\\"a\\\":1}\",\"segments\":[{\"id\":5},{\"id\":6}],\"url\":\"https://n.example/a\","
    "\"domain\":\"n.example\",\"publisher_id\":89,\"app_id\":\"app\","
    "\"inventory_audits\":[{\"content_categories\":[39,40]}]}}}";

static const char full_notify[] =
    "{\"notify_request\":{\"timestamp\":\"2024-03-05 10:11:12\",\"response_time_ms\":21,\"fail\":false,\"error_id\":306,"
    "\"error\":\"e\",\"test\":false,\"tags\":[{\"id\":550001,\"auction_id_64\":9007199254740993,\"notify_type\":\"won\","
    "\"post_pending\":true,\"payment_rule_id\":3,\"member_id\":4401,\"creative_id\":71001,\"price_bid\":1.62,"
    "\"price_paid\":1.51,\"price_sold_for\":1.4,\"custom_notify_data\":\"c=9\",\"user_id_64\":9223372036854775806,"
    "\"error_id\":14},{\"auction_id_64\":\"7\",\"notify_type\":\"lost\"}],"
    "\"responses\":[{\"result\":\"ok\",\"price_bid\":1.62,\"member_id\":4401,\"auction_id_64\":9007199254740993},"
    "{\"result\":\"lost\",\"error_id\":408,\"error\":\"barred\"}],"
    "\"bid_info\":{\"user_id_64\":1,\"country\":\"DE\",\"userdata_json\":\"{}\"}}}";

static const char full_click[] =
    "{\"click_request\":{\"timestamp\":\"2024-03-05 10:13:00\",\"auction_id_64\":9007199254740993,\"member_id\":4401,"
    "\"creative_id\":71001,\"user_id_64\":-1,\"referer_url\":\"news.example/a\",\"user_agent\":\"UA/1\","
    "\"custom_notify_data\":\"c=9\",\"userdata_json\":\"{}\",\"test\":false}}";

static void every_field_that_a_codec_reads(void **state)
{
    (void)state;
    struct mb_slice openrtb = mb_slice_of(full_openrtb);
    check_document("ExoClick's own", &flat, MB_EXCHANGE_EXOCLICK, mb_slice_of(full_flat));
    check_document("Xandr's own", &xandr, MB_EXCHANGE_XANDR, mb_slice_of(full_xandr));
    check_document("OpenRTB", &generic, MB_EXCHANGE_OPENRTB, openrtb);
    check_document("OpenRTB of ExoClick", &exoclick, MB_EXCHANGE_OPENRTB, openrtb);
    check_document("OpenRTB of Xandr", &xandr, MB_EXCHANGE_OPENRTB, openrtb);
}

static void every_field_of_the_public_samples(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const struct mb_endpoint *endpoint;
        enum mb_exchange protocol;
    } rows[] = {
        {"exoclick-samples/banner-300x250.json", &flat, MB_EXCHANGE_EXOCLICK},
        {"exoclick-samples/email-click.json", &flat, MB_EXCHANGE_EXOCLICK},
        {"exoclick-samples/popunder-xml.json", &flat, MB_EXCHANGE_EXOCLICK},
        {"exoclick-samples/push-720x480.json", &flat, MB_EXCHANGE_EXOCLICK},
        {"exoclick-samples/push-no-size.json", &flat, MB_EXCHANGE_EXOCLICK},
        {"xandr-samples/bid-request.bid_request.1.json", &xandr, MB_EXCHANGE_XANDR},
        {"xandr-samples/bid-request.bid_request.2.json", &xandr, MB_EXCHANGE_XANDR},
        {"xandr-samples/bid-request.bid_request.3.json", &xandr, MB_EXCHANGE_XANDR},
        {"xandr-samples/bid-request.bid_request.4.json", &xandr, MB_EXCHANGE_XANDR},
        {"xandr-samples/bid-request.bid_request.5.json", &xandr, MB_EXCHANGE_XANDR},
        {"xandr-samples/outgoing-bid-request-to-bidders.imp.2.json", &xandr, MB_EXCHANGE_OPENRTB},
        {"xandr-samples/outgoing-bid-request-to-bidders.imp.3.json", &xandr, MB_EXCHANGE_OPENRTB},
        {"xandr-samples/outgoing-bid-request-to-bidders.imp.4.json", &xandr, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/simple-banner.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/expandable-creative.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/mobile.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/video.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/pmp-with-direct-deal.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.5/native-ad.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.6/simple-banner.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.6/expandable-creative.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.6/mobile.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.6/video.json", &generic, MB_EXCHANGE_OPENRTB},
        {"openrtb-spec/openrtb2/testdata/bid-request/2.6/pmp-with-direct-deal.json", &generic, MB_EXCHANGE_OPENRTB},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_slice text = kit_read_sample(rows[i].file);
        if (!mb_slice_present(text)) {
            print_message("skipped: no public test material in %s\n", SHARED_DATA);
            skip();
        }
        check_document(rows[i].file, rows[i].endpoint, rows[i].protocol, text);
        free((void *)(uintptr_t)text.data);
    }
}

static void every_field_of_a_notice(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum mb_wire_path path;
    } rows[] = {
        {"xandr-samples/notify-request.notify_request.1.json", MB_WIRE_NOTIFY},
        {"xandr-samples/notify-request.notify_request.2.json", MB_WIRE_NOTIFY},
        {"xandr-samples/notify-request.notify_request.3.json", MB_WIRE_NOTIFY},
        {"xandr-samples/click-request.click_request.1.json", MB_WIRE_CLICK},
    };
    check_calls("a notify", &xandr, MB_EXCHANGE_XANDR, MB_WIRE_NOTIFY, mb_slice_of(full_notify));
    check_calls("a click", &xandr, MB_EXCHANGE_XANDR, MB_WIRE_CLICK, mb_slice_of(full_click));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_slice text = kit_read_sample(rows[i].file);
        if (!mb_slice_present(text)) {
            print_message("skipped: no public test material in %s\n", SHARED_DATA);
            skip();
        }
        check_calls(rows[i].file, &xandr, MB_EXCHANGE_XANDR, rows[i].path, text);
        free((void *)(uintptr_t)text.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_field_that_a_codec_reads, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(every_field_of_the_public_samples, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(every_field_of_a_notice, kit_setup, kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
