/* fuzz_notice.c - signed tokens. The input is taken three ways: as a token, as the body of one that we sign, and as what a
 * notice tells:
 *
 *     line 1       where to alter the token, and how (each pair of bytes: place, bits)
 *     lines 2..12  strategy, version, arm, endpoint, auction, impression, zone, site, creative, country, data; "-" is absent
 *     the rest     bid id, model, test, numbers
 *
 * Promises: a token that we did not sign does not verify; one that we signed verifies as its kind only and gives what was put
 * in; altered in any byte, it does not verify.
 */
#include "fuzz.h"

#include "moonbid/notice.h"

static const enum mb_event_type signed_kind = MB_EVENT_BILLING, other_kind = MB_EVENT_WIN;

enum { BODY_MIN = 21, BODY_MAX = MB_NOTICE_TOKEN_MAX * 3 / 4 - 8 };

static struct mb_notice_keys *keys;
static struct mb_arena arena;
static struct mb_buf body, token;

static void set_up(void)
{
    static const uint8_t first[MB_NOTICE_KEY_BYTES] = "0123456789abcdef";
    static const uint8_t second[MB_NOTICE_KEY_BYTES] = "fedcba9876543210";

    keys = mb_xnotice_keys_new();
    FUZZ_HOLDS(mb_notice_keys_add(keys, first) == 0 && mb_notice_keys_add(keys, second) == 0);
    mb_arena_init(&arena, 4096);
}

static int verify(struct mb_slice text, enum mb_event_type kind, struct mb_notice *out)
{
    return mb_notice_verify(keys, kind, text, &arena, out);
}

static void no_stranger_is_believed(struct mb_slice text)
{
    struct mb_notice notice;

    for (int kind = MB_EVENT_NONE; kind < MB_EVENT_COUNT; kind++) {
        FUZZ_HOLDS(verify(text, (enum mb_event_type)kind, &notice) == MB_EFORGED);
    }
}

static void touch(const struct mb_notice *n)
{
    const struct mb_slice texts[] = {n->strategy, n->version, n->arm,     n->endpoint,    n->auction_id, n->imp_id,
                                     n->zone_id,  n->site_id, n->country, n->creative_id, n->data};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fuzz_touch(texts[i]);
    }
    FUZZ_HOLDS((unsigned)n->model < MB_MODEL_COUNT);
}

/* A body that no encoder of ours wrote, under a signature that holds (a key that was lost, a version to come). */
static void any_signed_body_is_read_with_care(struct mb_slice text)
{
    struct mb_notice notice;

    if (text.len < BODY_MIN || text.len > BODY_MAX) {
        return;
    }
    mb_buf_clear(&token);
    mb_notice_sign(keys, signed_kind, text, &token);
    FUZZ_HOLDS(token.len <= MB_NOTICE_TOKEN_MAX);
    if (verify(mb_buf_slice(&token), signed_kind, &notice) == 0) {
        touch(&notice);
    }
}

static struct mb_slice text_line(struct mb_slice *input)
{
    struct mb_slice line = fuzz_line(input);

    return mb_slice_is(line, "-") ? MB_SLICE_NONE : line;
}

static void take_bytes(struct mb_slice *input, void *out, size_t len)
{
    size_t n = len < input->len ? len : input->len;

    memcpy(out, input->data, n);
    *input = mb_slice(input->data + n, input->len - n);
}

static struct mb_notice read_notice(struct mb_slice input)
{
    struct mb_notice n = {0};
    uint8_t kinds[2] = {0};

    n.strategy = text_line(&input);
    n.version = text_line(&input);
    n.arm = text_line(&input);
    n.endpoint = text_line(&input);
    n.auction_id = text_line(&input);
    n.imp_id = text_line(&input);
    n.zone_id = text_line(&input);
    n.site_id = text_line(&input);
    n.creative_id = text_line(&input);
    n.country = text_line(&input);
    n.data = text_line(&input);
    take_bytes(&input, n.bid_id, sizeof(n.bid_id));
    take_bytes(&input, kinds, sizeof(kinds));
    n.model = (enum mb_model)(kinds[0] % MB_MODEL_COUNT);
    n.test = kinds[1] & 1;
    take_bytes(&input, &n.price.micros, sizeof(n.price.micros));
    take_bytes(&input, &n.price_wire.micros, sizeof(n.price_wire.micros));
    take_bytes(&input, &n.bid_time_ms, sizeof(n.bid_time_ms));
    take_bytes(&input, &n.frequency_key, sizeof(n.frequency_key));
    take_bytes(&input, &n.per_key, sizeof(n.per_key));
    return n;
}

