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

#define N "\"nurl\":\"http://b.example/n/W?p=${AUCTION_PRICE}&c=${AUCTION_CURRENCY}\",\"burl\":\"http://b.example/n/B?p=${AUCTION_PRICE}\""
#define HTML "\"adm\":\"<a href=\\\"https://c.example/?a=1&amp;b=2\\\"><img src=\\\"https://c.example/i\\\"></a>\""
#define ORTB(bids) "{\"id\":\"R\",\"seatbid\":[{\"bid\":[" bids "]}],\"cur\":\"USD\"}"
#define OBID(imp, price, rest) "{\"id\":\"b\",\"impid\":\"" imp "\",\"price\":" price "," rest "}"
#define BANNERS(rest) OBID("1", "1.5", N "," HTML rest)
#define VIDEO(adm) ORTB(OBID("2", "1.5", N ",\"mtype\":2,\"adm\":\"" adm "\""))
#define NATIVE(adm) ORTB(OBID("3", "1.5", N ",\"adm\":\"" adm "\""))
#define TITLE "{\\\"id\\\":11,\\\"title\\\":{\\\"text\\\":\\\"T\\\"}}"
#define IMAGE "{\\\"id\\\":12,\\\"img\\\":{\\\"url\\\":\\\"https://c.example/i\\\"}}"
#define LINK "{\\\"link\\\":{\\\"url\\\":\\\"https://c.example/\\\"},\\\"assets\\\":["

