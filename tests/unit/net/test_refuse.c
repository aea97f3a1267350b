/* What a hostile or broken client sees: the right status, the place of the fault, and whether the
 * connection lives. */
#include "rig.h"

struct row {
    const char *name;
    const char *request;
    const char *answer; /* start of what the server says */
    long at;            /* of the error body, or -1: not looked at */
    bool lives;         /* the next request on the connection is answered too */
};

#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct row rows[] = {
    {"not HTTP", "\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400 ", 0, false},
    {"unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"two blanks before target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 5, false},
    {"two blanks before version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"NUL in target", "GET /?\0 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 6, false},
    {"byte above 127 in target", "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 5,
     false},
    {"no version", "GET /\r\n\r\n", "HTTP/1.1 505 ", -1, false},
    {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ", -1, false},
    {"HTTP/2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ", -1, false},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 ", -1, false},
    {"another protocol", "SOURCE /a ICE/1.0\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 10, false},
    {"no Host", "GET /hello HTTP/1.1\r\nA: b\r\n\r\n", "HTTP/1.1 400 ", 29, true},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 36, true},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "HTTP/1.1 400 ", 16, true},
    {"empty Host", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", "HTTP/1.1 400 ", 21, true},
    {"blank Host", "GET /hello HTTP/1.1\r\nHost: \t \r\n\r\n", "HTTP/1.1 400 ", 21, true},
    {"Hosts joined by a comma", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "HTTP/1.1 400 ", 16, true},
    {"Hosts joined without a blank", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "HTTP/1.1 400 ", 16, true},
    {"Host with a user", "GET / HTTP/1.1\r\nHost: u:p@a\r\n\r\n", "HTTP/1.1 400 ", 16, true},
    {"two Hosts, cased apart", "GET / HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n", "HTTP/1.1 400 ", 36,
     true},
    {"empty Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost:\r\nConnection: keep-alive\r\n\r\n",
     "HTTP/1.1 400 ", 16, true},
    {"no Host in absolute form", "GET http://a/ HTTP/1.1\r\nA: b\r\n\r\n", "HTTP/1.1 400 ", -1, true},
    {"user in the target", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 4, true},
    {"no host in the target", "GET http:///hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 4, true},
    {"asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 4, true},
    {"asterisk and more", "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", 8, true},
    {"authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"path without a slash", "GET hello HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 ", -1, false},
    {"bare LF behind a header", "GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", "HTTP/1.1 400 ", 23,
     false},
    {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare CR behind an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\rT: c\r\n\r\n",
     "HTTP/1.1 400 ", -1, false},
    {"CR for the blank line", "GET / HTTP/1.1\r\nHost: a\r\n\rGET", "HTTP/1.1 400 ", -1, false},
    {"blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 ", 20, false},
    {"tab before colon", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "HTTP/1.1 400 ", 20, false},
    {"folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"blank first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"folded blank line", "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n \r\n\r\n", "HTTP/1.1 400 ", -1,
     false},
    {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", "HTTP/1.1 400 ", 29, false},
    {"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n", "HTTP/1.1 400 ", 26, false},
    {"control character", "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", "HTTP/1.1 400 ", 28,
     false},
    {"empty name", "GET / HTTP/1.1\r\n: a\r\n\r\n", "HTTP/1.1 400 ", 16, false},
    {"empty name, not first", "GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", "HTTP/1.1 400 ", 25,
     false},
    {"tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 501 ", 0, false},
    {"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400 ", 20, false},
    {"length and chunks", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400 ", -1, false},
    {"chunks and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400 ", -1, false},
    {"two lengths", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400 ", -1,
     false},
    {"length list", POST "Content-Length: 3, 3\r\n\r\nabc", "HTTP/1.1 400 ", -1, false},
    {"negative length", POST "Content-Length: -1\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"signed length", POST "Content-Length: +1\r\n\r\nx", "HTTP/1.1 400 ", -1, false},
    {"hex length", POST "Content-Length: 0x1\r\n\r\nx", "HTTP/1.1 400 ", -1, false},
    {"length with a blank in it", POST "Content-Length: 1 1\r\n\r\nx", "HTTP/1.1 400 ", -1, false},
    {"two lengths that differ", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "HTTP/1.1 400 ",
     -1, false},
    {"fractional length", POST "Content-Length: 1.0\r\n\r\nx", "HTTP/1.1 400 ", -1, false},
    {"no length in it", POST "Content-Length: \r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"length beyond 64 bits", POST "Content-Length: 18446744073709551617\r\n\r\nx", "HTTP/1.1 400 ",
     -1, false},
    {"length beyond the limit", POST "Content-Length: 262145\r\n\r\n", "HTTP/1.1 413 ", 56, false},
    {"unknown coding", POST "Transfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 ", 30, false},
    {"unknown coding before chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 501 ", 30, false},
    {"a name like chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 ", 30, false},
    {"chunked with a parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 ", 30,
     false},
    {"quoted chunked", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 ", 30, false},
    {"vertical tab before chunked", POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ",
     -1, false},
    {"identity", POST "Transfer-Encoding: identity\r\n\r\n", "HTTP/1.1 501 ", 30, false},
    {"chunked is not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n", "HTTP/1.1 400 ", -1,
     false},
    {"chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ",
     -1, false},
    {"chunked in two headers",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400 ", -1, false},
    {"empty coding", POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 400 ", -1, false},
    {"chunk size is no number", CHUNKED "xyz\r\n", "HTTP/1.1 400 ", 60, false},
    {"chunk size in C's way", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", 61, false},
    {"signed chunk size", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", 60, false},
    {"negative chunk size", CHUNKED "-3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", 60, false},
    {"chunk larger than a body", CHUNKED "40001\r\n", "HTTP/1.1 413 ", -1, false},
    {"chunk size beyond 64 bits", CHUNKED "11112222333344445\r\n", "HTTP/1.1 400 ", -1, false},
    {"chunk longer than its size", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare LF behind a chunk size", CHUNKED "3\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare LF behind a chunk", CHUNKED "3\r\nabc\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare CR in an extension", CHUNKED "3;a\rb\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare LF in an extension", CHUNKED "3;a=\"x\ny\"\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1,
     false},
    {"bare LF in a trailer", CHUNKED "0\r\nA: b\nC: d\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"bare CR in an empty trailer", CHUNKED "0\r\nA:\rC: d\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"quote left open", CHUNKED "3;a=\"x\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", 66, false},
    {"no extension behind the semicolon", CHUNKED "3;\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", 62,
     false},
    {"trailer without a name", CHUNKED "0\r\n: b\r\n\r\n", "HTTP/1.1 400 ", 63, false},
    {"folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 400 ", 69, false},
    {"no chunk size", CHUNKED "\r\n\r\n", "HTTP/1.1 400 ", 60, false},
    {"blank behind a chunk size", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", "HTTP/1.1 400 ", -1, false},
    {"unknown compression",
     POST "Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     "HTTP/1.1 415 ", 30, true},
    {"compressed twice", POST "Content-Encoding: gzip, deflate\r\nContent-Length: 3\r\n\r\nabc",
     "HTTP/1.1 415 ", 30, true},
    {"compressed twice, in two headers",
     POST "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
     "HTTP/1.1 415 ", 54, true},
    {"unknown compression, waits for 100",
     POST "Content-Encoding: br\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
     "HTTP/1.1 415 ", 30, false},
    {"gzip that is none", POST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
     "HTTP/1.1 400 ", 77, true},
    {"other expectation", POST "Expect: tea\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 417 ", 30,
     false},
    {"too large, waits for 100", POST "Expect: 100-continue\r\nContent-Length: 999999\r\n\r\n",
     "HTTP/1.1 413 ", -1, false},
};

/* The length of a row's request; some hold a NUL. */
static size_t length_of(const struct row *row)
{
    if (strncmp(row->name, "NUL", 3) != 0)
        return strlen(row->request);
    size_t head = strlen(row->request);
    return head + 1 + strlen(row->request + head + 1);
}

static void check_answer(const struct row *row, const struct rig_heard *heard, const char *how)
{
    if (strncmp(heard->data, row->answer, strlen(row->answer)) != 0)
        fail_msg("%s, %s: wanted %s, got: %s", row->name, how, row->answer, heard->data);
    assert_contains(heard->data, "Content-Type: application/json\r\n");
    assert_contains(heard->data, "\r\n\r\n{\"error\":\"");
    const char *at = strstr(heard->data, "\"at\":");
    if (at == NULL || (row->at >= 0 && atol(at + 5) != row->at))
        fail_msg("%s, %s: wanted at %ld: %s", row->name, how, row->at, heard->data);
    if ((strstr(heard->data, "\r\n\r\nbye") != NULL) != row->lives)
        fail_msg("%s, %s: the connection should %s: %s", row->name, how,
                 row->lives ? "live" : "end", heard->data);
    if (!row->lives && strstr(heard->data, "Connection: close\r\n") == NULL)
        fail_msg("%s, %s: the end is not announced: %s", row->name, how, heard->data);
    if (!heard->eof)
        fail_msg("%s, %s: the connection was reset", row->name, how);
}

/* All rows, with `step` bytes a read. */
static void check_rows(size_t step, const char *how)
{
    static const char next[] = "GET /bye HTTP/1.1\r\nHost: a\r\n\r\n";
    struct rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_heard heard = {0};
        char bytes[1024];
        size_t len = length_of(&rows[i]);
        memcpy(bytes, rows[i].request, len);
        memcpy(bytes + len, next, sizeof(next));
        len += sizeof(next) - 1;
        int fd = rig_connect(&rig);
        for (size_t at = 0; at < len; at += step) {
            rig_send_bytes(&rig, fd, bytes + at, len - at < step ? len - at : step);
            if (step < len) /* over loopback they are there at once */
                uv_run(&rig.loop, UV_RUN_NOWAIT);
        }
        shutdown(fd, SHUT_WR);
        rig_hear_end(&rig, fd, &heard);
        check_answer(&rows[i], &heard, how);
        rig_heard_free(&heard);
        close(fd);
    }
    rig_stop(&rig);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    check_rows(1024, "whole");
}

/* The verdict and the place of the fault may not depend on how the bytes were cut. */
static void bad_requests_are_refused_byte_by_byte(void **state)
{
    (void)state;
    check_rows(1, "byte by byte");
}

static void good_request_before_a_bad_one_is_answered_first(void **state)
{
    (void)state;
    struct rig rig;
    rig_start(&rig, NULL);
    const char *text = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n";
    struct rig_heard heard = rig_talk(&rig, text, strlen(text));
    assert_contains(heard.data, "hello");
    assert_true(strstr(heard.data, "hello") < strstr(heard.data, "HTTP/1.1 400 "));
    assert_contains(heard.data, "\"at\":20}"); /* of its own request */
    assert_int_equal(mb_http_server_counters(rig.server)->bad_requests, 1);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

/* A client busy sending a body that nobody wants must still see why. */
static void refusal_survives_a_client_that_goes_on_sending(void **state)
{
    (void)state;
    enum { BODY = 1 << 20 };
    struct rig rig;
    struct rig_heard heard = {0};
    rig_start(&rig, NULL);
    int fd = rig_connect(&rig);
    char *body = calloc(1, BODY);
    rig_send(&rig, fd, POST "Content-Length: 1048576\r\n\r\n");
    rig_send_bytes(&rig, fd, body, BODY);
    rig_hear(&rig, fd, &heard, "body too large", 1);
    assert_contains(heard.data, "HTTP/1.1 413 ");
    close(fd);
    free(body);
    rig_heard_free(&heard);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(bad_requests_are_refused_byte_by_byte),
        cmocka_unit_test(good_request_before_a_bad_one_is_answered_first),
        cmocka_unit_test(refusal_survives_a_client_that_goes_on_sending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
