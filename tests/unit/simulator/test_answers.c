/* test_answers.c - the simulated exchange takes what the protocols allow and nothing else.
 *
 * A judge that lets everything through would make the demo agree with any bidder, so most rows here
 * are answers that it must reject, each with the very reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "internal.h"

#include "moonbid/net.h"

/* A row is a line, however long. */
/* clang-format off */
#define JSON "application/json"
#define XML "application/xml"
#define B "\"bUrl\":\"http://b.example/n/T?p=1\""
#define BANNER "\"imgUrl\":\"https://c.example/i\",\"clickUrl\":\"https://c.example/c\""
#define PUSH \
    "\"iconUrl\":\"https://c.example/i\",\"clickUrl\":\"https://c.example/c\",\"title\":\"T\",\"description\":\"D\""

struct row {
    enum mb__sim_kind kind;
    bool xml;
    int status;
    const char *type;
    const char *body;
    const char *why; /* NULL: taken */
    int64_t micros;  /* of the first bid; 0: no bid */
};

static const struct row exoclick[] = {
    /* taken */
    {MB__SIM_BANNER, false, 204, NULL, "", NULL, 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"btype\":1,\"value\":0.34}}", NULL, 340000},
    {MB__SIM_BANNER, false, 200, JSON "; charset=utf-8", "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"value\":12}}", NULL, 12000000},
    {MB__SIM_PUSH, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," PUSH ",\"imptrackers\":[\"https://t.example/\"]," B ",\"btype\":2,\"value\":0.013}}", NULL, 13000},
    {MB__SIM_EMAIL_CLICK, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"clickUrl\":\"https://c.example/?e={email_encoded}\"," B ",\"btype\":1,\"value\":0.1}}", NULL, 100000},
    {MB__SIM_POPUNDER, true, 200, XML, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<bid><id>R</id><url><![CDATA[https://c.example/?a=1&b=2]]></url><bUrl>http://b.example/n/T?a=1&amp;b=2</bUrl><btype>1</btype><value>1.2</value></bid>", NULL, 1200000},
    /* transport */
    {MB__SIM_BANNER, false, 204, NULL, "x", "204 with a body", 0},
    {MB__SIM_BANNER, false, 500, JSON, "{}", "a status that is neither 200 nor 204", 0},
    {MB__SIM_BANNER, false, 200, "text/plain", "{}", "JSON asked, another type sent", 0},
    {MB__SIM_BANNER, false, 200, NULL, "{}", "JSON asked, another type sent", 0},
    {MB__SIM_BANNER, true, 200, JSON, "{}", "XML asked, another type sent", 0},
    /* shape */
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":", "not JSON", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{}", "the root is not {\"bid\":{...}}", 0},
    {MB__SIM_BANNER, false, 200, JSON, "[]", "the root is not {\"bid\":{...}}", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{},\"x\":1}", "the root is not {\"bid\":{...}}", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"id\":\"R\"}}", "a field twice, too many fields, or a name too long", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":null}}", "a field that is no text, number or list of a text", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"title\":\"T\",\"value\":1}}", "a field that this format does not have", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," PUSH "," B ",\"value\":1}}", "a field that this format does not have", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"imgUrl\":\"https://c.example/i\"," B ",\"value\":1}}", "a field that this format needs is missing", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER ",\"value\":1}}", "id, value or bUrl is missing", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"S\"," BANNER "," B ",\"value\":1}}", "another id than the request's", 0},
    {MB__SIM_PUSH, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," PUSH ",\"imptrackers\":[\"https://a.example/\",\"https://b.example/\"]," B ",\"value\":1}}", "an array that has not one item", 0},
    {MB__SIM_PUSH, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," PUSH ",\"imptrackers\":\"https://a.example/\"," B ",\"value\":1}}", "a list where a text is due, or the other way round", 0},
    /* money and URLs */
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"value\":\"1\"}}", "a number where a text is due, or the other way round", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"value\":1e-1}}", "value is not a plain decimal above zero", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"value\":0}}", "value is not a plain decimal above zero", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"value\":-1}}", "value is not a plain decimal above zero", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"btype\":2,\"value\":1}}", "a pricing model that this format does not have", 0},
    {MB__SIM_BANNER, false, 200, JSON, "{\"bid\":{\"id\":\"R\"," BANNER "," B ",\"btype\":3,\"value\":1}}", "btype is neither 1 nor 2", 0},
    {MB__SIM_POPUNDER, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"url\":\"c.example\"," B ",\"value\":1}}", "not a URL", 0},
    {MB__SIM_POPUNDER, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"url\":\"https://c.example/?z={zone_id}\"," B ",\"value\":1}}", "not a URL", 0},
    {MB__SIM_POPUNDER, false, 200, JSON, "{\"bid\":{\"id\":\"R\",\"url\":\"https://c.example/a b\"," B ",\"value\":1}}", "not a URL", 0},
    /* XML */
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id>R</id>", "XML: not an element where one is due", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<ad></ad>", "XML: another root", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id>R</ID></bid>", "XML: an element is not closed", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id>R</id></bid>x", "XML: text behind the end", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><url>https://c.example/?a&b</url></bid>", "XML: an unknown entity or a bare '&'", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><url><![CDATA[x</url></bid>", "XML: a CDATA section without an end", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><url>a]]>b</url></bid>", "XML: ']]>' in text", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id>\x01</id></bid>", "XML: not UTF-8, or a character that XML cannot hold", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id>\xff</id></bid>", "XML: not UTF-8, or a character that XML cannot hold", 0},
    {MB__SIM_POPUNDER, true, 200, XML, "<bid><id a=\"1\">R</id></bid>", "XML: not an element where one is due", 0},
};

#define ID1 "9007199254740993"
#define ID2 "9223372036854775807"
#define BID(id, price) \
    "{\"auction_id_64\":" id ",\"member_id\":4401,\"price\":" price ",\"creative_id\":7,\"custom_notify_data\":\"T\"}"
#define ANSWER(list) "{\"bid_response\":{\"responses\":[" list "]}}"

static const struct row xandr[] = {
    /* taken */
    {0, false, 200, JSON, "{\"bid_response\":{\"no_bid\":true}}", NULL, 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "1.5")), NULL, 1500000},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"no_bid\":true}," BID(ID2, "2")), NULL, 2000000},
    {0, false, 200, JSON, ANSWER("{\"custom_notify_data\":\"\\\"auction_id_64\\\":1,\",\"auction_id_64\":" ID2 ",\"member_id\":4401,\"price\":1,\"creative_code\":\"c\"}"), NULL, 1000000},
    /* rejected */
    {0, false, 204, NULL, "", "another status than 200", 0},
    {0, false, 200, "text/html", "{}", "another type than application/json", 0},
    {0, false, 200, JSON, "{", "not JSON", 0},
    {0, false, 200, JSON, "{\"no_bid\":true}", "the root is not {\"bid_response\":{...}}", 0},
    {0, false, 200, JSON, "{\"bid_response\":{}}", "neither no_bid nor responses", 0},
    {0, false, 200, JSON, ANSWER(""), "neither no_bid nor responses", 0},
    {0, false, 200, JSON, ANSWER("{\"member_id\":4401}"), "a response without auction_id_64", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"colour\":1}"), "a field that a response does not have", 0},
    /* the neighbour that a double would make of it, and the right digits as a text */
    {0, false, 200, JSON, ANSWER(BID("9007199254740992", "1.5")), "an auction that was not asked, or its id as a text", 0},
    {0, false, 200, JSON, ANSWER(BID("\"" ID1 "\"", "1.5")), "an auction that was not asked, or its id as a text", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"member_id\":1,\"price\":1.5}"), "member_id is missing or not listed", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"price\":1.5}"), "member_id is missing or not listed", 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "\"1.5\"")), "price is missing or no number", 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "1.5e0")), "price is not a plain decimal above zero", 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "999.01")), "price is above 999", 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "0.74")), "price is under the reserve price", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"member_id\":4401,\"price\":1.5,\"custom_notify_data\":\"T\"}"), "not one of creative_id and creative_code", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"member_id\":4401,\"price\":1.5,\"creative_id\":7}"), "no custom_notify_data", 0},
    {0, false, 200, JSON, ANSWER("{\"auction_id_64\":" ID1 ",\"member_id\":4401,\"price\":1.5,\"creative_id\":7,\"custom_macros\":[{\"name\":\"A\",\"value\":1}]}"), "a macro whose name or value is no text", 0},
    {0, false, 200, JSON, ANSWER(BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1") "," BID(ID1, "1")), "more than 15 responses", 0},
};

/* clang-format on */

typedef const char *judge_fn(const struct mb__sim_request *, const struct mb_http_reply *,
                             struct mb__sim_bids *);

static void check_rows(judge_fn *judge, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct mb__sim_request request = {
            .kind = row->kind,
            .wants_xml = row->xml,
            .id = "R",
            .tags = {{.auction_id = ID1, .id = 1, .reserve = {750000}},
                     {.auction_id = ID2, .id = 2}},
            .n_tags = 2,
            .members = {4401},
            .n_members = 1,
        };
        struct mb_http_reply reply = {.status = row->status,
                                      .content_type = mb_slice_of(row->type),
                                      .body = mb_slice_of(row->body)};
        struct mb__sim_bids bids = {0};
        const char *why = judge(&request, &reply, &bids);
        if (why != row->why && (!why || !row->why || strcmp(why, row->why) != 0)) {
            fail_msg("row %zu, %s\n  judged '%s', expected '%s'", i, row->body,
                     why ? why : "(taken)", row->why ? row->why : "(taken)");
        }
        if (!why) {
            assert_int_equal(bids.count, row->micros > 0);
            assert_int_equal(bids.count > 0 ? bids.items[0].price.micros : 0, row->micros);
        }
        mb__sim_bids_fini(&bids);
    }
}