/* Impressions: 1 a banner with floor 0.75 and a deal from 2.00; 2 banner or video; 3 native; 4 a banner for deals only. */
static const struct row openrtb[] = {
    /* taken */
    {0, false, 204, NULL, "", NULL, 0},
    {0, false, 200, JSON, ORTB(BANNERS("")), NULL, 1500000},
    {0, false, 200, JSON, ORTB(OBID("1", "2", N ",\"dealid\":\"d\"," HTML)), NULL, 2000000},
    {0, false, 200, JSON, ORTB(OBID("4", "2", N ",\"dealid\":\"d\"," HTML)), NULL, 2000000},
    {0, false, 200, JSON, VIDEO("<?xml version='1.0'?> <VAST version=\\\"3.0\\\"><Ad id='a&amp;b'><![CDATA[<]]>&lt;<x/><!-- c --></Ad></VAST>"), NULL, 1500000},
    {0, false, 200, JSON, NATIVE(LINK TITLE "," IMAGE "]}"), NULL, 1500000},
    /* transport and root */
    {0, false, 204, NULL, "x", "204 with a body", 0},
    {0, false, 400, JSON, "{}", "a status that is neither 200 nor 204", 0},
    {0, false, 200, "text/html", "{}", "another type than application/json", 0},
    {0, false, 200, JSON, "{", "not JSON", 0},
    {0, false, 200, JSON, "{\"id\":\"r\"}", "another id than the request's", 0},
    {0, false, 200, JSON, "{\"id\":\"R\"}", "no seatbid: a no-bid is a 204", 0},
    {0, false, 200, JSON, "{\"id\":\"R\",\"seatbid\":[]}", "no seatbid: a no-bid is a 204", 0},
    {0, false, 200, JSON, "{\"id\":\"R\",\"seatbid\":[{\"bid\":[]}]}", "a seat without bids", 0},
    {0, false, 200, JSON, "{\"id\":\"R\",\"cur\":\"EUR\",\"seatbid\":[{}]}", "a currency that was not offered", 0},
    {0, false, 200, JSON, "{\"id\":\"R\",\"cur\":\"GBP\",\"seatbid\":[{}]}", "a currency that was not offered", 0},
    /* the bid */
    {0, false, 200, JSON, ORTB(BANNERS(",\"colour\":1")), "a field that a bid does not have", 0},
    {0, false, 200, JSON, ORTB(OBID("9", "1.5", N "," HTML)), "a bid without an id, or on no impression", 0},
    {0, false, 200, JSON, ORTB("{\"impid\":\"1\"}"), "a bid without an id, or on no impression", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "\"1.5\"", N "," HTML)), "price is not a plain decimal above zero", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "15e-1", N "," HTML)), "price is not a plain decimal above zero", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "0", N "," HTML)), "price is not a plain decimal above zero", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "0.74", N "," HTML)), "price is under the floor", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.99", N ",\"dealid\":\"d\"," HTML)), "price is under the deal's floor", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "2", N ",\"dealid\":\"e\"," HTML)), "a deal that was not offered", 0},
    {0, false, 200, JSON, ORTB(OBID("2", "2", N ",\"mtype\":1,\"dealid\":\"d\"," HTML)), "a deal that was not offered", 0},
    {0, false, 200, JSON, ORTB(OBID("4", "2", N "," HTML)), "no deal, where only deals are taken", 0},
    {0, false, 200, JSON, ORTB(BANNERS(",\"adomain\":[\"ok.example\",\"bad.example\"]")), "an advertiser that the publisher blocks", 0},
    {0, false, 200, JSON, ORTB(OBID("2", "1.5", N "," HTML)), "mtype is none, or missing where there is a choice", 0},
    {0, false, 200, JSON, ORTB(BANNERS(",\"mtype\":9")), "mtype is none, or missing where there is a choice", 0},
    {0, false, 200, JSON, ORTB(BANNERS(",\"mtype\":2")), "a media type that the impression does not offer", 0},
    /* notices */
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", HTML)), "a notice URL that is none", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", "\"nurl\":\"/n/W?p=${AUCTION_PRICE}\"," HTML)), "a notice URL that is none", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", "\"nurl\":\"http://b.example/\"," HTML)), "a notice URL without the macro that it is about", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", "\"nurl\":\"http://b.example/?p=${AUCTION_PRICE}&x=${PRICE}\"," HTML)), "a macro that the exchange does not fill in", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", "\"nurl\":\"http://b.example/?p=${AUCTION_PRICE}&l=${AUCTION_LOSS}\"," HTML)), "a macro that the exchange does not fill in", 0},
    {0, false, 200, JSON, ORTB(BANNERS(",\"lurl\":\"http://b.example/n/L\"")), "a notice URL without the macro that it is about", 0},
    /* markup */
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N)), "no adm", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N ",\"adm\":\"<a href=\\\"https://c.example/{{x}}\\\"></a>\"")), "markup: a token of ours is left", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N ",\"adm\":\"<p>\\u0001</p>\"")), "markup: not UTF-8, or a character that no document can hold", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N ",\"adm\":\"<p>text</p>\"")), "HTML: nothing to fetch or open", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N ",\"adm\":\"<a href=\\\"javascript:x\\\">x</a>\"")), "HTML: a link that is no URL", 0},
    {0, false, 200, JSON, ORTB(OBID("1", "1.5", N ",\"adm\":\"<img src=\\\"https://c.example/\\\"> x\"")), "HTML: not from a tag to a tag", 0},
    {0, false, 200, JSON, VIDEO("<VMAP/>"), "XML: another root", 0},
    {0, false, 200, JSON, VIDEO("<VAST><Ad></VAST></Ad>"), "XML: an element is not closed", 0},
    {0, false, 200, JSON, VIDEO("<VAST><Ad>"), "XML: an element without an end", 0},
    {0, false, 200, JSON, VIDEO("<VAST><Ad id=1/></VAST>"), "XML: a broken tag", 0},
    {0, false, 200, JSON, VIDEO("<VAST><Ad id='a&b'/></VAST>"), "XML: a broken tag", 0},
    {0, false, 200, JSON, VIDEO("<VAST><Ad id='a<b'/></VAST>"), "XML: a broken tag", 0},
    {0, false, 200, JSON, VIDEO("<VAST>a & b</VAST>"), "XML: an unknown entity or a bare '&'", 0},
    {0, false, 200, JSON, VIDEO("<VAST><!-- </VAST>"), "XML: a comment without an end", 0},
    {0, false, 200, JSON, VIDEO("<VAST/><VAST/>"), "XML: text behind the end", 0},
    {0, false, 200, JSON, NATIVE("{\\\"assets\\\":[]}"), "native: link.url is no URL", 0},
    {0, false, 200, JSON, NATIVE("x"), "native: not JSON", 0},
    {0, false, 200, JSON, NATIVE("{\\\"native\\\":" LINK TITLE "," IMAGE "]}}"), "native: a root where none is due, or the other way round", 0},
    {0, false, 200, JSON, NATIVE(LINK TITLE "]}"), "native: a required asset is missing", 0},
    {0, false, 200, JSON, NATIVE(LINK TITLE "," TITLE "," IMAGE "]}"), "native: an asset twice", 0},
    {0, false, 200, JSON, NATIVE(LINK TITLE "," IMAGE ",{\\\"id\\\":1}]}"), "native: an asset that was not asked for", 0},
    {0, false, 200, JSON, NATIVE(LINK TITLE ",{\\\"id\\\":12}]}"), "native: an asset without its value", 0},
    {0, false, 200, JSON, NATIVE(LINK TITLE ",{\\\"id\\\":12,\\\"img\\\":{\\\"url\\\":\\\"x\\\"}}]}"), "native: an image that is no URL", 0},
};