static bool same(struct mb_slice a, struct mb_slice b)
{
    return mb_slice_present(a) == mb_slice_present(b) && mb_slice_eq(a, b);
}

/* Ids may be cut at their end. */
static bool begins(struct mb_slice whole, struct mb_slice part, size_t max)
{
    return mb_slice_present(whole) == mb_slice_present(part) && mb_slice_starts(whole, part) &&
           (part.len == whole.len || (whole.len > max && part.len <= max));
}

static void check_same(const struct mb_notice *in, const struct mb_notice *n)
{
    bool repeated = mb_slice_present(in->imp_id) && mb_slice_eq(in->imp_id, in->auction_id);

    FUZZ_HOLDS(same(in->strategy, n->strategy) && same(in->version, n->version) && same(in->arm, n->arm));
    FUZZ_HOLDS(same(in->endpoint, n->endpoint) && same(in->country, n->country) && same(in->data, n->data));
    FUZZ_HOLDS(begins(in->auction_id, n->auction_id, 64));
    FUZZ_HOLDS(repeated ? !mb_slice_present(n->imp_id) : begins(in->imp_id, n->imp_id, 64));
    FUZZ_HOLDS(begins(in->zone_id, n->zone_id, 32) && begins(in->site_id, n->site_id, 32));
    FUZZ_HOLDS(begins(in->creative_id, n->creative_id, 32));
    FUZZ_HOLDS(memcmp(in->bid_id, n->bid_id, sizeof(n->bid_id)) == 0);
    FUZZ_HOLDS(in->model == n->model && in->test == n->test && in->bid_time_ms == n->bid_time_ms);
    FUZZ_HOLDS(in->price.micros == n->price.micros && in->price_wire.micros == n->price_wire.micros);
    FUZZ_HOLDS(in->frequency_key == n->frequency_key && in->per_key == n->per_key);
}

/* Not all bits of the last letter are part of the bytes: still there is one text for them. */
static void the_last_letter_is_no_other(void)
{
    struct mb_notice notice;
    char *last = &token.data[token.len - 1], right = *last;

    for (int c = 0; c < 256; c++) {
        *last = (char)c;
        FUZZ_HOLDS(*last == right || verify(mb_buf_slice(&token), signed_kind, &notice) == MB_EFORGED);
    }
    *last = right;
}

/* Each pair of bytes alters the token once; then it is whole again. */
static void altered_it_does_not_hold(struct mb_slice changes)
{
    struct mb_notice notice;

    the_last_letter_is_no_other();
    for (; changes.len >= 2; changes = mb_slice(changes.data + 2, changes.len - 2)) {
        size_t at = (size_t)((uint8_t)changes.data[0] * 2u + ((uint8_t)changes.data[1] & 1u)) % token.len;
        char bits = changes.data[1];

        if (bits != 0) {
            token.data[at] = (char)(token.data[at] ^ bits);
            FUZZ_HOLDS(verify(mb_buf_slice(&token), signed_kind, &notice) == MB_EFORGED);
            token.data[at] = (char)(token.data[at] ^ bits);
        }
    }
    FUZZ_HOLDS(verify(mb_slice(token.data, token.len - 1), signed_kind, &notice) == MB_EFORGED);
    mb_xbuf_add_char(&token, 'A');
    FUZZ_HOLDS(verify(mb_buf_slice(&token), signed_kind, &notice) == MB_EFORGED);
}

static void what_is_signed_is_told(struct mb_slice input)
{
    struct mb_slice changes = fuzz_line(&input);
    struct mb_notice notice = read_notice(input), told;

    mb_buf_clear(&body);
    mb_buf_clear(&token);
    if (mb_notice_encode(&notice, &body)) {
        FUZZ_HOLDS(body.len == 0);
        return;
    }
    mb_notice_sign(keys, signed_kind, mb_buf_slice(&body), &token);
    FUZZ_HOLDS(token.len <= MB_NOTICE_TOKEN_MAX);
    FUZZ_HOLDS(verify(mb_buf_slice(&token), signed_kind, &told) == 0);
    check_same(&notice, &told);
    FUZZ_HOLDS(verify(mb_buf_slice(&token), other_kind, &told) == MB_EFORGED);
    altered_it_does_not_hold(changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mb_slice input = mb_slice((const char *)data, size);
    char pseudonym[16];

    if (!keys) {
        set_up();
    }
    if (size == 0) {
        input = MB_SLICE("");
    }
    mb_arena_reset(&arena);
    no_stranger_is_believed(input);
    any_signed_body_is_read_with_care(input);
    what_is_signed_is_told(input);
    mb_notice_pseudonym(keys, input, pseudonym);
    fuzz_touch(mb_slice(pseudonym, sizeof(pseudonym)));
    return 0;
}