static void exoclick_answers_are_judged(void **state)
{
    (void)state;
    check_rows(mb__sim_exoclick_answer, exoclick, sizeof(exoclick) / sizeof(exoclick[0]));
}

static void xandr_answers_are_judged(void **state)
{
    (void)state;
    check_rows(mb__sim_xandr_answer, xandr, sizeof(xandr) / sizeof(xandr[0]));
}

static void the_notice_goes_to_path_and_query_of_burl(void **state)
{
    struct mb__sim_request request = {.kind = MB__SIM_POPUNDER, .id = "R"};
    struct mb_http_reply reply = {
        .status = 200,
        .content_type = MB_SLICE(JSON),
        .body =
            MB_SLICE("{\"bid\":{\"id\":\"R\",\"url\":\"https://c.example/\"," B ",\"value\":1}}")};
    struct mb__sim_bids bids = {0};

    (void)state;
    assert_null(mb__sim_exoclick_answer(&request, &reply, &bids));
    assert_true(mb_slice_is(mb_buf_slice(&bids.items[0].notice), "/n/T?p=1"));
    mb__sim_bids_fini(&bids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exoclick_answers_are_judged),
        cmocka_unit_test(xandr_answers_are_judged),
        cmocka_unit_test(the_notice_goes_to_path_and_query_of_burl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