#define AD(inner) ORTB(OBID("1", "1.5", N ",\"adm\":\"<ad>" inner "</ad>\""))
#define URL(name) "<" name "><![CDATA[https://c.example/?a=1&b=2]]></" name ">"
#define POP(rest) ORTB(OBID("2", "1.5", N ",\"adm\":\"<ad><popunderAd>" URL("url") "</popunderAd></ad>\"" rest))

/* Impressions: 1 a banner with floor 0.75, 2 a popunder, 3 an e-mail click. */
static const struct row openrtb_exoclick[] = {
    {0, false, 200, JSON, AD("<imageAd>" URL("clickUrl") URL("imgUrl") "</imageAd>"), NULL, 1500000},
    {0, false, 200, JSON, AD("<iframeAd>" URL("url") "</iframeAd>"), NULL, 1500000},
    {0, false, 200, JSON, POP(",\"ext\":{\"btype\":1}"), NULL, 1500000},
    {0, false, 200, JSON, AD("<imageAd>" URL("clickUrl") "</imageAd>"), "<ad>: other elements than this ad has", 0},
    {0, false, 200, JSON, AD("<imageAd>" URL("clickUrl") URL("url") "</imageAd>"), "<ad>: other elements than this ad has", 0},
    {0, false, 200, JSON, AD("<popunderAd>" URL("url") "</popunderAd>"), "XML: another root", 0},
    {0, false, 200, JSON, AD("<iframeAd><url>x</url></iframeAd>"), "<ad>: not a URL", 0},
    {0, false, 200, JSON, AD("<iframeAd><url>https://c.example/\xc3\xa9</url></iframeAd>"), "<ad>: not ExoClick's document, or not ASCII", 0},
    {0, false, 200, JSON, ORTB(BANNERS("")), "<ad>: not ExoClick's document, or not ASCII", 0},
    {0, false, 200, JSON, POP(",\"ext\":{\"btype\":2}"), "a pricing model that this format does not have", 0},
    {0, false, 200, JSON, POP(",\"ext\":{\"btype\":3}"), "btype is neither 1 nor 2", 0},
    {0, false, 200, JSON, ORTB(BANNERS("") "," BANNERS("")), "more than one bid", 0},
};

#define XBID(rest) "{\"id\":\"R\",\"seatbid\":[{\"seat\":\"4401\",\"bid\":[" OBID("1", "1.5", N rest) "]}]}"

static const struct row openrtb_xandr[] = {
    {0, false, 200, JSON, XBID(",\"crid\":\"c\",\"lurl\":\"http://b.example/?l=${AUCTION_LOSS}&m=${AUCTION_MIN_TO_WIN}\""), NULL, 1500000},
    {0, false, 200, JSON, XBID(",\"adid\":\"7\",\"ext\":{\"appnexus\":{\"custom_macros\":[{\"name\":\"A\",\"value\":\"1\"}]}}"), NULL, 1500000},
    {0, false, 200, JSON, ORTB(BANNERS("")), "seat is missing or not listed", 0},
    {0, false, 200, JSON, XBID(",\"crid\":\"c\"," HTML), "adm, which Xandr refuses", 0},
    {0, false, 200, JSON, XBID(""), "neither adid nor crid", 0},
    {0, false, 200, JSON, XBID(",\"adid\":\"7\",\"ext\":{\"appnexus\":{\"custom_macros\":[{\"name\":\"A\",\"value\":1}]}}"), "a macro whose value is no text", 0},
    {0, false, 200, JSON, XBID(",\"crid\":\"c\",\"lurl\":\"http://b.example/?l=${AUCTION_LOSS}&p=${AUCTION_PRICE}\""), "a price in lurl, where Xandr tells none", 0},
};

/* clang-format on */

typedef const char *judge_fn(const struct mb__sim_request *, const struct mb_http_reply *,
                             struct mb__sim_bids *);

/* What the rows answer to. */
static const struct mb__sim_request platform = {
    .id = "R",
    .tags = {{.auction_id = ID1, .id = 1, .reserve = {750000}}, {.auction_id = ID2, .id = 2}},
    .n_tags = 2,
    .members = {4401},
    .n_members = 1,
};

