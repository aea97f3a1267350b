/* A line as our recorder writes it is read in one pass, and says what it says to the reader of any
 * JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "internal.h"

#define REQUEST                                                                                    \
    "{\"type\":\"request\",\"at\":1795431761941,\"seed\":\"c980081614d5958f\",\"outcome\":"        \
    "\"bid\","                                                                                     \
    "\"status\":200,\"endpoint\":\"exoclick\",\"path\":\"/exoclick/bid\""
#define OUTCOME                                                                                    \
    "{\"type\":\"outcome\",\"event\":\"win\",\"at\":1795431761999,\"bid_at\":1795431761941,"       \
    "\"model\":\"cpm\",\"price\":1800000"

/* Lines as they are written. */
static const char *const own[] = {
    REQUEST "}",
    REQUEST ",\"body\":{\"id\":\"1\",\"a\":[{}]}}",
    REQUEST ",\"body\":\"\"}",
    REQUEST ",\"body\":\"no JSON\"}",
    REQUEST ",\"query\":\"a=1&b=%22\",\"openrtb\":\"2.6\",\"peer\":\"127.0.0.0\","
            "\"scripts\":\"f8485efb5ba67001\",\"body\":{\"s\":\"\\\"}\\u00e9\"}}",
    REQUEST ",\"read\":[[\"place\",\"\",-1,\"country\",\"FR\"],[\"get\",\"s\",0,\"k\",-12],"
            "[\"may\",\"s\",3,\"\",\"budget\"],[\"late\",\"s\",0,\"asked\",1]],\"body\":{}}",
    REQUEST
    ",\"did\":[{\"strategy\":\"a\",\"model\":\"cpm\",\"price\":1800000,\"ecpm\":9,"
    "\"wire\":7,\"format\":\"banner\",\"id\":\"zLkxRy8rgVP4-_hM5VQGIQ\",\"deal\":\"d\","
    "\"creative\":\"c\",\"arm\":\"b\",\"data\":\"x\",\"seat\":\"s\",\"member\":\"4401\"},"
    "{\"strategy\":\"b\",\"imp\":1,\"own\":\"language\"},{\"strategy\":\"c\",\"no\":\"budget\"},"
    "{\"strategy\":\"d\",\"imp\":2,\"no\":\"outranked\",\"model\":\"cpc\",\"price\":5,"
    "\"format\":\"push\"}],\"body\":{\"id\":\"1\"}}",
    "{\"type\":\"request\",\"at\":1,\"seed\":\"0000000000000001\",\"flags\":[\"get\",\"overload\","
    "\"draining\",\"money_unknown\"],\"outcome\":\"overload\",\"status\":204,\"endpoint\":\"e\","
    "\"path\":\"/\",\"query\":\"\"}",
    OUTCOME ",\"paid\":1700000,\"cost_nanos\":1700000,\"bid\":\"zLkx\",\"strategy\":\"a\","
            "\"endpoint\":\"e\",\"format\":\"banner\",\"arm\":\"b\"}",
    OUTCOME "}",
};

/* What another hand wrote, or what is no record: not read here. */
static const char *const others[] = {
    "",
    "{}",
    "{\"type\":\"segment\",\"format\":2,\"at\":1}",
    REQUEST,
    REQUEST "} ",
    REQUEST ",\"body\":\"{\\n}\"}",
    REQUEST ",\"body\":\"",
    REQUEST ",\"body\":{}",
    REQUEST ",\"body\":{\"a\":1}]",
    REQUEST ",\"query\":\"a\\\"b\",\"body\":{}}",
    REQUEST ",\"read\":[],\"body\":{}}",
    REQUEST ",\"read\":[[\"later\",\"\",-1,\"\",1]],\"body\":{}}",
    REQUEST ",\"read\":[[\"may\",\"s\",0,\"\",\"stranger\"]],\"body\":{}}",
    REQUEST ",\"did\":[{\"strategy\":\"a\"",
    REQUEST ",\"did\":[{\"imp\":1,\"strategy\":\"a\"}],\"body\":{}}",
    REQUEST ",\"did\":[{\"strategy\":\"a\",\"model\":\"other\",\"price\":1}],\"body\":{}}",
    REQUEST ",\"new\":1,\"body\":{}}",
    "{\"type\":\"request\",\"at\":12345678901234567890,\"seed\":\"1\",\"outcome\":\"bid\"}",
    "{\"type\":\"request\",\"at\":1,\"seed\":\"xyz\",\"outcome\":\"bid\",\"status\":200,"
    "\"endpoint\":\"e\",\"path\":\"/\"}",
    OUTCOME ",\"bid\":\"a\"",
    "{\"type\":\"outcome\",\"event\":\"stranger\",\"at\":1,\"bid_at\":1,\"model\":\"cpm\","
    "\"price\":1}",
};

static struct mb_arena arena;

static int set_up(void **state)
{
    (void)state;
    mb_arena_init(&arena, 1 << 16);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mb_arena_fini(&arena);
    return 0;
}