static const struct mb__sim_request generic_request = {
    .protocol = MB__SIM_OPENRTB,
    .id = "R",
    .imps = {{.id = "1",
              .media = 1u << MB__SIM_MEDIA_BANNER,
              .floor = {750000},
              .deal = "d",
              .deal_floor = {2000000}},
             {.id = "2", .media = 1u << MB__SIM_MEDIA_BANNER | 1u << MB__SIM_MEDIA_VIDEO},
             {.id = "3", .media = 1u << MB__SIM_MEDIA_NATIVE},
             {.id = "4",
              .media = 1u << MB__SIM_MEDIA_BANNER,
              .deals_only = true,
              .deal = "d",
              .deal_floor = {2000000}}},
    .n_imps = 4,
    .version = "2.5",
    .takes_usd = true,
    .blocked = "bad.example",
    .eur_rate = {1080000},
};

static const struct mb__sim_request exoclick_request = {
    .protocol = MB__SIM_OPENRTB_EXOCLICK,
    .id = "R",
    .imps = {{.id = "1", .media = 1u << MB__SIM_MEDIA_BANNER, .floor = {750000}},
             {.id = "2", .media = 1u << MB__SIM_MEDIA_POPUNDER}},
    .n_imps = 2,
    .version = "2.5",
    .takes_usd = true,
    .blocked = "bad.example",
};

static const struct mb__sim_request xandr_request = {
    .protocol = MB__SIM_OPENRTB_XANDR,
    .id = "R",
    .imps = {{.id = "1", .media = 1u << MB__SIM_MEDIA_BANNER}},
    .n_imps = 1,
    .members = {4401},
    .n_members = 1,
    .version = "2.5",
    .takes_usd = true,
    .blocked = "bad.example",
};

static void check_rows(judge_fn *judge, const struct mb__sim_request *asked, const struct row *rows,
                       size_t count)
{
    struct mb_http_header version = {.name = MB_SLICE("X-OpenRTB-Version"),
                                     .value = MB_SLICE("2.5")};

    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct mb__sim_request request = *asked;
        struct mb_http_reply reply = {.status = row->status,
                                      .content_type = mb_slice_of(row->type),
                                      .body = mb_slice_of(row->body),
                                      .headers = &version,
                                      .n_headers = 1};
        struct mb__sim_bids bids = {0};
        const char *why;
        request.kind = row->kind;
        request.wants_xml = row->xml;
        why = judge(&request, &reply, &bids);
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

#define CHECK(judge, asked, rows)                                                                  \
    check_rows((judge), &(asked), (rows), sizeof(rows) / sizeof((rows)[0]))

static void exoclick_answers_are_judged(void **state)
{
    (void)state;
    CHECK(mb__sim_exoclick_answer, platform, exoclick);
}

static void xandr_answers_are_judged(void **state)
{
    (void)state;
    CHECK(mb__sim_xandr_answer, platform, xandr);
}

static void openrtb_answers_are_judged(void **state)
{
    (void)state;
    CHECK(mb__sim_openrtb_answer, generic_request, openrtb);
    CHECK(mb__sim_openrtb_answer, exoclick_request, openrtb_exoclick);
    CHECK(mb__sim_openrtb_answer, xandr_request, openrtb_xandr);
}

/* 0.75 EUR are 0.81 USD. */
static void floors_are_compared_across_currencies(void **state)
{
    static const struct row in_usd[] = {
        {0, false, 200, JSON, ORTB(OBID("1", "0.81", N "," HTML)), NULL, 810000},
        {0, false, 200, JSON, ORTB(OBID("1", "0.80", N "," HTML)), "price is under the floor", 0},
    };
    struct mb__sim_request request = generic_request;

    (void)state;
    request.imps[0].floor_in_eur = true;
    CHECK(mb__sim_openrtb_answer, request, in_usd);
}

static void the_version_comes_back(void **state)
{
    static const struct row rows[] = {
        {0, false, 200, JSON, "{}", "another x-openrtb-version than the request's", 0},
    };
    struct mb__sim_request request = generic_request;

    (void)state;
    request.version = "2.6";
    CHECK(mb__sim_openrtb_answer, request, rows);
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
        cmocka_unit_test(openrtb_answers_are_judged),
        cmocka_unit_test(floors_are_compared_across_currencies),
        cmocka_unit_test(the_version_comes_back),
        cmocka_unit_test(the_notice_goes_to_path_and_query_of_burl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