static void same_text(struct mb_slice a, struct mb_slice b)
{
    assert_int_equal(mb_slice_present(a), mb_slice_present(b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data ? a.data : "", b.data ? b.data : "", a.len);
}

static void same_did(const struct mb_replay_did *a, const struct mb_replay_did *b)
{
    const struct mb_slice texts[][2] = {
        {a->strategy, b->strategy}, {a->own, b->own}, {a->id, b->id},    {a->deal, b->deal},
        {a->creative, b->creative}, {a->arm, b->arm}, {a->data, b->data}};
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        same_text(texts[i][0], texts[i][1]);
    }
    assert_int_equal(a->imp, b->imp);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->has_bid, b->has_bid);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->format, b->format);
    assert_int_equal(a->price.micros, b->price.micros);
    assert_int_equal(a->ecpm.micros, b->ecpm.micros);
    assert_int_equal(a->price_wire.micros, b->price_wire.micros);
}

static void same_note(const struct mb_tape_note *a, const struct mb_tape_note *b)
{
    assert_int_equal(a->at.kind, b->at.kind);
    assert_int_equal(a->at.imp, b->at.imp);
    same_text(a->at.strategy, b->at.strategy);
    same_text(a->at.key, b->at.key);
    assert_int_equal(a->value, b->value);
    same_text(a->text, b->text);
}

static void same_request(const struct mb_replay_record *a, const struct mb_replay_record *b)
{
    size_t i;

    same_text(a->in.path, b->in.path);
    same_text(a->in.query, b->in.query);
    same_text(a->in.body, b->in.body);
    same_text(a->in.openrtb_version, b->in.openrtb_version);
    same_text(a->scripts, b->scripts);
    assert_int_equal(a->in.method, b->in.method);
    assert_int_equal(a->in.now_ms, b->in.now_ms);
    assert_int_equal(a->in.seed, b->in.seed);
    assert_int_equal(a->in.draining, b->in.draining);
    assert_int_equal(a->in.overloaded, b->in.overloaded);
    assert_int_equal(a->in.money_unknown, b->in.money_unknown);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->n_reads, b->n_reads);
    for (i = 0; i < a->n_reads; i++) {
        same_note(&a->reads[i], &b->reads[i]);
    }
    assert_int_equal(a->n_did, b->n_did);
    for (i = 0; i < a->n_did; i++) {
        same_did(&a->did[i], &b->did[i]);
    }
}

static void same_outcome(const struct mb_replay_record *a, const struct mb_replay_record *b)
{
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->bid_at_ms, b->bid_at_ms);
    assert_int_equal(a->model, b->model);
    assert_int_equal(a->price.micros, b->price.micros);
    assert_int_equal(a->paid.micros, b->paid.micros);
    assert_int_equal(a->cost.nanos, b->cost.nanos);
    same_text(a->bid, b->bid);
    same_text(a->strategy, b->strategy);
    same_text(a->format, b->format);
    same_text(a->arm, b->arm);
}

/* A blank behind the first brace is JSON all the same, and not as the recorder writes. */
static void own_lines_are_read_as_any_json(void **state)
{
    char spaced[2048];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        struct mb_replay_record scanned, parsed;

        assert_true(strlen(own[i]) + 2 < sizeof(spaced));
        spaced[0] = '{', spaced[1] = ' ';
        strcpy(spaced + 2, own[i] + 1);
        if (!mb__scan_line(mb_slice_of(own[i]), &arena, &scanned)) {
            fail_msg("not scanned: %s", own[i]);
        }
        assert_false(mb__scan_line(mb_slice_of(spaced), &arena, &parsed));
        assert_int_equal(mb_replay_read_line(mb_slice_of(spaced), &arena, &parsed, NULL), 0);
        assert_int_equal(scanned.kind, parsed.kind);
        assert_int_equal(scanned.at_ms, parsed.at_ms);
        same_text(scanned.endpoint, parsed.endpoint);
        same_request(&scanned, &parsed);
        same_outcome(&scanned, &parsed);
    }
}

static void other_lines_are_left_alone(void **state)
{
    struct mb_replay_record record;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (mb__scan_line(mb_slice_of(others[i]), &arena, &record)) {
            fail_msg("scanned: %s", others[i]);
        }
    }
}

/* Of every reason there is one name. */
static void reasons_are_known_by_name(void **state)
{
    int reason;

    (void)state;
    assert_int_equal(mb__nobid_of(MB_SLICE("bid")), MB_NOBID_BID);
    assert_int_equal(mb__nobid_of(MB_SLICE("")), MB_NOBID_COUNT);
    for (reason = MB_NOBID_BID + 1; reason < MB_NOBID_COUNT; reason++) {
        const char *name = mb_nobid_name((enum mb_nobid)reason);

        assert_int_equal(mb__nobid_of(mb_slice_of(name)), reason);
    }
}

/* Wherever a line ends, nothing behind that is looked at: the copies have no byte to spare. */
static void cut_lines_are_left_alone(void **state)
{
    struct mb_replay_record record;
    size_t i, len;

    (void)state;
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        for (len = 1; len < strlen(own[i]); len++) {
            char *cut = malloc(len);

            assert_non_null(cut);
            memcpy(cut, own[i], len);
            if (mb__scan_line(mb_slice(cut, len), &arena, &record)) {
                assert_true(cut[len - 1] == '}' && cut[len - 2] == '}'); /* a shorter body */
            }
            free(cut);
            mb_arena_reset(&arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_lines_are_read_as_any_json),
        cmocka_unit_test(other_lines_are_left_alone),
        cmocka_unit_test(reasons_are_known_by_name),
        cmocka_unit_test(cut_lines_are_left_alone),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
